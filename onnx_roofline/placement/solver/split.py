"""One op on both devices at once: which share of it goes to each.

t(r) = max(t_gpu(r), t_pim(1 - r)) + merge, for the share r on device 0; at r = 0 and r = 1 one device does it all and
nothing is merged. Source: PIMFlow, CGO 2023, "multi-device data-parallel" splits, there on a grid of tenths.
"""

from collections.abc import Callable

from msgspec import Struct

# Grids up to this size are searched in full, so that step-shaped times need not be monotone.
FULL_GRID = 4096


class Affine(Struct, frozen=True):
    """Time of a share r of an op: `fixed_s` + `slope_s` * r."""

    fixed_s: float
    slope_s: float

    def __call__(self, share: float) -> float:
        """Time of a share."""
        return self.fixed_s + self.slope_s * share


Time = Callable[[float], float]


class Split(Struct, frozen=True):
    """The best share on device 0, in units of the extent; `speedup` over the faster single device."""

    gpu_units: int
    extent: int
    time_s: float
    alone_s: float

    @property
    def share(self) -> float:
        """Share of the op on device 0."""
        return self.gpu_units / self.extent

    @property
    def speedup(self) -> float:
        """Gain over the faster device alone; 1 where splitting does not pay."""
        return self.alone_s / self.time_s if self.time_s else 1.0


def best_split(
    gpu: Time | None,
    pim: Time | None,
    merge_s: float = 0.0,
    extent: int = 100,
    alignment: int = 1,
    full_grid: int = FULL_GRID,
) -> Split:
    """The best two-way split of `extent` units, of which device 0 gets a multiple of `alignment`, or all.

    `gpu` and `pim` give a device's time for its share, None where it can't run the op. Affine times are solved in
    closed form; others on the whole grid, or beyond `full_grid` steps at the crossing of the two, which is the best
    place if more work never takes less time. A tie goes to no split, then to device 0.
    Raises ValueError without a device or with an extent or alignment below 1.

    >>> best_split(Affine(0.0, 4.0), Affine(0.0, 4.0)).share
    0.5
    """
    if extent < 1 or alignment < 1:
        raise ValueError(f"an extent of {extent} and an alignment of {alignment}: both have to be 1 or more")
    alone = [(model(1.0), units) for model, units in ((gpu, extent), (pim, 0)) if model is not None]
    if not alone:
        raise ValueError("neither device can run the op")
    alone_s, units = min(alone, key=lambda pair: pair[0])
    if gpu is None or pim is None:
        return Split(units, extent, alone_s, alone_s)
    best_s = alone_s
    for step in _steps(gpu, pim, extent, alignment, full_grid):
        share = step * alignment / extent
        time_s = max(gpu(share), pim(1.0 - share)) + merge_s
        if time_s < best_s:
            best_s, units = time_s, step * alignment
    return Split(units, extent, best_s, alone_s)


def _steps(gpu: Time, pim: Time, extent: int, alignment: int, full_grid: int) -> list[int]:
    """Inner grid points that can be best, in multiples of the alignment."""
    last = (extent - 1) // alignment
    if last < 1:
        return []
    if isinstance(gpu, Affine) and isinstance(pim, Affine) and gpu.slope_s >= 0 and pim.slope_s >= 0:
        slopes = gpu.slope_s + pim.slope_s
        crossing = (pim.fixed_s + pim.slope_s - gpu.fixed_s) / slopes if slopes else 0.0
        step = int(min(max(crossing, 0.0), 1.0) * extent / alignment)
        return sorted({min(max(near, 1), last) for near in (step - 1, step, step + 1, step + 2)})
    if last <= full_grid:
        return list(range(1, last + 1))
    low, high = 1, last  # the first step where device 0 is the slower one, or the last step
    while low < high:
        middle = (low + high) // 2
        share = middle * alignment / extent
        if gpu(share) >= pim(1.0 - share):
            high = middle
        else:
            low = middle + 1
    return [step for step in (low - 1, low) if step >= 1]
