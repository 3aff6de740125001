"""The largest size of a dim at which a model still fits a device's memory, searched on the footprint.

A footprint is a polynomial of a dim as far as the same tensors are alive at its peak, so that a size is predicted from
the nearest three that are known, and it and its neighbour are asked: most searches take six analyses and not forty.
Models that halve an image again and again take sizes of one remainder alone: these are then searched.
"""

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from math import isqrt

from msgspec import Struct
from msgspec.structs import replace

from onnx_roofline.analysis.footprints import footprint_of
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.base.errors import RooflineError, UsageError
from onnx_roofline.base.text import did_you_mean, visible
from onnx_roofline.hardware import Device, System
from onnx_roofline.load import ParsedModel

# Sizes are looked for up to this.
LIMIT = 1 << 30
# Distances between sizes that a model may take: strides multiply to powers of two.
STEPS = (1, 2, 4, 8, 16, 32, 64)
# Known sizes that a prediction goes through: attention's scores grow with the square of a length.
_THROUGH = 3


class Largest(Struct, frozen=True):
    """The largest size of a dim that fits one device, the other dims as they are stated.

    `size` is None where not even the smallest one fits, `is_known` false where that is because a tensor has no size.
    Sizes are those that the model takes, every `step`-th. `above_bytes` is the footprint at the next one, which does
    not fit; None with a `reason` where the model takes it not, its footprint is unknown there, or none was found that
    does not fit.
    """

    dim: str
    device: str
    size: int | None
    size_bytes: int | None
    above_bytes: int | None = None
    reason: str = ""
    is_known: bool = True
    step: int = 1


class _Sizes:
    """Footprints of a model by the size of one dim, each analysed once; what is refused has none."""

    def __init__(self, parsed: ParsedModel, settings: Settings, system: System, dim: str) -> None:
        self._parsed, self._settings, self._system, self._dim = parsed, settings, system, dim
        self.known: dict[int, int | None] = {}
        self.refusals: dict[int, RooflineError] = {}

    def at(self, value: int) -> int | None:
        """Bytes at a size; None where they are unknown or the model is not valid."""
        if value not in self.known and value not in self.refusals:
            try:
                point = replace(self._settings, dims={**self._settings.dims, self._dim: value})
                self.known[value] = footprint_of(self._parsed, point, self._system).total_bytes
            except RooflineError as error:
                self.refusals[value] = error
        return self.known.get(value)

    def step_at(self, start: int) -> int:
        """The smallest distance at which the next two sizes are valid; 1 where none is."""
        for step in STEPS:
            for value in (start + step, start + 2 * step):
                self.at(value)
            if not {start + step, start + 2 * step} & self.refusals.keys():
                return step
        return 1


def largest_fits(
    parsed: ParsedModel, settings: Settings, system: System, dim: str, devices: Sequence[Device], start: int = 1
) -> tuple[Largest, ...]:
    """The largest size of `dim` at which the whole model fits each device; the footprint must not fall as the dim
    grows. `start` is a size at which the model is valid: it says which sizes are taken, the smallest of which comes
    first where it is valid too.

    Raises UsageError for a device without a capacity, and what the analysis raises where the model is not valid at
    `start`.
    """
    sizes = _Sizes(parsed, settings, system, dim)
    sizes.at(start)
    if start in sizes.refusals:
        raise sizes.refusals[start]
    step = sizes.step_at(start)
    first = (start - 1) % step + 1
    sizes.at(first)
    low = start if first in sizes.refusals else first
    return tuple(_largest(sizes, dim, device, low, step) for device in devices)


