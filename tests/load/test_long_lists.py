"""Long list attributes: counted and kept as arrays in every encoding, and read where rules need them."""

import json
import os
import struct
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import onnx
import pytest
from crafting import chunk, model, model_bytes, number, parsed, refusal, value, varint, write
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from onnx_roofline.analysis.analyze import analyze
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.ir.graph import LongList
from onnx_roofline.ir.records import TypedOp
from onnx_roofline.load import parse
from onnx_roofline.load.long_lists import SHORT_ENTRIES

FLOATS, INTS, STRINGS = 7, 8, 9
TYPES = {FLOATS: 6, INTS: 7, STRINGS: 8}
MANY = SHORT_ENTRIES + 1


def unpacked(field: int, entries: Sequence[int | float | bytes]) -> bytes:
    if field == FLOATS:
        return b"".join(varint(field << 3 | 5) + struct.pack("<f", entry) for entry in entries)
    if field == INTS:
        return b"".join(number(field, int(entry) & (1 << 64) - 1) for entry in entries)
    return b"".join(chunk(field, entry) for entry in entries if isinstance(entry, bytes))


def packed(field: int, entries: Sequence[int | float | bytes]) -> bytes:
    if field == FLOATS:
        return chunk(field, struct.pack(f"<{len(entries)}f", *entries))
    return chunk(field, b"".join(varint(int(entry) & (1 << 64) - 1) for entry in entries))


def attribute(field: int, payload: bytes, name: str = "entries", *, is_typed: bool = True) -> bytes:
    return chunk(1, name.encode()) + payload + (number(20, TYPES[field]) if is_typed else b"")


def with_attribute(content: bytes) -> bytes:
    """relu() and a node of an unknown domain with one serialized attribute."""
    node = chunk(1, b"y") + chunk(2, b"z") + chunk(4, b"Custom") + chunk(7, b"local") + chunk(5, content)
    return model_bytes(number(1, 1) + number(2, 1) + chunk(8, b"w") + chunk(9, bytes(4)), chunk(1, node))


def read(folder: Path, content: bytes) -> object:
    return parsed(folder, with_attribute(content)).graph.ops[1].attributes["entries"]


ENTRIES: dict[str, tuple[int, Sequence[int | float | bytes]]] = {
    "floats": (FLOATS, [0.5] * MANY),
    "one byte": (INTS, [7] * MANY),
    "tags as values": (INTS, [INTS << 3] * MANY),
    "mixed widths": (INTS, [3 ** (i % 39) for i in range(MANY)]),
    "negative": (INTS, [-i for i in range(MANY)]),
    "extremes": (INTS, [-(2**63), 2**63 - 1, 2**32, 2**31] * MANY),
    "few texts": (STRINGS, [b"LEAF", b"BRANCH_LEQ", b""] * MANY),
    "tags in texts": (STRINGS, [b"JJJJ", b"J\x04LEAF"] * MANY),
    "long texts": (STRINGS, [b"J" * 300, b"x" * 127, b"y" * 128] * MANY),
    "many texts": (STRINGS, [b"%d" % i for i in range(MANY)]),
}


@pytest.mark.parametrize(
    ("case", "encode"),
    [(case, unpacked) for case in ENTRIES]
    + [(case, packed) for case, (field, _) in ENTRIES.items() if field != STRINGS],
)
def test_every_encoding(
    tmp_path: Path, case: str, encode: Callable[[int, Sequence[int | float | bytes]], bytes]
) -> None:
    field, entries = ENTRIES[case]
    found = read(tmp_path, attribute(field, encode(field, entries)))
    assert isinstance(found, LongList)
    assert len(found) == len(entries)
    if field == INTS:
        assert found.numbers is not None
        assert found.numbers.tolist() == list(entries)
    elif case in ("few texts", "tags in texts"):
        assert found.numbers is not None
        assert [found.texts[code].encode() for code in found.numbers.tolist()] == list(entries)
    else:
        assert (found.numbers, found.texts) == (None, ())


