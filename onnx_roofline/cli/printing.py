"""What every command prints with: one-line messages, warnings, tables."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnx_roofline.analysis.analyze import Analysis
    from onnx_roofline.ir.graph import Notice
    from onnx_roofline.report.text_table import Screen

# Warnings printed; the JSON has them all.
SHOWN_WARNINGS = 10
# Columns of a table that does not go to a terminal, where COLUMNS doesn't say.
PLAIN_WIDTH = 100


def one_line(text: str) -> str:
    """A message whose names from the file can't forge lines or move the cursor."""
    from onnx_roofline.base.text import visible

    return visible(text.replace("\n", " "), 2000)


def print_message(text: str) -> None:
    """One line to stderr, after the name of the program."""
    print(f"onnx-roofline: {one_line(text)}", file=sys.stderr)


def print_warnings(*analyses: "Analysis") -> None:
    """The first warnings of a model to stderr; of several analyses of it, what the ones before have not said."""
    said: set[str] = set()
    for analysis in analyses:
        found = [notice for notice in analysis.model.warnings if notice.message not in said]
        said.update(notice.message for notice in found)
        print_first(found)


def print_first(notices: "Sequence[Notice]") -> None:
    """The first notices but for one: absent weights warn nobody whose weights are not read; the JSON has it."""
    _print_notices([notice for notice in notices if notice.code != "external-data-missing"])


def _print_notices(notices: "Sequence[Notice]") -> None:
    for notice in notices[:SHOWN_WARNINGS]:
        where = f"{notice.where}: " if notice.where else ""
        print(one_line(f"warning: {where}{notice.message} [{notice.code}]"), file=sys.stderr)
    if len(notices) > SHOWN_WARNINGS:
        print(f"warning: {len(notices) - SHOWN_WARNINGS} more, all in the JSON", file=sys.stderr)


def print_first_line(analysis: "Analysis") -> None:
    """What the figures of a report rest on."""
    from onnx_roofline.report.header import first_line

    print(one_line(first_line(analysis)))


def screen(*, wide: bool = False) -> "Screen":
    """Stdout as a report sees it: its columns, and whether it has colours.

    A terminal's columns are its own, those of a pipe are COLUMNS, else 100. NO_COLOR takes colours away, FORCE_COLOR
    brings them to a pipe. Sources: no-color.org, force-color.org.
    """
    import os
    import shutil

    from onnx_roofline.report.text_table import Screen

    width = shutil.get_terminal_size((PLAIN_WIDTH, 24)).columns if sys.stdout.isatty() else _stated_width()
    is_able = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    has_colours = not os.environ.get("NO_COLOR") and bool(os.environ.get("FORCE_COLOR") or is_able)
    return Screen(width, has_colours, wide)


def _stated_width() -> int:
    import os

    text = os.environ.get("COLUMNS", "")
    return int(text) if text.isascii() and text.isdigit() and int(text) else PLAIN_WIDTH


def _is_figure(cell: str) -> bool:
    """Whether a cell is a number with its unit, or stands for one that is not known."""
    return cell in ("–", "?", "") or (cell[0].isdigit() and len(cell.split()) <= 4)


def print_table(headers: Sequence[str], rows: "Sequence[Sequence[str]]") -> None:
    """A table to stdout, figures at their right; long cells wrap and are never cut."""
    from onnx_roofline.report.text_table import Column, Table, table_lines

    by_column = list(zip(*rows, strict=True)) or [()] * len(headers)
    columns = [
        Column(str(number), header, is_left=not all(map(_is_figure, cells)), wraps=True)
        for number, (header, cells) in enumerate(zip(headers, by_column, strict=True))
    ]
    cells = [{str(number): cell for number, cell in enumerate(row)} for row in rows]
    for line in table_lines(Table("", columns, cells), screen()):
        print(line)
