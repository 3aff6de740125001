"""Records of the hardware, in base units (FLOP/s, bytes/s, bytes, s, J); null where a profile states nothing."""

from typing import Annotated

from msgspec import Meta

from onnx_roofline.base.terms import KernelClass
from onnx_roofline.hardware.pim_model import Place, Replicate, Resident
from onnx_roofline.hardware.records import Concurrency, Constants, Duplex, Kind, Label
from onnx_roofline.report.contract.common import Count, Measured, Record, Seconds, Share


class Figure(Measured, frozen=True):
    """A figure as its profile states it."""

    value: Annotated[float, Meta(description="in the unit that its key names")]
    source: Annotated[str, Meta(description="where it was published, or how it was derived")]
    label: Annotated[Label, Meta(description="how far to trust it")]


class Fact(Record, frozen=True):
    """What a profile states in words."""

    value: Annotated[str, Meta(description="as the profile states it")]
    source: Annotated[str, Meta(description="where it was published")]
    label: Annotated[Label, Meta(description="how far to trust it")]


Figures = dict[str, Figure]
Facts = dict[str, Fact]


class Bandwidth(Measured, frozen=True):
    """Sustained bytes per second of a device's memory."""

    external: Annotated[float | None, Meta(description="what a host sees, bytes/s")]
    internal: Annotated[float | None, Meta(description="what the units in a PIM's memory see, bytes/s")]


class Energy(Measured, frozen=True):
    """What a device's work costs."""

    dram_j_per_byte: Annotated[float | None, Meta(description="of its memory")]
    cache_j_per_byte: Annotated[float | None, Meta(description="of its last-level cache")]
    j_per_mac: Annotated[float | None, Meta(description="of a multiply-accumulate")]
    idle_w: Annotated[float | None, Meta(description="watts while it does nothing")]


class Efficiency(Measured, frozen=True):
    """Share of the datasheet's figures that good kernels reach; 1 where nothing is stated."""

    compute: Annotated[float, Meta(description="of the peak")]
    memory: Annotated[float, Meta(description="of the bandwidth")]


class OpSupport(Record, frozen=True):
    """Limits of one op type on a PIM; null is no limit."""

    resident: Annotated[Resident, Meta(description="which operand must lie in the PIM's memory already")]
    group: Annotated[Count | None, Meta(description="most groups")]
    dilation: Annotated[Count | None, Meta(description="greatest dilation")]
    max_batch: Annotated[Count | None, Meta(description="most vectors a call")]
    fused_only: Annotated[bool, Meta(description="only behind another op, in the same kernel")]
    at: Annotated[Place, Meta(description="the units at the banks, or one at the memory's interface")]


class Alignment(Record, frozen=True):
    """Sizes that work is rounded up to; padding is real work."""

    k: Annotated[int, Meta(description="elements along the depth of a product")]
    n: Annotated[int, Meta(description="outputs of a product")]
    elements: Annotated[int, Meta(description="of an element-wise op")]
    row_elements: Annotated[int | None, Meta(description="elements of the resident operand in one memory row")]


class DramTiming(Measured, frozen=True):
    """How the banks stream rows into the units."""

    t_ccd_s: Annotated[Seconds, Meta(description="seconds between two columns")]
    t_rcd_s: Annotated[Seconds, Meta(description="seconds to open a row")]
    t_rp_s: Annotated[Seconds, Meta(description="seconds to close a row")]
    lane_elements: Annotated[Count, Meta(description="elements that a bank hands over per column")]
    parallel_rows: Annotated[Count, Meta(description="banks of all channels that work at once")]
    banks_per_channel: Annotated[Count, Meta(description="banks that share a channel")]
    refresh_share: Annotated[Share, Meta(description="of the time, lost to refresh")]
    t_gwrite_s: Annotated[Seconds, Meta(description="seconds to write one row-long vector to the channels' buffers")]
    t_readres_s: Annotated[
        Seconds, Meta(description="seconds to read the results of one vector from one set of parallel rows")
    ]
    vectors_per_activation: Annotated[Count, Meta(description="vectors that an open row serves")]
    t_gwrite_column_s: Annotated[Seconds, Meta(description="seconds to write one column of a vector")]
    refresh_interval_s: Annotated[
        Seconds, Meta(description="seconds between two refreshes; 0: refresh takes its share of any time")
    ]


