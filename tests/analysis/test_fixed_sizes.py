"""A batch that the file fixes: overridden, labelled on the first line, and refused where a Reshape hard-codes it."""

from pathlib import Path

import onnx
import pytest

from onnx_roofline.analysis.analyze import analyze
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.base.errors import RooflineError
from onnx_roofline.report.header import first_line

HEAD = '<ir_version: 8, opset_import: ["": 15]>\n'
# A Conv, its features flattened by the given shape, and a Gemm: 16 features of each image.
NETWORK = """g (float[1, 3, 8, 8] x, float[4, 3, 5, 5] w, float[64, 10] v) => (float[1, 10] y) {{
  c = Conv (x, w)  sh = Constant <value_ints = {shape}> ()  f = Reshape (c, sh)  y = Gemm (f, v) }}"""


def write(folder: Path, source: str) -> str:
    path = folder / "model.onnx"
    onnx.save(onnx.parser.parse_model(HEAD + source), path)
    return str(path)


@pytest.mark.parametrize("shape", ["[0, -1]", "[-1, 64]"])
@pytest.mark.parametrize("settings", [Settings(dims={"batch": 8}), Settings(input_shapes={"x": (8, 3, 8, 8)})])
def test_a_batch_that_the_file_fixes_is_overridden(tmp_path: Path, shape: str, settings: Settings) -> None:
    path = write(tmp_path, NETWORK.format(shape=shape))
    one, eight = analyze(path), analyze(path, settings)
    assert one.summary.counts.macs == 4 * 4 * 4 * 75 + 64 * 10
    assert eight.summary.counts.macs == 8 * one.summary.counts.macs
    key = "batch" if settings.dims else "x.0"
    assert f"OVERRIDDEN dims: {key}=8 (the file fixes 1)" in first_line(eight)
    assert "OVERRIDDEN" not in first_line(one)
    # what the file declares of its output holds for the batch that it fixes
    assert not [notice for notice in eight.model.warnings if notice.code == "declared-shape"]


@pytest.mark.parametrize(
    ("shape", "found"),
    [
        ("[1, 64]", "makes float32[1, 64] of the file's sizes and found float32[8, 4, 4, 4] to reshape"),
        ("[1, -1]", "makes float32[1, 64] of the file's sizes and found float32[8, 4, 4, 4] to reshape"),
    ],
)
def test_a_reshape_that_hard_codes_it_is_named(tmp_path: Path, shape: str, found: str) -> None:
    path = write(tmp_path, NETWORK.format(shape=shape))
    with pytest.raises(RooflineError) as refused:
        analyze(path, Settings(dims={"batch": 8}))
    message = str(refused.value)
    assert message.startswith(
        f"{path}: node 2:Reshape: the Reshape hard-codes the size that batch=8 overrides: it {found}"
    )


def test_a_silent_merge_is_named(tmp_path: Path) -> None:
    """[8, 16] is reshaped to [1, 128]: valid, and not what eight rows are."""
    source = "g (float[1, 16] x) => (y) { sh = Constant <value_ints = [1, -1]> ()  r = Reshape (x, sh)  y = Relu (r) }"
    with pytest.raises(RooflineError, match="node 1:Reshape: the Reshape hard-codes"):
        analyze(write(tmp_path, source), Settings(dims={"batch": 8}))


@pytest.mark.parametrize("shape", ["[16, 4, 4]", "[16, -1, 4]"])
def test_a_shape_of_as_many_elements_is_reshaped(tmp_path: Path, shape: str) -> None:
    """[2, 8, 16] and [4, 4, 16] have 256 elements, and so has [16, 4, 4]."""
    source = f"""g (float[2, 8, 16] x, float[4, 3] w) => (y) {{
      sh = Constant <value_ints = {shape}> ()  r = Reshape (x, sh)  y = MatMul (r, w) }}"""
    path = write(tmp_path, source)
    analysis = analyze(path, Settings(input_shapes={"x": (4, 4, 16)}))
    assert analysis.summary.counts.macs == 16 * 4 * 4 * 3
    assert "OVERRIDDEN dims: x.0=4, x.1=4 (the file fixes 2, 8)" in first_line(analysis)
    with pytest.raises(RooflineError, match="node 1:Reshape: the Reshape hard-codes"):
        analyze(path, Settings(input_shapes={"x": (4, 8, 16)}))


