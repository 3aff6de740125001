"""Fusion: each pattern in each spelling, the reasons of refusals, laws on random graphs, and its time."""

import random
import time
from collections.abc import Mapping
from pathlib import Path

import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper
from onnx_roofline.passes.fusion import FusionPass

from onnx_roofline.fusion.backends import Backend, Pattern, load_backend, shipped_backends
from onnx_roofline.fusion.patterns import PARTS, PATTERNS
from onnx_roofline.fusion.template import parse_template
from onnx_roofline.ir.graph import Model, op_reads
from onnx_roofline.ir.records import Kernel, TypedOp, Work

from .conftest import Build, analysed, model_of
from .spellings import ATTENTION, CONV, CONVS, HEADS, IMAGE, NORM, NUMBERS, WHOLE, X


def only(name: str, *, reshapes: bool = True) -> Backend:
    """A backend of one pattern of the library."""
    known = PATTERNS[name]
    templates = tuple(parse_template(text, PARTS, known.types) for text in known.templates)
    return Backend("one", "one", (Pattern(name, templates, known.keeps_inner),), through_reshapes=reshapes)


def kernels(model: Model, backend: Backend) -> list[Kernel]:
    """The kernels in order of their last member."""
    rows: Mapping[str, Kernel] = FusionPass(backend).run(model).rows  # type: ignore[assignment]
    return list({id(kernel): kernel for kernel in rows.values() if kernel.id}.values())


def types_of(model: Model, kernel: Kernel) -> str:
    rows = model.column(TypedOp)
    return " ".join(rows[key].op.op_type for key in kernel.members)


@pytest.mark.parametrize(("name", "text", "inputs"), WHOLE)
def test_pattern_takes_the_whole_graph(
    name: str, text: str, inputs: Mapping[str, tuple[int, ...]], build: Build
) -> None:
    model = build(text, inputs, {"w": (8,), "b": (8,), "square": (8, 8)}, NUMBERS, ["y"])
    found = kernels(model, only(name))
    assert [kernel.pattern for kernel in found] == [name]
    assert len(found[0].members) == len(model.graph.ops)


@pytest.mark.parametrize(("name", "text"), CONVS)
def test_convolution_pattern_takes_the_whole_graph(name: str, text: str, build: Build) -> None:
    values = {**NUMBERS, "pads": [0, 0, 1, 1, 0, 0, 1, 1]}
    model = build(text, IMAGE, {**CONV, **NORM, "channel": (4, 1, 1)}, values, ["y"])
    found = kernels(model, only(name))
    assert [kernel.pattern for kernel in found] == [name]
    assert types_of(model, found[0]).count("Conv") == 1
    assert "Conv" in found[0].id


@pytest.mark.parametrize("text", ATTENTION)
def test_attention_takes_the_whole_graph(text: str, build: Build) -> None:
    values = {**NUMBERS, "causal": [[True] * 16] * 16}
    model = build(text, HEADS | {"mask": (16, 16)}, None, values, ["y"])
    found = kernels(model, only("attention"))
    assert [kernel.pattern for kernel in found] == ["attention"]
    assert len(found[0].members) == len(model.graph.ops)


def test_attention_takes_the_repeated_keys_of_grouped_queries(build: Build) -> None:
    text = """
        k1 = Unsqueeze(k, axis2)
        k2 = Expand(k1, repeat)
        k3 = Reshape(k2, merged)
        t = Transpose<perm=[0,1,3,2]>(k3)
        m = MatMul(q, t)
        p = Softmax<axis=-1>(m)
        v1 = Unsqueeze(v, axis2)
        v2 = Expand(v1, repeat)
        v3 = Reshape(v2, merged)
        y = MatMul(p, v3)
    """
    inputs = {"q": (1, 4, 16, 8), "k": (1, 2, 16, 8), "v": (1, 2, 16, 8)}
    values = {"axis2": [2], "repeat": [1, 2, 2, 16, 8], "merged": [1, 4, 16, 8]}
    model = build(text, inputs, None, values)
    found = kernels(model, only("attention"))
    assert [types_of(model, kernel) for kernel in found] == ["Expand Transpose MatMul Softmax Expand MatMul"]


