"""Slim protobuf -> graphs: checks what the format demands and freezes the rest.

Every refusal names the file, the node or tensor, what was found and what was wanted.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from functools import lru_cache
from sys import intern
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from onnx_roofline.base.errors import NotAModelError
from onnx_roofline.ir.graph import (
    AttributeReference,
    AttributeValue,
    FileInfo,
    Function,
    Graph,
    GraphInput,
    Notice,
    Op,
    StoredTensor,
    TensorType,
    nested_graphs,
    op_reads,
)
from onnx_roofline.load.limits import Limits
from onnx_roofline.load.modules import module_path, modules_of_weights
from onnx_roofline.load.names import shown, shown_path
from onnx_roofline.load.stored import Context, read_attribute, read_input, read_sparse, read_tensor
from onnx_roofline.load.wire import Slim

if TYPE_CHECKING:
    import onnx

# The names that a graph can see from outside, one container for each kind and level.
Visible = tuple[Container[str], ...]

_DEFAULT_DOMAINS = ("", "ai.onnx")
# Characters that an op's id does not take over from its type.
_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]")
# Levels of nesting that a message names; deeper ones would only make it longer.
_NAMED_DEPTH = 4


# What all ops without any share.
_NO_ATTRIBUTES: dict[str, AttributeValue | AttributeReference] = {}
_NO_BODIES: dict[str, Graph] = {}


class ParsedModel(Struct, frozen=True):
    """A file as graphs whose inputs still have their symbolic dims."""

    info: FileInfo
    graph: Graph
    functions: Mapping[str, Function]
    notices: tuple[Notice, ...]
    limits: Limits
    path: str


def parse_model(slim: Slim, path: str, limits: Limits) -> ParsedModel:
    """The graphs of a slim file.

    Raises NotAModelError where the bytes are no ModelProto with a graph, MalformedModelError where the model breaks
    the rules of the format, LimitError where it is larger than `limits`.
    """
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    label = shown_path(path)
    try:
        proto = onnx.ModelProto.FromString(slim.data)
    except DecodeError as error:
        raise NotAModelError(
            f"{label}: is not an ONNX model, is damaged, or nests deeper than protobuf allows (100 messages): "
            f"{' '.join(str(error).split())[:200]}; fetch or export it again"
        ) from None
    if not proto.HasField("graph"):
        raise NotAModelError(f"{label}: holds no graph; wanted an ONNX model, export it again")
    context = Context(label, limits, {}, frozenset(), lists=slim.lists)
    context.check_text("producer", proto.producer_name, proto.producer_version)
    context.opsets = _opset_versions(proto.opset_import, context)
    if not context.opsets:
        context.notices.append(Notice("no-opset", path, "the file imports no opset; version 1 of ai.onnx is assumed"))
        context.opsets = {"": 1}
    for function in proto.functions:
        context.check_text("function names", function.domain, function.name, function.overload)
    keys = Counter(function_key(function) for function in proto.functions)
    for key, count in keys.items():
        if count > 1:
            raise context.malformed(f"function {shown(key)}", f"{count} definitions", "one")
    context.function_keys = frozenset(keys)
    graph = _build_graph(proto.graph, context, depth=0, outer=(), where="graph")
    functions = {key: _build_function(f, key, context) for key, f in zip(keys, proto.functions, strict=True)}
    _refuse_recursion(functions, context)
    for domain in sorted(context.missing_imports):
        context.notices.append(Notice("opset-not-imported", domain, f"domain {shown(domain)} is used and not imported"))
    info = FileInfo(
        path=path,
        graph_sha256=hashlib.sha256(slim.data).hexdigest(),
        file_bytes=slim.file_bytes,
        ir_version=proto.ir_version,
        opsets=dict(sorted((domain or "ai.onnx", version) for domain, version in context.opsets.items())),
        producer=" ".join(part for part in (proto.producer_name, proto.producer_version) if part),
    )
    return ParsedModel(info, graph, functions, tuple(context.notices), limits, path)


def function_key(function: "onnx.FunctionProto") -> str:
    """`domain::name` or `domain::name:overload` of a function."""
    return _key(function.domain, function.name, function.overload)


def _key(domain: str, name: str, overload: str) -> str:
    key = f"{'' if domain in _DEFAULT_DOMAINS else domain}::{name}"
    return f"{key}:{overload}" if overload else key


def _opset_versions(imports: "Iterable[onnx.OperatorSetIdProto]", context: Context) -> dict[str, int]:
    versions: dict[str, int] = {}
    for entry in imports:
        context.check_text("opset import", entry.domain)
        domain = "" if entry.domain in _DEFAULT_DOMAINS else entry.domain
        if domain in versions and versions[domain] != entry.version:
            context.notices.append(
                Notice(
                    "opset-repeated",
                    domain or "ai.onnx",
                    f"imported as version {versions[domain]} and as {entry.version}; the newer is used",
                )
            )
        if entry.version < 1:
            raise context.malformed(
                f"opset import of {shown(domain or 'ai.onnx')}", f"version {entry.version}", "1 or more"
            )
        versions[domain] = max(entry.version, versions.get(domain, 0))
    return versions


def _build_graph(proto: "onnx.GraphProto", context: Context, depth: int, outer: Visible, where: str) -> Graph:
    """A graph and, through its ops, the bodies inside it; recursion is bounded by the nesting limit."""
    context.limits.check("nesting", depth, f"{context.path}: {where}")
    context.check_text(where, proto.name)
    stored = _stored_tensors(proto, context, where)
    inputs = []
    seen: set[str] = set()
    for value in proto.input:
        graph_input = read_input(value, context)
        if graph_input.name in seen:
            raise context.malformed(f"{where}: input {shown(value.name)}", "it twice", "it once")
        seen.add(graph_input.name)
        if graph_input.name not in stored:
            inputs.append(graph_input)
    ops = _build_ops(proto.node, context, depth, (*outer, seen, stored), where)
    outputs = tuple(read_input(value, context) for value in proto.output)
    declared = {value.name: read_input(value, context) for value in proto.value_info if value.HasField("type")}
    declared.update((graph_output.name, graph_output) for graph_output in outputs)
    made = {name for op in ops for name in op.outputs}
    for output in outputs:
        if not _is_visible(output.name, (*outer, seen, stored, made)):
            raise context.malformed(
                f"{where}: output {shown(output.name)}",
                "nothing that makes it",
                "an op, input or initializer of that name",
            )
    taken = {name for name in (*(made & seen), *(made & stored.keys())) if name}
    if taken:
        clash, name = next((op, name) for op in ops for name in op.outputs if name in taken)
        raise context.malformed(
            f"node {_label(clash)}: output {shown(name)}", "an input or initializer of that name", "a name of its own"
        )
    return Graph(proto.name, ops, tuple(inputs), outputs, stored, declared)


def _stored_tensors(proto: "onnx.GraphProto", context: Context, where: str) -> dict[str, StoredTensor]:
    stored: dict[str, StoredTensor] = {}
    for tensor in proto.initializer:
        _check_initializer_name(tensor.name, stored, context, where)
        name = intern(tensor.name)
        stored[name] = read_tensor(tensor, context, f"initializer {shown(name)}")
    for sparse in proto.sparse_initializer:
        name = sparse.values.name
        _check_initializer_name(name, stored, context, where)
        stored[name] = read_sparse(sparse, context, f"sparse initializer {shown(name)}")
    return stored


def _check_initializer_name(name: str, stored: Container[str], context: Context, where: str) -> None:
    if type(name) is not str:
        context.check_text(f"{where}: initializer", name)
    if not name:
        raise context.malformed(where, "an initializer without a name", "a name")
    if name in stored:
        raise context.malformed(f"initializer {shown(name)}", "it twice", "it once")


def _is_visible(name: str, scopes: Visible) -> bool:
    for scope in reversed(scopes):  # noqa: SIM110  # a generator costs more than most of these look-ups
        if name in scope:
            return True
    return False


def _build_function(proto: "onnx.FunctionProto", key: str, context: Context) -> Function:
    inner = replace(context, missing_imports=set())
    inner.opsets = _opset_versions(proto.opset_import, inner) or context.opsets
    where = f"function {shown(key)}"
    context.check_text(where, *proto.input, *proto.output)
    inputs = frozenset(proto.input)
    ops = _build_ops(proto.node, inner, 0, (inputs,), where)
    context.nodes = inner.nodes
    context.missing_imports |= inner.missing_imports
    made = {name for op in ops for name in op.outputs}
    for name in proto.output:
        if name not in made and name not in inputs:
            raise context.malformed(
                f"{where}: output {shown(name)}", "nothing that makes it", "an op or input of that name"
            )
    unknown = TensorType("", None)
    graph = Graph(
        name=proto.name,
        ops=ops,
        inputs=tuple(GraphInput(name, unknown) for name in proto.input),
        outputs=tuple(GraphInput(name, unknown) for name in proto.output),
        stored={},
    )
    defaults = {
        attribute.name: value
        for attribute in proto.attribute_proto
        if not isinstance(value := read_attribute(attribute, inner, where), AttributeReference | None)
    }
    return Function(key, graph, defaults)


def _build_ops(
    nodes: "Sequence[onnx.NodeProto]", context: Context, depth: int, visible: Visible, where: str
) -> tuple[Op, ...]:
    context.nodes += len(nodes)
    context.limits.check("nodes", context.nodes, context.path)
    producers: dict[str, int] = {}
    for index, node in enumerate(nodes):
        for name in node.output:
            if name and name in producers:
                raise context.malformed(
                    f"{where}: tensor {shown(name)}",
                    f"nodes {producers[name]} and {index} that make it",
                    "one producer",
                )
            if name:
                producers[intern(name) if type(name) is str else name] = index
    inner_visible = (*visible, producers)
    ops = [_build_op(node, index, context, depth, inner_visible) for index, node in enumerate(nodes)]
    for index, module in modules_of_weights(nodes, [op.module for op in ops], producers).items():
        ops[index] = replace(ops[index], module=module)
    return _in_order(ops, producers, visible, context, where)


@lru_cache(maxsize=1024)
def _id_of(op_type: str) -> str:
    """What an op's id takes over from its type."""
    return _UNSAFE.sub("_", op_type)[:60]


