"""JSON Schema of the budget file, for editors; what it can't say, such as units, the reader says."""

from collections.abc import Sequence
from typing import Any

from onnx_roofline.base.units import FLOAT_DTYPES
from onnx_roofline.ci import budget_file
from onnx_roofline.ci.budgets import LEVELS
from onnx_roofline.ci.metrics import FAMILIES, SUMMED, TOTALS

_TEXT = {"type": "string", "minLength": 1}
_WHOLE = {"type": "integer", "minimum": 0}
_QUANTITY = {
    "type": ["string", "number"],
    "description": "with a unit, such as 9.0 GFLOP, 64 MiB, 1.2 ms, 60 %",
}
_LEVEL = {"enum": list(LEVELS)}
_SIZES = {"type": "object", "additionalProperties": _WHOLE}
_LISTS = {"type": "object", "additionalProperties": {"anyOf": [_WHOLE, {"type": "array", "items": _WHOLE}, _TEXT]}}


def _one_or_more(item: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [item, {"type": "array", "items": item, "minItems": 1}]}


_ALLOWANCE = {"type": "string", "pattern": r"^\+", "description": "what may be added, such as +1% or +512 KiB"}
_BUDGET = {
    "anyOf": [
        _QUANTITY,
        {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "max": _QUANTITY,
                "min": _QUANTITY,
                "vs_baseline": _one_or_more(_ALLOWANCE),
                "level": _LEVEL,
                "message": {**_TEXT, "description": "printed when the budget is broken"},
            },
        },
    ]
}
_METRIC = "|".join(
    [
        *TOTALS,
        *(rf"{family}\..+" for family in FAMILIES),
        rf"(op|module)\[.+\]\.({'|'.join(SUMMED)})",
    ]
)
_PROPERTIES: dict[str, dict[str, Any]] = {
    "path": {**_one_or_more(_TEXT), "description": "files or globs, relative to this file"},
    "id": {**_TEXT, "description": "stable name of the model in baselines and reports; its path where this is absent"},
    "allow_missing": {"type": "boolean", "description": "whether the path may name no file"},
    "dims": {**_SIZES, "description": "size of each open dim, by name"},
    "sweep": {**_LISTS, "description": "several sizes of dims; budgets hold at each"},
    "system": {**_TEXT, "description": "a shipped system, or a file relative to this one"},
    "systems": {**_one_or_more(_TEXT), "description": "several of them; budgets hold on each"},
    "input_shapes": {**_LISTS, "description": "shapes of whole inputs, such as images: 1x3x640x640"},
    "dtype": {"enum": sorted(FLOAT_DTYPES), "description": "width at which floating tensors are counted"},
    "backend": {**_TEXT, "description": "which ops fuse: compiler, ort, none, or a file"},
    "pim_model": {"enum": list(budget_file.ONE_OF["pim_model"])},
    "math": {"enum": list(budget_file.ONE_OF["math"]), "description": "in what float32 products run"},
    "dispatch": {"enum": list(budget_file.ONE_OF["dispatch"])},
    "objective": {"enum": list(budget_file.ONE_OF["objective"])},
    "on_chip": {"type": ["string", "integer"], "description": "on-chip memory of every device, such as 20MB"},
    "residency": {"type": "boolean", "description": "whether tensors stay in the last-level cache between kernels"},
    "trips": {**_SIZES, "description": "trip count of loops"},
    "values": {**_LISTS, "description": "what integer inputs hold"},
    "level": {**_LEVEL, "description": "of budgets that say none"},
    "assumed": {**_LEVEL, "description": "what assumed dims, trip counts and branches are"},
    "unknown": {**_LEVEL, "description": "what ops of unknown counts or bytes are"},
    "fits": {**_one_or_more(_TEXT), "description": "devices whose memory must hold the whole model"},
    "budgets": {
        "type": "object",
        "description": "limits by metric; a quantity alone is the most",
        "patternProperties": {f"^({_METRIC})$": _BUDGET},
        "additionalProperties": False,
    },
}


def budget_schema() -> dict[str, Any]:
    """The schema, draft 2020-12."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:onnx-roofline:budgets:{budget_file.VERSION}",
        "title": "onnx-roofline.yaml, or [tool.onnx-roofline] of pyproject.toml",
        **_object(budget_file.ROOT_KEYS, ("version", "models")),
    }


def _object(keys: Sequence[str], required: Sequence[str] = ()) -> dict[str, Any]:
    entry = {
        "type": "object",
        "additionalProperties": False,
        "required": ["path"],
        "properties": {key: _PROPERTIES[key] for key in budget_file.ENTRY_KEYS},
    }
    ignore = {
        "type": "object",
        "additionalProperties": False,
        "required": ["reason"],
        "properties": dict.fromkeys(budget_file.IGNORE_KEYS, _TEXT),
    }
    baseline = {
        "type": "object",
        "additionalProperties": False,
        "properties": {"path": _TEXT, "required": {"type": "boolean"}},
    }
    known: dict[str, Any] = {
        "version": {"const": budget_file.VERSION},
        "defaults": {
            "type": "object",
            "additionalProperties": False,
            "properties": {key: _PROPERTIES[key] for key in budget_file.SETTING_KEYS},
        },
        "baseline": {"anyOf": [_TEXT, baseline]},
        "models": {"type": "array", "items": entry, "minItems": 1},
        "ignore": {"type": "array", "items": ignore},
    }
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(required),
        "properties": {key: known[key] for key in keys},
    }
