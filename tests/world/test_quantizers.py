"""`--quantize` against onnxruntime's own quantisers: the same figures as of the model that they really write."""

import copy
import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from msgspec.structs import replace
from onnx import numpy_helper

from onnx_roofline.analysis.analyze import Analysis, analyze
from onnx_roofline.analysis.settings import Settings
from tests.world.quantizers import DIMS, with_weights

ort = pytest.importorskip("onnxruntime")
quantization = pytest.importorskip("onnxruntime.quantization")
nbits = pytest.importorskip("onnxruntime.quantization.matmul_nbits_quantizer")

SAMPLES = tuple(DIMS)
BACKENDS = ("compiler", "ort")
A100 = "a100-sxm-80gb"
# Weights behind the products of one layer: of BERT q, k, v, o of 768 x 768, and twice 768 x 3072; of LLaMA q, o of
# 576 x 576, k, v of 576 x 192, gate, up, down of 576 x 1536; of the GPT-like decoder 4 x 512 x 512 and 2 x 512 x 2048.
WEIGHTS = {
    "bert_base": 4 * 768 * 768 + 2 * 768 * 3072,
    "llama_decode": 2 * 576 * 576 + 2 * 576 * 192 + 3 * 576 * 1536,
    "stacked_decode": 4 * 512 * 512 + 2 * 512 * 2048,
}
# Columns, N, of those of them whose K is no multiple of 128: 576 = 4.5 blocks, of q, k, v, o, gate and up.
ODD_COLUMNS = {"bert_base": 0, "llama_decode": 576 + 192 + 192 + 576 + 2 * 1536, "stacked_decode": 0}
SCALE_AND_ZERO_POINT = 4 + 1


