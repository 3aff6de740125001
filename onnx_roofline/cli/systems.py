"""`analyze --system a,b,c`: one model on several systems, side by side."""

import argparse
import os

from onnx_roofline.base.errors import UsageError
from onnx_roofline.cli.exit_codes import DONE
from onnx_roofline.cli.model_runs import analyzed
from onnx_roofline.cli.outputs import Output
from onnx_roofline.cli.printing import one_line, print_table, print_warnings


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
    asked = [output.option for output in outputs] + views + (["--format csv"] if options.format == "csv" else [])
    if asked:
        raise UsageError(f"{asked[0]}: it shows one system, and --system names {len(names)}; leave one of them out")
    found = [analyzed(argparse.Namespace(**{**vars(options), "system": name})) for name in names]
    print_warnings(*found)
    slugs = ", ".join(analysis.system.slug for analysis in found)
    print(one_line(first_line(found[0], named=f"systems: {slugs}")))
    print_table(HEADERS, [system_row(analysis) for analysis in found])
    return DONE
