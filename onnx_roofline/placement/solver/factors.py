"""The terms that are left as small tables over the free variables.

A term with up to two free consumers is a table over them and the producer. One with more gets a variable of its own per
direction, "the value is on device 1" and "nothing reads it on device 0", which every consumer is tied to: the gadget of
the minimum cut, so that a mask that hundreds of ops read costs hundreds of pairs and not one huge table.

Every table is submodular: f(1, 1) + f(0, 0) <= f(1, 0) + f(0, 1) for each pair of its variables.
"""

from msgspec import Struct, field

from onnx_roofline.placement.solver.network import FREE, Term
from onnx_roofline.placement.solver.reduction import Reduction, TermState


class Factors(Struct):
    """Variables 0 to n - 1, the first of them those in `variables`, the others helpers.

    `excess[v]` is the cost of 1 over 0; `pairs[a, b]` costs what it says when a is 0 and b is 1; `triples` are
    (producer, consumer, consumer, to_pim, to_gpu). `penalty` is above the cost of any assignment.
    """

    variables: list[int]
    excess: list[int]
    penalty: int
    pairs: dict[tuple[int, int], int] = field(default_factory=dict)
    triples: list[tuple[int, int, int, int, int]] = field(default_factory=list)

    def add_pair(self, zero: int, one: int, cost: int) -> None:
        """Add a cost of `zero` being 0 while `one` is 1."""
        if cost:
            self.pairs[zero, one] = self.pairs.get((zero, one), 0) + cost

    def add_helper(self) -> int:
        """A new variable without costs."""
        self.excess.append(0)
        return len(self.excess) - 1

    def add_any(self, consumers: list[int], cost: int) -> int:
        """A variable that is 1 when any consumer is 1; it costs `cost` unless the caller ties it to a producer."""
        helper = self.add_helper()
        self.excess[helper] = cost
        for consumer in consumers:
            self.add_pair(helper, consumer, self.penalty)
        return helper

    def add_all(self, consumers: list[int], cost: int) -> int:
        """A variable that can be 1 only when all consumers are 1; it costs `cost` to be 0."""
        helper = self.add_helper()
        self.excess[helper] = -cost
        for consumer in consumers:
            self.add_pair(consumer, helper, self.penalty)
        return helper


def factors_of(reduction: Reduction) -> Factors:
    """The factors over the variables that a reduction left free."""
    network = reduction.network
    variables = [variable for variable, device in enumerate(reduction.value) if device == FREE]
    local = {variable: at for at, variable in enumerate(variables)}
    total = sum(abs(cost) for cost in network.excess) + sum(term.to_pim + term.to_gpu for term in network.terms)
    factors = Factors(variables, [network.excess[variable] for variable in variables], total + 1)
    for term, state in zip(network.terms, reduction.states, strict=True):
        if state.producer == FREE or state.free:
            consumers = [local[variable] for variable in term.consumers if reduction.value[variable] == FREE]
            producer = None if term.producer is None or state.producer != FREE else local[term.producer]
            _add_term(factors, term, state, producer, consumers)
    return factors


def _add_term(factors: Factors, term: Term, state: TermState, producer: int | None, consumers: list[int]) -> None:
    some_on_gpu, some_on_pim = state.has & 1, state.has & 2
    if producer is None:
        if state.producer == 0 and not some_on_pim:
            _add_any(factors, consumers, term.to_pim)
        if state.producer == 1 and not some_on_gpu:
            _add_all(factors, consumers, term.to_gpu)
        return
    to_pim, to_gpu = term.to_pim, term.to_gpu
    if some_on_pim:  # paid whenever the producer is on 0
        factors.excess[producer] -= to_pim
        to_pim = 0
    if some_on_gpu:
        factors.excess[producer] += to_gpu
        to_gpu = 0
    if len(consumers) == 1:
        factors.add_pair(producer, consumers[0], to_pim)
        factors.add_pair(consumers[0], producer, to_gpu)
    elif len(consumers) == 2 and (to_pim or to_gpu):
        factors.triples.append((producer, consumers[0], consumers[1], to_pim, to_gpu))
    elif consumers:
        if to_pim:
            factors.add_pair(producer, factors.add_any(consumers, 0), to_pim)
        if to_gpu:
            factors.add_pair(factors.add_all(consumers, 0), producer, to_gpu)


def _add_any(factors: Factors, consumers: list[int], cost: int) -> None:
    """Pay `cost` when any consumer is 1."""
    if not cost or not consumers:
        return
    if len(consumers) > 2:
        factors.add_any(consumers, cost)
        return
    factors.excess[consumers[0]] += cost
    if len(consumers) == 2:
        factors.add_pair(consumers[0], consumers[1], cost)


def _add_all(factors: Factors, consumers: list[int], cost: int) -> None:
    """Pay `cost` unless all consumers are 1."""
    if not cost or not consumers:
        return
    if len(consumers) > 2:
        factors.add_all(consumers, cost)
        return
    factors.excess[consumers[0]] -= cost
    if len(consumers) == 2:
        factors.add_pair(consumers[1], consumers[0], cost)


def triple_table(to_pim: int, to_gpu: int) -> list[int]:
    """Table of a producer (bit 0) and two consumers (bits 1 and 2)."""
    return [0, to_gpu, to_pim, to_gpu, to_pim, to_gpu, to_pim, 0]
