"""Graphs as the onnx library has them, and a refusal with the culprit's name for what breaks the format."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from crafting import FLOAT, INT64, chunk, model, parsed, refusal, relu, value, write
from onnx import TensorProto, helper, numpy_helper

from onnx_roofline.base.units import dtype_name
from onnx_roofline.ir.graph import Graph, StoredTensor
from onnx_roofline.load import Limits, ParsedModel, parse
from onnx_roofline.load.build import function_key

ROOT = Path(__file__).parents[2]
DATA = Path(onnx.__file__).parent / "backend" / "test" / "data"
FILES = (
    sorted(ROOT.glob("sample_models/*.onnx")) + sorted(DATA.glob("light/*.onnx")) + sorted(DATA.glob("*/*/model.onnx"))
)


def node(op: str, inputs: list[str], outputs: list[str], name: str = "", **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(op, inputs, outputs, name=name, **attributes)


# The slim parse equals the full one.


def assert_same_tensor(found: StoredTensor, wanted: onnx.TensorProto) -> None:
    assert found.type.dtype == dtype_name(wanted.data_type)
    assert found.type.shape == tuple(wanted.dims)
    if found.value is not None:
        np.testing.assert_array_equal(found.value, numpy_helper.to_array(wanted))
    elif wanted.data_location != TensorProto.EXTERNAL:
        integers = wanted.data_type in (TensorProto.INT64, TensorProto.INT32, TensorProto.BOOL)
        assert not integers or np.prod(wanted.dims) > 1024


def assert_same_graph(found: Graph, wanted: onnx.GraphProto, is_function: bool = False) -> int:
    """Compares, and returns the number of nodes compared."""
    if not is_function:
        assert set(found.stored) == {t.name for t in wanted.initializer} | {
            s.values.name for s in wanted.sparse_initializer
        }
        for tensor in wanted.initializer:
            assert_same_tensor(found.stored[tensor.name], tensor)
        assert [i.name for i in found.inputs] == [i.name for i in wanted.input if i.name not in found.stored]
        assert [o.name for o in found.outputs] == [o.name for o in wanted.output]
    assert len(found.ops) == len(wanted.node)
    count = len(found.ops)
    for op in found.ops:
        proto = wanted.node[op.index]
        assert (op.name, op.op_type, op.domain.replace("ai.onnx", "", op.domain == "ai.onnx")) == (
            proto.name, proto.op_type, "" if proto.domain == "ai.onnx" else proto.domain,
        )  # fmt: skip
        assert (op.inputs, op.outputs) == (tuple(proto.input), tuple(proto.output))
        for attribute in proto.attribute:
            if attribute.HasField("g"):
                count += assert_same_graph(op.bodies[attribute.name], attribute.g)
            elif attribute.type == onnx.AttributeProto.TENSOR:
                held = op.attributes[attribute.name]
                assert isinstance(held, StoredTensor)
                assert_same_tensor(held, attribute.t)
            elif attribute.type in (onnx.AttributeProto.INT, onnx.AttributeProto.FLOAT):
                assert op.attributes[attribute.name] == helper.get_attribute_value(attribute)
            elif attribute.type in (onnx.AttributeProto.INTS, onnx.AttributeProto.FLOATS):
                assert op.attributes[attribute.name] == tuple(helper.get_attribute_value(attribute))
    return count


def assert_same(found: ParsedModel, wanted: onnx.ModelProto) -> int:
    count = assert_same_graph(found.graph, wanted.graph)
    assert set(found.functions) == {function_key(function) for function in wanted.functions}
    return count + sum(assert_same_graph(found.functions[function_key(f)].graph, f, True) for f in wanted.functions)


@pytest.mark.skipif(not FILES, reason="the onnx package holds no test models")
def test_slim_parse_equals_the_full_one_on_files() -> None:
    compared = sum(assert_same(parse(path), onnx.load(path, load_external_data=False)) for path in FILES)
    assert compared > 4000


def node_cases() -> Iterator[onnx.ModelProto]:
    from onnx.backend.test.case.node import collect_testcases

    yield from (case.model for case in collect_testcases("") if case.model is not None)


@pytest.mark.filterwarnings("ignore")
def test_slim_parse_equals_the_full_one_on_node_cases(tmp_path: Path) -> None:
    compared = [assert_same(parsed(tmp_path, case), case) for case in node_cases()]
    assert len(compared) > 1500


# What breaks the format is refused by name.


@pytest.mark.parametrize(
    ("dtype", "field", "stored", "expected"),
    [
        (FLOAT, "float_data", [1.5], 1.5),
        (TensorProto.DOUBLE, "double_data", [2.5], 2.5),
        (TensorProto.INT32, "int32_data", [-3], -3),
        (TensorProto.UINT8, "int32_data", [200], 200),
        (TensorProto.BOOL, "int32_data", [1], True),
        (INT64, "int64_data", [-(2**62)], -(2**62)),
        (TensorProto.UINT64, "uint64_data", [2**63], 2**63),
        (TensorProto.FLOAT16, "int32_data", [0x3C00], 1.0),
    ],
)
def test_small_values_of_typed_fields(
    tmp_path: Path, dtype: int, field: str, stored: list[object], expected: object
) -> None:
    tensor = TensorProto(name="v", data_type=dtype, dims=[1])
    getattr(tensor, field).extend(stored)
    kept = parsed(tmp_path, relu([tensor])).graph.stored["v"].value
    assert kept is not None
    assert kept.tolist() == [expected]


def tensor(name: str = "w", dims: tuple[int, ...] = (1,), dtype: int = FLOAT) -> onnx.TensorProto:
    return TensorProto(name=name, data_type=dtype, dims=list(dims), raw_data=b"\0" * 4)


def external(**entries: str) -> onnx.TensorProto:
    held = TensorProto(name="w", data_type=FLOAT, dims=[4], data_location=TensorProto.EXTERNAL)
    for key, text in entries.items():
        held.external_data.add(key=key, value=text)
    return held


def sparse(dtype: int = FLOAT, dims: tuple[int, ...] = (9,), name: str = "s", count: int = 1) -> onnx.ModelProto:
    proto = relu()
    held = proto.graph.sparse_initializer.add()
    held.dims.extend(dims)
    held.values.CopyFrom(TensorProto(name=name, data_type=dtype, dims=[count], raw_data=b"\0" * 4 * count))
    return proto


def edited(**changes: object) -> onnx.ModelProto:
    """relu() with an opset import per domain, or none."""
    proto = relu()
    del proto.opset_import[:]
    proto.opset_import.extend(helper.make_opsetid(domain, int(str(version))) for domain, version in changes.items())
    return proto


def calls(*edges: tuple[str, str]) -> onnx.ModelProto:
    """Functions of which each calls another, the second inside an If."""
    functions = []
    for caller, callee in edges:
        body = helper.make_graph([helper.make_node(callee, ["fx"], ["b"], domain="local")], "b", [], [value("b", None)])
        inner = node("If", ["c"], ["fy"], then_branch=body, else_branch=body)
        functions.append(
            helper.make_function("local", caller, ["fx", "c"], ["fy"], [inner], [helper.make_opsetid("local", 1)])
        )
    return model([node("Relu", ["x"], ["y"])], [value("x")], [value("y")], functions=functions)


def branching(read: str) -> onnx.ModelProto:
    """An If that makes y, with a Relu of `read` in both branches."""
    body = helper.make_graph([node("Relu", [read], ["t"])], "b", [], [value("t")])
    choice = node("If", ["c"], ["y"], "i", then_branch=body, else_branch=body)
    return model([choice], [value("c", (), TensorProto.BOOL)], [value("y")])


X, Y = value("x"), value("y")
NOT_UTF8 = relu().SerializeToString().replace(b"act", b"\xff\xfe\xfd")
REFUSED: dict[str, tuple[onnx.ModelProto | bytes, str]] = {
    "two producers": (
        model([node("Relu", ["x"], ["y"]), node("Tanh", ["x"], ["y"])], [X], [Y]),
        "graph: tensor 'y': found nodes 0 and 1 that make it; wanted one producer",
    ),
    "twice in one node": (
        model([node("Split", ["x"], ["y", "y"])], [X], [Y]),
        "graph: tensor 'y': found nodes 0 and 0",
    ),
    "self-loop": (model([node("Relu", ["y"], ["y"], "a")], [X], [Y]), "found a cycle: 0:Relu ('a') -> 0:Relu ('a')"),
    "cycle": (
        model([node("Add", ["x", "b"], ["a"], "p"), node("Relu", ["a"], ["b"], "q")], [X], [value("b")]),
        "found a cycle: 0:Add ('p') -> 1:Relu ('q') -> 0:Add ('p'); wanted a graph without cycles",
    ),
    "cycle through a body": (
        branching("y"),
        "found a cycle: 0:If ('i') -> 0:If ('i')",
    ),
    "dangling input": (
        model([node("Relu", ["nowhere"], ["y"], "r")], [X], [Y]),
        "graph: node 0:Relu ('r'): input 'nowhere': found nothing",
    ),
    "dangling output": (
        model([node("Relu", ["x"], ["z"])], [X], [Y]),
        "graph: output 'y': found nothing that makes it",
    ),
    "dangling in a body": (
        branching("no"),
        "node 0:If 'i', 'else_branch': node 0:Relu: input 'no': found nothing",
    ),
    "output named as an input": (
        model([node("Relu", ["w"], ["x"])], [X], [X], [tensor()]),
        "output 'x': found an input or initializer",
    ),
    "output named as an initializer": (
        model([node("Relu", ["x"], ["w"])], [X], [value("w")], [tensor()]),
        "node 0:Relu: output 'w': found an input or",
    ),
    "input twice": (model([node("Relu", ["x"], ["y"])], [X, X], [Y]), "graph: input 'x': found it twice"),
    "initializer twice": (relu([tensor(), tensor()]), "initializer 'w': found it twice"),
    "initializer without a name": (relu([tensor("")]), "graph: found an initializer without a name"),
    "negative dims": (relu([tensor(dims=(-1, -4))]), "initializer 'w': found dims [-1, -4]; wanted none below 0"),
    "undefined type": (relu([tensor(dtype=0)]), "initializer 'w': found element type 0; wanted one that ONNX defines"),
    "type of tomorrow": (relu([tensor(dtype=99)]), "initializer 'w': found element type 99"),
    "type of an input": (model([], [value("x", (1,), 77)]), "tensor 'x': found element type 77"),
    "values of another type": (
        relu([TensorProto(name="w", data_type=INT64, dims=[2], float_data=[1, 2])]),
        "initializer 'w': found values that cannot",
    ),
    "no values": (
        relu([TensorProto(name="w", data_type=INT64, dims=[2])]),
        "initializer 'w': found 0 values; wanted 2 for int64[2]",
    ),
    "attribute tensor": (
        model([node("Constant", [], ["y"], "k", value=tensor(dims=(-2,)))], [], [Y]),
        "node 0:Constant 'k', attribute 'value': found dims",
    ),
    "attribute twice": (
        model(
            [
                onnx.NodeProto(
                    op_type="Relu",
                    input=["x"],
                    output=["y"],
                    attribute=[helper.make_attribute("a", 1), helper.make_attribute("a", 2)],
                )
            ],
            [X],
            [Y],
        ),
        "node 0:Relu: attribute 'a': found it twice",
    ),
    "no op type": (
        model([onnx.NodeProto(name="n", input=["x"], output=["y"])], [X], [Y]),
        "node 0 ('n'): found no op type",
    ),
    "sparse type": (sparse(dtype=0), "sparse initializer 's': found element type 0"),
    "sparse dims": (sparse(dims=(-9,)), "sparse initializer 's': found dims [-9]"),
    "sparse name": (sparse(name=""), "graph: found an initializer without a name"),
    "sparse count": (sparse(count=10), "sparse initializer 's': found 10 values; wanted at most 9"),
    "opset 0": (edited(a=0), "opset import of 'a': found version 0; wanted 1 or more"),
    "opset below 0": (edited(a=-7), "opset import of 'a': found version -7"),
    "not UTF-8": (NOT_UTF8, "node 0: found a name b'\\xff\\xfe\\xfd' that is not UTF-8; wanted text"),
    "function calls itself": (calls(("F", "F")), "function 'local::F': found recursion 'local::F' -> 'local::F'"),
    "functions call each other": (
        calls(("F", "G"), ("G", "F")),
        "found recursion 'local::F' -> 'local::G' -> 'local::F'",
    ),
    "function twice": (calls(("F", "H"), ("F", "H")), "function 'local::F': found 2 definitions; wanted one"),
    "function output": (
        model([], functions=[helper.make_function("local", "F", ["a"], ["b"], [], [helper.make_opsetid("", 17)])]),
        "function 'local::F': output 'b': found nothing that makes it",
    ),
    "function input": (
        model([], functions=[helper.make_function("local", "F", ["a"], ["b"], [node("Add", ["a", "x"], ["b"])], [])]),
        "function 'local::F': node 0:Add: input 'x': found nothing",
    ),
    **{
        f"external location {location!r}": (
            relu([external(location=location)]),
            "initializer 'w': found external data location",
        )
        for location in ("../w", "a/../../w", "/etc/passwd", "\\\\host\\w", "..\\w", "C:\\w", "C:w", "", "a\0b", "a/..")
    },
    "external without a location": (relu([external(offset="0")]), "initializer 'w': found external data location ''"),
    "external without entries": (relu([external()]), "initializer 'w': found external data location ''"),
    "external offset": (
        relu([external(location="w", offset="-1")]),
        "found external data offset '-1'; wanted a whole number",
    ),
    "external offset in words": (relu([external(location="w", offset="1e9")]), "found external data offset '1e9'"),
    "absurd external length": (
        relu([external(location="w", length="9" * 18)]),
        "found external data length 999,999,999,999,999,999; wanted 16 for float32[4]",
    ),
    "endless external length": (relu([external(location="w", length="9" * 5000)]), "found external data length '9999"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusal_names_the_file_the_culprit_and_what_to_do(tmp_path: Path, case: str) -> None:
    content, expected = REFUSED[case]
    message = refusal(tmp_path, content)
    assert expected in message
    assert "; wanted " in message
    assert message.endswith("; export the model again")


def test_opset_oddities_are_noticed(tmp_path: Path) -> None:
    def notices(proto: onnx.ModelProto) -> list[tuple[str, str]]:
        return [(notice.code, notice.where) for notice in parsed(tmp_path, proto).notices]

    assert [code for code, _ in notices(edited())] == ["no-opset"]
    repeated = relu()
    repeated.opset_import.append(helper.make_opsetid("ai.onnx", 18))
    assert notices(repeated) == [("opset-repeated", "ai.onnx")]
    assert parsed(tmp_path, repeated).graph.ops[0].version == 18
    foreign = model([helper.make_node("Zap", ["x"], ["y"], domain="com.acme")], [X], [Y])
    assert notices(foreign) == [("opset-not-imported", "com.acme")]


def test_unsorted_nodes_are_sorted_with_a_notice(tmp_path: Path) -> None:
    nodes = [node("Relu", ["b"], ["y"]), node("Tanh", ["a"], ["b"]), node("Exp", ["x"], ["a"])]
    found = parsed(tmp_path, model(nodes, [X], [Y]))
    assert [op.id for op in found.graph.ops] == ["2:Exp", "1:Tanh", "0:Relu"]
    assert [notice.code for notice in found.notices] == ["not-sorted"]


def test_names_may_be_empty_repeated_and_domains_written_out(tmp_path: Path) -> None:
    nodes = [node("Relu", ["x"], ["a"], "same"), node("Relu", ["a"], ["b"], "same"), node("Relu", ["b"], ["y"])]
    nodes[0].domain = "ai.onnx"
    ops = parsed(tmp_path, model(nodes, [X], [Y])).graph.ops
    assert [(op.id, op.domain, op.version) for op in ops] == [
        ("0:Relu", "", 17),
        ("1:Relu", "", 17),
        ("2:Relu", "", 17),
    ]


def test_initializers_listed_as_inputs_are_no_inputs(tmp_path: Path) -> None:
    proto = model([node("Add", ["x", "w"], ["y"])], [X, value("w")], [Y], [tensor()])
    assert [graph_input.name for graph_input in parsed(tmp_path, proto).graph.inputs] == ["x"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("['', 'encoder', 'encoder.layer.0', 'matmul']", "encoder/layer.0"),
        ("[\"it's\", 'matmul']", "it's"),
        ("[]", ""),
        ("['a', 'b'", ""),
        ("[" * 5000, ""),
        ("-" * 15000 + "1", ""),
        ("['\\d', 'x']", ""),
        ("__import__('os').system('x')", ""),
    ],
)
def test_module_of_scopes(tmp_path: Path, text: str, expected: str) -> None:
    proto = relu()
    proto.graph.node[0].metadata_props.add(key="pkg.torch.onnx.name_scopes", value=text)
    assert parsed(tmp_path, proto).graph.ops[0].module == expected


# Limits: at the edge and one over, each with the option that raises it.


def nested(depth: int) -> onnx.ModelProto:
    """`depth` Ifs inside each other."""
    current = node("Relu", ["x"], ["y0"])
    for level in range(depth):
        body = helper.make_graph([current], "b", [], [value(f"y{level}", None)])
        current = node("If", ["c"], [f"y{level + 1}"], then_branch=body)
    return model([current], [X, value("c", (), TensorProto.BOOL)], [value(f"y{depth}", None)])


@pytest.mark.parametrize(
    ("name", "at_limit", "over", "found"),
    [
        ("rank", relu([tensor(dims=(1,) * 8)]), relu([tensor(dims=(1,) * 9)]), 9),
        ("rank", model([], [value("x", (1,) * 8)]), model([], [value("x", (1,) * 9)]), 9),
        (
            "nodes",
            model([node("Relu", ["x"], [f"y{i}"]) for i in range(8)], [X]),
            model([node("Relu", ["x"], [f"y{i}"]) for i in range(9)], [X]),
            9,
        ),
        ("nesting", nested(8), nested(9), 9),
    ],
)
def test_limits(tmp_path: Path, name: str, at_limit: onnx.ModelProto, over: onnx.ModelProto, found: int) -> None:
    limits = Limits().override((f"{name}=8",))
    parsed(tmp_path, at_limit, limits)
    message = refusal(tmp_path, over, limits)
    assert (
        f"found {found} {name}, the limit is 8; raise it with --limit {name}={found} if you trust the file" in message
    )
    parsed(tmp_path, over, limits.override((f"{name}={found}",)))


def test_limit_of_graph_bytes(tmp_path: Path) -> None:
    path = write(tmp_path, relu())
    size = Path(path).stat().st_size
    parse(path, Limits(graph_bytes=size))
    message = refusal(tmp_path, relu(), Limits(graph_bytes=size - 1))
    assert message.startswith(
        f"found {size} graph bytes, the limit is {size - 1}; raise it with --limit graph_bytes={size}"
    )


def test_limits_of_large_messages_hold_before_anything_is_built(tmp_path: Path) -> None:
    many = model([node("Relu", ["x"], [f"output_number_{i}"]) for i in range(2000)], [X])
    assert "found 101 nodes, the limit is 100" in refusal(tmp_path, many, Limits(nodes=100))
    wide = relu([TensorProto(name="w", data_type=FLOAT, dims=[1] * 9000, raw_data=b"\0" * 4)])
    assert "initializer" in refusal(tmp_path, relu([tensor(dims=(1,) * 65)]))
    assert "found 65 rank, the limit is 64" in refusal(tmp_path, wide)


@pytest.mark.parametrize("depth", [20, 32, 33, 40, 200])
def test_nested_ifs_pass_or_are_refused_but_never_crash(tmp_path: Path, depth: int) -> None:
    # Built as bytes: the onnx library writes what it can't read.
    data = node("Relu", ["x"], ["y"]).SerializeToString()
    for _ in range(depth):
        body = chunk(1, data) + chunk(12, value("y", None).SerializeToString())
        data = chunk(1, b"c") + chunk(2, b"y") + chunk(4, b"If") + chunk(5, chunk(1, b"then_branch") + chunk(6, body))
    proto = model([], [X, value("c", (), TensorProto.BOOL)])
    graph = proto.graph.SerializeToString() + chunk(1, data)
    proto.ClearField("graph")
    content = proto.SerializeToString() + chunk(7, graph)
    if depth == 20:
        assert parsed(tmp_path, content).graph.ops[0].bodies
    elif depth > 32:
        message = refusal(tmp_path, content)
        assert "nesting, the limit is 32" in message or "nests deeper than protobuf allows" in message


# Time stays linear.


def test_a_chain_and_a_fan_of_100_000_nodes(tmp_path: Path) -> None:
    count = 100_000
    chain = model([node("Relu", [f"t{i}"], [f"t{i + 1}"]) for i in range(count)], [value("t0")], [value(f"t{count}")])
    fan = model([node("Relu", ["x"], [f"t{i}"]) for i in range(count)], [X], [value("t9")])
    backwards = model(list(reversed(chain.graph.node)), [value("t0")], [value(f"t{count}")])
    for proto, seconds in ((chain, 12.0), (fan, 12.0), (backwards, 20.0)):
        path = write(tmp_path, proto)
        started = time.process_time()
        assert len(parse(path).graph.ops) == count
        assert time.process_time() - started < seconds


def test_a_long_cycle_is_found_in_time(tmp_path: Path) -> None:
    count = 20_000
    nodes = [node("Relu", [f"t{i}"], [f"t{(i + 1) % count}"]) for i in range(count)]
    started = time.process_time()
    assert "found a cycle: 0:Relu" in refusal(tmp_path, model(nodes))
    assert time.process_time() - started < 5


def test_many_bodies_that_capture_from_a_large_graph(tmp_path: Path) -> None:
    def graph_of(count: int) -> onnx.ModelProto:
        chain = [node("Relu", [f"t{i}"], [f"t{i + 1}"]) for i in range(count)]
        body = helper.make_graph([node("Relu", [f"t{count}"], ["b"])], "b", [], [value("b", None)])
        ifs = [node("If", ["c"], [f"i{i}"], then_branch=body) for i in range(count)]
        return model(chain + ifs, [value("t0"), value("c", (), TensorProto.BOOL)])

    started = time.process_time()
    assert len(parsed(tmp_path, graph_of(20_000)).graph.ops) == 40_000
    assert time.process_time() - started < 12


def test_absent_files_of_weights_inside_functions_are_noticed(tmp_path: Path) -> None:
    """A function holds no initializer, the branches of an If in it do."""
    weight = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4], data_location=TensorProto.EXTERNAL)
    weight.external_data.add(key="location", value="weights.bin")
    body = helper.make_graph([node("Relu", ["w"], ["b"])], "b", [], [value("b", None)], [weight])
    inner = node("If", ["c"], ["fy"], then_branch=body, else_branch=body)
    function = helper.make_function("local", "f", ["c"], ["fy"], [inner], [helper.make_opsetid("", 17)])
    proto = model([node("Relu", ["x"], ["y"])], [value("x")], [value("y")], functions=[function])
    path = tmp_path / "m.onnx"
    path.write_bytes(proto.SerializeToString())
    found = [(notice.where, notice.message) for notice in parse(path).notices]
    missing = "external data file is not there; the sizes of its 2 tensors come from their dims"
    assert ("weights.bin", missing) in found
