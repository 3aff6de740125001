"""Types of one op's outputs: our rule first, then the onnx library, then a completion of what it leaves open.

Where an input's shape is an upper bound, the library is first asked without its dims: what it still knows is exact.
Then it is asked with the bounds, which answers the rest as bounds; operands that contradict each other only because a
bound is not the real size are no error. What rests on an assumption is asked for twice in the same way: with the
assumed sizes, and without them, which tells what holds whatever they are.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from onnx_roofline.base.errors import NotModelledError, ShapeError
from onnx_roofline.inference.onnx_library import check_arity, find_schema, infer_outputs
from onnx_roofline.inference.partial_values import numbers_of, sure_numbers_of
from onnx_roofline.ir.graph import UNKNOWN_TYPE, Op, TensorType
from onnx_roofline.ops.shape.lookup import find_completion, find_shape_rule, grows_with_input
from onnx_roofline.ops.shape.targets import completed, position_of_target
from onnx_roofline.ops.view import view_of_op

if TYPE_CHECKING:
    from onnx_roofline.ir.graph import Array

Types = tuple[TensorType, ...]
Inputs = tuple[TensorType | None, ...]
Values = tuple["Array | None", ...]
Sizes = Sequence[int | None]

# Rank of an output; the loader holds the tensors of a file to the same. Only Einsum, Reshape and the like go beyond.
MAX_RANK = 64


class Assumed(Struct, frozen=True):
    """Types of outputs, and how the operands contradict each other with the sizes that are assumed: None if not."""

    types: Types
    misfit: ShapeError | None = None


def output_types(op: Op, inputs: Inputs, values: Values, partials: Values = ()) -> Types:
    """A type for each output of the op; UNKNOWN_TYPE where nothing is known.

    `partials` are the values of which not all elements are sure. Raises ShapeError where operands or attributes
    contradict each other.
    """
    return assumed_types(op, inputs, values, partials).types


def assumed_types(op: Op, inputs: Inputs, values: Values, partials: Values = ()) -> Assumed:
    """The types of the outputs; where an assumed size contradicts another operand, without the assumption.

    Raises ShapeError where operands or attributes contradict each other whatever is assumed.
    """
    partials = partials or (None,) * len(inputs)
    rests = any(kind is not None and kind.assumed for kind in inputs)
    if not rests and all(partial is None for partial in partials):
        return Assumed(_types(op, inputs, values, None))
    position = position_of_target(op.op_type, op.domain)
    target = inputs[position] if position is not None and position < len(inputs) else None
    if target is not None and target.assumed:
        # As many axes as a length that nobody knows.
        return Assumed(_padded(op, (TensorType("" if position == 0 else _dtype(inputs[0]), None),)))
    opened = tuple(kind.certain() if kind is not None and kind.assumed else kind for kind in inputs)
    sure_values = tuple(value if part is None else None for value, part in zip(values, partials, strict=True))
    partial = None if position is None or position >= len(partials) else partials[position]
    plain = tuple(
        kind.resting(exact=kind.exact, assumed=False, sure_axes=kind.sure_axes)
        if kind is not None and kind.assumed
        else kind
        for kind in inputs
    )
    misfit = None
    try:
        found = _types(op, plain, values, None if partial is None else numbers_of(partial))
    except ShapeError as error:
        misfit = error
    try:
        certain = _types(op, opened, sure_values, None if partial is None else sure_numbers_of(partial))
    except ShapeError:
        if misfit is not None:
            raise misfit from None
        certain = _padded(op, ())
    if misfit is not None:
        return Assumed(certain, misfit)
    return Assumed(tuple(map(_marked, found, certain)))


def _dtype(kind: TensorType | None) -> str:
    return "" if kind is None else kind.dtype


def _marked(found: TensorType, certain: TensorType) -> TensorType:
    """A type under an assumption, with what holds without it."""
    if found.container != certain.container or found.container not in ("tensor", "sequence"):
        return found if found == certain else replace(found, assumed=True)
    same_rank = certain.shape is not None and found.shape is not None and len(certain.shape) == len(found.shape)
    if same_rank and certain.is_known and certain.exact and certain.length == found.length:
        return certain
    if certain == found:
        return found
    return found.resting(exact=found.exact, assumed=True, sure_axes=certain.known_axes() if same_rank else ())


def _types(op: Op, inputs: Inputs, values: Values, sizes: Sizes | None) -> Types:
    schema = find_schema(op.domain, op.op_type, op.version)
    if schema is not None:
        check_arity(op, schema)
    types = _own(op, inputs, values)
    if types is None:
        types = _completed(op, inputs, values, _by_library(op, inputs, values))
    if sizes is not None and types:
        sure = tuple(None if kind is None else kind.certain() for kind in inputs)
        view = view_of_op(op, sure, values, types)
        types = (completed(view, sizes, types[0]), *types[1:])
    for kind in types:
        if kind.shape is not None and len(kind.shape) > MAX_RANK:
            raise ShapeError(f"found an output of rank {len(kind.shape)}, wanted at most {MAX_RANK}")
        if kind.shape is not None and any(dim is not None and dim < 0 for dim in kind.shape):
            raise ShapeError(f"found an output {kind}, wanted dims of 0 or more")
    return types


def _padded(op: Op, types: Types) -> Types:
    return (*types, *(UNKNOWN_TYPE,) * (len(op.outputs) - len(types)))[: len(op.outputs)]


def _own(op: Op, inputs: Inputs, values: Values) -> Types | None:
    rule = find_shape_rule(op.domain, op.op_type)
    if rule is None:
        return None
    try:
        return _padded(op, tuple(rule(view_of_op(op, inputs, values, _padded(op, ())))))
    except (NotModelledError, IndexError, ValueError):
        # Operands of other ranks or sizes than the rule reads: the library says what is wrong with them.
        return None
    except ShapeError:
        if all(kind is None or kind.exact for kind in inputs):
            raise
        return None


def _by_library(op: Op, inputs: Inputs, values: Values) -> Types:
    if all(kind is None or kind.exact for kind in inputs):
        return infer_outputs(op, inputs, values) or _padded(op, ())
    opened = tuple(None if kind is None else kind.certain() for kind in inputs)
    try:
        certain = infer_outputs(op, opened, values)
    except ShapeError:
        # It may take a list without a length for an empty one: only what the bounds contradict too is wrong.
        at_most = infer_outputs(op, inputs, values)
        return _padded(op, tuple(replace(kind, exact=False) for kind in at_most or ()))
    if certain is None:
        return _padded(op, ())
    if all(kind.is_known for kind in certain) or not grows_with_input(op.domain, op.op_type):
        return certain
    try:
        bounds = infer_outputs(op, inputs, values) or certain
    except ShapeError:
        bounds = certain
    is_ranked = all(kind is None or kind.sure_axes is not None for kind in inputs)
    return tuple(_bounded(sure, bound, is_ranked) for sure, bound in zip(certain, bounds, strict=True))


def _bounded(sure: TensorType, bound: TensorType, is_ranked: bool) -> TensorType:
    """The bound, with the axes that are known without it."""
    if sure.is_known:
        return sure
    if sure.shape is None or bound.shape is None or len(sure.shape) != len(bound.shape):
        return bound.resting(exact=False, assumed=False, sure_axes=() if is_ranked else None)
    shape = tuple(b if a is None else a for a, b in zip(sure.shape, bound.shape, strict=True))
    return replace(bound, shape=shape).resting(exact=False, assumed=False, sure_axes=sure.known_axes())


def _completed(op: Op, inputs: Inputs, values: Values, types: Types) -> Types:
    if all(kind.is_known and kind.dtype for kind in types):
        return types
    rule = find_completion(op.domain, op.op_type)
    if rule is None:
        return types
    is_exact = all(kind is None or kind.exact for kind in inputs)
    try:
        found = _padded(op, tuple(rule(view_of_op(op, inputs, values, types))))
    except (NotModelledError, IndexError, ValueError):
        return types
    except ShapeError:
        if is_exact:
            raise
        return types
    return tuple(_filled(kind, other, is_exact) for kind, other in zip(types, found, strict=True))


def _filled(kind: TensorType, other: TensorType, inputs_exact: bool) -> TensorType:
    """The library's type with its open dims from a rule."""
    dtype = kind.dtype or other.dtype
    if kind.is_known or other.shape is None:
        return replace(kind, dtype=dtype)
    if kind.shape is None or len(kind.shape) != len(other.shape):
        exact = other.exact and inputs_exact
        return replace(other, dtype=dtype).resting(exact=exact, assumed=False, sure_axes=other.sure_axes)
    shape = tuple(b if a is None else a for a, b in zip(kind.shape, other.shape, strict=True))
    filled = replace(kind, dtype=dtype, shape=shape)
    sure = {*kind.known_axes(), *(other.known_axes() if not other.exact or inputs_exact else ())}
    return filled.resting(exact=kind.exact and other.exact, assumed=False, sure_axes=sure)
