"""Time of one kernel on one GPU: what its busiest engine needs, what does not hide behind it, and the launch.

```
t = launch + max(engines) + exposed x min(arithmetic, dram) + added             exposed: 0 without products
dram   = DRAM bytes / (bandwidth x share of the class)      l2 = all bytes that units read and write / L2 bandwidth
matrix = products and convolutions by tiles (products.py)   vector = element-wise operations / vector peak
special = exponentials, roots, divisions / special rate     attention: attention.py, with a fixed time of its own
row    = ceil(row / 1024) x row_step: the least time of one block that works along a row (softmax, norms)
```
The bound names the engine with the longest time, `latency` where fixed parts of the kernel (K loop, split, blocks,
rows) are longer, or `launch`. Ignores contention between kernels and clocks that fall when a run is long.
"""

from collections.abc import Iterable, Mapping
from typing import Literal

from msgspec import Struct

from onnx_roofline.base.terms import EngineName, KernelClass, Origin
from onnx_roofline.base.units import ceil_div
from onnx_roofline.hardware.gpu_model import GpuModel
from onnx_roofline.ir.kernel_work import KernelWork, Product
from onnx_roofline.timing.attention import attention_time, call_of
from onnx_roofline.timing.convolutions import convolution_time
from onnx_roofline.timing.products import engine_of, product_time

GpuBound = Literal["matrix", "vector", "special", "l2", "dram", "latency", "launch", "unsupported"]
# Share of the bandwidth of a kernel that brings an image to channels last, or back, with a cast where there is one.
# Source: derived from what such kernels take of two TensorRT engines of a ResNet-18 of batch 32 on an A100 PCIe 80 GB,
# 8 % of 0.862 ms in 16 bit and of 1.991 ms in TF32 for 45 MB each: 0.34 and 0.15 of the bandwidth, here the middle.
LAYOUT_SHARE = 0.25
# One block works along a row in steps of its 1,024 threads.
_ROW_STEP_ELEMENTS = 1024
_ROW_CLASSES = ("softmax", "norm", "rms_norm", "gated")


class GpuTime(Struct, frozen=True):
    """A kernel on a GPU. `engines` has the seconds of each engine that it uses; `latency_s` is what none of them does.

    `total_s` is None where the GPU has no unit for the kernel's math type, and `reason` says so. `origin` is that of
    the constant that the bound hangs on.
    """

    total_s: float | None
    engines: Mapping[EngineName, float]
    latency_s: float
    launch_s: float
    bound: GpuBound
    origin: Origin = "assumed"
    reason: str = ""


class Bytes(Struct, frozen=True):
    """What a kernel reads and writes: `dram` crosses the memory interface, `on_chip` all that its units see."""

    dram: float
    on_chip: float


def gpu_time(gpu: GpuModel, work: KernelWork, size: Bytes, *, bandwidth_share: float = 1.0) -> GpuTime:
    """The time of one execution of a kernel; `bandwidth_share` of the memory bandwidth is left to it."""
    share = gpu.bandwidth_share(work.kernel_class) * bandwidth_share
    dram_s = size.dram / (gpu.dram_bytes_per_s * share)
    engines: dict[EngineName, float] = {"dram": dram_s} if size.dram else {}
    if size.on_chip:
        engines["l2"] = size.on_chip / _l2_rate(gpu, work.kernel_class, share)
    memory_s = max(dram_s, engines.get("l2", 0.0))
    busy = _Busy()
    layout_s = work.layout_bytes / (gpu.dram_bytes_per_s * LAYOUT_SHARE * bandwidth_share)
    if not _add_products(gpu, work, memory_s, layout_s + gpu.launch_s if layout_s else 0.0, busy):
        return GpuTime(None, engines, 0.0, gpu.launch_s, "unsupported", reason=f"no unit for {work.math or work.dtype}")
    if work.masking is None:  # the constants of fused attention hold what its scores take beside exponentials
        for one in work.operations or ():
            rate = gpu.vector_flops_per_s.get(one.dtype, gpu.vector_flops_per_s["float32"])
            busy.vector_s += one.vector / rate
            busy.special_s += one.special / gpu.special_ops_per_s
    arithmetic: dict[EngineName, float] = {
        "matrix": busy.matrix_s,
        "vector": busy.vector_s,
        "special": busy.special_s,
    }
    engines |= {name: seconds for name, seconds in arithmetic.items() if seconds}
    longest_s = max(busy.busy_s, memory_s, busy.vector_s, busy.special_s)
    if layout_s and busy.matrix_s:  # the vector units take images as they come
        engines["dram"] = engines.get("dram", 0.0) + layout_s
        layout_s += gpu.launch_s
    else:
        layout_s = 0.0
    is_row = work.kernel_class in _ROW_CLASSES
    row_s = gpu.row_step_s * ceil_div(work.row_elements, _ROW_STEP_ELEMENTS) if is_row else 0.0
    latency_s = busy.latency_s + max(0.0, row_s - longest_s)
    total_s = gpu.launch_s + max(longest_s, row_s) + busy.added_s + layout_s
    bound = _bound(engines, latency_s, gpu.launch_s)
    return GpuTime(total_s, engines, latency_s, gpu.launch_s, bound, _origin(gpu, work, bound))


