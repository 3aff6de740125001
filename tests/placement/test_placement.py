"""Placement of the sample models: the optimum against an independent solver, the baselines, and the laws."""

import math
from pathlib import Path

import numpy as np
import onnx
import pytest
from msgspec.structs import replace
from onnx import TensorProto, helper
from onnx_roofline.passes.placement import PlacementPass
from onnx_roofline.passes.roofline import RooflinePass
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array

from onnx_roofline.analysis.analyze import Analysis, analyze
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.cli.main import main
from onnx_roofline.hardware import load_system
from onnx_roofline.ir.placed_records import Placement, PlacementSummary, Roofline
from onnx_roofline.ir.records import Kernel
from onnx_roofline.placement.kernel_graph import kernel_graph
from onnx_roofline.placement.solver import Problem, evaluate, solve
from onnx_roofline.report.explain import explain_op
from onnx_roofline.what_if.alternatives import Alternatives

SAMPLES = Path(__file__).resolve().parents[2] / "sample_models"
NAMES = sorted(path.name for path in SAMPLES.glob("*.onnx"))
SYSTEMS = {"teaching": "", "a100-attacc": "float16"}


@pytest.fixture(scope="module")
def placed() -> dict[tuple[str, str], Analysis]:
    return {}


def _placed(cache: dict[tuple[str, str], Analysis], name: str, system: str) -> Analysis:
    key = name, system
    if key not in cache:
        cache[key] = analyze(SAMPLES / name, Settings(system=system, assume_dtype=SYSTEMS[system]))
    return cache[key]


def _by_integer_program(problem: Problem) -> float:
    """The least cost as a mixed-integer program: x per node, one variable per tensor and direction."""
    size = problem.size
    costs = [0.0 if pair[1] is None or pair[0] is None else pair[1] - pair[0] for pair in problem.cost]
    constant = math.fsum((pair[0] if pair[0] is not None else pair[1]) or 0.0 for pair in problem.cost)
    lower, upper = [0.0] * size, [1.0] * size
    for node, pair in enumerate(problem.cost):
        if pair[1] is None:
            upper[node] = 0.0
        elif pair[0] is None:
            lower[node] = 1.0
            # constant holds the cost on device 1 already
    for node, device in problem.pins.items():
        lower[node] = upper[node] = float(device)
    rows, columns, values, limits = [], [], [], []
    count = 0

    def at_most(terms: list[tuple[int, float]], limit: float) -> None:
        nonlocal count
        for column, value in terms:
            rows.append(count)
            columns.append(column)
            values.append(value)
        limits.append(limit)
        count += 1

    for tensor in problem.tensors:
        to_pim, to_gpu = len(costs), len(costs) + 1
        costs += [tensor.transfer[0], tensor.transfer[1]]
        lower += [0.0, 0.0]
        upper += [1.0, 1.0]
        for consumer in tensor.consumers:
            if tensor.producer is None:
                home = float(tensor.home)
                at_most([(consumer, 1.0), (to_pim, -1.0)], home)
                at_most([(consumer, -1.0), (to_gpu, -1.0)], -home)
            else:
                at_most([(consumer, 1.0), (tensor.producer, -1.0), (to_pim, -1.0)], 0.0)
                at_most([(tensor.producer, 1.0), (consumer, -1.0), (to_gpu, -1.0)], 0.0)
    integrality = np.array([1] * size + [0] * (len(costs) - size))
    scale = max([abs(cost) for cost in costs] + [1e-30])
    matrix = coo_array((values, (rows, columns)), shape=(count, len(costs))).tocsr()
    constraints = LinearConstraint(matrix, -np.inf, np.array(limits)) if count else ()
    found = milp(np.array(costs) / scale, integrality=integrality, bounds=Bounds(lower, upper), constraints=constraints)
    assert found.status == 0, found.message
    return constant + float(found.fun) * scale


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("name", NAMES)
def test_the_optimum_equals_an_independent_solvers_and_no_baseline_is_better(
    name: str, system: str, placed: dict[tuple[str, str], Analysis]
) -> None:
    analysis = _placed(placed, name, system)
    graph = kernel_graph(analysis.model, analysis.system, "full")
    problem = graph.problem(analysis.system, "latency")
    summary = analysis.model.whole(PlacementSummary)
    assert summary.proof == "optimal for this cost model"
    assert summary.objective == pytest.approx(_by_integer_program(problem), rel=1e-6, abs=1e-15)
    assert all(item.total_s is not None and summary.objective <= item.total_s for item in summary.alternatives)
    optimum = next(item for item in summary.alternatives if item.name == "optimum")
    assert optimum.total_s == summary.objective


