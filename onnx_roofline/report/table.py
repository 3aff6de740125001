"""The report on the terminal: coverage and assumptions first, then totals, the costliest ops and the roll-ups."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from onnx_roofline.analysis import Analysis
from onnx_roofline.graph import Dim
from onnx_roofline.records import Executions, Placement, Roof, Roofline, Traffic, TypedOp, Work
from onnx_roofline.report.names import visible
from onnx_roofline.summary import Group, Summary
from onnx_roofline.units import format_si

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

# Characters of an op's name, module or type in a column.
NAME_WIDTH = 44


def render(analysis: Analysis, top: int, depth: int) -> "Iterator[RenderableType]":
    """The report: `top` rows in each table, modules cut to `depth` levels (0: as deep as they are)."""
    from rich.text import Text

    yield Text(first_line(analysis))
    yield Text(_model_line(analysis))
    yield Text("")
    yield _totals_table(analysis)
    yield _ops_table(analysis, top)
    yield _groups_table("By op type", analysis.summary.by_type, analysis.summary, top)
    modules = merge_modules(analysis.summary.by_module, depth)
    if len(modules) > 1:
        yield _groups_table("By module", modules, analysis.summary, top)
    yield from (Text(line) for line in _remarks(analysis))


def first_line(analysis: Analysis) -> str:
    """Coverage, assumed dims and system: what the figures below rest on."""
    summary = analysis.summary
    known = summary.ops - summary.unknown_ops
    share = f"{100 * known / summary.ops:.4g} %" if summary.ops else "no ops"
    parts = [f"coverage: {share} of {summary.ops:,} ops ({_statuses(summary)})"]
    if summary.unknown_ops:
        weight = summary.unknown_bytes_share
        shown = "an unknown share" if weight is None else f"{100 * weight:.3g} %"
        types = ", ".join(visible(name, 40) for name in summary.unknown_op_types[:4])
        parts.append(f"unknown: {types}{' ...' if len(summary.unknown_op_types) > 4 else ''}, {shown} of the bytes")
    assumed = {name: dim for name, dim in analysis.model.dims.items() if dim.origin == "assumed"}
    if assumed:
        parts.append(f"ASSUMED dims: {_dims(assumed)}")
    if analysis.settings.assume_dtype:
        parts.append(f"floating tensors ASSUMED {analysis.settings.assume_dtype}")
    parts.append(f"system: {analysis.system.slug}")
    return " · ".join(parts)


def _statuses(summary: Summary) -> str:
    return ", ".join(f"{count:,} {status}" for status, count in summary.status_counts.items() if count) or "none"


def _dims(dims: Mapping[str, Dim]) -> str:
    shown = [f"{visible(name, 40)}={dim.value}" for name, dim in list(dims.items())[:6]]
    return ", ".join(shown) + (f" and {len(dims) - 6} more" if len(dims) > 6 else "")


def _model_line(analysis: Analysis) -> str:
    info, summary = analysis.model.info, analysis.summary
    opsets = ", ".join(f"{visible(domain, 40)} {version}" for domain, version in list(info.opsets.items())[:5])
    parts = [
        f"model: {visible(info.path.rpartition('/')[2])}",
        f"opset {opsets}",
        f"{summary.parameters:,} parameters ({format_si(summary.weight_bytes, 'B')})",
    ]
    bound = {name: dim for name, dim in analysis.model.dims.items() if dim.origin == "bound"}
    if bound:
        parts.append(f"dims: {_dims(bound)}")
    if info.producer:
        parts.append(visible(info.producer, 60))
    return " · ".join(parts)


def _table(title: str) -> "Table":
    from rich import box
    from rich.table import Table

    return Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)


def _totals_table(analysis: Analysis) -> "Table":
    summary, system = analysis.summary, analysis.system
    table = _table("Totals of one run" + (" (of what is known)" if summary.unknown_ops else ""))
    for header in ("MACs", "FLOPs", "bytes, op by op", "FLOP/B", "peak activations", "steps in a row"):
        table.add_column(header, justify="right", no_wrap=True)
    for device in system.devices:
        table.add_column(f"all on {device.slug}", justify="right", no_wrap=True)
    table.add_column("each op on its faster", justify="right", no_wrap=True)
    intensity = summary.counts.operations / summary.naive_bytes if summary.naive_bytes else None
    table.add_row(
        format_si(summary.counts.macs),
        format_si(summary.counts.flops),
        format_si(summary.naive_bytes, "B"),
        _number(intensity),
        format_si(summary.peak_activation_bytes, "B"),
        f"{summary.sequential_steps:,}",
        *(_device_time(summary, device.slug) for device in system.devices),
        format_si(summary.time_s["placement"], "s"),
    )
    return table


def _device_time(summary: Summary, slug: str) -> str:
    time_s = summary.time_s[slug]
    if time_s is None:
        return f"can't run {summary.unsupported_ops[slug]:,} ops"
    return format_si(time_s, "s")


@dataclass(frozen=True)
class Alike:
    """Ops of one type that cost the same, as layers that repeat do: the first of them and how many there are."""

    first: str
    count: int
    time_s: float


def costliest(analysis: Analysis, top: int) -> list[Alike]:
    """The ops whose executions take longest where they are placed, those that cost the same taken together."""
    model = analysis.model
    executions, placements, works = model.column(Executions), model.column(Placement), model.column(Work)
    traffics, groups = model.column(Traffic), dict[object, list[str]]()
    for key, row in model.column(TypedOp).items():
        work = works[key]
        if row.role == "compute" and (work.moves_data or work.counts is None):
            signature = (row.op.qualified_type, work.counts, traffics[key].naive_bytes, executions[key].count,
                         placements[key].device)  # fmt: skip
            groups.setdefault(signature, []).append(key)

    def cost(keys: list[str]) -> tuple[float, int]:
        counts = works[keys[0]].counts
        time_s = (placements[keys[0]].time_s or 0.0) * float(executions[keys[0]].count) * len(keys)
        return -time_s, 0 if counts is None else -counts.flops

    ranked = sorted(groups.values(), key=cost)[:top]
    return [Alike(keys[0], len(keys), -cost(keys)[0]) for keys in ranked]


def _ops_table(analysis: Analysis, top: int) -> "Table":
    from rich.text import Text

    model = analysis.model
    groups = costliest(analysis, top)
    table = _table("The costliest ops; figures of one execution of one op, share of all alike")
    table.add_column("op", no_wrap=True, overflow="ellipsis", max_width=NAME_WIDTH)
    table.add_column("name", no_wrap=True, overflow="ellipsis", max_width=NAME_WIDTH)
    for header in ("alike", "runs", "MACs", "FLOPs", "bytes", "FLOP/B"):
        table.add_column(header, justify="right", no_wrap=True)
    for device in analysis.system.devices:
        table.add_column(f"on {device.slug}", justify="right", no_wrap=True)
    table.add_column("place", no_wrap=True)
    table.add_column("share", justify="right", no_wrap=True)
    whole = sum(group.time_s for group in analysis.summary.by_type)
    for alike in groups:
        key = alike.first
        row, work = model.column(TypedOp)[key], model.column(Work)[key]
        roofs, placement = model.column(Roofline)[key].devices, model.column(Placement)[key]
        executions = model.column(Executions)[key].count
        size, counts = model.column(Traffic)[key].naive_bytes, work.counts
        table.add_row(
            Text(visible(key, NAME_WIDTH)),
            Text(visible(_short_name(row.op.name), NAME_WIDTH)),
            f"{alike.count:,}",
            f"{float(executions):.4g}" if executions.denominator != 1 else f"{executions.numerator:,}",
            "unknown" if counts is None else format_si(counts.macs),
            "unknown" if counts is None else format_si(counts.flops),
            "unknown" if size is None else format_si(size, "B"),
            _number(roofs[analysis.system.devices[0].slug].intensity),
            *(_roof_cell(roofs[device.slug]) for device in analysis.system.devices),
            Text(placement.device or placement.reason),
            f"{100 * alike.time_s / whole:.1f} %" if whole else "–",
        )
    return table


def _short_name(name: str) -> str:
    """The last two parts of a scope-style name; the module roll-up has the rest."""
    return "/".join(name.split("/")[-2:])


def _roof_cell(roof: Roof) -> str:
    if not roof.supported:
        return "no peak"
    if roof.total_time_s is None:
        return "unknown"
    return f"{format_si(roof.total_time_s, 's')} {roof.bound[:3]}"


def merge_modules(groups: tuple[Group, ...], depth: int) -> tuple[Group, ...]:
    """Module roll-up with paths cut to `depth` levels; 0 leaves them whole."""
    if depth <= 0:
        return groups
    merged: dict[str, Group] = {}
    for group in groups:
        name = "/".join(group.name.split("/")[:depth])
        known = merged.get(name)
        merged[name] = group if known is None else _sum(name, known, group)
        if known is None and group.name != name:
            merged[name] = _sum(name, Group(name, 0, 0, 0, 0, 0.0, 0), group)
    return tuple(sorted(merged.values(), key=lambda group: (-group.time_s, -group.flops, group.name)))


def _sum(name: str, a: Group, b: Group) -> Group:
    return Group(name, a.ops + b.ops, a.macs + b.macs, a.flops + b.flops, a.naive_bytes + b.naive_bytes,
                 a.time_s + b.time_s, a.unknown_ops + b.unknown_ops)  # fmt: skip


def _groups_table(title: str, groups: tuple[Group, ...], summary: Summary, top: int) -> "Table":
    from rich.text import Text

    shown = groups[:top]
    table = _table(f"{title}, all executions" + (f" (the first {top} of {len(groups)})" if len(groups) > top else ""))
    table.add_column("", no_wrap=True, overflow="ellipsis", max_width=2 * NAME_WIDTH)
    for header in ("ops", "MACs", "FLOPs", "bytes", "FLOP/B", "time, placed", "share"):
        table.add_column(header, justify="right", no_wrap=True)
    whole = sum(group.time_s for group in summary.by_type)
    for group in shown:
        unknown = " + ?" if group.unknown_ops else ""
        table.add_row(
            Text(visible(group.name, 2 * NAME_WIDTH) or "(no module)"),
            f"{group.ops:,}",
            format_si(group.macs) + unknown,
            format_si(group.flops) + unknown,
            format_si(group.naive_bytes, "B"),
            _number(group.flops / group.naive_bytes if group.naive_bytes else None),
            format_si(group.time_s, "s"),
            f"{100 * group.time_s / whole:.1f} %" if whole else "–",
        )
    return table


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


def _remarks(analysis: Analysis) -> Iterator[str]:
    """What a reader needs to read the columns, and what to do next."""
    devices = "; ".join(
        f"{device.slug}: {format_si(device.bandwidth_bytes_per_s, 'B/s')}"
        + "".join(f", {format_si(device.peak_flops_per_s(dtype), 'FLOP/s')} {dtype}, ridge {_number(device.ridge(dtype))}"
                  for dtype in _shown_dtypes(analysis) if device.peak_flops_per_s(dtype))
        for device in analysis.system.devices
    )  # fmt: skip
    yield f"FLOPs = 2 x MACs + every other float op. Bytes: each op alone, each operand once. {devices} FLOP/B."
    yield "Time = launch + max(FLOPs / peak, bytes / bandwidth); mem, com, lau: what binds. Placement ignores transfers."


def _shown_dtypes(analysis: Analysis) -> list[str]:
    """The element type that most of the model's operations are in."""
    sums: dict[str, int] = {}
    for work in analysis.model.column(Work).values():
        if work.counts is not None and work.compute_dtype:
            sums[work.compute_dtype] = sums.get(work.compute_dtype, 0) + work.counts.operations
    return sorted(sums, key=lambda dtype: -sums[dtype])[:1]
