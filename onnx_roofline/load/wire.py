"""Reads an ONNX file without its weights: walks the protobuf wire format and leaves out the payload of large tensors.

The result is a small serialized ModelProto in which a skipped tensor keeps its name, type and dims and is marked
EXTERNAL without a location. The file is read through windows, so memory follows the graph and not the weights, and a
file that shrinks meanwhile is an error and not a crash.

Source: protobuf encoding (protobuf.dev/programming-guides/encoding) and the field numbers of onnx.proto3.
"""

import os
import stat
from dataclasses import dataclass, field

from onnx_roofline.errors import MalformedModelError, NotAModelError
from onnx_roofline.load.limits import Limits
from onnx_roofline.units import DTYPE_BITS, ceil_div, dtype_name, product

# A message up to this many bytes is copied whole: it can't hold a payload that is worth skipping.
SMALL_BYTES = 4096
# Bytes that one read fetches; larger than almost every run of small fields between two payloads.
WINDOW_BYTES = 1 << 16

# Which length-delimited fields of a message hold messages that can hold a tensor: {message: {field number: message}}.
_CHILDREN: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
# TensorProto: field number of each payload, and the bytes of one element where the encoding fixes it.
_PAYLOADS: dict[int, int | None] = {4: 4, 5: None, 6: None, 7: None, 9: None, 10: 8, 11: None}
_DIMS, _DATA_TYPE, _NAME, _RAW_DATA, _FLOAT_DATA, _DOUBLE_DATA = 1, 2, 8, 9, 4, 10
# TensorProto.data_location (field 14, varint) = EXTERNAL
_EXTERNAL_MARK = bytes((14 << 3, 1))


@dataclass(slots=True)
class Slim:
    """A file without its large payloads: `data` is a serialized ModelProto, `file_bytes` the size on disk."""

    data: bytes
    file_bytes: int
    skipped_bytes: int


@dataclass(slots=True)
class _Frame:
    """A message being copied: bytes from `copied` on are still to be copied, `parts` is what is ready."""

    kind: str
    end: int
    copied: int
    tag: int
    parts: list[bytes] = field(default_factory=list)
    tensor: "_TensorHead | None" = None


@dataclass(slots=True)
class _TensorHead:
    dims: list[int] = field(default_factory=list)
    data_type: int = 0
    name: str = ""
    payloads: dict[int, int] = field(default_factory=dict)


class _Reader:
    """Windowed reads of a regular file."""

    def __init__(self, descriptor: int, size: int, path: str) -> None:
        self.descriptor, self.size, self.path = descriptor, size, path
        self.base, self.window = 0, b""
        self.kept_bytes = 0

    def bytes_at(self, offset: int, length: int) -> bytes:
        """`length` bytes at `offset`, from the window where they are in it."""
        start = offset - self.base
        if 0 <= start and start + length <= len(self.window):
            return self.window[start : start + length]
        if length > WINDOW_BYTES:
            data = self._pread(offset, length)
            if len(data) < length:
                raise _truncated(self, offset, length)
            return data
        self.base, self.window = offset, self._pread(offset, WINDOW_BYTES)
        if len(self.window) < length:
            raise _truncated(self, offset, length)
        return self.window[:length]

    def _pread(self, offset: int, length: int) -> bytes:
        parts = []
        while length > 0:
            data = os.pread(self.descriptor, length, offset)
            if not data:
                break
            parts.append(data)
            offset, length = offset + len(data), length - len(data)
        return b"".join(parts)

    def varint(self, offset: int) -> tuple[int, int]:
        """The varint at `offset` and the offset behind it."""
        start = offset - self.base
        if not (0 <= start and start + 10 <= len(self.window)):
            self.bytes_at(offset, min(10, self.size - offset))
            start = offset - self.base
        window, value, shift = self.window, 0, 0
        for position in range(start, min(start + 10, len(window))):
            byte = window[position]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value, self.base + position + 1
            shift += 7
        if self.base + len(window) >= self.size and start + 10 > len(window):
            raise _truncated(self, offset, 1)
        raise _not_onnx(self, offset)


def _truncated(reader: _Reader, offset: int, wanted: int) -> NotAModelError:
    return NotAModelError(
        f"{reader.path}: is truncated or damaged: found the end of the file at byte {reader.size:,}, wanted {wanted:,} "
        f"bytes at byte {offset:,}; fetch or export the file again"
    )


