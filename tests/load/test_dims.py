"""Dims: what the user says, what the file says, what is computed, and assumptions that make a model valid."""

import itertools
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from crafting import FLOAT, INT64, model, parsed, value
from onnx import TensorProto, helper, numpy_helper
from onnx_roofline.passes.shape_inference import ShapeInference

from onnx_roofline.base.errors import ShapeError, UsageError
from onnx_roofline.ir.graph import Dim, Model
from onnx_roofline.load import DimOptions, Limits, alternatives, bind
from onnx_roofline.load.expressions import evaluate, names_in, parse_expression

Shape = tuple[int, ...]


def node(op: str, inputs: list[str], outputs: list[str], **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(op, inputs, outputs, **attributes)


def weight(name: str, *dims: int) -> onnx.TensorProto:
    return numpy_helper.from_array(np.zeros(dims, np.float32), name)


def ints(name: str, *values: int) -> onnx.TensorProto:
    return numpy_helper.from_array(np.array(values, np.int64), name)


def bound(
    folder: Path,
    proto: onnx.ModelProto,
    dims: Mapping[str, int] | None = None,
    shapes: Mapping[str, Shape] | None = None,
) -> Model:
    return bind(parsed(folder, proto), DimOptions(dims or {}, shapes or {}))


def shapes_of(found: Model) -> dict[str, Shape]:
    return {graph_input.name: graph_input.type.dims for graph_input in found.graph.inputs}


def plain(*inputs: onnx.ValueInfoProto) -> onnx.ModelProto:
    """A model whose ops tell nothing of its inputs."""
    return model([node("Identity", [one.name], [f"{one.name}_out"]) for one in inputs], inputs)


def valid(folder: Path, proto: onnx.ModelProto) -> tuple[dict[str, Shape], int]:
    """The input shapes with which inference first succeeds when nobody says anything, and the number of attempts."""
    held = parsed(folder, proto)
    options = DimOptions({}, {})
    first = bind(held, options)
    for count, alternative in enumerate(itertools.chain([{}], alternatives(first)), 1):
        candidate = bind(held, options, alternative)
        try:
            ShapeInference().run(candidate)
        except ShapeError:
            continue
        return shapes_of(candidate), count
    raise AssertionError("no assumption makes the model valid")


# What the user says.


def test_named_dims_are_bound_and_shared(tmp_path: Path) -> None:
    proto = plain(value("a", ["batch", 7]), value("b", ["batch", "seq"]))
    found = bound(tmp_path, proto, {"batch": 8})
    assert shapes_of(found) == {"a": (8, 7), "b": (8, 128)}
    assert {name: dim.origin for name, dim in found.dims.items()} == {"batch": "bound", "seq": "assumed"}


@pytest.mark.parametrize("symbol", [None, "", "?", "-1", " ", "*"])
def test_unnamed_dims_are_named_by_input_and_axis(tmp_path: Path, symbol: str | None) -> None:
    proto = plain(value("a", [symbol, 7]))
    assert shapes_of(bound(tmp_path, proto, {"a.0": 5})) == {"a": (5, 7)}


def test_a_dim_of_minus_one_is_unknown(tmp_path: Path) -> None:
    assert shapes_of(bound(tmp_path, plain(value("a", [-1, 7])), {"a.0": 5})) == {"a": (5, 7)}


def test_input_shape_binds_the_dims_of_the_others_too(tmp_path: Path) -> None:
    proto = plain(value("a", ["batch", None]), value("b", ["batch", 2]))
    assert shapes_of(bound(tmp_path, proto, shapes={"a": (4, 9)})) == {"a": (4, 9), "b": (4, 2)}


def test_input_shape_of_an_input_without_a_rank(tmp_path: Path) -> None:
    proto = plain(value("a", None))
    assert shapes_of(bound(tmp_path, proto, shapes={"a": (4, 9)})) == {"a": (4, 9)}
    assert bound(tmp_path, proto, shapes={"a": (4, 9)}).warnings == ()


# Sizes that the file fixes.


FIXED = plain(value("images", [1, 3, 8, 8]), value("ids", [1, 7]), value("scale", [4]))


@pytest.mark.parametrize(
    ("dims", "shapes", "expected"),
    [
        ({"batch": 8}, {}, {"images": (8, 3, 8, 8), "ids": (8, 7), "scale": (4,)}),
        ({"images.0": 8}, {}, {"images": (8, 3, 8, 8), "ids": (1, 7), "scale": (4,)}),
        ({"ids.1": 9, "batch": 2}, {}, {"images": (2, 3, 8, 8), "ids": (2, 9), "scale": (4,)}),
        ({}, {"images": (5, 3, 16, 8)}, {"images": (5, 3, 16, 8), "ids": (1, 7), "scale": (4,)}),
        ({"batch": 2}, {"images": (5, 3, 8, 8)}, {"images": (5, 3, 8, 8), "ids": (2, 7), "scale": (4,)}),
        ({"batch": 1}, {"ids": (1, 7)}, {"images": (1, 3, 8, 8), "ids": (1, 7), "scale": (4,)}),
    ],
)
def test_sizes_that_the_file_fixes_are_overridden(
    tmp_path: Path, dims: dict[str, int], shapes: dict[str, Shape], expected: dict[str, Shape]
) -> None:
    found = bound(tmp_path, FIXED, dims, shapes)
    assert shapes_of(found) == expected
    changed = expected != {"images": (1, 3, 8, 8), "ids": (1, 7), "scale": (4,)}
    assert any(dim.is_overridden for dim in found.dims.values()) == changed
    assert all(dim.origin == "bound" for dim in found.dims.values())


def test_batch_of_a_recurrent_model(tmp_path: Path) -> None:
    """The LSTM says that axis 1 of what it reads is the batch, and so is axis 1 of its states."""
    nodes = [node("LSTM", ["x", "w", "r", "", "", "h0", "c0"], ["y"], hidden_size=4)]
    inputs = [value("x", [20, 1, 16]), value("h0", [1, 1, 4]), value("c0", [1, 1, 4])]
    proto = model(nodes, inputs, [], [weight("w", 1, 16, 16), weight("r", 1, 16, 4)])
    assert shapes_of(bound(tmp_path, proto, {"batch": 6})) == {"x": (20, 6, 16), "h0": (1, 6, 4), "c0": (1, 6, 4)}


@pytest.mark.parametrize(
    ("dims", "inputs"),
    [({"batch": 8}, [value("x", ["N", 4])]), ({"bacth": 8}, [value("x", [1, 4])]), ({"x.2": 8}, [value("x", [1, 4])])],
)
def test_dims_that_override_nothing(tmp_path: Path, dims: dict[str, int], inputs: list[onnx.ValueInfoProto]) -> None:
    with pytest.raises(UsageError, match="found no dim of that name"):
        bound(tmp_path, plain(*inputs), dims)


def test_zero_is_a_size(tmp_path: Path) -> None:
    assert shapes_of(bound(tmp_path, plain(value("a", ["n", 0])), {"n": 0})) == {"a": (0, 0)}


TWO = plain(value("images", ["batch", 3]), value("ids", ["batch", "sequence"]))


@pytest.mark.parametrize(
    ("dims", "shapes", "expected"),
    [
        (
            {"bacth": 2},
            {},
            "--dim 'bacth': found no dim of that name; did you mean 'batch'? the file has 'batch', 'sequence'",
        ),
        ({"zzz": 2}, {}, "--dim 'zzz': found no dim of that name; the file has 'batch', 'sequence'"),
        (
            {},
            {"image": (1, 3)},
            "--input-shape 'image': found no such input; did you mean 'images'? the file has 'images', 'ids'",
        ),
        ({}, {"images": (1, 3, 4)}, "--input-shape 'images': found 3 dims, wanted 2"),
        (
            {"images.1": 5},
            {"images": (1, 4)},
            "--input-shape 'images': dim 'images.1': found 4, another option says 5",
        ),
        ({"batch": 2}, {"images": (1, 3)}, "--input-shape 'images': dim 'batch': found 1, another option says 2"),
        ({}, {"images": (1, 3), "ids": (2, 5)}, "--input-shape 'ids': dim 'batch': found 2, another option says 1"),
    ],
)
def test_options_that_do_not_fit(tmp_path: Path, dims: dict[str, int], shapes: dict[str, Shape], expected: str) -> None:
    with pytest.raises(UsageError) as refused:
        bound(tmp_path, TWO, dims, shapes)
    assert str(refused.value) == f"{tmp_path / 'model.onnx'}: {expected}"


def test_a_dim_of_a_file_without_any(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="found no dim of that name; every dim of its inputs is a number"):
        bound(tmp_path, plain(value("a", [1])), {"sequence": 2})


def test_names_of_the_file_are_escaped_in_the_advice(tmp_path: Path) -> None:
    proto = plain(*(value(f"a{i}", [f"\x1b[31m\n{i}" + "n" * 500]) for i in range(20)))
    with pytest.raises(UsageError) as refused:
        bound(tmp_path, proto, {"a\n": 2})
    assert str(refused.value).isprintable()
    assert str(refused.value).endswith(" ...")


@pytest.mark.parametrize("setting", ["ranks=3", "rank=", "rank=0", "rank=-1", "rank=1.5", "rank=x", "rank"])
def test_limit_option_of_another_form(setting: str) -> None:
    with pytest.raises(UsageError, match="--limit rank"):
        Limits().override((setting,))


# Expressions.


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a + b", 7 + 3),
        ("2*a", 2 * 7),
        ("a - b - 1", 7 - 3 - 1),
        ("a//2*2", 7 // 2 * 2),
        ("a/2", 7 // 2),
        ("2*(a + (b - 1))", 2 * (7 + (3 - 1))),
        ("((a))*1", 7),
        ("a.b + 1", 5 + 1),
        ("b - a", None),
        ("a//0", None),
        ("a//(b - 3)", None),
        ("999999999999999999*999999999999999999*a", None),
        ("floor(a/2)", 3),
        ("ceiling(a/2)", 4),
        ("2*floor((a + 1)/3)", 2 * 2),  # 8/3 = 2.67
        ("ceil(a/2/b)", 2),  # 7/6
        ("floor(a/2*3)", 10),  # 21/2, not 3*3
        ("a % b", 1),
        ("-a % b + 0", 2),  # Python's sign, as sympy's Mod
        ("a**2", 49),
        ("2**b**2", 512),  # from the right
        ("-a**2 + 50", 1),
        ("Max(1, a - 9, b)", 3),
        ("Min(a, b) + Mod(a, 4)", 3 + 3),
        ("FloorDiv(a, 2) + CeilDiv(a, 2)", 3 + 4),
        ("2**a**a", None),
        ("a % 0", None),
        ("a**(b - 4)", None),
    ],
)
def test_expressions(text: str, expected: int | None) -> None:
    expression = parse_expression(text)
    assert expression is not None
    assert evaluate(expression, {"a": 7, "b": 3, "a.b": 5}) == expected


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "a b",
        "a +",
        "+ a",
        "-a",
        "a * * 2",
        "floor(a, b)",
        "Max(a)",
        "floor a",
        "Mod(a, b",
        "(a, b)",
        "(a + 1",
        "a + 1)",
        "()",
        "f(a) + 1",
        "a + 'x'",
        "a+1;b",
        "1.5*a",
        "a+b" * 80,
        "a if 1 else b",
    ],
)
def test_other_text_is_no_expression(text: str) -> None:
    assert parse_expression(text) is None


