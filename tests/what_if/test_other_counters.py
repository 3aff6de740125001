"""Totals by other counters' rules: equal to what fvcore, thop, torch and XLA count themselves, or for a stated cause.

The recorded figures and the scripts that took them are in tests/what_if/conventions/.
"""

import csv
import functools
import io
import itertools
import json
import random
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from onnx_roofline.analysis.analyze import Analysis, analyze
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.cli.main import main
from onnx_roofline.what_if.other_counters import CONVENTIONS, ConventionTotal, count, valid_taps

ROOT = Path(__file__).resolve().parents[2]
HERE = ROOT / "tests" / "what_if" / "conventions"
SAMPLES = ROOT / "sample_models"
LIGHT = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"
RECORDED = json.loads((HERE / "recorded.json").read_text("utf-8"))
DIMS = {
    name: entry["dims"] for name, entry in json.loads((SAMPLES / "reference.json").read_text("utf-8"))["models"].items()
}
FILES = {
    path.name: (path, name)
    for name in RECORDED["models"]
    for path in (HERE / f"{name}.onnx", SAMPLES / f"{name}.onnx", SAMPLES / f"{name}.torchscript.onnx")
    if path.exists()
}

# Normalisations that the exporter folded into the convolutions: counted in the program, absent from the file. Elements
# of the BatchNorm layers: 3 of [1, 128, 28, 28]; 53 layers of ResNet-50.
FOLDED = {"residual_block": 3 * 128 * 28 * 28, "resnet50": 11_113_984}
# Programs that call scaled_dot_product_attention: fvcore and, on a CPU, torch's counter do not see it. The exporters
# spell it out as two matrix products. 2 * heads * queries * keys * head size, each call.
FUSED_ATTENTION = {
    "attention_multi_head": 2 * 8 * 64 * 64 * 64,
    "vit_b_16": 12 * 2 * 12 * 197 * 197 * 64,
    "bert_base": 12 * 2 * 12 * 128 * 128 * 64,
    "sd_unet_block": 2 * 4096 * (4096 + 77) * 320,
}


@functools.cache
def _analysis(path: Path) -> Analysis:
    return analyze(path, Settings(dims=DIMS.get(path.name, {})))


def _light(name: str) -> Analysis:
    return _analysis(LIGHT / f"light_{name}.onnx")


@pytest.mark.parametrize("file", FILES)
def test_fvcore_is_what_fvcore_counts(file: str) -> None:
    path, name = FILES[file]
    found = count(_analysis(path), "fvcore").total
    # 2 per element of a folded BatchNorm are in fvcore's figure alone, the MACs of fused attention in ours alone.
    assert RECORDED["models"][name]["fvcore"] == found + 2 * FOLDED.get(name, 0) - FUSED_ATTENTION.get(name, 0)


@pytest.mark.parametrize("file", FILES)
def test_thop_is_what_thop_counts(file: str) -> None:
    path, name = FILES[file]
    found = count(_analysis(path), "thop").total
    assert RECORDED["models"][name]["thop"] == found + 4 * FOLDED.get(name, 0)  # 4 per element of a BatchNorm


@pytest.mark.parametrize("file", FILES)
def test_torch_is_what_torch_counts(file: str) -> None:
    path, name = FILES[file]
    found = count(_analysis(path), "torch").total
    assert RECORDED["models"][name]["torch_math"] == found
    assert RECORDED["models"][name]["torch"] == found - 2 * FUSED_ATTENTION.get(name, 0)


@pytest.mark.parametrize("name", RECORDED["xla"])
def test_xla_is_what_xla_counts(name: str) -> None:
    total = count(_analysis((LIGHT if name.startswith("light_") else SAMPLES) / name), "xla")
    assert total.total == RECORDED["xla"][name]["flops"]
    transcendentals = sum(line.ours for line in total.not_counted if line.label.startswith("transcendentals"))
    assert transcendentals == RECORDED["xla"][name]["transcendentals"]


