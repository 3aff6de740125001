r"""JSON that programs of this package send and keep for one another: any name of a file comes back as it was.

A name that is no Unicode has halves of surrogate pairs, which UTF-8 can't hold and an escape can.

>>> decode_json(encode_json({"path": "caf\udce9"}), dict[str, str]) == {"path": "caf\udce9"}
True
"""

import json
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")


def encode_json(value: Any) -> bytes:
    """JSON on one line, UTF-8."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return json.dumps(msgspec.to_builtins(value), allow_nan=False).encode("ascii")


def indented(data: bytes) -> bytes:
    r"""JSON over many lines.

    >>> indented(rb'{"a": ["\udce9"]}')
    b'{\n "a": [\n  "\\udce9"\n ]\n}'
    """
    try:
        return msgspec.json.format(data, indent=1)
    except msgspec.DecodeError:
        return json.dumps(json.loads(data), indent=1).encode("ascii")


def decode_json(data: bytes, wanted: type[T]) -> T:
    """The value of a type. Raises msgspec.MsgspecError, RecursionError for what is no JSON or of another form."""
    try:
        return msgspec.json.decode(data, type=wanted)
    except (msgspec.DecodeError, UnicodeDecodeError):
        try:
            found = json.loads(data)
        except ValueError as error:
            raise msgspec.DecodeError(str(error)) from None
        return msgspec.convert(found, wanted)
