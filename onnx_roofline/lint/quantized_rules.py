"""Rules about quantisation: Q and DQ ops that no op computes between."""

from collections.abc import Iterable, Iterator, Mapping

from msgspec.structs import replace

from onnx_roofline.analysis.analyze import Analysis
from onnx_roofline.ir.graph import Op
from onnx_roofline.ir.records import Folding, Kernel, TypedOp, Work
from onnx_roofline.ir.tensor_index import TensorIndex
from onnx_roofline.lint.mend import bypass, computed, makers, readers, renamed
from onnx_roofline.lint.records import Change, Hit
from onnx_roofline.ops.cost.lookup import traits_of


def fake_quantized(analysis: Analysis) -> Iterator[Hit]:
    """A QuantizeLinear whose result only a DequantizeLinear reads, and no op takes in as integers."""
    foldings = analysis.model.column(Folding)
    for key, row, maker in _restored(analysis):
        if maker is not None and not foldings[maker].folded_into:
            made = analysis.model.column(TypedOp)[maker]
            source = made.op.inputs[0]
            yield Hit((maker, key), f"{source} is made {made.outputs[0].dtype} and back, for no op of that type",
                      *bypass(analysis, row.op, source))  # fmt: skip


def _restored(analysis: Analysis) -> Iterator[tuple[str, TypedOp, str | None]]:
    """Row ids of DequantizeLinear ops that run, with the QuantizeLinear whose result each restores, if there is one."""
    rows, foldings, made_by = analysis.model.column(TypedOp), analysis.model.column(Folding), makers(analysis)
    for key, row in computed(analysis):
        if not traits_of(row.op).dequantizes or foldings[key].folded_into:
            continue
        maker = made_by.get(row.op.inputs[0])
        yield key, row, maker if maker is not None and traits_of(rows[maker].op).quantizes else None


def lone_dequantize(analysis: Analysis) -> Iterator[Hit]:
    """A DequantizeLinear of a computed tensor whose floats go through memory, but for those of `fake_quantized`.

    An integer product ends in floats at once where a QuantizeLinear is left out; what several ops read is restored by
    each of them where each has a DequantizeLinear of its own.
    """
    rows, foldings = analysis.model.column(TypedOp), analysis.model.column(Folding)
    kernels, index = analysis.model.column(Kernel), analysis.model.whole(TensorIndex)
    read_by = readers(analysis)
    for key, row, maker in _restored(analysis):
        name = row.op.outputs[0]
        leaves = index.leaves("", name, frozenset(kernels[key].members))
        if not leaves or ("", name) in index.kept or (maker is not None and not foldings[maker].folded_into):
            continue
        what = f"{name} is restored in memory for an op that computes in floating point"
        direct = [rows[reader] for reader in read_by.get(name, ())]
        through = index.readers.get(("", name), set())
        if maker is not None:
            yield Hit((key,), what, *bypass(analysis, row.op, rows[maker].op.inputs[0]))
        elif len(through) == 1:
            yield Hit((key,), what, Change(fused=((key, *through),)))
        elif any(reader.bodies for reader in direct):
            yield Hit((key,), what, why=f"a body reads {name}")
        else:
            yield Hit((key,), what, _one_each(row.op, direct))


def _one_each(restores: Op, direct: Iterable[TypedOp]) -> Change:
    """A DequantizeLinear for each of the ops that read its result; a lookup of the shape reads the integers."""
    name, instead = restores.outputs[0], dict[str, tuple[Op, ...]]()
    for number, reader in enumerate(sorted(direct, key=lambda row: row.op.index)):
        if traits_of(reader.op).asks_shape:
            instead[reader.op.id] = (renamed(reader.op, {name: restores.inputs[0]}, {}),)
            continue
        own = f"{name}/{number}"
        copied = replace(renamed(restores, {}, {name: own}), id=f"{restores.id}/{number}")
        instead[reader.op.id] = (copied, renamed(reader.op, {name: own}, {}))
    return Change(instead=instead)


def float_output(analysis: Analysis) -> Iterator[Hit]:
    """A product in integers whose result is written as floats and quantised by nobody."""
    rows, works = analysis.model.column(TypedOp), analysis.model.column(Work)
    foldings, made_by = analysis.model.column(Folding), makers(analysis)
    for key, row in rows.items():
        folding = foldings[key]
        if not folding.compute_dtype.startswith(("int", "uint")) or not works[key].contractions:
            continue
        if not any(folding.outputs) and "float" in row.outputs[0].dtype:
            change = None if row.scope else _quantized(row.op, rows, made_by)
            yield Hit((key,), f"{row.op.outputs[0]} leaves as {row.outputs[0].dtype}", change,
                      "" if change else "no QuantizeLinear before it has a scale to take")  # fmt: skip


def _quantized(op: Op, rows: Mapping[str, TypedOp], made_by: Mapping[str, str]) -> Change | None:
    """Q and DQ behind an op as they are before it."""
    for name in op.inputs:
        restores = made_by.get(name)
        quantizes = None if restores is None else made_by.get(rows[restores].op.inputs[0])
        if restores is None or quantizes is None or not traits_of(rows[quantizes].op).quantizes:
            continue
        first, second, made = rows[quantizes].op, rows[restores].op, op.outputs[0]
        floats, integers = f"{made}/float", f"{made}/quantised"
        ops = (
            renamed(op, {}, {made: floats}),
            renamed(replace(first, id=f"{op.id}/Q"), {first.inputs[0]: floats}, {first.outputs[0]: integers}),
            renamed(replace(second, id=f"{op.id}/DQ"), {second.inputs[0]: integers}, {second.outputs[0]: made}),
        )
        return Change(instead={op.id: ops})
    return None
