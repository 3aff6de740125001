"""Kernels in the making: sets of nodes that grow, always so that the kernels can run one after the other."""

from collections.abc import Iterable

from msgspec import Struct, field

from onnx_roofline.fusion.scope_view import ScopeView
from onnx_roofline.ir.records import KernelRole


class Groups(Struct):
    """A partition of the nodes of a view.

    Every group has a place, and each group's place is after those of all groups that it waits for: a topological
    order of the kernels, which `merge` keeps, so the kernels never wait for each other in a circle.
    """

    view: ScopeView
    max_group: int
    group: list[int] = field(default_factory=list)
    members: dict[int, list[int]] = field(default_factory=dict)
    patterns: dict[int, str] = field(default_factory=dict)
    roles: dict[int, KernelRole] = field(default_factory=dict)
    # Why a kernel is no larger, each reason once, in the order in which they were found.
    refused: dict[int, dict[str, None]] = field(default_factory=dict)
    # Nodes outside a group that its members wait for, and that wait for them; what a merge has to look at.
    before: dict[int, list[int]] = field(default_factory=dict)
    after: dict[int, list[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # A group's number is its place: that of one of its members.
        self.group = list(range(len(self.view.keys)))
        self.members = {node: [node] for node in self.group}
        self.before = {node: list(self.view.before[node]) for node in self.group}
        self.after = {node: list(self.view.after[node]) for node in self.group}

    def merge(self, nodes: Iterable[int], pattern: str, role: KernelRole | None = None) -> str:
        """Makes one group of the groups of these nodes; else why not, in the words that follow "not fused:".

        `role` is what the pattern states; without one the group keeps that of the first part which has any.
        """
        view = self.view
        parts = sorted({self.group[node] for node in nodes})
        if len(parts) == 1:
            return ""
        # A node that runs a body never joins another, so only groups of one can be such a node.
        if any(view.barrier[self.members[part][0]] for part in parts):
            return "it runs a body"
        if sum(len(self.members[part]) for part in parts) > self.max_group:
            return f"the kernel would hold over {self.max_group} ops"
        own, group = set(parts), self.group
        before = [node for part in parts for node in self.before[part] if group[node] not in own]
        after = [node for part in parts for node in self.after[part] if group[node] not in own]
        latest_before = max(map(group.__getitem__, before), default=-1)
        earliest_after = min(map(group.__getitem__, after), default=len(group))
        between = [part for part in parts if latest_before < part < earliest_after]
        if not between:
            latest = max(before, key=group.__getitem__)
            return f"its other operand comes from a later kernel ({view.label(latest)})"
        place = between[-1]
        merged = [node for part in parts for node in self.members[part]]
        merged.sort()
        for part in parts:
            if part != place:
                for node in self.members[part]:
                    group[node] = place
                del self.members[part], self.before[part], self.after[part]
                self.patterns.pop(part, None)
                if part in self.refused:
                    self.refused.setdefault(place, {}).update(self.refused.pop(part))
        roles = [stated for part in parts if (stated := self.roles.pop(part, None)) is not None]
        if role is not None or roles:
            self.roles[place] = role if role is not None else roles[0]
        self.members[place], self.before[place], self.after[place] = merged, before, after
        self.patterns[place] = pattern
        return ""

    def refuse(self, node: int, reason: str) -> None:
        """Notes at the kernel of a node that a fusion was looked at and not done."""
        self.refused.setdefault(self.group[node], {})[reason] = None

    def is_alone(self, node: int) -> bool:
        """Whether no other node has joined this one."""
        return len(self.members[self.group[node]]) == 1
