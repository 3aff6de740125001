"""One model under many settings: what the runs share is read and computed once."""

from msgspec.structs import replace

from onnx_roofline.analysis.analyze import Analysis, analyze, default_pipeline, system_of
from onnx_roofline.analysis.dim_search import _run_valid
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.hardware import System
from onnx_roofline.ir.graph import Model
from onnx_roofline.ir.pipeline import Pipeline
from onnx_roofline.ir.records import Reuse
from onnx_roofline.load import ParsedModel, Source, parse


class Repeated:
    """A model that is analysed again and again; each analysis is what `analyze` alone gives, column by column.

    The file is read once and a profile once for each choice of its figures. Runs one after the other that differ in the
    system alone share every pass before the first one that asks for it.
    """

    def __init__(self, source: Source, settings: Settings) -> None:
        """Reads the file. Raises what `parse` raises."""
        self._source = source
        self.parsed: ParsedModel = parse(source, settings.limits)
        self._systems: dict[object, System] = {}
        self._before: tuple[Settings, Model] | None = None
        # Analyses that were made.
        self.runs = 0

    def at(self, settings: Settings) -> Analysis:
        """The analysis under some settings. Raises what `analyze` raises."""
        self.runs += 1
        if settings.observe:
            return analyze(self._source, settings)
        system = self.system_of(settings)
        pipeline = default_pipeline(settings, system)
        count = next(place for place, item in enumerate(pipeline.passes) if item.produces is Reuse)
        timings: dict[str, float] = {}
        shared = replace(settings, system="", figures={})
        if self._before is None or self._before[0] != shared:
            self._before = None
            model = _run_valid(self.parsed, Pipeline(pipeline.passes[:count]), settings, None, timings)
            self._before = shared, model
        model = Pipeline(pipeline.passes[count:]).run(self._before[1], None, timings)
        return Analysis(model, system, str(pipeline), settings, timings)

    def system_of(self, settings: Settings) -> System:
        """The system of some settings, its profile read once."""
        if isinstance(settings.system, System):
            return system_of(settings)
        key = settings.system, tuple(settings.figures.items())
        if key not in self._systems:
            self._systems[key] = system_of(settings)
        return self._systems[key]
