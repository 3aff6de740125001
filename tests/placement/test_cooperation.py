"""Splits and pipelines in a placement: chains against every cover, graphs against an account of their own."""

import itertools
import math
import random

import pytest
from msgspec.structs import replace

from onnx_roofline.placement.solver import Problem, Tensor, Ways, cooperate, evaluate, solve
from onnx_roofline.placement.solver.chain import PIPELINES


def random_ways(rng: random.Random, problem: Problem) -> dict[int, Ways]:
    def halves() -> tuple[float, float] | None:
        return (rng.random() * 2, rng.random() * 2) if rng.random() < 0.7 else None

    return {
        node: Ways(rng.random() * 4 if rng.random() < 0.6 else None, halves(), halves(), rng.randint(0, 40))
        for node in range(problem.size)
        if node not in problem.pins and rng.random() < 0.8
    }


def random_graph(rng: random.Random, size: int, *, is_chain: bool) -> Problem:
    """Nodes before a pinned sink, tensors along a chain or anywhere onward; a model input for the first."""

    def transfer() -> tuple[float, float]:
        return rng.random(), rng.random()

    tensors = [Tensor(None, (0,), transfer())]
    for node in range(size):
        later = range(node + 1, size + 1)
        readers = (node + 1,) if is_chain else tuple(rng.sample(later, rng.randint(1, min(len(later), 2))))
        tensors.append(Tensor(node, readers, transfer()))
    if not is_chain:
        tensors.append(Tensor(None, tuple(rng.sample(range(size), min(3, size))), transfer()))
    costs = [(rng.random() * 5, rng.random() * 5 if rng.random() < 0.8 else None) for _ in range(size)]
    return Problem(
        tuple(f"n{node}" for node in range(size + 1)),
        (*costs, (0.0, 0.0)),
        tuple(tensors),
        pins={size: 0},
        resident_bytes=(*(rng.randint(0, 50) for _ in range(size)), 0),
    )


def time_of(problem: Problem, ways: dict[int, Ways], step: tuple[tuple[int, ...], str]) -> float | None:
    """Seconds of a step with the transfers inside it; None where an op has no such way."""
    nodes, kind = step
    if kind in ("gpu", "pim"):
        return problem.cost[nodes[0]][kind == "pim"]
    if kind == "split":
        return ways[nodes[0]].split_s if nodes[0] in ways else None
    halves = []
    for node, device in zip(nodes, PIPELINES[kind], strict=True):
        way = ways.get(node, Ways())
        pair = way.pim_halves_s if device else way.gpu_halves_s
        if pair is None:
            return None
        halves.append(pair)
    seconds = halves[0][0] + halves[-1][1] + sum(max(a[1], b[0]) for a, b in itertools.pairwise(halves))
    for node, device in zip(nodes[:-1], PIPELINES[kind][:-1], strict=True):
        seconds += sum(tensor.transfer[device] for tensor in problem.tensors if tensor.producer == node)
    return seconds


def total_of(problem: Problem, ways: dict[int, Ways], steps: list[tuple[tuple[int, ...], str]]) -> float | None:
    """The whole account of steps: their times, and every tensor once a direction that is not inside a pipeline."""
    device: dict[int, int] = {}
    inside: dict[int, int] = {}
    seconds = []
    for number, (nodes, kind) in enumerate(steps):
        time_s = time_of(problem, ways, (nodes, kind))
        if time_s is None:
            return None
        seconds.append(time_s)
        for node, on in zip(nodes, PIPELINES.get(kind, (int(kind == "pim"),)), strict=True):
            device[node], inside[node] = on, number
    for tensor in problem.tensors:
        source = tensor.home if tensor.producer is None else device[tensor.producer]
        readers = [
            node for node in tensor.consumers if tensor.producer is None or inside[node] != inside[tensor.producer]
        ]
        if any(device[node] != source for node in readers):
            seconds.append(tensor.transfer[source])
    return math.fsum(seconds)


def every_chain_cover(size: int, first: int = 0):
    """Every way to cut nodes 0 to size - 1 into steps, with every kind."""
    if first == size:
        yield []
        return
    kinds = [(1, kind) for kind in ("gpu", "pim", "split")] + [
        (len(devices), kind) for kind, devices in PIPELINES.items()
    ]
    for length, kind in kinds:
        if first + length <= size:
            for rest in every_chain_cover(size, first + length):
                yield [(tuple(range(first, first + length)), kind), *rest]


