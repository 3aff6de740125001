"""A sweep as table rows, CSV and JSON, all from the same points."""

import csv
import io
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial

from onnx_roofline.base.quantities import format_percent, format_si
from onnx_roofline.base.text import csv_cell, plural, visible
from onnx_roofline.report import contract
from onnx_roofline.report.csv_table import Cell, Row
from onnx_roofline.report.encoding import encode_indented
from onnx_roofline.report.header import NAME_WIDTH, basis_parts, open_bodies
from onnx_roofline.report.text_table import Column, Screen, Table
from onnx_roofline.what_if.axes import Value
from onnx_roofline.what_if.points import BoundShare, Point
from onnx_roofline.what_if.sweep import Sweep
from onnx_roofline.what_if.sweep_flips import FlipStep, SweepFlip, What

# Shares of the time that a cell names, and the smallest of them.
_SHOWN_SHARES, _LEAST_SHARE = 3, 0.05
# The console that has room for all of them, and characters of the shares on a narrow one.
_ROOM_FOR_SHARES, _LEAST_BOUND = 130, 32
_UNKNOWN = format_si(None)

TITLES: dict[What, str] = {
    "model": "what most of the time is bound by",
    "device": "where kernels run",
    "bound": "what binds kernels where they run",
}


def axis_text(value: Value) -> str:
    """A value of an axis: `1,024`, `0.5`, `h100-sxm`."""
    return visible(value, NAME_WIDTH) if isinstance(value, str) else f"{value:,}" if isinstance(value, int) else (
        f"{value:g}"
    )  # fmt: skip


def share_text(point: Point, one: BoundShare) -> str:
    """`dram` of the GPU, `PIM stream` of the PIM."""
    return f"PIM {one.bound}" if one.device and one.device != point.devices[0] else one.bound


def bound_text(point: Point, shown: int = _SHOWN_SHARES) -> str:
    """`matrix 66 %, launch 12 %`: what the time goes to, the largest first."""
    named = [one for one in point.shares[:shown] if one.share >= _LEAST_SHARE]
    return ", ".join(f"{share_text(point, one)} {format_percent(one.share)}" for one in named) or _UNKNOWN


def point_table(sweep: Sweep, screen: Screen) -> Table:
    """A row a point, with as many shares as there is room for; columns that say nothing at any point are left out."""
    shown = _SHOWN_SHARES if screen.is_wide or screen.width >= _ROOM_FOR_SHARES else _SHOWN_SHARES - 1
    unit = sweep.items.unit if sweep.items is not None else "item"
    names = dict.fromkeys(name for point in sweep.points for name in point.placements if name != "optimum")
    axes = [Column(f"axis {place}", visible(axis.name, NAME_WIDTH), is_left=not numbered(axis.values))
            for place, axis in enumerate(sweep.axes)]  # fmt: skip
    found: tuple[tuple[Column, Callable[[Point], str]], ...] = (
        (Column("time", "time"), _time),
        (Column("item", "per item", 60), lambda point: format_si(point.item_s, "s")),
        (Column("rate", f"{unit}s/s", 50), lambda point: format_si(point.count_per_s)),
        (Column("bound", "bound by", is_left=True, gives=_LEAST_BOUND), partial(bound_text, shown=shown)),
        (Column("pim", "on the PIM", 90), _on_pim),
        *((Column(name, name, 91 if name.startswith("all") else 130), partial(_time, name=name)) for name in names),
        (Column("memory", "memory", 92), _memory),
        (Column("moved", "moved", 96), lambda point: format_si(point.moved_bytes, "B")),
        (Column("energy", "energy", 97), lambda point: format_si(point.energy_j, "J")),
        (Column("untimed", "without a time"), lambda point: _UNKNOWN if not point.untimed else (
            plural(point.untimed, "kernel"))),
    )  # fmt: skip
    told = [(column, cell) for column, cell in found if _tells(sweep, column, cell)]
    rows = []
    for point in sweep.points:
        row = {column.key: axis_text(value) for column, value in zip(axes, point.values, strict=True)}
        row |= {column.key: cell(point) for column, cell in told} if not point.refusal else {"time": "not valid"}
        rows.append(row)
    return Table("points", [*axes, *(column for column, _ in told)], rows)


def _tells(sweep: Sweep, column: Column, cell: Callable[[Point], str]) -> bool:
    """Whether a column says something; the time of the only item is that of the run."""
    valid = [point for point in sweep.points if not point.refusal]
    is_told = column.key != "item" or any(point.batch != 1 for point in valid)
    return is_told and any(cell(point) != _UNKNOWN for point in valid)


