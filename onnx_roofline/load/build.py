"""Slim protobuf -> graphs: checks what the format demands and freezes the rest.

Every refusal names the file, the node or tensor, what was found and what was wanted.
"""

import ast
import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from onnx_roofline.errors import MalformedModelError, NotAModelError
from onnx_roofline.graph import (
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
    captured_names,
)
from onnx_roofline.load.limits import Limits
from onnx_roofline.load.wire import Slim
from onnx_roofline.units import DTYPE_BITS, dtype_name, product

if TYPE_CHECKING:
    import onnx

    from onnx_roofline.graph import Array

# Floating-point values are followed only where they are few: scales, ranges and thresholds, not weights.
FLOAT_VALUE_ELEMENTS = 64
_DEFAULT_DOMAINS = ("", "ai.onnx")


@dataclass(frozen=True, slots=True)
class ParsedModel:
    """A file as graphs whose inputs still have their symbolic dims."""

    info: FileInfo
    graph: Graph
    functions: Mapping[str, Function]
    notices: tuple[Notice, ...]
    limits: Limits
    path: str


@dataclass(slots=True)
class _Context:
    """What one reading accumulates."""

    path: str
    limits: Limits
    opsets: Mapping[str, int]
    function_keys: frozenset[str]
    notices: list[Notice] = field(default_factory=list)
    nodes: int = 0
    missing_imports: set[str] = field(default_factory=set)
    external_files: dict[str, None] = field(default_factory=dict)


def parse_model(slim: Slim, path: str, limits: Limits) -> ParsedModel:
    """The graphs of a slim file.

    Raises NotAModelError where the bytes are no ModelProto with a graph, MalformedModelError where the model breaks
    the rules of the format, LimitError where it is larger than `limits`.
    """
    import onnx
    from google.protobuf.message import DecodeError

    try:
        proto = onnx.ModelProto.FromString(slim.data)
    except DecodeError as error:
        raise NotAModelError(
            f"{path}: is not an ONNX model, is damaged, or nests deeper than protobuf allows (100 messages): {error}"
        ) from None
    if not proto.HasField("graph"):
        raise NotAModelError(f"{path}: holds no graph; wanted an ONNX model, export it again")
    notices: list[Notice] = []
    opsets = _opset_versions(proto.opset_import, path, notices)
    if not opsets:
        notices.append(Notice("no-opset", path, "the file imports no opset; version 1 of ai.onnx is assumed"))
        opsets = {"": 1}
    keys = Counter(function_key(function) for function in proto.functions)
    for key, count in keys.items():
        if count > 1:
            raise MalformedModelError(f"{path}: function {key}: found {count} definitions, wanted one")
    context = _Context(path, limits, opsets, frozenset(keys), notices)
    graph = _build_graph(proto.graph, context, depth=0, outer=frozenset(), where="graph")
    functions = {key: _build_function(f, key, context) for key, f in zip(keys, proto.functions, strict=True)}
    _refuse_recursion(graph, functions, path)
    for domain in sorted(context.missing_imports):
        notices.append(Notice("opset-not-imported", domain, f"domain {domain!r} is used and not imported"))
    info = FileInfo(
        path=path,
        graph_sha256=hashlib.sha256(slim.data).hexdigest(),
        file_bytes=slim.file_bytes,
        ir_version=proto.ir_version,
        opsets=dict(sorted((domain or "ai.onnx", version) for domain, version in opsets.items())),
        producer=" ".join(part for part in (proto.producer_name, proto.producer_version) if part),
    )
    return ParsedModel(info, graph, functions, tuple(notices), limits, path)


def function_key(function: "onnx.FunctionProto") -> str:
    """`domain::name` or `domain::name:overload` of a function."""
    key = f"{function.domain}::{function.name}"
    return f"{key}:{function.overload}" if function.overload else key


def _opset_versions(imports: "Iterable[onnx.OperatorSetIdProto]", path: str, notices: list[Notice]) -> dict[str, int]:
    versions: dict[str, int] = {}
    for entry in imports:
        domain = "" if entry.domain in _DEFAULT_DOMAINS else entry.domain
        if domain in versions and versions[domain] != entry.version:
            notices.append(
                Notice(
                    "opset-repeated",
                    domain or "ai.onnx",
                    f"imported as version {versions[domain]} and as {entry.version}; the newer is used",
                )
            )
        if entry.version < 1:
            raise MalformedModelError(
                f"{path}: opset import of {domain or 'ai.onnx'}: found version {entry.version}, wanted 1 or more"
            )
        versions[domain] = max(entry.version, versions.get(domain, 0))
    return versions


