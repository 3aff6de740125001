"""Ops that draw random numbers, and Dropout. What a generator costs is the runtime's choice: heuristic."""

from onnx_roofline.ir.records import Counts, Work
from onnx_roofline.ops.cost.registry import as_view, rule, work
from onnx_roofline.ops.view import OpView

# Philox4x32-10: 10 rounds make 4 numbers; a round is 2 wide multiplications of 2 halves, 4 xor and 2 key additions.
# Source: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
_INT_OPS_PER_NUMBER = 10 * (2 * 2 + 4 + 2) // 4
_IDENTITY = "the identity at inference"
_UNIFORM = Counts(int_ops=_INT_OPS_PER_NUMBER, muls=1, adds=1)
# Box-Muller on a pair: a logarithm, a root, a sine and a cosine for two numbers; then scale and mean.
_NORMAL = _UNIFORM + Counts(transcendentals=2, muls=3, adds=1)


@rule("RandomUniform", "RandomUniformLike")
def random_uniform(op: OpView) -> Work:
    """int_ops: 25n + muls: n + adds: n.

    Source: ONNX RandomUniform-22; Philox4x32-10, mapped to the interval. `Like` takes only the shape.
    """
    return work(op, _UNIFORM.scaled(op.out.elements), reads={0: 0}, dtype=op.out.dtype, status="heuristic")


@rule("RandomNormal", "RandomNormalLike")
def random_normal(op: OpView) -> Work:
    """int_ops: 25n + transcendentals: 2n + muls: 4n + adds: 2n.

    Source: ONNX RandomNormal-22; Philox4x32-10 and Box-Muller.
    """
    return work(op, _NORMAL.scaled(op.out.elements), reads={0: 0}, dtype=op.out.dtype, status="heuristic")


@rule("Bernoulli")
def bernoulli(op: OpView) -> Work:
    """int_ops: 25n + muls: n + adds: n + compares: n.

    Source: ONNX Bernoulli-22: a uniform number against each probability.
    """
    counts = (_UNIFORM + Counts(compares=1)).scaled(op.out.elements)
    return work(op, counts, dtype=op.x.dtype, status="heuristic")


@rule("Multinomial")
def multinomial(op: OpView) -> Work:
    """transcendentals: N + adds: N, then for each sample int_ops: 25 + muls: 1 + adds: 1 + compares: ceil(log2(C + 1)).

    x [B, C] log-probabilities, out [B, samples]: cumulative sums, then a binary search. Source: ONNX Multinomial-22.
    """
    inputs = op.x.elements
    counts = Counts(transcendentals=inputs, adds=inputs)
    draw = _UNIFORM + Counts(compares=op.x.shape[-1].bit_length())
    return work(op, counts + draw.scaled(op.out.elements), dtype=op.x.dtype, status="heuristic")


@rule("Dropout")
@rule("Dropout", since=12)
def dropout(op: OpView) -> Work:
    """nothing: inference; the mask, if asked for, is written. In training mode as Bernoulli, + muls: n.

    Training mode counts where input 2 is known to be true. Source: ONNX Dropout-13 and, with `is_test`, Dropout-6.
    """
    if op.version >= 12 and op.has(2) and op.input(2).is_known and bool(op.input(2).value.reshape(-1)[0]):
        counts = (_UNIFORM + Counts(compares=1, muls=1)).scaled(op.out.elements)
        return work(op, counts, dtype=op.x.dtype, status="heuristic")
    if op.has_output(1):
        return work(op, reads=dict.fromkeys(range(len(op.inputs)), 0), writes={0: 0}, note=_IDENTITY)
    return as_view(op, _IDENTITY)
