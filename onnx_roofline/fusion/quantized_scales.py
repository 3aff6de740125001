"""Which scales and zero points restore a tensor: all of them at first, those of the piece once something is selected.

Ignores that a Slice may begin inside a block, which needs the scales of one block more.
"""

from msgspec import Struct

from onnx_roofline.base.units import ceil_div, product
from onnx_roofline.ir.graph import TensorType
from onnx_roofline.ir.records import TypedOp
from onnx_roofline.ops.cost.lookup import traits_of


class Scale(Struct, frozen=True):
    """A scale or zero point: its type as far as it is read, and how many of its elements lie `along` each axis of what
    it restores; None where that can't be told.
    """

    kind: TensorType
    along: tuple[int, ...] | None

    def reaching(self, along: tuple[int, ...] | None) -> "Scale":
        """As many of its elements as lie along the axes of something else."""
        if along is None or self.along is None or product(along) >= product(self.along):
            return Scale(self.kind, along)
        return Scale(TensorType(self.kind.dtype, (product(along),), self.kind.exact), along)


def scale_of(kind: TensorType, data: TensorType, axis: int) -> Scale:
    """A scale of a tensor: one for all, one for each index of an axis, or one for each block.

    Source: ONNX DequantizeLinear-21.
    """
    shape, own = data.shape, kind.shape
    if shape is None or own is None or None in shape or None in own:
        return Scale(kind, None)
    if kind.elements == 1:
        return Scale(kind, (1,) * len(shape))
    if len(own) == len(shape) > 1:
        return Scale(kind, kind.dims)
    if len(own) == 1 and -len(shape) <= axis < len(shape) and own[0] == shape[axis]:
        return Scale(kind, tuple(size if place == axis % len(shape) else 1 for place, size in enumerate(data.dims)))
    return Scale(kind, None)


def behind(scale: Scale, row: TypedOp, source: TensorType, made: TensorType) -> Scale:
    """A scale behind an op that renames, moves or selects: `source` is what it takes, `made` what it makes."""
    along = scale.along
    if along is None or source.shape is None or made.shape is None or None in source.shape or None in made.shape:
        return _in_proportion(scale, source, made)
    before, after = source.dims, made.dims
    traits = traits_of(row.op)
    if traits.permutes:
        order = row.op.attributes.get("perm", tuple(reversed(range(len(before)))))
        assert isinstance(order, tuple)
        return Scale(scale.kind, tuple(along[int(place)] for place in order))
    if row.op.op_type == "Gather":
        found = _gathered(along, before, after, row)
        return _in_proportion(scale, source, made) if found is None else scale.reaching(found)
    if traits.selects and len(before) == len(after) and row.op.op_type in ("Slice", "Split"):
        return scale.reaching(tuple(map(_along, along, before, after)))
    if traits.selects or traits.joins:
        return _in_proportion(scale, source, made)
    return Scale(scale.kind, _reshaped(along, before, after))


def _along(count: int, before: int, after: int) -> int:
    """Scales along an axis of which a part is left."""
    return min(count, ceil_div(count * after, before)) if before else count


def _gathered(
    along: tuple[int, ...], before: tuple[int, ...], after: tuple[int, ...], row: TypedOp
) -> tuple[int, ...] | None:
    """Scales along the axes of what is gathered, where the axis of the Gather makes way for those of the indices."""
    given = row.op.attributes.get("axis", 0)
    rank = len(after) - len(before) + 1
    if not isinstance(given, int) or not before or rank < 0:
        return None
    axis = given % len(before)
    indices, count = after[axis : axis + rank], along[axis]
    if count == before[axis]:
        # Each index takes scales of its own, as it takes rows.
        taken = indices
    else:
        fewer = min(count, product(indices))
        if fewer > 1 and not indices:
            return None
        taken = (fewer, *(1,) * (rank - 1)) if indices else ()
    return (*along[:axis], *(taken if count > 1 else (1,) * rank), *along[axis + 1 :])


def _reshaped(along: tuple[int, ...], before: tuple[int, ...], after: tuple[int, ...]) -> tuple[int, ...] | None:
    """Scales along the axes of another shape; None where one of them lies along a part of an axis."""
    found = [1] * len(after)
    for axis, count in enumerate(along):
        if count == 1:
            continue
        ahead = product(before[:axis])
        place = next(
            (at for at, size in enumerate(after) if size == before[axis] and product(after[:at]) == ahead), None
        )
        if place is None:
            return None
        found[place] = count
    return tuple(found)


def _in_proportion(scale: Scale, source: TensorType, made: TensorType) -> Scale:
    """Of a scale of blocks as large a part as is made of its tensor; any other one whole."""
    kind = scale.kind
    if kind.shape is None or len(kind.shape) < 2 or not source.elements or not kind.elements:
        return Scale(kind, None)
    if made.elements is None or made.elements >= source.elements:
        return Scale(kind, None)
    part = ceil_div(kind.elements * made.elements, source.elements)
    return Scale(TensorType(kind.dtype, (part,), kind.exact), None)
