"""What it costs to flip each node and to rearrange all else as well as possible: exact, in the time of a few solves.

Most nodes get it from one pass back through the elimination. For a core that elimination leaves, the flow of the
minimum cut is kept and only what one more forced variable lets through is added to it.

Source: Kohli and Torr, Measuring uncertainty in graph cut solutions, CVIU 112, 2008.
"""

import math
from collections import deque

from onnx_roofline.placement.solver.elimination import Elimination, Table, eliminate, marginals
from onnx_roofline.placement.solver.factors import Factors, factors_of
from onnx_roofline.placement.solver.mincut import SINK, SOURCE, Core, core_of, residual_of
from onnx_roofline.placement.solver.network import FREE, Network, network_of
from onnx_roofline.placement.solver.problem import Problem, Solution
from onnx_roofline.placement.solver.reduction import Reduction

# Arcs looked at for the variables of cores at most, about a second's work; what is left then stays None.
VISIT_BUDGET = 3_000_000


def regrets(problem: Problem, solution: Solution) -> list[float | None]:
    """How much dearer the optimum gets when a node is flipped, with its group; 0 for a tie.

    `inf` for a node that can't be flipped, None where it was not computed. Where the capacity binds, bytes are priced
    at `solution.memory_price`: the regrets are those of the problem that gave the lower bound.
    """
    network = network_of(problem)
    unit = 1 << network.shift
    if solution.memory_price:
        price, scale = solution.memory_price.as_integer_ratio()
        network = network.priced(price << network.shift, scale)
        unit *= scale
    pairs = _marginals(network)
    found: list[float | None] = []
    for variable, device in zip(network.class_of, solution.assignment, strict=True):
        pair = pairs.get(variable)
        if network.forced[variable] != FREE:
            found.append(math.inf)
        else:
            found.append(None if pair is None else (pair[1 - device] - min(pair)) / unit)
    return found


def _marginals(network: Network) -> dict[int, tuple[int, int]]:
    """Least cost with each free variable on device 0 and on device 1, up to a constant of its own."""
    factors = factors_of(Reduction(network, dominance=False))
    result = eliminate(factors)
    local: dict[int, tuple[int, int]] = {}
    rest: dict[int, list[int]] = {}
    core: set[int] = set()
    if result.left:
        core, local, rest = _core_marginals(result, factors)
    local.update(marginals(result, rest, core))
    return {variable: local[at] for at, variable in enumerate(factors.variables) if at in local}


def _core_marginals(
    result: Elimination, factors: Factors
) -> tuple[set[int], dict[int, tuple[int, int]], dict[int, list[int]]]:
    """The core's variables, their marginals, and the least cost of all else for each message into the core."""
    core: Core = core_of(result, factors.penalty)
    flow = _Flow(residual_of(core))
    found: dict[int, tuple[int, int]] = {}
    for variable in sorted(core.variables):
        if flow.visits > VISIT_BUDGET:
            break
        if variable < len(factors.variables):
            found[variable] = (flow.rise({variable}, set()), flow.rise(set(), {variable}))
    rest: dict[int, list[int]] = {}
    for table in core.messages:
        if flow.visits > VISIT_BUDGET:
            break
        if table.source is not None:
            rest[table.source] = [flow.rise(*_split(table, at)) - cost for at, cost in enumerate(table.costs)]
    return core.variables, found, rest


def _split(table: Table, entry: int) -> tuple[set[int], set[int]]:
    """Variables that are 0, and those that are 1, in an entry of a table."""
    ones = {variable for at, variable in enumerate(table.scope) if entry >> at & 1}
    return set(table.scope) - ones, ones


class _Flow:
    """A maximum flow's residual arcs, and what forcing variables adds to the minimum cut."""

    def __init__(self, residual: dict[int, dict[int, int]]) -> None:
        self.residual = residual
        self.visits = 0

    def rise(self, zeros: set[int], ones: set[int]) -> int:
        """Rise of the minimum cut with `zeros` kept on device 0 and `ones` on device 1; the flow is put back after.

        First everything from `zeros` to the sinks, then from the sources to `ones`: the second can't reopen the first.
        """
        pushed: list[tuple[int, int, int]] = []
        total = 0
        for start, goal, forward in ((zeros, {SINK} | ones, True), (ones, {SOURCE} | zeros, False)):
            while start:
                path = self._path(start, goal, forward)
                if not path:
                    break
                amount = min(self.residual[tail][head] for tail, head in path)
                total += amount
                for tail, head in path:
                    self.residual[tail][head] -= amount
                    self.residual[head][tail] += amount
                    pushed.append((tail, head, amount))
        for tail, head, amount in pushed:
            self.residual[tail][head] += amount
            self.residual[head][tail] -= amount
        return total

    def _path(self, start: set[int], goal: set[int], forward: bool) -> list[tuple[int, int]]:
        """A shortest path of arcs with something left, from `start` to `goal`, or against the arcs."""
        residual = self.residual
        previous: dict[int, int | None] = dict.fromkeys(sorted(start))
        queue = deque(previous)
        while queue:
            node = queue.popleft()
            around = residual.get(node, {})
            self.visits += len(around)
            for other, left in around.items():
                if other in previous or not (left if forward else residual[other][node]):
                    continue
                previous[other] = node
                if other in goal:
                    return _arcs(previous, other, forward)
                queue.append(other)
        return []


def _arcs(previous: dict[int, int | None], node: int, forward: bool) -> list[tuple[int, int]]:
    arcs = []
    before = previous[node]
    while before is not None:
        arcs.append((before, node) if forward else (node, before))
        node, before = before, previous[before]
    return arcs
