"""Which kernel hands which tensor to which, as the placement sees it: through views, without weights and caches."""

from collections.abc import Iterator

from msgspec import Struct

from onnx_roofline.ir.graph import Model
from onnx_roofline.placement.kernel_graph import KernelGraph


class KernelEdge(Struct, frozen=True):
    """A tensor from one kernel to another, each by the row id of its root, with the bytes of one execution.

    `maker` is "" for a model input, `reader` is "" for a model output or what a body takes in.
    """

    maker: str
    reader: str
    tensor: str
    bytes: int


def kernel_edges(model: Model) -> Iterator[KernelEdge]:
    """Every edge between kernels that are placed, by maker in file order."""
    graph = model.whole(KernelGraph)
    # What follows a product that runs apart is a node of its own, in the kernel all the same.
    ids = (*(item.kernel.id for item in graph.kernels), "", *graph.epilogues)
    for crossing in graph.crossings:
        maker = "" if crossing.producer is None else ids[crossing.producer]
        for reader in dict.fromkeys(ids[node] for node in crossing.consumers):
            if reader != maker or not reader:
                yield KernelEdge(maker, reader, crossing.name, crossing.bytes)
