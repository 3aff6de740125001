"""The footprint of a model without its times: the passes up to the liveness, for searches that ask many sizes."""

from onnx_roofline.analysis.analyze import default_pipeline
from onnx_roofline.analysis.dim_search import run_valid
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.hardware import System
from onnx_roofline.ir.pipeline import Pipeline
from onnx_roofline.ir.records import Live
from onnx_roofline.load import ParsedModel
from onnx_roofline.memory.footprint import Footprint, footprint


def footprint_of(parsed: ParsedModel, settings: Settings, system: System) -> Footprint:
    """What the model occupies under some settings, exactly as a whole analysis would say."""
    passes = default_pipeline(settings, system).passes
    last = next(position for position, item in enumerate(passes) if item.produces is Live)
    return footprint(run_valid(parsed, Pipeline(passes[: last + 1]), settings, None, {}).model)
