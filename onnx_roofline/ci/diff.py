"""Two models, or two states of one: totals, then ops that were added, removed or changed, by their impact."""

from collections.abc import Mapping, Sequence
from typing import Literal

from msgspec import Struct

from onnx_roofline.base.quantities import format_change
from onnx_roofline.base.text import visible
from onnx_roofline.ci.findings import amount, drift_of, pair
from onnx_roofline.ci.matching import match_nodes
from onnx_roofline.ci.metrics import Value, unit_of
from onnx_roofline.ci.nodes import NodeFigures
from onnx_roofline.ci.snapshot import Snapshot

Kind = Literal["added", "removed", "changed", "moved"]

# Figures of an op that a change is told by, the first that differs.
_FIGURES = ("flops", "macs", "naive_bytes", "time_s")


class NodeChange(Struct, frozen=True):
    """An op that is not as it was. `moved` is one that only runs on another device.

    `about` says what changed in words; `deltas` are new - old over all executions, None where one is unknown.
    """

    kind: Kind
    label: str
    op_type: str
    module: str
    about: str
    deltas: dict[str, Value]

    def delta(self, metric: str) -> float:
        """The change of a figure; an unknown one counts as none."""
        return float(self.deltas.get(metric) or 0)


class Diff(Struct, frozen=True):
    """What differs between two snapshots. `same` is how many ops are as they were."""

    old: str
    new: str
    differences: tuple[str, ...]
    totals: tuple[tuple[str, Value, Value], ...]
    by_type: tuple[tuple[str, Value, Value], ...]
    nodes: tuple[NodeChange, ...]
    same: int
    has_nodes: bool

    @property
    def is_empty(self) -> bool:
        """Whether nothing differs."""
        return not self.totals and not self.nodes


def diff_snapshots(old: Snapshot, new: Snapshot) -> Diff:
    """The diff of two snapshots; ops only where both have them."""
    has_nodes = bool(old.nodes or not old.totals.get("ops")) and bool(new.nodes or not new.totals.get("ops"))
    changes, same = diff_nodes(old.nodes, new.nodes) if has_nodes else ((), 0)
    types = [
        (name, _part(old.by_type, name, "flops"), _part(new.by_type, name, "flops"))
        for name in sorted({*old.by_type, *new.by_type})
        if old.by_type.get(name) != new.by_type.get(name)
    ]
    return Diff(
        old=old.path,
        new=new.path,
        differences=new.context.differences(old.context),
        totals=tuple(drift_of(old.totals, new.totals)),
        by_type=tuple(sorted(types, key=lambda row: -abs((row[2] or 0) - (row[1] or 0)))),
        nodes=changes,
        same=same,
        has_nodes=has_nodes,
    )


def diff_nodes(old: Sequence[NodeFigures], new: Sequence[NodeFigures]) -> tuple[tuple[NodeChange, ...], int]:
    """The ops that differ, those with the largest impact first, and how many don't."""
    pairs = match_nodes(old, new)
    taken = set(pairs.values())
    found = [_whole("removed", node, -1) for position, node in enumerate(old) if position not in pairs]
    found += [_whole("added", node, 1) for position, node in enumerate(new) if position not in taken]
    same = 0
    for mine, theirs in pairs.items():
        changed = node_change(old[mine], new[theirs])
        if changed is None:
            same += 1
        else:
            found.append(changed)
    return tuple(sorted(found, key=_impact)), same


def _impact(change: NodeChange) -> tuple[float, float, float, str]:
    sizes = tuple(-abs(change.delta(name)) for name in ("flops", "naive_bytes", "time_s"))
    return (*sizes, change.label)  # type: ignore[return-value]


def _whole(kind: Kind, node: NodeFigures, sign: int) -> NodeChange:
    deltas = {name: None if (value := getattr(node, name)) is None else sign * value for name in _FIGURES}
    return NodeChange(kind, _label(node), node.op_type, node.module, _types(node), deltas)


def _label(node: NodeFigures) -> str:
    return visible(node.label)


