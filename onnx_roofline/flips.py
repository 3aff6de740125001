"""Where a placement decision flips: over a dim, batch x tokens, the link's bandwidth, or the PIM's speed."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from onnx_roofline.analysis import Analysis, Settings, analyze
from onnx_roofline.errors import UsageError
from onnx_roofline.hardware import System
from onnx_roofline.partition import solve
from onnx_roofline.placement_problem import KernelGraph, Placeable
from onnx_roofline.records import Kernel, OpenBodies, OpenBody, Placement, PlacementSummary, TypedOp
from onnx_roofline.strict_yaml import shown
from onnx_roofline.vectors import VectorFlips

# Factors by which the link or the PIM is made faster or slower, and the steps of the search between two of them.
_FACTORS = tuple(2.0**exponent for exponent in range(-6, 7))
_BISECTIONS = 12


@dataclass(frozen=True, slots=True)
class Flip:
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


@dataclass(frozen=True)
class SweepPoint:
    """One value of a swept dim: every alternative's seconds, and the device of each kernel by its root's row id.

    `untimed` kernels run but have no time on either device; the seconds are without them.
    """

    value: int
    seconds: "dict[str, float | None]"
    on_pim: int
    devices: "dict[str, str | None]"
    untimed: int = 0


@dataclass(frozen=True)
class Sweep:
    """A model over the values of one dim; `labels` names kernels for a reader, `assumed` dims nobody stated, `open`
    loops and branches that nobody stated.
    """

    dim: str
    points: tuple[SweepPoint, ...]
    labels: "dict[str, str]"
    assumed: tuple[str, ...] = ()
    open: tuple[OpenBody, ...] = ()

    def changes(self) -> "list[tuple[str, list[str], list[tuple[int, str | None]]]]":
        """(label, kernel ids, [(first value, device), ...]) of kernels that flip together, most kernels first."""
        groups: dict[object, list[str]] = {}
        for kernel in self.points[0].devices:
            steps: list[tuple[int, str | None]] = []
            for point in self.points:
                device = point.devices.get(kernel)
                if not steps or steps[-1][1] != device:
                    steps.append((point.value, device))
            if len(steps) > 1:
                groups.setdefault((self.labels[kernel], tuple(steps)), []).append(kernel)
        found = [(key[0], ids, list(key[1])) for key, ids in groups.items() if isinstance(key, tuple)]
        return sorted(found, key=lambda item: (-len(item[1]), item[0]))


def parse_sweep(text: str) -> tuple[str, tuple[int, ...]]:
    """`tokens=1..4096` -> the dim and its values: doubling from the first to the last; or a list, `batch=1,2,3`.

    Raises UsageError for another form.

    >>> parse_sweep("tokens=1..16"), parse_sweep("batch=3,5")
    (('tokens', (1, 2, 4, 8, 16)), ('batch', (3, 5)))
    """
    name, separator, values = text.rpartition("=")
    wanted = (
        f"--sweep {shown(text)}: wanted NAME=FIRST..LAST or NAME=A,B,C with whole numbers from 1 and of up to 18 "
        "digits, such as tokens=1..4096"
    )
    if not separator or not name:
        raise UsageError(wanted)
    first, dots, last = values.partition("..")
    parts = [first, last] if dots else values.split(",")
    are_sizes = all(re.fullmatch(r"(?=.{1,18}$)0*[1-9][0-9]*", part) for part in parts)
    if not are_sizes or (dots and int(first) > int(last)):
        raise UsageError(wanted)
    if not dots:
        return name, tuple(int(part) for part in parts)
    found, value = [], int(first)
    while value < int(last):
        found.append(value)
        value *= 2
    return name, (*found, int(last))


def sweep(path: str, settings: Settings, dim: str, values: tuple[int, ...]) -> Sweep:
    """The model analysed at every value of a dim. Raises UsageError where the file has no such dim."""
    points, labels, assumed = [], dict[str, str](), dict[str, None]()
    opened: dict[OpenBody, None] = {}
    for value in values:
        analysis = analyze(path, replace(settings, dims={**settings.dims, dim: value}))
        model = analysis.model
        assumed.update(
            (f"{name}={found.value}", None)
            for name, found in model.dims.items()
            if found.origin == "assumed" and not found.reason.startswith("computed:")
        )
        opened.update(dict.fromkeys(model.whole(OpenBodies).found))
        summary = model.whole(PlacementSummary)
        placements = model.column(Placement)
        devices = {}
        for key, kernel in model.column(Kernel).items():
            if kernel.id == key:
                devices[key] = placements[key].device
                labels[key] = f"{model.column(TypedOp)[key].op.op_type} ({kernel.pattern})"
        optimum = next(item for item in summary.alternatives if item.name == "optimum")
        seconds = {item.name: item.total_s for item in summary.alternatives}
        points.append(SweepPoint(value, seconds, optimum.on_pim, devices, summary.untimed_kernels))
    return Sweep(dim, tuple(points), labels, tuple(assumed), tuple(opened))
