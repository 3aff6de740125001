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
