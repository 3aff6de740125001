"""Executions: how often every row runs in one run of the model, over all loops, branches and calls.

A function that is called from many places is one scope; its executions are the sum over its calls, so a chain of
functions that each call the next one twice costs one visit a function.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

from onnx_roofline.errors import ShapeError
from onnx_roofline.graph import Model
from onnx_roofline.pipeline import PassResult
from onnx_roofline.records import Body, Executions, Traffic, TypedOp, Work, whole

Cost = int | Fraction

# Runs of one op above which products with its figures would leave the range of floating-point numbers.
MOST_EXECUTIONS = 10**100
# How sure a count is, surest first; a row is as sure as the least sure step that leads to it.
_ORIGINS = ("exact", "bound", "data", "assumed")


@dataclass(frozen=True)
class CountExecutions:
    """An If whose condition is open and for which nothing is said takes its costlier branch, labelled `assumed`."""

    name: ClassVar[str] = "executions"
    requires: ClassVar[tuple[type, ...]] = (TypedOp, Work, Traffic)
    produces: ClassVar[type] = Executions

    def run(self, model: Model) -> PassResult:
        """An Executions for every row."""
        rows = model.column(TypedOp)
        members: dict[str, list[str]] = {"": []}
        for key, row in rows.items():
            members.setdefault(row.scope, []).append(key)
        order = _callees_first(rows, members)
        costs = _scope_costs(model, members, order)
        counts: dict[str, Executions] = {"": Executions(1)}
        for scope in reversed(order):
            here = counts.get(scope, Executions(0))
            for key in members.get(scope, ()):
                for body in rows[key].bodies:
                    share = _repeat(body, rows[key].bodies, costs)
                    before = counts.get(body.scope, Executions(0))
                    origin = max(here.origin, body.origin, before.origin, key=_ORIGINS.index)
                    counts[body.scope] = Executions(whole(before.count + here.count * share), origin)
                    if counts[body.scope].count > MOST_EXECUTIONS:
                        where = f"{model.info.path}: node {key}: {body.attribute}"
                        raise ShapeError(f"{where}: found more than 10**100 runs of it in one run, wanted fewer")
        nowhere = Executions(0)
        return PassResult({key: counts.get(row.scope, nowhere) for key, row in rows.items()})


def _callees_first(rows: Mapping[str, TypedOp], members: dict[str, list[str]]) -> list[str]:
    """Scopes with every scope after those it runs; the main graph is last."""
    order: list[str] = []
    done: set[str] = set()
    pending: list[tuple[str, bool]] = [("", False)]
    while pending:
        scope, is_expanded = pending.pop()
        if is_expanded:
            order.append(scope)
            continue
        if scope in done:
            continue
        done.add(scope)
        pending.append((scope, True))
        pending.extend(
            (body.scope, False) for key in members.get(scope, ()) for body in rows[key].bodies if body.scope not in done
        )
    return order


def _scope_costs(model: Model, members: dict[str, list[str]], order: list[str]) -> dict[str, tuple[Cost, Cost]]:
    """(operations, bytes) of one run of each scope, with what it runs; what is unknown counts as nothing here."""
    rows, works, traffics = model.column(TypedOp), model.column(Work), model.column(Traffic)
    costs: dict[str, tuple[Cost, Cost]] = {}
    for scope in order:
        operations: Cost = 0
        moved: Cost = 0
        for key in members.get(scope, ()):
            counts = works[key].counts
            operations += 0 if counts is None else counts.operations
            moved += traffics[key].naive_bytes or 0
            for body in rows[key].bodies:
                share = _repeat(body, rows[key].bodies, costs)
                inner = costs.get(body.scope, (0, 0))
                operations, moved = operations + share * inner[0], moved + share * inner[1]
        costs[scope] = operations, moved
    return costs


def _repeat(body: Body, siblings: tuple[Body, ...], costs: dict[str, tuple[Cost, Cost]]) -> Cost:
    """How often a body runs per run of its op; of open branches the costlier one runs, the first of equals."""
    if body.repeat is not None:
        return whole(body.repeat)
    nothing: tuple[Cost, Cost] = (0, 0)
    chosen = max(siblings, key=lambda sibling: costs.get(sibling.scope, nothing))
    return int(body is chosen)
