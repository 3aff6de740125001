"""Matrix products, convolutions and mixtures of experts of onnxruntime, with what is fused to them.

Reads of weights that are stored packed are elements of the packed tensor, so that their bytes are what is stored; the
dequantisation is counted for each weight, and `parameters` are the weights that the bytes hold. Source of every layout:
the operator schemas of onnxruntime 1.32.
"""

from msgspec.structs import replace

from onnx_roofline.base.errors import NotModelledError
from onnx_roofline.base.units import ceil_div, dmin, product
from onnx_roofline.ir.records import Contraction, Counts, Work
from onnx_roofline.ops.cost.contraction import conv, conv_transpose, gemm, matmul_contraction
from onnx_roofline.ops.cost.contrib.parts import (
    FAST_GELU,
    activation_counts,
    contraction_work,
    contrib,
    dequantize_counts,
    quantize_counts,
)
from onnx_roofline.ops.cost.normalization import rms_norm_counts, softmax_counts
from onnx_roofline.ops.cost.registry import own_elements, work
from onnx_roofline.ops.traits import OPERANDS, Traits
from onnx_roofline.ops.view import Operand, OpView


def with_shape(operand: Operand, shape: tuple[int, ...]) -> Operand:
    """The operand as if its dims were in another order."""
    return replace(operand, type=replace(operand.type, shape=shape))


def channels_first(op: OpView, inputs: tuple[int, ...] = (0,)) -> OpView:
    """The op with [N, *spatial, C] operands and outputs seen as [N, C, *spatial]."""

    def moved(operand: Operand | None) -> Operand | None:
        if operand is None or not operand.type.is_known or operand.rank < 3:
            return operand
        batch, *spatial, channels = operand.shape
        return with_shape(operand, (batch, channels, *spatial))

    return replace(
        op,
        inputs=tuple(moved(item) if position in inputs else item for position, item in enumerate(op.inputs)),
        outputs=tuple(moved(item) for item in op.outputs),
    )


def fused_convolution(op: OpView) -> Work:
    """As Conv, then adds: n for a residual at input 3, then the activation."""
    n = op.out.elements
    answer = conv(op)
    assert answer.counts is not None
    extra = activation_counts(op.str_attr("activation", ""), n) + Counts(adds=n if op.has(3) else 0)
    return replace(answer, counts=answer.counts + extra)


@contrib("FusedConv", traits=Traits(quantized_form="product", bias_at=2))
def fused_conv(op: OpView) -> Work:
    """As Conv, then adds: n for a residual, then the activation.

    Source: com.microsoft FusedConv-1.
    """
    return fused_convolution(op)


@contrib("NhwcFusedConv", traits=Traits(quantized_form="product", bias_at=2))
def nhwc_fused_conv(op: OpView) -> Work:
    """As FusedConv on [N, H, W, C] with weights [M, C / g, kH, kW].

    Source: com.microsoft NhwcFusedConv-1.
    """
    return fused_convolution(channels_first(op, (0, 3)))


def nhwc_weight(op: OpView) -> tuple[int, ...]:
    """Dims of an NhwcConv weight as [M, C / g, *kernel]: it is stored so, or with its channels last too."""
    weight, channels = op.input(1).shape, op.x.shape[-1] // op.int_attr("group", 1)
    kernel = op.ints_attr("kernel_shape")
    last = weight[-1] == channels and kernel in ((), weight[1:-1])
    return (weight[0], weight[-1], *weight[1:-1]) if last else weight


@contrib("NhwcConv", traits=Traits(quantized_form="product", bias_at=2))
def nhwc_conv(op: OpView) -> Work:
    """As Conv on [N, H, W, C]; weights [M, kH, kW, C / g], as the optimizer writes them, or [M, C / g, kH, kW].

    Source: com.microsoft NhwcConv-1.
    """
    weight = with_shape(op.input(1), nhwc_weight(op))
    return conv(channels_first(replace(op, inputs=(op.inputs[0], weight, *op.inputs[2:]))))


