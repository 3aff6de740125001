"""Annotations of GitHub Actions: workflow commands on stdout, anchored to the budget's line.

GitHub shows ten errors and ten warnings of a step and drops the others without a word, so the worst come first and
the tenth says how many there are more. Source: docs.github.com, workflow commands; actions/toolkit, command.ts.
"""

from onnx_roofline.base.text import visible
from onnx_roofline.ci.findings import Finding, Report
from onnx_roofline.ci.formats.text import message_of, summary

SHOWN_OF_A_KIND = 10
# Largest summary of a step that GitHub takes.
MAX_SUMMARY_BYTES = 1_000_000
_COMMANDS = {"error": "error", "warning": "warning", "note": "notice"}


def render(report: Report) -> str:
    """Ten annotations of each kind at most, then one line that says what was checked."""
    lines = []
    for severity, command in _COMMANDS.items():
        found = [finding for finding in report.worst_first() if finding.severity == severity]
        left = len(found) - SHOWN_OF_A_KIND
        shown = found if left <= 0 else found[: SHOWN_OF_A_KIND - 1]
        lines += [annotation(command, finding) for finding in shown]
        if left > 0:
            lines.append(f"::{command} title=onnx-roofline::{left + 1} more, all in the job summary and the reports")
    return "".join(f"{line}\n" for line in (*lines, visible(summary(report), 2000)))


def annotation(command: str, finding: Finding) -> str:
    """One workflow command."""
    place = finding.place
    properties = {"file": place.file, "line": str(place.line), "col": str(place.column)} if place.line else {}
    properties["title"] = visible(f"{finding.rule} {finding.name}: {finding.subject}")
    parts = [message_of(finding), *(f"raised by {cause}" for cause in finding.causes), finding.advice]
    message = "\n".join(visible(part, 2000) for part in parts)
    pairs = ",".join(f"{name}={escape_property(text)}" for name, text in properties.items())
    return f"::{command} {pairs}::{escape_message(message)}"


def escape_message(text: str) -> str:
    r"""The text of a workflow command.

    >>> escape_message("5 %\n::error::")
    '5 %25%0A::error::'
    """
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def escape_property(text: str) -> str:
    r"""A property of a workflow command, which also ends at a colon or comma.

    >>> escape_property("a:b,c")
    'a%3Ab%2Cc'
    """
    return escape_message(text).replace(":", "%3A").replace(",", "%2C")
