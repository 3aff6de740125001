"""Bytes of each kind of op: what it touches, at the width that is stored. Expected values are written out."""

from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace
from onnx import TensorProto, helper, numpy_helper
from small_models import GPU, analysed, key_of, moved_of, save, traffic_of

from onnx_roofline.analysis.analyze import Analysis, analyze, default_pipeline
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.hardware import load_system
from onnx_roofline.ir.records import Reuse
from onnx_roofline.load import load
from onnx_roofline.report.explain import explain_traffic

FLOAT, HALF, INT8, INT64 = TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.INT8, TensorProto.INT64
SAMPLES = Path(__file__).resolve().parents[2] / "sample_models"


def ints(name: str, *values: int) -> TensorProto:
    return numpy_helper.from_array(np.array(values, np.int64), name)


@pytest.mark.parametrize(
    ("kind", "shape", "attributes", "operand"),
    [
        ("Reshape", (6, 4), {}, ints("s", 6, 4)),
        ("Flatten", (2, 12), {}, None),
        ("Unsqueeze", (1, 2, 3, 4), {}, ints("s", 0)),
        ("Identity", (2, 3, 4), {}, None),
        ("Cast", (2, 3, 4), {"to": FLOAT}, None),
        ("Dropout", (2, 3, 4), {}, None),
    ],
)
def test_views_move_nothing(
    tmp_path: Path, kind: str, shape: tuple[int, ...], attributes: dict[str, int], operand: TensorProto | None
) -> None:
    inputs = ["r", "s"] if operand is not None else ["r"]
    nodes = [
        helper.make_node("Relu", ["x"], ["r"]),
        helper.make_node(kind, inputs, ["v"], **attributes),
        helper.make_node("Sigmoid", ["v"], ["y"]),
    ]
    stored = [operand] if operand is not None else []
    path = save(tmp_path, nodes, {"x": (FLOAT, (2, 3, 4))}, {"y": (FLOAT, shape)}, stored)
    analysis = analysed(path)
    assert traffic_of(analysis, "v").naive_bytes == 0
    assert analysis.summary.naive_bytes == 4 * 24 * 4  # Relu and Sigmoid, each in and out
    # The result of Relu is seen through the view: it is still on chip when Sigmoid reads it, and never written out.
    assert moved_of(analysis, "y").resident_bytes == 24 * 4
    assert moved_of(analysis, "r").resident_bytes == 24 * 4


@pytest.mark.parametrize(
    ("shape", "order", "expected"),
    [
        ((1, 8, 1, 16), (2, 1, 0, 3), 0),  # only the axes of size 1 change place
        ((1, 8, 16), (1, 0, 2), 0),
        ((4, 8, 16), (0, 2, 1), 2 * 4 * 8 * 16 * 4),
        ((1, 8, 16), (2, 0, 1), 2 * 8 * 16 * 4),
    ],
)
def test_transpose(tmp_path: Path, shape: tuple[int, ...], order: tuple[int, ...], expected: int) -> None:
    node = helper.make_node("Transpose", ["x"], ["y"], perm=order)
    result = tuple(shape[axis] for axis in order)
    path = save(tmp_path, [node], {"x": (FLOAT, shape)}, {"y": (FLOAT, result)})
    assert traffic_of(analysed(path), "y").naive_bytes == expected


def test_a_transpose_that_a_product_absorbs_moves_nothing(tmp_path: Path) -> None:
    nodes = [helper.make_node("Transpose", ["k"], ["t"], perm=[0, 2, 1]), helper.make_node("MatMul", ["q", "t"], ["y"])]
    values = {"q": (FLOAT, (2, 16, 8)), "k": (FLOAT, (2, 32, 8))}
    path = save(tmp_path, nodes, values, {"y": (FLOAT, (2, 16, 32))})
    product = 2 * (16 * 8 + 8 * 32 + 16 * 32) * 4
    transposed = 2 * 2 * 32 * 8 * 4
    assert analysed(path).summary.compulsory_bytes == product + transposed
    absorbed = analysed(path, "ort")
    assert absorbed.summary.naive_bytes == product + transposed
    assert absorbed.summary.compulsory_bytes == product
    # The transpose's own read of K is what remains; its result is made and read inside the kernel.
    assert traffic_of(absorbed, "t").compulsory_bytes == 2 * 32 * 8 * 4
    assert {saving.tensor for saving in traffic_of(absorbed, "y").savings} == {"t"}


