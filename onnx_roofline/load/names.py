"""Names from the file: they are labels, may be empty, repeated or hostile, and are shown escaped and cut."""

import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx

# Characters of a name that a message shows.
SHOWN_CHARACTERS = 200
# Characters of a path that a message shows; Linux takes 4,095 bytes.
SHOWN_PATH = 1000


def shown(name: str) -> str:
    """The name quoted, with control and bidi characters escaped, cut at 200 characters.

    >>> shown("a" + chr(27) + "[0m"), shown("b" * 300)[-24:]
    ("'a\\\\x1b[0m'", "bbb'... (300 characters)")
    """
    if len(name) <= SHOWN_CHARACTERS:
        return repr(name)
    return f"{name[:SHOWN_CHARACTERS]!r}... ({len(name):,} characters)"


def shown_path(path: str) -> str:
    """The path as it is; quoted where it holds characters that can't be printed, cut where no file's is as long."""
    return shown(path) if len(path) > SHOWN_PATH else path if path.isprintable() else repr(path)


def is_mlir(path: str) -> bool:
    """Whether a file is MLIR by its name, as text or as bytecode."""
    return path.lower().endswith((".mlir", ".mlirbc"))


# Metadata of PyTorch's exporter that names the module an op belongs to.
_SCOPES_KEY = "pkg.torch.onnx.name_scopes"
# A Python list of plain strings, as the exporter writes it.
_SCOPE = re.compile(r"""'([^'\\]*)'|"([^"\\]*)\"""")
_SCOPE_LIST = re.compile(r"""\[(?:(?:'[^'\\]*'|"[^"\\]*")(?:, (?!\])|(?=\])))*\]""")


def module_path(node: "onnx.NodeProto") -> str:
    """Module that an op belongs to, `encoder/layer.0/attention`, from exporter metadata or a scope-style name.

    PyTorch's newer exporter writes the scopes as metadata; the older one, and TensorFlow's, as the node's name.
    """
    for entry in node.metadata_props:
        if entry.key == _SCOPES_KEY:
            return _module_of_scopes(entry.value)
    return _module_of_name(node.name.rpartition("/")[0])


@lru_cache(maxsize=1024)
def _module_of_name(prefix: str) -> str:
    """`/encoder//layer.0` -> `encoder/layer.0`: what stands before the last slash of a name."""
    return "/".join(part for part in prefix.split("/") if part)


def _module_of_scopes(text: str) -> str:
    """`['', 'encoder', 'encoder.layer.0', 'matmul']` -> `encoder/layer.0`; "" for text of another form.

    >>> _module_of_scopes("['', 'encoder', 'encoder.layer.0', 'matmul']")
    'encoder/layer.0'
    """
    if not isinstance(text, str) or not _SCOPE_LIST.fullmatch(text):
        return ""
    scopes = [single or double for single, double in _SCOPE.findall(text)]
    parts: list[str] = []
    previous = ""
    for scope in scopes[:-1]:
        if not scope or scope == previous:
            continue
        inside = previous and scope.startswith(previous + ".")
        parts.append(scope[len(previous) + 1 :] if inside else scope)
        previous = scope
    return "/".join(parts)
