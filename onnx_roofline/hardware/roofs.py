"""The roofs of a device on a log-log roofline: one a memory level, one an engine and element type."""

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

from onnx_roofline.hardware.records import Device

# DRAM is what the compute units of the device see: the banks of a PIM, whose `interface` is what a host and the units
# there see. L2 is the bytes that the units of a GPU read and write, wherever they come from.
MemoryLevel = Literal["DRAM", "L2", "interface"]
# `peak` is that of a device whose profile states no engines.
Engine = Literal["matrix", "vector", "peak"]


class MemoryRoof(Struct, frozen=True):
    """A slanted roof: bytes/s of a memory level."""

    level: MemoryLevel
    bytes_per_s: float


class ComputeRoof(Struct, frozen=True):
    """A level roof: operations/s of an engine in an element type, or in a math type as `tf32`."""

    engine: Engine
    dtype: str
    ops_per_s: float


def memory_roofs(device: Device) -> tuple[MemoryRoof, ...]:
    """What the compute units see first, then other levels that the profile states.

    >>> from onnx_roofline.hardware import load_device
    >>> [(roof.level, roof.bytes_per_s / 1e9) for roof in memory_roofs(load_device("a100-sxm-80gb"))]
    [('DRAM', 2039.0), ('L2', 2500.0)]
    """
    roofs = [MemoryRoof("DRAM", device.bandwidth_bytes_per_s)]
    if device.gpu is not None:
        roofs.append(MemoryRoof("L2", device.gpu.l2_bytes_per_s))
    if device.internal_bytes_per_s is not None and device.external_bytes_per_s is not None:
        roofs.append(MemoryRoof("interface", device.external_bytes_per_s))
    return tuple(roofs)


def compute_roofs(device: Device, dtypes: Iterable[str]) -> tuple[ComputeRoof, ...]:
    """Peaks in these types, each type once; a type that the device does not compute in has none.

    >>> from onnx_roofline.hardware import load_device
    >>> [(roof.engine, roof.ops_per_s / 1e12) for roof in compute_roofs(load_device("a100-sxm-80gb"), ["float16"])]
    [('matrix', 312.0), ('vector', 78.0)]
    """
    roofs = []
    for dtype in dict.fromkeys(dtypes):
        if device.gpu is None:
            rates: dict[Engine, float | None] = {"peak": device.peak_flops_per_s(dtype)}
        else:
            rates = {
                "matrix": device.gpu.matrix_flops_per_s.get(dtype),
                "vector": device.gpu.vector_flops_per_s.get(dtype),
            }
        roofs += [ComputeRoof(engine, dtype, rate) for engine, rate in rates.items() if rate is not None]
    return tuple(roofs)
