"""customSmallerIsBetter of github-action-benchmark: a list of figures, each with its name, unit and value."""

import json

from onnx_roofline.ci.findings import Report
from onnx_roofline.ci.formats.figures import figures
from onnx_roofline.ci.metrics import more_is_better


def render(report: Report) -> str:
    """A JSON list; figures of which more is better have no place in it."""
    rows = [
        {"name": f"{run.subject} {metric}", "unit": unit or "count", "value": value, "extra": f"system: {run.system}"}
        for run, metric, value, unit in figures(report)
        if not more_is_better(metric)
    ]
    return json.dumps(rows, indent=1) + "\n"
