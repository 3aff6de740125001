"""The search for dims with which a model is valid, where the first assumption is not."""

import time
from collections.abc import Callable, Mapping

from msgspec.structs import replace

from onnx_roofline.analysis.dim_ties import solve_ties
from onnx_roofline.analysis.fixed_sizes import refuse_hard_coded
from onnx_roofline.analysis.precision.spec import precision_of
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.base.errors import ShapeError
from onnx_roofline.ir.graph import Model, Notice
from onnx_roofline.ir.pipeline import Pass, Pipeline, Run
from onnx_roofline.load import ComputedDim, DimOptions, ParsedModel, alternatives, bind

Progress = Callable[[str, int, int], None]

# Seconds for finding dims that make a model valid, and every branch of it, when the first assumption does not.
SEARCH_TIME_S = 2.0


def run_valid(
    parsed: ParsedModel,
    pipeline: Pipeline,
    settings: Settings,
    progress: Progress | None,
    timings: dict[str, float],
    chosen: Mapping[str, int] | None = None,
) -> Run:
    """The run of the model with dims that do not contradict it, in the precision that the settings ask for."""
    precision = precision_of(settings.quantize)
    if not precision.changes_graph:
        return _first_valid(parsed, pipeline, settings, progress, timings, chosen)
    from onnx_roofline.analysis.precision.apply import quantized
    from onnx_roofline.fusion.backends import load_backend
    from onnx_roofline.passes.kv_caches import KvCaches
    from onnx_roofline.passes.op_count import OpCount
    from onnx_roofline.passes.quantization import QuantizationFolding
    from onnx_roofline.passes.shape_inference import ShapeInference

    inference = pipeline.passes[0]
    # What is stored beside the new types has the file's width, and is taken at another one with all else.
    as_filed = replace(inference, assume_dtype="") if isinstance(inference, ShapeInference) else inference
    up_to_caches = Pipeline((as_filed, QuantizationFolding(), OpCount(), KvCaches(settings.caches, settings.no_caches)))
    started = time.perf_counter()
    found = _first_valid(parsed, up_to_caches, settings, progress, {}, chosen)
    restores = load_backend(settings.backend).weight_only
    model = quantized(found.model, found.models[0], precision, restores, settings.limits.value_elements)
    timings["quantize"] = time.perf_counter() - started
    return as_lenient(pipeline, found).trace(model, progress, timings)


def as_lenient(pipeline: Pipeline, run: Run) -> Pipeline:
    """The passes, which leave what contradicts itself unknown where those of a run have had to."""
    return lenient(pipeline) if getattr(run.passes[0], "leaves_contradictions", False) else pipeline


def lenient(pipeline: Pipeline) -> Pipeline:
    """The passes, of which the shape inference leaves ops unknown whose operands contradict each other."""
    from onnx_roofline.passes.shape_inference import ShapeInference

    inference = pipeline.passes[0]
    if not isinstance(inference, ShapeInference):
        return pipeline
    return Pipeline((replace(inference, leaves_contradictions=True), *pipeline.passes[1:]))


