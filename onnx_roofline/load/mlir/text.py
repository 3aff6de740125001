"""The text of an MLIR module without its weights, and in the subset that xDSL reads.

Bytes of tensors are left out where they are long; those of small resources are kept beside the text. Parameters of IREE
and aliases of locations, which xDSL has no parser for, become an empty resource and the name itself.
"""

import os
import re

from msgspec import Struct

from onnx_roofline.base.errors import LimitError, NotAModelError
from onnx_roofline.load.files import open_regular
from onnx_roofline.load.limits import Limits
from onnx_roofline.load.names import shown_path

# The key of a tensor whose bytes are left out, as MLIR's own --mlir-elide-elementsattrs-if-larger writes it.
ELIDED = "__elided__"
# First bytes of MLIR's bytecode.
_BYTECODE = b"ML\xefR"
# A dense literal up to this many characters is parsed; xDSL takes seconds for a megabyte.
_LITERAL_CHARACTERS = 1 << 16
# What needs a look: literals of tensors, strings, resources, and what xDSL can't read. Strings come first, so that
# nothing inside one is taken for the rest.
_TOKEN = re.compile(
    rb'dense<"0x[0-9A-Fa-f]*">'
    rb"|dense<(?P<literal>[^<>\"]*)>\s*:\s*tensor<(?P<dims>(?:[0-9]+x)*)"
    rb'|"(?:[^"\\]|\\.)*"'
    rb'|#stream\.parameter\.named<(?:"(?:[^"\\]|\\.)*"(?:::)?)+>'
    rb"|\bloc\((?P<alias>#loc[0-9]*)\)"
    rb"|(?m:^#loc[0-9]* = loc\([^\n]*\)$)"
    rb"|\{-#",
    re.DOTALL,
)
_ALIAS = re.compile(rb'(#loc[0-9]*) = loc\(("(?:[^"\\]|\\.)*")(?!:[0-9])')
_RESOURCE = re.compile(rb'(?:"((?:[^"\\]|\\.)*)"|([A-Za-z_][\w$.-]*)): "0x([0-9A-Fa-f]*)"')


class SlimText(Struct, frozen=True):
    """A module's text without long literals, the bytes of its small resources by key, and its size on disk."""

    text: str
    resources: dict[str, bytes]
    file_bytes: int


def read_text(path: str, limits: Limits) -> SlimText:
    """The text of a file.

    Raises NotAModelError for what is no text, LimitError where it is larger than `limits.graph_bytes`.
    """
    label = shown_path(path)
    descriptor = open_regular(path, label)
    with os.fdopen(descriptor, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size > limits.graph_bytes:
            raise LimitError(
                f"{label}: found {size:,} bytes, the limit is {limits.graph_bytes:,}; print it without weights, "
                f"iree-opt --mlir-elide-resource-strings-if-larger=8, or raise it with --limit graph_bytes={size}"
            )
        data = file.read(size + 1)
    if not data:
        raise NotAModelError(f"{label}: is empty (0 bytes), wanted an MLIR module; print it again")
    if data.startswith(_BYTECODE):
        raise NotAModelError(f"{label}: is MLIR bytecode, wanted text; print it with --mlir-print-op-generic")
    body, resources = _slim(data, limits)
    try:
        return SlimText(body.decode("utf-8"), resources, size)
    except UnicodeDecodeError as error:
        raise NotAModelError(f"{label}: is no MLIR text: found no UTF-8 at byte {error.start:,}") from None


def _slim(data: bytes, limits: Limits) -> tuple[bytes, dict[str, bytes]]:
    names = {match[1]: match[2] for match in _ALIAS.finditer(data)}
    parts: list[bytes] = []
    copied = 0
    for match in _TOKEN.finditer(data):
        found = match.group()
        if found == b"{-#":
            parts.append(data[copied : match.start()])
            return b"".join(parts), _resources(data[match.end() :], limits)
        if (other := _replaced(match, names, limits)) is None:
            continue
        parts += (data[copied : match.start()], other)
        copied = match.end()
    parts.append(data[copied:])
    return b"".join(parts), {}


def _replaced(match: "re.Match[bytes]", names: dict[bytes, bytes], limits: Limits) -> bytes | None:
    """What takes the place of a token; None where it stays."""
    found = match.group()
    elided = f"dense_resource<{ELIDED}>".encode()
    if match["literal"] is not None:
        elements = 1
        for dim in match["dims"].split(b"x")[:-1]:
            elements = min(elements * int(dim[:20]), limits.value_elements + 1)
        if elements <= limits.value_elements and len(match["literal"]) <= _LITERAL_CHARACTERS:
            return None
        return elided + found[found.index(b">") + 1 :]
    if found.startswith(b'dense<"'):
        return elided if len(found) > _LITERAL_CHARACTERS else None
    if found.startswith(b"#stream"):
        return elided
    if match["alias"] is not None:
        return b"loc(" + names.get(match["alias"], b"unknown") + b")"
    return b"" if found.startswith(b"#loc") else None


def _resources(data: bytes, limits: Limits) -> dict[str, bytes]:
    """Bytes of the resources that are small enough to be followed; the first four of each are its alignment."""
    longest = 2 * (4 + 8 * limits.value_elements)
    return {
        (quoted or bare).decode("utf-8", "backslashreplace"): bytes.fromhex(digits.decode())[4:]
        for quoted, bare, digits in _RESOURCE.findall(data)
        if 8 <= len(digits) <= longest and len(digits) % 2 == 0
    }
