"""The products of the kernels as a workload of UniNDP, a compiler and simulator of near-data processing.

A line is `name,mm,M,K,N,B`: M vectors of K elements against a resident [K, N], B times. Source: workload/README.md and
process_workload.sh of github.com/thu-nics/UniNDP. The script cuts the last character of each line, which is a carriage
return in its own files, and wants an empty line first.
"""

import re
from collections.abc import Iterator

from onnx_roofline.analysis.analyze import Analysis
from onnx_roofline.ir.kernel_work import KernelWork
from onnx_roofline.ir.records import Executions, Kernel, TypedOp

_END = "\r\n"


def write_unindp(analysis: Analysis) -> Iterator[str]:
    """A line a product of every kernel that runs, in order; it says nothing of how often a loop runs it."""
    model = analysis.model
    rows, executions = model.column(TypedOp), model.column(Executions)
    yield _END
    for key, kernel in model.column(Kernel).items():
        if kernel.id != key or not executions[key].count:
            continue
        for number, product in enumerate(model.column(KernelWork)[key].products):
            name = _name(key, number, rows[key].op.name)
            sizes = (product.vectors, product.depth, product.outputs, product.batch)
            yield ",".join((name, "mm", *map(str, sizes))) + _END


def _name(key: str, number: int, label: str) -> str:
    """A name that is a file's name too: letters, digits and underscores, unique by the row id that it begins with."""
    parts = [key, *([str(number)] if number else []), label]
    return re.sub(r"[^A-Za-z0-9]+", "_", "_".join(filter(None, parts))).strip("_")[:100]
