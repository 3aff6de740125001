"""The command line: the only module that prints or exits.

Results go to stdout, progress and warnings to stderr. Exit codes: 0 done and within every limit, 1 a limit is broken,
2 wrong input, 70 internal error.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from fractions import Fraction
from types import TracebackType
from typing import TYPE_CHECKING, Any

from onnx_roofline import __version__
from onnx_roofline.errors import RooflineError, UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from onnx_roofline.analysis import Analysis, Settings

EXIT_DONE, EXIT_BROKEN, EXIT_BAD_INPUT, EXIT_INTERNAL = 0, 1, 2, 70
# Seconds after which a run shows its progress.
PROGRESS_AFTER_S = 1.0
# Warnings printed; the JSON has them all.
SHOWN_WARNINGS = 10
# Columns of a table that does not go to a terminal.
PLAIN_WIDTH = 200

_EXAMPLES = """examples:
  onnx-roofline analyze model.onnx
  onnx-roofline analyze bert.onnx --dim batch=8 --dim sequence=128 --system a100-hbm-pim --assume-dtype float16
  onnx-roofline analyze model.onnx --json model.json --plot model.svg
  onnx-roofline check model.onnx --max flops=9G --max naive_bytes=120MB
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        return int(options.run(options))
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
        return _report_crash(error, getattr(options, "model", None))


def _one_line(text: str) -> str:
    """A message whose names from the file can't forge lines or move the cursor."""
    from onnx_roofline.report.names import visible

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


class _Parser(argparse.ArgumentParser):
    """argparse with this tool's prefix, so that every refusal reads alike."""

    def error(self, message: str) -> Any:
        print(f"onnx-roofline: {_one_line(message)}; see {self.prog} --help", file=sys.stderr)
        raise SystemExit(EXIT_BAD_INPUT)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="onnx-roofline",
        description="Cost, roofline and GPU/PIM placement of every op of an ONNX file, without its weights.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"onnx-roofline {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=_Parser)
    _add_analyze(commands.add_parser("analyze", help="what each op of a model costs and where it should run"))
    _add_check(commands.add_parser("check", help="exit 1 if a model is over a limit"))
    _add_hardware(commands.add_parser("hw", help="hardware profiles: list, show, lint"))
    ops = commands.add_parser("ops", help="the rule table: op, counts, source")
    ops.add_argument("--domain", help="only this domain, such as ai.onnx or com.microsoft")
    ops.add_argument("--format", choices=("table", "csv"), default="table", help="default: table")
    ops.set_defaults(run=_run_ops)
    schema = commands.add_parser("schema", help="the JSON Schema of the annotated graph")
    schema.set_defaults(run=_run_schema)
    return parser


def _add_model_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="an .onnx file; its weights are not read")
    parser.add_argument("--dim", action="append", default=[], metavar="NAME=SIZE",
                        help="size of a symbolic dim, such as batch=8, or of an unnamed one, such as images.2=640")  # fmt: skip
    parser.add_argument("--input-shape", action="append", default=[], metavar="NAME=1x3x224x224",
                        help="shape of one input")  # fmt: skip
    parser.add_argument("--system", default="teaching", metavar="NAME|FILE",
                        help="GPU, PIM and link (default: teaching; see onnx-roofline hw list)")  # fmt: skip
    parser.add_argument("--assume-dtype", default="", metavar="DTYPE",
                        help="cost floating tensors at this width, such as float16")  # fmt: skip
    parser.add_argument("--trip", action="append", default=[], metavar="NAME=N",
                        help="trip count of a Loop, by its name or id")  # fmt: skip
    parser.add_argument("--branch", action="append", default=[], metavar="[NAME.]then=P",
                        help="probability of an If's branch (default: the costlier branch)")  # fmt: skip
    parser.add_argument("--observe", default="", metavar="FILE.npz|random",
                        help="run the model once in onnxruntime, in a child process, and take the true shapes, trip "
                             "counts and branches; needs the weights, or random (extra: ort)")  # fmt: skip
    parser.add_argument("--observe-limit-s", type=float, default=60.0, metavar="S",
                        help="seconds that the run may take (default: 60)")  # fmt: skip
    parser.add_argument("--observe-limit-gb", type=float, default=8.0, metavar="GB",
                        help="memory that the run may take (default: 8)")  # fmt: skip
    parser.add_argument("--limit", action="append", default=[], metavar="NAME=N",
                        help="nodes, nesting, rank, graph_bytes or value_elements")  # fmt: skip


