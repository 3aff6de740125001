"""Checks of a profile against itself: published specification tables are wrong often enough."""

from collections.abc import Collection
from typing import Literal

from msgspec import Struct

from onnx_roofline.base.text import did_you_mean
from onnx_roofline.base.units import DTYPE_BITS
from onnx_roofline.hardware.records import Device

Code = Literal[
    "peak", "sparse-peak", "mac-peak", "bandwidth", "internal-bandwidth", "ridge", "int8-below-float16", "unit",
    "dram-timing", "pim-alignment", "pim-efficiency", "unknown-op",
]  # fmt: skip

# Datasheets round to two or three digits; more than this apart is another figure.
TOLERANCE = 0.02
# FLOP/byte; machines lie between UPMEM, which multiplies in software (about 0.03), and a large accelerator in int4
# (about 1,300).
RIDGE_LIMITS = (0.01, 10_000.0)
# TFLOP/s; about 50 times the fastest single device of 2025. Above it, FLOP/s were written under a key in TFLOP/s.
LARGEST_PEAK_TFLOPS = 1e6


class Finding(Struct, frozen=True):
    """A figure that other figures of the same profile, or physics, contradict."""

    code: Code
    path: str
    message: str


def lint(device: Device, known_ops: Collection[str] = ()) -> tuple[Finding, ...]:
    """What is wrong with a profile, by dotted path; empty for a profile that agrees with itself.

    `known_ops` are the op types that there are, against which those of a PIM are held; without any none is.

    Peaks are recomputed as units x FLOP per clock and unit x clock (or bytes/s x FLOP per byte for a rate-matched PIM),
    the bandwidth as memory clock x transfers per clock x bus width, from the `check` part of the profile.

    >>> from onnx_roofline.hardware import load_device
    >>> lint(load_device("a100-sxm-80gb"))
    ()
    """
    return (
        *_peaks(device), *_bandwidths(device), *_physics(device), *_row_timing(device), *_efficiencies(device),
        *_unknown_ops(device, known_ops),
    )  # fmt: skip


def _peaks(device: Device) -> list[Finding]:
    findings = []
    for dtype in device.peaks_flops_per_s:
        path = f"peak_tflops.{dtype}"
        found = _value(device, path)
        if found is not None and found > LARGEST_PEAK_TFLOPS:
            findings.append(Finding("unit", path, f"{path} is {found:g} TFLOP/s; was it written in FLOP/s?"))
            continue
        wanted, formula = _recomputed_peak(device, dtype)
        if found is not None and wanted is not None and not _close(found, wanted):
            findings.append(_peak_finding(path, found, wanted, formula))
    return findings


def _recomputed_peak(device: Device, dtype: str) -> tuple[float | None, str]:
    """Peak in TFLOP/s and how it was computed; None when the profile does not state enough."""
    per_byte, internal = _value(device, f"check.flop_per_byte.{dtype}"), _value(device, "bandwidth_gb_per_s.internal")
    if per_byte is not None and internal is not None:
        return internal * per_byte / 1e3, f"{internal:g} GB/s x {per_byte:g} FLOP/byte"
    units = _value(device, "sm_count") or _value(device, "check.sm_count")
    per_clock = _value(device, f"check.flop_per_clk_per_sm.{dtype}")
    clock_mhz = _value(device, f"check.quoted_mhz.{dtype}") or _value(device, "check.boost_mhz")
    if units is None or per_clock is None or clock_mhz is None:
        return None, ""
    return units * per_clock * clock_mhz / 1e6, f"{units:g} units x {per_clock:g} FLOP/clock x {clock_mhz:g} MHz"


def _peak_finding(path: str, found: float, wanted: float, formula: str) -> Finding:
    says = f"{path} is {found:g} TFLOP/s, but {formula} = {wanted:.4g}"
    if _close(found, 2 * wanted):
        return Finding(
            "sparse-peak", path, f"{says}: twice the dense peak, the figure with 2:4 sparsity; write the dense one"
        )
    if _close(2 * found, wanted):
        return Finding("mac-peak", path, f"{says}: half of it; were multiply-accumulates counted as one operation?")
    return Finding("peak", path, f"{says}; correct the peak or the check")


