"""TensorProto, ValueInfoProto and AttributeProto -> frozen types, stored tensors and attribute values."""

import re
from collections.abc import Mapping
from functools import lru_cache
from sys import intern
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from onnx_roofline.base.errors import MalformedModelError
from onnx_roofline.base.units import DTYPE_BITS, dtype_name, product
from onnx_roofline.ir.graph import (
    AttributeReference,
    AttributeValue,
    GraphInput,
    LongList,
    Notice,
    StoredTensor,
    TensorType,
)
from onnx_roofline.load.limits import Limits
from onnx_roofline.load.names import shown

if TYPE_CHECKING:
    import onnx

    from onnx_roofline.ir.graph import Array

# Floating-point values are followed only where they are few: scales, ranges and thresholds, not weights.
FLOAT_VALUE_ELEMENTS = 64


class Context(Struct):
    """What one reading accumulates; `path` is as messages show it."""

    path: str
    limits: Limits
    opsets: Mapping[str, int]
    function_keys: frozenset[str]
    notices: list[Notice] = field(default_factory=list)
    nodes: int = 0
    missing_imports: set[str] = field(default_factory=set)
    lists: tuple[LongList, ...] = ()

    def malformed(self, where: str, found: str, wanted: str) -> MalformedModelError:
        """The refusal of a file that breaks the rules of the format."""
        return MalformedModelError(f"{self.path}: {where}: found {found}; wanted {wanted}; export the model again")

    def check_text(self, where: str, *names: object) -> None:
        """Raise if a name is not text: protobuf hands over invalid UTF-8 as bytes."""
        for name in names:
            if type(name) is not str:
                raise self.malformed(where, f"a name {name!r:.80} that is not UTF-8", "text")


def read_input(value: "onnx.ValueInfoProto", context: Context) -> GraphInput:
    """A named input, output or inner tensor with its declared type."""
    context.check_text("tensor names", value.name)
    kind, symbols = _value_type(value.type, context, value.name)
    return GraphInput(value.name, kind, symbols)


def _value_type(
    proto: "onnx.TypeProto", context: Context, name: str
) -> tuple[TensorType, tuple[int | str | None, ...] | None]:
    """Declared type and its dims as written; -1, 0-less and empty names count as unknown."""
    container = "tensor"
    current: Any = proto
    for _ in range(8):
        kind = current.WhichOneof("value")
        if kind in ("sequence_type", "optional_type"):
            # Of optional(sequence(tensor)) the sequence is what has elements.
            container = "sequence" if kind == "sequence_type" or container == "sequence" else "optional"
            current = getattr(current, kind).elem_type
            continue
        break
    if kind == "map_type":
        return TensorType("", None, container="map"), None
    if kind not in ("tensor_type", "sparse_tensor_type"):
        return TensorType("", None, container=container), None
    tensor = getattr(current, kind)
    where = f"tensor {shown(name)}"
    dtype = dtype_name(tensor.elem_type)
    if tensor.elem_type and not dtype:
        raise context.malformed(where, f"element type {tensor.elem_type}", "one that ONNX defines")
    if not tensor.HasField("shape"):
        return TensorType(dtype, None, container=container), None
    context.limits.check("rank", len(tensor.shape.dim), f"{context.path}: {where}")
    symbols: list[int | str | None] = []
    for dim in tensor.shape.dim:
        which = dim.WhichOneof("value")
        if which == "dim_param":
            context.check_text(where, dim.dim_param)
        if which == "dim_value" and dim.dim_value >= 0:
            symbols.append(dim.dim_value)
        elif which == "dim_param" and dim.dim_param.strip() not in ("", "?", "-1", "*"):
            symbols.append(dim.dim_param)
        else:
            symbols.append(None)
    shape = tuple(symbol if isinstance(symbol, int) else None for symbol in symbols)
    return TensorType(dtype, shape, container=container), tuple(symbols)


def read_attribute(
    proto: "onnx.AttributeProto", context: Context, where: str
) -> AttributeValue | AttributeReference | None:
    """The value of an attribute, a reference to one of the call, or None for a kind that nothing reads."""
    context.check_text(where, proto.name, proto.ref_attr_name)
    if proto.ref_attr_name:
        return AttributeReference(proto.ref_attr_name)
    kind = proto.type or _kind_by_content(proto)
    if proto.type in (0, 3, 6, 7, 8) and (long := _long_list(proto.t, context)) is not None:
        return long
    if kind == 1:
        return float(proto.f)
    if kind == 2:
        return int(proto.i)
    if kind == 3:
        return proto.s.decode("utf-8", "backslashreplace")
    if kind == 4:
        return read_tensor(proto.t, context, f"{where}, attribute {shown(proto.name)}", is_constant_node=True)
    if kind == 6:
        return tuple(proto.floats)
    if kind == 7:
        return tuple(proto.ints)
    if kind == 8:
        return tuple(text.decode("utf-8", "backslashreplace") for text in proto.strings)
    if kind == 11:
        return read_sparse(proto.sparse_tensor, context, f"{where}, attribute {shown(proto.name)}")
    return None


def _long_list(mark: "onnx.TensorProto", context: Context) -> LongList | None:
    """The list that the reader left out of an attribute and marked by a tensor with its place among the lists."""
    is_marked = mark.data_location == 1 and [entry.key for entry in mark.external_data] == [""]
    if not is_marked or not re.fullmatch(r"[0-9]{1,9}", mark.name) or int(mark.name) >= len(context.lists):
        return None
    return context.lists[int(mark.name)]


