"""What follows from a rank or from an exact size is exact whatever else is not, and no bound grows into nonsense."""

from pathlib import Path

import onnx
import pytest
from onnx import parser

from onnx_roofline.analysis.analyze import Analysis, analyze
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.ir.graph import TensorType
from onnx_roofline.ir.open_records import OpenBodies
from onnx_roofline.ir.records import TypedOp

HEAD = '<ir_version: 10, opset_import: ["": 21]>\n'
# e [found, 8]: rows of x that a mask keeps, at most 100. u [unknown]: a Range.
GIVEN = (
    HEAD
    + """g (bool[100] mask, float[100, 8] v, int64 n, float[8, 16] w) => (y) {
  nz = NonZero (mask)  ax1 = Constant <value_ints = [1]> ()  pairs = Transpose <perm = [1, 0]> (nz)
  i = Squeeze (pairs, ax1)  e = Gather (v, i)
  zero = Constant <value_int = 0> ()  one = Constant <value_int = 1> ()  two = Constant <value_int = 2> ()
  u = Range (zero, n, one)
  BODY
}"""
)
FLOAT8 = TensorType("float32", (8,))


def analysed(body: str, folder: Path, **settings: object) -> Analysis:
    path = folder / "m.onnx"
    onnx.save(parser.parse_model(GIVEN.replace("BODY", body)), str(path))
    return analyze(path, Settings(**settings))


def kind_of(analysis: Analysis, tensor: str) -> TensorType:
    rows = analysis.model.column(TypedOp).values()
    return next(kind for row in rows for name, kind in zip(row.op.outputs, row.outputs, strict=True) if name == tensor)


# A condition on a rank or an exact size, whether it holds.
CONDITIONS = {
    "size of the shape of a bound": ("s = Shape (e)  r = Size (s)  c = Equal (r, zero)", False),
    "size of the shape of an unknown length": ("s = Shape (u)  r = Size (s)  c = Equal (r, one)", True),
    "shape of a shape": ("s = Shape (e)  t = Shape (s)  r = Squeeze (t)  c = Equal (r, two)", True),
    "an exact size among others": ("s = Shape (e)  r = Gather (s, one)  eight = Constant <value_int = 8> () "
                                   "c = Equal (r, eight)", True),
    "a slice of a shape": ("s = Shape <start = 1> (e)  r = Squeeze (s)  c = Greater (r, two)", True),
    "a rank after more ops": ("p = MatMul (e, w)  q = Exp (p)  t = Transpose <perm = [1, 0]> (q)  s = Shape (t) "
                              "r = Size (s)  c = LessOrEqual (r, one)", False),
    "an exact size after more ops": ("p = MatMul (e, w)  t = Transpose <perm = [1, 0]> (p)  s = Shape (t) "
                                     "r = Gather (s, zero)  sixteen = Constant <value_int = 16> () "
                                     "c = Equal (r, sixteen)", True),
}  # fmt: skip


