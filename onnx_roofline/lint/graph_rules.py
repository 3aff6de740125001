"""Rules about ops that undo, repeat or don't need each other."""

import os
from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from onnx_roofline.analysis.analyze import Analysis
from onnx_roofline.base.units import DTYPE_BITS
from onnx_roofline.fusion.backends import Backend, load_backend
from onnx_roofline.fusion.patterns import PATTERNS
from onnx_roofline.ir.graph import Op, StoredTensor
from onnx_roofline.ir.records import Kernel, TypedOp, Work
from onnx_roofline.ir.tensor_index import TensorIndex
from onnx_roofline.lint.mend import bypass, computed, fixed_names, makers, needed_names, readers
from onnx_roofline.lint.records import Change, Hit
from onnx_roofline.passes.fusion import FusionPass
from onnx_roofline.what_if.rerun import rerun

# Ops that may leave their operand as it is, bit by bit, if its type doesn't change.
_MAY_KEEP = frozenset({"Cast", "CastLike", "Expand", "Tile", "Concat", "Transpose"})
# Ops whose results differ from run to run, or hold state.
_RANDOM = ("Random", "Bernoulli", "Multinomial", "Dropout")
# Domains whose ops keep no state.
_PURE = ("", "com.microsoft")
_ELEMENTWISE = frozenset({"Add", "Sub", "Mul", "Div", "Where", "And", "Or", "Equal", "Less", "Greater", "Max", "Min"})


def casts_back(analysis: Analysis) -> Iterator[Hit]:
    """A Cast to a type that holds all values of the first, and one back."""
    rows, made_by = analysis.model.column(TypedOp), makers(analysis)
    for key, row in computed(analysis):
        before = made_by.get(row.op.inputs[0]) if row.op.op_type == "Cast" else None
        if before is None or rows[before].op.op_type != "Cast" or rows[before].inputs[0] is None:
            continue
        source, between = rows[before].inputs[0], row.inputs[0]
        if source is None or between is None or source.dtype != row.outputs[0].dtype:
            continue
        if _holds_all(between.dtype, source.dtype):
            name = rows[before].op.inputs[0]
            yield Hit((before, key), f"{name} goes from {source.dtype} to {between.dtype} and back",
                      *bypass(analysis, row.op, name))  # fmt: skip


def _holds_all(wide: str, narrow: str) -> bool:
    """Whether a type has every value of another: a pair of casts through a narrower one rounds, and is meant so."""
    if narrow == "bfloat16":
        return wide in ("float32", "float64")
    is_wider = DTYPE_BITS.get(wide, 0) > DTYPE_BITS.get(narrow, 0)
    return is_wider and any(wide.startswith(kind) and narrow.startswith(kind) for kind in ("float", "uint", "int"))


def transposes_back(analysis: Analysis) -> Iterator[Hit]:
    """Two Transposes whose orders undo each other."""
    rows, made_by = analysis.model.column(TypedOp), makers(analysis)
    for key, row in computed(analysis):
        before = made_by.get(row.op.inputs[0]) if row.op.op_type == "Transpose" else None
        if before is None or rows[before].op.op_type != "Transpose":
            continue
        first, second = _order(rows[before]), _order(row)
        if first is not None and second is not None and [first[axis] for axis in second] == list(range(len(first))):
            name = rows[before].op.inputs[0]
            yield Hit((before, key), f"{name} is turned and turned back", *bypass(analysis, row.op, name))


def _order(row: TypedOp) -> tuple[int, ...] | None:
    """The order of the axes of a Transpose; reversed where it states none."""
    order, kind = row.op.attributes.get("perm"), row.inputs[0]
    if isinstance(order, tuple):
        return tuple(int(axis) for axis in order)
    rank = None if kind is None or kind.shape is None else len(kind.shape)
    return None if rank is None else tuple(reversed(range(rank)))


def keeps_all(analysis: Analysis) -> Iterator[Hit]:
    """An op that writes a copy of its operand."""
    works, index, made_by = analysis.model.column(Work), analysis.model.whole(TensorIndex), makers(analysis)
    for key, row in computed(analysis):
        if row.op.op_type not in _MAY_KEEP or not works[key].moves_data or row.inputs[0] is None:
            continue
        same = row.inputs[0].dtype == row.outputs[0].dtype and row.inputs[0].shape == row.outputs[0].shape
        if not same or None in (row.outputs[0].shape or (None,)):
            continue
        order = _order(row) if row.op.op_type == "Transpose" else None
        if order is not None and [axis for axis in order if row.inputs[0].dims[axis] > 1] != sorted(
            axis for axis in order if row.inputs[0].dims[axis] > 1
        ):
            continue
        if row.op.op_type == "Concat" and len(row.op.inputs) > 1:
            continue
        source = row.op.inputs[0]
        # A model output that is a model input is a copy whatever the op.
        if ("", row.op.outputs[0]) not in index.kept or source in made_by:
            yield Hit((key,), f"{row.op.outputs[0]} is a copy of {source}", *bypass(analysis, row.op, source))


def expanded(analysis: Analysis) -> Iterator[Hit]:
    """An Expand whose only readers broadcast by themselves to the same shape."""
    rows, index, read_by = analysis.model.column(TypedOp), analysis.model.whole(TensorIndex), readers(analysis)
    same = {hit.keys[0] for hit in keeps_all(analysis)}
    for key, row in computed(analysis):
        made = row.op.outputs[0] if row.op.outputs else ""
        if row.op.op_type != "Expand" or key in same or made not in read_by or ("", made) in index.kept:
            continue
        if all(_broadcasts(rows[reader], made) for reader in read_by[made]):
            yield Hit((key,), f"{row.op.inputs[0]} is written out to {row.outputs[0]}, which its readers don't need",
                      *bypass(analysis, row.op, row.op.inputs[0]))  # fmt: skip


