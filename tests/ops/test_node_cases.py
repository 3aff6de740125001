"""Every op case that the onnx package generates: with the recorded types, no rule may find its operands unusable."""

import functools
import warnings

import numpy as np
import onnx
import pytest
from function_bodies import attribute_value
from rule_table import has_sane_figures

from onnx_roofline.base.units import dtype_name
from onnx_roofline.ir.graph import TensorType
from onnx_roofline.ops.cost.lookup import find_rule
from onnx_roofline.ops.view import Operand, OpView

# Values of this size are what the loader keeps of integers.
KNOWN_ELEMENTS = 64


@functools.cache
def _cases() -> tuple[tuple[str, onnx.NodeProto, dict[str, int], dict[str, object]], ...]:
    """(name, node, opsets, recorded values by name) of each case with a single node."""
    from onnx.backend.test.case.node import collect_testcases

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = collect_testcases(None)
    cases = []
    for case in found:
        graph = case.model.graph
        if len(graph.node) != 1:
            continue
        ((inputs, outputs),) = case.data_sets
        names = [info.name for info in (*graph.input, *graph.output)]
        opsets = {entry.domain: entry.version for entry in case.model.opset_import}
        cases.append((case.name, graph.node[0], opsets, dict(zip(names, (*inputs, *outputs), strict=True))))
    return tuple(cases)


def _type_of(value: object) -> TensorType:
    if isinstance(value, list):
        each = _type_of(value[0]) if value else TensorType("float32", (0,))
        return TensorType(each.dtype, each.shape, container="sequence", length=len(value))
    if isinstance(value, dict):
        return TensorType("float32", (len(value),), container="map")
    if value is None:
        return TensorType("float32", (1,), container="optional")
    if isinstance(value, onnx.TensorProto):
        return TensorType(dtype_name(value.data_type), tuple(value.dims))
    array = np.asarray(value)
    return TensorType(_dtype(array), array.shape)


def _dtype(array: np.ndarray) -> str:
    if array.dtype.kind in "OUS":
        return "string"
    return dtype_name(onnx.helper.np_dtype_to_tensor_dtype(array.dtype))


def _view(node: onnx.NodeProto, opsets: dict[str, int], values: dict[str, object], knows_values: bool) -> OpView:
    def operand(name: str, is_input: bool) -> Operand | None:
        if not name:
            return None
        value = values[name]
        is_small = isinstance(value, np.ndarray) and value.size <= KNOWN_ELEMENTS and value.dtype.kind in "iub"
        return Operand(_type_of(value), value if is_input and is_small and knows_values else None, name)

    return OpView(
        node.op_type,
        node.domain,
        opsets[node.domain],
        tuple(operand(name, True) for name in node.input),
        tuple(operand(name, False) for name in node.output),
        {attribute.name: attribute_value(attribute) for attribute in node.attribute},
    )


@pytest.mark.parametrize("knows_values", [True, False], ids=["known", "open"])
def test_no_case_of_the_onnx_package_is_unknown(knows_values: bool) -> None:
    assert len(_cases()) > 900
    problems = []
    for name, node, opsets, values in _cases():
        rule = find_rule(node.domain, node.op_type, opsets[node.domain])
        assert rule is not None, f"{name}: no rule for {node.op_type}"
        view = _view(node, opsets, values, knows_values)
        try:
            assert has_sane_figures(rule.apply(view), view)
        except Exception as error:
            problems.append(f"{name}: {rule.name}: {type(error).__name__}: {error}")
    assert problems == []
