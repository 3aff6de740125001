"""No way in which the environment or a file can turn a verdict: each exit code by many causes, each in a process."""

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from onnx_roofline.cli.main import main

ROOT = Path(__file__).resolve().parents[2]
LENET = str(ROOT / "sample_models" / "lenet5.onnx")
BERT = str(ROOT / "sample_models" / "bert_base.onnx")

HELD = ["check", LENET, "--max", "flops=1G"]
BROKEN = ["check", LENET, "--max", "flops=1"]
REFUSED = ["check", LENET, "--max", "flop=1"]
# A command line in a process of its own in which a pass raises: `crash` a bug, `stop` what Ctrl-C raises.
PLANTED = """
import sys
from onnx_roofline.cli.main import main
from onnx_roofline.passes.op_count import OpCount
def run(self, model):
    raise {"crash": ZeroDivisionError, "stop": KeyboardInterrupt}[sys.argv[1]]("planted \\u00e4")
OpCount.run = run
sys.exit(main(sys.argv[2:]))
"""
CRASHED = ["crash", *HELD]
STOPPED = ["stop", *HELD]


def _command(arguments: list[str]) -> list[str]:
    if arguments[0] in ("crash", "stop"):
        return [sys.executable, "-c", PLANTED, *arguments]
    return [sys.executable, "-m", "onnx_roofline", *arguments]


