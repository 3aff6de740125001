"""Attention of onnxruntime in one op: projections, scores, softmax and context; the score matrices stay inside.

Source of every layout: the operator schemas of onnxruntime 1.32 (domain com.microsoft). MACs are dense: causality and
masks save nothing, and any of them is one bias that is added to the scores. B sequences, h heads of width d, S queries,
T keys.
"""

from msgspec.structs import replace

from onnx_roofline.base.errors import NotModelledError
from onnx_roofline.base.units import dmin, product
from onnx_roofline.ir.records import Contraction, Counts, Status, Work
from onnx_roofline.ops.cost.contrib.parts import (
    SIGMOID,
    Heads,
    attention_counts,
    contraction_work,
    contrib,
    dequantize_counts,
    macs_of,
    quantize_counts,
    rotary_counts,
)
from onnx_roofline.ops.cost.registry import own_elements, work
from onnx_roofline.ops.traits import OPERANDS, Traits
from onnx_roofline.ops.view import OpView


def _widths(op: OpView, merged: int) -> tuple[int, int]:
    """(width of Q and of K, width of V) of merged projection weights with `merged` columns."""
    sizes = op.ints_attr("qkv_hidden_sizes")
    if len(sizes) == 3:
        return sizes[0], sizes[2]
    return merged // 3, merged // 3


def _cached(op: OpView, past: int, axis: int, new: int, length: int, shared: bool) -> tuple[int, Status]:
    """(keys that a query meets, status) of a cache: what it holds and the new ones.

    A buffer that past and present share is taken as full unless the past length at `length` is a known value.
    """
    if not op.has(past):
        return new, "exact"
    held = op.input(past).shape[axis]
    if not shared:
        return held + new, "exact"
    if op.has(length) and op.input(length).is_known:
        return int(op.input(length).value.reshape(-1)[0]) + new, "exact"
    return held, "bounded"