@pytest.mark.parametrize("name", NAMES)
def test_every_kernel_is_placed_and_its_members_go_with_it(name: str, placed: dict[tuple[str, str], Analysis]) -> None:
    analysis = _placed(placed, name, "a100-attacc")
    placements, kernels = analysis.model.column(Placement), analysis.model.column(Kernel)
    for key, kernel in kernels.items():
        if not kernel.id:
            assert placements[key].device is None
        elif kernel.id != key:
            assert placements[key].device == placements[kernel.id].device
            assert placements[key].time_s in (0.0, None)
        elif placements[key].device is None:
            assert placements[key].reason in ("unsupported", "unknown", "not placed")
        else:
            other = [entry for slug, entry in placements[key].devices.items() if slug != placements[key].device]
            if placements[key].reason == "unsupported":
                assert other[0].time_s is None
            if placements[key].reason == "faster alone":
                assert other[0].time_s is None or other[0].time_s >= (placements[key].time_s or 0.0)
            assert placements[key].regret is None or placements[key].regret >= 0


LAWFUL = ["bert_base.onnx", "llama_decode.onnx", "resnet50.onnx", "gcn_cora.onnx", "t5_small.onnx"]


@pytest.mark.parametrize("name", LAWFUL)
def test_a_faster_link_never_hurts_and_an_unsupported_mask_never_helps(
    name: str, placed: dict[tuple[str, str], Analysis]
) -> None:
    analysis = _placed(placed, name, "a100-attacc")
    graph = kernel_graph(analysis.model, analysis.system, "roofline")
    system = analysis.system
    costs = []
    for factor in (0.0625, 0.25, 1.0, 4.0, 64.0):
        link = replace(system.link, bandwidth_bytes_per_s=system.link.bandwidth_bytes_per_s * factor)
        costs.append(solve(graph.problem(replace(system, link=link), "latency")).objective)
    assert costs == sorted(costs, reverse=True)
    problem = graph.problem(system, "latency")
    for node in range(0, problem.size - 1, max(1, problem.size // 7)):
        cost = list(problem.cost)
        cost[node] = (cost[node][0], None)
        assert solve(replace(problem, cost=tuple(cost))).objective >= solve(problem).objective


@pytest.mark.parametrize("name", LAWFUL)
def test_free_transfers_give_the_greedy_pick_and_endless_ones_the_better_single_device(
    name: str, placed: dict[tuple[str, str], Analysis]
) -> None:
    analysis = _placed(placed, name, "teaching")
    graph = kernel_graph(analysis.model, analysis.system, "roofline")
    problem = graph.problem(analysis.system, "latency")
    free = replace(problem, tensors=tuple(replace(t, transfer=(0.0, 0.0)) for t in problem.tensors))
    best = math.fsum(min(cost for cost in pair if cost is not None) for pair in problem.cost)
    assert solve(free).objective == pytest.approx(best, rel=1e-12)
    dear = replace(problem, tensors=tuple(replace(t, transfer=(1e6, 1e6)) for t in problem.tensors))
    # Nothing crosses: inputs and outputs are on the GPU's side, and what hangs together with them stays there.
    assignment = solve(dear).assignment
    assert evaluate(dear, assignment).transfer == 0.0
    hanging = {node for tensor in problem.tensors for node in tensor.consumers if tensor.producer is None}
    assert {assignment[node] for node in hanging} == {0}


def test_energy_and_energy_delay(placed: dict[tuple[str, str], Analysis]) -> None:
    settings = Settings(system="a100-attacc", assume_dtype="float16")
    found = {
        objective: analyze(SAMPLES / "llama_decode.onnx", replace(settings, objective=objective))
        for objective in ("latency", "energy", "energy-delay")
    }
    summaries = {objective: analysis.model.whole(PlacementSummary) for objective, analysis in found.items()}
    times = {objective: summary.alternatives[-1].total_s or 0.0 for objective, summary in summaries.items()}
    assert times["latency"] <= times["energy"]
    assert times["latency"] <= times["energy-delay"]
    assert summaries["energy-delay"].objective >= summaries["energy-delay"].lower_bound
    assert summaries["energy-delay"].objective <= times["energy"] * summaries["energy"].objective * (1 + 1e-9)


def test_a_near_tie_is_measured_in_what_is_optimised() -> None:
    """Joules against joules: 39 nJ are no near tie for a product of 8.6 nJ, whatever its microseconds are."""
    settings = Settings(system="a100-attacc", assume_dtype="float16", objective="energy")
    found = analyze(SAMPLES / "lenet5.onnx", settings).model.column(Placement)["11:Gemm"]
    # [1, 84] x [84, 10] + [10] in float16 at 0.55 pJ/bit and 0.32 pJ/MAC
    own_j = 2 * (84 + 84 * 10 + 10 + 10) * 8 * 0.55e-12 + 84 * 10 * 0.32e-12
    assert found.devices["attacc"].energy_j == pytest.approx(own_j)
    assert (found.device, found.reason) == ("attacc", "cheaper alone")
    assert found.regret is not None
    assert found.regret > own_j


def test_a_kernel_that_each_device_refuses_for_its_own_reason_is_unsupported(
    placed: dict[tuple[str, str], Analysis],
) -> None:
    """Its work is known: the GPU has no peak for its type, and the PIM, which has one, runs no convolution."""
    analysis = _placed(placed, "lenet5.onnx", "a100-attacc")
    peaks = {dtype: peak for dtype, peak in analysis.system.gpu.peaks_flops_per_s.items() if dtype != "float16"}
    system = replace(analysis.system, gpu=replace(analysis.system.gpu, peaks_flops_per_s=peaks))
    columns = {record: rows for record, rows in analysis.model.columns.items() if record is not Placement}
    columns[Roofline] = RooflinePass(system).run(replace(analysis.model, columns=columns)).rows
    found = PlacementPass(system).run(replace(analysis.model, columns=columns)).rows["0:Conv"]
    assert isinstance(found, Placement)
    assert (found.device, found.reason, found.time_s) == (None, "unsupported", None)
    assert f"{system.gpu.name} has no peak for float16" in found.explanation
    assert "Conv is not among the ops of this PIM" in found.explanation


def test_the_bound_of_energy_delay_holds_where_the_capacity_binds(placed: dict[tuple[str, str], Analysis]) -> None:
    """Least time and least energy are not known then, only that neither is below its own bound."""
    analysis = _placed(placed, "llama_decode.onnx", "a100-attacc")
    capacity_bytes = analysis.model.whole(PlacementSummary).resident_bytes // 2
    system = replace(analysis.system, pim=replace(analysis.system.pim, capacity_bytes=capacity_bytes))
    columns = {record: rows for record, rows in analysis.model.columns.items() if record is not Placement}
    model = replace(analysis.model, columns=columns)
    found = {}
    for objective in ("latency", "energy", "energy-delay"):
        summary = PlacementPass(system, "full", objective).run(model).wholes[0]
        assert isinstance(summary, PlacementSummary)
        found[objective] = summary
    assert found["latency"].gap > 0
    bounds = found["latency"].lower_bound, found["energy"].lower_bound
    assert found["energy-delay"].lower_bound == pytest.approx(bounds[0] * bounds[1])
    assert found["energy-delay"].lower_bound <= found["energy-delay"].objective


def test_the_teaching_sheets_placements() -> None:
    """Depthwise conv to the PIM with both models; a projection of 64 tokens by the plain roofline only."""
    for pim_model in ("roofline", "full"):
        conv = analyze(SAMPLES / "depthwise_conv.onnx", Settings(pim_model=pim_model))
        assert {p.device for p in conv.model.column(Placement).values()} == {"teaching-pim"}
    system = load_system("teaching")
    gpu, pim = system.devices
    # 2 n / 20e12 against 4 / 800e9 bytes of one float32 weight: n = 50 per float32, 25 per float16
    assert 2 / gpu.bandwidth_bytes_per_s / (2 / 20e12) == pytest.approx(25.0)
    assert pim.bandwidth_bytes_per_s / gpu.bandwidth_bytes_per_s == 7.5
    roofs = analyze(SAMPLES / "attention_single_head.onnx").model.column(Roofline)
    assert roofs["0:MatMul"].devices["teaching-gpu"].ridge == 250.0


def test_sweep_finds_where_the_decision_flips() -> None:
    from onnx_roofline.what_if.sweep import sweep

    found = sweep(
        str(SAMPLES / "gpt2.onnx"), Settings(system="a100-attacc", assume_dtype="float16"), {"sequence": (1, 8, 32)}
    )
    assert [point.values for point in found.points] == [(1,), (8,), (32,)]
    # The head streams its weights once a token, at 13 times the bandwidth that the GPU reaches: the GPU wins at 32.
    assert found.points[1].kernels["484:MatMul"].device == "attacc"
    assert found.points[2].kernels["484:MatMul"].device == "a100-sxm-80gb"
    assert any("484:MatMul" in one.kernels for one in found.flips if one.what == "device")


def test_a_sweep_for_energy_says_why_its_optimum_takes_longer(capsys: pytest.CaptureFixture[str]) -> None:
    line = "optimum: the placement of least energy, and the time that it takes"
    arguments = ["analyze", str(SAMPLES / "gpt2.onnx"), "--system", "a100-attacc", "--sweep", "sequence=1,2"]
    for objective in ("energy", "latency"):
        assert main([*arguments, "--objective", objective]) == 0
        assert (line in capsys.readouterr().out) == (objective == "energy")


def test_capacity_is_respected(tmp_path: Path) -> None:
    analysis = analyze(SAMPLES / "llama_decode.onnx", Settings(pim_model="roofline"))
    graph = kernel_graph(analysis.model, analysis.system, "roofline")
    problem = graph.problem(analysis.system, "latency")
    free = solve(problem)
    used = problem.bytes_on_pim(free.assignment)
    assert used > 0
    bounded = replace(problem, capacity_bytes=used // 2)
    found = solve(bounded)
    assert bounded.bytes_on_pim(found.assignment) <= used // 2
    assert found.objective >= found.lower_bound >= free.objective * (1 - 1e-12)


def test_what_a_branch_reads_comes_back_from_the_pim_first(tmp_path: Path) -> None:
    """x -> MatMul -> h, which both branches of an If capture: bodies take in what lies on the GPU's side."""
    value = helper.make_tensor_value_info
    then = helper.make_graph(
        [helper.make_node("Abs", ["h"], ["a"])], "then", [], [value("a", TensorProto.FLOAT16, [1, 64])]
    )
    other = helper.make_graph(
        [helper.make_node("Neg", ["h"], ["b"])], "other", [], [value("b", TensorProto.FLOAT16, [1, 64])]
    )
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["h"]),
        helper.make_node("If", ["turns"], ["y"], then_branch=then, else_branch=other),
    ]
    inputs = [value("x", TensorProto.FLOAT16, [1, 64]), value("turns", TensorProto.BOOL, [])]
    weights = helper.make_tensor("w", TensorProto.FLOAT16, [64, 64], bytes(2 * 64 * 64), raw=True)
    graph = helper.make_graph(nodes, "g", inputs, [value("y", TensorProto.FLOAT16, [1, 64])], [weights])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)]), tmp_path / "if.onnx")
    analysis = analyze(tmp_path / "if.onnx", Settings(system="a100-attacc"))
    found = kernel_graph(analysis.model, analysis.system, "full")
    (crossing,) = (item for item in found.crossings if item.producer == found.index["0:MatMul"])
    assert (crossing.name, crossing.bytes, crossing.consumers) == ("h", 128, (len(found.kernels),))


