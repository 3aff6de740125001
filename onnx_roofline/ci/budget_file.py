"""Reads onnx-roofline.yaml, or [tool.onnx-roofline] of pyproject.toml; every problem with its file, line and column."""

import datetime
import itertools
import os
import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import msgspec

from onnx_roofline.analysis.settings import Settings
from onnx_roofline.base.errors import BudgetError, UsageError
from onnx_roofline.base.measures import parse_measure
from onnx_roofline.base.quantities import parse_quantity
from onnx_roofline.base.strict_yaml import read
from onnx_roofline.base.terms import MATH_MODES
from onnx_roofline.base.text import shown
from onnx_roofline.base.toml_nodes import parse_table
from onnx_roofline.base.units import FLOAT_DTYPES
from onnx_roofline.base.yaml_nodes import Node
from onnx_roofline.ci.budgets import (
    LEVELS,
    Allowance,
    Bound,
    Budget,
    Budgets,
    Entry,
    Ignore,
    Level,
    Place,
    Point,
    at,
    parse_allowance,
)
from onnx_roofline.ci.metrics import parse_metric, unit_of
from onnx_roofline.ir.placed_records import DISPATCHES

FILE_NAMES = ("onnx-roofline.yaml", "onnx-roofline.yml")
PYPROJECT, TABLE = "pyproject.toml", ("tool", "onnx-roofline")
VERSION = 1
DEFAULT_BASELINE = ".onnx-roofline/baseline.json"
# Points of one entry; a sweep of sweeps is a typing error.
MAX_POINTS = 1000

ROOT_KEYS = ("version", "defaults", "baseline", "models", "ignore")
# What an analysis is done under; both in `defaults` and in an entry.
SETTING_KEYS = (
    "dims", "sweep", "system", "systems", "input_shapes", "dtype", "backend", "pim_model", "math", "dispatch",
    "objective", "on_chip", "residency", "trips", "values", "level", "assumed", "unknown", "fits", "budgets",
)  # fmt: skip
ENTRY_KEYS = ("path", "id", "allow_missing", *SETTING_KEYS)
_BUDGET_KEYS = ("max", "min", "vs_baseline", "level", "message")
IGNORE_KEYS = ("rule", "metric", "model", "reason", "until")
ONE_OF = {
    "pim_model": ("full", "roofline"),
    "math": MATH_MODES,
    "dispatch": DISPATCHES,
    "objective": ("latency", "energy", "energy-delay"),
}
_SIZE = re.compile(r"[0-9]{1,18}", re.ASCII)


def find_budget_file(folder: str) -> str | None:
    """The budget file of the nearest folder upwards, up to the one that holds .git; None where there is none."""
    here = os.path.abspath(folder)
    while True:
        for name in (*FILE_NAMES, PYPROJECT):
            path = os.path.join(here, name)
            if os.path.isfile(path) and (name != PYPROJECT or _read_root(path) is not None):
                return os.path.relpath(path, folder) if not os.path.isabs(folder) else path
        parent = os.path.dirname(here)
        if parent == here or os.path.exists(os.path.join(here, ".git")):
            return None
        here = parent


def read_budgets(path: str) -> Budgets:
    """The budgets of a file. Raises BudgetError with all its problems, one a line."""
    root = _read_root(path)
    if root is None:
        raise UsageError(f"{path}: found no table [tool.onnx-roofline]; add one")
    return _Reader(path).budgets(root)


def _read_root(path: str) -> Node | None:
    if not path.endswith(".toml"):
        return read(path, BudgetError, with_columns=True)
    try:
        with open(path, "rb") as file:
            data = file.read(2**20)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    return parse_table(data, path, TABLE, BudgetError)


