"""The search for caches: which large inputs and states of loops the rows of a tensor are from, and what proves one."""

from collections.abc import Iterator

from msgspec import Struct

from onnx_roofline.base.units import ceil_div, tensor_bytes
from onnx_roofline.ir.graph import UNKNOWN_TYPE, Model, TensorType
from onnx_roofline.memory.cache_links import READ_THROUGH, Link, Place, Places, reached_back
from onnx_roofline.memory.cache_options import CacheOptions, check_options
from onnx_roofline.memory.cache_regions import Region, are_side_by_side, overlap

_NAMES = ("past", "cache")
# Batch, position, width: no mask and no position is taken for a cache.
_LEAST_RANK = 3
# Links behind which rows still lie in the buffer that they came from.
_IN_PLACE = frozenset(
    {"name", "branch", "formal", "carried", "piece", "join", "update", "stacked", "appended", "stated"}
)
# Links that add rows to a buffer: two of one buffer can't both have it.
_ADDING = frozenset({"join", "update", "appended", "stated"})


class Lineage(Struct, frozen=True):
    """What the rows of a tensor are: of which `sources`, and the bytes of them that this run added (None: unknown).

    `regions` are the parts of their buffers where they lie; None for a copy.
    """

    sources: frozenset[Place]
    added: int | None
    regions: frozenset[Region] | None


def has_cache_name(name: str) -> bool:
    """Whether a name says that a tensor is a cache."""
    return any(word in name for word in _NAMES)


def state_name(place: Place) -> str:
    """What a user calls a state of a loop: `loop_3/body/cache`."""
    return "".join(place)


