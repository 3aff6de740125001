"""The records of kernels on devices: rooflines, times and placements. Units are in the field names."""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct, field

from onnx_roofline.base.terms import Origin

# What a kernel spends most of its time on, by the roofline, and why it has no time.
RoofBound = Literal["memory", "compute", "launch", "nothing to do", "fused", "unsupported", "unknown"]
# The same under the placement's time model: the engine of a GPU whose profile states them, or the part of a PIM.
TimeBound = Literal[
    "matrix", "vector", "special", "l2", "dram", "latency", "launch", "memory", "compute", "stream", "activate", "io",
    "refresh", "unsupported", "unknown",
]  # fmt: skip
# The class of a placement decision; see Placement.
PlacementReason = Literal[
    "unsupported",
    "faster alone",
    "cheaper alone",
    "follows neighbours",
    "capacity",
    "near tie",
    "only device",
    "fused",
    "not placed",
    "unknown",
]


class Roof(Struct, frozen=True):
    """One kernel on the roofline of one device, for a single execution; it stands at the kernel's root.

    `intensity` is operations per byte moved (None without bytes), `ridge` in the same unit for the root's dtype,
    `attainable_flops_per_s` = min(peak, intensity x bandwidth). Times are None where the device can't run the kernel or
    its work is unknown. `bound` is "memory", "compute" or "launch"; "nothing to do" without work, "fused" on a member
    whose kernel's root has the time. `time_low_s` and `time_high_s` are what the least and the most of the three
    traffic figures would give; `bound_is_stable` says whether all three give the same bound. `reason` says why it is
    unsupported.
    """

    supported: bool
    reason: str
    intensity: float | None
    ridge: float | None
    attainable_flops_per_s: float | None
    compute_time_s: float | None
    memory_time_s: float | None
    launch_time_s: float | None
    total_time_s: float | None
    bound: RoofBound
    moved_bytes: int | None = None
    time_low_s: float | None = None
    time_high_s: float | None = None
    bound_is_stable: bool = True


class Roofline(Struct, frozen=True):
    """Column of the roofline pass: the op on each device by the device's slug."""

    devices: Mapping[str, Roof]


# How a PIM is timed: by its roofline alone, or with all that separates a real one from it.
PimTimeModel = Literal["roofline", "full"]
PIM_TIME_MODELS: tuple[PimTimeModel, ...] = ("roofline", "full")
# What a placement makes least.
Objective = Literal["latency", "energy", "energy-delay"]
OBJECTIVES: tuple[Objective, ...] = ("latency", "energy", "energy-delay")
# What of a kernel is divided between devices: vectors (tokens, pixels), outputs of the resident operand, or independent
# products (heads).
Axis = Literal["outputs", "vectors", "heads"]


# Whether a decision holds over the bands of both devices' times.
Decision = Literal["robust", "near tie"]
# Whether kernels come from a graph or an engine, or from a host that dispatches them one by one.
Dispatch = Literal["graph", "eager"]
DISPATCHES: tuple[Dispatch, ...] = ("graph", "eager")


class Energy(Struct, frozen=True):
    """Joules by part: memory accesses, on-chip memory, the link, MACs, and idle devices over the whole time."""

    dram_j: float
    on_chip_j: float
    link_j: float
    macs_j: float
    static_j: float = 0.0

    @property
    def total_j(self) -> float:
        """All of it.

        >>> Energy(3.0, 1.0, 0.5, 0.25, 0.25).total_j
        5.0
        """
        return self.dram_j + self.on_chip_j + self.link_j + self.macs_j + self.static_j


class DeviceTime(Struct, frozen=True):
    """A kernel on one device under the placement's time model; `time_s` is None where it can't run, with the reason.

    `in_part`: the device runs the product of the kernel and the other one what follows, whose time is in `time_s`.
    `engines` has the seconds of each part of the device, `launch_s` comes on top. Of the full model, `low_s` and
    `high_s` hold eight of ten kernels whose constants have the same `origin`.
    """

    time_s: float | None
    energy_j: float | None
    bound: TimeBound
    reason: str = ""
    explanation: tuple[str, ...] = ()
    engines: Mapping[str, float] = field(default_factory=dict)
    launch_s: float = 0.0
    low_s: float | None = None
    high_s: float | None = None
    origin: Origin | None = None
    energy: Energy | None = None
    in_part: bool = False


