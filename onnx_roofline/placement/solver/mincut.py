"""The core that elimination leaves, as a minimum cut.

The source side is device 0, the sink side device 1. A cost of u on 0 and v on 1 is an arc u -> v; the excess of device
1 is an arc source -> v, that of device 0 an arc v -> sink. Tables of three variables or more are taken apart again: an
original triple into the gadget of its tensor, a message by putting its variable back. Capacities are whole numbers, so
the cut is exact, and the smallest sink side is taken, so it does not depend on the order of anything.

Source: Kolmogorov and Zabih, What energy functions can be minimized via graph cuts?, PAMI 26, 2004; Picard and Ratliff,
Minimum cuts and related problems, Networks 5, 1975.
"""

from msgspec import Struct, field

from onnx_roofline.placement.solver.elimination import Elimination, Table

SOURCE, SINK = -1, -2


class Core(Struct):
    """Arcs over the variables of the core and helpers, which have numbers from `helper` on.

    `messages` are the tables in it that eliminated variables outside the core have left.
    """

    helper: int
    penalty: int
    variables: set[int]
    excess: dict[int, int]
    messages: list[Table] = field(default_factory=list)
    arcs: dict[tuple[int, int], int] = field(default_factory=dict)

    def add_arc(self, zero: int, one: int, cost: int) -> None:
        """Add a cost of `zero` on 0 and `one` on 1."""
        if cost:
            self.arcs[zero, one] = self.arcs.get((zero, one), 0) + cost

    def add_table(self, table: Table) -> None:
        """Add a table of one or two variables, up to a constant."""
        costs = table.costs
        first = table.scope[0]
        self.excess[first] += costs[1] - costs[0]
        if len(table.scope) == 2:
            second = table.scope[1]
            self.excess[second] += costs[3] - costs[1]
            self.add_arc(first, second, costs[1] + costs[2] - costs[0] - costs[3])

    def add_triple(self, origin: tuple[int, int, int, int, int]) -> None:
        """Add a tensor with two consumers by a helper for each direction."""
        producer, *consumers = origin[:3]
        to_pim, to_gpu = origin[3:]
        some_on_pim, none_on_gpu = self.helper, self.helper + 1
        self.helper += 2
        self.add_arc(producer, some_on_pim, to_pim)
        self.add_arc(none_on_gpu, producer, to_gpu)
        for consumer in consumers:
            self.add_arc(some_on_pim, consumer, self.penalty)
            self.add_arc(consumer, none_on_gpu, self.penalty)


def core_of(elimination: Elimination, penalty: int) -> Core:
    """The arcs of what is left, with the variables of wide messages put back."""
    buckets = {bucket.variable: bucket for bucket in elimination.buckets}
    core = Core(len(elimination.excess), penalty, set(elimination.left), {})
    core.excess = {variable: elimination.excess[variable] for variable in sorted(elimination.left)}
    stack = list(elimination.alive)
    while stack:
        table = stack.pop()
        if len(table.scope) <= 2:
            core.add_table(table)
            core.messages += [table] if table.source is not None else []
        elif table.origin is not None:
            core.add_triple(table.origin)
        else:
            assert table.source is not None
            variable = table.source
            core.variables.add(variable)
            core.excess[variable] = core.excess.get(variable, 0) + elimination.excess[variable]
            stack += buckets[variable].tables
    return core


def cut(core: Core) -> dict[int, int]:
    """Value of each variable of the core in the minimum cut with the fewest variables on device 1."""
    residual = residual_of(core)
    reaching = {SINK}
    stack = [SINK]
    while stack:
        node = stack.pop()
        for other in residual[node]:
            if other not in reaching and residual[other][node]:
                reaching.add(other)
                stack.append(other)
    return {variable: int(variable in reaching) for variable in core.variables}


def residual_of(core: Core) -> dict[int, dict[int, int]]:
    """What a maximum flow leaves of each arc; every arc and its reverse have an entry."""
    import networkx as nx  # a tenth of a second, and most models never get here
    from networkx.algorithms.flow import preflow_push

    graph = nx.DiGraph()
    graph.add_nodes_from((SOURCE, SINK, *sorted(core.variables)))
    for variable, excess in core.excess.items():
        if excess > 0:
            graph.add_edge(SOURCE, variable, capacity=excess)
        elif excess < 0:
            graph.add_edge(variable, SINK, capacity=-excess)
    for (zero, one), capacity in core.arcs.items():
        graph.add_edge(zero, one, capacity=capacity)
    flow = preflow_push(graph, SOURCE, SINK)
    return {
        node: {other: arc["capacity"] - arc["flow"] for other, arc in around.items()}
        for node, around in flow.adjacency()
    }
