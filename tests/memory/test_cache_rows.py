"""Rows that a run adds to a cache: which operand they are; and a past that this run computes, which is no cache."""

from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from onnx_roofline.analysis.analyze import Analysis, analyze
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.ir.placed_records import Placement
from onnx_roofline.ir.records import Traffic, TypedOp

HALF, INT64 = TensorProto.FLOAT16, TensorProto.INT64
SYSTEM = Settings(system="a100-attacc")
node = helper.make_node


def value(name: str, *shape: int, kind: int = HALF) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def analyzed(
    folder: Path,
    nodes: list[onnx.NodeProto],
    inputs: list[onnx.ValueInfoProto],
    outputs: list[onnx.ValueInfoProto],
    settings: Settings = SYSTEM,
) -> Analysis:
    path = folder / "decode.onnx"
    graph = helper.make_graph(nodes, "decode", inputs, outputs)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 24)]), path)
    return analyze(path, settings)


def key_of(analysis: Analysis, op_type: str) -> str:
    (found,) = (key for key, row in analysis.model.column(TypedOp).items() if row.op.op_type == op_type)
    return found


def decode(folder: Path, addition: onnx.NodeProto, *more: onnx.ValueInfoProto) -> Analysis:
    """A new key of 4 heads of 64 goes into a buffer of 128 positions, [128, 4, 64], against which a query is scored."""
    nodes = [
        node("Relu", ["key"], ["new"]),
        addition,
        node("Transpose", ["all_keys"], ["turned"], perm=[1, 2, 0]),
        node("MatMul", ["query", "turned"], ["scores"]),
    ]
    inputs = [value("query", 4, 1, 64), value("key", 1, 4, 64), value("past", 128, 4, 64), *more]
    return analyzed(folder, nodes, inputs, [value("scores", 4, 1, 128), value("all_keys", 128, 4, 64)])


def test_the_rows_of_a_scatter_nd_are_its_updates(tmp_path: Path) -> None:
    """One row of 4 heads of 64 float16, 512 B; its index is one int64."""
    scatter = node("ScatterND", ["past", "at", "new"], ["all_keys"])
    analysis = decode(tmp_path, scatter, value("at", 1, 1, kind=INT64))
    traffic = analysis.model.column(Traffic)[key_of(analysis, "ScatterND")]
    # The buffer is neither read nor written but for the new row: the update in, the row out, and the index.
    assert traffic.naive_bytes == 2 * 128 * 512 + 512 + 8
    assert traffic.compulsory_bytes == 512 + 512 + 8


def test_the_rows_of_a_scatter_elements_are_its_updates(tmp_path: Path) -> None:
    """An index for each element of the row: 256 int64."""
    scatter = node("ScatterElements", ["past", "at", "new"], ["all_keys"], axis=0)
    analysis = decode(tmp_path, scatter, value("at", 1, 4, 64, kind=INT64))
    traffic = analysis.model.column(Traffic)[key_of(analysis, "ScatterElements")]
    assert traffic.naive_bytes == 2 * 128 * 512 + 512 + 256 * 8
    assert traffic.compulsory_bytes == 512 + 512 + 256 * 8


def test_the_row_that_a_tensor_scatter_writes_is_written(tmp_path: Path) -> None:
    """Its first axis can't be the sequence's, so the buffer is [1, 128, 256] here."""
    nodes = [
        node("Relu", ["key"], ["new"]),
        node("TensorScatter", ["past", "new", "at"], ["all_keys"], axis=1),
        node("Transpose", ["all_keys"], ["turned"], perm=[0, 2, 1]),
        node("MatMul", ["query", "turned"], ["scores"]),
    ]
    row = [value(name, 1, 1, 256) for name in ("query", "key")]
    inputs = [*row, value("past", 1, 128, 256), value("at", 1, kind=INT64)]
    analysis = analyzed(tmp_path, nodes, inputs, [value("scores", 1, 1, 128), value("all_keys", 1, 128, 256)])
    found = analysis.model.column(Traffic)[key_of(analysis, "TensorScatter")]
    # The new row comes from the Relu in the same kernel; it is written, and the index is read.
    assert found.compulsory_bytes == 512 + 8


def attention(folder: Path, maker: str, backend: str = "compiler") -> Analysis:
    """One token of 8 sequences behind 1023 others, 4 heads of 64, whose keys and values `maker` makes of inputs."""
    nodes = [node(maker, [f"{one}_in"], [f"{one}_past"]) for one in "kv"] if maker else []
    past = [f"{one}_past" if maker else f"{one}_in" for one in "kv"]
    nodes.append(node("Attention", ["q", "k", "v", "", *past], ["y", "k_out", "v_out"]))
    inputs = [value(name, 8, 4, 1, 64) for name in "qkv"] + [value(f"{one}_in", 8, 4, 1023, 64) for one in "kv"]
    outputs = [value("y", 8, 4, 1, 64), *(value(f"{one}_out", 8, 4, 1024, 64) for one in "kv")]
    return analyzed(folder, nodes, inputs, outputs, Settings(system="a100-attacc", backend=backend))


ROW = 8 * 4 * 64 * 2  # bytes of one position of all sequences


@pytest.mark.parametrize("backend", ["compiler", "none"])
def test_a_past_that_this_run_computes_is_no_cache(backend: str, tmp_path: Path) -> None:
    """AttAcc's attention wants a cache in its banks; what a Relu made of two inputs is none."""
    analysis = attention(tmp_path, "Relu", backend)
    key = key_of(analysis, "Attention")
    on_pim = analysis.model.column(Placement)[key].devices["attacc"]
    assert on_pim.time_s is None
    assert on_pim.reason == "Attention: its large operand is computed in this run, must be kv in the PIM's memory"
    # q, k, v and y; both pasts in, both presents out, whole
    assert analysis.model.column(Traffic)[key].compulsory_bytes == (4 + 2 * 1023 + 2 * 1024) * ROW


@pytest.mark.parametrize(("backend", "written"), [("compiler", 1), ("none", 1024)])
@pytest.mark.parametrize("maker", ["", "Identity"])
def test_a_past_that_comes_in_is_one(maker: str, backend: str, written: int, tmp_path: Path) -> None:
    analysis = attention(tmp_path, maker, backend)
    key = key_of(analysis, "Attention")
    assert analysis.model.column(Placement)[key].devices["attacc"].time_s is not None
    assert analysis.model.column(Traffic)[key].compulsory_bytes == (4 + 2 * 1023 + 2 * written) * ROW
