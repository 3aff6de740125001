"""What every command prints with: one-line messages, warnings, tables."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from onnx_roofline.analysis.analyze import Analysis

# Warnings printed; the JSON has them all.
SHOWN_WARNINGS = 10
# Columns of a table that does not go to a terminal.
PLAIN_WIDTH = 200


def one_line(text: str) -> str:
    """A message whose names from the file can't forge lines or move the cursor."""
    from onnx_roofline.base.text import visible

    return visible(text.replace("\n", " "), 2000)


def print_message(text: str) -> None:
    """One line to stderr, after the name of the program."""
    print(f"onnx-roofline: {one_line(text)}", file=sys.stderr)


def print_warnings(analysis: "Analysis") -> None:
    """The first warnings of a model to stderr."""
    # Absent weights are no cause for a warning to someone whose weights are not read; the JSON has it.
    notices = [notice for notice in analysis.model.warnings if notice.code != "external-data-missing"]
    for notice in notices[:SHOWN_WARNINGS]:
        where = f"{notice.where}: " if notice.where else ""
        print(one_line(f"warning: {where}{notice.message} [{notice.code}]"), file=sys.stderr)
    if len(notices) > SHOWN_WARNINGS:
        print(f"warning: {len(notices) - SHOWN_WARNINGS} more, all in the JSON", file=sys.stderr)


def console() -> "Console":
    """A console on stdout that neither colours nor interprets names from a file."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else PLAIN_WIDTH
    return Console(highlight=False, markup=False, emoji=False, width=width)


def print_table(headers: Sequence[str], rows: "Sequence[Sequence[str]]") -> None:
    """A table to stdout; long cells wrap and are never cut."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for header in headers:
        table.add_column(header, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console().print(table)
