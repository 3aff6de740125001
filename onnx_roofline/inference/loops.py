"""Types through a Loop, and how often its body runs."""

from fractions import Fraction
from typing import TYPE_CHECKING

from msgspec.structs import replace

from onnx_roofline.inference.bodies import body_of, check_interface, scalar_of, stacked
from onnx_roofline.inference.partial_values import is_unsure
from onnx_roofline.inference.scope import CONSTANT, BodyRequest, GraphResult, Known, OpResult, Scope, Steps
from onnx_roofline.inference.trip_counts import (
    condition_reads,
    counted_trips,
    final_counters,
    positions_handed_on,
    positions_inserted_into,
)
from onnx_roofline.ir.graph import UNKNOWN_TYPE, Op, TensorType
from onnx_roofline.ir.records import Body, Origin
from onnx_roofline.ops.shape.merge import merge_types

if TYPE_CHECKING:
    from onnx_roofline.ir.graph import Array

# Trip counts that mean "until the condition fails": exporters write the largest number of a type.
UNBOUNDED_TRIPS = frozenset({2**31 - 1, 2**63 - 1})
# Iterations of a loop whose carried shapes change that are followed one by one, by how many loops are around it: the
# product over nested loops stays small.
FOLLOWED_TRIPS = (16, 3, 2, 1)


def infer_loop(op: Op, scope: Scope, inputs: tuple[Known | None, ...], trips: int | None) -> Steps:
    """A Loop. Its carried tensors may change shape: few iterations are followed one by one, many are extrapolated."""
    body = body_of(op, "body")
    states = tuple(known.type if known is not None else UNKNOWN_TYPE for known in inputs[2:])
    check_interface(body, len(states) + 2, len(states) + 1)
    first = Known(TensorType("int64", ())), Known(TensorType("bool", ()))
    unchanged = positions_handed_on(body)

    def request(types: tuple[TensorType, ...]) -> BodyRequest:
        # The values of tensors that iterations change differ from one to the next, so only their types are given.
        carried = (
            known
            if known is not None and position in unchanged
            else Known(kind, hangs=frozenset() if known is None else known.hangs)
            for position, (kind, known) in enumerate(zip(types, inputs[2:], strict=True))
        )
        return BodyRequest(op, "body", body, scope, (*first, *carried))

    result = yield request(states)
    condition = result.outputs[0]
    if condition.origin != CONSTANT and scalar_of(condition) and _carried(states, result, len(states)) != states:
        # True for these shapes; those of a later iteration may end the loop.
        condition = Known(condition.type)
    count, origin = _trip_count(op, scope, inputs, trips, condition)
    scanned = result.outputs[1 + len(states) :]
    final, notes = states, [] if origin == "exact" else [f"trip count {count} is {origin}"]
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
        if origin != "exact":
            final = tuple(_resting_on(kind, origin) for kind in map(merge_types, states, final))
    repeat = (Body("body", result.prefix, Fraction(count), origin),)
    values = _final_values(op, scope, inputs, count) if origin in ("exact", "bound") else {}
    outputs = (
        *(_final(kind, inputs[2 + i], values.get(i), i in unchanged) for i, kind in enumerate(final)),
        *(Known(stacked(known.type, count, 0, origin), hangs=known.hangs) for known in scanned),
    )
    return OpResult(outputs, repeat, "; ".join(notes))


def _final(kind: TensorType, initial: Known | None, value: "Array | None", is_unchanged: bool) -> Known:
    """What a carried tensor is after the last iteration: the value is known of a counter and of what stays."""
    if is_unchanged and initial is not None and initial.type == kind:
        return initial
    if value is not None and kind.is_sure and value.shape == kind.shape:
        return Known(kind, value)
    return Known(kind)


def _resting_on(kind: TensorType, origin: str) -> TensorType:
    """A type that is assumed where the trip count that it follows from is."""
    return replace(kind, assumed=True) if origin == "assumed" and not kind.exact else kind


def _final_values(op: Op, scope: Scope, inputs: tuple[Known | None, ...], count: int) -> "dict[int, Array]":
    """Counters by position among the carried tensors, with their values after so many iterations."""
    return final_counters(body_of(op, "body"), _initial(op, inputs), lambda name: scope.find(name).value, count)


def _carried(before: tuple[TensorType, ...], result: GraphResult, count: int) -> tuple[TensorType, ...]:
    """Types that the next iteration gets; where the body says nothing they stay."""
    after = tuple(known.type for known in result.outputs[1 : 1 + count])
    return tuple(old if new == UNKNOWN_TYPE else new for old, new in zip(before, after, strict=True))


