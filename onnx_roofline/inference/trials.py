"""Several walks where one is not enough: for a length that contradicts others, and for a branch that stays open.

A length that data decide is assumed; where operands contradict it, the size that they want is tried. Of an open If
whose branches differ in shape, the one is taken with which what follows is valid.
"""

import time
from collections.abc import Callable
from itertools import islice

from msgspec.structs import replace

from onnx_roofline.base.errors import ShapeError, UsageError
from onnx_roofline.base.text import shown
from onnx_roofline.inference.lengths import Unsolved
from onnx_roofline.inference.user_trips import Stated
from onnx_roofline.inference.walk import Walk, WalkOptions
from onnx_roofline.ir.graph import Model

# Seconds for further walks, and how many open Ifs are tried; each takes two walks.
_TIME_S = 2.0
_IFS = 8
# Lengths behind an axis that are tried for a stated size, and sizes of one of them: each takes a walk.
_BEHIND, _STEPS, _INFINITE = 4, 24, 2**64
# Sizes in a row that give the same axis, such as those that a stride of 16 makes one.
_ALIKE = 16
_BRANCHES = ("then_branch", "else_branch")


def infer(model: Model, options: WalkOptions, said: Stated) -> Walk:
    """The walk that contradicts itself least.

    Raises ShapeError where operands contradict each other whatever is assumed.
    """
    deadline = time.monotonic() + _TIME_S
    best = _walked(model, options, said)
    best = _with_lengths_that_follow(best, said, deadline)
    best = _with_lengths_that_fit(best, said, deadline)
    return _with_branches_that_fit(best, said, deadline)


def _walked(model: Model, options: WalkOptions, said: Stated) -> Walk:
    walk = Walk(model, options, said)
    walk.infer_main()
    return walk


def _with_lengths_that_follow(best: Walk, said: Stated, deadline: float) -> Walk:
    """With the lengths on which others hang that the user states: the one that makes them what they are stated to be.

    Raises UsageError where no size of it does, or where several lengths together decide one that is stated.
    """
    for label, one in best.lengths.unsolved.items():
        names = sorted(one.behind - best.options.lengths.keys())
        for name in names[:_BEHIND]:
            solved = _solved(best, said, label, one, name, deadline)
            if solved is None:
                continue
            size, is_alone = solved
            options = best.options
            if is_alone:
                options = replace(options, lengths={**options.lengths, name: size})
            else:
                # Others do as well: it is assumed, or bounded by the largest of them.
                options = replace(options, proposed={**options.proposed, name: size})
            found = _attempt(best, options, said)
            if isinstance(found, Walk):
                best = found
                break
            if is_alone and isinstance(found, UsageError):
                # Another length that is stated contradicts it.
                raise found
        else:
            _refuse_undecided(best, said, label, one, names)
    return best


def _refuse_undecided(best: Walk, said: Stated, label: str, one: Unsolved, names: list[str]) -> None:
    """Raises UsageError where an axis that is stated follows from several lengths that nobody states."""
    others = {name: size for name in names if (size := best.lengths.size_of(name)) is not None}
    lengths = {other: size for other, size in best.options.lengths.items() if other != label} | others
    found = _attempt(best, replace(best.options, lengths=lengths, watched=frozenset((label,))), said)
    if isinstance(found, Walk) and found.lengths.seen.get(label, (None, False))[1] and len(others) > 1:
        listed = " and ".join(map(shown, list(others)[:_BEHIND]))
        raise UsageError(
            f"{best.model.info.path}: --dim {shown(label)}={one.stated}: node {one.key} makes it of {listed}; state "
            "those instead"
        )


