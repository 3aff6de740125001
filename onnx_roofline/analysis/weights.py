"""Parameters and weight bytes of the whole model, of each op, and of any group of ops.

A weight is a stored tensor that feeds arithmetic. A floating-point or 8-bit tensor is one by its type, unless it is a
lone literal; a wider integer, a boolean or a scalar is one where an op computes with it: as an operand that its rule
names, or as a float after a cast. Parameters are logical elements at any packing, bytes are what the file stores.

A buffer that scattered rows go into is none, and neither is what no file stores, such as a tensor of zeros, but for
what onnx.tools.replace_constants leaves in place of a weight.

An op has what it reads, through ops that depend on stored values alone; a Q or DQ op's weights are those of the op it
folds into. A weight that several ops share is in each of them, and once in their total.
"""

from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct

from onnx_roofline.ir.graph import Graph, Model, Op, StoredTensor, nested_graphs
from onnx_roofline.ir.records import Folding, TypedOp, Work
from onnx_roofline.ops.cost.lookup import traits_of

Name = tuple[str, str]

# Ends the name of the shape of a tensor that onnx.tools.replace_constants has filled in place of a weight.
_STAND_IN = "__SHAPE"


class Held(Struct, frozen=True):
    """Parameters, as logical elements, and the bytes that hold them; None is unknown."""

    parameters: int
    weight_bytes: int | None


class Weights(Struct, frozen=True):
    """Every weight once by its key, and the keys of those that each op reads, by row."""

    found: Mapping[object, Held]
    by_row: Mapping[str, frozenset[object]]

    def of(self, rows: Iterable[str]) -> Held:
        """What these rows read together, each weight once."""
        return _sum(self.found[key] for key in frozenset[object]().union(*(self.by_row.get(row, ()) for row in rows)))

    @property
    def total(self) -> Held:
        """All of the model's."""
        return _sum(self.found.values())

    def holds(self, stored: StoredTensor) -> bool:
        """Whether a stored tensor is a weight."""
        return _key(stored) in self.found


def find_weights(model: Model) -> Weights:
    """The weights of a model whose ops have been counted."""
    sources = _Sources(model)
    rows, works, foldings = model.column(TypedOp), model.column(Work), model.column(Folding)
    found: dict[object, Held] = {}
    for stored in (*_all_stored(model), *sources.filled.values()):
        if stored.is_weight:
            found[_key(stored)] = _held(stored, stored.type.elements)
    by_row: dict[str, set[object]] = {}
    buffers: set[object] = set()
    # Rows that read what a vanished row would have restored.
    takers: dict[str, list[str]] = {}
    for key, folding in foldings.items():
        for restorer in folding.restored_by if not folding.folded_into else ():
            takers.setdefault(restorer, []).append(key)
    for key, row in rows.items():
        if row.bodies:
            continue
        if traits_of(row.op).updates_at:
            buffers.update(_key(stored) for stored, _ in sources.of((row.scope, row.op.inputs[0])))
        if row.role != "compute":
            continue
        for position, name in enumerate(row.op.inputs):
            if position == 0 and traits_of(row.op).updates_at:
                continue
            for stored, reader in sources.of((row.scope, name)):
                elements = _as_parameter(stored, row, works[key], position)
                if elements is None:
                    continue
                if elements != stored.type.elements or _key(stored) not in found:
                    found[_key(stored)] = _held(stored, elements)
                reader = reader or key
                folded_into = foldings[reader].folded_into
                for taker in (folded_into and takers.get(reader)) or (folded_into or reader,):
                    by_row.setdefault(taker, set()).add(_key(stored))
    for unread in buffers.difference(*by_row.values()):
        found.pop(unread, None)
    return Weights(found, {key: frozenset(keys) for key, keys in by_row.items()})


def _as_parameter(stored: StoredTensor, row: TypedOp, work: Work, position: int) -> int | None:
    """Logical elements of a stored tensor as an op's operand; None where the op does not compute with it."""
    operand, elements = row.inputs[position], stored.type.elements
    stated = work.parameters[position] if position < len(work.parameters) else None
    if stated is not None and operand is not None and operand.elements:
        # A literal inside a computation of a scale is none of the scale's elements.
        is_literal = elements == 1 and operand.elements != 1
        return None if is_literal else (elements or 0) * stated // operand.elements
    if stored.is_weight:
        return elements
    is_number = "float" not in stored.type.dtype and stored.type.dtype != "string" and (elements or 0) > 1
    computes = work.counts is not None and work.counts.flops and operand is not None and "float" in operand.dtype
    return elements if is_number and computes else None


