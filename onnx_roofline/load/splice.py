"""Copies an ONNX file with metadata on its nodes: entries are added at the wire level, every other byte stays as it is.

Two steps over the protobuf wire format: a plan of what is copied and what is put between, from which the lengths of the
messages around a node follow, then the copy. Payloads are passed over in the first and copied in blocks in the second,
so memory follows the number of nodes and not the weights.

Source: protobuf encoding (protobuf.dev/programming-guides/encoding) and the field numbers of onnx.proto3.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from msgspec import Struct, field

from onnx_roofline.base.errors import MalformedModelError
from onnx_roofline.load.fields import length_delimited, varint
from onnx_roofline.load.files import open_regular
from onnx_roofline.load.names import shown, shown_path
from onnx_roofline.load.windows import Reader, not_onnx, truncated

# Bytes copied at a time.
BLOCK_BYTES = 1 << 20
# Bytes of a key or a type that are looked at; ours are shorter.
_TEXT_BYTES = 256

# Field numbers: ModelProto.graph and .functions, GraphProto.node, FunctionProto.node, NodeProto.op_type, .attribute and
# .metadata_props, AttributeProto.name and .g, StringStringEntryProto.key and .value.
_MODEL_GRAPH, _MODEL_FUNCTION, _GRAPH_NODE, _FUNCTION_NODE = 7, 25, 1, 7
_OP_TYPE, _ATTRIBUTE, _METADATA = 4, 5, 9
_ATTRIBUTE_NAME, _BODY, _KEY, _VALUE = 1, 6, 1, 2


class NodeEntries(Struct, frozen=True):
    """What to add to one node: (key, value) pairs, and the entries of the graphs in its attributes, by attribute.

    `op_type` is what the node has to be.
    """

    op_type: str
    pairs: tuple[tuple[str, str], ...] = ()
    bodies: "Mapping[str, GraphEntries]" = field(default_factory=dict)


# The nodes of one graph or function by their index in the file.
GraphEntries = Mapping[int, NodeEntries]


class _Plan(Struct):
    """Bytes to write: literal ones, and (start, end) of those that are copied from the file."""

    pieces: list[bytes | tuple[int, int]] = field(default_factory=list)
    size: int = 0

    def copy(self, start: int, end: int) -> None:
        if end > start:
            self.pieces.append((start, end))
            self.size += end - start

    def put(self, literal: bytes) -> None:
        if literal:
            self.pieces.append(literal)
            self.size += len(literal)

    def put_message(self, number: int, body: "_Plan") -> None:
        self.put(varint(number << 3 | 2) + varint(body.size))
        self.pieces += body.pieces
        self.size += body.size


# What becomes of the length-delimited field `number` between two offsets: None to keep it, else its new content; an
# empty plan drops it.
_Change = Callable[[int, int, int], _Plan | None]
_DROPPED = _Plan()


def spliced(
    path: str, file_bytes: int, prefixes: tuple[str, ...], graph: GraphEntries, functions: Sequence[GraphEntries]
) -> Iterator[bytes]:
    """The bytes of the model in `path` with metadata on its nodes, in blocks.

    Entries of a node whose key begins with one of `prefixes` are replaced, whether it gets new ones or not. `functions`
    are in the order of the file, `file_bytes` is the size that it had when the entries were made. Raises
    MalformedModelError where the file is another one by now, NotAModelError where it ends too early.
    """
    label = shown_path(path)
    descriptor = open_regular(path, label)
    try:
        reader = Reader(partial(os.pread, descriptor), os.fstat(descriptor).st_size, label)
        if reader.size != file_bytes:
            raise _changed(label, f"{reader.size:,} bytes", f"{file_bytes:,}")
        for piece in _Splicer(reader, tuple(prefix.encode() for prefix in prefixes)).model(graph, functions).pieces:
            if isinstance(piece, bytes):
                yield piece
                continue
            for start in range(piece[0], piece[1], BLOCK_BYTES):
                yield reader.bytes_at(start, min(BLOCK_BYTES, piece[1] - start))
    finally:
        os.close(descriptor)


class _Splicer:
    """Plans of a file's messages, the outermost first."""

    def __init__(self, reader: Reader, prefixes: tuple[bytes, ...]) -> None:
        self._reader, self._prefixes = reader, prefixes
        # Nodes seen of each graph: a message that the file holds in parts is one graph.
        self._seen: dict[int, int] = {}

    def model(self, graph: GraphEntries, functions: Sequence[GraphEntries]) -> _Plan:
        """The whole file."""
        pending = iter(functions)

        def change(number: int, start: int, end: int) -> _Plan | None:
            if number == _MODEL_GRAPH:
                return self._nodes(_GRAPH_NODE, graph, start, end)
            if number == _MODEL_FUNCTION:
                return self._nodes(_FUNCTION_NODE, next(pending, {}), start, end)
            return None

        return self._rewritten(0, self._reader.size, change)

    def _nodes(self, node: int, entries: GraphEntries, start: int, end: int) -> _Plan:
        """A graph or function, whose nodes are its field `node`."""

        def change(number: int, start: int, end: int) -> _Plan | None:
            if number != node:
                return None
            index = self._seen.get(id(entries), 0)
            self._seen[id(entries)] = index + 1
            return self._node(entries.get(index), index, start, end)

        return self._rewritten(start, end, change)

    def _node(self, entries: NodeEntries | None, index: int, start: int, end: int) -> _Plan | None:
        bodies = {} if entries is None else entries.bodies
        op_type = b""

        def change(number: int, start: int, end: int) -> _Plan | None:
            nonlocal op_type
            if number == _OP_TYPE:
                op_type = self._reader.bytes_at(start, min(end - start, _TEXT_BYTES))
            elif number == _ATTRIBUTE and bodies:
                return self._attribute(bodies, start, end)
            elif number == _METADATA and self._text(_KEY, start, end).startswith(self._prefixes):
                return _DROPPED
            return None

        plan = self._rewritten(start, end, change)
        if entries is None:
            return plan if plan.size != end - start else None
        if op_type != entries.op_type.encode()[:_TEXT_BYTES]:
            found = shown(op_type.decode("utf-8", "backslashreplace"))
            raise _changed(f"{self._reader.path}: node {index}", f"op type {found}", shown(entries.op_type))
        for key, value in entries.pairs:
            entry = length_delimited(_KEY, key.encode()) + length_delimited(_VALUE, value.encode())
            plan.put(length_delimited(_METADATA, entry))
        return plan

    def _attribute(self, bodies: Mapping[str, GraphEntries], start: int, end: int) -> _Plan | None:
        name = self._text(_ATTRIBUTE_NAME, start, end).decode("utf-8", "backslashreplace")
        if name not in bodies:
            return None

        def change(number: int, start: int, end: int) -> _Plan | None:
            return self._nodes(_GRAPH_NODE, bodies[name], start, end) if number == _BODY else None

        return self._rewritten(start, end, change)

    def _rewritten(self, start: int, end: int, change: _Change) -> _Plan:
        """The message between two offsets with its length-delimited fields changed."""
        plan = _Plan()
        copied = offset = start
        while offset < end:
            at = offset
            number, payload, offset = self._field(at, end)
            new = None if payload is None else change(number, payload, offset)
            if new is None:
                continue
            plan.copy(copied, at)
            if new is not _DROPPED:
                plan.put_message(number, new)
            copied = offset
        plan.copy(copied, end)
        return plan

    def _field(self, at: int, end: int) -> tuple[int, int | None, int]:
        """(number, offset of its content if it is length-delimited, offset behind it) of the field at an offset."""
        tag, offset = self._reader.varint(at)
        payload = None
        wire = tag & 7
        if wire == 0:
            _, offset = self._reader.varint(offset)
        elif wire == 2:
            length, payload = self._reader.varint(offset)
            offset = payload + length
        elif wire in (1, 5):
            offset += 8 if wire == 1 else 4
        else:
            raise not_onnx(self._reader, at)
        if offset > end:
            raise truncated(self._reader, at, offset - at)
        return tag >> 3, payload, offset

    def _text(self, wanted: int, start: int, end: int) -> bytes:
        """The first bytes of a text field of a message; empty where it has none."""
        offset = start
        while offset < end:
            number, payload, offset = self._field(offset, end)
            if number == wanted and payload is not None:
                return self._reader.bytes_at(payload, min(offset - payload, _TEXT_BYTES))
        return b""


def _changed(where: str, found: str, wanted: str) -> MalformedModelError:
    return MalformedModelError(
        f"{where}: found {found}, wanted {wanted} as in the file that was analysed; it changed meanwhile: run it again"
    )
