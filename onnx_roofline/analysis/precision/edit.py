"""Changes of a model's graphs that are collected and made at once: ops and stored tensors come and go, names change.

Ops that are there keep their ids; new ones are numbered behind the last, wherever they stand.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from msgspec import Struct, field
from msgspec.structs import replace

from onnx_roofline.inference.onnx_library import new_node, with_names
from onnx_roofline.ir.graph import Graph, GraphInput, Model, Op, StoredTensor, TensorType, nested_graphs

if TYPE_CHECKING:
    from onnx_roofline.ir.graph import Array

# Q and DQ ops in blocks and of 4-bit integers, and those that came later. Source: ONNX QuantizeLinear-21, -23, -25.
_OPSET = 21
_LATER = {"float4e2m1": 23, "int2": 25, "uint2": 25}


class GraphEdit(Struct):
    """What is to change in one graph; ops by id. `reads` and `makes` are the new names by position, by op."""

    graph: Graph
    first: list[Op] = field(default_factory=list)
    behind: dict[str, list[Op]] = field(default_factory=dict)
    removed: set[str] = field(default_factory=set)
    reads: dict[str, dict[int, str]] = field(default_factory=dict)
    makes: dict[str, dict[int, str]] = field(default_factory=dict)
    stored: dict[str, StoredTensor] = field(default_factory=dict)
    dropped: set[str] = field(default_factory=set)
    retyped: dict[str, str] = field(default_factory=dict)
    next_index: int = 0

    def new_op(
        self, op_type: str, inputs: tuple[str, ...], output: str, module: str, attributes: Mapping[str, int]
    ) -> Op:
        """A Q or DQ op, which is yet to be put somewhere."""
        index, self.next_index = self.next_index, self.next_index + 1
        types = [self.stored[name].type.dtype for name in inputs if name in self.stored]
        return Op(
            id=f"{index}:{op_type}",
            index=index,
            name="",
            op_type=op_type,
            domain="",
            version=max(_LATER.get(dtype, _OPSET) for dtype in (*types, "")),
            inputs=inputs,
            outputs=(output,),
            attributes=dict(attributes),
            module=module,
            proto=new_node(op_type, inputs, (output,), attributes),
            is_inserted=True,
        )

    def read(self, op: Op, position: int, name: str) -> None:
        """Let an op read another tensor."""
        self.reads.setdefault(op.id, {})[position] = name

    def make(self, op: Op, position: int, name: str) -> None:
        """Let an op make its result under another name."""
        self.makes.setdefault(op.id, {})[position] = name

    def hold(self, name: str, dtype: str, shape: tuple[int, ...], value: "Array | None" = None) -> str:
        """Add a stored tensor; its name."""
        self.stored[name] = StoredTensor(TensorType(dtype, shape), value)
        return name

    def changed(self, rebuilt: Mapping[int, Graph]) -> Graph:
        """The graph with all changes; `rebuilt` has those of bodies by the identity of what they replace."""
        ops = list(self.first)
        for op in self.graph.ops:
            if op.id not in self.removed:
                ops.append(self._changed_op(op, rebuilt))
            ops += self.behind.get(op.id, ())
        kept = {name: item for name, item in self.graph.stored.items() if name not in self.dropped}
        return replace(
            self.graph,
            ops=tuple(ops),
            inputs=self._retyped(self.graph.inputs),
            outputs=self._retyped(self.graph.outputs),
            stored={**kept, **self.stored},
            # What the file declares is of its own types.
            declared={name: one for name, one in self.graph.declared.items() if name not in self.retyped},
        )

    def _changed_op(self, op: Op, rebuilt: Mapping[int, Graph]) -> Op:
        bodies = {name: rebuilt.get(id(body), body) for name, body in op.bodies.items()}
        if any(bodies[name] is not body for name, body in op.bodies.items()):
            op = replace(op, bodies=bodies)
        if reads := self.reads.get(op.id):
            # An optional input may come behind those that the op has.
            given = op.inputs + ("",) * (max(reads) + 1 - len(op.inputs))
            op = with_names(op, tuple(reads.get(at, name) for at, name in enumerate(given)), op.outputs)
        if makes := self.makes.get(op.id):
            op = with_names(op, op.inputs, tuple(makes.get(at, name) for at, name in enumerate(op.outputs)))
        return op

    def _retyped(self, items: Iterable[GraphInput]) -> tuple[GraphInput, ...]:
        return tuple(
            replace(one, type=replace(one.type, dtype=self.retyped[one.name])) if one.name in self.retyped else one
            for one in items
        )


class ModelEdit:
    """The changes of all graphs of a model."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._graphs = nested_graphs((model.graph, *(function.graph for function in model.functions.values())))
        self._edits: dict[int, GraphEdit] = {}
        self._names = {name for graph in self._graphs for name in _names_of(graph)}

    def of(self, graph: Graph) -> GraphEdit:
        """The changes of one graph."""
        found = self._edits.get(id(graph))
        if found is None:
            found = GraphEdit(graph, next_index=max((op.index for op in graph.ops), default=-1) + 1)
            self._edits[id(graph)] = found
        return found

    def new_name(self, wanted: str) -> str:
        """A name that no tensor has."""
        while wanted in self._names:
            wanted += "_"
        self._names.add(wanted)
        return wanted

    def changed(self, model: Model) -> Model:
        """A model of the same graphs with the changes made."""
        rebuilt: dict[int, Graph] = {}
        # Bodies stand behind the graphs whose ops run them.
        for graph in reversed(self._graphs):
            inside = any(id(body) in rebuilt for op in graph.ops for body in op.bodies.values())
            if inside or id(graph) in self._edits:
                rebuilt[id(graph)] = self.of(graph).changed(rebuilt)
        functions = {
            key: replace(function, graph=rebuilt.get(id(function.graph), function.graph))
            for key, function in model.functions.items()
        }
        return replace(model, graph=rebuilt.get(id(model.graph), model.graph), functions=functions)


def _names_of(graph: Graph) -> Iterable[str]:
    yield from (one.name for one in graph.inputs)
    yield from graph.stored
    yield from (name for op in graph.ops for name in op.outputs)
