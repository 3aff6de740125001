"""Types through If, Loop, Scan and SequenceMap, and how often each body runs.

Each function is a generator that asks for its bodies to be inferred, in the order in which it needs them.
"""

from fractions import Fraction
from typing import TYPE_CHECKING

from msgspec.structs import replace

from onnx_roofline.base.errors import ShapeError
from onnx_roofline.base.units import dtype_name
from onnx_roofline.inference.scope import CONSTANT, DATA, BodyRequest, GraphResult, Known, OpResult, Scope, Steps
from onnx_roofline.inference.trip_counts import counted_trips, positions_inserted_into
from onnx_roofline.inference.user_trips import Stated
from onnx_roofline.ir.graph import UNKNOWN_TYPE, Graph, Op, TensorType
from onnx_roofline.ir.records import Body
from onnx_roofline.ops.shape.merge import merge_types

if TYPE_CHECKING:
    from onnx_roofline.ir.graph import Array

# A trip count this large means "until the condition fails": exporters write INT64_MAX.
UNBOUNDED_TRIPS = 2**31 - 1
# Iterations of a loop whose carried shapes change that are followed one by one, by how many loops are around it: the
# product over nested loops stays small.
FOLLOWED_TRIPS = (16, 3, 2, 1)


_MODIFIERS = ("score_mod", "prob_mod")


def infer_control_flow(op: Op, scope: Scope, inputs: tuple[Known | None, ...], said: Stated) -> Steps:
    """The step of one control-flow op; `said` is what the user says of loops and branches."""
    if op.op_type == "If":
        return _infer_if(op, scope, inputs, said.share_of(op, scope))
    trips = said.trips_of(op, scope)
    if op.op_type == "Loop":
        return _infer_loop(op, scope, inputs, trips)
    if op.op_type == "Scan":
        return _infer_scan(op, scope, inputs, trips)
    return _infer_sequence_map(op, scope, inputs, trips)


def _infer_if(op: Op, scope: Scope, inputs: tuple[Known | None, ...], share: Fraction | None) -> Steps:
    """An If. Where the condition is known only its branch is inferred: the other may well not fit these shapes.

    Where it is open, a branch that can't be valid is left out. Raises ShapeError where neither can. `share` is the
    probability of the then-branch, None where the costs decide.
    """
    then, otherwise = _body(op, "then_branch"), _body(op, "else_branch")
    if len(then.outputs) != len(otherwise.outputs):
        counts = f"{len(then.outputs)} outputs in then_branch and {len(otherwise.outputs)} in else_branch"
        raise ShapeError(f"found {counts}, wanted the same number")
    condition = _scalar(inputs[0] if inputs else None)
    if condition is not None:
        taken, body = ("then_branch", then) if condition else ("else_branch", otherwise)
        result = yield BodyRequest(op, taken, body, scope, ())
        note = f"the condition is known: {taken} runs"
        return OpResult(result.outputs, (Body(taken, result.prefix, Fraction(1), "exact"),), note)
    shares = {"then_branch": share, "else_branch": None if share is None else 1 - share}
    results: dict[str, GraphResult] = {}
    refused: dict[str, ShapeError] = {}
    for name, body in (("then_branch", then), ("else_branch", otherwise)):
        try:
            results[name] = yield BodyRequest(op, name, body, scope, ())
        except ShapeError as error:
            # A valid run takes the other branch, unless that can't be either or the user says otherwise.
            if refused or shares[name]:
                raise next(iter(refused.values()), error) from None
            refused[name] = error
    if refused:
        ((name, result),) = results.items()
        left_out = tuple((other, str(error)) for other, error in refused.items())
        note = f"{left_out[0][0]} can't be valid with these shapes: {name} runs"
        return OpResult(result.outputs, (Body(name, result.prefix, Fraction(1), "exact"),), note, left_out)
    pairs = zip(results["then_branch"].outputs, results["else_branch"].outputs, strict=True)
    outputs = tuple(Known(merge_types(a.type, b.type)) for a, b in pairs)
    origin = "data" if share is None else "bound"
    bodies = tuple(Body(name, result.prefix, shares[name], origin) for name, result in results.items())
    return OpResult(outputs, bodies)


