"""The scoreboard of ONNX counters on the same real files: `make scoreboard` writes `docs/scoreboard.md`.

Each tool reads each model in a fresh process, with the same input shapes, in turn with the others, under one limit of
time. It has *answered* if it ends with a count. The judge is `scoreboard_macs.py`: shapes of a real run, formulas of
the operators' standards. Seconds and memory are the operating system's accounting of the finished process. Other tools
are optional: those that are not installed in the interpreter of `--peers` are left out. Answers are kept in
`build/scoreboard.json` by tool, version and model, so that a run that was cut off goes on; `--fresh` asks all anew.
"""

import argparse
import datetime
import json
import platform
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import onnx

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/real"))
import fetch  # noqa: E402  # a folder of scripts
import judge  # noqa: E402
import scoreboard_macs  # noqa: E402
import verdicts  # noqa: E402

PAGE = ROOT / "docs/scoreboard.md"
KEPT = ROOT / "build/scoreboard.json"
LIMIT_S = 60
# Models of single ops: tests of the specification, and no models that people have.
SINGLE_OPS = ("onnx/pytorch-converted/", "onnx/pytorch-operator/", "onnx/simple/")

_FEEDS = """
import json, sys
import numpy, onnx
path, asked = sys.argv[1], json.loads(sys.argv[2])
model = onnx.load(path)
stored = {tensor.name for tensor in model.graph.initializer}
feeds, sizes = {}, {}
for value in model.graph.input:
    kind = value.type.tensor_type
    if value.name in stored or value.name not in asked["dims"]:
        continue
    shape = asked["dims"][value.name]
    dtype = onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type)
    feeds[value.name] = numpy.full(shape, asked["values"].get(value.name, 0), dtype)
    for dim, size in zip(kind.shape.dim, shape):
        sizes[dim.dim_param] = size
        dim.ClearField("dim_param")
        dim.dim_value = size
"""
_ONNX_TOOL = (
    _FEEDS
    + """
import onnx_tool
graph = onnx_tool.Model(path).graph
graph.shape_infer(feeds)
graph.profile()
# Its total weighs a division as 4 and an exponential as 32, so that only its figures for products are asked for.
PRODUCTS = ("Conv", "ConvTranspose", "Gemm", "MatMul", "MatMulInteger", "ConvInteger", "QLinearConv", "QLinearMatMul",
            "LSTM", "GRU", "RNN")
print("MACS", int(sum(node.macs[0] for node in graph.nodemap.values() if node.op_type in PRODUCTS)))
"""
)
_ONNXSIM = (
    _FEEDS
    + """
import onnxsim
from onnxsim import model_info
info = model_info.ModelInfo(model)
print("MACS", int(getattr(info, "macs", getattr(info, "total_macs", 0)) or 0))
"""
)
_OPCOUNTER = (
    _FEEDS
    + """
import onnx_opcounter
print("MACS", int(onnx_opcounter.calculate_macs(model)))
"""
)


# Starts a command from a small process, whose size is the least that the system says of the memory of what it starts.
_LAUNCH = """
import os, subprocess, sys, time
started = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT)
_, status, usage = os.wait4(process.pid, 0)
print(f"\\nRUN {time.perf_counter() - started} {usage.ru_maxrss / 1024} {os.waitstatus_to_exitcode(status)}")
"""


@dataclass(frozen=True)
class Tool:
    """A counter: its package, and the script that prints the MACs of a model; without one it is this project."""

    package: str
    script: str = ""


TOOLS = {
    "onnx-roofline": Tool("onnx-roofline"),
    "onnx-tool": Tool("onnx-tool", _ONNX_TOOL),
    "onnxsim": Tool("onnxsim", _ONNXSIM),
    "onnx-opcounter": Tool("onnx-opcounter", _OPCOUNTER),
}


@dataclass(frozen=True)
class Answer:
    """What a tool made of a model: its MACs, None where it gave none, and why."""

    macs: int | None
    seconds: float
    megabytes: float
    why: str = ""


