"""Parameters are logical elements at any packing, weight bytes what is stored, and every stored operand of arithmetic
is a weight. Expected values are written out.
"""

import csv
import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper, parser
from onnx.tools.replace_constants import replace_initializer_by_constant_of_shape

from onnx_roofline.analysis.analyze import Analysis, analyze
from onnx_roofline.analysis.weights import Held
from onnx_roofline.ir.records import TypedOp
from onnx_roofline.report.csv_table import write_csv
from onnx_roofline.report.modules import merge_modules

FLOAT, MS = TensorProto.FLOAT, "com.microsoft"
SAMPLES = Path(__file__).parents[2] / "sample_models"


def stored(name: str, shape: tuple[int, ...], dtype: str = "float32") -> TensorProto:
    return numpy_helper.from_array(np.ones(shape, dtype), name)


def analysed(
    tmp_path: Path, nodes: list[onnx.NodeProto], x: tuple[int, ...], weights: list[TensorProto], dtype: int = FLOAT
) -> Analysis:
    """A model of one input `x` and one output `y`."""
    inputs = [helper.make_tensor_value_info("x", dtype, x)]
    graph = helper.make_graph(nodes, "g", inputs, [helper.make_empty_tensor_value_info("y")], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21), helper.make_opsetid(MS, 1)])
    path = tmp_path / "m.onnx"
    path.write_bytes(model.SerializeToString())
    return analyze(path)


def of_text(tmp_path: Path, text: str, *weights: TensorProto) -> Analysis:
    """A model as text whose inputs named as the weights are stored."""
    model = parser.parse_model(text)
    kept = [one for one in model.graph.input if one.name not in {weight.name for weight in weights}]
    del model.graph.input[:]
    model.graph.input.extend(kept)
    model.graph.initializer.extend(weights)
    path = tmp_path / "m.onnx"
    onnx.save(model, path)
    return analyze(path)


def total(analysis: Analysis) -> tuple[int, int | None]:
    return analysis.summary.parameters, analysis.summary.weight_bytes


