"""Quantisation: Q/DQ ops fold into the op that they stand around, as every int8 runtime executes them.

An op whose floating inputs all come from DequantizeLinear of 8-bit or narrower tensors computes on the quantised
tensors; a QuantizeLinear that alone reads its result is its requantisation. An op with only its weight dequantised
(weight-only) computes in floating point and reads the weight at its stored width. Scales and zero points are read too.

Ignores what a given runtime can't fuse: the ops that fold are those of onnxruntime's QDQ selectors.
Source: onnxruntime, core/optimizer/qdq_transformer/selectors_actions.
"""

from collections.abc import Mapping
from typing import ClassVar

from msgspec import Struct

from onnx_roofline.base.units import DTYPE_BITS
from onnx_roofline.ir.graph import Model, TensorType, op_reads
from onnx_roofline.ir.pipeline import PassResult
from onnx_roofline.ir.records import Folding, TypedOp
from onnx_roofline.ir.tensor_index import scope_outputs
from onnx_roofline.ops.cost.lookup import traits_of

# Widest element that counts as quantised data; int32 is what biases are stored in.
_QUANTIZED_BITS = 8
_UNFOLDED = Folding()


class QuantizationFolding(Struct, frozen=True):
    """A DequantizeLinear vanishes if every reader of its result takes it over; else it stays for the others."""

    name: ClassVar[str] = "quantization"
    requires: ClassVar[tuple[type, ...]] = (TypedOp,)
    produces: ClassVar[type] = Folding

    def run(self, model: Model) -> PassResult:
        """A Folding for every row."""
        rows = model.column(TypedOp)
        if not any(traits_of(row.op).dequantizes for row in rows.values()):
            return PassResult(dict.fromkeys(rows, _UNFOLDED))
        producers: dict[tuple[str, str], str] = {}
        readers: dict[tuple[str, str], list[str]] = {}
        for key, row in rows.items():
            producers.update(((row.scope, name), key) for name in row.op.outputs if name)
            for name in dict.fromkeys(op_reads(row.op)):
                readers.setdefault((row.scope, name), []).append(key)
        kept = set(scope_outputs(model))
        found: dict[str, Folding] = {}
        for key, row in rows.items():
            if traits_of(row.op).quantized_form != "none" and row.role == "compute":
                folding = _fold(row, rows, producers, readers, kept)
                if folding is not None:
                    found[key] = folding
        _take_over(found, rows, readers, kept)
        return PassResult({key: found.get(key, _UNFOLDED) for key in rows})


def _fold(
    row: TypedOp,
    rows: Mapping[str, TypedOp],
    producers: Mapping[tuple[str, str], str],
    readers: Mapping[tuple[str, str], list[str]],
    kept: set[tuple[str, str]],
) -> Folding | None:
    """How one op computes on quantised tensors, or None where it does not."""
    traits = traits_of(row.op)
    sources: list[tuple[TensorType, ...] | None] = []
    absorbed: list[str] = []
    float_inputs, quantized = 0, 0
    for position, (name, kind) in enumerate(zip(row.op.inputs, row.inputs, strict=True)):
        producer = producers.get((row.scope, name)) if name else None
        is_float = kind is not None and kind.dtype in ("float32", "float16", "bfloat16", "float64")
        is_bias = position == traits.bias_at != 0
        float_inputs += is_float and not is_bias
        if producer is None or not is_float or not traits_of(rows[producer].op).dequantizes:
            sources.append(None)
            continue
        types = tuple(item for item in rows[producer].inputs if item is not None)
        narrow = DTYPE_BITS.get(types[0].dtype, 64) <= (32 if is_bias else _QUANTIZED_BITS)
        sources.append(types if narrow else None)
        if narrow:
            absorbed.append(producer)
            quantized += not is_bias
    if not quantized:
        return None
    if quantized == float_inputs:
        data = next(source for source in sources if source is not None)
        requantization = _requantization(row, rows, readers, kept)
        output = rows[requantization].outputs[0] if requantization else None
        after = (requantization,) if requantization else ()
        return Folding(data[0].dtype, tuple(sources), output, tuple(absorbed), after)
    if traits.quantized_form == "product":
        return Folding("", tuple(sources), None, tuple(absorbed), dequantizes=True)
    return None


def _requantization(
    row: TypedOp, rows: Mapping[str, TypedOp], readers: Mapping[tuple[str, str], list[str]], kept: set[tuple[str, str]]
) -> str:
    """The QuantizeLinear that alone reads the op's only result, or ""."""
    if len(row.op.outputs) != 1 or (row.scope, row.op.outputs[0]) in kept:
        return ""
    after = readers.get((row.scope, row.op.outputs[0]), [])
    if len(after) != 1 or not traits_of(rows[after[0]].op).quantizes:
        return ""
    return after[0] if rows[after[0]].op.inputs[0] == row.op.outputs[0] else ""


def _take_over(
    found: dict[str, Folding],
    rows: Mapping[str, TypedOp],
    readers: Mapping[tuple[str, str], list[str]],
    kept: set[tuple[str, str]],
) -> None:
    """Mark the Q and DQ ops that nothing else needs as folded into the first op that takes them over."""
    takers: dict[str, set[str]] = {}
    for key, folding in tuple(found.items()):
        for producer in folding.dequantized:
            takers.setdefault(producer, set()).add(key)
        for requantization in folding.requantized:
            found[requantization] = Folding(folded_into=key)
    for producer, keys in takers.items():
        row = rows[producer]
        name = row.op.outputs[0]
        if set(readers.get((row.scope, name), ())) <= keys and (row.scope, name) not in kept:
            found[producer] = Folding(folded_into=min(keys, key=lambda taker: rows[taker].op.index))
