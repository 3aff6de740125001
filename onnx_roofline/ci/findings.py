"""What a gate found: one list of typed findings, which every format renders and from which the exit code follows."""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from onnx_roofline import __version__
from onnx_roofline.base.measures import Unit
from onnx_roofline.base.quantities import format_si
from onnx_roofline.ci.budgets import Bound, Place
from onnx_roofline.ci.metrics import Value, more_is_better
from onnx_roofline.ci.snapshot import COST_MODEL_VERSION, LintNote
from onnx_roofline.lint.rules import RULES as LINT_RULES

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")


class Rule(Struct, frozen=True):
    """A kind of finding: a stable id, a name, what it means, and what to do."""

    id: str
    name: str
    about: str
    advice: str


RULES: dict[str, Rule] = {
    rule.id: rule
    for rule in (
        Rule("OR101", "over-budget", "A figure is over the most that its budget allows.",
             "make the model cheaper, or raise the limit where it is written"),
        Rule("OR102", "under-budget", "A figure is under the least that its budget allows.",
             "raise the figure, or lower the limit where it is written"),
        Rule("OR103", "over-baseline", "A figure is worse than the base by more than its budget allows.",
             "make the change cheaper, or accept it: onnx-roofline baseline update"),
        Rule("OR104", "unanswered", "A figure was known at the base and is unknown now.",
             "state what became open, or give the new ops a rule"),
        Rule("OR105", "unknown-figure", "A figure with a budget is unknown: ops have unknown counts or bytes.",
             "onnx-roofline analyze names the types of these ops"),
        Rule("OR106", "unknown-ops", "Ops of the model have unknown counts or bytes.",
             "accept them by unknown: warn in the budget file, or --allow-unknown"),
        Rule("OR107", "no-base", "There is nothing to compare a model with.",
             "onnx-roofline baseline update, or check --against REV"),
        Rule("OR108", "drift", "Figures changed, and no budget is broken by it.", "nothing, if the change is meant"),
        Rule("OR109", "ignored", "A finding was acknowledged in the budget file.", "nothing until it expires"),
        Rule("OR110", "selects-nothing", "A budget on an op type or module that no model has, so that it always holds.",
             "correct the name, or remove the budget"),
        Rule("OR201", "assumed", "Figures rest on dims, trip counts or branches that nobody stated.",
             "state them in the budget file, or accept them by assumed: warn"),
        Rule("OR202", "not-analysed", "A model can't be analysed.", "the message says what was wanted"),
        Rule("OR203", "expired-ignore", "An acknowledged finding is over its date.",
             "fix what it is about, or give it another date"),
        Rule("OR204", "unused-ignore", "An acknowledged finding was not found.", "remove it"),
        Rule("OR205", "not-comparable", "The base was analysed under other conditions, so there is no verdict.",
             "onnx-roofline baseline update, under the same options"),
        Rule("OR206", "crashed", "The analysis of a model failed by a fault of its own.",
             "please report it with the model"),
        *(Rule(rule.code, rule.name, rule.hazard, rule.mitigation) for rule in LINT_RULES),
    )
}  # fmt: skip


class Finding(Struct, frozen=True):
    """One thing that was found about one model.

    `outcome` is the exit code that it asks for. `causes` say who raised the figure, the most first. `place` is the line
    of the budget, since models are binary.
    """

    rule: str
    severity: Severity
    outcome: int
    model: str
    at: str
    metric: str
    message: str
    place: Place
    path: str = ""
    found: Value = None
    old: Value = None
    limit: str = ""
    unit: Unit = ""
    causes: tuple[str, ...] = ()
    advice: str = ""

    @property
    def subject(self) -> str:
        """The model with its point: `detector [batch=8]`."""
        return subject_of(self.model, self.at)

    @property
    def name(self) -> str:
        """The rule's name."""
        return RULES[self.rule].name

    @property
    def fingerprint(self) -> str:
        """The same for the same finding of two runs, whatever its figures are and wherever its line moved."""
        import hashlib

        return hashlib.sha256(
            "\0".join((self.rule, self.model, self.at, self.metric)).encode("utf-8", "replace")
        ).hexdigest()[:32]


class Check(Struct, frozen=True):
    """One budget held against one model at one point. `held` is None where there was nothing to compare with."""

    model: str
    at: str
    system: str
    metric: str
    bound: Bound
    limit: str
    maximum: Value
    found: Value
    old: Value
    unit: Unit
    severity: Severity
    held: bool | None
    place: Place
    message: str = ""


