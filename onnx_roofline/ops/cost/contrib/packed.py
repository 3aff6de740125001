"""Products, experts and look-ups of onnxruntime on weights in block formats of their own, and what routes the tokens.

`packed_type` names a format whose rows hold K weights in so many bytes; bytes are those of the stored rows. A weight
takes one product with the scale of its block: what a format adds to that, a minimum or a scale of scales, is not
counted, so those ops are heuristic. Source of every layout: the operator schemas of onnxruntime 1.32.
"""

from msgspec.structs import replace

from onnx_roofline.base.errors import NotModelledError
from onnx_roofline.base.units import ceil_div, dmin, product
from onnx_roofline.ir.records import Contraction, Counts, Work
from onnx_roofline.ops.cost.contrib.parts import (
    SIGMOID,
    activation_counts,
    contraction_work,
    contrib,
    dequantize_counts,
    swiglu_counts,
)
from onnx_roofline.ops.cost.normalization import softmax_counts
from onnx_roofline.ops.cost.registry import own_elements, work
from onnx_roofline.ops.traits import OPERANDS
from onnx_roofline.ops.view import OpView


def _rows(op: OpView) -> int:
    return product(op.x.shape[:-1])


@contrib("MatMulPacked", traits=OPERANDS)
def matmul_packed(op: OpView) -> Work:
    """macs: rows N K + muls: N K to restore every weight, rows N with a global scale; then the activation.

    A [..., K], B packed [N, bytes of a row]. Source: com.microsoft MatMulPacked-1.
    """
    rows, n, k = _rows(op), op.int_attr("N", 0), op.int_attr("K", 0)
    counts = Counts(muls=n * k + (rows * n if op.has(2) else 0))
    counts += activation_counts(op.str_attr("activation_type", "none"), rows * n)
    held = {1: n * k, **own_elements(op, 2)}
    return contraction_work(op, (Contraction(1, rows, n, k),), counts, "heuristic", held)


@contrib("GatherPacked")
def gather_packed(op: OpView) -> Work:
    """muls: n; reads the rows that the indices pick, which are taken to be distinct.

    data [V, bytes of a row], indices -> [..., K]. Source: com.microsoft GatherPacked-1.
    """
    rows, row_bytes = op.x.shape
    picked = dmin(rows, op.input(1).elements) * row_bytes
    held = {0: rows * op.int_attr("K", 0)}
    answer = work(op, Counts(muls=op.out.elements), reads={0: picked}, dtype=op.out.dtype, parameters=held)
    return replace(answer, status="heuristic")


@contrib("MatMulNBitsQLoRA", traits=OPERANDS)
def matmul_nbits_qlora(op: OpView) -> Work:
    """macs: rows (N K + R K + N R) + adds and muls to dequantise every weight + adds: rows N for the adapter.

    X [..., K], the base as MatMulNBits, A [R, K] and B [N, R] of an adapter of rank R in blocks of their own; an empty
    adapter is left out. Source: com.microsoft MatMulNBitsQLoRA-1.
    """
    rows, n, k = _rows(op), op.int_attr("N", 0), op.int_attr("K", 0)
    rank = op.input(4).elements // ceil_div(k, op.int_attr("lora_block_size", 32))
    parts = [Contraction(1, rows, n, k)]
    if op.input(5).elements:
        parts.append(Contraction(1, rows, n, rank, lhs=None, rhs=5))
        if op.input(3).elements:
            parts.append(Contraction(1, rows, rank, k, rhs=3))
    weights = sum(part.n * part.k for part in parts)
    counts = dequantize_counts(weights) + Counts(adds=rows * n if len(parts) > 1 else 0)
    held = {part.rhs or 0: part.n * part.k for part in parts}
    return contraction_work(op, parts, counts, parameters=held)


