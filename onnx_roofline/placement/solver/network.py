"""A problem in whole numbers, with one variable per group of nodes that share a device.

Costs are binary floating-point numbers, so a power of two turns all of them into whole numbers without any rounding:
sums and comparisons in the solvers are exact, and the same on every machine.
"""

from collections.abc import Callable, Iterable

from msgspec import Struct

from onnx_roofline.base.errors import UsageError
from onnx_roofline.placement.solver.problem import DEVICES, Problem

# A variable that has no device yet.
FREE = -1


class Term(Struct, frozen=True):
    """The cost of parting a producer from its consumers: `to_pim` once, `to_gpu` once. All are variables.

    `producer` is None for a value that lies on `home`.
    """

    producer: int | None
    home: int
    consumers: tuple[int, ...]
    to_pim: int
    to_gpu: int


class Network(Struct, frozen=True):
    """Variables with `excess[v] = cost on device 1 - cost on device 0`, and terms; costs times 2**shift.

    `forced[v]` is the only device that a variable may have, or FREE.
    """

    class_of: tuple[int, ...]
    excess: list[int]
    forced: list[int]
    terms: list[Term]
    bytes_of: list[int]
    shift: int

    def priced(self, price: int, scale: int = 1) -> "Network":
        """The same network with every cost times `scale` and `price` for each resident byte."""
        excess = [scale * cost + price * size for cost, size in zip(self.excess, self.bytes_of, strict=True)]
        terms = self.terms
        if scale != 1:
            terms = [
                Term(term.producer, term.home, term.consumers, scale * term.to_pim, scale * term.to_gpu)
                for term in terms
            ]
        return Network(self.class_of, excess, self.forced, terms, self.bytes_of, self.shift)

    def cost(self, values: list[int]) -> int:
        """Cost of a full assignment of the variables, up to a constant: all variables on device 0 without terms."""
        total = sum(cost for cost, value in zip(self.excess, values, strict=True) if value)
        for term in self.terms:
            source = term.home if term.producer is None else values[term.producer]
            if any(values[node] != source for node in term.consumers):
                total += term.to_gpu if source else term.to_pim
        return total


def network_of(problem: Problem) -> Network:
    """The network of a problem.

    Raises UsageError when pins, groups and unsupported nodes leave a node without a device.
    """
    class_of, count = _classes(problem.size, problem.groups)
    shift = _shift(problem)
    whole = _whole_in(shift)
    excess, bytes_of = [0] * count, [0] * count
    allowed = [3] * count
    for node, (on_gpu, on_pim) in enumerate(problem.cost):
        variable = class_of[node]
        # A class with an unsupported node is forced, so its excess is never read as a choice.
        excess[variable] += whole(on_pim or 0.0) - whole(on_gpu or 0.0)
        mask = (on_gpu is not None) + 2 * (on_pim is not None)
        if node in problem.pins:
            mask &= 1 << problem.pins[node]
        allowed[variable] &= mask
    for node, size in enumerate(problem.resident_bytes):
        bytes_of[class_of[node]] += size
    _refuse_contradictions(problem, class_of, allowed)
    forced = [(FREE, 0, 1, FREE)[mask] for mask in allowed]
    return Network(tuple(class_of), excess, forced, list(_terms(problem, class_of, whole)), bytes_of, shift)


def _terms(problem: Problem, class_of: list[int], whole: Callable[[float], int]) -> Iterable[Term]:
    for tensor in problem.tensors:
        producer = None if tensor.producer is None else class_of[tensor.producer]
        consumers = dict.fromkeys(class_of[node] for node in tensor.consumers)
        if producer is not None:
            consumers.pop(producer, None)
        if consumers and any(tensor.transfer):
            to_pim, to_gpu = (whole(cost) for cost in tensor.transfer)
            yield Term(producer, tensor.home, tuple(consumers), to_pim, to_gpu)
    for boundary in problem.boundaries:
        first, second = class_of[boundary.first], class_of[boundary.second]
        if first != second and any(boundary.cost):
            to_pim, to_gpu = (whole(cost) for cost in boundary.cost)
            yield Term(first, 0, (second,), to_pim, to_gpu)


def _classes(size: int, groups: tuple[tuple[int, ...], ...]) -> tuple[list[int], int]:
    """Class of each node, numbered in the order of their first nodes, and how many there are."""
    parent = list(range(size))

    def root(node: int) -> int:
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for group in groups:
        for node in group[1:]:
            a, b = root(group[0]), root(node)
            parent[max(a, b)] = min(a, b)
    number: dict[int, int] = {}
    return [number.setdefault(root(node), len(number)) for node in range(size)], len(number)


def _shift(problem: Problem) -> int:
    """Least power of two that makes every cost a whole number."""
    costs = {cost for pair in problem.cost for cost in pair if cost}
    costs.update(cost for tensor in problem.tensors for cost in tensor.transfer)
    costs.update(cost for boundary in problem.boundaries for cost in boundary.cost)
    return max((float(cost).as_integer_ratio()[1].bit_length() - 1 for cost in costs), default=0)


def _whole_in(shift: int) -> Callable[[float], int]:
    """Costs as whole numbers; kernels alike cost the same, so that each cost is turned once."""
    found: dict[float, int] = {0.0: 0}

    def whole(cost: float) -> int:
        value = found.get(cost)
        if value is None:
            numerator, denominator = float(cost).as_integer_ratio()
            value = found[cost] = (numerator << shift) // denominator
        return value

    return whole


def _refuse_contradictions(problem: Problem, class_of: list[int], allowed: list[int]) -> None:
    if all(allowed):
        return
    members: dict[int, list[int]] = {}
    for node, variable in enumerate(class_of):
        if not allowed[variable]:
            members.setdefault(variable, []).append(node)
    raise UsageError("; ".join(_contradiction(problem, nodes) for nodes in list(members.values())[:20]))


def _contradiction(problem: Problem, nodes: list[int]) -> str:
    reasons = []
    for node in nodes:
        reasons += [f"device {device} can't run it" for device in DEVICES if problem.cost[node][device] is None]
        reasons += [f"pinned to device {problem.pins[node]}"] if node in problem.pins else []
    names = ", ".join(problem.names[node] or f"#{node}" for node in nodes[:5])
    where = f"node {names}" if len(nodes) == 1 else f"nodes {names}, placed together"
    return f"{where}: no device is left ({', '.join(dict.fromkeys(reasons))}); drop a pin or the group"
