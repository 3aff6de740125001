"""Several systems in one command: what holds of all is said once, what holds of some with their names."""

from pathlib import Path

import pytest

from onnx_roofline.cli.main import main

MODEL = str(Path(__file__).resolve().parents[2] / "sample_models" / "conv_layer.onnx")


def test_what_is_said_of_some_systems_names_them(capsys: pytest.CaptureFixture[str]) -> None:
    """An A100 has no peak in 8-bit floats and an H100 has one; a CPU has no TF32."""
    asked = ["analyze", MODEL, "--quantize", "fp8", "--system"]
    for names in ("h100,a100,epyc-host", "epyc-host,a100,h100"):
        assert main([*asked, names]) == 0
        err = capsys.readouterr().err
        (unit,) = (line for line in err.splitlines() if "[no-unit]" in line)
        assert set(unit.split(": ")[1].split(", ")) == {"a100-sxm-80gb", "epyc-host"}


def test_math_that_some_systems_have_names_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyze", MODEL, "--system", "epyc-host,h100"]) == 0
    assert capsys.readouterr().out.splitlines()[0].endswith("float32 products as tf32 on h100-sxm (--math)")
    assert main(["analyze", MODEL, "--system", "h100,a100"]) == 0
    assert capsys.readouterr().out.splitlines()[0].endswith("float32 products as tf32 (--math)")


def test_one_system_named_twice_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyze", MODEL, "--system", "h100,h100"]) == 0
    assert "system: h100-sxm" in capsys.readouterr().out.splitlines()[0]


@pytest.mark.parametrize("command", [["fit"], ["lint"], ["explain"], ["formula", "--over", "batch", "--flips"]])
def test_commands_of_one_system_say_so(capsys: pytest.CaptureFixture[str], command: list[str]) -> None:
    assert main([*command, MODEL, "--system", "h100,a100"]) == 2
    assert "found several systems, 'h100,a100', wanted one: analyze alone" in capsys.readouterr().err


def test_a_figure_that_is_set_is_not_called_a_sweep(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyze", MODEL, "--sweep", "system=h100,a100", "--set", "h100-sxm.launch_us=0"]) == 2
    assert "--set 'h100-sxm.launch_us': found no such figure in a100-sxm-80gb" in capsys.readouterr().err
