"""MACs of an ONNX file from the shapes of a real run and the operator specification, with no help from any counter.

Every tensor's shape is what onnxruntime had with all optimisations off; the formulas are those of the specification, by
hand. A model in which anything else could hold a product is refused, so that nobody is judged by a guess.
"""

import math
from collections.abc import Callable, Mapping

import onnx
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto

Shapes = Mapping[str, tuple[int, ...]]


class NotJudgedError(Exception):
    """A product may be where this count does not look."""


def product_macs(model: ModelProto, shapes: Shapes) -> int:
    """MACs of all products of the main graph. Raises NotJudgedError."""
    constant = {tensor.name for tensor in model.graph.initializer}
    total = 0
    for node in model.graph.node:
        _refuse(node, {(one.domain, one.name) for one in model.functions})
        rule = RULES.get(node.op_type)
        if all(name in constant for name in node.input if name):
            constant |= set(node.output)
            if rule is not None:
                raise NotJudgedError(f"{node.op_type} of stored values alone, which a runtime computes once")
        if rule is not None:
            try:
                total += rule(node, shapes)
            except KeyError as missing:
                raise NotJudgedError(f"no shape of {missing}") from None
    return total


def shapes_of(model: ModelProto, run: Mapping[str, tuple[str, tuple[int, ...]]]) -> dict[str, tuple[int, ...]]:
    """Shapes of the tensors of a run and of the weights."""
    return {name: shape for name, (_, shape) in run.items()} | {
        tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer
    }


def _refuse(node: NodeProto, functions: set[tuple[str, str]]) -> None:
    if (node.domain, node.op_type) in functions:
        raise NotJudgedError(f"function {node.op_type}")
    if node.domain not in ("", "ai.onnx", "ai.onnx.ml") and node.op_type not in _NO_PRODUCT:
        raise NotJudgedError(f"{node.domain}.{node.op_type}")
    if node.op_type in _REFUSED:
        raise NotJudgedError(node.op_type)
    for attribute in node.attribute:
        bodies = [attribute.g] if attribute.type == AttributeProto.GRAPH else list(attribute.graphs)
        if any(_has_product(body) for body in bodies):
            raise NotJudgedError(f"products in a body of {node.op_type}")


def _has_product(graph: GraphProto) -> bool:
    pending = [graph]
    while pending:
        for node in pending.pop().node:
            if node.op_type in RULES or node.op_type in _REFUSED or node.domain not in ("", "ai.onnx", "ai.onnx.ml"):
                return True
            pending += [one.g for one in node.attribute if one.type == AttributeProto.GRAPH]
    return False


def _attribute(node: NodeProto, name: str, default: object) -> object:
    found = [onnx.helper.get_attribute_value(one) for one in node.attribute if one.name == name]
    return found[0] if found else default


def _matmul(left: int, right: int) -> Callable[[NodeProto, Shapes], int]:
    """Every element of the result is a dot product over the left operand's last axis."""

    def macs(node: NodeProto, shapes: Shapes) -> int:
        assert shapes[node.input[right]]
        return math.prod(shapes[node.output[0]]) * shapes[node.input[left]][-1]

    return macs


def _gemm(node: NodeProto, shapes: Shapes) -> int:
    return math.prod(shapes[node.output[0]]) * shapes[node.input[0]][0 if _attribute(node, "transA", 0) else 1]


def _conv(weight: int) -> Callable[[NodeProto, Shapes], int]:
    """Output elements x taps of their group; taps that fall into padding are counted."""
    return lambda node, shapes: math.prod(shapes[node.output[0]]) * math.prod(shapes[node.input[weight]][1:])


def _conv_transpose(node: NodeProto, shapes: Shapes) -> int:
    """Every input element meets every tap of its group: the weight is [C_in, C_out / group, ...]."""
    return math.prod(shapes[node.input[0]]) * math.prod(shapes[node.input[1]][1:])


def _recurrent(gates: int) -> Callable[[NodeProto, Shapes], int]:
    """[T, B, I] by W [directions, gates x H, I] and R [directions, gates x H, H]."""

    def macs(node: NodeProto, shapes: Shapes) -> int:
        if _attribute(node, "layout", 0):
            raise NotJudgedError("layout 1")
        steps, batch, inputs = shapes[node.input[0]]
        directions, _, hidden = shapes[node.input[2]]
        return steps * batch * directions * gates * hidden * (inputs + hidden)

    return macs


RULES: Mapping[str, Callable[[NodeProto, Shapes], int]] = {
    "MatMul": _matmul(0, 1),
    "MatMulInteger": _matmul(0, 1),
    "QLinearMatMul": _matmul(0, 3),
    "Gemm": _gemm,
    "Conv": _conv(1),
    "ConvInteger": _conv(1),
    "QLinearConv": _conv(3),
    "ConvTranspose": _conv_transpose,
    "LSTM": _recurrent(4),
    "GRU": _recurrent(3),
    "RNN": _recurrent(1),
}
_REFUSED = frozenset(
    ("Attention", "DeformConv", "DFT", "STFT", "Einsum", "LinearAttention", "FlexAttention", "LinearClassifier",
     "LinearRegressor", "SVMClassifier", "SVMRegressor")
)  # fmt: skip
_NO_PRODUCT = frozenset(
    ("QuantizeLinear", "DequantizeLinear", "Gelu", "BiasGelu", "FastGelu", "QuickGelu", "SkipLayerNormalization")
)
