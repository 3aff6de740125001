"""Where the formulas of a class of kernels cross the ridge of a device: its flip points as formulas of the dims.

A class is bound by compute where operations > r x bytes, by memory where not; r is the device's ridge, its peak over
its bandwidth. Of operations f and bytes g that are linear in a dim n that is n = (r g0 - f0) / (f1 - r g1), with
coefficients that are polynomials of the other dims. Bytes are compulsory ones; launches, efficiencies, and what the
on-chip memory fetches again or keeps are left out, as in every formula.
"""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from math import floor, sqrt
from typing import Literal

from msgspec import Struct

from onnx_roofline.analysis.analyze import Analysis
from onnx_roofline.ir.kernel_work import KernelWork
from onnx_roofline.ir.records import Executions, Kernel, TypedOp
from onnx_roofline.what_if.formula.pieces import Fit, Formula, Piece
from onnx_roofline.what_if.formula.polynomial import Polynomial, polynomial
from onnx_roofline.what_if.formula.sampling import Key, kernel_class

RoofBound = Literal["memory", "compute"]
# The highest degree of which the crossings are solved.
_MOST_DEGREE = 2


class RidgeFlip(Struct, frozen=True):
    """A class of kernels that changes its bound on a device: below `first` of a dim it is `below`, from there `above`.

    `formula` is that size with the ridge as `r`, or the equation that it solves. `others` are the sizes of the other
    dims at which `first` is; `is_checked` says whether that is a size for which the formulas were checked.
    """

    name: str
    device: str
    dim: str
    formula: str
    ridge: float
    first: int
    below: RoofBound
    above: RoofBound
    others: Mapping[str, int]
    is_checked: bool


def ridge_flips(analysis: Analysis, fit: Fit) -> tuple[RidgeFlip, ...]:
    """The flips of every class of kernels that has MACs, over each dim; the other dims as in the analysis."""
    formulas = {formula.key: formula for formula in fit.formulas}
    dims = analysis.model.dims
    at = tuple(dims[one.dim].value if one.dim in dims else one.high for one in fit.ranges)
    found = []
    for name, dtype in _classes(analysis).items():
        flops, sizes = (formulas.get(Key("kernel", name, metric)) for metric in ("flops", "compulsory_bytes"))
        if flops is None or sizes is None:
            continue
        for device in analysis.system.devices:
            ridge = device.ridge(dtype)
            for place in range(len(fit.ranges)) if ridge else ():
                found += list(_flips(_Sides(flops, sizes, Fraction(ridge or 0)), name, device.slug, fit, place, at))
    return tuple(found)


def _classes(analysis: Analysis) -> dict[str, str]:
    """Classes of kernels with MACs that compute in one floating type alone, with that type."""
    rows, works = analysis.model.column(TypedOp), analysis.model.column(KernelWork)
    executions = analysis.model.column(Executions)
    types: dict[str, set[str]] = {}
    for key, kernel in analysis.model.column(Kernel).items():
        if kernel.id == key and executions[key].count:
            found = types.setdefault(kernel_class(rows[key], kernel), set())
            found.update(one.dtype for one in works[key].operations or () if one.total)
            if not any(one.macs for one in works[key].operations or ()):
                found.add("")
    return {name: next(iter(found)) for name, found in types.items() if len(found) == 1 and "float" in min(found)}


class _Sides(Struct, frozen=True):
    """Operations and bytes of a class, and the ridge between them."""

    flops: Formula
    sizes: Formula
    ridge: Fraction