def test_every_exception_is_needed() -> None:
    assert set(FOLDED) | set(FUSED_ATTENTION) <= set(RECORDED["models"])
    unseen = {name for name, entry in RECORDED["models"].items() if entry["torch"] != entry["torch_math"]}
    assert unseen == set(FUSED_ATTENTION)
    fvcore_unseen = {n for n, e in RECORDED["models"].items()
                     if "aten::scaled_dot_product_attention" in e["fvcore_unsupported"]}  # fmt: skip
    assert fvcore_unseen == set(FUSED_ATTENTION)


@pytest.mark.parametrize("name", FUSED_ATTENTION)
def test_fused_attention_is_a_line_of_its_own(name: str) -> None:
    lines = count(_analysis(SAMPLES / f"{name}.onnx"), "fvcore").lines
    values = [line.value for line in lines if "scaled_dot_product_attention" in line.reason]
    assert values == [FUSED_ATTENTION[name]]


def _line(total: ConventionTotal, start: str) -> int:
    (value,) = [line.value for line in total.lines if line.label.startswith(start)]
    return value


def test_published_resnet50() -> None:
    """torchvision: 4.089 G; fvcore: 4.1115 G = MACs + 2 per BatchNorm element + the inputs of the last pooling."""
    analysis = _light("resnet50")
    assert count(analysis, "mac").total == 4_089_184_256
    assert count(analysis, "torch").total == 2 * 4_089_184_256
    fvcore = count(analysis, "fvcore")
    assert _line(fvcore, "MACs of") == 4_089_184_256
    assert _line(fvcore, "2 per element of BatchNormalization") == 22_227_968
    assert _line(fvcore, "inputs of") == 2048 * 7 * 7
    assert fvcore.total == 4_111_512_576
    # Its last Softmax is a part of the file that fvcore's program does not have; 3 * 1000 - 1 to thop.
    assert count(analysis, "thop").total == 4_133_742_592 + 3 * 1000 - 1
    # Valid taps of the convolutions, published as 3,946,203,904, and the 2048 x 1000 layer.
    assert _line(count(analysis, "xla"), "2 x MACs") == 2 * (3_946_203_904 + 2048 * 1000)


def test_published_densenet121() -> None:
    assert count(_light("densenet121"), "mac").total == 2_834_161_664
    assert count(_light("densenet121"), "fvcore").total == 2_865_546_752


def test_published_vgg19() -> None:
    assert count(_light("vgg19"), "mac").total == 19_632_062_464


def _chain(folder: Path, side: int, layers: list[tuple]) -> Analysis:
    """A weightless chain: (outputs, kernel, stride, pad) is a Conv, ("pool", k), ("adaptive",), (outputs,) a Gemm."""
    nodes, weights, x, channels, size = [], [], "x", 3, side
    for index, layer in enumerate(layers):
        y = f"y{index}"
        if layer == ("adaptive",):
            nodes.append(helper.make_node("AveragePool", [x], [y], kernel_shape=[1, 1], strides=[1, 1]))
        elif layer[0] == "pool":
            kernel = layer[1]
            nodes.append(helper.make_node("MaxPool", [x], [y], kernel_shape=[kernel] * 2, strides=[2, 2]))
            size = (size - kernel) // 2 + 1
        elif len(layer) == 1:
            if (index and len(layers[index - 1]) > 1) or layers[index - 1] == ("adaptive",):
                nodes.append(helper.make_node("Flatten", [x], [f"f{index}"]))
                x, channels = f"f{index}", channels * size * size
            weights.append((f"w{index}", (layer[0], channels)))
            nodes.append(helper.make_node("Gemm", [x, f"w{index}"], [y], transB=1))
            channels = layer[0]
        else:
            outputs, kernel, stride, pad = layer
            weights.append((f"w{index}", (outputs, channels, kernel, kernel)))
            nodes.append(
                helper.make_node("Conv", [x, f"w{index}"], [f"c{index}"], strides=[stride] * 2, pads=[pad] * 4)
            )
            nodes.append(helper.make_node("Relu", [f"c{index}"], [y]))
            channels, size = outputs, (size + 2 * pad - kernel) // stride + 1
        x = y
    stored = []
    for name, shape in weights:
        tensor = TensorProto(name=name, dims=shape, data_type=TensorProto.FLOAT, data_location=TensorProto.EXTERNAL)
        tensor.external_data.add(key="location", value="absent.weights")
        stored.append(tensor)
    kinds = [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 3, side, side)),
             helper.make_tensor_value_info(x, TensorProto.FLOAT, None)]  # fmt: skip
    path = folder / "chain.onnx"
    model = helper.make_model(helper.make_graph(nodes, "g", kinds[:1], kinds[1:], stored),
                              opset_imports=[helper.make_opsetid("", 17)])  # fmt: skip
    path.write_bytes(model.SerializeToString())
    return analyze(path)


