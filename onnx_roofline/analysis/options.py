"""The options' values: one check of each, whether the command line gives a text or Python a value.

`parse_*` take a text such as `batch=8` apart, `check_*` take what is a value already. Both end in the same test: they
refuse the same values with the same sentence. A value that passes comes back in the one form that the passes read.
"""

import math
import os
import re
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from numbers import Integral, Rational, Real
from typing import TypeVar

from onnx_roofline.base.errors import UsageError
from onnx_roofline.base.quantities import parse_quantity
from onnx_roofline.base.text import did_you_mean, shown
from onnx_roofline.base.units import FLOAT_DTYPES
from onnx_roofline.hardware import System
from onnx_roofline.load import Limits

Choice = TypeVar("Choice", bound=str)
Value = TypeVar("Value")

# Sizes and trip counts have up to 18 decimal digits, which fit 64 bits; values of a tensor up to 19 and a sign.
_SIZE_END, _VALUE_END = 10**18, 10**19
_SIZE, _VALUE = r"[0-9]{1,18}", r"-?[0-9]{1,19}"
# Digits are few: Fraction computes the power of ten of any exponent.
_SHARE = r"[0-9]{1,18}(/0*[1-9][0-9]{0,17}|(\.[0-9]{0,18})?([eE][+-]?[0-9]{1,2})?)|\.[0-9]{1,18}"
# Bits of a number that a message spells out.
_SPELT_BITS = 128
# Seconds and GB that a run may be allowed.
_LARGEST_ALLOWANCE = 1e6


def parse_dim(text: str) -> tuple[str, int]:
    """`batch=8` -> ("batch", 8).

    Raises UsageError for another form or a negative size.

    >>> parse_dim("batch=8")
    ('batch', 8)
    """
    name, _, size = text.rpartition("=")
    return check_dim(name, _number(size, _SIZE), text)


def check_dim(name: object, size: object, text: str | None = None) -> tuple[str, int]:
    """A dim's name and its size. Raises UsageError, which shows `text` if there is one."""
    found = _whole(size)
    if not isinstance(name, str) or not name or found is None or not 0 <= found < _SIZE_END:
        wanted = "wanted NAME=SIZE with a whole number below 10**18, in digits, such as --dim batch=8"
        raise UsageError(f"--dim {_pair(name, size, text)}: {wanted}")
    return name, found


def parse_input_shape(text: str) -> tuple[str, tuple[int, ...]]:
    """`images=1x3x224x224` -> ("images", (1, 3, 224, 224)); `NAME=` alone is a scalar.

    Raises UsageError for another form.

    >>> parse_input_shape("images=1x3x224x224")
    ('images', (1, 3, 224, 224))
    """
    name, _, sizes = text.rpartition("=")
    return check_input_shape(name, [_number(size, _SIZE) for size in re.split("[x,]", sizes)] if sizes else (), text)


def check_input_shape(name: object, sizes: object, text: str | None = None) -> tuple[str, tuple[int, ...]]:
    """An input's name and its shape. Raises UsageError, which shows `text` if there is one."""
    found = _wholes(sizes, 0, _SIZE_END)
    if not isinstance(name, str) or not name or found is None:
        raise UsageError(f"--input-shape {_pair(name, sizes, text, 'x')}: wanted NAME=1x3x224x224 (sizes joined by x)")
    return name, found


def parse_trip(text: str) -> tuple[str, int]:
    """`1:Loop=32` -> ("1:Loop", 32). Raises UsageError for another form.

    >>> parse_trip("1:Loop=32")
    ('1:Loop', 32)
    """
    name, _, count = text.rpartition("=")
    return check_trip(name, _number(count, _SIZE), text)


def check_trip(name: object, count: object, text: str | None = None) -> tuple[str, int]:
    """A node and its trip count. Raises UsageError, which shows `text` if there is one."""
    found = _whole(count)
    if not isinstance(name, str) or not name or found is None or not 0 <= found < _SIZE_END:
        wanted = "wanted NODE=N with a whole number of up to 18 digits, such as --trip 1:Loop=32"
        raise UsageError(f"--trip {_pair(name, count, text)}: {wanted}")
    return name, found


def parse_value(text: str) -> tuple[str, tuple[int, ...]]:
    """`total_sequence_length=129` -> ("total_sequence_length", (129,)); `offsets=0,4,9` has three numbers.

    Raises UsageError for another form.
    """
    name, _, numbers = text.rpartition("=")
    return check_value(name, [_number(number, _VALUE) for number in numbers.split(",")], text)


def check_value(name: object, numbers: object, text: str | None = None) -> tuple[str, tuple[int, ...]]:
    """An input's name and what it holds; one number is for all its elements. Raises UsageError."""
    one = _whole(numbers)
    found = _wholes(numbers if one is None else (one,), 1 - _VALUE_END, _VALUE_END)
    if not isinstance(name, str) or not name or not found:
        wanted = "wanted NAME=N or NAME=N,N,... with whole numbers, such as --value past_length=128"
        raise UsageError(f"--value {_pair(name, numbers, text, ',')}: {wanted}")
    return name, found