def test_names_of_an_expression() -> None:
    assert names_in(parse_expression("past + seq*past") or ()) == ("past", "seq")


def test_expressions_follow_their_names_whatever_the_order(tmp_path: Path) -> None:
    proto = plain(
        value("mask", ["batch", "past + seq"]), value("ids", ["batch", "seq"], INT64), value("kv", ["batch", "past"])
    )
    found = bound(tmp_path, proto, {"past": 1000, "seq": 24})
    assert found.dims["past + seq"].value == 1024
    assert found.dims["past + seq"].origin == "bound"
    found = bound(tmp_path, proto, {"past": 1000})
    assert (found.dims["past + seq"].value, found.dims["past + seq"].origin) == (1128, "assumed")


def test_a_name_that_only_an_expression_has_can_be_bound(tmp_path: Path) -> None:
    proto = plain(value("a", ["2*batch + 1", 3]))
    assert shapes_of(bound(tmp_path, proto, {"batch": 4})) == {"a": (9, 3)}
    assert shapes_of(bound(tmp_path, proto)) == {"a": (3, 3)}
    assert shapes_of(bound(tmp_path, proto, {"2*batch + 1": 5})) == {"a": (5, 3)}


@pytest.mark.parametrize(
    ("name", "stated", "expected"),
    [
        ("2*n + 1", 9, Dim(4, "bound", "computed: '2*n + 1' is 9")),
        ("floor(n/2)", 4, Dim(8, "assumed", "the least with which 'floor(n/2)' is 4")),  # 9 does as well
        ("floor(n/2)", None, Dim(2, "assumed", "the least with which 'floor(n/2)' is 1")),  # of 1 nothing is left
    ],
)
def test_an_expression_fixes_the_one_dim_that_is_open(
    name: str, stated: int | None, expected: Dim, tmp_path: Path
) -> None:
    proto = plain(value("n1", ["n"]), value("a", [name, 3]))
    assert bound(tmp_path, proto, {} if stated is None else {name: stated}).dims["n"] == expected


