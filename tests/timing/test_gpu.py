"""The time of a kernel by engine, in round figures: every expected value is the formula of docs/time.md by hand."""

import pytest
from msgspec.structs import replace

from onnx_roofline.hardware import GpuModel, load_device
from onnx_roofline.hardware.gpu_model import AttentionConstants, TileConstants
from onnx_roofline.ir.kernel_work import KernelWork, Operations, Product
from onnx_roofline.ir.masking import Masking
from onnx_roofline.timing.attention import Attention, attention_tiles
from onnx_roofline.timing.gpu import Bytes, gpu_time

NO_LOSS = TileConstants(starve=0.0, exposed_k=0.0, split_s=1.0, k_step_s=0.0)
GPU = GpuModel(
    sm_count=100,
    matrix_flops_per_s={"float16": 100e12, "bfloat16": 90e12, "tf32": 50e12},
    vector_flops_per_s={"float32": 10e12, "float16": 20e12},
    special_ops_per_s=1e12,
    dram_bytes_per_s=1e12,
    l2_bytes_per_s=4e12,
    launch_s=2e-6,
    dispatch_s=8e-6,
    sustained={"float16": 1.0, "bfloat16": 1.0, "tf32": 1.0, "float32": 1.0},
    bandwidth_shares={"product": 1.0, "conv": 1.0, "elementwise": 0.5, "softmax": 0.8},
    attention=AttentionConstants(1.0, 1.0, 10e-6, 0.0, 0.5, packs_queries=False),
    matrix_tiles=NO_LOSS,
    vector_tiles=NO_LOSS,
    row_step_s=1e-6,
)
NOTHING = Bytes(0, 0)


def product_work(*products: Product, dtype: str = "float16", **rest: object) -> KernelWork:
    macs = sum(one.macs for one in products)
    kinds = {"kernel_class": "product", **rest}
    return KernelWork(dtype=dtype, operations=(Operations(dtype, 2 * macs, macs),), products=products, **kinds)


def stream(vector: int, special: int = 0, kernel_class: str = "elementwise", **rest: object) -> KernelWork:
    operations = (Operations("float32", vector + special, special=special),)
    return KernelWork(dtype="float32", operations=operations, kernel_class=kernel_class, **rest)


# A hundred blocks of 256 x 128, one for each multiprocessor.
FULL = Product(1, outputs=1280, depth=1024, vectors=2560)
FULL_S = 2 * 1280 * 1024 * 2560 / 100e12


def test_a_product_of_whole_tiles_takes_its_operations_over_the_peak():
    found = gpu_time(GPU, product_work(FULL), NOTHING)
    assert found.total_s == pytest.approx(2e-6 + FULL_S, rel=1e-12)
    assert found.engines == {"matrix": pytest.approx(FULL_S)}
    assert found.bound == "matrix"


def test_a_product_of_one_vector_more_pays_for_another_row_of_tiles():
    # 2561 vectors in tiles of 32, which starve no more than large ones here: 81 rows of tiles, 2592 vectors.
    found = gpu_time(GPU, product_work(replace(FULL, vectors=2561)), NOTHING)
    assert found.engines["matrix"] == pytest.approx(FULL_S * 2592 / 2560)


def test_small_tiles_starve():
    starved = replace(GPU, matrix_tiles=replace(NO_LOSS, starve=32.0))
    small = Product(1, outputs=32, depth=1024, vectors=32 * 100)
    starve = 32.0 * 100e12 / 100 / (312e12 / 108)  # grows with the rate of one multiprocessor
    largest, tile = 1 + starve * 384 / 32768, 1 + starve * 64 / 1024
    found = gpu_time(starved, product_work(small), NOTHING)
    # 100 tiles of 32 x 32; those of 64 x 32 are 50, which leave half of the units idle.
    assert found.engines["matrix"] == pytest.approx(2 * small.macs / 100e12 * tile / largest)


