"""Losses: scores [N, C, d...], target [N, d...]; n targets."""

from onnx_roofline.base.units import dmax, dmin
from onnx_roofline.ir.records import Counts, Work
from onnx_roofline.ops.cost.normalization import log_softmax_counts
from onnx_roofline.ops.cost.registry import rule, work
from onnx_roofline.ops.view import OpView


def negative_log_likelihood_counts(op: OpView, targets: int) -> Counts:
    """The sign of each score, its weight, the ignored class, and the reduction (a weighted mean has two sums)."""
    weighted, reduction = op.has(2), op.str_attr("reduction", "mean")
    sums = {"none": 0, "sum": 1}.get(reduction, 2 if weighted else 1)
    return Counts(
        adds=targets + sums * dmax(0, targets - 1),
        muls=targets if weighted else 0,
        divs=1 if reduction == "mean" else 0,
        int_ops=targets if "ignore_index" in op.attributes else 0,
    )


@rule("NegativeLogLikelihoodLoss")
def negative_log_likelihood_loss(op: OpView) -> Work:
    """adds: n + (n - 1) + divs: 1; weights: muls: n + adds: n - 1; an ignored class: int_ops: n.

    Reads one score for each target. Source: ONNX NegativeLogLikelihoodLoss-22; reduction none or sum takes less.
    """
    targets = op.input(1).elements
    reads = {0: targets, 2: dmin(op.x.shape[1], targets)}
    return work(op, negative_log_likelihood_counts(op, targets), reads=reads, dtype=op.x.dtype)


@rule("SoftmaxCrossEntropyLoss")
def softmax_cross_entropy_loss(op: OpView) -> Work:
    """LogSoftmax over C, then NegativeLogLikelihoodLoss.

    Source: ONNX SoftmaxCrossEntropyLoss-13.
    """
    targets = op.input(1).elements
    counts = log_softmax_counts(targets, op.x.shape[1]) + negative_log_likelihood_counts(op, targets)
    classes = op.x.shape[1]
    return work(op, counts, reads={2: dmin(classes, targets)}, dtype=op.x.dtype, row_elements=classes)