class _Reader:
    """Turns the nodes of one file into budgets; what is wrong goes to the problems of the file."""

    def __init__(self, path: str) -> None:
        self.path = path.replace("\\", "/")
        self.folder = os.path.dirname(path)
        self.inputs: list[str] = []

    def budgets(self, root: Node) -> Budgets:
        entries = root.mapping(ROOT_KEYS, ("version", "models"))
        version = entries["version"].integer() if "version" in entries else None
        if version not in (None, VERSION):
            entries["version"].report(f"found {version}, wanted {VERSION}; this release reads no other form")
        defaults = dict(entries["defaults"].mapping(SETTING_KEYS)) if "defaults" in entries else {}
        models = entries["models"].sequence() if "models" in entries else ()
        if "models" in entries and entries["models"].kind == "sequence" and not models:
            entries["models"].report("found no model; name one, such as - path: models/*.onnx")
        found = [self._entry(node, defaults) for node in models]
        baseline, required = self._baseline(entries.get("baseline"))
        ignores = [self._ignore(node) for node in (entries["ignore"].sequence() if "ignore" in entries else ())]
        root.problems.raise_if_any(BudgetError)
        return Budgets(
            folder=self.folder,
            entries=tuple(found),
            place=Place(self.path, root.line, root.column),
            ignores=tuple(ignores),
            baseline=baseline,
            baseline_required=required,
            inputs=(self.path, *self.inputs),
        )

    def _place(self, node: Node) -> Place:
        return Place(self.path, node.key_line or node.line, node.key_column or node.column)

    def _baseline(self, node: Node | None) -> tuple[str, bool]:
        if node is None:
            return os.path.join(self.folder, DEFAULT_BASELINE), False
        if node.kind == "scalar":
            return os.path.join(self.folder, node.text() or ""), False
        entries = node.mapping(("path", "required"))
        path = (entries["path"].text() if "path" in entries else None) or DEFAULT_BASELINE
        required = entries["required"].boolean() if "required" in entries else False
        return os.path.join(self.folder, path), bool(required)

    def _entry(self, node: Node, defaults: Mapping[str, Node]) -> Entry:
        own = node.mapping(ENTRY_KEYS, ("path",))
        keys = {**defaults, **own}
        if ("system" in own) != ("systems" in own):
            # Of the two spellings the entry's counts, whatever the defaults have.
            keys.pop("systems" if "system" in own else "system", None)
        paths = tuple(filter(None, (item.text() for item in _one_or_more(own.get("path")))))
        if "path" in own and own["path"].kind == "sequence" and not paths:
            own["path"].report("found no path; name one, such as models/*.onnx")
        name = (own["id"].text() if "id" in own else None) or ""
        level = _level(keys.get("level"), "error")
        budgets = {}
        for source in (defaults, own):
            if "budgets" in source:
                for metric, item in source["budgets"].mapping().items():
                    budgets[metric] = self._budget(metric, item, level)
        for item in _one_or_more(keys.get("fits")):
            if device := item.text():
                metric = f"memory_share.{device}"
                budgets[metric] = (Budget(metric, "max", Fraction(1), "100 %", self._place(item), level),)
        if not budgets and node.kind == "mapping":
            node.report("found no budget; add one under budgets, such as flops: 9 GFLOP")
        return Entry(
            paths=paths,
            name=name,
            points=self._points(keys, node),
            budgets=tuple(itertools.chain.from_iterable(budgets.values())),
            place=self._place(node),
            assumed=_level(keys.get("assumed"), "error"),
            unknown=_level(keys.get("unknown"), "error"),
            allow_missing=bool(own["allow_missing"].boolean()) if "allow_missing" in own else False,
        )

    def _points(self, keys: Mapping[str, Node], entry: Node) -> tuple[Point, ...]:
        for node in (keys.get("systems"), *(keys["sweep"].mapping().values() if "sweep" in keys else ())):
            if node is not None and node.kind == "sequence" and not node.items:
                node.report("found an empty list, which no model is analysed at; name one, or leave it out")
        systems = [self._system(node) for node in _one_or_more(keys.get("systems", keys.get("system")))] or ["teaching"]
        dims = _sizes(keys.get("dims"))
        sweep = {name: _numbers(node) for name, node in (keys["sweep"].mapping() if "sweep" in keys else {}).items()}
        count = len(systems)
        for values in sweep.values():
            count *= len(values)
        if count > MAX_POINTS:
            entry.report(f"found {count:,} points of sweeps and systems, wanted at most {MAX_POINTS:,}")
            return ()
        options = self._options(keys)
        found = []
        for values in itertools.product(*sweep.values()):
            swept = dict(zip(sweep, values, strict=True))
            for system in systems:
                settings = msgspec.structs.replace(options, dims={**dims, **swept}, system=system)
                label = at(swept or dims, _short(system), name_system=len(systems) > 1)
                found.append(Point(settings, label))
        return tuple(found)

    def _system(self, node: Node) -> str:
        """A shipped system by its name, or a file relative to the budget file."""
        name = node.text() or "teaching"
        path = os.path.join(self.folder, name)
        if not name.endswith((".yaml", ".yml")):
            return name
        self.inputs.append(path)
        if not os.path.isfile(path):
            node.report(f"found no file {shown(path)}; name one relative to this file, or a shipped system")
        return path

    def _options(self, keys: Mapping[str, Node]) -> Settings:
        texts: dict[str, Any] = {}
        for name in ("pim_model", "math", "dispatch", "objective", "backend"):
            if name in keys and (text := keys[name].text(ONE_OF.get(name, ()))):
                is_pack = name == "backend" and text.endswith((".yaml", ".yml"))
                texts[name] = os.path.join(self.folder, text) if is_pack else text
                self.inputs += [texts[name]] if is_pack else []
        if "dtype" in keys and (dtype := keys["dtype"].text(tuple(sorted(FLOAT_DTYPES)))):
            texts["assume_dtype"] = dtype
        if "residency" in keys and (residency := keys["residency"].boolean()) is not None:
            texts["residency"] = residency
        if "on_chip" in keys and (size := keys["on_chip"].text()):
            texts["on_chip"] = _on_chip(keys["on_chip"], size)
        if "trips" in keys:
            texts["trips"] = _sizes(keys["trips"])
        if "values" in keys:
            texts["values"] = {name: _numbers(node) for name, node in keys["values"].mapping().items()}
        if "input_shapes" in keys:
            texts["input_shapes"] = {name: _numbers(node) for name, node in keys["input_shapes"].mapping().items()}
        return Settings(**texts)

    def _budget(self, metric: str, node: Node, level: Level) -> tuple[Budget, ...]:
        """The limits that one metric has; a text alone is the most."""
        try:
            parse_metric(metric)
        except ValueError as error:
            node.report_key(str(error))
            return ()
        if node.kind == "scalar":
            return self._bound(metric, "max", node, level, "")
        entries = node.mapping(_BUDGET_KEYS)
        level = _level(entries.get("level"), level)
        message = (entries["message"].text() if "message" in entries else None) or ""
        bounds: tuple[Bound, ...] = ("max", "min", "vs_baseline")
        named = [(bound, entries[bound]) for bound in bounds if bound in entries]
        if not named:
            node.report("found no max, min or vs_baseline; add one")
        if level == "off":
            return ()
        return tuple(itertools.chain.from_iterable(self._bound(metric, b, item, level, message) for b, item in named))

    def _bound(self, metric: str, bound: Bound, node: Node, level: Level, message: str) -> tuple[Budget, ...]:
        texts = [(item, text) for item in _one_or_more(node) if (text := item.text())]
        allowances: list[Allowance] = []
        limit = parse_measure("0", "")
        for item, text in texts[: None if bound == "vs_baseline" else 1]:
            try:
                if bound == "vs_baseline":
                    allowances.append(parse_allowance(text, metric))
                else:
                    limit = parse_measure(text, unit_of(metric))
            except ValueError as error:
                item.report(str(error))
        if bound != "vs_baseline" and node.kind == "sequence":
            node.report(f"found a list, wanted one quantity as the {bound}")
        shown_text = " or ".join(text for _, text in texts)
        place = self._place(node)
        return (Budget(metric, bound, limit, shown_text, place, level, message, tuple(allowances)),)

    def _ignore(self, node: Node) -> Ignore:
        entries = node.mapping(IGNORE_KEYS, ("reason",))
        texts = {key: (entries[key].text() if key in entries else None) or "" for key in IGNORE_KEYS}
        if node.kind == "mapping" and not any(texts[key] for key in ("rule", "metric", "model")):
            node.report("found no rule, metric or model to ignore; name at least one")
        until = None
        if texts["until"]:
            try:
                until = datetime.date.fromisoformat(texts["until"])
            except ValueError:
                entries["until"].report(f"found {shown(texts['until'])}, wanted a date, such as 2027-03-01")
        return Ignore(texts["rule"], texts["metric"], texts["model"], texts["reason"], until, self._place(node))


