"""An analysis run again with something of it changed: its settings, its graph, its backend, or rows of a column.

What a change is worth is the time before less the time after. The dims stay those that the first analysis has found.
"""

from collections.abc import Callable, Mapping
from typing import ClassVar

from msgspec.structs import replace

from onnx_roofline.analysis.analyze import Analysis, default_pipeline, system_of
from onnx_roofline.analysis.dim_search import as_lenient
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.fusion.backends import Backend
from onnx_roofline.ir.graph import Graph, Model
from onnx_roofline.ir.pipeline import Pass, PassResult, Pipeline

# A column's rows, changed: of the model so far and the rows that the pass has made.
RowEdit = Callable[[Model, Mapping[str, object]], Mapping[str, object]]
# Settings that only the passes read; under another of the rest the model is to be made from its file again.
_OF_THE_PASSES = frozenset({
    "system", "figures", "assume_dtype", "backend", "pim_model", "math", "objective", "dispatch", "on_chip",
    "residency", "caches", "no_caches",
})  # fmt: skip
# Those of them that decide what another precision changes in the graph.
_OF_PRECISION = frozenset({"backend", "caches", "no_caches"})


def can_rerun(before: Settings, after: Settings) -> bool:
    """Whether two settings differ in what the passes read alone; dims are taken to be the same."""
    names = Settings.__struct_fields__
    differ = {name for name in names if getattr(before, name) != getattr(after, name)}
    allowed = _OF_THE_PASSES - _OF_PRECISION if after.quantize else _OF_THE_PASSES
    return differ - {"dims"} <= allowed


def rerun(
    analysis: Analysis,
    *,
    settings: Settings | None = None,
    graph: Graph | None = None,
    backend: Backend | None = None,
    edits: Mapping[type, RowEdit] | None = None,
) -> Analysis:
    """The analysis of the same model under other settings, with another main graph, for another backend, or with the
    rows of some columns edited where their passes have made them. A model that was observed keeps its shapes.

    Raises RooflineError where the changed model or the settings can't be used.
    """
    changed = analysis.settings if settings is None else settings
    system = analysis.system if settings is None else system_of(settings)
    changed = replace(changed, dims=analysis.settings.dims)
    pipeline = default_pipeline(changed, system, analysis.observation, backend)
    passes = as_lenient(pipeline, analysis.run).passes
    edited = Pipeline(tuple(_edited(one, edits[one.produces]) if edits and one.produces in edits else one
                            for one in passes))  # fmt: skip
    model = analysis.run.models[0]
    run = edited.trace(model if graph is None else replace(model, graph=graph), earlier=analysis.run)
    return Analysis(run, system, str(pipeline), changed, {}, analysis.observation)


def _edited(one: Pass, edit: RowEdit) -> Pass:
    """A pass whose rows are edited when it has made them."""

    class Edited:
        name: ClassVar[str] = one.name
        requires: ClassVar[tuple[type, ...]] = one.requires
        produces: ClassVar[type] = one.produces

        def run(self, model: Model) -> PassResult:
            found = one.run(model)
            return PassResult(edit(model, found.rows), found.notices, found.wholes)

    return Edited()


def saved_s(before: Analysis, after: Analysis) -> float | None:
    """Seconds of the placement that a change takes away; None where it changes which kernels have a time.

    Kernels without a time are left out of both.
    """
    old, new = before.summary.time_placed, after.summary.time_placed
    return old.known_s - new.known_s if old.untimed_kernels == new.untimed_kernels else None
