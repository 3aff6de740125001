"""Regrets against exhaustive search and against solving again with a node pinned."""

import math

import pytest
from problems import SAMPLES, brute_force, layered_problem, random_problem, sample_problem

from onnx_roofline.placement.solver import Problem, elimination, regret, regrets, solve
from onnx_roofline.placement.solver.network import FREE, network_of


@pytest.mark.parametrize("width", [12, 3, 2, 1, 0])
def test_regrets_are_those_of_exhaustive_search(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """By elimination, and with less and less of it, by the flow of the minimum cut."""
    monkeypatch.setattr(regret, "eliminate", lambda factors: elimination.eliminate(factors, width))
    checked = 0
    for seed in range(250):
        problem = random_problem(seed, 9)
        costs = brute_force(problem)
        if not math.isfinite(costs.min()):
            continue
        solution = solve(problem)
        network = network_of(problem)
        for node, found in enumerate(regrets(problem, solution)):
            flipped = [cost for code, cost in enumerate(costs) if (code >> node & 1) != solution.assignment[node]]
            wanted = min(flipped) - costs.min()
            assert found == wanted, (seed, node)
            assert math.isfinite(wanted) == (network.forced[network.class_of[node]] == FREE)
            checked += 1
    assert checked > 1000


def repinned(problem: Problem, node: int, device: int) -> Problem:
    return Problem(
        problem.names,
        problem.cost,
        problem.tensors,
        problem.boundaries,
        {**problem.pins, node: device},
        problem.groups,
    )


@pytest.mark.parametrize("name", ["t5_small", "llama_prefill", "resnet50"])
def test_regrets_of_a_model_graph_are_those_of_solving_again(name: str) -> None:
    problem = sample_problem(SAMPLES / f"{name}.onnx", seed=2, share=3.0)
    check_some(problem, 23)


def test_regrets_of_a_graph_that_needs_the_cut_are_those_of_solving_again() -> None:
    problem = layered_problem(120, seed=5, share=4.0)
    assert "minimum cut" in solve(problem).method
    check_some(problem, 7)


def check_some(problem: Problem, step: int) -> None:
    solution = solve(problem)
    found = regrets(problem, solution)
    assert None not in found
    for node in range(0, problem.size, step):
        if problem.cost[node][1] is None:
            assert found[node] == math.inf
        else:
            flipped = solve(repinned(problem, node, 1 - solution.assignment[node]))
            assert found[node] == pytest.approx(flipped.objective - solution.objective, rel=1e-9, abs=1e-17)


def test_what_is_not_computed_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regret, "VISIT_BUDGET", 1000)
    problem = layered_problem(120, seed=5, share=4.0)
    found = regrets(problem, solve(problem))
    assert None in found
    assert all(value is None or value >= 0 for value in found)
