"""What follows from an output whose size depends on values: exact, a bound or assumed, and never wrong.

Each graph is run by the onnx reference implementation on random data, and every tensor's type is judged.
"""

from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from onnx_roofline.passes.shape_inference import ShapeInference

from onnx_roofline.ir.pipeline import Pipeline
from onnx_roofline.ir.records import TypedOp
from onnx_roofline.load import load
from tests.world.node_cases import Case, as_type, infer, judge

Step = tuple[str, tuple[str, ...], dict[str, object]]
STORED = {
    "six": [6], "one": [1], "zero": [0], "minus": [-1], "rows": [2, -1], "two": [2], "four": [4], "big": [99],
    "none": 0, "up": 1, "down": -1, "twenty": 20, "pair": 2,
    "matrix": np.ones((3, 5)).tolist(),
}  # fmt: skip


def graph_of(steps: list[Step]) -> onnx.ModelProto:
    nodes = [helper.make_node(op, inputs, [f"t{i}"], **attributes) for i, (op, inputs, attributes) in enumerate(steps)]
    stored = []
    for name, item in STORED.items():
        dtype = np.float32 if name == "matrix" else np.int64
        stored.append(numpy_helper.from_array(np.array(item, dtype), name))
    made = [onnx.ValueInfoProto(name=f"t{i}") for i in range(len(steps))]
    fed = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [3, 4])]
    opsets = [helper.make_opsetid("", 21)]
    return helper.make_model(helper.make_graph(nodes, "g", fed, made, stored), opset_imports=opsets, ir_version=10)


def verdicts(steps: list[Step], data: np.ndarray, folder: Path) -> list[str]:
    model = graph_of(steps)
    real = ReferenceEvaluator(model).run(None, {"x": data})
    types = infer(Case("c", model.SerializeToString(), (data,), tuple(real)), folder / "m.onnx")
    found = [judge(types[f"t{i}"], as_type(value)) for i, value in enumerate(real)]
    report = [f"{steps[i][0]}: {types[f't{i}']}, really {as_type(value)}" for i, value in enumerate(real)]
    assert "wrong" not in found, report
    return found


# Data with four values that are not zero, two of them equal.
DATA = np.array([[0, 1, 0, 1], [0, 0, 2, 0], [0, 3, 0, 0]], np.float32)


@pytest.mark.parametrize(
    ("steps", "wanted"),
    [
        ([("NonZero", ("x",), {}), ("Transpose", ("t0",), {}), ("Shape", ("t1",), {})],
         ["bounded", "bounded", "exact"]),
        ([("NonZero", ("x",), {}), ("ArgMax", ("t0",), {"axis": 1})], ["bounded", "exact"]),
        ([("NonZero", ("x",), {}), ("ReduceMax", ("t0",), {"keepdims": 0})], ["bounded", "exact"]),
        ([("NonZero", ("x",), {}), ("Gather", ("t0", "one"), {"axis": 1})], ["bounded", "exact"]),
        ([("NonZero", ("x",), {}), ("Concat", ("t0", "t0"), {"axis": 1})], ["bounded", "bounded"]),
        ([("NonZero", ("x",), {}), ("Reshape", ("t0", "minus"), {})], ["bounded", "bounded"]),
        ([("NonZero", ("x",), {}), ("Slice", ("t0", "zero", "two", "one"), {})], ["bounded", "bounded"]),
        ([("Unique", ("x",), {}), ("Reshape", ("t0", "four"), {}), ("Add", ("t0", "t1"), {})],
         ["bounded", "exact", "exact"]),
        ([("Unique", ("x",), {}), ("Unsqueeze", ("t0", "zero"), {}), ("Unsqueeze", ("t0", "one"), {}),
          ("Mul", ("t1", "t2"), {})], ["bounded"] * 4),
        ([("NonZero", ("x",), {}), ("Cast", ("t0",), {"to": TensorProto.FLOAT}), ("Unsqueeze", ("t1", "two"), {}),
          ("STFT", ("t2", "up", "", "pair"), {})], ["bounded"] * 4),
        # As large as it is: a size that is known by a bound is no empty list of sizes.
        ([("NonZero", ("x",), {}), ("Cast", ("t0",), {"to": TensorProto.FLOAT}), ("Shape", ("t1",), {}),
          ("Concat", ("t2",), {"axis": 0}), ("Resize", ("t1", "", "", "t3"), {})],
         ["bounded", "bounded", "exact", "exact", "bounded"]),
        # One value, at most twelve, expanded to the sum of the data times 99.
        ([("Sub", ("x", "x"), {}), ("Unique", ("t0",), {}), ("Cast", ("x",), {"to": TensorProto.INT64}),
          ("ReduceSum", ("t2",), {"keepdims": 0}), ("Mul", ("t3", "big"), {}), ("Expand", ("t1", "t4"), {})],
         ["exact", "bounded", "exact", "exact", "exact", "assumed"]),
    ],
)  # fmt: skip
def test_what_follows_from_a_bound(steps: list[Step], wanted: list[str], tmp_path: Path) -> None:
    assert verdicts(steps, DATA, tmp_path) == wanted


# The number of values that are not zero: 4, known as at most 12.
COUNT: list[Step] = [("NonZero", ("x",), {}), ("Shape", ("t0",), {}), ("Gather", ("t1", "one"), {}),
                     ("Squeeze", ("t2",), {})]  # fmt: skip


