"""The command `analyze` of several models or folders: a row a model, and no model in the way of another."""

import argparse
import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from onnx_roofline.base.errors import UsageError
from onnx_roofline.cli.exit_codes import BAD_INPUT, DONE
from onnx_roofline.cli.gate_runs import measure_jobs
from onnx_roofline.cli.many_options import make_runner
from onnx_roofline.cli.model_options import settings_of
from onnx_roofline.cli.model_runs import option_files
from onnx_roofline.cli.outputs import STDOUT, Output, check_outputs, refuse_inputs
from onnx_roofline.cli.printing import one_line, print_message, screen

if TYPE_CHECKING:
    from onnx_roofline.ci.measure import Job, Outcome
    from onnx_roofline.ci.runs.rows import Row
    from onnx_roofline.report.text_table import Screen

# Figures that no size and no branch changes.
_OF_THE_FILE = frozenset({"ops", "parameters"})
# Options that only processes beside the command's have, and what a report of one model doesn't need.
_OF_MANY = ("time_limit_s", "memory_limit_gb", "executor")
# Options of one model's report, and what each is where it is not given.
_OF_ONE: tuple[tuple[str, object], ...] = (
    ("plot", None), ("sweep", []), ("flips", None), ("convention", []), ("sensitivity", False),
    ("explain_traffic", []), ("top", 10), ("depth", None), ("all", False),
)  # fmt: skip


def named_models(paths: Sequence[str]) -> list[str]:
    """The models that arguments name: files, and of a folder every .onnx below it in the order of their names.

    Raises UsageError for a folder without one.
    """
    found: dict[str, str] = {}
    for path in paths:
        below = list(_below(path)) if os.path.isdir(path) else [path]
        if not below:
            raise UsageError(f"{path}: found no .onnx file in this folder")
        for name in below:
            found.setdefault(os.path.realpath(name), name)
    return list(found.values())


def _below(folder: str) -> Iterator[str]:
    for here, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (os.path.join(here, name) for name in sorted(files) if name.lower().endswith(".onnx"))


def run_many(options: argparse.Namespace, paths: Sequence[str]) -> int:
    """A row for each model; the exit code is the gravest of theirs."""
    from onnx_roofline.ci.measure import Job
    from onnx_roofline.ci.runs.rows import as_csv, as_json, as_parquet, rows_of
    from onnx_roofline.report.contract import SCHEMA_VERSION
    from onnx_roofline.report.files import write_atomically

    _refuse_options_of_one(options)
    named = (("--json", options.json), ("--parquet", options.parquet))
    outputs = [Output(option, path) for option, path in named if path is not None]
    check_outputs(outputs, [*paths, *option_files(options)])
    if options.parquet == STDOUT:
        raise UsageError("--parquet -: is no text; name a file")
    settings = settings_of(options)
    jobs = [Job(path, settings) for path in paths]
    with make_runner(options) as runner:
        outcomes = measure_jobs(jobs, runner)
    refuse_inputs(outputs, (name for found in outcomes if found.snapshot for name in found.snapshot.external_files))
    code = max((outcome.code for outcome in outcomes), default=DONE)
    for outcome in outcomes:
        if outcome.snapshot is None:
            print_message(outcome.failure if outcome.code == BAD_INPUT else f"internal error: {outcome.failure}")
    rows = rows_of(jobs, outcomes)
    if options.parquet is not None:
        write_atomically(options.parquet, [as_parquet(rows)])
    if options.json is not None and options.json != STDOUT:
        write_atomically(options.json, [as_json(rows, SCHEMA_VERSION)])
    if options.json == STDOUT:
        sys.stdout.write(as_json(rows, SCHEMA_VERSION))
    elif options.format == "csv":
        sys.stdout.write(as_csv(rows))
    else:
        _print_rows(rows, screen(wide=options.wide), by_time=options.order == "time")
        print(one_line(_summary(jobs, outcomes)))
    return code


def _refuse_options_of_one(options: argparse.Namespace) -> None:
    from onnx_roofline.report.formats import asked_for

    found = [one.option for one, _ in asked_for(vars(options)) if one.option != "--json"]
    found += [f"--{name.replace('_', '-')}" for name, plain in _OF_ONE if getattr(options, name) != plain]
    if found:
        raise UsageError(f"{found[0]}: is of one model; name one, or leave the option out")


def refuse_options_of_many(options: argparse.Namespace) -> None:
    """Raises UsageError for an option that the report of one model would leave out silently."""
    found = [f"--{name.replace('_', '-')}" for name in _OF_MANY if getattr(options, name) is not None]
    if found:
        raise UsageError(f"{found[0]}: is of a row a model; name several models or a folder, or leave the option out")


def _print_rows(rows: "Sequence[Row]", console: "Screen", *, by_time: bool) -> None:
    """The models in their order, or the longest time first, without the folder that they all are in."""
    from onnx_roofline.ci.findings import amount
    from onnx_roofline.ci.metrics import unit_of
    from onnx_roofline.report.columns import MODEL_COLUMNS
    from onnx_roofline.report.text_table import Table, table_lines

    def cell(row: "Row", name: str) -> str:
        value = row.get(name)
        text = amount(None if isinstance(value, str) else value, unit_of(name))
        return f"{text} ?" if row["assumed"] and name not in _OF_THE_FILE else text

    known = [row for row in rows if row["status"] == "analysed"]
    if by_time:
        known.sort(key=_seconds, reverse=True)
    if known:
        figures = [column.key for column in MODEL_COLUMNS[1:]]
        folder = _folder_of([str(row["model"]) for row in known])
        labels = [one_line(str(row["model"])[len(folder) :]) for row in known]
        cells = [
            {"model": name, **{key: cell(row, key) for key in figures}} for name, row in zip(labels, known, strict=True)
        ]
        title = f"A row a model{' of ' if folder else ''}{one_line(folder)} on {known[0]['system']}"
        title += f", floating tensors ASSUMED {known[0]['dtype']}" if known[0]["dtype"] else ""
        for line in table_lines(Table(title, MODEL_COLUMNS, cells), console):
            print(line)
    kinds = Counter(kind for row in known for kind in str(row["assumed"] or "").split(", ") if kind)
    if kinds:
        names = ", ".join(f"{kind} in {count:,}" for kind, count in kinds.items())
        print(f"?: rests on what nobody stated ({names})")


def _folder_of(paths: "Sequence[str]") -> str:
    """The folder that all of several paths begin with, with its separator; "" where there is none.

    >>> _folder_of(["models/cnn/a.onnx", "models/b.onnx"]), _folder_of(["a.onnx", "b.onnx"])
    ('models/', '')
    """
    common = os.path.commonprefix(paths)  # noqa: RUF071 - what is after the last separator is cut off
    return common[: common.rfind(os.sep) + 1]


def _seconds(row: "Row") -> float:
    """Time of the placement; less than any for what is unknown."""
    value = row.get("time_s.placement")
    return -1.0 if value is None or isinstance(value, str) else value


def _summary(jobs: "Sequence[Job]", outcomes: "Sequence[Outcome]") -> str:
    from onnx_roofline.ci.runs.rows import status_of

    found = Counter(map(status_of, outcomes))
    parts = [f"{found[name]:,} {name}" for name in ("analysed", "refused", "crashed") if found[name]]
    return f"{len(jobs):,} models: {', '.join(parts)}"
