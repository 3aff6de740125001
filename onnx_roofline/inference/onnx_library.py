"""The onnx library's inference of one op: types in, types out, with the values of small inputs where they are known.

The only caller of the library's C++ inference. It is called for single ops without bodies, so its time is bounded by
the op and not by the graph.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from msgspec.structs import replace

from onnx_roofline.base.errors import ShapeError
from onnx_roofline.base.units import DTYPE_BITS, FLOAT_DTYPES, dtype_name, dtype_number
from onnx_roofline.ir.graph import LongList, Op, TensorType
from onnx_roofline.ops.cost.lookup import traits_of

if TYPE_CHECKING:
    import onnx

    from onnx_roofline.ir.graph import Array


@lru_cache(maxsize=4096)
def find_schema(domain: str, op_type: str, version: int) -> "onnx.defs.OpSchema | None":
    """The schema of an op at an opset version; the newest one where the op is newer than that, as in files that an
    optimiser wrote (LayerNormalization at opset 14). None where the onnx library does not know the op.
    """
    from onnx import defs

    for asked in ((op_type, version, domain), (op_type, domain)):
        try:
            return defs.get_schema(*asked)
        except defs.SchemaError:
            continue
    return None


def check_arity(op: Op, schema: "onnx.defs.OpSchema") -> None:
    """Raise ShapeError for a number of operands that the schema does not allow, or a missing attribute."""
    given = len(op.inputs)
    if given > schema.max_input or given < schema.min_input:
        wanted = str(schema.min_input) if schema.min_input == schema.max_input else (
            f"{schema.min_input} to {schema.max_input}")  # fmt: skip
        raise ShapeError(f"found {given} inputs, wanted {wanted}")
    if len(op.outputs) > schema.max_output:
        raise ShapeError(f"found {len(op.outputs)} outputs, wanted at most {schema.max_output}")
    for name in _required_attributes(op.domain, op.op_type, op.version):
        if name not in op.attributes and name not in op.bodies:
            raise ShapeError(f"found no attribute {name!r}, which {op.op_type} needs")


@lru_cache(maxsize=4096)
def _required_attributes(domain: str, op_type: str, version: int) -> tuple[str, ...]:
    schema = find_schema(domain, op_type, version)
    return () if schema is None else tuple(name for name, item in schema.attributes.items() if item.required)


def infer_outputs(
    op: Op, inputs: tuple[TensorType | None, ...], values: tuple["Array | None", ...]
) -> tuple[TensorType, ...] | None:
    """Types of an op's outputs, or None where the library does not know the op.

    Raises ShapeError with the library's reason where the operands contradict each other.
    """
    schema = find_schema(op.domain, op.op_type, op.version)
    if schema is None:
        return None
    _check_attributes(op, inputs)
    inputs = tuple(None if kind is None else _within_int64(kind) for kind in inputs)
    try:
        return _ask(op, schema, inputs, values)
    except ShapeError as error:
        if any(name and kind is not None and not kind.dtype for name, kind in zip(op.inputs, inputs, strict=True)):
            # The library demands a type of every operand; an operand of which nothing is known contradicts nothing.
            return None
        if "unsupported type" in str(error) and _moves_any_type(op):
            return _with_stand_ins(op, schema, inputs, values)
        if "overflow" not in str(error):
            raise
    # Sizes that C++ integers do not hold are no contradiction: ask again without them.
    small = tuple(None if kind is None else _below(kind, 2**31) for kind in inputs)
    return _ask(op, schema, small, (None,) * len(values))


# Types that the schemas of older moves don't list, and what has their width.
_STAND_INS = {dtype: "uint8" for dtype in FLOAT_DTYPES if DTYPE_BITS[dtype] == 8}


def _moves_any_type(op: Op) -> bool:
    """Whether an op only moves elements or asks for their number, so that their type does not matter."""
    traits = traits_of(op)
    is_move = traits.quantized_form == "move" or traits.joins or traits.permutes or bool(traits.updates_at)
    return is_move or traits.asks_shape


def _with_stand_ins(
    op: Op, schema: "onnx.defs.OpSchema", inputs: tuple[TensorType | None, ...], values: tuple["Array | None", ...]
) -> tuple[TensorType, ...] | None:
    """The answer for 8-bit floats where the schema lists none: that for as many bytes, with the type put back."""
    found = {kind.dtype for kind in inputs if kind is not None and kind.dtype in _STAND_INS}
    replaced = tuple(None if kind is None else replace(kind, dtype=_STAND_INS.get(kind.dtype, kind.dtype))
                     for kind in inputs)  # fmt: skip
    made = _ask(op, schema, replaced, values)
    if made is None or len(found) != 1:
        return made
    (dtype,) = found
    return tuple(replace(kind, dtype=dtype) if kind.dtype in _STAND_INS.values() else kind for kind in made)


def _ask(
    op: Op, schema: "onnx.defs.OpSchema", inputs: tuple[TensorType | None, ...], values: tuple["Array | None", ...]
) -> tuple[TensorType, ...] | None:
    from onnx import numpy_helper
    from onnx.checker import ValidationError
    from onnx.shape_inference import InferenceError, infer_node_outputs

    types: dict[str, onnx.TypeProto] = {}
    data: dict[str, onnx.TensorProto] = {}
    for name, kind, value in zip(op.inputs, inputs, values, strict=True):
        if not name or kind is None:
            continue
        types[name] = _type_proto(kind)
        if value is not None:
            data[name] = numpy_helper.from_array(value, name)
    node = _with_lists(node_of(op), op.attributes)
    try:
        imports = _imports(op.domain, max(op.version, schema.since_version))
        found = infer_node_outputs(schema, node, types, data, opset_imports=imports)
    except ValidationError as error:
        # The checks of a bare node know neither optionals nor maps.
        if any(kind is not None and kind.container != "tensor" for kind in inputs):
            return None
        raise ShapeError(_reason(error)) from None
    except (InferenceError, RuntimeError, ValueError, KeyError, TypeError, OverflowError, MemoryError) as error:
        raise ShapeError(_reason(error)) from None
    return tuple(_tensor_type(found.get(name)) for name in op.outputs)


# Entries of long lists up to which they are written out for the library, which reads their lengths and, of few, values.
_WRITTEN_ENTRIES = 1 << 20


def _with_lists(node: "onnx.NodeProto", attributes: Mapping[str, object]) -> "onnx.NodeProto":
    """The node with its long lists written out: whole numbers as they are, anything else as so many zeros.

    Longer ones stay a tensor of their length, which the library takes for the list where it asks for the length.
    """
    lists = {name: value for name, value in attributes.items() if isinstance(value, LongList)}
    if not lists or sum(map(len, lists.values())) > _WRITTEN_ENTRIES:
        return node
    written = type(node)()
    written.CopyFrom(node)
    for attribute in written.attribute:
        found = lists.get(attribute.name)
        if found is None or attribute.ref_attr_name:
            continue
        attribute.ClearField("t")
        if attribute.type == attribute.INTS and found.numbers is not None:
            attribute.ints.extend(found.numbers.tolist())
        elif attribute.type == attribute.FLOATS:
            attribute.floats.extend([0.0] * len(found))
        elif attribute.type == attribute.STRINGS:
            attribute.strings.extend([b""] * len(found))
    return written


# Attributes that name an axis or a small count. The library narrows them to 32 bits, where 2**32 becomes 0.
_SMALL_ATTRIBUTES = ("axis", "axes", "perm", "batch_dims", "group", "blocksize", "scan_input_axes")


def _check_attributes(op: Op, inputs: tuple[TensorType | None, ...]) -> None:
    """Raise ShapeError for attributes that the library takes without a look."""
    count = op.attributes.get("num_outputs")
    if op.op_type == "Split" and isinstance(count, int) and count != len(op.outputs):
        # It would build a list of that length first.
        raise ShapeError(f"found num_outputs {count} and {len(op.outputs)} outputs, wanted the same number")
    for name in _SMALL_ATTRIBUTES:
        value = op.attributes.get(name)
        for item in value if isinstance(value, tuple) else (value,):
            if isinstance(item, int) and not -(2**31) <= item < 2**31:
                raise ShapeError(f"found {name} {item}, wanted a number of a sensible size")
    if op.op_type in ("Conv", "ConvTranspose"):
        _check_channels(op, inputs)


def _check_channels(op: Op, inputs: tuple[TensorType | None, ...]) -> None:
    """Raise ShapeError where input channels, weight and group of a convolution contradict each other."""
    group = op.attributes.get("group", 1)
    if not isinstance(group, int) or group < 1:
        raise ShapeError(f"found group {group!r}, wanted 1 or more")
    shapes = [kind.shape for kind in inputs[:2] if kind is not None and kind.exact and kind.shape is not None]
    if len(shapes) < 2 or any(len(shape) < 2 for shape in shapes):
        return
    (_, channels, *_), (first, second, *_) = shapes
    wanted, outputs = (second * group if second is not None else None, first) if op.op_type == "Conv" else (first, None)
    if channels is not None and wanted is not None and channels != wanted:
        raise ShapeError(f"found {channels} input channels, wanted {wanted} as the weight and group {group} say")
    if outputs is not None and outputs % group:
        raise ShapeError(f"found {outputs} output channels, wanted a multiple of group {group}")


def _within_int64(kind: TensorType) -> TensorType:
    """The type with dims that protobuf can't hold left open."""
    return _below(kind, 2**63)


