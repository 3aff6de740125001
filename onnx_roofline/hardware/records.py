"""Records of devices and systems, in base units (FLOP/s, bytes/s, bytes, s, J)."""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct, field

from onnx_roofline.base.terms import KernelClass, Origin
from onnx_roofline.hardware.gpu_model import GpuModel
from onnx_roofline.hardware.pim_model import PimModel

Kind = Literal["gpu", "pim", "cpu"]
Label = Literal["read", "measured", "fitted", "derived", "assumed"]
# When GPU and PIM may work at the same time: never; on separate memory; on the same memory with two row buffers.
Concurrency = Literal["exclusive", "partitioned", "dual_row_buffer"]
# Whether the two directions of a link share its bandwidth.
Duplex = Literal["half", "full"]
# When constants are brought into the PIM's layout: once before the first run, or in every run.
Constants = Literal["offline", "online"]


# What a label says of a time that hangs on the figure; and origins, surest first.
ORIGINS: Mapping[Label, Origin] = {
    "read": "datasheet", "derived": "datasheet", "measured": "measured", "fitted": "fitted", "assumed": "assumed"
}  # fmt: skip
_SURENESS: tuple[Origin, ...] = ("measured", "fitted", "datasheet", "assumed")


class Figure(Struct, frozen=True):
    """A figure as its profile states it (in the unit of its key), its public source, and how far to trust it."""

    value: float
    source: str
    label: Label


class Fact(Struct, frozen=True):
    """What a profile states in words, with its public source and how far to trust it."""

    value: str
    source: str
    label: Label


class Device(Struct, frozen=True):
    """A processor with its memory. What a profile does not state is None: unknown, not 0."""

    slug: str
    name: str
    kind: Kind
    peaks_flops_per_s: Mapping[str, float]  # dense; by ONNX dtype; absent = unsupported
    external_bytes_per_s: float | None  # what a host sees
    internal_bytes_per_s: float | None  # PIM: what the units in the memory see
    capacity_bytes: int | None
    cache_bytes: int | None  # last level
    launch_s: float  # paid per kernel
    dram_j_per_byte: float | None
    cache_j_per_byte: float | None
    j_per_mac: float | None
    figures: Mapping[str, Figure]  # by dotted path in the profile
    notes: Mapping[str, str]
    compute_efficiency: float = 1.0  # share of the peak that good kernels reach; 1 where nothing is stated
    memory_efficiency: float = 1.0  # share of the bandwidth
    idle_w: float | None = None
    pim: PimModel | None = None
    facts: Mapping[str, Fact] = field(default_factory=dict)  # by dotted path
    launches_s: Mapping[KernelClass, float] = field(default_factory=dict)  # of classes that differ from `launch_s`
    gpu: GpuModel | None = None  # the engines; None where the profile does not state `sm_count`

    def __hash__(self) -> int:
        """By slug alone: the mappings of figures have no hash."""
        return hash(self.slug)

    def peak_flops_per_s(self, dtype: str) -> float | None:
        """Dense peak for an ONNX dtype (FLOP/s; op/s for integers); None means the device has no unit for it."""
        return self.peaks_flops_per_s.get(dtype)

    @property
    def bandwidth_bytes_per_s(self) -> float:
        """What the compute units see: the internal bandwidth of a PIM, the external one of everything else."""
        bandwidth = self.internal_bytes_per_s if self.kind == "pim" else self.external_bytes_per_s
        assert bandwidth is not None, "the loader requires it"
        return bandwidth

    def ridge(self, dtype: str) -> float | None:
        """Arithmetic intensity (FLOP/byte) where the memory roof meets the compute roof; None for an unsupported dtype.

        >>> from onnx_roofline.hardware import load_device
        >>> load_device("teaching-gpu").ridge("float32")
        250.0
        """
        peak = self.peak_flops_per_s(dtype)
        return None if peak is None else peak / self.bandwidth_bytes_per_s

    def launch_of(self, kernel_class: KernelClass) -> float:
        """Seconds of launch of a kernel of this class."""
        return self.launches_s.get(kernel_class, self.launch_s)

    def origin(self, path: str) -> Origin:
        """The least sure origin of the figures at a path and below it; assumed where nothing is stated."""
        found = [figure.label for at, figure in self.figures.items() if at == path or at.startswith(f"{path}.")]
        return max((ORIGINS[label] for label in found), key=_SURENESS.index, default="assumed")

    @property
    def assumed(self) -> tuple[str, ...]:
        """Dotted paths of the figures that nobody published."""
        return tuple(path for path, figure in self.figures.items() if figure.label == "assumed")


class Link(Struct, frozen=True):
    """What joins GPU and PIM: bytes/s in one direction, the fixed time of a transfer, and its energy where known.

    With `shared_memory` both work on the same memory: no tensor is copied, weights are stored once, and a bandwidth
    need not be stated (None).
    """

    bandwidth_bytes_per_s: float | None
    latency_s: float
    j_per_byte: float | None
    figures: Mapping[str, Figure]
    duplex: Duplex = "full"
    shared_memory: bool = False

    def transfer_s(self, size_bytes: float) -> float:
        """Time to move `size_bytes` one way; only the latency in a shared memory."""
        if self.shared_memory or self.bandwidth_bytes_per_s is None:
            return self.latency_s
        return self.latency_s + size_bytes / self.bandwidth_bytes_per_s


class Layout(Struct, frozen=True):
    """What it takes to turn the GPU's memory layout into the PIM's; None is an unknown rate."""

    relayout_bytes_per_s: float | None
    constants: Constants

    def relayout_s(self, size_bytes: float, *, constant: bool = False) -> float | None:
        """Time to rearrange a tensor; 0 for a constant that is rearranged before the first run."""
        if constant and self.constants == "offline":
            return 0.0
        return None if self.relayout_bytes_per_s is None else size_bytes / self.relayout_bytes_per_s


class System(Struct, frozen=True):
    """A GPU (or CPU), a PIM and the link between them; or one device, without PIM and link, where nothing is placed."""

    slug: str
    name: str
    gpu: Device
    pim: Device | None
    link: Link | None
    concurrency: Concurrency
    notes: Mapping[str, str]
    layout: Layout | None = None
    gpu_bandwidth_share: float = 1.0  # of the GPU's bandwidth, left to it while the PIM works
    facts: Mapping[str, Fact] = field(default_factory=dict)

    def __hash__(self) -> int:
        """By slug alone: the mappings of figures have no hash."""
        return hash(self.slug)

    @property
    def assumed(self) -> tuple[str, ...]:
        """Dotted paths of the figures that nobody published: the link's as in the file, a device's behind its slug."""
        figures = {} if self.link is None else self.link.figures
        link = tuple(path for path, figure in figures.items() if figure.label == "assumed")
        return (*link, *(f"{device.slug}.{path}" for device in self.devices for path in device.assumed))

    @property
    def devices(self) -> tuple[Device, ...]:
        """The GPU, then the PIM where there is one."""
        return (self.gpu,) if self.pim is None else (self.gpu, self.pim)

    @property
    def pair(self) -> tuple[Device, Device, Link]:
        """The GPU, the PIM and their link. To be asked of a system that has them."""
        assert self.pim is not None, "the caller asks where there are two devices"
        assert self.link is not None, "which a link joins"
        return self.gpu, self.pim, self.link
