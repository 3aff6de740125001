"""What a model takes of the memory of each device, in words and as JSON."""

from collections.abc import Sequence

from onnx_roofline.analysis.analyze import Analysis
from onnx_roofline.base.quantities import format_share, format_si
from onnx_roofline.hardware import Device
from onnx_roofline.report import contract
from onnx_roofline.what_if.largest import Largest


def memory_parts(analysis: Analysis) -> str:
    """`226.5 MB weights, 1.585 MB caches, 198.9 kB activations`."""
    found = analysis.footprint
    parts = [("weights", found.weight_bytes), ("caches", found.cache_bytes), ("activations", found.activation_bytes)]
    shown = [f"{format_si(size, 'B')} {name}" for name, size in parts if size or name != "caches"]
    return ", ".join(shown) + " after fusion, at the run's width"


def memory_share(analysis: Analysis, device: Device) -> tuple[str, str]:
    """Share of a device's memory, and whether the whole model fits there."""
    found = analysis.footprint
    fits, share = found.fits(device), found.share_of(device)
    if fits is None or share is None:
        return "?", f"some tensors of the model have no size; the device has {format_si(device.capacity_bytes, 'B')}"
    size = found.of_capacity(device)
    return format_share(share), f"{size}, all of the model there" if fits else f"DOES NOT FIT: {size}"


def memory_record(analysis: Analysis) -> contract.Memory:
    """What the model occupies, and of the memory of each device."""
    found = analysis.footprint
    return contract.Memory(
        weight_bytes=found.weight_bytes,
        cache_bytes=found.cache_bytes,
        activation_bytes=found.activation_bytes,
        total_bytes=found.total_bytes,
        devices={
            device.slug: contract.DeviceMemory(device.capacity_bytes, found.share_of(device), found.fits(device))
            for device in analysis.system.devices
        },
    )


def memory_rows(analysis: Analysis) -> list[tuple[str, ...]]:
    """Per device: its memory, what the model takes of it by part, and whether it fits."""
    found = analysis.footprint
    rows: list[tuple[str, ...]] = []
    for device in analysis.system.devices:
        fits = found.fits(device)
        said = "unknown" if fits is None else "yes" if fits else "NO"
        if device.capacity_bytes is None:
            said = "it states no capacity"
        sizes = (found.weight_bytes, found.cache_bytes, found.activation_bytes, found.total_bytes)
        capacity = "–" if device.capacity_bytes is None else format_si(device.capacity_bytes, "B")
        rows.append((device.slug, *(format_si(size, "B") for size in sizes), capacity, said))
    return rows


def largest_rows(found: Sequence[Largest]) -> list[tuple[str, ...]]:
    """Per dim and device: the largest size that fits, what it takes, and what one more would."""
    rows: list[tuple[str, ...]] = []
    for one in found:
        if one.size is None:
            cells = ("none" if one.is_known else "unknown", "–", one.reason)
        else:
            at = f" at {one.size + one.step:,}" if one.step > 1 else ""
            above = one.reason or f"{one.above_bytes:,} B{at}"
            cells = (f"{one.size:,}", f"{one.size_bytes:,} B", above)
        rows.append((one.dim, one.device, *cells))
    return rows