@contrib("ConvTransposeWithDynamicPads", traits=Traits(quantized_form="product", bias_at=3))
def conv_transpose_with_dynamic_pads(op: OpView) -> Work:
    """As ConvTranspose; the paddings are an input.

    Source: com.microsoft ConvTransposeWithDynamicPads-1: X, W, pads, B.
    """
    bias = op.inputs[3] if op.has(3) else None
    answer = conv_transpose(replace(op, inputs=(op.inputs[0], op.inputs[1], bias)))
    return replace(answer, reads=work(op).reads)


def transposed(shape: tuple[int, ...], swap: bool, swap_batch: bool) -> tuple[int, ...]:
    """Dims of a FusedMatMul operand as the product takes them.

    >>> transposed((2, 3, 4, 5), False, True), transposed((2, 3, 4), True, False)
    ((3, 4, 2, 5), (2, 4, 3))
    """
    if swap_batch and len(shape) > 2:
        shape = (*shape[1:-1], shape[0], shape[-1])
    return (*shape[:-2], shape[-1], shape[-2]) if swap and len(shape) > 1 else shape


def _fused_matmul(op: OpView) -> tuple[Contraction, Counts]:
    a, b = (
        with_shape(item, transposed(item.shape, bool(op.int_attr("trans" + name, 0)),
                                    bool(op.int_attr("transBatch" + name, 0))))
        for item, name in ((op.input(0), "A"), (op.input(1), "B"))
    )  # fmt: skip
    scales = op.float_attr("alpha", 1.0) != 1.0
    return matmul_contraction(a, b, op.out), Counts(muls=op.out.elements if scales else 0)


@contrib("FusedMatMul", "TransposeMatMul", traits=Traits(quantized_form="product"))
def fused_matmul(op: OpView) -> Work:
    """macs: output elements x K + muls: n for an alpha that is not 1.

    A and B transposed as transA, transB, transBatchA, transBatchB say. Source: com.microsoft FusedMatMul-1.
    """
    part, counts = _fused_matmul(op)
    return contraction_work(op, (part,), counts)


