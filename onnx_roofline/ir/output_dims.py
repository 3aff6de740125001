"""Dims that only outputs name: what the user states of one is a size of an axis that the ops make."""

import re

from onnx_roofline.ir.graph import Graph

_NAME = re.compile(r"[^\W\d]\w*")


def dims_of_outputs(graph: Graph) -> dict[str, tuple[str, ...]]:
    """The axes, TENSOR.AXIS, of each dim that outputs declare and no input has, alone or in an expression."""
    own = {symbol for one in graph.inputs for symbol in one.symbols or () if isinstance(symbol, str)}
    own.update(name for symbol in tuple(own) for name in _NAME.findall(symbol))
    found: dict[str, tuple[str, ...]] = {}
    for output in graph.outputs:
        for axis, symbol in enumerate(output.symbols or ()):
            if isinstance(symbol, str) and symbol not in own:
                found[symbol] = (*found.get(symbol, ()), f"{output.name}.{axis}")
    return found