def test_slice_touches_what_it_takes(tmp_path: Path) -> None:
    node = helper.make_node("Slice", ["x", "from", "to"], ["y"])
    stored = [ints("from", 10), ints("to", 20)]
    path = save(tmp_path, [node], {"x": (FLOAT, (100, 8))}, {"y": (FLOAT, (10, 8))}, stored)
    traffic = traffic_of(analysed(path), "y")
    assert traffic.write_bytes == (10 * 8 * 4,)
    assert traffic.naive_bytes == 2 * 10 * 8 * 4 + 2 * 8  # and the two int64 bounds


def test_split_reads_and_writes_all(tmp_path: Path) -> None:
    node = helper.make_node("Split", ["x"], ["a", "b"], axis=1, num_outputs=2)
    path = save(tmp_path, [node], {"x": (FLOAT, (10, 8))}, {"a": (FLOAT, (10, 4)), "b": (FLOAT, (10, 4))})
    assert traffic_of(analysed(path), "a").naive_bytes == 2 * 10 * 8 * 4


@pytest.mark.parametrize("rows", [1, 3, 64])
def test_gather_never_reads_the_whole_table(tmp_path: Path, rows: int) -> None:
    node = helper.make_node("Gather", ["table", "ids"], ["y"])
    values = {"table": (HALF, (32000, 64)), "ids": (INT64, (rows,))}
    path = save(tmp_path, [node], values, {"y": (HALF, (rows, 64))})
    traffic = traffic_of(analysed(path), "y")
    assert traffic.read_bytes == (rows * 64 * 2, rows * 8)
    assert traffic.naive_bytes == 2 * rows * 64 * 2 + rows * 8


def test_expand_and_a_broadcast_operand_read_their_own_size(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Expand", ["b", "shape"], ["e"]),
        helper.make_node("Add", ["x", "b"], ["y"]),
    ]
    values = {"b": (FLOAT, (1, 8)), "x": (FLOAT, (100, 8))}
    results = {"e": (FLOAT, (100, 8)), "y": (FLOAT, (100, 8))}
    path = save(tmp_path, nodes, values, results, [ints("shape", 100, 8)])
    analysis = analysed(path)
    assert traffic_of(analysis, "e").read_bytes[0] == 8 * 4
    assert traffic_of(analysis, "e").write_bytes == (100 * 8 * 4,)
    assert traffic_of(analysis, "y").naive_bytes == (2 * 100 * 8 + 8) * 4


def test_scatter_copies_and_a_cache_that_stays_does_not(tmp_path: Path) -> None:
    values = {"x": (FLOAT, (100, 8)), "i": (INT64, (2, 1)), "u": (FLOAT, (2, 8))}
    node = helper.make_node("ScatterND", ["x", "i", "u"], ["y"])
    copied = traffic_of(analysed(save(tmp_path, [node], values, {"y": (FLOAT, (100, 8))})), "y")
    assert copied.naive_bytes == 2 * 100 * 8 * 4 + 2 * 8 * 4 + 2 * 8  # data in and out, updates, indices
    values = {"past": (FLOAT, (1, 4, 100, 8)), "new": (FLOAT, (1, 4, 1, 8)), "at": (INT64, (1,))}
    node = helper.make_node("TensorScatter", ["past", "new", "at"], ["y"])
    path = save(tmp_path, [node], values, {"y": (FLOAT, (1, 4, 100, 8))}, opset=24)
    assert traffic_of(analysed(path), "y").naive_bytes == 2 * 4 * 8 * 4 + 8  # the new token in and out, its place


