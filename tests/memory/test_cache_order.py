"""Rows that a run adds before, between and behind those of a cache, and pieces of a cache that are joined again.

Only what lies where it lay is written in place. All figures by hand.
"""

from pathlib import Path

import pytest
from test_cache_paths import NEW, OLD, ROW, TURN, analyzed, caches_of, moved

AXIS = "ax = Constant <value_ints = [2]> ()  "


def decode(steps: str) -> str:
    """A query and the keys of `all`, which `steps` make of the past and a new row."""
    return f"""g ({NEW} q, {NEW} k, {OLD} past) => (y, all) {{
        new = Relu (k)  {AXIS} {steps}  keys = {TURN} (all)  y = MatMul (q, keys)
    }}"""


def sliced(name: str, start: int, end: int, of: str = "past") -> str:
    return (
        f"{name}s = Constant <value_ints = [{start}]> ()  {name}e = Constant <value_ints = [{end}]> ()  "
        f"{name} = Slice ({of}, {name}s, {name}e, ax)  "
    )


@pytest.mark.parametrize(
    ("steps", "concat"),
    [
        ("all = Concat <axis = 2> (past, new)", 2 * ROW),  # behind: a row in, a row out
        ("all = Concat <axis = 2> (new, past)", 2 * 100 * ROW),  # before: every row moves by one
        (sliced("a", 0, 40) + sliced("b", 40, 99) + "all = Concat <axis = 2> (a, new, b)", 2 * 100 * ROW),  # between
        (sliced("a", 1, 99) + "all = Concat <axis = 2> (new, a)", 2 * 99 * ROW),  # a window that slides backwards
    ],
)
def test_rows_before_a_past_move_all_of_it(steps: str, concat: int, tmp_path: Path) -> None:
    analysis = analyzed(tmp_path, decode(steps))
    assert moved(analysis, "Concat") == [concat]
    assert caches_of(analysis).inputs == {"past"}
    assert caches_of(analysis).new_bytes("", "all") == ROW
    (cache,) = analysis.summary.caches.found
    copied_by = [key for key in cache.copied_by if key.endswith(":Concat")]
    assert bool(copied_by) == (concat > 2 * ROW), "a copy is named"


@pytest.mark.parametrize(
    ("steps", "concat"),
    [
        (sliced("a", 0, 40) + sliced("b", 40, 99), 0),  # they lie so
        (sliced("a", 0, 60) + sliced("b", 40, 99), 2 * 119 * ROW),  # 20 rows twice
        (sliced("a", 40, 99) + sliced("b", 0, 40), 2 * 99 * ROW),  # turned round
        (sliced("a", 0, 40) + sliced("b", 50, 99), 2 * 89 * ROW),  # 10 rows left out
        (sliced("a", 0, 98) + "b = Identity (past)  ", 2 * 197 * ROW),  # a part and the whole of it
    ],
)
def test_pieces_are_joined_in_place_only_as_they_lie(steps: str, concat: int, tmp_path: Path) -> None:
    text = f"""g ({NEW} q, {OLD} past) => (y, z, both) {{
        {AXIS} {steps} whole = {TURN} (past)  z = MatMul (q, whole)
        both = Concat <axis = 2> (a, b)  keys = {TURN} (both)  y = MatMul (q, keys)
    }}"""
    analysis = analyzed(tmp_path, text)
    assert caches_of(analysis).inputs == {"past"}
    assert moved(analysis, "Concat") == [concat]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((0, 50), (50, 99), [2 * ROW] * 2),  # two halves of one buffer grow each by a row
        ((0, 60), (40, 99), [2 * 61 * ROW, 2 * 60 * ROW]),  # rows of one would lie in the other
        ((0, 98), (0, 98), [2 * 99 * ROW] * 2),
    ],
)
def test_parts_that_overlap_do_not_both_grow(
    first: tuple[int, int], second: tuple[int, int], expected: list[int], tmp_path: Path
) -> None:
    text = f"""g ({NEW} q, {NEW} k, {OLD} past) => (y, z, a_all, b_all) {{
        new = Relu (k)  other = Neg (k)  {AXIS} {sliced("a", *first)} {sliced("b", *second)}
        a_all = Concat <axis = 2> (a, new)  b_all = Concat <axis = 2> (b, other)
        ka = {TURN} (a_all)  kb = {TURN} (b_all)  y = MatMul (q, ka)  z = MatMul (q, kb)
    }}"""
    assert moved(analyzed(tmp_path, text), "Concat") == expected


def test_a_piece_that_its_kernel_reads_is_read_once(tmp_path: Path) -> None:
    """The Slice takes all 99 rows in the kernel of the Concat, which copies them: 99 in, then a row in, 100 out."""
    text = f"""g ({NEW} q, {NEW} k, {OLD} past) => (y, z, a_all, b_all) {{
        new = Relu (k)  other = Neg (k)  {AXIS} {sliced("a", 0, 99)} {sliced("b", 0, 99)}
        a_all = Concat <axis = 2> (a, new)  b_all = Concat <axis = 2> (b, other)
        ka = {TURN} (a_all)  kb = {TURN} (b_all)  y = MatMul (q, ka)  z = MatMul (q, kb)
    }}"""
    analysis = analyzed(tmp_path, text)
    assert moved(analysis, "Slice") == [99 * ROW + 3 * 8] * 2  # with start, end and axis
    assert moved(analysis, "Concat") == [101 * ROW] * 2