class ModelRun(Struct, frozen=True):
    """One model at one point: whether it was analysed, and its totals."""

    model: str
    at: str
    path: str
    system: str
    status: Literal["analysed", "refused", "crashed"]
    totals: dict[str, Value]
    old_totals: dict[str, Value] | None = None

    @property
    def subject(self) -> str:
        """The model with its point."""
        return subject_of(self.model, self.at)


class Report(Struct, frozen=True):
    """What a check found, whichever way it is written. `against` names the base, "" where nothing is compared."""

    models: tuple[ModelRun, ...]
    checks: tuple[Check, ...]
    findings: tuple[Finding, ...]
    against: str = ""
    tool_version: str = __version__
    cost_model_version: int = COST_MODEL_VERSION

    @property
    def exit_code(self) -> int:
        """The greatest that a finding asks for: 70 before 2 before 1 before 0."""
        return max((finding.outcome for finding in self.findings), default=0)

    def worst_first(self) -> tuple[Finding, ...]:
        """The findings, refusals and broken budgets first, then as they were found."""
        return tuple(sorted(self.findings, key=lambda f: (SEVERITIES.index(f.severity), -f.outcome)))


def subject_of(model: str, at: str) -> str:
    """A model and the point at which it was analysed.

    >>> subject_of("detector", "batch=8"), subject_of("detector", "")
    ('detector [batch=8]', 'detector')
    """
    return f"{model} [{at}]" if at else model


def amount(value: Value, unit: Unit) -> str:
    """A figure as a reader wants it: SI prefixes, shares in percent, a dash for unknown.

    >>> amount(9_410_000_000, "FLOP"), amount(0.6, "%"), amount(None, "B")
    ('9.41 GFLOP', '60 %', '–')
    """
    if value is None or unit != "%":
        return format_si(value, unit)
    return f"{100 * value:.4g} %"


def precise(value: int, unit: Unit) -> str:
    """A figure in full, for two that look the same when they are rounded."""
    return f"{value:,} {unit}".strip()


def pair(a: int | float, b: int | float, unit: Unit) -> tuple[str, str]:
    """Two figures as texts that differ where the figures do.

    >>> pair(416_520, 416_519, "MAC"), pair(2, 1, "B"), pair(2.19387e-5, 2.19394e-5, "s")
    (('416,520 MAC', '416,519 MAC'), ('2 B', '1 B'), ('2.19387e-05 s', '2.19394e-05 s'))
    """
    texts = amount(a, unit), amount(b, unit)
    if texts[0] != texts[1] or a == b:
        return texts
    if isinstance(a, int) and isinstance(b, int):
        return precise(a, unit), precise(b, unit)
    scale, suffix = (100, " %") if unit == "%" else (1, f" {unit}" if unit else "")
    found = [(f"{scale * a:.{digits}g}{suffix}", f"{scale * b:.{digits}g}{suffix}") for digits in (6, 9, 12, 17)]
    return next((both for both in found if both[0] != both[1]), found[-1])


def worse(metric: str, old: int | float, new: int | float) -> bool:
    """Whether the new figure is worse than the old one."""
    return new < old if more_is_better(metric) else new > old


def drift_of(old: Mapping[str, Value], new: Mapping[str, Value]) -> list[tuple[str, Value, Value]]:
    """Totals that differ, the largest relative change first; unknown on one side comes before all."""
    found = [(name, old[name], value) for name, value in new.items() if name in old and old[name] != value]

    def size(row: tuple[str, Value, Value]) -> float:
        _, before, after = row
        return float("inf") if before is None or after is None or not before else abs(after - before) / before

    return sorted(found, key=size, reverse=True)


def lint_report(name: str, path: str, system: str, totals: dict[str, Value], notes: tuple[LintNote, ...]) -> Report:
    """The report of a lint alone, which every format of a check renders."""
    findings = tuple(
        Finding(
            note.code, "warning" if note.level == "warning" else "note", 0, name, "", RULES[note.code].name,
            note.message, Place(), path=path, advice=RULES[note.code].advice,
        )
        for note in notes
    )  # fmt: skip
    return Report((ModelRun(name, "", path, system, "analysed", totals),), (), findings)
