"""Strict reading of small YAML files: every value keeps its line, everything surprising is refused.

PyYAML's own loaders keep the last of two equal keys, read `312e12` as a text and `12:30` as a number, follow alias
bombs and merge keys, and recurse into nested input. So only its parser is used here: the events are walked without
recursion, scalars stay texts until somebody asks for a number, and all problems are collected and raised together.
"""

import os
import re
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from msgspec import Struct, field

from onnx_roofline.base.errors import ProfileError, RooflineError
from onnx_roofline.base.problems import Problems
from onnx_roofline.base.text import MAX_KEY_CHARACTERS, did_you_mean, shown

if TYPE_CHECKING:
    from yaml.events import Event

# Limits of a file that a person writes. The parser takes up to 2.3 s for a hostile 1 MiB, so a second allows 256 KiB.
MAX_FILE_BYTES = 2**18
MAX_DEPTH = 32
MAX_NODES = 10_000

# Decimal number, optional fraction and exponent; no underscores, no base prefix, no leading zero (octal in YAML 1.1).
_NUMBER = re.compile(r"[+-]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?", re.ASCII)
_INTEGER = re.compile(r"0|[1-9][0-9]{0,17}", re.ASCII)

_NUMBER_HINTS = (
    (r"[+-]?\.?(inf|nan|infinity)", "a figure must be finite"),
    (r"[+-]?[0-9]+(:[0-9]+)+(\.[0-9]*)?", "write the number without colons"),
    (r"[+-]?0[xob][0-9a-f_]+", "write the number in decimal"),
    (r"[+-]?0[0-9]+(\.[0-9]*)?", "leave out the leading zero"),
    (r"[+-]?[0-9][0-9_,]*[_,][0-9_,.]*", "write the number without separators, with a point before the fraction"),
    (r"y|n|yes|no|on|off|true|false", "a switch is not a number"),
    (r"[+-]?[0-9.]+ *[a-zµ/]+", "leave out the unit: the key names it"),
)


