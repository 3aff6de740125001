"""A branch that contradicts is left out, a Reshape that contradicts is refused, an unknown operand refuses nothing."""

import time
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from onnx_roofline.analysis.analyze import Analysis, analyze
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.base.errors import ShapeError
from onnx_roofline.inference.walk import SHOWN_BRANCHES
from onnx_roofline.ir.graph import captured_names
from onnx_roofline.ir.records import Executions, TypedOp, Work
from onnx_roofline.load import parse

FLOAT, INT64, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL
value, node = helper.make_tensor_value_info, helper.make_node


def ints(name: str, *sizes: int) -> onnx.TensorProto:
    return numpy_helper.from_array(np.array(sizes, np.int64), name)


def weight(name: str, *shape: int) -> onnx.TensorProto:
    return numpy_helper.from_array(np.zeros(shape, np.float32), name)


def analysed(
    folder: Path,
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[onnx.ValueInfoProto],
    stored: Sequence[onnx.TensorProto] = (),
    functions: Sequence[onnx.FunctionProto] = (),
    settings: Settings | None = None,
) -> Analysis:
    graph = helper.make_graph(nodes, "g", inputs, [onnx.ValueInfoProto(name=nodes[-1].output[0])], stored)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("local", 1)]
    path = folder / "m.onnx"
    onnx.save(helper.make_model(graph, opset_imports=opsets, functions=list(functions)), path)
    return analyze(path, settings)


def product(name: str, operand: str) -> onnx.GraphProto:
    """A branch: x times one of the weights, of which only w3 fits x [2, 3]."""
    return helper.make_graph(
        [node("MatMul", ["x", operand], [f"{name}_y"])], name, [], [onnx.ValueInfoProto(name=f"{name}_y")]
    )


def choice(then: onnx.GraphProto, otherwise: onnx.GraphProto, name: str = "y") -> onnx.NodeProto:
    return node("If", ["c"], [name], name=f"choose_{name}", then_branch=then, else_branch=otherwise)


X, CONDITION = value("x", FLOAT, [2, 3]), value("c", BOOL, [])
WEIGHTS = [weight("w3", 3, 7), weight("w4", 4, 7)]


def notices(analysis: Analysis) -> list[tuple[str, str]]:
    return [(notice.where, notice.message) for notice in analysis.model.warnings if notice.code == "branch-left-out"]


@pytest.mark.parametrize(("operands", "left", "kept"), [(("w3", "w4"), "else", "then"), (("w4", "w3"), "then", "else")])
def test_a_branch_that_contradicts_is_left_out(tmp_path: Path, operands: tuple[str, str], left: str, kept: str) -> None:
    analysis = analysed(
        tmp_path, [choice(product("t", operands[0]), product("e", operands[1]))], [X, CONDITION], WEIGHTS
    )
    rows = analysis.model.column(TypedOp)
    assert list(rows) == [f"if_0/{kept}_branch/0:MatMul", "0:If"]
    assert rows["0:If"].outputs[0].shape == (2, 7)
    assert [(body.attribute, body.repeat) for body in rows["0:If"].bodies] == [(f"{kept}_branch", Fraction(1))]
    assert analysis.summary.counts.macs == 42  # 2 * 3 * 7
    ((where, message),) = notices(analysis)
    assert where == "0:If"
    assert message.startswith(
        f"{left}_branch can't be valid with these shapes and is left out: node if_0/{left}_branch/0"
    )
    assert str(tmp_path) not in message


def test_two_branches_that_contradict_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ShapeError, match=r"m\.onnx: node if_0/then_branch/0:MatMul: .*'w4' float32\[4, 7\]$"):
        analysed(tmp_path, [choice(product("t", "w4"), product("e", "w4"))], [X, CONDITION], WEIGHTS)


def test_a_branch_that_the_user_says_runs_is_not_left_out(tmp_path: Path) -> None:
    nodes = [choice(product("t", "w4"), product("e", "w3"))]
    with pytest.raises(ShapeError, match="then_branch"):
        analysed(tmp_path, nodes, [X, CONDITION], WEIGHTS, settings=Settings(branches={"then": Fraction(1, 2)}))
    analysis = analysed(tmp_path, nodes, [X, CONDITION], WEIGHTS, settings=Settings(branches={"then": Fraction(0)}))
    assert analysis.summary.counts.macs == 42


