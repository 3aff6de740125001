"""The figures of a model that a budget can name: totals by name, and sums over op types or modules by a selector."""

import re
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase

from msgspec import Struct

from onnx_roofline.analysis.analyze import Analysis
from onnx_roofline.analysis.summary import Group
from onnx_roofline.base.measures import Unit
from onnx_roofline.base.text import did_you_mean
from onnx_roofline.ir.placed_records import Placement, PlacementSummary
from onnx_roofline.ir.records import COUNT_CLASSES, ConstantWork, Executions, Kernel

# A figure; None is unknown, which is never 0.
Value = int | float | None

# `time_s.placement` is the time of the placement, of whatever name the devices are.
_PLACED = "placement"
_COUNTED = {name: f"{name.replace('_', ' ')} of all ops" for name in COUNT_CLASSES if name != "macs"}
# Totals by name, and what they are.
TOTALS: dict[str, str] = {
    "macs": "multiply-accumulates",
    "flops": "2 x MACs + every other floating-point operation",
    **_COUNTED,
    "constant_macs": "multiply-accumulates on stored values alone, which are in no other total",
    "naive_bytes": "every op alone",
    "compulsory_bytes": "every kernel alone",
    "moved_bytes": "what the GPU moves, with its on-chip memory",
    "parameters": "elements of the weights",
    "weight_bytes": "of the weights as they are stored",
    "file_bytes": "size of the file, without external data",
    "peak_activation_bytes": "most activations alive at once, after fusion; no weights, no caches",
    "memory_bytes": "weights at the run's width, caches and peak activations",
    "sequential_steps": "longest chain of dependent steps",
    "kernels": "after fusion",
    "ops": "in all graphs",
    "unknown_ops": "of unknown counts or bytes",
    "coverage": "share of ops whose counts and bytes are known; give it a min",
    "exact_share": "share of ops whose counts and bytes are exact; give it a min",
}
# Metrics of a device, or of the placement: `time_s.a100-sxm-80gb`, `time_s.placement`.
FAMILIES: dict[str, str] = {
    "time_s": "seconds of the whole model on a device, or `placement`, or `transfers` of the placement",
    "energy_j": "joules of the kernels where they are placed (`kernels`), or with transfers (`placement`)",
    "time_share": "share of the kernels' time that a device works in the placement",
    "kernels_on": "kernels placed on a device",
    "memory_share": "memory_bytes as a share of a device's memory; at most 100 % fits",
}
# Metrics that a selector can sum.
SUMMED = ("ops", "macs", "flops", "operations", "naive_bytes", "parameters", "weight_bytes", "time_s")
_SELECTOR = re.compile(r"(op|module)\[(.+)\]\.([a-z_]+)", re.DOTALL)
# Of which more is better: worse is less.
_MORE_IS_BETTER = ("coverage", "exact_share")


class Selector(Struct, frozen=True):
    """`op[Conv].flops`: what is grouped by, which groups, and what is summed over them."""

    by: str
    pattern: str
    metric: str


def parse_metric(name: str) -> Selector | None:
    """The selector of a metric, None for a total.

    Raises ValueError, with what is near it, for a name that no model can have.

    >>> parse_metric("flops"), parse_metric("op[Conv].flops")
    (None, Selector(by='op', pattern='Conv', metric='flops'))
    """
    found = _SELECTOR.fullmatch(name)
    if found is not None:
        if found[3] not in SUMMED:
            raise ValueError(f"found no figure {found[3]!r} of an op type or module{did_you_mean(found[3], SUMMED)}")
        return Selector(found[1], found[2], found[3])
    family, dot, _ = name.partition(".")
    if name in TOTALS or (dot and family in FAMILIES):
        return None
    known = (*TOTALS, *(f"{family}.{_PLACED}" for family in ("time_s", "energy_j")))
    hint = did_you_mean(name, known, listed=False)
    raise ValueError(f"found no metric {name!r}{hint or '; onnx-roofline check --list-metrics names them'}")


def unit_of(metric: str) -> Unit:
    """What a metric is counted in, by its name alone.

    >>> unit_of("moved_bytes"), unit_of("time_s.placement"), unit_of("op[Conv].macs"), unit_of("coverage")
    ('B', 's', 'MAC', '%')
    """
    selector = _SELECTOR.fullmatch(metric)
    if selector is not None:
        metric = selector[3]
    if metric.endswith("_bytes"):
        return "B"
    family = metric.partition(".")[0]
    families: dict[str, Unit] = {"time_s": "s", "energy_j": "J", "time_share": "%", "memory_share": "%"}
    totals: dict[str, Unit] = {"flops": "FLOP", "macs": "MAC", "constant_macs": "MAC", "coverage": "%",
                               "exact_share": "%"}  # fmt: skip
    return totals.get(metric) or families.get(family, "")


def more_is_better(metric: str) -> bool:
    """Whether a model is worse with less of it."""
    return metric in _MORE_IS_BETTER


