"""Passes and the pipeline that runs them: what each pass reads and adds is checked when the pipeline is built.

A run keeps the model before the first pass and after each: another pipeline on the same model goes on from there.
"""

import time
from collections.abc import Callable, Mapping
from typing import ClassVar, Protocol

from msgspec import Struct
from msgspec.structs import fields

from onnx_roofline.ir.graph import Model, Notice
from onnx_roofline.ir.records import TypedOp


class PassResult(Struct, frozen=True):
    """The rows of a pass's column, what its reader should know, and what holds for the whole model, if anything."""

    rows: Mapping[str, object]
    notices: tuple[Notice, ...] = ()
    wholes: tuple[object, ...] = ()


class Pass(Protocol):
    """An analysis: reads the columns in `requires` and returns every row of the column `produces`.

    A pass is a frozen Struct whose fields are its options. It does no I/O and changes nothing.
    """

    name: ClassVar[str]
    requires: ClassVar[tuple[type, ...]]
    produces: ClassVar[type]

    def run(self, model: Model) -> PassResult:
        """Rows by row id."""
        ...


class PipelineError(ValueError):
    """A pipeline whose passes do not fit together, or a pass that broke its contract: a bug, not wrong input."""


class Pipeline(Struct, frozen=True):
    """Passes in order. What a pass requires is the column of an earlier pass, or one that the model has already.

    Raises PipelineError when built if a pass requires a column that only a later one produces, or produces one again.
    """

    passes: tuple[Pass, ...]

    def __post_init__(self) -> None:
        produced: dict[type, str] = {}
        for position, item in enumerate(self.passes):
            for needed in item.requires:
                later = next((p.name for p in self.passes[position:] if p.produces is needed), None)
                if needed not in produced and later:
                    raise PipelineError(
                        f"pass {position} ({item.name}) requires column {needed.__name__}: "
                        f"{later} produces it and comes later"
                    )
            if item.produces in produced:
                raise PipelineError(
                    f"pass {position} ({item.name}) produces column {item.produces.__name__}, "
                    f"which {produced[item.produces]} has produced"
                )
            produced[item.produces] = item.name

    def run(
        self,
        model: Model,
        progress: Callable[[str, int, int], None] | None = None,
        timings: dict[str, float] | None = None,
    ) -> Model:
        """The model with a column more for each pass; `trace` has the arguments and what is raised."""
        return self.trace(model, progress, timings).model

    def trace(
        self,
        model: Model,
        progress: Callable[[str, int, int], None] | None = None,
        timings: dict[str, float] | None = None,
        earlier: "Run | None" = None,
    ) -> "Run":
        """The run of the passes on a model.

        `progress(pass name, position, count)` is called before each pass; `timings` gets the seconds of each. What an
        `earlier` run of the same model has made is taken from there, as long as its passes and what they read are the
        same.
        Raises RooflineError for wrong input. Raises PipelineError where a pass breaks its contract and, before any pass
        runs, where neither a pass nor the model has a required column, or the model has one that a pass produces.
        """
        self._check_columns(model)
        models = [model]
        is_same = earlier is not None and earlier.models[0] is model
        for position, item in enumerate(self.passes):
            if progress is not None:
                progress(item.name, position, len(self.passes))
            before = earlier.step(position) if is_same and earlier is not None else None
            if before is not None and before[0] == item:
                models.append(before[1])
                continue
            started = time.perf_counter()
            result = item.run(models[-1])
            if timings is not None:
                timings[item.name] = time.perf_counter() - started
            _check_rows(item, models[-1], result.rows)
            made = models[-1].with_column(item.produces, result.rows, result.notices, result.wholes)
            # Another pass that has found the same changes nothing for those behind it.
            is_same = before is not None and _adds_the_same(models[-1], made, before[1])
            models.append(before[1] if is_same and before is not None else made)
        return Run(self.passes, tuple(models))

    def _check_columns(self, model: Model) -> None:
        known = set(model.columns)
        for position, item in enumerate(self.passes):
            missing = next((needed for needed in item.requires if needed not in known), None)
            if missing is not None:
                raise PipelineError(
                    f"pass {position} ({item.name}) requires column {missing.__name__}: "
                    "no pass of this pipeline produces it, and the model lacks it"
                )
            if item.produces in model.columns:
                column = item.produces.__name__
                raise PipelineError(
                    f"pass {position} ({item.name}) produces column {column}, which the model has already"
                )
            known.add(item.produces)

    def __str__(self) -> str:
        """Text form, enough to run it again: `shape-inference,op-count,roofline{system=teaching}`."""
        return ",".join(_text(item) for item in self.passes)


class Run(Struct, frozen=True, eq=False):
    """What passes have made of a model: `models` has it before the first pass and after each."""

    passes: tuple[Pass, ...]
    models: tuple[Model, ...]

    @property
    def model(self) -> Model:
        """The model with every column."""
        return self.models[-1]

    def step(self, position: int) -> tuple[Pass, Model] | None:
        """A pass and the model after it; None behind the last."""
        return (self.passes[position], self.models[position + 1]) if position < len(self.passes) else None


def _adds_the_same(model: Model, one: Model, other: Model) -> bool:
    """Whether two passes have added the same to a model, which is one column and notices."""
    added = one.columns.keys() - model.columns.keys()
    if len(one.wholes) > len(model.wholes) or len(other.wholes) > len(model.wholes):
        return False
    return one.warnings == other.warnings and all(one.columns[key] == other.columns.get(key) for key in added)


def _text(item: Pass) -> str:
    options = []
    unprinted = getattr(item, "unprinted", ())
    for option in fields(item):  # type: ignore[arg-type]  # a pass is a Struct, which a Protocol can't say
        value = getattr(item, option.name)
        if value != option.default and option.name not in unprinted:
            # A record that is read from a file is named by its slug; its figures stand elsewhere in the document.
            shown = getattr(value, "slug", None) or str(value)
            if isinstance(value, Mapping):
                shown = ";".join(f"{k}={v}" for k, v in value.items())
            if shown:
                options.append(f"{option.name}={shown}")
    return item.name + (f"{{{' '.join(options)}}}" if options else "")


def _check_rows(item: Pass, model: Model, rows: Mapping[str, object]) -> None:
    if TypedOp in model.columns:
        wanted = model.column(TypedOp)
        if rows.keys() != wanted.keys():
            difference = min(wanted.keys() ^ rows.keys(), default=None)
            raise PipelineError(
                f"pass {item.name}: wanted one row for every op, the first difference is {difference!r}"
            )
    kinds = {type(row): row for row in rows.values()}
    wrong = next((row for kind, row in kinds.items() if not issubclass(kind, item.produces)), None)
    if wrong is not None:
        raise PipelineError(
            f"pass {item.name}: found a row of type {type(wrong).__name__}, wanted {item.produces.__name__}"
        )