@pytest.mark.parametrize(
    ("math", "rate"), [("", 10e12), ("tf32", 50e12), ("bf16x3", 30e12)], ids=["vector", "tf32", "three bfloat16"]
)
def test_float32_products_run_in_the_math_that_the_kernel_states(math, rate):
    found = gpu_time(GPU, product_work(FULL, dtype="float32", math=math), NOTHING)
    assert found.total_s == pytest.approx(2e-6 + 2 * FULL.macs / rate)
    assert found.bound == ("matrix" if math else "vector")


def test_a_gpu_without_tf32_runs_such_products_on_its_vector_units():
    old = replace(GPU, matrix_flops_per_s={"float16": 100e12})
    assert gpu_time(old, product_work(FULL, dtype="float32", math="tf32"), NOTHING).bound == "vector"


def test_the_longer_of_arithmetic_and_memory_counts():
    found = gpu_time(GPU, product_work(FULL), Bytes(dram=100e6, on_chip=100e6))
    assert found.total_s == pytest.approx(2e-6 + 100e-6)  # 100 MB at 1 TB/s, beside 67 us
    assert found.bound == "dram"


def test_depth_that_does_not_hide_adds_a_share_of_the_shorter():
    gpu = replace(GPU, matrix_tiles=replace(NO_LOSS, exposed_k=1024.0))  # half, at a depth of 1,024
    found = gpu_time(gpu, product_work(FULL), Bytes(100e6, 100e6))
    assert found.total_s == pytest.approx(2e-6 + 100e-6 + FULL_S / 2)


def test_a_skinny_product_splits_its_depth_over_idle_units():
    gpu = replace(GPU, matrix_tiles=replace(NO_LOSS, split_s=1e-6))
    skinny = Product(1, outputs=1024, depth=16384, vectors=32)
    # 32 tiles of 32 x 32 on 100 units; in 3 parts 96 blocks of a third of the depth, which is 5,472 in whole 32s.
    whole_s, part_s = (2 * 32 * 32 * depth / 1e12 for depth in (16384, 5472))
    partial_s = 8 * 3 * 32 * 1024 / (2.5 * 1e12)  # partial sums, written and read
    assert gpu_time(GPU, product_work(skinny), NOTHING).total_s == pytest.approx(2e-6 + whole_s)
    assert gpu_time(gpu, product_work(skinny), NOTHING).total_s <= 2e-6 + part_s + 1e-6 + partial_s


def test_what_stays_on_chip_costs_the_bandwidth_of_the_l2():
    found = gpu_time(GPU, stream(10), Bytes(dram=0, on_chip=40e6))
    assert found.total_s == pytest.approx(2e-6 + 40e6 / 4e12)
    assert found.bound == "l2"


def test_elementwise_arithmetic_runs_on_vector_and_special_units():
    found = gpu_time(GPU, stream(vector=100_000_000, special=50_000_000), NOTHING)
    assert found.engines == {"vector": pytest.approx(1e-5), "special": pytest.approx(5e-5)}  # 1e8 / 1e13, 5e7 / 1e12
    assert found.total_s == pytest.approx(2e-6 + 5e-5)
    assert found.bound == "special"


def test_a_softmax_takes_its_rows_step_by_step():
    found = gpu_time(GPU, stream(1, kernel_class="softmax", row_elements=4096), NOTHING)
    assert found.total_s == pytest.approx(2e-6 + 4e-6)  # 4 steps of 1,024
    assert found.bound == "latency"


def test_each_class_reaches_its_share_of_the_bandwidth():
    size = Bytes(8e6, 8e6)
    assert gpu_time(GPU, stream(1), size).total_s == pytest.approx(2e-6 + 8e6 / 0.5e12)
    assert gpu_time(GPU, stream(1, kernel_class="softmax"), size).total_s == pytest.approx(2e-6 + 8e6 / 0.8e12)


