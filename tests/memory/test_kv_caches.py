"""Caches of keys and values: what is one, and what of it crosses between devices. All figures by hand."""

from collections.abc import Sequence
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from onnx_roofline.analysis.analyze import Analysis, analyze
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.hardware import load_system
from onnx_roofline.ir.placed_records import Placement
from onnx_roofline.ir.records import Kernel, Reuse, Traffic, TypedOp
from onnx_roofline.memory.kv_caches import Caches, InPlace
from onnx_roofline.placement.kernel_graph import Crossing, kernel_graph
from onnx_roofline.timing.division import with_vectors

HALF, INT64 = TensorProto.FLOAT16, TensorProto.INT64
HEADS, WIDTH = 32, 128
ROW_BYTES = HEADS * WIDTH * 2


def value(name: str, *shape: int, kind: int = HALF) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def saved(
    folder: Path,
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[onnx.ValueInfoProto],
    outputs: Sequence[onnx.ValueInfoProto],
    stored: Sequence[onnx.TensorProto] = (),
) -> Path:
    graph = helper.make_graph(nodes, "decode", inputs, outputs, stored)
    path = folder / "decode.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 24)]), path)
    return path


def decode(folder: Path, batch: int, past: int, *, earlier: str = "past", kept: bool = True) -> Path:
    """Scores of one new token against the keys of all: Relu -> Concat -> Transpose -> MatMul."""
    nodes = [
        helper.make_node("Relu", ["key"], ["new"]),
        helper.make_node("Concat", [earlier, "new"], ["all_keys"], axis=2),
        helper.make_node("Transpose", ["all_keys"], ["turned"], perm=[0, 1, 3, 2]),
        helper.make_node("MatMul", ["query", "turned"], ["scores"]),
    ]
    inputs = [
        value("query", batch, HEADS, 1, WIDTH),
        value("key", batch, HEADS, 1, WIDTH),
        value(earlier, batch, HEADS, past, WIDTH),
    ]
    outputs = [value("scores", batch, HEADS, 1, past + 1)]
    if kept:
        outputs.append(value("all_keys", batch, HEADS, past + 1, WIDTH))
    return saved(folder, nodes, inputs, outputs)


def caches_of(analysis: Analysis) -> Caches:
    return analysis.model.whole(Caches)


def crossings_of(analysis: Analysis) -> dict[str, Crossing]:
    found = kernel_graph(analysis.model, analysis.system, "full").crossings
    return {item.name: item for item in found}


@pytest.mark.parametrize(
    ("earlier", "kept", "is_cache"),
    [("past", True, True), ("past_key", False, True), ("memory", True, True), ("memory", False, False)],
)
def test_rows_are_added_to_a_cache_that_is_named_so_or_returned(
    tmp_path: Path, earlier: str, kept: bool, is_cache: bool
) -> None:
    found = caches_of(analyze(decode(tmp_path, 4, 99, earlier=earlier, kept=kept), Settings(system="a100-attacc")))
    assert found.inputs == ({earlier} if is_cache else set())
    assert found.new_bytes("", "all_keys") == (4 * ROW_BYTES if is_cache else None)


def test_only_the_new_rows_of_a_cache_cross(tmp_path: Path) -> None:
    crossings = crossings_of(analyze(decode(tmp_path, 4, 99), Settings(system="a100-attacc")))
    assert "past" not in crossings
    assert crossings["all_keys"].bytes == 4 * ROW_BYTES
    # The scores are read by the host; the cache stays for the next run.
    assert crossings["scores"].bytes == 4 * HEADS * 100 * 2
    assert len(crossings["all_keys"].consumers) == 1


def test_what_is_no_cache_crosses_whole(tmp_path: Path) -> None:
    path = decode(tmp_path, 4, 99, earlier="memory", kept=False)
    crossings = crossings_of(analyze(path, Settings(system="a100-attacc")))
    assert crossings["memory"].bytes == 4 * 99 * ROW_BYTES
    assert crossings["all_keys"].bytes == 4 * 100 * ROW_BYTES


def test_rows_scattered_into_a_buffer_are_its_new_rows(tmp_path: Path) -> None:
    """A buffer of 128 positions, one of which is written."""
    nodes = [
        helper.make_node("TensorScatter", ["buffer", "key", "at"], ["all_keys"], axis=2),
        helper.make_node("Transpose", ["all_keys"], ["turned"], perm=[0, 1, 3, 2]),
        helper.make_node("MatMul", ["query", "turned"], ["scores"]),
    ]
    inputs = [
        value("query", 1, HEADS, 1, WIDTH),
        value("key", 1, HEADS, 1, WIDTH),
        value("buffer", 1, HEADS, 128, WIDTH),
        value("at", 1, kind=INT64),
    ]
    outputs = [value("scores", 1, HEADS, 1, 128), value("all_keys", 1, HEADS, 128, WIDTH)]
    found = caches_of(analyze(saved(tmp_path, nodes, inputs, outputs), Settings(system="a100-attacc")))
    assert (found.inputs, found.new_bytes("", "all_keys")) == ({"buffer"}, ROW_BYTES)


