"""Splits and pipelines of a model's kernels: the PIMFlow pair, whose memory both devices share."""

from pathlib import Path

import onnx
import pytest
from msgspec.structs import replace
from onnx import TensorProto, helper
from onnx_roofline.passes.placement import PlacementPass

from onnx_roofline.analysis.analyze import Analysis, analyze
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.ir.placed_records import Placement, PlacementSummary
from onnx_roofline.placement.kernel_graph import kernel_graph
from onnx_roofline.placement.splitting import Splitter
from onnx_roofline.report.contract import Flip, Vectors
from onnx_roofline.report.document import build_document
from onnx_roofline.timing.device_time import device_time
from onnx_roofline.timing.division import with_vectors

SAMPLES = Path(__file__).resolve().parents[2] / "sample_models"
PIMFLOW = Settings(system="pimflow", assume_dtype="float16")


def optimum_of(summary: PlacementSummary) -> float:
    (found,) = [item.total_s for item in summary.alternatives if item.name == "optimum"]
    assert found is not None
    return found


@pytest.fixture(scope="module")
def resnet() -> Analysis:
    return analyze(SAMPLES / "resnet50.onnx", PIMFLOW)


def test_a_convolution_is_split_by_tenths_of_its_height_as_pimflow_does(resnet: Analysis) -> None:
    """Each share by itself: weights whole on both sides, positions rounded up, nothing crosses a shared memory."""
    graph = kernel_graph(resnet.model, resnet.system, "full")
    splitter = Splitter(graph, resnet.system, "full")
    gpu, pim = resnet.system.devices
    split_at_all = 0
    for node, item in enumerate(graph.kernels):
        split, why = splitter.split(node)
        if split is None:
            assert why
            continue
        positions = item.work.product.vectors
        tenths = {
            tenth: max(
                device_time(gpu, with_vectors(item.work, -(-positions * tenth // 10)), "full").total_s,
                device_time(pim, with_vectors(item.work, -(-positions * (10 - tenth) // 10)), "full").total_s,
            )
            for tenth in range(1, 10)
        }
        alone_s = min(item.devices[gpu.slug].time_s, item.devices[pim.slug].time_s)
        assert split.alone_s == alone_s
        assert split.time_s == pytest.approx(min(alone_s, *tenths.values()))
        if split.time_s < alone_s:
            assert split.axis == "vectors"
            assert tenths[round(10 * split.gpu_share)] == pytest.approx(split.time_s)
            split_at_all += 1
    assert split_at_all >= 5


def test_the_summary_counts_what_splits_save(resnet: Analysis) -> None:
    summary = resnet.model.whole(PlacementSummary)
    placements = resnet.model.column(Placement)
    changed = {key: placement.with_splits for key, placement in placements.items() if placement.with_splits}
    assert {how.kind for how in changed.values()} <= {"split", "pipeline", "alone"}
    assert summary.kernels_split == sum(how.kind == "split" for how in changed.values()) > 0
    # Nothing crosses this pair's one memory, so the gains of the steps add up.
    steps = {how.kernels: how.time_s for how in changed.values()}
    before = sum(placements[key].time_s for keys in steps for key in keys)
    saved = optimum_of(summary) - summary.with_splits_s
    assert saved == pytest.approx(before - sum(steps.values()))
    assert saved > 0


@pytest.mark.parametrize("name", ["bert_base", "llama_decode", "unet_572", "t5_small", "gcn_cora", "lstm"])
@pytest.mark.parametrize("system", ["a100-attacc", "pimflow", "cpu-upmem"])
def test_splits_never_cost_more_than_the_optimum(name: str, system: str) -> None:
    analysis = analyze(SAMPLES / f"{name}.onnx", Settings(system=system, assume_dtype="float16"))
    summary = analysis.model.whole(PlacementSummary)
    assert summary.with_splits_s <= optimum_of(summary)
    assert (summary.with_splits_s == optimum_of(summary)) == (
        not any(placement.with_splits for placement in analysis.model.column(Placement).values())
    )


def test_devices_that_exclude_each_other_and_other_objectives_split_nothing() -> None:
    teaching = analyze(SAMPLES / "linear.onnx").model.whole(PlacementSummary)
    assert teaching.with_splits_s is None
    assert "exclude" in teaching.with_splits_note
    energy = replace(PIMFLOW, system="a100-attacc", objective="energy")
    assert analyze(SAMPLES / "linear.onnx", energy).model.whole(PlacementSummary).with_splits_s is None


def test_a_mobile_block_runs_as_a_pipeline(tmp_path: Path) -> None:
    """A dense 1 x 1 convolution and a depthwise one, which the PIM can't run, on a GPU that is slow enough.

    Halves of n/2 positions each: the PIM's first, then the larger of its second and the GPU's first, then the GPU's.
    """
    half = TensorProto.FLOAT16
    weights = [
        helper.make_tensor("w1", half, (512, 256, 1, 1), bytes(2 * 512 * 256), raw=True),
        helper.make_tensor("w2", half, (512, 1, 3, 3), bytes(2 * 512 * 9), raw=True),
    ]
    nodes = [
        helper.make_node("Conv", ["x", "w1"], ["t"]),
        helper.make_node("Conv", ["t", "w2"], ["y"], group=512, pads=[1, 1, 1, 1]),
    ]
    ends = [
        helper.make_tensor_value_info(*each) for each in (("x", half, [1, 256, 64, 64]), ("y", half, [1, 512, 64, 64]))
    ]
    file = tmp_path / "block.onnx"
    onnx.save(
        helper.make_model(
            helper.make_graph(nodes, "block", ends[:1], ends[1:], weights), opset_imports=[helper.make_opsetid("", 18)]
        ),
        file,
    )
    analysis = analyze(file, PIMFLOW)
    slow = replace(
        analysis.system,
        gpu=replace(
            analysis.system.gpu, external_bytes_per_s=analysis.system.gpu.external_bytes_per_s / 32, launch_s=1e-7
        ),
        pim=replace(analysis.system.pim, launch_s=1e-7, pim=replace(analysis.system.pim.pim, split_axes=("heads",))),
    )
    result = PlacementPass(slow).run(analysis.model)
    rows, summary = result.rows, result.wholes[0]
    graph = kernel_graph(analysis.model, slow, "full")
    first, second = (item.work for item in graph.kernels)
    pim_s = device_time(slow.pim, with_vectors(first, 2048), "full").total_s
    gpu_s = device_time(slow.gpu, with_vectors(second, 2048), "full").total_s
    how = rows["1:Conv"].with_splits
    assert how == rows["0:Conv"].with_splits
    assert (how.kind, how.kernels, how.devices) == ("pipeline", ("0:Conv", "1:Conv"), (slow.pim.slug, slow.gpu.slug))
    assert how.time_s == pytest.approx(pim_s + max(pim_s, gpu_s) + gpu_s)
    assert summary.kernels_pipelined == 2
    assert summary.with_splits_s < optimum_of(summary)


def test_the_json_of_a_node_has_its_flips_and_its_split() -> None:
    """A weight of 65,536 B and 1,024 B of input and result for each of 64 vectors, in float32.

    (65,536 + 1,024 n) / 800e9 against 65,536 n / 6000e9: n = 8.50; at 64 the PIM would have to be 4.27 times as fast.
    """
    (node,) = build_document(analyze(SAMPLES / "linear.onnx")).graph.nodes
    placement = node.placement
    assert placement.vectors == Vectors(now=64, scaled="batch x tokens", searched_to=1_048_576)
    vectors, speed = placement.flips
    assert vectors == Flip("vectors", "kernel", 9, below="teaching-pim", above="teaching-gpu")
    threshold = pytest.approx(64 * 65_536 / 6000e9 / (131_072 / 800e9))
    assert speed == Flip("speed of the PIM", "kernel", threshold, below="teaching-gpu", above="teaching-pim")
    assert placement.split is None
    assert placement.with_splits is None


def test_explain_says_how_many_vectors_and_how_it_is_split(capsys: pytest.CaptureFixture[str]) -> None:
    from onnx_roofline.cli.main import main

    assert main(["explain", str(SAMPLES / "linear.onnx"), "0"]) == 0
    said = "over batch x tokens (64 now), by itself: faster on teaching-pim up to 8, on teaching-gpu from 9"
    assert said in capsys.readouterr().out
    assert (
        main(["explain", str(SAMPLES / "resnet50.onnx"), "12", "--system", "pimflow", "--assume-dtype", "float16"]) == 0
    )
    out = capsys.readouterr().out
    assert "over images x positions (" in out
