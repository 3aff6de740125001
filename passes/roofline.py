"""Roofline: every kernel against the peak and the bandwidth of every device, for one execution."""

from typing import ClassVar

from msgspec import Struct

from onnx_roofline.hardware import System
from onnx_roofline.ir.graph import Model
from onnx_roofline.ir.kernel_work import KernelWork
from onnx_roofline.ir.pipeline import PassResult
from onnx_roofline.ir.placed_records import Roofline
from onnx_roofline.ir.records import Kernel
from onnx_roofline.timing.roofline import FUSED, NOTHING_TO_DO, roof_of


class RooflinePass(Struct, frozen=True):
    """Option `system`: the devices to put every kernel on."""

    system: System

    name: ClassVar[str] = "roofline"
    requires: ClassVar[tuple[type, ...]] = (Kernel, KernelWork)
    produces: ClassVar[type] = Roofline

    def run(self, model: Model) -> PassResult:
        """A Roofline for every row: the kernel's at its root, nothing at the other members."""
        works, devices = model.column(KernelWork), self.system.devices
        fused = Roofline({device.slug: FUSED for device in devices})
        nothing = Roofline({device.slug: NOTHING_TO_DO for device in devices})
        # Kernels alike share one record of work, which the column keeps alive.
        memo: dict[int, Roofline] = {}
        rows: dict[str, Roofline] = {}
        for key, kernel in model.column(Kernel).items():
            if kernel.id != key:
                rows[key] = fused if kernel.id else nothing
                continue
            work = works[key]
            if id(work) not in memo:
                memo[id(work)] = Roofline({device.slug: roof_of(device, work) for device in devices})
            rows[key] = memo[id(work)]
        return PassResult(rows)