def test_a_cache_that_is_appended_to_is_copied_whole_and_the_report_says_so(tmp_path: Path) -> None:
    node = helper.make_node("Concat", ["past", "new"], ["present"], axis=2)
    values = {"past": (HALF, (1, 4, 1023, 64)), "new": (HALF, (1, 4, 1, 64))}
    path = save(tmp_path, [node], values, {"present": (HALF, (1, 4, 1024, 64))})
    analysis = analysed(path)
    assert traffic_of(analysis, "present").naive_bytes == 2 * 4 * 1024 * 64 * 2
    lines = list(explain_traffic(analysis, key_of(analysis, "present")))
    shared = 2 * 4 * 1023 * 64 * 2  # all of it in and out, but for the new token
    assert f"  note: past and present could share one buffer: {shared:,} B per step" in lines


@pytest.mark.parametrize("output", ["present", "y"])
def test_no_other_concat_is_taken_for_a_cache(tmp_path: Path, output: str) -> None:
    nodes = [helper.make_node("Relu", ["past"], ["r"]), helper.make_node("Concat", ["r", "new"], ["present"], axis=0)]
    nodes += [
        helper.make_node("Concat", ["past", "new"], ["inner"], axis=0),
        helper.make_node("Relu", ["inner"], ["y"]),
    ]
    values = {"past": (FLOAT, (3, 4)), "new": (FLOAT, (1, 4))}
    path = save(tmp_path, nodes, values, {"present": (FLOAT, (4, 4)), "y": (FLOAT, (4, 4))})
    analysis = analysed(path)
    for key in ("present", "inner"):
        assert not any("share one buffer" in line for line in explain_traffic(analysis, key_of(analysis, key)))


