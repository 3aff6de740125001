"""One model under many settings: what the runs share is read and computed once."""

from msgspec.structs import replace

from onnx_roofline.analysis.analyze import Analysis, analyze, default_pipeline, system_of
from onnx_roofline.analysis.dim_search import as_lenient, run_valid
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.hardware import System
from onnx_roofline.ir.pipeline import Run
from onnx_roofline.load import ParsedModel, Source, parse


class Repeated:
    """A model that is analysed again and again; each analysis is what `analyze` alone gives, column by column.

    The file is read once and a profile once for each choice of its figures. Runs one after the other that differ in the
    system alone share the passes in which it has no say.
    """

    def __init__(self, source: Source, settings: Settings) -> None:
        """Reads the file. Raises what `parse` raises."""
        self._source = source
        self.parsed: ParsedModel = parse(source, settings.limits)
        self._systems: dict[object, System] = {}
        # Settings without the system, and their last run.
        self._last: tuple[Settings, Run] | None = None
        # Analyses that were made.
        self.runs = 0

    def at(self, settings: Settings) -> Analysis:
        """The analysis under some settings. Raises what `analyze` raises."""
        self.runs += 1
        if settings.observe:
            return analyze(self._source, settings)
        system = self.system_of(settings)
        pipeline = default_pipeline(settings, system)
        timings: dict[str, float] = {}
        model_settings = replace(settings, system="", figures={})
        if self._last is not None and self._last[0] == model_settings:
            last = self._last[1]
            run = as_lenient(pipeline, last).trace(last.models[0], None, timings, last)
        else:
            # Two runs at once would be held for nothing.
            self._last = None
            run = run_valid(self.parsed, pipeline, settings, None, timings)
        self._last = model_settings, run
        return Analysis(run, system, str(pipeline), settings, timings)

    def system_of(self, settings: Settings) -> System:
        """The system of some settings, its profile read once."""
        if isinstance(settings.system, System):
            return system_of(settings)
        key = settings.system, tuple(settings.figures.items())
        if key not in self._systems:
            self._systems[key] = system_of(settings)
        return self._systems[key]
