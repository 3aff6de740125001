"""One file through all passes: what the command line and a Python user call.

from onnx_roofline.analysis import Settings, analyze
analysis = analyze("model.onnx", Settings(dims={"batch": 8}))
print(analysis.summary.counts.macs)
"""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING

from onnx_roofline.errors import ShapeError, UsageError
from onnx_roofline.graph import Model
from onnx_roofline.load import DimOptions, Limits, ParsedModel, alternatives, bind, parse
from onnx_roofline.pipeline import Pipeline
from onnx_roofline.units import FLOAT_DTYPES

if TYPE_CHECKING:
    from onnx_roofline.hardware import System
    from onnx_roofline.observe import Observation
    from onnx_roofline.pim_time import PimTimeModel
    from onnx_roofline.summary import Summary

Progress = Callable[[str, int, int], None]

# Seconds that may go into finding dims that make a model valid, when the first assumption does not.
SEARCH_TIME_S = 10.0
# Seconds for finding dims with which every branch is valid, when some dims make the rest of the model valid.
PARTIAL_SEARCH_TIME_S = 2.0


@dataclass(frozen=True)
class Settings:
    """What the user says; the command line's options by the same names."""

    dims: Mapping[str, int] = field(default_factory=dict)
    input_shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    system: str = "teaching"
    assume_dtype: str = ""
    trips: Mapping[str, int] = field(default_factory=dict)
    branches: Mapping[str, Fraction] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    # which ops fuse: "compiler", "ort", "none", or a pack of one's own
    backend: str = "compiler"
    # the PIM's time: "full", or the plain "roofline"
    pim_model: "PimTimeModel" = "full"
    # "latency", "energy" or "energy-delay"
    objective: str = "latency"
    # bytes of on-chip memory as text, "unlimited", or "" for what the profiles say
    on_chip: str = ""
    residency: bool = True
    # an .npz file or "random": the model is run once, and only then
    observe: str = ""
    observe_limit_s: float = 60.0
    observe_limit_gb: float = 8.0


@dataclass(frozen=True)
class Analysis:
    """A model with every column, the system it was put on, and the pipeline that did it."""

    model: Model
    system: "System"
    pipeline: str
    settings: Settings
    timings_s: Mapping[str, float]

    @cached_property
    def summary(self) -> "Summary":
        """Totals, coverage and roll-ups."""
        from onnx_roofline.summary import summarize

        return summarize(self.model, self.system)


def analyze(
    path: str | os.PathLike[str], settings: Settings | None = None, progress: Progress | None = None
) -> Analysis:
    """Shapes, counts, traffic, roofline and placement of every op in a file.

    Raises RooflineError, one sentence for the user, where the file or an option can't be used.
    """
    from onnx_roofline.hardware import load_system

    settings = settings or Settings()
    if settings.assume_dtype and settings.assume_dtype not in FLOAT_DTYPES:
        raise UsageError(
            f"--assume-dtype {settings.assume_dtype}: wanted a floating-point type, such as "
            f"{', '.join(sorted(FLOAT_DTYPES))}"
        )
    system = load_system(settings.system)
    timings: dict[str, float] = {}
    started = time.perf_counter()
    parsed = parse(path, settings.limits)
    timings["load"] = time.perf_counter() - started
    chosen: Mapping[str, int] = {}
    observation = None
    if settings.observe:
        started = time.perf_counter()
        parsed, settings, chosen, observation = _observed(parsed, settings, system)
        timings["observe"] = time.perf_counter() - started
    pipeline = default_pipeline(settings, system, observation)
    model = _run_valid(parsed, pipeline, settings, progress, timings, chosen)
    return Analysis(model, system, str(pipeline), settings, timings)


