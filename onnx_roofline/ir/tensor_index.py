"""Who makes and who reads each tensor, with views seen through: what the traffic of kernels rests on."""

import heapq
from collections.abc import Iterator, Mapping

from msgspec import Struct, field

from onnx_roofline.ir.graph import Graph, Model, nested_graphs, op_reads
from onnx_roofline.ir.records import Kernel, Traffic, TypedOp, Work


class Boundary(Struct, frozen=True):
    """Bytes of the tensors that cross the border of a kernel: those it fetches, and those it leaves behind."""

    reads: dict[str, int] = field(default_factory=dict)
    writes: dict[str, int] = field(default_factory=dict)


def _is_view(row: TypedOp, work: Work) -> bool:
    """Whether the results of an op are the bytes of an operand under another name."""
    return row.role == "compute" and work.aliases is not None and bool(row.op.inputs) and not row.bodies


def scope_outputs(model: Model) -> Iterator[tuple[str, str]]:
    """(scope, name) of each output of the main graph and of every body that a row runs."""
    yield from (("", output.name) for output in model.graph.outputs)
    for row in model.column(TypedOp).values():
        for body in row.bodies:
            op = row.op
            graph = op.bodies[body.attribute] if op.function is None else model.functions[op.function].graph
            yield from ((body.scope, output.name) for output in graph.outputs)


class TensorIndex(Struct, frozen=True, eq=False):
    """Which tensor a name stands for once views are seen through, who makes it, and who reads it, by scope.

    There is one of a model: `model.whole(TensorIndex)`, from the op count on. `kept` are the outputs of graphs and
    bodies, `stored` the names that files keep.
    """

    graph: Graph
    rows: Mapping[str, TypedOp]
    works: Mapping[str, Work]
    roots: dict[tuple[str, str], str] = field(default_factory=dict)
    makers: dict[tuple[str, str], str] = field(default_factory=dict)
    readers: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    kept: set[tuple[str, str]] = field(default_factory=set)
    stored: set[str] = field(default_factory=set)
    # By scope of a body the scope around it, and what the body captures.
    _outer: dict[str, tuple[str, frozenset[str]]] = field(default_factory=dict)

    @classmethod
    def of(cls, model: Model, works: Mapping[str, Work]) -> "TensorIndex":
        """The index of a model whose shapes are known; `works` are the rows of the op count."""
        rows = model.column(TypedOp)
        found = cls(model.graph, rows, works)
        for row in rows.values():
            for body in row.bodies if row.op.function is None else ():
                found._outer[body.scope] = row.scope, frozenset(row.op.bodies[body.attribute].free_names)
        for key, row in rows.items():
            is_view = _is_view(row, works[key])
            for name in row.op.outputs:
                if name and is_view:
                    found.roots[row.scope, name] = found.root(row.scope, row.op.inputs[works[key].aliases or 0])
                elif name:
                    found.makers[row.scope, name] = key
            # What asks for a shape reads no byte of the tensor.
            if row.role != "compute" or not (works[key].moves_data or row.bodies):
                continue
            for name in op_reads(row.op):
                found.readers.setdefault((row.scope, found.root(row.scope, name)), set()).add(key)
        for graph in nested_graphs((model.graph, *(function.graph for function in model.functions.values()))):
            found.stored.update(graph.stored)
        found.kept.update((scope, found.root(scope, name)) for scope, name in scope_outputs(model))
        return found

    def root(self, scope: str, name: str) -> str:
        """The tensor whose bytes a name stands for; a name that a body captures is that of the graph around it."""
        while (found := self.roots.get((scope, name))) is None:
            around = self._outer.get(scope)
            if around is None or name not in around[1]:
                return name
            scope = around[0]
        return found

    def leaves(self, scope: str, name: str, members: frozenset[str]) -> bool:
        """Whether a tensor is needed outside a group of rows: read there, an output, or captured by a body."""
        root = self.root(scope, name)
        readers = self.readers.get((scope, root))
        return (scope, root) in self.kept or (readers is not None and not readers <= members)

    def boundary(self, kernel: Kernel, traffics: Mapping[str, Traffic]) -> Boundary:
        """What a kernel fetches and leaves behind, each tensor once."""
        rows = self.rows
        members = frozenset(kernel.members)
        found = Boundary()
        for key in kernel.members:
            row, traffic = rows[key], traffics[key]
            for name, size in zip(row.op.inputs, traffic.read_bytes, strict=True):
                if not size:
                    continue
                root = self.root(row.scope, name)
                if size > found.reads.get(root, 0) and self.makers.get((row.scope, root)) not in members:
                    found.reads[root] = size
            for name, size in zip(row.op.outputs, traffic.write_bytes, strict=True):
                if size and self.leaves(row.scope, name, members):
                    found.writes[self.root(row.scope, name)] = size
        return found

    def schedule(self, kernels: Mapping[str, Kernel]) -> dict[str, list[str]]:
        """By scope the kernel ids in the order of `steps`."""
        found = ((scope, [key for key in keys if kernels[key].id]) for scope, keys in self.steps(kernels).items())
        return {scope: keys for scope, keys in found if keys}

    def steps(self, kernels: Mapping[str, Kernel]) -> dict[str, list[str]]:
        """By scope the kernel ids, and the rows that run bodies or lie in place, in the order in which they run.

        Every step comes after those whose results it needs. Of the steps that can run the one that stands first in the
        file runs. A kernel can't run at its first op's place: its other ops may need what comes later.
        """
        rows, works = self.rows, self.works
        place: dict[str, int] = {}
        waits: dict[str, set[str]] = {}
        # What must have run before a tensor is there: nothing for a shape, which is known without the tensor it is of;
        # for a view all that its operands need.
        needed: dict[tuple[str, str], set[str]] = {}
        for position, (key, row) in enumerate(rows.items()):
            if row.role != "compute":
                continue
            scope, before = row.scope, set[str]()
            for name in op_reads(row.op):
                before.update(needed.get((scope, name), ()))
            if not works[key].moves_data and not row.bodies:
                # An answer that follows from a shape waits for nothing.
                if _is_view(row, works[key]):
                    needed.update([((scope, name), before) for name in row.op.outputs])
                continue
            step = kernels[key].id or key
            if step not in waits:
                place[step], waits[step] = position, set()
            before.discard(step)
            waits[step] |= before
            own = {step}
            needed.update([((scope, name), own) for name in row.op.outputs])
        after: dict[str, list[str]] = {}
        for name, makers in waits.items():
            for maker in makers:
                after.setdefault(maker, []).append(name)
        open_count = {name: len(makers) for name, makers in waits.items()}
        ready = [(place[name], name) for name, count in open_count.items() if not count]
        heapq.heapify(ready)
        order: dict[str, list[str]] = {}
        while ready:
            _, name = heapq.heappop(ready)
            order.setdefault(rows[name].scope, []).append(name)
            for follower in after.get(name, ()):
                open_count[follower] -= 1
                if not open_count[follower]:
                    heapq.heappush(ready, (place[follower], follower))
        assert not any(open_count.values()), "fusion makes no kernels that wait for each other"
        return order
