"""The weightless reader: payloads are never read, memory follows the graph, and nothing else of the model is lost."""

import json
import os
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from crafting import FLOAT, INT64, chunk, model, model_bytes, number, parsed, refusal, relu, value, varint, write
from onnx import TensorProto, helper, numpy_helper

from onnx_roofline.base.units import DTYPE_BITS, dtype_name
from onnx_roofline.ir.graph import StoredTensor
from onnx_roofline.load import Limits, parse, wire
from onnx_roofline.load.wire import read_slim

ELEMENTS = 6000
# How a payload of 6000 elements can be encoded: data type, serialized fields.
PAYLOADS = {
    "raw_data": (FLOAT, chunk(9, b"\0" * 4 * ELEMENTS)),
    "float_data packed": (FLOAT, chunk(4, b"\0" * 4 * ELEMENTS)),
    "float_data unpacked": (FLOAT, (varint(4 << 3 | 5) + b"\0\0\x80\x3f") * ELEMENTS),
    "float_data in pieces": (FLOAT, chunk(4, b"\0" * 4 * 1000) + chunk(4, b"\0" * 4 * 5000)),
    "double_data packed": (TensorProto.DOUBLE, chunk(10, b"\0" * 8 * ELEMENTS)),
    "double_data unpacked": (TensorProto.DOUBLE, (varint(10 << 3 | 1) + b"\0" * 8) * ELEMENTS),
    "int32_data packed": (TensorProto.INT32, chunk(5, b"\x07" * ELEMENTS)),
    "int32_data unpacked": (TensorProto.INT32, number(5, 300) * ELEMENTS),
    "int64_data packed": (INT64, chunk(7, b"\x07" * ELEMENTS)),
    "int64_data unpacked": (INT64, number(7, (1 << 64) - 1) * ELEMENTS),
    "uint64_data packed": (TensorProto.UINT64, chunk(11, b"\x07" * ELEMENTS)),
    "string_data": (TensorProto.STRING, chunk(6, b"word") * ELEMENTS),
    "int4 raw_data": (TensorProto.INT4, chunk(9, b"\0" * 4500)),
    "bfloat16 int32_data": (TensorProto.BFLOAT16, chunk(5, b"\x07" * ELEMENTS)),
}


def tensor_bytes(data_type: int, payload: bytes, dims: tuple[int, ...] = (ELEMENTS,), name: str = "w") -> bytes:
    return b"".join(number(1, dim) for dim in dims) + number(2, data_type) + chunk(8, name.encode()) + payload


@pytest.mark.parametrize("encoding", PAYLOADS)
def test_payload_of_every_encoding_is_left_out(tmp_path: Path, encoding: str) -> None:
    data_type, payload = PAYLOADS[encoding]
    dims = (9000,) if encoding == "int4 raw_data" else (ELEMENTS,)
    path = write(tmp_path, model_bytes(tensor_bytes(data_type, payload, dims)))
    slim = read_slim(path, Limits())
    assert len(slim.data) < 400
    stored = parse(path).graph.stored["w"]
    assert (stored.type.dtype, stored.type.shape, stored.value) == (dtype_name(data_type), dims, None)


def test_order_of_fields_does_not_matter(tmp_path: Path) -> None:
    payload = chunk(9, b"\0" * 24000)
    path = write(tmp_path, model_bytes(payload + chunk(8, b"w") + number(1, 6) + number(1, 1000) + number(2, FLOAT)))
    assert len(read_slim(path, Limits()).data) < 400
    assert parse(path).graph.stored["w"].type.shape == (6, 1000)


def test_packed_dims(tmp_path: Path) -> None:
    tensor = chunk(1, varint(6) + varint(1000)) + number(2, FLOAT) + chunk(8, b"w") + chunk(9, b"\0" * 24000)
    assert parsed(tmp_path, model_bytes(tensor)).graph.stored["w"].type.shape == (6, 1000)


def test_of_two_raw_payloads_the_last_counts_as_protobuf_says(tmp_path: Path) -> None:
    tensor = tensor_bytes(FLOAT, chunk(9, b"\0" * 8000) + chunk(9, b"\0" * 24000))
    assert parsed(tmp_path, model_bytes(tensor)).graph.stored["w"].type.shape == (ELEMENTS,)


@pytest.mark.parametrize("dims", [(5999,), (6001,), (2, 6000), ()])
def test_payload_that_contradicts_the_dims_is_refused_by_name(tmp_path: Path, dims: tuple[int, ...]) -> None:
    message = refusal(tmp_path, model_bytes(tensor_bytes(FLOAT, chunk(9, b"\0" * 24000), dims, "enc.w")))
    wanted = 4 * int(np.prod(dims, dtype=np.int64))
    assert message.startswith(f"tensor 'enc.w': found 24,000 bytes of data, wanted {wanted:,} for float32[")


