"""Models of a few nodes, written to a folder and analysed."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import onnx
from onnx import helper

from onnx_roofline.analysis.analyze import Analysis, analyze
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.ir.records import Kernel, Moved, Reuse, Traffic, TypedOp

Values = Mapping[str, tuple[int, Sequence[int]]]  # name -> (element type, shape)
GPU = "a100-sxm-80gb"


def save(
    folder: Path,
    nodes: Sequence[onnx.NodeProto],
    inputs: Values,
    outputs: Values,
    stored: Sequence[onnx.TensorProto] = (),
    opset: int = 21,
) -> Path:
    def infos(values: Values) -> list[onnx.ValueInfoProto]:
        return [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in values.items()]

    graph = helper.make_graph(nodes, "g", infos(inputs), infos(outputs), stored)
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
    path = folder / "m.onnx"
    path.write_bytes(helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString())
    return path


def analysed(path: Path, backend: str = "none", **settings: object) -> Analysis:
    return analyze(path, Settings(backend=backend, **{"system": "a100-attacc", **settings}))  # type: ignore[arg-type]


def traffic_of(analysis: Analysis, output: str) -> Traffic:
    """The traffic of the op that makes a tensor."""
    return analysis.model.column(Traffic)[key_of(analysis, output)]


def moved_of(analysis: Analysis, output: str, slug: str = GPU) -> Moved:
    """What the kernel moves whose op makes a tensor."""
    kernel = analysis.model.column(Kernel)[key_of(analysis, output)]
    return analysis.model.column(Reuse)[kernel.id].devices[slug]


def key_of(analysis: Analysis, output: str) -> str:
    return next(key for key, row in analysis.model.column(TypedOp).items() if output in row.op.outputs)
