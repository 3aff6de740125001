"""The command `annotate`."""

import argparse

from onnx_roofline.base.errors import UsageError
from onnx_roofline.cli.exit_codes import DONE
from onnx_roofline.cli.model_runs import warned
from onnx_roofline.cli.outputs import STDOUT, Output
from onnx_roofline.cli.printing import one_line, print_first_line


def run_annotate(options: argparse.Namespace) -> int:
    """The model with its figures as metadata of its nodes."""
    from onnx_roofline.report.annotated_model import write_annotated

    if options.output == STDOUT:
        raise UsageError("-o -: a model is not written to stdout; name a file, such as annotated.onnx")
    analysis = warned(options, [Output("-o", options.output)])
    found = write_annotated(analysis, options.output, layers=options.layer_annotations)
    print_first_line(analysis)
    print(one_line(f"{options.output}: metadata on {found.annotated:,} of {found.nodes:,} nodes"))
    return DONE
