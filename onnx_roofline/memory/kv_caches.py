"""Caches of keys and values: tensors that a run takes over from the last one, adds rows to, and leaves for the next.

A cache lies in the memory of each device that reads it. What a run moves between devices is the rows that it adds.
"""

from collections import Counter

from msgspec import Struct, field

from onnx_roofline.base.units import ceil_div
from onnx_roofline.ir.records import TypedOp
from onnx_roofline.ir.tensor_index import TensorIndex
from onnx_roofline.ops.cost.lookup import traits_of

# Why bytes of a cache are not moved where a backend appends in place.
SHARED_BUFFER = "past and present share a buffer, only new rows are written"
_NAMES = ("past", "cache")
# Batch, position, width: no mask and no position is taken for a cache.
_LEAST_RANK = 3

# (scope, tensor) with views seen through.
Place = tuple[str, str]


def _is_copy(row: TypedOp) -> bool:
    """Whether the results are the first input in another order or at another width, or pieces of it."""
    traits = traits_of(row.op)
    return traits.rearranges or traits.selects


class Append(Struct, frozen=True):
    """An op that adds rows to a cache: where past and present share a buffer, the rest is neither read nor written.

    `past` is the position of the input that is only copied (None where the op works on it), `present` that of the
    output, `old_bytes` what the present has of the past.
    """

    past: int | None
    present: int
    old_bytes: int


class Caches(Struct, frozen=True, eq=False):
    """The caches of the main graph and of the branches of its Ifs, each tensor with views seen through.

    `inputs` are model inputs that hold one; `grown` are tensors made of one, with the bytes that this run adds (0 for
    a piece or a copy of what was there); `returned` are results of attention ops that add rows inside; `appends` are
    the ops that make a result of a cache.

    A model input of rank 3 or more is a cache if an attention op takes it as one; if it is named so ("past", "cache")
    and a product of two computed tensors reads it or rows are added to it; or, under any name, if rows are added to it,
    such a product reads the result, and the result is a model output. Rows that are inputs themselves are additions
    only where the result is read or given out so. Ignores bodies of loops.
    """

    uses: TensorIndex
    inputs: set[str] = field(default_factory=set)
    grown: dict[Place, int] = field(default_factory=dict)
    returned: set[Place] = field(default_factory=set)
    appends: dict[str, tuple[Append, ...]] = field(default_factory=dict)
    _outer: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        rows = self.uses.rows
        for row in rows.values():
            self._outer.update((body.scope, row.scope) for body in row.bodies if body.is_branch)
        large = {one.name for one in self.uses.graph.inputs if len(one.type.shape or ()) >= _LEAST_RANK}
        if large:
            _Search(self, large).run()

    def place(self, scope: str, name: str) -> Place:
        """Where a tensor is made or comes in, seen from a scope: a branch reads what the graph around it has."""
        found = scope, self.uses.root(scope, name)
        while found not in self.uses.makers and found[0] in self._outer:
            scope = self._outer[found[0]]
            found = scope, self.uses.root(scope, found[1])
        return found

    def covers(self, scope: str) -> bool:
        """Whether caches are looked for in a scope."""
        return not scope or scope in self._outer

    def new_bytes(self, scope: str, name: str) -> int | None:
        """Bytes that this run adds to a tensor that is a cache or made of one; None for any other tensor."""
        found = self.place(scope, name)
        if not found[0] and found[1] in self.inputs:
            return 0
        return self.grown.get(found)

    def holds(self, scope: str, name: str) -> bool:
        """Whether a tensor is a cache, or made of one, with this run's rows or without."""
        return self.new_bytes(scope, name) is not None