@pytest.mark.parametrize(("branches", "steps"), [({}, 3), ({"then": Fraction(1, 2)}, 2), ({"then": Fraction(0)}, 3)])
def test_steps_of_branches(tmp_path: Path, branches: dict[str, Fraction], steps: int) -> None:
    """Branches of 1 and of 3 steps: the longest of open ones, else (1 + 3) / 2, else only the second."""
    chain = [node("Relu", [name], [f"{name}e"]) for name in ("x", "xe", "xee")]
    then = helper.make_graph([node("Relu", ["x"], ["t"])], "t", [], [onnx.ValueInfoProto(name="t")])
    otherwise = helper.make_graph(chain, "e", [], [onnx.ValueInfoProto(name="xeee")])
    analysis = analysed(tmp_path, [choice(then, otherwise)], [X, CONDITION], settings=Settings(branches=branches))
    assert analysis.summary.sequential_steps == steps


def test_a_contradiction_outside_of_a_branch_refuses_the_model(tmp_path: Path) -> None:
    nodes = [choice(product("t", "w3"), product("e", "w3")), node("MatMul", ["y", "w3"], ["z"])]
    with pytest.raises(ShapeError, match="node 1:MatMul"):
        analysed(tmp_path, nodes, [X, CONDITION], WEIGHTS)


def test_what_a_branch_calls_or_nests_goes_with_it(tmp_path: Path) -> None:
    """The branch runs a valid function, a valid If, then a function that can't be valid: none of it is reported."""
    times = helper.make_function(
        "local", "times", ["a", "b"], ["p"], [node("MatMul", ["a", "b"], ["p"])], [helper.make_opsetid("", 17)]
    )
    inner = [
        node("times", ["x", "w3"], ["t0"], domain="local"),
        choice(product("tt", "w3"), product("te", "w3"), "t1"),
        node("times", ["x", "w4"], ["t2"], domain="local"),
    ]
    then = helper.make_graph(inner, "t", [], [onnx.ValueInfoProto(name="t2")])
    analysis = analysed(tmp_path, [choice(then, product("e", "w3"))], [X, CONDITION], WEIGHTS, [times])
    assert list(analysis.model.column(TypedOp)) == ["if_0/else_branch/0:MatMul", "0:If"]
    assert set(analysis.model.column(Executions)) == set(analysis.model.column(TypedOp))
    assert analysis.summary.counts.macs == 42
    assert "MatMul" in notices(analysis)[0][1]


def test_dims_with_which_every_branch_is_valid_are_preferred(tmp_path: Path) -> None:
    """With the first assumption of 128 tokens one branch can't be valid; with 64 both are."""

    def cut(name: str, rows: int) -> onnx.GraphProto:
        nodes = [node("Reshape", ["x", f"s{rows}"], [f"{name}_y"])]
        return helper.make_graph(nodes, name, [], [onnx.ValueInfoProto(name=f"{name}_y")])

    stored = [ints("s64", 64, 5), ints("s-1", -1)]
    inputs = [value("x", FLOAT, ["sequence", 5]), CONDITION]
    nodes = [choice(cut("t", 64), cut("e", -1))]
    found = analysed(tmp_path, nodes, inputs, stored)
    assert found.model.dims["sequence"].value == 64
    assert notices(found) == []
    stated = analysed(tmp_path, nodes, inputs, stored, settings=Settings(dims={"sequence": 10}))
    assert len(notices(stated)) == 1


def test_many_branches_that_contradict_are_counted_and_cost_linear_time(tmp_path: Path) -> None:
    nodes = [choice(product(f"t{i}", "w4"), product(f"e{i}", "w3"), f"y{i}") for i in range(2000)]
    started = time.process_time()
    analysis = analysed(tmp_path, nodes, [X, CONDITION], WEIGHTS)
    assert time.process_time() - started < 20
    found = notices(analysis)
    assert len(found) == SHOWN_BRANCHES + 1
    assert found[-1][1].startswith(f"{2000 - SHOWN_BRANCHES} more branches")
    assert analysis.summary.counts.macs == 2000 * 42


