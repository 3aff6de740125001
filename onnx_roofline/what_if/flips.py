"""Where a placement decision flips: over a dim, batch x tokens, the link's bandwidth, or the PIM's speed."""

from collections.abc import Callable, Iterator
from functools import cache

from msgspec import Struct
from msgspec.structs import replace

from onnx_roofline.analysis.analyze import Analysis
from onnx_roofline.hardware import System
from onnx_roofline.placement.kernel_graph import KernelGraph, Placeable
from onnx_roofline.placement.solver import Assignment, solve
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


class ModelFlips:
    """Where kernels change place over the link's bandwidth and over the PIM's speed, each with the rest as it is.

    For latency alone: no energy depends on either, and energy-delay takes too many cuts at every step. Every kernel is
    placed at each step, and a step that was taken for one kernel answers for all.
    """

    def __init__(self, analysis: Analysis) -> None:
        """The analysis has its placement."""
        self._system, self._objective = analysis.system, analysis.settings.objective
        self._graph = analysis.model.whole(KernelGraph)
        self._problem = self._graph.problem(self._system, self._objective)
        self._with_link, self._with_pim = cache(self._solved_with_link), cache(self._solved_with_pim)

    def of(self, kernel_id: str) -> Iterator[Flip]:
        """Flip points of one kernel."""
        if self._objective != "latency" or kernel_id not in self._graph.index or self._system.pim is None:
            return
        node = self._graph.index[kernel_id]
        gpu, pim, joint = self._system.pair
        slugs = (gpu.slug, pim.slug)
        if not joint.shared_memory:
            yield from _thresholds("link bandwidth", lambda factor: slugs[self._with_link(factor)[node]])
        yield from _thresholds("speed of the PIM", lambda factor: slugs[self._with_pim(factor)[node]])

    def _solved_with_link(self, factor: float) -> Assignment:
        """The placement with the bandwidth of the link times a factor."""
        link = self._system.pair[2]
        assert link.bandwidth_bytes_per_s is not None, "a link that copies states its bandwidth"
        link = replace(link, bandwidth_bytes_per_s=link.bandwidth_bytes_per_s * factor)
        tensors = self._graph.tensors(replace(self._system, link=link), self._objective)
        return solve(replace(self._problem, tensors=tensors)).assignment

    def _solved_with_pim(self, factor: float) -> Assignment:
        """The placement with the times of the PIM over a factor."""
        cost = tuple((gpu, None if pim is None else pim / factor) for gpu, pim in self._problem.cost)
        return solve(replace(self._problem, cost=cost)).assignment


def kernel_flips(item: Placeable, vectors: VectorFlips | None, system: System) -> Iterator[Flip]:
    """Flip points of a kernel by itself: what makes the other device the faster one, transfers left out."""
    if system.pim is None:
        return
    gpu, pim, _ = system.pair
    gpu_s, pim_s = (item.devices[device.slug].time_s for device in (gpu, pim))
    if vectors is not None and vectors.below is not None:
        yield Flip("vectors", vectors.below + 1, vectors.other, vectors.faster, "kernel")
    if vectors is not None and vectors.above is not None:
        yield Flip("vectors", vectors.above, vectors.faster, vectors.other, "kernel")
    if gpu_s and pim_s:
        yield Flip("speed of the PIM", pim_s / gpu_s, gpu.slug, pim.slug, "kernel")


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