def _infer_loop(op: Op, scope: Scope, inputs: tuple[Known | None, ...], trips: int | None) -> Steps:
    """A Loop. Its carried tensors may change shape: few iterations are followed one by one, many are extrapolated."""
    body = _body(op, "body")
    states = tuple(known.type if known is not None else UNKNOWN_TYPE for known in inputs[2:])
    _check_interface(body, len(states) + 2, len(states) + 1)
    first = Known(TensorType("int64", ())), Known(TensorType("bool", ()))

    def request(types: tuple[TensorType, ...]) -> BodyRequest:
        # The values of loop-carried tensors change from one iteration to the next, so only their types are given.
        return BodyRequest(op, "body", body, scope, (*first, *(Known(kind) for kind in types)))

    result = yield request(states)
    condition = result.outputs[0]
    if condition.origin != CONSTANT and _scalar(condition) and _carried(states, result, len(states)) != states:
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
            final = tuple(map(merge_types, states, final))
    outputs = (*final, *(_stacked(known.type, count, 0, origin == "exact") for known in scanned))
    repeat = (Body("body", result.prefix, Fraction(count), origin),)
    return OpResult(tuple(Known(kind) for kind in outputs), repeat, "; ".join(notes))


def _carried(before: tuple[TensorType, ...], result: GraphResult, count: int) -> tuple[TensorType, ...]:
    """Types that the next iteration gets; where the body says nothing they stay."""
    after = tuple(known.type for known in result.outputs[1 : 1 + count])
    return tuple(old if new == UNKNOWN_TYPE else new for old, new in zip(before, after, strict=True))


def _check_interface(body: Graph, inputs: int, outputs: int) -> None:
    if len(body.inputs) != inputs:
        raise ShapeError(f"found {len(body.inputs)} inputs of the body, wanted {inputs}")
    if len(body.outputs) < outputs:
        raise ShapeError(f"found {len(body.outputs)} outputs of the body, wanted at least {outputs}")


def _trip_count(
    op: Op, scope: Scope, inputs: tuple[Known | None, ...], stated: int | None, condition: Known
) -> tuple[int, str]:
    """(trip count, origin): exact where M is known and nothing ends the loop early, an upper bound where it may.

    `condition` is what the body's first output is known to be after one iteration, whatever the iteration.
    """
    if stated is not None:
        return stated, "bound"
    initial = _scalar(inputs[1] if len(inputs) > 1 else None)
    if initial is not None and not initial:
        return 0, "exact"
    has_condition = len(inputs) > 1 and inputs[1] is not None
    limit = _scalar(inputs[0] if inputs else None)
    again = _scalar(condition)
    if again == 0 and (limit is None or limit >= 1):
        is_sure = limit is not None or not inputs or inputs[0] is None
        return 1, "exact" if is_sure and (initial is not None or not has_condition) else "data"
    has_limit = bool(inputs) and inputs[0] is not None
    counted = _counted(op, scope, inputs)
    if counted is not None:
        count, is_exact = counted
        is_sure = is_exact and initial is not None and (limit is not None or not has_limit)
        return count if limit is None else max(0, min(count, limit)), "exact" if is_sure else "data"
    if limit is None or limit >= UNBOUNDED_TRIPS:
        return 1, "assumed"
    count = max(0, limit)
    stays = again == 1 or _condition_stays_true(op)
    return count, "exact" if count == 0 or (stays and (initial is not None or not has_condition)) else "data"


