"""The command line: one command, its exit code, and a verdict that nothing can turn.

Results go to stdout, progress and warnings to stderr. A command computes its exit code before it writes; a stream that
fails changes no code of a command that judges, and makes a done one 2 where its results were lost.
"""

import argparse
from collections.abc import Callable, Sequence

from onnx_roofline.base.errors import BudgetError, RooflineError
from onnx_roofline.cli.exit_codes import BAD_INPUT, DONE, INTERRUPTED
from onnx_roofline.cli.options import command_parser
from onnx_roofline.cli.printing import print_message
from onnx_roofline.cli.streams import GuardedStream, guarded_streams

# Commands whose exit code answers a question, so that it stands though nobody can read why.
JUDGES = frozenset({"check", "baseline_verify", "diff", "fit", "hw_lint", "lint"})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    run = ""
    with guarded_streams() as (out, _):
        try:
            run, code = _run(arguments)
            out.flush()
        except KeyboardInterrupt:
            print_message("interrupted")
            return INTERRUPTED
        return _after_writing(code, run, out)


def _run(arguments: Sequence[str] | None) -> tuple[str, int]:
    """Name of the command, "" where none was found, and its exit code."""
    options, run = argparse.Namespace(), ""
    try:
        options = command_parser().parse_args(arguments)
        run = options.run
        if hasattr(options, "plugin"):
            _load_plugins(options)
        return run, _command(run)(options)
    except SystemExit:
        # --help and --version, which argparse ends with.
        return run, DONE
    except BudgetError as error:
        for line in str(error).splitlines():
            print_message(line)
        return run, BAD_INPUT
    except RooflineError as error:
        print_message(str(error))
        return run, BAD_INPUT
    except Exception as error:
        import traceback

        from onnx_roofline.cli.crash import report_crash

        kind = f"{type(error).__name__}: {error}"
        return run, report_crash(kind, "".join(traceback.format_exception(error)), getattr(options, "model", None))


def _load_plugins(options: argparse.Namespace) -> None:
    from onnx_roofline import plugin

    if not options.no_plugins:
        plugin.load_installed()
    for path in options.plugin:
        plugin.load_file(path)


def _after_writing(code: int, run: str, out: GuardedStream) -> int:
    """The exit code once everything was written or could not be."""
    if out.lost is None:
        return code
    reason = getattr(out.lost, "strerror", None) or str(out.lost)
    print_message(f"stdout can't be written: {reason}; the exit code stands" if run in JUDGES else
                  f"stdout can't be written: {reason}; results are lost")  # fmt: skip
    return code if code != DONE or run in JUDGES else BAD_INPUT


def _command(run: str) -> Callable[[argparse.Namespace], int]:
    """The function of a command; its module is imported when it runs."""
    import importlib

    module, _, name = _COMMANDS[run].partition(":")
    found: Callable[[argparse.Namespace], int] = getattr(importlib.import_module(f"onnx_roofline.cli.{module}"), name)
    return found


_COMMANDS = {
    "analyze": "analyze:run_analyze",
    "annotate": "annotate:run_annotate",
    "check": "check:run_check",
    "baseline_update": "baselines:run_baseline_update",
    "baseline_show": "baselines:run_baseline_show",
    "baseline_verify": "baselines:run_baseline_verify",
    "diff": "diffs:run_diff",
    "explain": "explain:run_explain",
    "fit": "fit:run_fit",
    "lint": "lint:run_lint",
    "formula": "formula:run_formula",
    "hw_list": "hardware:run_hw_list",
    "hw_show": "hardware:run_hw_show",
    "hw_lint": "hardware:run_hw_lint",
    "hw_new": "hardware:run_hw_new",
    "ops": "hardware:run_ops",
    "schema": "hardware:run_schema",
    "completion": "completion:run_completion",
}
