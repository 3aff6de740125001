# ruff: noqa: T201 - pytest's -rP shows the counts
"""At other sizes of their open dims real models have the shapes of a run, or both we and onnxruntime refuse them."""

from collections.abc import Mapping
from pathlib import Path

import fetch
import judge
import pytest
import verdicts
from test_real_models import Comparison

from onnx_roofline.analysis.analyze import Analysis, analyze
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.base.errors import RooflineError

CACHE = fetch.cache_folder()
# Models whose sizes fit, and that onnxruntime refuses all the same.
ONNXRUNTIME_REFUSES = {
    "onnx/simple/test_sequence_model8": "values of an input are the lengths of a split",
    "llm_decoder": "its GroupQueryAttention takes one sequence at a time behind a past",
    "llm_decoder_rotary_inside": "its GroupQueryAttention takes one sequence at a time behind a past",
}
PARTS = 4
# (models compared, models that both refuse) of each part.
EXPECTED = ((25, 0), (25, 1), (26, 2), (22, 1))


def _models() -> list[fetch.RealModel | fetch.DerivedModel]:
    """Those that run, and of which no input's values are as many as its sizes say."""
    every = (*fetch.read_manifest(), *fetch.read_derived())
    return [model for model in every if model.runs and not any(isinstance(v, list) for v in model.values.values())]


def _other(size: int) -> int:
    """Another size of a dim: of a batch, a length, an image."""
    return size + 1 if size <= 4 else size + size // 2 if size < 100 else size + 64


def _other_shapes(path: Path, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    """The shapes with every open dim at another size; none where no dim is open, or an input is no tensor."""
    found, is_open = {}, False
    for value in judge._fed_inputs(judge._parse(path)):
        if not value.type.HasField("tensor_type") or value.name not in shapes:
            return {}
        sizes = []
        for size, dim in zip(shapes[value.name], value.type.tensor_type.shape.dim, strict=False):
            is_fixed = dim.HasField("dim_value") and dim.dim_value > 0
            is_open = is_open or not is_fixed
            sizes.append(size if is_fixed else _other(size))
        found[value.name] = tuple(sizes)
    return found if is_open else {}


def _analysis(path: Path, shapes: Mapping[str, tuple[int, ...]]) -> Analysis | None:
    try:
        return analyze(path, Settings(input_shapes=shapes))
    except RooflineError:
        return None


def _verdict(path: Path, shapes: judge.Shapes, values: judge.Values) -> judge.Verdict | None:
    try:
        return verdicts.verdict_of(path, shapes, values)
    except judge.JudgeError:
        return None


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_other_sizes_are_those_of_a_run_or_refused_by_both(part: int) -> None:
    models = _models()[part::PARTS]
    missing = [model.name for model in models if not model.file(CACHE).is_file()]
    if missing:
        pytest.skip(f"{len(missing)} models are not in {CACHE} ({missing[0]} ...): run tests/real/fetch.py, derived.py")
    comparison, compared, refused, disputed = Comparison(), 0, 0, []
    for model in models:
        path = model.file(CACHE)
        shapes = _other_shapes(path, model.dims)
        if not shapes:
            continue
        found, verdict = _analysis(path, shapes), _verdict(path, shapes, model.values)
        if found is not None and verdict is not None:
            comparison.add(model.name, found.model, verdict)
            compared += 1
        elif found is None and verdict is None:
            refused += 1
        else:
            disputed.append(model.name)
    print(f"part {part}: {compared} models, {comparison.compared} tensors, {refused} refused by both")
    assert comparison.wrong == []
    assert set(disputed) <= ONNXRUNTIME_REFUSES.keys()
    assert (compared, refused) == EXPECTED[part]
