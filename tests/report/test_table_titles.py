"""A table that is cut says how many rows it shows of how many; one that is whole says nothing."""

from pathlib import Path

import onnx
import pytest
from onnx import parser

from onnx_roofline.cli.main import main

# Four op types in three modules.
NAMES = ("/a/exp", "/a/neg", "/b/product", "/c/softmax")
MODEL = """<ir_version: 10, opset_import: ["": 18]>
g (float[64, 64] x) => (y) {
  a = Exp(x)
  b = Neg(a)
  c = MatMul(b, b)
  y = Softmax(c)
}"""


@pytest.mark.parametrize(
    ("top", "types", "modules"),
    [
        (1, " (the first 1 of 4)", " (the first 1 of 3)"),
        (2, " (the first 2 of 4)", " (the first 2 of 3)"),
        (3, " (the first 3 of 4)", ""),
        (4, "", ""),
        (5, "", ""),
    ],
)
def test_a_title_counts_the_rows_that_are_cut(
    top: int, types: str, modules: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "m.onnx"
    model = parser.parse_model(MODEL)
    for node, name in zip(model.graph.node, NAMES, strict=True):
        node.name = name
    onnx.save(model, path)
    assert main(["analyze", str(path), "--top", str(top), "--backend", "none"]) == 0
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert f"By op type, all executions{types}" in lines
    assert f"By module, all executions{modules}" in lines


@pytest.mark.parametrize(("depth", "modules"), [(0, 4), (1, 2), (2, 3), (3, 4), (9, 4)])
def test_modules_are_cut_to_so_many_levels(
    depth: int, modules: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Levels a, b; a/c, a/d, b/e; a/c/f, a/c/g, a/d/h, b/e/i. 0 cuts nothing."""
    path = tmp_path / "m.onnx"
    model = parser.parse_model(MODEL)
    for node, name in zip(model.graph.node, ("/a/c/f/x", "/a/c/g/x", "/a/d/h/x", "/b/e/i/x"), strict=True):
        node.name = name
    onnx.save(model, path)
    assert main(["analyze", str(path), "--top", "1", "--depth", str(depth), "--backend", "none"]) == 0
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert f"By module, all executions (the first 1 of {modules})" in lines
