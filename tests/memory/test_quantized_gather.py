"""An op between DequantizeLinear and QuantizeLinear folds whatever integers it reads beside the quantised tensor."""

from pathlib import Path

from onnx import TensorProto, helper
from small_models import analysed, save, traffic_of

INT8, INT64 = TensorProto.INT8, TensorProto.INT64


def test_indices_do_not_keep_a_gather_in_floating_point(tmp_path: Path) -> None:
    """Two of ten rows of four int8: read and written at a byte each, with the scale, the zero point and the indices."""
    nodes = [
        helper.make_node("DequantizeLinear", ["table", "scale", "zero"], ["wide"]),
        helper.make_node("Gather", ["wide", "at"], ["rows"]),
        helper.make_node("QuantizeLinear", ["rows", "scale", "zero"], ["y"]),
    ]
    stored = [helper.make_tensor("scale", TensorProto.FLOAT, [], [0.5]), helper.make_tensor("zero", INT8, [], [0])]
    path = save(tmp_path, nodes, {"table": (INT8, (10, 4)), "at": (INT64, (2,))}, {"y": (INT8, (2, 4))}, stored)
    analysis = analysed(path)
    traffic = traffic_of(analysis, "rows")
    assert traffic.read_bytes == (2 * 4 + 4 + 1, 2 * 8)
    assert traffic.write_bytes == (2 * 4,)
    # The ops around it are gone.
    assert analysis.summary.naive_bytes == 2 * 4 + 4 + 1 + 2 * 8 + 2 * 4
