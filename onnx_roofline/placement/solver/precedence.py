"""Which node waits for which, and how long a value takes on its way: the graph that schedules are made on."""

from collections import deque

from msgspec import Struct

from onnx_roofline.placement.solver.problem import DEVICES, Problem


class Precedence(Struct, frozen=True):
    """`after[v]` and `before[v]` are (neighbour, lag to device 1, lag to device 0); lags count between devices only.

    `ready[v]` is when a node's model inputs are there, on device 0 and on device 1. `order` is topological.
    """

    before: list[list[tuple[int, float, float]]]
    after: list[list[tuple[int, float, float]]]
    ready: list[list[float]]
    order: list[int]


def precedence_of(problem: Problem) -> Precedence:
    """The precedence graph: a consumer on the other device waits for the transfer and for the boundary cost.

    Raises ValueError when the nodes wait for each other in a circle.
    """
    lags: list[dict[int, list[float]]] = [{} for _ in range(problem.size)]
    ready = [[0.0, 0.0] for _ in range(problem.size)]
    for tensor in problem.tensors:
        for node in dict.fromkeys(tensor.consumers):
            if tensor.producer is None:
                away = 1 - tensor.home
                ready[node][away] = max(ready[node][away], tensor.transfer[tensor.home])
            elif tensor.producer != node:
                pair = lags[tensor.producer].setdefault(node, [0.0, 0.0])
                for device in DEVICES:
                    pair[device] = max(pair[device], tensor.transfer[device])
    for boundary in problem.boundaries:
        if boundary.first != boundary.second:
            pair = lags[boundary.first].setdefault(boundary.second, [0.0, 0.0])
            for device in DEVICES:
                pair[device] += boundary.cost[device]
    after = [[(node, pair[0], pair[1]) for node, pair in around.items()] for around in lags]
    before: list[list[tuple[int, float, float]]] = [[] for _ in range(problem.size)]
    for producer, around in enumerate(after):
        for node, to_pim, to_gpu in around:
            before[node].append((producer, to_pim, to_gpu))
    return Precedence(before, after, ready, _topological(before, after))


def _topological(
    before: list[list[tuple[int, float, float]]], after: list[list[tuple[int, float, float]]]
) -> list[int]:
    waiting = [len(around) for around in before]
    queue = deque(node for node, count in enumerate(waiting) if not count)
    order = []
    while queue:
        node = queue.popleft()
        order.append(node)
        for other, _, _ in after[node]:
            waiting[other] -= 1
            if not waiting[other]:
                queue.append(other)
    if len(order) < len(before):
        raise ValueError(f"{len(before) - len(order)} nodes wait for each other in a circle; a schedule needs a DAG")
    return order


def critical_path(problem: Problem, graph: Precedence, allowed: list[tuple[int, ...]]) -> float:
    """Lower bound of the makespan: the longest path, every node on it where that suits the path best.

    Tighter than the path of least times, since a change of device on the path has to wait for the transfer.
    """
    finish: list[tuple[float, float]] = [(0.0, 0.0)] * problem.size
    longest = 0.0
    for node in graph.order:
        times = [float("inf"), float("inf")]
        for device in allowed[node]:
            start = graph.ready[node][device]
            for producer, to_pim, to_gpu in graph.before[node]:
                here = finish[producer][device]
                there = finish[producer][1 - device] + (to_pim if device else to_gpu)
                start = max(start, min(here, there))
            times[device] = start + (problem.cost[node][device] or 0.0)
        finish[node] = (times[0], times[1])
        longest = max(longest, min(times))
    return longest


def load_bound(problem: Problem, allowed: list[tuple[int, ...]]) -> float:
    """Lower bound of the makespan: the least time in which both devices can share all the work, nodes divisible.

    min M such that the sum of t1 x <= M and the sum of t0 (1 - x) <= M with 0 <= x <= 1: nodes go to device 1 in the
    order of t0 / t1 until the loads meet.
    """
    loads = [0.0, 0.0]
    both = []
    for pair, devices in zip(problem.cost, allowed, strict=True):
        if len(devices) == 1:
            loads[devices[0]] += pair[devices[0]] or 0.0
        else:
            both.append((pair[0] or 0.0, pair[1] or 0.0))
    loads[0] += sum(on_gpu for on_gpu, _ in both)
    both.sort(key=lambda pair: pair[0] / pair[1] if pair[1] else float("inf"), reverse=True)
    for on_gpu, on_pim in both:
        if loads[1] + on_pim > loads[0] - on_gpu:
            share = max(loads[0] - loads[1], 0.0) / (on_gpu + on_pim) if on_gpu + on_pim else 0.0
            return min(max(loads), max(loads[0] - share * on_gpu, loads[1] + share * on_pim))
        loads[0] -= on_gpu
        loads[1] += on_pim
    return max(loads)