def _add_analyze(parser: argparse.ArgumentParser) -> None:
    _add_model_options(parser)
    parser.add_argument("--json", metavar="FILE", help="write the annotated graph; - is stdout")
    parser.add_argument("--plot", metavar="FILE", help="draw the roofline as .svg, .png or .pdf (extra: plot)")
    parser.add_argument("--format", choices=("table", "csv"), default="table", help="what stdout gets (default: table)")
    parser.add_argument("--top", type=int, default=10, metavar="N", help="rows of each table (default: 10)")
    parser.add_argument("--depth", type=int, default=3, metavar="N",
                        help="levels of the module roll-up, 0 for all (default: 3)")  # fmt: skip
    parser.add_argument("--convention", action="append", default=[], metavar="NAME",
                        help="another counter's total, explained: mac, fvcore, xla, thop, torch, all")  # fmt: skip
    parser.set_defaults(run=_run_analyze)


def _add_check(parser: argparse.ArgumentParser) -> None:
    _add_model_options(parser)
    parser.add_argument("--max", action="append", default=[], metavar="METRIC=LIMIT",
                        help="such as flops=9G, naive_bytes=120MB, parameters=25M, time_s.placement=2ms")  # fmt: skip
    parser.add_argument("--allow-unknown", action="store_true", help="ops without a rule do not fail the check")
    parser.add_argument("--allow-assumed", action="store_true", help="assumed dims do not fail the check")
    parser.set_defaults(run=_run_check)


