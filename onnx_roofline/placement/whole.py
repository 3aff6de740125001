"""Of a whole placement: joules by part, the band of its time, and which decisions hold over it."""

from collections.abc import Sequence

from onnx_roofline.base.terms import Origin
from onnx_roofline.hardware import System
from onnx_roofline.ir.placed_records import Certainty, DeviceTime, Energy
from onnx_roofline.placement.kernel_graph import KernelGraph
from onnx_roofline.placement.solver import Assignment


def is_robust(here: DeviceTime, there: DeviceTime | None, count: float, regret_s: float | None) -> bool:
    """Whether a kernel stays where it is when it takes the most of its band there and the least on the other device.

    `regret_s` is what the whole takes longer if the kernel is flipped, all executions, transfers included.

    >>> here, there = DeviceTime(1.0, None, "dram", low_s=0.8, high_s=1.3), DeviceTime(2.0, None, "io", low_s=1.6)
    >>> is_robust(here, there, 1, 1.0), is_robust(here, there, 1, 0.5)  # 0.3 more here, 0.4 less there
    (True, False)
    """
    if there is None or there.time_s is None or here.time_s is None:
        return True
    if regret_s is None or here.high_s is None or there.low_s is None:
        return False
    return regret_s > count * (here.high_s - here.time_s + there.time_s - there.low_s)


def certainty(
    graph: KernelGraph,
    slugs: Sequence[str],
    assignment: Assignment,
    robust: Sequence[bool],
    transfer_s: float = 0.0,
    dispatch_s: float = 0.0,
) -> Certainty | None:
    """The band of the whole time and the shares of the kernels' time by origin; None without the full model.

    Transfers have no band, and no run ends before the host has dispatched its kernels. The band adds the kernels' ends
    up, as if all were off to the same side: a model that is wrong is wrong throughout.
    """
    low_s = high_s = total_s = robust_s = 0.0
    by_origin: dict[Origin, float] = {}
    for node, item in enumerate(graph.kernels):
        entry = item.devices[slugs[assignment[node]]]
        if entry.time_s is None or entry.low_s is None or entry.high_s is None or entry.origin is None:
            return None
        time_s = entry.time_s * item.count
        low_s, high_s, total_s = low_s + entry.low_s * item.count, high_s + entry.high_s * item.count, total_s + time_s
        by_origin[entry.origin] = by_origin.get(entry.origin, 0.0) + time_s
        robust_s += time_s if robust[node] else 0.0
    if not total_s:
        return None
    shares = {origin: seconds / total_s for origin, seconds in sorted(by_origin.items(), key=lambda one: -one[1])}
    low_s, high_s = (max(end_s + transfer_s, dispatch_s) for end_s in (low_s, high_s))
    return Certainty(low_s, high_s, shares, robust_s / total_s)


def placement_energy(
    graph: KernelGraph, system: System, assignment: Assignment, total_s: float | None
) -> Energy | None:
    """Joules of a whole assignment; None where a device or the link that it uses states no figure."""
    slugs = [device.slug for device in system.devices]
    dram_j = on_chip_j = macs_j = link_j = 0.0
    for node, item in enumerate(graph.kernels):
        found = item.devices[slugs[assignment[node]]].energy
        if found is None:
            return None
        dram_j += found.dram_j * item.count
        on_chip_j += found.on_chip_j * item.count
        macs_j += found.macs_j * item.count
    for crossing in graph.crossings:
        home = 0 if crossing.producer is None else assignment[crossing.producer]
        if system.link is None or system.link.shared_memory:
            break
        if any(assignment[node] != home for node in crossing.consumers):
            if system.link.j_per_byte is None:
                return None
            link_j += crossing.bytes * crossing.count * system.link.j_per_byte
    idle_w = sum(device.idle_w or 0.0 for device in system.devices)
    return Energy(dram_j, on_chip_j, link_j, macs_j, idle_w * (total_s or 0.0))
