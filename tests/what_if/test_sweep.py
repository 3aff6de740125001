"""Sweeps: every point is an analysis, every flip is where it is said to be, and what can't be is refused in a line."""

import csv
import io
import json
import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import pytest

import onnx_roofline as rl
from onnx_roofline.analysis.analyze import analyze
from onnx_roofline.analysis.repeated import Repeated
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.base.errors import RooflineError, ShapeError, UsageError
from onnx_roofline.cli.main import main
from onnx_roofline.ir.placed_records import Placement, PlacementSummary
from onnx_roofline.ir.records import Executions
from onnx_roofline.report.document import write_document
from onnx_roofline.report.plot.sweep_figure import _figure
from onnx_roofline.report.sweeps import point_rows, point_table, write_csv
from onnx_roofline.report.text_table import Screen, table_lines
from onnx_roofline.what_if.axes import Axis, Value, parse_sweep
from onnx_roofline.what_if.points import KernelState, Point, kernel_states
from onnx_roofline.what_if.sweep import Sweep, sweep
from onnx_roofline.what_if.sweep_flips import SweepFlip, What, flips_along

SAMPLES = Path(__file__).resolve().parents[2] / "sample_models"
BERT, DECODE = str(SAMPLES / "bert_base.onnx"), str(SAMPLES / "llama_decode.onnx")
SYSTEMS = ("h100-sxm", "a100-attacc")


PRODUCT = """
<ir_version: 9, opset_import: ["": 18]>
projection (float[tokens, 4096] x) => (float[tokens, 4096] y) { y = MatMul(x, w) }
"""
# Valid for multiples of four tokens.
FOURS = """
<ir_version: 9, opset_import: ["": 18]>
projection (float[tokens, 4096] x) => (float[fours, 4, 4096] y) {
    shape = Constant<value = int64[3] {-1, 4, 4096}>()
    r = Reshape(x, shape)
    y = MatMul(r, w)
}
"""


def projection(folder: Path, text: str = PRODUCT) -> str:
    """tokens x 4096 by 4096 x 4096, weights left out."""
    weights = onnx.TensorProto(name="w", dims=(4096, 4096), data_type=onnx.TensorProto.FLOAT)
    weights.data_location = onnx.TensorProto.EXTERNAL
    weights.external_data.add(key="location", value="absent.weights")
    model = onnx.parser.parse_model(text)
    model.graph.initializer.append(weights)
    onnx.save(model, folder / "projection.onnx")
    return str(folder / "projection.onnx")


