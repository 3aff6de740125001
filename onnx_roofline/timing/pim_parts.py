"""The parts of a kernel's time on a PIM, and what every PIM kernel pays."""

from msgspec import Struct

from onnx_roofline.base.units import DTYPE_BITS
from onnx_roofline.hardware import Device, PimModel
from onnx_roofline.ir.kernel_work import KernelWork, Product


class PimTime(Struct, frozen=True):
    """Where the time of a kernel on a PIM goes; the parts add up to `total_s`.

    `stream_s` reads the resident operand past the units (or computes, where that takes longer), `activate_s` opens and
    closes rows, `io_s` moves vectors and results, `refresh_s` is lost to refresh, `overhead_s` is launch, mode switch
    and fences. `padded_share` of the streamed elements is padding or idle units.
    """

    stream_s: float
    activate_s: float
    io_s: float
    refresh_s: float
    overhead_s: float
    padded_share: float
    explanation: tuple[str, ...] = ()

    @property
    def total_s(self) -> float:
        """All of it."""
        return self.stream_s + self.activate_s + self.io_s + self.refresh_s + self.overhead_s


def overhead_s(device: Device, pim: PimModel, tiles: int) -> float:
    """Launch, mode switch and a fence for every tile."""
    return device.launch_s + pim.mode_switch_s + tiles * pim.fence_s


def write_in_s(device: Device, work: KernelWork, product: Product) -> float:
    """Time to write an operand that this run computes into the banks."""
    if work.resident != "activation" or device.external_bytes_per_s is None:
        return 0.0
    return product.resident_bytes / device.external_bytes_per_s


def width_bytes(work: KernelWork) -> float:
    """Bytes of one element."""
    return DTYPE_BITS.get(work.dtype, 32) / 8


def passes_line(product: Product, passes: int, pim: PimModel) -> str:
    """How often the resident operand streams, in words."""
    shared = "no reuse between vectors" if pim.reuse == 1 else f"{pim.reuse} vectors share a pass"
    vectors = counted(product.vectors, "vector")
    return f"{counted(passes, 'pass', 'passes')} over the resident operand for {vectors} ({shared})"


def counted(number: int, one: str, many: str = "") -> str:
    """A number with its noun.

    >>> counted(1, "pass", "passes"), counted(2048, "row")
    ('1 pass', '2,048 rows')
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"
