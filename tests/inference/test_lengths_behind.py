"""Lengths that follow from what the user states behind them, and several that data decide on one tensor.

What a length has to be is worked out by hand: `g` has a row for each element found, `c` three more, `s` every other.
"""

from collections.abc import Sequence
from pathlib import Path

import onnx
import pytest
from onnx import parser

from onnx_roofline.analysis.analyze import Analysis, analyze
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.base.errors import UsageError
from onnx_roofline.ir.graph import TensorType
from onnx_roofline.ir.open_records import DataLengths, dims_of
from onnx_roofline.ir.records import TypedOp

HEAD = '<ir_version: 10, opset_import: ["": 21]>\n'
ZERO = "z = Constant <value_ints = [0]> ()  "
# At most 100 rows of x, found by data.
FOUND = HEAD + (
    "g (bool[100] m, bool[100] n, float[100, 64] x, float[3, 64] t, float[64, 16] w) => (y) { "
    + ZERO
    + "i = NonZero (m)  j = Squeeze (i, z)  g = Gather (x, j)  BODY }"
)
MORE = "c = Concat <axis = 0> (g, t)  y = MatMul (c, w)"
OTHER = (
    "two = Constant <value_ints = [2]> ()  far = Constant <value_ints = [1000]> ()  s = Slice (g, z, far, z, two)  "
    "y = MatMul (s, w)"
)
BOTH = "k = NonZero (n)  l = Squeeze (k, z)  h = Gather (x, l)  c = Concat <axis = 0> (g, h)  y = MatMul (c, w)"
OUTER = (
    "k = NonZero (n)  l = Squeeze (k, z)  h = Gather (x, l)  ht = Transpose (h)  s = MatMul (g, ht)  y = Softmax (s)"
)
# A sum over two Ranges of unknown lengths, [a, b].
RANGES = HEAD + (
    "g (int64 p, int64 q, float[64, 16] w, float[9, 16] v) => (y) { o = Constant <value_int = 1> () "
    "n = Constant <value_int = 0> ()  last = Constant <value_ints = [1]> ()  first = Constant <value_ints = [0]> () "
    "a = Range (n, p, o)  b = Range (n, q, o)  c = Unsqueeze (a, last)  d = Unsqueeze (b, first)  e = Add (c, d) "
    "f = Cast <to = 1> (e)  BODY }"
)


def save(text: str, folder: Path) -> str:
    path = folder / "m.onnx"
    onnx.save(parser.parse_model(text), str(path))
    return str(path)


def found(folder: Path, text: str, body: str, **stated: int) -> Analysis:
    dims = {f"{name[:-1]}.{name[-1]}": size for name, size in stated.items()}
    return analyze(save(text.replace("BODY", body), folder), Settings(dims=dims))


def lengths(analysis: Analysis) -> dict[str, tuple[int, str]]:
    return {one.name: (one.value, one.origin) for one in analysis.model.whole(DataLengths).found}


def kind_of(analysis: Analysis, tensor: str) -> TensorType:
    rows = analysis.model.column(TypedOp).values()
    return next(kind for row in rows for name, kind in zip(row.op.outputs, row.outputs, strict=True) if name == tensor)


@pytest.mark.parametrize(
    ("body", "stated", "rows", "macs"),
    [
        ("y = MatMul (g, w)", {"g0": 7}, 7, 7 * 64 * 16),
        ("y = MatMul (g, w)", {"y0": 7}, 7, 7 * 64 * 16),
        ("y = MatMul (g, w)", {"g0": 0}, 0, 0),
        (MORE, {"y0": 10}, 7, 10 * 64 * 16),
        (MORE, {"c0": 103}, 100, 103 * 64 * 16),
        (MORE, {"i1": 7, "y0": 10}, 7, 10 * 64 * 16),
    ],
)
def test_a_length_follows_from_one_behind_it(
    body: str, stated: dict[str, int], rows: int, macs: int, tmp_path: Path
) -> None:
    analysis = found(tmp_path, FOUND, body, **stated)
    assert lengths(analysis)["i.1"] == (rows, "bound")
    assert kind_of(analysis, "g") == TensorType("float32", (rows, 64))
    assert analysis.summary.counts.macs == macs
    assert analysis.summary.status_counts["exact"] == analysis.summary.ops
    assert analysis.model.warnings == ()