@given(
    st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(0, 300), min_size=1, max_size=30),
    st.integers(1, 400),
    st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_random_numbers(tmp_path_factory: pytest.TempPathFactory, some: list[int], times: int, is_packed: bool) -> None:
    entries = some * (times + MANY // len(some))
    content = attribute(INTS, (packed if is_packed else unpacked)(INTS, entries))
    found = read(tmp_path_factory.mktemp("long"), content)
    assert isinstance(found, LongList)
    assert found.numbers is not None
    assert found.numbers.tolist() == entries


def test_numbers_take_the_narrowest_signed_type(tmp_path: Path) -> None:
    for largest, dtype in ((127, "int8"), (128, "int16"), (2**15, "int32"), (2**31, "int64")):
        found = read(tmp_path, attribute(INTS, unpacked(INTS, [largest] * MANY)))
        assert isinstance(found, LongList)
        assert found.numbers is not None
        assert str(found.numbers.dtype) == dtype


@pytest.mark.parametrize("encode", [unpacked, packed])
def test_short_lists_stay_as_they_are(
    tmp_path: Path, encode: Callable[[int, Sequence[int | float | bytes]], bytes]
) -> None:
    entries = list(range(SHORT_ENTRIES))
    assert read(tmp_path, attribute(INTS, encode(INTS, entries))) == tuple(entries)
    floats = [0.5] * SHORT_ENTRIES
    assert read(tmp_path, attribute(FLOATS, encode(FLOATS, floats))) == tuple(floats)


def test_short_list_of_long_texts_stays(tmp_path: Path) -> None:
    assert read(tmp_path, attribute(STRINGS, unpacked(STRINGS, [b"a" * 5000, b"b"]))) == ("a" * 5000, "b")


def test_list_in_pieces_of_both_encodings(tmp_path: Path) -> None:
    content = unpacked(INTS, range(3000)) + number(20, 7) + packed(INTS, range(3000)) + unpacked(INTS, range(5))
    found = read(tmp_path, chunk(1, b"entries") + content)
    assert isinstance(found, LongList)
    assert found.numbers is not None
    assert found.numbers.tolist() == [*range(3000), *range(3000), *range(5)]


def test_file_without_attribute_types(tmp_path: Path) -> None:
    found = read(tmp_path, attribute(INTS, unpacked(INTS, range(MANY)), is_typed=False))
    assert isinstance(found, LongList)
    assert len(found) == MANY


def test_tag_of_more_bytes_than_it_needs(tmp_path: Path) -> None:
    field = bytes((INTS << 3 | 0x80, 0, 5))
    found = read(tmp_path, attribute(INTS, field * 3 + unpacked(INTS, range(MANY))))
    assert isinstance(found, LongList)
    assert found.numbers is not None
    assert found.numbers.tolist() == [5, 5, 5, *range(MANY)]


def test_long_text_is_left_out(tmp_path: Path) -> None:
    content = chunk(1, b"entries") + chunk(4, b"engine" * 20000) + number(20, 3)
    path = write(tmp_path, with_attribute(content))
    held = parse(path)
    found = held.graph.ops[1].attributes["entries"]
    assert isinstance(found, LongList)
    assert (len(found), found.numbers) == (120_000, None)


def test_forged_mark_is_no_list(tmp_path: Path) -> None:
    """A tensor that looks like the reader's own mark and names a list that does not exist."""
    for name in (b"0", b"7", b"-1", b"x", b"9" * 30):
        mark = number(1, 9999) + number(2, 7) + chunk(8, name) + number(14, 1) + chunk(13, b"")
        content = chunk(1, b"entries") + chunk(5, mark) + unpacked(INTS, [1, 2]) + number(20, 7)
        assert read(tmp_path, content) == (1, 2)


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (packed(INTS, [1] * MANY)[:-1] + b"\x80", "is not an ONNX model: found no valid protobuf field"),
        (chunk(FLOATS, bytes(4 * MANY + 1)), "is not an ONNX model: found no valid protobuf field"),
        (unpacked(INTS, range(MANY)) + bytes((INTS << 3,)) + b"\xff" * 11, "is not an ONNX model"),
        (unpacked(INTS, range(MANY)) + unpacked(FLOATS, [0.5] * MANY), "an attribute: found long lists of several"),
        (unpacked(STRINGS, [b"a"] * MANY) + bytes((STRINGS << 3 | 2, 120)), "is truncated or damaged"),
    ],
)
def test_damaged_lists_are_refused(tmp_path: Path, payload: bytes, expected: str) -> None:
    assert expected in refusal(tmp_path, with_attribute(chunk(1, b"entries") + number(20, 7) + payload))


