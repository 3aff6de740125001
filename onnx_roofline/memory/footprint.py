"""What a model occupies in the memory of a device that runs all of it: weights, caches and the peak of activations.

Kernels run in file order. What a kernel makes and reads is there from its first op to its last; a tensor that only the
kernel itself reads is never stored. Ignores the workspace of kernels, the fragmentation of an allocator, results that
overwrite their operands, and what a runtime keeps of weights that it has rearranged.
"""

from collections.abc import Iterator, Mapping

from msgspec import Struct

from onnx_roofline.base.quantities import format_si
from onnx_roofline.base.units import tensor_bytes
from onnx_roofline.hardware import Device
from onnx_roofline.ir.graph import Model, StoredTensor, TensorType, nested_graphs
from onnx_roofline.ir.records import Folding, Kernel, Traffic, TypedOp, total
from onnx_roofline.ir.tensor_index import TensorIndex
from onnx_roofline.memory.cache_links import Place
from onnx_roofline.memory.kv_caches import Caches, InPlace


class Footprint(Struct, frozen=True):
    """Bytes that a run holds; None is unknown.

    `weight_bytes` are the tensors of the file, each once, floating ones at the run's width; `cache_bytes` the caches of
    keys and values, past and present once where they share a buffer; `activation_bytes` the most of all other tensors
    that is alive at once, model inputs and outputs included.
    """

    weight_bytes: int | None
    cache_bytes: int | None
    activation_bytes: int | None

    @property
    def total_bytes(self) -> int | None:
        """All of it together."""
        parts = (self.weight_bytes, self.cache_bytes, self.activation_bytes)
        return None if None in parts else sum(part for part in parts if part is not None)

    def fits(self, device: Device) -> bool | None:
        """Whether a device's memory holds it; None where it states no capacity or a size is unknown."""
        if self.total_bytes is None or device.capacity_bytes is None:
            return None
        return self.total_bytes <= device.capacity_bytes

    def share_of(self, device: Device) -> float | None:
        """What it takes of a device's memory; None where one of the two is unknown."""
        if self.total_bytes is None or not device.capacity_bytes:
            return None
        return self.total_bytes / device.capacity_bytes

    def of_capacity(self, device: Device) -> str:
        """`161.2 GB of 80 GB`: what it takes of what there is."""
        return f"{format_si(self.total_bytes, 'B')} of {format_si(device.capacity_bytes, 'B')}"


def footprint(model: Model) -> Footprint:
    """The Footprint of a model whose kernels and traffic are known."""
    caches = _found_caches(model)
    return Footprint(_weight_bytes(model), _cache_bytes(caches), _activation_bytes(model, caches))


def _weight_bytes(model: Model) -> int | None:
    """Every stored tensor once. What the run takes a floating type for is seen on the ops that read one."""
    widths: dict[str, str] = {}
    for row in model.column(TypedOp).values():
        for name, kind in zip(row.op.inputs, row.inputs, strict=True):
            stored = model.graph.stored.get(name)
            if stored is not None and kind is not None and "float" in stored.type.dtype and "float" in kind.dtype:
                widths[stored.type.dtype] = kind.dtype
    found: dict[object, int | None] = {}
    for stored in _all_stored(model):
        run_as = widths.get(stored.type.dtype, stored.type.dtype)
        is_kept = run_as == stored.type.dtype or stored.sparse_values is not None
        size = stored.stored_bytes if is_kept else tensor_bytes(run_as, stored.type.elements or 0)
        found[id(stored) if stored.alias is None else stored.alias] = size
    return total(tuple(found.values()))


def _all_stored(model: Model) -> Iterator[StoredTensor]:
    for graph in nested_graphs((model.graph, *(function.graph for function in model.functions.values()))):
        yield from graph.stored.values()
        for op in graph.ops:
            yield from (value for value in op.attributes.values() if isinstance(value, StoredTensor))


class _FoundCaches(Struct, frozen=True):
    """Inputs that hold caches with their bytes, and per model output that one becomes: its bytes and its sources."""

    inputs: Mapping[Place, int | None]
    outputs: Mapping[Place, int | None]
    sources: Mapping[Place, tuple[Place, ...]]
    shared: frozenset[Place]

    def holds(self, place: Place) -> bool:
        return place in self.inputs or place in self.outputs


def _found_caches(model: Model) -> _FoundCaches:
    caches, rows, traffics = model.whole(Caches), model.column(TypedOp), model.column(Traffic)
    kinds = _input_types(model)
    inputs = {("", name): kinds[name].bytes for name in caches.inputs if name in kinds}
    outputs: dict[Place, int | None] = {}
    sources: dict[Place, tuple[Place, ...]] = {}
    shared: set[Place] = set()
    for one in model.graph.outputs:
        place = caches.place("", one.name)
        of = tuple(sorted(set(caches.sources.get(place, ())) & inputs.keys()))
        maker = caches.uses.makers.get(place)
        if not of or maker is None or place in inputs:
            continue
        slot = rows[maker].op.outputs.index(place[1])
        outputs[place], sources[place] = rows[maker].outputs[slot].bytes, of
        if any(saving.kind == "in_place" and saving.tensor == place[1] for saving in traffics[maker].savings):
            shared.add(place)
    return _FoundCaches(inputs, outputs, sources, frozenset(shared))


