"""A model is the same from a file, from bytes, as a ModelProto and as an onnx_ir.Model, and none of them is changed."""

import array
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from crafting import FLOAT, chunk, model, model_bytes, number, relu, value, write
from onnx import TensorProto, helper, numpy_helper

from onnx_roofline.base.errors import LimitError, MalformedModelError, ModelError, NotAModelError, UsageError
from onnx_roofline.load import Limits, ParsedModel, parse, sources
from onnx_roofline.load.sources import read_source

SAMPLES = Path(__file__).resolve().parents[2] / "sample_models"


def stored(name: str, elements: np.ndarray[Any, Any]) -> onnx.TensorProto:
    return numpy_helper.from_array(elements, name)


def weighted() -> onnx.ModelProto:
    """Weights that are left out, integers that are followed, a tensor in a node, one beside the file, a function."""
    outside = TensorProto(name="outside", data_type=FLOAT, dims=(64, 64), data_location=TensorProto.EXTERNAL)
    outside.external_data.add(key="location", value="weights.bin")
    nodes = [
        helper.make_node("Constant", [], ["c"], value=stored("", np.ones((64, 64), np.float32))),
        helper.make_node("MatMul", ["x", "w"], ["p"], name="first"),
        helper.make_node("Add", ["p", "c"], ["s"], doc_string="d" * 5000),
        helper.make_node("MatMul", ["s", "outside"], ["t"]),
        helper.make_node("Reshape", ["t", "shape"], ["y"]),
    ]
    tensors = [
        stored("w", np.ones((64, 64), np.float32)),
        outside,
        stored("shape", np.array([64, -1])),
        stored("many", np.arange(4000)),
        helper.make_tensor("typed", FLOAT, [2000], [1.0] * 2000),
        helper.make_tensor("words", TensorProto.STRING, [900], [b"word"] * 900),
    ]
    proto = model(nodes, [value("x", ["n", 64])], [value("y", None)], tensors)
    proto.graph.doc_string = "about"
    proto.producer_name = "pytest"
    proto.metadata_props.add(key="k", value="v")
    return proto


def as_buffers(data: bytes) -> list[Any]:
    padded = memoryview(b"\0" + data)[1:]
    every_second = memoryview(bytes(byte for pair in zip(data, data, strict=True) for byte in pair))[::2]
    return [bytearray(data), memoryview(data), padded, every_second, memoryview(array.array("b", data))]


def facts(found: ParsedModel) -> object:
    """What a file's bytes decide: the hash is of the whole graph without its weights."""
    info = found.info
    return info.graph_sha256, info.file_bytes, info.ir_version, info.opsets, info.producer


def ops_of(found: ParsedModel) -> object:
    """The graph, whatever the order of its metadata."""
    ops = [(op.id, op.name, op.inputs, op.outputs, op.attributes.keys(), op.module) for op in found.graph.ops]
    return ops, found.graph.inputs, {name: one.type for name, one in found.graph.stored.items()}


@pytest.mark.parametrize("name", ["weighted", "bert_base", "gpt2", "lstm", "gcn_cora.torchscript"])
def test_a_model_in_memory_is_the_one_in_the_file(name: str, tmp_path: Path) -> None:
    path = write(tmp_path, weighted()) if name == "weighted" else str(SAMPLES / f"{name}.onnx")
    data, from_file = Path(path).read_bytes(), parse(path)
    for buffer in [data, *as_buffers(data)] if name == "weighted" else [data]:
        assert facts(parse(buffer)) == facts(from_file)
    proto = onnx.load(path, load_external_data=False)
    assert proto.SerializeToString() == data, "the file has its fields in the order in which protobuf writes them"
    found = parse(proto)
    assert proto.SerializeToString() == data
    assert facts(found) == facts(from_file)
    assert ops_of(found) == ops_of(from_file)


def test_names_stand_for_the_path() -> None:
    proto = relu()
    assert [parse(source).path for source in (proto.SerializeToString(), proto)] == ["<bytes>", "<ModelProto>"]


def test_weights_of_a_proto_are_left_out_and_counted(tmp_path: Path) -> None:
    proto = weighted()
    slim, _ = read_source(proto, Limits())
    wanted, _ = read_source(write(tmp_path, proto), Limits())
    assert (slim.file_bytes, slim.skipped_bytes) == (proto.ByteSize(), wanted.skipped_bytes)
    assert slim.data == wanted.data


def test_nothing_is_said_of_files_beside_a_model_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    codes = [[notice.code for notice in parse(source).notices] for source in (weighted(), write(tmp_path, weighted()))]
    assert codes == [[], ["external-data-missing"]]


