"""The document of a sweep: its axes, a record a point, and where decisions change."""

from typing import Annotated, Literal

from msgspec import Meta, field

from onnx_roofline.report.contract.common import Count, Measured, Record, Seconds, Share, Tool
from onnx_roofline.report.contract.documents import Version

# A size, a figure in the unit of its profile, or the name of a system.
AxisValue = int | float | str


class SweepAxis(Measured, frozen=True):
    """What a sweep varies."""

    name: Annotated[str, Meta(description="of a dim, `system`, or the path of a figure")]
    kind: Annotated[Literal["dim", "system", "figure"], Meta(description="what the name is of")]
    values: Annotated[tuple[AxisValue, ...], Meta(description="sizes, names of systems, or figures in profile units")]


class SweepBound(Measured, frozen=True):
    """A share of the time of one run."""

    device: Annotated[str | None, Meta(description="whose engine it is; null for transfers and dispatch")]
    bound: Annotated[str, Meta(description="the engine that binds the kernels, `transfers` or `dispatch`")]
    share: Annotated[Share, Meta(description="of the time that is known")]


class SweepPoint(Measured, frozen=True):
    """The model under one combination of the values; its figures are of the placement."""

    values: Annotated[tuple[AxisValue, ...], Meta(description="one of each axis, in their order")]
    refusal: Annotated[str | None, Meta(description="why the model is not valid there; all else is then null or empty")]
    devices: Annotated[tuple[str, ...], Meta(description="of the system, the GPU first")]
    time_s: Annotated[Seconds | None, Meta(description="of one run; null where a kernel has none")]
    time_per_item_s: Annotated[Seconds | None, Meta(description="per item of the batch")]
    items: Annotated[Count | None, Meta(description="in the batch; null where no input has one")]
    count_per_s: Annotated[Annotated[float, Meta(ge=0)] | None, Meta(description="what `item` names, in one second")]
    bounds: Annotated[tuple[SweepBound, ...], Meta(description="what the time goes to, the largest share first")]
    placements: Annotated[
        dict[str, Seconds | None],
        Meta(description="seconds by the name of a placement, without the kernels that have no time"),
    ]
    macs: Annotated[Count | None, Meta(description="multiply-accumulates of one run")]
    compulsory_bytes: Annotated[Count | None, Meta(description="what no kernel can avoid")]
    moved_bytes: Annotated[Count | None, Meta(description="what kernels move where they are placed")]
    memory_bytes: Annotated[Count | None, Meta(description="weights, caches and the peak of activations")]
    fits: Annotated[bool | None, Meta(description="whether the GPU holds all of it")]
    energy_j: Annotated[Annotated[float, Meta(ge=0)] | None, Meta(description="of one run")]
    kernels_on_pim: Annotated[Count, Meta(description="of the placement")]
    kernels_without_time: Annotated[Count, Meta(description="kernels that run and have no time on any device")]
    kernels: Annotated[dict[str, str | None], Meta(description="device of every kernel, by the `id` of its root")]


class SweepStep(Record, frozen=True):
    """From which size on something is so."""

    first: Annotated[Count, Meta(description="the first size at which it is known to be so")] = field(name="from")
    after: Annotated[
        Count | None, Meta(description="the last size at which it is known to be otherwise; null at the first point")
    ]
    device: Annotated[str | None, Meta(description="where it runs; null where it has no place")]
    bound: Annotated[str | None, Meta(description="what binds it there; null in a flip of the device")]


class SweepFlip(Measured, frozen=True):
    """What changes together along a dim."""

    what: Annotated[
        Literal["model", "device", "bound"],
        Meta(description="what most of the time is bound by, where kernels run, or what binds them there"),
    ]
    at: Annotated[tuple[AxisValue | None, ...], Meta(description="the values of the other axes; null for this one")]
    kernels: Annotated[tuple[str, ...], Meta(description="ids of their roots; none where `what` is `model`")]
    label: Annotated[str, Meta(description="what they are: op type and pattern")]
    steps: Annotated[
        tuple[SweepStep, ...], Meta(description="by rising size; exact where `from` is one more than `after`")
    ]


class Sweep(Record, frozen=True):
    """A model over the values of some axes."""

    axes: Annotated[tuple[SweepAxis, ...], Meta(description="in the order that was asked for")]
    item: Annotated[
        Literal["image", "token", "item", ""], Meta(description="what `count_per_s` counts; empty without a batch")
    ]
    points: Annotated[tuple[SweepPoint, ...], Meta(description="every combination, the last axis fastest")]
    flip_axis: Annotated[str | None, Meta(description="the dim along which flips were looked for")]
    flips: Annotated[tuple[SweepFlip, ...], Meta(description="of the model, then of devices, then of bounds")]
    rests_on: Annotated[tuple[str, ...], Meta(description="what is stated, assumed or bounded at each point, in words")]


class SweepDocument(Record, frozen=True):
    """What `analyze --sweep NAME=1..4096x2 --json` writes."""

    schema_version: Version
    tool: Annotated[Tool, Meta(description="what wrote it")]
    sweep: Annotated[Sweep, Meta(description="the model over the values of the axes")]
