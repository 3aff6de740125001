"""Times of the placement solvers: `python tests/bench/partition_bench.py`. Medians of three runs; nothing is judged."""

import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import msgspec

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "placement"))

from problems import SAMPLES, layered_problem, sample_problem, transformer_problem

from onnx_roofline.placement.solver import Problem, regrets, schedule, solve


def seconds(work: Callable[[], object], runs: int = 3) -> float:
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def row(name: str, problem: Problem, runs: int = 3) -> None:
    solution = solve(problem)
    missing = sum(value is None for value in regrets(problem, solution))
    times = [
        seconds(lambda: solve(problem), runs),
        seconds(lambda: regrets(problem, solution), runs),
        seconds(lambda: schedule(problem, "partitioned", solution), runs),
    ]
    cells = "".join(f"{value:>10.3f}" for value in times)
    sys.stdout.write(f"{name:<34}{problem.size:>7}{cells}  {solution.method}, {missing} regrets not computed\n")
    sys.stdout.flush()


def main() -> None:
    sys.stdout.write(f"{'graph':<34}{'nodes':>7}{'solve s':>10}{'regrets s':>10}{'HEFT s':>10}\n")
    for share in (0.5, 3.0, 10.0):
        row(f"transformer, transfers x {share}", transformer_problem(3600, seed=1, share=share))
    for name in ("gpt2.torchscript", "llama_decode.torchscript", "t5_small"):
        row(name, sample_problem(SAMPLES / f"{name}.onnx", seed=1, share=3.0))
    for share in (1.0, 4.0):
        row(f"random layered, transfers x {share}", layered_problem(3600, seed=1, share=share))
    for share in (0.5, 5.0):
        row(f"transformer, transfers x {share}", transformer_problem(50_000, seed=1, share=share), runs=1)
    problem = sample_problem(SAMPLES / "gpt2.torchscript.onnx", seed=1, share=3.0)
    limited = msgspec.structs.replace(problem, capacity_bytes=problem.bytes_on_pim(solve(problem).assignment) // 2)
    sys.stdout.write(f"half the memory, gpt2.torchscript: {seconds(lambda: solve(limited)):.3f} s\n")
    methods = Counter(
        solve(sample_problem(path, seed, share)).method
        for path in sorted(SAMPLES.glob("*.onnx"))
        for seed in (1, 2)
        for share in (0.5, 3.0, 10.0)
    )
    sys.stdout.write(f"methods over all sample models: {dict(methods)}\n")


if __name__ == "__main__":
    main()
