"""What an op says of itself in someone else's format: its figures as flat `onnx_roofline.*` entries."""

from collections.abc import Mapping

from onnx_roofline.analysis.analyze import Analysis
from onnx_roofline.ir.placed_records import Placement, Roofline
from onnx_roofline.ir.records import Executions, Kernel, Reuse, Traffic, TypedOp, Work

# The namespace of every entry, so that a reader tells them from those of the file.
PREFIX = "onnx_roofline."

Figure = int | float | str


def op_annotations(analysis: Analysis, key: str) -> dict[str, Figure]:
    """The figures of one row, without the prefix; what is unknown is absent, never 0.

    Counts and bytes are those of one execution of the op. Moved bytes, time and bound are of its kernel where that is
    placed, and stand at the kernel's root.
    """
    model = analysis.model
    row, work, traffic = model.column(TypedOp)[key], model.column(Work)[key], model.column(Traffic)[key]
    kernel, placement = model.column(Kernel)[key], model.column(Placement)[key]
    executions, counts = model.column(Executions)[key].count, work.counts
    figures: dict[str, Figure | None] = {
        "id": key,
        "role": row.role,
        "module": row.op.module or None,
        "status": work.status,
        "executions": executions.numerator if executions.denominator == 1 else float(executions),
        "macs": None if counts is None else counts.macs,
        "flops": None if counts is None else counts.flops,
        "naive_bytes": traffic.naive_bytes,
        "compulsory_bytes": traffic.compulsory_bytes,
    }
    if kernel.id:
        figures |= {"kernel": kernel.id, "fusion": kernel.pattern, "placement": placement.device}
    if kernel.id == key and placement.device is not None:
        moved = model.column(Reuse)[key].devices.get(placement.device)
        figures |= {
            "placement_reason": placement.reason,
            "moved_bytes": None if moved is None else moved.moved_bytes,
            "intensity_flops_per_byte": model.column(Roofline)[key].devices[placement.device].intensity,
            "time_s": placement.time_s,
            "bound": placement.devices[placement.device].bound,
        }
    return {name: figure for name, figure in figures.items() if figure is not None}


def model_annotations(analysis: Analysis) -> Mapping[str, Figure]:
    """The figures of the whole model, without the prefix; what is unknown is absent."""
    summary = analysis.summary
    figures: dict[str, Figure | None] = {
        "system": analysis.system.slug,
        "pipeline": analysis.pipeline,
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
