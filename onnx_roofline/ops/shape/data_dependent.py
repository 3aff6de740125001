"""Types of outputs whose dims depend on values: exact where the values are known, else an upper bound if there is one.

What has no bound in its operands alone (Range, ConstantOfShape, Expand, Tile, Pad, OneHot, Resize with unknown
operands) stays unknown: a product of guesses would cost more than it tells.
"""

from collections.abc import Sequence

from onnx_roofline.base.errors import NotModelledError, ShapeError
from onnx_roofline.base.units import dmax, dmin, product
from onnx_roofline.ir.graph import TensorType
from onnx_roofline.ops.shape.merge import axis_of, bound_along
from onnx_roofline.ops.shape.registry import completion, shape_rule
from onnx_roofline.ops.view import OpView

Types = Sequence[TensorType]


def _bound(dtype: str, shape: tuple[int, ...]) -> TensorType:
    return TensorType(dtype, shape, exact=False)


def _with_axis(shape: tuple[int, ...], axis: int, size: int) -> tuple[int, ...]:
    return (*shape[:axis], size, *shape[axis + 1 :])


@completion("NonZero")
def nonzero(op: OpView) -> Types:
    """[rank, number of non-zero elements], at most all of them. Source: ONNX NonZero-13."""
    rank = max(1, op.x.rank)
    if op.x.is_known:
        return (TensorType("int64", (rank, int((op.x.value != 0).sum()))),)
    return (_bound("int64", (rank, op.x.elements)),)


@completion("Unique")
def unique(op: OpView) -> Types:
    """Y, indices, inverse indices, counts: at most as many as there are slices. Source: ONNX Unique-11."""
    import numpy as np

    shape, dtype = op.x.shape, op.x.dtype
    axis = axis_of(op, len(shape)) if "axis" in op.attributes else None
    slices = op.x.elements if axis is None else shape[axis]
    found = slices
    if op.x.is_known:
        distinct = np.unique(op.x.value, axis=axis)
        found = distinct.shape[0 if axis is None else axis]
    is_exact = op.x.is_known or slices <= 1
    first = (found,) if axis is None else _with_axis(shape, axis, found)
    lists = TensorType("int64", (found,), exact=is_exact)
    return TensorType(dtype, first, exact=is_exact), lists, TensorType("int64", (slices,), op.x.type.exact), lists


@completion("Compress")
def compress(op: OpView) -> Types:
    """As many slices as the condition has true values. Source: ONNX Compress-11."""
    condition, shape = op.input(1), op.x.shape
    axis = axis_of(op, len(shape)) if "axis" in op.attributes else None
    slices = op.x.elements if axis is None else shape[axis]
    if condition.is_known:
        kept = int(condition.value.reshape(-1)[:slices].astype(bool).sum())
        is_exact = True
    else:
        kept = dmin(condition.elements, slices)
        is_exact = kept == 0
    result = (kept,) if axis is None else _with_axis(shape, axis, kept)
    return (TensorType(op.x.dtype, result, is_exact),)


@completion("NonMaxSuppression")
def non_max_suppression(op: OpView) -> Types:
    """[selected, 3]: at most max_output_boxes_per_class of each class of each image. Source: ONNX NMS-11."""
    batch, boxes, _ = op.x.shape
    classes = op.input(1).shape[1]
    each = boxes
    if not op.has(2):
        each = 0
    elif op.input(2).is_known:
        each = dmin(boxes, dmax(0, int(op.input(2).value.reshape(-1)[0])))
    selected = batch * classes * each
    return (TensorType("int64", (selected, 3), exact=selected == 0),)


@completion("TopK")
def top_k(op: OpView) -> Types:
    """At most the whole axis. Source: ONNX TopK-11."""
    axes = (axis_of(op, op.x.rank, -1),)
    return bound_along(axes, op.x.dtype, op.x.type), bound_along(axes, "int64", op.x.type)