@pytest.mark.parametrize(
    ("shape", "stated", "allowzero", "expected"),
    [
        ((2, 3), (3, 2), 0, (3, 2)),
        ((2, 3), (-1,), 0, (6,)),
        ((2, 3), (0, -1, 1), 0, (2, 3, 1)),
        ((2, 0), (0, 0), 0, (2, 0)),
        ((2, 0), (5, 0), 1, (5, 0)),
        ((), (1, 1), 0, (1, 1)),
        ((1,), (), 0, ()),
    ],
)
def test_a_reshape_that_keeps_the_elements(
    tmp_path: Path, shape: tuple[int, ...], stated: tuple[int, ...], allowzero: int, expected: tuple[int, ...]
) -> None:
    analysis = analysed(
        tmp_path,
        [node("Reshape", ["x", "s"], ["y"], **({"allowzero": 1} if allowzero else {}))],
        [value("x", FLOAT, shape)],
        [ints("s", *stated)],
    )
    assert analysis.model.column(TypedOp)["0:Reshape"].outputs[0].shape == expected


@pytest.mark.parametrize(
    ("shape", "stated", "message"),
    [
        ((1, 256, 7, 7), (1, 9216), "found 12544 elements for a new shape [1, 9216], wanted as many before and after"),
        ((2, 3), (4, -1), "found 6 elements for a new shape [4, -1]"),
        ((2, 3), (-1, -1), "found a new shape [-1, -1], wanted sizes with at most one -1"),
        ((2, 3), (-2, 3), "found a new shape [-2, 3]"),
        ((2, 3), (2, 3, 0), "found a new shape [2, 3, 0] that keeps a dim of a tensor of rank 2"),
        ((0, 3), (0, -1), "found 0 elements for a new shape [0, -1]"),
    ],
)
def test_a_reshape_that_does_not(tmp_path: Path, shape: tuple[int, ...], stated: tuple[int, ...], message: str) -> None:
    with pytest.raises(ShapeError) as refused:
        analysed(tmp_path, [node("Reshape", ["x", "s"], ["y"])], [value("x", FLOAT, shape)], [ints("s", *stated)])
    assert message in str(refused.value)


EVERY_OP = sorted(
    {
        schema.name
        for schema in onnx.defs.get_all_schemas()
        if not schema.domain and schema.min_input and not schema.deprecated
    }
    - {"If", "Loop", "Scan", "SequenceMap"}
)


@pytest.mark.parametrize("op_type", EVERY_OP)
def test_an_operand_of_which_nothing_is_known_refuses_nothing(tmp_path: Path, op_type: str) -> None:
    """Every op reads the results of an op that nobody knows."""
    schema = onnx.defs.get_schema(op_type)
    required = {
        "int": 1, "ints": [1], "string": "x", "strings": ["x"], "float": 1.0, "floats": [1.0]
    }  # fmt: skip
    attributes = {
        name: required[kind.type.name.lower()]
        for name, kind in schema.attributes.items()
        if kind.required and kind.type.name.lower() in required
    }
    if op_type == "Einsum":
        attributes["equation"] = "ij->ji"
    names = [f"u{i}" for i in range(schema.min_input)]
    opset = onnx.defs.onnx_opset_version()
    nodes = [node("Mystery", [], names, domain="nobody"), node(op_type, names, ["y"], **attributes)]
    graph = helper.make_graph(nodes, "g", [], [onnx.ValueInfoProto(name="y")])
    path = tmp_path / "m.onnx"
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("nobody", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets), path)
    analysis = analyze(path)
    assert analysis.model.column(Work)["0:Mystery"].status == "unknown"


def test_a_type_that_an_op_of_onnxruntime_does_not_take_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    nodes = [node("ReduceSumInteger", ["x"], ["y"], domain="com.microsoft", axes=[0])]
    graph = helper.make_graph(nodes, "g", [X], [onnx.ValueInfoProto(name="y")])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets), path)
    with pytest.raises(ShapeError, match="found data of float32, wanted int8 or uint8"):
        analyze(path)


