"""Problems for the tests, made from a seed, and the exhaustive answer that everything is judged by."""

import random
from pathlib import Path

import numpy as np

from onnx_roofline.placement.solver import Assignment, Boundary, Problem, Tensor

SAMPLES = Path(__file__).resolve().parents[2] / "sample_models"


def random_problem(seed: int, largest: int = 14, capacity: bool = False) -> Problem:
    """Up to `largest` nodes with shared tensors, inputs, pins, groups, boundaries, zero costs and unsupported nodes."""
    rng = random.Random(seed)
    size = rng.randint(1, largest)
    whole = rng.random() < 0.5  # whole numbers make ties

    def cost(top: float) -> float:
        if rng.random() < 0.15:
            return 0.0
        # Multiples of 2**-40 of moderate size: their sums are exact in any order, so results are compared for equality.
        return float(rng.randint(0, 6)) if whole else rng.getrandbits(20) * top * 2.0**-37

    costs: list[tuple[float | None, float | None]] = []
    for _ in range(size):
        draw = rng.random()
        costs.append((None if draw < 0.05 else cost(1), None if draw > 0.9 else cost(1)))
    scale = rng.choice([0.125, 0.5, 2.0])
    tensors = []
    for _ in range(rng.randint(0, 2 * size)):
        first = rng.randrange(-2, size)
        later = list(range(first + 1, size)) if first >= 0 else list(range(size))
        readers = tuple(rng.sample(later, rng.randint(0, min(len(later), rng.choice([1, 2, 3, 6])))))
        transfer = (cost(scale), cost(scale))
        tensors.append(Tensor(first if first >= 0 else None, readers, transfer, home=0 if first != -2 else 1))
    boundaries = tuple(
        Boundary(a, b, (cost(scale), cost(scale)))
        for tensor in tensors
        if (a := tensor.producer) is not None and rng.random() < 0.4
        for b in tensor.consumers
    )
    pins = {}
    for node, (on_gpu, on_pim) in enumerate(costs):
        if rng.random() < 0.1:
            pins[node] = 0 if on_pim is None else 1 if on_gpu is None else rng.randrange(2)
    groups = []
    if size >= 2 and rng.random() < 0.4:
        groups = [tuple(rng.sample(range(size), rng.randint(2, min(size, 4)))) for _ in range(rng.randint(1, 2))]
    resident = tuple(rng.choice([0, rng.randint(1, 100)]) for _ in range(size)) if capacity else ()
    return Problem(
        tuple(f"n{node}" for node in range(size)),
        tuple(costs),
        tuple(tensors),
        boundaries,
        pins,
        tuple(groups),
        resident,
        rng.randint(0, sum(resident) // 2 + 1) if capacity else None,
    )


def brute_force(problem: Problem) -> np.ndarray:
    """Cost of every assignment, infinite for one that is not legal or does not fit; bit v of the index is node v."""
    size = problem.size
    on = (np.arange(1 << size)[:, None] >> np.arange(size)) & 1 == 1
    total = np.zeros(1 << size)
    for node, (on_gpu, on_pim) in enumerate(problem.cost):
        total += np.where(on[:, node], np.inf if on_pim is None else on_pim, np.inf if on_gpu is None else on_gpu)
    for tensor in problem.tensors:
        if tensor.consumers:
            readers = on[:, list(tensor.consumers)]
            source = np.full(1 << size, tensor.home == 1) if tensor.producer is None else on[:, tensor.producer]
            total += np.where(source, tensor.transfer[1] * ~readers.all(1), tensor.transfer[0] * readers.any(1))
    for boundary in problem.boundaries:
        first, second = on[:, boundary.first], on[:, boundary.second]
        total += np.where(first != second, np.where(first, boundary.cost[1], boundary.cost[0]), 0.0)
    for node, device in problem.pins.items():
        total[on[:, node] != (device == 1)] = np.inf
    for group in problem.groups:
        members = on[:, list(group)]
        total[members.any(1) != members.all(1)] = np.inf
    if problem.capacity_bytes is not None:
        total[on @ np.array(problem.resident_bytes) > problem.capacity_bytes] = np.inf
    return total


def assignment_of(code: int, size: int) -> Assignment:
    return tuple(code >> node & 1 for node in range(size))


def smallest_optimum(costs: np.ndarray, size: int) -> Assignment:
    """The optimum with the fewest nodes on device 1; there is exactly one."""
    codes = [int(code) for code in np.flatnonzero(costs == costs.min())]
    fewest = min(code.bit_count() for code in codes)
    (code,) = [code for code in codes if code.bit_count() == fewest]
    return assignment_of(code, size)


def layered_problem(size: int, seed: int, share: float = 0.3) -> Problem:
    """A random graph in which every node reads a few of the nodes shortly before it; no small separators."""
    rng = random.Random(seed)
    readers: list[list[int]] = [[] for _ in range(size)]
    for node in range(1, size):
        for producer in {rng.randrange(max(0, node - 40), node) for _ in range(rng.randint(1, 3))}:
            readers[producer].append(node)
    return Problem(
        tuple(f"n{node}" for node in range(size)),
        tuple((rng.lognormvariate(0, 1) * 1e-5, rng.lognormvariate(0, 1.5) * 1e-5) for _ in range(size)),
        tuple(
            Tensor(node, tuple(reading), (rng.random() * share * 1e-5, rng.random() * share * 1e-5))
            for node, reading in enumerate(readers)
            if reading
        ),
    )


def transformer_problem(size: int, seed: int, share: float = 0.5, shared: int = 3) -> Problem:
    """A deep transformer: norm, q, k, v, attention, residuals and an MLP per layer, tensors that all layers read."""
    rng = random.Random(seed)
    edges: dict[int, list[int]] = {}
    masks: list[list[int]] = [[] for _ in range(shared)]
    count = 0

    def node(*inputs: int) -> int:
        nonlocal count
        for producer in inputs:
            edges.setdefault(producer, []).append(count)
        count += 1
        return count - 1

    stream = node()
    while count < size:
        norm = node(stream)
        heads = []
        for at in range(3):
            head = node(node(norm))
            if at < 2 and shared > 1:
                masks[0].append(head)
                masks[1].append(head)
            heads.append(node(head))
        scores = node(heads[0], heads[1])
        masks[-1].append(scores)
        stream = node(stream, node(node(node(scores), heads[2])))
        norm = node(node(stream), stream)
        gate = node(norm)
        stream = node(stream, node(node(node(gate), node(norm)), gate))

    def cost(sigma: float) -> float:
        return rng.lognormvariate(0, sigma) * 1e-5

    tensors = [
        Tensor(producer, tuple(reading), (cost(0.5) * share, cost(0.5) * share)) for producer, reading in edges.items()
    ]
    tensors += [Tensor(None, tuple(reading), (share * 1e-5, 0.0)) for reading in masks]
    supported = [rng.random() > 0.1 for _ in range(count)]
    return Problem(
        tuple(f"n{at}" for at in range(count)),
        tuple((cost(1.0), cost(1.5) if able else None) for able in supported),
        tuple(tensors),
    )


def sample_problem(path: Path, seed: int, share: float = 0.5) -> Problem:
    """The graph of an exported model, with random costs."""
    import onnx

    rng = random.Random(seed)
    graph = onnx.load(path, load_external_data=False).graph
    producers = {name: at for at, op in enumerate(graph.node) for name in op.output if name}
    inputs = {value.name for value in graph.input}
    readers: dict[str, list[int]] = {}
    for at, op in enumerate(graph.node):
        for name in dict.fromkeys(op.input):
            if name in producers or name in inputs:
                readers.setdefault(name, []).append(at)
    cost = [
        (rng.lognormvariate(0, 1) * 1e-5, rng.lognormvariate(0, 1.5) * 1e-5 if rng.random() > 0.1 else None)
        for _ in graph.node
    ]
    tensors = [
        Tensor(producers.get(name), tuple(reading), (rng.random() * share * 1e-5, rng.random() * share * 1e-5))
        for name, reading in readers.items()
    ]
    boundaries = [
        Boundary(tensor.producer, reader, (2e-7, 1e-7))
        for tensor in tensors
        if tensor.producer is not None
        for reader in tensor.consumers
    ]
    resident = tuple(rng.randint(0, 10**7) for _ in cost)
    return Problem(
        tuple(op.name or op.op_type for op in graph.node),
        tuple(cost),
        tuple(tensors),
        tuple(boundaries),
        resident_bytes=resident,
    )
