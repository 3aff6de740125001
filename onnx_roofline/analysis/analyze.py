"""One model through all passes."""

import time
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from onnx_roofline import plugin
from onnx_roofline.analysis.dim_search import Progress, run_valid
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.base.errors import UsageError
from onnx_roofline.base.quantities import format_si
from onnx_roofline.base.text import visible
from onnx_roofline.base.units import DTYPE_BITS
from onnx_roofline.ir.graph import Model
from onnx_roofline.ir.pipeline import Pass, Pipeline, PipelineError, Run
from onnx_roofline.load import DimOptions, ParsedModel, Source, bind, is_file, is_mlir, parse

if TYPE_CHECKING:
    from onnx_roofline.analysis.observe.run import Observation
    from onnx_roofline.analysis.summary import Summary
    from onnx_roofline.fusion.backends import Backend
    from onnx_roofline.hardware import System
    from onnx_roofline.memory.footprint import Footprint
    from onnx_roofline.passes.kernel_work import KernelWorkPass


class Analysis(Struct, frozen=True, eq=False, dict=True):
    """A run of all passes, the system the model was put on, its pipeline in words, and what a real run has shown."""

    run: Run
    system: "System"
    pipeline: str
    settings: Settings
    timings_s: Mapping[str, float]
    observation: "Observation | None" = None

    @property
    def model(self) -> Model:
        """The model with every column."""
        return self.run.model

    def __repr__(self) -> str:
        """File, ops, MACs, system and time on one line."""
        summary = self.summary
        macs, time_s = format_si(summary.counts.macs, "MAC"), format_si(summary.time_placed.time_s, "s")
        name = visible(self.model.info.path.replace("\\", "/").rpartition("/")[2])
        missing = f" + {summary.unknown_counts_ops:,} unknown" if summary.unknown_counts_ops else ""
        return f"<Analysis {name}: {summary.ops:,} ops, {macs}{missing}, {time_s} on {self.system.slug}>"

    @cached_property
    def summary(self) -> "Summary":
        """Totals, coverage and roll-ups."""
        from onnx_roofline.analysis.summary import summarize

        return summarize(self.model, self.system)

    @cached_property
    def footprint(self) -> "Footprint":
        """What the whole model occupies in the memory of one device."""
        from onnx_roofline.memory.footprint import Footprint

        return self.model.whole(Footprint)


def analyze(
    source: "Source | ParsedModel", settings: Settings | None = None, progress: Progress | None = None
) -> Analysis:
    """Shapes, counts, traffic, roofline and placement of every op of a model, in a file or in memory.

    Raises RooflineError, one sentence for the user, where the file or an option can't be used.
    """
    settings = settings or Settings()
    system = system_of(settings)
    timings: dict[str, float] = {}
    started = time.perf_counter()
    parsed = parse(source, settings.limits)
    timings["load"] = time.perf_counter() - started
    chosen: Mapping[str, int] = {}
    observation = None
    if settings.observe:
        if isinstance(source, ParsedModel) or not is_file(source):
            raise UsageError("--observe: found a model in memory, wanted the path of a file: a run needs its weights")
        started = time.perf_counter()
        parsed, settings, chosen, observation = _observed(parsed, settings, system)
        timings["observe"] = time.perf_counter() - started
    pipeline = default_pipeline(settings, system, observation)
    run = run_valid(parsed, pipeline, settings, progress, timings, chosen)
    return Analysis(run, system, str(pipeline), settings, timings, observation)


def system_of(settings: Settings) -> "System":
    """The system of some settings, with the figures that they state. Raises ProfileError or UsageError."""
    from onnx_roofline.hardware import System
    from onnx_roofline.hardware.stated import load_stated

    if not isinstance(settings.system, System):
        return load_stated(settings.system, settings.figures)
    if settings.figures:
        raise UsageError("--set: found a System, wanted the name or the file of a profile; change its records instead")
    return settings.system


