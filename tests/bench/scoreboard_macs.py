"""MACs of an ONNX file, from the shapes of a real run and the operators' standards, where nothing can be overlooked.

`tests/real/tally.py` counts the nodes of the main graph. A model in which a product may be elsewhere, or in an operator
that it doesn't know, is refused, so that nobody is judged by a guess.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import onnx
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "real"))
import judge
import tally


class NotJudgedError(Exception):
    """A product may be where this count does not look."""


def judged_macs(path: Path, verdict: judge.Verdict) -> int:
    """MACs of all nodes of a file. Raises NotJudgedError."""
    refuse_hidden(onnx.load(path, load_external_data=False))
    try:
        found = tally.macs(path, verdict)
    except NotImplementedError as reason:
        raise NotJudgedError(str(reason)) from None
    if unseen := [name for name, macs in found.items() if macs is None]:
        raise NotJudgedError(f"no shape was seen of an operand of {unseen[0]}")
    return sum(macs or 0 for macs in found.values())


def refuse_hidden(model: ModelProto) -> None:
    """Raises NotJudgedError where a product may be in a body, a function, an unknown operator, or runs only once."""
    functions = {(one.domain, one.name) for one in model.functions}
    constant = {tensor.name for tensor in model.graph.initializer}
    for node in model.graph.node:
        if (node.domain, node.op_type) in functions:
            raise NotJudgedError(f"function {node.op_type}")
        if _is_unknown(node):
            raise NotJudgedError(f"{node.domain}.{node.op_type}".lstrip("."))
        if any(_may_multiply(inner) for body in _bodies(node) for inner in body.node):
            raise NotJudgedError(f"products in a body of {node.op_type}")
        if all(name in constant for name in node.input if name):
            constant |= set(node.output)
            if node.op_type in tally.RULES:
                raise NotJudgedError(f"{node.op_type} of stored values alone, which a runtime computes once")


def _may_multiply(node: NodeProto) -> bool:
    return (
        node.op_type in tally.RULES
        or _is_unknown(node)
        or any(_may_multiply(inner) for body in _bodies(node) for inner in body.node)
    )


def _is_unknown(node: NodeProto) -> bool:
    if node.op_type in tally.RULES:
        return False
    return node.op_type in _REFUSED or (
        node.domain not in ("", "ai.onnx", "ai.onnx.ml") and node.op_type not in _NO_PRODUCT
    )


def _bodies(node: NodeProto) -> Iterator[GraphProto]:
    for attribute in node.attribute:
        if attribute.type == AttributeProto.GRAPH:
            yield attribute.g
        yield from attribute.graphs


_REFUSED = frozenset(
    ("DeformConv", "DFT", "STFT", "LinearAttention", "FlexAttention", "LinearRegressor", "SVMClassifier",
     "SVMRegressor")
)  # fmt: skip
_NO_PRODUCT = frozenset(
    ("QuantizeLinear", "DequantizeLinear", "Gelu", "BiasGelu", "FastGelu", "QuickGelu", "SkipLayerNormalization")
)
