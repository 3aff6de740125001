"""The records of the lint: rules, what they hit, changes of a model, findings."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from msgspec import Struct, field

from onnx_roofline.ir.graph import Op

if TYPE_CHECKING:
    from onnx_roofline.analysis.analyze import Analysis

Level = Literal["warning", "note"]
# What a price is of: one run of the model, or one load of it.
Per = Literal["run", "load"]


class Change(Struct, frozen=True):
    """What mending a hit does to the main graph.

    `renames` are tensors by the ones that stand for them from then on; an op all of whose outputs are renamed or
    `dropped` is gone. `remade` are tensors by the names under which their ops make them from then on. `instead` are the
    ops that stand in the place of one, by its id; `fused` are row ids whose kernels become one.
    """

    renames: Mapping[str, str] = field(default_factory=dict)
    remade: Mapping[str, str] = field(default_factory=dict)
    dropped: frozenset[str] = frozenset()
    instead: Mapping[str, tuple[Op, ...]] = field(default_factory=dict)
    fused: tuple[tuple[str, ...], ...] = ()


class Hit(Struct, frozen=True):
    """One place: the row ids of the ops, what is there, and the change that mends it; or why there is none."""

    keys: tuple[str, ...]
    what: str
    change: Change | None = None
    why: str = ""


class LintRule(Struct, frozen=True):
    """A kind of finding: a stable code and name, what it costs, what to do, and how it is found.

    `instead` is the analysis without the fault at all of the hits, where no change of the graph mends it.
    """

    code: str
    name: str
    level: Level
    hazard: str
    mitigation: str
    find: "Callable[[Analysis], Iterable[Hit]]"
    instead: "Callable[[Analysis, Sequence[Hit]], Analysis] | None" = None
    per: Per = "run"


class LintFinding(Struct, frozen=True):
    """All places of one rule in a model.

    `worth_s` is the time of the model, `of_s`, less that of the mended one, run again on the same system; of a load
    what it takes. `mended` are the places that are mended there. `worth_s` is None where `unpriced` says why.
    """

    code: str
    name: str
    level: Level
    hazard: str
    mitigation: str
    hits: tuple[Hit, ...]
    worth_s: float | None = None
    of_s: float = 0.0
    mended: int = 0
    unpriced: str = ""
    per: Per = "run"