def _build_graph(proto: "onnx.GraphProto", context: _Context, depth: int, outer: frozenset[str], where: str) -> Graph:
    """A graph and, through its ops, the bodies inside it; recursion is bounded by the nesting limit."""
    context.limits.check("nesting", depth, f"{context.path}: {where}")
    stored: dict[str, StoredTensor] = {}
    for tensor in proto.initializer:
        if not tensor.name:
            raise MalformedModelError(f"{context.path}: {where}: found an initializer without a name")
        if tensor.name in stored:
            raise MalformedModelError(f"{context.path}: initializer {tensor.name!r}: found twice, wanted once")
        stored[tensor.name] = _stored_tensor(tensor, context, f"initializer {tensor.name!r}")
    for sparse in proto.sparse_initializer:
        stored[sparse.values.name] = _sparse_tensor(sparse, context, f"sparse initializer {sparse.values.name!r}")
    inputs = []
    seen: set[str] = set()
    for value in proto.input:
        if value.name in seen:
            raise MalformedModelError(f"{context.path}: {where}: input {value.name!r}: found twice, wanted once")
        seen.add(value.name)
        if value.name not in stored:
            inputs.append(_graph_input(value, context))
    ops = _build_ops(proto.node, context, depth, outer | seen | stored.keys(), where)
    outputs = tuple(_graph_input(value, context) for value in proto.output)
    declared = {
        value.name: _graph_input(value, context)
        for value in (*proto.value_info, *proto.output)
        if value.name and value.HasField("type")
    }
    known = outer | seen | stored.keys() | {name for op in ops for name in op.outputs}
    for output in outputs:
        if output.name not in known:
            raise MalformedModelError(
                f"{context.path}: {where}: output {output.name!r}: found no op, input or initializer of that name"
            )
    for op in ops:
        for name in op.outputs:
            if name and (name in seen or name in stored):
                raise MalformedModelError(
                    f"{context.path}: node {_label(op)}: output {name!r} is also an input or initializer of the graph; "
                    "wanted a name of its own"
                )
    return Graph(proto.name, ops, tuple(inputs), outputs, stored, declared)


def _build_function(proto: "onnx.FunctionProto", key: str, context: _Context) -> Function:
    opsets = _opset_versions(proto.opset_import, context.path, context.notices) or dict(context.opsets)
    inner = _Context(context.path, context.limits, opsets, context.function_keys, context.notices, context.nodes)
    inner.external_files = context.external_files
    where = f"function {key}"
    ops = _build_ops(proto.node, inner, 0, frozenset(proto.input), where)
    context.nodes = inner.nodes
    context.missing_imports |= inner.missing_imports
    known = {name for op in ops for name in op.outputs} | set(proto.input)
    for name in proto.output:
        if name not in known:
            raise MalformedModelError(f"{context.path}: {where}: output {name!r}: found no op of that name")
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
        if isinstance(value := _attribute(attribute, inner, where), AttributeValue)
    }
    return Function(key, graph, defaults)


def _build_ops(
    nodes: "Sequence[onnx.NodeProto]", context: _Context, depth: int, visible: frozenset[str], where: str
) -> tuple[Op, ...]:
    context.nodes += len(nodes)
    context.limits.check("nodes", context.nodes, context.path)
    producers: dict[str, int] = {}
    for index, node in enumerate(nodes):
        for name in node.output:
            if name and name in producers:
                raise MalformedModelError(
                    f"{context.path}: {where}: tensor {name!r}: found as output of nodes {producers[name]} and {index}, "
                    "wanted one producer"
                )
            if name:
                producers[name] = index
    inner_visible = visible | producers.keys()
    ops = [_build_op(node, index, context, depth, inner_visible) for index, node in enumerate(nodes)]
    return _in_order(ops, producers, visible, context, where)