def _types(node: NodeFigures) -> str:
    return f"{', '.join(filter(None, node.operands)) or 'nothing'} -> {', '.join(filter(None, node.results))}"


def node_change(old: NodeFigures, new: NodeFigures) -> NodeChange | None:
    """What changed of an op, None where nothing did. Times alone are the kernel's, which a neighbour can change."""
    about = []
    if (old.operands, old.results) != (new.operands, new.results):
        about.append(f"{_types(old)} became {_types(new)}")
    elif old.form != new.form:
        about.append("other strides, taps or groups")
    if old.executions != new.executions:
        about.append(f"runs {new.executions:,} times, was {old.executions:,}")
    for name in ("macs", "flops", "naive_bytes"):
        before, after = getattr(old, name), getattr(new, name)
        if before != after:
            about.append(figure_text(name, before, after))
            break
    is_moved = old.device != new.device
    if is_moved:
        about.append(f"runs on {new.device or 'no device'}, was on {old.device or 'none'}")
    if not about:
        return None
    deltas = {name: _delta(getattr(old, name), getattr(new, name)) for name in _FIGURES}
    kind: Kind = "moved" if is_moved and len(about) == 1 else "changed"
    return NodeChange(kind, _label(new), new.op_type, new.module, "; ".join(about), deltas)


def _delta(old: Value, new: Value) -> Value:
    return None if old is None or new is None else new - old


def figure_text(metric: str, old: Value, new: Value) -> str:
    """`flops 4.1 GFLOP -> 4.3 GFLOP (+5 %)`.

    >>> figure_text("flops", 100, 104), figure_text("moved_bytes", 5, None)
    ('flops 100 FLOP -> 104 FLOP (+4 %)', 'moved_bytes 5 B -> unknown')
    """
    unit = unit_of(metric)
    if old is None or new is None:
        return f"{metric} {'unknown' if old is None else amount(old, unit)} -> " + (
            "unknown" if new is None else amount(new, unit)
        )
    before, after = pair(old, new, unit)
    return f"{metric} {before} -> {after} ({format_change(old, new)})"


def causes_of(old: Snapshot, new: Snapshot, metric: str, changes: Sequence[NodeChange], shown: int = 3) -> list[str]:
    """Who changed a figure for the worse, the most first: ops where both snapshots have them, else op types.

    A metric that no op has a part of by itself, such as a peak, gets the ops with the largest impact on time.
    """
    unit = unit_of(metric)
    name = metric.rpartition(".")[2] if "]" in metric else metric.partition(".")[0]
    part = {"moved_bytes": "naive_bytes", "compulsory_bytes": "naive_bytes", "operations": "flops"}.get(name, name)
    if old.nodes and new.nodes:
        counted = part if part in _FIGURES else "time_s"
        counted_unit = unit_of(counted) if counted != "time_s" else "s"
        rows = sorted((c for c in changes if c.kind != "moved"), key=lambda c: -c.delta(counted))
        rising = [c for c in rows if c.delta(counted) > 0] or rows
        return [f"{c.kind} {c.label}: {_signed(c.delta(counted), counted_unit)} ({c.about})" for c in rising[:shown]]
    if part not in ("macs", "flops", "naive_bytes", "time_s", "parameters", "weight_bytes"):
        return []
    deltas = [
        (_delta(_part(old.by_type, op, part), _part(new.by_type, op, part)) or 0, op)
        for op in {*old.by_type, *new.by_type}
    ]
    return [f"{op} {_signed(delta, unit)}" for delta, op in sorted(deltas, reverse=True)[:shown] if delta > 0]


def _part(groups: Mapping[str, Mapping[str, Value]], name: str, part: str) -> Value:
    """A figure of a group: 0 of one that is not there, unknown where the group doesn't have it."""
    return groups[name].get(part) if name in groups else 0


def _signed(value: float, unit: str) -> str:
    from onnx_roofline.base.quantities import format_si

    whole = int(value) if value == int(value) else value
    return f"{'-' if whole < 0 else '+'}{format_si(abs(whole), unit)}"
