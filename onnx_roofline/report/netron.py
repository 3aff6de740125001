"""An attachment for Netron, which shows figures beside the properties of a node.

Netron finds a node by the first line of its name: nodes without one, or with one that several have, are left out.
Source: `metadata.Attachment` in Netron's source/view.js, version 9.3.3.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from onnx_roofline.analysis.analyze import Analysis
from onnx_roofline.ir.records import TypedOp
from onnx_roofline.report.encoding import encode
from onnx_roofline.report.node_figures import Figure, NodeFigures

# Figures that Netron would only repeat.
_LEFT_OUT = frozenset({"id", "role"})


def write_netron(analysis: Analysis) -> Iterator[str]:
    """The attachment, a metric a line."""
    rows, figures = analysis.model.column(TypedOp), NodeFigures(analysis)
    names = {key: row.op.name.split("\n")[0] for key, row in rows.items()}
    used = Counter(names.values())
    yield '{"signature":"netron:attachment","metadata":[],"metrics":[\n'
    before = ""
    for key, target in names.items():
        if not target or used[target] > 1:
            continue
        for name, value in figures.of(key).items():
            if name not in _LEFT_OUT:
                yield before + encode(_metric(target, name, value))
                before = ",\n"
    yield "\n]}\n"


def _metric(target: str, name: str, value: Figure) -> dict[str, Any]:
    kind = "string" if isinstance(value, str) else "int64" if isinstance(value, int) else "float64"
    return {"kind": "node", "target": target, "name": name, "value": value, "type": kind}