class Node(Struct, frozen=True, eq=False):
    """A value of a YAML file with the line and the dotted path where it stands.

    The accessors report a value of the wrong type and return None (or nothing); a `refused` node was reported before
    and stays silent.
    """

    kind: Literal["scalar", "mapping", "sequence", "refused"]
    line: int
    path: str
    problems: Problems
    characters: str = ""
    quoted: bool = False
    entries: Mapping[str, "Node"] = field(default_factory=dict)
    items: tuple["Node", ...] = ()
    column: int = 0
    # where the key stands that this is the value of; line 0 for an item of a list
    key_line: int = 0
    key_column: int = 0

    def report(self, message: str) -> None:
        """Notes a problem of this value."""
        where = shown(self.path, 120, quotes=False)
        self.problems.add(self.line, f"{where}: {message}" if where else message, self.column)

    def report_key(self, message: str) -> None:
        """Notes a problem of the key that this is the value of, which stands before it."""
        where = shown(self.path, 120, quotes=False)
        self.problems.add(self.key_line or self.line, f"{where}: {message}", self.key_column or self.column)

    def mapping(self, known: Iterable[str] | None = None, required: Iterable[str] = ()) -> Mapping[str, "Node"]:
        """The entries under known keys; unknown and absent keys are reported. Empty when this is no mapping."""
        if self.kind != "mapping":
            self._wrong("a mapping (key: value)")
            return {}
        absent = [key for key in required if key not in self.entries]
        if absent:
            self.report(f"found no {', '.join(map(repr, absent))}, which must be there; add it")
        if known is None:
            return self.entries
        names = tuple(known)
        unknown = [key for key in self.entries if key not in names]
        for key in unknown[:20]:
            self.entries[key].report_key(f"found an unknown key{did_you_mean(key, names)}")
        if len(unknown) > 20:
            self.report(f"found {len(unknown) - 20} more unknown keys")
        return {key: node for key, node in self.entries.items() if key in names}

    def sequence(self) -> tuple["Node", ...]:
        """The items of a list; empty when this is no list."""
        if self.kind != "sequence":
            self._wrong("a list")
        return self.items

    def text(self, choices: Iterable[str] = ()) -> str | None:
        """The text of a scalar; with `choices`, one of them."""
        allowed = tuple(choices)
        wanted = f"one of {', '.join(allowed)}" if allowed else "a text"
        if self.kind != "scalar" or not self.characters:
            self._wrong(wanted)
            return None
        if not self.characters.isprintable():
            self._wrong(f"{wanted} on one line, without control characters")
            return None
        if allowed and self.characters not in allowed:
            self._wrong(f"{wanted}{did_you_mean(self.characters, allowed, listed=False)}")
            return None
        return self.characters

    def number(self, *, minimum: float = 1e-6, maximum: float = 1e18, zero: bool = False) -> float | None:
        """A finite number between two limits, or 0 where `zero` allows it; `312e12` and `3.12e+14` are numbers."""
        wanted = "0 or a number greater than 0" if zero else "a number greater than 0"
        if self.kind != "scalar" or self.quoted or not _NUMBER.fullmatch(self.characters):
            self._wrong(f"{wanted}{self._number_hint()}")
            return None
        value = float(self.characters)
        if zero and value == 0:
            return 0.0
        if not minimum <= value <= maximum:
            limits = "" if value <= 0 else f", between {minimum:g} and {maximum:g} in the unit of the key"
            self._wrong(f"{wanted}{limits}")
            return None
        return value

    def integer(self, *, minimum: int = 0) -> int | None:
        """A whole number in plain decimal digits."""
        if self.kind == "scalar" and not self.quoted and _INTEGER.fullmatch(self.characters):
            value = int(self.characters)
            if value >= minimum:
                return value
        self._wrong(f"a whole number of at least {minimum}")
        return None

    def boolean(self) -> bool | None:
        """`true` or `false`, unquoted; the other spellings of YAML 1.1 are refused."""
        if self.kind == "scalar" and not self.quoted and self.characters in ("true", "false"):
            return self.characters == "true"
        self._wrong("true or false")
        return None

    def _wrong(self, wanted: str) -> None:
        if self.kind != "refused":
            self.report(f"found {self._found()}, wanted {wanted}")

    def _found(self) -> str:
        if self.kind != "scalar":
            return "a mapping" if self.kind == "mapping" else "a list"
        if not self.characters and not self.quoted:
            return "nothing"
        return f"the quoted text {shown(self.characters)}" if self.quoted else shown(self.characters)

    def _number_hint(self) -> str:
        if self.kind != "scalar":
            return ""
        if self.quoted and _NUMBER.fullmatch(self.characters):
            return "; leave out the quotes"
        head = self.characters[:80].lower()
        return next((f"; {hint}" for pattern, hint in _NUMBER_HINTS if re.fullmatch(pattern, head)), "")


def read(
    path: str | os.PathLike[str], error: type[RooflineError] = ProfileError, *, with_columns: bool = False
) -> Node:
    """The root of the YAML file at `path`. Raises `error` at once when it can't be read or is not YAML.

    Problems that leave the rest readable (a duplicate key, an anchor) are kept in `root.problems`, so that the caller
    adds its own and raises them together: `root.problems.raise_if_any(error)`.
    """
    problems = Problems(os.fspath(path))
    data = _file_bytes(Path(path), problems)
    problems.raise_if_any(error)
    return parse(data, os.fspath(path), error, with_columns=with_columns)


def parse(data: bytes, name: str, error: type[RooflineError] = ProfileError, *, with_columns: bool = False) -> Node:
    """The root of a YAML document in memory; `name` stands in the messages. As `read` otherwise."""
    problems = Problems(name, with_columns=with_columns)
    root = _parse_text(text, problems) if (text := _decoded(data, problems)) is not None else None
    if root is None:
        problems.raise_if_any(error)
        raise AssertionError("a document without a root has a problem")
    return root


