"""Everything that a report knows, as JSON: models with their totals, budgets with what was found, findings."""

from typing import Any

import msgspec

from onnx_roofline.ci.findings import RULES, Report

# A field more is a minor version, a field less or of another meaning a major one.
SCHEMA_VERSION = "1.0"


def render(report: Report) -> str:
    """JSON over many lines; integers are exact, null is unknown."""
    document: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "tool": {"name": "onnx-roofline", "version": report.tool_version},
        "cost_model_version": report.cost_model_version,
        "against": report.against or None,
        "exit_code": report.exit_code,
        "models": report.models,
        "budgets": report.checks,
        "findings": [
            {**msgspec.to_builtins(finding), "name": RULES[finding.rule].name, "fingerprint": finding.fingerprint}
            for finding in report.worst_first()
        ],
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=1).decode("utf-8") + "\n"
