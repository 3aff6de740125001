"""Executions: how often every row runs in one run of the model, over all loops, branches and calls.

A function that is called from many places is one scope; its executions are the sum over its calls, so a chain of
functions that each call the next one twice costs one visit a function.
"""

from collections.abc import Mapping
from fractions import Fraction
from typing import ClassVar

from msgspec import Struct

from onnx_roofline.base.errors import ShapeError
from onnx_roofline.ir.graph import Model, Notice
from onnx_roofline.ir.open_records import OpenBodies, OpenBody
from onnx_roofline.ir.pipeline import PassResult
from onnx_roofline.ir.records import Body, Executions, Traffic, TypedOp, Work, whole
from onnx_roofline.ir.scopes import callees_first, rows_by_scope

Cost = int | Fraction
# (operations, bytes) of one run of a scope.
Costs = dict[str, tuple[Cost, Cost]]

# Notices about loops and branches of which nobody says how often they run; the others are only counted.
SHOWN_BODIES = 20
# Runs of one op above which products with its figures would leave the range of floating-point numbers.
MOST_EXECUTIONS = 10**100
# How sure a count is, surest first; a row is as sure as the least sure step that leads to it.
_ORIGINS = ("exact", "bound", "data", "assumed")


class CountExecutions(Struct, frozen=True):
    """Of an If whose condition is open and for which nothing is said, the branch with more operations runs.

    That is an upper bound of the operations, origin `data`, unless the costs of a branch are unknown or assumed.
    """

    name: ClassVar[str] = "executions"
    requires: ClassVar[tuple[type, ...]] = (TypedOp, Work, Traffic)
    produces: ClassVar[type] = Executions

    def run(self, model: Model) -> PassResult:
        """An Executions for every row, and an OpenBodies for the whole model."""
        rows = model.column(TypedOp)
        members = rows_by_scope(rows)
        order = callees_first(rows, members)
        costs, unsure = _scope_costs(model, members, order), _unsure_scopes(model, members, order)
        counts: dict[str, Executions] = {"": Executions(1)}
        reached = {""}
        found: list[OpenBody] = []
        for scope in reversed(order):
            here = counts.get(scope, Executions(0))
            for key in members.get(scope, ()):
                siblings = rows[key].bodies
                opened = _open_body(key, rows[key], costs, unsure)
                if opened is not None and scope in reached:
                    found.append(opened)
                for body in siblings:
                    share = _repeat(body, siblings, costs)
                    before = counts.get(body.scope, Executions(0))
                    own = body.origin if opened is None else opened.origin
                    origin = max(here.origin, own, before.origin, key=_ORIGINS.index)
                    counts[body.scope] = Executions(whole(before.count + here.count * share), origin)
                    if counts[body.scope].count > MOST_EXECUTIONS:
                        where = f"{model.info.path}: node {key}: {body.attribute}"
                        raise ShapeError(f"{where}: found more than 10**100 runs of it in one run, wanted fewer")
                    if scope in reached and body.repeat != 0:
                        reached.add(body.scope)
        nowhere = Executions(0)
        return PassResult(
            {key: counts.get(row.scope, nowhere) for key, row in rows.items()},
            _notices(found),
            (OpenBodies(tuple(found)),),
        )


def _open_body(key: str, row: TypedOp, costs: Costs, unsure: set[str]) -> OpenBody | None:
    """What is taken for an op whose bodies run nobody says how often; None for any other op."""
    if not row.bodies:
        return None
    first = row.bodies[0]
    if first.repeat is not None and (first.origin in ("exact", "bound") or first.follows):
        return None
    if first.repeat is not None and not first.is_branch:
        return OpenBody(key, "trips", str(first.repeat), first.origin)
    taken = max(row.bodies, key=lambda body: _repeat(body, row.bodies, costs)).attribute
    rests = first.origin == "assumed" or any(body.scope in unsure for body in row.bodies)
    origin = "assumed" if rests else first.origin
    return OpenBody(key, "branch" if first.is_branch else "trips", taken.removesuffix("_branch"), origin)


def _notices(found: list[OpenBody]) -> tuple[Notice, ...]:
    notices = [Notice(_code(one), one.key, f"{_sentence(one)}; {one.option} states it") for one in found]
    left_out = len(found) - SHOWN_BODIES
    if left_out > 0:
        text = f"{left_out} more loops or branches of which nobody says how often they run"
        notices[SHOWN_BODIES:] = [Notice("open-bodies", "", text)]
    return tuple(notices)


def _code(one: OpenBody) -> str:
    return f"{'bounded' if one.origin == 'data' else 'assumed'}-{one.kind}"


def _sentence(one: OpenBody) -> str:
    if one.kind == "branch" and one.origin == "data":
        return f"its condition depends on data: {one.taken}_branch is counted, which has the most operations"
    if one.kind == "branch":
        return f"its condition depends on data and no branch is sure to be the costlier: {one.taken}_branch is assumed"
    if one.origin == "data":
        return f"data decides how often its body runs: {one.taken} is counted, an upper bound"
    return f"nothing says how often its body runs: {one.taken} is assumed"


def _unsure_scopes(model: Model, members: Mapping[str, list[str]], order: list[str]) -> set[str]:
    """Scopes whose operations are no upper bound: an op is unknown, or a trip count is assumed."""
    rows, works = model.column(TypedOp), model.column(Work)
    unsure: set[str] = set()
    for scope in order:
        for key in members.get(scope, ()):
            runs = [body for body in rows[key].bodies if body.repeat != 0]
            if works[key].counts is None or any(body.origin == "assumed" or body.scope in unsure for body in runs):
                unsure.add(scope)
                break
    return unsure


def _scope_costs(model: Model, members: Mapping[str, list[str]], order: list[str]) -> Costs:
    """(operations, bytes) of one run of each scope, with what it runs; what is unknown counts as nothing here."""
    rows, works, traffics = model.column(TypedOp), model.column(Work), model.column(Traffic)
    costs: Costs = {}
    for scope in order:
        operations: Cost = 0
        moved: Cost = 0
        # Ops that are alike share their counts.
        known: dict[int, int] = {}
        for key in members.get(scope, ()):
            counts = works[key].counts
            if counts is not None:
                each = known.get(id(counts))
                if each is None:
                    each = known[id(counts)] = counts.operations
                operations += each
            moved += traffics[key].naive_bytes or 0
            for body in rows[key].bodies:
                share = _repeat(body, rows[key].bodies, costs)
                inner = costs.get(body.scope, (0, 0))
                operations, moved = operations + share * inner[0], moved + share * inner[1]
        costs[scope] = whole(operations), whole(moved)
    return costs


def _repeat(body: Body, siblings: tuple[Body, ...], costs: Costs) -> Cost:
    """How often a body runs per run of its op; of open branches the costlier one runs, the first of equals."""
    if body.repeat is not None:
        return whole(body.repeat)
    nothing: tuple[Cost, Cost] = (0, 0)
    chosen = max(siblings, key=lambda sibling: costs.get(sibling.scope, nothing))
    return int(body is chosen)