def test_two_sizes_that_do_as_well_bound_it(tmp_path: Path) -> None:
    """10 are every other one of 19 or of 20."""
    analysis = found(tmp_path, FOUND, OTHER, y0=10)
    assert lengths(analysis)["i.1"] == (20, "data")
    assert kind_of(analysis, "g").shape == (20, 64)
    assert not kind_of(analysis, "g").exact
    assert analysis.summary.counts.macs == 10 * 64 * 16


@pytest.mark.parametrize(
    ("body", "stated", "message"),
    [
        (MORE, {"c0": 2}, "--dim 'c.0'=2: found no size of 'i.1' with which node 4:Concat makes it so"),
        (MORE, {"c0": 104}, "--dim 'c.0': found 104, but node 4:Concat makes it at most 103"),
        (MORE, {"i1": 8, "y0": 10}, "--dim 'y.0': found 10, but node 5:MatMul makes it 11"),
        (BOTH, {"y0": 10}, "--dim 'y.0'=10: node 8:MatMul makes it of 'i.1' and 'k.1'; state those instead"),
        (BOTH, {"y0": 10, "i1": 11}, "--dim 'y.0'=10: found no size of 'k.1' with which node 8:MatMul makes it so"),
    ],
)
def test_a_length_that_nothing_before_it_gives_is_refused(
    body: str, stated: dict[str, int], message: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError) as refused:
        found(tmp_path, FOUND, body, **stated)
    assert message in str(refused.value)


@pytest.mark.parametrize("stated", [{"i1": 7, "k1": 5}, {"s0": 7, "s1": 5}, {"y0": 7, "y1": 5}, {"g0": 7, "s1": 5}])
def test_each_axis_of_a_product_of_two_is_solved(stated: dict[str, int], tmp_path: Path) -> None:
    analysis = found(tmp_path, FOUND, OUTER, **stated)
    assert lengths(analysis) == {"i.1": (7, "bound"), "k.1": (5, "bound")}
    assert analysis.summary.counts.macs == 7 * 5 * 64
    assert analysis.summary.status_counts["exact"] == analysis.summary.ops


def test_the_other_axis_stays_bounded(tmp_path: Path) -> None:
    assert lengths(found(tmp_path, FOUND, OUTER, s0=7)) == {"i.1": (7, "bound"), "k.1": (100, "data")}


@pytest.mark.parametrize(
    ("body", "sizes"),
    [
        ("y = MatMul (f, w)", {"a.0": (128, "assumed"), "b.0": (64, "assumed")}),
        ("m = MatMul (f, w)  y = Add (m, v)", {"a.0": (9, "assumed"), "b.0": (64, "assumed")}),
        ("h = Transpose (f)  y = MatMul (h, v)", {"a.0": (9, "assumed"), "b.0": (128, "assumed")}),
    ],
)
def test_of_two_assumed_lengths_each_fits_its_axis(
    body: str, sizes: dict[str, tuple[int, str]], tmp_path: Path
) -> None:
    analysis = found(tmp_path, RANGES, body)
    assert lengths(analysis) == sizes
    assert analysis.summary.unknown_ops == 0


@pytest.mark.parametrize(
    ("ops", "shape"),
    [
        ("t = Tile (x, n)", (4, 64)),  # repeated once, where nobody knows better
        ("t = Reshape (x, n)", (4, 64)),
        ("k = Constant <value_ints = [0, 0]> ()  p = Concat <axis = 0> (k, n)  t = Pad (x, p)", (4, 64)),
    ],
)
def test_a_product_says_how_long_both_axes_are(ops: str, shape: tuple[int, ...], tmp_path: Path) -> None:
    text = HEAD + f"g (float[4, 64] x, int64[2] n, float[64, 16] w) => (y) {{ {ops}  y = MatMul (t, w) }}"
    analysis = analyze(save(text, tmp_path))
    assert kind_of(analysis, "t").shape == shape
    assert analysis.summary.unknown_ops == 0
    assert analysis.summary.status_counts["heuristic"] >= 2


@pytest.mark.parametrize(("size", "is_multiple"), [(8, True), (9, False), (0, True)])
def test_a_tile_is_a_multiple_of_what_it_repeats(size: int, is_multiple: bool, tmp_path: Path) -> None:
    path = save(HEAD + "g (float[4, 64] x, int64[2] n) => (y) { t = Tile (x, n)  y = Exp (t) }", tmp_path)
    if is_multiple:
        assert kind_of(analyze(path, Settings(dims={"t.0": size, "t.1": 64})), "y") == TensorType("float32", (size, 64))
        return
    with pytest.raises(UsageError, match=r"--dim 't.0': found 9, but node 0:Tile makes it a multiple of 4"):
        analyze(path, Settings(dims={"t.0": size}))


