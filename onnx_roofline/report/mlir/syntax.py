"""MLIR's textual form of strings, types, tensors and attributes, as xDSL and MLIR's own parser read it.

Source: MLIR Language Reference (mlir.llvm.org/docs/LangRef), Builtin Dialect; types of onnx-mlir's dialect.
"""

import math
import re
import struct
from collections.abc import Iterable, Mapping

from onnx_roofline.base.units import COMPLEX_DTYPES, FLOAT_DTYPES, dtype_number
from onnx_roofline.ir.graph import AttributeReference, AttributeValue, LongList, StoredTensor, TensorType

# Element types by the name of the ONNX type; signless integers as onnx-mlir has them.
ELEMENT_TYPES: dict[str, str] = {
    "float32": "f32",
    "uint8": "ui8",
    "int8": "i8",
    "uint16": "ui16",
    "int16": "i16",
    "int32": "i32",
    "int64": "i64",
    "string": "!onnx.String",
    "bool": "i1",
    "float16": "f16",
    "float64": "f64",
    "uint32": "ui32",
    "uint64": "ui64",
    "complex64": "complex<f32>",
    "complex128": "complex<f64>",
    "bfloat16": "bf16",
    "float8e4m3fn": "f8E4M3FN",
    "float8e4m3fnuz": "f8E4M3FNUZ",
    "float8e5m2": "f8E5M2",
    "float8e5m2fnuz": "f8E5M2FNUZ",
    "uint4": "ui4",
    "int4": "i4",
    "float4e2m1": "f4E2M1FN",
    "float8e8m0": "f8E8M0FNU",
    "uint2": "ui2",
    "int2": "i2",
    "float6e2m3": "f6E2M3FN",
    "float6e3m2": "f6E3M2FN",
    "": "!onnx.unknown",
}
_CONTAINERS = {"sequence": "Seq", "optional": "Opt"}
_BARE = re.compile(r"[A-Za-z_][A-Za-z0-9_$.]*")
_UNSAFE = re.compile(r"[^A-Za-z0-9_$.]+")
# Characters of a name that becomes an identifier; longer ones are cut and numbered.
_IDENTIFIER_CHARACTERS = 60
# Bits of the integer type of a figure.
_FIGURE_BITS = 64


def string(text: str) -> str:
    r"""A string literal in ASCII: what is not plain is written as the bytes of its UTF-8 form.

    >>> print(string('a"b' + chr(92) + chr(233)))
    "a\22b\5C\C3\A9"
    """
    data = text.encode("utf-8", "surrogatepass")
    return '"' + "".join(chr(b) if 32 <= b < 127 and b not in (34, 92) else f"\\{b:02X}" for b in data) + '"'


def location_text(name: str) -> str:
    r"""A name as the text of a location: xDSL reads no escapes there, so that what is not plain is percent-encoded.

    >>> location_text("/conv1/Conv:0"), location_text('a"' + chr(233))
    ('/conv1/Conv:0', 'a%22%C3%A9')
    """
    return "".join(
        c if " " <= c <= "~" and c not in '"\\' else "".join(f"%{b:02X}" for b in c.encode("utf-8", "surrogatepass"))
        for c in name
    )


def element_type(dtype: str) -> str:
    """The element type of an ONNX type."""
    return ELEMENT_TYPES[dtype]


def tensor_type(kind: TensorType | None) -> str:
    """The type of a value; `none` where there is none.

    >>> tensor_type(TensorType("int64", (2, None))), tensor_type(TensorType("", None)), tensor_type(None)
    ('tensor<2x?xi64>', 'tensor<*x!onnx.unknown>', 'none')
    >>> tensor_type(TensorType("float32", (), container="sequence"))
    '!onnx.Seq<tensor<f32>>'
    """
    if kind is None:
        return "none"
    if kind.container == "map":
        return "!onnx.Map"
    dims = "*x" if kind.shape is None else "".join("?x" if dim is None else f"{dim}x" for dim in kind.shape)
    text = f"tensor<{dims}{element_type(kind.dtype)}>"
    name = _CONTAINERS.get(kind.container)
    return text if name is None else f"!onnx.{name}<{text}>"


def identifier(name: str) -> str:
    """A name as an identifier, not unique: characters that none may have become `_`; "" stays empty.

    >>> identifier("/conv1/Conv:0"), identifier("1"), identifier("")
    ('conv1_Conv_0', '_1', '')
    """
    text = _UNSAFE.sub("_", name).strip("_")[:_IDENTIFIER_CHARACTERS]
    return f"_{text}" if text[:1].isdigit() or text[:1] in ("$", ".") else text


def float_literal(value: float, bits: int = 32) -> str:
    """A float with a point, as the grammar wants it; the bits in hexadecimal where it is not finite.

    >>> float_literal(1e-05), float_literal(3.0), float_literal(-math.inf), float_literal(math.inf, 64)
    ('1.0e-05', '3.0', '0xFF800000', '0x7FF0000000000000')
    """
    if not math.isfinite(value):
        code = {16: "e", 32: "f", 64: "d"}[bits]
        return "0x" + struct.pack(f">{code}", value).hex().upper()
    mantissa, _, exponent = repr(value).partition("e")
    mantissa = mantissa if "." in mantissa else f"{mantissa}.0"
    return f"{mantissa}e{exponent}" if exponent else mantissa


