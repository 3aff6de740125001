"""The findings of the lint as JSON."""

from collections.abc import Iterable

from onnx_roofline.analysis.analyze import Analysis
from onnx_roofline.lint.records import LintFinding
from onnx_roofline.report import contract
from onnx_roofline.report.document import dim_records, model_record


def lint_document(analysis: Analysis, found: Iterable[LintFinding]) -> contract.LintDocument:
    """The document of `lint --json`."""
    return contract.LintDocument(
        schema_version=contract.SCHEMA_VERSION,
        tool=contract.TOOL,
        model=model_record(analysis),
        dims=dim_records(analysis),
        system=analysis.system.slug,
        pipeline=analysis.pipeline,
        time_s=analysis.summary.time_placed.known_s,
        findings=tuple(map(_finding, found)),
    )


def _finding(one: LintFinding) -> contract.LintFinding:
    return contract.LintFinding(
        code=one.code,
        name=one.name,
        level=one.level,
        hazard=one.hazard,
        mitigation=one.mitigation,
        worth_s=one.worth_s,
        per=one.per,
        unpriced=one.unpriced,
        mended=one.mended,
        places=tuple(contract.LintPlace(hit.keys, hit.what) for hit in one.hits),
    )
