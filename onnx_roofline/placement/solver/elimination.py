"""The exact minimum of a sum of small tables: variables are eliminated one by one, those with few neighbours first.

Eliminating a variable replaces the tables that hold it by one table over its neighbours: the least cost of the variable
for each of their choices. Chains, residual blocks and attention keep the tables at a few variables. Where the narrowest
variable is still too wide, elimination stops and leaves a core for the minimum cut.

Source: Bertele and Brioschi, Nonserial Dynamic Programming, 1972; Dechter, Bucket elimination, Artificial Intelligence
113, 1999. The order is the minimum-degree order of Rose, 1972.
"""

import heapq

from msgspec import Struct, field

from onnx_roofline.placement.solver.factors import Factors, triple_table

# Neighbours of an eliminated variable at most: tables of 2**12 whole numbers.
WIDTH_LIMIT = 12
# Table entries computed at most, about a second's work, and as many again per variable of the problem.
ENTRY_BUDGET = 2**21
ENTRIES_PER_VARIABLE = 256


class Table(Struct):
    """Costs of the choices of a few variables: entry i holds bit j of i for variable `scope[j]`.

    `source` is the eliminated variable that left the table, None for an original one; `origin` is an original triple.
    """

    scope: tuple[int, ...]
    costs: list[int]
    source: int | None = None
    origin: tuple[int, int, int, int, int] | None = None


class Bucket(Struct):
    """An eliminated variable: its neighbours at that time, the tables that held it, its choice for each of theirs."""

    variable: int
    scope: tuple[int, ...]
    tables: list[Table]
    choice: bytes


class Elimination(Struct):
    """Buckets in the order of elimination, and what is left: `alive` tables over `left` variables."""

    excess: list[int]
    buckets: list[Bucket] = field(default_factory=list)
    left: set[int] = field(default_factory=set)
    alive: list[Table] = field(default_factory=list)


def eliminate(factors: Factors, width: int = WIDTH_LIMIT) -> Elimination:
    """Eliminate variables while tables over `width` neighbours and the budget of entries suffice."""
    holding: list[dict[int, Table]] = [{} for _ in factors.excess]
    neighbours: list[set[int]] = [set() for _ in factors.excess]
    for at, table in enumerate(_original_tables(factors)):
        for variable in table.scope:
            holding[variable][at] = table
            neighbours[variable].update(table.scope)
    for variable, around in enumerate(neighbours):
        around.discard(variable)
    result = Elimination(factors.excess)
    heap = [(len(around), variable) for variable, around in enumerate(neighbours)]
    heapq.heapify(heap)
    done = bytearray(len(heap))
    budget = ENTRY_BUDGET + ENTRIES_PER_VARIABLE * len(heap)
    number = sum(map(len, holding))  # above any table's number
    while heap:
        degree, variable = heapq.heappop(heap)
        if done[variable] or degree != len(neighbours[variable]):
            continue
        budget -= len(holding[variable]) << degree
        if degree > width or budget < 0:
            break
        done[variable] = 1
        scope = tuple(sorted(neighbours[variable]))
        tables = list(holding[variable].values())
        for at, table in holding[variable].items():
            for other in table.scope:
                if other != variable:
                    del holding[other][at]
        zero, one = bucket_costs(variable, scope, tables, factors.excess[variable])
        # A tie goes to 0.
        result.buckets.append(Bucket(variable, scope, tables, bytes([b < a for a, b in zip(zero, one, strict=True)])))
        if scope:
            message = Table(scope, list(map(min, zero, one)), variable)
            number += 1
            for other in scope:
                holding[other][number] = message
                around = neighbours[other]
                around.update(scope)
                around.discard(variable)
                around.discard(other)
                heapq.heappush(heap, (len(around), other))
    result.left = {variable for variable, flag in enumerate(done) if not flag}
    alive = {at: table for variable in sorted(result.left) for at, table in holding[variable].items()}
    result.alive = list(alive.values())
    return result


def bucket_costs(
    variable: int, scope: tuple[int, ...], tables: list[Table], excess: int
) -> tuple[list[int], list[int]]:
    """Sum of the tables for each choice of `scope`, with the variable at 0 and at 1."""
    zero, one = [0] * (1 << len(scope)), [excess] * (1 << len(scope))
    for table in tables:
        costs = table.costs
        bit, index = positions(table.scope, variable, scope)
        zero = [cost + costs[at] for cost, at in zip(zero, index, strict=True)]
        one = [cost + costs[at + bit] for cost, at in zip(one, index, strict=True)]
    return zero, one


def positions(inner: tuple[int, ...], variable: int, scope: tuple[int, ...]) -> tuple[int, list[int]]:
    """Bit of a variable in a table over `inner`, and the entry for each choice of `scope` with the variable at 0."""
    bits = {member: 1 << at for at, member in enumerate(inner)}
    index = [0]
    for member in scope:
        bit = bits.get(member, 0)
        index += [at + bit for at in index] if bit else index
    return bits.get(variable, 0), index


def choose(result: Elimination, values: list[int], skipped: set[int]) -> None:
    """Fill in the values of the eliminated variables, the last first, from those of their neighbours."""
    for bucket in reversed(result.buckets):
        if bucket.variable not in skipped:
            index = sum(values[other] << at for at, other in enumerate(bucket.scope))
            values[bucket.variable] = bucket.choice[index]


def marginals(result: Elimination, rest: dict[int, list[int]], core: set[int]) -> dict[int, tuple[int, int]]:
    """Least total cost with each eliminated variable at 0 and at 1, up to one constant per connected part.

    Messages go back from the last bucket to the first: what is left of a bucket's total without the table that one
    variable sent is the least cost of everything else for that table's choices. `rest` has it for variables whose table
    went into the core; those for which it is missing are left out, and so are the variables of the core.
    """
    found: dict[int, tuple[int, int]] = {}
    for bucket in reversed(result.buckets):
        variable, scope = bucket.variable, bucket.scope
        outside = rest.pop(variable, None)
        if variable in core or (scope and outside is None):
            continue
        zero, one = bucket_costs(variable, scope, bucket.tables, result.excess[variable])
        if outside is not None:
            zero = [cost + more for cost, more in zip(zero, outside, strict=True)]
            one = [cost + more for cost, more in zip(one, outside, strict=True)]
        found[variable] = (min(zero), min(one))
        for table in bucket.tables:
            if table.source is not None:
                bit, index = positions(table.scope, variable, scope)
                rest[table.source] = _without(table.costs, bit, index, zero, one)
    return found


def _without(costs: list[int], bit: int, index: list[int], zero: list[int], one: list[int]) -> list[int]:
    """Least of a bucket's totals for each choice of a table's variables, less the table itself."""
    best: list[int | None] = [None] * len(costs)
    for totals, shift in ((zero, 0), (one, bit)):
        for at, total in zip(index, totals, strict=True):
            least = best[at + shift]
            if least is None or total < least:
                best[at + shift] = total
    return [(least or 0) - cost for least, cost in zip(best, costs, strict=True)]


def _original_tables(factors: Factors) -> list[Table]:
    tables = []
    for (zero, one), cost in factors.pairs.items():
        if (one, zero) not in factors.pairs:
            tables.append(Table((zero, one), [0, 0, cost, 0]))
        elif zero < one:
            tables.append(Table((zero, one), [0, factors.pairs[one, zero], cost, 0]))
    for origin in factors.triples:
        tables.append(Table(origin[:3], triple_table(*origin[3:]), origin=origin))
    return tables
