"""Time above the roof, and what changes of a run would give; the figures of the machines by hand."""

from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from onnx_roofline.analysis.analyze import Analysis, analyze
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.cli.main import main
from onnx_roofline.what_if.changes import gains
from onnx_roofline.what_if.waste import Waste, holding, wastes

N = 4096
PAIR = "schema: 1\nname: Pair\nkind: system\ngpu: gpu.yaml\npim: hbm-pim\nlink: {gb_per_s: 10, latency_us: 1}\n"
SOURCES = "sources: {all: {source: made up, label: assumed}}\n"


@pytest.fixture
def system(tmp_path: Path) -> str:
    """A GPU of 1 TFLOP/s in float32 and 4 in float16, 100 GB/s, 5 us a launch, which reaches half of its bandwidth."""
    (tmp_path / "gpu.yaml").write_text(
        "schema: 1\nname: GPU\nkind: gpu\npeak_tflops: {float32: 1, float16: 4}\nbandwidth_gb_per_s: {external: 100}\n"
        "launch_us: 5\nefficiency: {compute: 1, memory: 0.5}\n" + SOURCES
    )
    (tmp_path / "pair.yaml").write_text(PAIR + SOURCES)
    return str(tmp_path / "pair.yaml")


def exponential(folder: Path) -> str:
    """y = exp(x), 4096 x 4096 in float32 for each of the batch: 67,108,864 B read and as many written."""
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", N, N]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Exp", ["x"], ["y"])], "g", values[:1], values[1:])
    path = folder / "m.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), path)
    return str(path)


def measured(path: str, system: str, **settings: object) -> Analysis:
    return analyze(path, Settings(system=system, dims={"batch": 1}, pim_model="roofline", **settings))  # type: ignore[arg-type]


def test_waste_is_the_time_above_the_roof(tmp_path: Path, system: str) -> None:
    (full,) = wastes(analyze(exponential(tmp_path), Settings(system=system, dims={"batch": 1})))
    roof_s = 2 * 4 * N * N / 100e9  # 1.342 ms; 2**24 FLOP take 16.8 us
    assert full.roof_s == pytest.approx(roof_s, rel=1e-12)
    # The bytes at half of the bandwidth, and a launch.
    assert full.time_s == pytest.approx(2 * roof_s + 5e-6, rel=1e-12)
    assert full.wasted_s == pytest.approx(roof_s + 5e-6, rel=1e-9)
    assert (full.device, full.bound) == ("gpu", "memory")


def test_a_kernel_below_its_roof_wastes_nothing() -> None:
    assert Waste("0:Exp", "gpu", "memory", 1.0, 2.0).wasted_s == 0.0


def test_how_few_kernels_hold_most_of_the_waste() -> None:
    assert [holding((5.0, 3.0, 1.0, 1.0), share) for share in (0.5, 0.8, 0.81, 1.0)] == [1, 2, 3, 4]


def test_every_gain_is_that_of_a_run(tmp_path: Path, system: str) -> None:
    path = exponential(tmp_path)
    analysis = measured(path, system)
    found = {one.option: one for one in gains(path, analysis)}
    assert set(found) == {
        "--assume-dtype float16",
        "--dim batch=8",
        "--set gpu.launch_us=0",
        "--set gpu.bandwidth_gb_per_s.external=200",
    }
    again = {
        "--assume-dtype float16": measured(path, system, assume_dtype="float16").summary.time_placed.time_s,
        "--set gpu.launch_us=0": measured(path, system, figures={"gpu.launch_us": 0}).summary.time_placed.time_s,
    }
    assert {option: found[option].after_s for option in again} == again
    # 8 items share one launch of 5 us.
    whole_s = found["--dim batch=8"].before_s
    assert whole_s - found["--dim batch=8"].after_s == pytest.approx(5e-6 * 7 / 8, rel=1e-6)
    ranked = [one.share for one in gains(path, analysis)]
    assert ranked == sorted(ranked, reverse=True)


def test_the_whole_model_is_explained(tmp_path: Path, system: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", exponential(tmp_path), "--system", system, "--dim", "batch=1"]) == 0
    out = capsys.readouterr().out
    assert "dominated by 100 % Exp" in out
    assert "bound by 100 % memory of gpu" in out
    assert "half precision: 2.689 ms becomes 1.347 ms, 49.9 % less (--assume-dtype float16)" in out
    assert "80 % of it in 1 kernel" in out
    assert len(out.splitlines()) <= 12
    assert main(["explain", exponential(tmp_path), "--json", "-"]) == 2
    assert "name at least one NODE" in capsys.readouterr().err


def test_a_kernel_without_a_time_is_counted_and_not_listed_as_one_of_0_s(
    tmp_path: Path, system: str, capsys: pytest.CaptureFixture[str]
) -> None:
    head = '<ir_version: 10, opset_import: ["": 21, "f": 1]> g (float[1, 64] x) => (float[1, 64] y) '
    text = head + "{ a = f.Foo (x) y = Exp (x) }"
    onnx.save(onnx.parser.parse_model(text), tmp_path / "foo.onnx")
    assert main(["explain", str(tmp_path / "foo.onnx"), "--system", system]) == 0
    out = capsys.readouterr().out
    assert "+ 1 kernel without a time a run: 2 kernels" in out
    assert [line.split()[0] for line in out.splitlines() if line.startswith("  ")] == ["1:Exp"]


def test_a_change_that_gains_next_to_nothing_is_none(tmp_path: Path) -> None:
    """One element of Relu: 8 B at 3.35 TB/s beside a launch of 2.6 us."""
    text = '<ir_version: 10, opset_import: ["": 21]> g (float x) => (float y) { y = Relu (x) }'
    onnx.save(onnx.parser.parse_model(text), tmp_path / "one.onnx")
    path = str(tmp_path / "one.onnx")
    found = gains(path, analyze(path, Settings(system="h100-sxm")))
    assert [one.option for one in found] == ["--set h100-sxm.launch_us=0"]
