"""Tables as lines of text for a console of any width: which columns fit, what is cut or wrapped, what has a colour.

Colours are those of the terminal's own palette, so that they suit a dark and a light one, and only repeat what the
text says.
"""

import re
import textwrap
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct

from onnx_roofline.base.text import visible

# Select Graphic Rendition: bold, cyan, magenta, yellow, blue, red. Source: ECMA-48, 8.3.117.
_CODES: Mapping[str, str] = {
    "bold": "1", "memory": "36", "compute": "35", "launch": "33", "GPU": "34", "PIM": "31"
}  # fmt: skip
_GAP = "  "
# Characters of a cell with escapes.
_LONGEST = 2000
# Narrowest that a column whose cells wrap becomes where not even its longest word fits, and the longest word it keeps.
_NARROWEST, _LONGEST_WORD = 6, 40
# Where a word ends; a space behind a digit stands before a unit.
_WORD_ENDS = re.compile(r"(?<!\d)\s+")


class Screen(Struct, frozen=True):
    """Where a report is read: columns, whether it has colours, and whether every column is shown, however wide."""

    width: int
    has_colours: bool = False
    is_wide: bool = False

    def paint(self, text: str, style: str) -> str:
        """The text in a style, where there are colours."""
        code = _CODES.get(style, "")
        return f"\x1b[{code}m{text}\x1b[0m" if code and text and self.has_colours else text


class Column(Struct, frozen=True):
    """A column of a table: the key of its cells, its header, and the console that it is shown on.

    That has `least` columns (0: any), or room for it beside what is shown already.

    A cell is whole, but where the column `gives` (cut down to so many characters, at its end or where it `keeps_end` at
    its start) or wraps. `styles` are by the text of a cell.
    """

    key: str
    header: str
    least: int = 0
    is_left: bool = False
    gives: int = 0
    keeps_end: bool = False
    wraps: bool = False
    styles: Mapping[str, str] = {}


class Table(Struct, frozen=True):
    """A title, columns, and the cells of each row by the key of the column; a cell that is absent is empty."""

    title: str
    columns: Sequence[Column]
    rows: Sequence[Mapping[str, str]]
    has_headers: bool = True


def table_lines(table: Table, screen: Screen) -> Iterator[str]:
    """The lines of a table, none with blanks at its end, and an empty one after it.

    No name from a file can forge a line or move the cursor: control characters of a cell are escaped.
    """
    rows = [{key: _plain(cell) for key, cell in row.items()} for row in table.rows]
    filled = [column for column in table.columns if any(row.get(column.key) for row in rows)]
    columns, widths = _fitting(filled, rows, screen, table.has_headers)
    title = screen.paint(table.title, "bold") if table.title else ""
    hidden = len(filled) - len(columns)
    if title and hidden:
        title += f" · {hidden} column{'s' if hidden > 1 else ''} hidden, --wide"
    if title:
        yield title
    if table.has_headers:
        yield from _row_lines({column.key: column.header for column in columns}, columns, widths, screen)
        yield " " + "─" * (sum(widths) + len(_GAP) * (len(widths) - 1))
    for row in rows:
        yield from _row_lines(row, columns, widths, screen)
    yield ""


def _plain(cell: str) -> str:
    return cell if cell.isprintable() else visible(cell, _LONGEST)


def _row_lines(
    row: Mapping[str, str], columns: Sequence[Column], widths: Sequence[int], screen: Screen
) -> Iterator[str]:
    cells = [_cell_lines(row.get(column.key, ""), column, width) for column, width in zip(columns, widths, strict=True)]
    for number in range(max(map(len, cells), default=0)):
        parts = [lines[number] if number < len(lines) else "" for lines in cells]
        yield _line(zip(parts, columns, widths, strict=True), screen)


