"""Quantised ops of onnxruntime. n: output elements, N: input elements.

An integer product counts as MACs at the int8 peak; what stands around it is integer operations where the result is
quantised, and float operations where it is float. A zero point that is given and not known to be 0 is handled.
Source of every layout: the operator schemas of onnxruntime 1.32 (domain com.microsoft).
"""

from msgspec.structs import replace

from onnx_roofline.base.units import dmax, dmin, product
from onnx_roofline.ir.records import Contraction, Counts, Work
from onnx_roofline.ops.cost.contraction import matmul_contraction
from onnx_roofline.ops.cost.contrib.parts import (
    GELU,
    SIGMOID,
    contrib,
    dequantize_counts,
    dynamic_quantize_counts,
    low_precision_work,
    quantize_counts,
)
from onnx_roofline.ops.cost.contrib.products import channels_first
from onnx_roofline.ops.cost.normalization import layer_norm_counts, softmax_counts
from onnx_roofline.ops.cost.pooling import max_pool
from onnx_roofline.ops.cost.quantization import dequantize_linear, has_zero_point, qlinear_conv, quantize_linear
from onnx_roofline.ops.cost.registry import elementwise, own_elements, rows_and_columns, work
from onnx_roofline.ops.traits import DEQUANTIZES, QUANTIZES
from onnx_roofline.ops.view import OpView

contrib("QuantizeLinear", source="com.microsoft QuantizeLinear-1", traits=QUANTIZES)(quantize_linear)
contrib("DequantizeLinear", source="com.microsoft DequantizeLinear-1", traits=DEQUANTIZES)(dequantize_linear)
contrib("NhwcMaxPool", source="com.microsoft NhwcMaxPool-1")(max_pool)
contrib("QuantizeWithOrder", source="com.microsoft QuantizeWithOrder-1: x / scale, saturated")(
    elementwise(divs=1, compares=2)
)
contrib("DequantizeWithOrder", source="com.microsoft DequantizeWithOrder-1: x scale")(elementwise(muls=1))


@contrib("MulInteger")
def mul_integer(op: OpView) -> Work:
    """int_ops: n, and n for each zero point.

    A, its zero point, B, its zero point. Source: com.microsoft MulInteger-1.
    """
    offsets = has_zero_point(op, 1) + has_zero_point(op, 3)
    counts = Counts(muls=op.out.elements, adds=offsets * op.out.elements)
    return work(op, counts, dtype="int32", parameters=_every_operand(op))


@contrib("QLinearAdd", "QLinearMul")
def qlinear_binary(op: OpView) -> Work:
    """Both operands dequantised, their sum or product, its quantisation, for each output element.

    A, scale, zero point, B, scale, zero point, scale and zero point of C.
    Source: com.microsoft QLinearAdd-1, QLinearMul-1.
    """
    n = op.out.elements
    counts = dequantize_counts(n, has_zero_point(op, 2)) + dequantize_counts(n, has_zero_point(op, 5))
    counts += Counts(adds=n) if op.op_type == "QLinearAdd" else Counts(muls=n)
    counts += quantize_counts(n, has_zero_point(op, 7))
    return work(op, counts, dtype="float32", parameters=_every_operand(op))


def _every_operand(op: OpView) -> dict[int, int]:
    """Elements of data, scales and zero points; of stored data and of those beside it all are parameters."""
    return own_elements(op, *range(len(op.inputs)))


def _between(op: OpView, inner: Counts, zero_point: int = 2, out_zero_point: int = 4) -> Work:
    """Dequantise N, do `inner`, quantise n, in float32."""
    before = dequantize_counts(op.x.elements, has_zero_point(op, zero_point))
    after = quantize_counts(op.out.elements, has_zero_point(op, out_zero_point))
    return work(op, before + inner + after, dtype="float32", parameters=_every_operand(op))


@contrib("QLinearSigmoid")
def qlinear_sigmoid(op: OpView) -> Work:
    """Dequantised, Sigmoid, quantised; kernels may look the 256 results up.

    Source: com.microsoft QLinearSigmoid-1.
    """
    return _between(op, SIGMOID.scaled(op.out.elements))


@contrib("QLinearLeakyRelu")
def qlinear_leaky_relu(op: OpView) -> Work:
    """Dequantised, LeakyRelu, quantised; kernels may look the 256 results up.

    Source: com.microsoft QLinearLeakyRelu-1.
    """
    return _between(op, Counts(compares=1, muls=1).scaled(op.out.elements))


