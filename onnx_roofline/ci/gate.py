"""Judges snapshots by budgets, alone and against a base: the verdict, before anything of it is written."""

import datetime
from collections.abc import Mapping, Sequence
from fractions import Fraction

from msgspec import Struct
from msgspec.structs import replace

from onnx_roofline.base.errors import UsageError
from onnx_roofline.base.quantities import format_change
from onnx_roofline.base.text import did_you_mean, plural, shown
from onnx_roofline.ci.assumptions import assumed_message
from onnx_roofline.ci.budgets import Budget, Budgets, Ignore, Level, Place
from onnx_roofline.ci.diff import NodeChange, causes_of, diff_nodes, figure_text
from onnx_roofline.ci.findings import (
    RULES,
    Check,
    Finding,
    ModelRun,
    Report,
    Severity,
    amount,
    drift_of,
    pair,
    worse,
)
from onnx_roofline.ci.measure import Outcome
from onnx_roofline.ci.metrics import Value, more_is_better, parse_metric, selected, unit_of
from onnx_roofline.ci.plan import Target
from onnx_roofline.ci.snapshot import Snapshot, as_number, missing_metric

_SEVERITIES: dict[Level, Severity] = {"error": "error", "warn": "warning", "off": "note"}
# Totals that a drift is reported of; the others follow from them.
_DRIFT = (
    "flops", "macs", "parameters", "weight_bytes", "moved_bytes", "peak_activation_bytes", "time_s.placement", "ops",
    "unknown_ops",
)  # fmt: skip
# Totals that must not become unknown: a model that answered them answers them still.
_ANSWERED = ("flops", "moved_bytes", "peak_activation_bytes", "time_s.placement")


class Base(Struct, frozen=True):
    """What the models are held against: a revision or a baseline, by name, and its snapshots by target.

    An absent target is new; `failures` are targets that the base has and that can't be analysed there.
    """

    name: str
    snapshots: Mapping[str, Snapshot]
    failures: Mapping[str, str] = {}


def judge(
    budgets: Budgets,
    targets: Sequence[Target],
    outcomes: Mapping[str, Outcome],
    base: Base | None = None,
    today: datetime.date | None = None,
    assumed_hint: str = "",
) -> Report:
    """The report of a check; `outcomes` are by the target's key. Raises UsageError for a metric that no model has."""
    runs, checks, findings = [], [], []
    for target in targets:
        outcome = outcomes[target.key]
        judged = _Judge(target, outcome, base, assumed_hint)
        judged.judge()
        runs.append(judged.run())
        checks += judged.checks
        findings += judged.findings
    findings += _selecting_nothing(targets, outcomes)
    findings = _ignored(findings, budgets.ignores, today or datetime.date.today())
    return Report(tuple(runs), tuple(checks), tuple(findings), base.name if base else "")


