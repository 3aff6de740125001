"""The command line's options: what they are called, what they mean, and how their texts become settings."""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from onnx_roofline import __version__
from onnx_roofline.base.errors import UsageError
from onnx_roofline.base.text import shown

if TYPE_CHECKING:
    from onnx_roofline.analysis.settings import Settings

_EXAMPLES = """examples:
  onnx-roofline analyze model.onnx
  onnx-roofline analyze bert.onnx --dim batch=8 --dim sequence=128 --system a100-hbm-pim --assume-dtype float16
  onnx-roofline analyze model.onnx --json model.json --plot model.svg
  onnx-roofline check model.onnx --max flops=9G --max naive_bytes=120MB
"""


class _Parser(argparse.ArgumentParser):
    """argparse that raises what every other refusal raises."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; see {self.prog} --help")


def command_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line; `run` of what it gives names the command."""
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
    _add_explain(commands.add_parser("explain", help="one op as a person would explain it: cost, bytes, place, why"))
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
        choices=("annotated-graph", "explanations", "sweep"),
        help="annotated-graph (analyze --json, the default), explanations (explain --json) or sweep (analyze --sweep)",
    )
    schema.set_defaults(run="schema")
    return parser


def _add_model_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="an .onnx file; its weights are not read")
    parser.add_argument(
        "--dim",
        action="append",
        default=[],
        metavar="NAME=SIZE",
        help="size of a dim, by its name (batch=8) or by input and axis (images.2=640), also where the file fixes it",
    )
    parser.add_argument(
        "--input-shape", action="append", default=[], metavar="NAME=1x3x224x224", help="shape of one input"
    )
    parser.add_argument(
        "--system",
        default="teaching",
        metavar="NAME|FILE",
        help="GPU, PIM and link (default: teaching; see onnx-roofline hw list)",
    )
    parser.add_argument(
        "--assume-dtype", default="", metavar="DTYPE", help="cost floating tensors at this width, such as float16"
    )
    parser.add_argument(
        "--backend",
        default="compiler",
        metavar="NAME|FILE",
        help="which ops fuse into one kernel: compiler, ort, none (default: compiler)",
    )
    parser.add_argument(
        "--pim-model",
        default="full",
        metavar="full|roofline",
        help="time on the PIM: with passes, rows and overheads, or the plain roofline (default: full)",
    )
    parser.add_argument(
        "--math",
        choices=("tf32", "fp32", "bf16x3"),
        default="",
        help="in what float32 products and convolutions run on a GPU (default: tf32 for compiler and ort, else fp32)",
    )
    parser.add_argument(
        "--dispatch",
        choices=("graph", "eager"),
        default="graph",
        help="kernels from a graph or engine, or one by one from a host (default: graph)",
    )
    parser.add_argument(
        "--objective",
        default="latency",
        metavar="latency|energy|energy-delay",
        help="what the placement makes least (default: latency)",
    )
    parser.add_argument(
        "--on-chip",
        default="",
        metavar="SIZE",
        help="on-chip memory of every device, such as 20MB or unlimited (default: its cache)",
    )
    parser.add_argument(
        "--no-residency", action="store_true", help="nothing stays in the last-level cache between kernels"
    )
    parser.add_argument(
        "--trip",
        action="append",
        default=[],
        metavar="NODE=N",
        help="trip count of a Loop, by its id, its name or a tensor that it makes",
    )
    parser.add_argument(
        "--branch",
        action="append",
        default=[],
        metavar="[NODE.]then=P",
        help="probability of an If's branch (default: the costlier branch)",
    )
    parser.add_argument(
        "--value",
        action="append",
        default=[],
        metavar="NAME=N[,N]",
        help="what an integer input holds, such as how full a cache is: one number for all its elements, or each",
    )
    parser.add_argument(
        "--observe",
        default="",
        metavar="FILE.npz|random",
        help="run the model once in onnxruntime, in a child process, and take the true shapes, trip "
        "counts and branches; needs the weights, or random (extra: ort)",
    )
    parser.add_argument(
        "--observe-limit-s", type=_number, default=60.0, metavar="S", help="seconds that the run may take (default: 60)"
    )
    parser.add_argument(
        "--observe-limit-gb", type=_number, default=8.0, metavar="GB", help="memory that the run may take (default: 8)"
    )
    parser.add_argument(
        "--limit",
        action="append",
        default=[],
        metavar="NAME=N",
        help="nodes, nesting, rank, graph_bytes or value_elements",
    )


