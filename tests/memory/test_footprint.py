"""What a model occupies in a device's memory, and the largest sizes that fit; every figure is added up by hand."""

from pathlib import Path

import pytest
from msgspec.structs import replace
from onnx import TensorProto, helper
from small_models import analysed, save

from onnx_roofline.analysis.analyze import analyze
from onnx_roofline.analysis.footprints import footprint_of
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.ci.budget_file import read_budgets
from onnx_roofline.cli.main import main
from onnx_roofline.hardware import System, load_system
from onnx_roofline.ir.placed_records import PlacementSummary
from onnx_roofline.load import parse
from onnx_roofline.memory.footprint import Footprint
from onnx_roofline.report.document import build_document
from onnx_roofline.what_if.largest import largest_fits

FLOAT, HALF = TensorProto.FLOAT, TensorProto.FLOAT16
SQUARE = 64 * 64 * 4
SAMPLES = Path(__file__).resolve().parents[2] / "sample_models"


def weight(name: str, *shape: int) -> object:
    """A stored tensor of zeros."""
    size = 4
    for length in shape:
        size *= length
    return helper.make_tensor(name, FLOAT, shape, bytes(size), raw=True)


def linear(folder: Path) -> Path:
    """x [batch, 1000] x w [1000, 500], then Relu: 2,000,000 B of weight, 6,000 B of x and y for each of the batch."""
    nodes = [helper.make_node("MatMul", ["x", "w"], ["p"]), helper.make_node("Relu", ["p"], ["y"])]
    return save(
        folder,
        nodes,
        {"x": (FLOAT, ("batch", 1000))},  # type: ignore[dict-item]
        {"y": (FLOAT, ("batch", 500))},  # type: ignore[dict-item]
        [weight("w", 1000, 500)],  # type: ignore[list-item]
    )


def with_capacity(capacity_bytes: int) -> System:
    """A GPU of that much memory."""
    system = load_system("a100-attacc")
    return replace(system, gpu=replace(system.gpu, capacity_bytes=capacity_bytes))


def test_weights_are_at_the_runs_width(tmp_path: Path) -> None:
    path = linear(tmp_path)
    whole = analyze(path, Settings(dims={"batch": 3})).footprint
    half = analyze(path, Settings(dims={"batch": 3}, assume_dtype="float16")).footprint
    # 1000 * 500 * 4; x and y of 3 rows: 3 * (1000 + 500) * 4; p stays inside the kernel
    assert whole == Footprint(2_000_000, 0, 18_000)
    assert half == Footprint(1_000_000, 0, 9_000)


def test_what_a_kernel_keeps_inside_is_not_stored(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Exp", ["x"], ["a"]),
        helper.make_node("Mul", ["a", "x"], ["y"]),
    ]
    path = save(tmp_path, nodes, {"x": (FLOAT, (64, 64))}, {"y": (FLOAT, (64, 64))})
    # Fused: x and y. Alone: x, a and y while Mul runs.
    assert analysed(path, "compiler").footprint.activation_bytes == 2 * SQUARE
    assert analysed(path, "none").footprint.activation_bytes == 3 * SQUARE


def test_a_tensor_that_is_read_late_is_alive_in_between(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["a"]),
        helper.make_node("MatMul", ["a", "w"], ["b"]),
        helper.make_node("MatMul", ["b", "w"], ["c"]),
        helper.make_node("Add", ["a", "c"], ["y"]),
    ]
    path = save(tmp_path, nodes, {"x": (FLOAT, (64, 64))}, {"y": (FLOAT, (64, 64))}, [weight("w", 64, 64)])  # type: ignore[list-item]
    # While the third product runs: a, b and c. With Add fused into it: a, b and y. w is stored once.
    assert analysed(path, "none").footprint == Footprint(SQUARE, 0, 3 * SQUARE)
    assert analysed(path, "compiler").footprint == Footprint(SQUARE, 0, 3 * SQUARE)


def decode(folder: Path) -> Path:
    """One token's scores against a cache of past rows: new rows are appended, the cache is a model output."""
    nodes = [
        helper.make_node("Relu", ["key"], ["new"]),
        helper.make_node("Concat", ["past", "new"], ["all_keys"], axis=2),
        helper.make_node("Transpose", ["all_keys"], ["turned"], perm=[0, 1, 3, 2]),
        helper.make_node("MatMul", ["query", "turned"], ["scores"]),
    ]
    row = (HALF, (1, 32, 1, 128))
    inputs = {"query": row, "key": row, "past": (HALF, (1, 32, "past", 128))}
    outputs = {"scores": (HALF, (1, 32, 1, "all")), "all_keys": (HALF, (1, 32, "all", 128))}
    return save(folder, nodes, inputs, outputs)  # type: ignore[arg-type]


