"""The totals of a run and the placements of its kernels as tables of the terminal."""

from collections.abc import Iterator

from onnx_roofline.analysis.analyze import Analysis
from onnx_roofline.base.quantities import format_si
from onnx_roofline.base.text import plural
from onnx_roofline.ir.kernel_work import KernelWork
from onnx_roofline.ir.placed_records import Alternative, PlacementSummary, Roofline
from onnx_roofline.ir.records import Executions
from onnx_roofline.report.cells import number, sum_cell
from onnx_roofline.report.columns import PLACEMENT_COLUMNS, TOTAL_COLUMNS
from onnx_roofline.report.footprint import memory_parts, memory_share
from onnx_roofline.report.header import without_time
from onnx_roofline.report.text_table import Table
from onnx_roofline.report.time_rows import time_rows

# Types that a device has peaks for, named where it lacks others.
SHOWN_PEAKS = 3


def totals_table(analysis: Analysis) -> Table:
    """Name, value, and what it means: two figures a line would not fit a narrow terminal."""
    summary = analysis.summary
    is_partial = summary.unknown_counts_ops or summary.unknown_bytes_ops or summary.time_placed.untimed_kernels
    title = "Totals of one run" + (" (of what is known)" if is_partial else "")
    rows = [{"name": name, "value": value, "note": note} for name, value, note in _total_rows(analysis)]
    return Table(title, TOTAL_COLUMNS, rows, has_headers=False)


def _total_rows(analysis: Analysis) -> Iterator[tuple[str, str, str]]:
    summary, system = analysis.summary, analysis.system
    counts_missing, bytes_missing = summary.unknown_counts_ops, summary.unknown_bytes_ops
    moved = summary.moved[system.gpu.slug]
    is_whole = moved.moved_bytes and not counts_missing and not bytes_missing
    intensity = summary.counts.operations / moved.moved_bytes if is_whole else None
    macs = f"{summary.counts.macs:,}" + (" that are known" if counts_missing else "")
    yield "MACs", sum_cell(summary.counts.macs, "", counts_missing), macs
    flops = sum_cell(summary.counts.flops, "", counts_missing)
    yield "FLOPs", flops, "2 x MACs + every other float operation"
    yield "naive", sum_cell(summary.naive_bytes, "B", bytes_missing), "bytes, each op alone, each operand once"
    kernels = f"bytes, {plural(summary.kernels, 'kernel')} by backend {analysis.settings.backend}"
    yield "compulsory", sum_cell(summary.compulsory_bytes, "B", bytes_missing), kernels
    parts = f"{format_si(moved.refetched_bytes, 'B')} refetched, {format_si(moved.resident_bytes, 'B')} resident"
    yield "moved", sum_cell(moved.moved_bytes, "B", bytes_missing), f"bytes on {system.gpu.slug}: {parts}"
    yield "intensity", f"{number(intensity)} FLOP/B", "operations / bytes moved"
    yield "activations", format_si(summary.peak_activation_bytes, "B"), "alive at once, at most, after fusion"
    yield "memory", format_si(analysis.footprint.total_bytes, "B"), memory_parts(analysis)
    for device in system.devices:
        if device.capacity_bytes is not None:
            yield f"  of {device.slug}", *memory_share(analysis, device)
    yield "depth", f"{summary.sequential_steps:,}", "steps that wait for one another"
    for device in system.devices:
        yield f"on {device.slug}", *_device_time(analysis, device.slug)
    placed = analysis.model.whole(PlacementSummary)
    optimum = next(item for item in placed.alternatives if item.name == "optimum")
    time = sum_cell(optimum.total_s, "s", placed.untimed_kernels)
    if system.pim is not None:
        yield "placed", time, _placed_note(placed, optimum)
    else:
        yield "time", time, f"all kernels, time model {placed.pim_model}"
    yield from time_rows(placed, optimum, is_pair=system.pim is not None)


def _placed_note(placed: PlacementSummary, optimum: Alternative) -> str:
    """What the placement is: what it is best for, how sure that is, and what crosses."""
    note = f"{plural(optimum.on_pim, 'kernel')} on the PIM, {format_si(optimum.transfer_s, 's')} of transfers"
    note += f"; {placed.proof}"
    if placed.objective_name != "latency":
        note += f" (for {placed.objective_name})"
    return note


def placements_table(analysis: Analysis) -> Table:
    """What simple placements cost under the same full model as the one that is chosen."""
    placed = analysis.model.whole(PlacementSummary)
    has_energy = all(item.energy is not None for item in placed.alternatives)
    rows = []
    for item in placed.alternatives:
        row = {
            "placement": item.name,
            "time": sum_cell(item.total_s, "s", placed.untimed_kernels),
            "kernels": sum_cell(item.kernel_s, "s", placed.untimed_kernels),
            "transfers": format_si(item.transfer_s, "s"),
            "on the PIM": f"{item.on_pim:,}",
        }
        if has_energy and item.energy is not None:
            row["energy"] = sum_cell(item.energy.total_j, "J", placed.untimed_kernels)
        rows.append(row)
    none = dict.fromkeys(("kernels", "transfers", "on the PIM", *(["energy"] if has_energy else [])), "–")
    for name, seconds in (("both at once", placed.makespan_s), ("with splits", placed.with_splits_s)):
        if seconds is not None:
            rows.append({"placement": name, "time": sum_cell(seconds, "s", placed.untimed_kernels), **none})
    title = f"Placements of the kernels, PIM time model {placed.pim_model}"
    if placed.untimed_kernels:
        # Shorter, so that the title of a narrow table does not wrap.
        title = f"Placements, PIM time model {placed.pim_model}, + {without_time(placed.untimed_kernels)}"
    return Table(title, PLACEMENT_COLUMNS, rows)


def _device_time(analysis: Analysis, slug: str) -> tuple[str, str]:
    """Seconds of the whole model on one device, or how many ops it can't run and for want of which peaks."""
    summary = analysis.summary
    untimed, known = summary.times_alone[slug].untimed_kernels, summary.times_alone[slug].known_s
    if not untimed:
        return format_si(known, "s"), "all kernels there, by the plain roofline"
    executions, works = analysis.model.column(Executions), analysis.model.column(KernelWork)
    device = next(one for one in analysis.system.devices if one.slug == slug)
    roofs = analysis.model.column(Roofline).items()
    refused = [works[key] for key, row in roofs if executions[key].count and not row.devices[slug].supported]
    if not refused:
        return sum_cell(known, "s", untimed), f"by the plain roofline, + {without_time(untimed)}: unknown work"
    computed = {one.dtype for work in refused for one in work.operations or ()}
    dtypes = sorted(dtype or "an unknown type" for dtype in computed if device.peak_flops_per_s(dtype) is None)
    needed = f"{plural(len(refused), 'kernel')} need{'s' if len(refused) == 1 else ''}"
    note = f"no peak for {', '.join(dtypes)}, which {needed}"
    has = device.peaks_flops_per_s
    return "–", note + (f"; it has {', '.join(has)}" if len(has) <= SHOWN_PEAKS else "")
