"""Attributes of MLIR ops as those of ONNX nodes, and dense tensors as stored ones."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct, field

from onnx_roofline.base.units import DTYPE_BITS, FLOAT_DTYPES, dtype_number, product
from onnx_roofline.ir.graph import LongList
from onnx_roofline.load.limits import Limits
from onnx_roofline.load.long_lists import SHORT_ENTRIES
from onnx_roofline.load.mlir.types import ValueType, dtype_of, value_type
from onnx_roofline.load.stored import FLOAT_VALUE_ELEMENTS

if TYPE_CHECKING:
    import onnx
    from xdsl.ir import Attribute

# AttributeProto.AttributeType of the lists.
_FLOATS, _INTS, _STRINGS = 6, 7, 8


class Resources(Protocol):
    """The bytes of resources by their keys; a dict is one."""

    def get(self, key: str, /) -> bytes | None:
        """The bytes of a resource; None where it has none."""
        ...


class Values(Struct):
    """What the tensors of one module hold: small resources by key, keys that are used twice, and long lists."""

    limits: Limits
    resources: Resources = field(default_factory=dict[str, bytes])
    shared: frozenset[str] = frozenset()
    lists: list[LongList] = field(default_factory=list)

    def tensor(self, value: "Attribute", name: str) -> "onnx.TensorProto | None":
        """A dense attribute as a tensor, with its values where they are few; None for an attribute of another kind."""
        from xdsl.dialects.builtin import DenseIntOrFPElementsAttr, DenseResourceAttr

        if not isinstance(value, DenseIntOrFPElementsAttr | DenseResourceAttr):
            return None
        kind = value_type(str(value.type))
        if kind.dims is None or None in kind.dims:
            return None
        dims = tuple(dim or 0 for dim in kind.dims)
        elements = product(dims)
        most = FLOAT_VALUE_ELEMENTS if kind.dtype in FLOAT_DTYPES else self.limits.value_elements
        if isinstance(value, DenseResourceAttr):
            key = value.resource_handle.data
            data = self.resources.get(key)
            bits = DTYPE_BITS.get(kind.dtype, 0)
            if data is not None and elements <= most and bits % 8 == 0 and len(data) * 8 == elements * bits:
                return _tensor(name, kind, dims, raw_data=data)
            return self.skipped(name, kind, dims, key if key in self.shared else "")
        if elements > most or kind.dtype not in DTYPE_BITS or kind.dtype.startswith("complex"):
            return self.skipped(name, kind, dims)
        import onnx

        numbers: Sequence[Any] = value.get_values()
        if kind.dtype == "bool":
            numbers = [bool(number) for number in numbers]
        return onnx.helper.make_tensor(name, dtype_number(kind.dtype), dims, numbers)

    def skipped(self, name: str, kind: ValueType, dims: Sequence[int], location: str = "") -> "onnx.TensorProto":
        """A tensor whose bytes are left out, as the reader of ONNX files marks it; `location` is shared with others."""
        import onnx

        proto = onnx.TensorProto(name=name, data_type=dtype_number(kind.dtype), dims=dims)
        proto.data_location = onnx.TensorProto.EXTERNAL
        entry = proto.external_data.add()
        if location:
            entry.key, entry.value = "location", location
        return proto

    def attribute(self, name: str, value: "Attribute", kind: int) -> "onnx.AttributeProto | None":
        """An attribute of a node; `kind` is what its operator says, 0 where that is not known.

        None for one that ONNX has no form for.
        """
        import onnx

        proto = onnx.AttributeProto(name=name)
        if kind in (_FLOATS, _INTS, _STRINGS) and (length := _left_out(value)) is not None:
            return self._marked(name, LongList(length), kind)
        tensor = self.tensor(value, "")
        if tensor is not None:
            proto.type = onnx.AttributeProto.TENSOR
            proto.t.CopyFrom(tensor)
            return proto
        found = _plain(value)
        if isinstance(found, list):
            return self._list(name, found, kind)
        elif isinstance(found, str) and _is_reference(value):
            proto.ref_attr_name = found
            proto.type = onnx.AttributeProto.FLOAT
        elif isinstance(found, float):
            proto.type, proto.f = onnx.AttributeProto.FLOAT, found
        elif isinstance(found, int):
            proto.type, proto.i = onnx.AttributeProto.INT, found
        elif isinstance(found, bytes):
            proto.type, proto.s = onnx.AttributeProto.STRING, found
        else:
            return None
        return proto

    def _list(self, name: str, items: "list[int | float | bytes]", kind: int) -> "onnx.AttributeProto":
        import onnx

        if any(not isinstance(item, int) for item in items):
            kind = _STRINGS if isinstance(items[0], bytes) else _FLOATS
        if len(items) > SHORT_ENTRIES:
            return self._marked(name, _long_list(items), kind)
        proto = onnx.AttributeProto(name=name)
        if kind == _STRINGS:
            proto.type = onnx.AttributeProto.STRINGS
            proto.strings.extend(item for item in items if isinstance(item, bytes))
        elif kind == _FLOATS:
            proto.type = onnx.AttributeProto.FLOATS
            proto.floats.extend(float(item) for item in items)
        else:
            proto.type = onnx.AttributeProto.INTS
            proto.ints.extend(int(item) for item in items)
        return proto

    def _marked(self, name: str, found: LongList, kind: int) -> "onnx.AttributeProto":
        """A list of that kind with a tensor in its place, as the reader of ONNX files marks a long one."""
        import onnx

        kinds = {_FLOATS: onnx.AttributeProto.FLOATS, _STRINGS: onnx.AttributeProto.STRINGS}
        proto = onnx.AttributeProto(name=name, type=kinds.get(kind, onnx.AttributeProto.INTS))
        proto.t.CopyFrom(self.skipped(str(len(self.lists)), ValueType("float32"), (found.count,)))
        self.lists.append(found)
        return proto


def _tensor(name: str, kind: ValueType, dims: Sequence[int], raw_data: bytes = b"") -> "onnx.TensorProto":
    import onnx

    return onnx.TensorProto(name=name, data_type=dtype_number(kind.dtype), dims=dims, raw_data=raw_data)


def _left_out(value: "Attribute") -> int | None:
    """Length of a list that is given as a resource."""
    from xdsl.dialects.builtin import DenseResourceAttr

    kind = value_type(str(value.type)) if isinstance(value, DenseResourceAttr) else ValueType()
    return kind.dims[0] if kind.dims is not None and len(kind.dims) == 1 else None


def _is_reference(value: "Attribute") -> bool:
    from xdsl.dialects.builtin import DictionaryAttr

    return isinstance(value, DictionaryAttr)


def _plain(value: "Attribute") -> "int | float | bytes | str | list[int | float | bytes] | None":
    """A number, a text, a list of either; the name of the attribute that a reference stands for as a str."""
    from xdsl.dialects.builtin import (
        ArrayAttr,
        BytesAttr,
        DenseArrayBase,
        DictionaryAttr,
        FloatAttr,
        IntegerAttr,
        StringAttr,
    )

    if isinstance(value, IntegerAttr):
        return int(value.value.data)
    if isinstance(value, FloatAttr):
        return float(value.value.data)
    if isinstance(value, StringAttr):
        return value.data.encode("utf-8", "surrogatepass")
    if isinstance(value, BytesAttr):
        return value.data
    if isinstance(value, DenseArrayBase):
        return list(value.get_values())
    if isinstance(value, ArrayAttr):
        items = [_plain(item) for item in value.data]
        kept = [item for item in items if isinstance(item, int | float | bytes)]
        return kept if len(kept) == len(items) else None
    if isinstance(value, DictionaryAttr):
        name = value.data.get("onnx.reference")
        return name.data if isinstance(name, StringAttr) else None
    # A type where ONNX has its number, as onnx-mlir writes Cast's `to`.
    number = dtype_number(dtype_of(str(value)))
    return number or None


def _long_list(items: "list[int | float | bytes]") -> LongList:
    import numpy as np

    if isinstance(items[0], bytes):
        codes: dict[bytes, int] = {}
        numbers = [codes.setdefault(item, len(codes)) for item in items if isinstance(item, bytes)]
        return LongList(
            len(items), np.array(numbers), tuple(text.decode("utf-8", "backslashreplace") for text in codes)
        )
    return LongList(len(items), None if isinstance(items[0], float) else np.array(items, np.int64))
