"""Every rule for an op of onnxruntime against figures derived from its specification, and every op has a rule."""

import onnx.defs
import pytest
from microsoft_table import ROWS as FUSED
from microsoft_table_attention import ROWS as ATTENTION
from microsoft_table_products import ROWS as PRODUCTS
from rule_table import Row, check_row, view_of

from onnx_roofline.errors import NotModelledError
from onnx_roofline.op_rules import all_rules, find_rule

ROWS = (*ATTENTION, *PRODUCTS, *FUSED)

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
    assert len(schemas) >= 179
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
