"""Sampling, regions and images. n is the number of output elements, d the number of spatial axes.

Where a rule interpolates, the weights and coordinates depend on the position alone, not on the channel: not counted.
"""

from collections.abc import Sequence

from onnx_roofline.base.errors import NotModelledError
from onnx_roofline.base.units import ceil_div, dmax, dmin, product
from onnx_roofline.ir.records import Contraction, Counts, Status, Work
from onnx_roofline.ops.cost.contraction import conv_contraction
from onnx_roofline.ops.cost.registry import rule, work
from onnx_roofline.ops.traits import OPERANDS, Traits
from onnx_roofline.ops.view import OpView


def linear_taps(taps: int) -> Counts:
    """A weighted sum of `taps` neighbours: `taps` multiplications, one addition fewer."""
    return Counts(muls=taps, adds=taps - 1)


def interpolation(mode: str, axes: int, outputs: int) -> tuple[Counts, int]:
    """(counts, neighbours of an output) of sampling between elements along `axes` axes."""
    if axes < 0:
        raise NotModelledError(f"{axes} spatial axes")
    if mode in ("linear", "bilinear") and axes:
        return linear_taps(2**axes).scaled(outputs), 2**axes
    if mode in ("cubic", "bicubic") and axes:
        return Counts(macs=4**axes * outputs), 4**axes
    return Counts(), 1


@rule("Upsample")
@rule("Resize", traits=Traits(quantized_form="arithmetic"))
def resize(op: OpView) -> Work:
    """linear in d resized axes: muls: 2^d n + adds: (2^d - 1) n; cubic: macs: 4^d n; nearest: nothing.

    With `antialias`, an axis that shrinks takes as many taps as its filter spans: bounded. With
    `tf_crop_and_resize`, axes may be resampled at the same size: bounded by all. Source: ONNX Resize-19, Upsample-1.
    """
    n, mode = op.out.elements, op.str_attr("mode", "nearest")
    crops = op.str_attr("coordinate_transformation_mode", "half_pixel") == "tf_crop_and_resize"
    sizes = list(zip(op.x.shape, op.out.shape, strict=True))
    resized = [(old, new) for old, new in sizes if old != new or crops]
    if op.int_attr("antialias", 0) and mode in ("linear", "cubic"):
        # The filter of 2 (linear) or 4 (cubic) taps is stretched by the factor that the axis shrinks by.
        width = 2 if mode == "linear" else 4
        taps = product(dmax(width, ceil_div(width * old, dmax(1, new))) for old, new in resized)
        counts = linear_taps(taps).scaled(n) if mode == "linear" else Counts(macs=taps * n)
        return work(op, counts if resized else Counts(), dtype=op.x.dtype, status="bounded")
    counts, neighbours = interpolation(mode, len(resized), n)
    reads = {0: dmin(op.x.elements, neighbours * n)}
    return work(op, counts, reads=reads, dtype=op.x.dtype, status="bounded" if crops else "exact")


@rule("GridSample")
def grid_sample(op: OpView) -> Work:
    """linear: muls: 2^d n + adds: (2^d - 1) n; cubic: macs: 4^d n; nearest: nothing.

    x [N, C, *spatial], grid [N, *out, d]. Source: ONNX GridSample-22.
    """
    counts, neighbours = interpolation(op.str_attr("mode", "linear"), op.x.rank - 2, op.out.elements)
    return work(op, counts, reads={0: dmin(op.x.elements, neighbours * op.out.elements)}, dtype=op.x.dtype)


@rule("AffineGrid", traits=OPERANDS)
def affine_grid(op: OpView) -> Work:
    """macs: n (d + 1), each position as (x, y[, z], 1) times theta.

    theta [N, d, d + 1], out [N, *spatial, d]; the base grid is one row per axis and not counted.
    Source: ONNX AffineGrid-20.
    """
    axes, n = op.x.shape[1], op.out.elements
    positions = product(op.out.shape[1:-1])
    product_ = Contraction(op.x.shape[0], positions, axes, axes + 1, lhs=None, rhs=0)
    return work(op, Counts(macs=n * (axes + 1)), contractions=(product_,), dtype=op.x.dtype)


@rule("DeformConv", traits=OPERANDS)
def deform_conv(op: OpView) -> Work:
    """macs: output elements x C_in / g x taps + for each sample muls: 2^d + adds: 2^d - 1 (a mask: muls: 1).

    x [N, C, *spatial], W, offset, bias, mask; N C_in x output positions x taps samples, shared by all filters; the
    offsets are added to the positions (adds: their number). Source: ONNX DeformConv-22.
    """
    return deformable_convolution(op, weight=1, offset=2, bias=3, mask=4)


