"""Types through a Scan and a SequenceMap, and how often their bodies run."""

from fractions import Fraction

from msgspec.structs import replace

from onnx_roofline.base.errors import ShapeError
from onnx_roofline.inference.bodies import body_of, check_interface, stacked, without_axis
from onnx_roofline.inference.loop_trips import Said
from onnx_roofline.inference.runs import repeated_runs
from onnx_roofline.inference.scope import DATA, BodyRequest, Known, OpResult, Scope, Steps
from onnx_roofline.ir.graph import UNKNOWN_TYPE, Op, TensorType
from onnx_roofline.ir.records import Body, Origin
from onnx_roofline.ops.shape.merge import merge_types


def infer_scan(op: Op, scope: Scope, inputs: tuple[Known | None, ...], said: Said) -> Steps:
    """A Scan; the directions do not change shapes. Scan-8 has sequence lengths and a batch axis before the others.

    `said` is what the user states of its length; one that follows from the inputs holds all the same.
    """
    body = body_of(op, "body")
    is_old = op.version < 9
    scanned = op.attributes.get("num_scan_inputs", 1)
    inputs = inputs[1:] if is_old else inputs
    if not isinstance(scanned, int) or not 1 <= scanned <= len(inputs):
        raise ShapeError(f"found num_scan_inputs {scanned!r} and {len(inputs)} inputs, wanted 1 to {len(inputs)}")
    kinds = tuple(_without_batch(known, op.version) for known in inputs)
    states, slices = kinds[: len(kinds) - scanned], kinds[len(kinds) - scanned :]
    axes = _axes(op, "scan_input_axes", scanned)
    lengths = {size for kind, axis in zip(slices, axes, strict=True) if (size := _scan_length(kind, axis)) is not None}
    is_exact = all(kind.is_sure for kind in slices) and bool(lengths)
    if len(lengths) > 1 and is_exact:
        raise ShapeError(f"found scan inputs of lengths {sorted(lengths)}, wanted one length")
    check_interface(body, len(kinds), len(states))
    formal = (*states, *(_slice_of(kind, axis) for kind, axis in zip(slices, axes, strict=True)))
    length = max(lengths) if lengths else None
    is_stated = False
    out_axes = _axes(op, "scan_output_axes", len(op.outputs) - len(states))
    trips = said.trips if said.trips is not None else _told(said, len(states), out_axes)
    if trips is not None and not is_exact and (said.trips is not None or length is None or trips <= length):
        length, is_stated = trips, True
    picks = None if length is None else repeated_runs(scope, length)
    result = yield BodyRequest(op, "body", body, scope, tuple(Known(kind) for kind in formal), picks)
    count = 1 if length is None else length
    finals = [known.type for known in result.outputs[: len(states)]]
    pieces = result.outputs[len(states) :]
    rests = any(kind.assumed for kind in slices) and bool(lengths)
    origin: Origin = "exact" if is_exact else "bound" if is_stated else "data" if lengths else "assumed"
    origin = "assumed" if rests and origin in ("exact", "data") else origin
    stacks = [stacked(known.type, length, axis, origin) for known, axis in zip(pieces, out_axes, strict=True)]
    outputs = [*(merge_types(a, b) if is_old else b for a, b in zip(states, finals, strict=True)), *stacks]
    if is_old:
        batch = next((known.type.shape[0] for known in inputs if known is not None and known.type.shape), None)
        outputs = [stacked(kind, batch, 0, "exact") for kind in outputs]
        count *= 1 if batch is None else batch
        if op.inputs and op.inputs[0]:
            origin = "data"
    hangs = frozenset().union(*(known.hangs for known in result.outputs))
    open_slices = [known for known, kind in zip(inputs[len(states) :], slices, strict=True) if not kind.is_sure]
    follows = not is_old and bool(lengths) and all(known is not None and known.hangs for known in open_slices)
    repeat = (Body("body", result.prefix, Fraction(count), origin, follows and origin in ("assumed", "data")),)
    return OpResult(tuple(Known(kind, hangs=hangs) for kind in outputs), repeat)


def _told(said: Said, states: int, axes: tuple[int, ...]) -> int | None:
    """The length that the user states of a scan output."""
    for (position, axis), size in said.lengths.items():
        if position >= states and axis == axes[position - states]:
            return size
    return None


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
    return without_axis(kind, axis)


def _without_batch(known: Known | None, version: int) -> TensorType:
    kind = known.type if known is not None else UNKNOWN_TYPE
    if version >= 9 or not kind.shape:
        return kind
    return without_axis(kind, 0)


def infer_sequence_map(op: Op, scope: Scope, inputs: tuple[Known | None, ...], trips: int | None) -> Steps:
    """A SequenceMap: its body runs once for each element of the first sequence."""
    body = body_of(op, "body")
    formal = []
    length: int | None = None
    for position, known in enumerate(inputs):
        kind = known.type if known is not None else TensorType("", None)
        if kind.container == "sequence":
            if position == 0 or length is None:
                length = kind.length
            kind = replace(kind, container="tensor", length=None)
        formal.append(Known(kind))
    check_interface(body, len(formal), 0)
    result = yield BodyRequest(op, "body", body, scope, tuple(formal))
    origin: Origin = "exact" if length is not None else "assumed" if trips is None else "bound"
    length = trips if length is None else length
    count = 1 if length is None else length
    outputs = tuple(
        Known(replace(known.type, container="sequence", length=length), origin=DATA) for known in result.outputs
    )
    return OpResult(outputs, (Body("body", result.prefix, Fraction(count), origin),))
