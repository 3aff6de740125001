"""What shape rules share: a type that holds either of two, and the axis that an op names."""

from collections.abc import Iterable

from msgspec.structs import replace

from onnx_roofline.base.errors import ShapeError
from onnx_roofline.ir.graph import TensorType
from onnx_roofline.ops.view import OpView


def axis_of(op: OpView, rank: int, default: int = 0) -> int:
    """The attribute `axis`, counted from the front. Raises ShapeError for one that a tensor of this rank has not."""
    axis = op.int_attr("axis", default)
    if not -rank <= axis < rank:
        raise ShapeError(f"found axis {axis}, wanted one of a tensor of rank {rank}")
    return axis % rank


def bound_along(axes: Iterable[int], dtype: str, kind: TensorType) -> TensorType:
    """At most the shape of a type: the other axes are as sure as they are in it."""
    sure = set(kind.known_axes()) - set(axes)
    return TensorType(dtype, kind.shape).resting(exact=False, assumed=False, sure_axes=sure)


def merge_types(a: TensorType, b: TensorType) -> TensorType:
    """A type that holds either: the larger of two shapes of one rank, as a bound; unknown dims stay unknown.

    Of different ranks the larger tensor stands for both. A sequence of length 0 has no element type of its own.

    >>> str(merge_types(TensorType("int64", (2, 3)), TensorType("int64", (4, 3))))
    'int64[4, 3]'
    """
    if a == b:
        return a
    if "sequence" in (a.container, b.container):
        return _merge_sequences(a, b)
    if a.shape is None or b.shape is None or len(a.shape) != len(b.shape):
        larger = a if b.shape is None or (a.shape is not None and (a.elements or 0) >= (b.elements or 0)) else b
        larger = replace(larger, dtype=larger.dtype or a.dtype or b.dtype)
        return larger.resting(exact=False, assumed=a.assumed or b.assumed, sure_axes=None)
    shape = tuple(None if x is None or y is None else max(x, y) for x, y in zip(a.shape, b.shape, strict=True))
    sure = {axis for axis in {*a.known_axes()} & {*b.known_axes()} if a.shape[axis] == b.shape[axis]}
    return TensorType(a.dtype or b.dtype, shape, container=a.container).resting(
        exact=a.exact and b.exact and a.shape == b.shape,
        assumed=a.assumed or b.assumed,
        sure_axes=None if a.sure_axes is None or b.sure_axes is None else sure,
    )


def _merge_sequences(a: TensorType, b: TensorType) -> TensorType:
    """Elements that hold either; a length that is not the same is unknown, since it has no bound flag of its own."""
    length = a.length if a.length == b.length else None
    if a.length == 0 or b.length == 0:
        return replace(b if a.length == 0 else a, length=length)
    merged = merge_types(replace(a, container="tensor", length=None), replace(b, container="tensor", length=None))
    return replace(merged, container="sequence", length=length)