def attention(folder: Path, batch: int, past: int) -> Path:
    """One token of each of `batch` sequences in an Attention op that appends to its caches."""
    token = [value(name, batch, HEADS, 1, WIDTH) for name in ("q", "k", "v")]
    earlier = [value(name, batch, HEADS, past, WIDTH) for name in ("k_in", "v_in")]
    later = [value(name, batch, HEADS, past + 1, WIDTH) for name in ("k_out", "v_out")]
    node = helper.make_node("Attention", ["q", "k", "v", "", "k_in", "v_in"], ["y", "k_out", "v_out"], "attention")
    return saved(folder, [node], [*token, *earlier], [value("y", batch, HEADS, 1, WIDTH), *later])


def test_an_attention_op_keeps_its_caches_where_it_runs(tmp_path: Path) -> None:
    analysis = analyze(attention(tmp_path, 4, 1023), Settings(system="a100-attacc"))
    assert {name: item.bytes for name, item in crossings_of(analysis).items()} == dict.fromkeys(
        ("q", "k", "v", "y"), 4 * ROW_BYTES
    )
    (kernel,) = kernel_graph(analysis.model, analysis.system, "full").kernels
    assert kernel.work.resident_bytes == 2 * 4 * 1023 * ROW_BYTES


@pytest.mark.parametrize(("batch", "past", "least"), [(1, 127, 1.5), (64, 1023, 8.0)])
def test_long_caches_of_many_sequences_are_read_on_the_pim(tmp_path: Path, batch: int, past: int, least: float) -> None:
    """64 x 1024 x 2 rows of 8 KiB are 1.1 GB: 0.8 ms at 0.66 of the A100's 2039 GB/s, 42 us at 0.88 of 30 TB/s in
    whole rounds of heads.

    For one short sequence it is 2 MB: 1 us at the A100, whose attention takes 12.5 us however short it is; the
    crossings of q, k, v and y cost 1 us each.
    """
    analysis = analyze(attention(tmp_path, batch, past), Settings(system="a100-attacc"))
    (placement,) = analysis.model.column(Placement).values()
    assert placement.device == "attacc"
    crossings_s = 4 * analysis.system.link.transfer_s(batch * ROW_BYTES)
    assert placement.devices["a100-sxm-80gb"].time_s > least * (placement.time_s + crossings_s)


def test_a_cache_takes_room_on_the_pim(tmp_path: Path) -> None:
    """2 x 256 x 32,767 rows of 8 KiB are 137 GB, and the PIM has 85.9."""
    analysis = analyze(attention(tmp_path, 256, 32767), Settings(system="a100-attacc"))
    assert (load_system("a100-attacc").pim.capacity_bytes or 0) < 2 * 256 * 32767 * ROW_BYTES
    (placement,) = analysis.model.column(Placement).values()
    assert placement.device == "a100-sxm-80gb"


@pytest.mark.parametrize(
    ("backend", "expected"),
    [
        # In and out whole: 4 sequences of 99 old rows and a new one.
        ("none", 2 * 4 * 100 * ROW_BYTES),
        # The new rows, in and out.
        ("compiler", 2 * 4 * ROW_BYTES),
    ],
)
def test_a_cache_is_copied_unless_past_and_present_share_a_buffer(tmp_path: Path, backend: str, expected: int) -> None:
    analysis = analyze(decode(tmp_path, 4, 99), Settings(system="a100-attacc", backend=backend))
    assert analysis.model.column(Traffic)["1:Concat"].compulsory_bytes == expected
    # What attention then reads of the cache was not on its way through the chip.
    moved = analysis.model.column(Reuse)["1:Concat"].devices["a100-sxm-80gb"]
    assert moved.compulsory_bytes == expected


def test_rows_that_were_not_touched_are_not_on_chip(tmp_path: Path) -> None:
    """3.3 MB of keys would fit the A100's L2; only the new rows went through it."""
    analysis = analyze(decode(tmp_path, 4, 99), Settings(system="a100-attacc"))
    reader = analysis.model.column(Kernel)["2:Transpose"].id
    moved = analysis.model.column(Reuse)[reader].devices["a100-sxm-80gb"]
    assert moved.moved_bytes >= 4 * 100 * ROW_BYTES


