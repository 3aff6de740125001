"""The families that most models don't use, imported on the first op that the common ones have no rule for."""

from onnx_roofline.op_rules import (  # noqa: F401  (imported to register their rules)
    einsum,
    image,
    loss,
    machine_learning,
    microsoft,
    random,
    sequence,
    signal,
    training,
    trees,
)
