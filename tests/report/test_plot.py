"""The roofline picture: what is in it, that it can be trusted byte for byte, and that no label covers another."""

import itertools
import math
import os
import random
import re
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree

import onnx
import pytest
from msgspec.structs import replace

from onnx_roofline.analysis.analyze import Analysis, analyze
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.base.errors import MissingExtraError, UsageError
from onnx_roofline.hardware import System, load_system
from onnx_roofline.report.html.page_data import page_data
from onnx_roofline.report.notebook import summary_html
from onnx_roofline.report.plot import labels
from onnx_roofline.report.plot.figure import draw_roofline, label_boxes
from onnx_roofline.report.plot.labels import clean_label, merged_label
from onnx_roofline.report.plot.marks import PlotPoint
from onnx_roofline.report.plot.points import draw_analysis, not_drawn, plot_points

TEACHING = load_system("teaching")
A100 = load_system("a100-hbm-pim")
CHART = (88, 172, 1176, 662)


def point(label: str, intensity: float, flops: float, system: System = TEACHING, dtype: str = "float32") -> PlotPoint:
    """An op on the faster device of a system that computes the dtype on both."""
    rates = {d.slug: min(d.peaks_flops_per_s[dtype], intensity * d.bandwidth_bytes_per_s) for d in system.devices}
    device = max(rates, key=lambda slug: rates[slug])
    return PlotPoint(label, intensity, device, flops / rates[device], rates)


def two() -> list[PlotPoint]:
    return [point("Depthwise conv", 2.2468, 1806336), point("QKV projection", 16, 2097152)]


def layers(count: int = 6, system: System = TEACHING, dtype: str = "float32") -> list[PlotPoint]:
    """A transformer's ops: the same few intensities in every layer."""
    rows = [("query/MatMul", 59.1, 3e8), ("MatMul_1", 21.0, 5e7), ("MatMul_2", 21.3, 5e7), ("Softmax", 0.62, 3e6),
            ("dense/MatMul", 80.1, 1.2e9), ("Add_1", 0.083, 1e5), ("ReduceMean", 0.25, 1e5), ("Div", 0.11, 1e5),
            ("Erf", 2.5, 2e6), ("Gemm", 0.5, 1e6)]  # fmt: skip
    return [
        point(f"/encoder/layer.{n}/{name}", ai, flops, system, dtype) for n in range(count) for name, ai, flops in rows
    ]


def many(count: int = 5000) -> list[PlotPoint]:
    dice = random.Random(7)
    return [point(f"/l{n}/Conv_{n}", 10 ** dice.uniform(-2, 3.3), 10 ** dice.uniform(4, 9)) for n in range(count)]


def svg_texts(path: Path) -> list[str]:
    root = ElementTree.parse(path).getroot()
    return ["".join(node.itertext()).strip() for node in root.iter("{http://www.w3.org/2000/svg}text")]


def drawn(
    tmp_path: Path, points: list[PlotPoint], title: str = "model", system: System = TEACHING, dtype: str = "float32"
) -> list[str]:
    path = tmp_path / "roofline.svg"
    draw_roofline(str(path), title, system, dtype, points)
    return svg_texts(path)


@pytest.mark.parametrize(
    ("suffix", "start"), [("svg", b"<?xml"), ("png", b"\x89PNG\r\n\x1a\n"), ("pdf", b"%PDF-"), ("PNG", b"\x89PNG")]
)
def test_the_suffix_decides_the_format_and_nothing_else_is_left_in_the_folder(
    tmp_path: Path, suffix: str, start: bytes
) -> None:
    path = tmp_path / f"roofline.{suffix}"
    path.write_bytes(b"older")
    draw_roofline(str(path), "two ops", TEACHING, "float32", two())
    assert path.read_bytes().startswith(start)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_a_png_is_1200_by_750_pixels(tmp_path: Path) -> None:
    path = tmp_path / "roofline.png"
    draw_roofline(str(path), "two ops", TEACHING, "float32", two())
    header = path.read_bytes()[16:24]
    assert (int.from_bytes(header[:4]), int.from_bytes(header[4:])) == (1200, 750)