def _kind_by_content(proto: "onnx.AttributeProto") -> int:
    """Attribute type of a file from before IR version 2, which did not say it."""
    for name, kind in (("floats", 6), ("ints", 7), ("strings", 8)):
        if getattr(proto, name):
            return kind
    for name, kind in (("t", 4), ("s", 3), ("i", 2), ("f", 1)):
        if proto.HasField(name):
            return kind
    return 0


def read_tensor(
    proto: "onnx.TensorProto", context: Context, where: str, is_constant_node: bool = False
) -> StoredTensor:
    """A stored tensor, with its values where they are few enough to be followed."""
    dtype = dtype_name(proto.data_type)
    if not dtype:
        raise context.malformed(where, f"element type {proto.data_type}", "one that ONNX defines")
    kind = _type_of(dtype, _checked_dims(proto.dims, context, where))
    if proto.data_location == 1:
        return StoredTensor(kind, None, is_constant_node, _external_place(proto, kind, context, where))
    elements = product(kind.dims)
    _check_small_payload(proto, kind, elements, context, where)
    is_float = "float" in dtype or "complex" in dtype
    followed = elements <= min(context.limits.value_elements, FLOAT_VALUE_ELEMENTS if is_float else elements)
    value = _value(proto, context, where) if followed and dtype != "string" else None
    return StoredTensor(kind, value, is_constant_node)


@lru_cache(maxsize=4096)
def _type_of(dtype: str, shape: tuple[int, ...]) -> TensorType:
    """One record for all tensors of a type and shape."""
    return TensorType(dtype, shape)


def _checked_dims(dims: Any, context: Context, where: str) -> tuple[int, ...]:
    context.limits.check("rank", len(dims), f"{context.path}: {where}")
    shape = tuple(dims)
    if any(dim < 0 for dim in shape):
        raise context.malformed(where, f"dims {list(shape)}", "none below 0")
    return shape


def _check_small_payload(
    proto: "onnx.TensorProto", kind: TensorType, elements: int, context: Context, where: str
) -> None:
    wanted = kind.bytes
    if proto.HasField("raw_data"):
        found = len(proto.raw_data)
        if wanted is not None and found != wanted:
            raise context.malformed(where, f"{found:,} bytes of data", f"{wanted:,} for {kind}")
        return
    # Elements that one entry of a typed field holds, or entries that one element takes.
    per_entry = {"complex64": 0.5, "complex128": 0.5}.get(
        kind.dtype, max(1, 8 // max(1, DTYPE_BITS.get(kind.dtype, 8)))
    )
    found = max(
        len(proto.float_data), len(proto.int32_data), len(proto.int64_data), len(proto.double_data),
        len(proto.uint64_data), len(proto.string_data),
    )  # fmt: skip
    low = -(-elements // per_entry) if per_entry >= 1 else elements * 2
    if found != low:
        raise context.malformed(where, f"{found:,} values", f"{int(low):,} for {kind}")


def _value(proto: "onnx.TensorProto", context: Context, where: str) -> "Array | None":
    from onnx import numpy_helper

    try:
        return numpy_helper.to_array(proto)
    except (ValueError, TypeError, OverflowError) as error:
        reason = " ".join(str(error).split())[:200]
        raise context.malformed(where, f"values that cannot be read ({reason})", "values of its element type") from None


def _external_place(
    proto: "onnx.TensorProto", kind: TensorType, context: Context, where: str
) -> tuple[str, int, int] | None:
    """(location, offset, length) of external data, which is checked as text and never opened; None where the reader
    left the payload out, which it marks by an entry without a key.
    """
    entries = {entry.key: entry.value for entry in proto.external_data}
    for key, value in entries.items():
        if type(key) is not str or type(value) is not str:
            context.check_text(f"{where}: external data", key, value)
    location = entries.get("location", "")
    if "" in entries and not location:
        return None
    if not _is_inside(location):
        raise context.malformed(
            where, f"external data location {shown(location)}", "the path of a file inside the model's folder"
        )
    numbers = {}
    for key in ("offset", "length"):
        text = entries.get(key, "")
        if text and not (len(text) <= 19 and text.isascii() and text.isdigit()):
            raise context.malformed(where, f"external data {key} {shown(text)}", "a whole number of bytes")
        numbers[key] = int(text) if text else -1
    wanted = kind.bytes
    if numbers["length"] >= 0 and wanted is not None and numbers["length"] != wanted:
        raise context.malformed(where, f"external data length {numbers['length']:,}", f"{wanted:,} for {kind}")
    length = wanted if wanted is not None else numbers["length"]
    return intern(location), max(0, numbers["offset"]), length


@lru_cache(maxsize=64)
def _is_inside(location: str) -> bool:
    """Whether a location is a relative path that stays inside the model's folder."""
    parts = re.split(r"[/\\]", location)
    is_relative = bool(location) and "\0" not in location and not location.startswith(("/", "\\"))
    return is_relative and ".." not in parts and ":" not in parts[0]


def read_sparse(proto: "onnx.SparseTensorProto", context: Context, where: str) -> StoredTensor:
    """A stored sparse tensor: its dense type, and how many values it holds."""
    dtype = dtype_name(proto.values.data_type)
    if not dtype:
        raise context.malformed(where, f"element type {proto.values.data_type}", "one that ONNX defines")
    kind = TensorType(dtype, _checked_dims(proto.dims, context, where))
    values = product(_checked_dims(proto.values.dims, context, where))
    if values > product(kind.dims):
        raise context.malformed(where, f"{values:,} values", f"at most {product(kind.dims):,} for {kind}")
    if proto.values.data_location == 1:
        _external_place(proto.values, TensorType(dtype, (values,)), context, where)
    return StoredTensor(kind, None, sparse_values=values)
