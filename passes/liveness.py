"""Liveness: how many bytes of activations are in memory while each kernel runs."""

from typing import ClassVar

from msgspec import Struct

from onnx_roofline.ir.graph import Model
from onnx_roofline.ir.pipeline import PassResult
from onnx_roofline.ir.records import Folding, Kernel, Live, Traffic, TypedOp, Work
from onnx_roofline.memory.kv_caches import InPlace
from onnx_roofline.memory.liveness import find_live


class Liveness(Struct, frozen=True):
    """Follows the kernels, not the ops: what one never writes is not alive."""

    name: ClassVar[str] = "liveness"
    requires: ClassVar[tuple[type, ...]] = (TypedOp, Folding, Work, InPlace, Kernel, Traffic)
    produces: ClassVar[type] = Live

    def run(self, model: Model) -> PassResult:
        """A Live for every row, and the PeakActivations."""
        live, peak = find_live(model)
        return PassResult(live, wholes=(peak,))
