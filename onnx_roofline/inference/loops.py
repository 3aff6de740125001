"""Types through a Loop."""

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING

from msgspec.structs import replace

from onnx_roofline.inference.bodies import body_of, check_interface, scalar_of, stacked
from onnx_roofline.inference.body_flow import positions_handed_on, positions_inserted_into
from onnx_roofline.inference.loop_trips import Iterations, Said, Trips, initial_values, trips_of, trips_to
from onnx_roofline.inference.scope import CONSTANT, BodyRequest, GraphResult, Known, OpResult, Request, Scope, Steps
from onnx_roofline.inference.trip_counts import final_counters
from onnx_roofline.ir.graph import UNKNOWN_TYPE, Op, TensorType
from onnx_roofline.ir.records import Body
from onnx_roofline.ops.shape.merge import merge_types

if TYPE_CHECKING:
    from onnx_roofline.ir.graph import Array

# Iterations of a loop whose carried shapes change that are followed one by one, by how many loops are around it: the
# product over nested loops stays small.
FOLLOWED_TRIPS = (16, 3, 2, 1)


def infer_loop(op: Op, scope: Scope, inputs: tuple[Known | None, ...], said: Said) -> Steps:
    """A Loop. Its carried tensors may change shape: few iterations are followed one by one, many are extrapolated."""
    body = body_of(op, "body")
    states = tuple(known.type if known is not None else UNKNOWN_TYPE for known in inputs[2:])
    check_interface(body, len(states) + 2, len(states) + 1)
    unchanged = positions_handed_on(body)
    iterations = Iterations(op, scope, inputs)

    def request(types: tuple[TensorType, ...]) -> BodyRequest:
        # The values of tensors that iterations change differ from one to the next, so only their types are given, and
        # what is known of all iterations.
        carried = (
            known
            if known is not None and position in unchanged
            else iterations.carried(position, Known(kind, hangs=frozenset() if known is None else known.hangs))
            for position, (kind, known) in enumerate(zip(types, inputs[2:], strict=True))
        )
        formals = iterations.number, Known(TensorType("bool", ())), *carried
        return BodyRequest(op, "body", body, scope, formals, iterations.picks, iterations.runs)

    early = trips_of(op, scope, inputs, said.trips, Known(TensorType("bool", ())))
    if early.origin in ("exact", "bound"):
        iterations.follow(early)
    result = yield request(states)
    condition = result.outputs[0]
    if condition.origin != CONSTANT and scalar_of(condition) and _carried(states, result, len(states)) != states:
        # True for these shapes; those of a later iteration may end the loop.
        condition = Known(condition.type)
    trips = trips_of(op, scope, inputs, said.trips, condition)
    told = yield from _told(said, states, result, request)
    if told is not None and trips.takes(told):
        trips = Trips(told, "bound", is_told=True)
    if iterations.follow(trips) or said.grown(len(states)) is not None:
        result = yield request(states)
    count, origin = trips.most, trips.origin_of_types
    scanned = result.outputs[1 + len(states) :]
    own = _stacked_axis(op, len(states)) if trips.is_open else frozenset[str]()
    final, notes = states, [] if trips.origin == "exact" else [f"trip count {count} is {trips.origin}"]
    if trips.each is not None:
        notes.append(f"it runs {trips.mean} times on average, as the loop around it goes on")
    if count:
        final = _carried(states, result, len(states))
        followed, largest, before, earlier = 1, states, states, None
        limit = min(count, FOLLOWED_TRIPS[min(scope.loops, len(FOLLOWED_TRIPS) - 1)])
        while final != before and followed < limit:
            largest = tuple(map(merge_types, largest, final))
            result = yield request(final)
            earlier, before = before, final
            final, followed = _carried(final, result, len(states)), followed + 1
            scanned = _merged(scanned, result.outputs[1 + len(states) :])
        if final != before and followed < count:
            steps = tuple(zip(earlier or (UNKNOWN_TYPE,) * len(states), before, final, strict=True))
            is_plain = not any(inner.bodies or inner.function for inner in body.ops)
            inserted = positions_inserted_into(body)
            grows = [kind.container == "sequence" and position in inserted for position, kind in enumerate(final)]
            # Sequences that only grow, and nothing else changes: their elements are what they were.
            is_settled = all(grow or old == new for grow, (_, old, new) in zip(grows, steps, strict=True))
            last, final = (
                tuple(
                    _advanced(*step, ahead, is_plain or grow, is_settled)
                    for step, grow in zip(steps, grows, strict=True)
                )
                for ahead in (count - followed - 1, count - followed)
            )
            largest = tuple(map(merge_types, largest, last))
            notes.append("a loop-carried tensor changes its shape: extrapolated from its first steps")
        if largest != states:
            result = yield request(largest)
            scanned = _merged(scanned, result.outputs[1 + len(states) :])
            notes.append("the body is costed at the largest shapes of its loop-carried tensors")
        if trips.is_open:
            own = own or _grown_axis(op, states, final)
        if origin != "exact" and not trips.is_told:
            final = tuple(_resting_on(kind, origin) for kind in map(merge_types, states, final))
    repeat = (Body("body", result.prefix, trips.mean, trips.origin, trips.follows),)
    values = _final_values(op, scope, inputs, count) if origin in ("exact", "bound") else {}
    outputs = (
        *(_final(kind, inputs[2 + i], values.get(i), i in unchanged, own) for i, kind in enumerate(final)),
        *(Known(stacked(known.type, count, 0, origin), hangs=known.hangs | own) for known in scanned),
    )
    return OpResult(outputs, repeat, "; ".join(notes))


