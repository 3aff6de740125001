"""Roofline: every kernel against the peak and the bandwidth of every device, for one execution.

Time = launch + max(operations / peak, moved bytes / bandwidth). Members of a kernel run at the peak of their own
element types, one after the other; a type without a peak is not supported on that device. The interval is what the
least and the most of naive, compulsory and moved bytes would give.

Source: Williams, Waterman, Patterson: Roofline, CACM 52(4), 2009.
"""

from typing import ClassVar

from msgspec import Struct

from onnx_roofline.hardware import Device, System
from onnx_roofline.ir.graph import Model
from onnx_roofline.ir.pipeline import PassResult
from onnx_roofline.ir.records import Kernel, Moved, Reuse, Roof, Roofline, Traffic, TypedOp, Work

_NOTHING = Roof(True, "", None, None, None, 0.0, 0.0, 0.0, 0.0, "nothing to do", 0, 0.0, 0.0)
_FUSED = Roof(True, "", None, None, None, 0.0, 0.0, 0.0, 0.0, "fused", 0, 0.0, 0.0)


class KernelWork(Struct, frozen=True):
    """What a kernel does in one execution, as the roofline sees it; None is unknown.

    `operations` by element type, in the order of the members; `dtype` is the root's.
    """

    operations: tuple[tuple[str, int], ...] | None
    naive_bytes: int | None
    compulsory_bytes: int | None
    dtype: str


class RooflinePass(Struct, frozen=True):
    """Option `system`: the devices to put every kernel on."""

    system: System

    name: ClassVar[str] = "roofline"
    requires: ClassVar[tuple[type, ...]] = (TypedOp, Work, Kernel, Traffic, Reuse)
    produces: ClassVar[type] = Roofline

    def run(self, model: Model) -> PassResult:
        """A Roofline for every row: the kernel's at its root, nothing at the other members."""
        kernels, reuses = model.column(Kernel), model.column(Reuse)
        fused = Roofline({device.slug: _FUSED for device in self.system.devices})
        nothing = Roofline({device.slug: _NOTHING for device in self.system.devices})
        memo: dict[object, Roofline] = {}
        rows: dict[str, Roofline] = {}
        for key, kernel in kernels.items():
            if kernel.id != key:
                rows[key] = fused if kernel.id else nothing
                continue
            work = kernel_work(model, kernel)
            moved = reuses[key].devices
            signature = (work, tuple(entry.moved_bytes for entry in moved.values()))
            found = memo.get(signature)
            if found is None:
                roofs = {device.slug: roof_of(device, work, moved.get(device.slug)) for device in self.system.devices}
                found = memo[signature] = Roofline(roofs)
            rows[key] = found
        return PassResult(rows)


def kernel_work(model: Model, kernel: Kernel) -> KernelWork:
    """The operations and bytes of all members of a kernel."""
    works, traffics = model.column(Work), model.column(Traffic)
    operations: dict[str, int] | None = {}
    naive: int | None = 0
    compulsory: int | None = 0
    for key in kernel.members:
        work, traffic = works[key], traffics[key]
        if work.counts is None or operations is None:
            operations = None
        elif work.counts.operations:
            operations[work.compute_dtype] = operations.get(work.compute_dtype, 0) + work.counts.operations
        naive = None if naive is None or traffic.naive_bytes is None else naive + traffic.naive_bytes
        compulsory = (
            None if compulsory is None or traffic.compulsory_bytes is None else compulsory + traffic.compulsory_bytes
        )
    counted = None if operations is None else tuple(operations.items())
    return KernelWork(counted, naive, compulsory, works[kernel.id].compute_dtype)


def roof_of(device: Device, work: KernelWork, moved: Moved | None) -> Roof:
    """One kernel on one device."""
    moved_bytes = work.compulsory_bytes if moved is None else moved.moved_bytes
    total = None if work.operations is None else sum(count for _, count in work.operations)
    if total == 0 and moved_bytes == 0:
        return _NOTHING
    intensity = None if total is None or not moved_bytes else total / moved_bytes
    memory_time_s = None if moved_bytes is None else moved_bytes / device.bandwidth_bytes_per_s
    peaks = {dtype: device.peak_flops_per_s(dtype) for dtype, _ in work.operations or ()}
    missing = [dtype or "an unknown type" for dtype, peak in peaks.items() if peak is None]
    if missing:
        reason = f"{device.name} has no peak for {', '.join(missing)}"
        return Roof(False, reason, intensity, None, None, None, memory_time_s, None, None, "unsupported", moved_bytes)
    peak, ridge = device.peak_flops_per_s(work.dtype), device.ridge(work.dtype)
    attainable = None if intensity is None or peak is None else min(peak, intensity * device.bandwidth_bytes_per_s)
    compute_time_s = None
    if work.operations is not None:
        compute_time_s = sum(count / (peaks[dtype] or 1.0) for dtype, count in work.operations)
    if compute_time_s is None or memory_time_s is None:
        return Roof(True, "its work is unknown", intensity, ridge, attainable, compute_time_s, memory_time_s,
                    device.launch_s, None, "unknown", moved_bytes)  # fmt: skip
    figures = [size for size in (work.naive_bytes, work.compulsory_bytes, moved_bytes) if size is not None]
    low, high = (size / device.bandwidth_bytes_per_s for size in (min(figures), max(figures)))
    bound = _bound(device, compute_time_s, memory_time_s)
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
        bound_is_stable=_bound(device, compute_time_s, low) == _bound(device, compute_time_s, high) == bound,
    )


def _bound(device: Device, compute_time_s: float, memory_time_s: float) -> str:
    if device.launch_s > max(compute_time_s, memory_time_s):
        return "launch"
    return "compute" if compute_time_s > memory_time_s else "memory"
