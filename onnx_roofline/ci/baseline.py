"""The committed baseline: figures of every target, sorted, one a line, so that a pull request shows what it accepts.

Times of writing are not in it: the same models under the same tool give the same bytes.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from onnx_roofline import __version__
from onnx_roofline.base.errors import UsageError
from onnx_roofline.base.json_bytes import decode_json
from onnx_roofline.ci.gate import Base
from onnx_roofline.ci.metrics import Value, parse_metric
from onnx_roofline.ci.plan import Target
from onnx_roofline.ci.snapshot import COST_MODEL_VERSION, Context, Open, Snapshot

FORMAT = 1
# What is kept of each op type, so that a broken budget can say which types raised it.
_BY_TYPE = ("ops", "macs", "flops", "naive_bytes", "parameters", "weight_bytes", "time_s")


class Conditions(Struct, frozen=True, forbid_unknown_fields=True):
    """What the figures were taken under, but for the versions, which are of the whole file."""

    dims: dict[str, int]
    dtype: str
    system: str
    system_sha256: str
    options: dict[str, str]


class Kept(Struct, frozen=True, forbid_unknown_fields=True):
    """The figures of one target; `selected` are those of selectors that have budgets."""

    path: str
    graph_sha256: str
    under: Conditions
    totals: dict[str, Value]
    by_type: dict[str, dict[str, Value]]
    selected: dict[str, Value]


class Baseline(Struct, frozen=True, forbid_unknown_fields=True):
    """A baseline file. `models` are by the target's name and point."""

    format: int
    tool_version: str
    cost_model_version: int
    models: dict[str, Kept]

    def base(self, name: str) -> Base:
        """What a check compares with."""
        return Base(name, {key: self._snapshot(kept) for key, kept in self.models.items()})

    def _snapshot(self, kept: Kept) -> Snapshot:
        under = kept.under
        context = Context(
            under.dims, under.dtype, under.system, under.system_sha256, under.options, self.tool_version,
            self.cost_model_version,
        )  # fmt: skip
        return Snapshot(
            path=kept.path, graph_sha256=kept.graph_sha256, context=context, totals=kept.totals, by_type=kept.by_type,
            by_module={}, unknown_op_types=(), opened=Open(), notices=(), selected=kept.selected,
        )  # fmt: skip


def read_baseline(path: str) -> Baseline | None:
    """The baseline in a file, None where there is no file. Raises UsageError for another form of it."""
    try:
        with open(path, "rb") as file:
            data = file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    try:
        head = decode_json(data, dict[str, Any])
        if head.get("format") != FORMAT:
            raise UsageError(
                f"{path}: is a baseline of format {head.get('format')}, wanted {FORMAT}; write it again: "
                "onnx-roofline baseline update"
            )
        return msgspec.convert(head, Baseline)
    except (msgspec.MsgspecError, RecursionError) as error:
        todo = (
            "write it again: onnx-roofline baseline update (a merge conflict is solved the same way)"
            if _was_baseline(data)
            else "name another file, or remove this one and write it again: onnx-roofline baseline update"
        )
        raise UsageError(f"{path}: is no baseline: {error}; {todo}") from None


def read_replaceable(path: str) -> Baseline | None:
    """The baseline that an update of all models replaces; None also for one that a merge or an editor broke.

    Raises UsageError for a file that never was a baseline.
    """
    try:
        return read_baseline(path)
    except UsageError:
        try:
            with open(path, "rb") as file:
                data = file.read()
        except OSError:
            data = b""
        if not _was_baseline(data):
            raise
        return None


def _was_baseline(data: bytes) -> bool:
    """Whether a file was written as a baseline, whatever became of it: no other file has these keys."""
    return b'"cost_model_version"' in data and b'"tool_version"' in data


def make_baseline(snapshots: Mapping[str, tuple[Target, Snapshot]], kept: Baseline | None) -> Baseline:
    """The baseline of these targets; those of `kept` that are not among them stay as they are."""
    models = dict(kept.models) if kept is not None else {}
    models.update({key: _kept(target, snapshot) for key, (target, snapshot) in snapshots.items()})
    return Baseline(FORMAT, __version__, COST_MODEL_VERSION, models)


def _kept(target: Target, snapshot: Snapshot) -> Kept:
    context = snapshot.context
    return Kept(
        path=target.name if not target.entry.name else target.path.replace("\\", "/"),
        graph_sha256=snapshot.graph_sha256,
        under=Conditions(context.dims, context.dtype, context.system, context.system_sha256, context.options),
        totals=snapshot.totals,
        by_type={name: {part: row[part] for part in _BY_TYPE} for name, row in snapshot.by_type.items()},
        selected={
            budget.metric: snapshot.figure(budget.metric)
            for budget in target.entry.budgets
            if parse_metric(budget.metric) is not None
        },
    )


def baseline_text(baseline: Baseline) -> str:
    """The file: keys sorted, one figure a line, LF, ASCII."""
    return json.dumps(msgspec.to_builtins(baseline), indent=1, sort_keys=True, allow_nan=False) + "\n"


def differences(kept: Baseline, now: Baseline, keys: Iterable[str]) -> list[str]:
    """What `baseline update` would change for these targets, a line each."""
    found = []
    for name in ("tool_version", "cost_model_version"):
        if getattr(kept, name) != getattr(now, name):
            found.append(f"{name.replace('_', ' ')}: {getattr(kept, name)} in the file, {getattr(now, name)} now")
    found += [f"{key}: is in the file, and no entry names it" for key in sorted({*kept.models} - {*now.models})]
    for key in sorted(keys):
        if key not in kept.models:
            found.append(f"{key}: is not in the file")
        elif kept.models[key] != now.models[key]:
            old, new = (msgspec.to_builtins(side.models[key]) for side in (kept, now))
            found += [
                f"{key}: {where}: {before} in the file, {after} now" for where, before, after in _walk(old, new, "")
            ]
    return found


def _walk(old: Any, new: Any, where: str) -> Iterable[tuple[str, Any, Any]]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted({*old, *new}):
            yield from _walk(old.get(key), new.get(key), f"{where}.{key}" if where else key)
    elif old != new:
        yield where, old, new
