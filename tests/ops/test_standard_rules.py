"""Every rule of the ONNX standard against figures derived from its specification."""

import onnx.defs
import pytest
from rule_table import Row, check_row, rule_of
from table import ROWS

from onnx_roofline.ops.cost.lookup import all_rules, find_rule
from onnx_roofline.ops.since_version import INTRODUCED

STANDARD_DOMAINS = ("", "ai.onnx.ml", "ai.onnx.preview", "ai.onnx.preview.training")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.label)
def test_rule_gives_the_figures_of_its_specification(row: Row) -> None:
    check_row(row)


def test_every_rule_of_the_standard_has_a_row() -> None:
    covered = {rule_of(row).name for row in ROWS}
    # Runtimes keep ops of their own in the standard's first domain; those have a table of their own.
    standard = {(schema.domain, schema.name) for schema in onnx.defs.get_all_schemas_with_history()}
    wanted = [rule for rule in all_rules() if (rule.domain, rule.op_type) in standard]
    assert len(wanted) > 200
    assert [rule.name for rule in wanted if rule.name not in covered] == []


@pytest.mark.parametrize("domain", STANDARD_DOMAINS)
def test_every_version_of_every_schema_has_a_rule(domain: str) -> None:
    schemas = [schema for schema in onnx.defs.get_all_schemas_with_history() if schema.domain == domain]
    assert schemas
    for schema in schemas:
        rule = find_rule(domain, schema.name, schema.since_version)
        assert rule is not None, f"{schema.name}-{schema.since_version}"
        assert rule.since <= schema.since_version, f"{schema.name}-{schema.since_version} gets {rule.name}"


def test_every_rule_says_what_it_counts_and_where_from() -> None:
    for rule in all_rules():
        assert rule.formula, rule.name
        assert rule.source, rule.name


def test_every_row_is_of_a_version_that_the_standard_knows() -> None:
    for row in ROWS:
        schema = onnx.defs.get_schema(row.op, row.version, row.domain)
        assert schema.min_input <= len(row.inputs) <= schema.max_input, row.label
        assert set(row.attributes) <= set(schema.attributes), (row.label, set(row.attributes) - set(schema.attributes))


def test_no_rule_is_older_than_its_op() -> None:
    first: dict[tuple[str, str], int] = {}
    for schema in onnx.defs.get_all_schemas_with_history():
        key = (schema.domain, schema.name)
        first[key] = min(first.get(key, schema.since_version), schema.since_version)
    assert {key for key, version in INTRODUCED.items() if first.get(key, version) != version} == set()
    oldest: dict[tuple[str, str], int] = {}
    for rule in all_rules():
        oldest.setdefault((rule.domain, rule.op_type), rule.since)
    assert {key: oldest[key] for key in first} == first
