"""What the report says of caches, and what a user says of them. All figures by hand."""

from pathlib import Path

import onnx
import pytest
from test_cache_paths import HEADER, NEW, OLD, ROW, TURN, analyzed, caches_of, moved

from onnx_roofline.base.errors import UsageError
from onnx_roofline.cli.main import main
from onnx_roofline.report.caches import caches_line
from onnx_roofline.report.document import build_document
from onnx_roofline.report.table import Shown, render
from onnx_roofline.report.text_table import Screen


def decode(past: str = "past", new: str = "new = Relu (k)") -> str:
    """Keys of 99 positions and a new one, turned and multiplied; nothing fuses with the Concat."""
    return f"""g ({NEW} q, {NEW} k, {OLD} {past}) => (y, all) {{
        {new}  all = Concat <axis = 2> ({past}, new)  keys = {TURN} (all)  y = MatMul (q, keys)
    }}"""


# The new row replaces one of a buffer of 100 by a mask, as exporters without a scatter write it.
MASKED = f"""g ({NEW} q, {NEW} k, float16[2, 4, 100, 64] past, bool[1, 1, 100, 1] at) => (y, present) {{
    new = Relu (k)  present = Where (at, new, past)  keys = {TURN} (present)  y = MatMul (q, keys)
}}"""
# An op of nobody reads the keys, so that nothing shows what they are for.
UNKNOWN = f"""g ({NEW} q, {NEW} k, {OLD} past) => (float16[2, 4, 1, 64] y, float16[2, 4, 100, 64] present) {{
    y, present = local.Attend (q, k, past)
}}"""


def test_the_report_says_what_is_read_and_written(tmp_path: Path) -> None:
    """The Transpose reads 100 rows and writes them, which the product reads: 200 KiB and 101 KiB, 199 KiB copied."""
    analysis = analyzed(tmp_path, decode())
    line = caches_line(analysis.summary.caches)
    moves = "204.8 kB read and 103.4 kB written per run"
    assert line == f"caches: 1 found, {moves} · COPIED whole, 203.8 kB of that: past by 2:Transpose"
    assert list(render(analysis, Screen(200), Shown(top=1, depth=1)))[2] == line


def test_a_model_without_caches_has_no_such_line(tmp_path: Path) -> None:
    assert caches_line(analyzed(tmp_path, f"g ({NEW} x) => (y) {{ y = Relu (x) }}").summary.caches) == ""


def test_the_document_has_each_cache(tmp_path: Path) -> None:
    found = build_document(analyzed(tmp_path, decode(), backend="ort")).caches
    (cache,) = found.found
    assert (cache.name, cache.origin, cache.outputs, cache.size_bytes) == ("past", "found", ("all",), 99 * ROW)
    # The Concat reads the past and writes 100 positions; the product reads those, the Transpose is a flag of it.
    assert (cache.read_bytes, cache.written_bytes) == ((99 + 100) * ROW, 100 * ROW)
    assert (cache.copied_bytes, cache.copied_by) == ((99 + 99) * ROW, ("1:Concat",))
    assert (found.read_bytes, found.written_bytes) == (cache.read_bytes, cache.written_bytes)


def test_a_masked_update_copies_the_cache(tmp_path: Path) -> None:
    """All 100 positions in and out of the Where, which is no append: one of them is new."""
    (cache,) = analyzed(tmp_path, MASKED).summary.caches.found
    assert cache.copied_by == ("1:Where", "2:Transpose")
    assert cache.copied_bytes == (100 + 99 + 100 + 99) * ROW


@pytest.mark.parametrize("text", [MASKED, decode("memory", "new = Identity (k)"), UNKNOWN])
def test_a_stated_cache_is_written_in_place(text: str, tmp_path: Path) -> None:
    """By a mask, under another name with rows that come in, and by an op of nobody."""
    name = "memory" if "memory" in text else "past"
    output = "all" if "memory" in text else "present"
    analysis = analyzed(tmp_path, text, caches={name: output})
    assert caches_of(analysis).inputs == {name}
    assert caches_of(analysis).new_bytes("", output) == ROW
    (cache,) = analysis.summary.caches.found
    assert (cache.is_stated, cache.outputs) == (True, (output,))
    if text == MASKED:
        # The mask of 100 bytes in, a row out; the Relu that makes it is in the same kernel.
        assert moved(analysis, "Where") == [100 + ROW]
    elif text != UNKNOWN:
        assert moved(analysis, "Concat") == [2 * ROW]


def test_a_stated_cache_may_have_two_axes(tmp_path: Path) -> None:
    """A state of 8 features that each run shifts: 15 rows of 16 B and a new one."""
    text = (
        "g (float16[1, 8] x, float16[15, 8] rows) => (y, kept) { kept = Concat <axis = 0> (rows, x)  y = Relu (kept) }"
    )
    assert moved(analyzed(tmp_path, text), "Concat") == [2 * 16 * 16]
    assert moved(analyzed(tmp_path, text, caches={"rows": "kept"}), "Concat") == [2 * 16]


@pytest.mark.parametrize("text", [decode(), MASKED])
def test_what_is_stated_to_be_no_cache_is_none(text: str, tmp_path: Path) -> None:
    analysis = analyzed(tmp_path, text, no_caches=("past",))
    assert caches_of(analysis).inputs == set()
    assert caches_line(analysis.summary.caches) == ""


