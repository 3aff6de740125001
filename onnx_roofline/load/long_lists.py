"""Long list attributes, read as arrays: a tree ensemble holds millions of numbers, one protobuf field each.

AttributeProto writes `floats`, `ints` and `strings` unpacked (proto2), one tag byte and one value an entry; some
writers pack them. Both forms are decoded a piece at a time, without a loop over the entries. Whole numbers are kept in
the narrowest type that holds them, texts as indices where few of them differ, floats are only counted.

Source: protobuf encoding (protobuf.dev/programming-guides/encoding) and the field numbers of onnx.proto3.
"""

from typing import TYPE_CHECKING

from msgspec import Struct, field

from onnx_roofline.ir.graph import LongList
from onnx_roofline.load.windows import Reader

if TYPE_CHECKING:
    import numpy as np

    from onnx_roofline.ir.graph import Ints

    Bytes = np.ndarray[tuple[int], np.dtype[np.uint8]]
    Flags = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]

# Fields of AttributeProto that repeat: floats, ints, strings.
FLOATS, INTS, STRINGS = 7, 8, 9
LIST_FIELDS = frozenset({FLOATS, INTS, STRINGS})
# Entries up to which a list stays as it is: rules may read it like any other.
SHORT_ENTRIES = 4096
# Bytes decoded at once.
PIECE_BYTES = 1 << 18
# Different texts up to which a list of texts is kept: the modes of a tree's nodes are eight.
DISTINCT_TEXTS = 16
_VARINT_BYTES = 10


