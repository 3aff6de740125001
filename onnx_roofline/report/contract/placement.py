"""Records of the placement as a whole: what is proven about it, and what simple placements cost."""

from typing import Annotated

from msgspec import Meta

from onnx_roofline.base.terms import Origin
from onnx_roofline.ir.placed_records import Dispatch, Objective
from onnx_roofline.report.contract.common import Count, Measured, Seconds, Share


class Joules(Measured, frozen=True):
    """Joules of one run of the model, by part."""

    total: Annotated[float, Meta(description="all of it")]
    dram: Annotated[float, Meta(description="memory accesses of both devices")]
    on_chip: Annotated[float, Meta(description="on-chip memory, where the profile states its energy")]
    link: Annotated[float, Meta(description="transfers")]
    macs: Annotated[float, Meta(description="multiply-accumulates")]
    static: Annotated[float, Meta(description="idle power over the whole time, where the profile states it")]


class Certainty(Measured, frozen=True):
    """How sure the whole time is."""

    low_s: Annotated[
        Seconds,
        Meta(description="all kernels at the low end of their bands, transfers, at least an eager host's dispatch"),
    ]
    high_s: Annotated[Seconds, Meta(description="likewise at the high end")]
    by_origin: Annotated[dict[Origin, Share], Meta(description="share of the time by where its constants come from")]
    robust_share: Annotated[Share, Meta(description="share of the time whose place holds over both bands")]


class Alternative(Measured, frozen=True):
    """A whole placement under the same cost."""

    name: Annotated[str, Meta(description="`all GPU`, `all PIM`, `greedy`, `roofline pick` or `optimum`")]
    total_s: Annotated[Seconds | None, Meta(description="seconds of the kernels and the transfers")]
    kernel_s: Annotated[Seconds | None, Meta(description="seconds of the kernels")]
    transfer_s: Annotated[Seconds | None, Meta(description="seconds of the transfers")]
    kernels_on_pim: Annotated[Count, Meta(description="kernels that it puts on the PIM")]
    energy_j: Annotated[Joules | None, Meta(description="null where a profile states no figure for what it does")]


class PlacementSummary(Measured, frozen=True):
    """The placement as a whole."""

    objective_name: Annotated[Objective, Meta(description="what the placement minimises")]
    objective: Annotated[float, Meta(description="its value: s, J or J s")]
    lower_bound: Annotated[float, Meta(description="what no placement can go below, in the same unit")]
    gap: Annotated[float, Meta(description="the difference of the two as a share")]
    proof: Annotated[str, Meta(description="what is proven, in words")]
    method: Annotated[str, Meta(description="how the placement was found")]
    pim_model: Annotated[str, Meta(description="the time model of the PIM: `full`, `roofline`, or that of a plugin")]
    resident_bytes: Annotated[Count, Meta(description="weights of the kernels on the PIM")]
    capacity_bytes: Annotated[
        Count | None, Meta(description="memory of the PIM; null where it is not stated or shared")
    ]
    alternatives: Annotated[
        tuple[Alternative, ...], Meta(description="simple placements and the optimum, under the same cost")
    ]
    makespan_s: Annotated[
        Seconds | None, Meta(description="seconds of a schedule on both devices at once; null where there is none")
    ]
    makespan_bound_s: Annotated[Seconds | None, Meta(description="what no schedule can go below")]
    makespan_note: Annotated[str, Meta(description="what the schedule takes for granted, or why there is none")]
    kernels_without_time: Annotated[
        Count, Meta(description="kernels that run and have no time on either device; no figure here counts them")
    ]
    with_splits_s: Annotated[
        Seconds | None,
        Meta(
            description="seconds with kernels split over both devices and neighbours in pipelines; "
            "null where there is none"
        ),
    ]
    with_splits_note: Annotated[str, Meta(description="what that takes for granted, or why there is none")]
    kernels_split: Annotated[Count, Meta(description="kernels that it splits")]
    certainty: Annotated[Certainty | None, Meta(description="of the optimum; null without the full model")]
    launches: Annotated[float, Meta(description="kernels that run in one run of the model")]
    launch_s: Annotated[Seconds, Meta(description="seconds of their launches, in the optimum's time")]
    dispatch: Annotated[Dispatch, Meta(description="whether kernels come from a graph or from an eager host")]
    dispatch_s: Annotated[Seconds, Meta(description="seconds that an eager host needs for all of them; 0 in a graph")]
    kernels_pipelined: Annotated[Count, Meta(description="kernels that it runs in pipelines")]
