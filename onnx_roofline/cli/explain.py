"""The command `explain`."""

import argparse
from typing import TYPE_CHECKING

from onnx_roofline.base.errors import UsageError
from onnx_roofline.cli.exit_codes import DONE
from onnx_roofline.cli.model_runs import json_output, warned
from onnx_roofline.cli.outputs import STDOUT, write_output
from onnx_roofline.cli.printing import one_line, print_first_line

if TYPE_CHECKING:
    from onnx_roofline.analysis.analyze import Analysis

# Kernels that `explain MODEL` lists by the time that they waste.
_WASTED = 7


def run_explain(options: argparse.Namespace) -> int:
    """Ops as a person would explain them."""
    from onnx_roofline.report.explain import explain_documents, explain_op, find_row
    from onnx_roofline.what_if.alternatives import Alternatives

    if not options.node and options.json is not None:
        raise UsageError("--json: it is of single ops; name at least one NODE")
    analysis = warned(options, json_output(options))
    if not options.node:
        return _explain_model(analysis, options)
    keys = [find_row(analysis, wanted) for wanted in options.node]
    if options.json is not None:
        from onnx_roofline.report.encoding import encode_indented

        write_output(options.json, [encode_indented(explain_documents(analysis, keys))])
        if options.json == STDOUT:
            return DONE
    print_first_line(analysis)
    others = Alternatives(analysis)
    for key in keys:
        for line in explain_op(analysis, key, others):
            print(line)
    return DONE


def _explain_model(analysis: "Analysis", options: argparse.Namespace) -> int:
    """What a senior engineer would say of the whole model."""
    from onnx_roofline.lint.lint import lint
    from onnx_roofline.report.explain_model import explain_model, waste_lines
    from onnx_roofline.what_if.changes import gains

    found = gains(options.model, analysis)
    print_first_line(analysis)
    for line in (*explain_model(analysis, found, lint(analysis)), *waste_lines(analysis, _WASTED)):
        print(one_line(line))
    return DONE
