"""Time of one kernel on one device, by the plain roofline or the full model."""

from collections.abc import Mapping

from msgspec import Struct, field

from onnx_roofline.base.quantities import format_percent, format_si
from onnx_roofline.base.terms import Origin
from onnx_roofline.hardware import Device, GpuModel, PimModel
from onnx_roofline.ir.kernel_work import KernelWork
from onnx_roofline.ir.placed_records import PimTimeModel, TimeBound
from onnx_roofline.timing.bands import Band, band_of, pim_band
from onnx_roofline.timing.gpu import Bytes, gpu_time
from onnx_roofline.timing.own_models import OwnModel, own_models
from onnx_roofline.timing.pim_time import PimTime, pim_time, supports
from onnx_roofline.timing.roofline import bound_of, compute_s, missing_peaks


class KernelTime(Struct, frozen=True):
    """A kernel on one device; `total_s` is None where the device can't run it, and `reason` says why.

    `bound` is the engine of a GPU (matrix, vector, special, l2, dram), latency or launch; compute or memory where the
    profile states no engines; stream, activate, io or refresh on a PIM; unsupported or unknown. `engines` has the
    seconds of each. `low_s` and `high_s` hold eight of ten kernels whose constants have the same `origin`; None for the
    plain roofline, which a profile without engines, timings and efficiencies is. `pim` has the parts of a PIM where
    they were modelled.
    """

    supported: bool
    reason: str
    total_s: float | None
    bound: TimeBound
    explanation: tuple[str, ...] = ()
    pim: PimTime | None = None
    engines: Mapping[str, float] = field(default_factory=dict)
    launch_s: float = 0.0
    low_s: float | None = None
    high_s: float | None = None
    origin: Origin | None = None


_UNKNOWN = KernelTime(True, "its work is unknown", None, "unknown")


def device_time(
    device: Device, work: KernelWork, model: PimTimeModel = "roofline", *, bandwidth_share: float = 1.0
) -> KernelTime:
    """A kernel on a device. `roofline`: launch + max(operations / peak, bytes / bandwidth).

    `full` adds the engines of a GPU (its efficiencies where the profile states none) and all that `pim_time` knows of a
    PIM; `bandwidth_share` of a GPU's bandwidth is what a PIM that works at the same time leaves. A plugin's model has
    the PIM; the GPU is on its roofline then.
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
    on_chip_bytes = work.on_chip_bytes(device.slug) or 0
    if model == "full" and device.gpu is not None and (work.total_operations or on_chip_bytes):
        return _full_gpu(device.gpu, work, Bytes(moved_bytes, on_chip_bytes), bandwidth_share)
    share = 1.0 if device.kind == "pim" else bandwidth_share
    memory_time_s = moved_bytes / (device.bandwidth_bytes_per_s * share)
    lines: tuple[str, ...] = ()
    if model == "full":
        compute_time_s /= device.compute_efficiency
        memory_time_s /= device.memory_efficiency
        peak, bandwidth = format_percent(device.compute_efficiency), format_percent(device.memory_efficiency)
        stated = f"{peak} of the peak, {bandwidth} of the bandwidth"
        lines = ("the profile has no pim part: plain roofline",) if device.kind == "pim" else (stated,)
    launch_s = device.launch_of(work.kernel_class) if model == "full" else device.launch_s
    total_s = launch_s + max(compute_time_s, memory_time_s)
    bound = bound_of(launch_s, compute_time_s, memory_time_s)
    engines = {"compute": compute_time_s, "memory": memory_time_s}
    # A profile that states neither engines nor efficiencies is a roofline: no measured kernel says how far off that is.
    is_plain = not any(path.startswith("efficiency.") for path in device.figures)
    if model != "full" or is_plain:
        return KernelTime(True, "", total_s, bound, lines, engines=engines, launch_s=launch_s)
    origin = device.origin("launch_us" if bound == "launch" else f"efficiency.{bound}")
    return _banded(total_s, bound, lines, engines, launch_s, origin, band_of(work.kernel_class, origin))


def _banded(
    total_s: float,
    bound: TimeBound,
    lines: tuple[str, ...],
    engines: Mapping[str, float],
    launch_s: float,
    origin: Origin,
    band: Band,
    pim: PimTime | None = None,
) -> KernelTime:
    low_s, high_s = total_s * band.low, total_s * band.high
    return KernelTime(True, "", total_s, bound, lines, pim, engines, launch_s, low_s, high_s, origin)


def _full_gpu(gpu: GpuModel, work: KernelWork, size: Bytes, bandwidth_share: float) -> KernelTime:
    found = gpu_time(gpu, work, size, bandwidth_share=bandwidth_share)
    if found.total_s is None:
        return KernelTime(False, found.reason, None, "unsupported")
    engines: dict[str, float] = {str(name): seconds for name, seconds in found.engines.items()}
    if found.latency_s:
        engines["latency"] = found.latency_s
    parts = ", ".join(f"{name} {format_si(seconds, 's')}" for name, seconds in engines.items())
    math = f", products in {work.math or work.dtype}" if work.products else ""
    line = f"{parts}, launch {format_si(found.launch_s, 's')} (a kernel of class {work.kernel_class}{math})"
    band = band_of(work.kernel_class, found.origin)
    return _banded(found.total_s, found.bound, (line,), engines, found.launch_s, found.origin, band)


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
        lines = (*lines, f"{format_percent(found.padded_share)} of what streams is padding or meets idle units")
    origin = _pim_origin(device, pim, bound)
    engines = {str(part): seconds for part, seconds in parts.items() if part != "launch"}
    if pim.dram is None and pim.tile is None and pim.stream_efficiency is None:
        return KernelTime(True, "", found.total_s, bound, lines, found, engines, found.overhead_s)
    return _banded(found.total_s, bound, lines, engines, found.overhead_s, origin, pim_band(origin), found)


def _pim_origin(device: Device, pim: PimModel, bound: str) -> Origin:
    """The origin of the figures that the bound hangs on."""
    if bound == "launch":
        return device.origin("launch_us")
    if bound == "compute":
        return device.origin("peak_tflops")
    return device.origin(
        "pim.dram" if pim.dram is not None else "pim.tile" if pim.tile is not None else "pim.efficiency"
    )