# What rules and the onnx library read of them.


def ml_model(
    op_type: str, dims: Sequence[int | str], outputs: int, dtype: int = TensorProto.FLOAT, domain: str = "ai.onnx.ml",
    **attributes: object,
) -> onnx.ModelProto:  # fmt: skip
    names = [f"y{place}" for place in range(outputs)]
    node = helper.make_node(op_type, ["x"], names, domain=domain, **attributes)
    graph = helper.make_graph(
        [node], "g", [value("x", dims, dtype)], [onnx.ValueInfoProto(name=name) for name in names]
    )
    imports = [helper.make_opsetid("", 15), helper.make_opsetid("ai.onnx.ml", 3)]
    return helper.make_model(graph, opset_imports=imports, ir_version=8)


def shapes(folder: Path, proto: onnx.ModelProto) -> list[str]:
    found = analyze(write(folder, proto), Settings())
    row = next(iter(found.model.column(TypedOp).values()))
    return [str(kind) for kind in row.outputs]


def test_shapes_that_depend_on_long_lists(tmp_path: Path) -> None:
    label_encoder = ml_model("LabelEncoder", [3, 8], 1, TensorProto.STRING, keys_strings=[f"k{i}" for i in range(MANY)],
                             values_int64s=list(range(MANY)))  # fmt: skip
    assert shapes(tmp_path, label_encoder) == ["int64[3, 8]"]
    classifier = ml_model("LinearClassifier", [5, 2], 2, coefficients=[0.5] * 2 * MANY, intercepts=[0.0] * MANY,
                          classlabels_ints=list(range(MANY)))  # fmt: skip
    assert shapes(tmp_path, classifier) == ["int64[5]", f"float32[5, {MANY}]"]
    # ngram_indexes: the width of the output is the largest and one
    indexes = [*range(MANY - 1), 9999]
    grams = {"mode": "TF", "min_gram_length": 1, "max_gram_length": 1, "max_skip_count": 0, "ngram_counts": [0]}
    tfidf = ml_model(
        "TfIdfVectorizer",
        [3, 8],
        1,
        TensorProto.INT64,
        "",
        ngram_indexes=indexes,
        pool_int64s=list(range(MANY)),
        **grams,
    )
    assert shapes(tmp_path, tfidf) == ["float32[3, 10000]"]


def test_long_constants(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Constant", [], ["a"], value_floats=[0.5] * MANY),
        helper.make_node("Constant", [], ["b"], value_ints=list(range(MANY))),
        helper.make_node("Shape", ["b"], ["s"]),
        helper.make_node("Add", ["x", "a"], ["y"]),
    ]
    proto = model(nodes, [value("x", [2, 1])], [onnx.ValueInfoProto(name="y"), onnx.ValueInfoProto(name="s")])
    found = analyze(write(tmp_path, proto), Settings()).model.column(TypedOp)
    assert [str(row.outputs[0]) for row in found.values()] == [
        f"float32[{MANY}]", f"int64[{MANY}]", "int64[1]", f"float32[2, {MANY}]",
    ]  # fmt: skip


@pytest.mark.parametrize("trees", [20_000, 40_000])
def test_forest_of_stumps_whose_leaves_have_numbers_beyond_a_signed_type(tmp_path: Path, trees: int) -> None:
    leaves = helper.make_tensor("w", TensorProto.FLOAT, [2 * trees], bytes(8 * trees), raw=True)
    per_node = helper.make_tensor("m", TensorProto.UINT8, [trees], bytes(trees), raw=True)
    splits = helper.make_tensor("s", TensorProto.FLOAT, [trees], bytes(4 * trees), raw=True)
    proto = ml_model(
        "TreeEnsemble", [5, 2], 1, n_targets=1, leaf_weights=leaves, leaf_targetids=[0] * (2 * trees),
        nodes_featureids=[0] * trees, nodes_modes=per_node, nodes_splits=splits, tree_roots=list(range(trees)),
        nodes_trueleafs=[1] * trees, nodes_truenodeids=list(range(0, 2 * trees, 2)),
        nodes_falseleafs=[1] * trees, nodes_falsenodeids=list(range(1, 2 * trees, 2)),
    )  # fmt: skip
    proto.opset_import[1].version = 5
    counts = analyze(write(tmp_path, proto), Settings()).summary.counts
    # each of 5 rows: one comparison and one leaf's weight of each tree
    assert (counts.compares, counts.adds) == (5 * trees, 5 * trees)


