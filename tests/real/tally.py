"""An independent count of multiply-accumulates: from the nodes of a file and the shapes of a real run, op by op.

Nothing of the analyser under test is used here, neither its reader nor its shapes. What the ops do is restated from
their standards: a product has one multiply-accumulate for each element of its result and each term of its sum, taps
that fall into padding included. Nodes inside bodies are not seen, as their tensors are not.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import judge

Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]


def macs(path: str | Path, verdict: judge.Verdict) -> dict[str, int | None]:
    """Multiply-accumulates of each node of the main graph, by its first output; None where a shape was not seen.

    Only nodes whose type may multiply and accumulate are listed.
    """
    model = judge._parse(path)
    graph = model.graph
    shapes: dict[str, Shape] = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    for node in graph.node:
        for attribute in node.attribute:
            if node.op_type == "Constant" and attribute.name == "value":
                shapes[node.output[0]] = tuple(attribute.t.dims)
    shapes |= {name: shape for name, (_, shape) in verdict.tensors.items()}
    found: dict[str, int | None] = {}
    for node in graph.node:
        if (rule := RULES.get(node.op_type)) is None:
            continue
        try:
            found[node.output[0]] = rule(node, shapes)
        except KeyError:
            found[node.output[0]] = None
    return found


def _attributes(node: Any) -> dict[str, Any]:
    from onnx import helper

    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}


def _product(left: int, right: int) -> Callable[[Any, Shapes], int]:
    """[..., M, K] x [..., K, N]: each element of the result sums over the left operand's last axis."""

    def count(node: Any, shapes: Shapes) -> int:
        a, b = shapes[node.input[left]], shapes[node.input[right]]
        batch = math.prod(_broadcast(a[:-2], b[:-2]))
        rows = a[-2] if len(a) > 1 else 1
        columns = b[-1] if len(b) > 1 else 1
        return batch * rows * columns * a[-1]

    return count


def _broadcast(a: Shape, b: Shape) -> Iterator[int]:
    rank = max(len(a), len(b))
    a, b = (1,) * (rank - len(a)) + a, (1,) * (rank - len(b)) + b
    return (max(x, y) if min(x, y) else 0 for x, y in zip(a, b, strict=True))


def _fused_product(node: Any, shapes: Shapes) -> int:
    """com.microsoft FusedMatMul: MatMul with transposes of the last two axes, or of the batch axes."""
    given = _attributes(node)
    if given.get("transBatchA") or given.get("transBatchB"):
        raise NotImplementedError("transposed batches")
    a = shapes[node.input[0]]
    return math.prod(shapes[node.output[0]]) * a[-2 if given.get("transA") else -1]


def _gemm(left: int, right: int) -> Callable[[Any, Shapes], int]:
    def count(node: Any, shapes: Shapes) -> int:
        given, a, b = _attributes(node), shapes[node.input[left]], shapes[node.input[right]]
        rows, terms = reversed(a) if given.get("transA") else a
        return rows * terms * b[0 if given.get("transB") else 1]

    return count


def _packed_product(node: Any, shapes: Shapes) -> int:
    """com.microsoft MatMulNBits: the weights [N, K] are packed, their sizes attributes."""
    given = _attributes(node)
    return math.prod(shapes[node.input[0]]) * given["N"]


def _conv(weights: int) -> Callable[[Any, Shapes], int]:
    """Weights [outputs, inputs / group, *kernel]: each result sums over what one output channel has of them."""

    def count(node: Any, shapes: Shapes) -> int:
        return math.prod(shapes[node.output[0]]) * math.prod(shapes[node.input[weights]][1:])

    return count


def _conv_transpose(node: Any, shapes: Shapes) -> int:
    """Weights [inputs, outputs / group, *kernel]: each input is spread over what one input channel has of them."""
    return math.prod(shapes[node.input[0]]) * math.prod(shapes[node.input[1]][1:])


def _einsum(node: Any, shapes: Shapes) -> int:
    """Two operands that share a summed letter: the product of all extents. A lone operand multiplies nothing."""
    equation = _attributes(node)["equation"].decode().replace(" ", "")
    terms, _, result = equation.partition("->")
    operands = terms.split(",")
    if len(operands) == 1:
        return 0
    if len(operands) != 2 or "." in equation:
        raise NotImplementedError(f"Einsum {equation}")
    extents: dict[str, int] = {}
    for letters, name in zip(operands, node.input, strict=True):
        extents.update(zip(letters, shapes[name], strict=True))
    summed = extents.keys() - set(result)
    return math.prod(extents.values()) if summed else 0


