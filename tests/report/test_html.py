"""The page without a browser: its views are laid out as promised, its policy fits it, and names stay data."""

import base64
import hashlib
import json
import re
from collections import Counter
from pathlib import Path

import pytest

from onnx_roofline.analysis.analyze import Analysis, analyze
from onnx_roofline.analysis.kernel_edges import kernel_edges
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.ir.placed_records import Placement, PlacementSummary
from onnx_roofline.ir.records import Executions, Kernel
from onnx_roofline.report.html.graph_views import MAX_BOXES, View, lay_out
from onnx_roofline.report.html.page import write_page
from onnx_roofline.report.html.page_data import page_data

SAMPLES = Path(__file__).resolve().parents[2] / "sample_models"
# Pixels of a box, as the script draws it.
WIDTH, HEIGHT = 168, 48


def checked(views: list[View], kernels: int) -> list[View]:
    """The views, after their laws: every kernel once a level, few boxes, none over another, all inside."""
    for number, view in enumerate(views):
        assert 0 < len(view.boxes) <= MAX_BOXES
        shown = Counter(kernel for box in view.boxes for kernel in box[3])
        assert set(shown.values()) == {1}
        if number == 0:
            assert set(shown) == set(range(kernels))
        else:
            (outer,) = [box for box in views[view.parent].boxes if box[2] == number]
            assert set(shown) == set(outer[3])
        for n, (x, y, *_) in enumerate(view.boxes):
            assert 0 <= x <= view.width - WIDTH
            assert 0 <= y <= view.height - HEIGHT
            assert all(abs(x - a) >= WIDTH or abs(y - b) >= HEIGHT for a, b, *_ in view.boxes[n + 1 :])
        assert all(-1 <= end < len(view.boxes) for a, b, _ in view.edges for end in (a, b))
        assert all(a != b for a, b, _ in view.edges)
    leaves = Counter(box[3] for view in views for box in view.boxes if box[2] < 0)
    assert leaves == Counter({(kernel,): 1 for kernel in range(kernels)})
    return views


def test_views_follow_the_modules() -> None:
    modules = ["a/x", "a/x", "a/y", "b", ""]
    edges = [(0, 1, 10), (1, 2, 20), (2, 3, 30), (3, 4, 40), (-1, 0, 5), (4, -1, 6), (1, 3, 7)]
    top, inside, deeper = checked(lay_out(modules, edges), 5)
    assert [box[4] for box in top.boxes] == ["a", "b", ""]
    # a holds kernels 0 to 2: what leaves it are 30 bytes from 2 and 7 from 1.
    assert set(top.edges) == {(0, 1, 37), (1, 2, 40), (-1, 0, 5), (2, -1, 6)}
    assert (inside.path, deeper.path) == ("a", "a/x")
    assert set(inside.edges) == {(0, 1, 20), (-1, 0, 5), (1, -1, 30), (0, -1, 7)}


def test_a_module_alone_in_another_is_one_step() -> None:
    (top, inside) = checked(lay_out(["m/n/a", "m/n/b", "m/n/b"], [(0, 1, 1), (1, 2, 1)]), 3)
    assert (top.path, inside.path) == ("m/n", "m/n/b")


@pytest.mark.parametrize("count", [1, MAX_BOXES, MAX_BOXES + 1, 1000, MAX_BOXES**2 + 1])
def test_many_kernels_without_modules_are_put_together(count: int) -> None:
    views = checked(lay_out([""] * count, [(n, n + 1, 1) for n in range(count - 1)]), count)
    assert len(views[0].boxes) <= MAX_BOXES


def test_a_reader_lies_below_what_it_reads() -> None:
    edges = [(0, 1, 1), (0, 2, 1), (1, 3, 1), (2, 3, 1)]
    (view,) = checked(lay_out([""] * 4, edges), 4)
    assert all(view.boxes[a][1] < view.boxes[b][1] for a, b, _ in edges)
    assert view.boxes[1][1] == view.boxes[2][1]


def test_modules_that_need_each_other_are_laid_out() -> None:
    views = checked(lay_out(["a", "b", "a", "b"], [(0, 1, 1), (1, 2, 1), (2, 3, 1)]), 4)
    assert set(views[0].edges) == {(0, 1, 2), (1, 0, 1)}