def _xla_conv_macs(analysis: Analysis, dense_gemm: int) -> int:
    return _line(count(analysis, "xla"), "2 x MACs") // 2 - dense_gemm


def test_published_alexnet(tmp_path: Path) -> None:
    """torchvision's AlexNet: 714,188,480 MACs; fvcore adds the 256 x 6 x 6 inputs of its adaptive pooling."""
    layers = [(64, 11, 4, 2), ("pool", 3), (192, 5, 1, 2), ("pool", 3), (384, 3, 1, 1), (256, 3, 1, 1), (256, 3, 1, 1),
              ("pool", 3), ("adaptive",), (4096,), (4096,), (1000,)]  # fmt: skip
    analysis = _chain(tmp_path, 224, layers)
    assert count(analysis, "mac").total == 714_188_480
    assert count(analysis, "fvcore").total == 714_197_696
    assert count(analysis, "fvcore").total == 714_188_480 + 256 * 6 * 6
    linear = 9216 * 4096 + 4096 * 4096 + 4096 * 1000
    ratio = _xla_conv_macs(analysis, linear) / (714_188_480 - linear)
    assert f"{ratio:.3f}" == "0.914"  # published with three digits


def test_published_vgg16(tmp_path: Path) -> None:
    """15,470,264,320 MACs, 15,470,289,408 to fvcore, 14,846,190,336 valid taps of the convolutions."""
    layers: list[tuple] = []
    for width, depth in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        layers += [(width, 3, 1, 1)] * depth + [("pool", 2)]
    analysis = _chain(tmp_path, 224, [*layers, ("adaptive",), (4096,), (4096,), (1000,)])
    assert count(analysis, "mac").total == 15_470_264_320
    assert count(analysis, "fvcore").total == 15_470_289_408
    assert _xla_conv_macs(analysis, 25_088 * 4096 + 4096 * 4096 + 4096 * 1000) == 14_846_190_336


@pytest.mark.parametrize(
    ("name", "path"),
    list(itertools.product(CONVENTIONS, [*sorted({path for path, _ in FILES.values()}), SAMPLES / "gat_cora.onnx",
                                    SAMPLES / "gpt2.onnx", LIGHT / "light_inception_v1.onnx"])),
    ids=lambda value: value.stem if isinstance(value, Path) else value,
)  # fmt: skip
def test_every_operation_is_in_one_line(name: str, path: Path) -> None:
    """The counted lines sum to the total; all lines together are our operations: the whole difference is explained."""
    analysis = _analysis(path)
    total = count(analysis, name)
    assert sum(line.value for line in total.lines) == total.total
    assert all(line.value == 0 for line in total.not_counted)
    assert sum(line.ours for line in (*total.lines, *total.not_counted)) == analysis.summary.counts.operations
    assert total.unknown_ops == 0


