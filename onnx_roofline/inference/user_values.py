"""What the user states of the values of integer inputs: how full a cache is, how long a sequence."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from onnx_roofline.base.errors import UsageError
from onnx_roofline.base.text import shown
from onnx_roofline.ir.graph import GraphInput, Model

if TYPE_CHECKING:
    from onnx_roofline.ir.graph import Array

# Inputs named in a message; a model has few of integers.
_SHOWN_INPUTS = 8


def stated_values(model: Model, values: Mapping[str, tuple[int, ...]], limit: int) -> "dict[str, Array]":
    """The value of each input that `--value NAME=...` states, as an array of its type; one number fills it.

    Raises UsageError for a name that is no integer input, and for numbers that do not fit its type or its shape.
    """
    inputs = {item.name: item for item in model.graph.inputs if item.name not in model.graph.stored}
    return {name: _array(model, inputs, name, numbers, limit) for name, numbers in values.items()}


def _array(model: Model, inputs: Mapping[str, GraphInput], name: str, numbers: tuple[int, ...], limit: int) -> "Array":
    import numpy as np

    item = inputs.get(name)
    integers = [one.name for one in inputs.values() if _is_integer(one)]
    if item is None:
        raise _refused(model, name, f"found no input of that name; {_listed(integers)}")
    if not _is_integer(item):
        raise _refused(model, name, f"found an input {item.type}, wanted one of integers; {_listed(integers)}")
    elements = item.type.elements
    if elements is None or elements > limit:
        raise _refused(model, name, f"found an input {item.type}, wanted at most {limit:,} elements (value_elements)")
    if len(numbers) not in (1, elements):
        wanted = "one number" if elements == 1 else f"one number, or {elements:,}"
        raise _refused(model, name, f"found {len(numbers):,} numbers for {item.type}, wanted {wanted}")
    held = np.iinfo(item.type.dtype)
    outside = [number for number in numbers if not held.min <= number <= held.max]
    if outside:
        raise _refused(model, name, f"found {outside[0]}, which {item.type.dtype} does not hold")
    filled = numbers * elements if len(numbers) == 1 else numbers
    return np.array(filled, item.type.dtype).reshape(item.type.dims)


def _is_integer(item: GraphInput) -> bool:
    return item.type.container == "tensor" and item.type.dtype in (
        "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"
    )  # fmt: skip


def _listed(names: list[str]) -> str:
    if not names:
        return "the file has no input of integers"
    more = f" and {len(names) - _SHOWN_INPUTS} more" if len(names) > _SHOWN_INPUTS else ""
    return "inputs of integers: " + ", ".join(map(shown, names[:_SHOWN_INPUTS])) + more


def _refused(model: Model, name: str, text: str) -> UsageError:
    return UsageError(f"{model.info.path}: --value {shown(name, quotes=False)}: {text}")
