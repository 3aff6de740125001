"""Modules of ops from names, as converters write them; the names are those of real files."""

from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from onnx_roofline.analysis.analyze import analyze
from onnx_roofline.base.module_paths import cut_path, shared_root
from onnx_roofline.load import parse
from onnx_roofline.report.frames import module_rows
from onnx_roofline.report.modules import ModuleTree

SQUARE = [4, 4]


def modules(path: Path, *nodes: onnx.NodeProto) -> list[str]:
    """The modules of nodes that each read one input of floats or stored weights."""
    made = {name for node in nodes for name in node.output}
    read = {name: None for node in nodes for name in node.input if name not in made}
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, SQUARE) for name in read]
    outputs = [helper.make_tensor_value_info(nodes[-1].output[0], TensorProto.FLOAT, SQUARE)]
    graph = helper.make_graph(nodes, "g", inputs, outputs)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), path / "m.onnx")
    return [op.module for op in parse(path / "m.onnx").graph.ops]


def product(weight: str = "w", *, name: str = "", output: str = "y") -> onnx.NodeProto:
    return helper.make_node("MatMul", ["x", weight], [output], name=name)


@pytest.mark.parametrize(
    ("name", "module"),
    [
        # tf2onnx, of a Keras model as such and as a SavedModel
        ("model/conv2d_1/Conv2D", "model/conv2d_1"),
        ("model/conv2d/Conv2D__6", "model/conv2d"),
        ("StatefulPartitionedCall/model/layer1/conv/Conv2D", "StatefulPartitionedCall/model/layer1/conv"),
        # TensorFlow Lite: one op for several, each named twice
        ("model_1/cq_t2010v2_1/conv1d_24;model_1/cq_t2010v2_1/conv1d_24", "model_1/cq_t2010v2_1"),
        (
            "model_1/re_lu_2/Relu;model_1/re_lu_2/Relu;model_1/conv2d_2/BiasAdd;model_1/conv2d_2/BiasAdd;"
            "model_1/conv2d_2/Conv2D;model_1/conv2d_2/Conv2D;model_1/conv2d_2/BiasAdd/ReadVariableOp;"
            "model_1/conv2d_2/BiasAdd/ReadVariableOp__408",
            "model_1/conv2d_2",
        ),
        (
            # Its weights have the name of another convolution, which has the same.
            "model_1/conv2d_3/BiasAdd;model_1/conv2d_3/BiasAdd;model_1/conv2d_5/Conv2D;model_1/conv2d_5/Conv2D;"
            "model_1/conv2d_3/Conv2D;model_1/conv2d_3/Conv2D;model_1/conv2d_3/BiasAdd/ReadVariableOp",
            "model_1/conv2d_3",
        ),
        # onnxruntime's fusions
        ("/encoder/layer.0/attention/MatMul/MatMulScaleFusion/", "encoder/layer.0/attention"),
        ("node_MatMul_160/MatMulScaleFusion/", ""),
        ("MatMul_12", ""),
    ],
)
def test_a_name_says_the_module(name: str, module: str, tmp_path: Path) -> None:
    assert modules(tmp_path, product(name=name)) == [module]


@pytest.mark.parametrize(
    ("weight", "module"),
    [
        ("encoder.layer.0.attention.self.query.weight", "encoder/layer.0/attention/self/query"),
        ("encoder.layer.0.attention.self.query.weight_quantized", "encoder/layer.0/attention/self/query"),
        ("lstm.weight_ih_l0", "lstm"),
        ("blocks.0.1.bias", "blocks.0.1"),
        ("conv2d_58.w_0", "conv2d_58"),
        ("ConvBnFusion_W_conv2d_58.w_0", "conv2d_58"),
        ("model/dense/kernel:0", "model/dense"),
        # What is no parameter of a layer.
        ("onnx::MatMul_1204", ""),
        ("p2o.helper.constant.38", ""),
        ("weight", ""),
        ("a.scale.b", ""),
    ],
)
def test_a_weight_says_the_module_where_no_op_does(weight: str, module: str, tmp_path: Path) -> None:
    assert modules(tmp_path, product(weight, name="MatMul_3")) == [module]
    assert modules(tmp_path, product(weight, name="/stem/MatMul")) == ["stem"]