def test_small_payload_that_contradicts_the_dims_is_refused_by_name(tmp_path: Path) -> None:
    tensor = TensorProto(name="b", data_type=FLOAT, dims=[3], raw_data=b"\0" * 8)
    message = refusal(tmp_path, relu([tensor]))
    assert message == "initializer 'b': found 8 bytes of data; wanted 12 for float32[3]; export the model again"


@pytest.mark.parametrize("count", [3, 511, 512, 600, 1023, 1024])
@pytest.mark.parametrize("form", ["raw", "packed", "unpacked"])
def test_values_of_followed_integers_are_kept(tmp_path: Path, count: int, form: str) -> None:
    values = np.arange(-5, count - 5, dtype=np.int64)
    if form == "raw":
        payload = chunk(9, values.tobytes())
    elif form == "packed":
        payload = chunk(7, b"".join(varint(int(v) & (1 << 64) - 1) for v in values))
    else:
        payload = b"".join(number(7, int(v) & (1 << 64) - 1) for v in values)
    # A payload in front of the dims, whose size decides whether it is kept.
    tensor = payload + number(1, count) + number(2, INT64) + chunk(8, b"w")
    stored = parsed(tmp_path, model_bytes(tensor)).graph.stored["w"]
    assert stored.value is not None
    np.testing.assert_array_equal(stored.value, values)


def test_limit_on_followed_values(tmp_path: Path) -> None:
    path = write(tmp_path, relu([numpy_helper.from_array(np.arange(1025), "w")]))
    assert parse(path).graph.stored["w"].value is None
    assert parse(path, Limits(value_elements=1025)).graph.stored["w"].value is not None
    small = write(tmp_path, relu([numpy_helper.from_array(np.arange(9), "w")]))
    assert parse(small, Limits(value_elements=8)).graph.stored["w"].value is None


def weights(name: str = "") -> onnx.TensorProto:
    return numpy_helper.from_array(np.ones((64, 64), np.float32), name)


def everywhere() -> onnx.ModelProto:
    """16 KiB of weights in an initializer, a Constant, a body of a body, a function and a sparse initializer."""
    inner = helper.make_graph(
        [helper.make_node("Constant", [], ["i"], value=weights())], "inner", [], [value("i", None)]
    )
    outer = helper.make_graph(
        [helper.make_node("If", ["c"], ["o"], then_branch=inner, else_branch=inner)],
        "o",
        [],
        [value("o", None)],
        [weights("ow")],
    )
    function = helper.make_function(
        "local",
        "F",
        [],
        ["f"],
        [helper.make_node("Constant", [], ["f"], value=weights())],
        [helper.make_opsetid("", 17)],
    )
    nodes = [
        helper.make_node("Constant", [], ["k"], value=weights()),
        helper.make_node("If", ["c"], ["y"], then_branch=outer, else_branch=outer),
        helper.make_node("F", [], ["z"], domain="local"),
    ]
    proto = model(nodes, [value("c", (), TensorProto.BOOL)], [value("y", None)], [weights("w")], [function])
    sparse = proto.graph.sparse_initializer.add()
    sparse.dims.extend((9999, 9999))
    sparse.values.CopyFrom(numpy_helper.from_array(np.ones(4096, np.float32), "s"))
    sparse.indices.CopyFrom(numpy_helper.from_array(np.arange(4096), "s_index"))
    return proto


def test_weights_are_left_out_wherever_they_are(tmp_path: Path) -> None:
    path = write(tmp_path, everywhere())
    slim = read_slim(path, Limits())
    assert slim.file_bytes > 9 * 16384
    assert len(slim.data) < 1500
    # w, k and the function's; in each branch ow and two more; the sparse values and their indices
    assert slim.skipped_bytes == (3 + 2 * 3) * 16384 + 4096 * (4 + 8)
    model = parse(path)
    assert model.graph.stored["w"].type.shape == (64, 64)
    assert model.graph.stored["s"].sparse_values == 4096
    assert model.graph.stored["s"].stored_bytes == 4096 * (4 + 8)
    constant = model.graph.ops[0].attributes["value"]
    assert isinstance(constant, StoredTensor)
    assert constant.type.shape == (64, 64)
    assert constant.value is None
    assert model.graph.ops[1].bodies["then_branch"].stored["ow"].type.shape == (64, 64)


CHILD = """
import json, sys, time
opened = []
sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" else None)
import onnx, tracemalloc
from onnx_roofline.load import parse
parse(sys.argv[2])
del opened[:]
tracemalloc.start()
started = time.process_time()
model = parse(sys.argv[1])
elapsed = time.process_time() - started
peak = tracemalloc.get_traced_memory()[1]
print(json.dumps({"opened": opened, "elapsed": elapsed, "peak": peak, "codes": [n.code for n in model.notices],
                  "bytes": {k: v.type.bytes for k, v in model.graph.stored.items()}}))
"""


