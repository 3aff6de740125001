"""The pack `ort` against onnxruntime itself: a few samples now, all models in the record that agreement.py writes."""

import json
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from onnx_roofline.analysis.settings import Settings
from onnx_roofline.fusion.backends import load_backend
from onnx_roofline.fusion.scope_view import views_by_scope

from . import agreement, spellings
from .conftest import Build, model_of

# Samples that onnxruntime optimises in a second: both exporters, with convolutions and attention.
QUICK = (
    "attention_multi_head.onnx", "lenet5.torchscript.onnx", "llama_decode.torchscript.onnx", "residual_block.onnx",
    "sd_unet_block.onnx", "sd_unet_block.torchscript.onnx",
)  # fmt: skip
# What the pack is held to, over all models together.
LEAST_F1 = 0.95
LEAST_EXACT_GROUPS = 0.92


def test_the_pack_agrees_with_onnxruntime_on_a_few_samples(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    total = agreement.Score()
    for case in agreement.sample_cases():
        if case.name in QUICK:
            score = agreement.agreement(case, tmp_path, load_backend("ort"), [])
            assert isinstance(score, agreement.Score), f"{case.name}: {score}"
            total.add(score)
    figures = total.figures()
    assert total.edges > 400
    assert figures["f1"] >= 0.97  # type: ignore[operator]
    assert figures["exact_group_rate"] >= LEAST_EXACT_GROUPS  # type: ignore[operator]


def test_the_record_of_all_models_is_good_enough() -> None:
    record = json.loads(agreement.RECORD.read_text("utf-8"))
    for figures in record["backend_ort_against_extended"]["totals"].values():
        assert figures["f1"] >= LEAST_F1
        assert figures["exact_group_rate"] >= LEAST_EXACT_GROUPS
        assert figures["coverage"] >= 0.95


@pytest.mark.parametrize(("name", "kernels"), [("resnet50", 56), ("mobilenet_v2", 54)])
def test_the_record_has_the_kernel_counts_of_plain_networks(name: str, kernels: int) -> None:
    counts = json.loads(agreement.RECORD.read_text("utf-8"))["kernels_of_compiler_beside_ort_all"]
    assert counts[f"{name}.torchscript.onnx"] == {"compiler": kernels, "ort_all": kernels}


def test_an_optimised_node_stands_for_the_ops_behind_it(build: Build) -> None:
    text = "a = MatMul(x, w)\nb = Add(a, v)\nr = Relu(b)\ns = Relu(b)\ny = Add(r, s)"
    weights = {"w": (8, 8), "v": (8,)}
    original = model_of(text, {"x": (4, 8)}, weights)
    nodes = [
        helper.make_node("Gemm", ["x", "w", "v"], ["b"]),
        helper.make_node("Relu", ["b"], ["r"]),
        helper.make_node("Add", ["r", "r"], ["y"]),
    ]
    value = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    optimised = helper.make_model(helper.make_graph(nodes, "g", [], [value]))
    view = views_by_scope(build(text, {"x": (4, 8)}, weights))[""]
    # MatMul and Add are in Gemm; the second Relu is the first one again, so it is nowhere.
    assert agreement.reference_groups(optimised, original, view) == [0, 0, 1, None, 2]


def test_renamed_nodes_stand_for_the_ops_of_their_type(build: Build) -> None:
    text = "t = Transpose<perm=[1,0]>(x)\nr = Relu(t)\ny = Exp(r)"
    original = model_of(text, {"x": (4, 8)})
    nodes = [
        helper.make_node("Relu", ["x"], ["new"]),
        helper.make_node("Exp", ["new"], ["newer"]),
        helper.make_node("Transpose", ["newer"], ["y"]),
    ]
    value = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    optimised = helper.make_model(helper.make_graph(nodes, "g", [], [value]))
    view = views_by_scope(build(text, {"x": (4, 8)}))[""]
    # The transpose went to the end and took the name of the result with it.
    assert len(set(agreement.reference_groups(optimised, original, view)) - {None}) == 2


def test_scores_are_ratios_of_edges_bytes_and_groups(build: Build) -> None:
    view = views_by_scope(build("a = Relu(x)\nb = Exp(a)\nc = Abs(b)\ny = Neg(c)", {"x": (4,)}))[""]
    misses: list[str] = []
    score = agreement.compare(view, [0, 0, 1, 1], ["p", "p", "p", "q"], misses)
    assert (score.edges, score.true, score.extra, score.missed, score.agreed) == (3, 1, 1, 1, 1)
    assert (score.true_bytes, score.extra_bytes, score.missed_bytes) == (16, 16, 16)
    assert (score.groups, score.exact_groups) == (2, 0)
    assert misses == ["extra: Exp -> Abs (1:Exp -> 2:Abs)", "missed: Abs -> Neg (2:Abs -> 3:Neg)"]
    assert score.figures()["f1"] == 0.5


@pytest.mark.parametrize(
    ("cube", "halves"),
    [
        ("p = Pow(x, three)", "h = Mul(half, x)\ny = Mul(h, a)"),
        ("p = Pow(x, three)", "h = Mul(half, a)\ny = Mul(x, h)"),
        ("p = Pow(x, three)", "h = Mul(x, a)\ny = Mul(half, h)"),
        ("xx = Mul(x, x)\np = Mul(x, xx)", "h = Mul(half, x)\ny = Mul(h, a)"),
    ],
)
def test_the_pack_takes_the_spellings_of_gelu_that_onnxruntime_takes(tmp_path: Path, cube: str, halves: str) -> None:
    """Exporters write where the half goes and the cube in more ways than it knows."""
    pytest.importorskip("onnxruntime")
    tanh = spellings.TANH.strip().replace("p = Pow(x, three)", cube)
    text = f"x = Relu(i)\n{tanh}\n{halves}\nz = Relu(y)"
    path = tmp_path / "gelu.onnx"
    onnx.save(model_of(text, {"i": (4, 64)}, values=spellings.NUMBERS), path)
    case = agreement.Case("gelu", path, Settings())
    score = agreement.agreement(case, tmp_path, load_backend("ort"), [])
    assert isinstance(score, agreement.Score), score
    assert (score.extra, score.missed) == (0, 0)
