"""The laws of traffic on every sample, on small random graphs, and (slow) on every real model that has been fetched."""

import functools
import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import onnx
import pytest
import traffic_laws as laws
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from onnx_roofline.base.errors import RooflineError

SAMPLES = Path(__file__).resolve().parents[2] / "sample_models"
REFERENCE = json.loads((SAMPLES / "reference.json").read_text("utf-8"))["models"]
fast = settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@functools.lru_cache(maxsize=2)
def counted_sample(name: str) -> laws.Counted:
    return laws.Counted(SAMPLES / name, REFERENCE[name]["dims"])


def assert_all(counted: laws.Counted, ladder_backend: str = "compiler") -> None:
    for backend in laws.BACKENDS:
        for system in laws.SYSTEMS:
            laws.assert_laws(counted.analysis(laws.system_of(system), backend=backend))
    laws.assert_ladder(counted, laws.system_of("a100-attacc"), backend=ladder_backend)
    laws.assert_equals_naive(counted)


@pytest.mark.parametrize("name", sorted(REFERENCE))
@pytest.mark.parametrize("backend", laws.BACKENDS)
def test_samples_keep_the_laws(name: str, backend: str) -> None:
    for system in laws.SYSTEMS:
        laws.assert_laws(counted_sample(name).analysis(laws.system_of(system), backend=backend))


@pytest.mark.parametrize("name", sorted(REFERENCE))
def test_more_memory_never_costs_more_on_the_samples(name: str) -> None:
    laws.assert_ladder(counted_sample(name), laws.system_of("a100-attacc"), backend="compiler")


@pytest.mark.parametrize("name", sorted(REFERENCE))
def test_all_figures_are_naive_without_fusion_limits_and_residency(name: str) -> None:
    laws.assert_equals_naive(counted_sample(name))


def real_models() -> list[Path]:
    """Every fetched or derived model of the slow tests; the folder need not exist."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    chosen = os.environ.get("ONNX_ROOFLINE_MODELS") or f"{base}/onnx-roofline/models"
    return sorted(Path(chosen).expanduser().rglob("*.onnx"))


@pytest.mark.slow
@pytest.mark.parametrize("part", range(8))
def test_real_models_keep_the_laws(part: int) -> None:
    paths = real_models()[part::8]
    if not paths:
        pytest.skip("no real models: make real fetches them")
    checked = 0
    for path in paths:
        try:
            counted = laws.Counted(path)
        except RooflineError:
            continue
        assert_all(counted)
        checked += 1
    # Some files of the onnx package are refused on purpose.
    assert checked >= 0.9 * len(paths)


UNARY = ("Relu", "Sigmoid", "Softmax", "Transpose", "Reshape")
BINARY = ("Add", "MatMul", "Mul")


@st.composite
def graphs(draw: st.DrawFn) -> onnx.ModelProto:
    """A small random DAG of square matrices: products, elementwise ops, softmax, transposes and reshapes."""
    size = draw(st.sampled_from((1, 4, 24, 96)))
    shape = (size, size)
    tensors = ["x", "w"]
    nodes: list[onnx.NodeProto] = []
    for place in range(draw(st.integers(1, 14))):
        kind = draw(st.sampled_from(UNARY + BINARY))
        # Mostly what was made last, so that chains form.
        inputs = [draw(st.sampled_from(tensors[-3:] if draw(st.booleans()) else tensors))]
        if kind in BINARY:
            inputs.append(draw(st.sampled_from(tensors)))
        if kind == "Reshape":
            inputs.append("shape")
        nodes.append(helper.make_node(kind, inputs, [f"t{place}"], f"n{place}"))
        tensors.append(f"t{place}")
    made = [name for name in tensors if name.startswith("t")]
    outputs = draw(st.lists(st.sampled_from(made), unique=True, max_size=2))
    outputs = list(dict.fromkeys([*outputs, made[-1]]))
    return model_of(nodes, shape, outputs)


def model_of(nodes: Sequence[onnx.NodeProto], shape: tuple[int, int], outputs: Sequence[str]) -> onnx.ModelProto:
    def value(name: str) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    stored = [helper.make_tensor("shape", TensorProto.INT64, [2], shape)]
    graph = helper.make_graph(nodes, "g", [value("x"), value("w")], [value(name) for name in outputs], stored)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def test_bodies_count_as_often_as_they_run() -> None:
    """A loop of five trips around a product: totals are five times the body's, in the document too."""

    def value(name: str, kind: int, *shape: int) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, kind, shape)

    nodes = [helper.make_node("MatMul", ["a", "w"], ["m"]), helper.make_node("Relu", ["m"], ["b"])]
    nodes.append(helper.make_node("Identity", ["go"], ["on"]))
    inputs = [value("i", TensorProto.INT64), value("go", TensorProto.BOOL), value("a", TensorProto.FLOAT, 8, 8)]
    outputs = [value("on", TensorProto.BOOL), value("b", TensorProto.FLOAT, 8, 8)]
    body = helper.make_graph(nodes, "body", inputs, outputs)
    model = model_of([helper.make_node("Loop", ["trips", "", "x"], ["y"], body=body)], (8, 8), ["y"])
    model.graph.initializer.append(helper.make_tensor("trips", TensorProto.INT64, [], [5]))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.onnx"
        path.write_bytes(model.SerializeToString())
        counted = laws.Counted(path)
    assert_all(counted)
    product, relu = 3 * 64 * 4, 2 * 64 * 4
    analysis = counted.analysis(laws.system_of("teaching"), backend="none")
    assert analysis.summary.naive_bytes == 5 * (product + relu)
    assert analysis.summary.moved["teaching-gpu"].moved_bytes == 5 * (product + relu)


@fast
@given(graphs())
def test_random_graphs_keep_the_laws(model: onnx.ModelProto) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.onnx"
        path.write_bytes(model.SerializeToString())
        counted = laws.Counted(path)
    assert_all(counted, "ort")
    for backend in laws.BACKENDS:
        for on_chip, residency in (("256", True), ("2048", False), ("16384", True)):
            system = laws.system_of("a100-attacc")
            analysis = counted.analysis(system, backend=backend, on_chip=on_chip, residency=residency)
            laws.assert_laws(analysis)
            if not residency:
                assert all(row.resident_bytes == 0 for row in analysis.summary.moved.values())
