"""Ops of onnxruntime that carry a state from token to token: linear attention, causal convolutions, LSTM variants.

Source of every layout: the operator schemas of onnxruntime 1.32 (domain com.microsoft).
"""

from msgspec.structs import replace

from onnx_roofline.base.units import dmax, product
from onnx_roofline.ir.records import Contraction, Counts, Work
from onnx_roofline.ops.cost.contrib.parts import (
    SIGMOID,
    SOFTPLUS,
    activation_counts,
    contraction_work,
    contrib,
    dynamic_quantize_counts,
    macs_of,
)
from onnx_roofline.ops.cost.normalization import softmax_counts
from onnx_roofline.ops.cost.registry import work
from onnx_roofline.ops.traits import OPERANDS
from onnx_roofline.ops.view import OpView

# Per step and hidden element of an LSTM: three sigmoids and two tanh; three products and a sum; four sums of the two
# matrix products. Source: ONNX LSTM-22, equations.
_LSTM_CELL = Counts(transcendentals=5, adds=3 + 1 + 4, divs=3, muls=3)


def _delta_rule(
    op: OpView, tokens: int, q_heads: int, kv_heads: int, width: int, v_width: int, decays: int
) -> tuple[tuple[Contraction, ...], Counts]:
    """One pass over `tokens` of the recurrence on states [d, dv] of each key head; `decays` gates in all.

    Decay: exp of each gate and a product per state element. Retrieval k' S and its difference to v, times beta.
    Update by the outer product; then q' S for each output head, and the scale unless it is 1.
    """
    outputs = dmax(q_heads, kv_heads)
    state, values = tokens * kv_heads * width * v_width, tokens * kv_heads * v_width
    contractions = [Contraction(tokens * kv_heads, width, v_width, 1, lhs=None, rhs=None)]
    rule_name = op.str_attr("update_rule", "gated_delta")
    counts = Counts(muls=0 if op.float_attr("scale", 0.0) == 1.0 else tokens * outputs * v_width)
    if "gated" in rule_name:
        counts += Counts(transcendentals=decays, muls=state)
    if "delta" in rule_name:
        contractions.append(Contraction(tokens * kv_heads, 1, v_width, width, lhs=None, rhs=None))
        counts += Counts(adds=values, muls=values)
    contractions.append(Contraction(tokens * outputs, 1, v_width, width, lhs=0, rhs=None))
    return tuple(contractions), counts


@contrib("LinearAttention", traits=OPERANDS)
def linear_attention(op: OpView) -> Work:
    """macs: t d dv (g + g with a delta rule + heads), t tokens with g key heads; the decay scales every state element.

    query [B, T, h d], key [B, T, g d], value [B, T, g dv], state [B, g, d, dv]; T steps in a row. Counted as the
    recurrence; an implementation by chunks does more. Source: com.microsoft LinearAttention-1.
    """
    batch, steps, columns = op.x.shape
    q_heads, kv_heads = op.int_attr("q_num_heads", 1), op.int_attr("kv_num_heads", 1)
    width, v_width = columns // q_heads, op.input(2).shape[2] // kv_heads
    decays = op.input(4).elements if op.has(4) else 0
    contractions, counts = _delta_rule(op, batch * steps, q_heads, kv_heads, width, v_width, decays)
    answer = contraction_work(op, contractions, counts)
    one_state = batch * kv_heads * width * v_width
    reads = tuple(one_state if i == 3 and op.has(3) else n for i, n in enumerate(answer.reads))
    return replace(answer, reads=reads, sequential_steps=steps)