def test_an_attention_op_writes_its_new_rows_only(tmp_path: Path) -> None:
    path = attention(tmp_path, 4, 99)
    savings = {
        backend: analyze(path, Settings(system="a100-attacc", backend=backend)).model.column(Traffic)["0:Attention"]
        for backend in ("none", "compiler")
    }
    assert savings["none"].fused_away_bytes == 0
    # Both presents but for their new rows; both pasts are read.
    assert savings["compiler"].fused_away_bytes == 2 * 4 * 99 * ROW_BYTES
    assert savings["compiler"].naive_bytes == savings["none"].naive_bytes


@pytest.mark.parametrize(("backend", "grows"), [("none", 2), ("compiler", 4)])
def test_more_queries_of_a_cache_bring_their_own_bytes(tmp_path: Path, backend: str, grows: int) -> None:
    """Beside past and present, q and y; where only new rows are written, those come with the queries too."""
    analysis = analyze(attention(tmp_path, 4, 1023), Settings(system="a100-attacc", backend=backend))
    (kernel,) = kernel_graph(analysis.model, analysis.system, "full").kernels
    work = kernel.work
    rows = work.moved_bytes("attacc") // (4 * ROW_BYTES)
    # Past, q, k, v, y, and both presents whole or their new rows.
    assert rows == 2 * 1023 + 4 + (2 * 1024 if backend == "none" else 2)
    assert with_vectors(work, 100).moved_bytes("attacc") == (rows + 99 * grows) * 4 * ROW_BYTES


def test_a_cache_that_is_no_output_is_not_shared_with_one(tmp_path: Path) -> None:
    analysis = analyze(decode(tmp_path, 4, 99, kept=False), Settings(system="a100-attacc"))
    assert analysis.model.column(Traffic)["1:Concat"].fused_away_bytes == 0


def test_a_name_alone_makes_no_cache(tmp_path: Path) -> None:
    """A forecaster's past values meet stored weights, and with the future's calendar they are no longer memory."""
    nodes = [
        helper.make_node("MatMul", ["past_values", "weights"], ["y"]),
        helper.make_node("Concat", ["past_features", "future_features"], ["features"], axis=1),
        helper.make_node("MatMul", ["features", "weights"], ["z"]),
    ]
    inputs = [value(name, 1, 48, 8) for name in ("past_values", "past_features", "future_features")]
    weights = helper.make_tensor("weights", HALF, [8, 8], bytes(128), raw=True)
    path = saved(tmp_path, nodes, inputs, [value("y", 1, 48, 8), value("z", 1, 96, 8)], [weights])
    analysis = analyze(path, Settings(system="a100-attacc"))
    assert caches_of(analysis).inputs == set()
    assert crossings_of(analysis)["past_values"].bytes == 48 * 8 * 2


def test_an_image_with_a_result_behind_it_is_no_cache(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Relu", ["image"], ["edges"]),
        helper.make_node("Concat", ["image", "edges"], ["both"], axis=1),
    ]
    path = saved(tmp_path, nodes, [value("image", 1, 3, 64, 64)], [value("both", 1, 6, 64, 64)])
    analysis = analyze(path, Settings(system="a100-attacc"))
    assert caches_of(analysis).inputs == set()
    assert analysis.model.column(Traffic)["1:Concat"].fused_away_bytes == 0


@pytest.mark.parametrize("between", ["Cast", "Transpose"])
def test_a_cache_is_seen_through_copies_of_it(tmp_path: Path, between: str) -> None:
    """Stored at twice the width, or turned, and given back so."""
    options = {"to": TensorProto.FLOAT16} if between == "Cast" else {"perm": [0, 2, 1, 3]}
    back = {"to": TensorProto.FLOAT} if between == "Cast" else options
    kind = TensorProto.FLOAT if between == "Cast" else HALF
    shape = (4, HEADS, 99, WIDTH) if between == "Cast" else (4, 99, HEADS, WIDTH)
    nodes = [
        helper.make_node("Relu", ["key"], ["new"]),
        helper.make_node(between, ["past"], ["old"], **options),
        helper.make_node("Concat", ["old", "new"], ["all_keys"], axis=2),
        helper.make_node(between, ["all_keys"], ["present"], **back),
        helper.make_node("Transpose", ["all_keys"], ["turned"], perm=[0, 1, 3, 2]),
        helper.make_node("MatMul", ["query", "turned"], ["scores"]),
    ]
    inputs = [
        value("query", 4, HEADS, 1, WIDTH),
        value("key", 4, HEADS, 1, WIDTH),
        value("past", *shape, kind=kind),
    ]
    outputs = [value("scores", 4, HEADS, 1, 100), value("present", *(n + (n == 99) for n in shape), kind=kind)]
    analysis = analyze(saved(tmp_path, nodes, inputs, outputs), Settings(system="a100-attacc", backend="none"))
    crossings = crossings_of(analysis)
    assert {"past", "old", "present"}.isdisjoint(crossings)
    assert crossings["all_keys"].bytes == 4 * ROW_BYTES


