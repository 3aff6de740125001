"""How often a Loop's body runs: in every run of the scope that it is in, and what that says of its iterations."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

from msgspec import Struct, field
from msgspec.structs import replace

from onnx_roofline.base.errors import ShapeError
from onnx_roofline.inference.bodies import body_of, scalar_of
from onnx_roofline.inference.body_flow import condition_reads
from onnx_roofline.inference.partial_values import is_unsure
from onnx_roofline.inference.runs import (
    MOST_RUNS,
    different_runs,
    in_run,
    iterations_of,
    most_of,
    reads_runs,
    repeated_runs,
)
from onnx_roofline.inference.scope import Known, Scope
from onnx_roofline.inference.simulated_loops import STEPS, Simulation, simulate
from onnx_roofline.inference.trip_counts import counted_trips, final_counters, holds_through
from onnx_roofline.ir.graph import Op, TensorType
from onnx_roofline.ir.records import Origin

if TYPE_CHECKING:
    from onnx_roofline.ir.graph import Array

# Trip counts that mean "until the condition fails": exporters write the largest number of a type.
UNBOUNDED_TRIPS = frozenset({2**31 - 1, 2**63 - 1})
# Different runs of the scope around a loop whose trips are worked out one by one, 50 us each.
_MOST_DIFFERENT = 1024


class Trips(Struct, frozen=True):
    """How often a body runs: `most` in any run of the scope around it, and `each` in each of them where they differ.

    `is_told` says that the user states a length that the trips make, `follows` that they would be exact if the lengths
    on which the operands hang were.
    """

    most: int
    origin: Origin
    each: "Array | None" = None
    is_told: bool = False
    follows: bool = False

    @property
    def is_open(self) -> bool:
        """Whether nothing but the user can state them."""
        return self.origin in ("assumed", "data") and not self.follows

    @property
    def mean(self) -> Fraction:
        """Runs of the body for each run of the scope around it."""
        return Fraction(self.most) if self.each is None else Fraction(int(self.each.sum()), len(self.each))

    @property
    def origin_of_types(self) -> Origin:
        """The origin of a length that is as long as the trips: their largest number bounds it where they differ."""
        return self.origin if self.each is None or self.origin == "assumed" else "data"

    def takes(self, told: int) -> bool:
        """Whether a stated length decides the trips: where nothing does, or no more than what is sure at most."""
        return self.is_open and (self.origin == "assumed" or told <= self.most)


class Said(Struct, frozen=True):
    """What the user says of one loop: its `trips`, and lengths of its outputs, (output, axis) -> size."""

    trips: int | None = None
    lengths: Mapping[tuple[int, int], int] = field(default_factory=dict)

    def slices(self, states: int) -> int | None:
        """The trips that a stated number of slices says: each iteration makes one."""
        return next((size for (position, axis), size in self.lengths.items() if position >= states and not axis), None)

    def grown(self, states: int) -> tuple[int, int, int] | None:
        """(state, axis, size) of what is stated of a state after the last iteration."""
        return next(((*key, size) for key, size in self.lengths.items() if key[0] < states), None)


def trips_to(size: int, lengths: Sequence[int | None]) -> int | None:
    """The trips after which a state has a length that is stated; `lengths` are those that it begins with.

    None where it does not grow, or not by the same number, and has not come to it yet. Raises ShapeError where it
    grows past it.
    """
    if size in lengths:
        return lengths.index(size)
    if len(lengths) < 3 or None in lengths:
        return None
    first, second, third = (length or 0 for length in lengths[-3:])
    step = third - second
    if not step or step != second - first:
        return None
    count, left = divmod(size - first, step)
    if left or count < 0:
        raise ShapeError(f"found {size} stated of a state that is {first} long and grows by {step} in each iteration")
    return len(lengths) - 3 + count


def trips_of(op: Op, scope: Scope, inputs: tuple[Known | None, ...], stated: int | None, condition: Known) -> Trips:
    """The trip counts of a Loop; see `_trip_count`."""
    if stated is not None:
        return Trips(stated, "bound")
    limit = inputs[0] if inputs else None
    if limit is not None and limit.runs is not None and _runs_to_its_limit(op, inputs, condition):
        return _trips_of_each(limit.runs.clip(0).astype(object), "exact")
    reads = condition_inputs(op, scope, inputs)
    different = different_runs((*inputs, *reads.values()), _MOST_DIFFERENT)
    if different is None:
        return _trip_count(op, scope, inputs, condition)
    first, like = different
    found = []
    for run in first:
        inner = Scope(scope.prefix, scope.graph, scope)
        inner.tensors = {name: known for name, one in reads.items() if (known := in_run(one, run)) is not None}
        found.append(_trip_count(op, inner, tuple(in_run(known, run) for known in inputs), condition))
    import numpy as np

    origin = max((one.origin for one in found), key=("exact", "bound", "data", "assumed").index)
    trips = _trips_of_each(np.asarray([found[number].most for number in like], object), origin)
    return replace(trips, follows=any(one.follows for one in found) and not any(one.is_open for one in found))


def _trips_of_each(each: "Array", origin: Origin) -> Trips:
    most = int(each.max())
    return Trips(most, origin, None if (each == most).all() else each)


def _runs_to_its_limit(op: Op, inputs: tuple[Known | None, ...], condition: Known) -> bool:
    """Whether nothing but M ends a loop."""
    first = inputs[1] if len(inputs) > 1 else None
    return (first is None or scalar_of(first) == 1) and (scalar_of(condition) == 1 or _condition_stays_true(op))


class Iterations:
    """What is known of a loop's iteration number and counters in all of its iterations; nothing before `follow`."""

    def __init__(self, op: Op, scope: Scope, inputs: tuple[Known | None, ...]) -> None:
        self._op, self._scope, self._inputs = op, scope, inputs
        self.number = Known(TensorType("int64", ()))
        self.picks: Array | None = None
        self.runs: int | None = None
        self._counters: dict[int, Known] = {}
        self._followed: tuple[int, list[int] | None] | None = None
        body = body_of(op, "body")
        formals = (body.inputs[0], *body.inputs[2:])
        self._is_read = reads_runs(body, (one.name for one in formals)) or any(inner.bodies for inner in body.ops)

    def carried(self, position: int, known: Known) -> Known:
        """A carried tensor with what it is in each iteration, if it is a counter."""
        counter = self._counters.get(position)
        if counter is None or known.type != counter.type:
            return known
        return replace(known, runs=counter.runs, bound=counter.bound)

    def follow(self, trips: Trips) -> bool:
        """Takes the trip counts; whether they say more of the iterations than what was taken before.

        Trips that are assumed say nothing of them.
        """
        import numpy as np

        key = trips.most, None if trips.each is None else trips.each.tolist()
        if not self._is_read or trips.most < 1 or trips.origin == "assumed" or key == self._followed:
            return False
        self._followed = key
        self.picks = repeated_runs(self._scope, trips.most if trips.each is None else trips.each.astype(np.int64))
        own: Array | None = None
        if self.picks is not None:
            own = iterations_of(self.picks)
        elif trips.each is None and trips.most <= MOST_RUNS:
            own = np.arange(trips.most)
        self.runs = None if own is None else len(own)
        self.number = replace(self.number, runs=own, bound=np.asarray(trips.most - 1, np.int64))
        self._counters = self._counted(trips.most, own)
        return True

    def _counted(self, most: int, own: "Array | None") -> dict[int, Known]:
        """Carried tensors to which each iteration adds the same whole number."""
        import numpy as np

        found: dict[int, Known] = {}
        initial = initial_values(self._op, self._inputs)
        lasts = final_counters(body_of(self._op, "body"), initial, lambda name: self._scope.find(name).value, most - 1)
        for position, last in lasts.items():
            known = self._inputs[2 + position]
            if known is None or known.value is None or known.value.dtype.kind not in "iu" or not known.type.is_sure:
                continue
            start, end = known.value.reshape(-1)[0].item(), last.reshape(-1)[0].item()
            step = (end - start) // max(1, most - 1)
            runs = None if own is None else (start + own * step).astype(known.value.dtype)
            bound = np.full(known.type.dims, max(start, end), known.value.dtype)
            found[position] = Known(known.type, bound=bound, runs=runs)
        return found | self._states(most, own, found) if own is not None else found

    def _states(self, most: int, own: "Array", counted: Mapping[int, Known]) -> dict[int, Known]:
        """Carried numbers that are no counters, but follow from themselves."""
        import numpy as np

        found: dict[int, Known] = {}
        numbers = {
            position: known
            for position, known in enumerate(self._inputs[2:])
            if position not in counted and known is not None and known.value is not None and known.value.size == 1
        }
        if not numbers or most > STEPS:
            return found
        for position, values in _simulated(self._op, self._scope, self._inputs, most).states.items():
            known = numbers.get(position)
            if known is None or not known.type.is_sure or len(values) < most:
                continue
            if any(value.dtype != values[0].dtype or value.size != 1 for value in values):
                continue
            runs = np.stack([value.reshape(()) for value in values])[own]
            found[position] = Known(known.type, bound=most_of(runs, known.type), runs=runs)
        return found


