"""Whole models on real profiles: a published engine, the options of the time, and what the report makes of them."""

import json
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from onnx_roofline.analysis.analyze import Analysis, analyze
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.cli.main import main
from onnx_roofline.hardware import load_device
from onnx_roofline.ir.kernel_work import KernelWork, Product
from onnx_roofline.ir.masking import Masking
from onnx_roofline.ir.placed_records import Placement, PlacementSummary
from onnx_roofline.ir.records import Kernel
from onnx_roofline.report.document import build_document
from onnx_roofline.timing.device_time import device_time
from onnx_roofline.timing.roofline import roof_of

SAMPLES = Path(__file__).resolve().parents[2] / "sample_models"


def resnet_18(path: Path, dtype: int, batch: int = 32) -> Path:
    """He et al. (2015), batch norms folded, weights of no bytes."""
    nodes, weights = [], []

    def tensor(name: str, shape: list[int]) -> str:
        found = TensorProto(name=name, data_type=dtype, dims=shape, data_location=TensorProto.EXTERNAL)
        found.external_data.add(key="location", value="weights.bin")
        weights.append(found)
        return name

    def op(op_type: str, *inputs: str, **attributes: object) -> str:
        nodes.append(helper.make_node(op_type, inputs, [f"t{len(nodes)}"], **attributes))
        return nodes[-1].output[0]

    def conv(x: str, channels: int, out: int, kernel: int, stride: int) -> str:
        at = f"w{len(nodes)}"
        parts = tensor(at, [out, channels, kernel, kernel]), tensor(f"{at}b", [out])
        return op("Conv", x, *parts, kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[kernel // 2] * 4)

    x = op("Relu", conv("images", 3, 64, 7, 2))
    x = op("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    channels = 64
    for out, first_stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
        for stride in (first_stride, 1):
            y = conv(op("Relu", conv(x, channels, out, 3, stride)), out, out, 3, 1)
            x = op("Relu", op("Add", y, x if channels == out else conv(x, channels, out, 1, stride)))
            channels = out
    x = op("Flatten", op("GlobalAveragePool", x))
    op("Gemm", x, tensor("fc", [1000, 512]), tensor("fcb", [1000]), transB=1)
    kind = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "resnet18",
        [kind("images", dtype, [batch, 3, 224, 224])],
        [kind(nodes[-1].output[0], dtype, [batch, 1000])],
        weights,
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def total_s(analysis: Analysis) -> float:
    return next(one for one in analysis.model.whole(PlacementSummary).alternatives if one.name == "optimum").total_s


@pytest.fixture(scope="module")
def resnets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("resnet")
    return {
        "float16": resnet_18(folder / "half.onnx", TensorProto.FLOAT16),
        "float32": resnet_18(folder / "single.onnx", TensorProto.FLOAT),
    }


@pytest.mark.parametrize(("dtype", "measured_s"), [("float16", 0.862e-3), ("float32", 1.991e-3)])
def test_a_tensorrt_engine_of_a_resnet_18(resnets: dict[str, Path], dtype: str, measured_s: float) -> None:
    """Batch 32 on an A100 PCIe 80 GB; in float32 TensorRT rounds products to TF32. Found: 1.11 and 0.86 of it."""
    analysis = analyze(resnets[dtype], Settings(system="a100-pcie-80gb"))
    assert total_s(analysis) == pytest.approx(measured_s, rel=0.15)


def test_float32_without_tf32_is_far_slower(resnets: dict[str, Path]) -> None:
    """19.5 TFLOP/s in place of 156."""
    times = {
        math: total_s(analyze(resnets["float32"], Settings(system="a100-pcie-80gb", math=math)))
        for math in ("tf32", "bf16x3", "fp32")
    }
    assert times["tf32"] < times["bf16x3"] < times["fp32"]
    assert times["fp32"] > 3 * times["tf32"]


def works(analysis: Analysis) -> dict[str, KernelWork]:
    kernels, found = analysis.model.column(Kernel), analysis.model.column(KernelWork)
    return {key: found[key] for key, kernel in kernels.items() if kernel.id == key}


def test_an_image_is_brought_to_the_layout_of_the_first_convolution(resnets: dict[str, Path]) -> None:
    first, *others = works(analyze(resnets["float16"], Settings(system="a100-pcie-80gb"))).values()
    # 3 channels of 2 bytes as they come, and rounded up to 8 channels, which are 16 bytes.
    assert first.layout_bytes == 32 * 224 * 224 * 2 * (3 + 8)
    assert first.products[0].taps == 49
    assert all(other.layout_bytes == 0 for other in others)
    eager = works(analyze(resnets["float16"], Settings(system="a100-pcie-80gb", backend="none")))
    assert all(one.layout_bytes == 0 for one in eager.values())


@pytest.mark.parametrize(("backend", "math"), [("compiler", "tf32"), ("ort", "tf32"), ("none", "")])
def test_each_backend_has_its_math(backend: str, math: str, capsys: pytest.CaptureFixture[str]) -> None:
    analysis = analyze(SAMPLES / "linear.onnx", Settings(system="h100-sxm", backend=backend))
    assert {one.math for one in works(analysis).values() if one.products} == {math}
    assert main(["analyze", str(SAMPLES / "linear.onnx"), "--system", "h100-sxm", "--backend", backend]) == 0
    line = capsys.readouterr().out.splitlines()[0]
    assert line.endswith(f"float32 products as {math or 'fp32'} (--math)")


def classes(analysis: Analysis) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for one in works(analysis).values():
        found.setdefault(one.kernel_class, set()).add(one.op_types[0])
    return found


def test_kernels_have_the_class_of_what_they_do() -> None:
    bert = classes(analyze(SAMPLES / "bert_base.onnx", Settings(system="h100-sxm")))
    assert bert["norm"] == {"LayerNormalization"}
    assert bert["attention"] == bert["product"] - {"Gemm"} == {"MatMul"}
    apart = classes(analyze(SAMPLES / "bert_base.onnx", Settings(system="h100-sxm", backend="none")))
    assert apart["softmax"] == {"Softmax"}
    assert "Erf" in apart["elementwise"]
    assert "Transpose" in apart["other"]
    llama = classes(analyze(SAMPLES / "llama_prefill.onnx", Settings(system="h100-sxm")))
    assert "rms_norm" in llama
    assert "conv" in classes(analyze(SAMPLES / "resnet50.onnx", Settings(system="h100-sxm")))


def test_an_eager_host_dispatches_every_kernel() -> None:
    graph, eager = (
        analyze(SAMPLES / "bert_base.onnx", Settings(system="h100-sxm", dispatch=way)) for way in ("graph", "eager")
    )
    summary = eager.model.whole(PlacementSummary)
    gpu = load_device("h100-sxm").gpu
    assert summary.launches == len(works(eager))
    assert summary.dispatch_s == pytest.approx(summary.launches * gpu.dispatch_s)
    # 118 kernels of 8 us are longer than what the GPU does.
    assert total_s(graph) < total_s(eager) == pytest.approx(118 * 8e-6)
    assert summary.launch_s == pytest.approx(118 * gpu.launch_s)


def test_a_system_of_one_device_prints_nothing_of_placement(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyze", str(SAMPLES / "resnet50.onnx"), "--system", "h100-sxm"]) == 0
    out = capsys.readouterr().out
    assert "system: h100-sxm" in out
    assert "PIM" not in out
    assert "Placement" not in out
    assert main(["explain", str(SAMPLES / "resnet50.onnx"), "0:Conv", "--system", "h100-sxm"]) == 0
    out = capsys.readouterr().out
    assert "placement" not in out
    assert "on h100-sxm, bound by" in out


def test_a_kernel_in_the_json_has_its_engines_and_its_band() -> None:
    analysis = analyze(SAMPLES / "resnet50.onnx", Settings(system="a100-hbm-pim", assume_dtype="float16"))
    document = build_document(analysis)
    summary = analysis.model.whole(PlacementSummary)
    on_gpu = [(one, one.devices["a100-sxm-80gb"]) for one in document.kernels]
    for _, found in on_gpu:
        assert found.low_s < found.time_s < found.high_s
        assert found.launch_s == 2.8e-6
        assert found.bound in {*found.engines, "launch"}
        assert found.time_s >= found.launch_s + max(found.engines[name] for name in found.engines if name != "latency")
    assert sum(found.time_s * kernel.executions for kernel, found in on_gpu) == pytest.approx(
        next(one.total_s for one in summary.alternatives if one.name == "all GPU")
    )
    assert sum(summary.certainty.by_origin.values()) == pytest.approx(1)


def test_a_band_is_of_the_whole_time() -> None:
    """With transfers, and never shorter than the host of an eager run: 8 us a kernel on an H100."""
    system = "h100-sxm"
    dims = {"batch": 1, "past_sequence": 1023}
    for dispatch in ("graph", "eager"):
        settings = Settings(system=system, assume_dtype="float16", dims=dims, dispatch=dispatch)
        summary = analyze(SAMPLES / "llama_decode.onnx", settings).model.whole(PlacementSummary)
        band, total_s = summary.certainty, summary.alternatives[-1].total_s
        assert band.low_s <= total_s <= band.high_s
    assert band.low_s == band.high_s == total_s == pytest.approx(summary.launches * 8e-6)
    # A PIM that launches in a nanosecond takes kernels over the link.
    figures = {"hbm-pim.launch_us": 0.001}
    settings = Settings(system="a100-hbm-pim", assume_dtype="float16", dims=dims, figures=figures)
    summary = analyze(SAMPLES / "llama_decode.onnx", settings).model.whole(PlacementSummary)
    optimum = summary.alternatives[-1]
    assert optimum.transfer_s > 0
    low_s, high_s = (end_s - optimum.transfer_s for end_s in (summary.certainty.low_s, summary.certainty.high_s))
    assert 0 < low_s <= optimum.kernel_s <= high_s


def test_a_kernel_whose_data_stays_on_chip_is_launched_all_the_same() -> None:
    """A Concat of 16,400 bytes that lie in the L2, which it reads and writes."""
    gpu = load_device("h100-sxm")
    work = KernelWork(compulsory_bytes=32_800, operations=(), moved=(("h100-sxm", 0),), kept=(("h100-sxm", 32_800),))
    found = device_time(gpu, work, "full")
    assert found.engines == {"l2": pytest.approx(32_800 / gpu.gpu.l2_bytes_per_s)}
    assert found.total_s == gpu.launch_s + found.engines["l2"]
    assert (roof_of(gpu, work).bound, roof_of(gpu, work).total_time_s) == ("launch", gpu.launch_s)


def test_the_roofline_model_has_no_band_and_no_engines_of_the_full_model() -> None:
    settings = Settings(system="a100-hbm-pim", assume_dtype="float16", pim_model="roofline")
    document = build_document(analyze(SAMPLES / "linear.onnx", settings))
    assert document.placement.certainty is None
    assert all(found.time_s is None for kernel in document.kernels for found in kernel.devices.values())


def test_a_decision_is_robust_where_it_holds_over_both_bands() -> None:
    analysis = analyze(
        SAMPLES / "gpt2.onnx", Settings(system="a100-attacc", assume_dtype="float16", dims={"batch": 1, "sequence": 8})
    )
    placements = [one for one in analysis.model.column(Placement).values() if one.decision is not None]
    assert {one.decision for one in placements} == {"robust", "near tie"}
    for one in placements:
        here = one.devices[one.device]
        there = next(entry for slug, entry in one.devices.items() if slug != one.device)
        swing = here.high_s - here.time_s + there.time_s - there.low_s
        assert (one.decision == "robust") == (one.regret > swing)
    summary = analysis.model.whole(PlacementSummary)
    assert 0 < summary.certainty.robust_share < 1


def test_energy_is_on_the_page_and_may_be_limited(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [str(SAMPLES / "linear.onnx"), "--system", "a100-attacc", "--assume-dtype", "float16"]
    analysis = analyze(SAMPLES / "linear.onnx", Settings(system="a100-attacc", assume_dtype="float16"))
    optimum = analysis.model.whole(PlacementSummary).alternatives[-1]
    parts = optimum.energy
    assert parts.total_j == parts.dram_j + parts.on_chip_j + parts.link_j + parts.macs_j
    assert main(["analyze", *arguments, "--json", "-"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["placement"]["alternatives"][-1]["energy_j"]["macs"] == parts.macs_j
    assert main(["check", *arguments, "--max", f"energy_j.placement={parts.total_j * 2}"]) == 0
    assert main(["check", *arguments, "--max", f"energy_j.placement={parts.total_j / 2}"]) == 1


def one_op(
    path: Path, op_type: str, shapes: list[list[int]], out: list[int], weights: int = 0, **attributes: object
) -> Path:
    """A model of one op in float16, the last `weights` inputs stored."""
    kind, names = helper.make_tensor_value_info, [f"i{index}" for index in range(len(shapes))]
    stored = []
    for name, shape in list(zip(names, shapes, strict=True))[len(shapes) - weights :]:
        found = TensorProto(name=name, data_type=TensorProto.FLOAT16, dims=shape, data_location=TensorProto.EXTERNAL)
        found.external_data.add(key="location", value="weights.bin")
        stored.append(found)
    node = helper.make_node(op_type, names, ["y"], **attributes)
    fed = [kind(n, TensorProto.FLOAT16, s) for n, s in zip(names, shapes, strict=True)][: len(shapes) - weights]
    graph = helper.make_graph([node], "one", fed, [kind("y", TensorProto.FLOAT16, out)], stored)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 24)], ir_version=11), path)
    return path


def test_the_work_of_one_op_is_what_the_score_times(tmp_path: Path) -> None:
    """So that the errors of docs/time.md are those of the tool: products, masks, rows, classes and bytes by hand."""
    path = one_op(tmp_path / "m.onnx", "MatMul", [[32, 4096], [4096, 1024]], [32, 1024], 1)
    (work,) = works(analyze(path, Settings(system="l40s"))).values()
    assert work.products == (Product(1, 1024, 4096, 32, resident_bytes=2 * 4096 * 1024),)
    assert work.moved_bytes("l40s") == work.on_chip_bytes("l40s") == 2 * (32 * 4096 + 4096 * 1024 + 32 * 1024)

    shapes = [[2, 32, 512, 128], [2, 8, 1024, 128], [2, 8, 1024, 128]]
    path = one_op(tmp_path / "a.onnx", "Attention", shapes, [2, 32, 512, 128], is_causal=1)
    (work,) = works(analyze(path, Settings(system="l40s"))).values()
    # 16 key heads, the 512 queries of 4 heads each one after the other.
    assert work.kernel_class == "attention"
    assert work.masking == Masking(group=4, causal=True)
    parts = [(one.batch, one.vectors, one.outputs, one.depth, one.part) for one in work.products]
    assert parts == [(16, 2048, 1024, 128, "scores"), (16, 2048, 128, 1024, "values")]
    assert work.moved_bytes("l40s") == 2 * 2 * 128 * (2 * 32 * 512 + 2 * 8 * 1024)

    path = one_op(tmp_path / "c.onnx", "Conv", [[4, 64, 28, 28], [128, 64, 3, 3]], [4, 128, 14, 14], 1,
                  kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)  # fmt: skip
    (work,) = works(analyze(path, Settings(system="l40s"))).values()
    (one,) = work.products
    assert (one.batch, one.outputs, one.depth, one.vectors, one.taps) == (1, 128, 64 * 9, 4 * 14 * 14, 9)

    for op_type, extra, kernel_class, specials in (
        ("Softmax", 0, "softmax", 2 * 64 * 4096),  # an exponential and a division an element
        ("LayerNormalization", 1, "norm", 64 * 3),  # a root and two divisions a row
        ("RMSNormalization", 1, "rms_norm", 64 * 2),
    ):
        shapes = [[64, 4096], *[[4096]] * extra]
        (work,) = works(
            analyze(one_op(tmp_path / "r.onnx", op_type, shapes, [64, 4096], extra), Settings(system="l40s"))
        ).values()
        assert (work.kernel_class, work.row_elements) == (kernel_class, 4096)
        assert sum(one.special for one in work.operations) == specials
