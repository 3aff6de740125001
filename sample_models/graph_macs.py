"""Counts the MACs of an ONNX graph from the shapes of a real run: a check on the exporters, independent of torch."""

import math
from collections.abc import Callable, Mapping

import numpy as np
import onnxruntime
import weightless
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper

Shape = tuple[int, ...]


def run(model: ModelProto, feeds: Mapping[str, np.ndarray]) -> tuple[dict[str, np.ndarray], int]:
    """The outputs of one run of the graph exactly as written, and its MACs."""
    probed = ModelProto()
    probed.CopyFrom(model)
    contractions = [node for node in model.graph.node if node.op_type in RULES]
    refuse_uncounted(model.graph)
    probes = {name: f"shape of {name}" for node in contractions for name in (*node.input, *node.output) if name}
    for name, probe in probes.items():
        probed.graph.node.append(helper.make_node("Shape", [name], [probe]))
        probed.graph.output.append(helper.make_tensor_value_info(probe, TensorProto.INT64, None))
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 2
    options.enable_cpu_mem_arena = False
    # Shape nodes run as soon as they can, so that the tensors they look at can be freed.
    options.execution_order = onnxruntime.ExecutionOrder.PRIORITY_BASED
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(probed.SerializeToString(), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    results = dict(zip(names, session.run(names, dict(feeds)), strict=True))
    shapes = {name: tuple(int(dim) for dim in results.pop(probe)) for name, probe in probes.items()}
    return results, sum(RULES[node.op_type](node, shapes) for node in contractions)


def refuse_uncounted(graph: GraphProto) -> None:
    """Raises where a node may hold MACs that no rule here counts: better refused than counted as 0."""
    uncounted = {node.op_type for node in graph.node} & UNCOUNTED
    for nested in weightless.graphs(graph):
        if nested is not graph:
            uncounted |= {node.op_type for node in nested.node} & (UNCOUNTED | RULES.keys())
    if uncounted:
        raise NotImplementedError(f"no MAC rule for {', '.join(sorted(uncounted))}, or not where it stands")


def matmul(node: NodeProto, shapes: Mapping[str, Shape]) -> int:
    """Every output element is a dot product over the left operand's last axis."""
    return math.prod(shapes[node.output[0]]) * shapes[node.input[0]][-1]


def gemm(node: NodeProto, shapes: Mapping[str, Shape]) -> int:
    transposed = any(attribute.name == "transA" and attribute.i for attribute in node.attribute)
    return math.prod(shapes[node.output[0]]) * shapes[node.input[0]][0 if transposed else 1]


def conv(node: NodeProto, shapes: Mapping[str, Shape]) -> int:
    """Taps that fall into the padding are counted."""
    return math.prod(shapes[node.output[0]]) * math.prod(shapes[node.input[1]][1:])


def conv_transpose(node: NodeProto, shapes: Mapping[str, Shape]) -> int:
    return math.prod(shapes[node.input[0]]) * math.prod(shapes[node.input[1]][1:])


def einsum(node: NodeProto, shapes: Mapping[str, Shape]) -> int:
    """The product of all extents of a two-operand equation without ellipsis."""
    equation = next(attribute.s.decode() for attribute in node.attribute if attribute.name == "equation")
    terms = equation.replace(" ", "").split("->")[0].split(",")
    if len(terms) != 2 or "." in equation:
        raise NotImplementedError(f"Einsum {equation}")
    extents: dict[str, int] = {}
    for term, name in zip(terms, node.input, strict=True):
        extents.update(zip(term, shapes[name], strict=True))
    return math.prod(extents.values())


def lstm(node: NodeProto, shapes: Mapping[str, Shape]) -> int:
    """Four gates of input and hidden state per step: X [T, B, I], R [directions, 4 * H, H]."""
    steps, batch, inputs = shapes[node.input[0]]
    directions, _, hidden = shapes[node.input[2]]
    return steps * batch * 4 * hidden * (inputs + hidden) * directions


RULES: Mapping[str, Callable[[NodeProto, Mapping[str, Shape]], int]] = {
    "MatMul": matmul,
    "Gemm": gemm,
    "Conv": conv,
    "ConvTranspose": conv_transpose,
    "Einsum": einsum,
    "LSTM": lstm,
}
UNCOUNTED = frozenset(("Attention", "ConvInteger", "GRU", "MatMulInteger", "RNN"))
