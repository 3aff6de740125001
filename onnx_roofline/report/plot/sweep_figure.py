"""The picture of a sweep: lines over one axis of numbers, bars over names, a map over two axes of numbers."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from onnx_roofline.base.errors import UsageError
from onnx_roofline.base.quantities import format_percent, format_si
from onnx_roofline.report.colours import DEVICE_COLOURS
from onnx_roofline.report.plot.figure import suffix_of, write_figure
from onnx_roofline.report.plot.labels import clean_label
from onnx_roofline.report.plot.marks import DPI, GREY, HEIGHT, INK, WIDTH
from onnx_roofline.report.sweeps import axis_text, held_lines, share_text
from onnx_roofline.what_if.axes import Axis, Value
from onnx_roofline.what_if.points import Point
from onnx_roofline.what_if.sweep import Sweep

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Axes that a picture can be over.
_MOST_AXES = 2
# From this ratio of the largest to the smallest value on, a scale is logarithmic.
_LOG_RATIO = 8
# Cells of a map in one direction up to which they hold text, and values of an axis up to which each has a tick.
_MOST_TEXTS, _MOST_TICKS = 14, 20
# Engines by colour, told apart under every form of colour blindness; those of a PIM are hatched.
# Source: Okabe and Ito, Color Universal Design, 2008.
_ENGINE_COLOURS = {
    "matrix": "#0072B2", "vector": "#56B4E9", "special": "#CC79A7", "l2": "#009E73", "dram": "#E69F00",
    "memory": "#9A6A00", "compute": "#003E66", "latency": "#F0E442", "launch": "#C8C8C8", "dispatch": "#8A8A8A",
    "transfers": "#D55E00", "stream": "#E69F00", "activate": "#CC79A7", "io": "#56B4E9", "refresh": "#009E73",
}  # fmt: skip
_LINE_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8A8A8A")
_DASHES = ("-", "--", "-.", ":")
# Placements as lines: of one device in its colour, the others in grey.
_PLACEMENTS = {"optimum": (INK, "-", 2.4), "all GPU": (DEVICE_COLOURS[0], "-", 1.4),
               "all PIM": (DEVICE_COLOURS[1], "-", 1.4)}  # fmt: skip


def check_drawable(path: str, sizes: Mapping[str, int]) -> None:
    """Raises UsageError for a suffix of another format, or where more than two axes have several values."""
    suffix_of(path)
    several = [name for name, count in sizes.items() if count > 1]
    if len(several) > _MOST_AXES:
        raise UsageError(f"--plot: found {len(several)} axes ({', '.join(several)}), wanted lines over one or a map "
                         "over two; give the others one value, or write --format csv")  # fmt: skip


def draw_sweep(path: str, sweep: Sweep) -> None:
    """Write the picture as .svg, .png or .pdf. Raises UsageError, and MissingExtraError without matplotlib."""
    check_drawable(path, {axis.name: len(axis.values) for axis in sweep.axes})
    title = clean_label(sweep.model.replace("\\", "/").rpartition("/")[2])
    write_figure(path, lambda _: _figure(title, sweep))


def _figure(title: str, sweep: Sweep) -> "Figure":
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH / DPI, HEIGHT / DPI), dpi=DPI)
    FigureCanvasAgg(figure)
    places = [place for place, axis in enumerate(sweep.axes) if len(axis.values) > 1] or [0]
    numbers = [place for place in places if sweep.axes[place].kind != "system"]
    if len(numbers) > 1:
        _draw_map(figure, sweep, numbers[0], numbers[1])
    elif numbers:
        _draw_lines(figure, sweep, numbers[0], next((place for place in places if place not in numbers), None))
    else:
        _draw_bars(figure, sweep, places[0])
    systems = dict.fromkeys(" + ".join(point.devices) for point in sweep.points if point.devices)
    on = next(iter(systems)) if len(systems) == 1 else f"{len(systems)} systems"
    held = [f"{axis.name}={axis_text(axis.values[0])}" for axis in sweep.axes if len(axis.values) == 1]
    figure.suptitle(f"{title} on {clean_label(on)}", x=0.06, y=0.975, ha="left", fontsize=13, fontweight="bold")
    figure.text(0.06, 0.925, ", ".join(clean_label(one) for one in (*held, *held_lines(sweep))), ha="left", color=GREY)
    return figure


def _numbers(axis: Axis) -> list[float]:
    return [float(value) for value in axis.values if not isinstance(value, str)]


def _scale(axes: "Axes", axis: Axis) -> None:
    """The values of an axis on x, each with a tick where there is room."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    values = sorted(_numbers(axis))
    if values[0] > 0 and values[-1] / values[0] >= _LOG_RATIO:
        axes.set_xscale("log", base=2)
    step = -(-len(values) // _MOST_TICKS)
    axes.xaxis.set_major_locator(FixedLocator(values[::step]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
    axes.set_xlabel(clean_label(axis.name))


def _frame(axes: "Axes", unit: str) -> None:
    """A light grid, and SI prefixes on y."""
    from matplotlib.ticker import FuncFormatter

    axes.grid(axis="y", color="#E4E4E4", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: format_si(float(value), unit)))


def _lines_of(sweep: Sweep, over: int, by: int | None) -> list[tuple[str, list[Point]]]:
    """(name, valid points by rising value) of each line."""
    others: Sequence[Value | None] = (None,) if by is None else sweep.axes[by].values
    lines = []
    for value in others:
        points = [point for point in sweep.points if not point.refusal and (by is None or point.values[by] == value)]
        lines.append(("" if value is None else axis_text(value), sorted(points, key=lambda p: _at(p, over))))
    return lines


def _at(point: Point, place: int) -> float:
    value = point.values[place]
    return 0.0 if isinstance(value, str) else float(value)


def _draw_lines(figure: "Figure", sweep: Sweep, over: int, by: int | None) -> None:
    """Times above; below what they go to, or for several systems what they give in a second."""
    above = figure.add_axes((0.08, 0.47, 0.72, 0.4))
    below = figure.add_axes((0.08, 0.09, 0.72, 0.29))
    lines = _lines_of(sweep, over, by)
    for place, (name, points) in enumerate(lines):
        x = [_at(point, over) for point in points]
        if by is None:
            names = dict.fromkeys(name for point in points for name in point.placements)
            for one in names if len(names) > 1 else ("optimum",):
                colour, dash, width = _PLACEMENTS.get(one, (GREY, "--" if one == "greedy" else ":", 1.2))
                y = [point.placements.get(one) or float("nan") for point in points]
                above.plot(x, y, color=colour, linestyle=dash, linewidth=width, marker="o", markersize=3.5,
                           label=one if len(names) > 1 else "time")  # fmt: skip
        else:
            colour = _LINE_COLOURS[place % len(_LINE_COLOURS)]
            dash = _DASHES[place // len(_LINE_COLOURS) % len(_DASHES)]
            y = [point.placements.get("optimum") or float("nan") for point in points]
            rates = [point.count_per_s or float("nan") for point in points]
            for axes, values in ((above, y), (below, rates)):
                axes.plot(x, values, color=colour, linestyle=dash, marker="o", markersize=3.5, label=clean_label(name))
    _frame(above, "s")
    above.set_ylabel("time of one run")
    times = [time for _, points in lines for point in points for time in point.placements.values() if time]
    if times and max(times) / min(times) >= _LOG_RATIO:
        above.set_yscale("log")
        _plain_ticks(above, "s")
    else:
        above.set_ylim(bottom=0)
    _scale(above, sweep.axes[over])
    above.set_xlabel("")
    above.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    if by is None:
        _draw_shares(below, lines[0][1], over)
    else:
        _frame(below, "")
        below.set_ylim(bottom=0)
        unit = sweep.items.unit if sweep.items is not None else "item"
        below.set_ylabel(f"{unit}s in a second")
    _scale(below, sweep.axes[over])
    below.set_xlim(above.get_xlim())
    _mark_flips(above, sweep, by)


def _plain_ticks(axes: "Axes", unit: str) -> None:
    """Powers of ten and, where these are few, steps between them, with SI prefixes."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    low, high = axes.get_ylim()
    axes.yaxis.set_major_locator(LogLocator(10, (1.0,) if high / low > 1000 else (1.0, 2.0, 5.0)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: format_si(float(value), unit)))


def _draw_shares(axes: "Axes", points: Sequence[Point], over: int) -> None:
    """The time by what binds it, stacked to 100 %."""
    from matplotlib.ticker import PercentFormatter

    names = list(dict.fromkeys(share_text(point, one) for point in points for one in point.shares))
    shares = [{share_text(point, one): one.share for one in point.shares} for point in points]
    names.sort(key=lambda name: -sum(found.get(name, 0.0) for found in shares))
    x = [_at(point, over) for point in points]
    stacked = axes.stackplot(x, [[found.get(name, 0.0) for found in shares] for name in names],
                             labels=names, colors=[_colour(name) for name in names], edgecolor="white")  # fmt: skip
    for name, area in zip(names, stacked, strict=True):
        area.set_hatch("///" if name.startswith("PIM ") else "")
    axes.set_ylim(0, 1)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_ylabel("bound by")
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, reverse=True)


def _colour(name: str) -> str:
    return _ENGINE_COLOURS.get(name.removeprefix("PIM "), GREY)


def _mark_flips(axes: "Axes", sweep: Sweep, by: int | None) -> None:
    """A line where kernels change their device or the whole what binds it, each size once."""
    if by is not None:
        return
    moved: dict[int, int] = {}
    for one in sweep.flips:
        if one.what != "bound":
            for step in one.steps[1:]:
                moved[step.first] = moved.get(step.first, 0) + len(one.kernels)
    for size, kernels in moved.items():
        axes.axvline(size, color=GREY, linewidth=0.9, linestyle=(0, (2, 2)), zorder=0)
        said = f"{kernels:,} move{'s' if kernels == 1 else ''} at {size:,}" if kernels else f"bound flips at {size:,}"
        axes.annotate(said, (size, 1.0), xycoords=("data", "axes fraction"), xytext=(3, -2), fontsize=8,
                      textcoords="offset points", color=GREY, rotation=90, va="top")  # fmt: skip


def _draw_bars(figure: "Figure", sweep: Sweep, by: int) -> None:
    """A bar a system, divided by what its time goes to."""
    axes = figure.add_axes((0.2, 0.12, 0.6, 0.74))
    points = [point for point in sweep.points if not point.refusal]
    names = list(dict.fromkeys(share_text(point, one) for point in points for one in point.shares))
    starts = [0.0] * len(points)
    for name in names:
        widths = [
            sum(one.share for one in point.shares if share_text(point, one) == name)
            * (point.placements.get("optimum") or 0.0)
            for point in points
        ]
        axes.barh(range(len(points)), widths, left=starts, color=_colour(name), label=name, height=0.6,
                  hatch="///" if name.startswith("PIM ") else "", edgecolor="white")  # fmt: skip
        starts = [start + width for start, width in zip(starts, widths, strict=True)]
    for row, (point, end) in enumerate(zip(points, starts, strict=True)):
        axes.annotate(format_si(point.placements.get("optimum"), "s"), (end, row), xytext=(4, 0), va="center",
                      textcoords="offset points")  # fmt: skip
    axes.set_yticks(range(len(points)), [clean_label(axis_text(point.values[by])) for point in points])
    axes.invert_yaxis()
    _frame_bars(axes, max(starts, default=0.0))
    axes.legend(loc="center left", bbox_to_anchor=(1.02, 0.5), frameon=False)


def _frame_bars(axes: "Axes", longest_s: float) -> None:
    from matplotlib.ticker import FuncFormatter

    axes.grid(axis="x", color="#E4E4E4", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    # Room for the time at the end of the longest bar.
    axes.set_xlim(0, 1.12 * longest_s or 1.0)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: format_si(float(value), "s")))
    axes.set_xlabel("time of one run")


def _draw_map(figure: "Figure", sweep: Sweep, across: int, up: int) -> None:
    """A cell a point: its time by colour and, where they are few, in words with what binds most of it."""
    from matplotlib.colors import LogNorm, Normalize

    axes = figure.add_axes((0.09, 0.1, 0.76, 0.76))
    columns, rows = (sorted(_numbers(sweep.axes[place])) for place in (across, up))
    points = {(columns.index(_at(point, across)), rows.index(_at(point, up))): point for point in sweep.points}
    times = [[_cell_s(points[x, y]) for x in range(len(columns))] for y in range(len(rows))]
    known = [time for row in times for time in row if time == time] or [1.0]
    low, high = min(known), max(known)
    norm = LogNorm(low, high) if high / low >= 2 else Normalize(low * 0.9, high * 1.1)
    mesh = axes.pcolormesh(times, cmap="YlGnBu", norm=norm, edgecolors="white", linewidth=1)
    axes.set_facecolor("#EFEFEF")
    has_text = max(len(columns), len(rows)) <= _MOST_TEXTS
    for (x, y), point in points.items():
        said = _cell_text(point) if has_text else "✗" if point.fits is False else ""
        dark = times[y][x] == times[y][x] and norm(times[y][x]) > 0.55
        axes.text(x + 0.5, y + 0.5, said, ha="center", va="center", color="white" if dark else INK, fontsize=8)
    if _draw_borders(axes, points):
        figure.text(0.09, 0.875, "lines part what most of the time is bound by", color=GREY, fontsize=8)
    for ticks, values in ((axes.set_xticks, columns), (axes.set_yticks, rows)):
        step = -(-len(values) // _MOST_TICKS)
        shown = range(0, len(values), step)
        ticks([place + 0.5 for place in shown], [f"{values[place]:,.6g}" for place in shown])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel(clean_label(sweep.axes[across].name))
    axes.set_ylabel(clean_label(sweep.axes[up].name))
    from matplotlib.ticker import FuncFormatter, NullFormatter

    bar = figure.colorbar(mesh, cax=figure.add_axes((0.88, 0.1, 0.02, 0.76)))
    bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: format_si(float(value), "s")))
    bar.ax.yaxis.set_minor_formatter(NullFormatter())
    bar.outline.set_visible(False)
    bar.set_label("time of one run")


def _cell_s(point: Point) -> float:
    return point.placements.get("optimum") or float("nan")


def _cell_text(point: Point) -> str:
    if point.refusal or point.largest is None:
        return "not valid" if point.refusal else "?"
    said = f"{format_si(_cell_s(point), 's')}\n{share_text(point, point.largest)} {format_percent(point.largest.share)}"
    return f"{said}\nDOES NOT FIT" if point.fits is False else said


def _draw_borders(axes: "Axes", points: Mapping[tuple[int, int], Point]) -> int:
    """Lines between cells whose time is bound by different engines, and how many."""
    names = {place: "" if one.largest is None else share_text(one, one.largest) for place, one in points.items()}
    drawn = 0
    for (x, y), name in names.items():
        ends = {(x + 1, y): ([x + 1, x + 1], [y, y + 1]), (x, y + 1): ([x, x + 1], [y + 1, y + 1])}
        for place, (across, up) in ends.items():
            if names.get(place, name) != name:
                axes.plot(across, up, color=DEVICE_COLOURS[1], linewidth=2.4, solid_capstyle="butt")
                drawn += 1
    return drawn