def _not_onnx(reader: _Reader, offset: int) -> NotAModelError:
    return NotAModelError(
        f"{reader.path}: is not an ONNX model: found no valid protobuf field at byte {offset:,}; "
        "wanted a binary ONNX file"
    )


def read_slim(path: str, limits: Limits) -> Slim:
    """The model in `path` without the payload of tensors over 4 KiB.

    Raises NotAModelError for what is not a regular, complete, binary ONNX file, LimitError where the rest is larger
    than `limits.graph_bytes`, and MalformedModelError for a payload whose size contradicts its dims.
    """
    descriptor = _open_regular(path)
    try:
        size = os.fstat(descriptor).st_size
        reader = _Reader(descriptor, size, path)
        _refuse_other_kinds(reader)
        return _strip(reader, limits)
    finally:
        os.close(descriptor)


def _open_regular(path: str) -> int:
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        raise NotAModelError(f"{path}: found no such file; check the path") from None
    except (OSError, ValueError) as error:
        raise NotAModelError(f"{path!r}: cannot be opened: {error}") from None
    if not stat.S_ISREG(mode):
        raise NotAModelError(f"{path}: found {_kind_of_file(mode)}, wanted a regular .onnx file")
    try:
        # O_NONBLOCK: if a FIFO takes the file's place meanwhile, the open returns and fstat refuses it.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except OSError as error:
        raise NotAModelError(f"{path}: cannot be opened: {error.strerror}") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotAModelError(f"{path}: is not a regular file any more; wanted a regular .onnx file")
    return descriptor


def _kind_of_file(mode: int) -> str:
    names = (
        (stat.S_ISDIR, "a directory"),
        (stat.S_ISFIFO, "a FIFO"),
        (stat.S_ISCHR, "a character device"),
        (stat.S_ISBLK, "a block device"),
        (stat.S_ISSOCK, "a socket"),
    )
    return next((name for test, name in names if test(mode)), "a special file")


# First bytes of files that people pass by mistake, what they are, and what to do.
_OTHER_KINDS: tuple[tuple[bytes, str], ...] = (
    (b"version https://git-lfs", "a Git LFS pointer; run: git lfs pull"),
    (b"PK\x03\x04", "a zip archive (perhaps a PyTorch checkpoint); export the model with torch.onnx.export"),
    (b"\x80\x02", "a Python pickle (perhaps a PyTorch checkpoint); export the model with torch.onnx.export"),
    (b"\x80\x04", "a Python pickle; export the model with torch.onnx.export"),
    (b"GGUF", "a GGUF file; export the model to ONNX"),
    (b"\x89HDF", "an HDF5 file (perhaps Keras); convert it with tf2onnx"),
    (b"\x1f\x8b", "a gzip archive; unpack it first"),
    (b"ORTM", "an onnxruntime .ort file; pass the .onnx file that it was made from"),
    (b"<", "a text or markup file; wanted a binary ONNX file"),
)
_TEXT_ADVICE = "convert it: onnx.save(onnx.load(path, format={0!r}), 'model.onnx')"


def _refuse_other_kinds(reader: _Reader) -> None:
    if reader.size == 0:
        raise NotAModelError(f"{reader.path}: is empty (0 bytes), wanted a binary ONNX file; fetch or export it again")
    head = reader.bytes_at(0, min(reader.size, 512))
    for magic, meaning in _OTHER_KINDS:
        if head.startswith(magic) or head[4:].startswith(b"ORTM") and magic == b"ORTM":
            raise NotAModelError(f"{reader.path}: is {meaning}")
    if head[4:8] == b"TFL3":
        raise NotAModelError(f"{reader.path}: is a TensorFlow Lite file; convert it with tf2onnx")
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text.startswith(b"{"):
        raise NotAModelError(f"{reader.path}: is ONNX as JSON or another JSON file, wanted the binary form; "
                             + _TEXT_ADVICE.format("json"))  # fmt: skip
    if text.startswith((b"ir_version:", b"opset_import", b"graph {", b"producer_name:", b"# ")):
        raise NotAModelError(f"{reader.path}: is ONNX as text (textproto), wanted the binary form; "
                             + _TEXT_ADVICE.format("textproto"))  # fmt: skip
    if len(head) > 8 and head[8:10] == b'{"':
        raise NotAModelError(f"{reader.path}: is a safetensors file: it holds weights and no graph; export the model")


