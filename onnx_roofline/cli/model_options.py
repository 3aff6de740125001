"""The options of an analysis: what they are called, what they mean, and how their texts become settings."""

import argparse
import re
from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NoReturn

from onnx_roofline.base.errors import UsageError
from onnx_roofline.base.text import shown

if TYPE_CHECKING:
    from onnx_roofline.analysis.settings import Settings


class Parser(argparse.ArgumentParser):
    """argparse that raises what every other refusal raises."""

    def error(self, message: str) -> NoReturn:
        """Raise UsageError with where to look."""
        raise UsageError(f"{message}; see {self.prog} --help")


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
        choices=("full", "roofline"),
        default="full",
        help="time on the PIM: with passes, rows and overheads, or the plain roofline (default: full)",
    )
    parser.add_argument(
        "--objective",
        choices=("latency", "energy", "energy-delay"),
        default="latency",
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
        "--observe-limit-s", type=float, default=60.0, metavar="S", help="seconds that the run may take (default: 60)"
    )
    parser.add_argument(
        "--observe-limit-gb", type=float, default=8.0, metavar="GB", help="memory that the run may take (default: 8)"
    )
    parser.add_argument(
        "--limit",
        action="append",
        default=[],
        metavar="NAME=N",
        help="nodes, nesting, rank, graph_bytes or value_elements",
    )


def settings_of(options: argparse.Namespace) -> "Settings":
    """The settings that a model command's options stand for. Raises UsageError for a text that means nothing."""
    from onnx_roofline.analysis.settings import Settings
    from onnx_roofline.load import Limits, parse_dim, parse_input_shape

    return Settings(
        dims=_unique("--dim", [parse_dim(text) for text in options.dim]),
        input_shapes=_unique("--input-shape", [parse_input_shape(text) for text in options.input_shape]),
        system=options.system,
        assume_dtype=options.assume_dtype,
        trips=_unique("--trip", [_parse_trip(text) for text in options.trip]),
        branches=_unique("--branch", [_parse_branch(text) for text in options.branch]),
        values=_unique("--value", [_parse_value(text) for text in options.value]),
        limits=Limits().override(tuple(options.limit)),
        backend=options.backend,
        pim_model=options.pim_model,
        objective=options.objective,
        on_chip=_parse_on_chip(options.on_chip),
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


def _parse_on_chip(text: str) -> str:
    """Bytes as text, `unlimited`, or "" for what the profiles say."""
    from onnx_roofline.base.quantities import parse_quantity

    if text in ("", "unlimited"):
        return text
    try:
        size = parse_quantity(text)
    except ValueError as error:
        raise UsageError(f"--on-chip {text}: {error}, or unlimited") from None
    return str(int(size))


def _parse_trip(text: str) -> tuple[str, int]:
    """`1:Loop=32` -> ("1:Loop", 32)."""
    name, _, count = text.rpartition("=")
    if not name or not re.fullmatch(r"[0-9]{1,18}", count):
        raise UsageError(
            f"--trip {shown(text)}: wanted NODE=N with a whole number of up to 18 digits, such as --trip 1:Loop=32"
        )
    return name, int(count)


def _parse_value(text: str) -> tuple[str, tuple[int, ...]]:
    """`total_sequence_length=129` -> ("total_sequence_length", (129,)); `offsets=0,4,9` has three numbers."""
    name, _, numbers = text.rpartition("=")
    if not name or not re.fullmatch(r"-?[0-9]{1,19}(,-?[0-9]{1,19})*", numbers):
        raise UsageError(
            f"--value {shown(text)}: wanted NAME=N or NAME=N,N,... with whole numbers, such as --value past_length=128"
        )
    return name, tuple(int(number) for number in numbers.split(","))


def _parse_branch(text: str) -> tuple[str, Fraction]:
    """`0:If.then=0.5` -> ("0:If.then", 1/2). Digits are few: Fraction computes the power of ten of any exponent."""
    name, _, share = text.rpartition("=")
    form = r"[0-9]{1,18}(/0*[1-9][0-9]{0,17}|(\.[0-9]{0,18})?([eE][+-]?[0-9]{1,2})?)|\.[0-9]{1,18}"
    probability = Fraction(share) if re.fullmatch(form, share) else Fraction(-1)
    if name.rpartition(".")[2] not in ("then", "else") or not 0 <= probability <= 1:
        raise UsageError(
            f"--branch {shown(text)}: wanted then=P or NODE.then=P with P from 0 to 1, such as --branch 0:If.then=0.5"
        )
    return name, probability
