"""Types of first versions that the library does not infer, and of what newer ones leave to a weight's shape."""

from collections.abc import Sequence

from onnx_roofline.base.errors import NotModelledError, ShapeError
from onnx_roofline.base.units import ceil_div
from onnx_roofline.ir.graph import TensorType
from onnx_roofline.ops.shape.merge import axis_of, bound_along
from onnx_roofline.ops.shape.registry import completion
from onnx_roofline.ops.view import OpView

Types = Sequence[TensorType]


def _like(op: OpView, shape: tuple[int, ...], *operands: int) -> TensorType:
    """A type of the first input's dtype, as exact as the operands are."""
    return TensorType(op.x.dtype, shape, all(op.input(position).type.exact for position in (0, *operands)))


@completion("Gemm")
def gemm(op: OpView) -> Types:
    """[M, K] x [K, N]. Source: ONNX Gemm-1."""
    a, b = op.x.shape, op.input(1).shape
    rows = a[1 if op.int_attr("transA", 0) else 0]
    columns = b[0 if op.int_attr("transB", 0) else 1]
    return (_like(op, (rows, columns), 1),)


@completion("Split")
def split(op: OpView) -> Types:
    """The parts that an attribute or input states; else each is at most the whole. Source: ONNX Split-18, Split-1."""
    shape = op.x.shape
    axis = axis_of(op, len(shape))
    sizes = op.ints_attr("split")
    if not sizes and op.has(1) and op.input(1).is_known:
        sizes = tuple(int(size) for size in op.input(1).value.reshape(-1))
    if not sizes:
        return tuple(bound_along((axis,), op.x.dtype, op.x.type) for _ in op.outputs)
    if op.x.type.exact and (sum(sizes) != shape[axis] or len(sizes) != len(op.outputs) or min(sizes) < 0):
        raise ShapeError(f"found parts {list(sizes)} of a dim of {shape[axis]} for {len(op.outputs)} outputs")
    return tuple(_like(op, (*shape[:axis], size, *shape[axis + 1 :])) for size in sizes)


@completion("Pad")
def pad(op: OpView) -> Types:
    """The attribute that the first version had. Source: ONNX Pad-1."""
    pads = op.ints_attr("paddings") or op.ints_attr("pads")
    shape = op.x.shape
    if len(pads) != 2 * len(shape):
        raise NotModelledError("the pads are not known before the model runs")
    sums = zip(shape, pads[: len(shape)], pads[len(shape) :], strict=True)
    return (_like(op, tuple(size + begin + end for size, begin, end in sums)),)


@completion("Upsample")
def upsample(op: OpView) -> Types:
    """[N, C, floor(H * scale), floor(W * scale)]. Source: ONNX Upsample-1."""
    scales = [op.float_attr(name, 0.0) for name in ("height_scale", "width_scale")]
    if min(scales) < 1 or max(scales) > 2**31:
        raise NotModelledError("the scales are not known before the model runs")
    batch, channels, height, width = op.x.shape
    return (_like(op, (batch, channels, int(height * scales[0]), int(width * scales[1]))),)


@completion("GlobalLpPool")
def global_pool(op: OpView) -> Types:
    """[N, C, 1, ...]. Source: ONNX GlobalLpPool-1."""
    shape = op.x.shape
    return (_like(op, (*shape[:2], *(1,) * (len(shape) - 2))),)


@completion("LpPool")
def lp_pool(op: OpView) -> Types:
    """Windows as in every pooling; the first version has no dilations. Source: ONNX LpPool-1."""
    sizes = op.x.shape[2:]
    kernel = op.ints_attr("kernel_shape", (1,) * len(sizes))
    strides = op.ints_attr("strides", (1,) * len(sizes))
    pads = op.ints_attr("pads", (0,) * 2 * len(sizes))
    if not len(kernel) == len(strides) == len(pads) / 2 == len(sizes) or min(strides, default=1) < 1:
        raise ShapeError(f"found kernel {kernel}, strides {strides} and pads {pads} for {len(sizes)} spatial dims")
    mode = op.str_attr("auto_pad", "NOTSET")
    windows = []
    for axis, (size, taps, step) in enumerate(zip(sizes, kernel, strides, strict=True)):
        if mode.startswith("SAME"):
            windows.append(ceil_div(size, step))
            continue
        padded = size if mode == "VALID" else size + pads[axis] + pads[axis + len(sizes)]
        windows.append(max(0, (padded - taps) // step + 1))
    return (_like(op, (*op.x.shape[:2], *windows)),)


@completion("RNN", "GRU", "LSTM")
def recurrent(op: OpView) -> Types:
    """Y, Y_h, Y_c; the hidden size is that of the weight [dirs, gates * hidden, hidden]. Source: ONNX LSTM-22."""
    directions, _, hidden = op.input(2).shape
    first, second, _ = op.x.shape
    if op.int_attr("layout", 0):
        every, last = (first, second, directions, hidden), (first, directions, hidden)
    else:
        every, last = (first, directions, second, hidden), (directions, second, hidden)
    return _like(op, every, 2), _like(op, last, 2), _like(op, last, 2)


@completion("Cast")
def cast(op: OpView) -> Types:
    """The first version names the type in capitals. Source: ONNX Cast-1."""
    from onnx_roofline.base.units import dtype_number

    name = {"FLOAT": "float32", "DOUBLE": "float64"}.get(op.str_attr("to", ""), op.str_attr("to", "").lower())
    if not dtype_number(name):
        raise ShapeError(f"found to = {op.str_attr('to', '')!r}, wanted an element type")
    return (TensorType(name, op.x.shape, op.x.type.exact),)
