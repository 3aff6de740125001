"""Totals, coverage and roll-ups over all rows, each times its executions."""

from collections import Counter
from collections.abc import Mapping
from fractions import Fraction
from typing import TYPE_CHECKING

from msgspec import Struct

from onnx_roofline.analysis.caches import CacheSummary, summarize_caches
from onnx_roofline.analysis.weights import Weights, find_weights
from onnx_roofline.ir.graph import Model, op_reads
from onnx_roofline.ir.placed_records import Placement, PlacementSummary, Roofline
from onnx_roofline.ir.records import (
    COUNT_CLASSES,
    STATUSES,
    Counts,
    Executions,
    Kernel,
    Moved,
    PeakActivations,
    Reuse,
    Traffic,
    TypedOp,
    Work,
    op_status,
    whole,
)

if TYPE_CHECKING:
    from onnx_roofline.hardware import System


class Group(Struct, frozen=True):
    """A roll-up: ops of one type or module. `time_s` is that of the placement.

    Sums are over what is known; `unknown_ops`, `unknown_bytes_ops` and `untimed_kernels` say how many ops that run are
    missing from the counts, from the bytes, and (kernels, at their roots) from the time. `parameters` and
    `weight_bytes` are of the weights that the ops read, each once; `weight_readers` are the rows of those ops.
    """

    name: str
    ops: int
    macs: int
    flops: int
    operations: int
    naive_bytes: int
    time_s: float
    unknown_ops: int
    unknown_bytes_ops: int = 0
    untimed_kernels: int = 0
    parameters: int = 0
    weight_bytes: int | None = 0
    weight_readers: tuple[str, ...] = ()


class WholeTime(Struct, frozen=True):
    """Seconds of the whole model in one place: of the kernels with a time there, and how many that run have none."""

    known_s: float
    untimed_kernels: int

    @property
    def time_s(self) -> float | None:
        """Seconds of all kernels that run; None where one of them has no time."""
        return None if self.untimed_kernels else self.known_s


class Summary(Struct, frozen=True):
    """What holds for the whole model in one run of it.

    `status_counts` are by `op_status`, `unknown_op_types` the types of ops that it calls unknown; `uncounted_op_types`
    are those among them whose counts are unknown, of the others only the bytes are. Sums are over what is known;
    `unknown_counts_ops` and `unknown_bytes_ops` say how many ops that run are missing from them. `times_alone` are by
    device, all kernels there, by the plain roofline; `time_placed` is that of the kernels where they are placed, with
    transfers, under the placement's time model.
    """

    ops: int
    status_counts: Mapping[str, int]
    unknown_op_types: tuple[str, ...]
    uncounted_op_types: tuple[str, ...]
    unknown_bytes_share: float | None
    unknown_counts_ops: int
    unknown_bytes_ops: int
    counts: Counts
    naive_bytes: int
    compulsory_bytes: int
    moved: Mapping[str, Moved]
    kernels: int
    parameters: int
    weight_bytes: int | None
    peak_activation_bytes: int | None
    sequential_steps: int
    times_alone: Mapping[str, WholeTime]
    time_placed: WholeTime
    unsupported_ops: Mapping[str, int]
    by_type: tuple[Group, ...]
    by_module: tuple[Group, ...]
    weights: Weights
    caches: CacheSummary

    @property
    def unknown_ops(self) -> int:
        """Ops whose counts or bytes are unknown, whether they run or not."""
        return self.status_counts["unknown"]


def summarize(model: Model, system: "System") -> Summary:
    """The Summary of a model that all passes have run on."""
    rows, works, traffics = model.column(TypedOp), model.column(Work), model.column(Traffic)
    executions = model.column(Executions)
    status_of = {key: op_status(work, traffics[key], executions[key]) for key, work in works.items()}
    statuses = Counter(status_of.values())
    unknown = [key for key, status in status_of.items() if status == "unknown"]
    sums: dict[str, int | Fraction] = dict.fromkeys(COUNT_CLASSES, 0)
    known_bytes: int | Fraction = 0
    compulsory_bytes: int | Fraction = 0
    # Ops of one class share their work: its counts are summed once, by how often they run together.
    runs: dict[int, int | Fraction] = {}
    counted: dict[int, Counts] = {}
    unknown_bytes: int | Fraction = 0
    uncounted = unsized = 0
    for key, work in works.items():
        count = executions[key].count
        if not count:
            continue
        if work.counts is None:
            uncounted += 1
        else:
            counted[id(work.counts)] = work.counts
            runs[id(work.counts)] = runs.get(id(work.counts), 0) + count
        traffic = traffics[key]
        size = traffic.naive_bytes
        if size is None:
            unsized += 1
        elif work.status == "unknown":
            unknown_bytes += size * count
        known_bytes += (size or 0) * count
        compulsory_bytes += (traffic.compulsory_bytes or 0) * count
    for number, counts in counted.items():
        for name, value in counts.as_dict().items():
            sums[name] += value * runs[number]
    weights = find_weights(model)
    share = None if unsized else float(unknown_bytes / known_bytes) if known_bytes else 0.0
    return Summary(
        ops=len(rows),
        status_counts={status: statuses.get(status, 0) for status in STATUSES},
        unknown_op_types=tuple(sorted({rows[key].op.qualified_type for key in unknown})),
        uncounted_op_types=tuple(sorted({rows[key].op.qualified_type for key in unknown if works[key].counts is None})),
        unknown_bytes_share=share,
        unknown_counts_ops=uncounted,
        unknown_bytes_ops=unsized,
        counts=Counts(**{name: round(value) for name, value in sums.items()}),
        naive_bytes=round(known_bytes),
        compulsory_bytes=round(compulsory_bytes),
        moved={device.slug: _moved(model, device.slug) for device in system.devices},
        kernels=sum(kernel.id == key for key, kernel in model.column(Kernel).items()),
        parameters=weights.total.parameters,
        weight_bytes=weights.total.weight_bytes,
        peak_activation_bytes=model.whole(PeakActivations).bytes,
        sequential_steps=_sequential_steps(model),
        times_alone={device.slug: _time_alone(model, device.slug) for device in system.devices},
        time_placed=_time_placed(model.whole(PlacementSummary)),
        unsupported_ops=_unsupported(model, system),
        by_type=_groups(model, weights, {key: row.op.qualified_type for key, row in rows.items()}),
        by_module=_groups(model, weights, {key: row.op.module for key, row in rows.items()}),
        weights=weights,
        caches=summarize_caches(model),
    )


