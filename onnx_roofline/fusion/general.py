"""The general rule: an op joins what comes after it if everything between them is simple enough.

"What comes after" is the post-dominator: the first kernel through which every path from the op to an output leads.
Three rules, after TVM's FuseOps: a contraction takes the elementwise and broadcast kernels that follow it on tensors of
its own shape; elementwise and broadcast kernels join the next kernel of any kind but opaque ones; injective kernels
(copies in another order) join each other. Nothing follows a reduction, and two contractions never meet.

Linear in the ops for a bound on the ops of a kernel: no search looks at more kernels than may be fused.
Source: TVM, src/relax/transform/fuse_ops.cc.
"""

from collections.abc import Callable, Mapping, Sequence

from onnx_roofline.fusion.groups import Groups
from onnx_roofline.fusion.kinds import BROADCAST, CONTRACTION, ELEMENTWISE, INJECTIVE, OPAQUE, REDUCTION
from onnx_roofline.fusion.match import CHECKS
from onnx_roofline.fusion.scope_view import ABSENT, ScopeView

RULE_NAMES: Mapping[int, str] = {
    ELEMENTWISE: "elementwise_chain",
    BROADCAST: "elementwise_chain",
    INJECTIVE: "injective_chain",
    REDUCTION: "reduction_prologue",
    CONTRACTION: "contraction_epilogue",
}
# Why a kernel of this kind is not joined by what comes before it.
_WHY: Mapping[int, str] = {
    ELEMENTWISE: "a copy joins copies alone",
    BROADCAST: "it repeats the result over a larger shape",
    INJECTIVE: "it reads the result in another order",
    REDUCTION: "a reduction takes elementwise ops before it alone",
    CONTRACTION: "a contraction takes elementwise ops after it alone",
    OPAQUE: "an op there is of a type that is never fused",
}
_TWO_CONTRACTIONS = "a kernel holds one contraction or pooling"
_NO_PARENT = -1


def fuse_generally(view: ScopeView, groups: Groups, node_kinds: Sequence[int], *, residual_add: bool) -> None:
    """Merges the groups of a view by the general rule and notes what it refused; `node_kinds` are its nodes'."""
    _General(view, groups, node_kinds, residual_add=residual_add).run()


def _why(kind: int, before: int) -> str:
    return _TWO_CONTRACTIONS if kind == before == CONTRACTION else _WHY[kind]