@pytest.mark.parametrize(
    ("text", "name", "values"),
    [
        ("batch=3,5", "batch", ("3", "5")),
        ("batch=1..4", "batch", (1, 2, 3, 4)),
        ("batch=7..7", "batch", (7,)),
        ("batch=1..64x2", "batch", (1, 2, 4, 8, 16, 32, 64)),
        ("batch=1..50x10", "batch", (1, 10, 50)),
        ("images.2=224..320+32", "images.2", (224, 256, 288, 320)),
        ("images.2=224..310+32", "images.2", (224, 256, 288, 310)),
        ("a=b=1,2", "a=b", ("1", "2")),
        ("system=h100-sxm, l40s,h100-sxm", "system", ("h100-sxm", "l40s")),
        ("h100-sxm.launch_us=0,2.5", "h100-sxm.launch_us", ("0", "2.5")),
    ],
)
def test_values_are_lists_and_ranges(text: str, name: str, values: tuple[object, ...]) -> None:
    found_name, found = parse_sweep(text)
    assert (found_name, tuple(found)) == (name, values)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--sweep", "batch"], "--sweep 'batch': wanted NAME=A,B,C"),
        (["--sweep", "batch="], "--sweep 'batch=': wanted NAME=A,B,C"),
        (["--sweep", "batch=1,,2"], "found an empty value"),
        (["--sweep", "batch=8..1"], "found no value from 8 to 1; wanted the smaller first"),
        (["--sweep", "batch=0..8x2"], "wanted a range from 1 or more and a factor of 2 or more"),
        (["--sweep", "batch=1..8x1"], "wanted a range from 1 or more and a factor of 2 or more"),
        (["--sweep", "batch=1..8+0"], "found a step of 0, wanted 1 or more"),
        (["--sweep", "batch=0..8"], "found '0', wanted a whole number from 1"),
        (["--sweep", "batch=1.5"], "found '1.5', wanted a whole number from 1"),
        (["--sweep", "bacth=1,2"], "found no such dim, system or figure; did you mean 'batch'?"),
        (["--sweep", "zzz=1,2"], "found no such dim, system or figure; there are batch, sequence, system and figures"),
        (["--sweep", "batch=1", "--sweep", "batch=2"], "--sweep batch: found it twice"),
        (["--sweep", "batch=1,2", "--dim", "batch=1"], "--sweep batch: --dim batch states it too; drop one"),
        (["--sweep", "batch=1..1001"], "found 1,001 points (1,001), wanted at most 1,000"),
        (["--sweep", "batch=1..99", "--sweep", "sequence=1..11"], "found 1,089 points (99 x 11)"),
        (["--sweep", "batch=1..999999999999999999"], "found 999,999,999,999,999,999 points"),
        (["--sweep", "batch=1..8", "--sweep", "sequence=1..8", "--flips", "bacth"], "--flips bacth: found no such dim"),
        (["--flips", "batch"], "--flips: it names a dim of a --sweep"),
        (["--sweep", "system=h100-sxm,nowhere"], "found no shipped profile 'nowhere'"),
        (["--sweep", "teaching-gpu.launch_su=1"], "--sweep 'teaching-gpu.launch_su': found no such figure in teaching"),
        (["--sweep", "teaching-gpu.launch_us=x"], "found 'x', wanted a number in the unit of the profile"),
        (["--sweep", "teaching-gpu.launch_us=1", "--set", "teaching-gpu.launch_us=2"], "--set teaching-gpu.launch_us"),
        (["--sweep", "batch=1,2", "--plot", "a.gif"], "expected a file name that ends in .svg, .png or .pdf"),
        (
            ["--sweep", "batch=1,2", "--sweep", "sequence=8,9", "--sweep", "system=papi,h100", "--plot", "a.png"],
            "--plot: found 3 axes (batch, sequence, system), wanted lines over one or a map over two",
        ),
    ],
)
def test_what_can_not_be_is_refused_in_a_line(
    options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["analyze", BERT, *options]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "dims"),
    [
        ("bert_base", {"batch": 3, "sequence": 17}),
        ("llama_decode", {"past_sequence": 40}),
        ("conv_layer", {"batch": 5}),
    ],
)
def test_a_repeated_analysis_has_every_column_of_one_alone(name: str, dims: dict[str, int]) -> None:
    path = str(SAMPLES / f"{name}.onnx")
    repeated = Repeated(path, Settings())
    for settings in [
        Settings(system="h100-sxm"),
        Settings(dims=dims, system="h100-sxm"),
        Settings(dims=dims, system="a100-attacc"),
        Settings(dims=dims, system="a100-attacc", figures={"a100-sxm-80gb.launch_us": 1.0}),
        Settings(dims=dims, system="a100-attacc", assume_dtype="float16"),
    ]:
        found, alone = repeated.at(settings), analyze(path, settings)
        assert found.pipeline == alone.pipeline
        assert found.system == alone.system
        assert list(found.model.columns) == list(alone.model.columns)
        assert list(found.model.warnings) == list(alone.model.warnings)
        for record in (Placement, Executions):
            assert dict(found.model.column(record)) == dict(alone.model.column(record))
        assert found.model.whole(PlacementSummary) == alone.model.whole(PlacementSummary)
        assert "".join(write_document(found)) == "".join(write_document(alone))
        assert found.footprint == alone.footprint


