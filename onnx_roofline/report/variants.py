"""One model in several precisions: a row of a table for each."""

from onnx_roofline.analysis.analyze import Analysis
from onnx_roofline.analysis.precision.spec import name_of, precision_of
from onnx_roofline.base.quantities import format_share, format_si
from onnx_roofline.report.cells import sum_cell
from onnx_roofline.report.header import without_time

HEADERS = ("precision", "weights", "caches", "activations", "moved", "time", "of the first", "in all", "fits")


def variant_row(analysis: Analysis, first: Analysis) -> tuple[str, ...]:
    """What a precision takes of memory, moves on the GPU and lasts, also as a share of the first variant's time."""
    summary, gpu, found = analysis.summary, analysis.system.gpu, analysis.footprint
    placed, before = summary.time_placed, first.summary.time_placed.time_s
    fits = found.fits(gpu)
    left_out = f" + {without_time(placed.untimed_kernels)}" if placed.untimed_kernels else ""
    share = "–" if placed.time_s is None or not before else format_share(placed.time_s / before)
    return (
        name_of(precision_of(analysis.settings.quantize)),
        format_si(found.weight_bytes, "B"),
        format_si(found.cache_bytes, "B") if found.cache_bytes else "–",
        format_si(found.activation_bytes, "B"),
        sum_cell(summary.moved[gpu.slug].moved_bytes, "B", summary.unknown_bytes_ops),
        format_si(placed.known_s, "s") + left_out,
        share,
        format_si(found.total_bytes, "B"),
        "–" if fits is None else "yes" if fits else "DOES NOT FIT",
    )