class ListHead(Struct):
    """One list field of an attribute while it is read."""

    count: int = 0
    # first and last byte of each run of fields
    spans: list[tuple[int, int]] = field(default_factory=list)
    pieces: "list[Ints]" = field(default_factory=list)
    # the different texts, None where they are too many
    texts: dict[bytes, int] | None = field(default_factory=dict)

    @property
    def size_bytes(self) -> int:
        """Bytes of the fields."""
        return sum(end - start for start, end in self.spans)

    def add_fields(self, reader: Reader, number: int, start: int, end: int) -> int:
        """Takes the run of unpacked fields at `start`, all of one tag, and returns the offset behind it."""
        tag, offset = reader.varint(start)
        take = {FLOATS: self._floats, INTS: self._ints, STRINGS: self._texts}[number]
        offset = start
        while offset < end:
            piece = _array(reader.bytes_at(offset, min(PIECE_BYTES, end - offset)))
            taken = take(piece, tag)
            if not taken:
                break
            offset += taken
        if offset == start:
            offset = self._one_field(reader, number, start)
        self.spans.append((start, offset))
        return offset

    def add_packed(self, reader: Reader, number: int, start: int, payload: int, end: int) -> bool:
        """Takes a packed field; whether its bytes are whole entries."""
        self.spans.append((start, end))
        if number == FLOATS:
            self.count += (end - payload) // 4
            return (end - payload) % 4 == 0
        offset = payload
        while offset < end:
            piece = _array(reader.bytes_at(offset, min(PIECE_BYTES, end - offset)))
            taken = self._packed(piece)
            if not taken:
                return False
            offset += taken
        return True

    def _one_field(self, reader: Reader, number: int, start: int) -> int:
        """A field that is longer than a piece or whose tag takes more bytes than it needs."""
        import numpy as np

        _, offset = reader.varint(start)
        self.count += 1
        if number == FLOATS:
            return offset + 4
        value, offset = reader.varint(offset)
        if number == STRINGS:
            self.texts = None
            return offset + value
        self.pieces.append(np.array([value & (1 << 64) - 1], np.uint64).view(np.int64))
        return offset

    def _floats(self, piece: "Bytes", tag: int) -> int:
        rows = piece[: len(piece) // 5 * 5].reshape(-1, 5)
        taken = _leading(rows[:, 0] == tag)
        self.count += taken
        return 5 * taken

    def _ints(self, piece: "Bytes", tag: int) -> int:
        """Tags and values alternate; a tag is a varint of one byte itself."""
        import numpy as np

        ends = np.flatnonzero(piece < 0x80)
        pairs = len(ends) // 2
        tags, values = ends[: 2 * pairs : 2], ends[1 : 2 * pairs : 2]
        if not pairs or tags[0] or piece[0] != tag:
            return 0
        is_tag = piece[tags] == tag
        is_tag[1:] &= tags[1:] == values[:-1] + 1
        taken = _leading(is_tag)
        return self._varints(piece, values[:taken], values[:taken] - tags[:taken])

    def _packed(self, piece: "Bytes") -> int:
        import numpy as np

        ends = np.flatnonzero(piece < 0x80)
        return self._varints(piece, ends, np.diff(ends, prepend=-1))

    def _varints(self, piece: "Bytes", ends: "Ints", lengths: "Ints") -> int:
        """Takes the varints that end at `ends`; returns the bytes up to the last one."""
        import numpy as np

        longest = int(lengths.max()) if len(lengths) else 0
        if not 0 < longest <= _VARINT_BYTES:
            return 0
        # 4 bytes of 7 bits fit into 32.
        numbers: Ints = piece[ends].astype(np.uint32) if longest <= 4 else piece[ends].astype(np.uint64)
        for place in range(1, longest):
            more = np.flatnonzero(lengths > place)
            numbers[more] = (numbers[more] << 7) | (piece[ends[more] - place] & 0x7F)
        self.count += len(numbers)
        self.pieces.append(_narrow(numbers if longest <= 4 else numbers.view(np.int64)))
        return int(ends[-1]) + 1

    def _texts(self, piece: "Bytes", tag: int) -> int:
        """Tag, length below 128, text: where no text holds the tag's byte, every such byte begins an entry."""
        import numpy as np

        starts = np.flatnonzero(piece[:-1] == tag)
        lengths = piece[starts + 1].astype(np.int64)
        behind = starts + 2 + lengths
        if not len(starts) or starts[0]:
            return 0
        is_next = np.append(behind[:-1] == starts[1:], behind[-1] <= len(piece))
        taken = _leading(is_next & (lengths < 0x80))
        if taken < len(starts) - 1:
            return self._texts_one_by_one(piece.tobytes(), tag)
        if not taken:
            return 0
        self._keep_texts(piece, starts[:taken] + 2, lengths[:taken])
        self.count += taken
        return int(behind[taken - 1])

    def _keep_texts(self, piece: "Bytes", starts: "Ints", lengths: "Ints") -> None:
        import numpy as np

        codes = np.zeros(len(starts), np.uint8)
        for length in np.flatnonzero(np.bincount(lengths)).tolist():
            if self.texts is None:
                return
            rest = np.flatnonzero(lengths == length)
            while len(rest):
                first = int(starts[rest[0]])
                text = piece[first : first + length].tobytes()
                code = self._code(text)
                if code is None:
                    return
                same = _equal(piece, starts[rest], text)
                codes[rest[same]] = code
                rest = rest[~same]
        self.pieces.append(codes)

    def _texts_one_by_one(self, data: bytes, tag: int) -> int:
        import numpy as np

        codes, offset = bytearray(), 0
        while offset + 1 < len(data) and data[offset] == tag and data[offset + 1] < 0x80:
            behind = offset + 2 + data[offset + 1]
            if behind > len(data):
                break
            if self.texts is not None:
                code = self._code(data[offset + 2 : behind])
                if code is not None:
                    codes.append(code)
            self.count += 1
            offset = behind
        if self.texts is not None:
            self.pieces.append(np.frombuffer(bytes(codes), np.uint8))
        return offset

    def _code(self, text: bytes) -> int | None:
        """The index of a text among the different ones; None, and no text is kept any more, where they are too many."""
        if self.texts is None:
            return None
        code = self.texts.setdefault(text, len(self.texts))
        if code < DISTINCT_TEXTS:
            return code
        self.texts = None
        self.pieces.clear()
        return None

    def finish(self, number: int) -> LongList:
        """The list as the model keeps it."""
        import numpy as np

        if number == FLOATS or (number == STRINGS and self.texts is None):
            return LongList(self.count)
        numbers = np.concatenate(self.pieces) if self.pieces else np.empty(0, np.uint8)
        texts = tuple(text.decode("utf-8", "backslashreplace") for text in self.texts or ())
        return LongList(self.count, numbers, texts if number == STRINGS else ())


def _array(data: bytes) -> "Bytes":
    import numpy as np

    return np.frombuffer(data, np.uint8)


def _equal(piece: "Bytes", starts: "Ints", text: bytes) -> "Flags":
    """At which of the starts a text of this length is this one."""
    import numpy as np

    same = np.ones(len(starts), np.bool_)
    for place, byte in enumerate(text):
        same &= piece[starts + place] == byte
    return same


def _leading(holds: "Flags") -> int:
    """How many of the first entries hold."""
    return len(holds) if holds.all() else int(holds.argmin())


def _narrow(numbers: "Ints") -> "Ints":
    """Whole numbers in the narrowest signed type that holds them: beside -1, an unsigned one would wrap around."""
    import numpy as np

    low, high = (int(numbers.min()), int(numbers.max())) if len(numbers) else (0, 0)
    kinds = (np.int8, np.int16, np.int32, np.int64)
    fitting = next(kind for kind in kinds if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max)
    return numbers.astype(fitting, copy=False)