@pytest.mark.parametrize("columns", [63, 64])
def test_packed_weights_of_a_weight_only_product(tmp_path: Path, columns: int) -> None:
    """float16 [5, 33] x int4 [33, N], one scale for all: ceil(n / 2) bytes are read, and no wide weight is made."""
    weight = helper.make_tensor("w", TensorProto.INT4, [33, columns], np.zeros((33, columns), np.int8))
    scale = helper.make_tensor("s", HALF, [], [1.0])
    nodes = [helper.make_node("DequantizeLinear", ["w", "s"], ["d"]), helper.make_node("MatMul", ["x", "d"], ["y"])]
    path = save(tmp_path, nodes, {"x": (HALF, (5, 33))}, {"y": (HALF, (5, columns))}, [weight, scale])
    analysis = analysed(path)
    packed = -(-33 * columns // 2)
    assert traffic_of(analysis, "y").read_bytes == (5 * 33 * 2, packed + 2)
    assert analysis.summary.naive_bytes == 5 * 33 * 2 + packed + 2 + 5 * columns * 2
    assert analysis.summary.weight_bytes == packed + 2  # the scale feeds arithmetic too


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_blockwise_weights(tmp_path: Path, bits: int) -> None:
    """MatMulNBits [M, K] x [K, N]: N K bits / 8, a scale and a packed zero point for each block of 32."""
    m, k, n, blocks = 3, 256, 48, 256 // 32
    node = helper.make_node(
        "MatMulNBits", ["a", "b", "s", "z"], ["y"], domain="com.microsoft", K=k, N=n, bits=bits, block_size=32
    )
    zero_points = n * -(-blocks * bits // 8)
    stored = [
        helper.make_tensor("b", TensorProto.UINT8, [n, blocks, 32 * bits // 8], bytes(n * k * bits // 8), raw=True),
        helper.make_tensor("s", HALF, [n * blocks], bytes(2 * n * blocks), raw=True),
        helper.make_tensor("z", TensorProto.UINT8, [zero_points], bytes(zero_points), raw=True),
    ]
    path = save(tmp_path, [node], {"a": (HALF, (m, k))}, {"y": (HALF, (m, n))}, stored)
    traffic = traffic_of(analysed(path), "y")
    assert traffic.read_bytes == (m * k * 2, n * k * bits // 8, n * blocks * 2, zero_points)
    assert traffic.write_bytes == (m * n * 2,)


def test_a_weight_that_two_ops_share_is_stored_once_and_read_twice(tmp_path: Path) -> None:
    weight = helper.make_tensor("w", FLOAT, [8, 8], bytes(8 * 8 * 4), raw=True)
    nodes = [helper.make_node("MatMul", ["x", "w"], ["a"]), helper.make_node("MatMul", ["a", "w"], ["y"])]
    path = save(tmp_path, nodes, {"x": (FLOAT, (2, 8))}, {"y": (FLOAT, (2, 8))}, [weight])
    analysis = analysed(path)
    summary = analysis.summary
    assert (summary.parameters, summary.weight_bytes) == (64, 256)
    assert summary.naive_bytes == 2 * (2 * 8 + 8 * 8 + 2 * 8) * 4
    # Still on chip when the second product reads it, as is the first one's result, which is never written out.
    assert summary.moved[GPU].resident_bytes == 256 + 2 * 2 * 8 * 4
    assert summary.moved[GPU].moved_bytes == (2 * 8 + 8 * 8 + 2 * 8) * 4


def test_what_several_members_of_a_kernel_read_is_fetched_once(tmp_path: Path) -> None:
    nodes = [helper.make_node("Sigmoid", ["x"], ["s"]), helper.make_node("Mul", ["x", "s"], ["y"])]
    path = save(tmp_path, nodes, {"x": (FLOAT, (10, 10))}, {"y": (FLOAT, (10, 10))})
    analysis = analysed(path, "compiler")
    assert (analysis.summary.naive_bytes, analysis.summary.compulsory_bytes) == (5 * 400, 2 * 400)
    rules = {saving.tensor: saving.rule.partition(": ")[2] for saving in traffic_of(analysis, "y").savings}
    assert rules == {"x": "fetched once for the whole kernel", "s": "made and read inside the kernel"}


def test_each_product_of_a_batch_is_tiled_on_its_own(tmp_path: Path) -> None:
    """7 x [512, 512] x [512, 512], room for 16 x 16 partial sums, a column and a row: each operand 31 times again."""
    shape = (FLOAT, (7, 512, 512))
    path = save(tmp_path, [helper.make_node("MatMul", ["a", "b"], ["y"])], {"a": shape, "b": shape}, {"y": shape})
    moved = moved_of(analysed(path, on_chip=str(4 * (16 * 16 + 16 + 16))), "y")
    assert moved.refetched_bytes == 7 * 2 * 512 * 512 * (512 // 16 - 1) * 4


def test_the_best_replacement_keeps_the_part_that_fits(tmp_path: Path) -> None:
    """Of 4 MB, 1 MB: least-recently-used keeps nothing, the best keeps a quarter at the writer and at the reader."""
    nodes = [helper.make_node("Relu", ["x"], ["r"]), helper.make_node("Neg", ["r"], ["y"])]
    path = save(tmp_path, nodes, {"x": (FLOAT, (1000, 1000))}, {"y": (FLOAT, (1000, 1000))})
    analysis = analysed(path, on_chip="1000000")
    for output in ("r", "y"):
        moved = moved_of(analysis, output)
        assert (moved.resident_bytes, moved.resident_at_best_bytes) == (0, 1_000_000)


def test_quantised_groups_move_quantised_tensors(tmp_path: Path) -> None:
    """DQ -> MatMul -> Q: int8 in, int8 weight, int8 out, the scales; the Q and DQ ops move nothing. A lone Q does."""
    stored = [helper.make_tensor("w", INT8, [16, 8], bytes(128), raw=True)]
    stored += [helper.make_tensor(name, FLOAT, [], [1.0]) for name in ("sx", "sw", "sy")]
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "sx", "zx"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "sx", "zx"], ["dx"]),
        helper.make_node("DequantizeLinear", ["w", "sw"], ["dw"]),
        helper.make_node("MatMul", ["dx", "dw"], ["m"]),
        helper.make_node("QuantizeLinear", ["m", "sy", "zx"], ["y"]),
    ]
    stored.append(helper.make_tensor("zx", INT8, [], [0]))
    path = save(tmp_path, nodes, {"x": (FLOAT, (4, 16))}, {"y": (INT8, (4, 8))}, stored)
    analysis = analysed(path)
    assert [traffic_of(analysis, name).naive_bytes for name in ("dx", "dw", "y")] == [0, 0, 0]
    assert (
        traffic_of(analysis, "q").naive_bytes == 4 * 16 * 4 + 4 + 1 + 4 * 16
    )  # float32 in, scale, zero point, int8 out
    product = traffic_of(analysis, "m")
    assert product.read_bytes == (4 * 16 + 4 + 1 + 4, 16 * 8 + 4)  # sx, zx and sy with x; sw with w
    assert product.write_bytes == (4 * 8,)


def test_what_a_loop_hands_on_is_written_as_it_is(tmp_path: Path) -> None:
    """The Relu's float32 result and the dequantised x leave the body, though a Q and a Relu read them."""
    body_nodes = [
        helper.make_node("Identity", ["c"], ["go"]),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["d"]),
        helper.make_node("Relu", ["d"], ["r"]),
        helper.make_node("QuantizeLinear", ["r", "s", "z"], ["next"]),
    ]
    value = helper.make_tensor_value_info
    fed = [value("i", INT64, ()), value("c", TensorProto.BOOL, ()), value("q", INT8, (4, 16))]
    made = [value("go", TensorProto.BOOL, ()), value("next", INT8, (4, 16))]
    made += [value(name, FLOAT, (4, 16)) for name in ("r", "d")]
    body = helper.make_graph(body_nodes, "b", fed, made)
    loop = helper.make_node("Loop", ["n", "t", "x"], ["y", "rs", "ds"], body=body)
    stored = [helper.make_tensor("n", INT64, [], [3]), helper.make_tensor("t", TensorProto.BOOL, [], [True])]
    stored += [helper.make_tensor("s", FLOAT, [], [1.0]), helper.make_tensor("z", INT8, [], [0])]
    results = {"y": (INT8, (4, 16)), "rs": (FLOAT, (3, 4, 16)), "ds": (FLOAT, (3, 4, 16))}
    analysis = analysed(save(tmp_path, [loop], {"x": (INT8, (4, 16))}, results, stored))
    assert traffic_of(analysis, "r").write_bytes == (4 * 16 * 4,)
    assert traffic_of(analysis, "next").naive_bytes == 4 * 16 * 4 + 4 + 1 + 4 * 16  # float32, scale, zero point, int8
    assert traffic_of(analysis, "d").naive_bytes == 4 * 16 + 4 + 1 + 4 * 16 * 4


def on_a_cpu(path: Path, **options: object) -> Analysis:
    system = load_system("a100-attacc")
    system = replace(system, gpu=replace(system.gpu, slug="cpu", kind="cpu"))
    settings = Settings(backend="none", **options)  # type: ignore[arg-type]
    pipeline = default_pipeline(settings, system)
    return Analysis(pipeline.trace(load(path)), system, "", settings, {})


def test_a_cpu_fetches_the_lines_that_it_writes(tmp_path: Path) -> None:
    nodes = [helper.make_node("Relu", ["x"], ["r"]), helper.make_node("Neg", ["r"], ["y"])]
    path = save(tmp_path, nodes, {"x": (FLOAT, (1000, 1000))}, {"y": (FLOAT, (1000, 1000))})
    size = 4_000_000
    for options, relu, neg in (
        ({"residency": False}, size, size),
        # Relu's result stays on chip: it is not written, so nothing is fetched for it.
        ({}, 0, size),
        ({"on_chip": "1000000"}, size, size),
        ({"on_chip": "unlimited"}, 0, 0),
    ):
        analysis = on_a_cpu(path, **options)  # type: ignore[arg-type]
        found = [moved_of(analysis, name, "cpu") for name in ("r", "y")]
        assert [moved.refetched_bytes for moved in found] == [relu, neg]
        assert any(reason.startswith("write-allocate: 4,000,000 B") for reason in found[1].reasons) == bool(neg)
    # 3 x the tensor for each op: one read, one write, one fetch of what is written.
    assert on_a_cpu(path, residency=False).summary.moved["cpu"].moved_bytes == 2 * 3 * size
    assert analysed(path, residency=False).summary.moved[GPU].moved_bytes == 2 * 2 * size


@pytest.mark.parametrize("kind", ["Softmax", "LogSoftmax", "LayerNormalization", "InstanceNormalization"])
def test_rows_that_do_not_fit_are_read_twice(tmp_path: Path, kind: str) -> None:
    """[2, 8, 1000] float32, rows of 4,000 B: once for maximum and sums, once more for the result."""
    inputs = {"LayerNormalization": ["x", "s"], "InstanceNormalization": ["x", "s", "b"]}.get(kind, ["x"])
    width = {"LayerNormalization": 1000, "InstanceNormalization": 8}.get(kind, 0)
    stored = [helper.make_tensor(name, FLOAT, [width], bytes(4 * width), raw=True) for name in inputs[1:]]
    node = helper.make_node(kind, inputs, ["y"])
    path = save(tmp_path, [node], {"x": (FLOAT, (2, 8, 1000))}, {"y": (FLOAT, (2, 8, 1000))}, stored)
    for on_chip, again in (("4000", 0), ("3999", 64_000), ("unlimited", 0)):
        moved = moved_of(analysed(path, on_chip=on_chip, residency=False), "y")
        assert moved.refetched_bytes == again
        assert moved.moved_bytes == 2 * 64_000 + 4 * width * len(inputs[1:]) + again
        assert any("a row of 1,000 elements doesn't fit" in reason for reason in moved.reasons) == bool(again)


def test_rows_of_a_normalisation_in_small_ops_are_read_twice_too(tmp_path: Path) -> None:
    """x / sqrt(mean(x^2) + e) in one kernel: x is read again once its mean is known. On its own a mean reads x once."""
    stored = [helper.make_tensor(name, FLOAT, [], [value]) for name, value in (("two", 2.0), ("e", 1e-5))]
    nodes = [
        helper.make_node("Pow", ["x", "two"], ["p"]),
        helper.make_node("ReduceMean", ["p", "axes"], ["m"]),
        helper.make_node("Add", ["m", "e"], ["a"]),
        helper.make_node("Sqrt", ["a"], ["s"]),
        helper.make_node("Div", ["x", "s"], ["y"]),
    ]
    shape = (FLOAT, (4, 1000))
    path = save(tmp_path, nodes, {"x": shape}, {"y": shape}, [*stored, ints("axes", -1)])
    fused = analysed(path, "compiler", on_chip="3999", residency=False)
    assert fused.summary.kernels == 1
    assert moved_of(fused, "y").refetched_bytes == 16_000
    assert moved_of(analysed(path, "compiler", on_chip="4000", residency=False), "y").refetched_bytes == 0
    assert analysed(path, on_chip="3999", residency=False).summary.moved[GPU].refetched_bytes == 0


def test_every_device_of_the_system_has_its_own_figure() -> None:
    analysis = analyze(SAMPLES / "linear.onnx", Settings(system="a100-attacc"))
    slugs = {device.slug for device in analysis.system.devices}
    assert {frozenset(row.devices) for row in analysis.model.column(Reuse).values()} <= {frozenset(slugs), frozenset()}
