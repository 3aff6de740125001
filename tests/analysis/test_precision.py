"""`--quantize`: what is taken in another precision, what it then costs, and what is refused."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper, parser

import onnx_roofline as rl
from onnx_roofline.analysis.analyze import Analysis, analyze
from onnx_roofline.analysis.precision.spec import Precision, parse_precisions, several
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.base.errors import UsageError
from onnx_roofline.cli.main import main
from onnx_roofline.ir.records import Folding, TypedOp, Work
from onnx_roofline.memory.kv_caches import Caches
from onnx_roofline.what_if.changes import gains

SAMPLES = Path(__file__).resolve().parents[2] / "sample_models"
HEAD = '<ir_version: 10, opset_import: ["": 21, "com.microsoft": 1, "f": 1]> '
PRODUCT = "g (float[8, 64] x) => (float[8, 32] y) { y = MatMul (x, w) }"


def made(text: str, **stored: tuple[int, ...]) -> onnx.ModelProto:
    """A model with matrices of ones."""
    model = parser.parse_model(HEAD + text)
    for name, shape in stored.items():
        model.graph.initializer.append(numpy_helper.from_array(np.ones(shape, np.float32), name))
    return model


def of(model: onnx.ModelProto | str, quantize: str, **settings: object) -> Analysis:
    return analyze(model, Settings(quantize=quantize, **{"system": "h100-sxm", **settings}))  # type: ignore[arg-type]


def product_dtypes(analysis: Analysis) -> set[str]:
    """The types that products multiply in."""
    works = analysis.model.column(Work).values()
    return {work.compute_dtype for work in works if work.contractions and work.counts is not None and work.counts.macs}


# K = 64 and N = 32: 2,048 weights.
@pytest.mark.parametrize(
    ("asked", "data", "scales", "zero_points"),
    [
        ("weights=int4", 2048 // 2, 32 * 4, 0),  # K is less than a block of 128: one block a column
        ("weights=int4,group=16", 2048 // 2, 4 * 32 * 4, 0),
        ("weights=uint4,group=16", 2048 // 2, 4 * 32 * 4, 4 * 32 // 2),
        ("weights=int2,group=64", 2048 // 4, 32 * 4, 0),
        ("weights=float4e2m1,group=32", 2048 // 2, 2 * 32 * 4, 0),
        ("weights=int8", 2048, 32 * 4, 32),  # a scale and a zero point for each column
        ("weights=int8,group=tensor", 2048, 4, 1),
        ("weights=int4,group=channel", 2048 // 2, 32 * 4, 32 // 2),
        ("weights=float8e4m3fn", 2048, 32 * 4, 0),
        ("weights=int4,activations=float16", 2048 // 2, 32 * 2, 0),  # scales as wide as what they scale
    ],
)
def test_a_matrix_is_stored_with_what_restores_it(asked: str, data: int, scales: int, zero_points: int) -> None:
    found = of(made(PRODUCT, w=(64, 32)), asked)
    assert found.footprint.weight_bytes == data + scales + zero_points
    assert found.summary.counts.macs == 8 * 64 * 32
    width = 2 if "float16" in asked else 4
    assert found.summary.compulsory_bytes == data + scales + zero_points + width * (8 * 64 + 8 * 32)


BRANCH = (
    "g (float[8, 64] x, bool c) => (float[8, 32] y) { y = If (c) "
    "<then_branch = t () => (float[8, 32] p) { p = MatMul (x, w) }, "
    "else_branch = e () => (float[8, 32] q) { q = MatMul (x, w) }> }"
)
LOOP = (
    "g (float[8, 64] x, int64 n, bool c) => (float[4, 8, 32] y) { u, y = Loop (n, c, x) <body = "
    "b (int64 i, bool d, float[8, 64] s) => (bool o, float[8, 64] r, float[8, 32] z) "
    "{ o = Identity (d) r = Identity (s) z = MatMul (s, w) }> }"
)
CONV = "g (float[1, 64, 2, 4] x) => (float[1, 32, 2, 4] y) { y = Conv <kernel_shape = [1, 1]> (x, w) }"


# 64 x 32 weights of 4 bits with a scale for each of 32 columns; a kernel has a zero point beside each scale.
@pytest.mark.parametrize(
    ("text", "shape", "zero_points"),
    [
        (BRANCH, (64, 32), 0),
        (LOOP, (64, 32), 0),
        ("g (float[8, 64] x) => (float[8, 32] y) { t = Transpose <perm = [1, 0]> (w) y = MatMul (x, t) }", (32, 64), 0),
        ("g (float[8, 64] x) => (float[8, 32] y) { y = Gemm <transB = 1> (x, w) }", (32, 64), 0),
        (CONV, (32, 64, 1, 1), 32 // 2),
    ],
)
def test_products_are_found_wherever_they_are(text: str, shape: tuple[int, ...], zero_points: int) -> None:
    model = made(text, w=shape)
    trips = {"0:Loop": 4} if text == LOOP else {}
    plain, found = of(model, "", trips=trips), of(model, "weights=int4,group=64", trips=trips)
    runs = 4 if text == LOOP else 1
    assert found.footprint.weight_bytes == 64 * 32 // 2 + 32 * 4 + zero_points
    assert found.summary.counts.macs == plain.summary.counts.macs == runs * 8 * 64 * 32
    saved = 64 * 32 * 4 - (64 * 32 // 2 + 32 * 4 + zero_points)
    assert plain.summary.compulsory_bytes - found.summary.compulsory_bytes == runs * saved


def test_a_constant_in_the_body_of_a_function_is_a_weight_too() -> None:
    text = (
        "g (float[2, 4] x) => (float[2, 2] y) { y = f.lin (x) } "
        '<domain: "f", opset_import: ["": 21]> lin (a) => (c) '
        "{ w = Constant <value = float[4, 2] {1, 2, 3, 4, 5, 6, 7, 8}> () c = MatMul (a, w) }"
    )
    found = of(made(text), "weights=int8,group=tensor")
    assert found.footprint.weight_bytes == 8 + 4 + 1
    assert found.summary.counts.macs == 2 * 4 * 2


def test_a_table_that_is_looked_up_too_is_stored_twice_and_said_so() -> None:
    text = (
        "g (int64[4] i, float[4, 64] x) => (float[4, 64] e, float[4, 128] y) "
        "{ e = Gather (w, i) t = Transpose <perm = [1, 0]> (w) y = MatMul (x, t) }"
    )
    found = of(made(text, w=(128, 64)), "weights=int4,group=64")
    assert found.footprint.weight_bytes == 128 * 64 * 4 + 128 * 64 // 2 + 128 * 4
    (notice,) = found.model.warnings
    assert notice.code == "stored-twice"
    assert notice.message == "also kept as exported: 'w' (float32[128, 64]) (for 0:Gather)"
    # The transposition of what is stored runs once: nothing of it is alive in a run.
    assert found.footprint.activation_bytes == of(made(text, w=(128, 64)), "").footprint.activation_bytes


def test_matrices_that_stay_are_named_with_the_reason() -> None:
    text = "g (int64[4] i) => (float[4, 32] y) { e = Gather (table, i) y = MatMul (e, w) }"
    found = of(made(text, table=(100, 64), w=(64, 32)), "weights=int4")
    (notice,) = found.model.warnings
    assert notice.code == "not-quantized"
    assert notice.message == (
        "1 stored matrix stays as exported, 25.6 kB: 'table' (float32[100, 64]) (read by 0:Gather)"
    )


def test_weights_that_no_dequantize_linear_makes_stay() -> None:
    model = made("g (double[8, 64] x, float[8, 64] z) => (double[8, 32] y, float[8, 32] t) { y = MatMul (x, d) "
                 "t = MatMul (z, w) }", w=(64, 32))  # fmt: skip
    model.graph.initializer.append(numpy_helper.from_array(np.ones((64, 32)), "d"))
    found = of(model, "w8a8")
    (notice,) = [notice for notice in found.model.warnings if notice.code == "not-quantized"]
    assert notice.message.endswith("'d' (float64[64, 32]) (float64, which no DequantizeLinear makes)")
    # w: a byte a weight, a float32 scale and a zero point a column; d: 8 bytes a weight; the scale and zero point of z
    assert found.footprint.weight_bytes == 2048 + 32 * 5 + 2048 * 8 + 5


def test_a_product_of_which_nothing_is_known_is_named_so() -> None:
    text = "g (float[8, 64] x) => (float[8, 32] y) { a = other.Foo (x) y = MatMul (a, w) }"
    with pytest.raises(UsageError, match=r"'w' \(float32\[64, 32\]\) stays: read by 1:MatMul, whose work is unknown$"):
        of(made(text, w=(64, 32)), "weights=int4")


def test_a_backend_that_restores_weights_of_matmul_alone_leaves_gemm() -> None:
    text = "g (float[8, 64] x) => (float[8, 32] y) { h = MatMul (x, v) y = Gemm (h, w) }"
    found = of(made(text, v=(64, 64), w=(64, 32)), "weights=int4", backend="ort")
    assert found.footprint.weight_bytes == 64 * 64 // 2 + 64 * 4 + 64 * 32 * 4
    (notice,) = found.model.warnings
    assert notice.message.endswith("'w' (float32[64, 32]) (the backend restores no weights of Gemm as it reads them)")


@pytest.mark.parametrize(
    ("system", "asked", "wanted"),
    [
        ("h100-sxm", "w8a8", "int8"),
        ("h100-sxm", "w4a8", "int8"),
        ("h100-sxm", "fp8", "float8e4m3fn"),
        ("h100-sxm", "w4a16", "float16"),
        ("h100-sxm", "weights=int4,activations=float8e4m3fn", "float32"),  # no unit multiplies integers with floats
        ("a100-sxm-80gb", "w8a8", "int8"),
        ("a100-sxm-80gb", "fp8", "float32"),  # an A100 has no unit for it: restored
    ],
)
def test_products_run_in_the_type_that_the_device_multiplies(system: str, asked: str, wanted: str) -> None:
    found = of(made(PRODUCT, w=(64, 32)), asked, system=system)
    assert product_dtypes(found) == {wanted}
    assert found.summary.time_placed.time_s is not None
    unit = [notice.message for notice in found.model.warnings if notice.code == "no-unit"]
    told = "a product of float8e4m3fn restored and run in floating point: no device of the system has a peak for "
    told += "float8e4m3fn"
    assert unit == ([told] if wanted == "float32" and asked == "fp8" else [])


def test_an_activation_is_quantised_once_for_all_its_readers() -> None:
    text = (
        "g (float[8, 64] x) => (float[8, 64] y) { h = Relu (x) a = MatMul (h, v) b = MatMul (h, w) c = Add (a, b) "
        "y = Add (c, h) }"
    )
    found = of(made(text, v=(64, 64), w=(64, 64)), "w8a8")
    types = [row.op.op_type for row in found.model.column(TypedOp).values()]
    assert types.count("QuantizeLinear") == 1  # of h
    assert types.count("DequantizeLinear") == 3  # of h and both weights
    assert {folding.compute_dtype for folding in found.model.column(Folding).values()} == {"", "int8"}


def test_a_convolution_is_quantised_behind_its_activation_so_that_it_runs_in_integers() -> None:
    text = (
        "g (float[1, 8, 4, 4] x) => (float[1, 8, 4, 4] y) { a = Conv <kernel_shape = [1, 1]> (x, w) b = Relu (a) "
        "y = Sigmoid (b) }"
    )
    found = of(made(text, w=(8, 8, 1, 1)), "w8a8")
    assert product_dtypes(found) == {"int8"}


@pytest.mark.parametrize(("asked", "wanted"), [("w8a8", "int8"), ("fp8", "float8e4m3fn")])
def test_a_depthwise_convolution_in_8_bits_has_a_time_though_no_vector_unit_multiplies_them(
    asked: str, wanted: str
) -> None:
    text = (
        "g (float[1, 32, 56, 56] x) => (float[1, 32, 56, 56] y) { y = Conv <group = 32, pads = [1, 1, 1, 1]> (x, w) }"
    )
    found = of(made(text, w=(32, 1, 3, 3)), asked, system="h100-sxm")
    assert product_dtypes(found) == {wanted}
    assert found.summary.time_placed.time_s is not None


def cache_of(sample: str, quantize: str) -> Analysis:
    return of(str(SAMPLES / f"{sample}.onnx"), quantize, dims={"batch": 2, "past_sequence": 100})


# Layers x keys and values x heads x width.
@pytest.mark.parametrize(("sample", "row"), [("llama_decode", 8 * 2 * 3 * 64), ("stacked_decode", 4 * 2 * 8 * 64)])
@pytest.mark.parametrize("dtype", ["int8", "float8e4m3fn"])
def test_a_cache_stays_quantised_from_run_to_run(sample: str, row: int, dtype: str) -> None:
    plain, found = cache_of(sample, ""), cache_of(sample, f"cache={dtype}")
    assert plain.footprint.cache_bytes == 2 * 101 * row * 4  # sequences, rows with the new one, float32
    assert found.footprint.cache_bytes == 2 * 101 * row
    assert found.model.whole(Caches).inputs == plain.model.whole(Caches).inputs
    assert found.summary.caches.written_bytes * 4 == plain.summary.caches.written_bytes
    assert found.summary.counts.macs == plain.summary.counts.macs
    # Attention multiplies in floating point: it restores what it reads.
    assert product_dtypes(found) == {"float32"}


def test_attention_that_takes_scales_reads_a_narrow_cache_as_it_is() -> None:
    text = (
        "g (float16[2, 1, 96] q, float16[2, 2, 16, 8] past_k, float16[2, 2, 16, 8] past_v, int32[2] last, int32 total) "
        "=> (y, k, v) { y, k, v = com.microsoft.GroupQueryAttention <num_heads = 8, kv_num_heads = 2> "
        "(q, , , past_k, past_v, last, total) }"
    )
    plain, found = of(made(text), ""), of(made(text), "cache=int8")
    assert plain.footprint.cache_bytes == 2 * 2 * 2 * 17 * 8 * 2
    assert found.footprint.cache_bytes == 2 * 2 * 2 * 17 * 8
    assert found.footprint.weight_bytes == 2 * 2  # two scales in float16
    (attention,) = found.model.column(TypedOp).values()
    assert attention.op.inputs[12:] == ("past_k_scale", "past_v_scale")
    assert [kind.dtype for kind in attention.outputs] == ["float16", "int8", "int8"]


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("weights=int5", "--quantize weights=int5: wanted int2, uint2, int4, uint4, float4e2m1, int8, uint8, "
         "float8e4m3fn or float8e5m2; did you mean 'int8'?"),
        ("weight=int4", "--quantize 'weight=int4': found no kind 'weight', wanted weights, cache, activations or "
         "group; did you mean 'weights'?"),
        ("weights=float16", "--quantize weights=float16: floating weights have the type of the activations: say "
         "activations=float16"),
        ("cache=int4", "--quantize cache=int4: wanted int8, uint8, float8e4m3fn or float8e5m2; did you mean 'int8'?"),
        ("weights=int4,weights=int8", "--quantize 'weights=int4,weights=int8': found weights twice"),
        ("weights=int4,group=0", "--quantize group=0: wanted a number of elements from 1 to 9,999,999, channel or "
         "tensor"),
        ("cache=int8,group=32", "--quantize 'cache=int8,group=32': found a group and no weights; a cache has one scale "
         "a tensor"),
        ("w4", "--quantize 'w4': wanted as-exported, fp8, w8a8, w4a16, w8a16 and the like, or KIND=TYPE,..."),
        ("w8a8,group=32", "--quantize 'w8a8,group=32': found 'w8a8' among KIND=TYPE; give --quantize twice for both"),
        ("weights=int4,", "--quantize 'weights=int4,': found an empty part, wanted KIND=TYPE,..., such as "
         "weights=int4,cache=float8e4m3fn,activations=float16,group=128"),
        ("w8a8,w4a16", "--quantize 'w8a8,w4a16': found 2 variants, wanted one; analyze compares them"),
    ],
)  # fmt: skip
def test_what_means_nothing_is_refused(asked: str, told: str) -> None:
    with pytest.raises(UsageError) as refused:
        Settings(quantize=asked)
    assert str(refused.value).startswith(told)


@pytest.mark.parametrize(
    ("text", "asked", "told"),
    [
        (PRODUCT, "weights=int4,group=48", "--quantize group=48: 0:MatMul sums over K=64 of 'w' (float32[64, 32]), no "
         "multiple; the largest power of two that divides every K is 64, or say group=channel"),
        (PRODUCT, "cache=int8", "--quantize cache=int8: found no cache of keys and values that a run takes in and "
         "gives out in one type; --cache IN=OUT names one"),
        ("g (float[8, 64] x, float[64, 32] v) => (float[8, 32] y) { y = MatMul (x, v) }", "weights=int4",
         "--quantize weights=int4: found no product with a stored matrix"),
        ("g (float[8, 64] x, float[64, 32] v) => (float[8, 32] y) { y = MatMul (x, v) }", "activations=int8",
         "--quantize activations=int8: found no product with stored weights"),
        ("g (float[8, 64] x) => (float[8, 32] y) { y = f.lin (x, w) } "
         '<domain: "f", opset_import: ["": 21]> lin (a, b) => (c) { c = MatMul (a, b) }', "weights=int4",
         "--quantize weights=int4: found no product with a stored matrix; 'w' (float32[64, 32]) stays: read by 0:lin, "
         "a function: inline it for its products to be found"),
        ("g (uint8[8, 64] x, uint8[64, 32] v) => (int32[8, 32] y) { y = MatMulInteger (x, v) }", "weights=int4",
         "--quantize weights=int4: the model is quantised already: 0:MatMulInteger multiplies uint8; pass the model "
         "that it was made from"),
        ("g (float[8, 64] x, float s) => (float[8, 32] y) { q = QuantizeLinear (x, s) d = DequantizeLinear (q, s) "
         "y = MatMul (d, w) }", "w8a8", "--quantize weights=int8,activations=int8: the model is quantised already: "
         "0:QuantizeLinear is a QuantizeLinear; pass the model that it was made from"),
    ],
)  # fmt: skip
def test_a_model_that_cant_be_is_refused(text: str, asked: str, told: str) -> None:
    with pytest.raises(UsageError) as refused:
        of(made(text, w=(64, 32)), asked)
    assert str(refused.value) == told


def test_precisions_that_contradict_other_options_are_refused() -> None:
    with pytest.raises(UsageError) as refused:
        Settings(quantize="w4a16", assume_dtype="bfloat16")
    assert str(refused.value) == ("--quantize activations=float16: contradicts --assume-dtype bfloat16; leave one out")
    with pytest.raises(UsageError, match="--observe: a run is of the model as exported"):
        Settings(quantize="w8a8", observe="random")


def test_short_names_stand_for_kinds() -> None:
    assert parse_precisions("as-exported,w16a16,w4a16kv8,fp8") == (
        Precision(),
        Precision(activations="float16"),
        Precision("int4", "int8", "float16"),
        Precision("float8e4m3fn", "", "float8e4m3fn"),
    )
    assert several(["w8a8", "weights=int8,activations=int8"]) == (Precision("int8", "", "int8"),)


def test_the_width_of_activations_is_that_of_assume_dtype() -> None:
    bert = str(SAMPLES / "bert_base.onnx")
    mine, theirs = of(bert, "activations=float16"), of(bert, "", assume_dtype="float16")
    assert mine.summary == theirs.summary
    assert mine.footprint == theirs.footprint


def test_python_takes_a_text_or_a_mapping_and_the_json_has_it() -> None:
    model = made(PRODUCT, w=(64, 32))
    for given in ("w4a16", {"weights": "int4", "activations": "float16"}):
        found = rl.analyze(model, quantize=given)
        document = json.loads(found.to_json())
        assert document["quantize"] == "weights=int4,activations=float16"
        assert document["assume_dtype"] == "float16"
    assert json.loads(rl.analyze(model).to_json())["quantize"] is None


def test_several_precisions_stand_side_by_side(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    onnx.save(made(PRODUCT, w=(64, 32)), path)
    assert main(["analyze", str(path), "--quantize", "as-exported,w8a8", "--quantize", "weights=int4"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "3 precisions" in lines[0]
    rows = [line.split()[:3] for line in lines if line.startswith((" as-exported", " w"))]
    # 2,048 weights; w8a8 with 32 scales and zero points, and those of x; int4 with 32 scales.
    assert rows == [
        ["as-exported", "8.192", "kB"],
        ["w8a8", "2.213", "kB"],  # 2048 + 32 * 5 + 5
        ["weights=int4", "1.152", "kB"],  # 1024 + 32 * 4
    ]


def test_a_precision_that_a_model_cannot_have_leaves_the_others(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "m.onnx"
    onnx.save(made(PRODUCT, w=(64, 32)), path)
    assert main(["analyze", str(path), "--quantize", "as-exported,w4a16kv8,w8a8"]) == 2
    out, err = capsys.readouterr()
    assert [line.split()[0] for line in out.splitlines() if line.startswith((" as-exported", " w"))] == [
        "as-exported", "w8a8",
    ]  # fmt: skip
    assert "--quantize cache=int8: found no cache of keys and values" in err
    assert main(["analyze", str(path), "--quantize", "w4a16kv8,w2a16kv8"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("found no cache") == 1
    assert main(["analyze", str(path), "--quantize", "as-exported,w9a16"]) == 2
    assert capsys.readouterr().out == ""


def test_the_first_line_says_what_is_quantised(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    onnx.save(made(PRODUCT, w=(64, 32)), path)
    assert main(["analyze", str(path), "--quantize", "group=32,weights=int4"]) == 0
    assert "QUANTIZED as weights=int4,group=32 (1 op inserted) · " in capsys.readouterr().out.splitlines()[0]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--json", "-"], "--json: it shows one precision, and --quantize names 2; leave one of them out"),
        (["--system", "h100,a100"], "--quantize: found several variants and several systems"),
    ],
)
def test_what_shows_one_precision_refuses_several(
    options: list[str], told: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "m.onnx"
    onnx.save(made(PRODUCT, w=(64, 32)), path)
    assert main(["analyze", str(path), "--quantize", "w8a8,w4a16", *options]) == 2
    assert told in capsys.readouterr().err


def test_explain_tries_4_bit_weights() -> None:
    path = str(SAMPLES / "llama_decode.onnx")
    found = of(path, "", dims={"batch": 1, "past_sequence": 1023})
    (gain,) = [one for one in gains(path, found) if one.what == "4-bit weights"]
    assert gain.option == "--quantize w4a16"
    again = of(path, "w4a16", dims={"batch": 1, "past_sequence": 1023})
    assert gain.after_s == again.summary.time_placed.time_s


def test_what_is_written_for_the_file_has_its_own_nodes_alone(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    onnx.save(made("g (float[8, 64] x) => (float[8, 32] y) { h = Relu (x) y = MatMul (h, w) }", w=(64, 32)), path)
    target, explorer = tmp_path / "annotated.onnx", tmp_path / "explorer.json"
    assert main(["annotate", str(path), "-o", str(target), "--quantize", "w8a8"]) == 0
    nodes = onnx.load(target).graph.node
    assert [node.op_type for node in nodes] == ["Relu", "MatMul"]
    assert all(node.metadata_props for node in nodes)
    assert main(["analyze", str(path), "--quantize", "w8a8", "--model-explorer", str(explorer)]) == 0
    (results,) = json.loads(explorer.read_text()).values()
    assert results["results"].keys() == {"<node_0>", "<node_1>"}


def test_a_comparison_names_the_precision(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "m.onnx"
    onnx.save(made(PRODUCT, w=(64, 32)), path)
    reports = [tmp_path / "plain.json", tmp_path / "narrow.json"]
    assert main(["analyze", str(path), "--json", str(reports[0])]) == 0
    assert main(["analyze", str(path), "--json", str(reports[1]), "--quantize", "weights=int4"]) == 0
    main(["diff", *map(str, reports)])
    printed = capsys.readouterr()
    assert "quantize" in printed.out + printed.err
    assert "weights=int4" in printed.out + printed.err


def test_an_observed_model_is_tried_as_exported_alone(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    onnx.save(made(PRODUCT, w=(64, 32)), path)
    found = analyze(str(path), Settings(observe="random", system="h100-sxm"))
    assert all("--quantize" not in one.option for one in gains(str(path), found))
