"""Where quantised tensors reach: which names still stand for the result of a DequantizeLinear, and who can use that.

A tensor is read as it was written. What a DequantizeLinear restores stays quantised through ops that only rearrange,
select or scale it, until an op needs it in floating point: a product, which restores the numbers as it reads them,
arithmetic between Q and DQ, or an op that needs the float tensor, which the DequantizeLinear then has to write.
"""

from collections.abc import Iterator, Mapping

from msgspec import Struct, field

from onnx_roofline.ir.graph import Graph, Model, captured_names
from onnx_roofline.ir.records import TypedOp
from onnx_roofline.ir.tensor_index import scope_outputs
from onnx_roofline.ops.cost.lookup import traits_of

# (scope, tensor): where a tensor is made.
Place = tuple[str, str]

# Element types of tensors that are not quantised.
PLAIN_FLOATS = ("float16", "bfloat16", "float32", "float64")


class Names(Struct, frozen=True, eq=False):
    """Who makes and who reads each tensor, names in bodies resolved to the graph that they are captured from.

    `readers` are the rows that read bytes of a tensor; an op that runs bodies reads its own inputs alone, since the
    rows of its bodies stand for what they capture.
    """

    rows: Mapping[str, TypedOp]
    makers: dict[Place, str] = field(default_factory=dict)
    readers: dict[Place, list[str]] = field(default_factory=dict)
    kept: set[Place] = field(default_factory=set)
    _graphs: dict[str, Graph] = field(default_factory=dict)
    _outer: dict[str, tuple[str, frozenset[str]]] = field(default_factory=dict)
    _callers: dict[str, list[TypedOp]] = field(default_factory=dict)

    @classmethod
    def of(cls, model: Model) -> "Names":
        """The names of a model whose shapes are known."""
        found = cls(model.column(TypedOp))
        found._graphs[""] = model.graph
        for key, row in found.rows.items():
            found.makers.update(((row.scope, name), key) for name in row.op.outputs if name)
            for body in row.bodies:
                if row.op.function is None:
                    graph = row.op.bodies[body.attribute]
                    found._outer[body.scope] = row.scope, frozenset(graph.free_names)
                else:
                    graph = model.functions[row.op.function].graph
                    found._callers.setdefault(body.scope, []).append(row)
                found._graphs[body.scope] = graph
        for key, row in found.rows.items():
            if row.role != "compute" or traits_of(row.op).asks_shape:
                continue
            captured = captured_names(row.op) if row.op.bodies and not row.bodies else ()
            for name in dict.fromkeys((*(name for name in row.op.inputs if name), *captured)):
                found.readers.setdefault(found.place(row.scope, name), []).append(key)
        found.kept.update(found.place(scope, name) for scope, name in scope_outputs(model))
        return found

    @property
    def graphs(self) -> Mapping[str, Graph]:
        """The graph of each scope."""
        return self._graphs

    def place(self, scope: str, name: str) -> Place:
        """Where a name is made, seen from a scope."""
        while (outer := self._outer.get(scope)) is not None and name in outer[1]:
            scope = outer[0]
        return scope, name

    def inputs(self, row: TypedOp) -> Iterator[tuple[int, Place]]:
        """(position, place) of each input that is given."""
        for position, name in enumerate(row.op.inputs):
            if name:
                yield position, self.place(row.scope, name)

    def is_stored(self, place: Place) -> bool:
        """Whether a tensor follows from what the file stores: it is there before the first run."""
        pending, seen = [place], {place}
        while pending:
            scope, name = current = pending.pop()
            maker = self.makers.get(current)
            if maker is not None:
                if self.rows[maker].role == "compute":
                    return False
                continue
            graph, callers = self._graphs[scope], self._callers.get(scope)
            if name in graph.stored:
                continue
            formals = [one.name for one in graph.inputs]
            if callers is None or name not in formals:
                return False
            at = formals.index(name)
            for caller in callers:
                if at >= len(caller.op.inputs) or not caller.op.inputs[at]:
                    return False
                source = self.place(caller.scope, caller.op.inputs[at])
                if source not in seen:
                    seen.add(source)
                    pending.append(source)
        return True
