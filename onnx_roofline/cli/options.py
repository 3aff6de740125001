"""The command line's commands and their options."""

import argparse
from typing import Any

from onnx_roofline import __version__
from onnx_roofline.cli.gate_options import add_gate_commands
from onnx_roofline.cli.many_options import add_many_options
from onnx_roofline.cli.model_options import Parser, add_model_options
from onnx_roofline.report.formats import FORMATS

# Shells that `completion` writes a script for.
SHELLS = ("bash", "zsh", "fish", "tcsh")
_EXAMPLES = """examples:
  onnx-roofline analyze model.onnx
  onnx-roofline analyze bert.onnx --dim batch=8 --dim sequence=128 --system a100-hbm-pim --assume-dtype float16
  onnx-roofline analyze model.onnx --html model.html --json model.json
  onnx-roofline check model.onnx --max flops=9G --max naive_bytes=120MB
  onnx-roofline check --against origin/main --format full --format sarif=out.sarif
"""


def command_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line; `run` of what it gives names the command."""
    parser = Parser(
        prog="onnx-roofline",
        description="Cost, roofline and GPU/PIM placement of every op of an ONNX file, without its weights.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"onnx-roofline {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=Parser)
    _add_analyze(commands.add_parser("analyze", help="what each op of a model costs and where it should run"))
    _add_explain(commands.add_parser("explain", help="a model or an op as a person would explain it"))
    _add_fit(commands.add_parser("fit", help="whether a model fits each memory, and up to which batch and length"))
    _add_lint(commands.add_parser("lint", help="what in a model costs time for no reason, and what it is worth"))
    _add_formula(commands.add_parser("formula", help="what a model costs as exact polynomials of its dims"))
    _add_annotate(commands.add_parser("annotate", help="write the model with the figures as metadata of its nodes"))
    add_gate_commands(commands)
    _add_hardware(commands.add_parser("hw", help="hardware profiles: list, show, lint"))
    ops = commands.add_parser("ops", help="the rule table: op, counts, source")
    ops.add_argument("--domain", help="only this domain, such as ai.onnx or com.microsoft")
    ops.add_argument("--format", choices=("table", "csv"), default="table", help="default: table")
    ops.set_defaults(run="ops")
    schema = commands.add_parser("schema", help="the JSON Schema of what --json writes")
    schema.add_argument(
        "document",
        nargs="?",
        metavar="DOCUMENT",
        default="annotated-graph",
        choices=("annotated-graph", "explanations", "sweep", "formula", "lint", "models", "budgets"),
        help="annotated-graph (analyze --json, the default), explanations (explain --json), sweep (analyze --sweep), "
        "formula (formula --json), lint (lint --json), models (analyze --json of several) or budgets "
        "(onnx-roofline.yaml)",
    )
    schema.set_defaults(run="schema")
    completion = commands.add_parser("completion", help="a script by which a shell completes all of this")
    completion.add_argument("shell", metavar="SHELL", choices=SHELLS, help=f"{', '.join(SHELLS)} (extra: completion)")
    completion.set_defaults(run="completion")
    return parser


def _add_model(parser: argparse.ArgumentParser, **how: Any) -> None:
    """The model that a command is about, and the options of its analysis."""
    parser.add_argument("model", metavar="MODEL", help="an .onnx or .mlir file; its weights are not read", **how)
    add_model_options(parser)


def _add_analyze(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "models",
        metavar="MODEL",
        nargs="+",
        help="an .onnx or .mlir file, whose weights are not read; of several, and of the files of a folder, a row each",
    )
    add_model_options(parser)
    add_many_options(parser)
    for one in FORMATS:
        parser.add_argument(one.option, metavar="FILE", help=one.help)
    parser.add_argument(
        "--output", action="append", default=[], metavar="NAME=FILE", help="write a plugin's output; - is stdout"
    )
    parser.add_argument("--parquet", metavar="FILE", help="write a row a model as a Parquet file (extra: parquet)")
    parser.add_argument(
        "--plot", metavar="FILE", help="draw the roofline, or the sweep, as .svg, .png or .pdf (extra: plot)"
    )
    parser.add_argument("--format", choices=("table", "csv"), default="table", help="what stdout gets (default: table)")
    parser.add_argument(
        "--sweep",
        action="append",
        default=[],
        metavar="NAME=A,B|1..4096x2",
        help="analyse at several sizes of a dim, on several systems (system=A,B) or with several figures "
        "(h100-sxm.launch_us=0,2), and say where bounds and placements flip; of several, every combination",
    )
    parser.add_argument(
        "--flips", metavar="NAME", help="the dim of the sweep along which flips are looked for (default: its only one)"
    )
    parser.add_argument(
        "--sensitivity",
        action="store_true",
        help="place again with each assumed figure of the system halved and doubled",
    )
    parser.add_argument(
        "--explain-traffic",
        action="append",
        default=[],
        metavar="NODE",
        help="where the bytes of this op come from, by its id or name",
    )
    parser.add_argument("--top", type=int, default=10, metavar="N", help="rows of each table (default: 10)")
    parser.add_argument(
        "--depth",
        type=int,
        metavar="N",
        help="levels of the module tree, what all share being one, 0 for all (default: 3, or as many as fit)",
    )
    parser.add_argument("--all", action="store_true", help="every row of each table")
    parser.add_argument("--wide", action="store_true", help="every column of each table, however narrow the terminal")
    parser.add_argument(
        "--order",
        choices=("wasted", "time"),
        default="wasted",
        help="kernels by their time above the roof, or by their time (default: wasted); of several models by time too",
    )
    parser.add_argument(
        "--convention",
        action="append",
        default=[],
        metavar="NAME",
        help="another counter's total, explained: mac, fvcore, xla, thop, torch, all",
    )
    parser.set_defaults(run="analyze")


def _add_annotate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="an .onnx file; its weights are copied and not read")
    add_model_options(parser)
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        metavar="OUT.onnx",
        help="the same model with metadata_props on its nodes, which Netron and Model Explorer show",
    )
    parser.add_argument(
        "--layer-annotations",
        action="store_true",
        help="also layer_ann=DEVICE, by which onnxruntime's session.layer_assignment_settings places nodes",
    )
    parser.set_defaults(run="annotate")


def _add_explain(parser: argparse.ArgumentParser) -> None:
    _add_model(parser)
    parser.add_argument("node", metavar="NODE", nargs="*", help="an op, by its id, its name or a tensor; default: all")
    parser.add_argument("--json", metavar="FILE", help="write the explanations as JSON, a list; - is stdout")
    parser.set_defaults(run="explain")


def _add_fit(parser: argparse.ArgumentParser) -> None:
    _add_model(parser)
    parser.add_argument(
        "--largest",
        action="append",
        default=[],
        metavar="NAME",
        help="the largest size of this dim that fits, the others as stated (default: of every dim that the model has)",
    )
    parser.set_defaults(run="fit")


def _add_lint(parser: argparse.ArgumentParser) -> None:
    _add_model(parser, nargs="?")
    parser.add_argument(
        "--ignore",
        action="append",
        default=[],
        metavar="RULE[:GLOB]",
        help="not this rule, by code or name, or not at the ops that a glob names",
    )
    parser.add_argument(
        "--min-us", type=float, default=1.0, metavar="US", help="leave out what is worth less than this (default: 1)"
    )
    parser.add_argument("--json", metavar="FILE", help="write the findings as JSON; - is stdout")
    parser.add_argument(
        "--format",
        action="append",
        default=[],
        metavar="FORMAT[=FILE]",
        help="as of check, such as sarif=out.sarif",
    )
    parser.add_argument("--fail-on", choices=("warning",), help="exit with 1 where there is one")
    parser.add_argument("--list-rules", action="store_true", help="the rules: code, level, hazard, what to do")
    parser.set_defaults(run="lint")


def _add_formula(parser: argparse.ArgumentParser) -> None:
    _add_model(parser)
    parser.add_argument(
        "--over",
        required=True,
        metavar="NAME[=LOW..HIGH],...",
        help="dims that the formulas are over, and the sizes that they are to hold for, such as batch,sequence=1..512",
    )
    parser.add_argument(
        "--by",
        choices=("macs", "flops", "naive_bytes", "compulsory_bytes"),
        default="macs",
        help="the figure of modules and kernels that is printed; the JSON has all (default: macs)",
    )
    parser.add_argument(
        "--depth",
        type=int,
        default=3,
        metavar="N",
        help="levels of modules, what all share being one, 0 for all (default: 3)",
    )
    parser.add_argument(
        "--flips", action="store_true", help="also at which sizes classes of kernels become bound by compute, or memory"
    )
    parser.add_argument("--json", metavar="FILE", help="write every formula as JSON; - is stdout")
    parser.set_defaults(run="formula")


def _add_hardware(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(dest="hw_command", metavar="COMMAND", required=True, parser_class=Parser)
    commands.add_parser("list", help="profiles that are shipped").set_defaults(run="hw_list")
    show = commands.add_parser("show", help="the figures of a device or system, each with its source")
    show.add_argument("profile", metavar="NAME|FILE")
    show.add_argument("--yaml", action="store_true", help="as one file, with all that it starts from")
    show.set_defaults(run="hw_show")
    new = commands.add_parser("new", help="print a profile to begin with")
    new.add_argument("--from", dest="parent", default="", metavar="NAME|FILE", help="a variant of this one")
    new.set_defaults(run="hw_new")
    lint = commands.add_parser("lint", help="recompute peaks and bandwidths and say which disagree")
    lint.add_argument("profiles", metavar="NAME|FILE", nargs="*", help="default: every shipped device and system")
    lint.set_defaults(run="hw_lint")
