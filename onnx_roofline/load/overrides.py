"""Sizes that the file fixes and the user overrides: a model that was exported for one image, run with eight."""

from collections.abc import Mapping

from msgspec import Struct

from onnx_roofline.ir.graph import GraphInput
from onnx_roofline.load.uses import STATE_NAME, InputUses

# The name that `--dim` takes for the batch of a file that fixes it.
BATCH = "batch"


class Override(Struct, frozen=True):
    """A fixed size of one axis of an input that is another by an option; `key` is the name of the option's dim."""

    key: str
    input: str
    axis: int
    fixed: int
    size: int


def overrides(
    inputs: tuple[GraphInput, ...],
    dims: Mapping[str, int],
    input_shapes: Mapping[str, tuple[int, ...]],
    uses: InputUses,
) -> tuple[Override, ...]:
    """What the options override, each axis once; a size that is repeated overrides nothing."""
    found: dict[tuple[str, int], Override] = {}
    batch = dims.get(BATCH)
    if batch is not None:
        for graph_input, axis, size in fixed_batches(inputs, uses):
            found[graph_input.name, axis] = Override(BATCH, graph_input.name, axis, size, batch)
    for graph_input in inputs:
        shape = input_shapes.get(graph_input.name, ())
        for axis, fixed in enumerate(graph_input.symbols or ()):
            key = f"{graph_input.name}.{axis}"
            wanted = dims.get(key, shape[axis] if axis < len(shape) else None)
            if isinstance(fixed, int) and wanted is not None:
                found[graph_input.name, axis] = Override(key, graph_input.name, axis, fixed, wanted)
    return tuple(one for one in found.values() if one.fixed != one.size)


def fixed_batches(inputs: tuple[GraphInput, ...], uses: InputUses) -> tuple[tuple[GraphInput, int, int], ...]:
    """(input, axis, size) of the batch of every input, where the file fixes it and gives it no name.

    Inputs whose first axis has another size than the first one's batch have none.
    """
    found: list[tuple[GraphInput, int, int]] = []
    for graph_input in inputs:
        symbols = graph_input.symbols
        if symbols is None or graph_input.type.container != "tensor" or not symbols:
            continue
        axis = _batch_axis(graph_input, symbols, uses)
        size = symbols[axis]
        if not isinstance(size, int):
            # The file has a dim for the batch, by another name.
            return ()
        if not found or found[0][2] == size:
            found.append((graph_input, axis, size))
    return tuple(found)


def _batch_axis(graph_input: GraphInput, symbols: tuple[int | str | None, ...], uses: InputUses) -> int:
    rank = len(symbols)
    told = next((axis for axis in range(rank) if uses.is_of(graph_input.name, axis, rank, "batch")), None)
    if told is not None:
        return told
    return 1 if rank == 3 and STATE_NAME.search(graph_input.name) else 0