@pytest.mark.parametrize(
    ("steps", "wanted"),
    [
        ([("Range", ("none", "t3", "up"), {})], "bounded"),
        # Really 16, 16 and 5 long; of 12 they would make 8, 8 and 2.
        ([("Range", ("t3", "twenty", "up"), {})], "assumed"),
        ([("Range", ("twenty", "t3", "down"), {})], "assumed"),
        ([("Range", ("none", "twenty", "t3"), {})], "assumed"),
        ([("Range", ("t3", "none", "down"), {})], "bounded"),
        # Really [3, 4]; of 12 it would make [1, 12].
        ([("Concat", ("minus", "t2"), {"axis": 0}), ("Reshape", ("x", "t4"), {})], "assumed"),
        # Really 20 - 4 long; of 12 they would make 8.
        ([("Mul", ("t2", "minus"), {}), ("Add", ("t4", "twenty"), {}), ("ConstantOfShape", ("t5",), {})], "assumed"),
        ([("Div", ("t2", "minus"), {}), ("Add", ("t4", "twenty"), {}), ("ConstantOfShape", ("t5",), {})], "assumed"),
        ([("Mul", ("t2", "two"), {}), ("Add", ("t4", "twenty"), {}), ("ConstantOfShape", ("t5",), {})], "bounded"),
    ],
)
def test_what_shrinks_when_a_count_grows_has_no_bound(steps: list[Step], wanted: str, tmp_path: Path) -> None:
    assert verdicts([*COUNT, *steps], DATA, tmp_path)[-1] == wanted


def test_calls_of_a_function_have_each_their_own_bound(tmp_path: Path) -> None:
    """Of [4] and [10] values the non-zero ones are counted: at most [1, 4] and [1, 10] are what the calls fill."""
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("local", 1)]
    fill = helper.make_node("ConstantOfShape", ["s"], ["o"])
    function = helper.make_function("local", "Fill", ["s"], ["o"], [fill], opsets)
    nodes, fed = [], []
    for name, size in (("a", 4), ("b", 10)):
        fed.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [size]))
        nodes.append(helper.make_node("NonZero", [name], [name + "n"]))
        nodes.append(helper.make_node("Shape", [name + "n"], [name + "s"]))
        nodes.append(helper.make_node("Fill", [name + "s"], [name + "o"], domain="local"))
    made = [onnx.ValueInfoProto(name=name) for name in ("ao", "bo")]
    graph = helper.make_graph(nodes, "g", fed, made)
    model = helper.make_model(graph, opset_imports=opsets, functions=[function], ir_version=10)
    path = tmp_path / "m.onnx"
    path.write_bytes(model.SerializeToString())
    rows = Pipeline((ShapeInference(),)).run(load(path)).column(TypedOp)
    found = [str(row.outputs[0]) for row in rows.values() if row.op.op_type == "Fill"]
    assert found == ["float32[1, 4]", "float32[1, 10]"]


UNARY: list[tuple[str, tuple[str, ...], dict[str, object]]] = [
    ("Relu", (), {}), ("Transpose", (), {}), ("Shape", (), {}), ("Size", (), {}), ("Flatten", (), {"axis": 0}),
    ("ReduceSum", ("zero",), {"keepdims": 0}), ("ReduceSum", (), {}), ("Reshape", ("minus",), {}),
    ("Unsqueeze", ("zero",), {}), ("Sigmoid", (), {}), ("Gather", ("zero",), {}),
    ("Slice", ("zero", "two"), {}), ("Slice", ("one", "big"), {}), ("Slice", ("minus", "big"), {}),
    ("Slice", ("minus", "two"), {}),
    ("CumSum", ("zero",), {}), ("Unique", (), {}), ("Cast", (), {"to": TensorProto.FLOAT}), ("Expand", ("one",), {}),
]  # fmt: skip


# Ops whose output is of integers.
COUNTING = ("NonZero", "Shape", "Size")


@settings(max_examples=80, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_no_chain_of_ops_is_ever_wrong(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    numbers = data.draw(st.lists(st.sampled_from([0, 0, 1, 2]), min_size=12, max_size=12))
    fed = np.array(numbers, np.float32).reshape(3, 4)
    steps: list[Step] = [(data.draw(st.sampled_from(["NonZero", "Unique"])), ("x",), {})]
    steps.append(("Cast", ("t0",), {"to": TensorProto.FLOAT}))
    for _ in range(data.draw(st.integers(1, 6))):
        op, rest, attributes = data.draw(st.sampled_from(UNARY))
        other = data.draw(st.sampled_from(["", "", "Add", "Concat"]))
        last = f"t{len(steps) - 1}"
        # Counts are cast to what everything else is, so that any two can meet.
        earlier = f"t{data.draw(st.sampled_from([i for i, item in enumerate(steps) if item[0] not in COUNTING]))}"
        step: Step = (op, (last, *rest), attributes)
        if other:
            step = (other, (last, earlier), {"axis": 0} if other == "Concat" else {})
        trial = [*steps, step]
        if step[0] in COUNTING:
            trial.append(("Cast", (f"t{len(steps)}",), {"to": TensorProto.FLOAT}))
        try:
            made = ReferenceEvaluator(graph_of(trial)).run(None, {"x": fed})
        except Exception:
            continue
        # Of scalars the reference takes more than the standard allows.
        steps = steps if made[-1].ndim == 0 else trial
    verdicts(steps, fed, tmp_path_factory.mktemp("m"))
