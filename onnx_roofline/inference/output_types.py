"""Types of one op's outputs: our rule first, then the onnx library, then a completion of what it leaves open.

Where an input's shape is an upper bound, the library is first asked without its dims: what it still knows is exact.
Then it is asked with the bounds, which answers the rest as bounds; operands that contradict each other only because a
bound is not the real size are no error.
"""

from typing import TYPE_CHECKING

from msgspec.structs import replace

from onnx_roofline.base.errors import NotModelledError, ShapeError
from onnx_roofline.inference.onnx_library import check_arity, find_schema, infer_outputs
from onnx_roofline.ir.graph import UNKNOWN_TYPE, Op, TensorType
from onnx_roofline.ops.shape.lookup import find_completion, find_shape_rule
from onnx_roofline.ops.view import view_of_op

if TYPE_CHECKING:
    from onnx_roofline.ir.graph import Array

Types = tuple[TensorType, ...]
Inputs = tuple[TensorType | None, ...]
Values = tuple["Array | None", ...]

# Rank of an output; the loader holds the tensors of a file to the same. Only Einsum, Reshape and the like go beyond.
MAX_RANK = 64


def output_types(op: Op, inputs: Inputs, values: Values) -> Types:
    """A type for each output of the op; UNKNOWN_TYPE where nothing is known.

    Raises ShapeError where operands or attributes contradict each other.
    """
    schema = find_schema(op.domain, op.op_type, op.version)
    if schema is not None:
        check_arity(op, schema)
    types = _own(op, inputs, values)
    if types is None:
        types = _completed(op, inputs, values, _by_library(op, inputs, values))
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
    opened = tuple(None if kind is None else _without_dims(kind) for kind in inputs)
    try:
        certain = infer_outputs(op, opened, values)
    except ShapeError:
        # It may take a list without a length for an empty one: only what the bounds contradict too is wrong.
        at_most = infer_outputs(op, inputs, values)
        return _padded(op, tuple(replace(kind, exact=False) for kind in at_most or ()))
    if certain is None:
        return _padded(op, ())
    if op.op_type != "Shape" and all(kind.is_known for kind in certain):
        return certain
    try:
        bounds = infer_outputs(op, inputs, values) or certain
    except ShapeError:
        bounds = certain
    return tuple(
        sure if sure.is_known and op.op_type != "Shape" else replace(bound, exact=False)
        for sure, bound in zip(certain, bounds, strict=True)
    )


def _without_dims(kind: TensorType) -> TensorType:
    if kind.exact or kind.shape is None:
        return kind
    return replace(kind, shape=(None,) * len(kind.shape), length=None)


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
        return replace(other, dtype=dtype, exact=other.exact and inputs_exact)
    shape = tuple(b if a is None else a for a, b in zip(kind.shape, other.shape, strict=True))
    return replace(kind, dtype=dtype, shape=shape, exact=kind.exact and other.exact)