def test_systems_that_multiply_different_types_share_no_folding() -> None:
    """An H100 multiplies float8 and an A100 restores it, which the passes before its caches decide."""
    systems = ("h100-sxm", "a100-sxm-80gb")
    settings = Settings(quantize="fp8", dims={"batch": 1, "sequence": 8})
    found = sweep(BERT, settings, {"system": systems}).points
    for point, system in zip(found, systems, strict=True):
        alone = analyze(BERT, Settings(quantize="fp8", dims={"batch": 1, "sequence": 8}, system=system))
        assert point.time_s == alone.summary.time_placed.time_s
        assert not point.untimed


def test_every_point_is_the_analysis_at_its_values() -> None:
    figure = "a100-sxm-80gb.launch_us"
    found = sweep(
        DECODE,
        Settings(assume_dtype="float16", system="a100-attacc"),
        {"batch": (1, 9), figure: (0, 2.5), "past_sequence": (7, 1023)},
        flips="",
    )
    assert found.runs == len(found.points) == 8
    for point in found.points:
        batch, launch_us, past = point.values
        assert isinstance(batch, int)
        assert isinstance(past, int)
        settings = Settings(
            dims={"batch": batch, "past_sequence": past},
            figures={figure: float(launch_us)},
            system="a100-attacc",
            assume_dtype="float16",
        )
        alone = analyze(DECODE, settings)
        placed = alone.model.whole(PlacementSummary)
        optimum = next(one for one in placed.alternatives if one.name == "optimum")
        assert point.time_s == optimum.total_s
        assert point.placements == {one.name: one.total_s for one in placed.alternatives}
        assert point.macs == alone.summary.counts.macs
        assert point.compulsory_bytes == alone.summary.compulsory_bytes
        assert point.memory_bytes == alone.footprint.total_bytes
        assert point.fits is True
        assert optimum.energy is not None
        assert point.energy_j == optimum.energy.total_j
        assert point.on_pim == optimum.on_pim
        assert dict(point.kernels) == kernel_states(alone.model)
        assert (point.batch, point.count) == (batch, batch)  # one new token of each
        assert point.count_per_s == batch / optimum.total_s
        transfers_s = math.fsum(one.share for one in point.shares if one.bound == "transfers") * optimum.total_s
        assert transfers_s == pytest.approx(optimum.transfer_s, rel=1e-9)
        assert math.fsum(one.share for one in point.shares) == pytest.approx(1, abs=1e-12)


def test_on_one_device_the_bytes_are_those_of_the_device() -> None:
    found = sweep(BERT, Settings(dims={"sequence": 16}), {"system": ["h100", "rtx-4090"], "batch": [2]}, flips="")
    for point, name in zip(found.points, ("h100-sxm", "rtx-4090"), strict=True):
        alone = analyze(BERT, Settings(dims={"sequence": 16, "batch": 2}, system=name))
        assert point.moved_bytes == alone.summary.moved[name].moved_bytes
        assert (point.batch, point.count) == (2, 32)  # 2 x 16 tokens
        assert (point.devices, point.on_pim) == ((name,), 0)


def test_shares_are_of_the_kernels_times() -> None:
    (point,) = sweep(BERT, Settings(system="h100-sxm", dims={"sequence": 16}), {"batch": [1]}).points
    alone = analyze(BERT, Settings(system="h100-sxm", dims={"sequence": 16, "batch": 1})).model
    seconds: dict[str, float] = {}
    for key in kernel_states(alone):
        placed, count = alone.column(Placement)[key], float(alone.column(Executions)[key].count)
        bound = placed.devices["h100-sxm"].bound
        seconds[bound] = seconds.get(bound, 0.0) + (placed.time_s or 0.0) * count
    assert {one.bound: one.share for one in point.shares} == pytest.approx(
        {bound: time_s / sum(seconds.values()) for bound, time_s in seconds.items()}, rel=1e-12
    )
    assert [one.share for one in point.shares] == sorted((one.share for one in point.shares), reverse=True)


