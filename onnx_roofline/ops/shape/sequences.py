"""Types of sequences and optionals: the elements' merged type, and how many there are where that is known.

A length is exact or None; `exact` speaks of the elements' shape, which is a bound where they differ.
"""

from collections.abc import Sequence

from msgspec.structs import replace

from onnx_roofline.base.errors import NotModelledError, ShapeError
from onnx_roofline.base.units import ceil_div
from onnx_roofline.ir.graph import TensorType
from onnx_roofline.ops.shape.merge import axis_of, merge_types
from onnx_roofline.ops.shape.registry import shape_rule
from onnx_roofline.ops.view import OpView

Types = Sequence[TensorType]


def sequence_of(element: TensorType, length: int | None) -> TensorType:
    """A sequence with elements of one type."""
    return replace(element, container="sequence", length=length)


def element_of(kind: TensorType) -> TensorType:
    """One element of a sequence or optional."""
    return replace(kind, container="tensor", length=None)


def with_element(kind: TensorType, element: TensorType, length: int | None) -> TensorType:
    """A sequence `kind` that also holds `element`; an empty one takes the element's type as it is."""
    if kind.length == 0:
        return sequence_of(element, length)
    return sequence_of(merge_types(element_of(kind), element), length)


@shape_rule("SequenceEmpty")
def sequence_empty(op: OpView) -> Types:
    """A sequence of length 0. Source: ONNX SequenceEmpty-11."""
    from onnx_roofline.base.units import dtype_name

    return (TensorType(dtype_name(op.int_attr("dtype", 1)), None, container="sequence", length=0),)


@shape_rule("SequenceConstruct")
def sequence_construct(op: OpView) -> Types:
    """A sequence of the operands. Source: ONNX SequenceConstruct-11."""
    kinds = [operand.type for operand in op.inputs if operand is not None]
    merged = kinds[0]
    for kind in kinds[1:]:
        merged = merge_types(merged, kind)
    return (sequence_of(merged, len(kinds)),)


@shape_rule("SequenceInsert")
def sequence_insert(op: OpView) -> Types:
    """One element more. Source: ONNX SequenceInsert-11."""
    kind = _sequence(op)
    return (with_element(kind, op.input(1).type, None if kind.length is None else kind.length + 1),)


@shape_rule("SequenceErase")
def sequence_erase(op: OpView) -> Types:
    """One element less. Source: ONNX SequenceErase-11."""
    kind = _sequence(op)
    if kind.length == 0:
        raise ShapeError("found an empty sequence, wanted an element to erase")
    return (replace(kind, length=None if kind.length is None else kind.length - 1),)


@shape_rule("SequenceAt")
def sequence_at(op: OpView) -> Types:
    """One element; of elements of several shapes, the largest as a bound. Source: ONNX SequenceAt-11."""
    kind = _sequence(op)
    if kind.length == 0:
        raise ShapeError("found an empty sequence, wanted an element to take")
    return (element_of(kind),)


@shape_rule("SequenceLength")
def sequence_length(_op: OpView) -> Types:
    """A scalar. Source: ONNX SequenceLength-11."""
    return (TensorType("int64", ()),)


@shape_rule("SplitToSequence")
def split_to_sequence(op: OpView) -> Types:
    """Parts of the given sizes, or of one size; without `split`, slices. Source: ONNX SplitToSequence-11."""
    shape = op.x.shape
    axis = axis_of(op, len(shape))

    def part(size: int, exact: bool, length: int | None) -> Types:
        dims = (*shape[:axis], size, *shape[axis + 1 :])
        return (TensorType(op.x.dtype, dims, exact and op.x.type.exact, "sequence", length),)

    if not op.has(1):
        if op.int_attr("keepdims", 1):
            return part(1, True, shape[axis])
        dims = shape[:axis] + shape[axis + 1 :]
        return (TensorType(op.x.dtype, dims, op.x.type.exact, "sequence", shape[axis]),)
    split = op.input(1)
    if not split.is_known:
        return part(shape[axis], False, split.elements if split.rank == 1 else None)
    sizes = [int(size) for size in split.value.reshape(-1)]
    if any(size < 0 for size in sizes) or (split.rank == 0 and sizes[0] < 1):
        raise ShapeError(f"found split {sizes[:8]}, wanted sizes above 0")
    if split.rank == 0:
        return part(min(sizes[0], shape[axis]), shape[axis] % sizes[0] == 0, ceil_div(shape[axis], sizes[0]))
    return part(max(sizes, default=0), len(set(sizes)) <= 1, len(sizes))


@shape_rule("ConcatFromSequence")
def concat_from_sequence(op: OpView) -> Types:
    """The elements along an axis, or along a new one. Source: ONNX ConcatFromSequence-11."""
    kind = _sequence(op)
    if kind.shape is None or kind.length is None:
        raise NotModelledError("the elements of the sequence are not known")
    is_new = bool(op.int_attr("new_axis", 0))
    rank = len(kind.shape) + is_new
    axis = axis_of(op, rank)
    if is_new:
        return (TensorType(kind.dtype, (*kind.shape[:axis], kind.length, *kind.shape[axis:]), kind.exact),)
    size = kind.shape[axis]
    total = None if size is None else size * kind.length
    return (TensorType(kind.dtype, (*kind.shape[:axis], total, *kind.shape[axis + 1 :]), kind.exact),)


@shape_rule("Optional")
def optional(op: OpView) -> Types:
    """What it holds; an empty one only has a declared type. Source: ONNX Optional-15."""
    if not op.has(0):
        raise NotModelledError("the type is that of an attribute")
    kind = op.x.type
    return (kind if kind.container == "sequence" else replace(kind, container="optional"),)


@shape_rule("OptionalGetElement")
def optional_get_element(op: OpView) -> Types:
    """What the optional holds; a tensor or sequence as it is. Source: ONNX OptionalGetElement-18."""
    kind = op.x.type
    return (element_of(kind) if kind.container == "optional" else kind,)


@shape_rule("OptionalHasElement")
def optional_has_element(_op: OpView) -> Types:
    """A boolean scalar. Source: ONNX OptionalHasElement-18."""
    return (TensorType("bool", ()),)


@shape_rule("Identity")
def identity(op: OpView) -> Types:
    """The input, whatever container it is. Source: ONNX Identity-19."""
    if op.x.type.container == "tensor":
        raise NotModelledError("the library knows tensors")
    return (op.x.type,)


def _sequence(op: OpView) -> TensorType:
    kind = op.x.type
    if kind.container != "sequence":
        raise NotModelledError("the operand is not known to be a sequence")
    return kind