def _moved(model: Model, slug: str) -> Moved:
    """What all kernels move on one device, each as often as it runs."""
    executions = model.column(Executions)
    compulsory: int | Fraction = 0
    refetched: int | Fraction = 0
    resident: int | Fraction = 0
    at_best: int | Fraction = 0
    for key, row in model.column(Reuse).items():
        moved, count = row.devices.get(slug), executions[key].count
        if moved is None or not count:
            continue
        compulsory += count * moved.compulsory_bytes
        refetched += count * moved.refetched_bytes
        resident += count * moved.resident_bytes
        at_best += count * moved.resident_at_best_bytes
    return Moved(round(compulsory), round(refetched), round(resident), round(at_best))


def _time_alone(model: Model, slug: str) -> WholeTime:
    executions = model.column(Executions)
    seconds, untimed = 0.0, 0
    for key, row in model.column(Roofline).items():
        time_s, count = row.devices[slug].total_time_s, executions[key].count
        if count and time_s is None:
            untimed += 1
        elif count and time_s is not None:
            seconds += time_s * float(count)
    return WholeTime(seconds, untimed)


def _time_placed(placed: PlacementSummary) -> WholeTime:
    optimum = next(item for item in placed.alternatives if item.name == "optimum")
    return WholeTime(optimum.total_s or 0.0, placed.untimed_kernels)


def _unsupported(model: Model, system: "System") -> dict[str, int]:
    executions = model.column(Executions)
    roofs = [row for key, row in model.column(Roofline).items() if executions[key].count]
    return {device.slug: sum(not row.devices[device.slug].supported for row in roofs) for device in system.devices}


def _groups(model: Model, weights: Weights, names: Mapping[str, str]) -> tuple[Group, ...]:
    """Roll-up of the compute rows by name, the most expensive first."""
    rows, works, traffics = model.column(TypedOp), model.column(Work), model.column(Traffic)
    executions, placements = model.column(Executions), model.column(Placement)
    kernels = model.column(Kernel)
    sums: dict[str, list[Fraction | float | int]] = {}
    totals: dict[int, tuple[int, int]] = {}
    for key, name in names.items():
        work, row = works[key], rows[key]
        counts = work.counts
        if row.role != "compute" or not (work.moves_data or counts is None):
            continue
        entry = sums.get(name)
        if entry is None:
            entry = sums[name] = [0, 0, 0, 0, 0.0, 0, 0, 0, 0]
        entry[0] += 1
        count = executions[key].count
        if not count:
            continue
        if counts is not None:
            total = totals.get(id(counts))
            if total is None:
                total = totals[id(counts)] = counts.flops, counts.operations
            entry[1] += counts.macs * count
            entry[2] += total[0] * count
            entry[6] += total[1] * count
        else:
            entry[5] += 1
        size, time_s = traffics[key].naive_bytes, placements[key].time_s
        if size is None:
            entry[7] += 1
        else:
            entry[3] += size * count
        if time_s is not None:
            entry[4] += time_s * float(count)
        elif kernels[key].id == key:
            entry[8] += 1
    held: dict[str, list[str]] = {}
    for key in weights.by_row:
        held.setdefault(names[key], []).append(key)
    groups = []
    for name, e in sums.items():
        readers = tuple(held.get(name, ()))
        parts = weights.of(readers)
        groups.append(
            Group(
                name, int(e[0]), round(e[1]), round(e[2]), round(e[6]), round(e[3]), float(e[4]), int(e[5]), int(e[7]),
                int(e[8]), parts.parameters, parts.weight_bytes, readers,
            )
        )  # fmt: skip
    return tuple(sorted(groups, key=lambda group: (-group.time_s, -group.flops, group.name)))


def _sequential_steps(model: Model) -> int:
    """Length of the longest chain of dependent steps: one an op that does work, T for a time loop of T steps.

    With unlimited parallel hardware this is how many steps one run takes.
    """
    rows, works = model.column(TypedOp), model.column(Work)
    depth: dict[str, dict[str, int | Fraction]] = {}
    longest: dict[str, int | Fraction] = {}
    for key, row in rows.items():
        known = depth.setdefault(row.scope, {})
        before: int | Fraction = 0
        for name in row.op.inputs if not row.op.bodies else op_reads(row.op):
            if known.get(name, 0) > before:
                before = known[name]
        work = works[key]
        steps: int | Fraction = work.sequential_steps if row.role == "compute" and work.moves_data else 0
        if row.bodies:
            # Of open branches the longest; of branches with probabilities what is expected.
            steps += max((longest.get(b.scope, 0) for b in row.bodies if b.repeat is None), default=0)
            steps += sum(longest.get(b.scope, 0) * whole(b.repeat) for b in row.bodies if b.repeat is not None)
        after = before + steps if steps else before
        for name in row.op.outputs:
            if name:
                known[name] = after
        if after > longest.get(row.scope, 0):
            longest[row.scope] = whole(after)
    return round(longest.get("", 0))