def _trip_count(op: Op, scope: Scope, inputs: tuple[Known | None, ...], condition: Known) -> Trips:
    """The trip count: exact where M is known and nothing ends the loop early, an upper bound where it may.

    `condition` is what the body's first output is known to be after one iteration, whatever the iteration.
    """
    count, origin = _found_trip_count(op, scope, inputs, condition)
    given = (*inputs[:2], condition, *condition_inputs(op, scope, inputs).values())
    unsure = [known for known in given if known is not None and is_unsure(known)]
    if unsure and origin in ("exact", "data") and count:
        # What is computed from an assumed length is assumed as well.
        return Trips(count, "assumed", follows=origin == "exact" and all(known.hangs for known in unsure))
    limit = inputs[0] if inputs else None
    is_bound = origin == "data" and limit is not None and bool(limit.hangs) and _bound_of(limit) == count
    return Trips(count, origin, follows=is_bound and _runs_to_its_limit(op, inputs, condition))


def condition_inputs(op: Op, scope: Scope, inputs: tuple[Known | None, ...]) -> dict[str, Known | None]:
    """What the condition depends on: initial values of carried tensors, and tensors from outside the body."""
    body = body_of(op, "body")
    carried = {formal.name: known for formal, known in zip(body.inputs[2:], inputs[2:], strict=False)}
    formals = {formal.name for formal in body.inputs}
    reads = condition_reads(body)
    return {
        name: carried[name] if name in carried else scope.find(name)
        for name in reads
        if name not in formals or name in carried
    }


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
        least = count if at_most is None else min(count, at_most)
        least = least if limit is None else max(0, min(least, limit))
        is_exact = is_exact or _holds_until(op, scope, inputs, least)
        is_sure = is_exact and initial is not None and (limit is not None or not has_limit)
        return least, "exact" if is_sure else "data"
    simulated = None if again is not None else _simulated(op, scope, inputs, limit).trips
    if simulated is not None:
        is_sure = initial is not None and (limit is not None or not has_limit)
        return simulated if at_most is None else min(simulated, at_most), "exact" if is_sure else "data"
    if at_most is not None:
        return max(0, at_most), "data" if at_most > 0 else "exact"
    if limit is None or limit in UNBOUNDED_TRIPS:
        return 1, "assumed"
    count = max(0, limit)
    stays = again == 1 or _condition_stays_true(op) or _holds_until(op, scope, inputs, count)
    return count, "exact" if count == 0 or (stays and (initial is not None or not has_condition)) else "data"


def _bound_of(known: Known | None) -> int | None:
    """The most that a trip count can be which follows from a length that has an upper bound."""
    bound = None if known is None else known.bound
    return int(bound.reshape(-1)[0]) if bound is not None and bound.size == 1 and bound.dtype.kind in "iu" else None


def _counted(op: Op, scope: Scope, inputs: tuple[Known | None, ...]) -> tuple[int, bool] | None:
    """(trips at most, whether just so many) of a loop whose condition compares a counter with a bound."""
    return counted_trips(body_of(op, "body"), initial_values(op, inputs), lambda name: scope.find(name).value)


def _holds_until(op: Op, scope: Scope, inputs: tuple[Known | None, ...], count: int) -> bool:
    """Whether the condition ends a loop in none of so many iterations but the last."""
    initial = initial_values(op, inputs)
    return holds_through(body_of(op, "body"), initial, lambda name: scope.find(name).value, count - 1)


def _simulated(op: Op, scope: Scope, inputs: tuple[Known | None, ...], limit: int | None) -> Simulation:
    body = body_of(op, "body")
    return simulate(body, initial_values(op, inputs), lambda name: scope.find(name).value, limit)


def initial_values(op: Op, inputs: tuple[Known | None, ...]) -> "dict[str, Array]":
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