def _open(*names: str) -> list[onnx.ValueInfoProto]:
    """Inputs of open dims, `g4` of four."""
    return [value(name[:-1], [None] * int(name[-1])) for name in names]


@pytest.mark.parametrize(
    ("nodes", "inputs", "expected"),
    [
        ([node("GridSample", ["x", "g"], ["y"])], ("x4", "g4"), {"x": (1, 3, 224, 224), "g": (1, 224, 224, 2)}),
        ([node("GridSample", ["x", "g"], ["y"])], ("x5", "g5"), {"g": (1, 224, 224, 224, 3)}),
        (  # behind the usual scaling from [0, 1] to [-1, 1]
            [node("Mul", ["g", "two"], ["a"]), node("Sub", ["a", "one"], ["b"]), node("GridSample", ["x", "b"], ["y"])],
            ("x4", "g4"), {"g": (1, 224, 224, 2)},
        ),
        ([node("AffineGrid", ["t", "flat"], ["y"])], ("t3",), {"t": (1, 2, 3)}),
        ([node("AffineGrid", ["t", "solid"], ["y"])], ("t3",), {"t": (1, 3, 4)}),
        ([node("RoiAlign", ["x", "r", "i"], ["y"])], ("x4", "r2", "i1"), {"r": (1, 4)}),
        ([node("RotaryEmbedding", ["x", "p", "c", "c"], ["y"], domain="com.microsoft")], ("x4", "p2"),
         {"x": (1, 1, 128, 128), "p": (1, 128)}),
        ([node("Attention", ["q", "k", "v"], ["y"])], ("q4", "k4", "v4"), dict.fromkeys("qkv", (1, 1, 128, 128))),
        ([node("Attention", ["q", "k", "v", "", "pk", "pv"], ["y"])], ("q4", "k4", "v4", "pk4", "pv4"),
         {"pk": (1, 1, 128, 128), "pv": (1, 1, 128, 128)}),
    ],
)  # fmt: skip
def test_ops_that_take_places_tell_how_many_coordinates_they_have(
    nodes: list[onnx.NodeProto], inputs: tuple[str, ...], expected: dict[str, Shape], tmp_path: Path
) -> None:
    stored = [
        weight("two"),
        weight("one"),
        weight("c", 512, 64),
        ints("flat", 1, 3, 9, 9),
        ints("solid", 1, 3, 9, 9, 9),
    ]
    found = shapes_of(bound(tmp_path, model(nodes, _open(*inputs), stored=stored, opset=23)))
    assert {name: found[name] for name in expected} == expected


