"""The roofline picture: both devices' roofs on the same axes, and every op on the roof of the device that runs it.

The only module that imports matplotlib, and only when a picture is drawn. Lengths and boxes are pixels of a 1200 x 750
picture, from its lower left corner; a vector format scales them.
"""

import math
import os
import re
import secrets
import textwrap
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING

from onnx_roofline.errors import MissingExtraError, UsageError
from onnx_roofline.hardware.records import Device, System
from onnx_roofline.units import INTEGER_DTYPES, format_si

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.text import Text
    from numpy.typing import NDArray

    Boxes = NDArray[np.float64]

Box = tuple[float, float, float, float]  # left, bottom, right, top
Marker = tuple[float, float, float]  # centre and radius

# Nothing in a file may depend on the day or on the version of matplotlib.
_METADATA: dict[str, dict[str, None]] = {
    "svg": {"Date": None, "Creator": None},
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Producer": None, "Creator": None},
}
_WIDTH, _HEIGHT, _DPI = 1200, 750, 100
_AXES = (88, 172, 1176, 662)  # left, bottom, right, top of the chart
_BAND = 19  # height of one row under the chart

# Blue and vermilion of the Okabe-Ito palette stay apart for every kind of colour blindness, and circle and square in
# grey. Source: Okabe and Ito, Color Universal Design, 2008.
_COLOURS, _MARKERS = ("#0072B2", "#D55E00"), ("o", "s")
_INK, _GREY = "#222222", "#777777"

MAX_LABELS = 12
MAX_LABEL_CHARACTERS = 40
_SAME_SPOT = 5.0  # pixels: below the width of the smallest marker nobody could tell two ops apart
_AREAS = (16.0, 500.0)  # square points of a marker without time and of one with all of it
# FLOP/byte; ops beyond are counted in the footnote, since one such op would squeeze all the others into a corner.
_INTENSITIES = (1e-5, 1e7)


@dataclass(frozen=True, slots=True)
class PlotPoint:
    """An op: its label, intensity (FLOP/byte), device (slug), time there (s), and FLOP/s on each device's roof."""

    label: str
    intensity: float
    device: str
    time_s: float
    attainable: Mapping[str, float] = field(hash=False)


@dataclass(frozen=True, slots=True)
class LabelBox:
    """A text inside the chart, or the marker of an op (its text is then ""), and the pixels that it takes."""

    text: str
    x0: float
    y0: float
    x1: float
    y1: float


@dataclass(frozen=True, slots=True)
class _Roof:
    device: Device
    short: str
    peak: float
    bandwidth: float
    colour: str
    marker: str

    @property
    def ridge(self) -> float:
        return self.peak / self.bandwidth

    def at(self, intensity: float) -> float:
        return min(self.peak, intensity * self.bandwidth)


@dataclass(frozen=True, slots=True)
class _Spot:
    """Ops that share a marker, the longest first; `ghost_y` is None where the other device has no rate for them."""

    points: tuple[PlotPoint, ...]
    roof: _Roof
    x: float
    y: float
    ghost_y: float | None
    area: float

    @property
    def radius(self) -> float:
        """Of the marker, pixels: half the side of a square of that area, which holds the circle as well."""
        return math.sqrt(self.area) / 2 * _DPI / 72


def draw_roofline(path: str, title: str, system: System, dtype: str, points: Sequence[PlotPoint]) -> None:
    """Write the picture as .svg, .png or .pdf: complete or not at all, and the same bytes for the same input.

    A point lies on the roof of its device, filled, its area in proportion to its share of the time, and hollow on the
    other device's roof. Raises UsageError (another suffix, a place that can't be written, a dtype that no device
    computes) and MissingExtraError.
    """
    suffix = os.path.splitext(path)[1].lower().removeprefix(".")
    if suffix not in _METADATA:
        raise UsageError(f"--plot {path!r}: expected a file name that ends in .svg, .png or .pdf")
    with _style():
        picture = _Picture(title, system, dtype, points, any_glyph=suffix == "svg")
        data = BytesIO()
        picture.figure.savefig(data, format=suffix, metadata=_METADATA[suffix], dpi=_DPI)
    temporary = f"{path}.{secrets.token_hex(4)}.tmp"
    try:
        with open(temporary, "xb") as file:
            file.write(data.getvalue())
        os.replace(temporary, path)
    except (OSError, ValueError) as error:
        with suppress(OSError, ValueError):
            os.unlink(temporary)
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(f"--plot {path!r}: can't be written: {reason}") from error


