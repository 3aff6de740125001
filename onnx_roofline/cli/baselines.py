"""The commands `baseline update`, `show` and `verify`."""

import argparse
import os
from typing import TYPE_CHECKING

from msgspec import Struct

from onnx_roofline.base.errors import UsageError
from onnx_roofline.cli.exit_codes import BAD_INPUT, BROKEN, DONE
from onnx_roofline.cli.gate_runs import budget_inputs, measure_targets, required_budgets
from onnx_roofline.cli.many_options import make_runner
from onnx_roofline.cli.outputs import Output, check_outputs, refuse_inputs
from onnx_roofline.cli.printing import one_line, print_message, print_table

if TYPE_CHECKING:
    from onnx_roofline.ci.baseline import Baseline
    from onnx_roofline.ci.plan import Target
    from onnx_roofline.ci.snapshot import Snapshot

# Differences that `verify` prints.
_SHOWN = 20
# Totals that `show` has a column of.
_COLUMNS = ("flops", "parameters", "moved_bytes", "peak_activation_bytes", "time_s.placement")


def run_baseline_update(options: argparse.Namespace) -> int:
    """Write the figures of the models as they are now; where one can't be analysed nothing is written."""
    from onnx_roofline.ci.baseline import baseline_text
    from onnx_roofline.report.files import write_atomically

    found = _states(options, replace=not options.models)
    path, kept, now = found.path, found.kept, found.now
    if now is None:
        return found.code
    folder = os.path.dirname(path)
    if folder:
        try:
            os.makedirs(folder, exist_ok=True)
        except OSError as error:
            raise UsageError(f"{folder}: can't be made: {error.strerror}") from None
    check_outputs([Output("--baseline", path)], ())
    write_atomically(path, [baseline_text(now)])
    before = {} if kept is None else kept.models
    changed = sum(before.get(key) != model for key, model in now.models.items())
    removed = len({*before} - {*now.models})
    gone = f", {removed} removed" if removed else ""
    print(one_line(f"{path}: {len(now.models)} models, {changed} of them changed{gone}"))
    return DONE


def run_baseline_verify(options: argparse.Namespace) -> int:
    """Whether an update would change the file."""
    from onnx_roofline.ci.baseline import differences

    states = _states(options)
    path, kept, now = states.path, states.kept, states.now
    if now is None:
        return states.code
    if kept is None:
        raise UsageError(f"{path}: found no baseline; write one: onnx-roofline baseline update")
    found = differences(kept, now, states.keys)
    for line in found[:_SHOWN]:
        print(one_line(f"{path}: {line}"))
    if len(found) > _SHOWN:
        print(f"{len(found) - _SHOWN} more; onnx-roofline baseline update writes them all")
    if not found:
        print(one_line(f"{path}: {len(states.keys)} models are as they were"))
    return BROKEN if found else DONE


def run_baseline_show(options: argparse.Namespace) -> int:
    """What a baseline holds."""
    from onnx_roofline.ci.baseline import read_baseline
    from onnx_roofline.ci.findings import amount
    from onnx_roofline.ci.metrics import unit_of

    path = options.baseline or required_budgets(options.config).baseline
    kept = read_baseline(path)
    if kept is None:
        raise UsageError(f"{path}: found no baseline; write one: onnx-roofline baseline update")
    print(one_line(f"{path}: onnx-roofline {kept.tool_version}, cost model {kept.cost_model_version}"))
    rows = [
        (key, model.under.system, *(amount(model.totals.get(name), unit_of(name)) for name in _COLUMNS))
        for key, model in sorted(kept.models.items())
    ]
    print_table(("model", "system", *_COLUMNS), rows)
    return DONE


class _States(Struct, frozen=True):
    """The baseline of the file and that of now, None where a model can't be analysed, with the exit code for that."""

    path: str
    kept: "Baseline | None"
    now: "Baseline | None"
    keys: tuple[str, ...]
    code: int


def _states(options: argparse.Namespace, *, replace: bool = False) -> _States:
    """Both baselines; one that is to be replaced whole may be broken."""
    from onnx_roofline.ci.baseline import make_baseline, read_baseline, read_replaceable
    from onnx_roofline.ci.plan import plan_targets

    budgets = required_budgets(options.config)
    path = options.baseline or budgets.baseline
    targets = plan_targets(budgets, options.models)
    output = Output("--baseline", path)
    refuse_inputs([output], budget_inputs(budgets, targets))
    kept = read_replaceable(path) if replace else read_baseline(path)
    with make_runner(options) as runner:
        outcomes = measure_targets(targets, [output], runner)
    code = DONE
    snapshots: dict[str, tuple[Target, Snapshot]] = {}
    for target in targets:
        outcome = outcomes[target.key]
        if outcome.snapshot is not None:
            snapshots[target.key] = (target, outcome.snapshot)
            continue
        print_message(outcome.failure if outcome.code == BAD_INPUT else f"internal error: {outcome.failure}")
        code = max(code, outcome.code)
    if code:
        return _States(path, kept, None, (), code)
    # What names no model any more leaves the file, unless only some models were asked for.
    now = make_baseline(snapshots, kept if options.models else None)
    return _States(path, kept, now, tuple(sorted(snapshots)), code)
