"""Small models, protobuf bytes made by hand, and the form that every refusal has."""

from collections.abc import Sequence
from pathlib import Path

import onnx
from onnx import TensorProto, helper

from onnx_roofline.base.errors import RooflineError
from onnx_roofline.load import DimOptions, Limits, ParsedModel, bind, parse

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64


def varint(value: int) -> bytes:
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*parts, value))


def number(field: int, value: int) -> bytes:
    """A varint field."""
    return varint(field << 3) + varint(value)


def chunk(field: int, data: bytes) -> bytes:
    """A length-delimited field."""
    return varint(field << 3 | 2) + varint(len(data)) + data


def value(name: str, dims: Sequence[int | str | None] | None = (1,), dtype: int = FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, dtype, dims)


def model(
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[onnx.ValueInfoProto] = (),
    outputs: Sequence[onnx.ValueInfoProto] = (),
    stored: Sequence[onnx.TensorProto] = (),
    functions: Sequence[onnx.FunctionProto] = (),
    opset: int = 17,
) -> onnx.ModelProto:
    graph = helper.make_graph(list(nodes), "g", list(inputs), list(outputs), list(stored))
    imports = [helper.make_opsetid("", opset), helper.make_opsetid("local", 1)]
    return helper.make_model(graph, opset_imports=imports, functions=list(functions))


def relu(stored: Sequence[onnx.TensorProto] = ()) -> onnx.ModelProto:
    """y = Relu(x), with initializers beside it."""
    return model([helper.make_node("Relu", ["x"], ["y"], name="act")], [value("x")], [value("y")], stored)


def model_bytes(tensor: bytes, graph_extra: bytes = b"") -> bytes:
    """The bytes of relu() with a serialized initializer and more bytes in its graph."""
    proto = relu()
    graph = proto.graph.SerializeToString() + chunk(5, tensor) + graph_extra
    proto.ClearField("graph")
    head: bytes = proto.SerializeToString()
    return head + chunk(7, graph)


def write(folder: Path, content: onnx.ModelProto | bytes, name: str = "model.onnx") -> str:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.SerializeToString())
    return str(path)


def parsed(folder: Path, content: onnx.ModelProto | bytes, limits: Limits | None = None) -> ParsedModel:
    return parse(write(folder, content), limits)


def refusal_of(path: str, limits: Limits | None = None) -> str:
    """The refusal of a file without its path: one line that begins with the path."""
    try:
        bind(parse(path, limits), DimOptions({}, {}))
    except RooflineError as error:
        message = str(error)
        assert message.isprintable(), message
        assert message.startswith(f"{path}: "), message
        assert len(message) < 1500, message
        return message[len(path) + 2 :]
    raise AssertionError(f"{path} was accepted")


def refusal(folder: Path, content: onnx.ModelProto | bytes, limits: Limits | None = None) -> str:
    return refusal_of(write(folder, content), limits)
