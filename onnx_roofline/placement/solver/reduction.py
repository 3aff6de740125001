"""What is decided before any search: forced variables, and variables whose own gain outweighs all transfers.

The cost of putting a variable on device 1 in place of device 0 lies in an interval that depends on its neighbours. When
the interval lies on one side of zero the choice is made, which narrows the intervals of the neighbours. A term changes
at most four times, so all of it is linear in the size of the network.
"""

from collections import deque

from msgspec import Struct

from onnx_roofline.placement.solver.network import FREE, Network, Term


class TermState(Struct):
    """What is known of a term's ends: the producer's device, devices that some consumer has (bits), free consumers."""

    producer: int
    has: int
    free: int


class Reduction:
    """`value[v]` is a variable's device, or FREE where a search has to decide; `states` belong to the terms."""

    def __init__(self, network: Network, dominance: bool) -> None:
        self.network, self.dominance = network, dominance
        self.value: list[int] = list(network.forced)
        self.states = [_first_state(term) for term in network.terms]
        self._low, self._high = list(network.excess), list(network.excess)
        self._terms_of: list[list[int]] = [[] for _ in network.excess]
        self._queue: deque[int] = deque(variable for variable, device in enumerate(network.forced) if device != FREE)
        for at, term in enumerate(network.terms):
            if term.producer is not None:
                self._terms_of[term.producer].append(at)
            for variable in term.consumers:
                self._terms_of[variable].append(at)
            self._widen(term, (0, 0, 0, 0), _ranges(term, self.states[at]))
        for variable in range(len(network.excess)):
            self._decide(variable)
        while self._queue:
            self._propagate(self._queue.popleft())

    def _propagate(self, variable: int) -> None:
        device = self.value[variable]
        for at in self._terms_of[variable]:
            term, state = self.network.terms[at], self.states[at]
            old = _ranges(term, state)
            if term.producer == variable:
                state.producer = device
            else:
                state.has |= 1 << device
                state.free -= 1
            new = _ranges(term, state)
            if new == old:
                continue
            self._widen(term, old, new)
            if term.producer is not None and new[:2] != old[:2]:
                self._decide(term.producer)
            if new[2:] != old[2:]:
                for consumer in term.consumers:
                    self._decide(consumer)

    def _widen(self, term: Term, old: tuple[int, int, int, int], new: tuple[int, int, int, int]) -> None:
        low, high = self._low, self._high
        if term.producer is not None:
            low[term.producer] += new[0] - old[0]
            high[term.producer] += new[1] - old[1]
        by_low, by_high = new[2] - old[2], new[3] - old[3]
        if by_low or by_high:
            for variable in term.consumers:
                low[variable] += by_low
                high[variable] += by_high

    def _decide(self, variable: int) -> None:
        """Ties go to device 0, so that the result is the optimum with the fewest variables on device 1."""
        if not self.dominance or self.value[variable] != FREE:
            return
        if self._low[variable] >= 0:
            self.value[variable] = 0
        elif self._high[variable] < 0:
            self.value[variable] = 1
        else:
            return
        self._queue.append(variable)


def _first_state(term: Term) -> TermState:
    return TermState(term.home if term.producer is None else FREE, 0, len(term.consumers))


def _ranges(term: Term, state: TermState) -> tuple[int, int, int, int]:
    """Least and greatest cost of moving the producer, and a free consumer, from device 0 to device 1."""
    to_pim, to_gpu = term.to_pim, term.to_gpu
    on_gpu, on_pim, free = state.has & 1, state.has & 2, state.free
    if state.producer == 0:
        high = 0 if on_pim else to_pim
        return 0, 0, high if free == 1 else 0, high
    if state.producer == 1:
        low = 0 if on_gpu else -to_gpu
        return 0, 0, low, low if free == 1 else 0
    return (
        (to_gpu if on_gpu else 0) - (to_pim if on_pim or free else 0),
        (to_gpu if on_gpu or free else 0) - (to_pim if on_pim else 0),
        0 if on_gpu else -to_gpu,
        0 if on_pim else to_pim,
    )
