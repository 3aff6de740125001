"""Optimisers of ai.onnx.preview.training: R, T, then the tensors, their gradients and their states. n elements."""

from onnx_roofline.ir.records import Counts, Work
from onnx_roofline.ops.cost.registry import rule, work
from onnx_roofline.ops.view import OpView

_DOMAIN = "ai.onnx.preview.training"


def _elements(op: OpView, groups: int) -> int:
    """Elements of all tensors to be optimised: the first of `groups` equal parts of the operands after R and T."""
    tensors = (len(op.inputs) - 2) // groups
    return sum(op.input(2 + position).elements for position in range(tensors))


@rule("Adagrad", domain=_DOMAIN)
def adagrad(op: OpView) -> Work:
    """muls: 3n + adds: 4n + transcendentals: n + divs: n.

    Norm (1 mul, 1 add), squares (1, 1), root and epsilon (1 add), step (1 mul, 1 div, 1 sub); the learning rate is
    one scalar and not counted. Source: ONNX Adagrad-1, pseudo code.
    """
    counts = Counts(muls=3, adds=4, transcendentals=1, divs=1).scaled(_elements(op, 3))
    return work(op, counts, dtype=op.out.dtype)


@rule("Adam", domain=_DOMAIN)
def adam(op: OpView) -> Work:
    """muls: 8n + adds: 5n + transcendentals: n + divs: n.

    Norm (1 mul, 1 add), mean (2, 1), squares (3, 1), root and epsilon (1 add), step (1 mul, 1 div, 1 sub), post-update
    factor (1 mul); the learning rate is one scalar and not counted. Source: ONNX Adam-1, pseudo code.
    """
    counts = Counts(muls=8, adds=5, transcendentals=1, divs=1).scaled(_elements(op, 4))
    return work(op, counts, dtype=op.out.dtype)


@rule("Momentum", domain=_DOMAIN)
def momentum(op: OpView) -> Work:
    """muls: 4n + adds: 3n, and 1n more of each for Nesterov's.

    Norm (1 mul, 1 add), momentum (2, 1), step (1, 1); Nesterov's step adds alpha V. Source: ONNX Momentum-1.
    """
    nesterov = 1 if op.str_attr("mode", "standard") == "nesterov" else 0
    counts = Counts(muls=4 + nesterov, adds=3 + nesterov).scaled(_elements(op, 3))
    return work(op, counts, dtype=op.out.dtype)


@rule("Gradient", domain=_DOMAIN)
def gradient(op: OpView) -> Work:
    """adds: n, one accumulation for each element of the gradients.

    Source: ONNX Gradient-1. Ignores the backward ops: the file names the graph's ends and doesn't hold them.
    """
    elements = sum(operand.elements for operand in op.outputs if operand is not None)
    return work(op, Counts(adds=elements), dtype=op.out.dtype, status="heuristic",
                note="the backward ops are not in the file and not counted")  # fmt: skip
