"""A model input that nobody reads holds no memory, whether or not its size is known."""

from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper
from small_models import analysed, key_of

from onnx_roofline.ir.records import Live

FLOAT = TensorProto.FLOAT
SQUARE = 64 * 64 * 4


@pytest.mark.parametrize(
    ("kind", "shape"),
    [
        (FLOAT, [64, 64]),
        (FLOAT, [1000, 1000]),
        (FLOAT, None),
        (TensorProto.STRING, [8]),
    ],  # nothing says how long strings are
)
@pytest.mark.parametrize("first", [True, False])
def test_an_input_that_nobody_reads_is_not_alive(
    kind: int, shape: list[int] | None, first: bool, tmp_path: Path
) -> None:
    nodes = [helper.make_node("Relu", ["x"], ["r"]), helper.make_node("Exp", ["r"], ["y"])]
    inputs = [
        helper.make_tensor_value_info("x", FLOAT, [64, 64]),
        helper.make_tensor_value_info("unread", kind, shape),
    ]
    output = helper.make_tensor_value_info("y", FLOAT, [64, 64])
    graph = helper.make_graph(nodes, "g", inputs if first else inputs[::-1], [output])
    path = tmp_path / "m.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)]), path)
    analysis = analysed(path)
    live = analysis.model.column(Live)
    # Each op has what it reads and what it makes alive.
    assert [live[key_of(analysis, name)].bytes for name in "ry"] == [2 * SQUARE, 2 * SQUARE]
    assert analysis.summary.peak_activation_bytes == 2 * SQUARE


def test_an_input_is_alive_until_its_last_reader(tmp_path: Path) -> None:
    """u is read by the second op of three, and is there from the start; the result of the first is read last."""
    nodes = [
        helper.make_node("Relu", ["x"], ["r"]),
        helper.make_node("Add", ["x", "u"], ["s"]),
        helper.make_node("Mul", ["r", "s"], ["y"]),
    ]
    inputs = [helper.make_tensor_value_info(name, FLOAT, [64, 64]) for name in "xu"]
    graph = helper.make_graph(nodes, "g", inputs, [helper.make_tensor_value_info("y", FLOAT, [64, 64])])
    path = tmp_path / "m.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)]), path)
    analysis = analysed(path)
    live = analysis.model.column(Live)
    # x, u, r; then s as well; then r, s and y
    assert [live[key_of(analysis, name)].bytes for name in "rsy"] == [3 * SQUARE, 4 * SQUARE, 3 * SQUARE]


def test_a_body_holds_the_most_that_any_of_its_ops_does(tmp_path: Path) -> None:
    """then: Exp makes r, Concat makes two of it, a sum is left; else: only a sum."""

    def branch(name: str, nodes: list[onnx.NodeProto]) -> onnx.GraphProto:
        return helper.make_graph(nodes, name, [], [helper.make_tensor_value_info(f"{name}_y", FLOAT, [])])

    then = branch(
        "then",
        [
            helper.make_node("Exp", ["x"], ["r"]),
            helper.make_node("Concat", ["r", "r"], ["c"], axis=0),
            helper.make_node("ReduceSum", ["c"], ["then_y"], keepdims=0),
        ],
    )
    otherwise = branch("else", [helper.make_node("ReduceSum", ["x"], ["else_y"], keepdims=0)])
    nodes = [helper.make_node("If", ["c0"], ["y"], then_branch=then, else_branch=otherwise)]
    inputs = [
        helper.make_tensor_value_info("c0", TensorProto.BOOL, []),
        helper.make_tensor_value_info("x", FLOAT, [64, 64]),
    ]
    graph = helper.make_graph(nodes, "g", inputs, [helper.make_tensor_value_info("y", FLOAT, [])])
    path = tmp_path / "m.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)]), path)
    analysis = analysed(path)
    live = analysis.model.column(Live)
    # r; r and c; c and the sum
    assert [live[key_of(analysis, name)].bytes for name in ("r", "c", "then_y")] == [SQUARE, 3 * SQUARE, 2 * SQUARE + 4]
    # The condition and x outside, and the most of the branches; y is what a branch makes
    assert live[key_of(analysis, "y")].bytes == 1 + SQUARE + 3 * SQUARE
