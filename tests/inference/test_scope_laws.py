"""Laws of scopes: a call is its body, a loop its copies, a known branch itself, and multiplicities multiply exactly."""

import time
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import onnx
import onnx.inliner
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from onnx_roofline.passes.executions import CountExecutions
from onnx_roofline.passes.shape_inference import ShapeInference

from onnx_roofline.analysis.analyze import default_pipeline
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.base.errors import ShapeError
from onnx_roofline.hardware import load_system
from onnx_roofline.ir.graph import Model
from onnx_roofline.ir.pipeline import Pipeline
from onnx_roofline.ir.records import COUNT_CLASSES, Executions, Traffic, TypedOp, Work
from onnx_roofline.load import load

FLOAT, INT64, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL
OPSETS = [helper.make_opsetid("", 21), helper.make_opsetid("local", 1)]
SHAPE = (3, 4)
ALL_PASSES = default_pipeline(Settings(), load_system("teaching")).passes
PASSES = Pipeline(ALL_PASSES[: 1 + [item.name for item in ALL_PASSES].index(CountExecutions.name)])
Totals = dict[str, Fraction]
fast = settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


def analysed(model: onnx.ModelProto, folder: Path) -> Model:
    path = folder / "m.onnx"
    path.write_bytes(model.SerializeToString())
    return PASSES.run(load(path))


def totals(model: Model) -> Totals:
    """Counts by class and naive bytes over all rows, each times its executions; nothing may be unknown."""
    result = dict.fromkeys((*COUNT_CLASSES, "bytes"), Fraction(0))
    work, traffic, runs = model.column(Work), model.column(Traffic), model.column(Executions)
    for key in model.column(TypedOp):
        counts, moved = work[key].counts, traffic[key].naive_bytes
        assert counts is not None, f"{key}: {work[key].note}"
        assert moved is not None, key
        for name, count in counts.as_dict().items():
            result[name] += count * runs[key].count
        result["bytes"] += moved * runs[key].count
    return result


def value(name: str, shape: Sequence[int] = SHAPE, dtype: int = FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, dtype, shape)


def model_of(
    nodes: Sequence[onnx.NodeProto],
    output: str,
    functions: Sequence[onnx.FunctionProto] = (),
    stored: Sequence[onnx.TensorProto] = (),
) -> onnx.ModelProto:
    """A model of one input `x` and one output whose type nothing states."""
    graph = helper.make_graph(nodes, "g", [value("x")], [onnx.ValueInfoProto(name=output)], stored)
    return helper.make_model(graph, opset_imports=OPSETS, functions=list(functions), ir_version=10)


def scalar(name: str, number: int | bool) -> onnx.TensorProto:
    return numpy_helper.from_array(np.array(number, np.bool_ if isinstance(number, bool) else np.int64), name)


UNARY = ("Relu", "Exp", "Sigmoid", "Softmax", "Neg", "Transpose")
BINARY = ("Add", "Mul", "Sub", "Max")


@st.composite
def chains(draw: st.DrawFn, callees: tuple[str, ...] = ()) -> list[onnx.NodeProto]:
    """Nodes from `a` to `z`; each reads what the one before made, and some call local functions."""
    nodes, last = [], "a"
    length = draw(st.integers(1, 4))
    for position in range(length):
        made = "z" if position == length - 1 else f"t{position}"
        kind = draw(st.sampled_from((*UNARY[:-1], *BINARY, "LeakyRelu", *callees)))
        if kind in callees:
            alpha = {"alpha": draw(st.sampled_from([0.25, 0.5]))} if draw(st.booleans()) else {}
            nodes.append(helper.make_node(kind, [last], [made], domain="local", **alpha))
        elif kind in BINARY:
            nodes.append(helper.make_node(kind, [last, draw(st.sampled_from([last, "a"]))], [made]))
        else:
            nodes.append(helper.make_node(kind, [last], [made]))
        if kind == "LeakyRelu" and draw(st.booleans()):
            reference = nodes[-1].attribute.add(name="alpha", ref_attr_name="alpha")
            reference.type = onnx.AttributeProto.FLOAT
        last = made
    return nodes