def test_reshapes_of_other_tensors_are_left_alone(tmp_path: Path) -> None:
    """A table and a tensor whose rows are no batch may be reshaped to one row."""
    source = """g (float[1, 8] x, float[8, 1] table) => (y, z) {
      sh = Constant <value_ints = [1, 8]> ()  t = Reshape (table, sh)  y = Add (x, t)
      k = Constant <value_ints = [8, -1]> ()  tr = Transpose <perm = [1, 0]> (x)  z = Reshape (tr, k) }"""
    # of the two inputs only the first has a batch of 1; the other one's first axis is 8
    analysis = analyze(write(tmp_path, source), Settings(dims={"x.0": 4}))
    assert "OVERRIDDEN dims: x.0=4" in first_line(analysis)
    assert [warning.code for warning in analysis.model.warnings if warning.code == "unused-option"] == []


def test_another_op_that_relies_on_it_is_named(tmp_path: Path) -> None:
    source = "g (float[1, 16] x, float[16, 4] w, float[2, 4] b) => (y) { m = MatMul (x, w)  y = Add (m, b) }"
    path = write(tmp_path, source)
    assert analyze(path).summary.counts.macs == 64
    with pytest.raises(
        RooflineError, match=r"node 1:Add: 'b' float32\[2, 4\], an input of that size, keeps the .* follows x.0=3"
    ):
        analyze(path, Settings(dims={"x.0": 3}))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (  # a class token that is expanded to the batch of the file
            "g (float[1, 4, 8] x, float[1, 1, 8] token) => (y) { sh = Constant <value_ints = [1, 1, 8]> () "
            "t = Expand (token, sh)  y = Concat <axis = 1> (t, x) }",
            "node 2:Concat: 't' float32[1, 1, 8], whose shape 1:Expand hard-codes, keeps the size of the file beside "
            "'x' float32[8, 4, 8], which follows x.0=8",
        ),
        (  # the same behind a view
            "g (float[2, 4] x) => (y) { sh = Constant <value_ints = [2, 4]> ()  z = ConstantOfShape (sh) "
            "e = Exp (z)  y = Concat <axis = 1> (x, e) }",
            "node 3:Concat: 'e' float32[2, 4], whose shape 1:ConstantOfShape hard-codes, keeps the size of the file",
        ),
        (  # positions that are stored for two rows
            "g (float[2, 4] x) => (y) <float[2, 4] p = {1, 2, 3, 4, 5, 6, 7, 8}> { y = Add (x, p) }",
            "node 0:Add: 'p' float32[2, 4], which the file stores, keeps the size of the file beside 'x' float32[8, 4]",
        ),
    ],
)
def test_an_operand_that_keeps_the_size_of_the_file_is_named(tmp_path: Path, source: str, message: str) -> None:
    with pytest.raises(RooflineError) as refused:
        analyze(write(tmp_path, source), Settings(dims={"x.0": 8}))
    assert message in str(refused.value)
    assert str(refused.value).endswith("export the model with that dim open")


def test_axes_are_no_operand_that_keeps_a_size(tmp_path: Path) -> None:
    source = "g (float[1, 4] x) => (y) { ax = Constant <value_ints = [0]> ()  s = Squeeze (x, ax)  y = Exp (s) }"
    with pytest.raises(RooflineError, match=r"node 1:Squeeze: .*given was x.0=8 \(overridden"):
        analyze(write(tmp_path, source), Settings(dims={"x.0": 8}))
