"""One file through all passes: what the command line and a Python user call.

    from onnx_roofline.analysis import Settings, analyze
    analysis = analyze("model.onnx", Settings(dims={"batch": 8}))
    print(analysis.summary.counts.macs)
"""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING

from onnx_roofline.errors import ShapeError, UsageError
from onnx_roofline.graph import Model, TensorType
from onnx_roofline.load import DimOptions, Limits, ParsedModel, alternatives, bind, parse
from onnx_roofline.pipeline import Pipeline
from onnx_roofline.units import FLOAT_DTYPES

if TYPE_CHECKING:
    from onnx_roofline.hardware import System
    from onnx_roofline.summary import Summary

Progress = Callable[[str, int, int], None]

# Seconds that may go into finding dims that make a model valid, when the first assumption does not.
SEARCH_TIME_S = 10.0


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
    observed: Mapping[str, TensorType] = field(default_factory=dict)


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


def analyze(path: str | os.PathLike[str], settings: Settings | None = None, progress: Progress | None = None) -> Analysis:
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
    pipeline = default_pipeline(settings, system)
    model = _run_valid(parsed, pipeline, settings, progress, timings)
    return Analysis(model, system, str(pipeline), settings, timings)


def default_pipeline(settings: Settings, system: "System") -> Pipeline:
    """The passes in order."""
    from onnx_roofline.passes.executions import CountExecutions
    from onnx_roofline.passes.liveness import Liveness
    from onnx_roofline.passes.memory_traffic import MemoryTraffic
    from onnx_roofline.passes.op_count import OpCount
    from onnx_roofline.passes.placement import PlacementPass
    from onnx_roofline.passes.quantization import QuantizationFolding
    from onnx_roofline.passes.roofline import RooflinePass
    from onnx_roofline.passes.shape_inference import ShapeInference

    shapes = ShapeInference(
        assume_dtype=settings.assume_dtype,
        trips=settings.trips,
        branches=settings.branches,
        observed=settings.observed,
        value_elements=settings.limits.value_elements,
    )
    return Pipeline(
        (
            shapes,
            QuantizationFolding(),
            OpCount(),
            MemoryTraffic(),
            CountExecutions(),
            Liveness(),
            RooflinePass(system),
            PlacementPass(system),
        )
    )


def _run_valid(
    parsed: ParsedModel,
    pipeline: Pipeline,
    settings: Settings,
    progress: Progress | None,
    timings: dict[str, float],
) -> Model:
    """The model run with the first dims that do not contradict it; what the user states is never varied.

    Raises the first contradiction if no assumption avoids it.
    """
    options = DimOptions(settings.dims, settings.input_shapes)
    model = bind(parsed, options)
    try:
        return pipeline.run(model, progress, timings)
    except ShapeError as error:
        first = error
    if not any(dim.origin == "assumed" for dim in model.dims.values()):
        raise first
    deadline = time.monotonic() + SEARCH_TIME_S
    shapes_only = Pipeline(pipeline.passes[:1])
    for alternative in alternatives(model):
        if time.monotonic() > deadline:
            break
        candidate = bind(parsed, options, alternative)
        try:
            shapes_only.run(candidate)
        except ShapeError:
            continue
        return pipeline.run(candidate, progress, timings)
    assumed = ", ".join(f"{name}={dim.value}" for name, dim in model.dims.items() if dim.origin == "assumed")
    raise ShapeError(f"{first}; the dims {assumed} were assumed: give the true ones with --dim NAME=SIZE") from None