def _on_pim(point: Point) -> str:
    return f"{point.on_pim:,} of {len(point.kernels):,}" if len(point.devices) > 1 else _UNKNOWN


def _time(point: Point, name: str = "optimum") -> str:
    """Seconds of a placement, marked where they leave out kernels."""
    found = point.placements.get(name)
    return format_si(found, "s") + (" + ?" if point.untimed and found is not None else "")


def _memory(point: Point) -> str:
    return format_si(point.memory_bytes, "B") + (", DOES NOT FIT" if point.fits is False else "")


def first_line(sweep: Sweep) -> str:
    """What was swept, on what, and what nobody stated."""
    over = " x ".join(f"{visible(axis.name, NAME_WIDTH)} ({len(axis.values):,})" for axis in sweep.axes)
    systems = dict.fromkeys(" + ".join(point.devices) for point in sweep.points if point.devices)
    parts = [f"{plural(len(sweep.points), 'point')} over {over}", ", ".join(systems)]
    if sweep.items is not None and sweep.items.unit != "item":
        parts.append(f"{sweep.items.unit}s of {visible(sweep.items.input, NAME_WIDTH)}")
    parts += held_lines(sweep)
    refused = next((point for point in sweep.points if point.refusal), None)
    if refused is not None:
        parts.append(f"not valid at some points: {visible(refused.refusal, 160)}")
    return " · ".join(parts)


def held_lines(sweep: Sweep) -> list[str]:
    """What holds at every point: dims that are stated and assumed, the width, figures that are set."""
    settings = sweep.settings
    stated = [f"{visible(name, NAME_WIDTH)}={size:,}" for name, size in settings.dims.items()]
    parts = [f"dims: {', '.join(stated)}"] if stated else []
    if sweep.assumed:
        parts.append(f"ASSUMED dims: {', '.join(visible(one, NAME_WIDTH) for one in sweep.assumed)}")
    parts += basis_parts(sweep.basis, settings)
    if settings.figures:
        parts.append("SET " + ", ".join(f"{path}={value:g}" for path, value in settings.figures.items()))
    return parts


def flip_table(sweep: Sweep, what: What, top: int) -> Table:
    """The first flips of one kind; where other axes are held, their values stand in front."""
    held = [place for place, axis in enumerate(sweep.axes) if axis.name != sweep.flip_axis]
    columns = [Column(f"axis {place}", visible(sweep.axes[place].name, NAME_WIDTH), is_left=True) for place in held]
    columns += [
        Column("kernels", "kernels"),
        Column("root", "root", is_left=True, wraps=True),
        Column("first", "the first", 110, is_left=True, gives=12),
        Column("steps", f"over {visible(sweep.flip_axis, NAME_WIDTH)}", is_left=True, wraps=True),
    ]
    found = [one for one in sweep.flips if one.what == what]
    rows = []
    for one in found[:top]:
        row = {f"axis {place}": axis_text(value) for place in held if (value := one.at[place]) is not None}
        if one.kernels:
            row |= {"kernels": f"{len(one.kernels):,}", "root": visible(one.label), "first": visible(one.kernels[0])}
        rows.append({**row, "steps": steps_text(sweep, one)})
    more = f" · {len(found) - top:,} more, --top {len(found)}" if len(found) > top else ""
    return Table(f"{TITLES[what]}{more}", columns, rows)


def steps_text(sweep: Sweep, one: SweepFlip) -> str:
    """`dram from 1, matrix from 65`, or devices; `from 65..72` where it is known to lie in there."""
    gpus = {point.devices[0] for point in sweep.points if point.devices}
    parts = []
    for step in one.steps:
        first = f"{step.first:,}" if step.is_exact else f"{(step.after or 0) + 1:,}..{step.first:,}"
        parts.append(f"{_state_text(step, gpus)} from {first}")
    return ", ".join(parts)


def _state_text(step: FlipStep, gpus: Collection[str]) -> str:
    device, bound = step.state.device, step.state.bound
    if bound is None:
        return device or "nowhere"
    return bound if device is None or device in gpus else f"PIM {bound}"


def held_text(sweep: Sweep, one: SweepFlip) -> list[str]:
    """`system=h100-sxm`: the values of the other axes at which a flip was found."""
    pairs = zip(sweep.axes, one.at, strict=True)
    return [f"{visible(axis.name, NAME_WIDTH)}={axis_text(value)}" for axis, value in pairs if value is not None]


