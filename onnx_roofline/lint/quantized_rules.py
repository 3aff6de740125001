"""Rules about quantisation and element types."""

from collections.abc import Iterator

from msgspec.structs import replace

from onnx_roofline.analysis.analyze import Analysis, default_pipeline
from onnx_roofline.ir.records import Executions, Folding, TypedOp, Work
from onnx_roofline.ir.tensor_index import TensorIndex
from onnx_roofline.lint.mend import can_rename
from onnx_roofline.lint.records import Change, Hit

# Bits of the types that matrix units multiply; what they want of a size is 16 bytes of it.
_UNIT_BYTES = 16
_MATRIX_BYTES = {"float16": 2, "bfloat16": 2, "int8": 1, "uint8": 1, "float8e4m3fn": 1, "float8e5m2": 1}
# Elements from which integer arithmetic is work and not bookkeeping.
_MANY = 1024


def fake_quantized(analysis: Analysis) -> Iterator[Hit]:
    """A QuantizeLinear whose result only a DequantizeLinear reads, and no op takes in as integers."""
    rows, foldings = analysis.model.column(TypedOp), analysis.model.column(Folding)
    index = analysis.model.whole(TensorIndex)
    for key, row in rows.items():
        if row.scope or row.op.op_type != "DequantizeLinear" or row.role != "compute" or foldings[key].folded_into:
            continue
        maker = index.makers.get((row.scope, row.op.inputs[0]))
        if maker is None or rows[maker].op.op_type != "QuantizeLinear" or foldings[maker].folded_into:
            continue
        source, made = rows[maker].op.inputs[0], row.op.outputs[0]
        change = Change({made: source}) if can_rename(analysis.model.graph, [made]) else None
        yield Hit((maker, key), f"{source} is made {rows[maker].outputs[0].dtype} and back, for no op of that type",
                  change)  # fmt: skip


def lone_dequantize(analysis: Analysis) -> Iterator[Hit]:
    """A DequantizeLinear of a computed tensor that runs as an op of its own, but for those of `fake_quantized`."""
    rows, foldings = analysis.model.column(TypedOp), analysis.model.column(Folding)
    index = analysis.model.whole(TensorIndex)
    paired = {hit.keys[1] for hit in fake_quantized(analysis)}
    for key, row in rows.items():
        runs = row.role == "compute" and not foldings[key].folded_into and key not in paired
        is_output = (row.scope, row.op.outputs[0]) in index.kept
        if runs and row.op.op_type == "DequantizeLinear" and not is_output:
            yield Hit((key,), f"{row.op.outputs[0]} is restored in memory for an op that computes in floating point")


def float_output(analysis: Analysis) -> Iterator[Hit]:
    """A product in integers whose result is written as floats and quantised by nobody."""
    rows, works = analysis.model.column(TypedOp), analysis.model.column(Work)
    foldings = analysis.model.column(Folding)
    for key, row in rows.items():
        folding = foldings[key]
        if not folding.compute_dtype.startswith(("int", "uint")) or not works[key].contractions:
            continue
        if not any(folding.outputs) and "float" in row.outputs[0].dtype:
            yield Hit((key,), f"{row.op.outputs[0]} leaves as {row.outputs[0].dtype}")


def unaligned(analysis: Analysis) -> Iterator[Hit]:
    """Products of stored weights on matrix units whose K or N is no multiple of what a unit takes."""
    rows, works = analysis.model.column(TypedOp), analysis.model.column(Work)
    foldings = analysis.model.column(Folding)
    stored = analysis.model.whole(TensorIndex).stored
    for key, row in rows.items():
        dtype = foldings[key].compute_dtype or works[key].compute_dtype
        if dtype not in _MATRIX_BYTES or row.role != "compute":
            continue
        multiple = _UNIT_BYTES // _MATRIX_BYTES[dtype]
        for product in works[key].contractions:
            if product.rhs is None or row.op.inputs[product.rhs] not in stored:
                continue
            channels = {"K": product.k, "M" if product.kernel else "N": product.m if product.kernel else product.n}
            odd = [f"{axis}={size}" for axis, size in channels.items() if size % multiple and size > 1]
            if odd:
                yield Hit((key,), f"{', '.join(odd)} of {row.op.op_type} in {dtype}: no multiple of {multiple}")


def double_arithmetic(analysis: Analysis) -> Iterator[Hit]:
    """Ops that compute in 64-bit floats."""
    for key, work in _that_run(analysis):
        if work.compute_dtype in ("float64", "complex128") and work.counts is not None and work.counts.flops:
            yield Hit((key,), f"computes in {work.compute_dtype}")


def without_doubles(analysis: Analysis) -> Analysis | None:
    """The model with its floats in 32 bits, where it has none of fewer."""
    types = {kind.dtype for row in analysis.model.column(TypedOp).values() for kind in row.outputs}
    if any("float" in dtype and dtype not in ("float64", "float32") for dtype in types):
        return None
    settings = replace(analysis.settings, assume_dtype="float32")
    pipeline = default_pipeline(settings, analysis.system)
    model = pipeline.run(replace(analysis.model, columns={}, wholes={}))
    return Analysis(model, analysis.system, str(pipeline), settings, {})


def long_arithmetic(analysis: Analysis) -> Iterator[Hit]:
    """Arithmetic in 64-bit integers on whole tensors; lookups and shapes are none."""
    rows = analysis.model.column(TypedOp)
    for key, work in _that_run(analysis):
        is_long = work.compute_dtype in ("int64", "uint64") and work.counts is not None
        if is_long and work.counts is not None and work.counts.int_ops >= _MANY:
            yield Hit((key,), f"{work.counts.int_ops:,} operations of {rows[key].op.op_type} in {work.compute_dtype}")


def _that_run(analysis: Analysis) -> Iterator[tuple[str, Work]]:
    rows, executions = analysis.model.column(TypedOp), analysis.model.column(Executions)
    for key, work in analysis.model.column(Work).items():
        if rows[key].role == "compute" and executions[key].count:
            yield key, work
