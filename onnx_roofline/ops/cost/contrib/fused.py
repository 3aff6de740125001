"""Fused element-wise ops and normalisations of onnxruntime, and its own small float ops. n: output elements; R: rows.

Source of every layout: the operator schemas of onnxruntime 1.32 (domain com.microsoft, and its internal ops in the
default domain).
"""

from msgspec.structs import replace

from onnx_roofline.base.units import dmax, dmin, product
from onnx_roofline.ir.records import Contraction, Counts, Work
from onnx_roofline.ops.cost.contrib.parts import (
    FAST_GELU,
    GELU,
    SIGMOID,
    SILU,
    activation_counts,
    contraction_work,
    contrib,
    dequantize_counts,
    rotary_counts,
    swiglu_counts,
)
from onnx_roofline.ops.cost.normalization import layer_norm_counts, rms_norm_counts, softmax_counts
from onnx_roofline.ops.cost.registry import elementwise, rows_and_columns, work
from onnx_roofline.ops.traits import OPERANDS
from onnx_roofline.ops.view import OpView

_ADD, _MUL = Counts(adds=1), Counts(muls=1)

contrib("BiasGelu", source="x + bias, then 0.5 x (1 + erf(x / sqrt 2))")(
    elementwise(adds=2, muls=2, divs=1, transcendentals=1)
)
contrib("Gelu")(elementwise(adds=1, muls=2, divs=1, transcendentals=1))
contrib("BiasAdd", source="com.microsoft BiasAdd-1: x + bias + skip")(elementwise(adds=2))
contrib("Affine", "ImageScaler", domain="", source="onnxruntime, internal: a x + b")(elementwise(adds=1, muls=1))
contrib("Scale", domain="", source="onnxruntime, internal: a x")(elementwise(muls=1))
contrib("ScaledTanh", domain="", source="onnxruntime, internal: a tanh(b x)")(elementwise(muls=2, transcendentals=1))
contrib("ParametricSoftplus", domain="", source="onnxruntime, internal: a log(exp(b x) + 1)")(
    elementwise(muls=2, adds=1, transcendentals=2)
)


@contrib("GatedAdd", traits=OPERANDS)
def gated_add(op: OpView) -> Work:
    """adds: n + muls: n; with a projection macs: R K and a sigmoid for the gate of each row.

    x, y [..., C], gate [..., 1], or [..., K] with weight [K, 1]. Source: com.microsoft GatedAdd-1: x + y gate.
    """
    n = op.out.elements
    counts = Counts(adds=n, muls=n)
    if not op.has(3):
        return work(op, counts)
    rows, width = product(op.x.shape[:-1]), op.input(2).shape[-1]
    return contraction_work(op, (Contraction(1, rows, 1, width, lhs=2, rhs=3),), counts + SIGMOID.scaled(rows))


@contrib("FastGelu")
def fast_gelu(op: OpView) -> Work:
    """transcendentals: n + adds: 2n + muls: 6n, and n more adds with a bias.

    Source: com.microsoft FastGelu-1, the tanh form with x^3 as two multiplications.
    """
    n = op.out.elements
    return work(op, FAST_GELU.scaled(n) + Counts(adds=n if op.has(1) else 0))


@contrib("QuickGelu")
def quick_gelu(op: OpView) -> Work:
    """transcendentals: n + adds: n + divs: n + muls: 2n; n fewer where alpha is 1.

    Source: com.microsoft QuickGelu-1, x sigmoid(alpha x), alpha 1.702 by default.
    """
    n = op.out.elements
    return work(op, SILU.scaled(n) + Counts(muls=n if op.float_attr("alpha", 1.702) != 1.0 else 0))


@contrib("ScaledSiLU")
def scaled_silu(op: OpView) -> Work:
    """transcendentals: n + adds: n + divs: n + muls: 2n.

    Source: com.microsoft ScaledSiLU-1: z sigmoid(z), z = scale x.
    """
    return work(op, (SILU + _MUL).scaled(op.out.elements))


