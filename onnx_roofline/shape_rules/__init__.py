"""Shapes: the onnx library's inference of one op, values of small tensors, control flow, and rules of our own."""

from onnx_roofline.shape_rules import (  # noqa: F401  (imported to register their rules)
    data_dependent,
    machine_learning,
    old_opsets,
    reshape,
    sequences,
)
