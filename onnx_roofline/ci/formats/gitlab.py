"""GitLab's code quality report. Source: docs.gitlab.com, Code Quality, implement a custom tool."""

import json

from onnx_roofline.ci.findings import Finding, Report
from onnx_roofline.ci.formats.text import message_of

_SEVERITIES = {"error": "major", "warning": "minor", "note": "info"}


def render(report: Report) -> str:
    """A JSON list; a finding without a line stands at the first line of its model."""
    return json.dumps([_issue(finding) for finding in report.worst_first()], indent=1) + "\n"


def _issue(finding: Finding) -> dict[str, object]:
    severity = "critical" if finding.outcome >= 2 else _SEVERITIES[finding.severity]
    return {
        "description": " ".join([message_of(finding), *finding.causes]),
        "check_name": f"{finding.rule} {finding.name}",
        "fingerprint": finding.fingerprint,
        "severity": severity,
        "location": {
            "path": finding.place.file or finding.path or "onnx-roofline.yaml",
            "lines": {"begin": max(1, finding.place.line)},
        },
    }
