"""Whole-process time and memory, as ratios to peers in one run: `make bench`.

Every figure is of a fresh process, taken from the operating system's accounting of the finished child; the commands are
run in turn, so that a drift of the machine's speed hits all alike. Medians and ratios are printed; nothing is judged.
Models are made in a temporary folder: BERT-base from the sample with its weights as zeros, chains of a given length.
"""

import argparse
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

if TYPE_CHECKING:
    import onnx

SAMPLES = Path(__file__).resolve().parents[2] / "sample_models"
# MACs of BERT-base at batch 1, sequence 128, pooler included: sample_models/reference.json, by PyTorch's counter.
BERT_MACS = 11_174_215_680
EXTERNAL_BYTES = 8 * 2**30

OURS = [sys.executable, "-m", "onnx_roofline", "analyze"]
IMPORTS = "import onnx, numpy, networkx, yaml"
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


def make_chain(path: Path, ops: int) -> None:
    """A chain of alternating Relu and Add with one weight."""
    import onnx
    from onnx import TensorProto, helper

    nodes = []
    for index in range(ops):
        source = f"t{index}" if index else "x"
        if index % 2:
            nodes.append(helper.make_node("Add", [source, "w"], [f"t{index + 1}"]))
        else:
            nodes.append(helper.make_node("Relu", [source], [f"t{index + 1}"]))
    kind = helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 64))
    out = helper.make_tensor_value_info(f"t{ops}", TensorProto.FLOAT, (1, 64))
    weight = helper.make_tensor("w", TensorProto.FLOAT, (64,), [0.5] * 64)
    graph = helper.make_graph(nodes, "chain", [kind], [out], [weight])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)]), path)


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
    for ops in lengths:
        make_chain(folder / f"chain_{ops}.onnx", ops)


def bench_bert(folder: Path, runs: int, peers: bool) -> None:
    """The same model by every tool, and by this one with its weights in three places."""
    inline, absent, present = folder / "bert_inline.onnx", folder / "absent", folder / "present"
    megabytes = inline.stat().st_size / 1e6
    dims = ["--dim", "batch=1", "--dim", "sequence=128"]
    commands = {
        "imports alone": [sys.executable, "-c", IMPORTS],
        "onnx-roofline": [*OURS, str(inline), *dims],
        "onnx-roofline, JSON too": [*OURS, str(inline), *dims, "--json", str(folder / "out.json")],
        "onnx-roofline, external absent": [*OURS, str(absent / "bert.onnx"), *dims],
        "onnx-roofline, external 8 GB": [*OURS, str(present / "bert.onnx"), *dims],
    }
    if peers:
        commands["onnx-tool"] = [sys.executable, "-c", ONNX_TOOL, str(inline)]
        commands["onnxsim"] = [sys.executable, "-c", ONNXSIM, str(inline)]
    show(f"BERT-base, {megabytes:.0f} MB of weights inline", in_turn(commands, runs), "onnx-roofline")


def bench_chains(folder: Path, lengths: tuple[int, ...]) -> None:
    """Time against the number of ops, with the exponent of the growth between the two longest."""
    print("\nchains of ops")
    floor = min(run_once([sys.executable, "-c", IMPORTS]).wall_s for _ in range(3))
    times = []
    for ops in lengths:
        result = run_once([*OURS, str(folder / f"chain_{ops}.onnx")])
        times.append(result.wall_s - floor)
        print(f"  {ops:>9,} ops {result.wall_s:7.2f} s  peak {result.peak_mb:6.0f} MB  exit {result.code}")
    exponent = math.log(times[-1] / times[-2]) / math.log(lengths[-1] / lengths[-2])
    print(f"  exponent of the growth from {lengths[-2]:,} to {lengths[-1]:,} ops: {exponent:.2f}")


def main() -> None:
    """Run all benches."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--no-peers", action="store_true")
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
        bench_bert(folder, options.runs, not options.no_peers)
        bench_chains(folder, lengths)


if __name__ == "__main__":
    main()
