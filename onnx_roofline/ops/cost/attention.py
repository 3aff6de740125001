"""Attention and what goes with it. S scores = B x q heads x queries x keys; R = B x q heads x queries rows."""

from collections import Counter
from collections.abc import Sequence

from msgspec.structs import replace

from onnx_roofline.base.errors import NotModelledError
from onnx_roofline.base.units import dmax, dmin
from onnx_roofline.ir.masking import Masking
from onnx_roofline.ir.records import Contraction, Counts, Status, Work
from onnx_roofline.ops.cost.normalization import softmax_counts
from onnx_roofline.ops.cost.registry import rule, work
from onnx_roofline.ops.traits import OPERANDS, Traits
from onnx_roofline.ops.view import Operand, OpView

_NOTHING_MASKED = Masking()


def heads_of(operand: Operand, heads: int) -> tuple[int, int, int, int]:
    """(batch, heads, length, head size) of [B, heads, L, D], or of [B, L, heads D] with the number of heads given."""
    if operand.rank == 4:
        batch, heads, length, size = operand.shape
        return batch, heads, length, size
    if operand.rank != 3 or heads < 1:
        raise NotModelledError(f"{operand.label} is {operand.type} with {heads} heads, wanted 3 or 4 dims and heads")
    batch, length, hidden = operand.shape
    return batch, heads, length, hidden // heads


def attention_contractions(
    batch: int, q_heads: int, kv_heads: int, queries: int, keys: int, size: int, value_size: int
) -> tuple[Contraction, Contraction]:
    """Q K' and P V, one product for each key/value head: the query heads that share it are further rows."""
    rows = q_heads // max(1, kv_heads) * queries
    return (
        Contraction(batch * kv_heads, rows, keys, size, lhs=0, rhs=1),
        Contraction(batch * kv_heads, rows, value_size, keys, lhs=None, rhs=2),
    )


