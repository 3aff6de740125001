"""Reads an ONNX file without its weights: walks the protobuf wire format and leaves out the payload of large tensors.

The result is a small serialized ModelProto in which a skipped tensor keeps its name, type and dims and is marked
EXTERNAL without a location. The file is read through windows, so memory follows the graph and not the weights, and a
file that shrinks meanwhile is an error and not a crash.

Source: protobuf encoding (protobuf.dev/programming-guides/encoding) and the field numbers of onnx.proto3.
"""

import os
import re
from collections.abc import Callable
from functools import partial

from msgspec import Struct, field

from onnx_roofline.base.errors import MalformedModelError
from onnx_roofline.base.units import DTYPE_BITS, INTEGER_DTYPES, ceil_div, dtype_name, product
from onnx_roofline.ir.graph import LongList
from onnx_roofline.load.fields import varint
from onnx_roofline.load.files import open_regular, refuse_other_kinds
from onnx_roofline.load.limits import Limits
from onnx_roofline.load.long_lists import FLOATS, INTS, LIST_FIELDS, SHORT_ENTRIES, STRINGS, ListHead
from onnx_roofline.load.names import shown, shown_path
from onnx_roofline.load.windows import Reader, not_onnx, truncated

# A message up to this many bytes is copied whole: it can't hold a payload that is worth skipping.
SMALL_BYTES = 4096

