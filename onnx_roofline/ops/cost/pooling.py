"""Pooling. k is the number of taps of a window, n the number of output elements."""

from onnx_roofline.base.units import dmax, product
from onnx_roofline.ir.records import Counts, Work
from onnx_roofline.ops.cost.registry import rule, work
from onnx_roofline.ops.traits import Traits
from onnx_roofline.ops.view import OpView


@rule("MaxPool", traits=Traits(quantized_form="arithmetic"))
def max_pool(op: OpView) -> Work:
    """compares: (k - 1) n.

    Source: ONNX MaxPool-12.
    """
    taps = product(op.ints_attr("kernel_shape"))
    return work(op, Counts(compares=dmax(0, taps - 1) * op.out.elements), dtype=op.x.dtype)


@rule("AveragePool", traits=Traits(quantized_form="arithmetic"))
def average_pool(op: OpView) -> Work:
    """adds: (k - 1) n + divs: n.

    Source: ONNX AveragePool-11.
    """
    taps = product(op.ints_attr("kernel_shape"))
    return work(op, Counts(adds=dmax(0, taps - 1) * op.out.elements, divs=op.out.elements))


@rule("LpPool")
def lp_pool(op: OpView) -> Work:
    """transcendentals: (k + 1) n + adds: (k - 1) n; p = 1 and p = 2 take muls for the powers.

    Source: ONNX LpPool-11.
    """
    taps = product(op.ints_attr("kernel_shape"))
    return work(op, _lp_counts(op, taps * op.out.elements, op.out.elements))


@rule("GlobalLpPool")
def global_lp_pool(op: OpView) -> Work:
    """As LpPool with one window of N / n taps.

    Source: ONNX GlobalLpPool-22; p is a float before version 2.
    """
    return work(op, _lp_counts(op, op.x.elements, op.out.elements))


def _lp_counts(op: OpView, taken: int, outputs: int) -> Counts:
    """Powers of what the windows take, their sums, and a root for each output; p = 1 takes absolute values."""
    p, adds = op.float_attr("p", 2.0), dmax(0, taken - outputs)
    if p == 1:
        return Counts(adds=adds + taken)
    if p == 2:
        return Counts(muls=taken, adds=adds, transcendentals=outputs)
    return Counts(transcendentals=taken + outputs, adds=adds)


@rule("GlobalAveragePool", traits=Traits(quantized_form="arithmetic"))
def global_average_pool(op: OpView) -> Work:
    """adds: N - n + divs: n.

    Source: ONNX GlobalAveragePool-1.
    """
    return work(op, Counts(adds=dmax(0, op.x.elements - op.out.elements), divs=op.out.elements))


@rule("GlobalMaxPool")
def global_max_pool(op: OpView) -> Work:
    """compares: N - n.

    Source: ONNX GlobalMaxPool-1.
    """
    return work(op, Counts(compares=dmax(0, op.x.elements - op.out.elements)))
