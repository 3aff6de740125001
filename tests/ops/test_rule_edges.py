"""Figures where a rule turns: a power of two, one window of two, an axis in the middle."""

import pytest
from rule_table import Row, check_row

from onnx_roofline.ir.records import Counts

F = "float32"
HEAD = (F, (1, 1, 4, 8))
MIDDLE = ((F, (2, 8, 100)),)


def windowed(**attributes: int) -> Row:
    """4 queries and 4 keys of 8: 16 scores in 4 rows; a window, whatever its side, is one bias that is added."""
    is_masked = any(size >= 0 for size in attributes.values())
    return Row("Attention", 25, (HEAD, HEAD, HEAD), (HEAD,), Counts(
        macs=16 * (8 + 8), muls=16, compares=16 - 4, adds=16 + 16 - 4 + 16 * is_masked, transcendentals=16, divs=16),
        attributes)  # fmt: skip


def sorted_once(elements: int, comparisons: int, domain: str = "") -> Row:
    """A merge sort of n elements compares each in ceil(log2 n) rounds."""
    operand, version = (F, (elements,)), 1 if domain else 11
    return Row("Unique", version, (operand,), (operand,), Counts(compares=elements * comparisons), status="heuristic",
        domain=domain)  # fmt: skip


ROWS = {
    "Attention with a left window": windowed(left_window_size=2),
    "Attention with a right window": windowed(right_window_size=2),
    "Attention with a left window of no key but its own": windowed(left_window_size=0),
    "Attention with both windows off": windowed(left_window_size=-1, right_window_size=-1),
    "Unique of 1": sorted_once(1, 0),
    "Unique of 2": sorted_once(2, 1),
    "Unique of 7": sorted_once(7, 3),
    "Unique of 8": sorted_once(8, 3),
    "Unique of 9": sorted_once(9, 4),
    "com.microsoft Unique of 8": sorted_once(8, 3, "com.microsoft"),
    # 4 slices of 3 elements: 2 rounds
    "Unique of 4 slices": Row("Unique", 11, ((F, (4, 3)),), ((F, (4, 3)),), Counts(compares=12 * 2), {"axis": 0},
        status="heuristic"),
    # 1600 elements in 2 * 100 rows of 8, or in 2 rows of 800
    "Softmax-13": Row("Softmax", 13, MIDDLE, MIDDLE, Counts(
        compares=1600 - 200, adds=2 * 1600 - 200, transcendentals=1600, divs=1600), {"axis": 1}),
    "Softmax-1": Row("Softmax", 1, MIDDLE, MIDDLE, Counts(
        compares=1600 - 2, adds=2 * 1600 - 2, transcendentals=1600, divs=1600), {"axis": 1}),
    "LogSoftmax-13": Row("LogSoftmax", 13, MIDDLE, MIDDLE, Counts(
        compares=1600 - 200, adds=3 * 1600 - 200, transcendentals=1600 + 200), {"axis": 1}),
    "LogSoftmax-1": Row("LogSoftmax", 1, MIDDLE, MIDDLE, Counts(
        compares=1600 - 2, adds=3 * 1600 - 2, transcendentals=1600 + 2), {"axis": 1}),
    "Hardmax-13": Row("Hardmax", 13, MIDDLE, MIDDLE, Counts(compares=1600 - 200), {"axis": 1}),
    "Hardmax-1": Row("Hardmax", 1, MIDDLE, MIDDLE, Counts(compares=1600 - 2), {"axis": 1}),
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS.values(), ids=list(ROWS))
def test_rule_gives_the_figures_of_its_specification(row: Row) -> None:
    check_row(row)