def parse_cache(text: str) -> tuple[str, str]:
    """`past_k=present_k` -> ("past_k", "present_k"). Raises UsageError for another form.

    >>> parse_cache("past_k=present_k")
    ('past_k', 'present_k')
    """
    name, _, output = text.partition("=")
    return check_cache(name, output, text)


def check_cache(name: object, output: object, text: str | None = None) -> tuple[str, str]:
    """An input and the output that its cache becomes. Raises UsageError, which shows `text` if there is one."""
    if not isinstance(name, str) or not isinstance(output, str) or not name or not output:
        wanted = "wanted IN=OUT, an input and an output, such as --cache past_k=present_k"
        given = f"{name}={output}" if isinstance(name, str) and isinstance(output, str) else None
        raise UsageError(f"--cache {_pair(name, output, given if text is None else text)}: {wanted}")
    return name, output


def check_names(option: str, found: object) -> tuple[str, ...]:
    """Names, each once. Raises UsageError for what is no sequence of them.

    >>> check_names("--no-cache", ["past", "past"])
    ('past',)
    """
    items = _items(found)
    names = [item for item in items or () if isinstance(item, str)]
    if items is None or len(names) < len(items):
        raise UsageError(f"{option}: found {_said(found)}, wanted a list of names")
    return tuple(dict.fromkeys(names))


def parse_branch(text: str) -> tuple[str, Fraction]:
    """`0:If.then=0.5` -> ("0:If.then", 1/2). Raises UsageError for another form.

    >>> parse_branch("0:If.then=0.5"), parse_branch("else=1/3")
    (('0:If.then', Fraction(1, 2)), ('else', Fraction(1, 3)))
    """
    name, _, share = text.rpartition("=")
    return check_branch(name, Fraction(share) if re.fullmatch(_SHARE, share) else None, text)


def check_branch(name: object, share: object, text: str | None = None) -> tuple[str, Fraction]:
    """A branch and its probability; a float is what it prints as, 0.1 one tenth. Raises UsageError."""
    found = None
    if isinstance(share, Rational) and not isinstance(share, bool):
        found = Fraction(share)
    elif isinstance(share, Real) and math.isfinite(share) and not isinstance(share, bool):
        found = Fraction(repr(float(share)))
    is_branch = isinstance(name, str) and name.rpartition(".")[2] in ("then", "else")
    if not isinstance(name, str) or not is_branch or found is None or not 0 <= found <= 1:
        wanted = "wanted then=P or NODE.then=P with P from 0 to 1, such as --branch 0:If.then=0.5"
        raise UsageError(f"--branch {_pair(name, share, text)}: {wanted}")
    return name, found


def check_each(
    option: str, check: Callable[[object, object], tuple[str, Value]], found: object, example: str
) -> dict[str, Value]:
    """Every entry of a mapping after its check, in a dict of its own. Raises UsageError for what is no mapping."""
    if not isinstance(found, Mapping):
        raise UsageError(f"{option}: found {_said(found)}, wanted a mapping, such as {example}")
    return dict(check(name, value) for name, value in found.items())


def check_choice(option: str, found: object, choices: Sequence[Choice]) -> Choice:
    """One of a few words.

    >>> check_choice("--objective", "energy", ("latency", "energy"))
    'energy'
    >>> check_choice("--objective", "Energy", ("latency", "energy"))
    Traceback (most recent call last):
    onnx_roofline.base.errors.UsageError: --objective 'Energy': wanted latency or energy; did you mean 'energy'?
    """
    for choice in choices:
        if isinstance(found, str) and found == choice:
            return choice
    guess = did_you_mean(found.lower(), choices, listed=False) if isinstance(found, str) else ""
    raise UsageError(f"{option} {_quoted(found)}: wanted {', '.join(choices[:-1])} or {choices[-1]}{guess}")


def check_assume_dtype(found: object) -> str:
    """A floating-point type, or "" for the types of the file. Raises UsageError."""
    if isinstance(found, str) and (not found or found in FLOAT_DTYPES):
        return found
    guess = did_you_mean(found.lower(), FLOAT_DTYPES, listed=False) if isinstance(found, str) else ""
    wanted = f"wanted a floating-point type, such as {', '.join(sorted(FLOAT_DTYPES))}{guess}"
    raise UsageError(f"--assume-dtype {_plain(found)}: {wanted}")


def check_on_chip(found: object) -> str:
    """Bytes as text, `unlimited`, or "" for what the profiles say. Raises UsageError.

    >>> check_on_chip("20MB"), check_on_chip(65536), check_on_chip("unlimited")
    ('20000000', '65536', 'unlimited')
    """
    text = found if isinstance(found, str) else _said(found)
    if text in ("", "unlimited"):
        return text
    try:
        return str(int(parse_quantity(text)))
    except ValueError as error:
        raise UsageError(f"--on-chip {_plain(text)}: {shown(str(error), 200, quotes=False)}, or unlimited") from None


