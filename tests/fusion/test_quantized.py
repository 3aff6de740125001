"""What quantised graphs read, write and compute, each figure by hand; naive bytes are those of every op alone."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto as T
from onnx import helper, parser
from quantized_laws import assert_quantized_laws, shaped

from onnx_roofline.analysis.analyze import Analysis, analyze
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.ir.kernel_work import KernelWork
from onnx_roofline.ir.placed_records import Roofline
from onnx_roofline.ir.records import Traffic, TypedOp, Work

Values = Mapping[str, tuple[int, Sequence[int]]]
X = {"x": (T.FLOAT, (4, 64))}
# A weight of 64 x 64 int8 with one scale and one zero point: 4096 + 4 + 1 bytes.
W = {"w": (T.INT8, (64, 64)), "s": (T.FLOAT, ()), "z": (T.INT8, ())}
DQ = "d = DequantizeLinear(w, s, z)\n"
PRODUCT = 4 * 64 * 64  # MACs of [4, 64] x [64, 64]
ALONE = 1024 + 4101 + 1024  # x and y in float32, and the weight as it is stored


def analysed(
    folder: Path, text: str, inputs: Values, stored: Values, *, backend: str = "none", opset: int = 23,
    bodies: Sequence[onnx.NodeProto] = (), values: Mapping[str, Sequence[int]] | None = None,
) -> Analysis:  # fmt: skip
    nodes = [parser.parse_node(line.strip()) for line in text.strip().splitlines() if line.strip()]
    nodes += bodies
    inner = [node for body in bodies for part in body.attribute if part.HasField("g") for node in part.g.node]
    read = {name for node in (*nodes, *inner) for name in node.input}
    ends = [name for node in nodes for name in node.output if name not in read]
    initializers = [helper.make_tensor(name, T.INT64, [len(one)], one) for name, one in (values or {}).items()]
    for name, (kind, shape) in stored.items():
        count = 1
        for dim in shape:
            count *= dim
        four = kind in (T.INT4, T.UINT4, T.FLOAT4E2M1)
        width = 1 if four else helper.tensor_dtype_to_np_dtype(kind).itemsize
        initializers.append(helper.make_tensor(name, kind, shape, bytes(count * width // (2 if four else 1)), raw=True))
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in inputs.items()],
        [onnx.ValueInfoProto(name=name) for name in ends],
        initializers,
    )
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
    path = folder / "m.onnx"
    path.write_bytes(helper.make_model(graph, opset_imports=opsets, ir_version=11).SerializeToString())
    assert_quantized_laws(shaped(path))
    return analyze(path, Settings(backend=backend))


def work_of(analysis: Analysis, output: str) -> Work:
    return analysis.model.column(Work)[key_of(analysis, output)]


def traffic_of(analysis: Analysis, output: str) -> Traffic:
    return analysis.model.column(Traffic)[key_of(analysis, output)]


def key_of(analysis: Analysis, output: str) -> str:
    return next(key for key, row in analysis.model.column(TypedOp).items() if output in row.op.outputs)


# What lies between a stored weight and its product, and what the scales are multiplied by: it runs once, or is a view.
BETWEEN = {
    "Transpose": "t = Transpose <perm = [1, 0]> (d)",
    "Reshape": "r = Reshape (d, flat)\nt = Reshape (r, square)",
    "Unsqueeze": "u = Unsqueeze (d, axis)\nt = Squeeze (u, axis)",
    "Slice": "t = Slice (d, begin, end)",
    "Gather": "t = Gather (d, square_ids)",
    "Split": "a, b = Split <axis = 0, num_outputs = 2> (d)\nt = Concat <axis = 0> (b, a)",
    "Flatten": "t = Flatten (d)",
    "Identity": "t = Identity (d)",
}
VALUES = {
    "flat": [4096], "square": [64, 64], "axis": [0], "begin": [0], "end": [64], "square_ids": list(range(64)),
}  # fmt: skip


@pytest.mark.parametrize("name", BETWEEN)
def test_what_lies_between_does_not_hide_a_stored_weight(name: str, tmp_path: Path) -> None:
    analysis = analysed(tmp_path, f"{DQ}{BETWEEN[name]}\ny = MatMul (x, t)", X, W, values=VALUES)
    summary = analysis.summary
    assert summary.naive_bytes == ALONE
    assert summary.counts.macs == PRODUCT
    assert summary.counts.muls == 4096  # one for each weight, once
    assert work_of(analysis, "y").counts is not None
    assert (work_of(analysis, "y").counts.muls, work_of(analysis, "d").counts.muls) == (4096, 0)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("between", "factors", "read"),
    [
        ("t = Mul (d, lone)", 4096, 4),
        ("t = Mul (lone, d)", 4096, 4),
        ("c = Cast <to = 10> (d)\nt = Cast <to = 1> (c)", 0, 0),
        ("t = Cast <to = 1> (d)", 0, 0),
    ],
)
def test_a_cast_or_a_factor_is_part_of_the_scale(between: str, factors: int, read: int, tmp_path: Path) -> None:
    analysis = analysed(tmp_path, f"{DQ}{between}\ny = MatMul (x, t)", X, W | {"lone": (T.FLOAT, (1,))})
    assert analysis.summary.naive_bytes == ALONE + read
    assert analysis.summary.counts.muls == 4096 + factors
    assert work_of(analysis, "y").counts.muls == 4096 + factors  # type: ignore[union-attr]


def test_a_division_by_a_lone_number_is_part_of_the_scale_and_one_of_it_is_not(tmp_path: Path) -> None:
    stored = W | {"lone": (T.FLOAT, ())}
    analysis = analysed(tmp_path, DQ + "t = Div (d, lone)\ny = MatMul (x, t)", X, stored)
    assert analysis.summary.naive_bytes == ALONE + 4
    analysis = analysed(tmp_path, DQ + "t = Div (lone, d)\ny = MatMul (x, t)", X, stored)
    # DQ, Div and MatMul each write and read 64 x 64 float32.
    assert analysis.summary.naive_bytes == (4101 + 16384) + (4 + 16384 + 16384) + (1024 + 16384 + 1024)


def test_three_pieces_of_one_weight_are_read_once_in_all(tmp_path: Path) -> None:
    """A fused weight of queries, keys and values: 192 x 64, a third in each product."""
    text = """
        d = DequantizeLinear (w, s, z)
        a, b, c = Split <axis = 1, num_outputs = 3> (d)
        q = MatMul (x, a)
        k = MatMul (x, b)
        v = MatMul (x, c)
    """
    analysis = analysed(tmp_path, text, X, W | {"w": (T.INT8, (64, 192))})
    assert analysis.summary.naive_bytes == 3 * ALONE
    assert analysis.summary.counts.muls == 3 * 4096
    # Counted in the first of the three.
    assert work_of(analysis, "q").counts.muls == 3 * 4096  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("kind", "size"), [(T.INT16, 8192), (T.UINT16, 8192), (T.INT4, 2048), (T.UINT4, 2048), (T.FLOAT8E4M3FN, 4096),
                       (T.FLOAT8E5M2, 4096), (T.FLOAT4E2M1, 2048)]
)  # fmt: skip
def test_every_stored_width(kind: int, size: int, tmp_path: Path) -> None:
    text = "d = DequantizeLinear (w, s)\nt = Transpose <perm = [1, 0]> (d)\ny = MatMul (x, t)"
    analysis = analysed(tmp_path, text, X, {"w": (kind, (64, 64)), "s": (T.FLOAT, ())})
    assert analysis.summary.naive_bytes == 1024 + size + 4 + 1024
    assert work_of(analysis, "y").compute_dtype == "float32"


def test_an_int32_tensor_is_no_quantised_weight_but_a_bias(tmp_path: Path) -> None:
    stored = {"w": (T.INT32, (64, 64)), "s": (T.FLOAT, ())}
    analysis = analysed(tmp_path, "d = DequantizeLinear (w, s)\ny = MatMul (x, d)", X, stored)
    assert analysis.summary.naive_bytes == (16384 + 4 + 16384) + (1024 + 16384 + 1024)
    text = DQ + "bd = DequantizeLinear (b, s)\ny = Gemm (x, d, bd)"
    analysis = analysed(tmp_path, text, X, W | {"b": (T.INT32, (64,))})
    assert analysis.summary.naive_bytes == ALONE + 256 + 4


HEADS = {"q": (T.FLOAT, (1, 8, 1, 64)), "past": (T.INT8, (1, 8, 127, 64)), "new": (T.FLOAT, (1, 8, 1, 64))}
SCALE = {"s": (T.FLOAT, ()), "z": (T.INT8, ())}
CACHE = """
    nq = QuantizeLinear (new, s, z)
    nd = DequantizeLinear (nq, s, z)
    pd = DequantizeLinear (past, s, z)
    k = Concat <axis = 2> (pd, nd)
    kt = Transpose <perm = [0, 1, 3, 2]> (k)
    a = MatMul (q, kt)