class TileTiming(Measured, frozen=True):
    """How a PIM works through a product tile by tile."""

    depth: Annotated[Count, Meta(description="elements of the depth in a tile")]
    outputs_per_channel: Annotated[Count, Meta(description="outputs that a channel holds of a tile")]
    channels: Annotated[Count, Meta(description="channels that work at once")]
    stream_s: Annotated[Seconds, Meta(description="seconds to stream the columns of a tile")]
    refill_s: Annotated[Seconds, Meta(description="seconds to refill the vector registers")]
    open_s: Annotated[Seconds, Meta(description="seconds to open the rows of a tile")]
    turn_s: Annotated[Seconds, Meta(description="seconds to turn from write to read")]
    pass_s: Annotated[Seconds, Meta(description="seconds for each vector and set of outputs")]
    refresh_share: Annotated[Share, Meta(description="of the time, lost to refresh")]


class Pim(Measured, frozen=True):
    """What a PIM can do and how its memory works."""

    ops: Annotated[
        dict[str, OpSupport] | None, Meta(description="by op type, what it can run; null where it can run every op")
    ]
    reuse: Annotated[Count, Meta(description="vectors that share one stream of the resident operand")]
    align: Annotated[Alignment, Meta(description="sizes that work is rounded up to")]
    dram: Annotated[DramTiming | None, Meta(description="row timings; without them `stream_efficiency` counts")]
    stream_efficiency: Annotated[
        float | None, Meta(description="share of the internal bandwidth, refresh and row activation included")
    ]
    tile: Annotated[TileTiming | None, Meta(description="tile timings, for a PIM without `dram`")]
    elementwise_efficiency: Annotated[
        float | None, Meta(description="share of the internal bandwidth for ops without a product")
    ]
    head_channels: Annotated[Count | None, Meta(description="channels that take one head of a cache each; null: any")]
    head_drain_rounds: Annotated[float, Meta(description="what the last round of heads does not overlap, in rounds")]
    mode_switch_s: Annotated[Seconds, Meta(description="seconds per change between memory and PIM")]
    fence_s: Annotated[Seconds, Meta(description="seconds per tile")]
    replicate: Annotated[Replicate, Meta(description="what is stored more than once so that more units have work")]
    split_axes: Annotated[tuple[str, ...], Meta(description="axes along which an op can be shared with the GPU")]


class AttentionShares(Measured, frozen=True):
    """How fused attention kernels use the engines of a GPU."""

    sustained: Annotated[Share, Meta(description="of the matrix peak, on full tiles")]
    bandwidth: Annotated[Share, Meta(description="of the memory bandwidth, on a long cache")]
    fixed_s: Annotated[Seconds, Meta(description="seconds of the smallest call")]
    block_s: Annotated[Seconds, Meta(description="seconds of a block beyond its arithmetic")]
    exposed_special: Annotated[Share, Meta(description="of the exponentials' time, that hides behind nothing")]
    packs_queries: Annotated[bool, Meta(description="whether query heads that share a key head fill one tile")]


class Gpu(Measured, frozen=True):
    """The engines of a GPU and the share of each that good kernels sustain, pooled constants filled in."""

    sm_count: Annotated[Count, Meta(description="streaming multiprocessors")]
    matrix_flops_per_s: Annotated[dict[str, float], Meta(description="dense peak of the matrix units by math type")]
    vector_flops_per_s: Annotated[dict[str, float], Meta(description="peak of the vector units by element type")]
    special_ops_per_s: Annotated[float, Meta(description="exponentials, roots and divisions a second")]
    l2_bytes_per_s: Annotated[float, Meta(description="of the last-level cache")]
    dispatch_s: Annotated[Seconds, Meta(description="seconds that an eager host needs for a kernel")]
    sustained: Annotated[dict[str, float], Meta(description="share of the peak, by math type")]
    bandwidth_share: Annotated[dict[KernelClass, float], Meta(description="share of the bandwidth, by kernel class")]
    attention: Annotated[AttentionShares, Meta(description="fused attention")]
    row_step_s: Annotated[Seconds, Meta(description="seconds of a block for 1,024 elements along a row")]