@pytest.mark.parametrize("name", ["resnet50.onnx", "bert_base.onnx", "t5_small.onnx", "lstm.onnx", "gat_cora.onnx"])
def test_page_data_says_what_the_analysis_says(name: str, analyzed_sample) -> None:
    analysis: Analysis = analyzed_sample(name)
    data = json.loads(json.dumps(page_data(analysis), allow_nan=False))
    model = analysis.model
    roots = [key for key, kernel in model.column(Kernel).items() if kernel.id == key]
    kernels, ops = data["kernels"], data["ops"]
    assert [ops["id"][place] for place in kernels["root"]] == roots
    lengths = {len(column) for column in kernels.values()}
    assert lengths == {len(roots)}
    assert {len(column) for column in ops.values()} == {len(model.column(Kernel))}
    placed = sum(
        kernels["time"][n][kernels["device"][n]] * ops["runs"][kernels["root"][n]]
        for n in range(len(roots))
        if kernels["device"][n] >= 0
    )
    optimum = next(one for one in model.whole(PlacementSummary).alternatives if one.name == "optimum")
    assert placed == pytest.approx(optimum.kernel_s, rel=1e-5)  # six digits of each
    assert data["head"]["macs"] == sum(
        count * ops["runs"][n] for n, count in enumerate(ops["macs"]) if model.column(Executions)[ops["id"][n]].count
    )
    runs = [box[3] for box in data["views"][0][4]]
    shown = [end - start + 1 for run in runs for start, end in zip(run[::2], run[1::2], strict=True)]
    assert sum(shown) == len(roots)


def test_devices_have_all_their_roofs() -> None:
    """A100 with AttAcc on a model in float16; the rates are those of the datasheets that the profiles name."""
    settings = Settings(dims={"batch": 1, "past_sequence": 1023}, system="a100-attacc", assume_dtype="float16")
    gpu, pim = page_data(analyze(SAMPLES / "llama_decode.onnx", settings))["devices"]
    assert gpu["memory"] == [["DRAM", 2039e9], ["L2", 2500e9]]
    # Tensor cores do 312 TFLOP/s in float16, plain units a quarter of that; integers have no matrix unit for int64.
    assert [roof for roof in gpu["compute"] if roof[1] == "float16"] == [
        ["matrix", "float16", 312e12], ["vector", "float16", 78e12]]  # fmt: skip
    assert [roof for roof in gpu["compute"] if roof[1] == "int64"] == [["vector", "int64", 9.75e12]]
    assert pim["memory"] == [["DRAM", 30168e9], ["interface", 3352e9]]
    assert pim["compute"] == [["peak", "float16", 30.168e12]]


def test_a_device_without_engines_has_one_peak(analyzed_sample) -> None:
    (found, _) = page_data(analyzed_sample("lenet5.onnx"))["devices"]  # the teaching GPU: 800 GB/s, 200 TFLOP/s
    assert found["memory"] == [["DRAM", 800e9]]
    assert ["peak", "float32", 200e12] in found["compute"]


def test_kernel_edges_join_placed_kernels(analyzed_sample) -> None:
    model = analyzed_sample("resnet50.onnx").model
    edges = list(kernel_edges(model))
    placed = {key for key, row in model.column(Placement).items() if row.device and row.reason != "fused"} | {""}
    assert {end for edge in edges for end in (edge.maker, edge.reader)} <= placed
    assert all(edge.maker != edge.reader for edge in edges)
    # Every kernel hands something on, the last one to the outside; the input comes from there.
    assert len({edge.maker for edge in edges}) == len(placed)


def test_the_policy_names_the_style_and_the_script(analyzed_sample) -> None:
    page = "".join(write_page(analyzed_sample("lenet5.onnx")))
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    allowed = dict(part.strip().split(" ", 1) for part in policy[1].replace("&#x27;", "'").split(";"))
    assert allowed["default-src"] == "'none'"
    for source, tag in (("style-src", "style"), ("script-src", "script")):
        (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.S)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert allowed[source] == f"'sha256-{digest}'"
    assert "unsafe" not in policy[1]
    assert not re.findall(r"""(?:src|href)\s*=\s*["'](?!#)""", page.split('<script type="application/json"')[0])


def test_the_same_analysis_gives_the_same_page(analyzed_sample) -> None:
    analysis = analyzed_sample("lenet5.onnx")
    assert list(write_page(analysis)) == list(write_page(analysis))
