"""Types through If, Loop, Scan and SequenceMap, and how often each body runs.

Each function is a generator that asks for its bodies to be inferred, in the order in which it needs them.
"""

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction

from onnx_roofline.errors import ShapeError
from onnx_roofline.graph import Graph, Op, TensorType
from onnx_roofline.records import Body
from onnx_roofline.shape_rules.scope import DATA, BodyRequest, Known, OpResult, Scope, Steps

# A trip count this large means "until the condition fails": exporters write INT64_MAX.
UNBOUNDED_TRIPS = 2**31 - 1


def infer_control_flow(
    op: Op,
    scope: Scope,
    inputs: tuple[Known | None, ...],
    trips: Mapping[str, int],
    branches: Mapping[str, Fraction],
) -> Steps:
    """The step of one control-flow op. `trips` and `branches` are what the user says, by op name, id or branch."""
    if op.op_type == "If":
        return _infer_if(op, scope, inputs, branches)
    if op.op_type == "Loop":
        return _infer_loop(op, scope, inputs, trips)
    if op.op_type == "Scan":
        return _infer_scan(op, scope, inputs)
    return _infer_sequence_map(op, scope, inputs)


def stated_for(op: Op, scope: Scope, settings: Mapping[str, int]) -> int | None:
    """The user's setting for an op, by its name, its id in its graph or its row id."""
    for key in (scope.prefix + op.id, op.name, op.id):
        if key and key in settings:
            return settings[key]
    return None


def _infer_if(op: Op, scope: Scope, inputs: tuple[Known | None, ...], branches: Mapping[str, Fraction]) -> Steps:
    then, otherwise = _body(op, "then_branch"), _body(op, "else_branch")
    then_result = yield BodyRequest(op, "then_branch", then, scope, ())
    else_result = yield BodyRequest(op, "else_branch", otherwise, scope, ())
    if len(then_result.outputs) != len(else_result.outputs):
        raise ShapeError(
            f"found {len(then_result.outputs)} outputs in then_branch and {len(else_result.outputs)} in else_branch"
        )
    condition = inputs[0]
    chosen = None
    if condition is not None and condition.value is not None and condition.value.size == 1:
        chosen = bool(condition.value.reshape(-1)[0])
    share: Fraction | None
    if chosen is not None:
        share, origin = Fraction(int(chosen)), "exact"
        outputs = (then_result if chosen else else_result).outputs
    else:
        share, origin = _stated_share(op, branches)
        pairs = zip(then_result.outputs, else_result.outputs, strict=True)
        outputs = tuple(Known(merge_types(a.type, b.type)) for a, b in pairs)
    bodies = (
        Body("then_branch", then_result.prefix, share, origin),
        Body("else_branch", else_result.prefix, None if share is None else 1 - share, origin),
    )
    return OpResult(outputs, bodies)


def _stated_share(op: Op, branches: Mapping[str, Fraction]) -> tuple[Fraction | None, str]:
    """Probability of the then-branch as the user gave it, for this op or for all; None leaves it to the costs."""
    for prefix in (f"{op.name}." if op.name else "", f"{op.id}.", ""):
        if prefix + "then" in branches:
            return branches[prefix + "then"], "bound"
        if prefix + "else" in branches:
            return 1 - branches[prefix + "else"], "bound"
    return None, "assumed"


def merge_types(a: TensorType, b: TensorType) -> TensorType:
    """A type that holds either: the larger of two shapes of one rank, as a bound; unknown dims stay unknown.

    >>> str(merge_types(TensorType("int64", (2, 3)), TensorType("int64", (4, 3))))
    'int64[4, 3]'
    """
    if a == b:
        return a
    if a.shape is None or b.shape is None or len(a.shape) != len(b.shape):
        larger = a if (a.elements or 0) >= (b.elements or 0) and a.shape is not None else b
        return replace(larger, exact=False)
    shape = tuple(None if x is None or y is None else max(x, y) for x, y in zip(a.shape, b.shape, strict=True))
    same = a.shape == b.shape
    length = a.length if a.length == b.length else max(a.length or 0, b.length or 0) or None
    return TensorType(a.dtype or b.dtype, shape, a.exact and b.exact and same, a.container, length)


