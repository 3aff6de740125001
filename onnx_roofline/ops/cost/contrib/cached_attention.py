"""Grouped-query, paged and sparse attention of onnxruntime: caches of keys and values that are updated in place.

How long each sequence of a batch really is only the values tell: the counts take all to be as long as the longest.
Source of every layout: the operator schemas of onnxruntime 1.32 (domain com.microsoft).
"""

from msgspec import Struct
from msgspec.structs import replace

from onnx_roofline.base.errors import NotModelledError
from onnx_roofline.base.units import ceil_div, dmax, dmin
from onnx_roofline.ir.records import Contraction, Counts, Status, Work
from onnx_roofline.ops.cost.contrib.parts import (
    Heads,
    attention_counts,
    contraction_work,
    contrib,
    dequantize_counts,
    quantize_counts,
    rotary_counts,
)
from onnx_roofline.ops.cost.normalization import rms_norm_counts
from onnx_roofline.ops.traits import Traits
from onnx_roofline.ops.view import OpView


class Queries(Struct, frozen=True):
    """What query, key and value hold: tokens and heads; q, k, v are the positions of the operands."""

    tokens: int
    heads: int
    kv_heads: int
    width: int
    k: int
    v: int

    @property
    def query_elements(self) -> int:
        """Elements of Q."""
        return self.tokens * self.heads * self.width

    def key_elements(self, tokens: int) -> int:
        """Elements of K, and of V, of so many tokens."""
        return tokens * self.kv_heads * self.width


def reads_cache_alone(op: OpView) -> bool:
    """Whether the op has no keys of its own: none of the operand's rows, or Q alone by the width of the cache's heads.

    Layers that share another layer's cache are written so. Source: onnxruntime, issue 28318.
    """
    if op.has(1):
        return op.input(1).rank == 3 and op.input(1).shape[1] == 0
    if not op.has(3):
        return False
    packing = 2 if op.int_attr("kv_cache_bit_width", 0) == 4 else 1
    return op.x.shape[-1] == op.int_attr("num_heads", 1) * op.input(3).shape[3] * packing


def head_width(op: OpView) -> int:
    """Width of a head, of the queries [.., h d] or of what is packed [.., (h + 2g) d]."""
    heads, kv_heads = op.int_attr("num_heads", 1), op.int_attr("kv_num_heads", 1)
    is_packed = not op.has(1) and not reads_cache_alone(op)
    return op.x.shape[-1] // (heads + 2 * kv_heads if is_packed else heads)


def _queries(op: OpView, tokens: int) -> Queries:
    heads, kv_heads = op.int_attr("num_heads", 1), op.int_attr("kv_num_heads", 1)
    k, v = (3, 4) if reads_cache_alone(op) else (1, 2 if op.has(2) else 1) if op.has(1) else (0, 0)
    return Queries(tokens, heads, kv_heads, head_width(op), k, v)


def _prepared(op: OpView, sizes: Queries, new: int, cos: int, norm: int) -> Counts:
    """Normalisation and rotary embedding of the queries and of `new` keys; tables at `cos`, weights at `norm`."""
    counts = Counts()
    if op.has(norm):
        counts += rms_norm_counts(sizes.query_elements, sizes.tokens * sizes.heads)
        counts += rms_norm_counts(sizes.key_elements(new), new * sizes.kv_heads)
    if op.int_attr("do_rotary", 0):
        rotated = dmin(sizes.width, 2 * op.input(cos).shape[-1]) if op.has(cos) else sizes.width
        counts += rotary_counts(rotated * (sizes.tokens * sizes.heads + new * sizes.kv_heads))
    return counts


def _cache_conversion(op: OpView, cache: int, touched: int, new: int) -> Counts:
    """Symmetric dequantisation of what is read of a narrow cache and quantisation of what is added, K and V."""
    if not op.has(cache) or op.input(cache).dtype == op.x.dtype:
        return Counts()
    return dequantize_counts(2 * touched, zero_point=False) + quantize_counts(2 * new, zero_point=False)