def _solved(best: Walk, said: Stated, label: str, one: Unsolved, name: str, deadline: float) -> tuple[int, bool] | None:
    """(size, whether it alone) of a length with which an axis behind it is as stated; None where it doesn't decide it.

    The axis grows with the length, so that two sizes between which it is bracket the one that is looked for. Raises
    UsageError where there is none.
    """
    # Those that are yet to be solved would contradict sizes that are tried.
    lengths = {other: size for other, size in best.options.lengths.items() if other not in best.lengths.unsolved}
    lengths.pop(label, None)

    def axis_with(size: int) -> int | None:
        """What the axis is with a size: infinite with one that can't be, None where other lengths decide it too."""
        options = replace(best.options, lengths={**lengths, name: size}, watched=frozenset((label,)))
        found = _attempt(best, options, said)
        if not isinstance(found, Walk):
            return _INFINITE
        axis, is_sure = found.lengths.seen.get(label, (None, False))
        return axis if is_sure else None

    # (size, what the axis is then)
    below, above = (-1, -1), (0, 0)
    size: int | None = one.stated
    for _ in range(_STEPS):
        axis = None if size is None or time.monotonic() > deadline else axis_with(size)
        if size is None or axis is None:
            return None
        if axis == one.stated:
            largest = _largest(size, one.stated, axis_with)
            most = best.lengths.size_of(name) or 0
            # What is taken of the length otherwise may do as well: of a Slice up to the fifth row all are behind it.
            if most > largest and axis_with(most) == one.stated:
                return most, False
            return largest, largest == size and axis != (axis_with(size - 1) if size else None)
        below, above = ((size, axis), above) if axis < one.stated else (below, (size, axis))
        size = _between(below, above, one.stated)
        if size is None:
            raise UsageError(
                f"{best.model.info.path}: --dim {shown(label)}={one.stated}: found no size of {shown(name)} with which "
                f"node {one.key} makes it so; correct it"
            )
    return None


def _largest(size: int, wanted: int, axis_with: Callable[[int], int | None]) -> int:
    """The largest size up to some more with which an axis is as wanted."""
    return next((size + more for more in range(_ALIKE) if axis_with(size + more + 1) != wanted), size + _ALIKE)


def _between(below: tuple[int, int], above: tuple[int, int], wanted: int) -> int | None:
    """The next size to try between two that bracket the wanted one; None where there is none between them."""
    if not above[1]:
        # Nothing is above it yet.
        return below[0] + wanted - below[1] if below[0] >= 0 else None
    if above[0] - below[0] <= 1:
        return None
    if above[1] == _INFINITE or below[0] < 0:
        guess = above[0] - (above[1] - wanted) if above[1] != _INFINITE else (above[0] + below[0]) // 2
    else:
        guess = below[0] + (wanted - below[1]) * (above[0] - below[0]) // (above[1] - below[1])
    return min(max(guess, below[0] + 1), above[0] - 1)


def _with_lengths_that_fit(best: Walk, said: Stated, deadline: float) -> Walk:
    tried = set[tuple[str, int]]()
    is_better = True
    while is_better and best.lengths.proposals and time.monotonic() < deadline:
        is_better = False
        for name, size in [(name, size) for name, sizes in best.lengths.proposals.items() for size in sizes]:
            if (name, size) in tried or time.monotonic() > deadline:
                continue
            tried.add((name, size))
            options = replace(best.options, proposed={**best.options.proposed, name: size})
            found = _attempt(best, options, said)
            if isinstance(found, Walk) and found.misfits < best.misfits:
                best, is_better = found, True
                break
    return best


def _with_branches_that_fit(best: Walk, said: Stated, deadline: float) -> Walk:
    for key in list(islice(best.open_choices, _IFS)):
        if time.monotonic() > deadline:
            break
        found: dict[str, Walk] = {}
        refused: dict[str, str] = {}
        for branch in _BRANCHES:
            options = replace(best.options, branches={**best.options.branches, key: (branch, "assumed", "")})
            outcome = _attempt(best, options, said)
            if isinstance(outcome, UsageError):
                raise outcome
            if isinstance(outcome, Walk):
                found[branch] = outcome
            else:
                refused[branch] = str(outcome)
        if len(found) == 1:
            ((branch, walk),) = found.items()
            choice = branch, "exact", next(iter(refused.values()))
            options = replace(best.options, branches={**best.options.branches, key: choice})
            outcome = _attempt(best, options, said)
            best = outcome if isinstance(outcome, Walk) else walk
        elif found:
            then, otherwise = (found[branch] for branch in _BRANCHES)
            if then.disagreements != otherwise.disagreements:
                best = min(then, otherwise, key=lambda walk: walk.disagreements)
    return best


def _attempt(before: Walk, options: WalkOptions, said: Stated) -> Walk | ShapeError | UsageError:
    try:
        return _walked(before.model, options, said)
    except (ShapeError, UsageError) as error:
        return error