def _build_op(node: "onnx.NodeProto", index: int, context: _Context, depth: int, visible: frozenset[str]) -> Op:
    if not node.op_type:
        raise MalformedModelError(f"{context.path}: node {index} ({node.name!r}): found no op type")
    domain = "" if node.domain in _DEFAULT_DOMAINS else node.domain
    label = re.sub(r"[^A-Za-z0-9_.-]", "_", node.op_type)[:60]
    attributes: dict[str, AttributeValue | AttributeReference] = {}
    bodies: dict[str, Graph] = {}
    where = f"node {index}:{label}" + (f" {node.name!r}" if node.name else "")
    for attribute in node.attribute:
        if attribute.name in attributes or attribute.name in bodies:
            raise MalformedModelError(
                f"{context.path}: {where}: attribute {attribute.name!r}: found twice, wanted once"
            )
        if attribute.HasField("g"):
            bodies[attribute.name] = _build_graph(
                attribute.g, context, depth + 1, visible, f"{where}, {attribute.name}"
            )
            continue
        value = _attribute(attribute, context, where)
        if value is not None:
            attributes[attribute.name] = value
    key = f"{node.domain}::{node.op_type}" + (f":{node.overload}" if node.overload else "")
    function = key if key in context.function_keys else None
    version = context.opsets.get(domain)
    if version is None and function is None:
        context.missing_imports.add(domain)
    return Op(
        id=f"{index}:{label}",
        index=index,
        name=node.name,
        op_type=node.op_type,
        domain=domain,
        version=version or 1,
        inputs=tuple(node.input),
        outputs=tuple(node.output),
        attributes=attributes,
        module=_module_path(node),
        bodies=bodies,
        function=function,
        proto=node,
    )


def _in_order(
    ops: list[Op], producers: Mapping[str, int], visible: frozenset[str], context: _Context, where: str
) -> tuple[Op, ...]:
    """The ops in file order if that is topological, else sorted with a notice; a cycle is refused."""
    is_sorted = True
    dependencies: list[list[int]] = []
    for position, op in enumerate(ops):
        needs = []
        for name in op.inputs:
            if not name:
                continue
            producer = producers.get(name)
            if producer is not None:
                needs.append(producer)
                is_sorted = is_sorted and producer < position
            elif name not in visible:
                raise MalformedModelError(
                    f"{context.path}: {where}: node {_label(op)}: input {name!r}: found no op, input or initializer "
                    "that makes it; the file is cut or was edited wrongly"
                )
        if op.bodies:
            for name in captured_names(op):
                producer = producers.get(name)
                if producer is not None:
                    needs.append(producer)
                    is_sorted = is_sorted and producer < position
        dependencies.append(needs)
    if is_sorted:
        return tuple(ops)
    import networkx as nx

    graph: nx.DiGraph[int] = nx.DiGraph()
    graph.add_nodes_from(range(len(ops)))
    graph.add_edges_from((need, position) for position, needs in enumerate(dependencies) for need in needs)
    try:
        order = list(nx.lexicographical_topological_sort(graph))
    except nx.NetworkXUnfeasible:
        cycle = [edge[0] for edge in nx.find_cycle(graph)]
        names = " -> ".join(_label(ops[i]) for i in [*cycle[:6], cycle[0]])
        raise MalformedModelError(
            f"{context.path}: {where}: found a cycle: {names}; wanted a graph without cycles"
        ) from None
    context.notices.append(Notice("not-sorted", where, "the nodes are not in topological order; they were sorted"))
    return tuple(ops[i] for i in order)


def _label(op: Op) -> str:
    return f"{op.id} ({op.name!r})" if op.name else op.id


def _refuse_recursion(graph: Graph, functions: Mapping[str, Function], path: str) -> None:
    """Raise if a function calls itself, directly or through others."""
    if not functions:
        return
    import networkx as nx

    calls: nx.DiGraph[str] = nx.DiGraph()
    for key, function in functions.items():
        pending = [function.graph]
        while pending:
            current = pending.pop()
            for op in current.ops:
                pending.extend(op.bodies.values())
                if op.function is not None:
                    calls.add_edge(key, op.function)
    try:
        cycle = nx.find_cycle(calls)
    except nx.NetworkXNoCycle:
        return
    names = " -> ".join([edge[0] for edge in cycle] + [cycle[0][0]])
    raise MalformedModelError(f"{path}: function {cycle[0][0]}: found recursion {names}; functions must not recurse")


def _graph_input(value: "onnx.ValueInfoProto", context: _Context) -> GraphInput:
    kind, symbols = _value_type(value.type, context, value.name)
    return GraphInput(value.name, kind, symbols)