def check_name_or_path(option: str, found: object, wanted: str) -> str | os.PathLike[str]:
    """A name or a path as it is; whether there is such a thing shows when it is read. Raises UsageError."""
    if isinstance(found, str | os.PathLike):
        return found
    raise UsageError(f"{option}: found {_said(found)}, wanted {wanted}")


def check_system(found: object) -> str | os.PathLike[str] | System:
    """A profile's name, a path, or a system that is loaded already. Raises UsageError."""
    if isinstance(found, System):
        return found
    return check_name_or_path("--system", found, "the name of a shipped profile, a path, or a System")


def parse_figure(text: str) -> tuple[str, float]:
    """`h100-sxm.launch_us=0` -> ("h100-sxm.launch_us", 0.0). Raises UsageError for another form.

    >>> parse_figure("link.gb_per_s=64")
    ('link.gb_per_s', 64.0)
    """
    name, _, value = text.rpartition("=")
    try:
        number: float | None = float(value)
    except ValueError:
        number = None
    return check_figure(name, number, text)


def check_figure(name: object, value: object, text: str | None = None) -> tuple[str, float]:
    """A figure of a system by its path, and what it is. Raises UsageError, which shows `text` if there is one."""
    is_number = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    if not isinstance(name, str) or not name or not is_number or not isinstance(value, Real):
        wanted = "wanted PATH=NUMBER in the unit of the profile, such as --set a100-sxm-80gb.launch_us=0"
        raise UsageError(f"--set {_pair(name, value, text)}: {wanted}")
    return name, float(value)


def check_allowance(option: str, found: object) -> float:
    """Seconds or GB that a run may take. Raises UsageError.

    >>> check_allowance("--observe-limit-s", 30)
    30.0
    """
    is_number = isinstance(found, Real) and not isinstance(found, bool)
    if is_number and isinstance(found, Real) and found <= _LARGEST_ALLOWANCE and not found <= 0:
        return float(found)
    raise UsageError(
        f"{option} {f'{found:g}' if isinstance(found, float) else _quoted(found)}: wanted a number above 0"
    )


def check_switch(name: str, found: object) -> bool:
    """On or off. Raises UsageError for a text or a number, of which one can't tell what it turns on."""
    if isinstance(found, bool):
        return found
    raise UsageError(f"{name}: found {_said(found)}, wanted True or False")


def check_limits(found: object) -> Limits:
    """Limits of the reader; a mapping has those that are not the default. Raises UsageError."""
    if isinstance(found, Limits):
        return found
    if isinstance(found, Mapping):
        return Limits().override(tuple(f"{name}={_plain(value)}" for name, value in found.items()))
    raise UsageError(f"--limit: found {_said(found)}, wanted a mapping, such as limits={{'nodes': 2_000_000}}")


def _number(text: str, form: str) -> int | None:
    return int(text) if re.fullmatch(form, text) else None


def _whole(value: object) -> int | None:
    """A whole number of any library's type, or None; a truth value is none."""
    return int(value) if isinstance(value, Integral) and not isinstance(value, bool) else None


def _wholes(values: object, lowest: int, end: int) -> tuple[int, ...] | None:
    """Whole numbers from `lowest` to below `end` in a sequence or a numpy array, or None for anything else."""
    items = _items(values)
    if items is None:
        return None
    found = tuple(number for item in items if (number := _whole(item)) is not None and lowest <= number < end)
    return found if len(found) == len(items) else None


def _items(values: object) -> Sequence[object] | None:
    values = values.tolist() if hasattr(values, "tolist") else values
    return values if isinstance(values, Sequence) and not isinstance(values, str | bytes | bytearray) else None


def _pair(name: object, value: object, text: str | None, separator: str = ",") -> str:
    """What the command line was given, or would have been for a value from Python."""
    if text is not None:
        return shown(text)
    items = _items(value)
    said = _said(value) if items is None else separator.join(map(_said, items))
    return shown(f"{name if isinstance(name, str) else _said(name)}={said}")


def _said(value: object) -> str:
    """A value as Python writes it, numbers of every library as plain ones; cut where it is long."""
    if isinstance(value, int) and value.bit_length() > _SPELT_BITS:
        return f"a number of {value.bit_length():,} bits"
    is_number = isinstance(value, Rational) and not isinstance(value, bool)
    return shown(str(value) if is_number else repr(value), quotes=False)


def _quoted(value: object) -> str:
    """A text as the command line's refusals show it, anything else as Python writes it."""
    return shown(value) if isinstance(value, str) else _said(value)


def _plain(value: object) -> str:
    """The same without quotes."""
    return shown(value, quotes=False) if isinstance(value, str) else _said(value)
