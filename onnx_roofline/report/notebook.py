"""What a notebook shows of an analysis: a line, the totals, and a small roofline as SVG. No library draws it."""

import math
from collections.abc import Iterator
from html import escape

from msgspec import Struct

from onnx_roofline.analysis.analyze import Analysis
from onnx_roofline.base.errors import UsageError
from onnx_roofline.base.quantities import format_si
from onnx_roofline.base.text import visible
from onnx_roofline.report.csv_table import Cell
from onnx_roofline.report.frames import totals
from onnx_roofline.report.header import first_line
from onnx_roofline.report.plot.points import dominant_dtype, not_drawn, plot_points
from onnx_roofline.report.plot.roof_lines import RoofLine, roof_lines

# Pixels of the picture and of its margins: left, right, top, bottom.
_WIDTH, _HEIGHT = 420, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 12, 12, 34
# Points that are drawn, those of most time first; more would be one blot.
_MOST_POINTS = 400
_UNITS = {"macs": "MAC", "flops": "FLOP", "time_s": "s"}


class Svg(Struct, frozen=True):
    """A picture as a notebook shows it; `text` is the file."""

    text: str

    def __repr__(self) -> str:
        """How large the picture is."""
        return f"<Svg: {len(self.text):,} characters>"

    def _repr_svg_(self) -> str:
        """The picture itself."""
        return self.text


def summary_html(analysis: Analysis) -> str:
    """A fragment of HTML without scripts; names of the model are escaped and cut."""
    name = visible(analysis.model.info.path.replace("\\", "/").rpartition("/")[2], 80)
    cells = "".join(
        f"<tr><th style='text-align:left'>{title}</th><td>{_shown(figure, value)}</td></tr>"
        for figure, value in totals(analysis).items()
        if (title := figure.removesuffix("_s").replace("_", " "))
    )
    return (
        f"<div><p><b>{escape(name)}</b> {escape(first_line(analysis))}</p>"
        f"<div style='display:flex;flex-wrap:wrap;gap:1em'><table>{cells}</table>{small_roofline(analysis)}</div>"
        f"<p>{escape(_left_out(analysis))}</p></div>"
    )


def _left_out(analysis: Analysis) -> str:
    """What the small roofline doesn't show."""
    more = len(plot_points(analysis)) - _MOST_POINTS
    return not_drawn(analysis) + (f" Of the others the {_MOST_POINTS} of most time are drawn." if more > 0 else "")


def _shown(figure: str, value: Cell) -> str:
    if value is None:
        return "unknown"
    unit = "B" if figure.endswith("_bytes") else _UNITS.get(figure, "")
    return f"{value:,}" if isinstance(value, int) and not unit else escape(format_si(float(value), unit))


def small_roofline(analysis: Analysis) -> str:
    """Kernels under the roofs of both devices, log-log, as one `<svg>`; "" where no device has a roof for them."""
    try:
        roofs = roof_lines(analysis.system, dominant_dtype(analysis))
    except UsageError:
        return ""
    points = sorted(plot_points(analysis), key=lambda point: -point.time_s)[:_MOST_POINTS]
    drawn = [
        (point, point.achieved[point.device])
        for point in points
        if point.intensity > 0 and point.achieved.get(point.device)
    ]
    xs = [*(roof.ridge for roof in roofs), *(point.intensity for point, _ in drawn)]
    x_low, x_high = 10 ** math.floor(math.log10(min(xs))), 10 ** math.ceil(math.log10(max(xs) * 1.5))
    y_high = 10 ** math.ceil(math.log10(max(roof.peak for roof in roofs) * 1.01))
    y_low = 10 ** math.floor(math.log10(min([*(roof.at(x_low) for roof in roofs), *(y for _, y in drawn)])))
    axes = _Axes(x_low, x_high, y_low, y_high)
    most = max((point.time_s for point, _ in drawn), default=0.0) or 1.0
    colours = {roof.device.slug: roof.colour for roof in roofs}
    parts = [*axes.frame(), *(axes.roof(roof) for roof in roofs)]
    for point, achieved in drawn:
        x, y = axes.place(point.intensity, achieved)
        radius = 2 + 4 * math.sqrt(max(point.time_s, 0.0) / most)
        title = f"{visible(point.module or point.label, 60)}: {point.intensity:.4g} FLOP/B on {point.device}"
        colour = colours.get(point.device, "#777")
        parts.append(
            f"<circle cx='{x:.1f}' cy='{y:.1f}' r='{radius:.1f}' fill='{colour}' fill-opacity='0.6'>"
            f"<title>{escape(title)}</title></circle>"
        )
    label = f"Roofline of {visible(analysis.model.info.path.rpartition('/')[2], 60)}"
    return (
        f"<svg role='img' aria-label='{escape(label, quote=True)}' width='{_WIDTH}' height='{_HEIGHT}' "
        f"viewBox='0 0 {_WIDTH} {_HEIGHT}' font-size='10' font-family='sans-serif' fill='currentColor'>"
        f"{''.join(parts)}</svg>"
    )


class _Axes:
    """A log-log frame: where a point of it lies in the picture."""

    def __init__(self, x_low: float, x_high: float, y_low: float, y_high: float) -> None:
        self.x = (math.log10(x_low), math.log10(x_high))
        self.y = (math.log10(y_low), math.log10(y_high))

    def place(self, intensity: float, flops_per_s: float) -> tuple[float, float]:
        """Pixels of a point."""
        across = (math.log10(intensity) - self.x[0]) / (self.x[1] - self.x[0])
        up = (math.log10(flops_per_s) - self.y[0]) / (self.y[1] - self.y[0])
        return _LEFT + across * (_WIDTH - _LEFT - _RIGHT), _HEIGHT - _BOTTOM - up * (_HEIGHT - _TOP - _BOTTOM)

    def roof(self, roof: RoofLine) -> str:
        """The sloped and the flat part of a roof."""
        low, high = 10 ** self.x[0], 10 ** self.x[1]
        points = [self.place(x, roof.at(x)) for x in (low, min(max(roof.ridge, low), high), high)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        title = f"{roof.device.slug}: {format_si(roof.peak, 'FLOP/s')}, {format_si(roof.bandwidth, 'B/s')}"
        return (
            f"<polyline points='{path}' fill='none' stroke='{roof.colour}' stroke-width='1.5'>"
            f"<title>{escape(visible(title, 100))}</title></polyline>"
        )

    def frame(self) -> Iterator[str]:
        """Axes with a label each three powers of ten at most, and what they are."""
        left, bottom = _LEFT, _HEIGHT - _BOTTOM
        yield (
            f"<path d='M{left} {_TOP}V{bottom}H{_WIDTH - _RIGHT}' fill='none' stroke='currentColor' "
            "stroke-opacity='0.5'/>"
        )
        for power in _powers(*self.x):
            x, _ = self.place(10**power, 10 ** self.y[0])
            yield f"<text x='{x:.1f}' y='{bottom + 13}' text-anchor='middle'>{format_si(10**power, '')}</text>"
        for power in _powers(*self.y):
            _, y = self.place(10 ** self.x[0], 10**power)
            yield f"<text x='{left - 4}' y='{y + 3:.1f}' text-anchor='end'>{format_si(10**power, '')}</text>"
        middle = (left + _WIDTH - _RIGHT) / 2
        yield f"<text x='{middle}' y='{_HEIGHT - 6}' text-anchor='middle'>FLOP/byte against FLOP/s</text>"


def _powers(low: float, high: float) -> range:
    first, last = round(low), round(high)
    return range(first, last + 1, max(1, (last - first) // 4))
