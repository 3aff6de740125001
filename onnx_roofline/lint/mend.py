"""The model with changes made, run again: what a finding is worth."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache

from msgspec.structs import replace

from onnx_roofline.analysis.analyze import Analysis
from onnx_roofline.inference.onnx_library import with_names
from onnx_roofline.ir.graph import Graph, Op, captured_names, op_reads
from onnx_roofline.ir.records import Kernel, TypedOp
from onnx_roofline.lint.records import Change
from onnx_roofline.what_if.rerun import RowEdit, rerun


def mended(analysis: Analysis, changes: Iterable[Change]) -> Analysis:
    """The analysis with all changes made to the main graph. Raises RooflineError where the result is no valid model."""
    whole = _together(changes)
    edits: dict[type, RowEdit] = {}
    if whole.fused:
        edits[Kernel] = lambda _, rows: _with_fused(rows, whole.fused)
    return rerun(analysis, graph=_changed(analysis.model.graph, whole), edits=edits)


def _together(changes: Iterable[Change]) -> Change:
    """All changes as one; of two that replace or rename the same, the first."""
    renames, remade, instead = dict[str, str](), dict[str, str](), dict[str, tuple[Op, ...]]()
    dropped, fused = set[str](), list[tuple[str, ...]]()
    for one in changes:
        if instead.keys() & one.instead or remade.keys() & one.remade or renames.keys() & one.remade:
            continue
        renames |= one.renames
        remade |= one.remade
        instead |= one.instead
        dropped |= one.dropped
        fused += one.fused
    return Change(renames, remade, frozenset(dropped), instead, tuple(fused))


def _with_fused(rows: Mapping[str, object], fused: Sequence[tuple[str, ...]]) -> dict[str, object]:
    """Kernels with those of the given rows made one; the last of them is its root and names it."""
    found = dict(rows)
    order = {key: position for position, key in enumerate(rows)}
    for keys in fused:
        kernels = [kernel for key in keys if isinstance(kernel := found[key], Kernel) and kernel.id]
        if len({kernel.id for kernel in kernels}) < len(keys):
            continue
        members = sorted({member for kernel in kernels for member in kernel.members}, key=order.__getitem__)
        whole = replace(kernels[-1], members=tuple(members), pattern=f"{kernels[-1].pattern}+mended")
        found |= dict.fromkeys(members, whole)
    return found


def _changed(graph: Graph, change: Change) -> Graph:
    names = {**change.renames, **change.remade}
    stand = [one for op in graph.ops for one in change.instead.get(op.id, (op,))]
    gone = change.renames.keys() | change.dropped
    kept = [op for op in stand if any(name and name not in gone for name in op.outputs)]
    before = needed_names(graph, graph.ops)
    ops = [renamed(op, names, change.remade) for op in kept]
    after = needed_names(graph, ops)
    # What only the ops that are gone have read is gone too; what nothing has read before is another finding.
    lives = [op for op in ops if after.intersection(op.outputs) or not before.intersection(op.outputs)]
    return replace(graph, ops=tuple(lives))


def needed_names(graph: Graph, ops: Sequence[Op]) -> set[str]:
    """The tensors that lead to an output."""
    found = {output.name for output in graph.outputs}
    for op in reversed(ops):
        if found.intersection(op.outputs):
            found.update(op_reads(op))
    return found


def renamed(op: Op, reads: Mapping[str, str], makes: Mapping[str, str]) -> Op:
    """An op that reads other tensors, and makes others."""
    inputs = tuple(_last(name, reads) for name in op.inputs)
    outputs = tuple(makes.get(name, name) for name in op.outputs)
    return op if inputs == op.inputs and outputs == op.outputs else with_names(op, inputs, outputs)


def _last(name: str, renames: Mapping[str, str]) -> str:
    """The tensor at the end of a chain of renames."""
    seen = {name}
    while name in renames and renames[name] not in seen:
        name = renames[name]
        seen.add(name)
    return name


def bypass(analysis: Analysis, op: Op, source: str) -> tuple[Change | None, str]:
    """Readers of an op's result read `source`, so that the op is gone; or (None, why that can't be).

    Where the result is a model output, the op that makes `source` makes it under that name.
    """
    graph, made = analysis.model.graph, op.outputs[0]
    fixed = fixed_names(graph)
    if made not in fixed:
        return Change({made: source}), ""
    if made not in {output.name for output in graph.outputs}:
        return None, f"a body captures {made}"
    if source in fixed or not any(source in maker.outputs for maker in graph.ops):
        return None, f"{made} is a model output, and so is {source}, or it is an input"
    return Change(remade={source: made}, instead={op.id: ()}), ""


@lru_cache(maxsize=1)
def fixed_names(graph: Graph) -> frozenset[str]:
    """Tensors that keep their name: model outputs, and what bodies capture."""
    fixed = {output.name for output in graph.outputs}
    for op in graph.ops:
        if op.bodies:
            fixed.update(captured_names(op))
    return frozenset(fixed)


def computed(analysis: Analysis) -> Iterator[tuple[str, TypedOp]]:
    """Row ids and rows of the main graph that compute."""
    for key, row in analysis.model.column(TypedOp).items():
        if not row.scope and row.role == "compute":
            yield key, row


def makers(analysis: Analysis) -> dict[str, str]:
    """The row that makes each tensor of the main graph as the file has it, views and folded ops included."""
    return {name: key for key, row in computed(analysis) for name in row.op.outputs if name}


def readers(analysis: Analysis) -> dict[str, set[str]]:
    """The rows that read each tensor of the main graph as the file has it, views and lookups of a shape included."""
    found: dict[str, set[str]] = {}
    for key, row in analysis.model.column(TypedOp).items():
        for name in () if row.scope else op_reads(row.op):
            found.setdefault(name, set()).add(key)
    return found
