# ruff: noqa: T201 - pytest's -rP shows the counts
"""What the lint tells of real models: everything has a price, and next to nothing is not worth a microsecond."""

from collections import Counter

import fetch
import pytest

from onnx_roofline.analysis.analyze import analyze
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.lint.lint import lint

CACHE = fetch.cache_folder()
MODELS = [model for model in (*fetch.read_manifest(), *fetch.read_derived()) if model.file(CACHE).is_file()]
# Of the findings, those that may be worth less than a microsecond, or have no price.
MOST_WORTHLESS = 0.02


@pytest.mark.skipif(len(MODELS) < 50, reason=f"most models are not in {CACHE}: run tests/real/fetch.py and derived.py")
@pytest.mark.parametrize(("system", "backend"), [("a100-attacc", "compiler"), ("rtx-4090", "ort")])
def test_findings_are_worth_a_microsecond(system: str, backend: str) -> None:
    told: Counter[str] = Counter()
    worthless: dict[tuple[str, str], str] = {}
    for model in MODELS:
        settings = Settings(system=system, backend=backend, input_shapes=dict(model.dims))
        for one in lint(analyze(model.file(CACHE), settings)):
            told[one.code] += 1
            assert (one.worth_s is None) == bool(one.unpriced), (model.name, one)
            assert one.mended <= len(one.hits)
            if one.worth_s is None or one.worth_s < 1e-6:
                worthless[model.name, one.code] = one.unpriced
    print(f"{system}, {backend}: {told.total()} findings in {len(MODELS)} models, {dict(told)}")
    assert told.total() >= 5
    assert len(worthless) <= MOST_WORTHLESS * told.total(), worthless
