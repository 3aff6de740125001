"""Every rule for an op of onnxruntime against figures derived from its specification, and every op has a rule."""

import onnx.defs
import pytest
from microsoft_table import ROWS as FUSED
from microsoft_table_attention import ROWS as ATTENTION
from microsoft_table_products import ROWS as PRODUCTS
from microsoft_table_speculative import ROWS as SPECULATIVE
from rule_table import Row, check_row, view_of, work_of

from onnx_roofline.base.errors import NotModelledError
from onnx_roofline.ir.records import Counts
from onnx_roofline.ops.cost.lookup import all_rules, find_rule

ROWS = (*ATTENTION, *PRODUCTS, *FUSED, *SPECULATIVE)

# Ops whose cost nothing in the file tells, and what they say.
UNKNOWN = {
    "BeamSearch": "analyse the decoder on its own",
    "GreedySearch": "analyse the decoder on its own",
    "Sampling": "analyse the decoder on its own",
    "WhisperBeamSearch": "analyse the decoder on its own",
    "EPContext": "compiled for one execution provider",
    "Snpe": "compiled for one execution provider",
}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.label)
def test_rule_gives_the_figures_of_its_specification(row: Row) -> None:
    check_row(row)


def _schemas() -> set[tuple[str, str]]:
    """(domain, op) of every op that onnxruntime knows and the standard does not."""
    pytest.importorskip("onnxruntime")
    from onnxruntime.capi.onnxruntime_pybind11_state import get_all_operator_schema

    standard = {(schema.domain, schema.name) for schema in onnx.defs.get_all_schemas_with_history()}
    return {(schema.domain, schema.name) for schema in get_all_operator_schema()} - standard


def test_every_op_of_onnxruntime_has_a_rule() -> None:
    schemas = _schemas()
    assert len(schemas) >= 193
    assert not sorted(key for key in schemas if find_rule(*key, 1) is None)


def test_every_rule_has_a_row() -> None:
    rules = {(rule.domain, rule.op_type) for rule in all_rules() if rule.domain.startswith("com.m")}
    rules |= {key for key in _schemas() if not key[0]}
    rows = {(row.domain, row.op) for row in ROWS} | {("com.microsoft", name) for name in UNKNOWN}
    assert not sorted(rules - rows)


@pytest.mark.parametrize("name", sorted(UNKNOWN))
def test_an_op_that_only_a_run_can_tell_says_so(name: str) -> None:
    rule = find_rule("com.microsoft", name, 1)
    assert rule is not None
    with pytest.raises(NotModelledError, match=UNKNOWN[name]):
        rule.apply(view_of(Row(name, 1, (), (), domain="com.microsoft")))


@pytest.mark.parametrize("rule", [rule for rule in all_rules() if rule.domain.startswith("com.m")],
                         ids=lambda rule: rule.name)  # fmt: skip
def test_a_rule_says_what_it_counts_and_where_from(rule: object) -> None:
    assert getattr(rule, "formula", "")
    assert getattr(rule, "source", "")


def _counts(*rows: Row) -> Counts:
    """Counts of several ops together."""
    total = Counts()
    for row in rows:
        counts = work_of(row).counts
        assert counts is not None
        total += counts
    return total


MS = "com.microsoft"
X, Y, W, G = ("float32", (2, 3, 8)), ("float32", (2, 3, 5)), ("float32", (8, 5)), ("float32", (8,))
BYTES, SCALE = ("uint8", (8, 5)), ("float32", ())
CACHE, ROOM = ("float32", (2, 2, 6, 4)), ("float32", (2, 2, 9, 4))

