"""Output types of onnxruntime's attention, caches and recurrences. B batch, S queries, P past keys, T all keys."""

from msgspec.structs import replace

from onnx_roofline.base.errors import NotModelledError
from onnx_roofline.base.units import dmax, dmin
from onnx_roofline.ir.graph import TensorType
from onnx_roofline.ops.cost.contrib.cached_attention import head_width, reads_cache_alone
from onnx_roofline.ops.shape.contrib.parts import Types, contrib, like, number
from onnx_roofline.ops.shape.merge import bound_along
from onnx_roofline.ops.view import OpView


def _sizes(op: OpView, merged: int) -> tuple[int, int]:
    sizes = op.ints_attr("qkv_hidden_sizes")
    return (sizes[0], sizes[2]) if len(sizes) == 3 else (merged // 3, merged // 3)


@contrib("Attention", "DecoderMaskedSelfAttention", "QAttention")
def attention(op: OpView) -> Types:
    """[B, S, Dv], and the cache [2, B, h, T, d]."""
    batch, queries, _ = op.x.shape
    past = 8 if op.op_type == "QAttention" else 4
    qk_width, v_width = _sizes(op, op.input(1).shape[1])
    dtype = op.input(2).dtype if op.op_type == "QAttention" else op.x.dtype
    heads = op.int_attr("num_heads", 1)
    keys = queries
    if op.has(past):
        held = op.input(past).shape[3]
        keys = held if op.int_attr("past_present_share_buffer", 0) else held + queries
    present = TensorType(dtype, (2, batch, heads, keys, qk_width // heads))
    return TensorType(dtype, (batch, queries, v_width)), present


@contrib("PackedAttention")
def packed_attention(op: OpView) -> Types:
    """[t, Dv]."""
    return (TensorType(op.x.dtype, (op.x.shape[0], _sizes(op, op.input(1).shape[1])[1])),)


@contrib("PackedMultiHeadAttention")
def packed_multi_head_attention(op: OpView) -> Types:
    """[t, Dv]."""
    shape = op.x.shape
    width = op.input(2).shape[1] if op.has(2) else shape[1] * shape[3]
    return (TensorType(op.x.dtype, (shape[0], width)),)


@contrib("QOrderedAttention")
def ordered_attention(op: OpView) -> Types:
    """[B, S, Dv]."""
    return (TensorType("int8", (*op.x.shape[:2], op.input(7).shape[1])),)


@contrib("MultiHeadAttention")
def multi_head_attention(op: OpView) -> Types:
    """[B, S, Dv], caches [B, h, T, d], scores [B, h, S, T]."""
    heads, shape = op.int_attr("num_heads", 1), op.x.shape
    batch, queries = shape[:2]
    if len(shape) == 5:
        new, width, v_width = queries, shape[4], shape[4]
    else:
        width = shape[2] // heads
        new, v_width = _given(op, heads)
    shared = op.has(6) and op.has(8)
    held = op.input(6).shape[2] if op.has(6) else 0
    keys = held if shared else held + new
    return _with_cache(op, (batch, heads, queries, keys), width, v_width)


def _given(op: OpView, heads: int) -> tuple[int, int]:
    """(number of keys given, width of one head of V)."""
    key = op.input(1).shape
    if len(key) == 5:
        return key[1], key[4]
    if len(key) == 4:
        return key[2], op.input(2).shape[3]
    return key[1], op.input(2).shape[2] // heads


def _with_cache(op: OpView, sizes: tuple[int, int, int, int], width: int, v_width: int) -> Types:
    batch, heads, queries, keys = sizes
    dtype = op.x.dtype
    return (
        TensorType(dtype, (batch, queries, heads * v_width)),
        TensorType(dtype, (batch, heads, keys, width)),
        TensorType(dtype, (batch, heads, keys, v_width)),
        TensorType(dtype, (batch, heads, queries, keys)),
    )


@contrib("DecoderMaskedMultiHeadAttention")
def decoder_masked_attention(op: OpView) -> Types:
    """[B, 1, Dv], caches [B, h, T, d], scores [B, h, 1, T]."""
    heads = op.int_attr("num_heads", 1)
    batch, queries, columns = op.x.shape
    if not op.has(1):
        new, width, v_width = queries, columns // 3 // heads, columns // 3 // heads
    else:
        width = columns // heads
        new, v_width = _given(op, heads)
    held = op.input(5).shape[2] if op.has(5) else 0
    shared = held and op.int_attr("past_present_share_buffer", 0)
    return _with_cache(op, (batch, heads, queries, held if shared else held + new), width, v_width)


@contrib("DecoderAttention")
def decoder_attention(op: OpView) -> Types:
    """[S, B, D], caches [B, h, T, d]; whether there is a past is an input, which has to be known."""
    queries, batch, hidden = op.x.shape
    heads = op.int_attr("num_heads", 1)
    static, use_past, has_state = (number(op, position) for position in (8, 9, 10))
    keys = op.input(1).shape[0] if static else queries
    if use_past and has_state:
        held = op.input(6).shape[2]
        keys = held if static else held + queries
    cache = TensorType(op.x.dtype, (batch, heads, keys, hidden // heads))
    return like(op.x), cache, cache


def _query_width(op: OpView) -> tuple[int, int]:
    """(width of the output, width of one head)."""
    width = head_width(op)
    return op.int_attr("num_heads", 1) * width, width


@contrib("GroupQueryAttention", "DynamicSparseAttention")
def group_query_attention(op: OpView) -> Types:
    """[B, S, h d], caches [B, g, T, d], scores [B, h, S, T].

    A cache is as long as the total length, never shorter than it was; unless the total is known, as the past and the
    new keys together at most. DynamicSparseAttention has a status [1] in place of the scores.
    """
    batch, queries = op.x.shape[:2]
    columns, width = _query_width(op)
    new = 0 if reads_cache_alone(op) else op.input(1).shape[1] if op.has(1) and op.input(1).rank == 3 else queries
    total_at = 6 if op.op_type == "GroupQueryAttention" else 10
    held = op.input(3).shape[2] if op.has(3) else 0
    known = op.has(total_at) and op.input(total_at).is_known
    total = number(op, total_at) if known else held + new
    room = dmax(held, total)
    if (op.op_type == "DynamicSparseAttention" and op.has(3)) or op.int_attr("sliding_window_cache", 0):
        known, room = True, held
    cache_dtype = op.input(3).dtype if op.has(3) else op.x.dtype
    stored = op.input(3).shape[3] if op.has(3) else width
    # Where nothing is added, the cache stays as it is.
    is_exact = known or not op.has(3) or not new
    cache = TensorType(cache_dtype, (batch, op.int_attr("kv_num_heads", 1), room, stored))
    last = TensorType(op.x.dtype, (batch, op.int_attr("num_heads", 1), queries, total))
    if not is_exact:
        cache, last = bound_along((2,), cache.dtype, cache), bound_along((3,), last.dtype, last)
    if op.op_type == "DynamicSparseAttention":
        last = TensorType("int32", (1,))
    dtype = "bfloat16" if op.int_attr("output_bf16", 0) else op.x.dtype
    return TensorType(dtype, (batch, queries, columns)), cache, cache, last


@contrib("SparseAttention")
def sparse_attention(op: OpView) -> Types:
    """[B, S, h d]; caches as they were."""
    return TensorType(op.x.dtype, (*op.x.shape[:2], _query_width(op)[0])), like(op.input(3)), like(op.input(4))


@contrib("PagedAttention", "SparsePagedAttention")
def paged_attention(op: OpView) -> Types:
    """[t, h dv]; caches as they were."""
    columns = _query_width(op)[0]
    if op.str_attr("kv_cache_layout", "SEPARATE") == "LATENT":
        heads = op.int_attr("num_heads", 1)
        columns = heads * op.int_attr("v_head_size", op.x.shape[1] // heads)
    out = TensorType(op.x.dtype, (op.x.shape[0], columns))
    return (out, like(op.input(3)), like(op.input(4))) if op.has(4) else (out, like(op.input(3)))


def _capacity(op: OpView) -> int:
    if op.str_attr("policy_mode", "") == "qsa":
        return op.int_attr("token_budget", 0) + op.int_attr("compress_ratio", 1) - 1
    return op.int_attr("index_topk", 0)


@contrib("SparseAttentionIndexer")
def sparse_attention_indexer(op: OpView) -> Types:
    """Selected entries [B, S, capacity], keys, and the buffer of tokens that fill no window yet."""
    batch, queries = op.x.shape[:2]
    past, ratio = op.input(7).shape, op.int_attr("compress_ratio", 1)
    selected = TensorType("int32", (batch, queries, _capacity(op)))
    if op.str_attr("policy_mode", "") == "qsa":
        room = past[1] if op.has(12) else past[1] + queries
        return selected, TensorType(op.x.dtype, (batch, room, op.input(2).shape[0]))
    buffer = op.input(13).shape
    pending = buffer[2] - (ratio if buffer[2] >= ratio else 0) + queries
    emitted = pending // ratio
    left = ratio + pending % ratio if emitted else buffer[2] + queries
    room = past[1] if op.has(12) else past[1] + emitted
    keys = TensorType(op.x.dtype, (batch, room, op.input(2).shape[0]))
    return selected, keys, TensorType(op.x.dtype, (2, batch, left, buffer[3]))


@contrib("PackedSparseAttentionIndexer")
def packed_sparse_attention_indexer(op: OpView) -> Types:
    """Selected entries [t, capacity] and their number; states as they were; a status of each."""
    tokens = op.x.shape[0]
    state = op.input(12)
    gate = like(op.input(14)) if op.has(14) else like(op.input(13))
    update = TensorType(op.x.dtype, (state.shape[0], op.int_attr("state_update_capacity", 0), state.shape[2]))
    width = op.int_attr("max_output_entries", 0) if op.has(18) else _capacity(op)
    row, requests = TensorType("int32", (tokens,)), TensorType("int32", (state.shape[0],))
    return (TensorType("int32", (tokens, width)), row, like(state), like(op.input(13)), gate, like(op.input(15)),
            update, row, requests)  # fmt: skip


@contrib("PackedSparseAttentionIndexerMerge")
def indexer_merge(op: OpView) -> Types:
    """Selected entries [N, most], their number and a status [N]."""
    queries = op.input(2).elements
    row = TensorType("int32", (queries,))
    return TensorType("int32", (queries, op.int_attr("max_output_entries", 0))), row, row


@contrib("ConvStateReplay", "GatedDeltaNetStateReplay")
def state_replay(op: OpView) -> Types:
    """The backing tensor of the new state."""
    return (like(op.input(2)),)


@contrib("Mamba2Verify")
def mamba2_verify(op: OpView) -> Types:
    """[R, di], both states, the convolution [R, C] and the read-out [R, di]."""
    tokens, (_, heads, _, head) = op.x.shape[0], op.input(2).shape
    result = TensorType(op.x.dtype, (tokens, heads * head))
    convolved = TensorType(op.x.dtype, (tokens, op.input(1).shape[1]))
    read_out = TensorType("float32", result.shape)
    return result, like(op.input(1)), like(op.input(2)), convolved, read_out


@contrib("SpeculativePrefixCommit")
def speculative_prefix_commit(op: OpView) -> Types:
    """The lengths of the caches before [B], and both states."""
    # 16 words for each request
    return TensorType("int32", (op.input(3).elements // 16,)), like(op.input(3)), like(op.input(4))


@contrib("RelativePositionBias")
def relative_position_bias(op: OpView) -> Types:
    """[1, h, S, T]; the lengths are inputs, which have to be known."""
    return (TensorType(op.x.dtype, (1, op.x.shape[1], number(op, 1), number(op, 2))),)


@contrib("GatedRelativePositionBias")
def gated_relative_position_bias(op: OpView) -> Types:
    """[B, h, S, S]."""
    batch, length = op.input(6).shape if op.has(6) else op.x.shape[:2]
    return (TensorType(op.x.dtype, (batch, op.int_attr("num_heads", 1), length, length)),)


@contrib("LinearAttention")
def linear_attention(op: OpView) -> Types:
    """[B, T, heads dv] and the state [B, g, d, dv], with a leading window of states where one is kept."""
    batch, steps, columns = op.x.shape
    q_heads, kv_heads = op.int_attr("q_num_heads", 1), op.int_attr("kv_num_heads", 1)
    v_width = op.input(2).shape[2] // kv_heads
    window = op.int_attr("state_window", 0)
    state = (*((window,) if window else ()), batch, kv_heads, columns // q_heads, v_width)
    dtype = op.input(3).dtype if op.has(3) else op.x.dtype
    return TensorType(op.x.dtype, (batch, steps, dmax(q_heads, kv_heads) * v_width)), TensorType(dtype, state)


@contrib("GatedDeltaNet")
def gated_delta_net(op: OpView) -> Types:
    """[t, heads, dv], the state [B, g, dv, d], and what of it is kept for the first tokens."""
    lead = op.x.shape[:-2] if op.has(1) else op.x.shape[:-1]
    if op.has(1):
        q_heads, width = op.x.shape[-2:]
        kv_heads, v_width = op.input(2).shape[-2:]
    else:
        kv_heads, v_width, width = op.input(6).shape[1:]
        q_heads = (op.x.shape[-1] - kv_heads * v_width) // (2 * width)
    batch = op.input(6).shape[0] if op.has(6) else op.input(3).shape[0] - 1
    each = kv_heads + q_heads * width + kv_heads * v_width
    return (
        TensorType(op.x.dtype, (*lead, dmax(q_heads, kv_heads), v_width)),
        TensorType("float32", (batch, kv_heads, v_width, width)),
        TensorType("float32", (batch, op.int_attr("state_update_capacity", 0) * each)),
    )


@contrib("CausalConvWithState")
def causal_convolution(op: OpView) -> Types:
    """The input's channels that are convolved, the last positions that later taps reach, and what of it is kept."""
    weight, shape = op.input(1).shape, op.x.shape
    kept = (weight[-1 if op.int_attr("ndim", 1) > 1 else 2] - 1) * op.int_attr("dilation", 1)
    window = op.int_attr("state_window", 0)
    kept = op.int_attr("state_length", 0) or kept
    is_last = bool(op.int_attr("channels_last", 0))
    channels = (op.int_attr("input_channels", 0) or shape[-1]) if is_last else shape[1]
    lead, spatial = (shape[0], *shape[1:-1]) if is_last else (shape[0], *shape[2:]), shape[2:-1]
    out = (*lead, channels) if is_last else shape
    layout = op.int_attr("state_channels_last", -1)
    if layout < 0 or len(shape) > 3:
        state = (shape[0], kept, *spatial, channels) if is_last else (*shape[:-1], kept)
    else:
        state = (shape[0], kept, channels) if layout else (shape[0], channels, kept)
    update = (shape[0], op.int_attr("state_update_capacity", 0), channels)
    return (TensorType(op.x.dtype, out), TensorType(op.x.dtype, (*((window,) if window else ()), *state)),
            TensorType(op.x.dtype, update))  # fmt: skip


@contrib("VarlenCausalConvWithState")
def packed_causal_convolution(op: OpView) -> Types:
    """[t, C], the state, and what of it is kept for the first tokens."""
    batch, channels = op.input(4).shape[:2]
    update = TensorType(op.x.dtype, (batch, op.int_attr("state_update_capacity", 0), channels))
    return like(op.x), like(op.input(4)), update


@contrib("DynamicQuantizeLSTM", "AttnLSTM")
def recurrent(op: OpView) -> Types:
    """[T, D, B, H] and the last states [D, B, H]."""
    steps, batch, _ = op.x.shape
    recurrence = op.input(2).shape
    hidden = recurrence[1] if op.op_type == "DynamicQuantizeLSTM" else recurrence[2]
    last = TensorType(op.x.dtype, (recurrence[0], batch, hidden))
    return replace(last, shape=(steps, recurrence[0], batch, hidden)), last, last


@contrib("RemovePadding")
def remove_padding(op: OpView) -> Types:
    """Tokens [t, D], at most all; their offsets [B, S], the running sum of the lengths, the longest of them."""
    batch, length, width = op.x.shape
    counts = op.input(1)
    tokens = int(counts.value.sum()) if counts.is_known else batch * length
    return (
        TensorType(op.x.dtype, (dmin(tokens, batch * length), width), counts.is_known),
        TensorType("int32", (batch, length)),
        TensorType("int32", (batch + 1,)),
        TensorType("int32", (1,)),
    )


@contrib("RestorePadding")
def restore_padding(op: OpView) -> Types:
    """[B, S, D]."""
    return (TensorType(op.x.dtype, (*op.input(1).shape, op.x.shape[1])),)


@contrib("BeamSearch", "WhisperBeamSearch")
def beam_search(op: OpView) -> Types:
    """[B, returned, longest] tokens and [B, returned] scores; both numbers are inputs, which have to be known."""
    batch, returned = op.x.shape[0], number(op, 4)
    dtype = op.input(5).dtype if op.has(5) else "float32"
    return (TensorType("int32", (batch, returned, number(op, 1))), TensorType(dtype, (batch, returned)))


@contrib("GreedySearch", "Sampling")
def greedy_search(op: OpView) -> Types:
    """[B, longest] tokens, [B, V] logits; the length is an input, which has to be known."""
    tokens = TensorType("int32", (op.x.shape[0], number(op, 1)))
    vocabulary = op.int_attr("vocab_size", 0)
    if op.has_output(1) and vocabulary < 1:
        raise NotModelledError("the size of the vocabulary is not stated")
    return tokens, TensorType("float32", (op.x.shape[0], vocabulary))