@pytest.fixture(scope="module", params=SAMPLES)
def sample(request: pytest.FixtureRequest) -> tuple[str, onnx.ModelProto]:
    """A model with random weights, and its name."""
    return request.param, with_weights(request.param)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Without what the quantisers log of each node."""
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


def analyzed(model: onnx.ModelProto | Path, sample: str, backend: str = "compiler", quantize: str = "") -> Analysis:
    settings = Settings(dims=DIMS[sample], backend=backend, system=A100, quantize=quantize)
    return analyze(model if isinstance(model, onnx.ModelProto) else str(model), settings)


def nbits_model(model: onnx.ModelProto, bits: int, block: int, *, symmetric: bool, qdq: bool) -> onnx.ModelProto:
    """The model as MatMulNBitsQuantizer writes it."""
    form = quantization.QuantFormat.QDQ if qdq else quantization.QuantFormat.QOperator
    quantizer = nbits.MatMulNBitsQuantizer(
        copy.deepcopy(model), bits=bits, block_size=block, is_symmetric=symmetric, quant_format=form
    )
    quantizer.process()
    made: onnx.ModelProto = quantizer.model.model
    return made


def bytes_of(analysis: Analysis) -> dict[str, object]:
    """Everything that the report says of work in MACs, parameters and bytes."""
    summary = analysis.summary
    return {
        "macs": summary.counts.macs,
        "parameters": summary.parameters,
        "weight_bytes": summary.weight_bytes,
        "naive_bytes": summary.naive_bytes,
        "compulsory_bytes": summary.compulsory_bytes,
        "moved_bytes": summary.moved[A100].moved_bytes,
        "footprint": analysis.footprint,
    }


def all_of(analysis: Analysis) -> dict[str, object]:
    """The same with every count, the number of ops and the time."""
    summary = analysis.summary
    return {**bytes_of(analysis), "counts": summary.counts, "ops": summary.ops, "time": summary.time_placed.time_s}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("dtype", "symmetric"), [("int4", True), ("uint4", False)])
@pytest.mark.parametrize("group", [None, 32])
def test_the_figures_of_4_bits_are_those_of_the_model_that_the_quantiser_writes_in_qdq(
    sample: tuple[str, onnx.ModelProto], backend: str, dtype: str, symmetric: bool, group: int | None
) -> None:
    name, model = sample
    asked = f"weights={dtype}" + (f",group={group}" if group else "")
    real = nbits_model(model, 4, group or 128, symmetric=symmetric, qdq=True)  # 128 is the default of both
    assert all_of(analyzed(model, name, backend, asked)) == all_of(analyzed(real, name, backend))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("dtype", "bits", "symmetric"), [("int4", 4, True), ("uint4", 4, False), ("int8", 8, True), ("uint8", 8, False)]
)
def test_the_figures_are_those_of_matmulnbits_where_blocks_are_whole(
    sample: tuple[str, onnx.ModelProto], backend: str, dtype: str, bits: int, symmetric: bool
) -> None:
    name, model = sample
    mine = analyzed(model, name, backend, f"weights={dtype},group=32")
    real = analyzed(nbits_model(model, bits, 32, symmetric=symmetric, qdq=False), name, backend)
    assert bytes_of(mine) == bytes_of(real)
    # MatMulNBits stores unsigned numbers, from which it takes half the range where no zero point is given.
    subtractions = WEIGHTS[name] if symmetric else 0
    assert real.summary.counts.flops - mine.summary.counts.flops == subtractions


@pytest.mark.parametrize(("dtype", "symmetric"), [("int4", True), ("uint4", False)])
def test_matmulnbits_pads_the_last_block(sample: tuple[str, onnx.ModelProto], dtype: str, symmetric: bool) -> None:
    name, model = sample
    mine = analyzed(model, name, quantize=f"weights={dtype}").summary
    real = analyzed(nbits_model(model, 4, 128, symmetric=symmetric, qdq=False), name).summary
    padding = ODD_COLUMNS[name] * (5 * 128 - 576) // 2  # two numbers a byte
    # Zero points of a column take whole bytes: 3 for 5 blocks, where 2.5 would do.
    half_bytes = 0 if symmetric else ODD_COLUMNS[name] // 2
    assert real.weight_bytes - mine.weight_bytes == padding + half_bytes
    assert real.parameters == mine.parameters
    assert real.counts.macs == mine.counts.macs


class Once(quantization.CalibrationDataReader):  # type: ignore[misc, name-defined]
    """One input of random numbers for each open size."""

    def __init__(self, path: Path, sample: str) -> None:
        sizes = analyzed(path, sample).model.dims
        numbers = np.random.default_rng(1)
        self.feeds: list[dict[str, object]] = [{}]
        for graph_input in onnx.load(path).graph.input:
            kind = graph_input.type.tensor_type
            shape = [dim.dim_value or sizes[dim.dim_param].value for dim in kind.shape.dim]
            is_float = kind.elem_type == onnx.TensorProto.FLOAT
            values = numbers.standard_normal(shape) if is_float else np.ones(shape)
            dtype = onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type)
            self.feeds[0][graph_input.name] = values.astype(dtype)

    def get_next(self) -> dict[str, object] | None:
        return self.feeds.pop() if self.feeds else None


def of_two_activations(model: onnx.ModelProto) -> list[str]:
    """Names of the products whose second operand is computed."""
    stored = {tensor.name for tensor in model.graph.initializer}
    return [node.name for node in model.graph.node if node.op_type == "MatMul" and node.input[1] not in stored]


@pytest.mark.parametrize("group", ["channel", "tensor"])
@pytest.mark.parametrize("activations", ["int8", "uint8"])
def test_the_figures_of_8_bits_are_those_of_the_model_that_quantize_static_writes(
    sample: tuple[str, onnx.ModelProto], tmp_path: Path, group: str, activations: str
) -> None:
    name, model = sample
    before, after = tmp_path / "before.onnx", tmp_path / "after.onnx"
    onnx.save(model, before)
    quantization.quantize_static(
        before,
        after,
        Once(before, name),
        quant_format=quantization.QuantFormat.QDQ,
        op_types_to_quantize=["MatMul"],
        per_channel=group == "channel",
        weight_type=quantization.QuantType.QInt8,
        activation_type=quantization.QuantType.QInt8 if activations == "int8" else quantization.QuantType.QUInt8,
        # Attention stays floating, results too, and signed types lie about 0.
        nodes_to_exclude=of_two_activations(model),
        extra_options={
            "OpTypesToExcludeOutputQuantization": ["MatMul"],
            "ActivationSymmetric": activations == "int8",
            "WeightSymmetric": True,
        },
    )
    mine = analyzed(model, name, quantize=f"weights=int8,activations={activations},group={group}")
    real = analyzed(after, name)
    found, wanted = all_of(mine), all_of(real)
    # What is alive at once depends on the order of the nodes, which the quantiser sorts anew.
    found["footprint"] = replace(mine.footprint, activation_bytes=0)
    wanted["footprint"] = replace(real.footprint, activation_bytes=0)
    assert found == wanted


def test_the_weights_of_8_bits_are_those_that_quantize_dynamic_writes(
    sample: tuple[str, onnx.ModelProto], tmp_path: Path
) -> None:
    name, model = sample
    before, after = tmp_path / "before.onnx", tmp_path / "after.onnx"
    onnx.save(model, before)
    quantization.quantize_dynamic(
        before, after, per_channel=True, op_types_to_quantize=["MatMul"], weight_type=quantization.QuantType.QInt8
    )
    mine, real = analyzed(model, name, quantize="weights=int8"), analyzed(after, name)
    assert mine.summary.parameters == real.summary.parameters
    assert mine.summary.weight_bytes == real.summary.weight_bytes
    assert mine.summary.counts.macs == real.summary.counts.macs


def test_a_product_of_a_transposed_matrix_is_quantised_where_the_quantiser_needs_it_folded() -> None:
    model = onnx.parser.parse_model(
        '<ir_version: 10, opset_import: ["": 21]> g (float[8, 64] x) => (float[8, 32] y) '
        "{ t = Transpose (w) y = MatMul (x, t) }"
    )
    folded = onnx.parser.parse_model(
        '<ir_version: 10, opset_import: ["": 21]> g (float[8, 64] x) => (float[8, 32] y) { y = MatMul (x, t) }'
    )
    model.graph.initializer.append(numpy_helper.from_array(np.ones((32, 64), np.float32), "w"))
    folded.graph.initializer.append(numpy_helper.from_array(np.ones((64, 32), np.float32), "t"))
    settings = Settings(system=A100, quantize="weights=int4,group=32")
    mine = analyze(model, settings).summary
    real = analyze(nbits_model(folded, 4, 32, symmetric=True, qdq=True), Settings(system=A100)).summary
    as_exported = nbits_model(model, 4, 32, symmetric=True, qdq=True)
    assert [node.op_type for node in as_exported.graph.node] == ["Transpose", "MatMul"]  # the quantiser skipped it
    assert (mine.weight_bytes, mine.parameters) == (real.weight_bytes, real.parameters)
    assert mine.weight_bytes == 32 * 64 // 2 + 2 * 32 * 4  # 4 bits, and a scale for each 32 of a column
    assert mine.moved[A100].moved_bytes == real.moved[A100].moved_bytes
