"""Output types in the layouts that onnxruntime's optimizer rewrites convolutional networks to."""

from onnx_roofline.base.errors import NotModelledError
from onnx_roofline.base.units import ceil_div
from onnx_roofline.ir.graph import TensorType
from onnx_roofline.ops.cost.contrib.layout import NCHWC, NHWC
from onnx_roofline.ops.shape.contrib.parts import Types, contrib, like, transposed_windows, windows
from onnx_roofline.ops.view import OpView

# Channels of a block: 8 floats of AVX and AVX2, 16 of AVX-512 and of NEON. Source: onnxruntime, MlasNchwcGetBlockSize.
_BLOCKS = (8, 16)


@contrib("Conv", domain=NCHWC)
def blocked_conv(op: OpView) -> Types:
    """[N, M, *spatial]."""
    weight = op.input(1).shape
    return (TensorType(op.x.dtype, (op.x.shape[0], weight[0], *windows(op, op.x.shape[2:], weight[2:]))),)


@contrib("MaxPool", "AveragePool", domain=NCHWC)
def blocked_pool(op: OpView) -> Types:
    """[N, C, *spatial]."""
    return (TensorType(op.x.dtype, (*op.x.shape[:2], *windows(op, op.x.shape[2:], op.ints_attr("kernel_shape")))),)


@contrib("GlobalAveragePool", "GlobalMaxPool", domain=NCHWC)
def blocked_global_pool(op: OpView) -> Types:
    """Spatial dims of 1."""
    return (TensorType(op.x.dtype, (*op.x.shape[:2], *(1 for _ in op.x.shape[2:]))),)


@contrib("ReorderInput", domain=NCHWC)
def reorder_input(op: OpView) -> Types:
    """Channels rounded up to whole blocks; the larger block where the machine decides."""
    shape = op.x.shape
    if op.int_attr("channels_last", 0):
        shape = (shape[0], shape[-1], *shape[1:-1])
    padded = {ceil_div(shape[1], block) * block for block in _BLOCKS}
    return (TensorType(op.x.dtype, (shape[0], max(padded), *shape[2:]), len(padded) == 1),)


@contrib("ReorderOutput", domain=NCHWC)
def reorder_output(op: OpView) -> Types:
    """The real number of channels, first or last."""
    shape, channels = op.x.shape, op.int_attr("channels", 0)
    if op.int_attr("channels_last", 0):
        return (TensorType(op.x.dtype, (shape[0], *shape[2:], channels)),)
    return (TensorType(op.x.dtype, (shape[0], channels, *shape[2:])),)


@contrib("Upsample", domain=NCHWC)
def blocked_upsample(op: OpView) -> Types:
    """Each dim times its scale."""
    scales = op.ints_attr("scales", (1,) * op.x.rank)
    return (TensorType(op.x.dtype, tuple(dim * scale for dim, scale in zip(op.x.shape, scales, strict=True))),)


@contrib("BatchNormalization", "InstanceNormalization", "LRN", domain=NHWC)
def same(op: OpView) -> Types:
    """The type of the first input."""
    return (like(op.x),)


@contrib("Conv", "QLinearConv", domain=NHWC)
def conv(op: OpView) -> Types:
    """[N, *spatial, M] with weights [M, C / g, *kernel]."""
    quantized = op.op_type == "QLinearConv"
    weight, dtype = op.input(3 if quantized else 1).shape, op.input(7).dtype if quantized else op.x.dtype
    return (TensorType(dtype, (op.x.shape[0], *windows(op, op.x.shape[1:-1], weight[2:]), weight[0])),)


@contrib("ConvTranspose", "QLinearConvTranspose", domain=NHWC)
def conv_transpose(op: OpView) -> Types:
    """[N, *spatial, M] with weights [C, M / g, *kernel]."""
    quantized = op.op_type == "QLinearConvTranspose"
    weight, dtype = op.input(3 if quantized else 1).shape, op.input(7).dtype if quantized else op.x.dtype
    places = transposed_windows(op, op.x.shape[1:-1], weight[2:], op.ints_attr("pads"))
    return (TensorType(dtype, (op.x.shape[0], *places, weight[1] * op.int_attr("group", 1))),)


@contrib("AveragePool", "LpPool", "MaxPool", "QLinearAveragePool", domain=NHWC)
def pool(op: OpView) -> Types:
    """[N, *spatial, C], and the indices of maxima."""
    shape = op.x.shape
    found = (shape[0], *windows(op, shape[1:-1], op.ints_attr("kernel_shape")), shape[-1])
    return TensorType(op.x.dtype, found), TensorType("int64", found)


@contrib("GlobalAveragePool", "GlobalLpPool", "GlobalMaxPool", domain=NHWC)
def global_pool(op: OpView) -> Types:
    """Spatial dims of 1."""
    shape = op.x.shape
    return (TensorType(op.x.dtype, (shape[0], *(1 for _ in shape[1:-1]), shape[-1])),)


@contrib("DepthToSpace", "SpaceToDepth", domain=NHWC)
def blocks_and_depth(op: OpView) -> Types:
    """Channels to blocks of pixels, or back."""
    batch, height, width, channels = op.x.shape
    size = op.int_attr("blocksize", 1)
    if op.op_type == "DepthToSpace":
        return (TensorType(op.x.dtype, (batch, height * size, width * size, channels // (size * size))),)
    return (TensorType(op.x.dtype, (batch, height // size, width // size, channels * size * size)),)


@contrib("GridSample", domain=NHWC)
def grid_sample(op: OpView) -> Types:
    """[N, *out, C]."""
    return (TensorType(op.x.dtype, (op.x.shape[0], *op.input(1).shape[1:-1], op.x.shape[-1])),)


@contrib("MaxUnpool", domain=NHWC)
def max_unpool(op: OpView) -> Types:
    """What a pooling of these windows came from."""
    shape, kernel = op.x.shape, op.ints_attr("kernel_shape")
    if op.has(2):
        return (TensorType(op.x.dtype, tuple(int(dim) for dim in op.input(2).value.reshape(-1))),)
    places = transposed_windows(op, shape[1:-1], kernel, op.ints_attr("pads"))
    return (TensorType(op.x.dtype, (shape[0], *places, shape[-1])),)


@contrib("Resize", domain=NHWC)
def resize(op: OpView) -> Types:
    """Sizes, or scales times the dims, rounded down; either has to be known."""
    if op.has(3):
        sizes = [int(size) for size in op.input(3).value.reshape(-1)]
    elif op.has(2):
        scales = [float(scale) for scale in op.input(2).value.reshape(-1)]
        sizes = [int(dim * scale) for dim, scale in zip(op.x.shape, scales, strict=True)]
    else:
        raise NotModelledError("neither scales nor sizes are given")
    return (TensorType(op.x.dtype, tuple(sizes)),)
