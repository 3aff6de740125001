"""Liveness: which activations are in memory while each kernel runs, and how many bytes they are.

Kernels run one after the other, the first that can run by the order of the file. A tensor is alive from the kernel that
writes it to the last that reads it; what only the members of one kernel read is never written and never alive, as the
scores of a fused attention. Views share the bytes of what they view. Weights are not counted, and neither are caches
of keys and values, which outlive a run. Ignores results that overwrite their operands and the workspace of kernels.
"""

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from onnx_roofline.ir.graph import Model
from onnx_roofline.ir.records import Folding, Kernel, Live, PeakActivations, Traffic, TypedOp, Work
from onnx_roofline.ir.scopes import callees_first, rows_by_scope
from onnx_roofline.ir.tensor_index import TensorIndex
from onnx_roofline.memory.cache_buffers import CacheBuffers, body_result, input_types, is_in_place

NOT_RUN = Live(None)


class Interval(Struct, frozen=True):
    """A tensor in memory from the step that writes it to the last that reads it, both included; -1 is before all."""

    name: str
    bytes: int | None
    start: int
    end: int


def find_live(model: Model) -> tuple[dict[str, Live], PeakActivations]:
    """By row what is alive while its kernel runs, and the most that is.

    A body's tensors are alive while the op that runs it runs. Of its bodies the one with the highest peak counts, once
    however often it runs.
    """
    rows, index = model.column(TypedOp), model.whole(TensorIndex)
    members = rows_by_scope(rows)
    kernels = model.column(Kernel)
    steps = index.steps(kernels)
    buffers = CacheBuffers.of(model)
    peaks: dict[str, int | None] = {}
    at_step: dict[str, Live] = {}
    for scope in callees_first(rows, members):
        order = steps.get(scope, [])
        place = {step: position for position, step in enumerate(order)}
        intervals = list(_intervals(model, scope, members.get(scope, ()), place, buffers))
        alive, peak = _sweep(intervals, len(order))
        for step, size in zip(order, alive, strict=True):
            inner = [peaks[body.scope] for body in rows[step].bodies if body.repeat != 0]
            whole = None if size is None or None in inner else size + max((one or 0 for one in inner), default=0)
            at_step[step] = Live(whole)
            peak = None if peak is None or whole is None else max(peak, whole)
        peaks[scope] = peak
    # A piece of a cache that lies in place is a step, but nothing runs then.
    run = {key: kernels[key].id or (key if row.bodies else "") for key, row in rows.items()}
    return {key: at_step.get(step, NOT_RUN) for key, step in run.items()}, PeakActivations(peaks[""])


def _made_inside(model: Model, row: TypedOp) -> frozenset[str]:
    """Results of a call or an If that are those of its bodies: what a body makes is not copied when it returns.

    A loop copies: what it carries and what it stacks are other tensors than its body's.
    """
    index, found = model.whole(TensorIndex), set(row.op.outputs)
    for body in row.bodies:
        if row.op.function is None and not body.is_branch:
            return frozenset()
        inner = {name: index.root(body.scope, body_result(model, row, body, name)) for name in found}
        found = {name for name, root in inner.items() if (body.scope, root) in index.makers}
    return frozenset(found)


def _intervals(
    model: Model, scope: str, keys: Sequence[str], place: Mapping[str, int], buffers: CacheBuffers
) -> Iterator[Interval]:
    """The tensors that are stored while a graph runs."""
    rows, works, kernels = model.column(TypedOp), model.column(Work), model.column(Kernel)
    foldings, traffics, index = model.column(Folding), model.column(Traffic), model.whole(TensorIndex)
    last = len(place) - 1

    def end_of(name: str, start: int) -> int:
        if (scope, name) in index.kept:
            return last
        return max((place[kernels[key].id or key] for key in index.readers.get((scope, name), ())), default=start)

    if not scope:
        for name, kind in input_types(model).items():
            is_used = ("", name) in index.readers or ("", name) in index.kept
            if is_used and not buffers.holds(("", name)):
                yield Interval(name, kind.bytes, -1, end_of(name, -1))
    of_kernel: dict[str, frozenset[str]] = {}
    for key in keys:
        row, kernel = rows[key], kernels[key]
        start = place.get(kernel.id or key)
        if start is None or row.role != "compute" or not (works[key].moves_data or row.bodies):
            continue
        if len(kernel.members) > 1 and kernel.id not in of_kernel:
            of_kernel[kernel.id] = frozenset(kernel.members)
        written = foldings[key].written(row.outputs)
        inside = _made_inside(model, row) if row.bodies else ()
        for name, kind in zip(row.op.outputs, written, strict=True):
            if not name or buffers.holds((scope, name)) or is_in_place(traffics[key], name):
                continue
            if len(kernel.members) > 1 and not index.leaves(scope, name, of_kernel[kernel.id]):
                continue
            # While the op runs, what its body makes is counted there.
            end, first = end_of(name, start), start + (name in inside)
            if first <= end:
                yield Interval(name, kind.bytes, first, end)


def _sweep(intervals: list[Interval], steps: int) -> tuple[list[int | None], int | None]:
    """(bytes alive at each step, the most at any step or before them); None where a size is unknown."""
    change, opened = [0] * (steps + 2), [0] * (steps + 2)
    for one in intervals:
        for position, sign in ((one.start + 1, 1), (one.end + 2, -1)):
            change[position] += sign * (one.bytes or 0)
            opened[position] += sign * (one.bytes is None)
    alive: list[int | None] = []
    size = unknown = 0
    for position in range(steps + 1):
        size, unknown = size + change[position], unknown + opened[position]
        alive.append(None if unknown else size)
    known = [size for size in alive if size is not None]
    return alive[1:], max(known) if len(known) == len(alive) else None
