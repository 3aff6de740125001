"""Who needs a tensor, when kernels run, and that both are found in linear time."""

import json
import time
from pathlib import Path

import pytest
import traffic_laws as laws
from onnx import TensorProto, helper
from small_models import GPU, analysed, moved_of, save, traffic_of

from onnx_roofline.ir.graph import Model, op_reads
from onnx_roofline.ir.records import Kernel, TypedOp, Work
from onnx_roofline.ir.tensor_index import TensorIndex

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64
SAMPLES = Path(__file__).resolve().parents[2] / "sample_models"
REFERENCE = json.loads((SAMPLES / "reference.json").read_text("utf-8"))["models"]


def assert_in_order(model: Model) -> None:
    """Every kernel once, after the kernels that make what it reads, views seen through."""
    rows, works, kernels = model.column(TypedOp), model.column(Work), model.column(Kernel)
    uses = model.whole(TensorIndex)
    order = [key for keys in uses.schedule(kernels).values() for key in keys]
    assert sorted(order) == sorted({kernel.id for kernel in kernels.values() if kernel.id})
    place = {key: position for position, key in enumerate(order)}
    for key, row in rows.items():
        if not kernels[key].id or not works[key].moves_data:
            continue
        for name in op_reads(row.op):
            maker = uses.makers.get((row.scope, uses.root(row.scope, name)))
            if maker is not None and kernels[maker].id and kernels[maker].id != kernels[key].id:
                assert place[kernels[maker].id] < place[kernels[key].id], (maker, key)


@pytest.mark.parametrize("name", ["bert_base.onnx", "resnet50.onnx", "t5_small.torchscript.onnx", "gcn_cora.onnx"])
@pytest.mark.parametrize("backend", laws.BACKENDS)
def test_kernels_run_after_those_they_need(name: str, backend: str) -> None:
    counted = laws.Counted(SAMPLES / name, REFERENCE[name]["dims"])
    assert_in_order(counted.analysis(laws.system_of("teaching"), last="fusion", backend=backend).model)


def test_a_kernel_waits_for_the_last_of_its_operands(tmp_path: Path) -> None:
    """Conv + Add + Relu is one kernel, but its Add needs the shortcut, which stands after its Conv in the file."""
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["long"]),
        helper.make_node("Conv", ["x", "v"], ["short"]),
        helper.make_node("Add", ["long", "short"], ["sum"]),
        helper.make_node("Relu", ["sum"], ["y"]),
    ]
    shape = (1, 4, 16, 16)
    values = {"x": (FLOAT, shape), "w": (FLOAT, (4, 4, 1, 1)), "v": (FLOAT, (4, 4, 1, 1))}
    analysis = analysed(save(tmp_path, nodes, values, {"y": (FLOAT, shape)}), "compiler")
    assert analysis.summary.kernels == 2
    assert_in_order(analysis.model)
    # One convolution's result goes to the other kernel on chip, and x is still there for it: neither is moved again.
    moved = analysis.summary.moved[GPU]
    assert moved.resident_bytes == 3 * 4 * 16 * 16 * 4
    assert moved.moved_bytes == (2 * 4 * 16 * 16 + 2 * 4 * 4) * 4


@pytest.mark.parametrize("question", ["Shape", "Size"])
def test_asking_for_a_shape_reads_nothing(tmp_path: Path, question: str) -> None:
    """The shape of a tensor inside a kernel does not bring the tensor out, nor of one that is kept between kernels."""
    nodes = [
        helper.make_node("Relu", ["x"], ["r"]),
        helper.make_node(question, ["r"], ["n"]),
        helper.make_node("Sigmoid", ["r"], ["s"]),
        helper.make_node("ConstantOfShape" if question == "Shape" else "Identity", ["n"], ["c"]),
        helper.make_node("Neg", ["s"], ["y"]),
    ]
    shape = (4, 1000)
    asked = (FLOAT, shape) if question == "Shape" else (INT64, ())
    path = save(tmp_path, nodes, {"x": (FLOAT, shape)}, {"y": (FLOAT, shape), "c": asked})
    fused = analysed(path, "compiler")
    assert traffic_of(fused, "r").compulsory_bytes == 16_000  # x
    assert traffic_of(fused, "s").compulsory_bytes == 0
    apart = analysed(path)
    assert moved_of(apart, "r").resident_bytes == 16_000
    assert "'r': 16,000 B not written out, all readers hit" in moved_of(apart, "r").reasons


@pytest.mark.parametrize("kind", ["chain", "fan"])
def test_reuse_is_linear(tmp_path: Path, kind: str) -> None:
    """Four times the ops take less than ten times the processor time; a quadratic step would take sixteen."""

    def seconds(count: int) -> float:
        nodes = [helper.make_node("Relu", ["x"], ["t0"])]
        for place in range(1, count):
            source = f"t{place - 1}" if kind == "chain" else "t0"
            nodes.append(helper.make_node(("Relu", "MatMul")[place % 2], [source, "w"][: 1 + place % 2], [f"t{place}"]))
        if kind == "fan":
            nodes.append(helper.make_node("Sum", [f"t{place}" for place in range(1, count)], ["y"]))
        values = {"x": (FLOAT, (8, 8)), "w": (FLOAT, (8, 8))}
        path = save(tmp_path, nodes, values, {"y" if kind == "fan" else f"t{count - 1}": (FLOAT, (8, 8))})
        counted = laws.Counted(path)
        best = float("inf")
        for _ in range(2):
            started = time.process_time()
            counted.analysis(laws.system_of("a100-attacc"), last="reuse", backend="none")
            best = min(best, time.process_time() - started)
        return best

    assert seconds(8000) < 10 * seconds(2000)
