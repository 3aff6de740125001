"""Fits the constants of the time model on the fitting half of the measured kernels: `python fit.py [--data DIR]`.

Few constants, each with a meaning, by a robust loss: the mean of |log(modelled / measured)|, every device weighted
alike. Nelder-Mead from the constants of the profiles, at most 250 rows of a device and stage. What it prints goes into
the profiles (labelled `fitted`) and into `hardware/gpu_model.py` (pooled). Times that belong to the bench, not to the
GPU (floors.py), are fitted beside them and thrown away. Stages:

1. 16-bit linear layers of four GPUs: MATRIX_TILES; sustained.float16 and bandwidth_share.product of each.
2. float32 linear layers and batched products: VECTOR_TILES; sustained.float32 of each.
3. element-wise kernels, softmax, norms, SwiGLU: bandwidth shares, L2, row step of each.
4. attention of four GPUs: the constants of each.
Not fitted here: launch_us (measured), dispatch_us (derived), CONVOLUTION_TILES (chosen among five sets).
`--leave-out` fits stage 1 without one GPU at a time and scores that GPU with the pooled constants.
"""

import argparse
import dataclasses
import math
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import mean, median

from floors import PROFILER_GAP_S
from msgspec.structs import replace
from rows import DATA, PROFILES, STREAMS, Row, gpu_rows, resident
from scipy.optimize import minimize

from onnx_roofline.hardware import GpuModel, load_device
from onnx_roofline.hardware.gpu_model import AttentionConstants, TileConstants
from onnx_roofline.timing.gpu import gpu_time

SIXTEEN = ("A100-SXM-80GB", "H100-SXM", "H200-SXM", "L40S")
THIRTY_TWO = ("A100-PCIE-40GB", "A100-PCIE-80GB", "H100-SXM", "L4", "V100", "T4")
MOST_ROWS = 250
Offset = Callable[[Row], float]
Warm = tuple[Row, object]


class Bench:
    """The rows of each device, warm as on the bench, and the models of their profiles."""

    def __init__(self, data: Path) -> None:
        devices = {name: load_device(slug) for name, slug in PROFILES.items()}
        self.models = {name: device.gpu for name, device in devices.items() if device.gpu is not None}
        self.rows: list[Row] = []
        for row in gpu_rows(data / "gpu_kernels.csv.gz"):
            if row.device in devices and not (row.l2_hot and row.op not in STREAMS):
                self.rows.append(dataclasses.replace(row, size=resident(row, devices[row.device].cache_bytes or 0)))

    def take(self, device: str, wanted: Callable[[Row], bool], half: int = 0, most: int = MOST_ROWS) -> list[Row]:
        """Rows of a device in one half, a fixed sample of them."""
        found = [row for row in self.rows if row.device == device and row.half == half and wanted(row)]
        random.Random(0).shuffle(found)
        return found[:most]


def ratio(model: GpuModel, row: Row, offset: Offset) -> float:
    """Modelled over measured."""
    return max((gpu_time(model, row.work, row.size).total_s or 0.0) + offset(row), 1e-7) / row.measured_s


def loss(model: GpuModel, rows: Sequence[Row], offset: Offset) -> float:
    """Mean of |log ratio|."""
    return mean(abs(math.log(ratio(model, row, offset))) for row in rows) if rows else 0.0


def errors(model: GpuModel, rows: Sequence[Row], offset: Offset) -> str:
    """MAPE / median error, percent."""
    found = [abs(ratio(model, row, offset) - 1) * 100 for row in rows]
    return f"{mean(found):.1f} / {median(found):.1f} ({len(found)})" if found else "-"


def search(start: Sequence[float], objective: Callable[[Sequence[float]], float], evaluations: int) -> list[float]:
    """Nelder-Mead with restarts on constants scaled to about 1; negative ones are refused."""
    scale = [abs(value) or 1.0 for value in start]

    def scaled(at: Sequence[float]) -> float:
        return 10.0 if min(at) < 0 else objective([value * unit for value, unit in zip(at, scale, strict=True)])

    at: Sequence[float] = [value / unit for value, unit in zip(start, scale, strict=True)]
    for _ in range(3):
        at = minimize(scaled, at, method="Nelder-Mead", options={"maxfev": evaluations, "fatol": 1e-5}).x
    return [float(value * unit) for value, unit in zip(at, scale, strict=True)]


