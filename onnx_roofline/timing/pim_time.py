"""Time of one kernel on a PIM, closed form, by the parts of its machine.

A PIM streams a resident operand (weights, a cache of keys and values) past its units, once for every `reuse` vectors;
it opens and closes the memory's rows, takes vectors in and gives results out, pads to its alignment, loses time to
refresh, and pays for launch, mode switch and fences. Which of three models counts follows from the profile:

| the profile states | model | of |
|---|---|---|
| `dram` | rows: columns, activations, writes, results (pim_rows.py) | Newton, GDDR6-AiM |
| `tile` | tiles of 128 of K by 64 outputs a channel (pim_tiles.py) | HBM-PIM |
| `efficiency` | bytes over a share of the bandwidth, heads in rounds (pim_streams.py) | AttAcc |

Ignores contention, power limits beyond the stated bandwidth, and overlap of input, stream and output.
Source: command sequences of Newton (MICRO'20) as in PIMFlow (CGO'23), GDDR6-AiM as in IANUS (ASPLOS'24), the kernels of
SAITPublic/PIMLibrary, and the simulators of all of them (docs/time.md).
"""

from msgspec.structs import replace

from onnx_roofline.hardware import Device, OpSupport, PimModel
from onnx_roofline.ir.kernel_work import KernelWork, Product
from onnx_roofline.timing.pim_parts import PimTime, overhead_s
from onnx_roofline.timing.pim_rows import product_by_rows
from onnx_roofline.timing.pim_streams import product_by_share, vector_time
from onnx_roofline.timing.pim_tiles import product_by_tiles
from onnx_roofline.timing.roofline import compute_s

__all__ = ["PimTime", "pim_time", "supports"]


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
    """
    pim = device.pim
    assert pim is not None, "the caller asks for a device with a pim part"
    compute_time_s = compute_s(device, work.operations or ())
    if work.product is None or work.product.macs == 0:
        return vector_time(device, pim, work, compute_time_s)
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


def _product_time(device: Device, pim: PimModel, work: KernelWork, product: Product, compute_time_s: float) -> PimTime:
    if pim.dram is not None:
        return product_by_rows(device, pim, pim.dram, work, product, compute_time_s)
    if pim.tile is not None:
        return product_by_tiles(device, pim, pim.tile, work, product, compute_time_s)
    return product_by_share(device, pim, work, product, compute_time_s)


def _both(one: PimTime, other: PimTime, device: Device, pim: PimModel) -> PimTime:
    """Two products of one kernel, one after the other; launched once."""
    streamed = one.stream_s + other.stream_s
    padded = one.padded_share * one.stream_s + other.padded_share * other.stream_s
    return PimTime(
        stream_s=streamed,
        activate_s=one.activate_s + other.activate_s,
        io_s=one.io_s + other.io_s,
        refresh_s=one.refresh_s + other.refresh_s,
        overhead_s=one.overhead_s + other.overhead_s - overhead_s(device, pim, 0),
        padded_share=padded / streamed if streamed else 0.0,
        explanation=(*one.explanation, *(line for line in other.explanation if line not in one.explanation)),
    )