class Device(Measured, frozen=True):
    """A processor with its memory."""

    slug: Annotated[str, Meta(description="its short name: the profile's, or the name of its file")]
    name: Annotated[str, Meta(description="as its vendor calls it")]
    kind: Annotated[Kind, Meta(description="what it is")]
    peak_flops_per_s: Annotated[
        dict[str, float], Meta(description="dense peak by element type, FLOP/s, op/s for integers; absent: no unit")
    ]
    bandwidth_bytes_per_s: Annotated[Bandwidth, Meta(description="of its memory")]
    capacity_bytes: Annotated[Count | None, Meta(description="of its memory")]
    cache_bytes: Annotated[Count | None, Meta(description="of its last-level cache")]
    launch_s: Annotated[Seconds, Meta(description="seconds paid per kernel")]
    launches_s: Annotated[dict[KernelClass, float], Meta(description="launches of kernel classes that differ from it")]
    energy: Annotated[Energy, Meta(description="what its work costs")]
    efficiency: Annotated[Efficiency, Meta(description="share of peak and bandwidth that good kernels reach")]
    pim: Annotated[Pim | None, Meta(description="of a PIM whose profile says how it works")]
    gpu: Annotated[Gpu | None, Meta(description="of a GPU whose profile says what its engines do")]
    ridge_flops_per_byte: Annotated[dict[str, float | None], Meta(description="peak / bandwidth by element type")]
    figures: Annotated[Figures, Meta(description="every figure of its profile, by dotted path")]
    facts: Annotated[Facts, Meta(description="what its profile states in words, by dotted path")]
    notes: Annotated[dict[str, str], Meta(description="remarks, by the dotted path of what they are about")]


class Link(Measured, frozen=True):
    """What joins the two devices."""

    bandwidth_bytes_per_s: Annotated[
        float | None, Meta(description="in one direction; null where one memory is shared and nothing is copied")
    ]
    latency_s: Annotated[Seconds, Meta(description="fixed seconds of a transfer")]
    j_per_byte: Annotated[float | None, Meta(description="energy of a transfer")]
    duplex: Annotated[Duplex, Meta(description="whether its two directions share the bandwidth")]
    shared_memory: Annotated[bool, Meta(description="true where both devices work on one memory and copy nothing")]
    figures: Annotated[Figures, Meta(description="its figures as the profile states them, by dotted path")]


class Layout(Measured, frozen=True):
    """What it takes to turn the GPU's memory layout into the PIM's."""

    relayout_bytes_per_s: Annotated[float | None, Meta(description="rate at which a tensor is rearranged")]
    constants: Annotated[Constants, Meta(description="whether constants are rearranged once, or in every run")]


class System(Measured, frozen=True):
    """A GPU or CPU, a PIM and the link between them; or one device."""

    slug: Annotated[str, Meta(description="its short name")]
    name: Annotated[str, Meta(description="its name")]
    devices: Annotated[dict[str, Device], Meta(description="by `slug`, the GPU first")]
    gpu: Annotated[str, Meta(description="`slug` of the GPU or CPU")]
    pim: Annotated[str | None, Meta(description="`slug` of the PIM; null in a system of one device")]
    link: Annotated[Link | None, Meta(description="what joins the two")]
    layout: Annotated[Layout | None, Meta(description="how tensors are rearranged for the PIM")]
    concurrency: Annotated[Concurrency, Meta(description="when both devices may work at once")]
    gpu_bandwidth_share: Annotated[Share, Meta(description="of the GPU's bandwidth, left to it while the PIM works")]
    facts: Annotated[Facts, Meta(description="what the system's file states in words, by dotted path")]
    notes: Annotated[dict[str, str], Meta(description="remarks, by the dotted path of what they are about")]
