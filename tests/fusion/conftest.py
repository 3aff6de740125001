"""Tiny models written as text, analysed as far as fusion needs."""

import itertools
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper, parser
from onnx_roofline.passes.kv_caches import KvCaches
from onnx_roofline.passes.op_count import OpCount
from onnx_roofline.passes.quantization import QuantizationFolding
from onnx_roofline.passes.shape_inference import ShapeInference

from onnx_roofline.ir.graph import Model
from onnx_roofline.ir.pipeline import Pipeline
from onnx_roofline.load import load

sys.path.insert(0, str(Path(__file__).parent))

Shapes = Mapping[str, Sequence[int]]
Values = Mapping[str, object]
Build = Callable[..., Model]


def analysed(path: Path, proto: onnx.ModelProto) -> Model:
    onnx.save(proto, path)
    return Pipeline((ShapeInference(), QuantizationFolding(), OpCount(), KvCaches())).run(load(path))


def model_of(
    text: str,
    inputs: Shapes,
    weights: Shapes | None = None,
    values: Values | None = None,
    outputs: Sequence[str] = (),
    opset: int = 18,
) -> onnx.ModelProto:
    """A model of nodes in ONNX's text form, one a line; its last results are its outputs if none are named."""
    nodes = [parser.parse_node(line.strip()) for line in text.strip().splitlines()]
    read = {name for node in nodes for name in node.input}
    ends = [name for node in nodes for name in node.output if name not in read]
    stored = [numpy_helper.from_array(np.full(shape, 0.5, np.float32), name) for name, shape in (weights or {}).items()]
    for name, value in (values or {}).items():
        array = np.asarray(value)
        stored.append(numpy_helper.from_array(array.astype(np.float32) if array.dtype.kind == "f" else array, name))
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape)) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in (outputs or ends)],
        stored,
    )
    imports = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=imports, ir_version=8)


@pytest.fixture
def build(tmp_path: Path) -> Build:
    numbers = itertools.count()

    def make(*arguments: object, **options: object) -> Model:
        return analysed(tmp_path / f"{next(numbers)}.onnx", model_of(*arguments, **options))  # type: ignore[arg-type]

    return make
