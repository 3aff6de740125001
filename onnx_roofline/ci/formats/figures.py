"""Which figures of a model the formats of metrics have: those that tell its cost, and those that have budgets."""

from collections.abc import Iterator

from onnx_roofline.base.measures import Unit
from onnx_roofline.ci.findings import ModelRun, Report
from onnx_roofline.ci.metrics import unit_of

SHOWN = (
    "macs", "flops", "parameters", "weight_bytes", "moved_bytes", "peak_activation_bytes", "kernels", "unknown_ops",
    "time_s.placement",
)  # fmt: skip


def figures(report: Report) -> Iterator[tuple[ModelRun, str, int | float, Unit]]:
    """(model, metric, value, unit) of every known figure, in the order of the models."""
    for run in report.models:
        checks = [c for c in report.checks if (c.model, c.at) == (run.model, run.at)]
        values = {name: run.totals.get(name) for name in SHOWN}
        values.update((check.metric, check.found) for check in checks)
        for metric, value in values.items():
            if value is not None:
                yield run, metric, value, unit_of(metric)
