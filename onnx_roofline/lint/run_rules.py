"""Rules about what the runtime makes of a model: caches that are copied, constants, and ops between those that fuse."""

from collections.abc import Container, Iterator, Mapping, Sequence

from msgspec.structs import replace

from onnx_roofline.analysis.analyze import Analysis
from onnx_roofline.fusion.backends import load_backend
from onnx_roofline.fusion.kinds import ELEMENTWISE, node_kinds
from onnx_roofline.fusion.scope_view import views_by_scope
from onnx_roofline.inference.onnx_library import with_names
from onnx_roofline.ir.graph import Op
from onnx_roofline.ir.records import ConstantWork, Kernel, TypedOp, Work
from onnx_roofline.ir.tensor_index import TensorIndex
from onnx_roofline.lint.mend import readers as all_readers
from onnx_roofline.lint.records import Change, Hit
from onnx_roofline.ops.cost.lookup import traits_of
from onnx_roofline.what_if.rerun import rerun

# Operations on stored values from which they are worth a word.
_MANY = 1_000


def copied_caches(analysis: Analysis) -> Iterator[Hit]:
    """Caches of keys and values that the backend copies for each run."""
    for cache in analysis.summary.caches.found:
        if cache.copied_bytes:
            yield Hit(cache.copied_by, f"{cache.copied_bytes:,} B of {cache.name} are copied in a run")


def with_shared_buffers(analysis: Analysis, _: Sequence[Hit]) -> Analysis:
    """The model on the same backend, where past and present share a buffer."""
    return rerun(analysis, backend=replace(load_backend(analysis.settings.backend), appends_in_place=True))


def suspected_caches(analysis: Analysis) -> Iterator[Hit]:
    """Inputs named like caches of which a run makes a new tensor."""
    for one in analysis.summary.caches.suspects:
        yield Hit((), f"{one.name} is named like a cache and {one.output} is a new copy of it ({one.copied_bytes:,} B)")


def with_stated_caches(analysis: Analysis, _: Sequence[Hit]) -> Analysis:
    """The model where each of them is stated."""
    stated = {one.name: one.output for one in analysis.summary.caches.suspects}
    settings = analysis.settings
    return rerun(analysis, settings=replace(settings, caches={**stated, **settings.caches}))


def on_stored_values(analysis: Analysis) -> Iterator[Hit]:
    """Arithmetic on what the file stores, which a runtime does at every load and no exporter needs to leave."""
    found = analysis.model.whole(ConstantWork)
    if found.largest and found.counts.operations >= _MANY:
        yield Hit((found.largest,), f"{found.counts.operations:,} operations depend on stored values alone")


def with_constant_work(analysis: Analysis, _: Sequence[Hit]) -> Analysis:
    """The model with the work on stored values in the run: what it is longer is what a load takes."""

    def computed(_: object, rows: Mapping[str, object]) -> dict[str, object]:
        return {
            key: replace(row, role="compute", alike=-1) if isinstance(row, TypedOp) and row.role == "constant" else row
            for key, row in rows.items()
        }

    return rerun(analysis, edits={TypedOp: computed})


def breaks_fusion(analysis: Analysis) -> Iterator[Hit]:
    """An op that only moves elements, between an op and an elementwise one that could as well come first."""
    view = views_by_scope(analysis.model).get("")
    if view is None:
        return
    rows, index = analysis.model.column(TypedOp), analysis.model.whole(TensorIndex)
    kernels, works = analysis.model.column(Kernel), analysis.model.column(Work)
    read_by = all_readers(analysis)
    kinds = dict(zip(view.keys, node_kinds(view, load_backend().kinds), strict=True))
    for node, key in enumerate(view.keys):
        row = view.rows[node]
        moved, made = row.op.inputs[:1], row.op.outputs[:1]
        readers = read_by.get(made[0], set()) if made else set()
        maker = index.makers.get(("", moved[0])) if moved else None
        if len(readers) != 1 or maker is None or ("", made[0]) in index.kept or not _moves(row, works[key]):
            continue
        (reader,) = readers
        if reader not in kinds:
            continue
        is_apart = len({kernels[one].id for one in (maker, reader)}) == 2 and kernels[maker].id
        if not is_apart or kinds[reader] != ELEMENTWISE or not _is_of_one(rows[reader], made[0], index.stored):
            continue
        later = rows[reader].op.op_type
        yield Hit((key, reader), f"{row.op.op_type} stands between {rows[maker].op.op_type} and {later}",
                  _swapped(row.op, rows[reader].op))  # fmt: skip


def _moves(row: TypedOp, work: Work) -> bool:
    """Whether an op gives elements of its first operand as they are, elsewhere, and does nothing else."""
    traits = traits_of(row.op)
    is_move = traits.permutes or traits.selects or traits.rearranges
    first, counts = row.inputs[0], work.counts
    same_type = first is not None and len(row.outputs) == 1 and first.dtype == row.outputs[0].dtype
    return bool(is_move and same_type and work.moves_data and counts is not None and not counts.operations)


def _is_of_one(row: TypedOp, name: str, stored: Container[str]) -> bool:
    """Whether an op works on each element of one operand alone: all others are lone numbers that the file stores."""
    others = [(other, kind) for other, kind in zip(row.op.inputs, row.inputs, strict=True) if other and other != name]
    are_numbers = all(other in stored and kind is not None and kind.elements == 1 for other, kind in others)
    return are_numbers and row.op.inputs.count(name) == 1 and len(row.outputs) == 1


def _swapped(move: Op, later: Op) -> Change:
    """The elementwise op first."""
    source, between, made = move.inputs[0], move.outputs[0], later.outputs[0]
    early = f"{made}/before {move.id}"
    first = with_names(later, tuple(source if name == between else name for name in later.inputs), (early,))
    second = with_names(move, (early, *move.inputs[1:]), (made,))
    return Change(instead={move.id: (first, second), later.id: ()})
