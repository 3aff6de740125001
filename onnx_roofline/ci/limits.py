"""Limits that no file of budgets holds: those of a command line or of a test."""

from collections.abc import Sequence

from onnx_roofline.analysis.settings import Settings
from onnx_roofline.ci.budgets import Budget, Budgets, Entry, Place, Point


def limits_alone(
    limits: Sequence[Budget],
    paths: Sequence[str],
    settings: Settings,
    *,
    allow_unknown: bool = False,
    allow_assumed: bool = False,
    baseline: str = "",
) -> Budgets:
    """The limits as budgets of one entry, whose models are these paths and no globs."""
    entry = Entry(
        paths=tuple(dict.fromkeys(paths)),
        name="",
        points=(Point(settings, ""),),
        budgets=tuple(limits),
        place=Place(),
        assumed="off" if allow_assumed else "error",
        unknown="off" if allow_unknown else "error",
    )
    return Budgets("", (entry,), Place(), baseline=baseline)