def test_a_text_is_a_path_whatever_is_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    name = relu().SerializeToString().decode("latin-1").replace("\0", "").replace("/", "")
    with pytest.raises(NotAModelError, match="found no such file; check the path"):
        parse(name)
    write(tmp_path, relu(), name)
    assert parse(name).path == name


def test_bytes_are_never_a_path(tmp_path: Path) -> None:
    with pytest.raises(NotAModelError, match=r"^<bytes>: "):
        parse(os.fsencode(write(tmp_path, relu())))


@pytest.mark.parametrize("buffer", [b"", bytearray(), memoryview(b""), memoryview(b"abc")[1:1]])
def test_an_empty_buffer_is_refused(buffer: Any) -> None:
    with pytest.raises(NotAModelError, match=r"^<bytes>: is empty \(0 bytes\), wanted a binary ONNX file"):
        parse(buffer)


def test_an_empty_proto_is_refused() -> None:
    with pytest.raises(NotAModelError, match=r"^<ModelProto>: is empty \(0 bytes\)"):
        parse(onnx.ModelProto())
    with pytest.raises(NotAModelError, match=r"^<ModelProto>: holds no graph; wanted an ONNX model"):
        parse(onnx.ModelProto(ir_version=8))


def test_every_cut_of_the_bytes_is_refused_or_has_less() -> None:
    """A model that is cut between two fields has no opset; cut anywhere else it is refused, never misread."""
    data = weighted().SerializeToString()
    kept, refused = [], list[str]()
    for length in [*range(200), *range(200, len(data), 997), *range(len(data) - 60, len(data))]:
        try:
            kept.append(parse(data[:length]))
        except ModelError as error:
            refused.append(str(error))
    assert all(ops_of(found) == ops_of(parse(data)) for found in kept)
    assert len(kept) < 5
    assert all(message.startswith("<bytes>: ") for message in refused)
    with pytest.raises(NotAModelError, match=r"^<bytes>: is truncated or damaged: found the end of the file at byte"):
        parse(data[:-100])


def test_other_bytes_are_named() -> None:
    with pytest.raises(NotAModelError, match=r"^<bytes>: is a zip archive"):
        parse(b"PK\x03\x04" + bytes(100))


def test_a_payload_that_contradicts_its_dims_is_refused_in_memory() -> None:
    tensor = TensorProto(name="w", data_type=FLOAT, dims=(64, 64), raw_data=bytes(5000))
    for source in (relu([tensor]), relu([tensor]).SerializeToString()):
        with pytest.raises(MalformedModelError, match=r"tensor 'w': found 5,000 bytes of data, wanted 16,384"):
            parse(source)


def test_limits_hold_in_memory() -> None:
    for source in (weighted(), weighted().SerializeToString()):
        with pytest.raises(LimitError, match=r"^<.*>: found 4 nodes, the limit is 3; raise it with --limit nodes=4"):
            parse(source, Limits(nodes=3))


