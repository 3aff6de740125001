"""The placed schedule in Chrome's trace event format, which Perfetto and chrome://tracing open.

A process a device and one for the link, times in microseconds of whole nanoseconds; counters hold what a kernel
achieves while it runs.
Source: "Trace Event Format", Duflot et al., Chromium documents: complete, counter, flow and metadata events.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from onnx_roofline.analysis.analyze import Analysis
from onnx_roofline.analysis.timeline import Span, overlapped, timeline
from onnx_roofline.base.text import visible
from onnx_roofline.ir.kernel_work import KernelWork
from onnx_roofline.ir.placed_records import Placement
from onnx_roofline.ir.records import Kernel, Live, TypedOp
from onnx_roofline.report.encoding import encode

# A device runs one kernel at a time, in one thread.
_THREAD = 1
# Processes of one schedule: two devices and the link.
_PROCESSES = 3


def write_trace(analysis: Analysis) -> Iterator[str]:
    """The trace, an event a line."""
    yield '{"displayTimeUnit":"ns","otherData":'
    system = visible(analysis.system.name)
    yield encode({"what": "predicted, not measured", "system": system})
    yield ',"traceEvents":[\n'
    before = ""
    for event in _events(analysis):
        yield before + encode(event)
        before = ",\n"
    yield "\n]}\n"


def _events(analysis: Analysis) -> Iterator[dict[str, Any]]:
    """The placement one after the other, then what both devices at once would take, in processes of their own."""
    yield from _schedule(analysis, timeline(analysis), 0, "")
    together = overlapped(analysis)
    if together:
        yield from _schedule(analysis, together, _PROCESSES, "both at once: ")


def _schedule(analysis: Analysis, spans: Sequence[Span], first: int, title: str) -> Iterator[dict[str, Any]]:
    processes = {device.slug: pid for pid, device in enumerate(analysis.system.devices, first + 1)}
    names = {processes[device.slug]: device.name for device in analysis.system.devices}
    link = first + _PROCESSES
    if analysis.system.link is not None:
        names[link] = "link"
    for pid, name in names.items():
        yield _metadata("process_name", pid, name=visible(title + name))
        yield _metadata("process_sort_index", pid, sort_index=pid)
    ends = {span.kernel: span for span in spans if span.kind == "kernel"}
    lanes = _Lanes()
    for number, span in enumerate(spans):
        if span.kind == "transfer":
            lane = lanes.place(span)
            yield _transfer(span, link, lane)
            yield from _flow(2 * number + (first > 0), span, ends.get(span.kernel), processes, (link, lane))
        else:
            yield _kernel(analysis, span, processes[span.device])
            yield from _counters(analysis, span, processes[span.device])
    for pid in processes.values():
        yield _metadata("thread_name", pid, name="kernels")
    for lane in range(1, lanes.count + 1):
        yield {**_metadata("thread_name", link, name="transfers"), "tid": lane}


class _Lanes:
    """Threads of the link: slices of one thread must not overlap, and transfers may."""

    def __init__(self) -> None:
        self._ends: list[float] = []

    @property
    def count(self) -> int:
        return len(self._ends)

    def place(self, span: Span) -> int:
        """The first thread that is free when a transfer starts; transfers come by their start."""
        for lane, end in enumerate(self._ends):
            if end <= span.start_s:
                self._ends[lane] = span.end_s
                return lane + 1
        self._ends.append(span.end_s)
        return len(self._ends)


def _kernel(analysis: Analysis, span: Span, pid: int) -> dict[str, Any]:
    model = analysis.model
    kernel, placement = model.column(Kernel)[span.kernel], model.column(Placement)[span.kernel]
    rows = model.column(TypedOp)
    op = rows[span.kernel].op
    work = model.column(KernelWork)[span.kernel]
    details = {
        "kernel": span.kernel,
        "name": visible(op.name),
        "module": visible(op.module),
        "ops": ", ".join(visible(rows[key].op.op_type) for key in kernel.members),
        "fusion": kernel.pattern,
        "executions": span.count,
        "time_of_one_s": placement.time_s,
        "operations": work.total_operations,
        "moved_bytes": work.moved_bytes(span.device),
        "bound": placement.devices[span.device].bound,
        "why here": placement.reason,
        "regret": placement.regret,
    }
    return _complete("kernel", visible(op.op_type), span, (pid, _THREAD), details)


def _transfer(span: Span, pid: int, lane: int) -> dict[str, Any]:
    details = {"tensor": visible(span.tensor), "bytes": span.bytes, "from": span.source, "to": span.device}
    return _complete("transfer", visible(span.tensor), span, (pid, lane), details)


def _complete(category: str, name: str, span: Span, place: tuple[int, int], details: dict[str, Any]) -> dict[str, Any]:
    """A slice at a place: process and thread."""
    start, end = round(span.start_s * 1e9), round(span.end_s * 1e9)
    times = {"ts": start / 1e3, "dur": (end - start) / 1e3}
    return {"ph": "X", "cat": category, "name": name, **times, "pid": place[0], "tid": place[1], "args": details}


def _flow(
    id_: int, span: Span, maker: Span | None, processes: Mapping[str, int], link: tuple[int, int]
) -> Iterator[dict[str, Any]]:
    """An arrow from the kernel that makes a tensor to its transfer; a model input has none."""
    if maker is None:
        return
    common = {"cat": "transfer", "name": "tensor", "id": id_}
    yield {"ph": "s", **common, "ts": _us(maker.start_s), "pid": processes[maker.device], "tid": _THREAD}
    yield {"ph": "f", "bp": "e", **common, "ts": _us(span.start_s), "pid": link[0], "tid": link[1]}


def _counters(analysis: Analysis, span: Span, pid: int) -> Iterator[dict[str, Any]]:
    """What a kernel achieves, from its start on, and nothing from its end on."""
    if not span.duration_s:
        return
    work = analysis.model.column(KernelWork)[span.kernel]
    operations = 0 if work.total_operations is None else work.total_operations * span.count
    for at, share in ((span.start_s, 1.0), (span.end_s, 0.0)):
        for name, amount in (("GFLOP/s", operations), ("GB/s", span.bytes or 0)):
            achieved = share * amount / span.duration_s / 1e9
            yield {"ph": "C", "name": name, "ts": _us(at), "pid": pid, "args": {"value": achieved}}
    if not analysis.model.column(TypedOp)[span.kernel].scope:
        alive = analysis.model.column(Live)[span.kernel].bytes
        if alive is not None:
            yield {"ph": "C", "name": "activations alive, MB", "ts": _us(span.start_s), "pid": pid,
                   "args": {"value": alive / 1e6}}  # fmt: skip


def _metadata(what: str, pid: int, **values: object) -> dict[str, Any]:
    return {"ph": "M", "name": what, "pid": pid, "tid": _THREAD, "args": values}


def _us(seconds: float) -> float:
    """Microseconds of a time, at a whole nanosecond: a reader that keeps those drops slices that then overlap."""
    return round(seconds * 1e9) / 1e3
