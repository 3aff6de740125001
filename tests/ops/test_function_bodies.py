"""The hand-written rules against the function bodies that the standard gives its ops.

The counts are equal, or they differ by exactly what DIFFERENCES says and for the reason it gives.
"""

import onnx.defs
import pytest
from function_bodies import body_counts
from rule_table import Row, work_of
from table import ROWS

from onnx_roofline.ir.records import Counts

# What the body counts more than the rule (less where negative), by the label and attributes of the row, and why.
DIFFERENCES: dict[str, tuple[Counts, str]] = {
    "GreaterOrEqual-16": (Counts(compares=24, bit_ops=24), "compares twice and joins the answers"),
    "LessOrEqual-16": (Counts(compares=24, bit_ops=24), "compares twice and joins the answers"),
    "LeakyRelu-16": (Counts(compares=24), "selects by Where after it has compared; the rule counts one of the two"),
    "PRelu-16": (Counts(compares=24), "as LeakyRelu"),
    "ThresholdedRelu-22": (Counts(compares=24), "as LeakyRelu"),
    "Elu-22": (Counts(compares=24), "as LeakyRelu"),
    "Shrink-9": (Counts(compares=2 * 24, adds=24), "as LeakyRelu on both sides; makes x + bias and x - bias"),
    "Celu-12": (Counts(muls=24), "calls Elu with alpha 1, which multiplies by it"),
    "Selu-22": (Counts(muls=24, compares=24), "scales both branches, then selects"),
    "Swish-24": (Counts(muls=24), "multiplies by alpha where it is 1; the rule leaves that out"),
    "SwiGLU-28": (Counts(), "calls Swish"),
    "Gelu-20 approximate": (Counts(transcendentals=24, muls=-2 * 24), "cubes by Pow; the rule by two products"),
    "Clip-13": (Counts(compares=2 * 24), "compares and selects for each bound; the rule takes max and min"),
    "ReduceLogSumExp-18 keepdims": (
        Counts(compares=-16, adds=-24 - 8),
        "sums exp(x) as it is; the rule takes off the maximum, as every runtime",
    ),
    # n = 24, R = 6. Body: squares of x n, of the mean R; their difference R; division by the root n, and 1 / root R.
    "LayerNormalization-17 axis": (
        Counts(muls=6 - 24, adds=6, divs=24 + 6),
        "variance as E[x^2] - E[x]^2, division by the root; the rule takes the deviations' squares and 1 / root",
    ),
    "LayerNormalization-17 axis mean": (Counts(muls=2 - 24, adds=2, divs=24 + 2), "the same with 2 rows"),
    "GroupNormalization-21 num_groups": (Counts(muls=4 - 48, adds=4, divs=48), "as LayerNormalization, 4 rows of 12"),
    "RMSNormalization-23": (Counts(muls=-24, divs=24), "divides by the root; the rule multiplies by 1 / root"),
    "MeanVarianceNormalization-13": (
        Counts(transcendentals=120 + 3, muls=-120, adds=3),
        "squares by Pow, variance as E[x^2] - E[x]^2",
    ),
    # Q: 2*8*3*4 products, K repeated to 8 heads: 2*8*5*4, where the rule scales 240 scores. A mask of zeros is added.
    "Attention-23": (
        Counts(muls=192 + 320 - 240, adds=240, compares=240),
        "scales Q and K, adds a mask of zeros, and looks for rows without any key",
    ),
    # Q: 2*8*3*4 and K: 2*8*9*4 products for 432 scores; the mask has 3*9 elements.
    "Attention-24 q_num_heads kv_num_heads": (
        Counts(muls=192 + 576 - 432, compares=432 + 27),
        "scales Q and K, and looks for rows without any key",
    ),
    "Attention-25 is_causal softcap scale": (
        Counts(muls=32 + 32, compares=16),
        "scales Q and K though the scale is 1, and looks for rows without any key",
    ),
    "FlexAttention-1": (Counts(muls=192 + 320 - 240), "scales Q and K"),
    "LinearAttention-27 update_rule q_num_heads kv_num_heads": (
        Counts(adds=20 * 21),
        "adds the outer product to the state; the rule has that in its MACs",
    ),
    "LinearAttention-27 q_num_heads kv_num_heads": (Counts(adds=20 * 21), "the same"),
    "NegativeLogLikelihoodLoss-22 ignore_index": (
        Counts(compares=4 + 4, int_ops=4 + 4),
        "shifts the targets (4) and selects three times (8, 4); the rule compares with the ignored class once",
    ),
    "Range-11": (Counts(adds=2, divs=1, compares=1), "counts how the number of elements is found: -, /, ceil, max"),
    # 30 positions of 2 images: (x, y, z, 1) to 3 coordinates; the rule has (x, y, 1) to 2.
    "AffineGrid-20": (Counts(macs=2 * 30 * (3 * 4 - 2 * 3)), "treats a plane as a space"),
    # 64 indices by Range, and the scalar size: 1 sub, 2 mul, 1 add, 1 div
    "HannWindow-17": (
        Counts(adds=64 + 64 + 2, muls=2 * 64 + 2, transcendentals=64, divs=1),
        "counts the indices and the scalars, and makes Blackman's second cosine with the factor 0",
    ),
    "HammingWindow-17": (
        Counts(adds=64 + 64 + 2, muls=2 * 64 + 2, transcendentals=64, divs=1),
        "as HannWindow",
    ),
    "BlackmanWindow-17": (Counts(adds=64 + 2, muls=2, divs=1), "counts the indices and the scalars"),
}
# Their inputs are small values that the table gives; here they count as data.
OF_VALUES = ("HannWindow", "HammingWindow", "BlackmanWindow", "Range")
NOT_RUN = {"SequenceMap": "its body is that of the user, who is counted on its own"}


