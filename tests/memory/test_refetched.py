"""What a kernel fetches again where its tiles or rows don't fit on chip; one byte on chip holds none of either."""

from pathlib import Path

import pytest
from onnx import TensorProto, helper
from small_models import analysed, key_of, moved_of, save

from onnx_roofline.ir.records import Work

FLOAT = TensorProto.FLOAT
node = helper.make_node


def attention(folder: Path) -> Path:
    """2 heads, 3 queries and 5 keys of 8, and values of 4: no two extents of P V are alike."""
    inputs = {"q": (FLOAT, (1, 2, 3, 8)), "k": (FLOAT, (1, 2, 5, 8)), "v": (FLOAT, (1, 2, 5, 4))}
    return save(folder, [node("Attention", ["q", "k", "v"], ["y"])], inputs, {"y": (FLOAT, (1, 2, 3, 4))}, opset=23)


def multi_head_attention(folder: Path) -> Path:
    """The same from onnxruntime: [B, L, heads x size]."""
    inputs = {"q": (FLOAT, (1, 3, 16)), "k": (FLOAT, (1, 5, 16)), "v": (FLOAT, (1, 5, 8))}
    nodes = [node("MultiHeadAttention", ["q", "k", "v"], ["y"], domain="com.microsoft", num_heads=2)]
    return save(folder, nodes, inputs, {"y": (FLOAT, (1, 3, 8))})


@pytest.mark.parametrize("model", [attention, multi_head_attention])
def test_the_second_product_of_attention_sums_over_the_keys(model, tmp_path: Path) -> None:
    analysis = analysed(model(tmp_path))
    found = analysis.model.column(Work)[key_of(analysis, "y")].contractions
    # [3, 8] x [8, 5] for each of 2 heads, then [3, 5] x [5, 4]
    assert [(part.batch, part.m, part.n, part.k) for part in found] == [(2, 3, 5, 8), (2, 3, 4, 5)]


def test_attention_that_keeps_nothing_fetches_both_factors_of_every_product(tmp_path: Path) -> None:
    moved = moved_of(analysed(attention(tmp_path), on_chip="1"), "y")
    scores = 2 * (3 * 5 * 8 * 2 - 3 * 8 - 8 * 5)  # two factors a MAC, but for Q and K themselves
    values = 2 * (3 * 4 * 5 * 2 - 3 * 5 - 5 * 4)  # and but for P and V
    assert moved.refetched_bytes == 4 * (scores + values)


def convolution(folder: Path, x: tuple[int, ...], w: tuple[int, ...], y: tuple[int, ...], **attributes: object) -> Path:
    values = {"x": (FLOAT, x), "w": (FLOAT, w)}
    return save(folder, [node("Conv", ["x", "w"], ["y"], **attributes)], values, {"y": (FLOAT, y)})


@pytest.mark.parametrize(
    ("on_chip", "again"),
    [
        # Two factors for each of 3 * 6 * 6 * 18 MACs, but for the weights and the input themselves.
        ("1", 4 * (2 * 3 * 6 * 6 * 18 - 6 * 18 - 3 * 2 * 5 * 4)),
        # One image of 2 * 5 * 4 floats stays, with a partial sum and the 18 taps of an output channel: 160 + 4 + 72 B.
        # The weights come again for two of the three images.
        ("236", 4 * 2 * 6 * 18),
    ],
)
def test_a_convolution_takes_its_images_from_the_batch(on_chip: str, again: int, tmp_path: Path) -> None:
    """3 images of 2 x 5 x 4: neither the batch nor the channels are as many as the last axis."""
    path = convolution(tmp_path, (3, 2, 5, 4), (6, 2, 3, 3), (3, 6, 3, 2))
    assert moved_of(analysed(path, on_chip=on_chip), "y").refetched_bytes == again


def test_a_stride_wider_than_the_kernel_skips_positions(tmp_path: Path) -> None:
    """10 positions, 3 taps at stride 4: two windows meet 6 of the positions."""
    path = convolution(tmp_path, (1, 2, 10), (3, 2, 3), (1, 3, 2), strides=[4])
    macs, weight, met = 3 * 2 * (2 * 3), 3 * 2 * 3, 2 * 6
    assert moved_of(analysed(path, on_chip="1"), "y").refetched_bytes == 4 * (2 * macs - weight - met)


def test_a_convolution_of_no_images_fetches_nothing_again(tmp_path: Path) -> None:
    path = convolution(tmp_path, (0, 2, 5, 4), (6, 2, 3, 3), (0, 6, 3, 2))
    assert moved_of(analysed(path, on_chip="1"), "y").refetched_bytes == 0


def rows(folder: Path, op_type: str, opset: int, **attributes: int) -> Path:
    shape = (FLOAT, (2, 8, 100))
    return save(folder, [node(op_type, ["x"], ["y"], **attributes)], {"x": shape}, {"y": shape}, opset=opset)


WHOLE = 4 * 2 * 8 * 100


@pytest.mark.parametrize("op_type", ["Softmax", "LogSoftmax"])
@pytest.mark.parametrize(
    ("opset", "attributes", "row_bytes"),
    [
        (12, {"axis": 1}, 4 * 8 * 100),  # up to opset 12 everything from the axis on is one row
        (13, {"axis": 1}, 4 * 8),  # since then the axis alone
        (12, {}, 4 * 8 * 100),  # the axis was 1
        (13, {}, 4 * 100),  # and is the last
        (12, {"axis": 2}, 4 * 100),
        (12, {"axis": -1}, 4 * 100),
        (13, {"axis": 0}, 4 * 2),
    ],
)
def test_rows_come_twice_where_one_does_not_fit(
    op_type: str, opset: int, attributes: dict[str, int], row_bytes: int, tmp_path: Path
) -> None:
    path = rows(tmp_path, op_type, opset, **attributes)
    assert moved_of(analysed(path, on_chip=str(row_bytes)), "y").refetched_bytes == 0
    assert moved_of(analysed(path, on_chip=str(row_bytes - 1)), "y").refetched_bytes == WHOLE


@pytest.mark.parametrize(("attributes", "row_bytes"), [({"axis": 1}, 4 * 8), ({}, 4 * 100)])
@pytest.mark.parametrize("opset", [12, 13])
def test_an_lp_norm_is_of_one_axis_in_every_opset(
    opset: int, attributes: dict[str, int], row_bytes: int, tmp_path: Path
) -> None:
    path = rows(tmp_path, "LpNormalization", opset, **attributes)
    assert moved_of(analysed(path, on_chip=str(row_bytes)), "y").refetched_bytes == 0
    assert moved_of(analysed(path, on_chip=str(row_bytes - 1)), "y").refetched_bytes == WHOLE