@pytest.mark.parametrize(
    ("inputs", "op", "shape"),
    [
        ("float[4, 5] x, int64[1] n", "Unsqueeze", (4, 5, 1)),  # one of the three places
        ("float[4, 5] x, int64[2] n", "Unsqueeze", (4, 5, 1, 1)),
        ("float[4, 1, 5, 1] x, int64[1] n", "Squeeze", (4, 5, 1)),  # one of the two ones
        ("float[4, 5] x, int64[3] n", "Reshape", (20, 1, 1)),
    ],
)
def test_a_view_on_open_axes_has_as_many_elements(inputs: str, op: str, shape: tuple[int, ...], tmp_path: Path) -> None:
    path = save(HEAD + f"g ({inputs}) => (y) {{ v = {op} (x, n)  y = Exp (v) }}", tmp_path)
    analysis = analyze(path)
    assert kind_of(analysis, "y").shape == shape
    assert not kind_of(analysis, "y").is_sure
    assert analysis.summary.counts.transcendentals == 20
    stated = {f"v.{axis}": size for axis, size in enumerate(reversed(shape))}
    assert kind_of(analyze(path, Settings(dims=stated)), "y") == TensorType("float32", tuple(reversed(shape)))
    with pytest.raises(UsageError, match=r"but node 0:\w+ makes it of 20 elements"):
        analyze(path, Settings(dims={**stated, "v.0": 3}))


@pytest.mark.parametrize(
    ("ops", "stated", "sizes"),
    [
        ("v, i = TopK <axis = 0> (x, n)", {"v.0": 9}, {"v": (9, 64), "i": (9, 64)}),
        ("v, i = TopK <axis = 0> (x, n)", {"i.0": 9}, {"v": (9, 64), "i": (9, 64)}),
        ("v, i = Split <axis = 0> (x, two)", {"v.0": 30}, {"v": (30, 64), "i": (70, 64)}),
        ("v, i = Split <axis = 0> (x, two)", {"i.0": 0}, {"v": (100, 64), "i": (0, 64)}),
        ("v, i, r, c = Unique <axis = 0> (x)", {"c.0": 9}, {"v": (9, 64), "i": (9,), "r": (100,), "c": (9,)}),
        ("v, i, r, c = Unique (x)", {"v.0": 9}, {"v": (9,), "i": (9,), "r": (6400,), "c": (9,)}),
    ],
)
def test_outputs_of_one_op_fix_each_other(
    ops: str, stated: dict[str, int], sizes: dict[str, tuple[int, ...]], tmp_path: Path
) -> None:
    path = save(HEAD + f"g (float[100, 64] x, int64[1] n, int64[2] two) => (v, i) {{ {ops} }}", tmp_path)
    analysis = analyze(path, Settings(dims=stated))
    assert {name: kind_of(analysis, name).shape for name in sizes} == sizes
    assert all(kind_of(analysis, name).is_sure for name in sizes)
    assert analysis.model.warnings == ()


def test_outputs_of_one_op_that_contradict_are_refused(tmp_path: Path) -> None:
    path = save(HEAD + "g (float[100, 64] x, int64[2] n) => (v, i) { v, i = Split <axis = 0> (x, n) }", tmp_path)
    with pytest.raises(UsageError, match=r"--dim 'v.0': found 101, but node 0:Split makes it at most 100"):
        analyze(path, Settings(dims={"v.0": 101}))


@pytest.mark.parametrize(
    ("ops", "stated", "message"),
    [
        ("v, i = TopK <axis = 0> (x, n)", {"v.0": 5, "i.0": 6}, "'i.0'=6 and 'v.0'=5, but node 0:TopK"),
        ("v, i, r, c = Unique <axis = 0> (x)", {"v.0": 5, "c.0": 6}, "'c.0'=6 and 'v.0'=5, but node 0:Unique"),
        ("v, i, r, c = Unique (x)", {"i.0": 5, "c.0": 6}, "'c.0'=6 and 'i.0'=5, but node 0:Unique"),
    ],
)
def test_one_length_of_two_outputs_is_stated_once(
    ops: str, stated: dict[str, int], message: str, tmp_path: Path
) -> None:
    path = save(HEAD + f"g (float[100, 64] x, int64[1] n) => (v, i) {{ {ops} }}", tmp_path)
    with pytest.raises(UsageError, match=f"{message} makes both of one length; drop or correct one of them"):
        analyze(path, Settings(dims=stated))


