"""The report on the terminal: coverage and assumptions first, then totals, the costliest ops and the roll-ups."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from onnx_roofline.analysis.analyze import Analysis
from onnx_roofline.analysis.summary import Group, Summary
from onnx_roofline.analysis.weights import Weights
from onnx_roofline.base.quantities import format_si
from onnx_roofline.base.text import visible
from onnx_roofline.ir.graph import Model
from onnx_roofline.ir.kernel_work import KernelWork
from onnx_roofline.ir.placed_records import Alternative, Placement, PlacementSummary, Roof, Roofline
from onnx_roofline.ir.records import Counts, Executions, Kernel, TypedOp, Work
from onnx_roofline.report.caches import caches_line
from onnx_roofline.report.footprint import memory_parts, memory_share
from onnx_roofline.report.header import NAME_WIDTH, first_line, model_line, plural, without_time
from onnx_roofline.report.time_rows import time_rows
from onnx_roofline.what_if.sensitivity import assumed_figures
from onnx_roofline.what_if.waste import wastes

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

# What binds an op, as short as a column wants it.
_BOUNDS = {"memory": "mem", "compute": "comp", "nothing to do": "–"}
# Types that a device has peaks for, named where it lacks others.
SHOWN_PEAKS = 3


def render(analysis: Analysis, top: int, depth: int, width: int) -> "Iterator[RenderableType]":
    """The report for `width` columns: `top` rows in each table, modules cut to `depth` levels (0: not cut)."""
    from rich.text import Text

    yield Text(first_line(analysis))
    yield Text(model_line(analysis))
    yield from (Text(line) for line in [caches_line(analysis.summary.caches)] if line)
    yield Text("")
    yield _totals_table(analysis)
    if analysis.system.pim is not None:
        yield _alternatives_table(analysis, width)
    yield _ops_table(analysis, top, width)
    yield _groups_table("By op type", analysis.summary.by_type, analysis.summary, top, width)
    modules = merge_modules(analysis.summary.by_module, depth, analysis.summary.weights)
    if len(modules) > 1:
        yield _groups_table("By module", modules, analysis.summary, top, width)
    yield from (Text(line) for line in _remarks(analysis))


def _table(title: str) -> "Table":
    from rich import box
    from rich.table import Table

    return Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)


def _totals_table(analysis: Analysis) -> "Table":
    """Name, value, and what it means: two figures a line would not fit a narrow terminal."""
    summary, system = analysis.summary, analysis.system
    counts_missing, bytes_missing = summary.unknown_counts_ops, summary.unknown_bytes_ops
    is_partial = counts_missing or bytes_missing or summary.time_placed.untimed_kernels
    table = _table("Totals of one run" + (" (of what is known)" if is_partial else ""))
    table.show_header = False
    table.add_column("", no_wrap=True)
    table.add_column("", justify="right", no_wrap=True)
    table.add_column("", overflow="fold")
    moved = summary.moved[system.gpu.slug]
    is_whole = moved.moved_bytes and not counts_missing and not bytes_missing
    intensity = summary.counts.operations / moved.moved_bytes if is_whole else None
    macs = f"{summary.counts.macs:,}" + (" that are known" if counts_missing else "")
    table.add_row("MACs", _sum_cell(summary.counts.macs, "", counts_missing), macs)
    flops = _sum_cell(summary.counts.flops, "", counts_missing)
    table.add_row("FLOPs", flops, "2 x MACs + every other float operation")
    naive = _sum_cell(summary.naive_bytes, "B", bytes_missing)
    table.add_row("naive", naive, "bytes, each op alone, each operand once")
    kernels = f"bytes, {plural(summary.kernels, 'kernel')} by backend {analysis.settings.backend}"
    table.add_row("compulsory", _sum_cell(summary.compulsory_bytes, "B", bytes_missing), kernels)
    parts = f"{format_si(moved.refetched_bytes, 'B')} refetched, {format_si(moved.resident_bytes, 'B')} resident"
    table.add_row("moved", _sum_cell(moved.moved_bytes, "B", bytes_missing), f"bytes on {system.gpu.slug}: {parts}")
    table.add_row("intensity", f"{_number(intensity)} FLOP/B", "operations / bytes moved")
    table.add_row("activations", format_si(summary.peak_activation_bytes, "B"), "alive at once, at most")
    table.add_row("memory", format_si(analysis.footprint.total_bytes, "B"), memory_parts(analysis))
    for device in system.devices:
        if device.capacity_bytes is not None:
            table.add_row(f"  of {device.slug}", *memory_share(analysis, device))
    table.add_row("depth", f"{summary.sequential_steps:,}", "steps that wait for one another")
    for device in system.devices:
        table.add_row(f"on {device.slug}", *_device_time(analysis, device.slug))
    placed = analysis.model.whole(PlacementSummary)
    optimum = next(item for item in placed.alternatives if item.name == "optimum")
    time = _sum_cell(optimum.total_s, "s", placed.untimed_kernels)
    if system.pim is not None:
        table.add_row("placed", time, _placed_note(placed, optimum))
    else:
        table.add_row("time", time, f"all kernels, time model {placed.pim_model}")
    for name, value, note in time_rows(placed, optimum, is_pair=system.pim is not None):
        table.add_row(name, value, note)
    return table


def _sum_cell(value: float | None, unit: str, missing: int) -> str:
    """A sum over what is known, with a mark where something is missing from it; `?` where nothing of it is known."""
    if missing and not value:
        return "?"
    return format_si(value, unit) + (" + ?" if missing else "")


def _placed_note(placed: PlacementSummary, optimum: Alternative) -> str:
    """What the placement is: what it is best for, how sure that is, and what crosses."""
    note = f"{plural(optimum.on_pim, 'kernel')} on the PIM, {format_si(optimum.transfer_s, 's')} of transfers"
    note += f"; {placed.proof}"
    if placed.objective_name != "latency":
        note += f" (for {placed.objective_name})"
    return note


def _alternatives_table(analysis: Analysis, width: int) -> "Table":
    """What simple placements cost under the same full model as the one that is chosen."""
    placed = analysis.model.whole(PlacementSummary)
    lines = [
        {
            "placement": item.name,
            "time": _sum_cell(item.total_s, "s", placed.untimed_kernels),
            "kernels": _sum_cell(item.kernel_s, "s", placed.untimed_kernels),
            "transfers": format_si(item.transfer_s, "s"),
            "on the PIM": f"{item.on_pim:,}",
            **({"energy": format_si(item.energy.total_j, "J")} if item.energy is not None else {}),
        }
        for item in placed.alternatives
    ]
    has_energy = all("energy" in line for line in lines)
    lines = [line if has_energy else {key: cell for key, cell in line.items() if key != "energy"} for line in lines]
    none = {"kernels": "–", "transfers": "–", "on the PIM": "–", **({"energy": "–"} if has_energy else {})}
    title = f"Placements of the kernels, PIM time model {placed.pim_model}"
    if placed.untimed_kernels:
        # Shorter, so that the title of a narrow table does not wrap.
        title = f"Placements, PIM time model {placed.pim_model}, + {without_time(placed.untimed_kernels)}"
    if placed.makespan_s is not None:
        makespan = _sum_cell(placed.makespan_s, "s", placed.untimed_kernels)
        lines.append({"placement": "both at once", "time": makespan, **none})
    if placed.with_splits_s is not None:
        with_splits = _sum_cell(placed.with_splits_s, "s", placed.untimed_kernels)
        lines.append({"placement": "with splits", "time": with_splits, **none})
    ranked = ["placement", "time", "transfers", "kernels", "on the PIM", *(["energy"] if has_energy else [])]
    return _fitted(title, lines, ranked, width)


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
        return _sum_cell(known, "s", untimed), f"by the plain roofline, + {without_time(untimed)}: unknown work"
    computed = {one.dtype for work in refused for one in work.operations or ()}
    dtypes = sorted(dtype or "an unknown type" for dtype in computed if device.peak_flops_per_s(dtype) is None)
    needed = f"{plural(len(refused), 'kernel')} need{'s' if len(refused) == 1 else ''}"
    note = f"no peak for {', '.join(dtypes)}, which {needed}"
    has = device.peaks_flops_per_s
    return "–", note + (f"; it has {', '.join(has)}" if len(has) <= SHOWN_PEAKS else "")


class Alike(Struct, frozen=True):
    """Ops of one type that cost the same, as layers that repeat do: the first of them and how many there are."""

    first: str
    count: int
    time_s: float


def costliest(analysis: Analysis, top: int) -> list[Alike]:
    """The kernels whose executions take longest where they are placed, those that cost the same taken together."""
    model = analysis.model
    executions, placements, kernels = model.column(Executions), model.column(Placement), model.column(Kernel)
    roofs, groups = model.column(Roofline), dict[object, list[str]]()
    for key, row in model.column(TypedOp).items():
        kernel = kernels[key]
        if kernel.id == key and executions[key].count:
            roofline = tuple((roof.total_time_s, roof.moved_bytes) for roof in roofs[key].devices.values())
            times = tuple((entry.time_s, entry.bound) for entry in placements[key].devices.values())
            flops = _kernel_counts(model, kernel)
            signature = (row.op.qualified_type, kernel.pattern, len(kernel.members), flops, roofline, times,
                         executions[key].count, placements[key].device)  # fmt: skip
            groups.setdefault(signature, []).append(key)

    def cost(keys: list[str]) -> tuple[float, int]:
        counts = _kernel_counts(model, kernels[keys[0]])
        time_s = (placements[keys[0]].time_s or 0.0) * float(executions[keys[0]].count) * len(keys)
        return -time_s, 0 if counts is None else -counts.flops

    ranked = sorted(groups.values(), key=cost)[:top]
    return [Alike(keys[0], len(keys), -cost(keys)[0]) for keys in ranked]


def _kernel_counts(model: Model, kernel: Kernel) -> Counts | None:
    """What all members do in one execution, or None if one of them is unknown."""
    result = Counts()
    for key in kernel.members:
        counts = model.column(Work)[key].counts
        if counts is None:
            return None
        result = result + counts
    return result


def _ops_table(analysis: Analysis, top: int, width: int) -> "Table":
    """The costliest kernels, columns as the console has room for them."""
    model, devices = analysis.model, analysis.system.devices
    whole = sum(group.time_s for group in analysis.summary.by_type)
    wasted = {one.key: one.wasted_s / one.runs for one in wastes(analysis)}
    lines: list[dict[str, str]] = []
    for alike in costliest(analysis, top):
        key = alike.first
        row, kernel = model.column(TypedOp)[key], model.column(Kernel)[key]
        counts = _kernel_counts(model, kernel)
        roofs, placement = model.column(Roofline)[key].devices, model.column(Placement)[key]
        executions, first = model.column(Executions)[key].count, roofs[devices[0].slug]
        line = {
            "op": visible(key, NAME_WIDTH),
            "name": visible(_short_name(row.op.name), NAME_WIDTH),
            "fused": "–" if len(kernel.members) == 1 else f"{len(kernel.members)}: {kernel.pattern}",
            "alike": f"{alike.count:,}",
            "runs": f"{executions.numerator:,}" if executions.denominator == 1 else f"{float(executions):.4g}",
            "MACs": "unknown" if counts is None else format_si(counts.macs),
            "FLOPs": "unknown" if counts is None else format_si(counts.flops),
            "moved": "unknown" if first.moved_bytes is None else format_si(first.moved_bytes, "B"),
            "FLOP/B": _number(first.intensity),
            "parameters": format_si(analysis.summary.weights.of(kernel.members).parameters),
        }
        line |= {f"on {device.slug}": _time_cell(roofs[device.slug], placement, device.slug) for device in devices}
        line |= {"wasted": "?" if key not in wasted else format_si(wasted[key], "s")}
        if analysis.system.pim is not None:
            line |= {"place": placement.device or placement.reason}
        share = "?" if placement.time_s is None else f"{100 * alike.time_s / whole:.1f} %" if whole else "–"
        lines.append(line | {"share": share})
    on_devices = [f"on {device.slug}" for device in devices]
    place = ["place"] if analysis.system.pim is not None else []
    ranked = ["op", "share", *place, "alike", "FLOPs", "FLOP/B", *on_devices, "moved", "MACs", "wasted", "fused",
              "runs", "name", "parameters"]  # fmt: skip
    return _fitted(
        "The costliest kernels, by their root op; figures of one execution, share of all alike", lines, ranked, width
    )


def _fitted(title: str, lines: list[dict[str, str]], ranked: list[str], width: int) -> "Table":
    """A table of those columns that fit, the most important first; no figure is ever cut, only the first column."""
    from rich.text import Text

    table = _table(title)
    room = width - 2
    chosen: list[str] = []
    for header in ranked:
        # The first column gives way down to a third of the console; the others are whole or absent.
        wanted = 3 + max([len(header), *(len(line[header]) for line in lines)])
        wanted = min(wanted, max(12, width // 3)) if header == ranked[0] else wanted
        if wanted <= room:
            chosen.append(header)
            room -= wanted
    shown = [header for header in (lines[0] if lines else ranked) if header in chosen]
    for header in shown:
        is_text = header in (ranked[0], "name", "fused", "place")
        table.add_column(header, justify="left" if is_text else "right", no_wrap=True, overflow="ellipsis",
                         max_width=NAME_WIDTH * 2)  # fmt: skip
    for line in lines:
        table.add_row(*(Text(line[header]) for header in shown))
    return table


def _short_name(name: str) -> str:
    """The last two parts of a scope-style name; the module roll-up has the rest."""
    return "/".join(name.split("/")[-2:])


def _time_cell(roof: Roof, placement: Placement, slug: str) -> str:
    """Time and bound under the placement's model; the mark of an unsure bound is the roofline's."""
    entry = placement.devices.get(slug)
    if entry is None or entry.time_s is None:
        return "no peak" if not roof.supported else "not there" if entry is not None else "unknown"
    unsure = "" if roof.bound_is_stable else "~"
    part = " in part" if entry.in_part else ""
    return f"{format_si(entry.time_s, 's')} {_BOUNDS.get(entry.bound, entry.bound)}{unsure}{part}"


def merge_modules(groups: tuple[Group, ...], depth: int, weights: Weights) -> tuple[Group, ...]:
    """Module roll-up with paths cut to `depth` levels; 0 leaves them whole."""
    if depth <= 0:
        return groups
    parts: dict[str, list[Group]] = {}
    for group in groups:
        parts.setdefault("/".join(group.name.split("/")[:depth]), []).append(group)
    merged = [_sum(name, found, weights) for name, found in parts.items()]
    return tuple(sorted(merged, key=lambda group: (-group.time_s, -group.flops, group.name)))


def _sum(name: str, groups: list[Group], weights: Weights) -> Group:
    """Several groups as one; a weight that several of them read is in it once."""
    if len(groups) == 1:
        return replace(groups[0], name=name)
    readers = tuple(reader for group in groups for reader in group.weight_readers)
    held = weights.of(readers)
    return Group(
        name=name,
        ops=sum(group.ops for group in groups),
        macs=sum(group.macs for group in groups),
        flops=sum(group.flops for group in groups),
        operations=sum(group.operations for group in groups),
        naive_bytes=sum(group.naive_bytes for group in groups),
        time_s=sum(group.time_s for group in groups),
        unknown_ops=sum(group.unknown_ops for group in groups),
        unknown_bytes_ops=sum(group.unknown_bytes_ops for group in groups),
        untimed_kernels=sum(group.untimed_kernels for group in groups),
        parameters=held.parameters,
        weight_bytes=held.weight_bytes,
        weight_readers=readers,
    )


def _groups_table(title: str, groups: tuple[Group, ...], summary: Summary, top: int, width: int) -> "Table":
    shown = f"{title}, all executions" + (f" (the first {top} of {len(groups)})" if len(groups) > top else "")
    whole = sum(group.time_s for group in summary.by_type)
    lines = []
    for group in groups[:top]:
        is_whole = group.naive_bytes and not group.unknown_ops and not group.unknown_bytes_ops
        untimed = group.untimed_kernels
        lines.append(
            {
                "": visible(group.name, 2 * NAME_WIDTH) or "(no module)",
                "ops": f"{group.ops:,}",
                "MACs": _sum_cell(group.macs, "", group.unknown_ops),
                "FLOPs": _sum_cell(group.flops, "", group.unknown_ops),
                "naive": _sum_cell(group.naive_bytes, "B", group.unknown_bytes_ops),
                "FLOP/B": _number(group.operations / group.naive_bytes if is_whole else None),
                "parameters": format_si(group.parameters),
                "weights": format_si(group.weight_bytes, "B"),
                "time, placed": _sum_cell(group.time_s, "s", untimed) if group.time_s or untimed else "–",
                "share": _share_cell(group, whole),
            }
        )
    ranked = ["", "share", "time, placed", "FLOPs", "FLOP/B", "naive", "MACs", "ops", "parameters", "weights"]
    return _fitted(shown, lines, ranked, width)


def _share_cell(group: Group, whole: float) -> str:
    if group.untimed_kernels and not group.time_s:
        return "?"
    share = f"{100 * group.time_s / whole:.1f} %" if whole else "–"
    return share + (" + ?" if group.untimed_kernels else "")


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


def _remarks(analysis: Analysis) -> Iterator[str]:
    """What a reader needs to read the columns, and what to do next."""
    for device in analysis.system.devices:
        text = f"{device.slug}: {format_si(device.bandwidth_bytes_per_s, 'B/s')}"
        for dtype in _shown_dtypes(analysis):
            peak = device.peak_flops_per_s(dtype)
            if peak is not None:
                text += f", {format_si(peak, 'FLOP/s')} {dtype}, ridge {_number(device.ridge(dtype))} FLOP/B"
        yield text
    yield "Roofline time = launch + max(operations / peak, moved bytes / bandwidth); mem, comp, ...: what binds."
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