def _flips(sides: _Sides, name: str, device: str, fit: Fit, place: int, at: Sequence[int]) -> Iterator[RidgeFlip]:
    dim = fit.ranges[place].dim
    others = {one.dim: size for one, size in zip(fit.ranges, at, strict=True) if one.dim != dim}
    for flops in sides.flops.pieces:
        for sizes in sides.sizes.pieces:
            if not _covers_the_rest(flops, at, place) or not _covers_the_rest(sizes, at, place):
                continue
            f, g = _by_power(flops.formula, place), _by_power(sizes.formula, place)
            powers = max(len(f), len(g))
            if powers - 1 > _MOST_DEGREE:
                continue
            line = [_part(f, power)(at) - sides.ridge * _part(g, power)(at) for power in range(powers)]
            for first in _crossings(line):
                point = (*at[:place], first, *at[place + 1 :])
                is_checked = flops.covers(point) and sizes.covers(point)
                # A size beyond the last piece is that of the piece; one within another piece is not its own.
                if not is_checked and not _is_beyond(first, fit.ranges[place].high, flops, sizes, place):
                    continue
                below, above = _bounds(line, first)
                text = _solved(f, g) if powers == _MOST_DEGREE else f"{dim} at {flops.formula} = r ({sizes.formula})"
                yield RidgeFlip(name, device, dim, text, float(sides.ridge), first, below, above, others, is_checked)


def _covers_the_rest(piece: Piece, at: Sequence[int], place: int) -> bool:
    """Whether a piece is for the sizes of the other dims."""
    return all(
        other == place or (low <= size <= high and size % step == rest)
        for other, (size, low, high, step, rest) in enumerate(
            zip(at, piece.low, piece.high, piece.step, piece.remainder, strict=True)
        )
    )


def _is_beyond(first: int, high: int, flops: Piece, sizes: Piece, place: int) -> bool:
    """Whether a size is above the range, where both pieces are the last."""
    return first > high and flops.high[place] == sizes.high[place] == high and flops.step == sizes.step


def _by_power(formula: Polynomial, place: int) -> list[Polynomial]:
    """The coefficients of one dim's powers, lowest first, as polynomials of the others."""
    parts: dict[int, dict[tuple[int, ...], Fraction]] = {}
    for exponents, value in formula.terms:
        rest = (*exponents[:place], 0, *exponents[place + 1 :])
        parts.setdefault(exponents[place], {})[rest] = value
    return [polynomial(formula.dims, parts.get(power, {})) for power in range(max(parts, default=0) + 1)]


def _part(parts: Sequence[Polynomial], power: int) -> Polynomial:
    return parts[power] if power < len(parts) else polynomial(parts[0].dims, {})


def _crossings(line: Sequence[Fraction]) -> Iterator[int]:
    """The sizes from 2 on of which the sign of a polynomial differs from that of the size before."""
    if len(line) < 2:
        return
    c, b, a = line[0], line[1], line[2] if len(line) > 2 else Fraction(0)
    if a:
        inside = b * b - 4 * a * c
        roots = [] if inside < 0 else [(-float(b) + sign * sqrt(inside)) / (2 * float(a)) for sign in (-1, 1)]
    else:
        roots = [float(-c / b)] if b else []
    near = sorted({floor(root) + step for root in roots if root < float(1 << 53) for step in (-1, 0, 1, 2)})
    for size in near:
        if size >= 2 and len(set(_bounds(line, size))) == 2:
            yield size


def _bounds(line: Sequence[Fraction], size: int) -> tuple[RoofBound, RoofBound]:
    """The bound at the size before, and at this one."""
    before, here = (sum(value * n**power for power, value in enumerate(line)) > 0 for n in (size - 1, size))
    return ("compute" if before else "memory", "compute" if here else "memory")


def _solved(f: Sequence[Polynomial], g: Sequence[Polynomial]) -> str:
    """`r 2,000,000 / (1,000,000 - r 6,000)`: the size at which linear operations are r times linear bytes."""
    above = _difference(_times("r", _part(g, 0)), _times("", _part(f, 0)))
    below = _difference(_times("", _part(f, 1)), _times("r", _part(g, 1)))
    return f"{_bracketed(above)} / {_bracketed(below)}"


def _times(factor: str, formula: Polynomial) -> str:
    if not formula.terms:
        return ""
    text = f"({formula})" if len(formula.terms) > 1 and factor else str(formula)
    return f"{factor} {text}".strip()


def _difference(first: str, second: str) -> str:
    if not second:
        return first or "0"
    return f"{first} - {second}" if " + " not in second or second.startswith("r ") else f"{first} - ({second})"


def _bracketed(text: str) -> str:
    return f"({text})" if " - " in text or (" + " in text and not text.startswith("r (")) else text
