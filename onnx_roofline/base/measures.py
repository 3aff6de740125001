"""Limits as people write them, `9.0 GFLOP`, `64 MiB`, `60 %`, as exact numbers in the base unit of what is limited."""

import re
from fractions import Fraction
from typing import Literal

from onnx_roofline.base.text import shown

# What a figure is counted in: operations, multiply-accumulates, bytes, seconds, joules, things, a share of 1.
Unit = Literal["FLOP", "MAC", "B", "s", "J", "", "%"]

# Spellings of a unit; none at all is the base unit.
_SPELLINGS: dict[Unit, tuple[str, ...]] = {
    "FLOP": ("FLOPs", "FLOP", ""),
    "MAC": ("MACs", "MAC", ""),
    "B": ("B", ""),
    "s": ("s", ""),
    "J": ("J", ""),
    "": ("ops", ""),
    "%": ("%", ""),
}
_LARGE = {"k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15, "E": 10**18}
_BINARY = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
_SMALL = {"m": 10**3, "u": 10**6, "µ": 10**6, "μ": 10**6, "n": 10**9, "p": 10**12}
# Digits and exponents beyond which nobody writes a limit; Fraction computes the power of ten of any exponent.
_FORM = re.compile(
    r"([0-9]{1,30}(?:\.[0-9]{0,30})?|\.[0-9]{1,30})(?:[eE]([+-]?[0-9]{1,2}))?\s*([A-Za-zµμ%]*)", re.ASCII
)
_WANTED = {"FLOP": "9.0 GFLOP", "MAC": "4.5 GMAC", "B": "120 MB", "s": "1.2 ms", "J": "30 mJ", "": "25 M", "%": "60 %"}


def parse_measure(text: str, unit: Unit) -> Fraction:
    """The quantity in the base unit, exactly; a share is at most 1.

    Raises ValueError where the text is no number, has another unit or a prefix that makes no sense.

    >>> parse_measure("9.0 GFLOP", "FLOP"), parse_measure("64 MiB", "B"), parse_measure("1.2ms", "s")
    (Fraction(9000000000, 1), Fraction(67108864, 1), Fraction(3, 2500))
    >>> parse_measure("60 %", "%"), parse_measure("25M", ""), parse_measure("999999999999999999", "MAC")
    (Fraction(3, 5), Fraction(25000000, 1), Fraction(999999999999999999, 1))
    """
    found = _FORM.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{shown(text)} is not a number with a unit, such as {_WANTED[unit]}")
    number = Fraction(found[1]) * Fraction(10) ** int(found[2] or 0)
    if unit == "%":
        if found[3] not in ("%", ""):
            raise ValueError(f"{shown(text)} has another unit than a share, such as {_WANTED[unit]}")
        share = number / 100 if found[3] else number
        if share > 1:
            raise ValueError(f"{shown(text)} is more than all; wanted up to 100 %, or up to 1")
        return share
    return number * _scale(text, found[3], unit)


def _scale(text: str, ending: str, unit: Unit) -> Fraction:
    for spelling in _SPELLINGS[unit]:
        if not ending.endswith(spelling):
            continue
        prefix = ending.removesuffix(spelling)
        if prefix == "":
            return Fraction(1)
        if prefix in _LARGE:
            return Fraction(_LARGE[prefix])
        if prefix in _BINARY and unit == "B":
            return Fraction(_BINARY[prefix])
        if prefix in _SMALL and unit in ("s", "J"):
            return Fraction(1, _SMALL[prefix])
        if prefix in _SMALL:
            hint = f"; did you mean {prefix.upper()}{spelling}?" if prefix in "mp" else ""
            raise ValueError(f"{shown(text)} is a part of one {unit or 'thing'}{hint}")
    for other, spellings in _SPELLINGS.items():
        if other != unit and any(spelling and ending.endswith(spelling) for spelling in spellings):
            kind = f"is in {unit}" if unit else "is a plain number"
            raise ValueError(f"{shown(text)} has the unit {other or 'ops'}; the figure {kind}, such as {_WANTED[unit]}")
    more = ", or Ki, Mi, Gi, Ti" if unit == "B" else ", or m, u, n, p" if unit in ("s", "J") else ""
    raise ValueError(
        f"{shown(text)} has an unknown unit; wanted one such as {_WANTED[unit]}, with k, M, G, T, P or E{more}"
    )