"""
ROWS, ALL = 8 * 64, 8 * 128 * 64  # elements of the new rows, and of the cache with them


def test_an_int8_cache_moves_int8(tmp_path: Path) -> None:
    analysis = analysed(tmp_path, CACHE, HEADS, SCALE)
    assert traffic_of(analysis, "k").read_bytes == (8 * 127 * 64, ROWS)
    assert traffic_of(analysis, "k").write_bytes == (ALL,)
    assert traffic_of(analysis, "kt").naive_bytes == 2 * ALL
    # q in float32, the cache, its scale and zero point, 8 x 128 scores.
    assert traffic_of(analysis, "a").read_bytes == (ROWS * 4, ALL + 5)
    assert traffic_of(analysis, "a").write_bytes == (8 * 128 * 4,)
    # The new rows are quantised (n divs, 2n compares), everything is dequantised once.
    counts = analysis.summary.counts
    assert (counts.muls, counts.divs, counts.compares) == (ALL, ROWS, 2 * ROWS)


def test_an_int8_cache_that_is_given_out_again_is_the_one_that_the_product_reads(tmp_path: Path) -> None:
    """A QuantizeLinear with the scale of the cache makes nothing new."""
    analysis = analysed(tmp_path, CACHE + "present = QuantizeLinear (k, s, z)", HEADS, SCALE)
    assert traffic_of(analysis, "present").naive_bytes == 0
    assert traffic_of(analysis, "k").write_bytes == (ALL,)
    assert traffic_of(analysis, "a").read_bytes == (ROWS * 4, ALL + 5)
    # With another scale it is a pass of its own over the cache, at a byte for each element.
    other = SCALE | {"s2": (T.FLOAT, ())}
    analysis = analysed(tmp_path, CACHE + "present = QuantizeLinear (k, s2, z)", HEADS, other)
    assert traffic_of(analysis, "present").read_bytes == (ALL + 5, 4, 1)
    assert traffic_of(analysis, "present").write_bytes == (ALL,)


def test_repeated_heads_of_an_int8_cache_are_int8(tmp_path: Path) -> None:
    """Grouped queries: 2 heads of keys, each read by 4 heads of queries."""
    text = """
        d = DequantizeLinear (past, s, z)
        u = Unsqueeze (d, two)
        e = Expand (u, wide)
        k = Reshape (e, heads)
        kt = Transpose <perm = [0, 1, 3, 2]> (k)
        a = MatMul (q, kt)
    """
    inputs = HEADS | {"past": (T.INT8, (1, 2, 128, 64))}
    del inputs["new"]
    values = {"two": [2], "wide": [1, 2, 4, 128, 64], "heads": [1, 8, 128, 64]}
    analysis = analysed(tmp_path, text, inputs, SCALE, values=values)
    assert traffic_of(analysis, "e").read_bytes[0] == ALL // 4
    assert traffic_of(analysis, "e").write_bytes == (ALL,)
    assert traffic_of(analysis, "a").read_bytes == (ROWS * 4, ALL + 5)


def test_an_op_that_reads_the_cache_in_floating_point_keeps_it_so(tmp_path: Path) -> None:
    analysis = analysed(tmp_path, CACHE + "r = Relu (k)", HEADS, SCALE)
    assert traffic_of(analysis, "pd").naive_bytes == 8 * 127 * 64 * 5 + 5
    assert traffic_of(analysis, "k").write_bytes == (4 * ALL,)
    assert traffic_of(analysis, "a").read_bytes == (ROWS * 4, 4 * ALL)


def test_pieces_of_two_widths_are_joined_in_floating_point(tmp_path: Path) -> None:
    text = CACHE.replace("nq = QuantizeLinear (new, s, z)", "nq = QuantizeLinear (new, s, z16)")
    text = text.replace("(nq, s, z)", "(nq, s, z16)")
    analysis = analysed(tmp_path, text, HEADS, SCALE | {"z16": (T.INT16, ())})
    assert traffic_of(analysis, "k").write_bytes == (4 * ALL,)


# The products that read a weight of 64 x 64 (or as said) at its stored width, with the bytes of everything else.
PRODUCTS = {
    "FusedMatMul": ("y = com.microsoft.FusedMatMul <transB = 1> (x, d)", X, (64, 64), 2048),
    "Gemm": ("y = Gemm <transB = 1> (x, d)", X, (64, 64), 2048),
    "Einsum": ('y = Einsum <equation = "ij,kj->ik"> (x, d)', X, (64, 64), 2048),
    # x [1, 8, 8, 8] and as many results; 8 x 8 x 3 x 3 weights
    "Conv": ("y = Conv <pads = [1, 1, 1, 1]> (x, d)", {"x": (T.FLOAT, (1, 8, 8, 8))}, (8, 8, 3, 3), 4096),
    "ConvTranspose": (
        "y = ConvTranspose <pads = [1, 1, 1, 1]> (x, d)",
        {"x": (T.FLOAT, (1, 8, 8, 8))},
        (8, 8, 3, 3),
        4096,
    ),
    "depthwise": (
        "y = Conv <pads = [1, 1, 1, 1], group = 8> (x, d)",
        {"x": (T.FLOAT, (1, 8, 8, 8))},
        (8, 1, 3, 3),
        4096,
    ),
    "Conv 1D": ("y = Conv <pads = [1, 1]> (x, d)", {"x": (T.FLOAT, (1, 8, 64))}, (8, 8, 3), 4096),
    "FusedConv": (
        'y = com.microsoft.FusedConv <pads = [1, 1, 1, 1], activation = "Relu"> (x, d)',
        {"x": (T.FLOAT, (1, 8, 8, 8))},
        (8, 8, 3, 3),
        4096,
    ),
    # Besides the weight: x of 5 x 16 elements, the recurrent weights, and as large a result.
    "LSTM": (
        "y = LSTM <hidden_size = 16> (x, d, r)",
        {"x": (T.FLOAT, (5, 1, 16)), "r": (T.FLOAT, (1, 64, 16))},
        (1, 64, 16),
        320 + 4096 + 320,
    ),
    "GRU": (
        "y = GRU <hidden_size = 16> (x, d, r)",
        {"x": (T.FLOAT, (5, 1, 16)), "r": (T.FLOAT, (1, 48, 16))},
        (1, 48, 16),
        320 + 3072 + 320,
    ),
    "RNN": (
        "y = RNN <hidden_size = 16> (x, d, r)",
        {"x": (T.FLOAT, (5, 1, 16)), "r": (T.FLOAT, (1, 16, 16))},
        (1, 16, 16),
        320 + 1024 + 320,
    ),
    # Q [1, 8, 1, 64] and V [1, 8, 128, 64] in float32, K as the weight
    "Attention": (
        "y = Attention (x, d, v)",
        {"x": (T.FLOAT, (1, 8, 1, 64)), "v": (T.FLOAT, (1, 8, 128, 64))},
        (1, 8, 128, 64),
        2048 + 262144 + 2048,
    ),
    # Besides the keys: 4 x 64 queries, the values, and as many results as queries.
    "MultiHeadAttention": (
        "y = com.microsoft.MultiHeadAttention <num_heads = 4> (x, d, v)",
        {"x": (T.FLOAT, (1, 4, 64)), "v": (T.FLOAT, (1, 16, 64))},
        (1, 16, 64),
        1024 + 4096 + 1024,
    ),
    # Besides the weights: an input of 4 x 64, the bias, and as large a result.
    "contrib Attention": (
        "y = com.microsoft.Attention <num_heads = 4> (x, d, b)",
        {"x": (T.FLOAT, (1, 4, 64)), "b": (T.FLOAT, (192,))},
        (64, 192),
        1024 + 768 + 1024,
    ),
}


@pytest.mark.parametrize("name", PRODUCTS)
def test_every_product_reads_the_stored_width(name: str, tmp_path: Path) -> None:
    product, inputs, shape, rest = PRODUCTS[name]
    elements = 1
    for dim in shape:
        elements *= dim
    plain = analysed(tmp_path, product, {**inputs, "d": (T.FLOAT, shape)}, {})
    analysis = analysed(tmp_path, DQ + product, inputs, W | {"w": (T.INT8, shape)})
    assert plain.summary.naive_bytes == rest + 4 * elements
    assert analysis.summary.naive_bytes == rest + elements + 5
    assert analysis.summary.counts.macs == plain.summary.counts.macs
    # As the float op, and a multiplication for each weight.
    assert analysis.summary.counts.flops == plain.summary.counts.flops + elements


def loop(trips: int) -> onnx.NodeProto:
    infos = [helper.make_tensor_value_info(name, kind, shape)
             for name, kind, shape in (("i", T.INT64, []), ("c", T.BOOL, []), ("h", T.FLOAT, [4, 64]))]  # fmt: skip
    nodes = [helper.make_node("MatMul", ["h", "t"], ["h2"]), helper.make_node("Identity", ["c"], ["c2"])]
    ends = [helper.make_tensor_value_info("c2", T.BOOL, []), helper.make_tensor_value_info("h2", T.FLOAT, [4, 64])]
    body = helper.make_graph(nodes, "body", infos, ends)
    return helper.make_node("Loop", [f"trips{trips}", "", "x"], ["y"], body=body)


@pytest.mark.parametrize("trips", [1, 5])
def test_a_product_in_a_loop_reads_the_stored_weight_at_every_trip(trips: int, tmp_path: Path) -> None:
    """The dequantisation stands outside and is counted once, as if it ran there."""
    text = DQ + "t = Transpose <perm = [1, 0]> (d)"
    analysis = analysed(tmp_path, text, X, W, bodies=[loop(trips)], values={f"trips{trips}": [trips]})
    assert analysis.summary.naive_bytes == trips * ALONE
    assert analysis.summary.counts.macs == trips * PRODUCT
    assert analysis.summary.counts.muls == 4096


@pytest.mark.parametrize("scaled", [False, True])
def test_a_product_in_a_loop_takes_the_time_to_restore_its_weight(scaled: bool, tmp_path: Path) -> None:
    """At every trip, as it reads the stored weight then; a scale of the weight is part of that."""
    text = DQ + ("t = Mul(d, k)" if scaled else "t = Transpose <perm = [1, 0]> (d)")
    stored = {**W, "k": (T.FLOAT, ())} if scaled else W
    analysis = analysed(tmp_path, text, X, stored, bodies=[loop(5)], values={"trips5": [5]})
    key = key_of(analysis, "h2")
    work = analysis.model.column(KernelWork)[key]
    # The product, a multiplication for each weight, and one more where it is scaled.
    assert work.total_operations == 2 * PRODUCT + (2 if scaled else 1) * 4096
    roof = analysis.model.column(Roofline)[key].devices["teaching-gpu"]
    assert roof.compute_time_s == work.total_operations / 200e12


@pytest.mark.parametrize("taken", ["then", "else"])
def test_a_product_in_a_branch_reads_the_stored_weight(taken: str, tmp_path: Path) -> None:
    made = helper.make_tensor_value_info("p", T.FLOAT, [4, 64])
    body = helper.make_graph([helper.make_node("MatMul", ["x", "d"], ["p"])], "a", [], [made])
    made = helper.make_tensor_value_info("q", T.FLOAT, [4, 64])
    other = helper.make_graph([helper.make_node("Identity", ["x"], ["q"])], "b", [], [made])
    branches = (body, other) if taken == "then" else (other, body)
    node = helper.make_node("If", ["flag"], ["y"], then_branch=branches[0], else_branch=branches[1])
    analysis = analysed(tmp_path, DQ, {**X, "flag": (T.BOOL, ())}, W, bodies=[node])
    # The costlier branch is taken where nobody says which.
    assert analysis.summary.naive_bytes == ALONE
    assert analysis.summary.counts.muls == 4096


def test_a_product_in_a_scan_reads_the_stored_weight(tmp_path: Path) -> None:
    infos = [helper.make_tensor_value_info("one", T.FLOAT, [4, 64])]
    made = [helper.make_tensor_value_info("p", T.FLOAT, [4, 64])]
    body = helper.make_graph([helper.make_node("MatMul", ["one", "d"], ["p"])], "body", infos, made)
    node = helper.make_node("Scan", ["xs"], ["y"], body=body, num_scan_inputs=1)
    analysis = analysed(tmp_path, DQ, {"xs": (T.FLOAT, (3, 4, 64))}, W, bodies=[node])
    assert analysis.summary.naive_bytes == 3 * ALONE
    assert analysis.summary.counts.muls == 4096


# An activation, quantised and dequantised, in front of the op: 1024 + 5 read and 256 written, then 256 + 5 read.
QDQ = "xq = QuantizeLinear (x, s, z)\nxd = DequantizeLinear (xq, s, z)\n"
Q_BYTES = 1024 + 5 + 256


@pytest.mark.parametrize(
    ("op", "dtype"),
    [("MatMul (xd, d)", "int8"), ("Gemm (xd, d)", "int8"), ("com.microsoft.FusedMatMul (xd, d)", "float32"),
     ('Einsum <equation = "ij,jk->ik"> (xd, d)', "float32")],
)  # fmt: skip
def test_a_product_without_a_quantised_result(op: str, dtype: str, tmp_path: Path) -> None:
    """onnxruntime has MatMulIntegerToFloat, and QGemm with a result in floating point, and no other such kernel."""
    analysis = analysed(tmp_path, f"{QDQ}{DQ}y = {op}", X, W)
    assert work_of(analysis, "y").compute_dtype == dtype
    assert analysis.summary.naive_bytes == Q_BYTES + 261 + 4101 + 1024
    # x is quantised: 256 divs, 512 compares; x and the weight are dequantised: 256 + 4096 muls.
    counts = analysis.summary.counts
    assert (counts.divs, counts.compares, counts.muls, counts.macs) == (256, 512, 4352, PRODUCT)


@pytest.mark.parametrize(("kind", "dtype"), [(T.INT8, "int8"), (T.INT16, "float32"), (T.FLOAT8E4M3FN, "float8e4m3fn")])
def test_a_convolution_multiplies_quantised_tensors_where_its_result_is_quantised(
    kind: int, dtype: str, tmp_path: Path
) -> None:
    text = """
        xd = DequantizeLinear (x, s)
        d = DequantizeLinear (w, s)
        c = Conv <pads = [1, 1, 1, 1]> (xd, d)
        y = QuantizeLinear (c, s, z)
    """
    width = 2 if kind == T.INT16 else 1
    inputs = {"x": (kind, (1, 8, 8, 8))}
    stored = {"w": (kind, (8, 8, 3, 3)), "s": (T.FLOAT, ()), "z": (kind, ())}
    analysis = analysed(tmp_path, text, inputs, stored)
    assert work_of(analysis, "c").compute_dtype == dtype
    # Both with the scale s, and with the first the zero point of y.
    assert traffic_of(analysis, "c").read_bytes == (512 * width + 4 + width, 576 * width + 4)
    assert traffic_of(analysis, "c").write_bytes == (512 * width,)
    counts = analysis.summary.counts
    # x and w dequantised; the result quantised
    assert (counts.muls, counts.divs, counts.compares) == (512 + 576, 512, 1024)
    # Without a QuantizeLinear behind, the products are those of floats, of operands read as they are stored.
    analysis = analysed(tmp_path, "\n".join(text.strip().splitlines()[:3]), inputs, stored)
    assert work_of(analysis, "c").compute_dtype == "float32"
    assert traffic_of(analysis, "c").read_bytes == (512 * width + 4, 576 * width + 4)
    assert traffic_of(analysis, "c").write_bytes == (2048,)


@pytest.mark.parametrize(
    ("behind", "dtype"),
    [
        ("e = Relu (c)", "int8"),
        ("e = Clip (c, low)", "int8"),
        ("r = Add (c, v)\ne = Relu (r)", "int8"),
        ("e = MaxPool <kernel_shape = [2, 2]> (c)", "float32"),  # windows of other sizes are no epilogue
        ("e = Relu (c)\nf = Neg (e)", "float32"),  # two readers
        ("e = Softmax (c)", "float32"),
    ],
)
def test_a_convolution_multiplies_quantised_tensors_where_its_epilogue_is_quantised(
    behind: str, dtype: str, tmp_path: Path
) -> None:
    """Conv, Relu, QuantizeLinear, as TensorRT's quantiser exports: one int8 kernel that clips its sums."""
    text = f"""
        xd = DequantizeLinear (x, s)
        d = DequantizeLinear (w, s)
        c = Conv <pads = [1, 1, 1, 1]> (xd, d)
        {behind}
        y = QuantizeLinear (e, s, z)
    """
    inputs = {"x": (T.INT8, (1, 8, 8, 8)), "v": (T.FLOAT, (1, 8, 8, 8))}
    stored = {"w": (T.INT8, (8, 8, 3, 3)), "s": (T.FLOAT, ()), "z": (T.INT8, ()), "low": (T.FLOAT, ())}
    analysis = analysed(tmp_path, text, inputs, stored)
    assert work_of(analysis, "c").compute_dtype == dtype
    assert traffic_of(analysis, "c").read_bytes == (512 + 4, 576 + 4)
    # onnxruntime's QLinearConv takes a QuantizeLinear right behind it alone.
    analysis = analysed(tmp_path, text, inputs, stored, backend="ort")
    assert work_of(analysis, "c").compute_dtype == "float32"


