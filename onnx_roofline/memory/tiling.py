"""Bytes that the best tiling of a contraction moves between memory and an on-chip memory of a given size.

All sizes are in bytes or elements as named; `capacity_bytes` is what tiles may fill. Each function answers the least
traffic of its family of tilings, so more capacity never costs more, and never less than each operand once.
"""

import itertools
from collections.abc import Iterator
from functools import lru_cache

from msgspec import Struct

from onnx_roofline.base.units import ceil_div, product

# Tiles of a huge extent that the search tells apart, at least so many for each doubling.
FINE = 4096


class Tiling(Struct, frozen=True):
    """The least traffic found, and what was kept on chip to get it."""

    moved_bytes: int
    kept: str


class Widths(Struct, frozen=True):
    """Bytes of one element: the two operands, the result, and a partial sum of the result."""

    lhs: float
    rhs: float
    out: float
    partial: float = 4.0


def tile_sizes(extent: int) -> Iterator[int]:
    """The distinct values of ceil(extent / i), largest first: sizes in between need as many tiles and more room.

    Of an extent above FINE x FINE, where both the sizes and their numbers are large, some: two neighbours differ by one
    FINE-th at most, so that a search of them is as short as that of a smaller extent and as good to one FINE-th.

    >>> list(tile_sizes(10))
    [10, 5, 4, 3, 2, 1]
    """
    tiles = 1
    while True:
        size = ceil_div(extent, tiles)
        yield size
        if size <= 1:
            return
        # The fewest tiles that make the size smaller than this one.
        tiles = max(ceil_div(extent, size - 1), tiles + tiles // FINE)


@lru_cache(maxsize=65536)
def gemm_bytes(m: int, n: int, k: int, widths: Widths, capacity_bytes: int) -> Tiling:
    """Traffic of [M, K] x [K, N] -> [M, N] with the result, the left or the right operand kept in tiles.

    A tile of the result [m, n] stays while one column of A and one row of B pass (k = 1); or a tile of A [m, k] stays
    while B passes column by column and partial sums come and go; or the same with B. A one-dimensional search over the
    tile's long side gives the best of all tile sizes and loop orders.

    Source: Smith, Lowery, Langou, van de Geijn, arXiv 1702.02017, for the bound 2MNK / sqrt(S) that this approaches.
    """
    a, b, c = m * k * widths.lhs, k * n * widths.rhs, m * n * widths.out
    compulsory = a + b + c
    if not (m and n and k):
        return Tiling(round(compulsory), "nothing to keep")
    # Without any reuse every product fetches both factors.
    best, kept = m * n * k * (widths.lhs + widths.rhs) + c, "one partial sum"
    for tile in tile_sizes(m):
        width = _room(capacity_bytes - tile * widths.lhs, tile * widths.partial + widths.rhs, n)
        if width:
            moved = a * ceil_div(n, width) + b * ceil_div(m, tile) + c
            if moved < best:
                best, kept = moved, f"a {tile} x {width} tile of the result"
    # The operand that stays, its extent outside K and the widths of its elements and of those that pass.
    for side, extent, stays, passes, width_here, width_there in (
        ("left", m, a, b, widths.lhs, widths.rhs),
        ("right", n, b, a, widths.rhs, widths.lhs),
    ):
        for tile in tile_sizes(extent):
            depth = _room(capacity_bytes - tile * widths.partial, tile * width_here + width_there, k)
            if depth:
                sums = 2 * m * n * (ceil_div(k, depth) - 1) * widths.partial
                moved = stays + passes * ceil_div(extent, tile) + c + sums
                if moved < best:
                    shape = f"{tile} x {depth}" if side == "left" else f"{depth} x {tile}"
                    best, kept = moved, f"a {shape} tile of the {side} operand"
    return Tiling(round(max(best, compulsory)), kept)


def _room(free_bytes: float, bytes_each: float, most: int) -> int:
    """How many of something fit, at most `most`; 0 where none does."""
    return max(0, min(most, int(free_bytes // bytes_each))) if free_bytes > 0 else 0


class ConvShape(Struct, frozen=True):
    """One group of a convolution: channels in and out, images, and per spatial axis input, output, taps and stride."""

    channels_in: int
    channels_out: int
    images: int
    input: tuple[int, ...]
    output: tuple[int, ...]
    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]

    @property
    def spans(self) -> tuple[int, ...]:
        """Input positions from the first to the last tap, by axis."""
        return tuple((taps - 1) * apart + 1 for taps, apart in zip(self.kernel, self.dilations, strict=True))

    def footprint(self, axis: int, tiles: int) -> int:
        """Input positions that `tiles` tiles along an axis read together, the halo between them read again.

        Positions that no tap meets (a stride wider than the kernel) are not read; padding is not read.
        """
        span = self.spans[axis]
        if span < self.strides[axis]:
            return min(self.input[axis], self.output[axis] * self.kernel[axis])
        once = min(self.input[axis], (self.output[axis] - 1) * self.strides[axis] + span)
        return once + (tiles - 1) * (span - self.strides[axis])


@lru_cache(maxsize=65536)
def conv_bytes(shape: ConvShape, widths: Widths, capacity_bytes: int) -> Tiling:
    """Traffic of one group of a convolution, weights as left operand, input as right one.

    Either a tile of the result stays (images b, positions x.., channels z) while its input window and taps pass one
    input channel at a time; or the weights of z output channels stay while the input passes once for each such block,
    with the rows that the next window needs again kept; or the whole input of the group stays.

    Source: Chen, Han, Wang, HPCA 2020 (arXiv 1911.05662), for the form; the input is never inflated as im2col does.
    """
    taps = product(shape.kernel)
    weight = shape.channels_in * shape.channels_out * taps * widths.lhs
    once = [shape.footprint(axis, 1) for axis in range(len(shape.input))]
    source = shape.images * shape.channels_in * product(once) * widths.rhs
    result = shape.images * shape.channels_out * product(shape.output) * widths.out
    compulsory = weight + source + result
    if not compulsory or not (shape.channels_in and shape.channels_out and shape.images):
        return Tiling(round(compulsory), "nothing to keep")
    # Without any reuse every product fetches both factors.
    macs = shape.images * shape.channels_out * product(shape.output) * shape.channels_in * taps
    best, kept = macs * (widths.lhs + widths.rhs) + result, "one partial sum"
    # The rows of the input that a sliding window comes back to, of all input channels of one image.
    window = shape.channels_in * min(shape.spans[0], shape.input[0]) * product(shape.input[1:]) * widths.rhs
    per_channel = shape.channels_in * taps * widths.lhs + widths.partial
    block = _room(capacity_bytes - window, per_channel, shape.channels_out)
    if block and weight + source * ceil_div(shape.channels_out, block) + result < best:
        best = weight + source * ceil_div(shape.channels_out, block) + result
        kept = f"the weights of {block} output channels"
    if source / shape.images + per_channel <= capacity_bytes and weight * shape.images + source + result < best:
        best, kept = weight * shape.images + source + result, "the input of one image"
    if source + per_channel <= capacity_bytes:
        best, kept = compulsory, "the whole input"
    if best <= compulsory:
        return Tiling(round(compulsory), kept)
    for moved, tile in _output_tiles(shape, widths, capacity_bytes, weight):
        if moved + result < best:
            best, kept = moved + result, tile
    return Tiling(round(max(best, compulsory)), kept)


def _output_tiles(shape: ConvShape, widths: Widths, capacity_bytes: int, weight: float) -> Iterator[tuple[float, str]]:
    """(weight and input bytes, what is kept) of result tiles: every image and position tile with the most channels."""
    taps = product(shape.kernel)
    # By spatial axis the useful tiles: results, how many tiles, input positions of one and of all of them.
    axes = [
        [
            (size, count, (size - 1) * shape.strides[axis] + span, shape.footprint(axis, count))
            for size in tile_sizes(extent)
            for count in (ceil_div(extent, size),)
        ]
        for axis, (extent, span) in enumerate(zip(shape.output, shape.spans, strict=True))
    ]
    for images in tile_sizes(shape.images):
        for tiles in itertools.product(*axes):
            sizes, counts, reaches, reads = zip(*tiles, strict=True)
            positions, window = images * product(sizes), images * product(reaches)
            channels = _room(
                capacity_bytes - window * widths.rhs,
                positions * widths.partial + taps * widths.lhs,
                shape.channels_out,
            )
            if not channels:
                continue
            blocks = ceil_div(shape.channels_out, channels)
            source = shape.images * shape.channels_in * product(reads) * widths.rhs * blocks
            moved = source + weight * ceil_div(shape.images, images) * product(counts)
            shown = " x ".join(str(size) for size in sizes)
            yield moved, f"a tile of the result: {images} images, {shown} positions, {channels} channels"


@lru_cache(maxsize=4096)
def attention_bytes(queries: int, keys: int, depth: int, value_depth: int, width: float, capacity_bytes: int) -> Tiling:
    """Traffic of softmax(Q K') V of one head with the scores kept on chip: Q and the result once, K and V per Q tile.

    `queries` rows of [depth] against `keys` rows; a tile of B queries stays with its partial result while K and V
    pass: B (depth + value_depth) + (depth + value_depth) + B elements must fit. With B ~ S / 2d this is the published
    Theta(N^2 d^2 / S). Source: Dao et al., FlashAttention, arXiv 2205.14135, theorem 2.
    """
    row = depth + value_depth
    once = (queries + keys) * row * width
    if row * (queries + 1) * width + queries * 4.0 <= capacity_bytes or row * (keys + 1) * width <= capacity_bytes:
        return Tiling(round(once), "the queries, or the keys and values")
    block = _room(capacity_bytes - row * width, (depth * width + value_depth * 4.0) + 4.0, queries)
    if not block:
        block = 1
    moved = queries * row * width + ceil_div(queries, block) * keys * row * width
    return Tiling(round(max(once, moved)), f"{block} queries with their partial results")


@lru_cache(maxsize=4096)
def chain_bytes(m: int, k: int, n: int, last: int, widths: Widths, capacity_bytes: int) -> Tiling | None:
    """Traffic of ([M, K] x [K, N]) x [N, L] with the [M, N] between them never leaving the chip, or None if none fits.

    Rows are taken m at a time: their [m, K] input and [m, L] partial result stay while both right operands pass.
    """
    per_row = k * widths.lhs + last * widths.partial + widths.partial
    rows = _room(capacity_bytes - (k + last) * widths.rhs, per_row, m)
    if not rows:
        return None
    passes = ceil_div(m, rows)
    moved = m * k * widths.lhs + m * last * widths.out + passes * (k * n + n * last) * widths.rhs
    return Tiling(round(moved), f"{rows} rows through both products")
