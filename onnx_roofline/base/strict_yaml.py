"""Strict reading of small YAML files: every value keeps its line, everything surprising is refused.

PyYAML's own loaders keep the last of two equal keys, read `312e12` as a text and `12:30` as a number, follow alias
bombs and merge keys, and recurse into nested input. So only its parser is used here: the events are walked without
recursion, scalars stay texts until somebody asks for a number, and all problems are collected and raised together.

libyaml's parser, 18 times faster, reads the files that it reads like PyYAML's own and in which there is no problem;
PyYAML's has the others, so that a message is the same whether libyaml is there or not.
"""

import os
import re
import stat
from collections.abc import Collection
from pathlib import Path

from onnx_roofline.base.errors import ProfileError, RooflineError
from onnx_roofline.base.text import shown
from onnx_roofline.base.yaml_builder import Builder
from onnx_roofline.base.yaml_nodes import Node, Problems

# Limit of a file that a person writes. The parser takes up to 2.3 s for a hostile 1 MiB, so a second allows 256 KiB.
MAX_FILE_BYTES = 2**18

# libyaml 0.2.5 accepts a comment right behind the mark of a block scalar, which PyYAML 6 refuses.
_MARK_AND_COMMENT = re.compile(r"[|>][-+0-9]*#")


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


def parse(
    data: bytes,
    name: str,
    error: type[RooflineError] = ProfileError,
    until: Collection[str] | None = None,
    *,
    with_columns: bool = False,
) -> Node:
    """The root of a YAML document in memory; `name` stands in the messages. As `read` otherwise.

    With `until`, reading ends where the root has these keys; what follows them is not looked at.

    >>> parse(b"a: 1\\nb: 2\\nc: [", "f.yaml", until=("b",)).entries.keys()
    dict_keys(['a', 'b'])
    """
    problems = Problems(name, with_columns=with_columns)
    root = None
    if (text := _decoded(data, problems)) is not None:
        root = _parse_by_libyaml(text, Problems(name, with_columns=with_columns), until) or _parse_text(
            text, problems, until
        )
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


def _parse_by_libyaml(text: str, problems: Problems, until: Collection[str] | None) -> Node | None:
    """The root of a document without a problem; None where PyYAML's own parser is to say what is wrong with it."""
    import yaml

    # libyaml counts the lines of the last, unfinished line and of other line breaks than LF differently.
    has_plain_lines = text.endswith("\n") and text.replace("\n", "").isprintable()
    if not yaml.__with_libyaml__ or not has_plain_lines or _MARK_AND_COMMENT.search(text):
        return None
    builder = Builder(problems, until)
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            # It has an absent value before the next token, which may be on a later line, PyYAML behind the last;
            # and it accepts a question mark in a plain text inside brackets.
            is_odd = isinstance(event, yaml.ScalarEvent) and not event.style and (not event.value or "?" in event.value)
            if is_odd or not builder.take(event):
                return None
            if builder.has_all:
                break
    except (yaml.YAMLError, ValueError, OverflowError):
        return None
    return None if problems else builder.root


def _parse_text(text: str, problems: Problems, until: Collection[str] | None) -> Node | None:
    """The root of a document by PyYAML's own parser, or None when reading on makes no sense (a problem says why)."""
    import yaml

    builder = Builder(problems, until)
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            if not builder.take(event):
                return None
            if builder.has_all:
                break
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