def test_letters_do_not_say_more_than_an_op_that_reads_an_image(tmp_path: Path) -> None:
    grid = model(
        [node("GridSample", ["x", "g"], ["y"])], [value("x", list("NCHW")), value("g", list("abcd"))], opset=20
    )
    assert shapes_of(bound(tmp_path, grid)) == {"x": (1, 3, 224, 224), "g": (1, 224, 224, 2)}


def test_a_dim_that_is_stated_may_leave_nothing(tmp_path: Path) -> None:
    assert shapes_of(bound(tmp_path, plain(value("a", ["floor(n/2)", 3])), {"n": 1})) == {"a": (0, 3)}


def test_a_hyphen_may_be_part_of_a_label(tmp_path: Path) -> None:
    found = bound(tmp_path, plain(value("a", ["batch-size", "sequence-length"])))
    assert shapes_of(found) == {"a": (1, 128)}


def test_contradictions_of_an_expression_are_refused(tmp_path: Path) -> None:
    proto = plain(value("a", ["past + seq", "past", "seq"]))
    with pytest.raises(UsageError, match=r"dim 'past \+ seq': found 9, but 'past'=3, 'seq'=4 makes it 7; drop one"):
        bound(tmp_path, proto, {"past": 3, "seq": 4, "past + seq": 9})
    with pytest.raises(UsageError, match=r"dim 'a - b': found no size for 'a'=3, 'b'=4; wanted 0 or more"):
        bound(tmp_path, plain(value("x", ["a - b", "a", "b"])), {"a": 3, "b": 4})


# Assumptions.


def conv(channels: int = 3, **attributes: Any) -> onnx.ModelProto:
    nodes = [node("Conv", ["x", "w"], ["y"], **attributes)]
    return model(nodes, [value("x", ["N", None, "H", "W"])], [value("y", None)], [weight("w", 8, channels, 3, 3)])


def lstm(layout: int = 0) -> onnx.ModelProto:
    nodes = [node("LSTM", ["x", "w", "r"], ["y"], hidden_size=4, layout=layout)]
    return model(
        nodes, [value("x", [None, None, None])], [value("y", None)], [weight("w", 1, 16, 40), weight("r", 1, 16, 4)]
    )


def seen(nodes: Sequence[onnx.NodeProto], stored: Sequence[onnx.TensorProto] = ()) -> onnx.ModelProto:
    """A Conv over an image of any size, x to y, and what comes behind it."""
    return model(
        [node("Conv", ["x", "w"], ["y"]), *nodes], [value("x", ["b", 3, None, None])], [],
        [weight("w", 8, 3, 3, 3), *stored],
    )  # fmt: skip


