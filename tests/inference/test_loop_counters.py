"""Counters that end loops: behind casts, as floats, under Not, And and Or; and loops over what loops have made.

Every trip count is worked out by hand, and onnxruntime runs each loop and has the last word.
"""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import parser

from onnx_roofline.analysis.analyze import Analysis, analyze
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.cli.main import main
from onnx_roofline.ir.graph import TensorType
from onnx_roofline.ir.open_records import DataLengths, OpenBodies
from onnx_roofline.ir.records import TypedOp

HEAD = '<ir_version: 8, opset_import: ["": 15]>\n'
# A counter `a` of type T from START; each iteration makes `aa` of it and a product [1, 8] x [8, 8].
LOOP = (
    HEAD
    + """g (float[1, 8] x, float[8, 8] w) => (float[U, 1, 8] s, float[1, 8] h) {
  yes = Constant <value = bool {1}> ()  a0 = Constant <value = T {START}> ()  five = Constant <value = int32 {5}> ()
  m = Constant <value = int64 {LIMIT}> ()
  n, h, s = Loop (m, yes, a0, x) <body = b (int64 it, bool ci, T a, float[1, 8] hin)
      => (bool co, T aa, float[1, 8] hout, float[1, 8] so) {
    step = Constant <value = T {STEP}> ()  aa = Add (a, step)  hout = MatMul (hin, w)  so = Identity (hout)
    BODY
  }>
}"""
)
INT32_MAX = 2**31 - 1


def text_of(body: str, kind: str = "int32", start: str = "0", step: str = "1", limit: int = INT32_MAX) -> str:
    text = LOOP.replace("{START}", f"{{{start}}}").replace("{STEP}", f"{{{step}}}").replace("{LIMIT}", f"{{{limit}}}")
    for before in ("= T {", ", T a", ", T aa", "bool co, T aa"):
        text = text.replace(before, before.replace("T ", f"{kind} "))
    return text.replace("BODY", body)


def save(text: str, folder: Path) -> str:
    path = folder / "m.onnx"
    onnx.save(parser.parse_model(text), str(path))
    return str(path)


def kind_of(analysis: Analysis, tensor: str) -> TensorType:
    rows = analysis.model.column(TypedOp).values()
    return next(kind for row in rows for name, kind in zip(row.op.outputs, row.outputs, strict=True) if name == tensor)


def run(path: str, **feeds: np.ndarray) -> list[np.ndarray]:
    ort = pytest.importorskip("onnxruntime")
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    given = {"x": np.zeros((1, 8), np.float32), "w": np.zeros((8, 8), np.float32), **feeds}
    return session.run(None, {one.name: given[one.name] for one in session.get_inputs()})


