"""Device and system records, read from `hw_profiles/*.yaml` and from files of the same form.

A profile is written in datasheet units, named in its keys; the records hold base units. Prefixes are decimal. Every
figure keeps its source and how far to trust it: `read` there, `measured`, `fitted` to measurements, `derived` from
figures that were read, or `assumed`.
"""

from onnx_roofline.hardware.gpu_model import GpuModel
from onnx_roofline.hardware.lint import Finding, lint
from onnx_roofline.hardware.pim_model import Alignment, DramTiming, OpSupport, PimModel, TileTiming
from onnx_roofline.hardware.profiles import DEFAULT_SYSTEM, load_device, load_system, profile_kind, shipped_profiles
from onnx_roofline.hardware.records import (
    Concurrency,
    Device,
    Fact,
    Figure,
    Kind,
    Label,
    Layout,
    Link,
    System,
)

__all__ = [
    "DEFAULT_SYSTEM",
    "Alignment",
    "Concurrency",
    "Device",
    "DramTiming",
    "Fact",
    "Figure",
    "Finding",
    "GpuModel",
    "Kind",
    "Label",
    "Layout",
    "Link",
    "OpSupport",
    "PimModel",
    "System",
    "TileTiming",
    "lint",
    "load_device",
    "load_system",
    "profile_kind",
    "shipped_profiles",
]
