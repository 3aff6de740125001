"""Which tensors are alive while an op runs; the bytes are added up by hand."""

from fractions import Fraction
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper
from small_models import analysed, key_of, save

from onnx_roofline.analysis.analyze import Analysis
from onnx_roofline.ir.records import Live

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64
SQUARE = 64 * 64 * 4


def test_asking_for_a_shape_keeps_no_tensor_alive(tmp_path: Path) -> None:
    """Relu -> Shape, whose value is used last: the result of Relu is dead once Exp has read it."""
    nodes = [
        helper.make_node("Relu", ["x"], ["r"]),
        helper.make_node("Shape", ["r"], ["s"]),
        helper.make_node("Exp", ["r"], ["e"]),
        helper.make_node("Abs", ["e"], ["a"]),
        helper.make_node("Sigmoid", ["a"], ["b"]),
        helper.make_node("Cast", ["s"], ["c"], to=FLOAT),
        helper.make_node("ReduceSum", ["c"], ["y"], keepdims=0),
    ]
    path = save(tmp_path, nodes, {"x": (FLOAT, (64, 64))}, {"b": (FLOAT, (64, 64)), "y": (FLOAT, ())})
    analysis = analysed(path)
    live = analysis.model.column(Live)
    alive = {name: live[key_of(analysis, name)].bytes for name in ("r", "e", "a", "b")}
    # Every op has its input and its result alive, and nothing else.
    assert alive == {"r": 2 * SQUARE, "e": 2 * SQUARE, "a": 2 * SQUARE, "b": 2 * SQUARE}


def test_a_view_keeps_alive_what_it_views(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Relu", ["x"], ["r"]),
        helper.make_node("Unsqueeze", ["r", "axes"], ["v"]),
        helper.make_node("Exp", ["x"], ["e"]),
        helper.make_node("Add", ["v", "e"], ["y"]),
    ]
    axes = helper.make_tensor("axes", INT64, [1], [0])
    path = save(tmp_path, nodes, {"x": (FLOAT, (64, 64))}, {"y": (FLOAT, (1, 64, 64))}, [axes])
    analysis = analysed(path)
    live = analysis.model.column(Live)
    # While Exp runs: x, what Relu made (through its view), and what Exp makes; then x is dead.
    assert live[key_of(analysis, "e")].bytes == 3 * SQUARE
    assert live[key_of(analysis, "y")].bytes == 3 * SQUARE


def test_the_scores_of_a_fused_attention_are_not_alive(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("MatMul", ["q", "k"], ["s"]),
        helper.make_node("Softmax", ["s"], ["p"]),
        helper.make_node("MatMul", ["p", "v"], ["y"]),
    ]
    rows, columns = (FLOAT, (8, 64, 16)), (FLOAT, (8, 16, 64))
    path = save(tmp_path, nodes, {"q": rows, "k": columns, "v": rows}, {"y": rows})
    operand, scores = 8 * 64 * 16 * 4, 8 * 64 * 64 * 4
    alone, fused = analysed(path, "none"), analysed(path, "compiler")
    # v waits while Softmax reads the scores and writes the probabilities.
    assert alone.summary.peak_activation_bytes == operand + 2 * scores
    # q, k, v and y
    assert fused.summary.peak_activation_bytes == 4 * operand
    assert fused.footprint.activation_bytes == 4 * operand
    assert {fused.model.column(Live)[key_of(fused, name)].bytes for name in "spy"} == {4 * operand}


PARSED = '<ir_version: 10, opset_import: ["": 21, "local": 1]>'
WHOLE = "float[64, 64]"


def parsed(folder: Path, text: str, **settings: object) -> Analysis:
    path = folder / "m.onnx"
    onnx.save(onnx.parser.parse_model(PARSED + text), path)
    return analysed(path, **settings)  # type: ignore[arg-type]


