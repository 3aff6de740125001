"""What a model says of itself in someone else's format: its figures as flat `onnx_roofline.*` entries."""

from collections.abc import Mapping

from onnx_roofline.analysis.analyze import Analysis
from onnx_roofline.report.node_figures import Figure

# The namespace of every entry, so that a reader tells them from those of the file.
PREFIX = "onnx_roofline."


def model_annotations(analysis: Analysis) -> Mapping[str, Figure]:
    """The figures of the whole model, without the prefix; what is unknown is absent."""
    summary = analysis.summary
    figures: dict[str, Figure | None] = {
        "system": analysis.system.slug,
        "pipeline": analysis.pipeline,
        "assume_dtype": analysis.settings.float_dtype or None,
        "macs": summary.counts.macs,
        "flops": summary.counts.flops,
        "parameters": summary.parameters,
        "weight_bytes": summary.weight_bytes,
        "naive_bytes": summary.naive_bytes,
        "compulsory_bytes": summary.compulsory_bytes,
        "moved_bytes": summary.moved[analysis.system.gpu.slug].moved_bytes,
        "time_s": summary.time_placed.time_s,
    }
    return {name: figure for name, figure in figures.items() if figure is not None}
