"""Which op of one model is which of another: by structure, never by name, id or order in the file.

Ops have two signatures: the full one is op type, shapes and form, the kind only the op type and how deep it is nested.
Hashes of all that is upstream and all that is downstream of an op find what no change has touched; matched pairs then
spread along edges; what is left is matched by the kind alone, which finds ops whose shapes changed.

It ignores weights and graph inputs but for their shapes, so two branches that differ in nothing else may change places.
"""

import re
from collections import defaultdict, deque
from collections.abc import Hashable, Iterable, Sequence
from difflib import SequenceMatcher

from onnx_roofline.ci.nodes import NodeFigures

# Levels of neighbours that tell apart ops with the same history.
_NEAR = 3
# Ops left over for which an alignment by order, quadratic in the worst case, is worth it.
_MOST_ALIGNED = 4000
_NUMBERED = re.compile(r"_[0-9]+(?=/)")


class _Side:
    """One model's ops as a graph of positions, with the hashes of their surroundings."""

    def __init__(self, nodes: Sequence[NodeFigures]) -> None:
        self.nodes = nodes
        made = {
            (node.scope, name): (position, slot)
            for position, node in enumerate(nodes)
            for slot, name in enumerate(node.writes)
            if name
        }
        self.producers = [[made.get((node.scope, name)) for name in node.reads] for node in nodes]
        self.readers: list[list[tuple[int, int, int]]] = [[] for _ in nodes]
        for position, sources in enumerate(self.producers):
            for slot, source in enumerate(sources):
                if source is not None:
                    self.readers[source[0]].append((source[1], position, slot))
        # Scopes hold the position of the op whose body they are; only the kind of nesting is the same in two models.
        self.kinds: list[Hashable] = [(node.op_type, _NUMBERED.sub("", node.scope)) for node in nodes]
        self.signatures: list[Hashable] = [
            (kind, node.operands, node.results, node.form) for kind, node in zip(self.kinds, nodes, strict=True)
        ]
        self.order = self._topological()

    def _topological(self) -> list[int]:
        waiting = [sum(source is not None for source in sources) for sources in self.producers]
        ready = deque(position for position, count in enumerate(waiting) if not count)
        found = []
        while ready:
            position = ready.popleft()
            found.append(position)
            for _, reader, _ in self.readers[position]:
                waiting[reader] -= 1
                if not waiting[reader]:
                    ready.append(reader)
        return found

    def upstream(self, labels: Sequence[Hashable]) -> list[Hashable]:
        """A hash of all that leads to each op."""
        found: list[Hashable] = [0] * len(self.nodes)
        for position in self.order:
            sources = self.producers[position]
            found[position] = hash(
                (labels[position], tuple(None if s is None else (found[s[0]], s[1]) for s in sources))
            )
        return found

    def downstream(self, labels: Sequence[Hashable]) -> list[Hashable]:
        """A hash of all that each op leads to."""
        found: list[Hashable] = [0] * len(self.nodes)
        for position in reversed(self.order):
            readers = sorted((slot, hash(found[reader]), at) for slot, reader, at in self.readers[position])
            found[position] = hash((labels[position], tuple(readers)))
        return found

    def around(self, position: int) -> set[int]:
        """The ops that an op reads from and those that read it."""
        sources = (source[0] for source in self.producers[position] if source is not None)
        return {*sources, *(reader for _, reader, _ in self.readers[position])}

    def nearby(self, labels: Sequence[Hashable], levels: int) -> list[Hashable]:
        """A hash of the neighbours of each op up to some levels away."""
        found = list(labels)
        for _ in range(levels):
            found = [
                hash((
                    found[position],
                    tuple(None if s is None else (found[s[0]], s[1]) for s in self.producers[position]),
                    tuple(sorted((slot, hash(found[reader]), at) for slot, reader, at in self.readers[position])),
                ))
                for position in range(len(self.nodes))
            ]  # fmt: skip
        return found


