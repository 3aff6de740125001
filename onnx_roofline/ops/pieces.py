"""Which elements of their first input the ops take that select some of them: a range of each axis."""

from onnx_roofline.ir.records import TypedOp

# (first, one past the last, step) of an axis.
Range = tuple[int, int, int]


def ranges_taken(row: TypedOp, slot: int) -> tuple[Range, ...] | None:
    """What an output has of each axis of the first input; None where the shape or what is taken of it is not known.

    Source: ONNX Slice-13, Split-18, Gather-13.
    """
    whole = row.inputs[0]
    if row.op.domain or whole is None or not whole.is_known or not whole.dims:
        return None
    found = {"Slice": _sliced, "Split": _split, "Gather": _gathered}.get(row.op.op_type)
    taken = None if found is None else found(row, slot, whole.dims)
    if taken is None or any(not -len(whole.dims) <= axis < len(whole.dims) for axis in taken):
        return None
    by_axis = {axis % len(whole.dims): part for axis, part in taken.items()}
    return tuple(by_axis.get(axis, (0, size, 1)) for axis, size in enumerate(whole.dims))


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