def label_boxes(title: str, system: System, dtype: str, points: Sequence[PlotPoint]) -> tuple[LabelBox, ...]:
    """Every text inside the chart as the renderer measures it, then every marker, as `draw_roofline` places them."""
    with _style():
        picture = _Picture(title, system, dtype, points, any_glyph=False)
        extents = [(text.get_text(), text.get_window_extent().extents) for text in picture.texts]
    texts = [LabelBox(text, *(float(side) for side in box)) for text, box in extents]
    return (*texts, *(LabelBox("", *box) for box in picture.marker_boxes))


def clean_label(text: str, limit: int = MAX_LABEL_CHARACTERS) -> str:
    r"""The text on one line: control, bidi and other unprintable characters escaped, the middle of a long one left out.

    >>> clean_label("a\x00\u202eb"), clean_label("/model/layers.0/q_proj/MatMul", 16), clean_label("")
    ('a\\x00\\u202eb', '/model/…j/MatMul', '(unnamed)')
    """
    # More than twice the limit can't matter, and an op's name may be megabytes long.
    ends = text if len(text) <= 2 * limit else text[:limit] + text[-limit:]
    pieces = [c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in ends]
    if len(text) <= 2 * limit and sum(map(len, pieces)) <= limit:
        return "".join(pieces) or "(unnamed)"
    head, tail, room = "", "", limit - 1
    while room and pieces:
        piece = pieces.pop(0 if len(head) < len(tail) else -1)
        if len(piece) > room:
            break
        head, tail = (head + piece, tail) if len(head) < len(tail) else (head, piece + tail)
        room -= len(piece)
    return f"{head}…{tail}"


def merged_label(labels: Sequence[str]) -> str:
    """One label for ops at one spot: their kinds, in the order given, and how many of each.

    >>> merged_label(["/l.0/MatMul", "/l.1/MatMul_1", "/l.1/Add"]), merged_label(["/l.0/MatMul"])
    ('2 × MatMul, Add', '/l.0/MatMul')
    """
    if len(labels) == 1:
        return clean_label(labels[0])
    kinds: dict[str, int] = {}
    for label in labels:
        last = re.split(r"[/:]", label[-2 * MAX_LABEL_CHARACTERS :])[-1]
        kind = re.sub(r"_\d+$", "", last) or last or label
        kinds[kind] = kinds.get(kind, 0) + 1
    parts = [(f"{count} × " if count > 1 else "") + clean_label(kind, 30) for kind, count in kinds.items()]
    shown = parts[:1]
    for part in parts[1:]:
        if len(", ".join([*shown, part])) > MAX_LABEL_CHARACTERS - len(" + 9999 kinds"):
            rest = len(parts) - len(shown)
            return f"{', '.join(shown)} + {rest} kind{'s' if rest > 1 else ''}"
        shown.append(part)
    return ", ".join(shown)


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
            "font.size": 9, "text.color": _INK, "axes.labelcolor": _INK, "axes.edgecolor": _GREY,
            "xtick.color": _INK, "ytick.color": _INK,
        })  # fmt: skip
        yield