def _key(row: Row) -> str:
    words = [f"{row.op}-{row.version}", *row.attributes]
    return " ".join([*words, "mean"] if row.op == "LayerNormalization" and len(row.outputs) > 1 else words)


def _opset(row: Row) -> int:
    """The newest opset in which the row's version of the op is in force."""
    versions = sorted(schema.since_version for schema in onnx.defs.get_all_schemas_with_history()
                      if (schema.domain, schema.name) == (row.domain, row.op))  # fmt: skip
    newer = [version for version in versions if version > row.version]
    return newer[0] - 1 if newer and not row.domain else onnx.defs.onnx_opset_version()


def _has_body(row: Row) -> bool:
    schema = onnx.defs.get_schema(row.op, row.version, row.domain)
    return schema.has_function or schema.has_context_dependent_function


def _is_runnable(row: Row) -> bool:
    """The inliner wants the type of every input, and numpy knows no 8-bit Relu."""
    return row.op not in NOT_RUN and all(isinstance(spec, tuple) and spec[0] != "int8" for spec in row.inputs)


CASES = [row for row in ROWS if _has_body(row) and _is_runnable(row)]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("row", CASES, ids=_key)
def test_rule_counts_what_the_body_counts(row: Row) -> None:
    body, rule = body_counts(row, _opset(row), row.op in OF_VALUES), work_of(row).counts
    assert rule is not None
    difference, reason = DIFFERENCES.get(_key(row), (Counts(), "none is known"))
    assert body == rule + difference, f"{_key(row)}: {reason}: body {body}, rule {rule}"


def test_every_op_with_a_body_is_compared() -> None:
    with_body = {
        (schema.domain, schema.name)
        for schema in onnx.defs.get_all_schemas()
        if schema.has_function or schema.has_context_dependent_function
    }
    assert len(with_body) > 40
    assert with_body - {(row.domain, row.op) for row in CASES} == {("", name) for name in NOT_RUN}


def test_every_difference_belongs_to_a_row() -> None:
    assert set(DIFFERENCES) - {_key(row) for row in CASES} == set()