def _touching(answer: Work, op: OpView, reads: dict[int, int], writes: dict[int, int]) -> Work:
    """The answer with what is touched of the caches at some operands."""
    return replace(
        answer,
        reads=tuple(reads.get(i, n) if op.has(i) and n is not None else n for i, n in enumerate(answer.reads)),
        writes=tuple(writes.get(i, n) if op.has_output(i) and n is not None else n
                     for i, n in enumerate(answer.writes)),
    )  # fmt: skip


@contrib(
    "GroupQueryAttention",
    traits=Traits(quantized_form="operand", attends=True, cache_inputs=(3, 4), cache_scales_at=(12, 13)),
)
def group_query_attention(op: OpView) -> Work:
    """macs: 2 B h S T d; T the total length, or the local window where that is shorter; scale, bias and softmax.

    query [B, S, h d] or packed [B, S, (h + 2g) d], caches [B, g, T, d]. Where present is as long as past, the cache
    is one buffer: only new tokens are written. The total length is a value; unless it is known, the cache is taken as
    full. Without keys of its own the op reads the cache alone. Source: com.microsoft GroupQueryAttention-1.
    """
    batch, queries = op.x.shape[:2]
    sizes = _queries(op, batch * queries)
    new = 0 if reads_cache_alone(op) else op.input(1).shape[1] if op.has(1) and op.input(1).rank == 3 else queries
    held = op.input(3).shape[2] if op.has(3) else 0
    room = op.output(1).shape[2] if op.has_output(1) else held + new
    total: int = held + new
    status: Status = "bounded" if held else "exact"
    in_place = bool(held) and room == held
    if op.input(6).is_known:
        total, status = int(op.input(6).value.reshape(-1)[0]), "exact"
    elif in_place:
        total = held
    window = op.int_attr("local_window_size", -1)
    keys = total if window < 0 else dmin(total, window)
    touched = total if window < 0 else dmin(total, window + queries - 1)
    heads = Heads(batch, sizes.heads, sizes.kv_heads, queries, keys, sizes.width, sizes.width)
    past_read = sizes.key_elements(batch * dmax(0, touched - new))
    added = sizes.key_elements(batch * new)
    biased = op.has(10) or bool(op.int_attr("causal", 1))
    counts = attention_counts(op, heads, biased, sink=op.has(11) or bool(op.int_attr("smooth_softmax", 0)))
    counts += _prepared(op, sizes, batch * new, 7, 14) + _cache_conversion(op, 3, past_read, added)
    masking = heads.masking(causal=bool(op.int_attr("causal", 1)))
    answer = contraction_work(op, heads.contractions(0, sizes.k, sizes.v), counts, status, masking=masking)
    if not op.has(3):
        return answer
    # A packed 4-bit cache holds two values a byte: its own width counts what is stored.
    stored = op.input(3).shape[3]
    past_read, added = past_read // sizes.width * stored, added // sizes.width * stored
    if not in_place:
        note = "past and present are taken as two buffers; of one that they share only new tokens are written"
        return replace(answer, note=note if status == "bounded" else "")
    return _touching(answer, op, {3: past_read, 4: past_read}, {1: added, 2: added})


