"""The judge of the scoreboard by hand, and its page on made-up answers; no other tool is needed."""

import sys
from pathlib import Path

import pytest
from onnx import parser

sys.path.insert(0, str(Path(__file__).parent))
import scoreboard
from scoreboard_macs import NotJudgedError, product_macs


def macs(body: str, **shapes: tuple[int, ...]) -> int:
    opsets = '"": 21, "ai.onnx.ml": 4, "acme": 1'
    graph = f"<ir_version: 10, opset_import: [{opsets}]>\ng (float[1] x) => (float[1] y) {{ {body} }}"
    return product_macs(parser.parse_model(graph), shapes)


@pytest.mark.parametrize(
    ("body", "shapes", "expected"),
    [
        # Broadcast batches: 2*3 products of [4, 5] x [5, 6]
        ("y = MatMul (x, w)", {"x": (2, 1, 4, 5), "w": (3, 5, 6), "y": (2, 3, 4, 6)}, 2 * 3 * 4 * 5 * 6),
        # A is [K, M] where it is transposed.
        ("y = Gemm <transA = 1> (x, w)", {"x": (7, 4), "w": (7, 6), "y": (4, 6)}, 4 * 7 * 6),
        # 8 channels in 4 groups: 2 a group, 3 x 3 taps
        ("y = Conv <group = 4> (x, w)", {"x": (1, 8, 9, 9), "w": (12, 2, 3, 3), "y": (1, 12, 7, 7)}, 12 * 49 * 2 * 9),
        # Every one of 5 x 5 inputs of 8 channels meets 4 x 4 taps of 6 channels.
        ("y = ConvTranspose (x, w)", {"x": (1, 8, 5, 5), "w": (8, 6, 4, 4), "y": (1, 6, 8, 8)}, 8 * 25 * 6 * 16),
        # 10 steps, 4 gates of 16 hidden from 8 inputs and 16 hidden
        ("y = LSTM (x, w, r)", {"x": (10, 1, 8), "w": (1, 64, 8), "r": (1, 64, 16)}, 10 * 4 * 16 * (8 + 16)),
        ("y = Relu (x)", {}, 0),
    ],
)
def test_products_by_hand(body: str, shapes: dict[str, tuple[int, ...]], expected: int) -> None:
    assert macs(body, **shapes) == expected


@pytest.mark.parametrize(
    "body",
    [
        "y = acme.Mystery (x)",
        'y = Einsum <equation = "ij,jk->ik"> (x, w)',
        "y = ai.onnx.ml.LinearRegressor (x)",
        "y = If (x) <then_branch = t () => (float[1] a) { a = MatMul (x, x) }, "
        "else_branch = e () => (float[1] b) { b = Relu (x) }>",
    ],
)
def test_where_a_product_may_hide_nobody_is_judged(body: str) -> None:
    with pytest.raises(NotJudgedError):
        macs(body)


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
    assert f"| {first} | 100 | exact | 1.04 x |" in text
    assert f"| {second} | 200 | 0.5 x | – |" in text
    assert f"| {third} | not judged | answer | answer |" in text
