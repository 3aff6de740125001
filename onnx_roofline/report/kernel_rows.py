"""The kernels of an analysis, equal ones as one row: what they take, what they waste, and where the time is."""

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from onnx_roofline.analysis.analyze import Analysis
from onnx_roofline.ir.find_op import row_labels
from onnx_roofline.ir.graph import Model
from onnx_roofline.ir.placed_records import Placement, Roofline
from onnx_roofline.ir.records import Counts, Executions, Kernel, TypedOp, Work
from onnx_roofline.report.fold import fold_names, folded
from onnx_roofline.what_if.waste import holding, wastes

# What the first rows are: those above the roof the longest, or those that take longest.
Order = Literal["wasted", "time"]
# Share of the time from which on what is above the roof decides which kernels come first.
LEAST_WASTED = 0.01
# Share of the wasted time whose rows are counted.
MOST = 0.8


class KernelRow(Struct, frozen=True):
    """Kernels that cost the same, as layers that repeat do.

    `keys` are their roots, `name` is one for all of them: their modules, else labels that tell them apart. `time_s` and
    `wasted_s` (time x (1 - share of the roof)) are of all executions of all of them; None where one is not known.
    """

    keys: tuple[str, ...]
    name: str
    time_s: float | None
    wasted_s: float | None

    @property
    def first(self) -> str:
        """Root of the first kernel."""
        return self.keys[0]

    @property
    def count(self) -> int:
        """How many kernels the row stands for."""
        return len(self.keys)


def kernel_rows(analysis: Analysis, order: Order = "wasted") -> list[KernelRow]:
    """Every kernel that runs, in rows of those that cost the same; the dearest row first.

    They come by their time where next to none of it is above the roof.
    """
    model = analysis.model
    executions, placements, kernels = model.column(Executions), model.column(Placement), model.column(Kernel)
    ops, roofs = model.column(TypedOp), model.column(Roofline)
    roots = [key for key, kernel in kernels.items() if kernel.id == key and executions[key].count]

    def same(key: str) -> object:
        kernel, placement = kernels[key], placements[key]
        roofline = tuple((roof.total_time_s, roof.moved_bytes) for roof in roofs[key].devices.values())
        times = tuple((entry.time_s, entry.bound) for entry in placement.devices.values())
        return (ops[key].op.qualified_type, kernel.pattern, len(kernel.members), kernel_counts(model, kernel), roofline,
                times, executions[key].count, placement.device)  # fmt: skip

    labels = row_labels(model)
    wasted = {one.key: one.wasted_s for one in wastes(analysis)}
    rows = []
    for keys in folded(roots, same):
        time_s = placements[keys[0]].time_s
        whole_s = None if time_s is None else time_s * float(executions[keys[0]].count) * len(keys)
        lost = [wasted.get(key) for key in keys]
        lost_s = None if None in lost else sum(one for one in lost if one is not None)
        rows.append(KernelRow(keys, fold_names([ops[key].op.module or labels[key] for key in keys]), whole_s, lost_s))

    by_waste = order == "wasted" and is_wasteful(rows)

    def cost(row: KernelRow) -> tuple[float, float, int]:
        counts = kernel_counts(model, kernels[row.first])
        lost_s = row.wasted_s or 0.0 if by_waste else 0.0
        return -lost_s, -(row.time_s or 0.0), 0 if counts is None else -counts.flops

    return sorted(rows, key=cost)


def kernel_counts(model: Model, kernel: Kernel) -> Counts | None:
    """What all members do in one execution, or None if one of them is unknown."""
    works = model.column(Work)
    if len(kernel.members) == 1:
        return works[kernel.members[0]].counts
    result = Counts()
    for key in kernel.members:
        counts = works[key].counts
        if counts is None:
            return None
        result = result + counts
    return result


def is_wasteful(rows: Sequence[KernelRow]) -> bool:
    """Whether there is time above the roof that is worth a look."""
    wasted_s = sum(row.wasted_s or 0.0 for row in rows)
    return wasted_s > 0 and wasted_s >= LEAST_WASTED * sum(row.time_s or 0.0 for row in rows)


def most_wasted(rows: Sequence[KernelRow]) -> tuple[int, float]:
    """How many of the first rows hold most of the wasted time, and all of it in seconds; rows by wasted time."""
    wasted_s = [row.wasted_s or 0.0 for row in rows]
    return holding(wasted_s, MOST), sum(wasted_s)
