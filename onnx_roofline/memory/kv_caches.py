"""Caches of keys and values: tensors that a run takes over from the last one, adds rows to, and leaves for the next.

A cache lies in the memory of each device that reads it. What a run moves between devices is the rows that it adds.
"""

from msgspec import Struct, field

from onnx_roofline.ir.graph import Model
from onnx_roofline.ir.tensor_index import TensorIndex
from onnx_roofline.memory.cache_links import Place, Places, find_links
from onnx_roofline.memory.cache_options import CacheOptions
from onnx_roofline.memory.cache_search import CacheSearch

# Why bytes of a cache are not moved where a backend appends in place.
SHARED_BUFFER = "past and present share a buffer, only new rows are written"
READ_IN_PLACE = "a part of a cache is read where it lies"
LEFT_IN_PLACE = "the parts lie in one buffer already"


class Kept(Struct, frozen=True):
    """What one result of an op has of a cache in its own place, so that a backend which appends in place moves none.

    `copied` are positions of inputs that are only copied, `present` that of the result, `new_bytes` what the op itself
    writes into it, `rule` why.
    """

    copied: tuple[int, ...]
    present: int
    new_bytes: int
    rule: str


class InPlace(Struct, frozen=True, eq=False):
    """Column of the search for caches: what each op leaves in place where past and present share a buffer.

    `is_view` says that it moves nothing then: its results are parts of a cache, or caches that lie side by side.
    """

    kept: tuple[Kept, ...] = ()
    is_view: bool = False


class Caches(Struct, frozen=True, eq=False):
    """The caches of a model, each tensor with views seen through.

    `inputs` are model inputs that hold one, `states` what loops carry and no input is; `grown` are tensors made of
    caches, with the bytes that this run adds (0 for a piece or a copy of what was there), `sources` what they are made
    of; `returned` are results of attention ops that add rows inside.

    A model input of rank 3 or more is a cache if an attention op takes it as one; if it is named so ("past", "cache")
    and a product of two computed tensors reads it or rows are added to it; or, under any name, if rows are added to it,
    such a product reads the result, and the result is a model output. Rows that are inputs themselves are additions
    only where the result is read or given out so. What a loop carries is a cache under the same rule, its results in
    the place of model outputs. Between a cache and what reads it may lie views, rearrangements, casts,
    dequantisations, scales that no run computes, pieces and stacks. `options` are what the user says of inputs.
    """

    places: Places
    options: CacheOptions = field(default_factory=CacheOptions)
    inputs: set[str] = field(default_factory=set)
    states: set[Place] = field(default_factory=set)
    grown: dict[Place, int] = field(default_factory=dict)
    sources: dict[Place, frozenset[Place]] = field(default_factory=dict)
    returned: set[Place] = field(default_factory=set)

    @property
    def uses(self) -> TensorIndex:
        """The index of the model's tensors."""
        return self.places.index

    def place(self, scope: str, name: str) -> Place:
        """Where a tensor is made or comes in, seen from a scope: a branch reads what the graph around it has."""
        return self.places.of(scope, name)

    def new_bytes(self, scope: str, name: str) -> int | None:
        """Bytes that this run adds to a tensor that is a cache or made of one; None for any other tensor."""
        return self.grown.get(self.place(scope, name))

    def holds(self, scope: str, name: str) -> bool:
        """Whether a tensor is a cache, or made of one, with this run's rows or without."""
        return self.new_bytes(scope, name) is not None


def find_caches(model: Model, options: CacheOptions) -> tuple[Caches, dict[str, InPlace]]:
    """The caches of a model that has been counted, and by row id what stays in place; rows without any are left out.

    Raises UsageError where an option names no input or output, or an output that doesn't depend on its input.
    """
    index = model.whole(TensorIndex)
    places, links = find_links(index, model.functions)
    caches = Caches(places, options)
    search = CacheSearch(model, places, links, options)
    if not search.run():
        return caches, {}
    caches.inputs.update(name for scope, name in search.proven if not scope and (scope, name) not in index.makers)
    caches.states.update(place for place in search.proven if place[0])
    caches.returned.update(search.returned)
    for place, lineage in search.lineages.items():
        if lineage.sources <= search.proven and lineage.added is not None:
            caches.grown[place] = lineage.added
            caches.sources[place] = lineage.sources
    return caches, _in_place(search, places)


def _in_place(search: CacheSearch, places: Places) -> dict[str, InPlace]:
    """By row id what an op leaves in place."""
    found: dict[str, list[Kept]] = {}
    views: dict[str, bool] = {}
    for link in search.kept_links():
        row = places.index.rows[link.key]
        new_bytes = search.own_bytes(link)
        if new_bytes is None:
            continue
        copied = search.copied_positions(link)
        is_view = link.kind == "piece" or (link.kind in ("join", "update") and not new_bytes)
        if is_view:
            copied = tuple(range(len(row.op.inputs)))
        rule = READ_IN_PLACE if link.kind == "piece" else LEFT_IN_PLACE if is_view else SHARED_BUFFER
        found.setdefault(link.key, []).append(Kept(copied, link.slot, new_bytes, rule))
        views[link.key] = is_view and views.get(link.key, True)
    return {
        key: InPlace(tuple(kept), views[key] and len(kept) == sum(map(bool, places.index.rows[key].op.outputs)))
        for key, kept in found.items()
    }
