"""What a run handles: how many items are in its batch, and how many images or tokens that is."""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from onnx_roofline.ir.graph import GraphInput, Model
from onnx_roofline.load import DimOptions, ParsedModel, bind, fixed_batch_axes

Unit = Literal["image", "token", "item"]
# Channels of an image, in either layout.
_CHANNELS = (1, 3, 4)
# What names of token ids have in them, and those of inputs beside them.
_IDS, _BESIDE = ("id", "token"), ("mask", "position", "type")


class Items(Struct, frozen=True):
    """Which input tells how much a run handles: `input` with the axis of its batch, and what is counted there.

    Tokens are all elements of an integer input, or batch x sequence of another one; images and items are the batch.
    """

    input: str
    axis: int
    unit: Unit
    sequence: int | None = None

    def batch(self, model: Model) -> int:
        """Items in one run."""
        return _dims(model, self.input)[self.axis]

    def count(self, model: Model) -> int:
        """Images, tokens or items in one run."""
        dims = _dims(model, self.input)
        return dims[self.axis] if self.sequence is None else dims[self.axis] * dims[self.sequence]


def _dims(model: Model, name: str) -> tuple[int, ...]:
    return next(one.type.dims for one in model.graph.inputs if one.name == name)


def find_items(parsed: ParsedModel, states_batch: bool = False) -> Items | None:
    """What a run of a model handles; None where no input has a batch.

    A first axis that the file fixes to more than 1 may be a graph's nodes: it is a batch where the user states one.
    """
    found = _batch_axes(parsed, states_batch)
    ids = [(one, axis) for one, axis in found if _holds_ids(one)]
    for one, axis in sorted(ids, key=lambda pair: not any(word in pair[0].name.lower() for word in _IDS)):
        return Items(one.name, axis, "token", 1 - axis)
    for one, axis in found:
        symbols = one.symbols or ()
        if len(symbols) == 4 and {symbols[1], symbols[3]} & set(_CHANNELS):
            return Items(one.name, axis, "image")
    kinds = _kinds(parsed)
    for one, axis in found:
        for place, symbol in enumerate(one.symbols or ()):
            if place != axis and kinds.get(symbol) == "sequence":
                return Items(one.name, axis, "token", place)
    return Items(found[0][0].name, found[0][1], "item") if found else None


def _kinds(parsed: ParsedModel) -> Mapping[int | str | None, str]:
    """The class of each open dim: `batch`, `sequence` ..."""
    return {name: dim.reason.partition(":")[0] for name, dim in bind(parsed, DimOptions({}, {})).dims.items()}


def _batch_axes(parsed: ParsedModel, states_batch: bool) -> list[tuple[GraphInput, int]]:
    """The inputs with a batch and its axis there."""
    kinds = _kinds(parsed)
    found = [
        (one, axis)
        for one in parsed.graph.inputs
        if one.name not in parsed.graph.stored
        for axis, symbol in enumerate(one.symbols or ())
        if kinds.get(f"{one.name}.{axis}" if symbol is None else symbol) == "batch"
    ]
    return found or [(one, axis) for one, axis, size in fixed_batch_axes(parsed) if size == 1 or states_batch]


def _holds_ids(one: GraphInput) -> bool:
    """Whether an input holds the ids of tokens: integers by batch and sequence, and no mask or position."""
    is_integer = one.type.dtype in ("int32", "int64") and len(one.symbols or ()) == 2
    return is_integer and not any(word in one.name.lower() for word in _BESIDE)