def function(name: str, nodes: Sequence[onnx.NodeProto]) -> onnx.FunctionProto:
    default = helper.make_attribute("alpha", 0.125)
    return helper.make_function("local", name, ["a"], ["z"], nodes, OPSETS, attribute_protos=[default])


@st.composite
def programs(draw: st.DrawFn) -> onnx.ModelProto:
    """Up to four functions, each calling earlier ones, and a graph that calls them."""
    names: tuple[str, ...] = ()
    functions = []
    for level in range(draw(st.integers(1, 4))):
        functions.append(function(f"f{level}", draw(chains(names))))
        names = (*names, f"f{level}")
    calls, last = [], "x"
    for position in range(draw(st.integers(1, 4))):
        calls.append(helper.make_node(draw(st.sampled_from(names)), [last], [f"y{position}"], domain="local"))
        last = f"y{position}"
    return model_of(calls, last, functions)


@fast
@given(programs())
def test_functions_cost_what_their_inlined_form_costs(tmp_path_factory: pytest.TempPathFactory, program) -> None:
    folder = tmp_path_factory.mktemp("m")
    inlined = onnx.inliner.inline_local_functions(program)
    assert not inlined.functions
    assert totals(analysed(program, folder)) == totals(analysed(inlined, folder))


def body_of(nodes: Sequence[onnx.NodeProto], state: str) -> onnx.GraphProto:
    """A loop body that hands its condition on; its state comes in as `a` and goes out as `state`."""
    inputs = [value("i", (), INT64), value("c", (), BOOL), value("a")]
    keep = helper.make_node("Identity", ["c"], ["go"])
    return helper.make_graph([keep, *nodes], "b", inputs, [value("go", (), BOOL), value(state)])


def copies(nodes: Sequence[onnx.NodeProto], count: int) -> onnx.ModelProto:
    """The nodes from `a` to `z`, `count` times one after the other."""
    chain, last = [helper.make_node("Identity", ["x"], ["in0"])], "in0"
    for number in range(count):
        names = {"a": last, "z": f"in{number + 1}"}
        for node in nodes:
            copy = onnx.NodeProto()
            copy.CopyFrom(node)
            copy.input[:] = [names.get(name, f"{name}_{number}") for name in node.input]
            copy.output[:] = [names.get(name, f"{name}_{number}") for name in node.output]
            chain.append(copy)
        last = f"in{number + 1}"
    return model_of(chain, last)


def plain(nodes: Sequence[onnx.NodeProto]) -> list[onnx.NodeProto]:
    """The nodes without attribute references, which only function bodies may have."""
    for node in nodes:
        del node.attribute[:]
    return list(nodes)


@fast
@given(chains(), st.integers(0, 5))
def test_a_loop_of_n_costs_n_copies(tmp_path_factory: pytest.TempPathFactory, nodes, count: int) -> None:
    folder = tmp_path_factory.mktemp("m")
    nodes = plain(nodes)
    loop = helper.make_node("Loop", ["n", "t", "x"], ["y"], body=body_of(nodes, "z"))
    stored = [scalar("n", count), scalar("t", True)]
    assert totals(analysed(model_of([loop], "y", stored=stored), folder)) == totals(
        analysed(copies(nodes, count), folder)
    )


@fast
@given(chains(), chains(), st.booleans())
def test_an_if_with_a_known_condition_costs_its_branch(
    tmp_path_factory: pytest.TempPathFactory, then, otherwise, condition: bool
) -> None:
    folder = tmp_path_factory.mktemp("m")
    start = helper.make_node("Identity", ["x"], ["a"])
    branches = [helper.make_graph(plain(nodes), "b", [], [value("z")]) for nodes in (then, otherwise)]
    choice = helper.make_node("If", ["k"], ["y"], then_branch=branches[0], else_branch=branches[1])
    chosen = model_of([start, choice], "y", stored=[scalar("k", condition)])
    assert totals(analysed(chosen, folder)) == totals(analysed(copies(then if condition else otherwise, 1), folder))


