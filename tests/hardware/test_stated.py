"""Profiles by the names that people use, figures of one run, and systems side by side."""

from pathlib import Path

import pytest

from onnx_roofline.analysis.analyze import analyze
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.base.errors import ProfileError
from onnx_roofline.cli.main import main
from onnx_roofline.hardware import load_device, load_system
from onnx_roofline.hardware.names import shipped_name
from onnx_roofline.hardware.stated import load_stated
from onnx_roofline.ir.placed_records import PlacementSummary
from onnx_roofline.ir.records import Executions, Kernel

LENET = str(Path(__file__).resolve().parents[2] / "sample_models" / "lenet5.onnx")


@pytest.mark.parametrize("name", ["h100-sxm", "h100", "H100", "H100 SXM", "h100_sxm"])
def test_a_device_is_found_by_its_first_words(name: str) -> None:
    assert load_device(name).slug == "h100-sxm"


def test_a_system_is_found_in_any_case() -> None:
    assert load_system("A100_AttAcc").slug == "a100-attacc"


def test_several_candidates_are_named() -> None:
    kinds = {"x-a-1": "gpu", "x-a-2": "gpu", "x-pim": "system"}
    with pytest.raises(ProfileError, match="found several profiles for 'X': x-a-1, x-a-2; name one of them"):
        shipped_name("X", kinds, kinds.__getitem__)
    assert shipped_name("x-p", kinds, kinds.__getitem__) == "x-p"  # no whole word: the reader refuses it
    with pytest.raises(ProfileError, match="did you mean 'h100-sxm'"):
        load_device("h100-smx")


def test_a_stated_figure_replaces_the_profiles() -> None:
    system = load_stated("a100-attacc", {"a100-sxm-80gb.launch_us": 0.1, "link.gb_per_s": 64.0})
    assert system.gpu.launch_s == 1e-07  # 0.1 us
    assert system.link.bandwidth_bytes_per_s == 64e9
    assert load_stated("a100-attacc", {}) == load_system("a100-attacc")


def test_a_run_without_launches_takes_less_by_them() -> None:
    plain = Settings(system="a100-attacc", pim_model="roofline")
    with_launches = analyze(LENET, plain)
    without = analyze(LENET, Settings(system="a100-attacc", figures={"a100-sxm-80gb.launch_us": 0}))
    runs = with_launches.model.column(Executions)
    kernels = sum(runs[key].count for key, kernel in with_launches.model.column(Kernel).items() if kernel.id == key)
    alone = [one.summary.times_alone["a100-sxm-80gb"].known_s for one in (with_launches, without)]
    launch_s = load_system("a100-attacc").gpu.launch_s
    assert alone[0] - alone[1] == pytest.approx(kernels * launch_s, rel=1e-12)
    assert without.model.whole(PlacementSummary).untimed_kernels == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("launch_us=0", "did you mean a100-sxm-80gb.launch_us"),
        ("a100-sxm-80gb.lanch_us=0", "did you mean 'a100-sxm-80gb.launch_us'?"),
        ("a100-sxm-80gb.launch_us", "wanted PATH=NUMBER"),
        ("a100-sxm-80gb.launch_us=nan", "wanted PATH=NUMBER"),
        ("a100-sxm-80gb.bandwidth_gb_per_s.external=0", "wanted a number above 0"),
        ("a100-sxm-80gb.capacity_gb=-1", "wanted a number above 0"),
        ("a100-sxm-80gb.efficiency.memory=2", "its profile takes 1"),
    ],
)
def test_a_figure_that_can_not_be_is_refused(text: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyze", LENET, "--system", "a100-attacc", "--set", text]) == 2
    assert said in capsys.readouterr().err


def test_the_first_line_names_what_is_set(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyze", LENET, "--system", "a100-attacc", "--set", "a100-sxm-80gb.launch_us=0"]) == 0
    assert "SET a100-sxm-80gb.launch_us=0" in capsys.readouterr().out.splitlines()[0]


def test_systems_stand_side_by_side(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyze", LENET, "--system", "a100-attacc,papi", "--dim", "batch=1"]) == 0
    out = capsys.readouterr().out
    assert "systems: a100-attacc, papi" in out.splitlines()[0]
    rows = [line.split()[0] for line in out.splitlines() if line.startswith((" a100-attacc", " papi"))]
    assert rows == ["a100-attacc", "papi"]


@pytest.mark.parametrize("more", [["--json", "x.json"], ["--sensitivity"], ["--format", "csv"]])
def test_what_shows_one_system_is_refused_for_several(more: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyze", LENET, "--system", "teaching,papi", *more]) == 2
    assert "it shows one system, and --system names 2" in capsys.readouterr().err
