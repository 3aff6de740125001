"""Tables of an analysis as plain columns, and as the data frames of a library that the user has."""

import importlib.util
from collections.abc import Sequence
from typing import Any, Literal, get_args

from onnx_roofline.analysis.analyze import Analysis
from onnx_roofline.base.errors import MissingExtraError, UsageError
from onnx_roofline.base.text import did_you_mean, shown
from onnx_roofline.report.csv_table import Cell, Row
from onnx_roofline.report.modules import merge_modules

# Libraries of data frames that narwhals makes eager frames of, the usual one first.
Library = Literal["pandas", "polars", "pyarrow", "modin", "cudf"]
LIBRARIES: tuple[Library, ...] = get_args(Library)


def module_rows(analysis: Analysis, depth: int) -> list[Row]:
    """A row a module, the most expensive first: sums over all executions; 0 levels are all."""
    groups = merge_modules(analysis.summary.by_module, depth, analysis.summary.weights)
    return [
        {
            "module": group.name,
            "ops": group.ops,
            "macs": group.macs,
            "flops": group.flops,
            "naive_bytes": group.naive_bytes,
            "parameters": group.parameters,
            "weight_bytes": group.weight_bytes,
            "time_s": group.time_s,
            "ops_without_counts": group.unknown_ops,
            "ops_without_bytes": group.unknown_bytes_ops,
            "kernels_without_time": group.untimed_kernels,
        }
        for group in groups
    ]


def totals(analysis: Analysis) -> dict[str, Cell]:
    """The figures of one run of the model; None where one is unknown or leaves something out."""
    summary = analysis.summary
    has_counts, has_bytes = not summary.unknown_counts_ops, not summary.unknown_bytes_ops
    return {
        "ops": summary.ops,
        "macs": summary.counts.macs if has_counts else None,
        "flops": summary.counts.flops if has_counts else None,
        "parameters": summary.parameters,
        "weight_bytes": summary.weight_bytes,
        "naive_bytes": summary.naive_bytes if has_bytes else None,
        "compulsory_bytes": summary.compulsory_bytes if has_bytes else None,
        "moved_bytes": summary.moved[analysis.system.gpu.slug].moved_bytes if has_bytes else None,
        "activation_bytes": summary.peak_activation_bytes,
        "kernels": summary.kernels,
        "time_s": summary.time_placed.time_s,
    }


def frame(rows: Sequence[Row], library: str) -> Any:
    """The rows as a data frame of a library; "" is the first of LIBRARIES that is installed.

    Raises UsageError for a library that is none of them, MissingExtraError where it or narwhals is not installed.
    """
    if library and library not in LIBRARIES:
        raise UsageError(f"library {shown(library)}: wanted one of data frames{did_you_mean(library, LIBRARIES)}")
    wanted = [name for name in LIBRARIES if not library or name == library]
    found = [name for name in wanted if importlib.util.find_spec(name) is not None]
    if not found or importlib.util.find_spec("narwhals") is None:
        raise MissingExtraError(library or "pandas with narwhals", "frames", "a table as a data frame")
    import narwhals

    columns: dict[str, list[Cell]] = {name: [row[name] for row in rows] for name in (rows[0] if rows else ())}
    return narwhals.from_dict(columns, backend=found[0]).to_native()