@contrib(
    "Attention", "DecoderMaskedSelfAttention", traits=Traits(quantized_form="operand", attends=True, cache_inputs=(4,))
)
def attention(op: OpView) -> Work:
    """macs: B S I (2D + Dv) + B S T (D + Dv), with scale, masks and softmax over B h S T scores.

    x [B, S, I], weights [I, D + D + Dv], past and present [2, B, h, T, d]. Source: com.microsoft Attention-1.
    """
    batch, queries, inputs = op.x.shape
    columns = op.input(1).shape[1]
    qk_width, v_width = _widths(op, columns)
    count = op.int_attr("num_heads", 1)
    shared = bool(op.int_attr("past_present_share_buffer", 0))
    keys, status = _cached(op, 4, 3, queries, 6, shared)
    heads = Heads(batch, count, count, queries, keys, qk_width // count, v_width // count)
    projection = Contraction(1, batch * queries, columns, inputs)
    position = 4 if op.has(4) else None
    contractions = (projection, *heads.contractions(None, position, position))
    counts = attention_counts(op, heads, op.has(3) or op.has(5))
    counts += Counts(adds=batch * queries * columns if op.has(2) else 0)
    if op.int_attr("do_rotary", 0):
        counts += rotary_counts(2 * batch * queries * qk_width)
    masking = heads.masking(causal=bool(op.int_attr("unidirectional", 0)))
    answer = contraction_work(op, contractions, counts, status, masking=masking)
    if not shared or not op.has(4):
        return answer
    each = batch * (qk_width + v_width)
    return _in_place(answer, op, {4: each * (keys - queries)}, {1: each * queries})


def _in_place(answer: Work, op: OpView, reads: dict[int, int], writes: dict[int, int]) -> Work:
    """The answer with what is touched of buffers that are updated in place."""
    return replace(
        answer,
        reads=tuple(reads.get(i, n) if op.has(i) else 0 for i, n in enumerate(answer.reads)),
        writes=tuple(writes.get(i, n) if op.has_output(i) else 0 for i, n in enumerate(answer.writes)),
    )


@contrib("MultiHeadAttention", traits=Traits(quantized_form="operand", attends=True, cache_inputs=(6, 7)))
def multi_head_attention(op: OpView) -> Work:
    """macs: B S T (D + Dv), with scale, masks and softmax over B h S T scores; a bias is added to Q, K and V.

    query [B, S, D] or packed [B, S, h, 3, d]; key and value [B, L, D], [B, h, L, d], or both in [B, L, h, 2, d].
    Source: com.microsoft MultiHeadAttention-1.
    """
    count = op.int_attr("num_heads", 1)
    shape = op.x.shape
    batch, queries = shape[:2]
    q, k, v = 0, 1, 2
    if len(shape) == 5:
        new, width, v_width, k, v = queries, shape[4], shape[4], 0, 0
        biased = 3 * product(shape[:3]) * width
    else:
        width = shape[2] // count
        new, v_width = _lengths(op, count)
        v = 2 if op.has(2) else 1
        cross_cache = op.input(1).rank == 4
        biased = batch * queries * count * width
        biased += 0 if cross_cache else batch * new * count * (width + v_width)
    shared = op.has(6) and op.has(8)
    keys, status = _cached(op, 6, 2, new, 8, shared)
    heads = Heads(batch, count, count, queries, keys, width, v_width)
    counts = attention_counts(op, heads, op.has(4) or op.has(5)) + Counts(adds=biased if op.has(3) else 0)
    masking = heads.masking(causal=bool(op.int_attr("unidirectional", 0)))
    answer = contraction_work(op, heads.contractions(q, k, v), counts, status, masking=masking)
    if not shared:
        return answer
    each = batch * count
    return _in_place(
        answer, op,
        {6: each * (keys - new) * width, 7: each * (keys - new) * v_width},
        {1: each * new * width, 2: each * new * v_width},
    )  # fmt: skip


def _lengths(op: OpView, count: int) -> tuple[int, int]:
    """(number of keys given, width of one head of V) of the operands key and value."""
    key = op.input(1).shape
    if len(key) == 5:
        return key[1], key[4]
    value = op.input(2).shape
    if len(key) == 4:
        return key[2], value[3]
    return key[1], value[2] // count


@contrib("DecoderMaskedMultiHeadAttention", traits=Traits(quantized_form="operand", attends=True, cache_inputs=(5, 6)))
def decoder_masked_attention(op: OpView) -> Work:
    """macs: B T (D + Dv) for the one new token, with scale, masks and softmax over B h T scores.

    query [B, 1, D] or packed [B, 1, 2D + Dv]; key and value [B, 1, D], or a cross-attention cache [B, h, L, d].
    Source: com.microsoft DecoderMaskedMultiHeadAttention-1.
    """
    count = op.int_attr("num_heads", 1)
    batch, queries, columns = op.x.shape
    k, v = (1, 2) if op.has(1) else (0, 0)
    cross = op.has(1) and op.input(1).rank == 4
    if op.has(1):
        width = columns // count
        new, v_width = _lengths(op, count)
    else:
        new, width, v_width = queries, columns // 3 // count, columns // 3 // count
    shared = bool(op.int_attr("past_present_share_buffer", 0)) and op.has(5)
    alone: tuple[int, Status] = (new, "exact")
    keys, status = alone if cross else _cached(op, 5, 2, new, 7, shared)
    heads = Heads(batch, count, count, queries, keys, width, v_width)
    counts = attention_counts(op, heads, op.has(3) or op.has(4))
    if op.has(10):
        counts += Counts(adds=batch * count * (width if cross else 2 * width + v_width) * queries)
    answer = contraction_work(op, heads.contractions(0, k, v), counts, status)
    if not shared or cross:
        return answer
    each = batch * count
    return _in_place(
        answer, op,
        {5: each * (keys - new) * width, 6: each * (keys - new) * v_width},
        {1: each * new * width, 2: each * new * v_width},
    )  # fmt: skip


def _flag(op: OpView, position: int) -> bool:
    return bool(op.input(position).value.reshape(-1)[0])


@contrib("DecoderAttention", traits=Traits(quantized_form="operand", attends=True, cache_inputs=(6, 7)))
def decoder_attention(op: OpView) -> Work:
    """macs: S B D D + L B D 2D + B S T 2D; L is what is projected to K and V, T is L and the cache.

    query [S, B, D], key [L, B, D], caches [B, h, P, d]; whether a cache is used and whether it is a cross-attention
    are inputs, which have to be known. Source: com.microsoft DecoderAttention-1.
    """
    queries, batch, hidden = op.x.shape
    count = op.int_attr("num_heads", 1)
    static, use_past, has_state = (_flag(op, position) for position in (8, 9, 10))
    cached = use_past and has_state
    projected = op.input(1).shape[0] if static else queries
    keys = projected
    if cached:
        held = op.input(6).shape[2]
        projected, keys = (0, held) if static else (queries, held + queries)
    heads = Heads(batch, count, count, queries, keys, hidden // count, hidden // count)
    k = 6 if cached else None
    contractions = (
        Contraction(1, queries * batch, hidden, hidden, lhs=0, rhs=2),
        Contraction(1, projected * batch, 2 * hidden, hidden, lhs=1 if static else 0, rhs=3),
        *heads.contractions(None, k, 7 if cached else None),
    )
    bias = Counts(adds=batch * hidden * (queries + 2 * projected))
    masked = op.has(5) and _flag(op, 11)
    answer = contraction_work(op, contractions, attention_counts(op, heads, masked) + bias)
    unused = {1: 0} if not static or cached else {}
    unused |= {} if projected else {3: 0}
    unused |= {} if cached else {6: 0, 7: 0}
    return _in_place(answer, op, unused, {})


def _packed(op: OpView, width: int, v_width: int, offsets: int) -> Heads:
    """Heads of packed sequences: how long each one is only the values tell, so each token meets S keys."""
    count = op.int_attr("num_heads", 1)
    return Heads(1, count, count, op.x.shape[0], op.input(offsets).shape[1], width // count, v_width // count)


@contrib("PackedAttention", traits=Traits(quantized_form="operand", attends=True))
def packed_attention(op: OpView) -> Work:
    """macs: t I (2D + Dv) + t S (D + Dv) for t packed tokens of sequences of at most S: an upper bound.

    x [t, I], weights [I, D + D + Dv], token_offset [B, S]. Source: com.microsoft PackedAttention-1.
    """
    tokens, inputs = op.x.shape
    columns = op.input(1).shape[1]
    qk_width, v_width = _widths(op, columns)
    heads = _packed(op, qk_width, v_width, 3)
    contractions = (Contraction(1, tokens, columns, inputs), *heads.contractions(None, None, None))
    counts = attention_counts(op, heads, op.has(5)) + Counts(adds=tokens * columns)
    return contraction_work(op, contractions, counts, "bounded")


@contrib("PackedMultiHeadAttention", traits=Traits(quantized_form="operand", attends=True))
def packed_multi_head_attention(op: OpView) -> Work:
    """macs: t S (D + Dv) for t packed tokens of sequences of at most S: an upper bound.

    query [t, D] or packed [t, h, 3, d]; key and value [t, D]. Source: com.microsoft PackedMultiHeadAttention-1.
    """
    shape = op.x.shape
    packed = len(shape) == 4
    width = shape[1] * shape[3] if packed else shape[1]
    v_width = width if packed else op.input(2).shape[1]
    heads = _packed(op, width, v_width, 4)
    k, v = (0, 0) if packed else (1, 2)
    bias = Counts(adds=shape[0] * (2 * width + v_width) if op.has(3) else 0)
    counts = attention_counts(op, heads, op.has(6)) + bias
    return contraction_work(op, heads.contractions(0, k, v), counts, "bounded")


@contrib("QAttention", traits=Traits(quantized_form="operand", attends=True, cache_inputs=(8,)))
def quantized_attention(op: OpView) -> Work:
    """As Attention with an 8-bit projection: its results take one scale and the bias; the rest is float.

    x [B, S, I] and weight [I, 3D] in 8 bits, past [2, B, h, P, d]. The peak is that of the larger part of the MACs.
    Source: com.microsoft QAttention-1.
    """
    batch, queries, inputs = op.x.shape
    columns = op.input(1).shape[1]
    count, width = op.int_attr("num_heads", 1), columns // 3
    shared = bool(op.int_attr("past_present_share_buffer", 0))
    keys, status = _cached(op, 8, 3, queries, len(op.inputs), shared)
    heads = Heads(batch, count, count, queries, keys, width // count, width // count)
    projection = Contraction(1, batch * queries, columns, inputs)
    position = 8 if op.has(8) else None
    contractions = (projection, *heads.contractions(None, position, position))
    results = batch * queries * columns
    counts = attention_counts(op, heads, op.has(5)) + Counts(muls=results, adds=results)
    if op.int_attr("do_rotary", 0):
        counts += rotary_counts(2 * batch * queries * width)
    eight_bit = 2 * projection.macs >= macs_of(contractions).macs
    answer = replace(
        contraction_work(op, contractions, counts, status, own_elements(op, 1, 2, 3, 4, 6, 7)),
        compute_dtype=op.x.dtype if eight_bit else op.input(2).dtype,
    )
    if not shared or not op.has(8):
        return answer
    return _in_place(answer, op, {8: 2 * batch * width * (keys - queries)}, {1: 2 * batch * width * queries})


@contrib("QOrderedAttention", traits=Traits(quantized_form="operand", attends=True))
def ordered_attention(op: OpView) -> Work:
    """As Attention, every product in int8: what comes out of each is rescaled and quantised again, without zero points.

    x [B, S, I]; three weights [I, D], three biases [D]. Source: com.microsoft QOrderedAttention-1.
    """
    batch, queries, inputs = op.x.shape
    count = op.int_attr("num_heads", 1)
    sizes = [op.input(position).shape[1] for position in (5, 6, 7)]
    heads = Heads(batch, count, count, queries, queries, sizes[0] // count, sizes[2] // count)
    projections = tuple(
        Contraction(1, batch * queries, size, inputs, lhs=0, rhs=position)
        for size, position in zip(sizes, (5, 6, 7), strict=True)
    )
    contractions = (*projections, *heads.contractions(None, None, None))
    projected = batch * queries * sum(sizes)
    # Projections, scores and context are rescaled; projections, probabilities and context are quantised.
    rescaled = projected + heads.scores + op.out.elements
    counts = attention_counts(op, heads, op.has(17) or op.has(19)) + Counts(adds=projected)
    counts += dequantize_counts(rescaled, zero_point=False) + quantize_counts(rescaled, zero_point=False)
    answer = work(op, contractions=contractions, dtype=op.x.dtype, parameters=own_elements(op, *range(1, 17)))
    return replace(answer, counts=counts + macs_of(contractions))


def _longformer(op: OpView, weight: int, global_weight: int, flags: int) -> tuple[tuple[Contraction, ...], Counts]:
    batch, queries, hidden = op.x.shape
    count, window = op.int_attr("num_heads", 1), op.int_attr("window", 0)
    known = op.input(flags).known_value
    globals_ = 0 if known is None else int((known != 0).sum()) // max(1, batch)
    local = Heads(batch, count, count, queries, dmin(queries, 2 * window + 1 + globals_), hidden // count,
                  hidden // count)  # fmt: skip
    everywhere = replace(local, queries=globals_, keys=queries)
    contractions = (
        Contraction(1, batch * queries, 3 * hidden, hidden, lhs=0, rhs=weight),
        Contraction(1, batch * queries, 3 * hidden, hidden, lhs=0, rhs=global_weight),
        *local.contractions(None, None, None),
        *everywhere.contractions(None, None, None),
    )
    counts = attention_counts(op, local, True) + attention_counts(op, everywhere, True)
    return contractions, counts + Counts(adds=2 * batch * queries * 3 * hidden)


@contrib("LongformerAttention", traits=Traits(quantized_form="operand", attends=True))
def longformer_attention(op: OpView) -> Work:
    """macs: 2 B S D 3D + B S min(S, 2W + 1 + g) 2D + B g S 2D; g global tokens, where their flags are known, else 0.

    x [B, S, D]; W tokens on either side. Both projections are made of all tokens. Ignored: kernels work on blocks of W
    tokens, three for each. Source: com.microsoft LongformerAttention-1.
    """
    contractions, counts = _longformer(op, 1, 4, 6)
    return contraction_work(op, contractions, counts, "heuristic")


@contrib("QOrderedLongformerAttention", traits=Traits(quantized_form="operand", attends=True))
def ordered_longformer_attention(op: OpView) -> Work:
    """As LongformerAttention with int8 projections and an int8 result, rescaled and quantised again.

    Source: com.microsoft QOrderedLongformerAttention-1.
    """
    contractions, counts = _longformer(op, 2, 8, 12)
    projected = 2 * product(op.x.shape) * 3
    counts += dequantize_counts(projected, zero_point=False) + quantize_counts(op.out.elements, zero_point=False)
    answer = work(op, contractions=contractions, dtype=op.x.dtype, status="heuristic")
    return replace(answer, counts=counts + macs_of(contractions))


@contrib("RelativePositionBias")
def relative_position_bias(op: OpView) -> Work:
    """transcendentals: p + divs: p + muls: p + adds: p + compares: 2p + int_ops: 2p for the p = S T distances' buckets.

    bias_table [buckets, h] -> [1, h, S, T]. Ignored: an implementation may find a bucket once for each distance.
    Source: com.microsoft RelativePositionBias-1, buckets as in arXiv:1910.10683.
    """
    pairs = product(op.out.shape[2:])
    counts = Counts(transcendentals=pairs, divs=pairs, muls=pairs, adds=pairs, compares=2 * pairs, int_ops=2 * pairs)
    touched = {0: dmin(op.x.elements, op.out.elements)}
    return work(op, counts, reads=touched, dtype=op.x.dtype, status="heuristic")


@contrib("GatedRelativePositionBias", traits=OPERANDS)
def gated_relative_position_bias(op: OpView) -> Work:
    """macs: R d G for R = B S h rows of the gate, with two sigmoids a row; muls: n for the bias itself.

    query [B, S, h d] or packed [t, h d], weight [d, G], rel_pos [1, h, S, S] -> [B, h, S, S].
    Source: com.microsoft GatedRelativePositionBias-1, the formula of its schema.
    """
    count = op.int_attr("num_heads", 1)
    width, gates = op.input(3).shape
    rows = op.x.elements // width
    if op.x.shape[-1] != count * width:
        raise NotModelledError(f"queries of {op.x.shape[-1]} are not {count} heads of {width}")
    product_ = Contraction(1, rows, gates, width, lhs=0, rhs=3)
    # Query bias; gate bias; two sums of G / 2; two sigmoids; u (r a - 1) + 2.
    counts = Counts(adds=op.x.elements + rows * gates + rows * (gates - 2) + 2 * rows, muls=2 * rows)
    counts += SIGMOID.scaled(2 * rows) + Counts(muls=op.out.elements)
    return contraction_work(op, (product_,), counts)
