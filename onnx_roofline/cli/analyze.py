"""The command `analyze`."""

import argparse
import os
import sys
from typing import TYPE_CHECKING

from onnx_roofline.analysis.precision.spec import several as several_precisions
from onnx_roofline.base.errors import UsageError
from onnx_roofline.cli.exit_codes import DONE
from onnx_roofline.cli.model_runs import warned
from onnx_roofline.cli.outputs import STDOUT, Output, write_output
from onnx_roofline.cli.printing import one_line, print_first_line, print_table, screen
from onnx_roofline.cli.sweeps import run_sweep
from onnx_roofline.cli.systems import run_systems, several
from onnx_roofline.cli.variants import run_variants

if TYPE_CHECKING:
    from onnx_roofline.analysis.analyze import Analysis

# Figures named in one line of those that were not varied.
SHOWN_FIGURES = 6
# Outputs that can show a sweep; the others are of one size of the model.
_OF_A_SWEEP = ("--json", "--html", "--plot")


def _refuse_what_shows_nothing(options: argparse.Namespace) -> None:
    """Raise UsageError for a number of rows below none, and for options of which one would be left out silently."""
    if options.top < 1:
        raise UsageError(f"--top {options.top}: wanted 1 or more")
    if options.depth is not None and options.depth < 0:
        raise UsageError(f"--depth {options.depth}: wanted 1 or more levels, or 0 for all")
    views = _views(options)
    if len(views) > 1:
        raise UsageError(f"found {' and '.join(views)}: each prints a report of its own; run one after the other")
    if options.format == "csv" and views and views not in (["--convention"], ["--sweep"]):
        raise UsageError(f"--format csv: {views[0]} has no CSV; leave one of them out, or write --json FILE")
    if options.flips is not None and not options.sweep:
        raise UsageError("--flips: it names a dim of a --sweep; add one")
    single = [output.option for output in _outputs(options) if output.option not in _OF_A_SWEEP]
    if options.sweep and single:
        raise UsageError(f"{single[0]}: it shows one size of the model, and --sweep is of many; leave one of them out")


def _views(options: argparse.Namespace) -> list[str]:
    names = ("--sweep", "--convention", "--sensitivity", "--explain-traffic")
    return [name for name in names if getattr(options, name[2:].replace("-", "_"))]


def _outputs(options: argparse.Namespace) -> list[Output]:
    from onnx_roofline.report.formats import asked_for

    files = [Output(one.option, path) for one, path in asked_for(vars(options))]
    files += [Output(f"--output {name}", path) for name, path in _own_outputs(options)]
    return files if options.plot is None else [*files, Output("--plot", options.plot)]


def _own_outputs(options: argparse.Namespace) -> list[tuple[str, str]]:
    """The outputs of plugins that are asked for: (name, file)."""
    from onnx_roofline.plugin import output_of

    pairs = [text.partition("=") for text in options.output]
    for name, separator, _ in pairs:
        if not separator:
            raise UsageError(f"--output {name}: wanted NAME=FILE")
        output_of(name)
    return [(name, path) for name, _, path in pairs]


