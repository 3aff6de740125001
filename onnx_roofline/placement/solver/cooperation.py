"""Both devices on one op, or on neighbouring ops in a pipeline: what that gains over a placement of whole ops.

Every chain between branch points is covered by the search of `chain`, with the rest of the placement as it is: the
tensors that the chain reads and makes lie, and are needed, where the other ops have them. Chains are taken one after
the other, each with what was found for those before it, so that the total is that of one schedule and never above the
placement's. Linear in ops and tensors. It is no optimum: branches keep the order of the serial placement, and two
branches never run at once.
"""

import itertools
import math
from collections.abc import Mapping

from msgspec import Struct

from onnx_roofline.placement.solver.chain import PIPELINES, Cover, Stage, chain_search
from onnx_roofline.placement.solver.problem import Assignment, Problem, Tensor


class Ways(Struct, frozen=True):
    """How an op can run other than whole on one device; as in `Stage`. `split_bytes` a split keeps on device 1."""

    split_s: float | None = None
    gpu_halves_s: tuple[float, float] | None = None
    pim_halves_s: tuple[float, float] | None = None
    split_bytes: int = 0


class Step(Struct, frozen=True):
    """Neighbouring nodes that run as `kind` says (`gpu`, `pim`, `split` or a pipeline), and their time."""

    nodes: tuple[int, ...]
    kind: str
    time_s: float


class Cooperation(Struct, frozen=True):
    """Every node in a step, and the total with all transfers; `resident_bytes` lie on device 1."""

    steps: tuple[Step, ...]
    time_s: float
    resident_bytes: int


def cooperate(problem: Problem, assignment: Assignment, ways: Mapping[int, Ways]) -> Cooperation:
    """The placement with splits and pipelines where they gain. Nodes with a pin, a group or a boundary stay as placed.

    A chain whose cover would not fit into device 1's memory stays as placed too.
    """
    state = _State(problem, assignment)
    room = math.inf if problem.capacity_bytes is None else problem.capacity_bytes
    used = problem.bytes_on_pim(assignment)
    for nodes in _chains(problem, state):
        if not any(node in ways for node in nodes):
            continue
        found = _covered(problem, state, nodes, ways)
        if found is None:
            continue
        before = sum(_bytes(problem, ways, node, step.kind, 0) for node in nodes for step in [state.steps[node]])
        after = sum(_bytes(problem, ways, node, step.kind, at) for step in found for at, node in enumerate(step.nodes))
        if used - before + after > room:
            continue
        used += after - before
        state.accept(found)
    return state.result(used)


class _State:
    """Where each node reads its inputs and leaves its outputs, and how it runs."""

    def __init__(self, problem: Problem, assignment: Assignment) -> None:
        self.problem = problem
        self.entry, self.leave = list(assignment), list(assignment)
        self.inputs: list[list[int]] = [[] for _ in assignment]
        self.outputs: list[list[int]] = [[] for _ in assignment]
        # Readers of each tensor, and how many of them read it on device 1.
        self.readers: list[int] = []
        self.readers_on_pim: list[int] = []
        for at, tensor in enumerate(problem.tensors):
            consumers = dict.fromkeys(tensor.consumers)
            for node in consumers:
                self.inputs[node].append(at)
            if tensor.producer is not None:
                self.outputs[tensor.producer].append(at)
            self.readers.append(len(consumers))
            self.readers_on_pim.append(sum(assignment[node] for node in consumers))
        self.steps = [
            Step((node,), "pim" if device else "gpu", problem.cost[node][device] or 0.0)
            for node, device in enumerate(assignment)
        ]

    def source(self, tensor: Tensor) -> int:
        """The device that a tensor lies on when it is made."""
        return tensor.home if tensor.producer is None else self.leave[tensor.producer]

    def input_s(self, node: int, device: int) -> float:
        """Transfers of what a node reads if it reads on a device, those that others need as well included."""
        total = 0.0
        for at in self.inputs[node]:
            tensor = self.problem.tensors[at]
            source = self.source(tensor)
            on_pim = self.readers_on_pim[at] - self.entry[node] + device
            if on_pim != (self.readers[at] if source else 0):
                total += tensor.transfer[source]
        return total

    def output_s(self, node: int, device: int) -> float:
        """Transfers of what a node makes if it leaves it on a device."""
        return sum(
            self.problem.tensors[at].transfer[device]
            for at in self.outputs[node]
            if self.readers_on_pim[at] != (self.readers[at] if device else 0)
        )

    def between_s(self, node: int) -> tuple[float, float]:
        """Transfers of what a node makes, to device 1 and back."""
        tensors = [self.problem.tensors[at].transfer for at in self.outputs[node]]
        return sum(pair[0] for pair in tensors), sum(pair[1] for pair in tensors)

    def accept(self, steps: list[Step]) -> None:
        """Run the nodes of a chain in these steps from now on."""
        for step in steps:
            devices = PIPELINES.get(step.kind, (1 if step.kind == "pim" else 0,))
            for node, device in zip(step.nodes, devices, strict=True):
                for at in self.inputs[node]:
                    self.readers_on_pim[at] += device - self.entry[node]
                self.entry[node] = self.leave[node] = device
                self.steps[node] = step

    def result(self, resident_bytes: int) -> Cooperation:
        """All steps with what they take and the transfers between them, every tensor once a direction."""
        steps = tuple(dict.fromkeys(self.steps))
        seconds = [step.time_s for step in steps]
        for at, tensor in enumerate(self.problem.tensors):
            source = self.source(tensor)
            # A pipeline's own time has the transfers between its stages.
            is_inner = tensor.producer is not None and set(tensor.consumers[:1]) <= set(
                self.steps[tensor.producer].nodes
            )
            if not is_inner and self.readers_on_pim[at] != (self.readers[at] if source else 0):
                seconds.append(tensor.transfer[source])
        for boundary in self.problem.boundaries:
            if self.leave[boundary.first] != self.entry[boundary.second]:
                seconds.append(boundary.cost[self.leave[boundary.first]])
        return Cooperation(steps, math.fsum(seconds), resident_bytes)