def deformable_convolution(op: OpView, weight: int, offset: int, bias: int | None, mask: int | None) -> Work:
    """DeformConv with its operands at these positions."""
    product_ = conv_contraction(op, op.input(0), op.input(weight), op.out, rhs=weight)
    taps, axes = product(op.input(weight).shape[2:]), op.x.rank - 2
    samples = op.x.shape[0] * op.x.shape[1] * product(op.out.shape[2:]) * taps
    sampling = linear_taps(2**axes).scaled(samples)
    extra = Counts(
        adds=op.input(offset).elements + (op.out.elements if bias is not None and op.has(bias) else 0),
        muls=samples if mask is not None and op.has(mask) else 0,
    )
    counts = Counts(macs=op.out.elements * product_.k) + sampling + extra
    return work(op, counts, contractions=(product_,))


@rule("Col2Im")
def col_to_im(op: OpView) -> Work:
    """adds: N, each input element onto its place.

    x [N, C x block, blocks]; a place that padding takes away is counted. Source: ONNX Col2Im-18.
    """
    return work(op, Counts(adds=op.x.elements), dtype=op.x.dtype)


@rule("RoiAlign")
def roi_align(op: OpView) -> Work:
    """for each of s samples of a bin muls: 4n + adds: 3n, then adds: (s - 1) n + divs: n (max: compares: (s - 1) n).

    X [N, C, H, W], rois [R, 4]; s = sampling_ratio squared. Ratio 0 takes ceil(roi / output) a side: bounded by the
    whole image. Source: ONNX RoiAlign-22.
    """
    return aligned_regions(op, (0,), takes_maximum=op.str_attr("mode", "avg") == "max")


def aligned_regions(op: OpView, levels: Sequence[int], takes_maximum: bool) -> Work:
    """RoiAlign from the feature maps at these positions, each region from one of them; the first is the largest."""
    ratio, n = op.int_attr("sampling_ratio", 0), op.out.elements
    sides = zip(op.input(levels[0]).shape[2:], op.out.shape[2:], strict=True)
    samples = dmax(1, ratio * ratio if ratio else product(ceil_div(size, dmax(1, out)) for size, out in sides))
    pooled = Counts(compares=samples - 1) if takes_maximum else Counts(adds=samples - 1, divs=1)
    counts = linear_taps(4).scaled(samples * n) + pooled.scaled(n)
    reads = {level: dmin(op.input(level).elements, 4 * samples * n) for level in levels}
    status: Status = "exact" if ratio and len(levels) == 1 else "bounded"
    return work(op, counts, reads=reads, dtype=op.input(levels[0]).dtype, status=status)


@rule("MaxRoiPool")
def max_roi_pool(op: OpView) -> Work:
    """compares: (k - 1) n, k the elements of a bin; bounded: a region may be the whole image.

    X [N, C, H, W], rois [R, 5]; a bin's ends are rounded outwards. Source: ONNX MaxRoiPool-22.
    """
    sides = zip(op.x.shape[2:], op.out.shape[2:], strict=True)
    taps = product(dmin(size, ceil_div(size, dmax(1, out)) + 1) for size, out in sides)
    return work(op, Counts(compares=dmax(0, taps - 1) * op.out.elements), dtype=op.x.dtype, status="bounded")


# Intersection over union of two boxes against a threshold, and the area of one.
OVERLAP, AREA = Counts(compares=7, adds=4, muls=1, divs=1), Counts(adds=2, muls=1)


@rule("NonMaxSuppression")
def non_max_suppression(op: OpView) -> Work:
    """for each of B C N m pairs compares: 7 + adds: 4 + muls: 1 + divs: 1; areas, sorting and the score threshold.

    boxes [B, N, 4], scores [B, C, N], m = boxes kept per class (N if unknown): every box against every box kept, so
    bounded. A pair: 4 corners, 2 clamps, threshold; 2 sides, 2 for the union; the intersection; the quotient. A box:
    2 sides and the area; its score against the threshold and ceil(log2 N) steps of a sort for each class.
    Source: ONNX NonMaxSuppression-11.
    """
    batch, classes, boxes = op.input(1).shape
    most = op.input(2) if op.has(2) else None
    kept = 0 if most is None else dmin(boxes, int(most.value.reshape(-1)[0])) if most.is_known else boxes
    pairs, scored = batch * classes * boxes * kept, batch * classes * boxes
    counts = OVERLAP.scaled(pairs) + AREA.scaled(batch * boxes)
    counts += Counts(compares=scored * (dmax(0, boxes - 1).bit_length() + (1 if op.has(4) else 0)))
    if op.int_attr("center_point_box", 0):
        counts += Counts(adds=4, muls=2).scaled(batch * boxes)
    return work(op, counts, dtype=op.x.dtype, status="bounded")


@rule("ImageDecoder")
def image_decoder(op: OpView) -> Work:
    """int_ops: 38n: the inverse cosine transform, the dequantisation and the colours of a JPEG.

    A separable 8 x 8 transform takes 16 multiply-adds a sample, the colour matrix 3. Source: ONNX ImageDecoder-20,
    ITU-T T.81. Ignores the entropy decoder, which depends on the bytes; other formats differ.
    """
    return work(op, Counts(int_ops=2 * (16 + 3) * op.out.elements), dtype="uint8", status="heuristic")