def _trip_count(
    op: Op, scope: Scope, inputs: tuple[Known | None, ...], stated: int | None, condition: Known
) -> tuple[int, Origin]:
    """(trip count, origin): exact where M is known and nothing ends the loop early, an upper bound where it may.

    `condition` is what the body's first output is known to be after one iteration, whatever the iteration.
    """
    if stated is not None:
        return stated, "bound"
    count, origin = _found_trip_count(op, scope, inputs, condition)
    # What is computed from an assumed length is assumed as well.
    rests = any(is_unsure(known) for known in (*inputs[:2], condition, *_condition_inputs(op, scope, inputs)))
    return count, "assumed" if rests and origin in ("exact", "data") and count else origin


def _condition_inputs(op: Op, scope: Scope, inputs: tuple[Known | None, ...]) -> tuple[Known | None, ...]:
    """What the condition depends on: initial values of carried tensors, and tensors from outside the body."""
    body = body_of(op, "body")
    carried = {formal.name: known for formal, known in zip(body.inputs[2:], inputs[2:], strict=False)}
    formals = {formal.name for formal in body.inputs}
    reads = condition_reads(body)
    return tuple(
        carried[name] if name in carried else scope.find(name)
        for name in reads
        if name not in formals or name in carried
    )


def _found_trip_count(op: Op, scope: Scope, inputs: tuple[Known | None, ...], condition: Known) -> tuple[int, Origin]:
    initial = scalar_of(inputs[1] if len(inputs) > 1 else None)
    if initial is not None and not initial:
        return 0, "exact"
    has_condition = len(inputs) > 1 and inputs[1] is not None
    limit = scalar_of(inputs[0] if inputs else None)
    at_most = _bound_of(inputs[0]) if inputs and limit is None else None
    again = scalar_of(condition)
    if again == 0 and (limit is None or limit >= 1):
        is_sure = limit is not None or not inputs or inputs[0] is None
        return 1, "exact" if is_sure and (initial is not None or not has_condition) else "data"
    has_limit = bool(inputs) and inputs[0] is not None
    counted = _counted(op, scope, inputs)
    if counted is not None:
        count, is_exact = counted
        is_sure = is_exact and initial is not None and (limit is not None or not has_limit)
        least = count if at_most is None else min(count, at_most)
        return least if limit is None else max(0, min(least, limit)), "exact" if is_sure else "data"
    if at_most is not None:
        return max(0, at_most), "data" if at_most > 0 else "exact"
    if limit is None or limit in UNBOUNDED_TRIPS:
        return 1, "assumed"
    count = max(0, limit)
    stays = again == 1 or _condition_stays_true(op)
    return count, "exact" if count == 0 or (stays and (initial is not None or not has_condition)) else "data"


def _bound_of(known: Known | None) -> int | None:
    """The most that a trip count can be which follows from a length that has an upper bound."""
    bound = None if known is None else known.bound
    return int(bound.reshape(-1)[0]) if bound is not None and bound.size == 1 and bound.dtype.kind in "iu" else None


def _counted(op: Op, scope: Scope, inputs: tuple[Known | None, ...]) -> tuple[int, bool] | None:
    """(trips at most, whether just so many) of a loop whose condition compares a counter with a bound."""
    return counted_trips(body_of(op, "body"), _initial(op, inputs), lambda name: scope.find(name).value)


def _initial(op: Op, inputs: tuple[Known | None, ...]) -> "dict[str, Array]":
    """The values of the body's inputs in the first iteration, those of them that are known."""
    import numpy as np

    body = body_of(op, "body")
    initial: dict[str, Array] = {body.inputs[0].name: np.asarray(0, np.int64)}
    for formal, known in zip(body.inputs[2:], inputs[2:], strict=False):
        if known is not None and known.value is not None:
            initial[formal.name] = known.value
    return initial


def _condition_stays_true(op: Op) -> bool:
    """Whether the body hands its condition on unchanged or makes it from a true constant."""
    body = body_of(op, "body")
    name = body.outputs[0].name
    producers = {output: inner for inner in body.ops for output in inner.outputs}
    for _ in range(len(body.ops) + 1):
        if name == body.inputs[1].name:
            return True
        producer = producers.get(name)
        if producer is None:
            stored = body.stored.get(name)
            return stored is not None and stored.value is not None and bool(stored.value.all())
        if producer.op_type == "Constant" and not producer.domain:
            value = producer.attributes.get("value")
            array = getattr(value, "value", None)
            return array is not None and bool(array.all())
        if producer.op_type not in ("Identity", "Cast") or producer.domain:
            return False
        name = producer.inputs[0]
    return False


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
