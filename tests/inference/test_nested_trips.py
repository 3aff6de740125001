"""Loops, branches and shapes that follow the iteration of a loop around them: counted for each iteration.

Each inner loop counts its own iterations; onnxruntime runs the model and says how many there were.
"""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import parser

from onnx_roofline.analysis.analyze import Analysis, analyze
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.ir.graph import TensorType
from onnx_roofline.ir.records import Executions, TypedOp

HEAD = '<ir_version: 10, opset_import: ["": 21, "local": 1]>\n'
# An outer loop of N iterations; in each an inner loop, whose iterations are counted in n.
CONSTANTS = """
  yes = Constant <value = bool {1}> ()  zero = Constant <value_int = 0> ()  one = Constant <value_int = 1> ()
  two = Constant <value_int = 2> ()  three = Constant <value_int = 3> ()  five = Constant <value_int = 5> ()
  most = Constant <value_int = N> ()"""
INNER = """<body = inner (int64 j, bool cj, int64 nj, float[1, 8] hj) => (bool dj, int64 mj, float[1, 8] gj) {
      dj = Identity (cj)  mj = Add (nj, one)  gj = MatMul (hj, w) }>"""
OUTER = (
    HEAD
    + """g (float[1, 8] x, float[8, 8] w) => (int64 total, float[1, 8] y) {
CONSTANTS
  total, y = Loop (most, yes, zero, x) <body = outer (int64 i, bool ci, int64 ni, float[1, 8] hi)
      => (bool di, int64 mi, float[1, 8] gi) {
    di = Identity (ci)
    BODY
  }>
}"""
)


def text_of(body: str, count: int = 5) -> str:
    constants = CONSTANTS.replace("N>", f"{count}>")
    return OUTER.replace("CONSTANTS", constants).replace("BODY", body.replace("INNER", INNER))


def save(text: str, folder: Path) -> str:
    path = folder / "m.onnx"
    onnx.save(parser.parse_model(text), str(path))
    return str(path)


def really(path: str) -> int:
    """How often the inner body runs in onnxruntime."""
    ort = pytest.importorskip("onnxruntime")
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    feeds = {"x": np.zeros((1, 8), np.float32), "w": np.zeros((8, 8), np.float32)}
    return int(session.run(["total"], feeds)[0])


def runs_of(analysis: Analysis, op_type: str = "MatMul") -> tuple[int, str]:
    """How often the ops of a type run, and how sure that is."""
    rows, executions = analysis.model.column(TypedOp), analysis.model.column(Executions)
    found = [executions[key] for key, row in rows.items() if row.op.op_type == op_type]
    (origin,) = {one.origin for one in found}
    return sum(int(one.count) for one in found), origin


@pytest.mark.parametrize(
    ("body", "trips"),
    [
        ("mi, gi = Loop (i, yes, ni, hi) INNER", [0, 1, 2, 3, 4]),
        ("m = Add (i, one)  mi, gi = Loop (m, yes, ni, hi) INNER", [1, 2, 3, 4, 5]),
        ("m = Sub (most, i)  mi, gi = Loop (m, yes, ni, hi) INNER", [5, 4, 3, 2, 1]),
        ("m = Div (i, two)  mi, gi = Loop (m, yes, ni, hi) INNER", [0, 0, 1, 1, 2]),
        ("m = Sub (i, two)  mi, gi = Loop (m, yes, ni, hi) INNER", [0, 0, 0, 1, 2]),  # less than 0 is none
        ("m = Min (i, two)  mi, gi = Loop (m, yes, ni, hi) INNER", [0, 1, 2, 2, 2]),
        ("m = Mul (i, i)  mi, gi = Loop (m, yes, ni, hi) INNER", [0, 1, 4, 9, 16]),
        ("m = Mul (i, zero)  q = Add (m, three)  mi, gi = Loop (q, yes, ni, hi) INNER", [3, 3, 3, 3, 3]),
        (  # a stored table of trips
            "t = Constant <value_ints = [7, 0, 2, 1, 3]> ()  m = Gather (t, i)  mi, gi = Loop (m, yes, ni, hi) INNER",
            [7, 0, 2, 1, 3],
        ),
        (  # behind a cast to floats and back
            "f = Cast <to = 1> (i)  h = Constant <value_float = 1.5> ()  p = Mul (f, h)  m = Cast <to = 7> (p) "
            "mi, gi = Loop (m, yes, ni, hi) INNER",
            [0, 1, 3, 4, 6],  # 0, 1.5, 3, 4.5, 6
        ),
        (  # while j < i: the first comparison is before the loop, the next ones at the end of its body
            "c = Less (zero, i)  mi, gi = Loop (, c, ni, hi) "
            "<body = inner (int64 j, bool cj, int64 nj, float[1, 8] hj) => (bool dj, int64 mj, float[1, 8] gj) { "
            "k = Add (j, one)  dj = Less (k, i)  mj = Add (nj, one)  gj = MatMul (hj, w) }>",
            [0, 1, 2, 3, 4],
        ),
        (  # a branch of every other iteration
            "r = Mod (i, two)  c = Equal (r, zero)  mi, gi = If (c) <then_branch = t () => (int64 a, float[1, 8] b) { "
            "a = Add (ni, one)  b = MatMul (hi, w) }, else_branch = e () => (int64 a, float[1, 8] b) { "
            "a = Identity (ni)  b = Identity (hi) }>",
            [1, 0, 1, 0, 1],
        ),
        (  # an inner loop in some iterations only: i = 3 and 4
            "c = Less (two, i)  mi, gi = If (c) <then_branch = t () => (int64 a, float[1, 8] b) { "
            "a, b = Loop (i, yes, ni, hi) INNER }, else_branch = e () => (int64 a, float[1, 8] b) { "
            "a = Identity (ni)  b = Identity (hi) }>",
            [0, 0, 0, 3, 4],
        ),
        (  # a branch gives the trips: 2 in the first iteration, i in the others
            "c = Equal (i, zero)  m = If (c) <then_branch = t () => (int64 a) { a = Identity (two) }, "
            "else_branch = e () => (int64 a) { a = Identity (i) }>  mi, gi = Loop (m, yes, ni, hi) INNER",
            [2, 1, 2, 3, 4],
        ),
    ],
)
def test_a_loop_over_the_iteration_around_it_is_counted(body: str, trips: list[int], tmp_path: Path) -> None:
    path = save(text_of(body), tmp_path)
    assert runs_of(analyze(path)) == (sum(trips), "exact")
    assert really(path) == sum(trips)


