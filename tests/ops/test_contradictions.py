"""Operands that contradict each other, and empty ones: a rule gives sane figures or says that it can't."""

import contextlib
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rule_table import OperandSpec, Row, has_sane_figures, rule_of, view_of
from table import ROWS

from onnx_roofline.base.errors import NotModelledError
from onnx_roofline.ir.graph import TensorType

SHAPE = st.lists(st.integers(0, 5), max_size=5).map(tuple)


def _emptied(spec: OperandSpec, axis: int) -> OperandSpec:
    """The operand with one of its dims 0."""
    if spec is None or isinstance(spec, TensorType) or not spec[1]:
        return spec
    shape = list(spec[1])
    shape[axis % len(shape)] = 0
    return (spec[0], tuple(shape))


def _check(row: Row) -> None:
    view = view_of(row)
    with contextlib.suppress(NotModelledError):
        assert has_sane_figures(rule_of(row).apply(view), view)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.label)
def test_empty_operands(row: Row) -> None:
    for axis in range(5):
        inputs = tuple(_emptied(spec, axis) for spec in row.inputs)
        _check(replace(row, inputs=inputs))
        _check(replace(row, inputs=inputs, outputs=tuple(_emptied(spec, axis) for spec in row.outputs)))


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(ROWS), st.data())
def test_arbitrary_shapes(row: Row, data: st.DataObject) -> None:
    def changed(spec: OperandSpec) -> OperandSpec:
        if spec is None or isinstance(spec, TensorType) or data.draw(st.booleans()):
            return spec
        return (spec[0], data.draw(SHAPE))

    _check(replace(row, inputs=tuple(map(changed, row.inputs)), outputs=tuple(map(changed, row.outputs))))


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([row for row in ROWS if row.attributes]), st.data())
def test_arbitrary_attributes(row: Row, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(row.attributes)))
    value = data.draw(st.one_of(st.integers(-3, 3), st.just("x"), st.tuples(st.integers(-3, 3)), st.floats(-2, 2)))
    _check(replace(row, attributes={**row.attributes, name: value}))


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(ROWS), st.data())
def test_missing_operands(row: Row, data: st.DataObject) -> None:
    kept = data.draw(st.integers(0, len(row.inputs)))
    _check(replace(row, inputs=row.inputs[:kept]))
    _check(replace(row, outputs=row.outputs[: data.draw(st.integers(0, len(row.outputs)))]))
