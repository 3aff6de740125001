"""Cells of tables: sums over what is known, and figures that may be unknown."""

from onnx_roofline.base.quantities import format_si


def sum_cell(value: float | None, unit: str, missing: int) -> str:
    """A sum over what is known, with a mark where something is missing from it; `?` where nothing of it is known."""
    if missing and not value:
        return "?"
    return format_si(value, unit) + (" + ?" if missing else "")


def number(value: float | None) -> str:
    """Four digits; a dash for what is unknown."""
    return "–" if value is None else format_si(value) if value >= 10_000 else f"{value:.4g}"