def _broadcasts(row: TypedOp, name: str) -> bool:
    """Whether an elementwise op has its result's shape without one operand."""
    others = [kind for other, kind in zip(row.op.inputs, row.inputs, strict=True) if other != name and kind is not None]
    return row.op.op_type in _ELEMENTWISE and any(kind.shape == row.outputs[0].shape for kind in others)


def dead(analysis: Analysis) -> Iterator[Hit]:
    """Ops whose results nothing reads that leads to an output."""
    needed = needed_names(analysis.model.graph, analysis.model.graph.ops)
    for key, row in computed(analysis):
        if not needed.intersection(row.op.outputs):
            yield Hit((key,), f"nothing needs {row.op.outputs[0]}", Change(dropped=frozenset(row.op.outputs)))


def repeated(analysis: Analysis) -> Iterator[Hit]:
    """Ops that compute what an earlier op has computed of the same tensors."""
    yield from (hit for hit in _repeats(analysis) if not _is_mask(analysis, hit))


def repeated_masks(analysis: Analysis) -> Iterator[Hit]:
    """The same of masks: what compares, or chooses by a condition."""
    yield from (hit for hit in _repeats(analysis) if _is_mask(analysis, hit))


def _is_mask(analysis: Analysis, hit: Hit) -> bool:
    row = analysis.model.column(TypedOp)[hit.keys[-1]]
    return row.outputs[0].dtype == "bool" or row.op.op_type in ("Where", "Trilu")


def _repeats(analysis: Analysis) -> Iterator[Hit]:
    works = analysis.model.column(Work)
    dead_keys = {hit.keys[0] for hit in dead(analysis)}
    first: dict[object, str] = {}
    # The tensor that a name is equal to.
    equal: dict[str, str] = {}
    for key, row in computed(analysis):
        op = row.op
        if op.domain not in _PURE or op.bodies or op.function or op.op_type.startswith(_RANDOM) or key in dead_keys:
            continue
        signature = (op.qualified_type, op.version, len(op.outputs), _attributes(op),
                     tuple(equal.get(name, name) for name in op.inputs))  # fmt: skip
        earlier = first.setdefault(signature, key)
        if earlier == key:
            continue
        made = analysis.model.column(TypedOp)[earlier].op.outputs
        equal |= dict(zip(op.outputs, made, strict=True))
        if works[key].moves_data:
            fixed = sorted(fixed_names(analysis.model.graph).intersection(op.outputs))
            change = None if fixed else Change(dict(zip(op.outputs, made, strict=True)))
            why = f"{fixed[0]} is a model output, or a body captures it" if fixed else ""
            yield Hit((earlier, key), f"{op.outputs[0]} is {made[0]} once more", change, why)


def _attributes(op: Op) -> tuple[tuple[str, str], ...]:
    """Attributes as text; tensors by identity."""
    return tuple(
        (name, f"#{id(value)}" if isinstance(value, StoredTensor) or not hasattr(value, "__hash__") else repr(value))
        for name, value in sorted(op.attributes.items())
    )


def unfolded_norm(analysis: Analysis) -> Iterator[Hit]:
    """A BatchNormalization right after a convolution, with which it is one."""
    rows, made_by, index = analysis.model.column(TypedOp), makers(analysis), analysis.model.whole(TensorIndex)
    for key, row in computed(analysis):
        if row.op.op_type != "BatchNormalization" or len([name for name in row.op.outputs if name]) > 1:
            continue
        maker = made_by.get(row.op.inputs[0])
        if maker is None or rows[maker].op.op_type not in ("Conv", "ConvTranspose"):
            continue
        if index.readers.get(("", row.op.inputs[0]), set()) == {key} and rows[maker].op.inputs[1] in index.stored:
            yield Hit((maker, key), f"{row.op.outputs[0]} scales what {rows[maker].op.op_type} has just made",
                      *bypass(analysis, row.op, row.op.inputs[0]))  # fmt: skip


def spelled_out(analysis: Analysis) -> Iterator[Hit]:
    """One op of a newer opset, written as several of which the backend makes more than one kernel."""
    columns = {record: rows for record, rows in analysis.model.columns.items() if record is not Kernel}
    found = FusionPass(_spellings("none")).run(replace(analysis.model, columns=columns))
    kernels = analysis.model.column(Kernel)
    for key, kernel in found.rows.items():
        if not isinstance(kernel, Kernel) or kernel.id != key or len(kernel.members) < 2:
            continue
        if len({kernels[member].id for member in kernel.members}) > 1:
            yield Hit(kernel.members, f"{len(kernel.members)} ops are one {PATTERNS[kernel.pattern].one_op}")


def as_single_ops(analysis: Analysis, _: Sequence[Hit]) -> Analysis:
    """The model on a backend that makes one kernel of each of the spellings: a newer opset has them as one op."""
    return rerun(analysis, backend=_spellings(analysis.settings.backend))


def _spellings(backend: str | os.PathLike[str]) -> Backend:
    """A backend that knows the patterns of all spellings beside its own."""
    base = load_backend(backend)
    own = {pattern.name for pattern in base.patterns}
    added = [one for one in load_backend().patterns if one.one_op and one.name not in own]
    return replace(base, patterns=(*base.patterns, *added))