def gap(row: Row) -> float:
    """A profiler's row holds no gap between kernels."""
    return -PROFILER_GAP_S if row.timing == "kernel" else 0.0


def is_linear_16(row: Row) -> bool:
    """A 16-bit linear layer."""
    return row.op == "linear" and row.dtype != "float32"


def matrix_model(model: GpuModel, shared: Sequence[float], own: Sequence[float]) -> GpuModel:
    """A model with constants of stage 1."""
    starve, exposed, split_us, step_us = shared
    tiles = TileConstants(starve, exposed, split_us * 1e-6, step_us * 1e-6)
    shares = {**model.bandwidth_shares, "product": own[1]}
    return replace(model, matrix_tiles=tiles, sustained={**model.sustained, "float16": own[0]}, bandwidth_shares=shares)


def fit_matrix(bench: Bench, devices: Sequence[str]) -> tuple[list[float], dict[str, list[float]]]:
    """Stage 1: (starve, exposed K, split us, K step us) and (sustained, product share) by device."""
    rows = {name: bench.take(name, is_linear_16) for name in devices}

    def objective(at: Sequence[float]) -> float:
        shared, own = at[:4], at[4:]
        if any(own[2 * i + 1] > 0.97 for i in range(len(devices))):
            return 10.0
        return mean(
            loss(matrix_model(bench.models[name], shared, own[2 * i : 2 * i + 2]), rows[name], gap)
            for i, name in enumerate(devices)
        )

    start = [36.0, 128.0, 2.6, 0.02] + [0.8, 0.85] * len(devices)
    found = search(start, objective, 500)
    return found[:4], {name: found[4 + 2 * i : 6 + 2 * i] for i, name in enumerate(devices)}


def vector_model(model: GpuModel, shared: Sequence[float], own: Sequence[float]) -> tuple[GpuModel, Offset]:
    """A model with constants of stage 2, and the host's floor of each op."""
    starve, exposed, split_us = shared
    tiles = TileConstants(starve, exposed, split_us * 1e-6, 0.0)
    sustained, linear_us, bmm_us = own
    found = replace(model, vector_tiles=tiles, sustained={**model.sustained, "float32": sustained})
    return found, lambda row: (linear_us if row.op == "linear" else bmm_us) * 1e-6


def fit_vector(bench: Bench) -> tuple[list[float], dict[str, list[float]]]:
    """Stage 2: (starve, exposed K, split us) and (sustained, floors) by device."""
    rows = {
        name: bench.take(name, lambda row: row.op in ("linear", "bmm") and row.dtype == "float32")
        for name in THIRTY_TWO
    }

    def objective(at: Sequence[float]) -> float:
        return mean(
            loss(*_with(vector_model(bench.models[name], at[:3], at[3 + 3 * i : 6 + 3 * i]), rows[name]))
            for i, name in enumerate(THIRTY_TWO)
        )

    start = [0.06, 64.0, 0.2]
    for name in THIRTY_TWO:
        start += [bench.models[name].sustained.get("float32", 0.7), 40.0, 25.0]
    found = search(start, objective, 700)
    return found[:3], {name: found[3 + 3 * i : 6 + 3 * i] for i, name in enumerate(THIRTY_TWO)}


def _with(model: tuple[GpuModel, Offset], rows: list[Row]) -> tuple[GpuModel, list[Row], Offset]:
    return model[0], rows, model[1]


def fit_streams(bench: Bench, device: str) -> dict[str, float]:
    """Stage 3 for one device: bandwidth shares by class, L2 in TB/s, row step in us."""
    rows = bench.take(device, lambda row: row.op in STREAMS, most=10_000)
    if not rows:
        return {}
    classes = sorted({row.work.kernel_class for row in rows})
    floors = sorted({row.op for row in rows if row.timing == "eager"})
    model = bench.models[device]
    profiled = any(row.timing == "kernel" for row in rows)
    names = [*classes, *(["l2", "row", "gap"] if profiled else []), *(f"floor {op}" for op in floors)]

    def built(at: Sequence[float]) -> tuple[GpuModel, Offset]:
        by = dict(zip(names, at, strict=True))
        found = replace(
            model,
            bandwidth_shares={**model.bandwidth_shares, **{name: by[name] for name in classes}},
            l2_bytes_per_s=by.get("l2", model.l2_bytes_per_s / 1e12) * 1e12,
            row_step_s=by.get("row", model.row_step_s * 1e6) * 1e-6,
        )
        return found, lambda row: (by[f"floor {row.op}"] if row.timing == "eager" else -by.get("gap", 0.0)) * 1e-6

    def objective(at: Sequence[float]) -> float:
        by = dict(zip(names, at, strict=True))
        if any(by[name] > 0.97 for name in classes) or by.get("gap", 0.0) * 1e-6 > model.launch_s:
            return 10.0
        return loss(*_with(built(at), rows))

    start = [model.bandwidth_share(name) for name in classes]
    start += [model.l2_bytes_per_s / 1e12, model.row_step_s * 1e6, 1.2] if profiled else []
    start += [25.0] * len(floors)
    return dict(zip(names, search(start, objective, 900), strict=True))


