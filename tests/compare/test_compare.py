"""The comparison finds what was planted, and nothing else."""

import json
import sys
from pathlib import Path
from typing import Any

import compare
import pytest
from differences import Comparison, Difference, Rename, RuleError, Rules, split_pattern


def _document() -> dict[str, Any]:
    return {
        "schema_version": "1.0",
        "tool": {"name": "onnx-roofline", "version": "0.1.0"},
        "totals": {"macs": 6, "traffic": {"naive_bytes": 40, "moved_bytes": 30}},
        "tensors": {"x.weight": {"shape": [2, 3], "bytes": 24}},
        "graph": {
            "nodes": [
                {"id": "0:Add", "work": {"macs": 0}, "time_s": 0.5, "inputs": ["x", "y"]},
                {"id": "1:MatMul", "work": {"macs": 6}, "time_s": 1.25, "inputs": ["z", "z"]},
            ],
            "edges": [{"source": "0:Add", "target": "1:MatMul"}, {"source": "0:Add", "target": "1:MatMul"}],
        },
        "warnings": [],
    }


def _rules(renames: dict[str, str] | None = None, *ignored: str) -> Rules:
    found = tuple(Rename(split_pattern(old), split_pattern(new)) for old, new in (renames or {}).items())
    return Rules(found, (split_pattern("tensors"),), tuple(split_pattern(text) for text in ignored))


def _differences(new: Any, rules: Rules | None = None, old: Any = None) -> list[Difference]:
    return Comparison(rules or _rules()).compare(_document() if old is None else old, new)


def test_equal_documents_have_no_difference_and_every_leaf_is_counted() -> None:
    comparison = Comparison(_rules())
    assert comparison.compare(_document(), json.loads(json.dumps(_document()))) == []
    # 1 + 2 + 3 + (2 + 1) + 2 * (1 + 1 + 1 + 2) nodes + 1 order of the nodes + 2 * 2 edges + 1 empty list
    assert comparison.leaves == 25


@pytest.mark.parametrize("value", [7, 6.0, "6", None, {}, []])
def test_a_changed_figure_is_one_difference(value: object) -> None:
    new = _document()
    new["graph"]["nodes"][1]["work"]["macs"] = value
    pattern = ("graph", "nodes", "*", "work", "macs")
    path = ("graph", "nodes", "1:MatMul", "work", "macs")
    assert _differences(new) == [Difference("changed", path, pattern, 6, value)]


def test_floats_are_compared_to_the_last_bit() -> None:
    new = _document()
    new["graph"]["nodes"][1]["time_s"] = 1.2500000000000002  # the next float after 1.25
    assert [one.path for one in _differences(new)] == [("graph", "nodes", "1:MatMul", "time_s")]


def test_missing_and_added_keys_are_differences() -> None:
    new = _document()
    del new["totals"]["macs"]
    new["totals"]["flops"] = 12
    missing = Difference("missing", ("totals", "macs"), ("totals", "macs"), old=6)
    added = Difference("added", ("totals", "flops"), ("totals", "flops"), new=12)
    assert _differences(new) == [missing, added]


def test_an_added_node_does_not_shift_the_others() -> None:
    new = _document()
    new["graph"]["nodes"].insert(0, {"id": "9:Neg"})
    path = ("graph", "nodes", "9:Neg", "id")
    assert _differences(new) == [Difference("added", path, ("graph", "nodes", "*", "id"), new="9:Neg")]


def test_another_order_of_the_same_nodes_is_one_difference() -> None:
    new = _document()
    new["graph"]["nodes"].reverse()
    (found,) = _differences(new)
    assert (found.path, found.old, found.new) == (
        ("graph", "nodes", "(order)"),
        ["0:Add", "1:MatMul"],
        ["1:MatMul", "0:Add"],
    )


def test_items_without_names_are_aligned_by_position() -> None:
    new = _document()
    new["graph"]["nodes"][0]["inputs"] = ["x", "y", "z"]
    new["graph"]["edges"][1]["source"] = "1:MatMul"
    found = [(one.kind, one.path, one.pattern) for one in _differences(new)]
    assert found == [
        ("changed", ("graph", "edges", "1", "source"), ("graph", "edges", "*", "source")),
        ("added", ("graph", "nodes", "0:Add", "inputs", "2"), ("graph", "nodes", "*", "inputs", "*")),
    ]


def _renamed() -> dict[str, Any]:
    new = _document()
    for node in new["graph"]["nodes"]:
        node["counts"] = {"multiply_accumulates": node.pop("work")["macs"]}
    new["traffic"] = new["totals"].pop("traffic")
    new["tensors"]["x.weight"]["stored_bytes"] = new["tensors"]["x.weight"].pop("bytes")
    return new


RENAMES = {
    "**.nodes.*.work": "**.nodes.*.counts",
    "**.nodes.*.counts.macs": "**.nodes.*.counts.multiply_accumulates",  # a second rule for what the first has moved
    "totals.traffic": "traffic",  # a subtree to another place
    "tensors.*.bytes": "tensors.*.stored_bytes",  # by a name with a dot in it
}


def test_planted_renames_are_followed() -> None:
    assert _differences(_renamed(), _rules(RENAMES)) == []


def test_without_its_rule_a_rename_is_a_missing_and_an_added_leaf() -> None:
    kinds = [one.kind for one in _differences(_renamed())]
    assert (kinds.count("missing"), kinds.count("added"), len(kinds)) == (5, 5, 10)  # 2 nodes, 2 of traffic, 1 tensor


