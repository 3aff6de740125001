"""The contract of passes and pipelines, with throw-away passes."""

from collections.abc import Mapping
from typing import ClassVar

import pytest
from msgspec import Struct
from msgspec.structs import replace

from onnx_roofline.ir.graph import FileInfo, Graph, Model
from onnx_roofline.ir.pipeline import PassResult, Pipeline, PipelineError


class Length(Struct, frozen=True):
    metres: int


class Area(Struct, frozen=True):
    square_metres: int


class Measure(Struct, frozen=True):
    unit: str = "m"
    name: ClassVar[str] = "measure"
    requires: ClassVar[tuple[type, ...]] = ()
    produces: ClassVar[type] = Length

    def run(self, model: Model) -> PassResult:
        return PassResult({"a": Length(2)})


class Square(Struct, frozen=True):
    name: ClassVar[str] = "square"
    requires: ClassVar[tuple[type, ...]] = (Length,)
    produces: ClassVar[type] = Area

    def run(self, model: Model) -> PassResult:
        lengths: Mapping[str, Length] = model.column(Length)
        return PassResult({key: Area(row.metres**2) for key, row in lengths.items()})


class Wrong(Square, frozen=True):
    def run(self, model: Model) -> PassResult:
        return PassResult({"a": Length(1)})


def _model() -> Model:
    graph = Graph("g", (), (), (), {})
    return Model(FileInfo("x.onnx", "0" * 64, 0, 8, {}, ""), graph, {}, {})


def test_columns_are_added_and_the_first_model_is_unchanged() -> None:
    first = _model()
    last = Pipeline((Measure(), Square())).run(first)
    assert last.column(Area) == {"a": Area(4)}
    assert first.columns == {}


class Remade(Measure, frozen=True):
    """Another pass that finds what `Measure` does."""


class Long(Measure, frozen=True):
    def run(self, model: Model) -> PassResult:
        return PassResult({"a": Length(3)})


@pytest.mark.parametrize(
    ("first", "area", "ran"),
    [
        (Measure(), 4, []),  # the same passes: nothing runs
        (Measure("ft"), 4, ["measure"]),  # another option, the same column: what reads it is shared
        (Remade(), 4, ["measure"]),
        (Long(), 9, ["measure", "square"]),  # 3 * 3
    ],
    ids=repr,
)
def test_a_run_takes_over_what_an_earlier_one_has_made(first: Measure, area: int, ran: list[str]) -> None:
    earlier = Pipeline((Measure(), Square())).trace(_model())
    timings: dict[str, float] = {}
    found = Pipeline((first, Square())).trace(earlier.models[0], timings=timings, earlier=earlier)
    assert found.model.column(Area) == {"a": Area(area)}
    assert list(timings) == ran
    assert [set(model.columns) for model in found.models] == [set(), {Length}, {Length, Area}]


def test_a_run_on_another_model_takes_over_nothing() -> None:
    passes = Pipeline((Measure(), Square()))
    timings: dict[str, float] = {}
    passes.trace(_model(), timings=timings, earlier=passes.trace(_model()))
    assert list(timings) == ["measure", "square"]


def test_a_missing_requirement_is_named_when_the_pipeline_is_built() -> None:
    with pytest.raises(PipelineError, match=r"pass 0 \(square\) requires column Length: measure produces it and comes"):
        Pipeline((Square(), Measure()))


def test_a_column_that_neither_a_pass_nor_the_model_has_is_named_before_any_pass_runs() -> None:
    ran: list[str] = []
    with pytest.raises(PipelineError, match="no pass of this pipeline produces it, and the model lacks it"):
        Pipeline((Square(),)).run(_model(), lambda name, *_: ran.append(name))
    assert ran == []


def test_columns_that_the_model_has_satisfy_what_a_pass_requires() -> None:
    measured = Pipeline((Measure(),)).run(_model())
    assert Pipeline((Square(),)).run(measured).columns == {Length: {"a": Length(2)}, Area: {"a": Area(4)}}
    with pytest.raises(PipelineError, match=r"pass 0 \(measure\) produces column Length, which the model has already"):
        Pipeline((Measure(), Square())).run(measured)


def test_a_column_is_produced_once() -> None:
    with pytest.raises(PipelineError, match="produces column Length, which measure has produced"):
        Pipeline((Measure(), Measure()))


def test_a_row_of_another_type_is_refused() -> None:
    with pytest.raises(PipelineError, match="found a row of type Length, wanted Area"):
        Pipeline((Measure(), Wrong())).run(_model())


def test_text_form_shows_options_that_differ_from_their_defaults() -> None:
    assert str(Pipeline((Measure(), Square()))) == "measure,square"
    assert str(Pipeline((Measure("ft"), Square()))) == "measure{unit=ft},square"


def test_progress_and_timings() -> None:
    seen: list[tuple[str, int, int]] = []
    timings: dict[str, float] = {}
    Pipeline((Measure(), Square())).run(_model(), lambda *step: seen.append(step), timings)
    assert seen == [("measure", 0, 2), ("square", 1, 2)]
    assert list(timings) == ["measure", "square"]


def test_a_model_refuses_a_second_column_of_a_kind() -> None:
    model = _model().with_column(Length, {"a": Length(1)})
    with pytest.raises(AssertionError, match="column Length exists already"):
        model.with_column(Length, {})
    assert replace(model).column(Length) == {"a": Length(1)}
