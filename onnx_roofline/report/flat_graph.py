"""The main graph with flat figures on nodes and edges, for formats that know no nested values."""

import re
from typing import TYPE_CHECKING

from onnx_roofline.analysis.analyze import Analysis
from onnx_roofline.ir.graph import TensorType, op_reads
from onnx_roofline.ir.records import TypedOp
from onnx_roofline.report.node_figures import NodeFigures

if TYPE_CHECKING:
    import networkx as nx

# What XML 1.0 has no character for.
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def flat_graph(analysis: Analysis) -> "nx.MultiDiGraph[str]":
    """Node = row id, with its label and figures; edge key = tensor name, with its type and bytes."""
    import networkx as nx

    rows = {key: row for key, row in analysis.model.column(TypedOp).items() if not row.scope}
    figures = NodeFigures(analysis)
    graph = nx.MultiDiGraph(name=plain(analysis.model.graph.name))
    makers: dict[str, tuple[str, TensorType]] = {}
    for key, row in rows.items():
        names = {"name": plain(row.op.name), "op_type": plain(row.op.qualified_type), "module": plain(row.op.module)}
        graph.add_node(key, **names, **figures.of(key))
        makers.update((name, (key, kind)) for name, kind in zip(row.op.outputs, row.outputs, strict=True) if name)
    for key, row in rows.items():
        for name in dict.fromkeys(op_reads(row.op)):
            if name in makers:
                maker, kind = makers[name]
                size = {} if kind.bytes is None else {"bytes": kind.bytes}
                graph.add_edge(maker, key, key=plain(name), tensor=plain(name), type=str(kind), **size)
    return graph


def plain(name: str) -> str:
    """A name without the characters that XML can't hold, each as its number."""
    return _NO_XML.sub(lambda found: f"\\x{ord(found[0]):02x}", name)
