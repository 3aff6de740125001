"""Models for the gate's tests: samples with a planted change, and small ones made from scratch."""

import itertools
import random
from collections.abc import Callable
from pathlib import Path

import onnx
from onnx import ModelProto, NodeProto, TensorProto, helper

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "sample_models"


def sample(name: str) -> ModelProto:
    """A sample without the inner shapes that its exporter wrote, which an edit would leave wrong."""
    model = onnx.load(SAMPLES / f"{name}.onnx", load_external_data=False)
    del model.graph.value_info[:]
    return model


def node(model: ModelProto, name: str) -> NodeProto:
    return next(item for item in model.graph.node if item.name == name)


def resize(model: ModelProto, name: str, *dims: int) -> None:
    """Give a stored tensor other dims; its bytes are not there anyway."""
    tensor = next(item for item in model.graph.initializer if item.name == name)
    kind = tensor.data_type
    tensor.Clear()
    tensor.name, tensor.data_type, tensor.data_location = name, kind, TensorProto.EXTERNAL
    tensor.dims.extend(dims)
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "weights.bin"


def rename_all(model: ModelProto, seed: int = 0) -> None:
    """Other names for every node and every inner tensor."""
    kept = {item.name for item in (*model.graph.input, *model.graph.output)}
    names: dict[str, str] = {"": ""}
    for item in (*model.graph.initializer, *(o for n in model.graph.node for o in n.output)):
        old = item if isinstance(item, str) else item.name
        names.setdefault(old, old if old in kept else f"t{seed}_{len(names)}")
    for tensor in model.graph.initializer:
        tensor.name = names[tensor.name]
    for number, item in enumerate(model.graph.node):
        item.name = f"renamed_{number}"
        item.input[:] = [names.get(name, name) for name in item.input]
        item.output[:] = [names[name] for name in item.output]


def reorder(model: ModelProto, seed: int = 1) -> None:
    """Another topological order of the nodes, and the stored tensors shuffled."""
    chance = random.Random(seed)
    made = {output: position for position, item in enumerate(model.graph.node) for output in item.output if output}
    nodes = list(model.graph.node)
    waiting = {i: {made[name] for name in item.input if name in made} for i, item in enumerate(nodes)}
    order: list[NodeProto] = []
    while waiting:
        ready = [position for position, needs in waiting.items() if not needs]
        chosen = chance.choice(ready)
        order.append(nodes[chosen])
        del waiting[chosen]
        for needs in waiting.values():
            needs.discard(chosen)
    copies = [NodeProto.FromString(item.SerializeToString()) for item in order]
    del model.graph.node[:]
    model.graph.node.extend(copies)
    stored = [TensorProto.FromString(item.SerializeToString()) for item in model.graph.initializer]
    chance.shuffle(stored)
    del model.graph.initializer[:]
    model.graph.initializer.extend(stored)


def insert_after(model: ModelProto, name: str, op_type: str, planted: str) -> None:
    """A new op behind a node; all who read the node read the op."""
    before = node(model, name)
    position = list(model.graph.node).index(before)
    output = before.output[0]
    for item in model.graph.node:
        item.input[:] = [f"{planted}_out" if name == output else name for name in item.input]
    model.graph.node.insert(position + 1, helper.make_node(op_type, [output], [f"{planted}_out"], name=planted))


def bypass(model: ModelProto, name: str) -> None:
    """Take a node out; who reads its output reads its first input."""
    taken = node(model, name)
    source, output = taken.input[0], taken.output[0]
    model.graph.node.remove(taken)
    for item in model.graph.node:
        item.input[:] = [source if read == output else read for read in item.input]


def set_ints(model: ModelProto, name: str, **attributes: list[int]) -> None:
    for attribute in node(model, name).attribute:
        if attribute.name in attributes:
            attribute.ints[:] = attributes[attribute.name]


def dense(path: Path, *widths: int, batch: int | str = 8) -> Path:
    """A chain of MatMul and Relu of the given widths, with its weights beside it in no file that is there."""
    model = dense_model(*widths, batch=batch)
    onnx.save(model, path)
    return path


def dense_model(*widths: int, batch: int | str = 8) -> ModelProto:
    nodes, weights = [], []
    for layer, (before, after) in enumerate(itertools.pairwise(widths)):
        weight = TensorProto(name=f"w{layer}", data_type=TensorProto.FLOAT, data_location=TensorProto.EXTERNAL)
        weight.dims.extend((before, after))
        entry = weight.external_data.add()
        entry.key, entry.value = "location", "weights.bin"
        weights.append(weight)
        last = layer == len(widths) - 2
        nodes.append(helper.make_node("MatMul", [f"x{layer}", f"w{layer}"], [f"p{layer}"], name=f"matmul_{layer}"))
        output = "y" if last else f"x{layer + 1}"
        nodes.append(helper.make_node("Relu", [f"p{layer}"], [output], name=f"relu_{layer}"))
    kinds = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, (batch, width))
        for name, width in (("x0", widths[0]), ("y", widths[-1]))
    ]
    graph = helper.make_graph(nodes, "g", kinds[:1], kinds[1:], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)


def widen_bottleneck(model: ModelProto) -> None:
    """The inner width of ResNet's first block from 64 to 32: three convolutions and two Relus have other shapes."""
    resize(model, "layer1.0.conv1.weight", 32, 64, 1, 1)
    resize(model, "layer1.0.conv1.weight_bias", 32)
    resize(model, "layer1.0.conv2.weight", 32, 32, 3, 3)
    resize(model, "layer1.0.conv2.weight_bias", 32)
    resize(model, "layer1.0.conv3.weight", 256, 32, 1, 1)


def larger_kernel(model: ModelProto) -> None:
    resize(model, "layer1.0.conv2.weight", 64, 64, 5, 5)
    set_ints(model, "node_Conv_757", kernel_shape=[5, 5], pads=[2, 2, 2, 2])


def other_activation(model: ModelProto) -> None:
    node(model, "node_relu_2").op_type = "Sigmoid"


def fewer_classes(model: ModelProto) -> None:
    weight = next(item for item in model.graph.initializer if item.name == "fc.weight")
    axis = list(weight.dims).index(1000)
    resize(model, "fc.weight", *(10 if i == axis else dim for i, dim in enumerate(weight.dims)))
    resize(model, "fc.bias", 10)
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 10


def without_a_block(model: ModelProto) -> None:
    """ResNet without the second block of its first stage: three convolutions, three Relus and an Add."""
    for name in (
        *("node_Conv_763", "node_relu_4", "node_Conv_765", "node_relu_5", "node_Conv_767"), "node_add_1",
    ):  # fmt: skip
        taken = node(model, name)
        if name == "node_add_1":
            bypass_to(model, name, "relu_3")
        else:
            model.graph.node.remove(taken)
    bypass(model, "node_relu_6")


def bypass_to(model: ModelProto, name: str, source: str) -> None:
    taken = node(model, name)
    output = taken.output[0]
    model.graph.node.remove(taken)
    for item in model.graph.node:
        item.input[:] = [source if read == output else read for read in item.input]


def swapped_operands(model: ModelProto) -> None:
    add = node(model, "node_add")
    add.input[:] = list(reversed(add.input))


Edit = Callable[[ModelProto], None]