def test_a_branch_that_does_not_fit_is_no_error_where_the_condition_is_known(tmp_path: Path) -> None:
    squeeze = helper.make_graph(
        [helper.make_node("Squeeze", ["x", "axis"], ["z"])], "b", [], [onnx.ValueInfoProto(name="z")]
    )
    keep = helper.make_graph([helper.make_node("Relu", ["x"], ["z"])], "b", [], [onnx.ValueInfoProto(name="z")])
    nodes = [
        helper.make_node("Shape", ["x"], ["s"]),
        helper.make_node("Gather", ["s", "zero"], ["d"]),
        helper.make_node("Equal", ["d", "one"], ["k"]),
        helper.make_node("If", ["k"], ["y"], then_branch=squeeze, else_branch=keep),
    ]
    axis = numpy_helper.from_array(np.array([0], np.int64), "axis")
    model = analysed(model_of(nodes, "y", stored=[axis, scalar("zero", 0), scalar("one", 1)]), tmp_path)
    assert str(model.column(TypedOp)["3:If"].outputs[0]) == "float32[3, 4]"
    assert totals(model)["compares"] == 3 * 4  # Relu of the else-branch


@fast
@given(st.lists(st.integers(0, 9), min_size=1, max_size=4))
def test_nested_trip_counts_multiply(tmp_path_factory: pytest.TempPathFactory, counts: list[int]) -> None:
    folder = tmp_path_factory.mktemp("m")
    nodes: list[onnx.NodeProto] = [helper.make_node("Relu", ["a"], ["z"])]
    for level in range(len(counts)):
        nodes = [helper.make_node("Loop", [f"n{level}", "t", "a"], ["z"], body=body_of(nodes, "z"))]
    start = helper.make_node("Identity", ["x"], ["a"])
    stored = [scalar("t", True), *(scalar(f"n{level}", count) for level, count in enumerate(counts))]
    expected = 3 * 4 * int(np.prod(counts))  # a Relu of [3, 4] in every innermost iteration
    assert totals(analysed(model_of([start, *nodes], "z", stored=stored), folder))["compares"] == expected


def test_loops_scans_calls_and_branches_multiply(tmp_path: Path) -> None:
    inner = helper.make_node("twice", ["a"], ["z"], domain="local")
    scan_body = helper.make_graph([inner], "b", [value("a", (4,))], [value("z", (4,))])
    scan = helper.make_node("Scan", ["a"], ["z"], body=scan_body, num_scan_inputs=1)
    loop = helper.make_node("Loop", ["n", "t", "x"], ["y"], body=body_of([scan], "z"))
    relu = [helper.make_node("Relu", ["a"], ["m"]), helper.make_node("Relu", ["m"], ["z"])]
    model = model_of([loop], "y", [function("twice", relu)], [scalar("n", 7), scalar("t", True)])
    assert totals(analysed(model, tmp_path))["compares"] == 7 * 3 * 2 * 4  # trips * rows of [3, 4] * Relus * columns


def test_a_bomb_of_doubling_functions_is_exact_and_fast(tmp_path: Path) -> None:
    functions = [function("f0", [helper.make_node("Relu", ["a"], ["z"])])]
    for level in range(1, 41):
        calls = [("a", "m"), ("m", "z")]
        functions.append(
            function(f"f{level}", [helper.make_node(f"f{level - 1}", [a], [b], domain="local") for a, b in calls])
        )
    model = model_of([helper.make_node("f40", ["x"], ["y"], domain="local")], "y", functions)
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    loaded = load(tmp_path / "m.onnx")
    started = time.process_time()
    result = totals(PASSES.run(loaded))
    assert time.process_time() - started < 1
    assert result["compares"] == 2**40 * 3 * 4  # 2^40 calls of a Relu of [3, 4]


