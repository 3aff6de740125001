"""A model of many ops, as large as the page must stay quick with."""

import onnx
from onnx import TensorProto, helper


def layers(number: int) -> onnx.ModelProto:
    """Layers of 36 ops each, with scoped names."""
    nodes, stored, tensor = [], [], "x"
    for layer in range(number):
        stored.append(helper.make_tensor(f"w{layer}", TensorProto.FLOAT, (8, 8), [0.0] * 64))
        for place in range(36):
            kind = ("MatMul", "Add", "Relu", "Sigmoid", "Softmax", "Neg")[place % 6]
            inputs = [tensor, f"w{layer}"] if kind == "MatMul" else [tensor, "x"] if kind == "Add" else [tensor]
            tensor = f"t{layer}_{place}"
            part = ("attention", "mlp")[place // 18]
            nodes.append(helper.make_node(kind, inputs, [tensor], name=f"/layers.{layer}/{part}/{kind}_{place}"))
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, (8, 8)) for name in ("x", tensor)]
    return helper.make_model(helper.make_graph(nodes, "layers", ends[:1], ends[1:], stored))
