"""What docs/traffic.md prints, from the published formulas and the shapes, with no help from the library."""

import functools
import math
from pathlib import Path

import pytest
from onnx import TensorProto, helper
from small_models import GPU, analysed, save

from onnx_roofline.analysis.analyze import Analysis, analyze
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.ir.records import Traffic, TypedOp

HALF = TensorProto.FLOAT16
LENGTHS = (128, 512, 2048, 8192, 32768)
SHARED = 96 * 1024
SAMPLES = Path(__file__).resolve().parents[2] / "sample_models"


@pytest.mark.parametrize("depth", [64, 128])
@pytest.mark.parametrize("heads", [1, 12])
def test_attention_follows_the_published_complexity(tmp_path: Path, heads: int, depth: int) -> None:
    again: dict[int, int] = {}
    for length in LENGTHS:
        path = attention(tmp_path, heads, length, depth)
        once = 4 * length * depth
        scores = length * length
        wide = analysed(path, "compiler").summary
        # Q K', scale, softmax, A V, each op alone, in float16; the scale is one element.
        assert wide.naive_bytes == heads * 2 * (2 * once - 4 * length * depth + 6 * scores) + 2
        # Half of 40 MB of L2: keys and values of one head fit up to 32768 tokens.
        assert wide.compulsory_bytes == wide.moved[GPU].moved_bytes == heads * 2 * once + 2
        small = analysed(path, "compiler", on_chip=str(SHARED)).summary.moved[GPU]
        assert small.moved_bytes == flash_bytes(heads, length, depth) + 2
        again[length] = small.refetched_bytes
        if length >= 2048:
            # N^2 d^2 / S elements, 2 bytes each, of 2-byte elements on chip: a query takes 2 d + 4 d bytes of S.
            theta = heads * length**2 * depth**2 * 2 / (SHARED / 2)
            assert again[length] == pytest.approx(6 * theta, rel=0.025)
    assert again[8192] / again[2048] == pytest.approx(16, rel=0.025)
    assert again[32768] / again[8192] == pytest.approx(16, rel=0.025)


def flash_bytes(heads: int, length: int, depth: int) -> int:
    """Q and the result once, K and V once for each block of queries; a block keeps Q, the float32 result, and a sum."""
    row = 2 * depth * 2  # of K and V
    if row * (length + 1) <= SHARED:
        return heads * 4 * length * depth * 2
    block = (SHARED - row) // (depth * 2 + depth * 4 + 4)
    return heads * 2 * (2 * length * depth + math.ceil(length / block) * 2 * length * depth)


@pytest.mark.parametrize("depth", [64, 128])
def test_twice_the_memory_halves_what_is_fetched_again(tmp_path: Path, depth: int) -> None:
    path = attention(tmp_path, 1, 8192, depth)
    figures = [analysed(path, "compiler", on_chip=str(size * SHARED)).summary.moved[GPU].refetched_bytes
               for size in (1, 2, 4)]  # fmt: skip
    assert figures[0] / figures[1] == pytest.approx(2, rel=0.05)
    assert figures[1] / figures[2] == pytest.approx(2, rel=0.05)


def attention(folder: Path, heads: int, length: int, depth: int) -> Path:
    nodes = [
        helper.make_node("MatMul", ["q", "k"], ["scores"]),
        helper.make_node("Mul", ["scores", "scale"], ["scaled"]),
        helper.make_node("Softmax", ["scaled"], ["weights"]),
        helper.make_node("MatMul", ["weights", "v"], ["out"]),
    ]
    shape = (heads, length, depth)
    inputs = {"q": (HALF, shape), "k": (HALF, (heads, depth, length)), "v": (HALF, shape)}
    scale = helper.make_tensor("scale", HALF, [], [depth**-0.5])
    return save(folder, nodes, inputs, {"out": (HALF, shape)}, [scale])


@functools.cache
def decode_step(system: str, dtype: str, backend: str = "compiler") -> Analysis:
    dims = {"batch": 1, "past_sequence": 1023}
    settings = Settings(dims=dims, system=system, assume_dtype=dtype, backend=backend)
    return analyze(SAMPLES / "llama_decode.onnx", settings)


# 8 layers of SmolLM-135M: 49152 tokens of 576, a fed-forward width of 1536, 9 query heads on 3 key-value heads of 64.
PARAMETERS = 49152 * 576 + 8 * (2 * 576 * 576 + 2 * 576 * 192 + 3 * 576 * 1536 + 2 * 576) + 576
CACHE = 8 * 2 * 3 * 1024 * 64


@pytest.mark.parametrize(("dtype", "width"), [("", 4), ("float16", 2)])
def test_a_decode_step_reads_the_weights_and_the_cache(dtype: str, width: int) -> None:
    """The embedding table is the output layer's weight too: it is read once, as that."""
    summary = decode_step("a100-attacc", dtype).summary
    expected = (PARAMETERS + CACHE) * width
    assert summary.compulsory_bytes is not None
    assert expected < summary.compulsory_bytes < 1.005 * expected
    assert expected < summary.moved[GPU].moved_bytes < 1.005 * expected


def test_a_runtime_that_does_not_share_the_buffer_copies_the_cache() -> None:
    """Weights, past in and present out on the A100: attention then finds the new cache in the L2."""
    analysis = decode_step("a100-attacc", "", "ort")
    copied = sum(
        analysis.model.column(Traffic)[key].compulsory_bytes or 0
        for key, row in analysis.model.column(TypedOp).items()
        if row.op.op_type == "Concat" and row.op.outputs[0].startswith("present.")
    )
    assert copied == 2 * CACHE * 4  # past in, present out
    moved = analysis.summary.moved[GPU]
    assert moved.refetched_bytes == 0
    assert moved.moved_bytes == pytest.approx((PARAMETERS + 2 * CACHE) * 4, rel=0.005)


@pytest.mark.parametrize("backend", ["ort", "compiler"])
def test_bert_moves_its_weights_and_a_residual_a_layer_on_an_a100(backend: str) -> None:
    """12 layers of 768 and 3072 with biases and two norms, the pooler, 128 + 128 + 128 rows of the embedding tables.

    While 18.9 MB of feed-forward weights pass, the residual [128, 768] is written out and fetched again.
    """
    layer = 4 * (768 * 768 + 768) + 2 * 768 * 3072 + 3072 + 768 + 4 * 768
    weights = 12 * layer + 768 * 768 + 768 + 3 * 128 * 768 + 2 * 768
    residuals = 12 * 2 * 128 * 768
    settings = Settings(dims={"batch": 1, "sequence": 128}, system="a100-attacc", backend=backend)
    moved = analyze(SAMPLES / "bert_base.onnx", settings).summary.moved[GPU]
    assert moved.refetched_bytes == 0
    assert moved.moved_bytes == pytest.approx(4 * (weights + residuals), rel=0.005)


def test_resnet_moves_its_weights_on_an_a100() -> None:
    summary = analyze(SAMPLES / "resnet50.onnx", Settings(system="a100-attacc")).summary
    image = 3 * 224 * 224 * 4
    assert summary.weight_bytes is not None
    assert summary.moved[GPU].moved_bytes == pytest.approx(summary.weight_bytes + image + 4000, rel=0.005)
