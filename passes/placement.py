"""Placement, first level: for each op by itself, the device with the lower roofline time.

Ignores transfers, capacity and neighbours: it says where an op would run best alone.
"""

from dataclasses import dataclass
from typing import ClassVar

from onnx_roofline.graph import Model
from onnx_roofline.hardware import Device, System
from onnx_roofline.pipeline import PassResult
from onnx_roofline.records import Kernel, Placement, Roof, Roofline, TypedOp, Work
from onnx_roofline.units import format_si


@dataclass(frozen=True)
class PlacementPass:
    """Option `system`: the devices to choose between."""

    system: System

    name: ClassVar[str] = "placement"
    requires: ClassVar[tuple[type, ...]] = (TypedOp, Work, Kernel, Roofline)
    produces: ClassVar[type] = Placement

    def run(self, model: Model) -> PassResult:
        """A Placement for every row; ops that compute and move nothing are out of placement."""
        works, roofs, kernels = model.column(Work), model.column(Roofline), model.column(Kernel)
        memo: dict[int, Placement] = {}
        rows: dict[str, Placement] = {}
        for key, row in model.column(TypedOp).items():
            kernel = kernels[key]
            if not kernel.id:
                rows[key] = Placement(None, "not placed", works[key].note or row.role, 0.0)
                continue
            roofline = roofs[kernel.id]
            if kernel.id != key:
                root = _choose(roofline, self.system.devices) if id(roofline) not in memo else memo[id(roofline)]
                rows[key] = Placement(root.device, "fused", f"part of kernel {kernel.id}", 0.0)
                continue
            found = memo.get(id(roofline))
            if found is None:
                found = memo[id(roofline)] = _choose(roofline, self.system.devices)
            rows[key] = found
        return PassResult(rows)


def _choose(roofline: Roofline, devices: tuple[Device, ...]) -> Placement:
    able = [device for device in devices if roofline.devices[device.slug].supported]
    if not able:
        reasons = "; ".join(roofline.devices[device.slug].reason for device in devices)
        return Placement(None, "unsupported", reasons, None)
    timed = [(roofline.devices[device.slug].total_time_s, device) for device in able]
    known = [(time_s, device) for time_s, device in timed if time_s is not None]
    if not known:
        return Placement(None, "unknown", "its work is unknown, so no time can be given", None)
    time_s, best = min(known, key=lambda pair: pair[0])
    refused = [roofline.devices[device.slug].reason for device in devices if device not in able]
    if refused:
        return Placement(best.slug, "unsupported", "; ".join(refused), time_s)
    parts = [f"{device.name}: {_described(roofline.devices[device.slug])}" for device in devices]
    return Placement(best.slug, "faster alone", "; ".join(parts), time_s)


def _described(roof: Roof) -> str:
    """`1.0 µs, memory-bound (16 < ridge 250 FLOP/B)`."""
    text = f"{format_si(roof.total_time_s, 's')}, {roof.bound}-bound"
    if roof.intensity is None or roof.ridge is None:
        return text
    sign = "<" if roof.intensity < roof.ridge else "≥"
    return f"{text} ({roof.intensity:.4g} {sign} ridge {roof.ridge:.4g} FLOP/B)"