def _input_types(model: Model) -> dict[str, TensorType]:
    """The types of the model's inputs at the run's width."""
    found = {one.name: one.type for one in model.graph.inputs if one.name not in model.graph.stored}
    for row in model.column(TypedOp).values():
        if not row.scope:
            for name, kind in zip(row.op.inputs, row.inputs, strict=True):
                if name in found and kind is not None:
                    found[name] = kind
    return found


def _cache_bytes(caches: _FoundCaches) -> int | None:
    """One buffer where past and present share it, of the larger of the two; both where a copy is made."""
    counted: set[Place] = set()
    parts: list[int | None] = []
    for place, size in caches.outputs.items():
        before = total([caches.inputs[source] for source in caches.sources[place] if source not in counted])
        counted.update(caches.sources[place])
        if size is None or before is None:
            return None
        parts.append(max(size, before) if place in caches.shared else size + before)
    parts += [size for place, size in caches.inputs.items() if place not in counted]
    return total(parts)


def _activation_bytes(model: Model, caches: _FoundCaches) -> int | None:
    """The most that is alive at once in the main graph, with the peak of a body while the op that runs it runs."""
    by_scope: dict[str, list[str]] = {}
    for key, row in model.column(TypedOp).items():
        by_scope.setdefault(row.scope, []).append(key)
    peaks: dict[str, int | None] = {}
    # A body's rows stand before the row of the op that runs it.
    last = {key: position for position, key in enumerate(model.column(TypedOp))}
    for scope in sorted(by_scope, key=lambda name: last[by_scope[name][-1]]):
        peaks[scope] = _peak(model, scope, by_scope[scope], caches, peaks)
    return peaks.get("", 0)


def _peak(
    model: Model, scope: str, keys: list[str], caches: _FoundCaches, peaks: Mapping[str, int | None]
) -> int | None:
    rows, kernels, index = model.column(TypedOp), model.column(Kernel), model.whole(TensorIndex)
    spans: dict[str, tuple[int, int]] = {}
    for position, key in enumerate(keys):
        step = kernels[key].id or key
        spans[step] = (spans.get(step, (position, 0))[0], position)
    # Bytes that become and cease to be alive: before the op at a position, and after it.
    change = [0] * (len(keys) + 2)
    for name, size, start in _tensors(model, scope, keys, caches, spans):
        readers = [spans[kernels[key].id or key][1] for key in index.readers.get((scope, name), ())]
        is_kept = not scope and (scope, name) in index.kept
        end = len(keys) if is_kept else max(readers, default=start)
        if size is None:
            return None
        change[start] += size
        change[end + 1] -= size
    peak = alive = 0
    for position, key in enumerate(keys):
        alive += change[position]
        inner = [peaks.get(body.scope, 0) for body in rows[key].bodies]
        if None in inner:
            return None
        peak = max(peak, alive + max((size for size in inner if size is not None), default=0))
    return peak


def _tensors(
    model: Model, scope: str, keys: list[str], caches: _FoundCaches, spans: Mapping[str, tuple[int, int]]
) -> Iterator[tuple[str, int | None, int]]:
    """(name, bytes, position of the first op of its kernel) of what is stored while a graph runs, views left out."""
    rows, kernels, index = model.column(TypedOp), model.column(Kernel), model.whole(TensorIndex)
    in_place, traffics, foldings = model.column(InPlace), model.column(Traffic), model.column(Folding)
    if not scope:
        for name, kind in _input_types(model).items():
            if not caches.holds(("", name)) and index.readers.get(("", name)):
                yield name, kind.bytes, 0
    for key in keys:
        row, kernel = rows[key], kernels[key]
        appends = any(saving.kind == "in_place" for saving in traffics[key].savings)
        # What rearranges stored values runs once, before any run: its result stands for them.
        if row.role != "compute" or foldings[key].runs_once or (in_place[key].is_view and appends):
            continue
        members = frozenset(kernel.members)
        for position, name in enumerate(row.op.outputs):
            if index.makers.get((scope, name)) != key or caches.holds((scope, name)):
                continue
            readers = index.readers.get((scope, name), set())
            if readers and len(members) > 1 and not index.leaves(scope, name, members):
                continue
            size = traffics[key].write_bytes[position] if kernel.id else row.outputs[position].bytes
            yield name, size, spans[kernel.id or key][0]