@pytest.mark.parametrize("name", CONVENTIONS)
def test_executions_multiply(name: str, tmp_path: Path) -> None:
    """A Conv with bias and a BatchNorm in a Loop of 7 trips: 7 times what they are outside of it."""

    def build(trips: int | None) -> ConventionTotal:
        layers = [helper.make_node("Conv", ["x", "w", "b"], ["c"], pads=[1, 1, 1, 1]),
                  helper.make_node("BatchNormalization", ["c", "b", "b", "b", "b"], ["y"])]  # fmt: skip
        stored = [helper.make_tensor("w", TensorProto.FLOAT, (2, 2, 3, 3), np.ones(36)),
                  helper.make_tensor("b", TensorProto.FLOAT, (2,), [1, 2])]  # fmt: skip
        x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, (1, 2, 5, 5)) for n in "xy")
        if trips is not None:
            kinds = {"i": TensorProto.INT64, "on": TensorProto.BOOL, "on_out": TensorProto.BOOL}
            i, on, on_out = (helper.make_tensor_value_info(n, kind, ()) for n, kind in kinds.items())
            body = helper.make_graph([helper.make_node("Identity", ["on"], ["on_out"]), *layers], "body",
                                     [i, on, x], [on_out, y])  # fmt: skip
            stored.append(helper.make_tensor("n", TensorProto.INT64, (), [trips]))
            layers = [helper.make_node("Loop", ["n", "", "image"], ["z"], body=body)]
            x = helper.make_tensor_value_info("image", TensorProto.FLOAT, (1, 2, 5, 5))
            y = helper.make_tensor_value_info("z", TensorProto.FLOAT, (1, 2, 5, 5))
        model = helper.make_model(helper.make_graph(layers, "g", [x], [y], stored),
                                  opset_imports=[helper.make_opsetid("", 17)])  # fmt: skip
        path = tmp_path / "model.onnx"
        onnx.save(model, path)
        return count(analyze(path), name)

    assert build(7).total == 7 * build(None).total
    assert build(None).total > 0


def test_macs_in_a_function_are_linear_where_the_weight_is_stored(tmp_path: Path) -> None:
    """A local function called with a stored matrix and with an activation: thop sees the first alone."""
    body = [helper.make_node("MatMul", ["a", "b"], ["c"])]
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("local", 1)]
    function = helper.make_function("local", "Product", ["a", "b"], ["c"], body, opsets[:1])
    nodes = [helper.make_node("Product", ["x", "w"], ["h"], domain="local"),
             helper.make_node("Product", ["h", "x"], ["y"], domain="local")]  # fmt: skip
    weight = helper.make_tensor("w", TensorProto.FLOAT, (8, 4), np.ones(32))
    x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in (("x", (4, 8)), ("y", (4, 8))))
    model = helper.make_model(
        helper.make_graph(nodes, "g", [x], [y], [weight]), opset_imports=opsets, functions=[function]
    )
    path = tmp_path / "model.onnx"
    onnx.save(model, path)
    analysis = analyze(path)
    assert count(analysis, "mac").total == 4 * 4 * 8 + 4 * 8 * 4
    assert count(analysis, "thop").total == 4 * 4 * 8
    assert count(analysis, "fvcore").total == 4 * 4 * 8 + 4 * 8 * 4


def test_unknown_ops_make_it_at_least(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nodes = [helper.make_node("Mystery", ["x"], ["y"], domain="acme"), helper.make_node("Relu", ["y"], ["z"])]
    kinds = [helper.make_tensor_value_info(name, TensorProto.FLOAT, (2, 3)) for name in "xyz"]
    graph = helper.make_graph(nodes, "g", kinds[:1], kinds[2:], value_info=kinds[1:2])
    path = tmp_path / "model.onnx"
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("acme", 1)]), path
    )
    assert count(analyze(path), "xla").unknown_ops == 1
    assert main(["analyze", str(path), "--convention", "xla"]) == 0
    assert "xla: at least 6 FLOPs, two a MAC, 1 ops without counts missing" in capsys.readouterr().out


def _run_of_ones(
    node: onnx.NodeProto, x: tuple[int, ...], weight: tuple[int, ...]
) -> tuple[int, Path, onnx.ModelProto]:
    """The sum of a convolution of ones with ones in onnxruntime: one for each tap inside the tensor."""
    stored = helper.make_tensor("w", TensorProto.FLOAT, weight, np.ones(int(np.prod(weight)), np.float32))
    kinds = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, x),
        helper.make_tensor_value_info("y", TensorProto.FLOAT, None),
    ]
    model = helper.make_model(helper.make_graph([node], "g", kinds[:1], kinds[1:], [stored]),
                              opset_imports=[helper.make_opsetid("", 17)], ir_version=8)  # fmt: skip
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    (y,) = session.run(None, {"x": np.ones(x, np.float32)})
    return round(float(y.astype(np.float64).sum())), y.shape, model


