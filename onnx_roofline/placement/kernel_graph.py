"""The kernels of a model as a placement problem: a cost on each device, and what crosses between them.

Kernels of bodies and functions are nodes of their own, their costs times how often they run. Model inputs lie on the
GPU's side and model outputs are read there. Stored weights are put where they are needed before the first run. A cache
of keys and values lies in the memory of each device that reads it, so that only the rows that a run adds to it cross.
What a control-flow op takes in and gives out is taken to live on the GPU's side.
"""

from collections.abc import Mapping
from functools import cache

from msgspec import Struct, field
from msgspec.structs import replace

from onnx_roofline.base.quantities import format_si
from onnx_roofline.hardware import Device, System
from onnx_roofline.ir.graph import Model, op_reads
from onnx_roofline.ir.kernel_work import KernelWork
from onnx_roofline.ir.placed_records import DeviceTime, Energy, PimTimeModel, Roofline
from onnx_roofline.ir.records import Executions, Kernel, Traffic, TypedOp
from onnx_roofline.memory.kv_caches import Caches
from onnx_roofline.placement.energy import kernel_energy
from onnx_roofline.placement.solver import Problem, Tensor
from onnx_roofline.timing.device_time import device_time

# What a placement can be optimised for in one cut; energy-delay is a product and takes several.
_LATENCY, _ENERGY = "latency", "energy"


class Placeable(Struct, frozen=True):
    """A kernel with its time and energy on each device for one execution, and how often it runs.

    `work` is what the times were made of; one object for all kernels that are alike.
    """

    kernel: Kernel
    count: float
    devices: Mapping[str, DeviceTime]
    work: KernelWork


class Crossing(Struct, frozen=True):
    """A tensor that kernels make or read: bytes of one execution, times how often it is made."""

    scope: str
    name: str
    bytes: int
    count: float
    producer: int | None
    consumers: tuple[int, ...]


class KernelGraph(Struct, frozen=True, eq=False):
    """Kernels that run, in file order, and the tensors between them; `index` finds a kernel by its id.

    `refused` has the devices' reasons for kernels that run but have no time on either. `epilogues` has by the id of a
    kernel that the PIM can run in part the node of what follows its product, which stays on the GPU: nodes behind that
    of the model's outputs, which cost nothing of their own.
    """

    kernels: tuple[Placeable, ...]
    crossings: tuple[Crossing, ...]
    index: Mapping[str, int]
    refused: Mapping[str, Mapping[str, DeviceTime]]
    epilogues: Mapping[str, int] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Nodes of the problem: kernels, the model's outputs, epilogues."""
        return len(self.kernels) + 1 + len(self.epilogues)

    def problem(self, system: System, objective: str, time_weight: float = 1.0, energy_weight: float = 1.0) -> Problem:
        """The abstract problem for `latency`, `energy`, or a weighted sum of both (for their product)."""
        slugs = tuple(device.slug for device in system.devices)

        def node_cost(item: Placeable, device: int) -> float | None:
            entry = item.devices[slugs[device]] if device < len(slugs) else None
            if entry is None or entry.time_s is None:
                return None
            if objective == _LATENCY:
                return entry.time_s * item.count
            energy = entry.energy_j or 0.0
            if objective == _ENERGY:
                return energy * item.count
            return (time_weight * entry.time_s + energy_weight * energy) * item.count

        return Problem(
            names=(*(item.kernel.id for item in self.kernels), "model outputs", *self.epilogues),
            cost=(
                *((node_cost(item, 0), node_cost(item, 1)) for item in self.kernels),
                (0.0, 0.0),
                *((0.0, None) for _ in self.epilogues),
            ),
            tensors=self.tensors(system, objective, time_weight, energy_weight),
            pins=dict.fromkeys(range(len(self.kernels), self.size), 0),
            resident_bytes=(*(item.work.resident_bytes for item in self.kernels), 0, *(0 for _ in self.epilogues)),
            capacity_bytes=_capacity_bytes(system),
        )

    def tensors(
        self, system: System, objective: str, time_weight: float = 1.0, energy_weight: float = 1.0
    ) -> tuple[Tensor, ...]:
        """What crosses between kernels, at its cost over the link of a system."""

        @cache
        def crossing_cost(size: int) -> float:
            if system.link is None:
                return 0.0
            time_s = system.link.transfer_s(size)
            # A shared memory copies nothing; elsewhere the energy objectives ask for the link's figure.
            energy = 0.0 if system.link.shared_memory else size * (system.link.j_per_byte or 0.0)
            if objective == _LATENCY:
                return time_s
            return energy if objective == _ENERGY else time_weight * time_s + energy_weight * energy

        return tuple(
            Tensor(item.producer, item.consumers, (crossing_cost(item.bytes) * item.count,) * 2)
            for item in self.crossings
        )


