"""What `--quantize` asks for: a type for each kind of tensor, how many elements share a scale, and short names.

| short name | stands for |
|---|---|
| `as-exported` | nothing |
| `w4a16` | `weights=int4,activations=float16`; any of w2, w4, w8, w16 with a8 or a16 |
| `w4a16kv8` | the same with `cache=int8` |
| `fp8` | `weights=float8e4m3fn,activations=float8e4m3fn` |
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from msgspec import Struct
from msgspec.structs import replace

from onnx_roofline.base.errors import UsageError
from onnx_roofline.base.text import did_you_mean, shown
from onnx_roofline.base.units import DTYPE_BITS

AS_EXPORTED = "as-exported"

# The types of each kind. Signed integers and floats lie about 0 and have no offset, unsigned integers have one.
_BYTES = ("int8", "uint8", "float8e4m3fn", "float8e5m2")
FLOATS = ("float16", "bfloat16", "float32")
WEIGHT_TYPES = ("int2", "uint2", "int4", "uint4", "float4e2m1", *_BYTES)
KINDS: Mapping[str, tuple[str, ...]] = {
    "weights": WEIGHT_TYPES,
    "cache": _BYTES,
    "activations": (*_BYTES, *FLOATS),
}
# Elements along K that share a scale where nothing is said of narrow types. Source: the block size that
# MatMulNBitsQuantizer of onnxruntime 1.32 takes.
DEFAULT_GROUP = 128
_NARROW_BITS = 4
# Of a number of elements.
_DIGITS = 7
_OPTION = "--quantize"
_EXAMPLE = "weights=int4,cache=float8e4m3fn,activations=float16,group=128"
_SHORT = re.compile(r"w(2|4|8|16)a(8|16)(kv8)?")


class Precision(Struct, frozen=True):
    """The type of each kind, "" for that of the file; `group` is a number along K, "channel", "tensor" or "" (default).

    Prints itself as the option takes it.
    """

    weights: str = ""
    cache: str = ""
    activations: str = ""
    group: str = ""

    def __str__(self) -> str:
        stated = ((name, getattr(self, name)) for name in self.__struct_fields__)
        return ",".join(f"{name}={value}" for name, value in stated if value) or AS_EXPORTED

    @property
    def float_dtype(self) -> str:
        """The width that floating tensors are taken at; "" for that of the file."""
        return self.activations if self.activations in FLOATS else ""

    @property
    def changes_graph(self) -> bool:
        """Whether Q and DQ ops are to be inserted."""
        return bool(self.weights or self.cache or (self.activations and not self.float_dtype))

    @property
    def block(self) -> int:
        """Elements along K that share a scale of a weight; 0 where all of a channel, or of the tensor, do."""
        if self.group.isdecimal():
            return int(self.group)
        return DEFAULT_GROUP if not self.group and DTYPE_BITS[self.weights] <= _NARROW_BITS else 0


def parse_precisions(text: str) -> tuple[Precision, ...]:
    """The variants that one option names: `w8a8,w4a16` are two, `weights=int4,group=32` is one.

    Raises UsageError for what is unknown, contradicts itself or is said twice.

    >>> [str(one) for one in parse_precisions("as-exported,w4a16")]
    ['as-exported', 'weights=int4,activations=float16']
    >>> str(parse_precisions("group=32,weights=uint4")[0])
    'weights=uint4,group=32'
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(parts):
        raise UsageError(f"{_OPTION} {shown(text)}: found an empty part, wanted KIND=TYPE,..., such as {_EXAMPLE}")
    pairs = [part for part in parts if "=" in part]
    if not pairs:
        return tuple(dict.fromkeys(_short(part) for part in parts))
    if len(pairs) < len(parts):
        name = next(part for part in parts if "=" not in part)
        raise UsageError(f"{_OPTION} {shown(text)}: found {shown(name)} among KIND=TYPE; give {_OPTION} twice for both")
    return (_stated(text, pairs),)


