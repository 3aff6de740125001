"""The command `explain`."""

import argparse
import sys
from typing import TYPE_CHECKING

from onnx_roofline.base.errors import UsageError
from onnx_roofline.cli.exit_codes import DONE
from onnx_roofline.cli.model_runs import analyzed
from onnx_roofline.cli.outputs import STDOUT, Output
from onnx_roofline.cli.printing import one_line, print_warnings

if TYPE_CHECKING:
    from onnx_roofline.analysis.analyze import Analysis

# Kernels that `explain MODEL` lists by the time that they waste.
_WASTED = 7


def run_explain(options: argparse.Namespace) -> int:
    """Ops as a person would explain them."""
    from onnx_roofline.report.explain import explain_documents, explain_op, find_row
    from onnx_roofline.report.header import first_line
    from onnx_roofline.what_if.alternatives import Alternatives

    if not options.node and options.json is not None:
        raise UsageError("--json: it is of single ops; name at least one NODE")
    analysis = analyzed(options, [Output("--json", options.json)] if options.json is not None else [])
    print_warnings(analysis)
    if not options.node:
        return _explain_model(analysis, options)
    keys = [find_row(analysis, wanted) for wanted in options.node]
    if options.json is not None:
        from onnx_roofline.report.encoding import encode_indented
        from onnx_roofline.report.files import write_atomically

        text = encode_indented(explain_documents(analysis, keys))
        if options.json == STDOUT:
            sys.stdout.write(text)
            return DONE
        write_atomically(options.json, [text])
    print(one_line(first_line(analysis)))
    others = Alternatives(analysis)
    for key in keys:
        for line in explain_op(analysis, key, others):
            print(line)
    return DONE


def _explain_model(analysis: "Analysis", options: argparse.Namespace) -> int:
    """What a senior engineer would say of the whole model."""
    from onnx_roofline.lint.lint import lint
    from onnx_roofline.report.explain_model import explain_model, waste_lines
    from onnx_roofline.report.header import first_line
    from onnx_roofline.what_if.changes import gains

    found = gains(options.model, analysis)
    print(one_line(first_line(analysis)))
    for line in (*explain_model(analysis, found, lint(analysis)), *waste_lines(analysis, _WASTED)):
        print(one_line(line))
    return DONE
