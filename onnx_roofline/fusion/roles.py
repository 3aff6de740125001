"""What a kernel is as a whole, from what its members do: a pattern may have any name."""

from collections.abc import Sequence

from onnx_roofline.fusion.scope_view import ABSENT, ScopeView
from onnx_roofline.ir.records import KernelRole


def role_of(view: ScopeView, members: Sequence[int]) -> KernelRole:
    """ "attention" where a product reads rows that were normalised behind another product; else "none".

    `members` are nodes in graph order.
    """
    if sum(bool(view.works[node].contractions) for node in members) < 2:
        return "none"
    inside = set(members)
    # Members behind a product, and those of them behind rows that were normalised.
    scored: set[int] = set()
    normalised: set[int] = set()
    for node in members:
        work = view.works[node]
        sources = {view.producer[tensor] for tensor in view.inputs[node] if tensor != ABSENT} & inside
        if work.contractions:
            if sources & normalised:
                return "attention"
            scored.add(node)
        elif sources & normalised or (work.row_elements and sources & scored):
            normalised.add(node)
        elif sources & scored:
            scored.add(node)
    return "none"
