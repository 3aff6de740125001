"""Lengths that data decide: named, stated, swept, assumed, tied together, and listed with what hangs on them."""

import json
from pathlib import Path

import jsonschema
import onnx
import pytest
from onnx import parser

from onnx_roofline.analysis.analyze import Analysis, analyze
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.base.errors import UsageError
from onnx_roofline.cli.main import main
from onnx_roofline.inference.lengths import ASSUMED_LENGTH
from onnx_roofline.ir.graph import TensorType
from onnx_roofline.ir.open_records import DataLengths, dims_of
from onnx_roofline.ir.records import TypedOp
from onnx_roofline.report.contract import schema_of
from onnx_roofline.report.header import first_line
from tests.inference.speech import FRAMES, macs, save_speech_model

ROOT = Path(__file__).resolve().parents[2]
HEAD = '<ir_version: 10, opset_import: ["": 21]>\n'
N = ASSUMED_LENGTH

# Frames of a network that speaks: a sum of durations, known to nobody before the run.
FRAMED = (
    HEAD
    + """g (float[1, T] durations, float[64, 64, 3] w) => (y) {
  ax = Constant <value_ints = [0, 1]> ()  total = ReduceSum <keepdims = 0> (durations, ax)  n = Cast <to = 7> (total)
  z = Constant <value_int = 0> ()  one = Constant <value_int = 1> ()
  frames = Range (z, n, one)  f = Cast <to = 1> (frames)  sh = Constant <value_ints = [1, 1, -1]> ()
  r = Reshape (f, sh)  c = Constant <value_ints = [1, 64, 1]> ()  x = Tile (r, c)  y = Conv <pads = [1, 1]> (x, w)
}"""
)
# The same number in a Range and in a shape.
TWICE = (
    HEAD
    + """g (int64 n) => (y, s) {
  z = Constant <value_int = 0> ()  one = Constant <value_int = 1> ()  ax = Constant <value_ints = [0]> ()
  frames = Range (z, n, one)  f = Cast <to = 1> (frames)
  first = Constant <value_ints = [2, 3]> ()  last = Unsqueeze (n, ax)  sizes = Concat <axis = 0> (first, last)
  zeros = ConstantOfShape (sizes)  y = Add (zeros, f)  s = Shape <start = 0, end = 2> (zeros)
}"""
)
# At most 12 of 12 values are not zero.
FOUND = HEAD + "g (float[3, 4] x) => (y) { i = NonZero (x)  f = Cast <to = 1> (i)  y = Exp (f) }"


def save(text: str, folder: Path) -> str:
    path = folder / "m.onnx"
    onnx.save(parser.parse_model(text), str(path))
    return str(path)


def kind_of(analysis: Analysis, tensor: str) -> TensorType:
    rows = analysis.model.column(TypedOp).values()
    return next(kind for row in rows for name, kind in zip(row.op.outputs, row.outputs, strict=True) if name == tensor)


def lengths(analysis: Analysis) -> list[tuple[str, str, int, str, int]]:
    found = analysis.model.whole(DataLengths).found
    return [(one.name, one.key, one.value, one.origin, one.ops) for one in found]


def test_a_length_is_named_after_the_tensor_and_axis_where_it_arises(tmp_path: Path) -> None:
    analysis = analyze(save(FRAMED, tmp_path), Settings(dims={"T": 20}))
    # Range, Cast, Reshape, Tile, Conv
    assert lengths(analysis) == [("frames.0", "5:Range", N, "assumed", 5)]
    assert str(kind_of(analysis, "y")) == f"float32[1, 64, {N}]"
    assert kind_of(analysis, "y").assumed
    assert kind_of(analysis, "y").sure_axes == (0, 1), "batch and channels hold whatever the length is"
    named = f"5 ops hang on 5:Range, length unknown, ASSUMED {N}: --dim frames.0=N, or --observe"
    assert named in first_line(analysis)
    assert analysis.summary.status_counts["heuristic"] == 5
    assert analysis.summary.unknown_ops == 0
    assert dims_of(analysis.model)["frames.0"].origin == "assumed"


@pytest.mark.parametrize("size", [1, 400, 2**33])
def test_a_length_that_is_stated_is_exact(size: int, tmp_path: Path) -> None:
    analysis = analyze(save(FRAMED, tmp_path), Settings(dims={"T": 20, "frames.0": size}))
    assert kind_of(analysis, "y") == TensorType("float32", (1, 64, size))
    assert analysis.summary.counts.macs == 64 * 64 * 3 * size
    assert analysis.summary.status_counts["exact"] == analysis.summary.ops
    assert "hang" not in first_line(analysis)
    assert analysis.model.warnings == ()


