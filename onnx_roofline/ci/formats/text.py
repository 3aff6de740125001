"""The full text: every finding with its place, who caused it, and what to do."""

from onnx_roofline.base.text import visible
from onnx_roofline.ci.findings import Finding, ModelRun, Report, subject_of

# Characters of one line; longer ones are cut in the middle.
_MOST = 2000


def render(report: Report) -> str:
    """Findings, the worst first, then one line for each model that holds, or one for all."""
    return "".join(f"{line}\n" for line in lines(report, with_refusals=True))


def lines(report: Report, *, with_refusals: bool) -> list[str]:
    """The lines of the full text; refusals may go elsewhere."""
    found: list[str] = []
    for finding in report.worst_first():
        if finding.outcome < 2 or with_refusals:
            found += finding_lines(finding)
    return [*found, *_closing(report)]


def finding_lines(finding: Finding) -> list[str]:
    """A finding over several lines; on the command line its place is known."""
    if not finding.place.line:
        head = [message_of(finding)]
    else:
        head = [
            f"{finding.severity}[{finding.rule}]: {message_of(finding)}",
            f" --> {finding.place}",
        ]
    more = [f"  = {'raised by' if not number else 'and by'}: {cause}" for number, cause in enumerate(finding.causes)]
    if finding.place.line and finding.advice:
        more.append(f"  = help: {finding.advice}")
    return [visible(line, _MOST) for line in (*head, *more)]


def message_of(finding: Finding) -> str:
    """The message with its model in front, which refusals of files have already."""
    if finding.path and finding.message.startswith(f"{finding.path}:"):
        return finding.message
    return f"{finding.subject}: {finding.message}"


def _closing(report: Report) -> list[str]:
    """What held: a line a model for the command line's limits, one line for a file of budgets."""
    if report.models and not any(check.place.line for check in report.checks) and not report.against:
        broken = {(f.model, f.at) for f in report.findings if f.outcome}
        return [_held(report, run) for run in report.models if (run.model, run.at) not in broken]
    return [summary(report)]


def _held(report: Report, run: ModelRun) -> str:
    count = sum((check.model, check.at) == (run.model, run.at) for check in report.checks)
    ops, unknown = run.totals.get("ops") or 0, run.totals.get("unknown_ops") or 0
    held = f"{count} limit{'' if count == 1 else 's'} held"
    return visible(f"{subject_of(run.model, run.at)}: {held}, {ops - unknown:,} of {ops:,} ops with figures", _MOST)


def summary(report: Report) -> str:
    """One line that says what was checked: `3 models, 12 budgets: all hold`."""
    models, checks = len(report.models), len(report.checks)
    broken = sum(finding.outcome == 1 for finding in report.findings)
    refused = sum(run.status != "analysed" for run in report.models)
    refused += sum(finding.rule in ("OR201", "OR205") and finding.outcome == 2 for finding in report.findings)
    parts = [f"{broken} broken"] if broken else []
    parts += [f"{refused} without a verdict"] if refused else []
    warned = sum(finding.severity == "warning" for finding in report.findings)
    parts += [f"{warned} warning{'' if warned == 1 else 's'}"] if warned else []
    against = f" against {report.against}" if report.against else ""
    counted = f"{models} model{'' if models == 1 else 's'}, {checks} budget{'' if checks == 1 else 's'}{against}"
    verdict = ", ".join(parts) if broken or refused else ", ".join(["all hold", *parts])
    return visible(f"{counted}: {verdict}", _MOST)
