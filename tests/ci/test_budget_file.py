"""The file of budgets: what is read of it, and how every mistake in it is said."""

import datetime
import json
from fractions import Fraction
from pathlib import Path

import jsonschema
import pytest
import yaml

from onnx_roofline.base.errors import BudgetError
from onnx_roofline.base.measures import Unit, parse_measure
from onnx_roofline.ci.budget_file import find_budget_file, read_budgets
from onnx_roofline.ci.budget_schema import budget_schema
from onnx_roofline.ci.budgets import Budgets
from onnx_roofline.cli.main import main

GOOD = """\
version: 1
defaults:
  dims: {batch: 1}
  budgets: {coverage: {min: 100%}}
baseline: {path: base.json, required: true}
models:
  - id: detector
    path: models/detector.onnx
    systems: [teaching, a100-hbm-pim]
    dtype: float16
    budgets:
      flops: 9.0 GFLOP
      moved_bytes: {max: 120 MB, vs_baseline: [+1%, +512 KiB], level: warn, message: ask first}
      op[Conv].macs: {max: 4 GMAC}
  - path: [asr/*.onnx, tts/*.onnx]
    sweep: {batch: [1, 8], sequence: [128, 1024]}
    assumed: warn
    budgets: {time_s.placement: 1.2 ms, coverage: {level: off, min: 50%}}
ignore:
  - {rule: OR103, model: detector, reason: the NMS stays, until: 2027-03-01}
"""
SAME_IN_TOML = """\
[project]
name = "zoo"  # [tool.onnx-roofline]

[tool.onnx-roofline]
version = 1
baseline = {path = "base.json", required = true}
defaults = {dims = {batch = 1}, budgets = {coverage = {min = "100%"}}}

[[tool.onnx-roofline.models]]
id = "detector"
path = "models/detector.onnx"
systems = ["teaching", "a100-hbm-pim"]
dtype = "float16"
[tool.onnx-roofline.models.budgets]
flops = "9.0 GFLOP"
moved_bytes = {max = "120 MB", vs_baseline = ["+1%", "+512 KiB"], level = "warn", message = "ask first"}
"op[Conv].macs" = {max = "4 GMAC"}

[[tool.onnx-roofline.models]]
path = ["asr/*.onnx", "tts/*.onnx"]
sweep = {batch = [1, 8], sequence = [128, 1024]}
assumed = "warn"
budgets = {"time_s.placement" = "1.2 ms", coverage = {level = "off", min = "50%"}}

[[tool.onnx-roofline.ignore]]
rule = "OR103"
model = "detector"
reason = "the NMS stays"
until = 2027-03-01
"""


# The beginnings of files with a mistake.
ENTRY = "version: 1\nmodels:\n  - path: a\n    "
BUDGET = f"{ENTRY}budgets: "
IGNORE = "version: 1\nmodels:\n  - {path: a, budgets: {flops: 1}}\nignore: "


def write(folder: Path, text: str, name: str = "onnx-roofline.yaml") -> str:
    path = folder / name
    path.write_text(text, "utf-8")
    return str(path)


def test_a_file_is_read(tmp_path: Path) -> None:
    budgets = read_budgets(write(tmp_path, GOOD))
    detector, speech = budgets.entries
    assert [point.label for point in detector.points] == ["batch=1, teaching", "batch=1, a100-hbm-pim"]
    assert [point.settings.assume_dtype for point in detector.points] == ["float16", "float16"]
    assert len(speech.points) == 4
    assert speech.points[3].settings.dims == {"batch": 8, "sequence": 1024}
    assert speech.points[3].label == "batch=8, sequence=1024"
    assert speech.assumed == "warn"
    limits = {(b.metric, b.bound): b for b in detector.budgets}
    assert limits["flops", "max"].limit == 9 * 10**9
    assert limits["coverage", "min"].limit == 1
    against = limits["moved_bytes", "vs_baseline"]
    assert [(a.share, a.amount) for a in against.allowances] == [(Fraction(1, 100), None), (None, 512 * 1024)]
    assert (against.level, against.message) == ("warn", "ask first")
    # The entry switches off what the defaults ask for.
    assert [b.metric for b in speech.budgets] == ["time_s.placement"]
    assert budgets.ignores[0].until == datetime.date(2027, 3, 1)
    assert budgets.baseline_required


