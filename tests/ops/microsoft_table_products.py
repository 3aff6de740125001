"""Rows for onnxruntime's products, convolutions, experts and quantised ops.

Dequantising takes one mul an element and an add with a zero point; quantising one div, two compares and an add.
"""

from rule_table import OperandSpec, Row

from onnx_roofline.ir.records import Counts

MS, NCHWC, NHWC = "com.microsoft", "com.microsoft.nchwc", "com.ms.internal.nhwc"


def x(*shape: int) -> OperandSpec:
    """A float32 operand."""
    return ("float32", shape)


def h(*shape: int) -> OperandSpec:
    """A float16 operand."""
    return ("float16", shape)


def u8(*shape: int) -> OperandSpec:
    """A uint8 operand."""
    return ("uint8", shape)


def i8(*shape: int) -> OperandSpec:
    """An int8 operand."""
    return ("int8", shape)


def i32(*shape: int) -> OperandSpec:
    """An int32 operand."""
    return ("int32", shape)


SCALE, ZERO = x(), u8()
# Operands of a requantised tensor: scale, zero point.
Q = (SCALE, ZERO)
# A kernel of 3 x 3 with stride 1 and no padding.
K3 = {"kernel_shape": (3, 3)}

PRODUCTS: tuple[Row, ...] = (
    # 1*4*4*4 outputs of 3 * 9 taps; bias, residual, ReLU
    Row("FusedConv", 1, (x(1, 3, 8, 8), x(4, 3, 3, 3), x(4), x(1, 4, 4, 4)), (x(1, 4, 4, 4),), Counts(
        macs=64 * 27, adds=64 + 64, compares=64), {"strides": (2, 2), "activation": "Relu"}, domain=MS),
    Row("NhwcFusedConv", 1, (h(1, 8, 8, 3), h(4, 3, 3, 3), h(4)), (h(1, 6, 6, 4),), Counts(
        macs=6 * 6 * 4 * 27, adds=144, transcendentals=144, divs=0), {"activation": "Tanh"}, domain=MS),
    # the weights have their channels last: 4 filters of 5 x 3 over 3 of the 6 channels
    Row("NhwcConv", 1, (h(1, 8, 8, 6), h(4, 5, 3, 3)), (h(1, 4, 6, 4),), Counts(macs=4 * 6 * 4 * 15 * 3),
        {"group": 2}, domain=MS),
    # every one of 2*4*4 inputs meets 3 * 9 taps; 3*7*7 biases
    Row("ConvTransposeWithDynamicPads", 1, (x(1, 2, 4, 4), x(2, 3, 3, 3), ("int64", (4,)), x(3)), (x(1, 3, 7, 7),),
        Counts(macs=32 * 27, adds=147), {"strides": (2, 2)}, domain=MS),
    # A' is [2, 3, 4] and B' is [4, 5]: 30 results of 4; alpha
    Row("FusedMatMul", 1, (x(2, 4, 3), x(5, 4)), (x(2, 3, 5),), Counts(macs=30 * 4, muls=30),
        {"transA": 1, "transB": 1, "alpha": 0.5}, domain=MS),
    Row("FusedMatMul", 1, (x(3, 2, 4, 5), x(2, 4, 5, 6)), (x(2, 4, 3, 6),), Counts(macs=144 * 5),
        {"transBatchA": 1}, domain=MS),
    Row("TransposeMatMul", 1, (x(2, 4, 3), x(2, 4, 5)), (x(2, 3, 5),), Counts(macs=30 * 4), {"transA": 1}, domain=MS),
    # softmax of 6 rows of 5
    Row("FusedMatMulActivation", 1, (x(2, 3, 4), x(4, 5)), (x(2, 3, 5),), Counts(
        macs=30 * 4, adds=2 * 30 - 6, divs=30, compares=30 - 6, transcendentals=30),
        {"activation": "Softmax", "activation_axis": -1}, domain=MS),
    Row("FusedMatMulActivation", 1, (x(2, 3, 4), x(4, 5)), (x(2, 3, 5),), Counts(macs=30 * 4, compares=30, muls=30),
        {"activation": "LeakyRelu"}, domain=MS),
    Row("SparseToDenseMatMul", 1, (x(3, 4), x(4, 5)), (x(3, 5),), Counts(macs=15 * 4), status="bounded", domain=MS),
    # C added; alpha and beta 1; sigmoid
    Row("FusedGemm", 1, (x(4, 3), x(5, 4), x(5)), (x(3, 5),), Counts(
        macs=15 * 4, adds=15 + 15, transcendentals=15, divs=15),
        {"transA": 1, "transB": 1, "activation": "Sigmoid"}, domain=MS),
    # two scales of operands and one of the result
    Row("GemmFloat8", 1, (("float8e4m3fn", (3, 4)), ("float8e4m3fn", (5, 4)), None, x(1), x(1), x(1)),
        (("float8e4m3fn", (3, 5)),), Counts(macs=15 * 4, muls=3 * 15, compares=15),
        {"transB": 1, "activation": "RELU"}, domain=MS, dtype="float8e4m3fn"),
    # tanh form: 6 muls, 2 adds, 1 tanh; bias
    Row("GemmFastGelu", 1, (x(2, 3, 4), x(4, 5), x(5)), (x(2, 3, 5),), Counts(
        macs=30 * 4, adds=30 + 2 * 30, muls=6 * 30, transcendentals=30), domain=MS),
    # 6 rows, N 8, K 32; 8 * 32 weights less their zero point, times their scale; B is 8 * 2 blocks of 8 bytes
    Row("MatMulNBits", 1, (h(2, 3, 32), u8(8, 2, 8), h(8, 2), u8(8, 1)), (h(2, 3, 8),), Counts(
        macs=6 * 8 * 32, adds=256, muls=256), {"K": 32, "N": 8, "bits": 4, "block_size": 16},
        reads=(192, 128, 16, 8), domain=MS, dtype="float16", parameters={1: 8 * 32, 2: 16, 3: 8 * 2}),
    Row("MatMulNBits", 1, (x(1, 32), u8(8, 1, 32), x(8, 1), None, None, x(8)), (x(1, 8),), Counts(
        macs=8 * 32, adds=256 + 8, muls=256), {"K": 32, "N": 8, "bits": 8, "block_size": 32}, domain=MS),
    Row("MatMulNBits", 1, (x(1, 32), u8(8, 1, 8), x(8, 1)), (x(1, 8),), Counts(macs=8 * 32, adds=256, muls=256),
        {"K": 32, "N": 8, "bits": 2, "block_size": 32}, reads=(32, 64, 8), domain=MS, parameters={1: 8 * 32, 2: 8}),
    # nothing is stored: the projection is left out
    Row("MatMulNBits", 1, (x(1, 32), u8(0, 1, 8), x(0)), (x(1, 8),), Counts(), {"K": 32, "N": 8, "bits": 2,
        "block_size": 32}, domain=MS, parameters={1: 0}),
    Row("MatMulBnb4", 1, (x(3, 32), u8(128), x(16)), (x(3, 8),), Counts(macs=3 * 8 * 32, muls=256),
        {"K": 32, "N": 8, "block_size": 16, "quant_type": 1}, domain=MS, parameters={1: 8 * 32}),
    Row("MatMulBnb4", 1, (x(3, 8), u8(128), x(16)), (x(3, 32),), Counts(macs=3 * 8 * 32, muls=256),
        {"K": 32, "N": 8, "block_size": 16, "quant_type": 1, "transB": 0}, domain=MS),
    Row("MatMulFpQ4", 1, (x(3, 32), u8(160), ("int64", (2,))), (x(3, 8),), Counts(macs=3 * 8 * 32, muls=256, adds=256),
        {"blk_quant_type": 1}, domain=MS, parameters={1: 8 * 32}),
    # N 8, K 32 in 2 blocks of 16
    Row("MatMulBlockQuantizedFp4Weight", 1, (h(3, 32), u8(8, 16), u8(8, 2), x(), None, h(8)), (h(3, 8),), Counts(
        macs=3 * 8 * 32, muls=256 + 16, adds=24), domain=MS, dtype="float16", parameters={1: 8 * 32, 2: 16, 3: 1}),
    # A of 96 quantised (div, 2 compares) and scaled back
    Row("MatMulBlockQuantizedFp8Weight", 1, (h(3, 32), ("float8e4m3fn", (8, 32)), x(8, 1), x()), (h(3, 8),), Counts(
        macs=3 * 8 * 32, muls=256 + 96, divs=96, compares=2 * 96), domain=MS, dtype="float16"),
    # 3 rows of 32: skip, RMS norm; two products; SiLU of 24, times 24
    Row("MatMulNBitsMlp", 1, (x(3, 32), x(3, 32), x(32), u8(8, 1, 16), x(8, 1), None, u8(8, 1, 16), x(8, 1)),
        (x(3, 8), x(3, 32)), Counts(macs=2 * 3 * 8 * 32, adds=96 + 96 + 2 * 256 + 24,
        muls=3 * 96 + 2 * 256 + 24 + 24, divs=3 + 24, transcendentals=3 + 24),
        {"K": 32, "N": 8, "bits": 4, "block_size": 32, "activation": "silu"}, domain=MS,
        parameters={3: 8 * 32, 6: 8 * 32}),
    # RMS norm of 3 rows; N 8 + 4 + 4; the bias of Q
    Row("MatMulNBitsQkv", 1, (x(3, 32), None, x(32), u8(8, 1, 16), x(8, 1), x(8), u8(4, 1, 16), x(4, 1), None,
        u8(4, 1, 16), x(4, 1)), (x(3, 8), x(3, 4), x(3, 4)), Counts(
        macs=3 * 16 * 32, adds=96 + 16 * 32 + 24, muls=3 * 96 + 16 * 32, divs=3, transcendentals=3),
        {"K": 32, "Nq": 8, "Nkv": 4, "bits": 4, "block_size": 32}, domain=MS,
        parameters={3: 8 * 32, 6: 4 * 32, 9: 4 * 32}),
    # 6 tokens, 2 of 4 experts each: 12 rows; softmax of 6 rows of 4, choice of 2 bits; ReLU; biases; weighted sum
    Row("MoE", 1, (x(6, 8), x(6, 4), x(4, 16, 8), x(4, 16), x(4, 8, 16), x(4, 8)), (x(6, 8),), Counts(
        macs=12 * 16 * 8 * 2, adds=2 * 24 - 6 + 12 * 16 + 12 * 8 + 6 * 8, divs=24, transcendentals=24,
        compares=24 - 6 + 24 * 2 + 12 * 16, muls=12 * 8), {"k": 2}, status="bounded", domain=MS),
    # 1 token, 1 of 4 experts: only that one is read; swiglu of 16 from 32 with alpha, beta and a limit
    Row("MoE", 1, (x(1, 8), x(1, 4), x(4, 32, 8), None, x(4, 8, 16)), (x(1, 8),), Counts(
        macs=32 * 8 + 8 * 16, adds=2 * 4 - 1 + 16 + 16, divs=4 + 16, transcendentals=4 + 16,
        compares=4 - 1 + 4 * 1 + 3 * 16, muls=3 * 16 + 8),
        {"k": 1, "activation_type": "swiglu", "swiglu_fusion": 1, "activation_alpha": 1.7, "activation_beta": 1.0,
         "swiglu_limit": 7.0}, reads=(8, 4, 32 * 8, 0, 8 * 16), status="bounded", domain=MS),
    # as above with ReLU, 4-bit weights of 16 x 8 and 8 x 16: 256 dequantised, of one expert
    Row("QMoE", 1, (x(1, 8), x(1, 4), u8(4, 16, 4), x(4, 16), None, u8(4, 8, 8), x(4, 8)), (x(1, 8),), Counts(
        macs=2 * 16 * 8, adds=2 * 4 - 1 + 256, divs=4, transcendentals=4, compares=4 - 1 + 4 * 1 + 16, muls=8 + 256),
        {"k": 1, "expert_weight_bits": 4}, reads=(8, 4, 64, 16, 0, 64, 8), status="bounded", domain=MS,
        dtype="float32", parameters={2: 4 * 16 * 8, 3: 4 * 16, 5: 4 * 8 * 16, 6: 4 * 8}),
    # 3 words of 6 characters, window 2: 15 places of 5 filters over 2 * 4; bias, tanh, maximum over 5 places
    Row("WordConvEmbedding", 1, (i32(3, 6), x(5, 1, 2, 4), x(5), x(100, 4)), (x(3, 5),), Counts(
        macs=15 * 5 * 8, adds=75, transcendentals=75, compares=75 - 15), reads=(18, 40, 5, 18 * 4), status="bounded",
        domain=MS),
)  # fmt: skip

