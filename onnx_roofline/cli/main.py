"""The command line: the only module that prints or exits.

Results go to stdout, progress and warnings to stderr. Exit codes: 0 done and within every limit, 1 a limit is broken,
2 wrong input, 70 internal error.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

from onnx_roofline import __version__
from onnx_roofline.base.errors import RooflineError, UsageError
from onnx_roofline.cli.options import command_parser, settings_of

if TYPE_CHECKING:
    from rich.console import Console

    from onnx_roofline.analysis.analyze import Analysis
    from onnx_roofline.what_if.sweep import Sweep

EXIT_DONE, EXIT_BROKEN, EXIT_BAD_INPUT, EXIT_INTERNAL = 0, 1, 2, 70
# Seconds after which a run shows its progress.
PROGRESS_AFTER_S = 1.0
# Warnings printed; the JSON has them all.
SHOWN_WARNINGS = 10
# Figures named in one line of those that were not varied.
SHOWN_FIGURES = 6
# Columns of a table that does not go to a terminal.
PLAIN_WIDTH = 200


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    model = None
    try:
        options = command_parser().parse_args(arguments)
        model = getattr(options, "model", None)
        return _COMMANDS[options.run](options)
    except RooflineError as error:
        print(f"onnx-roofline: {_one_line(str(error))}", file=sys.stderr)
        return EXIT_BAD_INPUT
    except BrokenPipeError:
        # The reader of stdout has seen enough; what is left must not fail at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_DONE
    except KeyboardInterrupt:
        print("onnx-roofline: interrupted", file=sys.stderr)
        return 130
    except Exception as error:
        return _report_crash(error, model)


def _one_line(text: str) -> str:
    """A message whose names from the file can't forge lines or move the cursor."""
    from onnx_roofline.base.text import visible

    return visible(text.replace("\n", " "), 2000)


def _report_crash(error: Exception, model: str | None) -> int:
    """Name the file that lets a maintainer see the failure again; it holds the graph without its weights."""
    import tempfile
    import traceback
    import zipfile

    descriptor, path = tempfile.mkstemp(prefix="onnx-roofline-crash-", suffix=".zip")
    with os.fdopen(descriptor, "wb") as file, zipfile.ZipFile(file, "w") as archive:
        lines = [f"onnx-roofline {__version__}, Python {sys.version}", f"arguments: {sys.argv[1:]}"]
        archive.writestr("report.txt", "\n".join([*lines, *traceback.format_exception(error)]))
        if model is not None:
            try:
                from onnx_roofline.load import Limits
                from onnx_roofline.load.wire import read_slim

                archive.writestr("model.onnx", read_slim(model, Limits()).data)
            except Exception as failure:
                archive.writestr("model.txt", f"the graph could not be read again: {failure}")
    kind = f"{type(error).__name__}: {error}"
    print(f"onnx-roofline: internal error: {_one_line(kind)}; please report it with {path}", file=sys.stderr)
    return EXIT_INTERNAL


def _analyzed(options: argparse.Namespace) -> "Analysis":
    import gc

    from onnx_roofline.analysis.analyze import analyze

    # One analysis makes many objects and frees almost none: looking for cycles among them costs a fifth of the time.
    gc.disable()
    with _Progress() as progress:
        return analyze(options.model, settings_of(options), progress)


def _print_warnings(analysis: "Analysis") -> None:
    # Absent weights are no cause for a warning to someone whose weights are not read; the JSON has it.
    notices = [notice for notice in analysis.model.warnings if notice.code != "external-data-missing"]
    for notice in notices[:SHOWN_WARNINGS]:
        where = f"{notice.where}: " if notice.where else ""
        print(_one_line(f"warning: {where}{notice.message} [{notice.code}]"), file=sys.stderr)
    if len(notices) > SHOWN_WARNINGS:
        print(f"warning: {len(notices) - SHOWN_WARNINGS} more, all in the JSON", file=sys.stderr)


