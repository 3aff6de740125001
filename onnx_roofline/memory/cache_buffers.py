"""The buffers of a model's caches: one for past and present where they share it, two where one is a copy."""

from collections.abc import Mapping

from msgspec import Struct

from onnx_roofline.ir.graph import Model, TensorType
from onnx_roofline.ir.records import Body, Traffic, TypedOp, total
from onnx_roofline.memory.cache_links import Place
from onnx_roofline.memory.kv_caches import Caches
from onnx_roofline.ops.cost.lookup import traits_of


class CacheBuffers(Struct, frozen=True):
    """Inputs that hold caches with their bytes, and per model output that one becomes its bytes and its sources.

    `shared` are the outputs that are written in the place of their sources.
    """

    inputs: Mapping[Place, int | None]
    outputs: Mapping[Place, int | None]
    sources: Mapping[Place, tuple[Place, ...]]
    shared: frozenset[Place]

    @classmethod
    def of(cls, model: Model) -> "CacheBuffers":
        """The buffers of a model whose traffic is known."""
        caches, rows = model.whole(Caches), model.column(TypedOp)
        kinds = input_types(model)
        inputs = {("", name): kinds[name].bytes for name in caches.inputs if name in kinds}
        outputs: dict[Place, int | None] = {}
        sources: dict[Place, tuple[Place, ...]] = {}
        shared: set[Place] = set()
        for one in model.graph.outputs:
            place = caches.place("", one.name)
            origins = tuple(sorted(set(caches.sources.get(place, ())) & inputs.keys()))
            maker = caches.uses.makers.get(place)
            if not origins or maker is None or place in inputs:
                continue
            slot = rows[maker].op.outputs.index(place[1])
            outputs[place], sources[place] = rows[maker].outputs[slot].bytes, origins
            if _is_shared(model, place):
                shared.add(place)
        return cls(inputs, outputs, sources, frozenset(shared))

    def holds(self, place: Place) -> bool:
        """Whether a tensor is a cache from or for another run."""
        return place in self.inputs or place in self.outputs

    @property
    def bytes(self) -> int | None:
        """Of a shared buffer the larger of past and present, of a copy both; None is unknown."""
        counted: set[Place] = set()
        parts: list[int | None] = []
        for place, size in self.outputs.items():
            before = total([self.inputs[source] for source in self.sources[place] if source not in counted])
            counted.update(self.sources[place])
            if size is None or before is None:
                return None
            parts.append(max(size, before) if place in self.shared else size + before)
        parts += [size for place, size in self.inputs.items() if place not in counted]
        return total(parts)


def _is_shared(model: Model, place: Place) -> bool:
    """Whether every op from the caches to a tensor that is made of them works in place, in bodies as well."""
    caches, rows, traffics = model.whole(Caches), model.column(TypedOp), model.column(Traffic)
    pending, seen = [place], {place}
    while pending:
        scope, name = pending.pop()
        maker = caches.uses.makers.get((scope, name))
        if maker is None:
            # What a body takes in, or a model input: the buffer itself.
            continue
        row = rows[maker]
        if not row.bodies:
            if not is_in_place(traffics[maker], name):
                return False
            continue
        found = [caches.place(body.scope, body_result(model, row, body, name)) for body in row.bodies]
        pending += [inner for inner in found if inner not in seen]
        seen.update(found)
    return True


def body_result(model: Model, row: TypedOp, body: Body, name: str) -> str:
    """The output of a body that becomes a result of the op that runs it; a loop's body has a condition before them."""
    op = row.op
    graph = op.bodies[body.attribute] if op.function is None else model.functions[op.function].graph
    position = op.outputs.index(name) + (traits_of(op).runs_bodies == "loop")
    return graph.outputs[position].name if position < len(graph.outputs) else ""


def is_in_place(traffic: Traffic, name: str) -> bool:
    """Whether a result lies in the buffer of the cache that it is made of."""
    return any(saving.kind == "in_place" and saving.tensor == name for saving in traffic.savings)


def input_types(model: Model) -> dict[str, TensorType]:
    """The types of the model's inputs at the run's width."""
    found = {one.name: one.type for one in model.graph.inputs if one.name not in model.graph.stored}
    for row in model.column(TypedOp).values():
        if not row.scope:
            for name, kind in zip(row.op.inputs, row.inputs, strict=True):
                if name in found and kind is not None:
                    found[name] = kind
    return found