class _Matcher:
    def __init__(self, old: _Side, new: _Side) -> None:
        self.old, self.new = old, new
        self.there: dict[int, int] = {}
        self.back: dict[int, int] = {}

    def run(self) -> dict[int, int]:
        for labels in ("signatures", "kinds"):
            self._round(getattr(self.old, labels), getattr(self.new, labels))
        self._align()
        return self.there

    def _pair(self, old: int, new: int) -> None:
        self.there[old], self.back[new] = new, old

    def _round(self, old: Sequence[Hashable], new: Sequence[Hashable]) -> None:
        up = self.old.upstream(old), self.new.upstream(new)
        down = self.old.downstream(old), self.new.downstream(new)
        near = self.old.nearby(old, _NEAR), self.new.nearby(new, _NEAR)
        self._by(*(list(zip(u, d, strict=True)) for u, d in zip(up, down, strict=True)))
        self._by(*(list(zip(u, n, strict=True)) for u, n in zip(up, near, strict=True)))
        self._by(*(list(zip(d, n, strict=True)) for d, n in zip(down, near, strict=True)))
        self._spread(old, new)
        self._by(*up)
        self._by(*down)
        self._spread(old, new)
        self._by(*near, only_unique=True)
        self._spread(old, new)

    def _by(self, old: Sequence[Hashable], new: Sequence[Hashable], *, only_unique: bool = False) -> None:
        """Pair the free ops of equal keys in order; with `only_unique`, keys that both have once."""
        groups: dict[Hashable, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
        for position, key in enumerate(old):
            if position not in self.there:
                groups[key][0].append(position)
        for position, key in enumerate(new):
            if position not in self.back:
                groups[key][1].append(position)
        for mine, theirs in groups.values():
            if not only_unique or len(mine) == len(theirs) == 1:
                for a, b in zip(mine, theirs, strict=False):
                    self._pair(a, b)

    def _spread(self, old: Sequence[Hashable], new: Sequence[Hashable]) -> None:
        """From every matched pair to the free neighbours with the same label at the same slots, and on from there."""
        pending = deque(self.there.items())
        while pending:
            a, b = pending.popleft()
            for mine, theirs in self._neighbours(a, b):
                if mine not in self.there and theirs not in self.back and old[mine] == new[theirs]:
                    self._pair(mine, theirs)
                    pending.append((mine, theirs))

    def _neighbours(self, a: int, b: int) -> Iterable[tuple[int, int]]:
        for mine, theirs in zip(self.old.producers[a], self.new.producers[b], strict=False):
            if mine is not None and theirs is not None and mine[1] == theirs[1]:
                yield mine[0], theirs[0]
        readers: dict[tuple[int, int], list[int]] = defaultdict(list)
        for slot, reader, at in self.new.readers[b]:
            readers[slot, at].append(reader)
        for slot, reader, at in self.old.readers[a]:
            for other in readers.get((slot, at), ()):
                yield reader, other

    def _align(self) -> None:
        """What no neighbour has matched: by kind, in the order of the file."""
        mine = [position for position in range(len(self.old.nodes)) if position not in self.there]
        theirs = [position for position in range(len(self.new.nodes)) if position not in self.back]
        if not mine or not theirs or max(len(mine), len(theirs)) > _MOST_ALIGNED:
            return
        matcher = SequenceMatcher(
            None, [self.old.kinds[p] for p in mine], [self.new.kinds[p] for p in theirs], autojunk=False
        )
        for block in matcher.get_matching_blocks():
            for offset in range(block.size):
                a, b = mine[block.a + offset], theirs[block.b + offset]
                # An op in the same place is one that changed; one with other neighbours is another op.
                if self._share_a_neighbour(a, b):
                    self._pair(a, b)

    def _share_a_neighbour(self, a: int, b: int) -> bool:
        mine, theirs = self.old.around(a), self.new.around(b)
        return not mine or not theirs or any(self.there.get(position) in theirs for position in mine)


def match_nodes(old: Sequence[NodeFigures], new: Sequence[NodeFigures]) -> dict[int, int]:
    """Positions in `new` by positions in `old` of the ops that are the same; the others were removed or added."""
    return _Matcher(_Side(old), _Side(new)).run()