def _observed(
    parsed: ParsedModel, settings: Settings, system: "System"
) -> "tuple[ParsedModel, Settings, Mapping[str, int], Observation]":
    """One real run: the model with its notices, the settings with the shapes that were fed, the dims that nobody stated
    and what the run showed.
    """
    from onnx_roofline.observe import RunLimits, bound_by_inputs, observe

    if settings.trips or settings.branches:
        raise UsageError("--observe: a run shows how often loops run and which branches; drop --trip and --branch")
    options = bound_by_inputs(parsed, settings.observe, DimOptions(settings.dims, settings.input_shapes))
    settings = replace(settings, input_shapes=options.input_shapes)
    model = bind(parsed, options)
    if any(dim.origin == "assumed" for dim in model.dims.values()):
        shapes_only = Pipeline(default_pipeline(settings, system).passes[:1])
        model = _run_valid(parsed, shapes_only, settings, None, {})
    seen = observe(model, settings.observe, RunLimits(settings.observe_limit_s, settings.observe_limit_gb))
    chosen = {name: dim.value for name, dim in model.dims.items() if dim.origin == "assumed"}
    return replace(parsed, notices=seen.notices + parsed.notices), settings, chosen, seen


def default_pipeline(settings: Settings, system: "System", observation: "Observation | None" = None) -> Pipeline:
    """The passes in order."""
    from onnx_roofline.backends import load_backend
    from onnx_roofline.passes.executions import CountExecutions
    from onnx_roofline.passes.fusion import FusionPass
    from onnx_roofline.passes.liveness import Liveness
    from onnx_roofline.passes.memory_traffic import MemoryTraffic
    from onnx_roofline.passes.op_count import OpCount
    from onnx_roofline.passes.placement import PlacementPass
    from onnx_roofline.passes.quantization import QuantizationFolding
    from onnx_roofline.passes.reuse import ReusePass
    from onnx_roofline.passes.roofline import RooflinePass
    from onnx_roofline.passes.shape_inference import ShapeInference

    shapes = ShapeInference(
        assume_dtype=settings.assume_dtype,
        trips=settings.trips,
        branches=settings.branches,
        observed=observation.tensors if observation else {},
        observed_runs=observation.runs if observation else {},
        value_elements=settings.limits.value_elements,
    )
    backend = load_backend(settings.backend)
    return Pipeline(
        (
            shapes,
            QuantizationFolding(),
            OpCount(),
            FusionPass(backend),
            MemoryTraffic(backend.appends_in_place),
            CountExecutions(),
            Liveness(),
            ReusePass(system, settings.on_chip, settings.residency),
            RooflinePass(system),
            PlacementPass(system, settings.pim_model, settings.objective),
        )
    )


def _run_valid(
    parsed: ParsedModel,
    pipeline: Pipeline,
    settings: Settings,
    progress: Progress | None,
    timings: dict[str, float],
    chosen: Mapping[str, int] | None = None,
) -> Model:
    """The model run with the first dims that do not contradict it; what the user states is never varied, nor are the
    assumed dims that were `chosen` before. Dims with which every branch of the model is valid are preferred.

    Raises the first contradiction if no assumption avoids it.
    """
    options = DimOptions(settings.dims, settings.input_shapes)
    model = bind(parsed, options, chosen)
    is_open = not chosen and any(dim.origin == "assumed" for dim in model.dims.values())
    # What runs, but without some branch of an If.
    partial: Model | None = None
    first: ShapeError | None = None
    try:
        partial = pipeline.run(model, progress, timings)
    except ShapeError as error:
        first = error
    if partial is not None and (not is_open or _is_whole(partial)):
        return partial
    if first is not None and not is_open:
        raise first
    deadline = time.monotonic() + (SEARCH_TIME_S if partial is None else PARTIAL_SEARCH_TIME_S)
    shapes_only = Pipeline(pipeline.passes[:1])
    second: Model | None = None
    for alternative in alternatives(model):
        if time.monotonic() > deadline:
            break
        candidate = bind(parsed, options, alternative)
        try:
            found = shapes_only.run(candidate)
        except ShapeError:
            continue
        if _is_whole(found):
            return pipeline.run(candidate, progress, timings)
        if partial is None and second is None:
            second, deadline = candidate, min(deadline, time.monotonic() + PARTIAL_SEARCH_TIME_S)
    if partial is not None:
        return partial
    if second is not None:
        return pipeline.run(second, progress, timings)
    assumed = ", ".join(f"{name}={dim.value}" for name, dim in model.dims.items() if dim.origin == "assumed")
    raise ShapeError(f"{first}; the dims {assumed} were assumed: give the true ones with --dim NAME=SIZE") from None


def _is_whole(model: Model) -> bool:
    """Whether no branch was left out because it can't be valid with the model's dims."""
    return not any(notice.code == "branch-left-out" for notice in model.warnings)
