"""Metadata is put into a file at the wire level: the rest is the same bytes, whatever the layout of the messages."""

from pathlib import Path

import onnx
import pytest
from crafting import chunk, model, model_bytes, number, relu, value, varint, write
from onnx import helper

from onnx_roofline.base.errors import MalformedModelError, NotAModelError
from onnx_roofline.load.splice import BLOCK_BYTES, GraphEntries, NodeEntries, spliced

PAIRS = (("tool.flops", "12"), ("tool.name", "ä" * 70))


def splice(path: str, graph: GraphEntries, functions: tuple[GraphEntries, ...] = ()) -> bytes:
    return b"".join(spliced(path, Path(path).stat().st_size, ("tool.",), graph, functions))


def metadata(node: onnx.NodeProto) -> tuple[tuple[str, str], ...]:
    return tuple((entry.key, entry.value) for entry in node.metadata_props)


def entry(key: str, text: str) -> bytes:
    """NodeProto.metadata_props."""
    return chunk(9, chunk(1, key.encode()) + chunk(2, text.encode()))


def test_without_entries_a_file_stays_byte_for_byte(tmp_path: Path) -> None:
    data = model_bytes(number(1, 3) + number(2, 1) + chunk(8, b"w") + chunk(9, bytes(range(12))))
    assert splice(write(tmp_path, data), {}) == data


def test_entries_stand_at_their_node_and_the_lengths_around_it_follow(tmp_path: Path) -> None:
    path = write(tmp_path, relu())
    before, after = onnx.load(path), onnx.load_from_string(splice(path, {0: NodeEntries("Relu", PAIRS)}))
    assert metadata(after.graph.node[0]) == PAIRS
    del after.graph.node[0].metadata_props[:]
    assert after == before


def test_entries_of_an_earlier_run_are_replaced_and_others_kept(tmp_path: Path) -> None:
    proto = relu()
    node = proto.graph.node[0].SerializeToString() + entry("tool.old", "1") + entry("mine", "2") + entry("tool.", "3")
    proto.ClearField("graph")
    path = write(tmp_path, proto.SerializeToString() + chunk(7, chunk(1, node)))
    for pairs in (PAIRS, ()):
        after = onnx.load_from_string(splice(path, {0: NodeEntries("Relu", pairs)}))
        assert metadata(after.graph.node[0]) == (("mine", "2"), *pairs)
    after = onnx.load_from_string(splice(path, {}))
    assert metadata(after.graph.node[0]) == (("mine", "2"),)
    again = write(tmp_path, splice(path, {0: NodeEntries("Relu", PAIRS)}), "again.onnx")
    assert splice(again, {0: NodeEntries("Relu", PAIRS)}) == Path(again).read_bytes()


def test_bodies_and_functions(tmp_path: Path) -> None:
    def body(name: str) -> onnx.GraphProto:
        return helper.make_graph([helper.make_node("Identity", ["x"], [name])], name, [], [value(name)])

    nodes = [
        helper.make_node("If", ["c"], ["y"], then_branch=body("a"), else_branch=body("b")),
        helper.make_node("F", ["y"], ["z"], domain="local"),
    ]
    inner = [helper.make_node("Neg", ["p"], ["q"]), helper.make_node("Abs", ["q"], ["r"])]
    imports = [helper.make_opsetid("", 17)]
    functions = [
        helper.make_function("local", name, ["p"], ["r"], inner, opset_imports=imports) for name in ("Unused", "F")
    ]
    inputs = [value("c", (), onnx.TensorProto.BOOL), value("x")]
    path = write(tmp_path, model(nodes, inputs, [value("z")], functions=functions))
    bodies = {"else_branch": {0: NodeEntries("Identity", PAIRS)}}
    after = onnx.load_from_string(
        splice(path, {0: NodeEntries("If", (), bodies)}, ({}, {1: NodeEntries("Abs", PAIRS)}))
    )
    found = {attribute.name: attribute.g.node[0] for attribute in after.graph.node[0].attribute}
    assert (metadata(found["else_branch"]), metadata(found["then_branch"])) == (PAIRS, ())
    assert [[metadata(node) for node in function.node] for function in after.functions] == [[(), ()], [(), PAIRS]]


def test_a_graph_in_two_parts_is_one_graph(tmp_path: Path) -> None:
    proto = relu()
    node, rest = proto.graph.node[0].SerializeToString(), onnx.GraphProto()
    rest.CopyFrom(proto.graph)
    rest.ClearField("node")
    second = helper.make_node("Neg", ["y"], ["z"]).SerializeToString()
    proto.ClearField("graph")
    parts = chunk(7, chunk(1, node)) + chunk(7, rest.SerializeToString() + chunk(1, second))
    path = write(tmp_path, proto.SerializeToString() + parts)
    after = onnx.load_from_string(splice(path, {1: NodeEntries("Neg", PAIRS)}))
    assert [metadata(node) for node in after.graph.node] == [(), PAIRS]


def test_the_name_of_an_attribute_may_follow_its_graph(tmp_path: Path) -> None:
    body = helper.make_graph([helper.make_node("Neg", ["x"], ["b"])], "body", [], [value("b")]).SerializeToString()
    attribute = chunk(6, body) + number(20, 5) + chunk(1, b"then_branch")
    node = chunk(1, b"c") + chunk(2, b"y") + chunk(5, attribute) + chunk(4, b"If")
    path = write(tmp_path, number(1, 8) + chunk(7, chunk(1, node)))
    entries = {0: NodeEntries("If", (), {"then_branch": {0: NodeEntries("Neg", PAIRS)}})}
    after = onnx.load_from_string(splice(path, entries))
    assert metadata(after.graph.node[0].attribute[0].g.node[0]) == PAIRS


def test_payloads_longer_than_a_block_are_copied_as_they_are(tmp_path: Path) -> None:
    payload = bytes(range(256)) * (2 * BLOCK_BYTES // 256 + 1)
    data = model_bytes(number(1, len(payload)) + number(2, 2) + chunk(8, b"w") + chunk(9, payload))
    blocks = list(spliced(write(tmp_path, data), len(data), ("tool.",), {0: NodeEntries("Relu", PAIRS)}, ()))
    assert max(map(len, blocks)) == BLOCK_BYTES
    after = onnx.load_from_string(b"".join(blocks))
    assert (after.graph.initializer[0].raw_data, metadata(after.graph.node[0])) == (payload, PAIRS)


def test_a_file_that_has_changed_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, relu())
    size = Path(path).stat().st_size
    with pytest.raises(MalformedModelError, match=r"found op type 'Relu', wanted 'Conv' .* it changed meanwhile"):
        list(spliced(path, size, ("tool.",), {0: NodeEntries("Conv")}, ()))
    with pytest.raises(MalformedModelError, match=f"found {size} bytes, wanted {size + 1} "):
        list(spliced(path, size + 1, ("tool.",), {}, ()))


def test_a_broken_field_is_refused(tmp_path: Path) -> None:
    group = varint(9 << 3 | 3)
    for node, reason in ((chunk(4, b"Relu") + group, "valid protobuf field"), (varint(34) + b"\x09Re", "truncated")):
        path = write(tmp_path, chunk(7, chunk(1, node)))
        with pytest.raises(NotAModelError, match=reason):
            splice(path, {})