def test_a_changed_figure_shows_under_its_new_name() -> None:
    new = _renamed()
    new["traffic"]["moved_bytes"] = 31
    assert _differences(new, _rules(RENAMES)) == [
        Difference("changed", ("traffic", "moved_bytes"), ("traffic", "moved_bytes"), 30, 31)
    ]


def test_two_leaves_on_one_path_are_refused() -> None:
    with pytest.raises(RuleError, match=r"^totals\.traffic\.moved_bytes: two leaves"):
        _differences(_document(), _rules({"totals.traffic.naive_bytes": "totals.traffic.moved_bytes"}))


def test_a_rename_with_other_wildcards_is_refused() -> None:
    with pytest.raises(RuleError, match=r"^a\.\* -> b: both sides need as many"):
        Rename(("a", "*"), ("b",))


def test_a_rename_without_use_is_named() -> None:
    comparison = Comparison(_rules({"totals.mac": "totals.macs", "totals.traffic": "totals.traffic"}))
    assert comparison.compare(_document(), _document()) == []
    assert comparison.unused() == [Rename(("totals", "mac"), ("totals", "macs"))]


def test_ignored_paths_are_left_out_with_all_below_them() -> None:
    new = _document()
    new["totals"]["traffic"] = {}
    new["graph"]["nodes"][0]["time_s"] = 9.0
    assert len(_differences(new)) == 4  # two bytes missing, an empty object, a time
    assert _differences(new, _rules(None, "totals.traffic", "**.time_s")) == []


def test_a_model_that_is_now_refused_is_one_difference() -> None:
    (found,) = _differences({"refused": "no such op"})
    assert (found.old, found.new) == ("a document", "refused: no such op")
    assert _differences({"refused": "no such op"}, old={"refused": "no such op"}) == []


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Two folders with the same two documents."""
    for side in ("old", "new"):
        (tmp_path / side / "teaching").mkdir(parents=True)
        for name in ("a", "b"):
            (tmp_path / side / "teaching" / f"{name}.json").write_text(json.dumps(_document()), "utf-8")
    return tmp_path / "old", tmp_path / "new"


def _write(folder: Path, name: str, document: dict[str, Any]) -> None:
    (folder / "teaching" / f"{name}.json").write_text(json.dumps(document), "utf-8")


def test_the_same_folders_do_not_differ(folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    other = _document() | {"schema_version": "2.0", "tool": {"name": "onnx-roofline", "version": "0.2.0"}}
    _write(folders[1], "a", other | {"timings_s": {"load": 0.1}})
    assert compare.main(["diff", *map(str, folders)]) == 0
    # 25 leaves a document without the versions of the schema and the tool
    assert capsys.readouterr().out == "\n2 documents and 46 leaves compared, 0 differ\n"


def test_differences_are_grouped_over_documents(folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    for name, macs in (("a", 7), ("b", 8)):
        new = _document()
        new["graph"]["nodes"][0]["work"]["macs"] = new["graph"]["nodes"][1]["work"]["macs"] = macs
        _write(folders[1], name, new)
    assert compare.main(["diff", *map(str, folders)]) == 1
    assert capsys.readouterr().out == (
        "teaching/a: 2 leaves differ\n"
        "teaching/b: 2 leaves differ\n\n"
        "graph.nodes[*].work.macs: changed, 4 in 2 documents\n"
        "  teaching/a: graph.nodes[0:Add].work.macs: 0 -> 7\n"
        "  teaching/b: graph.nodes[0:Add].work.macs: 0 -> 8\n\n"
        "2 documents and 46 leaves compared, 2 differ\n"
    )


def test_added_and_missing_documents_are_differences(
    folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    _write(folders[1], "c", _document())
    (folders[1] / "teaching" / "a.json").unlink()
    assert compare.main(["diff", *map(str, folders)]) == 1
    assert capsys.readouterr().out.splitlines()[:2] == [
        "teaching/a: the document is missing",
        "teaching/c: the document is added",
    ]


def test_a_folder_without_documents_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert compare.main(["diff", str(tmp_path), str(tmp_path)]) == 2
    assert "found no documents" in capsys.readouterr().err


def test_an_unreadable_table_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "rules.yaml").write_text("rename: {}\n", "utf-8")
    assert compare.main(["diff", "old", "new", "--rename", str(tmp_path / "rules.yaml")]) == 2
    assert "found rename; wanted renames and named" in capsys.readouterr().err


def test_a_record_is_the_document_of_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare, "SAMPLES", tmp_path / "models")
    (tmp_path / "models").mkdir()
    sample = compare.ROOT / "sample_models" / "linear.onnx"
    (tmp_path / "models" / "linear.onnx").write_bytes(sample.read_bytes())
    (tmp_path / "models" / "empty.onnx").write_bytes(b"")
    folders = [str(tmp_path / way) for way in ("first", "command")]
    for folder, way in zip(folders, ([], ["--way", "command"]), strict=True):
        assert compare.main(["record", sys.executable, folder, "--set", "backend=ort", *way]) == 0
    texts = [(Path(folder) / "teaching,backend=ort/sample/linear.json").read_text("utf-8") for folder in folders]
    assert texts[0] == texts[1]
    assert json.loads(texts[0])["model"]["path"] == "linear.onnx"
    assert list(json.loads((tmp_path / "first/teaching,backend=ort/sample/empty.json").read_bytes())) == ["refused"]
    assert compare.main(["diff", *folders]) == 0
