"""Fits every figure of a model by a polynomial of its dims, exactly, and checks it at as many points again.

A figure that strides, padding or packing round is a polynomial only on sizes of one remainder, `224, 256, 288, ...`:
the smallest step of STEPS that serves is taken. A size of 1 is often another case (what is broadcast is read once), so
that it has a formula of its own where it needs one. Over one dim a figure that has another formula from some size on is
given in pieces, whose borders are bisected to one; over several it is refused, with a point that contradicts.
"""

import random
import re
from collections.abc import Iterable, Sequence
from itertools import product

from msgspec import Struct

from onnx_roofline.analysis.settings import Settings
from onnx_roofline.base.errors import UsageError
from onnx_roofline.base.text import shown
from onnx_roofline.load import Source
from onnx_roofline.what_if.basis import basis_of
from onnx_roofline.what_if.formula.pieces import Fit, Formula, Piece, Range, joined
from onnx_roofline.what_if.formula.polynomial import Point, Polynomial, Value, degree, interpolated
from onnx_roofline.what_if.formula.sampling import Key, Sampler

# The highest degree in one dim: products of three tensors that all grow are of degree 3.
MOST_DEGREE = 4
# Sizes on a line that tell a degree: one difference more than the highest degree needs.
_LINE = MOST_DEGREE + 2
# Distances between sizes on which a figure may be a polynomial: strides and packed groups multiply to powers of two.
STEPS = (1, 2, 4, 8, 16, 32)
# Pieces of one figure; a figure of more is refused.
MOST_PIECES = 6
# Points at which a formula is checked, at least; and how often a point where the model is not valid is drawn again.
_LEAST_CHECKS, _DRAWS = 6, 4

# Why there is no formula of a sum that an op without a rule is part of.
UNKNOWN = "unknown: an op has no figure"


class _Candidate(Struct, frozen=True):
    """A figure with the step and the degree that fit it along each dim."""

    key: Key
    steps: Point
    degrees: Point


def fit_over(source: Source, settings: Settings, over: str, depth: int = 3) -> Fit:
    """The formulas of a model over dims: `batch,sequence=1..512`.

    Raises UsageError for a text that means nothing, a dim that the model does not have and sizes at which it is not
    valid, and what an analysis raises.
    """
    stated = parse_over(over)
    for name in stated:
        if name in settings.dims:
            raise UsageError(f"--over {shown(name, quotes=False)}: --dim fixes it; leave one of them out")
    sampler = Sampler(source, settings, tuple(stated), depth)
    ranges = [
        default_range(name, at) if bounds is None else Range(name, *bounds)
        for (name, bounds), at in zip(stated.items(), sampler.start, strict=True)
    ]
    return fit(sampler, ranges)


def parse_over(text: str) -> dict[str, tuple[int, int] | None]:
    """Dims with the range that is stated for them, if any. Raises UsageError for another form.

    >>> parse_over("batch,sequence=1..512")
    {'batch': None, 'sequence': (1, 512)}
    """
    found: dict[str, tuple[int, int] | None] = {}
    for part in text.split(","):
        match = re.fullmatch(r"([^=]+)(?:=0*([1-9][0-9]{0,8})\.\.0*([1-9][0-9]{0,8}))?", part.strip())
        if match is None or match[1] in found or (match[2] and int(match[2]) > int(match[3])):
            raise UsageError(
                f"--over {shown(text)}: wanted NAME or NAME=LOW..HIGH, each once, as in batch,sequence=1..512"
            )
        found[match[1]] = (int(match[2]), int(match[3])) if match[2] else None
    return found


def default_range(dim: str, start: int) -> Range:
    """From 1 to twice the size that the model has, and to 16 more at least."""
    return Range(dim, 1, max(2 * start, start + 16))


def fit(sampler: Sampler, ranges: Sequence[Range]) -> Fit:
    """The formula of every figure, those of the model first.

    Raises UsageError where the model is valid nowhere in the ranges.
    """
    ranges = _valid(sampler, ranges)
    cases = [_Case(sampler, tuple(ranges), ones) for ones in _ones(ranges)]
    # A class of kernels may appear in one case only.
    keys = dict.fromkeys(key for case in cases for key in case.figures())
    formulas = [_over_cases(found, cases[1:]) for found in cases[0].formulas(keys)]
    return Fit(tuple(ranges), sampler.pinned, tuple(formulas), sampler.points, sampler.settings, basis_of(sampler.base))


