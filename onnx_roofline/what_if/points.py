"""One point of a sweep: what a model costs at one combination of values, and where its kernels run."""

from collections.abc import Mapping
from fractions import Fraction

from msgspec import Struct, field

from onnx_roofline.analysis.analyze import Analysis
from onnx_roofline.ir.graph import Model
from onnx_roofline.ir.placed_records import Alternative, Placement, PlacementSummary
from onnx_roofline.ir.records import Executions, Kernel, Reuse, Traffic, Work
from onnx_roofline.what_if.axes import Value
from onnx_roofline.what_if.items import Items

# What a share of the time goes to besides kernels: copies over the link, and a host that dispatches too slowly.
TRANSFERS, DISPATCH = "transfers", "dispatch"


class BoundShare(Struct, frozen=True):
    """The share of a run's time in which kernels on a device are bound by one of its engines.

    `device` is "" for what is on none: `bound` is then "transfers" or "dispatch".
    """

    device: str
    bound: str
    share: float


class KernelState(Struct, frozen=True):
    """Where a kernel runs and what binds it there; `device` is None where it has no place."""

    device: str | None
    bound: str | None


class Point(Struct, frozen=True):
    """One run of the model under the values of the axes, in their order; None is unknown.

    `refusal` says why the model can't be analysed there; nothing else is known then. Times, `shares` and bytes are of
    the placement; `time_s` is None where kernels that run have no time on any device (`untimed` of them). `placements`
    are the seconds of each simple placement and of the optimum without those kernels. `batch` items run at once,
    `count` is them in tokens or images. `devices` are those of the system, the GPU first, whose memory `fits` is about.
    `kernels` are by the row id of their root.
    """

    values: tuple[Value, ...]
    refusal: str = ""
    devices: tuple[str, ...] = ()
    time_s: float | None = None
    placements: Mapping[str, float | None] = field(default_factory=dict)
    shares: tuple[BoundShare, ...] = ()
    batch: int | None = None
    count: int | None = None
    macs: int | None = None
    compulsory_bytes: int | None = None
    moved_bytes: int | None = None
    memory_bytes: int | None = None
    fits: bool | None = None
    energy_j: float | None = None
    on_pim: int = 0
    untimed: int = 0
    kernels: Mapping[str, KernelState] = field(default_factory=dict)

    @property
    def item_s(self) -> float | None:
        """Seconds per item of the batch."""
        return None if self.time_s is None or not self.batch else self.time_s / self.batch

    @property
    def count_per_s(self) -> float | None:
        """Tokens, images or items per second."""
        return None if not self.time_s or self.count is None else self.count / self.time_s

    @property
    def largest(self) -> BoundShare | None:
        """What takes the largest share of the time."""
        return max(self.shares, key=lambda one: one.share, default=None)


def point_of(analysis: Analysis, values: tuple[Value, ...], items: Items | None) -> Point:
    """The figures of one analysis, each as its report has it."""
    model, gpu = analysis.model, analysis.system.gpu
    summary = model.whole(PlacementSummary)
    optimum = next(one for one in summary.alternatives if one.name == "optimum")
    held = analysis.footprint
    return Point(
        values=values,
        devices=tuple(device.slug for device in analysis.system.devices),
        time_s=None if summary.untimed_kernels else optimum.total_s,
        placements={one.name: one.total_s for one in summary.alternatives},
        shares=_shares(model, optimum),
        batch=None if items is None else items.batch(model),
        count=None if items is None else items.count(model),
        macs=_macs(model),
        compulsory_bytes=_compulsory(model),
        moved_bytes=_moved(model),
        memory_bytes=held.total_bytes,
        fits=held.fits(gpu),
        energy_j=None if optimum.energy is None or summary.untimed_kernels else optimum.energy.total_j,
        on_pim=optimum.on_pim,
        untimed=summary.untimed_kernels,
        kernels=kernel_states(model),
    )


def kernel_states(model: Model) -> dict[str, KernelState]:
    """Device and bound of every kernel by its root."""
    placements, states = model.column(Placement), dict[tuple[str | None, str | None], KernelState]()
    found = {}
    for key, kernel in model.column(Kernel).items():
        if kernel.id == key:
            placed = placements[key]
            entry = None if placed.device is None else placed.devices.get(placed.device)
            state = placed.device, None if entry is None else entry.bound
            found[key] = states.setdefault(state, KernelState(*state))
    return found


def _shares(model: Model, optimum: Alternative) -> tuple[BoundShare, ...]:
    """The time of the placement by what binds it, the largest share first."""
    placements, executions = model.column(Placement), model.column(Executions)
    seconds: dict[tuple[str, str], float] = {}
    for key, kernel in model.column(Kernel).items():
        placed = placements[key]
        if kernel.id != key or placed.device is None or not placed.time_s:
            continue
        where = placed.device, placed.devices[placed.device].bound
        seconds[where] = seconds.get(where, 0.0) + placed.time_s * float(executions[key].count)
    kernels_s = sum(seconds.values())
    if optimum.transfer_s:
        seconds["", TRANSFERS] = optimum.transfer_s
    total_s = optimum.total_s or 0.0
    # Rounding aside, kernels and transfers are all there is unless a host dispatches more slowly than they run.
    rest_s = total_s - kernels_s - (optimum.transfer_s or 0.0)
    if rest_s > 1e-9 * total_s:
        seconds["", DISPATCH] = rest_s
    whole_s = sum(seconds.values())
    ranked = sorted(seconds.items(), key=lambda item: (-item[1], item[0]))
    return tuple(BoundShare(device, bound, one_s / whole_s) for (device, bound), one_s in ranked if one_s)


def _macs(model: Model) -> int | None:
    executions = model.column(Executions)
    found: int | Fraction = 0
    for key, work in model.column(Work).items():
        count = executions[key].count
        if count and work.counts is None:
            return None
        if count and work.counts is not None:
            found += work.counts.macs * count
    return round(found)


def _compulsory(model: Model) -> int | None:
    executions = model.column(Executions)
    found: int | Fraction = 0
    for key, traffic in model.column(Traffic).items():
        count = executions[key].count
        if count and traffic.compulsory_bytes is None:
            return None
        if count and traffic.compulsory_bytes:
            found += traffic.compulsory_bytes * count
    return round(found)


def _moved(model: Model) -> int | None:
    """What all kernels move where they are placed, each as often as it runs."""
    executions, placements, reuses = model.column(Executions), model.column(Placement), model.column(Reuse)
    found: int | Fraction = 0
    for key, kernel in model.column(Kernel).items():
        count, device = executions[key].count, placements[key].device
        if kernel.id != key or not count:
            continue
        moved = None if device is None else reuses[key].devices.get(device)
        if moved is None:
            return None
        found += moved.moved_bytes * count
    return round(found)
