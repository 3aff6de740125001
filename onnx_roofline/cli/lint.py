"""The command `lint`."""

import argparse
from math import isfinite
from typing import TYPE_CHECKING

from onnx_roofline.base.errors import UsageError
from onnx_roofline.cli.check import outputs_of, write_reports
from onnx_roofline.cli.exit_codes import BROKEN, DONE
from onnx_roofline.cli.model_runs import json_output, warned
from onnx_roofline.cli.outputs import STDOUT, write_output
from onnx_roofline.cli.printing import one_line, print_first_line, print_table

if TYPE_CHECKING:
    from onnx_roofline.analysis.analyze import Analysis
    from onnx_roofline.lint.records import LintFinding


def run_lint(options: argparse.Namespace) -> int:
    """What in a model costs time for no reason."""
    from onnx_roofline.lint.lint import lint, parse_ignore

    if options.list_rules:
        return _list_rules()
    if options.model is None:
        raise UsageError("found no MODEL to look at; name one, or ask for --list-rules")
    if not isfinite(options.min_us):
        raise UsageError(f"--min-us {options.min_us}: wanted microseconds, such as 1 or 0")
    ignored = [parse_ignore(text) for text in options.ignore]
    outputs = outputs_of(options.format) if options.format else []
    analysis = warned(options, [*(output for _, output in outputs), *json_output(options)])
    found = lint(analysis, ignored, options.min_us / 1e6)
    if options.json is not None:
        from onnx_roofline.report.encoding import encode_indented
        from onnx_roofline.report.lint import lint_document

        write_output(options.json, [encode_indented(lint_document(analysis, found))])
    if outputs:
        _write(analysis, found, outputs)
    elif options.json != STDOUT:
        _print(analysis, found)
    return BROKEN if options.fail_on and any(one.level == "warning" for one in found) else DONE


def _print(analysis: "Analysis", found: "tuple[LintFinding, ...]") -> None:
    from onnx_roofline.base.text import plural
    from onnx_roofline.lint.words import lint_message

    print_first_line(analysis)
    for one in found:
        print(one_line(f"{one.level}[{one.code}]: {lint_message(analysis, one)}"))
        print(one_line(f"  = help: {one.mitigation}"))
    warnings = sum(one.level == "warning" for one in found)
    print(f"{plural(warnings, 'warning')}, {plural(len(found) - warnings, 'note')}")


def _write(analysis: "Analysis", found: "tuple[LintFinding, ...]", outputs: list) -> None:  # type: ignore[type-arg]
    from onnx_roofline.ci.findings import lint_report
    from onnx_roofline.ci.metrics import totals_of
    from onnx_roofline.ci.snapshot import lint_notes

    path = analysis.model.info.path
    notes = lint_notes(analysis, found)
    write_reports(lint_report(path, path, analysis.system.slug, totals_of(analysis), notes), outputs)


def _list_rules() -> int:
    from onnx_roofline.lint.rules import RULES

    print_table(("code", "name", "level", "hazard", "help"),
                [(rule.code, rule.name, rule.level, rule.hazard, rule.mitigation) for rule in RULES])  # fmt: skip
    return DONE