def test_views_are_in_no_kernel_and_do_not_part_ops(build: Build) -> None:
    text = "m = Gemm(x, square, b)\nr = Reshape(m, shape)\ni = Identity(r)\ny = Relu(i)"
    model = build(text, {"x": (16, 8)}, {"square": (8, 8), "b": (8,)}, {"shape": [2, 8, 8]})
    through = FusionPass(only("gemm_activation")).run(model).rows
    assert [through[f"{n}"].id for n in through] == ["0:Gemm", "", "", "0:Gemm"]  # type: ignore[attr-defined]
    assert len(kernels(model, only("gemm_activation", reshapes=False))) == 2


def test_quantized_ops_fold_before_they_fuse(build: Build) -> None:
    text = """
        xq = QuantizeLinear(x, s, z)
        xd = DequantizeLinear(xq, s, z)
        wd = DequantizeLinear(wq, s, zw)
        c = Conv<pads=[1,1,1,1]>(xd, wd)
        r = Relu(c)
        rq = QuantizeLinear(r, s, z)
        y = DequantizeLinear(rq, s, z)
    """
    import numpy as np

    values = {"s": 0.1, "z": np.uint8(0), "zw": np.int8(0), "wq": np.ones((4, 4, 3, 3), np.int8)}
    model = build(text, IMAGE, None, values)
    rows = FusionPass(load_backend("compiler")).run(model).rows
    works = model.column(Work)
    assert {key for key, row in rows.items() if not row.id} == {  # type: ignore[attr-defined]
        key for key, work in works.items() if not work.moves_data
    }


def test_a_result_that_something_else_reads_keeps_a_pattern_apart(build: Build) -> None:
    model = build("c = Conv(x, w)\ny = Relu(c)\nz = Sigmoid(c)", IMAGE, CONV)
    found = kernels(model, only("conv_epilogue"))
    assert [kernel.pattern for kernel in found] == ["alone"] * 3
    assert found[1].refused == ("Conv 0:Conv not fused: its result is also read by Sigmoid 2:Sigmoid",)


def test_an_output_of_the_graph_keeps_a_pattern_apart(build: Build) -> None:
    model = build("c = Conv(x, w)\ny = Relu(c)", IMAGE, CONV, None, ["c", "y"])
    found = kernels(model, only("conv_epilogue"))
    assert len(found) == 2
    assert found[1].refused == ("Conv 0:Conv not fused: its result is an output of the graph",)
    general = kernels(model, load_backend("compiler"))
    assert general[0].refused == ("Conv 0:Conv not fused onward: its result is an output of the graph",)


def test_a_sum_that_stays_readable_is_in_the_kernel_of_its_normalisation(build: Build) -> None:
    text = "s = Add(x, k)\nn = LayerNormalization(s, w, b)\nm = MatMul(n, square)\ny = Add(s, m)"
    model = build(text, X | {"k": (2, 16, 8)}, {"w": (8,), "b": (8,), "square": (8, 8)})
    assert types_of(model, kernels(model, load_backend("compiler"))[0]) == "Add LayerNormalization"
    assert types_of(model, kernels(model, load_backend("ort"))[0]) == "Add"


@pytest.mark.parametrize("text", ["y = Add(m, x)", "y = Add(x, m)"])
def test_an_optional_operand_is_found_in_either_order(text: str, build: Build) -> None:
    model = build(f"m = Mul(x, w)\n{text}", X, {"w": (8,)})
    backend = Backend("one", "one", (Pattern("sum", (parse_template("Add(Mul?(_, #), _)"),)),))
    assert [types_of(model, kernel) for kernel in kernels(model, backend)] == ["Mul Add"]


