"""What a gate keeps of one analysis: its figures, the context that they hold in, and the ops for a comparison.

A snapshot is small, is written and read as JSON, and is all that budgets, baselines and diffs look at.
"""

import hashlib
from collections.abc import Iterable, Mapping
from fractions import Fraction

import msgspec
from msgspec import Struct

from onnx_roofline import __version__
from onnx_roofline.analysis.analyze import Analysis
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.base.text import did_you_mean
from onnx_roofline.ci.assumptions import assumed_options, most_of_all_branches
from onnx_roofline.ci.metrics import Value, groups_of, parse_metric, select, totals_of
from onnx_roofline.ci.nodes import NodeFigures, nodes_of_analysis
from onnx_roofline.lint.lint import lint
from onnx_roofline.lint.records import LintFinding
from onnx_roofline.lint.words import lint_message
from onnx_roofline.load.external import external_files

# Raised by every change after which the same file has other figures; baselines of another version are not compared.
COST_MODEL_VERSION = 3


class Context(Struct, frozen=True):
    """What two sets of figures must agree in before one is held against the other."""

    dims: dict[str, int]
    dtype: str
    system: str
    system_sha256: str
    options: dict[str, str]
    tool_version: str
    cost_model_version: int

    def differences(self, other: "Context") -> tuple[str, ...]:
        """What doesn't agree, each as `system: teaching here, papi there`; empty where figures can be compared.

        A dim that only one of the two has is part of what changed in the model.
        """
        found = [
            f"{name}: {self.dims[name]} here, {other.dims[name]} there"
            for name in self.dims
            if name in other.dims and self.dims[name] != other.dims[name]
        ]
        for name in ("dtype", "system", "tool_version", "cost_model_version"):
            mine, theirs = getattr(self, name), getattr(other, name)
            if mine != theirs:
                found.append(
                    f"{name.replace('_', ' ')}: {mine or 'as in the file'} here, {theirs or 'as in the file'} there"
                )
        if self.system == other.system and "" != self.system_sha256 != other.system_sha256 != "":
            found.append(f"system {self.system}: its figures differ")
        for name in sorted({*self.options, *other.options}):
            mine, theirs = self.options.get(name, "default"), other.options.get(name, "default")
            if mine != theirs:
                found.append(f"{name}: {mine} here, {theirs} there")
        return tuple(found)


class Open(Struct, frozen=True):
    """What nobody stated: the options that would, as a refusal gives them, and the most over all choices of branches.

    `branch` is an option that states one. `most` are metrics that a choice of branch can raise, None where nothing
    bounds them.
    """

    kinds: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    branch: str = ""
    most: dict[str, Value] = {}


class Notice(Struct, frozen=True):
    """A warning of the analysis."""

    code: str
    where: str
    message: str


class LintNote(Struct, frozen=True):
    """A finding of the lint: its rule, its level, and what it says."""

    code: str
    level: str
    message: str


class Snapshot(Struct, frozen=True):
    """The figures of one model at one size on one system."""

    path: str
    graph_sha256: str
    context: Context
    totals: dict[str, Value]
    by_type: dict[str, dict[str, Value]]
    by_module: dict[str, dict[str, Value]]
    unknown_op_types: tuple[str, ...]
    opened: Open
    notices: tuple[Notice, ...]
    nodes: tuple[NodeFigures, ...] = ()
    external_files: tuple[str, ...] = ()
    # figures of selectors that were computed before, as a baseline has them
    selected: dict[str, Value] = {}
    lint: tuple[LintNote, ...] = ()

    def figure(self, metric: str) -> Value:
        """The figure of a metric. Raises KeyError for one that this model on this system doesn't have."""
        if metric in self.selected:
            return self.selected[metric]
        selector = parse_metric(metric)
        if selector is None:
            return self.totals[metric]
        if selector.by == "module" and self.by_type and not self.by_module:
            # A baseline keeps the modules that have budgets, and this one had none.
            return None
        return select(selector, self.by_type if selector.by == "op" else self.by_module)