def _infer_loop(op: Op, scope: Scope, inputs: tuple[Known | None, ...], trips: Mapping[str, int]) -> Steps:
    body = _body(op, "body")
    states = [known if known is not None else Known(TensorType("", None)) for known in inputs[2:]]
    if len(body.inputs) != len(states) + 2:
        raise ShapeError(f"found {len(body.inputs)} inputs of the body, wanted {len(states) + 2}")
    counter, condition = Known(TensorType("int64", ())), Known(TensorType("bool", ()))
    # The values of loop-carried tensors change from one iteration to the next; their types need not.
    first = tuple(Known(known.type) for known in states)
    result = yield BodyRequest(op, "body", body, scope, (counter, condition, *first))
    carried = result.outputs[1 : 1 + len(states)]
    count, origin = _trip_count(op, scope, inputs, trips)
    growing = [_grows(a.type, b.type) for a, b in zip(first, carried, strict=True)]
    note = "" if origin == "exact" else f"trip count {count} is {origin}"
    if any(growing):
        final = tuple(
            Known(
                _after(a.type, b.type, count) if grows else merge_types(a.type, b.type) if a.type != b.type else a.type
            )
            for a, b, grows in zip(first, carried, growing, strict=True)
        )
        result = yield BodyRequest(op, "body", body, scope, (counter, condition, *final))
        carried = tuple(
            Known(known.type if grows else merge_types(known.type, out.type))
            for known, out, grows in zip(final, result.outputs[1 : 1 + len(states)], growing, strict=True)
        )
        note = (note + "; " if note else "") + "a loop-carried tensor grows: shapes are those of the last iteration"
    else:
        carried = tuple(Known(merge_types(a.type, b.type)) for a, b in zip(first, carried, strict=True))
    scanned = tuple(
        Known(_stacked(known.type, count, 0, origin == "exact")) for known in result.outputs[1 + len(states) :]
    )
    return OpResult((*carried, *scanned), (Body("body", result.prefix, Fraction(count), origin),), note)


def _trip_count(op: Op, scope: Scope, inputs: tuple[Known | None, ...], trips: Mapping[str, int]) -> tuple[int, str]:
    """(trip count, origin): exact where M is known and nothing ends the loop early, an upper bound where it may."""
    stated = stated_for(op, scope, trips)
    if stated is not None:
        return stated, "bound"
    initial = inputs[1] if len(inputs) > 1 else None
    if initial is not None and initial.value is not None and not bool(initial.value.reshape(-1)[0]):
        return 0, "exact"
    limit = inputs[0].value if inputs and inputs[0] is not None else None
    if limit is None or int(limit.reshape(-1)[0]) >= UNBOUNDED_TRIPS:
        return 1, "assumed"
    count = max(0, int(limit.reshape(-1)[0]))
    return count, "exact" if _condition_stays_true(op) else "data"


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
        if producer.op_type == "Constant":
            value = producer.attributes.get("value")
            array = getattr(value, "value", None)
            return array is not None and bool(array.all())
        if producer.op_type not in ("Identity", "Cast"):
            return False
        name = producer.inputs[0]
    return False


def _grows(before: TensorType, after: TensorType) -> bool:
    if before.container == "sequence":
        return False
    return before.is_known and after.is_known and before.shape != after.shape and len(before.dims) == len(after.dims)


def _after(before: TensorType, after: TensorType, count: int) -> TensorType:
    """The type at the start of the last of `count` iterations, if every iteration adds what the first added."""
    steps = max(0, count - 1)
    shape = tuple(max(0, a + steps * (b - a)) for a, b in zip(before.dims, after.dims, strict=True))
    return replace(before, shape=shape, exact=False)