class _General:
    def __init__(self, view: ScopeView, groups: Groups, node_kinds: Sequence[int], *, residual_add: bool) -> None:
        self.view, self.groups, self.residual_add = view, groups, residual_add
        # A part is a group as it was before; parts are numbered in topological order.
        self.parts = [groups.members[place] for place in sorted(groups.members)]
        self.part_of = [0] * len(view.keys)
        for number, nodes in enumerate(self.parts):
            for node in nodes:
                self.part_of[node] = number
        self.kinds = [max(node_kinds[node] for node in nodes) for nodes in self.parts]
        # The kind of the merged kernel at each place, which is that of its contraction or of its last part.
        self.kernel_kinds = {groups.group[nodes[0]]: kind for nodes, kind in zip(self.parts, self.kinds, strict=True)}
        self._repeated: dict[int, frozenset[int]] = {}
        self.kept = [False] * len(self.parts)
        self.consumers: list[dict[int, int]] = [{} for _ in self.parts]
        self.parents = [_NO_PARENT] * len(self.parts)
        self.edges = [OPAQUE] * len(self.parts)
        self.depths = [0] * len(self.parts)

    def run(self) -> None:
        for number in range(len(self.parts)):
            self._find_consumers(number)
        for number in reversed(range(len(self.parts))):
            self._find_parent(number)
        for copies in (False, True):
            for number in range(len(self.parts)):
                self._fuse(number, copies)

    def _find_consumers(self, number: int) -> None:
        """Each consuming part with the kind of the edge to it."""
        view, consumers = self.view, self.consumers[number]
        for node in self.parts[number]:
            for tensor in view.outputs[node]:
                self.kept[number] |= tensor in view.kept
                for reader in view.readers[tensor]:
                    other = self.part_of[reader]
                    if other != number:
                        edge = self._edge(tensor, reader, other)
                        consumers[other] = max(consumers.get(other, ELEMENTWISE), edge)
            for reader in view.after[node]:
                other = self.part_of[reader]
                if other != number:
                    consumers.setdefault(other, OPAQUE)  # waits for a value that is no operand of it

    def _edge(self, tensor: int, reader: int, part: int) -> int:
        """The kind of the part that reads; elementwise where a broadcast reads a tensor of the shape of its result."""
        if self.kinds[part] > BROADCAST:
            return self.kinds[part]
        return BROADCAST if tensor in self._repeated_by(reader) else ELEMENTWISE

    def _repeated_by(self, node: int) -> frozenset[int]:
        """The operands that a node repeats over a larger shape."""
        found = self._repeated.get(node)
        if found is None:
            row = self.view.rows[node]
            shape = row.outputs[0].shape if row.outputs else None
            operands = zip(self.view.inputs[node], row.inputs, strict=True)
            found = frozenset(tensor for tensor, kind in operands if kind is not None and kind.shape != shape)
            self._repeated[node] = found
        return found

    def _find_parent(self, number: int) -> None:
        """The post-dominator, by the lowest common ancestor of the consumers."""
        consumers = self.consumers[number]
        if self.kept[number] or not consumers or len(consumers) > self.groups.max_group:
            return
        parent, edge = _NO_PARENT, ELEMENTWISE
        budget = 2 * self.groups.max_group
        for position, (consumer, kind) in enumerate(consumers.items()):
            edge = max(edge, kind)
            if position == 0:
                parent = consumer
                continue
            other = consumer
            while parent != other:
                budget -= 1
                if budget < 0 or _NO_PARENT in (parent, other):
                    return
                if self.depths[parent] >= self.depths[other]:
                    edge, parent = max(edge, self.edges[parent]), self.parents[parent]
                else:
                    edge, other = max(edge, self.edges[other]), self.parents[other]
            if parent == _NO_PARENT:
                return
        self.parents[number], self.edges[number], self.depths[number] = parent, edge, self.depths[parent] + 1

    def _place(self, number: int) -> int:
        return self.groups.group[self.parts[number][0]]

    def _fuse(self, number: int, copies: bool) -> None:
        kind = self.kernel_kinds[self._place(number)]
        if kind in (OPAQUE, REDUCTION) or copies != (kind == INJECTIVE):
            return
        label = self._label(number)
        parent = self.parents[number]
        if parent == _NO_PARENT:
            if self.kept[number] and self.consumers[number]:
                self._refuse(number, f"{label} not fused onward: its result is an output of the graph")
            elif len(self.consumers[number]) > 1:
                self._refuse(number, f"{label} not fused onward: its readers do not meet again in one kernel")
            return
        if self._place(number) == self._place(parent):
            return
        edge = self.edges[number]
        limit = {CONTRACTION: ELEMENTWISE, INJECTIVE: OPAQUE}.get(kind, REDUCTION)
        if edge > limit:
            self._refuse(parent, f"{self._label(parent)} not fused with {label}: {_why(edge, kind)}")
            return
        inner, last = {CONTRACTION: (BROADCAST, BROADCAST)}.get(kind, (INJECTIVE, INJECTIVE if copies else CONTRACTION))
        path, obstacle = self._path(number, parent, lambda found, is_last: found <= (last if is_last else inner))
        if obstacle:
            self._refuse(parent, f"{self._label(parent)} not fused with {label}: {obstacle}")
            return
        if kind == CONTRACTION and not self.residual_add:
            blocked = next((node for item in path for node in self.parts[item] if self._is_residual(node)), None)
            if blocked is not None:
                self._refuse(
                    parent, f"{self.view.label(blocked)} not fused with {label}: a residual addition is its own kernel"
                )
                return
        if kind == CONTRACTION and (later := self._later_producer(number, parent)) is not None:
            self._refuse(parent, f"{self._label(parent)} not fused with {label}: {self._label(later)} is made later")
            return
        self._merge(number, parent, path)

    def _later_producer(self, number: int, sink: int) -> int | None:
        """Another contraction that only `sink` reads and that comes after this one: a sum of two waits for the later.

        Source: TensorRT fuses a residual addition and its activation into the later of its two producers.
        """
        for node in self.parts[sink]:
            for tensor in self.view.inputs[node]:
                producer = ABSENT if tensor == ABSENT else self.view.producer[tensor]
                part = number if producer == ABSENT else self.part_of[producer]
                is_alike = self.kinds[part] == CONTRACTION and self.parents[part] == sink
                if part > number and is_alike and self.edges[part] <= ELEMENTWISE:
                    return part
        return None

    def _path(self, source: int, sink: int, allowed: Callable[[int, bool], bool]) -> tuple[list[int], str]:
        """The parts on all ways from `source` to `sink`, both included; or what stands in the way."""
        seen = {source}
        pending = [source]
        while pending:
            for consumer in self.consumers[pending.pop()]:
                if consumer in seen:
                    continue
                kind = self.kernel_kinds[self._place(consumer)]
                if not allowed(kind, consumer == sink):
                    why = _why(kind, self.kernel_kinds[self._place(source)])
                    return [], why if consumer == sink else f"{self._label(consumer)} lies between: {why}"
                seen.add(consumer)
                if len(seen) > self.groups.max_group:
                    return [], f"the kernel would hold over {self.groups.max_group} ops"
                if consumer != sink:
                    pending.append(consumer)
        return sorted(seen), ""

    def _merge(self, source: int, sink: int, path: list[int]) -> None:
        kinds = self.kernel_kinds
        places = {self._place(number) for number in path}
        has_contraction = any(kinds[place] == CONTRACTION for place in places)
        kind = CONTRACTION if has_contraction else kinds[self._place(sink)]
        names = [self.groups.patterns.get(place, "") for place in sorted(places)]
        named = [part for name in names for part in name.split("+") if part and part not in RULE_NAMES.values()]
        pattern = "+".join(dict.fromkeys((*named, RULE_NAMES[kind])))
        reason = self.groups.merge((self.parts[number][0] for number in path), pattern)
        if reason:
            self._refuse(sink, f"{self._label(sink)} not fused with {self._label(source)}: {reason}")
            return
        for place in places:
            kinds.pop(place)
        kinds[self._place(sink)] = kind

    def _is_residual(self, node: int) -> bool:
        return self.view.types[node] == "Add" and CHECKS["skip"](self.view, node)

    def _label(self, number: int) -> str:
        return self.view.label(self.parts[number][-1])

    def _refuse(self, number: int, reason: str) -> None:
        self.groups.refuse(self.parts[number][-1], reason)
