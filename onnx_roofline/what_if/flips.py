"""Where a placement decision flips: over a dim, batch x tokens, the link's bandwidth, or the PIM's speed."""

from collections.abc import Callable, Iterator

from msgspec import Struct
from msgspec.structs import replace

from onnx_roofline.analysis.analyze import Analysis
from onnx_roofline.hardware import System
from onnx_roofline.placement.kernel_graph import KernelGraph, Placeable
from onnx_roofline.placement.solver import solve
from onnx_roofline.timing.break_even import VectorFlips

# Factors by which the link or the PIM is made faster or slower, and the steps of the search between two of them.
_FACTORS = tuple(2.0**exponent for exponent in range(-6, 7))
_BISECTIONS = 12


class Flip(Struct, frozen=True):
    """A decision that changes: below `threshold` it is `below`, else `above`.

    The threshold is in multiples of what the system has, and in vectors where the quantity is `vectors`. `scope` is
    `model` where everything is placed anew, `kernel` where only the kernel's own times are compared.
    """

    quantity: str
    threshold: float
    below: str
    above: str
    scope: str = "model"


def flips_of(analysis: Analysis, graph: KernelGraph, kernel_id: str) -> Iterator[Flip]:
    """Flip points of one kernel over link bandwidth and over the PIM's speed, each with the rest as it is.

    `graph` is that of the analysis.
    For latency alone: no energy depends on either, and energy-delay takes too many cuts at every step.
    """
    system, settings = analysis.system, analysis.settings
    if settings.objective != "latency":
        return
    if kernel_id not in graph.index:
        return
    node = graph.index[kernel_id]
    slugs = (system.gpu.slug, system.pim.slug)

    def with_link(factor: float) -> str:
        link = replace(system.link, bandwidth_bytes_per_s=system.link.bandwidth_bytes_per_s * factor)
        problem = graph.problem(replace(system, link=link), settings.objective)
        return slugs[solve(problem).assignment[node]]

    def with_pim(factor: float) -> str:
        problem = _faster_pim(graph, system.pim.slug, factor).problem(system, settings.objective)
        return slugs[solve(problem).assignment[node]]

    if not system.link.shared_memory:
        yield from _thresholds("link bandwidth", with_link)
    yield from _thresholds("speed of the PIM", with_pim)


def kernel_flips(item: Placeable, vectors: VectorFlips | None, system: System) -> Iterator[Flip]:
    """Flip points of a kernel by itself: what makes the other device the faster one, transfers left out."""
    gpu_s, pim_s = (item.devices[device.slug].time_s for device in system.devices)
    if vectors is not None and vectors.below is not None:
        yield Flip("vectors", vectors.below + 1, vectors.other, vectors.faster, "kernel")
    if vectors is not None and vectors.above is not None:
        yield Flip("vectors", vectors.above, vectors.faster, vectors.other, "kernel")
    if gpu_s and pim_s:
        yield Flip("speed of the PIM", pim_s / gpu_s, system.gpu.slug, system.pim.slug, "kernel")


def _faster_pim(graph: KernelGraph, slug: str, factor: float) -> KernelGraph:
    kernels = []
    for item in graph.kernels:
        entry = item.devices[slug]
        if entry.time_s is not None:
            entry = replace(entry, time_s=entry.time_s / factor)
        kernels.append(replace(item, devices={**item.devices, slug: entry}))
    return replace(graph, kernels=tuple(kernels))


def _thresholds(quantity: str, device_at: Callable[[float], str]) -> Iterator[Flip]:
    """Where the answer changes between two factors, found by bisection on their logarithm."""
    before, low = device_at(_FACTORS[0]), _FACTORS[0]
    for high in _FACTORS[1:]:
        after = device_at(high)
        if after != before:
            bottom, top = low, high
            for _ in range(_BISECTIONS):
                middle = (bottom * top) ** 0.5
                if device_at(middle) == before:
                    bottom = middle
                else:
                    top = middle
            yield Flip(quantity, (bottom * top) ** 0.5, before, after)
        before, low = after, high
