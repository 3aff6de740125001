"""Counts of an op by the function body that the standard gives it, computed from a run of the body."""

from collections.abc import Mapping

import numpy as np
import onnx
import onnx.defs
from onnx import helper, numpy_helper
from onnx.inliner import inline_selected_functions
from onnx.reference import ReferenceEvaluator
from rule_table import Row

from onnx_roofline.base.units import dtype_name, dtype_number
from onnx_roofline.ir.graph import StoredTensor, TensorType
from onnx_roofline.ir.records import Counts
from onnx_roofline.ops.cost.lookup import find_rule
from onnx_roofline.ops.view import Operand, OpView

NUMPY = {
    "float32": np.float32,
    "int64": np.int64,
    "int32": np.int32,
    "bool": np.bool_,
    "uint8": np.uint8,
    "int8": np.int8,
}
NAMES = {np.dtype(value): key for key, value in NUMPY.items()} | {
    np.dtype(np.float64): "float64",
    np.dtype(np.float16): "float16",
}
# What these make follows from shapes, or is a constant in another type.
SHAPES_ONLY = ("Shape", "Size")
Array = np.ndarray


def inlined(row: Row, opset: int) -> onnx.ModelProto:
    """A model of one op with its body in the op's place; attributes that are left out have their defaults."""
    names = [f"x{position}" if spec is not None else "" for position, spec in enumerate(row.inputs)]
    outputs = [f"y{position}" if spec is not None else "" for position, spec in enumerate(row.outputs)]
    node = helper.make_node(row.op, names, outputs, domain=row.domain, **row.attributes)
    given = {attribute.name for attribute in node.attribute}
    defaults = onnx.defs.get_schema(row.op, row.version, row.domain).attributes
    node.attribute.extend(
        attribute.default_value
        for name, attribute in defaults.items()
        if name not in given and attribute.default_value.type
    )
    inputs = [_info(name, spec) for name, spec in zip(names, row.inputs, strict=True) if spec is not None]
    made = [_info(name, spec) for name, spec in zip(outputs, row.outputs, strict=True) if spec is not None]
    opsets = [helper.make_opsetid("", opset)]
    if row.domain:
        opsets.append(helper.make_opsetid(row.domain, row.version))
    model = helper.make_model(helper.make_graph([node], "op", inputs, made), opset_imports=opsets)
    return inline_selected_functions(model, [(row.domain, row.op)], inline_schema_functions=True)


def _info(name: str, spec: tuple[str, tuple[int, ...]]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, dtype_number(spec[0]), spec[1])


def body_counts(row: Row, opset: int, is_all_data: bool = False) -> Counts:
    """What the nodes of the body count that depend on the data, by their rules; loops as often as they run.

    Inputs whose value the row gives are no data, unless `is_all_data`.
    """
    model = inlined(row, opset)
    assert all((node.domain, node.op_type) != (row.domain, row.op) for node in model.graph.node), "no body here"
    feeds = {info.name: _filled(info) for info in model.graph.input}
    known = {f"x{position}": spec for position, spec in enumerate(row.inputs) if spec is not None and len(spec) > 2}
    for name, spec in known.items():
        feeds[name] = np.asarray(spec[2], NUMPY[spec[0]]).reshape(spec[1])
    return _graph_counts(model.graph, opset, feeds, set(feeds) - (set() if is_all_data else set(known)))


