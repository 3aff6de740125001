"""Roofline: every op against the peak and the bandwidth of every device, for one execution.

Time = launch + max(operations / peak, bytes / bandwidth). The peak is that of the op's own element type; a type without
a peak is not supported on that device. An op that computes nothing needs no peak.

Source: Williams, Waterman, Patterson: Roofline, CACM 52(4), 2009.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from onnx_roofline.graph import Model
from onnx_roofline.hardware import Device, System
from onnx_roofline.pipeline import PassResult
from onnx_roofline.records import Roof, Roofline, Traffic, TypedOp, Work


@dataclass(frozen=True)
class RooflinePass:
    """Option `system`: the devices to put every op on."""

    system: System = field(repr=True)

    name: ClassVar[str] = "roofline"
    requires: ClassVar[tuple[type, ...]] = (TypedOp, Work, Traffic)
    produces: ClassVar[type] = Roofline

    def run(self, model: Model) -> PassResult:
        """A Roofline for every row; rows that are not `compute` cost nothing."""
        works, traffics = model.column(Work), model.column(Traffic)
        rows: dict[str, Roofline] = {}
        memo: dict[object, Roofline] = {}
        for key, row in model.column(TypedOp).items():
            work, traffic = works[key], traffics[key]
            operations = None if work.counts is None else work.counts.operations
            signature = (row.role, operations, traffic.naive_bytes, work.compute_dtype, work.moves_data)
            found = memo.get(signature)
            if found is None:
                found = memo[signature] = Roofline(self._roofs(operations, traffic.naive_bytes, work))
            rows[key] = found
        return PassResult(rows)

    def _roofs(self, operations: int | None, moved_bytes: int | None, work: Work) -> Mapping[str, Roof]:
        return {
            device.slug: roof_of(device, operations, moved_bytes, work.compute_dtype) for device in self.system.devices
        }


def roof_of(device: Device, operations: int | None, moved_bytes: int | None, dtype: str) -> Roof:
    """One op on one device: `operations` at `dtype` with `moved_bytes` of traffic; None is unknown."""
    intensity = None if operations is None or not moved_bytes else operations / moved_bytes
    if operations == 0 and moved_bytes == 0:
        return Roof(True, "", None, device.ridge(dtype), None, 0.0, 0.0, 0.0, 0.0, "nothing to do")
    memory_time_s = None if moved_bytes is None else moved_bytes / device.bandwidth_bytes_per_s
    peak = device.peak_flops_per_s(dtype)
    if peak is None and operations != 0:
        reason = f"{device.name} has no peak for {dtype or 'an unknown type'}"
        return Roof(False, reason, intensity, None, None, None, memory_time_s, None, None, "unsupported")
    compute_time_s = None if operations is None else operations / peak if operations and peak else 0.0
    ridge = device.ridge(dtype)
    attainable = None if intensity is None or peak is None else min(peak, intensity * device.bandwidth_bytes_per_s)
    if compute_time_s is None or memory_time_s is None:
        return Roof(True, "its work is unknown", intensity, ridge, attainable, compute_time_s, memory_time_s,
                    device.launch_s, None, "unknown")  # fmt: skip
    busy_s = max(compute_time_s, memory_time_s)
    bound = "compute" if compute_time_s > memory_time_s else "memory"
    if device.launch_s > busy_s:
        bound = "launch"
    return Roof(True, "", intensity, ridge, attainable, compute_time_s, memory_time_s, device.launch_s,
                device.launch_s + busy_s, bound)  # fmt: skip
