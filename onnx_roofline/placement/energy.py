"""Joules of kernels and of whole placements, by part: memory, on-chip memory, link, MACs, and what idles.

A part whose figure the profile does not state is left out where no other figure needs it (on-chip memory, idle power);
without the energy of the memory, of MACs or of the link there is no sum. The idle power of both devices counts for the
whole time: it adds to the page, not to what `--objective energy` makes least.
"""

from onnx_roofline.base.units import ceil_div
from onnx_roofline.hardware import Device
from onnx_roofline.ir.kernel_work import KernelWork
from onnx_roofline.ir.placed_records import Energy


def kernel_energy(device: Device, work: KernelWork) -> Energy | None:
    """Joules of one execution at the profile's figures; None where it states none for what the kernel does.

    A PIM reads its resident operand once for every pass of vectors.
    """
    if device.dram_j_per_byte is None:
        return None
    size = work.moved_bytes(device.slug) or 0
    if device.pim is not None and work.resident != "none":
        for product in work.products:
            size += (ceil_div(product.vectors, device.pim.reuse) - 1) * product.resident_bytes
    macs = sum(product.macs for product in work.products)
    if macs and device.j_per_mac is None:
        return None
    on_chip_j = 0.0
    if device.cache_j_per_byte is not None:
        on_chip_j = (work.on_chip_bytes(device.slug) or 0) * device.cache_j_per_byte
    return Energy(size * device.dram_j_per_byte, on_chip_j, 0.0, macs * (device.j_per_mac or 0.0))