def _value_type(
    proto: "onnx.TypeProto", context: _Context, name: str
) -> tuple[TensorType, tuple[int | str | None, ...] | None]:
    """Declared type and its dims as written; -1, 0-less and empty names count as unknown."""
    container = "tensor"
    current: Any = proto
    for _ in range(8):
        kind = current.WhichOneof("value")
        if kind in ("sequence_type", "optional_type"):
            # Of optional(sequence(tensor)) the sequence is what has elements.
            container = "sequence" if kind == "sequence_type" or container == "sequence" else "optional"
            current = getattr(current, kind).elem_type
            continue
        break
    if kind == "map_type":
        return TensorType("", None, container="map"), None
    if kind not in ("tensor_type", "sparse_tensor_type"):
        return TensorType("", None, container=container), None
    tensor = getattr(current, kind)
    dtype = dtype_name(tensor.elem_type)
    if tensor.elem_type and not dtype:
        raise MalformedModelError(
            f"{context.path}: tensor {name!r}: found element type {tensor.elem_type}, wanted one that ONNX defines"
        )
    if not tensor.HasField("shape"):
        return TensorType(dtype, None, container=container), None
    context.limits.check("rank", len(tensor.shape.dim), f"{context.path}: tensor {name!r}")
    symbols: list[int | str | None] = []
    for dim in tensor.shape.dim:
        which = dim.WhichOneof("value")
        if which == "dim_value" and dim.dim_value >= 0:
            symbols.append(dim.dim_value)
        elif which == "dim_param" and dim.dim_param.strip() not in ("", "?", "-1", "*"):
            symbols.append(dim.dim_param)
        else:
            symbols.append(None)
    shape = tuple(symbol if isinstance(symbol, int) else None for symbol in symbols)
    return TensorType(dtype, shape, container=container), tuple(symbols)


def _attribute(
    proto: "onnx.AttributeProto", context: _Context, where: str
) -> AttributeValue | AttributeReference | None:
    if proto.ref_attr_name:
        return AttributeReference(proto.ref_attr_name)
    kind = proto.type or _kind_by_content(proto)
    if kind == 1:
        return float(proto.f)
    if kind == 2:
        return int(proto.i)
    if kind == 3:
        return proto.s.decode("utf-8", "backslashreplace")
    if kind == 4:
        return _stored_tensor(proto.t, context, f"{where}, attribute {proto.name!r}", is_constant_node=True)
    if kind == 6:
        return tuple(proto.floats)
    if kind == 7:
        return tuple(proto.ints)
    if kind == 8:
        return tuple(text.decode("utf-8", "backslashreplace") for text in proto.strings)
    if kind == 11:
        return _sparse_tensor(proto.sparse_tensor, context, f"{where}, attribute {proto.name!r}")
    return None


def _kind_by_content(proto: "onnx.AttributeProto") -> int:
    """Attribute type of a file from before IR version 2, which did not say it."""
    for name, kind in (("floats", 6), ("ints", 7), ("strings", 8)):
        if getattr(proto, name):
            return kind
    for name, kind in (("t", 4), ("s", 3), ("i", 2), ("f", 1)):
        if proto.HasField(name):
            return kind
    return 0


def _stored_tensor(
    proto: "onnx.TensorProto", context: _Context, where: str, is_constant_node: bool = False
) -> StoredTensor:
    dtype = dtype_name(proto.data_type)
    if not dtype:
        raise MalformedModelError(
            f"{context.path}: {where}: found element type {proto.data_type}, wanted one that ONNX defines"
        )
    context.limits.check("rank", len(proto.dims), f"{context.path}: {where}")
    shape = tuple(proto.dims)
    if any(dim < 0 for dim in shape):
        raise MalformedModelError(f"{context.path}: {where}: found dims {list(shape)}, wanted none below 0")
    kind = TensorType(dtype, shape)
    if proto.data_location == 1:
        alias = _external_place(proto, kind, context, where) if proto.external_data else None
        return StoredTensor(kind, None, is_constant_node, alias)
    elements = product(shape)
    _check_small_payload(proto, kind, elements, context, where)
    is_float = "float" in dtype or "complex" in dtype
    followed = elements <= min(context.limits.value_elements, FLOAT_VALUE_ELEMENTS if is_float else elements)
    value = _value(proto, context, where) if followed and dtype != "string" else None
    return StoredTensor(kind, value, is_constant_node)