def _counted(op: Op, scope: Scope, inputs: tuple[Known | None, ...]) -> tuple[int, bool] | None:
    """(trips at most, whether just so many) of a loop whose condition compares a counter with a bound."""
    import numpy as np

    body = _body(op, "body")
    initial: dict[str, Array] = {body.inputs[0].name: np.asarray(0, np.int64)}
    for formal, known in zip(body.inputs[2:], inputs[2:], strict=False):
        if known is not None and known.value is not None:
            initial[formal.name] = known.value
    return counted_trips(body, initial, lambda name: scope.find(name).value)


def _scalar(known: Known | None) -> int | None:
    """The value of a known tensor of one element."""
    if known is None or known.value is None or known.value.size != 1:
        return None
    return int(known.value.reshape(-1)[0])


def _condition_stays_true(op: Op) -> bool:
    """Whether the body hands its condition on unchanged or makes it from a true constant."""
    body = _body(op, "body")
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


def _stacked(kind: TensorType, count: int | None, axis: int, exact: bool) -> TensorType:
    """A type with `count` slices of `kind` stacked at `axis`."""
    if kind.shape is None:
        return replace(kind, exact=False)
    rank = len(kind.shape) + 1
    if not -rank <= axis < rank:
        raise ShapeError(f"found scan output axis {axis}, wanted one of a tensor of rank {rank}")
    axis %= rank
    shape = (*kind.shape[:axis], count, *kind.shape[axis:])
    # No slice: what one would be is not known, only that there is none.
    return replace(kind, shape=shape, exact=kind.exact and exact)


def _infer_scan(op: Op, scope: Scope, inputs: tuple[Known | None, ...], trips: int | None) -> Steps:
    """A Scan; the directions do not change shapes. Scan-8 has sequence lengths and a batch axis before the others.

    `trips` is a length that the user states; a length that follows from the inputs holds all the same.
    """
    body = _body(op, "body")
    is_old = op.version < 9
    scanned = op.attributes.get("num_scan_inputs", 1)
    inputs = inputs[1:] if is_old else inputs
    if not isinstance(scanned, int) or not 1 <= scanned <= len(inputs):
        raise ShapeError(f"found num_scan_inputs {scanned!r} and {len(inputs)} inputs, wanted 1 to {len(inputs)}")
    kinds = tuple(_without_batch(known, op.version) for known in inputs)
    states, slices = kinds[: len(kinds) - scanned], kinds[len(kinds) - scanned :]
    axes = _axes(op, "scan_input_axes", scanned)
    lengths = {size for kind, axis in zip(slices, axes, strict=True) if (size := _scan_length(kind, axis)) is not None}
    is_exact = all(kind.exact for kind in slices) and bool(lengths)
    if len(lengths) > 1 and is_exact:
        raise ShapeError(f"found scan inputs of lengths {sorted(lengths)}, wanted one length")
    _check_interface(body, len(kinds), len(states))
    formal = (*states, *(_slice_of(kind, axis) for kind, axis in zip(slices, axes, strict=True)))
    result = yield BodyRequest(op, "body", body, scope, tuple(Known(kind) for kind in formal))
    length = max(lengths) if lengths else None
    if trips is not None and not is_exact:
        length = trips
    count = 1 if length is None else length
    finals = [known.type for known in result.outputs[: len(states)]]
    pieces = result.outputs[len(states) :]
    out_axes = _axes(op, "scan_output_axes", len(pieces))
    stacked = [_stacked(known.type, length, axis, is_exact) for known, axis in zip(pieces, out_axes, strict=True)]
    outputs = [*(merge_types(a, b) if is_old else b for a, b in zip(states, finals, strict=True)), *stacked]
    origin = "exact" if is_exact else "bound" if trips is not None else "data" if lengths else "assumed"
    if is_old:
        batch = next((known.type.shape[0] for known in inputs if known is not None and known.type.shape), None)
        outputs = [_stacked(kind, batch, 0, True) for kind in outputs]
        count *= 1 if batch is None else batch
        if op.inputs and op.inputs[0]:
            origin = "data"
    return OpResult(tuple(Known(kind) for kind in outputs), (Body("body", result.prefix, Fraction(count), origin),))