def test_a_length_that_is_stated_where_it_is_used_fixes_the_one_where_it_arises(tmp_path: Path) -> None:
    """The Tile's last axis is as long as the Range: 50."""
    analysis = analyze(save(FRAMED, tmp_path), Settings(dims={"T": 20, "x.2": 50}))
    assert kind_of(analysis, "frames") == TensorType("int64", (50,))
    assert analysis.summary.counts.macs == 64 * 64 * 3 * 50
    assert analysis.summary.status_counts["heuristic"] == 0


def test_one_number_in_two_shapes_is_one_length(tmp_path: Path) -> None:
    path = save(TWICE, tmp_path)
    analysis = analyze(path)
    assert [one[0] for one in lengths(analysis)] == ["frames.0"]
    assert str(kind_of(analysis, "y")) == f"float32[2, 3, {N}]"
    # The first two sizes are stored.
    assert kind_of(analysis, "s").is_sure
    for stated in ({"frames.0": 9}, {"zeros.2": 9}):
        found = analyze(path, Settings(dims=stated))
        assert kind_of(found, "y") == TensorType("float32", (2, 3, 9)), stated
        assert kind_of(found, "frames") == TensorType("int64", (9,)), stated
        assert found.model.warnings == ()


def test_a_symbol_of_the_declarations_is_one_length(tmp_path: Path) -> None:
    """Two Ranges of different numbers, declared as long as each other: they meet in an Add."""
    text = (
        HEAD
        + """g (int64 n, int64 m) => (y) <int64[u0] a, int64[u0] b> {
  z = Constant <value_int = 0> ()  one = Constant <value_int = 1> ()
  a = Range (z, n, one)  b = Range (z, m, one)  y = Add (a, b)
}"""
    )
    analysis = analyze(save(text, tmp_path))
    assert [one[0] for one in lengths(analysis)] == ["a.0"]
    assert kind_of(analysis, "b").shape == (N,)


def test_a_length_with_an_upper_bound_is_named_and_taken_at_it(tmp_path: Path) -> None:
    path = save(FOUND, tmp_path)
    analysis = analyze(path)
    assert lengths(analysis) == [("i.1", "0:NonZero", 12, "data", 3)]
    assert "3 ops hang on 0:NonZero, length AT MOST 12: --dim i.1=N, or --observe" in first_line(analysis)
    stated = analyze(path, Settings(dims={"i.1": 5}))
    assert kind_of(stated, "y") == TensorType("float32", (2, 5))
    assert stated.summary.counts.transcendentals == 2 * 5
    assert kind_of(analyze(path, Settings(dims={"i.1": 12})), "y") == TensorType("float32", (2, 12))


def test_more_than_an_upper_bound_is_refused(tmp_path: Path) -> None:
    """3 * 4 values: no 13 of them are not zero."""
    with pytest.raises(UsageError, match=r"--dim 'i\.1': found 13, but node 0:NonZero makes it at most 12; correct it"):
        analyze(save(FOUND, tmp_path), Settings(dims={"i.1": 13}))


@pytest.mark.parametrize(
    ("dims", "message"),
    [
        ({"frames.1": 4}, None),
        ({"frame.0": 4}, "found no dim of that name"),
        ({"x.1": 63}, r"--dim 'x\.1': found 63, but node 10:Tile makes it 64; drop it"),
    ],
)
def test_what_is_no_length_that_data_decide(dims: dict[str, int], message: str | None, tmp_path: Path) -> None:
    path, settings = save(FRAMED, tmp_path), Settings(dims={"T": 20, **dims})
    if message is None:
        (warning,) = analyze(path, settings).model.warnings
        assert (warning.code, warning.where) == ("unused-option", "frames.1")
        return
    with pytest.raises(UsageError, match=message):
        analyze(path, settings)


def test_a_check_asks_for_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = save(FRAMED, tmp_path)
    assert main(["check", path, "--dim", "T=20", "--max", "macs=1G"]) == 2
    assert f"found dims that nobody stated; state them, for example --dim frames.0={N}" in capsys.readouterr().err
    assert main(["check", path, "--dim", "T=20", "--dim", "frames.0=400", "--max", "macs=4915200"]) == 0
    assert main(["check", path, "--dim", "T=20", "--dim", "frames.0=401", "--max", "macs=4915200"]) == 1