def _stacked(kind: TensorType, count: int, axis: int, exact: bool) -> TensorType:
    """A type with `count` slices of `kind` stacked at `axis`."""
    if kind.shape is None:
        return replace(kind, exact=False)
    axis = axis if axis >= 0 else axis + len(kind.shape) + 1
    shape = (*kind.shape[:axis], count, *kind.shape[axis:])
    return replace(kind, shape=shape, exact=kind.exact and exact)


def _infer_scan(op: Op, scope: Scope, inputs: tuple[Known | None, ...]) -> Steps:
    body = _body(op, "body")
    scanned = op.attributes.get("num_scan_inputs", 1)
    assert isinstance(scanned, int)
    if op.version < 9:
        # Scan-8 has a leading optional input sequence_lens and a batch axis before the scan axis.
        inputs = inputs[1:]
    states = inputs[: len(inputs) - scanned]
    slices = inputs[len(inputs) - scanned :]
    axes = op.attributes.get("scan_input_axes")
    axes = axes if isinstance(axes, tuple) else (0,) * scanned
    first_axis = 1 if op.version < 9 else 0
    length: int | None = None
    formal = [Known(_without_batch(known, op.version)) for known in states]
    for known, axis in zip(slices, axes, strict=True):
        kind = _without_batch(known, op.version)
        if kind.shape is None:
            formal.append(Known(TensorType(kind.dtype, None)))
            continue
        if not kind.shape:
            raise ShapeError("found a scan input without dims, wanted at least one to scan over")
        position = (int(axis) - (first_axis if op.version < 9 else 0)) % len(kind.shape) if op.version >= 9 else 0
        found = kind.shape[position]
        if length is not None and found is not None and found != length:
            raise ShapeError(f"found scan inputs of lengths {length} and {found}, wanted one length")
        length = found if found is not None else length
        formal.append(Known(replace(kind, shape=kind.shape[:position] + kind.shape[position + 1 :])))
    if len(body.inputs) != len(formal):
        raise ShapeError(f"found {len(body.inputs)} inputs of the body, wanted {len(formal)}")
    result = yield BodyRequest(op, "body", body, scope, tuple(formal))
    out_axes = op.attributes.get("scan_output_axes")
    count = length if length is not None else 1
    finals = tuple(result.outputs[: len(states)])
    stacked = []
    for index, known in enumerate(result.outputs[len(states) :]):
        axis = int(out_axes[index]) if isinstance(out_axes, tuple) and op.version >= 9 else 0
        stacked.append(Known(_stacked(known.type, count, axis, length is not None)))
    outputs = tuple(Known(known.type) for known in (*finals, *stacked))
    repeat = count
    if op.version < 9:
        batch = next((k.type.shape[0] for k in (*states, *slices) if k is not None and k.type.shape), None) or 1
        outputs = tuple(Known(_stacked(known.type, batch, 0, True)) for known in outputs)
        repeat = count * batch
    origin = "exact" if length is not None else "assumed"
    return OpResult(outputs, (Body("body", result.prefix, Fraction(repeat), origin),))


def _without_batch(known: Known | None, version: int) -> TensorType:
    kind = known.type if known is not None else TensorType("", None)
    if version >= 9 or not kind.shape:
        return kind
    return replace(kind, shape=kind.shape[1:])


def _infer_sequence_map(op: Op, scope: Scope, inputs: tuple[Known | None, ...]) -> Steps:
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
    result = yield BodyRequest(op, "body", body, scope, tuple(formal))
    count, origin = (length, "exact") if length is not None else (1, "assumed")
    outputs = tuple(
        Known(replace(known.type, container="sequence", length=length), origin=DATA) for known in result.outputs
    )
    return OpResult(outputs, (Body("body", result.prefix, Fraction(count), origin),))


def _body(op: Op, attribute: str) -> Graph:
    if attribute not in op.bodies:
        raise ShapeError(f"found no attribute {attribute!r}, which {op.op_type} needs")
    return op.bodies[attribute]