@pytest.mark.parametrize(
    ("ops", "lengths"),
    [
        ("v, i = TopK <axis = 0> (x, n)", {"v.0": 100}),
        ("v, i, r, c = Unique (x)", {"v.0": 6400}),
    ],
)
def test_one_length_of_two_outputs_is_listed_once(ops: str, lengths: dict[str, int], tmp_path: Path) -> None:
    path = save(HEAD + f"g (float[100, 64] x, int64[1] n) => (o) {{ {ops} o = Neg (n) }}", tmp_path)
    dims = dims_of(analyze(path).model)
    assert {name: dim.value for name, dim in dims.items()} == lengths


@pytest.mark.parametrize(("rows", "padded"), [(8, 104), (7, 105), (100, 100)])
def test_what_is_padded_to_whole_windows_is(rows: int, padded: int, tmp_path: Path) -> None:
    """At most 100 rows that data find, padded by data, cut into windows of so many."""
    body = f"""p = Concat <axis = 0> (z, z, pads, z)  c = Pad (g, p)  sh = Constant <value_ints = [-1, {rows}, 64]> ()
      r = Reshape (c, sh)  y = MatMul (r, w)"""
    text = FOUND.replace("float[3, 64] t,", "int64[1] pads,")
    analysis = found(tmp_path, text, body)
    assert kind_of(analysis, "y").shape == (padded // rows, rows, 16)
    assert analysis.summary.unknown_ops == 0


@pytest.mark.parametrize(
    ("limits", "most"),
    [
        ((-3, 5, 1), 3),  # of 5 rows the last three, of 100 none
        ((0, 5, 1), 5),
        ((-3, 1000, 1), 3),
        ((2, -2, 1), 96),  # 2 to 98
        ((4, -3, -1), 2),  # of 4 rows the fourth and third, of 5 the fifth and fourth, of 8 and more none
        ((-1, -1000, -3), 34),  # 99, 96, ..., 0
    ],
)
def test_a_slice_is_at_most_what_any_shorter_axis_gives(limits: Sequence[int], most: int, tmp_path: Path) -> None:
    """At most 100 rows, found by data; from the end they are others than from the start."""
    begin, end, step = limits
    body = f"""b = Constant <value_ints = [{begin}]> ()  e = Constant <value_ints = [{end}]> ()
      p = Constant <value_ints = [{step}]> ()  s = Slice (g, b, e, z, p)  y = MatMul (s, w)"""
    analysis = found(tmp_path, FOUND, body)
    assert most == max(len(range(rows)[begin:end:step]) for rows in range(101))
    assert kind_of(analysis, "y").shape == (most, 16)
    assert not kind_of(analysis, "y").is_sure


def test_a_slice_of_nothing_tells_no_length(tmp_path: Path) -> None:
    """Of the last three rows none is before the fifth where there are none, and where there are 8 and more."""
    body = """b = Constant <value_ints = [-3]> ()  e = Constant <value_ints = [5]> ()  s = Slice (g, b, e, z)
      y = MatMul (s, w)"""
    analysis = found(tmp_path, FOUND, body, s0=0)
    assert kind_of(analysis, "g").shape == (100, 64)
    assert not kind_of(analysis, "g").is_sure


def test_a_length_that_a_value_of_the_data_decides_has_a_name(tmp_path: Path) -> None:
    """k is what data say, but at most 5: nobody knows how much less."""
    text = (
        HEAD
        + """g (float[5, 3] x, int64[1] k) => (y) {
      a = Constant <value_ints = [1]> ()  m = ReduceMax <keepdims = 0> (x, a)  t = Shape (m)  n = Min (t, k)
      v, i = TopK (m, n)  y = Exp (v) }"""
    )
    path = save(text, tmp_path)
    assert {name: (dim.value, dim.origin) for name, dim in dims_of(analyze(path).model).items()} == {"v.0": (5, "data")}
    assert kind_of(analyze(path, Settings(dims={"v.0": 2})), "y") == TensorType("float32", (2,))
