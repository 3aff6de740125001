"""Quantisers of Brevitas, QONNX and FINN: floating-point tensors that hold few values. n: output elements.

Rounding is a conversion and not counted; a zero point that is known to be 0 is not added.
Source of every formula: qonnx, docs/qonnx-custom-ops and src/qonnx/custom_op/general, the sample implementations.
"""

from collections.abc import Callable

from onnx_roofline.base.units import product
from onnx_roofline.ir.records import Contraction, Counts, Work
from onnx_roofline.ops.cost.contraction import matmul_contraction
from onnx_roofline.ops.cost.contrib.parts import contraction_work, contrib
from onnx_roofline.ops.cost.contrib.products import channels_first
from onnx_roofline.ops.cost.pooling import max_pool
from onnx_roofline.ops.cost.quantization import has_zero_point
from onnx_roofline.ops.cost.registry import RuleFunction, own_elements, work
from onnx_roofline.ops.view import OpView

# Brevitas exports under its own name; qonnx, which was part of FINN, reads all three alike.
DOMAINS = ("qonnx.custom_op.general", "onnx.brevitas", "finn.custom_op.general")


def _qonnx(*op_types: str) -> Callable[[RuleFunction], RuleFunction]:
    def register(function: RuleFunction) -> RuleFunction:
        for domain in DOMAINS:
            contrib(*op_types, domain=domain)(function)
        return function

    return register


@_qonnx("Quant", "IntQuant")
def integer_quantiser(op: OpView) -> Work:
    """divs: n + compares: 2n + muls: n, and adds: 2n with a zero point: to integers and back.

    x, scale, zero point, number of bits. Source: qonnx, IntQuant.
    """
    n = op.out.elements
    counts = Counts(divs=n, compares=2 * n, muls=n, adds=2 * n if has_zero_point(op, 2) else 0)
    return work(op, counts, dtype=op.x.dtype, parameters=own_elements(op, 1, 2))


@_qonnx("BipolarQuant")
def bipolar_quantiser(op: OpView) -> Work:
    """compares: n + muls: n: the sign, times the scale.

    x, scale. Source: qonnx, BipolarQuant.
    """
    n = op.out.elements
    return work(op, Counts(compares=n, muls=n), dtype=op.x.dtype, parameters=own_elements(op, 1))


@_qonnx("FloatQuant")
def float_quantiser(op: OpView) -> Work:
    """divs: 2n + transcendentals: 2n + adds: 2n + compares: 3n + muls: 2n: to a small float format and back.

    Scaled, the exponent of each element (log2, at least the format's least, exp2), its mantissa, saturated, scaled
    back. x, scale, bits of exponent and mantissa, bias, largest value. Source: qonnx, FloatQuant.
    """
    each = Counts(divs=2, transcendentals=2, adds=2, compares=3, muls=2)
    return work(op, each.scaled(op.out.elements), dtype=op.x.dtype, parameters=own_elements(op, 1))


@_qonnx("Trunc")
def truncation(op: OpView) -> Work:
    """divs: 2n + muls: n, adds: 2n with a zero point; version 2 saturates too: compares: 2n.

    x, scale, zero point, bits before, then bits after, or scale, zero point and bits after. Source: qonnx, Trunc.
    """
    n = op.out.elements
    saturates = len(op.inputs) > 5
    counts = Counts(divs=2 * n, muls=n, adds=2 * n if has_zero_point(op, 2) else 0, compares=2 * n * saturates)
    held = own_elements(op, 1, 2, *((4, 5) if saturates else ()))
    return work(op, counts, dtype=op.x.dtype, parameters=held)


@_qonnx("MultiThreshold")
def thresholds(op: OpView) -> Work:
    """compares: n T + int_ops: n T for T thresholds, all compared and counted; muls: n, adds: n for scale and bias.

    x [N, C, ...], thresholds [C, T] or [1, T]. Source: qonnx, MultiThreshold.
    """
    n, count = op.out.elements, op.input(1).shape[1]
    scales, shifts = op.float_attr("out_scale", 1.0) != 1.0, op.float_attr("out_bias", 0.0) != 0.0
    counts = Counts(compares=n * count, int_ops=n * count, muls=n * scales, adds=n * shifts)
    return work(op, counts, dtype=op.x.dtype, parameters=own_elements(op, 1))


@_qonnx("QuantAvgPool2d")
def average_pool(op: OpView) -> Work:
    """adds: (k k - 1) n + int_ops: n: the sum of a window of k x k, shifted to the output's bits.

    Source: qonnx, QuantAvgPool2d.
    """
    taps, n = op.int_attr("kernel", 1) ** 2, op.out.elements
    return work(op, Counts(adds=(taps - 1) * n, int_ops=n), dtype=op.x.dtype)


@_qonnx("MaxPoolNHWC")
def max_pool_channels_last(op: OpView) -> Work:
    """As MaxPool on [N, H, W, C].

    Source: qonnx, MaxPoolNHWC.
    """
    return max_pool(channels_first(op))


@_qonnx("Im2Col")
def windows_as_rows(op: OpView) -> Work:
    """nothing; reads the image once and writes every window.

    x [N, H, W, C] -> [N, oH, oW, kH kW C]. Source: qonnx, Im2Col.
    """
    return work(op, dtype=op.x.dtype)


@_qonnx("XnorPopcountMatMul")
def binary_product(op: OpView) -> Work:
    """macs: output elements x K + adds and muls: n and one for each element of A and B: zeros are made signs, and back.

    A [..., K], B [K, N] of zeros and ones in floating point. Source: qonnx, XnorPopcountMatMul.
    """
    n = op.out.elements
    part: Contraction = matmul_contraction(op.input(0), op.input(1), op.out)
    signs = op.x.elements + product(op.input(1).shape)
    # 2 x - 1 of both operands, then (y + K) / 2.
    return contraction_work(op, (part,), Counts(adds=n + signs, muls=n + signs))
