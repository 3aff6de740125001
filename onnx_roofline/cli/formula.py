"""The command `formula`."""

import argparse
from typing import TYPE_CHECKING

from onnx_roofline.base.errors import UsageError
from onnx_roofline.cli.exit_codes import DONE
from onnx_roofline.cli.model_options import settings_of
from onnx_roofline.cli.model_runs import input_files, json_output
from onnx_roofline.cli.outputs import STDOUT, check_outputs, write_output
from onnx_roofline.cli.printing import one_line, print_first

if TYPE_CHECKING:
    from onnx_roofline.what_if.formula.ridge import RidgeFlip


def run_formula(options: argparse.Namespace) -> int:
    """What a model costs as exact polynomials of its dims."""
    from onnx_roofline.report.formulas import flip_lines, formula_document, formula_lines
    from onnx_roofline.what_if.formula.fit import fit_over

    if options.depth < 0:
        raise UsageError(f"--depth {options.depth}: wanted 1 or more levels, or 0 for all")
    check_outputs(json_output(options), input_files(options))
    settings = settings_of(options)
    found = fit_over(options.model, settings, options.over, options.depth)
    print_first(found.basis.notices)
    flips: tuple[RidgeFlip, ...] = ()
    if options.flips:
        from onnx_roofline.analysis.analyze import analyze
        from onnx_roofline.what_if.formula.ridge import ridge_flips

        flips = ridge_flips(analyze(options.model, settings), found)
    if options.json is not None:
        write_output(options.json, [formula_document(found, flips)])
        if options.json == STDOUT:
            return DONE
    for line in formula_lines(found, options.by):
        print(one_line(line) if line else "")
    for line in flip_lines(flips) if options.flips else ():
        print(one_line(line) if line else "")
    return DONE