ASSUMED: dict[str, tuple[onnx.ModelProto, dict[str, Shape]]] = {
    "image with 3 channels": (conv(3), {"x": (1, 3, 224, 224)}),
    "image with 1 channel": (conv(1), {"x": (1, 1, 224, 224)}),
    "grouped image": (conv(2, group=3), {"x": (1, 6, 224, 224)}),
    "token ids": (
        model(
            [node("Gather", ["table", "ids"], ["y"])], [value("ids", [None, None], INT64)], [], [weight("table", 99, 8)]
        ),
        {"ids": (1, 128)},
    ),
    "features of a Gemm": (
        model([node("Gemm", ["x", "w"], ["y"], transB=1)], [value("x", [None, None])], [], [weight("w", 9, 30)]),
        {"x": (1, 30)},
    ),
    "features of a MatMul": (
        model([node("MatMul", ["x", "w"], ["y"])], [value("x", [None, None, None])], [], [weight("w", 30, 9)]),
        {"x": (1, 128, 30)},
    ),
    "LSTM": (lstm(), {"x": (128, 1, 40)}),
    "LSTM, batch first": (lstm(1), {"x": (1, 128, 40)}),
    "audio": (
        model(
            [node("Unsqueeze", ["wav", "a"], ["u"]), node("Conv", ["u", "w"], ["y"])],
            [value("wav", ["batch", "samples"])],
            [],
            [ints("a", 1), weight("w", 4, 1, 9)],
        ),
        {"wav": (1, 16000)},
    ),
    "frames beat the use as an image": (
        model(
            [node("Conv", ["x", "w"], ["y"])], [value("x", ["batch", 1, "frames", 80])], [], [weight("w", 4, 1, 3, 3)]
        ),
        {"x": (1, 1, 100, 80)},
    ),
    "recurrent state": (
        plain(value("state", [2, None, 128]), value("input", [None, None])),
        {"state": (2, 1, 128), "input": (1, 512)},
    ),
    "lengths": (plain(value("length", ["DynamicDimension.2"], INT64)), {"length": (1,)}),
    "made-up names tell nothing": (plain(value("ids", ["unk__1", "p2o.DynamicDimension.1"], INT64)), {"ids": (1, 128)}),
    "rank unknown, Conv": (
        model([node("Conv", ["x", "w"], ["y"])], [value("x", None)], [], [weight("w", 8, 3, 3, 3)]),
        {"x": (1, 3, 224, 224)},
    ),
    "rank unknown, LSTM": (
        model(
            [node("LSTM", ["x", "w", "r"], ["y"], hidden_size=4)],
            [value("x", None)],
            [],
            [weight("w", 1, 16, 40), weight("r", 1, 16, 4)],
        ),
        {"x": (128, 1, 40)},
    ),
    "decode with a total length": (
        plain(
            value("ids", ["batch", "sequence_length"], INT64),
            value("mask", ["batch", "total_sequence_length"], INT64),
            value("kv", ["batch", 2, "past_sequence_length", 8]),
        ),
        {"ids": (1, 128), "mask": (1, 256), "kv": (1, 2, 128, 8)},
    ),
    "a graph": (
        plain(value("x", ["num_nodes", 16]), value("edge_index", [2, "edges"], INT64), value("batch", ["num_nodes"])),
        {"x": (1024, 16), "edge_index": (2, 4096), "batch": (1024,)},
    ),
    "edges of a graph by any name": (plain(value("e", [2, "num_edges"], INT64)), {"e": (2, 4096)}),
    "edges that index the nodes": (
        model(
            [node("Gather", ["x", "source"], ["y"])],
            [value("x", ["num_nodes", 16]), value("source", ["num_edges"], INT64)],
        ),
        {"x": (1024, 16), "source": (4096,)},
    ),
    "residues are no image": (
        plain(value("pair", ["num_residues", "num_residues", 64]), value("res", ["resolution", 1])),
        {"pair": (128, 128, 64), "res": (224, 1)},
    ),
    "channels last, by place": (plain(value("x", ["N", "M1", "M2", 3])), {"x": (1, 224, 224, 3)}),
    "channels last, by the Conv": (
        model(
            [node("Transpose", ["x"], ["t"], perm=[0, 3, 1, 2]), node("Conv", ["t", "w"], ["y"])],
            [value("x", [None] * 4)],
            [],
            [weight("w", 8, 5, 3, 3)],
        ),
        {"x": (1, 224, 224, 5)},
    ),
    "channels last, behind a quantisation": (
        model(
            [
                node("QuantizeLinear", ["x", "s"], ["q"]),
                node("DequantizeLinear", ["q", "s"], ["d"]),
                node("Transpose", ["d"], ["t"], perm=[0, 3, 1, 2]),
                node("Conv", ["t", "w"], ["y"]),
            ],
            [value("x", ["unk__1", "unk__2", "unk__3", "unk__4"])],
            [],
            [weight("w", 8, 2, 3, 3), numpy_helper.from_array(np.float32(0.1), "s")],
        ),
        {"x": (1, 224, 224, 2)},
    ),
    "channels last of a signal": (
        model(
            [node("Transpose", ["x"], ["t"], perm=[0, 2, 1]), node("Conv", ["t", "w"], ["y"])],
            [value("x", [None] * 3)],
            [],
            [weight("w", 8, 40, 3)],
        ),
        {"x": (1, 16000, 40)},
    ),
    "one channel that is added": (
        model(
            [node("Unsqueeze", ["x", "axes"], ["u"]), node("Conv", ["u", "w"], ["y"])],
            [value("x", [None] * 3)],
            [],
            [weight("w", 8, 1, 3, 3), ints("axes", 1)],
        ),
        {"x": (1, 224, 224)},
    ),
    "a detector that suppresses boxes": (seen([node("NonMaxSuppression", ["y", "y"], ["z"])]), {"x": (1, 3, 640, 640)}),
    "a detector of three levels": (
        seen(
            [
                node("Resize", ["y", "", "sc"], ["r1"]),
                node("Resize", ["r1", "", "sc"], ["r2"]),
                *(node("Reshape", [one, "sh"], [f"{one}_rows"]) for one in ("y", "r1", "r2")),
                node("Concat", ["y_rows", "r1_rows", "r2_rows"], ["z"], axis=2),
            ],
            [numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), "sc"), ints("sh", 0, 0, -1)],
        ),
        {"x": (1, 3, 640, 640)},
    ),
    "a network that only resizes": (
        seen(
            [node("Resize", ["y", "", "sc"], ["z"])],
            [numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), "sc")],
        ),
        {"x": (1, 3, 224, 224)},
    ),
    "a line of text whose height is squeezed": (
        seen([node("Squeeze", ["y", "two"], ["z"])], [ints("two", 2)]),
        {"x": (1, 3, 48, 320)},
    ),
    "a line of text of fixed height": (
        model([node("Conv", ["x", "w"], ["y"])], [value("x", ["b", 1, 32, "width"])], [], [weight("w", 8, 1, 3, 3)]),
        {"x": (1, 1, 32, 320)},
    ),
    "a line of text, channels last": (
        model(
            [node("Transpose", ["x"], ["t"], perm=[0, 3, 1, 2]), node("Conv", ["t", "w"], ["y"])],
            [value("x", ["b", 32, "width", 1])],
            [],
            [weight("w", 8, 1, 3, 3)],
        ),
        {"x": (1, 32, 320, 1)},
    ),
    "both axes squeezed: a classifier": (
        seen([node("Squeeze", ["y", "both"], ["z"])], [ints("both", 2, 3)]),
        {"x": (1, 3, 224, 224)},
    ),
    "no graph: a name that only contains one": (
        plain(value("ids", ["batch", "knowledge_len"], INT64)),
        {"ids": (1, 128)},
    ),
    "decode of one token": (
        plain(
            value("ids", ["batch", 1], INT64),
            value("mask", ["batch", "total_len"], INT64),
            value("kv", ["batch", 2, "past_len", 8]),
        ),
        {"ids": (1, 1), "mask": (1, 129), "kv": (1, 2, 128, 8)},
    ),
}


