"""What the picture shows: ops as points, ops at one spot, and the size of the page."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from msgspec import Struct

from onnx_roofline.report.plot.label_layout import Box
from onnx_roofline.report.plot.roof_lines import RoofLine

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Boxes = NDArray[np.float64]


WIDTH, HEIGHT, DPI = 1200, 750, 100
LAUNCH_MARKER = "v"
INK, GREY = "#222222", "#777777"


class PlotPoint(Struct, frozen=True):
    """A kernel: its label, intensity (FLOP/byte), device (slug), time there (s), and FLOP/s that it achieves on each.

    `module` is where it stands, `is_launch` says that its launch takes longer than anything that it does. `id` tells it
    from all others.
    """

    label: str
    intensity: float
    device: str
    time_s: float
    achieved: Mapping[str, float]
    module: str = ""
    is_launch: bool = False
    id: str = ""


class Spot(Struct, frozen=True):
    """Kernels that share a marker, the longest first; `ghost_y` is None where the other device has no rate for them."""

    points: tuple[PlotPoint, ...]
    roof: RoofLine
    x: float
    y: float
    ghost_y: float | None
    area: float

    @property
    def marker(self) -> str:
        """That of the device; of what a launch binds, one that points down, away from the roof."""
        return LAUNCH_MARKER if self.points[0].is_launch else self.roof.marker

    @property
    def radius(self) -> float:
        """Of the marker, pixels: half the side of a square of that area, which holds the circle as well."""
        return math.sqrt(self.area) / 2 * DPI / 72


def has_glyph(character: str) -> bool:
    """Whether the font of the picture has a character."""
    from matplotlib.font_manager import findfont, get_font

    return bool(get_font(findfont("DejaVu Sans")).get_char_index(ord(character)))


def time_s(point: PlotPoint) -> float:
    """Seconds of an op, 0 where they are no number."""
    return point.time_s if positive(point.time_s) else 0.0


def positive(value: float) -> bool:
    """Whether a logarithm can show it."""
    return math.isfinite(value) and value > 0


def number(value: float) -> str:
    """Three digits, or all of a whole number."""
    return f"{value:.3g}" if value < 1000 else f"{value:.0f}"


def fractions(left: float, bottom: float, right: float, top: float) -> Box:
    """A box as matplotlib wants it: left, bottom, width, height in parts of the picture."""
    return left / WIDTH, bottom / HEIGHT, (right - left) / WIDTH, (top - bottom) / HEIGHT
