"""Which device runs each node, in the form in which onnxruntime lists the assignment of a session.

Source: onnxruntime's `get_provider_graph_assignment_info`: subgraphs with the name of their execution provider and, of
each node, name, domain and op type; and its session option `session.layer_assignment_settings`.
"""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from onnx_roofline.analysis.analyze import Analysis
from onnx_roofline.analysis.timeline import timeline
from onnx_roofline.ir.records import Kernel, TypedOp
from onnx_roofline.report.encoding import encode_indented

# Key of the node metadata that onnxruntime's option matches; `annotate --layer-annotations` writes it.
LAYER_KEY = "layer_ann"
# What onnxruntime calls the kinds of device that an execution provider may run on.
_DESIGNATORS = {"gpu": "gpu", "cpu": "cpu", "pim": "accelerator"}


def write_device_map(analysis: Analysis) -> Iterator[str]:
    """One subgraph for each run of kernels on one device, in the order of the schedule."""
    kernels, rows = analysis.model.column(Kernel), analysis.model.column(TypedOp)
    spans = [span for span in timeline(analysis) if span.kind == "kernel"]
    subgraphs: list[dict[str, Any]] = []
    for device, run in groupby(spans, key=lambda span: span.device):
        keys = [key for span in run for key in kernels[span.kernel].members]
        nodes = [{"id": key, "name": rows[key].op.name, "domain": rows[key].op.domain, "op_type": rows[key].op.op_type}
                 for key in keys]  # fmt: skip
        subgraphs.append({"ep_name": device, "nodes": nodes})
    settings = layer_assignment(analysis)
    yield encode_indented({"session_options": {"session.layer_assignment_settings": settings}, "subgraphs": subgraphs})


def layer_assignment(analysis: Analysis) -> str:
    """onnxruntime's session option that sends nodes annotated with a device to the execution providers of its kind."""
    return "; ".join(f"{_DESIGNATORS[device.kind]}(={device.slug})" for device in analysis.system.devices)
