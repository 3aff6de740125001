"""What the large operand of an attention op is: a cache that comes in, or keys of this run."""

from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from onnx_roofline.analysis.analyze import analyze
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.ir.kernel_work import KernelWork
from onnx_roofline.ir.records import Kernel

HALF = TensorProto.FLOAT16


def value(name: str, *shape: int) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, HALF, shape)


def attention(folder: Path, *, past: int) -> Path:
    """One token of 4 heads of 64, behind `past` others if there are any."""
    token = [value(name, 1, 4, 1, 64) for name in ("q", "k", "v")]
    cache = [value(name, 1, 4, past, 64) for name in ("past_key", "past_value")] if past else []
    present = [value(name, 1, 4, past + 1, 64) for name in ("present_key", "present_value")] if past else []
    node = helper.make_node(
        "Attention",
        ["q", "k", "v", "", *(one.name for one in cache)] if past else ["q", "k", "v"],
        ["y", *(one.name for one in present)],
        "attention",
    )
    graph = helper.make_graph([node], "decode", [*token, *cache], [value("y", 1, 4, 1, 64), *present])
    file = folder / "attention.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 23)]), file)
    return file


@pytest.mark.parametrize(("past", "resident"), [(0, "activation"), (1023, "kv")])
def test_the_cache_of_an_attention_op_is_its_large_operand(tmp_path: Path, past: int, resident: str) -> None:
    analysis = analyze(attention(tmp_path, past=past), Settings(system="a100-attacc"))
    (kernel,) = {row.id: row for row in analysis.model.column(Kernel).values() if row.id}.values()
    work = analysis.model.column(KernelWork)[kernel.id]
    assert work.resident == resident
    # keys and values: (past + 1) x 64 x 4 heads x 2 bytes each
    assert [one.resident_bytes for one in work.products] == [2 * 4 * 64 * (past + 1)] * 2


@pytest.mark.parametrize(("name", "expected"), [("past_key", "kv"), ("key", "activation")])
def test_a_cache_that_comes_in_stays_one_behind_a_transpose(name: str, expected: str, tmp_path: Path) -> None:
    """A cross attention's keys come in whole: nothing is appended to them, they are only turned before the product."""
    query, keys, scores = (
        helper.make_tensor_value_info(*tensor)
        for tensor in (
            ("query", TensorProto.FLOAT, [1, 8, 1, 64]),
            (name, TensorProto.FLOAT, [1, 8, 128, 64]),
            ("scores", TensorProto.FLOAT, [1, 8, 1, 128]),
        )
    )
    nodes = [
        helper.make_node("Transpose", [name], ["turned"], perm=[0, 1, 3, 2]),
        helper.make_node("MatMul", ["query", "turned"], ["scores"]),
    ]
    graph = helper.make_graph(nodes, "g", [query, keys], [scores])
    path = tmp_path / "m.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)
    analysis = analyze(path, Settings())
    kernel = analysis.model.column(Kernel)["1:MatMul"]
    root = analysis.model.column(Kernel)[kernel.id]
    found = analysis.model.column(KernelWork)[root.id]
    assert found.resident == expected
    assert found.product is not None
    assert found.product.macs == 8 * 128 * 64


def spelled_out(folder: Path, *, repeats: int, queries: int = 1) -> Path:
    """Attention of 2 sequences with 3 key heads of 16 elements, each repeated for `repeats` query heads; 40 keys."""
    heads = 3 * repeats
    text = f"""<ir_version: 10, opset_import: ["": 21]>
        g (float16[2, {heads}, {queries}, 16] q, float16[2, 3, 40, 16] k, float16[2, 3, 40, 16] v)
            => (float16[2, {heads}, {queries}, 16] y)
        <int64[1] two = {{2}}, int64[5] to = {{2, 3, {repeats}, 40, 16}}, int64[4] flat = {{2, {heads}, 40, 16}}> {{
            k5 = Unsqueeze (k, two)  kx = Expand (k5, to)  kh = Reshape (kx, flat)
            v5 = Unsqueeze (v, two)  vx = Expand (v5, to)  vh = Reshape (vx, flat)
            kt = Transpose <perm = [0, 1, 3, 2]> (kh)
            s = MatMul (q, kt)  p = Softmax <axis = -1> (s)  y = MatMul (p, vh)
        }}"""
    onnx.save(onnx.parser.parse_model(text), folder / "spelled.onnx")
    return folder / "spelled.onnx"


@pytest.mark.parametrize(("repeats", "queries"), [(1, 1), (3, 1), (4, 8), (1, 8)])
def test_query_heads_that_share_a_key_head_are_vectors_of_its_product(
    repeats: int, queries: int, tmp_path: Path
) -> None:
    analysis = analyze(spelled_out(tmp_path, repeats=repeats, queries=queries), Settings(system="a100"))
    (work,) = (one for one in analysis.model.column(KernelWork).values() if one.masking is not None)
    # 2 x 3 key heads, whichever way they are written, and 40 x 16 x 2 B of each for the products
    shapes = [(one.batch, one.outputs, one.depth, one.vectors, one.resident_bytes) for one in work.products]
    assert shapes == [
        (6, 40, 16, repeats * queries, 6 * 40 * 16 * 2),
        (6, 16, 40, repeats * queries, 6 * 40 * 16 * 2),
    ]
    assert work.masking is not None
    assert work.masking.group == repeats
    assert sum(one.macs for one in work.products) == 2 * 2 * 3 * repeats * queries * 40 * 16


def test_attention_takes_the_same_time_spelled_out_and_as_one_op(tmp_path: Path) -> None:
    text = """<ir_version: 10, opset_import: ["": 23]>
        g (float16[2, 9, 1, 16] q, float16[2, 3, 40, 16] k, float16[2, 3, 40, 16] v) => (float16[2, 9, 1, 16] y) {
            y = Attention (q, k, v)
        }"""
    onnx.save(onnx.parser.parse_model(text), tmp_path / "op.onnx")
    files = spelled_out(tmp_path, repeats=3), tmp_path / "op.onnx"
    one, other = (analyze(file, Settings(system="a100")).summary.time_placed for file in files)
    # Expand reads its shape, 5 x 8 B, twice; an A100 moves 2 TB/s.
    assert one.known_s == pytest.approx(other.known_s, abs=80 / 2e12)
    assert one.known_s > other.known_s
