"""Rules about element types and widths."""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence, Set

from msgspec import Struct
from msgspec.structs import replace

from onnx_roofline.analysis.analyze import Analysis
from onnx_roofline.base.units import product
from onnx_roofline.ir.graph import Model, TensorType
from onnx_roofline.ir.kernel_work import KernelWork
from onnx_roofline.ir.records import Contraction, Executions, Folding, Kernel, TypedOp, Work
from onnx_roofline.ir.tensor_index import TensorIndex
from onnx_roofline.lint.records import Hit
from onnx_roofline.ops.cost.lookup import traits_of
from onnx_roofline.timing.convolutions import channel_unit
from onnx_roofline.timing.products import matrix_peak, operand_bytes
from onnx_roofline.what_if.rerun import RowEdit, rerun

# A tensor by scope and name.
Place = tuple[str, str]

# Share of a width that is over a multiple, up to which the multiple would do as well.
MOST_OVER = 1 / 8
# Elements from which integer arithmetic is work and not bookkeeping.
_MANY = 1024
_DOUBLES = {"float64": "float32", "complex128": "complex64"}
_LONG = {"int64": "int32", "uint64": "uint32"}


class _Width(Struct, frozen=True):
    """A size that is no multiple of what a matrix unit takes, the next narrower one that is, and the axes that have it:
    names of tensors with positions from the right.
    """

    axis: str
    size: int
    narrow: int
    at: tuple[tuple[str, int], ...]


def unaligned(analysis: Analysis) -> Iterator[Hit]:
    """Products of stored weights of which K or N is a little over a multiple of what a matrix unit takes at once.

    A width far from the next narrower multiple is a choice: without it the model would be another one.
    """
    rows = analysis.model.column(TypedOp)
    for key, odd in _odd_widths(analysis):
        shown = ", ".join(f"{one.axis}={one.size}, {one.size - one.narrow} over {one.narrow}" for one in odd)
        yield Hit((key,), f"{shown}, of {rows[key].op.op_type} in {_math(analysis, key)}")


def with_narrow_widths(analysis: Analysis, hits: Sequence[Hit]) -> Analysis:
    """The model with the next narrower widths that are multiples."""
    keys = {key for hit in hits for key in hit.keys}
    widths = [one for key, odd in _odd_widths(analysis) if key in keys for one in odd]
    return rerun(analysis, edits={TypedOp: _retyping(_narrowed(analysis, widths))})