@pytest.mark.parametrize(("text", "holds"), CONDITIONS.values(), ids=CONDITIONS)
def test_a_condition_on_a_rank_or_an_exact_size_is_decided(text: str, holds: bool, tmp_path: Path) -> None:
    body = text + (
        "  y = If (c) <then_branch = a () => (p1) { p1 = Exp (v) }, else_branch = b () => (q1) { q1 = Tanh (v) }>"
    )
    analysis = analysed(body, tmp_path)
    assert analysis.model.whole(OpenBodies).found == ()
    (row,) = [row for row in analysis.model.column(TypedOp).values() if row.op.op_type == "If"]
    assert [(one.attribute, one.origin) for one in row.bodies] == [("then_branch" if holds else "else_branch", "exact")]
    assert row.outputs[0] == TensorType("float32", (100, 8))


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        # sizes that are exact stay so in a shape that is computed
        ("s = Shape <start = 1> (e)  y = ConstantOfShape (s)", FLOAT8),
        ("s = Shape (e)  k = Gather (s, ax1)  y = ConstantOfShape (k)", FLOAT8),
        ("s = Shape (e)  a, b = Split <axis = 0, num_outputs = 2> (s)  y = ConstantOfShape (b)", FLOAT8),
        # a sum over what is not known leaves what is
        ("z0 = Constant <value_ints = [0]> ()  y = ReduceSum <keepdims = 0> (e, z0)", FLOAT8),
        ("z0 = Constant <value_ints = [0]> ()  f = Cast <to = 1> (u)  t = ReduceMax <keepdims = 1> (f, z0) "
         "k = Constant <value_ints = [8]> ()  y = Expand (t, k)", FLOAT8),
        # the product of a shape's exact part
        ("s = Shape <start = 1> (e)  k = ReduceProd (s)  y = ConstantOfShape (k)", FLOAT8),
        # [n, 8] by its transpose the other way around: [8, 8]
        ("t = Transpose <perm = [1, 0]> (e)  y = MatMul (t, e)", TensorType("float32", (8, 8))),
    ],
)  # fmt: skip
def test_what_follows_from_exact_sizes_is_exact(body: str, wanted: TensorType, tmp_path: Path) -> None:
    assert kind_of(analysed(body, tmp_path), "y") == wanted


def test_axes_are_sure_by_themselves(tmp_path: Path) -> None:
    body = "p = MatMul (e, w)  f = Cast <to = 1> (u)  c = Unsqueeze (f, ax1)  m = Mul (c, p)  y = Softmax (p)"
    analysis = analysed(body, tmp_path)
    bound = kind_of(analysis, "y")
    assert (bound.shape, bound.exact, bound.assumed, bound.sure_axes) == ((100, 16), False, False, (1,))


def test_a_branch_on_a_rank_lets_no_bound_explode(tmp_path: Path) -> None:
    """A graph attention layer: the branch for scalars, which never runs, would make pairs of all kept rows."""
    body = """s = Shape (e)  r = Size (s)  scalar = Equal (r, zero)
  a = If (scalar) <then_branch = t () => (p1) { m1 = Constant <value_ints = [-1, 1]> ()  column = Reshape (e, m1)
                     row = Transpose <perm = [1, 0]> (column)  p1 = MatMul (column, row) },
                   else_branch = o () => (q1) { q1 = Identity (e) }>
  y = MatMul (a, w)"""
    analysis = analysed(body, tmp_path)
    assert str(kind_of(analysis, "y")) == "float32[100, 16]"
    assert analysis.summary.counts.macs == 100 * 8 * 16  # not 800 * 800 more
    # What all ops read and write of at most 100 rows is some kilobytes.
    assert analysis.summary.naive_bytes < 40_000


# A condition that data decide, over branches of which one fits.
OPEN = "sum = ReduceSum <keepdims = 0> (w)  f0 = Cast <to = 1> (zero)  c = Greater (sum, f0)\n"


@pytest.mark.parametrize(
    ("branches", "follows", "taken", "wanted"),
    [
        # [800, 1] would fit no product with [8, 16]
        (("m = Constant <value_ints = [-1, 1]> () p1 = Reshape (v, m)", "p1 = Exp (v)"), "y = MatMul (a, w)", "else",
         (100, 16)),
        # a vector has no two axes to swap
        (("p1 = Exp (v)", "m = Constant <value_ints = [-1]> () p1 = Reshape (v, m)"),
         "y = Transpose <perm = [1, 0]> (a)", "then", (8, 100)),
        # only two axes can be split off at axis 1
        (("k = Constant <value_ints = [100, 2, 4]> () p1 = Reshape (v, k)", "p1 = Exp (v)"),
         "k2 = Constant <value_ints = [3, 5]> ()  y, z = Split <axis = 1> (a, k2)", "else", (100, 3)),
        # the costlier branch, a product, gives [100, 16]
        (("p1 = MatMul (v, w)", "p1 = Identity (v)"), "y = Add (a, v)", "else", (100, 8)),
    ],
)  # fmt: skip
def test_of_an_open_branch_the_one_that_fits_what_follows_runs(
    branches: tuple[str, str], follows: str, taken: str, wanted: tuple[int, ...], tmp_path: Path
) -> None:
    then, otherwise = branches
    body = OPEN + (
        f"a = If (c) <then_branch = t () => (p1) {{ {then} }}, else_branch = o () => (q1) "
        f"{{ {otherwise.replace('p1', 'q1')} }}>  {follows}"
    )
    analysis = analysed(body, tmp_path)
    assert kind_of(analysis, "y") == TensorType("float32", wanted)
    assert analysis.model.whole(OpenBodies).found == ()
    (warning,) = [warning for warning in analysis.model.warnings if warning.code == "branch-left-out"]
    other = "then" if taken == "else" else "else"
    assert warning.message.startswith(f"{other}_branch can't be valid with these shapes and is left out: node ")
    scopes = {row.scope for row in analysis.model.column(TypedOp).values()}
    assert scopes == {"", next(scope for scope in scopes if f"{taken}_branch" in scope)}


