"""`analyze --system a,b,c`: one model on several systems, side by side."""

import argparse
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from onnx_roofline.base.errors import UsageError
from onnx_roofline.cli.exit_codes import DONE
from onnx_roofline.cli.model_runs import analyzed, refuse_files_of_one
from onnx_roofline.cli.outputs import Output
from onnx_roofline.cli.printing import one_line, print_first, print_table

if TYPE_CHECKING:
    from onnx_roofline.analysis.analyze import Analysis
    from onnx_roofline.ir.graph import Notice


def several(text: str) -> tuple[str, ...]:
    """The systems that an option names: `a,b` are two, unless a file has that name.

    >>> several("teaching"), several("teaching, papi")
    (('teaching',), ('teaching', 'papi'))
    """
    if "," not in text or os.path.isfile(text):
        return (text,)
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    if not all(names):
        raise UsageError(f"--system {text}: found an empty name, wanted NAME,NAME")
    return names


def run_systems(options: argparse.Namespace, outputs: list[Output], views: list[str]) -> int:
    """A row a system: times, bytes, memory and placement."""
    from onnx_roofline.report.header import first_line
    from onnx_roofline.report.systems import HEADERS, system_row

    names = several(options.system)
    refuse_files_of_one(options, outputs, views, "system", f"--system names {len(names)}")
    found = [analyzed(argparse.Namespace(**{**vars(options), "system": name})) for name in names]
    _print_warnings(found)
    slugs = ", ".join(analysis.system.slug for analysis in found)
    print(one_line(first_line(found[0], named=f"systems: {slugs}", beside=found[1:])))
    print_table(HEADERS, [system_row(analysis) for analysis in found])
    return DONE


def _print_warnings(found: "Sequence[Analysis]") -> None:
    """The warnings of all systems once, then what is said of some, with their names."""
    said: dict[Notice, list[str]] = {}
    for analysis in found:
        for notice in analysis.model.warnings:
            said.setdefault(notice, []).append(analysis.system.slug)
    print_first([notice for notice, names in said.items() if len(names) == len(found)])
    print_first([replace(notice, where=f"{', '.join(names)}: {notice.where}") for notice, names in said.items()
                 if len(names) < len(found)])  # fmt: skip
