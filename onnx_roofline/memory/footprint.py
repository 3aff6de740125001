"""What a model occupies in the memory of a device that runs all of it: weights, caches and the peak of activations.

The activations are those of the liveness of kernels. Ignores the workspace of kernels, the fragmentation of an
allocator, results that overwrite their operands, and what a runtime keeps of weights that it has rearranged.
"""

from collections.abc import Iterator

from msgspec import Struct

from onnx_roofline.base.quantities import format_si
from onnx_roofline.base.units import tensor_bytes
from onnx_roofline.hardware import Device
from onnx_roofline.ir.graph import Model, StoredTensor, nested_graphs
from onnx_roofline.ir.records import PeakActivations, TypedOp, total
from onnx_roofline.memory.cache_buffers import CacheBuffers


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
    """The Footprint of a model whose liveness is known."""
    return Footprint(_weight_bytes(model), CacheBuffers.of(model).bytes, model.whole(PeakActivations).bytes)


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
