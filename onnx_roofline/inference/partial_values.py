"""Values of small whole-number tensors of which some elements are sure and others are not.

`Concat(1, 64, n)` is sure in two places whatever `n` is, and one `n` in two shapes is one length. An element is an int,
or an `Unsure`: a number under an assumption, or nothing but where it comes from.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from onnx_roofline.inference.constant_values import SHAPE_OPS, evaluator_of
from onnx_roofline.ir.graph import Op, TensorType

if TYPE_CHECKING:
    from onnx_roofline.inference.scope import Known
    from onnx_roofline.ir.graph import Array

# Elements of a tensor that are followed one by one; shapes have a rank of at most 64.
_FOLLOWED = 64


class Unsure(Struct, frozen=True):
    """One element: `number` under an assumption (None: none was made), and `source`, which is the same where it is."""

    number: int | None
    source: str


# Ops that hand elements on, with the operands that hold them; the other operands say where each goes.
_MOVES: Mapping[str, tuple[int, ...] | None] = {
    "Concat": None, "Expand": (0,), "Gather": (0,), "Identity": None, "Reshape": (0,), "Slice": (0,), "Squeeze": (0,),
    "Transpose": (0,), "Unsqueeze": (0,), "Cast": (0,),
}  # fmt: skip


def _quotient(a: int, b: int) -> int:
    """Rounded towards zero, as the standard has it."""
    return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


# Ops whose result is element by element that of their operands.
_ELEMENTWISE: Mapping[str, Callable[..., int]] = {
    "Add": lambda a, b: a + b, "Sub": lambda a, b: a - b, "Mul": lambda a, b: a * b, "Div": _quotient,
    "Mod": lambda a, b: a % b, "Max": max, "Min": min, "Neg": lambda a: -a, "Abs": abs, "Equal": lambda a, b: a == b,
    "Less": lambda a, b: a < b, "Greater": lambda a, b: a > b, "LessOrEqual": lambda a, b: a <= b,
    "GreaterOrEqual": lambda a, b: a >= b, "And": lambda a, b: a and b, "Or": lambda a, b: a or b,
    "Not": lambda a: not a, "Where": lambda c, a, b: a if c else b,
}  # fmt: skip
# The operand that leaves the other one as it is; of Sub and Div only the second can.
_NEUTRAL: Mapping[str, int] = {"Add": 0, "Sub": 0, "Mul": 1, "Div": 1}
_WHOLE = ("int64", "int32", "bool")


def is_unsure(known: "Known | None") -> bool:
    """Whether a value is known under an assumption only."""
    return known is not None and known.value is not None and known.partial is not None


def elements_of(known: "Known | None") -> "Array | None":
    """Element by element what is known of a small whole-number tensor, in an array of objects."""
    if known is None or known.type.dtype not in _WHOLE or known.type.container != "tensor":
        return None
    if known.partial is not None:
        return known.partial
    if known.value is not None:
        return known.value.astype(object) if known.value.size <= _FOLLOWED else None
    elements = known.type.elements
    if not known.token or elements is None or elements > _FOLLOWED or not known.type.is_sure:
        return None
    return as_elements([Unsure(None, f"{known.token}[{i}]") for i in range(elements)], known.type.dims)


def as_elements(parts: "Sequence[int | Unsure]", shape: tuple[int, ...]) -> "Array":
    """An array of objects."""
    import numpy as np

    found = np.empty(len(parts), object)
    for index, part in enumerate(parts):
        found[index] = part
    return found.reshape(shape)


def numbers_of(partial: "Array") -> tuple[int | None, ...]:
    """Its elements in order, with the numbers that are assumed; None for one that is not known."""
    return tuple(part.number if isinstance(part, Unsure) else int(part) for part in partial.reshape(-1).tolist())


def sure_numbers_of(partial: "Array") -> tuple[int | None, ...]:
    """Its elements in order; None for one that is assumed or not known."""
    return tuple(None if isinstance(part, Unsure) else int(part) for part in partial.reshape(-1).tolist())


def settled(partial: "Array", dtype: str) -> "tuple[Array | None, Array | None]":
    """(value, partial): the value where each element has a number, no partial value where each is sure."""
    import numpy as np

    numbers = numbers_of(partial)
    value = None
    if None not in numbers:
        try:
            value = np.asarray(numbers, dtype).reshape(partial.shape)
        except OverflowError:
            value = None
    return value, partial if any(isinstance(part, Unsure) for part in partial.reshape(-1).tolist()) else None


def all_unsure(value: "Array", token: str) -> "Array":
    """The elements of a value that was computed under an assumption."""
    import numpy as np

    parts = np.empty(value.shape, object)
    for index in np.ndindex(value.shape):
        parts[index] = Unsure(value[index].item(), f"{token}{list(index)}")
    return parts


def partial_outputs(
    op: Op, inputs: "Sequence[Known | None]", outputs: Sequence[TensorType], token: str
) -> "list[Array | None]":
    """The elements of each output, where some operand is sure in parts; None where nothing tells them apart.

    `token` begins the sources of elements that are computed.
    """
    none: list[Array | None] = [None] * len(outputs)
    if op.domain or not outputs or outputs[0].dtype not in _WHOLE or not outputs[0].is_known:
        return none
    if op.op_type in SHAPE_OPS:
        return [_of_shape(op, inputs[0]), *none[1:]]
    if (outputs[0].elements or 0) > _FOLLOWED:
        return none
    try:
        if op.op_type == "Split":
            return _split(op, inputs[0], outputs)
        found = _moved(op, inputs) if op.op_type in _MOVES else _computed(op, inputs, token)
    except (ValueError, IndexError, TypeError, KeyError):
        return none
    return [found if found is not None and found.shape == outputs[0].dims else None, *none[1:]]


def _split(op: Op, known: "Known | None", outputs: Sequence[TensorType]) -> "list[Array | None]":
    import numpy as np

    parts, axis = elements_of(known), op.attributes.get("axis", 0)
    if parts is None or not isinstance(axis, int) or not all(kind.is_known and kind.is_sure for kind in outputs):
        return [None] * len(outputs)
    ends = np.cumsum([kind.dims[axis] for kind in outputs])
    return list(np.split(parts, ends[:-1], axis=axis)) if ends[-1] == parts.shape[axis] else [None] * len(outputs)


def _of_shape(op: Op, known: "Known | None") -> "Array | None":
    import numpy as np

    kind = None if known is None else known.type
    if op.op_type != "Shape" or known is None or kind is None or kind.container != "tensor":
        return None
    if kind.shape is None or kind.sure_axes is None or len(kind.shape) > _FOLLOWED:
        return None
    sure = kind.known_axes()
    parts = np.empty(len(kind.shape), object)
    for axis, dim in enumerate(kind.shape):
        # A bound is no number to compute with; an assumed size is.
        number = dim if kind.exact else None
        parts[axis] = dim if axis in sure else Unsure(number, f"{known.token}.{axis}")
    start, end = op.attributes.get("start", 0), op.attributes.get("end", len(kind.shape))
    return parts[slice(start, end)] if isinstance(start, int) and isinstance(end, int) else None


def _moved(op: Op, inputs: "Sequence[Known | None]") -> "Array | None":
    held = _MOVES[op.op_type]
    evaluator = evaluator_of("Identity" if op.op_type == "Cast" else op.op_type)
    operands: list[Any] = []
    for position, known in enumerate(inputs):
        if held is None or position in held:
            operands.append(elements_of(known))
        else:
            operands.append(None if known is None or known.partial is not None else known.value)
        if operands[-1] is None and known is not None:
            return None
    return _as_objects(evaluator({**op.attributes, "_version": op.version}, operands))


def _computed(op: Op, inputs: "Sequence[Known | None]", token: str) -> "Array | None":
    """Element by element: sure where all of its operands are, else named after the op's output."""
    import numpy as np

    if op.op_type not in _ELEMENTWISE:
        return None
    operands = [elements_of(known) for known in inputs]
    given = [operand for operand in operands if operand is not None]
    if len(given) < len(operands):
        return None
    arrays = np.broadcast_arrays(*given)
    parts = np.empty(arrays[0].shape, object)
    for index in np.ndindex(parts.shape):
        parts[index] = _combined(op.op_type, [array[index] for array in arrays], f"{token}{list(index)}")
    return parts


