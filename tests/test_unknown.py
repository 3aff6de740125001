"""Unknown is a value, never 0: from an op without a rule and a type without a peak to every report."""

import json
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from onnx_roofline.analysis import Settings, analyze
from onnx_roofline.cli import main
from onnx_roofline.records import Placement, PlacementSummary

SCHEMA = json.loads(
    (Path(__file__).resolve().parents[1] / "onnx_roofline/report/annotated-graph-1.0.schema.json").read_text("utf-8")
)
FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64
VALUE = helper.make_tensor_value_info


def save(path: Path, nodes: list, inputs: list, outputs: list, values: list = [], stored: list = []) -> Path:  # noqa: B006
    graph = helper.make_graph(nodes, "g", inputs, outputs, stored, value_info=values)
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("my.dom", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=10), path)
    return path


# The PIM takes a tenth of the GPU's energy per bit and ten times its time; the link has an energy or none.
GPU = """schema: 1
name: a GPU
kind: gpu
peak_tflops: {{float32: 1}}
bandwidth_gb_per_s: {{external: 1000}}
launch_us: 0
energy: {{dram_pj_per_bit: 10{mac}}}
sources: {{all: {{source: made up for a test, label: assumed}}}}
"""
PIM = """schema: 1
name: a PIM
kind: pim
peak_tflops: {float32: 1}
bandwidth_gb_per_s: {internal: 100, external: 100}
launch_us: 0
energy: {dram_pj_per_bit: 1, mac_pj: 1}
sources: {all: {source: made up for a test, label: assumed}}
"""
PAIR = """schema: 1
name: a pair
kind: system
gpu: gpu.yaml
pim: pim.yaml
link: {{gb_per_s: 1000, latency_us: 0, {link}}}
sources: {{all: {{source: made up for a test, label: assumed}}}}
"""


def pair(path: Path, link: str, mac: str = ", mac_pj: 1") -> str:
    (path / "gpu.yaml").write_text(GPU.format(mac=mac), "utf-8")
    (path / "pim.yaml").write_text(PIM, "utf-8")
    (path / "pair.yaml").write_text(PAIR.format(link=link), "utf-8")
    return str(path / "pair.yaml")


def one_add(path: Path) -> Path:
    """x + w in float32[1000], w stored: 4,000 B of each and of the result."""
    stored = [helper.make_tensor("w", FLOAT, [1000], bytes(4000), raw=True)]
    nodes = [helper.make_node("Add", ["x", "w"], ["y"])]
    return save(path / "m.onnx", nodes, [VALUE("x", FLOAT, [1000])], [VALUE("y", FLOAT, [1000])], [], stored)


@pytest.mark.parametrize("objective", ["energy", "energy-delay"])
@pytest.mark.parametrize(
    ("link", "mac", "wanted"),
    [
        ("shared_memory: false", ", mac_pj: 1", "found no energy of transfers for pair, wanted link.pj_per_bit"),
        ("pj_per_bit: 1", "", "found no energy of MACs for gpu, wanted energy.mac_pj in the profile"),
    ],
)
def test_an_energy_that_nobody_states_is_no_energy_of_zero(
    objective: str, link: str, mac: str, wanted: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["analyze", str(one_add(tmp_path)), "--system", pair(tmp_path, link, mac), "--objective", objective]
    assert main(arguments) == 2
    assert wanted in capsys.readouterr().err


def test_the_energy_of_a_product_is_unknown_without_one_for_macs(tmp_path: Path) -> None:
    stored = [helper.make_tensor("w", FLOAT, [4, 4], bytes(64), raw=True)]
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
    path = save(tmp_path / "p.onnx", nodes, [VALUE("x", FLOAT, [4, 4])], [VALUE("y", FLOAT, [4, 4])], [], stored)
    system = pair(tmp_path, "pj_per_bit: 1", mac="")
    devices = analyze(path, Settings(system=system)).model.column(Placement)["0:MatMul"].devices
    assert devices["gpu"].energy_j is None
    assert devices["pim"].energy_j == pytest.approx((192 * 8 + 64) * 1e-12)  # three tensors of 64 B, 4*4*4 MACs


def test_a_shared_memory_needs_no_energy_of_transfers(tmp_path: Path) -> None:
    system = pair(tmp_path, "shared_memory: true")
    placed = analyze(one_add(tmp_path), Settings(system=system, objective="energy")).model.whole(PlacementSummary)
    assert placed.objective == pytest.approx(12_000 * 8 * 1e-12)  # all of x, w, y at the PIM's 1 pJ/bit, no transfer


def test_the_reason_compares_what_is_optimised(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The PIM takes ten times as long and a tenth of the energy: by itself it is cheaper, not slower."""
    path, system = one_add(tmp_path), pair(tmp_path, "pj_per_bit: 1")
    found = analyze(path, Settings(system=system, objective="energy")).model.column(Placement)["0:Add"]
    assert (found.device, found.reason) == ("pim", "cheaper alone")
    assert "12 ns and 960 nJ on gpu, bound by memory; 120 ns and 96 nJ on pim" in found.explanation
    found = analyze(path, Settings(system=system)).model.column(Placement)["0:Add"]
    assert (found.device, found.reason) == ("gpu", "faster alone")
    assert main(["explain", str(path), "0:Add", "--system", system, "--objective", "energy"]) == 0
    assert "placement: pim, it costs less there by itself, in what is optimised" in capsys.readouterr().out
