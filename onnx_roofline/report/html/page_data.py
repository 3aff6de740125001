"""What the page shows, as columns of plain values: names are interned, floats have the digits that a page shows."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from onnx_roofline.analysis.analyze import Analysis
from onnx_roofline.analysis.kernel_edges import kernel_edges
from onnx_roofline.analysis.summary import WholeTime
from onnx_roofline.analysis.timeline import Span, overlapped, timeline
from onnx_roofline.base.text import visible
from onnx_roofline.hardware import Device
from onnx_roofline.hardware.roofs import compute_roofs, memory_roofs
from onnx_roofline.ir.find_op import row_labels
from onnx_roofline.ir.graph import Model
from onnx_roofline.ir.kernel_work import KernelWork
from onnx_roofline.ir.open_records import dims_of
from onnx_roofline.ir.placed_records import Placement, PlacementSummary, Roofline
from onnx_roofline.ir.records import Executions, Kernel, Reuse, Traffic, TypedOp, Work, op_status
from onnx_roofline.report.header import first_line
from onnx_roofline.report.html.graph_views import lay_out
from onnx_roofline.report.plot.points import not_drawn
from onnx_roofline.report.sweeps import TITLES, bound_text, held_text, rate_text, steps_text
from onnx_roofline.what_if.axes import SYSTEM
from onnx_roofline.what_if.points import Point
from onnx_roofline.what_if.sensitivity import assumed_figures
from onnx_roofline.what_if.sweep import Sweep

# Warnings and assumed figures that the page lists; the JSON has them all.
_LISTED = 50
# Units of what a placement makes least; a product of energy and time has none here.
_UNITS = {"latency": "s", "energy": "J"}
# Significant digits of a float.
_DIGITS = 6


class _Texts:
    """Texts that are repeated, each once; a column holds their places."""

    def __init__(self) -> None:
        self.all: list[str] = []
        self._places: dict[str, int] = {}

    def place(self, text: str) -> int:
        if text not in self._places:
            self._places[text] = len(self.all)
            self.all.append(text)
        return self._places[text]


def page_data(analysis: Analysis, sweep: Sweep | None = None) -> dict[str, Any]:
    """Everything the script draws. Devices are 0 for the GPU and 1 for the PIM, kernels and ops are places in their
    columns, texts are places in `texts`; None is unknown.
    """
    texts = _Texts()
    model = analysis.model
    keys = list(model.column(TypedOp))
    place_of_op = {key: place for place, key in enumerate(keys)}
    roots = [key for key, kernel in model.column(Kernel).items() if kernel.id == key]
    place_of_kernel = {key: place for place, key in enumerate(roots)}
    works = model.column(KernelWork)
    types = sorted({type_ for key in roots for type_ in (works[key].dtype, works[key].math) if type_})
    found: dict[str, Any] = {
        "head": _head(analysis),
        "devices": [_device(device, types) for device in analysis.system.devices],
        "ops": _ops(analysis, keys, place_of_kernel, texts),
        "kernels": _kernels(analysis, roots, place_of_op, texts),
        "spans": [
            _spans(found, analysis, place_of_kernel, texts) for found in (timeline(analysis), overlapped(analysis))
        ],
        "views": _views(analysis, roots, place_of_kernel),
        "sweep": None if sweep is None else _sweep(sweep, place_of_kernel),
    }
    found["texts"] = texts.all
    return found


def _head(analysis: Analysis) -> dict[str, Any]:
    """What the figures rest on, the totals, and the placements."""
    model, summary, system = analysis.model, analysis.summary, analysis.system
    placed = model.whole(PlacementSummary)
    info = model.info
    return {
        "name": visible(info.path.replace("\\", "/").rpartition("/")[2]),
        "basis": first_line(analysis),
        "opsets": ", ".join(f"{visible(domain, 40)} {version}" for domain, version in list(info.opsets.items())[:5]),
        "producer": visible(info.producer, 60),
        "system": f"{system.slug}: {visible(system.name)}",
        "settings": f"backend {visible(str(analysis.settings.backend))}, PIM time model {analysis.settings.pim_model}, "
        f"objective {analysis.settings.objective}",
        "dims": [[visible(name, 60), dim.value, dim.origin, visible(dim.reason)] for name, dim in
                 list(dims_of(model).items())[:_LISTED]],
        "statuses": dict(summary.status_counts),
        "hidden": not_drawn(analysis),
        "macs": summary.counts.macs,
        "flops": summary.counts.flops,
        "uncounted": summary.unknown_counts_ops,
        "unsized": summary.unknown_bytes_ops,
        "naive": summary.naive_bytes,
        "compulsory": summary.compulsory_bytes,
        "moved": [summary.moved[device.slug].moved_bytes for device in system.devices],
        "parameters": summary.parameters,
        "weights": summary.weight_bytes,
        "activations": summary.peak_activation_bytes,
        "steps": summary.sequential_steps,
        "alone": [_whole(summary.times_alone[device.slug]) for device in system.devices],
        "placed": _whole(summary.time_placed),
        "makespan": _short(placed.makespan_s),
        "with_splits": _short(placed.with_splits_s),
        "unit": _UNITS.get(placed.objective_name, ""),
        "proof": placed.proof,
        "placements": [[one.name, _short(one.total_s), _short(one.kernel_s), _short(one.transfer_s), one.on_pim]
                       for one in placed.alternatives],
        "assumed": list(assumed_figures(analysis)[0])[:_LISTED],
        "warnings": [[notice.code, visible(notice.where), visible(notice.message, 400)] for notice in
                     model.warnings[:_LISTED]],
        "warned": len(model.warnings),
    }  # fmt: skip


def _whole(time: WholeTime) -> list[Any]:
    return [_short(time.known_s), time.untimed_kernels]


def _device(device: Device, types: Sequence[str]) -> dict[str, Any]:
    """A device with its roofs: memory levels, and engines in the types that the kernels compute in."""
    return {
        "slug": device.slug,
        "name": visible(device.name),
        "kind": device.kind.upper(),
        "bandwidth": device.bandwidth_bytes_per_s,
        "memory": [[roof.level, roof.bytes_per_s] for roof in memory_roofs(device)],
        "compute": [[roof.engine, roof.dtype, roof.ops_per_s] for roof in compute_roofs(device, types)],
    }


def _ops(analysis: Analysis, keys: list[str], kernels: Mapping[str, int], texts: _Texts) -> dict[str, list[Any]]:
    model = analysis.model
    rows, works, traffics = model.column(TypedOp), model.column(Work), model.column(Traffic)
    executions, kernel_of, weights = model.column(Executions), model.column(Kernel), analysis.summary.weights
    counts = [works[key].counts for key in keys]
    return {
        "id": keys,
        "name": [visible(name) for name in _names(model, keys)],
        "type": [texts.place(visible(rows[key].op.qualified_type)) for key in keys],
        "module": [texts.place(visible(rows[key].op.module, 400)) for key in keys],
        "role": [texts.place(rows[key].role) for key in keys],
        "status": [texts.place(op_status(works[key], traffics[key], executions[key])) for key in keys],
        "kernel": [kernels.get(kernel_of[key].id, -1) for key in keys],
        "macs": [None if found is None else found.macs for found in counts],
        "flops": [None if found is None else found.flops for found in counts],
        "operations": [None if found is None else found.operations for found in counts],
        "naive": [traffics[key].naive_bytes for key in keys],
        "compulsory": [traffics[key].compulsory_bytes for key in keys],
        "runs": [_short(float(executions[key].count)) for key in keys],
        "parameters": [weights.of((key,)).parameters for key in keys],
        "out": [texts.place(", ".join(map(str, rows[key].outputs[:2]))) for key in keys],
    }


def _names(model: Model, keys: list[str]) -> list[str]:
    """The ops' names; of an op without a name, or of one that shares it, its label, "" where that is its id."""
    rows, labels = model.column(TypedOp), row_labels(model)
    counts = Counter(rows[key].op.name for key in keys)
    found = [(key, rows[key].op.name) for key in keys]
    return [name if counts[name] == 1 and name else labels[key] if labels[key] != key else name for key, name in found]


