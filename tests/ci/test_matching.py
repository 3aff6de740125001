"""The diff names exactly what changed: planted changes, alone and under renames and reorderings."""

from pathlib import Path

import onnx
import planting as p
import pytest

from onnx_roofline.analysis.analyze import analyze
from onnx_roofline.ci.diff import Diff, diff_snapshots
from onnx_roofline.ci.nodes import nodes_of_document
from onnx_roofline.ci.snapshot import Snapshot, take_snapshot
from onnx_roofline.report.document import build_document

# What a change of ResNet-50 must name, by the names of its file: {change: {(kind, node)}}.
PLANTED: dict[str, tuple[p.Edit, set[tuple[str, str]]]] = {
    "all renamed": (p.rename_all, set()),
    "nodes and weights in another order": (p.reorder, set()),
    "renamed and reordered": (lambda model: (p.rename_all(model, 3), p.reorder(model, 5))[0], set()),
    "operands of an Add swapped": (p.swapped_operands, set()),
    "a Relu more": (lambda m: p.insert_after(m, "node_Conv_759", "Relu", "planted"), {("added", "planted")}),
    "a Relu less": (lambda m: p.bypass(m, "node_relu_5"), {("removed", "node_relu_5")}),
    "a Relu became a Sigmoid": (p.other_activation, {("removed", "node_relu_2"), ("added", "node_relu_2")}),
    "a larger kernel": (p.larger_kernel, {("changed", "node_Conv_757")}),
    "a narrower block": (
        p.widen_bottleneck,
        {
            ("changed", name)
            for name in ("node_Conv_755", "node_relu_1", "node_Conv_757", "node_relu_2", "node_Conv_759")
        },
    ),
    "fewer classes": (p.fewer_classes, {("changed", "node_linear")}),
    "two changes far apart": (
        lambda m: (p.insert_after(m, "node_Conv_759", "Tanh", "planted"), p.fewer_classes(m))[0],
        {("added", "planted"), ("changed", "node_linear")},
    ),
}


def snapshot(model: onnx.ModelProto, folder: Path, name: str) -> Snapshot:
    path = folder / f"{name}.onnx"
    onnx.save(model, path)
    return take_snapshot(analyze(path), with_nodes=True)


@pytest.fixture(scope="module")
def resnet(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return snapshot(p.sample("resnet50"), tmp_path_factory.mktemp("old"), "resnet50")


def named(diff: Diff) -> set[tuple[str, str]]:
    """Kind and name of each op that differs; where it runs is a consequence of its neighbours too."""
    return {(node.kind, node.label.rpartition(" ")[2]) for node in diff.nodes if node.kind != "moved"}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_change_is_named_exactly(name: str, resnet: Snapshot, tmp_path: Path) -> None:
    edit, expected = PLANTED[name]
    model = p.sample("resnet50")
    edit(model)
    diff = diff_snapshots(resnet, snapshot(model, tmp_path, "new"))
    assert named(diff) == expected
    assert diff.has_nodes


def test_one_of_two_equal_blocks_less(resnet: Snapshot, tmp_path: Path) -> None:
    """The second and the third block of the first stage are alike, so which one is gone is a matter of names."""
    model = p.sample("resnet50")
    p.without_a_block(model)
    diff = diff_snapshots(resnet, snapshot(model, tmp_path, "new"))
    changes = [node for node in diff.nodes if node.kind != "moved"]
    assert {node.kind for node in changes} == {"removed"}
    assert sorted(node.op_type for node in changes) == ["Add", "Conv", "Conv", "Conv", "Relu", "Relu", "Relu"]


def test_a_change_is_found_among_renames(resnet: Snapshot, tmp_path: Path) -> None:
    model = p.sample("resnet50")
    p.larger_kernel(model)
    p.rename_all(model)
    p.reorder(model)
    diff = diff_snapshots(resnet, snapshot(model, tmp_path, "new"))
    (change,) = [node for node in diff.nodes if node.kind != "moved"]
    assert (change.kind, change.op_type) == ("changed", "Conv")
    # 64 channels to 64 over 56 x 56 positions: 25 taps in place of 9.
    assert change.deltas["macs"] == 56 * 56 * 64 * 64 * (25 - 9)


@pytest.mark.parametrize("name", ["bert_base", "gpt2", "lstm", "mobilenet_v2", "llama_decode", "t5_small.torchscript"])
def test_another_spelling_of_a_model_differs_in_nothing(name: str, tmp_path: Path) -> None:
    old, new = p.sample(name), p.sample(name)
    p.rename_all(new)
    p.reorder(new)
    diff = diff_snapshots(snapshot(old, tmp_path, "old"), snapshot(new, tmp_path, "new"))
    assert named(diff) == set()
    assert diff.same == len(old.graph.node)


def test_a_report_and_its_model_have_the_same_ops() -> None:
    import msgspec

    for name in ("lstm", "resnet50", "bert_base"):
        analysis = analyze(p.SAMPLES / f"{name}.onnx")
        document = msgspec.json.decode(msgspec.json.encode(build_document(analysis)))
        assert set(nodes_of_document(document)) == set(take_snapshot(analysis, with_nodes=True).nodes)


def test_another_batch_changes_ops_and_adds_none(tmp_path: Path) -> None:
    """Every shape differs, so ops are matched by their kind alone."""
    sizes = [snapshot(p.dense_model(64, 128, 32, batch=batch), tmp_path, f"m{batch}") for batch in (8, 16)]
    diff = diff_snapshots(*sizes)
    assert {node.kind for node in diff.nodes} == {"changed"}
    assert len(diff.nodes) == 4