def _over_cases(found: Formula, cases: "Sequence[_Case]") -> Formula:
    """A formula with what holds where some dims are 1: the same, or one of its own."""
    pieces, reasons = list(found.pieces), [found.reason] if found.reason else []
    if found.reason == UNKNOWN:
        return found
    for case in cases:
        if case.start is None:
            continue
        same = next((piece for piece in pieces if case.holds(piece, found.key)), None)
        if same is not None:
            pieces.append(case.restricted(same))
            continue
        (own,) = case.formulas([found.key])
        pieces += own.pieces
        reasons += [f"{case.name}: {own.reason}"] if own.reason else []
    return Formula(found.key, tuple(joined(pieces)), "; ".join(reasons))


def _valid(sampler: Sampler, ranges: Sequence[Range]) -> Sequence[Range]:
    """The ranges without the sizes below and above which the model is not valid, one dim after the other.

    Raises UsageError for a dim of which only one size is valid.
    """
    start = tuple(min(max(at, one.low), one.high) for at, one in zip(sampler.start, ranges, strict=True))
    if sampler.at(start) is None:
        return ranges
    found = []
    for place, one in enumerate(ranges):
        ends = [_last_valid(sampler, start, place, end) for end in (one.low, one.high)]
        if ends[0] == ends[1] and one.low < one.high:
            raise UsageError(f"--over: the model is valid at no {one.dim} but {ends[0]:,}: {sampler.refusal}")
        found.append(Range(one.dim, *ends))
    return found


def _last_valid(sampler: Sampler, start: Point, place: int, end: int) -> int:
    """The last size towards `end` at which the model is valid, if it is up to one and not beyond."""
    way = 1 if end > start[place] else -1
    inside, outside = 0, abs(end - start[place]) + 1
    while outside - inside > 1:
        # The end first: most models are valid there.
        middle = outside - 1 if outside > abs(end - start[place]) else (inside + outside) // 2
        if sampler.at((*start[:place], start[place] + way * middle, *start[place + 1 :])) is None:
            outside = middle
        else:
            inside = middle
    return start[place] + way * inside


def _ones(ranges: Sequence[Range]) -> list[tuple[bool, ...]]:
    """Which dims are 1, case by case: none first."""
    return list(product(*((False, True) if one.low == 1 < one.high else (False,) for one in ranges)))


class _Case:
    """The sizes of which some dims are 1 and the others are not; without a start the model is not valid there."""

    def __init__(self, sampler: Sampler, ranges: tuple[Range, ...], ones: tuple[bool, ...]) -> None:
        self.sampler, self.ones = sampler, ones
        self.ranges = tuple(
            Range(one.dim, 1, 1) if is_one else Range(one.dim, max(one.low, min(2, one.high)), one.high)
            for one, is_one in zip(ranges, ones, strict=True)
        )
        self.name = ", ".join(f"{one.dim}=1" for one, is_one in zip(ranges, ones, strict=True) if is_one)
        starts = tuple(min(max(at, one.low), one.high) for at, one in zip(sampler.start, self.ranges, strict=True))
        lowest = tuple(one.low for one in self.ranges)
        self.start = next((at for at in (starts, lowest) if sampler.at(at) is not None), None)

    def figures(self) -> Iterable[Key]:
        """The figures that the model has here, those of the whole first."""
        return () if self.start is None else self.sampler.at(self.start) or ()

    def formulas(self, keys: Iterable[Key]) -> tuple[Formula, ...]:
        """The formulas of these figures; a group that has no op here is 0."""
        if self.start is None:
            sizes = ", ".join(f"{one.dim}={one.low}" for one in self.ranges)
            raise UsageError(f"--over: the model is not valid at {sizes}: {self.sampler.refusal}")
        return _Fitter(self.sampler, self.ranges, self.start).all(keys)

    def restricted(self, piece: Piece) -> Piece:
        """A piece for the sizes of this case."""
        low, high = tuple(one.low for one in self.ranges), tuple(one.high for one in self.ranges)
        steps = tuple(1 if is_one else step for step, is_one in zip(piece.step, self.ones, strict=True))
        rest = tuple(0 if is_one else size for size, is_one in zip(piece.remainder, self.ones, strict=True))
        return Piece(piece.formula, low, high, steps, rest)

    def holds(self, piece: Piece, key: Key) -> bool:
        """Whether a piece gives a figure here too."""
        return self.start is not None and _Fitter(self.sampler, self.ranges, self.start).holds(piece, key)


