"""Patterns that are no tree of ops: slices side by side, ops that change nothing."""

from collections.abc import Mapping, Sequence

from onnx_roofline.fusion.groups import Groups
from onnx_roofline.fusion.scope_view import ScopeView
from onnx_roofline.ir.graph import TensorType
from onnx_roofline.ir.records import TypedOp, Work

# Ops that leave a tensor as it is where its type stays as it is and nothing is computed, turned round or shifted.
_NO_OPS = ("Slice", "Expand", "Dropout", "Pad", "Tile")
# Arithmetic with the constant as second operand that changes nothing.
_NEUTRAL = {"Add": 0.0, "Sub": 0.0, "Mul": 1.0, "Div": 1.0}


def join_no_ops(view: ScopeView, groups: Groups, candidates: Mapping[str, Sequence[int]], pattern: str) -> None:
    """Joins an op whose result is of the type of its input to the only op that reads it."""
    nodes = [node for kind in (*_NO_OPS, *_NEUTRAL) for node in candidates.get(kind, ())]
    for node in sorted(nodes, reverse=True):
        kind, row = view.input_type(node, 0), view.rows[node]
        tensors = [tensor for tensor in view.outputs[node] if view.readers[tensor] or tensor in view.kept]
        if (
            kind is None
            or not _known([kind])
            or kind != row.outputs[0]
            or not _is_no_op(row, view.works[node])
            or tensors != [view.outputs[node][0]]
        ):
            continue
        if len(view.readers[tensors[0]]) == 1 and tensors[0] not in view.kept and groups.is_alone(node):
            reader = view.readers[tensors[0]][0]
            name = groups.patterns.get(groups.group[reader], pattern)
            reason = groups.merge((node, reader), name)
            if reason:
                groups.refuse(node, f"{view.label(node)} not fused: {reason}")


def _is_no_op(row: TypedOp, work: Work) -> bool:
    """Whether an op whose result is of the type of its input gives that input."""
    op = row.op
    if op.op_type == "Slice":
        # Of positive steps only 1 from the start keeps the shape; -1 turns the axis round.
        steps = row.values[4] if len(op.inputs) > 4 else None
        return not any(op.inputs[4:]) if steps is None else all(int(step) > 0 for step in steps.reshape(-1))
    if op.op_type == "Pad":
        # What is cut at one end and added at the other shifts the tensor.
        pads = row.values[1] if len(op.inputs) > 1 else None
        return not pads.any() if pads is not None else _all_zero(op.attributes.get("pads"))
    if op.op_type in _NO_OPS:
        # Dropout in training mode computes.
        return work.counts is not None and work.counts.operations == 0
    value = row.values[1] if len(row.values) == 2 else None
    return value is not None and value.size == 1 and float(value.reshape(())) == _NEUTRAL[op.op_type]


def _all_zero(numbers: object) -> bool:
    return isinstance(numbers, tuple) and not any(numbers)


def join_slices(view: ScopeView, groups: Groups, candidates: Mapping[str, Sequence[int]], pattern: str) -> None:
    """Joins slices that cut one tensor into pieces along one axis: the pieces are as long as the whole.

    Ignores where the slices start; pieces that overlap and leave a gap of the same length would be taken for a cut.
    """
    by_source: dict[int, list[int]] = {}
    for node in candidates.get("Slice", ()):
        if groups.is_alone(node) and view.inputs[node]:
            by_source.setdefault(view.inputs[node][0], []).append(node)
    for nodes in by_source.values():
        if 1 < len(nodes) <= groups.max_group and _is_cut(view, nodes):
            reason = groups.merge(nodes, pattern)
            if reason:
                groups.refuse(nodes[-1], f"{view.label(nodes[-1])} not fused with the other slices: {reason}")


def _is_cut(view: ScopeView, nodes: list[int]) -> bool:
    whole = view.input_type(nodes[0], 0)
    pieces = [view.rows[node].outputs[0] for node in nodes]
    if whole is None or not _known([whole, *pieces]) or any(len(p.dims) != len(whole.dims) for p in pieces):
        return False
    axes = {axis for piece in pieces for axis, dim in enumerate(piece.dims) if dim != whole.dims[axis]}
    return len(axes) == 1 and sum(piece.dims[axis] for piece in pieces for axis in axes) == whole.dims[min(axes)]


def _known(kinds: list[TensorType]) -> bool:
    return all(kind.is_known and kind.exact for kind in kinds)