class _Picture:
    """The finished figure, the texts inside its chart and the boxes of its markers."""

    def __init__(self, title: str, system: System, dtype: str, points: Sequence[PlotPoint], any_glyph: bool) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        self.figure: Figure = Figure(figsize=(_WIDTH / _DPI, _HEIGHT / _DPI), dpi=_DPI)
        FigureCanvasAgg(self.figure)
        self.unit = "op" if dtype in INTEGER_DTYPES else "FLOP"
        self.any_glyph = any_glyph
        self.texts: list[Text] = []
        self.roofs = _roofs(system, dtype)
        self.notes = [
            f"{clean_label(device.name)} does not compute {clean_label(dtype)}, so it has no roof."
            for device in system.devices
            if device.peak_flops_per_s(dtype) is None
        ]
        drawn = self._drawable(points)
        self.crossing = _crossing(self.roofs)
        self.axes = self._draw_axes(drawn)
        total_s = sum(_time_s(point) for point in points)
        self.spots = self._spots(drawn, total_s)
        self.marker_boxes = [_square(s.x, s.y, s.radius) for s in self.spots]
        self._draw_roofs()
        self._draw_spots()
        self._draw_bands()
        self._draw_frame(title, system, dtype)
        self._draw_labels()

    def _drawable(self, points: Sequence[PlotPoint]) -> list[PlotPoint]:
        """The points that have a place on the axes; the others are counted in the notes."""
        slugs = {roof.device.slug: roof for roof in self.roofs}
        drawn: list[PlotPoint] = []
        reasons = {"zero or unknown intensity": 0, "no roof for their device": 0, "intensity beyond the axes": 0}
        off_roof = 0
        for point in points:
            rate = point.attainable.get(point.device, 0.0)
            if not _positive(point.intensity):
                reasons["zero or unknown intensity"] += 1
            elif point.device not in slugs or not _positive(rate):
                reasons["no roof for their device"] += 1
            elif not _INTENSITIES[0] <= point.intensity <= _INTENSITIES[1] or not 1 <= rate <= 1e24:
                reasons["intensity beyond the axes"] += 1
            else:
                drawn.append(point)
                off_roof += not math.isclose(rate, slugs[point.device].at(point.intensity), rel_tol=0.01)
        if any(reasons.values()):
            counted = (f"{count} with {reason}" for reason, count in reasons.items() if count)
            self.notes.append(f"Ops not drawn: {', '.join(counted)}.")
        if off_roof:
            self.notes.append(f"Off the roofs, since a device computes them at another peak: {off_roof}.")
        return drawn

    def _draw_axes(self, drawn: Sequence[PlotPoint]) -> "Axes":
        from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

        axes = self.figure.add_axes(_fractions(*_AXES))
        turns = [roof.ridge for roof in self.roofs] + ([self.crossing[0]] if self.crossing else [])
        xs = [point.intensity for point in drawn]
        # A decade and a half beside the outer ridges leaves room for the names of the regions.
        low = min([t / 30 for t in turns] + [x / 2 for x in xs])
        high = max([t * 30 for t in turns] + [x * 2 for x in xs])
        rates = [rate for point in drawn for rate in point.attainable.values() if 1 <= rate <= 1e24]
        bottom = min([roof.at(low) for roof in self.roofs] + [rate / 2 for rate in rates])
        top = max([roof.peak for roof in self.roofs] + rates)
        axes.set(xscale="log", yscale="log", xlim=(low, high), ylim=(bottom, top * (top / bottom) ** 0.12))
        axes.set_ylabel(f"attainable performance [{self.unit}/s]", fontsize=10.5)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: format_si(value)))
        axes.yaxis.set_major_locator(LogLocator(numticks=14))
        axes.xaxis.set_major_locator(LogLocator(numticks=16))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_minor_locator(NullLocator())
        axes.tick_params(axis="x", length=0, labelbottom=False)
        axes.grid(color="#E6E6E6", linewidth=0.7)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        return axes

    def _pixels(self, x: float, y: float) -> tuple[float, float]:
        px, py = self.axes.transData.transform((x, y))
        return float(px), float(py)

    def _spots(self, drawn: Sequence[PlotPoint], total_s: float) -> list[_Spot]:
        """Ops within a few pixels on one roof share a marker, at the place of the longest of them."""
        roofs = {roof.device.slug: roof for roof in self.roofs}
        leaders: dict[tuple[str, int, int], list[tuple[float, float, list[PlotPoint]]]] = {}
        order: list[tuple[float, float, list[PlotPoint]]] = []
        for point in sorted(drawn, key=lambda p: (-_time_s(p), p.label, p.intensity, p.device)):
            x, y = self._pixels(point.intensity, point.attainable[point.device])
            column, row = int(x // _SAME_SPOT), int(y // _SAME_SPOT)
            near = [(point.device, column + dx, row + dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1)]
            close = (s for cell in near for s in leaders.get(cell, ()) if math.hypot(s[0] - x, s[1] - y) < _SAME_SPOT)
            spot = next(close, None)
            if spot is not None:
                spot[2].append(point)
                continue
            order.append((x, y, [point]))
            leaders.setdefault((point.device, column, row), []).append(order[-1])
        spots = []
        for x, y, members in order:
            share = sum(map(_time_s, members)) / total_s if total_s > 0 else 0.0
            first = members[0]
            others = (first.attainable.get(slug, 0.0) for slug in roofs if slug != first.device)
            ghost = next((rate for rate in others if 1 <= rate <= 1e24), None)
            ghost_y = None if ghost is None else self._pixels(first.intensity, ghost)[1]
            area = min(_AREAS[1], max(_AREAS[0], share * _AREAS[1]))
            spots.append(_Spot(tuple(members), roofs[first.device], x, y, ghost_y, area))
        return sorted(spots, key=lambda s: (-sum(map(_time_s, s.points)), s.x, s.y))

    def _draw_roofs(self) -> None:
        low, high = self.axes.get_xlim()
        bottom = self.axes.get_ylim()[0]
        for roof in self.roofs:
            xs = (low, roof.ridge, high)
            self.axes.plot(xs, [roof.at(x) for x in xs], color=roof.colour, linewidth=2.2, zorder=3)
            self.axes.plot(
                [roof.ridge] * 2, [bottom, roof.peak], color=roof.colour, linewidth=1, dashes=(4, 3), zorder=2
            )
            self.axes.plot([roof.ridge], [roof.peak], "o", color=roof.colour, markersize=7, zorder=5,
                           markeredgecolor="white")  # fmt: skip
        if self.crossing:
            x = self.crossing[0]
            y = self.roofs[0].at(x)
            self.axes.plot([x, x], [bottom, y], color=_INK, linewidth=1, dashes=(1, 2), zorder=2)
            self.axes.plot([x], [y], "D", color=_INK, markersize=6, zorder=5, markeredgecolor="white")

    def _draw_spots(self) -> None:
        from matplotlib.collections import LineCollection

        back = self.axes.transData.inverted().transform
        joined = [back([(s.x, s.y), (s.x, s.ghost_y)]) for s in self.spots if s.ghost_y]
        self.axes.add_collection(LineCollection(joined, colors="#999999", linewidths=0.6, zorder=2.5), autolim=False)
        for roof in self.roofs:
            ghosts = [(s.x, s.ghost_y) for s in self.spots if s.ghost_y and s.roof is not roof]
            here = [s for s in self.spots if s.roof is roof]
            if ghosts:
                xs, ys = back(ghosts).T
                self.axes.scatter(xs, ys, _AREAS[0], marker=roof.marker, facecolors="white", edgecolors=roof.colour,
                                  linewidths=0.9, zorder=3.5)  # fmt: skip
            if here:
                xs, ys = back([(s.x, s.y) for s in here]).T
                self.axes.scatter(xs, ys, [s.area for s in here], marker=roof.marker, facecolors=roof.colour, alpha=0.8,
                                  edgecolors="white", linewidths=0.6, zorder=4)  # fmt: skip

    def _draw_bands(self) -> None:
        """Rows under the chart: where each device is bound by what, and where which is faster."""
        from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

        low, high = self.axes.get_xlim()
        rows = []
        for roof in self.roofs:
            cells = [
                (low, roof.ridge, "memory-bound", roof.colour, 0.14),
                (roof.ridge, high, "compute-bound", roof.colour, 0.4),
            ]
            rows.append((roof.short, roof.colour, cells))
        if len(self.roofs) == 2:
            cells = []
            for start, end, winner in _winners(self.roofs, low, high):
                text = f"{winner.short} faster" if winner else "equal"
                cells.append((start, end, text, winner.colour if winner else _GREY, 0.14))
            rows.append(("faster", _INK, cells))
        height = _BAND * len(rows)
        left, bottom, right, _ = _AXES
        bands = self.figure.add_axes(_fractions(left, bottom - 4 - height, right, bottom - 4))
        bands.set(xscale="log", xlim=(low, high), ylim=(len(rows), 0), yticks=[n + 0.5 for n in range(len(rows))])
        bands.yaxis.set_ticklabels([name for name, _, _ in rows], fontweight="bold")
        bands.tick_params(axis="y", length=0)
        for label, (_, colour, _) in zip(bands.get_yticklabels(), rows, strict=True):
            label.set_color(colour)
        per_decade = (right - left) / math.log10(high / low)
        for row, (_, _, cells) in enumerate(rows):
            for start, end, text, colour, alpha in cells:
                bands.fill_between([start, end], row + 0.06, row + 0.94, color=colour, alpha=alpha, linewidth=0)
                # 8.5-point letters are about 7.5 pixels wide.
                if math.log10(end / start) * per_decade > 7.5 * len(text):
                    bands.text(math.sqrt(start * end), row + 0.5, text, ha="center", va="center_baseline", fontsize=8.5)
        for row, roof in enumerate(self.roofs):
            bands.plot([roof.ridge] * 2, [row + 0.06, row + 0.94], color=roof.colour, linewidth=1, dashes=(4, 3))
        if self.crossing:
            bands.plot(
                [self.crossing[0]] * 2, [len(rows) - 0.94, len(rows) - 0.06], color=_INK, linewidth=1, dashes=(1, 2)
            )
        bands.spines[["top", "right", "left"]].set_visible(False)
        bands.xaxis.set_major_locator(LogLocator(numticks=16))
        bands.xaxis.set_minor_locator(NullLocator())
        bands.xaxis.set_major_formatter(FuncFormatter(lambda x, _: format_si(x) if x >= 1e4 else f"{x:g}"))
        bands.set_xlabel(f"arithmetic intensity [{self.unit}/byte]", fontsize=10.5)

    def _draw_frame(self, title: str, system: System, dtype: str) -> None:
        """Title, subtitle and legend around the chart, and the footnotes."""
        from matplotlib.lines import Line2D

        figures = "   ·   ".join(
            f"{clean_label(roof.device.name)}: {format_si(roof.bandwidth, 'B/s')}, {self._rate(roof.peak)}"
            for roof in self.roofs
        )
        self._fitted(724, clean_label(title, 120) if title else "", 14, weight="bold")
        self._fitted(701, f"{clean_label(system.name, 80)}, {clean_label(dtype)}", 10.5)
        self._fitted(680, figures, 9.5, color="#444444")
        for row, note in enumerate(textwrap.wrap("  ".join(self.notes), 170)):
            self._fitted(27 - 15 * row, note, 8.5, color="#444444")
        ops = [
            Line2D([], [], linestyle="", marker="o", color=_GREY, markeredgecolor="white", markersize=8,
                   label="op where it runs (area: share of time)"),
            Line2D([], [], linestyle="", marker="o", color="white", markeredgecolor=_GREY, markersize=4.5,
                   label="same op on the other device"),
        ]  # fmt: skip
        for limit in (MAX_LABEL_CHARACTERS, 26, 18):
            names = [self._shown(clean_label(roof.device.name, limit)) for roof in self.roofs]
            entries = [
                Line2D([], [], color=roof.colour, linewidth=2.2, marker=roof.marker, markersize=5, label=f"{name} roof")
                for roof, name in zip(self.roofs, names, strict=True)
            ]
            entries += ops[: 0 if not self.spots else 2 if any(spot.ghost_y for spot in self.spots) else 1]
            middle = ((_AXES[0] + _AXES[2]) / 2 / _WIDTH, 54 / _HEIGHT)
            legend = self.figure.legend(handles=entries, loc="center", bbox_to_anchor=middle, ncols=4, frameon=False,
                                        columnspacing=1.3, handletextpad=0.5)  # fmt: skip
            if legend.get_window_extent().width < _AXES[2] - _AXES[0] or limit == 18:
                break
            legend.remove()

    def _rate(self, per_s: float) -> str:
        return format_si(per_s, f"{self.unit}/s")

    def _shown(self, text: str) -> str:
        """The text, with characters that the font lacks escaped where the file can't leave them to its viewer."""
        if self.any_glyph or text.isascii():
            return text
        return "".join(c if _has_glyph(c) else c.encode("unicode_escape").decode("ascii") for c in text)

    def _fitted(self, y: float, text: str, size: float, **look: str) -> None:
        """A line from the left end of the chart, in a smaller type where it would leave the picture."""
        line = self.figure.text(_AXES[0] / _WIDTH, y / _HEIGHT, self._shown(text), fontsize=size, **look)  # type: ignore[arg-type]
        width = line.get_window_extent().width
        line.set_fontsize(size * min(1.0, (_AXES[2] - _AXES[0]) / max(width, 1.0)))

    def _draw_labels(self) -> None:
        """Names of ridges and crossing, of the ops with most time, and of the roofs, each where it covers nothing."""
        taken = _Taken(self._marks(), self._lines())
        for roof in self.roofs:
            self._point_label(taken, f"ridge {_number(roof.ridge)} {self.unit}/B", roof.ridge, roof.peak, roof.colour)
        if self.crossing:
            x, winner = self.crossing
            text = f"{winner.short} faster above {_number(x)} {self.unit}/B"
            self._point_label(taken, text, x, self.roofs[0].at(x), _INK)
        for spot in self.spots[:MAX_LABELS]:
            text = merged_label([point.label for point in spot.points])
            self._place(taken, text, (spot.x, spot.y, spot.radius), _INK)
        for roof in self.roofs:
            self._roof_labels(taken, roof)

    def _marks(self) -> list[Box]:
        ghosts = [_square(s.x, s.ghost_y, 3.5) for s in self.spots if s.ghost_y]
        turns = [_square(*self._pixels(roof.ridge, roof.peak), 5) for roof in self.roofs]
        if self.crossing:
            turns.append(_square(*self._pixels(self.crossing[0], self.roofs[0].at(self.crossing[0])), 5))
        return self.marker_boxes + ghosts + turns

    def _lines(self) -> list[Box]:
        """The lines that a text had better not cross: small boxes along the roofs, one for each vertical line."""
        low, high = self.axes.get_xlim()
        boxes = [(s.x - 1, min(s.y, s.ghost_y), s.x + 1, max(s.y, s.ghost_y)) for s in self.spots if s.ghost_y]
        for roof in self.roofs:
            x, y = self._pixels(roof.ridge, roof.peak)
            boxes += _along(*self._pixels(low, roof.at(low)), x, y) + _along(x, y, *self._pixels(high, roof.peak))
            boxes.append((x - 1, _AXES[1], x + 1, y))
        if self.crossing:
            x, y = self._pixels(self.crossing[0], self.roofs[0].at(self.crossing[0]))
            boxes.append((x - 1, _AXES[1], x + 1, y))
        return boxes

    def _point_label(self, taken: "_Taken", text: str, x: float, y: float, colour: str) -> None:
        px, py = self._pixels(x, y)
        self._place(taken, text, (px, py, 5.0), colour)

    def _place(self, taken: "_Taken", text: str, marker: Marker, colour: str) -> None:
        """Write the text beside the marker, with a line to it unless it is close; leave it out if there is no room."""
        artist, width, height = self._measured(text, colour)
        place = taken.beside(marker, width, height)
        if place is None:
            artist.remove()
            return
        box, (x, y), distance = place
        self._settle(artist, box)
        if distance > 9:
            ends = [self.axes.transAxes.inverted().transform(end) for end in ((x, y), _toward(marker, (x, y)))]
            self.axes.plot(
                *zip(*ends, strict=True), color=_GREY, linewidth=0.7, zorder=4.5, transform=self.axes.transAxes
            )

    def _roof_labels(self, taken: "_Taken", roof: _Roof) -> None:
        """The peak along the flat part and the bandwidth along the slope."""
        upper = roof.peak == max(r.peak for r in self.roofs), roof.bandwidth == max(r.bandwidth for r in self.roofs)
        x0, y0 = self._pixels(self.axes.get_xlim()[0], roof.at(self.axes.get_xlim()[0]))
        x1, y1 = self._pixels(roof.ridge, roof.peak)
        steps = [n / 40 for n in range(1, 40)]
        text = f"{roof.short} {self._rate(roof.peak)}"
        artist, w, h = self._measured(text, roof.colour)
        xs = [_AXES[2] - 4 - w - t * (_AXES[2] - x1 - w) for t in steps]
        above, below = [(x, y1 + 4, x + w, y1 + 4 + h) for x in xs], [(x, y1 - 4 - h, x + w, y1 - 4) for x in xs]
        self._slide(taken, artist, above + below if upper[0] else below + above)
        text = f"{roof.short} {format_si(roof.bandwidth, 'B/s')}"
        artist, w, h = self._measured(text, roof.colour)
        ends = [(x0 + t * (x1 - x0), y0 + t * (y1 - y0)) for t in steps]
        above, below = [(x - 5 - w, y, x - 5, y + h) for x, y in ends], [(x + 5, y - h, x + 5 + w, y) for x, y in ends]
        self._slide(taken, artist, above + below if upper[1] else below + above)

    def _slide(self, taken: "_Taken", artist: "Text", boxes: list[Box]) -> None:
        box = taken.first_free(boxes)
        if box is None:
            artist.remove()
        else:
            self._settle(artist, box)

    def _measured(self, text: str, colour: str) -> tuple["Text", float, float]:
        """A text of the chart that has no place yet, and its width and height."""
        look = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.5}
        artist = self.axes.text(0, 0, self._shown(text), color=colour, fontsize=9, ha="left", va="bottom", zorder=6,
                                transform=self.axes.transAxes, bbox=look)  # fmt: skip
        shown = artist.get_text()
        if not shown.isascii():
            # Whatever font the viewer has: no letter is much wider than a W.
            artist.set_text("".join(c if _has_glyph(c) else "W" for c in shown))
        box = artist.get_window_extent()
        artist.set_text(shown)
        return artist, float(box.width), float(box.height)

    def _settle(self, artist: "Text", box: Box) -> None:
        x, y = self.axes.transAxes.inverted().transform(box[:2])
        artist.set_position((x, y))
        self.texts.append(artist)