def test_weights_in_memory_are_not_copied() -> None:
    size = 64 << 20
    data = model_bytes(number(1, size // 4) + number(2, FLOAT) + chunk(8, b"w") + chunk(9, bytes(size)))
    tracemalloc.start()
    found = parse(memoryview(data))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.graph.stored["w"].type.shape == (size // 4,)
    assert peak < 2 << 20


def test_no_more_than_one_weight_of_a_proto_is_copied_at_a_time() -> None:
    """So that a proto of more than 2 GiB, which protobuf can't write, is read too."""
    size, count = 4 << 20, 8
    proto = relu([TensorProto(name=f"w{i}", data_type=FLOAT, dims=(size // 4,)) for i in range(count)])
    for tensor in proto.graph.initializer:
        tensor.raw_data = bytes(size)
    tracemalloc.start()
    slim, _ = read_source(proto, Limits())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert slim.skipped_bytes == count * size
    assert peak < 3 * size


def test_a_proto_that_protobuf_can_not_write_is_refused() -> None:
    """protobuf writes no message of 2 GiB; a stand-in for one, which would need that memory."""

    class Huge:
        def SerializeToString(self) -> bytes:
            raise ValueError("Message onnx.TensorProto exceeds maximum protobuf size of 2GB: 2147483755")

    with pytest.raises(ModelError) as refused:
        sources._serialized(Huge(), "<ModelProto>")
    message = str(refused.value)
    assert message.startswith("<ModelProto>: Huge can't be serialized: 'Message onnx.TensorProto exceeds maximum")
    assert message.endswith(
        "save the model with its weights beside it (onnx.save, save_as_external_data=True) and pass the path"
    )


@pytest.mark.parametrize(
    ("wrong", "found"),
    [
        (None, "None"),
        (5, "int"),
        ([], "list"),
        (onnx.GraphProto(), "GraphProto"),
        (np.zeros(3), "numpy.ndarray"),
        (Path, "type"),
    ],
)
def test_anything_else_is_refused(wrong: Any, found: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse(wrong)
    message = str(refused.value)
    assert message.startswith("model: found ")
    assert (
        f"{found}, wanted the path of an .onnx file (str or Path), the bytes of a model, an onnx.ModelProto" in message
    )


def test_an_open_file_is_to_be_read_first() -> None:
    with (
        open(SAMPLES / "linear.onnx", "rb") as file,
        pytest.raises(UsageError, match=r"; read it first: model\.read\(\)$"),
    ):
        parse(file)  # type: ignore[arg-type]


def test_no_model_is_written_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.mkstemp", None)
    monkeypatch.setattr("tempfile.mkdtemp", None)
    monkeypatch.chdir(tmp_path)
    for source in (weighted(), weighted().SerializeToString()):
        parse(source)
    assert list(tmp_path.iterdir()) == []


def test_bytes_are_read_without_the_onnx_package_being_asked_for_its_types(tmp_path: Path) -> None:
    """A file is not compared with types of libraries that nobody imported."""
    code = (
        "import sys\n"
        "from onnx_roofline.load import Limits\n"
        "from onnx_roofline.load.sources import read_source\n"
        "read_source(sys.argv[1], Limits())\n"
        "read_source(open(sys.argv[1], 'rb').read(), Limits())\n"
        "assert not {'onnx', 'onnx_ir', 'google.protobuf', 'numpy'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code, write(tmp_path, relu())], check=True)


class TestOnnxIr:
    @pytest.fixture
    def ir(self) -> Any:
        return pytest.importorskip("onnx_ir")

    @pytest.mark.parametrize("name", ["bert_base", "gpt2", "lstm"])
    def test_it_is_the_model_in_the_file(self, ir: Any, name: str) -> None:
        path = SAMPLES / f"{name}.onnx"
        source = ir.load(path)
        before = ir.to_proto(source).SerializeToString()
        found, wanted = parse(source), parse(path)
        assert ir.to_proto(source).SerializeToString() == before
        assert ops_of(found) == ops_of(wanted)

    def test_large_weights_are_not_asked_for(self, ir: Any) -> None:
        asked = []

        def make(dims: list[int]) -> Any:
            asked.append(dims)
            return ir.tensor(np.zeros(dims, np.float32))

        def lazy(name: str, *dims: int) -> Any:
            tensor = ir.LazyTensor(lambda: make(list(dims)), dtype=ir.DataType.FLOAT, shape=ir.Shape(dims), name=name)
            return ir.Value(name=name, shape=tensor.shape, type=ir.TensorType(tensor.dtype), const_value=tensor)

        x = ir.Value(name="x", shape=ir.Shape([1, 4096]), type=ir.TensorType(ir.DataType.FLOAT))
        weight, scale = lazy("w", 4096, 4096), lazy("scale", 1)
        product, scaled = ir.node("MatMul", [x, weight]), None
        scaled = ir.node("Mul", [product.outputs[0], scale])
        graph = ir.Graph(
            [x], scaled.outputs, nodes=[product, scaled], initializers=[weight, scale], opset_imports={"": 18}
        )
        source = ir.Model(graph, ir_version=10)
        found = parse(source)
        assert found.graph.stored["w"].type.shape == (4096, 4096)
        assert found.info.file_bytes > 4096 * 4096 * 4
        assert asked == [[1]]
        assert graph.initializers["w"].const_value is weight.const_value
        assert not isinstance(weight.const_value, ir.ExternalTensor)

    def test_integers_that_are_followed_keep_their_values(self, ir: Any) -> None:
        source = ir.from_proto(weighted())
        for limits, is_kept in ((Limits(), False), (Limits(value_elements=4000), True)):
            assert (parse(source, limits).graph.stored["many"].value is not None) is is_kept
            assert parse(source, limits).graph.stored["shape"].value is not None

    def test_what_onnx_ir_can_not_write_is_refused(self, ir: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        source = ir.from_proto(relu())
        monkeypatch.setattr(ir, "to_proto", lambda model: 1 // 0)
        with pytest.raises(ModelError, match=r"^<onnx_ir\.Model>: onnx_ir can't serialize it: 'integer division"):
            parse(source)

    def test_a_version_without_clone_serves(self, ir: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        source = ir.from_proto(weighted())
        wanted = parse(source)
        monkeypatch.delattr(ir.Model, "clone")
        assert ops_of(parse(source)) == ops_of(wanted)
