"""What may lie between a cache and the product that reads it, and what of it a run moves. All figures by hand."""

from collections.abc import Sequence
from pathlib import Path

import onnx
import pytest

from onnx_roofline.analysis.analyze import Analysis, analyze
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.ir.kernel_work import KernelWork
from onnx_roofline.ir.placed_records import Placement
from onnx_roofline.ir.records import Kernel, Traffic, TypedOp
from onnx_roofline.memory.kv_caches import Caches

# Bytes of one position of 2 sequences, 4 heads of 64 float16.
ROW = 2 * 4 * 64 * 2
HEADER = '<ir_version: 10, opset_import: ["": 21, "local": 1]>'


def analyzed(folder: Path, text: str, **settings: object) -> Analysis:
    path = folder / "decode.onnx"
    onnx.save(onnx.parser.parse_model(HEADER + text), path)
    return analyze(path, Settings(**{"system": "a100-attacc", **settings}))  # type: ignore[arg-type]


def caches_of(analysis: Analysis) -> Caches:
    return analysis.model.whole(Caches)


def keys_of(analysis: Analysis, op_type: str) -> list[str]:
    return [key for key, row in analysis.model.column(TypedOp).items() if row.op.op_type == op_type]


def moved(analysis: Analysis, op_type: str) -> list[int | None]:
    """Compulsory bytes of all ops of a type, in the order of the file."""
    return [analysis.model.column(Traffic)[key].compulsory_bytes for key in keys_of(analysis, op_type)]


def operand_kind(analysis: Analysis) -> str:
    """What the large operand of the last product is to the placement."""
    model = analysis.model
    kernel = model.column(Kernel)[keys_of(analysis, "MatMul")[-1]]
    return model.column(KernelWork)[kernel.id].resident


OLD, NEW = "float16[2, 4, 99, 64]", "float16[2, 4, 1, 64]"


def between(steps: str, *, old: str = OLD, new: str = NEW, more: str = "") -> str:
    """Scores of a query against keys, `keys` made by `steps` of the cache `all` of 100 positions."""
    return f"""g (float16[2, 4, 1, 64] q, {new} k, {old} past {more}) => (float16[2, 4, 1, 100] y, all) {{
        new = Identity (k)  all = Concat <axis = 2> (past, new)
        {steps}
        y = MatMul (q, keys)
    }}"""


SCALE = "cf = Constant <value_float = 0.35> ()  c = Cast <to = 10> (cf)"
TURN = "Transpose <perm = [0, 1, 3, 2]>"
INT8 = {"old": "int8[2, 4, 99, 64]", "new": "int8[2, 4, 1, 64]"}
GROUPED = {"old": "float16[2, 2, 99, 64]", "new": "float16[2, 2, 1, 64]"}
PATHS = {
    "scaled": (f"{SCALE} t = {TURN} (all)  keys = Mul (t, c)", {}),
    "scaled from the left": (f"{SCALE} t = {TURN} (all)  keys = Mul (c, t)", {}),
    "divided, then turned": (f"{SCALE} t = Div (all, c)  keys = {TURN} (t)", {}),
    "scaled by a root of its width": (
        f"""sh = Shape <start = 3> (q)  f = Cast <to = 10> (sh)  r = Sqrt (f)  c = Sqrt (r)
        t = {TURN} (all)  keys = Div (t, c)""",
        {},
    ),
    "scaled by an input": (f"t = {TURN} (all)  keys = Mul (t, c)", {"more": ", float16[1] c"}),
    "dequantised": (f"{SCALE} d = DequantizeLinear (all, c)  keys = {TURN} (d)", INT8),
    "dequantised by hand": (
        f"""{SCALE} zf = Constant <value_float = 3.0> ()  z = Cast <to = 10> (zf)  f = Cast <to = 10> (all)
        m = Sub (f, z)  d = Mul (m, c)  keys = {TURN} (d)""",
        INT8,
    ),
    "repeated by Expand": (
        f"""ax = Constant <value_ints = [2]> ()  u = Unsqueeze (all, ax)
        es = Constant <value_ints = [2, 2, 2, 100, 64]> ()  e = Expand (u, es)
        rs = Constant <value_ints = [2, 4, 100, 64]> ()  r = Reshape (e, rs)  keys = {TURN} (r)""",
        GROUPED,
    ),
    "repeated by Tile": (f"n = Constant <value_ints = [1, 2, 1, 1]> ()  r = Tile (all, n)  keys = {TURN} (r)", GROUPED),
    "repeated by Gather": (
        f"n = Constant <value_ints = [0, 0, 1, 1]> ()  r = Gather <axis = 1> (all, n)  keys = {TURN} (r)",
        GROUPED,
    ),
    "without padding": (
        f"""{SCALE} z = Constant <value = bool {{0}}> ()  of = Constant <value_float = 0.0> ()  o = Cast <to = 10> (of)
        w = Where (z, o, all)  keys = {TURN} (w)""",
        {},
    ),
}


