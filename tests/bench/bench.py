"""Whole-process time and memory, as ratios to peers in one run: `make bench`.

Every figure is of a fresh process, taken from the operating system's accounting of the finished child; the commands are
run in turn, so that a drift of the machine's speed hits all alike. Medians and ratios are printed, those that have a
target beside it; nothing is judged. Peers are run where they are installed. Models are made in a temporary folder:
BERT-base from the sample with its weights as zeros, and others by `scale_models.py`.
"""

import argparse
import importlib.util
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import scale_models

if TYPE_CHECKING:
    import onnx

SAMPLES = Path(__file__).resolve().parents[2] / "sample_models"
# MACs of BERT-base at batch 1, sequence 128, pooler included: sample_models/reference.json, by PyTorch's counter.
BERT_MACS = 11_174_215_680
EXTERNAL_BYTES = 8 * 2**30

OURS = [sys.executable, "-m", "onnx_roofline", "analyze"]
IMPORTS = "import onnx, numpy, networkx, yaml"
# Shape inference of the onnx library with data propagation, on the file alone.
INFERENCE = """
import sys, onnx
onnx.shape_inference.infer_shapes(onnx.load(sys.argv[1], load_external_data=False), data_prop=True)
"""
ONNX_TOOL = """
import sys, numpy, onnx_tool
model = onnx_tool.Model(sys.argv[1])
graph = model.graph
ids = numpy.zeros((1, 128), numpy.int64)
graph.shape_infer({name: ids for name in graph.input})
graph.profile()
# Its total mixes in weighted scalar operations, and a Gemm's bias counts as MACs: its matrix products without them.
products = [node for node in graph.nodemap.values() if node.op_type in ("MatMul", "Gemm")]
print("MACS", int(sum(node.macs[0] for node in products)) - 768 * sum(node.op_type == "Gemm" for node in products))
"""
ONNXSIM = """
import sys, onnx, onnxsim
from onnxsim import model_info
model = onnx.load(sys.argv[1], load_external_data=False)
for value in model.graph.input:
    for dim, size in zip(value.type.tensor_type.shape.dim, (1, 128)):
        dim.dim_value = size
info = model_info.ModelInfo(model)
print("MACS", int(getattr(info, "macs", getattr(info, "total_macs", 0)) or 0))
"""


# The optional peers: the module that tells whether one is installed, and what it runs.
PEERS = {"onnx-tool": ("onnx_tool", ONNX_TOOL), "onnxsim": ("onnxsim", ONNXSIM)}
DIMS = ["--dim", "batch=1", "--dim", "sequence=128"]
SWEEP = ["--sweep", "batch=1..10", "--sweep", "sequence=16..160+16"]
# Models of the ratios, by kind and ops.
SCALED = (("blocks", 50_000), ("plain", 20_000), ("wide", 20_000))


@dataclass(frozen=True)
class Run:
    """One finished process."""

    wall_s: float
    cpu_s: float
    peak_mb: float
    code: int
    output: str


