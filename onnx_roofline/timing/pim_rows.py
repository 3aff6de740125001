"""Products by row timings: what an all-bank PIM streams from the rows of its memory (Newton, GDDR6-AiM).

```
sets    = ceil(batch x outputs / parallel rows)          each with `passes` = ceil(vectors / reuse)
stream  = passes x sets x ceil(depth / lane) x t_ccd
activate= passes x sets x ceil(depth / row) x (t_rcd + t_rp)
io      = writes x (ceil(depth / row) x t_gwrite + ceil(depth / lane) x t_gwrite_column)
          + passes x sets x ceil(depth / row) x t_readres
refresh = whole refreshes that become due, or a share of the time where the profile states no interval
```
Source: the simulators of Newton and GDDR6-AiM, docs/time.md.
"""

from onnx_roofline.base.quantities import format_si
from onnx_roofline.base.units import ceil_div
from onnx_roofline.hardware import Device, DramTiming, PimModel
from onnx_roofline.ir.kernel_work import KernelWork, Product
from onnx_roofline.timing.pim_parts import PimTime, counted, overhead_s, passes_line, write_in_s


def product_by_rows(
    device: Device, pim: PimModel, dram: DramTiming, work: KernelWork, product: Product, compute_time_s: float
) -> PimTime:
    """A product of a resident operand that lies in rows across all banks."""
    row_elements = pim.align.row_elements or 1
    depth = ceil_div(product.depth, pim.align.k) * pim.align.k
    outputs = ceil_div(product.outputs, pim.align.n) * pim.align.n
    channels = dram.parallel_rows // dram.banks_per_channel
    chunks = ceil_div(depth, row_elements)
    columns = ceil_div(depth, dram.lane_elements)
    passes = ceil_div(product.vectors, pim.reuse)
    if pim.replicate == "channels_and_rows":
        # Any channel takes any vector; short vectors lie side by side in a row and share its activation.
        side_by_side = max(1, row_elements // depth)
        sets_per_pass = product.batch * ceil_div(outputs, dram.banks_per_channel)
        streams = ceil_div(passes * sets_per_pass, channels)
        activations = ceil_div(ceil_div(passes, side_by_side) * sets_per_pass, channels)
        writes = ceil_div(ceil_div(product.vectors, side_by_side) * product.batch, channels)
    else:
        sets_per_pass = ceil_div(product.batch * outputs, dram.parallel_rows)
        streams, activations = passes * sets_per_pass, passes * sets_per_pass
        writes = product.vectors * ceil_div(product.batch, channels)
    activations = ceil_div(activations, dram.vectors_per_activation)
    stream_s = max(streams * columns * dram.t_ccd_s, compute_time_s)
    activate_s = activations * chunks * (dram.t_rcd_s + dram.t_rp_s)
    io_s = writes * (chunks * dram.t_gwrite_s + columns * dram.t_gwrite_column_s)
    io_s += streams * chunks * min(pim.reuse, product.vectors) * dram.t_readres_s
    io_s += write_in_s(device, work, product)
    units = streams * columns * dram.lane_elements * dram.parallel_rows
    useful = product.batch * product.outputs * product.depth * passes
    rows_line = (
        f"{counted(activations * chunks, 'row activation')} of {format_si(dram.t_rcd_s + dram.t_rp_s, 's')},"
        f" {counted(streams * columns, 'column')} of {format_si(dram.t_ccd_s, 's')}"
    )
    return PimTime(
        stream_s=stream_s,
        activate_s=activate_s,
        io_s=io_s,
        refresh_s=refresh_s(dram, stream_s + activate_s + io_s),
        overhead_s=overhead_s(device, pim, streams * chunks),
        padded_share=max(0.0, 1 - useful / units),
        explanation=(passes_line(product, passes, pim), rows_line),
    )


def refresh_s(dram: DramTiming, busy_s: float) -> float:
    """What refresh adds: one for every whole interval of the stretched time, or a share of it.

    >>> timing = DramTiming(1e-9, 0, 0, 16, 16, 16, refresh_share=0.25, refresh_interval_s=4e-6)
    >>> [round(refresh_s(timing, busy) * 1e6, 3) for busy in (3.9e-6, 6e-6, 7.5e-6)]  # 1 us each, due at 4 and 8 us
    [0.0, 1.0, 2.0]
    """
    if not dram.refresh_interval_s:
        return busy_s * (1 / (1 - dram.refresh_share) - 1)
    each_s = dram.refresh_share * dram.refresh_interval_s
    # The least n with busy + n each < (n + 1) interval: a refresh delays what is due behind it.
    return max(0, int((busy_s - each_s) / (dram.refresh_interval_s - each_s))) * each_s
