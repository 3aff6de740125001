"""JSON Schemas of the documents, generated from their records."""

from typing import Any

import msgspec

from onnx_roofline.report.contract.common import SCHEMA_VERSION
from onnx_roofline.report.contract.documents import AnnotatedGraph, Explanation, FormulaDocument
from onnx_roofline.report.contract.findings import LintDocument, ModelsDocument
from onnx_roofline.report.contract.sweep import SweepDocument

# What `onnx-roofline schema NAME` prints, and what is written in that form.
DOCUMENTS: dict[str, Any] = {
    "annotated-graph": AnnotatedGraph,
    "explanations": tuple[Explanation, ...],
    "sweep": SweepDocument,
    "formula": FormulaDocument,
    "lint": LintDocument,
    "models": ModelsDocument,
}


def schema_of(name: str, document: Any = None) -> dict[str, Any]:
    """The JSON Schema of a document by its name; every object with fields is closed, and null is unknown, never 0."""
    schema = msgspec.json.schema(DOCUMENTS[name] if document is None else document)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:onnx-roofline:{name}:{SCHEMA_VERSION}",
        "title": f"{name} of onnx-roofline, schema version {SCHEMA_VERSION}",
        "description": "Counts, bytes and times are of one execution of a node; totals include executions. "
        "null is unknown, never 0. A minor version adds fields, a major one removes or changes them.",
        **schema,
    }