def test_the_first_convolution_pads_its_channels_or_leaves_the_matrix_unit():
    first = Product(1, outputs=64, depth=3 * 49, vectors=112 * 112 * 32, taps=49)
    found = gpu_time(GPU, product_work(first, kernel_class="conv"), NOTHING)
    # 8 of 3 channels: 392 of K, in whole 32s 416; the 64 outputs fit the tiles of 64.
    assert found.engines["matrix"] == pytest.approx(2 * 64 * 416 * 112 * 112 * 32 / 100e12)
    slow = replace(GPU, matrix_flops_per_s={"float16": 10e12})
    assert gpu_time(slow, product_work(first, kernel_class="conv"), NOTHING).bound == "vector"  # 20 T, 147 of K


def test_a_depthwise_convolution_contracts_no_channels():
    depthwise = Product(512, outputs=1, depth=9, vectors=196, taps=9)
    found = gpu_time(GPU, product_work(depthwise, kernel_class="conv"), Bytes(1e6, 1e6))
    assert found.engines["vector"] == pytest.approx(2 * 512 * 9 * 196 / 20e12)
    assert "matrix" not in found.engines


def attention(queries: int, keys: int, heads: int = 64, width: int = 128, **masking: object) -> KernelWork:
    scores = Product(heads, keys, width, queries, part="scores")
    values = Product(heads, width, keys, queries, part="values")
    return product_work(scores, values, kernel_class="attention", masking=Masking(**masking))


def test_causal_attention_skips_masked_tiles():
    call = Attention(64, 64, 1024, 1024, 128, 128)
    whole = attention_tiles(call, packs_queries=False)
    causal = attention_tiles(replace(call, causal=True), packs_queries=False)
    # 8 blocks of queries a head; each sees 16 tiles of 64 keys, or 2 to 16 of them.
    assert (whole.tiles, causal.tiles) == (64 * 8 * 16, 64 * 8 * (2 + 16) / 2)


def test_attention_takes_as_long_as_its_longest_block():
    """Two heads are 16 blocks on 100 units: the last block of each head sees all 16 key tiles of 128 x 64."""
    found = gpu_time(GPU, attention(1024, 1024, heads=2, causal=True), NOTHING)
    elements = 16 * 128 * 64 * 100  # as if every unit did so many
    assert found.engines["matrix"] == pytest.approx(elements * 4 * 128 / 100e12)
    assert found.engines["special"] == pytest.approx(elements / 1e12)
    # More queries of a cache see fewer of its keys each, but no block of them sees fewer than before.
    times = [
        gpu_time(GPU, attention(queries, 4096, heads=2, causal=True), NOTHING).total_s for queries in (128, 256, 512)
    ]
    assert times == sorted(times)


def test_a_window_bounds_the_keys_of_a_block():
    call = Attention(64, 64, 1024, 1024, 128, 128, causal=True, window=128)
    # 256 keys at most, 4 tiles, from 2 in the first block on: 2, then 4 but for the first seventh.
    assert attention_tiles(call, packs_queries=False).tiles < 64 * 8 * 4


