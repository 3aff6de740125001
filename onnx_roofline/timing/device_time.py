"""Time of one kernel on one device, by the plain roofline or the full model."""

from msgspec import Struct

from onnx_roofline.hardware import Device, PimModel
from onnx_roofline.timing.kernel import KernelFacts, PimTimeModel
from onnx_roofline.timing.pim_time import PimTime, pim_time, supports


class KernelTime(Struct, frozen=True):
    """A kernel on one device; `total_s` is None where the device can't run it, and `reason` says why.

    `bound` is compute, memory, launch, stream, activate, io or refresh. `pim` has the parts where they were modelled.
    """

    supported: bool
    reason: str
    total_s: float | None
    bound: str
    explanation: tuple[str, ...] = ()
    pim: PimTime | None = None


def device_time(
    device: Device, facts: KernelFacts, model: PimTimeModel = "roofline", *, bandwidth_share: float = 1.0
) -> KernelTime:
    """A kernel on a device. `roofline`: launch + max(operations / peak, bytes / bandwidth), as the roofline pass.

    `full` adds a GPU's efficiencies and all that `pim_time` knows of a PIM; `bandwidth_share` of a GPU's bandwidth is
    what a PIM that works at the same time leaves.
    """
    compute_s = 0.0
    for dtype, count in facts.operations:
        peak = device.peak_flops_per_s(dtype)
        if peak is None:
            return KernelTime(False, f"{device.name} has no peak for {dtype or 'an unknown type'}", None, "unsupported")
        compute_s += count / peak
    if model == "full" and device.pim is not None:
        return _full_pim(device, device.pim, facts, compute_s)
    share = 1.0 if device.kind == "pim" else bandwidth_share
    memory_s = facts.moved_bytes / (device.bandwidth_bytes_per_s * share)
    lines: tuple[str, ...] = ()
    if model == "full":
        compute_s /= device.compute_efficiency
        memory_s /= device.memory_efficiency
        stated = f"{device.compute_efficiency:.0%} of the peak, {device.memory_efficiency:.0%} of the bandwidth"
        lines = ("the profile has no pim part: plain roofline",) if device.kind == "pim" else (stated,)
    busy_s = max(compute_s, memory_s)
    bound = "launch" if device.launch_s > busy_s else "compute" if compute_s > memory_s else "memory"
    return KernelTime(True, "", device.launch_s + busy_s, bound, lines)


def _full_pim(device: Device, pim: PimModel, facts: KernelFacts, compute_s: float) -> KernelTime:
    is_one_op = bool(facts.pattern_op) and pim.ops is not None and facts.pattern_op in pim.ops
    for op_type in (facts.pattern_op,) if is_one_op else facts.op_types:
        supported, reason = supports(pim, op_type, facts)
        if not supported:
            return KernelTime(False, reason, None, "unsupported")
    found = pim_time(device, facts)
    parts = {
        "stream": found.stream_s,
        "activate": found.activate_s,
        "io": found.io_s,
        "refresh": found.refresh_s,
        "launch": found.overhead_s,
    }
    bound = max(parts, key=lambda part: parts[part])
    if bound == "stream" and found.stream_s <= compute_s:
        bound = "compute"
    lines = found.explanation
    if found.padded_share >= 0.01:
        lines = (*lines, f"{found.padded_share:.0%} of what streams is padding or meets idle units")
    return KernelTime(True, "", found.total_s, bound, lines, found)
