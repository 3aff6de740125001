"""An analysis as points of a roofline picture."""

from collections.abc import Mapping

from onnx_roofline.analysis.analyze import Analysis
from onnx_roofline.ir.placed_records import Placement, Roofline
from onnx_roofline.ir.records import Executions, TypedOp, Work
from onnx_roofline.report.plot.figure import draw_roofline
from onnx_roofline.report.plot.marks import PlotPoint


def draw_analysis(analysis: Analysis, path: str) -> None:
    """Write the picture of a model: every placed op on the roofs of both devices.

    Raises UsageError for a suffix that is not .svg, .png or .pdf, MissingExtraError without matplotlib.
    """
    dtype = dominant_dtype(analysis)
    title = analysis.model.info.path.rpartition("/")[2]
    draw_roofline(path, title, analysis.system, dtype, plot_points(analysis))


def dominant_dtype(analysis: Analysis) -> str:
    """The element type that most operations of the model are in, by number; float32 for a model without any."""
    sums: dict[str, int] = {}
    for work in analysis.model.column(Work).values():
        if work.counts is not None and work.counts.operations:
            sums[work.compute_dtype] = sums.get(work.compute_dtype, 0) + work.counts.operations
    supported = {d: n for d, n in sums.items() if any(dev.peak_flops_per_s(d) for dev in analysis.system.devices)}
    return max(supported, key=lambda dtype: supported[dtype], default="float32")


def plot_points(analysis: Analysis) -> list[PlotPoint]:
    """One point for every op that is placed and has an intensity."""
    model = analysis.model
    executions, placements, roofs = model.column(Executions), model.column(Placement), model.column(Roofline)
    points = []
    for key, row in model.column(TypedOp).items():
        placement, devices = placements[key], roofs[key].devices
        intensity = next(iter(devices.values())).intensity
        count = float(executions[key].count)
        if placement.device is None or intensity is None or not count:
            continue
        attainable: Mapping[str, float] = {
            slug: roof.attainable_flops_per_s
            for slug, roof in devices.items()
            if roof.attainable_flops_per_s is not None
        }
        label = row.op.op_type
        time_s = (placement.time_s or 0.0) * count
        points.append(PlotPoint(label, intensity, placement.device, time_s, attainable))
    return points
