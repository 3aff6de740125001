"""Output types where the onnx library falls short: contrib ops, its mistakes, and outputs that depend on values.

A shape rule sees an `OpView`, as op rules do, and answers the types of the op's outputs in order. There are two kinds:

- `shape_rule`: asked before the library, for ops that it does not know or gets wrong;
- `completion`: asked after it, where it leaves a dim open. Its `OpView` has the library's types as outputs; what the
  library knows stands, the rule's dims fill the gaps. An upper bound is marked `exact=False`.

Both raise NotModelledError where they can't tell; what the file declares is asked last.
"""

from collections.abc import Callable, Sequence

from onnx_roofline.ir.graph import TensorType
from onnx_roofline.ops.view import OpView

ShapeRule = Callable[[OpView], Sequence[TensorType]]


_TABLE: dict[tuple[str, str], ShapeRule] = {}
_COMPLETIONS: dict[tuple[str, str], ShapeRule] = {}
_FALLING: set[tuple[str, str]] = set()


def shape_rule(*op_types: str, domain: str = "") -> Callable[[ShapeRule], ShapeRule]:
    """Register a shape rule for ops of one domain. Raises ValueError for a rule that is there already."""
    return _register(_TABLE, op_types, domain)


def completion(*op_types: str, domain: str = "", falls: bool = False) -> Callable[[ShapeRule], ShapeRule]:
    """Register a rule that is asked where the library leaves a dim open. Raises ValueError as `shape_rule` does.

    `falls`: the output may be longer where the input is shorter, so that what the library makes of a bound is none.
    """
    if falls:
        _FALLING.update((domain, op_type) for op_type in op_types)
    return _register(_COMPLETIONS, op_types, domain)


def shape_rule_of(domain: str, op_type: str) -> ShapeRule | None:
    """The registered rule that is asked before the library, or None."""
    return _TABLE.get((domain, op_type))


def is_falling(domain: str, op_type: str) -> bool:
    """Whether a longer input may make a shorter output, for an op whose rules are loaded."""
    return (domain, op_type) in _FALLING


def completion_of(domain: str, op_type: str) -> ShapeRule | None:
    """The registered rule that is asked after the library, or None."""
    return _COMPLETIONS.get((domain, op_type))


def _register(
    table: dict[tuple[str, str], ShapeRule], op_types: tuple[str, ...], domain: str
) -> Callable[[ShapeRule], ShapeRule]:
    def register(function: ShapeRule) -> ShapeRule:
        for op_type in op_types:
            if (domain, op_type) in table:
                raise ValueError(f"a shape rule for {domain or 'ai.onnx'}.{op_type} exists already")
            table[domain, op_type] = function
        return function

    return register
