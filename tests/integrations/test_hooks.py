"""The pre-commit hooks and the GitLab job, by the tools that read them."""

import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import planting as p
import pytest
import yaml

from onnx_roofline.ci.formats import FORMATS
from onnx_roofline.cli.options import command_parser

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ("onnx_roofline", "passes", "hw_profiles", "pyproject.toml", "README.md", "LICENSE", ".pre-commit-hooks.yaml")
BUDGETS = "version: 1\nmodels:\n  - path: models/*.onnx\n    budgets: {macs: 20 kMAC}\n"
TIMEOUT_S = 240


def git(folder: Path, *arguments: str) -> None:
    command = ["git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@example.com", *arguments]
    subprocess.run(command, check=True, capture_output=True)


@pytest.fixture(scope="module")
def hooks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This checkout as a repository of hooks, with all that it ships and nothing else."""
    folder = tmp_path_factory.mktemp("hooks")
    for name in SHIPPED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(source, folder / name)
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "hooks")
    return folder


def try_repo(hooks: Path, repository: Path, hook: str) -> subprocess.CompletedProcess[str]:
    """`pre-commit try-repo` without a network: dependencies and setuptools are those of this environment.

    pip reads PIP_NO_BUILD_ISOLATION the other way round: false is without isolation.
    """
    environment = {
        "PATH": sysconfig.get_path("scripts") + ":/usr/bin:/bin", "HOME": str(repository), "LC_ALL": "C.UTF-8",
        "PRE_COMMIT_HOME": str(hooks.parent / "pre-commit-home"), "PYTHONPATH": sysconfig.get_path("purelib"),
        "PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1", "PIP_NO_BUILD_ISOLATION": "false",
    }  # fmt: skip
    command = [sys.executable, "-m", "pre_commit", "try-repo", str(hooks), hook, "--all-files", "--color=never"]
    return subprocess.run(
        command, cwd=repository, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )


@pytest.mark.slow
def test_a_repository_tries_the_hooks(hooks: Path, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    p.dense(tmp_path / "models" / "dense.onnx", 64, 32)
    (tmp_path / "onnx-roofline.yaml").write_text(BUDGETS, "utf-8")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    done = try_repo(hooks, tmp_path, "onnx-roofline-check")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"onnx-roofline check\.+Passed", done.stdout)
    # 8 * 64*64 = 32,768 MACs
    p.dense(tmp_path / "models" / "dense.onnx", 64, 64)
    done = try_repo(hooks, tmp_path, "onnx-roofline-check")
    assert done.returncode == 1
    assert re.search(r"onnx-roofline check\.+Failed\n- hook id: onnx-roofline-check\n- exit code: 1", done.stdout)
    assert "macs is 32.77 kMAC, 12.77 kMAC over the limit of 20 kMAC" in done.stdout
    done = try_repo(hooks, tmp_path, "onnx-roofline-baseline")
    assert "found no baseline; write one: onnx-roofline baseline update" in done.stdout


def test_hooks_run_for_what_they_look_at() -> None:
    for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8")):
        command_parser().parse_args(hook["entry"].split()[1:])
        for path in ("m.onnx", "a/b.onnx", "onnx-roofline.yaml", "a/onnx-roofline.yml", "pyproject.toml",
                     ".onnx-roofline/baseline.json"):  # fmt: skip
            assert re.search(hook["files"], path), path
        for path in ("m.onnx.txt", "my-onnx-roofline.yaml", "a.py", "a.json"):
            assert not re.search(hook["files"], path), path


def test_the_gitlab_job_runs_what_there_is() -> None:
    head, job = yaml.safe_load_all((ROOT / "integrations/gitlab/onnx-roofline.yml").read_text("utf-8"))
    text = job["onnx-roofline"]["script"][0]
    text = re.sub(r"\$\{CI_MERGE_REQUEST_DIFF_BASE_SHA:\+(.*?)\}", r"\1", text)
    inputs = set(re.findall(r"\$\[\[ inputs\.(\w+) \]\]", str(job)))
    assert inputs == set(head["spec"]["inputs"])
    options = command_parser().parse_args(re.sub(r"\$\[\[.*?\]\]", "", text).split()[1:])
    assert options.run == "check"
    written = {name: path for name, _, path in (item.partition("=") for item in options.format) if path}
    assert set(written) <= set(FORMATS)
    assert set(job["onnx-roofline"]["artifacts"]["reports"].values()) == set(written.values())


def pasted() -> dict[str, Any]:
    """The YAML that docs/ci.md has to be pasted, by its first key."""
    text = (ROOT / "docs" / "ci.md").read_text("utf-8")
    found = [(block, yaml.safe_load(block)) for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)]
    assert all(len(block.splitlines()) <= 10 for block, document in found if "version" not in document)
    return {next(iter(document)): document for _, document in found}


def test_what_is_pasted_names_what_there_is() -> None:
    documents = pasted()
    *_, step = documents["name"]["jobs"]["cost"]["steps"]
    action = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
    assert set(step["with"]) <= set(action["inputs"])
    (include,) = documents["include"]["include"]
    _, _, path = include["remote"].partition("/v0.1.0/")
    head, _ = yaml.safe_load_all((ROOT / path).read_text("utf-8"))
    assert set(include["inputs"]) <= set(head["spec"]["inputs"])
    hooks = {hook["id"] for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))}
    assert {hook["id"] for hook in documents["repos"]["repos"][0]["hooks"]} == hooks