def _capacity_bytes(system: System) -> int | None:
    """Bytes that the PIM has for what lies there before a run; None where that is not stated or shared."""
    if system.pim is None or system.link is None or system.link.shared_memory:
        return None
    return system.pim.capacity_bytes


def kernel_graph(model: Model, system: System, pim_model: PimTimeModel) -> KernelGraph:
    """Every kernel that runs, with its times under a PIM time model; those without a time are left out and named."""
    kernels, executions, works = model.column(Kernel), model.column(Executions), model.column(KernelWork)
    index: dict[str, int] = {}
    placeable: list[Placeable] = []
    refused: dict[str, Mapping[str, DeviceTime]] = {}
    # Kernels alike share one record of work, by which later steps know them as alike.
    memo: dict[int, Mapping[str, DeviceTime]] = {}
    for key, kernel in kernels.items():
        count = float(executions[key].count)
        if kernel.id != key or not count:
            continue
        work = works[key]
        if id(work) not in memo:
            memo[id(work)] = _device_times(system, work, pim_model)
        times = memo[id(work)]
        if all(entry.time_s is None for entry in times.values()):
            refused[key] = times
            continue
        index[key] = len(placeable)
        placeable.append(Placeable(kernel, count, times, work))
    in_part = [item.kernel.id for item in placeable if any(entry.in_part for entry in item.devices.values())]
    epilogues = {key: len(placeable) + 1 + position for position, key in enumerate(in_part)}
    crossings = _crossings(model, index, epilogues, len(placeable))
    return KernelGraph(tuple(placeable), crossings, index, refused, epilogues)


def at_bandwidth_share(graph: KernelGraph, system: System, pim_model: PimTimeModel) -> KernelGraph:
    """The same kernels with the GPU's times at the bandwidth that a working PIM leaves it."""
    gpu = system.gpu
    memo: dict[int, float | None] = {}
    kernels = []
    for item in graph.kernels:
        work, entry = item.work, item.devices[gpu.slug]
        if entry.time_s is not None:
            if id(work) not in memo:
                share = system.gpu_bandwidth_share
                memo[id(work)] = device_time(gpu, work, pim_model, bandwidth_share=share).total_s
            entry = replace(entry, time_s=memo[id(work)])
        kernels.append(replace(item, devices={**item.devices, gpu.slug: entry}))
    return replace(graph, kernels=tuple(kernels))


def _device_times(system: System, work: KernelWork, pim_model: PimTimeModel) -> Mapping[str, DeviceTime]:
    """A kernel on each device; in part on a PIM that runs its product but not what follows."""
    found = {device.slug: _device_time(device, work, pim_model) for device in system.devices}
    if system.pim is None or found[system.pim.slug].time_s is not None or not work.parts:
        return found
    head, tail = _device_time(system.pim, work.parts[0], pim_model), _device_time(system.gpu, work.parts[1], pim_model)
    if head.time_s is None or tail.time_s is None:
        return found
    rest = ", ".join(work.parts[1].op_types)
    line = (
        f"in part: the product {format_si(head.time_s, 's')} here, {rest} {format_si(tail.time_s, 's')} on"
        f" {system.gpu.slug} ({found[system.pim.slug].reason}); its result crosses between"
    )
    energy = None
    if head.energy is not None and tail.energy is not None:
        parts = ((getattr(head.energy, name), getattr(tail.energy, name)) for name in Energy.__struct_fields__)
        energy = Energy(*(one + other for one, other in parts))
    both = replace(
        head,
        time_s=head.time_s + tail.time_s,
        explanation=(line, *head.explanation),
        energy=energy,
        energy_j=None if energy is None else energy.total_j,
        launch_s=head.launch_s + tail.launch_s,
        low_s=None if head.low_s is None or tail.low_s is None else head.low_s + tail.low_s,
        high_s=None if head.high_s is None or tail.high_s is None else head.high_s + tail.high_s,
        in_part=True,
    )
    return {**found, system.pim.slug: both}


