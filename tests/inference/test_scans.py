"""How often a Scan runs its body, over which axis it slices, and what an upper bound among its inputs changes."""

from pathlib import Path

import onnx
import pytest
from onnx import parser

from onnx_roofline.analysis.analyze import Analysis, analyze
from onnx_roofline.base.errors import ShapeError
from onnx_roofline.ir.records import Executions, TypedOp

HEAD = '<ir_version: 10, opset_import: ["": 21]>\n'


def analyzed(text: str, folder: Path) -> Analysis:
    path = folder / "m.onnx"
    onnx.save(parser.parse_model(HEAD + text), path)
    return analyze(path)


def key_of(analysis: Analysis, op_type: str) -> str:
    (found,) = (key for key, row in analysis.model.column(TypedOp).items() if row.op.op_type == op_type)
    return found


@pytest.mark.parametrize(
    ("axis", "slices", "step"),
    [
        (0, 2, (3, 5)),
        (1, 3, (2, 5)),
        (2, 5, (2, 3)),
        (-1, 5, (2, 3)),
        (-3, 2, (3, 5)),
    ],
)
def test_a_scan_slices_the_axis_that_it_names(axis: int, slices: int, step: tuple[int, int], tmp_path: Path) -> None:
    analysis = analyzed(
        f"""g (float[2, 3, 5] x) => (y) {{
          y = Scan <num_scan_inputs = 1, scan_input_axes = [{axis}], body = b (float[a, b] r) => (float[a, b] n) {{
            n = Neg(r)
          }}>(x)
        }}""",
        tmp_path,
    )
    neg, scan = key_of(analysis, "Neg"), key_of(analysis, "Scan")
    rows = analysis.model.column(TypedOp)
    assert analysis.model.column(Executions)[neg] == Executions(slices, "exact")
    assert rows[neg].outputs[0].shape == step
    assert rows[scan].outputs[0].shape == (slices, *step)  # what comes out is stacked on the first axis
    assert analysis.summary.counts.adds == 30  # every element is negated once


def test_each_input_of_a_scan_has_its_own_axis(tmp_path: Path) -> None:
    analysis = analyzed(
        """g (float[4, 3] x, float[5, 4] z, float[3] s) => (last, y) {
          last, y = Scan <num_scan_inputs = 2, scan_input_axes = [0, 1],
            body = b (float[3] t, float[3] r, float[5] q) => (float[3] u, float[5] n) {
              u = Add(t, r)
              n = Exp(q)
          }>(s, x, z)
        }""",
        tmp_path,
    )
    counts = analysis.summary.counts
    assert (counts.adds, counts.transcendentals) == (4 * 3, 4 * 5)


def test_an_input_of_bounded_length_does_not_contradict_an_exact_one(tmp_path: Path) -> None:
    """x has 6 values, of which at most 6 are not zero; e has 4 rows, and that is how often the body runs.

    6 is an upper bound of it, as good as the other input is.
    """
    analysis = analyzed(
        """g (float[6] x, float[4, 2] e) => (y) {
          places = NonZero(x)
          y = Scan <num_scan_inputs = 2, scan_input_axes = [0, 1], body = b (float[2] r, int64[1] i) => (float[2] n) {
            n = Exp(r)
            unread = Identity(i)
          }>(e, places)
        }""",
        tmp_path,
    )
    found = analysis.model.column(Executions)[key_of(analysis, "Exp")]
    assert found in (Executions(4, "exact"), Executions(6, "data"))


def test_two_inputs_of_exact_lengths_that_differ_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ShapeError, match=r"found scan inputs of lengths \[4, 6\], wanted one length"):
        analyzed(
            """g (float[6] x, float[4, 2] e) => (y) {
              y = Scan <num_scan_inputs = 2, body = b (float[2] r, float i) => (float[2] n) { n = Mul(r, i) }>(e, x)
            }""",
            tmp_path,
        )
