"""Output types of Brevitas', QONNX' and FINN's quantisers. Source: as their cost rules."""

from collections.abc import Callable

from onnx_roofline.base.units import dmax
from onnx_roofline.ir.graph import TensorType
from onnx_roofline.ops.cost.contrib.qonnx import DOMAINS
from onnx_roofline.ops.shape.contrib.parts import Types, contrib, like, matmul_shape, windows
from onnx_roofline.ops.shape.registry import ShapeRule
from onnx_roofline.ops.view import OpView


def _qonnx(*op_types: str) -> Callable[[ShapeRule], ShapeRule]:
    def register(function: ShapeRule) -> ShapeRule:
        for domain in DOMAINS:
            contrib(*op_types, domain=domain)(function)
        return function

    return register


@_qonnx("Quant", "IntQuant", "BipolarQuant", "FloatQuant", "Trunc", "MultiThreshold")
def same(op: OpView) -> Types:
    """As the input: the values are few, the type is not narrower."""
    return (like(op.x),)


@_qonnx("QuantAvgPool2d")
def average_pool(op: OpView) -> Types:
    """Square windows without padding, over [N, C, H, W] or [N, H, W, C]."""
    taps, step = op.int_attr("kernel", 1), op.int_attr("stride", 1)
    shape, is_last = list(op.x.shape), op.str_attr("data_layout", "NCHW") == "NHWC"
    for axis in (1, 2) if is_last else (2, 3):
        shape[axis] = dmax(0, (shape[axis] - taps) // step + 1)
    return (TensorType(op.x.dtype, tuple(shape)),)


@_qonnx("MaxPoolNHWC")
def max_pool(op: OpView) -> Types:
    """[N, H, W, C]."""
    batch, *spatial, channels = op.x.shape
    return (TensorType(op.x.dtype, (batch, *windows(op, tuple(spatial), op.ints_attr("kernel_shape")), channels)),)


@_qonnx("Im2Col")
def windows_as_rows(op: OpView) -> Types:
    """[N, H, W, C] -> [N, oH, oW, kH kW C]."""
    batch, height, width, channels = op.x.shape
    kernel, strides = op.ints_attr("kernel_size"), op.ints_attr("stride")
    pads, dilations = op.ints_attr("pad_amount", (0, 0, 0, 0)), op.ints_attr("dilations", (1, 1))
    places = [
        (size + pads[axis] + pads[axis + 2] - dilations[axis] * (kernel[axis] - 1) - 1) // strides[axis] + 1
        for axis, size in enumerate((height, width))
    ]
    return (TensorType(op.x.dtype, (batch, *places, kernel[0] * kernel[1] * channels)),)


@_qonnx("XnorPopcountMatMul")
def binary_product(op: OpView) -> Types:
    """numpy.matmul."""
    return (TensorType(op.x.dtype, matmul_shape(op.x.shape, op.input(1).shape)),)
