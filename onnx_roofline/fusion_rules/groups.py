"""Kernels in the making: sets of nodes that grow, always so that the kernels can run one after the other."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from onnx_roofline.fusion_rules.scope_view import ScopeView


@dataclass
class Groups:
    """A partition of the nodes of a view.

    Every group has a place, and each group's place is after those of all groups that it waits for: a topological
    order of the kernels, which `merge` keeps, so the kernels never wait for each other in a circle.
    """

    view: ScopeView
    max_group: int
    group: list[int] = field(default_factory=list)
    members: dict[int, list[int]] = field(default_factory=dict)
    patterns: dict[int, str] = field(default_factory=dict)
    refused: dict[int, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # A group's number is its place: that of one of its members.
        self.group = list(range(len(self.view.keys)))
        self.members = {node: [node] for node in self.group}

    def merge(self, nodes: Iterable[int], pattern: str) -> str:
        """Makes one group of the groups of these nodes; else why not, in the words that follow "not fused:"."""
        view = self.view
        parts = sorted({self.group[node] for node in nodes})
        merged = [node for part in parts for node in self.members[part]]
        if len(parts) == 1:
            return ""
        if any(view.barrier[node] for node in merged):
            return "it runs a body"
        if len(merged) > self.max_group:
            return f"the kernel would hold over {self.max_group} ops"
        own = set(parts)
        latest_before, latest = -1, -1
        earliest_after = len(self.group)
        for node in merged:
            for other in view.before[node]:
                place = self.group[other]
                if place not in own and place > latest_before:
                    latest_before, latest = place, other
            for other in view.after[node]:
                place = self.group[other]
                if place not in own and place < earliest_after:
                    earliest_after = place
        between = [part for part in parts if latest_before < part < earliest_after]
        if not between:
            return f"its other operand comes from a later kernel ({view.label(latest)})"
        place = between[-1]
        for part in parts:
            if part != place:
                del self.members[part]
                self.patterns.pop(part, None)
                self.refused.setdefault(place, []).extend(self.refused.pop(part, ()))
        for node in merged:
            self.group[node] = place
        self.members[place] = sorted(merged)
        self.patterns[place] = pattern
        return ""

    def refuse(self, node: int, reason: str) -> None:
        """Notes at the kernel of a node that a fusion was looked at and not done."""
        reasons = self.refused.setdefault(self.group[node], [])
        if reason not in reasons:
            reasons.append(reason)

    def is_alone(self, node: int) -> bool:
        """Whether no other node has joined this one."""
        return len(self.members[self.group[node]]) == 1
