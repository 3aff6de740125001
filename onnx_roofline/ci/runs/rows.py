"""One row a model: what became of it, under what it was analysed, and its totals; as CSV, JSON or Parquet."""

import csv
import importlib
import io
import json
from collections.abc import Sequence
from typing import Any

from onnx_roofline import __version__
from onnx_roofline.base.errors import MissingExtraError
from onnx_roofline.base.text import csv_cell
from onnx_roofline.ci.measure import Job, Outcome
from onnx_roofline.ci.snapshot import COST_MODEL_VERSION

Cell = str | int | float | None
Row = dict[str, Cell]
# Columns with texts, some of which are from files.
TEXTS = ("model", "status", "failure", "graph_sha256", "system", "dtype", "dims", "assumed", "unknown_op_types")
_LONGEST = 2**63 - 1


def status_of(outcome: Outcome) -> str:
    """What became of a model: analysed, refused or crashed."""
    return "analysed" if outcome.snapshot is not None else "crashed" if outcome.code == 70 else "refused"


def rows_of(jobs: Sequence[Job], outcomes: Sequence[Outcome]) -> list[Row]:
    """A flat row a model, all with the same columns; figures in base units, None where unknown or not there."""
    totals = {name: None for outcome in outcomes if outcome.snapshot for name in outcome.snapshot.totals}
    return [
        {**_about(job, outcome), **totals, **(dict(outcome.snapshot.totals) if outcome.snapshot else {})}
        for job, outcome in zip(jobs, outcomes, strict=True)
    ]


def _about(job: Job, outcome: Outcome) -> Row:
    found = outcome.snapshot
    if found is None:
        return {**dict.fromkeys(TEXTS), "model": job.path, "status": status_of(outcome), "failure": outcome.failure}
    return {
        "model": job.path,
        "status": "analysed",
        "failure": None,
        "graph_sha256": found.graph_sha256,
        "system": found.context.system,
        "dtype": found.context.dtype or None,
        "dims": json.dumps(found.context.dims, sort_keys=True),
        "assumed": ", ".join(found.opened.kinds) or None,
        "unknown_op_types": ", ".join(found.unknown_op_types) or None,
    }


def as_csv(rows: Sequence[Row]) -> str:
    """The rows with their header; a spreadsheet takes no text for a formula."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(rows[0] if rows else TEXTS)
    for row in rows:
        writer.writerow(
            "" if cell is None else csv_cell(str(cell)) if name in TEXTS else cell for name, cell in row.items()
        )
    return buffer.getvalue()


def as_json(rows: Sequence[Row], schema_version: str) -> str:
    """A document of the tool's versions and the rows, which `schema models` describes."""
    document = {
        "schema_version": schema_version,
        "tool": {"name": "onnx-roofline", "version": __version__},
        "cost_model_version": COST_MODEL_VERSION,
        "models": rows,
    }
    return json.dumps(document, indent=1, ensure_ascii=True, allow_nan=False) + "\n"


def as_parquet(rows: Sequence[Row]) -> bytes:
    """The rows as one Parquet file: texts, 64-bit whole numbers, and floats where a column has any.

    Raises MissingExtraError without pyarrow.
    """
    try:
        # Untyped libraries, which the type checker would complain about call by call.
        pa: Any = importlib.import_module("pyarrow")
        parquet: Any = importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise MissingExtraError("pyarrow", "parquet", "--parquet") from error
    names = list(rows[0]) if rows else list(TEXTS)
    columns: dict[str, Any] = {}
    for name in names:
        cells = [row[name] for row in rows]
        if name in TEXTS:
            columns[name] = pa.array([_encodable(cell) for cell in cells], pa.string())
        elif all(cell is None or (isinstance(cell, int) and abs(cell) <= _LONGEST) for cell in cells):
            columns[name] = pa.array(cells, pa.int64())
        else:
            columns[name] = pa.array([None if cell is None else float(cell) for cell in cells], pa.float64())
    table = pa.table(columns).replace_schema_metadata(
        {"onnx-roofline": __version__, "cost_model_version": str(COST_MODEL_VERSION)}
    )
    sink = pa.BufferOutputStream()
    parquet.write_table(table, sink, compression="zstd")
    data: bytes = sink.getvalue().to_pybytes()
    return data


def _encodable(cell: Cell) -> str | None:
    """A text in Unicode; the name of a file may be none."""
    return None if cell is None else str(cell).encode("utf-8", "backslashreplace").decode("utf-8")
