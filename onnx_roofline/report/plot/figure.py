"""The roofline picture: both devices' roofs on the same axes, and every kernel under the roof of its device.

The only module that imports matplotlib, and only when a picture is drawn. Lengths and boxes are pixels of a 1200 x 750
picture, from its lower left corner; a vector format scales them.
"""

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING

from msgspec import Struct

from onnx_roofline.base.errors import MissingExtraError, UsageError
from onnx_roofline.hardware.records import System
from onnx_roofline.report.files import write_atomically
from onnx_roofline.report.plot.marks import DPI, GREY, INK, PlotPoint
from onnx_roofline.report.plot.picture import Picture

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    Boxes = NDArray[np.float64]

# Nothing in a file may depend on the day or on the version of matplotlib.
_METADATA: dict[str, dict[str, None]] = {
    "svg": {"Date": None, "Creator": None},
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Producer": None, "Creator": None},
}


class LabelBox(Struct, frozen=True):
    """A text inside the chart, or the marker of an op (its text is then ""), and the pixels that it takes."""

    text: str
    x0: float
    y0: float
    x1: float
    y1: float


def draw_roofline(
    path: str, title: str, system: System, dtype: str, points: Sequence[PlotPoint], basis: str = "", left_out: str = ""
) -> None:
    """Write the picture as .svg, .png or .pdf: complete or not at all, and the same bytes for the same input.

    A point lies where its kernel achieves what it does, under the roof of its device: filled, its area in proportion to
    its share of the time, pointing down where the launch binds it, and hollow for the other device. `basis` says what
    the figures rest on, `left_out` what has no point. Raises UsageError (another suffix, a place that can't be written,
    a dtype that no device computes) and MissingExtraError.
    """
    write_figure(
        path,
        lambda suffix: Picture(title, system, dtype, points, suffix == "svg", basis, left_out).figure,
    )


def suffix_of(path: str) -> str:
    """`svg`, `png` or `pdf`. Raises UsageError for another suffix."""
    suffix = os.path.splitext(path)[1].lower().removeprefix(".")
    if suffix not in _METADATA:
        raise UsageError(f"--plot {path!r}: expected a file name that ends in .svg, .png or .pdf")
    return suffix


def write_figure(path: str, figure_for: "Callable[[str], Figure]") -> None:
    """Write a figure, drawn for the suffix of its file in the style of all pictures: complete or not at all.

    Raises UsageError (another suffix, a place that can't be written) and MissingExtraError.
    """
    write_atomically(path, [rendered(suffix_of(path), figure_for)])


def rendered(suffix: str, figure_for: "Callable[[str], Figure]") -> bytes:
    """A figure as the bytes of a file with that suffix. Raises MissingExtraError."""
    with _style():
        data = BytesIO()
        figure_for(suffix).savefig(data, format=suffix, metadata=_METADATA[suffix], dpi=DPI)
    return data.getvalue()


def label_boxes(title: str, system: System, dtype: str, points: Sequence[PlotPoint]) -> tuple[LabelBox, ...]:
    """Every text inside the chart as the renderer measures it, then every marker, as `draw_roofline` places them."""
    with _style():
        picture = Picture(title, system, dtype, points, any_glyph=False)
        extents = [(text.get_text(), text.get_window_extent().extents) for text in picture.texts]
    texts = [LabelBox(text, *(float(side) for side in box)) for text, box in extents]
    return (*texts, *(LabelBox("", *box) for box in picture.marker_boxes))


@contextmanager
def _style() -> Iterator[None]:
    """Matplotlib with its own defaults and ours, whatever the user's settings are; left as it was found."""
    try:
        import matplotlib
    except ImportError as error:
        raise MissingExtraError("matplotlib", "plot", "--plot") from error
    with matplotlib.rc_context(), warnings.catch_warnings():
        # An SVG names its characters, and whoever shows it has fonts for them.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        matplotlib.rcdefaults()
        matplotlib.rcParams.update({
            "svg.hashsalt": "onnx-roofline", "svg.fonttype": "none", "text.parse_math": False, "text.hinting": "none",
            "font.size": 9, "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": GREY,
            "xtick.color": INK, "ytick.color": INK,
        })  # fmt: skip
        yield