def in_child(path: str, folder: Path) -> dict[str, object]:
    warm = write(folder, relu(), "warm.onnx")
    done = subprocess.run([sys.executable, "-c", CHILD, path, warm], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


def test_a_gibibyte_of_weights_costs_nothing(tmp_path: Path) -> None:
    size = 2**30
    tensor = number(1, size // 4) + number(2, FLOAT) + chunk(8, b"w") + varint(9 << 3 | 2) + varint(size)
    proto = relu()
    graph = proto.graph.SerializeToString() + varint(5 << 3 | 2) + varint(len(tensor) + size) + tensor
    proto.ClearField("graph")
    path = write(tmp_path, proto.SerializeToString() + varint(7 << 3 | 2) + varint(len(graph) + size) + graph)
    os.truncate(path, os.path.getsize(path) + size)
    found = in_child(path, tmp_path)
    assert found["bytes"] == {"w": size}
    assert float(str(found["elapsed"])) < 0.5
    assert int(str(found["peak"])) < 2**20
    assert found["opened"] == [path]


@pytest.mark.parametrize("present", [True, False])
def test_external_data_is_never_opened(tmp_path: Path, present: bool) -> None:
    if present:
        (tmp_path / "weights.bin").write_bytes(b"\0" * 4096)
    tensor = TensorProto(name="w", data_type=FLOAT, dims=[1000], data_location=TensorProto.EXTERNAL)
    for key, text in (("location", "weights.bin"), ("offset", "96"), ("length", "4000")):
        tensor.external_data.add(key=key, value=text)
    path = write(tmp_path, relu([tensor]))
    found = in_child(path, tmp_path)
    assert found["opened"] == [path]
    assert found["bytes"] == {"w": 4000}
    assert found["codes"] == ([] if present else ["external-data-missing"])
    assert parse(path).graph.stored["w"].alias == ("weights.bin", 96, 4000)


def test_unknown_fields_and_doc_strings_are_left_out(tmp_path: Path) -> None:
    junk = b"\x01" * 100_000
    proto = relu()
    proto.doc_string = proto.graph.doc_string = proto.graph.node[0].doc_string = "d" * 100_000
    data = proto.SerializeToString() + chunk(99, junk) + chunk(20, chunk(1, junk))
    path = write(tmp_path, data)
    slim = read_slim(path, Limits(graph_bytes=10_000))
    assert len(slim.data) < 400
    assert [op.op_type for op in parse(path).graph.ops] == ["Relu"]


def test_kept_fields_are_those_of_the_format() -> None:
    """Every field of onnx.proto is kept, save doc strings and training graphs."""
    messages: dict[str, Any] = {
        "model": onnx.ModelProto, "graph": onnx.GraphProto, "function": onnx.FunctionProto, "node": onnx.NodeProto,
        "attribute": onnx.AttributeProto, "sparse": onnx.SparseTensorProto, "tensor": onnx.TensorProto,
    }  # fmt: skip
    for kind, message in messages.items():
        fields = {f.number for f in message.DESCRIPTOR.fields if f.name not in ("doc_string", "training_info")}
        if kind == "tensor":
            fields |= {1, 2}
        assert wire._KEPT[kind] == fields, kind


def test_widths_of_types_are_those_of_the_format() -> None:
    for name, data_type in TensorProto.DataType.items():
        if name not in ("UNDEFINED", "STRING"):
            assert dtype_name(data_type) in DTYPE_BITS, name


def test_an_empty_graph_and_a_file_of_only_scalars(tmp_path: Path) -> None:
    assert parsed(tmp_path, model([])).graph.ops == ()
    assert "holds no graph" in refusal(tmp_path, number(1, 8))


def test_digest_ignores_the_weights_and_notices_the_graph(tmp_path: Path) -> None:
    def digest(scale: float, op: str) -> str:
        proto = relu([numpy_helper.from_array(np.full((64, 64), scale, np.float32), "w")])
        proto.graph.node[0].op_type = op
        return parsed(tmp_path, proto).info.graph_sha256

    assert digest(1.0, "Relu") == digest(2.0, "Relu") != digest(1.0, "Tanh")


def test_unpacked_payload_is_passed_over_in_runs(tmp_path: Path) -> None:
    payload = (varint(4 << 3 | 5) + struct.pack("<f", 1.0)) * 2_000_000
    path = write(tmp_path, model_bytes(tensor_bytes(FLOAT, payload, (2_000_000,))))
    started = time.process_time()
    slim = read_slim(path, Limits())
    assert time.process_time() - started < 0.5
    assert len(slim.data) < 400
    short = write(tmp_path, model_bytes(tensor_bytes(FLOAT, payload, (1_999_999,))))
    with pytest.raises(Exception, match="found 8,000,000 bytes of data, wanted 7,999,996"):
        read_slim(short, Limits())
