"""Where constants are folded, an integer at either end of its type is known and one beyond it is not."""

from pathlib import Path

import onnx
import pytest
from onnx import parser

from onnx_roofline.analysis.analyze import analyze
from onnx_roofline.ir.records import TypedOp

HEAD = '<ir_version: 10, opset_import: ["": 21]>\n'
LOWEST, HIGHEST = -(2**63), 2**63 - 1


def rows_of(text: str, folder: Path) -> int | None:
    """The size of y's first axis; None where only a bound of it is known."""
    path = folder / "m.onnx"
    onnx.save(parser.parse_model(HEAD + text), path)
    rows = analyze(path).model.column(TypedOp).values()
    kind = next(row.outputs[0] for row in rows if "y" in row.op.outputs)
    return kind.dims[0] if kind.is_known and kind.exact else None


def cut(dtype: str, start: str, stored: str) -> str:
    """y: the last rows of x [6, 2] from a computed start on; one below all indices is the first."""
    return f"""g (float[6, 2] x) => (y) <{stored}, {dtype}[1] to = {{6}}, {dtype}[1] axis = {{0}}> {{
      from = {start}
      y = Slice(x, from, to, axis)
    }}"""


@pytest.mark.parametrize(
    ("dtype", "start", "stored", "size"),
    [
        ("int64", "Sub(a, b)", f"int64[1] a = {{{LOWEST + 7}}}, int64[1] b = {{7}}", 6),  # -2^63
        ("int64", "Sub(a, b)", f"int64[1] a = {{{LOWEST + 7}}}, int64[1] b = {{8}}", None),  # -2^63 - 1
        ("int64", "Add(a, b)", f"int64[1] a = {{{HIGHEST - 7}}}, int64[1] b = {{7}}", 0),  # 2^63 - 1
        ("int64", "Add(a, b)", f"int64[1] a = {{{HIGHEST - 7}}}, int64[1] b = {{8}}", None),  # 2^63
        ("int64", "Neg(a)", f"int64[1] a = {{{HIGHEST}}}", 6),  # -2^63 + 1
        ("int64", "Neg(a)", f"int64[1] a = {{{LOWEST}}}", None),  # 2^63
        ("int64", "Mul(a, b)", f"int64[1] a = {{{2**62}}}, int64[1] b = {{-2}}", 6),  # -2^63
        ("int64", "Div(a, b)", f"int64[1] a = {{{LOWEST}}}, int64[1] b = {{1}}", 6),
        ("int64", "Div(a, b)", f"int64[1] a = {{{LOWEST}}}, int64[1] b = {{-1}}", None),  # 2^63
        ("int32", "Sub(a, b)", f"int32[1] a = {{{-(2**31) + 7}}}, int32[1] b = {{7}}", 6),  # -2^31
        ("int32", "Sub(a, b)", f"int32[1] a = {{{-(2**31) + 7}}}, int32[1] b = {{8}}", None),  # -2^31 - 1
        ("int64", "Cast<to = 7>(a)", f"double[1] a = {{{float(LOWEST)}}}", 6),  # -2^63
        ("int64", "Cast<to = 7>(a)", f"double[1] a = {{{float(LOWEST - 2048)}}}", None),  # the next double below
        ("int64", "Cast<to = 7>(a)", f"double[1] a = {{{float(HIGHEST - 1023)}}}", 0),  # 2^63 - 1024
        ("int64", "Cast<to = 7>(a)", f"double[1] a = {{{float(HIGHEST)}}}", None),  # 2^63
        ("int32", "Cast<to = 6>(a)", f"double[1] a = {{{float(-(2**31))}}}", 6),
        ("int32", "Cast<to = 6>(a)", f"double[1] a = {{{float(-(2**31) - 1)}}}", None),
    ],
)
def test_a_start_that_its_type_holds_is_known(
    dtype: str, start: str, stored: str, size: int | None, tmp_path: Path
) -> None:
    assert rows_of(cut(dtype, start, stored), tmp_path) == size


@pytest.mark.parametrize(("a", "b", "size"), [(5, 5, 0), (5, 4, 1), (5, 6, None)])
def test_an_unsigned_integer_does_not_wrap_below_zero(a: int, b: int, size: int | None, tmp_path: Path) -> None:
    text = f"""g (float[1] x) => (y) <uint8[1] a = {{{a}}}, uint8[1] b = {{{b}}}> {{
      narrow = Sub(a, b)
      sizes = Cast<to = 7>(narrow)
      y = Expand(x, sizes)
    }}"""
    assert rows_of(text, tmp_path) == size
