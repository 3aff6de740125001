"""Ops of other tools' domains: cost and shape against their documents, and every rule has a row."""

from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from msgspec.structs import replace
from onnx import parser
from rule_table import Row, check_row, view_of
from table_custom import ROWS

from onnx_roofline.analysis.analyze import Analysis, analyze
from onnx_roofline.ir.graph import TensorType
from onnx_roofline.ir.records import TypedOp
from onnx_roofline.ops.cost.lookup import all_rules
from onnx_roofline.ops.shape.lookup import find_shape_rule

# Domains of one tool under its older and other names.
ALIASES = {"mmcv": "mmdeploy", "onnx.brevitas": "qonnx.custom_op.general",
           "finn.custom_op.general": "qonnx.custom_op.general"}  # fmt: skip
DOMAINS = ("trt", "mmdeploy", "qonnx.custom_op.general")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.label)
def test_rule_gives_the_figures_of_its_document(row: Row) -> None:
    check_row(row)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.label)
def test_shape_rule_gives_the_types_of_the_row(row: Row) -> None:
    rule = find_shape_rule(row.domain, row.op)
    assert rule is not None
    view = view_of(row)
    types = [kind for kind in rule(view) if kind is not None][: len(view.outputs)]
    assert types == [operand.type for operand in view.outputs if operand is not None]


def test_every_rule_has_a_row_and_a_shape() -> None:
    rules = {(rule.domain, rule.op_type) for rule in all_rules() if ALIASES.get(rule.domain, rule.domain) in DOMAINS}
    rows = {(row.domain, row.op) for row in ROWS}
    assert {(ALIASES.get(domain, domain), op) for domain, op in rules} == rows
    assert all((alias, op) in rules for alias, domain in ALIASES.items() for of, op in rows if of == domain)
    assert all(find_shape_rule(*key) is not None for key in rules)


def test_an_inexact_operand_makes_the_shape_a_bound() -> None:
    row = next(row for row in ROWS if row.op == "TRTBatchedNMS")
    rule = find_shape_rule(row.domain, row.op)
    assert rule is not None
    view = view_of(row)
    boxes = view.input(0)
    open_boxes = replace(boxes, type=replace(boxes.type, exact=False))
    assert {kind.exact for kind in rule(replace(view, inputs=(open_boxes, view.inputs[1])))} == {False}


@pytest.fixture
def analysed(tmp_path: Path) -> Callable[[str], Analysis]:
    def of(text: str) -> Analysis:
        path = tmp_path / "m.onnx"
        onnx.save(parser.parse_model(text), path)
        return analyze(path)

    return of


def test_shapes_go_through_a_chain_of_other_tools(analysed: Callable[[str], Analysis]) -> None:
    """A double-quantised activation, as Model-Optimizer writes NVFP4: 64 x 32 x 128 products."""
    found = analysed("""<ir_version: 11, opset_import: ["": 21, "trt": 1]>
        g (float16[64, 128] x, float16[128, 32] w) => (y) {
          g = Constant <value_float = 0.5> ()
          q, s = trt.TRT_FP4DynamicQuantize <axis = -1, block_size = 16, scale_type = 17> (x, g)
          sd = trt.DequantizeLinear (s, g)
          d = trt.DequantizeLinear <axis = -1, block_size = 16> (q, sd)
          h = Cast <to = 10> (d)
          y = MatMul (h, w) }""")
    assert found.summary.counts.macs == 64 * 32 * 128
    assert found.summary.status_counts["exact"] == found.summary.ops
    (last,) = list(found.model.column(TypedOp).values())[-1].outputs
    assert last == TensorType("float16", (64, 32))
