"""Widths of the ONNX element types, SI formatting, and the arithmetic that op rules use on dims."""

from collections.abc import Iterable

# One multiply-accumulate is two floating-point operations (the convention of XLA and of every datasheet peak).
FLOPS_PER_MAC = 2

# Bits of one element in memory, by the ONNX TensorProto.DataType name in lower case, numpy spelling where it differs.
# Source: onnx.proto3, TensorProto.DataType; sub-byte types pack several elements into a byte.
DTYPE_BITS: dict[str, int] = {
    "float32": 32,
    "uint8": 8,
    "int8": 8,
    "uint16": 16,
    "int16": 16,
    "int32": 32,
    "int64": 64,
    "bool": 8,
    "float16": 16,
    "float64": 64,
    "uint32": 32,
    "uint64": 64,
    "complex64": 64,
    "complex128": 128,
    "bfloat16": 16,
    "float8e4m3fn": 8,
    "float8e4m3fnuz": 8,
    "float8e5m2": 8,
    "float8e5m2fnuz": 8,
    "uint4": 4,
    "int4": 4,
    "float4e2m1": 4,
    "float8e8m0": 8,
    "uint2": 2,
    "int2": 2,
    "float6e2m3": 6,
    "float6e3m2": 6,
}

# Source: onnx.proto3, TensorProto.DataType, in the order of its numbers; "" is UNDEFINED.
_DTYPE_NAMES = (
    "", "float32", "uint8", "int8", "uint16", "int16", "int32", "int64", "string", "bool", "float16", "float64",
    "uint32", "uint64", "complex64", "complex128", "bfloat16", "float8e4m3fn", "float8e4m3fnuz", "float8e5m2",
    "float8e5m2fnuz", "uint4", "int4", "float4e2m1", "float8e8m0", "uint2", "int2",
    "float6e2m3", "float6e3m2",
)  # fmt: skip


def dtype_name(number: int) -> str:
    """Name of a TensorProto.DataType number; "" where the format does not define it.

    >>> dtype_name(1), dtype_name(22), dtype_name(99)
    ('float32', 'int4', '')
    """
    return _DTYPE_NAMES[number] if 0 <= number < len(_DTYPE_NAMES) else ""


def dtype_number(name: str) -> int:
    """TensorProto.DataType number of a name; 0 (UNDEFINED) for an unknown one."""
    return _DTYPE_NAMES.index(name) if name in _DTYPE_NAMES else 0


FLOAT_DTYPES = frozenset(name for name in DTYPE_BITS if "float" in name)
COMPLEX_DTYPES = frozenset({"complex64", "complex128"})
INTEGER_DTYPES = frozenset(name for name in DTYPE_BITS if "int" in name) | {"bool"}


def tensor_bytes(dtype: str, elements: int) -> int | None:
    """Bytes of `elements` packed elements, or None for a type without a fixed width (string, unknown).

    >>> tensor_bytes("int4", 5), tensor_bytes("float32", 5), tensor_bytes("string", 5)
    (3, 20, None)
    """
    bits = DTYPE_BITS.get(dtype)
    return None if bits is None else ceil_div(elements * bits, 8)


def ceil_div(numerator: int, denominator: int) -> int:
    """Quotient rounded up, exact for integers of any size.

    >>> ceil_div(7, 2), ceil_div(6, 2)
    (4, 3)
    """
    return -(-numerator // denominator)


def dmin(*dims: int) -> int:
    """Smallest of several dims; rules use it in place of comparisons.

    >>> dmin(3, 2)
    2
    """
    return min(dims)


def dmax(*dims: int) -> int:
    """Largest of several dims; rules use it in place of comparisons.

    >>> dmax(3, 2)
    3
    """
    return max(dims)


def product(dims: Iterable[int]) -> int:
    """Product of dims; 1 for a scalar.

    >>> product((2, 3, 4)), product(())
    (24, 1)
    """
    result = 1
    for dim in dims:
        result *= dim
    return result
