"""What the ops with bodies share: the body's interface, and types with an axis more or less."""

from msgspec.structs import replace

from onnx_roofline.base.errors import ShapeError
from onnx_roofline.inference.scope import Known
from onnx_roofline.ir.graph import Graph, Op, TensorType


def check_interface(body: Graph, inputs: int, outputs: int) -> None:
    """Raise ShapeError for a body with another number of inputs, or with too few outputs."""
    if len(body.inputs) != inputs:
        raise ShapeError(f"found {len(body.inputs)} inputs of the body, wanted {inputs}")
    if len(body.outputs) < outputs:
        raise ShapeError(f"found {len(body.outputs)} outputs of the body, wanted at least {outputs}")


def stacked(kind: TensorType, count: int | None, axis: int, origin: str) -> TensorType:
    """A type with `count` slices of `kind` stacked at `axis`; `origin` is that of the count."""
    if kind.shape is None:
        return replace(kind, exact=False)
    rank = len(kind.shape) + 1
    if not -rank <= axis < rank:
        raise ShapeError(f"found scan output axis {axis}, wanted one of a tensor of rank {rank}")
    axis %= rank
    shape = (*kind.shape[:axis], count, *kind.shape[axis:])
    # No slice: what one would be is not known, only that there is none.
    stacked = replace(kind, shape=shape)
    sure = {other + (other >= axis) for other in kind.known_axes()}
    if count is not None and origin in ("exact", "bound"):
        sure.add(axis)
    return stacked.resting(
        exact=kind.exact and origin != "data",
        assumed=kind.assumed or (origin == "assumed" and count is not None),
        sure_axes=None if kind.sure_axes is None else sure,
    )


def without_axis(kind: TensorType, axis: int) -> TensorType:
    """The type of one slice along an axis."""
    assert kind.shape is not None
    sure = None if kind.sure_axes is None else {a - (a > axis) for a in kind.known_axes() if a != axis}
    rest = replace(kind, shape=kind.shape[:axis] + kind.shape[axis + 1 :])
    return rest.resting(exact=kind.exact, assumed=kind.assumed, sure_axes=sure)


def body_of(op: Op, attribute: str) -> Graph:
    """A body of an op. Raises ShapeError where it has none of that name."""
    if attribute not in op.bodies:
        raise ShapeError(f"found no attribute {attribute!r}, which {op.op_type} needs")
    return op.bodies[attribute]


def scalar_of(known: Known | None) -> int | None:
    """The value of a known tensor of one element."""
    if known is None or known.value is None or known.value.size != 1:
        return None
    return int(known.value.reshape(-1)[0])
