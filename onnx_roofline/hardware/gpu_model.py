"""Records of what a GPU's engines do and how far kernels use them, in base units (FLOP/s, bytes/s, s).

Pooled constants belong to kernels, not to a device: `docs/time.md` says how they were fitted and what each is worth.
"""

from collections.abc import Mapping

from msgspec import Struct, field

from onnx_roofline.base.terms import KernelClass, Origin

# FLOP/s that one streaming multiprocessor of an A100 does on its matrix unit: 312 TFLOP/s over 108 of them.
A100_SM_FLOPS_PER_S = 312e12 / 108


class TileConstants(Struct, frozen=True):
    """How the tiles of a product use the engine they run on.

    `starve` is how fast small tiles starve (a tile [tm, tn] does tm*tn multiply-adds for tm+tn loaded elements).
    `exposed_k` is the depth at which half of the shorter of arithmetic and memory does not hide behind the longer: a
    block can't compute while it loads its first tiles and writes its result. `split_s` is the fixed time of a split of
    K, `k_step_s` the latency of 64 elements of K in one block.
    """

    starve: float
    exposed_k: float
    split_s: float
    k_step_s: float

    def exposed_share(self, depth: int) -> float:
        """Share of the shorter of arithmetic and memory that adds to the longer.

        >>> TileConstants(starve=0, exposed_k=64, split_s=0, k_step_s=0).exposed_share(192)
        0.25
        """
        return self.exposed_k / (self.exposed_k + depth) if self.exposed_k else 0.0


# Fitted to 16-bit linear layers of four GPUs; `starve` is for an A100 and grows with the FLOP/s of one multiprocessor.
MATRIX_TILES = TileConstants(starve=36.0, exposed_k=140.0, split_s=2.6e-6, k_step_s=0.022e-6)
# Fitted to float32 linear layers and batched products of four GPUs: plain multiply-adds starve less.
VECTOR_TILES = TileConstants(starve=0.05, exposed_k=64.0, split_s=0.1e-6, k_step_s=0.0)


class AttentionConstants(Struct, frozen=True):
    """How fused attention kernels use the engines.

    `sustained` is the share of the matrix peak on full tiles, `bandwidth` the share of the memory bandwidth on a long
    cache, `fixed_s` the time of the smallest call, `block_s` what a block costs beyond its arithmetic,
    `exposed_special` the share of the exponentials' time that hides behind nothing.
    `packs_queries`: the query heads that share a key head fill one tile of queries together.
    """

    sustained: float
    bandwidth: float
    fixed_s: float
    block_s: float
    exposed_special: float
    packs_queries: bool


POOLED_ATTENTION = AttentionConstants(
    sustained=0.65, bandwidth=0.85, fixed_s=10e-6, block_s=3e-6, exposed_special=0.5, packs_queries=False
)
# Pooled over the GPUs that were measured (docs/time.md).
POOLED_SUSTAINED: Mapping[str, float] = {"float16": 0.78, "tf32": 0.78, "float32": 0.75}
POOLED_BANDWIDTH_SHARES: Mapping[KernelClass, float] = {
    "product": 0.83,
    "conv": 0.83,
    "elementwise": 0.88,
    "softmax": 0.79,
    "norm": 0.7,
    "rms_norm": 0.4,
    "gated": 0.55,
    "other": 0.85,
}
# The latency of one step of 1,024 elements along a row, where one block works on a row.
POOLED_ROW_STEP_S = 0.6e-6


class GpuModel(Struct, frozen=True):
    """The engines of a GPU, the share of each that good kernels sustain, and its fixed times.

    `matrix_flops_per_s` by math type: ONNX element types and "tf32"; a type without a matrix unit is absent.
    `vector_flops_per_s` by element type. `sustained` by math type, `bandwidth_shares` by kernel class.
    """

    sm_count: int
    matrix_flops_per_s: Mapping[str, float]
    vector_flops_per_s: Mapping[str, float]
    special_ops_per_s: float
    dram_bytes_per_s: float
    l2_bytes_per_s: float
    launch_s: float
    dispatch_s: float
    sustained: Mapping[str, float] = field(default_factory=dict)
    bandwidth_shares: Mapping[KernelClass, float] = field(default_factory=dict)
    attention: AttentionConstants = POOLED_ATTENTION
    matrix_tiles: TileConstants = MATRIX_TILES
    vector_tiles: TileConstants = VECTOR_TILES
    row_step_s: float = POOLED_ROW_STEP_S
    # By dotted path in the profile, as in `sustained.float16` or `launch_us`.
    origins: Mapping[str, Origin] = field(default_factory=dict)

    def sustained_share(self, math: str) -> float:
        """Share of the datasheet peak that products with large tiles sustain in this math type."""
        key = self._sustained_key(math)
        return self.sustained.get(key, POOLED_SUSTAINED[_like(key)])

    def sustained_origin(self, math: str) -> Origin:
        """Where that share comes from."""
        return self.origin(f"sustained.{self._sustained_key(math)}")

    def _sustained_key(self, math: str) -> str:
        """The type whose share counts for `math`: itself, or the one that its unit was measured in."""
        return math if math in self.sustained else _like(math)

    def bandwidth_share(self, kernel_class: KernelClass) -> float:
        """Share of the memory bandwidth that long streams of this class reach."""
        if kernel_class == "attention":
            return self.attention.bandwidth
        share = self.bandwidth_shares.get(kernel_class)
        if share is None and kernel_class == "conv":
            share = self.bandwidth_shares.get("product")
        return POOLED_BANDWIDTH_SHARES[kernel_class] if share is None else share

    def bandwidth_origin(self, kernel_class: KernelClass) -> Origin:
        """Where that share comes from."""
        known = kernel_class if kernel_class in self.bandwidth_shares or kernel_class != "conv" else "product"
        return self.origin(f"bandwidth_share.{known}")

    def origin(self, name: str) -> Origin:
        """Where the figure at a path of the profile comes from; `assumed` for pooled ones that it does not state."""
        return self.origins.get(name, "assumed")


def _like(math: str) -> str:
    """The pooled share that stands for a math type: that of 16 bit for every matrix type but TF32."""
    if math in POOLED_SUSTAINED:
        return math
    return (
        "float32" if math in ("float64", "int16", "uint16", "int32", "uint32", "int64", "uint64", "bool") else "float16"
    )
