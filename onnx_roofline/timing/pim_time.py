"""Time of one kernel on a GPU or a PIM, closed form: plain roofline, or with what separates a real PIM from it.

A PIM streams a resident operand (weights, a cache of keys and values) past its units, once for every `reuse` vectors;
it opens and closes the memory's rows, takes vectors in and gives results out, pads to its alignment, loses time to
refresh, and pays for launch, mode switch and fences. A GPU gets the efficiencies of its profile.

Ignores contention, power limits beyond the stated bandwidth, and overlap of input, stream and output. The batches of a
product (heads, groups) are spread over the parallel rows as if any bank could take any of them.
Source: command sequences of Newton (MICRO'20) as in PIMFlow (CGO'23), GDDR6-AiM as in IANUS (ASPLOS'24), and the
kernels of SAITPublic/PIMLibrary, which stream the weights again for every vector.
"""

from msgspec import Struct
from msgspec.structs import replace

from onnx_roofline.base.quantities import format_si
from onnx_roofline.base.units import DTYPE_BITS, ceil_div
from onnx_roofline.hardware import Device, DramTiming, OpSupport, PimModel
from onnx_roofline.ir.kernel_work import KernelWork, Product
from onnx_roofline.timing.roofline import compute_s


class PimTime(Struct, frozen=True):
    """Where the time of a kernel on a PIM goes; the parts add up to `total_s`.

    `stream_s` reads the resident operand past the units (or computes, where that takes longer), `activate_s` opens and
    closes rows, `io_s` moves vectors and results, `refresh_s` is lost to refresh, `overhead_s` is launch, mode switch
    and fences. `padded_share` of the streamed elements is padding or idle units.
    """

    stream_s: float
    activate_s: float
    io_s: float
    refresh_s: float
    overhead_s: float
    padded_share: float
    explanation: tuple[str, ...] = ()

    @property
    def total_s(self) -> float:
        """All of it."""
        return self.stream_s + self.activate_s + self.io_s + self.refresh_s + self.overhead_s


def supports(pim: PimModel, op_type: str, work: KernelWork) -> tuple[bool, str]:
    """Whether a PIM can run an op of this type in a kernel, and the reason where it can't."""
    if work.dtype not in pim.dtypes:
        return False, f"no unit for {work.dtype or 'an unknown type'} (has {', '.join(pim.dtypes)})"
    if pim.ops is None:
        return True, ""
    limits = pim.ops.get(op_type)
    if limits is None:
        return False, f"{op_type} is not among the ops of this PIM ({', '.join(pim.ops)})"
    refusal = _refusal(limits, work)
    return not refusal, f"{op_type}: {refusal}" if refusal else ""


def pim_time(device: Device, work: KernelWork) -> PimTime:
    """The parts of the time of a kernel on a PIM, whether it is supported or not; the device has a `pim` part.

    An operand of this run (`resident` "activation") is written in over the external bandwidth, wherever it was made.

    passes = ceil(vectors / reuse); a pass streams ceil(outputs / parallel rows) x ceil(depth / lane) columns and opens
    ceil(depth / row) rows for each set of parallel rows.
    """
    pim = device.pim
    assert pim is not None, "the caller asks for a device with a pim part"
    compute_time_s = compute_s(device, work.operations or ())
    if work.product is None or work.product.macs == 0:
        return _vector_time(device, pim, work, compute_time_s)
    macs = sum(product.macs for product in work.products)
    found, *others = (
        _product_time(device, pim, work, product, compute_time_s * product.macs / macs) for product in work.products
    )
    for other in others:
        found = _both(found, other, device, pim)
    # Vectors and results cross the banks too: never faster than the plain roofline.
    busy_s = found.stream_s + found.activate_s + found.io_s + found.refresh_s
    least_s = (work.moved_bytes(device.slug) or 0) / device.bandwidth_bytes_per_s
    return replace(found, io_s=found.io_s + max(0.0, least_s - busy_s))


def _refusal(limits: OpSupport, work: KernelWork) -> str:
    if limits.fused_only and len(work.op_types) == 1:
        return "only fused behind another op"
    if work.product is None or limits.resident == "none":
        return ""
    if limits.group is not None and work.group > limits.group:
        return f"{work.group} groups, at most {limits.group}"
    if limits.dilation is not None and work.is_dilated:
        return "dilated"
    if limits.max_batch is not None and work.product.vectors > limits.max_batch:
        return f"{work.product.vectors} vectors a call, at most {limits.max_batch}"
    allowed = {"weight": ("weight",), "kv": ("kv",), "any": ("weight", "kv", "activation")}[limits.resident]
    if work.resident not in allowed:
        found = "is computed in this run" if work.resident == "activation" else f"is {work.resident}"
        return f"its large operand {found}, must be {' or '.join(allowed)} in the PIM's memory"
    return ""


def _overhead_s(device: Device, pim: PimModel, tiles: int) -> float:
    return device.launch_s + pim.mode_switch_s + tiles * pim.fence_s


def _full_row_share(pim: PimModel, dram: DramTiming) -> float:
    """Share of the internal bandwidth that reading whole rows one after the other reaches."""
    columns_s = ceil_div(pim.align.row_elements or 1, dram.lane_elements) * dram.t_ccd_s
    return columns_s / (columns_s + dram.t_rcd_s + dram.t_rp_s) * (1 - dram.refresh_share)


