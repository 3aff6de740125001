"""Small constants outside the file: the report says why shapes stay open, and what to do."""

import json
from collections.abc import Iterator
from pathlib import Path

import onnx
import pytest
from onnx import external_data_helper, numpy_helper, parser

from onnx_roofline.analysis.analyze import analyze
from onnx_roofline.cli.main import main
from onnx_roofline.ir.graph import Notice

HEAD = '<ir_version: 9, opset_import: ["": 18]>\n'
RESHAPED = HEAD + "g (float[4, 6] x) => (y, z) <int64[2] to = {3, 8}, int64[1] axes = {0}> {\n"
RESHAPED += "y = Reshape (x, to) z = ReduceSum (x, axes) }"
SCALED = HEAD + "g (float[1, 1, 4, 4] x) => (y) <float[4] by = {1, 1, 2, 2}> { y = Resize (x, , by) }"
LOOPED = (
    HEAD
    + """g (float[4] x) => (float[4] y) <int64 trips = {7}, bool yes = {1}> {
  y = Loop (trips, yes, x) <body = b (int64 i, bool k, float[4] a) => (bool d, float[4] o) {
    d = Identity (k) o = Exp (a)
  }>
}"""
)
BRANCHED = (
    HEAD
    + """g (float[4] x) => (y) <bool yes = {1}> {
  y = If (yes) <then_branch = t () => (p) { to = Constant <value = int64[2] {2, 2}> () p = Reshape (x, to) },
                else_branch = e () => (q) { q = Exp (x) }>
}"""
)


def save(text: str, folder: Path, threshold: int = 0) -> str:
    """Path of a model whose tensors of so many bytes lie in another file, which is taken away."""
    model, path = parser.parse_model(text), folder / "m.onnx"
    for tensor in (*model.graph.initializer, *_of_constants(model.graph)):
        # Only raw data moves; the parser makes typed fields.
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor), tensor.name))
    external_data_helper.convert_model_to_external_data(
        model, location="m.bin", size_threshold=threshold, convert_attribute=True
    )
    onnx.save(model, str(path))
    (folder / "m.bin").write_bytes(b"")
    return str(path)


def _of_constants(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    for node in graph.node:
        for attribute in node.attribute:
            yield from _of_constants(attribute.g)
            if node.op_type == "Constant":
                yield attribute.t


def noted(path: str) -> list[Notice]:
    return [notice for notice in analyze(path).model.warnings if notice.code == "external-constants"]


@pytest.mark.parametrize(
    ("text", "where", "begins"),
    [
        (RESHAPED, "to", "2 small constants ('to' first) lie in external data, which is never opened: shapes, trip"),
        (SCALED, "by", "the small constant 'by' lies in external data"),
        (LOOPED, "trips", "2 small constants ('trips' first) lie"),
        (BRANCHED, "yes", "2 small constants ('yes' first) lie"),
    ],
)
def test_one_notice_says_why_and_what_to_do(text: str, where: str, begins: str, tmp_path: Path) -> None:
    (notice,) = noted(save(text, tmp_path))
    assert notice.where == where
    assert notice.message.startswith(begins)
    assert notice.message.endswith("save the model with size_threshold=1024 or more")
    assert noted(save(text, tmp_path, threshold=1024)) == []


def test_it_is_printed_and_in_the_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyze", save(RESHAPED, tmp_path), "--json", "-"]) == 0
    out, err = capsys.readouterr()
    assert [entry["where"] for entry in json.loads(out)["warnings"]] == ["to"]
    assert "[external-constants]" in err


def test_the_threshold_that_is_named_keeps_them_all_in_the_file(tmp_path: Path) -> None:
    """200 numbers of 8 bytes are more than the 1,024 from which onnx moves a tensor out unless it is told otherwise."""
    numbers = ", ".join(["1"] * 199 + ["24"])
    text = HEAD + f"g (float[4, 6] x) => (y) <int64[200] n = {{{numbers}}}> {{ to = ReduceMax <keepdims = 1> (n) "
    text += "y = ConstantOfShape (to) }"
    (notice,) = noted(save(text, tmp_path, threshold=1024))
    assert notice.message.endswith("size_threshold=2048 or more")
    assert noted(save(text, tmp_path, threshold=2048)) == []


@pytest.mark.parametrize(
    "text",
    [
        # No shape depends on a Gather's indices.
        HEAD + "g (float[4, 6] x) => (y) <int64[2] at = {0, 3}> { y = Gather (x, at) }",
        # Data decides how many there are; the only constant outside is a weight.
        HEAD + "g (float[4] x) => (y) <float[4] w = {1, 2, 3, 4}> { v = Add (x, w) y = NonZero (v) }",
        # Nor is a table that would not be followed in the file.
        HEAD + "g (float[4] x, int64[2] to) => (y, z) <int64[3000] table = {" + ", ".join(["1"] * 3000)
        + "}> { y = Reshape (x, to) z = Neg (table) }",
    ],
)  # fmt: skip
def test_nothing_is_said_where_nothing_is_lost(text: str, tmp_path: Path) -> None:
    assert noted(save(text, tmp_path)) == []