@pytest.mark.parametrize("op", ["Relu (xd)", "Add (xd, xd)", "GlobalAveragePool (xd)", "Sigmoid (xd)"])
def test_arithmetic_without_a_quantizelinear_behind_is_that_of_floats(op: str, tmp_path: Path) -> None:
    inputs = {"x": (T.INT8, (1, 8, 8, 8))}
    text = f"xd = DequantizeLinear (x, s, z)\na = {op}"
    analysis = analysed(tmp_path, text, inputs, SCALE)
    assert traffic_of(analysis, "xd").naive_bytes == 512 + 5 + 2048
    assert traffic_of(analysis, "a").read_bytes[0] == 2048
    analysis = analysed(tmp_path, text + "\ny = QuantizeLinear (a, s, z)", inputs, SCALE)
    assert work_of(analysis, "a").compute_dtype == "int8"
    assert traffic_of(analysis, "xd").naive_bytes == 0
    assert traffic_of(analysis, "a").read_bytes[0] == 512 + 5


@pytest.mark.parametrize(
    ("op", "written"),
    [
        ("Reshape (d, flat)", 0),
        ("Transpose <perm = [1, 0]> (d)", 16384),
        ("Expand (d, twice)", 32768),
        ("Pad (d, pads)", 18432),
    ],
)
def test_a_move_with_a_reader_in_floating_point_moves_floats(op: str, written: int, tmp_path: Path) -> None:
    values = {"flat": [4096], "twice": [2, 64, 64], "pads": [0, 0, 8, 0]}
    analysis = analysed(tmp_path, f"{DQ}y = {op}", {"w": (T.INT8, (64, 64))}, SCALE, values=values)
    assert traffic_of(analysis, "d").naive_bytes == 4101 + 16384
    assert traffic_of(analysis, "y").write_bytes == (written,)
    assert work_of(analysis, "d").counts.muls == 4096  # type: ignore[union-attr]


