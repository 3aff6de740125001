"""Node data for Model Explorer: the device of each node, or its time, as a column and as colours on the graph.

A file is one column: a graph's name to the values of its nodes. The ONNX adapter names a node by the node's name,
`<node_I>` where it has none, and a graph by the name in the file.
Source: `ModelNodeData` of ai-edge-model-explorer 0.1.34, the adapter of model-explorer-onnx 0.4.2.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from onnx_roofline.analysis.analyze import Analysis
from onnx_roofline.ir.records import TypedOp
from onnx_roofline.report.colours import DEVICE_COLOURS
from onnx_roofline.report.encoding import encode_indented
from onnx_roofline.report.node_figures import Figure, NodeFigures

# From the least to the most of what a column shows: light to dark blue, so that a print in grey keeps the order.
_GRADIENT = ({"stop": 0, "bgColor": "#EFF3FF"}, {"stop": 1, "bgColor": "#2171B5"})


def write_devices(analysis: Analysis) -> Iterator[str]:
    """Which device the nodes of the main graph run on, in the devices' colours."""
    colours = dict(zip((device.slug for device in analysis.system.devices), DEVICE_COLOURS, strict=False))
    entries = {
        node: {"value": device, "bgColor": colours[str(device)], "textColor": "#FFFFFF"}
        for node, device in _figures(analysis, "placement").items()
    }
    yield _column(analysis, {"name": "placement", "results": entries})


def write_times(analysis: Analysis) -> Iterator[str]:
    """Seconds of each kernel of the main graph, at its root."""
    entries = {node: {"value": time} for node, time in _figures(analysis, "time_s").items()}
    yield _column(analysis, {"name": "time_s", "results": entries, "gradient": _GRADIENT})


def _column(analysis: Analysis, column: Mapping[str, Any]) -> str:
    return encode_indented({analysis.model.graph.name: column})


def _figures(analysis: Analysis, name: str) -> dict[str, Figure]:
    """One figure of the nodes that have it, by Model Explorer's names of them."""
    figures = NodeFigures(analysis)
    rows = {
        row.op.name or f"<node_{row.op.index}>": figures.of(key)
        for key, row in analysis.model.column(TypedOp).items()
        if not row.scope and not row.op.is_inserted
    }
    return {node: row[name] for node, row in rows.items() if name in row}