def test_more_executions_than_a_float_can_hold_are_refused(tmp_path: Path) -> None:
    """Functions that each loop 10^6 times over the one before: 10^102 runs, and 10^6n of n functions overflow."""
    functions = [function("f0", [helper.make_node("Relu", ["a"], ["z"])])]
    for level in range(1, 18):
        call = helper.make_node(f"f{level - 1}", ["a"], ["z"], domain="local")
        constants = [
            helper.make_node("Constant", [], ["n"], value_int=10**6),
            helper.make_node("Constant", [], ["t"], value=helper.make_tensor("", BOOL, (), [True])),
        ]
        loop = helper.make_node("Loop", ["n", "t", "a"], ["z"], body=body_of([call], "z"))
        functions.append(function(f"f{level}", [*constants, loop]))
    model = model_of([helper.make_node("f17", ["x"], ["y"], domain="local")], "y", functions)
    with pytest.raises(ShapeError, match=r"m\.onnx: node .*2:Loop: body: found more than 10\*\*100 runs of it"):
        analysed(model, tmp_path)


@pytest.mark.parametrize("other", ["a", "x"])
def test_a_bomb_of_growing_nested_loops_is_fast(other: str, tmp_path: Path) -> None:
    """Each of 30 nested loops lets its state grow: following two iterations of each would take 2^30 visits."""
    inputs = [value("i", (), INT64), value("c", (), BOOL), onnx.ValueInfoProto(name="a")]
    outputs = [value("go", (), BOOL), onnx.ValueInfoProto(name="z")]
    nodes = [helper.make_node("Concat", ["a", other], ["z"], axis=0)]
    for _ in range(30):
        keep = helper.make_node("Identity", ["c"], ["go"])
        body = helper.make_graph([keep, *nodes], "b", inputs, outputs)
        nodes = [helper.make_node("Loop", ["n", "t", "a"], ["z"], body=body)]
    start = helper.make_node("Identity", ["x"], ["a"])
    model = model_of([start, *nodes], "z", stored=[scalar("n", 100), scalar("t", True)])
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    loaded = load(tmp_path / "m.onnx")
    started = time.process_time()
    ShapeInference().run(loaded)
    assert time.process_time() - started < 1


def loop_output(body: Sequence[onnx.NodeProto], trips: int, folder: Path, carried: str = "z") -> str:
    """Type of a loop's carried output; its body makes `z` of `a`."""
    inputs = [value("i", (), INT64), value("c", (), BOOL), onnx.ValueInfoProto(name="a")]
    outputs = [value("go", (), BOOL), onnx.ValueInfoProto(name=carried)]
    graph = helper.make_graph([helper.make_node("Identity", ["c"], ["go"]), *body], "b", inputs, outputs)
    loop = helper.make_node("Loop", ["n", "t", "x"], ["y"], body=graph)
    axis = [
        numpy_helper.from_array(np.array([k], np.int64), name) for k, name in ((0, "zero"), (1, "one"), (9, "nine"))
    ]
    model = model_of([loop], "y", stored=[scalar("n", trips), scalar("t", True), *axis])
    kind = analysed(model, folder).column(TypedOp)["0:Loop"].outputs[0]
    return f"{kind}{'' if kind.exact else ' at most'}"


GROW = [helper.make_node("Concat", ["a", "x"], ["z"], axis=0)]
DOUBLE = [helper.make_node("Concat", ["a", "a"], ["z"], axis=0)]
SHRINK = [helper.make_node("Slice", ["a", "one", "nine", "zero"], ["z"])]


@pytest.mark.parametrize(
    ("body", "trips", "wanted"),
    [
        (GROW, 0, "float32[3, 4]"),
        (GROW, 1, "float32[6, 4]"),
        (GROW, 16, "float32[51, 4]"),  # 3 + 16 * 3, each iteration followed
        (GROW, 100, "float32[303, 4] at most"),  # 3 + 100 * 3
        (DOUBLE, 10, "float32[3072, 4]"),  # 3 * 2**10
        (DOUBLE, 100, "float32[?, 4] at most"),
        (SHRINK, 2, "float32[1, 4]"),
        (SHRINK, 100, "float32[0, 4]"),
    ],
)
def test_carried_shapes_that_change(body: list[onnx.NodeProto], trips: int, wanted: str, tmp_path: Path) -> None:
    assert loop_output(body, trips, tmp_path) == wanted