# What data decide, and what holds after the first five iterations.
DATA = (
    "sum = ReduceSum <keepdims = 0> (hout)  z = Constant <value = float {0.0}> ()  go = Greater (sum, z) "
    "late = Constant <value = int64 {5}> ()  early = Less (it, late)"
)
FLOATS = "af = Cast <to = 1> (aa)  tf = Cast <to = 1> (five)"
COUNTED = {
    # aa = 1, 2, ... and the loop goes on while it is below 5
    "as floats": (text_of(f"{FLOATS}  co = Less (af, tf)"), 5),
    "greater, swapped": (text_of(f"{FLOATS}  co = Greater (tf, af)"), 5),
    "not less, under a not": (text_of(f"{FLOATS}  stop = GreaterOrEqual (af, tf)  co = Not (stop)"), 5),
    "not above": (text_of("stop = Greater (aa, five)  co = Not (stop)"), 6),
    "and what let it run": (text_of("go = Less (aa, five)  co = And (ci, go)"), 5),
    "and a constant": (text_of("t = Constant <value = bool {1}> ()  go = Less (aa, five)  co = And (go, t)"), 5),
    "the earlier of two": (text_of("three = Constant <value = int32 {3}> ()  a1 = Less (aa, five) "
                                   "a2 = LessOrEqual (aa, three)  co = And (a1, a2)"), 4),
    "neither above nor equal": (text_of("four = Constant <value = int32 {4}> ()  a1 = Greater (aa, five) "
                                        "a2 = Equal (aa, four)  any = Or (a1, a2)  co = Not (any)"), 4),
    "until it is equal": (text_of("same = Equal (aa, five)  co = Not (same)"), 5),
    "to int64 and back": (text_of("wide = Cast <to = 7> (aa)  narrow = Cast <to = 6> (wide)  co = Less (narrow, five)"),
                          5),
    "to a number and back to bool": (text_of("go = Less (aa, five)  n = Cast <to = 6> (go)  co = Cast <to = 9> (n)"),
                                     None),
    # 0.5, 1.0, ... below 5: 0.5 x 10 is not
    "a float counter": (text_of("tf = Cast <to = 1> (five)  co = Less (aa, tf)", "float", "0.0", "0.5"), 10),
    "a float counter and a fraction": (text_of("t = Constant <value = float {2.75}> ()  co = Less (aa, t)", "float",
                                               "0.0", "0.5"), 6),
    "a float counter down": (text_of("t = Constant <value = float {-1.0}> ()  co = GreaterOrEqual (aa, t)", "float",
                                     "2.0", "-1.0"), 4),
    "a float counter behind a cast to whole numbers": (
        text_of("whole = Cast <to = 6> (aa)  co = Less (whole, five)", "float", "0.0", "1.0"), 5),
    "a double counter": (text_of("td = Cast <to = 11> (five)  co = LessOrEqual (aa, td)", "double", "0.0", "1.0"), 6),
    "by the iteration": (text_of("itf = Cast <to = 1> (it)  tf = Cast <to = 1> (five)  co = Less (itf, tf)"), 6),
    "the limit first": (text_of(f"{FLOATS}  co = Less (af, tf)", limit=3), 3),
    # it < 5 holds after the iterations 0 to 4, so that a sixth one runs whatever the data say
    "the limit while one of two holds": (text_of(f"{DATA}  co = Or (go, early)", limit=6), 6),
    "the limit while not both fail": (text_of(f"{DATA}  n1 = Not (go)  n2 = Not (early)  both = And (n1, n2) "
                                              "co = Not (both)", limit=6), 6),
    "a counter while one of two holds": (text_of(f"{DATA}  or = Or (go, early)  two = Constant <value_int = 2> () "
                                                 "few = Less (it, two)  co = And (few, or)"), 3),
    "the limit before a comparison fails": (text_of("low = Constant <value = int32 {-1}> ()  up = Greater (aa, low) "
                                                    f"{DATA}  co = Or (go, up)", limit=2000), 2000),
    # the squares 1, 4, ... 25 are below 100
    "the limit before a product is large": (text_of("p = Mul (aa, aa)  t = Constant <value = int32 {100}> () "
                                                    "co = Less (p, t)", limit=6), 6),
}  # fmt: skip


@pytest.mark.parametrize(("text", "trips"), [case for case in COUNTED.values() if case[1]],
                         ids=[name for name, case in COUNTED.items() if case[1]])  # fmt: skip
def test_a_counter_ends_its_loop(text: str, trips: int, tmp_path: Path) -> None:
    path = save(text, tmp_path)
    analysis = analyze(path)
    assert kind_of(analysis, "s") == TensorType("float32", (trips, 1, 8))
    assert analysis.summary.counts.macs == trips * 8 * 8
    assert analysis.model.whole(OpenBodies).found == ()
    assert run(path)[0].shape == (trips, 1, 8)


