"""What a few changes of the run would give, each by an analysis of its own."""

from collections.abc import Iterator

from msgspec import Struct
from msgspec.structs import replace

from onnx_roofline.analysis.analyze import Analysis, analyze
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.base.errors import RooflineError
from onnx_roofline.hardware import System
from onnx_roofline.load import Source
from onnx_roofline.what_if.rerun import can_rerun, rerun, saved_s

# A change that takes less of the time than this shows in no figure of three digits.
LEAST_SHARE = 0.001


class Gain(Struct, frozen=True):
    """A change: what it is, the option that makes it, and the seconds before and after, both for one item.

    An item is one of the batch: where the batch grows, the times are per one of it.
    """

    what: str
    option: str
    before_s: float
    after_s: float

    @property
    def share(self) -> float:
        """How much of the time is gone."""
        return 1 - self.after_s / self.before_s if self.before_s else 0.0


def gains(source: Source, analysis: Analysis) -> tuple[Gain, ...]:
    """Changes that make the run shorter by LEAST_SHARE or more, the largest effect first."""
    before_s = analysis.summary.time_placed.known_s
    found = []
    for what, option, settings, items in _changes(analysis):
        try:
            # Another batch and other weights need the file again; for the rest the model is there.
            is_there = items == 1 and can_rerun(analysis.settings, settings)
            after = rerun(analysis, settings=settings) if is_there else analyze(source, settings)
        except RooflineError:
            # Such as a batch that the file fixes, or a type that no device has a peak for.
            continue
        after_s = after.summary.time_placed.known_s / items
        gain = Gain(what, option, before_s, after_s)
        if saved_s(analysis, after) is not None and gain.share >= LEAST_SHARE:
            found.append(gain)
    return tuple(sorted(found, key=lambda one: one.after_s))


def _changes(analysis: Analysis) -> Iterator[tuple[str, str, Settings, int]]:
    """(what, option, settings, how many times more items)."""
    settings, system = analysis.settings, analysis.system
    # Trials keep the sizes that this analysis has found.
    dims = {name: dim.value for name, dim in analysis.model.dims.items()
            if not dim.is_computed and dim.origin in ("bound", "assumed")}  # fmt: skip
    settings = replace(settings, dims={**dims, **settings.dims})
    if settings.float_dtype != "float16" and not settings.quantize:
        yield "half precision", "--assume-dtype float16", replace(settings, assume_dtype="float16"), 1
    if not settings.quantize and not settings.observe:
        # The rest in 16 bits, where the run has no other width already.
        option = "weights=int4" if settings.assume_dtype else "w4a16"
        yield "4-bit weights", f"--quantize {option}", replace(settings, quantize=option), 1
    if settings.backend != "compiler":
        yield ("fusing as a compiler does, caches in place", "--backend compiler",
               replace(settings, backend="compiler"), 1)  # fmt: skip
    batch = next((name for name in dims if "batch" in name.lower()), None)
    if batch is not None and not settings.observe:
        larger = replace(settings, dims={**settings.dims, batch: 8 * dims[batch]})
        yield f"8 times the batch, per item of {batch}", f"--dim {batch}={8 * dims[batch]}", larger, 8
    if isinstance(settings.system, System):
        return
    launch = f"{system.gpu.slug}.launch_us"
    if launch in {f"{system.gpu.slug}.{path}" for path in system.gpu.figures} and system.gpu.launch_s:
        stated = replace(settings, figures={**settings.figures, launch: 0.0})
        yield "no launches, as in one graph", f"--set {launch}=0", stated, 1
    path = f"{system.gpu.slug}.bandwidth_gb_per_s.external"
    bandwidth = system.gpu.external_bytes_per_s
    if bandwidth is not None:
        value = 2 * bandwidth / 1e9
        stated = replace(settings, figures={**settings.figures, path: value})
        yield "twice the GPU's bandwidth", f"--set {path}={value:g}", stated, 1
    link = system.link
    if link is not None and "link.gb_per_s" in link.figures and not link.shared_memory:
        value = 2 * link.figures["link.gb_per_s"].value
        stated = replace(settings, figures={**settings.figures, "link.gb_per_s": value})
        yield "twice the link", f"--set link.gb_per_s={value:g}", stated, 1
