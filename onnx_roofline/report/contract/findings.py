"""The documents of many models and of the lint."""

from typing import Annotated, Any, Literal

from msgspec import Meta

from onnx_roofline.lint.records import Level, Per
from onnx_roofline.report.contract.common import Count, Measured, Record, Seconds, Tool
from onnx_roofline.report.contract.documents import Dim, ModelFile, Version

# A column of a row of many models that depends on the system, such as `time_s.h100-sxm`.
_FIGURES: dict[str, Any] = {"unevaluatedProperties": {"type": ["number", "null"]}}


class LintPlace(Record, frozen=True):
    """One place that a rule hits."""

    ops: Annotated[tuple[str, ...], Meta(description="ids of its nodes, in the order of the graph; of an input none")]
    what: Annotated[str, Meta(description="what is there")]


class LintFinding(Measured, frozen=True):
    """All places of one rule in the model."""

    code: Annotated[str, Meta(description="of the rule, the same in every version")]
    name: Annotated[str, Meta(description="of the rule")]
    level: Annotated[Level, Meta(description="how grave")]
    hazard: Annotated[str, Meta(description="why it costs")]
    mitigation: Annotated[str, Meta(description="what to do")]
    worth_s: Annotated[
        float | None,
        Meta(description="seconds that the model takes less when it is mended and run again; null where unknown"),
    ]
    per: Annotated[Per, Meta(description="what the seconds are of")]
    unpriced: Annotated[str, Meta(description='why `worth_s` is null; `""` where it is not')]
    mended: Annotated[Count, Meta(description="places that were mended for `worth_s`")]
    places: Annotated[tuple[LintPlace, ...], Meta(description="where it is")]


class LintDocument(Measured, frozen=True):
    """What `lint --json` writes."""

    schema_version: Version
    tool: Annotated[Tool, Meta(description="what wrote it")]
    model: Annotated[ModelFile, Meta(description="what the file says of itself")]
    dims: Annotated[dict[str, Dim], Meta(description="each open dim, by name")]
    system: Annotated[str, Meta(description="short name of the hardware that the seconds are of")]
    pipeline: Annotated[str, Meta(description="the passes that ran, in order, with their options")]
    time_s: Annotated[Seconds, Meta(description="seconds of one run as it is, of the kernels that have a time")]
    findings: Annotated[tuple[LintFinding, ...], Meta(description="those of most worth first")]


class ModelRow(Measured, frozen=True, forbid_unknown_fields=False):
    """One of many models; its other columns are figures in base units by the names that `check` has, or null."""

    model: Annotated[str, Meta(description="path as it was named")]
    status: Annotated[Literal["analysed", "refused", "crashed"], Meta(description="what became of it")]
    failure: Annotated[str | None, Meta(description="why it was not analysed")]
    graph_sha256: Annotated[str | None, Meta(description="digest of the file without the payload of large tensors")]
    system: Annotated[str | None, Meta(description="short name of the hardware")]
    dtype: Annotated[str | None, Meta(description="the width that floating-point tensors were taken at")]
    dims: Annotated[str | None, Meta(description="sizes of the open dims, as JSON")]
    assumed: Annotated[str | None, Meta(description="kinds of what was assumed, such as `dims, trips`")]
    unknown_op_types: Annotated[str | None, Meta(description="types of the ops that have no rule")]


class ModelsDocument(Record, frozen=True):
    """What `analyze MODEL MODEL --json` writes, and of a folder: a flat row a model, all with the same columns."""

    schema_version: Version
    tool: Annotated[Tool, Meta(description="what wrote it")]
    cost_model_version: Annotated[int, Meta(description="raised when the same file has other figures")]
    models: Annotated[
        tuple[Annotated[ModelRow, Meta(extra_json_schema=_FIGURES)], ...], Meta(description="in the order of the paths")
    ]