def _below(kind: TensorType, limit: int) -> TensorType:
    if kind.shape is None or all(dim is None or dim < limit for dim in kind.shape):
        return kind
    return replace(kind, shape=tuple(dim if dim is None or dim < limit else None for dim in kind.shape))


@lru_cache(maxsize=64)
def _imports(domain: str, version: int) -> "list[onnx.OperatorSetIdProto]":
    from onnx import helper

    return [helper.make_opsetid(domain, version)]


def _reason(error: Exception) -> str:
    """The library's message without its call sites, on one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = lines[-1] if lines else type(error).__name__
    for marker in ("[ShapeInferenceError] ", "[TypeInferenceError] "):
        text = text.rpartition(marker)[2]
    return text[:300]


@lru_cache(maxsize=4096)
def _type_proto(kind: TensorType) -> "onnx.TypeProto":
    from onnx import TypeProto, helper

    if kind.container == "map" or not kind.dtype:
        return TypeProto()
    shape = None if kind.shape is None else list(kind.shape)
    proto = helper.make_tensor_type_proto(dtype_number(kind.dtype), shape)
    if kind.container == "sequence":
        return helper.make_sequence_type_proto(proto)
    if kind.container == "optional":
        return helper.make_optional_type_proto(proto)
    return proto


def _tensor_type(proto: "onnx.TypeProto | None") -> TensorType:
    container = "tensor"
    current = proto
    while current is not None:
        kind = current.WhichOneof("value")
        if kind in ("tensor_type", "sparse_tensor_type"):
            tensor = getattr(current, kind)
            shape = None
            if tensor.HasField("shape"):
                shape = tuple(d.dim_value if d.HasField("dim_value") else None for d in tensor.shape.dim)
            return TensorType(dtype_name(tensor.elem_type), shape, container=container)
        if kind in ("sequence_type", "optional_type"):
            container = "sequence" if kind == "sequence_type" or container == "sequence" else "optional"
            current = getattr(current, kind).elem_type
            continue
        if kind == "map_type":
            return TensorType("", None, container="map")
        break
    return TensorType("", None)


def known_attributes(attributes: Mapping[str, object]) -> tuple[tuple[str, object], ...]:
    """Attributes as a hashable key; tensors by identity, since a file holds each once."""
    return tuple((name, value if isinstance(value, int | float | str | tuple) else id(value))
                 for name, value in attributes.items())  # fmt: skip


def node_of(op: Op) -> "onnx.NodeProto":
    """The node of an op as a message."""
    from onnx import NodeProto

    if isinstance(op.proto, bytes):
        node: onnx.NodeProto = NodeProto.FromString(op.proto)
        return node
    assert isinstance(op.proto, NodeProto)
    return op.proto


def node_with_attributes(op: Op, attributes: Mapping[str, object]) -> "onnx.NodeProto":
    """A copy of a node whose attribute references are replaced by the values of a call; others are dropped."""
    import onnx
    from onnx import helper

    node = onnx.NodeProto()
    node.CopyFrom(node_of(op))
    kept = [attribute for attribute in node.attribute if not attribute.ref_attr_name]
    references = [attribute.name for attribute in node.attribute if attribute.ref_attr_name]
    del node.attribute[:]
    node.attribute.extend(kept)
    for name in references:
        value = attributes.get(name)
        if isinstance(value, int | float | str) or (isinstance(value, tuple) and value):
            node.attribute.append(helper.make_attribute(name, value))
    return node


def with_names(op: Op, inputs: tuple[str, ...], outputs: tuple[str, ...]) -> Op:
    """An op between other tensors, its node too."""
    if op.proto is None:
        return replace(op, inputs=inputs, outputs=outputs)
    import onnx

    node = onnx.NodeProto()
    node.CopyFrom(node_of(op))
    del node.input[:], node.output[:]
    node.input.extend(inputs)
    node.output.extend(outputs)
    return replace(op, inputs=inputs, outputs=outputs, proto=node)


def new_node(op_type: str, inputs: tuple[str, ...], outputs: tuple[str, ...], attributes: Mapping[str, int]) -> bytes:
    """A node that no file has, of the default domain."""
    from onnx import helper

    node = helper.make_node(op_type, list(inputs), list(outputs))
    node.attribute.extend(helper.make_attribute(name, value) for name, value in attributes.items())
    found: bytes = node.SerializeToString()
    return found