def _check_small_payload(
    proto: "onnx.TensorProto", kind: TensorType, elements: int, context: _Context, where: str
) -> None:
    wanted = kind.bytes
    if proto.HasField("raw_data"):
        found = len(proto.raw_data)
        if wanted is not None and found != wanted:
            raise MalformedModelError(
                f"{context.path}: {where}: found {found:,} bytes of data, wanted {wanted:,} for {kind}"
            )
        return
    # Elements that one entry of a typed field holds, or entries that one element takes.
    per_entry = {"complex64": 0.5, "complex128": 0.5}.get(
        kind.dtype, max(1, 8 // max(1, DTYPE_BITS.get(kind.dtype, 8)))
    )
    if kind.dtype in ("float6e2m3", "float6e3m2"):
        per_entry = 1
    found = max(
        len(proto.float_data), len(proto.int32_data), len(proto.int64_data), len(proto.double_data),
        len(proto.uint64_data), len(proto.string_data),
    )  # fmt: skip
    low = -(-elements // per_entry) if per_entry >= 1 else elements * 2
    if found != low:
        raise MalformedModelError(f"{context.path}: {where}: found {found:,} values, wanted {int(low):,} for {kind}")


def _value(proto: "onnx.TensorProto", context: _Context, where: str) -> "Array | None":
    from onnx import numpy_helper

    try:
        return numpy_helper.to_array(proto)
    except (ValueError, TypeError) as error:
        raise MalformedModelError(f"{context.path}: {where}: its values cannot be read: {error}") from None


def _external_place(proto: "onnx.TensorProto", kind: TensorType, context: _Context, where: str) -> tuple[str, int, int]:
    """(location, offset, length) of external data, which is checked as text and never opened."""
    entries = {entry.key: entry.value for entry in proto.external_data}
    location = entries.get("location", "")
    parts = re.split(r"[/\\]", location)
    if not location or "\0" in location or location.startswith(("/", "\\")) or ".." in parts or ":" in parts[0]:
        raise MalformedModelError(
            f"{context.path}: {where}: external data location {location[:200]!r}: wanted a path inside the model's folder"
        )
    numbers = {}
    for key in ("offset", "length"):
        text = entries.get(key, "")
        if text and not re.fullmatch(r"[0-9]{1,19}", text):
            raise MalformedModelError(
                f"{context.path}: {where}: external data {key}: found {text[:80]!r}, wanted a whole number of bytes"
            )
        numbers[key] = int(text) if text else -1
    wanted = kind.bytes
    if numbers["length"] >= 0 and wanted is not None and numbers["length"] != wanted:
        raise MalformedModelError(
            f"{context.path}: {where}: external data length: found {numbers['length']:,} bytes, wanted {wanted:,} for {kind}"
        )
    context.external_files[location] = None
    length = wanted if wanted is not None else numbers["length"]
    return location, max(0, numbers["offset"]), length


def _sparse_tensor(proto: "onnx.SparseTensorProto", context: _Context, where: str) -> StoredTensor:
    if any(dim < 0 for dim in proto.dims):
        raise MalformedModelError(f"{context.path}: {where}: found dims {list(proto.dims)}, wanted none below 0")
    context.limits.check("rank", len(proto.dims), f"{context.path}: {where}")
    kind = TensorType(dtype_name(proto.values.data_type), tuple(proto.dims))
    return StoredTensor(kind, None, sparse_values=product(proto.values.dims))


_SCOPES_KEY = "pkg.torch.onnx.name_scopes"


def _module_path(node: "onnx.NodeProto") -> str:
    """Module that an op belongs to, `encoder/layer.0/attention`, from exporter metadata or a scope-style name.

    PyTorch's newer exporter writes the scopes as metadata; the older one, and TensorFlow's, as the node's name.
    """
    for entry in node.metadata_props:
        if entry.key == _SCOPES_KEY:
            return _module_of_scopes(entry.value)
    if "/" not in node.name:
        return ""
    return "/".join(part for part in node.name.split("/")[:-1] if part)


def _module_of_scopes(text: str) -> str:
    """`['', 'encoder', 'encoder.layer.0', 'matmul']` -> `encoder/layer.0`; "" for text of another form.

    >>> _module_of_scopes("['', 'encoder', 'encoder.layer.0', 'matmul']")
    'encoder/layer.0'
    """
    if len(text) > 20_000:
        return ""
    try:
        scopes = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return ""
    if not isinstance(scopes, list) or not all(isinstance(scope, str) for scope in scopes):
        return ""
    parts: list[str] = []
    previous = ""
    for scope in scopes[:-1]:
        if not scope or scope == previous:
            continue
        inside = previous and scope.startswith(previous + ".")
        parts.append(scope[len(previous) + 1 :] if inside else scope)
        previous = scope
    return "/".join(parts)