class _Judge:
    """One model at one point."""

    def __init__(self, target: Target, outcome: Outcome, base: Base | None, assumed_hint: str) -> None:
        self.target, self.outcome, self.base = target, outcome, base
        self.assumed_hint = assumed_hint
        self.checks: list[Check] = []
        self.findings: list[Finding] = []
        self.old = base.snapshots.get(target.key) if base else None
        self.changes: tuple[NodeChange, ...] | None = None

    def run(self) -> ModelRun:
        """What became of it."""
        snapshot = self.outcome.snapshot
        return ModelRun(
            model=self.target.name,
            at=self.target.point.label,
            path=self.target.path,
            system=snapshot.context.system if snapshot else str(self.target.point.settings.system),
            status="analysed" if snapshot else "crashed" if self.outcome.code == 70 else "refused",
            totals=snapshot.totals if snapshot else {},
            old_totals=self.old.totals if self.old and snapshot else None,
        )

    def judge(self) -> None:
        """Every finding, refusals first; without figures there is nothing more to say."""
        snapshot = self.outcome.snapshot
        if snapshot is None:
            rule = "OR206" if self.outcome.code == 70 else "OR202"
            self._add(rule, "error", self.outcome.code, "", self.outcome.failure)
            return
        if snapshot.opened.kinds and self.target.entry.assumed != "off":
            severity = _SEVERITIES[self.target.entry.assumed]
            text = assumed_message(snapshot.opened.kinds, snapshot.opened.examples) + self.assumed_hint
            self._add("OR201", severity, 2 if severity == "error" else 0, "", text)
            if severity == "error":
                return
        self._compare_context(snapshot)
        for budget in self.target.entry.budgets:
            if budget.level != "off":
                self._judge_budget(snapshot, budget)
        if snapshot.totals["unknown_ops"] and self.target.entry.unknown != "off":
            types = ", ".join(snapshot.unknown_op_types[:5])
            count = int(snapshot.totals["unknown_ops"])
            text = f"{plural(count, 'op')} {'has' if count == 1 else 'have'} unknown counts or bytes ({types}); "
            text += "--allow-unknown accepts that"
            severity = _SEVERITIES[self.target.entry.unknown]
            self._add("OR106", severity, int(severity == "error"), "unknown_ops", text)
        for note in snapshot.lint:
            severity = "warning" if note.level == "warning" else "note"
            self._add(note.code, severity, 0, RULES[note.code].name, note.message)
        if self.old is not None:
            self._unanswered(snapshot, self.old)
            self._drift(snapshot, self.old)

    def _add(self, rule: str, severity: Severity, outcome: int, metric: str, message: str, **more: object) -> None:
        place = more.pop("place", self.target.entry.place)
        self.findings.append(
            Finding(
                rule, severity, outcome, self.target.name, self.target.point.label, metric, message, place,  # type: ignore[arg-type]
                path=self.target.path, advice=str(more.pop("advice", RULES[rule].advice)), **more,  # type: ignore[arg-type]
            )
        )  # fmt: skip

    def _compare_context(self, snapshot: Snapshot) -> None:
        """Says why there is no verdict against the base, and forgets the base then."""
        if self.base is None:
            return
        if self.target.key in self.base.failures:
            text = f"can't be analysed at {self.base.name}: {self.base.failures[self.target.key]}"
            self._add("OR107", "note", 0, "", text)
        elif self.old is None:
            self._add("OR107", "note", 0, "", f"is new: {self.base.name} doesn't have it")
        elif differences := snapshot.context.differences(self.old.context):
            text = f"no verdict against {self.base.name}: {'; '.join(differences)}"
            self._add("OR205", "error", 2, "", text)
            self.old = None

    def _judge_budget(self, snapshot: Snapshot, budget: Budget) -> None:
        try:
            found = snapshot.figure(budget.metric)
        except KeyError:
            raise UsageError(f"{budget.place}: {missing_metric(snapshot, budget.metric)}") from None
        old = _figure(self.old, budget.metric)
        maximum, text = (budget.limit, budget.text)
        if budget.bound == "vs_baseline":
            if old is None:
                self._check(snapshot, budget, None, found, old, None)
                if found is not None and self.base is None and not any(f.rule == "OR107" for f in self.findings):
                    text = f"{budget.metric} has nothing to be compared with: no base, no baseline"
                    self._add("OR107", "note", 0, budget.metric, text, place=budget.place)
                return
            sign = -1 if more_is_better(budget.metric) else 1
            widest = max(_slack(allowance.share, allowance.amount, old) for allowance in budget.allowances)
            maximum = Fraction(old) + sign * widest
            text = f"{self.base.name if self.base else 'base'} {budget.text}"
        held = _holds(budget, found, maximum)
        self._check(snapshot, budget, maximum, found, old, held)
        if not held:
            self._broken(snapshot, budget, maximum, text, found, old)
        elif budget.bound == "max":
            self._open_branches(snapshot, budget, found)

    def _check(
        self, snapshot: Snapshot, budget: Budget, maximum: Fraction | None, found: Value, old: Value, held: bool | None
    ) -> None:
        self.checks.append(
            Check(
                self.target.name, self.target.point.label, snapshot.context.system, budget.metric, budget.bound,
                budget.text, None if maximum is None else as_number(maximum), found, old, unit_of(budget.metric),
                _SEVERITIES[budget.level], held, budget.place, budget.message,
            )
        )  # fmt: skip

    def _broken(
        self, snapshot: Snapshot, budget: Budget, maximum: Fraction, text: str, found: Value, old: Value
    ) -> None:
        severity, unit = _SEVERITIES[budget.level], unit_of(budget.metric)
        rules = {"max": "OR101", "min": "OR102", "vs_baseline": "OR103"}
        if found is None:
            rule = "OR104" if old is not None else "OR105"
            message = f"{budget.metric} is unknown: {unknown_because(budget.metric)}; the limit is {text}"
        else:
            rule, message = (
                rules[budget.bound],
                over_text(budget, found, maximum, old, self.base.name if self.base else ""),
            )
        rose = found is not None and old is not None and worse(budget.metric, old, found)
        causes = self._causes(snapshot, budget.metric) if rose else []
        self._add(
            rule, severity, int(severity == "error"), budget.metric, message, place=budget.place, found=found, old=old,
            limit=text, unit=unit, causes=tuple(causes), advice=budget.message or RULES[rule].advice,
        )  # fmt: skip

    def _causes(self, snapshot: Snapshot, metric: str) -> list[str]:
        if self.old is None:
            return []
        if self.changes is None:
            self.changes = diff_nodes(self.old.nodes, snapshot.nodes)[0] if self.old.nodes and snapshot.nodes else ()
        return causes_of(self.old, snapshot, metric, self.changes)

    def _open_branches(self, snapshot: Snapshot, budget: Budget, found: Value) -> None:
        """A limit that holds with the branches that are counted may not hold with others."""
        opened = snapshot.opened
        if not opened.branch or self.target.entry.assumed == "off":
            return
        if "]" in budget.metric:
            most: Value = None
        elif budget.metric in opened.most:
            most = opened.most[budget.metric]
        else:
            return
        if most is not None and most <= budget.limit:
            return
        unit = unit_of(budget.metric)
        others = "may be more" if most is None else f"is up to {amount(most, unit)}"
        severity = _SEVERITIES[self.target.entry.assumed]
        self._add(
            "OR201", severity, 2 if severity == "error" else 0, budget.metric,
            f"{budget.metric} is {amount(found, unit)} with the branches that have the most operations and {others} "
            f"with others; the limit is {budget.text}; state the branch, for example "
            f"{opened.branch}{self.assumed_hint}",
            place=budget.place,
        )  # fmt: skip

    def _unanswered(self, snapshot: Snapshot, old: Snapshot) -> None:
        named = {finding.metric for finding in self.findings if finding.rule == "OR104"}
        for metric in _ANSWERED:
            if old.totals.get(metric) is not None and snapshot.totals.get(metric) is None and metric not in named:
                unit, before = unit_of(metric), old.totals[metric]
                text = f"{metric} was {amount(before, unit)} at {self._base_name()} and is unknown now"
                self._add("OR104", "error", 1, metric, text, old=before, unit=unit)

    def _drift(self, snapshot: Snapshot, old: Snapshot) -> None:
        broken = {finding.metric for finding in self.findings}
        rows = [row for row in drift_of(old.totals, snapshot.totals) if row[0] in _DRIFT and row[0] not in broken]
        if rows:
            text = "; ".join(figure_text(*row) for row in rows)
            self._add("OR108", "note", 0, "", f"changed since {self._base_name()}: {text}")

    def _base_name(self) -> str:
        return self.base.name if self.base else "the base"