def _run(arguments: list[str], redirections: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """The command through a shell that redirects; the temp folder is one of the test's own where none is given."""
    command = ["bash", "-c", f'exec "$@" {redirections}', "bash", *_command(arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env={**os.environ, **environment})


def _into_a_broken_pipe(arguments: list[str], *, which: str) -> int:
    """Exit code of the command with a stream whose reader is gone before it writes."""
    reader, writer = os.pipe()
    os.close(reader)
    streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, which: writer}
    try:
        return subprocess.run(_command(arguments), cwd=ROOT, **streams).returncode
    finally:
        os.close(writer)


ASCII = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
NO_TEMP = {"TMPDIR": "/no/such/folder"}
VERDICTS = {0: HELD, 1: BROKEN, 2: REFUSED, 70: CRASHED, 130: STOPPED}
# How the streams are, and the environment.
SURROUNDINGS: dict[str, tuple[str, dict[str, str]]] = {
    "stdout closed": (">&-", {}),
    "stderr closed": ("2>&-", {}),
    "all three closed": ("<&- >&- 2>&-", {}),
    "stdout full": (">/dev/full", {}),
    "stderr full": ("2>/dev/full", {}),
    "both full": (">/dev/full 2>&1", {}),
    "stdout for reading only": ("1</dev/null", {}),
    "ASCII": ("", ASCII),
    "C locale": ("", {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}),
}


@pytest.mark.parametrize("surrounding", SURROUNDINGS)
@pytest.mark.parametrize("code", VERDICTS)
def test_a_verdict_stands_whatever_the_streams_are(code: int, surrounding: str, tmp_path: Path) -> None:
    redirections, environment = SURROUNDINGS[surrounding]
    done = _run(VERDICTS[code], redirections, **{"TMPDIR": str(tmp_path), **environment})
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


@pytest.mark.parametrize("which", ["stdout", "stderr"])
@pytest.mark.parametrize("code", VERDICTS)
def test_a_verdict_stands_when_nobody_reads(
    code: int, which: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert _into_a_broken_pipe(VERDICTS[code], which=which) == code


def test_a_crash_without_a_place_for_its_reproducer_is_still_one() -> None:
    """Python tries TMPDIR, /tmp, /var/tmp, /usr/tmp and the current folder: none can be written in the child."""
    planted = PLANTED.replace("import sys", "import sys, tempfile\ntempfile._candidate_tempdir_list = lambda: []", 1)
    done = subprocess.run([sys.executable, "-c", planted, *CRASHED], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 70
    assert done.stderr.count("\n") == 1
    assert "no file could be written that reproduces it" in done.stderr


def test_ctrl_c_in_a_running_command(tmp_path: Path) -> None:
    """The command waits for a FIFO's writer inside the analysis; the signal arrives there."""
    code = (
        "import sys, time\nfrom onnx_roofline.cli.main import main\n"
        "from onnx_roofline.passes.op_count import OpCount\n"
        "def run(self, model):\n    print('waiting', file=sys.stderr, flush=True)\n    time.sleep(60)\n"
        "OpCount.run = run\nsys.exit(main(sys.argv[1:]))\n"
    )
    running = subprocess.Popen([sys.executable, "-c", code, *HELD], cwd=ROOT, stderr=subprocess.PIPE, text=True)
    assert running.stderr is not None
    assert running.stderr.readline() == "waiting\n"
    time.sleep(0.1)
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=20)
    assert (running.returncode, err) == (130, "onnx-roofline: interrupted\n")


def test_results_that_are_lost_are_no_success() -> None:
    done = _run(["analyze", LENET], ">/dev/full")
    assert done.returncode == 2
    assert done.stderr == "onnx-roofline: stdout can't be written: No space left on device; results are lost\n"
    done = _run(HELD, ">/dev/full")
    assert done.stderr == "onnx-roofline: stdout can't be written: No space left on device; the exit code stands\n"


def test_a_closed_stdout_was_asked_for() -> None:
    assert _run(["analyze", LENET], ">&-").returncode == 0
    assert _run(["analyze", LENET], ">&-").stderr == ""


def test_closed_streams_do_not_become_the_next_file(tmp_path: Path) -> None:
    """With descriptor 1 free, the report would be opened as stdout and tables land in it."""
    target = tmp_path / "out.json"
    assert _run(["analyze", LENET, "--json", str(target)], "<&- >&- 2>&-").returncode == 0
    plain = tmp_path / "plain.json"
    assert main(["analyze", LENET, "--json", str(plain)]) == 0
    assert target.read_bytes() == plain.read_bytes()


def test_ascii_terminals_get_ascii() -> None:
    done = _run(["analyze", LENET], "", **ASCII)
    assert done.returncode == 0
    assert done.stdout.isascii()
    assert done.stdout.startswith("coverage: 100 % of 12 ops (12 exact) - system: teaching\n")
    assert "\\x" not in done.stdout


@pytest.mark.parametrize("option", ["--json", "--plot"])
@pytest.mark.parametrize(
    ("make", "found"),
    [
        (lambda folder, model: "", "found an empty name"),
        (lambda folder, model: "  ", "found an empty name"),
        (lambda folder, model: model, "is a file that this command reads"),
        (lambda folder, model: _link(folder / "link.svg", model), "is a file that this command reads"),
        (lambda folder, model: _hard_link(folder / "hard.svg", model), "is a file that this command reads"),
        (lambda folder, model: _fifo(folder / "fifo.svg"), "is a FIFO"),
        (lambda folder, model: "/dev/zero", "is a device"),
        (lambda folder, model: str(folder), "is a folder"),
        (lambda folder, model: str(folder / "none" / "x.svg"), "can't be written"),
        (lambda folder, model: str(folder / "weights.bin"), "is a file that this command reads"),
        (lambda folder, model: str(folder / "mine.yaml"), "is a file that this command reads"),
        (lambda folder, model: str(folder / "gpu.yaml"), "is a file that this command reads"),
    ],
)
def test_no_output_is_an_input_or_a_special_file(
    option: str, make: Callable[[Path, str], str], found: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = _model_with_external_weights(tmp_path)
    for name in ("teaching", "teaching-gpu", "teaching-pim"):
        text = (ROOT / "hw_profiles" / f"{name}.yaml").read_text("utf-8").replace("gpu: teaching-gpu", "gpu: gpu.yaml")
        (tmp_path / {"teaching": "mine.yaml", "teaching-gpu": "gpu.yaml"}.get(name, f"{name}.yaml")).write_text(text)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    target = make(tmp_path, model)
    assert main(["analyze", model, option, target, "--system", str(tmp_path / "mine.yaml")]) == 2
    out, err = capsys.readouterr()
    assert found in err
    assert err.startswith(f"onnx-roofline: {option}")
    assert out == ""
    assert {path: path.read_bytes() for path in before} == before


def test_two_outputs_are_two_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = str(tmp_path / "x.svg")
    assert main(["analyze", LENET, "--json", target, "--plot", f"{tmp_path}/./x.svg"]) == 2
    assert "are one file; name two" in capsys.readouterr().err


def test_special_files_that_are_asked_for(tmp_path: Path) -> None:
    assert main(["analyze", LENET, "--json", "/dev/null"]) == 0
    done = _run(["analyze", LENET, "--json", "/dev/stdout"])
    assert done.returncode == 0
    assert done.stdout.startswith('{\n"schema_version"')


def test_work_on_stored_values_is_said_and_can_be_limited(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """10^6 x 10^6 by 10^6 x 10^6 of stored values is 10^18 MACs that no total counts."""
    shape = helper.make_tensor("s", TensorProto.INT64, [2], [10**6, 10**6])
    nodes = [
        helper.make_node("ConstantOfShape", ["s"], ["a"]),
        helper.make_node("MatMul", ["a", "a"], ["b"]),
        helper.make_node("ReduceSum", ["b"], ["c"], keepdims=0),
        helper.make_node("Add", ["x", "c"], ["y"]),
    ]
    kinds = [helper.make_tensor_value_info(name, TensorProto.FLOAT, (4,)) for name in "xy"]
    graph = helper.make_graph(nodes, "g", kinds[:1], kinds[1:], [shape])
    path = str(tmp_path / "constant.onnx")
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)
    assert main(["check", path, "--max", "flops=4"]) == 0
    assert "operations are on stored values alone and in no total, 4 are in the totals" in capsys.readouterr().err
    assert main(["check", path, "--max", f"constant_macs={10**18 - 1}"]) == 1
    assert main(["check", path, "--max", f"constant_macs={10**18}"]) == 0


def _model_with_external_weights(folder: Path) -> str:
    weight = helper.make_tensor("w", TensorProto.FLOAT, [64, 64], bytes(64 * 64 * 4), raw=True)
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    kinds = [helper.make_tensor_value_info(name, TensorProto.FLOAT, (64, 64)) for name in "xy"]
    model = helper.make_model(helper.make_graph([node], "g", kinds[:1], kinds[1:], [weight]))
    path = str(folder / "model.onnx")
    onnx.save_model(model, path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    return path


def _link(path: Path, target: str) -> str:
    path.symlink_to(target)
    return str(path)


def _hard_link(path: Path, target: str) -> str:
    path.hardlink_to(target)
    return str(path)


def _fifo(path: Path) -> str:
    os.mkfifo(path)
    assert stat.S_ISFIFO(path.stat().st_mode)
    return str(path)