def test_halving_the_heads_halves_the_special_functions():
    """Twice as wide heads do the same products over half as many scores."""
    many, few = (gpu_time(GPU, attention(1024, 1024, heads, 4096 // heads), NOTHING) for heads in (64, 32))
    assert many.engines["special"] == pytest.approx(64 * 1024 * 1024 / 1e12)
    assert few.engines["special"] == pytest.approx(many.engines["special"] / 2)
    assert few.engines["matrix"] == pytest.approx(many.engines["matrix"])


def test_attention_adds_exposed_exponentials_and_its_fixed_time():
    found = gpu_time(GPU, attention(1024, 1024), NOTHING)
    matrix_s = 4 * 64 * 1024 * 1024 * 128 / 100e12
    special_s = 64 * 1024 * 1024 / 1e12
    # The launch is inside the fixed 10 us.
    assert found.total_s == pytest.approx(10e-6 + matrix_s + 0.5 * special_s)


def test_decode_reads_its_cache_at_the_bandwidth_of_attention():
    fast = replace(GPU, matrix_flops_per_s={"float16": 1000e12}, special_ops_per_s=10e12)
    found = gpu_time(fast, attention(1, 4096), Bytes(64 * 4096 * 128 * 4, 64 * 4096 * 128 * 4))
    assert found.bound == "dram"
    assert found.engines["dram"] == pytest.approx(64 * 4096 * 128 * 4 / 1e12)


def test_pim_at_work_leaves_less_bandwidth():
    alone, shared = (gpu_time(GPU, stream(1), Bytes(8e6, 8e6), bandwidth_share=share) for share in (1.0, 0.5))
    assert shared.total_s - 2e-6 == pytest.approx(2 * (alone.total_s - 2e-6))


def test_a_type_that_no_unit_takes_is_refused():
    found = gpu_time(replace(GPU, matrix_flops_per_s={}), product_work(FULL, dtype="float8e5m2"), NOTHING)
    assert (found.total_s, found.bound, found.reason) == (None, "unsupported", "no unit for float8e5m2")


@pytest.mark.parametrize("slug", ["a100-sxm-80gb", "h100-sxm", "l4", "rtx-4090"])
def test_more_work_never_takes_less_time(slug):
    gpu = load_device(slug).gpu
    last = 0.0
    for tokens in (1, 8, 64, 512, 4096, 32768):
        work = product_work(Product(1, 4096, 4096, tokens))
        size = 2 * 4096 * (4096 + 2 * tokens)
        found = gpu_time(gpu, work, Bytes(size, size)).total_s
        assert found >= last
        last = found


def test_a_convolution_counts_its_layout_before_it_chooses():
    """Padding 3 channels to 8 is faster by itself: 8 / 3 at five times the rate; with the layout it is not."""
    convolution = Product(1, 128, 3 * 9, 12_800, taps=9)
    found = [
        gpu_time(GPU, product_work(convolution, kernel_class="conv", layout_bytes=size), NOTHING)
        for size in (0, 4_000_000)
    ]
    assert [set(one.engines) for one in found] == [{"matrix"}, {"vector"}]
    with_layout_s = found[0].total_s + 4_000_000 / (1e12 * 0.25) + 2e-6
    assert found[0].total_s < found[1].total_s < with_layout_s


WORKS = {
    "float32 product": product_work(Product(1, 512, 512, 3), dtype="float32"),
    "float32 convolution": product_work(Product(1, 64, 576, 784, taps=9), dtype="float32", kernel_class="conv"),
    "first convolution": product_work(
        Product(1, 64, 147, 12_544, taps=49), dtype="float16", kernel_class="conv", layout_bytes=300_000
    ),
    "product": product_work(Product(1, 768, 768, 128)),
    "attention": attention(300, 300, heads=8, causal=True),
    "stream": stream(1_000_000, 100_000),
    "softmax": stream(1_000_000, 100_000, "softmax", row_elements=3000),
}


@pytest.mark.parametrize("slug", ["a100-sxm-80gb", "l4", "mi300x", "b200"])
def test_a_faster_figure_never_makes_a_kernel_slower(slug):
    """Peaks, rates, bandwidths and shares up or fixed times down, one at a time; half of a figure makes no new unit."""
    base = load_device(slug)
    for path in base.figures:
        if path.startswith(("check.", "energy.", "efficiency.")) or path in ("sm_count", "attention.exposed_special"):
            continue  # more units at the same peak are smaller ones
        gpus = [load_device(slug, {f"{slug}.{path}": factor}).gpu for factor in (0.5, 0.9, 1.0, 1.1, 2.0)]
        for name, work in WORKS.items():
            times = [gpu_time(gpu, work, Bytes(2_000_000, 3_000_000)).total_s for gpu in gpus]
            slowest_first = times[::-1] if path.endswith("_us") else times
            assert slowest_first == sorted(slowest_first, reverse=True), (path, name)