def test_budgets_know_where_they_stand(tmp_path: Path) -> None:
    budgets = read_budgets(write(tmp_path, GOOD))
    places = {b.metric: (b.place.line, b.place.column) for b in budgets.entries[0].budgets if b.bound == "max"}
    assert places == {"flops": (12, 7), "moved_bytes": (13, 21), "op[Conv].macs": (14, 23)}


def test_pyproject_says_the_same(tmp_path: Path) -> None:
    yaml_file, toml_file = write(tmp_path, GOOD), write(tmp_path, SAME_IN_TOML, "pyproject.toml")
    assert without_places(read_budgets(toml_file)) == without_places(read_budgets(yaml_file))
    limits = [b for b in read_budgets(toml_file).entries[0].budgets if b.bound == "max"]
    places = {b.metric: (b.place.line, b.place.column) for b in limits}
    assert places == {"flops": (15, 1), "moved_bytes": (16, 16), "op[Conv].macs": (17, 20)}


def without_places(budgets: Budgets) -> str:
    import re

    text = re.sub(r"Place\([^)]*\)", "", repr(budgets))
    return re.sub(r"inputs=\([^)]*\)", "", text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("version: 2\nmodels: [{path: a, budgets: {flops: 1}}]", ":1:10: version: found 2, wanted 1"),
        ("models: [{path: a, budgets: {flops: 1}}]", ":1:1: found no 'version'"),
        ("version: 1\nmodel: []\nmodels: []", ":2:1: model: found an unknown key; did you mean 'models'?"),
        ("version: 1\nmodels: []", ":2:1: models: found no model"),
        (ENTRY + "budgets:\n      flop: 1 G", ":5:7: models[0].budgets.flop: found no metric 'flop'; did you mean"),
        (BUDGET + "{flops: 9 GB}", ":4:22: models[0].budgets.flops: '9 GB' has the unit B"),
        (BUDGET + "{moved_bytes: 9 mB}", "is a part of one B; did you mean MB?"),
        (BUDGET + "{flops: {maximum: 9 G}}", ":4:23: models[0].budgets.flops.maximum: found an unknown key; did"),
        (BUDGET + "{flops: {vs_baseline: 1%}}", "wanted what may be added, such as +1%"),
        (BUDGET + "{flops: {max: 9 G, level: fatal}}", "wanted one of error, warn, off"),
        (BUDGET + "{flops: {max: [1 G, 2 G]}}", "found a list, wanted one quantity"),
        (BUDGET + "{flops: {level: warn}}", "found no max, min or vs_baseline"),
        (BUDGET + "{'op[Conv].flop': 1 G}", "found no figure 'flop' of an op type or module; did you mean 'flops'?"),
        (ENTRY.rstrip(), "found no budget; add one"),
        (ENTRY + "dims: {batch: -1}\n    budgets: {flops: 1}", ":4:19: models[0].dims.batch: found '-1', wanted"),
        (ENTRY + "system: x.yaml\n    budgets: {flops: 1}", "found no file"),
        (ENTRY + "dtype: float17\n    budgets: {flops: 1}", "did you mean 'float16'?"),
        (ENTRY + "sweep: {a: [1, 2], b: [" + "1," * 600 + "1]}\n    budgets: {flops: 1}", "found 1,202 points"),
        (ENTRY + "sweep: {a: []}\n    budgets: {flops: 1}", ":4:13: models[0].sweep.a: found an empty list"),
        (ENTRY + "systems: []\n    budgets: {flops: 1}", "models[0].systems: found an empty list"),
        ("version: 1\nmodels:\n  - path: []\n    budgets: {flops: 1}", "models[0].path: found no path"),
        (IGNORE + "[{rule: OR101}]", "found no 'reason'"),
        (IGNORE + "[{reason: x}]", "found no rule, metric or model to ignore"),
        (IGNORE + "[{rule: x, reason: x, until: soon}]", "wanted a date, such as 2027-03-01"),
        ("version: 1\nmodels: [", "is not YAML"),
    ],
)  # fmt: skip
def test_a_mistake_has_a_line_and_a_column(
    text: str, found: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, text)
    assert main(["check"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("onnx-roofline: onnx-roofline.yaml:")
    assert found in err


def test_all_mistakes_are_said_at_once(tmp_path: Path) -> None:
    text = "version: 1\nmodels:\n  - path: a\n    dims: {batch: x}\n    budgets: {flop: 1, macs: 2 MB}\n"
    with pytest.raises(BudgetError) as caught:
        read_budgets(write(tmp_path, text))
    assert [line.split(":")[1] for line in str(caught.value).splitlines()] == ["4", "5", "5"]


def test_a_mistake_in_pyproject_has_a_place_too(tmp_path: Path) -> None:
    path = write(tmp_path, SAME_IN_TOML.replace('"9.0 GFLOP"', '"9 parsecs"'), "pyproject.toml")
    with pytest.raises(BudgetError, match=r"pyproject.toml:15:1: models\[0\].budgets.flops: '9 parsecs'"):
        read_budgets(path)
    path = write(tmp_path, "[tool.onnx-roofline]\nversion = = 1", "pyproject.toml")
    with pytest.raises(BudgetError, match=r"pyproject.toml:2:11: is not TOML"):
        read_budgets(path)


def test_the_nearest_file_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(inner)
    assert find_budget_file(".") is None
    write(tmp_path, SAME_IN_TOML, "pyproject.toml")
    assert find_budget_file(".") == "../../pyproject.toml"
    write(tmp_path / "a", "[tool.other]", "pyproject.toml")
    assert find_budget_file(".") == "../../pyproject.toml"
    write(tmp_path / "a", GOOD)
    assert find_budget_file(".") == "../onnx-roofline.yaml"


def test_the_schema_knows_what_the_reader_knows(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "budgets"]) == 0
    schema = json.loads(capsys.readouterr().out)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(budget_schema())
    # Editors read YAML 1.2, which has no dates and in which off is a text.
    document = yaml.load(GOOD, Loader=yaml.BaseLoader)
    document["version"], document["baseline"]["required"] = 1, True
    document["defaults"]["dims"]["batch"] = 1
    for entry in document["models"]:
        for name, sizes in entry.get("sweep", {}).items():
            entry["sweep"][name] = [int(size) for size in sizes]
    assert list(validator.iter_errors(document)) == []
    for wrong in (
        {"flop": "1 G"},
        {"flops": {"maximum": "1 G"}},
        {"op[Conv].flop": "1 G"},
        {"flops": {"level": "fatal"}},
    ):
        document["models"][0]["budgets"] = wrong
        assert list(validator.iter_errors(document)) != []


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("9", "FLOP", Fraction(9)),
        ("9 FLOPs", "FLOP", Fraction(9)),
        ("1.5k", "", Fraction(1500)),
        ("1 KiB", "B", Fraction(1024)),
        ("1 kB", "B", Fraction(1000)),
        ("2.5e-3 s", "s", Fraction(25, 10000)),
        ("3 µJ", "J", Fraction(3, 10**6)),
        ("0.1 %", "%", Fraction(1, 1000)),
        ("0.5", "%", Fraction(1, 2)),
    ],
)
def test_quantities_are_exact(text: str, unit: Unit, value: Fraction) -> None:
    assert parse_measure(text, unit) == value


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("", "B"), ("-1", "B"), ("1 KiB", "FLOP"), ("1 Gi", "FLOP"), ("1 m", "FLOP"), ("1 s", "B"), ("1 B", "s"),
        ("120 %", "%"), ("1 G", "%"), ("nan", "s"), ("1e999", "s"), ("1_000", "B"), ("1,000", "B"), ("\u0663", "B"),
    ],
)  # fmt: skip
def test_other_quantities_are_refused(text: str, unit: Unit) -> None:
    with pytest.raises(ValueError, match=r"is not a number|unit|part of one|more than all"):
        parse_measure(text, unit)
