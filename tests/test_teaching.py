"""The teaching sheet's questions with their right answers. Expected values are worked out in the comments."""

from pathlib import Path

import pytest

from onnx_roofline.analysis.analyze import Analysis, analyze
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.ir.placed_records import Placement, Roofline
from onnx_roofline.ir.records import Traffic, TypedOp, Work

SAMPLES = Path(__file__).resolve().parents[1] / "sample_models"


def _rows(analysis: Analysis, op_type: str) -> list[str]:
    return [key for key, row in analysis.model.column(TypedOp).items() if row.op.op_type == op_type]


def test_depthwise_conv(analyzed_sample) -> None:
    analysis = analyzed_sample("depthwise_conv.onnx")
    assert analysis.summary.parameters == 288  # 3 * 3 * 32
    assert analysis.summary.counts.flops == 1_806_336  # 2 * 56 * 56 * 3 * 3 * 32
    (key,) = _rows(analysis, "Conv")
    # input and output 56 * 56 * 32 floats each, weights 3 * 3 * 32 floats
    assert analysis.model.column(Traffic)[key].naive_bytes == 2 * 401_408 + 1_152
    roofs = analysis.model.column(Roofline)[key].devices
    assert roofs["teaching-gpu"].intensity == 1_806_336 / 803_968
    assert (roofs["teaching-gpu"].ridge, roofs["teaching-pim"].ridge) == (250.0, 20e12 / 6000e9)
    assert (roofs["teaching-gpu"].bound, roofs["teaching-pim"].bound) == ("memory", "memory")
    # max(1,806,336 / 20e12, 803,968 / 6000e9): the PIM streams it in 0.134 us, the GPU in 1.005 us
    assert roofs["teaching-gpu"].total_time_s == pytest.approx(803_968 / 800e9, rel=1e-15)
    assert roofs["teaching-pim"].total_time_s == pytest.approx(803_968 / 6000e9, rel=1e-15)
    assert analysis.model.column(Placement)[key].device == "teaching-pim"


@pytest.mark.parametrize("name", ["attention_single_head.onnx", "attention_single_head.torchscript.onnx"])
def test_single_head_attention(name: str, analyzed_sample) -> None:
    analysis = analyzed_sample(name)
    assert analysis.summary.parameters == 65_536  # 4 * 128 * 128
    works, traffics = analysis.model.column(Work), analysis.model.column(Traffic)
    flops = sorted(works[key].counts.flops for key in _rows(analysis, "MatMul"))
    # scores and values 2 * 64 * 64 * 128 each; four projections 2 * 64 * 128 * 128 each
    assert flops == [1_048_576, 1_048_576, 2_097_152, 2_097_152, 2_097_152, 2_097_152]
    (scaling,) = _rows(analysis, "Mul") or _rows(analysis, "Div")
    assert works[scaling].counts.flops == 4_096  # 64 * 64
    (softmax,) = _rows(analysis, "Softmax")
    counts = works[softmax].counts
    # 64 rows of 64: exp 64 * 64; subtract the maximum 64 * 64, sum 64 * 63; divide 64 * 64; maximum 64 * 63
    assert (counts.transcendentals, counts.adds, counts.divs, counts.compares) == (4_096, 4_096 + 4_032, 4_096, 4_032)
    projection = next(key for key in _rows(analysis, "MatMul") if works[key].counts.flops == 2_097_152)
    assert traffics[projection].naive_bytes == 131_072  # (64 * 128 + 128 * 128 + 64 * 128) * 4
    roofs = analysis.model.column(Roofline)[projection].devices
    assert roofs["teaching-gpu"].intensity == 16.0  # 2,097,152 / 131,072
    assert (roofs["teaching-gpu"].bound, roofs["teaching-pim"].bound) == ("memory", "compute")
    # 131,072 / 800e9 = 0.164 us on the GPU; by the plain roofline 2,097,152 / 20e12 = 0.105 us on the PIM
    plain = analyze(SAMPLES / name, Settings(pim_model="roofline")).model.column(Placement)[projection]
    assert plain.device == "teaching-pim"
    assert plain.devices["teaching-pim"].time_s == pytest.approx(2_097_152 / 20e12, rel=1e-12)
    # A PIM streams its weights again for each of the 64 tokens: 64 * 65,536 B / 6000e9 = 0.699 us
    full = analysis.model.column(Placement)[projection]
    assert full.device == "teaching-gpu"
    assert full.devices["teaching-pim"].time_s == pytest.approx(64 * 65_536 / 6000e9, rel=1e-12)


@pytest.mark.parametrize("name", ["attention_causal.onnx", "attention_causal.torchscript.onnx"])
def test_causal_attention_computes_what_the_graph_computes(name: str, analyzed_sample) -> None:
    """An exported mask does not skip work: all 4,096 scores are computed, 2,080 of them are kept."""
    analysis = analyzed_sample(name)
    assert analysis.summary.counts.macs == 4 * 64 * 128 * 128 + 2 * 64 * 64 * 128
    assert 64 * 65 // 2 == 2_080


def test_sequential_steps_of_attention_and_lstm(analyzed_sample) -> None:
    """Attention sees all positions at once; the LSTM's time loop is a chain of T steps."""
    attention = analyzed_sample("attention_single_head.torchscript.onnx").summary
    # projection of q or k, (transpose of k,) scores, scaling, softmax, values, output: no step depends on the length
    assert attention.sequential_steps in (6, 7)
    lstm = analyzed_sample("lstm.torchscript.onnx")
    (key,) = _rows(lstm, "LSTM")
    assert lstm.model.column(Work)[key].sequential_steps == 10  # T
