"""The command `check`: budgets of a file or of the command line, alone or against a base."""

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from onnx_roofline.base.errors import UsageError
from onnx_roofline.cli.exit_codes import BROKEN, DONE
from onnx_roofline.cli.gate_runs import budget_inputs, file_budgets, measure_targets
from onnx_roofline.cli.many_options import make_runner
from onnx_roofline.cli.model_options import settings_of
from onnx_roofline.cli.outputs import STDOUT, Output, check_outputs
from onnx_roofline.cli.printing import SHOWN_WARNINGS, one_line, print_message, print_table

if TYPE_CHECKING:
    from onnx_roofline.ci.budgets import Budgets
    from onnx_roofline.ci.findings import Report
    from onnx_roofline.ci.gate import Base
    from onnx_roofline.ci.measure import Outcome
    from onnx_roofline.ci.plan import Target
    from onnx_roofline.ci.runs.runner import Runner


def run_check(options: argparse.Namespace) -> int:
    """Whether models are within their budgets."""
    from onnx_roofline.ci.gate import judge
    from onnx_roofline.ci.plan import plan_targets

    if options.list_metrics:
        return _list_metrics()
    outputs = outputs_of(options.format)
    budgets = _budgets(options)
    targets = plan_targets(budgets, options.models if budgets.place.line else ())
    base = _BaseReader(options, budgets)
    # Also where a revision is the base: the committed file is nobody's report.
    check_outputs([output for _, output in outputs], (*budget_inputs(budgets, targets), *filter(None, (base.path,))))
    files = [output for _, output in outputs]
    with make_runner(options) as runner:
        with_nodes = options.against is not None
        outcomes = measure_targets(targets, files, runner, with_nodes=with_nodes, with_lint=options.lint)
        found = base.read(targets, outcomes, runner)
    hint = "" if budgets.place.line else ", or --allow-assumed"
    report = judge(budgets, targets, outcomes, found, assumed_hint=hint)
    code = _exit_code(report, options)
    _print_warnings(report, targets, outcomes)
    _print_refusals(report, outcomes, targets)
    write_reports(report, outputs)
    return code


def _exit_code(report: "Report", options: argparse.Namespace) -> int:
    code = report.exit_code
    if code == DONE and options.fail_on == "warning" and any(f.severity == "warning" for f in report.findings):
        code = BROKEN
    return DONE if options.exit_zero and code == BROKEN else code


def _budgets(options: argparse.Namespace) -> "Budgets":
    """The command line's limits where there are any, else those of a file."""
    from onnx_roofline.analysis.settings import Settings
    from onnx_roofline.ci.budgets import parse_limit
    from onnx_roofline.ci.limits import limits_alone

    if options.max and options.config is not None:
        raise UsageError("--max: the limits are those of --config; leave one of the two out")
    settings = settings_of(options)
    if not options.max:
        budgets = file_budgets(options.config)
        if budgets is None:
            raise UsageError("found no limit to check; add one, such as --max flops=9G, or write onnx-roofline.yaml")
        if settings != Settings() or options.allow_unknown or options.allow_assumed:
            raise UsageError(f"{budgets.place.file}: says how models are analysed; state dims and the like there")
        return budgets
    if not options.models:
        raise UsageError("--max: found no MODEL to check; name at least one")
    limits = []
    for text in options.max:
        try:
            limits.append(parse_limit(text))
        except ValueError as error:
            raise UsageError(f"--max {text}: {error}") from None
    return limits_alone(
        limits,
        options.models,
        settings,
        allow_unknown=options.allow_unknown,
        allow_assumed=options.allow_assumed,
        baseline=options.baseline or "",
    )


class _BaseReader:
    """Reads the base that a check is against; a revision is looked up before anything is analysed."""

    def __init__(self, options: argparse.Namespace, budgets: "Budgets") -> None:
        from onnx_roofline.ci.baseline import read_baseline
        from onnx_roofline.ci.revisions import Revision

        if options.against is not None and options.baseline is not None:
            raise UsageError("--against and --baseline: each is a base to compare with; leave one of them out")
        self.revision = None if options.against is None else Revision(options.against, budgets.folder)
        self.path = options.baseline or budgets.baseline
        self.baseline = None if self.revision or not self.path else read_baseline(self.path)
        if self.baseline is None and not self.revision and (budgets.baseline_required or options.baseline is not None):
            raise UsageError(f"{self.path}: found no baseline; write one: onnx-roofline baseline update")

    def read(self, targets: "Sequence[Target]", outcomes: "dict[str, Outcome]", runner: "Runner") -> "Base | None":
        """The base with the models that these targets name."""
        from onnx_roofline.ci.against import base_of_revision
        from onnx_roofline.cli.gate_runs import measure_jobs

        if self.revision is not None:
            return base_of_revision(self.revision, targets, outcomes, lambda jobs: measure_jobs(jobs, runner))
        return self.baseline.base(self.path.replace("\\", "/")) if self.baseline is not None else None


