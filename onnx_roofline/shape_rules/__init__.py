"""Shapes: the onnx library's inference of one op, values of small tensors, control flow, and rules of our own."""

from onnx_roofline.shape_rules import data_dependent, sequences  # noqa: F401  (imported to register their rules)