def _build_op(node: "onnx.NodeProto", index: int, context: Context, depth: int, visible: Visible) -> Op:
    name, op_type, given_domain, overload = node.name, node.op_type, node.domain, node.overload
    try:
        # A name stands at every op that makes or reads the tensor: kept once, and found by identity.
        inputs, outputs = tuple(map(intern, node.input)), tuple(map(intern, node.output))
        op_type, overload = intern(op_type), intern(overload)
        "".join((name, given_domain))
    except TypeError:  # bytes among them
        context.check_text(f"node {index}", name, op_type, given_domain, overload, *node.input, *node.output)
        raise
    if not op_type:
        raise context.malformed(f"node {index} ({shown(name)})", "no op type", "one")
    domain = "" if given_domain in _DEFAULT_DOMAINS else given_domain
    label = _id_of(op_type)
    attributes: dict[str, AttributeValue | AttributeReference] = {} if node.attribute else _NO_ATTRIBUTES
    bodies: dict[str, Graph] = {} if node.attribute else _NO_BODIES
    where = ""
    for attribute in node.attribute:
        where = where or f"node {index}:{label}" + (f" {shown(name)}" if name else "")
        value = read_attribute(attribute, context, where)
        if attribute.name in attributes or attribute.name in bodies:
            raise context.malformed(f"{where}: attribute {shown(attribute.name)}", "it twice", "it once")
        if attribute.HasField("g"):
            inside = f"{where}, {shown(attribute.name)}" if depth < _NAMED_DEPTH else where
            bodies[attribute.name] = _build_graph(attribute.g, context, depth + 1, visible, inside)
        elif value is not None:
            attributes[attribute.name] = value
    function = None
    if context.function_keys:
        key = _key(given_domain, op_type, overload)
        function = key if key in context.function_keys else None
    version = context.opsets.get(domain)
    if version is None and function is None:
        context.missing_imports.add(domain)
    return Op(
        id=f"{index}:{label}",
        index=index,
        name=name,
        op_type=op_type,
        domain=domain,
        version=version or 1,
        inputs=inputs,
        outputs=outputs,
        attributes=attributes,
        module=module_path(node),
        bodies=bodies,
        function=function,
        proto=node if bodies else node.SerializeToString(),
    )


