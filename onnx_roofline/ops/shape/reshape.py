"""Types of Reshape: the library infers them, but takes a new shape of another number of elements."""

from collections.abc import Sequence

from onnx_roofline.base.errors import NotModelledError, ShapeError
from onnx_roofline.base.units import product
from onnx_roofline.ir.graph import TensorType
from onnx_roofline.ops.shape.registry import completion, shape_rule
from onnx_roofline.ops.view import OpView

Types = Sequence[TensorType]


@shape_rule("Reshape")
def reshape(op: OpView) -> Types:
    """The stated shape: 0 keeps a dim unless `allowzero`, one -1 takes what is left.

    The first version has the new shape as an attribute. Source: ONNX Reshape-21, Reshape-1.
    """
    if not op.x.type.exact or op.x.type.container != "tensor":
        raise NotModelledError("the number of elements is an upper bound")
    if op.version < 5 and not op.has(1):
        stated = op.ints_attr("shape")
    elif op.input(1).is_known and op.input(1).rank == 1:
        stated = tuple(int(size) for size in op.input(1).value)
    else:
        raise NotModelledError("the new shape is not known before the model runs")
    old, keeps_zero = op.x.shape, bool(op.int_attr("allowzero", 0))
    if any(size == 0 and axis >= len(old) for axis, size in enumerate(stated)) and not keeps_zero:
        raise ShapeError(f"found a new shape {list(stated)} that keeps a dim of a tensor of rank {len(old)}")
    wanted = [old[axis] if size == 0 and not keeps_zero else size for axis, size in enumerate(stated)]
    if wanted.count(-1) > 1 or any(size < -1 for size in wanted):
        raise ShapeError(f"found a new shape {list(stated)}, wanted sizes with at most one -1")
    elements, rest = op.x.elements, product(size for size in wanted if size != -1)
    if (elements != rest) if -1 not in wanted else (rest == 0 or elements % rest):
        raise ShapeError(f"found {elements} elements for a new shape {list(stated)}, wanted as many before and after")
    shape = tuple(elements // rest if size == -1 else size for size in wanted)
    return (TensorType(op.x.dtype, shape),)


@completion("Reshape")
def reshape_to_unknown(op: OpView) -> Types:
    """To rank 0 or 1 it is exact whatever the values say; beyond, no bound is of use. Source: ONNX Reshape-21."""
    if not op.has(1) or op.input(1).shape[0] not in (0, 1):
        raise NotModelledError("the new shape is not known before the model runs")
    return (TensorType(op.x.dtype, (op.x.elements,) * op.input(1).shape[0], op.x.type.exact),)
