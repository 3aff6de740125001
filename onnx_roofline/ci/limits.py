"""Limits on the totals of a model, `flops=9G`, and the lines that say which are broken."""

from msgspec import Struct

from onnx_roofline.analysis.analyze import Analysis
from onnx_roofline.base.errors import UsageError
from onnx_roofline.base.quantities import format_si, parse_quantity
from onnx_roofline.base.text import did_you_mean
from onnx_roofline.ir.placed_records import PlacementSummary

# `time_s.placement` is the time of the placement, of whatever name the devices are.
_PLACED = "placement"


class Limit(Struct, frozen=True):
    """An upper limit on one metric, in the metric's base unit."""

    metric: str
    maximum: float
    text: str


class Broken(Struct, frozen=True):
    """A limit that does not hold. `found` is None where the metric is unknown, which never counts as within."""

    limit: Limit
    found: float | int | None
    message: str


def parse_limit(text: str) -> Limit:
    """`flops=9G` -> a Limit.

    Raises UsageError for another form, with what is wrong.
    """
    metric, separator, quantity = text.partition("=")
    if not separator or not metric:
        raise UsageError(f"--max {text}: wanted METRIC=LIMIT, such as --max flops=9G")
    try:
        return Limit(metric.strip(), parse_quantity(quantity), quantity.strip())
    except ValueError as error:
        raise UsageError(f"--max {text}: {error}") from None


def metrics_of(analysis: Analysis) -> dict[str, tuple[float | int | None, str]]:
    """Every metric that a limit can name, with its unit; None is unknown."""
    summary = analysis.summary
    complete = summary.unknown_counts_ops == 0
    sized = summary.unknown_bytes_ops == 0
    counts = {name: (value if complete else None, "") for name, value in summary.counts.as_dict().items()}
    metrics: dict[str, tuple[float | int | None, str]] = {
        **counts,
        "macs": (summary.counts.macs if complete else None, "MAC"),
        "flops": (summary.counts.flops if complete else None, "FLOP"),
        "naive_bytes": (summary.naive_bytes if sized else None, "B"),
        "compulsory_bytes": (summary.compulsory_bytes if sized else None, "B"),
        "moved_bytes": (summary.moved[analysis.system.gpu.slug].moved_bytes if sized else None, "B"),
        "kernels": (summary.kernels, ""),
        "parameters": (summary.parameters, ""),
        "weight_bytes": (summary.weight_bytes, "B"),
        "file_bytes": (analysis.model.info.file_bytes, "B"),
        "peak_activation_bytes": (summary.peak_activation_bytes, "B"),
        "sequential_steps": (summary.sequential_steps, ""),
        "ops": (summary.ops, ""),
        "unknown_ops": (summary.unknown_ops, ""),
    }
    times = {slug: time.time_s for slug, time in summary.times_alone.items()}
    if _PLACED in times:
        # The placement's own metric has the name that this device would have.
        times[f"devices.{_PLACED}"] = times[_PLACED]
    times[_PLACED] = summary.time_placed.time_s
    optimum = next(item for item in analysis.model.whole(PlacementSummary).alternatives if item.name == "optimum")
    energy_j = optimum.energy.total_j if optimum.energy is not None and complete and sized else None
    metrics[f"energy_j.{_PLACED}"] = energy_j, "J"
    metrics.update((f"time_s.{name}", (time_s if complete and sized else None, "s")) for name, time_s in times.items())
    return metrics


def broken_limits(analysis: Analysis, limits: tuple[Limit, ...]) -> tuple[Broken, ...]:
    """The limits that do not hold; an unknown metric breaks its limit.

    Raises UsageError where a limit names no metric.
    """
    metrics = metrics_of(analysis)
    broken = []
    for limit in limits:
        if limit.metric not in metrics:
            hint = did_you_mean(limit.metric, metrics)
            raise UsageError(f"--max {limit.metric}={limit.text}: found no metric {limit.metric!r}{hint}")
        found, unit = metrics[limit.metric]
        if found is not None and found <= limit.maximum:
            continue
        if found is None:
            message = f"{limit.metric} is unknown: some ops have no figure; the limit is {limit.text}"
        else:
            message = _over(limit, found, unit)
        broken.append(Broken(limit, found, message))
    return tuple(broken)


def _over(limit: Limit, found: float, unit: str) -> str:
    """How far over; figures that round to the same text are given in full."""
    shown, allowed = format_si(found, unit), format_si(limit.maximum, unit)
    if shown == allowed:
        shown, allowed = f"{found:,} {unit}".strip(), f"{limit.maximum:,.0f} {unit}".strip()
    over = found - limit.maximum
    percent = f" (+{100 * over / limit.maximum:.3g} %)" if limit.maximum else ""
    return f"{limit.metric} is {shown}, {format_si(over, unit)} over the limit of {allowed}{percent}"
