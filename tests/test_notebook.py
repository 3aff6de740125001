"""An analysis in a notebook: data frames, totals, differences, files by their suffix, and what is shown of itself."""

import json
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import onnx
import pandas
import polars
import pytest
from onnx import parser

import onnx_roofline as rl
from onnx_roofline.cli.main import main
from onnx_roofline.report import frames

SAMPLES = Path(__file__).resolve().parents[1] / "sample_models"
LENET = SAMPLES / "lenet5.onnx"
# What a file of each suffix has in it.
WRITTEN = {
    ".html": "<!doctype html>",
    ".dot": "digraph",
    ".csv": "id,name,op_type",
    ".mlir": '"onnx.Conv"',
    ".svg": "<svg",
}
UNKNOWN = '<ir_version: 9, opset_import: ["": 18, "local": 1]> g (float[2, 4] x) => (float[N] y) { y = local.Foo (x) }'


class Tags(HTMLParser):
    """Every tag with its attributes, and whether each that was opened is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def unknown(folder: Path, name: str = "m.onnx") -> rl.Analysis:
    onnx.save(parser.parse_model(UNKNOWN), folder / name)
    return rl.analyze(folder / name)


def test_a_table_is_the_rows_as_the_usual_frame() -> None:
    analysis = rl.analyze(LENET)
    table = analysis.table()
    assert isinstance(table, pandas.DataFrame)
    pandas.testing.assert_frame_equal(table, pandas.DataFrame(analysis.rows()))
    # 6 * 28*28 * 25 + 16 * 10*10 * 6*25 + 400*120 + 120*84 + 84*10
    assert table["macs"].sum() == 416_520


def test_a_table_is_a_frame_of_the_library_that_is_named() -> None:
    analysis = rl.analyze(LENET)
    assert isinstance(analysis.table(library="polars"), polars.DataFrame)
    assert analysis.table(library="polars").to_dicts() == analysis.rows()


def test_modules_are_rolled_up_to_a_depth() -> None:
    analysis = rl.analyze(SAMPLES / "gpt2.onnx", dims={"batch": 1, "sequence": 8})
    whole, top = analysis.modules(), analysis.modules(depth=1)
    assert list(top["module"]) == ["gpt2", ""]
    assert whole["macs"].sum() == top["macs"].sum() == analysis.summary.counts.macs
    assert len(whole) > len(analysis.modules(depth=2)) > 1


def test_totals_are_those_of_the_summary_and_unknown_is_none(tmp_path: Path) -> None:
    totals = rl.analyze(LENET).totals
    assert (totals["macs"], totals["parameters"], totals["ops"]) == (416_520, 61_706, 12)
    # four bytes a parameter
    assert totals["weight_bytes"] == 4 * 61_706
    found = unknown(tmp_path).totals
    assert (found["macs"], found["flops"], found["time_s"]) == (None, None, None)


def test_a_difference_is_the_command_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lenet, linear = rl.analyze(LENET), rl.analyze(SAMPLES / "linear.onnx")
    assert main(["diff", str(LENET), str(SAMPLES / "linear.onnx"), "--format", "json", "--top", "0"]) == 0
    shown = json.loads(capsys.readouterr().out)
    found = lenet.diff(linear)
    assert [list(row) for row in found.totals] == shown["totals"]
    assert [node.label for node in found.nodes] == [node["label"] for node in shown["nodes"]]
    macs = next(row for row in found.totals if row[0] == "macs")
    # 64 rows of a product of 128 x 128
    assert macs == ("macs", 416_520, 64 * 128 * 128)
    assert lenet.diff(lenet).is_empty


@pytest.mark.parametrize("suffix", [".html", ".json", ".csv", ".mlir", ".dot", ".svg"])
def test_a_file_is_what_its_suffix_says(suffix: str, tmp_path: Path) -> None:
    analysis = rl.analyze(LENET)
    analysis.save(tmp_path / f"x{suffix}")
    text = (tmp_path / f"x{suffix}").read_text("utf-8")
    if suffix == ".json":
        assert json.loads(text)["totals"]["macs"] == 416_520
    else:
        assert WRITTEN[suffix] in text


def test_another_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        rl.UsageError,
        match=r"x\.txt: wanted one of \.html, \.json, .*, \.pdf$",
    ):
        rl.analyze(LENET).save(tmp_path / "x.txt")


def test_a_notebook_gets_the_totals_and_a_roofline() -> None:
    analysis = rl.analyze(LENET)
    text = analysis._repr_html_()
    tags = Tags(text)
    assert not tags.open
    assert "416.5 kMAC" in text
    circles = [attributes for tag, attributes in tags.found if tag == "circle"]
    assert len(circles) == sum(row["time_s"] is not None for row in _placed(analysis))
    assert all(0 < float(one["cx"] or 0) < 420 and 0 < float(one["cy"] or 0) < 220 for one in circles)
    assert sum(tag == "polyline" for tag, _ in tags.found) == 2  # a roof for each device
    assert not {tag for tag, _ in tags.found} & {"script", "img", "link", "iframe", "style"}


def _placed(analysis: rl.Analysis) -> list[dict[str, Any]]:
    """The kernels that have a place and an intensity, and therefore a point."""
    from onnx_roofline.report.plot.points import plot_points

    return [{"time_s": point.time_s} for point in plot_points(analysis) if point.achieved.get(point.device)]


def test_a_plot_without_a_path_is_the_picture_of_the_file(tmp_path: Path) -> None:
    analysis = rl.analyze(LENET)
    shown = analysis.plot()
    assert shown is not None
    assert analysis.plot(tmp_path / "lenet.svg") is None
    assert shown._repr_svg_() == (tmp_path / "lenet.svg").read_text("utf-8")
    assert repr(shown).startswith("<Svg: ")


def test_a_diff_is_one_line_and_its_text_is_that_of_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    other = LENET.with_name("lenet5.torchscript.onnx")
    found = rl.analyze(LENET).diff(rl.analyze(other))
    assert repr(found).count("\n") == 0
    assert "ops: " in repr(found)
    main(["diff", str(LENET), str(other), "--only-changed"])
    assert str(found) == capsys.readouterr().out


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda analysis: analysis.diff("lenet5.onnx"), "diff: found str, wanted an analysis"),
        (lambda analysis: analysis.modules(depth=-1), "depth: found -1, wanted a number of levels, or 0 for all"),
    ],
)
def test_what_can_not_be_asked_is_one_line(call: Any, message: str) -> None:
    with pytest.raises(rl.UsageError, match=message):
        call(rl.analyze(LENET))


def test_names_of_the_model_are_data(tmp_path: Path) -> None:
    text = unknown(tmp_path, "<script>alert(1)<script>.onnx")._repr_html_()
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert "unknown" in text


def test_without_a_library_of_frames_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(rl.MissingExtraError, match=r"onnx-roofline\[frames\]"):
        rl.analyze(LENET).table()


def test_a_library_that_has_no_frames_is_refused() -> None:
    with pytest.raises(rl.UsageError, match="library 'panda': wanted one of data frames; did you mean 'pandas'"):
        rl.analyze(LENET).table(library="panda")


def test_nothing_of_it_is_imported_before_it_is_asked_for() -> None:
    import subprocess

    code = (
        "import sys, onnx_roofline as rl\n"
        f"rl.analyze({str(LENET)!r}).totals\n"
        "found = {'pandas', 'narwhals', 'polars', 'matplotlib'} & set(sys.modules)\n"
        "assert not found, found\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
