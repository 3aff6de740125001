"""Passes and the pipeline that runs them: what each pass reads and adds is checked when the pipeline is built."""

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
        """The model with a column more for each pass.

        `progress(pass name, position, count)` is called before each pass; `timings` gets the seconds of each.
        Raises RooflineError for wrong input. Raises PipelineError where a pass breaks its contract and, before any pass
        runs, where neither a pass nor the model has a required column, or the model has one that a pass produces.
        """
        self._check_columns(model)
        for position, item in enumerate(self.passes):
            if progress is not None:
                progress(item.name, position, len(self.passes))
            started = time.perf_counter()
            result = item.run(model)
            if timings is not None:
                timings[item.name] = time.perf_counter() - started
            _check_rows(item, model, result.rows)
            model = model.with_column(item.produces, result.rows, result.notices, result.wholes)
        return model

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
