"""Whatever the file is, either it is analysed or one line says why not: never another exception, never a hang."""

import os
import random
import time
from pathlib import Path

import numpy as np
import onnx
import pytest
from crafting import FLOAT, chunk, model, parsed, refusal_of, relu, value, varint, write
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from onnx_roofline.base.errors import NotAModelError, RooflineError
from onnx_roofline.load import DimOptions, bind, parse

# Seconds of CPU that any small file may take.
SECONDS = 2.0


def small_model() -> onnx.ModelProto:
    """A model with a bit of everything: initializers small and large, a body, a function, symbolic dims, metadata."""
    branch = helper.make_graph(
        [helper.make_node("Constant", [], ["b"], value=numpy_helper.from_array(np.ones(4, np.float32)))],
        "b",
        [],
        [value("b", None)],
    )
    function = helper.make_function(
        "local", "F", ["a"], ["f"], [helper.make_node("Neg", ["a"], ["f"])], [helper.make_opsetid("", 17)]
    )
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["h"], name="layer/mm"),
        helper.make_node("Reshape", ["h", "shape"], ["r"]),
        helper.make_node("F", ["r"], ["n"], domain="local"),
        helper.make_node("If", ["c"], ["i"], then_branch=branch, else_branch=branch),
        helper.make_node("Mul", ["n", "i"], ["y"], name="last"),
    ]
    stored = [
        numpy_helper.from_array(np.ones((33, 32), np.float32), "w"),
        numpy_helper.from_array(np.array([-1, 4], np.int64), "shape"),
    ]
    external = TensorProto(name="e", data_type=FLOAT, dims=[4], data_location=TensorProto.EXTERNAL)
    external.external_data.add(key="location", value="e.bin")
    inputs = [value("x", ["batch", "2*batch", 33]), value("c", (), TensorProto.BOOL)]
    proto = model(nodes, inputs, [value("y", None)], [*stored, external], [function])
    proto.metadata_props.add(key="k", value="v")
    return proto


SMALL = small_model().SerializeToString()


def attempt(path: str) -> RooflineError | None:
    """None if the file is read, else its refusal; fails on anything else, and on slowness."""
    started = time.process_time()
    try:
        bind(parse(path), DimOptions({}, {}))
    except RooflineError as error:
        message = str(error)
        assert message.startswith(f"{path}: ")
        assert message.isprintable()
        return error
    finally:
        assert time.process_time() - started < SECONDS
    return None


def test_the_small_model_is_read(tmp_path: Path) -> None:
    assert attempt(write(tmp_path, SMALL)) is None


def test_truncation_at_every_byte(tmp_path: Path) -> None:
    refused = 0
    for size in range(len(SMALL)):
        refused += attempt(write(tmp_path, SMALL[:size])) is not None
    # Only cuts between fields behind the graph leave a whole model, without its last opset imports or functions.
    assert refused >= len(SMALL) - 8


@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=600))
def test_random_bytes(tmp_path: Path, data: bytes) -> None:
    attempt(write(tmp_path, data))


