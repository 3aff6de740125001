"""What the user says: the command line's options by the same names."""

import os
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Literal

from msgspec import Struct, field
from msgspec.structs import force_setattr

from onnx_roofline.analysis import options
from onnx_roofline.analysis.precision.spec import check_precision, precision_of
from onnx_roofline.base.errors import UsageError
from onnx_roofline.base.terms import MATH_MODES, MathMode
from onnx_roofline.hardware import DEFAULT_SYSTEM, System
from onnx_roofline.ir.placed_records import DISPATCHES, OBJECTIVES, PIM_TIME_MODELS, Dispatch, Objective, PimTimeModel
from onnx_roofline.load import Limits
from onnx_roofline.timing.own_models import own_models


class Settings(Struct, frozen=True, repr_omit_defaults=True):
    """What the user says; the command line's options by the same names.

    Every value is checked when the record is made, by the functions that check the options.
    Raises UsageError, which names the option.

    >>> Settings(dims={"batch": 8}, on_chip="64KiB")
    Settings(dims={'batch': 8}, on_chip='65536')
    """

    dims: Mapping[str, int] = field(default_factory=dict)
    input_shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    # a shipped profile's name, a file's path, or a system that is loaded already
    system: str | os.PathLike[str] | System = DEFAULT_SYSTEM
    # figures of the system that replace its profile's, in datasheet units by their paths: {"h100-sxm.launch_us": 0}
    figures: Mapping[str, float] = field(default_factory=dict)
    assume_dtype: str = ""
    # another precision of weights, caches and activations, as --quantize takes it; "" for the model as exported
    quantize: str = ""
    trips: Mapping[str, int] = field(default_factory=dict)
    branches: Mapping[str, Fraction] = field(default_factory=dict)
    # numbers that integer inputs hold, such as how full a cache is: one fills an input
    values: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    # model outputs by the inputs whose caches they are, and inputs that hold no cache, whatever they look like
    caches: Mapping[str, str] = field(default_factory=dict)
    no_caches: tuple[str, ...] = ()
    limits: Limits = Limits()
    # which ops fuse: "compiler", "ort", "none", or a pack of one's own
    backend: str | os.PathLike[str] = "compiler"
    # the PIM's time: "full", the plain "roofline", or the name of a plugin's
    pim_model: PimTimeModel = "full"
    # in what float32 products run: "tf32", "fp32", "bf16x3", or "" for what the backend does
    math: MathMode | Literal[""] = ""
    objective: Objective = "latency"
    # whether kernels come from a graph or an engine, or from an eager host
    dispatch: Dispatch = "graph"
    # bytes of on-chip memory as text, "unlimited", or "" for what the profiles say
    on_chip: str = ""
    residency: bool = True
    # an .npz file or "random": the model is run once, and only then
    observe: str = ""
    observe_limit_s: float = 60.0
    observe_limit_gb: float = 8.0

    def __post_init__(self) -> None:
        for name, check in _CHECKS.items():
            force_setattr(self, name, check(getattr(self, name)))
        stated, wanted = self.assume_dtype, precision_of(self.quantize).float_dtype
        if stated and wanted and stated != wanted:
            raise UsageError(f"--quantize activations={wanted}: contradicts --assume-dtype {stated}; leave one out")
        if self.observe and precision_of(self.quantize).changes_graph:
            raise UsageError("--observe: a run is of the model as exported; drop --quantize, or state what it shows")

    @property
    def float_dtype(self) -> str:
        """The width that floating tensors are taken at; "" for that of the file."""
        return self.assume_dtype or precision_of(self.quantize).float_dtype


def _observe(found: object) -> str:
    wanted = "the path of an .npz file, or 'random'"
    return os.fsdecode(options.check_name_or_path("--observe", found, wanted))


# Setting -> the check of its option.
_CHECKS: Mapping[str, Callable[[object], object]] = {
    "dims": lambda found: options.check_each("--dim", options.check_dim, found, "dims={'batch': 8}"),
    "input_shapes": lambda found: options.check_each(
        "--input-shape", options.check_input_shape, found, "input_shapes={'images': (1, 3, 224, 224)}"
    ),
    "system": options.check_system,
    "figures": lambda found: options.check_each(
        "--set", options.check_figure, found, "figures={'a100-sxm-80gb.launch_us': 0}"
    ),
    "assume_dtype": options.check_assume_dtype,
    "quantize": check_precision,
    "trips": lambda found: options.check_each("--trip", options.check_trip, found, "trips={'1:Loop': 32}"),
    "branches": lambda found: options.check_each(
        "--branch", options.check_branch, found, "branches={'0:If.then': 0.5}"
    ),
    "values": lambda found: options.check_each("--value", options.check_value, found, "values={'past_length': 128}"),
    "caches": lambda found: options.check_each("--cache", options.check_cache, found, "caches={'past_k': 'present_k'}"),
    "no_caches": lambda found: options.check_names("--no-cache", found),
    "limits": options.check_limits,
    "backend": lambda found: options.check_name_or_path("--backend", found, "the name of a shipped pack, or a path"),
    "pim_model": lambda found: options.check_choice("--pim-model", found, (*PIM_TIME_MODELS, *own_models())),
    "math": lambda found: "" if found == "" else options.check_choice("--math", found, MATH_MODES),
    "objective": lambda found: options.check_choice("--objective", found, OBJECTIVES),
    "dispatch": lambda found: options.check_choice("--dispatch", found, DISPATCHES),
    "on_chip": options.check_on_chip,
    "residency": lambda found: options.check_switch("residency", found),
    "observe": _observe,
    "observe_limit_s": lambda found: options.check_allowance("--observe-limit-s", found),
    "observe_limit_gb": lambda found: options.check_allowance("--observe-limit-gb", found),
}
