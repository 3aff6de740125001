"""The files that `analyze` writes: one row each, with the option, what it says, and the function that makes the text.

A format is a module with a function from an Analysis to parts of text, and a row here; nothing else names it.
"""

import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from onnx_roofline.analysis.analyze import Analysis


class Format(Struct, frozen=True):
    """An output: `writer` is MODULE:FUNCTION inside this package, imported when a file is asked for."""

    option: str
    help: str
    writer: str

    @property
    def name(self) -> str:
        """The option as a variable: `model_explorer`."""
        return self.option.removeprefix("--").replace("-", "_")

    def parts(self, analysis: "Analysis") -> Iterable[str]:
        """The text of the file, in parts."""
        module, _, function = self.writer.partition(":")
        found = importlib.import_module(f"onnx_roofline.report.{module}")
        writer: Callable[[Analysis], Iterable[str]] = getattr(found, function)
        return writer(analysis)


FORMATS = (
    Format("--html", "write the report as one page that needs no network", "html.page:write_page"),
    Format("--json", "write the annotated graph as JSON; here and below, - is stdout", "document:write_document"),
    Format("--mlir", "write the graph as MLIR, each op with its figures", "mlir.analysis:write_mlir"),
    Format("--trace", "write the placed schedule for Perfetto or chrome://tracing", "trace:write_trace"),
    Format("--schedule", "write the placed schedule as CSV: kernels and transfers in order, with start and end, "
           "operands and bytes", "schedule:write_schedule"),
    Format("--device-map", "write which device runs each node, as onnxruntime lists its assignment (JSON)",
           "device_map:write_device_map"),
    Format("--netron", "write an attachment for Netron: figures of the nodes that have a name", "netron:write_netron"),
    Format("--model-explorer", "write node data for Model Explorer: devices", "model_explorer:write_devices"),
    Format("--model-explorer-times", "write node data for Model Explorer: times", "model_explorer:write_times"),
    Format("--graphml", "write the graph with its figures as GraphML", "graphml:write_graphml"),
    Format("--dot", "write the graph as DOT, coloured by device", "dot:write_dot"),
    Format("--unindp", "write the products of the kernels as a workload of UniNDP, a PIM simulator (CSV)",
           "unindp:write_unindp"),
)  # fmt: skip


def asked_for(paths: Mapping[str, object]) -> Iterator[tuple[Format, str]]:
    """The formats of which `paths` has a file, by their names; "-" is stdout."""
    for one in FORMATS:
        path = paths.get(one.name)
        if isinstance(path, str):
            yield one, path
