"""Softmax and normalisations. n is the number of elements, R the number of rows that are normalised."""

from onnx_roofline.base.units import dmax, dmin, product
from onnx_roofline.ir.records import Counts, Work
from onnx_roofline.ops.cost.registry import rows_and_columns, rule, work
from onnx_roofline.ops.view import OpView


def softmax_counts(rows: int, columns: int) -> Counts:
    """Stable softmax of `rows` rows: maximum, subtraction, exp, sum, division; 5n - 2R operations.

    >>> softmax_counts(64, 64).flops
    20352
    """
    n = rows * columns
    rows = dmin(rows, n)
    return Counts(adds=n + n - rows, divs=n, compares=n - rows, transcendentals=n)


def _softmax_rows(op: OpView) -> tuple[int, int]:
    """Before opset 13 the input is taken as a matrix from `axis` (default 1) on; since then one axis is normalised."""
    shape = op.x.shape
    if op.version < 13:
        return rows_and_columns(shape, op.int_attr("axis", 1))
    columns = shape[op.int_attr("axis", -1)] if shape else 1
    return product(shape) // max(1, columns), columns


@rule("Softmax")
@rule("Softmax", since=13)
def softmax(op: OpView) -> Work:
    """transcendentals: n + adds: 2n - R + divs: n + compares: n - R.

    Source: ONNX Softmax-13 (one axis), Softmax-1 (all axes from `axis` on); with the maximum for stability.
    """
    rows, columns = _softmax_rows(op)
    return work(op, softmax_counts(rows, columns), row_elements=columns)


def log_softmax_counts(rows: int, columns: int) -> Counts:
    """x - max - log(sum(exp(x - max))): maximum, two subtractions, exp, sum and one logarithm a row.

    >>> log_softmax_counts(64, 64).flops
    20416
    """
    n = rows * columns
    rows = dmin(rows, n)
    return Counts(adds=3 * n - rows, compares=n - rows, transcendentals=n + rows)


@rule("LogSoftmax")
@rule("LogSoftmax", since=13)
def log_softmax(op: OpView) -> Work:
    """transcendentals: n + R + adds: 3n - R + compares: n - R.

    Source: ONNX LogSoftmax-13: x - max - log(sum(exp(x - max))).
    """
    rows, columns = _softmax_rows(op)
    return work(op, log_softmax_counts(rows, columns), row_elements=columns)


@rule("Hardmax")
@rule("Hardmax", since=13)
def hardmax(op: OpView) -> Work:
    """compares: n - R; writes ones and zeros.

    Source: ONNX Hardmax-13; the rows are those of Softmax.
    """
    rows, columns = _softmax_rows(op)
    return work(op, Counts(compares=rows * dmax(0, columns - 1)), row_elements=columns)


def layer_norm_counts(n: int, rows: int, scale: bool = True, bias: bool = True) -> Counts:
    """Mean, variance, normalisation and affine part of `rows` rows of n elements together.

    Per row: sum and division (n - R, R), deviation (n), squares and their sum (n, n - R), division and epsilon (R, R),
    reciprocal square root (R); then n multiplications, and n each for scale and bias.

    >>> layer_norm_counts(100, 10)
    Counts(macs=0, adds=390, muls=300, divs=20, compares=0, transcendentals=10, int_ops=0, bit_ops=0)
    """
    rows = dmin(rows, n)
    return Counts(
        adds=3 * n - rows + (n if bias else 0),
        muls=2 * n + (n if scale else 0),
        divs=2 * rows,
        transcendentals=rows,
    )


def rms_norm_counts(n: int, rows: int) -> Counts:
    """Mean of squares, reciprocal square root, normalisation and scale.

    >>> rms_norm_counts(100, 10)
    Counts(macs=0, adds=100, muls=300, divs=10, compares=0, transcendentals=10, int_ops=0, bit_ops=0)
    """
    return Counts(adds=n, muls=3 * n, divs=rows, transcendentals=rows)


@rule("LayerNormalization")
def layer_normalization(op: OpView) -> Work:
    """adds: 4n - R + muls: 3n + divs: 2R + transcendentals: R (adds n fewer without a bias).

    Source: ONNX LayerNormalization-17.
    """
    rows, columns = rows_and_columns(op.x.shape, op.int_attr("axis", -1))
    return work(op, layer_norm_counts(rows * columns, rows, bias=op.has(2)), row_elements=columns)