def _graph_counts(graph: onnx.GraphProto, opset: int, feeds: dict[str, Array], tainted: set[str]) -> Counts:
    """Counts of the nodes that depend on a tainted name. `feeds` has the inputs and what the graph captures."""
    produced = {name for node in graph.node for name in node.output}
    needed = {name for name in _captured(graph) if name in feeds} - {info.name for info in graph.input}
    inputs = [*graph.input, *(helper.make_value_info(name, onnx.TypeProto()) for name in sorted(needed - produced))]
    whole = helper.make_graph(graph.node, "body", inputs, graph.output, graph.initializer)
    model = helper.make_model(whole, opset_imports=[helper.make_opsetid("", opset)])
    fed = {info.name: feeds[info.name] for info in inputs}
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer} | feeds
    values |= ReferenceEvaluator(model).run(None, fed, intermediate=True)
    tainted, counts = set(tainted), Counts()
    for node in graph.node:
        bodies = [attribute.g for attribute in node.attribute if attribute.type == onnx.AttributeProto.GRAPH]
        data = {*(node.input[:1] if node.op_type == "CastLike" else node.input)}.union(*map(_captured, bodies))
        if node.op_type in SHAPES_ONLY or not tainted & data:
            continue
        tainted.update(node.output)
        if node.op_type == "If":
            branch = bodies[
                [a.name for a in node.attribute].index("then_branch" if values[node.input[0]] else "else_branch")
            ]
            counts += _graph_counts(branch, opset, values, tainted)
        elif node.op_type == "Loop":
            counts += _loop_counts(node, bodies[0], opset, values)
        elif node.op_type == "Scan":
            counts += _scan_counts(node, bodies[0], opset, values)
        else:
            counts += _node_counts(node, opset, values, tainted)
    return counts


def _captured(graph: onnx.GraphProto) -> set[str]:
    """Names that the nodes of a graph use, in its own bodies too."""
    names = {name for node in graph.node for name in node.input}
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                names |= _captured(attribute.g)
    return names


def _loop_counts(node: onnx.NodeProto, body: onnx.GraphProto, opset: int, values: dict[str, Array]) -> Counts:
    """One trip, as often as the trip count says."""
    trips = int(values[node.input[0]])
    states = [values[name] for name in node.input[2:]]
    names = [info.name for info in body.input]
    feeds = values | dict(zip(names, [np.array(0), np.array(True), *states], strict=True))
    return _graph_counts(body, opset, feeds, set(names[2:])).scaled(trips)


def _scan_counts(node: onnx.NodeProto, body: onnx.GraphProto, opset: int, values: dict[str, Array]) -> Counts:
    """One step of a Scan over the first axes, as often as there are steps."""
    scanned = next(attribute.i for attribute in node.attribute if attribute.name == "num_scan_inputs")
    states = len(node.input) - scanned
    axes = next((tuple(attribute.ints) for attribute in node.attribute if attribute.name == "scan_input_axes"), ())
    feeds = dict(values)
    for position, (info, name) in enumerate(zip(body.input, node.input, strict=True)):
        axis = axes[position - states] if axes and position >= states else 0
        feeds[info.name] = values[name] if position < states else np.take(values[name], 0, axis)
    axis = axes[-1] if axes else 0
    steps = values[node.input[-1]].shape[axis]
    return _graph_counts(body, opset, feeds, {info.name for info in body.input}).scaled(steps)


def _node_counts(node: onnx.NodeProto, opset: int, values: Mapping[str, Array], tainted: set[str]) -> Counts:
    def operand(name: str) -> Operand | None:
        if not name:
            return None
        array = np.asarray(values[name])
        return Operand(TensorType(NAMES[array.dtype], array.shape), None if name in tainted else array, name)

    rule = find_rule(node.domain, node.op_type, opset)
    assert rule is not None, node.op_type
    inputs, outputs = tuple(map(operand, node.input)), tuple(map(operand, node.output))
    attributes = {attribute.name: attribute_value(attribute) for attribute in node.attribute}
    counts = rule.apply(OpView(node.op_type, node.domain, opset, inputs, outputs, attributes)).counts
    assert counts is not None, node.op_type
    return counts


def _filled(info: onnx.ValueInfoProto) -> Array:
    """Values that every body can be run on: positive, no two alike, and 0 for integers."""
    kind = info.type.tensor_type
    shape = tuple(dim.dim_value for dim in kind.shape.dim)
    dtype = helper.tensor_dtype_to_np_dtype(kind.elem_type)
    if dtype.kind != "f":
        return np.zeros(shape, dtype)
    return np.linspace(0.1, 0.9, int(np.prod(shape))).reshape(shape).astype(dtype)


def attribute_value(attribute: onnx.AttributeProto) -> object:
    """An attribute as the loader hands it to a rule."""
    value = helper.get_attribute_value(attribute)
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, onnx.TensorProto):
        return StoredTensor(TensorType(dtype_name(value.data_type), tuple(value.dims)), numpy_helper.to_array(value))
    if isinstance(value, list):
        return tuple(item.decode() if isinstance(item, bytes) else item for item in value)
    return value