def test_a_host_that_dispatches_slowly_has_its_share() -> None:
    settings = Settings(system="h100-sxm", dims={"sequence": 16}, dispatch="eager")
    (point,) = sweep(BERT, settings, {"batch": [1]}).points
    alone = analyze(BERT, replace_batch(settings)).model.whole(PlacementSummary)
    optimum = next(one for one in alone.alternatives if one.name == "optimum")
    assert optimum.total_s == alone.dispatch_s > (optimum.kernel_s or 0.0)
    shares = {one.bound: one.share for one in point.shares}
    assert shares["dispatch"] == pytest.approx(1 - (optimum.kernel_s or 0.0) / alone.dispatch_s, rel=1e-9)


def replace_batch(settings: Settings) -> Settings:
    return Settings(system=settings.system, dims={**settings.dims, "batch": 1}, dispatch=settings.dispatch)


def test_a_flip_is_where_arithmetic_says(tmp_path: Path) -> None:
    """The GPU reads the weights once at 800 GB/s, the PIM once a token at 6000: 6000 / 800 = 7.5 tokens."""
    path = projection(tmp_path)
    found = sweep(path, Settings(assume_dtype="float16"), {"tokens": (1, 64)})
    (flip,) = [one for one in found.flips if one.what == "device"]
    assert flip.kernels == ("0:MatMul",)
    assert [(step.first, step.after, step.state.device) for step in flip.steps] == [
        (1, None, "teaching-pim"),
        (8, 7, "teaching-gpu"),
    ]
    assert found.runs < 2 + 2 * math.log2(64)


