"""Types and attributes of MLIR as those of ONNX."""

import re
from typing import TYPE_CHECKING

from msgspec import Struct

from onnx_roofline.base.units import dtype_number

if TYPE_CHECKING:
    import onnx

# Element types by what MLIR prints; a sign is not part of them but for unsigned integers.
_DTYPES = {
    "f64": "float64", "f32": "float32", "f16": "float16", "bf16": "bfloat16",
    "f8E4M3FN": "float8e4m3fn", "f8E4M3FNUZ": "float8e4m3fnuz", "f8E5M2": "float8e5m2", "f8E5M2FNUZ": "float8e5m2fnuz",
    "f4E2M1FN": "float4e2m1", "f8E8M0FNU": "float8e8m0", "f6E2M3FN": "float6e2m3", "f6E3M2FN": "float6e3m2",
    "i1": "bool", "complex<f32>": "complex64", "complex<f64>": "complex128",
    "!onnx.String": "string", "!torch.str": "string", "index": "int64",
}  # fmt: skip
_INTEGER = re.compile(r"(u|s)?i([0-9]{1,2})")
_TENSOR = re.compile(r"tensor<(\*x|(?:(?:[0-9]+|\?)x)*)(.+)>")
_TORCH_TENSOR = re.compile(r"!torch\.v?tensor<(?:\*|\[([0-9?, ]*)\]),([^,>]+(?:<[^>]*>)?)>")
_CONTAINERS = (("sequence", "!onnx.Seq<"), ("optional", "!onnx.Opt<"), ("sequence", "!torch.list<"),
               ("optional", "!torch.optional<"))  # fmt: skip


class ValueType(Struct, frozen=True):
    """A type as ONNX has it: how its tensors are contained, the element type, and the dims (None: unknown)."""

    dtype: str = ""
    dims: tuple[int | None, ...] | None = None
    containers: tuple[str, ...] = ()

    def proto(self, names: "dict[int, str] | None" = None) -> "onnx.TypeProto":
        """The type with names for the dims that have one."""
        import onnx

        found = current = onnx.TypeProto()
        for container in self.containers:
            current = getattr(current, f"{container}_type").elem_type
        current.tensor_type.elem_type = dtype_number(self.dtype)
        if self.dims is not None:
            current.tensor_type.shape.SetInParent()
            for axis, size in enumerate(self.dims):
                dim = current.tensor_type.shape.dim.add()
                if size is not None:
                    dim.dim_value = size
                elif names and axis in names:
                    dim.dim_param = names[axis]
        return found


def dtype_of(text: str) -> str:
    """The ONNX element type of MLIR's; "" for one that ONNX does not have.

    >>> dtype_of("f32"), dtype_of("si64"), dtype_of("ui8"), dtype_of("i1"), dtype_of("!onnx.unknown")
    ('float32', 'int64', 'uint8', 'bool', '')
    """
    if text in _DTYPES:
        return _DTYPES[text]
    integer = _INTEGER.fullmatch(text)
    name = f"{'uint' if integer[1] == 'u' else 'int'}{integer[2]}" if integer else ""
    return name if dtype_number(name) else ""


def is_none(text: str) -> bool:
    """Whether a type is that of no value."""
    return text in ("none", "!torch.none")


def value_type(text: str) -> ValueType:
    """The type that MLIR prints as `text`; of an unknown one nothing is known.

    A `!torch.vtensor<[],f32>` is a scalar or a tensor whose rank the importer did not know, so its dims are open.

    >>> value_type("tensor<2x?xf32>")
    ValueType(dtype='float32', dims=(2, None), containers=())
    >>> value_type("!torch.vtensor<[?,64],si64>").dims, value_type("!torch.vtensor<[],f32>").dims
    ((None, 64), None)
    >>> value_type("!onnx.Seq<tensor<*xi1>>")
    ValueType(dtype='bool', dims=None, containers=('sequence',))
    """
    for container, opening in _CONTAINERS:
        if text.startswith(opening) and text.endswith(">"):
            inner = value_type(text[len(opening) : -1])
            return ValueType(inner.dtype, inner.dims, (container, *inner.containers))
    if found := _TENSOR.fullmatch(text):
        dims = None if found[1] == "*x" else tuple(map(_size, found[1].split("x")[:-1]))
        return ValueType(dtype_of(found[2]), dims)
    if found := _TORCH_TENSOR.fullmatch(text):
        sizes = [part.strip() for part in (found[1] or "").split(",") if part.strip()]
        return ValueType(dtype_of(found[2]), tuple(map(_size, sizes)) if sizes else None)
    return ValueType()


def _size(text: str) -> int | None:
    return None if text == "?" else int(text[:20])
