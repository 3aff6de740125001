"""What a model is read from: a file, the bytes of one, an onnx.ModelProto or an onnx_ir.Model, none of it changed.

Weights are left out of all of them before protobuf parses the rest, so that a model in memory costs what its graph
costs, as a file does. `onnx` and `onnx_ir` are not imported for that: who has such a model has imported them.
"""

import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from onnx_roofline.base.errors import ModelError, UsageError
from onnx_roofline.base.text import shown
from onnx_roofline.load.fields import field_bytes, length_delimited
from onnx_roofline.load.limits import Limits
from onnx_roofline.load.wire import SMALL_BYTES, Slim, read_slim, slim_bytes, slim_tensor

if TYPE_CHECKING:
    import onnx

# What stands for the file's name where there is none.
BYTES_NAME, PROTO_NAME, IR_NAME = "<bytes>", "<ModelProto>", "<onnx_ir.Model>"
# Field numbers of ModelProto.graph and GraphProto.initializer, and the first number that no field has.
_GRAPH, _INITIALIZER, _END = 7, 5, 1 << 29
_WANTED = "wanted the path of an .onnx file (str or Path), the bytes of a model, an onnx.ModelProto or an onnx_ir.Model"


class IrModel(Protocol):
    """The part of an onnx_ir.Model that tells it from other models to a type checker."""

    @property
    def opset_imports(self) -> Any:
        """Version by domain."""

    @property
    def graph(self) -> Any:
        """The main graph."""


Source: TypeAlias = "str | os.PathLike[str] | bytes | bytearray | memoryview | onnx.ModelProto | IrModel"


def is_file(source: Source) -> bool:
    """Whether the model is in a file: a text is a path, never the bytes of a model."""
    return isinstance(source, str | os.PathLike)


def read_source(source: Source, limits: Limits) -> tuple[Slim, str]:
    """The model without its weights, and its path or what stands for it.

    Raises UsageError for what is no source, ModelError for a model that can't be read; see `read_slim`.
    """
    if isinstance(source, str | os.PathLike):
        name = os.fsdecode(source)
        return read_slim(name, limits), name
    if isinstance(source, bytes | bytearray | memoryview):
        return slim_bytes(source, BYTES_NAME, limits), BYTES_NAME
    if _is_of(source, "onnx", "ModelProto"):
        return _slim_proto(source, PROTO_NAME, limits), PROTO_NAME
    if _is_of(source, "onnx_ir", "Model"):
        return _slim_ir(source, limits), IR_NAME
    kind = type(source)
    found = "None" if source is None else f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")
    advice = "; read it first: model.read()" if hasattr(source, "read") else ""
    raise UsageError(f"model: found {shown(found, quotes=False)}, {_WANTED}{advice}")


def _is_of(source: object, library: str, name: str) -> bool:
    module = sys.modules.get(library)
    return module is not None and isinstance(source, getattr(module, name, ()))


def _slim_proto(model: Any, label: str, limits: Limits) -> Slim:
    """As if the proto had been written to a file: the fields in the order of their numbers, as protobuf writes them."""
    graph = bytearray(_fields(model.graph, range(1, _INITIALIZER), label))
    left_out = skipped = 0
    for tensor in model.graph.initializer:
        whole = _serialized(tensor, label)
        slim, skipped_of_it = slim_tensor(whole, label, limits)
        field = length_delimited(_INITIALIZER, slim)
        graph += field
        left_out += field_bytes(_INITIALIZER, len(whole)) - len(field)
        skipped += skipped_of_it
    graph += _fields(model.graph, range(_INITIALIZER + 1, _END), label)
    before, after = (_fields(model, numbers, label) for numbers in (range(1, _GRAPH), range(_GRAPH + 1, _END)))
    if not model.HasField("graph"):
        return slim_bytes(before + after, label, limits)
    found = slim_bytes(before + length_delimited(_GRAPH, bytes(graph)) + after, label, limits)
    size = len(before) + field_bytes(_GRAPH, len(graph) + left_out) + len(after)
    return Slim(found.data, size, found.skipped_bytes + skipped, found.lists)


def _fields(message: Any, numbers: range, label: str) -> bytes:
    """The fields of a message whose numbers are among `numbers`, serialized."""
    part = type(message)()
    for field, value in message.ListFields():
        if field.number not in numbers:
            continue
        if isinstance(value, str | bytes | int | float):
            setattr(part, field.name, value)
        elif isinstance(value, Iterable):
            getattr(part, field.name).extend(value)
        else:
            getattr(part, field.name).CopyFrom(value)
    return _serialized(part, label)


def _serialized(message: Any, label: str) -> bytes:
    """The bytes of a message. Raises ModelError where protobuf can't write them."""
    from google.protobuf.message import EncodeError  # type: ignore[import-untyped]

    try:
        data: bytes = message.SerializeToString()
    except (EncodeError, ValueError) as error:
        raise ModelError(
            f"{label}: {type(message).__name__} can't be serialized: {shown(' '.join(str(error).split()), 200)}; "
            "save the model with its weights beside it (onnx.save, save_as_external_data=True) and pass the path"
        ) from None
    return data


def _slim_ir(model: Any, limits: Limits) -> Slim:
    """An onnx_ir.Model whose large weights are never asked for their values; a copy of the graph stands in for it."""
    ir = sys.modules["onnx_ir"]
    skipped: dict[str, int] = {}
    if hasattr(model, "clone"):
        model = model.clone()
        for name, value in model.graph.initializers.items():
            tensor = value.const_value
            if tensor is None or isinstance(tensor, ir.ExternalTensor) or tensor.dtype == ir.DataType.STRING:
                continue
            if tensor.nbytes > SMALL_BYTES and tensor.size > limits.value_elements:
                skipped[name] = tensor.nbytes
                value.const_value = ir.ExternalTensor("", None, None, tensor.dtype, shape=tensor.shape, name=name)
    try:
        proto = ir.to_proto(model)
    except Exception as error:
        raise ModelError(
            f"{IR_NAME}: onnx_ir can't serialize it: {shown(' '.join(str(error).split()), 200)}"
        ) from error
    for tensor in proto.graph.initializer:
        if tensor.name in skipped:
            # The mark of a payload that was left out: see `wire`.
            del tensor.external_data[:]
            tensor.external_data.add()
    slim = _slim_proto(proto, IR_NAME, limits)
    left_out = sum(skipped.values())
    return Slim(slim.data, slim.file_bytes + left_out, slim.skipped_bytes + left_out, slim.lists)