def rate_text(sweep: Sweep, point: Point) -> str:
    """`1.2 ms per item, 4.2 k tokens/s`, as far as the model has a batch."""
    if sweep.items is None or point.count_per_s is None:
        return ""
    rate = f"{format_si(point.count_per_s)} {sweep.items.unit}s/s"
    return rate if point.batch == 1 else f"{format_si(point.item_s, 's')} per item, {rate}"


def point_rows(sweep: Sweep) -> Iterator[Row]:
    """A flat row a point: the axes, then plain numbers in base units, None where unknown."""
    unit = sweep.items.unit if sweep.items is not None else "item"
    names = list(dict.fromkeys(name for point in sweep.points for name in point.placements))
    states = list(dict.fromkeys(_state_of(one) for point in sweep.points for one in point.shares))
    for point in sweep.points:
        largest, known = point.largest, not point.refusal
        shares = {_state_of(one): one.share for one in point.shares}
        row: dict[str, Cell] = {axis.name: value for axis, value in zip(sweep.axes, point.values, strict=True)}
        row |= {
            "devices": " + ".join(point.devices) or None,
            "time_s": point.time_s,
            "time_per_item_s": point.item_s,
            "items": point.batch,
            f"{unit}s_per_s": point.count_per_s,
            "bound": None if largest is None else _state_of(largest),
            "bound_share": None if largest is None else largest.share,
            "macs": point.macs,
            "compulsory_bytes": point.compulsory_bytes,
            "moved_bytes": point.moved_bytes,
            "memory_bytes": point.memory_bytes,
            "fits": None if point.fits is None else int(point.fits),
            "energy_j": point.energy_j,
            "kernels": len(point.kernels) if known else None,
            "kernels_on_pim": point.on_pim if known else None,
            "kernels_without_time": point.untimed if known else None,
        }
        row |= {f"{name.replace(' ', '_')}_s": point.placements.get(name) for name in names}
        row |= {f"share_{state.replace(' ', '_')}": shares.get(state, 0.0) if known else None for state in states}
        yield {**row, "refusal": point.refusal or None}


def write_csv(sweep: Sweep) -> Iterator[str]:
    """Lines of the CSV, header first."""
    rows = list(point_rows(sweep))
    for cells in (list(rows[0]), *(row.values() for row in rows)):
        buffer = io.StringIO()
        texts = [csv_cell(cell) if isinstance(cell, str) else "" if cell is None else cell for cell in cells]
        csv.writer(buffer, lineterminator="\n").writerow(texts)
        yield buffer.getvalue()


def sweep_document(sweep: Sweep) -> str:
    """The sweep as JSON text: every point with the device of every kernel, and the flips."""
    whole = contract.Sweep(
        axes=tuple(contract.SweepAxis(axis.name, axis.kind, axis.values) for axis in sweep.axes),
        item="" if sweep.items is None else sweep.items.unit,
        points=tuple(map(_point, sweep.points)),
        flip_axis=sweep.flip_axis or None,
        flips=tuple(_flip(one) for one in sweep.flips),
        rests_on=(*held_lines(sweep), *open_bodies(sweep.open)),
    )
    return encode_indented(contract.SweepDocument(contract.SCHEMA_VERSION, contract.TOOL, whole))


def _point(point: Point) -> "contract.SweepPoint":
    return contract.SweepPoint(
        values=point.values,
        refusal=point.refusal or None,
        devices=point.devices,
        time_s=point.time_s,
        time_per_item_s=point.item_s,
        items=point.batch,
        count_per_s=point.count_per_s,
        bounds=tuple(contract.SweepBound(one.device or None, one.bound, one.share) for one in point.shares),
        placements=dict(point.placements),
        macs=point.macs,
        compulsory_bytes=point.compulsory_bytes,
        moved_bytes=point.moved_bytes,
        memory_bytes=point.memory_bytes,
        fits=point.fits,
        energy_j=point.energy_j,
        kernels_on_pim=point.on_pim,
        kernels_without_time=point.untimed,
        kernels={key: state.device for key, state in point.kernels.items()},
    )


def _flip(one: SweepFlip) -> "contract.SweepFlip":
    steps = tuple(contract.SweepStep(step.first, step.after, step.state.device, step.state.bound) for step in one.steps)
    return contract.SweepFlip(one.what, one.at, one.kernels, one.label, steps)


def _state_of(one: BoundShare) -> str:
    return f"{one.bound} of {one.device}" if one.device else one.bound


def numbered(values: Sequence[Value]) -> bool:
    """Whether the values of an axis are numbers, which have places on a scale."""
    return all(not isinstance(value, str) for value in values)
