"""Working out an op's row once for its class gives what working it out for each op gives."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from onnx_roofline.analysis.analyze import Analysis, analyze
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.inference.alike import Classes
from onnx_roofline.ir.records import Kernel, Traffic, TypedOp, Work

SAMPLES = sorted((Path(__file__).resolve().parents[2] / "sample_models").glob("*.onnx"))


def _figures(analysis: Analysis) -> dict[str, object]:
    """Everything of each row that a class could get wrong, without the number of the class."""
    model = analysis.model
    works, kernels, traffics = model.column(Work), model.column(Kernel), model.column(Traffic)
    found: dict[str, object] = {}
    for key, row in model.column(TypedOp).items():
        values = tuple(None if v is None else (v.dtype, v.shape, v.tobytes()) for v in row.values)
        kernel = kernels[key]
        found[key] = (
            row.op.id, row.scope, row.inputs, row.outputs, values, row.role, row.bodies, row.note, row.contradiction,
            works[key], traffics[key], kernel.id, kernel.members, kernel.pattern, kernel.refused,
        )  # fmt: skip
    return found


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_classes_change_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = analyze(path)
    with monkeypatch.context() as patch:
        patch.setattr(Classes, "signature", lambda self, op, scope: None)
        plain = analyze(path)
    assert all(row.alike < 0 for row in plain.model.column(TypedOp).values())
    assert _figures(found) == _figures(plain)
    assert found.model.warnings == plain.model.warnings


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_rows_of_a_class_are_alike(path: Path, analyzed_sample) -> None:
    """What TypedOp promises of rows of one number, which later passes rely on."""
    model = analyzed_sample(path.name).model
    first: dict[int, TypedOp] = {}
    for row in model.column(TypedOp).values():
        if row.alike < 0:
            continue
        other = first.setdefault(row.alike, row)
        assert (row.op.qualified_type, row.op.version) == (other.op.qualified_type, other.op.version)
        assert (row.inputs, row.outputs, row.role) == (other.inputs, other.outputs, other.role)
        assert [bool(name) for name in row.op.outputs] == [bool(name) for name in other.op.outputs]
        assert repr(row.op.attributes) == repr(other.op.attributes)
        assert all(a is b or np.array_equal(a, b) for a, b in zip(row.values, other.values, strict=True))


def _chain(tmp_path: Path, nodes: list[onnx.NodeProto], inputs: list[onnx.ValueInfoProto], **parts: object) -> Path:
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
    graph = helper.make_graph(nodes, "g", inputs, outputs, **parts)
    path = tmp_path / "m.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)]), path)
    return path


def test_ops_that_differ_in_a_value_are_not_alike(tmp_path: Path) -> None:
    """Two Reshapes of one type to two shapes, and two Clips whose bounds differ in presence alone."""
    path = _chain(
        tmp_path,
        [
            helper.make_node("Reshape", ["x", "a"], ["p"]),
            helper.make_node("Reshape", ["x", "b"], ["q"]),
            helper.make_node("Clip", ["p", "zero"], ["r"]),
            helper.make_node("Clip", ["p", "", "zero"], ["s"]),
            helper.make_node("Add", ["r", "s"], ["t"]),
            helper.make_node("MatMul", ["t", "q"], ["y"]),
        ],
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 6])],
        initializer=[
            helper.make_tensor("a", TensorProto.INT64, [2], [3, 4]),
            helper.make_tensor("b", TensorProto.INT64, [2], [4, 3]),
            helper.make_tensor("zero", TensorProto.FLOAT, [], [0.0]),
        ],
    )
    rows = analyze(path).model.column(TypedOp)
    assert rows["0:Reshape"].outputs[0].shape == (3, 4)
    assert rows["1:Reshape"].outputs[0].shape == (4, 3)
    assert len({rows[key].alike for key in ("0:Reshape", "1:Reshape", "2:Clip", "3:Clip")} - {-1}) == 4
    assert rows["5:MatMul"].outputs[0].shape == (3, 3)


def test_a_declaration_speaks_for_its_own_tensor_alone(tmp_path: Path) -> None:
    """Of two unknown ops that are the same but for a declared result, the other stays unknown."""
    path = _chain(
        tmp_path,
        [
            helper.make_node("Nobody", ["x"], ["p"], domain="custom"),
            helper.make_node("Nobody", ["x"], ["y"], domain="custom"),
        ],
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 6])],
        value_info=[helper.make_tensor_value_info("p", TensorProto.FLOAT, [2, 6])],
    )
    rows = analyze(path).model.column(TypedOp)
    assert rows["0:Nobody"].outputs[0].shape == (2, 6)
    assert rows["1:Nobody"].outputs[0].shape is None


def test_a_stated_length_holds_for_its_own_tensor_alone(tmp_path: Path) -> None:
    """NonZero of two equal inputs: the size that is stated of one is not the other's."""
    path = _chain(
        tmp_path,
        [helper.make_node("NonZero", ["x"], ["p"]), helper.make_node("NonZero", ["x"], ["y"])],
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 6])],
    )
    rows = analyze(path, Settings(dims={"p.1": 5})).model.column(TypedOp)
    assert rows["0:NonZero"].outputs[0].shape == (2, 5)
    assert rows["1:NonZero"].outputs[0].shape == (2, 12)  # at most every element of 2 x 6