def take_snapshot(analysis: Analysis, *, with_nodes: bool = False, with_lint: bool = False) -> Snapshot:
    """The snapshot of an analysis; `with_nodes` keeps its ops, which a diff needs, `with_lint` runs the lint."""
    summary, model = analysis.summary, analysis.model
    kinds, examples = assumed_options(analysis)
    branch, most = most_of_all_branches(analysis)
    return Snapshot(
        path=model.info.path,
        graph_sha256=model.info.graph_sha256,
        context=context_of(analysis),
        totals=totals_of(analysis),
        by_type=groups_of(summary.by_type),
        by_module=groups_of(summary.by_module),
        unknown_op_types=summary.unknown_op_types,
        opened=Open(kinds, examples, branch, most),
        notices=tuple(Notice(n.code, n.where, n.message) for n in model.warnings),
        nodes=nodes_of_analysis(analysis) if with_nodes else (),
        external_files=external_files(model),
        lint=lint_notes(analysis, lint(analysis)) if with_lint else (),
    )


def lint_notes(analysis: Analysis, found: Iterable[LintFinding]) -> tuple[LintNote, ...]:
    """Findings of the lint as one sentence each."""
    return tuple(LintNote(one.code, one.level, lint_message(analysis, one)) for one in found)


def context_of(analysis: Analysis) -> Context:
    """The context of an analysis."""
    settings = analysis.settings
    return Context(
        dims={name: d.value for name, d in sorted(analysis.model.dims.items()) if d.origin != "model"},
        dtype=settings.float_dtype,
        system=analysis.system.slug,
        system_sha256=_system_digest(analysis),
        options=options_of(settings),
        tool_version=__version__,
        cost_model_version=COST_MODEL_VERSION,
    )


_OPTIONS = (
    "backend", "pim_model", "objective", "on_chip", "residency", "trips", "branches", "values", "observe",
    "input_shapes", "figures", "caches", "no_caches", "math", "dispatch", "quantize",
)  # fmt: skip


def options_of(settings: Settings) -> dict[str, str]:
    """The options that change figures and differ from their defaults, but dims, element type and system."""
    plain = Settings()
    found = {
        name: _text(getattr(settings, name))
        for name in _OPTIONS
        if getattr(settings, name) != getattr(plain, name)
    }  # fmt: skip
    return dict(sorted(found.items()))


def _text(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={_text(item)}" for name, item in sorted(value.items()))
    if isinstance(value, tuple):
        return (", " if any(isinstance(item, str) for item in value) else "x").join(map(str, value))
    return str(value)


# What a profile says in words; another wording is the same system.
_WORDS = frozenset({"name", "notes", "facts", "source", "figures"})


def _system_digest(analysis: Analysis) -> str:
    """A digest of every figure of the system: a profile may change under the same name."""
    data = msgspec.json.encode(_figures_only(msgspec.to_builtins(analysis.system)), order="deterministic")
    return hashlib.sha256(data).hexdigest()[:16]


def _figures_only(value: object) -> object:
    if isinstance(value, dict):
        return {key: _figures_only(item) for key, item in value.items() if key not in _WORDS}
    return value


def as_number(value: Value | Fraction) -> int | float:
    """A known figure as JSON has it: whole numbers as integers."""
    assert value is not None
    if isinstance(value, Fraction):
        return value.numerator if value.denominator == 1 else float(value)
    return value


def missing_metric(snapshot: Snapshot, metric: str) -> str:
    """Why a model on a system has no such metric, with the names that it has."""
    family, _, device = metric.partition(".")
    names = [name.partition(".")[2] for name in snapshot.totals if name.startswith(f"{family}.")]
    return f"found no {device!r} in {snapshot.context.system} for {family}{did_you_mean(device, names)}"