class _Fitter:
    """One fit around one point at which the model is valid."""

    def __init__(self, sampler: Sampler, ranges: tuple[Range, ...], start: Point) -> None:
        self.sampler, self.ranges, self.start = sampler, ranges, start
        self.figures = sampler.at(start) or {}

    def all(self, keys: Iterable[Key]) -> tuple[Formula, ...]:
        """The formulas of these figures, in their order."""
        formulas: dict[Key, Formula] = {}
        groups: dict[Point, list[_Candidate]] = {}
        wanted = list(keys)
        for key in wanted:
            found = self._candidate(key)
            if isinstance(found, _Candidate):
                groups.setdefault(found.steps, []).append(found)
            else:
                formulas[key] = Formula(key, (), found)
        for steps, members in groups.items():
            formulas.update((formula.key, formula) for formula in self._fitted(steps, members))
        return tuple(formulas[key] for key in wanted)

    def holds(self, piece: Piece, key: Key) -> bool:
        """Whether a piece gives a figure at points of this case too."""
        points = self._checks(piece.step, _LEAST_CHECKS)
        return all(not self._differs(point, key, piece.formula) for point in points)

    def _line(self, position: int, step: int) -> list[int]:
        """Sizes of one dim at which the model is valid, a step apart, from the start upwards, else downwards."""
        one, at = self.ranges[position], self.start[position]
        best: list[int] = []
        for direction in (step, -step):
            sizes: list[int] = []
            size = at
            while one.low <= size <= one.high and len(sizes) < _LINE:
                if self.sampler.at(self._moved(position, size)) is None:
                    break
                sizes.append(size)
                size += direction
            best = max(best, sizes, key=len)
            if len(best) == _LINE:
                break
        return best

    def _moved(self, position: int, size: int) -> Point:
        return (*self.start[:position], size, *self.start[position + 1 :])

    def _candidate(self, key: Key) -> "_Candidate | str":
        """The steps and degrees of a figure, or why it has none."""
        if self.figures.get(key, 0) is None:
            return UNKNOWN
        steps, degrees = [], []
        for position, one in enumerate(self.ranges):
            found = self._degree(position, key)
            if found is None:
                return self._why_not(position)
            steps.append(found[0])
            degrees.append(found[1])
            assert one.low <= self.start[position] <= one.high
        return _Candidate(key, tuple(steps), tuple(degrees))

    def _degree(self, position: int, key: Key) -> tuple[int, int] | None:
        """The smallest step along one dim with which a figure is a polynomial, and its degree."""
        if self.ranges[position].low == self.ranges[position].high:
            return 1, 0
        for step in STEPS:
            values = [self._value(self._moved(position, size), key) for size in self._line(position, step)]
            known = [value for value in values if value is not None]
            found = degree(known, MOST_DEGREE) if len(known) == len(values) else None
            if found is not None:
                return step, found
        return None

    def _why_not(self, position: int) -> str:
        one = self.ranges[position]
        if len(self._line(position, 1)) == 1 and self.sampler.refusal:
            return f"no other {one.dim} near {self.start[position]:,} is valid: {self.sampler.refusal}"
        return f"no polynomial in {one.dim} near {self.start[position]:,}, nor on every {STEPS[-1]}nd size"

    def _value(self, point: Point, key: Key) -> Value | None:
        """A figure at a point; of a group that has no op there 0."""
        figures = self.sampler.at(point)
        return None if figures is None else figures.get(key, 0)

    def _fitted(self, steps: Point, members: list[_Candidate]) -> list[Formula]:
        """The formulas of figures with the same steps, by the points of one grid and the same checks."""
        dims = tuple(one.dim for one in self.ranges)
        lines = [self._line(position, step) for position, step in enumerate(steps)]
        most = [max(one.degrees[position] for one in members) + 1 for position in range(len(dims))]
        grid = list(product(*(line[:count] for line, count in zip(lines, most, strict=True))))
        checks = self._checks(steps, max(len(grid), _LEAST_CHECKS))
        remainder = tuple(at % step for at, step in zip(self.start, steps, strict=True))
        low, high = tuple(one.low for one in self.ranges), tuple(one.high for one in self.ranges)
        found = []
        for one in members:
            axes = [line[: count + 1] for line, count in zip(lines, one.degrees, strict=True)]
            values = {point: self._value(point, one.key) for point in product(*axes)}
            known = {point: value for point, value in values.items() if value is not None}
            if len(known) < len(values):
                found.append(Formula(one.key, (), "the model is not valid, or the figure unknown, at a point between"))
                continue
            formula = interpolated(dims, axes, known)
            wrong = next((point for point in (*grid, *checks) if self._differs(point, one.key, formula)), None)
            free = [place for place in range(len(dims)) if low[place] < high[place]]
            if wrong is None:
                found.append(Formula(one.key, (Piece(formula, low, high, steps, remainder),)))
            elif len(free) == 1:
                found.append(self._in_pieces(one, formula, free[0]))
            else:
                found.append(Formula(one.key, (), self._contradiction(wrong, one.key, formula)))
        return found

    def _differs(self, point: Point, key: Key, formula: Polynomial) -> bool:
        value = self._value(point, key)
        return value is not None and formula(point) != value

    def _contradiction(self, point: Point, key: Key, formula: Polynomial) -> str:
        sizes = ", ".join(f"{one.dim}={size}" for one, size in zip(self.ranges, point, strict=True))
        value = self._value(point, key)
        assert value is not None
        return f"no single polynomial: {formula} near the start, but {value:,} at {sizes}; state a narrower range"

    def _checks(self, steps: Point, count: int) -> list[Point]:
        """Points drawn over the whole range, the corners first, at which the model is valid."""
        choices = []
        for one, at, step in zip(self.ranges, self.start, steps, strict=True):
            choices.append(range(one.low + (at - one.low) % step, one.high + 1, step))
        drawn = random.Random(0)  # noqa: S311 - the same points each time
        points = dict.fromkeys(list(product(*((choice[0], choice[-1]) for choice in choices)))[:count])
        for _ in range(_DRAWS * count):
            if sum(self.sampler.at(point) is not None for point in points) >= count:
                break
            points[tuple(drawn.choice(choice) for choice in choices)] = None
        return [point for point in points if self.sampler.at(point) is not None]

    def _in_pieces(self, one: _Candidate, formula: Polynomial, free: int) -> Formula:
        """The formula around the start up to the sizes where it ends, and those of what is left on both sides."""
        dim, step = self.ranges[free], one.steps[free]
        low, high = (
            self._border(one.key, formula, free, way, end) for way, end in ((-step, dim.low), (step, dim.high))
        )
        others = [(r.low, r.high) for r in self.ranges]
        others[free] = (low, high)
        lows, highs = (tuple(pair[side] for pair in others) for side in (0, 1))
        remainder = tuple(a % s for a, s in zip(self.start, one.steps, strict=True))
        pieces, reasons = [Piece(formula, lows, highs, one.steps, remainder)], []
        for rest, start in (
            (Range(dim.dim, dim.low, low - step), low - step),
            (Range(dim.dim, high + step, dim.high), high + step),
        ):
            point = self._moved(free, start)
            if rest.low > rest.high or self.sampler.at(point) is None:
                continue
            ranges = (*self.ranges[:free], rest, *self.ranges[free + 1 :])
            (inner,) = _Fitter(self.sampler, ranges, point).all([one.key])
            pieces += inner.pieces
            reasons += [f"{dim.dim} {rest.low:,}..{rest.high:,}: {inner.reason}"] if inner.reason else []
        if len(pieces) > MOST_PIECES:
            return Formula(one.key, (), f"more than {MOST_PIECES} pieces over {dim.dim}")
        return Formula(one.key, tuple(sorted(pieces, key=lambda piece: piece.low)), "; ".join(reasons))

    def _border(self, key: Key, formula: Polynomial, free: int, step: int, end: int) -> int:
        """The last size in steps towards `end` at which a formula holds, if it holds up to one and not beyond."""
        at = self.start[free]
        inside, outside = 0, abs(end - at) // abs(step) + 1
        while outside - inside > 1:
            middle = (inside + outside) // 2
            point = self._moved(free, at + middle * step)
            if self.sampler.at(point) is None or self._differs(point, key, formula):
                outside = middle
            else:
                inside = middle
        return at + inside * step


def named(ranges: Sequence[Range]) -> str:
    """`batch 1..17, sequence 1..256`."""
    return ", ".join(f"{shown(one.dim, quotes=False)} {one.low:,}..{one.high:,}" for one in ranges)
