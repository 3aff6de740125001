"""Time of products on a GPU: the best tile and split of K, arithmetic against memory.

```
t  = min over tiles (tm, tn) and splits s of [ max(tc, tb) + exposed min(tc, tb) + k_step ceil(K/s/64) + split ]
tc = max(1, blocks s / SM) 2 tm tn ceil32(K/s) / (peak/SM sustained e)          blocks = batch ceil(M/tm) ceil(N/tn)
e  = (1 + starve (384/32768)) / (1 + starve (tm+tn)/(tm tn))                    1 for the largest tile, 256 x 128
exposed = exposed_k / (exposed_k + K)                                           what a block can't overlap
split = 0 for s = 1, else split_s + 8 s batch M N / (2.5 bandwidth)             partial sums, float32, written and read
```
Waves are left out: with them the fit is worse (docs/time.md). Ignores clocks that fall under load within a run.
Source: fitted to measured linear layers and batched products, docs/time.md.
"""

from functools import lru_cache

from msgspec import Struct

from onnx_roofline.base.units import DTYPE_BITS
from onnx_roofline.hardware.gpu_model import A100_SM_FLOPS_PER_S, GpuModel, TileConstants
from onnx_roofline.ir.kernel_work import Product

Tile = tuple[int, int]
# How float32 operands may enter a matrix unit.
_FLOAT32_MATH = ("tf32", "bf16x3")