def test_an_embedding_is_dequantised_as_it_is_picked(tmp_path: Path) -> None:
    """Three of 64 rows: a byte an element read, four written; blocks of scales in proportion."""
    inputs = {"ids": (T.INT64, (3,))}
    text = DQ + "y = Gather (d, ids)"
    analysis = analysed(tmp_path, text, inputs, W)
    assert traffic_of(analysis, "y").read_bytes == (192 + 5, 24)
    assert traffic_of(analysis, "y").write_bytes == (768,)
    stored = {"w": (T.INT4, (64, 64)), "s": (T.FLOAT, (64, 2))}
    text = "d = DequantizeLinear <axis = 1, block_size = 32> (w, s)\nt = Gather (d, ids)\ny = MatMul (t, x)"
    analysis = analysed(tmp_path, text, {**inputs, "x": (T.FLOAT, (64, 4))}, stored)
    # 3 x 64 int4, moved as such; the product reads them with the 3 x 2 scales of their rows.
    assert traffic_of(analysis, "t").naive_bytes == 96 + 24 + 96
    assert traffic_of(analysis, "y").read_bytes == (96 + 24, 1024)


def test_scales_of_scales_behind_a_cast(tmp_path: Path) -> None:
    """NVFP4 as an exporter writes it: the scales of blocks in FP8, cast on their way."""
    text = """
        sd = DequantizeLinear (ws, g)
        sc = Cast <to = 10> (sd)
        d = DequantizeLinear <axis = -1, block_size = 16> (w, sc)
        dc = Cast <to = 1> (d)
        t = Transpose <perm = [1, 0]> (dc)
        y = MatMul (x, t)
    """
    stored = {"w": (T.FLOAT4E2M1, (64, 64)), "ws": (T.FLOAT8E4M3FN, (64, 4)), "g": (T.FLOAT, ())}
    analysis = analysed(tmp_path, text, X, stored)
    assert analysis.summary.naive_bytes == 1024 + 2048 + 256 + 4 + 1024
    assert analysis.summary.counts.muls == 4096 + 256


