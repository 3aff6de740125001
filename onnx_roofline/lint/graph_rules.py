"""Rules about ops that undo, repeat or don't need each other."""

from collections.abc import Iterator

from onnx_roofline.analysis.analyze import Analysis
from onnx_roofline.base.units import DTYPE_BITS
from onnx_roofline.ir.graph import Op, StoredTensor
from onnx_roofline.ir.records import ConstantWork, Kernel, TypedOp, Work
from onnx_roofline.ir.tensor_index import TensorIndex
from onnx_roofline.lint.mend import can_rename, needed_names
from onnx_roofline.lint.records import Change, Hit

# Ops that may leave their operand as it is, bit by bit, if its type doesn't change.
_MAY_KEEP = frozenset({"Cast", "CastLike", "Expand", "Tile", "Concat", "Transpose"})
# Operations on stored values from which they are worth a word.
_MANY = 1_000
# Ops whose results differ from run to run, or hold state.
_RANDOM = ("Random", "Bernoulli", "Multinomial", "Dropout")
# Domains whose ops keep no state.
_PURE = ("", "com.microsoft")
_ELEMENTWISE = frozenset({"Add", "Sub", "Mul", "Div", "Where", "And", "Or", "Equal", "Less", "Greater", "Max", "Min"})


def _main(analysis: Analysis) -> Iterator[tuple[str, TypedOp]]:
    for key, row in analysis.model.column(TypedOp).items():
        if not row.scope and row.role == "compute":
            yield key, row


def _bypass(analysis: Analysis, made: str, source: str) -> Change | None:
    return Change({made: source}) if can_rename(analysis.model.graph, [made]) else None


def _makers(analysis: Analysis) -> dict[str, str]:
    return {name: key for key, row in _main(analysis) for name in row.op.outputs if name}


def casts_back(analysis: Analysis) -> Iterator[Hit]:
    """A Cast to a type that holds all values of the first, and one back."""
    rows, makers = analysis.model.column(TypedOp), _makers(analysis)
    for key, row in _main(analysis):
        before = makers.get(row.op.inputs[0]) if row.op.op_type == "Cast" else None
        if before is None or rows[before].op.op_type != "Cast" or rows[before].inputs[0] is None:
            continue
        source, between = rows[before].inputs[0], row.inputs[0]
        if source is None or between is None or source.dtype != row.outputs[0].dtype:
            continue
        if _holds_all(between.dtype, source.dtype):
            name = rows[before].op.inputs[0]
            yield Hit((before, key), f"{name} goes from {source.dtype} to {between.dtype} and back",
                      _bypass(analysis, row.op.outputs[0], name))  # fmt: skip


def _holds_all(wide: str, narrow: str) -> bool:
    """Whether a type has every value of another: a pair of casts through a narrower one rounds, and is meant so."""
    if narrow == "bfloat16":
        return wide in ("float32", "float64")
    is_wider = DTYPE_BITS.get(wide, 0) > DTYPE_BITS.get(narrow, 0)
    return is_wider and any(wide.startswith(kind) and narrow.startswith(kind) for kind in ("float", "uint", "int"))


def transposes_back(analysis: Analysis) -> Iterator[Hit]:
    """Two Transposes whose orders undo each other."""
    rows, makers = analysis.model.column(TypedOp), _makers(analysis)
    for key, row in _main(analysis):
        before = makers.get(row.op.inputs[0]) if row.op.op_type == "Transpose" else None
        if before is None or rows[before].op.op_type != "Transpose":
            continue
        first, second = _order(rows[before]), _order(row)
        if first is not None and second is not None and [first[axis] for axis in second] == list(range(len(first))):
            name = rows[before].op.inputs[0]
            yield Hit((before, key), f"{name} is turned and turned back", _bypass(analysis, row.op.outputs[0], name))


def _order(row: TypedOp) -> tuple[int, ...] | None:
    """The order of the axes of a Transpose; reversed where it states none."""
    order, kind = row.op.attributes.get("perm"), row.inputs[0]
    if isinstance(order, tuple):
        return tuple(int(axis) for axis in order)
    rank = None if kind is None or kind.shape is None else len(kind.shape)
    return None if rank is None else tuple(reversed(range(rank)))


def keeps_all(analysis: Analysis) -> Iterator[Hit]:
    """An op that writes a copy of its operand."""
    works = analysis.model.column(Work)
    for key, row in _main(analysis):
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
        yield Hit((key,), f"{row.op.outputs[0]} is a copy of {row.op.inputs[0]}",
                  _bypass(analysis, row.op.outputs[0], row.op.inputs[0]))  # fmt: skip


def expanded(analysis: Analysis) -> Iterator[Hit]:
    """An Expand whose only readers broadcast by themselves to the same shape."""
    rows, index = analysis.model.column(TypedOp), analysis.model.whole(TensorIndex)
    same = {hit.keys[0] for hit in keeps_all(analysis)}
    for key, row in _main(analysis):
        made = row.op.outputs[0] if row.op.outputs else ""
        readers = index.readers.get(("", made), set())
        if row.op.op_type != "Expand" or key in same or not readers or ("", made) in index.kept:
            continue
        if all(_broadcasts(rows[reader], made) for reader in readers):
            change = _bypass(analysis, made, row.op.inputs[0])
            yield Hit((key,), f"{row.op.inputs[0]} is written out to {row.outputs[0]}, which its readers don't need",
                      change)  # fmt: skip