# Which length-delimited fields of a message hold messages that can hold a tensor: {message: {field number: message}}.
_CHILDREN: dict[str, dict[int, str]] = {
    "model": {7: "graph", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
# Fields that the format does not define, or that nothing here reads (doc strings, training graphs), are left out where
# they are large: {message: field numbers kept}.
_KEPT: dict[str, frozenset[int]] = {
    "model": frozenset({1, 2, 3, 4, 5, 7, 8, 14, 25, 26}),
    "graph": frozenset({1, 2, 5, 11, 12, 13, 14, 15, 16}),
    "function": frozenset({1, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14}),
    "node": frozenset({1, 2, 3, 4, 5, 7, 8, 9, 10}),
    "attribute": frozenset({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 14, 15, 20, 21, 22, 23}),
    "sparse": frozenset({1, 2, 3}),
    "tensor": frozenset({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 16}),
}
# Field number of the nodes of a message, to stop at the limit before anything is built.
_NODES = {"graph": 1, "function": 7}
# TensorProto: field numbers of the payloads.
_PAYLOADS = frozenset({4, 5, 6, 7, 9, 10, 11})
_DIMS, _DATA_TYPE, _NAME, _RAW_DATA, _FLOAT_DATA, _DOUBLE_DATA = 1, 2, 8, 9, 4, 10
# TensorProto.data_location (field 14, varint) = EXTERNAL, and an entry of external_data (field 13) without a key: the
# sign that the payload was left out here, which no real external tensor has.
_SKIPPED_MARK = bytes((14 << 3, 1, 13 << 3 | 2, 0))
# Runs of unpacked payload fields, which a faulty writer makes of a packed one: a tag byte and its value, by wire type.
_RUNS = {
    number << 3 | wire: re.compile(b"(?:" + re.escape(bytes((number << 3 | wire,))) + value + b")+", re.DOTALL)
    for number in _PAYLOADS
    for wire, value in ((0, b"[\x80-\xff]{0,9}[\x00-\x7f]"), (5, b".{4}"), (1, b".{8}"))
}
# Unpacked fields of AttributeProto that repeat: a float, a whole number.
_UNPACKED = frozenset({FLOATS << 3 | 5, INTS << 3})
# AttributeProto: the fields of one text and of one tensor. A longer text, such as a compiled engine, is left out.
_TEXT, _TENSOR, LONG_TEXT_BYTES = 4, 5, 1 << 16
# TensorProto.DataType of the entries of a list.
_STRING = 8
_LIST_TYPES = {FLOATS: 1, INTS: 7, STRINGS: _STRING}


class Slim(Struct):
    """A file without its large payloads: `data` is a serialized ModelProto, `file_bytes` the size on disk.

    `lists` are the long list attributes; each attribute holds the place of its own in a tensor marked as skipped.
    """

    data: bytes
    file_bytes: int
    skipped_bytes: int
    lists: tuple[LongList, ...] = ()


class _Frame(Struct):
    """A message being copied: bytes from `copied` on are still to be copied, `parts` is what is ready."""

    kind: str
    end: int
    copied: int
    tag: int
    parts: list[bytes] = field(default_factory=list)
    tensor: "_TensorHead | None" = None
    lists: dict[int, ListHead] = field(default_factory=dict)


class _TensorHead(Struct):
    dims: list[int] = field(default_factory=list)
    data_type: int = 0
    name: str = ""
    payloads: dict[int, int] = field(default_factory=dict)
    # first and last byte of the payload's fields, and whether nothing else lies between
    span: tuple[int, int] = (0, 0)
    is_contiguous: bool = True

    def add_payload(self, number: int, size: int, start: int, end: int) -> None:
        """Notes one field; raw_data is a single field, of which the format takes the last."""
        self.is_contiguous = not self.payloads or (self.is_contiguous and self.span[1] == start)
        self.span = (self.span[0] if self.payloads else start, end)
        self.payloads[number] = size + (0 if number == _RAW_DATA else self.payloads.get(number, 0))

    def is_followed(self, limits: Limits) -> bool:
        """Whether the values are to be kept: few integers, on which shapes may depend."""
        dtype = dtype_name(self.data_type)
        if dtype not in INTEGER_DTYPES or not self.is_contiguous or any(dim < 0 for dim in self.dims):
            return False
        # A varint takes at most 10 bytes and a tag.
        return product(self.dims) <= limits.value_elements and self.span[1] - self.span[0] <= 11 * (
            limits.value_elements + 1
        )


class _Reader(Reader):
    """A file with what is kept of it so far."""

    def __init__(self, read_at: Callable[[int, int], bytes], size: int, path: str) -> None:
        super().__init__(read_at, size, path)
        self.kept_bytes = self.nodes = 0
        self.lists: list[LongList] = []


def read_slim(path: str, limits: Limits) -> Slim:
    """The model in `path` without the payload of tensors over 4 KiB, save integers few enough to be followed.

    Raises NotAModelError for what is not a regular, complete, binary ONNX file, LimitError where the rest is larger
    than `limits.graph_bytes`, and MalformedModelError for a payload whose size contradicts its dims.
    """
    label = shown_path(path)
    descriptor = open_regular(path, label)
    try:
        return _slim_model(_Reader(partial(os.pread, descriptor), os.fstat(descriptor).st_size, label), limits)
    finally:
        os.close(descriptor)


def slim_bytes(data: bytes | bytearray | memoryview, label: str, limits: Limits) -> Slim:
    """The same of a model in memory, whose weights are not copied."""
    return _slim_model(_buffer(data, label), limits)


def slim_tensor(data: bytes, label: str, limits: Limits) -> tuple[bytes, int]:
    """A serialized TensorProto without its payload where that is large, and the bytes left out."""
    if len(data) <= SMALL_BYTES:
        return data, 0
    slim = _strip(_buffer(data, label), limits, "tensor")
    return slim.data, slim.skipped_bytes


def _buffer(data: bytes | bytearray | memoryview, label: str) -> _Reader:
    view = memoryview(data)
    if view.format != "B" or view.ndim != 1 or not view.c_contiguous:
        view = memoryview(view.tobytes())
    return _Reader(lambda length, offset: bytes(view[offset : offset + length]), len(view), label)


def _slim_model(reader: _Reader, limits: Limits) -> Slim:
    refuse_other_kinds(reader.bytes_at(0, min(reader.size, 512)), reader.path)
    return _strip(reader, limits, "model")


def _strip(reader: _Reader, limits: Limits, kind: str) -> Slim:
    skipped = 0
    root = _Frame(kind, reader.size, 0, 0, tensor=_TensorHead() if kind == "tensor" else None)
    stack = [root]
    offset = 0
    while True:
        frame = stack[-1]
        if offset >= frame.end:
            _flush(reader, frame, offset, limits)
            skipped += _finish_tensor(reader, frame, limits) + _finish_lists(reader, frame, limits)
            if len(stack) == 1:
                break
            stack.pop()
            body = b"".join(frame.parts)
            stack[-1].parts += (varint(frame.tag), varint(len(body)), body)
            stack[-1].copied = offset
            continue
        if frame.kind in _NODES:
            node_tag = _NODES[frame.kind] << 3 | 2
            room = limits.nodes - reader.nodes
            offset, nodes = reader.pass_small_fields(offset, frame.end, SMALL_BYTES, node_tag, room)
            reader.nodes += nodes
            if offset >= frame.end:
                continue
        start = offset
        tag, offset = reader.varint(start)
        number, wire = tag >> 3, tag & 7
        if number == 0 or wire not in (0, 1, 2, 5):
            raise not_onnx(reader, start)
        if wire == 2:
            length, offset = reader.varint(offset)
            end = offset + length
            if end > frame.end:
                if start == 0:
                    # an ONNX file starts with ir_version or another small field
                    raise not_onnx(reader, start)
                raise truncated(reader, offset, length)
            if number == _NODES.get(frame.kind):
                reader.nodes += 1
                limits.check("nodes", reader.nodes, reader.path)
            if frame.tensor is not None and number in _KEPT["tensor"]:
                _tensor_field(reader, frame, number, start, offset, length, limits)
                offset = end
                continue
            if frame.kind == "attribute" and number in LIST_FIELDS:
                offset = _list_fields(reader, frame, tag, start, offset, end, limits)
                continue
            if length <= SMALL_BYTES:
                offset = end
                continue
            if frame.kind == "attribute" and number == _TEXT and length > LONG_TEXT_BYTES:
                _leave_out(reader, frame, start, end, limits)
                frame.parts += _list_mark(reader, LongList(length), _STRING)
                skipped += length
                offset = end
                continue
            if number not in _KEPT[frame.kind]:
                _leave_out(reader, frame, start, end, limits)
                skipped += length
                offset = end
                continue
            child = _CHILDREN[frame.kind].get(number)
            if child is None:
                offset = end
                continue
            _flush(reader, frame, start, limits)
            stack.append(_Frame(child, end, offset, tag, tensor=_TensorHead() if child == "tensor" else None))
            # A graph inside an attribute inside a node: three messages a level.
            limits.check("nesting", (len(stack) - 2) // 3 if child == "graph" else 0, reader.path)
            continue
        if frame.kind == "attribute" and tag in _UNPACKED:
            offset = _list_fields(reader, frame, tag, start, offset, frame.end, limits)
            continue
        offset = _scalar_field(reader, frame, tag, start, offset, limits)
        if offset > frame.end:
            raise truncated(reader, start, offset - start)
    return Slim(b"".join(root.parts), reader.size, skipped, tuple(reader.lists))


def _scalar_field(reader: _Reader, frame: _Frame, tag: int, start: int, offset: int, limits: Limits) -> int:
    """The offset behind the value of a field of fixed width or a varint; notes what a tensor says."""
    number, wire = tag >> 3, tag & 7
    value = 0
    if wire == 0:
        value, offset = reader.varint(offset)
    else:
        offset += 4 if wire == 5 else 8
    head = frame.tensor
    if head is None or offset > frame.end:
        return offset
    if number in _PAYLOADS:
        # An unpacked payload has one field an element; the window's run of them is passed over at once.
        run = _RUNS[number << 3 | wire].match(reader.window, start - reader.base, frame.end - reader.base)
        offset = max(offset, reader.base + run.end()) if run else offset
        each = {0: 1, 5: 4, 1: 8}[wire]
        head.add_payload(number, (offset - start) // (each + 1) * each, start, offset)
        _leave_out(reader, frame, start, offset, limits)
    elif number == _DATA_TYPE and wire == 0:
        head.data_type = value
    elif number == _DIMS and wire == 0:
        _add_dim(reader, head, value, limits)
    return offset


def _add_dim(reader: _Reader, head: _TensorHead, value: int, limits: Limits) -> None:
    value &= (1 << 64) - 1
    head.dims.append(value - (1 << 64) if value >> 63 else value)
    limits.check("rank", len(head.dims), f"{reader.path}: tensor {shown(head.name)}")


def _leave_out(reader: _Reader, frame: _Frame, start: int, end: int, limits: Limits) -> None:
    _flush(reader, frame, start, limits)
    frame.copied = end


def _finish_tensor(reader: _Reader, frame: _Frame, limits: Limits) -> int:
    """Checks a tensor that ends and puts back a payload whose values are followed; returns the bytes left out."""
    head = frame.tensor
    if head is None or not head.payloads:
        return 0
    _check_payload(reader, head)
    start, end = head.span
    if head.is_followed(limits):
        frame.parts.append(reader.bytes_at(start, end - start))
        return 0
    frame.parts.append(_SKIPPED_MARK)
    return sum(head.payloads.values())


def _list_fields(reader: _Reader, frame: _Frame, tag: int, start: int, payload: int, end: int, limits: Limits) -> int:
    """The offset behind a run of fields of a list attribute, which is left out until its length is known."""
    number = tag >> 3
    head = frame.lists.setdefault(number, ListHead())
    if tag & 7 == 2 and number != STRINGS:
        if not head.add_packed(reader, number, start, payload, end):
            raise not_onnx(reader, start)
        offset = end
    else:
        offset = head.add_fields(reader, number, start, frame.end)
        if offset > frame.end:
            raise truncated(reader, start, offset - start)
    _leave_out(reader, frame, start, offset, limits)
    return offset


def _finish_lists(reader: _Reader, frame: _Frame, limits: Limits) -> int:
    """Puts back the short lists of an attribute that ends, marks the long ones; returns the bytes left out."""
    skipped = 0
    if sum(head.count > SHORT_ENTRIES for head in frame.lists.values()) > 1:
        raise MalformedModelError(
            f"{reader.path}: an attribute: found long lists of several kinds in it; wanted one; export the model again"
        )
    for number, head in frame.lists.items():
        if head.count > SHORT_ENTRIES:
            frame.parts += _list_mark(reader, head.finish(number), _LIST_TYPES[number])
            skipped += head.size_bytes
            continue
        for start, end in head.spans:
            _keep(reader, frame, start, end, limits)
    return skipped


def _list_mark(reader: _Reader, found: LongList, data_type: int) -> tuple[bytes, bytes, bytes]:
    """The tensor that stands in an attribute for a long list: its length, and its place among the lists as a name."""
    place = str(len(reader.lists)).encode()
    reader.lists.append(found)
    tensor = b"".join(
        (b"\x08", varint(found.count), b"\x10", varint(data_type), b"\x42", varint(len(place)), place, _SKIPPED_MARK)
    )
    return varint(_TENSOR << 3 | 2), varint(len(tensor)), tensor


def _flush(reader: _Reader, frame: _Frame, until: int, limits: Limits) -> None:
    _keep(reader, frame, frame.copied, until, limits)
    frame.copied = max(frame.copied, until)


def _keep(reader: _Reader, frame: _Frame, start: int, end: int, limits: Limits) -> None:
    if end <= start:
        return
    reader.kept_bytes += end - start
    limits.check("graph_bytes", reader.kept_bytes, reader.path)
    frame.parts.append(reader.bytes_at(start, end - start))


def _tensor_field(
    reader: _Reader, frame: _Frame, number: int, start: int, offset: int, length: int, limits: Limits
) -> None:
    """Notes what a length-delimited field of a tensor says; leaves it out if it is a payload."""
    head = frame.tensor
    assert head is not None
    if number == _NAME:
        head.name = reader.bytes_at(offset, min(length, 800)).decode("utf-8", "backslashreplace")
    elif number == _DIMS:
        position, end = offset, offset + length
        while position < end:
            value, position = reader.varint(position)
            _add_dim(reader, head, value, limits)
    elif number in _PAYLOADS:
        head.add_payload(number, length, start, offset + length)
        _leave_out(reader, frame, start, offset + length, limits)


def _check_payload(reader: _Reader, head: _TensorHead) -> None:
    """Raise if the payload's size contradicts the dims; encodings without a fixed width are not checked."""
    if any(dim < 0 for dim in head.dims):
        return  # the model's builder names the dim
    elements = product(head.dims)
    wanted = None
    if _RAW_DATA in head.payloads:
        found = head.payloads[_RAW_DATA]
        bits = DTYPE_BITS.get(dtype_name(head.data_type))
        wanted = None if bits is None else ceil_div(elements * bits, 8)
    elif _FLOAT_DATA in head.payloads and head.data_type == 1:
        found, wanted = head.payloads[_FLOAT_DATA], 4 * elements
    elif _DOUBLE_DATA in head.payloads and head.data_type == 11:
        found, wanted = head.payloads[_DOUBLE_DATA], 8 * elements
    if wanted is not None and found != wanted:
        raise MalformedModelError(
            f"{reader.path}: tensor {shown(head.name)}: found {found:,} bytes of data, wanted {wanted:,} for "
            f"{dtype_name(head.data_type)}{head.dims}; the file is damaged or was written by a faulty exporter"
        )