@contrib("QLinearSoftmax")
def qlinear_softmax(op: OpView) -> Work:
    """Dequantised, Softmax (over one axis since opset 13), quantised.

    Source: com.microsoft QLinearSoftmax-1.
    """
    axis, shape = op.int_attr("axis", -1), op.x.shape
    rows, columns = rows_and_columns(shape, axis)
    if op.int_attr("opset", 13) >= 13:
        columns = shape[axis]
        rows = product(shape) // dmax(1, columns)
    return replace(_between(op, softmax_counts(rows, columns)), row_elements=columns)


@contrib("QLinearAveragePool")
def qlinear_average_pool(op: OpView) -> Work:
    """Dequantised, AveragePool, quantised.

    Source: com.microsoft QLinearAveragePool-1.
    """
    n, taps = op.out.elements, product(op.ints_attr("kernel_shape"))
    return _between(op, Counts(adds=(taps - 1) * n, divs=n))


@contrib("QLinearGlobalAveragePool", "QLinearReduceMean")
def qlinear_mean(op: OpView) -> Work:
    """Dequantised, adds: N - n + divs: n, quantised.

    Source: com.microsoft QLinearGlobalAveragePool-1, QLinearReduceMean-1.
    """
    n = op.out.elements
    return _between(op, Counts(adds=op.x.elements - n, divs=n))


@contrib("QLinearConcat")
def qlinear_concat(op: OpView) -> Work:
    """Every input dequantised and quantised to the output's scale.

    Scale and zero point of Y, then data, scale, zero point of each. Source: com.microsoft QLinearConcat-1.
    """
    n, counts = op.out.elements, Counts()
    for position in range(2, len(op.inputs), 3):
        counts += dequantize_counts(op.input(position).elements, has_zero_point(op, position + 2))
    counts += quantize_counts(n, has_zero_point(op, 1))
    return work(op, counts, dtype="float32", parameters=_every_operand(op))


@contrib("QLinearWhere")
def qlinear_where(op: OpView) -> Work:
    """compares: n for the choice; what is chosen dequantised and quantised to the output's scale.

    condition, X, scale, zero point, Y, scale, zero point, scale and zero point of Z.
    Source: com.microsoft QLinearWhere-1.
    """
    n = op.out.elements
    offset = has_zero_point(op, 3) or has_zero_point(op, 6)
    counts = Counts(compares=n) + dequantize_counts(n, offset) + quantize_counts(n, has_zero_point(op, 8))
    return work(op, counts, dtype="float32", parameters=own_elements(op, *range(1, len(op.inputs))))


@contrib("QLinearConv")
def qlinear_conv_any_layout(op: OpView) -> Work:
    """As the standard's QLinearConv; with channels_last on [N, *spatial, C] and the same weights.

    Source: com.microsoft QLinearConv-1.
    """
    return qlinear_conv(channels_first(op) if op.int_attr("channels_last", 0) else op)


def _offset_elements(op: OpView, *pairs: tuple[int, int]) -> int:
    return sum(op.input(operand).elements for operand, zero in pairs if has_zero_point(op, zero))


@contrib("MatMulInteger16")
def matmul_integer16(op: OpView) -> Work:
    """macs: output elements x K, in 16 bits.

    Source: com.microsoft MatMulInteger16-1.
    """
    return low_precision_work(op, (matmul_contraction(op.input(0), op.input(1), op.out),), Counts(), op.x.dtype)


@contrib("MatMulIntegerToFloat")
def matmul_integer_to_float(op: OpView) -> Work:
    """macs: output elements x K + int_ops: elements of each operand with a zero point + muls: n, adds: n with a bias.

    A, B, scales, zero points, bias. Source: com.microsoft MatMulIntegerToFloat-1.
    """
    n = op.out.elements
    offsets = Counts(int_ops=_offset_elements(op, (0, 4), (1, 5)))
    counts = offsets + Counts(muls=n, adds=n if op.has(6) else 0)
    part = matmul_contraction(op.input(0), op.input(1), op.out)
    return low_precision_work(op, (part,), counts, "int8", parameters=own_elements(op, 2, 3, 4, 5))


@contrib("DynamicQuantizeMatMul")
def dynamic_quantize_matmul(op: OpView) -> Work:
    """A quantised by its range, then as MatMulIntegerToFloat; A then always has a zero point.

    A float, B in 8 bits, scale, zero point, bias. Source: com.microsoft DynamicQuantizeMatMul-1.
    """
    n = op.out.elements
    offsets = Counts(int_ops=op.x.elements + _offset_elements(op, (1, 3)))
    counts = dynamic_quantize_counts(op.x.elements) + offsets + Counts(muls=n, adds=n if op.has(4) else 0)
    part = matmul_contraction(op.input(0), op.input(1), op.out)
    return low_precision_work(op, (part,), counts, "int8", parameters=own_elements(op, 2, 3))