def _add_hardware(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(dest="hw_command", metavar="COMMAND", required=True, parser_class=_Parser)
    commands.add_parser("list", help="profiles that are shipped").set_defaults(run=_run_hw_list)
    show = commands.add_parser("show", help="the figures of a device or system, each with its source")
    show.add_argument("profile", metavar="NAME|FILE")
    show.set_defaults(run=_run_hw_show)
    lint = commands.add_parser("lint", help="recompute peaks and bandwidths and say which disagree")
    lint.add_argument("profiles", metavar="NAME|FILE", nargs="*", help="default: every shipped device")
    lint.set_defaults(run=_run_hw_lint)


def _settings(options: argparse.Namespace) -> "Settings":
    from onnx_roofline.analysis import Settings
    from onnx_roofline.load import Limits, parse_dim, parse_input_shape

    return Settings(
        dims=_unique("--dim", [parse_dim(text) for text in options.dim]),
        input_shapes=_unique("--input-shape", [parse_input_shape(text) for text in options.input_shape]),
        system=options.system,
        assume_dtype=options.assume_dtype,
        trips=_unique("--trip", [_parse_trip(text) for text in options.trip]),
        branches=_unique("--branch", [_parse_branch(text) for text in options.branch]),
        limits=Limits().override(tuple(options.limit)),
        observe=options.observe,
        observe_limit_s=options.observe_limit_s,
        observe_limit_gb=options.observe_limit_gb,
    )


def _unique(option: str, pairs: "Sequence[tuple[str, Any]]") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found and found[name] != value:
            raise UsageError(f"{option} {name}: found two values, {found[name]} and {value}")
        found[name] = value
    return found


def _parse_trip(text: str) -> tuple[str, int]:
    name, separator, count = text.rpartition("=")
    if not separator or not name or not count.isdecimal():
        raise UsageError(f"--trip {text}: wanted NAME=N with a whole number, such as --trip loop_3=32")
    return name, int(count)


def _parse_branch(text: str) -> tuple[str, Fraction]:
    name, _, share = text.rpartition("=")
    try:
        probability = Fraction(share)
    except (ValueError, ZeroDivisionError):
        probability = Fraction(-1)
    if name.rpartition(".")[2] not in ("then", "else") or not 0 <= probability <= 1:
        raise UsageError(f"--branch {text}: wanted then=P or NAME.then=P with P from 0 to 1, such as --branch then=0.5")
    return name, probability


def _analyzed(options: argparse.Namespace) -> "Analysis":
    import gc

    from onnx_roofline.analysis import analyze

    # One analysis makes many objects and frees almost none: looking for cycles among them costs a fifth of the time.
    gc.disable()
    with _Progress() as progress:
        return analyze(options.model, _settings(options), progress)


def _print_warnings(analysis: "Analysis") -> None:
    # Absent weights are no cause for a warning to someone whose weights are not read; the JSON has it.
    notices = [notice for notice in analysis.model.warnings if notice.code != "external-data-missing"]
    for notice in notices[:SHOWN_WARNINGS]:
        where = f"{notice.where}: " if notice.where else ""
        print(_one_line(f"warning: {where}{notice.message} [{notice.code}]"), file=sys.stderr)
    if len(notices) > SHOWN_WARNINGS:
        print(f"warning: {len(notices) - SHOWN_WARNINGS} more, all in the JSON", file=sys.stderr)


def _run_analyze(options: argparse.Namespace) -> int:
    if options.top < 1:
        raise UsageError(f"--top {options.top}: wanted 1 or more")
    if options.convention:
        from onnx_roofline.report.conventions import expand

        options.convention = expand(options.convention)
    analysis = _analyzed(options)
    _print_warnings(analysis)
    if options.json:
        from onnx_roofline.report.document import build_document, write_document
        from onnx_roofline.report.files import write_atomically

        text = write_document(build_document(analysis))
        if options.json == "-":
            sys.stdout.writelines(text)
        else:
            write_atomically(options.json, text)
    if options.plot:
        from onnx_roofline.report.points import draw_analysis

        draw_analysis(analysis, options.plot)
    if options.json == "-":
        return EXIT_DONE
    if options.convention:
        return _print_conventions(analysis, options)
    if options.format == "csv":
        from onnx_roofline.report.rows import write_csv

        sys.stdout.writelines(write_csv(analysis))
        return EXIT_DONE
    from onnx_roofline.report.table import render

    console = _console()
    for part in render(analysis, options.top, options.depth, console.width):
        console.print(part, soft_wrap=not hasattr(part, "columns"))
    return EXIT_DONE


def _print_conventions(analysis: "Analysis", options: argparse.Namespace) -> int:
    from onnx_roofline.conventions import count
    from onnx_roofline.report.conventions import HEADERS, headline, rows, write_csv
    from onnx_roofline.report.table import first_line

    found = [count(analysis, name) for name in options.convention]
    if options.format == "csv":
        sys.stdout.writelines(write_csv(found))
        return EXIT_DONE
    print(_one_line(first_line(analysis)))
    for total in found:
        print(f"\n{_one_line(headline(total))}")
        _print_table(HEADERS, rows(total))
    return EXIT_DONE


def _run_check(options: argparse.Namespace) -> int:
    from onnx_roofline.ci.limits import broken_limits, parse_limit

    limits = tuple(parse_limit(text) for text in options.max)
    analysis = _analyzed(options)
    name = analysis.model.info.path
    assumed = {key: dim for key, dim in analysis.model.dims.items() if dim.origin == "assumed"}
    if assumed and not options.allow_assumed:
        shown = " ".join(f"--dim {key}={dim.value}" for key, dim in list(assumed.items())[:6])
        raise UsageError(f"{name}: found dims that nobody stated; state them, for example {shown}, or --allow-assumed")
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
    from onnx_roofline.op_rules import all_rules

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
    from importlib.resources import files

    sys.stdout.write(files("onnx_roofline.report").joinpath("annotated-graph-1.0.schema.json").read_text("utf-8"))
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
