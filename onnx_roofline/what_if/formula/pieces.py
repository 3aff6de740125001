"""Formulas in pieces: which polynomial a figure is, and for which sizes."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import product

from msgspec import Struct
from msgspec.structs import replace

from onnx_roofline.analysis.settings import Settings
from onnx_roofline.what_if.basis import Basis
from onnx_roofline.what_if.formula.polynomial import Point, Polynomial
from onnx_roofline.what_if.formula.sampling import Key


class Range(Struct, frozen=True):
    """A dim and the sizes that its formulas are to hold for."""

    dim: str
    low: int
    high: int


class Piece(Struct, frozen=True):
    """A formula and where it holds: for sizes `remainder + n * step` from `low` to `high` of each dim."""

    formula: Polynomial
    low: Point
    high: Point
    step: Point
    remainder: Point

    def covers(self, point: Sequence[int]) -> bool:
        """Whether it is for a point."""
        each = zip(point, self.low, self.high, self.step, self.remainder, strict=True)
        return all(low <= size <= high and size % step == rest for size, low, high, step, rest in each)


class Formula(Struct, frozen=True):
    """What a figure is: where pieces overlap the later one holds, where they are missing there is a reason."""

    key: Key
    pieces: tuple[Piece, ...]
    reason: str = ""

    def at(self, point: Sequence[int]) -> Fraction | None:
        """The figure at a size for each dim; None where there is no formula."""
        piece = next((piece for piece in self.pieces if piece.covers(point)), None)
        return None if piece is None else piece.formula(point)


class Fit(Struct, frozen=True):
    """The formulas of a model; `sizes` are the other dims, as assumed, `points` the analyses that it rests on.

    `settings` hold at every point, `basis` is that of the sizes that the model has.
    """

    ranges: tuple[Range, ...]
    sizes: Mapping[str, int]
    formulas: tuple[Formula, ...]
    points: int
    settings: Settings
    basis: Basis


def joined(pieces: Sequence[Piece]) -> list[Piece]:
    """The pieces with those put together that have the same formula and touch along one dim."""
    rest = list(pieces)
    for one, other in product(rest, rest):
        both = _union(one, other) if one is not other else None
        if both is not None:
            return joined([both, *(piece for piece in rest if piece is not one and piece is not other)])
    return rest


def _union(one: Piece, other: Piece) -> Piece | None:
    """One piece in place of two, the second of which ends where the first begins; None where there is none."""
    if one.formula != other.formula:
        return None
    places = [
        place
        for place in range(len(one.low))
        if (one.low[place], one.high[place], one.step[place], one.remainder[place])
        != (other.low[place], other.high[place], other.step[place], other.remainder[place])
    ]
    if len(places) != 1 or one.step[places[0]] != 1 or other.high[places[0]] + 1 != one.low[places[0]]:
        return None
    return replace(one, low=other.low) if other.step[places[0]] == 1 else None