@contrib("SwiGLU")
def swiglu(op: OpView) -> Work:
    """transcendentals: n + adds: n + divs: n + muls: 2n; alpha, beta and limits as their values ask.

    gate [..., I] and up [..., I], or both in one [..., 2I]. Source: com.microsoft SwiGLU-1.
    """
    return work(op, swiglu_counts(op, op.out.elements))


@contrib("BiasSplitGelu")
def bias_split_gelu(op: OpView) -> Work:
    """adds: 3n + muls: 3n + divs: n + transcendentals: n: the bias on 2n, GELU of the right half, the product.

    x [N, S, 2D] -> [N, S, D]. Source: com.microsoft BiasSplitGelu-1.
    """
    return work(op, (Counts(adds=2, muls=1) + GELU).scaled(op.out.elements))


@contrib("BiasSoftmax")
def bias_softmax(op: OpView) -> Work:
    """As Softmax of the axes from `axis` on, after adds: n.

    Source: com.microsoft BiasSoftmax-1.
    """
    rows, columns = rows_and_columns(op.x.shape, op.int_attr("axis", 1))
    return work(op, softmax_counts(rows, columns) + Counts(adds=rows * columns), row_elements=columns)


@contrib("BiasDropout", "BitmaskBiasDropout")
def bias_dropout(op: OpView) -> Work:
    """adds: n for the bias and n for the residual: inference drops nothing; the mask, if asked for, is written.

    Source: com.microsoft BiasDropout-1, BitmaskBiasDropout-1.
    """
    n = op.out.elements
    return work(op, Counts(adds=n + (n if op.has(2) else 0)))


@contrib("BitmaskDropout")
def bitmask_dropout(op: OpView) -> Work:
    """nothing: inference; the bit mask, if asked for, is written.

    Source: com.microsoft BitmaskDropout-1.
    """
    mask = op.output(1).elements if op.has_output(1) else 0
    return Work(Counts(), (0,) * len(op.inputs), (0, mask)[: len(op.outputs)], moves_data=bool(mask),
                compute_dtype=op.x.dtype, note="the identity at inference")  # fmt: skip


@contrib("ComplexMul", "ComplexMulConj")
def complex_mul(op: OpView) -> Work:
    """muls: 2n + adds: n: four products and two sums for each pair of n real numbers.

    a, b [..., 2] of real and imaginary parts. Source: com.microsoft ComplexMul-1, ComplexMulConj-1.
    """
    n = op.out.elements
    return work(op, Counts(muls=2 * n, adds=n))


@contrib("IsAllFinite")
def is_all_finite(op: OpView) -> Work:
    """compares: N over all inputs.

    Source: com.microsoft IsAllFinite-1.
    """
    return work(op, Counts(compares=sum(item.elements for item in op.inputs if item is not None)))


@contrib("RotaryEmbedding", "MRotaryEmbedding")
def rotary_embedding(op: OpView) -> Work:
    """muls: 2r + adds: r for the r elements that are rotated; reads a row of both tables for each position.

    x [B, S, D] or [B, h, S, d], tables [longest, width / 2]; rotary_embedding_dim of each head, or all of it.
    Source: com.microsoft RotaryEmbedding-1, MRotaryEmbedding-1 (three positions for each token).
    """
    half, elements = op.input(2).shape[-1], op.x.elements
    width = op.x.shape[-1]
    if op.x.rank == 3:
        width = width // op.int_attr("num_heads", 0) if op.int_attr("num_heads", 0) else 2 * half
    rotated = elements // width * dmin(width, 2 * half)
    tokens = product(op.x.shape[:2]) if op.x.rank == 3 else op.x.shape[0] * op.x.shape[2]
    table = dmin(op.input(2).elements, tokens * half)
    return work(op, rotary_counts(rotated), reads={2: table, 3: table})