@pytest.mark.parametrize("case", ASSUMED)
def test_first_assumptions(tmp_path: Path, case: str) -> None:
    proto, expected = ASSUMED[case]
    found = bound(tmp_path, proto)
    assert shapes_of(found) == expected
    assert all(dim.reason for dim in found.dims.values() if dim.origin == "assumed")


def test_an_assumed_rank_is_noticed(tmp_path: Path) -> None:
    proto = model([node("Gemm", ["x", "w"], ["y"])], [value("x", None)], [], [weight("w", 30, 9)])
    (notice,) = bound(tmp_path, proto).warnings
    assert (notice.code, notice.where, notice.message) == ("assumed-rank", "x", "the file gives no rank; 2 is assumed")


def test_hints_of_absurd_sizes_are_not_tried(tmp_path: Path) -> None:
    held = TensorProto(name="w", data_type=FLOAT, dims=[1, 3, 2**62, 2**62], data_location=TensorProto.EXTERNAL)
    held.external_data.add(key="location", value="w.bin")
    nodes = [node("Conv", ["x", "w"], ["c"], strides=[2**62, 2**62]), node("Add", ["c", "positions"], ["y"])]
    proto = model(nodes, [value("x", [1, 3, "h", "w_"])], [], [held, weight("positions", 1, 9, 8)])
    tried = list(alternatives(bound(tmp_path, proto)))
    assert all(size < 2**63 for alternative in tried for size in alternative.values())


