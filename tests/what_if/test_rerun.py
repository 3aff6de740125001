"""An analysis that is run again is the analysis that a new one would be."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from onnx_roofline.analysis.analyze import Analysis, analyze
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.base.errors import RooflineError
from onnx_roofline.what_if.changes import gains
from onnx_roofline.what_if.rerun import can_rerun, rerun, saved_s

SAMPLES = Path(__file__).resolve().parents[2] / "sample_models"


def same(one: Analysis, other: Analysis) -> bool:
    """Whether every column is the same; records are compared by what they say."""
    assert one.model.columns.keys() == other.model.columns.keys()
    return all(
        {key: repr(row) for key, row in rows.items()}
        == {key: repr(row) for key, row in other.model.columns[kind].items()}
        for kind, rows in one.model.columns.items()
        if kind.__name__ in ("Traffic", "Placement", "Reuse")
    )


@pytest.mark.parametrize(
    "changed",
    [
        Settings(system="a100-attacc"),
        Settings(system="a100-attacc", assume_dtype="float16"),
        Settings(system="a100-attacc", backend="ort"),
        Settings(system="h100-sxm", figures={"h100-sxm.launch_us": 0}),
        Settings(system="h100-sxm", math="bf16x3", on_chip="64KiB"),
        Settings(system="a100-attacc", residency=False, math="fp32"),
    ],
    ids=repr,
)
def test_a_run_with_other_settings_is_an_analysis_with_them(changed: Settings) -> None:
    first = Settings(system="a100-attacc")
    assert can_rerun(first, changed)
    before, alone = analyze(SAMPLES / "bert_base.onnx", first), analyze(SAMPLES / "bert_base.onnx", changed)
    again = rerun(before, settings=changed)
    assert same(again, alone)
    assert again.summary.time_placed == alone.summary.time_placed
    assert again.model.warnings == alone.model.warnings
    expected_s = before.summary.time_placed.known_s - alone.summary.time_placed.known_s
    assert saved_s(before, alone) == expected_s


def test_what_makes_another_model_needs_its_file() -> None:
    base = Settings()
    for other in (
        Settings(input_shapes={"x": (1, 2)}), Settings(trips={"1:Loop": 3}), Settings(values={"n": (1,)}),
        Settings(branches={"0:If.then": Fraction(1)}), Settings(observe="random"),
    ):  # fmt: skip
        assert not can_rerun(base, other)
    assert can_rerun(base, Settings(dims={"batch": 2}))


def test_what_a_real_run_has_shown_stays(tmp_path: Path) -> None:
    """The rows that NonZero finds are 3 of 8 in the run, and 8 by the bound."""
    from onnx import TensorProto, helper, save

    kind = helper.make_tensor_value_info
    nodes = [helper.make_node("NonZero", ["x"], ["n"]), helper.make_node("Cast", ["n"], ["y"], to=TensorProto.FLOAT)]
    graph = helper.make_graph(nodes, "g", [kind("x", TensorProto.FLOAT, [8])], [kind("y", TensorProto.FLOAT, None)])
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "m.onnx")
    np.savez(tmp_path / "x.npz", x=np.array([1, 0, 2, 0, 0, 3, 0, 0], np.float32))
    seen = analyze(tmp_path / "m.onnx", Settings(system="a100-attacc", observe=str(tmp_path / "x.npz")))
    again = rerun(seen)
    assert same(again, seen)
    bound = analyze(tmp_path / "m.onnx", Settings(system="a100-attacc"))
    assert again.summary.naive_bytes < bound.summary.naive_bytes


def test_settings_that_can_not_be_are_refused() -> None:
    before = analyze(SAMPLES / "linear.onnx", Settings(system="a100-attacc"))
    with pytest.raises(RooflineError, match="no-such"):
        rerun(before, settings=Settings(system="a100-attacc", backend="no-such"))


def test_the_changes_of_explain_are_those_of_analyses() -> None:
    model, settings = SAMPLES / "bert_base.onnx", Settings(system="a100-attacc")
    found = {one.option: one for one in gains(model, analyze(model, settings))}
    half = analyze(model, Settings(system="a100-attacc", assume_dtype="float16")).summary.time_placed.time_s
    assert found["--assume-dtype float16"].after_s == pytest.approx(half, rel=1e-12)
    batch = analyze(model, Settings(system="a100-attacc", dims={"batch": 8, "sequence": 128}))
    assert found["--dim batch=8"].after_s == pytest.approx((batch.summary.time_placed.time_s or 0) / 8, rel=1e-12)