@pytest.mark.parametrize("backend", ["compiler", "none"])
@pytest.mark.parametrize("path", PATHS)
def test_the_large_operand_is_still_the_cache(path: str, backend: str, tmp_path: Path) -> None:
    steps, shapes = PATHS[path]
    analysis = analyzed(tmp_path, between(steps, **shapes), backend=backend)
    assert caches_of(analysis).inputs == {"past"}
    assert caches_of(analysis).holds("", "keys")
    assert operand_kind(analysis) == "kv"


@pytest.mark.parametrize(
    ("path", "added"),
    [
        ("scaled", ROW),
        # int8 rows of half the bytes become float16 ones.
        ("dequantised by hand", ROW),
        # 2 of 4 heads are kept, and each is read twice.
        ("repeated by Tile", ROW),
    ],
)
def test_a_copy_has_its_share_of_new_bytes(path: str, added: int, tmp_path: Path) -> None:
    steps, shapes = PATHS[path]
    assert caches_of(analyzed(tmp_path, between(steps, **shapes))).new_bytes("", "keys") == added


@pytest.mark.parametrize(
    "steps",
    [
        f"n = Relu (q)  r = ReduceMax (n)  t = {TURN} (all)  keys = Mul (t, r)",  # a factor that this run computes
        f"{SCALE} t = {TURN} (all)  keys = Div (c, t)",  # no scaled cache: its inverse
        f"t = {TURN} (all)  keys = Exp (t)",
    ],
)
def test_what_a_run_computes_of_a_cache_is_none(steps: str, tmp_path: Path) -> None:
    analysis = analyzed(tmp_path, between(steps))
    assert not caches_of(analysis).holds("", "keys")
    assert operand_kind(analysis) == "activation"


