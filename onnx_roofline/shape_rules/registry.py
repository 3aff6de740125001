"""Output types where the onnx library falls short: contrib ops and outputs that depend on values.

A shape rule sees an `OpView`, as op rules do, and answers the types of the op's outputs in order. It is asked before the
library. It raises NotModelledError where it can't tell; the library, then the file's declaration, are asked next.
"""

from collections.abc import Callable, Sequence

from onnx_roofline.graph import TensorType
from onnx_roofline.op_rules.registry import OpView

ShapeRule = Callable[[OpView], Sequence[TensorType]]

_TABLE: dict[tuple[str, str], ShapeRule] = {}


def shape_rule(*op_types: str, domain: str = "") -> Callable[[ShapeRule], ShapeRule]:
    """Register a shape rule for ops of one domain. Raises ValueError for a rule that is there already."""

    def register(function: ShapeRule) -> ShapeRule:
        for op_type in op_types:
            if (domain, op_type) in _TABLE:
                raise ValueError(f"a shape rule for {domain or 'ai.onnx'}.{op_type} exists already")
            _TABLE[domain, op_type] = function
        return function

    return register


def find_shape_rule(domain: str, op_type: str) -> ShapeRule | None:
    """The shape rule of an op, or None."""
    return _TABLE.get((domain, op_type))
