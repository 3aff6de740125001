"""Records as JSON text: ASCII, the same for the same record, integers exact."""

import json
import re
from typing import Any

import msgspec

from onnx_roofline.base.json_bytes import indented

_ENCODER = msgspec.json.Encoder()
_NOT_ASCII = re.compile(r"[^\x00-\x7f]+")


def encode(value: Any) -> str:
    """JSON on one line. Characters outside ASCII, which can only be inside strings, are escaped.

    >>> encode({"name": "ä", "macs": 2**70})
    '{"name":"\\\\u00e4","macs":1180591620717411303424}'
    """
    try:
        text = _ENCODER.encode(value)
    except UnicodeEncodeError:
        # Half of a surrogate pair, as in the name of a file that is no Unicode: UTF-8 has none, an escape can say it.
        return json.dumps(msgspec.to_builtins(value), allow_nan=False, separators=(",", ":"))
    if text.isascii():
        return text.decode("ascii")
    return _NOT_ASCII.sub(lambda found: json.dumps(found[0])[1:-1], text.decode("utf-8"))


def encode_indented(value: Any) -> str:
    """JSON over many lines, with a newline at the end."""
    return indented(encode(value).encode("ascii")).decode("ascii") + "\n"