def run_once(command: list[str]) -> Run:
    """Run a command to its end and read its accounting."""
    started = time.perf_counter()
    # As installed: with the compiled modules that pip makes and that some environments keep Python from writing.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryFile() as captured:
        process = subprocess.Popen(command, stdout=captured, stderr=subprocess.STDOUT, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        captured.seek(0)
        output = captured.read().decode("utf-8", "replace")
    return Run(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, process.returncode, output)


def in_turn(commands: dict[str, list[str]], runs: int) -> dict[str, list[Run]]:
    """`runs` counted runs of each command after one that is not, A B C A B C."""
    found: dict[str, list[Run]] = {name: [] for name in commands}
    for turn in range(runs + 1):
        for name, command in commands.items():
            result = run_once(command)
            if turn:
                found[name].append(result)
    return found


def show(title: str, results: dict[str, list[Run]], reference: str) -> None:
    """A line a command: median wall, CPU and peak memory, and the ratio of its wall time to the reference's."""
    print(f"\n{title}")
    base = statistics.median(run.wall_s for run in results[reference])
    for name, runs in results.items():
        wall = statistics.median(run.wall_s for run in runs)
        cpu = statistics.median(run.cpu_s for run in runs)
        peak = statistics.median(run.peak_mb for run in runs)
        codes = (
            "" if all(run.code == 0 for run in runs) else f"  exit {runs[-1].code}: {runs[-1].output.strip()[-120:]!r}"
        )
        spread = f"{min(run.wall_s for run in runs):.2f}-{max(run.wall_s for run in runs):.2f}"
        macs = next((line[5:] for line in runs[-1].output.splitlines() if line.startswith("MACS ")), "")
        right = f"  MACs {int(macs):,}{' (right)' if int(macs) == BERT_MACS else ''}" if macs.isdigit() else ""
        print(f"  {name:<34} {wall:7.2f} s ({spread})  cpu {cpu:6.2f} s  peak {peak:7.0f} MB"
              f"  x{wall / base:.1f}{right}{codes}")  # fmt: skip


def fill_weights(model: "onnx.ModelProto") -> int:
    """Replace absent external data by zeros inside the file; returns the bytes."""
    from onnx import TensorProto

    total = 0
    for tensor in model.graph.initializer:
        if tensor.data_location == TensorProto.EXTERNAL:
            size = int(next(entry.value for entry in tensor.external_data if entry.key == "length"))
            del tensor.external_data[:]
            tensor.data_location = TensorProto.DEFAULT
            tensor.raw_data = bytes(size)
            total += size
    return total


def drop_nan_guards(model: "onnx.ModelProto") -> None:
    """Spell attention as exporters did before they guarded softmax against NaN, which not every peer can read.

    `Where(IsNaN(p), 0, p)` becomes `p`; no MAC is touched.
    """
    guards = {node.output[0] for node in model.graph.node if node.op_type == "IsNaN"}
    renamed = {
        node.output[0]: node.input[2]
        for node in model.graph.node
        if node.op_type == "Where" and node.input[0] in guards
    }
    kept = [node for node in model.graph.node if node.op_type != "IsNaN" and node.output[0] not in renamed]
    for node in kept:
        for position, name in enumerate(node.input):
            node.input[position] = renamed.get(name, name)
    del model.graph.node[:]
    model.graph.node.extend(kept)


def make_models(folder: Path, lengths: tuple[int, ...]) -> None:
    """BERT-base with dynamic axes: weights inline, external and absent, external and present; and the chains."""
    import onnx

    (folder / "absent").mkdir()
    (folder / "present").mkdir()
    model = onnx.load(SAMPLES / "bert_base.torchscript.onnx", load_external_data=False)
    drop_nan_guards(model)
    onnx.save(model, folder / "absent" / "bert.onnx")
    onnx.save(model, folder / "present" / "bert.onnx")
    location = next(
        entry.value for tensor in model.graph.initializer for entry in tensor.external_data if entry.key == "location"
    )
    with open(folder / "present" / location, "wb") as data:
        data.truncate(EXTERNAL_BYTES)
    fill_weights(model)
    onnx.save(model, folder / "bert_inline.onnx")
    for kind, ops in (*SCALED, *(("plain", ops) for ops in lengths)):
        scale_models.make(kind, ops, folder / f"{kind}_{ops}.onnx")


def installed_peers(model: Path) -> dict[str, list[str]]:
    """The commands of the peers that are installed, by name."""
    found = {name: script for name, (module, script) in PEERS.items() if importlib.util.find_spec(module)}
    return {name: [sys.executable, "-c", script, str(model)] for name, script in found.items()}


def bench_bert(folder: Path, runs: int, peers: bool) -> None:
    """The same model by every tool, and by this one with its weights in three places."""
    inline, absent, present = folder / "bert_inline.onnx", folder / "absent", folder / "present"
    megabytes = inline.stat().st_size / 1e6
    commands = {
        "imports alone": [sys.executable, "-c", IMPORTS],
        "onnx-roofline": [*OURS, str(inline), *DIMS],
        "onnx-roofline, JSON too": [*OURS, str(inline), *DIMS, "--json", str(folder / "out.json")],
        "onnx-roofline, external absent": [*OURS, str(absent / "bert.onnx"), *DIMS],
        "onnx-roofline, external 8 GB": [*OURS, str(present / "bert.onnx"), *DIMS],
    }
    commands |= installed_peers(inline) if peers else {}
    show(f"BERT-base, {megabytes:.0f} MB of weights inline", in_turn(commands, runs), "onnx-roofline")


def bench_chains(folder: Path, lengths: tuple[int, ...]) -> None:
    """Time against the number of ops, with the exponent of the growth between the two longest."""
    print("\nchains of ops")
    floor = min(run_once([sys.executable, "-c", IMPORTS]).wall_s for _ in range(3))
    times = []
    for ops in lengths:
        result = run_once([*OURS, str(folder / f"plain_{ops}.onnx")])
        times.append(result.wall_s - floor)
        print(f"  {ops:>9,} ops {result.wall_s:7.2f} s  peak {result.peak_mb:6.0f} MB  exit {result.code}")
    exponent = math.log(times[-1] / times[-2]) / math.log(lengths[-1] / lengths[-2])
    print(f"  exponent of the growth from {lengths[-2]:,} to {lengths[-1]:,} ops: {exponent:.2f}")


def bench_ratios(folder: Path, runs: int, peers: bool) -> None:
    """Ratios of CPU time and of memory that have a target, from the quickest of the runs: noise only adds."""
    inline, blocks, plain, wide = (
        str(folder / f"{name}.onnx") for name in ("bert_inline", "blocks_50000", "plain_20000", "wide_20000")
    )
    nodes = ["1:Add", "10001:Add", "19999:Add"]
    commands = {
        "nothing": [sys.executable, "-c", "pass"],
        "imports": [sys.executable, "-c", IMPORTS],
        "import onnx": [sys.executable, "-c", "import onnx"],
        "hw list": [*OURS[:-1], "hw", "list"],
        "bert": [*OURS, str(folder / "absent" / "bert.onnx"), *DIMS],
        "sweep": [*OURS, str(folder / "absent" / "bert.onnx"), *SWEEP],
        "bert inline": [*OURS, inline, *DIMS, "--json", str(folder / "out.json")],
        **(installed_peers(Path(inline)) if peers else {}),
        "blocks": [*OURS, blocks],
        "inference": [sys.executable, "-c", INFERENCE, blocks],
        "plain": [*OURS, plain],
        "wide": [*OURS, wide],
        "explain": [*OURS[:-1], "explain", plain, *nodes],
    }
    results = in_turn(commands, runs)
    failed = {name: found[-1] for name, found in results.items() if any(run.code for run in found)}
    for name, run in failed.items():
        print(f"  {name}: exit {run.code}: {run.output.strip()[-200:]!r}")
    cpu = {name: min(run.cpu_s for run in found) for name, found in results.items()}
    peak = {name: statistics.median(run.peak_mb for run in found) for name, found in results.items()}
    start = cpu["imports"]
    rows = [
        ("BERT-base / importing onnx, numpy, networkx, yaml", cpu["bert"] / start, "at most", 1.25),
        ("100 points of BERT-base / (10 analyses + 100 x 40 ms)", cpu["sweep"] / (10 * cpu["bert"] + 4), "at most", 1),
        ("hw list / python -c pass", cpu["hw list"] / cpu["nothing"], "at most", 8),
        (
            "50,000 ops of blocks / onnx.shape_inference, each less its start",
            (cpu["blocks"] - start) / (cpu["inference"] - cpu["import onnx"]),
            "at most",
            8,
        ),
        ("the same, peak memory", peak["blocks"] / peak["inference"], "at most", 1.3),
        ("wide / plain, 20,000 ops, less the start", (cpu["wide"] - start) / (cpu["plain"] - start), "at most", 1),
        ("explain of 3 ops / analyze, 20,000 ops", cpu["explain"] / cpu["plain"], "at most", 1.5),
    ]
    if "onnx-tool" in cpu:
        times = cpu["onnx-tool"] / cpu["bert inline"]
        rows.append(("onnx-tool / BERT-base, 435 MB inline, with JSON", times, "at least", 9))
    print(f"ratios of CPU time, the quickest of {runs} runs each")
    for name, found, bound, target in rows:
        print(f"  {name:<68} {found:6.2f}  wanted {bound} {target:g}")


def main() -> None:
    """Run all benches."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--ratios", action="store_true", help="only the ratios that have a target")
    parser.add_argument("--make", metavar="FOLDER", help=argparse.SUPPRESS)
    options = parser.parse_args()
    lengths = (20_000, 100_000, 200_000)
    if options.make:
        make_models(Path(options.make), lengths)
        return
    with tempfile.TemporaryDirectory(prefix="onnx-roofline-bench-") as name:
        folder = Path(name)
        # In a process of its own: a child's peak memory is never below what its parent had when it was started.
        subprocess.run([sys.executable, __file__, "--make", name], check=True)
        bench_ratios(folder, options.runs, not options.no_peers)
        if not options.ratios:
            bench_bert(folder, options.runs, not options.no_peers)
            bench_chains(folder, lengths)


if __name__ == "__main__":
    main()
