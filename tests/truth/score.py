"""Scores the time model on measured kernels, end-to-end runs and simulated PIM kernels: `python score.py [--data DIR]`.

MAPE, median error and bias (median of modelled / measured) by device, op, regime and half. Two columns: `kernel` is
what the model says of the kernel, warm caches as on the bench; `bench` adds what the measurement itself holds
(floors.py). Rows that ran faster than the memory could (`l2_hot`) are given their operands in the L2 in both.
"""

import argparse
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median

from floors import added_s, host_floors
from rows import DATA, PROFILES, Row, gpu_rows, resident
from runs import end_to_end
from simulated import pim_scores

from onnx_roofline.hardware import load_device
from onnx_roofline.timing.gpu import gpu_time

FOUR = ("A100-SXM-80GB", "A100-PCIE-80GB", "A100-PCIE-40GB", "H100-SXM", "L4")


@dataclass(frozen=True)
class Scored:
    """A row with its modelled time, and that with what the bench adds."""

    row: Row
    kernel_s: float
    bench_s: float


def scored(data: Path) -> list[Scored]:
    """Every row of a device that has a profile."""
    devices = {name: load_device(slug) for name, slug in PROFILES.items()}
    pairs: list[tuple[Row, float]] = []
    for row in gpu_rows(data / "gpu_kernels.csv.gz"):
        device = devices.get(row.device)
        if device is None or device.gpu is None:
            continue
        found = gpu_time(device.gpu, row.work, resident(row, device.cache_bytes or 0))
        pairs.append((row, math.nan if found.total_s is None else found.total_s))
    floors = host_floors(pairs)
    return [Scored(row, time_s, time_s + added_s(row, floors)) for row, time_s in pairs]


def figures(found: Sequence[Scored], time_of: Callable[[Scored], float]) -> str:
    """MAPE / median error in percent, and bias, of some rows."""
    ratios = [time_of(one) / one.row.measured_s for one in found]
    errors = [abs(ratio - 1) * 100 for ratio in ratios]
    return f"{mean(errors):5.1f} /{median(errors):5.1f}  {median(ratios):.2f}"


def table(title: str, groups: Iterable[tuple[str, Sequence[Scored]]]) -> None:
    """One line a group; empty groups are left out."""
    print(f"\n{title:44}  rows  kernel: MAPE/med bias   bench: MAPE/med bias   bench, test half")
    for name, found in groups:
        if not found:
            continue
        test = [one for one in found if one.row.half == 1]
        print(
            f"{name:44} {len(found):5}   {figures(found, lambda one: one.kernel_s)}     "
            f"{figures(found, lambda one: one.bench_s)}     {figures(test, lambda one: one.bench_s) if test else ''}"
        )


def group(found: Sequence[Scored], key: Callable[[Row], str]) -> list[tuple[str, list[Scored]]]:
    """Rows by a key, in order."""
    groups: dict[str, list[Scored]] = {}
    for one in found:
        groups.setdefault(key(one.row), []).append(one)
    return sorted(groups.items())


def main() -> None:
    """Prints all tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    data = parser.parse_args().data
    found = scored(data)
    four = [one for one in found if one.row.device in FOUR]
    table("All op classes", [("A100 SXM, A100 PCIe, H100, L4", four), ("every device with a profile", found)])
    is_16 = [one for one in found if one.row.op == "linear" and one.row.dtype != "float32"]
    table("16-bit linear", group(is_16, lambda row: row.device))
    cold = [one for one in is_16 if not one.row.l2_hot]
    table("16-bit linear, without l2_hot", group(cold, lambda row: row.device))
    is_32 = [one for one in found if one.row.op in ("linear", "bmm") and one.row.dtype == "float32"]
    table("float32 linear and bmm", group(is_32, lambda row: row.device))
    table(
        "Attention", group([o for o in found if o.row.op.startswith("attention")], lambda row: f"{row.op} {row.device}")
    )
    streams = [
        one for one in found if one.row.work.kernel_class in ("elementwise", "softmax", "norm", "rms_norm", "gated")
    ]
    table("Streams", group(streams, lambda row: f"{row.work.kernel_class} {row.device}"))
    table(
        "Streams under 30 us",
        group([o for o in streams if o.row.regime == "small"], lambda row: f"{row.op} {row.device}"),
    )
    table("Convolutions", group([o for o in found if o.row.op == "conv"], lambda row: row.device))
    table("By regime, four devices", group(four, lambda row: row.regime))
    end_to_end(data)
    pim_scores(data, print)


if __name__ == "__main__":
    main()