@completion("Slice", falls=True)
def slice_bound(op: OpView) -> Types:
    """At most what a slice of any shorter axis has; axes that are not sliced stay. Source: ONNX Slice-13."""
    if op.has(3) and not op.input(3).is_known:
        return (_bound(op.x.dtype, op.x.shape),)
    limits = [_limits(op, position, name) for position, name in ((1, "starts"), (2, "ends"), (4, "steps"))]
    count = next((len(one) for one in limits if one is not None), 0) or op.input(1).elements
    # Without axes the starts are those of the first ones.
    given = _limits(op, 3, "axes") or range(count)
    axes = [int(axis) % op.x.rank for axis in given]
    bound = bound_along(axes, op.x.dtype, op.x.type)
    starts, ends, steps = limits
    if starts is None or ends is None or (steps is None and op.has(4)):
        return (bound,)
    shape = list(op.x.shape)
    for axis, start, end, step in zip(axes, starts, ends, steps or (1,) * len(axes), strict=True):
        if axis in op.x.type.known_axes():
            shape[axis] = len(range(*slice(start, end, step).indices(shape[axis])))
        else:
            shape[axis] = _longest_slice(start, end, step, shape[axis])
    sure = op.x.type.known_axes()
    return (TensorType(op.x.dtype, tuple(shape)).resting(exact=False, assumed=False, sure_axes=sure),)


def _limits(op: OpView, position: int, name: str) -> tuple[int, ...] | None:
    """The numbers of an operand, or of an attribute up to opset 9; None where they are not known."""
    if op.has(position):
        value = op.input(position)
        return tuple(map(int, value.value.reshape(-1))) if value.is_known else None
    return op.ints_attr(name, ()) or None


def _longest_slice(start: int, end: int, step: int, most: int) -> int:
    """The longest slice of an axis of 0 to `most` elements; its length bends only where a limit leaves the axis.

    >>> _longest_slice(-3, 5, 1, 9), _longest_slice(0, 5, 1, 9)  # of 5 elements the last three, of 9 none
    (3, 5)
    """
    bends = {abs(limit) + shift for limit in (start, end) for shift in (-1, 0, 1)}
    sizes = [most, *(size for size in bends if 0 <= size < most)]
    return max(len(range(*slice(start, end, step).indices(size))) for size in sizes)


@completion("BlackmanWindow", "HammingWindow", "HannWindow")
def window(op: OpView) -> Types:
    """[size], which the one input gives. Source: ONNX HannWindow-17."""
    return (TensorType(op.output(0).type.dtype, (None,)),)


@completion("MelWeightMatrix")
def mel_weight_matrix(op: OpView) -> Types:
    """[bins of the spectrum, mel bins], which the inputs give. Source: ONNX MelWeightMatrix-17."""
    return (TensorType(op.output(0).type.dtype, (None, None)),)


@completion("MaxUnpool")
def max_unpool(op: OpView) -> Types:
    """The shape that the third input gives. Source: ONNX MaxUnpool-11."""
    return (TensorType(op.x.dtype, tuple(int(size) for size in op.input(2).value.reshape(-1))),)


def _reduced_bound(op: OpView, axes_known: bool, axes: int) -> TensorType:
    """Input type with `axes` unknown axes taken away: position i holds one of the dims i to i + axes."""
    if not axes_known:
        raise NotModelledError("how many axes are reduced is not known")
    shape = op.x.shape
    kept = len(shape) - axes
    return _bound(op.x.dtype, tuple(max(shape[i : i + axes + 1]) for i in range(kept)))


@completion("ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceMean", "ReduceL1", "ReduceL2", "ReduceLogSum",
            "ReduceLogSumExp", "ReduceSumSquare")  # fmt: skip
def reduce_bound(op: OpView) -> Types:
    """At most the input where axes are kept, else one of the dims that may remain. Source: ONNX ReduceSum-13."""
    if not op.has(1):
        raise NotModelledError("the shape of the input is unknown")
    count = op.input(1).shape[0] if op.input(1).rank else 1
    keep = op.int_attr("keepdims", 1)
    if count == 0 or keep:
        is_noop = count == 0 and op.int_attr("noop_with_empty_axes", 0) == 1
        if count == 0 and not is_noop:
            return (TensorType(op.x.dtype, (1,) * op.x.rank if keep else (), op.x.type.exact),)
        if is_noop:
            return (op.x.type,)
        return (_bound(op.x.dtype, tuple(dmax(1, size) for size in op.x.shape)),)
    if count == op.x.rank:
        return (TensorType(op.x.dtype, (), op.x.type.exact),)
    return (_reduced_bound(op, count <= op.x.rank, count),)