def _observed(
    parsed: ParsedModel, settings: Settings, system: "System"
) -> "tuple[ParsedModel, Settings, Mapping[str, int], Observation]":
    """One real run: the model with its notices, the settings with the shapes that were fed, the dims that nobody stated
    and what the run showed.
    """
    from onnx_roofline.analysis.observe.run import RunLimits, bound_by_inputs, observe

    if settings.trips or settings.branches:
        raise UsageError("--observe: a run shows how often loops run and which branches; drop --trip and --branch")
    if is_mlir(parsed.path):
        raise UsageError("--observe: onnxruntime runs no MLIR; pass the .onnx file that it was made from")
    if settings.values:
        raise UsageError("--observe: a run has the values that it is fed; drop --value")
    options = bound_by_inputs(parsed, settings.observe, DimOptions(settings.dims, settings.input_shapes))
    settings = replace(settings, input_shapes=options.input_shapes)
    model = bind(parsed, options)
    if any(dim.origin == "assumed" for dim in model.dims.values()):
        shapes_only = Pipeline(default_pipeline(settings, system).passes[:1])
        model = run_valid(parsed, shapes_only, settings, None, {}).model
    seen = observe(model, settings.observe, RunLimits(settings.observe_limit_s, settings.observe_limit_gb))
    chosen = {name: dim.value for name, dim in model.dims.items() if dim.origin == "assumed"}
    return replace(parsed, notices=seen.notices + parsed.notices), settings, chosen, seen


def kernel_work_pass(settings: Settings, backend: "Backend | None" = None) -> "KernelWorkPass":
    """The pass that makes the kernels' work as the settings and their backend, or another, have it."""
    from onnx_roofline.fusion.backends import load_backend
    from onnx_roofline.passes.kernel_work import KernelWorkPass

    backend = load_backend(settings.backend) if backend is None else backend
    return KernelWorkPass(settings.math or backend.math, backend.edge_layouts)


def _multiplied(system: "System") -> frozenset[str]:
    """The element types that a device of the system has a peak for."""
    return frozenset(
        dtype for dtype in DTYPE_BITS for device in system.devices if device.peak_flops_per_s(dtype) is not None
    )


def default_pipeline(
    settings: Settings,
    system: "System",
    observation: "Observation | None" = None,
    backend: "Backend | None" = None,
) -> Pipeline:
    """The passes in order; `backend` stands for that of the settings."""
    from onnx_roofline.fusion.backends import load_backend
    from onnx_roofline.passes.executions import CountExecutions
    from onnx_roofline.passes.fusion import FusionPass
    from onnx_roofline.passes.kv_caches import KvCaches
    from onnx_roofline.passes.liveness import Liveness
    from onnx_roofline.passes.memory_traffic import MemoryTraffic
    from onnx_roofline.passes.op_count import OpCount
    from onnx_roofline.passes.placement import PlacementPass
    from onnx_roofline.passes.quantization import QuantizationFolding
    from onnx_roofline.passes.reuse import ReusePass
    from onnx_roofline.passes.roofline import RooflinePass
    from onnx_roofline.passes.shape_inference import ShapeInference

    shapes = ShapeInference(
        assume_dtype=settings.float_dtype,
        trips=settings.trips,
        branches=settings.branches,
        values=settings.values,
        observed=observation.tensors if observation else {},
        observed_runs=observation.runs if observation else {},
        value_elements=settings.limits.value_elements,
        lengths=settings.dims,
    )
    backend = load_backend(settings.backend) if backend is None else backend
    own: tuple[Pass, ...] = (
        shapes,
        QuantizationFolding(backend.folds_quantized, backend.weight_only, _multiplied(system)),
        OpCount(),
        KvCaches(settings.caches, settings.no_caches),
        FusionPass(backend),
        MemoryTraffic(backend.appends_in_place),
        CountExecutions(),
        Liveness(),
        ReusePass(system, settings.on_chip, settings.residency),
        kernel_work_pass(settings, backend),
        RooflinePass(system),
        PlacementPass(system, settings.pim_model, settings.objective, settings.dispatch),
    )
    if not plugin.passes():
        return Pipeline(own)
    try:
        return Pipeline((*own, *plugin.passes()))
    except PipelineError as error:
        raise UsageError(f"a plugin's pass does not fit: {error}") from None
