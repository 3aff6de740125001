"""The search for valid dims: it ends in 2 s, and where none is valid the ops concerned are unknown."""

import time
from pathlib import Path

import onnx
import pytest

from onnx_roofline.analysis import dim_search
from onnx_roofline.analysis.analyze import Analysis, analyze
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.base.errors import ShapeError
from onnx_roofline.ir.records import TypedOp, Work
from onnx_roofline.report.header import first_line

HEAD = '<ir_version: 8, opset_import: ["": 15]>\n'


def write(folder: Path, source: str) -> str:
    path = folder / "model.onnx"
    onnx.save(onnx.parser.parse_model(HEAD + source), path)
    return str(path)


def statuses(analysis: Analysis) -> dict[str, str]:
    works = analysis.model.column(Work)
    return {row.op.op_type: works[key].status for key, row in analysis.model.column(TypedOp).items()}


def shapes(analysis: Analysis) -> dict[str, str]:
    rows = analysis.model.column(TypedOp).values()
    return {name: str(kind) for row in rows for name, kind in zip(row.op.outputs, row.outputs, strict=True)}


# 4 columns can't be multiplied by 3 rows, whatever N is.
HOPELESS = "g (float[N, 4] x, float[3, 7] w) => (y, z) { a = MatMul (x, w)  y = Relu (a)  z = Neg (x) }"


@pytest.mark.parametrize(
    ("source", "unknown"),
    [
        (HOPELESS, {"MatMul", "Relu"}),
        ("g (float[N, 4] x, float[N, 5] w) => (y, z) { y = Add (x, w)  z = Neg (x) }", {"Add"}),
        (
            "g (float[N, 4] x) => (y, z) { m = Constant <value_ints = [7, 11]> () "
            "r = Reshape (x, m)  y = Exp (r)  z = Neg (x) }",
            {"Reshape", "Exp"},
        ),
        ("g (float[N, 4] x, float[3, 5] w) => (y, z) { y = Concat <axis = 0> (x, w)  z = Neg (x) }", {"Concat"}),
    ],
)
def test_a_model_that_no_dims_make_valid_is_reported(tmp_path: Path, source: str, unknown: set[str]) -> None:
    path = write(tmp_path, source)
    started = time.monotonic()
    analysis = analyze(path)
    assert time.monotonic() - started < dim_search.SEARCH_TIME_S + 2
    found = statuses(analysis)
    assert {op for op, status in found.items() if status == "unknown"} == unknown
    assert found["Neg"] == "exact"
    assert shapes(analysis)["z"] == "float32[1, 4]"
    codes = [notice.code for notice in analysis.model.warnings]
    assert codes.count("contradiction") == 1
    assert codes.count("no-valid-dims") == 1
    assert "unknown: " in first_line(analysis)


@pytest.mark.parametrize(
    "source",
    [
        HOPELESS,
        "g (float[N, 4] x, float[N, 5] w) => (y, z) { y = Add (x, w)  z = Neg (x) }",
        "g (float[N, 4] x, float[3, 5] w) => (y, z) { y = Concat <axis = 0> (x, w)  z = Neg (x) }",
    ],
)
def test_no_dims_are_asked_for_where_the_file_contradicts_itself(tmp_path: Path, source: str) -> None:
    """N may be what it likes: 4 is not 5."""
    path = write(tmp_path, source)
    started = time.monotonic()
    analysis = analyze(path)
    assert time.monotonic() - started < 1, "nothing is searched for"
    (text,) = [notice.message for notice in analysis.model.warnings if notice.code == "no-valid-dims"]
    assert text == "no sizes make the model valid: the file fixes what contradicts itself; export the model anew"
    with pytest.raises(ShapeError) as refused:
        analyze(path, Settings(dims={"N": 3}))
    assert "--dim" not in str(refused.value)


def test_dims_are_asked_for_where_they_decide(tmp_path: Path) -> None:
    rows = "g (float[N, 4] x) => (y) { m = Constant <value_ints = [7, 11]> ()  y = Reshape (x, m) }"
    analysis = analyze(write(tmp_path, rows))
    (text,) = [notice.message for notice in analysis.model.warnings if notice.code == "no-valid-dims"]
    assert text.endswith("give the true ones with --dim")


def test_dims_that_exist_are_found(tmp_path: Path) -> None:
    rows = "g (float[N, 4] x) => (y) { m = Constant <value_ints = [-1, 6]> ()  y = Reshape (x, m) }"
    assert shapes(analyze(write(tmp_path, rows)))["y"] == "float32[2, 6]"  # N = 3


def test_a_contradiction_of_what_is_stated_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ShapeError, match="0:MatMul"):
        analyze(write(tmp_path, HOPELESS), Settings(dims={"N": 2}))
    half = "g (float[N, M] x, float[3, 7] w) => (y) { y = MatMul (x, w) }"
    with pytest.raises(ShapeError, match=r"0:MatMul.*; stated was M=4"):
        analyze(write(tmp_path, half), Settings(dims={"M": 4}))
    open_one = "g (float[N, M] x) => (y) { m = Constant <value_ints = [7, 11]> ()  y = Reshape (x, m) }"
    with pytest.raises(ShapeError, match="the dims N=1 were assumed"):
        analyze(write(tmp_path, open_one), Settings(dims={"M": 4}))
    fixed = "g (float[2, 4] x, float[3, 7] w) => (y) { y = MatMul (x, w) }"
    with pytest.raises(ShapeError, match="0:MatMul"):
        analyze(write(tmp_path, fixed))


def test_the_search_ends_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With candidates that take longer than the search may, it stops before the next one would run over."""
    monkeypatch.setattr(dim_search, "SEARCH_TIME_S", 0.3)
    rows = "g (float[seq, 4] x) => (y) { m = Constant <value_ints = [7, 11]> ()  y = Reshape (x, m) }"
    path = write(tmp_path, rows)
    tried: list[float] = []
    bind = dim_search.bind

    def slow(*arguments: object) -> object:
        tried.append(time.monotonic())
        time.sleep(0.1 if len(tried) > 1 else 0)
        return bind(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(dim_search, "bind", slow)
    analyze(path)
    assert 2 <= len(tried) <= 4