@contrib("GemmaRotaryEmbedding")
def gemma_rotary_embedding(op: OpView) -> Work:
    """transcendentals: 2e + muls: 2n + adds: n for Q and K of n elements, with sine and cosine of e angles.

    emb [B, S, d]; q, its rotated half, k, its rotated half [B, h, S, d]. Source: com.microsoft GemmaRotaryEmbedding-1.
    """
    n = op.input(1).elements + op.input(3).elements
    return work(op, rotary_counts(n) + Counts(transcendentals=2 * op.x.elements), dtype=op.input(1).dtype)


@contrib("SimplifiedLayerNormalization", domain="")
def simplified_layer_normalization(op: OpView) -> Work:
    """adds: n + muls: 3n + divs: R + transcendentals: R.

    Source: onnxruntime's internal op in the default domain; RMSNormalization of the axes from `axis` on.
    """
    rows, columns = rows_and_columns(op.x.shape, op.int_attr("axis", -1))
    return work(op, rms_norm_counts(rows * columns, rows), row_elements=columns, row_sums=1)


def _skip_sums(op: OpView, bias: int) -> Counts:
    n = op.x.elements
    return Counts(adds=n + (n if op.has(bias) else 0))


@contrib("SkipLayerNormalization")
def skip_layer_normalization(op: OpView) -> Work:
    """As LayerNormalization of x + skip (+ bias): n or 2n more adds.

    x [B, S, D], skip [B, S, D] or broadcast, beta and bias optional. Source: com.microsoft SkipLayerNormalization-1.
    """
    rows, columns = rows_and_columns(op.x.shape, -1)
    counts = layer_norm_counts(rows * columns, rows, bias=op.has(3)) + _skip_sums(op, 4)
    return work(op, counts, row_elements=columns)


@contrib("SkipSimplifiedLayerNormalization")
def skip_simplified_layer_normalization(op: OpView) -> Work:
    """As RMSNormalization of x + skip (+ bias): n or 2n more adds.

    Source: com.microsoft SkipSimplifiedLayerNormalization-1.
    """
    rows, columns = rows_and_columns(op.x.shape, -1)
    return work(op, rms_norm_counts(rows * columns, rows) + _skip_sums(op, 3), row_elements=columns, row_sums=1)