def test_scales_of_scales_in_front_of_a_float_op(tmp_path: Path) -> None:
    stored = {"w": (T.INT8, (64, 64)), "ws": (T.UINT8, (64,)), "g": (T.FLOAT, ())}
    text = "sd = DequantizeLinear (ws, g)\nd = DequantizeLinear <axis = 0> (w, sd)\ny = Relu (d)"
    analysis = analysed(tmp_path, text, {}, stored)
    assert traffic_of(analysis, "d").read_bytes == (4096, 64 + 4)
    assert traffic_of(analysis, "d").write_bytes == (16384,)
    assert work_of(analysis, "d").counts.muls == 4096 + 64  # type: ignore[union-attr]


def test_a_weight_that_two_products_read_is_dequantised_once_and_is_in_both(tmp_path: Path) -> None:
    text = DQ + "a = MatMul (x, d)\nb = Gemm <transB = 1> (x, d)"
    analysis = analysed(tmp_path, text, X, W)
    assert analysis.summary.naive_bytes == 2 * ALONE
    assert analysis.summary.counts.muls == 4096
    assert analysis.summary.parameters == 4096 + 2
    document = {name: key_of(analysis, name) for name in ("a", "b")}
    from onnx_roofline.analysis.weights import find_weights

    weights = find_weights(analysis.model)
    assert weights.of([document["a"]]).parameters >= 4096
    assert weights.of([document["b"]]).parameters >= 4096


