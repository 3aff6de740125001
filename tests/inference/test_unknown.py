"""Unknown is a value, never 0: from an op without a rule and a type without a peak to every report."""

import json
from collections.abc import Sequence
from fractions import Fraction
from itertools import takewhile
from pathlib import Path

import jsonschema
import onnx
import pytest
from onnx import TensorProto, helper

from onnx_roofline.analysis.analyze import Analysis, analyze
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.ci.metrics import totals_of
from onnx_roofline.cli.main import main
from onnx_roofline.ir.placed_records import Placement, PlacementSummary, Roofline
from onnx_roofline.ir.records import Counts, Executions, Kernel, Live, Reuse, Traffic, Work, op_status
from onnx_roofline.report.contract import schema_of
from onnx_roofline.report.csv_table import table_rows
from onnx_roofline.report.document import write_document
from onnx_roofline.report.kernel_rows import kernel_rows

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64
VALUE = helper.make_tensor_value_info


def save(
    path: Path, nodes: list, inputs: list, outputs: list, values: Sequence = (), stored: Sequence = (), opset: int = 18
) -> Path:
    graph = helper.make_graph(nodes, "g", inputs, outputs, stored, value_info=values)
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("my.dom", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=10), path)
    return path


def foo_then_relu(path: Path, *, declared: bool = True) -> Path:
    """x -> my.dom.Foo -> f -> Relu -> y, all float32[4, 4]."""
    nodes = [helper.make_node("Foo", ["x"], ["f"], domain="my.dom"), helper.make_node("Relu", ["f"], ["y"])]
    values = [VALUE("f", FLOAT, [4, 4])] if declared else []
    return save(path / "foo.onnx", nodes, [VALUE("x", FLOAT, [4, 4])], [VALUE("y", FLOAT, [4, 4])], values)


def int_beside_float(path: Path) -> Path:
    """a + a in int64[4] and x + x in float32[4, 4]: IANUS has a peak for neither, for bfloat16 only."""
    nodes = [helper.make_node("Add", ["a", "a"], ["b"]), helper.make_node("Add", ["x", "x"], ["y"])]
    inputs, outputs = (
        [VALUE(i, INT64, [4]), VALUE(f, FLOAT, [4, 4])] for i, f in (("a", "x"), ("b", "y"))
    )  # fmt: skip
    return save(path / "ints.onnx", nodes, inputs, outputs)


@pytest.fixture
def ints(tmp_path: Path) -> Analysis:
    return analyze(int_beside_float(tmp_path), Settings(system="ianus", assume_dtype="bfloat16"))


def test_an_op_without_a_rule_reads_its_inputs_and_writes_its_outputs(tmp_path: Path) -> None:
    analysis = analyze(foo_then_relu(tmp_path))
    model, summary = analysis.model, analysis.summary
    traffic = model.column(Traffic)["0:Foo"]
    assert (traffic.naive_bytes, traffic.compulsory_bytes) == (128, 128)  # 4*4*4 in, 4*4*4 out
    assert model.column(Work)["0:Foo"].counts is None
    assert model.column(Kernel)["0:Foo"].members == ("0:Foo",), "no view, and part of no other kernel"
    assert model.column(Live)["0:Foo"].bytes == 128
    assert {moved.moved_bytes for moved in model.column(Reuse)["0:Foo"].devices.values()} == {128}
    for roof in model.column(Roofline)["0:Foo"].devices.values():
        assert (roof.total_time_s, roof.intensity, roof.bound) == (None, None, "unknown")
    assert model.column(Roofline)["0:Foo"].devices["teaching-gpu"].memory_time_s == 128 / 800e9
    assert model.column(Placement)["0:Foo"].time_s is None
    assert (summary.naive_bytes, summary.unknown_bytes_share) == (256, 0.5)  # Relu: 64 + 64
    assert (summary.unknown_counts_ops, summary.unknown_bytes_ops) == (1, 0)


def test_the_time_of_a_model_with_an_unknown_op_is_unknown_on_every_device(tmp_path: Path) -> None:
    summary = analyze(foo_then_relu(tmp_path)).summary
    times = [*summary.times_alone.values(), summary.time_placed]
    assert {(time.time_s, time.untimed_kernels) for time in times} == {(None, 1)}
    assert summary.times_alone["teaching-gpu"].known_s == 128 / 800e9  # the Relu


