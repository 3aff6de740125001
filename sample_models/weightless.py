"""Takes the weights out of an ONNX model: dims and dtypes stay, payloads go."""

import math
from collections.abc import Iterator

from onnx import AttributeProto, GraphProto, ModelProto, TensorProto
from onnx.helper import tensor_dtype_to_np_dtype

FLOATING = frozenset(
    value for name, value in TensorProto.DataType.items() if name.startswith(("FLOAT", "DOUBLE", "BFLOAT", "COMPLEX"))
)
# Larger payloads go. Smaller ones stay: shapes may depend on them, and they cost little.
LARGEST_FLOATING_BYTES = 1024
LARGEST_BYTES = 4096
# What an exporter leaves behind about the machine it ran on, or says twice in the same file.
DROPPED_METADATA = frozenset(
    (
        "pkg.onnxscript.optimizer.folded_from",
        "pkg.torch.export.ExportedProgram.graph_signature",
        "pkg.torch.onnx.fx_node",
        "pkg.torch.onnx.stack_trace",
    )
)
PAYLOADS = ("raw_data", "float_data", "int32_data", "string_data", "int64_data", "double_data", "uint64_data")


def strip_weights(model: ModelProto, location: str) -> int:
    """The bytes that the absent file `location` would hold; the model's large tensors now point into it.

    The file is laid out tensor after tensor, in the order of the graph, without gaps.
    """
    offset = 0
    for tensor in tensors(model):
        length = payload_bytes(tensor)
        if length <= (LARGEST_FLOATING_BYTES if tensor.data_type in FLOATING else LARGEST_BYTES):
            continue
        for field in PAYLOADS:
            tensor.ClearField(field)
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in (("location", location), ("offset", offset), ("length", length)):
            entry = tensor.external_data.add()
            entry.key, entry.value = key, str(value)
        offset += length
    return offset


def payload_bytes(tensor: TensorProto) -> int:
    """The bytes of a tensor's values as ONNX stores them raw."""
    return math.prod(tensor.dims) * tensor_dtype_to_np_dtype(tensor.data_type).itemsize


def strip_traces(model: ModelProto) -> None:
    """Removes doc strings and stack traces, which name files of the exporting machine; module scopes stay."""
    model.doc_string = ""
    for graph in (*graphs(model.graph), *model.functions):
        graph.doc_string = ""
        values = () if not isinstance(graph, GraphProto) else (*graph.input, *graph.output, *graph.initializer)
        for item in (graph, *graph.node, *graph.value_info, *values):
            item.doc_string = ""
            kept = [entry for entry in item.metadata_props if entry.key not in DROPPED_METADATA]
            del item.metadata_props[:]
            item.metadata_props.extend(kept)


def tensors(model: ModelProto) -> Iterator[TensorProto]:
    """Every initializer and every tensor attribute (a Constant's value), nested graphs and functions included."""
    for graph in graphs(model.graph):
        yield from graph.initializer
    for owner in (*graphs(model.graph), *model.functions):
        for node in owner.node:
            for attribute in node.attribute:
                if attribute.type == AttributeProto.TENSOR:
                    yield attribute.t


def graphs(graph: GraphProto) -> Iterator[GraphProto]:
    """The graph and every graph nested in it."""
    waiting = [graph]
    while waiting:
        current = waiting.pop()
        yield current
        for node in current.node:
            for attribute in node.attribute:
                waiting.extend(attribute.graphs)
                if attribute.type == AttributeProto.GRAPH:
                    waiting.append(attribute.g)