def _in_order(
    ops: list[Op], producers: Mapping[str, int], visible: Visible, context: Context, where: str
) -> tuple[Op, ...]:
    """The ops in file order if that is topological, else sorted with a notice; a cycle is refused."""
    is_sorted = True
    for position, op in enumerate(ops):
        for name in op_reads(op):
            producer = producers.get(name)
            if producer is not None:
                is_sorted = is_sorted and producer < position
            elif not _is_visible(name, visible):
                raise context.malformed(
                    f"{where}: node {_label(op)}: input {shown(name)}",
                    "nothing that makes it",
                    "an op, input or initializer of that name",
                )
    if is_sorted:
        return tuple(ops)
    import networkx as nx

    graph = nx.DiGraph()
    graph.add_nodes_from(range(len(ops)))
    graph.add_edges_from(
        (producers[name], position) for position, op in enumerate(ops) for name in op_reads(op) if name in producers
    )
    try:
        order = list(nx.lexicographical_topological_sort(graph))
    except nx.NetworkXUnfeasible:
        cycle = [edge[0] for edge in nx.find_cycle(graph)]
        names = " -> ".join(_label(ops[i]) for i in [*cycle[:6], cycle[0]])
        raise context.malformed(where, f"a cycle: {names}", "a graph without cycles") from None
    context.notices.append(Notice("not-sorted", where, "the nodes are not in topological order; they were sorted"))
    return tuple(ops[i] for i in order)


def _label(op: Op) -> str:
    return f"{op.id} ({shown(op.name)})" if op.name else op.id


def _refuse_recursion(functions: Mapping[str, Function], context: Context) -> None:
    """Raise if a function calls itself, directly or through others."""
    if not functions:
        return
    import networkx as nx

    calls = nx.DiGraph()
    for key, function in functions.items():
        called = {op.function: None for graph in nested_graphs((function.graph,)) for op in graph.ops}
        calls.add_edges_from((key, other) for other in called if other is not None)
    try:
        cycle = nx.find_cycle(calls)
    except nx.NetworkXNoCycle:
        return
    names = " -> ".join(shown(key) for key in [*(edge[0] for edge in cycle[:6]), cycle[0][0]])
    raise context.malformed(
        f"function {shown(cycle[0][0])}", f"recursion {names}", "functions that do not call themselves"
    )