def integer(value: int) -> str:
    """A figure as an integer attribute, wider than 64 bits only where it must be.

    >>> integer(3), integer(2**63)
    ('3 : i64', '9223372036854775808 : i128')
    """
    bits = max(_FIGURE_BITS, 1 << value.bit_length().bit_length())
    return f"{value} : i{bits if value.bit_length() >= _FIGURE_BITS else _FIGURE_BITS}"


def figure(value: float | str) -> str:
    """A figure of the analysis as an attribute: i64, f64 or a string."""
    if isinstance(value, str):
        return string(value)
    return integer(value) if isinstance(value, int) else f"{float_literal(value, 64)} : f64"


def dictionary(entries: Mapping[str, str]) -> str:
    """`{a = 1 : i64, u}`; an entry with the text "" is a unit attribute."""
    shown = ((key if _BARE.fullmatch(key) else string(key), value) for key, value in entries.items())
    return "{" + ", ".join(f"{key} = {value}" if value else key for key, value in shown) + "}"


def array(items: Iterable[str]) -> str:
    """`[a, b]`."""
    return "[" + ", ".join(items) + "]"


class Resources:
    """Keys of the tensors whose values are left out; bytes that two tensors share have one key."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._by_alias: dict[tuple[str, int, int], str] = {}

    def key(self, name: str, alias: tuple[str, int, int] | None = None) -> str:
        """A key of its own for a tensor, or that of the tensor with the same bytes."""
        if alias is not None and alias in self._by_alias:
            return self._by_alias[alias]
        key = unique(identifier(name) or "tensor", self._taken)
        if alias is not None:
            self._by_alias[alias] = key
        return key


def unique(name: str, taken: set[str]) -> str:
    """The name, numbered where it is taken; it is taken from then on."""
    chosen, number = name, 1
    while chosen in taken:
        number += 1
        chosen = f"{name}_{number}"
    taken.add(chosen)
    return chosen


def stored_tensor(stored: StoredTensor, kind: TensorType, name: str, resources: Resources) -> str:
    """`dense<...>` of few values that are known, else `dense_resource<key>`, whose bytes are left out."""
    text = tensor_type(kind)
    if stored.value is None:
        return f"dense_resource<{resources.key(name, stored.alias)}> : {text}"
    values = stored.value.reshape(-1).tolist()
    if not values:
        return f"dense<> : {text}"
    if kind.dtype in COMPLEX_DTYPES or (kind.dtype in FLOAT_DTYPES and not all(map(math.isfinite, values))):
        # Both parsers read these differently, and no shape follows from them.
        return f"dense_resource<{resources.key(name)}> : {text}"
    literals = [_literal(value, kind.dtype) for value in values]
    return f"dense<{_nested(literals, kind.dims)}> : {text}"


def _literal(value: float, dtype: str) -> str:
    if dtype == "bool":
        return "true" if value else "false"
    return float_literal(float(value)) if dtype in FLOAT_DTYPES else str(int(value))


def _nested(literals: list[str], dims: tuple[int, ...]) -> str:
    for dim in reversed(dims):
        literals = [array(literals[i : i + dim]) for i in range(0, len(literals), dim)]
    return literals[0]


def attribute(value: AttributeValue | AttributeReference, name: str, resources: Resources) -> str:
    """An attribute of an op as onnx-mlir types it; `name` names the values that are left out."""
    if isinstance(value, AttributeReference):
        return dictionary({"onnx.reference": string(value.name)})
    if isinstance(value, StoredTensor):
        return stored_tensor(value, value.type, name, resources)
    if isinstance(value, LongList):
        return _long_list(value, name, resources)
    if isinstance(value, tuple):
        return array(f"{_scalar(item)} : f32" if isinstance(item, float) else _scalar(item) for item in value)
    if isinstance(value, int):
        return f"{value} : si64"
    return f"{_scalar(value)} : f32" if isinstance(value, float) else _scalar(value)


def _scalar(value: float | str | bytes) -> str:
    if isinstance(value, bytes):
        return string(value.decode("utf-8", "backslashreplace"))
    if isinstance(value, str):
        return string(value)
    return str(value) if isinstance(value, int) else float_literal(value)


def _long_list(value: LongList, name: str, resources: Resources) -> str:
    """The whole numbers or texts of a long list; one of which only the length is known is left out as a tensor is."""
    if value.numbers is None:
        return f"dense_resource<{resources.key(name)}> : tensor<{value.count}xf32>"
    numbers = value.numbers.tolist()
    return array(string(value.texts[number]) if value.texts else str(number) for number in numbers)


def type_attribute(number: int) -> str | None:
    """The element type of a TensorProto.DataType number as an attribute, as onnx-mlir writes Cast's `to`."""
    return next((text for dtype, text in ELEMENT_TYPES.items() if dtype and dtype_number(dtype) == number), None)
