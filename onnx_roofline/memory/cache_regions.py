"""Parts of the buffer of a cache: what a Slice, Split or Gather takes of it, and whether two parts share an element."""

from collections.abc import Sequence
from itertools import pairwise

from msgspec import Struct

from onnx_roofline.ir.records import TypedOp

# A part of the buffer of one source: the source, then the pieces taken of it one after the other.
Region = tuple[object, ...]
# (first, one past the last, step) of an axis.
Range = tuple[int, int, int]
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
    if row.op.domain or whole is None or not whole.is_known or not whole.dims:
        return None
    found = {"Slice": _sliced, "Split": _split, "Gather": _gathered}.get(row.op.op_type)
    taken = None if found is None else found(row, slot, whole.dims)
    if taken is None or any(not -len(whole.dims) <= axis < len(whole.dims) for axis in taken):
        return None
    by_axis = {axis % len(whole.dims): part for axis, part in taken.items()}
    return Box(whole.dims, tuple(by_axis.get(axis, (0, size, 1)) for axis, size in enumerate(whole.dims)))


def _sliced(row: TypedOp, _slot: int, shape: tuple[int, ...]) -> dict[int, Range] | None:
    numbers: list[list[int]] = []
    for position, name in enumerate(row.op.inputs[1:], start=1):
        value = row.values[position]
        if name and value is None:
            return None
        numbers.append([] if value is None else [int(one) for one in value.reshape(-1).tolist()])
    if len(numbers) < 2:
        return None
    starts, ends, axes, steps = (*numbers, [], [])[:4]
    axes, steps = axes or list(range(len(starts))), steps or [1] * len(starts)
    found: dict[int, Range] = {}
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=False):
        if not step or not -len(shape) <= axis < len(shape):
            return None
        taken = range(shape[axis])[slice(start, end, step)]
        ends_of = sorted((taken[0], taken[-1])) if taken else [0, -1]
        found[axis] = ends_of[0], ends_of[1] + 1, step
    return found


def _split(row: TypedOp, slot: int, _shape: tuple[int, ...]) -> dict[int, Range] | None:
    axis = row.op.attributes.get("axis", 0)
    if not isinstance(axis, int) or not all(kind.is_known and kind.dims for kind in row.outputs[: slot + 1]):
        return None
    sizes = [kind.dims[axis] for kind in row.outputs[: slot + 1]]
    return {axis: (sum(sizes[:slot]), sum(sizes), 1)}


def _gathered(row: TypedOp, _slot: int, shape: tuple[int, ...]) -> dict[int, Range] | None:
    axis, value = row.op.attributes.get("axis", 0), row.values[1]
    if value is None or not value.size or not isinstance(axis, int) or not -len(shape) <= axis < len(shape):
        return None
    indices = [int(one) % shape[axis] if shape[axis] else 0 for one in value.reshape(-1).tolist()]
    step = indices[1] - indices[0] if len(indices) > 1 else 1
    return {axis: (min(indices), max(indices) + 1, step)}


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