def _add_analyze(parser: argparse.ArgumentParser) -> None:
    _add_model_options(parser)
    parser.add_argument("--json", metavar="FILE", help="write the annotated graph; - is stdout")
    parser.add_argument("--plot", metavar="FILE", help="draw the roofline as .svg, .png or .pdf (extra: plot)")
    parser.add_argument("--format", choices=("table", "csv"), default="table", help="what stdout gets (default: table)")
    parser.add_argument(
        "--sweep", metavar="NAME=1..4096", help="analyse at several sizes of a dim and say where placements flip"
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
        "--depth", type=int, default=3, metavar="N", help="levels of the module roll-up, 0 for all (default: 3)"
    )
    parser.add_argument(
        "--convention",
        action="append",
        default=[],
        metavar="NAME",
        help="another counter's total, explained: mac, fvcore, xla, thop, torch, all",
    )
    parser.set_defaults(run="analyze")


def _add_check(parser: argparse.ArgumentParser) -> None:
    _add_model_options(parser)
    parser.add_argument(
        "--max",
        action="append",
        default=[],
        metavar="METRIC=LIMIT",
        help="such as flops=9G, naive_bytes=120MB, parameters=25M, time_s.placement=2ms",
    )
    parser.add_argument("--allow-unknown", action="store_true", help="ops without a rule do not fail the check")
    parser.add_argument(
        "--allow-assumed", action="store_true", help="assumed dims, trip counts and branches do not fail the check"
    )
    parser.set_defaults(run="check")


def _add_explain(parser: argparse.ArgumentParser) -> None:
    _add_model_options(parser)
    parser.add_argument("node", metavar="NODE", nargs="+", help="an op, by its id, its name or a tensor that it makes")
    parser.add_argument("--json", metavar="FILE", help="write the explanations as JSON, a list; - is stdout")
    parser.set_defaults(run="explain")


def _add_hardware(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(dest="hw_command", metavar="COMMAND", required=True, parser_class=_Parser)
    commands.add_parser("list", help="profiles that are shipped").set_defaults(run="hw_list")
    show = commands.add_parser("show", help="the figures of a device or system, each with its source")
    show.add_argument("profile", metavar="NAME|FILE")
    show.set_defaults(run="hw_show")
    lint = commands.add_parser("lint", help="recompute peaks and bandwidths and say which disagree")
    lint.add_argument("profiles", metavar="NAME|FILE", nargs="*", help="default: every shipped device")
    lint.set_defaults(run="hw_lint")


def _number(text: str) -> float | str:
    """A number, or the text as it is: the settings refuse it in their own words."""
    try:
        return float(text)
    except ValueError:
        return text


def settings_of(options: argparse.Namespace) -> "Settings":
    """The settings that a model command's options stand for. Raises UsageError for a text that means nothing."""
    from onnx_roofline.analysis.options import parse_branch, parse_dim, parse_input_shape, parse_trip, parse_value
    from onnx_roofline.analysis.settings import Settings
    from onnx_roofline.load import Limits

    return Settings(
        dims=_unique("--dim", [parse_dim(text) for text in options.dim]),
        input_shapes=_unique("--input-shape", [parse_input_shape(text) for text in options.input_shape]),
        system=options.system,
        assume_dtype=options.assume_dtype,
        trips=_unique("--trip", [parse_trip(text) for text in options.trip]),
        branches=_unique("--branch", [parse_branch(text) for text in options.branch]),
        values=_unique("--value", [parse_value(text) for text in options.value]),
        limits=Limits().override(tuple(options.limit)),
        backend=options.backend,
        pim_model=options.pim_model,
        math=options.math,
        dispatch=options.dispatch,
        objective=options.objective,
        on_chip=options.on_chip,
        residency=not options.no_residency,
        observe=options.observe,
        observe_limit_s=options.observe_limit_s,
        observe_limit_gb=options.observe_limit_gb,
    )


def _unique(option: str, pairs: "Sequence[tuple[str, Any]]") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found and found[name] != value:
            raise UsageError(f"{option} {shown(name, quotes=False)}: found two values, {found[name]} and {value}")
        found[name] = value
    return found
