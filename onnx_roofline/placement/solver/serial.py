"""The assignment with the least sum of node, transfer and boundary costs: exact, by elimination and minimum cut.

One node after another runs, so costs add up. Which two-device placements a minimum cut can decide, and how, is due to
Stone, Multiprocessor scheduling with the aid of network flow algorithms, IEEE TSE 3, 1977.
"""

from collections.abc import Sequence

from msgspec import Struct

from onnx_roofline.placement.solver.capacity import Priced, solve_within
from onnx_roofline.placement.solver.elimination import WIDTH_LIMIT, choose, eliminate
from onnx_roofline.placement.solver.evaluation import evaluate, greedy, legalize
from onnx_roofline.placement.solver.factors import factors_of
from onnx_roofline.placement.solver.mincut import core_of, cut
from onnx_roofline.placement.solver.network import Network, network_of
from onnx_roofline.placement.solver.problem import OPTIMAL, Assignment, Problem, Solution
from onnx_roofline.placement.solver.reduction import Reduction


class Optimum(Struct, frozen=True):
    """Value of each variable, and what it took to find them."""

    values: list[int]
    method: str


def solve(problem: Problem, candidates: Sequence[Assignment] = ()) -> Solution:
    """The cheapest assignment; among equals the one with the fewest nodes on device 1.

    Without a capacity, and with one that does not bind, it is optimal. Where the capacity binds it is the best found,
    never worse than the baselines and `candidates` that fit, with a lower bound and a proof text that says how far they
    are apart.

    Raises UsageError when a node has no device left, or when what must be on device 1 does not fit.
    """
    network = network_of(problem)
    optimum = least(network)
    assignment = spread(network, optimum.values)
    capacity = problem.capacity_bytes
    if capacity is not None and problem.bytes_on_pim(assignment) > capacity:
        return _within(problem, network, optimum, candidates)
    objective = evaluate(problem, assignment).total
    return Solution(assignment, objective, objective, OPTIMAL, optimum.method)


def least(network: Network, *, dominance: bool = True, width: int = WIDTH_LIMIT) -> Optimum:
    """The least cost of a network; `width` 0 leaves everything to the minimum cut."""
    reduction = Reduction(network, dominance)
    values = list(reduction.value)
    factors = factors_of(reduction)
    if not factors.variables:
        return Optimum(values, "reduction")
    result = eliminate(factors, width)
    local = [0] * len(factors.excess)
    method = "elimination"
    core: dict[int, int] = {}
    if result.left:
        method = "minimum cut" if not result.buckets else "elimination and minimum cut"
        core = cut(core_of(result, factors.penalty))
        for variable, value in core.items():
            local[variable] = value
    choose(result, local, set(core))
    for variable, value in zip(factors.variables, local, strict=False):
        values[variable] = value
    return Optimum(values, method)


def spread(network: Network, values: list[int]) -> Assignment:
    """Device of each node from the values of the variables."""
    return tuple(values[variable] for variable in network.class_of)


def _within(problem: Problem, network: Network, optimum: Optimum, candidates: Sequence[Assignment]) -> Solution:
    methods = [optimum.method]

    def least_priced(priced: Network) -> list[int]:
        found = least(priced)
        methods.append(found.method)
        return found.values

    assert problem.capacity_bytes is not None
    simple = (legalize(problem, (0,) * problem.size), legalize(problem, (1,) * problem.size), greedy(problem))
    starts = [_values(network, candidate) for candidate in (*simple, *candidates) if len(candidate) == problem.size]
    found: Priced = solve_within(network, problem.capacity_bytes, optimum.values, least_priced, starts)
    assignment = spread(network, found.values)
    objective = evaluate(problem, assignment).total
    base = evaluate(problem, spread(network, optimum.values)).total
    bound = objective if found.tight else min(objective, base + found.bound_above_start)
    proof = OPTIMAL
    if objective > bound:
        proof = f"bound: at most {100 * (objective - bound) / bound:.2g} % above the optimum" if bound else "bound"
    method = f"Lagrangian over {max(methods, key=len)}"
    return Solution(assignment, objective, bound, proof, method, found.price)


def _values(network: Network, assignment: Assignment) -> list[int]:
    values = [0] * len(network.excess)
    for node, device in enumerate(assignment):
        values[network.class_of[node]] = device
    return values
