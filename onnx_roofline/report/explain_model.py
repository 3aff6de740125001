"""A whole model as a senior engineer would sum it up: what dominates, what binds, how far the roof is, what helps."""

from collections.abc import Iterator, Sequence

from onnx_roofline.analysis.analyze import Analysis
from onnx_roofline.base.quantities import format_share, format_si
from onnx_roofline.base.text import visible
from onnx_roofline.ir.records import TypedOp
from onnx_roofline.lint.records import LintFinding
from onnx_roofline.lint.words import worth
from onnx_roofline.report.footprint import memory_parts
from onnx_roofline.report.header import NAME_WIDTH, plural, without_time
from onnx_roofline.what_if.changes import Gain
from onnx_roofline.what_if.waste import Waste, holding, wastes

# Op types, engines, changes and findings that the lines name.
SHOWN = 3
# Share of the wasted time whose kernels are counted, and characters of the longest bar.
MOST, BAR = 0.8, 20


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
    for item in [finding for finding in findings if finding.worth_s][:SHOWN]:
        yield f"mending {item.name} ({item.code}, {plural(len(item.hits), 'place')}){worth(analysis, item)}"


def waste_lines(analysis: Analysis, top: int) -> Iterator[str]:
    """The kernels with most time above their roof, with bars, and how few hold most of it."""
    found = wastes(analysis)
    whole = sum(one.wasted_s for one in found)
    if not whole:
        yield "no time above the roof"
        return
    count = holding(found, MOST)
    held = f"{plural(count, 'kernel')} hold{'s' if count == 1 else ''} {100 * MOST:g} % of it"
    yield f"wasted, time x (1 - share of the roof): {format_si(whole, 's')}; {held}"
    groups = _alike(analysis, found)[:top]
    width = max(len(visible(group[0].key, NAME_WIDTH)) for group in groups)
    longest_s = sum(one.wasted_s for one in groups[0])
    for group in groups:
        yield _waste(group, longest_s, width)


def _alike(analysis: Analysis, found: Sequence[Waste]) -> list[list[Waste]]:
    """Kernels of one op type that take and waste the same, together; the most wasted first."""
    rows, groups = analysis.model.column(TypedOp), dict[object, list[Waste]]()
    for one in found:
        groups.setdefault((rows[one.key].op.op_type, one.device, one.time_s, one.roof_s), []).append(one)
    return sorted(groups.values(), key=lambda group: (-len(group) * group[0].wasted_s, group[0].key))


def _waste(group: Sequence[Waste], longest_s: float, width: int) -> str:
    first, count = group[0], len(group)
    wasted_s, time_s = count * first.wasted_s, count * first.time_s
    bar = "█" * max(1, round(BAR * wasted_s / longest_s)) if wasted_s else ""
    alike = f"x{count:,}" if count > 1 else ""
    cells = f"{format_si(wasted_s, 's'):>9} of {format_si(time_s, 's'):>9}, {first.bound} of {first.device}"
    return f"  {visible(first.key, NAME_WIDTH):<{width}} {alike:<5} {bar:<{BAR}} {cells}"


def _gain(gain: Gain) -> str:
    before, after = format_si(gain.before_s, "s"), format_si(gain.after_s, "s")
    return f"{gain.what}: {before} becomes {after}, {format_share(gain.share)} less ({gain.option})"


def _shares(seconds: dict[str, float]) -> str:
    """`71 % MatMul, 12 % Softmax, 5 % Add`."""
    whole = sum(seconds.values())
    ranked = sorted(seconds.items(), key=lambda item: (-item[1], item[0]))[:SHOWN]
    return ", ".join(f"{format_share(value / whole)} {visible(name, NAME_WIDTH)}" for name, value in ranked if value)
