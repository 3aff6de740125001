"""The caches of the decoders among the samples, from both exporters. All figures by hand."""

from pathlib import Path

import pytest

from onnx_roofline.analysis.analyze import analyze
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.ir.placed_records import Placement
from onnx_roofline.ir.records import Kernel

SAMPLES = Path(__file__).resolve().parents[2] / "sample_models"
# layers, keys and values, heads, elements, bytes of one
LLAMA, DECODER = 8 * 2 * 3 * 64 * 4, 4 * 2 * 8 * 64 * 4
ROWS = {"llama_decode": (16, LLAMA), "sdpa_decode": (8, DECODER), "stacked_decode": (1, DECODER)}
FILES = [name + exporter for name in ROWS for exporter in ("", ".torchscript")]


def row_of(name: str) -> tuple[int, int]:
    """How many inputs hold caches, and the bytes of one position of all of them."""
    return ROWS[name.partition(".")[0]]


@pytest.mark.parametrize("name", FILES)
def test_a_step_reads_its_cache_once_and_writes_one_row(name: str) -> None:
    inputs, row = row_of(name)
    caches = analyze(SAMPLES / f"{name}.onnx", Settings(dims={"batch": 1, "past_sequence": 1023})).summary.caches
    assert len(caches.found) == inputs
    assert (caches.read_bytes, caches.written_bytes, caches.copied_bytes) == (1024 * row, row, 0)
    assert caches.suspects == ()


@pytest.mark.parametrize(
    ("name", "copies"),
    [
        # The Concat reads 1023 rows and writes 1024, of which one is new.
        ("sdpa_decode", 1023 + 1023),
        # The same; before it a Gather each takes the layer, and keys and values; after it keys and values are stacked,
        # then the layers: 1024 rows in and out, one of them new.
        ("stacked_decode", (1023 + 1023) + 2 * (1023 + 1023) + 2 * (1024 + 1023)),
    ],
)
@pytest.mark.parametrize("exporter", ["", ".torchscript"])
def test_a_backend_that_copies_its_caches_is_charged(name: str, copies: int, exporter: str) -> None:
    settings = Settings(dims={"batch": 1, "past_sequence": 1023}, backend="ort")
    caches = analyze(SAMPLES / f"{name}{exporter}.onnx", settings).summary.caches
    assert caches.copied_bytes == copies * row_of(name)[1]


@pytest.mark.parametrize("name", [name for name in FILES if not name.startswith("llama")])
def test_attention_runs_where_the_cache_streams_fastest(name: str) -> None:
    """64 sequences of 1024 positions, float16: 134 MB a layer, 66 us at the A100's 2039 GB/s, 5 us at 30 TB/s."""
    settings = Settings(dims={"batch": 64, "past_sequence": 1023}, system="a100-attacc", assume_dtype="float16")
    model = analyze(SAMPLES / f"{name}.onnx", settings).model
    attention = [key for key, kernel in model.column(Kernel).items() if kernel.id == key and kernel.role == "attention"]
    assert len(attention) == 4
    assert {model.column(Placement)[key].device for key in attention} == {"attacc"}
