"""The comparison as a page: both models as one tree, by mouse and by keyboard, and names as text."""

from pathlib import Path

import onnx
import pytest
from headless import Browser
from onnx import TensorProto, helper

from onnx_roofline.cli.main import main


def model(path: Path, names: list[str], kinds: list[str]) -> Path:
    """A chain of ops on 8 x 8 numbers; MatMul squares."""
    nodes = []
    for place, (name, kind) in enumerate(zip(names, kinds, strict=True)):
        inputs = [f"t{place}"] * (2 if kind == "MatMul" else 1)
        nodes.append(helper.make_node(kind, inputs, [f"t{place + 1}"], name=name))
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, (8, 8)) for name in ("t0", f"t{len(names)}")]
    onnx.save(helper.make_model(helper.make_graph(nodes, "g", ends[:1], ends[1:])), path)
    return path


@pytest.fixture
def page(tmp_path: Path) -> Path:
    old = model(tmp_path / "old.onnx", ["/a/x", "/a/y", "/b/<i onclick=x>"], ["Relu", "MatMul", "Softmax"])
    new = model(
        tmp_path / "new.onnx", ["/a/x", "/a/y", "/a/w", "/b/<i onclick=x>"], ["Relu", "MatMul", "MatMul", "Softmax"]
    )
    assert main(["diff", str(old), str(new), "--html", str(tmp_path / "page.html")]) == 0
    return tmp_path / "page.html"


def rows(browser: Browser) -> dict[str, list[str]]:
    """Cells of the tree by the name of their row."""
    found = browser.ask("[...document.querySelectorAll('#tree tbody tr')].map((row) => [...row.cells].map((cell) => "
                        "cell.textContent))")  # fmt: skip
    return {cells[0].strip("▸▾· "): cells[1:] for cells in found}


def test_the_tree_shows_what_differs(browser: Browser, page: Path) -> None:
    browser.open(page)
    assert browser.errors == []
    assert browser.requests == [page.resolve().as_uri()]
    found = rows(browser)
    assert set(found) == {"what differs", "a", "MatMul", "2:MatMul /a/w"}
    what, before, after = found["2:MatMul /a/w"][:3]
    assert (what, before, after) == ("+ only new", "–", "1.024 k")  # 2 * 8 * 8 * 8
    # The sums are of what is shown, and their row says so.
    assert found["what differs"][1:3] == ["0", "1.024 k"]
    assert browser.ask("document.querySelector('h1').textContent") == "old.onnx → new.onnx"
    assert browser.ask("document.querySelector('#conditions').textContent") == "both under the same settings"


def test_all_ops_and_a_filter(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.click("#tree-controls label input")
    found = rows(browser)
    assert {"Softmax", "0:Relu /a/x", "1:MatMul /a/y"} <= set(found)
    assert found["both models"][0] == "1 added"
    assert browser.ask("document.querySelectorAll('#tree i').length") == 0
    browser.click("#tree-filter")
    browser.type("softmax")
    assert set(rows(browser)) == {"what is found", "b", "Softmax", "3:Softmax /b/<i onclick=x>"}


def test_arrow_keys_close_and_open(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.ask("document.querySelector('[data-path=\"\"]').focus()")
    browser.press("ArrowDown")
    browser.press("ArrowLeft")
    assert set(rows(browser)) == {"what differs", "a"}
    browser.press("ArrowRight")
    assert "2:MatMul /a/w" in rows(browser)
    browser.press("ArrowDown", 2)
    browser.press("ArrowLeft")
    assert browser.ask("document.activeElement.textContent") == "▾ MatMul"


def test_settings_that_differ_come_first(browser: Browser, tmp_path: Path, page: Path) -> None:
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    model_path = str(tmp_path / "old.onnx")
    assert main(["analyze", model_path, "--json", str(old)]) == 0
    assert main(["analyze", model_path, "--json", str(new), "--assume-dtype", "float16"]) == 0
    assert main(["diff", str(old), str(new), "--html", str(page)]) == 0
    browser.open(page)
    assert "float16" in browser.ask("document.querySelector('#conditions').textContent")


def test_the_page_is_never_a_side(tmp_path: Path, page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model_path = str(tmp_path / "old.onnx")
    assert main(["diff", model_path, str(tmp_path / "new.onnx"), "--html", model_path]) == 2
    assert "is a file that this command reads" in capsys.readouterr().err
