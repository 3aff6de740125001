"""SARIF 2.1.0 for code scanning: stable rule ids, repository-relative places, fingerprints that survive new figures."""

import json
from urllib.parse import quote

from onnx_roofline.ci.findings import RULES, Finding, Report
from onnx_roofline.ci.formats.text import message_of

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def render(report: Report) -> str:
    """One run with the rules that it has results of."""
    findings = report.worst_first()
    used = list(dict.fromkeys(finding.rule for finding in findings))
    run = {
        "tool": {
            "driver": {
                "name": "onnx-roofline",
                "version": report.tool_version,
                "rules": [_rule(rule) for rule in used],
            }
        },
        "columnKind": "unicodeCodePoints",
        "invocations": [{"executionSuccessful": report.exit_code < 2, "exitCode": report.exit_code}],
        "results": [_result(finding, used) for finding in findings],
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=1) + "\n"


def _rule(name: str) -> dict[str, object]:
    rule = RULES[name]
    return {
        "id": rule.id,
        "name": rule.name,
        "shortDescription": {"text": rule.about},
        "help": {"text": rule.advice},
    }


def _result(finding: Finding, used: list[str]) -> dict[str, object]:
    place = finding.place
    region = {"region": {"startLine": place.line, "startColumn": max(1, place.column)}} if place.line else {}
    uri = quote((place.file or finding.path or "onnx-roofline.yaml").replace("\\", "/"), safe="/")
    return {
        "ruleId": finding.rule,
        "ruleIndex": used.index(finding.rule),
        "level": finding.severity,
        "message": {"text": "\n".join([message_of(finding), *(f"raised by {cause}" for cause in finding.causes)])},
        "locations": [{"physicalLocation": {"artifactLocation": {"uri": uri}, **region}}],
        "partialFingerprints": {"finding/v1": finding.fingerprint},
    }