class _Sources:
    """The stored tensors whose values arrive at a name, unchanged, rearranged, or computed from them alone."""

    def __init__(self, model: Model) -> None:
        self._rows, self._works = model.column(TypedOp), model.column(Work)
        self._graphs: dict[str, Graph] = {"": model.graph}
        self._callers: dict[str, list[TypedOp]] = {}
        self._makers: dict[Name, str] = {}
        # Results that are computed from their operands: no stored value arrives at them as it is.
        self._computed: set[Name] = set()
        for key, row in self._rows.items():
            if self._computes(key, row):
                self._computed.update([(row.scope, name) for name in row.op.outputs])
            else:
                self._makers.update([((row.scope, name), key) for name in row.op.outputs if name])
            for body in row.bodies:
                op = row.op
                graph = op.bodies[body.attribute] if op.function is None else model.functions[op.function].graph
                self._graphs[body.scope] = graph
                self._callers.setdefault(body.scope, []).append(row)
        self._formals = {
            scope: {item.name: position for position, item in enumerate(graph.inputs)}
            for scope, graph in self._graphs.items()
        }
        # Tensors of one repeated value that stand for weights, which no file stores and memory does, by row.
        self.filled = {
            key: StoredTensor(row.outputs[0], None, is_constant_node=True, alias=(key, -1, -1))
            for key, row in self._rows.items()
            if row.role == "constant" and row.op.op_type == "ConstantOfShape" and row.op.inputs[0].endswith(_STAND_IN)
        }
        self._known: dict[Name, dict[object, tuple[StoredTensor, str]]] = {}

    def _computes(self, key: str, row: TypedOp) -> bool:
        """Whether an op does more than hand on the values of its first operand."""
        counts = self._works[key].counts
        moves = counts is not None and not counts.operations and not row.bodies and row.op.inputs
        return row.role == "compute" and not moves

    def of(self, name: Name) -> Iterable[tuple[StoredTensor, str]]:
        """(stored tensor, the first op on the way that runs, "" where none does)."""
        if name in self._computed:
            return ()
        known = self._known.get(name)
        if known is None:
            known = self._known[name] = self._collected(name)
        return known.values()

    def _collected(self, name: Name) -> dict[object, tuple[StoredTensor, str]]:
        """What is found on all ways back from a name; what another name was asked for before is not looked at again."""
        own, sources, _ = self._step(name)
        if not sources:
            return {_key(stored): (stored, "") for stored in own}
        found: dict[object, tuple[StoredTensor, str]] = {}
        pending: list[tuple[Name, str]] = [(name, "")]
        seen = {name}
        while pending:
            current, after = pending.pop()
            if current in self._computed:
                continue
            before = self._known.get(current)
            if before is not None:
                for key, (stored, first) in before.items():
                    found.setdefault(key, (stored, first or after))
                continue
            own, sources, runs = self._step(current)
            # The op nearest to the file is the one that reads.
            reader = runs or after
            for stored in own:
                found.setdefault(_key(stored), (stored, reader))
            pending.extend((item, reader) for item in sources if item not in seen)
            seen.update(sources)
        return found

    def _step(self, name: Name) -> tuple[tuple[StoredTensor, ...], tuple[Name, ...], str]:
        """(what is stored under a name, the names that it comes from, the op that runs to make it)."""
        scope, tensor = name
        maker = self._makers.get(name)
        if maker is not None:
            row = self._rows[maker]
            if row.role != "compute":
                own = self.filled.get(maker)
                return (own,) if own is not None else tuple(_tensors_of(row.op)), _carried(row), ""
            return (), ((scope, row.op.inputs[traits_of(row.op).updates_at]),), maker
        graph = self._graphs[scope]
        stored = graph.stored.get(tensor)
        if stored is not None:
            return (stored,), (), ""
        position = self._formals[scope].get(tensor)
        callers = self._callers.get(scope, ())
        if position is not None:
            passed = (row for row in callers if position < len(row.op.inputs))
            return (), tuple((row.scope, row.op.inputs[position]) for row in passed), ""
        return (), tuple((row.scope, tensor) for row in callers if row.op.function is None), ""


def _carried(row: TypedOp) -> tuple[Name, ...]:
    """Names whose values are in the results of an op on stored values: not those of its axes, shapes and indices."""
    made = {kind.dtype for kind in row.outputs}
    same = [position for position, kind in enumerate(row.inputs) if kind is not None and kind.dtype in made]
    if not any("float" in dtype for dtype in made):
        # Integers may be indices: those beside the first operand are data where they have as many axes.
        ranks = [None if kind is None or kind.shape is None else len(kind.shape) for kind in row.inputs]
        same = [position for position in same if position == 0 or ranks[position] == ranks[0]]
    if traits_of(row.op).updates_at:
        same = [position for position in same if position]
    elif not same and row.inputs and row.inputs[0] is not None and row.outputs[0].elements == row.inputs[0].elements:
        # A cast: as many elements of another type.
        same = [0]
    return tuple((row.scope, row.op.inputs[position]) for position in same)


def _all_stored(model: Model) -> Iterator[StoredTensor]:
    """Every tensor that the file holds, in graphs, bodies, functions and Constant nodes."""
    for graph in nested_graphs((model.graph, *(function.graph for function in model.functions.values()))):
        yield from graph.stored.values()
        for op in graph.ops:
            if op.outputs:
                yield from _tensors_of(op)


def _tensors_of(op: Op) -> Iterator[StoredTensor]:
    """The value of a Constant."""
    if op.op_type == "Constant":
        yield from (value for value in op.attributes.values() if isinstance(value, StoredTensor))


def _key(stored: StoredTensor) -> object:
    """What tells one weight from another: the bytes of an external file, the op that fills it, else the tensor."""
    return id(stored) if stored.alias is None else stored.alias


def _held(stored: StoredTensor, elements: int | None) -> Held:
    return Held(elements or 0, stored.stored_bytes)


def _sum(weights: Iterable[Held]) -> Held:
    parameters, size = 0, 0
    is_known = True
    for weight in weights:
        parameters += weight.parameters
        size += weight.weight_bytes or 0
        is_known = is_known and weight.weight_bytes is not None
    return Held(parameters, size if is_known else None)
