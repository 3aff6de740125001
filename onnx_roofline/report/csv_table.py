"""The per-op table as CSV: one row an op and scope, plain numbers in base units, empty where unknown."""

import csv
import io
from collections.abc import Iterator, Sequence

from onnx_roofline.analysis.analyze import Analysis
from onnx_roofline.base.text import csv_cell
from onnx_roofline.hardware import Device
from onnx_roofline.ir.find_op import row_labels
from onnx_roofline.ir.placed_records import Placement, Roof, Roofline
from onnx_roofline.ir.records import COUNT_CLASSES, Executions, Kernel, Traffic, TypedOp, Work, op_status

Cell = str | int | float | None
Row = dict[str, Cell]

# Columns with texts from the model's or the pack's file, of which a spreadsheet would take some for formulas.
_NAMES = frozenset({"id", "name", "op_type", "domain", "module", "rule", "kernel", "pattern", "label"})


def write_csv(analysis: Analysis) -> Iterator[str]:
    """Lines of the CSV, header first."""
    header = _columns(analysis)
    yield _line(header)
    for row in table_rows(analysis):
        yield _line([csv_cell(str(cell)) if name in _NAMES else cell for name, cell in row.items()])


def table_rows(analysis: Analysis) -> Iterator[Row]:
    """A flat row an op and scope, in order: numbers in base units, None where unknown, names as in the file.

    Counts and bytes are of one execution of the op. Intensity is that of the op alone; times and bounds are those of
    its kernel under the placement's time model and stand at the kernel's root. `label` tells rows of one name apart by
    module or tensor, and is what `explain` takes.
    """
    model, devices, columns = analysis.model, analysis.system.devices, _columns(analysis)
    works, traffics, executions = model.column(Work), model.column(Traffic), model.column(Executions)
    roofs, placements, kernels = model.column(Roofline), model.column(Placement), model.column(Kernel)
    labels = row_labels(model)
    for key, row in model.column(TypedOp).items():
        work, counts, count = works[key], works[key].counts, executions[key].count
        roof, held = roofs[key].devices, analysis.summary.weights.of((key,))
        cells = (
            *(key, row.op.name, row.op.op_type, row.op.domain, row.op.module),
            row.role,
            count.numerator if count.denominator == 1 else float(count),
            op_status(work, traffics[key], executions[key]),
            work.rule,
            work.compute_dtype,
            *((None, None) if counts is None else (counts.macs, counts.flops)),
            *(None if counts is None else getattr(counts, name) for name in COUNT_CLASSES[1:]),
            traffics[key].naive_bytes,
            traffics[key].compulsory_bytes,
            _intensity(work, traffics[key]),
            kernels[key].id,
            kernels[key].pattern,
            *(cell for device in devices for cell in _time(placements[key], roof[device.slug], device.slug)),
            placements[key].device,
            placements[key].reason,
            held.parameters,
            held.weight_bytes,
            *(cell for device in devices for cell in _engine_times(placements[key], device)),
            labels[key],
        )
        yield dict(zip(columns, cells, strict=True))


def _columns(analysis: Analysis) -> list[str]:
    header = ["id", "name", "op_type", "domain", "module", "role", "executions", "status", "rule", "compute_dtype",
              "macs", "flops", *COUNT_CLASSES[1:], "naive_bytes", "compulsory_bytes", "intensity_flops_per_byte",
              "kernel", "pattern"]  # fmt: skip
    header += [f"{device.slug}_{figure}" for device in analysis.system.devices for figure in ("time_s", "bound")]
    header += ["placement", "placement_reason", "parameters", "weight_bytes"]
    for device in analysis.system.devices:
        figures = ("low_s", "high_s", "launch_s", *(f"{name}_s" for name in _engines(device)))
        header += [f"{device.slug}_{figure}" for figure in figures]
    return [*header, "label"]


def _time(placement: Placement, roof: Roof, slug: str) -> tuple[float | None, str]:
    """Seconds and bound under the placement's time model; those of the roofline where nothing was placed."""
    entry = placement.devices.get(slug)
    return (roof.total_time_s, roof.bound) if entry is None else (entry.time_s, entry.bound)


def _engine_times(placement: Placement, device: Device) -> tuple[float | None, ...]:
    """The band, the launch and the engines of a time; None where there is no time."""
    entry, names = placement.devices.get(device.slug), _engines(device)
    if entry is None or entry.time_s is None:
        return (None,) * (3 + len(names))
    return (entry.low_s, entry.high_s, entry.launch_s, *(entry.engines.get(name) for name in names))


def _engines(device: Device) -> tuple[str, ...]:
    """What the time of a kernel on a device is made of."""
    if device.gpu is not None:
        return ("matrix", "vector", "special", "l2", "dram", "latency")
    return ("stream", "activate", "io", "refresh") if device.pim is not None else ("compute", "memory")


def _intensity(work: Work, traffic: Traffic) -> float | None:
    if work.counts is None or not traffic.naive_bytes:
        return None
    return work.counts.operations / traffic.naive_bytes


def _line(cells: Sequence[Cell]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow(["" if cell is None else cell for cell in cells])
    return buffer.getvalue()