@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    edits=st.lists(
        st.tuples(
            st.integers(0, len(SMALL) - 1),
            st.sampled_from(("set", "insert", "delete", "copy")),
            st.binary(min_size=1, max_size=4),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_random_mutations(tmp_path: Path, edits: list[tuple[int, str, bytes]]) -> None:
    data = bytearray(SMALL)
    for position, kind, new in edits:
        if kind == "set":
            data[position : position + len(new)] = new
        elif kind == "insert":
            data[position:position] = new
        elif kind == "delete":
            del data[position : position + len(new)]
        else:
            data[position:position] = data[position : position + 40]
    attempt(write(tmp_path, bytes(data)))


def test_every_byte_set_to_a_few_values(tmp_path: Path) -> None:
    # Outside the payload of w, whose bytes change nothing.
    start = SMALL.index(np.ones((33, 32), np.float32).tobytes())
    positions = [p for p in range(len(SMALL)) if not start + 8 < p < start + 33 * 32 * 4]
    for position in positions:
        for byte in (0, 0x7F, 0xFF):
            attempt(write(tmp_path, SMALL[:position] + bytes((byte,)) + SMALL[position + 1 :]))


# Files of other kinds.


OTHER = {
    "empty": (b"", "is empty (0 bytes), wanted a binary ONNX file"),
    "git-lfs pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "git lfs pull"),
    "zip": (b"PK\x03\x04" + b"\0" * 60, "is a zip archive"),
    "pickle 2": (b"\x80\x02}q\x00.", "is a Python pickle"),
    "pickle 5": (b"\x80\x05\x95\x00", "is a Python pickle"),
    "gguf": (b"GGUF\x03\0\0\0", "is a GGUF file"),
    "safetensors": ((70).to_bytes(8, "little") + b'{"w":{"dtype":"F32"}}', "is a safetensors file"),
    "gzip": (b"\x1f\x8b\x08\0", "is a gzip archive"),
    "hdf5": (b"\x89HDF\r\n\x1a\n", "is an HDF5 file"),
    "tflite": (b"\x1c\0\0\0TFL3", "is a TensorFlow Lite file"),
    "ort": (b"\x1c\0\0\0ORTM", "is an onnxruntime .ort file"),
    "html": (b"<!DOCTYPE html><html>Not found</html>", "is a text file"),
    "words": (b"hello world, this is no model\n", "is not an ONNX model"),
    "zeros": (b"\0" * 4096, "is not an ONNX model"),
    "ones": (b"\xff" * 4096, "is not an ONNX model"),
}


@pytest.mark.parametrize("kind", OTHER)
def test_files_of_other_kinds(tmp_path: Path, kind: str) -> None:
    data, expected = OTHER[kind]
    path = write(tmp_path, data)
    assert expected in refusal_of(path)
    assert isinstance(attempt(path), NotAModelError)


@pytest.mark.parametrize("form", ["json", "textproto", "onnxtxt"])
def test_text_forms_of_onnx(tmp_path: Path, form: str) -> None:
    path = str(tmp_path / f"model.{form}")
    onnx.save(relu(), path, format=form)
    assert "wanted the binary form" in refusal_of(path)


def test_special_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    (tmp_path / "to_zero").symlink_to("/dev/zero")
    long = str(tmp_path / ("n" * 300))
    cases = {
        str(tmp_path): "found a directory, wanted a regular .onnx file",
        str(tmp_path / "fifo"): "found a FIFO, wanted a regular .onnx file",
        "/dev/zero": "found a character device, wanted a regular .onnx file",
        "/dev/null": "found a character device, wanted a regular .onnx file",
        str(tmp_path / "to_zero"): "found a character device, wanted a regular .onnx file",
        str(tmp_path / "nowhere"): "found no such file; check the path",
        str(tmp_path / "dangling"): "found no such file; check the path",
        str(tmp_path / "loop"): "cannot be opened: Too many levels of symbolic links; check the path",
        str(tmp_path / "loop" / "x"): "cannot be opened: Too many levels of symbolic links; check the path",
        long: "cannot be opened: File name too long; check the path",
    }
    for path, expected in cases.items():
        started = time.process_time()
        assert refusal_of(path) == expected
        assert time.process_time() - started < SECONDS


def test_paths_that_cannot_be_printed(tmp_path: Path) -> None:
    with pytest.raises(NotAModelError) as refused:
        parse(f"{tmp_path}/a\n::error::b")
    assert "\n" not in str(refused.value)
    with pytest.raises(NotAModelError, match="embedded null byte"):
        parse(f"{tmp_path}/a\0b")
    with pytest.raises(NotAModelError, match="no such file"):
        parse(f"{tmp_path}/\udcff")
    with pytest.raises(NotAModelError) as refused:
        parse("x" * 600_000)
    assert str(refused.value).endswith(" (600,000 characters): cannot be opened: File name too long; check the path")
    assert len(str(refused.value)) < 300


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_file_without_permission(tmp_path: Path) -> None:
    path = write(tmp_path, relu())
    os.chmod(path, 0)
    assert "Permission denied; check its permissions" in refusal_of(path)


def test_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, relu())

    def denied(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", denied)
    assert refusal_of(path) == "cannot be opened: Permission denied; check its permissions"


# Names.


NAMES = (
    "", "a b", "\x1b[31m", "\x07\x9b", "‮evil", "$x^2$", "::error::x", "%0A", "=1+1", "a" * 1_000_000, "../../x",
    "__import__('os').system('x')", "2**99999999", "(" * 90 + "1" + ")" * 90, "((((((", "1//0", "a//0", "é", "x\0y",
    "9" * 180 + "*" + "9" * 18, "*".join(["999999999999999999"] * 10), "-".join("ab" * 40), "~-" * 80, "\n", "\ud7ff",
    "lambda: 0", "{x}", "%s", "a.b.c + 1", "²", "x if y else z", "s0 + 'q'", "past - past", "1" + "+1" * 90,
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_hostile_names_are_labels(tmp_path: Path, name: str) -> None:
    proto = relu()
    proto.graph.node[0].name = proto.graph.name = proto.producer_name = name
    proto.graph.input[0].type.tensor_type.shape.dim[0].dim_param = name
    tensor = name or "t"
    proto.graph.node[0].output[0] = proto.graph.output[0].name = tensor
    started = time.process_time()
    found = bind(parsed(tmp_path, proto), DimOptions({}, {}))
    assert time.process_time() - started < SECONDS
    assert found.graph.ops[0].name == name
    assert found.graph.ops[0].outputs == (tensor,)
    shape = found.graph.inputs[0].type.shape
    assert shape is not None
    assert shape[0] is not None
    assert 0 <= shape[0] < 2**63


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_hostile_names_in_refusals(tmp_path: Path, name: str) -> None:
    proto = relu()
    proto.graph.node[0].name = proto.graph.node[0].input[0] = name + "?"
    assert "input " in str(attempt(write(tmp_path, proto)))
    proto = relu()
    proto.graph.initializer.append(TensorProto(name=name + "?", data_type=99))
    assert "initializer " in str(attempt(write(tmp_path, proto)))
    # bytes in the path of a body, of a function and of an opset
    body = helper.make_graph([helper.make_node("Relu", ["no"], ["b"])], "b", [], [value("b", None)])
    inner = onnx.NodeProto(op_type="If", name=name, output=["y"])
    inner.attribute.add(name=name + "?", type=onnx.AttributeProto.GRAPH, g=body)
    assert "input 'no'" in str(attempt(write(tmp_path, model([inner]))))
    function = onnx.FunctionProto(name=name, domain=name, output=["no"])
    assert "output 'no'" in str(attempt(write(tmp_path, model([], functions=[function]))))
    proto = relu()
    proto.opset_import.add(domain=name + "?", version=-1)
    assert "version -1" in str(attempt(write(tmp_path, proto)))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.text(max_size=40), other=st.text(alphabet="ab01+-*/() ._", max_size=40))
def test_any_dim_name_binds(tmp_path: Path, name: str, other: str) -> None:
    proto = relu()
    shape = proto.graph.input[0].type.tensor_type.shape
    del shape.dim[:]
    for text in (name, other, f"{other}*2"):
        shape.dim.add(dim_param=text)
    found = bind(parsed(tmp_path, proto), DimOptions({}, {})).graph.inputs[0].type
    assert found.is_known
    assert all(0 <= dim < 2**63 for dim in found.dims)


# Amplification: small files that ask for much.


def test_absurd_dims_allocate_nothing(tmp_path: Path) -> None:
    held = TensorProto(name="e", data_type=FLOAT, dims=[2**62] * 60, data_location=TensorProto.EXTERNAL)
    held.external_data.add(key="location", value="e.bin")
    stored = parsed(tmp_path, relu([held])).graph.stored["e"]
    assert stored.type.elements == 2 ** (62 * 60)
    inline = TensorProto(name="w", data_type=FLOAT, dims=[2**62] * 60, raw_data=b"\0" * 4)
    message = str(attempt(write(tmp_path, relu([inline]))))
    assert "initializer 'w': found 4 bytes of data" in message


def test_a_length_beyond_the_file_is_truncation(tmp_path: Path) -> None:
    for length in (100, 2**31, 2**63 - 1, 2**64 - 1):
        data = relu().SerializeToString() + b"\x3a" + varint(length) + b"xy"
        assert "is truncated or damaged" in str(attempt(write(tmp_path, data)))


def test_a_file_that_shrinks_while_it_is_read_is_truncated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, relu([numpy_helper.from_array(np.ones((600, 600), np.float32), "w")]))
    size, real = os.path.getsize(path), os.pread

    def shrinking(descriptor: int, length: int, offset: int) -> bytes:
        return real(descriptor, length, offset)[: max(0, 50 - offset)]

    monkeypatch.setattr(os, "pread", shrinking)
    assert "is truncated or damaged" in refusal_of(path)
    assert os.path.getsize(path) == size


def test_many_random_graphs_of_known_fields(tmp_path: Path) -> None:
    """Fields of the format in random places, deeper than random bytes get."""
    random_fields = random.Random(7)

    def message(depth: int) -> bytes:
        parts = []
        for _ in range(random_fields.randrange(1, 6)):
            field = random_fields.choice((1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 20, 22, 25))
            kind = random_fields.random()
            if kind < 0.3 or depth == 0:
                parts.append(varint(field << 3) + varint(random_fields.choice((0, 1, 4, 7, 99, 2**63, 2**64 - 1))))
            elif kind < 0.5:
                parts.append(chunk(field, random_fields.choice((b"x", b"Relu", b"\xff", b"", b"If", b"then_branch"))))
            else:
                parts.append(chunk(field, message(depth - 1)))
        return b"".join(parts)

    for _ in range(2000):
        attempt(write(tmp_path, chunk(7, message(6)) + chunk(8, b"\x10\x11")))