@pytest.mark.parametrize("group", [-3, 0, 2**62])
def test_senseless_attributes_give_no_senseless_dims(tmp_path: Path, group: int) -> None:
    shape = shapes_of(bound(tmp_path, conv(3, group=group)))["x"]
    assert all(0 <= dim < 2**63 for dim in shape)


def test_weights_of_a_wrong_rank_tell_nothing(tmp_path: Path) -> None:
    for op in ("Conv", "LSTM", "Gemm", "MatMul", "BatchNormalization", "ConvTranspose"):
        for dims in ((), (2,), (2, 2), (2, 2, 2, 2, 2)):
            proto = model([node(op, ["x", "w"], ["y"])], [value("x", [None, None, None])], [], [weight("w", *dims)])
            assert len(shapes_of(bound(tmp_path, proto))["x"]) == 3


# Assumptions that must give way to what the graph says.


def lenet(side: int) -> onnx.ModelProto:
    """Conv 3x3, MaxPool 2, Flatten, Gemm: valid at one size of image only."""
    after = (side - 2) // 2
    nodes = [
        node("Conv", ["x", "w"], ["c"]),
        node("MaxPool", ["c"], ["p"], kernel_shape=[2, 2], strides=[2, 2]),
        node("Flatten", ["p"], ["f"]),
        node("Gemm", ["f", "g"], ["y"]),
    ]
    stored = [weight("w", 2, 1, 3, 3), weight("g", 2 * after * after, 10)]
    return model(nodes, [value("x", ["batch", 1, "h", "w_"])], [value("y", None)], stored)


def reshaped(side: int) -> onnx.ModelProto:
    """An image that is reshaped to a stored shape."""
    nodes = [node("Reshape", ["x", "s"], ["y"])]
    return model(nodes, [value("x", [1, 1, "height", "width"])], [value("y", None)], [ints("s", 1, side * side)])