def _kernels(analysis: Analysis, roots: list[str], ops: Mapping[str, int], texts: _Texts) -> dict[str, list[Any]]:
    model = analysis.model
    slugs = [device.slug for device in analysis.system.devices]
    placements, works, kernels = model.column(Placement), model.column(KernelWork), model.column(Kernel)
    roofs, reuses = model.column(Roofline), model.column(Reuse)
    entries = [[placements[key].devices.get(slug) for slug in slugs] for key in roots]
    moved = [[reuses[key].devices.get(slug) for slug in slugs] for key in roots]
    return {
        "root": [ops[key] for key in roots],
        "members": [[ops[member] for member in kernels[key].members] for key in roots],
        "fusion": [texts.place(kernels[key].pattern) for key in roots],
        "device": [_place_of(placements[key].device, slugs) for key in roots],
        "reason": [texts.place(placements[key].reason) for key in roots],
        "regret": [_short(placements[key].regret) for key in roots],
        "transfer": [_short(placements[key].transfer_s) for key in roots],
        "dtype": [texts.place(works[key].dtype) for key in roots],
        "math": [texts.place(works[key].math or works[key].dtype) for key in roots],
        "operations": [works[key].total_operations for key in roots],
        "time": [[None if entry is None else _short(entry.time_s) for entry in pair] for pair in entries],
        "bound": [[texts.place("" if entry is None else entry.bound) for entry in pair] for pair in entries],
        "why": [[texts.place("" if entry is None else "; ".join((entry.reason, *entry.explanation)).strip("; "))
                 for entry in pair] for pair in entries],
        "moved": [[None if found is None else found.moved_bytes for found in pair] for pair in moved],
        "band": [[[_short(roofs[key].devices[slug].time_low_s), _short(roofs[key].devices[slug].time_high_s)]
                  for slug in slugs] for key in roots],
        "plain": [[_short(roofs[key].devices[slug].total_time_s) for slug in slugs] for key in roots],
        "refused": [texts.place("; ".join(visible(text) for text in kernels[key].refused[:4])) for key in roots],
    }  # fmt: skip


