"""Ops of onnxruntime for speculative decoding: states that are replayed for the accepted tokens, and what accepts them.

Source of every layout: the operator schemas of onnxruntime 1.32 (domain com.microsoft).
"""

from onnx_roofline.base.errors import NotModelledError
from onnx_roofline.base.units import dmax, dmin, product
from onnx_roofline.ir.records import Contraction, Counts, Work
from onnx_roofline.ops.cost.contrib.parts import SILU, SOFTPLUS, contrib
from onnx_roofline.ops.cost.normalization import rms_norm_counts
from onnx_roofline.ops.cost.registry import work
from onnx_roofline.ops.traits import OPERANDS
from onnx_roofline.ops.view import OpView


def _metadata(op: OpView, length: int) -> tuple[int, ...]:
    """The integers of the last operand: offsets, sizes, and how many tokens are kept."""
    values = tuple(int(value) for value in op.input(3).value.reshape(-1))
    if len(values) != length or min(values) < 0:
        raise NotModelledError(f"the metadata are {values}, wanted {length} numbers of 0 or more")
    return values


@contrib("ConvStateReplay", traits=OPERANDS)
def conv_state_replay(op: OpView) -> Work:
    """nothing; moves B C W elements: the last W of the old window and the kept tokens.

    Backing tensors of the state, of what was captured, and of the new state; the sizes are values, which have to be
    known. Source: com.microsoft ConvStateReplay-1.
    """
    _, _, _, batch, channels, width, _, kept = _metadata(op, 8)
    rows, new = batch * channels, dmin(width, kept)
    reads = {0: rows * (width - new), 1: rows * new, 2: 0}
    return work(op, reads=reads, writes={0: rows * width}, dtype=op.x.dtype)


@contrib("GatedDeltaNetStateReplay", traits=OPERANDS)
def gated_delta_net_state_replay(op: OpView) -> Work:
    """muls: t Hv Dv Dk for the decay + macs: t Hv Dv Dk for the outer product of key and delta, t tokens kept.

    Backing tensors of the state [Hv, Dv, Dk], of the decays, keys and deltas that were captured, and of the new state;
    the sizes are values, which have to be known. Source: com.microsoft GatedDeltaNetStateReplay-1.
    """
    _, _, decays, keys, _, heads, values, width, key_heads, capacity, kept = _metadata(op, 11)
    state = heads * values * width
    gates = width if keys - decays == capacity * heads * width else 1
    read = kept * (heads * gates + key_heads * width + heads * values)
    part = Contraction(kept * heads, values, width, 1, lhs=1, rhs=1)
    counts = Counts(macs=part.macs, muls=kept * state)
    return work(op, counts, contractions=(part,), reads={0: state, 1: read, 2: 0}, writes={0: state},
                sequential_steps=dmax(1, kept))  # fmt: skip


@contrib("Mamba2Verify", traits=OPERANDS)
def mamba2_verify(op: OpView) -> Work:
    """A causal convolution of 4 taps with SiLU, then for each of R tokens a state [ds, dh] of each head: muls: 1 for
    the decay, macs: 1 for the outer product and macs: 1 for the read-out of each element; gated, normed by groups.

    projection [R, 2 di + 2 G ds + h], conv_state [slots, C, 3], ssm_state [slots, h, ds, dh]. One slot is read, at
    most R are written. Source: com.microsoft Mamba2Verify-1.
    """
    tokens = op.x.shape[0]
    slots, channels, history = op.input(1).shape
    _, heads, width, head = op.input(2).shape
    inner, groups = heads * head, op.int_attr("n_groups", 1)
    convolved, state = tokens * channels, tokens * heads * width * head
    values, steps = tokens * inner, tokens * heads
    parts = (
        Contraction(channels, 1, tokens, history + 1, lhs=None, rhs=3),
        Contraction(steps, width, head, 1, lhs=0, rhs=0),
        Contraction(steps, 1, head, width, lhs=0, rhs=None),
    )
    counts = SILU.scaled(convolved) + Counts(adds=convolved)
    # dt = max(softplus(dt + bias), least); exp(A dt); dt x
    counts += SOFTPLUS.scaled(steps) + Counts(adds=steps, compares=steps, muls=steps, transcendentals=steps)
    counts += Counts(muls=state + values)
    # D x + C S; the gate's SiLU; the norm of each group
    counts += Counts(muls=2 * values, adds=values) + SILU.scaled(values) + rms_norm_counts(values, tokens * groups)
    written = dmin(tokens, slots)
    conv_slot, state_slot = channels * history, heads * width * head
    return work(
        op,
        Counts(macs=sum(part.macs for part in parts)) + counts,
        contractions=parts,
        reads={1: conv_slot, 2: state_slot},
        writes={1: written * conv_slot, 2: written * state_slot},
        dtype="float32",
        sequential_steps=tokens,
    )


@contrib("SpeculativePrefixCommit")
def speculative_prefix_commit(op: OpView) -> Work:
    """int_ops: B (R - 1): each draft token of a request against what the verifier predicts, until one differs.

    predictions [B, R] or [R], input ids, status, control words, context. Source: com.microsoft
    SpeculativePrefixCommit-1; bounded: the first difference ends it.
    """
    batch, rows = product(op.x.shape[:-1]), op.x.shape[-1]
    return work(op, Counts(int_ops=batch * dmax(0, rows - 1)), dtype="int64", status="bounded")


@contrib("PackedSparseAttentionIndexerMerge")
def indexer_merge(op: OpView) -> Work:
    """int_ops: N (C + A): each entry of a row's two selections against those that are kept already, by hashing.

    base [R, C], its row of each of N queries, and a range or further entries [N, A]. Source: com.microsoft
    PackedSparseAttentionIndexerMerge-1; how duplicates are found is the runtime's choice: heuristic.
    """
    queries, base = op.input(2).elements, op.x.shape[1]
    room = op.int_attr("max_output_entries", 0)
    added = op.input(5).shape[1] if op.has(5) else dmax(0, room - base)
    reads = {0: dmin(op.x.elements, queries * base)}
    counts = Counts(int_ops=queries * (base + added))
    return work(op, counts, reads=reads, dtype="int32", status="heuristic")
