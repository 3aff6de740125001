"""What an op says of the axes of its output that nothing fixes: which it decides, their room, and their usual size."""

from collections.abc import Mapping, Sequence

from onnx_roofline.base.errors import UsageError
from onnx_roofline.base.text import shown
from onnx_roofline.base.units import product
from onnx_roofline.inference.partial_values import elements_of
from onnx_roofline.inference.scope import CONSTANT, DATA, Known, Scope
from onnx_roofline.ir.graph import Op
from onnx_roofline.ops.shape.targets import position_of_target

# Views, of which the output has as many elements as the input whatever its axes are.
_CONSERVING = ("Reshape", "Squeeze", "Unsqueeze")
# Sizes that the onnx library may leave open although they are known, and elements of a value that are looked at.
_HUGE, _LONGEST_SHAPE = 2**31, 64


def in_order(op: Op, inputs: tuple[Known | None, ...], rank: int) -> list[int]:
    """The axes, last the one of a Reshape that takes what is left: the data decide the others."""
    target = elements_of(inputs[1]) if op.op_type == "Reshape" and not op.domain and len(inputs) > 1 else None
    parts = [] if target is None else target.reshape(-1).tolist()
    return sorted(range(rank), key=lambda axis: axis < len(parts) and parts[axis] == -1)


def usual(op: Op, inputs: tuple[Known | None, ...], axis: int, rank: int) -> int | None:
    """The size of an axis that is padded, scaled or repeated nobody knows how: as it was, unless 1 is repeated."""
    if op.domain or op.op_type not in (*_CONSERVING, "Pad", "Resize", "Tile") or inputs[0] is None:
        return None
    shape = inputs[0].type.shape or ()
    if op.op_type == "Squeeze":
        taken = (inputs[1].type.elements or 0) if len(inputs) > 1 and inputs[1] is not None else 0
        ones = [place for place, size in enumerate(shape) if size == 1][:taken]
        shape = tuple(size for place, size in enumerate(shape) if place not in ones)
    elif op.op_type == "Unsqueeze":
        shape = (*shape, *(1,) * (rank - len(shape)))
    elif op.op_type == "Reshape":
        return None
    size = shape[axis] if axis < len(shape) else None
    return size if size is not None and (size > 1 or op.op_type != "Tile") else None


def alike(op: Op, output: int, axis: int) -> tuple[str, ...]:
    """The names of the axes of an op's outputs that are as long as this one whatever the data are, in their order."""
    if op.domain:
        return ()
    if op.op_type == "TopK":
        places = [(other, axis) for other in (0, 1)]
    elif op.op_type == "Unique":
        found = op.attributes.get("axis", 0)
        # The first occurrences and the counts have one for each slice that is kept.
        places = [(0, found if isinstance(found, int) else 0), (1, 0), (3, 0)]
    else:
        return ()
    if (output, axis) not in places:
        return ()
    return tuple(f"{op.outputs[other]}.{at}" for other, at in places if other < len(op.outputs) and op.outputs[other])


def stated_beside(
    op: Op, inputs: tuple[Known | None, ...], output: int, axis: int, stated: Mapping[str, int]
) -> int | None:
    """The size of an axis that follows from what is stated of another output of the op."""
    if op.op_type == "Split" and not op.domain and axis == op.attributes.get("axis", 0):
        return _rest_of_split(op, inputs, output, axis, stated)
    return next((stated[label] for label in alike(op, output, axis) if label in stated), None)


def refuse_unlike(path: str, label: str, key: str, op: Op, output: int, axis: int, stated: Mapping[str, int]) -> None:
    """Raises UsageError where another size is stated of an axis of the op's outputs that is as long as this one."""
    for other in alike(op, output, axis):
        if stated.get(other, stated[label]) != stated[label]:
            raise UsageError(
                f"{path}: found --dim {shown(other)}={stated[other]} and {shown(label)}={stated[label]}, but node "
                f"{key} makes both of one length; drop or correct one of them"
            )


def _rest_of_split(
    op: Op, inputs: tuple[Known | None, ...], output: int, axis: int, stated: Mapping[str, int]
) -> int | None:
    """What is left of a Split where every other part is stated."""
    kind = inputs[0].type if inputs[0] is not None else None
    others = [stated.get(f"{name}.{axis}") for place, name in enumerate(op.outputs) if place != output]
    if kind is None or axis not in kind.known_axes() or None in others or "" in op.outputs:
        return None
    whole = (kind.shape or ())[axis]
    left = (whole or 0) - sum(size or 0 for size in others)
    return left if left >= 0 else None