def _refuse_what_shows_nothing(options: argparse.Namespace) -> None:
    """Raise UsageError for a number of rows below none, and for options of which one would be left out silently."""
    from onnx_roofline.report.formats import asked_for

    if options.top < 1:
        raise UsageError(f"--top {options.top}: wanted 1 or more")
    if options.depth < 0:
        raise UsageError(f"--depth {options.depth}: wanted 1 or more levels, or 0 for all")
    names = ("--sweep", "--convention", "--sensitivity", "--explain-traffic")
    views = [name for name in names if getattr(options, name[2:].replace("-", "_"))]
    if len(views) > 1:
        raise UsageError(f"found {' and '.join(views)}: each prints a report of its own; run one after the other")
    if options.format == "csv" and views and views != ["--convention"]:
        raise UsageError(f"--format csv: {views[0]} has no CSV; leave one of them out, or write --json FILE")
    files = [(one.option, path) for one, path in asked_for(vars(options))]
    drawn = [("--plot", options.plot)] if options.plot else []
    single = [option for option, _ in (*drawn, *files) if option not in ("--json", "--html")]
    if options.sweep and single:
        raise UsageError(f"{single[0]}: it shows one size of the model, and --sweep is of many; leave one of them out")
    printed = [option for option, path in files if path == "-"]
    if len(printed) > 1:
        raise UsageError(f"found {' and '.join(printed)} on stdout; wanted one, and files for the others")


def _run_analyze(options: argparse.Namespace) -> int:
    _refuse_what_shows_nothing(options)
    if options.convention:
        from onnx_roofline.report.conventions import expand

        options.convention = expand(options.convention)
    if options.sweep:
        return _run_sweep(options)
    analysis = _analyzed(options)
    _print_warnings(analysis)
    is_printed = _write_formats(analysis, options)
    if options.plot:
        from onnx_roofline.report.plot.points import draw_analysis

        draw_analysis(analysis, options.plot)
    if is_printed:
        return EXIT_DONE
    if options.convention:
        return _print_conventions(analysis, options)
    if options.sensitivity:
        return _print_sensitivity(analysis)
    if options.explain_traffic:
        from onnx_roofline.report.explain import explain_traffic, find_row

        for key in [find_row(analysis, wanted) for wanted in options.explain_traffic]:
            for line in explain_traffic(analysis, key):
                print(line)
        return EXIT_DONE
    if options.format == "csv":
        from onnx_roofline.report.csv_table import write_csv

        sys.stdout.writelines(write_csv(analysis))
        return EXIT_DONE
    from onnx_roofline.report.table import render

    console = _console()
    for part in render(analysis, options.top, options.depth, console.width):
        console.print(part, soft_wrap=not hasattr(part, "columns"))
    return EXIT_DONE


def _write_formats(analysis: "Analysis", options: argparse.Namespace) -> bool:
    """Write the files that are asked for; whether one of them was stdout, which then has nothing else."""
    from onnx_roofline.report.files import write_atomically
    from onnx_roofline.report.formats import asked_for

    is_printed = False
    for one, path in asked_for(vars(options)):
        is_printed = is_printed or path == "-"
        if path == "-":
            sys.stdout.writelines(one.parts(analysis))
        else:
            write_atomically(path, one.parts(analysis))
    return is_printed


def _run_sweep(options: argparse.Namespace) -> int:
    from onnx_roofline.report.files import write_atomically
    from onnx_roofline.report.header import open_bodies
    from onnx_roofline.report.sweeps import flip_rows, point_rows, sweep_document
    from onnx_roofline.what_if.sweep import parse_sweep, sweep

    dim, values = parse_sweep(options.sweep)
    found = sweep(options.model, settings_of(options), dim, values)
    notes = [f"ASSUMED dims: {', '.join(found.assumed)}"] if found.assumed else []
    for line in (*notes, *open_bodies(found.open)):
        print(_one_line(line), file=sys.stderr if "-" in (options.json, options.html) else sys.stdout)
    if options.html:
        _write_sweep_page(options, found)
    if options.json == "-":
        sys.stdout.write(sweep_document(found))
    elif options.json:
        write_atomically(options.json, [sweep_document(found)])
    if "-" in (options.json, options.html):
        return EXIT_DONE
    _print_table(*point_rows(found))
    if options.objective != "latency":
        print(f"optimum: the placement of least {options.objective}, and the time that it takes")
    flips = flip_rows(found)
    if flips:
        _print_table(("kernels", "root", "the first", "where"), flips)
    else:
        print(f"no kernel changes its device over {dim}")
    return EXIT_DONE


def _write_sweep_page(options: argparse.Namespace, found: "Sweep") -> None:
    """The page of the model at the first value of the sweep, with all of its points."""
    from msgspec.structs import replace

    from onnx_roofline.analysis.analyze import analyze
    from onnx_roofline.report.files import write_atomically
    from onnx_roofline.report.html.page import write_page

    settings = settings_of(options)
    first = replace(settings, dims={**settings.dims, found.dim: found.points[0].value})
    parts = write_page(analyze(options.model, first), found)
    if options.html == "-":
        sys.stdout.writelines(parts)
    else:
        write_atomically(options.html, parts)


