"""The command `formula`."""

import argparse

from onnx_roofline.base.errors import UsageError
from onnx_roofline.cli.exit_codes import DONE
from onnx_roofline.cli.model_options import settings_of
from onnx_roofline.cli.model_runs import input_files, json_output
from onnx_roofline.cli.outputs import STDOUT, check_outputs, write_output
from onnx_roofline.cli.printing import one_line


def run_formula(options: argparse.Namespace) -> int:
    """What a model costs as exact polynomials of its dims."""
    from onnx_roofline.report.formulas import formula_document, formula_lines
    from onnx_roofline.what_if.formula.fit import fit_over

    if options.depth < 0:
        raise UsageError(f"--depth {options.depth}: wanted 1 or more levels, or 0 for all")
    check_outputs(json_output(options), input_files(options))
    found = fit_over(options.model, settings_of(options), options.over, options.depth)
    if options.json is not None:
        write_output(options.json, [formula_document(found)])
        if options.json == STDOUT:
            return DONE
    for line in formula_lines(found, options.by):
        print(one_line(line) if line else "")
    return DONE