def test_a_limit_that_outlasts_what_holds_is_an_upper_bound(tmp_path: Path) -> None:
    """A seventh iteration runs only if the data say so."""
    path = save(text_of(f"{DATA}  co = Or (go, early)", limit=7), tmp_path)
    (found,) = analyze(path).model.whole(OpenBodies).found
    assert (found.kind, found.taken, found.origin) == ("trips", "7", "data")
    assert run(path)[0].shape == (6, 1, 8)
    assert run(path, x=np.ones((1, 8), np.float32), w=np.ones((8, 8), np.float32))[0].shape == (7, 1, 8)


# What no float counts to: 2^24 + 1 is 2^24 again in float32, and 0.1 is a sum of no few powers of two.
UNCOUNTED = {
    "a counter that float32 rounds": text_of("t = Constant <value = float {16777300.0}> ()  co = Less (aa, t)", "float",
                                             "16777210.0", "1.0"),
    "a step that is no fraction of two": text_of("t = Constant <value = float {1000.0}> ()  co = Less (aa, t)", "float",
                                                 "0.0", "0.1"),
    "never equal": text_of("four = Constant <value = int32 {4}> ()  same = Equal (aa, four)  co = Not (same)", "int32",
                           "0", "3"),
    "what data end": text_of("sum = ReduceSum <keepdims = 0> (hout)  z = Constant <value = float {0.0}> () "
                             "co = Greater (sum, z)"),
}  # fmt: skip


# What has no closed form is run: as it rounds, and as casts cut it.
RUN = {
    "a counter behind a cast that rounds": text_of("af = Cast <to = 1> (aa)  t = Constant <value = float {16777300.0}> "
                                                   "()  co = Less (af, t)", "int32", "16777210"),
    "fractions that a cast cuts": text_of("whole = Cast <to = 6> (aa)  co = Less (whole, five)", "float", "0.0", "0.5"),
    "a cast to bool of a number": COUNTED["to a number and back to bool"][0],
}  # fmt: skip


@pytest.mark.parametrize("text", RUN.values(), ids=RUN)
def test_a_counter_that_is_rounded_or_cut_is_run(text: str, tmp_path: Path) -> None:
    path = save(text, tmp_path)
    (trips, *_) = run(path)[0].shape
    assert trips > 1
    assert kind_of(analyze(path), "s") == TensorType("float32", (trips, 1, 8))


