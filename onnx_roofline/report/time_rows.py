"""Rows of the totals that say what the time is made of, how sure it is, and what it costs in joules."""

from collections.abc import Iterator

from onnx_roofline.base.quantities import format_percent, format_share, format_si
from onnx_roofline.ir.placed_records import Alternative, PlacementSummary
from onnx_roofline.report.cells import sum_cell


def time_rows(placed: PlacementSummary, optimum: Alternative, *, is_pair: bool) -> Iterator[tuple[str, str, str]]:
    """What the time is made of, how sure it is, and the joules, where the full model and the profiles say so."""
    if placed.launch_s and optimum.kernel_s is not None:
        work = f"{format_si(optimum.kernel_s - placed.launch_s, 's')} of work + {placed.launches:,.10g} launches"
        if placed.dispatch == "eager":
            work += f"; an eager host dispatches them in {format_si(placed.dispatch_s, 's')}"
        share = f"{format_share(placed.launch_s / optimum.total_s)} of the time; " if optimum.total_s else ""
        yield "launches", format_si(placed.launch_s, "s"), share + work
    found = placed.certainty
    if found is not None:
        origins = ", ".join(f"{format_percent(share)} {origin}" for origin, share in found.by_origin.items())
        robust = f"; {format_percent(found.robust_share)} of it is placed robustly" if is_pair else ""
        band = f"{format_si(found.low_s, 's')} to {format_si(found.high_s, 's')}, by its constants: {origins}"
        yield "band", f"{found.high_s / found.low_s:.3g} x" if found.low_s else "–", band + robust
    energy = optimum.energy
    if energy is not None:
        parts = {"memory": energy.dram_j, "on-chip": energy.on_chip_j, "link": energy.link_j, "MACs": energy.macs_j,
                 "static": energy.static_j}  # fmt: skip
        yield (
            "energy",
            sum_cell(energy.total_j, "J", placed.untimed_kernels),
            ", ".join(f"{name} {format_si(value, 'J')}" for name, value in parts.items() if value),
        )
        yield from _saved(placed, optimum, energy.total_j)


def _saved(placed: PlacementSummary, optimum: Alternative, energy_j: float) -> Iterator[tuple[str, str, str]]:
    """Joules less than with all kernels on the GPU, where some are on the PIM; negative where it takes more."""
    alone = next((item for item in placed.alternatives if item.name == "all GPU"), None)
    if alone is None or alone.energy is None or not optimum.on_pim:
        return
    before_j = alone.energy.total_j
    note = f"{format_share((before_j - energy_j) / before_j)} of the {format_si(before_j, 'J')} of all GPU"
    if alone.total_s is not None and optimum.total_s is not None:
        note += f"; {format_si(alone.total_s - optimum.total_s, 's')} of its {format_si(alone.total_s, 's')}"
    yield "PIM saves", format_si(before_j - energy_j, "J"), note
