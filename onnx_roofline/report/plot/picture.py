"""The roofline picture on its axes: roofs, points, labels, the rows under the chart. Imported where one is drawn."""

import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from onnx_roofline.base.quantities import format_si
from onnx_roofline.base.units import INTEGER_DTYPES
from onnx_roofline.hardware.records import System
from onnx_roofline.report.plot.label_layout import Box, Marker, TakenRoom, along, square, toward
from onnx_roofline.report.plot.labels import MAX_LABEL_CHARACTERS, clean_label, spot_labels
from onnx_roofline.report.plot.roof_lines import RoofLine, crossing, roof_lines, winners

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.text import Text
    from numpy.typing import NDArray

    Boxes = NDArray[np.float64]

from onnx_roofline.report.plot.marks import (
    DPI,
    GREY,
    HEIGHT,
    INK,
    LAUNCH_MARKER,
    WIDTH,
    PlotPoint,
    Spot,
    fractions,
    has_glyph,
    number,
    positive,
    time_s,
)

_AXES = (88, 172, 1176, 662)  # left, bottom, right, top of the chart
_BAND = 19  # height of one row under the chart


MAX_LABELS = 12
_SAME_SPOT = 5.0  # pixels: below the width of the smallest marker nobody could tell two ops apart
_AREAS = (16.0, 500.0)  # square points of a marker without time and of one with all of it
# FLOP/byte; ops beyond are counted in the footnote, since one such op would squeeze all the others into a corner.
_INTENSITIES = (1e-5, 1e7)