@pytest.mark.parametrize("count", [1, 2, 17, 300])
def test_the_sum_of_all_iterations_before(count: int, tmp_path: Path) -> None:
    path = save(text_of("mi, gi = Loop (i, yes, ni, hi) INNER", count), tmp_path)
    analysis = analyze(path)
    total = count * (count - 1) // 2
    assert runs_of(analysis) == (total, "exact")
    assert analysis.summary.counts.macs == total * 64
    assert analysis.model.warnings == ()
    assert really(path) == total


def test_more_iterations_than_are_followed_are_bounded(tmp_path: Path) -> None:
    count = 100_000
    assert runs_of(analyze(save(text_of("mi, gi = Loop (i, yes, ni, hi) INNER", count), tmp_path))) == (
        count * (count - 1),
        "data",
    )


def test_three_loops_inside_each_other(tmp_path: Path) -> None:
    inner = INNER.replace("inner", "third").replace("int64 j,", "int64 k,")
    body = (
        "mi, gi = Loop (i, yes, ni, hi) <body = second (int64 j, bool c2, int64 n2, float[1, 8] h2) "
        f"=> (bool d2, int64 m2, float[1, 8] g2) {{ d2 = Identity (c2)  m = Add (i, j)  "
        f"m2, g2 = Loop (m, yes, n2, h2) {inner} }}>"
    )
    path = save(text_of(body), tmp_path)
    total = sum(i + j for i in range(5) for j in range(i))
    assert runs_of(analyze(path)) == (total, "exact")
    assert really(path) == total


@pytest.mark.parametrize(("start", "step"), [(1, 2), (9, -2), (0, 0)])
def test_a_counter_beside_the_iteration_counts_as_well(start: int, step: int, tmp_path: Path) -> None:
    text = text_of("mi, gi = Loop (a, yes, ni, hi) INNER  s = Constant <value_int = S> ()  b = Add (a, s)")
    text = text.replace("S>", f"{step}>").replace("total, y = Loop (most, yes, zero, x)", "p = Constant <value_int = "
                        f"{start}> ()  total, q, y = Loop (most, yes, zero, p, x)")  # fmt: skip
    text = text.replace("int64 ni, float[1, 8] hi)", "int64 ni, int64 a, float[1, 8] hi)")
    text = text.replace("int64 mi, float[1, 8] gi)", "int64 mi, int64 b, float[1, 8] gi)")
    path = save(text, tmp_path)
    total = sum(max(0, start + step * i) for i in range(5))
    assert runs_of(analyze(path)) == (total, "exact")
    assert really(path) == total


def test_a_function_gets_the_iteration(tmp_path: Path) -> None:
    text = text_of("mi, gi = local.f (i, ni, hi, w)").replace("local.f", "local.f")
    function = (
        '\n<domain: "local", opset_import: ["": 21]>\nf (i, ni, hi, w) => (mi, gi) {\n'
        "  yes = Constant <value = bool {1}> ()  one = Constant <value_int = 1> ()  mi, gi = Loop (i, yes, ni, hi) "
        f"{INNER}\n}}"
    )
    path = save(text + function, tmp_path)
    assert runs_of(analyze(path)) == (10, "exact")
    assert really(path) == 10