@rule("RMSNormalization")
def rms_normalization(op: OpView) -> Work:
    """adds: n + muls: 3n + divs: R + transcendentals: R.

    Source: ONNX RMSNormalization-23.
    """
    rows, columns = rows_and_columns(op.x.shape, op.int_attr("axis", -1))
    return work(op, rms_norm_counts(rows * columns, rows), row_elements=columns, row_sums=1)


@rule("BatchNormalization")
@rule("BatchNormalization", since=14)
def batch_normalization(op: OpView) -> Work:
    """adds: n + muls: n; scale and shift per channel are computed once from the four statistics.

    In training mode (attribute since 14, further outputs before) as LayerNormalization with one row per channel, and
    adds: 2C + muls: 4C for the running statistics. Source: ONNX BatchNormalization-15.
    """
    n = op.x.elements
    before = any(op.has_output(position) for position in range(1, len(op.outputs))) and not op.int_attr("is_test", 0)
    if op.int_attr("training_mode", 0) if op.version >= 14 else before:
        channels = op.input(1).elements
        counts = layer_norm_counts(n, channels) + Counts(adds=2 * channels, muls=4 * channels)
        return work(op, counts, row_elements=n // dmax(1, channels))
    return work(op, Counts(adds=n, muls=n))


@rule("InstanceNormalization")
def instance_normalization(op: OpView) -> Work:
    """As LayerNormalization with one row per image and channel.

    Source: ONNX InstanceNormalization-6.
    """
    rows = product(op.x.shape[:2])
    return work(op, layer_norm_counts(op.x.elements, rows), row_elements=product(op.x.shape[2:]))


@rule("GroupNormalization")
def group_normalization(op: OpView) -> Work:
    """As LayerNormalization with one row per image and group.

    Source: ONNX GroupNormalization-21.
    """
    n, rows = op.x.elements, op.x.shape[0] * op.int_attr("num_groups", 1)
    return work(op, layer_norm_counts(n, rows), row_elements=n // dmax(1, rows))


@rule("LRN")
def local_response_normalization(op: OpView) -> Work:
    """muls: 2n + adds: n x size + divs: n + transcendentals: n.

    n squares; a window sum of `size` squares and the bias; times alpha / size, to a power; the quotient.
    Source: ONNX LRN-13.
    """
    n, size = op.x.elements, op.int_attr("size", 1)
    return work(op, Counts(muls=2 * n, adds=n * size, divs=n, transcendentals=n))


@rule("LpNormalization")
def lp_normalization(op: OpView) -> Work:
    """p = 2: muls: n + adds: n - R + transcendentals: R + divs: n; p = 1: adds: 2n - R + divs: n.

    R rows along one axis. Source: ONNX LpNormalization-22.
    """
    n, length = op.x.elements, op.x.shape[op.int_attr("axis", -1)]
    rows = n // max(1, length)
    if op.int_attr("p", 2) == 1:
        return work(op, Counts(adds=2 * n - rows, divs=n), row_elements=length)
    return work(op, Counts(muls=n, adds=n - rows, transcendentals=rows, divs=n), row_elements=length)


@rule("MeanVarianceNormalization")
def mean_variance_normalization(op: OpView) -> Work:
    """adds: 3n - R + muls: n + divs: n + 2R + transcendentals: R.

    Mean (n - R, R), deviation (n), squares (n) and their mean (n - R, R), root and epsilon (R, R), quotient (n); the
    default axes are all but that of the channels. Source: ONNX MeanVarianceNormalization-13.
    """
    shape, axes = op.x.shape, op.ints_attr("axes", (0, 2, 3))
    reduced = {axis % len(shape) for axis in axes}
    n = op.x.elements
    rows = dmin(n, product(dim for axis, dim in enumerate(shape) if axis not in reduced))
    counts = Counts(adds=3 * n - rows, muls=n, divs=n + 2 * rows, transcendentals=rows)
    return work(op, counts, row_elements=product(shape[axis] for axis in reduced))
