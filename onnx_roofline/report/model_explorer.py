"""Node data for Model Explorer: figures in columns and colours on the graph.

Its ONNX adapter names a node by the node's name, `<node_I>` where it has none, and a graph by the name in the file.
Source: `NodeDataProviderData` of ai-edge-model-explorer 0.1.34, the adapter of model-explorer-onnx 0.4.2.
"""

from collections.abc import Callable, Iterator
from typing import Any

from onnx_roofline.analysis.analyze import Analysis
from onnx_roofline.ir.records import TypedOp
from onnx_roofline.report.colours import DEVICE_COLOURS
from onnx_roofline.report.encoding import encode_indented
from onnx_roofline.report.node_figures import Figure, NodeFigures

# From the least to the most of what a column shows: light to dark blue, so that a print in grey keeps the order.
_GRADIENT = ({"stop": 0, "bgColor": "#EFF3FF"}, {"stop": 1, "bgColor": "#2171B5"})
_NUMBERS = ("time_s", "flops", "moved_bytes", "intensity_flops_per_byte")


def write_model_explorer(analysis: Analysis) -> Iterator[str]:
    """The data of the main graph: one entry a figure, each with the nodes that have it."""
    model, figures = analysis.model, NodeFigures(analysis)
    found = {
        row.op.name or f"<node_{row.op.index}>": figures.of(key)
        for key, row in model.column(TypedOp).items()
        if not row.scope
    }
    colours = dict(zip((device.slug for device in analysis.system.devices), DEVICE_COLOURS, strict=True))
    columns = {"placement": _column(found, "placement", lambda value: {"value": value, "bgColor": colours[str(value)],
                                                                      "textColor": "#FFFFFF"})}  # fmt: skip
    for name in _NUMBERS:
        columns[name] = {**_column(found, name, lambda value: {"value": value}), "gradient": _GRADIENT}
    yield encode_indented({name: {model.graph.name: column} for name, column in columns.items()})


def _column(
    found: dict[str, dict[str, Figure]], name: str, entry: Callable[[Figure], dict[str, Any]]
) -> dict[str, Any]:
    return {"name": name, "results": {node: entry(row[name]) for node, row in found.items() if name in row}}
