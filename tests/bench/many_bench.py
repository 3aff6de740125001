"""Many models: seconds a model in one process, in a pool of one and two, by the command line, and again from the cache.

Processor time is printed beside the wall's: on a machine that others use it is what can be compared.
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "ci")]


def main() -> None:
    import planting as p

    parser = argparse.ArgumentParser()
    parser.add_argument("--models", type=int, default=1000)
    count = parser.parse_args().models
    folder = Path(tempfile.mkdtemp(prefix="onnx-roofline-bench-"))
    try:
        for number in range(count):
            # 24 ops and other shapes in each
            p.dense(folder / f"m{number:04d}.onnx", *([64] * 12), 32 + number)
        _loop(folder, count)
        for processes in (1, 2):
            _pool(folder, count, processes)
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "ONNX_ROOFLINE_CACHE": str(folder / "cache")}
        for name in ("command line", "command line, again"):
            _command(folder, count, environment, name)
    finally:
        shutil.rmtree(folder)


def _loop(folder: Path, count: int) -> None:
    import gc

    from onnx_roofline.analysis.settings import Settings
    from onnx_roofline.ci.measure import Job, measure

    gc.disable()
    measure(Job(str(next(folder.glob("*.onnx"))), Settings()))
    started, worked = time.perf_counter(), _worked(resource.RUSAGE_SELF)
    for path in sorted(folder.glob("*.onnx")):
        assert measure(Job(str(path), Settings())).snapshot is not None
        gc.collect(0)
    _print("a loop in one process", count, time.perf_counter() - started, _worked(resource.RUSAGE_SELF) - worked)


def _pool(folder: Path, count: int, processes: int) -> None:
    from onnx_roofline.analysis.settings import Settings
    from onnx_roofline.ci.measure import Job
    from onnx_roofline.ci.runs.pool import Pool
    from onnx_roofline.ci.runs.worker import Allowed

    jobs = [Job(str(path), Settings()) for path in sorted(folder.glob("*.onnx"))]
    here, there = _worked(resource.RUSAGE_SELF), _worked(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    with Pool(processes, Allowed()) as pool:
        assert all(outcome.snapshot for _, outcome in pool.run(jobs))
        wall = time.perf_counter() - started
    here, there = _worked(resource.RUSAGE_SELF) - here, _worked(resource.RUSAGE_CHILDREN) - there
    _print(f"a pool of {processes}", count, wall, here + there, f", {here:.2f} s of it in the parent")


def _command(folder: Path, count: int, environment: dict[str, str], name: str) -> None:
    before, started = _worked(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, "-m", "onnx_roofline", "analyze", str(folder)]
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
    _print(name, count, time.perf_counter() - started, _worked(resource.RUSAGE_CHILDREN) - before)


def _worked(who: int) -> float:
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def _print(name: str, count: int, wall: float, worked: float, more: str = "") -> None:
    print(f"{name:24} {wall:6.2f} s, {1e3 * wall / count:6.2f} ms a model; processors {worked:6.2f} s{more}")


if __name__ == "__main__":
    main()
