"""The roofline: time = launch + max(operations / peak, moved bytes / bandwidth), for one kernel on one device.

Members of a kernel run at the peak of their own element types, one after the other; a type without a peak is not
supported on that device. The interval is what the least and the most of naive, compulsory and moved bytes would give.

Source: Williams, Waterman, Patterson: Roofline, CACM 52(4), 2009.
"""

from collections.abc import Iterable
from typing import Literal

from onnx_roofline.hardware import Device
from onnx_roofline.ir.kernel_work import KernelWork, Operations
from onnx_roofline.ir.placed_records import Roof

NOTHING_TO_DO = Roof(True, "", None, None, None, 0.0, 0.0, 0.0, 0.0, "nothing to do", 0, 0.0, 0.0)
FUSED = Roof(True, "", None, None, None, 0.0, 0.0, 0.0, 0.0, "fused", 0, 0.0, 0.0)


def missing_peaks(device: Device, operations: Iterable[Operations]) -> str:
    """Why a device can't compute in the element types of a kernel; "" where it can."""
    missing = [one.dtype or "an unknown type" for one in operations if device.peak_flops_per_s(one.dtype) is None]
    return f"{device.name} has no peak for {', '.join(missing)}" if missing else ""


def compute_s(device: Device, operations: Iterable[Operations]) -> float:
    """Seconds of the operations at the peaks of their types, one type after the other."""
    return sum(one.total / (device.peak_flops_per_s(one.dtype) or float("inf")) for one in operations)


def bound_of(launch_s: float, compute_time_s: float, memory_time_s: float) -> Literal["memory", "compute", "launch"]:
    """What takes longest: launch, compute or memory."""
    if launch_s > max(compute_time_s, memory_time_s):
        return "launch"
    return "compute" if compute_time_s > memory_time_s else "memory"


def roof_of(device: Device, work: KernelWork) -> Roof:
    """One kernel on the roofline of one device."""
    moved_bytes, total = work.moved_bytes(device.slug), work.total_operations
    if total == 0 and work.on_chip_bytes(device.slug) == 0:
        return NOTHING_TO_DO
    intensity = None if total is None or not moved_bytes else total / moved_bytes
    memory_time_s = None if moved_bytes is None else moved_bytes / device.bandwidth_bytes_per_s
    if reason := missing_peaks(device, work.operations or ()):
        return Roof(False, reason, intensity, None, None, None, memory_time_s, None, None, "unsupported", moved_bytes)
    peak, ridge = device.peak_flops_per_s(work.dtype), device.ridge(work.dtype)
    attainable = None if intensity is None or peak is None else min(peak, intensity * device.bandwidth_bytes_per_s)
    compute_time_s = None if work.operations is None else compute_s(device, work.operations)
    if compute_time_s is None or memory_time_s is None:
        return Roof(True, "its work is unknown", intensity, ridge, attainable, compute_time_s, memory_time_s,
                    device.launch_s, None, "unknown", moved_bytes)  # fmt: skip
    figures = [size for size in (work.naive_bytes, work.compulsory_bytes, moved_bytes) if size is not None]
    low, high = (size / device.bandwidth_bytes_per_s for size in (min(figures), max(figures)))
    bound, *others = (bound_of(device.launch_s, compute_time_s, time_s) for time_s in (memory_time_s, low, high))
    return Roof(
        supported=True,
        reason="",
        intensity=intensity,
        ridge=ridge,
        attainable_flops_per_s=attainable,
        compute_time_s=compute_time_s,
        memory_time_s=memory_time_s,
        launch_time_s=device.launch_s,
        total_time_s=device.launch_s + max(compute_time_s, memory_time_s),
        bound=bound,
        moved_bytes=moved_bytes,
        time_low_s=device.launch_s + max(compute_time_s, low),
        time_high_s=device.launch_s + max(compute_time_s, high),
        bound_is_stable=all(other == bound for other in others),
    )
