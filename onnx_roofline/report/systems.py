"""One model on several systems: a row of a table for each."""

from onnx_roofline.analysis.analyze import Analysis
from onnx_roofline.base.quantities import format_si
from onnx_roofline.ir.placed_records import PlacementSummary
from onnx_roofline.report.header import without_time

HEADERS = ("system", "time", "on the GPU alone", "moved on it", "its memory", "fits", "kernels on the PIM")


def system_row(analysis: Analysis) -> tuple[str, ...]:
    """The time of the placement, the time and the bytes of the GPU alone, and what its memory takes."""
    summary, gpu, found = analysis.summary, analysis.system.gpu, analysis.footprint
    alone = summary.times_alone[gpu.slug]
    optimum = next(one for one in analysis.model.whole(PlacementSummary).alternatives if one.name == "optimum")
    fits = found.fits(gpu)
    return (
        analysis.system.slug,
        _time(summary.time_placed.known_s, summary.time_placed.untimed_kernels),
        _time(alone.known_s, alone.untimed_kernels),
        format_si(summary.moved[gpu.slug].moved_bytes, "B") + (" + ?" if summary.unknown_bytes_ops else ""),
        "–" if gpu.capacity_bytes is None else found.of_capacity(gpu),
        "–" if fits is None else "yes" if fits else "DOES NOT FIT",
        f"{optimum.on_pim:,}",
    )


def _time(seconds: float, untimed: int) -> str:
    return format_si(seconds, "s") + (f" + {without_time(untimed)}" if untimed else "")