def _chains(problem: Problem, state: _State) -> list[list[int]]:
    """Nodes that follow each other: all that one makes goes to the next alone, which reads nothing else."""
    apart = set(problem.pins)
    apart.update(node for group in problem.groups for node in group)
    apart.update(node for boundary in problem.boundaries for node in (boundary.first, boundary.second))
    following: dict[int, int] = {}
    for node in range(problem.size):
        readers = {reader for at in state.outputs[node] for reader in problem.tensors[at].consumers}
        if node in apart or len(readers) != 1:
            continue
        (reader,) = readers
        if reader not in apart and all(problem.tensors[at].producer == node for at in state.inputs[reader]):
            following[node] = reader
    inner = set(following.values())
    chains = []
    for node in range(problem.size):
        if node in inner or node in apart:
            continue
        chain = [node]
        while chain[-1] in following:
            chain.append(following[chain[-1]])
        chains.append(chain)
    return chains


def _covered(problem: Problem, state: _State, nodes: list[int], ways: Mapping[int, Ways]) -> list[Step] | None:
    """The best steps for a chain with everything else as it is, or None where they gain nothing."""
    head, tail = nodes[0], nodes[-1]
    into = state.input_s(head, 0), state.input_s(head, 1)
    home = int(into[1] < into[0])
    extra_s = into[1 - home] - into[home]
    stages = []
    for position, node in enumerate(nodes):
        way = ways.get(node, Ways())
        move = state.between_s(nodes[position - 1]) if position else (extra_s, extra_s)
        gpu_s, pim_s = problem.cost[node]
        stages.append(Stage(gpu_s, pim_s, way.split_s, way.gpu_halves_s, way.pim_halves_s, move))
    now_s = into[state.entry[head]] + state.output_s(tail, state.leave[tail])
    now_s += math.fsum(state.steps[node].time_s for node in nodes)
    for before, node in itertools.pairwise(nodes):
        if state.leave[before] != state.entry[node]:
            now_s += state.between_s(before)[state.leave[before]]
    best: tuple[float, Cover] | None = None
    for end in (0, 1):
        try:
            cover = chain_search(stages, home, end)
        except ValueError:  # no op at the end of the chain runs there
            continue
        total_s = into[home] + cover.time_s + state.output_s(tail, end)
        if best is None or total_s < best[0]:
            best = total_s, cover
    # The sums are rounded: what they don't tell apart is no gain.
    if best is None or best[0] >= now_s * (1 - 1e-12):
        return None
    return [
        Step(tuple(nodes[part.first : part.first + part.length]), part.kind, part.time_s) for part in best[1].segments
    ]


def _bytes(problem: Problem, ways: Mapping[int, Ways], node: int, kind: str, at: int) -> int:
    """What a node keeps on device 1 as the `at`-th of a step of a kind."""
    if not problem.resident_bytes or kind == "gpu":
        return 0
    if kind == "split":
        return ways[node].split_bytes
    return problem.resident_bytes[node] if PIPELINES.get(kind, (1,))[at] else 0