def _combined(op_type: str, parts: list[Any], source: str) -> "int | Unsure":
    unsure = [part for part in parts if isinstance(part, Unsure)]
    if not unsure:
        return int(_ELEMENTWISE[op_type](*parts)) if op_type not in ("Div", "Mod") or parts[1] else Unsure(None, source)
    if op_type == "Where" and not isinstance(parts[0], Unsure):
        picked: int | Unsure = parts[1 if parts[0] else 2]
        return picked
    if len(parts) == 2 and len(unsure) == 1:
        other = parts[0] if isinstance(parts[1], Unsure) else parts[1]
        if op_type == "Equal" and other < 0:
            # A size is never the negative number that marks "keep this dim".
            return 0
        if op_type == "Mul" and other == 0:
            return 0
        if other == _NEUTRAL.get(op_type) and (op_type in ("Add", "Mul") or unsure[0] is parts[0]):
            return unsure[0]
    numbers = [part.number if isinstance(part, Unsure) else part for part in parts]
    if None in numbers or (op_type in ("Div", "Mod") and not numbers[1]):
        return Unsure(None, source)
    return Unsure(int(_ELEMENTWISE[op_type](*numbers)), source)


def _as_objects(result: Any) -> "Array":
    import numpy as np

    if isinstance(result, np.ndarray):
        return result
    found = np.empty((), object)
    found[()] = result
    return found
