"""Splits of one op against a fine grid; covers of a chain against all covers."""

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onnx_roofline.placement.solver import Affine, Segment, Stage, best_split, chain_search
from onnx_roofline.placement.solver.chain import options

TIMES = st.floats(0.0, 10.0)


@settings(deadline=None)
@given(TIMES, TIMES, TIMES, TIMES, st.floats(0.0, 2.0), st.integers(1, 300), st.integers(1, 40))
def test_the_closed_form_is_the_best_of_the_grid(
    gpu_fixed: float, gpu_slope: float, pim_fixed: float, pim_slope: float, merge: float, extent: int, alignment: int
) -> None:
    gpu, pim = Affine(gpu_fixed, gpu_slope), Affine(pim_fixed, pim_slope)
    found = best_split(gpu, pim, merge, extent, alignment)
    inner = [
        max(gpu(units / extent), pim(1.0 - units / extent)) + merge for units in range(alignment, extent, alignment)
    ]
    assert found.time_s == pytest.approx(min([gpu(1.0), pim(1.0), *inner]), rel=1e-12, abs=1e-12)
    assert found.alone_s == min(gpu(1.0), pim(1.0))
    assert found.time_s <= found.alone_s
    assert found.gpu_units in (0, extent) or found.gpu_units % alignment == 0
    assert 1.0 <= found.speedup <= 2.0 + 1e-9 or found.time_s == 0.0


@settings(deadline=None)
@given(st.integers(0, 10**9))
def test_step_shaped_times_are_searched_in_full(seed: int) -> None:
    rng = random.Random(seed)
    tile = rng.randint(1, 30)
    extent, alignment = rng.randint(2, 200), rng.randint(1, 8)

    def gpu(share: float) -> float:
        return 1.0 + math.ceil(round(share * extent) / tile)

    def pim(share: float) -> float:
        return 2.0 + round(share * extent) / 5.0

    found = best_split(gpu, pim, 0.5, extent, alignment)
    inner = [max(gpu(units / extent), pim(1.0 - units / extent)) + 0.5 for units in range(alignment, extent, alignment)]
    assert found.time_s == min([gpu(1.0), pim(1.0), *inner])


def test_a_long_grid_is_searched_at_the_crossing() -> None:
    extent = 1_000_000
    calls = []

    def gpu(share: float) -> float:
        calls.append(share)
        return 1.0 + 3.0 * share

    found = best_split(gpu, lambda share: 1.0 + 5.0 * share, 0.0, extent)
    assert found.share == pytest.approx(0.625, abs=2 / extent)  # 3 r = 5 (1 - r)
    assert len(calls) < 60
    steps = best_split(
        lambda share: float(math.ceil(share * 10)), lambda share: float(math.ceil(share * 10)), 0.0, extent
    )
    assert steps.time_s == 5.0


def test_equal_devices_gain_two_and_no_more() -> None:
    assert best_split(Affine(0.0, 8.0), Affine(0.0, 8.0), extent=64, alignment=16).speedup == 2.0


def test_a_dear_merge_or_a_missing_device_means_no_split() -> None:
    assert best_split(Affine(0.0, 8.0), Affine(0.0, 8.0), merge_s=4.0).gpu_units == 100
    assert best_split(None, Affine(1.0, 8.0)).gpu_units == 0
    assert best_split(Affine(1.0, 8.0), None).time_s == 9.0
    assert best_split(Affine(0.0, 8.0), Affine(0.0, 2.0), extent=4, alignment=8).gpu_units == 0


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="neither device"):
        best_split(None, None)
    with pytest.raises(ValueError, match="1 or more"):
        best_split(Affine(0.0, 1.0), None, extent=0)


def random_stages(rng: random.Random, length: int) -> list[Stage]:
    def time(present: float) -> float | None:
        return rng.choice([rng.random() * 5, float(rng.randint(0, 3))]) if rng.random() < present else None

    def halves() -> tuple[float, float] | None:
        return (rng.random() * 2.5, rng.random() * 2.5) if rng.random() < 0.7 else None

    return [
        Stage(time(0.9), time(0.7), time(0.5), halves(), halves(), (rng.random() * 0.5, rng.random() * 0.5))
        for _ in range(length)
    ]


def every_cover(stages: list[Stage], first: int, device: int, end: int | None) -> float:
    """Least time from an op on, by trying every segment at every place."""
    if first == len(stages):
        return 0.0 if end in (None, device) else math.inf
    best = math.inf
    for length in (1, 2, 3):
        if first + length <= len(stages):
            for _, entry, leave, time_s in options(stages, first, length):
                move_s = 0.0 if device == entry else stages[first].input_transfer_s[device]
                best = min(best, move_s + time_s + every_cover(stages, first + length, leave, end))
    return best


@pytest.mark.parametrize("seed", range(150))
def test_the_search_finds_the_best_of_all_covers(seed: int) -> None:
    rng = random.Random(seed)
    stages = random_stages(rng, rng.randint(0, 7))
    home, end = rng.randrange(2), rng.choice([None, 0, 1])
    wanted = every_cover(stages, 0, home, end)
    if wanted == math.inf:
        with pytest.raises(ValueError, match="no cover"):
            chain_search(stages, home, end)
        return
    found = chain_search(stages, home, end)
    assert found.time_s == pytest.approx(wanted, rel=1e-12)
    device, total, position = home, 0.0, 0
    for segment in found.segments:
        assert segment.first == position
        (way,) = [way for way in options(stages, position, segment.length) if way[0] == segment.kind]
        total += way[3] + (0.0 if device == way[1] else stages[position].input_transfer_s[device])
        device, position = way[2], position + segment.length
    assert position == len(stages)
    assert total == pytest.approx(found.time_s)


def test_a_pipeline_overlaps_its_halves() -> None:
    """1 x 1 convolution on the PIM, depthwise on the GPU: 2 + max(2, 1.5) + 1.5."""
    stages = [
        Stage(gpu_s=6.0, pim_s=4.0, pim_halves_s=(2.0, 2.0)),
        Stage(gpu_s=3.0, gpu_halves_s=(1.5, 1.5)),
    ]
    found = chain_search(stages)
    assert found.segments == (Segment(0, 2, "pim-gpu", 5.5),)
    assert found.time_s == 5.5


def test_three_stages_overlap_twice() -> None:
    """2 + max(2, 1) + max(1, 3) + 3."""
    stages = [
        Stage(gpu_s=9.0, pim_halves_s=(2.0, 2.0)),
        Stage(gpu_s=9.0, gpu_halves_s=(1.0, 1.0)),
        Stage(gpu_s=9.0, pim_halves_s=(3.0, 3.0)),
    ]
    assert chain_search(stages).segments == (Segment(0, 3, "pim-gpu-pim", 10.0),)


def test_a_long_chain_takes_linear_time() -> None:
    assert len(chain_search(random_stages(random.Random(1), 1) * 20_000).segments) == 20_000