def _level(node: Node | None, default: Level) -> Level:
    found = None if node is None else node.text(LEVELS)
    return default if found is None else found  # type: ignore[return-value]


def _one_or_more(node: Node | None) -> Sequence[Node]:
    """The items of a list, or the one value in its place."""
    if node is None:
        return ()
    return node.items if node.kind == "sequence" else (node,)


def _sizes(node: Node | None) -> dict[str, int]:
    found = {}
    for name, item in ({} if node is None else node.mapping()).items():
        number = item.integer()
        if number is not None:
            found[name] = number
    return found


def _numbers(node: Node) -> tuple[int, ...]:
    """`[1, 8]`, `8` or `1x3x224x224`."""
    if node.kind == "scalar" and re.fullmatch(r"[0-9]+(x[0-9]+)+", node.characters, re.ASCII):
        return tuple(int(part) for part in node.characters.split("x") if _SIZE.fullmatch(part))
    return tuple(number for item in _one_or_more(node) if (number := item.integer()) is not None)


def _on_chip(node: Node, text: str) -> str:
    if text == "unlimited":
        return text
    try:
        return str(int(parse_quantity(text)))
    except ValueError as error:
        node.report(f"{error}, or unlimited")
        return ""


def _short(system: str) -> str:
    return os.path.basename(system).removesuffix(".yaml").removesuffix(".yml")
