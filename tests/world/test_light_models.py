"""The nine `light_*` models of the onnx package: published MACs, and the shapes of a real run."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from onnx_roofline.analysis.analyze import analyze
from onnx_roofline.ir.records import TypedOp, Work

FOLDER = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"
NAMES = ["bvlc_alexnet", "densenet121", "inception_v1", "inception_v2", "resnet50", "shufflenet", "squeezenet", "vgg19",
         "zfnet512"]  # fmt: skip
# torchvision's GFLOPS column, exact integers, for the same architecture and input.
PUBLISHED = {
    "resnet50": 4_089_184_256,
    "vgg19": 19_632_062_464,
    "densenet121": 2_834_161_664,
    "squeezenet": 349_151_936,
}


@pytest.mark.parametrize("name", NAMES)
def test_macs_of_a_light_model(name: str) -> None:
    """Sum over Conv and Gemm of output elements x weights of one output channel, outputs as onnxruntime makes them."""
    path = FOLDER / f"light_{name}.onnx"
    analysis = analyze(path)
    rows, works = analysis.model.column(TypedOp), analysis.model.column(Work)
    assert [key for key, row in rows.items() for kind in row.outputs if not kind.is_known] == []
    assert analysis.summary.unknown_ops == 0
    if name in PUBLISHED:
        assert analysis.summary.counts.macs == PUBLISHED[name]
    assert analysis.summary.counts.macs == _macs_of_a_run(path)
    assert works


def _macs_of_a_run(path: Path) -> int:
    model = onnx.load(path)
    layers = [node for node in model.graph.node if node.op_type in ("Conv", "Gemm", "MatMul")]
    weights = {node.input[1] for node in layers}
    wanted = [node.output[0] for node in layers] + sorted(weights)
    inner = {name for node in model.graph.node for name in node.output}
    del model.graph.output[:]
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in wanted if name in inner)
    stored = {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    feeds = {i.name: np.zeros(i.shape, np.float32) for i in session.get_inputs() if i.name not in stored}
    names = [output.name for output in session.get_outputs()]
    shapes = dict(zip(names, (value.shape for value in session.run(None, feeds)), strict=True)) | stored
    total = 0
    for node in layers:
        weight, outputs = shapes[node.input[1]], int(np.prod(shapes[node.output[0]]))
        transposed = any(a.name == "transB" and a.i for a in node.attribute)
        taps = weight[1:] if node.op_type == "Conv" else weight[1:] if transposed else weight[:1]
        total += outputs * int(np.prod(taps))
    return total
