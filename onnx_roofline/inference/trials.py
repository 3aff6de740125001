"""Several walks where one is not enough: for a length that contradicts others, and for a branch that stays open.

A length that data decide is assumed; where operands contradict it, the size that they want is tried. Of an open If
whose branches differ in shape, the one is taken with which what follows is valid.
"""

import time
from itertools import islice

from msgspec.structs import replace

from onnx_roofline.base.errors import ShapeError
from onnx_roofline.inference.user_trips import Stated
from onnx_roofline.inference.walk import Walk, WalkOptions
from onnx_roofline.ir.graph import Model

# Seconds for further walks, and how many open Ifs are tried; each takes two walks.
_TIME_S = 2.0
_IFS = 8
_BRANCHES = ("then_branch", "else_branch")


def infer(model: Model, options: WalkOptions, said: Stated) -> Walk:
    """The walk that contradicts itself least.

    Raises ShapeError where operands contradict each other whatever is assumed.
    """
    deadline = time.monotonic() + _TIME_S
    best = _walked(model, options, said)
    best = _with_lengths_that_follow(best, said)
    best = _with_lengths_that_fit(best, said, deadline)
    return _with_branches_that_fit(best, said, deadline)


def _walked(model: Model, options: WalkOptions, said: Stated) -> Walk:
    walk = Walk(model, options, said)
    walk.infer_main()
    return walk


def _with_lengths_that_follow(best: Walk, said: Stated) -> Walk:
    """With the lengths that others, which the user states, are multiples of."""
    for name, sizes in best.lengths.implied.items():
        found = _attempt(best, replace(best.options, lengths={**best.options.lengths, name: next(iter(sizes))}), said)
        if isinstance(found, Walk) and found.lengths.conflicts < best.lengths.conflicts:
            best = found
    return best


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
            if isinstance(found, Walk) and found.lengths.conflicts < best.lengths.conflicts:
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


def _attempt(before: Walk, options: WalkOptions, said: Stated) -> Walk | ShapeError:
    try:
        return _walked(before.model, options, said)
    except ShapeError as error:
        return error