def _strip(reader: _Reader, limits: Limits) -> Slim:
    skipped = 0
    root = _Frame("model", reader.size, 0, 0)
    stack = [root]
    offset = 0
    while True:
        frame = stack[-1]
        if offset >= frame.end:
            _flush(reader, frame, offset, limits)
            if len(stack) == 1:
                break
            stack.pop()
            if frame.tensor is not None:
                _check_payload(reader, frame.tensor)
                if frame.tensor.payloads:
                    frame.parts.append(_EXTERNAL_MARK)
            body = b"".join(frame.parts)
            stack[-1].parts += (_varint(frame.tag), _varint(len(body)), body)
            stack[-1].copied = offset
            continue
        start = offset
        tag, offset = reader.varint(start)
        number, wire = tag >> 3, tag & 7
        if number == 0:
            raise _not_onnx(reader, start)
        if wire == 2:
            length, offset = reader.varint(offset)
            end = offset + length
            if end > frame.end:
                if frame.kind == "model" and not _looks_like_model(frame, start):
                    raise _not_onnx(reader, start)
                raise _truncated(reader, offset, length)
            if frame.tensor is not None:
                skipped += _tensor_field(reader, frame, number, start, offset, length, limits)
                offset = end
                continue
            child = _CHILDREN[frame.kind].get(number) if length > SMALL_BYTES else None
            if child is None:
                offset = end
                continue
            _flush(reader, frame, start, limits)
            stack.append(_Frame(child, end, offset, tag, tensor=_TensorHead() if child == "tensor" else None))
            # A graph inside an attribute inside a node: three messages a level.
            limits.check("nesting", len(stack) // 3 - 1, reader.path)
            continue
        if wire == 0:
            value, offset = reader.varint(offset)
            if frame.tensor is not None and number == _DATA_TYPE:
                frame.tensor.data_type = value
            elif frame.tensor is not None and number == _DIMS:
                frame.tensor.dims.append(value - (1 << 64) if value >> 63 else value)
            elif frame.tensor is not None and number in _PAYLOADS:
                # An unpacked numeric payload, one field an element: leave it out like a packed one.
                _flush(reader, frame, start, limits)
                frame.tensor.payloads[number] = frame.tensor.payloads.get(number, 0) + 1
                frame.copied = offset
        elif wire == 5 or wire == 1:
            offset += 4 if wire == 5 else 8
            if frame.tensor is not None and number in _PAYLOADS:
                _flush(reader, frame, start, limits)
                frame.tensor.payloads[number] = frame.tensor.payloads.get(number, 0) + (4 if wire == 5 else 8)
                frame.copied = offset
        else:
            raise _not_onnx(reader, start)
        if offset > frame.end:
            raise _truncated(reader, start, offset - start)
    return Slim(b"".join(root.parts), reader.size, skipped)


def _looks_like_model(frame: _Frame, offset: int) -> bool:
    """Whether anything before `offset` was plausible: an ONNX file starts with ir_version or another small field."""
    return bool(frame.parts) or offset > 0


def _flush(reader: _Reader, frame: _Frame, until: int, limits: Limits) -> None:
    length = until - frame.copied
    if length <= 0:
        return
    reader.kept_bytes += length
    limits.check("graph_bytes", reader.kept_bytes, reader.path)
    frame.parts.append(reader.bytes_at(frame.copied, length))
    frame.copied = until


def _tensor_field(
    reader: _Reader, frame: _Frame, number: int, start: int, offset: int, length: int, limits: Limits
) -> int:
    """Notes or leaves out a length-delimited field of a tensor; returns the bytes left out."""
    head = frame.tensor
    assert head is not None
    if number == _NAME:
        head.name = reader.bytes_at(offset, min(length, 200)).decode("utf-8", "backslashreplace")
    elif number == _DIMS:
        position, end = offset, offset + length
        while position < end:
            value, position = reader.varint(position)
            head.dims.append(value - (1 << 64) if value >> 63 else value)
    if number not in _PAYLOADS:
        return 0
    _flush(reader, frame, start, limits)
    head.payloads[number] = head.payloads.get(number, 0) + length
    frame.copied = offset + length
    return length


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
            f"{reader.path}: tensor {head.name!r}: found {found:,} bytes of data, wanted {wanted:,} for "
            f"{dtype_name(head.data_type)}{head.dims}; the file is damaged or was written by a faulty exporter"
        )


def _varint(value: int) -> bytes:
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)