class _Taken:
    """The room in the chart: markers and texts that nothing may cover, and lines that a text had better not cross."""

    def __init__(self, marks: Sequence[tuple[float, ...]], lines: Sequence[tuple[float, ...]]) -> None:
        import numpy as np

        self.marks: Boxes = np.array(marks, dtype=float).reshape(-1, 4)
        self.lines: Boxes = np.array(lines, dtype=float).reshape(-1, 4)
        self.texts: Boxes = np.empty((0, 4))
        self.leaders: Boxes = np.empty((0, 4))

    def first_free(self, boxes: Sequence[Box]) -> Box | None:
        """The first box that covers nothing at all, else the first that covers only lines; it is taken from now on."""
        import numpy as np

        candidates = np.array(boxes)
        free = self._free(candidates)
        for good in (free & (_hits(candidates, self.lines) == 0), free):
            if good.any():
                return self._take(candidates[int(np.argmax(good))])
        return None

    def beside(self, marker: Marker, width: float, height: float) -> tuple[Box, tuple[float, float], float] | None:
        """The best box around a marker (x, y, radius), the end of its leader, and its length; None without room."""
        import numpy as np

        x, y, radius = marker
        turns, gaps = np.meshgrid(
            np.arange(24) * (math.tau / 24), [3, 7, 13, 21, 31, 43, 58, 76, 98, 124, 156, 195, 240, 300]
        )
        reach, cos, sin = radius + gaps.ravel(), np.cos(turns.ravel()), np.sin(turns.ravel())
        cx, cy = x + cos * (reach + width / 2), y + sin * (reach + height / 2)
        boxes = np.stack([cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2], axis=1)
        boxes = boxes[self._free(boxes)]
        ends = np.stack([np.clip(x, boxes[:, 0], boxes[:, 2]), np.clip(y, boxes[:, 1], boxes[:, 3])], axis=1)
        length = np.hypot(ends[:, 0] - x, ends[:, 1] - y)
        # The leader starts clear of its own marker; whatever it passes over costs as much as a detour.
        start = np.array([x, y]) + (ends - [x, y]) * np.minimum(1.0, (radius + 4) / np.maximum(length, 1.0))[:, None]
        over = 30 * _crossed(start, ends, self.marks) + 60 * _crossed(start, ends, self.leaders)
        over += 8 * _crossed(start, ends, self.lines) + 12 * np.minimum(_hits(boxes, self.lines, 2.0), 12)
        cost = length + over + np.where(_crossed(start, ends, self.texts), np.inf, 0.0)
        if not len(cost) or not np.isfinite(cost.min()):
            return None
        best = int(np.argmin(cost))
        end = (float(ends[best, 0]), float(ends[best, 1]))
        self.leaders = np.concatenate([self.leaders, _along(float(start[best, 0]), float(start[best, 1]), *end)])
        return self._take(boxes[best]), end, float(length[best]) - radius

    def _free(self, boxes: "Boxes") -> "NDArray[np.bool_]":
        left, bottom, right, top = _AXES
        inside = (
            (boxes[:, 0] > left + 3) & (boxes[:, 1] > bottom + 3) & (boxes[:, 2] < right - 3) & (boxes[:, 3] < top - 3)
        )
        hits = _hits(boxes, self.marks, 1.5) + _hits(boxes, self.texts, 5.0) + _hits(boxes, self.leaders, 1.5)
        free: NDArray[np.bool_] = inside & (hits == 0)
        return free

    def _take(self, box: "Boxes") -> Box:
        import numpy as np

        self.texts = np.concatenate([self.texts, box[None]])
        x0, y0, x1, y1 = map(float, box)
        return x0, y0, x1, y1


