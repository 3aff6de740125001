"""Shapes of the ai.onnx.ml ops as onnxruntime gives them when it runs them."""

from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper

from onnx_roofline.inference.output_types import output_types
from onnx_roofline.load import load

ML = "ai.onnx.ml"
FLOAT, INT64, STRING = TensorProto.FLOAT, TensorProto.INT64, TensorProto.STRING


def svm(classes: int, **more: object) -> dict[str, object]:
    """A support vector machine with one vector of 4 features a class."""
    pairs = classes * (classes - 1) // 2
    return {"kernel_type": "RBF", "kernel_params": [0.1, 0.0, 3.0], "rho": [0.0] * pairs,
            "vectors_per_class": [1] * classes, "support_vectors": [0.1] * (4 * classes),
            "coefficients": [0.1] * (classes * (classes - 1)), **more}  # fmt: skip


def named(classes: int) -> dict[str, list[str]]:
    return {"classlabels_strings": [f"class {i}" for i in range(classes)]}


def numbered(classes: int) -> dict[str, list[int]]:
    return {"classlabels_ints": list(range(classes))}


PROBABILITIES = {"prob_a": [0.1] * 3, "prob_b": [0.1] * 3}
CASES = (
    ("SVMClassifier", FLOAT, (5, 4), svm(3, **numbered(3), **PROBABILITIES)),
    ("SVMClassifier", FLOAT, (5, 4), svm(3, **numbered(3))),
    ("SVMClassifier", FLOAT, (5, 4), svm(4, **named(4))),
    ("SVMClassifier", FLOAT, (5, 4), svm(2, **named(2))),
    ("SVMClassifier", FLOAT, (4,), svm(3, **numbered(3))),
    ("ArrayFeatureExtractor", FLOAT, (3,), {}),
    ("ArrayFeatureExtractor", FLOAT, (5, 3), {}),
    ("ArrayFeatureExtractor", FLOAT, (2, 5, 3), {}),
    ("LabelEncoder", STRING, (3, 8), {"classes_strings": ["a", "b"]}),
    ("LabelEncoder", INT64, (3, 8), {"classes_strings": ["a", "b"]}),
    ("OneHotEncoder", STRING, (3, 8), {"cats_strings": ["a", "b", "c"]}),
    ("OneHotEncoder", INT64, (3,), {"cats_int64s": [1, 2]}),
    ("CategoryMapper", STRING, (3, 8), {"cats_strings": ["a", "b"], "cats_int64s": [1, 2]}),
    ("CategoryMapper", INT64, (3, 8), {"cats_strings": ["a", "b"], "cats_int64s": [1, 2]}),
)


@pytest.mark.parametrize(("kind", "dtype", "shape", "attributes"), CASES, ids=[case[0] for case in CASES])
def test_types_are_those_of_a_real_run(
    kind: str, dtype: int, shape: tuple[int, ...], attributes: dict[str, object], tmp_path: Path
) -> None:
    outputs = ["y", "scores"] if kind == "SVMClassifier" else ["y"]
    inputs = ["x", "i"] if kind == "ArrayFeatureExtractor" else ["x"]
    values = [helper.make_tensor_value_info("x", dtype, shape)]
    fed: dict[str, object] = {"x": np.full(shape, "a", object) if dtype == STRING else np.ones(
        shape, np.float32 if dtype == FLOAT else np.int64)}  # fmt: skip
    if len(inputs) > 1:
        values.append(helper.make_tensor_value_info("i", INT64, (1, 7)))
        fed["i"] = np.zeros((1, 7), np.int64)
    node = helper.make_node(kind, inputs, outputs, domain=ML, **attributes)
    graph = helper.make_graph([node], "g", values, [helper.make_empty_tensor_value_info(name) for name in outputs])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15), helper.make_opsetid(ML, 1)],
                              ir_version=8)  # fmt: skip
    path = tmp_path / "m.onnx"
    path.write_bytes(model.SerializeToString())
    loaded = load(path)
    (op,) = loaded.graph.ops
    kinds = tuple(item.type for item in loaded.graph.inputs)
    ours = output_types(op, kinds, (None,) * len(kinds))
    real = ort.InferenceSession(path, providers=["CPUExecutionProvider"]).run(None, fed)
    for kind_, array in zip(ours, real, strict=True):
        assert kind_.exact
        assert kind_.shape == array.shape
        assert kind_.dtype == ("string" if array.dtype.kind in "OU" else array.dtype.name)
