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