def _decoded(data: bytes, problems: Problems) -> str | None:
    if len(data) > MAX_FILE_BYTES:
        problems.add(0, f"found more than {MAX_FILE_BYTES} bytes, wanted a file that a person wrote; shorten it")
        return None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as broken:
        line = data.count(b"\n", 0, broken.start) + 1
        problems.add(line, f"found byte 0x{data[broken.start]:02x}, which is not UTF-8; save the file as UTF-8")
        return None


def _file_bytes(path: Path, problems: Problems) -> bytes:
    """One byte more than the limit of a regular file; a FIFO, a device or a folder is refused before it is opened."""
    try:
        mode = os.stat(path).st_mode
        if not stat.S_ISREG(mode):
            what = "a folder" if stat.S_ISDIR(mode) else "a FIFO" if stat.S_ISFIFO(mode) else "a device or socket"
            problems.add(0, f"found {what}, wanted a regular YAML file")
            return b""
        # Non-blocking, should the file have become a FIFO since.
        with open(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as file:
            return file.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as failure:
        reason = getattr(failure, "strerror", None) or str(failure)
        problems.add(0, f"cannot be read: {reason}; wanted a YAML file at this path")
        return b""


def _parse_text(text: str, problems: Problems) -> Node | None:
    import yaml

    builder = _Builder(problems)
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            if not builder.take(event):
                return None
    except yaml.reader.ReaderError as broken:
        line = text.count("\n", 0, broken.position) + 1
        problems.add(line, "found a control character, which YAML does not allow; remove it")
        return None
    except yaml.MarkedYAMLError as broken:
        what = " ".join(part for part in (broken.context, broken.problem) if part)
        mark = broken.problem_mark
        place = (getattr(mark, "line", -1) + 1, getattr(mark, "column", -1) + 1)
        problems.add(place[0], f"is not YAML: {shown(what, 160, quotes=False)}", place[1])
        return None
    except (ValueError, OverflowError):
        problems.add(builder.line, "is not YAML: found an escape sequence or a version number that is out of range")
        return None
    if builder.root is None:
        problems.add(1, "found an empty file, wanted a mapping (key: value)")
    return builder.root


class _Frame:
    """A collection that is still open."""

    __slots__ = ("column", "entries", "has_key", "items", "key", "key_column", "key_line", "kind", "line", "path")

    def __init__(self, kind: Literal["mapping", "sequence"], line: int, column: int, path: str) -> None:
        self.kind, self.line, self.column, self.path = kind, line, column, path
        self.entries: dict[str, Node] = {}
        self.items: list[Node] = []
        self.key: str | None = None  # None with has_key: a key that was refused, whose value is dropped
        self.has_key = False
        self.key_line, self.key_column = line, column


class _Builder:
    """Builds the node tree from parser events with a stack of its own, so that nesting can't exhaust Python's."""

    def __init__(self, problems: Problems) -> None:
        self.problems = problems
        self.root: Node | None = None
        self.line = self.column = 1
        self._stack: list[_Frame] = []
        self._nodes = 0
        self._documents = 0

    def take(self, event: "Event") -> bool:
        """Takes one event; False when reading on makes no sense (a problem says why)."""
        from yaml import events

        self.line = getattr(event.start_mark, "line", 0) + 1
        self.column = getattr(event.start_mark, "column", 0) + 1
        if isinstance(event, events.DocumentStartEvent):
            self._documents += 1
            return self._documents == 1 or self._stop("found a second document, wanted one; remove the '---' line")
        if isinstance(event, events.CollectionEndEvent):
            self._end()
            return True
        if not isinstance(event, events.NodeEvent):
            return True
        self._nodes += 1
        if self._nodes > MAX_NODES:
            return self._stop(f"found more than {MAX_NODES} values, wanted a file that a person wrote; shorten it")
        path = self._child_path()
        if isinstance(event, events.AliasEvent):
            self.problems.add(
                self.line, f"found the alias *{shown(event.anchor or '', quotes=False)}; write the value out"
            )
            self._complete(self._node("refused", path))
            return True
        if event.anchor is not None:
            self.problems.add(self.line, f"found the anchor &{shown(event.anchor, quotes=False)}; write the value out")
        tag = getattr(event, "tag", None)
        if tag is not None:
            self.problems.add(self.line, f"found the tag {shown(tag)}; values need no tag, remove it")
        if isinstance(event, events.ScalarEvent):
            self._complete(self._node("scalar", path, event.value, is_quoted=event.style is not None))
            return True
        if len(self._stack) >= MAX_DEPTH:
            return self._stop(f"found values nested over {MAX_DEPTH} deep, wanted at most that; flatten the file")
        kind: Literal["mapping", "sequence"] = "mapping" if isinstance(event, events.MappingStartEvent) else "sequence"
        line, column = self._key_place() if self._stack and self._stack[-1].has_key else (self.line, self.column)
        self._stack.append(_Frame(kind, line, column, path))
        return True

    def _node(self, kind: Literal["scalar", "refused"], path: str, text: str = "", *, is_quoted: bool = False) -> Node:
        key_line, key_column = self._key_place()
        return Node(
            kind, self.line, path, self.problems, text, is_quoted,
            column=self.column, key_line=key_line, key_column=key_column,
        )  # fmt: skip

    def _key_place(self) -> tuple[int, int]:
        """Line and column of the key whose value comes next; zeros in a list, and at the root."""
        if not self._stack or not self._stack[-1].has_key:
            return 0, 0
        return self._stack[-1].key_line, self._stack[-1].key_column

    def _stop(self, message: str) -> bool:
        self.problems.add(self.line, message)
        return False

    def _child_path(self) -> str:
        if not self._stack:
            return ""
        parent = self._stack[-1]
        if parent.kind == "sequence":
            return f"{parent.path}[{len(parent.items)}]"
        if not parent.has_key:
            return parent.path
        key = parent.key if parent.key is not None else "?"
        return f"{parent.path}.{key}" if parent.path else key

    def _end(self) -> None:
        frame = self._stack.pop()
        key_line, key_column = self._key_place()
        node = Node(
            frame.kind, frame.line, frame.path, self.problems, entries=frame.entries, items=tuple(frame.items),
            column=frame.column, key_line=key_line, key_column=key_column,
        )  # fmt: skip
        self._complete(node)

    def _complete(self, node: Node) -> None:
        if not self._stack:
            self.root = node
            return
        parent = self._stack[-1]
        if parent.kind == "sequence":
            parent.items.append(node)
        elif not parent.has_key:
            parent.key, parent.has_key = self._key(node, parent), True
            parent.key_line, parent.key_column = node.line, node.column
        else:
            if parent.key is not None:
                parent.entries[parent.key] = node
            parent.has_key = False

    def _key(self, node: Node, parent: _Frame) -> str | None:
        """The text of a key, or None when the key is refused."""
        if node.kind == "refused":
            return None
        if node.kind != "scalar" or not node.characters:
            return self._refuse_key(node, f"found {node._found()} as a key, wanted a text")
        key = node.characters
        if key == "<<" and not node.quoted:
            return self._refuse_key(node, "found the merge key <<; write the entries out")
        if len(key) > MAX_KEY_CHARACTERS or not key.isprintable():
            return self._refuse_key(
                node, f"found the key {shown(key)}, wanted up to {MAX_KEY_CHARACTERS} printable characters"
            )
        if key in parent.entries:
            first = parent.entries[key].line
            return self._refuse_key(
                node, f"found the key {shown(key)} again (first at line {first}); keep one of the two"
            )
        return key

    def _refuse_key(self, node: Node, message: str) -> str | None:
        self.problems.add(node.line, message)
        return None
