"""Products and element-wise ops by bytes over a share of the internal bandwidth, and what every PIM kernel pays.

A product whose batches are heads (a cache of keys and values) works in rounds where a head occupies a channel: AttAcc
gives each of a stack's 16 channels one head, so that 12 heads take as long as 80 on five stacks.
Source: AttAcc (ASPLOS'24) and its simulator, docs/time.md.
"""

from onnx_roofline.base.quantities import format_percent
from onnx_roofline.base.units import DTYPE_BITS, ceil_div
from onnx_roofline.hardware import Device, PimModel
from onnx_roofline.ir.kernel_work import KernelWork, Product
from onnx_roofline.timing.pim_parts import PimTime, counted, overhead_s, passes_line, width_bytes, write_in_s


def product_by_share(
    device: Device, pim: PimModel, work: KernelWork, product: Product, compute_time_s: float
) -> PimTime:
    """A product where neither row timings nor tiles are stated: bytes over a share of the internal bandwidth."""
    passes = ceil_div(product.vectors, pim.reuse)
    outputs = ceil_div(product.outputs, pim.align.n) * pim.align.n
    depth = ceil_div(product.depth, pim.align.k) * pim.align.k
    grown = outputs * depth / (product.outputs * product.depth)
    explanation: tuple[str, ...] = ()
    if pim.head_channels is not None and work.resident == "kv":
        rounds = ceil_div(product.batch, pim.head_channels)
        grown *= (rounds + pim.head_drain_rounds) * pim.head_channels / product.batch
        explanation = (f"{counted(product.batch, 'head')} on {pim.head_channels} channels: {counted(rounds, 'round')}",)
    weight_bytes = product.resident_bytes or product.batch * product.outputs * product.depth * width_bytes(work)
    efficiency, why = stream_share(pim)
    stream_s = passes * weight_bytes * grown / (device.bandwidth_bytes_per_s * efficiency)
    return PimTime(
        stream_s=max(stream_s, compute_time_s),
        activate_s=0.0,
        io_s=write_in_s(device, work, product),
        refresh_s=0.0,
        overhead_s=overhead_s(device, pim, passes),
        padded_share=1 - 1 / grown,
        explanation=(passes_line(product, passes, pim), *explanation, why),
    )


def vector_time(device: Device, pim: PimModel, work: KernelWork, compute_time_s: float) -> PimTime:
    """An op without a product: its bytes stream once, through the banks or through a unit at the interface."""
    limits = [pim.ops[op] for op in work.op_types if op in pim.ops] if pim.ops is not None else []
    size = work.moved_bytes(device.slug) or 0
    granule = pim.align.elements * DTYPE_BITS.get(work.dtype, 32) // 8
    padded = ceil_div(size, granule) * granule if granule else size
    share = 0.0 if not padded else 1 - size / padded
    if any(limit.at == "interface" for limit in limits) and device.external_bytes_per_s is not None:
        stream_s, why = size / device.external_bytes_per_s, "a unit at the interface: external bandwidth"
        share = 0.0
    else:
        efficiency, why = stream_share(pim, elementwise=True)
        stream_s = padded / (device.bandwidth_bytes_per_s * efficiency)
    return PimTime(max(stream_s, compute_time_s), 0.0, 0.0, 0.0, overhead_s(device, pim, 1), share, (why,))


def stream_share(pim: PimModel, *, elementwise: bool = False) -> tuple[float, str]:
    """Share of the internal bandwidth for streams, and where it comes from."""
    if elementwise and pim.elementwise_efficiency is not None:
        share = pim.elementwise_efficiency
        return share, f"{format_percent(share)} of the internal bandwidth for element-wise ops, as the profile states"
    dram = pim.dram
    if dram is not None:
        share = dram.row_share(pim.align.row_elements or 1)
        return share, f"{format_percent(share)} of the internal bandwidth: whole rows, refresh"
    if pim.stream_efficiency is not None:
        return (
            pim.stream_efficiency,
            f"{format_percent(pim.stream_efficiency)} of the internal bandwidth, as the profile states",
        )
    return 1.0, "all of the internal bandwidth: the profile states neither row timings nor an efficiency"