@contrib("QGemm")
def quantized_gemm(op: OpView) -> Work:
    """macs: M N K + int_ops: elements of each operand with a zero point, n for C; requantised, or scaled to float.

    A, scale, zero point, B, scale, zero point, C, scale and zero point of Y. Requantising is 4 int_ops an element, a
    float result one mul. Source: com.microsoft QGemm-1.
    """
    m, n = op.out.shape
    k = op.x.shape[0] if op.int_attr("transA", 0) else op.x.shape[1]
    around = _offset_elements(op, (0, 2), (3, 5)) + (m * n if op.has(6) else 0)
    counts = Counts(int_ops=around + 4 * m * n) if op.has(7) else Counts(int_ops=around, muls=m * n)
    held = own_elements(op, 1, 2, 4, 5, 6, 7, 8)
    return low_precision_work(op, (Contraction(1, m, n, k, rhs=3),), counts, "int8", parameters=held)


@contrib("QOrderedMatMul")
def ordered_matmul(op: OpView) -> Work:
    """macs: output elements x K + muls: n, adds: n with a bias, a multiplication and a sum for C; saturated.

    A, scale, B, scale, scale of Y, bias, C, scale; B [K, N], or transposed with order_B 0 (column order).
    Source: com.microsoft QOrderedMatMul-1.
    """
    n = op.out.elements
    part = Contraction(1, product(op.x.shape[:-1]), op.out.shape[-1], op.x.shape[-1], rhs=2)
    counts = Counts(muls=n, compares=2 * n, adds=n if op.has(5) else 0)
    counts += Counts(muls=n, adds=n) if op.has(6) else Counts()
    return low_precision_work(op, (part,), counts, "int8", parameters=own_elements(op, 1, 3, 4, 7))


@contrib("QOrderedGelu")
def ordered_gelu(op: OpView) -> Work:
    """Dequantised, Gelu, quantised, without zero points.

    Source: com.microsoft QOrderedGelu-1.
    """
    n = op.out.elements
    return work(op, dequantize_counts(n, False) + GELU.scaled(n) + quantize_counts(n, False), dtype="float32")


@contrib("QOrderedLayerNormalization")
def ordered_layer_normalization(op: OpView) -> Work:
    """Dequantised, LayerNormalization, quantised, without zero points.

    Source: com.microsoft QOrderedLayerNormalization-1.
    """
    rows, columns = rows_and_columns(op.x.shape, op.int_attr("axis", -1))
    n = rows * columns
    counts = dequantize_counts(n, False) + layer_norm_counts(n, rows, bias=op.has(3)) + quantize_counts(n, False)
    return work(op, counts, dtype="float32", row_elements=columns)


@contrib("QuantizeBFP", "DequantizeBFP")
def block_floating_point(op: OpView) -> Work:
    """int_ops: 2N for N numbers: the exponent of a block, or its application, and a shift of every mantissa.

    Source: com.microsoft QuantizeBFP-1, DequantizeBFP-1. Ignored: the layout of the raw data, which the type decides.
    """
    n = op.x.elements if op.op_type == "QuantizeBFP" else op.out.elements
    held = {0: n} if op.op_type == "DequantizeBFP" else None
    return work(op, Counts(int_ops=2 * n), status="heuristic", parameters=held)


@contrib("GatherBlockQuantized")
def gather_block_quantized(op: OpView) -> Work:
    """muls: n + adds: n for integers, muls: n for float types; reads what the indices pick of data, scales, offsets.

    data of several values a byte for uint8 and bits 2 or 4; distinct indices are assumed.
    Source: com.microsoft GatherBlockQuantized-1.
    """
    n, data = op.out.elements, op.x.shape
    axis = op.int_attr("gather_axis", 0)
    picked, available = op.input(1).elements, dmax(1, data[axis])

    def touched(position: int) -> int:
        operand = op.input(position)
        whole = operand.shape[axis] != data[axis]
        return operand.elements if whole else dmin(operand.elements, operand.elements // available * picked)

    reads: dict[int, int | None] = {position: touched(position) for position in (0, 2, 3) if op.has(position)}
    # A byte holds 8 / bits values; narrower types count their own.
    values = 8 // op.int_attr("bits", 4) if op.x.dtype == "uint8" else 1
    held = {0: op.x.elements * values, 2: op.input(2).elements, 3: op.input(2).elements}
    answer = work(op, dequantize_counts(n, "int" in op.x.dtype), reads=reads, dtype=op.out.dtype, parameters=held)
    return replace(answer, compute_dtype=op.out.dtype)
