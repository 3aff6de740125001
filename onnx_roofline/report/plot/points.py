"""An analysis as points of a roofline picture, and what the picture can't show."""

from collections import Counter
from typing import Literal, get_args

from onnx_roofline.analysis.analyze import Analysis
from onnx_roofline.base.text import plural
from onnx_roofline.ir.find_op import row_labels
from onnx_roofline.ir.kernel_work import KernelWork
from onnx_roofline.ir.placed_records import Placement, Roofline
from onnx_roofline.ir.records import Executions, Kernel, TypedOp, Work
from onnx_roofline.report.header import first_line
from onnx_roofline.report.plot.figure import draw_roofline, rendered
from onnx_roofline.report.plot.marks import PlotPoint
from onnx_roofline.report.plot.picture import Picture

# Why a kernel that runs has no place on a roofline.
NotDrawn = Literal[
    "", "of unknown operations", "of unknown bytes", "without a time on any device", "without operations",
    "without bytes to move",
]  # fmt: skip
# What binds a kernel that is over before it has started.
_LAUNCH = ("launch", "overhead")


def draw_analysis(analysis: Analysis, path: str) -> None:
    """Write the picture of a model: every placed kernel under the roofs of both devices, where it really is.

    Raises UsageError for a suffix that is not .svg, .png or .pdf, MissingExtraError without matplotlib.
    """
    dtype = dominant_dtype(analysis)
    title = analysis.model.info.path.rpartition("/")[2]
    draw_roofline(path, title, analysis.system, dtype, plot_points(analysis), first_line(analysis), not_drawn(analysis))


def svg_of(analysis: Analysis) -> str:
    """The same picture as the text of an .svg. Raises MissingExtraError without matplotlib."""
    title, dtype = analysis.model.info.path.rpartition("/")[2], dominant_dtype(analysis)
    basis, left_out = first_line(analysis), not_drawn(analysis)
    points = plot_points(analysis)
    data = rendered("svg", lambda _: Picture(title, analysis.system, dtype, points, True, basis, left_out).figure)
    return data.decode("utf-8")


def dominant_dtype(analysis: Analysis) -> str:
    """The element type that most operations of the model are in, by number; float32 for a model without any."""
    sums: dict[str, int] = {}
    for work in analysis.model.column(Work).values():
        if work.counts is not None and work.counts.operations:
            sums[work.compute_dtype] = sums.get(work.compute_dtype, 0) + work.counts.operations
    supported = {d: n for d, n in sums.items() if any(dev.peak_flops_per_s(d) for dev in analysis.system.devices)}
    return max(supported, key=lambda dtype: supported[dtype], default="float32")


def plot_points(analysis: Analysis) -> list[PlotPoint]:
    """One point for every kernel that a picture can show: operations by the time of one execution."""
    model = analysis.model
    executions, placements, roofs = model.column(Executions), model.column(Placement), model.column(Roofline)
    ops, works = model.column(TypedOp), model.column(KernelWork)
    points, labels = [], row_labels(model)
    for key in model.column(Kernel):
        placement, devices = placements[key], roofs[key].devices
        if _reason_not_drawn(analysis, key) != "" or placement.device is None:
            continue
        intensity = devices[placement.device].intensity
        if intensity is None:
            continue
        operations = works[key].total_operations or 0
        achieved = {slug: operations / entry.time_s for slug, entry in placement.devices.items() if entry.time_s}
        op, bound = ops[key].op, placement.devices[placement.device].bound
        time_s = (placement.time_s or 0.0) * float(executions[key].count)
        module, is_launch = op.module or labels[key], bound in _LAUNCH
        points.append(PlotPoint(op.op_type, intensity, placement.device, time_s, achieved, module, is_launch, key))
    return points


def not_drawn(analysis: Analysis) -> str:
    """`Not drawn: 12 kernels without operations, 3 of unknown bytes.`; "" where a picture shows all that run."""
    reasons = Counter(_reason_not_drawn(analysis, key) for key in analysis.model.column(Kernel))
    found = [(reason, reasons[reason]) for reason in get_args(NotDrawn) if reason and reasons[reason]]
    if not found:
        return ""
    (first, count), *others = found
    parts = [f"{plural(count, 'kernel')} {first}", *(f"{count:,} {reason}" for reason, count in others)]
    return f"Not drawn: {', '.join(parts)}."


def _reason_not_drawn(analysis: Analysis, key: str) -> "NotDrawn | None":
    """Why a kernel has no place on the axes, "" where it has one; None for a row that is no kernel or never runs."""
    model = analysis.model
    if model.column(Kernel)[key].id != key or not model.column(Executions)[key].count:
        return None
    work, placement = model.column(KernelWork)[key], model.column(Placement)[key]
    operations, roofs = work.total_operations, model.column(Roofline)[key].devices
    roof = roofs[placement.device] if placement.device is not None else next(iter(roofs.values()))
    if operations is None:
        return "of unknown operations"
    if roof.moved_bytes is None:
        return "of unknown bytes"
    if placement.device is None:
        return "without a time on any device"
    return "without operations" if not operations else "without bytes to move" if not roof.moved_bytes else ""
