"""The cheapest assignment whose resident bytes fit into device 1's memory: a good one, and a lower bound.

A price per byte turns the limit into a cost, and every price gives a lower bound. The bound is concave and made of
straight lines, one per assignment, so the best price is found where the line of one that fits meets the line of one
that does not: no step size, no tolerance, a dozen minimum cuts. What fits best is then filled up by single moves.

Source: Everett, Generalized Lagrange multiplier method, Operations Research 11, 1963; Handler and Zang, A dual
algorithm for the constrained shortest path problem, Networks 10, 1980.
"""

from collections.abc import Callable, Iterable

from msgspec import Struct

from onnx_roofline.base.errors import UsageError
from onnx_roofline.base.quantities import format_si
from onnx_roofline.placement.solver.network import FREE, Network

# Prices tried at most; the bound is valid after any of them, and a dozen is usual.
PRICE_LIMIT = 64
# Passes of single moves over all variables.
MOVE_PASSES = 4


class Priced(Struct, frozen=True):
    """The best assignment that fits; the lower bound, as cost above the start's; the price of a byte that gave it."""

    values: list[int]
    bound_above_start: float
    tight: bool
    price: float


def solve_within(
    network: Network,
    capacity_bytes: int,
    start: list[int],
    least: Callable[[Network], list[int]],
    candidates: Iterable[list[int]],
) -> Priced:
    """The best assignment found within the capacity; `start` is the optimum without it, which does not fit.

    Raises UsageError when not even the fewest bytes fit.
    """
    # Above the cost of any assignment: with it, a byte less is worth more than everything else.
    dominant = sum(map(abs, network.excess)) + sum(term.to_pim + term.to_gpu for term in network.terms) + 1
    under = least(network.priced(dominant))
    if _bytes(network, under) > capacity_bytes:
        raise UsageError(
            f"device 1: what can only run there keeps {format_si(_bytes(network, under), 'B')}, its memory holds "
            f"{format_si(capacity_bytes, 'B')}; give it more memory or drop a pin"
        )
    over = start
    found = [under]
    bound, scale, best_price = network.cost(start), 1, (0, 1)
    for _ in range(PRICE_LIMIT):
        over_cost, over_bytes = network.cost(over), _bytes(network, over)
        under_cost, under_bytes = network.cost(under), _bytes(network, under)
        price, weight = under_cost - over_cost, over_bytes - under_bytes
        values = least(network.priced(price, weight))
        cost, size = network.cost(values), _bytes(network, values)
        value = weight * cost + price * (size - capacity_bytes)
        if value * scale > bound * weight:
            bound, scale, best_price = value, weight, (price, weight)
        if weight * cost + price * size == weight * over_cost + price * over_bytes:
            break
        if size > capacity_bytes:
            found.append(_fitted(network, values, capacity_bytes))
            over = values
        else:
            found.append(values)
            under = values
            if size == capacity_bytes:
                break
    found.append(_fitted(network, over, capacity_bytes))
    found += [values for values in candidates if _is_allowed(network, values, capacity_bytes)]
    filled = [_filled(network, values, capacity_bytes) for values in sorted(found, key=network.cost)[:8]]
    best = min([*filled, *found], key=network.cost)
    unit = scale << network.shift
    return Priced(
        best,
        (bound - network.cost(start) * scale) / unit,
        network.cost(best) * scale == bound,
        best_price[0] / (best_price[1] << network.shift),
    )


def _bytes(network: Network, values: list[int]) -> int:
    return sum(size for size, value in zip(network.bytes_of, values, strict=True) if value)


def _is_allowed(network: Network, values: list[int], capacity_bytes: int) -> bool:
    kept = all(forced in (FREE, value) for forced, value in zip(network.forced, values, strict=True))
    return kept and _bytes(network, values) <= capacity_bytes


class _Moves:
    """Costs of single moves from an assignment that changes move by move."""

    def __init__(self, network: Network, values: list[int]) -> None:
        self.network = network
        self.values = list(values)
        self.terms_of: list[list[int]] = [[] for _ in values]
        self.ones = [0] * len(network.terms)
        for at, term in enumerate(network.terms):
            self.ones[at] = sum(values[variable] for variable in term.consumers)
            for variable in term.consumers if term.producer is None else (term.producer, *term.consumers):
                self.terms_of[variable].append(at)

    def change(self, variable: int) -> int:
        """What moving a variable to its other device adds to the cost."""
        step = -1 if self.values[variable] else 1
        change = step * self.network.excess[variable]
        for at in self.terms_of[variable]:
            term, ones = self.network.terms[at], self.ones[at]
            source = term.home if term.producer is None else self.values[term.producer]
            is_producer = term.producer == variable
            change -= _term_cost(term.to_pim, term.to_gpu, len(term.consumers), source, ones)
            source, ones = (1 - source, ones) if is_producer else (source, ones + step)
            change += _term_cost(term.to_pim, term.to_gpu, len(term.consumers), source, ones)
        return change

    def move(self, variable: int) -> None:
        step = -1 if self.values[variable] else 1
        for at in self.terms_of[variable]:
            if self.network.terms[at].producer != variable:
                self.ones[at] += step
        self.values[variable] += step

    def movable(self, device: int) -> list[int]:
        """Variables on a device, the best cost per byte first."""
        network = self.network
        movable = [v for v, value in enumerate(self.values) if value == device and network.forced[v] == FREE]
        rated = [(self.change(variable) / (network.bytes_of[variable] or 1), variable) for variable in movable]
        return [variable for _, variable in sorted(rated)]


def _term_cost(to_pim: int, to_gpu: int, consumers: int, source: int, ones: int) -> int:
    if source:
        return to_gpu if ones < consumers else 0
    return to_pim if ones else 0


def _fitted(network: Network, values: list[int], capacity_bytes: int) -> list[int]:
    """Variables moved off device 1, the cheapest per byte first, until the rest fits."""
    moves = _Moves(network, values)
    excess_bytes = _bytes(network, values) - capacity_bytes
    for variable in moves.movable(1):
        if excess_bytes <= 0:
            break
        if network.bytes_of[variable]:
            moves.move(variable)
            excess_bytes -= network.bytes_of[variable]
    return moves.values


def _filled(network: Network, values: list[int], capacity_bytes: int) -> list[int]:
    """Single moves, to either device, that lower the cost and keep within the capacity, until none is left."""
    moves = _Moves(network, values)
    room = capacity_bytes - _bytes(network, values)
    for _ in range(MOVE_PASSES):
        moved = False
        for device in (1, 0):
            for variable in moves.movable(device):
                size = network.bytes_of[variable]
                if (device or size <= room) and moves.change(variable) < 0:
                    moves.move(variable)
                    room += size if device else -size
                    moved = True
        if not moved:
            break
    return moves.values