def _print_sensitivity(analysis: "Analysis") -> int:
    from onnx_roofline.base.quantities import format_si
    from onnx_roofline.ir.placed_records import PlacementSummary
    from onnx_roofline.report.header import without_time
    from onnx_roofline.what_if.sensitivity import assumed_figures, sensitivities

    summary = analysis.model.whole(PlacementSummary)
    unit = {"latency": "s", "energy": "J"}.get(summary.objective_name, "")
    rows = [
        (row.path, format_si(row.half, unit), format_si(row.twice, unit),
         *("–" if moved is None else f"{moved:,}" for moved in (row.moved_at_half, row.moved_at_twice)))
        for row in sensitivities(analysis)
    ]  # fmt: skip
    left_out = f", + {without_time(summary.untimed_kernels)}" if summary.untimed_kernels else ""
    optimum = f"optimum {format_si(summary.objective, unit)}{left_out} on {analysis.system.slug}"
    print(f"{optimum}; its assumed figures, one by one:")
    _print_table(("assumed figure", "optimum at half", "optimum at twice", "moved at half", "moved at twice"), rows)
    for reason, paths in assumed_figures(analysis)[1].items():
        shown = ", ".join(paths[:SHOWN_FIGURES]) + (f" and {len(paths) - SHOWN_FIGURES} more"
                                                    if len(paths) > SHOWN_FIGURES else "")  # fmt: skip
        print(f"not varied, {reason}: {shown}")
    return EXIT_DONE


def _run_explain(options: argparse.Namespace) -> int:
    from onnx_roofline.report.explain import explain_documents, explain_op, find_row
    from onnx_roofline.report.header import first_line
    from onnx_roofline.what_if.alternatives import Alternatives

    analysis = _analyzed(options)
    _print_warnings(analysis)
    keys = [find_row(analysis, wanted) for wanted in options.node]
    if options.json:
        from onnx_roofline.report.encoding import encode_indented
        from onnx_roofline.report.files import write_atomically

        text = encode_indented(explain_documents(analysis, keys))
        if options.json == "-":
            sys.stdout.write(text)
            return EXIT_DONE
        write_atomically(options.json, [text])
    print(_one_line(first_line(analysis)))
    others = Alternatives(analysis)
    for key in keys:
        for line in explain_op(analysis, key, others):
            print(line)
    return EXIT_DONE


def _print_conventions(analysis: "Analysis", options: argparse.Namespace) -> int:
    from onnx_roofline.report.conventions import HEADERS, headline, rows, write_csv
    from onnx_roofline.report.header import first_line
    from onnx_roofline.what_if.other_counters import count

    found = [count(analysis, name) for name in options.convention]
    if options.format == "csv":
        sys.stdout.writelines(write_csv(found))
        return EXIT_DONE
    print(_one_line(first_line(analysis)))
    for total in found:
        print(f"\n{_one_line(headline(total))}")
        _print_table(HEADERS, rows(total))
    return EXIT_DONE


def _run_annotate(options: argparse.Namespace) -> int:
    from onnx_roofline.report.annotated_model import write_annotated
    from onnx_roofline.report.header import first_line

    analysis = _analyzed(options)
    _print_warnings(analysis)
    found = write_annotated(analysis, options.output, layers=options.layer_annotations)
    print(_one_line(first_line(analysis)))
    print(_one_line(f"{options.output}: metadata on {found.annotated:,} of {found.nodes:,} nodes"))
    return EXIT_DONE


def _run_check(options: argparse.Namespace) -> int:
    from onnx_roofline.ci.assumptions import refuse_assumed, refuse_open_limits
    from onnx_roofline.ci.limits import broken_limits, parse_limit

    limits = tuple(parse_limit(text) for text in options.max)
    analysis = _analyzed(options)
    name = analysis.model.info.path
    if not options.allow_assumed:
        refuse_assumed(analysis)
        refuse_open_limits(analysis, limits)
    _print_warnings(analysis)
    lines = [broken.message for broken in broken_limits(analysis, limits)]
    summary = analysis.summary
    if summary.unknown_ops and not options.allow_unknown:
        types = ", ".join(summary.unknown_op_types[:5])
        lines.append(f"{summary.unknown_ops:,} ops have no figure ({types}); --allow-unknown accepts them")
    for line in lines:
        print(_one_line(f"{name}: {line}"))
    if lines:
        return EXIT_BROKEN
    held = f"{len(limits)} limit{'' if len(limits) == 1 else 's'} held"
    print(_one_line(f"{name}: {held}, {summary.ops - summary.unknown_ops:,} of {summary.ops:,} ops with figures"))
    return EXIT_DONE


