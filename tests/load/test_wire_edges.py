"""The smallest payloads and the deepest bodies of messages that are too large to be copied whole."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from crafting import FLOAT, chunk, model, model_bytes, number, value, varint, write
from onnx import TensorProto, helper, numpy_helper

from onnx_roofline.base.errors import LimitError, MalformedModelError
from onnx_roofline.load import Limits, parse
from onnx_roofline.load.wire import read_slim

# A doc string of this size makes a message large enough to be walked through field by field.
PADDING = chunk(12, b"d" * 5000)
# By field and width of an unpacked element: its tag, its bytes.
ONE_FLOAT = varint(4 << 3 | 5) + b"\0\0\x80\x3f"
ONE_DOUBLE = varint(10 << 3 | 1) + b"\0" * 8


def padded(data_type: int, payload: bytes, elements: int) -> bytes:
    """A tensor of a few elements in a large message; its name comes behind the payload."""
    return model_bytes(PADDING + number(1, elements) + number(2, data_type) + payload + chunk(8, b"w"))


@pytest.mark.parametrize("elements", [1, 2, 3])
@pytest.mark.parametrize(("data_type", "one"), [(FLOAT, ONE_FLOAT), (TensorProto.DOUBLE, ONE_DOUBLE)])
def test_a_few_unpacked_elements_are_as_many_bytes(data_type: int, one: bytes, elements: int, tmp_path: Path) -> None:
    path = write(tmp_path, padded(data_type, one * elements, elements))
    stored = parse(path).graph.stored["w"]
    assert stored.type.shape == (elements,)
    assert read_slim(path, Limits()).skipped_bytes == 5000 + elements * (len(one) - 1)  # and a tag each, not counted
    wrong = write(tmp_path, padded(data_type, one * elements, elements + 1), "wrong.onnx")
    found, wanted = (len(one) - 1) * elements, (len(one) - 1) * (elements + 1)
    with pytest.raises(MalformedModelError, match=f"found {found} bytes of data, wanted {wanted} for"):
        read_slim(wrong, Limits())


def test_unpacked_elements_apart_from_each_other_are_added_up(tmp_path: Path) -> None:
    path = write(tmp_path, padded(FLOAT, ONE_FLOAT + chunk(8, b"first") + ONE_FLOAT * 2, 3))
    assert parse(path).graph.stored["w"].type.shape == (3,)


def test_one_unpacked_integer_keeps_its_value(tmp_path: Path) -> None:
    path = write(tmp_path, padded(TensorProto.INT64, number(7, 300), 1))
    stored = parse(path).graph.stored["w"]
    assert stored.value is not None
    assert stored.value.tolist() == [300]


def nested(depth: int, inside: str) -> onnx.ModelProto:
    """`depth` Ifs inside each other; the innermost body makes every message around it large.

    It has a weight of 16 KiB, or 300 nodes of which each is small.
    """
    weight = numpy_helper.from_array(np.ones((64, 64), np.float32), "w")
    chain = [helper.make_node("Relu", [f"t{i}"], [f"t{i + 1}"]) for i in range(300)]
    nodes = chain if inside == "nodes" else [helper.make_node("Relu", ["w"], ["y0"])]
    names = ["t300" if inside == "nodes" else "y0", *(f"y{level}" for level in range(1, depth + 1))]
    for level in range(depth):
        stored = [weight] if level == 0 and inside == "weight" else []
        body = helper.make_graph(nodes, "b", [], [value(names[level], None)], stored)
        nodes = [helper.make_node("If", ["c"], [names[level + 1]], then_branch=body)]
    return model(nodes, [value("c", (), TensorProto.BOOL), value("t0")], [value(names[-1], None)])


@pytest.mark.parametrize("inside", ["weight", "nodes"])
@pytest.mark.parametrize("limit", [1, 2, 3, 8])
def test_the_reader_stops_at_the_first_body_beyond_the_limit(limit: int, inside: str, tmp_path: Path) -> None:
    limits, skipped = Limits(nesting=limit), 64 * 64 * 4 if inside == "weight" else 0
    within, beyond = write(tmp_path, nested(limit, inside)), write(tmp_path, nested(limit + 1, inside), "beyond.onnx")
    assert read_slim(within, limits).skipped_bytes == skipped
    with pytest.raises(LimitError, match=rf"found {limit + 1} nesting, the limit is {limit}; raise it with"):
        read_slim(beyond, limits)
    assert read_slim(beyond, Limits(nesting=limit + 1)).skipped_bytes == skipped


def test_bodies_beside_each_other_are_not_nested(tmp_path: Path) -> None:
    """Three Ifs in a row, each with a large body: one level."""
    weight = numpy_helper.from_array(np.ones((64, 64), np.float32), "w")
    bodies = [
        helper.make_graph([helper.make_node("Relu", ["w"], [f"b{i}"])], "b", [], [value(f"b{i}", None)], [weight])
        for i in range(3)
    ]
    nodes = [helper.make_node("If", ["c"], [f"y{i}"], then_branch=body) for i, body in enumerate(bodies)]
    path = write(tmp_path, model(nodes, [value("c", (), TensorProto.BOOL)], [value("y2", None)]))
    assert read_slim(path, Limits(nesting=1)).skipped_bytes == 3 * 64 * 64 * 4