def _device_time(device: Device, work: KernelWork, pim_model: PimTimeModel) -> DeviceTime:
    found = device_time(device, work, pim_model)
    if found.total_s is None:
        return DeviceTime(None, None, found.bound, found.reason)
    energy = kernel_energy(device, work)
    return DeviceTime(
        found.total_s,
        None if energy is None else energy.total_j,
        found.bound,
        energy=energy,
        explanation=found.explanation,
        engines=found.engines,
        launch_s=found.launch_s,
        low_s=found.low_s,
        high_s=found.high_s,
        origin=found.origin,
    )


def _crossings(model: Model, index: Mapping[str, int], epilogues: Mapping[str, int], sink: int) -> tuple[Crossing, ...]:
    """Tensors that kernels share; weights and caches are no crossings. The sink reads outputs and what bodies take.

    Of a kernel that may run in part, what follows the root is a node of its own.
    """
    caches = model.whole(Caches)
    uses = caches.uses
    rows, kernels, executions = model.column(TypedOp), model.column(Kernel), model.column(Executions)
    traffics = model.column(Traffic)
    sizes: dict[tuple[str, str], int] = {}
    consumers: dict[tuple[str, str], dict[int, None]] = {}
    counts: dict[tuple[str, str], float] = {}

    def node_of(key: str) -> int | None:
        root = kernels[key].id
        return epilogues[root] if key != root and root in epilogues else index.get(root)

    for key, row in rows.items():
        node = node_of(key)
        if node is None:
            continue
        for name, size in zip(row.op.inputs, traffics[key].read_bytes, strict=True):
            root = uses.root(row.scope, name)
            maker = uses.makers.get((row.scope, root))
            if not size or root in uses.stored or (maker is not None and rows[maker].role != "compute"):
                continue
            place = (row.scope, root)
            new = caches.new_bytes(row.scope, name)
            size = size if new is None else min(size, new)
            if not size:
                continue
            if maker is not None and node_of(maker) == node:
                continue
            sizes[place] = max(size, sizes.get(place, 0))
            consumers.setdefault(place, {})[node] = None
            counts[place] = max(float(executions[key].count), counts.get(place, 0.0))
    # What bodies and functions take in is read on the GPU's side, as the model's outputs are.
    taken = {
        (row.scope, uses.root(row.scope, name)) for row in rows.values() if row.bodies for name in op_reads(row.op)
    }
    for scope, root in uses.kept | taken:
        maker = uses.makers.get((scope, root))
        if maker is None or kernels[maker].id not in index:
            continue
        if (scope, root) in caches.grown or (scope, root) in caches.returned:
            continue
        position = rows[maker].op.outputs.index(root)
        size = traffics[maker].write_bytes[position] or rows[maker].outputs[position].bytes or 0
        sizes[scope, root] = max(size, sizes.get((scope, root), 0))
        consumers.setdefault((scope, root), {})[sink] = None
        counts[scope, root] = float(executions[maker].count)
    found = []
    for (scope, root), size in sizes.items():
        maker = uses.makers.get((scope, root))
        producer = node_of(maker) if maker is not None else None
        nodes = tuple(consumers[scope, root])
        found.append(Crossing(scope, root, size, counts[scope, root], producer, nodes))
    return tuple(
        sorted(found, key=lambda item: (-1 if item.producer is None else item.producer, item.scope, item.name))
    )


def roofline_pick(model: Model, graph: KernelGraph, system: System) -> tuple[int, ...]:
    """The naive pick: the PIM for every kernel that it can run and whose intensity is below the GPU's ridge."""
    picks = []
    pim_slug = None if system.pim is None else system.pim.slug
    for item in graph.kernels:
        if pim_slug is None:
            picks.append(0)
            continue
        roofs = model.column(Roofline)[item.kernel.id].devices
        gpu, pim = roofs[system.gpu.slug], roofs[pim_slug]
        below = gpu.intensity is None or gpu.ridge is None or gpu.intensity < gpu.ridge
        picks.append(int(below and pim.supported and item.devices[pim_slug].time_s is not None))
    return (*picks, *(0 for _ in range(len(graph.kernels), graph.size)))