def fit_attention(bench: Bench, device: str) -> list[float]:
    """Stage 4 for one device: sustained, bandwidth, fixed us, block us."""
    model = bench.models[device]
    rows = bench.take(device, lambda row: row.op == "attention_causal", most=150)
    rows += bench.take(device, lambda row: row.op == "attention_decode", most=150)

    def built(at: Sequence[float]) -> GpuModel:
        constants = AttentionConstants(
            at[0], at[1], at[2] * 1e-6, at[3] * 1e-6, model.attention.exposed_special, model.attention.packs_queries
        )
        return replace(model, attention=constants)

    def objective(at: Sequence[float]) -> float:
        return 10.0 if at[1] > 0.95 else loss(built(at), rows, gap)

    held = model.attention
    return search([held.sustained, held.bandwidth, held.fixed_s * 1e6, held.block_s * 1e6], objective, 500)


def leave_out(bench: Bench) -> None:
    """Each GPU of stage 1 scored with the constants of the other three: medians, and the launch of its profile."""
    for name in SIXTEEN:
        others = [other for other in SIXTEEN if other != name]
        shared, own = fit_matrix(bench, others)
        pooled = [median(found[i] for found in own.values()) for i in range(2)]
        rows = [row for row in bench.rows if row.device == name and is_linear_16(row)]
        scored = errors(matrix_model(bench.models[name], shared, pooled), rows, gap)
        print(f"  {name}: pooled {_rounded(pooled)} -> {scored}")


def _rounded(values: Sequence[float]) -> list[float]:
    return [float(f"{value:.3g}") for value in values]


def main() -> None:
    """Prints the constants of all stages, with the errors of both halves."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--leave-out", action="store_true")
    parser.add_argument("--stages", default="1234")
    options = parser.parse_args()
    bench = Bench(options.data)
    if options.leave_out:
        print("16-bit linear layers, a GPU by the constants of the others (MAPE / median, all rows)")
        return leave_out(bench)
    if "1" in options.stages:
        shared, own = fit_matrix(bench, SIXTEEN)
        print("MATRIX_TILES starve, exposed K, split us, K step us:", _rounded(shared))
        for name, found in own.items():
            model = matrix_model(bench.models[name], shared, found)
            halves = [errors(model, bench.take(name, is_linear_16, half, 10_000), gap) for half in (0, 1)]
            print(f"  {name}: sustained.float16, bandwidth_share.product {_rounded(found)}; fit, test half {halves}")
    if "2" in options.stages:
        shared, own = fit_vector(bench)
        print("VECTOR_TILES starve, exposed K, split us:", _rounded(shared))
        for name, found in own.items():
            model, offset = vector_model(bench.models[name], shared, found)
            for op in ("linear", "bmm"):
                halves = [
                    errors(
                        model,
                        bench.take(name, lambda row, op=op: row.op == op and row.dtype == "float32", half, 10_000),
                        offset,
                    )
                    for half in (0, 1)
                ]
                print(f"  {name} {op}: sustained.float32 {found[0]:.3f}, floors us {_rounded(found[1:])}; {halves}")
    if "3" in options.stages:
        for name in PROFILES:
            print(f"  {name} streams:", {key: float(f"{value:.3g}") for key, value in fit_streams(bench, name).items()})
    if "4" in options.stages:
        for name in SIXTEEN:
            print(f"  {name} attention sustained, bandwidth, fixed us, block us:", _rounded(fit_attention(bench, name)))
    return None


if __name__ == "__main__":
    main()