QUANTISED: tuple[Row, ...] = (
    Row("QuantizeLinear", 1, (x(2, 3), *Q), (u8(2, 3),), Counts(divs=6, adds=6, compares=12), domain=MS),
    Row("DequantizeLinear", 1, (u8(2, 3), SCALE), (x(2, 3),), Counts(muls=6), domain=MS),
    Row("QuantizeWithOrder", 1, (x(2, 3), SCALE), (i8(2, 3),), Counts(divs=6, compares=12), domain=MS),
    Row("DequantizeWithOrder", 1, (i8(2, 3), SCALE), (x(2, 3),), Counts(muls=6), domain=MS),
    Row("MulInteger", 1, (u8(2, 3), ZERO, u8(3)), (i32(2, 3),), Counts(int_ops=6 + 6), domain=MS),
    # both dequantised (2 muls, 2 adds), summed, quantised (div, add, 2 compares)
    Row("QLinearAdd", 1, (u8(2, 3, 4), *Q, u8(4), *Q, *Q), (u8(2, 3, 4),), Counts(
        muls=2 * 24, adds=2 * 24 + 24 + 24, divs=24, compares=2 * 24), domain=MS, dtype="float32"),
    Row("QLinearMul", 1, (u8(2, 3, 4), *Q, u8(4), *Q, *Q), (u8(2, 3, 4),), Counts(
        muls=2 * 24 + 24, adds=2 * 24 + 24, divs=24, compares=2 * 24), domain=MS),
    # 1 / (1 + exp(-x)) between
    Row("QLinearSigmoid", 1, (u8(2, 3), *Q, *Q), (u8(2, 3),), Counts(
        muls=6, adds=6 + 6 + 6, divs=6 + 6, transcendentals=6, compares=12), domain=MS),
    Row("QLinearLeakyRelu", 1, (u8(2, 3), SCALE, None, *Q), (u8(2, 3),), Counts(
        muls=6 + 6, adds=6, divs=6, compares=6 + 12), domain=MS),
    # softmax of 2 rows of 3
    Row("QLinearSoftmax", 1, (u8(2, 3), *Q, *Q), (u8(2, 3),), Counts(
        muls=6, adds=6 + 2 * 6 - 2 + 6, divs=6 + 6, compares=6 - 2 + 12, transcendentals=6),
        {"opset": 13, "axis": -1}, domain=MS),
    # before opset 13: one row of 6
    Row("QLinearSoftmax", 1, (u8(2, 3), *Q, *Q), (u8(2, 3),), Counts(
        muls=6, adds=6 + 2 * 6 - 1 + 6, divs=6 + 6, compares=6 - 1 + 12, transcendentals=6),
        {"opset": 12, "axis": 0}, domain=MS),
    # 72 dequantised; 32 windows of 9
    Row("QLinearAveragePool", 1, (u8(1, 2, 6, 6), *Q, *Q), (u8(1, 2, 4, 4),), Counts(
        muls=72, adds=72 + 32 * 8 + 32, divs=32 + 32, compares=2 * 32), K3, domain=MS),
    Row("QLinearGlobalAveragePool", 1, (u8(1, 2, 6, 6), *Q, *Q), (u8(1, 2, 1, 1),), Counts(
        muls=72, adds=72 + 72 - 2 + 2, divs=2 + 2, compares=4), domain=MS),
    Row("QLinearReduceMean", 1, (u8(2, 3), *Q, *Q), (u8(2, 1),), Counts(
        muls=6, adds=6 + 6 - 2 + 2, divs=2 + 2, compares=4), {"axes": (1,), "keepdims": 1}, domain=MS),
    # 6 and 8 elements dequantised, 14 quantised
    Row("QLinearConcat", 1, (*Q, u8(2, 3), *Q, u8(2, 4), *Q), (u8(2, 7),), Counts(
        muls=14, adds=14 + 14, divs=14, compares=28), {"axis": 1}, domain=MS),
    Row("QLinearWhere", 1, (("bool", (2, 1)), u8(2, 3), *Q, u8(3), *Q, *Q), (u8(2, 3),), Counts(
        compares=6 + 12, muls=6, adds=6 + 6, divs=6), domain=MS),
    # [1, 4, 4, 5] outputs of 3 * 9 taps; 4 integer operations to requantise; offsets of 108 inputs and 135 weights
    Row("QLinearConv", 1, (u8(1, 6, 6, 3), *Q, u8(5, 3, 3, 3), *Q, *Q, i32(5)), (u8(1, 4, 4, 5),), Counts(
        macs=80 * 27, int_ops=4 * 80 + 80 + 108 + 135), {"channels_last": 1}, domain=MS, dtype="int8"),
    Row("NhwcMaxPool", 1, (u8(1, 6, 6, 2),), (u8(1, 4, 4, 2),), Counts(int_ops=32 * 8), K3, domain=MS),
    Row("MatMulInteger16", 1, (("int16", (2, 3)), ("int16", (3, 4))), (i32(2, 4),), Counts(macs=8 * 3), domain=MS,
        dtype="int16"),
    # scaled, bias; offsets of 24 and 20 elements
    Row("MatMulIntegerToFloat", 1, (u8(2, 3, 4), u8(4, 5), SCALE, SCALE, ZERO, ZERO, x(5)), (x(2, 3, 5),), Counts(
        macs=30 * 4, muls=30, adds=30, int_ops=24 + 20), domain=MS, dtype="int8"),
    # range of 24 (2 * 23 + 4 compares, 3 adds, 2 divs), quantised; A's offset; scaled
    Row("DynamicQuantizeMatMul", 1, (x(2, 3, 4), u8(4, 5), SCALE), (x(2, 3, 5),), Counts(
        macs=30 * 4, compares=2 * 23 + 4 + 2 * 24, adds=3 + 24, divs=2 + 24, int_ops=24, muls=30), domain=MS,
        dtype="int8"),
    # offsets of 12 and 20, C, requantised
    Row("QGemm", 1, (u8(3, 4), *Q, u8(4, 5), *Q, i32(3, 5), *Q), (u8(3, 5),), Counts(
        macs=15 * 4, int_ops=12 + 20 + 15 + 4 * 15), domain=MS, dtype="int8", parameters={3: 20, 4: 1, 5: 1, 6: 15}),
    Row("QGemm", 1, (u8(3, 4), *Q, u8(5, 4), *Q), (x(3, 5),), Counts(macs=15 * 4, int_ops=12 + 20, muls=15),
        {"transB": 1}, domain=MS),
    # scaled, bias, saturated
    Row("QOrderedMatMul", 1, (i8(2, 3, 4), SCALE, i8(4, 5), SCALE, SCALE, x(5)), (i8(2, 3, 5),), Counts(
        macs=30 * 4, muls=30, adds=30, compares=60), domain=MS, dtype="int8"),
    # x scale; 0.5 x (1 + erf(x / sqrt 2)); / scale, saturated
    Row("QOrderedGelu", 1, (i8(2, 3), SCALE, SCALE), (i8(2, 3),), Counts(
        muls=6 + 12, adds=6, divs=6 + 6, transcendentals=6, compares=12), domain=MS),
    # layer norm of 2 rows of 3: 4n - R adds, 3n muls, 2R divs, R roots
    Row("QOrderedLayerNormalization", 1, (i8(2, 3), SCALE, x(3), x(3), SCALE), (i8(2, 3),), Counts(
        muls=6 + 18, adds=24 - 2, divs=4 + 6, transcendentals=2, compares=12), domain=MS),
    Row("QuantizeBFP", 1, (x(4, 16),), (u8(72), ("int64", (2,)), ("int64", (2,))), Counts(int_ops=2 * 64),
        status="heuristic", domain=MS),
    Row("DequantizeBFP", 1, (u8(72), ("int64", (2,)), ("int64", (2,))), (x(4, 16),), Counts(int_ops=2 * 64),
        status="heuristic", domain=MS, parameters={0: 64}),
    # 3 of 100 rows of 16 bytes, 2 scales, 1 byte of offsets; 3 * 32 results
    Row("GatherBlockQuantized", 1, (u8(100, 16), ("int64", (3,)), x(100, 2), u8(100, 1)), (x(3, 32),), Counts(
        muls=96, adds=96), {"bits": 4, "block_size": 16, "quantize_axis": 1}, reads=(48, 3, 6, 3), domain=MS,
        parameters={0: 100 * 32, 2: 100 * 2, 3: 100 * 2}),
)  # fmt: skip

