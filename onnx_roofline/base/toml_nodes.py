"""One table of a TOML file as the nodes that a YAML file gives: values as texts, each with its line and column.

Python's tomllib judges what is valid and what values are, and says nothing of where they stand. The places are found by
a second walk over the text, which needs to know no more of TOML than where keys, strings, lists and tables begin.
"""

import re
import tomllib
from collections.abc import Iterator
from typing import Any

from onnx_roofline.base.errors import RooflineError, UsageError
from onnx_roofline.base.strict_yaml import MAX_FILE_BYTES
from onnx_roofline.base.text import shown
from onnx_roofline.base.yaml_nodes import Node, Problems

Path = tuple[str | int, ...]
Place = tuple[int, int]

_KEY = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')"""
_DOTTED = re.compile(rf"{_KEY}(?:\s*\.\s*{_KEY})*")
_PART = re.compile(_KEY)
_STRING = re.compile(r'''"""(?:[^\\]|\\.)*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:[^"\\\n]|\\.)*"|'[^'\n]*\'''', re.DOTALL)
_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)+")
_INLINE_BLANK = re.compile(r"[ \t]+")
_PLAIN = re.compile(r"[^,\]\}#\n]+")


def parse_table(data: bytes, name: str, table: tuple[str, ...], error: type[RooflineError] = UsageError) -> Node | None:
    """The table as a mapping node, None where the file doesn't have it.

    Raises `error` where the file is no TOML. Problems of what is read go to the node's `problems`, with columns.
    """
    problems = Problems(name, with_columns=True)
    if len(data) > MAX_FILE_BYTES:
        problems.add(0, f"found more than {MAX_FILE_BYTES} bytes, wanted a file that a person wrote; shorten it")
    try:
        text = data.decode("utf-8")
        document: Any = tomllib.loads(text)
    except UnicodeDecodeError as broken:
        problems.add(data.count(b"\n", 0, broken.start) + 1, "found bytes that are not UTF-8; save the file as UTF-8")
    except tomllib.TOMLDecodeError as broken:
        place = re.search(r"\(at line ([0-9]+), column ([0-9]+)\)", str(broken))
        line, column = (int(place[1]), int(place[2])) if place else (0, 0)
        what = str(broken).partition(" (at ")[0]
        problems.add(line, f"is not TOML: {shown(what, 160, quotes=False)}", column)
    problems.raise_if_any(error)
    for part in table:
        document = document.get(part) if isinstance(document, dict) else None
        if document is None:
            return None
    places = dict(_Walk(text).places())
    return _node(document, table, "", places, problems)


def _node(value: Any, path: Path, label: str, places: dict[Path, Place], problems: Problems) -> Node:
    # What stands in a table that only a longer header names has the place of the nearest thing around it.
    known = next((places[path[:end]] for end in range(len(path), -1, -1) if path[:end] in places), (1, 1))
    line, column = known
    if isinstance(value, dict):
        entries = {
            key: _node(item, (*path, key), f"{label}.{key}" if label else key, places, problems)
            for key, item in value.items()
        }
        return Node("mapping", line, label, problems, "", False, entries, (), column, line, column)
    if isinstance(value, list):
        items = tuple(_node(item, (*path, i), f"{label}[{i}]", places, problems) for i, item in enumerate(value))
        return Node("sequence", line, label, problems, "", False, {}, items, column, line, column)
    text = ("true" if value else "false") if isinstance(value, bool) else str(value)
    return Node("scalar", line, label, problems, text, False, {}, (), column, line, column)


class _Walk:
    """Walks the text of a valid TOML file and notes where each key and each item of a list begins."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lengths: dict[Path, int] = {}

    def places(self) -> Iterator[tuple[Path, Place]]:
        """(path, place) of every table, key and item."""
        table: Path = ()
        while self._skip(_BLANK):
            start = self.at
            if self.text[self.at] == "[":
                is_item = self.text.startswith("[[", self.at)
                self.at += 2 if is_item else 1
                table = self._resolved(self._key(), is_item=is_item)
                self.at = self.text.find("]", self.at) + (2 if is_item else 1)
                yield table, self._place(start)
            else:
                yield from self._pair(table)

    def _skip(self, pattern: re.Pattern[str]) -> bool:
        found = pattern.match(self.text, self.at)
        self.at = found.end() if found else self.at
        return self.at < len(self.text)

    def _place(self, at: int) -> Place:
        return self.text.count("\n", 0, at) + 1, at - self.text.rfind("\n", 0, at)

    def _key(self) -> tuple[str, ...]:
        self._skip(_INLINE_BLANK)
        found = _DOTTED.match(self.text, self.at)
        assert found is not None, "tomllib has read the file"
        self.at = found.end()
        return tuple(_unquoted(part) for part in _PART.findall(found[0]))

    def _resolved(self, parts: tuple[str, ...], *, is_item: bool) -> Path:
        """A header's path with the numbers of the list items that it goes through."""
        path: Path = ()
        for position, part in enumerate(parts):
            path = (*path, part)
            if is_item and position == len(parts) - 1:
                self.lengths[path] = self.lengths.get(path, 0) + 1
            if path in self.lengths:
                path = (*path, self.lengths[path] - 1)
        return path

    def _pair(self, table: Path) -> Iterator[tuple[Path, Place]]:
        start = self.at
        path = (*table, *self._key())
        yield path, self._place(start)
        self._skip(_INLINE_BLANK)
        self.at += 1  # the equals sign
        self._skip(_INLINE_BLANK)
        yield from self._value(path)

    def _value(self, path: Path) -> Iterator[tuple[Path, Place]]:
        opening = self.text[self.at]
        if opening not in "[{":
            found = _STRING.match(self.text, self.at) or _PLAIN.match(self.text, self.at)
            self.at = found.end() if found else self.at + 1
            return
        self.at += 1
        number = 0
        while self._skip(_BLANK) or self.at < len(self.text):
            character = self.text[self.at]
            if character in "]}":
                self.at += 1
                return
            if character == ",":
                self.at += 1
            elif opening == "{":
                yield from self._pair(path)
            else:
                yield (*path, number), self._place(self.at)
                yield from self._value((*path, number))
                number += 1


def _unquoted(part: str) -> str:
    return next(iter(tomllib.loads(f"{part} = 0")))