def test_a_kernel_never_waits_for_itself(build: Build) -> None:
    """x -> a -> (softmax) -> b with a and b in one template, but the way over the softmax leaves the kernel."""
    text = "a = Relu(x)\ns = Softmax(a)\nt = Sigmoid(s)\ny = Add(a, t)"
    model = build(text, X)
    backend = Backend("one", "one", (Pattern("loop", (parse_template("Add(Relu(_), _)"),), keeps_inner=True),))
    found = kernels(model, backend)
    assert [kernel.pattern for kernel in found] == ["alone"] * 4
    assert found[3].refused == (
        "loop at Add 3:Add not fused: its other operand comes from a later kernel (Sigmoid 2:Sigmoid)",
    )


def test_the_general_rule_says_why_it_stops(build: Build) -> None:
    text = "a = Conv<pads=[1,1,1,1]>(x, w)\nr = Relu(a)\nb2 = Conv<pads=[1,1,1,1]>(r, w)\ns = Softmax(b2)\ny = Relu(s)"
    model = build(text, IMAGE, CONV)
    found = kernels(model, load_backend("compiler"))
    assert [types_of(model, kernel) for kernel in found] == ["Conv Relu", "Conv", "Softmax", "Relu"]
    assert found[1].refused == ("Conv 2:Conv not fused with Relu 1:Relu: a kernel holds one contraction or pooling",)
    assert found[2].refused == (
        "Softmax 3:Softmax not fused with Conv 2:Conv: a reduction takes elementwise ops before it alone",
    )


def test_the_general_rule_fuses_chains_that_no_pattern_knows(build: Build) -> None:
    text = """
        c1 = Conv<pads=[1,1,1,1]>(x, w)
        n = BatchNormalization(c1, scale, shift, mean, var)
        s = Sin(n)
        e = Exp(s)
        c2 = Conv<pads=[1,1,1,1]>(x, w)
        y0 = Add(e, c2)
        y = Abs(y0)
    """
    model = build(text, IMAGE, {**CONV, **NORM})
    found = kernels(model, load_backend("compiler"))
    # The sum of two convolutions goes with the later one.
    assert [types_of(model, kernel) for kernel in found] == ["Conv BatchNormalization Sin Exp", "Conv Add Abs"]
    assert [kernel.id for kernel in found] == ["0:Conv", "4:Conv"]


def test_a_residual_addition_is_apart_where_the_pack_says_so(build: Build, tmp_path: Path) -> None:
    pack = tmp_path / "pack.yaml"
    lines = "schema: 1\nname: n\nabout: a\nsource: s\ngeneral_rule: tvm\npatterns: []\nresidual_add: false\n"
    pack.write_text(lines, "utf-8")
    model = build("c = Conv<pads=[1,1,1,1]>(x, w)\na = Add(c, x)\ny = Relu(a)", IMAGE, CONV)
    found = kernels(model, load_backend(pack))
    assert [types_of(model, kernel) for kernel in found] == ["Conv", "Add Relu"]
    assert found[1].refused == ("Add 1:Add not fused with Conv 0:Conv: a residual addition is its own kernel",)


def test_a_kernel_holds_no_more_ops_than_the_pack_allows(build: Build) -> None:
    backend = load_backend("compiler")
    small = Backend("s", "s", general_rule="tvm", kinds=backend.kinds, max_group=4)
    model = build("\n".join(f"x{n + 1} = Relu(x{n})" for n in range(10)), {"x0": (4,)})
    found = kernels(model, small)
    assert max(len(kernel.members) for kernel in found) == 4
    assert any("the kernel would hold over 4 ops" in reason for kernel in found for reason in kernel.refused)


def test_slices_that_cut_a_tensor_are_one_kernel(build: Build) -> None:
    text = "a = Slice(x, start0, end4, last, steps)\nb2 = Slice(x, start4, end8, last, steps)\ny = Relu(a)\nz = Abs(b2)"
    model = build(text, X, None, NUMBERS)
    assert [types_of(model, kernel) for kernel in kernels(model, load_backend("ort"))] == ["Slice Slice", "Relu", "Abs"]


