"""The report on the terminal: coverage and assumptions first, then totals, the dearest kernels and the roll-ups.

It has the same length for a small and a large model: equal kernels and modules are one row, and the rest is summed in
one more.
"""

from collections.abc import Iterator, Sequence

from msgspec import Struct

from onnx_roofline.analysis.analyze import Analysis
from onnx_roofline.analysis.summary import Group
from onnx_roofline.base.quantities import format_share, format_si
from onnx_roofline.base.text import plural, visible
from onnx_roofline.ir.placed_records import Placement, Roof, Roofline
from onnx_roofline.ir.records import Executions, Kernel, Work
from onnx_roofline.report.caches import caches_line
from onnx_roofline.report.cells import number, sum_cell
from onnx_roofline.report.columns import GROUP_COLUMNS, kernel_columns
from onnx_roofline.report.header import NAME_WIDTH, first_line, model_line
from onnx_roofline.report.kernel_rows import (
    MOST,
    KernelRow,
    Order,
    is_wasteful,
    kernel_counts,
    kernel_rows,
    most_wasted,
)
from onnx_roofline.report.modules import module_rows_within, sum_groups
from onnx_roofline.report.text_table import Screen, Table, bar, table_lines
from onnx_roofline.report.totals import placements_table, totals_table
from onnx_roofline.what_if.sensitivity import assumed_figures

# Characters of the longest bar, and rows of the module tree for each row of the other tables.
BAR, TREE_ROWS = 10, 2
# How to see what a table leaves out.
_ALL = "--all, or --format csv"


class Shown(Struct, frozen=True):
    """How much of an analysis a report shows: rows of a table (None: all), levels of modules (None: as fits), order."""

    top: int | None = 10
    depth: int | None = None
    order: Order = "wasted"


def render(analysis: Analysis, screen: Screen, shown: Shown) -> Iterator[str]:
    """The lines of the report."""
    yield first_line(analysis)
    yield model_line(analysis)
    yield from filter(None, [caches_line(analysis.summary.caches)])
    yield ""
    yield from table_lines(totals_table(analysis), screen)
    if analysis.system.pim is not None:
        yield from table_lines(placements_table(analysis), screen)
    rows = kernel_rows(analysis, shown.order)
    yield from table_lines(_kernels_table(analysis, rows, shown), screen)
    yield from _holding(rows, shown.order)
    yield from table_lines(_types_table(analysis, shown.top), screen)
    modules = _modules_table(analysis, shown)
    if len(modules.rows) > 1:
        yield from table_lines(modules, screen)
    yield from _remarks(analysis)


def _kernels_table(analysis: Analysis, rows: Sequence[KernelRow], shown: Shown) -> Table:
    whole_s = sum(row.time_s or 0.0 for row in rows)
    longest_s = max(row.wasted_s or 0.0 for row in rows) if is_wasteful(rows) else 0.0
    cells = [_kernel_cells(analysis, row, whole_s, longest_s) for row in rows[: shown.top]]
    rest = rows[shown.top :] if shown.top is not None else []
    if rest:
        untimed = sum(row.time_s is None for row in rest)
        time_s = sum(row.time_s or 0.0 for row in rest)
        lost = sum_cell(sum(row.wasted_s or 0.0 for row in rest), "s", untimed)
        cells.append({
            "op": f"and {len(rest):,} more", "name": _ALL, "alike": f"x{sum(row.count for row in rest):,}",
            "time": sum_cell(time_s, "s", untimed), "share": _share(time_s, whole_s, untimed),
            "wasted": lost if longest_s else "",
        })  # fmt: skip
    by = "wasted time" if shown.order == "wasted" and longest_s else "time"
    return Table(f"Kernels by {by}, equal ones in one row", kernel_columns(analysis.system.devices), cells)


def _kernel_cells(analysis: Analysis, row: KernelRow, whole_s: float, longest_s: float) -> dict[str, str]:
    model, devices = analysis.model, analysis.system.devices
    key = row.first
    kernel, placement, roofs = model.column(Kernel)[key], model.column(Placement)[key], model.column(Roofline)[key]
    counts, count = kernel_counts(model, kernel), model.column(Executions)[key].count
    device = next((device for device in devices if device.slug == placement.device), devices[0])
    roof, entry = roofs.devices[device.slug], placement.devices.get(device.slug)
    has_waste = bool(longest_s)
    cells = {
        "op": visible(key, NAME_WIDTH),
        "name": visible(row.name),
        "alike": f"x{row.count:,}" if row.count > 1 else "",
        "time": "?" if row.time_s is None else format_si(row.time_s, "s"),
        "bound": "" if entry is None or entry.time_s is None else entry.bound + _unsure(roof),
        "share": "?" if row.time_s is None else _share(row.time_s, whole_s, 0),
        "wasted": ("?" if row.wasted_s is None else format_si(row.wasted_s, "s")) if has_waste else "",
        "bar": bar(row.wasted_s or 0.0, longest_s, BAR),
        "each": "?" if placement.time_s is None else format_si(placement.time_s, "s"),
        "flops": "unknown" if counts is None else format_si(counts.flops),
        "moved": "unknown" if roof.moved_bytes is None else format_si(roof.moved_bytes, "B"),
        "intensity": number(roof.intensity),
        "macs": "unknown" if counts is None else format_si(counts.macs),
        "fused": "" if len(kernel.members) == 1 else f"{len(kernel.members)}: {kernel.pattern}",
        "runs": "" if count == 1 else f"{count.numerator:,}" if count.denominator == 1 else f"{float(count):.4g}",
        "parameters": format_si(analysis.summary.weights.of(kernel.members).parameters),
    }
    if analysis.system.pim is not None:
        cells["on"] = placement.reason if placement.device is None else device.kind.upper()
        cells |= {f"on {one.slug}": _time_cell(roofs.devices[one.slug], placement, one.slug) for one in devices}
    return cells


