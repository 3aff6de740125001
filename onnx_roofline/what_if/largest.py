"""The largest size of a dim at which a model still fits a device's memory, found by bisection on the footprint."""

from collections.abc import Callable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from onnx_roofline.analysis.footprints import footprint_of
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.base.errors import RooflineError, UsageError
from onnx_roofline.base.text import did_you_mean, visible
from onnx_roofline.hardware import Device, System
from onnx_roofline.load import ParsedModel

# Sizes are looked for below this; a model that fits there is not bounded by memory.
LIMIT = 1 << 30


class Largest(Struct, frozen=True):
    """The largest size of a dim that fits one device, the other dims as they are stated.

    `size` is None where not even 1 fits. `above_bytes` is the footprint at one more, which does not fit; None with a
    `reason` where the model takes no larger size, or none was found that does not fit.
    """

    dim: str
    device: str
    size: int | None
    size_bytes: int | None
    above_bytes: int | None = None
    reason: str = ""


def largest_fit(parsed: ParsedModel, settings: Settings, system: System, dim: str, device: Device) -> Largest:
    """The largest size of `dim` at which the whole model fits `device`; the footprint must not fall as the dim grows.

    Raises UsageError for a device without a capacity, or where the model is not valid at 1.
    """
    if device.capacity_bytes is None:
        raise UsageError(f"{device.slug}: states no capacity_gb, so that anything fits")
    sizes: dict[int, int | None] = {}
    refusals: dict[int, str] = {}

    def size_at(value: int) -> int | None:
        if value not in sizes and value not in refusals:
            try:
                point = replace(settings, dims={**settings.dims, dim: value})
                sizes[value] = footprint_of(parsed, point, system).total_bytes
            except RooflineError as error:
                if value == 1:
                    raise
                refusals[value] = str(error)
        return sizes.get(value)

    def fits(value: int) -> bool:
        size = size_at(value)
        return size is not None and size <= device.capacity_bytes  # type: ignore[operator]  # it states one, above

    if not fits(1):
        size = size_at(1)
        said = "some tensors have no size" if size is None else f"already {size:,} B at 1"
        return Largest(dim, device.slug, None, size, reason=said)
    size = bisect(fits, LIMIT)
    if size >= LIMIT:
        return Largest(dim, device.slug, size, size_at(size), reason="the memory does not bound it")
    if size + 1 in refusals:
        return Largest(dim, device.slug, size, size_at(size), reason=f"the model takes no {size + 1:,}")
    return Largest(dim, device.slug, size, size_at(size), size_at(size + 1))


def bisect(holds: Callable[[int], bool], limit: int) -> int:
    """The largest number up to `limit` for which a property holds that holds at 1 and never again once it is lost.

    >>> bisect(lambda n: n * n <= 1_000_000, 1 << 20), bisect(lambda n: True, 64)
    (1000, 64)
    """
    low = 1
    while low < limit and holds(min(2 * low, limit)):
        low = min(2 * low, limit)
    high = min(2 * low, limit)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def open_dims(dims: Mapping[str, object], wanted: tuple[str, ...]) -> tuple[str, ...]:
    """The dims to search: those that are named, or all that the model has. Raises UsageError for one that it lacks."""
    for name in wanted:
        if name not in dims:
            raise UsageError(f"--largest {visible(name)}: found no such dim{did_you_mean(name, tuple(dims))}")
    return wanted or tuple(dims)