def test_an_op_that_changes_nothing_joins_its_reader(build: Build) -> None:
    model = build("a = Mul(x, one)\nb2 = Slice(a, start0, end8, last, steps)\ny = Relu(b2)", X, None, NUMBERS)
    assert [types_of(model, kernel) for kernel in kernels(model, load_backend("ort"))] == ["Mul Slice Relu"]


@pytest.mark.parametrize(
    ("text", "opset"),
    [
        ("a = Slice(x, last_place, before_first, last, back)\ny = Relu(a)", 18),  # x[..., ::-1]
        ("a = Pad(x, shift)\ny = Relu(a)", 18),  # one zero row before, the last row cut
        ("a = Pad<pads=[0,0,1,0,0,-1]>(x)\ny = Relu(a)", 10),
        ("a = Dropout(x, ratio, yes)\ny = Relu(a)", 18),  # in training mode
    ],
)
def test_an_op_that_keeps_the_shape_and_changes_the_values_stays_apart(text: str, opset: int, build: Build) -> None:
    values = {
        "last_place": [-1], "before_first": [-100], "last": [-1], "back": [-1], "shift": [0, 1, 0, 0, -1, 0],
        "ratio": 0.5, "yes": True,
    }  # fmt: skip
    model = build(text, X, None, values, opset=opset)
    assert [len(kernel.members) for kernel in kernels(model, load_backend("ort"))] == [1, 1]


def test_padding_by_nothing_joins_its_reader(build: Build) -> None:
    model = build("a = Pad<pads=[0,0,0,0,0,0]>(x)\ny = Relu(a)", X, opset=10)
    assert [types_of(model, kernel) for kernel in kernels(model, load_backend("ort"))] == ["Pad Relu"]


