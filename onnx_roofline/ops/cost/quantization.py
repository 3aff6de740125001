"""Quantised ops: MACs on 8-bit operands, counted as MACs; what surrounds them, as integer operations.

A zero point that is given is subtracted from every element of its operand, once, unless it is known to be 0.
"""

from onnx_roofline.base.units import FLOAT_DTYPES, dmax
from onnx_roofline.ir.records import Contraction, Counts, Work
from onnx_roofline.ops.cost.contraction import conv_contraction, matmul_contraction
from onnx_roofline.ops.cost.registry import own_elements, rule, work
from onnx_roofline.ops.traits import DEQUANTIZES, QUANTIZES
from onnx_roofline.ops.view import Operand, OpView

# Requantisation of an accumulator: factor, zero point, and saturation at two ends.
_REQUANTISATION = Counts(muls=1, adds=1, compares=2)


def has_zero_point(op: OpView, position: int) -> bool:
    """Whether the zero point at `position` has to be handled: it is given, and not known to be 0 throughout."""
    return op.has(position) and not (op.input(position).is_known and not op.input(position).value.any())


def _offsets(op: OpView, *pairs: tuple[int, int]) -> Counts:
    """The subtraction of zero points; `pairs` are the positions of (operand, its zero point)."""
    return Counts(adds=sum(op.input(operand).elements for operand, zero in pairs if has_zero_point(op, zero)))


def _peak(operand: Operand) -> str:
    """Element type of the product: int8 for the 8-bit integers, the operand's own for 8-bit floats."""
    return operand.dtype if operand.dtype in FLOAT_DTYPES else "int8"


def _product(op: OpView, contraction: Contraction, macs: int, surroundings: Counts) -> Work:
    """The product; what stands beside its operands are scales, zero points and the bias: parameters at any rank."""
    held = own_elements(op, *range(1, len(op.inputs)))
    counts = Counts(macs=macs) + surroundings
    return work(op, counts, contractions=(contraction,), dtype=_peak(op.x), parameters=held)


@rule("MatMulInteger")
def matmul_integer(op: OpView) -> Work:
    """macs: output elements x K + int_ops: elements of each operand with a zero point.

    A [..., M, K], B [..., K, N], their zero points. Source: ONNX MatMulInteger-10.
    """
    product_ = matmul_contraction(op.input(0), op.input(1), op.out)
    return _product(op, product_, product_.macs, _offsets(op, (0, 2), (1, 3)))


@rule("QLinearMatMul")
def qlinear_matmul(op: OpView) -> Work:
    """macs: output elements x K + int_ops: elements of each operand with a zero point + int_ops: 4n to requantise.

    a, scale, zero point; b, scale, zero point; scale, zero point of y. Source: ONNX QLinearMatMul-21.
    """
    product_ = matmul_contraction(op.input(0), op.input(3), op.out, rhs=3)
    surroundings = _offsets(op, (0, 2), (3, 5)) + _REQUANTISATION.scaled(op.out.elements)
    return _product(op, product_, product_.macs, surroundings)


@rule("ConvInteger")
def conv_integer(op: OpView) -> Work:
    """macs: output elements x C_in / g x taps + int_ops: elements of each operand with a zero point.

    x, w, their zero points. Source: ONNX ConvInteger-10.
    """
    product_ = conv_contraction(op, op.input(0), op.input(1), op.out)
    return _product(op, product_, op.out.elements * product_.k, _offsets(op, (0, 2), (1, 3)))


@rule("QLinearConv")
def qlinear_conv(op: OpView) -> Work:
    """macs: output elements x C_in / g x taps + int_ops: 4n to requantise, n for a bias, one per offset element.

    x, scale, zero point; w, scale, zero point; scale, zero point of y; bias. Source: ONNX QLinearConv-10.
    """
    product_ = conv_contraction(op, op.input(0), op.input(3), op.out, rhs=3)
    n = op.out.elements
    surroundings = _offsets(op, (0, 2), (3, 5)) + _REQUANTISATION.scaled(n) + Counts(adds=n if op.has(8) else 0)
    return _product(op, product_, n * product_.k, surroundings)


@rule("QuantizeLinear", traits=QUANTIZES)
def quantize_linear(op: OpView) -> Work:
    """divs: n + compares: 2n to saturate + adds: n with a zero point; rounding is the conversion and not counted.

    One scale per tensor, per index of an axis or per block: the arithmetic is the same. Source: ONNX QuantizeLinear-21.
    """
    n = op.x.elements
    saturates = op.int_attr("saturate", 1) == 1 or op.out.dtype not in FLOAT_DTYPES
    counts = Counts(divs=n, compares=2 * n if saturates else 0, adds=n if has_zero_point(op, 2) else 0)
    # The scale's type is that of the division, except for a scale that is a mere exponent.
    scale = op.input(1).dtype
    dtype = op.x.dtype if scale == "float8e8m0" else scale
    return work(op, counts, dtype=dtype, parameters=own_elements(op, 1, 2))


@rule("DequantizeLinear", traits=DEQUANTIZES)
def dequantize_linear(op: OpView) -> Work:
    """muls: n + adds: n with a zero point.

    One scale per tensor, per index of an axis or per block. Source: ONNX DequantizeLinear-21.
    """
    n = op.x.elements
    counts = Counts(muls=n, adds=n if has_zero_point(op, 2) else 0)
    return work(op, counts, dtype=op.out.dtype, parameters=own_elements(op, 0, 1, 2))


@rule("DynamicQuantizeLinear")
def dynamic_quantize_linear(op: OpView) -> Work:
    """compares: 2 (n - 1) for the range + divs: n + adds: n + compares: 2n to quantise, + 9 for scale and zero point.

    Range with 0 (2 compares, 1 sub), scale (1 div), zero point (1 div, 1 sub, 2 compares, 1 rounding).
    Source: ONNX DynamicQuantizeLinear-11.
    """
    n = op.x.elements
    extremes = Counts(compares=2 * dmax(0, n - 1) + 2, adds=1, divs=1)
    zero_point = Counts(divs=1, adds=2, compares=2)
    counts = extremes + zero_point + Counts(divs=n, adds=n, compares=2 * n)
    return work(op, counts, dtype=op.x.dtype, row_elements=n)