def _largest(sizes: _Sizes, dim: str, device: Device, low: int, step: int) -> Largest:
    capacity, least = device.capacity_bytes, sizes.at(low)
    if capacity is None:
        raise UsageError(f"{device.slug}: states no capacity_gb, so that anything fits")
    if least is None:
        return Largest(dim, device.slug, None, None, reason="some tensors have no size", is_known=False)
    if least > capacity:
        return Largest(dim, device.slug, None, least, reason=f"already {least:,} B at {low:,}")
    # By the number of the size among those that are taken, from 1.
    known = {
        (value - low) // step + 1: size
        for value, size in sizes.known.items()
        if value >= low and (value - low) % step == 0
    }

    def at(number: int) -> int | None:
        known[number] = sizes.at(low + (number - 1) * step)
        return known[number]

    size = low + (largest_where(at, capacity, 1, max(1, (LIMIT - low) // step + 1), known) - 1) * step
    after = size + step
    above = None if after > LIMIT else sizes.at(after)
    reason = ""
    if after > LIMIT:
        is_constant = sizes.at(size) == least
        reason = "the memory does not bound it" if is_constant else "larger ones are not tried"
    elif above is None:
        reason = f"the model takes no {after:,}" if after in sizes.refusals else f"unknown at {after:,}"
    return Largest(dim, device.slug, size, sizes.at(size), above, reason, step=step)


def largest_where(
    at: Callable[[int], int | None], capacity: int, low: int, limit: int, known: Mapping[int, int | None]
) -> int:
    """The largest number from `low`, which does, up to `limit` at which a growing quantity is at most `capacity`.

    What has no quantity counts as too large. `known` are the answers of `at` so far, which it adds to.

    >>> squares: dict[int, int | None] = {}
    >>> def square(n: int) -> int:
    ...     return squares.setdefault(n, n * n)
    >>> largest_where(square, 1_000_000, 1, 1 << 20, squares), len(squares)
    (1000, 5)
    >>> largest_where(lambda n: 0, 1, 1, 64, {})
    64
    """

    def fits(number: int) -> bool:
        found = at(number)
        return found is not None and found <= capacity

    fitting = [number for number, size in known.items() if low <= number <= limit and size is not None and fits(number)]
    low = max((low, *fitting))
    # The smallest number that is known not to fit; what lies above the limit is not asked.
    high = min((number for number in known if number > low and not fits(number)), default=limit + 1)
    if len(known) < 2 and low < limit:
        # Two known sizes are the least that a prediction goes through.
        low, high = (low + 1, high) if fits(low + 1) else (low, low + 1)
    is_predicted = False
    while high - low > 1:
        is_predicted = not is_predicted
        guess = _predicted(known, capacity, low, high) if is_predicted else _between(low, high)
        # A prediction is right where the number behind it does not fit.
        for number in (guess, guess + 1) if is_predicted else (guess,):
            if low < number < high:
                low, high = (number, high) if fits(number) else (low, number)
    return low


def _between(low: int, high: int) -> int:
    """A number between two others: of the same order as long as they are orders apart."""
    return isqrt(low * high) if high > 4 * low else (low + high) // 2


def _predicted(known: Mapping[int, int | None], capacity: int, low: int, high: int) -> int:
    """The largest number between two others at which a polynomial through what is known nearby is at most `capacity`;
    one of the same order where too little is known."""
    points = sorted((number, size) for number, size in known.items() if size is not None)
    below = [point for point in points if point[0] <= low]
    near = [*below[-_THROUGH:], *[point for point in points if point[0] >= high][:1]][-_THROUGH:]
    if len(near) < 2:
        return _between(low, high)
    first, last = low, high
    while last - first > 1:
        middle = (first + last) // 2
        first, last = (middle, last) if _through(near, middle) <= capacity else (first, middle)
    return max(first, low + 1)


def _through(points: Sequence[tuple[int, int]], at: int) -> Fraction:
    """The polynomial through some points, at a number.

    >>> _through([(1, 1), (2, 4), (4, 16)], 10)
    Fraction(100, 1)
    """
    total = Fraction(0)
    for number, value in points:
        weight = Fraction(value)
        for other, _ in points:
            if other != number:
                weight *= Fraction(at - other, number - other)
        total += weight
    return total


def open_dims(dims: Mapping[str, object], wanted: tuple[str, ...]) -> tuple[str, ...]:
    """The dims to search: those that are named, or all that the model has. Raises UsageError for one that it lacks."""
    for name in wanted:
        if name not in dims:
            raise UsageError(f"--largest {visible(name)}: found no such dim{did_you_mean(name, tuple(dims))}")
    return wanted or tuple(dims)
