"""The model with a change made, run again: what a finding is worth."""

from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from onnx_roofline.analysis.analyze import Analysis, default_pipeline
from onnx_roofline.base.errors import RooflineError
from onnx_roofline.inference.onnx_library import node_with_inputs
from onnx_roofline.ir.graph import Graph, Op, captured_names, op_reads
from onnx_roofline.lint.records import Change


def mended(analysis: Analysis, changes: Iterable[Change]) -> Analysis | None:
    """The analysis of the main graph with all changes made; None where the result is no valid model."""
    renames: dict[str, str] = {}
    dropped: set[str] = set()
    for change in changes:
        renames |= change.renames
        dropped |= change.dropped
    graph = _changed(analysis.model.graph, renames, dropped)
    model = replace(analysis.model, graph=graph, columns={}, wholes={})
    pipeline = default_pipeline(analysis.settings, analysis.system)
    try:
        found = pipeline.run(model)
    except RooflineError:
        return None
    return Analysis(found, analysis.system, str(pipeline), analysis.settings, {})


def time_of(analysis: Analysis) -> float | None:
    """Seconds of the placement; None where a kernel has no time."""
    return analysis.summary.time_placed.time_s


def _changed(graph: Graph, renames: Mapping[str, str], dropped: set[str]) -> Graph:
    gone = renames.keys() | dropped
    kept = [op for op in graph.ops if any(name and name not in gone for name in op.outputs)]
    before = needed_names(graph, graph.ops)
    ops = [_renamed(op, renames) for op in kept]
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


def _renamed(op: Op, renames: Mapping[str, str]) -> Op:
    inputs = tuple(_last(name, renames) for name in op.inputs)
    if inputs == op.inputs:
        return op
    return replace(op, inputs=inputs, proto=None if op.proto is None else node_with_inputs(op, inputs))


def _last(name: str, renames: Mapping[str, str]) -> str:
    """The tensor at the end of a chain of renames."""
    seen = {name}
    while name in renames and renames[name] not in seen:
        name = renames[name]
        seen.add(name)
    return name


def can_rename(graph: Graph, names: Iterable[str]) -> bool:
    """Whether tensors may have another name: they are no model outputs, and no body captures them."""
    fixed = {output.name for output in graph.outputs}
    for op in graph.ops:
        if op.bodies:
            fixed.update(captured_names(op))
    return fixed.isdisjoint(names)