@contrib("RouterGateUpProj", traits=OPERANDS)
def router_gate_up_projection(op: OpView) -> Work:
    """macs: rows K N, then SwiGLU of the last 2 I of N = router + 2 I columns.

    X [..., K], W [K, N] -> router [..., router_size], activated [..., I]. Source: com.microsoft RouterGateUpProj-1.
    """
    k, n = op.input(1).shape
    rows, inner = _rows(op), (n - op.int_attr("router_size", 0)) // 2
    if op.str_attr("activation", "swiglu") != "swiglu":
        raise NotModelledError(f"activation {op.str_attr('activation', '')!r} is not known")
    return contraction_work(op, (Contraction(1, rows, n, k),), swiglu_counts(op, rows * inner))


def best_of(rows: int, candidates: int, picked: int) -> Counts:
    """Choosing the best of so many candidates in each row: a heap of the picked ones."""
    return Counts(compares=rows * candidates * picked.bit_length())


@contrib("MoEGroupRouter")
def group_router(op: OpView) -> Work:
    """A sigmoid and the bias for each of t E scores (macs: t E W with a projection); then the best groups and experts.

    For the routed scores: the best of each group and their sum, the best groups, the best k of E experts, a maximum and
    a logarithm for each that is kept. logits [..., E], or [t, W] with projection [E, W]. Source: com.microsoft
    MoEGroupRouter-1; the order of the choice is the runtime's: heuristic.
    """
    experts = op.input(1).elements
    tokens = _rows(op)
    scores = tokens * experts
    parts = (Contraction(1, tokens, experts, op.x.shape[-1], rhs=2),) if op.has(2) else ()
    counts = SIGMOID.scaled(scores) + Counts(adds=scores)
    if not op.has_output(0):
        return contraction_work(op, parts, counts)
    groups, kept = op.int_attr("n_group", 1), op.int_attr("top_k", 1)
    summed = dmin(op.int_attr("group_topk", 2), experts // groups)
    if groups > 1:
        counts += best_of(tokens, experts, summed) + Counts(adds=tokens * groups * (summed - 1))
        counts += best_of(tokens, groups, op.int_attr("topk_group", 1))
    counts += best_of(tokens, experts, kept) + Counts(compares=tokens * kept, transcendentals=tokens * kept)
    return contraction_work(op, parts, counts, "heuristic")


@contrib("MoEPacked", traits=OPERANDS)
def packed_mixture_of_experts(op: OpView) -> Work:
    """macs: t k (I H [+ I H] + H I) for t tokens that pick k experts each; muls for each weight of those that are read.

    x [..., H], scores [t, E], gate and up packed [E, I, bytes], down packed [E, H, bytes]; swiglu with up, or squared
    ReLU. Mixing values are a softmax of the scores unless they are given. min(E, t k) experts are read at most.
    Source: com.microsoft MoEPacked-1.
    """
    hidden, experts, inner = op.x.shape[-1], op.input(1).shape[-1], op.input(2).shape[1]
    tokens, picked = _rows(op), op.int_attr("k", 1)
    rows, is_given = tokens * picked, op.has(5)
    columns = {2: inner, 3: inner} if op.has(3) else {2: inner}
    parts = [Contraction(1, rows, size, hidden, rhs=position) for position, size in columns.items()]
    parts.append(Contraction(1, rows, hidden, inner, lhs=None, rhs=4))
    counts = best_of(tokens, experts, picked) + (Counts() if is_given else softmax_counts(tokens, experts))
    if op.int_attr("normalize_routing_weights", 1):
        counts += Counts(adds=tokens * (picked - 1), divs=rows)
    if op.float_attr("routed_scaling_factor", 1.0) != 1.0:
        counts += Counts(muls=rows)
    counts += activation_counts("silu" if op.has(3) else "relu2", rows * inner)
    # The gate times the other half; the results of a token's experts, weighted and summed.
    counts += Counts(muls=rows * inner * op.has(3) + rows * hidden, adds=(rows - tokens) * hidden)
    used = dmin(experts, rows)
    each = sum(part.n * part.k for part in parts)
    counts += Counts(muls=used * each)
    held = {part.rhs or 0: experts * part.n * part.k for part in parts}
    answer = contraction_work(op, parts, counts, "heuristic", held)
    weights = {part.rhs for part in parts}
    reads = (n // experts * used if i in weights and n is not None else n for i, n in enumerate(answer.reads))
    return replace(answer, reads=tuple(reads))
