"""What each op does and touches: one file per op family, one rule per (domain, op, since_version)."""

from onnx_roofline.op_rules import (  # noqa: F401  (imported to register their rules)
    attention,
    contraction,
    control_flow,
    elementwise,
    movement,
    normalization,
    pooling,
    quantization,
    recurrent,
    reduction,
)
from onnx_roofline.op_rules.registry import Operand, OpView, Rule, all_rules, find_rule, view_of

__all__ = ["OpView", "Operand", "Rule", "all_rules", "find_rule", "view_of"]
