"""Time that kernels take beyond their roof: time x (1 - share of the roof)."""

from collections.abc import Sequence

from msgspec import Struct

from onnx_roofline.analysis.analyze import Analysis
from onnx_roofline.base.units import FLOPS_PER_MAC
from onnx_roofline.hardware import Device
from onnx_roofline.ir.kernel_work import KernelWork
from onnx_roofline.ir.placed_records import Placement, Roofline
from onnx_roofline.ir.records import Executions, Kernel


class Waste(Struct, frozen=True):
    """A kernel where it is placed, all its executions together.

    `roof_s` is the larger of operations / peak and moved bytes / bandwidth, without launches and efficiencies; products
    have the peak of the math that they run in, such as TF32. `wasted_s` is what the time has beyond it, never below 0.
    """

    key: str
    device: str
    bound: str
    time_s: float
    roof_s: float
    runs: float = 1.0

    @property
    def wasted_s(self) -> float:
        """Seconds above the roof."""
        return max(0.0, self.time_s - self.roof_s)


def wastes(analysis: Analysis) -> tuple[Waste, ...]:
    """Every kernel that has a time, the most wasted first."""
    model, found = analysis.model, []
    placements, roofs, executions = model.column(Placement), model.column(Roofline), model.column(Executions)
    works, devices = model.column(KernelWork), {device.slug: device for device in analysis.system.devices}
    for key, kernel in model.column(Kernel).items():
        placed, count = placements[key], float(executions[key].count)
        if kernel.id != key or not count or placed.device is None or placed.time_s is None:
            continue
        roof = roofs[key].devices[placed.device]
        compute_s = (roof.compute_time_s or 0.0) - _gained_s(devices[placed.device], works[key])
        least_s = max(compute_s, roof.memory_time_s or 0.0)
        bound = placed.devices[placed.device].bound
        found.append(Waste(key, placed.device, bound, placed.time_s * count, least_s * count, count))
    return tuple(sorted(found, key=lambda one: (-one.wasted_s, one.key)))


def _gained_s(device: Device, work: KernelWork) -> float:
    """What the math of the products takes off the time that the peaks of their element types give."""
    fast = None if device.gpu is None else device.gpu.matrix_flops_per_s.get(work.math)
    if not fast:
        return 0.0
    gained = 0.0
    for one in work.operations or ():
        slow = device.peak_flops_per_s(one.dtype)
        if slow and slow < fast:
            gained += FLOPS_PER_MAC * one.macs * (1 / slow - 1 / fast)
    return gained


def holding(wasted_s: Sequence[float], share: float) -> int:
    """How many of the first hold a share of the sum.

    >>> holding([5.0, 3.0, 1.0, 1.0], 0.8)
    2
    """
    whole_s, sum_s = sum(wasted_s), 0.0
    for count, one_s in enumerate(wasted_s):
        if sum_s >= share * whole_s:
            return count
        sum_s += one_s
    return len(wasted_s)
