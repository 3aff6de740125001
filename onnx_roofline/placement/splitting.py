"""One kernel on both devices at once, or two in a pipeline, where a system lets the devices work together."""

from typing import Literal

from msgspec import Struct

from onnx_roofline.base.units import DTYPE_BITS
from onnx_roofline.hardware import Device, System
from onnx_roofline.ir.kernel_work import KernelWork
from onnx_roofline.ir.placed_records import Axis, PimTimeModel, Together
from onnx_roofline.placement.kernel_graph import Crossing, KernelGraph, Placeable
from onnx_roofline.placement.solver import Assignment, Problem, Ways, best_split, cooperate, evaluate
from onnx_roofline.timing.device_time import device_time
from onnx_roofline.timing.division import Division, division_of, part_of, with_vectors

# Grids of shares up to this size are tried in full, finer ones at the crossing: more work takes no less time.
_FULL_GRID = 16


class KernelSplit(Struct, frozen=True):
    """The best split of a kernel for one execution, and along which axis.

    `alone_s` is the better device by itself, without transfers; `gpu_share` is 0 or 1 where no split is faster.
    """

    axis: Axis
    gpu_share: float
    time_s: float
    alone_s: float

    @property
    def speedup(self) -> float:
        """Over the better device by itself; below 1 where only the way over the link makes that one slower."""
        return self.alone_s / self.time_s if self.time_s else 1.0


class Splitter:
    """The splits and pipelines of the kernels of a graph; kernels alike are looked at once."""

    def __init__(self, graph: KernelGraph, system: System, model: PimTimeModel) -> None:
        """`model` is the PIM's time model, which the graph's own times were made with."""
        self.graph, self.system, self.model = graph, system, model
        # While a PIM works on memory of its own, the GPU may have less of its bandwidth.
        self.bandwidth_share = system.gpu_bandwidth_share if system.concurrency == "partitioned" else 1.0
        self._inputs: list[list[Crossing]] = [[] for _ in range(graph.size)]
        self._outputs: list[list[Crossing]] = [[] for _ in range(graph.size)]
        for item in graph.crossings:
            for node in item.consumers:
                self._inputs[node].append(item)
            if item.producer is not None:
                self._outputs[item.producer].append(item)
        self._splits: dict[object, tuple[KernelSplit | None, str]] = {}
        self._halves: dict[tuple[str, int], tuple[float, float] | None] = {}

    def split(self, node: int) -> tuple[KernelSplit | None, str]:
        """(the best split of a kernel, "") or (None, why there is none).

        It starts and ends on the GPU's side: the PIM's share of the inputs and of the results crosses the link while
        the GPU works. An operand that is not divided goes there whole. Weights that are divided lie on each side in
        part; the PIM's share of vectors needs all of them.
        """
        if self.system.pim is None:
            return None, "there is one device"
        if self.system.concurrency == "exclusive":
            return None, "the devices exclude each other"
        item = self.graph.kernels[node]
        inputs = tuple((each.bytes, each.count / item.count) for each in self._inputs[node])
        outputs = tuple((each.bytes, each.count / item.count) for each in self._outputs[node])
        signature = id(item.work), inputs, outputs
        if signature not in self._splits:
            self._splits[signature] = self._split(node, inputs, outputs)
        return self._splits[signature]

    def _split(
        self, node: int, inputs: tuple[tuple[int, float], ...], outputs: tuple[tuple[int, float], ...]
    ) -> tuple[KernelSplit | None, str]:
        item = self.graph.kernels[node]
        gpu, pim, link = self.system.pair
        for entry in item.devices.values():
            if entry.time_s is None:
                return None, entry.reason
            if entry.in_part:
                return None, "its product alone runs on the PIM"
        work = item.work
        division, why = division_of(self.system, work)
        if division is None:
            return None, why
        extent = division.extent

        def crossing_s(tensors: tuple[tuple[int, float], ...], share: float) -> float:
            return sum(link.transfer_s(size * share) * often for size, often in tensors)

        def on_gpu(share: float) -> float:
            return self._seconds(gpu, work, division, round(share * extent))

        def on_pim(share: float) -> float:
            if not share:
                return 0.0
            into_s = crossing_s(inputs, 1.0 if division.axis == "outputs" else share)
            return into_s + self._seconds(pim, work, division, round(share * extent)) + crossing_s(outputs, share)

        on_each = [item.devices[device.slug].time_s or 0.0 for device in (gpu, pim)]
        least = division.alignment / extent
        # Where the smallest part over there takes longer than all of it here, nothing in between is faster.
        if least < 1 and on_pim(least) < on_each[0]:
            found = best_split(on_gpu, on_pim, 0.0, extent, division.alignment, _FULL_GRID)
            if 0 < found.gpu_units < extent:
                return KernelSplit(division.axis, found.share, found.time_s, min(on_each)), ""
        return KernelSplit(division.axis, float(on_each[0] <= on_each[1]), min(on_each), min(on_each)), ""

    def _seconds(self, device: Device, work: KernelWork, division: Division, units: int) -> float:
        """Seconds of some units of a kernel while the other device works on the rest; 0 for none."""
        if not units:
            return 0.0
        share = 1.0 if units == division.extent else self.bandwidth_share
        part = part_of(work, division, units)
        found = device_time(device, part, self.model, bandwidth_share=share)
        return float("inf") if found.total_s is None else found.total_s

    def halves(self, node: int, device: Device) -> tuple[float, float] | None:
        """Seconds of the first and the second half of a kernel's vectors, where they can run apart; else None.

        That takes a product with stored weights whose vectors come out one for one and in their order. Ignores the rows
        that the halves of a convolution share.
        """
        item = self.graph.kernels[node]
        key = device.slug, id(item.work)
        if key not in self._halves:
            self._halves[key] = self._halved(item, device)
        return self._halves[key]

    def _halved(self, item: Placeable, device: Device) -> tuple[float, float] | None:
        work, whole_s = item.work, item.devices[device.slug].time_s
        if whole_s is None or not _streams(work):
            return None
        # A pipeline of two pays two launches more than its ops whole, and hides at most a half of either.
        if whole_s / self.bandwidth_share <= sum(each.launch_s for each in self.system.devices):
            return None
        assert work.product is not None
        first = (work.product.vectors + 1) // 2
        times = [
            device_time(device, with_vectors(work, count), self.model, bandwidth_share=self.bandwidth_share).total_s
            for count in (first, work.product.vectors - first)
        ]
        seconds = [time_s for time_s in times if time_s is not None]
        return (seconds[0], seconds[1]) if len(seconds) == 2 else None

    def ways(self) -> dict[int, Ways]:
        """What each kernel can do other than run whole on one device, over all its executions."""
        found: dict[int, Ways] = {}
        for node, item in enumerate(self.graph.kernels):
            split, _ = self.split(node)
            if split is not None and split.gpu_share in (0.0, 1.0):
                split = None
            on_gpu, on_pim = (
                None if pair is None else (pair[0] * item.count, pair[1] * item.count)
                for pair in (self.halves(node, device) for device in self.system.devices)
            )
            if split is None and on_gpu is None and on_pim is None:
                continue
            kept = 0
            if split is not None:
                share = 1.0 if split.axis == "vectors" else 1.0 - split.gpu_share
                kept = round(item.work.resident_bytes * share)
            split_s = None if split is None else split.time_s * item.count
            found[node] = Ways(split_s, on_gpu, on_pim, kept)
        return found