def _stream_share(pim: PimModel) -> tuple[float, str]:
    """Share of the internal bandwidth for streams, and where it comes from."""
    if pim.dram is not None:
        share = _full_row_share(pim, pim.dram)
        return share, f"{share:.0%} of the internal bandwidth: whole rows, refresh"
    if pim.stream_efficiency is not None:
        return pim.stream_efficiency, f"{pim.stream_efficiency:.0%} of the internal bandwidth, as the profile states"
    return 1.0, "all of the internal bandwidth: the profile states neither row timings nor an efficiency"


def _write_in_s(device: Device, work: KernelWork, product: Product) -> float:
    """Time to write an operand that this run computes into the banks."""
    if work.resident != "activation" or device.external_bytes_per_s is None:
        return 0.0
    return product.resident_bytes / device.external_bytes_per_s


def _vector_time(device: Device, pim: PimModel, work: KernelWork, compute_time_s: float) -> PimTime:
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
        efficiency, why = _stream_share(pim)
        stream_s = padded / (device.bandwidth_bytes_per_s * efficiency)
    return PimTime(max(stream_s, compute_time_s), 0.0, 0.0, 0.0, _overhead_s(device, pim, 1), share, (why,))


def _product_time(device: Device, pim: PimModel, work: KernelWork, product: Product, compute_time_s: float) -> PimTime:
    if pim.dram is None:
        return _product_by_efficiency(device, pim, work, product, compute_time_s)
    return _product_by_rows(device, pim, pim.dram, work, product, compute_time_s)


def _both(one: PimTime, other: PimTime, device: Device, pim: PimModel) -> PimTime:
    """Two products of one kernel, one after the other; launched once."""
    streamed = one.stream_s + other.stream_s
    padded = one.padded_share * one.stream_s + other.padded_share * other.stream_s
    return PimTime(
        stream_s=streamed,
        activate_s=one.activate_s + other.activate_s,
        io_s=one.io_s + other.io_s,
        refresh_s=one.refresh_s + other.refresh_s,
        overhead_s=one.overhead_s + other.overhead_s - _overhead_s(device, pim, 0),
        padded_share=padded / streamed if streamed else 0.0,
        explanation=(*one.explanation, *(line for line in other.explanation if line not in one.explanation)),
    )


def _product_by_efficiency(
    device: Device, pim: PimModel, work: KernelWork, product: Product, compute_time_s: float
) -> PimTime:
    """A product where row timings are not stated: bytes over a share of the internal bandwidth."""
    passes = ceil_div(product.vectors, pim.reuse)
    outputs = ceil_div(product.outputs, pim.align.n) * pim.align.n
    depth = ceil_div(product.depth, pim.align.k) * pim.align.k
    grown = outputs * depth / (product.outputs * product.depth)
    weight_bytes = product.resident_bytes or product.batch * product.outputs * product.depth * _width(work)
    efficiency, why = _stream_share(pim)
    stream_s = passes * weight_bytes * grown / (device.bandwidth_bytes_per_s * efficiency)
    return PimTime(
        stream_s=max(stream_s, compute_time_s),
        activate_s=0.0,
        io_s=_write_in_s(device, work, product),
        refresh_s=0.0,
        overhead_s=_overhead_s(device, pim, passes),
        padded_share=1 - 1 / grown,
        explanation=(_passes_line(product, passes, pim), why),
    )


def _product_by_rows(
    device: Device, pim: PimModel, dram: DramTiming, work: KernelWork, product: Product, compute_time_s: float
) -> PimTime:
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
        writes = ceil_div(product.vectors, side_by_side) * product.batch
    else:
        sets_per_pass = ceil_div(product.batch * outputs, dram.parallel_rows)
        streams, activations = passes * sets_per_pass, passes * sets_per_pass
        writes = product.vectors * ceil_div(product.batch, channels)
    activations = ceil_div(activations, dram.vectors_per_activation)
    stream_s = max(streams * columns * dram.t_ccd_s, compute_time_s)
    activate_s = activations * chunks * (dram.t_rcd_s + dram.t_rp_s)
    io_s = writes * chunks * dram.t_gwrite_s + streams * min(pim.reuse, product.vectors) * dram.t_readres_s
    io_s += _write_in_s(device, work, product)
    refresh_s = (stream_s + activate_s + io_s) * (1 / (1 - dram.refresh_share) - 1)
    units = streams * columns * dram.lane_elements * dram.parallel_rows
    useful = product.batch * product.outputs * product.depth * passes
    rows_line = (
        f"{_count(activations * chunks, 'row activation')} of {format_si(dram.t_rcd_s + dram.t_rp_s, 's')},"
        f" {_count(streams * columns, 'column')} of {format_si(dram.t_ccd_s, 's')}"
    )
    return PimTime(
        stream_s=stream_s,
        activate_s=activate_s,
        io_s=io_s,
        refresh_s=refresh_s,
        overhead_s=_overhead_s(device, pim, streams * chunks),
        padded_share=max(0.0, 1 - useful / units),
        explanation=(_passes_line(product, passes, pim), rows_line),
    )


def _width(work: KernelWork) -> float:
    return DTYPE_BITS.get(work.dtype, 32) / 8


def _passes_line(product: Product, passes: int, pim: PimModel) -> str:
    shared = "no reuse between vectors" if pim.reuse == 1 else f"{pim.reuse} vectors share a pass"
    vectors = _count(product.vectors, "vector")
    return f"{_count(passes, 'pass', 'passes')} over the resident operand for {vectors} ({shared})"


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"