def test_it_is_swept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["analyze", save(FRAMED, tmp_path), "--dim", "T=20", "--sweep", "frames.0=1..4x2", "--json", "-"]
    assert main(arguments) == 0
    swept = json.loads(capsys.readouterr().out)["sweep"]
    assert [point["values"] for point in swept["points"]] == [[1], [2], [4]]


def test_the_json_says_where_it_comes_from(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyze", save(FRAMED, tmp_path), "--dim", "T=20", "--json", "-"]) == 0
    document = json.loads(capsys.readouterr().out)
    jsonschema.Draft202012Validator(schema_of("annotated-graph")).validate(document)
    dim = document["dims"]["frames.0"]
    assert (dim["value"], dim["origin"]) == (N, "assumed")
    assert dim["reason"] == "data decide it at 5:Range; 5 ops hang on it; assumed"
    assert document["tensors"]["y"]["origin"] == "assumed"
    assert "origin" not in document["tensors"]["n"], "a number of a known shape"


def test_an_assumed_length_that_contradicts_what_follows_is_as_what_follows_wants(tmp_path: Path) -> None:
    """Each frame adds to a stored table of 77 rows, after an upsampling by 7: there are 11."""
    text = (
        HEAD
        + """g (int64 n, float[77, 2] table) => (y) {
  z = Constant <value_int = 0> ()  one = Constant <value_int = 1> ()  frames = Range (z, n, one)
  ax = Constant <value_ints = [1]> ()  column = Unsqueeze (frames, ax)  f = Cast <to = 1> (column)
  by = Constant <value_ints = [7, 2]> ()  long = Tile (f, by)  y = Add (long, table)
}"""
    )
    analysis = analyze(save(text, tmp_path))
    assert [one[2:4] for one in lengths(analysis)] == [(11, "assumed")]
    assert kind_of(analysis, "y") == TensorType("float32", (77, 2))


def test_an_assumption_refuses_no_file(tmp_path: Path) -> None:
    """No number of frames is both 5 and 7 long; the file may run all the same, for what is fed is not known."""
    text = (
        HEAD
        + """g (int64 n, float[5] five, float[7] seven) => (a, b) {
  z = Constant <value_int = 0> ()  one = Constant <value_int = 1> ()  frames = Range (z, n, one)
  f = Cast <to = 1> (frames)  a = Add (f, five)  b = Add (f, seven)
}"""
    )
    analysis = analyze(save(text, tmp_path))
    assert kind_of(analysis, "a") == TensorType("float32", (5,))
    assert kind_of(analysis, "b") == TensorType("float32", (7,))


def test_a_reshape_of_known_size_to_sizes_that_data_decide_keeps_the_size(tmp_path: Path) -> None:
    """60 elements as [a, b, 2]: whatever a and b are, they are 30 together."""
    text = (
        HEAD
        + """g (float[3, 4, 5] x, int64[2] ab) => (y) {
  two = Constant <value_ints = [2]> ()  to = Concat <axis = 0> (ab, two)  r = Reshape (x, to)  y = Exp (r)
}"""
    )
    analysis = analyze(save(text, tmp_path))
    assert kind_of(analysis, "y").elements == 60
    assert kind_of(analysis, "y").sure_axes == (2,)
    assert kind_of(analyze(save(text, tmp_path), Settings(dims={"r.0": 10})), "y").shape == (10, 3, 2)


def test_one_open_size_of_a_reshape_follows_from_the_others(tmp_path: Path) -> None:
    text = (
        HEAD
        + """g (float[3, 4, 5] x, int64[1] a) => (y) {
  rest = Constant <value_ints = [2, 5]> ()  to = Concat <axis = 0> (a, rest)  r = Reshape (x, to)  y = Exp (r)
}"""
    )
    analysis = analyze(save(text, tmp_path))
    assert kind_of(analysis, "y") == TensorType("float32", (6, 2, 5))  # 60 / (2 * 5)
    assert lengths(analysis) == []


# Inputs and ops behind which `y` [float32] has one axis that data decide, its name, and the type when it is 7.
ARISING = {
    "Expand": ("int64[1] n", "k = Constant <value_ints = [3, 4]> ()  to = Concat <axis = 0> (n, k) "
               "o = Constant <value = float[1] {1.0}> ()  y = Expand (o, to)", "y.0", (7, 3, 4)),
    # as the older exporter guards a size that may be -1
    "Expand behind Where": ("int64[1] n", "k = Constant <value_ints = [3, 4]> ()  t = Concat <axis = 0> (n, k) "
                            "m = Constant <value_ints = [-1]> ()  e = Equal (t, m)  sh = Shape (t) "
                            "one = ConstantOfShape <value = int64[1] {1}> (sh)  to = Where (e, one, t) "
                            "o = Constant <value = float[1] {1.0}> ()  y = Expand (o, to)", "y.0", (7, 3, 4)),
    "Pad": ("float[3, 4] x, int64[1] n", "z = Constant <value_ints = [0]> ()  p = Concat <axis = 0> (z, z, z, n) "
            "y = Pad (x, p)", "y.1", (3, 7)),
    "Resize": ("float[1, 2, 8, 8] x, int64[1] n", "b = Constant <value_ints = [1, 2, 16]> () "
               "s = Concat <axis = 0> (b, n)  y = Resize (x, , , s)", "y.3", (1, 2, 16, 7)),
    "Slice": ("float[30, 4] x, int64[1] n", "z = Constant <value_ints = [0]> ()  y = Slice (x, z, n, z)", "y.0",
              (7, 4)),
    "TopK": ("float[30, 40] x, int64[1] n", "y, i = TopK (x, n)", "y.1", (30, 7)),
    "Split": ("float[30, 4] x, int64[2] n", "y, z = Split <axis = 0> (x, n)", "y.0", (7, 4)),
    "OneHot": ("int64[6] x, int64 n", "v = Constant <value_floats = [0.0, 1.0]> ()  y = OneHot (x, n, v)", "y.1",
               (6, 7)),
    "Tile": ("float[1, 4] x, int64[1] n", "o = Constant <value_ints = [1]> ()  k = Concat <axis = 0> (n, o) "
             "y = Tile (x, k)", "y.0", (7, 4)),
    "Unique": ("float[30] x", "y = Unique (x)", "y.0", (7,)),
    "Compress": ("float[30, 4] x, bool[30] c", "y = Compress <axis = 0> (x, c)", "y.0", (7, 4)),
    "GatherND of what NonZero finds": ("bool[30, 4] c, float[30, 4, 5] x", "i = NonZero (c)  t = Transpose (i) "
                                       "y = GatherND (x, t)", "i.1", (7, 5)),
    "HannWindow": ("int64 n", "y = HannWindow (n)", "y.0", (7,)),
    "Range of floats": ("float n", "z = Constant <value_float = 0.0> ()  o = Constant <value_float = 1.0> () "
                        "y = Range (z, n, o)", "y.0", (7,)),
    "Reshape": ("float[2, 3, 7] x, int64[1] n", "k = Constant <value_ints = [-1]> ()  to = Concat <axis = 0> (k, n) "
                "y = Reshape (x, to)", "y.1", (6, 7)),
    "SplitToSequence": ("float[30, 4] x, int64[3] n, int64 i", "q = SplitToSequence <axis = 0> (x, n) "
                        "y0 = SequenceAt (q, i)  y = Identity (y0)", "y0.0", None),
}  # fmt: skip


@pytest.mark.parametrize(("inputs", "ops", "name", "wanted"), ARISING.values(), ids=ARISING)
def test_every_op_whose_size_data_decide_names_it(
    inputs: str, ops: str, name: str, wanted: tuple[int, ...] | None, tmp_path: Path
) -> None:
    path = save(f"{HEAD}g ({inputs}) => (r) {{ {ops}  r = Exp (y) }}", tmp_path)
    analysis = analyze(path)
    assert analysis.summary.unknown_ops == 0
    found = kind_of(analysis, "r")
    assert found.is_known
    assert not found.is_sure
    stated = analyze(path, Settings(dims={name: 7}))
    if wanted is not None:
        assert name in [one[0] for one in lengths(analysis)]
        assert kind_of(stated, "r") == TensorType("float32", wanted)
        # Every other axis was sure before.
        axis = wanted.index(7)
        assert found.sure_axes == tuple(i for i in range(len(wanted)) if i != axis) or "Reshape" in ops
    else:
        assert kind_of(stated, "r").dims[0] == 7


def test_frames_of_one_phoneme_each_add_up(tmp_path: Path) -> None:
    """As the older exporter writes repeat_interleave: a Loop over 6 tokens, each repeated as often as data say."""
    text = (
        HEAD
        + """g (float[6, 4] x, int64[6] repeats) => (y) {
  m = Constant <value = int64 {6}> ()  yes = Constant <value = bool {1}> ()  none = SequenceEmpty <dtype = 1> ()
  pieces = Loop (m, yes, none) <body = b (int64 i, bool k, seq(float[q, 4]) before)
      => (bool d, seq(float[r, 4]) after) {
    d = Identity (k)  ax = Constant <value_ints = [0]> ()  row = Gather (x, i)  n = Gather (repeats, i)
    n1 = Unsqueeze (n, ax)  four = Constant <value_ints = [4]> ()  to = Concat <axis = 0> (n1, four)
    row2 = Unsqueeze (row, ax)  piece = Expand (row2, to)  after = SequenceInsert (before, piece) }>
  joined = ConcatFromSequence <axis = 0> (pieces)  y = Exp (joined)
}"""
    )
    path = save(text, tmp_path)
    analysis = analyze(path)
    assert str(kind_of(analysis, "y")) == "float32[6, 4]"  # one frame a token
    assert kind_of(analysis, "y").assumed
    assert kind_of(analysis, "y").sure_axes == (1,)
    assert analysis.summary.unknown_ops == 0
    assert kind_of(analyze(path, Settings(dims={"piece.0": 3})), "y").shape == (18, 4)  # 6 * 3
    assert kind_of(analyze(path, Settings(dims={"joined.0": 17})), "y") == TensorType("float32", (17, 4))


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_speech_model(tmp_path_factory.mktemp("speech") / "speech.onnx"))