LAYOUTS: tuple[Row, ...] = (
    # blocks of 16: the channels that the image does not have are multiplied too
    Row("Conv", 1, (x(1, 16, 6, 6), x(32, 16, 3, 3), x(32), x(1, 32, 4, 4)), (x(1, 32, 4, 4),), Counts(
        macs=512 * 144, adds=512 + 512, compares=512), {"activation": "Relu"}, domain=NCHWC),
    Row("MaxPool", 1, (x(1, 16, 6, 6),), (x(1, 16, 4, 4),), Counts(compares=256 * 8), K3, domain=NCHWC),
    Row("AveragePool", 1, (x(1, 16, 6, 6),), (x(1, 16, 4, 4),), Counts(adds=256 * 8, divs=256), K3, domain=NCHWC),
    Row("GlobalAveragePool", 1, (x(1, 16, 6, 6),), (x(1, 16, 1, 1),), Counts(adds=576 - 16, divs=16), domain=NCHWC),
    Row("GlobalMaxPool", 1, (x(1, 16, 6, 6),), (x(1, 16, 1, 1),), Counts(compares=576 - 16), domain=NCHWC),
    Row("ReorderInput", 1, (x(1, 3, 6, 6),), (x(1, 16, 6, 6),), domain=NCHWC),
    Row("ReorderOutput", 1, (x(1, 16, 6, 6),), (x(1, 13, 6, 6),), reads=(13 * 36,), domain=NCHWC),
    Row("Upsample", 1, (x(1, 16, 3, 3),), (x(1, 16, 6, 6),), Counts(muls=4 * 576, adds=3 * 576), {"mode": "linear"},
        domain=NCHWC),
    # [1, 4, 4, 5] outputs of 3 * 9 taps
    Row("Conv", 11, (x(1, 6, 6, 3), x(5, 3, 3, 3), x(5)), (x(1, 4, 4, 5),), Counts(macs=80 * 27, adds=80), domain=NHWC),
    # 32 inputs meet 3 * 9 taps
    Row("ConvTranspose", 11, (x(1, 4, 4, 2), x(2, 3, 3, 3)), (x(1, 6, 6, 3),), Counts(macs=32 * 27), domain=NHWC),
    Row("QLinearConv", 10, (u8(1, 6, 6, 3), *Q, u8(5, 3, 3, 3), *Q, *Q), (u8(1, 4, 4, 5),), Counts(
        macs=80 * 27, int_ops=4 * 80 + 108 + 135), domain=NHWC),
    Row("QLinearConvTranspose", 1, (u8(1, 4, 4, 2), *Q, u8(2, 3, 3, 3), *Q, *Q, i32(3)), (u8(1, 6, 6, 3),), Counts(
        macs=32 * 27, int_ops=4 * 108 + 108 + 32 + 54), domain=NHWC, dtype="int8"),
    Row("QLinearAveragePool", 1, (u8(1, 6, 6, 2), *Q, *Q), (u8(1, 4, 4, 2),), Counts(
        muls=72, adds=72 + 32 * 8 + 32, divs=32 + 32, compares=2 * 32), K3, domain=NHWC),
    Row("MaxPool", 12, (x(1, 6, 6, 2),), (x(1, 4, 4, 2),), Counts(compares=32 * 8), K3, domain=NHWC),
    Row("AveragePool", 11, (x(1, 6, 6, 2),), (x(1, 4, 4, 2),), Counts(adds=32 * 8, divs=32), K3, domain=NHWC),
    Row("LpPool", 18, (x(1, 6, 6, 2),), (x(1, 4, 4, 2),), Counts(muls=32 * 9, adds=32 * 8, transcendentals=32), K3,
        domain=NHWC),
    Row("GlobalAveragePool", 1, (x(1, 6, 6, 2),), (x(1, 1, 1, 2),), Counts(adds=72 - 2, divs=2), domain=NHWC),
    Row("GlobalMaxPool", 1, (x(1, 6, 6, 2),), (x(1, 1, 1, 2),), Counts(compares=72 - 2), domain=NHWC),
    Row("GlobalLpPool", 2, (x(1, 6, 6, 2),), (x(1, 1, 1, 2),), Counts(muls=72, adds=72 - 2, transcendentals=2),
        domain=NHWC),
    Row("BatchNormalization", 15, (x(1, 6, 6, 2), x(2), x(2), x(2), x(2)), (x(1, 6, 6, 2),), Counts(adds=72, muls=72),
        domain=NHWC),
    # 1 image of 2 channels: 2 rows of 36
    Row("InstanceNormalization", 6, (x(1, 6, 6, 2), x(2), x(2)), (x(1, 6, 6, 2),), Counts(
        adds=4 * 72 - 2, muls=3 * 72, divs=4, transcendentals=2), domain=NHWC),
    Row("LRN", 13, (x(1, 6, 6, 8),), (x(1, 6, 6, 8),), Counts(
        muls=2 * 288, adds=5 * 288, divs=288, transcendentals=288), {"size": 5}, domain=NHWC),
    Row("DepthToSpace", 13, (x(1, 3, 3, 8),), (x(1, 6, 6, 2),), attributes={"blocksize": 2}, domain=NHWC),
    Row("SpaceToDepth", 13, (x(1, 6, 6, 2),), (x(1, 3, 3, 8),), attributes={"blocksize": 2}, domain=NHWC),
    Row("GridSample", 16, (x(1, 4, 4, 2), x(1, 3, 5, 2)), (x(1, 3, 5, 2),), Counts(muls=4 * 30, adds=3 * 30),
        {"mode": "bilinear"}, domain=NHWC),
    Row("MaxUnpool", 11, (x(1, 3, 3, 2), ("int64", (1, 3, 3, 2))), (x(1, 6, 6, 2),),
        attributes={"kernel_shape": (2, 2)},
        domain=NHWC),
    # two axes are resized: 4 neighbours
    Row("Resize", 18, (x(1, 3, 3, 2), None, x(4)), (x(1, 6, 6, 2),), Counts(muls=4 * 72, adds=3 * 72),
        {"mode": "linear"}, domain=NHWC),
)  # fmt: skip

ROWS = (*PRODUCTS, *QUANTISED, *LAYOUTS)
