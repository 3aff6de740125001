"""Dims that other dims fix: masks, totals, caches, biases and declared outputs; and stated dims that contradict."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from onnx_roofline.analysis.analyze import analyze
from onnx_roofline.analysis.dim_ties import probes_of
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.base.errors import ShapeError, UsageError
from onnx_roofline.ci.assumptions import assumed_options
from onnx_roofline.ir.graph import Dim, GraphInput, Model
from onnx_roofline.ir.open_records import DataLengths
from onnx_roofline.report.header import first_line, model_line

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64
Dims = Sequence[int | str | None]


def tensor(name: str, dims: Dims | None = None, dtype: int = FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, dtype, dims)


def node(op: str, inputs: str, outputs: str, domain: str = "", **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(op, inputs.split(","), outputs.split(","), domain=domain, **attributes)


def write(
    folder: Path,
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[onnx.ValueInfoProto],
    outputs: Sequence[onnx.ValueInfoProto],
    stored: Mapping[str, np.ndarray] | None = None,
    opset: int = 23,
) -> str:
    held = [numpy_helper.from_array(value, name) for name, value in (stored or {}).items()]
    graph = helper.make_graph(list(nodes), "g", list(inputs), list(outputs), held)
    imports = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
    path = folder / "model.onnx"
    path.write_bytes(helper.make_model(graph, opset_imports=imports, ir_version=11).SerializeToString())
    return str(path)


def dims_of(path: str, **dims: int) -> dict[str, tuple[int, str]]:
    model = analyze(path, Settings(dims=dims)).model
    return {name: (dim.value, dim.origin) for name, dim in model.dims.items()}


def input_shape(model: Model, name: str) -> tuple[int, ...]:
    found: GraphInput = next(one for one in model.graph.inputs if one.name == name)
    return found.type.dims


CACHE: Dims = ("b", 2, "past", 64)


def attention(folder: Path, mask: Dims, opset: int = 23) -> str:
    inputs = [tensor("q", ("b", "s", 512)), tensor("k", ("b", "s", 128)), tensor("v", ("b", "s", 128)),
              tensor("m", mask), tensor("pk", CACHE), tensor("pv", CACHE)]  # fmt: skip
    op = node("Attention", "q,k,v,m,pk,pv", "y,ok,ov", q_num_heads=8, kv_num_heads=2)
    return write(folder, [op], inputs, [tensor("y"), tensor("ok"), tensor("ov")], opset=opset)


def multi_head(folder: Path, padding: Dims | None, bias: Dims | None) -> str:
    inputs = [tensor("q", ("b", "s", 512)), tensor("k", ("b", "s", 512)), tensor("v", ("b", "s", 512)),
              tensor("pk", ("b", 8, "past", 64)), tensor("pv", ("b", 8, "past", 64))]  # fmt: skip
    inputs += [tensor("mask", padding, TensorProto.INT32)] if padding else []
    inputs += [tensor("bias", bias)] if bias else []
    names = f"q,k,v,,{'mask' if padding else ''},{'bias' if bias else ''},pk,pv"
    op = node("MultiHeadAttention", names, "y,ok,ov", "com.microsoft", num_heads=8)
    return write(folder, [op], inputs, [tensor("y"), tensor("ok"), tensor("ov")])


def by_hand(folder: Path, present: Dims | None = None) -> str:
    """Scores [b, 8, s, past + s] and a mask [b, 1, s, total] that is added to them: no op of attention."""
    nodes = [
        node("Concat", "pk,k", "keys", axis=2), node("Transpose", "keys", "t", perm=[0, 1, 3, 2]),
        node("MatMul", "q,t", "scores"), node("Add", "scores,m", "masked"), node("Softmax", "masked", "y"),
    ]  # fmt: skip
    new: Dims = ("b", 8, "s", 64)
    mask: Dims = ("b", 1, "s", "total") if present is None else ("b", 1, "s", 1)
    inputs = [tensor("q", new), tensor("k", new), tensor("pk", ("b", 8, "past", 64)), tensor("m", mask)]
    inputs += [tensor("unused", ("b", "total"))] if present is not None else []
    outputs = [tensor("y"), tensor("keys", present)] if present is not None else [tensor("y")]
    return write(folder, nodes, inputs, outputs, opset=17)


STATED = {"b": 3, "s": 5, "past": 20}


@pytest.mark.parametrize(
    ("build", "key"),
    [
        (lambda folder: attention(folder, ("b", 1, "s", "kv_len")), "kv_len"),
        (lambda folder: attention(folder, ("b", 1, "s", "kv_len"), opset=24), "kv_len"),
        (lambda folder: attention(folder, ("s", "n")), "n"),
        (lambda folder: attention(folder, ("b", 8, 1, None)), "m.3"),
        (lambda folder: multi_head(folder, ("b", "total_length"), None), "total_length"),
        (lambda folder: multi_head(folder, None, (1, 8, "s", "t")), "t"),
        (lambda folder: multi_head(folder, ("b", "s", "mask_len"), None), "mask_len"),
        (by_hand, "total"),
        (lambda folder: by_hand(folder, ("b", 8, "total", 64)), "total"),
    ],
)
def test_totals_follow_from_what_is_stated(tmp_path: Path, build: Any, key: str) -> None:
    path = build(tmp_path)
    assert dims_of(path, **STATED)[key] == (20 + 5, "bound")
    analysis = analyze(path, Settings(dims=STATED))
    assert "ASSUMED" not in first_line(analysis)
    assert assumed_options(analysis) == ((), ())


def test_the_others_follow_from_a_total(tmp_path: Path) -> None:
    path = attention(tmp_path, ("b", 1, "s", "kv_len"))
    assert dims_of(path, b=1, s=4, kv_len=100)["past"] == (96, "bound")
    assert dims_of(path, b=1, past=90, kv_len=100)["s"] == (10, "bound")


def test_a_total_of_assumed_dims_is_assumed_and_not_asked_for(tmp_path: Path) -> None:
    path = attention(tmp_path, ("b", 1, "s", "kv_len"))
    analysis = analyze(path, Settings(dims={"s": 4}))
    assert analysis.model.dims["kv_len"] == Dim(132, "assumed", "computed: s + past, by 0:Attention (keys of input 3)")
    assert first_line(analysis).count("kv_len") == 0
    assert assumed_options(analysis) == (("dims",), ("--dim b=1", "--dim past=128"))


def test_batches_of_different_names(tmp_path: Path) -> None:
    """Each input of some exporters has a batch of its own; what is concatenated has the same."""
    inputs = [tensor("x", (None, 4)), tensor("h", (None, 4)), tensor("mask", ("other", 4))]
    nodes = [node("Concat", "x,h", "c", axis=1), node("Slice", "c,zero,four,one", "d"), node("Mul", "d,mask", "y")]
    stored = {"zero": np.array([0]), "four": np.array([4]), "one": np.array([1])}
    path = write(tmp_path, nodes, inputs, [tensor("y")], stored)
    analysis = analyze(path, Settings(dims={"x.0": 8}))
    assert [input_shape(analysis.model, name) for name in ("x", "h", "mask")] == [(8, 4)] * 3
    assert {dim.origin for dim in analysis.model.dims.values()} == {"bound"}


def test_layers_share_a_tie(tmp_path: Path) -> None:
    """Caches without names: each axis follows from the first one."""
    new: Dims = ("b", 8, "s", 64)
    inputs = [tensor("q", new), tensor("k", new), tensor("m", ("b", 1, "s", "total"))]
    nodes = []
    for layer in range(3):
        inputs.append(tensor(f"past{layer}", ("b", 8, None, 64)))
        nodes += [node("Concat", f"past{layer},k", f"keys{layer}", axis=2),
                  node("Transpose", f"keys{layer}", f"t{layer}", perm=[0, 1, 3, 2]),
                  node("MatMul", f"q,t{layer}", f"scores{layer}"),
                  node("Add", f"scores{layer},m", f"y{layer}")]  # fmt: skip
    path = write(tmp_path, nodes, inputs, [tensor(f"y{layer}") for layer in range(3)], opset=17)
    found = dims_of(path, b=1, s=1, total=64)
    assert [found[f"past{layer}.2"] for layer in range(3)] == [(63, "bound")] * 3


@pytest.mark.parametrize(
    ("build", "dims", "expected"),
    [
        (
            lambda folder: attention(folder, ("b", 1, "s", "kv_len")),
            {**STATED, "kv_len": 50},
            "found 'kv_len'=50 and 's'=5, 'past'=20, which 0:Attention (keys of input 3) ties together: 50 is not 25",
        ),
        (
            lambda folder: multi_head(folder, ("b", "t"), None),
            {**STATED, "t": 20},
            "found 't'=20 and 's'=5, 'past'=20, which 0:MultiHeadAttention (keys of input 4) ties together: 20 is not",
        ),
        (by_hand, {**STATED, "total": 30}, "found 's'=5, 'past'=20 and 'total'=30, which 3:Add ties together"),
    ],
)
def test_stated_dims_that_contradict(tmp_path: Path, build: Any, dims: dict[str, int], expected: str) -> None:
    path = build(tmp_path)
    with pytest.raises(UsageError) as refused:
        analyze(path, Settings(dims=dims))
    assert str(refused.value).startswith(f"{path}: {expected}")


def test_what_may_differ_is_not_refused(tmp_path: Path) -> None:
    """A mask of opset 24 may be too short, one of length 1 is broadcast, a declared output is no demand."""
    assert dims_of(attention(tmp_path, ("b", 1, "s", "kv_len"), opset=24), **STATED, kv_len=7)["kv_len"] == (7, "bound")
    assert dims_of(by_hand(tmp_path), **STATED, total=1)["total"] == (1, "bound")
    path = by_hand(tmp_path, ("b", 8, "total", 64))
    assert dims_of(path, **STATED, total=99)["total"] == (99, "bound")


def grouped(folder: Path) -> str:
    """GroupQueryAttention whose total is the length of the mask."""
    attention_op = node(
        "GroupQueryAttention", "qkv,,,pk,pv,lens,total", "y,ok,ov", "com.microsoft", num_heads=8, kv_num_heads=2
    )
    nodes = [node("Shape", "mask", "sh"), node("Gather", "sh,one", "t64"),
             node("Cast", "t64", "total", to=TensorProto.INT32), attention_op]  # fmt: skip
    inputs = [tensor("qkv", ("b", "s", 768)), tensor("mask", ("b", "len"), INT64), tensor("pk", CACHE),
              tensor("pv", CACHE), tensor("lens", ("b",), TensorProto.INT32)]  # fmt: skip
    return write(folder, nodes, inputs, [tensor("y"), tensor("ok"), tensor("ov")], {"one": np.array(1)})


def test_a_cache_with_room_for_the_total(tmp_path: Path) -> None:
    """A cache that is longer than what it holds is one that is written in place; one that is too short is wrong."""
    path = grouped(tmp_path)
    assert dims_of(path, b=1, s=1, past=127)["len"] == (128, "bound")
    assert dims_of(path, b=1, s=1, past=4096, len=128)["len"] == (128, "bound")
    with pytest.raises(UsageError, match="found 'len'=300 and 's'=1, 'past'=127, which 3:GroupQueryAttention"):
        dims_of(path, b=1, s=1, past=127, len=300)


def test_a_declared_dim_that_can_not_hold_solves_nothing(tmp_path: Path) -> None:
    """y is declared [N] and is [N + 1]: no N makes that true."""
    nodes = [node("Concat", "x,e", "y", axis=0)]
    path = write(tmp_path, nodes, [tensor("x", ("N",)), tensor("e", (1,)), tensor("z", ("M",))], [tensor("y", ("N",))])
    assert dims_of(path, N=6)["N"] == (6, "bound")
    assert dims_of(path)["N"][0] == 1


def test_probes_are_told_apart() -> None:
    values = probes_of({str(place): "sequence" for place in range(10)})
    numbers = list(values.values())
    sums = [one + other for place, one in enumerate(numbers) for other in numbers[place + 1 :]]
    lengths = sorted([*numbers, *sums])
    assert min(b - a for a, b in pairwise(lengths)) > 2


@pytest.mark.parametrize(("name", "stated", "size"), [("floor(n/2)", 4, 8), ("2**n", 32, 5), ("2**n", None, 1)])
def test_an_expression_of_a_dim_that_is_tied_may_be_stated(
    name: str, stated: int | None, size: int, tmp_path: Path
) -> None:
    """While ties are looked for, the primes fix it, or have no size for it: 2**67 is no dim."""
    inputs = [tensor("x", ["b", name]), tensor("x2", ["c", "n"])]
    path = write(tmp_path, [node("Concat", "x,x2", "y", axis=1)], inputs, [tensor("y")])
    found = dims_of(path, **({} if stated is None else {name: stated}))
    assert found["n"][0] == size
    assert found[name][0] == (2 if stated is None else stated)


def lstm(folder: Path, batch: int | str, state: Dims | None, layout: int = 0) -> str:
    """One direction, hidden size 8; an initial state that is stored, or an input of the shape `state`."""
    stored = {"w": np.zeros((1, 32, 4), np.float32), "r": np.zeros((1, 32, 8), np.float32)}
    inputs = [tensor("x", (batch, "s", 4) if layout else ("s", batch, 4))]
    if state is None:
        stored["h0"] = np.zeros((1, 1, 8), np.float32)
    else:
        inputs.append(tensor("h0", state))
    op = node("LSTM", "x,w,r,,,h0", "y", hidden_size=8, layout=layout)
    return write(folder, [op], inputs, [tensor("y")], stored)


@pytest.mark.parametrize(("state", "layout"), [((1, "b2", 8), 0), (("b2", 1, 8), 1)])
def test_the_batch_of_an_initial_state_is_that_of_what_comes_in(state: Dims, layout: int, tmp_path: Path) -> None:
    path = lstm(tmp_path, "b", state, layout)
    assert dims_of(path, b=4)["b2"] == (4, "bound")
    assert dims_of(path, b2=7)["b"] == (7, "bound")
    with pytest.raises(UsageError, match=r"found 'b2'=1 and 'b'=4, which 0:LSTM .*: 1 is not 4; drop or correct one"):
        analyze(path, Settings(dims={"b": 4, "b2": 1}))


def test_a_stored_initial_state_fixes_the_batch(tmp_path: Path) -> None:
    """onnxruntime: Input initial_h must have shape {1,8,8}. Actual:{1,1,8}."""
    path = lstm(tmp_path, "b", None)
    assert dims_of(path)["b"] == (1, "bound")
    with pytest.raises(UsageError, match=r"found 1 and 'b'=8, which 0:LSTM \(batch of input 5\) ties together"):
        analyze(path, Settings(dims={"b": 8}))


def test_a_batch_that_a_stored_initial_state_hard_codes_is_not_overridden(tmp_path: Path) -> None:
    path = lstm(tmp_path, 1, None)
    with pytest.raises(
        ShapeError, match=r"node 0:LSTM: batch of input 5: found 1, wanted 8 for x\.1=8, which overrides"
    ):
        analyze(path, Settings(dims={"x.1": 8}))


@pytest.mark.parametrize(
    ("op", "inputs", "stated", "found"),
    [
        ("RotaryEmbedding", {"x": ("B", 8, "S", 64), "p": ("P", "Q")}, {"S": 40, "B": 2}, {"P": 2, "Q": 40}),
        ("RotaryEmbedding", {"x": ("B", 8, "S", 64), "p": ("P", "Q")}, {"Q": 24}, {"S": 24}),
        ("RoiAlign", {"x": (1, 3, 20, 20), "r": ("boxes", 4), "i": ("R",)}, {"boxes": 9}, {"R": 9}),
        ("GridSample", {"x": ("B", 3, 8, 8), "g": ("G", 5, 5, 2)}, {"B": 4}, {"G": 4}),
    ],
)
def test_places_and_positions_belong_to_what_they_are_of(
    op: str, inputs: dict[str, Dims], stated: dict[str, int], found: dict[str, int], tmp_path: Path
) -> None:
    integers = ("p", "i")
    given = [tensor(name, dims, INT64 if name in integers else FLOAT) for name, dims in inputs.items()]
    table = np.zeros((512, 32), np.float32)
    rotary = node(op, "x,p,cos,sin", "y", "com.microsoft")
    path = write(tmp_path, [rotary if op == "RotaryEmbedding" else node(op, ",".join(inputs), "y")], given,
                 [tensor("y")], {"cos": table, "sin": table})  # fmt: skip
    dims = dims_of(path, **stated)
    assert {name: dims[name] for name in found} == {name: (size, "bound") for name, size in found.items()}
    with pytest.raises(UsageError, match="drop or correct one of them"):
        dims_of(path, **stated, **{name: size + 1 for name, size in found.items()})


@pytest.mark.parametrize(("stated", "n", "m"), [({"n+1": 5}, 4, 5), ({"n": 3}, 3, 4), ({"m": 6}, 5, 6)])
def test_a_tie_follows_a_dim_that_an_expression_fixes(stated: dict[str, int], n: int, m: int, tmp_path: Path) -> None:
    path = write(tmp_path, [node("Add", "a,c", "y")], [tensor("a", ("n", "n+1", 8)), tensor("c", ("n", "m", 8))],
                 [tensor("y")])  # fmt: skip
    dims = dims_of(path, **stated)
    assert (dims["n"], dims["n+1"], dims["m"]) == ((n, "bound"), (m, "bound"), (m, "bound"))


def test_the_two_caches_of_one_op_are_of_one_length(tmp_path: Path) -> None:
    """P keys and 1 new one; the values may have a name of their own."""
    attention_op = node("MultiHeadAttention", "q,k,v,,,,pk,pv", "y,ok,ov", "com.microsoft", num_heads=8)
    inputs = [tensor("q", ("b", "s", 512)), tensor("k", ("b", "l", 512)), tensor("v", ("b", "l", 512)),
              tensor("pk", ("b", 8, "P", 64)), tensor("pv", ("b", 8, "P2", 64))]  # fmt: skip
    path = write(tmp_path, [attention_op], inputs, [tensor("y"), tensor("ok"), tensor("ov")])
    assert dims_of(path, b=2, s=1, l=1, P=9)["P2"] == (9, "bound")
    assert dims_of(path)["P2"] == dims_of(path)["P"] == (128, "assumed")


@pytest.mark.parametrize(
    ("domain", "op", "inputs", "past"),
    [
        ("com.microsoft", "GroupQueryAttention", "q,k,v,past,past,len,total", ("s0", 2, "s2", 64)),
        ("com.microsoft", "MultiHeadAttention", "q,k,v,,,,past,past", ("s0", 8, "s2", 64)),
        ("com.microsoft", "Attention", "q,w,,,past", (2, "s0", 8, "s2", 64)),
        ("", "Attention", "q,k,v,,past,past", ("s0", 8, "s2", 64)),
    ],
)
def test_what_takes_it_for_a_cache_tells_its_axes(
    domain: str, op: str, inputs: str, past: Dims, tmp_path: Path
) -> None:
    """torch names dims s0, s1, ..., which tell nothing."""
    heads = {"kv_num_heads": 2} if op == "GroupQueryAttention" else {}
    counts = {"q_num_heads": 8, "kv_num_heads": 8} if not domain else {"num_heads": 8, **heads}
    width = 128 if heads else 512
    tokens = [tensor("q", ("s0", "s1", 512)), *(tensor(name, ("s0", "s1", width)) for name in "kv")]
    lengths = [tensor("len", ("s0",), TensorProto.INT32), tensor("total", (), TensorProto.INT32)]
    path = write(
        tmp_path, [node(op, inputs, "y,a,b" if "v" in inputs else "y,a", domain, **counts)],
        [*tokens, tensor("w", (512, 1536)), tensor("past", past), *lengths], [tensor("y")],
    )  # fmt: skip
    model = analyze(path).model
    assert {name: model.dims[name].value for name in ("s0", "s1", "s2")} == {"s0": 1, "s1": 128, "s2": 128}
    assert model.dims["s2"].reason == f"past: feeds 0:{op}"


def test_a_total_that_is_stated_leaves_the_rest_for_the_cache(tmp_path: Path) -> None:
    """10 keys in all, fewer than any prime that shapes are inferred with: 10 - 1 lie in both caches."""
    attention_op = node(
        "GroupQueryAttention", "qkv,,,pk,pv,lens,total", "y,ok,ov", "com.microsoft", num_heads=8, kv_num_heads=2
    )
    inputs = [tensor("qkv", ("s0", "s1", 768)), tensor("pk", ("s0", 2, "s2", 64)), tensor("pv", ("s0", 2, "s3", 64)),
              tensor("lens", ("s0",), TensorProto.INT32), tensor("total", (), TensorProto.INT32)]  # fmt: skip
    path = write(tmp_path, [attention_op], inputs, [tensor("y"), tensor("ok"), tensor("ov")])
    model = analyze(path, Settings(dims={"s0": 1, "s1": 1}, values={"total": (10,)})).model
    assert {name: model.dims[name].value for name in ("s2", "s3")} == {"s2": 9, "s3": 9}
    assert model.dims["s2"].reason == "computed: 10 - s1, by 0:GroupQueryAttention (total sequence length)"


def test_less_than_nothing_is_left(tmp_path: Path) -> None:
    """Past and 4 new positions are added to one vector of 3 of them; a single one is repeated."""
    nodes = [node("Concat", "past,new", "c", axis=1), node("Add", "c,pos", "y")]
    inputs = [tensor("past", ("b", "P", 8)), tensor("new", ("b", "S", 8)), tensor("pos", ("b", "T", 8))]
    path = write(tmp_path, nodes, inputs, [tensor("y")])
    assert dims_of(path, b=1, S=4, T=9)["P"] == (5, "bound")
    assert dims_of(path, b=1, S=4, T=1)["P"] == (128, "assumed")
    with pytest.raises(UsageError, match="found 'S'=4, 'T'=3, which leave -1 for 'P' = T - S by 1:Add; correct one"):
        dims_of(path, b=1, S=4, T=3)


def test_a_length_behind_open_dims_is_stated_for_what_they_are(tmp_path: Path) -> None:
    """Ties are found with primes for the dims; `c` has N + M rows of those that are stated, and of no prime."""
    nodes = [node("Concat", "x,z", "c", axis=0), node("Relu", "c", "y")]
    path = write(tmp_path, nodes, [tensor("x", ("N", 8)), tensor("z", ("M", 8))], [tensor("y")])
    assert dims_of(path, N=3, M=4, **{"c.0": 7})["N"] == (3, "bound")
    with pytest.raises(UsageError, match=r"--dim 'c\.0': found 8, but node 0:Concat makes it 7; drop it"):
        dims_of(path, N=3, M=4, **{"c.0": 8})


def gemm(folder: Path) -> str:
    """[n, k] x [k2, m] + [m2], of which the file declares the result [n, q]."""
    inputs = [tensor("a", ("n", "k")), tensor("b", ("k2", "m")), tensor("bias", ("m2",))]
    return write(folder, [node("Gemm", "a,b,bias", "y")], inputs, [tensor("y", ("n", "q"))])


@pytest.mark.parametrize("stated", [{"q": 5}, {"y.1": 5}, {"q": 5, "m": 5}])
def test_a_size_of_an_output_solves_the_dim_that_it_has(stated: dict[str, int], tmp_path: Path) -> None:
    path = gemm(tmp_path)
    assert dims_of(path)["m"][1] == "assumed"
    found = dims_of(path, **stated)
    assert found["m"] == found["m2"] == (5, "bound")
    assert found["k2"] == found["k"]
    analysis = analyze(path, Settings(dims={**stated, "n": 2, "k": 3}))
    assert analysis.summary.counts.macs == 2 * 3 * 5
    assert "dims: " in model_line(analysis)
    assert "m=5" in model_line(analysis)
    assert analysis.model.warnings == ()


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        ({"q": 5, "m": 7}, r"found 'm'=7 and 5, which --dim 'q'=5 of y.1 ties together: 7 is not 5"),
        ({"q": 5, "m": 1}, r"found 'm'=1 and 5, which --dim 'q'=5 of y.1 ties together: 1 is not 5"),
        ({"q": 5, "y.1": 6, "m": 5}, r"found --dim 'q'=5 and 'y.1'=6, which are one axis"),
        ({"p": 5}, r"--dim 'p': found no dim of that name; "),
    ],
)
def test_a_size_of_an_output_that_its_dims_do_not_give_is_refused(
    stated: dict[str, int], message: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=message):
        analyze(gemm(tmp_path), Settings(dims=stated))


def test_a_size_of_an_output_that_the_file_fixes_is_refused(tmp_path: Path) -> None:
    """A weight [k, 4] makes four columns whatever its input is."""
    path = write(
        tmp_path, [node("MatMul", "x,w", "y")], [tensor("x", ("n", 3))], [tensor("y", ("rows", "q"))],
        {"w": np.zeros((3, 4), np.float32)},
    )  # fmt: skip
    with pytest.raises(UsageError, match=r"--dim 'q' \(y.1\): found 5, but node 0:MatMul makes it 4; drop it"):
        analyze(path, Settings(dims={"q": 5}))
    assert dims_of(path, q=4, rows=9) == {"n": (9, "bound")}


def test_a_size_of_an_output_solves_a_sum(tmp_path: Path) -> None:
    """Eight rows of which five are new: three are from before."""
    inputs = [tensor("old", ("past", 4)), tensor("new", ("seq", 4))]
    path = write(tmp_path, [node("Concat", "old,new", "all", axis=0)], inputs, [tensor("all", ("rows", 4))])
    assert dims_of(path, rows=8, seq=5)["past"] == (3, "bound")
    with pytest.raises(UsageError, match="leave -1 for 'past'"):
        dims_of(path, rows=4, seq=5)


def test_a_size_of_an_output_that_data_decide_is_a_length(tmp_path: Path) -> None:
    """Of at most six rows three are picked."""
    nodes = [node("NonZero", "x", "i"), node("Identity", "i", "y")]
    path = write(tmp_path, nodes, [tensor("x", (6,))], [tensor("y", (1, "picked"), INT64)])
    analysis = analyze(path, Settings(dims={"picked": 3}))
    assert [(one.name, one.value, one.origin) for one in analysis.model.whole(DataLengths).found] == [
        ("i.1", 3, "bound")
    ]
    with pytest.raises(UsageError, match=r"--dim 'picked' \(y.1\): found 7, but node 1:Identity makes it at most 6"):
        analyze(path, Settings(dims={"picked": 7}))
