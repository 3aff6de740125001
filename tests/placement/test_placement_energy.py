"""Joules of one kernel on a PIM: the bytes that it moves and its MACs, with a resident operand or without one."""

from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from onnx_roofline.analysis.analyze import analyze
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.ir.placed_records import DeviceTime, Placement

HALF = TensorProto.FLOAT16
# AttAcc's figures: J a byte of DRAM and J a MAC. Source: hw_profiles/attacc.yaml.
BYTE_J, MAC_J = 8 * 0.55e-12, 0.32e-12
# A PIM of which nobody says what a MAC costs, or what an access costs.
PROFILE = """schema: 1
name: A PIM
kind: pim
peak_tflops: {{float16: 30}}
bandwidth_gb_per_s: {{internal: 30000, external: 3000}}
capacity_gb: 80
{energy}
pim: {{reuse: {reuse}, align: {{k: 16, n: 16}}, efficiency: {{stream: 0.8}}}}
sources: {{all: {{source: "made up for this test", label: assumed}}}}
"""
PAIR = """schema: 1
name: A pair
kind: system
gpu: a100-sxm-80gb
pim: pim.yaml
link: {gb_per_s: 300, latency_us: 1, pj_per_bit: 1.3}
sources: {all: {source: "made up for this test", label: assumed}}
"""


def system(folder: Path, energy: str, reuse: int = 1) -> str:
    (folder / "pim.yaml").write_text(PROFILE.format(energy=energy, reuse=reuse), "utf-8")
    (folder / "pair.yaml").write_text(PAIR, "utf-8")
    return str(folder / "pair.yaml")


def on_pim(folder: Path, node: onnx.NodeProto, shapes: dict[str, list[int]], name: str, slug: str) -> DeviceTime:
    """A kernel of one op, "y" its result."""
    values = {key: helper.make_tensor_value_info(key, HALF, shape) for key, shape in shapes.items()}
    graph = helper.make_graph([node], "g", [one for key, one in values.items() if key != "y"], [values["y"]])
    path = folder / "m.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)]), path)
    (placement,) = analyze(path, Settings(system=name)).model.column(Placement).values()
    return placement.devices[slug]


ROWS = {"x": [64, 1024], "y": [64, 1024]}
SOFTMAX = helper.make_node("Softmax", ["x"], ["y"])
PRODUCT = helper.make_node("MatMul", ["x", "w"], ["y"])
SHAPES = {"x": [4, 32], "w": [32, 48], "y": [4, 48]}
MOVED = 2 * (4 * 32 + 32 * 48 + 4 * 48)


def test_a_softmax_costs_what_it_moves(tmp_path: Path) -> None:
    """Nothing is resident and there is no MAC: 64 rows of 1024 float16, in and out."""
    found = on_pim(tmp_path, SOFTMAX, ROWS, "a100-attacc", "attacc")
    assert found.energy_j == pytest.approx(2 * 64 * 1024 * 2 * BYTE_J, rel=1e-12)


def test_no_mac_needs_no_figure_of_one(tmp_path: Path) -> None:
    name = system(tmp_path, "energy: {dram_pj_per_bit: 0.5}")
    found = on_pim(tmp_path, SOFTMAX, ROWS, name, "pim")
    assert found.energy_j == pytest.approx(2 * 64 * 1024 * 2 * 8 * 0.5e-12, rel=1e-12)


def test_a_product_without_a_figure_of_a_mac_has_no_energy(tmp_path: Path) -> None:
    found = on_pim(tmp_path, PRODUCT, SHAPES, system(tmp_path, "energy: {dram_pj_per_bit: 0.5}"), "pim")
    assert found.time_s is not None
    assert found.energy_j is None


def test_no_figure_of_an_access_is_no_energy(tmp_path: Path) -> None:
    found = on_pim(tmp_path, SOFTMAX, ROWS, system(tmp_path, "energy: {mac_pj: 0.3}"), "pim")
    assert found.time_s is not None
    assert found.energy_j is None


@pytest.mark.parametrize(("reuse", "passes"), [(1, 4), (2, 2), (3, 2), (4, 1), (8, 1)])
def test_a_resident_operand_is_read_once_for_every_pass_of_vectors(reuse: int, passes: int, tmp_path: Path) -> None:
    """4 vectors against [32, 48]: moved_bytes has the operand once."""
    name = system(tmp_path, "energy: {dram_pj_per_bit: 0.5, mac_pj: 0.3}", reuse)
    found = on_pim(tmp_path, PRODUCT, SHAPES, name, "pim")
    read = MOVED + (passes - 1) * 2 * 32 * 48
    assert found.energy_j == pytest.approx(read * 8 * 0.5e-12 + 4 * 32 * 48 * 0.3e-12, rel=1e-12)


def test_the_gpu_reads_every_operand_once(tmp_path: Path) -> None:
    found = on_pim(tmp_path, PRODUCT, SHAPES, "a100-attacc", "a100-sxm-80gb")
    # Memory, the L2 on the way, MACs.
    assert found.energy_j == pytest.approx(MOVED * 8 * (3.59e-12 + 0.3e-12) + 4 * 32 * 48 * MAC_J, rel=1e-12)
    assert found.energy.on_chip_j == pytest.approx(MOVED * 8 * 0.3e-12)
