"""What a check refuses to judge: dims, trip counts and branches that nobody stated, where they could change the answer.

An assumed dim or trip count is a guess, which may be too low. A trip count by an upper bound makes every total an upper
bound, so a limit that holds holds. The branch with more operations is one for the operations; by another metric the
other branch may be the costlier, so for each limit the most over all choices is compared.
"""

from collections.abc import Callable, Sequence
from fractions import Fraction

from onnx_roofline.analysis.analyze import Analysis
from onnx_roofline.ci.metrics import Value, totals_of
from onnx_roofline.ir.open_records import OpenBodies, dims_of
from onnx_roofline.ir.placed_records import Roofline
from onnx_roofline.ir.records import COUNT_CLASSES, Kernel, Reuse, Traffic, TypedOp, Work, whole
from onnx_roofline.ir.scopes import callees_first, rows_by_scope

# Options that a message gives as an example.
_LISTED = 6
_BYTES = ("naive_bytes", "compulsory_bytes")
# Figures of the placement as a whole, of which nothing bounds another choice.
_OF_THE_PLACEMENT = ("time_s.placement", "time_s.transfers", "energy_j.placement", "energy_j.kernels")
_BY_PLACED_DEVICE = ("time_share.", "kernels_on.")
Cost = int | float | Fraction


def assumed_options(analysis: Analysis) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is assumed (dims, trip counts, branches), and options that would state the first of each."""
    dims = {key: dim for key, dim in dims_of(analysis.model).items() if dim.origin == "assumed" and not dim.is_computed}
    opened = [one for one in analysis.model.whole(OpenBodies).found if one.origin == "assumed"]
    kinds = ["dims"] if dims else []
    kinds += ["trip counts"] if any(one.kind == "trips" for one in opened) else []
    kinds += ["branches"] if any(one.kind == "branch" for one in opened) else []
    examples = [f"--dim {key}={dim.value}" for key, dim in dims.items()][:_LISTED]
    examples += [one.example for one in opened[:_LISTED]]
    return tuple(kinds), tuple(examples)


def assumed_message(kinds: Sequence[str], examples: Sequence[str]) -> str:
    """What is assumed and how to state it.

    >>> assumed_message(("dims", "branches"), ("--dim batch=1", "--branch 0:If.then=1"))
    'found dims and branches that nobody stated; state them, for example --dim batch=1 --branch 0:If.then=1'
    """
    found = ", ".join(kinds[:-1]) + (" and " if len(kinds) > 1 else "") + kinds[-1]
    return f"found {found} that nobody stated; state them, for example {' '.join(examples)}"


def most_of_all_branches(analysis: Analysis) -> tuple[str, dict[str, Value]]:
    """An option that states an open branch, and the most that each metric is over all choices of the open branches.

    Only metrics that another choice can raise are there, with None where nothing bounds them.
    """
    branches = [one for one in analysis.model.whole(OpenBodies).found if one.kind == "branch"]
    if not branches:
        return "", {}
    found = totals_of(analysis)
    most: dict[str, Value] = {}
    for metric, value in found.items():
        if value is None:
            continue
        highest = _most(analysis, metric, value)
        if highest is None or highest > value:
            most[metric] = float(highest) if isinstance(highest, Fraction) else highest
    return branches[0].example, most


def _most(analysis: Analysis, metric: str, reported: Cost) -> Cost | None:
    """The most that a metric is over all choices of the open branches; None where nothing proves one."""
    if metric in _OF_THE_PLACEMENT or metric.startswith(_BY_PLACED_DEVICE):
        # Without kernels in any branch there is nothing to place that a choice could change.
        return reported if not _branches_hold_kernels(analysis) else None
    found = _figures_of(analysis, metric)
    if found is None:
        return reported

    def missing(key: str) -> Cost:
        return int(found(key) is None)

    def value(key: str) -> Cost:
        return found(key) or 0

    # One op without a figure in any branch, and nothing bounds the sum.
    if _total(analysis, missing, most=True):
        return None
    taken, most = _total(analysis, value, most=False), _total(analysis, value, most=True)
    # Where the choice changes nothing the figure is the reported one, rounded as it is.
    return reported if taken == most else most


def _figures_of(analysis: Analysis, metric: str) -> Callable[[str], Cost | None] | None:
    """What one execution of a row adds to a metric, None where it is unknown.

    None for a metric that does not depend on which branch runs.
    """
    model, gpu = analysis.model, analysis.system.gpu.slug
    works, traffics = model.column(Work), model.column(Traffic)
    reuses, roofs = model.column(Reuse), model.column(Roofline)

    def moved(key: str) -> Cost | None:
        if traffics[key].naive_bytes is None:
            return None
        entry = reuses[key].devices.get(gpu)
        return 0 if entry is None else entry.moved_bytes

    if metric == "flops" or metric in COUNT_CLASSES:
        return lambda key: getattr(works[key].counts, metric, None)
    if metric in _BYTES:
        return lambda key: getattr(traffics[key], metric, None)
    if metric == "moved_bytes":
        return moved
    if metric.startswith("time_s."):
        slug = metric.removeprefix("time_s.").removeprefix("devices.")
        return lambda key: roofs[key].devices[slug].total_time_s
    return None


def _total(analysis: Analysis, value: Callable[[str], Cost], *, most: bool) -> Cost:
    """Sum over all executions with the branches that are taken or, with `most`, those where it is the most."""
    return _totals(analysis, value, most=most)[""]


def _totals(analysis: Analysis, value: Callable[[str], Cost], *, most: bool) -> dict[str, Cost]:
    """The sum over one run of each scope."""
    rows = analysis.model.column(TypedOp)
    taken = {one.key: f"{one.taken}_branch" for one in analysis.model.whole(OpenBodies).found if one.kind == "branch"}
    members = rows_by_scope(rows)
    sums: dict[str, Cost] = {}
    for scope in callees_first(rows, members):
        here: Cost = 0
        for key in members.get(scope, ()):
            here += value(key)
            opened = [body for body in rows[key].bodies if body.repeat is None]
            if opened:
                chosen = opened if most else [body for body in opened if body.attribute == taken.get(key)]
                here += max((sums[body.scope] for body in chosen), default=0)
            here += sum(whole(body.repeat) * sums[body.scope] for body in rows[key].bodies if body.repeat is not None)
        sums[scope] = here if isinstance(here, float) else whole(here)
    return sums


def _branches_hold_kernels(analysis: Analysis) -> bool:
    kernels = analysis.model.column(Kernel)
    sums = _totals(analysis, lambda key: int(kernels[key].id == key), most=True)
    return any(
        body.repeat is None and sums[body.scope]
        for row in analysis.model.column(TypedOp).values()
        for body in row.bodies
    )