def _hits(boxes: "Boxes", others: "Boxes", margin: float = 0.0) -> "NDArray[np.int64]":
    """How many of `others` each box comes within `margin` of."""
    a, b = boxes[:, None], others[None]
    apart = (a[..., 0] > b[..., 2] + margin) | (a[..., 2] < b[..., 0] - margin)
    apart |= (a[..., 1] > b[..., 3] + margin) | (a[..., 3] < b[..., 1] - margin)
    hits: NDArray[np.int64] = (~apart).sum(axis=1)
    return hits


def _crossed(starts: "Boxes", ends: "Boxes", boxes: "Boxes") -> "NDArray[np.int64]":
    """How many of the boxes each straight line comes within a pixel of (clipped to one slab after the other)."""
    import numpy as np

    step = (ends - starts)[:, None]
    step = np.where(np.abs(step) < 1e-9, 1e-9, step)
    one = (boxes[None, :, :2] - 1 - starts[:, None]) / step
    other = (boxes[None, :, 2:] + 1 - starts[:, None]) / step
    enter, leave = np.minimum(one, other).max(axis=2), np.maximum(one, other).min(axis=2)
    crossed: NDArray[np.int64] = (np.maximum(enter, 0.0) <= np.minimum(leave, 1.0)).sum(axis=1)
    return crossed