def test_where_no_size_between_is_valid_the_flip_lies_between(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """7.5 tokens as above, but a Reshape takes only multiples of four: 4 on the PIM, 8 on the GPU."""
    path = projection(tmp_path, FOURS)
    found = sweep(path, Settings(assume_dtype="float16"), {"tokens": (4, 64)})
    (flip,) = [one for one in found.flips if one.what == "device"]
    before, after = flip.steps
    assert (before.first, after.after, after.first, after.is_exact) == (4, 4, 8, False)
    assert main(["analyze", path, "--assume-dtype", "float16", "--sweep", "tokens=4,64"]) == 0
    out = capsys.readouterr().out
    assert "teaching-pim from 4, teaching-gpu from 5..8" in out
    assert "A..B: somewhere in there" in out


def states_of(points: tuple[Point, ...], what: What) -> dict[str, list[KernelState]]:
    """The states of each kernel, or of the model, in the order of the points."""
    found: dict[str, list[KernelState]] = {}
    for point in points:
        largest = point.largest
        assert largest is not None
        states = {"": KernelState(largest.device or None, largest.bound)} if what == "model" else point.kernels
        for key, state in states.items():
            found.setdefault(key, []).append(KernelState(state.device, None) if what == "device" else state)
    return found


@pytest.mark.parametrize(
    ("path", "settings", "dim", "last"),
    [
        (DECODE, Settings(dims={"past_sequence": 1023}, system="a100-attacc", assume_dtype="float16"), "batch", 40),
        (BERT, Settings(dims={"batch": 2}, system="h100-sxm"), "sequence", 70),
        (BERT, Settings(dims={"batch": 1}), "sequence", 24),
    ],
)
def test_bisected_flips_are_those_of_every_size(path: str, settings: Settings, dim: str, last: int) -> None:
    every = sweep(path, settings, {dim: range(1, last + 1)}, flips="")
    coarse = sweep(path, settings, {dim: (1, last)})
    assert coarse.runs < every.runs
    seen = 0
    for what in ("model", "device", "bound"):
        truth = states_of(every.points, what)
        found = {key: one for one in coarse.flips if one.what == what for key in one.kernels or ("",)}
        for key, states in truth.items():
            changes = [(size, after) for size, (before, after) in enumerate(pairwise(states), 2) if before != after]
            steps = found[key].steps if key in found else ()
            # Each step that is found is there, at that very size.
            assert all(step.is_exact for step in steps)
            assert {(step.first, step.state) for step in steps[1:]} <= set(changes), key
            # And where a kernel changes once, it is found.
            moves = {size for size, (a, b) in enumerate(pairwise(states), 2) if a.device != b.device}
            if len(changes) == 1 and not (what == "bound" and {size for size, _ in changes} == moves):
                assert [(step.first, step.state) for step in steps[1:]] == changes, key
                seen += 1
    assert seen > 5


def test_flips_of_thousands_of_kernels_take_no_product_of_them() -> None:
    """Kernel k is bound by the matrix unit from 8 + k % 50 on. A step a pair of kernels would take minutes."""

    def point_at(values: tuple[Value, ...]) -> Point:
        size = int(values[0])
        states = [KernelState("gpu", "dram" if size < 8 + k % 50 else "matrix") for k in range(3000)]
        return Point(values, kernels={str(k): state for k, state in enumerate(states)})

    axis = Axis("n", "dim", (1, 16, 64))
    found = flips_along([axis], 0, [point_at((size,)) for size in axis.values], point_at, {})
    firsts = {one.steps[1].first: len(one.kernels) for one in found}
    assert firsts == dict.fromkeys(range(8, 58), 60)  # 3000 / 50


def test_flips_of_a_line_hold_the_other_axes(tmp_path: Path) -> None:
    path = projection(tmp_path)
    settings = Settings(assume_dtype="float16")
    found = sweep(path, settings, {"teaching-gpu.launch_us": (0.0, 1.0), "tokens": (1, 64)})
    alone = [
        sweep(path, Settings(assume_dtype="float16", figures={"teaching-gpu.launch_us": us}), {"tokens": (1, 64)})
        for us in (0.0, 1.0)
    ]

    def moves(flips: tuple[SweepFlip, ...]) -> list[tuple[int, ...]]:
        return [tuple(step.first for step in one.steps) for one in flips if one.what == "device"]

    for launch_us, one in zip((0.0, 1.0), alone, strict=True):
        here = tuple(flip for flip in found.flips if flip.at[0] == launch_us)
        assert here
        assert all(flip.at == (launch_us, None) for flip in here)
        assert moves(here) == moves(one.flips)


def test_two_dims_have_flips_along_the_one_that_is_named(tmp_path: Path) -> None:
    wanted = {"batch": (1, 2), "sequence": (8, 64)}
    assert sweep(BERT, Settings(), wanted).flip_axis == ""
    found = sweep(BERT, Settings(), wanted, flips="sequence")
    assert found.flip_axis == "sequence"
    assert {one.at for one in found.flips} <= {(1, None), (2, None)}
    assert sweep(BERT, Settings(dims={"batch": 1}), {"sequence": (1, 512)}, flips="").flips == ()


def test_a_size_that_is_not_valid_is_a_point_without_figures() -> None:
    """ResNet's Reshape writes the batch of the file."""
    found = sweep(SAMPLES / "resnet50.onnx", Settings(), {"batch": (1, 2)})
    valid, refused = found.points
    assert not valid.refusal
    assert "hard-codes" in refused.refusal
    assert (refused.time_s, refused.macs, dict(refused.kernels)) == (None, None, {})
    assert found.flips == ()
    with pytest.raises(ShapeError, match="hard-codes"):
        sweep(SAMPLES / "resnet50.onnx", Settings(), {"batch": (2, 4)})


@pytest.mark.parametrize(
    ("name", "dims", "batch", "unit", "count"),
    [
        ("bert_base", {"batch": 3, "sequence": 10}, 3, "token", 30),
        ("llama_decode", {"batch": 4}, 4, "token", 4),  # one new token of each sequence
        ("t5_small", {"batch": 2, "encoder_sequence": 5, "decoder_sequence": 3}, 2, "token", 10),
        ("conv_layer", {"batch": 6}, 6, "image", 6),
        ("lstm", {"batch": 1}, 1, "item", 1),  # [steps, batch, features]
        ("gcn_cora", {"x.0": 2708}, None, None, None),  # nodes are no batch
    ],
)
def test_items_are_images_tokens_or_neither(
    name: str, dims: dict[str, int], batch: int | None, unit: str | None, count: int | None
) -> None:
    found = sweep(SAMPLES / f"{name}.onnx", Settings(), {key: (size,) for key, size in dims.items()})
    (point,) = found.points
    assert (point.batch, point.count) == (batch, count)
    assert (found.items.unit if found.items else None) == unit


@pytest.fixture(scope="module")
def swept() -> Sweep:
    return sweep(
        DECODE, Settings(assume_dtype="float16"), {"batch": (1, 64), "system": SYSTEMS, "past_sequence": (127,)}
    )


@pytest.mark.parametrize(("width", "hidden"), [(80, True), (120, True), (200, False)])
def test_the_table_has_the_columns_that_fit(swept: Sweep, width: int, hidden: bool) -> None:
    table = point_table(swept, Screen(width))
    lines = list(table_lines(table, Screen(width)))
    assert max(map(len, lines)) <= width
    assert ("hidden" in lines[0]) == hidden
    for header in ("batch", "system", "past_sequence", "time", "bound by"):
        assert header in lines[1]
    assert [line.split()[0] for line in lines[3:7]] == ["1", "1", "64", "64"]
    assert all("roofline pick" in line for line in list(table_lines(table, Screen(10, is_wide=True)))[1:2])


def test_csv_and_rows_have_the_figures_of_the_points(swept: Sweep) -> None:
    rows = list(csv.DictReader(io.StringIO("".join(write_csv(swept)))))
    assert len(rows) == len(swept.points) == 4
    for row, plain, point in zip(rows, point_rows(swept), swept.points, strict=True):
        assert (int(row["batch"]), row["system"]) == point.values[:2]
        assert float(row["time_s"]) == plain["time_s"] == point.time_s
        assert int(row["moved_bytes"]) == point.moved_bytes
        assert int(row["fits"]) == 1
        shares = {name: float(cell) for name, cell in row.items() if name.startswith("share_")}
        assert math.fsum(shares.values()) == pytest.approx(1, abs=1e-12)
        assert shares["share_" + row["bound"].replace(" ", "_")] == float(row["bound_share"])


def test_the_command_writes_csv_and_json_alike(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--sweep", "batch=1,2", "--sweep", "system=h100-sxm,teaching", "--dim", "sequence=8"]
    assert main(["analyze", BERT, *options, "--format", "csv", "--json", str(tmp_path / "s.json")]) == 0
    captured = capsys.readouterr()
    rows = list(csv.DictReader(io.StringIO(captured.out)))
    document = json.loads((tmp_path / "s.json").read_text("utf-8"))["sweep"]
    assert [axis["kind"] for axis in document["axes"]] == ["dim", "system"]
    assert [float(row["time_s"]) for row in rows] == [point["time_s"] for point in document["points"]]
    assert captured.err.startswith("4 points over batch (2) x system (2)")


def test_python_takes_texts_and_lists() -> None:
    found = rl.sweep(BERT, {"batch": "1..4x2", "system": ["h100"]}, dims={"sequence": 8}, flips="")
    assert [point.values for point in found.points] == [(1, "h100"), (2, "h100"), (4, "h100")]
    assert json.loads(found.to_json())["sweep"]["points"][2]["items"] == 4
    assert [row["batch"] for row in found.rows()] == [1, 2, 4]
    for axes in ({}, {"batch": ()}, {"batch": 3}, {"batch": [True]}, [("batch", 1)]):
        with pytest.raises(UsageError):
            rl.sweep(BERT, axes)  # type: ignore[arg-type]


def test_the_picture_has_every_point(tmp_path: Path) -> None:
    lines = _figure("lines", sweep(BERT, Settings(dims={"batch": 1}, system="a100-attacc"), {"sequence": (8, 16, 64)}))
    above = lines.axes[0]
    assert [line.get_label() for line in above.get_lines()][:5] == [
        "all GPU",
        "all PIM",
        "greedy",
        "roofline pick",
        "optimum",
    ]
    assert all(list(line.get_xdata()) == [8, 16, 64] for line in above.get_lines()[:5])
    found = sweep(BERT, Settings(), {"batch": (1, 2), "sequence": (8, 16)}, flips="")
    texts = [text.get_text() for text in _figure("map", found).axes[0].texts]
    assert len([text for text in texts if "%" in text]) == 4
    bars = _figure("bars", sweep(BERT, Settings(dims={"batch": 1, "sequence": 8}), {"system": SYSTEMS}))
    assert [tick.get_text() for tick in bars.axes[0].get_yticklabels()] == list(SYSTEMS)
    first, second = tmp_path / "a.png", tmp_path / "b.png"
    for path in (first, second):
        rl.sweep(BERT, {"batch": (1, 2), "sequence": (8, 16)}).plot(path)
    assert first.read_bytes() == second.read_bytes()
    assert first.read_bytes().startswith(b"\x89PNG")


def test_a_sweep_reads_the_file_and_shares_what_systems_share() -> None:
    repeated = Repeated(BERT, Settings())
    dims = {"batch": 1, "sequence": 8}
    first = repeated.at(Settings(dims=dims, system="h100-sxm"))
    second = repeated.at(Settings(dims=dims, system="a100-attacc"))
    assert first.model.column(Executions) is second.model.column(Executions)
    assert "shape-inference" in first.timings_s
    assert "shape-inference" not in second.timings_s


def test_errors_of_a_point_other_than_its_shape_end_the_sweep() -> None:
    with pytest.raises(RooflineError, match="assume-dtype"):
        sweep(BERT, Settings(assume_dtype="float12"), {"batch": (1,)})


LOOP = """<ir_version: 10, opset_import: ["": 21]>
g (int64 n, float[batch, 64] x) => (float[batch, 64] y, int64[2, found] z) {
  t = Constant <value = bool {1}> ()
  y = Loop (n, t, x) <body = b (int64 i, bool c, float[batch, 64] v) => (bool d, float[batch, 64] w) {
    d = Identity (c) w = MatMul (v, k) }>
  z = NonZero (x)
}"""


@pytest.mark.parametrize("command", [["analyze", "--sweep", "batch=2,4"], ["formula", "--over", "batch"]])
def test_figures_of_many_sizes_say_what_they_rest_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    """The body runs 1 time by assumption, data decide how long z is, and a matrix is stored in another type."""
    model = onnx.parser.parse_model(LOOP)
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.ones((64, 64), np.float32), "k"))
    onnx.save(model, tmp_path / "loop.onnx")
    written = tmp_path / "out.json"
    assert main([*command, str(tmp_path / "loop.onnx"), "--quantize", "weights=int8", "--json", str(written)]) == 0
    out, err = capsys.readouterr()
    head = " ".join(out.splitlines()[:3])
    told = [
        "QUANTIZED as weights=int8",
        "1 bounded",
        "1 op hangs on 2:NonZero, length AT MOST: --dim z.1=N",
        "ASSUMED trips: 1:Loop=1 (--trip 1:Loop=N)",
    ]
    assert [one for one in told if one not in head] == []
    assert "warning: 1:Loop: nothing says how often its body runs" in err
    (whole,) = (part for name, part in json.loads(written.read_text()).items() if name in ("sweep", "formula"))
    assert [one for one in told if one not in " · ".join(whole["rests_on"])] == []