@completion("Squeeze")
def squeeze(op: OpView) -> Types:
    """Unknown axes take away that many dims of 1; exact where no other are left to take. Source: ONNX Squeeze-13."""
    if not op.has(1):
        raise NotModelledError("the shape of the input is unknown")
    shape, count = op.x.shape, op.input(1).elements
    if shape.count(1) == count and op.x.type.exact:
        return (TensorType(op.x.dtype, tuple(size for size in shape if size != 1)),)
    if count > len(shape):
        raise NotModelledError("more axes are taken away than there are")
    # Which of them stay is open, though as many elements do.
    return (TensorType(op.x.dtype, (None,) * (len(shape) - count)),)


@completion("Unsqueeze")
def unsqueeze(op: OpView) -> Types:
    """Unknown axes add that many dims of 1 anywhere: exact in size, open in every dim. Source: ONNX Unsqueeze-13."""
    shape, added = op.x.shape, op.input(1).elements
    if set(shape) <= {1}:
        return (TensorType(op.x.dtype, (1,) * (len(shape) + added), op.x.type.exact),)
    return (TensorType(op.x.dtype, (None,) * (len(shape) + added)),)


@completion("CenterCropPad")
def center_crop_pad(op: OpView) -> Types:
    """The sizes that the second input gives on `axes`. Source: ONNX CenterCropPad-18."""
    shape = list(op.x.shape)
    axes = op.ints_attr("axes", tuple(range(len(shape))))
    for axis, size in zip(axes, op.input(1).value.reshape(-1), strict=True):
        shape[axis] = int(size)
    return (TensorType(op.x.dtype, tuple(shape)),)


@completion("StringSplit")
def string_split(op: OpView) -> Types:
    """[..., parts]: at most maxsplit + 1 parts; without maxsplit the strings decide. Source: ONNX StringSplit-20."""
    parts = op.int_attr("maxsplit", -1) + 1 if "maxsplit" in op.attributes else 0
    if 0 in op.x.shape:
        return TensorType("string", (*op.x.shape, 0)), TensorType("int64", op.x.shape)
    if parts < 1:
        raise NotModelledError("how many parts the strings have is not known before the model runs")
    return _bound("string", (*op.x.shape, parts)), TensorType("int64", op.x.shape)


@completion("StringNormalizer")
def string_normalizer(op: OpView) -> Types:
    """At most the input, at least one string, since stop words are dropped. Source: ONNX StringNormalizer-10."""
    shape = op.x.shape
    has_stopwords = bool(op.attributes.get("stopwords"))
    last = dmax(1, shape[-1])
    return (TensorType("string", (*shape[:-1], last), exact=not has_stopwords and op.x.type.exact),)


@completion("GroupNormalization", "MeanVarianceNormalization", "InstanceNormalization", "LpNormalization", "Dropout",
            "BatchNormalization", "ThresholdedRelu")  # fmt: skip
def same_as_input(op: OpView) -> Types:
    """The first output is as the input."""
    return (op.x.type,)


@completion("Gradient", domain="ai.onnx.preview.training")
def gradient(op: OpView) -> Types:
    """One gradient for each of the first inputs, like it. Source: ai.onnx.preview.training Gradient-1."""
    return tuple(op.input(position).type for position in range(len(op.outputs)))


@shape_rule("Dropout", "BatchNormalization")
def old_training_outputs(op: OpView) -> Types:
    """Outputs that old versions had for training: a mask as the input, the running and saved statistics."""
    if op.op_type == "Dropout" and op.version < 12 and op.has_output(1):
        dtype = "bool" if op.version >= 10 else op.x.dtype
        return op.x.type, TensorType(dtype, op.x.type.shape, op.x.type.exact)
    if op.op_type == "BatchNormalization" and op.version < 14 and len(op.outputs) > 1:
        statistics = TensorType(op.input(1).dtype, op.input(1).shape)
        return (op.x.type, *(statistics,) * 4)
    raise NotModelledError("the library knows the outputs of this version")


