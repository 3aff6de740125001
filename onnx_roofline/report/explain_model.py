"""A whole model as a senior engineer would sum it up: what dominates, what binds, how far the roof is, what helps."""

from collections.abc import Iterator, Sequence

from onnx_roofline.analysis.analyze import Analysis
from onnx_roofline.base.quantities import format_share, format_si
from onnx_roofline.base.text import plural, visible
from onnx_roofline.ir.placed_records import Placement
from onnx_roofline.lint.records import LintFinding
from onnx_roofline.lint.words import worth
from onnx_roofline.report.footprint import memory_parts
from onnx_roofline.report.header import NAME_WIDTH, without_time
from onnx_roofline.report.kernel_rows import MOST, KernelRow, is_wasteful, kernel_rows, most_wasted
from onnx_roofline.report.text_table import bar, cut
from onnx_roofline.what_if.changes import Gain
from onnx_roofline.what_if.waste import wastes

# Op types, engines, changes and findings that the lines name.
SHOWN = 3
# Characters of the longest bar, and of the module that a kernel stands in.
BAR, MODULE = 12, 32


def explain_model(analysis: Analysis, gains: Sequence[Gain], findings: Sequence[LintFinding]) -> Iterator[str]:
    """The lines, about ten."""
    summary, found = analysis.summary, wastes(analysis)
    whole_s = sum(one.time_s for one in found)
    untimed = summary.time_placed.untimed_kernels
    left_out = f" + {without_time(untimed)}" if untimed else ""
    placed_s = format_si(summary.time_placed.known_s, "s")
    yield f"{placed_s}{left_out} a run: {plural(summary.kernels, 'kernel')} on {analysis.system.slug}"
    if whole_s:
        yield f"dominated by {_shares({group.name: group.time_s for group in summary.by_type})}"
        engines: dict[str, float] = {}
        for one in found:
            name = f"{one.bound} of {one.device}"
            engines[name] = engines.get(name, 0.0) + one.time_s
        yield f"bound by {_shares(engines)}"
        roof_s = sum(one.roof_s for one in found)
        share = format_share(roof_s / whole_s)
        yield f"at the roof the kernels would take {format_si(roof_s, 's')}, {share} of their time"
    yield f"memory: {format_si(analysis.footprint.total_bytes, 'B')}, {memory_parts(analysis)}"
    yield from (_gain(gain) for gain in gains[:SHOWN])
    if not gains:
        yield "no change of the run that was tried makes it shorter"
    for item in [finding for finding in findings if finding.worth_s and finding.per == "run"][:SHOWN]:
        yield f"mending {item.name} ({item.code}, {plural(len(item.hits), 'place')}){worth(analysis, item)}"


def waste_lines(analysis: Analysis, top: int) -> Iterator[str]:
    """The kernels with most time above their roof, with bars, and how few hold most of it."""
    rows = kernel_rows(analysis)
    count, whole_s = most_wasted(rows)
    if not is_wasteful(rows):
        time_s = sum(row.time_s or 0.0 for row in rows)
        some = f"{format_si(whole_s, 's')}, {format_share(whole_s / time_s)}," if whole_s else "no time"
        yield f"{some} above the roof"
        return
    held = plural(sum(row.count for row in rows[:count]), "kernel") + (f" of {count} kinds" if count > 1 else "")
    whole = format_si(whole_s, "s")
    yield f"wasted, time x (1 - share of the roof): {whole}; {format_share(MOST)} of it in {held}"
    # Of a kernel without a time nobody knows what it wastes; the first line counts these.
    shown = [row for row in rows if row.wasted_s is not None][:top]
    longest_s = shown[0].wasted_s or 0.0
    bounds = [_bound(analysis, row) for row in shown]
    width, bound_width = max(len(visible(row.first, NAME_WIDTH)) for row in shown), max(map(len, bounds))
    for row, bound in zip(shown, bounds, strict=True):
        alike = f"x{row.count:,}" if row.count > 1 else ""
        times = f"{format_si(row.wasted_s, 's'):>9} of {format_si(row.time_s, 's'):>9}"
        head = (
            f"  {visible(row.first, NAME_WIDTH):<{width}} {alike:<5} {bar(row.wasted_s or 0.0, longest_s, BAR):<{BAR}}"
        )
        module = cut(visible(row.name, 4 * MODULE), MODULE, keeps_end=True)
        yield f"{head} {times}  {bound:<{bound_width}}  {module}".rstrip()


def _bound(analysis: Analysis, row: KernelRow) -> str:
    """What binds the kernels of a row, and of two devices on which."""
    placement = analysis.model.column(Placement)[row.first]
    if placement.device is None:
        return "unknown"
    bound = placement.devices[placement.device].bound
    return bound if analysis.system.pim is None else f"{bound} of {placement.device}"


def _gain(gain: Gain) -> str:
    before, after = format_si(gain.before_s, "s"), format_si(gain.after_s, "s")
    return f"{gain.what}: {before} becomes {after}, {format_share(gain.share)} less ({gain.option})"


def _shares(seconds: dict[str, float]) -> str:
    """`71 % MatMul, 12 % Softmax, 5 % Add`."""
    whole = sum(seconds.values())
    ranked = sorted(seconds.items(), key=lambda item: (-item[1], item[0]))[:SHOWN]
    return ", ".join(f"{format_share(value / whole)} {visible(name, NAME_WIDTH)}" for name, value in ranked if value)