def test_reports_mark_what_an_unknown_op_leaves_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(foo_then_relu(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["analyze", path]) == 0
    out = capsys.readouterr().out
    rows = [line.split() for line in out.splitlines() if line.strip()]
    assert ["MACs", "?", "0", "that", "are", "known"] in rows
    assert ["naive", "256", "B", "bytes,"] in [row[:4] for row in rows]
    assert ["on", "teaching-gpu", "160", "ps", "+", "?"] in [row[:6] for row in rows]
    assert "optimal for this cost model, of 1 kernel; 1 without a time is left out" in out
    assert "Placements, PIM time model full, + 1 kernel without a time" in out
    # by type: name, ops, parameters, FLOPs, time, share, naive, FLOP/B, MACs, weights
    assert ["my.dom.Foo", "1", "0", "?", "?", "?", "128", "B", "–", "?", "0", "B"] in rows
    assert main(["explain", path, "0:Foo"]) == 0
    # 128 B at 800 GB/s
    assert "plain roofline: unknown, at least the 160 ps that launch and bytes take" in capsys.readouterr().out


def test_an_op_of_an_unknown_shape_has_unknown_bytes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = foo_then_relu(tmp_path, declared=False)
    analysis = analyze(path)
    summary = analysis.summary
    assert analysis.model.column(Traffic)["0:Foo"].naive_bytes is None
    assert summary.unknown_bytes_ops == 2, "the Relu reads what Foo wrote"
    assert summary.unknown_bytes_share is None
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["analyze", str(path)]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["naive", "?", "bytes,"] in [row[:3] for row in rows]
    assert ["my.dom.Foo", "1", "0", "?", "?", "?", "?", "–", "?", "0", "B"] in rows
    assert ["Relu", "1", "0", "16", "?", "?", "?", "–", "0", "0", "B"] in rows


def test_nothing_is_taken_to_be_on_chip_behind_a_kernel_of_unknown_bytes(tmp_path: Path) -> None:
    """Abs -> a, then Foo of unknown size, then Neg of a: what Foo moves may have pushed a out of the cache."""

    def kept(declared: bool) -> tuple[int, int]:
        nodes = [
            helper.make_node("Abs", ["x"], ["a"]),
            helper.make_node("Foo", ["a"], ["f"], domain="my.dom"),
            helper.make_node("Bar", ["a"], ["y"], domain="my.dom"),
            helper.make_node("Bar", ["f"], ["z"], domain="my.dom"),
        ]
        values = [VALUE("a", FLOAT, [4, 4])] + ([VALUE("f", FLOAT, [4, 4])] if declared else [])
        outputs = [VALUE("y", FLOAT, [4, 4]), VALUE("z", FLOAT, [4, 4])]
        path = save(tmp_path / f"{declared}.onnx", nodes, [VALUE("x", FLOAT, [4, 4])], outputs, values)
        reuse = analyze(path, Settings(backend="none", on_chip="1000000")).model.column(Reuse)
        return tuple(reuse[key].devices["teaching-gpu"].resident_bytes for key in ("0:Abs", "2:Bar"))

    assert kept(declared=True) == (64, 64)  # a is never written out, and read on chip
    assert kept(declared=False) == (0, 0)


def test_a_branch_that_never_runs_leaves_nothing_out(tmp_path: Path) -> None:
    def branch(op: str, domain: str) -> onnx.GraphProto:
        node = helper.make_node(op, ["x"], [op], domain=domain)
        return helper.make_graph([node], op, [], [VALUE(op, FLOAT, [4, 4])])

    node = helper.make_node("If", ["c"], ["y"], then_branch=branch("Relu", ""), else_branch=branch("Foo", "my.dom"))
    inputs = [VALUE("c", TensorProto.BOOL, []), VALUE("x", FLOAT, [4, 4])]
    path = save(tmp_path / "m.onnx", [node], inputs, [VALUE("y", FLOAT, [4, 4])])

    def analyzed(probability: int) -> Analysis:
        return analyze(path, Settings(branches={"then": Fraction(probability)}))

    def untimed(analysis: Analysis) -> dict[str | None, int]:
        times = analysis.summary.times_alone.items()
        kernels: dict[str | None, int] = {slug: time.untimed_kernels for slug, time in times}
        return {**kernels, None: analysis.summary.time_placed.untimed_kernels}

    always = analyzed(1)
    assert untimed(always) == {"teaching-gpu": 0, "teaching-pim": 0, None: 0}
    assert (always.summary.unknown_counts_ops, always.summary.unknown_bytes_ops) == (0, 0)
    assert always.summary.times_alone["teaching-gpu"].time_s == 128 / 800e9
    assert all("Foo" not in row.first for row in kernel_rows(always))
    never = analyzed(0)
    assert untimed(never) == {"teaching-gpu": 1, "teaching-pim": 1, None: 1}
    assert never.summary.time_placed.time_s is None


def test_a_placement_says_how_many_kernels_it_leaves_out(ints: Analysis) -> None:
    placed = ints.model.whole(PlacementSummary)
    assert placed.untimed_kernels == 1
    assert placed.proof == "optimal for this cost model, of 1 kernel; 1 without a time is left out"
    assert ints.summary.time_placed.time_s is None
    document = json.loads("".join(write_document(ints)))
    jsonschema.Draft202012Validator(schema_of("annotated-graph")).validate(document)
    assert document["placement"]["kernels_without_time"] == 1
    assert document["totals"]["time_s"]["placement"] is None
    # Both matter only to devices that can't run int64 at all: the float kernel runs on the NPU, the PIM has no Add.
    assert document["coverage"]["kernels_without_time"] == {
        "devices": {"ianus-npu": 1, "ianus-pim": 1},
        "placement": 1,
    }


def test_every_placement_of_a_model_with_an_unknown_op_is_marked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A system whose devices work at the same time has two rows more: both at once, and with splits."""
    assert main(["analyze", str(foo_then_relu(tmp_path)), "--system", "rtx-4090-aim"]) == 0
    # Its GPU takes 6.87 microseconds for the Relu.
    lines = iter(capsys.readouterr().out.splitlines())
    assert any(line.startswith("Placements") for line in lines)
    times = [line for line in takewhile(lambda line: not line.startswith("Kernels by"), lines) if "µs" in line]
    assert {line.split("  ")[0].strip() for line in times} >= {"optimum", "both at once", "with splits"}
    assert all("µs + ?" in line for line in times)


def test_a_placement_of_no_kernel_proves_nothing(tmp_path: Path) -> None:
    analysis = analyze(int_beside_float(tmp_path), Settings(system="ianus"))
    proof = analysis.model.whole(PlacementSummary).proof
    assert proof == "nothing is placed: 2 kernels have no time on either device"


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["analyze", "--sensitivity"], ", + 1 kernel without a time on ianus; its assumed figures"),
        (["explain", "1:Add"], "that is of the kernels with a time: the placement leaves out 1 kernel without a time"),
        (["analyze"], "Placements, PIM time model full, + 1 kernel without a time"),
    ],
)
def test_every_report_of_a_placement_names_what_it_leaves_out(
    arguments: list[str], wanted: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(int_beside_float(tmp_path))
    command, *rest = arguments
    assert main([command, path, "--system", "ianus", "--assume-dtype", "bfloat16", *rest]) == 0
    assert wanted in capsys.readouterr().out


def test_a_sweep_names_what_it_leaves_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    nodes = [helper.make_node("Add", ["a", "a"], ["b"]), helper.make_node("Add", ["x", "x"], ["y"])]
    inputs, outputs = ([VALUE(i, INT64, ["n"]), VALUE(f, FLOAT, ["n"])] for i, f in (("a", "x"), ("b", "y")))
    path = str(save(tmp_path / "m.onnx", nodes, inputs, outputs))
    arguments = ["analyze", path, "--system", "ianus", "--assume-dtype", "bfloat16", "--sweep", "n=8,16"]
    monkeypatch.setenv("COLUMNS", "200")
    assert main(arguments) == 0
    out = capsys.readouterr().out
    assert "without a time" in out
    assert out.count(" + ?") == 2 * 5, "each of five placements at two values"
    assert main([*arguments, "--json", "-"]) == 0
    points = json.loads(capsys.readouterr().out)["sweep"]["points"]
    assert [point["kernels_without_time"] for point in points] == [1, 1]


def test_what_only_moves_data_needs_no_peak(tmp_path: Path) -> None:
    """Concat of int64[4] twice: 32 + 32 B in, 64 B out, at 0.85 of 256 GB/s, and no operation."""
    nodes = [helper.make_node("Concat", ["a", "b"], ["c"], axis=0)]
    path = save(tmp_path / "m.onnx", nodes, [VALUE(n, INT64, [4]) for n in "ab"], [VALUE("c", INT64, [8])])
    found = analyze(path, Settings(system="ianus")).model.column(Placement)["0:Concat"]
    assert found.device == "ianus-npu"
    assert found.time_s == pytest.approx(128 / (0.85 * 256e9))


@pytest.mark.parametrize("system", ["papi", "cpu-upmem"])
def test_masks_and_positions_of_a_transformer_have_a_time(system: str) -> None:
    path = Path(__file__).resolve().parents[2] / "sample_models/llama_decode.onnx"
    analysis = analyze(path, Settings(system=system, assume_dtype="float16"))
    assert analysis.model.whole(PlacementSummary).untimed_kernels == 0
    assert analysis.summary.time_placed.time_s is not None


# The PIM takes a tenth of the GPU's energy per bit and ten times its time; the link has an energy or none.
GPU = """schema: 1
name: a GPU
kind: gpu
peak_tflops: {{float32: 1}}
bandwidth_gb_per_s: {{external: 1000}}
launch_us: 0
energy: {{dram_pj_per_bit: 10{mac}}}
sources: {{all: {{source: made up for a test, label: assumed}}}}
"""
PIM = """schema: 1
name: a PIM
kind: pim
peak_tflops: {float32: 1}
bandwidth_gb_per_s: {internal: 100, external: 100}
launch_us: 0
energy: {dram_pj_per_bit: 1, mac_pj: 1}
sources: {all: {source: made up for a test, label: assumed}}
"""
PAIR = """schema: 1
name: a pair
kind: system
gpu: gpu.yaml
pim: pim.yaml
link: {{gb_per_s: 1000, latency_us: 0, {link}}}
sources: {{all: {{source: made up for a test, label: assumed}}}}
"""


def pair(path: Path, link: str, mac: str = ", mac_pj: 1") -> str:
    (path / "gpu.yaml").write_text(GPU.format(mac=mac), "utf-8")
    (path / "pim.yaml").write_text(PIM, "utf-8")
    (path / "pair.yaml").write_text(PAIR.format(link=link), "utf-8")
    return str(path / "pair.yaml")


def one_add(path: Path) -> Path:
    """x + w in float32[1000], w stored: 4,000 B of each and of the result."""
    stored = [helper.make_tensor("w", FLOAT, [1000], bytes(4000), raw=True)]
    nodes = [helper.make_node("Add", ["x", "w"], ["y"])]
    return save(path / "m.onnx", nodes, [VALUE("x", FLOAT, [1000])], [VALUE("y", FLOAT, [1000])], [], stored)


@pytest.mark.parametrize("objective", ["energy", "energy-delay"])
@pytest.mark.parametrize(
    ("link", "mac", "wanted"),
    [
        ("shared_memory: false", ", mac_pj: 1", "found no energy of transfers for pair, wanted link.pj_per_bit"),
        ("pj_per_bit: 1", "", "found no energy of MACs for gpu, wanted energy.mac_pj in the profile"),
    ],
)
def test_an_energy_that_nobody_states_is_no_energy_of_zero(
    objective: str, link: str, mac: str, wanted: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["analyze", str(one_add(tmp_path)), "--system", pair(tmp_path, link, mac), "--objective", objective]
    assert main(arguments) == 2
    assert wanted in capsys.readouterr().err


def test_the_energy_of_a_product_is_unknown_without_one_for_macs(tmp_path: Path) -> None:
    stored = [helper.make_tensor("w", FLOAT, [4, 4], bytes(64), raw=True)]
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
    path = save(tmp_path / "p.onnx", nodes, [VALUE("x", FLOAT, [4, 4])], [VALUE("y", FLOAT, [4, 4])], [], stored)
    system = pair(tmp_path, "pj_per_bit: 1", mac="")
    devices = analyze(path, Settings(system=system)).model.column(Placement)["0:MatMul"].devices
    assert devices["gpu"].energy_j is None
    assert devices["pim"].energy_j == pytest.approx((192 * 8 + 64) * 1e-12)  # three tensors of 64 B, 4*4*4 MACs


def test_a_device_of_few_types_names_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyze", str(one_add(tmp_path)), "--system", "ianus", "--assume-dtype", "float16"]) == 0
    assert "no peak for float16, which 1 kernel needs; it has bfloat16" in capsys.readouterr().out


def test_a_shared_memory_needs_no_energy_of_transfers(tmp_path: Path) -> None:
    system = pair(tmp_path, "shared_memory: true")
    placed = analyze(one_add(tmp_path), Settings(system=system, objective="energy")).model.whole(PlacementSummary)
    assert placed.objective == pytest.approx(12_000 * 8 * 1e-12)  # all of x, w, y at the PIM's 1 pJ/bit, no transfer


def test_the_reason_compares_what_is_optimised(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The PIM takes ten times as long and a tenth of the energy: by itself it is cheaper, not slower."""
    path, system = one_add(tmp_path), pair(tmp_path, "pj_per_bit: 1")
    found = analyze(path, Settings(system=system, objective="energy")).model.column(Placement)["0:Add"]
    assert (found.device, found.reason) == ("pim", "cheaper alone")
    assert "12 ns and 960 nJ on gpu, bound by memory; 120 ns and 96 nJ on pim" in found.explanation
    found = analyze(path, Settings(system=system)).model.column(Placement)["0:Add"]
    assert (found.device, found.reason) == ("gpu", "faster alone")
    assert main(["explain", str(path), "0:Add", "--system", system, "--objective", "energy"]) == 0
    assert "placement: pim, it costs less there by itself, in what is optimised" in capsys.readouterr().out


def test_every_assumed_figure_that_matters_is_varied(tmp_path: Path) -> None:
    """Of the GPU: 12,000 B at 1000 GB/s take 12 ns; with half the bandwidth 24 ns. Nothing runs on the PIM."""
    from onnx_roofline.what_if.sensitivity import assumed_figures, sensitivities

    settings = Settings(system=pair(tmp_path, "pj_per_bit: 1"))
    analysis = analyze(one_add(tmp_path), settings)
    rows = {row.path: row for row in sensitivities(analysis)}
    assert set(rows) == {
        "link.gb_per_s",
        *(f"{slug}.peak_tflops.float32" for slug in ("gpu", "pim")),
        "gpu.bandwidth_gb_per_s.external",
        "pim.bandwidth_gb_per_s.internal",
        "pim.bandwidth_gb_per_s.external",
    }
    bandwidth = rows["gpu.bandwidth_gb_per_s.external"]
    assert (bandwidth.half, bandwidth.twice) == (pytest.approx(24e-9), pytest.approx(6e-9))
    used, unused = assumed_figures(analysis)
    assert {*used, *(path for paths in unused.values() for path in paths)} == set(analysis.system.assumed)
    energy = assumed_figures(analyze(one_add(tmp_path), Settings(system=settings.system, objective="energy")))[0]
    assert {"link.pj_per_bit", "gpu.energy.dram_pj_per_bit", "pim.energy.mac_pj"} <= set(energy)


def test_a_share_that_the_optimum_does_not_have_is_not_said_to_be_unused(tmp_path: Path) -> None:
    """The GPU's share of the bandwidth counts in the schedule and in splits alone."""
    from onnx_roofline.what_if.sensitivity import assumed_figures

    system = Path(pair(tmp_path, "pj_per_bit: 1"))
    system.write_text(system.read_text("utf-8") + "concurrency: partitioned\ngpu_bandwidth_share_when_active: 0.5\n")
    unused = assumed_figures(analyze(one_add(tmp_path), Settings(system=str(system))))[1]
    assert unused["only both devices at once depend on them"] == ["gpu_bandwidth_share_when_active"]


def test_peaks_timings_and_capacities_of_a_shipped_system_are_varied() -> None:
    from onnx_roofline.what_if.sensitivity import sensitivities

    path = Path(__file__).resolve().parents[2] / "sample_models/llama_decode.onnx"
    rows = {row.path: row for row in sensitivities(analyze(path, Settings(system="papi", assume_dtype="float16")))}
    assert {"papi-fc-pim.peak_tflops.float16", "papi-fc-pim.capacity_gb", "papi-fc-pim.pim.align.n"} <= set(rows)
    faster = rows["papi-fc-pim.bandwidth_gb_per_s.internal"]
    assert (faster.half or 0) > (faster.twice or 0)


def test_a_scaled_figure_stays_one_that_a_profile_may_have() -> None:
    from onnx_roofline.hardware import load_system

    scale = {"hbm-pim.pim.efficiency.elementwise": 10.0, "hbm-pim.pim.reuse": 0.1, "link.gb_per_s": 2.0}
    plain, scaled = load_system("a100-hbm-pim"), load_system("a100-hbm-pim", scale)
    assert scaled.link.bandwidth_bytes_per_s == 2 * plain.link.bandwidth_bytes_per_s
    assert scaled.gpu == plain.gpu
    assert scaled.pim.pim is not None
    assert (scaled.pim.pim.elementwise_efficiency, scaled.pim.pim.reuse) == (1.0, 1)


def test_a_placement_on_assumed_figures_names_the_option_that_varies_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(one_add(tmp_path))
    assert main(["analyze", path, "--system", pair(tmp_path, "pj_per_bit: 1")]) == 0
    hint = "The placement rests on 6 figures of pair that nobody published: --sensitivity varies them."
    assert hint in capsys.readouterr().out


def equal_texts(path: Path) -> Path:
    """s == t of eight strings each, whose lengths the file doesn't say, then Not of the booleans."""
    nodes = [helper.make_node("Equal", ["s", "t"], ["e"]), helper.make_node("Not", ["e"], ["y"])]
    inputs = [VALUE(name, TensorProto.STRING, [8]) for name in "st"]
    return save(path / "texts.onnx", nodes, inputs, [VALUE("y", TensorProto.BOOL, [8])], opset=19)


def test_an_op_of_exact_counts_and_unknown_bytes_is_not_covered(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = equal_texts(tmp_path)
    analysis = analyze(path, Settings(backend="none"))
    work = analysis.model.column(Work)["0:Equal"]
    assert (work.status, work.counts) == ("exact", Counts(compares=8))
    assert dict(analysis.summary.status_counts) == {"exact": 1, "bounded": 0, "heuristic": 0, "unknown": 1}
    totals = totals_of(analysis)
    assert (totals["unknown_ops"], totals["coverage"], totals["exact_share"]) == (1, 0.5, 0.5)
    document = json.loads("".join(write_document(analysis)))
    assert document["coverage"]["ops"]["unknown"] == 1
    assert document["coverage"]["unknown_op_types"] == ["Equal"]
    assert [node["status"] for node in document["graph"]["nodes"]] == ["unknown", "exact"]
    assert [row["status"] for row in table_rows(analysis)] == ["unknown", "exact"]
    assert main(["analyze", str(path)]) == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert "coverage: 50 % of 2 ops (1 exact, 1 unknown) · unknown: Equal (bytes), an unknown share of the byt" in first
    assert main(["check", str(path), "--max", "ops=2"]) == 1
    assert "1 op has unknown counts or bytes (Equal); --allow-unknown accepts that" in capsys.readouterr().out
    assert main(["check", str(path), "--max", "ops=2", "--allow-unknown"]) == 0


def test_ops_without_counts_are_named_before_those_without_bytes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["analyze", str(foo_then_relu(tmp_path, declared=False))]) == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert "unknown: my.dom.Foo, Relu (bytes), an unknown share of the bytes" in first


STATUS_PAIRS = [
    # counts, bytes known, origin of the executions; what holds for the op
    ("exact", True, "exact", "exact"),
    ("exact", True, "bound", "exact"),
    ("exact", True, "data", "bounded"),
    ("bounded", True, "exact", "bounded"),
    ("bounded", True, "assumed", "heuristic"),
    ("heuristic", True, "data", "heuristic"),
    ("unknown", True, "exact", "unknown"),
    ("exact", False, "exact", "unknown"),
    ("bounded", False, "data", "unknown"),
    ("heuristic", False, "assumed", "unknown"),
    ("unknown", False, "exact", "unknown"),
]


@pytest.mark.parametrize(("counts", "known", "origin", "wanted"), STATUS_PAIRS)
def test_an_op_is_as_sure_as_its_least_sure_figure(counts: str, known: bool, origin: str, wanted: str) -> None:
    work = Work(None if counts == "unknown" else Counts(adds=4), (4,), (4,), status=counts)  # type: ignore[arg-type]
    size = 16 if known else None
    traffic = Traffic((size,), (16,), 32 if known else None, 32 if known else None)
    assert op_status(work, traffic, Executions(1, origin)) == wanted  # type: ignore[arg-type]
