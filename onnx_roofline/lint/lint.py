"""All rules over one analysis: findings with their price, the dearest first."""

from collections.abc import Sequence
from fnmatch import fnmatchcase

from msgspec import Struct

from onnx_roofline.analysis.analyze import Analysis
from onnx_roofline.base.errors import RooflineError, UsageError
from onnx_roofline.base.text import did_you_mean, shown
from onnx_roofline.ir.records import TypedOp
from onnx_roofline.lint.mend import mended
from onnx_roofline.lint.records import Hit, LintFinding, LintRule
from onnx_roofline.lint.rules import RULES
from onnx_roofline.what_if.rerun import saved_s

# Seconds from which a finding whose price is known is worth a line.
LEAST_S = 1e-6


class Ignored(Struct, frozen=True):
    """A rule that is not asked about, or only not at ops that a glob names by id or name."""

    code: str
    glob: str = "*"


def parse_ignore(text: str) -> Ignored:
    """`OR316` or `OR305:encoder/*`; names of rules do as well.

    Raises UsageError for a rule that there is not.

    >>> parse_ignore("dead-op"), parse_ignore("OR305:*/layers.0/*")
    (Ignored(code='OR314', glob='*'), Ignored(code='OR305', glob='*/layers.0/*'))
    """
    name, _, glob = text.partition(":")
    code = next((rule.code for rule in RULES if name in (rule.code, rule.name)), None)
    if code is None:
        known = [rule.code for rule in RULES] + [rule.name for rule in RULES]
        raise UsageError(f"--ignore {shown(text)}: found no such rule{did_you_mean(name, known, listed=False)}")
    return Ignored(code, glob or "*")


def lint(analysis: Analysis, ignored: Sequence[Ignored] = (), least_s: float = LEAST_S) -> tuple[LintFinding, ...]:
    """The findings of all rules; one whose price is known and below `least_s` is left out."""
    found = []
    for rule in RULES:
        globs = [one.glob for one in ignored if one.code == rule.code]
        hits = tuple(hit for hit in rule.find(analysis) if not _is_ignored(analysis, hit, globs))
        if hits:
            one = _priced(analysis, rule, hits)
            if one.worth_s is None or one.worth_s >= least_s:
                found.append(one)
    return tuple(sorted(found, key=lambda one: (-(one.worth_s or 0.0), one.level != "warning", one.code)))


def _priced(analysis: Analysis, rule: LintRule, hits: tuple[Hit, ...]) -> LintFinding:
    """The finding with what the mended model takes less, of all places together that can be mended."""
    changes = [hit.change for hit in hits if hit.change is not None]
    count = len(hits) if rule.instead is not None else len(changes)
    worth_s, why = None, next((hit.why for hit in hits if hit.why), "")
    if count:
        try:
            after = mended(analysis, changes) if rule.instead is None else rule.instead(analysis, hits)
            worth_s = saved_s(analysis, after)
            why = "" if worth_s is not None else "other kernels have a time when it is mended"
        except RooflineError as error:
            why = f"the mended model is refused: {error}"
    if worth_s is not None and rule.per == "load":
        worth_s = -worth_s
    of_s = analysis.summary.time_placed.known_s
    return LintFinding(rule.code, rule.name, rule.level, rule.hazard, rule.mitigation, hits, worth_s, of_s,
                       0 if worth_s is None else count, why if worth_s is None else "", rule.per)  # fmt: skip


def _is_ignored(analysis: Analysis, hit: Hit, globs: Sequence[str]) -> bool:
    rows = analysis.model.column(TypedOp)
    names = [*hit.keys, *(rows[key].op.name for key in hit.keys)]
    return any(glob == "*" or any(fnmatchcase(name, glob) for name in names) for glob in globs)
