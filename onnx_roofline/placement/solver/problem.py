"""What is to be placed: nodes with a cost on each of two devices, and what it costs to be apart.

Device 0 is the GPU side, device 1 the PIM side. Costs are seconds or joules, already multiplied by how often a node
runs. Nothing here knows ONNX or hardware.
"""

import math
from collections.abc import Iterator, Mapping

from msgspec import Struct, field

DEVICES = (0, 1)

# One device per node.
Assignment = tuple[int, ...]


class Tensor(Struct, frozen=True):
    """A value that one node makes and others read; it crosses once per direction, however many read it there.

    `producer` is None for a model input, which lies on `home`. `transfer` is the cost of the way from device 0 to
    device 1 and of the way back.
    """

    producer: int | None
    consumers: tuple[int, ...]
    transfer: tuple[float, float]
    home: int = 0


class Boundary(Struct, frozen=True):
    """Cost of two adjacent nodes on different devices, such as a mode switch; `first` runs before `second`.

    `cost` is that of first on 0 and second on 1, and that of first on 1 and second on 0.
    """

    first: int
    second: int
    cost: tuple[float, float]


class Problem(Struct, frozen=True):
    """Nodes 0 to n - 1 and everything that ties them together.

    `cost[v]` is the cost on device 0 and on device 1, None where the device can't run the node. `pins` fixes the device
    of a node; a model output that the GPU side reads is a tensor with a pinned consumer of cost 0. The nodes of a group
    share one device. `resident_bytes[v]` is what node v keeps in device 1's memory if it runs there (empty: nothing);
    their sum stays within `capacity_bytes` where one is given.

    Raises ValueError for indices out of range and costs that are negative or not finite.
    """

    names: tuple[str, ...]
    cost: tuple[tuple[float | None, float | None], ...]
    tensors: tuple[Tensor, ...] = ()
    boundaries: tuple[Boundary, ...] = ()
    pins: Mapping[int, int] = field(default_factory=dict)
    groups: tuple[tuple[int, ...], ...] = ()
    resident_bytes: tuple[int, ...] = ()
    capacity_bytes: int | None = None

    def __post_init__(self) -> None:
        """Refuse what no solver could read, all of it in one message."""
        found = [] if self._is_sound() else list(self._faults())
        if found:
            raise ValueError("; ".join(found[:20]))

    @property
    def size(self) -> int:
        """Number of nodes."""
        return len(self.names)

    def bytes_on_pim(self, assignment: Assignment) -> int:
        """Resident bytes of the nodes that an assignment puts on device 1."""
        return sum(size for size, device in zip(self.resident_bytes, assignment, strict=False) if device)

    def _is_sound(self) -> bool:
        """Whether nothing is wrong, in one look at each distinct cost and at the extreme indices."""
        costs = {cost for pair in self.cost for cost in pair}
        costs.update(cost for tensor in self.tensors for cost in tensor.transfer)
        costs.update(cost for boundary in self.boundaries for cost in boundary.cost)
        nodes = [node for tensor in self.tensors for node in tensor.consumers]
        nodes += [tensor.producer for tensor in self.tensors if tensor.producer is not None]
        nodes += [node for boundary in self.boundaries for node in (boundary.first, boundary.second)]
        nodes += [*self.pins, *(node for group in self.groups for node in group)]
        resident = self.resident_bytes
        return (
            len(self.cost) == self.size
            and all(cost is None or _is_cost(cost) for cost in costs)
            and (not nodes or (min(nodes) >= 0 and max(nodes) < self.size))
            and {tensor.home for tensor in self.tensors} | set(self.pins.values()) <= set(DEVICES)
            and (not resident or (len(resident) == self.size and min(resident) >= 0))
        )

    def _faults(self) -> Iterator[str]:
        size = self.size
        if len(self.cost) != size:
            yield f"{size} names but {len(self.cost)} costs"
        for node, pair in enumerate(self.cost):
            if not all(cost is None or _is_cost(cost) for cost in pair):
                yield f"node {node}: costs {pair} are not finite numbers >= 0"
        for at, tensor in enumerate(self.tensors):
            ends = tensor.consumers if tensor.producer is None else (tensor.producer, *tensor.consumers)
            if not all(0 <= node < size for node in ends) or tensor.home not in DEVICES:
                yield f"tensor {at}: nodes {ends} or home {tensor.home} out of range"
            if not all(_is_cost(cost) for cost in tensor.transfer):
                yield f"tensor {at}: costs {tensor.transfer} are not finite numbers >= 0"
        for at, boundary in enumerate(self.boundaries):
            if not (0 <= boundary.first < size and 0 <= boundary.second < size):
                yield f"boundary {at}: nodes {boundary.first}, {boundary.second} out of range"
            if not all(_is_cost(cost) for cost in boundary.cost):
                yield f"boundary {at}: costs {boundary.cost} are not finite numbers >= 0"
        for node, device in self.pins.items():
            if not 0 <= node < size or device not in DEVICES:
                yield f"pin of node {node} to device {device} out of range"
        for group in self.groups:
            if not all(0 <= node < size for node in group):
                yield f"group {group} out of range"
        if self.resident_bytes and (len(self.resident_bytes) != size or min(self.resident_bytes) < 0):
            yield "resident_bytes needs one number >= 0 per node"


class Solution(Struct, frozen=True):
    """An assignment, what it costs, and what is proven about it.

    `memory_price` is the cost per resident byte that gave the lower bound, 0 where the capacity does not bind.
    """

    assignment: Assignment
    objective: float
    lower_bound: float
    proof: str
    method: str
    memory_price: float = 0.0

    @property
    def gap(self) -> float:
        """How far the objective may be above the optimum, as a share of the objective; 0 when proven optimal."""
        return (self.objective - self.lower_bound) / self.objective if self.objective > self.lower_bound else 0.0


OPTIMAL = "optimal for this cost model"


def _is_cost(value: float) -> bool:
    return math.isfinite(value) and value >= 0
