"""Caches that loops carry, and those of all layers that a loop takes one by one. All figures by hand."""

from pathlib import Path

import pytest
from test_cache_paths import NEW, OLD, ROW, TURN, analyzed, caches_of, keys_of, moved, operand_kind

from onnx_roofline.ir.records import Kernel, Live, Traffic

# A buffer of 100 positions, one of which an iteration writes.
BUFFER = "float16[2, 4, 100, 64]"
STEP = "yes = Constant <value = bool {1}> ()  n = Constant <value_int = 5> ()"


def generated(body: str, *, start: str = "", state: str = BUFFER, inputs: str = f", {BUFFER} past") -> str:
    """Five tokens: `body` makes `after` and the scores `s` of the state `before` and the key `new`."""
    return f"""g ({NEW} q, {NEW} k, int64[2, 4, 1, 64] at {inputs}) => (final, scores) {{
        {STEP}  {start}
        final, scores = Loop (n, yes, past) <body = b (int64 it, bool go, {state} before)
          => (bool on, {state} after, float16[2, 4, 1, W] s) {{
            on = Identity (go)  new = Relu (k)
            {body}
        }}>
    }}"""


def test_a_loop_updates_a_buffer_in_place(tmp_path: Path) -> None:
    body = f"after = ScatterElements <axis = 2> (before, at, new)  t = {TURN} (after)  s = MatMul (q, t)"
    analysis = analyzed(tmp_path, generated(body))
    assert caches_of(analysis).inputs == {"past"}
    # The row and its indices in, the row out, five times.
    assert moved(analysis, "ScatterElements") == [2 * ROW + 8 * ROW // 2]
    assert operand_kind(analysis) == "kv"
    assert caches_of(analysis).new_bytes("", "final") == 5 * ROW
    (cache,) = analysis.summary.caches.found
    assert (cache.name, cache.outputs) == ("past", ("final",))
    # A Transpose and a product read 100 positions each; the Transpose writes them, the update one, five times.
    assert (cache.read_bytes, cache.written_bytes) == (5 * 200 * ROW, 5 * 101 * ROW)


def test_a_loop_starts_with_an_empty_buffer(tmp_path: Path) -> None:
    """No input is a cache: what the loop carries is one."""
    start = "z = Constant <value_ints = [2, 4, 100, 64]> ()  f = ConstantOfShape (z)  past = Cast <to = 10> (f)"
    body = f"after = ScatterElements <axis = 2> (before, at, new)  t = {TURN} (after)  s = MatMul (q, t)"
    analysis = analyzed(tmp_path, generated(body, start=start, inputs=""))
    caches = caches_of(analysis)
    assert (caches.inputs, caches.states) == (set(), {("loop_5/body/", "before")})
    assert moved(analysis, "ScatterElements") == [2 * ROW + 8 * ROW // 2]
    assert operand_kind(analysis) == "kv"
    assert [one.name for one in analysis.summary.caches.found] == ["loop_5/body/before"]


def test_a_state_that_grows_is_a_cache(tmp_path: Path) -> None:
    """From 99 positions on; the body is costed at its last iteration, 103 positions and a new one."""
    body = f"after = Concat <axis = 2> (before, new)  t = {TURN} (after)  s = MatMul (q, t)"
    state = "float16[2, 4, P, 64]"
    analysis = analyzed(tmp_path, generated(body, state=state, inputs=f", {OLD} past"))
    assert caches_of(analysis).inputs == {"past"}
    assert moved(analysis, "Concat") == [2 * ROW]
    (key,) = keys_of(analysis, "Concat")
    assert analysis.model.column(Traffic)[key].naive_bytes == (103 + 1 + 104) * ROW
    assert operand_kind(analysis) == "kv"
    copied = analyzed(tmp_path, generated(body, state=state, inputs=f", {OLD} past"), backend="ort")
    assert moved(copied, "Concat") == [(103 + 1 + 104) * ROW]


@pytest.mark.parametrize(
    "body",
    [
        # Another tensor takes the place of the state: in the next iteration it is no cache.
        f"t = {TURN} (before)  s = MatMul (q, t)  after = Exp (before)",
        # What is added to the state comes in with each run alike, and no product reads it.
        "after = Neg (before)  s = Relu (q)",
    ],
)
def test_a_state_that_is_computed_anew_is_no_cache(body: str, tmp_path: Path) -> None:
    analysis = analyzed(tmp_path, generated(body).replace("past", "memory"))
    assert caches_of(analysis).inputs == set()
    assert caches_of(analysis).states == set()
    assert analysis.summary.caches.found == ()


LAYERS = "float16[3, 2, 4, 99, 64] past"


def test_a_scan_takes_the_caches_of_its_layers_one_by_one(tmp_path: Path) -> None:
    """Three layers of 99 positions in, of 100 out; each iteration writes one row."""
    text = f"""g ({NEW} q, float16[3, 2, 4, 1, 64] k, {LAYERS}) => (final, scores, present) {{
        final, scores, present = Scan (q, k, past) <num_scan_inputs = 2, body = b ({NEW} x, {NEW} kl, {OLD} layer)
          => ({NEW} xn, float16[2, 4, 1, 100] s, float16[2, 4, 100, 64] all) {{
            new = Relu (kl)  all = Concat <axis = 2> (layer, new)  t = {TURN} (all)  s = MatMul (x, t)  xn = Neg (x)
        }}>
    }}"""
    analysis = analyzed(tmp_path, text)
    assert caches_of(analysis).inputs == {"past"}
    assert moved(analysis, "Concat") == [2 * ROW]
    assert operand_kind(analysis) == "kv"
    assert caches_of(analysis).new_bytes("", "present") == 3 * ROW


@pytest.mark.parametrize(("backend", "layer", "append"), [("compiler", 0, 2), ("none", 2 * 99, 2 * 100)])
def test_a_loop_indexes_the_caches_of_its_layers(backend: str, layer: int, append: int, tmp_path: Path) -> None:
    """The number of the iteration picks a layer of a cache from outside, and the loop stacks the presents."""
    text = f"""g ({NEW} q, {NEW} k, {LAYERS}) => (final, present) {{
        yes = Constant <value = bool {{1}}> ()  n = Constant <value_int = 3> ()
        final, present = Loop (n, yes, q) <body = b (int64 it, bool go, {NEW} x)
          => (bool on, {NEW} y, float16[2, 4, 100, 64] all) {{
            on = Identity (go)  layer = Gather <axis = 0> (past, it)
            new = Relu (k)  all = Concat <axis = 2> (layer, new)  t = {TURN} (all)  s = MatMul (x, t)
            p = Softmax <axis = -1> (s)  y = MatMul (p, all)
        }}>
    }}"""
    analysis = analyzed(tmp_path, text, backend=backend)
    assert caches_of(analysis).inputs == {"past"}
    # Where the layer is copied, its number is read, too.
    assert moved(analysis, "Gather") == [layer * ROW + (8 if layer else 0)]
    assert moved(analysis, "Concat") == [append * ROW]
    assert operand_kind(analysis) == "kv"


@pytest.mark.parametrize(("backend", "copies"), [("compiler", 1), ("ort", 2)])
def test_a_buffer_that_a_loop_updates_is_held_once(backend: str, copies: int, tmp_path: Path) -> None:
    body = f"after = ScatterElements <axis = 2> (before, at, new)  t = {TURN} (after)  s = MatMul (q, t)"
    analysis = analyzed(tmp_path, generated(body), backend=backend)
    assert analysis.footprint.cache_bytes == copies * 100 * ROW
    key = keys_of(analysis, "ScatterElements")[0]
    alive = analysis.model.column(Live)[analysis.model.column(Kernel)[key].id].bytes
    # In the body the new row, and a copy of the buffer where one is made.
    assert alive == ROW + (copies - 1) * 100 * ROW