def _tiles(*tiles: Tile) -> tuple[tuple[int, int, int, int], ...]:
    """Tiles with the extents up to which half of the tile, also there, covers as much and is never slower."""
    return tuple(
        (tm, tn, tm // 2 if (tm // 2, tn) in tiles else 0, tn // 2 if (tm, tn // 2) in tiles else 0) for tm, tn in tiles
    )


_SQUARE: tuple[Tile, ...] = ((128, 128), (128, 64), (64, 128), (64, 64), (32, 64), (64, 32), (32, 32))
MATRIX_TILES = _tiles((256, 128), (128, 256), *_SQUARE)
# Plain multiply-adds have no fragment to fill: matrix-vector kernels take as few as one column.
VECTOR_TILES = _tiles((256, 128), (128, 256), *_SQUARE, (128, 8), (8, 128), (128, 1), (1, 128))
# Convolutions on the vector units come in large tiles only. Source: fitted, docs/time.md.
CONVOLUTION_TILES = _tiles((128, 128), (128, 64), (64, 128), (128, 32))
SPLITS = (2, 3, 4, 6, 8, 12, 16)
_LARGEST = (256 + 128) / (256 * 128)
# The L2 takes partial sums at about 2.5 times the memory bandwidth. Source: XLA's GPU cost model.
_L2_OVER_DRAM = 2.5
_PARTIAL_BYTES = 8  # a float32 written and read
_K_STEP = 64
_K_FRAGMENT = 32


class ProductTime(Struct, frozen=True):
    """Seconds of one product without launch: arithmetic, and what split and K loop add; the tile that was best."""

    arithmetic_s: float
    added_s: float
    total_s: float
    tile: Tile
    split: int


class Engine(Struct, frozen=True):
    """The engine that a product runs on: sustained FLOP/s of all multiprocessors with the largest tile."""

    flops_per_s: float
    sm_count: int
    tiles: TileConstants
    starve: float
    is_matrix: bool
    dram_bytes_per_s: float


def engine_of(gpu: GpuModel, math: str, *, matrix: bool = True) -> Engine | None:
    """The engine for products in a math type, the matrix unit where there is one; None where the GPU has neither."""
    peak = matrix_peak(gpu, math) if matrix else None
    if peak is not None:
        # A tile is fed in bytes: twice as many for TF32, at half of the rate of 16 bit.
        fed = peak / gpu.sm_count / A100_SM_FLOPS_PER_S * operand_bytes(math) / 2
        starve = gpu.matrix_tiles.starve * fed
        sustained = peak * gpu.sustained_share("bfloat16" if math == "bf16x3" else math)
        return Engine(sustained, gpu.sm_count, gpu.matrix_tiles, starve, True, gpu.dram_bytes_per_s)
    plain = "float32" if math in _FLOAT32_MATH else math
    peak = gpu.vector_flops_per_s.get(plain)
    if peak is None:
        return None
    sustained = peak * gpu.sustained_share("float32" if plain not in gpu.sustained else plain)
    return Engine(sustained, gpu.sm_count, gpu.vector_tiles, gpu.vector_tiles.starve, False, gpu.dram_bytes_per_s)


def matrix_peak(gpu: GpuModel, math: str) -> float | None:
    """FLOP/s of the matrix unit in a math type; three bfloat16 products for one are a third of their rate."""
    if math == "bf16x3":
        peak = gpu.matrix_flops_per_s.get("bfloat16")
        return None if peak is None else peak / 3
    return gpu.matrix_flops_per_s.get(math)


def operand_bytes(math: str) -> float:
    """Bytes of an operand's element as a unit takes it."""
    return 4 if math in _FLOAT32_MATH else DTYPE_BITS.get(math, 16) / 8


@lru_cache(maxsize=4096)
def product_time(engine: Engine, product: Product, dram_s: float, *, convolution: bool = False) -> ProductTime:
    """The best tile and split for a product whose operands take `dram_s` to move; no split for a convolution.

    >>> engine = Engine(1e14, 100, TileConstants(0.0, 0.0, 0.0, 0.0), 0.0, True, 1e12)
    >>> found = product_time(engine, Product(1, 1280, 64, 2560), 0.0)  # 100 blocks of 256 x 128, one for each SM
    >>> found.tile, found.split, f"{found.arithmetic_s:.4g}"  # 2 * 2560 * 1280 * 64 / 1e14
    ((256, 128), 1, '4.194e-06')
    """
    constants, sms = engine.tiles, engine.sm_count
    batch, m, n, k = product.batch, product.vectors, product.outputs, product.depth
    exposed = constants.exposed_share(k)
    best: tuple[float, float, float, Tile, int] = (float("inf"), 0.0, 0.0, (0, 0), 1)
    base = 1 + engine.starve * _LARGEST
    per_sm = engine.flops_per_s / sms
    depth_1 = -(-k // _K_FRAGMENT) * _K_FRAGMENT
    added_1 = constants.k_step_s * -(-k // _K_STEP)
    partial_s = _PARTIAL_BYTES * batch * m * n / (_L2_OVER_DRAM * engine.dram_bytes_per_s)
    tiles = MATRIX_TILES if engine.is_matrix else CONVOLUTION_TILES if convolution else VECTOR_TILES
    for tm, tn, half_m, half_n in tiles:
        if m <= half_m or n <= half_n:
            continue
        blocks = batch * -(-m // tm) * -(-n // tn)
        block_s = 2 * tm * tn * (1 + engine.starve * (tm + tn) / (tm * tn)) / (per_sm * base)  # for one of K
        arithmetic_s = block_s * depth_1 * (blocks / sms if blocks > sms else 1.0)
        busy_s = max(arithmetic_s, dram_s) + exposed * min(arithmetic_s, dram_s)
        if busy_s + added_1 < best[0]:
            best = busy_s + added_1, arithmetic_s, added_1, (tm, tn), 1
        if convolution or blocks >= sms or k < 2 * _K_FRAGMENT or dram_s + constants.split_s >= best[0]:
            continue
        before_s = float("inf")
        for split in SPLITS:
            part = -(-k // split)
            depth = -(-part // _K_FRAGMENT) * _K_FRAGMENT
            many = blocks * split
            arithmetic_s = block_s * depth * (many / sms if many > sms else 1.0)
            added_s = constants.k_step_s * -(-part // _K_STEP) + constants.split_s + split * partial_s
            total_s = max(arithmetic_s, dram_s) + exposed * min(arithmetic_s, dram_s) + added_s
            if total_s < best[0]:
                best = total_s, arithmetic_s, added_s, (tm, tn), split
            if total_s > before_s:
                break
            before_s = total_s
    return ProductTime(arithmetic_s=best[1], added_s=best[2], total_s=best[0], tile=best[3], split=best[4])
