"""What each term of the model of products is worth: its error without the term, `python worth.py [--data DIR]`."""

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import mean, median

from msgspec.structs import replace
from rows import DATA, PROFILES, Row, gpu_rows

from onnx_roofline.hardware import GpuModel, load_device
from onnx_roofline.timing import products
from onnx_roofline.timing.gpu import gpu_time

GPUS = ("A100-SXM-80GB", "H100-SXM", "H200-SXM", "L40S")
Change = Callable[[GpuModel], GpuModel]


def changed_tiles(**constants: float) -> Change:
    """The model with other constants of its matrix tiles."""
    return lambda gpu: replace(gpu, matrix_tiles=replace(gpu.matrix_tiles, **constants))


def errors(rows: list[Row], models: dict[str, GpuModel]) -> tuple[float, float]:
    """(MAPE, median error) in percent."""
    products.product_time.cache_clear()
    times = ((gpu_time(models[row.device], row.work, row.size).total_s or 0.0, row.measured_s) for row in rows)
    found = [abs(time_s / measured_s - 1) for time_s, measured_s in times]
    return 100 * mean(found), 100 * median(found)


def variants() -> Iterator[tuple[str, Change]]:
    """The model without one term each."""
    yield "all of it", lambda gpu: gpu
    yield "no split of K", changed_tiles(split_s=1.0)
    yield "small tiles as fast as large ones", changed_tiles(starve=0.0)
    yield "no latency of the K loop", changed_tiles(k_step_s=0.0)
    yield "arithmetic and memory overlap whole", changed_tiles(exposed_k=0.0)
    yield "they do not overlap", changed_tiles(exposed_k=1e9)
    yield "no launch", lambda gpu: replace(gpu, launch_s=0.0)


def main() -> None:
    """Prints the error of 16-bit linear layers without each term."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    data = parser.parse_args().data
    rows = [row for row in gpu_rows(data / "gpu_kernels.csv.gz") if row.op == "linear" and row.dtype != "float32"]
    rows = [row for row in rows if row.device in GPUS and not row.l2_hot]
    models = {name: gpu for name in GPUS if (gpu := load_device(PROFILES[name]).gpu) is not None}
    for name, change in variants():
        mape, middle = errors(rows, {device: change(gpu) for device, gpu in models.items()})
        print(f"{name:40} {mape:5.1f} / {middle:4.1f}")
    tiles, products.MATRIX_TILES = products.MATRIX_TILES, ((128, 128, 0, 0),)
    mape, middle = errors(rows, models)
    products.MATRIX_TILES = tiles
    print(f"{'only tiles of 128 x 128':40} {mape:5.1f} / {middle:4.1f}")


if __name__ == "__main__":
    main()