def with_splits(
    graph: KernelGraph, problem: Problem, assignment: Assignment, system: System, model: PimTimeModel
) -> tuple[float, dict[str, Together]]:
    """(seconds of a placement with splits and pipelines where they gain, what changes by the kernels' ids).

    `problem` is that of the graph for latency.
    """
    splitter = Splitter(graph, system, model)
    ways = splitter.ways()
    if not ways:
        return evaluate(problem, assignment).total, {}
    found = cooperate(problem, assignment, ways)
    gpu, pim, _ = system.pair
    slugs = {"gpu": gpu.slug, "pim": pim.slug}
    changed: dict[str, Together] = {}
    for step in found.steps:
        first = step.nodes[0]
        if step.kind == ("gpu", "pim")[assignment[first]]:
            continue
        keys = tuple(problem.names[node] for node in step.nodes)
        if step.kind == "split":
            split, _ = splitter.split(first)
            assert split is not None, "only what can be split is"
            changed[keys[0]] = Together("split", keys, (*slugs.values(),), step.time_s, split.gpu_share, split.axis)
            continue
        devices = tuple(slugs[stage] for stage in step.kind.split("-"))
        kind: Literal["pipeline", "alone"] = "pipeline" if len(keys) > 1 else "alone"
        changed.update((key, Together(kind, keys, devices, step.time_s)) for key in keys)
    return found.time_s, changed


def _streams(work: KernelWork) -> bool:
    product = work.product
    if product is None or product.vectors < 2 or work.resident != "weight" or len(work.products) > 1:
        return False
    results = product.batch * product.outputs * product.vectors
    # A transpose in the kernel takes the order away, a reduction or pooling some of the results.
    return not work.permutes and work.out_bytes * 8 == results * DTYPE_BITS.get(work.dtype, 32)
