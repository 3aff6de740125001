"""Output types of onnxruntime's ops that move, sample, hash or search."""

from onnx_roofline.base.errors import NotModelledError
from onnx_roofline.base.units import dmax, dmin
from onnx_roofline.ir.graph import TensorType
from onnx_roofline.ops.shape.contrib.parts import Types, contrib, like, number
from onnx_roofline.ops.view import OpView


@contrib("ExpandDims")
def expand_dims(op: OpView) -> Types:
    """One more dim of 1; the axis is an input, which has to be known."""
    axis, shape = number(op, 1), op.x.shape
    axis = axis if axis >= 0 else axis + len(shape) + 1
    return (TensorType(op.x.dtype, (*shape[:axis], 1, *shape[axis:])),)


@contrib("Pad")
def pad(op: OpView) -> Types:
    """Each dim with its paddings, which have to be known."""
    pads, rank = [int(value) for value in op.input(1).value.reshape(-1)], op.x.rank
    return (TensorType(op.x.dtype, tuple(dim + pads[i] + pads[i + rank] for i, dim in enumerate(op.x.shape))),)


@contrib("GatherND")
def gather_nd(op: OpView) -> Types:
    """Leading dims of the indices, then what one index leaves of the data."""
    indices = op.input(1).shape
    return (TensorType(op.x.dtype, (*indices[:-1], *op.x.shape[indices[-1] :])),)


@contrib("TorchEmbedding")
def torch_embedding(op: OpView) -> Types:
    """A row for each index."""
    return (TensorType(op.x.dtype, (*op.input(1).shape, op.x.shape[1])),)


@contrib("GatherBlockQuantized")
def gather_block_quantized(op: OpView) -> Types:
    """As Gather, with several values a byte unpacked along the last axis."""
    data, axis = list(op.x.shape), op.int_attr("gather_axis", 0) % op.x.rank
    if op.x.dtype == "uint8":
        data[-1] *= 8 // op.int_attr("bits", 4)
    return (TensorType(op.input(2).dtype, (*data[:axis], *op.input(1).shape, *data[axis + 1 :])),)