def check_precision(found: object) -> str:
    """One variant in its own words; "" for the model as exported. Raises UsageError.

    >>> check_precision("w8a16"), check_precision("as-exported"), check_precision({"weights": "int4"})
    ('weights=int8,activations=float16', '', 'weights=int4')
    """
    if isinstance(found, Precision):
        found = str(found)
    if isinstance(found, Mapping):
        found = ",".join(f"{kind}={value}" for kind, value in found.items())
    if not isinstance(found, str):
        raise UsageError(f"{_OPTION}: found {shown(type(found).__name__, quotes=False)}, wanted a text: {_EXAMPLE}")
    if not found:
        return ""
    variants = parse_precisions(found)
    if len(variants) > 1:
        raise UsageError(f"{_OPTION} {shown(found)}: found {len(variants)} variants, wanted one; analyze compares them")
    return str(variants[0]) if variants[0] != Precision() else ""


def name_of(precision: Precision) -> str:
    """The short name of a precision, where it has one, else its kinds.

    >>> name_of(Precision("int8", "", "int8")), name_of(Precision("uint4", group="32"))
    ('w8a8', 'weights=uint4, group=32')
    """
    names = (AS_EXPORTED, "fp8", *(f"w{bits}a{wide}{cache}" for bits in ("2", "4", "8", "16") for wide in ("8", "16")
                                   for cache in ("", "kv8") if (bits, wide) != ("16", "8")))  # fmt: skip
    return next((name for name in names if _short(name) == precision), str(precision).replace(",", ", "))


def several(texts: Sequence[str]) -> tuple[Precision, ...]:
    """The variants that options name together, each once."""
    return tuple(dict.fromkeys(one for text in texts for one in parse_precisions(text)))


def one_precision(texts: Sequence[str]) -> str:
    """The one variant that options name. Raises UsageError for several."""
    found = several(texts)
    if len(found) > 1:
        raise UsageError(f"{_OPTION}: found {len(found)} variants, wanted one; analyze alone puts several side by side")
    return check_precision(found[0]) if found else ""


@lru_cache(maxsize=64)
def precision_of(text: str) -> Precision:
    """The record of a variant that has been checked."""
    return parse_precisions(text)[0] if text else Precision()


def _short(name: str) -> Precision:
    if name == AS_EXPORTED:
        return Precision()
    if name == "fp8":
        return Precision(weights="float8e4m3fn", activations="float8e4m3fn")
    match = _SHORT.fullmatch(name)
    if match is None or match[1] == "16" != match[2]:
        guess = did_you_mean(name, (AS_EXPORTED, "fp8", "w8a8", "w4a16", "w8a16"), listed=False)
        known = f"{AS_EXPORTED}, fp8, w8a8, w4a16, w8a16 and the like, or KIND=TYPE,..."
        raise UsageError(f"{_OPTION} {shown(name)}: wanted {known}{guess}")
    weights = "" if match[1] == "16" else f"int{match[1]}"
    activations = "float16" if match[2] == "16" else "int8"
    return Precision(weights, "int8" if match[3] else "", activations)


def _stated(text: str, pairs: list[str]) -> Precision:
    found: dict[str, str] = {}
    for pair in pairs:
        name, _, value = (part.strip() for part in pair.partition("="))
        if name in found:
            raise UsageError(f"{_OPTION} {shown(text)}: found {name} twice")
        found[name] = _group(value) if name == "group" else _type(name, value)
    if "group" in found and "weights" not in found:
        raise UsageError(f"{_OPTION} {shown(text)}: found a group and no weights; a cache has one scale a tensor")
    return replace(Precision(), **found)


def _type(kind: str, dtype: str) -> str:
    types = KINDS.get(kind)
    if types is None:
        guess = did_you_mean(kind, (*KINDS, "group"), listed=False)
        raise UsageError(f"{_OPTION} {shown(f'{kind}={dtype}')}: found no kind {shown(kind)}, wanted "
                         f"{', '.join(KINDS)} or group{guess}")  # fmt: skip
    if dtype in types:
        return dtype
    if dtype in FLOATS:
        raise UsageError(f"{_OPTION} {kind}={dtype}: floating {kind} have the type of the activations: say "
                         f"activations={dtype}")  # fmt: skip
    guess = did_you_mean(dtype, types, listed=False)
    raise UsageError(f"{_OPTION} {kind}={dtype}: wanted {', '.join(types[:-1])} or {types[-1]}{guess}")


def _group(value: str) -> str:
    if value in ("channel", "tensor"):
        return value
    if value.isascii() and value.isdecimal() and 0 < int(value[-_DIGITS:]) == int(value):
        return str(int(value))
    raise UsageError(
        f"{_OPTION} group={value}: wanted a number of elements from 1 to {10**_DIGITS - 1:,}, channel or tensor"
    )
