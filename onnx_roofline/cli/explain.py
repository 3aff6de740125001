"""The command `explain`."""

import argparse
import sys

from onnx_roofline.cli.exit_codes import DONE
from onnx_roofline.cli.model_runs import analyzed
from onnx_roofline.cli.outputs import STDOUT, Output
from onnx_roofline.cli.printing import one_line, print_warnings


def run_explain(options: argparse.Namespace) -> int:
    """Ops as a person would explain them."""
    from onnx_roofline.report.explain import explain_documents, explain_op, find_row
    from onnx_roofline.report.header import first_line
    from onnx_roofline.what_if.alternatives import Alternatives

    analysis = analyzed(options, [Output("--json", options.json)] if options.json is not None else [])
    print_warnings(analysis)
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
