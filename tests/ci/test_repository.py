"""A scripted model repository: a branch that changes a model, its check, its baseline, its diff."""

import hashlib
import json
import os
import subprocess
from pathlib import Path

import onnx
import planting as p
import pytest

from onnx_roofline.analysis.settings import Settings
from onnx_roofline.ci import snapshot
from onnx_roofline.cli.main import main

# A chain of 64 -> 128 -> 32 at 8 rows: 8 * (64*128 + 128*32) = 98,304 MACs and 8 * (128 + 32) compares of the Relus.
MACS = 8 * (64 * 128 + 128 * 32)
FLOPS = 2 * MACS + 8 * (128 + 32)
BUDGETS = """\
version: 1
models:
  - id: dense
    path: models/dense.onnx
    budgets:
      flops: {max: 200 kFLOP, vs_baseline: "+1%"}
  - path: models/other*.onnx
    budgets: {macs: 1 MMAC}
"""


def git(*arguments: str) -> None:
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@example.com", *arguments]
    subprocess.run(command, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A committed repository of two models with their budgets, as the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    (tmp_path / "models").mkdir()
    p.dense(tmp_path / "models" / "dense.onnx", 64, 128, 32)
    p.dense(tmp_path / "models" / "other_1.onnx", 16, 16)
    (tmp_path / "onnx-roofline.yaml").write_text(BUDGETS, "utf-8")
    git("init", "-q", "-b", "main")
    git("add", "-A")
    git("commit", "-qm", "models")
    return tmp_path


def widen(repository: Path, width: int = 160) -> None:
    p.dense(repository / "models" / "dense.onnx", 64, width, 32)


def test_a_repository_as_committed_holds(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--against", "main"]) == 0
    assert capsys.readouterr().out == "2 models, 3 budgets against main: all hold\n"


def test_who_raised_it_is_said_first(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """128 -> 160 hidden: FLOPs from 197,888 to 2*8*(64*160 + 160*32) + 8*(160 + 32) = 247,296, +25 %."""
    assert FLOPS == 197_888
    widen(repository)
    assert main(["check", "--against", "main"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[:5] == [
        "error[OR101]: dense: flops is 247.3 kFLOP, 47.3 kFLOP over the limit of 200 kFLOP (+23.6 %)",
        " --> onnx-roofline.yaml:6:15",
        # Both products grow by 2 * 8 * 64 * 32 and 2 * 8 * 32 * 32, the Relu by 8 * 32.
        "  = raised by: changed 0:MatMul matmul_0: +32.77 kFLOP (float32[8, 64], float32[64, 128] -> float32[8, 128] "
        "became float32[8, 64], float32[64, 160] -> float32[8, 160]; macs 65.54 kMAC -> 81.92 kMAC (+25 %))",
        "  = and by: changed 2:MatMul matmul_1: +16.38 kFLOP (float32[8, 128], float32[128, 32] -> float32[8, 32] "
        "became float32[8, 160], float32[160, 32] -> float32[8, 32]; macs 32.77 kMAC -> 40.96 kMAC (+25 %))",
        "  = and by: changed 1:Relu relu_0: +256 FLOP (float32[8, 128] -> float32[8, 128] became float32[8, 160] -> "
        "float32[8, 160]; flops 1.024 kFLOP -> 1.28 kFLOP (+25 %))",
    ]
    assert "error[OR103]: dense: flops is 247.3 kFLOP, was 197.9 kFLOP at main (+25 %); +1% is allowed" in lines
    assert lines[-1] == "2 models, 3 budgets against main: 2 broken"


def test_accepting_a_change_by_the_baseline(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["baseline", "update"]) == 0
    first = (repository / ".onnx-roofline" / "baseline.json").read_bytes()
    assert main(["baseline", "update"]) == 0
    assert (repository / ".onnx-roofline" / "baseline.json").read_bytes() == first
    assert main(["baseline", "verify"]) == 0
    budgets = (repository / "onnx-roofline.yaml").read_text("utf-8").replace("200 k", "1 M")
    (repository / "onnx-roofline.yaml").write_text(budgets, "utf-8")
    widen(repository)
    capsys.readouterr()
    assert main(["check"]) == 1
    out = capsys.readouterr().out
    assert "flops is 247.3 kFLOP, was 197.9 kFLOP at .onnx-roofline/baseline.json (+25 %); +1% is allowed" in out
    assert "raised by: MatMul +49.15 kFLOP" in out
    assert main(["baseline", "verify"]) == 1
    assert "dense: totals.flops: 197888 in the file, 247296 now" in capsys.readouterr().out
    assert main(["baseline", "update"]) == 0
    assert main(["check"]) == 0
    capsys.readouterr()
    assert main(["baseline", "show"]) == 0
    assert "247.3 kFLOP" in capsys.readouterr().out


def test_a_baseline_of_another_version_is_said_so(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["baseline", "update"]) == 0
    path = repository / ".onnx-roofline" / "baseline.json"
    document = json.loads(path.read_text("utf-8"))
    for field, value, found in (
        ("cost_model_version", 99, f"cost model version: {snapshot.COST_MODEL_VERSION} here, 99 there"),
        ("tool_version", "9.9", "tool version: 0.1.0 here, 9.9 there"),
    ):
        path.write_text(json.dumps({**document, field: value}), "utf-8")
        capsys.readouterr()
        assert main(["check"]) == 2
        assert found in capsys.readouterr().err
    document["models"]["dense"]["under"]["system"] = "papi"
    path.write_text(json.dumps(document), "utf-8")
    assert main(["check"]) == 2
    assert (
        "no verdict against .onnx-roofline/baseline.json: system: teaching here, papi there" in capsys.readouterr().err
    )
    for text, found in (("{", "is no baseline"), ('{"format": 7}', "is a baseline of format 7, wanted 1")):
        path.write_text(text, "utf-8")
        assert main(["check"]) == 2
        assert found in capsys.readouterr().err


def test_a_required_baseline_must_be_there(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = BUDGETS.replace("models:\n", "baseline: {path: b.json, required: true}\nmodels:\n", 1)
    (repository / "onnx-roofline.yaml").write_text(text, "utf-8")
    assert main(["check"]) == 2
    assert "b.json: found no baseline; write one: onnx-roofline baseline update" in capsys.readouterr().err
    assert main(["check", "--against", "main"]) == 0


def test_a_new_model_has_nothing_to_be_compared_with(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    p.dense(repository / "models" / "other_2.onnx", 8, 8)
    assert main(["check", "--against", "main"]) == 0
    assert "note[OR107]: models/other_2.onnx: is new: main doesn't have it" in capsys.readouterr().out


def test_answered_before_and_unanswered_now_is_broken(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = p.dense_model(16, 16)
    model.graph.node[1].domain, model.graph.node[1].op_type = "acme", "Mystery"
    model.opset_import.append(onnx.helper.make_opsetid("acme", 1))
    onnx.save(model, repository / "models" / "other_1.onnx")
    text = BUDGETS.replace("    budgets: {macs: 1 MMAC}", "    unknown: off\n    budgets: {parameters: 1 M}")
    (repository / "onnx-roofline.yaml").write_text(text, "utf-8")
    assert main(["check"]) == 0
    capsys.readouterr()
    assert main(["check", "--against", "main"]) == 1
    assert "flops was 4.224 kFLOP at main and is unknown now" in capsys.readouterr().out


def test_drift_is_said_and_breaks_nothing(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    p.dense(repository / "models" / "other_1.onnx", 16, 8, 16)
    assert main(["check", "--against", "main"]) == 0
    out = capsys.readouterr().out
    assert "note[OR108]: models/other_1.onnx: changed since main: ops 2 -> 4 (+100 %)" in out


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["--against", "nowhere"], "found no revision 'nowhere'"),
        (["--against", "--output=x"], "expected one argument"),
        (["--against=--output=x"], "found the revision '--output=x', wanted one of git"),
        (["--against", ""], "found the revision '', wanted one of git"),
        (["--against", "main", "--baseline", "b.json"], "leave one of them out"),
        (["--baseline", "b.json"], "b.json: found no baseline"),
        (["--format", "sarf"], "did you mean 'sarif'?"),
        (["--format", "sarif=models/dense.onnx"], "is a file that this command reads"),
        (["--format", "sarif=onnx-roofline.yaml"], "is a file that this command reads"),
        (["--format", "sarif=x", "--format", "json=./x"], "are one file; name two"),
        (["--format", "sarif", "--format", "json"], "are one file; name two"),
        (["--format", "sarif="], "found an empty name"),
        (["--config", "nowhere.yaml"], "nowhere.yaml: cannot be read"),
        (["--max", "flops=1", "--config", "onnx-roofline.yaml"], "leave one of the two out"),
        (["--dim", "batch=1"], "state dims and the like there"),
        (["--allow-assumed"], "state dims and the like there"),
        (["models/nowhere.onnx"], "no entry names 'models/nowhere.onnx'"),
        (["--max", "flops=1"], "found no MODEL to check"),
    ],
)
def test_refusals(arguments: list[str], found: str, repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", *arguments]) == 2
    assert found in capsys.readouterr().err


def test_a_path_that_names_nothing_is_refused(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (repository / "models" / "other_1.onnx").unlink()
    assert main(["check"]) == 2
    assert "onnx-roofline.yaml:7:5: found no file 'models/other*.onnx'" in capsys.readouterr().err
    text = BUDGETS.replace("    budgets: {macs", "    allow_missing: true\n    budgets: {macs")
    (repository / "onnx-roofline.yaml").write_text(text, "utf-8")
    assert main(["check"]) == 0


def test_no_refusal_hides_another_model(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One model is no model, another is over its budget: both are said, and the exit code is the graver."""
    (repository / "models" / "other_1.onnx").write_bytes(b"not a model")
    widen(repository)
    assert main(["check"]) == 2
    out, err = capsys.readouterr()
    assert "dense: flops is 247.3 kFLOP" in out
    assert "other_1.onnx: " in err
    assert out.endswith("2 models, 2 budgets: 1 broken, 1 without a verdict\n")


def test_a_git_lfs_pointer_is_named(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n"
    path = repository / "models" / "other_1.onnx"
    path.write_bytes(pointer)
    git("commit", "-qam", "pointer")
    p.dense(path, 16, 16)
    assert main(["check", "--against", "HEAD"]) == 2
    err = capsys.readouterr().err
    assert "HEAD:models/other_1.onnx: is a Git LFS pointer" in err
    assert "git lfs fetch origin HEAD" in err


def test_acknowledged_findings(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    widen(repository)
    for until, code, found in (
        ("2999-01-01", 0, "= help: acknowledged: agreed"),
        ("2001-01-01", 1, "error[OR203]: dense: expired on 2001-01-01: agreed"),
    ):
        ignore = f"ignore:\n  - {{metric: flops, model: dense, reason: agreed, until: {until}}}\n"
        (repository / "onnx-roofline.yaml").write_text(BUDGETS + ignore, "utf-8")
        assert main(["check"]) == code
        assert found in capsys.readouterr().out
    unused = BUDGETS + "ignore: [{rule: OR102, reason: old}]\n"
    (repository / "onnx-roofline.yaml").write_text(unused.replace("200 k", "1 M"), "utf-8")
    assert main(["check"]) == 0
    assert "warning[OR204]: *: nothing to ignore was found: old" in capsys.readouterr().out
    assert main(["check", "--fail-on", "warning"]) == 1


def test_levels(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    widen(repository)
    assert main(["check", "--exit-zero"]) == 0
    for level, code in (("error", 1), ("warn", 0), ("off", 0)):
        text = BUDGETS.replace("max: 200 kFLOP", f"max: 200 kFLOP, level: {level}")
        (repository / "onnx-roofline.yaml").write_text(text, "utf-8")
        capsys.readouterr()
        assert main(["check"]) == code
        assert ("over the limit" in capsys.readouterr().out) == (level != "off")


def test_assumed_dims_are_an_error_unless_the_file_says_otherwise(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    p.dense(repository / "models" / "dense.onnx", 64, 128, 32, batch="batch")
    assert main(["check"]) == 2
    assert "dense: found dims that nobody stated; state them, for example --dim batch=1" in capsys.readouterr().err
    for line, code in (("assumed: warn", 0), ("assumed: off", 0), ("dims: {batch: 8}", 0), ("dims: {batch: 800}", 1)):
        text = BUDGETS.replace("    budgets:\n", f"    {line}\n    budgets:\n", 1)
        (repository / "onnx-roofline.yaml").write_text(text, "utf-8")
        assert main(["check"]) == code, line


def test_selectors(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    budgets = f"{{'op[MatMul].macs': {MACS}, 'op[Re*].flops': 1279, 'op[Conv].macs': 0, 'module[*].macs': {MACS}}}"
    text = f"version: 1\nmodels:\n  - path: models/dense.onnx\n    budgets: {budgets}\n"
    (repository / "onnx-roofline.yaml").write_text(text, "utf-8")
    assert main(["check"]) == 1
    # 8 * (128 + 32) compares.
    assert "op[Re*].flops is 1.28 kFLOP, 1 FLOP over the limit of 1.279 kFLOP" in capsys.readouterr().out


def test_a_metric_of_another_device_is_named(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = BUDGETS.replace("macs: 1 MMAC", "time_s.teaching-gpx: 1 s")
    (repository / "onnx-roofline.yaml").write_text(text, "utf-8")
    assert main(["check"]) == 2
    assert (
        "onnx-roofline.yaml:8:15: found no 'teaching-gpx' in teaching for time_s; did you mean"
        in capsys.readouterr().err
    )


def test_diff_of_revisions_reports_and_baselines(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyze", "models/dense.onnx", "--json", "old.json"]) == 0
    assert main(["baseline", "update"]) == 0
    widen(repository)
    changed = "~ 0:MatMul matmul_0 (MatMul)"
    for old, has_ops in (
        ("git:main:models/dense.onnx", True),
        ("old.json", True),
        (".onnx-roofline/baseline.json:dense", False),
    ):
        capsys.readouterr()
        assert main(["diff", old, "models/dense.onnx", "--only-changed", "--exit-code"]) == 1
        out = capsys.readouterr().out
        assert (changed in out) == has_ops
        assert "+25 %" in out
        assert "parameters" in out
    assert main(["diff", "models/dense.onnx", "models/dense.onnx", "--exit-code"]) == 0
    capsys.readouterr()
    assert main(["diff", "old.json", "models/dense.onnx", "--format", "markdown"]) == 0
    out = capsys.readouterr().out
    assert "| flops | 197.9 kFLOP | 247.3 kFLOP | \\+25 % |" in out
    assert main(["diff", "old.json", "models/dense.onnx", "--format", "json", "--top", "1"]) == 0
    assert len(json.loads(capsys.readouterr().out)["nodes"]) == 1


@pytest.mark.parametrize(
    ("old", "found"),
    [
        ("git:main", "wanted git:REV:PATH"),
        ("git:nowhere:models/dense.onnx", "found no revision 'nowhere'"),
        ("git:main:models/nowhere.onnx", "found no such file in that revision"),
        ("nowhere.json", "cannot be read"),
        ("onnx-roofline.yaml", "onnx-roofline.yaml"),
        ("nowhere.onnx", "found no such file"),
        (".onnx-roofline/baseline.json", "holds 2 models; name one"),
        (".onnx-roofline/baseline.json:dens", "did you mean 'dense'?"),
    ],
)
def test_diff_refuses(old: str, found: str, repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["baseline", "update"]) == 0
    assert main(["diff", old, "models/dense.onnx"]) == 2
    assert found in capsys.readouterr().err


def test_a_baseline_is_not_written_over_an_input(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (repository / "models" / "dense.onnx").read_bytes()
    assert main(["baseline", "update", "--baseline", "models/dense.onnx"]) == 2
    assert "is a file that this command reads" in capsys.readouterr().err
    assert (repository / "models" / "dense.onnx").read_bytes() == before


def test_a_baseline_needs_every_model(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (repository / "models" / "other_1.onnx").write_bytes(b"not a model")
    assert main(["baseline", "update"]) == 2
    assert not (repository / ".onnx-roofline").exists()
    assert main(["baseline", "update", "models/dense.onnx"]) == 0
    assert list(json.loads(Path(".onnx-roofline/baseline.json").read_text("utf-8"))["models"]) == ["dense"]


def test_every_setting_is_compared() -> None:
    """Dims, element type and system stand beside the options of a context; limits change no figure."""
    beside = {"dims", "assume_dtype", "system", "limits", "observe_limit_s", "observe_limit_gb"}
    assert set(snapshot._OPTIONS) == set(Settings().__struct_fields__) - beside
    assert snapshot.options_of(Settings(no_caches=("past", "keys"))) == {"no_caches": "past, keys"}


def test_a_renamed_model_is_held_against_what_it_was(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A stable id and a path alike: 128 -> 160 hidden is 197,888 -> 247,296 FLOPs, whatever the file is called."""
    budgets = repository / "onnx-roofline.yaml"
    budgets.write_text(
        budgets.read_text("utf-8").replace("200 k", "1 M").replace("models/dense", "models/wide"), "utf-8"
    )
    widen(repository)
    git("add", "-A")
    git("mv", "models/dense.onnx", "models/wide.onnx")
    assert main(["check", "--against", "main"]) == 1
    assert "dense: flops is 247.3 kFLOP, was 197.9 kFLOP at main (+25 %); +1% is allowed" in capsys.readouterr().out
    assert main(["diff", "git:main:models/wide.onnx", "models/wide.onnx"]) == 2
    assert "found no such file in that revision" in capsys.readouterr().err


def test_a_pointer_whose_content_was_fetched_is_read(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = repository / "models" / "other_1.onnx"
    data = path.read_bytes()
    oid = hashlib.sha256(data).hexdigest()
    path.write_text(f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {len(data)}\n", "utf-8")
    git("commit", "-qam", "pointer")
    path.write_bytes(data)
    assert main(["check", "--against", "HEAD"]) == 2
    # Where git lfs fetch puts it.
    store = repository / ".git" / "lfs" / "objects" / oid[:2] / oid[2:4]
    store.mkdir(parents=True)
    (store / oid).write_bytes(data)
    assert main(["check", "--against", "HEAD"]) == 0
    assert capsys.readouterr().out == "2 models, 3 budgets against HEAD: all hold\n"


@pytest.mark.parametrize("broken", ["<<<<<<< HEAD\n", "[" * 100_000, ""])
def test_an_update_replaces_a_baseline_that_a_merge_broke(
    broken: str, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["baseline", "update"]) == 0
    path = repository / ".onnx-roofline" / "baseline.json"
    whole = path.read_text("utf-8")
    path.write_text(broken + whole[:-2], "utf-8")
    assert main(["check"]) == 2
    assert "write it again: onnx-roofline baseline update" in capsys.readouterr().err
    assert main(["baseline", "update", "models/dense.onnx"]) == 2  # what it has of the other model can't be kept
    assert main(["baseline", "update"]) == 0
    assert path.read_text("utf-8") == whole


@pytest.mark.parametrize("text", ['{"name": "package"}', "{", "notes"])
def test_an_update_replaces_no_file_that_is_no_baseline(
    text: str, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = repository / "package.json"
    path.write_text(text, "utf-8")
    assert main(["baseline", "update", "--baseline", "package.json"]) == 2
    assert "package.json: is " in capsys.readouterr().err
    assert path.read_text("utf-8") == text


def test_a_model_that_is_gone_makes_a_baseline_stale(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["baseline", "update"]) == 0
    (repository / "models" / "other_1.onnx").rename(repository / "models" / "other_2.onnx")
    capsys.readouterr()
    assert main(["baseline", "verify"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        ".onnx-roofline/baseline.json: models/other_1.onnx: is in the file, and no entry names it",
        ".onnx-roofline/baseline.json: models/other_2.onnx: is not in the file",
    ]
    assert main(["baseline", "update"]) == 0
    assert capsys.readouterr().out == ".onnx-roofline/baseline.json: 2 models, 1 of them changed, 1 removed\n"
    assert main(["baseline", "verify"]) == 0


@pytest.mark.parametrize("base", [[], ["--against", "main"]])
def test_no_report_replaces_the_baseline(base: list[str], repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["baseline", "update"]) == 0
    path = repository / ".onnx-roofline" / "baseline.json"
    before = path.read_bytes()
    assert main(["check", *base, "--format", f"json={path}"]) == 2
    assert "is a file that this command reads" in capsys.readouterr().err
    assert path.read_bytes() == before


SELECTORS = """\
version: 1
models:
  - path: models/*.onnx
    budgets: {{"{metric}": {limit}}}
"""


@pytest.mark.parametrize(
    ("metric", "limit", "found"),
    [
        ("op[Matmul].macs", "1 G", "no model has an op of the type 'Matmul'; did you mean 'MatMul'?"),
        ("op[Mtmul*].macs", "1 G", "no model has an op of the type 'Mtmul*'"),
        ("module[encodr].flops", "1 G", "no model has a module 'encodr'"),
        ("op[MatMul].macs", "1 G", ""),
        ("op[*].macs", "1 G", ""),
        ("op[Conv].macs", "1 G", ""),  # a model may have one later
        ("op[MyOp].ops", "0", ""),  # there must be none
        ("op[MyOp].ops", "{max: 1, level: off}", ""),
    ],
)
def test_a_budget_that_selects_nothing_is_said(
    metric: str, limit: str, found: str, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (repository / "onnx-roofline.yaml").write_text(SELECTORS.format(metric=metric, limit=limit), "utf-8")
    assert main(["check", "--against", "main"]) == 0
    out = capsys.readouterr().out
    assert ("warning[OR110]" in out) == bool(found)
    assert found in out
    assert main(["check", "--against", "main", "--fail-on", "warning"]) == bool(found)


def test_a_name_that_is_no_unicode_is_a_model_like_any_other(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In processes, from the cache, in a baseline and as JSON."""
    name = os.fsdecode(b"other_\xe9.onnx")
    try:
        (repository / "models" / "other_1.onnx").rename(repository / "models" / name)
    except OSError:
        pytest.skip("the file system has names in Unicode only")
    for _ in range(2):
        assert main(["check"]) == 0
        assert "2 models, 3 budgets: all hold" in capsys.readouterr().out
    assert main(["baseline", "update"]) == 0
    assert main(["baseline", "verify"]) == 0
    assert main(["check", f"models/{name}", "--max", "macs=1"]) == 1
    assert main(["diff", f"models/{name}", "models/dense.onnx", "--format", "json"]) == 0


def test_a_hook_says_where_its_repository_is(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Relative to the root, from which git runs it; the budgets may lie deeper."""
    folder = repository / "deeper"
    folder.mkdir()
    for name in ("models", "onnx-roofline.yaml"):
        (repository / name).rename(folder / name)
    git("add", "-A")
    git("commit", "-qm", "moved")
    monkeypatch.setenv("GIT_DIR", ".git")
    monkeypatch.setenv("GIT_INDEX_FILE", ".git/index.lock")
    assert main(["check", "--config", "deeper/onnx-roofline.yaml", "--against", "HEAD"]) == 0
