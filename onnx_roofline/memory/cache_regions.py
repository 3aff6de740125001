"""Parts of the buffer of a cache: what a Slice, Split or Gather takes of it, and whether two parts share an element."""

from collections.abc import Sequence
from itertools import pairwise

from msgspec import Struct

from onnx_roofline.ir.records import TypedOp
from onnx_roofline.ops.pieces import Range, ranges_taken

# A part of the buffer of one source: the source, then the pieces taken of it one after the other.
Region = tuple[object, ...]
_ONE_ELEMENT = 1


class Box(Struct, frozen=True):
    """A piece of a tensor of one shape: what it takes of each axis."""

    shape: tuple[int, ...]
    ranges: tuple[Range, ...]

    def shares(self, other: "Box") -> bool:
        """Whether both may have an element in common; every other one of a range counts as all between its ends."""
        return all(a[0] < b[1] and b[0] < a[1] for a, b in zip(self.ranges, other.ranges, strict=True))

    def is_before(self, other: "Box", axis: int, rank: int) -> bool:
        """Whether the other one begins where this one ends, on the axis on which tensors of a rank are joined.

        Views may have added axes or taken some away; then any axis will do.
        """
        pairs = enumerate(zip(self.ranges, other.ranges, strict=True))
        differing = [(at, a, b) for at, (a, b) in pairs if a != b]
        return (
            len(differing) == 1
            and differing[0][1][1] == differing[0][2][0]
            and (rank != len(self.shape) or differing[0][0] == axis)
        )


def part_of(row: TypedOp, slot: int, indices_at: int) -> object:
    """What names a piece of an op's first input; None where its elements lie apart, so that it is no view of it."""
    if indices_at:
        kind, value = row.inputs[indices_at], row.values[indices_at]
        is_one = kind is not None and kind.elements == _ONE_ELEMENT
        if not is_one and (value is None or value.ndim > 1 or not _is_regular(value.ravel().tolist())):
            return None
    box = _box(row, slot)
    if box is not None:
        return box
    axis = row.op.attributes.get("axis", 0)
    operands = []
    for position, name in enumerate(row.op.inputs[1:], start=1):
        value = row.values[position]
        operands.append((value.shape, value.tobytes()) if value is not None else name)
    return row.op.op_type, slot, str(axis), *operands


def _is_regular(indices: list[int]) -> bool:
    """Whether indices have one step from each to the next, so that a stride reaches them.

    >>> _is_regular([0, 2, 4]), _is_regular([0, 1, 3]), _is_regular([7])
    (True, False, True)
    """
    return len({after - before for before, after in pairwise(indices)}) <= 1


def _box(row: TypedOp, slot: int) -> Box | None:
    """The piece as ranges, where the shape and what is taken of it are known."""
    whole = row.inputs[0]
    ranges = ranges_taken(row, slot)
    return None if whole is None or ranges is None else Box(whole.dims, ranges)


def overlap(first: Region, second: Region) -> bool:
    """Whether two parts surely share an element: one is the other or has it within, or both are ranges that meet."""
    for one, other in zip(first, second, strict=False):
        if one == other:
            continue
        are_boxes = isinstance(one, Box) and isinstance(other, Box) and one.shape == other.shape
        return are_boxes and isinstance(one, Box) and isinstance(other, Box) and one.shares(other)
    return True


def are_side_by_side(regions: Sequence[Region], axis: int, rank: int) -> bool:
    """Whether parts that are joined in this order on an axis can lie so: those of one buffer must follow each other."""
    for first, second in pairwise(regions):
        one, other = first[-1], second[-1]
        if first[:-1] != second[:-1] or not isinstance(one, Box) or not isinstance(other, Box):
            continue
        if one.shape == other.shape and not one.is_before(other, axis, rank):
            return False
    return not any(overlap(a, b) for place, a in enumerate(regions) for b in regions[place + 1 :])