@contrib("GatedDeltaNet", traits=OPERANDS)
def gated_delta_net(op: OpView) -> Work:
    """As LinearAttention on packed tokens, with the gates' activations and the L2 norm of Q and K where they are asked.

    query [t, h, d], key [t, h, d], value [t, g, dv], state [B, g, dv, d]. As many steps in a row as an even share of
    the tokens. Source: com.microsoft GatedDeltaNet-1.
    """
    if op.has(1):
        q_heads, width = op.x.shape[-2:]
        kv_heads, v_width = op.input(2).shape[-2:]
        tokens = op.x.elements // (q_heads * width)
    else:
        kv_heads, v_width, width = op.input(6).shape[1:]
        q_heads = (op.x.shape[-1] - kv_heads * v_width) // (2 * width)
        tokens = product(op.x.shape[:-1])
    decays = op.input(4).elements if op.has(4) else 0
    contractions, counts = _delta_rule(op, tokens, q_heads, kv_heads, width, v_width, decays)
    if op.str_attr("gate_activation", "none") == "qwen":
        # -exp(a_log) softplus(decay + dt_bias)
        counts += SOFTPLUS.scaled(decays) + Counts(adds=decays, muls=decays, transcendentals=kv_heads)
    if op.str_attr("beta_activation", "none") == "sigmoid" and op.has(5):
        counts += SIGMOID.scaled(op.input(5).elements)
    if op.int_attr("qk_l2_norm", 0):
        normed, rows = 2 * tokens * q_heads * width, 2 * tokens * q_heads
        counts += Counts(muls=normed, adds=normed - rows, transcendentals=rows, divs=normed)
    sequences = op.input(6).shape[0] if op.has(6) else op.input(3).shape[0] - 1
    steps = dmax(1, tokens // dmax(1, sequences))
    return replace(contraction_work(op, contractions, counts), sequential_steps=steps)


@contrib("LinearAttentionGate")
def linear_attention_gate(op: OpView) -> Work:
    """decay_scale softplus(a + dt_bias): transcendentals: 2n + adds: 2n + muls: n; with b a sigmoid of each.

    a, b [B, T, H]. Source: com.microsoft LinearAttentionGate-1.
    """
    n = op.x.elements
    gate = SIGMOID.scaled(n) if op.has_output(1) else Counts()
    return work(op, SOFTPLUS.scaled(n) + Counts(adds=n, muls=n) + gate, dtype="float32")


def _depthwise(op: OpView, channels: int, positions: int, taps: int, bias: int) -> tuple[Contraction, Counts]:
    n = channels * positions
    counts = activation_counts(op.str_attr("activation", "none"), n) + Counts(adds=n if op.has(bias) else 0)
    return Contraction(channels, 1, positions, taps, lhs=1, rhs=0), counts


@contrib("CausalConvWithState", traits=OPERANDS)
def causal_convolution(op: OpView) -> Work:
    """macs: n x taps + adds: n with a bias, and the activation; the state of the last positions is read and written.

    x [B, C, ...] (or channels last), weight [C, 1, taps...]. Source: com.microsoft CausalConvWithState-1.
    """
    weight = op.input(1).shape
    part, counts = _depthwise(op, weight[0], op.x.elements // weight[0], product(weight[2:]), 2)
    answer = contraction_work(op, (part,), counts)
    window = op.int_attr("state_window", 0)
    if not window or not op.has(3):
        return answer
    one_state = op.input(3).elements // window
    return replace(answer, reads=tuple(one_state if i == 3 else n for i, n in enumerate(answer.reads)))


@contrib("VarlenCausalConvWithState", traits=OPERANDS)
def packed_causal_convolution(op: OpView) -> Work:
    """macs: n x taps + adds: n with a bias, and the activation.

    x [t, C], weight [C, 1, taps], state [B, C, positions]. Source: com.microsoft VarlenCausalConvWithState-1.
    """
    channels, _, taps = op.input(1).shape
    part, counts = _depthwise(op, channels, op.x.shape[0], taps, 3)
    return contraction_work(op, (part,), counts)


@contrib("DynamicQuantizeLSTM")
def dynamic_quantize_lstm(op: OpView) -> Work:
    """As LSTM with 8-bit products: X and each hidden state are quantised, and every product takes one scale.

    X [T, B, I], W [D, I, 4H], R [D, H, 4H]; T steps in a row. Ignored: a kernel may quantise X in other pieces.
    Source: com.microsoft DynamicQuantizeLSTM-1.
    """
    steps, batch, inputs = op.x.shape
    directions, hidden, gates = op.input(2).shape
    cells = directions * steps * batch * hidden
    contractions = (
        Contraction(directions, steps * batch, gates, inputs),
        Contraction(directions * steps, batch, gates, hidden, lhs=None, rhs=2),
    )
    counts = _LSTM_CELL.scaled(cells) + Counts(adds=2 * 4 * cells if op.has(3) else 0)
    counts += Counts(muls=3 * cells, adds=3 * cells) if op.has(7) else Counts()
    counts += dynamic_quantize_counts(op.x.elements) + Counts(muls=2 * 4 * cells)
    counts += dynamic_quantize_counts(batch * hidden).scaled(directions * steps)
    answer = work(op, contractions=contractions, dtype=op.input(1).dtype, status="heuristic", sequential_steps=steps)
    return replace(answer, counts=counts + macs_of(contractions))


@contrib("AttnLSTM", traits=OPERANDS)
def attention_lstm(op: OpView) -> Work:
    """As LSTM, and for each step a query product, the alignment with a memory of L rows, its softmax and the context.

    X [T, B, I], W [D, 4H, I + context], R [D, 4H, H], QW [D, H, a], MW [D, m, a], memory [B, L, m], AW [D, m + H, c].
    Every sequence is taken as long as the longest. Source: com.microsoft AttnLSTM-1.
    """
    steps, batch, _ = op.x.shape
    directions, gates, inputs = op.input(1).shape
    hidden = op.input(2).shape[2]
    attention = op.input(8).shape[2]
    rows, depth = op.input(11).shape[1:]
    turns, cells = directions * steps, directions * steps * batch * hidden
    contractions = [
        Contraction(turns, batch, gates, inputs, lhs=None, rhs=1),
        Contraction(turns, batch, gates, hidden, lhs=None, rhs=2),
        Contraction(directions, batch * rows, attention, depth, lhs=11, rhs=9),
        Contraction(turns, batch, attention, hidden, lhs=None, rhs=8),
        Contraction(turns * batch, rows, 1, attention, lhs=None, rhs=10),
        Contraction(turns * batch, 1, depth, rows, lhs=None, rhs=11),
    ]
    if op.has(13):
        contractions.append(Contraction(turns, batch, op.input(13).shape[2], depth + hidden, lhs=None, rhs=13))
    aligned = turns * batch * rows * attention
    counts = _LSTM_CELL.scaled(cells) + Counts(adds=2 * 4 * cells if op.has(3) else 0)
    counts += Counts(muls=3 * cells, adds=3 * cells) if op.has(7) else Counts()
    counts += Counts(adds=aligned, transcendentals=aligned) + softmax_counts(turns * batch, rows)
    answer = contraction_work(op, contractions, counts, "bounded" if op.has(4) or op.has(12) else "exact")
    return replace(answer, sequential_steps=steps)


@contrib("GRUUnit", domain="", traits=OPERANDS)
def gru_unit(op: OpView) -> Work:
    """transcendentals: 2n + adds: 3n + divs: n + muls: 2n for n hidden elements of one step; no products of matrices.

    hidden [1, N, D], gates [1, N, 3D]: z h + (1 - z) tanh(c), z a sigmoid. No kernel of onnxruntime is left.
    Source: the internal schema GRUUnit-1 of onnxruntime.
    """
    n = op.out.elements
    return work(op, (SIGMOID + Counts(transcendentals=1, muls=2, adds=2)).scaled(n), dtype=op.x.dtype,
                status="heuristic")  # fmt: skip
