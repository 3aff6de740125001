"""Where a sweep's decisions change along one dim: devices of kernels, what binds them, and what binds the model.

Between two neighbouring points that differ the size is bisected until it is known to one. A change that is undone
between two points which agree is not seen.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Literal

from msgspec import Struct

from onnx_roofline.what_if.axes import Axis, Value
from onnx_roofline.what_if.points import KernelState, Point

What = Literal["model", "device", "bound"]
WHATS: tuple[What, ...] = ("model", "device", "bound")
# Analyses that the bisections of one sweep may take; what is left is known between two sizes.
MOST_PROBES = 400


class FlipStep(Struct, frozen=True):
    """From the size `first` on the `state` holds; it has no bound where only the device is asked for.

    `after` is the largest size below at which another one is known to hold, None at the start. Exact where `first` =
    `after` + 1.
    """

    first: int
    state: KernelState
    after: int | None = None

    @property
    def is_exact(self) -> bool:
        """Whether no size lies between."""
        return self.after is None or self.first == self.after + 1


class SweepFlip(Struct, frozen=True):
    """What changes together along a dim, the other axes held `at` their values (None at the dim's own place).

    `what` is "device" (where kernels run), "bound" (what binds them there) or "model" (what most of the time of the
    whole is bound by, without kernels). `kernels` are the row ids of their roots.
    """

    what: What
    at: tuple[Value | None, ...]
    kernels: tuple[str, ...]
    label: str
    steps: tuple[FlipStep, ...]


def flips_along(
    axes: Sequence[Axis],
    along: int,
    points: Iterable[Point],
    point_at: Callable[[tuple[Value, ...]], Point],
    labels: Mapping[str, str],
) -> tuple[SweepFlip, ...]:
    """The flips of every line of points along one axis: of the model, then of devices, then of bounds."""
    sizes = axes[along].sizes
    lines = dict.fromkeys((*point.values[:along], None, *point.values[along + 1 :]) for point in points)
    budget = [MOST_PROBES]
    found: list[SweepFlip] = []
    for at in lines:
        line = _Line(at, along, sizes, point_at, budget)
        for what in WHATS:
            line.refine(what)
            found += line.flips(what, labels)
    return tuple(found)


class _Line:
    """The points along one axis with the others held, and those that bisections add."""

    def __init__(
        self,
        at: tuple[Value | None, ...],
        along: int,
        sizes: Sequence[int],
        point_at: Callable[[tuple[Value, ...]], Point],
        budget: list[int],
    ) -> None:
        self._at, self._along, self._point_at, self._budget = at, along, point_at, budget
        self._known: dict[int, Point] = {}
        for size in sizes:
            self._probe(size)

    def _probe(self, size: int) -> Point | None:
        """The point at a size; None where the model is not valid."""
        values = tuple(size if value is None else value for value in self._at)
        point = self._point_at(values)
        if point.refusal:
            return None
        self._known[size] = point
        return point

    def refine(self, what: What) -> None:
        """Bisect between neighbours whose states differ, until no size lies between them."""
        pending = list(pairwise(sorted(self._known)))
        while pending:
            low, high = pending.pop()
            if high - low < 2 or _states(self._known[low], what) == _states(self._known[high], what):
                continue
            if not self._budget[0]:
                return
            self._budget[0] -= 1
            middle = roundest(low, high)
            if self._probe(middle) is not None:
                pending += [(middle, high), (low, middle)]

    def flips(self, what: What, labels: Mapping[str, str]) -> list[SweepFlip]:
        """What changes, most kernels first; bounds that change with the device alone are left to the device."""
        states = {size: _states(self._known[size], what) for size in sorted(self._known)}
        groups: dict[tuple[str, tuple[FlipStep, ...]], list[str]] = {}
        for key in dict.fromkeys(key for found in states.values() for key in found):
            steps = _steps((size, found[key]) for size, found in states.items() if key in found)
            if len(steps) > 1 and not (what == "bound" and self._follows_device(key, steps)):
                groups.setdefault((labels.get(key, ""), steps), []).append(key)
        found = [
            SweepFlip(what, self._at, tuple(key for key in keys if key), label, steps)
            for (label, steps), keys in groups.items()
        ]
        return sorted(found, key=lambda one: (-len(one.kernels), one.label))

    def _follows_device(self, key: str, steps: tuple[FlipStep, ...]) -> bool:
        """Whether a kernel moves at the same sizes at which its bound changes."""
        states = ((size, self._known[size].kernels.get(key)) for size in sorted(self._known))
        moves = _steps((size, KernelState(state.device, None)) for size, state in states if state is not None)
        return [step.first for step in moves] == [step.first for step in steps]


def roundest(low: int, high: int) -> int:
    """The number between two others that the largest power of two divides: models take such sizes before others.

    >>> roundest(224, 448), roundest(256, 448), roundest(6, 8)
    (256, 384, 7)
    """
    shift = (high - 1).bit_length()
    while ((high - 1) >> shift) << shift <= low:
        shift -= 1
    return ((high - 1) >> shift) << shift


def _states(point: Point, what: What) -> Mapping[str, KernelState]:
    """What is compared at two sizes, by kernel; the model as a whole is the kernel ""."""
    if what == "model":
        largest = point.largest
        return {} if largest is None else {"": KernelState(largest.device or None, largest.bound)}
    if what == "device":
        return {key: KernelState(state.device, None) for key, state in point.kernels.items()}
    return {key: state for key, state in point.kernels.items() if state.device is not None}


def _steps(states: Iterable[tuple[int, KernelState]]) -> tuple[FlipStep, ...]:
    """The sizes from which on a state holds, in order."""
    steps: list[FlipStep] = []
    before: int | None = None
    for size, state in states:
        if not steps or steps[-1].state != state:
            steps.append(FlipStep(size, state, before))
        before = size
    return tuple(steps)
