"""Types through the ops with bodies: which function infers which, and the branches of an If.

Each function is a generator that asks for its bodies to be inferred, in the order in which it needs them.
"""

from collections.abc import Generator, Mapping
from fractions import Fraction
from typing import TYPE_CHECKING

from msgspec.structs import replace

from onnx_roofline.base.errors import ShapeError
from onnx_roofline.base.units import dtype_name
from onnx_roofline.inference.bodies import body_of, check_interface, scalar_of
from onnx_roofline.inference.loop_trips import Said
from onnx_roofline.inference.loops import infer_loop
from onnx_roofline.inference.partial_values import is_unsure
from onnx_roofline.inference.runs import all_runs
from onnx_roofline.inference.scans import infer_scan, infer_sequence_map
from onnx_roofline.inference.scope import BodyRequest, GraphResult, Known, OpResult, Request, Scope, Steps
from onnx_roofline.inference.user_trips import Stated
from onnx_roofline.ir.graph import Op, TensorType
from onnx_roofline.ir.records import Body, Origin
from onnx_roofline.ops.shape.merge import merge_types

if TYPE_CHECKING:
    import numpy as np

    from onnx_roofline.ir.graph import Array

    Flags = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]

_MODIFIERS = ("score_mod", "prob_mod")
# (branch, origin, reason): what is taken of an If whose condition is open.
Choice = tuple[str, Origin, str]


def infer_control_flow(
    op: Op,
    scope: Scope,
    inputs: tuple[Known | None, ...],
    said: Stated,
    lengths: Mapping[tuple[int, int], int],
    choice: Choice | None = None,
) -> Steps:
    """The step of one control-flow op; `said` is what the user says of loops and branches, `lengths` of its outputs,
    (output, axis) -> size, `choice` what is taken of an If where nothing is said.
    """
    if op.op_type == "If":
        return _infer_if(op, scope, inputs, said.share_of(op, scope), choice)
    trips = said.trips_of(op, scope)
    if op.op_type == "Loop":
        return infer_loop(op, scope, inputs, Said(trips, lengths))
    if op.op_type == "Scan":
        return infer_scan(op, scope, inputs, Said(trips, lengths))
    return infer_sequence_map(op, scope, inputs, trips)


def _infer_if(
    op: Op, scope: Scope, inputs: tuple[Known | None, ...], share: Fraction | None, choice: Choice | None
) -> Steps:
    """An If. Where the condition is known only its branch is inferred: the other may well not fit these shapes.

    Where it is open, a branch that can't be valid is left out. Raises ShapeError where neither can. `share` is the
    probability of the then-branch, None where the costs decide.
    """
    then, otherwise = body_of(op, "then_branch"), body_of(op, "else_branch")
    if len(then.outputs) != len(otherwise.outputs):
        counts = f"{len(then.outputs)} outputs in then_branch and {len(otherwise.outputs)} in else_branch"
        raise ShapeError(f"found {counts}, wanted the same number")
    condition = scalar_of(inputs[0] if inputs else None)
    mask = None if share is not None else _mask_of(inputs)
    if mask is not None and (mask.all() or not mask.any()):
        condition = int(mask.all())
    if condition is not None:
        taken, body = ("then_branch", then) if condition else ("else_branch", otherwise)
        result = yield BodyRequest(op, taken, body, scope, (), all_runs(scope))
        origin: Origin = "assumed" if is_unsure(inputs[0]) else "exact"
        note = f"the condition is {'known' if origin == 'exact' else 'assumed'}: {taken} runs"
        return OpResult(result.outputs, (Body(taken, result.prefix, Fraction(1), origin),), note)
    if mask is not None:
        found = yield from _infer_by_runs(op, scope, mask)
        if found is not None:
            return found
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
    if choice is not None and share is None:
        return _as_chosen(choice, results)
    pairs = list(zip(results["then_branch"].outputs, results["else_branch"].outputs, strict=True))
    outputs = tuple(
        Known(merge_types(a.type, b.type), origin=max(a.origin, b.origin), hangs=a.hangs | b.hangs) for a, b in pairs
    )
    origin = "data" if share is None else "bound"
    bodies = tuple(Body(name, result.prefix, shares[name], origin) for name, result in results.items())
    is_undecided = share is None and any(_differ(a.type, b.type) for a, b in pairs)
    return OpResult(outputs, bodies, is_undecided=is_undecided)