def test_a_float_reader_beside_a_product_keeps_the_float_tensor(tmp_path: Path) -> None:
    analysis = analysed(tmp_path, DQ + "y = MatMul (x, d)\nr = Relu (d)", X, W)
    assert traffic_of(analysis, "d").naive_bytes == 4101 + 16384
    assert traffic_of(analysis, "y").read_bytes == (1024, 4101)
    assert work_of(analysis, "d").counts.muls == 4096  # type: ignore[union-attr]
    assert analysis.summary.counts.muls == 4096


@pytest.mark.parametrize(
    ("between", "folds"),
    [("t = Reshape (d, square)", False), ("u = Unsqueeze (d, axis)\nt = Squeeze (u, axis)", False),
     ("t = Slice (d, begin, end)", False), ("t = Gather (d, square_ids)", False), ("t = Mul (d, lone)", False),
     ("t = Cast <to = 1> (d)", False), ("t = Transpose <perm = [1, 0]> (d)", True)],
)  # fmt: skip
def test_onnxruntime_folds_transposes_alone(between: str, folds: bool, tmp_path: Path) -> None:
    """As onnxruntime 1.32 wrote these graphs: DequantizeLinear stays in front of all but the Transpose."""
    stored = W | {"lone": (T.FLOAT, ())}
    text = f"{DQ}{between}\ny = MatMul (x, t)"
    analysis = analysed(tmp_path, text, X, stored, values=VALUES, backend="ort")
    assert (traffic_of(analysis, "y").read_bytes == (1024, 4101)) is folds
    assert (traffic_of(analysis, "d").naive_bytes == 4101 + 16384) is not folds
    codes = [notice.code for notice in analysis.model.warnings]
    assert ("dequantized-operand" in codes) is not folds
    if not folds:
        assert traffic_of(analysis, "y").read_bytes == (1024, 16384)
        assert "in floating point" in work_of(analysis, "y").note


