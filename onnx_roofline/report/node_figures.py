"""The figures of one op that viewers show beside it: few, flat, without what is unknown."""

from fractions import Fraction

from onnx_roofline.analysis.analyze import Analysis
from onnx_roofline.ir.placed_records import Placement, Roofline
from onnx_roofline.ir.records import Executions, Kernel, Reuse, Traffic, TypedOp, Work, op_status

Figure = int | float | str


class NodeFigures:
    """Figures of the ops of one analysis by their row ids."""

    def __init__(self, analysis: Analysis) -> None:
        self._analysis, self._model = analysis, analysis.model

    def of(self, key: str) -> dict[str, Figure]:
        """Name to figure of one execution of an op; a figure that is unknown is left out.

        Moved bytes, time and bound are of a whole kernel and stand at its root; `kernel` of the other members names it.
        """
        model = self._model
        work, traffic, kernel = model.column(Work)[key], model.column(Traffic)[key], model.column(Kernel)[key]
        placement, runs = model.column(Placement)[key], model.column(Executions)[key]
        executions, status = runs.count, op_status(work, traffic, runs)
        found: dict[str, Figure | None] = {"id": key, "status": status, "role": model.column(TypedOp)[key].role}
        if work.counts is not None:
            found |= {"macs": work.counts.macs, "flops": work.counts.flops}
        found["naive_bytes"] = traffic.naive_bytes
        found["compulsory_bytes"] = traffic.compulsory_bytes
        found["executions"] = executions.numerator if executions.denominator == 1 else float(Fraction(executions))
        if kernel.id:
            found |= {"kernel": kernel.id, "fusion": kernel.pattern, "placement": placement.device}
        if kernel.id == key and placement.device is not None:
            found |= self._of_kernel(key, placement)
        return {name: value for name, value in found.items() if value is not None}

    def _of_kernel(self, root: str, placement: Placement) -> dict[str, Figure | None]:
        assert placement.device is not None
        moved = self._model.column(Reuse)[root].devices.get(placement.device)
        return {
            "placement_reason": placement.reason,
            "moved_bytes": None if moved is None else moved.moved_bytes,
            "intensity_flops_per_byte": self._model.column(Roofline)[root].devices[placement.device].intensity,
            "time_s": placement.time_s,
            "bound": placement.devices[placement.device].bound,
        }
