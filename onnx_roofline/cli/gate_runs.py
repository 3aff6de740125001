"""What check and baseline share: the budgets, the models that they name, and the analyses of these."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from onnx_roofline.base.errors import UsageError
from onnx_roofline.cli.model_runs import profile_files
from onnx_roofline.cli.outputs import Output, refuse_inputs
from onnx_roofline.cli.progress import Progress

if TYPE_CHECKING:
    from onnx_roofline.ci.budgets import Budgets
    from onnx_roofline.ci.measure import Job, Outcome
    from onnx_roofline.ci.plan import Target
    from onnx_roofline.ci.runs.runner import Runner


def file_budgets(config: str | None) -> "Budgets | None":
    """The budgets of the named or nearest file; None where nothing is named and none is near."""
    from onnx_roofline.ci.budget_file import find_budget_file, read_budgets

    path = config if config is not None else find_budget_file(".")
    return None if path is None else read_budgets(path)


def required_budgets(config: str | None) -> "Budgets":
    """The budgets of the named or nearest file. Raises UsageError where there is none."""
    budgets = file_budgets(config)
    if budgets is None:
        raise UsageError("found no onnx-roofline.yaml and no [tool.onnx-roofline] in pyproject.toml, here or above")
    return budgets


def budget_inputs(budgets: "Budgets", targets: "Sequence[Target]") -> Iterator[str]:
    """Every file that a check of these targets reads, as far as it is known before."""
    yield from budgets.inputs
    for system in {str(target.point.settings.system) for target in targets}:
        yield from profile_files(system)
    for target in targets:
        yield target.path
        yield str(target.point.settings.backend)
        if target.point.settings.observe:
            yield str(target.point.settings.observe)


def measure_targets(
    targets: "Sequence[Target]",
    outputs: Sequence[Output],
    runner: "Runner",
    *,
    with_nodes: bool = False,
    with_lint: bool = False,
) -> "dict[str, Outcome]":
    """The outcome of each target by its key; each file under the same settings is analysed once.

    Raises UsageError where an output is a file of external data that one of the models names.
    """
    from onnx_roofline.ci.measure import Job

    jobs = [Job(target.path, target.point.settings, with_nodes, with_lint=with_lint) for target in targets]
    found = measure_jobs(jobs, runner)
    for outcome in found:
        if outcome.snapshot is not None:
            refuse_inputs(outputs, outcome.snapshot.external_files)
    return {target.key: outcome for target, outcome in zip(targets, found, strict=True)}


def measure_jobs(jobs: "Sequence[Job]", runner: "Runner") -> "list[Outcome]":
    """The outcomes of jobs in their order, with a progress bar on a terminal."""
    with Progress() as progress:
        return runner.measure(jobs, progress)