def test_body_of_a_loop_is_fused_for_itself_and_the_loop_is_in_no_kernel(tmp_path: Path) -> None:
    def value(name: str, kind: int, shape: list[int]) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, kind, shape)

    body = helper.make_graph(
        [
            helper.make_node("Relu", ["state"], ["r"]),
            helper.make_node("Exp", ["r"], ["next"]),
            helper.make_node("Identity", ["go"], ["on"]),
        ],
        "body",
        [value("i", TensorProto.INT64, []), value("go", TensorProto.BOOL, []), value("state", TensorProto.FLOAT, [4])],
        [value("on", TensorProto.BOOL, []), value("next", TensorProto.FLOAT, [4])],
    )
    graph = helper.make_graph(
        [
            helper.make_node("Abs", ["x"], ["a"]),
            helper.make_node("Loop", ["trips", "", "a"], ["l"], body=body),
            helper.make_node("Add", ["a", "l"], ["y"]),
        ],
        "g",
        [value("x", TensorProto.FLOAT, [4])],
        [value("y", TensorProto.FLOAT, [4])],
        [helper.make_tensor("trips", TensorProto.INT64, [], [3])],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    model = analysed(tmp_path / "loop.onnx", proto)
    rows = FusionPass(load_backend("compiler")).run(model).rows
    by_type = {model.column(TypedOp)[key].op.op_type: row for key, row in rows.items()}
    assert by_type["Loop"].id == ""  # type: ignore[attr-defined]
    assert by_type["Relu"] is by_type["Exp"]
    assert by_type["Abs"] is not by_type["Add"]


@pytest.mark.parametrize("place", ["stored", "node", "stored two levels out"])
def test_a_body_knows_the_weights_that_it_captures(place: str, tmp_path: Path) -> None:
    """A bias of more elements than values are kept of is a constant in a body too, wherever it is stored."""
    value = helper.make_tensor_value_info
    nodes = [helper.make_node("MatMul", ["x", "w"], ["m"]), helper.make_node("Add", ["m", "b"], ["sum"])]
    for level in range(2 if place == "stored two levels out" else 1):
        inside = nodes[-1].output[0]
        then = helper.make_graph(nodes, "then", [], [value(inside, TensorProto.FLOAT, [4, 1024])])
        other = helper.make_node("Identity", ["x"], [f"same{level}"])
        otherwise = helper.make_graph([other], "else", [], [value(f"same{level}", TensorProto.FLOAT, [4, 1024])])
        nodes = [helper.make_node("If", ["c"], [f"y{level}"], then_branch=then, else_branch=otherwise)]
    outputs = [value(nodes[-1].output[0], TensorProto.FLOAT, [4, 1024])]
    weight = helper.make_tensor("w", TensorProto.FLOAT, [1024, 1024], bytes(4 << 20), raw=True)
    bias = helper.make_tensor("b", TensorProto.FLOAT, [1024], bytes(4096), raw=True)
    if place == "node":
        nodes.insert(0, helper.make_node("Constant", [], ["b"], value=bias))
    stored = [weight] if place == "node" else [weight, bias]
    inputs = [value("c", TensorProto.BOOL, []), value("x", TensorProto.FLOAT, [4, 1024])]
    graph = helper.make_graph(nodes, "g", inputs, outputs, stored)
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    model = analysed(tmp_path / "if.onnx", proto)
    found = [types_of(model, kernel) for kernel in kernels(model, load_backend("ort"))]
    assert found == ["MatMul Add"]


def test_shipped_backends_are_ordered_by_what_they_fuse(build: Build) -> None:
    text = "c = Conv<pads=[1,1,1,1]>(x, w)\nr = Relu(c)\na = Add(r, x)\ny = Sigmoid(a)"
    model = build(text, IMAGE, CONV)
    counts = {slug: len(kernels(model, load_backend(slug))) for slug, _, _ in shipped_backends()}
    assert counts == {"compiler": 1, "none": 4, "ort": 3}


# Laws on random graphs of [8, 8] tensors.
UNARY = ("Relu", "Sigmoid", "Exp", "Softmax", "Transpose", "Erf", "Identity", "ReduceMean")
BINARY = ("Add", "Mul", "MatMul", "Sub", "Div", "Concat")
LAW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@st.composite
def random_texts(draw: st.DrawFn) -> tuple[str, list[str]]:
    size = draw(st.integers(1, 24))
    names, lines, outputs = ["x", "w"], [], []
    for number in range(size):
        # Mostly what was just made, as in real models.
        one, other = (names[-min(len(names), draw(st.integers(1, 6)))] for _ in range(2))
        kind = draw(st.sampled_from(UNARY + BINARY))
        made = f"t{number}"
        if kind == "Concat":
            lines += [f"{made}c = Concat<axis=0>({one}, {other})", f"{made} = Slice({made}c, start0, end8, start0)"]
        elif kind == "ReduceMean":
            lines += [f"{made}r = ReduceMean<keepdims=1>({one}, last)", f"{made} = Sub({one}, {made}r)"]
        else:
            lines.append(f"{made} = {kind}({one}{'' if kind in UNARY else f', {other}'})")
        names.append(made)
        if draw(st.integers(0, 9)) == 0:
            outputs.append(made)
    return "\n".join(lines), [*outputs, *([] if names[-1] in outputs else [names[-1]])]


@LAW
@given(random_texts())
def test_laws_of_the_partition(tmp_path: Path, drawn: tuple[str, list[str]]) -> None:
    text, outputs = drawn
    proto = model_of(text, {"x": (8, 8)}, {"w": (8, 8)}, NUMBERS, outputs)
    model = analysed(tmp_path / "law.onnx", proto)
    works, rows = model.column(Work), model.column(TypedOp)
    moving = {key for key, work in works.items() if work.moves_data and rows[key].role == "compute"}
    for slug, _, _ in shipped_backends():
        found: Mapping[str, Kernel] = FusionPass(load_backend(slug)).run(model).rows  # type: ignore[assignment]
        assert {key for key, kernel in found.items() if kernel.id} == moving
        distinct = {id(kernel): kernel for kernel in found.values() if kernel.id}.values()
        assert sorted(key for kernel in distinct for key in kernel.members) == sorted(moving)
        assert all(
            found[key] is kernel and kernel.id in kernel.members for kernel in distinct for key in kernel.members
        )
        if slug == "none":
            assert all(kernel.members == (kernel.id,) and kernel.pattern == "alone" for kernel in distinct)
        assert_runs(model, found)
        again: Mapping[str, Kernel] = FusionPass(load_backend(slug)).run(model).rows  # type: ignore[assignment]
        assert [_plain(kernel) for kernel in again.values()] == [_plain(kernel) for kernel in found.values()]


def _plain(kernel: Kernel) -> tuple[object, ...]:
    return kernel.id, kernel.members, kernel.pattern, kernel.refused


def assert_runs(model: Model, found: Mapping[str, Kernel]) -> None:
    """Every kernel can run in one go, after the kernels that it reads from: runs them, each as soon as it can."""
    rows = model.column(TypedOp)
    made = {name for row in rows.values() for name in row.op.outputs}
    ready: set[str] = set()
    waiting = list({id(kernel): kernel for kernel in found.values() if kernel.id}.values())
    views = [row for key, row in rows.items() if not found[key].id]

    def settle(names: set[str]) -> None:
        for view in views:
            if all(name in names or name not in made for name in op_reads(view.op)):
                names.update(view.op.outputs)

    settle(ready)
    while waiting:
        left = []
        for kernel in waiting:
            inner = set(ready)
            complete = True
            for key in kernel.members:
                settle(inner)
                op = rows[key].op
                complete &= all(name in inner or name not in made for name in op_reads(op))
                inner.update(op.outputs)
            if complete:
                ready |= inner
                settle(ready)
            else:
                left.append(kernel)
        assert len(left) < len(waiting), "kernels wait for each other in a circle"
        waiting = left


# Seconds for a graph of tens of thousands of ops on a slow machine; a quadratic step takes minutes.
LINEAR_S = 10.0


def test_fifty_thousand_ops_in_a_row_fuse_in_seconds(tmp_path: Path) -> None:
    kinds = ("Relu", "Exp", "Sigmoid", "Softmax")
    lines = [helper.make_node(kinds[n % 4 if n % 12 else 3], [f"t{n}"], [f"t{n + 1}"]) for n in range(50_000)]
    assert_fast(tmp_path, lines, "t50000")


def test_twenty_thousand_ops_side_by_side_fuse_in_seconds(tmp_path: Path) -> None:
    nodes = [helper.make_node("Relu", ["t0"], [f"a{n}"]) for n in range(10_000)]
    ends = [f"a{n}" for n in range(10_000)]
    while len(ends) > 1:
        pairs = list(zip(ends[::2], ends[1::2], strict=False))
        odd = ends[-1:] if len(ends) % 2 else []
        made = [f"b{len(nodes) + n}" for n in range(len(pairs))]
        nodes += [helper.make_node("Add", pair, [name]) for pair, name in zip(pairs, made, strict=True)]
        ends = made + odd
    assert_fast(tmp_path, nodes, ends[0])


def test_long_connections_fuse_in_seconds(tmp_path: Path) -> None:
    choose = random.Random(0)
    nodes = [helper.make_node("Relu", ["t0"], ["t1"])]
    nodes += [
        helper.make_node("Add", [f"t{n}", f"t{choose.randrange(n) if n % 2 else 0}"], [f"t{n + 1}"])
        for n in range(1, 20_000)
    ]
    assert_fast(tmp_path, nodes, "t20000")


def test_a_sum_of_ten_thousand_results_fuses_in_seconds(tmp_path: Path) -> None:
    nodes = [helper.make_node("Relu", ["t0"], [f"a{n}"]) for n in range(10_000)]
    assert_fast(tmp_path, [*nodes, helper.make_node("Sum", [f"a{n}" for n in range(10_000)], ["y"])], "y")


def assert_fast(folder: Path, nodes: list[onnx.NodeProto], output: str) -> None:
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("t0", TensorProto.FLOAT, [4])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, [4])],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    model = analysed(folder / "large.onnx", proto)
    for slug in ("ort", "compiler"):
        backend = load_backend(slug)
        started = time.process_time()
        FusionPass(backend).run(model)
        assert time.process_time() - started < LINEAR_S
