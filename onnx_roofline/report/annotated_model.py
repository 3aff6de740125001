"""The model's own file with what was found out on its nodes: `metadata_props`, which Netron and Model Explorer show."""

import os
from collections.abc import Mapping, Sequence

from msgspec import Struct

from onnx_roofline.analysis.analyze import Analysis
from onnx_roofline.base.errors import UsageError
from onnx_roofline.ir.graph import Graph, Model, nested_graphs
from onnx_roofline.ir.records import TypedOp
from onnx_roofline.load import is_mlir
from onnx_roofline.load.splice import GraphEntries, NodeEntries, spliced
from onnx_roofline.report.device_map import LAYER_KEY
from onnx_roofline.report.files import refuse_inputs, write_atomically
from onnx_roofline.report.node_figures import NodeFigures

# Every key begins so; what an earlier run wrote is replaced.
PREFIX = "onnx_roofline."
# The graph or function that a node is in and its index there: ("",), ("", 3, "body") or ("domain::f",).
_Place = tuple[str | int, ...]


class Annotated(Struct, frozen=True):
    """How many nodes of the file there are, and how many of them say something."""

    nodes: int
    annotated: int


def write_annotated(analysis: Analysis, path: str, *, layers: bool = False) -> Annotated:
    """Write the file that was analysed to `path` with metadata on its nodes, and nothing else changed.

    With `layers`, the device of a node is also its layer annotation for onnxruntime. A node whose figures differ by the
    call of the function that it is in says nothing. Raises UsageError where `path` is an input, or lies where external
    weights would not be found.
    """
    model = analysis.model
    if is_mlir(model.info.path):
        raise UsageError("annotate: it writes metadata of an .onnx file; of MLIR, analyze --mlir writes the figures")
    refuse_inputs(path, (model.info.path, *external_files(model)))
    _refuse_other_folder(model, path)
    entries = _Entries(analysis, layers)
    graph = entries.graph(model.graph, ("",))
    functions = [entries.graph(function.graph, (key,)) for key, function in model.functions.items()]
    prefixes = (PREFIX, LAYER_KEY) if layers else (PREFIX,)
    write_atomically(path, spliced(model.info.path, model.info.file_bytes, prefixes, graph, functions))
    return Annotated(entries.nodes, entries.annotated)


def external_files(model: Model) -> list[str]:
    """Paths of the files that hold weights beside the model, each once."""
    graphs = nested_graphs((model.graph, *(function.graph for function in model.functions.values())))
    places = [stored.alias[0] for graph in graphs for stored in graph.stored.values() if stored.alias is not None]
    folder = os.path.dirname(model.info.path)
    return [os.path.join(folder, place) for place in dict.fromkeys(places)]


def _refuse_other_folder(model: Model, path: str) -> None:
    """Raise if weights outside the file, which are found from its folder, would be lost."""
    here, there = (os.path.realpath(os.path.dirname(os.path.abspath(name))) for name in (model.info.path, path))
    files = [name for name in external_files(model) if os.path.lexists(name)]
    if files and here != there:
        raise UsageError(
            f"{path}: the weights in {os.path.basename(files[0])!r} are found from the folder of the model; "
            f"wanted a file in {here}"
        )


class _Entries:
    """What each node of the file says, graph by graph; counts the nodes on the way."""

    def __init__(self, analysis: Analysis, layers: bool) -> None:
        self._layers = layers
        self._figures = NodeFigures(analysis)
        self._rows = _rows_by_place(analysis.model)
        self.nodes = self.annotated = 0

    def graph(self, graph: Graph, place: _Place) -> GraphEntries:
        """The nodes of a graph with those of its bodies; as deep as the limit of nesting."""
        found = {}
        for op in graph.ops:
            if op.is_inserted:
                continue
            here = (*place, op.index)
            keys = self._rows.get(here, ())
            pairs = self._pairs(keys[0]) if len(keys) == 1 else ()
            bodies = {attribute: self.graph(body, (*here, attribute)) for attribute, body in op.bodies.items()}
            found[op.index] = NodeEntries(op.op_type, pairs, bodies)
            self.nodes += 1
            self.annotated += bool(pairs)
        return found

    def _pairs(self, key: str) -> tuple[tuple[str, str], ...]:
        figures = self._figures.of(key)
        layer = ((LAYER_KEY, str(figures["placement"])),) if self._layers and "placement" in figures else ()
        return (*((PREFIX + name, str(value)) for name, value in figures.items()), *layer)


def _rows_by_place(model: Model) -> Mapping[_Place, Sequence[str]]:
    """Row ids by the node that they are of; a node of a function has one for each signature of its calls."""
    rows = model.column(TypedOp)
    around: dict[str, tuple[str, _Place]] = {}
    for row in rows.values():
        for body in row.bodies:
            inside = (row.op.function,) if row.op.function is not None else (row.op.index, body.attribute)
            around[body.scope] = (row.scope, inside)
    found: dict[_Place, list[str]] = {}
    for key, row in rows.items():
        found.setdefault((*_place(row.scope, around), row.op.index), []).append(key)
    return found


def _place(scope: str, around: Mapping[str, tuple[str, _Place]]) -> _Place:
    parts: list[_Place] = []
    while scope:
        scope, inside = around[scope]
        parts.append(inside)
        if len(inside) == 1:
            break
    else:
        parts.append(("",))
    return tuple(step for inside in reversed(parts) for step in inside)