@pytest.mark.parametrize("seed", range(40))
def test_a_chain_gets_the_best_of_all_covers(seed: int) -> None:
    rng = random.Random(seed)
    size = rng.randint(1, 5)
    problem = random_graph(rng, size, is_chain=True)
    ways = random_ways(rng, problem)
    totals = [total_of(problem, ways, [*cover, ((size,), "gpu")]) for cover in every_chain_cover(size)]
    best = min(total for total in totals if total is not None)
    assert cooperate(problem, solve(problem).assignment, ways).time_s == pytest.approx(best, rel=1e-12)


@pytest.mark.parametrize("seed", range(150))
def test_a_graph_never_loses_and_its_total_is_that_of_its_steps(seed: int) -> None:
    rng = random.Random(seed)
    problem = random_graph(rng, rng.randint(1, 12), is_chain=False)
    ways = random_ways(rng, problem)
    optimum = solve(problem)
    found = cooperate(problem, optimum.assignment, ways)
    assert sorted(node for step in found.steps for node in step.nodes) == list(range(problem.size))
    assert found.time_s == pytest.approx(total_of(problem, ways, [(s.nodes, s.kind) for s in found.steps]), rel=1e-12)
    assert found.time_s <= optimum.objective
    capacity = optimum.memory_price or problem.bytes_on_pim(optimum.assignment)
    tight = replace(problem, capacity_bytes=int(capacity))
    assert cooperate(tight, optimum.assignment, ways).resident_bytes <= int(capacity)


def test_without_ways_nothing_changes() -> None:
    problem = random_graph(random.Random(3), 9, is_chain=False)
    assignment = solve(problem).assignment
    found = cooperate(problem, assignment, {})
    assert found.time_s == evaluate(problem, assignment).total
    assert [step.kind for step in found.steps] == [("gpu", "pim")[device] for device in assignment]


def test_a_split_between_branches_by_hand() -> None:
    """a -> b -> d and a -> c -> d: b is split, 3 instead of 8, and stays on the GPU's side for all others."""
    cost = ((1.0, 9.0), (8.0, 9.0), (2.0, 9.0), (1.0, 9.0))
    tensors = (Tensor(0, (1, 2), (1.0, 1.0)), Tensor(1, (3,), (1.0, 1.0)), Tensor(2, (3,), (1.0, 1.0)))
    problem = Problem(("a", "b", "c", "d"), cost, tensors)
    found = cooperate(problem, (0, 0, 0, 0), {1: Ways(split_s=3.0)})
    assert found.time_s == 1.0 + 3.0 + 2.0 + 1.0
    assert [step.kind for step in found.steps] == ["gpu", "split", "gpu", "gpu"]


def test_a_cover_that_does_not_fit_is_not_taken() -> None:
    problem = Problem(("a",), ((8.0, 9.0),), resident_bytes=(100,), capacity_bytes=49)
    assert cooperate(problem, (0,), {0: Ways(split_s=4.0, split_bytes=50)}).time_s == 8.0
    roomy = replace(problem, capacity_bytes=50)
    found = cooperate(roomy, (0,), {0: Ways(split_s=4.0, split_bytes=50)})
    assert (found.time_s, found.resident_bytes) == (4.0, 50)


def test_a_long_chain_takes_linear_time() -> None:
    size = 20_000
    tensors = tuple(Tensor(node, (node + 1,), (0.1, 0.1)) for node in range(size - 1))
    problem = Problem(tuple(map(str, range(size))), ((2.0, 2.0),) * size, tensors)
    found = cooperate(problem, (0,) * size, {node: Ways(split_s=1.0) for node in range(size)})
    assert found.time_s == size


def test_a_tensor_that_all_read_is_not_counted_again_and_again() -> None:
    """One mask that 20,000 chains of one op read: each asks who else reads it where, in constant time."""
    size = 20_000
    problem = Problem(
        tuple(map(str, range(size))), ((2.0, 2.0),) * size, (Tensor(None, tuple(range(size)), (5.0, 5.0)),)
    )
    assert cooperate(problem, (0,) * size, {node: Ways(split_s=1.0) for node in range(size)}).time_s == size
