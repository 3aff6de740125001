"""A length that the user states of what a loop or scan makes tells how often its body runs."""

from pathlib import Path

import onnx
import pytest
from onnx import parser

from onnx_roofline.analysis.analyze import Analysis, analyze
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.base.errors import ShapeError, UsageError
from onnx_roofline.ci.assumptions import assumed_options
from onnx_roofline.ir.graph import TensorType
from onnx_roofline.ir.open_records import DataLengths, OpenBodies
from onnx_roofline.ir.records import Executions, TypedOp

HEAD = '<ir_version: 10, opset_import: ["": 21]>\n'
# A loop of m iterations, m an input: each gives out one slice and adds two rows to what it carries.
LOOP = (
    HEAD
    + """g (int64 m, float[1, 8] x, float[8, 8] w, float[3, 8] rows, float[2, 8] more) => (z, r) {
  yes = Constant <value = bool {1}> ()
  h, grown, s = Loop (m, yes, x, rows) <body = b (int64 i, bool ci, float[1, 8] hi, float[k, 8] ri)
      => (bool co, float[1, 8] ho, float[l, 8] ro, float[1, 8] so) {
    END  ho = MatMul (hi, w)  ro = Concat <axis = 0> (ri, more)  so = Identity (ho) }>
  z = MatMul (s, w)  r = Exp (grown)
}"""
)
PLAIN = LOOP.replace("END", "co = Identity (ci)")
# A scan over rows that data pick: at most 6.
SCAN = (
    HEAD
    + """g (float[6] x, float[6, 4] t, float[1, 4] zero) => (y) {
  found = NonZero (x)  ax = Constant <value_ints = [0]> ()  at = Squeeze (found, ax)  picked = Gather (t, at)
  last, all = Scan <num_scan_inputs = 1, scan_output_axes = [AXIS], body = b (float[1, 4] a, float[4] p)
      => (float[1, 4] n, float[1, 4] o) { n = Add (a, p)  o = Identity (n) }> (zero, picked)
  y = Exp (all)
}"""
)


def save(text: str, folder: Path) -> str:
    path = folder / "m.onnx"
    onnx.save(parser.parse_model(text), str(path))
    return str(path)


def trips(analysis: Analysis, op_type: str) -> tuple[int, str]:
    rows, executions = analysis.model.column(TypedOp), analysis.model.column(Executions)
    (found,) = [executions[key] for key, row in rows.items() if row.scope and row.op.op_type == op_type]
    return int(found.count), found.origin


def kind_of(analysis: Analysis, tensor: str) -> TensorType:
    rows = analysis.model.column(TypedOp).values()
    return next(kind for row in rows for name, kind in zip(row.op.outputs, row.outputs, strict=True) if name == tensor)


@pytest.mark.parametrize(
    ("stated", "count"),
    [
        ({"s.0": 9}, 9),  # a slice for each iteration
        ({"s.0": 0}, 0),
        ({"grown.0": 13}, 5),  # 3 + 2 * 5
        ({"s.0": 4, "grown.0": 11}, 4),
    ],
)
def test_a_stated_length_of_a_loop_is_its_trip_count(stated: dict[str, int], count: int, tmp_path: Path) -> None:
    path = save(PLAIN, tmp_path)
    assert trips(analyze(path), "MatMul") == (1, "assumed")
    analysis = analyze(path, Settings(dims=stated))
    assert trips(analysis, "MatMul") == (count, "bound")
    assert kind_of(analysis, "z") == TensorType("float32", (count, 1, 8))
    assert kind_of(analysis, "r") == TensorType("float32", (3 + 2 * count, 8))
    assert analysis.summary.counts.macs == count * 64 + count * 64
    assert analysis.model.warnings == ()


@pytest.mark.parametrize(
    ("stated", "count"),
    [
        ({"z.0": 9}, 9),  # a row of products for each slice
        ({"r.0": 13}, 5),  # 3 + 2 * 5
        ({"z.0": 4, "r.0": 11}, 4),
    ],
)
def test_a_stated_length_behind_a_loop_is_its_trip_count(stated: dict[str, int], count: int, tmp_path: Path) -> None:
    analysis = analyze(save(PLAIN, tmp_path), Settings(dims=stated))
    assert trips(analysis, "MatMul") == (count, "bound")
    assert kind_of(analysis, "z") == TensorType("float32", (count, 1, 8))
    assert kind_of(analysis, "r") == TensorType("float32", (3 + 2 * count, 8))
    assert analysis.summary.counts.macs == count * 64 + count * 64
    assert analysis.model.warnings == ()


