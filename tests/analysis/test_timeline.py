"""The timeline of a placement: what it adds up to, and that nothing runs before what it needs."""

from itertools import pairwise
from pathlib import Path

import pytest

from onnx_roofline.analysis.analyze import Analysis, analyze
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.analysis.timeline import Span, overlapped, timeline
from onnx_roofline.ir.placed_records import Placement, PlacementSummary
from onnx_roofline.ir.records import Executions, Kernel, TypedOp
from onnx_roofline.ir.tensor_index import TensorIndex
from onnx_roofline.placement.kernel_graph import KernelGraph

ROOT = Path(__file__).resolve().parents[2]


def laid_out(analysis: Analysis) -> tuple[Span, ...]:
    """The timeline, after its laws."""
    spans = timeline(analysis)
    optimum = next(one for one in analysis.model.whole(PlacementSummary).alternatives if one.name == "optimum")
    parts = {kind: sum(span.duration_s for span in spans if span.kind == kind) for kind in ("kernel", "transfer")}
    # The same terms in another order: only rounding differs.
    assert parts == {"kernel": pytest.approx(optimum.kernel_s), "transfer": pytest.approx(optimum.transfer_s)}
    assert spans[-1].end_s == pytest.approx(optimum.total_s)
    now = 0.0
    for span in spans:
        assert span.start_s == now
        now = span.end_s
    return spans


@pytest.mark.parametrize("name", ["resnet50.onnx", "bert_base.onnx", "lstm.onnx", "t5_small.onnx", "gat_cora.onnx"])
def test_the_timeline_adds_up_to_the_placement(name: str, analyzed_sample) -> None:
    analysis = analyzed_sample(name)
    placements, kernels = analysis.model.column(Placement), analysis.model.column(Kernel)
    spans = [span for span in laid_out(analysis) if span.kind == "kernel"]
    runs = {key for key, kernel in kernels.items() if kernel.id == key and analysis.model.column(Executions)[key].count}
    assert {span.kernel for span in spans} == runs
    assert len(spans) == len(runs)
    assert all(span.device == placements[span.kernel].device for span in spans)


@pytest.mark.parametrize("name", ["resnet50.onnx", "bert_base.onnx", "t5_small.onnx", "llama_decode.onnx"])
def test_every_kernel_comes_after_those_that_it_reads(name: str, analyzed_sample) -> None:
    model = analyzed_sample(name).model
    rows, kernels, index = model.column(TypedOp), model.column(Kernel), model.whole(TensorIndex)
    place = {span.kernel: n for n, span in enumerate(timeline(analyzed_sample(name))) if span.kind == "kernel"}
    checked = 0
    for key, row in rows.items():
        here = kernels[key].id
        for tensor in row.op.inputs if here in place else ():
            maker = index.makers.get((row.scope, index.root(row.scope, tensor)))
            there = kernels[maker].id if maker is not None else ""
            if there in place and there != here:
                checked += 1
                assert place[there] < place[here], (there, here)
    assert checked > 20


def test_a_tensor_crosses_before_its_first_reader_and_once() -> None:
    dims = {"batch": 32, "past_sequence": 1023}
    settings = Settings(dims=dims, system="a100-attacc", assume_dtype="float16")
    analysis = analyze(ROOT / "sample_models/llama_decode.onnx", settings)
    spans = laid_out(analysis)
    transfers = [span for span in spans if span.kind == "transfer"]
    assert len({(span.tensor, span.kernel) for span in transfers}) == len(transfers) > 10
    place = {span.kernel: n for n, span in enumerate(spans) if span.kind == "kernel"}
    link = analysis.system.link
    for n, span in enumerate(spans):
        if span.kind == "transfer":
            assert place.get(span.kernel, -1) < n < place.get(span.reader, len(spans))
            assert {span.source, span.device} == {"a100-sxm-80gb", "attacc"}
            assert span.bytes is not None
            assert span.duration_s == link.transfer_s(span.bytes)


@pytest.mark.parametrize("batch", [1, 32])
def test_both_at_once_ends_with_the_makespan_and_waits_for_what_it_reads(batch: int) -> None:
    settings = Settings(dims={"batch": batch, "past_sequence": 1023}, system="a100-attacc", assume_dtype="float16")
    analysis = analyze(ROOT / "sample_models/llama_decode.onnx", settings)
    model, spans = analysis.model, overlapped(analysis)
    placed, apart = model.whole(PlacementSummary), model.whole(KernelGraph).epilogues
    kernels = {span.kernel: span for span in spans if span.kind == "kernel"}
    assert max(span.end_s for span in kernels.values()) <= placed.makespan_s < sum(s.duration_s for s in spans)
    assert len(kernels) == sum(span.kind == "kernel" for span in timeline(analysis))
    for device in analysis.system.devices:
        lane = sorted((s for s in kernels.values() if s.device == device.slug), key=lambda span: span.start_s)
        assert all(a.end_s <= b.start_s * (1 + 1e-12) for a, b in pairwise(lane))
    crossed = 0
    for span in spans:
        if span.kind == "transfer" and span.reader:
            crossed += 1
            # What follows a product that may run apart begins and ends later than the product.
            assert span.reader in apart or kernels[span.reader].start_s >= span.end_s * (1 - 1e-12)
            assert not span.kernel or span.kernel in apart or span.start_s == kernels[span.kernel].end_s
    assert crossed > 5


def test_devices_that_exclude_each_other_have_no_schedule(analyzed_sample) -> None:
    assert analyzed_sample("lenet5.onnx").system.concurrency == "exclusive"
    assert overlapped(analyzed_sample("lenet5.onnx")) == ()
