"""What the output types of onnxruntime's ops share: registration, windows, products.

Source: the operator schemas of onnxruntime 1.32 and its own shape inference; compared with real runs in the tests.
"""

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from onnx_roofline.base.errors import NotModelledError
from onnx_roofline.base.units import ceil_div, dmax, dtype_name
from onnx_roofline.ir.graph import TensorType
from onnx_roofline.ops.cost.contrib.parts import DOMAIN
from onnx_roofline.ops.shape.registry import ShapeRule, shape_rule
from onnx_roofline.ops.view import Operand, OpView

Types = Sequence[TensorType]


def contrib(*op_types: str, domain: str = DOMAIN) -> Callable[[ShapeRule], ShapeRule]:
    """Register a shape rule whose answers are upper bounds where an input is one."""

    def register(function: ShapeRule) -> ShapeRule:
        def apply(op: OpView) -> Types:
            try:
                types = function(op)
            except (IndexError, ValueError, ZeroDivisionError):
                raise NotModelledError(f"{op.op_type} does not take these operands") from None
            if all(operand is None or operand.type.exact for operand in op.inputs):
                return types
            return tuple(replace(kind, exact=False) for kind in types)

        apply.__doc__ = function.__doc__
        shape_rule(*op_types, domain=domain)(apply)
        return function

    return register


def like(operand: Operand, dtype: str = "") -> TensorType:
    """The operand's type, with another element type where one is given."""
    return TensorType(dtype or operand.dtype, operand.shape)


def number(op: OpView, position: int) -> int:
    """The value of a one-element operand; NotModelledError where it is not known before the model runs."""
    return int(op.input(position).value.reshape(-1)[0])


def dtype_attr(op: OpView, name: str, default: str) -> str:
    """Element type that an attribute names by its number."""
    return dtype_name(op.int_attr(name, 0)) or default


def broadcast(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """Numpy broadcasting.

    >>> broadcast((2, 1, 4), (3, 1))
    (2, 3, 4)
    """
    rank = max(len(shape) for shape in shapes)
    padded = [(1,) * (rank - len(shape)) + shape for shape in shapes]
    return tuple(next((dim for dim in dims if dim != 1), 1) for dims in zip(*padded, strict=True))


def matmul_shape(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    """Dims of numpy.matmul.

    >>> matmul_shape((2, 3, 4), (4, 5)), matmul_shape((4,), (4, 5))
    ((2, 3, 5), (5,))
    """
    batch = broadcast(a[:-2], b[:-2])
    return (*batch, *(a[-2:-1] if len(a) > 1 else ()), *(b[-1:] if len(b) > 1 else ()))


def windows(op: OpView, spatial: tuple[int, ...], kernel: tuple[int, ...]) -> tuple[int, ...]:
    """Output positions of a convolution or pooling over `spatial`, as its attributes say."""
    axes = len(kernel)
    if len(spatial) != axes:
        raise NotModelledError(f"a window of {axes} axes over {len(spatial)}")
    strides = op.ints_attr("strides", (1,) * axes)
    dilations = op.ints_attr("dilations", (1,) * axes)
    padding = op.str_attr("auto_pad", "NOTSET")
    if padding in ("SAME_UPPER", "SAME_LOWER"):
        return tuple(ceil_div(size, stride) for size, stride in zip(spatial, strides, strict=True))
    pads = (0,) * (2 * axes) if padding == "VALID" else op.ints_attr("pads", (0,) * (2 * axes))
    found = []
    for axis, size in enumerate(spatial):
        stride, reach = strides[axis], dilations[axis] * (kernel[axis] - 1) + 1
        free = size + pads[axis] + pads[axis + axes] - reach
        count = free // stride + 1
        if op.int_attr("ceil_mode", 0):
            count = ceil_div(free, stride) + 1
            # The last window starts inside the input or its left padding.
            count -= (count - 1) * stride >= size + pads[axis]
        found.append(dmax(0, count))
    return tuple(found)


def transposed_windows(
    op: OpView, spatial: tuple[int, ...], kernel: tuple[int, ...], pads: tuple[int, ...]
) -> tuple[int, ...]:
    """Output positions of a transposed convolution."""
    axes = len(kernel)
    if stated := op.ints_attr("output_shape"):
        return stated[-axes:]
    strides = op.ints_attr("strides", (1,) * axes)
    dilations = op.ints_attr("dilations", (1,) * axes)
    extra = op.ints_attr("output_padding", (0,) * axes)
    if op.str_attr("auto_pad", "NOTSET") in ("SAME_UPPER", "SAME_LOWER"):
        return tuple(size * stride for size, stride in zip(spatial, strides, strict=True))
    pads = pads or (0,) * (2 * axes)
    return tuple(
        strides[i] * (size - 1) + extra[i] + dilations[i] * (kernel[i] - 1) + 1 - pads[i] - pads[i + axes]
        for i, size in enumerate(spatial)
    )


def reduced(shape: tuple[int, ...], axes: tuple[int, ...], keep: bool) -> tuple[int, ...]:
    """Dims after a reduction; all axes where none is named.

    >>> reduced((2, 3, 4), (-1,), True), reduced((2, 3, 4), (0, 2), False)
    ((2, 3, 1), (3,))
    """
    chosen = {axis % len(shape) for axis in axes} if axes else set(range(len(shape)))
    return tuple(1 if i in chosen else dim for i, dim in enumerate(shape) if keep or i not in chosen)
