"""Equal rows in one: what repeats is said once, with how often, and with one name for all of it."""

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise, takewhile
from typing import TypeVar

Item = TypeVar("Item")

# Ways to spell one part of a path that a folded name lists before it says that there are others.
MOST_SPELLINGS = 4
# A number of a name; longer ones are no counters, and Python reads none of thousands of digits.
_NUMBER = re.compile(r"(?<![0-9])[0-9]{1,9}(?![0-9])")


def folded(items: Iterable[Item], same: Callable[[Item], object]) -> list[tuple[Item, ...]]:
    """Groups of items that are the same by a key, in the order of their first items.

    >>> folded(["a1", "b1", "a2"], lambda item: item[0])
    [('a1', 'a2'), ('b1',)]
    """
    groups: dict[object, list[Item]] = {}
    for item in items:
        groups.setdefault(same(item), []).append(item)
    return [tuple(group) for group in groups.values()]


def fold_names(names: Sequence[str]) -> str:
    """One path for several: numbers that differ as ranges, words that differ in braces, `...` where the parts differ.

    >>> fold_names([f"model/layers.{n}/mlp" for n in range(8)]), fold_names(["a/q", "a/k", "a/q"])
    ('model/layers.0..7/mlp', 'a/{q,k}')
    >>> fold_names(["a/b/c/norm", "a/d/norm", "a/norm"]), fold_names(["only"]), fold_names(["h.0", "h.1", "h.5"])
    ('a/.../norm', 'only', 'h.0..1,5')
    """
    distinct = list(dict.fromkeys(names))
    if len(distinct) == 1:
        return distinct[0]
    paths = [name.split("/") for name in distinct]
    if len({len(path) for path in paths}) == 1:
        return "/".join(_fold_parts(list(dict.fromkeys(parts))) for parts in zip(*paths, strict=True))
    head = _common(paths)
    tail = _common([path[len(head) :][::-1] for path in paths])
    return "/".join([*head, "...", *reversed(tail)])


def _common(paths: Sequence[Sequence[str]]) -> list[str]:
    """The parts that all paths begin with."""
    return [parts[0] for parts in takewhile(lambda parts: len(set(parts)) == 1, zip(*paths, strict=False))]


def _fold_parts(parts: Sequence[str]) -> str:
    """One spelling for the parts of several paths at one place.

    >>> _fold_parts(["conv1", "conv2"]), _fold_parts(["q", "k"]), _fold_parts([*"abcdef"])
    ('conv1..2', '{q,k}', '{a,b,c,d,...}')
    """
    if len(parts) == 1:
        return parts[0]
    if len({numberless(part) for part in parts}) == 1:
        texts = numberless(parts[0])
        columns = [sorted(set(column)) for column in zip(*map(_NUMBER.findall, parts), strict=True)]
        numbers = [one[0] if len(one) == 1 else ranges(sorted(set(map(int, one)))) for one in columns]
        return "".join(text + number for text, number in zip(texts, [*numbers, ""], strict=True))
    shown = [*parts[:MOST_SPELLINGS], *(["..."] if len(parts) > MOST_SPELLINGS else [])]
    return "{" + ",".join(shown) + "}"


def numberless(name: str) -> tuple[str, ...]:
    """What stands around the numbers of a name: names of the same can be one with ranges.

    >>> numberless("conv2d_7"), numberless("conv2d_12")
    (('conv', 'd_', ''), ('conv', 'd_', ''))
    """
    return tuple(_NUMBER.split(name))


def ranges(numbers: Sequence[int]) -> str:
    """Ascending numbers: those in a row as `first..last`, those of one step as `first,second..last`, few of many.

    >>> ranges([0, 1, 2, 5, 7, 8]), ranges([5, 13, 21, 29]), ranges([0, 1, 3, 4, 6, 7, 9, 10, 12, 13])
    ('0..2,5,7..8', '5,13..29', '0..1,3..4,...,12..13')
    """
    steps = {after - before for before, after in pairwise(numbers)}
    if len(numbers) > 3 and len(steps) == 1 and steps != {1}:
        return f"{numbers[0]},{numbers[1]}..{numbers[-1]}"
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][1] == number - 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    texts = [f"{first}" if first == last else f"{first}..{last}" for first, last in runs]
    return ",".join(texts if len(texts) <= MOST_SPELLINGS else [*texts[:2], "...", texts[-1]])