def refuse_no_multiple(
    path: str, label: str, stated: int, key: str, op: Op, inputs: tuple[Known | None, ...], axis: int
) -> None:
    """Raises UsageError where a Tile can't be so long."""
    kind = inputs[0].type if op.op_type == "Tile" and not op.domain and inputs[0] is not None else None
    if kind is None or kind.shape is None or axis not in kind.known_axes():
        return
    size = kind.shape[axis]
    if size and stated % size:
        raise UsageError(
            f"{path}: --dim {shown(label)}: found {stated}, but node {key} makes it a multiple of {size}; correct it"
        )


def refuse_other_elements(
    path: str, label: str, key: str, op: Op, inputs: tuple[Known | None, ...], shape: list[int | None]
) -> None:
    """Raises UsageError where a view has other elements than what it is a view of."""
    kind = inputs[0].type if op.op_type in _CONSERVING and not op.domain and inputs[0] is not None else None
    sizes = [size for size in shape if size is not None]
    if kind is None or not kind.is_sure or not kind.is_known or len(sizes) < len(shape):
        return
    if product(sizes) != kind.elements:
        raise UsageError(
            f"{path}: --dim {shown(label)}: found a shape {sizes}, but node {key} makes it of {kind.elements} "
            "elements; correct it"
        )


def room(op: Op, inputs: tuple[Known | None, ...], shape: list[int | None]) -> tuple[int, int] | None:
    """(elements, open axes) that are left of a view whose other axes have a size; None where they don't divide."""
    elements = inputs[0].type.elements if inputs and inputs[0] is not None else None
    rest = product(size for size in shape if size is not None)
    if op.op_type not in _CONSERVING or op.domain or not elements or not rest or elements % rest:
        return None
    return elements // rest, shape.count(None)


def rows_of_reshape(op: Op, inputs: Sequence[Known | None]) -> tuple[int, int] | None:
    """(elements, those of one row) of a Reshape that makes as many rows as there are; None where it makes none."""
    target = elements_of(inputs[1]) if op.op_type == "Reshape" and not op.domain and len(inputs) > 1 else None
    elements = inputs[0].type.elements if inputs and inputs[0] is not None else None
    parts = [] if target is None else target.reshape(-1).tolist()
    sizes = [part for part in parts if isinstance(part, int) and part > 0]
    return (elements, product(sizes)) if elements and -1 in parts and len(sizes) == len(parts) - 1 else None


def is_opaque(known: Known | None) -> bool:
    """Whether nothing tells the size of an operand, so that what comes out of it has no name of its own."""
    return known is not None and known.type.container == "tensor" and not known.type.is_known


def data_decide(op: Op, inputs: tuple[Known | None, ...]) -> bool:
    """Whether what an op takes sizes, indices or axes from is more than stored values."""
    position = position_of_target(op.op_type, op.domain)
    if op.op_type == "Range" and not op.domain:
        deciding = inputs
    else:
        deciding = inputs[1:] or inputs if position is None else inputs[position : position + 1]
    return max((known.origin for known in deciding if known is not None), default=DATA) != CONSTANT


def is_huge(known: Known | None) -> bool:
    """Whether an operand has sizes that 32 bits don't hold: then it is they that leave a size open, not the data."""
    if known is None:
        return False
    sizes = [dim for dim in known.type.shape or () if dim is not None]
    if known.value is not None and known.value.dtype.kind in "iu":
        sizes += known.value.reshape(-1)[:_LONGEST_SHAPE].tolist()
    return max(map(abs, sizes), default=0) >= _HUGE


def symbol_of(scope: Scope, name: str, axis: int) -> str:
    """What the file declares an axis to be called; "" where it gives no name."""
    declared = scope.graph.declared.get(name)
    symbols = () if declared is None or declared.symbols is None else declared.symbols
    symbol = symbols[axis] if axis < len(symbols) else None
    return symbol if isinstance(symbol, str) else ""


def whole(known: Known | None) -> int | None:
    """The one whole number that an operand is."""
    value = None if known is None else known.value
    return int(value.reshape(-1)[0]) if value is not None and value.size == 1 and value.dtype.kind in "iu" else None
