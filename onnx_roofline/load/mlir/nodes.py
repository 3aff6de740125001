"""What one op of an MLIR module says: which operator of ONNX it is, its attributes, its names."""

import re
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from xdsl.ir import Attribute, Operation

# The namespace of what this tool writes beside the ops.
OURS = "onnx_roofline."
# Ops that onnx-mlir makes of a special case of an operator.
_SPECIAL_CASES = {"MaxPoolSingleOut": "MaxPool", "BatchNormalizationInferenceMode": "BatchNormalization"}
# An operator of an older opset: `SqueezeV11`.
_VERSIONED = re.compile(r"([A-Z][A-Za-z]*[a-zA-Z0-9]?)V([0-9]{1,2})")
# Attributes that onnx-mlir and MLIR add to those of ONNX.
_NOT_OF_ONNX = frozenset({"onnx_node_name", "domain_name", "function_name", "inputs_for_infer", "output_element_type",
                          "shape_infer_pattern", "callee", "op_name__"})  # fmt: skip
_TORCH = "torch.onnx."


class Head(Struct, frozen=True):
    """The operator that an op stands for, its attributes by ONNX's names, and the names of its regions in order.

    `version` is set where it is not that of the module: onnx-mlir names an older one, `onnx_roofline.version` any.
    `callee` is the symbol of a function that is called.
    """

    domain: str
    op_type: str
    attributes: "dict[str, Attribute]"
    bodies: tuple[str, ...] = ()
    version: int | None = None
    callee: str = ""
    is_guessed: bool = False


def op_name(op: "Operation") -> str:
    """The name of an op, whether its dialect is known or not."""
    name = getattr(op, "op_name", None)
    return name.data if name is not None else op.name


def all_attributes(op: "Operation") -> "dict[str, Attribute]":
    """Properties and attributes of an op together."""
    return {**op.attributes, **op.properties}


def text(value: "Attribute | None") -> str:
    """The text of a string attribute, the symbol of a reference; "" for anything else."""
    from xdsl.dialects.builtin import BytesAttr, StringAttr, SymbolRefAttr

    if isinstance(value, StringAttr):
        return value.data
    if isinstance(value, BytesAttr):
        return value.data.decode("utf-8", "backslashreplace")
    return value.root_reference.data if isinstance(value, SymbolRefAttr) else ""


def texts(value: "Attribute | None") -> tuple[str, ...]:
    """The texts of an array of strings; none for anything else."""
    from xdsl.dialects.builtin import ArrayAttr

    return tuple(map(text, value.data)) if isinstance(value, ArrayAttr) else ()


def integer(value: "Attribute | None") -> int | None:
    """The value of an integer attribute; None for anything else."""
    from xdsl.dialects.builtin import IntegerAttr

    return int(value.value.data) if isinstance(value, IntegerAttr) else None


def entries(value: "Attribute | None") -> "Mapping[str, Attribute]":
    """The entries of a dictionary attribute; none for anything else."""
    from xdsl.dialects.builtin import DictionaryAttr

    return value.data if isinstance(value, DictionaryAttr) else {}


def versions(value: "Attribute | None") -> dict[str, int]:
    """Versions by domain of a dictionary attribute of integers."""
    found = {("" if domain == "ai.onnx" else domain): integer(version) for domain, version in entries(value).items()}
    return {domain: version for domain, version in found.items() if version is not None}


def head_of(op: "Operation", opsets: Mapping[str, int]) -> Head:
    """The operator of an op; one of another dialect is an op of a domain of that name, which no rule knows."""
    name, found = op_name(op), all_attributes(op)
    if name == "torch.operator":
        kept = {key.removeprefix(_TORCH): value for key, value in found.items() if key.startswith(_TORCH)}
        dialect, _, op_type = text(found.get("name")).partition(".")
        # The importer sorts the bodies by name.
        bodies: tuple[str, ...] = ("else_branch", "then_branch") if op_type == "If" else ("body",)
        domain, is_guessed = ("" if dialect == "onnx" else dialect), False
        if not domain and not _is_known(op_type, ""):
            # It drops the domain too.
            domain = "ai.onnx.ml" if _is_known(op_type, "ai.onnx.ml") else "com.microsoft"
            is_guessed = domain not in opsets
        return Head(domain, op_type, kept, bodies, is_guessed=is_guessed)
    kept = {
        key: value
        for key, value in found.items()
        if key not in _NOT_OF_ONNX
        and not key.startswith(OURS)
        and not key.lower().endswith(("segmentsizes", "segment_sizes"))
    }
    stated = integer(found.get(f"{OURS}version"))
    dialect, _, op_type = name.partition(".")
    bodies = texts(found.get(f"{OURS}bodies")) or (("then_branch", "else_branch") if op_type == "If" else ("body",))
    if callee := text(found.get("callee")):
        return Head("", op_type, kept, bodies, callee=callee)
    if name == "onnx.Custom":
        return Head(text(found.get("domain_name")), text(found.get("function_name")), kept, bodies, stated)
    if dialect != "onnx":
        return Head(dialect, op_type, kept, bodies)
    if op_type == "Dim":
        # onnx-mlir's own: the size of one axis.
        axis = found.get("axis")
        return Head("", "Shape", {"start": axis, **_end(axis)} if axis is not None else {}, bodies)
    op_type = _SPECIAL_CASES.get(op_type, op_type)
    versioned = _VERSIONED.fullmatch(op_type)
    if versioned and not _is_known(op_type, ""):
        return Head("", versioned[1], kept, bodies, int(versioned[2]))
    if not _is_known(op_type, "") and _is_known(op_type, "ai.onnx.ml"):
        return Head("ai.onnx.ml", op_type, kept, bodies, stated)
    return Head("", op_type, kept, bodies, stated)


def _end(axis: "Attribute") -> "dict[str, Attribute]":
    from xdsl.dialects.builtin import IntegerAttr

    number = integer(axis)
    # An end of 0 would be before the last axis.
    return {} if number in (None, -1) else {"end": IntegerAttr(number + 1, 64)}


@cache
def _is_known(op_type: str, domain: str) -> bool:
    import onnx

    return bool(onnx.defs.has(op_type, domain))


@cache
def attribute_kinds(domain: str, op_type: str, version: int) -> Mapping[str, int]:
    """AttributeProto.AttributeType of an operator's attributes; none for an operator that the onnx library lacks."""
    import onnx

    try:
        schema = onnx.defs.get_schema(op_type, version, domain)
    except onnx.defs.SchemaError:
        return {}
    return {name: int(attribute.type) for name, attribute in schema.attributes.items()}  # type: ignore[call-overload]


def location_name(op: "Operation") -> str:
    """The name in an op's location; "" where it has none."""
    from xdsl.dialects.builtin import NameLoc

    return text(op.location.desc) if isinstance(op.location, NameLoc) else ""


def node_name(op: "Operation") -> str:
    """The name of an op's node: the attribute of onnx-mlir, else its location."""
    return text(all_attributes(op).get("onnx_node_name")) or location_name(op)
