"""Schedules: valid, never longer than the serial optimum, never shorter than the lower bounds."""

import itertools
import math

import msgspec
import pytest
from problems import SAMPLES, random_problem, sample_problem, transformer_problem

from onnx_roofline.base.errors import UsageError
from onnx_roofline.placement.solver import Boundary, Problem, Schedule, Tensor, evaluate, schedule, solve, violations
from onnx_roofline.placement.solver.makespan import Concurrency

BOTH: tuple[Concurrency, ...] = ("partitioned", "dual_row_buffer")


def check(problem: Problem, found: Schedule) -> None:
    """Devices are legal, no device does two things at once, and nobody starts before the inputs are there."""
    assert violations(problem, found.device) == []
    assert evaluate(problem, found.device).fits
    room = 1e-9 * found.makespan
    for node, device in enumerate(found.device):
        assert found.finish[node] - found.start[node] == pytest.approx(problem.cost[node][device], abs=room)
        assert found.start[node] >= 0.0
    for device in (0, 1):
        slots = sorted(
            (found.start[node], found.finish[node])
            for node in range(problem.size)
            if found.device[node] == device and found.finish[node] > found.start[node]
        )
        for before, after in itertools.pairwise(slots):
            assert before[1] <= after[0] + room
    for tensor in problem.tensors:
        for node in tensor.consumers:
            if tensor.producer is None:
                lag = 0.0 if found.device[node] == tensor.home else tensor.transfer[tensor.home]
                assert found.start[node] >= lag - room
            elif tensor.producer != node:
                source = found.device[tensor.producer]
                lag = 0.0 if found.device[node] == source else tensor.transfer[source]
                assert found.start[node] >= found.finish[tensor.producer] + lag - room
    for boundary in problem.boundaries:
        source, target = found.device[boundary.first], found.device[boundary.second]
        lag = 0.0 if source == target else boundary.cost[source]
        assert found.start[boundary.second] >= found.finish[boundary.first] + lag - room
    assert found.makespan == max(found.finish, default=0.0)
    assert found.lower_bound <= found.makespan <= found.serial * (1 + 1e-9)
    assert 0.0 <= found.gap <= 1.0


@pytest.mark.parametrize("capacity", [False, True])
def test_schedules_of_random_graphs_are_valid(capacity: bool) -> None:
    checked = 0
    for seed in range(400):
        problem = random_problem(seed, 14, capacity=capacity)
        try:
            found = schedule(problem, BOTH[seed % 2])
        except UsageError:
            continue
        check(problem, found)
        checked += 1
    assert checked > 300


def shortest(problem: Problem) -> float:
    """Least makespan of any schedule: every assignment, every order in which nodes could be listed."""
    best = math.inf
    for devices in itertools.product((0, 1), repeat=problem.size):
        if violations(problem, devices):
            continue
        for order in itertools.permutations(range(problem.size)):
            free = [0.0, 0.0]
            finish: dict[int, float] = {}
            for node in order:
                device = devices[node]
                start = free[device]
                for tensor in problem.tensors:
                    if node in tensor.consumers and tensor.producer != node:
                        if tensor.producer is None:
                            source, done = tensor.home, 0.0
                        elif tensor.producer in finish:
                            source, done = devices[tensor.producer], finish[tensor.producer]
                        else:
                            break
                        start = max(start, done + (tensor.transfer[source] if source != device else 0.0))
                else:
                    free[device] = finish[node] = start + (problem.cost[node][device] or 0.0)
                    continue
                break
            else:
                best = min(best, max(finish.values(), default=0.0))
    return best


def test_the_shortest_schedule_lies_between_bound_and_makespan() -> None:
    exact = total = 0
    for seed in range(120):
        problem = msgspec.structs.replace(random_problem(seed, 5), boundaries=())
        try:
            found = schedule(problem)
        except UsageError:
            continue
        best = shortest(problem)
        assert found.lower_bound <= best * (1 + 1e-12)
        assert found.makespan >= best * (1 - 1e-12)
        total += 1
        exact += math.isclose(found.makespan, best, rel_tol=1e-12)
    assert exact > 0.8 * total


@pytest.mark.parametrize("name", ["resnet50", "gpt2", "t5_small", "unet_572"])
def test_schedules_of_model_graphs_are_valid(name: str) -> None:
    problem = sample_problem(SAMPLES / f"{name}.onnx", seed=1, share=1.0)
    check(problem, schedule(problem))


def test_exclusive_memory_keeps_the_serial_optimum() -> None:
    for seed in range(100):
        problem = random_problem(seed, 10)
        try:
            solution = solve(problem)
        except UsageError:
            continue
        found = schedule(problem, "exclusive", solution)
        check(problem, found)
        assert found.device == solution.assignment
        assert found.makespan == pytest.approx(solution.objective, rel=1e-12)
        assert found.gap == 0.0
        assert "exclusive" in found.note


def test_two_independent_nodes_run_at_the_same_time() -> None:
    problem = Problem(("a", "b"), ((2.0, 2.0), (2.0, 2.0)))
    found = schedule(problem)
    assert (found.makespan, found.lower_bound, found.serial) == (2.0, 2.0, 4.0)


def test_a_gap_is_filled() -> None:
    """The third node fits while device 0 waits for the result of device 1."""
    cost = ((1.0, None), (None, 5.0), (1.0, None), (3.0, None))
    tensors = (Tensor(0, (1,), (1.0, 1.0)), Tensor(1, (2,), (1.0, 1.0)))
    found = schedule(Problem(("a", "b", "c", "d"), cost, tensors))
    assert found.makespan == 9.0  # 1 + 1 + 5 + 1 + 1, the fourth node inside the wait of 7


def test_the_same_problem_gives_the_same_schedule() -> None:
    problem = transformer_problem(400, seed=1, share=1.0)
    assert schedule(problem) == schedule(problem)


def test_a_circle_is_refused() -> None:
    circle = (Boundary(0, 1, (1.0, 1.0)), Boundary(1, 0, (1.0, 1.0)))
    with pytest.raises(ValueError, match="2 nodes wait for each other in a circle"):
        schedule(Problem(("a", "b"), ((1.0, 1.0), (1.0, 1.0)), boundaries=circle))


def test_costs_while_both_devices_work_make_the_schedule_but_not_its_bound() -> None:
    """One node for each device: 4 at once, 6 with a GPU at two thirds, and the serial 8 where it drops to half."""
    apart = Problem(("a", "b"), ((4.0, 10.0), (10.0, 4.0)))
    assert schedule(apart, "partitioned").makespan == 4.0
    slowed = msgspec.structs.replace(apart, cost=((6.0, 10.0), (15.0, 4.0)))
    found = schedule(apart, "partitioned", together=slowed)
    assert (found.makespan, found.lower_bound, found.serial) == (6.0, 4.0, 8.0)
    halved = msgspec.structs.replace(apart, cost=((8.0, 10.0), (20.0, 4.0)))
    found = schedule(apart, "partitioned", together=halved)
    assert (found.makespan, found.lower_bound) == (8.0, 4.0)
    assert "serial optimum" in found.note