class Together(Struct, frozen=True):
    """How a kernel runs where splits and pipelines are used too, if that is not as it is placed.

    `kind` is "split" (both devices, `gpu_share` of the `axis` on the GPU), "pipeline" (its halves follow each other
    with those of the other `kernels`) or "alone". `devices` are those of the kernels in order; `time_s` is that of all
    of them, all executions.
    """

    kind: Literal["split", "pipeline", "alone"]
    kernels: tuple[str, ...]
    devices: tuple[str, ...]
    time_s: float
    gpu_share: float | None = None
    axis: str = ""


class Placement(Struct, frozen=True):
    """Which device runs the op and why; `device` is None where the op is out of placement.

    `reason` is the class of the decision: "unsupported" (the other device can't run it), "faster alone" (where energy
    counts "cheaper alone"), "follows neighbours" (dearer alone, cheaper with its transfers), "capacity", "near tie",
    "only device", "fused" (a member goes where its kernel goes), "not placed" or "unknown". `time_s` is that of one
    execution there, `transfer_s` the transfers, over all executions, of the tensors that it makes or is the first to
    fetch, `regret` what the whole costs more, in the objective's unit, if the kernel is flipped. `with_splits` is how
    it would run if ops could be split. `decision` says whether it holds over the bands of both times, of kernels that
    both devices run.
    """

    device: str | None
    reason: PlacementReason
    explanation: str
    time_s: float | None
    devices: Mapping[str, DeviceTime] = field(default_factory=dict)
    transfer_s: float = 0.0
    regret: float | None = None
    with_splits: Together | None = None
    decision: Decision | None = None


class Certainty(Struct, frozen=True):
    """The band of the whole time, transfers and dispatch with it, the shares of the kernels' time by origin, and the
    share in robust places.
    """

    low_s: float
    high_s: float
    by_origin: Mapping[Origin, float]
    robust_share: float


class Alternative(Struct, frozen=True):
    """A whole assignment under the full cost: all on one device, each kernel by itself, the optimum.

    `energy` is None where a profile states no figure for what it does.
    """

    name: str
    total_s: float | None
    kernel_s: float | None
    transfer_s: float | None
    on_pim: int
    moved: int = 0
    energy: Energy | None = None


class PlacementSummary(Struct, frozen=True):
    """What is proven about the placement as a whole, and what the simple ones cost under the same model.

    `lower_bound` and `objective` are in the objective's unit: seconds, joules or joule-seconds. `makespan_s` is that of
    a schedule on both devices at once, where the system allows one; None where it does not. `untimed_kernels` run but
    have no time on either device: every figure here is without them. `with_splits_s` is the placement's time with
    single kernels split over both devices and neighbours in pipelines; None as the makespan is. `launches` kernels run
    in all, whose launches take `launch_s` of the optimum; `dispatch_s` is what an eager host needs for all of them, 0
    where kernels come from a graph: no alternative takes less.
    """

    objective_name: str
    objective: float
    lower_bound: float
    gap: float
    proof: str
    method: str
    pim_model: str
    resident_bytes: int
    capacity_bytes: int | None
    alternatives: tuple[Alternative, ...]
    makespan_s: float | None = None
    makespan_bound_s: float | None = None
    makespan_note: str = ""
    untimed_kernels: int = 0
    with_splits_s: float | None = None
    with_splits_note: str = ""
    kernels_split: int = 0
    kernels_pipelined: int = 0
    certainty: Certainty | None = None
    launches: float = 0.0
    launch_s: float = 0.0
    dispatch: Dispatch = "graph"
    dispatch_s: float = 0.0
