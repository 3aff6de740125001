"""Time of fused attention on a GPU: the tiles that the kernels compute, exponentials, blocks, and the cache's bytes.

```
rows     = queries, or queries x heads/kv_heads where the heads of a key head share a tile (always for one query)
blocks   = batch x heads x ceil(rows / 128)             heads: kv_heads where they share a tile
tiles    = blocks x ceil(visible keys / 64), averaged over the blocks: causal and windowed blocks skip masked tiles
matrix   = tiles 128 x 64 x 2 (head_dim + value_dim) / (peak sustained)
special  = tiles 128 x 64 / special rate                exponentials; `exposed_special` of it hides behind nothing
t        = fixed + max(busy, dram) + 0.2 min(busy, dram)
busy     = matrix + exposed_special x special + block_s max(0, blocks/SM - 1)
```
A prefill takes as long as its longest block, whatever the other multiprocessors do: where `longest` key tiles on every
multiprocessor are more than `tiles`, they count. Decode divides a cache over all of them.
Source: FlashAttention-2 and -3 (tiles, packed heads, exponentials); constants fitted, docs/time.md.
"""

from functools import lru_cache

from msgspec import Struct

from onnx_roofline.hardware.gpu_model import GpuModel
from onnx_roofline.ir.kernel_work import Product
from onnx_roofline.ir.masking import Masking
from onnx_roofline.timing.products import matrix_peak

TILE_QUERIES, TILE_KEYS = 128, 64
# Share of the shorter of arithmetic and memory that hides behind the longer. Fitted with the constants of attention.
_OVERLAP = 0.8


class Attention(Struct, frozen=True):
    """One call: `queries` of each of `heads` query heads against the `keys` of the key head that they share.

    `heads` and `kv_heads` are those of the whole batch.
    """

    heads: int
    kv_heads: int
    queries: int
    keys: int
    head_dim: int
    value_dim: int
    causal: bool = False
    window: int = 0  # 0: no window


def call_of(scores: Product, values: Product, masking: Masking) -> Attention:
    """The call that two products of a kernel are: of a key head with the queries of all heads that share it."""
    queries = max(1, scores.vectors // masking.group)
    return Attention(
        scores.batch * masking.group,
        scores.batch,
        queries,
        scores.outputs,
        scores.depth,
        values.outputs,
        masking.causal,
        masking.window,
    )


class AttentionTiles(Struct, frozen=True):
    """What a fused kernel computes: blocks, tiles of 128 queries x 64 keys over all of them and of the longest one, and
    whether it is decode.
    """

    blocks: int
    tiles: float
    longest: int
    divides_keys: bool


class AttentionTime(Struct, frozen=True):
    """Seconds by engine, without the launch; `fixed_s` is in `total_s`. Without a unit for the math type the products
    run on the vector units.
    """

    product_s: float
    is_matrix: bool
    special_s: float
    blocks_s: float
    fixed_s: float
    total_s: float


@lru_cache(maxsize=4096)
def attention_tiles(call: Attention, *, packs_queries: bool) -> AttentionTiles:
    """The tiles of a call; masked tiles are skipped, the tiles on the diagonal are computed whole.

    >>> attention_tiles(Attention(8, 8, 1024, 1024, 64, 64), packs_queries=False)  # 8 query tiles, 16 key tiles
    AttentionTiles(blocks=64, tiles=1024.0, longest=16, divides_keys=False)
    >>> attention_tiles(Attention(8, 8, 1024, 1024, 64, 64, causal=True), packs_queries=False)  # mean of 2 and 16
    AttentionTiles(blocks=64, tiles=576.0, longest=16, divides_keys=False)
    """
    group = max(1, call.heads // max(1, call.kv_heads)) if packs_queries or call.queries == 1 else 1
    block_rows = -(-call.queries * group // TILE_QUERIES)
    blocks = call.heads // group * block_rows
    span = max(1, min(call.queries, TILE_QUERIES // group))  # query positions in one tile
    last = call.keys
    first = min(last, call.keys - call.queries + span) if call.causal else last
    most = min(last, call.window + span) if call.window else last
    tiles = blocks * _mean_tiles(first, last, most, block_rows)
    return AttentionTiles(blocks, tiles, -(-min(last, most) // TILE_KEYS), call.queries == 1)


def _mean_tiles(first: int, last: int, most: int, count: int) -> float:
    """Mean key tiles of `count` blocks whose visible keys grow evenly from `first` to `last`, at most `most`."""
    low, high, limit = (-(-keys // TILE_KEYS) for keys in (first, last, most))
    if count == 1 or low == high:
        return float(min(high, limit))
    if limit >= high:
        return (low + high) / 2
    if limit <= low:
        return float(limit)
    grows = (limit - low) / (high - low)  # share of the blocks below the limit
    return grows * (low + limit) / 2 + (1 - grows) * limit


def attention_time(gpu: GpuModel, call: Attention, math: str, dram_s: float) -> AttentionTime:
    """One call whose operands take `dram_s` to move."""
    constants, sms = gpu.attention, gpu.sm_count
    found = attention_tiles(call, packs_queries=constants.packs_queries)
    peak = matrix_peak(gpu, math)
    is_matrix, sustained = peak is not None, constants.sustained
    if peak is None:
        peak = gpu.vector_flops_per_s.get(math, gpu.vector_flops_per_s["float32"])
        sustained = gpu.sustained_share("float32")
    # The longest block is done by one multiprocessor, whatever the others do meanwhile.
    tiles = found.tiles if found.divides_keys else max(found.tiles, float(found.longest * sms))
    elements = tiles * TILE_QUERIES * TILE_KEYS
    product_s = elements * 2 * (call.head_dim + call.value_dim) / (peak * sustained)
    special_s = elements / gpu.special_ops_per_s
    blocks_s = constants.block_s * max(0.0, found.blocks / sms - 1)
    busy_s = product_s + constants.exposed_special * special_s + blocks_s
    total_s = constants.fixed_s + max(busy_s, dram_s) + (1 - _OVERLAP) * min(busy_s, dram_s)
    return AttentionTime(product_s, is_matrix, special_s, blocks_s, constants.fixed_s, total_s)
