"""The end of the process: nothing that was printed is lost, and the exit code is that of the command."""

import subprocess
import sys
from pathlib import Path

import pytest

from onnx_roofline.cli import main

SAMPLE = str(Path(__file__).resolve().parents[2] / "sample_models" / "lenet5.onnx")
PROCESS = [sys.executable, "-m", "onnx_roofline"]
COMMANDS = {
    "done": (["analyze", SAMPLE, "--json", "-"], 0),
    "broken": (["check", SAMPLE, "--max", "macs=1"], 1),
    "bad input": (["analyze", "nothing.onnx"], 2),
    "usage": (["analyze"], 2),
}


@pytest.mark.parametrize(("arguments", "code"), COMMANDS.values(), ids=COMMANDS)
def test_a_process_prints_and_ends_as_the_command(arguments, code, capfd) -> None:
    try:
        found = main(arguments)
    except SystemExit as stopped:
        found = stopped.code
    printed = capfd.readouterr()
    ended = subprocess.run([*PROCESS, *arguments], capture_output=True, text=True)
    assert (ended.returncode, found) == (code, code)
    assert (ended.stdout, ended.stderr) == (printed.out, printed.err)


def test_a_profiler_sees_the_end() -> None:
    profiled = [sys.executable, "-m", "cProfile", "-m", "onnx_roofline", "check", SAMPLE, "--max", "macs=1"]
    ended = subprocess.run(profiled, capture_output=True, text=True)
    assert "function calls" in ended.stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that refuses every byte")
def test_an_output_that_can_not_be_written_is_reported() -> None:
    with open("/dev/full", "w") as full:
        ended = subprocess.run([*PROCESS, "schema"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert ended.returncode != 0
    assert "No space left on device" in ended.stderr