def _axes(op: Op, name: str, count: int) -> tuple[int, ...]:
    """A scan's axes: 0 where the attribute is absent, and always in Scan-8."""
    axes = op.attributes.get(name)
    if axes is None or op.version < 9:
        return (0,) * count
    if not isinstance(axes, tuple) or len(axes) != count:
        raise ShapeError(f"found {name} {axes!r}, wanted {count} axes")
    return tuple(int(axis) for axis in axes)


def _scan_length(kind: TensorType, axis: int) -> int | None:
    if kind.shape is None:
        return None
    if not -len(kind.shape) <= axis < len(kind.shape):
        raise ShapeError(f"found scan axis {axis} and a scan input of rank {len(kind.shape)}, wanted one of its axes")
    return kind.shape[axis]


def _slice_of(kind: TensorType, axis: int) -> TensorType:
    if kind.shape is None:
        return kind
    axis %= len(kind.shape)
    return replace(kind, shape=kind.shape[:axis] + kind.shape[axis + 1 :])


def _without_batch(known: Known | None, version: int) -> TensorType:
    kind = known.type if known is not None else UNKNOWN_TYPE
    if version >= 9 or not kind.shape:
        return kind
    return replace(kind, shape=kind.shape[1:])


def _infer_sequence_map(op: Op, scope: Scope, inputs: tuple[Known | None, ...], trips: int | None) -> Steps:
    body = _body(op, "body")
    formal = []
    length: int | None = None
    for position, known in enumerate(inputs):
        kind = known.type if known is not None else TensorType("", None)
        if kind.container == "sequence":
            if position == 0 or length is None:
                length = kind.length
            kind = replace(kind, container="tensor", length=None)
        formal.append(Known(kind))
    _check_interface(body, len(formal), 0)
    result = yield BodyRequest(op, "body", body, scope, tuple(formal))
    origin = "exact" if length is not None else "assumed" if trips is None else "bound"
    length = trips if length is None else length
    count = 1 if length is None else length
    outputs = tuple(
        Known(replace(known.type, container="sequence", length=length), origin=DATA) for known in result.outputs
    )
    return OpResult(outputs, (Body("body", result.prefix, Fraction(count), origin),))


def with_modifiers(op: Op, scope: Scope, inputs: tuple[Known | None, ...], result: OpResult) -> Steps:
    """FlexAttention's `score_mod` and `prob_mod`, each run once on the scores of all heads [B, Hq, L, S].

    Their type is `softmax_precision`, or what the standard has in its place. Source: ONNX FlexAttention-1 (preview).
    """
    query, keys = (None if known is None else known.type for known in (*inputs, None, None)[:2])
    shape: tuple[int | None, ...] = (None,) * 4
    if query is not None and keys is not None and len(query.shape or ()) == len(keys.shape or ()) == len(shape):
        shape = (*query.dims[:3], keys.dims[2])
    precision = op.attributes.get("softmax_precision", 0)
    stated = dtype_name(precision) if isinstance(precision, int) else ""
    dtype = stated or ("float64" if query is not None and query.dtype == "float64" else "float32")
    bodies = []
    for name in (name for name in _MODIFIERS if name in op.bodies):
        body = op.bodies[name]
        _check_interface(body, 1, 1)
        inner = yield BodyRequest(op, name, body, scope, (Known(TensorType(dtype, shape)),))
        bodies.append(Body(name, inner.prefix, Fraction(1), "exact"))
    return replace(result, bodies=tuple(bodies))


def _body(op: Op, attribute: str) -> Graph:
    if attribute not in op.bodies:
        raise ShapeError(f"found no attribute {attribute!r}, which {op.op_type} needs")
    return op.bodies[attribute]
