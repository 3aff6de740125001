"""An analysis as points of a roofline picture."""

from onnx_roofline.analysis.analyze import Analysis
from onnx_roofline.ir.kernel_work import KernelWork
from onnx_roofline.ir.placed_records import Placement, Roofline
from onnx_roofline.ir.records import Executions, Kernel, TypedOp, Work
from onnx_roofline.report.header import first_line
from onnx_roofline.report.plot.figure import draw_roofline
from onnx_roofline.report.plot.marks import PlotPoint

# What binds a kernel that is over before it has started.
_LAUNCH = ("launch", "overhead")


def draw_analysis(analysis: Analysis, path: str) -> None:
    """Write the picture of a model: every placed kernel under the roofs of both devices, where it really is.

    Raises UsageError for a suffix that is not .svg, .png or .pdf, MissingExtraError without matplotlib.
    """
    dtype = dominant_dtype(analysis)
    title = analysis.model.info.path.rpartition("/")[2]
    draw_roofline(path, title, analysis.system, dtype, plot_points(analysis), first_line(analysis))


def dominant_dtype(analysis: Analysis) -> str:
    """The element type that most operations of the model are in, by number; float32 for a model without any."""
    sums: dict[str, int] = {}
    for work in analysis.model.column(Work).values():
        if work.counts is not None and work.counts.operations:
            sums[work.compute_dtype] = sums.get(work.compute_dtype, 0) + work.counts.operations
    supported = {d: n for d, n in sums.items() if any(dev.peak_flops_per_s(d) for dev in analysis.system.devices)}
    return max(supported, key=lambda dtype: supported[dtype], default="float32")


def plot_points(analysis: Analysis) -> list[PlotPoint]:
    """One point for every kernel that is placed and has an intensity: operations by the time of one execution."""
    model = analysis.model
    executions, placements, roofs = model.column(Executions), model.column(Placement), model.column(Roofline)
    ops, works = model.column(TypedOp), model.column(KernelWork)
    points = []
    for key, kernel in model.column(Kernel).items():
        placement, devices, count = placements[key], roofs[key].devices, float(executions[key].count)
        if kernel.id != key or placement.device is None or not count:
            continue
        intensity = devices[placement.device].intensity
        if intensity is None:
            continue
        operations = works[key].total_operations or 0
        achieved = {slug: operations / entry.time_s for slug, entry in placement.devices.items() if entry.time_s}
        op, bound = ops[key].op, placement.devices[placement.device].bound
        time_s = (placement.time_s or 0.0) * count
        points.append(
            PlotPoint(op.op_type, intensity, placement.device, time_s, achieved, op.module or op.name, bound in _LAUNCH)
        )
    return points
