"""The search for dims with which a model is valid, where the first assumption is not."""

import time
from collections.abc import Callable, Mapping

from onnx_roofline.analysis.dim_ties import solve_ties
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.base.errors import ShapeError
from onnx_roofline.ir.graph import Model
from onnx_roofline.ir.pipeline import Pipeline
from onnx_roofline.load import DimOptions, ParsedModel, alternatives, bind

Progress = Callable[[str, int, int], None]

# Seconds that may go into finding dims that make a model valid, when the first assumption does not.
SEARCH_TIME_S = 10.0

# Seconds for finding dims with which every branch is valid, when some dims make the rest of the model valid.
PARTIAL_SEARCH_TIME_S = 2.0


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
    from onnx_roofline.passes.shape_inference import ShapeInference

    inference = pipeline.passes[0]
    computed = solve_ties(parsed, options, inference) if isinstance(inference, ShapeInference) and not chosen else {}
    model = bind(parsed, options, chosen, computed)
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
        candidate = bind(parsed, options, alternative, computed)
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