def _broadcasts(row: TypedOp, name: str) -> bool:
    """Whether an elementwise op has its result's shape without one operand."""
    others = [kind for other, kind in zip(row.op.inputs, row.inputs, strict=True) if other != name and kind is not None]
    return row.op.op_type in _ELEMENTWISE and any(kind.shape == row.outputs[0].shape for kind in others)


def dead(analysis: Analysis) -> Iterator[Hit]:
    """Ops whose results nothing reads that leads to an output."""
    needed = needed_names(analysis.model.graph, analysis.model.graph.ops)
    for key, row in _main(analysis):
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
    for key, row in _main(analysis):
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
            names = [name for name in op.outputs if name]
            change = Change(dict(zip(op.outputs, made, strict=True)))
            is_free = can_rename(analysis.model.graph, names)
            yield Hit((earlier, key), f"{op.outputs[0]} is {made[0]} once more", change if is_free else None)


def _attributes(op: Op) -> tuple[tuple[str, str], ...]:
    """Attributes as text; tensors by identity."""
    return tuple(
        (name, f"#{id(value)}" if isinstance(value, StoredTensor) or not hasattr(value, "__hash__") else repr(value))
        for name, value in sorted(op.attributes.items())
    )


def unfolded_norm(analysis: Analysis) -> Iterator[Hit]:
    """A BatchNormalization right after a convolution, with which it is one."""
    rows, makers, index = analysis.model.column(TypedOp), _makers(analysis), analysis.model.whole(TensorIndex)
    for key, row in _main(analysis):
        if row.op.op_type != "BatchNormalization" or len([name for name in row.op.outputs if name]) > 1:
            continue
        maker = makers.get(row.op.inputs[0])
        if maker is None or rows[maker].op.op_type not in ("Conv", "ConvTranspose"):
            continue
        if index.readers.get(("", row.op.inputs[0]), set()) == {key} and rows[maker].op.inputs[1] in index.stored:
            yield Hit((maker, key), f"{row.op.outputs[0]} scales what {rows[maker].op.op_type} has just made",
                      _bypass(analysis, row.op.outputs[0], row.op.inputs[0]))  # fmt: skip


def on_stored_values(analysis: Analysis) -> Iterator[Hit]:
    """Arithmetic on what the file stores, which a runtime does at every load and no exporter needs to leave."""
    found = analysis.model.whole(ConstantWork)
    if found.largest and found.counts.operations >= _MANY:
        yield Hit((found.largest,), f"{found.counts.operations:,} operations depend on stored values alone")


_SPELLED = {
    "layer_norm": "LayerNormalization (opset 17)", "rms_norm": "RMSNormalization (opset 23)",
    "gelu_erf": "Gelu (opset 20)", "gelu_tanh": "Gelu (opset 20)", "silu": "Swish (opset 24)",
    "hard_swish": "HardSwish (opset 14)", "mish": "Mish (opset 18)", "rotary_embedding": "RotaryEmbedding (opset 23)",
    "attention": "Attention (opset 23)", "softmax": "Softmax",
}  # fmt: skip


def spelled_out(analysis: Analysis) -> Iterator[Hit]:
    """One op of a newer opset, written as several."""
    for key, kernel in analysis.model.column(Kernel).items():
        name = next((name for name in _SPELLED if name in kernel.pattern.replace("-", "_").split()), None)
        if kernel.id == key and name is not None and len(kernel.members) > 1:
            yield Hit(kernel.members, f"{len(kernel.members)} ops are one {_SPELLED[name]}")


def breaks_fusion(analysis: Analysis) -> Iterator[Hit]:
    """Ops without a product that run as kernels of their own since a fusion was refused."""
    works = analysis.model.column(Work)
    for key, kernel in analysis.model.column(Kernel).items():
        is_light = len(kernel.members) == 1 and not works[key].contractions and not works[key].row_elements
        if kernel.id == key and kernel.refused and is_light:
            yield Hit((key,), f"stays a kernel of its own: {kernel.refused[0]}")


def copied_caches(analysis: Analysis) -> Iterator[Hit]:
    """Caches of keys and values that the backend copies for each run."""
    for cache in analysis.summary.caches.found:
        if cache.copied_bytes:
            yield Hit(cache.copied_by, f"{cache.copied_bytes:,} B of {cache.name} are copied in a run")


def suspected_caches(analysis: Analysis) -> Iterator[Hit]:
    """Inputs named like caches of which a run makes a new tensor."""
    for one in analysis.summary.caches.suspects:
        yield Hit((), f"{one.name} is named like a cache and {one.output} is a new copy of it ({one.copied_bytes:,} B)")