def _mask_of(inputs: tuple[Known | None, ...]) -> "Flags | None":
    """In which runs of the scope a condition holds, where that is known of each."""
    known = inputs[0] if inputs else None
    return None if known is None or known.runs is None else known.runs.astype(bool)


def _infer_by_runs(op: Op, scope: Scope, mask: "Flags") -> Generator[Request, GraphResult, OpResult | None]:
    """An If whose condition is known in each run; None where a branch can't be valid with what is known of it."""
    import numpy as np

    share = Fraction(int(mask.sum()), len(mask))
    results: list[GraphResult] = []
    for name, taken in (("then_branch", mask), ("else_branch", ~mask)):
        try:
            result = yield BodyRequest(op, name, body_of(op, name), scope, (), np.flatnonzero(taken))
        except ShapeError:
            return None
        results.append(result)
    outputs = tuple(
        Known(
            merge_types(a.type, b.type),
            origin=max(a.origin, b.origin),
            hangs=a.hangs | b.hangs,
            runs=_merged_runs(a, b, mask),
        )
        for a, b in zip(*(result.outputs for result in results), strict=True)
    )
    bodies = (
        Body("then_branch", results[0].prefix, share, "exact"),
        Body("else_branch", results[1].prefix, 1 - share, "exact"),
    )
    return OpResult(outputs, bodies, f"the condition is known: then_branch runs in {share} of the runs")


def _merged_runs(then: Known, otherwise: Known, mask: "Flags") -> "Array | None":
    """The values that two branches give, each in its runs."""
    import numpy as np

    if then.type.elements != 1 or then.type.dtype != otherwise.type.dtype:
        return None
    parts = []
    for known, count in ((then, int(mask.sum())), (otherwise, int((~mask).sum()))):
        is_sure = known.value is not None and known.partial is None and known.value.size == 1
        value = np.full(count, known.value.reshape(-1)[0]) if is_sure and known.value is not None else known.runs
        if value is None:
            return None
        parts.append(value)
    merged = np.empty(len(mask), parts[0].dtype)
    merged[mask], merged[~mask] = parts
    return merged


def _as_chosen(choice: Choice, results: Mapping[str, GraphResult]) -> OpResult:
    """The branch with which what follows is valid, or agrees with what the file declares."""
    taken, origin, reason = choice
    left_out = tuple((name, reason) for name in results if name != taken and origin == "exact")
    bodies = tuple(Body(name, result.prefix, Fraction(name == taken), origin) for name, result in results.items())
    if origin == "exact":
        bodies = tuple(body for body in bodies if body.attribute == taken)
    note = f"{taken} is taken: what follows agrees with its shapes"
    return OpResult(results[taken].outputs, bodies, note, left_out)


def _differ(a: TensorType, b: TensorType) -> bool:
    """Whether two types can't be the same whatever is not known of them."""
    if a.container != "tensor" or b.container != "tensor" or a.shape is None or b.shape is None:
        return False
    if len(a.shape) != len(b.shape):
        return True
    both = set(a.known_axes()) & set(b.known_axes())
    return any(a.shape[axis] != b.shape[axis] for axis in both)


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
        check_interface(body, 1, 1)
        inner = yield BodyRequest(op, name, body, scope, (Known(TensorType(dtype, shape)),))
        bodies.append(Body(name, inner.prefix, Fraction(1), "exact"))
    return replace(result, bodies=tuple(bodies))