class CacheSearch:
    """One search over the links of a model. `proven` are the sources that are caches, `lineages` all that is followed.

    Raises UsageError for options that don't fit the model.
    """

    def __init__(self, model: Model, places: Places, links: list[Link], options: CacheOptions) -> None:
        self.places, self.links = places, links
        self.carried = [link for link in links if link.kind == "carried"]
        check_options(model, options, [state_name(link.made) for link in self.carried])
        self.rows, self.works = places.index.rows, places.index.works
        self.outputs = [places.of("", output.name) for output in model.graph.outputs]
        self.stated = {("", name): places.of("", output) for name, output in options.stated.items()}
        self.refused = options.refused
        self.input_types = {("", one.name): one.type for one in model.graph.inputs if places.is_input(("", one.name))}
        self.large = {
            place
            for place, kind in self.input_types.items()
            if (len(kind.shape or ()) >= _LEAST_RANK or place in self.stated) and place[1] not in self.refused
        }
        self.read_through: dict[Place, list[Link]] = {}
        for link in links:
            if link.kind in READ_THROUGH:
                self.read_through.setdefault(link.made, []).append(link)
        self.proven: set[Place] = set()
        self.lineages: dict[Place, Lineage] = {}
        self.returned: set[Place] = set()

    def run(self) -> bool:
        """Whether there was anything to follow."""
        if not self.large and not self.carried:
            return False
        seeds = [*self.outputs, *(link.operands[1] for link in self.carried)]
        self.multiplied = self._multiplied()
        self.kept = reached_back(self.links, seeds, self._keeps_most)
        # States of loops that are no longer the same rows after an iteration.
        self.replaced: set[Place] = set()
        self._follow_all()
        while lost := {link.made for link in self.carried if not self._goes_round(link)} - self.replaced:
            self.replaced |= lost
            self._follow_all()
        if more := list(self._stated_links()):
            made = {link.made for link in more}
            self.links = [*(link for link in self.links if link.made not in made), *more]
            self._follow_all()
        self.stays = reached_back(self.links, seeds, lambda link: link.kind in _IN_PLACE and self._keeps_all(link))
        return True

    def kept_links(self) -> Iterator[Link]:
        """The links of ops whose results lie where their operands do."""
        found = []
        for link in self.links:
            lineage = self.lineages.get(link.made)
            if not link.key or lineage is None or lineage.regions is None or not lineage.sources <= self.proven:
                continue
            held = self._held(link)
            if link.kind == "piece" or (link.kind in _ADDING and link.made in self.stays and held):
                found.append((link, frozenset[Region]().union(*(self._regions(place) for place in held))))
        adding: dict[tuple[str, object], list[Region]] = {}
        for link, regions in found:
            for region in regions if self._adds(link) else ():
                adding.setdefault((link.made[0], region[0]), []).append(region)
        for link, regions in found:
            beside = (adding.get((link.made[0], region[0]), ()) for region in regions)
            # A part meets itself once.
            alone = all(
                sum(overlap(region, other) for other in others) == 1
                for region, others in zip(regions, beside, strict=True)
            )
            if not self._adds(link) or alone:
                yield link

    def own_bytes(self, link: Link) -> int | None:
        """Bytes that the op itself writes into the buffer: its operands that are no part of it."""
        present = self._made_type(link)
        if link.kind == "piece":
            return 0
        if link.kind in ("appended", "stated"):
            return self._grown_bytes(link, present.bytes)
        new = [self._operand_type(link, at) for at in range(len(link.operands)) if at not in self._held_at(link)]
        sizes = [None if kind is None else kind.bytes for kind in new]
        return None if None in sizes or present.bytes is None else sum(size or 0 for size in sizes)

    def copied_positions(self, link: Link) -> tuple[int, ...]:
        """Positions of the op's inputs that it would only copy."""
        return () if link.kind == "appended" else tuple(link.positions[at] for at in self._held_at(link))

    def _grown_bytes(self, link: Link, present: int | None) -> int | None:
        """Bytes that a present has more than its past; where both are one buffer, those that are written into it."""
        past = self.input_types.get(link.source, UNKNOWN_TYPE) if link.kind == "stated" else self._operand_type(link, 0)
        if past is None or past.bytes is None or present is None:
            return None
        if present > past.bytes:
            return present - past.bytes
        row, work = self.rows[link.key], self.works[link.key]
        if link.kind == "appended":
            touched = work.writes[link.slot]
            return None if touched is None else tensor_bytes(row.outputs[link.slot].dtype, touched)
        new = [
            kind.bytes or 0
            for at, (name, kind) in enumerate(zip(row.op.inputs, row.inputs, strict=True))
            if kind is not None and at not in link.positions and kind.dtype == row.outputs[link.slot].dtype
            if not self.places.is_stored(self.places.of(row.scope, name))
        ]
        return min(present, sum(new) or present)

    def _adds(self, link: Link) -> bool:
        return link.kind in _ADDING and bool(self.own_bytes(link))

    def _regions(self, place: Place) -> frozenset[Region]:
        lineage = self.lineages.get(place)
        return frozenset() if lineage is None or lineage.regions is None else lineage.regions

    def _held_at(self, link: Link) -> list[int]:
        """Which operands of a link the result has the rows of, among those that are made of large inputs."""
        held = [at for at, place in enumerate(link.operands) if place in self.lineages]
        if link.kind == "update":
            # A layer's rows go back into the buffer of all layers; any other rows are new.
            data = self.lineages.get(link.operands[0])
            return [at for at in held if data is not None and data.sources & self.lineages[link.operands[at]].sources]
        if link.kind in ("join", "blend"):
            return [at for at in held if self._is_named(link.operands[at])] or held
        return held

    def _held(self, link: Link) -> list[Place]:
        return [link.operands[at] for at in self._held_at(link)]

    def _is_named(self, place: Place) -> bool:
        sources = self.lineages[place].sources
        return any(one in self.stated or has_cache_name(one[1]) for one in sources)

    def _multiplied(self) -> set[Place]:
        """Operands of products of two computed tensors, and what they are read through: attention's are among them."""
        found: set[Place] = set()
        for key, row in self.rows.items():
            for contraction in self.works[key].contractions if row.role == "compute" else ():
                positions = [at for at in (contraction.lhs, contraction.rhs) if at is not None]
                names = [row.op.inputs[at] for at in positions if at < len(row.op.inputs) and row.op.inputs[at]]
                operands = [self.places.of(row.scope, name) for name in names]
                chains = [self._read_through(place) for place in operands]
                if not any(self.places.is_stored(place) for chain in chains for place in chain):
                    found.update(place for chain in chains for place in chain)
        return found

    def _read_through(self, place: Place) -> set[Place]:
        """A tensor and what it is read through."""
        found, pending = {place}, [place]
        while pending:
            for link in self.read_through.get(pending.pop(), ()):
                pending += [one for one in link.operands if one not in found]
                found.update(link.operands)
        return found

    def _keeps_most(self, link: Link) -> bool:
        """Whether a result has at least half of what it is a piece of."""
        if link.kind != "piece" or not link.key:
            return True
        whole, made = self._operand_type(link, 0), self._made_type(link).bytes
        return whole is None or whole.bytes is None or made is None or 2 * made >= whole.bytes

    def _keeps_all(self, link: Link) -> bool:
        """Whether a piece drops no more rows than this run added, as a sliding window does."""
        if link.kind != "piece" or not link.key:
            return True
        whole, made = self._operand_type(link, 0), self._made_type(link).bytes
        lineage = self.lineages.get(link.operands[0])
        added = 0 if lineage is None else lineage.added or 0
        return whole is not None and whole.bytes is not None and made is not None and made + added >= whole.bytes

    def _goes_round(self, link: Link) -> bool:
        """Whether a state, if it is of large inputs, is still of the same ones after an iteration."""
        before, after = self.lineages.get(link.made), self.lineages.get(link.operands[1])
        return before is None or (after is not None and after.sources >= before.sources)

    def _stated_links(self) -> Iterator[Link]:
        """A link for each output that the user calls what a cache becomes, where no other one leads there in place."""
        for source, output in self.stated.items():
            maker = self.places.index.makers.get(output)
            lineage = self.lineages.get(output)
            if maker is None or (lineage is not None and source in lineage.sources and lineage.regions is not None):
                continue
            op = self.rows[maker].op
            operands = [self.places.of(output[0], name) for name in op.inputs]
            positions = [
                at
                for at, place in enumerate(operands)
                if (one := self.lineages.get(place)) is not None and source in one.sources
            ]
            held = tuple(operands[at] for at in positions) or (source,)
            yield Link("stated", output, held, maker, tuple(positions), op.outputs.index(output[1]), source=source)

    def _follow_all(self) -> None:
        """Follow every link from the large inputs until nothing is found any more."""
        self.returned = set()
        self.proven = {place for place in self.large if has_cache_name(place[1]) and place in self.multiplied}
        self.proven.update(self.stated)
        self.lineages = {place: Lineage(frozenset((place,)), 0, frozenset(((place,),))) for place in self.large}
        # Bodies come before the ops that run them: every sweep settles one level of them.
        for _ in range(len(self.links) + 1):
            is_changed = False
            for link in self.links:
                found = self._follow(link)
                if found is not None and found != self.lineages.get(link.made):
                    self.lineages[link.made] = found
                    is_changed = True
            if not is_changed:
                break

    def _follow(self, link: Link) -> Lineage | None:
        """The lineage of a link's result; None where it is of no large input."""
        known = [self.lineages.get(place) for place in link.operands]
        first = known[0]
        if link.kind == "carried":
            return self._carried(link, first)
        if link.kind == "name":
            return self._of_call(link, first)
        if link.kind in ("formal", "branch"):
            return self._merged(link, [one for one in known if one is not None])
        if first is not None and link.kind in ("piece", "copy", "stacked", "appended"):
            return self._of_first(link, first)
        if first is not None and link.kind == "scaled" and None not in known:
            return self._of_first(link, first)
        if first is not None and link.kind == "stated":
            return Lineage(frozenset((link.source,)), self.own_bytes(link), first.regions if link.positions else None)
        if link.kind in ("join", "update", "blend"):
            return self._added_to(link)
        return None

    def _carried(self, link: Link, first: Lineage | None) -> Lineage | None:
        """A state of a loop: what earlier iterations added is there already."""
        if link.made in self.replaced or state_name(link.made) in self.refused:
            return None
        if first is None:
            return Lineage(frozenset((link.made,)), 0, frozenset(((link.made,),))) if self._is_large(link) else None
        return Lineage(first.sources, 0, None if first.regions is None else frozenset(((link.made,),)))

    def _is_large(self, link: Link) -> bool:
        """Whether a state could be a cache: an iteration leaves it with three axes, and computes or updates it."""
        maker = self.places.index.makers.get(link.operands[1])
        if maker is None:
            return False
        row = self.rows[maker]
        kind = row.outputs[row.op.outputs.index(link.operands[1][1])]
        return len(kind.shape or ()) >= _LEAST_RANK

    def _of_call(self, link: Link, inner: Lineage | None) -> Lineage | None:
        """The result of a function, whose rows are of the caches that this call gives it."""
        if inner is None or not isinstance(link.part, tuple):
            return inner
        given = [one.sources for place in link.part if (one := self.lineages.get(place)) is not None]
        own = inner.sources & frozenset[Place]().union(*given)
        return Lineage(own or inner.sources, inner.added, inner.regions)

    def _merged(self, link: Link, given: list[Lineage]) -> Lineage | None:
        """A formal input of a function is of a cache if it is in every call, the result of an If if one branch's is."""
        if not given or (link.kind == "formal" and len(given) < len(link.operands)):
            return None
        added = [one.added for one in given]
        regions = [one.regions for one in given]
        return Lineage(
            frozenset[Place]().union(*(one.sources for one in given)),
            None if None in added else max(size or 0 for size in added),
            None if None in regions else frozenset[Region]().union(*(one or () for one in regions)),
        )

    def _of_first(self, link: Link, first: Lineage) -> Lineage:
        """What is a piece or a copy of its first operand, or that with this run's rows behind it."""
        size, regions = first.added, first.regions
        if link.kind == "appended":
            self.proven |= first.sources
            self.returned.add(link.made)
            more = self.own_bytes(link)
            return Lineage(first.sources, None if size is None or more is None else size + more, regions)
        if link.kind == "stacked":
            of_all = None if size is None or link.repeats is None else size * link.repeats
            return Lineage(first.sources, of_all, regions)
        made = self._made_type(link).bytes if link.key else None
        if link.kind in ("copy", "scaled"):
            whole = self._operand_type(link, 0)
            if size is not None and made is not None and whole is not None and whole.bytes:
                size = ceil_div(size * made, whole.bytes)
            regions = None
        elif link.part is None or regions is None:
            regions = None
        else:
            regions = frozenset((*region, link.part) for region in regions)
        # A piece may have all the rows that are new.
        return Lineage(first.sources, size if size is None or made is None else min(size, made), regions)

    def _added_to(self, link: Link) -> Lineage | None:
        """Caches that an op adds rows to or stacks, if it does."""
        held = self._held_at(link)
        if not held:
            return None
        new = [at for at in range(len(link.operands)) if at not in held]
        is_kept, is_read = link.made in self.kept, link.made in self.multiplied
        is_new = not any(self._is_no_row(link.operands[at]) for at in new)
        if not new:
            # Several caches may be stacked.
            is_cache = True
        elif self._is_named(link.operands[held[0]]):
            # What comes in beside a past, such as the calendar of a forecast's future, is no addition to it unless the
            # result is read or kept as one.
            is_made = any(self._is_made(link.operands[at]) for at in new)
            is_cache = is_read or (is_kept and is_new) or is_made
        else:
            is_cache = len(held) == 1 and is_kept and is_read and is_new
        if not is_cache:
            return None
        known = [self.lineages[link.operands[at]] for at in held]
        sources = frozenset[Place]().union(*(one.sources for one in known))
        if new:
            self.proven |= sources
        own = self.own_bytes(link)
        sizes = [one.added for one in known]
        size = None if None in sizes or own is None else own + sum(one or 0 for one in sizes)
        is_shifted = link.kind == "join" and bool(new) and min(new) < max(held)
        return Lineage(sources, size, None if link.kind == "blend" or is_shifted else self._together(link, known))

    def _together(self, link: Link, known: list[Lineage]) -> frozenset[Region] | None:
        """The regions of several tensors that are one behind the other; None where their buffers don't hold them so."""
        regions = [one.regions for one in known]
        if None in regions:
            return None
        together = frozenset[Region]().union(*(one or () for one in regions))
        if len(together) != sum(len(one or ()) for one in regions):
            return None
        ordered = [region for one in regions for region in one or ()]
        is_whole = all(len(one or ()) == 1 for one in regions)
        if link.kind == "join" and is_whole:
            axis, rank = self.rows[link.key].op.attributes.get("axis"), len(self._made_type(link).shape or ())
            if not are_side_by_side(ordered, axis % rank if isinstance(axis, int) and rank else -1, rank):
                return None
        return together

    def _is_no_row(self, place: Place) -> bool:
        """Whether a tensor is no rows of a run: it is stored, or an input that the user takes out of the search."""
        return self.places.is_stored(place) or (self.places.is_input(place) and place[1] in self.refused)

    def _is_made(self, place: Place) -> bool:
        """Whether an op of this run makes a tensor, and not of large inputs alone."""
        maker = self.places.index.makers.get(place)
        return maker is not None and place not in self.lineages and self.rows[maker].role == "compute"

    def _made_type(self, link: Link) -> TensorType:
        return self.rows[link.key].outputs[link.slot]

    def _operand_type(self, link: Link, at: int) -> TensorType | None:
        return self.rows[link.key].inputs[link.positions[at]] if at < len(link.positions) else None
