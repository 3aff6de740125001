"""Output types of NVIDIA's quantisers for TensorRT. Source: as their cost rules."""

from onnx_roofline.base.units import ceil_div
from onnx_roofline.ir.graph import TensorType
from onnx_roofline.ops.cost.contrib.tensorrt import DOMAIN
from onnx_roofline.ops.shape.contrib.parts import Types, contrib, dtype_attr, like
from onnx_roofline.ops.view import OpView

# Element type that an op quantises to.
_QUANTISED = {
    "QuantizeLinear": "int8",
    "TRT_FP8QuantizeLinear": "float8e4m3fn",
    "TRT_INT4QuantizeLinear": "int4",
    "TRT_MXFP8QuantizeLinear": "float8e4m3fn",
}


@contrib(*_QUANTISED, domain=DOMAIN)
def quantize(op: OpView) -> Types:
    """As the input, in the op's own type, or that of a zero point."""
    return (like(op.x, op.input(2).dtype if op.has(2) else dtype_attr(op, "output_dtype", _QUANTISED[op.op_type])),)


@contrib("DequantizeLinear", "TRT_FP8DequantizeLinear", "TRT_INT4DequantizeLinear", domain=DOMAIN)
def dequantize(op: OpView) -> Types:
    """As the input, in the type of the scale unless an attribute names one."""
    return (like(op.x, dtype_attr(op, "output_dtype", op.input(1).dtype)),)


@contrib("TRT_MXFP8DequantizeLinear", domain=DOMAIN)
def dequantize_with_exponents(op: OpView) -> Types:
    """As the input, in the type that the attribute names; the scales are exponents."""
    return (like(op.x, dtype_attr(op, "output_dtype", "float32")),)


def _blocks(op: OpView, block_size: int) -> tuple[int, ...]:
    """Dims with one scale for each block of an axis, the last by default."""
    shape, size = list(op.x.shape), op.int_attr("block_size", block_size)
    axis = op.int_attr("axis", -1)
    shape[axis] = ceil_div(shape[axis], size)
    return tuple(shape)


@contrib("TRT_MXFP8DynamicQuantize", domain=DOMAIN)
def mxfp8_dynamic_quantize(op: OpView) -> Types:
    """FP8 like the input, and the exponents of its blocks in bytes."""
    return like(op.x, dtype_attr(op, "output_dtype", "float8e4m3fn")), TensorType("uint8", _blocks(op, 32))


@contrib("TRT_FP4DynamicQuantize", domain=DOMAIN)
def fp4_dynamic_quantize(op: OpView) -> Types:
    """FP4 like the input, and a scale for each of its blocks, in FP8 by default."""
    scales = TensorType(dtype_attr(op, "scale_type", "float8e4m3fn"), _blocks(op, 16))
    return like(op.x, "float4e2m1"), scales


@contrib("TRT_FP4QDQ", domain=DOMAIN)
def fp4_there_and_back(op: OpView) -> Types:
    """As the input."""
    return (like(op.x),)
