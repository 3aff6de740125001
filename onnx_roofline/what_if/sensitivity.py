"""What the assumed figures of a system do to a placement: each halved and doubled, the rest as it is."""

import os
from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from onnx_roofline.analysis.analyze import Analysis, kernel_work_pass
from onnx_roofline.base.errors import ProfileError, UsageError
from onnx_roofline.hardware import System, load_system
from onnx_roofline.hardware.stated import Stated
from onnx_roofline.ir.kernel_work import KernelWork
from onnx_roofline.ir.placed_records import Placement, PlacementSummary
from onnx_roofline.ir.records import Executions, Reuse, Work
from onnx_roofline.passes.placement import PlacementPass
from onnx_roofline.passes.reuse import ReusePass

_PEAK = "peak_tflops"
# Figures that no time and no energy is computed from: what `hw lint` compares, and what other reports use.
_UNUSED = ("check.", "layout.", "energy.cache_pj_per_bit", "energy.idle_w")
# Figures that the plain roofline has no use for.
_OF_THE_FULL_MODEL = (
    "pim.", "efficiency.", "sm_count", "vector_tflops.", "special_gops", "bandwidth_gb_per_s.l2", "sustained.",
    "bandwidth_share.", "attention.", "row_step_us", "launch_us_by_class.",
)  # fmt: skip
_ENERGY = ("energy.", "link.pj_per_bit")


class Sensitivity(Struct, frozen=True):
    """One assumed figure: the optimum with half and with twice of it, in the objective's unit, and how many kernels
    change place; None where the profile can't have that figure.
    """

    path: str
    half: float | None
    twice: float | None
    moved_at_half: int | None
    moved_at_twice: int | None

    @property
    def moved(self) -> int:
        """The most kernels that half or twice of it moves."""
        return max(self.moved_at_half or 0, self.moved_at_twice or 0)

    def change(self, best: float) -> float:
        """How far half or twice of it takes the optimum from `best`, at most."""
        return max((abs(one - best) for one in (self.half, self.twice) if one is not None), default=0.0)


def assumed_figures(analysis: Analysis) -> tuple[list[str], dict[str, list[str]]]:
    """(paths of the assumed figures that the placement depends on, those of the others by the reason why it does not).

    The walk is over every figure with the label `assumed`; only what is known not to matter is left out.
    """
    dtypes = _computed_dtypes(analysis)
    used: list[str] = []
    unused: dict[str, list[str]] = {}
    for path in analysis.system.assumed:
        reason = _why_unused(analysis, path, dtypes)
        if reason:
            unused.setdefault(reason, []).append(path)
        else:
            used.append(path)
    return used, unused


def sensitivities(analysis: Analysis) -> list[Sensitivity]:
    """A row for every assumed figure that the placement depends on, first what moves most kernels, then most time.

    Reads the profiles again for each.
    Raises UsageError where the system was loaded by the caller: there is no file to read again.
    """
    name = analysis.settings.system
    if isinstance(name, System):
        raise UsageError("--sensitivity: found a System, wanted the name or the file of a profile")
    before = {key: row.device for key, row in analysis.model.column(Placement).items()}
    found = []
    for path in assumed_figures(analysis)[0]:
        half, twice = (_placed(analysis, name, path, factor, before) for factor in (0.5, 2.0))
        found.append(Sensitivity(path, half[0], twice[0], half[1], twice[1]))
    best = analysis.model.whole(PlacementSummary).objective
    return sorted(found, key=lambda row: (-row.moved, -row.change(best)))


def _placed(
    analysis: Analysis, name: str | os.PathLike[str], path: str, factor: float, before: Mapping[str, str | None]
) -> tuple[float | None, int | None]:
    settings = analysis.settings
    try:
        stated = {key: Stated(value) for key, value in settings.figures.items()}
        system = load_system(name, {**stated, path: stated[path].times(factor) if path in stated else factor})
    except ProfileError:
        # Such as twice the banks of a memory that has fewer rows.
        return None, None
    columns = {record: rows for record, rows in analysis.model.columns.items() if record is not Placement}
    if path.endswith(".cache_mb"):
        del columns[Reuse]
        reuse = ReusePass(system, settings.on_chip, settings.residency).run(replace(analysis.model, columns=columns))
        columns[Reuse] = reuse.rows
        del columns[KernelWork]
        columns[KernelWork] = kernel_work_pass(settings).run(replace(analysis.model, columns=columns)).rows
    model = replace(analysis.model, columns=columns)
    result = PlacementPass(system, settings.pim_model, settings.objective, settings.dispatch).run(model)
    summary = next(one for one in result.wholes if isinstance(one, PlacementSummary))
    moved = sum(isinstance(row, Placement) and row.device != before[key] for key, row in result.rows.items())
    return summary.objective, moved


def _why_unused(analysis: Analysis, path: str, dtypes: frozenset[str]) -> str:
    """Why a placement can't depend on a figure, or "" where it can."""
    system, settings = analysis.system, analysis.settings
    owner = next((device for device in system.devices if path.startswith(f"{device.slug}.")), None)
    own = path.removeprefix(f"{owner.slug}.") if owner is not None else path
    figures = owner.figures if owner is not None else {} if system.link is None else system.link.figures
    if own.startswith(_UNUSED):
        return "the placement does not use them"
    if own == "dispatch_us" and settings.dispatch == "graph":
        return "kernels come from a graph"
    if own == "gpu_bandwidth_share_when_active":
        return "only both devices at once depend on them"
    if own.startswith(_ENERGY) and settings.objective == "latency":
        return "no latency depends on them"
    if own.startswith(f"{_PEAK}.") and own.partition(".")[2] not in dtypes:
        return "no kernel computes in these types"
    if own.startswith("sustained.") and own.partition(".")[2] not in {*dtypes, *_maths(analysis)}:
        return "no kernel computes in these types"
    if figures[own].value == 0:
        return "stated as 0, which neither half nor twice changes"
    if own == "cache_mb" and settings.on_chip:
        return "--on-chip replaces them"
    if (
        system.link is not None
        and system.link.shared_memory
        and own in ("link.gb_per_s", "link.pj_per_bit", "capacity_gb")
    ):
        return "nothing is copied in a shared memory"
    if own == "capacity_gb" and owner is system.gpu:
        return "the placement does not use them"
    if settings.pim_model == "roofline" and own.startswith(_OF_THE_FULL_MODEL):
        return "the plain roofline does not use them"
    return ""


def _maths(analysis: Analysis) -> frozenset[str]:
    """In what products of float32 run beside their own type."""
    return frozenset(work.math for work in analysis.model.column(KernelWork).values() if work.math)


def _computed_dtypes(analysis: Analysis) -> frozenset[str]:
    """The element types that ops which run compute in."""
    executions = analysis.model.column(Executions)
    return frozenset(
        work.compute_dtype
        for key, work in analysis.model.column(Work).items()
        if work.counts is not None and work.counts.operations and executions[key].count
    )
