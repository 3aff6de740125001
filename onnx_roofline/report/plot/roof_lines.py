"""The roofs of a system's devices for one element type: where they run, where they cross, and who is faster where."""

import math
from collections.abc import Sequence

from msgspec import Struct

from onnx_roofline.base.errors import UsageError
from onnx_roofline.hardware.records import Device, System
from onnx_roofline.report.colours import DEVICE_COLOURS

# A marker each for print.
MARKERS = ("o", "s")


class RoofLine(Struct, frozen=True):
    """One device's roof: the sloped memory part and the flat compute part, with its colour and marker."""

    device: Device
    short: str
    peak: float
    bandwidth: float
    colour: str
    marker: str

    @property
    def ridge(self) -> float:
        """Intensity where the two parts meet, FLOP/byte."""
        return self.peak / self.bandwidth

    def at(self, intensity: float) -> float:
        """Attainable FLOP/s at an intensity."""
        return min(self.peak, intensity * self.bandwidth)


def roof_lines(system: System, dtype: str) -> tuple[RoofLine, ...]:
    """The roofs of the devices that compute the dtype, the GPU's first."""
    roofs = tuple(
        RoofLine(device, device.kind.upper(), peak, device.bandwidth_bytes_per_s, colour, marker)
        for device, colour, marker in zip(system.devices, DEVICE_COLOURS, MARKERS, strict=False)
        if (peak := device.peak_flops_per_s(dtype)) is not None
    )
    if not roofs:
        raise UsageError(
            f"--plot: no device of system {system.slug!r} has a peak for dtype {dtype!r}, so there is no roof"
        )
    return roofs


def winners(roofs: Sequence[RoofLine], low: float, high: float) -> list[tuple[float, float, RoofLine | None]]:
    """From where to where (FLOP/byte) which of two devices attains more; None where both attain the same."""
    one, other = roofs
    crossings = {one.peak / other.bandwidth, other.peak / one.bandwidth}
    turns = sorted(t for t in {one.ridge, other.ridge} | crossings if low < t < high)
    stretches: list[tuple[float, float, RoofLine | None]] = []
    for start, end in zip([low, *turns], [*turns, high], strict=True):
        first, second = (roof.at(math.sqrt(start * end)) for roof in roofs)
        winner = None if math.isclose(first, second, rel_tol=1e-9) else one if first > second else other
        if stretches and stretches[-1][2] is winner:
            start = stretches.pop()[0]
        stretches.append((start, end, winner))
    return stretches


def crossing(roofs: Sequence[RoofLine]) -> tuple[float, RoofLine] | None:
    """Where the roofs cross (FLOP/byte) and which device is faster above; None where one is never the slower."""
    if len(roofs) < 2:
        return None
    for (_, _, below), (start, _, above) in zip(s := winners(roofs, 1e-30, 1e30), s[1:], strict=False):
        if below and above:
            return start, above
    return None
