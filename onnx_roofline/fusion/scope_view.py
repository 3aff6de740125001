"""One scope as fusion sees it: the ops that move data, with views taken out from between them."""

from collections.abc import Mapping, Sequence, Set

from msgspec import Struct, field

from onnx_roofline.ir.graph import Graph, Model, TensorType, op_reads
from onnx_roofline.ir.records import TypedOp, Work
from onnx_roofline.ops.cost.lookup import traits_of

ABSENT = -1


class ScopeView(Struct):
    """Nodes and tensors of a scope by number, nodes in graph order.

    `inputs` and `outputs` are tensors by operand position (ABSENT: none), `reshaped` says that a view lies on the way.
    `producer` is ABSENT for a tensor that no node makes. `barrier` marks a node that no kernel executes: a call of a
    body. `kept` are outputs of the graph, `measured` tensors whose shape an op asks for. `before` and `after` are the
    nodes that a node waits for and that wait for it.
    """

    keys: list[str] = field(default_factory=list)
    rows: list[TypedOp] = field(default_factory=list)
    works: list[Work] = field(default_factory=list)
    types: list[str] = field(default_factory=list)
    inputs: list[tuple[int, ...]] = field(default_factory=list)
    reshaped: list[tuple[bool, ...]] = field(default_factory=list)
    outputs: list[tuple[int, ...]] = field(default_factory=list)
    barrier: list[bool] = field(default_factory=list)
    before: list[tuple[int, ...]] = field(default_factory=list)
    after: list[list[int]] = field(default_factory=list)
    producer: list[int] = field(default_factory=list)
    constant: list[bool] = field(default_factory=list)
    readers: list[list[int]] = field(default_factory=list)
    kept: set[int] = field(default_factory=set)
    measured: set[int] = field(default_factory=set)

    def label(self, node: int) -> str:
        """`Add 12:Add`, as reasons name an op."""
        return f"{self.types[node]} {self.keys[node]}"

    def input_type(self, node: int, slot: int) -> TensorType | None:
        """What the node reads there."""
        kinds = self.rows[node].inputs
        return kinds[slot] if slot < len(kinds) else None


def views_by_scope(model: Model) -> dict[str, ScopeView]:
    """The view of every scope of a model that has been counted, by scope prefix."""
    works = model.column(Work)
    rows_by_scope: dict[str, list[tuple[str, TypedOp]]] = {}
    graphs: dict[str, Graph] = {"": model.graph}
    constants: dict[str, set[str]] = {"": set(model.graph.stored)}
    inner: list[tuple[str, str]] = []  # (scope of an op, scope of a body of it that can capture), innermost first
    for key, row in model.column(TypedOp).items():
        rows_by_scope.setdefault(row.scope, []).append((key, row))
        if row.role != "compute":
            constants.setdefault(row.scope, set()).update(row.op.outputs)
        for body in row.bodies:
            if body.attribute in row.op.bodies:
                graphs[body.scope] = row.op.bodies[body.attribute]
                inner.append((row.scope, body.scope))
            elif row.op.function is not None:
                graphs[body.scope] = model.functions[row.op.function].graph
            if body.scope in graphs:
                constants.setdefault(body.scope, set()).update(graphs[body.scope].stored)
    for scope, body_scope in reversed(inner):
        constants[body_scope].update(constants.get(scope, set()).intersection(graphs[body_scope].free_names))
    return {
        scope: _Builder(graphs.get(scope), constants.get(scope, set())).build(rows, works)
        for scope, rows in rows_by_scope.items()
    }


class _Builder:
    def __init__(self, graph: Graph | None, constants: Set[str]) -> None:
        self.view = ScopeView()
        self.graph = graph
        self.constants = constants  # names that are stored or follow from stored values, here or where captured from
        self.tensors: dict[str, int] = {}
        self.shapes: dict[int, tuple[int | None, ...] | None] = {}
        self.waits: dict[str, tuple[int, ...]] = {}  # nodes that a view's other operands come from, by its result

    def build(self, rows: Sequence[tuple[str, TypedOp]], works: Mapping[str, Work]) -> ScopeView:
        for key, row in rows:
            work = works[key]
            runs_body = row.role == "compute" and bool(row.bodies or row.op.function is not None)
            is_answer = not work.moves_data and work.aliases is None and not runs_body
            if row.role != "compute" or is_answer:
                if traits_of(row.op).asks_shape:
                    self.view.measured.update(self._tensor(name) for name in row.op.inputs)
                for name in row.op.outputs:
                    self._new_tensor(name, ABSENT, constant=True)
            elif work.moves_data or runs_body:
                self._add_node(key, row, work, runs_body)
            else:
                self._add_alias(row, work.aliases or 0)
        if self.graph is not None:
            self.view.kept = {self._tensor(output.name) for output in self.graph.outputs}
        return self.view

    def _new_tensor(self, name: str, producer: int, *, constant: bool) -> int:
        view = self.view
        number = len(view.producer)
        view.producer.append(producer)
        view.constant.append(constant)
        view.readers.append([])
        if name:
            self.tensors[name] = number
        return number

    def _tensor(self, name: str) -> int:
        if not name:
            return ABSENT
        found = self.tensors.get(name)
        if found is None:
            found = self._new_tensor(name, ABSENT, constant=name in self.constants)
        return found

    def _add_node(self, key: str, row: TypedOp, work: Work, runs_body: bool) -> None:
        view, op = self.view, row.op
        node = len(view.keys)
        inputs = tuple(map(self._tensor, op.inputs))
        read = dict.fromkeys(map(self._tensor, op_reads(op)) if op.bodies else inputs)
        read.pop(ABSENT, None)
        waits = dict.fromkeys(number for name in op.inputs for number in self.waits.get(name, ())) if self.waits else {}
        for tensor in read:
            if view.producer[tensor] != ABSENT:
                waits[view.producer[tensor]] = None
        view.keys.append(key)
        view.rows.append(row)
        view.works.append(work)
        view.types.append(op.qualified_type)
        view.inputs.append(inputs)
        made = self.shapes
        reshaped = [
            kind is not None and tensor in made and made[tensor] != kind.shape
            for tensor, kind in zip(inputs, row.inputs, strict=True)
        ]
        view.reshaped.append(tuple(reshaped))
        view.barrier.append(runs_body)
        view.before.append(tuple(waits))
        view.after.append([])
        for number in waits:
            view.after[number].append(node)
        for tensor in read:
            view.readers[tensor].append(node)
        outputs = []
        for name, kind in zip(op.outputs, row.outputs, strict=True):
            tensor = self._new_tensor(name, node, constant=False)
            self.shapes[tensor] = kind.shape
            outputs.append(tensor)
        view.outputs.append(tuple(outputs))

    def _add_alias(self, row: TypedOp, aliased: int) -> None:
        op = row.op
        source = self._tensor(op.inputs[aliased]) if op.inputs else ABSENT
        waits = dict.fromkeys(number for name in op.inputs for number in self.waits.get(name, ()))
        for name in (*op.inputs[:aliased], *op.inputs[aliased + 1 :]):
            tensor = self._tensor(name)
            if tensor != ABSENT and self.view.producer[tensor] != ABSENT:
                waits[self.view.producer[tensor]] = None
        for position, name in enumerate(op.outputs):
            if not name:
                continue
            if position == 0 and source != ABSENT:
                self.tensors[name] = source
            else:
                self._new_tensor(name, ABSENT, constant=source == ABSENT)
            if waits:
                self.waits[name] = tuple(waits)
