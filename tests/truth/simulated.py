"""The PIM model against the simulators' own runs: modelled / simulated, launch left out."""

import csv
from collections.abc import Callable
from pathlib import Path
from statistics import median, quantiles

from msgspec.structs import replace

from onnx_roofline.hardware import Device, load_device
from onnx_roofline.ir.kernel_work import KernelWork, Operations, Product
from onnx_roofline.timing.pim_time import pim_time

WIDTH = 2


def simulated_device(name: str) -> Device:
    """The device that a simulator ran, from the profile of the same memory: fewer channels, its own clock."""
    if name == "hbm-pim-64ch":  # four stacks at 2.0 Gb/s: 64 columns of 4 ns, 8 registers of 4 ns
        device = load_device("hbm-pim")
        assert device.pim is not None
        assert device.pim.tile is not None
        tile = replace(device.pim.tile, channels=64, stream_s=256e-9, refill_s=32e-9)
        align = replace(device.pim.align, elements=262144)
        return replace(
            device, launch_s=0.0, internal_bytes_per_s=4096e9, pim=replace(device.pim, tile=tile, align=align)
        )
    profile, channels = {
        "attacc-1-stack": ("attacc-1-stack", 16),
        "newton-1ch": ("newton-16ch", 1),
        "aim-1ch": ("aim", 1),
    }[name]
    device = load_device(profile)
    assert device.pim is not None
    assert device.internal_bytes_per_s is not None
    if device.pim.dram is None:
        return replace(device, launch_s=0.0)
    rows = channels * device.pim.dram.banks_per_channel
    share = rows / device.pim.dram.parallel_rows
    pim = replace(device.pim, dram=replace(device.pim.dram, parallel_rows=rows))
    peaks = {dtype: peak * share for dtype, peak in device.peaks_flops_per_s.items()}
    return replace(
        device, launch_s=0.0, internal_bytes_per_s=device.internal_bytes_per_s * share, peaks_flops_per_s=peaks, pim=pim
    )


def work_of(row: dict[str, str], dtype: str) -> KernelWork:
    """The kernel that a simulator ran."""
    batch, outputs, depth, vectors = (int(row[key]) for key in ("batch", "outputs", "depth", "vectors"))
    if row["op"] in ("add", "mul", "relu"):
        tensors = 2 if row["op"] == "relu" else 3
        operations = (Operations(dtype, outputs),)
        size = WIDTH * tensors * outputs
        return KernelWork(dtype=dtype, op_types=(row["op"].capitalize(),), operations=operations, compulsory_bytes=size)
    size = WIDTH * batch * outputs * depth
    products = [Product(batch, outputs, depth, vectors, size)]
    if row["op"] == "attention":
        products.append(Product(batch, depth, outputs, vectors, size))
    macs = sum(product.macs for product in products)
    return KernelWork(
        dtype=dtype,
        op_types=("MatMul",),
        operations=(Operations(dtype, 2 * macs, macs),),
        compulsory_bytes=size * len(products),
        products=tuple(products),
        resident="kv" if len(products) > 1 else "weight",
        resident_bytes=size * len(products),
    )


def ratios(data: Path) -> dict[str, list[float]]:
    """Modelled over simulated time by simulator and op; AttAcc by the number of heads."""
    found: dict[str, list[float]] = {}
    devices: dict[str, Device] = {}
    with (data / "pim_kernels.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            device = devices.setdefault(row["device"], simulated_device(row["device"]))
            work = work_of(row, next(iter(device.peaks_flops_per_s)))
            key = f"{row['simulator'].split()[0]} {row['op']}"
            if row["op"] == "attention":
                key += _heads(int(row["batch"]))
            found.setdefault(key, []).append(pim_time(device, work).total_s / (float(row["us"]) * 1e-6))
    return found


def _heads(batch: int) -> str:
    return next(
        text
        for most, text in ((16, ", to 16 heads"), (64, ", to 64"), (256, ", to 256"), (1 << 30, ", more"))
        if batch <= most
    )


def pim_scores(data: Path, say: Callable[[str], None]) -> None:
    """One line for each simulator and op."""
    say("\nPIM: modelled / simulated                    rows  median  p10   p90")
    for key, values in sorted(ratios(data).items()):
        cuts = quantiles(values, n=10, method="inclusive") if len(values) > 1 else [values[0]] * 9
        say(f"  {key:42} {len(values):5}   {median(values):.3f}  {cuts[0]:.3f} {cuts[-1]:.3f}")
