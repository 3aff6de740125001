"""When each node runs if both devices work at the same time: list schedules, and how far from the best they can be.

Heterogeneous earliest finish time with insertion, against schedules of the serial optimum and of other fixed
assignments; the shortest is kept. The link carries any number of transfers at once.

Source: Topcuoglu, Hariri, Wu, Performance-effective and low-complexity task scheduling, IEEE TPDS 13, 2002.
"""

from bisect import bisect_right
from collections.abc import Sequence
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from onnx_roofline.placement.solver.evaluation import evaluate, greedy, legalize
from onnx_roofline.placement.solver.network import FREE, network_of
from onnx_roofline.placement.solver.precedence import Precedence, critical_path, load_bound, precedence_of
from onnx_roofline.placement.solver.problem import DEVICES, Assignment, Problem, Solution
from onnx_roofline.placement.solver.serial import solve

# How the devices share the memory: `exclusive` means that one waits while the other works.
Concurrency = Literal["exclusive", "partitioned", "dual_row_buffer"]
# Idle gaps of a device that are looked at for one node; beyond them it goes to the end, which keeps the search linear.
GAP_LIMIT = 64


class Schedule(Struct, frozen=True):
    """Start, finish and device of each node; times in seconds. `serial` is the serial optimum's total.

    `gap` is how far the makespan may be above the least possible one, as a share of it.
    """

    start: tuple[float, ...]
    finish: tuple[float, ...]
    device: Assignment
    makespan: float
    lower_bound: float
    serial: float
    method: str
    note: str

    @property
    def gap(self) -> float:
        """How far the makespan may be above the least possible, as a share of the makespan."""
        return (self.makespan - self.lower_bound) / self.makespan if self.makespan > self.lower_bound else 0.0


def schedule(
    problem: Problem,
    concurrency: Concurrency = "dual_row_buffer",
    serial: Solution | None = None,
    together: Problem | None = None,
) -> Schedule:
    """The shortest schedule found; never longer than the serial optimum, with a lower bound.

    `serial` is the serial optimum where the caller has it. With `exclusive` memory nothing overlaps and the schedule is
    the serial optimum. `together` is the same problem with the costs of devices that share something while both work:
    a schedule is made with those for all of its time, and stands only if it is still shorter than the serial optimum.
    Raises UsageError as `solve` does, and ValueError when the nodes do not form a DAG.
    """
    graph = precedence_of(problem)
    optimum = solve(problem) if serial is None else serial
    if concurrency == "exclusive":
        return _one_by_one(problem, graph, optimum)
    scheduler = _Scheduler(problem if together is None else together, graph)
    bound = max(critical_path(problem, graph, scheduler.allowed), load_bound(problem, scheduler.allowed))
    found = [("HEFT", scheduler.run(None)), ("serial optimum, overlapped", scheduler.run(optimum.assignment))]
    for name, pick in (
        ("greedy, overlapped", greedy(problem)),
        ("all GPU, overlapped", legalize(problem, [0] * problem.size)),
    ):
        if evaluate(problem, pick).fits:
            found.append((name, scheduler.run(pick)))
    method, slots = min(found, key=lambda named: max((slot[1] for slot in named[1]), default=0.0))
    makespan = max((slot[1] for slot in slots), default=0.0)
    if together is not None and optimum.objective <= makespan:
        note = "no schedule of both devices, each at its share, is shorter than the serial optimum, which stands"
        alone = _one_by_one(problem, graph, optimum)
        return replace(alone, lower_bound=min(bound, alone.makespan), note=note)
    return Schedule(
        tuple(slot[0] for slot in slots),
        tuple(slot[1] for slot in slots),
        tuple(slot[2] for slot in slots),
        makespan,
        min(bound, makespan),
        optimum.objective,
        method,
        "transfers overlap with work and with each other; the lower bound is the larger of critical path and load",
    )


def _one_by_one(problem: Problem, graph: Precedence, optimum: Solution) -> Schedule:
    """Nodes in topological order, each after the last, each waiting for the transfers that it causes first."""
    assignment = optimum.assignment
    begin, end = [0.0] * problem.size, [0.0] * problem.size
    waits = _waits(problem, assignment, graph.order)
    now = 0.0
    for node in graph.order:
        begin[node] = now + waits[node]
        end[node] = now = begin[node] + (problem.cost[node][assignment[node]] or 0.0)
    bound = now if optimum.objective == optimum.lower_bound else min(optimum.lower_bound, now)
    note = (
        "one device waits while the other works (exclusive memory), so nothing overlaps and the serial optimum stands"
    )
    return Schedule(tuple(begin), tuple(end), assignment, now, bound, optimum.objective, "serial optimum", note)