def test_an_op_that_is_newer_than_the_opset_has_the_types_of_its_first_version(tmp_path: Path) -> None:
    graph = helper.make_graph(
        [node("LayerNormalization", ["x", "w"], ["y"])], "g", [value("x", FLOAT, [2, 3])],
        [onnx.ValueInfoProto(name="y")], [weight("w", 3)],
    )  # fmt: skip
    path = tmp_path / "m.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)]), path)
    analysis = analyze(path)
    assert str(analysis.model.column(TypedOp)["0:LayerNormalization"].outputs[0]) == "float32[2, 3]"
    assert analysis.summary.unknown_ops == 0


ML = "ai.onnx.ml"
TABULAR = {
    "Normalizer": ({}, ["float32[4, 3]"]),
    "Scaler": ({}, ["float32[4, 3]"]),
    "Imputer": ({"imputed_value_floats": [0.0]}, ["float32[4, 3]"]),
    "FeatureVectorizer": ({"inputdimensions": [3]}, ["float32[4, 3]"]),
    "LinearRegressor": ({"coefficients": [0.0] * 6, "targets": 2}, ["float32[4, 2]"]),
    "SVMRegressor": ({"coefficients": [0.0]}, ["float32[4, 1]"]),
    "TreeEnsembleRegressor": ({"n_targets": 5}, ["float32[4, 5]"]),
    "TreeEnsembleClassifier": ({"classlabels_strings": ["a", "b", "c"]}, ["string[4]", "float32[4, 3]"]),
}


@pytest.mark.parametrize("op_type", TABULAR)
def test_types_of_tabular_ops(tmp_path: Path, op_type: str) -> None:
    attributes, expected = TABULAR[op_type]
    results = [f"y{i}" for i in range(len(expected))]
    nodes = [node(op_type, ["x"], results, domain=ML, **attributes)]
    graph = helper.make_graph(nodes, "g", [value("x", FLOAT, [4, 3])], [onnx.ValueInfoProto(name="y0")])
    path = tmp_path / "m.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid(ML, 3)]), path)
    (row,) = analyze(path).model.column(TypedOp).values()
    assert [str(kind) for kind in row.outputs] == expected


def test_captured_names_are_those_of_all_nested_bodies(tmp_path: Path) -> None:
    inner = helper.make_graph([node("Add", ["local", "far"], ["i"])], "i", [], [onnx.ValueInfoProto(name="i")])
    body = [node("Relu", ["x"], ["local"]), node("If", ["local"], ["o"], then_branch=inner, else_branch=inner)]
    then = helper.make_graph(body, "t", [], [onnx.ValueInfoProto(name="o")])
    outer = helper.make_graph([node("Neg", ["far"], ["n"])], "e", [], [onnx.ValueInfoProto(name="other")])
    graph = helper.make_graph(
        [node("If", ["c"], ["y"], then_branch=then, else_branch=outer)], "g",
        [value(name, FLOAT, [2]) for name in ("c", "x", "far", "other")], [onnx.ValueInfoProto(name="y")],
    )  # fmt: skip
    path = tmp_path / "m.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)
    assert captured_names(parse(path).graph.ops[0]) == ("far", "other", "x")  # attributes in name order


def _seconds_of_names(folder: Path, count: int) -> float:
    """CPU seconds for the captured names of a loop over a body with that many Ifs."""
    inside = [choice(product(f"t{i}", "w3"), product(f"e{i}", "w3"), f"y{i}") for i in range(count)]
    body = helper.make_graph(
        inside, "b", [value("i", INT64, []), value("k", BOOL, [])], [value("k", BOOL, []), value("y0", FLOAT, [2, 7])]
    )
    graph = helper.make_graph(
        [node("Loop", ["trips", "c"], ["ys"], body=body)], "g", [X, CONDITION, value("trips", INT64, [])],
        [onnx.ValueInfoProto(name="ys")], WEIGHTS,
    )  # fmt: skip
    path = folder / f"{count}.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)
    (loop,) = parse(path).graph.ops
    started = time.process_time()
    assert captured_names(loop) == ("c", "x", "w3")
    return time.process_time() - started


def test_captured_names_take_linear_time(tmp_path: Path) -> None:
    short, long = (min(_seconds_of_names(tmp_path, count) for _ in range(3)) for count in (1000, 8000))
    assert long < 30 * short + 0.05  # eight times the work; quadratic would be 64 times
