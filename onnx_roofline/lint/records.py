"""The records of the lint: rules, what they hit, changes of a model, findings."""

from collections.abc import Callable, Iterable, Mapping
from typing import Literal

from msgspec import Struct, field

from onnx_roofline.analysis.analyze import Analysis

Level = Literal["warning", "note"]


class Change(Struct, frozen=True):
    """What mending a hit does to the main graph.

    `renames` are tensors by the ones that stand for them from then on; an op all of whose outputs are renamed or
    `dropped` is gone.
    """

    renames: Mapping[str, str] = field(default_factory=dict)
    dropped: frozenset[str] = frozenset()


class Hit(Struct, frozen=True):
    """One place: the row ids of the ops, what is there, and the change that mends it where one is known."""

    keys: tuple[str, ...]
    what: str
    change: Change | None = None


class LintRule(Struct, frozen=True):
    """A kind of finding: a stable code and name, what it costs, what to do, and how it is found.

    `instead` is the analysis under other settings whose time the price is taken from, where the graph stays as it is.
    """

    code: str
    name: str
    level: Level
    hazard: str
    mitigation: str
    find: Callable[[Analysis], Iterable[Hit]]
    instead: "Callable[[Analysis], Analysis | None] | None" = None


class LintFinding(Struct, frozen=True):
    """All places of one rule in a model.

    `worth_s` is the time of the model less that of the mended one, run again on the same system; None where the rule
    names no change that can be made here.
    """

    code: str
    name: str
    level: Level
    hazard: str
    mitigation: str
    hits: tuple[Hit, ...]
    worth_s: float | None = None
    of_s: float | None = None