def _waits(problem: Problem, assignment: Assignment, order: list[int]) -> list[float]:
    """Transfer and boundary costs, each at the first node in the order that needs it."""
    position = {node: at for at, node in enumerate(order)}
    waits = [0.0] * problem.size
    for tensor in problem.tensors:
        source = tensor.home if tensor.producer is None else assignment[tensor.producer]
        away = [node for node in tensor.consumers if assignment[node] != source]
        if away:
            waits[min(away, key=position.__getitem__)] += tensor.transfer[source]
    for boundary in problem.boundaries:
        if assignment[boundary.first] != assignment[boundary.second]:
            waits[boundary.second] += boundary.cost[assignment[boundary.first]]
    return waits


class _Timeline:
    """Busy time of one device as the idle gaps before its end."""

    def __init__(self) -> None:
        self.starts: list[float] = []
        self.ends: list[float] = []
        self.end = 0.0

    def earliest(self, ready: float, length: float) -> tuple[float, int]:
        """Earliest start from `ready` on, and the gap that it lies in, -1 for the end."""
        first = max(bisect_right(self.starts, ready) - 1, 0)
        for at in range(first, min(first + GAP_LIMIT, len(self.starts))):
            begin = max(self.starts[at], ready)
            if begin + length <= self.ends[at]:
                return begin, at
        return max(self.end, ready), -1

    def occupy(self, begin: float, finish: float, gap: int) -> None:
        """Take the time from `begin` to `finish` out of a gap, or append it."""
        if gap < 0:
            if begin > self.end:
                self.starts.append(self.end)
                self.ends.append(begin)
            self.end = max(self.end, finish)
            return
        pieces = [(self.starts[gap], begin), (finish, self.ends[gap])]
        kept = [piece for piece in pieces if piece[1] > piece[0]]
        self.starts[gap : gap + 1] = [piece[0] for piece in kept]
        self.ends[gap : gap + 1] = [piece[1] for piece in kept]


class _Scheduler:
    """List scheduling on one problem, with free or with fixed devices."""

    def __init__(self, problem: Problem, graph: Precedence) -> None:
        self.problem, self.graph = problem, graph
        network = network_of(problem)
        self.class_of = network.class_of
        self.bytes_of = network.bytes_of
        self.forced = network.forced
        self.allowed: list[tuple[int, ...]] = [
            DEVICES if network.forced[variable] == FREE else (network.forced[variable],)
            for variable in network.class_of
        ]

    def run(self, fixed: Assignment | None) -> list[tuple[float, float, int]]:
        """Start, finish and device of each node, the highest rank first; devices as `fixed` or by earliest finish."""
        problem, graph = self.problem, self.graph
        devices = list(self.forced)
        room = float("inf") if problem.capacity_bytes is None else float(problem.capacity_bytes)
        room -= sum(size for size, device in zip(self.bytes_of, devices, strict=True) if device == 1)
        lines = (_Timeline(), _Timeline())
        slots: list[tuple[float, float, int]] = [(0.0, 0.0, 0)] * problem.size
        ranks = self._ranks(fixed)
        position = {node: at for at, node in enumerate(graph.order)}
        for node in sorted(graph.order, key=lambda node: (-ranks[node], position[node])):
            variable = self.class_of[node]
            choices: Sequence[int] = DEVICES
            if devices[variable] != FREE:
                choices = (devices[variable],)
            elif fixed is not None:
                choices = (fixed[node],)
            elif self.bytes_of[variable] > room:
                choices = (0,)
            best: tuple[float, int, float, int] | None = None
            for device in choices:
                length = problem.cost[node][device] or 0.0
                begin, gap = lines[device].earliest(self._ready(node, device, slots), length)
                if best is None or (begin + length, device) < best[:2]:
                    best = (begin + length, device, begin, gap)
            assert best is not None
            finish, device, begin, gap = best
            lines[device].occupy(begin, finish, gap)
            if devices[variable] == FREE:
                devices[variable] = device
                room -= self.bytes_of[variable] if device else 0
            slots[node] = (begin, finish, device)
        return slots

    def _ready(self, node: int, device: int, slots: list[tuple[float, float, int]]) -> float:
        ready = self.graph.ready[node][device]
        for producer, to_pim, to_gpu in self.graph.before[node]:
            _, finish, where = slots[producer]
            if where != device:
                finish += to_pim if device else to_gpu
            ready = max(ready, finish)
        return ready

    def _ranks(self, fixed: Assignment | None) -> list[float]:
        """Upward rank: the longest way to the end with mean costs and mean lags, or with those of fixed devices."""
        ranks = [0.0] * self.problem.size
        for node in reversed(self.graph.order):
            longest = 0.0
            for other, to_pim, to_gpu in self.graph.after[node]:
                lag = (to_pim + to_gpu) / 2
                if fixed is not None:
                    lag = 0.0 if fixed[node] == fixed[other] else (to_pim if fixed[other] else to_gpu)
                longest = max(longest, lag + ranks[other])
            devices = self.allowed[node] if fixed is None else (fixed[node],)
            ranks[node] = longest + sum(self.problem.cost[node][device] or 0.0 for device in devices) / len(devices)
        return ranks
