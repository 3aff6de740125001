"""Polynomials in several dims with rational coefficients, and the one through the points of a grid."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import pairwise, product

from msgspec import Struct

Point = tuple[int, ...]
Value = int | Fraction


class Polynomial(Struct, frozen=True):
    """Exponents by dim -> coefficient, no coefficient 0; terms of the highest total degree first.

    >>> p = Polynomial(("b", "s"), (((1, 2), Fraction(3)), ((1, 0), Fraction(-1, 2))))
    >>> p((2, 10)), str(p)
    (Fraction(599, 1), '3 b s^2 - 1/2 b')
    """

    dims: tuple[str, ...]
    terms: tuple[tuple[Point, Fraction], ...]

    def __call__(self, sizes: Sequence[int]) -> Fraction:
        """The value at a size for each dim."""
        result = Fraction(0)
        for exponents, coefficient in self.terms:
            for size, exponent in zip(sizes, exponents, strict=True):
                coefficient *= size**exponent
            result += coefficient
        return result

    def __str__(self) -> str:
        text = ""
        for exponents, coefficient in self.terms:
            factors = [
                f"{name}^{exponent}" if exponent > 1 else name
                for name, exponent in zip(self.dims, exponents, strict=True)
                if exponent
            ]
            size = abs(coefficient)
            number = f"{size.numerator:,}" + (f"/{size.denominator:,}" if size.denominator > 1 else "")
            shown = " ".join(factors if factors and size == 1 else [number, *factors])
            sign = "-" if coefficient < 0 else "+"
            text += f" {sign} {shown}" if text else f"{'-' if coefficient < 0 else ''}{shown}"
        return text or "0"


def polynomial(dims: Sequence[str], coefficients: Mapping[Point, Fraction]) -> Polynomial:
    """The polynomial of these coefficients, its terms in order."""
    kept = [(exponents, value) for exponents, value in coefficients.items() if value]
    return Polynomial(tuple(dims), tuple(sorted(kept, key=lambda term: (-sum(term[0]), [-e for e in term[0]]))))


def degree(values: Sequence[Value], most: int) -> int | None:
    """The degree of the polynomial that equidistant values lie on; None where no degree up to `most` is certain.

    A degree is certain if at least one difference of its order more than it needs is there and equal.

    >>> degree([1, 4, 9, 16, 25], 3), degree([5, 5, 5], 3), degree([0, 0, 1, 1, 2], 3)
    (2, 0, None)
    """
    row = list(values)
    for order in range(most + 1):
        if len(row) < 2:
            return None
        if all(value == row[0] for value in row):
            return order
        row = [after - before for before, after in pairwise(row)]
    return None


def interpolated(dims: Sequence[str], axes: Sequence[Sequence[int]], values: Mapping[Point, Value]) -> Polynomial:
    """The polynomial of degree len(axis) - 1 in each dim through a value at each point of the grid.

    >>> grid = {(b, s): b * s * s + 4 for b in (1, 2) for s in (3, 4, 6)}
    >>> str(interpolated(("b", "s"), ((1, 2), (3, 4, 6)), grid))
    'b s^2 + 4'
    """
    found: dict[Point, Fraction] = {point: Fraction(values[point]) for point in product(*axes)}
    for position, axis in enumerate(axes):
        basis = _lagrange(axis)
        others = {(point[:position], point[position + 1 :]) for point in found}
        found = {
            (*before, power, *after): sum(
                (basis[size][power] * found[(*before, size, *after)] for size in axis), Fraction(0)
            )
            for before, after in others
            for power in range(len(axis))
        }
    return polynomial(dims, found)


def _lagrange(axis: Sequence[int]) -> dict[int, list[Fraction]]:
    """For each point the coefficients, lowest power first, of the polynomial that is 1 there and 0 at the others."""
    basis = {}
    for chosen in axis:
        coefficients = [Fraction(1)]
        for other in axis:
            if other != chosen:
                # The factor that is 0 at the other point and 1 at the chosen one.
                shifted = [Fraction(0), *coefficients]
                scaled = [*(-other * value for value in coefficients), Fraction(0)]
                coefficients = [(a + b) / (chosen - other) for a, b in zip(shifted, scaled, strict=True)]
        basis[chosen] = coefficients
    return basis
