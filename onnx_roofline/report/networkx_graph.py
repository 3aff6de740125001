"""The main graph as networkx has it, with every figure of the JSON's node records."""

import json
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from onnx_roofline.analysis.analyze import Analysis
from onnx_roofline.report.encoding import encode
from onnx_roofline.report.graph_records import GraphRecords

if TYPE_CHECKING:
    import networkx


def to_networkx(analysis: Analysis) -> "networkx.MultiDiGraph":
    """A node an op by its id, in order, and an edge for each tensor that one hands to another, by the tensor's name.

    It equals `networkx.node_link_graph(document["graph"], edges="edges")` of the JSON: bodies of control flow are node
    attributes with graphs of the same form.
    """
    import networkx

    rows = GraphRecords(analysis)
    graph = networkx.MultiDiGraph(name=analysis.model.graph.name)
    for node in rows.nodes(""):
        attributes = _plain(node)
        graph.add_node(attributes.pop("id"), **attributes)
    graph.add_edges_from((edge.source, edge.target, edge.key) for edge in rows.edges(""))
    return graph


def _plain(record: Struct) -> dict[str, Any]:
    """The record as the JSON has it, by the same encoder."""
    found: dict[str, Any] = json.loads(encode(record))
    return found
