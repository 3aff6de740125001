"""`analyze --sweep`: one model at every combination of sizes, systems and figures."""

import argparse
import gc
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from onnx_roofline.cli.exit_codes import DONE
from onnx_roofline.cli.model_options import settings_of
from onnx_roofline.cli.model_runs import input_files, profile_files
from onnx_roofline.cli.outputs import STDOUT, Output, check_outputs, write_output
from onnx_roofline.cli.printing import one_line, print_first, screen
from onnx_roofline.cli.progress import Progress

if TYPE_CHECKING:
    from onnx_roofline.report.text_table import Table
    from onnx_roofline.what_if.sweep import Sweep


def run_sweep(options: argparse.Namespace, outputs: Sequence[Output]) -> int:
    """A row a point, and where bounds and placements flip between them."""
    from onnx_roofline.report.header import open_bodies
    from onnx_roofline.report.sweeps import first_line, point_table, sweep_document, write_csv
    from onnx_roofline.what_if.axes import SYSTEM, parse_sweeps
    from onnx_roofline.what_if.sweep import sweep

    wanted = parse_sweeps(options.sweep)
    systems = [file for name in wanted.get(SYSTEM, ()) if isinstance(name, str) for file in profile_files(name)]
    check_outputs(outputs, [*input_files(options), *systems])
    if options.plot is not None:
        from onnx_roofline.report.plot.sweep_figure import check_drawable

        check_drawable(options.plot, {name: len(values) for name, values in wanted.items()})
    # Analyses free what they make as they go; looking for cycles would cost a tenth of the time.
    gc.disable()
    with Progress() as progress:
        found = sweep(options.model, settings_of(options), wanted, options.flips, progress)
    print_first(found.basis.notices)
    is_csv = options.format == "csv"
    is_printed = is_csv or STDOUT in (options.json, options.html)
    for line in (first_line(found), *open_bodies(found.open)):
        print(one_line(line), file=sys.stderr if is_printed else sys.stdout)
    if options.json is not None:
        write_output(options.json, [sweep_document(found)])
    if options.html is not None:
        write_output(options.html, _sweep_page(options, found))
    if options.plot is not None:
        from onnx_roofline.report.plot.sweep_figure import draw_sweep

        draw_sweep(options.plot, found)
    if is_csv and STDOUT not in (options.json, options.html):
        sys.stdout.writelines(write_csv(found))
    if is_printed:
        return DONE
    _print(point_table(found, screen(wide=options.wide)), options)
    if options.objective != "latency":
        print(f"optimum: the placement of least {options.objective}, and the time that it takes")
    _print_flips(found, options)
    return DONE


def _print(table: "Table", options: argparse.Namespace) -> None:
    from onnx_roofline.report.text_table import table_lines

    for line in table_lines(table, screen(wide=options.wide)):
        print(line)


def _print_flips(found: "Sweep", options: argparse.Namespace) -> None:
    from onnx_roofline.base.text import visible
    from onnx_roofline.report.sweeps import flip_table
    from onnx_roofline.what_if.sweep_flips import WHATS

    dims = [visible(axis.name) for axis in found.axes if axis.kind == "dim"]
    if not found.flip_axis:
        if dims:
            print(f"flips are looked for along one dim: --flips {' or '.join(dims)}")
        return
    if not found.flips:
        print(f"no kernel changes its device or its bound over {visible(found.flip_axis)}")
        return
    for what in WHATS:
        table = flip_table(found, what, len(found.flips) if options.all else options.top)
        if table.rows:
            _print(table, options)
    if not all(step.is_exact for flip in found.flips for step in flip.steps):
        print("A..B: somewhere in there, where no size in between is valid or the search was cut short")


def _sweep_page(options: argparse.Namespace, found: "Sweep") -> Iterator[str]:
    """The page of the model at the first valid point of the sweep, with all of its points."""
    from onnx_roofline.analysis.analyze import analyze
    from onnx_roofline.report.html.page import write_page
    from onnx_roofline.what_if.axes import settings_at

    first = next(point for point in found.points if not point.refusal)
    return write_page(analyze(options.model, settings_at(settings_of(options), found.axes, first.values)), found)