class _Search:
    """One walk over the rows: what is made of which large inputs, and which of those prove to be caches."""

    def __init__(self, caches: Caches, large: set[str]) -> None:
        self.caches, self.uses = caches, caches.uses
        self.rows, self.works = caches.uses.rows, caches.uses.works
        self.named = {name for name in large if any(word in name for word in _NAMES)}
        # Of what is made of large inputs: which they are, and the bytes that were added (None: unknown).
        self.sources: dict[Place, frozenset[str]] = {("", name): frozenset((name,)) for name in large}
        self.added: dict[Place, int | None] = dict.fromkeys(self.sources, 0)
        self.appended: dict[tuple[str, str, str], Append] = {}
        self.multiplied = self._multiplied()

    def run(self) -> None:
        caches = self.caches
        caches.inputs.update(name for name in self.named if ("", name) in self.multiplied)
        for key, row in self.rows.items():
            if row.role != "compute" or not caches.covers(row.scope):
                continue
            self._note_attention(key, row)
            if not row.op.domain and row.op.inputs and row.op.outputs:
                self._note_copy(row)
                self._note_rows_added(key, row)
        for place, sources in self.sources.items():
            size = self.added[place]
            if size is not None and sources <= caches.inputs and not (not place[0] and place[1] in sources):
                caches.grown[place] = size
        # Two that append to one past can't both have its buffer.
        often = Counter((scope, past) for _, scope, past in self.appended)
        for (key, scope, past), append in self.appended.items():
            if often[scope, past] == 1:
                caches.appends[key] = (*caches.appends.get(key, ()), append)

    def _multiplied(self) -> set[Place]:
        """Operands of products of two computed tensors, seen through copies: what attention reads is among them."""
        found: set[Place] = set()
        for key, row in self.rows.items():
            for contraction in self.works[key].contractions if row.role == "compute" else ():
                positions = [at for at in (contraction.lhs, contraction.rhs) if at is not None]
                names = [row.op.inputs[at] for at in positions if at < len(row.op.inputs) and row.op.inputs[at]]
                chains = [self._copied_from(row.scope, name) for name in names]
                if not any(self._is_stored(chain[-1]) for chain in chains):
                    found.update(place for chain in chains for place in chain)
        return found

    def _copied_from(self, scope: str, name: str) -> list[Place]:
        """The tensor and what it is a copy or a piece of, the first one last."""
        chain = [self.caches.place(scope, name)]
        while (maker := self.uses.makers.get(chain[-1])) is not None:
            row = self.rows[maker]
            if not _is_copy(row) or row.role != "compute":
                break
            chain.append(self.caches.place(row.scope, row.op.inputs[0]))
        return chain

    def _is_stored(self, place: Place) -> bool:
        maker = self.uses.makers.get(place)
        return place[1] in self.uses.stored if maker is None else self.rows[maker].role == "constant"

    def _note_attention(self, key: str, row: TypedOp) -> None:
        """Note the caches that an attention op takes in, and what it gives back of them."""
        for slot, position in enumerate(traits_of(row.op).cache_inputs, start=1):
            if position >= len(row.op.inputs) or not row.op.inputs[position]:
                continue
            taken = self.caches.place(row.scope, row.op.inputs[position])
            if taken not in self.sources:
                continue
            self.caches.inputs.update(self.sources[taken])
            if slot >= len(row.op.outputs) or not row.op.outputs[slot]:
                continue
            made = self.caches.place(row.scope, row.op.outputs[slot])
            self.caches.returned.add(made)
            past, present = row.inputs[position], row.outputs[slot]
            old = (past.bytes if past is not None else None) or 0
            # A buffer of one size for both is updated in place already.
            if taken[1] in self.sources[taken] and made in self.uses.kept and (present.bytes or 0) > old:
                self.appended[key, row.scope, taken[1]] = Append(None, slot, old)

    def _note_copy(self, row: TypedOp) -> None:
        """Note what is a copy or a piece of something that is made of large inputs."""
        first, kind = self.caches.place(row.scope, row.op.inputs[0]), row.inputs[0]
        if first not in self.sources or kind is None or not _is_copy(row):
            return
        for name, made in zip(row.op.outputs, row.outputs, strict=True):
            size = self.added[first]
            if size is not None and made.bytes is not None:
                if traits_of(row.op).rearranges and kind.bytes:
                    size = ceil_div(size * made.bytes, kind.bytes)
                # A piece may have all the rows that are new.
                size = min(size, made.bytes)
            self._note(self.caches.place(row.scope, name), self.sources[first], size)

    def _note_rows_added(self, key: str, row: TypedOp) -> None:
        """Note the cache that an op adds rows to, if it does."""
        op, traits = row.op, traits_of(row.op)
        if not traits.joins and not traits.updates_at:
            return
        rows_at = traits.updates_at or None
        places = [self.caches.place(row.scope, name) for name in op.inputs]
        held = [at for at in range(len(places) if rows_at is None else 1) if places[at] in self.sources]
        named = [at for at in held if not self.sources[places[at]].isdisjoint(self.named)]
        held = named or held
        new = [at for at in range(len(places)) if at not in held and rows_at in (None, at)]
        made = self.caches.place(row.scope, op.outputs[0])
        is_kept, is_read = made in self.uses.kept, made in self.multiplied
        is_new = not any(self._is_stored(places[at]) for at in new)
        if named:
            # Several caches may be stacked. What comes in beside a past, such as the calendar of a forecast's future,
            # is no addition to it unless the result is read or kept as one.
            is_cache = not new or is_read or (is_kept and is_new) or any(self._is_made(places[at]) for at in new)
        else:
            is_cache = len(held) == 1 and is_kept and is_read and is_new
        if not is_cache:
            return
        sources = frozenset[str]().union(*(self.sources[places[at]] for at in held))
        if new:
            self.caches.inputs.update(sources)
        sizes = [self.added[places[at]] for at in held]
        sizes += [kind.bytes for at in new if (kind := row.inputs[at]) is not None]
        size = None if None in sizes else sum(one or 0 for one in sizes)
        self._note(made, sources, size)
        past, present = places[held[0]], row.outputs[0].bytes
        is_input = not past[0] and past[1] in self.sources[past]
        if new and is_input and is_kept and len(held) == 1 and size is not None and present is not None:
            self.appended[key, row.scope, past[1]] = Append(held[0], 0, max(0, present - size))

    def _note(self, made: Place, sources: frozenset[str], added: int | None) -> None:
        self.sources[made], self.added[made] = sources, added

    def _is_made(self, place: Place) -> bool:
        """Whether an op of this run makes a tensor, and not of large inputs alone."""
        maker = self.uses.makers.get(place)
        return maker is not None and place not in self.sources and self.rows[maker].role == "compute"