def test_a_share_of_the_bandwidth_slows_the_gpu_while_the_pim_works() -> None:
    """Half of the bandwidth: the schedule gets longer, but never longer than one device after the other."""
    settings = Settings(system="a100-attacc", assume_dtype="float16", dims={"batch": 1, "past_sequence": 1023})
    model = analyze(SAMPLES / "llama_decode.onnx", settings).model
    system = load_system("a100-attacc")
    full, half, least = (
        PlacementPass(replace(system, gpu_bandwidth_share=share)).run(model).wholes[0] for share in (1.0, 0.5, 1e-6)
    )
    assert full.makespan_s < half.makespan_s <= half.objective == full.objective
    assert half.makespan_bound_s == full.makespan_bound_s <= full.makespan_s
    assert least.makespan_s == pytest.approx(full.objective)
    assert "serial optimum" in least.makespan_note


def test_a_split_is_never_slower_than_the_better_device_and_its_parts_add_up() -> None:
    from onnx_roofline.placement.splitting import Splitter

    analysis = analyze(
        SAMPLES / "gpt2.onnx", Settings(system="a100-attacc", assume_dtype="float16", dims={"batch": 1, "sequence": 16})
    )
    graph = kernel_graph(analysis.model, analysis.system, "full")
    split, why = Splitter(graph, analysis.system, "full").split(graph.index["484:MatMul"])
    assert split is not None, why
    assert split.time_s <= split.alone_s
    assert 0 < split.gpu_share < 1
    # Ideal gain of two devices with times a and b is 1 + min(a, b) / max(a, b), at most 2.
    assert 1 < split.speedup <= 2
    teaching = analyze(SAMPLES / "attention_single_head.onnx")
    graph = kernel_graph(teaching.model, teaching.system, "full")
    assert Splitter(graph, teaching.system, "full").split(0) == (None, "the devices exclude each other")


