"""The onnx_ir pass writes metadata and nothing else, on every op of every graph."""

from pathlib import Path

import onnx
import onnx_ir
import pytest
from models import TEXTS, save
from onnx_ir import passes

from onnx_roofline.analysis.analyze import analyze
from onnx_roofline.base.errors import ShapeError, UsageError
from onnx_roofline.compilers.onnx_ir_pass import RooflinePass
from onnx_roofline.ir.placed_records import Placement
from onnx_roofline.ir.records import TypedOp, Work

ROOT = Path(__file__).resolve().parents[2]
PREFIX = "onnx_roofline."


def annotated(path: Path, **options: object) -> onnx_ir.Model:
    result = passes.Sequential(RooflinePass(**options))(onnx_ir.load(path))
    assert result.modified
    return result.model


def stripped(proto: onnx.ModelProto) -> bytes:
    """The model without the entries of the pass."""
    for holder in (proto, *proto.graph.node, *(node for function in proto.functions for node in function.node)):
        kept = [entry for entry in holder.metadata_props if not entry.key.startswith(PREFIX)]
        del holder.metadata_props[:]
        holder.metadata_props.extend(kept)
    return proto.SerializeToString(deterministic=True)


@pytest.mark.parametrize("name", ["lenet5", "residual_block", "lstm"])
def test_every_node_has_its_figures_and_nothing_else_changes(name: str) -> None:
    path = ROOT / "sample_models" / f"{name}.onnx"
    model, analysis = annotated(path, system="a100-attacc"), analyze(path)
    works = analysis.model.column(Work)
    for node, key in zip(model.graph, analysis.model.column(TypedOp), strict=True):
        assert node.metadata_props[f"{PREFIX}id"] == key
        assert node.metadata_props[f"{PREFIX}flops"] == str(works[key].counts.flops)
    assert model.metadata_props[f"{PREFIX}system"] == "a100-attacc"
    assert stripped(onnx_ir.to_proto(model)) == stripped(onnx_ir.to_proto(onnx_ir.load(path)))


@pytest.mark.parametrize("name", TEXTS)
def test_the_ops_of_bodies_and_functions_have_theirs(name: str, tmp_path: Path) -> None:
    path = save(name, tmp_path)
    model, analysis = annotated(path), analyze(path)
    nodes = [node for graph in (model.graph, *model.functions.values()) for node in graph.all_nodes()]
    assert all(node.metadata_props[f"{PREFIX}role"] for node in nodes)
    if name != "functions":
        flops = [work.counts.flops for work in analysis.model.column(Work).values() if work.counts is not None]
        found = [node.metadata_props.get(f"{PREFIX}flops") for node in nodes]
        assert sorted(int(text) for text in found if text is not None) == sorted(flops)


def test_the_place_of_a_kernel_is_that_of_the_analysis() -> None:
    path = ROOT / "sample_models" / "lenet5.onnx"
    placements = analyze(path).model.column(Placement)
    for node in annotated(path).graph:
        place = placements[node.metadata_props[f"{PREFIX}id"]].device
        assert node.metadata_props.get(f"{PREFIX}placement") == place


def test_refusals_name_the_option_and_come_as_the_cause(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--objective"):
        RooflinePass(objective="joy")
    text = "g (float[2, 3] x, float[4, 5] w) => (float[2, 5] y) { y = MatMul (x, w) }"
    onnx.save(onnx.parser.parse_model('<ir_version: 10, opset_import: ["": 21]>\n' + text), tmp_path / "m.onnx")
    with pytest.raises(passes.PassError) as caught:
        annotated(tmp_path / "m.onnx")
    assert isinstance(caught.value.__cause__, ShapeError)
