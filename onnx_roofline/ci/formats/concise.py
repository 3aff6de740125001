"""A line a finding: place, severity, rule, model, message."""

from onnx_roofline.base.text import visible
from onnx_roofline.ci.findings import Report
from onnx_roofline.ci.formats.text import message_of, summary


def render(report: Report) -> str:
    """Findings, the worst first, and a line that says what was checked."""
    found = [f"{f.place}: {f.severity}[{f.rule}] {message_of(f)}" for f in report.worst_first()]
    return "".join(f"{visible(line, 2000)}\n" for line in (*found, summary(report)))
