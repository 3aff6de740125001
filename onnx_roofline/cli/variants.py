"""`analyze --quantize as-exported,w8a8,w4a16`: one model in several precisions, side by side."""

import argparse

from onnx_roofline.base.errors import UsageError
from onnx_roofline.cli.exit_codes import BAD_INPUT, DONE
from onnx_roofline.cli.model_runs import analyzed, refuse_files_of_one
from onnx_roofline.cli.outputs import Output
from onnx_roofline.cli.printing import one_line, print_message, print_table, print_warnings


def run_variants(options: argparse.Namespace, precisions: list[str], outputs: list[Output], views: list[str]) -> int:
    """A row a precision: memory, bytes and time. Those that the model can't have are named below."""
    from onnx_roofline.analysis.precision.spec import precision_of
    from onnx_roofline.report.header import first_line
    from onnx_roofline.report.variants import HEADERS, variant_row

    refuse_files_of_one(options, outputs, views, "precision", f"--quantize names {len(precisions)}")
    for name in precisions:
        precision_of(name)
    found, refused = [], []
    for name in precisions:
        try:
            found.append(analyzed(argparse.Namespace(**{**vars(options), "quantize": [name]})))
        except UsageError as error:
            refused.append(error)
    if not found:
        raise refused[0]
    print_warnings(*found)
    print(one_line(first_line(found[0], named=f"system: {found[0].system.slug}", variants=len(found))))
    print_table(HEADERS, [variant_row(analysis, found[0]) for analysis in found])
    for reason in refused:
        print_message(str(reason))
    return BAD_INPUT if refused else DONE
