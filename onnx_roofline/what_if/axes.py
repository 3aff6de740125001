"""What a sweep varies: dims, the system, and figures of it; each with its values."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from numbers import Integral, Real
from typing import Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from onnx_roofline.analysis.settings import Settings
from onnx_roofline.base.errors import UsageError
from onnx_roofline.base.text import did_you_mean, shown
from onnx_roofline.load import ParsedModel, dim_names, takes_dim

AxisKind = Literal["dim", "system", "figure"]
Value: TypeAlias = int | float | str
# The axis of systems.
SYSTEM = "system"
# Points of one sweep: some minutes of a model of a thousand ops.
MOST_POINTS = 1000
_FORMS = "NAME=A,B,C, NAME=1..10, NAME=128..1024+128 or NAME=1..4096x2"
_SIZE = r"0*[0-9]{1,18}"
_NUMBER = r"[0-9]{1,18}(\.[0-9]{0,18})?([eE][+-]?[0-9]{1,2})?|\.[0-9]{1,18}([eE][+-]?[0-9]{1,2})?"


class Axis(Struct, frozen=True):
    """Something that a sweep varies, and its values in the order of the question: sizes, figures or system names."""

    name: str
    kind: AxisKind
    values: tuple[Value, ...]

    @property
    def sizes(self) -> tuple[int, ...]:
        """The values of a dim by size; of other axes none, since nothing lies between their values."""
        return tuple(sorted(value for value in self.values if isinstance(value, int))) if self.kind == "dim" else ()


def parse_sweeps(texts: Iterable[str]) -> dict[str, tuple[str, ...] | range | tuple[int, ...]]:
    """`--sweep` texts by the name of what they vary. Raises UsageError where one is repeated or has no form.

    >>> parse_sweeps(["batch=1..8x2", "system=h100-sxm,a100-attacc"])
    {'batch': (1, 2, 4, 8), 'system': ('h100-sxm', 'a100-attacc')}
    """
    found: dict[str, tuple[str, ...] | range | tuple[int, ...]] = {}
    for text in texts:
        name, values = parse_sweep(text)
        if name in found:
            raise UsageError(f"--sweep {shown(name, quotes=False)}: found it twice; name all values in one list")
        found[name] = values
    return found


def parse_sweep(text: str) -> "tuple[str, tuple[str, ...] | range | tuple[int, ...]]":
    """A name and its values: a list as texts, or a range of whole numbers. Raises UsageError for another form.

    `A..B` is every number, `A..B+S` every S-th from A, `A..BxF` A times F again and again; B is always the last one.

    >>> parse_sweep("tokens=1..16x4"), parse_sweep("tokens=1..4"), parse_sweep("tokens=128..300+128")
    (('tokens', (1, 4, 16)), ('tokens', range(1, 5)), ('tokens', (128, 256, 300)))
    """
    name, separator, values = text.rpartition("=")
    if not separator or not name or not values:
        raise UsageError(f"--sweep {shown(text)}: wanted {_FORMS}, with whole numbers of up to 18 digits in ranges")
    if ".." not in values:
        parts = tuple(part.strip() for part in values.split(","))
        if not all(parts):
            raise UsageError(f"--sweep {shown(text)}: found an empty value, wanted {_FORMS}")
        return name, tuple(dict.fromkeys(parts))
    match = re.fullmatch(rf"({_SIZE})\.\.({_SIZE})(?:([x+])({_SIZE}))?", values)
    if match is None:
        raise UsageError(f"--sweep {shown(text)}: wanted {_FORMS}, with whole numbers of up to 18 digits in ranges")
    first, last, step = int(match[1]), int(match[2]), int(match[4] or 1)
    if first > last:
        raise UsageError(f"--sweep {shown(text)}: found no value from {first:,} to {last:,}; wanted the smaller first")
    if match[3] == "x":
        return name, _multiplied(text, first, last, step)
    if step < 1:
        raise UsageError(f"--sweep {shown(text)}: found a step of 0, wanted 1 or more")
    steps = range(first, last + 1, step)
    # Its ends are refused by the number of points, which may be too large for a list.
    return name, steps if steps[-1] == last or len(steps) > MOST_POINTS else (*steps, last)


def _multiplied(text: str, first: int, last: int, factor: int) -> tuple[int, ...]:
    if factor < 2 or first < 1:
        raise UsageError(f"--sweep {shown(text)}: wanted a range from 1 or more and a factor of 2 or more")
    found = []
    while first < last:
        found.append(first)
        first *= factor
    return (*found, last)


def find_axes(wanted: Mapping[str, Sequence[object]], parsed: ParsedModel, settings: Settings) -> tuple[Axis, ...]:
    """The axes that names and values stand for, in their order.

    A name is that of a dim (also of a size that the file fixes), else `system`, else a figure by its path.
    Raises UsageError for a name that is none of them, for a value that can't be, and for too many points.
    """
    if not wanted:
        raise UsageError(f"--sweep: found nothing to vary, wanted {_FORMS}")
    for name, values in wanted.items():
        if not isinstance(values, Sequence) or isinstance(values, str | bytes):
            raise UsageError(f"--sweep {shown(str(name), quotes=False)}: found {shown(repr(values), quotes=False)}, "
                             "wanted a list of values, or a text such as '1..64x2'")  # fmt: skip
        if not len(values):
            raise UsageError(f"--sweep {shown(name, quotes=False)}: found no value, wanted one or more")
    points = math.prod(len(values) for values in wanted.values())
    if points > MOST_POINTS:
        sizes = " x ".join(f"{len(values):,}" for values in wanted.values())
        raise UsageError(f"--sweep: found {points:,} points ({sizes}), wanted at most {MOST_POINTS:,}; a factor makes "
                         "fewer of a range, such as 1..4096x2, and flips are found between its points")  # fmt: skip
    return tuple(_axis(name, tuple(values), parsed, settings) for name, values in wanted.items())


def _axis(name: str, values: tuple[object, ...], parsed: ParsedModel, settings: Settings) -> Axis:
    where = f"--sweep {shown(name, quotes=False)}"
    if takes_dim(parsed, name):
        if name in settings.dims:
            raise UsageError(f"{where}: --dim {shown(name, quotes=False)} states it too; drop one")
        sizes = [_size(value) for value in values]
        wrong = next((value for value, size in zip(values, sizes, strict=True) if size is None), None)
        if wrong is not None:
            raise UsageError(f"{where}: found {shown(str(wrong))}, wanted a whole number from 1 and of up to 18 digits")
        return Axis(name, "dim", tuple(dict.fromkeys(size for size in sizes if size is not None)))
    if name == SYSTEM:
        if not all(isinstance(value, str) and value for value in values):
            raise UsageError(f"{where}: wanted names or files of systems, such as {SYSTEM}=h100-sxm,a100-attacc")
        return Axis(name, "system", tuple(dict.fromkeys(str(value) for value in values)))
    if "." not in name:
        known = (*dim_names(parsed), SYSTEM)
        near = did_you_mean(name, known, listed=False)
        raise UsageError(f"{where}: found no such dim, system or figure{near or _listed(known)}")
    if name in settings.figures:
        raise UsageError(f"{where}: --set {shown(name, quotes=False)} states it too; drop one")
    numbers = [_figure(value) for value in values]
    wrong = next((value for value, number in zip(values, numbers, strict=True) if number is None), None)
    if wrong is not None:
        raise UsageError(f"{where}: found {shown(str(wrong))}, wanted a number in the unit of the profile")
    return Axis(name, "figure", tuple(dict.fromkeys(number for number in numbers if number is not None)))


def _listed(known: Sequence[str]) -> str:
    names = ", ".join(shown(name, quotes=False) for name in known[:8])
    return f"; there are {names}{', ...' if len(known) > 8 else ''} and figures such as h100-sxm.launch_us"


def _size(value: object) -> int | None:
    if isinstance(value, str):
        return int(value) if re.fullmatch(_SIZE, value) and int(value) else None
    is_size = isinstance(value, Integral) and not isinstance(value, bool) and 0 < int(value) < 10**18
    return int(value) if is_size and isinstance(value, Integral) else None


def _figure(value: object) -> float | None:
    if isinstance(value, str):
        return float(value) if re.fullmatch(_NUMBER, value) else None
    is_number = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if is_number and isinstance(value, Real) else None


def settings_at(settings: Settings, axes: Sequence[Axis], values: Sequence[Value]) -> Settings:
    """The settings with a value for each axis."""
    dims, figures, system = dict(settings.dims), dict(settings.figures), settings.system
    for axis, value in zip(axes, values, strict=True):
        if axis.kind == "dim" and isinstance(value, int):
            dims[axis.name] = value
        elif axis.kind == "figure" and not isinstance(value, str):
            figures[axis.name] = value
        elif isinstance(value, str):
            system = value
    return replace(settings, dims=dims, figures=figures, system=system)


def points_of(axes: Sequence[Axis]) -> list[tuple[Value, ...]]:
    """Every combination of values, the last axis fastest."""
    return list(product(*(axis.values for axis in axes)))
