"""The options of an analysis: what they are called, what they mean, and how their texts become settings."""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from onnx_roofline.base.errors import UsageError
from onnx_roofline.base.text import did_you_mean, shown
from onnx_roofline.cli.option_groups import GROUP_OF, GROUPS

if TYPE_CHECKING:
    from onnx_roofline.analysis.settings import Settings


class Parser(argparse.ArgumentParser):
    """argparse that raises what every other refusal raises, and lists options that belong together in one section."""

    _sections: dict[str, argparse._ArgumentGroup] | None = None

    def add_argument(self, *names: str, **how: Any) -> argparse.Action:
        """As argparse does, in the option's section."""
        title = GROUP_OF.get(names[-1])
        if title is None:
            return super().add_argument(*names, **how)
        if self._sections is None:
            self._sections = {one: self.add_argument_group(one) for one in GROUPS}
        return self._sections[title].add_argument(*names, **how)

    def format_help(self) -> str:
        """As argparse does, with a usage that names what is required; the sections have the options."""
        if self.usage is None:
            formatter = self._get_formatter()
            wanted = [one for one in self._actions if one.required or not one.option_strings]
            formatter.add_usage(None, wanted, [], prefix="")
            self.usage = formatter.format_help().strip().replace(self.prog, "%(prog)s [options]", 1)
        return super().format_help()

    def error(self, message: str) -> NoReturn:
        """Raise UsageError with where to look."""
        raise UsageError(f"{message}; see {self.prog} --help")

    def parse_known_args(self, args=None, namespace=None):  # type: ignore[no-untyped-def]
        """As argparse does, with operands behind options as well: `explain MODEL --system NAME NODE`."""
        found, extras = super().parse_known_args(args, namespace)
        open_ended = [one for one in self._actions if not one.option_strings and one.nargs in ("*", "+")]
        if open_ended and extras and not any(text.startswith("-") for text in extras):
            (operands,) = open_ended
            setattr(found, operands.dest, [*(getattr(found, operands.dest) or ()), *extras])
            extras = []
        unknown = next((text.partition("=")[0] for text in extras if text.startswith("--")), None)
        if unknown is not None:
            self.error(f"found no option {unknown}{did_you_mean(unknown, self._option_string_actions, listed=False)}")
        return found, extras


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """The options of an analysis, whatever its models are called."""
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
        help="GPU, PIM and link, by name or file; analyze takes several, joined by commas (default: teaching; see "
        "onnx-roofline hw list)",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="PATH=NUMBER",
        help="another figure of the system for this run, in its profile's unit, such as h100-sxm.launch_us=0",
    )
    parser.add_argument(
        "--assume-dtype", default="", metavar="DTYPE", help="cost floating tensors at this width, such as float16"
    )
    parser.add_argument(
        "--quantize",
        action="append",
        default=[],
        metavar="KIND=TYPE,...",
        help="take weights, cache or activations in another precision, such as "
        "weights=int4,cache=float8e4m3fn,activations=float16,group=128; or w4a16, w8a8, fp8; analyze compares several",
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
        metavar="full|roofline|NAME",
        help="time on the PIM: with passes, rows and overheads, the plain roofline, or a plugin's (default: full)",
    )
    parser.add_argument(
        "--math",
        default="",
        metavar="tf32|fp32|bf16x3",
        help="in what float32 products and convolutions run on a GPU (default: tf32 for compiler and ort, else fp32)",
    )
    parser.add_argument(
        "--dispatch",
        default="graph",
        metavar="graph|eager",
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
        "--cache",
        action="append",
        default=[],
        metavar="IN=OUT",
        help="take an input for a cache of keys and values, and an output for what this run makes of it",
    )
    parser.add_argument(
        "--no-cache",
        action="append",
        default=[],
        metavar="NAME",
        help="take an input for no cache, whatever it is called",
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
        "--plugin",
        action="append",
        default=[],
        metavar="FILE.py",
        help="read rules, passes, PIM time models and outputs of your own from a file of Python",
    )
    parser.add_argument("--no-plugins", action="store_true", help="leave out the plugins of installed packages")
    parser.add_argument(
        "--limit",
        action="append",
        default=[],
        metavar="NAME=N",
        help="nodes, nesting, rank, graph_bytes or value_elements",
    )


def _number(text: str) -> float | str:
    """A number, or the text as it is: the settings refuse it in their own words."""
    try:
        return float(text)
    except ValueError:
        return text


def settings_of(options: argparse.Namespace) -> "Settings":
    """The settings that a model command's options stand for. Raises UsageError for a text that means nothing."""
    from onnx_roofline.analysis.options import (
        parse_branch,
        parse_cache,
        parse_dim,
        parse_figure,
        parse_input_shape,
        parse_trip,
        parse_value,
    )
    from onnx_roofline.analysis.precision.spec import one_precision
    from onnx_roofline.analysis.settings import Settings
    from onnx_roofline.load import Limits

    return Settings(
        dims=_unique("--dim", [parse_dim(text) for text in options.dim]),
        input_shapes=_unique("--input-shape", [parse_input_shape(text) for text in options.input_shape]),
        system=options.system,
        figures=_unique("--set", [parse_figure(text) for text in options.set]),
        assume_dtype=options.assume_dtype,
        quantize=one_precision(options.quantize),
        trips=_unique("--trip", [parse_trip(text) for text in options.trip]),
        branches=_unique("--branch", [parse_branch(text) for text in options.branch]),
        caches=_unique("--cache", [parse_cache(text) for text in options.cache]),
        no_caches=tuple(options.no_cache),
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
