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


def format_share(share: float) -> str:
    """A share of a whole in percent: three digits, never an exponent, and never 0 for what is something.

    >>> format_share(0.246), format_share(0.009996), format_share(0.00047), format_share(2e-7), format_share(0)
    ('24.6 %', '1 %', '0.05 %', '<0.01 %', '0 %')
    >>> format_share(9.994), format_share(9.996), format_share(123.45)
    ('999 %', '1,000 %', '12,345 %')
    """
    percent = 100 * share
    if 0 < percent < SMALLEST_PERCENT:
        return f"<{SMALLEST_PERCENT:g} %"
    if percent >= FROM_WHOLE_PERCENT:
        return f"{percent:,.0f} %"
    return f"{percent if percent >= 1 else round(percent, 2):.3g} %"


def format_percent(share: float) -> str:
    """A share in whole percent, as what is itself an estimate is said.

    >>> format_percent(0.876), format_percent(0)
    ('88 %', '0 %')
    """
    return f"{100 * share:.0f} %"


def format_change(old: float, new: float) -> str:
    """How much a figure changed: in percent with its sign, as a factor from tenfold on; `new` where there was none.

    >>> format_change(100, 104), format_change(100, 1870), format_change(3, 3), format_change(0, 5)
    ('+4 %', '18.7 x', '±0', 'new')
    >>> format_change(416519, 416520), format_change(10**9, 10**9 - 1), format_change(1, 123456)
    ('+0.00024 %', '-<0.0001 %', '123,456 x')
    """
    if new == old:
        return "±0"
    if not old:
        return "new"
    if new / old >= FROM_A_FACTOR:
        factor = new / old
        return f"{factor:,.0f} x" if factor >= 1000 else f"{factor:.3g} x"
    sign, percent = "+" if new > old else "-", 100 * abs(new - old) / old
    return f"{sign}{percent:.3g} %" if percent >= SMALLEST_CHANGE else f"{sign}<{SMALLEST_CHANGE} %"


# Percent: a share or a change that is smaller is said to be. A change that is larger than so many times is a factor.
SMALLEST_PERCENT, SMALLEST_CHANGE, FROM_A_FACTOR = 0.01, 0.0001, 10
# Percent from which three digits would take an exponent.
FROM_WHOLE_PERCENT = 999.5


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
