"""Which kernel hands which tensor to which: as the placement sees it, through views, without weights and caches."""

from collections.abc import Iterator

from msgspec import Struct

from onnx_roofline.ir.graph import Model
from onnx_roofline.ir.records import Kernel, TypedOp
from onnx_roofline.memory.kv_caches import Caches
from onnx_roofline.placement.kernel_graph import KernelGraph


class KernelEdge(Struct, frozen=True):
    """A tensor from one kernel to another, each by the row id of its root, with the bytes of one execution.

    `maker` is "" for a model input, `reader` is "" for a model output or what a body takes in. `bytes` is None where
    one of them has no place, so that what crosses is unknown.
    """

    maker: str
    reader: str
    tensor: str
    bytes: int | None


def kernel_edges(model: Model) -> Iterator[KernelEdge]:
    """Every edge between kernels: first those that are placed, by maker in file order, then the rest."""
    graph = model.whole(KernelGraph)
    # What follows a product that runs apart is a node of its own, in the kernel all the same.
    ids = (*(item.kernel.id for item in graph.kernels), "", *graph.epilogues)
    for crossing in graph.crossings:
        maker = "" if crossing.producer is None else ids[crossing.producer]
        for reader in dict.fromkeys(ids[node] for node in crossing.consumers):
            if reader != maker or not reader:
                yield KernelEdge(maker, reader, crossing.name, crossing.bytes)
    if graph.refused:
        yield from dict.fromkeys(_edges_of_refused(model, graph))


def _edges_of_refused(model: Model, graph: KernelGraph) -> Iterator[KernelEdge]:
    """What kernels without a time on any device read and make."""
    uses = model.whole(Caches).uses
    rows, kernels = model.column(TypedOp), model.column(Kernel)
    makers = {place: kernels[key].id for place, key in uses.makers.items() if rows[key].role == "compute"}
    for key, row in rows.items():
        reader = kernels[key].id
        for name in filter(None, row.op.inputs):
            root = uses.root(row.scope, name)
            maker = makers.get((row.scope, root), "")
            is_input = not maker and (row.scope, root) not in uses.makers and root not in uses.stored
            if maker != reader and (maker or is_input) and not graph.refused.keys().isdisjoint((maker, reader)):
                yield KernelEdge(maker, reader, root, None)
    for scope, root in sorted(uses.kept):
        if (maker := makers.get((scope, root), "")) in graph.refused:
            yield KernelEdge(maker, "", root, None)