class Picture:
    """The finished figure, the texts inside its chart and the boxes of its markers."""

    def __init__(
        self,
        title: str,
        system: System,
        dtype: str,
        points: Sequence[PlotPoint],
        any_glyph: bool,
        basis: str = "",
        left_out: str = "",
    ) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        self.figure: Figure = Figure(figsize=(WIDTH / DPI, HEIGHT / DPI), dpi=DPI)
        FigureCanvasAgg(self.figure)
        self.unit = "op" if dtype in INTEGER_DTYPES else "FLOP"
        self.any_glyph = any_glyph
        self.texts: list[Text] = []
        self.roofs = roof_lines(system, dtype)
        self.notes = [left_out] if left_out else []
        self.notes += [
            f"{clean_label(device.name)} does not compute {clean_label(dtype)}, so it has no roof."
            for device in system.devices
            if device.peak_flops_per_s(dtype) is None
        ]
        drawn = self._drawable(points)
        self.crossing = crossing(self.roofs)
        self.axes = self._draw_axes(drawn)
        total_s = sum(time_s(point) for point in points)
        self.spots = self._spots(drawn, total_s)
        self.marker_boxes = [square(s.x, s.y, s.radius) for s in self.spots]
        self._drawroof_lines()
        self._draw_spots()
        self._draw_bands()
        self._draw_frame(title, system, dtype, basis)
        self._draw_labels()

    def _drawable(self, points: Sequence[PlotPoint]) -> list[PlotPoint]:
        """The points that have a place on the axes; the others are counted in the notes."""
        slugs = {roof.device.slug: roof for roof in self.roofs}
        drawn: list[PlotPoint] = []
        reasons = {"zero or unknown intensity": 0, "no roof for their device": 0, "intensity beyond the axes": 0}
        above = 0
        for point in points:
            rate = point.achieved.get(point.device, 0.0)
            if not positive(point.intensity):
                reasons["zero or unknown intensity"] += 1
            elif point.device not in slugs or not positive(rate):
                reasons["no roof for their device"] += 1
            elif not _INTENSITIES[0] <= point.intensity <= _INTENSITIES[1] or not 1 <= rate <= 1e24:
                reasons["intensity beyond the axes"] += 1
            else:
                drawn.append(point)
                above += rate > 1.01 * slugs[point.device].at(point.intensity)
        if any(reasons.values()):
            counted = (f"{count} with {reason}" for reason, count in reasons.items() if count)
            self.notes.append(f"No place on the axes: {', '.join(counted)}.")
        if above:
            self.notes.append(f"Above their roof, since a device computes them at another peak: {above}.")
        return drawn

    def _draw_axes(self, drawn: Sequence[PlotPoint]) -> "Axes":
        from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

        axes = self.figure.add_axes(fractions(*_AXES))
        turns = [roof.ridge for roof in self.roofs] + ([self.crossing[0]] if self.crossing else [])
        xs = [point.intensity for point in drawn]
        # A decade and a half beside the outer ridges leaves room for the names of the regions.
        low = min([t / 30 for t in turns] + [x / 2 for x in xs])
        high = max([t * 30 for t in turns] + [x * 2 for x in xs])
        rates = [rate for point in drawn for rate in point.achieved.values() if 1 <= rate <= 1e24]
        bottom = min([roof.at(low) for roof in self.roofs] + [rate / 2 for rate in rates])
        top = max([roof.peak for roof in self.roofs] + rates)
        axes.set(xscale="log", yscale="log", xlim=(low, high), ylim=(bottom, top * (top / bottom) ** 0.12))
        axes.set_ylabel(f"performance [{self.unit}/s]", fontsize=10.5)
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

    def _spots(self, drawn: Sequence[PlotPoint], total_s: float) -> list[Spot]:
        """Kernels within a few pixels on one device share a marker, at the place of the longest of them."""
        roofs = {roof.device.slug: roof for roof in self.roofs}
        leaders: dict[tuple[str, bool, int, int], list[tuple[float, float, list[PlotPoint]]]] = {}
        order: list[tuple[float, float, list[PlotPoint]]] = []
        for point in sorted(drawn, key=lambda p: (-time_s(p), p.label, p.intensity, p.device)):
            x, y = self._pixels(point.intensity, point.achieved[point.device])
            column, row = int(x // _SAME_SPOT), int(y // _SAME_SPOT)
            kind = point.device, point.is_launch
            near = [(*kind, column + dx, row + dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1)]
            close = (s for cell in near for s in leaders.get(cell, ()) if math.hypot(s[0] - x, s[1] - y) < _SAME_SPOT)
            spot = next(close, None)
            if spot is not None:
                spot[2].append(point)
                continue
            order.append((x, y, [point]))
            leaders.setdefault((*kind, column, row), []).append(order[-1])
        spots = []
        for x, y, members in order:
            share = sum(map(time_s, members)) / total_s if total_s > 0 else 0.0
            first = members[0]
            others = (first.achieved.get(slug, 0.0) for slug in roofs if slug != first.device)
            ghost = next((rate for rate in others if 1 <= rate <= 1e24), None)
            ghost_y = None if ghost is None else self._pixels(first.intensity, ghost)[1]
            area = min(_AREAS[1], max(_AREAS[0], share * _AREAS[1]))
            spots.append(Spot(tuple(members), roofs[first.device], x, y, ghost_y, area))
        return sorted(spots, key=lambda s: (-sum(map(time_s, s.points)), s.x, s.y))

    def _drawroof_lines(self) -> None:
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
            self.axes.plot([x, x], [bottom, y], color=INK, linewidth=1, dashes=(1, 2), zorder=2)
            self.axes.plot([x], [y], "D", color=INK, markersize=6, zorder=5, markeredgecolor="white")

    def _draw_spots(self) -> None:
        from matplotlib.collections import LineCollection

        back = self.axes.transData.inverted().transform
        joined = [back([(s.x, s.y), (s.x, s.ghost_y)]) for s in self.spots if s.ghost_y]
        self.axes.add_collection(LineCollection(joined, colors="#999999", linewidths=0.6, zorder=2.5), autolim=False)
        for roof in self.roofs:
            ghosts = [(s.x, s.ghost_y) for s in self.spots if s.ghost_y and s.roof is not roof]
            if ghosts:
                xs, ys = back(ghosts).T
                self.axes.scatter(xs, ys, _AREAS[0], marker=roof.marker, facecolors="white", edgecolors=roof.colour,
                                  linewidths=0.9, zorder=3.5)  # fmt: skip
            for marker in (roof.marker, LAUNCH_MARKER):
                here = [s for s in self.spots if s.roof is roof and s.marker == marker]
                if here:
                    xs, ys = back([(s.x, s.y) for s in here]).T
                    self.axes.scatter(xs, ys, [s.area for s in here], marker=marker, facecolors=roof.colour, alpha=0.8,
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
            for start, end, winner in winners(self.roofs, low, high):
                text = f"{winner.short} faster" if winner else "equal"
                cells.append((start, end, text, winner.colour if winner else GREY, 0.14))
            rows.append(("faster", INK, cells))
        height = _BAND * len(rows)
        left, bottom, right, _ = _AXES
        bands = self.figure.add_axes(fractions(left, bottom - 4 - height, right, bottom - 4))
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
                [self.crossing[0]] * 2, [len(rows) - 0.94, len(rows) - 0.06], color=INK, linewidth=1, dashes=(1, 2)
            )
        bands.spines[["top", "right", "left"]].set_visible(False)
        bands.xaxis.set_major_locator(LogLocator(numticks=16))
        bands.xaxis.set_minor_locator(NullLocator())
        bands.xaxis.set_major_formatter(FuncFormatter(lambda x, _: format_si(x) if x >= 1e4 else f"{x:g}"))
        bands.set_xlabel(f"arithmetic intensity [{self.unit}/byte]", fontsize=10.5)

    def _draw_frame(self, title: str, system: System, dtype: str, basis: str) -> None:
        """Title, what the figures rest on, subtitle and legend around the chart, and the footnotes."""
        from matplotlib.lines import Line2D

        figures = "   ·   ".join(
            f"{clean_label(roof.device.name)}: {format_si(roof.bandwidth, 'B/s')}, {self._rate(roof.peak)}"
            for roof in self.roofs
        )
        self._fitted(726, clean_label(title, 120) if title else "", 14, weight="bold")
        self._fitted(706, f"{clean_label(system.name, 80)}, {clean_label(dtype)}", 10.5)
        self._fitted(688, figures, 9.5, color="#444444")
        self._fitted(671, clean_label(basis, 230) if basis else "", 8.5, color="#444444")
        # Two rows are all the room below the legend.
        for row, note in enumerate(textwrap.wrap("  ".join(self.notes), 170, max_lines=2, placeholder=" …")):
            self._fitted(27 - 15 * row, note, 8.5, color="#444444")
        ops = [
            Line2D([], [], linestyle="", marker="o", color=GREY, markeredgecolor="white", markersize=8,
                   label="kernel (area: share of time)"),
            Line2D([], [], linestyle="", marker="o", color="white", markeredgecolor=GREY, markersize=4.5,
                   label="on the other device"),
            Line2D([], [], linestyle="", marker=LAUNCH_MARKER, color=GREY, markeredgecolor="white", markersize=8,
                   label="bound by its launch"),
        ]  # fmt: skip
        used = [bool(self.spots), any(spot.ghost_y for spot in self.spots),
                any(spot.marker == LAUNCH_MARKER for spot in self.spots)]  # fmt: skip
        for limit in (MAX_LABEL_CHARACTERS, 26, 18):
            names = [self._shown(clean_label(roof.device.name, limit)) for roof in self.roofs]
            entries = [
                Line2D([], [], color=roof.colour, linewidth=2.2, marker=roof.marker, markersize=5, label=f"{name} roof")
                for roof, name in zip(self.roofs, names, strict=True)
            ]
            entries += [entry for entry, is_used in zip(ops, used, strict=True) if is_used]
            middle = ((_AXES[0] + _AXES[2]) / 2 / WIDTH, 54 / HEIGHT)
            legend = self.figure.legend(handles=entries, loc="center", bbox_to_anchor=middle, ncols=5, frameon=False,
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
        return "".join(c if has_glyph(c) else c.encode("unicode_escape").decode("ascii") for c in text)

    def _fitted(self, y: float, text: str, size: float, **look: str) -> None:
        """A line from the left end of the chart, in a smaller type where it would leave the picture."""
        line = self.figure.text(_AXES[0] / WIDTH, y / HEIGHT, self._shown(text), fontsize=size, **look)  # type: ignore[arg-type]
        width = line.get_window_extent().width
        line.set_fontsize(size * min(1.0, (_AXES[2] - _AXES[0]) / max(width, 1.0)))

    def _draw_labels(self) -> None:
        """Names of ridges and crossing, of the ops with most time, and of the roofs, each where it covers nothing."""
        taken = TakenRoom(_AXES, self._marks(), self._lines())
        for roof in self.roofs:
            self._point_label(taken, f"ridge {number(roof.ridge)} {self.unit}/B", roof.ridge, roof.peak, roof.colour)
        if self.crossing:
            x, winner = self.crossing
            text = f"{winner.short} faster above {number(x)} {self.unit}/B"
            self._point_label(taken, text, x, self.roofs[0].at(x), INK)
        for spot, text in zip(self.spots, spot_labels(self.spots[:MAX_LABELS]), strict=False):
            self._place(taken, text, (spot.x, spot.y, spot.radius), INK)
        for roof in self.roofs:
            self._roof_labels(taken, roof)

    def _marks(self) -> list[Box]:
        ghosts = [square(s.x, s.ghost_y, 3.5) for s in self.spots if s.ghost_y]
        turns = [square(*self._pixels(roof.ridge, roof.peak), 5) for roof in self.roofs]
        if self.crossing:
            turns.append(square(*self._pixels(self.crossing[0], self.roofs[0].at(self.crossing[0])), 5))
        return self.marker_boxes + ghosts + turns

    def _lines(self) -> list[Box]:
        """The lines that a text had better not cross: small boxes along the roofs, one for each vertical line."""
        low, high = self.axes.get_xlim()
        boxes = [(s.x - 1, min(s.y, s.ghost_y), s.x + 1, max(s.y, s.ghost_y)) for s in self.spots if s.ghost_y]
        for roof in self.roofs:
            x, y = self._pixels(roof.ridge, roof.peak)
            boxes += along(*self._pixels(low, roof.at(low)), x, y) + along(x, y, *self._pixels(high, roof.peak))
            boxes.append((x - 1, _AXES[1], x + 1, y))
        if self.crossing:
            x, y = self._pixels(self.crossing[0], self.roofs[0].at(self.crossing[0]))
            boxes.append((x - 1, _AXES[1], x + 1, y))
        return boxes

    def _point_label(self, taken: TakenRoom, text: str, x: float, y: float, colour: str) -> None:
        px, py = self._pixels(x, y)
        self._place(taken, text, (px, py, 5.0), colour)

    def _place(self, taken: TakenRoom, text: str, marker: Marker, colour: str) -> None:
        """Write the text beside the marker, with a line to it unless it is close; leave it out if there is no room."""
        artist, width, height = self._measured(text, colour)
        place = taken.beside(marker, width, height)
        if place is None:
            artist.remove()
            return
        box, (x, y), distance = place
        self._settle(artist, box)
        if distance > 9:
            ends = [self.axes.transAxes.inverted().transform(end) for end in ((x, y), toward(marker, (x, y)))]
            self.axes.plot(
                *zip(*ends, strict=True), color=GREY, linewidth=0.7, zorder=4.5, transform=self.axes.transAxes
            )

    def _roof_labels(self, taken: TakenRoom, roof: RoofLine) -> None:
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

    def _slide(self, taken: TakenRoom, artist: "Text", boxes: list[Box]) -> None:
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
            artist.set_text("".join(c if has_glyph(c) else "W" for c in shown))
        box = artist.get_window_extent()
        artist.set_text(shown)
        return artist, float(box.width), float(box.height)

    def _settle(self, artist: "Text", box: Box) -> None:
        x, y = self.axes.transAxes.inverted().transform(box[:2])
        artist.set_position((x, y))
        self.texts.append(artist)
