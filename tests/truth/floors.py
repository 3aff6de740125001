"""What a measurement adds to a kernel's time: nuisances of the bench, none of them the GPU's.

An eager row was timed by events around one call on an idle GPU, so that it holds the time in which the host gets the
kernel under way: it depends on the op (PyTorch's Python and dispatch) and on the machine. A profiler's row holds no
gap between kernels, which a launch in a queue does. Both come from the fitting half only.
"""

from collections.abc import Iterable, Mapping
from statistics import median

from rows import Row

# What a launch in a queue holds beside the kernel that a profiler sees, s. Source: fit.py, float16 additions.
PROFILER_GAP_S = 1.2e-6
# Kernels below this time show the floor of their op.
_SMALL_S = 50e-6


def host_floors(modelled: Iterable[tuple[Row, float]]) -> dict[tuple[str, str], float]:
    """Seconds by (device, op): the median of what is left over for small kernels of the fitting half, at least 0.

    Small: modelled below 50 us, or the smallest tenth of an op that has none.
    """
    groups: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for row, time_s in modelled:
        if row.timing == "eager" and row.half == 0:
            groups.setdefault((row.device, row.op), []).append((time_s, row.measured_s - time_s))
    floors: dict[tuple[str, str], float] = {}
    for key, found in groups.items():
        ordered = sorted(found)
        small = [pair for pair in ordered if pair[0] < _SMALL_S] or ordered[: max(3, len(ordered) // 10)]
        floors[key] = max(0.0, median(left for _, left in small))
    return floors


def added_s(row: Row, floors: Mapping[tuple[str, str], float]) -> float:
    """What the bench adds to this row's kernel."""
    if row.timing == "eager":
        return floors.get((row.device, row.op), 0.0)
    return -PROFILER_GAP_S if row.timing == "kernel" else 0.0