@contrib("FusedMatMulActivation", traits=Traits(quantized_form="product"))
def fused_matmul_activation(op: OpView) -> Work:
    """As FusedMatMul, then the activation; Softmax over activation_axis.

    Source: com.microsoft FusedMatMulActivation-1.
    """
    part, counts = _fused_matmul(op)
    name, n = op.str_attr("activation", ""), op.out.elements
    if name == "Softmax":
        columns = op.out.shape[op.int_attr("activation_axis", -1)]
        return contraction_work(op, (part,), counts + softmax_counts(n // columns, columns))
    return contraction_work(op, (part,), counts + activation_counts(name, n))


@contrib("SparseToDenseMatMul", traits=OPERANDS)
def sparse_to_dense_matmul(op: OpView) -> Work:
    """macs: output elements x K, as if A were dense: an upper bound.

    A sparse [M, K], B dense. Source: com.microsoft SparseToDenseMatMul-1.
    """
    part, counts = _fused_matmul(op)
    return contraction_work(op, (part,), counts, "bounded")


@contrib("FusedGemm", traits=Traits(quantized_form="product", bias_at=2))
def fused_gemm(op: OpView) -> Work:
    """As Gemm, then the activation.

    Source: com.microsoft FusedGemm-1.
    """
    answer = gemm(op)
    assert answer.counts is not None
    return replace(answer, counts=answer.counts + activation_counts(op.str_attr("activation", ""), op.out.elements))


@contrib("GemmFloat8")
def gemm_float8(op: OpView) -> Work:
    """As Gemm, with muls: n for the scale of A, B and of Y each, then the activation; A's type chooses the peak.

    Source: com.microsoft GemmFloat8-1.
    """
    n = op.out.elements
    answer = gemm(replace(op, attributes={"beta": 0.0 if not op.has(2) else 1.0, **op.attributes}))
    assert answer.counts is not None
    scales = Counts(muls=n * (op.has(3) + op.has(4) + op.has(5)))
    counts = answer.counts + scales + activation_counts(op.str_attr("activation", "NONE"), n)
    return replace(answer, counts=counts, compute_dtype=op.x.dtype)


@contrib("GemmFastGelu", traits=OPERANDS)
def gemm_fast_gelu(op: OpView) -> Work:
    """macs: output elements x K, then FastGelu; adds: n with a bias.

    Source: com.microsoft GemmFastGelu-1.
    """
    n = op.out.elements
    counts = FAST_GELU.scaled(n) + Counts(adds=n if op.has(2) else 0)
    return contraction_work(op, (matmul_contraction(op.input(0), op.input(1), op.out),), counts)


def _rows(op: OpView) -> int:
    return product(op.x.shape[:-1])


@contrib("MatMulNBits", traits=OPERANDS)
def matmul_nbits(op: OpView) -> Work:
    """macs: rows N K + adds: N K + muls: N K to dequantise every weight once; adds: rows N with a bias.

    A [..., K], B packed [N, blocks, bytes of a block]; a zero point that is not given is half the range, and a B
    without elements leaves the product out. Computes in A's type; accuracy_level may choose a narrower one.
    Source: com.microsoft MatMulNBits-1.
    """
    n, k = op.int_attr("N", 0) if op.input(1).elements else 0, op.int_attr("K", 0)
    counts = dequantize_counts(n * k) + Counts(adds=_rows(op) * n if op.has(5) else 0)
    held = {1: n * k, 2: op.input(2).elements, 3: n * ceil_div(k, op.int_attr("block_size", k))}
    return contraction_work(op, (Contraction(1, _rows(op), n, k),), counts, parameters=held)


@contrib("MatMulBnb4", traits=OPERANDS)
def matmul_bnb4(op: OpView) -> Work:
    """macs: rows N K + muls: N K; a weight is looked up in a table of 16 and scaled.

    A [..., K], B packed [(N K + 1) / 2]; with transB 0 A is [..., N]. Source: com.microsoft MatMulBnb4-1.
    """
    n, k = op.int_attr("N", 0), op.int_attr("K", 0)
    part = Contraction(1, _rows(op), n, k) if op.int_attr("transB", 1) else Contraction(1, _rows(op), k, n)
    return contraction_work(op, (part,), Counts(muls=n * k), parameters={1: n * k})


@contrib("MatMulFpQ4", traits=OPERANDS)
def matmul_fp_q4(op: OpView) -> Work:
    """macs: rows N K + muls: N K, and adds: N K for blk_quant_type 1, which has offsets.

    A [..., K], B a blob of N K weights with their scales between them, N from the output.
    Source: com.microsoft MatMulFpQ4-1.
    """
    n, k = op.out.shape[-1], op.x.shape[-1]
    offsets = n * k if op.int_attr("blk_quant_type", 1) == 1 else 0
    counts = Counts(muls=n * k, adds=offsets)
    return contraction_work(op, (Contraction(1, _rows(op), n, k),), counts, parameters={1: n * k})


@contrib("MatMulBlockQuantizedFp4Weight", traits=OPERANDS)
def matmul_fp4_weight(op: OpView) -> Work:
    """macs: rows N K + muls: N K for the block scales and N blocks for the global one; adds: rows N with a bias.

    A [..., K], B packed [N, K / 2], scales [N, blocks]. Source: com.microsoft MatMulBlockQuantizedFp4Weight-1.
    """
    n, k = op.input(1).shape[0], 2 * op.input(1).shape[1]
    blocks = n * ceil_div(k, op.int_attr("block_size", 16))
    counts = Counts(muls=n * k + blocks, adds=_rows(op) * n if op.has(5) else 0)
    held = {1: n * k, **own_elements(op, 2, 3)}
    return contraction_work(op, (Contraction(1, _rows(op), n, k),), counts, parameters=held)


@contrib("MatMulBlockQuantizedFp8Weight", traits=OPERANDS)
def matmul_fp8_weight(op: OpView) -> Work:
    """macs: rows N K + muls: N K for the block scales; A quantised and scaled back where it has a scale.

    A [..., K], B [N, K] in float8e4m3fn. Source: com.microsoft MatMulBlockQuantizedFp8Weight-1.
    """
    n, k = op.input(1).shape
    counts = Counts(muls=n * k, adds=_rows(op) * n if op.has(4) else 0)
    if op.has(3):
        counts += quantize_counts(op.x.elements, False) + dequantize_counts(op.x.elements, False)
    return contraction_work(op, (Contraction(1, _rows(op), n, k),), counts, parameters=own_elements(op, 2, 3))


def _normed(op: OpView) -> Counts:
    n = op.x.elements
    counts = rms_norm_counts(n, _rows(op)) if op.has(2) else Counts()
    return counts + Counts(adds=n if op.has(1) else 0)


@contrib("MatMulNBitsMlp", traits=OPERANDS)
def matmul_nbits_mlp(op: OpView) -> Work:
    """Two MatMulNBits of one input, the activation of the first times the second; a norm and a skip before them.

    Source: com.microsoft MatMulNBitsMlp-1.
    """
    rows, n, k = _rows(op), op.int_attr("N", 0), op.int_attr("K", 0)
    parts = (Contraction(1, rows, n, k, rhs=3), Contraction(1, rows, n, k, rhs=6))
    counts = _normed(op) + dequantize_counts(2 * n * k) + Counts(adds=rows * n * (op.has(5) + op.has(8)))
    counts += activation_counts(op.str_attr("activation", ""), rows * n) + Counts(muls=rows * n)
    return contraction_work(op, parts, counts, parameters={3: n * k, 6: n * k})


@contrib("MatMulNBitsQkv", traits=OPERANDS)
def matmul_nbits_qkv(op: OpView) -> Work:
    """Three MatMulNBits of one normalised input.

    Source: com.microsoft MatMulNBitsQkv-1.
    """
    rows, k = _rows(op), op.int_attr("K", 0)
    sizes = (op.int_attr("Nq", 0), op.int_attr("Nkv", 0), op.int_attr("Nkv", 0))
    parts = tuple(Contraction(1, rows, n, k, rhs=at) for n, at in zip(sizes, (3, 6, 9), strict=True))
    biases = sum(rows * n for n, at in zip(sizes, (5, 8, 11), strict=True) if op.has(at))
    counts = _normed(op) + dequantize_counts(sum(sizes) * k) + Counts(adds=biases)
    return contraction_work(op, parts, counts, parameters={part.rhs or 0: part.n * k for part in parts})


def _expert_activation(op: OpView, elements: int, gated: bool) -> Counts:
    """Activation of `elements` hidden values; swiglu is G sigmoid(alpha G) (L + beta), clamped where limited."""
    name = op.str_attr("activation_type", "relu")
    if name != "swiglu":
        return activation_counts(name, elements) + Counts(muls=elements if gated else 0)
    each = Counts(transcendentals=1, adds=1, divs=1, muls=2)
    each += Counts(muls=1) if op.float_attr("activation_alpha", 1.0) != 1.0 else Counts()
    each += Counts(adds=1) if op.float_attr("activation_beta", 0.0) != 0.0 else Counts()
    return (each + (Counts(compares=3) if "swiglu_limit" in op.attributes else Counts())).scaled(elements)


# Position of QMoE's second router operand, which belongs to the tokens and not to the experts.
_ROUTER_WEIGHTS = 14


def _experts(op: OpView, positions: tuple[int, int, int], biases: tuple[int, int, int], inner: int) -> Work:
    """Routing, then the experts that each token picks; no more weights are read than all tokens can pick."""
    hidden, experts = op.x.shape[-1], op.input(1).shape[-1]
    tokens, picked = _rows(op), op.int_attr("k", 1)
    wide = op.input(positions[0]).shape[1]
    rows, third = tokens * picked, op.has(positions[2])
    parts = [
        Contraction(1, rows, wide, hidden, rhs=positions[0]),
        Contraction(1, rows, hidden, inner, lhs=None, rhs=positions[1]),
    ]
    if third:
        parts.append(Contraction(1, rows, inner, hidden, rhs=positions[2]))
    counts = softmax_counts(tokens, experts) + Counts(compares=tokens * experts * picked.bit_length())
    if op.int_attr("normalize_routing_weights", 0):
        counts += Counts(adds=tokens * (picked - 1), divs=rows)
    counts += _expert_activation(op, rows * inner, third)
    widths = (wide, hidden, inner)
    counts += Counts(adds=sum(rows * n for n, at in zip(widths, biases, strict=True) if op.has(at)))
    # The results of a token's experts, weighted and summed.
    counts += Counts(muls=rows * hidden, adds=(rows - tokens) * hidden)
    answer = contraction_work(op, parts, counts, "bounded")
    used = dmin(experts, rows)
    return replace(answer, reads=tuple(
        n if i < 2 or i == _ROUTER_WEIGHTS or n is None or op.inputs[i] is None or op.input(i).type.shape in ((), None)
        or op.input(i).shape[0] != experts else n // experts * used
        for i, n in enumerate(answer.reads)
    ))  # fmt: skip


@contrib("MoE", traits=OPERANDS)
def mixture_of_experts(op: OpView) -> Work:
    """macs: t k (F H + H I [+ I H]) for t tokens that pick k experts each, with softmax and choice of the experts.

    x [t, H] or [B, S, H], router [t, E], FC1 [E, F, H] (F is I, or 2I for a fused swiglu), FC2 [E, H, I], FC3
    [E, I, H]. Bounded: min(E, t k) experts are read at most. Source: com.microsoft MoE-1.
    """
    return _experts(op, (2, 4, 6), (3, 5, 7), op.input(4).shape[2])


@contrib("QMoE", traits=OPERANDS)
def quantized_mixture_of_experts(op: OpView) -> Work:
    """As MoE, every weight of the experts that are read dequantised once: adds and muls, muls alone for float types.

    Weights packed along the last dim; the inner size follows from it and the bits of FC2. Computes in the input's
    type. Source: com.microsoft QMoE-1.
    """
    kind, hidden = op.str_attr("quant_type", "int"), op.x.shape[-1]
    bits = op.int_attr("fc2_expert_weight_bits", 0) or op.int_attr("expert_weight_bits", 4)
    if kind != "int":
        bits = 8 if op.input(5).dtype == "float8e4m3fn" else 4
    inner = op.input(5).shape[2] * 8 // bits
    if inner < 1:
        raise NotModelledError(f"{op.input(5).label} has no weights")
    answer = _experts(op, (2, 5, 8), (4, 7, 10), inner)
    assert answer.counts is not None
    used = dmin(op.input(1).shape[-1], _rows(op) * op.int_attr("k", 1))
    weights = used * (op.input(2).shape[1] * hidden + hidden * inner + (inner * hidden if op.has(8) else 0))
    counts = answer.counts + dequantize_counts(weights, zero_point=kind == "int")
    return replace(answer, counts=counts, compute_dtype=op.x.dtype, parameters=_held_by_experts(op, inner))


def _held_by_experts(op: OpView, inner: int) -> tuple[int | None, ...]:
    """Weights of all experts, one zero point for each scale, and every other scale and bias as it is stored."""
    experts, hidden = op.input(1).shape[-1], op.x.shape[-1]
    held = own_elements(op, *range(2, len(op.inputs)))
    held |= {2: experts * op.input(2).shape[1] * hidden, 5: experts * hidden * inner, 8: experts * inner * hidden}
    held |= {zeros: op.input(scales).elements for scales, zeros in ((3, 11), (6, 12), (9, 13)) if op.has(scales)}
    # The router's second operand belongs to the tokens.
    held.pop(_ROUTER_WEIGHTS, None)
    return tuple(held.get(position) if op.has(position) else None for position in range(len(op.inputs)))


@contrib("WordConvEmbedding", traits=OPERANDS)
def word_conv_embedding(op: OpView) -> Work:
    """macs: words (L - w + 1) F w E, the bias, tanh and the maximum over the positions; characters are looked up.

    sequence [words, L] of characters, W [F, 1, w, E], B [F], C [characters, E] -> [words, F].
    Source: com.microsoft WordConvEmbedding-1; words are taken to be as long as the longest.
    """
    filters, _, window, size = op.input(1).shape
    words, length = op.x.shape
    places = words * (length - window + 1)
    part = Contraction(1, places, filters, window * size, lhs=None, rhs=1)
    values = places * filters
    counts = Counts(adds=values, transcendentals=values, compares=values - words * filters)
    return work(op, Counts(macs=part.macs) + counts, reads={3: dmin(op.input(3).elements, op.x.elements * size)},
                  contractions=(part,), dtype="float32", status="bounded")  # fmt: skip