def queue_s(times_s: Iterable[float], dispatch_s: float) -> float:
    """An eager run: the host dispatches while the GPU works, so the slower of the two counts.

    >>> queue_s([10e-6, 2e-6, 3e-6], 8e-6)  # 3 kernels x 8 us are longer than 15 us
    2.4e-05
    """
    found = tuple(times_s)
    return max(sum(found), len(found) * dispatch_s)


class _Busy(Struct):
    """Seconds that accumulate over the products of a kernel."""

    matrix_s: float = 0.0
    vector_s: float = 0.0
    special_s: float = 0.0
    busy_s: float = 0.0  # with what does not hide behind the longer of arithmetic and memory
    added_s: float = 0.0
    latency_s: float = 0.0

    def add(self, seconds: float, *, is_matrix: bool) -> None:
        """Arithmetic of a product on its engine."""
        if is_matrix:
            self.matrix_s += seconds
        else:
            self.vector_s += seconds


def _l2_rate(gpu: GpuModel, kernel_class: KernelClass, share: float) -> float:
    """Bytes/s on chip. Kernels that work along rows are limited by their accesses, wherever the data lies."""
    if kernel_class in _ROW_CLASSES:
        return min(gpu.l2_bytes_per_s, gpu.dram_bytes_per_s * share)
    return gpu.l2_bytes_per_s


def _add_products(gpu: GpuModel, work: KernelWork, memory_s: float, layout_s: float, busy: _Busy) -> bool:
    """Adds products, convolutions and attention; each takes its part of the memory time. False: no unit for them."""
    math = work.math or work.dtype
    macs = sum(product.macs for product in work.products)
    scores: Product | None = None
    for product in _in_order(work.products):
        memory_share_s = memory_s * product.macs / macs if macs else memory_s
        if product.part == "scores":
            scores = product
            continue
        if product.part == "values" and scores is not None and work.masking is not None:
            memory_share_s += memory_s * scores.macs / macs if macs else 0.0
            found = attention_time(gpu, call_of(scores, product, work.masking), math, memory_share_s)
            busy.add(found.product_s, is_matrix=found.is_matrix)
            busy.special_s += found.special_s
            busy.latency_s += found.blocks_s + found.fixed_s
            busy.busy_s += found.total_s - found.fixed_s
            busy.added_s += max(0.0, found.fixed_s - gpu.launch_s)
            continue
        engine = engine_of(gpu, math)
        if product.taps:
            chosen = convolution_time(gpu, product, math, memory_share_s, layout_s)
            if chosen is None:
                return False
            one, engine = chosen
        elif engine is None:
            return False
        else:
            one = product_time(engine, product, memory_share_s)
        busy.add(one.arithmetic_s, is_matrix=engine.is_matrix)
        busy.busy_s += one.total_s - one.added_s
        busy.added_s += one.added_s
        busy.latency_s += one.added_s
    return True


def _in_order(products: tuple[Product, ...]) -> list[Product]:
    """Scores before the values that they meet: they share heads, rows and keys."""
    found = [product for product in products if not product.part]
    values = [product for product in products if product.part == "values"]
    for scores in (product for product in products if product.part == "scores"):
        fits = (scores.batch, scores.vectors, scores.outputs)
        partner = next((one for one in values if (one.batch, one.vectors, one.depth) == fits), None)
        if partner is not None:
            values.remove(partner)
            found += [scores, partner]
    return found


def _bound(engines: Mapping[EngineName, float], latency_s: float, launch_s: float) -> GpuBound:
    name = max(engines, key=lambda one: engines[one], default=None)
    if name is not None and engines[name] >= max(latency_s, launch_s):
        return name
    return "latency" if latency_s > launch_s else "launch"


def _origin(gpu: GpuModel, work: KernelWork, bound: GpuBound) -> Origin:
    """The origin of the constant that the bound hangs on."""
    if work.kernel_class == "attention":
        return gpu.origin("attention.bandwidth" if bound == "dram" else "attention.sustained")
    if bound == "dram":
        return gpu.bandwidth_origin(work.kernel_class)
    if bound in ("matrix", "vector") and work.products:
        return gpu.sustained_origin((work.math or work.dtype) if bound == "matrix" else "float32")
    if bound == "l2":
        return gpu.origin("bandwidth_gb_per_s.l2")
    return gpu.origin("launch_us") if bound in ("launch", "latency") else "datasheet"