def _recurrent(gates: int) -> Callable[[Any, Shapes], int]:
    """X [T, B, I], R [directions, gates * H, H] or the other way round: each gate sums over the input and the state."""

    def count(node: Any, shapes: Shapes) -> int:
        given = _attributes(node)
        first, second, inputs = shapes[node.input[0]]
        directions = 2 if given.get("direction", b"") == b"bidirectional" else 1
        hidden = given["hidden_size"]
        return first * second * directions * gates * hidden * (inputs + hidden)

    return count


def _attention(node: Any, shapes: Shapes) -> int:
    """Two ops of one name."""
    return _fused_attention(node, shapes) if node.domain else _standard_attention(node, shapes)


def _standard_attention(node: Any, shapes: Shapes) -> int:
    """ONNX Attention: each query head's scores and weighted values, over the past as well."""
    given, q, v = _attributes(node), shapes[node.input[0]], shapes[node.input[2]]
    heads, steps = (q[1], q[2]) if len(q) == 4 else (given["q_num_heads"], q[1])
    width = q[3] if len(q) == 4 else q[2] // heads
    values = v[3] if len(v) == 4 else v[2] // given["kv_num_heads"]
    has_present = len(node.output) > 1 and node.output[1]
    keys = shapes[node.output[1]][2] if has_present else v[-2]
    return q[0] * heads * steps * keys * (width + values)


def _fused_attention(node: Any, shapes: Shapes) -> int:
    """com.microsoft Attention: X [B, S, D] and W [D, 3 H]; projections, scores and weighted values of each token."""
    batch, steps, width = shapes[node.input[0]]
    columns = shapes[node.input[1]][1]
    _, _, values = _attributes(node).get("qkv_hidden_sizes", [columns // 3] * 3)
    if len(node.input) > 4 and node.input[4]:
        raise NotImplementedError("a past")
    keys = (columns - values) // 2
    return batch * steps * width * columns + batch * steps * steps * (keys + values)


def _multi_head_attention(node: Any, shapes: Shapes) -> int:
    """com.microsoft MultiHeadAttention: Q [B, S, H], K [B, T, H], V [B, T, H']; scores and weighted values."""
    (batch, steps, width), (_, keys, values) = shapes[node.input[0]], shapes[node.input[2]]
    return batch * steps * keys * (width + values)


def _grouped_attention(node: Any, shapes: Shapes) -> int:
    """com.microsoft GroupQueryAttention of one step: Q [B, 1, H], present keys [B, heads, T, d]."""
    batch, steps, width = shapes[node.input[0]]
    if steps != 1:
        raise NotImplementedError("more than one step, of which each sees another number of keys")
    return 2 * batch * shapes[node.output[1]][2] * width


def _experts(node: Any, shapes: Shapes) -> int:
    """com.microsoft MoE: k of the experts for each row, two products [D, I] each; the router is another node."""
    rows, inner = shapes[node.input[0]], shapes[node.input[2]][1:]
    return math.prod(rows[:-1]) * _attributes(node).get("k", 1) * 2 * math.prod(inner)


def _linear_classes(node: Any, shapes: Shapes) -> int:
    """ai.onnx.ml LinearClassifier: each score sums over the features."""
    return math.prod(shapes[node.input[0]]) * shapes[node.output[1]][1]


def _cubic(node: Any, shapes: Shapes) -> int:
    """Resize: cubic weighs four neighbours along each axis that changes; the other modes are no sums of products."""
    if _attributes(node).get("mode", b"nearest") != b"cubic":
        return 0
    before, after = shapes[node.input[0]], shapes[node.output[0]]
    return math.prod(after) * 4 ** sum(x != y for x, y in zip(before, after, strict=True))


RULES: Mapping[str, Callable[[Any, Shapes], int]] = {
    "MatMul": _product(0, 1),
    "MatMulInteger": _product(0, 1),
    "DynamicQuantizeMatMul": _product(0, 1),
    "MatMulIntegerToFloat": _product(0, 1),
    "QLinearMatMul": _product(0, 3),
    "FusedMatMul": _fused_product,
    "MatMulNBits": _packed_product,
    "Gemm": _gemm(0, 1),
    "FusedGemm": _gemm(0, 1),
    "QGemm": _gemm(0, 3),
    "Conv": _conv(1),
    "FusedConv": _conv(1),
    "ConvInteger": _conv(1),
    "QLinearConv": _conv(3),
    "ConvTranspose": _conv_transpose,
    "Einsum": _einsum,
    "LSTM": _recurrent(4),
    "DynamicQuantizeLSTM": _recurrent(4),
    "GRU": _recurrent(3),
    "RNN": _recurrent(1),
    "Attention": _attention,
    "MultiHeadAttention": _multi_head_attention,
    "GroupQueryAttention": _grouped_attention,
    "MoE": _experts,
    "LinearClassifier": _linear_classes,
    "Resize": _cubic,
}