@pytest.mark.parametrize("seed", range(160))
def test_valid_macs_of_random_convolutions(seed: int, tmp_path: Path) -> None:
    """Groups, strides, dilations, uneven pads, auto_pad, output_shape, transposed: what onnxruntime sums over ones."""
    draw = random.Random(seed)
    rank, is_transposed = draw.choice([1, 2, 2, 3]), seed % 2 == 1
    group, per_in, per_out = draw.choice([1, 1, 2, 3]), draw.randint(1, 3), draw.randint(1, 3)
    kernel, strides, dilations = ([draw.randint(1, 4) for _ in range(rank)], [draw.randint(1, 3) for _ in range(rank)],
                                  [draw.randint(1, 3) for _ in range(rank)])  # fmt: skip
    mode = draw.choice(["NOTSET", "NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"])
    if mode.startswith("SAME"):
        dilations = [1] * rank
    spatial = [draw.randint((k - 1) * d + 1, (k - 1) * d + 7) for k, d in zip(kernel, dilations, strict=True)]
    attributes: dict[str, object] = {"strides": strides, "dilations": dilations, "group": group}
    if mode != "NOTSET":
        attributes["auto_pad"] = mode
    elif not is_transposed or draw.random() < 0.6:
        attributes["pads"] = [
            draw.randint(0, min(2, (k - 1) * d)) for k, d in zip(kernel * 2, dilations * 2, strict=True)
        ]
        if is_transposed:
            attributes["output_padding"] = [draw.randint(0, s - 1) for s in strides]
    elif draw.random() < 0.7:
        full = [(i - 1) * s + (k - 1) * d + 1 for i, s, k, d in zip(spatial, strides, kernel, dilations, strict=True)]
        # Not below the input: there the onnx library's inference ends with a shape of fewer axes.
        attributes["output_shape"] = [
            draw.randint(max(i, f - 3), max(i, f)) for i, f in zip(spatial, full, strict=True)
        ]
        attributes["output_padding"] = [draw.randint(0, s - 1) for s in strides]
    x = (draw.randint(1, 2), group * per_in, *spatial)
    weight = (x[1], per_out, *kernel) if is_transposed else (group * per_out, per_in, *kernel)
    node = helper.make_node("ConvTranspose" if is_transposed else "Conv", ["x", "w"], ["y"], **attributes)
    wanted, shape, model = _run_of_ones(node, x, weight)
    path = tmp_path / "conv.onnx"
    onnx.save(model, path)
    analysis = analyze(path)
    assert shape == tuple(next(iter(analysis.model.columns[_typed()].values())).outputs[0].dims)
    assert count(analysis, "xla").total == 2 * wanted
    assert wanted <= count(analysis, "mac").total


def _typed() -> type:
    from onnx_roofline.ir.records import TypedOp

    return TypedOp


def test_valid_taps_against_every_pair() -> None:
    for bound, positions, kernel, stride, dilation, begin in itertools.product(
        (1, 2, 5), (0, 1, 4), (1, 2, 3), (1, 2, 3), (1, 2), (0, 1, 3)
    ):
        inside = sum(0 <= p * stride + t * dilation - begin < bound for p in range(positions) for t in range(kernel))
        assert valid_taps(bound, positions, kernel, stride, dilation, begin) == inside


def test_the_command_line_prints_the_lines(capsys: pytest.CaptureFixture[str]) -> None:
    path = str(HERE / "residual_block_norms_kept.onnx")
    assert main(["analyze", path, "--convention", "fvcore", "--convention", "fvcore"]) == 0
    out = capsys.readouterr().out
    assert out.count("fvcore: 180,432,896 FLOPs, one a MAC (fvcore 0.1.5.post20221221") == 1
    assert "179,830,784" in out
    assert "2 per element of BatchNormalization" in out


def test_all_conventions_as_csv(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyze", str(SAMPLES / "lenet5.onnx"), "--convention", "all", "--format", "csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert {row["convention"] for row in rows} == set(CONVENTIONS)
    sums = {name: sum(int(row["there"]) for row in rows if row["convention"] == name) for name in CONVENTIONS}
    assert sums == {"mac": 416_520, "fvcore": 416_520, "xla": 845_862, "thop": 418_096, "torch": 833_040}


def test_a_wrong_name_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyze", str(SAMPLES / "lenet5.onnx"), "--convention", "fvcor"]) == 2
    assert "--convention fvcor: found no such convention; there are mac, fvcore" in capsys.readouterr().err
