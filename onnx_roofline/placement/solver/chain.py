"""A chain of ops with splits and pipelines: the best cover of the chain by segments.

A segment is one op on device 0 (`gpu`), on device 1 (`pim`) or on both (`split`), or two or three ops whose halves
follow each other through both devices (`pim-gpu`, `gpu-pim`, `pim-gpu-pim`). Dynamic programming from left to right
over the segments and the device that holds the data after them: linear in the length of the chain.

Source: PIMFlow, CGO 2023, and the search of its artefact, D[i][l] = min over k of D[i][k] + D[i + k][l - k]; segments
are three ops long at most, so the same minimum needs one index. Transfers between segments are added here.
"""

import itertools
from collections.abc import Sequence

from msgspec import Struct

# The device of each stage of a pipeline.
PIPELINES = {"pim-gpu": (1, 0), "gpu-pim": (0, 1), "pim-gpu-pim": (1, 0, 1)}


class Stage(Struct, frozen=True):
    """Times of one op of the chain, None where there is none: alone on a device, split over both, in two halves.

    A split's time includes getting its share to device 1 and merging: it starts and ends on device 0. The halves are
    the times of the first and the second half on a device. `input_transfer_s` is what it costs to move the op's input
    from device 0 to device 1, and back.
    """

    gpu_s: float | None = None
    pim_s: float | None = None
    split_s: float | None = None
    gpu_halves_s: tuple[float, float] | None = None
    pim_halves_s: tuple[float, float] | None = None
    input_transfer_s: tuple[float, float] = (0.0, 0.0)


class Segment(Struct, frozen=True):
    """Ops `first` to `first + length - 1`, how they run, their time without the transfer into the segment."""

    first: int
    length: int
    kind: str
    time_s: float


class Cover(Struct, frozen=True):
    """The segments from left to right, and the total with all transfers."""

    segments: tuple[Segment, ...]
    time_s: float


def chain_search(stages: Sequence[Stage], home: int = 0, end: int | None = None) -> Cover:
    """The fastest cover of a chain whose input lies on device `home`; its output must be on `end` if that is given.

    The result's way to `end` is not charged: an op behind the chain carries it as its input transfer. Raises ValueError
    when no cover exists.

    >>> chain_search([Stage(gpu_s=3.0, pim_s=1.0), Stage(gpu_s=1.0)]).segments[0].kind
    'pim'
    """
    best: list[dict[int, float]] = [{home: 0.0}]
    came: list[dict[int, tuple[int, Segment]]] = [{}]
    for position in range(1, len(stages) + 1):
        best.append({})
        came.append({})
        for length in (1, 2, 3):
            first = position - length
            if first < 0:
                continue
            for kind, entry, leave, time_s in options(stages, first, length):
                for device, before_s in best[first].items():
                    move_s = 0.0 if device == entry else stages[first].input_transfer_s[device]
                    total_s = before_s + move_s + time_s
                    if total_s < best[position].get(leave, float("inf")):
                        best[position][leave] = total_s
                        came[position][leave] = (device, Segment(first, length, kind, time_s))
    ends = [device for device in sorted(best[-1]) if end in (None, device)]
    if not ends:
        raise ValueError(f"no cover of the chain of {len(stages)} ops ends on device {end}: an op runs nowhere")
    device = min(ends, key=best[-1].__getitem__)
    time_s = best[-1][device]
    segments = []
    position = len(stages)
    while position:
        device, segment = came[position][device]
        segments.append(segment)
        position = segment.first
    return Cover(tuple(reversed(segments)), time_s)


def options(stages: Sequence[Stage], first: int, length: int) -> list[tuple[str, int, int, float]]:
    """Ways to run a segment: kind, device that its input is needed on, device that its output is on, time."""
    if length == 1:
        stage = stages[first]
        single = (("gpu", 0, stage.gpu_s), ("pim", 1, stage.pim_s), ("split", 0, stage.split_s))
        return [(kind, device, device, time_s) for kind, device, time_s in single if time_s is not None]
    found = []
    for kind, devices in PIPELINES.items():
        if len(devices) == length:
            time_s = _pipeline_s(stages[first : first + length], devices)
            if time_s is not None:
                found.append((kind, devices[0], devices[-1], time_s))
    return found


def _pipeline_s(stages: Sequence[Stage], devices: tuple[int, ...]) -> float | None:
    """Time of a pipeline: while one stage works on its second half, the next works on its first.

    The transfers between the stages are added in full, as if nothing hid them.
    """
    halves = []
    for stage, device in zip(stages, devices, strict=True):
        pair = stage.pim_halves_s if device else stage.gpu_halves_s
        if pair is None:
            return None
        halves.append(pair)
    time_s = halves[0][0] + halves[-1][1]
    for earlier, later in itertools.pairwise(halves):
        time_s += max(earlier[1], later[0])
    for stage, device in zip(stages[1:], devices, strict=False):
        time_s += stage.input_transfer_s[device]
    return time_s
