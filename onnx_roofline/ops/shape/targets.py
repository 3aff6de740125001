"""Shapes that an operand states in part: what is known of them although other sizes depend on data."""

from collections.abc import Callable, Mapping, Sequence

from onnx_roofline.base.errors import NotModelledError
from onnx_roofline.base.units import product
from onnx_roofline.ir.graph import TensorType
from onnx_roofline.ops.view import OpView

# A size that the operand states, or None where it is not known.
Sizes = Sequence[int | None]
Shape = tuple[int | None, ...]


def _constant_of_shape(_op: OpView, sizes: Sizes) -> Shape:
    """The sizes themselves. Source: ONNX ConstantOfShape-20."""
    return tuple(sizes)


def _expand(op: OpView, sizes: Sizes) -> Shape:
    """Aligned at the last axis; of two sizes one may be 1. Source: ONNX Expand-13."""
    shape = op.x.type.shape
    if shape is None:
        raise NotModelledError("the rank of the input is unknown")
    rank = max(len(shape), len(sizes))
    own = (1,) * (rank - len(shape)) + shape
    stated = (1,) * (rank - len(sizes)) + tuple(sizes)
    return tuple(_joined(a, b) for a, b in zip(own, stated, strict=True))


def _joined(a: int | None, b: int | None) -> int | None:
    if a == 1:
        return b
    if b == 1 or b is None:
        # What is not 1 and not known must be as the other one.
        return a
    return b


def _reshape(op: OpView, sizes: Sizes) -> Shape:
    """One size that is not known follows from the number of elements. Source: ONNX Reshape-21."""
    shape = op.x.type.shape
    keeps_zero = bool(op.int_attr("allowzero", 0))
    wanted: list[int | None] = []
    for axis, size in enumerate(sizes):
        if size == 0 and not keeps_zero:
            wanted.append(shape[axis] if shape is not None and axis < len(shape) else None)
        else:
            wanted.append(None if size == -1 else size)
    rest = product(size for size in wanted if size is not None)
    if wanted.count(None) == 1 and op.x.type.is_known and op.x.type.is_sure and rest and not op.x.elements % rest:
        wanted[wanted.index(None)] = op.x.elements // rest
    return tuple(wanted)


def _tile(op: OpView, sizes: Sizes) -> Shape:
    """Each size so many times. Source: ONNX Tile-13."""
    shape = op.x.type.shape
    if shape is None or len(shape) != len(sizes):
        raise NotModelledError("the rank of the input is unknown")
    return tuple(None if a is None or b is None else a * b for a, b in zip(shape, sizes, strict=True))


def _pad(op: OpView, sizes: Sizes) -> Shape:
    """Each axis longer by its two pads; those before all axes come first. Source: ONNX Pad-21."""
    shape = op.x.type.shape
    if shape is None:
        raise NotModelledError("the rank of the input is unknown")
    axes = [int(axis) % len(shape) for axis in op.input(3).value.reshape(-1)] if op.has(3) else range(len(shape))
    if len(sizes) != 2 * len(axes):
        raise NotModelledError("the pads are not two for each axis")
    padded = list(shape)
    for axis, before, after in zip(axes, sizes[: len(axes)], sizes[len(axes) :], strict=True):
        size = padded[axis]
        padded[axis] = None if size is None or before is None or after is None else size + before + after
    return tuple(padded)


def _resize(op: OpView, sizes: Sizes) -> Shape:
    """The sizes, of all axes or those of the attribute; others stay. Source: ONNX Resize-19."""
    shape = op.x.type.shape
    if shape is None or op.str_attr("keep_aspect_ratio_policy", "stretch") != "stretch":
        raise NotModelledError("the sizes are limits of another size")
    resized = list(shape)
    for axis, size in zip(op.ints_attr("axes", tuple(range(len(shape)))), sizes, strict=False):
        resized[axis] = size
    return tuple(resized)


_TARGETS: Mapping[str, tuple[int, Callable[[OpView, Sizes], Shape]]] = {
    "ConstantOfShape": (0, _constant_of_shape),
    "Expand": (1, _expand),
    "Pad": (1, _pad),
    "Reshape": (1, _reshape),
    "Resize": (3, _resize),
    "Tile": (1, _tile),
}


# Of these each element is the size of one axis, the last of the last.
_SIZES = frozenset({"ConstantOfShape", "Expand", "Reshape"})


def states_sizes(op_type: str, domain: str = "") -> bool:
    """Whether the elements of an op's target are sizes of axes, aligned at the last one."""
    return not domain and op_type in _SIZES


def position_of_target(op_type: str, domain: str = "") -> int | None:
    """Which input of an op states the shape of its output; None where none does."""
    found = None if domain else _TARGETS.get(op_type)
    return None if found is None else found[0]


def completed(op: OpView, sizes: Sizes, kind: TensorType) -> TensorType:
    """The type with the dims that the known ones of `sizes` fix; as it is where they fix none."""
    if kind.is_known:
        return kind
    try:
        shape = _TARGETS[op.op_type][1](op, sizes)
    except NotModelledError:
        return kind
    if kind.shape is not None and len(kind.shape) == len(shape):
        shape = tuple(b if a is None else a for a, b in zip(kind.shape, shape, strict=True))
    if any(dim is not None and dim < 0 for dim in shape):
        return kind
    return TensorType(kind.dtype or (op.x.type.dtype if op.op_type != "ConstantOfShape" else ""), shape, kind.exact)
