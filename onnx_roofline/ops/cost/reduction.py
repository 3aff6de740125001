"""Reductions: N elements in, n out."""

from onnx_roofline.base.units import dmax
from onnx_roofline.ir.records import Counts, Work
from onnx_roofline.ops.cost.registry import RuleFunction, rule, work
from onnx_roofline.ops.traits import Traits
from onnx_roofline.ops.view import OpView

_NOTHING = Counts()


def _reduction(
    per_input: Counts = _NOTHING, per_step: Counts = _NOTHING, per_output: Counts = _NOTHING
) -> RuleFunction:
    """Counts for each input element, for each combining step (N - n of them), and for each output element."""

    def apply(op: OpView) -> Work:
        inputs, outputs = op.x.elements, op.out.elements
        steps = dmax(0, inputs - outputs)
        counts = per_input.scaled(inputs) + per_step.scaled(steps) + per_output.scaled(outputs)
        return work(op, counts, dtype=op.x.dtype)

    parts = []
    for counts, size in ((per_input, "N"), (per_step, "(N - n)"), (per_output, "n")):
        parts += [f"{name}: {value if value > 1 else ''}{size}" for name, value in counts.as_dict().items() if value]
    apply.__doc__ = " + ".join(parts)
    return apply


_ADD, _COMPARE, _MUL = Counts(adds=1), Counts(compares=1), Counts(muls=1)
rule("ReduceSum")(_reduction(per_step=_ADD))
rule("ReduceMax", "ReduceMin", "ArgMax", "ArgMin")(_reduction(per_step=_COMPARE))
rule("ReduceProd")(_reduction(per_step=_MUL))
rule("ReduceL1")(_reduction(per_input=_ADD, per_step=_ADD))
rule("ReduceSumSquare")(_reduction(per_input=_MUL, per_step=_ADD))
rule("ReduceL2")(_reduction(per_input=_MUL, per_step=_ADD, per_output=Counts(transcendentals=1)))
rule("ReduceLogSum")(_reduction(per_step=_ADD, per_output=Counts(transcendentals=1)))


@rule("ReduceMean", traits=Traits(quantized_form="arithmetic"))
def reduce_mean(op: OpView) -> Work:
    """adds: (N - n) + divs: n; nothing where `noop_with_empty_axes` makes it the identity.

    Source: ONNX ReduceMean-18.
    """
    is_identity = op.int_attr("noop_with_empty_axes", 0) == 1 and not (op.has(1) and op.input(1).elements)
    inputs, outputs = op.x.elements, op.out.elements
    counts = Counts(adds=dmax(0, inputs - outputs), divs=0 if is_identity else outputs)
    return work(op, counts, dtype=op.x.dtype)


@rule("ReduceLogSumExp")
def reduce_log_sum_exp(op: OpView) -> Work:
    """transcendentals: N + n + adds: N + (N - n) + n + compares: N - n.

    With the maximum for stability: max + log(sum(exp(x - max))). Source: ONNX ReduceLogSumExp-18.
    """
    inputs, outputs = op.x.elements, op.out.elements
    steps = dmax(0, inputs - outputs)
    return work(op, Counts(transcendentals=inputs + outputs, adds=inputs + steps + outputs, compares=steps))


@rule("CumSum", "CumProd")
def cumulative(op: OpView) -> Work:
    """adds (CumProd: muls): R (L - 1), L elements along the axis in R rows; R (L - 2) if exclusive.

    Source: ONNX CumSum-14, CumProd-26; bounded by n where the axis is not known.
    """
    n, shape, axis = op.x.elements, op.x.shape, op.input(1)
    length = shape[int(axis.value.reshape(-1)[0])] if shape and axis.is_known else 1
    steps = dmax(0, length - 1 - op.int_attr("exclusive", 0)) * (n // max(1, length)) if axis.is_known else n
    counts = Counts(adds=steps) if op.op_type == "CumSum" else Counts(muls=steps)
    return work(op, counts, dtype=op.x.dtype, status="exact" if axis.is_known else "bounded")


@rule("TopK")
def top_k(op: OpView) -> Work:
    """compares: N ceil(log2(k + 1)); a heap of k over each row.

    Source: ONNX TopK-11; the algorithm is the runtime's choice, so this is heuristic.
    """
    axis = op.int_attr("axis", -1)
    k = op.output(1).shape[axis] if op.has_output(1) else op.out.shape[axis]
    return work(op, Counts(compares=op.x.elements * k.bit_length()), dtype=op.x.dtype, status="heuristic")
