"""All rules over one analysis: findings with their price, the dearest first."""

from collections.abc import Sequence
from fnmatch import fnmatchcase

from msgspec import Struct

from onnx_roofline.analysis.analyze import Analysis
from onnx_roofline.base.errors import UsageError
from onnx_roofline.base.text import did_you_mean, shown
from onnx_roofline.ir.records import TypedOp
from onnx_roofline.lint.mend import mended, time_of
from onnx_roofline.lint.records import Hit, LintFinding, LintRule
from onnx_roofline.lint.rules import CODES, RULES

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
        if not hits:
            continue
        worth_s = _worth_s(analysis, rule, hits)
        if worth_s is None or worth_s >= least_s:
            found.append(LintFinding(rule.code, rule.name, rule.level, rule.hazard, rule.mitigation, hits, worth_s,
                                     time_of(analysis)))  # fmt: skip
    return tuple(sorted(found, key=lambda one: (-(one.worth_s or 0.0), one.level != "warning", one.code)))


def _worth_s(analysis: Analysis, rule: LintRule, hits: Sequence[Hit]) -> float | None:
    """What the mended model takes less; of all hits together that can be mended."""
    changes = [hit.change for hit in hits if hit.change is not None]
    after = rule.instead(analysis) if rule.instead is not None else mended(analysis, changes) if changes else None
    before_s, after_s = time_of(analysis), None if after is None else time_of(after)
    return None if before_s is None or after_s is None else before_s - after_s


def _is_ignored(analysis: Analysis, hit: Hit, globs: Sequence[str]) -> bool:
    rows = analysis.model.column(TypedOp)
    names = [*hit.keys, *(rows[key].op.name for key in hit.keys)]
    return any(glob == "*" or any(fnmatchcase(name, glob) for name in names) for glob in globs)


__all__ = ["CODES", "LEAST_S", "Ignored", "lint", "parse_ignore"]