def _fitting(
    columns: Sequence[Column], rows: Sequence[Mapping[str, str]], screen: Screen, has_headers: bool
) -> tuple[list[Column], list[int]]:
    """The columns that are shown, and how wide each is: those of the least demand stay longest."""
    natural = {
        column.key: max(
            [columns_of(column.header) * has_headers, *(columns_of(row.get(column.key, "")) for row in rows)]
        )
        for column in columns
    }
    if screen.is_wide:
        return list(columns), [natural[column.key] for column in columns]
    shown = [column for column in columns if column.least <= screen.width]
    words = {column.key: _longest_word([column.header, *(row.get(column.key, "") for row in rows)])
             for column in columns if column.wraps}  # fmt: skip

    def least(column: Column) -> int:
        return min(natural[column.key], column.gives or words.get(column.key, natural[column.key]))

    def room() -> int:
        return screen.width - 1 - sum(len(_GAP) + least(column) for column in shown) + len(_GAP)

    while room() < 0 and any(column.least for column in shown):
        # Of several of the same demand the rightmost goes.
        shown.remove(max(reversed(shown), key=lambda column: column.least))
    if room() >= 0:
        shown = _filled_up(shown, columns, natural, screen.width)
    else:
        words = dict.fromkeys(words, _NARROWEST)
    spare = _shares([natural[column.key] - least(column) for column in shown], max(0, room()))
    return shown, [least(column) + more for column, more in zip(shown, spare, strict=True)]


def _filled_up(
    shown: Sequence[Column], columns: Sequence[Column], natural: Mapping[str, int], width: int
) -> list[Column]:
    """What is shown, with the next columns in the order of their demands that fit beside it with every cell whole."""
    taken = sum(len(_GAP) + natural[column.key] for column in shown) - len(_GAP) + 1
    found = list(shown)
    for column in sorted((one for one in columns if one not in shown), key=lambda one: one.least):
        taken += len(_GAP) + natural[column.key]
        if taken > width:
            break
        found.append(column)
    return [column for column in columns if column in found]


def _longest_word(cells: Iterable[str]) -> int:
    """Columns of the longest word; a number and its unit are one."""
    return min(_LONGEST_WORD, max(columns_of(word) for cell in cells for word in _WORD_ENDS.split(cell)))


def _shares(wanted: Sequence[int], room: int) -> list[int]:
    """Room handed out evenly, to nobody more than is wanted.

    >>> _shares([3, 0, 20], 13), _shares([5, 5], 4)
    ([3, 0, 10], [2, 2])
    """
    given = [0] * len(wanted)
    open_ones = sorted((index for index, want in enumerate(wanted) if want), key=lambda index: wanted[index])
    for position, index in enumerate(open_ones):
        given[index] = min(wanted[index], room // (len(open_ones) - position))
        room -= given[index]
    return given


def _cell_lines(text: str, column: Column, width: int) -> list[str]:
    if columns_of(text) <= width:
        return [text]
    if column.wraps:
        return textwrap.wrap(text, max(1, width), break_on_hyphens=False) or [""]
    return [cut(text, width, keeps_end=column.keeps_end)]


def _line(cells: Iterable[tuple[str, Column, int]], screen: Screen) -> str:
    parts = []
    for text, column, width in cells:
        padding = " " * (width - columns_of(text))
        painted = screen.paint(text, column.styles.get(text.rstrip("~"), ""))
        parts.append(painted + padding if column.is_left else padding + painted)
    return (" " + _GAP.join(parts)).rstrip()


def bar(value: float, longest: float, width: int) -> str:
    """A bar for a value beside one of the longest, of at least one block for what is something.

    >>> bar(5, 10, 4), bar(0.01, 10, 4), bar(0, 10, 4)
    ('██', '█', '')
    """
    return "█" * max(1, round(width * value / longest)) if value > 0 and longest > 0 else ""


def columns_of(text: str) -> int:
    """Columns of a terminal that a text takes: two for a wide character, none for one that combines.

    >>> columns_of("conv"), columns_of("中文")
    (4, 4)
    """
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def cut(text: str, width: int, *, keeps_end: bool = False) -> str:
    """A text of at most so many columns, without its end or, where that tells more, without its start.

    >>> cut("102:LayerNormalization", 12), cut("model/layers.0..7/q_proj", 12, keeps_end=True)
    ('102:LayerNo…', '…0..7/q_proj')
    """
    if columns_of(text) <= width:
        return text
    characters = text[::-1] if keeps_end else text
    room, kept = width - 1, 0
    for character in characters:
        room -= columns_of(character)
        if room < 0:
            break
        kept += 1
    return f"…{text[len(text) - kept :]}" if keeps_end else f"{text[:kept]}…"