def _told(
    said: Said,
    states: tuple[TensorType, ...],
    result: GraphResult,
    request: Callable[[tuple[TensorType, ...]], BodyRequest],
) -> Generator[Request, GraphResult, int | None]:
    """The trips that a stated length of an output says; `result` is the first iteration."""
    told, grown = said.slices(len(states)), said.grown(len(states))
    if told is not None or grown is None:
        return told
    position, axis, size = grown
    after = states
    lengths = [_length(states[position], axis)]
    for _ in range(FOLLOWED_TRIPS[0]):
        before, after = after, _carried(after, result, len(states))
        lengths.append(_length(after[position], axis))
        told = trips_to(size, lengths)
        if told is not None or after == before:
            break
        result = yield request(after)
    return told


def _length(kind: TensorType, axis: int) -> int | None:
    return kind.shape[axis] if kind.shape is not None and axis < len(kind.shape) else None


def _stacked_axis(op: Op, states: int) -> frozenset[str]:
    """The name of the first axis that is as long as there are iterations; a size of it states the trip count."""
    return frozenset(f"{name}.0" for name in list(filter(None, op.outputs[states:]))[:1])


def _grown_axis(op: Op, before: tuple[TensorType, ...], after: tuple[TensorType, ...]) -> frozenset[str]:
    """The name of the first axis that is longer after the last iteration."""
    for name, first, last in zip(op.outputs, before, after, strict=False):
        for axis, (old, new) in enumerate(zip(first.shape or (), last.shape or (), strict=False)):
            if name and old is not None and new is not None and new > old:
                return frozenset((f"{name}.{axis}",))
    return frozenset()


def _final(
    kind: TensorType, initial: Known | None, value: "Array | None", is_unchanged: bool, hangs: frozenset[str]
) -> Known:
    """What a carried tensor is after the last iteration: the value is known of a counter and of what stays."""
    if is_unchanged and initial is not None and initial.type == kind:
        return initial
    if value is not None and kind.is_sure and value.shape == kind.shape:
        return Known(kind, value)
    return Known(kind, hangs=frozenset() if kind.is_sure else hangs)


def _resting_on(kind: TensorType, origin: str) -> TensorType:
    """A type that is assumed where the trip count that it follows from is."""
    return replace(kind, assumed=True) if origin == "assumed" and not kind.exact else kind


def _final_values(op: Op, scope: Scope, inputs: tuple[Known | None, ...], count: int) -> "dict[int, Array]":
    """Counters by position among the carried tensors, with their values after so many iterations."""
    return final_counters(body_of(op, "body"), initial_values(op, inputs), lambda name: scope.find(name).value, count)


def _carried(before: tuple[TensorType, ...], result: GraphResult, count: int) -> tuple[TensorType, ...]:
    """Types that the next iteration gets; where the body says nothing they stay."""
    after = tuple(known.type for known in result.outputs[1 : 1 + count])
    return tuple(old if new == UNKNOWN_TYPE else new for old, new in zip(before, after, strict=True))


def _merged(first: tuple[Known, ...], second: tuple[Known, ...]) -> tuple[Known, ...]:
    return tuple(Known(merge_types(a.type, b.type)) for a, b in zip(first, second, strict=True))


def _advanced(
    earlier: TensorType, before: TensorType, after: TensorType, steps: int, is_plain: bool, is_settled: bool
) -> TensorType:
    """The type `steps` iterations later, if each adds what the last two added; a dim that adds otherwise is unknown.

    A sequence's length must be exact: a body that is not plain may stop to insert at some length. Its elements' shape
    is as exact as before where the loop is settled: only lengths change.
    """
    if before == after or steps <= 0:
        return after

    def ahead(oldest: int | None, old: int | None, new: int | None) -> int | None:
        if old == new:
            return new
        if oldest is None or old is None or new is None or new - old != old - oldest:
            return None
        return max(0, new + steps * (new - old))

    length = ahead(earlier.length, before.length, after.length)
    if not is_plain and before.length != after.length:
        length = None
    shapes = [kind.shape for kind in (earlier, before, after) if kind.shape is not None]
    if before.shape == after.shape:
        shape = after.shape
    elif len(shapes) < 3 or len({len(shape) for shape in shapes}) > 1:
        shape = None
    else:
        shape = tuple(ahead(*sizes) for sizes in zip(*shapes, strict=True))
    return replace(after, shape=shape, length=length, exact=is_settled and after.exact)
