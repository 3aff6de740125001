"""Options of the commands for model repositories: check, baseline and diff."""

import argparse
from typing import Any

from onnx_roofline.cli.many_options import add_many_options
from onnx_roofline.cli.model_options import Parser, add_model_options

_CHECK_EXAMPLES = """examples:
  onnx-roofline check model.onnx --max flops=9G --max 'op[Conv].macs=4G'
  onnx-roofline check                                  # onnx-roofline.yaml, or [tool.onnx-roofline] of pyproject.toml
  onnx-roofline check --against origin/main --format full --format markdown=report.md --format sarif=out.sarif
"""


def add_gate_commands(commands: Any) -> None:
    """Add the commands to those of the command line."""
    _add_check(
        commands.add_parser(
            "check",
            help="exit 1 if a model is over a limit",
            epilog=_CHECK_EXAMPLES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
    )
    baseline = commands.add_parser("baseline", help="the committed figures that checks compare with")
    kinds = baseline.add_subparsers(dest="baseline_command", metavar="COMMAND", required=True, parser_class=Parser)
    update = kinds.add_parser("update", help="write the figures as they are now")
    _add_budget_options(update)
    update.set_defaults(run="baseline_update")
    verify = kinds.add_parser("verify", help="exit 1 if an update would change the file")
    _add_budget_options(verify)
    verify.set_defaults(run="baseline_verify")
    show = kinds.add_parser("show", help="what the file holds")
    show.add_argument("--config", metavar="FILE", help="the file of budgets (default: the nearest one)")
    show.add_argument("--baseline", metavar="FILE", help="the baseline (default: what the file of budgets says)")
    show.set_defaults(run="baseline_show")
    _add_diff(commands.add_parser("diff", help="what differs between two models, reports or revisions"))


def _add_budget_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("models", metavar="MODEL", nargs="*", help="only these of the files that the budgets name")
    parser.add_argument(
        "--config",
        metavar="FILE",
        help="the file of budgets (default: onnx-roofline.yaml or pyproject.toml, here or in a folder above)",
    )
    parser.add_argument("--baseline", metavar="FILE", help="the baseline (default: what the file of budgets says)")
    add_many_options(parser)


def _add_check(parser: argparse.ArgumentParser) -> None:
    _add_budget_options(parser)
    parser.add_argument(
        "--max",
        action="append",
        default=[],
        metavar="METRIC=LIMIT",
        help="such as flops=9G, naive_bytes=120MB, parameters=25M, time_s.placement=2ms, 'op[Conv].macs=4G'; without a "
        "file of budgets",
    )
    parser.add_argument("--list-metrics", action="store_true", help="what can be limited, and stop")
    parser.add_argument("--against", metavar="REV", help="compare with a git revision, such as origin/main")
    parser.add_argument(
        "--format",
        action="append",
        default=[],
        metavar="NAME[=FILE]",
        help="how to report, several in one run: full (default), concise, json, markdown, github, gitlab, sarif, "
        "junit, openmetrics, github-action-benchmark, bencher; without a file, or with -, to stdout",
    )
    parser.add_argument("--lint", action="store_true", help="also what `lint` finds, as warnings and notes")
    parser.add_argument("--exit-zero", action="store_true", help="exit 0 though a budget is broken; refusals stay 2")
    parser.add_argument(
        "--fail-on", choices=("error", "warning"), default="error", help="what ends with 1 (default: error)"
    )
    parser.add_argument("--allow-unknown", action="store_true", help="ops without a rule do not fail the check")
    parser.add_argument(
        "--allow-assumed", action="store_true", help="assumed dims, trip counts and branches do not fail the check"
    )
    add_model_options(parser)
    parser.set_defaults(run="check")


def _add_diff(parser: argparse.ArgumentParser) -> None:
    help_text = "an .onnx file, a JSON of analyze --json, a baseline (FILE.json or FILE.json:NAME), or git:REV:PATH"
    parser.add_argument("old", metavar="OLD", help=help_text)
    parser.add_argument("new", metavar="NEW", help="likewise")
    parser.add_argument("--format", choices=("full", "markdown", "json"), default="full", help="default: full")
    parser.add_argument("--only-changed", action="store_true", help="leave out what is the same on both sides")
    parser.add_argument("--top", type=int, default=20, metavar="N", help="ops that are listed, by impact (default: 20)")
    parser.add_argument("--html", metavar="FILE", help="write the comparison as one page that needs no network")
    parser.add_argument("--exit-code", action="store_true", help="exit 1 if anything differs")
    add_model_options(parser)
    parser.set_defaults(run="diff")
