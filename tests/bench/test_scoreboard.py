"""The judge of the scoreboard by hand, and its page on made-up answers; no other tool is needed."""

import sys
from pathlib import Path

import onnx
import pytest
from onnx import parser

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "real"))
import judge
import scoreboard
from scoreboard_macs import NotJudgedError, judged_macs, refuse_hidden


@pytest.mark.parametrize(
    "body",
    [
        "y = acme.Mystery (x)",
        "y = STFT (x, w)",
        "y = ai.onnx.ml.LinearRegressor (x)",
        "y = If (x) <then_branch = t () => (float[1] a) { a = MatMul (x, x) }, "
        "else_branch = e () => (float[1] b) { b = Relu (x) }>",
    ],
)
def test_where_a_product_may_hide_nobody_is_judged(body: str) -> None:
    with pytest.raises(NotJudgedError):
        refuse_hidden(model(body))


def test_where_none_can_hide_products_are_counted(tmp_path: Path) -> None:
    onnx.save(model("y = MatMul (x, w)"), tmp_path / "m.onnx")
    shapes = {"x": (2, 1, 4, 5), "w": (3, 5, 6), "y": (2, 3, 4, 6)}
    verdict = judge.Verdict({name: ("float32", shape) for name, shape in shapes.items()})
    assert judged_macs(tmp_path / "m.onnx", verdict) == 2 * 3 * 4 * 5 * 6  # broadcast batches of [4, 5] x [5, 6]
    with pytest.raises(NotJudgedError, match="no shape"):
        judged_macs(tmp_path / "m.onnx", judge.Verdict({}))


def model(body: str) -> onnx.ModelProto:
    opsets = '"": 21, "ai.onnx.ml": 4, "acme": 1'
    return parser.parse_model(
        f"<ir_version: 10, opset_import: [{opsets}]>\ng (float[1] x, float[1] w) => (float[1] y) {{ {body} }}"
    )


def test_the_page_counts_answers_and_who_is_right() -> None:
    models = [model for model in scoreboard.fetch.read_manifest() if model.runs][:3]
    first, second, third = (model.name for model in models)
    right, other = scoreboard.Answer(100, 1.0, 50.0), scoreboard.Answer(104, 3.0, 70.0)
    answers = {
        "one": {first: right, second: right, third: right},
        "two": {first: other, second: scoreboard.Answer(None, 0.1, 9.0, "raises"), third: right},
    }
    text = scoreboard.page(models, {first: 100, second: 200, third: None}, answers, {"one": "1.0", "two": "2.0"})
    assert "| one 1.0 | 3 | 1 | 1 | 1.00 | 50 | 50 |" in text
    assert "| two 2.0 | 2 | 0 | 1 | 2.00 | 60 | 70 |" in text
    assert f"| {first} | 100 | exact | +4.00 % |" in text
    assert f"| {second} | 200 | 0.5 x | – |" in text
    assert f"| {third} | not judged | answer | answer |" in text
