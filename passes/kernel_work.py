"""Kernel work: operations, bytes and products of every kernel, once for all who ask."""

from typing import ClassVar

from msgspec import Struct

from onnx_roofline.base.terms import MathMode
from onnx_roofline.ir.graph import Model
from onnx_roofline.ir.kernel_work import NO_KERNEL_WORK, KernelWork
from onnx_roofline.ir.pipeline import PassResult
from onnx_roofline.ir.records import Kernel, Reuse, Traffic, TypedOp, Work
from onnx_roofline.memory.kernel_work import kernel_works


class KernelWorkPass(Struct, frozen=True):
    """Sums what the members of a kernel do. Options: `math` of float32 products, and the backend's `edge_layouts`."""

    math: MathMode = "fp32"
    edge_layouts: bool = False

    name: ClassVar[str] = "kernel-work"
    requires: ClassVar[tuple[type, ...]] = (TypedOp, Work, Kernel, Traffic, Reuse)
    produces: ClassVar[type] = KernelWork

    def run(self, model: Model) -> PassResult:
        """A KernelWork for every row: the kernel's at its root, an empty one elsewhere."""
        found = kernel_works(model, self.math, edge_layouts=self.edge_layouts)
        return PassResult({key: found.get(key, NO_KERNEL_WORK) for key in model.column(Kernel)})