def totals_of(analysis: Analysis) -> dict[str, Value]:
    """Every total of a model by its name."""
    summary, model = analysis.summary, analysis.model
    complete = summary.unknown_counts_ops == 0
    sized = summary.unknown_bytes_ops == 0
    constant = model.whole(ConstantWork)
    counts = {name: (value if complete else None) for name, value in summary.counts.as_dict().items()}
    memory = analysis.footprint.total_bytes
    found: dict[str, Value] = {
        **counts,
        "flops": summary.counts.flops if complete else None,
        "constant_macs": None if constant.uncounted else constant.counts.macs,
        "naive_bytes": summary.naive_bytes if sized else None,
        "compulsory_bytes": summary.compulsory_bytes if sized else None,
        "moved_bytes": summary.moved[analysis.system.gpu.slug].moved_bytes if sized else None,
        "kernels": summary.kernels,
        "parameters": summary.parameters,
        "weight_bytes": summary.weight_bytes,
        "file_bytes": model.info.file_bytes,
        "peak_activation_bytes": summary.peak_activation_bytes,
        "memory_bytes": memory,
        "sequential_steps": summary.sequential_steps,
        "ops": summary.ops,
        "unknown_ops": summary.unknown_ops,
        "coverage": _share(summary.ops - summary.unknown_ops, summary.ops),
        "exact_share": _share(summary.status_counts["exact"], summary.ops),
    }
    for device in analysis.system.devices:
        found[f"memory_share.{device.slug}"] = analysis.footprint.share_of(device)
    found.update(_times(analysis, timed=complete and sized))
    return found


def _share(part: int, all_of_it: int) -> float:
    return part / all_of_it if all_of_it else 1.0


def _times(analysis: Analysis, *, timed: bool) -> dict[str, Value]:
    summary, model = analysis.summary, analysis.model
    placed = model.whole(PlacementSummary)
    times = {slug: time.time_s for slug, time in summary.times_alone.items()}
    for reserved in (_PLACED, "transfers"):
        if reserved in times:
            # The placement's own metric has the name that this device would have.
            times[f"devices.{reserved}"] = times[reserved]
    optimum = next(item for item in placed.alternatives if item.name == "optimum")
    times[_PLACED] = summary.time_placed.time_s
    times["transfers"] = optimum.transfer_s
    found: dict[str, Value] = {f"time_s.{name}": (time_s if timed else None) for name, time_s in times.items()}
    seconds: dict[str, float] = {device.slug: 0.0 for device in analysis.system.devices}
    kernels = dict.fromkeys(seconds, 0)
    joules: float | None = 0.0
    executions, rows = model.column(Executions), model.column(Placement)
    for key, kernel in model.column(Kernel).items():
        row, count = rows[key], executions[key].count
        if kernel.id != key or row.device is None or not count:
            continue
        kernels[row.device] += 1
        seconds[row.device] += (row.time_s or 0.0) * float(count)
        entry = row.devices.get(row.device)
        joules = (
            None if joules is None or entry is None or entry.energy_j is None
            else joules + entry.energy_j * float(count)
        )  # fmt: skip
    whole = sum(seconds.values())
    untimed = summary.time_placed.untimed_kernels or not timed
    for slug, count in kernels.items():
        found[f"kernels_on.{slug}"] = count
        found[f"time_share.{slug}"] = None if untimed else seconds[slug] / whole if whole else 0.0
    found["energy_j.kernels"] = None if untimed else joules
    found["energy_j.placement"] = None if untimed or optimum.energy is None else optimum.energy.total_j
    return found


def groups_of(groups: Iterable[Group]) -> dict[str, dict[str, Value]]:
    """What a selector can sum, by the name of each group; a figure that leaves something out is unknown."""
    return {
        group.name: {
            "ops": group.ops,
            "macs": None if group.unknown_ops else group.macs,
            "flops": None if group.unknown_ops else group.flops,
            "operations": None if group.unknown_ops else group.operations,
            "naive_bytes": None if group.unknown_bytes_ops else group.naive_bytes,
            "parameters": group.parameters,
            "weight_bytes": group.weight_bytes,
            "time_s": None if group.untimed_kernels or group.unknown_ops or group.unknown_bytes_ops else group.time_s,
        }
        for group in groups
    }


def select(selector: Selector, groups: Mapping[str, Mapping[str, Value]]) -> Value:
    """Sum of a figure over the groups that a pattern names: a glob, and for modules also all below what it names.

    0 where no group has the name: an op type that the model doesn't have costs nothing.
    """
    total: int | float = 0
    for name in selected(selector, groups):
        value = groups[name].get(selector.metric)
        if value is None:
            return None
        total += value
    return total


def selected(selector: Selector, names: Iterable[str]) -> Iterator[str]:
    """The groups that a selector names."""
    below = f"{selector.pattern}/*" if selector.by == "module" else selector.pattern
    return (name for name in names if fnmatchcase(name, selector.pattern) or fnmatchcase(name, below))