def _unsure(roof: Roof) -> str:
    return "" if roof.bound_is_stable else "~"


def _time_cell(roof: Roof, placement: Placement, slug: str) -> str:
    """Time and bound under the placement's model; the mark of an unsure bound is the roofline's."""
    entry = placement.devices.get(slug)
    if entry is None or entry.time_s is None:
        return "no peak" if not roof.supported else "not there" if entry is not None else "unknown"
    return f"{format_si(entry.time_s, 's')} {entry.bound}{_unsure(roof)}{' in part' if entry.in_part else ''}"


def _holding(rows: Sequence[KernelRow], order: Order) -> Iterator[str]:
    """How few kernels hold most of the time above the roof."""
    if order != "wasted" or not is_wasteful(rows):
        return
    count, whole_s = most_wasted(rows)
    kernels = sum(row.count for row in rows[:count])
    held = "this kernel holds" if kernels == 1 else f"these {kernels:,} kernels hold"
    if kernels != count:
        held = "this row holds" if count == 1 else f"these {count:,} rows, {kernels:,} kernels, hold"
    time_s = format_si(sum(row.time_s or 0.0 for row in rows), "s")
    yield f"{held.capitalize()} {format_share(MOST)} of the {format_si(whole_s, 's')} wasted, of {time_s} in all."
    yield ""


def _types_table(analysis: Analysis, top: int | None) -> Table:
    groups, summary = analysis.summary.by_type, analysis.summary
    whole_s = sum(group.time_s for group in groups)
    rows = [_group_cells(group, visible(group.name, 2 * NAME_WIDTH), whole_s) for group in groups[:top]]
    if top is not None and len(groups) > top:
        rest = sum_groups("", groups[top:], summary.weights)
        rows.append(_group_cells(rest, f"and {len(groups) - top:,} more", whole_s))
    return Table("By op type", GROUP_COLUMNS, rows)


def _modules_table(analysis: Analysis, shown: Shown) -> Table:
    whole_s = sum(group.time_s for group in analysis.summary.by_type)
    most = None if shown.top is None else max(shown.top, 1)
    found, depth = module_rows_within(analysis, shown.depth, most, TREE_ROWS * (most or 10))
    rows = []
    for one in found:
        name = f"and {one.rest:,} more" if one.rest else visible(one.name, 2 * NAME_WIDTH) or "(no module)"
        times = f" x{one.count:,}" if one.count > 1 and not one.rest else ""
        rows.append(_group_cells(one.group, f"{one.branches}{name}{times}", whole_s))
    is_cut = any(group.name.count("/") >= depth for group in analysis.summary.by_module)
    levels = f" to level {depth}" if is_cut else ""
    return Table(f"By module{levels}, equal ones in one row", GROUP_COLUMNS, rows)


def _group_cells(group: Group, name: str, whole_s: float) -> dict[str, str]:
    is_whole = group.naive_bytes and not group.unknown_ops and not group.unknown_bytes_ops
    untimed = group.untimed_kernels
    return {
        "name": name,
        "ops": f"{group.ops:,}",
        "macs": sum_cell(group.macs, "", group.unknown_ops),
        "flops": sum_cell(group.flops, "", group.unknown_ops),
        "naive": sum_cell(group.naive_bytes, "B", group.unknown_bytes_ops),
        "intensity": number(group.operations / group.naive_bytes if is_whole else None),
        "parameters": format_si(group.parameters),
        "weights": format_si(group.weight_bytes, "B"),
        "time": sum_cell(group.time_s, "s", untimed) if group.time_s or untimed else "–",
        "share": _share(group.time_s, whole_s, untimed),
    }


def _share(seconds: float, whole_s: float, untimed: int) -> str:
    if untimed and not seconds:
        return "?"
    return (format_share(seconds / whole_s) if whole_s else "–") + (" + ?" if untimed else "")


def _remarks(analysis: Analysis) -> Iterator[str]:
    """What a reader needs to read the columns, and what to do next."""
    for device in analysis.system.devices:
        text = f"{device.slug}: {format_si(device.bandwidth_bytes_per_s, 'B/s')}"
        for dtype in _shown_dtypes(analysis):
            peak = device.peak_flops_per_s(dtype)
            if peak is not None:
                text += f", {format_si(peak, 'FLOP/s')} {dtype}, ridge {number(device.ridge(dtype))} FLOP/B"
        yield text
    yield "Roofline time = launch + max(operations / peak, moved bytes / bandwidth)."
    yield "time, share and wasted, time x (1 - share of the roof), are of all kernels of a row, the rest of one run."
    if any(
        not roof.bound_is_stable for row in analysis.model.column(Roofline).values() for roof in row.devices.values()
    ):
        yield "~: naive, compulsory and moved bytes do not all give this bound."
    assumed = assumed_figures(analysis)[0]
    if assumed:
        figures = plural(len(assumed), "figure")
        of = f"{figures} of {analysis.system.slug}"
        what = "The placement rests" if analysis.system.pim is not None else "The times rest"
        yield f"{what} on {of} that nobody published: --sensitivity varies them."


def _shown_dtypes(analysis: Analysis) -> list[str]:
    """The element type that most of the model's operations are in."""
    sums: dict[str, int] = {}
    for work in analysis.model.column(Work).values():
        if work.counts is not None and work.compute_dtype:
            sums[work.compute_dtype] = sums.get(work.compute_dtype, 0) + work.counts.operations
    return sorted(sums, key=lambda dtype: -sums[dtype])[:1]
