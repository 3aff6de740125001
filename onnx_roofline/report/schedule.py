"""The placed schedule as CSV for those who execute it: kernels and transfers in order, with operands and bytes."""

import csv
import io
from collections.abc import Iterable, Iterator
from urllib.parse import quote

from onnx_roofline.analysis.analyze import Analysis
from onnx_roofline.analysis.timeline import Span, timeline
from onnx_roofline.ir.records import Kernel, Traffic, TypedOp
from onnx_roofline.ir.tensor_index import TensorIndex

_HEADER = ("order", "kind", "id", "from", "device", "start_s", "end_s", "executions", "bytes", "ops", "names", "inputs",
           "outputs")  # fmt: skip


def write_schedule(analysis: Analysis) -> Iterator[str]:
    """Lines of the CSV, header first. Bytes and times are of all executions.

    Names are percent-encoded, so that a list can be split at its spaces and every name is read back exactly.
    """
    yield _line(_HEADER)
    for order, span in enumerate(timeline(analysis)):
        cells = _transfer(span) if span.kind == "transfer" else _kernel(analysis, span)
        count = int(span.count) if span.count == int(span.count) else span.count
        size = "" if span.bytes is None else span.bytes
        row = (order, span.kind, span.kernel, span.source, span.device, span.start_s, span.end_s, count, size)
        yield _line((*row, *cells))


def _transfer(span: Span) -> tuple[str, ...]:
    tensor = _list([span.tensor])
    return "", "", tensor, tensor


def _kernel(analysis: Analysis, span: Span) -> tuple[str, ...]:
    """Op types and names of the members, then the tensors that the kernel fetches and leaves behind."""
    model = analysis.model
    kernel = model.column(Kernel)[span.kernel]
    ops = [model.column(TypedOp)[key].op for key in kernel.members]
    border = model.whole(TensorIndex).boundary(kernel, model.column(Traffic))
    return _list(op.op_type for op in ops), _list(op.name for op in ops), _list(border.reads), _list(border.writes)


def _list(names: Iterable[str]) -> str:
    return " ".join(map(encoded_name, names))


def encoded_name(name: str) -> str:
    """A name without spaces, quotes and what a spreadsheet would take for a formula; `urllib.parse.unquote` undoes it.

    >>> encoded_name("layer 1/MatMul:0"), encoded_name("=1+1")
    ('layer%201/MatMul:0', '%3D1+1')
    """
    text = quote(name, safe="/:.!$&*+;=@[]()<>|#?", errors="surrogatepass")
    return f"%{ord(text[0]):02X}{text[1:]}" if text.startswith(("=", "+", "-", "@")) else text


def _line(cells: Iterable[object]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow(cells)
    return buffer.getvalue()
