"""Laws over all rules: what a trait says of an op is what its rule does and what its schema has."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from microsoft_table import ROWS as CONTRIB
from onnx import TensorProto, helper, save
from rule_table import Row, rule_of, view_of, work_of
from table import ROWS as STANDARD
from table_custom import ROWS as CUSTOM

from onnx_roofline.analysis.analyze import analyze
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.ir.records import Reuse
from onnx_roofline.ops.cost.lookup import all_rules

ROWS: tuple[Row, ...] = (*STANDARD, *CONTRIB, *CUSTOM)
# Ops named after a norm that don't come back to a row of an input: scale and shift by stored
# statistics, unless it trains; a row that is made of rows of tables.
NO_ROW = {"BatchNormalization", "EmbedLayerNormalization", "QEmbedLayerNormalization"}


def rows(trait: str) -> Iterator[tuple[Row, object]]:
    for row in ROWS:
        value = getattr(rule_of(row).traits, trait)
        if value:
            yield row, value


def test_every_trait_is_some_ops() -> None:
    names = rule_of(ROWS[0]).traits.__struct_fields__
    assert all(any(getattr(rule.traits, name) not in (False, 0, (), "none") for rule in all_rules()) for name in names)


def test_what_moves_computes_nothing_and_a_product_has_a_contraction() -> None:
    forms = {"move": 0, "product": 0, "arithmetic": 0, "operand": 0}
    for row, form in rows("quantized_form"):
        if form == "none":
            continue
        work = work_of(row)
        assert work.counts is not None
        forms[form] += 1
        # An Einsum of one operand is a copy or a sum.
        assert bool(work.contractions) == (form == "product") or form == "operand", row.label
        if form == "move":
            assert work.counts.operations == 0, row.label
    assert all(forms.values())
    assert all(rule_of(row).traits.bias_at < 4 for row, _ in rows("bias_at"))
    assert all(rule_of(row).traits.quantized_form == "product" for row, _ in rows("bias_at"))


def test_whatever_multiplies_floats_reads_them_quantised_behind_a_dequantizelinear() -> None:
    seen = 0
    for row in ROWS:
        # Its floats are binary numbers, no dequantised ones.
        if row.is_view or row.op == "XnorPopcountMatMul":
            continue
        view = view_of(row)
        parts = work_of(row).contractions
        positions = {at for part in parts for at in (part.lhs, part.rhs) if at is not None and view.has(at)}
        if any(view.input(at).dtype in ("float32", "float16") for at in positions):
            seen += 1
            assert rule_of(row).traits.quantized_form in ("product", "operand"), row.label
    assert seen > 50


def test_a_view_names_an_input_and_touches_nothing() -> None:
    seen = 0
    for row in ROWS:
        work = work_of(row)
        if work.aliases is not None:
            seen += 1
            assert not work.moves_data, row.label
            assert not any((*work.reads, *work.writes)), row.label
            assert work.aliases == 0 or work.aliases < len(row.inputs), row.label
        if rule_of(row).traits.asks_shape:
            assert (work.aliases, work.moves_data) == (None, False), row.label
    assert seen


def test_a_rearrangement_keeps_at_least_every_element_and_a_piece_is_no_larger() -> None:
    for row, _ in rows("rearranges"):
        view = view_of(row)
        if row.op not in ("Expand", "Tile"):  # which repeat elements
            assert view.out.elements == view.x.elements, row.label
        assert view.out.elements >= view.x.elements, row.label
    for row, _ in rows("permutes"):
        assert sorted(view_of(row).out.shape) == sorted(view_of(row).x.shape), row.label
        assert rule_of(row).traits.rearranges, row.label
    for row, indices_at in rows("indices_at"):
        assert rule_of(row).traits.selects, row.label
        assert view_of(row).inputs[indices_at].type.dtype.startswith("int"), row.label


def test_what_is_scaled_or_blended_has_the_elements_of_its_operands_broadcast() -> None:
    for row, positions in (*rows("scaled_at"), *rows("blends_at")):
        view = view_of(row)
        given = [view.inputs[position] for position in positions]
        assert all(operand.type.dtype == view.out.type.dtype for operand in given), row.label
        assert view.out.shape == np.broadcast_shapes(*(operand.shape for operand in view.inputs)), row.label


def test_every_norm_and_softmax_says_how_long_its_rows_are() -> None:
    silent = set()
    for row in ROWS:
        name = row.op.removesuffix("_TRT")
        if re.search(r"(?i)softmax|hardmax|norm(alization)?(_|$|Rotary)", name) and not row.is_view:
            work, view = work_of(row), view_of(row)
            if not work.row_elements:
                silent.add(row.op)
                continue
            elements = max(operand.elements for operand in view.inputs if operand is not None)
            assert 0 < work.row_elements <= max(1, elements), row.label
    assert silent == NO_ROW


@pytest.mark.parametrize(
    ("kind", "domain", "attributes", "extra"),
    [
        ("InstanceNormalization", "", {}, 2),
        ("GroupNormalization", "", {"num_groups": 1}, 2),
        ("Softmax", "", {"axis": -1}, 0),
        ("LogSoftmax", "", {"axis": -1}, 0),
        ("Hardmax", "", {"axis": -1}, 0),
        ("LpNormalization", "", {"axis": -1}, 0),
        ("MeanVarianceNormalization", "", {}, 0),
        ("BiasSoftmax", "com.microsoft", {"axis": 2, "is_inner_broadcast": 0}, 0),
    ],
)
def test_a_row_that_does_not_fit_is_read_twice(
    kind: str, domain: str, attributes: dict[str, object], extra: int, tmp_path: Path
) -> None:
    """Whatever the op is called: 3 * 1024 * 1024 float32 are 12,582,912 bytes, fetched a second time."""
    shape = (
        [1, 3, 1024, 1024] if kind not in ("Softmax", "LogSoftmax", "Hardmax", "LpNormalization") else [1, 3, 1 << 20]
    )
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)
    stored = [helper.make_tensor(name, TensorProto.FLOAT, [3], [1.0] * 3) for name in ("s", "b")[:extra]]
    inputs = ["x", *(one.name for one in stored)]
    graph_inputs = [x]
    if kind == "BiasSoftmax":
        inputs.append("bias")
        graph_inputs.append(helper.make_tensor_value_info("bias", TensorProto.FLOAT, [1, 1, 1024, 1024]))
    node = helper.make_node(kind, inputs, ["y"], domain=domain, **attributes)
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(helper.make_graph([node], "g", graph_inputs, [y], stored), opset_imports=opsets)
    path = tmp_path / "m.onnx"
    save(model, path)
    analysis = analyze(path, Settings(on_chip="65536", residency=False))
    (reuse,) = (entry for entry in analysis.model.column(Reuse).values() if entry.devices)
    assert {moved.refetched_bytes for moved in reuse.devices.values()} == {12_582_912}  # 3 * 1024 * 1024 * 4


def test_the_caches_of_attention_ops_are_where_their_schemas_say() -> None:
    """By the names of their operands: some past, or a cache, and as many outputs from the second on."""
    state = pytest.importorskip("onnxruntime.capi.onnxruntime_pybind11_state")
    schemas = {one.name: one for one in state.get_all_operator_schema() if one.domain == "com.microsoft"}
    seen = 0
    for rule in all_rules():
        positions = rule.traits.cache_inputs
        if rule.domain != "com.microsoft" or not positions:
            continue
        seen += 1
        taken = [schemas[rule.op_type].inputs[position].name for position in positions]
        given = [one.name for one in schemas[rule.op_type].outputs[1 : 1 + len(positions)]]
        assert all("past" in name or "cache" in name for name in taken), rule.name
        assert all("present" in name or "cache" in name for name in given), rule.name
    assert seen >= 12