def test_the_result_of_a_function_is_not_copied(tmp_path: Path) -> None:
    analysis = parsed(tmp_path, f"""g ({WHOLE} x) => ({WHOLE} z) {{ y = local.F (x)  z = local.F (y) }}
        <domain: "local", opset_import: ["": 21]> F (a) => (c) {{ b = Exp (a)  c = Abs (b) }}""")  # fmt: skip
    # x, which the caller holds, b and c; then y, b and c
    assert analysis.summary.peak_activation_bytes == 3 * SQUARE


def test_a_loop_holds_its_state_and_the_next(tmp_path: Path) -> None:
    analysis = parsed(tmp_path, f"""g ({WHOLE} x) => ({WHOLE} y) {{
        n = Constant <value_int = 3> ()  yes = Constant <value = bool {{1}}> ()
        y = Loop (n, yes, x) <body = b (int64 it, bool go, {WHOLE} before) => (bool on, {WHOLE} after) {{
            on = Identity (go)  t = Exp (before)  after = Abs (t)
        }}>
    }}""")  # fmt: skip
    # x, the state, and in the body the step in between and the next state
    assert analysis.summary.peak_activation_bytes == 4 * SQUARE


BRANCHES = f"""g (bool c, {WHOLE} x) => ({WHOLE} y) {{
    y = If (c) <then_branch = t () => ({WHOLE} a) {{ r = Exp (x)  s = Exp (x)  u = Add (r, s)  a = Abs (u) }},
                else_branch = e () => ({WHOLE} b) {{ b = Exp (x) }}>
}}"""


@pytest.mark.parametrize(("then", "inside"), [(None, 3), (1, 3), (0, 1)])
def test_a_branch_that_never_runs_holds_nothing(then: int | None, inside: int, tmp_path: Path) -> None:
    stated = {} if then is None else {"branches": {"then": Fraction(then)}}
    # The condition and x; r, s and u, or b alone, which is y
    assert parsed(tmp_path, BRANCHES, **stated).summary.peak_activation_bytes == 1 + SQUARE + inside * SQUARE


def test_a_branch_that_passes_a_tensor_on_copies_it(tmp_path: Path) -> None:
    analysis = parsed(tmp_path, f"""g (bool c, {WHOLE} x) => ({WHOLE} y) {{
        y = If (c) <then_branch = t () => ({WHOLE} a) {{ a = Identity (x) }},
                    else_branch = e () => ({WHOLE} b) {{ b = Exp (x) }}>
    }}""")  # fmt: skip
    # The condition, x, y, and what the other branch makes: which of the two runs nobody says
    assert analysis.summary.peak_activation_bytes == 1 + 3 * SQUARE


def test_an_input_that_is_given_out_as_it_is_is_alive(tmp_path: Path) -> None:
    nodes = [helper.make_node("Reshape", ["x", "size"], ["y"])]
    size = helper.make_tensor("size", INT64, [1], [4096])
    path = save(tmp_path, nodes, {"x": (FLOAT, (64, 64))}, {"y": (FLOAT, (4096,))}, [size])
    assert analysed(path).summary.peak_activation_bytes == SQUARE


def test_an_op_that_no_kernel_executes_has_no_figure(tmp_path: Path) -> None:
    nodes = [helper.make_node("Unsqueeze", ["x", "axes"], ["v"]), helper.make_node("Exp", ["v"], ["y"])]
    axes = helper.make_tensor("axes", INT64, [1], [0])
    path = save(tmp_path, nodes, {"x": (FLOAT, (64, 64))}, {"y": (FLOAT, (1, 64, 64))}, [axes])
    live = analysed(path).model.column(Live)
    assert [row.bytes for row in live.values()] == [None, 2 * SQUARE]


def test_the_peak_is_unknown_with_the_size_of_a_tensor(tmp_path: Path) -> None:
    """Strings have no stated length: alive between two kernels their bytes are unknown, and so is the peak."""
    nodes = [helper.make_node("Identity", ["s"], ["t"]), helper.make_node("StringConcat", ["t", "t"], ["y"])]
    path = save(tmp_path, nodes, {"s": (TensorProto.STRING, (8,))}, {"y": (TensorProto.STRING, (8,))})
    assert analysed(path).summary.peak_activation_bytes is None