# A second loop over the slices that a first one of k iterations stacked: a sum of 24 for each.
OVER_SLICES = (
    HEAD
    + """g (float[3, 8] x, int64 k) => (y) {
  yes = Constant <value = bool {1}> ()  zero = Constant <value_int = 0> ()
  h, s = Loop (k, yes, x) <body = b (int64 i, bool c, float[3, 8] a) => (bool co, float[3, 8] ao, float[3, 8] so) {
    co = Identity (c)  ao = Relu (a)  so = Identity (ao) }>
  shape = Shape (s)  count = Gather (shape, zero)
  last, y = Loop (count, yes, x) <body = b2 (int64 i, bool c, float[3, 8] a)
      => (bool co, float[3, 8] ao, float[3, 8] so) {
    co = Identity (c)  si = Gather (s, i)  ao = Add (a, si)  so = Identity (ao) }>
}"""
)


def test_the_trips_of_a_loop_over_what_another_stacked_are_asked_for_once(tmp_path: Path) -> None:
    analysis = analyze(save(OVER_SLICES, tmp_path))
    assert [(one.key, one.origin) for one in analysis.model.whole(OpenBodies).found] == [("2:Loop", "assumed")]
    assert trips(analysis, "Add") == (1, "assumed")
    assert [warning.where for warning in analysis.model.warnings] == ["2:Loop"]
    assert assumed_options(analysis) == (("trip counts",), ("--trip 2:Loop=1",))


@pytest.mark.parametrize(
    ("settings", "second"),
    [
        (Settings(trips={"2:Loop": 5}), "exact"),
        (Settings(dims={"s.0": 5}), "exact"),
        (Settings(dims={"y.0": 5}), "exact"),
        (Settings(values={"k": (5,)}), "exact"),
        (Settings(trips={"2:Loop": 5, "5:Loop": 5}), "bound"),
    ],
)
def test_who_states_the_first_loop_states_the_second(settings: Settings, second: str, tmp_path: Path) -> None:
    analysis = analyze(save(OVER_SLICES, tmp_path), settings)
    assert analysis.model.whole(OpenBodies).found == ()
    assert [(int(body.repeat or 0), body.origin) for body in analysis.model.column(TypedOp)["5:Loop"].bodies] == [
        (5, second)
    ]
    assert analysis.summary.counts.adds == 5 * 24
    assert kind_of(analysis, "y") == TensorType("float32", (5, 3, 8))


def test_a_second_loop_that_is_no_longer_than_the_first_is_refused_another_length(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--dim 'y.0': found 6, but node 5:Loop makes it 5; drop it"):
        analyze(save(OVER_SLICES, tmp_path), Settings(dims={"s.0": 5, "y.0": 6}))


def test_a_scan_over_what_data_pick_is_asked_for_by_its_length(tmp_path: Path) -> None:
    analysis = analyze(save(SCAN.replace("AXIS", "0"), tmp_path))
    assert trips(analysis, "Add") == (6, "data")
    assert analysis.model.whole(OpenBodies).found == ()
    assert [(one.name, one.value, one.origin) for one in analysis.model.whole(DataLengths).found] == [
        ("found.1", 6, "data")
    ]
    assert trips(analyze(save(SCAN.replace("AXIS", "0"), tmp_path), Settings(dims={"found.1": 4})), "Add") == (
        4,
        "exact",
    )


def test_a_stated_length_behind_what_a_loop_grows_is_its_trip_count(tmp_path: Path) -> None:
    """A loop that stacks nothing: 3 + 2 * 5 rows behind it."""
    text = PLAIN.replace("(z, r)", "(r)").replace("h, grown, s =", "h, grown =").replace(", float[1, 8] so)", ")")
    text = text.replace("  so = Identity (ho)", "").replace("z = MatMul (s, w)  ", "")
    analysis = analyze(save(text, tmp_path), Settings(dims={"r.0": 13}))
    assert trips(analysis, "MatMul") == (5, "bound")
    assert kind_of(analysis, "r") == TensorType("float32", (13, 8))


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        ({"r.0": 10}, r"--dim 'r.0'=10: found no size of 's.0' with which node 3:Exp makes it so; correct it"),
        ({"z.0": 4, "r.0": 10}, r"--dim 'r.0': found 10, but node 3:Exp makes it 11; drop it"),  # 3 + 2 * 4
        ({"z.0": 4, "r.0": 13}, r"--dim 'r.0': found 13, but node 3:Exp makes it 11; drop it"),
    ],
)
def test_lengths_behind_a_loop_that_no_trip_count_gives_are_refused(
    stated: dict[str, int], message: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=message):
        analyze(save(PLAIN, tmp_path), Settings(dims=stated))