@contrib("PagedAttention", traits=Traits(quantized_form="operand", attends=True, cache_inputs=(3, 4)))
def paged_attention(op: OpView) -> Work:
    """macs: t h T (d + dv) for t packed tokens that each meet T = blocks x block size keys at most: an upper bound.

    query [t, h d] or packed, caches [blocks, block size, g, d], block_table [B, blocks of one sequence]; new keys are
    written in place. A LATENT cache holds K whose first columns are V. Source: com.microsoft PagedAttention-1.
    """
    tokens = op.x.shape[0]
    latent = op.str_attr("kv_cache_layout", "SEPARATE") == "LATENT"
    sizes = _queries(op, tokens)
    if latent:
        sizes = replace(sizes, width=op.x.shape[1] // sizes.heads, v=3)
    sequences, blocks = op.input(7).shape
    room, block, _, stored = op.input(3).shape
    window = op.int_attr("local_window_size", -1)
    keys = blocks * block if window < 0 else dmin(blocks * block, window)
    v_width = op.int_attr("v_head_size", sizes.width) if latent else sizes.width
    heads = Heads(1, sizes.heads, sizes.kv_heads, tokens, keys, sizes.width, v_width)
    cached = dmin(sequences * blocks, room) * block
    counts = attention_counts(op, heads, bool(op.int_attr("is_causal", 1)), sink=op.has(11))
    counts += _prepared(op, sizes, tokens, 8, 12)
    counts += _cache_conversion(op, 3, sizes.key_elements(cached), sizes.key_elements(tokens))
    answer = contraction_work(op, heads.contractions(0, sizes.k, sizes.v), counts, "bounded")
    read, added = cached * sizes.kv_heads * stored, tokens * sizes.kv_heads * stored
    return _touching(answer, op, {3: read, 4: read}, {1: added, 2: added})


@contrib("SparseAttention", traits=Traits(quantized_form="operand", attends=True, cache_inputs=(3, 4)))
def sparse_attention(op: OpView) -> Work:
    """macs: 2 B h S T d, T at most what the blocks of one head hold for each query: an upper bound.

    query [B, S, h d] or packed, caches [B, g, T, d], block columns [layouts, blocks]; present and past are one buffer.
    Source: com.microsoft SparseAttention-1.
    """
    batch, queries = op.x.shape[:2]
    sizes = _queries(op, batch * queries)
    block, blocks = op.int_attr("sparse_block_size", 64), op.input(6).shape[1]
    total = op.input(3).shape[2]
    if op.input(7).is_known:
        total = int(op.input(7).value.reshape(-1)[0])
    # All blocks of the mask together, spread over the queries; a query meets no more than all keys.
    keys = dmin(total, ceil_div(blocks * block * block, dmax(1, queries)))
    heads = Heads(batch, sizes.heads, sizes.kv_heads, queries, keys, sizes.width, sizes.width)
    counts = attention_counts(op, heads, True) + _prepared(op, sizes, batch * queries, 9, len(op.inputs))
    answer = contraction_work(op, heads.contractions(0, sizes.k, sizes.v), counts, "bounded")
    read = sizes.key_elements(batch * dmax(0, total - queries))
    added = sizes.key_elements(batch * queries)
    return _touching(answer, op, {3: read, 4: read}, {1: added, 2: added})


def _selected(op: OpView, indices: int, cache_length: int) -> int:
    """Keys that one query meets: all it may select, and its local window in the mode that has one."""
    selected = op.input(indices).shape[-1]
    if op.str_attr("attention_mode", "selected_only") == "selected_only":
        return selected
    window = op.int_attr("local_window_size", -1)
    return selected + (cache_length if window < 0 else dmin(window, cache_length))


@contrib("DynamicSparseAttention", traits=Traits(quantized_form="operand", attends=True, cache_inputs=(3, 4)))
def dynamic_sparse_attention(op: OpView) -> Work:
    """macs: 2 B h S T d, T the most keys a query may select, with its local window: an upper bound.

    query [B, S, h d] or packed, caches [B, g, P, d], selected_indices [B S, most]. Reads of a cache what the queries
    select together, never more than it holds. Source: com.microsoft DynamicSparseAttention-1.
    """
    batch, queries = op.x.shape[:2]
    sizes = _queries(op, batch * queries)
    held = op.input(3).shape[2] if op.has(3) else 0
    room = op.output(1).shape[2] if op.has_output(1) else held + queries
    keys = _selected(op, 7, dmax(held, room))
    heads = Heads(batch, sizes.heads, sizes.kv_heads, queries, keys, sizes.width, sizes.width)
    sink = op.has(16) or bool(op.int_attr("smooth_softmax", 0))
    counts = attention_counts(op, heads, sink=sink) + _prepared(op, sizes, batch * queries, 11, 14)
    answer = contraction_work(op, heads.contractions(0, sizes.k, sizes.v), counts, "bounded")
    read = sizes.key_elements(batch * dmin(held, queries * keys))
    added = sizes.key_elements(batch * (queries if room == held else room))
    return _touching(answer, op, {3: read, 4: read}, {1: added, 2: added})


@contrib("SparsePagedAttention", traits=Traits(quantized_form="operand", attends=True, cache_inputs=(3, 4)))
def sparse_paged_attention(op: OpView) -> Work:
    """macs: 2 t h T d, T the most keys a token may select, with its local window: an upper bound.

    query [t, h d] or packed, caches [blocks, block size, g, d], selected_indices [t, most].
    Source: com.microsoft SparsePagedAttention-1.
    """
    tokens = op.x.shape[0]
    sizes = _queries(op, tokens)
    room, block = op.input(3).shape[:2]
    sequences, blocks = op.input(7).shape
    keys = _selected(op, 9, blocks * block)
    heads = Heads(1, sizes.heads, sizes.kv_heads, tokens, keys, sizes.width, sizes.width)
    cached = dmin(dmin(sequences * blocks, room) * block, tokens * keys)
    counts = attention_counts(op, heads, sink=op.has(16))
    counts += _prepared(op, sizes, tokens, 14, 17)
    counts += _cache_conversion(op, 3, sizes.key_elements(cached), sizes.key_elements(tokens))
    answer = contraction_work(op, heads.contractions(0, sizes.k, sizes.v), counts, "bounded")
    read, added = sizes.key_elements(cached), sizes.key_elements(tokens)
    return _touching(answer, op, {3: read, 4: read}, {1: added, 2: added})


@contrib("SparseAttentionIndexer", traits=Traits(cache_inputs=(7,)))
def sparse_attention_indexer(op: OpView) -> Work:
    """macs: t h E d for t queries against E compressed entries, with a ReLU for each score and the sum over heads.

    query [B, S, h d], cached keys [B, P, d]; E is every block of compress_ratio tokens ("qsa") or every entry ("csa").
    Ignored: pooling, compression and rotation of the new keys, and the order of the best scores.
    Source: com.microsoft SparseAttentionIndexer-1.
    """
    batch, queries = op.x.shape[:2]
    held = op.input(7).shape[1]
    ratio = op.int_attr("compress_ratio", 1)
    grown = op.output(1).shape[1] if op.has_output(1) else held + queries
    entries = ceil_div(grown, ratio) if op.str_attr("policy_mode", "") == "qsa" else grown
    return _scored(op, batch, queries, entries, op.input(2).shape[0])


@contrib("PackedSparseAttentionIndexer")
def packed_sparse_attention_indexer(op: OpView) -> Work:
    """macs: t h E d for t packed queries against the E entries that the key state has room for.

    query [t, h d], key state [B, E, d]. Ignored: what SparseAttentionIndexer ignores.
    Source: com.microsoft PackedSparseAttentionIndexer-1.
    """
    return _scored(op, 1, op.x.shape[0], op.input(12).shape[1], op.input(3).shape[0])


def _scored(op: OpView, batch: int, queries: int, entries: int, width: int) -> Work:
    columns = op.x.shape[-1]
    packed_key = 0 if op.has(1) else width
    heads = (columns - packed_key) // width
    if heads < 1:
        raise NotModelledError(f"queries of {columns} hold no head of {width}")
    scores = batch * queries * heads * entries
    product_ = Contraction(batch, queries * heads, entries, width, lhs=0, rhs=None)
    counts = rms_norm_counts(batch * queries * heads * width, batch * queries * heads)
    counts += Counts(muls=scores, compares=scores, adds=batch * queries * (heads - 1) * entries)
    return contraction_work(op, (product_,), counts, "heuristic")