def _roofs(system: System, dtype: str) -> tuple[_Roof, ...]:
    """The roofs of the devices that compute the dtype, the GPU's first."""
    roofs = tuple(
        _Roof(device, device.kind.upper(), peak, device.bandwidth_bytes_per_s, colour, marker)
        for device, colour, marker in zip(system.devices, _COLOURS, _MARKERS, strict=True)
        if (peak := device.peak_flops_per_s(dtype)) is not None
    )
    if not roofs:
        raise UsageError(
            f"--plot: no device of system {system.slug!r} has a peak for dtype {dtype!r}, so there is no roof"
        )
    return roofs


def _winners(roofs: Sequence[_Roof], low: float, high: float) -> list[tuple[float, float, _Roof | None]]:
    """From where to where (FLOP/byte) which of two devices attains more; None where both attain the same."""
    one, other = roofs
    crossings = {one.peak / other.bandwidth, other.peak / one.bandwidth}
    turns = sorted(t for t in {one.ridge, other.ridge} | crossings if low < t < high)
    stretches: list[tuple[float, float, _Roof | None]] = []
    for start, end in zip([low, *turns], [*turns, high], strict=True):
        first, second = (roof.at(math.sqrt(start * end)) for roof in roofs)
        winner = None if math.isclose(first, second, rel_tol=1e-9) else one if first > second else other
        if stretches and stretches[-1][2] is winner:
            start = stretches.pop()[0]
        stretches.append((start, end, winner))
    return stretches


