"""Quantities as text: printed with an SI prefix, and parsed."""

import math


def format_si(value: float | int | None, unit: str = "") -> str:
    """Value with three to four significant digits and a decimal SI prefix; a dash for an unknown value.

    >>> format_si(1806336, "FLOP"), format_si(0.000000134, "s"), format_si(None), format_si(0, "B")
    ('1.806 MFLOP', '134 ns', '–', '0 B')
    """
    if value is None:
        return "–"
    suffix = f" {unit}" if unit else ""
    if value == 0:
        return f"0{suffix}"
    if value >= 1000 or (isinstance(value, float) and value < 1):
        for factor, prefix in _SI_PREFIXES:
            if value >= factor * 0.9995:
                return f"{_four_digits(value / factor)} {prefix}{unit}".rstrip()
        factor, prefix = _SI_PREFIXES[-1]
        return f"{value / factor:.3g} {prefix}{unit}".rstrip()
    return f"{_four_digits(value)}{suffix}"


_SI_PREFIXES = (
    (1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""),
    (1e-3, "m"), (1e-6, "µ"), (1e-9, "n"), (1e-12, "p"),
)  # fmt: skip


def _four_digits(value: float) -> str:
    return f"{value:.4g}" if value < 9999.5 else f"{value:.3e}"


def parse_quantity(text: str) -> float:
    """Number with an optional decimal prefix and unit: `9G`, `120MB`, `1.5 GFLOP`, `3e6`, `2 ms`, `4 KiB`.

    Raises ValueError when the text is not a finite number with a known prefix.

    >>> parse_quantity("9G"), parse_quantity("120 MB"), parse_quantity("4KiB"), parse_quantity("2 ms")
    (9000000000.0, 120000000.0, 4096.0, 0.002)
    """
    import re

    match = re.fullmatch(r"\s*([0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?)\s*([A-Za-zµ/%]*)\s*", text)
    if match is None:
        raise ValueError(f"{text!r} is not a number with a unit, such as 9G, 120MB or 1.5ms")
    number, unit = float(match.group(1)), match.group(2)
    for ending in ("FLOPs", "FLOP", "MACs", "MAC", "ops", "B", "s"):
        if unit.endswith(ending):
            unit = unit[: -len(ending)]
            break
    scales = {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "m": 1e-3, "u": 1e-6,
              "µ": 1e-6, "n": 1e-9, "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40}  # fmt: skip
    if unit not in scales:
        raise ValueError(f"{text!r} has an unknown unit; use k, M, G, T, P, Ki, Mi, Gi, m, u or n")
    value = number * scales[unit]
    if not math.isfinite(value):
        raise ValueError(f"{text!r} is too large a number")
    return value