def _figure(snapshot: Snapshot | None, metric: str) -> Value:
    try:
        return None if snapshot is None else snapshot.figure(metric)
    except KeyError:
        return None


def _slack(share: Fraction | None, extra: Fraction | None, old: int | float) -> Fraction:
    return Fraction(old) * share if share is not None else extra or Fraction(0)


def unknown_because(metric: str) -> str:
    """Why a figure of a model is unknown."""
    if metric.startswith("energy_j."):
        return "the system states no energy of what it does"
    if metric.startswith("memory_share."):
        return "the device states no capacity, or some tensors have no size"
    return "some ops have unknown counts or bytes"


def _holds(budget: Budget, found: Value, limit: Fraction) -> bool:
    """Whether a figure is within its limit, exactly; an unknown one never is."""
    if found is None:
        return False
    if budget.bound == "min":
        return found >= limit
    if budget.bound == "vs_baseline":
        return not worse(budget.metric, as_number(limit), found)
    return found <= limit


def over_text(budget: Budget, found: int | float, limit: Fraction, old: Value, base: str) -> str:
    """How far from its limit a figure is; figures that round to the same text are given in full."""
    unit, bound = unit_of(budget.metric), as_number(limit)
    if budget.bound == "vs_baseline":
        assert old is not None, "a budget against a base that doesn't have the figure is not judged"
        before, after = pair(old, found, unit)
        percent = f" ({format_change(old, found)})" if old else ""
        return f"{budget.metric} is {after}, was {before} at {base}{percent}; {budget.text} is allowed"
    shown, allowed = pair(found, bound, unit)
    by = abs(found - bound)
    percent = f" ({format_change(bound, found)})" if bound else ""
    side = "over the limit" if budget.bound == "max" else "under the least"
    return f"{budget.metric} is {shown}, {amount(by, unit)} {side} of {allowed}{percent}"


