"""A hardware profile as rows: figure, value, how far to trust it, source."""

import os
from collections.abc import Mapping

from onnx_roofline.hardware import Figure, load_device, load_system, shipped_profiles
from onnx_roofline.units import format_si


def profile_rows(name_or_path: str) -> list[tuple[str, str, str, str]]:
    """Rows of one device, or of a system's devices and link; ridges are derived rows.

    Raises ProfileError for a profile that is not there or not valid.
    """
    kinds = {slug: kind for slug, kind, _ in shipped_profiles()}
    if kinds.get(name_or_path) == "system" or (name_or_path not in kinds and _says_system(name_or_path)):
        system = load_system(name_or_path)
        rows = [("system", system.name, "", ""), ("concurrency", system.concurrency, "", "")]
        rows += _figures("", system.link.figures)
        for device in system.devices:
            rows += profile_rows_of(device.slug, device)
        return rows
    device = load_device(name_or_path)
    return profile_rows_of(device.slug, device)


def profile_rows_of(prefix: str, device: "object") -> list[tuple[str, str, str, str]]:
    """Rows of one loaded device."""
    from onnx_roofline.hardware import Device

    assert isinstance(device, Device)
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


def _says_system(path: str) -> bool:
    """Whether a file says `kind: system`; anything unreadable is left to the loader's message."""
    try:
        if not os.path.isfile(path):
            return False
        with open(path, encoding="utf-8") as file:
            return any(line.split("#")[0].replace(" ", "").strip() == "kind:system" for line in file)
    except (OSError, UnicodeDecodeError):
        return False
