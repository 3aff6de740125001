"""Bencher metric format: measures by benchmark. Source: bencher.dev, Bencher Metric Format."""

import json

from onnx_roofline.ci.findings import Report
from onnx_roofline.ci.formats.figures import figures


def render(report: Report) -> str:
    """`{model: {measure: {"value": number}}}`."""
    found: dict[str, dict[str, dict[str, int | float]]] = {}
    for run, metric, value, _ in figures(report):
        found.setdefault(f"{run.subject} ({run.system})", {})[metric] = {"value": value}
    return json.dumps(found, indent=1) + "\n"