def test_scales_of_quantised_rows_are_a_cache_of_their_own(tmp_path: Path) -> None:
    """One float16 for each row: 2 * 4 * 99 of them come in, 2 * 4 are added."""
    text = f"""g (float16[2, 4, 1, 64] q, int8[2, 4, 1, 64] k, float16[2, 4, 1, 1] s,
               int8[2, 4, 99, 64] past, float16[2, 4, 99, 1] past_s) => (y, all, all_s) {{
        new = Identity (k)  all = Concat <axis = 2> (past, new)
        scales = Abs (s)  all_s = Concat <axis = 2> (past_s, scales)
        f = Cast <to = 10> (all)  d = Mul (f, all_s)  keys = {TURN} (d)  y = MatMul (q, keys)
    }}"""
    analysis = analyzed(tmp_path, text)
    assert caches_of(analysis).inputs == {"past", "past_s"}
    assert operand_kind(analysis) == "kv"
    # Rows of int8 and scales of float16, in and out.
    assert moved(analysis, "Concat") == [2 * ROW // 2, 2 * 2 * 4 * 2]


# Pieces of past [3, 2, 4, 99, 64], three layers: the layer is read where it lies.
LAYER = 99 * ROW
PIECES = {
    "Gather": "i = Constant <value_int = 1> ()  layer = Gather <axis = 0> (past, i)",
    "Gather of one": """i = Constant <value_ints = [1]> ()  l = Gather <axis = 0> (past, i)
        ax = Constant <value_ints = [0]> ()  layer = Squeeze (l, ax)""",
    "Slice": """s = Constant <value_ints = [1]> ()  e = Constant <value_ints = [2]> ()
        ax = Constant <value_ints = [0]> ()  l = Slice (past, s, e, ax)  layer = Squeeze (l, ax)""",
    "Split": """z, l, o = Split <axis = 0, num_outputs = 3> (past)
        ax = Constant <value_ints = [0]> ()  layer = Squeeze (l, ax)""",
}


def layered(piece: str, stack: str = "", outputs: str = "all") -> str:
    return f"""g (float16[2, 4, 1, 64] q, float16[2, 4, 1, 64] k, float16[3, 2, 4, 99, 64] past) => (y, {outputs}) {{
        {piece}
        new = Relu (k)  all = Concat <axis = 2> (layer, new)  keys = {TURN} (all)  y = MatMul (q, keys)
        {stack}
    }}"""


@pytest.mark.parametrize("piece", PIECES)
def test_a_layer_of_stacked_caches_is_no_copy(piece: str, tmp_path: Path) -> None:
    op_type = piece.partition(" ")[0]
    shared = analyzed(tmp_path, layered(PIECES[piece]))
    assert caches_of(shared).inputs == {"past"}
    assert moved(shared, op_type) == [0]
    assert all(not shared.model.column(Kernel)[key].id for key in keys_of(shared, op_type))
    (key,) = keys_of(shared, op_type)
    assert shared.model.column(Placement)[key].explanation == "a part of a cache is read where it lies"
    # The new row, in and out.
    assert moved(shared, "Concat") == [2 * ROW]
    copied = analyzed(tmp_path, layered(PIECES[piece]), backend="none")
    traffic = copied.model.column(Traffic)[keys_of(copied, op_type)[0]]
    # All three layers out of a Split.
    assert traffic.write_bytes == (LAYER,) * (3 if op_type == "Split" else 1)
    assert moved(copied, "Concat") == [2 * 100 * ROW]
    assert operand_kind(copied) == operand_kind(shared) == "kv"


@pytest.mark.parametrize(
    ("indices", "size"),
    [
        ("i = Constant <value_ints = [0, 2]> ()", 0),  # every second layer: a stride, of which the Transpose is made
        ("i = Constant <value_ints = [2, 0, 1]> ()", 2 * 3 * LAYER + 3 * 8),  # in another order: a copy
        ("i = Identity (order)", 2 * 3 * LAYER + 3 * 8),  # the run says in which
    ],
)
def test_layers_in_another_order_are_copied(indices: str, size: int, tmp_path: Path) -> None:
    text = f"""g (float16[1, 2, 4, 1, 64] q, float16[3, 2, 4, 99, 64] past, int64[3] order) => (y) {{
        {indices}  layers = Gather <axis = 0> (past, i)  keys = Transpose <perm = [0, 1, 2, 4, 3]> (layers)
        y = MatMul (q, keys)
    }}"""
    analysis = analyzed(tmp_path, text, backend="compiler")
    (found,) = (analysis.model.column(Traffic)[key] for key in keys_of(analysis, "Gather"))
    assert caches_of(analysis).inputs == {"past"}
    # The kernel that turns them reads two layers, and which ones.
    assert (found.naive_bytes == size) if size else (found.compulsory_bytes == 2 * LAYER + 2 * 8)


def test_the_beams_of_a_search_reorder_their_caches(tmp_path: Path) -> None:
    """A copy of all sequences, which the report names."""
    text = f"""g ({NEW} q, {NEW} k, {OLD} past, int64[2] beams) => (y, all) {{
        mine = Gather <axis = 0> (past, beams)  new = Relu (k)  all = Concat <axis = 2> (mine, new)
        keys = {TURN} (all)  y = MatMul (q, keys)
    }}"""
    (found,) = analyzed(tmp_path, text).summary.caches.found
    assert found.name == "past"
    # The Gather reads and writes 99 rows; the Concat reads those, and writes them with a new one; the Transpose reads
    # and writes 100, one of them new.
    assert found.copied_bytes == (2 * 99 + 2 * 99 + 100 + 99) * ROW
    assert found.copied_by == ("0:Gather", "2:Concat", "3:Transpose")


STACKS = {
    "Concat": """ax = Constant <value_ints = [0]> ()  one = Constant <value_int = 0> ()
        two = Constant <value_int = 2> ()  a = Gather <axis = 0> (past, one)  b = Gather <axis = 0> (past, two)
        alla = Concat <axis = 2> (a, new)  allb = Concat <axis = 2> (b, new)
        ua = Unsqueeze (alla, ax)  u = Unsqueeze (all, ax)  ub = Unsqueeze (allb, ax)
        present = Concat <axis = 0> (ua, u, ub)""",
    "all layers at once": """ax = Constant <value_ints = [0]> ()  u = Unsqueeze (new, ax)
        news = Concat <axis = 0> (u, u, u)  present = Concat <axis = 3> (past, news)""",
}


def test_layers_that_are_stacked_again_are_no_copy(tmp_path: Path) -> None:
    shared = analyzed(tmp_path, layered(PIECES["Gather"], STACKS["Concat"], "present"))
    # Three appends of a row, in and out; the stack moves nothing.
    assert moved(shared, "Concat") == [2 * ROW] * 3 + [0]
    assert caches_of(shared).new_bytes("", "present") == 3 * ROW
    copied = analyzed(tmp_path, layered(PIECES["Gather"], STACKS["Concat"], "present"), backend="ort")
    assert moved(copied, "Concat")[-1] == 2 * 3 * 100 * ROW


def test_rows_of_all_layers_may_be_appended_at_once(tmp_path: Path) -> None:
    """The layer `all` is made beside: it is a copy, since its rows go into a buffer of their own."""
    shared = analyzed(tmp_path, layered(PIECES["Gather"], STACKS["all layers at once"], "present"))
    (stack,) = (key for key, row in shared.model.column(TypedOp).items() if "present" in row.op.outputs)
    assert shared.model.column(Traffic)[stack].compulsory_bytes == 2 * 3 * ROW


def test_a_layer_that_is_taken_twice_can_grow_once(tmp_path: Path) -> None:
    """Both of layer 1: the rows of one append would overwrite those of the other."""
    twice = f"""i = Constant <value_int = 1> ()  layer = Gather <axis = 0> (past, i)
        again = Gather <axis = 0> (past, i)  other = Neg (k)  both = Concat <axis = 2> (again, other)  t = {TURN} (both)
        z = MatMul (q, t)"""
    analysis = analyzed(tmp_path, layered(twice, "", "z, all, both"))
    assert moved(analysis, "Concat") == [2 * 100 * ROW] * 2


def test_a_layer_may_be_scattered_back(tmp_path: Path) -> None:
    """A buffer of 100 positions for each of three layers; one row of one layer is written, and the layer put back."""
    text = f"""g (float16[2, 4, 1, 64] q, float16[2, 4, 1, 64] k, float16[3, 2, 4, 100, 64] past, int64[2, 4, 1, 64] at)
      => (y, present) {{
        i = Constant <value_int = 1> ()  layer = Gather <axis = 0> (past, i)
        new = Relu (k)  all = ScatterElements <axis = 2> (layer, at, new)  keys = {TURN} (all)  y = MatMul (q, keys)
        ax = Constant <value_ints = [0]> ()  u = Unsqueeze (all, ax)
        to = Constant <value_ints = [1, 1]> ()  p = Constant <value_ints = [1]> ()  at_1 = Reshape (p, to)
        present = ScatterND (past, at_1, u)
    }}"""
    analysis = analyzed(tmp_path, text)
    # Row and its index in, row out.
    assert moved(analysis, "ScatterElements") == [2 * ROW + 8 * ROW // 2]
    assert moved(analysis, "ScatterND") == [0]
    assert caches_of(analysis).new_bytes("", "present") == ROW


@pytest.mark.parametrize("order", ["append, then drop", "drop, then append"])
@pytest.mark.parametrize(("backend", "expected"), [("compiler", 2 * ROW), ("none", 2 * 100 * ROW)])
def test_a_window_slides_over_its_buffer(order: str, backend: str, expected: int, tmp_path: Path) -> None:
    """The last 99 of 100 positions stay: one row is written over the oldest."""
    slices = """s = Constant <value_ints = [1]> ()  e = Constant <value_ints = [1000]> ()
        ax = Constant <value_ints = [2]> ()  new = Relu (k)"""
    steps = {
        "append, then drop": f"all = Concat <axis = 2> (past, new)  keys = {TURN} (all)  kept = Slice (all, s, e, ax)",
        "drop, then append": f"old = Slice (past, s, e, ax)  kept = Concat <axis = 2> (old, new)  keys = {TURN} (kept)",
    }[order]
    rows = 100 if order.startswith("append") else 99
    text = f"""g (float16[2, 4, 1, 64] q, float16[2, 4, 1, 64] k, float16[2, 4, 99, 64] past) => (y, kept) {{
        {slices}  {steps}  y = MatMul (q, keys)
    }}"""
    analysis = analyzed(tmp_path, text, backend=backend)
    assert caches_of(analysis).new_bytes("", "kept") == ROW
    assert moved(analysis, "Concat") == [expected if backend == "compiler" else 2 * rows * ROW]
    assert operand_kind(analysis) == "kv"
    if backend == "compiler":
        assert moved(analysis, "Slice") == [0]


def test_a_cache_of_which_a_row_is_given_out_is_not_kept(tmp_path: Path) -> None:
    """Only the newest row leaves: nothing shows that the buffer stays for the next run."""
    text = f"""g (float16[2, 4, 1, 64] q, float16[2, 4, 1, 64] k, float16[2, 4, 99, 64] past) => (y, last) {{
        s = Constant <value_ints = [99]> ()  e = Constant <value_ints = [100]> ()  ax = Constant <value_ints = [2]> ()
        new = Relu (k)  all = Concat <axis = 2> (past, new)  keys = {TURN} (all)  y = MatMul (q, keys)
        last = Slice (all, s, e, ax)
    }}"""
    assert moved(analyzed(tmp_path, text), "Concat") == [2 * 100 * ROW]


def test_presents_of_attention_ops_may_be_stacked(tmp_path: Path) -> None:
    """Two caches go in side by side, [2, 2, 4, 99, 64], and come out so."""
    header = '<ir_version: 11, opset_import: ["": 23]>'
    text = """g (float16[2, 4, 1, 64] q, float16[2, 4, 1, 64] k, float16[2, 4, 1, 64] v, float16[2, 2, 4, 99, 64] kv)
      => (y, present) {
        z = Constant <value_int = 0> ()  o = Constant <value_int = 1> ()  ax = Constant <value_ints = [0]> ()
        pk = Gather <axis = 0> (kv, z)  pv = Gather <axis = 0> (kv, o)
        y, ok, ov = Attention (q, k, v, , pk, pv)
        uk = Unsqueeze (ok, ax)  uv = Unsqueeze (ov, ax)  present = Concat <axis = 0> (uk, uv)
    }"""
    path = tmp_path / "m.onnx"
    onnx.save(onnx.parser.parse_model(header + text), path)
    analysis = analyze(path, Settings(system="a100-attacc"))
    assert caches_of(analysis).inputs == {"kv"}
    assert moved(analysis, "Gather") == [0, 0]
    assert moved(analysis, "Concat") == [0]
    # q, k, v and y; both pasts in, a row of each out
    assert moved(analysis, "Attention") == [(4 + 2 * 99 + 2) * ROW]


def called(layers: Sequence[str]) -> str:
    """Each layer's append and scores in a function, as exporters with modules write it."""
    calls = " ".join(f"y{one}, all{one} = local.Scores (q, k{one}, past{one})" for one in layers)
    inputs = ", ".join(f"float16[2, 4, 1, 64] k{one}, float16[2, 4, 99, 64] past{one}" for one in layers)
    outputs = ", ".join(f"y{one}, all{one}" for one in layers)
    return f"""g (float16[2, 4, 1, 64] q, {inputs}) => ({outputs}) {{ {calls} }}
    <domain: "local", opset_import: ["": 21]>
    Scores (query, key, earlier) => (scores, together) {{
        new = Relu (key)  together = Concat <axis = 2> (earlier, new)  turned = {TURN} (together)
        scores = MatMul (query, turned)
    }}"""


@pytest.mark.parametrize("layers", ["a", "ab", "abc"])
def test_a_function_appends_to_the_caches_of_its_calls(layers: str, tmp_path: Path) -> None:
    analysis = analyzed(tmp_path, called(layers))
    assert caches_of(analysis).inputs == {f"past{one}" for one in layers}
    assert all(caches_of(analysis).new_bytes("", f"all{one}") == ROW for one in layers)
    assert moved(analysis, "Concat") == [2 * ROW]  # one row of the body, which runs for each layer
    assert operand_kind(analysis) == "kv"
    caches = analysis.summary.caches
    assert [(one.name, one.outputs) for one in caches.found] == [(f"past{one}", (f"all{one}",)) for one in layers]
    # The Transpose and the product read 100 positions each; the append writes one, the Transpose 100.
    assert [(one.read_bytes, one.written_bytes) for one in caches.found] == [(200 * ROW, 101 * ROW)] * len(layers)
    assert (caches.read_bytes, caches.written_bytes) == (len(layers) * 200 * ROW, len(layers) * 101 * ROW)


def test_a_function_that_also_gets_what_is_no_cache_has_none(tmp_path: Path) -> None:
    text = called("ab").replace("float16[2, 4, 99, 64] pastb", "float16[2, 4, 99, 64] b").replace(
        "yb, allb = local.Scores (q, kb, pastb)", "pastb = Exp (b)  yb, allb = local.Scores (q, kb, pastb)"
    )  # fmt: skip
    analysis = analyzed(tmp_path, text)
    assert moved(analysis, "Concat") == [2 * 100 * ROW]


def test_a_branch_may_leave_the_cache_as_it_is(tmp_path: Path) -> None:
    """One branch appends a row, the other hands on what came in; both are the cache."""
    text = f"""g ({NEW} q, {NEW} k, {OLD} past, bool more) => (y, present) {{
        present = If (more) <
          then_branch = a () => (float16[2, 4, 100, 64] all) {{ new = Relu (k)  all = Concat <axis = 2> (past, new) }},
          else_branch = b () => ({OLD} same) {{ same = Identity (past) }}>
        keys = {TURN} (present)  y = MatMul (q, keys)
    }}"""
    analysis = analyzed(tmp_path, text)
    assert caches_of(analysis).inputs == {"past"}
    assert caches_of(analysis).new_bytes("", "present") == ROW
    assert moved(analysis, "Concat") == [2 * ROW]
    assert operand_kind(analysis) == "kv"


@pytest.mark.parametrize(("backend", "copies"), [("compiler", 0), ("ort", 1)])
def test_caches_in_place_are_held_once_in_functions_as_well(backend: str, copies: int, tmp_path: Path) -> None:
    analysis = analyzed(tmp_path, called("ab"), backend=backend)
    # Of each layer 100 positions, and the 99 of before where a copy is made.
    assert analysis.footprint.cache_bytes == 2 * (100 + copies * 99) * ROW


@pytest.mark.parametrize(("backend", "copies"), [("compiler", 0), ("ort", 1)])
def test_a_stack_of_caches_in_place_is_held_once(backend: str, copies: int, tmp_path: Path) -> None:
    analysis = analyzed(tmp_path, layered(PIECES["Gather"], STACKS["Concat"], "present"), backend=backend)
    assert analysis.footprint.cache_bytes == 3 * (100 + copies * 99) * ROW
    scores = 2 * 4 * 100 * 2
    # In place: q, the new row, the keys turned round, and the scores while the product runs. With copies: the scores,
    # the new row, the old and the new positions of the last layer, and the new ones of the other two.
    wanted = 400 * ROW + scores if copies else 102 * ROW + scores
    assert analysis.summary.peak_activation_bytes == wanted