def test_a_speech_model_has_a_full_report_without_arguments(speech: str) -> None:
    analysis = analyze(speech)
    summary = analysis.summary
    assert (summary.unknown_ops, summary.unknown_bytes_ops, summary.time_placed.untimed_kernels) == (0, 0, 0)
    assert summary.counts.macs == macs(analysis.model.dims["tokens"].value, N)
    (length,) = analysis.model.whole(DataLengths).found
    assert (length.name, length.op_type) == (f"{FRAMES}.0", "Range")
    assert f"{length.ops} ops hang on {length.key}, length unknown, ASSUMED {N}: --dim {FRAMES}.0=N" in first_line(
        analysis
    )


@pytest.mark.parametrize("frames", [1, 200])
def test_a_speech_model_of_a_stated_length_is_exact(frames: int, speech: str) -> None:
    analysis = analyze(speech, Settings(dims={"tokens": 40, f"{FRAMES}.0": frames}))
    assert analysis.summary.counts.macs == macs(40, frames)
    inexact = [row.op.op_type for row in analysis.model.column(TypedOp).values() if not row.outputs[0].is_sure]
    assert inexact == []


def test_a_speech_model_that_is_run_costs_what_its_stated_length_says(speech: str) -> None:
    pytest.importorskip("onnxruntime")
    observed = analyze(speech, Settings(dims={"tokens": 40}, observe="random"))
    frames = kind_of(observed, FRAMES).dims[0]
    assert 40 <= frames <= 40 * 50
    stated = analyze(speech, Settings(dims={"tokens": 40, f"{FRAMES}.0": frames}))
    assert observed.summary.counts.macs == stated.summary.counts.macs == macs(40, frames)
    assert observed.summary.naive_bytes == stated.summary.naive_bytes
    assert observed.model.whole(DataLengths).found == ()


def test_only_the_length_of_a_cache_hangs_on_a_total_that_nobody_knows(tmp_path: Path) -> None:
    """Batch, heads and head size are those of the past; 9 past tokens and one new one are at most 10."""
    text = """<ir_version: 10, opset_import: ["": 21, "com.microsoft": 1]>
g (float[1, 1, 96] q, float[1, 1, 9, 16] past_k, float[1, 1, 9, 16] past_v, int32[1] last, int32 total) => (y, k, v) {
  y, k, v = com.microsoft.GroupQueryAttention <num_heads = 4, kv_num_heads = 1> (q, , , past_k, past_v, last, total)
}"""
    analysis = analyze(save(text, tmp_path))
    assert [one[:4] for one in lengths(analysis)] == [
        ("k.2", "0:GroupQueryAttention", 10, "data"),
        ("v.2", "0:GroupQueryAttention", 10, "data"),
    ]
    assert kind_of(analysis, "k").sure_axes == (0, 1, 3)