@contrib("Range")
def range_(op: OpView) -> Types:
    """As many elements as there are steps; start, limit and delta have to be known."""
    start, limit = (float(op.input(i).value.reshape(-1)[0]) for i in (0, 1))
    delta = float(op.input(2).value.reshape(-1)[0]) if op.has(2) else 1.0
    return (TensorType(op.x.dtype, (dmax(0, int(-((start - limit) // delta))),)),)


@contrib("Unique")
def unique(op: OpView) -> Types:
    """The unique values, at most all; where each came from; how often each occurs."""
    values = None if not op.x.is_known else len(set(op.x.value.reshape(-1).tolist()))
    found, is_exact = op.x.elements if values is None else values, values is not None
    return (
        TensorType(op.x.dtype, (found,), is_exact),
        TensorType("int64", op.x.shape),
        TensorType("int64", (found,), is_exact),
    )


@contrib("UnfoldTensor")
def unfold_tensor(op: OpView) -> Types:
    """Windows along one axis, each as a last axis of its own."""
    shape, size = list(op.x.shape), op.int_attr("size", 1)
    axis = op.int_attr("dim", -1) % len(shape)
    shape[axis] = (shape[axis] - size) // op.int_attr("step", 1) + 1
    return (TensorType(op.x.dtype, (*shape, size)),)


@contrib("GridSample")
def grid_sample(op: OpView) -> Types:
    """[N, C, Ho, Wo]."""
    return (TensorType(op.x.dtype, (*op.x.shape[:2], *op.input(1).shape[1:3])),)


@contrib("CropAndResize")
def crop_and_resize(op: OpView) -> Types:
    """[R, C, h, w]; the size is an input, which has to be known."""
    size = tuple(int(value) for value in op.input(3).value.reshape(-1))
    return (TensorType(op.x.dtype, (op.input(1).shape[0], op.x.shape[1], *size)),)


@contrib("Rfft", "Irfft")
def real_fourier_transform(op: OpView) -> Types:
    """Reals [..., s] to [..., s / 2 + 1, 2], and back to an even number of them."""
    shape = op.x.shape
    if op.op_type == "Rfft":
        return (TensorType(op.x.dtype, (*shape[:-1], shape[-1] // 2 + 1, 2)),)
    return (TensorType(op.x.dtype, (*shape[:-2], 2 * (shape[-2] - 1))),)


@contrib("DynamicTimeWarping")
def dynamic_time_warping(op: OpView) -> Types:
    """[2, length of the path], shorter than both sides together."""
    rows, columns = op.x.shape[-2:]
    return (TensorType("int32", (2, rows + columns - 1), exact=False),)


@contrib("MurmurHash3")
def murmur_hash(op: OpView) -> Types:
    """32 bits for each element."""
    return (like(op.x, "uint32" if op.int_attr("positive", 1) else "int32"),)


@contrib("Tokenizer")
def tokenizer(op: OpView) -> Types:
    """One more axis, as long as the most tokens of a string: the strings decide."""
    return (TensorType("string", (*op.x.shape, None), exact=False),)


@contrib("NGramRepeatBlock")
def ngram_repeat_block(op: OpView) -> Types:
    """The type of the scores."""
    return (like(op.input(1)),)


@contrib("BifurcationDetector")
def bifurcation_detector(op: OpView) -> Types:
    """The tokens with what is taken over of the prediction, at most all; an index."""
    more = op.input(3).elements if op.has(3) else 0
    return TensorType("int64", (op.input(1).elements + more,), not more), TensorType("int64", ())


@contrib("NGramHashMapping")
def ngram_hash_mapping(op: OpView) -> Types:
    """[B, S, (m - 1) heads], and the last ids."""
    grams = op.int_attr("max_ngram_size", 2) - 1
    hashes = TensorType(op.x.dtype, (*op.x.shape, grams * op.int_attr("n_head_per_ngram", 1)))
    return hashes, TensorType(op.x.dtype, (op.x.shape[0], grams))


@contrib("VarlenNGramHashMapping")
def packed_ngram_hash_mapping(op: OpView) -> Types:
    """[t, (m - 1) heads], and the last ids and segments of each sequence."""
    grams, batch = op.int_attr("max_ngram_size", 2) - 1, op.input(3).shape[0] - 1
    return (
        TensorType(op.x.dtype, (*op.x.shape, grams * op.int_attr("n_head_per_ngram", 1))),
        TensorType(op.x.dtype, (batch, grams)),
        TensorType("int32", (batch, grams)),
        TensorType(op.x.dtype, (batch, op.int_attr("state_update_capacity", 0), grams)),
    )


@contrib("WordConvEmbedding")
def word_conv_embedding(op: OpView) -> Types:
    """[words, characters] -> one vector for each word."""
    return (TensorType("float32", (op.x.shape[0], op.input(1).shape[0])),)


@contrib("EPContext", "Snpe")
def opaque(op: OpView) -> Types:
    """Nothing is known of what a compiled graph gives; the file declares it."""
    raise NotModelledError(f"{op.op_type} holds a graph compiled for one execution provider")


@contrib("Crop", domain="")
def crop(op: OpView) -> Types:
    """[N, C, H, W] less the borders left, top, right, bottom; or of the size that `scale` states."""
    batch, channels, height, width = op.x.shape
    left, top, right, bottom = op.ints_attr("border", (0, 0, 0, 0))
    size = op.ints_attr("scale") or (height - top - bottom, width - left - right)
    return (TensorType(op.x.dtype, (batch, channels, *size)),)


@contrib("DynamicSlice", domain="")
def dynamic_slice(op: OpView) -> Types:
    """As Slice with steps of 1; where it starts and ends has to be known."""
    shape = list(op.x.shape)
    starts, ends = ([int(value) for value in op.input(i).value.reshape(-1)] for i in (1, 2))
    axes = [int(value) for value in op.input(3).value.reshape(-1)] if op.has(3) else list(range(len(starts)))
    for axis, start, end in zip(axes, starts, ends, strict=True):
        size = shape[axis]
        first, last = (dmin(dmax(value + size if value < 0 else value, 0), size) for value in (start, end))
        shape[axis] = dmax(0, last - first)
    return (TensorType(op.x.dtype, tuple(shape)),)


@contrib("GivenTensorFill", domain="")
def given_tensor_fill(op: OpView) -> Types:
    """The shape of an attribute, of the input, or in the input's values, with extra dims."""
    shape = op.ints_attr("shape")
    if op.has(0):
        known = op.int_attr("input_as_shape", 0)
        shape = tuple(int(dim) for dim in op.x.value.reshape(-1)) if known else op.x.shape
    return (TensorType("float32", (*shape, *op.ints_attr("extra_shape"))),)


@contrib("PyramidROIAlign_TRT", "MultilevelCropAndResize_TRT", domain="")
def pyramid_align(op: OpView) -> Types:
    """[B, R, C, p, p]."""
    size = op.int_attr("pooled_size", 1)
    return (TensorType(op.x.dtype, (*op.x.shape[:2], op.input(1).shape[1], size, size)),)


@contrib("EfficientNMS_TRT", domain="")
def efficient_nms(op: OpView) -> Types:
    """How many [B, 1], boxes [B, kept, 4], their scores and classes [B, kept]."""
    batch, kept = op.x.shape[0], op.int_attr("max_output_boxes", 1)
    found = TensorType(op.x.dtype, (batch, kept))
    return (
        TensorType("int32", (batch, 1)),
        TensorType(op.x.dtype, (batch, kept, 4)),
        found,
        TensorType("int32", (batch, kept)),
    )
