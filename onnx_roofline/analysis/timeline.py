"""When each kernel and each transfer runs: one after the other, as the placement is judged, or both devices at once."""

import heapq
from typing import Literal

from msgspec import Struct

from onnx_roofline.analysis.analyze import Analysis
from onnx_roofline.ir.placed_records import Placement
from onnx_roofline.placement.kernel_graph import Crossing, KernelGraph
from onnx_roofline.placement.solver import Schedule


class Span(Struct, frozen=True):
    """A kernel on a device, or a tensor on the link; seconds and bytes are of all `count` executions together.

    `kernel` is the row id of the kernel's root, or of the one that a transfer waits for to start: "" for a model input.
    `reader` is the kernel that a transfer is for, "" where it is a model output. `bytes` is None where unknown.
    """

    kind: Literal["kernel", "transfer"]
    kernel: str
    device: str
    start_s: float
    duration_s: float
    count: float
    bytes: int | None
    tensor: str = ""
    reader: str = ""
    source: str = ""

    @property
    def end_s(self) -> float:
        """When it is done."""
        return self.start_s + self.duration_s


def timeline(analysis: Analysis) -> tuple[Span, ...]:
    """Every kernel that has a time, in an order that no kernel waits in, each behind the transfers that it needs.

    A tensor crosses once, before the first kernel on the other device that reads it; model outputs come last. The last
    end is the total of the optimum. Kernels keep the order of the file where their operands allow it.
    """
    model, system = analysis.model, analysis.system
    graph, placements = model.whole(KernelGraph), model.column(Placement)
    sink = len(graph.kernels)
    ids = (*(item.kernel.id for item in graph.kernels), "", *graph.epilogues)
    devices = (*(placements[key].device or "" for key in ids[:sink]), *(system.gpu.slug for _ in ids[sink:]))
    order = _order(graph)
    position = {node: place for place, node in enumerate(order)}
    fetched: dict[int, list[Crossing]] = {}
    for crossing in graph.crossings:
        home = system.gpu.slug if crossing.producer is None else devices[crossing.producer]
        away = [node for node in crossing.consumers if devices[node] != home]
        if away and system.link is not None:
            fetched.setdefault(min(away, key=position.__getitem__), []).append(crossing)
    spans: list[Span] = []
    now = 0.0
    for node in order:
        for crossing in fetched.get(node, ()):
            maker = sink if crossing.producer is None else crossing.producer
            duration = system.pair[2].transfer_s(crossing.bytes) * crossing.count
            moved = round(crossing.bytes * crossing.count)
            spans.append(
                Span("transfer", ids[maker], devices[node], now, duration, crossing.count, moved, crossing.name,
                     ids[node], devices[maker])
            )  # fmt: skip
            now = spans[-1].end_s
        if node >= sink:
            continue  # an epilogue's time is in that of its kernel
        item = graph.kernels[node]
        duration = (item.devices[devices[node]].time_s or 0.0) * item.count
        each = item.work.moved_bytes(devices[node])
        spans.append(
            Span("kernel", ids[node], devices[node], now, duration, item.count,
                 None if each is None else round(each * item.count))
        )  # fmt: skip
        now = spans[-1].end_s
    return tuple(spans)


def overlapped(analysis: Analysis) -> tuple[Span, ...]:
    """The shortest schedule found with both devices at work, by start; () where none was made.

    Kernels may be elsewhere than the placement has them. A tensor starts on its way when it is made, and the link
    carries any number at once.
    """
    model, system = analysis.model, analysis.system
    found = model.wholes.get(Schedule)
    if not isinstance(found, Schedule):
        return ()
    graph = model.whole(KernelGraph)
    ids = (*(item.kernel.id for item in graph.kernels), "", *graph.epilogues)
    gpu, pim, link = system.pair
    slugs = (gpu.slug, pim.slug)
    spans = []
    for node, item in enumerate(graph.kernels):
        device = slugs[found.device[node]]
        each = item.work.moved_bytes(device)
        moved = None if each is None else round(each * item.count)
        duration = found.finish[node] - found.start[node]
        spans.append(Span("kernel", ids[node], device, found.start[node], duration, item.count, moved))
    for crossing in graph.crossings:
        maker = len(graph.kernels) if crossing.producer is None else crossing.producer
        home, start = (0, 0.0) if crossing.producer is None else (found.device[maker], found.finish[maker])
        away = [node for node in crossing.consumers if found.device[node] != home]
        if away:
            reader = min(away, key=lambda node: found.start[node])
            duration = link.transfer_s(crossing.bytes) * crossing.count
            moved = round(crossing.bytes * crossing.count)
            spans.append(
                Span("transfer", ids[maker], slugs[1 - home], start, duration, crossing.count, moved, crossing.name,
                     ids[reader], slugs[home])
            )  # fmt: skip
    return tuple(sorted(spans, key=lambda span: (span.start_s, span.end_s)))


def _order(graph: KernelGraph) -> list[int]:
    """Nodes in topological order, first in the file first, an epilogue with its kernel; the model outputs last."""
    sink = len(graph.kernels)
    readers: list[set[int]] = [set() for _ in range(graph.size)]
    for crossing in graph.crossings:
        if crossing.producer is not None:
            readers[crossing.producer].update(
                node for node in crossing.consumers if node not in (sink, crossing.producer)
            )
    ranks = {node: (graph.index[key], node) for key, node in graph.epilogues.items()}
    waiting = [0] * graph.size
    for around in readers:
        for node in around:
            waiting[node] += 1
    ready = [ranks.get(node, (node, node)) for node in range(graph.size) if not waiting[node] and node != sink]
    heapq.heapify(ready)
    order: list[int] = []
    while ready:
        _, node = heapq.heappop(ready)
        order.append(node)
        for other in readers[node]:
            waiting[other] -= 1
            if not waiting[other]:
                heapq.heappush(ready, ranks.get(other, (other, other)))
    assert len(order) == graph.size - 1, "kernels of a graph without cycles wait for each other in a circle"
    return [*order, sink]
