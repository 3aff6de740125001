"""Closed forms against exhaustive tile search, and the laws of traffic against capacity."""

import itertools
import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onnx_roofline.memory.tiling import (
    ConvShape,
    Widths,
    attention_bytes,
    chain_bytes,
    conv_bytes,
    gemm_bytes,
    tile_sizes,
)

ELEMENTS = Widths(1, 1, 1, 1)


def _exhaustive_gemm(m: int, n: int, k: int, capacity: int) -> int:
    """Least traffic over all tile sizes and six loop orders; an operand stays while loops that it lacks run inside."""
    # The last resort of the search: one partial sum stays, every product fetches both factors.
    best = m * n * k * 2 + m * n
    for tm, tn, tk in itertools.product(range(1, m + 1), range(1, n + 1), range(1, k + 1)):
        if tm * tk + tk * tn + tm * tn > capacity:
            continue
        trips = {"m": -(-m // tm), "n": -(-n // tn), "k": -(-k // tk)}
        for order in itertools.permutations("mnk"):
            loads = {}
            for name, dims in (("a", "mk"), ("b", "kn"), ("c", "mn")):
                # Loops of one trip do not evict anything.
                innermost = max((i for i, loop in enumerate(order) if loop in dims and trips[loop] > 1), default=-1)
                loads[name] = math.prod(trips[loop] for loop in order[: innermost + 1] if loop not in dims)
            moved = m * k * loads["a"] + k * n * loads["b"] + m * n * (2 * loads["c"] - 1)
            best = min(best, moved)
    return int(best)


def test_gemm_search_equals_the_exhaustive_one_in_400_of_400() -> None:
    draw = random.Random(7)
    for _ in range(400):
        m, n, k = (draw.randint(1, 14) for _ in range(3))
        capacity = draw.randint(3, 120)
        assert gemm_bytes(m, n, k, ELEMENTS, capacity).moved_bytes == _exhaustive_gemm(m, n, k, capacity), (
            m,
            n,
            k,
            capacity,
        )


def _exhaustive_conv(shape: ConvShape, capacity: int) -> int:
    """Least traffic over every image, position and channel tile size of the same families, useful or not."""
    taps = math.prod(shape.kernel)
    weight = shape.channels_in * shape.channels_out * taps
    once = math.prod(shape.footprint(axis, 1) for axis in range(2))
    source = shape.images * shape.channels_in * once
    result = shape.images * shape.channels_out * math.prod(shape.output)
    found = [shape.images * shape.channels_out * math.prod(shape.output) * shape.channels_in * taps * 2 + result]
    span = (shape.kernel[0] - 1) * shape.dilations[0] + 1
    window = shape.channels_in * min(span, shape.input[0]) * shape.input[1]
    for z in range(1, shape.channels_out + 1):
        if window + z * (shape.channels_in * taps + 1) <= capacity:
            found.append(weight + source * -(-shape.channels_out // z) + result)
    if source // shape.images + shape.channels_in * taps + 1 <= capacity:
        found.append(weight * shape.images + source + result)
    if source + shape.channels_in * taps + 1 <= capacity:
        found.append(weight + source + result)
    ranges = [range(1, extent + 1) for extent in (shape.images, *shape.output, shape.channels_out)]
    for b, x, y, z in itertools.product(*ranges):
        reach = [(t - 1) * s + (k - 1) * d + 1
                 for t, s, k, d in zip((x, y), shape.strides, shape.kernel, shape.dilations, strict=True)]  # fmt: skip
        if b * math.prod(reach) + b * x * y * z + taps * z > capacity:
            continue
        nx, ny = -(-shape.output[0] // x), -(-shape.output[1] // y)
        read = shape.footprint(0, nx) * shape.footprint(1, ny)
        moved = shape.images * shape.channels_in * read * -(-shape.channels_out // z)
        found.append(moved + weight * -(-shape.images // b) * nx * ny + result)
    return max(min(found), weight + source + result)


def test_conv_search_equals_the_exhaustive_one_in_100_of_100() -> None:
    draw = random.Random(11)
    for _ in range(100):
        kernel = (draw.randint(1, 3), draw.randint(1, 3))
        strides = (draw.randint(1, 3), draw.randint(1, 3))
        dilations = (draw.randint(1, 2), draw.randint(1, 2))
        output = (draw.randint(1, 7), draw.randint(1, 7))
        spans = [(o - 1) * s + (k - 1) * d + 1
                 for o, s, k, d in zip(output, strides, kernel, dilations, strict=True)]  # fmt: skip
        size = tuple(max(1, span - draw.randint(0, 1)) for span in spans)
        shape = ConvShape(
            draw.randint(1, 5), draw.randint(1, 6), draw.randint(1, 3), size, output, kernel, strides, dilations
        )
        capacity = draw.randint(8, 400)
        assert conv_bytes(shape, ELEMENTS, capacity).moved_bytes == _exhaustive_conv(shape, capacity), (shape, capacity)


@given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 300), st.integers(3, 20000), st.integers(0, 20000))
def test_gemm_traffic_never_rises_with_capacity_and_stays_above_the_bound(
    m: int, n: int, k: int, capacity: int, more: int
) -> None:
    small = gemm_bytes(m, n, k, ELEMENTS, capacity).moved_bytes
    assert gemm_bytes(m, n, k, ELEMENTS, capacity + more).moved_bytes <= small
    assert small >= m * k + k * n + m * n
    # Smith et al.: 2 M N K / sqrt(S) - 2 S
    assert small >= 2 * m * n * k / math.sqrt(capacity) - 2 * capacity
    assert gemm_bytes(m, n, k, ELEMENTS, 10**9).moved_bytes == m * k + k * n + m * n


@settings(max_examples=50)
@given(st.integers(1, 64), st.integers(1, 64), st.integers(1, 20), st.integers(1, 4), st.integers(100, 10**6))
def test_conv_traffic_never_rises_with_capacity_and_ends_at_each_operand_once(
    channels: int, filters: int, size: int, images: int, capacity: int
) -> None:
    shape = ConvShape(channels, filters, images, (size, size), (size, size), (3, 3), (1, 1), (1, 1))
    small = conv_bytes(shape, ELEMENTS, capacity).moved_bytes
    assert conv_bytes(shape, ELEMENTS, 2 * capacity).moved_bytes <= small
    once = images * channels * size**2 + 9 * channels * filters + images * filters * size**2
    assert small >= once
    assert conv_bytes(shape, ELEMENTS, 10**9).moved_bytes == once


@pytest.mark.parametrize("length", [128, 512, 2048, 8192, 32768])
def test_attention_follows_the_published_complexity(length: int) -> None:
    """Theta(N^2 d^2 / S): doubling the capacity halves the part that grows with N^2, within a tile's rounding."""
    depth, capacity = 64, 100 * 1024
    moved = attention_bytes(length, length, depth, depth, 2.0, capacity).moved_bytes
    once = 2 * length * 2 * depth * 2
    assert moved >= once
    again = moved - length * 2 * depth * 2
    wider = attention_bytes(length, length, depth, depth, 2.0, 2 * capacity).moved_bytes - length * 2 * depth * 2
    if length >= 8192:
        assert 1.9 < again / wider < 2.1


def test_a_chain_saves_the_intermediate_where_its_rows_fit() -> None:
    # 128 rows through 768 -> 3072 -> 768 in float16: the 2 * 128 * 3072 * 2 bytes in between are not moved.
    widths = Widths(2, 2, 2)
    chain = chain_bytes(128, 768, 3072, 768, widths, 4 * 2**20)
    assert chain is not None
    assert chain.moved_bytes == (128 * 768 + 128 * 768 + 768 * 3072 + 3072 * 768) * 2
    assert chain_bytes(128, 768, 3072, 768, widths, 1000) is None


@given(st.integers(1, 10_000))
def test_tile_sizes_are_the_distinct_quotients(extent: int) -> None:
    assert list(tile_sizes(extent)) == sorted({-(-extent // i) for i in range(1, extent + 1)}, reverse=True)


@pytest.mark.parametrize("extent", [10**9, 10**18])
def test_the_tiles_of_a_huge_extent_are_few_and_close(extent: int) -> None:
    """Within 1 / 4096 of one another, or neighbours among the distinct quotients; not 2 x the root of the extent."""
    sizes = list(tile_sizes(extent))
    assert len(sizes) < 200_000
    assert (sizes[0], sizes[-1]) == (extent, 1)
    for larger, size in itertools.pairwise(sizes):
        count = -(-extent // larger)
        assert larger - size <= size / 2000 or size == -(-extent // (count + 1)) or size == larger - 1


def test_a_product_of_a_huge_extent_is_searched_in_no_time() -> None:
    """Rows stream once where the other operand, 10^6 x 4 B, fits into 40 MB: m k 4 + k n 4 + m n 4."""
    m, k, n = 10**18 - 1, 1000, 1000
    assert gemm_bytes(m, n, k, Widths(4, 4, 4), 40_000_000).moved_bytes == pytest.approx(
        8 * m * 1000 + 4_000_000, rel=1e-15
    )