def _crossing(roofs: Sequence[_Roof]) -> tuple[float, _Roof] | None:
    """Where the roofs cross (FLOP/byte) and which device is faster above; None where one is never the slower."""
    if len(roofs) < 2:
        return None
    for (_, _, below), (start, _, above) in zip(s := _winners(roofs, 1e-30, 1e30), s[1:], strict=False):
        if below and above:
            return start, above
    return None


def _has_glyph(character: str) -> bool:
    from matplotlib.font_manager import findfont, get_font

    return bool(get_font(findfont("DejaVu Sans")).get_char_index(ord(character)))


def _time_s(point: PlotPoint) -> float:
    return point.time_s if _positive(point.time_s) else 0.0


def _positive(value: float) -> bool:
    return math.isfinite(value) and value > 0


def _number(value: float) -> str:
    return f"{value:.3g}" if value < 1000 else f"{value:.0f}"


def _square(x: float, y: float, radius: float) -> Box:
    return x - radius, y - radius, x + radius, y + radius


def _along(x0: float, y0: float, x1: float, y1: float) -> list[Box]:
    """Boxes of 3 pixels, 4 pixels apart, along a line."""
    steps = max(1, round(math.hypot(x1 - x0, y1 - y0) / 4))
    return [_square(x0 + (x1 - x0) * n / steps, y0 + (y1 - y0) * n / steps, 1.5) for n in range(steps + 1)]


def _toward(marker: Marker, end: tuple[float, float]) -> tuple[float, float]:
    """The point on the marker's edge that faces `end`."""
    x, y, radius = marker
    share = radius / max(math.hypot(end[0] - x, end[1] - y), radius)
    return x + (end[0] - x) * share, y + (end[1] - y) * share


def _fractions(left: float, bottom: float, right: float, top: float) -> Box:
    """A box as matplotlib wants it: left, bottom, width, height in parts of the picture."""
    return left / _WIDTH, bottom / _HEIGHT, (right - left) / _WIDTH, (top - bottom) / _HEIGHT