@pytest.mark.parametrize(("trips", "length"), [(0, 0), (5, 5), (100, 100)])
def test_a_sequence_that_a_loop_fills(trips: int, length: int, tmp_path: Path) -> None:
    sequence = helper.make_tensor_sequence_value_info
    inputs = [value("i", (), INT64), value("c", (), BOOL), sequence("a", FLOAT, None)]
    outputs = [value("go", (), BOOL), sequence("z", FLOAT, None)]
    body = [helper.make_node("Identity", ["c"], ["go"]), helper.make_node("SequenceInsert", ["a", "x"], ["z"])]
    nodes = [
        helper.make_node("SequenceEmpty", [], ["empty"]),
        helper.make_node("Loop", ["n", "t", "empty"], ["y"], body=helper.make_graph(body, "b", inputs, outputs)),
    ]
    model = analysed(model_of(nodes, "y", stored=[scalar("n", trips), scalar("t", True)]), tmp_path)
    kind = model.column(TypedOp)["1:Loop"].outputs[0]
    assert (kind.container, kind.length) == ("sequence", length)
    assert kind.shape == (None if trips == 0 else SHAPE)


def counting_loop(compare: str, start: int, step: int, bound: int, limit: int | None, folder: Path) -> tuple[str, int]:
    """(type of the filled sequence, compares of the body's Relu of [3, 4] in all) of a loop that ends by a counter."""
    sequence = helper.make_tensor_sequence_value_info
    choice = [helper.make_graph([helper.make_node("Relu", ["x"], ["r"])], "b", [], [value("r")])] * 2
    body = [
        helper.make_node("If", ["k"], ["e"], then_branch=choice[0], else_branch=choice[1]),
        helper.make_node("SequenceInsert", ["a", "e"], ["z"]),
        helper.make_node("CastLike", ["step", "i"], ["s"]),
        helper.make_node("Add", ["i", "s"], ["next"]),
        helper.make_node(compare, ["next", "bound"], ["go"]),
    ]
    inputs = [value("trip", (), INT64), value("c", (), BOOL), value("i", (), INT64), sequence("a", FLOAT, None)]
    outputs = [value("go", (), BOOL), value("next", (), INT64), sequence("z", FLOAT, None)]
    nodes = [
        helper.make_node("SequenceEmpty", [], ["empty"]),
        helper.make_node("ReduceSum", ["x"], ["sum"], keepdims=0),
        helper.make_node("Greater", ["sum", "sum"], ["k"]),
        helper.make_node(compare, ["start", "bound"], ["begin"]),
        helper.make_node(
            "Loop", ["limit" if limit is not None else "", "begin", "start", "empty"], ["last", "filled"],
            body=helper.make_graph(body, "b", inputs, outputs),
        ),
        helper.make_node("ConcatFromSequence", ["filled"], ["y"], axis=0),
    ]  # fmt: skip
    numbers = {"start": start, "step": step, "bound": bound, "limit": 0 if limit is None else limit}
    stored = [scalar(name, number) for name, number in numbers.items()]
    model = PASSES.run(load(write_model(model_of(nodes, "y", stored=stored), folder)))
    kind = model.column(TypedOp)["5:ConcatFromSequence"].outputs[0]
    body_row = next(key for key, row in model.column(TypedOp).items() if row.op.op_type == "SequenceInsert")
    return f"{kind}{' assumed' if kind.assumed else '' if kind.exact else ' at most'}", int(
        model.column(Executions)[body_row].count
    )


def write_model(model: onnx.ModelProto, folder: Path) -> Path:
    (folder / "m.onnx").write_bytes(model.SerializeToString())
    return folder / "m.onnx"