def _dense_attention(
    op: OpView,
    past_keys: int,
    extra: Counts,
    status: Status = "exact",
    used: Sequence[int] | None = None,
    masking: Masking = _NOTHING_MASKED,
) -> Work:
    """Q K' and P V over all keys, the scale, the softmax and `extra` for each score.

    `used` is how many keys count in each sequence of the batch: no more of K and V are read.
    """
    batch, q_heads, queries, size = heads_of(op.input(0), op.int_attr("q_num_heads", 0))
    _, kv_heads, new_keys, _ = heads_of(op.input(1), op.int_attr("kv_num_heads", 0))
    *_, value_size = heads_of(op.input(2), op.int_attr("kv_num_heads", 0))
    # Sequences of one length are one product.
    lengths = Counter(used) if used is not None else {past_keys + new_keys: batch}
    counts, products = Counts(), list[Contraction]()
    for keys, sequences in sorted(lengths.items()):
        rows = sequences * q_heads * queries
        products += attention_contractions(sequences, q_heads, kv_heads, queries, keys, size, value_size)
        scale = Counts(muls=0 if op.float_attr("scale", 0.0) == 1.0 else rows * keys)
        macs = Counts(macs=rows * keys * (size + value_size))
        counts += macs + scale + extra.scaled(rows * keys) + softmax_counts(rows, keys)
    held = kv_heads * sum(keys * sequences for keys, sequences in lengths.items())
    reads = {1: held * size, 2: held * value_size} if used is not None else None
    masking = replace(masking, group=q_heads // dmax(1, kv_heads))
    return work(op, counts, contractions=products, dtype=op.x.dtype, status=status, reads=reads, masking=masking)


def _used_keys(op: OpView, past_keys: int) -> tuple[int, ...] | None:
    """The keys that count in each sequence, where the file or the user states them; at most those that are there."""
    if not op.has(6) or not op.input(6).is_known:
        return None
    batch = op.input(0).shape[0]
    *_, new_keys, _ = heads_of(op.input(1), op.int_attr("kv_num_heads", 0))
    stated = [dmax(0, dmin(int(keys), past_keys + new_keys)) for keys in op.input(6).value.reshape(-1)]
    return tuple(stated) if len(stated) == batch else (stated[0],) * batch if len(stated) == 1 else None


@rule("Attention", traits=Traits(quantized_form="operand", attends=True, cache_inputs=(4, 5)))
def attention(op: OpView) -> Work:
    """macs: S (D + Dv) + muls: S for the scale + softmax of R rows; a mask: adds: S; softcap: 1 div, tanh and mul each.

    Q [B, Hq, L, D] or [B, L, Hq D], K and V with Hkv heads, after the past ones. Dense, as every published figure:
    masks, causality and windows take nothing off; any of them is one bias that is added. Where `nonpad_kv_seqlen`
    says how many keys count, no others are read; bounded by all where it is known at run time only.
    Source: ONNX Attention-23, 24, 25.
    """
    past = op.input(4).shape[2] if op.has(4) else 0
    windows = (op.int_attr("left_window_size", -1), op.int_attr("right_window_size", -1))
    used = _used_keys(op, past)
    is_padded = op.has(6) and used is None
    has_bias = op.has(3) or is_padded or op.int_attr("is_causal", 0) == 1 or windows != (-1, -1)
    extra = Counts(adds=1 if has_bias else 0)
    if op.float_attr("softcap", 0.0):
        extra += Counts(divs=1, transcendentals=1, muls=1)
    masking = Masking(causal=op.int_attr("is_causal", 0) == 1, window=dmax(0, windows[0]))
    return _dense_attention(op, past, extra, "bounded" if is_padded else "exact", used, masking)


@rule("FlexAttention", domain="ai.onnx.preview", traits=Traits(quantized_form="operand", attends=True))
def flex_attention(op: OpView) -> Work:
    """macs: S (D + Dv) + muls: S for the scale + softmax of R rows; score_mod and prob_mod are bodies of their own.

    Q [B, Hq, L, D], K and V with Hkv heads. Source: ONNX FlexAttention-1 (preview).
    """
    return _dense_attention(op, 0, Counts())


@rule("RotaryEmbedding")
def rotary_embedding(op: OpView) -> Work:
    """muls: 2r + adds: r; r of the elements are rotated (`rotary_embedding_dim` of each head, all where it is 0).

    x [B, H, S, D] or [B, S, H D]; with position ids one row of each cache is read per token.
    Source: ONNX RotaryEmbedding-23.
    """
    n, rotated = op.x.elements, op.x.elements
    if partial := op.int_attr("rotary_embedding_dim", 0):
        *_, size = heads_of(op.x, op.int_attr("num_heads", 0))
        rotated = n // max(1, size) * partial
    reads = {}
    if op.has(3):
        row = op.input(1).shape[-1]
        picked = dmin(op.input(1).elements, op.input(3).elements * row)
        reads = {1: picked, 2: picked}
    return work(op, Counts(muls=2 * rotated, adds=rotated), reads=reads)


@rule("LinearAttention", traits=OPERANDS)
def linear_attention(op: OpView) -> Work:
    """macs: (Hkv + Hq) B T Dk Dv, Hkv B T Dk Dv more for a delta rule; a decay: muls: Hkv B T Dk Dv + transcendentals.

    The state [Dk, Dv] of each key/value head, token by token: decay (exp of the decays, then a product), the value it
    predicts (delta rules), the update (beta times the error), the outer product, and each query's read-out with its
    scale. Chunked algorithms trade more MACs for fewer steps. Source: ONNX LinearAttention-27, recurrences.
    """
    batch, tokens, hidden = op.x.shape
    q_heads, kv_heads = op.int_attr("q_num_heads", 1), op.int_attr("kv_num_heads", 1)
    size, value_size = hidden // q_heads, op.input(2).shape[-1] // kv_heads
    update_rule = op.str_attr("update_rule", "gated_delta")
    heads, state = batch * tokens * kv_heads, size * value_size
    updates = 2 if "delta" in update_rule else 1
    counts = Counts(macs=(updates * heads + batch * tokens * q_heads) * state)
    if "gated" in update_rule:
        counts += Counts(muls=heads * state, transcendentals=op.input(4).elements)
    if "delta" in update_rule:
        counts += Counts(adds=heads * value_size, muls=heads * value_size)
    if op.float_attr("scale", 0.0) != 1.0:
        counts += Counts(muls=batch * tokens * q_heads * value_size)
    outer = Contraction(heads, size, value_size, 1, lhs=1, rhs=2)
    predicted = (Contraction(heads, 1, value_size, size, lhs=1, rhs=None),) if updates == 2 else ()
    read_out = Contraction(heads, q_heads // kv_heads, value_size, size, lhs=0, rhs=None)
    return work(op, counts, contractions=(*predicted, outer, read_out), dtype=op.x.dtype, sequential_steps=tokens)


@rule("CausalConvWithState", traits=OPERANDS)
def causal_conv_with_state(op: OpView) -> Work:
    """macs: n taps + adds: n with a bias; SiLU: transcendentals, adds, divs and muls: n each.

    x [B, C, L], weight [C, 1, taps], one filter a channel, the past on the left. Source: ONNX CausalConvWithState-27.
    """
    batch, channels, length = op.x.shape
    n, taps = op.x.elements, op.input(1).shape[-1]
    product_ = Contraction(channels, 1, batch * length, taps, kernel=(taps,), strides=(1,), dilations=(1,),
                           input_spatial=(length,), output_spatial=(length,), images=batch, lhs=1, rhs=0)  # fmt: skip
    counts = Counts(macs=n * taps, adds=n if op.has(2) else 0)
    if op.str_attr("activation", "none") != "none":
        counts += Counts(transcendentals=n, adds=n, divs=n, muls=n)
    return work(op, counts, contractions=(product_,))
