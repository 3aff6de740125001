"""Windowed reads of a model: numbers and bytes at an offset, with errors that say what the file lacks."""

from collections.abc import Callable

from onnx_roofline.base.errors import NotAModelError

# Bytes that one read fetches; larger than almost every run of small fields between two payloads.
WINDOW_BYTES = 1 << 16


class Reader:
    """Windowed reads of a file or a buffer; `read_at` takes a length and an offset, and may give fewer bytes."""

    def __init__(self, read_at: Callable[[int, int], bytes], size: int, path: str) -> None:
        self.read_at, self.size, self.path = read_at, size, path
        self.base, self.window = 0, b""

    def bytes_at(self, offset: int, length: int) -> bytes:
        """`length` bytes at `offset`, from the window where they are in it."""
        start = offset - self.base
        if start >= 0 and start + length <= len(self.window):
            return self.window[start : start + length]
        if length > WINDOW_BYTES:
            data = self._read(offset, length)
            if len(data) < length:
                raise truncated(self, offset, length)
            return data
        self.base, self.window = offset, self._read(offset, WINDOW_BYTES)
        if len(self.window) < length:
            raise truncated(self, offset, length)
        return self.window[:length]

    def _read(self, offset: int, length: int) -> bytes:
        parts = []
        while length > 0:
            data = self.read_at(length, offset)
            if not data:
                break
            parts.append(data)
            offset, length = offset + len(data), length - len(data)
        return b"".join(parts)

    def pass_small_fields(self, offset: int, end: int, limit: int, counted: int, room: int) -> tuple[int, int]:
        """(offset behind the small length-delimited fields from `offset` on, how many of them have the tag `counted`).

        It stops at the end of the window or of the message, at a field of `limit` bytes or more, at any other kind of
        field or a long tag, and where `room` counted fields have passed.
        """
        window, base = self.window, self.base
        at, until, last = offset - base, end - base, len(window) - 2
        left = room
        while 0 <= at < last:
            tag, length = window[at], window[at + 1]
            if tag & 0x87 != 2 or tag < 8:
                break
            after = at + 2 + length
            if length > 0x7F:
                high = window[at + 2]
                if high >= limit >> 7:
                    break
                after = at + 3 + (length & 0x7F | high << 7)
            if after > until or (tag == counted and not left):
                break
            left -= tag == counted
            at = after
        return base + at, room - left

    def varint(self, offset: int) -> tuple[int, int]:
        """The varint at `offset` and the offset behind it."""
        start = offset - self.base
        if not (start >= 0 and start + 10 <= len(self.window)):
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
            raise truncated(self, offset, 1)
        raise not_onnx(self, offset)


def truncated(reader: Reader, offset: int, wanted: int) -> NotAModelError:
    """The refusal of a file that ends too early."""
    return NotAModelError(
        f"{reader.path}: is truncated or damaged: found the end of the file at byte {reader.size:,}, wanted {wanted:,} "
        f"bytes at byte {offset:,}; fetch or export the file again"
    )


def not_onnx(reader: Reader, offset: int) -> NotAModelError:
    """The refusal of bytes that are no protobuf field."""
    return NotAModelError(
        f"{reader.path}: is not an ONNX model: found no valid protobuf field at byte {offset:,}; "
        "wanted a binary ONNX file"
    )