@pytest.mark.parametrize(
    ("compare", "start", "step", "bound", "limit", "trips"),
    [
        ("Less", 0, 1, 5, None, 5),  # i = 0 .. 4
        ("Less", 0, 1, 100, None, 100),
        ("Less", 2, 3, 12, None, 4),  # i = 2, 5, 8, 11
        ("LessOrEqual", 2, 3, 11, None, 4),
        ("LessOrEqual", 2, 3, 10, None, 3),
        ("Greater", 9, -2, 3, None, 3),  # i = 9, 7, 5
        ("GreaterOrEqual", 9, -2, 3, None, 4),
        ("Less", 0, 1, 100, 7, 7),  # the limit comes first
        ("Less", 0, 1, 1, None, 1),
    ],
)
def test_a_loop_that_counts_runs_until_its_counter_is_there(
    compare: str, start: int, step: int, bound: int, limit: int | None, trips: int, tmp_path: Path
) -> None:
    # Each run adds a tensor of [3, 4].
    assert counting_loop(compare, start, step, bound, limit, tmp_path) == (f"float32[{3 * trips}, 4]", trips)


def test_a_loop_whose_counter_never_arrives_has_no_known_trip_count(tmp_path: Path) -> None:
    """Nor has the sequence that it fills: how long its elements are together is assumed."""
    assert counting_loop("Less", 0, -1, 5, None, tmp_path) == ("float32[128, 4] assumed", 1)
    assert counting_loop("Less", 0, 0, 5, None, tmp_path) == ("float32[128, 4] assumed", 1)


def test_a_loop_that_fills_many_sequences_is_fast(tmp_path: Path) -> None:
    """Looking at the whole body for each of 3,000 carried sequences would take 9 million steps, and ten seconds."""
    sequence, many = helper.make_tensor_sequence_value_info, range(3000)
    inputs = [value("i", (), INT64), value("k", (), BOOL), *(sequence(f"a{n}", FLOAT, None) for n in many)]
    outputs = [value("go", (), BOOL), *(sequence(f"z{n}", FLOAT, None) for n in many)]
    nodes = [helper.make_node("SequenceInsert", [f"a{n}", "x"], [f"z{n}"]) for n in many]
    body = helper.make_graph([helper.make_node("Identity", ["k"], ["go"]), *nodes], "b", inputs, outputs)
    empty = helper.make_node("SequenceEmpty", [], ["e"])
    loop = helper.make_node("Loop", ["n", "t", *["e" for _ in many]], [f"y{n}" for n in many], body=body)
    last = helper.make_node("ConcatFromSequence", ["y7"], ["y"], axis=0)
    model = model_of([empty, loop, last], "y", stored=[scalar("n", 100), scalar("t", True)])
    loaded = load(write_model(model, tmp_path))
    started = time.process_time()
    rows = ShapeInference().run(loaded).rows
    assert time.process_time() - started < 4
    assert str(rows["2:ConcatFromSequence"].outputs[0]) == "float32[300, 4]"  # 100 of [3, 4]


def test_an_identity_of_another_domain_says_nothing_of_a_condition(tmp_path: Path) -> None:
    text = """<ir_version: 9, opset_import: ["": 18, "own": 1]>
    g (float[4] x) => (float[4] y) {
      limit = Constant <value = int64 {12}> () yes = Constant <value = bool {1}> ()
      y = Loop (limit, yes, x) <body = b (int64 i, bool k, float[4] a) => (bool go, float[4] z) {
        z = Relu (a) go = own.Identity (k)
      }>
    }"""
    (body,) = ShapeInference().run(load(write_model(onnx.parser.parse_model(text), tmp_path))).rows["2:Loop"].bodies
    assert (body.repeat, body.origin) == (12, "data")


