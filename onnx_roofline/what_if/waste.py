"""Time that kernels take beyond their roof: time x (1 - share of the roof)."""

from msgspec import Struct

from onnx_roofline.analysis.analyze import Analysis
from onnx_roofline.ir.placed_records import Placement, Roofline
from onnx_roofline.ir.records import Executions, Kernel


class Waste(Struct, frozen=True):
    """A kernel where it is placed, all its executions together.

    `roof_s` is the larger of operations / peak and moved bytes / bandwidth, without launches and efficiencies;
    `wasted_s` is what the time has beyond it, never below 0.
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
    for key, kernel in model.column(Kernel).items():
        placed, count = placements[key], float(executions[key].count)
        if kernel.id != key or not count or placed.device is None or placed.time_s is None:
            continue
        roof = roofs[key].devices[placed.device]
        least_s = max(roof.compute_time_s or 0.0, roof.memory_time_s or 0.0)
        bound = placed.devices[placed.device].bound
        found.append(Waste(key, placed.device, bound, placed.time_s * count, least_s * count, count))
    return tuple(sorted(found, key=lambda one: (-one.wasted_s, one.key)))


def holding(found: tuple[Waste, ...], share: float) -> int:
    """How many of the first kernels hold a share of all wasted time."""
    whole, sum_s = sum(one.wasted_s for one in found), 0.0
    for count, one in enumerate(found):
        if sum_s >= share * whole:
            return count
        sum_s += one.wasted_s
    return len(found)