def vit(side: int, patch: int, extra: int) -> onnx.ModelProto:
    """A patch Conv, tokens joined by `extra` more, and stored position embeddings."""
    positions = (side // patch) ** 2 + extra
    nodes = [
        node("Conv", ["pixels", "w"], ["c"], strides=[patch, patch]),
        node("Reshape", ["c", "s"], ["r"]),
        node("Transpose", ["r"], ["t"], perm=[0, 2, 1]),
        node("Concat", ["cls", "t"], ["j"], axis=1) if extra else node("Identity", ["t"], ["j"]),
        node("Add", ["j", "positions"], ["y"]),
    ]
    stored = [
        weight("w", 8, 3, patch, patch),
        ints("s", 1, 8, -1),
        weight("cls", 1, extra, 8),
        weight("positions", 1, positions, 8),
    ]
    return model(nodes, [value("pixels", [1, None, "h", "w_"])], [value("y", None)], stored)


def embedded(positions: int) -> onnx.ModelProto:
    """Token embeddings to which a stored table of positions is added."""
    nodes = [node("Gather", ["table", "ids"], ["e"]), node("Add", ["e", "positions"], ["y"])]
    return model(
        nodes,
        [value("ids", ["batch", "sequence"], INT64)],
        [value("y", None)],
        [weight("table", 50, 8), weight("positions", 1, positions, 8)],
    )


def detector(multiple: int) -> onnx.ModelProto:
    """Halved and doubled again, and added to what it was: the size must be a multiple."""
    nodes = [
        node("MaxPool", ["x"], ["p"], kernel_shape=[multiple, multiple], strides=[multiple, multiple]),
        node("Resize", ["p", "", "scales"], ["r"]),
        node("Add", ["x", "r"], ["y"]),
    ]
    stored = [numpy_helper.from_array(np.array([1, 1, multiple, multiple], np.float32), "scales")]
    return model(nodes, [value("x", [1, 3, "height", "width"])], [value("y", None)], stored)


def voice(samples: int) -> onnx.ModelProto:
    """Audio that is cut into frames of a stored shape."""
    nodes = [node("Reshape", ["audio", "s"], ["y"])]
    return model(nodes, [value("audio", [1, "samples"])], [value("y", None)], [ints("s", 1, 4, samples // 4)])


def line(height: int) -> onnx.ModelProto:
    """A recogniser of text: pooling leaves two rows, a convolution one, which is squeezed away."""
    nodes = [
        node("Conv", ["x", "w"], ["c"], pads=[1, 1, 1, 1]),
        node("MaxPool", ["c"], ["p"], kernel_shape=[height // 2, 4], strides=[height // 2, 4]),
        node("Conv", ["p", "w2"], ["d"]),
        node("Squeeze", ["d", "two"], ["y"]),
    ]
    return model(
        nodes,
        [value("x", ["b", 1, None, None])],
        [value("y", None)],
        [weight("w", 8, 1, 3, 3), weight("w2", 8, 8, 2, 1), ints("two", 2)],
    )


FITTED: dict[str, tuple[onnx.ModelProto, dict[str, Shape], int]] = {
    "28x28": (lenet(28), {"x": (1, 1, 28, 28)}, 10),
    "a size that nobody lists": (lenet(50), {"x": (1, 1, 50, 50)}, 200),
    "reshaped 96x96": (reshaped(96), {"x": (1, 1, 96, 96)}, 20),
    "vit 224": (vit(224, 16, 1), {"pixels": (1, 3, 224, 224)}, 1),
    "vit 384": (vit(384, 16, 1), {"pixels": (1, 3, 384, 384)}, 2),
    "vit 518 of 14": (vit(518, 14, 1), {"pixels": (1, 3, 518, 518)}, 2),
    "vit with two tokens": (vit(448, 32, 2), {"pixels": (1, 3, 448, 448)}, 4),
    "vit without a token": (vit(96, 8, 0), {"pixels": (1, 3, 96, 96)}, 4),
    "positions 77": (embedded(77), {"ids": (1, 77)}, 2),
    "positions 384": (embedded(384), {"ids": (1, 384)}, 2),
    "detector of 32": (detector(32), {"x": (1, 3, 224, 224)}, 1),
    "detector of 64": (detector(64), {"x": (1, 3, 256, 256)}, 3),
    "a line of text 32 high": (line(32), {"x": (1, 1, 32, 320)}, 3),
    "a line of text 64 high": (line(64), {"x": (1, 1, 64, 320)}, 4),
    "a batch that is cut into rows": (
        model([node("Reshape", ["x", "s"], ["y"])], [value("x", ["N", 4])], [value("y", None)], [ints("s", -1, 6)]),
        {"x": (3, 4)},
        10,
    ),
    "audio of 512": (voice(512), {"audio": (1, 512)}, 3),
}


@pytest.mark.parametrize("case", FITTED)
def test_assumptions_give_way_to_what_the_graph_says(tmp_path: Path, case: str) -> None:
    proto, expected, attempts = FITTED[case]
    found, count = valid(tmp_path, proto)
    assert found == expected
    assert count <= attempts


def test_two_dims_of_one_class_may_differ(tmp_path: Path) -> None:
    nodes = [node("Flatten", ["x"], ["f"]), node("Gemm", ["f", "w"], ["y"])]
    proto = model(nodes, [value("x", [1, "height", "width"])], [value("y", None)], [weight("w", 32 * 224, 1)])
    found, _ = valid(tmp_path, proto)
    assert set(found["x"]) == {1, 32, 224}


def test_what_the_user_states_is_never_varied(tmp_path: Path) -> None:
    held = parsed(tmp_path, lenet(28))
    options = DimOptions({"h": 60}, {})
    for alternative in itertools.islice(alternatives(bind(held, options)), 300):
        assert bind(held, options, alternative).graph.inputs[0].type.dims[2] == 60


def test_alternatives_end(tmp_path: Path) -> None:
    proto = plain(value("a", ["batch", 3, "h", "w"]), value("b", ["batch", "sequence"]), value("c", ["x1", "features"]))
    assert 100 < sum(1 for _ in alternatives(bound(tmp_path, proto))) < 20_000


def test_a_model_without_assumptions_has_no_alternatives(tmp_path: Path) -> None:
    assert list(alternatives(bound(tmp_path, plain(value("a", ["n"])), {"n": 3}))) == []


def test_binding_is_linear_in_inputs_and_readers(tmp_path: Path) -> None:
    count = 20_000
    inputs = [value(f"i{i}", [f"total_{i}", f"past_{i} + {i}"]) for i in range(count)]
    nodes = [node("Concat", [f"i{i}" for i in range(count)], ["y"], axis=0)]
    nodes += [node("Relu", ["i0"], [f"r{i}"]) for i in range(count)]
    held = parsed(tmp_path, model(nodes, inputs))
    started = time.process_time()
    bind(held, DimOptions({}, {}))
    assert time.process_time() - started < 5


def test_other_containers_are_left_alone(tmp_path: Path) -> None:
    sequence = helper.make_tensor_sequence_value_info("s", FLOAT, ["n", 3])
    found = bound(
        tmp_path, model([node("SequenceLength", ["s"], ["y"])], [sequence], [value("y", None, TensorProto.INT64)])
    )
    assert found.graph.inputs[0].type.container == "sequence"
    assert found.graph.inputs[0].type.shape == (None, 3)
