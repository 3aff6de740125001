"""A model's total by other counters' rules, as rows: what each counts, what it leaves out, and what we count for it."""

import csv
import io
from collections.abc import Iterator, Sequence

from onnx_roofline.base.errors import UsageError
from onnx_roofline.base.text import csv_cell, visible
from onnx_roofline.what_if.other_counters import CONVENTIONS, ConventionTotal, Line

HEADERS = ("there", "ours, 2 a MAC", "what", "why")
# Lines of what a counter leaves out; the CSV has them all.
SHOWN_LEFT_OUT = 8


def expand(names: Sequence[str]) -> tuple[str, ...]:
    """The conventions named, each once; `all` is every one.

    Raises UsageError for a name that is none.
    """
    wanted = [known for name in names for known in (CONVENTIONS if name == "all" else (name,))]
    for name in wanted:
        if name not in CONVENTIONS:
            raise UsageError(
                f"--convention {name}: found no such convention; there are {', '.join(CONVENTIONS)} and all"
            )
    return tuple(dict.fromkeys(wanted))


def headline(total: ConventionTotal) -> str:
    """One line: the convention, its total and unit, and where its rules were read.

    >>> headline(ConventionTotal("mac", "MACs", 1200, (), (), 3))
    "mac: at least 1,200 MACs, 3 ops without counts missing (torchvision's GFLOPS column, TF-slim's MACs)"
    """
    missing = f", {total.unknown_ops:,} ops without counts missing" if total.unknown_ops else ""
    least = "at least " if total.unknown_ops else ""
    return f"{total.name}: {least}{total.total:,} {total.unit}{missing} ({CONVENTIONS[total.name].source})"


def rows(total: ConventionTotal) -> list[tuple[str, str, str, str]]:
    """The lines that sum to the total, those that it leaves out, and both sums; ours in operations, two for a MAC."""
    found = [_row(f"{line.value:,}", line) for line in total.lines]
    found += [_row("–", line) for line in total.not_counted[:SHOWN_LEFT_OUT]]
    rest = total.not_counted[SHOWN_LEFT_OUT:]
    if rest:
        found.append(
            ("–", f"{sum(line.ours for line in rest):,}", f"{len(rest)} more kinds of ops", "not counted there")
        )
    ours = sum(line.ours for line in (*total.lines, *total.not_counted))
    return [*found, (f"{total.total:,}", f"{ours:,}", "sum", "")]


def _row(value: str, line: Line) -> tuple[str, str, str, str]:
    return value, f"{line.ours:,}", visible(line.label), visible(line.reason)


def write_csv(found: Sequence[ConventionTotal]) -> Iterator[str]:
    """Lines of the CSV, header first: plain integers, a row for each line; `there` is 0 for what is left out."""
    yield "convention,there,ours,what,why\n"
    for total in found:
        for line in (*total.lines, *total.not_counted):
            buffer = io.StringIO()
            cells = (total.name, line.value, line.ours, csv_cell(line.label), csv_cell(line.reason))
            csv.writer(buffer, lineterminator="\n").writerow(cells)
            yield buffer.getvalue()
