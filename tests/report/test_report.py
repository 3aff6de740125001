"""The annotated JSON of every sample against its schema and its laws."""

import json
from pathlib import Path

import jsonschema
import networkx as nx
import onnx
import pytest
from onnx import TensorProto, helper

from onnx_roofline.analysis.analyze import analyze
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.base.text import csv_cell, visible
from onnx_roofline.ir.placed_records import Placement, Roofline
from onnx_roofline.report.contract import schema_of
from onnx_roofline.report.document import build_document, write_document
from onnx_roofline.report.kernel_rows import kernel_rows

ROOT = Path(__file__).resolve().parents[2]
NAMES = sorted(path.name for path in (ROOT / "sample_models").glob("*.onnx"))
SCHEMA = schema_of("annotated-graph")


@pytest.mark.parametrize("name", NAMES)
def test_document_follows_its_schema_and_its_laws(name: str, analyzed_sample) -> None:
    text = "".join(write_document(analyzed_sample(name)))
    document = json.loads(text, parse_constant=lambda constant: pytest.fail(f"found {constant} in the JSON"))
    jsonschema.Draft202012Validator(SCHEMA).validate(document)
    graph = nx.node_link_graph(document["graph"], edges="edges")
    assert isinstance(graph, nx.MultiDiGraph)
    assert nx.is_directed_acyclic_graph(graph)
    nodes = document["graph"]["nodes"]
    assert len({node["id"] for node in nodes}) == len(nodes)
    if not document["functions"] and not any("bodies" in node for node in nodes):
        for metric in ("macs", "flops"):
            assert document["totals"][metric] == sum(node["work"][metric] * node["executions"] for node in nodes)
        moved = sum(node["traffic"]["naive_bytes"] * node["executions"] for node in nodes)
        assert document["totals"]["traffic"]["naive_bytes"] == moved
    for node in nodes:
        traffic = node["traffic"]
        assert traffic["naive_bytes"] == sum(traffic["read_bytes"]) + sum(traffic["write_bytes"])
        for roof in node["roofline"].values():
            if roof["total_time_s"] is not None:
                assert roof["total_time_s"] >= max(roof["compute_time_s"], roof["memory_time_s"])
        for tensor in (*node["inputs"], *node["outputs"]):
            assert not tensor or tensor in document["tensors"]


def test_the_graph_of_the_model_is_the_graph_of_the_document(analyzed_sample) -> None:
    analysis = analyzed_sample("resnet50.onnx")
    graph = analysis.model.graph.nx
    document = build_document(analysis)
    assert nx.is_frozen(graph)
    assert set(graph.nodes) == {node.id for node in document.graph.nodes}
    edges = {(edge.source, edge.target, edge.key) for edge in document.graph.edges}
    assert set(graph.edges(keys=True)) == edges


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a\x00b\x7f\x9b", "a\\x00b\\x7f\\x9b"),
        ("\u2028\u202e\ufeff", "\\u2028\\u202e\\ufeff"),
        ("\ud800", "\\ud800"),
        ("plain/name_1:0", "plain/name_1:0"),
        ("häß 中", "häß 中"),
    ],
)
def test_visible_escapes_what_a_terminal_acts_on(name: str, shown: str) -> None:
    assert visible(name) == shown


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@x", "'quoted"])
def test_csv_cells_are_no_formulas(name: str) -> None:
    assert csv_cell(name) == "'" + name


def save_products(path: Path, *shapes: tuple[int, int, int]) -> None:
    """A model of independent products [m, k] x [k, n] with stored right operands, float16."""
    nodes, inputs, outputs, stored = [], [], [], []
    for number, (m, n, k) in enumerate(shapes):
        x, w, y = (f"{name}{number}" for name in "xwy")
        nodes.append(helper.make_node("MatMul", [x, w], [y]))
        inputs.append(helper.make_tensor_value_info(x, TensorProto.FLOAT16, [m, k]))
        outputs.append(helper.make_tensor_value_info(y, TensorProto.FLOAT16, [m, n]))
        stored.append(helper.make_tensor(w, TensorProto.FLOAT16, [k, n], bytes(2 * k * n), raw=True))
    graph = helper.make_graph(nodes, "products", inputs, outputs, stored)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)


def test_only_kernels_of_the_same_placed_times_are_alike(tmp_path: Path) -> None:
    # m and n exchanged: the same operations and bytes, so the same roofline. But a PIM pads n to its units and streams
    # the weights m times: 8 columns for 4096 vectors keep it longer than 4096 columns for 8.
    save_products(tmp_path / "m.onnx", (8, 4096, 256), (4096, 8, 256), (8, 4096, 256))
    analysis = analyze(tmp_path / "m.onnx", Settings(system="a100-attacc"))
    roofs, placements = analysis.model.column(Roofline), analysis.model.column(Placement)
    wide, tall, again = placements
    assert roofs[wide] == roofs[tall] == roofs[again]
    assert placements[wide].device == placements[tall].device == "a100-sxm-80gb"
    assert placements[wide].devices["attacc"].time_s < placements[tall].devices["attacc"].time_s
    assert {(row.first, row.count) for row in kernel_rows(analysis)} == {(wide, 2), (tall, 1)}
