"""Files of external data that a model names; they are never opened."""

import os

from onnx_roofline.ir.graph import Model, nested_graphs


def external_files(model: Model) -> tuple[str, ...]:
    """Paths of the files that hold weights of a model, there or not, in alphabetical order."""
    graphs = nested_graphs((model.graph, *(function.graph for function in model.functions.values())))
    names = {stored.alias[0] for graph in graphs for stored in graph.stored.values() if stored.alias is not None}
    folder = os.path.dirname(model.info.path)
    return tuple(os.path.join(folder, name) for name in sorted(names))