def ensemble(trees: int) -> tuple[bytes, int]:
    """A classifier of `trees` chains of 480 inner nodes and 481 leaves each, field by field, and its entries."""
    inner, nodes = 480, 961
    # node i < 480 compares: true leads to leaf 480 + i, false to node i + 1 or the last leaf
    on_true = [480 + i for i in range(inner)] + [0] * 481
    on_false = [i + 1 if i < inner - 1 else 960 for i in range(inner)] + [0] * 481
    modes = unpacked(STRINGS, [b"BRANCH_LEQ"] * inner + [b"LEAF"] * 481)
    columns: dict[str, tuple[int, bytes]] = {
        "nodes_featureids": (INTS, unpacked(INTS, [i % 300 for i in range(nodes)])),
        "nodes_values": (FLOATS, unpacked(FLOATS, [0.5] * nodes)),
        "nodes_hitrates": (FLOATS, unpacked(FLOATS, [1.0] * nodes)),
        "nodes_modes": (STRINGS, modes),
        "nodes_missing_value_tracks_true": (INTS, unpacked(INTS, [0] * nodes)),
        "nodes_nodeids": (INTS, unpacked(INTS, range(nodes))),
        "nodes_truenodeids": (INTS, unpacked(INTS, on_true)),
        "nodes_falsenodeids": (INTS, unpacked(INTS, on_false)),
        "class_ids": (INTS, unpacked(INTS, [0] * 481)),
        "class_nodeids": (INTS, unpacked(INTS, range(480, 961))),
        "class_weights": (FLOATS, unpacked(FLOATS, [0.5] * 481)),
    }
    parts = [attribute(field, payload * trees, name) for name, (field, payload) in columns.items()]
    for name, times in (("nodes_treeids", nodes), ("class_treeids", 481)):
        parts.append(attribute(INTS, b"".join(number(INTS, tree) * times for tree in range(trees)), name))
    parts.append(attribute(INTS, unpacked(INTS, [0, 1]), "classlabels_int64s"))
    node = chunk(1, b"x") + chunk(2, b"l") + chunk(2, b"p") + chunk(4, b"TreeEnsembleClassifier")
    node += chunk(7, b"ai.onnx.ml") + b"".join(chunk(5, part) for part in parts)
    proto = ml_model("TreeEnsembleClassifier", ["N", 300], 0)
    del proto.graph.node[:]
    proto.graph.output.extend([onnx.ValueInfoProto(name="l"), onnx.ValueInfoProto(name="p")])
    graph = proto.graph.SerializeToString() + chunk(1, node)
    proto.ClearField("graph")
    return proto.SerializeToString() + chunk(7, graph), trees * (9 * nodes + 4 * 481) + 2


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
def test_tree_ensemble_of_53_million_values(tmp_path: Path) -> None:
    """Read and analysed in 200 MB, and in seconds: a loop over the values takes a minute and a half and 4 GB."""
    content, entries = ensemble(5000)
    assert entries == 52_865_002
    path = tmp_path / "ensemble.onnx"
    path.write_bytes(content)
    code = (
        "import json, resource, sys\n"
        "from onnx_roofline.analysis.analyze import analyze\n"
        "from onnx_roofline.analysis.settings import Settings\n"
        "found = analyze(sys.argv[1], Settings(dims={'N': 7}))\n"
        "peak = next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM'))\n"
        "used = resource.getrusage(resource.RUSAGE_SELF)\n"
        "print(json.dumps([found.summary.counts.compares, int(peak) / 1024, used.ru_utime]))\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True, env=dict(os.environ)
    )
    compares, peak_mib, cpu_s = json.loads(result.stdout)
    # each row: 480 comparisons in each of 5,000 chains, and one to pick among two classes
    assert compares == 7 * (480 * 5000 + 1)
    assert peak_mib < 200
    assert cpu_s < 6
