"""A hardware profile as rows: figure, value, how far to trust it, source."""

from collections.abc import Mapping

from onnx_roofline.base.quantities import format_si
from onnx_roofline.hardware import Device, Figure, load_device, load_system, profile_kind


def profile_rows(name_or_path: str) -> list[tuple[str, str, str, str]]:
    """Rows of one device, or of a system's devices and link; ridges are derived rows.

    Raises ProfileError for a profile that is not there or not valid.
    """
    if profile_kind(name_or_path) != "system":
        return _device_rows(load_device(name_or_path))
    system = load_system(name_or_path)
    rows = [("system", system.name, "", ""), ("concurrency", system.concurrency, "", "")]
    rows += _figures("", system.pair[2].figures)
    for device in system.devices:
        rows += _device_rows(device)
    return rows


def _device_rows(device: Device) -> list[tuple[str, str, str, str]]:
    prefix = device.slug
    rows = [(prefix, f"{device.name} ({device.kind})", "", "")]
    rows += _figures(f"{prefix}.", device.figures)
    for dtype in device.peaks_flops_per_s:
        ridge = device.ridge(dtype)
        if ridge is not None:
            bandwidth = format_si(device.bandwidth_bytes_per_s, "B/s")
            rows.append((f"{prefix}.ridge.{dtype}", f"{ridge:.4g} FLOP/B", "derived", f"peak / {bandwidth}"))
    rows += [(f"{prefix}.note.{path}", text, "", "") for path, text in device.notes.items()]
    return rows


def _figures(prefix: str, figures: Mapping[str, Figure]) -> list[tuple[str, str, str, str]]:
    return [(prefix + path, f"{figure.value:g}", figure.label, figure.source) for path, figure in figures.items()]