def _list_metrics() -> int:
    from onnx_roofline.ci.metrics import FAMILIES, SUMMED, TOTALS, unit_of

    rows = [(name, unit_of(name) or "count", about) for name, about in TOTALS.items()]
    rows += [(f"{family}.NAME", unit_of(f"{family}.x") or "count", about) for family, about in FAMILIES.items()]
    rows += [
        (f"op[TYPE].{name}", unit_of(name) or "count", "of all ops of a type; also module[GLOB]") for name in SUMMED
    ]
    print_table(("metric", "unit", "what it is"), rows)
    return DONE


def outputs_of(formats: Sequence[str]) -> list[tuple[str, Output]]:
    """(format, where to) of every report; full to stdout where nothing is asked for."""
    from onnx_roofline.base.text import did_you_mean
    from onnx_roofline.ci.formats import FORMATS

    found = []
    for text in formats or ["full"]:
        name, separator, path = text.partition("=")
        if name not in FORMATS:
            raise UsageError(f"--format {text}: found no format {name!r}{did_you_mean(name, FORMATS)}")
        found.append((name, Output(f"--format {name}", path if separator else STDOUT)))
    return found


def _print_warnings(report: "Report", targets: "Sequence[Target]", outcomes: "dict[str, Outcome]") -> None:
    """The first warnings of the models with a verdict; absent weights are no cause for one."""
    refused = {(finding.model, finding.at) for finding in report.findings if finding.outcome == 2}
    judged = [outcomes[t.key].snapshot for t in targets if (t.name, t.point.label) not in refused]
    snapshots = {id(snapshot): snapshot for snapshot in judged if snapshot is not None}.values()
    lines: dict[str, None] = {}
    for snapshot in snapshots:
        for notice in snapshot.notices:
            where = f"{notice.where}: " if notice.where else ""
            model = f"{snapshot.path}: " if len(snapshots) > 1 else ""
            if notice.code != "external-data-missing":
                lines[one_line(f"warning: {model}{where}{notice.message} [{notice.code}]")] = None
    for line in list(lines)[:SHOWN_WARNINGS]:
        print(line, file=sys.stderr)
    if len(lines) > SHOWN_WARNINGS:
        print(f"warning: {len(lines) - SHOWN_WARNINGS} more; analyze --json has them all", file=sys.stderr)


def _print_refusals(report: "Report", outcomes: "dict[str, Outcome]", targets: "Sequence[Target]") -> None:
    """What has no verdict goes to stderr, whatever the formats; crashes with a file that reproduces them."""
    from onnx_roofline.ci.formats.text import message_of
    from onnx_roofline.cli.crash import report_crash

    for finding in report.worst_first():
        if finding.outcome == 2:
            print_message(message_of(finding))
    for target in targets:
        outcome = outcomes[target.key]
        if outcome.code == 70:
            report_crash(outcome.failure, outcome.trace, target.path)


def write_reports(report: "Report", outputs: Sequence[tuple[str, Output]]) -> None:
    """Every report where it belongs; one that can't be written is said, and turns no verdict."""
    from onnx_roofline.ci.formats import render
    from onnx_roofline.ci.formats.text import lines
    from onnx_roofline.report.files import write_atomically

    texts = [
        "".join(f"{line}\n" for line in lines(report, with_refusals=False))
        if name == "full" and output.path == STDOUT
        else render(name, report)
        for name, output in outputs
    ]
    for (name, output), text in zip(outputs, texts, strict=True):
        if name == "github":
            _append_summary(report)
        if output.path == STDOUT:
            sys.stdout.write(text)
            continue
        try:
            write_atomically(output.path, [text])
        except UsageError as error:
            print_message(f"{error}; the exit code stands")


def _append_summary(report: "Report") -> None:
    """The job summary of GitHub Actions, where it has one."""
    import os

    from onnx_roofline.ci.formats import render
    from onnx_roofline.ci.formats.github import MAX_SUMMARY_BYTES

    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if not path:
        return
    text = render("markdown", report)
    try:
        size = os.path.getsize(path) if os.path.exists(path) else 0
        if size + len(text.encode("utf-8")) <= MAX_SUMMARY_BYTES:
            with open(path, "a", encoding="utf-8", newline="\n") as file:
                file.write(text)
    except OSError as error:
        print_message(f"{path}: can't be written: {error.strerror}; the exit code stands")