def subjects() -> list[fetch.RealModel]:
    """Models of the manifest that are in the cache, that people have, and that a runtime runs."""
    cache = fetch.cache_folder()
    return [
        model
        for model in fetch.read_manifest()
        if model.runs and not model.name.startswith(SINGLE_OPS) and fetch.cached(model, cache)
    ]


def judged(model: fetch.RealModel) -> tuple[int | None, str]:
    """The MACs of a model, or why nobody says."""
    path = fetch.cache_folder() / model.folder / model.path
    try:
        return scoreboard_macs.judged_macs(path, verdicts.verdict_of(path, model.dims, model.values)), ""
    except (judge.JudgeError, scoreboard_macs.NotJudgedError) as reason:
        return None, str(reason)


def version_of(tool: Tool, python: str) -> str:
    """The installed version; "" where there is none."""
    code = f"from importlib.metadata import version; print(version({tool.package!r}))"
    done = subprocess.run([python, "-c", code], capture_output=True, encoding="utf-8", check=False)
    return done.stdout.strip()


def asked(tool: Tool, model: fetch.RealModel, python: str) -> Answer:
    """One tool on one model, in a process of its own."""
    path = str(fetch.cache_folder() / model.folder / model.path)
    if tool.script:
        wanted = json.dumps({"dims": {name: list(shape) for name, shape in model.dims.items()}, "values": model.values})
        command = [python, "-c", tool.script, path, wanted]
    else:
        command = [sys.executable, "-m", "onnx_roofline", "analyze", path, "--no-plugins", "--json", "-"]
        for name, shape in model.dims.items():
            command += ["--input-shape", f"{name}={'x'.join(map(str, shape))}"] if shape else []
        for name, value in model.values.items():
            command += ["--value", f"{name}={value}"] if isinstance(value, int) else []
    launched = [sys.executable, "-S", "-c", _LAUNCH, "timeout", str(LIMIT_S), *command]
    done = subprocess.run(launched, capture_output=True, encoding="utf-8", errors="replace", check=True)
    output, _, accounting = done.stdout.rpartition("\nRUN ")
    seconds, megabytes, code = map(float, accounting.split())
    if code == 0 and tool.script:
        found = [line[5:] for line in output.splitlines() if line.startswith("MACS ")]
        if found:
            return Answer(int(found[-1]), seconds, megabytes)
    elif code == 0:
        document, _ = json.JSONDecoder().raw_decode(output[output.index("{\n") :])
        return Answer(document["totals"]["macs"], seconds, megabytes)
    last = (output.strip().splitlines() or ["no message"])[-1]
    why = f"not done in {LIMIT_S} s" if code == 124 else last
    return Answer(None, seconds, megabytes, why[:100])


def verdict(answer: Answer, truth: int | None) -> str:
    """One cell: the ratio to the judge's count, or that there is no answer."""
    if answer.macs is None:
        return "–"
    if truth is None:
        return "answer"
    if answer.macs == truth:
        return "exact"
    if not truth:
        return f"{answer.macs:,}"
    ratio = answer.macs / truth
    return f"{100 * (ratio - 1):+.2f} %" if 0.5 < ratio < 2 else f"{ratio:.3g} x"


