"""Time of one kernel on one device, by the plain roofline or the full model."""

from msgspec import Struct

from onnx_roofline.hardware import Device, PimModel
from onnx_roofline.ir.kernel_work import KernelWork
from onnx_roofline.ir.placed_records import PimTimeModel, TimeBound
from onnx_roofline.timing.own_models import OwnModel, own_models
from onnx_roofline.timing.pim_time import PimTime, pim_time, supports
from onnx_roofline.timing.roofline import bound_of, compute_s, missing_peaks


class KernelTime(Struct, frozen=True):
    """A kernel on one device; `total_s` is None where the device can't run it, and `reason` says why.

    `bound` is compute, memory, launch, stream, activate, io, refresh, unsupported or unknown. `pim` has the parts where
    they were modelled.
    """

    supported: bool
    reason: str
    total_s: float | None
    bound: TimeBound
    explanation: tuple[str, ...] = ()
    pim: PimTime | None = None


_UNKNOWN = KernelTime(True, "its work is unknown", None, "unknown")


def device_time(
    device: Device, work: KernelWork, model: PimTimeModel = "roofline", *, bandwidth_share: float = 1.0
) -> KernelTime:
    """A kernel on a device. `roofline`: launch + max(operations / peak, bytes / bandwidth).

    `full` adds a GPU's efficiencies and all that `pim_time` knows of a PIM; `bandwidth_share` of a GPU's bandwidth is
    what a PIM that works at the same time leaves. A plugin's model has the PIM; the GPU is on its roofline then.
    """
    moved_bytes = work.moved_bytes(device.slug)
    if work.operations is None or moved_bytes is None:
        return _UNKNOWN
    if reason := missing_peaks(device, work.operations):
        return KernelTime(False, reason, None, "unsupported")
    compute_time_s = compute_s(device, work.operations)
    own = own_models().get(model)
    if own is not None and device.kind == "pim":
        return _own(own, model, device, work)
    if model == "full" and device.pim is not None:
        return _full_pim(device, device.pim, work, compute_time_s)
    share = 1.0 if device.kind == "pim" else bandwidth_share
    memory_time_s = moved_bytes / (device.bandwidth_bytes_per_s * share)
    lines: tuple[str, ...] = ()
    if model == "full":
        compute_time_s /= device.compute_efficiency
        memory_time_s /= device.memory_efficiency
        stated = f"{device.compute_efficiency:.0%} of the peak, {device.memory_efficiency:.0%} of the bandwidth"
        lines = ("the profile has no pim part: plain roofline",) if device.kind == "pim" else (stated,)
    busy_s = max(compute_time_s, memory_time_s)
    bound = bound_of(device.launch_s, compute_time_s, memory_time_s)
    return KernelTime(True, "", device.launch_s + busy_s, bound, lines)


def _own(own: OwnModel, name: str, device: Device, work: KernelWork) -> KernelTime:
    """The time of a plugin's model, of a kernel that the PIM can run."""
    for op_type in work.op_types:
        supported, reason = supports(device.pim, op_type, work) if device.pim is not None else (True, "")
        if not supported:
            return KernelTime(False, reason, None, "unsupported")
    return KernelTime(True, "", own(device, work), "stream", (f"by the model {name} of a plugin",))


def _full_pim(device: Device, pim: PimModel, work: KernelWork, compute_time_s: float) -> KernelTime:
    is_one_op = bool(work.stands_for) and pim.ops is not None and work.stands_for in pim.ops
    for op_type in (work.stands_for,) if is_one_op else work.op_types:
        supported, reason = supports(pim, op_type, work)
        if not supported:
            return KernelTime(False, reason, None, "unsupported")
    found = pim_time(device, work)
    parts: dict[TimeBound, float] = {
        "stream": found.stream_s,
        "activate": found.activate_s,
        "io": found.io_s,
        "refresh": found.refresh_s,
        "launch": found.overhead_s,
    }
    bound = max(parts, key=lambda part: parts[part])
    if bound == "stream" and found.stream_s <= compute_time_s:
        bound = "compute"
    lines = found.explanation
    if found.padded_share >= 0.01:
        lines = (*lines, f"{found.padded_share:.0%} of what streams is padding or meets idle units")
    return KernelTime(True, "", found.total_s, bound, lines, found)
