"""Protobuf fields as bytes, and their sizes. Source: protobuf.dev/programming-guides/encoding."""


def varint(value: int) -> bytes:
    """A number of 0 or more in groups of seven bits.

    >>> varint(5), varint(300)
    (b'\\x05', b'\\xac\\x02')
    """
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)


def length_delimited(number: int, data: bytes) -> bytes:
    """A field of wire type 2: text, bytes or a message."""
    return b"".join((varint(number << 3 | 2), varint(len(data)), data))


def field_bytes(number: int, length: int) -> int:
    """The size of such a field with `length` bytes in it.

    >>> field_bytes(7, 300) == len(length_delimited(7, bytes(300)))
    True
    """
    return len(varint(number << 3 | 2)) + len(varint(length)) + length
