"""A graph as MLIR in generic form: `"onnx.Conv"(%x, %w, %b) {...} : (...) -> ...`, in the form that onnx-mlir gives it.

Weights are `dense_resource` without bytes. If, Loop and Scan hold their bodies as regions, a model-local function is a
`func.func` for each signature that it is called with, and `loc("...")` is the name of the node. Every op of another
domain is an `onnx.Custom`. What MLIR has no place for stands in `onnx_roofline.*` attributes: names of tensors, the
module of an op, the versions of the opsets.
"""

from collections import ChainMap
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from msgspec import Struct, field

from onnx_roofline.ir.graph import Graph, Op, StoredTensor, TensorType
from onnx_roofline.report.annotations import PREFIX
from onnx_roofline.report.mlir.syntax import (
    Resources,
    array,
    attribute,
    dictionary,
    identifier,
    integer,
    location_text,
    stored_tensor,
    string,
    tensor_type,
    type_attribute,
    unique,
)

# The regions of If in the onnx dialect's order.
_BRANCHES = ("then_branch", "else_branch")
# Ops of the onnx dialect with a type where ONNX has its number.
_TYPE_ATTRIBUTES = {("Cast", "to")}


class Call(Struct, frozen=True):
    """A function: its graph, the scope that it runs in, its symbol, and its key in the file ("" for the main graph)."""

    graph: Graph
    scope: str
    symbol: str
    key: str = ""


class Source(Protocol):
    """What the writer asks of what it writes; `None` stands for an absent value or type."""

    def op(self, scope: str, op: Op) -> Op:
        """The op as it is in a scope, with the attributes that a call gives."""
        ...

    def kind(self, scope: str, name: str) -> TensorType | None:
        """The type of a tensor of a scope, as far as it is certain; None for an input that the call leaves out."""
        ...

    def function(self, scope: str, op: Op) -> Call:
        """The function that an op calls."""
        ...

    def body(self, scope: str, op: Op, attribute: str) -> str:
        """The scope of a body of an op."""
        ...

    def figures(self, scope: str, op: Op) -> Mapping[str, str]:
        """The op's figures as attributes."""
        ...


# A value: its SSA name and type; the values that ops of a region see, its own and those around it, by tensor name.
_Value = tuple[str, TensorType | None]
_Values = ChainMap[str, _Value]