def test_a_cache_is_held_once_where_its_buffer_is_shared(tmp_path: Path) -> None:
    path = decode(tmp_path)
    settings = Settings(dims={"past": 99}, system="a100-attacc")
    row_bytes = 32 * 128 * 2
    assert analyze(path, settings).footprint.cache_bytes == 100 * row_bytes
    assert analyze(path, replace(settings, backend="ort")).footprint.cache_bytes == (99 + 100) * row_bytes


@pytest.mark.parametrize(
    ("capacity", "largest"),
    # 2,000,000 of weight and 6,000 a row
    [
        (2_006_000, 1),
        (2_011_999, 1),
        (2_012_000, 2),
        (8_000_000, 1000),
        (8_005_999, 1000),
        (80_000_000_000, 13_333_000),
    ],
)
def test_the_largest_batch_is_exact(tmp_path: Path, capacity: int, largest: int) -> None:
    system = with_capacity(capacity)
    parsed = parse(linear(tmp_path), Settings().limits)
    (found,) = largest_fits(parsed, Settings(), system, "batch", (system.gpu,))
    assert (found.size, found.size_bytes) == (largest, 2_000_000 + 6_000 * largest)
    assert found.above_bytes == 2_000_000 + 6_000 * (largest + 1)


def test_a_model_that_fits_at_no_size(tmp_path: Path) -> None:
    system = with_capacity(2_005_999)
    parsed = parse(linear(tmp_path), Settings().limits)
    (found,) = largest_fits(parsed, Settings(), system, "batch", (system.gpu,))
    assert (found.size, found.reason) == (None, "already 2,006,000 B at 1")


@pytest.mark.parametrize(
    ("dims", "dim"),
    [
        ({"past_sequence": 1024}, "batch"),
        ({"batch": 1}, "past_sequence"),
        ({"batch": 64}, "past_sequence"),
    ],
)
def test_a_llama_decoder_fits_an_rtx_4090_up_to_the_largest_size_and_no_further(dims: dict[str, int], dim: str) -> None:
    """The whole analysis at the largest size and at one more, against the 24 GB of the card."""
    model, system = SAMPLES / "llama_decode.onnx", load_system("rtx-4090")
    settings = Settings(system="rtx-4090", assume_dtype="float16", dims=dims)
    (found,) = largest_fits(parse(model, settings.limits), settings, system, dim, (system.gpu,))
    assert found.size is not None
    here, above = (analyze(model, replace(settings, dims={**dims, dim: found.size + more})) for more in (0, 1))
    assert (here.footprint.total_bytes, above.footprint.total_bytes) == (found.size_bytes, found.above_bytes)
    assert here.footprint.total_bytes <= 24_000_000_000 < above.footprint.total_bytes
    assert [one.footprint.fits(system.gpu) for one in (here, above)] == [True, False]
    # 8 layers x keys and values x 3 heads of 64 in float16, for the tokens so far and the new one of each of the batch
    sizes = {**dims, dim: found.size}
    assert here.footprint.cache_bytes == sizes["batch"] * (sizes["past_sequence"] + 1) * 8 * 2 * 3 * 64 * 2


def test_a_search_takes_few_analyses_and_devices_share_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def counted(parsed: object, settings: Settings, system: object) -> Footprint:
        asked.append(settings.dims["batch"])
        return footprint_of(parsed, settings, system)  # type: ignore[arg-type]

    monkeypatch.setattr("onnx_roofline.what_if.largest.footprint_of", counted)
    system = with_capacity(80_000_000_000)
    small = replace(system.gpu, capacity_bytes=8_000_000)
    parsed = parse(linear(tmp_path), Settings().limits)
    found = largest_fits(parsed, Settings(), system, "batch", (small, system.gpu))
    assert [one.size for one in found] == [1000, 13_333_000]
    # 1, 2 and 3 say that every size is taken, and predict the largest on either device: it and the next are asked
    assert sorted(asked) == [1, 2, 3, 1000, 1001, 13_333_000, 13_333_001]


