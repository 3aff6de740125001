"""`--value`: what an integer input holds is known from there on, and what computes with it still runs."""

from pathlib import Path

import onnx
import pytest
from onnx import parser

from onnx_roofline.analysis.analyze import Analysis, analyze
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.base.errors import UsageError
from onnx_roofline.cli.main import main
from onnx_roofline.ir.records import Body, TypedOp, Work

# The cache of one layer has room for 16 keys; `total` of them are used, the new one among them.
CACHE = """<ir_version: 10, opset_import: ["": 21, "com.microsoft": 1]>
g (float[2, 1, 96] q, float[2, 2, 16, 8] past_k, float[2, 2, 16, 8] past_v, int32[2] last, int32 past) => (y, k, v) {
  one = Constant <value = int32 {1}> ()
  total = Add (past, one)
  y, k, v = com.microsoft.GroupQueryAttention <num_heads = 8, kv_num_heads = 2>
    (q, , , past_k, past_v, last, total) }"""
LOOP = """<ir_version: 10, opset_import: ["": 21]>
g (float[3, 8] x, float[8, 8] w, int64 n) => (y) { yes = Constant <value = bool {1}> ()
  y = Loop (n, yes, x) <body = b (int64 i, bool c, float[3, 8] h) => (bool d, float[3, 8] o)
    { d = Identity (c)  o = MatMul (h, w) }> }"""
SLICE = """<ir_version: 10, opset_import: ["": 21]>
g (float[20, 8] x, int64[2] ends) => (y) { zeros = Constant <value_ints = [0, 0]> ()  y = Slice (x, zeros, ends) }"""


def of(text: str, tmp_path: Path, **values: tuple[int, ...]) -> Analysis:
    path = tmp_path / "m.onnx"
    onnx.save(parser.parse_model(text), path)
    return analyze(path, Settings(values=values))


def test_how_full_a_cache_is_decides_how_many_keys_a_query_meets(tmp_path: Path) -> None:
    found = of(CACHE, tmp_path, past=(9,))
    rows, works = found.model.column(TypedOp), found.model.column(Work)
    (attention,) = (key for key in rows if "Attention" in key)
    assert works[attention].counts is not None
    assert works[attention].counts.macs == 2 * 8 * 10 * (8 + 8)  # 2 sequences, 8 heads, 10 keys
    assert [kind.shape for kind in rows[attention].outputs] == [(2, 1, 64), (2, 2, 16, 8), (2, 2, 16, 8)]
    assert found.summary.status_counts["exact"] == found.summary.ops
    # The sum is computed in every run, though it is known.
    assert rows["1:Add"].role == "compute"
    assert found.summary.counts.int_ops == 1


def test_without_it_the_cache_is_taken_as_full(tmp_path: Path) -> None:
    assert of(CACHE, tmp_path).summary.status_counts["bounded"] == 1


def test_a_trip_count_that_is_an_input(tmp_path: Path) -> None:
    found = of(LOOP, tmp_path, n=(5,))
    assert found.summary.counts.macs == 5 * 3 * 8 * 8
    (body,) = (body for row in found.model.column(TypedOp).values() for body in row.bodies)
    assert isinstance(body, Body)
    assert (body.repeat, body.origin) == (5, "exact")


@pytest.mark.parametrize(("numbers", "shape"), [((4, 7), (4, 7)), ((6,), (6, 6))])
def test_one_number_fills_an_input(numbers: tuple[int, ...], shape: tuple[int, ...], tmp_path: Path) -> None:
    found = of(SLICE, tmp_path, ends=numbers)
    (row,) = (row for row in found.model.column(TypedOp).values() if row.op.op_type == "Slice")
    assert (row.outputs[0].shape, row.outputs[0].exact) == (shape, True)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"pasd": (9,)}, r"--value pasd: found no input of that name; inputs of integers: 'last', 'past'$"),
        ({"q": (9,)}, r"--value q: found an input float32\[2, 1, 96\], wanted one of integers; inputs of integers:"),
        ({"one": (9,)}, "--value one: found no input of that name"),
        ({"last": (1, 2, 3)}, r"--value last: found 3 numbers for int32\[2\], wanted one number, or 2$"),
        ({"past": (1, 2)}, r"--value past: found 2 numbers for int32\[\], wanted one number$"),
        ({"past": (2**31,)}, "--value past: found 2147483648, which int32 does not hold$"),
    ],
)
def test_what_is_no_value_of_an_input_is_refused(
    values: dict[str, tuple[int, ...]], message: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=message):
        of(CACHE, tmp_path, **values)


def test_a_file_without_integer_inputs_says_so(tmp_path: Path) -> None:
    text = '<ir_version: 10, opset_import: ["": 21]> g (float[2] x) => (y) { y = Neg (x) }'
    with pytest.raises(UsageError, match="the file has no input of integers"):
        of(text, tmp_path, n=(1,))


def test_the_command_line_states_it_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    of(CACHE, tmp_path)
    path = str(tmp_path / "m.onnx")
    assert main(["analyze", path, "--value", "past=9", "--value", "last=9,4"]) == 0
    assert "values: past=9, last=9,4" in capsys.readouterr().out
    assert main(["analyze", path, "--value", "past=many"]) == 2
    assert "wanted NAME=N or NAME=N,N,... with whole numbers" in capsys.readouterr().err
    assert main(["analyze", path, "--value", "past=9", "--observe", "random"]) == 2
    assert "--observe: a run has the values that it is fed; drop --value" in capsys.readouterr().err