def test_onnxruntime_leaves_a_dequantized_weight_of_a_convolution(tmp_path: Path) -> None:
    product, inputs, shape, rest = PRODUCTS["Conv"]
    analysis = analysed(tmp_path, DQ + product, inputs, W | {"w": (T.INT8, shape)}, backend="ort")
    # 576 int8 become 576 float32, which the convolution reads.
    assert analysis.summary.naive_bytes == rest + (576 + 5 + 2304) + 2304
    (notice,) = (one for one in analysis.model.warnings if one.code == "dequantized-operand")
    assert "float tensor is written and read" in notice.message


# (axis and block size, shape of the scales, what selects, {result: bytes read of the piece and of its scales})
PIECES = {
    # 2 of 6 rows of 8: 16 B, and one scale each
    "rows of their own scale": ("axis = 0", (6,), "y = Gather <axis = 0> (d, i)", {"y": 16 + 8}),
    # 2 of 8 columns of 6: 12 B, and one scale each
    "columns of their own scale": ("axis = 1", (8,), "y = Gather <axis = 1> (d, i)", {"y": 12 + 8}),
    # the columns need the scales of all rows
    "columns of rows with scales": ("axis = 0", (6,), "y = Gather <axis = 1> (d, i)", {"y": 12 + 24}),
    # 2 rows of 2 blocks
    "rows of blocks": ("axis = 1, block_size = 4", (6, 2), "y = Gather <axis = 0> (d, i)", {"y": 16 + 16}),
    # 2 indices can't need more than the 2 blocks of each of 6 rows
    "columns of blocks": ("axis = 1, block_size = 4", (6, 2), "y = Gather <axis = 1> (d, i)", {"y": 12 + 48}),
    # 2 of the rows, which are columns now
    "behind a Transpose": ("axis = 0", (6,), "t = Transpose (d)\ny = Gather <axis = 1> (t, i)", {"y": 16 + 8}),
    # [6, 8] as [6, 2, 4]: the rows are still there
    "behind a Reshape": ("axis = 0", (6,), "t = Reshape (d, sh)\ny = Gather <axis = 0> (t, i)", {"y": 16 + 8}),
    # [6, 8] as [6, 2, 4]: a scale of 8 columns lies along parts of two axes, so that all are read
    "columns cut in two": ("axis = 1", (8,), "t = Reshape (d, sh)\ny = Gather <axis = 0> (t, i)", {"y": 16 + 32}),
    # 48 B in two halves of 4 columns, each with the scales of its own
    "halves": (
        "axis = 1", (8,), "a, b = Split <axis = 1, num_outputs = 2> (d)\nq = MatMul (x, a)\ny = MatMul (x, b)",
        {"q": 24 + 16, "y": 24 + 16},
    ),
    "halves of blocks": (
        "axis = 1, block_size = 4", (6, 2),
        "a, b = Split <axis = 1, num_outputs = 2> (d)\nq = MatMul (x, a)\ny = MatMul (x, b)",
        {"q": 24 + 24, "y": 24 + 24},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", PIECES)
def test_a_piece_is_restored_by_its_own_scales(case: str, tmp_path: Path) -> None:
    """int8 [6, 8] and float32 scales; a product reads the piece as its second operand."""
    where, scales, ops, wanted = PIECES[case]
    analysis = analysed(
        tmp_path, f"d = DequantizeLinear <{where}> (w, s)\n{ops}", {"x": (T.FLOAT, (3, 6)), "i": (T.INT64, (2,))},
        {"w": (T.INT8, (6, 8)), "s": (T.FLOAT, scales)}, values={"sh": (6, 2, 4)},
    )  # fmt: skip
    read = {name: traffic_of(analysis, name).read_bytes for name in wanted}
    assert {name: sizes["MatMul" in ops] for name, sizes in read.items()} == wanted


@pytest.mark.parametrize(
    ("scale", "more"),
    [("s, z", 0), ("t, z", 4), ("s, u", 1), ("t, u", 5)],
)
def test_what_quantises_a_result_is_read_too(scale: str, more: int, tmp_path: Path) -> None:
    """256 int8 values with s and z, 5 B; the result's scale and zero point besides, unless they are the same."""
    text = f"""
        d = DequantizeLinear (x, s, z)
        m = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (d)
        y = QuantizeLinear (m, {scale})
    """
    stored = {"s": (T.FLOAT, ()), "t": (T.FLOAT, ()), "z": (T.INT8, ()), "u": (T.INT8, ())}
    analysis = analysed(tmp_path, text, {"x": (T.INT8, (1, 4, 8, 8))}, stored)
    assert analysis.summary.naive_bytes == 256 + 5 + more + 64
