"""What an assignment costs in full, and the simple assignments that the optimum is compared with."""

import math
from collections.abc import Mapping, Sequence

from msgspec import Struct

from onnx_roofline.placement.solver.network import FREE, Network, network_of
from onnx_roofline.placement.solver.problem import DEVICES, Assignment, Problem


class Cost(Struct, frozen=True):
    """Parts of an assignment's cost. `total` is the correctly rounded sum of every single cost.

    Rounding once keeps the order of sums, so the optimum's total is never above another assignment's.
    """

    node: float
    transfer: float
    boundary: float
    total: float
    resident_bytes: int
    fits: bool


class Baseline(Struct, frozen=True):
    """A named assignment, made legal, with its cost. `moved` counts the nodes that had to leave the wanted device."""

    name: str
    assignment: Assignment
    cost: Cost
    moved: int


def evaluate(problem: Problem, assignment: Assignment) -> Cost:
    """Cost of an assignment under the full model: each crossing tensor once per direction.

    Raises ValueError for a device that can't run a node, a broken pin or a parted group.
    """
    faults = violations(problem, assignment)
    if faults:
        raise ValueError("; ".join(faults[:20]))
    nodes = [pair[device] or 0.0 for pair, device in zip(problem.cost, assignment, strict=True)]
    transfers = []
    for tensor in problem.tensors:
        source = tensor.home if tensor.producer is None else assignment[tensor.producer]
        if any(assignment[node] != source for node in tensor.consumers):
            transfers.append(tensor.transfer[source])
    boundaries = [
        boundary.cost[assignment[boundary.first]]
        for boundary in problem.boundaries
        if assignment[boundary.first] != assignment[boundary.second]
    ]
    resident_bytes = problem.bytes_on_pim(assignment)
    return Cost(
        math.fsum(nodes),
        math.fsum(transfers),
        math.fsum(boundaries),
        math.fsum([*nodes, *transfers, *boundaries]),
        resident_bytes,
        problem.capacity_bytes is None or resident_bytes <= problem.capacity_bytes,
    )


def violations(problem: Problem, assignment: Assignment) -> list[str]:
    """Why an assignment can't be carried out; empty when it can. Capacity is not looked at."""
    if len(assignment) != problem.size or any(device not in DEVICES for device in assignment):
        return [f"an assignment needs one device, 0 or 1, for each of {problem.size} nodes"]
    found = [
        f"node {problem.names[node] or node}: device {device} can't run it"
        for node, (pair, device) in enumerate(zip(problem.cost, assignment, strict=True))
        if pair[device] is None
    ]
    found += [
        f"node {problem.names[node] or node}: pinned to device {device}"
        for node, device in problem.pins.items()
        if assignment[node] != device
    ]
    found += [f"group {group} is parted" for group in problem.groups if len({assignment[node] for node in group}) > 1]
    return found


def legalize(problem: Problem, wanted: Sequence[int]) -> Assignment:
    """The wanted device for each group of nodes where pins and support allow it, else the other.

    Nodes that are placed together and want different devices go where most of them want to be; a tie goes to device 0.
    """
    return _legalized(network_of(problem), wanted)


def _legalized(network: Network, wanted: Sequence[int]) -> Assignment:
    votes = [0] * len(network.forced)
    for node, device in enumerate(wanted):
        votes[network.class_of[node]] += 1 if device else -1
    values = [int(vote > 0) if forced == FREE else forced for vote, forced in zip(votes, network.forced, strict=True)]
    return tuple(values[variable] for variable in network.class_of)


def greedy(problem: Problem) -> Assignment:
    """Each group of nodes where its own costs are lowest, whatever the transfers; a tie goes to device 0."""
    return _greedy(network_of(problem))


def _greedy(network: Network) -> Assignment:
    values = [
        int(excess < 0) if forced == FREE else forced
        for excess, forced in zip(network.excess, network.forced, strict=True)
    ]
    return tuple(values[variable] for variable in network.class_of)


def baselines(problem: Problem, picks: Mapping[str, Sequence[int]] | None = None) -> tuple[Baseline, ...]:
    """All on device 0, all on device 1, the greedy pick and the caller's named picks, each under the full cost.

    Nodes that the wanted device can't run go to the other one.
    """
    network = network_of(problem)
    wanted: dict[str, Sequence[int]] = {
        "all GPU": (0,) * problem.size,
        "all PIM": (1,) * problem.size,
        "greedy": _greedy(network),
        **(picks or {}),
    }
    found = []
    for name, pick in wanted.items():
        assignment = _legalized(network, pick)
        moved = sum(was != device for was, device in zip(pick, assignment, strict=True))
        found.append(Baseline(name, assignment, evaluate(problem, assignment), moved))
    return tuple(found)