def _odd_widths(analysis: Analysis) -> Iterator[tuple[str, list[_Width]]]:
    """Row ids with the odd widths of their products."""
    works, gpu = analysis.model.column(Work), analysis.system.gpu.gpu
    stored = analysis.model.whole(TensorIndex).stored
    # Channels of grouped convolutions, which are as many as the groups need.
    grouped = {
        one.batch * size
        for work in works.values()
        for one in work.contractions
        if one.kernel and one.batch > 1
        for size in (one.m, one.k // product(one.kernel))
    }
    for key, row in analysis.model.column(TypedOp).items():
        math = "" if row.scope or row.role != "compute" or not works[key].contractions else _math(analysis, key)
        if not math or gpu is None or matrix_peak(gpu, math) is None:
            continue
        unit = channel_unit(operand_bytes(math))
        widths = (one for found in works[key].contractions for one in _odd(row, found, stored, unit))
        odd = [one for one in widths if one.size not in grouped]
        if odd:
            yield key, odd


def _math(analysis: Analysis, key: str) -> str:
    """In what the products of an op run."""
    root = analysis.model.column(Kernel)[key].id
    math = analysis.model.column(KernelWork)[root].math if root else ""
    return math or analysis.model.column(Folding)[key].compute_dtype or analysis.model.column(Work)[key].compute_dtype


def _odd(row: TypedOp, found: Contraction, stored: Container[str], unit: int) -> Iterator[_Width]:
    """The odd widths of a product of one group with a stored weight: of K the channels without the taps of a window."""
    sides = [slot for slot in (found.lhs, found.rhs) if slot is not None]
    weights = [slot for slot in sides if row.op.inputs[slot] in stored]
    if found.batch > 1 or len(sides) != 2 or len(weights) != 1:
        return
    (weight,), (data,) = weights, [slot for slot in sides if slot not in weights]
    inputs, shape = row.op.inputs, _shape(row.inputs[weight])
    channels = len(_shape(row.outputs[0])) - 1 if found.kernel else 1
    outputs = found.m if found.lhs == weight else found.n
    for axis, size, name, kind in (
        ("K", found.k // product(found.kernel), inputs[data], row.inputs[data]),
        ("N", outputs, row.op.outputs[0], row.outputs[0]),
    ):
        dims = _shape(kind)
        is_odd = 0 < size % unit <= MOST_OVER * size and size in shape
        if is_odd and len(dims) >= channels and dims[-channels] == size:
            places = [(name, channels), *((inputs[weight], len(shape) - at) for at, n in enumerate(shape) if n == size)]
            if axis == "N":
                others = (
                    slot for slot in range(len(inputs)) if slot not in sides and _shape(row.inputs[slot]) == (size,)
                )
                places += [(inputs[slot], 1) for slot in others]
            yield _Width(axis, size, size - size % unit, tuple(places))


def _shape(kind: TensorType | None) -> tuple[int | None, ...]:
    return () if kind is None or kind.shape is None else kind.shape


def _narrowed(analysis: Analysis, widths: Iterable[_Width]) -> dict[Place, TensorType]:
    """The main graph's tensors that have these widths at the same place from the right, with the narrower ones.

    A width goes on through ops that keep the place of the axis; a product takes another one.
    """
    works = analysis.model.column(Work)
    touching: dict[str, list[TypedOp]] = {}
    types: dict[str, TensorType] = {}
    for key, row in analysis.model.column(TypedOp).items():
        if row.scope:
            continue
        names = (*row.op.inputs, *row.op.outputs)
        kinds = zip(names, (*row.inputs, *row.outputs), strict=True)
        types |= {name: kind for name, kind in kinds if kind is not None}
        if not works[key].contractions and not traits_of(row.op).permutes:
            for name in names:
                touching.setdefault(name, []).append(row)
    found: dict[Place, TensorType] = {}
    seen: set[tuple[str, int]] = set()
    for width in widths:
        pending = [place for place in width.at if place not in seen]
        seen.update(pending)
        while pending:
            name, axis = pending.pop()
            kind = found.get(("", name), types[name])
            dims = list(_shape(kind))
            dims[-axis] = width.narrow
            found["", name] = replace(kind, shape=tuple(dims))
            near = {(other, axis) for row in touching.get(name, ()) for other in (*row.op.inputs, *row.op.outputs)}
            near = {(other, axis) for other, _ in near - seen if _has(types.get(other), axis, width.size)}
            seen |= near
            pending += sorted(near)
    return found


def _has(kind: TensorType | None, axis: int, size: int) -> bool:
    shape = _shape(kind)
    return len(shape) >= axis and shape[-axis] == size


def _retyping(types: Mapping[Place, TensorType]) -> RowEdit:
    """Rows that make or read some tensors, by scope and name, at other types; they are no longer alike others."""

    def edit(_: Model, rows: Mapping[str, object]) -> dict[str, object]:
        return {key: _retyped(row, types) if isinstance(row, TypedOp) else row for key, row in rows.items()}

    return edit


def _retyped(row: TypedOp, types: Mapping[Place, TensorType]) -> TypedOp:
    op, scope = row.op, row.scope
    if not any((scope, name) in types for name in (*op.inputs, *op.outputs)):
        return row
    inputs = tuple(types.get((scope, name), kind) for name, kind in zip(op.inputs, row.inputs, strict=True))
    outputs = tuple(types.get((scope, name), kind) for name, kind in zip(op.outputs, row.outputs, strict=True))
    return replace(row, inputs=inputs, outputs=outputs, alike=-1)


def double_arithmetic(analysis: Analysis) -> Iterator[Hit]:
    """Ops that compute in 64-bit floats."""
    for key, work in _that_run(analysis):
        if work.compute_dtype in _DOUBLES and work.counts is not None and work.counts.flops:
            yield Hit((key,), f"computes in {work.compute_dtype}")


def without_doubles(analysis: Analysis, _: Sequence[Hit]) -> Analysis:
    """The model with all its 64-bit floats in 32 bits."""
    return rerun(analysis, edits={TypedOp: _retyping(_halved(analysis, _DOUBLES))})


def long_arithmetic(analysis: Analysis) -> Iterator[Hit]:
    """Arithmetic in 64-bit integers on whole tensors; lookups and shapes are none."""
    rows = analysis.model.column(TypedOp)
    for key, work in _that_run(analysis):
        if work.compute_dtype in _LONG and work.counts is not None and work.counts.int_ops >= _MANY:
            yield Hit((key,), f"{work.counts.int_ops:,} operations of {rows[key].op.op_type} in {work.compute_dtype}")


def with_short_integers(analysis: Analysis, hits: Sequence[Hit]) -> Analysis:
    """The model with what these ops read and make in 32-bit integers."""
    rows = [analysis.model.column(TypedOp)[key] for hit in hits for key in hit.keys]
    names = {(row.scope, name) for row in rows for name in (*row.op.inputs, *row.op.outputs)}
    return rerun(analysis, edits={TypedOp: _retyping(_halved(analysis, _LONG, names))})


def _halved(analysis: Analysis, of: Mapping[str, str], names: Set[Place] | None = None) -> dict[Place, TensorType]:
    """Tensors at half of the width, by scope and name: those that are named, else all."""
    found: dict[Place, TensorType] = {}
    for row in analysis.model.column(TypedOp).values():
        for name, kind in zip((*row.op.inputs, *row.op.outputs), (*row.inputs, *row.outputs), strict=True):
            if kind is not None and kind.dtype in of and (names is None or (row.scope, name) in names):
                found[row.scope, name] = replace(kind, dtype=of[kind.dtype])
    return found


def _that_run(analysis: Analysis) -> Iterator[tuple[str, Work]]:
    rows, executions = analysis.model.column(TypedOp), analysis.model.column(Executions)
    for key, work in analysis.model.column(Work).items():
        if rows[key].role == "compute" and executions[key].count:
            yield key, work
