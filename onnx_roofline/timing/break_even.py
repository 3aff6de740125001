"""At how many vectors the faster device of a kernel changes: batch x tokens for a product with stored weights."""

from collections.abc import Callable, Sequence

from msgspec import Struct

from onnx_roofline.base.units import DTYPE_BITS
from onnx_roofline.hardware import Device, System
from onnx_roofline.ir.kernel_work import KernelWork, Operations, Product
from onnx_roofline.ir.placed_records import PimTimeModel
from onnx_roofline.timing.device_time import device_time
from onnx_roofline.timing.division import scaled_with_vectors, with_vectors
from onnx_roofline.timing.pim_time import pim_time

# How far the search goes: a million tokens in one run.
MOST_VECTORS = 1 << 20
# Where the tiles of a GPU's product may end: multiples of the smallest, as far as they are a large part of a product.
_TILE_VECTORS, _MOST_TILED = 32, 512
# Numbers just before a change that are looked at one by one: vectors that share a pass make times of steps.
_CLOSE = 16


class VectorFlips(Struct, frozen=True):
    """The faster device of a kernel by itself at `now` vectors, and the nearest numbers with the other one.

    `scaled` says what a vector is. `below` is the greatest number below `now` at which `other` is faster, `above` the
    least one above; None where the search found none between 1 and `most`.
    """

    scaled: str
    now: int
    faster: str
    other: str
    below: int | None
    above: int | None
    most: int


def vector_flips(system: System, work: KernelWork, model: PimTimeModel) -> VectorFlips | None:
    """Where the faster device changes over the vectors of a kernel, launches and all else as they are.

    None where nothing sensible scales or only one device can run it at any number. A device that can't run so many
    vectors is not the faster one. The search doubles its step from `now` on, stops where tiles of a GPU end, and halves
    the step where the answer has changed: a change that is undone within one step is not seen.
    """
    product = work.product
    if not work.is_known or product is None or system.pim is None:
        return None
    gpu, pim, _ = system.pair
    scaled = scaled_with_vectors(work)
    if not scaled:
        return None

    def seconds(device: Device, vectors: int) -> float:
        found = device_time(device, with_vectors(work, vectors), model).total_s
        return float("inf") if found is None else found

    def on_pim(vectors: int) -> bool:
        return seconds(pim, vectors) < seconds(gpu, vectors)

    now = product.vectors
    most = max(MOST_VECTORS, now)
    close = _CLOSE if _has_steps(pim) else 0
    tiled = range(_TILE_VECTORS, _MOST_TILED + 1, _TILE_VECTORS) if gpu.gpu is not None else range(0)
    ends = sorted({*tiled, *(end + 1 for end in tiled)})
    below, above = _nearest(now, 1, on_pim, close, ends), _nearest(now, most, on_pim, close, ends)
    one_can_not = float("inf") in (seconds(gpu, now), seconds(pim, now))
    if one_can_not and below is None and above is None:
        return None
    slugs = (gpu.slug, pim.slug)
    here = on_pim(now)
    return VectorFlips(scaled, now, slugs[here], slugs[not here], below, above, most)


def _has_steps(pim: Device) -> bool:
    """Whether vectors share something, so that one vector more may cost nothing, or a whole pass."""
    model = pim.pim
    if model is None:
        return False
    shared = model.dram is not None and model.dram.vectors_per_activation > 1
    return model.reuse > 1 or shared or model.replicate != "none"


def _nearest(now: int, end: int, answer: Callable[[int], bool], close: int, stops: Sequence[int] = ()) -> int | None:
    """The number nearest to `now`, on the way to `end`, at which the answer is another; None where none is found.

    `stops` are looked at too; the last `close` numbers before the one found are looked at one by one.
    """
    here, sign = answer(now), 1 if end > now else -1
    same, step = now, 1
    waiting = [stop for stop in stops if min(now, end) < stop < max(now, end)]
    waiting.sort(key=lambda stop: -abs(stop - now))
    while same != end:
        probe = min(now + step, end) if sign > 0 else max(now - step, end)
        if waiting and abs(waiting[-1] - now) < abs(probe - now):
            probe = waiting.pop()
        else:
            step *= 2
        if answer(probe) != here:
            break
        same = probe
    else:
        return None
    other = probe
    while abs(other - same) > 1:
        middle = (other + same) // 2
        if answer(middle) == here:
            same = middle
        else:
            other = middle
    before = range(max(other - close, now + 1), other) if sign > 0 else range(min(other + close, now - 1), other, -1)
    return next((number for number in before if answer(number) != here), other)


def break_even_vectors(
    gpu: Device, pim: Device, outputs: int, depth: int, dtype: str, model: PimTimeModel = "roofline"
) -> float:
    """Vectors (tokens x batch) from which the GPU is faster, while the weights bound its time.

    Launches and activations are left out: the GPU's time to read the weights over the PIM's time for one vector.
    `roofline` reads the weights once on the PIM too, so that its peak counts. inf for a dtype without a peak.

    >>> from onnx_roofline.hardware import load_system
    >>> gpu, pim, _ = load_system("teaching").pair
    >>> [round(break_even_vectors(gpu, pim, 4096, 4096, "float16", model), 3) for model in ("roofline", "full")]
    [25.0, 7.5]
    """
    weight_bytes = outputs * depth * DTYPE_BITS[dtype] // 8
    peak = pim.peak_flops_per_s(dtype)
    if peak is None:
        return float("inf")
    if model == "roofline" or pim.pim is None:
        return (weight_bytes / gpu.bandwidth_bytes_per_s) / (2 * outputs * depth / peak)
    vectors = pim.pim.reuse
    if pim.pim.dram is not None:
        vectors *= pim.pim.dram.vectors_per_activation
    macs = outputs * depth * vectors
    work = KernelWork(
        dtype=dtype,
        operations=(Operations(dtype, 2 * macs, macs),),
        compulsory_bytes=weight_bytes,
        products=(Product(1, outputs, depth, vectors, weight_bytes),),
        resident="weight",
    )
    one = pim_time(pim, work)
    return (
        weight_bytes / (gpu.bandwidth_bytes_per_s * gpu.memory_efficiency) / ((one.total_s - one.overhead_s) / vectors)
    )
