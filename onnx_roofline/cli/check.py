"""The command `check`."""

import argparse

from onnx_roofline.base.errors import UsageError
from onnx_roofline.cli.exit_codes import BROKEN, DONE
from onnx_roofline.cli.model_runs import analyzed
from onnx_roofline.cli.printing import one_line, print_warnings


def run_check(options: argparse.Namespace) -> int:
    """Whether a model is within its limits."""
    from onnx_roofline.ci.assumptions import refuse_assumed, refuse_open_limits
    from onnx_roofline.ci.limits import broken_limits, parse_limit

    limits = tuple(parse_limit(text) for text in options.max)
    if not limits:
        raise UsageError("found no limit to check; add one, such as --max flops=9G")
    analysis = analyzed(options)
    name = analysis.model.info.path
    if not options.allow_assumed:
        refuse_assumed(analysis)
        refuse_open_limits(analysis, limits)
    print_warnings(analysis)
    lines = [broken.message for broken in broken_limits(analysis, limits)]
    summary = analysis.summary
    if summary.unknown_ops and not options.allow_unknown:
        types = ", ".join(summary.unknown_op_types[:5])
        lines.append(f"{summary.unknown_ops:,} ops have no figure ({types}); --allow-unknown accepts them")
    for line in lines:
        print(one_line(f"{name}: {line}"))
    if lines:
        return BROKEN
    held = f"{len(limits)} limit{'' if len(limits) == 1 else 's'} held"
    print(one_line(f"{name}: {held}, {summary.ops - summary.unknown_ops:,} of {summary.ops:,} ops with figures"))
    return DONE