def _run_hw_list(options: argparse.Namespace) -> int:
    from onnx_roofline.hardware import shipped_profiles

    _print_table(("name", "kind", "what it is"), shipped_profiles())
    return EXIT_DONE


def _run_hw_show(options: argparse.Namespace) -> int:
    from onnx_roofline.report.profiles import profile_rows

    rows = profile_rows(options.profile)
    _print_table(("figure", "value", "label", "source"), rows)
    return EXIT_DONE


def _run_hw_lint(options: argparse.Namespace) -> int:
    from onnx_roofline.hardware import lint, load_device, shipped_profiles

    names = options.profiles or [slug for slug, kind, _ in shipped_profiles() if kind != "system"]
    found = 0
    for name in names:
        for finding in lint(load_device(name)):
            found += 1
            print(_one_line(f"{name}: {finding.path}: {finding.message} [{finding.code}]"))
    if found:
        return EXIT_BROKEN
    print(f"{', '.join(names)}: every figure that has a check agrees with it")
    return EXIT_DONE


def _run_ops(options: argparse.Namespace) -> int:
    from onnx_roofline.ops.cost.lookup import all_rules

    rules = [r for r in all_rules() if options.domain in (None, r.domain or "ai.onnx")]
    if not rules:
        domains = sorted({rule.domain or "ai.onnx" for rule in all_rules()})
        raise UsageError(f"--domain {options.domain}: found no rules of that domain; known: {', '.join(domains)}")
    rows = [(rule.domain or "ai.onnx", rule.op_type, str(rule.since), rule.formula, rule.source) for rule in rules]
    if options.format == "csv":
        import csv

        csv.writer(sys.stdout, lineterminator="\n").writerows([("domain", "op", "since", "counts", "source"), *rows])
        return EXIT_DONE
    _print_table(("domain", "op", "since", "counts (n: output elements)", "source"), rows)
    print(f"{len(rows)} rules for {len({row[:2] for row in rows})} ops")
    return EXIT_DONE


def _run_schema(options: argparse.Namespace) -> int:
    import json

    from onnx_roofline.report.contract import schema_of

    sys.stdout.write(json.dumps(schema_of(options.document), indent=1) + "\n")
    return EXIT_DONE


def _console() -> "Console":
    from rich.console import Console

    class QuietConsole(Console):
        """A console that leaves a closed pipe to `main`; rich would exit with 1, which means a broken limit here."""

        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    width = None if sys.stdout.isatty() else PLAIN_WIDTH
    return QuietConsole(highlight=False, markup=False, emoji=False, width=width)


def _print_table(headers: Sequence[str], rows: "Sequence[Sequence[str]]") -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for header in headers:
        table.add_column(header, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    _console().print(table)


class _Progress:
    """A progress bar on stderr for runs of more than a second, on a terminal only."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._task: Any = None
        self._timer: Any = None
        self._state = ("load", 0, 1)

    def __enter__(self) -> Callable[[str, int, int], None]:
        if sys.stderr.isatty():
            import threading

            self._timer = threading.Timer(PROGRESS_AFTER_S, self._start)
            self._timer.daemon = True
            self._timer.start()
        return self._update

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._bar is not None:
            self._bar.stop()

    def _start(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
        bar = Progress(*columns, console=Console(stderr=True), transient=True)
        name, position, count = self._state
        self._task = bar.add_task(name, completed=position, total=count)
        self._bar = bar
        bar.start()

    def _update(self, name: str, position: int, count: int) -> None:
        self._state = (name, position, count)
        if self._bar is not None:
            self._bar.update(self._task, description=name, completed=position, total=count)


_COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "analyze": _run_analyze,
    "annotate": _run_annotate,
    "check": _run_check,
    "explain": _run_explain,
    "hw_list": _run_hw_list,
    "hw_show": _run_hw_show,
    "hw_lint": _run_hw_lint,
    "ops": _run_ops,
    "schema": _run_schema,
}
