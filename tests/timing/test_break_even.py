"""At how many vectors the faster device changes: by hand, and against a scan of every number."""

import random

import pytest
from msgspec.structs import replace

from onnx_roofline.hardware import System, load_system
from onnx_roofline.ir.kernel_work import KernelWork, Operations, Product
from onnx_roofline.timing.break_even import MOST_VECTORS, break_even_vectors, vector_flips
from onnx_roofline.timing.device_time import device_time
from onnx_roofline.timing.division import scaled_with_vectors, with_vectors


def product(vectors: int, outputs: int, depth: int, *, resident="weight", batch=1, others=(), **changes) -> KernelWork:
    weights, ins, outs = (2 * batch * size for size in (outputs * depth, vectors * depth, vectors * outputs))
    work = KernelWork(
        op_types=("MatMul",),
        operations=(Operations("float16", 2 * batch * outputs * depth * vectors),),
        compulsory_bytes=weights + ins + outs,
        dtype="float16",
        products=(Product(batch, outputs, depth, vectors, weights), *others),
        activation_in_bytes=ins,
        out_bytes=outs,
        resident=resident,
    )
    return replace(work, **changes)


def flips(system: System, work: KernelWork, model="full"):
    return vector_flips(system, work, model)


@pytest.mark.parametrize(("model", "last"), [("full", 7), ("roofline", 25)])
@pytest.mark.parametrize("now", [1, 3, 64, 4096])
def test_the_teaching_pair_changes_at_its_break_even(model: str, last: int, now: int) -> None:
    """Weights of 2 x 4096 x 4096 B, and 2 x 2 x 4096 B of input and result for each of n vectors.

    GPU: (33,554,432 + 16,384 n) / 800e9. PIM, full: 33,554,432 n / 6000e9, so that n = 41.943 / (5.5924 - 0.02048) =
    7.53. PIM, roofline: 2 x 4096 x 4096 n / 20e12, so that n = 41.943 / (1.6777 - 0.02048) = 25.3. Weights alone:
    7.5 and 25.
    """
    system = load_system("teaching")
    assert last <= round(break_even_vectors(*system.devices, 4096, 4096, "float16", model), 9) < last + 1
    found = flips(system, product(now, 4096, 4096), model)
    assert found.scaled == "batch x tokens"
    assert found.now == now
    if now <= last:
        assert (found.faster, found.other, found.below, found.above) == ("teaching-pim", "teaching-gpu", None, last + 1)
    else:
        assert (found.faster, found.other, found.below, found.above) == ("teaching-gpu", "teaching-pim", last, None)
    assert found.most == MOST_VECTORS == 1_048_576


def scanned(system: System, work: KernelWork, most: int) -> list[bool]:
    """Whether the PIM is faster at 1, 2, ... vectors."""
    times = []
    for vectors in range(1, most + 1):
        each = [device_time(device, with_vectors(work, vectors), "full").total_s for device in system.devices]
        gpu_s, pim_s = (float("inf") if time_s is None else time_s for time_s in each)
        times.append(pim_s < gpu_s)
    return times


@pytest.mark.parametrize("slug", ["teaching", "a100-attacc", "a100-hbm-pim", "papi", "ianus", "rtx-4090-aim"])
def test_the_nearest_change_is_that_of_a_scan(slug: str) -> None:
    system, rng = load_system(slug), random.Random(slug)
    dtype = next(iter(system.pim.peaks_flops_per_s))
    for _ in range(6):
        outputs, depth = 64 * rng.randint(1, 100), 64 * rng.randint(1, 100)
        work = product(rng.choice([1, 5, 40]), outputs, depth, dtype=dtype)
        work = replace(work, operations=(Operations(dtype, work.operations[0].total),))
        answers, now = scanned(system, work, 128), work.product.vectors
        here = answers[now - 1]
        below = max((n for n in range(1, now) if answers[n - 1] != here), default=None)
        above = min((n for n in range(now + 1, 129) if answers[n - 1] != here), default=None)
        found = flips(system, work)
        assert found.below == below
        assert found.above == above if above is not None else found.above is None or found.above > 128


def test_what_is_resident_does_not_grow() -> None:
    work = product(4, 512, 256)
    twice = with_vectors(work, 8)
    # 2 B x 512 x 256 once, 2 B x 8 x (256 + 512)
    assert twice.compulsory_bytes == 262_144 + 12_288
    assert twice.operations == (Operations("float16", 2 * 512 * 256 * 8),)
    assert twice.products[0].resident_bytes == work.products[0].resident_bytes
    assert with_vectors(work, 4) == work


def test_a_cache_grows_with_its_queries_alone_and_is_written_back_once() -> None:
    """Keys and values of 8 heads, 1024 long and 64 wide: 1 MiB each; written out again with the step's own."""
    keys = product(1, 1024, 64, batch=8, resident="kv")
    cache = 2 * 8 * 1024 * 64
    work = replace(
        keys,
        products=(*keys.products, Product(8, 64, 1024, 1, cache)),
        compulsory_bytes=4 * cache + 2048,
        out_bytes=2 * cache + 1024,
    )
    assert scaled_with_vectors(work) == "queries of one cached head, the cache as it is"
    three = with_vectors(work, 3)
    assert three.compulsory_bytes == 4 * cache + 3 * 2048
    assert [each.vectors for each in three.products] == [3, 3]


def test_nothing_is_said_where_nothing_sensible_scales() -> None:
    system = load_system("teaching")
    assert flips(system, product(4, 64, 64, resident="activation")) is None
    assert flips(system, replace(product(4, 64, 64), products=())) is None
    # a weight and, in the same kernel, products of computed operands, as in a fused attention with its projection
    mixed = product(4, 64, 64, others=(Product(2, 4, 32, 4, 256),))
    assert flips(system, mixed) is None
    assert (
        flips(load_system("a100-attacc"), product(4, 64, 64, dtype="int64", operations=(Operations("int64", 8),)))
        is None
    )


def test_a_device_that_takes_one_vector_is_not_the_faster_one_for_two() -> None:
    found = flips(load_system("pimflow"), product(1, 4096, 4096))
    assert (found.faster, found.above) == ("newton-16ch", 2)
    many = flips(load_system("pimflow"), product(64, 4096, 4096))
    assert (many.faster, many.below, many.above) == ("rtx-2060-16ch", 1, None)
