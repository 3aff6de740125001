"""Quantisation: Q and DQ ops fold into the ops that need their results, as quantised runtimes execute them.

An op is read through if it only rearranges, selects or scales: a product behind it reads the quantised tensor and
restores the numbers itself, and what lies between moves quantised bytes. A product of quantised operands alone runs on
integer units; arithmetic and moves need a QuantizeLinear behind them too, which they take over. The work of each Q and
DQ op is counted once, where it folds; a tensor is read at the width at which it was written.

Source: onnxruntime, core/optimizer/qdq_transformer/selectors_actions, and graphs that onnxruntime 1.32 wrote; NVIDIA,
TensorRT developer guide, "Explicit quantization", for what a compiler folds.
"""

from collections.abc import Mapping
from typing import ClassVar

from msgspec import Struct

from onnx_roofline.fusion.quantized import Reach, quantized_parts
from onnx_roofline.fusion.quantized_foldings import foldings_of, hidden_operands
from onnx_roofline.fusion.quantized_tensors import Names
from onnx_roofline.ir.graph import Model, Notice
from onnx_roofline.ir.pipeline import PassResult
from onnx_roofline.ir.records import UNFOLDED, Folding, TypedOp
from onnx_roofline.ops.cost.lookup import traits_of


class QuantizationFolding(Struct, frozen=True):
    """Options: the backend's are how far a Q or DQ op reaches, and which op types restore single operands; `multiplied`
    are the element types that a device of the system has a peak for (None: all). A product of others is restored.
    """

    reach: Reach = "through"
    weight_only: tuple[str, ...] | None = None
    multiplied: frozenset[str] | None = None

    name: ClassVar[str] = "quantization"
    unprinted: ClassVar[tuple[str, ...]] = ("multiplied",)
    requires: ClassVar[tuple[type, ...]] = (TypedOp,)
    produces: ClassVar[type] = Folding

    def run(self, model: Model) -> PassResult:
        """A Folding for every row."""
        rows = model.column(TypedOp)
        found: dict[str, Folding] = {}
        notices: tuple[Notice, ...] = ()
        if self.reach != "off" and any(traits_of(row.op).dequantizes for row in rows.values()):
            names = Names.of(model)
            parts = quantized_parts(names, self.reach, self.weight_only, self.multiplied)
            found = foldings_of(parts)
            if self.reach != "through":
                found, notices = hidden_operands(parts, found)
            notices += _without_unit(parts.unmultiplied)
        return PassResult({key: found.get(key, UNFOLDED) for key in rows}, notices)


def _without_unit(products: Mapping[str, str]) -> tuple[Notice, ...]:
    """One notice of the products that restore their operands since no device multiplies their type."""
    if not products:
        return ()
    first, dtype = next(iter(products.items()))
    many = "a product" if len(products) == 1 else f"{len(products):,} products"
    text = f"{many} of {dtype} restored and run in floating point: no device of the system has a peak for {dtype}"
    return (Notice("no-unit", first, text),)
