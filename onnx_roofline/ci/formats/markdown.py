"""A table for a pull request: what is over first, each with its base, its limit and who raised it."""

import html
import re

from onnx_roofline.base.quantities import format_change
from onnx_roofline.base.text import visible
from onnx_roofline.ci.findings import Check, Finding, Report, amount
from onnx_roofline.ci.formats.text import message_of, summary

# GitHub refuses a comment of more than 65,536 characters; rows over this are counted, not shown.
MAX_CHARACTERS = 60_000
_MOST_ROWS = 100
# What markdown, HTML or GitHub would act on inside a table's cell.
_ACTIVE = re.compile(r"([\\`*_{}\[\]<>()#+!|~@$&-])")


def render(report: Report) -> str:
    """A heading with the verdict, a table of budgets, and the findings below it."""
    sign = {0: "✓", 1: "✗"}.get(report.exit_code, "⚠")
    parts = [f"### {sign} onnx-roofline: {cell(summary(report))}", ""]
    rows = _rows(report)
    if rows:
        parts += ["| | model | figure | limit | base | now | change |", "|---|---|---|---|---|---|---|", *rows]
    worst = [f for f in report.worst_first() if f.severity != "note"]
    parts += _list("Findings", worst, is_open=True) + _list(
        "Changes", [f for f in report.worst_first() if f.severity == "note"], is_open=False
    )
    text = ""
    for position, line in enumerate(parts):
        if len(text) + len(line) > MAX_CHARACTERS:
            return f"{text}\n{len(parts) - position} lines more.\n"
        text += f"{line}\n"
    return text


def _rows(report: Report) -> list[str]:
    order = sorted(report.checks, key=lambda check: (check.held is not False, check.severity))
    rows = [_row(check) for check in order[:_MOST_ROWS]]
    left = len(order) - _MOST_ROWS
    return [*rows, f"| | {left} more | | | | | |"] if left > 0 else rows


def _row(check: Check) -> str:
    mark = "✓" if check.held else "–" if check.held is None else "✗" if check.severity == "error" else "⚠"
    changed = format_change(check.old, check.found) if check.old is not None and check.found is not None else ""
    subject = f"{check.model} [{check.at}]" if check.at else check.model
    sign = {"max": "≤", "min": "≥", "vs_baseline": "base"}[check.bound]
    base = amount(check.old, check.unit) if check.old is not None else ""
    cells = (mark, subject, check.metric, f"{sign} {check.limit}", base, amount(check.found, check.unit), changed)
    return "| " + " | ".join(map(cell, cells)) + " |"


def _list(title: str, findings: list[Finding], *, is_open: bool) -> list[str]:
    if not findings:
        return []
    lines = ["", f"<details{' open' if is_open else ''}><summary>{title} ({len(findings)})</summary>", ""]
    for finding in findings:
        place = f" ({cell(str(finding.place))})" if finding.place.line else ""
        lines.append(f"- **{finding.severity}** {finding.rule} {cell(message_of(finding))}{place}")
        lines += [f"  - {cell(cause)}" for cause in finding.causes]
    return [*lines, "", "</details>"]


def cell(text: str) -> str:
    r"""Text that no markdown, HTML, mention or table can be made of.

    >>> cell("a|b <b> @x")
    'a\\|b &lt;b&gt; \\@x'
    """
    safe = visible(text, 500)
    return _ACTIVE.sub(lambda found: html.escape(found[0]) if found[0] in "<>&" else f"\\{found[0]}", safe)