def test_caches_of_keys_and_values_may_be_stacked(tmp_path: Path) -> None:
    """As older exporters write them: past [2, B, h, T, d], split, grown and joined again."""
    nodes = [
        helper.make_node("Split", ["past"], ["old_k", "old_v"], axis=0, num_outputs=2),
        *(helper.make_node("Relu", [f"{one}_in"], [f"new_{one}"]) for one in "kv"),
        *(helper.make_node("Concat", [f"old_{one}", f"new_{one}"], [f"all_{one}"], axis=3) for one in "kv"),
        helper.make_node("Concat", ["all_k", "all_v"], ["present"], axis=0),
        helper.make_node("MatMul", ["query", "all_v"], ["y"]),
    ]
    token = (1, 4, HEADS, 1, WIDTH)
    inputs = [value("k_in", *token), value("v_in", *token), value("query", 1, 4, HEADS, 1, 100)]
    inputs.append(value("past", 2, 4, HEADS, 99, WIDTH))
    outputs = [value("y", *token), value("present", 2, 4, HEADS, 100, WIDTH)]
    found = caches_of(analyze(saved(tmp_path, nodes, inputs, outputs), Settings(system="a100-attacc")))
    assert found.inputs == {"past"}
    assert found.grown[("", "all_k")] == found.grown[("", "all_v")] == 4 * ROW_BYTES
    assert found.grown[("", "present")] == 2 * 4 * ROW_BYTES


def test_a_branch_grows_the_cache_of_the_graph_around_it(tmp_path: Path) -> None:
    """A merged decoder: one branch appends to the past, the other starts with this run's keys."""
    grow = [
        helper.make_node("Relu", ["key"], ["new"]),
        helper.make_node("Concat", ["past", "new"], ["all_keys"], axis=2),
        helper.make_node("Transpose", ["all_keys"], ["turned"], perm=[0, 1, 3, 2]),
        helper.make_node("MatMul", ["query", "turned"], ["scores"]),
    ]
    start = [
        helper.make_node("Relu", ["key"], ["first"]),
        helper.make_node("Transpose", ["first"], ["first_turned"], perm=[0, 1, 3, 2]),
        helper.make_node("MatMul", ["query", "first_turned"], ["first_scores"]),
    ]
    then = helper.make_graph(
        grow, "then", [], [value("scores", 4, HEADS, 1, 100), value("all_keys", 4, HEADS, 100, WIDTH)]
    )
    other = helper.make_graph(
        start, "other", [], [value("first_scores", 4, HEADS, 1, 1), value("first", 4, HEADS, 1, WIDTH)]
    )
    node = helper.make_node("If", ["grows"], ["y", "present"], then_branch=then, else_branch=other)
    inputs = [
        value("grows", kind=TensorProto.BOOL),
        value("query", 4, HEADS, 1, WIDTH),
        value("key", 4, HEADS, 1, WIDTH),
        value("past", 4, HEADS, 99, WIDTH),
    ]
    outputs = [value("y", 4, HEADS, 1, "keys"), value("present", 4, HEADS, "all", WIDTH)]
    analysis = analyze(saved(tmp_path, [node], inputs, outputs), Settings(system="a100-attacc"))
    crossings = crossings_of(analysis)
    assert caches_of(analysis).inputs == {"past"}
    assert "past" not in crossings
    assert crossings["all_keys"].bytes == 4 * ROW_BYTES
    (concat,) = (key for key, row in analysis.model.column(TypedOp).items() if row.op.op_type == "Concat")
    assert analysis.model.column(Traffic)[concat].compulsory_bytes == 2 * 4 * ROW_BYTES


def test_two_that_append_to_one_past_share_no_buffer_with_it(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Relu", ["key"], ["new"]),
        helper.make_node("Neg", ["key"], ["other"]),
        helper.make_node("Concat", ["past", "new"], ["a"], axis=2),
        helper.make_node("Concat", ["past", "other"], ["b"], axis=2),
    ]
    inputs = [value("key", 4, HEADS, 1, WIDTH), value("past", 4, HEADS, 99, WIDTH)]
    outputs = [value(name, 4, HEADS, 100, WIDTH) for name in "ab"]
    analysis = analyze(saved(tmp_path, nodes, inputs, outputs), Settings(system="a100-attacc"))
    assert all(not row.kept for row in analysis.model.column(InPlace).values())
