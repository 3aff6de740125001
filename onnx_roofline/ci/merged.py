"""Two models as one list of ops: each with what it was, what it is, and what changed of it."""

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from onnx_roofline.base.text import visible
from onnx_roofline.ci.diff import Kind, node_change
from onnx_roofline.ci.matching import match_nodes
from onnx_roofline.ci.metrics import Value
from onnx_roofline.ci.nodes import NodeFigures

# Figures of an op on each side, all executions together.
FIGURES = ("flops", "naive_bytes", "time_s")


class MergedNode(Struct, frozen=True):
    """An op of either model or of both; `old` and `new` are its figures, None where it is not there."""

    kind: Kind | Literal["same"]
    label: str
    op_type: str
    module: str
    about: str
    old: tuple[Value, ...] | None
    new: tuple[Value, ...] | None


def merged_nodes(old: Sequence[NodeFigures], new: Sequence[NodeFigures]) -> tuple[MergedNode, ...]:
    """The ops of both models in the order of the new one; those that were removed stand where they were."""
    pairs = {theirs: mine for mine, theirs in match_nodes(old, new).items()}
    taken = set(pairs.values())
    found: list[MergedNode] = []
    behind = 0
    for place, node in enumerate(new):
        mine = pairs.get(place)
        if mine is None:
            found.append(_merged("added", node, "", None, _figures(node)))
            continue
        # What was removed before an op that both have comes before it.
        found += [_removed(one) for n, one in enumerate(old[behind:mine], behind) if n not in taken]
        behind = max(behind, mine + 1)
        change = node_change(old[mine], node)
        sides = _figures(old[mine]), _figures(node)
        found.append(
            _merged("same", node, "", *sides) if change is None else _merged(change.kind, node, change.about, *sides)
        )
    found += [_removed(one) for n, one in enumerate(old[behind:], behind) if n not in taken]
    return tuple(found)


def _removed(node: NodeFigures) -> MergedNode:
    return _merged("removed", node, "", _figures(node), None)


def _merged(
    kind: Kind | Literal["same"],
    node: NodeFigures,
    about: str,
    old: tuple[Value, ...] | None,
    new: tuple[Value, ...] | None,
) -> MergedNode:
    return MergedNode(kind, visible(node.label), visible(node.op_type), visible(node.module, 400), about, old, new)


def _figures(node: NodeFigures) -> tuple[Value, ...]:
    return tuple(getattr(node, name) for name in FIGURES)