@contrib("GroupNorm", "SkipGroupNorm")
def group_norm(op: OpView) -> Work:
    """As LayerNormalization with one row per image and group, then SiLU with activation 1; skip and bias add n each.

    Source: com.microsoft GroupNorm-1, SkipGroupNorm-1.
    """
    n = op.x.elements
    rows = op.x.shape[0] * op.int_attr("groups", 1)
    counts = layer_norm_counts(n, rows)
    if op.int_attr("activation", 0):
        counts += activation_counts("silu", n)
    return work(op, counts + _ADD.scaled(n * (op.has(3) + op.has(4))), row_elements=n // dmax(1, rows))


@contrib("BranchwiseRMSNorm")
def branchwise_rms_norm(op: OpView) -> Work:
    """As RMSNormalization with one row per branch; n fewer muls without a scale.

    x [..., C, H], or [..., C H] with num_branches C. Source: com.microsoft BranchwiseRMSNorm-1.
    """
    n, branches = op.x.elements, op.int_attr("num_branches", 0)
    columns = op.x.shape[-1] // branches if branches else op.x.shape[-1]
    counts = rms_norm_counts(n, n // columns)
    return work(op, counts if op.has(1) else replace(counts, muls=counts.muls - n), row_elements=columns, row_sums=1)


@contrib("GatedRMSNorm")
def gated_rms_norm(op: OpView) -> Work:
    """As RMSNormalization of rows as long as the scale, times the activation of the gate.

    Source: com.microsoft GatedRMSNorm-1.
    """
    n = op.x.elements
    gate = activation_counts(op.str_attr("activation", "silu"), n)
    columns = op.input(1).elements
    return work(op, rms_norm_counts(n, n // columns) + gate + Counts(muls=n), row_elements=columns, row_sums=1)


@contrib("EngramGate", traits=OPERANDS)
def engram_gate(op: OpView) -> Work:
    """Two RMS norms of n, their product summed over each row, root and sigmoid of a row, times the value.

    key, query [B, S, C, H], value [B, S, H]. The optional output is one more RMS norm. Source: com.microsoft
    EngramGate-1: sigmoid(sign(dot) sqrt(max(|dot|, 1e-6))), dot over sqrt(H).
    """
    n, rows = op.x.elements, op.x.elements // op.x.shape[-1]
    dot = Contraction(rows, 1, 1, op.x.shape[-1], lhs=0, rhs=1)
    # Root of H; absolute value, maximum, root, sign and its product; sigmoid; the product with the value.
    row = Counts(divs=1, adds=2, compares=1, transcendentals=1, muls=1) + SIGMOID
    counts = rms_norm_counts(n, rows).scaled(2 + op.has_output(1)) + row.scaled(rows) + Counts(muls=n)
    return contraction_work(op, (dot,), counts)


@contrib("HyperConnectionPreMix", traits=OPERANDS)
def hyper_connection_pre_mix(op: OpView) -> Work:
    """macs: N for N elements of the C streams; muls: n for a reduction scale that is not 1.

    streams [..., C, H] -> [..., H]. Source: com.microsoft HyperConnectionPreMix-1.
    """
    n, total = op.out.elements, op.x.elements
    width = op.out.shape[-1]
    part = Contraction(n // width, 1, width, total // n, lhs=1, rhs=0)
    return contraction_work(op, (part,), Counts(muls=n if op.float_attr("reduction_scale", 1.0) != 1.0 else 0))


@contrib("HyperConnectionPostMix", traits=OPERANDS)
def hyper_connection_post_mix(op: OpView) -> Work:
    """macs: N for the branch, which is injected into the streams, and N C where a matrix mixes them first.

    streams [..., C, H], block output [..., H], stream_mix [..., C, C]. Source: com.microsoft HyperConnectionPostMix-1.
    """
    total, width = op.x.elements, op.input(1).shape[-1]
    rows = op.input(1).elements // width
    streams = total // (rows * width)
    parts = [Contraction(rows, streams, width, 1, lhs=2, rhs=1)]
    if op.has(3):
        parts.append(Contraction(rows, streams, width, streams, lhs=3, rhs=0))
    return contraction_work(op, parts, Counts())


@contrib("HyperConnectionLowRankMix", traits=OPERANDS)
def hyper_connection_low_rank_mix(op: OpView) -> Work:
    """macs: 2 t C H R + t C H C: a norm of each of C streams, a gate of rank R for each element, their sum, a new gate.

    streams [..., C H], down [C H, R], up [R, C H], inject [C H, C] -> [..., H], gates [..., C], and the streams with
    the previous block's output and gate. Source: com.microsoft HyperConnectionLowRankMix-1.
    """
    columns, rank = op.input(2).shape
    streams = op.input(4).shape[1]
    n, rows, width = op.x.elements, op.x.elements // columns, columns // streams
    parts = (
        Contraction(1, rows, rank, columns, lhs=None, rhs=2),
        Contraction(1, rows, columns, rank, lhs=None, rhs=3),
        Contraction(1, rows, streams, columns, lhs=None, rhs=4),
    )
    counts = Counts(muls=n, adds=n) if op.has(5) else Counts()
    counts += rms_norm_counts(n, rows * streams)
    counts += (SILU + Counts(muls=1 if op.float_attr("silu_alpha", 1.0) != 1.0 else 0)).scaled(rows * rank)
    counts += SIGMOID.scaled(n) + Counts(muls=n, adds=rows * width * (streams - 1))
    counts += Counts(muls=rows * width if op.float_attr("reduction_scale", 1.0) != 1.0 else 0)
    gate = Counts(divs=1 if op.float_attr("gate_div", 1.0) != 1.0 else 0)
    gate += Counts(muls=1 if op.float_attr("gate_mul", 1.0) != 1.0 else 0)
    return contraction_work(op, parts, counts + (SIGMOID + gate).scaled(rows * streams))


@contrib("RMSNormRotary")
def rms_norm_rotary(op: OpView) -> Work:
    """As RMSNormalization of each head, then muls: 2r + adds: r for the r elements that are rotated.

    x [B, S, h, stride], of which a slice of `input_width` is normed -> [B, S, h width]; reads a row of both tables for
    each token. Source: com.microsoft RMSNormRotary-1.
    """
    batch, length, heads, stride = op.x.shape
    width, rotated = op.int_attr("input_width", 0) or stride, op.int_attr("rotary_embedding_dim", 0)
    rows = batch * length * heads
    table = dmin(op.input(3).elements, batch * length * rotated // 2)
    counts = rms_norm_counts(rows * width, rows) + rotary_counts(rows * rotated)
    return work(op, counts, reads={0: rows * width, 3: table, 4: table}, row_elements=width, row_sums=1)


def _embedding_reads(op: OpView, tables: dict[int, int], tokens: int) -> dict[int, int | None]:
    return {i: dmin(op.input(i).elements, tokens * width) for i, width in tables.items() if op.has(i)}


@contrib("EmbedLayerNormalization")
def embed_layer_normalization(op: OpView) -> Work:
    """As LayerNormalization, after adds: n for the position and n for the segment; reads the rows that are looked up.

    ids [B, S], tables [rows, D]; a mask is counted as one integer addition an element. Source: com.microsoft
    EmbedLayerNormalization-1.
    """
    tokens, width = op.x.elements, op.input(2).shape[1]
    counts = layer_norm_counts(tokens * width, tokens)
    counts += Counts(adds=tokens * width * (1 + op.has(4)), int_ops=op.input(7).elements if op.has(7) else 0)
    reads = _embedding_reads(op, {2: width, 3: width, 4: width}, tokens)
    if op.has(3) and not op.has(8):
        reads[3] = dmin(op.input(3).elements, op.x.shape[1] * width)
    return work(op, counts, reads=reads, dtype=op.input(2).dtype)


@contrib("QEmbedLayerNormalization")
def quantized_embed_layer_normalization(op: OpView) -> Work:
    """As EmbedLayerNormalization, every looked-up row, gamma and beta dequantised first.

    Source: com.microsoft QEmbedLayerNormalization-1.
    """
    tokens, width = op.x.elements, op.input(2).shape[1]
    tables = 2 + op.has(4)
    counts = layer_norm_counts(tokens * width, tokens) + Counts(adds=tokens * width * (tables - 1))
    counts += dequantize_counts(tables * tokens * width + 2 * width)
    counts += Counts(int_ops=op.input(7).elements if op.has(7) else 0)
    reads = _embedding_reads(op, {2: width, 4: width}, tokens)
    reads[3] = dmin(op.input(3).elements, op.x.shape[1] * width)
    return work(op, counts, reads=reads, dtype="float32")


@contrib("CDist", traits=OPERANDS)
def pairwise_distance(op: OpView) -> Work:
    """macs: M K N + adds: M K N, differences squared and summed; euclidean takes transcendentals: M K too.

    a [M, N], b [K, N] -> [M, K]. Source: com.microsoft CDist-1 (metric sqeuclidean or euclidean).
    """
    (m, n), k = op.x.shape, op.input(1).shape[0]
    root = op.str_attr("metric", "sqeuclidean") == "euclidean"
    part = Contraction(1, m, k, n)
    return contraction_work(op, (part,), Counts(adds=m * k * n, transcendentals=m * k if root else 0))
