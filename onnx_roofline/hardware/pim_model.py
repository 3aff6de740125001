"""Records of what a PIM can do and how its memory works, in base units (s, bytes, elements)."""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

# What must already lie in the PIM's memory: a stored weight, a cache of keys and values, anything (what is computed
# is written in first), or nothing (an op without a large operand).
Resident = Literal["weight", "kv", "any", "none"]
# Where an op runs: in the units at the banks, or in a unit at the memory's interface that sees the external bandwidth.
Place = Literal["bank", "interface"]
# What is stored more than once so that more units have work: nothing, or the operand in every channel and, where it is
# shorter than a row, several times along the row.
Replicate = Literal["none", "channels_and_rows"]


class OpSupport(Struct, frozen=True):
    """Limits of one op type on a PIM; None is no limit. `fused_only`: only behind another op, in the same kernel."""

    resident: Resident = "none"
    group: int | None = None  # largest number of groups
    dilation: int | None = None  # 1: no dilated convolution
    max_batch: int | None = None  # most vectors a call
    fused_only: bool = False
    at: Place = "bank"


class Alignment(Struct, frozen=True):
    """Sizes that work is rounded up to; padding is real work. 1 is no rounding."""

    k: int = 1  # elements along the depth of a product
    n: int = 1  # outputs of a product
    elements: int = 1  # of an element-wise op
    row_elements: int | None = None  # elements of the operand in one memory row


class DramTiming(Struct, frozen=True):
    """How the banks stream rows into the units.

    All banks of all channels (`parallel_rows`) take `lane_elements` elements every `t_ccd_s`; a row costs `t_rcd_s` to
    open and `t_rp_s` to close. For each row's length of a vector, `t_gwrite_s` and `t_gwrite_column_s` for each of its
    columns write it to the channels' buffers; `t_readres_s` reads the results of one vector from one set of parallel
    rows. An open row serves `vectors_per_activation` vectors. With `refresh_interval_s` refreshes come whole.
    """

    t_ccd_s: float
    t_rcd_s: float
    t_rp_s: float
    lane_elements: int
    parallel_rows: int
    banks_per_channel: int
    refresh_share: float = 0.0
    t_gwrite_s: float = 0.0
    t_readres_s: float = 0.0
    vectors_per_activation: int = 1
    t_gwrite_column_s: float = 0.0
    refresh_interval_s: float = 0.0  # 0: refresh takes its share of any time

    def row_share(self, row_elements: int) -> float:
        """Share of the internal bandwidth that reading whole rows one after the other reaches.

        >>> DramTiming(1e-9, 16e-9, 16e-9, 16, 16, 16, refresh_share=0.1).row_share(512)  # 32 of 64 ns
        0.45
        """
        columns_s = -(-row_elements // self.lane_elements) * self.t_ccd_s
        return columns_s / (columns_s + self.t_rcd_s + self.t_rp_s) * (1 - self.refresh_share)


class TileTiming(Struct, frozen=True):
    """How HBM-PIM works through a product: tiles of `depth` x (`outputs_per_channel` x `channels`).

    A tile streams its columns (`stream_s`), refills the vector registers, opens rows and turns from write to read;
    `pass_s` is paid for every vector and set of outputs.
    """

    depth: int
    outputs_per_channel: int
    channels: int
    stream_s: float
    refill_s: float
    open_s: float
    turn_s: float
    pass_s: float = 0.0
    refresh_share: float = 0.0

    @property
    def stream_share(self) -> float:
        """Share of the internal bandwidth that tiles one after the other reach."""
        whole_s = self.stream_s + self.refill_s + self.open_s + self.turn_s
        return self.stream_s / whole_s * (1 - self.refresh_share)


class PimModel(Struct, frozen=True):
    """The `pim` part of a profile. Without `ops` every op is supported; `dram` counts, else `tile`, else efficiency."""

    dtypes: tuple[str, ...]
    ops: Mapping[str, OpSupport] | None
    reuse: int = 1  # vectors that share one stream of the resident operand
    align: Alignment = Alignment()
    dram: DramTiming | None = None
    stream_efficiency: float | None = None  # share of the internal bandwidth, refresh and row activation included
    mode_switch_s: float = 0.0  # per change between memory and PIM
    fence_s: float = 0.0  # per tile
    replicate: Replicate = "none"
    tile: TileTiming | None = None
    elementwise_efficiency: float | None = None  # share of the internal bandwidth for ops without a product
    head_channels: int | None = None  # channels that take one head of a cache each; None: any bank takes any head
    head_drain_rounds: float = 0.0  # what the last round of heads does not overlap, in rounds
    split_axes: tuple[str, ...] = ()  # axes along which an op can be shared with the GPU