# The counter leaves the range of its type before the bound is reached, or a Cast changes it on the way.
@pytest.mark.parametrize(
    ("dtype", "start", "condition", "origin"),
    [
        (
            "int64",
            2**63 - 8,
            "bound = Constant <value = int64 {9223372036854775807}> () go = LessOrEqual (next, bound)",
            "data",
        ),
        ("int32", 2**31 - 8, "bound = Constant <value = int32 {2147483647}> () go = LessOrEqual (next, bound)", "data"),
        ("uint8", 250, "bound = Constant <value = uint8 {255}> () go = LessOrEqual (next, bound)", "data"),
        (
            "int64",
            2**31 - 8,
            """bound = Constant <value = int64 {2147483647}> ()
            narrow = Cast <to = 6> (next) wide = Cast <to = 7> (narrow) go = LessOrEqual (wide, bound)""",
            "exact",  # run as it wraps
        ),
        (
            "int64",
            0,
            """bound = Constant <value = int64 {8}> () flag = CastLike (next, k) wide = Cast <to = 7> (flag)
            go = Less (wide, bound)""",
            "data",
        ),
        (
            "int64",
            0,
            """bound = Constant <value = int64 {200}> () byte = Constant <value = int8 {1}> ()
            narrow = CastLike (next, byte) wide = Cast <to = 7> (narrow) go = Less (wide, bound)""",
            "data",
        ),
    ],
)
def test_a_counter_that_wraps_is_never_counted_short(
    dtype: str, start: int, condition: str, origin: str, tmp_path: Path
) -> None:
    """None of these loops ends before its limit of 300."""
    text = f"""<ir_version: 9, opset_import: ["": 18]>
    g (float[4] x) => (float[4] y) {{
      limit = Constant <value = int64 {{300}}> () yes = Constant <value = bool {{1}}> ()
      start = Constant <value = {dtype} {{{start}}}> ()
      last, y = Loop (limit, yes, start, x) <body = b (int64 i, bool k, {dtype} n, float[4] a)
        => (bool go, {dtype} next, float[4] z) {{
          one = Constant <value = {dtype} {{1}}> () next = Add (n, one) {condition} z = Relu (a)
      }}>
    }}"""
    model = analysed(onnx.parser.parse_model(text), tmp_path)
    (body,) = model.column(TypedOp)["3:Loop"].bodies
    assert (body.repeat, body.origin) == (300, origin)


def test_a_condition_on_a_shape_that_grows_makes_the_count_a_bound(tmp_path: Path) -> None:
    """while len(a) < 5: a = a + x. The first of 12 iterations at most says nothing of the fourth."""
    text = """<ir_version: 9, opset_import: ["": 18]>
    g (float[1] x) => (float[n] y) {
      limit = Constant <value = int64 {12}> () yes = Constant <value = bool {1}> ()
      y = Loop (limit, yes, x) <body = b (int64 i, bool k, float[m] a) => (bool go, float[p] z) {
        z = Concat <axis = 0> (a, x) size = Size (z)
        five = Constant <value = int64 {5}> () go = Less (size, five)
      }>
    }"""
    model = analysed(onnx.parser.parse_model(text), tmp_path)
    (body,) = model.column(TypedOp)["2:Loop"].bodies
    assert (body.repeat, body.origin) == (12, "data")


def test_another_part_of_the_condition_makes_the_count_a_bound(tmp_path: Path) -> None:
    """while i < 6 and not done: greedy decoding with at most 6 steps."""
    body = helper.make_graph(
        [
            helper.make_node("Relu", ["a"], ["z"]),
            helper.make_node("Add", ["n", "one"], ["next"]),
            helper.make_node("Less", ["next", "six"], ["short"]),
            helper.make_node("ReduceMax", ["z"], ["most"], keepdims=0),
            helper.make_node("Less", ["most", "most"], ["done"]),
            helper.make_node("Not", ["done"], ["open"]),
            helper.make_node("And", ["short", "open"], ["go"]),
        ],
        "b",
        [value("i", (), INT64), value("c", (), BOOL), value("n", (), INT64), value("a")],
        [value("go", (), BOOL), value("next", (), INT64), value("z")],
    )
    loop = helper.make_node("Loop", ["", "t", "zero", "x"], ["last", "y"], body=body)
    stored = [scalar("t", True), scalar("zero", 0), scalar("one", 1), scalar("six", 6)]
    model = analysed(model_of([loop], "y", stored=stored), tmp_path)
    (repeat,) = model.column(TypedOp)["0:Loop"].bodies
    assert (repeat.repeat, repeat.origin) == (6, "data")