def test_what_is_named_like_a_cache_may_be_one(tmp_path: Path) -> None:
    text = f"""g ({OLD} past_rows, {NEW} new_rows, float16 w) => (present_rows) {{
        s = Mul (past_rows, w)  e = Exp (s)  present_rows = Concat <axis = 2> (e, new_rows)
    }}"""
    found = analyzed(tmp_path, text).summary.caches
    assert caches_line(found) == (
        "caches: none found · past_rows may be one, COPIED whole to present_rows, 203.8 kB: "
        "--cache past_rows=present_rows or --no-cache past_rows"
    )
    # 99 positions in and 100 out.
    assert [one.copied_bytes for one in found.suspects] == [199 * ROW]
    stated = analyzed(tmp_path, text, caches={"past_rows": "present_rows"}).summary.caches
    assert [(one.name, one.is_stated) for one in stated.found] == [("past_rows", True)]
    assert stated.suspects == analyzed(tmp_path, text, no_caches=("past_rows",)).summary.caches.suspects == ()


@pytest.mark.parametrize(
    "result",
    [
        "y = MatMul (past_values, w)",  # a forecast is no cache of the past
        "y = Softmax <axis = 1> (past_values)",
        "y = ReduceMean (past_values)",  # smaller
    ],
)
def test_what_a_run_computes_of_past_values_is_no_cache(result: str, tmp_path: Path) -> None:
    weights = "s = Constant <value_ints = [8, 8]> ()  w = ConstantOfShape (s)"
    text = f"g (float[1, 48, 8] past_values) => (y) {{ {weights}  {result} }}"
    assert analyzed(tmp_path, text).summary.caches.suspects == ()


@pytest.mark.parametrize(
    ("caches", "refused", "message"),
    [
        ({"pats": "all"}, (), "--cache pats=all: found no input 'pats'; did you mean 'past'?"),
        ({"past": "alls"}, (), "--cache past=alls: found no output 'alls'; did you mean 'all'?"),
        ({"w": "y"}, (), "--cache w=y: found an input float16[], wanted a tensor with an axis for its rows"),
        ({"past": "z"}, (), "--cache past=z: 'z' doesn't depend on 'past'; wanted what a run makes of it"),
        ({"past": "all"}, ("past",), "--cache past=all: --no-cache names it too; drop one of the two"),
        ({"past": "y", "q": "y"}, (), "--cache: found 'past', 'q' for the output 'y', wanted one input"),
        ({}, ("pats",), "--no-cache pats: found no input of that name; did you mean 'past'?"),
    ],
)
def test_options_that_name_nothing_are_refused(
    caches: dict[str, str], refused: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    text = decode().replace(f"{OLD} past)", f"{OLD} past, float16 w)").replace("(y, all)", "(y, all, z)")
    text = text.replace("y = MatMul (q, keys)", "qs = Mul (q, w)  y = MatMul (qs, keys)  z = Neg (q)")
    with pytest.raises(UsageError) as refusal:
        analyzed(tmp_path, text, caches=caches, no_caches=refused)
    assert str(refusal.value) == f"{tmp_path / 'decode.onnx'}: {message}"


def test_the_command_line_takes_both_options(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "decode.onnx"
    onnx.save(onnx.parser.parse_model(HEADER + decode("memory", "new = Identity (k)")), path)
    command = ["analyze", str(path), "--system", "a100-attacc"]
    assert main([*command, "--cache", "memory=all"]) == 0
    assert "caches: 1 found (1 stated)" in capsys.readouterr().out
    assert main([*command, "--no-cache", "memory"]) == 0
    assert "caches:" not in capsys.readouterr().out
    assert main([*command, "--cache", "memory"]) == 2
    assert "--cache 'memory': wanted IN=OUT" in capsys.readouterr().err


# Two caches of one product, and outputs that are none of either.
PAIR = f"""g ({NEW} q, {NEW} k, {OLD} past, float16[2, 4, 64, 64] weights)
  => (y, all, turned, single, window, sums, scores) {{
    new = Relu (k)  all = Concat <axis = 2> (past, new)  turned = {TURN} (all)  y = MatMul (q, turned)
    single = Cast <to = 1> (all)  ax = Constant <value_ints = [2]> ()  sums = ReduceSum <keepdims = 1> (past, ax)
    s = Constant <value_ints = [50]> ()  e = Constant <value_ints = [99]> ()  window = Slice (past, s, e, ax)
    scores = MatMul (past, weights)
}}"""


@pytest.mark.parametrize(
    ("name", "output", "message"),
    [
        ("past", "y", "found 'y' float16[2, 4, 1, 100] for 'past' float16[2, 4, 99, 64], wanted what the next run"),
        ("past", "turned", "found 'turned' float16[2, 4, 64, 100] for 'past' float16[2, 4, 99, 64], wanted what"),
        ("past", "single", "found 'single' float32[2, 4, 100, 64] for 'past' float16[2, 4, 99, 64], wanted what"),
        ("past", "window", "found 'window' float16[2, 4, 49, 64] for 'past' float16[2, 4, 99, 64], wanted what"),
        ("past", "sums", "found 'sums' float16[2, 4, 1, 64] for 'past' float16[2, 4, 99, 64], wanted what the next"),
        ("past", "scores", "'scores' is computed from 'past' and has none of its rows; wanted what the next run takes"),
    ],
)
def test_an_output_that_is_no_cache_is_refused(name: str, output: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as refusal:
        analyzed(tmp_path, PAIR, caches={name: output})
    start = f"{tmp_path / 'decode.onnx'}: --cache {name}={output}: {message}"
    assert str(refusal.value).startswith(start)
    assert "\n" not in str(refusal.value)
    assert analyzed(tmp_path, PAIR, caches={name: "all"}).summary.caches.found[0].is_stated