def _place_of(slug: str | None, slugs: list[str]) -> int:
    return -1 if slug is None else slugs.index(slug)


def _spans(spans: Sequence[Span], analysis: Analysis, kernels: Mapping[str, int], texts: _Texts) -> list[list[Any]]:
    """[kernel, device, start, duration] of a kernel; a transfer has tensor, bytes and maker after the kernel it is for,
    and 2 in place of the device.
    """
    found: list[list[Any]] = []
    for span in spans:
        times = [_short(span.start_s), _short(span.duration_s)]
        if span.kind == "kernel":
            found.append([kernels[span.kernel], int(span.device != analysis.system.gpu.slug), *times])
        else:
            what = [texts.place(visible(span.tensor)), span.bytes, kernels.get(span.kernel, -1)]
            found.append([kernels.get(span.reader, -1), 2, *times, *what])
    return found


def _sweep(sweep: Sweep, kernels: Mapping[str, int]) -> dict[str, Any]:
    """A column a point, the last axis fastest; the devices of a point are a text with a character a kernel: 0, 1, or -
    for none. Axes of names have no places on a scale.
    """
    names = list(dict.fromkeys(name for point in sweep.points for name in point.placements))
    return {
        "axes": [[visible(axis.name), [visible(value) if isinstance(value, str) else value for value in axis.values],
                  axis.kind == SYSTEM] for axis in sweep.axes],
        "along": visible(sweep.flip_axis),
        "seconds": [[name, [_short(point.placements.get(name)) for point in sweep.points]] for name in names],
        "onPim": [point.on_pim for point in sweep.points],
        "untimed": [point.untimed for point in sweep.points],
        "refusals": [visible(point.refusal, 400) for point in sweep.points],
        "bounds": [bound_text(point) for point in sweep.points],
        "rates": [rate_text(sweep, point) for point in sweep.points],
        "devices": ["".join(_sign(point, key) for key in kernels) for point in sweep.points],
        "flips": [[visible(one.label) or TITLES[one.what], len(one.kernels), kernels.get((*one.kernels, "")[0], -1),
                   ", ".join((*held_text(sweep, one), steps_text(sweep, one)))] for one in sweep.flips],
    }  # fmt: skip


def _sign(point: Point, key: str) -> str:
    state = point.kernels.get(key)
    return "-" if state is None or state.device is None else str(point.devices.index(state.device))


def _views(analysis: Analysis, roots: list[str], kernels: Mapping[str, int]) -> list[list[Any]]:
    rows = analysis.model.column(TypedOp)
    edges = (
        (kernels.get(edge.maker, -1), kernels.get(edge.reader, -1), edge.bytes) for edge in kernel_edges(analysis.model)
    )
    views = lay_out([rows[key].op.module for key in roots], edges)
    return [
        [visible(view.path, 400), view.parent, view.width, view.height,
         [[x, y, inner, _runs(members), visible(name, 80)] for x, y, inner, members, name in view.boxes], view.edges]
        for view in views
    ]  # fmt: skip


def _runs(kernels: Iterable[int]) -> list[int]:
    """Numbers as first and last of each run of neighbours, one after the other.

    >>> _runs([0, 1, 2, 5])
    [0, 2, 5, 5]
    """
    found: list[int] = []
    for kernel in sorted(kernels):
        if found and found[-1] == kernel - 1:
            found[-1] = kernel
        else:
            found += [kernel, kernel]
    return found


def _short(value: float | None) -> float | None:
    """A float with the digits that are shown; a whole number as it is."""
    return None if value is None else float(f"{value:.{_DIGITS}g}")
