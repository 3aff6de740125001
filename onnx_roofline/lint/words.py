"""Findings in words."""

from collections import Counter

from onnx_roofline.analysis.analyze import Analysis
from onnx_roofline.base.quantities import format_si
from onnx_roofline.base.text import visible
from onnx_roofline.lint.records import LintFinding

# Places that a message names.
SHOWN_PLACES = 3


def lint_message(analysis: Analysis, finding: LintFinding) -> str:
    """`transpose-and-back at 3:Transpose: x is turned and turned back; worth 41 us of 632 us on a100-attacc`."""
    count = len(finding.hits)
    places = [hit.keys[-1] for hit in finding.hits[:SHOWN_PLACES] if hit.keys]
    more = f" and {count - len(places)} more" if count > len(places) and places else ""
    where = f" at {', '.join(places)}{more}" if places else ""
    return visible(f"{finding.name}{where}: {_what(finding)}; {finding.hazard}{worth(analysis, finding)}", 2000)


def _what(finding: LintFinding) -> str:
    """What is at the first place; where several kinds of places recur, each with how often."""
    kinds = Counter(hit.what for hit in finding.hits)
    recurring = [(what, count) for what, count in kinds.most_common(SHOWN_PLACES) if count > 1]
    if len(recurring) < 2:
        return finding.hits[0].what
    return ", ".join(f"{what} ({count} x)" for what, count in recurring)


def worth(analysis: Analysis, finding: LintFinding) -> str:
    """What the mended model takes less on the system, or why that is not known."""
    slug = analysis.system.slug
    if finding.worth_s is None:
        return f"; no price: {finding.unpriced}"
    some = f" at {finding.mended} of them" if finding.mended < len(finding.hits) else ""
    if finding.per == "load":
        return f"; worth {format_si(finding.worth_s, 's')} of each load on {slug}"
    return f"; worth {format_si(finding.worth_s, 's')} of {format_si(finding.of_s, 's')} on {slug}{some}"
