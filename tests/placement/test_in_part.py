"""Kernels that a PIM runs in part: the product there, what follows on the GPU, the result over the link between."""

import itertools
from pathlib import Path

import onnx
import pytest
from msgspec.structs import replace
from onnx import TensorProto, helper

from onnx_roofline.analysis.analyze import Analysis, analyze
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.cli.main import main
from onnx_roofline.ir.kernel_work import KernelWork
from onnx_roofline.ir.placed_records import Placement, PlacementSummary
from onnx_roofline.placement.kernel_graph import KernelGraph
from onnx_roofline.placement.solver import evaluate, solve
from onnx_roofline.timing.device_time import device_time

WIDTH, HIDDEN = 4096, 16384
SYSTEM = "a100-attacc"  # products, but no GELU


def feed_forward(path: Path, tokens: int = 1) -> Path:
    """x [tokens, 4096] -> GELU(x A) B, weights of no bytes."""
    kind = helper.make_tensor_value_info

    def weight(name: str, shape: list[int]) -> TensorProto:
        found = TensorProto(name=name, data_type=TensorProto.FLOAT16, dims=shape, data_location=TensorProto.EXTERNAL)
        found.external_data.add(key="location", value="weights.bin")
        return found

    nodes = [
        helper.make_node("MatMul", ["x", "a"], ["ab"]),
        helper.make_node("Gelu", ["ab"], ["g"]),
        helper.make_node("MatMul", ["g", "b"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "ffn",
        [kind("x", TensorProto.FLOAT16, [tokens, WIDTH])],
        [kind("y", TensorProto.FLOAT16, [tokens, WIDTH])],
        [weight("a", [WIDTH, HIDDEN]), weight("b", [HIDDEN, WIDTH])],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)
    return path


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Analysis:
    path = feed_forward(tmp_path_factory.mktemp("ffn") / "ffn.onnx")
    return analyze(path, Settings(system=SYSTEM))


def test_the_product_runs_on_the_pim_and_its_gelu_on_the_gpu(found: Analysis) -> None:
    gpu, pim, link = found.system.pair
    first, second = (found.model.column(Placement)[key] for key in ("0:MatMul", "2:MatMul"))
    assert first.device == second.device == "attacc"
    entry = first.devices["attacc"]
    assert entry.in_part
    assert not second.devices["attacc"].in_part
    head, tail = found.model.column(KernelWork)["0:MatMul"].parts
    assert (head.op_types, tail.op_types) == (("MatMul",), ("Gelu",))
    assert head.compulsory_bytes == 2 * (WIDTH + WIDTH * HIDDEN + HIDDEN)
    assert tail.compulsory_bytes == 2 * 2 * HIDDEN  # in and out
    head_s, tail_s = device_time(pim, head, "full").total_s, device_time(gpu, tail, "full").total_s
    assert entry.time_s == pytest.approx(head_s + tail_s)
    # x there, the product's result back, GELU's result there again, y back.
    crossings = [2 * WIDTH, 2 * HIDDEN, 2 * HIDDEN, 2 * WIDTH]
    optimum = found.model.whole(PlacementSummary).alternatives[-1]
    assert optimum.transfer_s == pytest.approx(sum(link.transfer_s(size) for size in crossings))
    assert optimum.total_s == pytest.approx(entry.time_s + second.time_s + optimum.transfer_s)


def test_the_member_that_follows_stays_on_the_gpu(found: Analysis) -> None:
    row = found.model.column(Placement)["1:Gelu"]
    assert (row.device, row.explanation) == ("a100-sxm-80gb", "follows the product of kernel 0:MatMul")


def test_the_cut_is_exact(found: Analysis) -> None:
    graph = found.model.whole(KernelGraph)
    problem = graph.problem(found.system, "latency")
    assert graph.size == problem.size == 4  # two kernels, the model's outputs, one epilogue
    assignments = [(*devices, 0, 0) for devices in itertools.product((0, 1), repeat=2)]
    least = min(evaluate(problem, assignment).total for assignment in assignments)
    assert solve(problem).objective == least
    assert evaluate(problem, (0, 0, 0, 0)).transfer == 0


def test_a_slow_link_keeps_the_kernel_whole(found: Analysis) -> None:
    link = replace(found.system.link, latency_s=1e-3)
    graph = found.model.whole(KernelGraph)
    assert solve(graph.problem(replace(found.system, link=link), "latency")).assignment[:2] == (0, 0)


def test_the_report_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(feed_forward(tmp_path / "ffn.onnx"))
    assert main(["analyze", path, "--system", SYSTEM, "--wide"]) == 0
    assert "in part" in capsys.readouterr().out
    assert main(["explain", path, "0:MatMul", "--system", SYSTEM]) == 0
    out = capsys.readouterr().out
    assert "in part: the product" in out
    assert "Gelu is not among the ops of this PIM" in out


def test_a_kernel_of_many_tokens_is_not_run_in_part(tmp_path: Path) -> None:
    """256 vectors stream the weights 256 times."""
    found = analyze(feed_forward(tmp_path / "ffn.onnx", tokens=256), Settings(system=SYSTEM))
    assert {row.device for row in found.model.column(Placement).values()} == {"a100-sxm-80gb"}