class ModuleWriter(Struct):
    """The text of one module, line by line; the functions that are called follow their callers."""

    source: Source
    resources: Resources = field(default_factory=Resources)
    pending: list[Call] = field(default_factory=list)
    written: set[str] = field(default_factory=set)
    # opset versions of the function that is being written
    opsets: Mapping[str, int] = field(default_factory=dict[str, int])

    def module(self, main: Call, attributes: Mapping[str, str], versions: Mapping[str, int]) -> Iterator[str]:
        """The lines of a module around its main function."""
        yield '"builtin.module"() ({\n'
        self.pending.append(main)
        while self.pending:
            call = self.pending.pop(0)
            if call.symbol in self.written:
                continue
            self.written.add(call.symbol)
            yield from self._function(call, versions if call is main else None)
        yield f"}}) {dictionary(attributes)} : () -> ()\n"

    def _function(self, call: Call, versions: Mapping[str, int] | None) -> Iterator[str]:
        graph, scope = call.graph, call.scope
        inputs = [(one.name, self.source.kind(scope, one.name)) for one in graph.inputs]
        outputs = [(one.name, self.source.kind(scope, one.name)) for one in graph.outputs]
        types = [", ".join(tensor_type(kind) for _, kind in values) for values in (inputs, outputs)]
        properties = {
            "function_type": f"({types[0]}) -> ({types[1]})",
            "sym_name": string(call.symbol),
            "arg_attrs": array(
                dictionary({"onnx.name": string(name), **_dim_names(graph, name)}) for name, _ in inputs
            ),
            "res_attrs": array(dictionary({"onnx.name": string(name)}) for name, _ in outputs),
        }
        self.opsets = versions or _imports(graph)
        attributes = {f"{PREFIX}opset_versions": _versions(self.opsets)}
        if versions is None:
            properties["sym_visibility"] = string("private")
            attributes[f"{PREFIX}function"] = string(call.key)
        yield f'  "func.func"() <{dictionary(properties)}> ({{\n'
        yield from self._block(graph, scope, ChainMap(), set(), "    ", "func.return")
        yield f"  }}) {dictionary(attributes)} : () -> ()\n"

    def _block(
        self, graph: Graph, scope: str, values: _Values, taken: set[str], indent: str, terminator: str
    ) -> Iterator[str]:
        for one in graph.inputs:
            values[one.name] = (_value_name(one.name, taken), self.source.kind(scope, one.name))
        if graph.inputs:
            formals = [values[one.name] for one in graph.inputs]
            yield f"{indent[:-2]}^bb0({', '.join(f'{ssa}: {tensor_type(kind)}' for ssa, kind in formals)}):\n"
        for name, stored in graph.stored.items():
            values[name] = (ssa := _value_name(name, taken), stored.type)
            yield indent + self._initializer(name, stored, ssa)
        for op in graph.ops:
            yield from self._op(self.source.op(scope, op), scope, values, taken, indent)
        results = [values[output.name] for output in graph.outputs]
        yield f'{indent}"{terminator}"({_names(results)}) : ({_types(results)}) -> ()\n'

    def _initializer(self, name: str, stored: StoredTensor, ssa: str) -> str:
        attributes = {"value": stored_tensor(stored, stored.type, name, self.resources)}
        if location_text(name) != name:
            attributes[f"{PREFIX}name"] = string(name)
        if stored.sparse_values is not None:
            attributes[f"{PREFIX}sparse_values"] = integer(stored.sparse_values)
        return (
            f'{ssa} = "onnx.Constant"() {dictionary(attributes)} : () -> {tensor_type(stored.type)}{_location(name)}\n'
        )

    def _op(self, op: Op, scope: str, values: _Values, taken: set[str], indent: str) -> Iterator[str]:
        inputs, outputs, properties = list(op.inputs), list(op.outputs), ""
        name, attributes = self._head(op, scope)
        if op.function is not None:
            call = self.source.function(scope, op)
            self.pending.append(call)
            # A call in MLIR names all operands and results.
            inputs += [""] * (len(call.graph.inputs) - len(inputs))
            outputs += [""] * (len(call.graph.outputs) - len(outputs))
        absent: _Value = ("", None)
        if "" in inputs:
            absent = (_value_name("none", taken), None)
            yield f'{indent}{absent[0]} = "onnx.NoValue"() {{value}} : () -> none\n'
        operands = [values[one] if one else absent for one in inputs]
        results: list[_Value] = [
            (_value_name(one or "none", taken), self.source.kind(scope, one) if one else None) for one in outputs
        ]
        if op.function is not None:
            name, properties = self._call(call, attributes, operands, results)
        left = f"{_names(results)} = " if results else ""
        yield f'{indent}{left}"{name}"({_names(operands)}){properties}'
        yield from self._regions(op, scope, values, taken, indent)
        arrow = _types(results) if len(results) == 1 else f"({_types(results)})"
        yield f" {dictionary(attributes)} : ({_types(operands)}) -> {arrow}{_location(op.name)}\n"
        values.update((one, value) for one, value in zip(outputs, results, strict=True) if one)

    def _call(
        self, call: Call, attributes: dict[str, str], operands: Sequence[_Value], results: Sequence[_Value]
    ) -> tuple[str, str]:
        """The name and the properties of a call; MLIR has none for a function whose types are not those of the call."""
        formals = [self.source.kind(call.scope, one.name) for one in (*call.graph.inputs, *call.graph.outputs)]
        if [tensor_type(kind) for _, kind in (*operands, *results)] == list(map(tensor_type, formals)):
            return "func.call", f" <{dictionary({'callee': f'@{call.symbol}'})}>"
        attributes["callee"] = f"@{call.symbol}"
        return "onnx.Custom", ""

    def _head(self, op: Op, scope: str) -> tuple[str, dict[str, str]]:
        """The name of an op in MLIR, and its attributes in the order in which they are read."""
        attributes: dict[str, str] = {}
        name = f"onnx.{op.op_type}"
        if op.domain and op.function is None:
            name = "onnx.Custom"
            attributes["domain_name"], attributes["function_name"] = string(op.domain), string(op.op_type)
        for key, value in op.attributes.items():
            label = next(filter(None, op.outputs), op.op_type)
            text = attribute(value, f"{label}_{key}", self.resources)
            if (op.op_type, key) in _TYPE_ATTRIBUTES and not op.domain and isinstance(value, int):
                text = type_attribute(value) or text
            attributes[key] = text
        if op.name:
            attributes["onnx_node_name"] = string(op.name)
        if op.bodies and region_order(op) not in (_BRANCHES, ("body",)):
            attributes[f"{PREFIX}bodies"] = array(map(string, region_order(op)))
        if op.function is None and op.version != self.opsets.get(op.domain or "ai.onnx", op.version):
            # An op that --quantize inserts may be of a newer opset than the file.
            attributes[f"{PREFIX}version"] = integer(op.version)
        attributes[f"{PREFIX}outputs"] = array(map(string, op.outputs))
        attributes.update(self.source.figures(scope, op))
        return name, attributes

    def _regions(self, op: Op, scope: str, values: _Values, taken: set[str], indent: str) -> Iterator[str]:
        if not op.bodies:
            return
        opening = " ("
        for name in region_order(op):
            yield f"{opening}{{\n"
            opening = ", "
            inner = self.source.body(scope, op, name)
            yield from self._block(op.bodies[name], inner, values.new_child(), taken, indent + "  ", "onnx.Yield")
            yield f"{indent}}}"
        yield ")"


def region_order(op: Op) -> tuple[str, ...]:
    """The names of an op's bodies in the order of its regions: then before else, others by name."""
    return _BRANCHES if set(op.bodies) == set(_BRANCHES) else tuple(sorted(op.bodies))


def _names(values: Sequence[_Value]) -> str:
    return ", ".join(ssa for ssa, _ in values)


def _types(values: Sequence[_Value]) -> str:
    return ", ".join(tensor_type(kind) for _, kind in values)


def _value_name(name: str, taken: set[str]) -> str:
    return "%" + unique(identifier(name) or "value", taken)


def _location(name: str) -> str:
    return f" loc({string(location_text(name))})" if name else ""


def _dim_names(graph: Graph, name: str) -> dict[str, str]:
    """The names of an input's dims as onnx-mlir has them: `0:batch,1:sequence`."""
    symbols = next(one.symbols for one in graph.inputs if one.name == name) or ()
    named = [f"{axis}:{symbol}" for axis, symbol in enumerate(symbols) if isinstance(symbol, str)]
    return {"onnx.dim_params": string(",".join(named))} if named else {}


def _versions(versions: Mapping[str, int]) -> str:
    return dictionary({domain: f"{version} : i64" for domain, version in versions.items()})


def _imports(graph: Graph) -> dict[str, int]:
    """The opsets that the ops of a function use; what was inserted says its own beside the op."""
    pending: list[Graph] = [graph]
    versions: dict[str, int] = {}
    while pending:
        for op in pending.pop().ops:
            if not op.is_inserted:
                versions[op.domain or "ai.onnx"] = op.version
            pending.extend(op.bodies.values())
    return dict(sorted(versions.items()))
