"""What kind of loop nest an op is, as compilers class them when they decide what may share a kernel.

Source: TVM, include/tvm/relax/op_attr_types.h (OpPatternKind); the order decides, the greater kind wins.
"""

from collections.abc import Mapping

from onnx_roofline.base.units import product
from onnx_roofline.fusion.scope_view import ScopeView

ELEMENTWISE, BROADCAST, INJECTIVE, REDUCTION, CONTRACTION, OPAQUE = range(6)
KINDS: Mapping[str, int] = {
    "elementwise": ELEMENTWISE,
    "broadcast": BROADCAST,
    "injective": INJECTIVE,
    "reduction": REDUCTION,
    "contraction": CONTRACTION,
    "opaque": OPAQUE,
}


def node_kinds(view: ScopeView, named: Mapping[str, str]) -> list[int]:
    """The kind of every node: once for nodes of one type that share their work, and with it their operands' types."""
    known: dict[tuple[str, int, bool], int] = {}
    kinds = []
    for node, (op_type, work, is_barrier) in enumerate(zip(view.types, view.works, view.barrier, strict=True)):
        signature = (op_type, id(work), is_barrier)
        kind = known.get(signature)
        if kind is None:
            kind = known[signature] = node_kind(view, node, named)
        kinds.append(kind)
    return kinds


def node_kind(view: ScopeView, node: int, named: Mapping[str, str]) -> int:
    """The kind of an op: what the pack names for its type, else what its work and shapes say."""
    row, work = view.rows[node], view.works[node]
    if view.barrier[node]:
        return OPAQUE
    if view.types[node] in named:
        return KINDS[named[view.types[node]]]
    if work.counts is None or work.sequential_steps > 1:
        return OPAQUE
    if work.contractions:
        return CONTRACTION
    outputs = [kind for name, kind in zip(row.op.outputs, row.outputs, strict=True) if name]
    inputs = [kind for kind in row.inputs if kind is not None]
    if len(outputs) != 1 or not all(kind.is_known for kind in (*outputs, *inputs)):
        return OPAQUE
    if work.counts.operations == 0:
        return INJECTIVE
    shape = outputs[0].dims
    largest = max((kind.elements or 0 for kind in inputs), default=0)
    if largest > product(shape):
        return REDUCTION
    return ELEMENTWISE if all(kind.dims == shape or kind.elements == 1 for kind in inputs) else BROADCAST