@pytest.mark.parametrize("name", ["roofline.jpg", "roofline", "svg", ".svg", "a.svg.gz"])
def test_another_suffix_is_refused_and_the_three_are_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"\.svg, \.png or \.pdf"):
        draw_roofline(str(tmp_path / name), "t", TEACHING, "float32", [])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["absent/roofline.svg", "a\0b.svg"])
def test_a_place_that_cannot_be_written_is_a_wrong_input(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="can't be written: "):
        draw_roofline(str(tmp_path / name), "t", TEACHING, "float32", [])


def test_a_failed_write_leaves_the_older_file_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "roofline.svg"
    path.write_bytes(b"older")

    def refuse(source: str, target: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(UsageError, match="Permission denied"):
        draw_roofline(str(path), "t", TEACHING, "float32", [])
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("roofline.svg", b"older")]


def test_missing_matplotlib_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r"--plot needs matplotlib.*pip install 'onnx-roofline\[plot\]'"):
        draw_roofline(str(tmp_path / "roofline.svg"), "t", TEACHING, "float32", [])


def test_importing_the_module_imports_neither_matplotlib_nor_numpy() -> None:
    code = (
        "import sys, onnx_roofline.report.plot.figure as p; print(sorted({'matplotlib', 'numpy'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"


def test_the_bytes_depend_on_the_input_alone(tmp_path: Path) -> None:
    code = (
        "import sys; from tests_points import layers, TEACHING\n"
        "from onnx_roofline.report.plot.figure import draw_roofline\n"
        "for s in ('svg', 'png', 'pdf'): draw_roofline(f'{sys.argv[1]}.{s}', 'm', TEACHING, 'float32', layers())"
    )
    (tmp_path / "tests_points.py").write_text(Path(__file__).read_text())
    for name in ("1", "2"):
        env = os.environ | {"PYTHONHASHSEED": name, "PYTHONPATH": str(tmp_path)}
        subprocess.run([sys.executable, "-c", code, str(tmp_path / name)], env=env, check=True)
        time.sleep(1.1 if name == "1" else 0)  # a date in a file would differ by a second
    for suffix in ("svg", "png", "pdf"):
        assert (tmp_path / f"1.{suffix}").read_bytes() == (tmp_path / f"2.{suffix}").read_bytes(), suffix


def test_the_order_of_the_points_does_not_matter(tmp_path: Path) -> None:
    points = layers()
    first, second = tmp_path / "1.svg", tmp_path / "2.svg"
    draw_roofline(str(first), "m", TEACHING, "float32", points)
    draw_roofline(str(second), "m", TEACHING, "float32", random.Random(3).sample(points, len(points)))
    assert first.read_bytes() == second.read_bytes()


def test_settings_of_the_user_are_neither_used_nor_changed(tmp_path: Path) -> None:
    import matplotlib

    draw_roofline(str(tmp_path / "1.svg"), "m", TEACHING, "float32", two())
    with matplotlib.rc_context({"font.size": 30, "svg.fonttype": "path", "axes.facecolor": "black"}):
        draw_roofline(str(tmp_path / "2.svg"), "m", TEACHING, "float32", two())
        assert matplotlib.rcParams["font.size"] == 30
    assert (tmp_path / "1.svg").read_bytes() == (tmp_path / "2.svg").read_bytes()


def test_the_teaching_sheet_is_named_in_full(tmp_path: Path) -> None:
    texts = drawn(tmp_path, two(), "Depthwise conv and attention")
    for wanted in (
        "Depthwise conv and attention",
        "Teaching GPU and PIM, float32",
        "Teaching GPU: 800 GB/s, 200 TFLOP/s   ·   Teaching PIM: 6 TB/s, 20 TFLOP/s",
        "arithmetic intensity [FLOP/byte]",
        "performance [FLOP/s]",
        "10 T",
        "ridge 250 FLOP/B",  # 200e12 / 800e9
        "ridge 3.33 FLOP/B",  # 20e12 / 6000e9
        "GPU faster above 25 FLOP/B",  # the PIM's peak on the GPU's slope: 20e12 / 800e9
        "PIM faster",
        "Depthwise conv",
        "QKV projection",
        "GPU 800 GB/s",
        "PIM 20 TFLOP/s",
    ):
        assert any(wanted == text for text in texts), wanted
    assert texts.count("memory-bound") == texts.count("compute-bound") == 2


def test_a_device_that_does_not_compute_the_dtype_has_no_roof(tmp_path: Path) -> None:
    texts = drawn(tmp_path, [], system=A100, dtype="float32")
    assert any("Samsung HBM-PIM (Aquabolt-XL), 5 stacks does not compute float32" in text for text in texts)
    assert texts.count("memory-bound") == 1
    with pytest.raises(UsageError, match=r"no device of system 'a100-hbm-pim' has a peak for dtype 'string'"):
        drawn(tmp_path, [], system=A100, dtype="string")


def test_integers_are_op_and_not_flop(tmp_path: Path) -> None:
    texts = drawn(tmp_path, [], dtype="int8")
    assert "arithmetic intensity [op/byte]" in texts
    assert not any("FLOP" in text for text in texts)


def test_equal_and_dominating_roofs_do_not_cross(tmp_path: Path) -> None:
    gpu, pim = TEACHING.devices
    fast = replace(pim, peaks_flops_per_s={"float32": 400e12})
    texts = drawn(tmp_path, [], system=replace(TEACHING, pim=fast))
    assert "PIM faster" in texts
    assert not any("faster above" in text or text == "GPU faster" for text in texts)
    same = replace(pim, peaks_flops_per_s=gpu.peaks_flops_per_s, internal_bytes_per_s=gpu.external_bytes_per_s)
    assert "equal" in drawn(tmp_path, [], system=replace(TEACHING, pim=same))


def test_ops_that_have_no_place_are_counted_in_a_footnote(tmp_path: Path) -> None:
    first = two()[0]
    odd = [replace(first, intensity=value) for value in (0.0, math.nan, math.inf, -1.0)]
    odd += [replace(first, device="elsewhere"), replace(first, achieved={}), replace(first, intensity=1e-9)]
    texts = drawn(tmp_path, [*odd, *two()])
    counted = "4 with zero or unknown intensity, 2 with no roof for their device, 1 with intensity beyond the axes"
    assert f"No place on the axes: {counted}." in texts
    assert not any("No place" in text for text in drawn(tmp_path, two()))


def test_a_kernel_above_its_roof_is_counted_and_one_below_is_not(tmp_path: Path) -> None:
    # 16 FLOP/B: 12.8 TFLOP/s on the GPU's slope, 20 TFLOP/s on the PIM, which is faster.
    high, low = (replace(two()[1], achieved={"teaching-gpu": 12e12, "teaching-pim": rate}) for rate in (25e12, 10e12))
    note = "Above their roof, since a device computes them at another peak: 1."
    assert note in drawn(tmp_path, [high, low])
    assert not any("Above their roof" in text for text in drawn(tmp_path, [low]))


def test_a_point_stands_where_its_kernel_really_is() -> None:
    on_roof, below = two()[1], replace(two()[1], achieved={"teaching-pim": 2e12})
    boxes = [box for box in label_boxes("t", TEACHING, "float32", [on_roof, below]) if not box.text]
    (high, low) = sorted(boxes, key=lambda box: -box.y0)
    assert (high.x0 + high.x1) / 2 == pytest.approx((low.x0 + low.x1) / 2)
    # A tenth of 20 TFLOP/s is a decade below; 10 T and 1 T are a decade apart on the axis.
    assert (high.y0 + high.y1) / 2 - (low.y0 + low.y1) / 2 > 50


def test_kernels_bound_by_their_launch_have_a_marker_and_a_legend_of_their_own(tmp_path: Path) -> None:
    legend = "bound by its launch"
    assert legend not in drawn(tmp_path, two())
    assert legend in drawn(tmp_path, [two()[0], replace(two()[1], is_launch=True)])
    # At one place, and not one spot: the two are of two kinds.
    both = [two()[1], replace(two()[1], is_launch=True)]
    assert len([box for box in label_boxes("t", TEACHING, "float32", both) if not box.text]) == 2


def test_spots_are_labelled_by_layer() -> None:
    def of(label: str, intensity: float, module: str) -> PlotPoint:
        return replace(point(label, intensity, 1e9), module=module)

    points = [of("MatMul", 16, f"llama/model/layers.{n}/mlp/up_proj") for n in range(8)]
    points += [of(kind, ai, f"enc/layers.{n}/attn") for kind, ai in (("Add", 0.08), ("Softmax", 0.6)) for n in range(4)]
    texts = {box.text for box in label_boxes("t", TEACHING, "float32", points)}
    assert {"layers.0..7/mlp/up_proj × 8", "enc/layers.0..3/attn × 4 Add", "enc/layers.0..3/attn × 4 Softmax"} <= texts


def test_the_picture_says_what_it_rests_on(tmp_path: Path) -> None:
    path = tmp_path / "roofline.svg"
    basis = "coverage: 100 % of 2 ops · ASSUMED dims: batch=1"
    draw_roofline(str(path), "m", TEACHING, "float32", two(), basis)
    assert basis in svg_texts(path)


def test_points_of_an_analysis_are_its_kernels_at_what_they_achieve() -> None:
    """By the plain roofline a kernel of the teaching GPU reaches its roof; an H100 loses its launch and more."""
    path = Path(__file__).resolve().parents[2] / "sample_models" / "lenet5.onnx"
    ideal = analyze(path, Settings(pim_model="roofline"))
    roofs = {device.slug: device for device in ideal.system.devices}
    points = plot_points(ideal)
    assert len(points) == ideal.summary.kernels
    for one in points:
        roof = min(
            roofs[one.device].peak_flops_per_s("float32"), one.intensity * roofs[one.device].bandwidth_bytes_per_s
        )
        assert one.achieved[one.device] == pytest.approx(roof, rel=1e-9)
    real = analyze(path, Settings(system="h100-sxm"))
    assert all(one.is_launch and one.time_s > 0 for one in plot_points(real))
    gpu = real.system.gpu
    assert all(one.achieved[gpu.slug] < one.intensity * gpu.bandwidth_bytes_per_s for one in plot_points(real))


@pytest.mark.parametrize("time_s", [0.0, math.nan, math.inf, -1.0])
def test_times_that_are_none_do_no_harm(tmp_path: Path, time_s: float) -> None:
    assert "Depthwise conv" in drawn(tmp_path, [replace(p, time_s=time_s) for p in two()])


HOSTILE = {
    "$\\frac{": "$\\frac{",
    "<script>&amp;": "<script>&amp;",
    "a\x00b\x1b[31m": "a\\x00b\\x1b[31m",
    "a\u202eb\u2066": "a\\u202eb\\u2066",
    "\ud800 \ufffe": "\\ud800 \\ufffe",
    "two\nlines": "two\\nlines",
    "": "(unnamed)",
    "卷积": "卷积",
    "x" * 99: "x" * 19 + "…" + "x" * 20,
}


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_names_are_shown_escaped_and_the_svg_stays_valid(tmp_path: Path, hostile: str) -> None:
    system = replace(TEACHING, name=hostile, gpu=replace(TEACHING.gpu, name=hostile))
    point_ = replace(two()[0], label=hostile)
    texts = drawn(tmp_path, [point_], hostile, system)
    assert HOSTILE[hostile] in texts
    for suffix in ("png", "pdf"):
        draw_roofline(str(tmp_path / f"r.{suffix}"), hostile, system, "float32", [point_])


def test_a_character_that_the_font_lacks_is_escaped_where_no_viewer_can_help() -> None:
    assert "\\u5377" in {box.text for box in label_boxes("t", TEACHING, "float32", [replace(two()[0], label="卷")])}


def test_a_label_of_megabytes_is_cut_at_once() -> None:
    start = time.process_time()
    assert len(clean_label("\x00é" * 5_000_000)) <= labels.MAX_LABEL_CHARACTERS
    assert time.process_time() - start < 0.2


def test_labels_are_cut_between_escapes() -> None:
    assert clean_label("\x00" * 50) == "\\x00" * 4 + "…" + "\\x00" * 5  # 39 characters hold nine escapes of four


def test_ops_at_one_spot_share_a_label() -> None:
    texts = [box.text for box in label_boxes("t", TEACHING, "float32", layers(12)) if box.text]
    assert "24 × MatMul" in texts  # MatMul_1 and MatMul_2, less than five pixels apart, of twelve layers
    assert "12 × Softmax" in texts


def test_merged_labels_are_never_longer_than_one() -> None:
    kinds = [f"Kind{n}of{'x' * n}_{n}" for n in range(60)]
    assert len(merged_label(kinds)) <= labels.MAX_LABEL_CHARACTERS
    assert merged_label(["/a/Conv_1", "/b/Conv", "3:Add", "/c/"]) == "2 × Conv, Add, /c/"


CASES = {
    "none": [],
    "one": two()[:1],
    "two": two(),
    "layers": layers(),
    "many": many(),
    "one spot": [point(f"op{n}", 16, 1e6) for n in range(300)],
    "wide": [point("W" * 40 + str(n), 10 ** (n / 10 - 2), 1e6) for n in range(60)],
    "edges": [point(f"/edge/{n}", ai, 1e9) for n, ai in enumerate((1e-5, 1e7, 1e-5, 0.5))],
}


@pytest.mark.parametrize("case", CASES)
def test_no_label_covers_another_or_a_point_or_leaves_the_chart(case: str) -> None:
    boxes = label_boxes("t", TEACHING, "float32", CASES[case])
    labels = [box for box in boxes if box.text]
    markers = [box for box in boxes if not box.text]
    assert len(labels) >= 3  # two ridges and the crossing
    assert bool(markers) == bool(CASES[case])
    for a, b in itertools.chain(itertools.combinations(labels, 2), itertools.product(labels, markers)):
        assert a.x1 < b.x0 or b.x1 < a.x0 or a.y1 < b.y0 or b.y1 < a.y0, (a, b)
    left, bottom, right, top = CHART
    assert all(left < box.x0 and box.x1 < right and bottom < box.y0 and box.y1 < top for box in labels)


def test_every_op_of_a_few_is_labelled() -> None:
    points = layers()
    texts = {box.text for box in label_boxes("t", A100, "float16", layers(6, A100, "float16"))}
    assert len(points) == 60
    assert {"6 × Softmax", "6 × Erf", "6 × Add", "6 × Div", "6 × Gemm", "6 × ReduceMean", "12 × MatMul"} <= texts


def test_a_marker_grows_with_the_share_of_time_up_to_a_bound() -> None:
    long, short = replace(two()[0], time_s=0.9), replace(two()[1], time_s=0.1)
    one, other = [box for box in label_boxes("t", TEACHING, "float32", [long, short]) if not box.text]
    assert (one.x1 - one.x0) / (other.x1 - other.x0) == pytest.approx(3)  # the root of 0.9 / 0.1
    assert one.x1 - one.x0 < 40


def test_five_thousand_ops_take_no_quadratic_time(tmp_path: Path) -> None:
    points = many()
    draw_roofline(str(tmp_path / "warm.png"), "t", TEACHING, "float32", [])
    for suffix in ("png", "svg", "pdf"):
        start = time.process_time()
        draw_roofline(str(tmp_path / f"many.{suffix}"), "t", TEACHING, "float32", points)
        # About 0.5 s; a step for every pair of ops would take minutes.
        assert time.process_time() - start < 20, suffix


def of_all_kinds(path: Path) -> Analysis:
    """A product, a copy, an op without a rule, texts of no stated length, and integers, which IANUS has not."""
    text = """<ir_version: 10, opset_import: ["": 21, "my.dom": 1]>
        g (bfloat16[N, 64] x, bfloat16[64, 64] w, int64[4] a, string[4] s) => (y, t, f, e, b) {
            y = MatMul (x, w)  t = Transpose (w)  f = my.dom.Foo (x)  e = Equal (s, s)  b = Add (a, a)
        }"""
    onnx.save(onnx.parser.parse_model(text), path)
    return analyze(path, Settings(backend="none", system="ianus"))


NOT_DRAWN = (
    "Not drawn: 1 kernel of unknown operations, 1 of unknown bytes, 1 without a time on any device, "
    "1 without operations."
)


def test_a_picture_counts_the_kernels_that_it_cannot_show(tmp_path: Path) -> None:
    analysis = of_all_kinds(tmp_path / "m.onnx")
    assert [one.label for one in plot_points(analysis)] == ["MatMul"]
    assert not_drawn(analysis) == NOT_DRAWN
    draw_analysis(analysis, str(tmp_path / "r.svg"))
    (note,) = [text for text in svg_texts(tmp_path / "r.svg") if text.startswith("Not drawn")]
    assert note.startswith(NOT_DRAWN)
    assert any("ASSUMED dims: N=1" in text for text in svg_texts(tmp_path / "r.svg"))
    assert NOT_DRAWN in summary_html(analysis)
    assert page_data(analysis)["head"]["hidden"] == NOT_DRAWN


def test_a_picture_of_every_kernel_leaves_nothing_out(tmp_path: Path) -> None:
    text = '<ir_version: 10, opset_import: ["": 21]> g (float[4] x) => (y) { y = Exp (x) }'
    onnx.save(onnx.parser.parse_model(text), tmp_path / "m.onnx")
    analysis = analyze(tmp_path / "m.onnx")
    assert not_drawn(analysis) == ""
    assert page_data(analysis)["head"]["hidden"] == ""


def test_notes_never_leave_the_picture(tmp_path: Path) -> None:
    left_out = " ".join(f"note {number} of some length" for number in range(60))
    draw_roofline(str(tmp_path / "r.svg"), "t", TEACHING, "float32", two(), left_out=left_out)
    root = ElementTree.parse(tmp_path / "r.svg").getroot()
    lines = [text for text in svg_texts(tmp_path / "r.svg") if "of some length" in text]
    assert lines[0].startswith("note 0")
    assert (len(lines), lines[-1][-1]) == (2, "…")
    (height,) = [float(root.attrib["height"].removesuffix("pt"))]
    for node in root.iter("{http://www.w3.org/2000/svg}text"):
        place = re.search(r"translate\(\S+ (\S+)\)", node.attrib.get("transform", ""))
        assert place is None or 0 < float(place[1]) < height - 1


def test_two_spots_never_have_one_label() -> None:
    flat = [replace(point("Conv", ai, 1e8), id=f"{n}:Conv") for n, ai in enumerate((3.0, 3.0, 90.0, 90.0))]
    texts = [box.text for box in label_boxes("t", TEACHING, "float32", flat) if box.text]
    assert {"2 × Conv, 0:Conv", "2 × Conv, 2:Conv"} <= set(texts)
    assert len(set(texts)) == len(texts)