# A fused op and what it is fused from.
FUSIONS = (
    (Row("SkipLayerNormalization", 1, (X, X, G, G), (X,), domain=MS),
     (Row("Add", 14, (X, X), (X,)), Row("LayerNormalization", 17, (X, G, G), (X,)))),
    (Row("SkipSimplifiedLayerNormalization", 1, (X, X, G), (X,), domain=MS),
     (Row("Add", 14, (X, X), (X,)), Row("RMSNormalization", 23, (X, G), (X,)))),
    (Row("SimplifiedLayerNormalization", 17, (X, G), (X,)), (Row("RMSNormalization", 23, (X, G), (X,)),)),
    (Row("BiasGelu", 1, (X, G), (X,), domain=MS), (Row("Add", 14, (X, G), (X,)), Row("Gelu", 20, (X,), (X,)))),
    (Row("FastGelu", 1, (X, G), (X,), domain=MS),
     (Row("Add", 14, (X, G), (X,)), Row("Gelu", 20, (X,), (X,), attributes={"approximate": "tanh"}))),
    (Row("FusedMatMul", 1, (X, W), (Y,), attributes={"alpha": 0.5}, domain=MS),
     (Row("MatMul", 13, (X, W), (Y,)), Row("Mul", 14, (Y, SCALE), (Y,)))),
    (Row("MatMulIntegerToFloat", 1, (("uint8", (2, 3, 8)), BYTES, SCALE, SCALE), (Y,), domain=MS),
     (Row("MatMulInteger", 10, (("uint8", (2, 3, 8)), BYTES), (("int32", (2, 3, 5)),)),
      Row("Mul", 14, (Y, SCALE), (Y,)))),
    (Row("DynamicQuantizeMatMul", 1, (X, BYTES, SCALE), (Y,), domain=MS),
     (Row("DynamicQuantizeLinear", 11, (X,), (("uint8", (2, 3, 8)), SCALE, ("uint8", ()))),
      Row("MatMulInteger", 10, (("uint8", (2, 3, 8)), BYTES, ("uint8", ())), (("int32", (2, 3, 5)),)),
      Row("Mul", 14, (Y, SCALE), (Y,)))),
    (Row("MatMulNBits", 1, (X, ("uint8", (5, 1, 8)), ("float32", (5, 1))), (Y,), domain=MS,
         attributes={"K": 8, "N": 5, "bits": 4, "block_size": 16}),
     (Row("DequantizeLinear", 21, (("uint4", (8, 5)), SCALE, ("uint4", ())), (W,)), Row("MatMul", 13, (X, W), (Y,)))),
    (Row("MultiHeadAttention", 1, (X, X, X, None, None, ("float32", (1, 1, 3, 9)), CACHE, CACHE), (X, ROOM, ROOM),
         attributes={"num_heads": 2}, domain=MS),
     (Row("Attention", 23, (X, X, X, ("float32", (1, 1, 3, 9)), CACHE, CACHE), (X, ROOM, ROOM),
          attributes={"q_num_heads": 2, "kv_num_heads": 2}),)),
    (Row("GroupQueryAttention", 1, (X, X, X, CACHE, CACHE, ("int32", (2,)), ("int32", (), 9)), (X, ROOM, ROOM),
         attributes={"num_heads": 2, "kv_num_heads": 2}, domain=MS),
     (Row("Attention", 23, (X, X, X, None, CACHE, CACHE), (X, ROOM, ROOM),
          attributes={"q_num_heads": 2, "kv_num_heads": 2, "is_causal": 1}),)),
)  # fmt: skip


@pytest.mark.parametrize(("fused", "parts"), FUSIONS, ids=lambda item: getattr(item, "label", ""))
def test_a_fused_op_costs_the_sum_of_its_parts(fused: Row, parts: tuple[Row, ...]) -> None:
    assert _counts(fused) == _counts(*parts)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.label)
def test_operands_that_a_rule_does_not_expect_are_no_crash(row: Row) -> None:
    rule = find_rule(row.domain, row.op, row.version)
    assert rule is not None
    for shape in ((), (0,), (1, 1), (2, 0, 3), (1, 2, 3, 4, 5)):
        for attributes in (row.attributes, dict.fromkeys(row.attributes, 0)):
            operands = tuple(None if item is None else ("float32", shape) for item in row.inputs)
            outputs = tuple(None if item is None else ("float32", shape) for item in row.outputs)
            odd = Row(row.op, row.version, operands, outputs, attributes=attributes, domain=row.domain)
            try:
                work = rule.apply(view_of(odd))
            except NotModelledError:
                continue
            assert work.counts is not None
            assert all(value >= 0 for value in work.counts.as_dict().values()), (odd, work.counts)
            assert all(n is None or n >= 0 for n in (*work.reads, *work.writes)), (odd, work.reads, work.writes)
