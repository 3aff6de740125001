"""Shared places and one analysis of each sample model for all tests."""

import functools
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from onnx_roofline.analysis.analyze import Analysis, analyze
from onnx_roofline.analysis.settings import Settings

# No test sees what another run has kept, and none leaves anything; tests of the cache have folders of their own.
os.environ["ONNX_ROOFLINE_CACHE"] = "off"
# Nor does the console that they are started from decide what is printed.
for _name in ("COLUMNS", "LINES", "FORCE_COLOR", "NO_COLOR"):
    os.environ.pop(_name, None)

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = ROOT / "sample_models"
REFERENCE = json.loads((SAMPLES / "reference.json").read_text("utf-8"))["models"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite tests/golden from what is printed now")


@functools.cache
def sample_analysis(name: str) -> Analysis:
    """A sample under the dims that its reference figures were taken with."""
    return analyze(SAMPLES / name, Settings(dims=REFERENCE[name]["dims"]))


@pytest.fixture(scope="session")
def analyzed_sample() -> Callable[[str], Analysis]:
    return sample_analysis


@pytest.fixture(scope="session")
def sample_names() -> list[str]:
    return sorted(REFERENCE)