def by_op(analysis: Analysis) -> dict[str, tuple[int, int | None]]:
    """Parameters and bytes of every row that has any."""
    held = {key: analysis.summary.weights.of((key,)) for key in analysis.model.column(TypedOp)}
    return {key: (one.parameters, one.weight_bytes) for key, one in held.items() if one.parameters}


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_blocks_of_a_packed_product_count_what_they_hold(tmp_path: Path, bits: int) -> None:
    """N 24, K 96 in 3 blocks of 32: scales and zero points [24, 3], the latter ceil(3 bits / 8) bytes a row."""
    node = helper.make_node("MatMulNBits", ["x", "w", "s", "z"], ["y"], domain=MS, N=24, K=96, bits=bits, block_size=32)
    zero_bytes = -(-3 * bits // 8)
    weights = [stored("w", (24, 3, 4 * bits), "uint8"), stored("s", (24, 3)), stored("z", (24, zero_bytes), "uint8")]
    found = analysed(tmp_path, [node], (5, 96), weights)
    assert total(found) == (24 * 96 + 72 + 72, 24 * 12 * bits + 72 * 4 + 24 * zero_bytes)
    assert by_op(found) == {"0:MatMulNBits": total(found)}


def test_experts_and_a_packed_table(tmp_path: Path) -> None:
    """4 experts of [16, 8] and [8, 16] in 4 bits with a scale a row; a table of 100 rows of 32 with 2 blocks each."""
    experts = helper.make_node("QMoE", ["x", "r", "w1", "s1", "", "w2", "s2"], ["y"], domain=MS, k=1,
                               expert_weight_bits=4, activation_type="relu")  # fmt: skip
    weights = [stored("r", (3, 4)), stored("w1", (4, 16, 4), "uint8"), stored("s1", (4, 16)),
               stored("w2", (4, 8, 8), "uint8"), stored("s2", (4, 8))]  # fmt: skip
    found = analysed(tmp_path, [experts], (3, 8), weights)
    assert total(found) == (12 + 512 + 64 + 512 + 32, 48 + 256 + 256 + 256 + 128)
    table = helper.make_node("GatherBlockQuantized", ["t", "x", "s"], ["y"], domain=MS, bits=4, block_size=16,
                             quantize_axis=1)  # fmt: skip
    weights = [stored("t", (100, 16), "uint8"), stored("s", (100, 2))]
    found = analysed(tmp_path, [table], (3,), weights, TensorProto.INT64)
    assert total(found) == (100 * 32 + 200, 1600 + 800)


def test_a_double_quantised_product(tmp_path: Path) -> None:
    """bitsandbytes: N 8, K 32 in 4 bits, one absolute maximum for each 64 weights."""
    node = helper.make_node("MatMulBnb4", ["x", "w", "s"], ["y"], domain=MS, N=8, K=32, block_size=64, quant_type=1)
    found = analysed(tmp_path, [node], (1, 32), [stored("w", (128,), "uint8"), stored("s", (4,))])
    assert total(found) == (256 + 4, 128 + 16)


def test_an_int32_bias_and_the_scales_are_weights(tmp_path: Path) -> None:
    """QLinearConv 3 -> 4, kernel 3 x 3: 108 weights, 4 biases in int32, three scales and three zero points."""
    names = ["x", "sx", "zx", "w", "sw", "zw", "sy", "zy", "b"]
    weights = [stored(name, ()) for name in ("sx", "sw", "sy")]
    weights += [stored(name, (), "uint8") for name in ("zx", "zw", "zy")]
    weights += [stored("w", (4, 3, 3, 3), "uint8"), stored("b", (4,), "int32")]
    node = helper.make_node("QLinearConv", names, ["y"])
    found = analysed(tmp_path, [node], (1, 3, 8, 8), weights, TensorProto.UINT8)
    assert total(found) == (108 + 4 + 3 + 3, 108 + 16 + 12 + 3)


def test_integers_behind_a_cast_are_weights_and_shapes_are_not(tmp_path: Path) -> None:
    """int16 [8, 4], cast and scaled before the product; the shape, the indices and the literal are none."""
    nodes = [
        helper.make_node("Cast", ["w"], ["f"], to=FLOAT),
        helper.make_node("Mul", ["f", "s"], ["d"]),
        helper.make_node("Gather", ["x", "i"], ["g"], axis=1),
        helper.make_node("Reshape", ["g", "shape"], ["r"]),
        helper.make_node("MatMul", ["r", "d"], ["m"]),
        helper.make_node("Add", ["m", "half"], ["y"]),
    ]
    weights = [stored("w", (8, 4), "int16"), stored("s", (1, 4)), stored("half", ()), stored("i", (8,), "int64"),
               numpy_helper.from_array(np.array([5, 8]), "shape")]  # fmt: skip
    found = analysed(tmp_path, nodes, (5, 9), weights)
    assert by_op(found) == {"4:MatMul": (32 + 4, 64 + 16)}
    assert total(found) == (36, 80)


@pytest.mark.parametrize("op_type", ["Mul", "Div", "Add", "Sub", "Pow"])
@pytest.mark.parametrize(("shape", "held"), [((), (0, 0)), ((1,), (1, 4)), ((1, 5), (5, 20))])
def test_a_scalar_of_arithmetic_is_a_literal(
    op_type: str, shape: tuple[int, ...], held: tuple[int, int], tmp_path: Path
) -> None:
    found = analysed(tmp_path, [helper.make_node(op_type, ["x", "s"], ["y"])], (4, 5), [stored("s", shape)])
    assert total(found) == held


def test_the_scale_of_a_quantiser_is_a_weight_though_it_is_a_scalar(tmp_path: Path) -> None:
    node = helper.make_node("DequantizeLinear", ["x", "s", "z"], ["y"])
    found = analysed(tmp_path, [node], (4,), [stored("s", ()), stored("z", (), "uint8")], TensorProto.UINT8)
    assert total(found) == (2, 4 + 1)


def test_a_wide_integer_table_is_looked_up_before_it_is_dequantised(tmp_path: Path) -> None:
    """int16 [100, 8]: the table belongs to the op that reads it, the scale to the one that computes."""
    nodes = [helper.make_node("Gather", ["t", "x"], ["g"]), helper.make_node("DequantizeLinear", ["g", "s"], ["y"])]
    weights = [stored("t", (100, 8), "int16"), stored("s", ())]
    found = analysed(tmp_path, nodes, (3,), weights, TensorProto.INT64)
    assert by_op(found) == {"0:Gather": (800, 1600), "1:DequantizeLinear": (1, 4)}


def test_what_no_file_stores_is_no_weight(tmp_path: Path) -> None:
    """Zeros that rows are added into, on a stored filter's way and behind a product, and the state of an LSTM."""
    text = """<ir_version: 8, opset_import: ["": 18]>
    g (float[5, 2, 8] x, float[40] some, int64[40] where, float[1, 16, 8] w, float[1, 16, 4] r, int64[3, 4] at)
      => (float[5, 8, 2] y, float[3, 4] z) {
        size = Constant <value_ints = [64]> ()    zeros = ConstantOfShape (size)
        flat = ScatterElements (zeros, where, some)
        eight = Constant <value_ints = [8, 8]> ()    filter = Reshape (flat, eight)
        filtered = MatMul (x, filter)
        state = Constant <value_ints = [1, 2, 4]> ()    start = ConstantOfShape (state)
        h, last = LSTM <hidden_size = 4> (filtered, w, r, , , start, start)
        y = Transpose <perm = [0, 2, 1]> (filtered)
        table = Constant <value_ints = [3, 4]> ()    sums = ConstantOfShape (table)
        one = Constant <value_ints = [0]> ()    row = Squeeze (last, one)    more = Concat <axis = 0> (row, row, row)
        two = Constant <value_ints = [3]> ()    zero = Constant <value_ints = [0]> ()
        head = Slice (more, zero, two, zero)    z = ScatterElements <axis = 0, reduction = "add"> (sums, at, head)
    }"""
    weights = [stored("some", (40,)), stored("where", (40,), "int64"), stored("w", (1, 16, 8)),
               stored("r", (1, 16, 4)), stored("at", (3, 4), "int64")]  # fmt: skip
    found = of_text(tmp_path, text, *weights)
    products = {row.op.op_type: key for key, row in found.model.column(TypedOp).items()}
    # 40 stored values of the filter's 64; W [1, 16, 8] and R [1, 16, 4]
    assert by_op(found) == {products["MatMul"]: (40, 160), products["LSTM"]: (128 + 64, 768)}
    assert total(found) == (232, 928)


def test_stored_rows_that_others_are_added_into_are_a_buffer(tmp_path: Path) -> None:
    scattered = helper.make_node("ScatterElements", ["zeros", "i", "x"], ["s"], reduction="add")
    weights = [stored("zeros", (9, 4)), stored("i", (5, 4), "int64"), stored("w", (4, 6))]
    found = analysed(tmp_path, [scattered, helper.make_node("MatMul", ["s", "w"], ["y"])], (5, 4), weights)
    assert by_op(found) == {"1:MatMul": (24, 96)}
    assert total(found) == (24, 96)


def test_a_fill_in_place_of_a_weight_is_one(tmp_path: Path) -> None:
    proto = helper.make_model(
        helper.make_graph(
            [helper.make_node("MatMul", ["x", "w"], ["y"])], "g",
            [helper.make_tensor_value_info("x", FLOAT, [5, 32])], [helper.make_tensor_value_info("y", FLOAT, [5, 16])],
            [stored("w", (32, 16))],
        )
    )  # fmt: skip
    path = tmp_path / "m.onnx"
    onnx.save(replace_initializer_by_constant_of_shape(proto), path)
    assert total(analyze(path)) == (512, 2048)


def test_a_folded_weight_is_the_products(tmp_path: Path) -> None:
    nodes = [helper.make_node("DequantizeLinear", ["w", "s"], ["d"], axis=0),
             helper.make_node("MatMul", ["x", "d"], ["y"])]  # fmt: skip
    weights = [helper.make_tensor("w", TensorProto.INT4, [32, 6], bytes(96), raw=True), stored("s", (32,))]
    found = analysed(tmp_path, nodes, (5, 32), weights)
    assert by_op(found) == {"1:MatMul": (32 * 6 + 32, 96 + 128)}


def test_a_shared_weight_is_in_each_op_and_once_in_their_sum(tmp_path: Path) -> None:
    nodes = [helper.make_node("MatMul", ["x", "w"], ["a"], name="/net/first/MatMul"),
             helper.make_node("MatMul", ["a", "w"], ["y"], name="/net/second/MatMul")]  # fmt: skip
    found = analysed(tmp_path, nodes, (5, 8), [stored("w", (8, 8))])
    assert by_op(found) == {"0:MatMul": (64, 256), "1:MatMul": (64, 256)}
    assert total(found) == (64, 256)
    assert [group.parameters for group in found.summary.by_type] == [64]
    modules = found.summary.by_module
    assert sorted((group.name, group.parameters) for group in modules) == [("net/first", 64), ("net/second", 64)]
    (whole,) = merge_modules(modules, 1, found.summary.weights)
    assert (whole.name, whole.parameters, whole.weight_bytes) == ("net", 64, 256)


def test_two_calls_of_one_function_have_a_weight_each(tmp_path: Path) -> None:
    found = of_text(tmp_path, """<ir_version: 10, opset_import: ["": 21, "f": 1]>
        g (float[3, 8] x, float[8, 8] a, float[8, 8] b) => (y)
        { h = f.layer (x, a)  y = f.layer (h, b) }
        <domain: "f", opset_import: ["": 21]>
        layer (x, w) => (y) { t = Transpose <perm = [1, 0]> (w)  m = MatMul (x, t)  y = Relu (m) }""",
        stored("a", (8, 8)), stored("b", (8, 8)))  # fmt: skip
    assert total(found) == (128, 512)
    (row,) = by_op(found).items()
    assert row[0].endswith("MatMul")
    assert row[1] == (128, 512)


def test_weights_of_a_loop_belong_to_the_ops_of_its_body(tmp_path: Path) -> None:
    found = of_text(tmp_path, """<ir_version: 10, opset_import: ["": 21]>
        g (float[3, 8] x, float[8, 8] w) => (y)
        { n = Constant <value_int = 4> ()  yes = Constant <value = bool {1}> ()
          y = Loop (n, yes, x) <body = b (int64 i, bool c, float[3, 8] h) => (bool d, float[3, 8] o)
            { d = Identity (c)  o = MatMul (h, w) }> }""",
        stored("w", (8, 8)))  # fmt: skip
    (row,) = by_op(found).items()
    assert row[0].endswith("body/1:MatMul")
    assert row[1] == total(found) == (64, 256)


def test_the_table_of_ops_has_both_figures(tmp_path: Path) -> None:
    node = helper.make_node("Gemm", ["x", "w", "b"], ["y"])
    found = analysed(tmp_path, [node], (5, 8), [stored("w", (8, 4)), stored("b", (4,))])
    (line,) = csv.DictReader(write_csv(found))
    assert (line["parameters"], line["weight_bytes"]) == (str(32 + 4), str(36 * 4))
    assert found.summary.weights.total == Held(36, 144)


@pytest.mark.parametrize("name", ["gat_cora", "gcn_cora_self_loops", "message_passing"])
def test_a_graph_network_has_the_parameters_that_torch_counts(name: str, analyzed_sample) -> None:
    """The zeros that messages are added into are none of them."""
    reference = json.loads((SAMPLES / "reference.json").read_text("utf-8"))["models"]
    for file in (f"{name}.onnx", f"{name}.torchscript.onnx"):
        if file in reference:
            assert analyzed_sample(file).summary.parameters == reference[file]["parameters"]


def test_every_sample_has_its_weights_in_its_ops(analyzed_sample, sample_names: list[str]) -> None:
    """What the ops read together is the whole model's: no weight is lost on the way to its reader."""
    for name in sample_names:
        weights = analyzed_sample(name).summary.weights
        assert weights.of(weights.by_row) == weights.total, name
