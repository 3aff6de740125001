"""Budgets: which models, at which sizes and on which systems, may cost how much."""

import datetime
from collections.abc import Mapping
from fnmatch import fnmatchcase
from fractions import Fraction
from typing import Literal

from msgspec import Struct, field

from onnx_roofline.analysis.settings import Settings
from onnx_roofline.base.measures import parse_measure
from onnx_roofline.base.text import shown
from onnx_roofline.ci.metrics import parse_metric, unit_of

Level = Literal["error", "warn", "off"]
LEVELS: tuple[Level, ...] = ("error", "warn", "off")
# What a budget compares with: an absolute most or least, or what the base or baseline has.
Bound = Literal["max", "min", "vs_baseline"]


class Place(Struct, frozen=True):
    """Where a budget is written; line 0 is the command line."""

    file: str = ""
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file or "command line"


class Allowance(Struct, frozen=True):
    """How much worse than the baseline a figure may be: a share of it, or an amount in its unit."""

    share: Fraction | None
    amount: Fraction | None
    text: str


class Budget(Struct, frozen=True):
    """One limit on one metric. `limit` is in the metric's unit; of `allowances` the widest counts."""

    metric: str
    bound: Bound
    limit: Fraction
    text: str
    place: Place
    level: Level = "error"
    message: str = ""
    allowances: tuple[Allowance, ...] = ()


class Point(Struct, frozen=True):
    """One size on one system: the settings of an analysis, and what names it beside the model."""

    settings: Settings
    label: str


class Entry(Struct, frozen=True):
    """The models of some paths, the points at which each is analysed, and the budgets that hold at each.

    `paths` are globs relative to the folder of the budget file. `name` is the model's stable name; its path where that
    is empty. `assumed` and `unknown` say what assumed dims and ops without a figure are.
    """

    paths: tuple[str, ...]
    name: str
    points: tuple[Point, ...]
    budgets: tuple[Budget, ...]
    place: Place
    assumed: Level = "error"
    unknown: Level = "error"
    allow_missing: bool = False


class Ignore(Struct, frozen=True):
    """An acknowledged finding: which rule, metric and model, why, and until when."""

    rule: str
    metric: str
    model: str
    reason: str
    until: datetime.date | None
    place: Place

    def matches(self, rule: str, metric: str, model: str) -> bool:
        """Whether it is about this finding."""
        pairs = ((self.rule, rule), (self.metric, metric), (self.model, model))
        return all(not wanted or wanted == found or fnmatchcase(found, wanted) for wanted, found in pairs)


class Budgets(Struct, frozen=True):
    """What a budget file says, or the command line in its place."""

    folder: str
    entries: tuple[Entry, ...]
    place: Place
    ignores: tuple[Ignore, ...] = ()
    baseline: str = ""
    baseline_required: bool = False
    inputs: tuple[str, ...] = field(default=())


def parse_limit(text: str) -> Budget:
    """`flops=9G` of the command line -> a Budget.

    Raises ValueError for another form, with what is wrong.
    """
    metric, separator, quantity = text.partition("=")
    name = metric.strip()
    if "]" not in name and "]" in quantity:
        # The `=` stood inside the brackets of a selector.
        metric, _, quantity = text.rpartition("=")
        name = metric.strip()
    if not separator or not name:
        raise ValueError("wanted METRIC=LIMIT, such as --max flops=9G")
    parse_metric(name)
    return Budget(name, "max", parse_measure(quantity, unit_of(name)), quantity.strip(), Place())


def parse_allowance(text: str, metric: str) -> Allowance:
    """`+1%` or `+512 KiB` -> how much worse a figure may be.

    Raises ValueError for another form.
    """
    if not text.startswith("+"):
        raise ValueError(f"found {shown(text)}, wanted what may be added, such as +1% or +512 KiB; +0% allows nothing")
    quantity = text[1:].strip()
    if quantity.endswith("%"):
        number = quantity[:-1].strip()
        share = parse_measure(number, "") / 100
        return Allowance(share, None, text)
    return Allowance(None, parse_measure(quantity, unit_of(metric)), text)


def at(dims: Mapping[str, int], system: str, *, name_system: bool) -> str:
    """What names a point: its stated dims, and the system where there are several.

    >>> at({"batch": 8}, "teaching", name_system=True), at({}, "teaching", name_system=False)
    ('batch=8, teaching', '')
    """
    parts = [f"{name}={value}" for name, value in dims.items()]
    return ", ".join([*parts, system] if name_system else parts)