def test_a_search_begins_where_the_model_is_valid(tmp_path: Path) -> None:
    """A kernel of 7 x 1 takes no image of fewer than 7 rows: 4 B a pixel, of which the result has 6 rows fewer."""
    node = helper.make_node("Conv", ["x", "w"], ["y"], kernel_shape=[7, 1])
    inputs = {"x": (FLOAT, (1, 1, "rows", 100))}
    outputs = {"y": (FLOAT, (1, 1, "less", 100))}
    path = save(tmp_path, [node], inputs, outputs, [weight("w", 1, 1, 7, 1)])  # type: ignore[arg-type, list-item]
    parsed, system = parse(path, Settings().limits), with_capacity(1_000_000)
    (found,) = largest_fits(parsed, Settings(), system, "rows", (system.gpu,), start=7)
    # 28 B of weight and rows * 400 + (rows - 6) * 400: 800 * rows - 2,372 <= 1,000,000
    assert (found.size, found.size_bytes, found.above_bytes) == (1252, 999_228, 1_000_028)


def test_sizes_that_the_model_does_not_take_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An image that is halved and doubled again is added to itself: its rows are even. 4 B a pixel, 100 a row."""
    nodes = [
        helper.make_node("MaxPool", ["x"], ["half"], kernel_shape=[2, 1], strides=[2, 1]),
        helper.make_node("Concat", ["half", "half"], ["twice"], axis=2),
        helper.make_node("Add", ["x", "twice"], ["y"]),
    ]
    path = save(tmp_path, nodes, {"x": (FLOAT, (1, 1, "rows", 100))}, {"y": (FLOAT, (1, 1, "rows", 100))})  # type: ignore[dict-item]
    parsed, system = parse(path, Settings().limits), with_capacity(1_000_000)
    (found,) = largest_fits(parsed, Settings(backend="none"), system, "rows", (system.gpu,), start=640)
    # x, twice and y are alive at once: 3 * 400 B a row
    assert (found.size, found.step, found.size_bytes, found.above_bytes) == (832, 2, 998_400, 1_000_800)
    (tmp_path / "gpu.yaml").write_text(
        "schema: 1\nname: GPU\nkind: gpu\npeak_tflops: {float32: 1}\nbandwidth_gb_per_s: {external: 100}\n"
        "capacity_gb: 0.001\nlaunch_us: 5\nefficiency: {compute: 1, memory: 0.5}\n"
        "sources: {all: {source: made up, label: assumed}}\n"
    )
    monkeypatch.chdir(tmp_path)
    assert main(["fit", str(path), "--system", "gpu.yaml", "--backend", "none", "--largest", "rows"]) == 0
    assert capsys.readouterr().out.splitlines()[-2].split() == ["rows", "gpu", "832", "998,400", "B", "1,000,800", "B",
                                                                "at", "834"]  # fmt: skip


def test_the_name_of_a_dim_can_not_move_the_cursor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = "n\x1b[2J\nforged 1 2 3"
    path = save(
        tmp_path, [helper.make_node("Relu", ["x"], ["y"])], {"x": (FLOAT, (name, 4))}, {"y": (FLOAT, (name, 4))}
    )  # type: ignore[dict-item]
    assert main(["fit", str(path), "--system", "rtx-4090"]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert [line for line in out.splitlines() if line.strip().startswith("forged 1 2 3")] == []
    assert r"n\x1b[2J\x0aforged" in out


def test_what_has_no_size_is_unknown_and_not_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nodes = [helper.make_node("Foo", ["x"], ["a"], domain="local"), helper.make_node("Relu", ["a"], ["y"])]
    path = save(tmp_path, nodes, {"x": (FLOAT, ("n", 4))}, {"y": (FLOAT, ("n", 4))})  # type: ignore[dict-item]
    # Nothing says that it fits, so that a gate does not open.
    assert main(["fit", str(path), "--system", "rtx-4090"]) == 1
    (row,) = (line.split() for line in capsys.readouterr().out.splitlines() if line.startswith(" n "))
    assert row[:4] == ["n", "rtx-4090", "unknown", "–"]


@pytest.mark.parametrize(
    ("kind", "ops", "wanted"),
    [
        (FLOAT, [], 3 * 4 * 4),  # the only tensor is input and output
        (FLOAT, [helper.make_node("Identity", ["x"], ["y"])], 3 * 4 * 4),  # a view of the input
        (TensorProto.STRING, [helper.make_node("Identity", ["x"], ["y"])], None),  # strings have no width
    ],
)
def test_an_input_that_no_op_reads_a_byte_of_is_there_where_it_is_an_output(
    tmp_path: Path, kind: int, ops: list[object], wanted: int | None
) -> None:
    made = {"y" if ops else "x": (kind, ("n", 4))}
    path = save(tmp_path, ops, {"x": (kind, ("n", 4))}, made)  # type: ignore[arg-type]
    assert analyze(path, Settings(dims={"n": 3})).footprint == Footprint(0, 0, wanted)


def test_the_short_way_to_a_footprint_is_that_of_an_analysis(tmp_path: Path) -> None:
    path, settings, system = decode(tmp_path), Settings(dims={"past": 7}, system="a100-attacc"), with_capacity(1)
    assert footprint_of(parse(path, settings.limits), settings, system) == analyze(path, settings).footprint


def test_what_does_not_fit_is_not_called_optimal(tmp_path: Path) -> None:
    settings = Settings(dims={"batch": 1}, system=with_capacity(2_005_999))
    proof = analyze(linear(tmp_path), settings).model.whole(PlacementSummary).proof
    assert proof == "does not fit: a100-sxm-80gb would hold 2.006 MB of 2.006 MB"
    fitting = analyze(linear(tmp_path), replace(settings, system=with_capacity(2_006_000)))
    assert fitting.model.whole(PlacementSummary).proof == "optimal for this cost model"


def small_system(folder: Path) -> str:
    """The file of a GPU with 2 MB, beside the shipped PIM of the teaching system."""
    (folder / "small.yaml").write_text(
        "schema: 1\nname: Small\nkind: gpu\npeak_tflops: {float32: 1}\nbandwidth_gb_per_s: {external: 100}\n"
        "capacity_gb: 0.002\nsources: {all: {source: made up, label: assumed}}\n"
    )
    path = folder / "pair.yaml"
    path.write_text(
        "schema: 1\nname: Pair\nkind: system\ngpu: small.yaml\npim: hbm-pim\nlink: {gb_per_s: 10, latency_us: 1}\n"
        "sources: {all: {source: made up, label: assumed}}\n"
    )
    return str(path)


def test_the_commands_say_that_it_does_not_fit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, system = str(linear(tmp_path)), small_system(tmp_path)
    assert main(["analyze", path, "--dim", "batch=1", "--system", system]) == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert "DOES NOT FIT small: 2.006 MB of 2 MB" in first
    # The whole model fits the 30 GB of the PIM.
    assert main(["fit", path, "--dim", "batch=1", "--system", system]) == 0
    out = capsys.readouterr().out
    assert "NO" in out
    assert "already 2,006,000 B at 1" in out
    assert main(["check", path, "--dim", "batch=1", "--max", "memory_bytes=2006000"]) == 0
    assert main(["check", path, "--dim", "batch=1", "--max", "memory_bytes=2005999"]) == 1


def test_a_dim_that_the_model_lacks_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", str(linear(tmp_path)), "--largest", "bach"]) == 2
    assert "found no such dim; did you mean 'batch'?" in capsys.readouterr().err


def test_fits_is_a_budget_of_a_device(tmp_path: Path) -> None:
    linear(tmp_path)
    budgets = tmp_path / "onnx-roofline.yaml"
    budgets.write_text(
        f"version: 1\nmodels:\n- path: m.onnx\n  dims: {{batch: 1}}\n  system: {small_system(tmp_path)}\n"
        "  fits: [small, hbm-pim]\n"
    )
    (entry,) = read_budgets(str(budgets)).entries
    assert [(one.metric, one.limit) for one in entry.budgets] == [
        ("memory_share.small", 1),
        ("memory_share.hbm-pim", 1),
    ]
    assert main(["check", "--config", str(budgets)]) == 1


def test_the_json_has_the_memory_of_each_device(tmp_path: Path) -> None:
    system = with_capacity(2_005_999)
    document = build_document(analyze(linear(tmp_path), Settings(system=system, dims={"batch": 1})))
    memory = document.memory
    # 1000 * 500 * 4, and x and y of one row
    assert (memory.weight_bytes, memory.cache_bytes, memory.activation_bytes) == (2_000_000, 0, 6_000)
    assert memory.total_bytes == 2_006_000
    assert list(memory.devices) == [device.slug for device in system.devices]
    (gpu, pim) = memory.devices.values()
    assert (gpu.capacity_bytes, gpu.share, gpu.fits) == (2_005_999, 2_006_000 / 2_005_999, False)
    assert pim.fits


def test_the_json_says_null_where_a_device_states_no_memory(tmp_path: Path) -> None:
    system = load_system("a100-attacc")
    silent = replace(system, gpu=replace(system.gpu, capacity_bytes=None))
    (gpu, _) = build_document(analyze(linear(tmp_path), Settings(system=silent))).memory.devices.values()
    assert (gpu.capacity_bytes, gpu.share, gpu.fits) == (None, None, None)
