"""One model through the analysis, and the files that a command on a model reads."""

import argparse
import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from onnx_roofline.base.errors import UsageError
from onnx_roofline.cli.model_options import settings_of
from onnx_roofline.cli.outputs import Output, check_outputs, refuse_inputs
from onnx_roofline.cli.printing import print_warnings
from onnx_roofline.cli.progress import Progress

if TYPE_CHECKING:
    from onnx_roofline.analysis.analyze import Analysis


def analyzed(options: argparse.Namespace, outputs: Sequence[Output] = ()) -> "Analysis":
    """The analysis that a model command's options ask for.

    Raises UsageError before anything is computed where an output is an input, and after it where one is a file of
    external data, which only the model names.
    """
    import gc

    from onnx_roofline.analysis.analyze import analyze
    from onnx_roofline.load.external import external_files

    check_outputs(outputs, input_files(options))
    # One analysis makes many objects and frees almost none: looking for cycles among them costs a fifth of the time.
    gc.disable()
    with Progress() as progress:
        analysis = analyze(options.model, settings_of(options), progress)
    refuse_inputs(outputs, external_files(analysis.model))
    return analysis


def warned(options: argparse.Namespace, outputs: Sequence[Output] = ()) -> "Analysis":
    """As `analyzed`, with the first warnings of the model on stderr."""
    analysis = analyzed(options, outputs)
    print_warnings(analysis)
    return analysis


def refuse_files_of_one(
    options: argparse.Namespace, outputs: Sequence[Output], views: Sequence[str], what: str, named: str
) -> None:
    """Raises UsageError where several are compared and an option shows one."""
    asked = [*(output.option for output in outputs), *views, *(["--format csv"] if options.format == "csv" else [])]
    if asked:
        raise UsageError(f"{asked[0]}: it shows one {what}, and {named}; leave one of them out")


def json_output(options: argparse.Namespace) -> list[Output]:
    """The file that a command's `--json` names, if it does."""
    return [] if options.json is None else [Output("--json", options.json)]


def input_files(options: argparse.Namespace) -> Iterator[str]:
    """The files that a model command reads: the model, and those that its options name."""
    yield options.model
    yield from option_files(options)


def option_files(options: argparse.Namespace) -> Iterator[str]:
    """The files that the options of an analysis name: a system with its devices, a pack, inputs."""
    yield from profile_files(options.system)
    yield options.backend
    if options.observe:
        yield options.observe


def profile_files(name: str) -> Iterator[str]:
    """A system's file, and the files beside it that may be its devices; nothing for a shipped system."""
    if not os.path.isfile(name):
        return
    yield name
    folder = os.path.dirname(os.path.abspath(name))
    yield from (entry.path for entry in os.scandir(folder) if entry.name.endswith((".yaml", ".yml")))
