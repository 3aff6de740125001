"""What the user says: the command line's options by the same names."""

from collections.abc import Mapping
from fractions import Fraction
from typing import TYPE_CHECKING

from msgspec import Struct, field

from onnx_roofline.load import Limits

if TYPE_CHECKING:
    from onnx_roofline.ir.placed_records import PimTimeModel


class Settings(Struct, frozen=True):
    """What the user says; the command line's options by the same names."""

    dims: Mapping[str, int] = field(default_factory=dict)
    input_shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    system: str = "teaching"
    assume_dtype: str = ""
    trips: Mapping[str, int] = field(default_factory=dict)
    branches: Mapping[str, Fraction] = field(default_factory=dict)
    # numbers that integer inputs hold, such as how full a cache is: one fills an input
    values: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    # which ops fuse: "compiler", "ort", "none", or a pack of one's own
    backend: str = "compiler"
    # the PIM's time: "full", or the plain "roofline"
    pim_model: "PimTimeModel" = "full"
    # "latency", "energy" or "energy-delay"
    objective: str = "latency"
    # bytes of on-chip memory as text, "unlimited", or "" for what the profiles say
    on_chip: str = ""
    residency: bool = True
    # an .npz file or "random": the model is run once, and only then
    observe: str = ""
    observe_limit_s: float = 60.0
    observe_limit_gb: float = 8.0
