"""Fourier transforms, windows and mel filters."""

from onnx_roofline.base.units import dmax
from onnx_roofline.ir.records import Counts, Work
from onnx_roofline.ops.cost.registry import elementwise, rule, work
from onnx_roofline.ops.view import OpView

# a0 - a1 cos(2 pi i / size): one product for the angle, one for a1. The size is one scalar and not counted.
rule("HannWindow", "HammingWindow", source="ONNX HannWindow-17, HammingWindow-17")(
    elementwise(transcendentals=1, muls=2, adds=1)
)
# a0 - a1 cos(x) + a2 cos(2 x)
rule("BlackmanWindow")(elementwise(transcendentals=2, muls=4, adds=2))


def fft_counts(transforms: int, length: int, is_real: bool) -> Counts:
    """Radix-2 transforms: per complex one L/2 log2 L butterflies of 4 multiplications and 6 additions; half for real.

    The published 5 L log2 L. A length that is no power of 2 is taken with log2 rounded up.

    >>> fft_counts(1, 8, is_real=False).flops
    120
    """
    butterflies = transforms * length * dmax(0, length - 1).bit_length()
    counts = Counts(muls=2 * butterflies, adds=3 * butterflies)
    return Counts(muls=counts.muls // 2, adds=counts.adds // 2) if is_real else counts


def _scalar(op: OpView, position: int) -> int | None:
    """The value of a scalar input, None where it is absent or not known."""
    if not op.has(position) or not op.input(position).is_known:
        return None
    return int(op.input(position).value.reshape(-1)[0])


def _signal_length(op: OpView, length: int | None, axis: int, onesided: bool) -> int:
    """The transform's length: as given, else what the output says (a one-sided one holds L / 2 + 1 of L)."""
    if length is not None:
        return length
    return 2 * dmax(0, op.out.shape[axis] - 1) if onesided else op.out.shape[axis]


@rule("DFT")
@rule("DFT", since=20)
def discrete_fourier_transform(op: OpView) -> Work:
    """muls: 2 T L log2 L + adds: 3 T L log2 L, half of it for a real input; inverse: muls: n more.

    x [..., L, ..., 1 or 2], T transforms along one axis (an attribute before version 20). The algorithm is the
    runtime's choice: heuristic. Source: ONNX DFT-20; Cooley-Tukey.
    """
    default = -2 if op.version >= 20 else op.int_attr("axis", 1)
    axis = _scalar(op, 2) if op.has(2) else default
    axis = (default if axis is None else axis) % op.x.rank
    onesided = op.int_attr("onesided", 0) == 1
    given = _scalar(op, 1) if op.has(1) else None if op.int_attr("inverse", 0) and onesided else op.x.shape[axis]
    # The inverse of a one-sided spectrum has the length of its (real) output.
    length = _signal_length(op, given, axis, onesided and not op.int_attr("inverse", 0))
    transforms = op.x.elements // dmax(1, op.x.shape[axis] * op.x.shape[-1])
    counts = fft_counts(transforms, length, is_real=op.x.shape[-1] == 1 or op.out.shape[-1] == 1)
    if op.int_attr("inverse", 0):
        counts += Counts(muls=op.out.elements)
    return work(op, counts, dtype=op.x.dtype, status="heuristic")


@rule("STFT")
def short_time_fourier_transform(op: OpView) -> Work:
    """T = B x frames transforms of L: muls: 2 T L log2 L + adds: 3 T L log2 L (half if real) + muls: T L for a window.

    signal [B, length, 1 or 2] or [B, length], out [B, frames, bins, 2]. L is the frame length, the window's, or what
    the bins say.
    The algorithm is the runtime's choice: heuristic. Source: ONNX STFT-17.
    """
    transforms = op.out.shape[0] * op.out.shape[1]
    # The standard wants the last axis; onnxruntime also takes a real signal without it, as PyTorch exports one.
    components = op.x.shape[2] if op.x.rank > 2 else 1
    given = _scalar(op, 3)
    if given is None and op.has(2):
        given = op.input(2).shape[0]
    length = _signal_length(op, given, 2, op.int_attr("onesided", 1) == 1)
    counts = fft_counts(transforms, length, is_real=components == 1)
    if op.has(2):
        counts += Counts(muls=transforms * length * components)
    return work(op, counts, dtype=op.x.dtype, status="heuristic")


@rule("MelWeightMatrix")
def mel_weight_matrix(op: OpView) -> Work:
    """compares: 2n + adds: n + divs: n, and for each of the bands + 2 edges transcendentals: 1 + muls: 2 + adds: 2.

    out [spectrum bins, mel bands]: the triangle's side that an element is on, its distance to the edge, the quotient.
    Source: ONNX MelWeightMatrix-17; counts every element, most are 0: heuristic.
    """
    n, bands = op.out.elements, op.out.shape[1]
    edges = Counts(transcendentals=1, muls=2, adds=2).scaled(bands + 2)
    return work(op, Counts(compares=2 * n, adds=n, divs=n) + edges, dtype=op.out.dtype, status="heuristic")