def _bandwidths(device: Device) -> list[Finding]:
    findings = []
    external, internal = (_value(device, f"bandwidth_gb_per_s.{side}") for side in ("external", "internal"))
    parts = [_value(device, f"check.{key}") for key in ("memory_mhz", "transfers_per_clock", "bus_bits")]
    clock_mhz, transfers, bus_bits = parts
    if external is not None and clock_mhz is not None and transfers is not None and bus_bits is not None:
        wanted = clock_mhz * transfers * bus_bits / 8 / 1e3
        if not _close(external, wanted):
            path = "bandwidth_gb_per_s.external"
            formula = f"{clock_mhz:g} MHz x {transfers:g} transfers x {bus_bits:g} bits = {wanted:.4g} GB/s"
            findings.append(Finding("bandwidth", path, f"{path} is {external:g} GB/s, but {formula}"))
    if external is None or internal is None:
        return findings
    path = "bandwidth_gb_per_s.internal"
    ratio = _value(device, "check.internal_ratio")
    if ratio is not None and not _close(internal, ratio * external):
        message = f"{path} is {internal:g} GB/s, but {ratio:g} x {external:g} GB/s = {ratio * external:.4g}"
        findings.append(Finding("internal-bandwidth", path, message))
    if internal < external:
        message = f"{path} is {internal:g} GB/s, less than the {external:g} GB/s outside; are the two swapped?"
        findings.append(Finding("internal-bandwidth", path, message))
    return findings


def _physics(device: Device) -> list[Finding]:
    findings = []
    low, high = RIDGE_LIMITS
    for dtype in device.peaks_flops_per_s:
        ridge = device.ridge(dtype)
        if ridge is not None and not low <= ridge <= high:
            path = f"peak_tflops.{dtype}"
            message = f"the ridge of {dtype} is {ridge:.3g} FLOP/byte, outside {low:g} to {high:g}; check the units"
            findings.append(Finding("ridge", path, message))
    int8, float16 = device.peak_flops_per_s("int8"), device.peak_flops_per_s("float16")
    path = "peak_tflops.int8"
    if int8 is not None and float16 is not None and int8 < float16 and path not in device.notes:
        message = f"{path} is below the float16 peak; correct it, or say why in a note under {path}"
        findings.append(Finding("int8-below-float16", path, message))
    return findings


def _row_timing(device: Device) -> list[Finding]:
    """Whether the banks' lanes stream what the profile says they stream, and whether rows hold whole lanes."""
    model, internal = device.pim, _value(device, "bandwidth_gb_per_s.internal")
    if model is None or model.dram is None or internal is None:
        return []
    findings = []
    dram, row_elements = model.dram, model.align.row_elements or 1
    widths = {DTYPE_BITS[dtype] / 8 for dtype in model.dtypes}
    wanted = [dram.parallel_rows * dram.lane_elements * width / dram.t_ccd_s / 1e9 for width in sorted(widths)]
    if not any(_close(internal, found) for found in wanted):
        path = "bandwidth_gb_per_s.internal"
        formula = f"{dram.parallel_rows} rows x {dram.lane_elements} elements every {dram.t_ccd_s * 1e9:g} ns"
        message = f"{path} is {internal:g} GB/s, but {formula} = {wanted[0]:.4g} GB/s"
        findings.append(Finding("dram-timing", path, message))
    if row_elements % dram.lane_elements:
        path = "pim.align.row_elements"
        message = f"{path} is {row_elements}, not a whole number of lanes of {dram.lane_elements} elements"
        findings.append(Finding("pim-alignment", path, message))
    return findings


def _efficiencies(device: Device) -> list[Finding]:
    """A share of the internal bandwidth above what the rows or tiles of the same memory can reach."""
    model = device.pim
    if model is None or model.elementwise_efficiency is None:
        return []
    reached = None
    if model.dram is not None:
        reached = model.dram.row_share(model.align.row_elements or 1)
    elif model.tile is not None:
        reached = model.tile.stream_share
    if reached is None or model.elementwise_efficiency <= reached:
        return []
    path = "pim.efficiency.elementwise"
    message = f"{path} is {model.elementwise_efficiency:g}, but the rows of this memory reach {reached:.3g} at most"
    return [Finding("pim-efficiency", path, message)]


def _unknown_ops(device: Device, known: Collection[str]) -> list[Finding]:
    """Names that no op has: the PIM would run none of what is meant."""
    named = () if device.pim is None or device.pim.ops is None else device.pim.ops
    return [
        Finding("unknown-op", f"pim.ops.{name}", f"no op is called {name!r}{did_you_mean(name, known, listed=False)}")
        for name in named
        if known and name not in known
    ]


def _value(device: Device, path: str) -> float | None:
    figure = device.figures.get(path)
    return None if figure is None else figure.value


def _close(found: float, wanted: float) -> bool:
    return abs(found - wanted) <= TOLERANCE * wanted
