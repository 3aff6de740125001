"""Reductions: N elements in, n out."""

from onnx_roofline.op_rules.registry import OpView, RuleFunction, rule, work
from onnx_roofline.records import Counts, Work


def _reduction(
    per_input: Counts = Counts(), per_step: Counts = Counts(), per_output: Counts = Counts()
) -> RuleFunction:
    """Counts for each input element, for each combining step (N - n of them), and for each output element."""

    def apply(op: OpView) -> Work:
        inputs, outputs = op.x.elements, op.out.elements
        steps = max(0, inputs - outputs)
        counts = per_input.scaled(inputs) + per_step.scaled(steps) + per_output.scaled(outputs)
        return work(op, counts, dtype=op.x.dtype)

    parts = []
    for counts, size in ((per_input, "N"), (per_step, "(N - n)"), (per_output, "n")):
        parts += [f"{name}: {value if value > 1 else ''}{size}" for name, value in counts.as_dict().items() if value]
    apply.__doc__ = " + ".join(parts)
    return apply


_ADD, _COMPARE, _MUL = Counts(adds=1), Counts(compares=1), Counts(muls=1)
rule("ReduceSum")(_reduction(per_step=_ADD))
rule("ReduceMean")(_reduction(per_step=_ADD, per_output=Counts(divs=1)))
rule("ReduceMax", "ReduceMin", "ArgMax", "ArgMin")(_reduction(per_step=_COMPARE))
rule("ReduceProd")(_reduction(per_step=_MUL))
rule("ReduceL1")(_reduction(per_input=_ADD, per_step=_ADD))
rule("ReduceSumSquare")(_reduction(per_input=_MUL, per_step=_ADD))
rule("ReduceL2")(_reduction(per_input=_MUL, per_step=_ADD, per_output=Counts(transcendentals=1)))
rule("ReduceLogSum")(_reduction(per_step=_ADD, per_output=Counts(transcendentals=1)))


@rule("ReduceLogSumExp")
def reduce_log_sum_exp(op: OpView) -> Work:
    """transcendentals: N + n + adds: N + (N - n) + n + compares: N - n.

    With the maximum for stability: max + log(sum(exp(x - max))). Source: ONNX ReduceLogSumExp-18.
    """
    inputs, outputs = op.x.elements, op.out.elements
    steps = max(0, inputs - outputs)
    return work(op, Counts(transcendentals=inputs + outputs, adds=inputs + steps + outputs, compares=steps))


@rule("CumSum")
def cumulative_sum(op: OpView) -> Work:
    """adds: n - n / (length of the axis).

    Source: ONNX CumSum-14.
    """
    shape = op.x.shape
    axis = int(op.input(1).value) if op.input(1).is_known else 0
    length = shape[axis] if shape else 1
    return work(op, Counts(adds=op.x.elements - op.x.elements // max(1, length)))


@rule("TopK")
def top_k(op: OpView) -> Work:
    """compares: N ceil(log2(k + 1)); a heap of k over each row.

    Source: ONNX TopK-11; the algorithm is the runtime's choice, so this is heuristic.
    """
    axis = op.int_attr("axis", -1)
    k = op.output(1).shape[axis] if op.has_output(1) else op.out.shape[axis]
    return work(op, Counts(compares=op.x.elements * k.bit_length()), dtype=op.x.dtype, status="heuristic")
