"""The rule table itself: which rule answers, what it refuses, and what it makes of element types."""

from pathlib import Path

import onnx
import pytest
from onnx import parser
from onnx_roofline.passes.op_count import OpCount
from onnx_roofline.passes.quantization import QuantizationFolding
from onnx_roofline.passes.shape_inference import ShapeInference
from rule_table import Row, rule_of, view_of, work_of

from onnx_roofline.base.errors import NotModelledError
from onnx_roofline.ir.pipeline import Pipeline
from onnx_roofline.ir.records import Counts, Work
from onnx_roofline.load import load
from onnx_roofline.ops.cost.lookup import find_rule
from onnx_roofline.ops.cost.registry import rule, work

F = "float32"


@pytest.mark.parametrize(("version", "since"), [(1, 1), (12, 1), (13, 13), (28, 13), (0, 1)])
def test_the_newest_rule_not_newer_than_the_opset_answers(version: int, since: int) -> None:
    found = find_rule("", "Softmax", version)
    assert found is not None
    assert found.since == since


def test_no_rule_answers_an_op_of_another_domain() -> None:
    assert find_rule("", "NoSuchOp", 13) is None
    assert find_rule("somebody.else", "MatMul", 13) is None


def test_a_second_rule_for_the_same_version_is_refused() -> None:
    with pytest.raises(ValueError, match=r"a rule for ai\.onnx\.Erf-9 exists already"):
        rule("Erf")(lambda op: work(op))


def test_a_rule_is_named_by_the_version_that_introduced_its_op() -> None:
    found = find_rule("", "TensorScatter", 24)
    assert found is not None
    assert (found.name, found.source) == (
        "ai.onnx.TensorScatter-24",
        'ONNX TensorScatter-24, "models an in-place update to a KV cache buffer"',
    )


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (Row("MatMul", 13, ((F, (2, 3)),), ((F, (2, 4)),)), "input 1 is absent"),
        (Row("Concat", 13, ((F, ()),), ()), None),
        (Row("Neg", 13, ((F, (2,)),), ()), "the op has no output"),
        (
            Row("LSTM", 14, ((F, (5,)), (F, (1, 16, 3)), (F, (1, 16, 4))), ((F, (5,)),)),
            "the operands are not those of LSTM: tuple index out of range",
        ),
        (Row("Gemm", 13, ((F, (2, 3, 4)), (F, (4, 5))), ((F, (2, 5)),)), "input 0 has rank 3, wanted 2"),
        (
            Row("Conv", 11, ((F, (1, 4, 8)), (F, (4, 4, 3))), ((F, (1, 4, 6)),), attributes={"group": 0}),
            "is not defined",
        ),
        (
            Row("MaxPool", 12, ((F, (1, 1, 8)),), ((F, (1, 1, 8)),), attributes={"kernel_shape": 3}),
            "attribute kernel_shape is 3, wanted integers",
        ),
        (
            Row("LSTM", 14, ((F, (5, 2, 3)), (F, (1, 16, 3)), (F, (1, 16, 4))), ((F, (5, 1, 2, 4)),),
                attributes={"activations": ("Sine", "Tanh", "Tanh")}),
            "activation 'Sine' is not one of ONNX's",
        ),
        (
            Row("Einsum", 12, ((F, (2, 3)),), ((F, (2,)),), attributes={"equation": "ij,j->i"}),
            "equation 'ij,j->i' has 2 terms for 1 operands",
        ),
        (
            Row("Einsum", 12, ((F, (2, 3)),), ((F, (2,)),), attributes={"equation": "ijk->i"}),
            r"term 'ijk' of equation 'ijk->i' does not fit shape \[2, 3\]",
        ),
        (
            Row("Attention", 23, tuple((F, (2, 3, 8)) for _ in range(3)), ((F, (2, 3, 8)),)),
            "with 0 heads, wanted 3 or 4 dims and heads",
        ),
        (
            Row("TreeEnsembleRegressor", 1, ((F, (5, 4)),), ((F, (5, 1)),), domain="ai.onnx.ml", attributes={
                "nodes_treeids": (0, 0), "nodes_nodeids": (0, 1), "nodes_modes": ("BRANCH_LEQ", "LEAF"),
                "nodes_truenodeids": (1,), "nodes_falsenodeids": (1, 0)}),
            "the lists of the nodes differ in length",
        ),
        (
            Row("TreeEnsemble", 5, ((F, (5, 4)),), ((F, (5, 1)),), domain="ai.onnx.ml", attributes={
                "tree_roots": (0,), "nodes_truenodeids": (0,), "nodes_trueleafs": (0,), "nodes_falsenodeids": (0,),
                "nodes_falseleafs": (1,)}),
            "the nodes of a tree form a circle",
        ),
    ],
    ids=lambda value: value.label if isinstance(value, Row) else None,
)  # fmt: skip
def test_operands_that_a_rule_cannot_use_are_named(row: Row, message: str | None) -> None:
    if message is None:
        assert work_of(row).counts == Counts()
        return
    with pytest.raises(NotModelledError, match=message):
        work_of(row)


def test_counts_follow_the_element_type() -> None:
    view = view_of(Row("Add", 13, (("int32", (4,)),), (("int32", (4,)),)))
    each = Counts(macs=1, adds=1, muls=1, divs=1, compares=1, transcendentals=1)
    assert work(view, each, dtype="float16").counts == each
    assert work(view, each, dtype="int8").counts == Counts(macs=1, int_ops=5)
    assert work(view, each, dtype="bool").counts == Counts(macs=1, bit_ops=5)
    # add 2; mul 4 mul + 2 add; div 6 mul + 3 add + 2 div; MAC 4 MACs
    complex_counts = Counts(macs=4, adds=2 + 2 + 3, muls=4 + 6, divs=2, compares=1, transcendentals=1)
    assert work(view, each, dtype="complex64").counts == complex_counts


def test_every_rule_of_the_tables_is_found_by_its_own_version() -> None:
    for op, version in (("DFT", 17), ("DFT", 20), ("Dropout", 7), ("Dropout", 13), ("BatchNormalization", 9)):
        assert rule_of(Row(op, version, (), ())).since <= version


def test_the_reason_why_an_op_is_unknown_names_its_own_operands(tmp_path: Path) -> None:
    text = """<ir_version: 10, opset_import: ["" : 21, "of.nobody" : 1]>
        g (int64 n) => (int64[1] c, int64[1] d)
        { r = of.nobody.Thing(n)
          a = Neg(r)
          b = Neg(r)
          c = Shape(a)
          d = Shape(b) }"""
    path = tmp_path / "m.onnx"
    onnx.save(parser.parse_model(text), path)
    works = Pipeline((ShapeInference(), QuantizationFolding(), OpCount())).run(load(path)).column(Work)
    reasons = [works[key].note for key in ("1:Neg", "2:Neg")]
    assert reasons == [f"the size of output 0 ({name!r}) is unknown" for name in "ab"]
