"""The pytest plugin: a fixture that holds models to limits, and files of budgets as tests.

pytest imports this module in every run of an environment that has this package, so what costs time is imported when it
is used.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from typing import Unpack

    from onnx_roofline.ci.budgets import Budget, Budgets
    from onnx_roofline.ci.findings import Report
    from onnx_roofline.ci.gate import Base
    from onnx_roofline.ci.metrics import Value
    from onnx_roofline.ci.plan import Target
    from onnx_roofline.face import Analysis, Options
    from onnx_roofline.load import Source

# The names of ci.budget_file, whose import would cost every test run a quarter of a second.
_FILES = ("onnx-roofline.yaml", "onnx-roofline.yml")
_PYPROJECT, _TABLE = "pyproject.toml", "[tool.onnx-roofline"


class Models:
    """What the fixture `onnx_roofline` is: analyses, and limits that fail the test."""

    def analyze(self, source: "Source", **options: "Unpack[Options]") -> "Analysis":
        """`onnx_roofline.analyze` of a file, the bytes of one, or a model in memory."""
        from onnx_roofline.face import analyze

        return analyze(source, **options)

    def check(
        self,
        source: "Source",
        at_most: "Mapping[str, str | int]" = {},  # noqa: B006  nothing changes it
        at_least: "Mapping[str, str | int]" = {},  # noqa: B006
        *,
        allow_unknown: bool = False,
        allow_assumed: bool = False,
        **options: "Unpack[Options]",
    ) -> "Mapping[str, Value]":
        """Fail the test where a figure is over or under its limit; the figures of the model, by metric.

        `models.check("m.onnx", at_most={"flops": "9 GFLOP"}, at_least={"coverage": "100%"}, dims={"batch": 1})`
        Raises UsageError for a limit on nothing, and RooflineError for what can't be analysed.
        """
        __tracebackhide__ = True
        from onnx_roofline.base.errors import UsageError
        from onnx_roofline.ci.gate import judge
        from onnx_roofline.ci.limits import limits_alone
        from onnx_roofline.ci.measure import Outcome
        from onnx_roofline.ci.plan import Target
        from onnx_roofline.ci.snapshot import take_snapshot

        limits = [*_limits(at_most, "max"), *_limits(at_least, "min")]
        if not limits:
            raise UsageError("found no limit to check; add one, such as at_most={'flops': '9 GFLOP'}")
        analysis = self.analyze(source, **options)
        outcome = Outcome(take_snapshot(analysis))
        assert outcome.snapshot is not None, "an analysis has a snapshot"
        name = outcome.snapshot.path or "model"
        budgets = limits_alone(
            limits, [name], analysis.settings, allow_unknown=allow_unknown, allow_assumed=allow_assumed
        )
        target = Target(budgets.entries[0], budgets.entries[0].points[0], name, name)
        report = judge(budgets, [target], {target.key: outcome}, assumed_hint=", or allow_assumed=True")
        if report.exit_code:
            pytest.fail(_text(report), pytrace=False)
        return outcome.snapshot.totals


@pytest.fixture(scope="session")
def onnx_roofline() -> Models:
    """Analyses of ONNX models, and checks that fail the test where a model is over a limit."""
    return Models()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The switch that makes tests of files of budgets."""
    parser.getgroup("onnx-roofline").addoption(
        "--onnx-roofline",
        action="store_true",
        help="hold models to the budgets of every onnx-roofline.yaml and [tool.onnx-roofline] that is collected",
    )


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> "BudgetFile | None":
    """A file of budgets, where the switch is given or the file is named on the command line."""
    if not (parent.config.getoption("--onnx-roofline") or parent.session.isinitpath(file_path)):
        return None
    if file_path.name not in _FILES and not (file_path.name == _PYPROJECT and _has_table(file_path)):
        return None
    file: BudgetFile = BudgetFile.from_parent(parent, path=file_path)
    return file


class BudgetFile(pytest.File):
    """A file of budgets: a test for each model at each size on each system."""

    def collect(self) -> "Iterator[BudgetItem]":
        """The models that the file names. Raises CollectError with every mistake of the file."""
        from onnx_roofline.base.errors import RooflineError
        from onnx_roofline.ci.baseline import read_baseline
        from onnx_roofline.ci.budget_file import read_budgets
        from onnx_roofline.ci.plan import plan_targets

        try:
            budgets = read_budgets(_here(self.path))
            targets = plan_targets(budgets)
            baseline = read_baseline(budgets.baseline)
        except RooflineError as error:
            raise self.CollectError(str(error)) from None
        if baseline is None and budgets.baseline_required:
            raise self.CollectError(f"{budgets.baseline}: found no baseline; write one: onnx-roofline baseline update")
        base = None if baseline is None else baseline.base(budgets.baseline)
        for target in targets:
            yield BudgetItem.from_parent(self, name=target.key, budgets=budgets, target=target, base=base)


class BudgetItem(pytest.Item):
    """One model at one point, held to its budgets."""

    def __init__(
        self, *, budgets: "Budgets", target: "Target", base: "Base | None", name: str, parent: pytest.Collector
    ) -> None:
        super().__init__(name, parent)
        self.budgets, self.target, self.base = budgets, target, base

    def runtest(self) -> None:
        """Raises BrokenBudgetError where there is a finding that is not acknowledged."""
        from onnx_roofline.ci.gate import judge
        from onnx_roofline.ci.measure import Job, measure

        outcome = measure(Job(self.target.path, self.target.point.settings))
        report = judge(self.budgets, [self.target], {self.target.key: outcome}, self.base)
        if report.exit_code:
            raise BrokenBudgetError(report)
        if any(finding.severity == "warning" for finding in report.findings):
            self.add_report_section("call", "onnx-roofline", _text(report))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], *arguments: Any, **more: Any) -> Any:
        """The findings as `onnx-roofline check` prints them; a refusal as its one sentence."""
        from onnx_roofline.base.errors import RooflineError

        if isinstance(excinfo.value, BrokenBudgetError):
            return _text(excinfo.value.report)
        if isinstance(excinfo.value, RooflineError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, *arguments, **more)

    def reportinfo(self) -> tuple[Path, int, str]:
        """The line of the file that names the model, counted from 0."""
        # pytest rewrites the dots of a text that the test's id ends with.
        return self.path, self.target.entry.place.line - 1, f"budgets of {self.name}"


class BrokenBudgetError(Exception):
    """A model is not within its budgets."""

    def __init__(self, report: "Report") -> None:
        super().__init__(_text(report))
        self.report = report


def _limits(limits: "Mapping[str, str | int]", bound: str) -> "Iterable[Budget]":
    from msgspec.structs import replace

    from onnx_roofline.base.errors import UsageError
    from onnx_roofline.ci.budgets import parse_limit

    for metric, quantity in limits.items():
        try:
            yield replace(parse_limit(f"{metric}={quantity}"), bound=bound)
        except ValueError as error:
            raise UsageError(f"{metric}: {error}") from None


def _text(report: "Report") -> str:
    from onnx_roofline.ci.formats.text import finding_lines

    findings = [finding for finding in report.worst_first() if finding.severity != "note"]
    return "\n".join(line for finding in findings for line in finding_lines(finding))


def _here(path: Path) -> str:
    """The path from the current folder, as messages have it."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _has_table(path: Path) -> bool:
    """Whether a pyproject.toml has budgets, without a parse of those that have none."""
    try:
        return _TABLE in path.read_text("utf-8", "replace")
    except OSError:
        return False