# A loop of k iterations that stacks what one of j iterations inside it stacks.
NESTED = (
    HEAD
    + """g (float[3, 8] x, int64 k, int64 j) => (z) {
  yes = Constant <value = bool {1}> ()
  h, y = Loop (k, yes, x) <body = b (int64 i, bool c, float[3, 8] a) => (bool co, float[3, 8] ao, float[J, 3, 8] so) {
    co = Identity (c)
    ao, si = Loop (j, c, a) <body = b2 (int64 i2, bool c2, float[3, 8] a2)
        => (bool co2, float[3, 8] ao2, float[3, 8] so2) {
      co2 = Identity (c2)  ao2 = Neg (a2)  so2 = Identity (ao2) }>
    so = Exp (si) }>
  z = Relu (y)
}"""
)


def test_the_axes_behind_two_loops_state_both(tmp_path: Path) -> None:
    analysis = analyze(save(NESTED, tmp_path), Settings(dims={"z.0": 5, "z.1": 4}))
    assert kind_of(analysis, "z") == TensorType("float32", (5, 4, 3, 8))
    assert trips(analysis, "Neg") == (20, "bound")
    assert trips(analysis, "Exp") == (5, "bound")
    assert analysis.model.whole(OpenBodies).found == ()


def test_lengths_that_no_trip_count_gives_are_refused(tmp_path: Path) -> None:
    path = save(PLAIN, tmp_path)
    with pytest.raises(UsageError, match=r"--dim 'grown.0': found 10, but node 1:Loop makes it 11; drop it"):
        analyze(path, Settings(dims={"s.0": 4, "grown.0": 10}))
    with pytest.raises(UsageError, match=r"--dim 's.0': found 9, but node 1:Loop makes it 3; drop it"):
        analyze(path, Settings(dims={"s.0": 9}, trips={"1:Loop": 3}))
    with pytest.raises(UsageError, match=r"--dim 's.0': found 9, but node 1:Loop makes it 4; drop it"):
        analyze(path, Settings(dims={"s.0": 9}, values={"m": (4,)}))


@pytest.mark.parametrize("size", [2, 10])
def test_a_state_that_never_is_so_long_is_refused(size: int, tmp_path: Path) -> None:
    with pytest.raises(ShapeError, match=f"node 1:Loop: found {size} stated of a state that is 3 long and grows by 2"):
        analyze(save(PLAIN, tmp_path), Settings(dims={"grown.0": size}))


def test_a_state_that_doubles_is_followed(tmp_path: Path) -> None:
    path = save(PLAIN.replace("(ri, more)", "(ri, ri)"), tmp_path)
    analysis = analyze(path, Settings(dims={"grown.0": 48}))  # 3 * 2**4
    assert trips(analysis, "MatMul") == (4, "bound")
    assert kind_of(analysis, "r") == TensorType("float32", (48, 8))


def test_a_loop_that_data_end_takes_no_more_than_its_limit(tmp_path: Path) -> None:
    text = LOOP.replace(
        "END", "q = ReduceMax <keepdims = 0> (hi)  e = Constant <value_float = 3.0> ()  co = Less (q, e)"
    )
    path = save(text, tmp_path)
    assert trips(analyze(path, Settings(values={"m": (7,)})), "MatMul") == (7, "data")
    told = analyze(path, Settings(values={"m": (7,)}, dims={"s.0": 4}))
    assert trips(told, "MatMul") == (4, "bound")
    assert kind_of(told, "z") == TensorType("float32", (4, 1, 8))
    with pytest.raises(UsageError, match=r"--dim 's.0': found 8, but node 1:Loop makes it at most 7; correct it"):
        analyze(path, Settings(values={"m": (7,)}, dims={"s.0": 8}))


@pytest.mark.parametrize(
    ("axis", "name", "shape"), [(0, "all.0", (4, 1, 4)), (1, "all.1", (1, 4, 4)), (2, "all.2", (1, 4, 4))]
)
def test_a_stated_length_of_a_scan_is_its_trip_count(
    axis: int, name: str, shape: tuple[int, ...], tmp_path: Path
) -> None:
    path = save(SCAN.replace("AXIS", str(axis)), tmp_path)
    assert trips(analyze(path), "Add") == (6, "data")
    analysis = analyze(path, Settings(dims={name: 4}))
    assert trips(analysis, "Add") == (4, "bound")
    assert kind_of(analysis, "y") == TensorType("float32", shape)
