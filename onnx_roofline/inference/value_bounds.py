"""Upper bounds of values that follow from upper bounds of shapes: what a Shape can be at most.

A bound goes through ops that never make more of less: sums and products of sizes, picks, and rearrangements. What shape
inference makes of a bound is a bound as well and is marked so.
"""

from typing import TYPE_CHECKING

from msgspec.structs import replace

from onnx_roofline.base.errors import ShapeError
from onnx_roofline.inference.constant_values import SHAPE_OPS, evaluate
from onnx_roofline.inference.output_types import output_types
from onnx_roofline.inference.scope import Known
from onnx_roofline.ir.graph import Op, TensorType

if TYPE_CHECKING:
    from onnx_roofline.ir.graph import Array

    Values = tuple["Array | None", ...]

# Ops whose result grows, or stays, when an operand grows.
_MONOTONE = frozenset(
    {"Gather", "Concat", "Slice", "Squeeze", "Unsqueeze", "Reshape", "Cast", "Identity", "Add", "Mul", "Max", "Min",
     "Expand", "ConstantOfShape", "Range", "ReduceProd", "ReduceSum", "ReduceMax", "Where", "Transpose"}
)  # fmt: skip
# Ops whose result grows with the first operand if the second is certain.
_MONOTONE_IN_FIRST = frozenset({"Sub", "Div"})
# Ops of those that make the less of the more where an operand is negative.
_TURNED_BY_NEGATIVES = frozenset({"Mul", "Div", "ReduceProd"})


def bounded_outputs(
    op: Op, inputs: tuple[Known | None, ...], outputs: tuple[TensorType, ...], limit: int
) -> "tuple[tuple[TensorType, ...], Values] | None":
    """(types, bounds of values) where an operand is known by a bound, or None where none is.

    Types that are known without bounds stay as they are; the others are filled in as bounds.
    """
    types = tuple(None if known is None else known.type for known in inputs)
    is_shape_of_bound = op.op_type in SHAPE_OPS and types and types[0] is not None and not types[0].exact
    if not is_shape_of_bound and not any(known is not None and known.bound is not None for known in inputs):
        return None
    values = tuple(None if known is None else known.value if known.bound is None else known.bound for known in inputs)
    if not all(kind.is_known for kind in outputs) and _grows(op, inputs):
        try:
            at_most = output_types(op, types, values)
        except ShapeError:
            at_most = outputs
        outputs = tuple(
            sure if sure.is_known else replace(bound, exact=False) for sure, bound in zip(outputs, at_most, strict=True)
        )
    certain = tuple(None if kind is None else replace(kind, exact=True) for kind in types)
    if is_shape_of_bound or _keeps_bounds(op, inputs):
        return outputs, evaluate(op, certain, values, outputs, limit)
    return outputs, (None,) * len(outputs)


def _grows(op: Op, inputs: tuple[Known | None, ...]) -> bool:
    """Whether the outputs' dims grow, or stay, with the operands that are known by a bound.

    A Range is longer the smaller its start, or its limit where it counts down; of a tensor of one size a Reshape gives
    the more to the dim of -1 the smaller the others are.
    """
    bounds = [None if known is None else known.bound for known in inputs]
    if op.op_type == "Range" and not op.domain:
        step = inputs[2].value if inputs[2] is not None else None
        return step is not None and bounds[0 if step.reshape(-1)[0] > 0 else 1] is None
    if op.op_type == "Reshape" and not op.domain:
        is_sure = inputs[0] is not None and inputs[0].type.exact
        return not (is_sure and any(-1 in bound.reshape(-1).tolist() for bound in bounds[1:] if bound is not None))
    return True


def _keeps_bounds(op: Op, inputs: tuple[Known | None, ...]) -> bool:
    """Whether the op applied to upper bounds gives an upper bound."""
    if op.domain:
        return False
    bounded = [known is not None and known.bound is not None for known in inputs]
    if op.op_type in _TURNED_BY_NEGATIVES and any(map(_has_negatives, inputs)):
        return False
    if op.op_type in _MONOTONE:
        # Which element is picked, or which branch, must be certain; a Range must start and step certainly.
        first = {"Gather": (0,), "Slice": (0, 2), "Where": (1, 2), "Range": (1,), "Reshape": (0,)}.get(op.op_type)
        return first is None or not any(bounded[i] for i in range(len(bounded)) if i not in first)
    if op.op_type in _MONOTONE_IN_FIRST:
        return len(bounded) == 2 and not bounded[1]
    if op.op_type == "Equal":
        # A size is never the negative number that marks "keep this dim".
        others = [known for known, is_bound in zip(inputs, bounded, strict=True) if not is_bound]
        values = [None if known is None else known.value for known in others]
        return len(values) == 1 and values[0] is not None and max(values[0].reshape(-1).tolist(), default=0) < 0
    return False


def _has_negatives(known: Known | None) -> bool:
    numbers = None if known is None else known.value if known.bound is None else known.bound
    return numbers is not None and min(numbers.reshape(-1).tolist(), default=0) < 0