def test_of_branches_that_both_fit_the_one_that_agrees_with_the_file_is_assumed(tmp_path: Path) -> None:
    """The file declares [100, 8] behind an If whose other, costlier branch gives [100, 16]."""
    body = OPEN + (
        "a = If (c) <then_branch = t () => (p1) { p1 = MatMul (v, w) }, else_branch = o () => (q1) { q1 = Exp (v) }>"
        "  y = Tanh (a)"
    )
    plain = analysed(body, tmp_path)
    assert kind_of(plain, "y").shape == (100, 16), "without a declaration, the bound"
    path = tmp_path / "m.onnx"
    model = onnx.load(path)
    model.graph.output[0].CopyFrom(onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [100, 8]))
    onnx.save(model, path)
    analysis = analyze(path)
    assert kind_of(analysis, "y").shape == (100, 8)
    (opened,) = analysis.model.whole(OpenBodies).found
    assert (opened.taken, opened.origin) == ("else", "assumed")
    assert analysis.summary.counts.macs == 0


@pytest.mark.parametrize("op", ["Reshape (v, u)", "Expand (v, u)", "ConstantOfShape (u)"])
def test_as_many_axes_as_nobody_knows_are_no_shape(op: str, tmp_path: Path) -> None:
    """The shape itself is as long as a Range of unknown length."""
    assert kind_of(analysed(f"y = {op}", tmp_path), "y").shape is None


def declared(text: str, folder: Path, **settings: object) -> Analysis:
    path = folder / "m.onnx"
    onnx.save(parser.parse_model(text), str(path))
    return analyze(path, Settings(**settings))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        # the inference knows better: 6 + 1
        ("g (float[6] x, float[1] e) => (float[6] y) { y = Concat <axis = 0> (x, e) }", ("float32[7]", True, False)),
        # only the file tells, and may be wrong: twice the 24 that it declares is a guess as well
        ("g (float[4, 6] x, int64[2] to) => (y) <float[2, 12] r> { r = Reshape (x, to)  y = Concat <axis = 0> (r, r) }",
         ("float32[4, 12]", False, True)),
        # a bound of the inference holds against a smaller declaration
        ("g (float[3, 4] x) => (y) <int64[2, 5] i> { i = NonZero (x)  y = Neg (i) }", ("int64[2, 12]", False, False)),
        # an op that nobody knows
        ("g (float[3, 4] x) => (y) <float[3, 4] f> { f = acme.Mystery (x)  y = Exp (f) }",
         ("float32[3, 4]", False, True)),
    ],
)  # fmt: skip
def test_a_declaration_is_no_bound(text: str, wanted: tuple[str, bool, bool], tmp_path: Path) -> None:
    analysis = declared('<ir_version: 10, opset_import: ["": 21, "acme": 1]>\n' + text, tmp_path)
    kind = kind_of(analysis, "y")
    assert (str(kind), kind.exact, kind.assumed) == wanted
