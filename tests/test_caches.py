"""Caches of keys and values: what is one, and what of it crosses between devices. All figures by hand."""

from collections.abc import Sequence
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from onnx_roofline.analysis import Analysis, Settings, analyze
from onnx_roofline.caches import Caches
from onnx_roofline.hardware import load_system
from onnx_roofline.placement_problem import Crossing, kernel_graph
from onnx_roofline.records import Kernel, Placement, Reuse, Traffic
from onnx_roofline.tensor_uses import TensorUses

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
    return Caches(TensorUses(analysis.model))


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
    assert found.grown == ({"all_keys": 4 * ROW_BYTES} if is_cache else {})


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
    assert (found.inputs, found.grown) == ({"buffer"}, {"all_keys": ROW_BYTES})


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
    assert kernel.weight_bytes == 2 * 4 * 1023 * ROW_BYTES


@pytest.mark.parametrize(("batch", "past", "device"), [(1, 127, "a100-sxm-80gb"), (64, 1023, "attacc")])
def test_long_caches_of_many_sequences_are_read_on_the_pim(tmp_path: Path, batch: int, past: int, device: str) -> None:
    """64 x 1024 x 2 rows of 8 KiB are 1.1 GB: 0.5 ms at the A100's 2039 GB/s, 46 us at 30 TB/s x 0.79.

    For one short sequence it is 2 MB: 1 us at the A100, and the crossings of q, k, v and y cost more than that each.
    """
    analysis = analyze(attention(tmp_path, batch, past), Settings(system="a100-attacc"))
    (placement,) = analysis.model.column(Placement).values()
    assert placement.device == device


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


def test_a_cache_that_is_no_output_is_not_shared_with_one(tmp_path: Path) -> None:
    analysis = analyze(decode(tmp_path, 4, 99, kept=False), Settings(system="a100-attacc"))
    assert analysis.model.column(Traffic)["1:Concat"].fused_away_bytes == 0
