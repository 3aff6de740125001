"""Which tensors are alive while an op runs; the bytes are added up by hand."""

from pathlib import Path

from onnx import TensorProto, helper
from small_models import analysed, key_of, save

from onnx_roofline.ir.records import Live

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64
SQUARE = 64 * 64 * 4


def test_asking_for_a_shape_keeps_no_tensor_alive(tmp_path: Path) -> None:
    """Relu -> Shape, whose value is used last: the result of Relu is dead once Exp has read it."""
    nodes = [
        helper.make_node("Relu", ["x"], ["r"]),
        helper.make_node("Shape", ["r"], ["s"]),
        helper.make_node("Exp", ["r"], ["e"]),
        helper.make_node("Abs", ["e"], ["a"]),
        helper.make_node("Sigmoid", ["a"], ["b"]),
        helper.make_node("Cast", ["s"], ["c"], to=FLOAT),
        helper.make_node("ReduceSum", ["c"], ["y"], keepdims=0),
    ]
    path = save(tmp_path, nodes, {"x": (FLOAT, (64, 64))}, {"b": (FLOAT, (64, 64)), "y": (FLOAT, ())})
    analysis = analysed(path)
    live = analysis.model.column(Live)
    alive = {name: live[key_of(analysis, name)].bytes for name in ("r", "e", "a", "b")}
    # Every op has its input and its result alive, and nothing else.
    assert alive == {"r": 2 * SQUARE, "e": 2 * SQUARE, "a": 2 * SQUARE, "b": 2 * SQUARE}


def test_a_view_keeps_alive_what_it_views(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Relu", ["x"], ["r"]),
        helper.make_node("Unsqueeze", ["r", "axes"], ["v"]),
        helper.make_node("Exp", ["x"], ["e"]),
        helper.make_node("Add", ["v", "e"], ["y"]),
    ]
    axes = helper.make_tensor("axes", INT64, [1], [0])
    path = save(tmp_path, nodes, {"x": (FLOAT, (64, 64))}, {"y": (FLOAT, (1, 64, 64))}, [axes])
    analysis = analysed(path)
    live = analysis.model.column(Live)
    # While Exp runs: x, what Relu made (through its view), and what Exp makes; then x is dead.
    assert live[key_of(analysis, "e")].bytes == 3 * SQUARE
    assert live[key_of(analysis, "y")].bytes == 3 * SQUARE
