"""JUnit XML: a suite a model, a case a budget, an error for a model without a verdict.

Source: the JUnit 10 schema of the Jenkins xUnit plugin.
"""

import xml.etree.ElementTree as ET

from onnx_roofline.ci.findings import Check, Finding, Report, amount
from onnx_roofline.ci.formats.text import message_of


def render(report: Report) -> str:
    """One document; a warning does not fail its case."""
    root = ET.Element("testsuites", name="onnx-roofline")
    for run in report.models:
        findings = [f for f in report.findings if (f.model, f.at) == (run.model, run.at)]
        checks = [c for c in report.checks if (c.model, c.at) == (run.model, run.at)]
        named = {(check.metric, str(check.place)) for check in checks}
        others = [f for f in findings if f.severity == "error" and (f.metric, str(f.place)) not in named]
        suite = ET.SubElement(root, "testsuite", name=clean(run.subject))
        cases = [_case(suite, run.model, check, findings) for check in checks]
        cases += [_other(suite, run.model, finding) for finding in others]
        if not cases:
            ET.SubElement(suite, "testcase", classname=clean(run.model), name="analysis", time="0")
            cases.append("held")
        suite.attrib.update(
            tests=str(len(cases)), failures=str(cases.count("failure")), errors=str(cases.count("error")),
            skipped=str(cases.count("skipped")), time="0",
        )  # fmt: skip
    ET.indent(root, " ")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _case(suite: ET.Element, model: str, check: Check, findings: list[Finding]) -> str:
    at = f"@{check.at}" if check.at else ""
    name = f"{check.metric} {check.bound}@{check.system}{at}"
    case = ET.SubElement(suite, "testcase", classname=clean(model), name=clean(name), time="0")
    found = [f for f in findings if (f.metric, f.place) == (check.metric, check.place) and f.outcome]
    if check.held is None:
        ET.SubElement(case, "skipped", message="there is nothing to compare with")
        return "skipped"
    if found:
        kind = "failure" if found[0].outcome == 1 else "error"
        element = ET.SubElement(case, kind, message=clean(message_of(found[0])), type=found[0].rule)
        element.text = clean("\n".join([f"{check.place}", *found[0].causes]))
        return kind
    output = ET.SubElement(case, "system-out")
    output.text = clean(f"{amount(check.found, check.unit)}, limit {check.limit}")
    return "held"


def _other(suite: ET.Element, model: str, finding: Finding) -> str:
    name = clean(f"{finding.name} {finding.metric}".strip())
    case = ET.SubElement(suite, "testcase", classname=clean(model), name=name, time="0")
    kind = "failure" if finding.outcome == 1 else "error"
    element = ET.SubElement(case, kind, message=clean(message_of(finding)), type=finding.rule)
    element.text = str(finding.place)
    return kind


def clean(text: str) -> str:
    r"""Text without the characters that no XML document can hold, escaped or not.

    >>> clean("a\x00b\ud800c")
    'a?b?c'
    """
    return "".join(c if c in "\t\n\r" or "\x20" <= c <= "\ud7ff" or "\ue000" <= c <= "\ufffd" or c >= "\U00010000"
                   else "?" for c in text)  # fmt: skip