def test_explain_says_the_same_to_people_and_to_programs(capsys: pytest.CaptureFixture[str]) -> None:
    import json

    arguments = ["explain", str(SAMPLES / "attention_single_head.onnx"), "0:MatMul"]
    assert main(arguments) == 0
    out = capsys.readouterr().out
    assert "placement: teaching-gpu, it is faster there by itself" in out
    assert "699.1 ns on teaching-pim" in out
    assert main([*arguments, "--json", "-"]) == 0
    (document,) = json.loads(capsys.readouterr().out)
    assert document["node"]["placement"]["device"] == "teaching-gpu"
    assert document["flips"][0]["quantity"] == "speed of the PIM"
    # 64 * 65,536 B / 6000e9 against 131,072 B / 800e9: the PIM would have to be 4.27 times as fast.
    assert document["flips"][0]["threshold"] == pytest.approx(64 * 65_536 / 6000e9 / (131_072 / 800e9), rel=1e-3)
    assert main(["explain", str(SAMPLES / "attention_single_head.onnx"), "node_lin"]) == 2
    assert "did you mean" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("objective", "said"),
    [
        ("energy", "  no energy depends on the link bandwidth or the PIM's speed"),
        ("energy-delay", "  at what link bandwidth or speed of the PIM it flips is not searched for energy-delay"),
    ],
)
def test_flips_that_were_not_searched_are_not_denied(objective: str, said: str) -> None:
    analysis = analyze(SAMPLES / "lenet5.onnx", Settings(system="a100-attacc", objective=objective))
    root = next(key for key, row in analysis.model.column(Kernel).items() if row.id == key)
    lines = list(explain_op(analysis, root, Alternatives(analysis)))
    assert said in lines
    assert not any("does not flip" in line for line in lines)


def test_sensitivity_moves_with_the_assumed_figures(capsys: pytest.CaptureFixture[str]) -> None:
    from onnx_roofline.what_if.sensitivity import sensitivities

    settings = Settings(system="a100-hbm-pim", assume_dtype="float16")
    rows = {row.path: row for row in sensitivities(analyze(SAMPLES / "llama_decode.onnx", settings))}
    assert rows["hbm-pim.launch_us"].half < rows["hbm-pim.launch_us"].twice
    assert rows["link.latency_us"].half <= rows["link.latency_us"].twice


def test_the_figure_that_moves_most_kernels_comes_first() -> None:
    from onnx_roofline.what_if.sensitivity import sensitivities

    analysis = analyze(SAMPLES / "llama_decode.onnx", Settings(system="a100-attacc", assume_dtype="float16"))
    rows = sensitivities(analysis)
    best = analysis.model.whole(PlacementSummary).objective
    ranks = [(row.moved, row.change(best)) for row in rows]
    assert ranks == sorted(ranks, reverse=True)
    assert ranks[0][0] > ranks[-1][0] == 0
    # Two small kernels compute in these types, and a launch hides them.
    assert rows[-1].path.startswith("a100-sxm-80gb.peak_tflops.")
