"""Pooling and resizing. k is the number of taps of a window, n the number of output elements."""

from onnx_roofline.op_rules.registry import OpView, rule, work
from onnx_roofline.records import Counts, Work
from onnx_roofline.units import product


@rule("MaxPool")
def max_pool(op: OpView) -> Work:
    """compares: (k - 1) n.

    Source: ONNX MaxPool-12.
    """
    taps = product(op.ints_attr("kernel_shape"))
    return work(op, Counts(compares=max(0, taps - 1) * op.out.elements), dtype=op.x.dtype)


@rule("AveragePool")
def average_pool(op: OpView) -> Work:
    """adds: (k - 1) n + divs: n.

    Source: ONNX AveragePool-11.
    """
    taps = product(op.ints_attr("kernel_shape"))
    return work(op, Counts(adds=max(0, taps - 1) * op.out.elements, divs=op.out.elements))


@rule("LpPool")
def lp_pool(op: OpView) -> Work:
    """transcendentals: (k + 1) n + adds: (k - 1) n; p = 1 and p = 2 take muls for the powers.

    Source: ONNX LpPool-11.
    """
    n, taps, p = op.out.elements, product(op.ints_attr("kernel_shape")), op.int_attr("p", 2)
    adds = max(0, taps - 1) * n
    if p == 1:
        return work(op, Counts(adds=adds + taps * n))
    if p == 2:
        return work(op, Counts(muls=taps * n, adds=adds, transcendentals=n))
    return work(op, Counts(transcendentals=(taps + 1) * n, adds=adds))


@rule("GlobalAveragePool")
def global_average_pool(op: OpView) -> Work:
    """adds: N - n + divs: n.

    Source: ONNX GlobalAveragePool-1.
    """
    return work(op, Counts(adds=op.x.elements - op.out.elements, divs=op.out.elements))


@rule("GlobalMaxPool")
def global_max_pool(op: OpView) -> Work:
    """compares: N - n.

    Source: ONNX GlobalMaxPool-1.
    """
    return work(op, Counts(compares=op.x.elements - op.out.elements))


@rule("Resize", "Upsample")
def resize(op: OpView) -> Work:
    """linear in d resized axes: muls: 2^d n + adds: (2^d - 1) n; cubic: macs: 4^d n; nearest: nothing.

    Source: ONNX Resize-13; the interpolation weights are per axis and not counted.
    """
    resized = sum(a != b for a, b in zip(op.x.shape, op.out.shape, strict=True))
    n, mode = op.out.elements, op.str_attr("mode", "nearest")
    touched = {0: min(op.x.elements, n if mode == "nearest" else op.x.elements)}
    if mode == "linear":
        return work(op, Counts(muls=2**resized * n, adds=(2**resized - 1) * n), reads=touched)
    if mode == "cubic":
        return work(op, Counts(macs=4**resized * n), reads=touched)
    return work(op, reads=touched)