def _first_valid(
    parsed: ParsedModel,
    pipeline: Pipeline,
    settings: Settings,
    progress: Progress | None,
    timings: dict[str, float],
    chosen: Mapping[str, int] | None = None,
) -> Run:
    """The run of the model with the first dims that do not contradict it.

    What the user states is never varied, nor are the assumed dims that were `chosen` before. Dims with which every
    branch of the model is valid are preferred.

    Where nothing was stated and no assumption is valid, the ops whose operands contradict each other are unknown.
    Raises the first contradiction where the user stated dims, or where the file fixes all of them.
    """
    options = DimOptions(settings.dims, settings.input_shapes)
    from onnx_roofline.passes.shape_inference import ShapeInference

    inference = pipeline.passes[0]
    computed = solve_ties(parsed, options, inference) if isinstance(inference, ShapeInference) and not chosen else {}
    model = bind(parsed, options, chosen, computed)
    is_open = not chosen and any(dim.origin == "assumed" for dim in model.dims.values())
    if isinstance(inference, ShapeInference):
        refuse_hard_coded(parsed, options, model, inference)
    # What runs, but without some branch of an If.
    partial: Run | None = None
    first: ShapeError | None = None
    try:
        partial = pipeline.trace(model, progress, timings)
    except ShapeError as error:
        first = error
    if partial is not None and (not is_open or _is_whole(partial.model)):
        return partial
    is_strict = bool(settings.dims or settings.input_shapes)
    fixed_one = _fixed_contradiction(model, inference) if first is not None and is_open else None
    if fixed_one is not None:
        if is_strict or not isinstance(inference, ShapeInference):
            stated = ", ".join(f"{name}={dim.value}" for name, dim in model.dims.items() if dim.origin == "bound")
            raise ShapeError(f"{fixed_one}; stated was {stated}") from None
        advice = "no sizes make the model valid: the file fixes what contradicts itself; export the model anew"
        return _without_contradictions(model, pipeline, advice, progress, timings)
    if first is not None and not is_open:
        fixed = ", ".join(f"{key}={dim.value} ({dim.reason})" for key, dim in model.dims.items() if dim.is_overridden)
        raise ShapeError(f"{first}; given was {fixed}") if fixed else first
    candidate, is_found = _search(parsed, options, pipeline.passes[0], model, computed, is_partial=partial is not None)
    if partial is not None and not is_found:
        return partial
    if candidate is not None:
        return pipeline.trace(candidate, progress, timings)
    assert first is not None
    assumed = ", ".join(f"{name}={dim.value}" for name, dim in model.dims.items() if dim.origin == "assumed")
    if is_strict or not isinstance(inference, ShapeInference):
        raise ShapeError(f"{first}; the dims {assumed} were assumed: give the true ones with --dim NAME=SIZE") from None
    advice = f"no sizes were found that make the model valid; assumed were {assumed}: give the true ones with --dim"
    return _without_contradictions(model, pipeline, advice, progress, timings)


def _without_contradictions(
    model: Model,
    pipeline: Pipeline,
    advice: str,
    progress: Progress | None,
    timings: dict[str, float],
) -> Run:
    """The run of the model with every op unknown whose operands contradict each other, and a notice that says so."""
    notice = Notice("no-valid-dims", model.info.path, advice)
    noted = replace(model, warnings=(*model.warnings, notice))
    return lenient(pipeline).trace(noted, progress, timings)


def _fixed_contradiction(model: Model, inference: Pass) -> ShapeError | None:
    """How the sizes that the file and the options fix contradict each other, whatever the dims are that are assumed."""
    opened = {name for name, dim in model.dims.items() if dim.origin == "assumed"}
    inputs = tuple(
        replace(one, type=replace(one.type, shape=tuple(
            None if (symbol or f"{one.name}.{axis}") in opened else size
            for axis, (symbol, size) in enumerate(zip(one.symbols, one.type.shape or (), strict=True))
        )))
        if one.symbols is not None and one.type.container == "tensor"
        else one
        for one in model.graph.inputs
    )  # fmt: skip
    try:
        Pipeline((inference,)).run(replace(model, graph=replace(model.graph, inputs=inputs)))
    except ShapeError as error:
        return error
    return None


def _search(
    parsed: ParsedModel,
    options: DimOptions,
    inference: Pass,
    first: Model,
    computed: Mapping[str, ComputedDim],
    *,
    is_partial: bool,
) -> tuple[Model | None, bool]:
    """The model with the first dims that do not contradict it, and whether every branch of it is valid then.

    Without such dims the first ones with which all but some branches are valid, unless there are some already.
    """
    started = time.monotonic()
    shapes_only = Pipeline((inference,))
    second: Model | None = None
    longest = 0.0
    for alternative in alternatives(first):
        begun = time.monotonic()
        if begun + longest > started + SEARCH_TIME_S:
            break
        candidate = bind(parsed, options, alternative, computed)
        try:
            found = shapes_only.run(candidate)
        except ShapeError:
            found = None
        if found is not None and _is_whole(found):
            return candidate, True
        if found is not None and not is_partial and second is None:
            second = candidate
        longest = max(longest, time.monotonic() - begun)
    return second, False


def _is_whole(model: Model) -> bool:
    """Whether no branch was left out because it can't be valid with the model's dims."""
    return not any(notice.code == "branch-left-out" for notice in model.warnings)
