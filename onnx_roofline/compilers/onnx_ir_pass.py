"""The analysis as a pass of onnx_ir, for pipelines of onnxscript and others: nodes get their figures as metadata."""

from collections.abc import Iterator, Mapping
from typing import Any

import onnx_ir
from onnx_ir import passes

from onnx_roofline.analysis.analyze import Analysis, analyze
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.compilers.rows import joined
from onnx_roofline.ir.records import TypedOp
from onnx_roofline.report.annotations import PREFIX, model_annotations
from onnx_roofline.report.node_figures import Figure, NodeFigures


class RooflinePass(passes.InPlacePass):
    """Writes `onnx_roofline.*` entries into the `metadata_props` of the model and of each node, and nothing else.

    Options have the names of the settings: `RooflinePass(system="a100-attacc", dims={"batch": 8})`.
    Raises UsageError where one can't be used; what the analysis refuses is the cause of onnx_ir's PassError.
    """

    def __init__(self, **options: Any) -> None:
        self.settings = Settings(**options)

    def call(self, model: onnx_ir.Model) -> passes.PassResult:
        """The model, whose weights are not read."""
        analysis = analyze(model, self.settings)
        figures = NodeFigures(analysis)
        rows = ((node, figures.of(key)) for key, node in _nodes(analysis, model))
        for node, found in joined(rows).items():
            node.metadata_props.update(_texts(found))
        model.metadata_props.update(_texts(model_annotations(analysis)))
        return passes.PassResult(model, modified=True)


def _nodes(analysis: Analysis, model: onnx_ir.Model) -> Iterator[tuple[str, onnx_ir.Node]]:
    """Every row with its node: rows are in the order of the nodes, and name the graphs that they run."""
    scopes: dict[str, list[str]] = {}
    rows = analysis.model.column(TypedOp)
    for key, row in rows.items():
        scopes.setdefault(row.scope, []).append(key)
    functions = {_key(*identifier): function for identifier, function in model.functions.items()}
    pending: list[tuple[str, Any]] = [("", model.graph)]
    while pending:
        scope, graph = pending.pop()
        nodes = list(graph)
        for key in scopes.get(scope, ()):
            row = rows[key]
            if row.op.is_inserted:
                continue
            node = nodes[row.op.index]
            yield key, node
            for body in row.bodies:
                inner = functions[row.op.function] if row.op.function else node.attributes[body.attribute].as_graph()
                pending.append((body.scope, inner))


def _key(domain: str, name: str, overload: str) -> str:
    """A function's key as the model has it."""
    key = f"{'' if domain == 'ai.onnx' else domain}::{name}"
    return f"{key}:{overload}" if overload else key


def _texts(figures: Mapping[str, Figure]) -> dict[str, str]:
    return {PREFIX + name: figure if isinstance(figure, str) else repr(figure) for name, figure in figures.items()}