def page(models: list[fetch.RealModel], truths: dict[str, int | None], answers: dict[str, dict[str, Answer]],
         versions: dict[str, str]) -> str:  # fmt: skip
    """The document: a summary, and a row a model."""
    known = [model.name for model in models if truths[model.name] is not None]
    lines = [
        "# Scoreboard: what ONNX tools say of the same real files",
        "",
        f"{len(models)} ONNX models out of published packages ([where they come from](../tests/real/manifest.yaml)),",
        "the same input shapes for all. Each tool reads each model in a process of its own. `make scoreboard` runs it",
        "anew, and no test needs it.",
        "",
        f"Run on {datetime.datetime.now(tz=datetime.UTC).date().isoformat()}: Python {platform.python_version()} on "
        f"{platform.machine()}, onnx {onnx.__version__}.",
        "The page is written by [scoreboard.py](../tests/bench/scoreboard.py).",
        "",
        f"| tool | answered, of {len(models)} | exact, of {len(known)} | within 5 % | seconds, median | MB, median "
        "| most MB |",
        "|---|---|---|---|---|---|---|",
    ]
    for tool, found in answers.items():
        given = [answer for answer in found.values() if answer.macs is not None]
        pairs = [(found[name].macs, truths[name]) for name in known if found[name].macs is not None]
        exact = sum(macs == truth for macs, truth in pairs)
        near = sum(abs(macs - truth) <= 0.05 * truth for macs, truth in pairs)
        lines.append(
            f"| {tool} {versions[tool]} | {len(given)} | {exact} | {near} | "
            f"{statistics.median([answer.seconds for answer in given] or [0]):.2f} | "
            f"{statistics.median([answer.megabytes for answer in given] or [0]):,.0f} | "
            f"{max([answer.megabytes for answer in given] or [0]):,.0f} |"
        )
    lines += [
        "",
        "- *Answered*: the tool ended with a count. *Exact*: it is the count of [tally.py](../tests/real/tally.py),",
        "  which takes every shape from a real run in onnxruntime and every formula from the operators' standards, and",
        "  uses no counter. Where a product may be in a body, a function or an operator unknown to it, or is of",
        "  stored values alone, [nobody is judged](../tests/bench/scoreboard_macs.py).",
        "- MACs of products are compared, since all of these tools count them. onnx-opcounter has only a total, in",
        "  which every other op counts an operation an element, and onnx-tool counts a bias among the MACs: neither",
        "  can be exact where there is such an op. *Within 5 %* is for them.",
        "- Seconds and memory are those of a whole process, imports included; in those of onnx-opcounter is a run of",
        "  the model where its shapes ask for one. The machine may do other work: compare them with one another.",
        "- What is not compared, since only one of them has it: bytes after fusion, time, placement.",
        "",
        f"| model | MACs, judged | {' | '.join(answers)} |",
        f"|---|---|{'---|' * len(answers)}",
    ]
    for model in models:
        truth = truths[model.name]
        cells = [verdict(found[model.name], truth) for found in answers.values()]
        lines.append(f"| {model.name} | {'not judged' if truth is None else f'{truth:,}'} | {' | '.join(cells)} |")
    lines += [
        "",
        "`–`: no answer. `answer`: nobody judges it. A percentage is how far off, `x` how many times as much.",
    ]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Ask all, keep what was answered, write the page."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--peers", default=sys.executable, help="the Python that has the other tools")
    options.add_argument("--fresh", action="store_true", help="ask again what is kept")
    options.add_argument("-o", default=str(PAGE), help="where the page is written")
    given = options.parse_args()
    versions = {name: version_of(tool, given.peers if tool.script else sys.executable) for name, tool in TOOLS.items()}
    kept = json.loads(KEPT.read_text("utf-8")) if KEPT.exists() and not given.fresh else {}
    KEPT.parent.mkdir(exist_ok=True)
    models = subjects()
    done: list[fetch.RealModel] = []
    truths: dict[str, int | None] = {}
    answers: dict[str, dict[str, Answer]] = {name: {} for name, version in versions.items() if version}
    for model in models:
        truths[model.name], why = judged(model)
        print(model.name, truths[model.name] if not why else f"not judged: {why}", flush=True)
        for name, found in answers.items():
            key = f"{name} {versions[name]} {model.name} {model.version}"
            if key not in kept:
                answer = asked(TOOLS[name], model, given.peers)
                kept[key] = [answer.macs, answer.seconds, answer.megabytes, answer.why]
                KEPT.write_text(json.dumps(kept), "utf-8")
            found[model.name] = Answer(*kept[key])
            said = verdict(found[model.name], truths[model.name])
            print(f"  {name:16} {said:12} {found[model.name].why}", flush=True)
        done.append(model)
        Path(given.o).write_text(page(done, truths, answers, versions), "utf-8")
    if not models:
        print("no real model is in the cache; make real fetches them", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
