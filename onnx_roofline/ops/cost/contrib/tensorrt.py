"""NVIDIA's quantisers for TensorRT: FP8, MXFP8, INT4 and NVFP4. n: elements, b: blocks of one scale.

A scale that is found at run time costs the maximum of its block and its division; rounding is a conversion.
Source of every layout: NVIDIA Model-Optimizer, modelopt/torch/quantization/export_onnx.py; onnx-tensorrt,
onnxOpImporters.cpp.
"""

from onnx_roofline.base.units import dmax
from onnx_roofline.ir.records import Counts, Work
from onnx_roofline.ops.cost.contrib.parts import contrib, dequantize_counts, quantize_counts
from onnx_roofline.ops.cost.quantization import dequantize_linear, quantize_linear
from onnx_roofline.ops.cost.registry import own_elements, work
from onnx_roofline.ops.traits import DEQUANTIZES, QUANTIZES
from onnx_roofline.ops.view import OpView

DOMAIN = "trt"

contrib("QuantizeLinear", domain=DOMAIN, source="onnx-tensorrt, QuantizeLinear in the domain trt", traits=QUANTIZES)(
    quantize_linear
)
contrib(
    "DequantizeLinear", domain=DOMAIN, source="onnx-tensorrt, DequantizeLinear in the domain trt", traits=DEQUANTIZES
)(dequantize_linear)


@contrib("TRT_FP8QuantizeLinear", "TRT_INT4QuantizeLinear", "TRT_MXFP8QuantizeLinear", domain=DOMAIN, traits=QUANTIZES)
def quantize(op: OpView) -> Work:
    """divs: n + compares: 2n to saturate.

    x, scale: one for all, or one for each block. Source: onnx-tensorrt, QuantDequantLinearHelper.
    """
    return work(op, quantize_counts(op.x.elements, False), dtype=op.x.dtype, parameters=own_elements(op, 1))


@contrib(
    "TRT_FP8DequantizeLinear",
    "TRT_INT4DequantizeLinear",
    "TRT_MXFP8DequantizeLinear",
    domain=DOMAIN,
    traits=DEQUANTIZES,
)
def dequantize(op: OpView) -> Work:
    """muls: n.

    q, scale: one for all, or one for each block. Source: onnx-tensorrt, QuantDequantLinearHelper.
    """
    return work(op, dequantize_counts(op.x.elements, False), dtype=op.out.dtype, parameters=own_elements(op, 0, 1))


def _dynamic(op: OpView, blocks: int) -> Counts:
    n = op.x.elements
    return Counts(compares=dmax(0, n - blocks), divs=blocks) + quantize_counts(n, False)


@contrib("TRT_MXFP8DynamicQuantize", domain=DOMAIN)
def mxfp8_dynamic_quantize(op: OpView) -> Work:
    """compares: n - b for the maximum of each block + divs: b for its scale, a power of 2 + divs: n + compares: 2n.

    x -> FP8 like it, and an exponent for each block. Source: Model-Optimizer, _mxfp8_dynamic_quantize.
    """
    return work(op, _dynamic(op, op.output(1).elements), dtype=op.x.dtype)


@contrib("TRT_FP4DynamicQuantize", domain=DOMAIN)
def fp4_dynamic_quantize(op: OpView) -> Work:
    """As TRT_MXFP8DynamicQuantize, and the scale of each block is quantised to FP8: divs: b + compares: 2b.

    x, the scale of the scales -> FP4 like x, an FP8 scale for each block. An element is divided by the product of
    both (muls: b). Source: Model-Optimizer, _fp4_dynamic_quantize.
    """
    blocks = op.output(1).elements
    counts = _dynamic(op, blocks) + quantize_counts(blocks, False) + Counts(muls=blocks)
    return work(op, counts, dtype=op.x.dtype, parameters=own_elements(op, 1))


@contrib("TRT_FP4QDQ", domain=DOMAIN)
def fp4_there_and_back(op: OpView) -> Work:
    """As TRT_FP4DynamicQuantize, then muls: n and b back; blocks of `block_size` along the last axis.

    Stands for a weight's two DequantizeLinear until the exporter has replaced it. Source: Model-Optimizer, export_fp4.
    """
    n = op.x.elements
    blocks = n // dmax(1, op.int_attr("block_size", 16))
    counts = _dynamic(op, blocks) + quantize_counts(blocks, False) + Counts(muls=2 * blocks + n)
    return work(op, counts, parameters=own_elements(op, 0))