def run_analyze(options: argparse.Namespace) -> int:
    """What each op of a model costs and where it should run; of several models, a row each."""
    from onnx_roofline.cli.many_models import named_models, refuse_options_of_many, run_many

    _refuse_what_shows_nothing(options)
    paths = named_models(options.models)
    if len(paths) != 1 or os.path.isdir(options.models[0]) or options.parquet is not None:
        return run_many(options, paths)
    refuse_options_of_many(options)
    options.model = paths[0]
    precisions = [str(one) for one in several_precisions(options.quantize)]
    systems = several(options.system)
    if len(systems) > 1:
        if len(precisions) > 1:
            raise UsageError("--quantize: found several variants and several systems; a table has one of them as rows")
        return run_systems(options, _outputs(options), _views(options))
    options.system = systems[0]
    if len(precisions) > 1:
        return run_variants(options, precisions, _outputs(options), _views(options))
    if options.convention:
        from onnx_roofline.report.conventions import expand

        options.convention = expand(options.convention)
    if options.sweep:
        return run_sweep(options, _outputs(options))
    analysis = warned(options, _outputs(options))
    is_printed = _write_formats(analysis, options)
    if options.plot is not None:
        from onnx_roofline.report.plot.points import draw_analysis

        draw_analysis(analysis, options.plot)
    if is_printed:
        return DONE
    if options.convention:
        return _print_conventions(analysis, options)
    if options.sensitivity:
        return _print_sensitivity(analysis)
    if options.explain_traffic:
        from onnx_roofline.report.explain import explain_traffic, find_row

        for key in [find_row(analysis, wanted) for wanted in options.explain_traffic]:
            for line in explain_traffic(analysis, key):
                print(line)
        return DONE
    if options.format == "csv":
        from onnx_roofline.report.csv_table import write_csv

        sys.stdout.writelines(write_csv(analysis))
        return DONE
    from onnx_roofline.report.table import Shown, render

    shown = Shown(None if options.all else options.top, options.depth, options.order)
    for line in render(analysis, screen(wide=options.wide), shown):
        print(line)
    return DONE


def _write_formats(analysis: "Analysis", options: argparse.Namespace) -> bool:
    """Write the files that are asked for; whether one of them was stdout, which then has nothing else."""
    from onnx_roofline.report.formats import asked_for

    is_printed = False
    for one, path in asked_for(vars(options)):
        is_printed = is_printed or path == STDOUT
        write_output(path, one.parts(analysis))
    for name, path in _own_outputs(options):
        from onnx_roofline.plugin import output_of

        made = output_of(name)(analysis)
        is_printed = is_printed or path == STDOUT
        write_output(path, [made] if isinstance(made, str) else made)
    return is_printed


def _print_sensitivity(analysis: "Analysis") -> int:
    from onnx_roofline.base.quantities import format_si
    from onnx_roofline.ir.placed_records import PlacementSummary
    from onnx_roofline.report.header import without_time
    from onnx_roofline.what_if.sensitivity import assumed_figures, sensitivities

    summary = analysis.model.whole(PlacementSummary)
    unit = {"latency": "s", "energy": "J"}.get(summary.objective_name, "")
    found = sensitivities(analysis)
    rows = [
        (row.path, format_si(row.half, unit), format_si(row.twice, unit),
         *("–" if moved is None else f"{moved:,}" for moved in (row.moved_at_half, row.moved_at_twice)))
        for row in found
    ]  # fmt: skip
    left_out = f", + {without_time(summary.untimed_kernels)}" if summary.untimed_kernels else ""
    optimum = f"optimum {format_si(summary.objective, unit)}{left_out} on {analysis.system.slug}"
    print(f"{optimum}; its assumed figures, one by one:")
    if analysis.system.pim is not None and found:
        deciding = [row.path for row in found if row.moved]
        most = f", {deciding[0]} most" if deciding else ""
        print(f"{len(deciding)} of {len(found)} {'moves' if len(deciding) == 1 else 'move'} kernels{most}")
    print_table(("assumed figure", "optimum at half", "optimum at twice", "moved at half", "moved at twice"), rows)
    for reason, paths in assumed_figures(analysis)[1].items():
        shown = ", ".join(paths[:SHOWN_FIGURES]) + (f" and {len(paths) - SHOWN_FIGURES} more"
                                                    if len(paths) > SHOWN_FIGURES else "")  # fmt: skip
        print(f"not varied, {reason}: {shown}")
    return DONE


def _print_conventions(analysis: "Analysis", options: argparse.Namespace) -> int:
    from onnx_roofline.report.conventions import HEADERS, headline, rows, write_csv
    from onnx_roofline.what_if.other_counters import count

    found = [count(analysis, name) for name in options.convention]
    if options.format == "csv":
        sys.stdout.writelines(write_csv(found))
        return DONE
    print_first_line(analysis)
    for total in found:
        print(f"\n{one_line(headline(total))}")
        print_table(HEADERS, rows(total))
    return DONE