def test_a_result_says_the_module_where_the_name_does_not(tmp_path: Path) -> None:
    relu = helper.make_node("Relu", ["x"], ["mos_estimator_logpow/conv2d_1/Relu:0"], name="Relu5")
    assert modules(tmp_path, relu) == ["mos_estimator_logpow/conv2d_1"]


def test_the_weights_of_a_layer_are_in_the_module_of_its_ops(tmp_path: Path) -> None:
    """keras2onnx names the weights of a layer without its model, and leaves the name of the product bare."""
    nodes = [
        product("conv2d_1/kernel:0", name="conv2d_1", output="convolution_output5"),
        helper.make_node("Relu", ["convolution_output5"], ["m/conv2d_1/Relu:0"], name="Relu5"),
        helper.make_node("MatMul", ["m/conv2d_1/Relu:0", "dense/kernel:0"], ["d"], name="dense"),
        helper.make_node("Add", ["d", "d"], ["a/dense/Add:0"], name="Add1"),
        helper.make_node("Add", ["d", "a/dense/Add:0"], ["b/dense/Add:0"], name="Add2"),
    ]
    # Which of the two layers `dense` is meant nobody knows.
    assert modules(tmp_path, *nodes) == ["m/conv2d_1", "m/conv2d_1", "dense", "a/dense", "b/dense"]


def test_metadata_that_names_no_module_is_believed(tmp_path: Path) -> None:
    node = product("encoder.weight", name="/a/MatMul")
    entry = node.metadata_props.add()
    entry.key, entry.value = "pkg.torch.onnx.name_scopes", "['', 'matmul']"
    assert modules(tmp_path, node) == [""]


def test_a_name_of_megabytes_is_looked_at_in_part(tmp_path: Path) -> None:
    assert modules(tmp_path, product("w." * 10**6 + "weight", name="a/" * 10**6))[0].startswith("a/a/")


def test_what_all_modules_share_is_one_level(tmp_path: Path) -> None:
    wrapper = "StatefulPartitionedCall/call/model"
    nodes, last = [], "x"
    for layer in ("conv_1", "conv_2", "head"):
        nodes += [
            helper.make_node("MatMul", [last, "w"], [f"{layer}_m"], name=f"{wrapper}/{layer}/inner/MatMul"),
            helper.make_node("Relu", [f"{layer}_m"], [f"{layer}_r"], name=f"{wrapper}/{layer}/Relu"),
        ]
        last = f"{layer}_r"
    modules(tmp_path, *nodes)
    analysis = analyze(tmp_path / "m.onnx")
    assert [row["module"] for row in module_rows(analysis, 1)] == [wrapper]
    layers = {f"{wrapper}/{layer}" for layer in ("conv_1", "conv_2", "head")}
    assert {row["module"] for row in module_rows(analysis, 2)} == layers
    assert {row["module"] for row in module_rows(analysis, 3)} == layers | {f"{layer}/inner" for layer in layers}
    tree = list(ModuleTree(analysis, 2).rows(None))
    assert (tree[0].name, sum(row.count for row in tree[1:])) == (wrapper, 3)


def test_a_path_is_cut_below_the_root_alone() -> None:
    paths = ["a/b", "a/b/c/d", "a/b/e"]
    assert shared_root(paths) == "a/b"
    assert [cut_path(path, 1, "a/b") for path in paths] == ["a/b", "a/b", "a/b"]
    assert [cut_path(path, 2, "a/b") for path in paths] == ["a/b", "a/b/c", "a/b/e"]
    assert cut_path("ab/c/d", 1, "a") == "ab"
    assert cut_path("a/b/c", 0, "a") == "a/b/c"
    assert shared_root([]) == shared_root([""]) == ""