def test_a_stated_outer_count_gives_the_inner_ones(tmp_path: Path) -> None:
    text = text_of("mi, gi = Loop (i, yes, ni, hi) INNER").replace("(float[1, 8] x,", "(int64 most, float[1, 8] x,")
    text = text.replace("  most = Constant <value_int = 5> ()", "")
    path = save(text, tmp_path)
    (loop,) = [key for key, row in analyze(path).model.column(TypedOp).items() if row.op.op_type == "Loop"
               and not row.scope]  # fmt: skip
    assert runs_of(analyze(path, Settings(trips={loop: 6}))) == (15, "bound")  # 0 + 1 + 2 + 3 + 4 + 5
    assert runs_of(analyze(path, Settings(values={"most": (6,)}))) == (15, "exact")


def test_an_upper_bound_of_the_outer_count_bounds_the_inner_ones(tmp_path: Path) -> None:
    text = text_of("mi, gi = Loop (i, yes, ni, hi) INNER").replace("di = Identity (ci)", (
        "e = ReduceMax <keepdims = 0> (hi)  q = Constant <value_float = 5.0> ()  di = Less (e, q)"))  # fmt: skip
    assert runs_of(analyze(save(text, tmp_path))) == (10, "data")


def test_a_shape_that_is_the_same_in_every_iteration_is_exact(tmp_path: Path) -> None:
    """x[i : i + 1] has one row, x[: i + 1] up to 5."""
    body = (
        "u = Constant <value_ints = [0]> ()  s = Unsqueeze (i, u)  k = Add (i, one)  e = Unsqueeze (k, u) "
        "row = Slice (t, s, e, u)  rows = Slice (t, u, e, u)  mi = Add (ni, one)  p = MatMul (row, w) "
        "q = MatMul (rows, w)  gi = ReduceSum <keepdims = 1> (q, u)"
    )
    text = text_of(body).replace("(float[1, 8] x,", "(float[9, 8] t, float[1, 8] x,")
    rows = analyze(save(text, tmp_path)).model.column(TypedOp).values()
    kinds = {name: kind for row in rows for name, kind in zip(row.op.outputs, row.outputs, strict=True)}
    assert kinds["row"] == kinds["p"] == TensorType("float32", (1, 8))
    assert kinds["rows"].shape == (5, 8)
    assert not kinds["rows"].exact
    assert kinds["gi"] == TensorType("float32", (1, 8))


def test_slices_of_uneven_loops_are_bounded_by_the_longest(tmp_path: Path) -> None:
    body = (
        "mi, gi, s = Loop (i, yes, ni, hi) <body = inner (int64 j, bool cj, int64 nj, float[1, 8] hj) "
        "=> (bool dj, int64 mj, float[1, 8] gj, float[1, 8] sj) { dj = Identity (cj)  mj = Add (nj, one) "
        "gj = MatMul (hj, w)  sj = Identity (gj) }>  z = Exp (s)"
    )
    analysis = analyze(save(text_of(body), tmp_path))
    (kind,) = [row.outputs[0] for row in analysis.model.column(TypedOp).values() if row.op.op_type == "Exp"]
    assert (kind.shape, kind.exact) == ((4, 1, 8), False)
    assert runs_of(analysis) == (10, "exact")


@pytest.mark.parametrize(
    ("start", "update", "trips"),
    [
        (1, "b = Mul (a, two)", [1, 2, 4, 8, 16]),
        (16, "b = Div (a, two)", [16, 8, 4, 2, 1]),
        (0, "b = Sub (one, a)", [0, 1, 0, 1, 0]),  # on and off
        (2, "q = Mul (a, a)  b = Mod (q, five)", [2, 4, 1, 1, 1]),  # 4, 16 mod 5, 1
    ],
)
def test_a_number_that_follows_from_itself_is_run(start: int, update: str, trips: list[int], tmp_path: Path) -> None:
    text = text_of(f"mi, gi = Loop (a, yes, ni, hi) INNER  {update}")
    text = text.replace("total, y = Loop (most, yes, zero, x)", f"p = Constant <value_int = {start}> ()  "
                        "total, q, y = Loop (most, yes, zero, p, x)")  # fmt: skip
    text = text.replace("int64 ni, float[1, 8] hi)", "int64 ni, int64 a, float[1, 8] hi)")
    text = text.replace("int64 mi, float[1, 8] gi)", "int64 mi, int64 b, float[1, 8] gi)")
    path = save(text, tmp_path)
    assert runs_of(analyze(path)) == (sum(trips), "exact")
    assert really(path) == sum(trips)
