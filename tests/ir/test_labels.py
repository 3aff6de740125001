"""Labels of ops: unlike each other, short, and what `explain` takes, whatever the names in the file are."""

import csv
import io
import time
from pathlib import Path

import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onnx_roofline.analysis.analyze import analyze
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.base.errors import UsageError
from onnx_roofline.cli.main import main
from onnx_roofline.ir.find_op import find_op, op_labels
from onnx_roofline.ir.graph import Op
from onnx_roofline.report.csv_table import write_csv
from onnx_roofline.report.kernel_rows import kernel_rows
from onnx_roofline.report.plot.points import plot_points


def op(index: int, kind: str = "Exp", name: str = "", output: str = "") -> Op:
    return Op(f"{index}:{kind}", index, name, kind, "", 21, (), (output,), {})


def labels(*ops: Op) -> list[str]:
    return list(op_labels({one.id: one for one in ops}).values())


def test_a_label_is_the_shortest_end_of_a_name_that_no_other_has() -> None:
    assert labels(op(0, name="/m/l.0/q/Exp"), op(1, name="/m/l.0/v/Exp"), op(2, name="/m/l.1/v/Exp")) == [
        "q/Exp", "l.0/v/Exp", "l.1/v/Exp"
    ]  # fmt: skip
    assert labels(op(0, name="Exp_0"), op(1, name="/a")) == ["Exp_0", "/a"]


def test_ops_of_one_name_are_told_apart_by_what_they_make() -> None:
    assert labels(op(0, name="twice", output="a"), op(1, name="twice", output="b"), op(2)) == ["a", "b", "2:Exp"]


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        # An id counts before a name, a name before an index, an index before a tensor, a tensor before an end.
        ("1:Exp", "t"),
        ("x/1:Exp", "x/1:Exp"),
        ("a/b", "a/b"),
        ("p/a/b", "p/a/b"),
        ("", "t"),
    ],
)
def test_a_label_never_means_another_op(name: str, wanted: str) -> None:
    first, second = op(0, name=name, output="t"), op(1, name="q", output="a/b")
    assert labels(first, second)[0] == wanted
    assert find_op({one.id: one for one in (first, second)}, wanted) == "0:Exp"


TEXTS = st.text(alphabet="ab/:01E", max_size=7) | st.sampled_from(["0:Exp", "1:Exp", "0", "1", "2", "a/b", "/a/b"])


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=6))
def test_every_label_finds_its_op(names: list[tuple[str, str]]) -> None:
    ops = {one.id: one for one in (op(number, "Exp", *pair) for number, pair in enumerate(names))}
    found = op_labels(ops)
    assert len(set(found.values())) == len(ops)
    assert all(find_op(ops, label) == key for key, label in found.items())


def test_a_name_of_megabytes_of_slashes_takes_no_time() -> None:
    started = time.process_time()
    long, other = op(0, name="a/" * 1_000_000), op(1, name="b" * 1_000_000)
    assert labels(long, other) == ["a/", "b" * 1_000_000]
    assert labels(op(0, name="c" * 300 + "/d"), op(1, name="e/d")) == ["c" * 300 + "/d", "e/d"]
    assert time.process_time() - started < 0.5


REPEATED = """<ir_version: 10, opset_import: ["": 21]> g (float[4] x) => (z) {
    a = Relu (x)  b = Relu (a)  c = Abs (b)  d = Exp (c)  z = Exp (d)
}"""
NAMES = ["relu", "relu", "", "/m/l.0/exp/Exp", "/m/l.1/exp/Exp"]


@pytest.fixture
def repeated(tmp_path: Path) -> str:
    path = tmp_path / "m.onnx"
    model = onnx.parser.parse_model(REPEATED)
    for node, name in zip(model.graph.node, NAMES, strict=True):
        node.name = name
    onnx.save(model, path)
    return str(path)


def test_rows_of_one_name_are_told_apart_in_tables(repeated: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = analyze(repeated)
    rows = list(csv.DictReader(io.StringIO("".join(write_csv(found)))))
    assert [row["name"] for row in rows] == NAMES
    wanted = ["a", "b", "c", "l.0/exp/Exp", "l.1/exp/Exp"]
    assert [row["label"] for row in rows] == wanted
    for row in rows:
        assert main(["explain", repeated, row["label"]]) == 0
        assert row["id"] in capsys.readouterr().out
    # Kernels that cost the same are one row, named by what they make where they are in no module.
    assert {row.name for row in kernel_rows(analyze(repeated, Settings(backend="none")))} == {
        "{a,b}",
        "c",
        "m/l.0..1/exp",
    }


def test_a_name_of_several_ops_is_refused_with_what_they_make(repeated: str) -> None:
    with pytest.raises(UsageError, match="relu: found 2 ops of that name: 0:Relu, 1:Relu; wanted one id, such as "
                                         "0:Relu: 0:Relu makes a, 1:Relu makes b"):  # fmt: skip
        find_op({one.id: one for one in analyze(repeated).model.graph.ops}, "relu")
    with pytest.raises(UsageError, match=r"3:Exp makes d in m/l\.0/exp, 4:Exp makes z in m/l\.1/exp"):
        find_op({one.id: one for one in analyze(repeated).model.graph.ops}, "exp/Exp")


def test_points_of_a_picture_name_their_op(repeated: str) -> None:
    points = plot_points(analyze(repeated, Settings(backend="none")))
    assert [(point.id, point.module) for point in points] == [
        ("0:Relu", "a"), ("1:Relu", "b"), ("2:Abs", "c"), ("3:Exp", "m/l.0/exp"), ("4:Exp", "m/l.1/exp")
    ]  # fmt: skip