@pytest.mark.parametrize("text", UNCOUNTED.values(), ids=UNCOUNTED)
def test_what_is_not_counted_is_assumed(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = save(text, tmp_path)
    assert main(["analyze", path, "--json", "-"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["tensors"]["s"]["shape"] == [1, 1, 8]
    assert document["tensors"]["s"]["origin"] == "assumed"
    (node,) = [node for node in document["graph"]["nodes"] if node["op_type"] == "Loop"]
    assert [body["origin"] for body in node["bodies"]] == ["assumed"]
    assert {node["executions_origin"] for node in node["bodies"][0]["graph"]["nodes"]} == {"assumed"}


@pytest.mark.parametrize(
    ("limit", "trips", "origin"),
    [
        (3_000_000_000, 3_000_000_000, "exact"),
        (2**31, 2**31, "exact"),
        (2**40 + 1, 2**40 + 1, "exact"),
        # what exporters write for "without end"
        (2**31 - 1, 1, "assumed"),
        (2**63 - 1, 1, "assumed"),
    ],
)
def test_a_trip_count_that_the_file_states_is_taken_as_stated(
    limit: int, trips: int, origin: str, tmp_path: Path
) -> None:
    analysis = analyze(save(text_of("co = Identity (ci)", limit=limit), tmp_path))
    (row,) = [row for row in analysis.model.column(TypedOp).values() if row.op.op_type == "Loop"]
    assert [(body.repeat, body.origin) for body in row.bodies] == [(trips, origin)]
    assert analysis.summary.counts.macs == trips * 64
    assert kind_of(analysis, "s").dims[0] == trips


@pytest.mark.parametrize("trips", [2**31, 3 * 10**9, 10**15])
def test_a_trip_count_that_the_user_states_is_taken_as_stated(
    trips: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        main(["analyze", save(UNCOUNTED["what data end"], tmp_path), "--trip", f"4:Loop={trips}", "--json", "-"]) == 0
    )
    document = json.loads(capsys.readouterr().out)
    assert document["totals"]["macs"] == trips * 64
    assert document["tensors"]["s"]["shape"] == [trips, 1, 8]
    assert "origin" not in document["tensors"]["s"]


# A second loop behind one of 5 iterations, over its counter, over what it stacked, or with its result as the limit.
AGAIN = """
  c2, h2, s2 = Loop (M, yes, C0, h) <body = b2 (int64 i2, bool k2, int32 c, float[1, 8] hin2)
      => (bool co2, int32 cc, float[1, 8] hout2, float[1, 8] so2) {
    one2 = Constant <value = int32 {1}> ()  cc = Add (c, one2)  hout2 = MatMul (hin2, w)  so2 = Identity (hout2)
    COND
  }>
}"""
SECOND = {
    "as often as the counter says": ("n64 = Cast <to = 7> (n)", "n64", "a0", "co2 = Identity (k2)", 5),
    "as often as slices were stacked": ("sh = Shape (s)  z1 = Constant <value_ints = [0]> ()  k = Gather (sh, z1)  "
                                        "k0 = Squeeze (k)", "k0", "a0", "co2 = Identity (k2)", 5),
    "until the counter of the first": ("", "m", "a0", "co2 = Less (cc, n)", 5),
    "from the counter of the first": ("ten = Constant <value = int32 {10}> ()", "m", "n",
                                      "cf = Cast <to = 1> (cc)  tf2 = Cast <to = 1> (ten)  co2 = Less (cf, tf2)", 5),
    "one more than the counter": ("one3 = Constant <value = int32 {1}> ()  more = Add (n, one3)  m2 = Cast <to = 7> "
                                  "(more)", "m2", "a0", "co2 = Identity (k2)", 6),
}  # fmt: skip


@pytest.mark.parametrize(("before", "limit", "start", "condition", "trips"), SECOND.values(), ids=SECOND)
def test_a_second_loop_over_what_the_first_made(
    before: str, limit: str, start: str, condition: str, trips: int, tmp_path: Path
) -> None:
    first = text_of(f"{FLOATS}  co = Less (af, tf)").rstrip().removesuffix("}")
    again = AGAIN.replace("(M,", f"({limit},").replace("C0", start).replace("COND", condition)
    text = (first + before + again).replace("float[1, 8] h)", "float[1, 8] h, float[V, 1, 8] s2)", 1)
    path = save(text, tmp_path)
    analysis = analyze(path)
    assert kind_of(analysis, "s") == TensorType("float32", (5, 1, 8))
    assert kind_of(analysis, "s2") == TensorType("float32", (trips, 1, 8))
    assert analysis.summary.counts.macs == (5 + trips) * 64
    assert run(path)[2].shape == (trips, 1, 8)


@pytest.mark.parametrize(("settings", "origin"), [({}, "assumed"), ({"dims": {"u.0": 6}}, "exact")])
def test_a_loop_over_a_length_that_data_decide(settings: dict[str, object], origin: str, tmp_path: Path) -> None:
    """As often as a Range is long: assumed where that is, exact where it is stated."""
    text = text_of("co = Identity (ci)").replace("m = Constant <value = int64 {2147483647}> ()", """
  z = Constant <value_int = 0> ()  one = Constant <value_int = 1> ()  u = Range (z, count, one)  us = Shape (u)
  m = Squeeze (us)""").replace("float[8, 8] w)", "float[8, 8] w, int64 count)")  # fmt: skip
    analysis = analyze(save(text, tmp_path), Settings(**settings))
    (row,) = [row for row in analysis.model.column(TypedOp).values() if row.op.op_type == "Loop"]
    trips = 6 if settings else analysis.model.whole(DataLengths).found[0].value
    assert [(body.repeat, body.origin) for body in row.bodies] == [(trips, origin)]
    assert kind_of(analysis, "s").dims == (trips, 1, 8)
    assert kind_of(analysis, "s").assumed == (not settings)
    assert kind_of(analysis, "h") == TensorType("float32", (1, 8)), "no iteration changes it"


def test_a_shape_that_a_loop_hands_on_is_known_inside(tmp_path: Path) -> None:
    """The converter of TensorFlow carries what does not change, here the shape [4, 6] of a Reshape."""
    text = (
        HEAD
        + """g (float[24] x) => (y) {
  yes = Constant <value = bool {1}> ()  m = Constant <value = int64 {3}> ()  to = Constant <value_ints = [4, 6]> ()
  last, y = Loop (m, yes, to) <body = b (int64 i, bool k, int64[2] size) => (bool d, int64[2] same, float[p, q] r) {
    d = Identity (k)  same = Identity (size)  r = Reshape (x, size)
  }>
}"""
    )
    analysis = analyze(save(text, tmp_path))
    assert kind_of(analysis, "y") == TensorType("float32", (3, 4, 6))
    assert kind_of(analysis, "r") == TensorType("float32", (4, 6))


@pytest.mark.parametrize(
    ("settings", "trips", "origin"),
    [
        ({}, 12, "data"),  # at most 3 * 4 elements are not zero
        ({"dims": {"i.1": 5}}, 5, "exact"),
        ({"trips": {"l": 7}}, 7, "bound"),
    ],
)
def test_a_loop_over_a_length_that_has_a_bound_runs_as_often_at_most(
    settings: dict[str, object], trips: int, origin: str, tmp_path: Path
) -> None:
    """One iteration for each element that is not zero, as a detector's loop over its boxes."""
    text = """<ir_version: 10, opset_import: ["": 21]>
g (float[3, 4] x, float[8, 8] w, float[8, 8] a) => (l) {
  i = NonZero (x)  sh = Shape (i)  one = Constant <value_int = 1> ()  n = Gather (sh, one)
  l = Loop (n, , a) <body = b (int64 it, bool c, float[8, 8] h) => (bool c2, float[8, 8] h2) {
    c2 = Identity (c)  h2 = MatMul (h, w)
  }>
}"""
    path = tmp_path / "m.onnx"
    onnx.save(parser.parse_model(text), str(path))
    analysis = analyze(str(path), Settings(**settings))
    assert analysis.summary.counts.macs == trips * 8 * 8 * 8
    (row,) = [row for row in analysis.model.column(TypedOp).values() if row.op.op_type == "Loop"]
    assert [(body.repeat, body.origin) for body in row.bodies] == [(trips, origin)]


@pytest.mark.parametrize(
    ("kind", "start", "body", "trips"),
    [
        ("int32", "1", "q = Add (aa, aa)  l = Constant <value = int32 {1000}> ()  co = Less (q, l)", 499),  # 2 * 500
        ("float", "1", "l = Constant <value = float {20.0}> ()  f2 = Constant <value = float {0.5}> () "
         "half = Mul (l, f2)  co = Less (aa, half)", 9),  # 2, 3, ... 10 is no longer below 20 / 2
        ("int32", "0", "t = Constant <value = int32 {6}> ()  r = Mod (aa, t)  z = Constant <value = int32 {0}> () "
         "e = Equal (r, z)  co = Not (e)", 6),
        ("int32", "0", "q = Mul (aa, aa)  l = Constant <value = int32 {50}> ()  co = Less (q, l)", 8),  # 64
    ],
)  # fmt: skip
def test_a_condition_without_a_closed_form_is_run(kind: str, start: str, body: str, trips: int, tmp_path: Path) -> None:
    path = save(text_of(body, kind, start, "1.0" if kind == "float" else "1"), tmp_path)
    assert kind_of(analyze(path), "s") == TensorType("float32", (trips, 1, 8))
    assert run(path)[0].shape == (trips, 1, 8)