@shape_rule("STFT")
def stft(op: OpView) -> Types:
    """[batch, frames, bins, 2]; one-sided by default, bins = frame_length // 2 + 1. Source: ONNX STFT-17."""
    batch, samples = op.x.shape[0], op.x.shape[1]
    if op.has(3) and op.input(3).is_known:
        length = int(op.input(3).value.reshape(-1)[0])
    elif op.has(2):
        length = op.input(2).shape[0]
    else:
        raise NotModelledError("the frame length is not known before the model runs")
    step = int(op.input(1).value.reshape(-1)[0])
    if step < 1 or length < 1:
        raise ShapeError(f"found frame step {step} and frame length {length}, wanted both above 0")
    bins = length // 2 + 1 if op.int_attr("onesided", 1) else length
    return (TensorType(op.x.dtype, (batch, dmax(0, samples - length) // step + 1, bins, 2), op.x.type.exact),)


@shape_rule("Expand")
def expand(op: OpView) -> Types:
    """Unknown dims where one of at most some size may be 1 and grow to who knows what. Source: ONNX Expand-13."""
    target = op.input(1)
    if op.x.type.exact or target.is_known:
        raise NotModelledError("the library knows what exact dims become")
    rank = dmax(op.x.rank, target.elements)
    return (TensorType(op.x.dtype, (None,) * rank, exact=False),)


@shape_rule("Range")
def range_length(op: OpView) -> Types:
    """max(0, ceil((limit - start) / delta)) in the operands' own type. Source: ONNX Range-11."""
    import math

    operands = [op.input(position) for position in range(3)]
    for operand in operands:
        # The standard wants scalars; the library's own functions feed tensors of one element.
        if operand.type.is_known and operand.elements != 1 and operand.type.exact:
            raise ShapeError(f"found {operand.label} with {operand.elements} elements, wanted one")
    if not all(operand.is_known for operand in operands):
        return (TensorType(op.x.dtype, (None,)),)
    start, limit, delta = (float(operand.value.reshape(-1)[0]) if operand.value.dtype.kind not in "iu" else
                           int(operand.value.reshape(-1)[0]) for operand in operands)  # fmt: skip
    if delta == 0:
        raise ShapeError("found delta 0, wanted another step")
    if isinstance(delta, int) and isinstance(start, int) and isinstance(limit, int):
        return (TensorType(op.x.dtype, (dmax(0, -((start - limit) // delta)),)),)
    if not all(math.isfinite(part) for part in (start, limit, delta)):
        raise ShapeError(f"found Range from {start} to {limit} by {delta}, wanted finite numbers")
    return (TensorType(op.x.dtype, (dmax(0, math.ceil((limit - start) / delta)),)),)


def _broadcast_bound(op: OpView) -> Types:
    """Per axis the largest dim: a bound where dims that are bounds themselves need not match."""
    operands = [operand for operand in op.inputs if operand is not None]
    shapes = [operand.shape for operand in operands]
    rank = max(len(shape) for shape in shapes)
    axes = list(zip(*((1,) * (rank - len(shape)) + shape for shape in shapes), strict=True))
    dtype = op.output(0).type.dtype or op.x.dtype
    # The library leaves some of these open (GreaterOrEqual-12) whose operands are known and match.
    is_exact = all(operand.type.exact for operand in operands) and all(len({*sizes} - {1}) < 2 for sizes in axes)
    return (TensorType(dtype, tuple(0 if 0 in sizes else max(sizes) for sizes in axes), is_exact),)


completion("Add", "Sub", "Mul", "Div", "Pow", "Mod", "Min", "Max", "Sum", "Mean", "And", "Or", "Xor", "Equal", "Less",
           "Greater", "LessOrEqual", "GreaterOrEqual", "Where", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "BitShift",
           "PRelu")(_broadcast_bound)  # fmt: skip


@completion("Flatten")
def flatten(op: OpView) -> Types:
    """[dims before axis, dims from it on], of any size. Source: ONNX Flatten-21."""
    rank = op.x.rank
    axis = op.int_attr("axis", 1)
    axis = axis + rank if axis < 0 else axis
    shape = op.x.shape
    return (TensorType(op.x.dtype, (product(shape[:axis]), product(shape[axis:])), op.x.type.exact),)


@completion("Concat")
def concat(op: OpView) -> Types:
    """The sum along the axis, of any size. Source: ONNX Concat-13."""
    shapes = [operand.shape for operand in op.inputs if operand is not None]
    axis = axis_of(op, len(shapes[0]), 1)
    if len({len(shape) for shape in shapes}) != 1:
        raise NotModelledError("the operands have different ranks")
    dims = tuple(
        sum(sizes) if position == axis else max(sizes) for position, sizes in enumerate(zip(*shapes, strict=True))
    )
    is_exact = all(operand.type.exact for operand in op.inputs if operand is not None)
    return (TensorType(op.x.dtype, dims, is_exact),)