def _selecting_nothing(targets: Sequence[Target], outcomes: Mapping[str, Outcome]) -> list[Finding]:
    """Budgets whose selector names nothing in any model that they are held against: a typing error always holds.

    An op type of ONNX may be limited before a model has it, and so may whatever is forbidden by a limit of 0.
    """
    found: dict[tuple[Place, str], Finding | None] = {}
    seen: dict[tuple[Place, str], set[str]] = {}
    for target in targets:
        snapshot = outcomes[target.key].snapshot
        for budget in target.entry.budgets:
            selector = parse_metric(budget.metric)
            if snapshot is None or selector is None or budget.bound == "min" or budget.level == "off":
                continue
            groups = snapshot.by_type if selector.by == "op" else snapshot.by_module
            key = budget.place, budget.metric
            seen.setdefault(key, set()).update(groups)
            if any(True for _ in selected(selector, groups)) or _is_forbidden(budget):
                found[key] = None
            elif key not in found:
                found[key] = Finding(
                    "OR110", "warning", 0, target.name, "", budget.metric, "", budget.place, path=target.path,
                    advice=RULES["OR110"].advice,
                )  # fmt: skip
    return [
        replace(finding, message=text)
        for (place, metric), finding in found.items()
        if finding is not None and (text := _nothing_text(metric, seen[place, metric]))
    ]


def _is_forbidden(budget: Budget) -> bool:
    """Whether a budget says that there must be none of what it names."""
    return budget.bound == "max" and not budget.limit


def _nothing_text(metric: str, names: set[str]) -> str:
    """That a selector names nothing, with what is near it; "" for an op type that ONNX has."""
    selector = parse_metric(metric)
    assert selector is not None, "only selectors name nothing"
    known = names
    if selector.by == "op":
        from onnx_roofline.ops.cost.lookup import all_rules

        known = names | {rule.op_type for rule in all_rules()}
        if any(True for _ in selected(selector, known)):
            return ""
    what = "an op of the type" if selector.by == "op" else "a module"
    near = did_you_mean(selector.pattern, sorted(known), listed=False)
    return f"{metric} holds because no model has {what} {shown(selector.pattern)}{near}"


def _ignored(findings: Sequence[Finding], ignores: Sequence[Ignore], today: datetime.date) -> list[Finding]:
    """The findings with the acknowledged ones as notes; what expired or was not found is a finding of its own."""
    used: set[int] = set()
    kept = []
    for finding in findings:
        reason = ""
        for position, ignore in enumerate(ignores):
            if finding.outcome in (0, 1) and ignore.matches(finding.rule, finding.metric, finding.model):
                used.add(position)
                if ignore.until is None or today <= ignore.until:
                    reason = ignore.reason
        kept.append(
            replace(finding, severity="note", outcome=0, advice=f"acknowledged: {reason}")
            if reason and finding.severity != "note"
            else finding
        )
    for position, ignore in enumerate(ignores):
        if ignore.until is not None and today > ignore.until and position in used:
            kept.append(_about_ignore("OR203", "error", 1, ignore, f"expired on {ignore.until}: {ignore.reason}"))
        elif position not in used:
            kept.append(_about_ignore("OR204", "warning", 0, ignore, f"nothing to ignore was found: {ignore.reason}"))
    return kept


def _about_ignore(rule: str, severity: Severity, outcome: int, ignore: Ignore, text: str) -> Finding:
    place: Place = ignore.place
    return Finding(
        rule, severity, outcome, ignore.model or "*", "", ignore.metric, text, place, advice=RULES[rule].advice
    )
