"""The action in a played GitHub: pull requests, forks, comments, annotations, summaries and exit codes."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import planting as p
import pytest
from github_player import Api, Played, comments_api, environment, play

ROOT = Path(__file__).resolve().parents[2]
BUDGETS = "version: 1\nmodels:\n  - path: models/*.onnx\n    budgets: {flops: {vs_baseline: +1%}, macs: 1 MMAC}\n"


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@example.com", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


class Job:
    """A job of a pull request: a checkout of its merge with one commit, and an API for its comments."""

    def __init__(self, folder: Path, api: Api) -> None:
        self.folder, self.api, self.runs = folder, api, 0
        self.origin, self.workspace = folder / "origin", folder / "workspace"
        (self.origin / "models").mkdir(parents=True)
        git(self.origin, "init", "-q", "-b", "main")
        (self.origin / "onnx-roofline.yaml").write_text(BUDGETS, "utf-8")
        p.dense(self.origin / "models" / "dense.onnx", 64, 128, 32)
        self.commit("models")
        self.env = environment(folder / "programs", ROOT, sys.executable)

    def commit(self, message: str) -> None:
        git(self.origin, "add", "-A")
        git(self.origin, "commit", "-qm", message)

    def pull_request(self, width: int) -> None:
        """Another width of the inner layer in a branch, checked out as actions/checkout does."""
        git(self.origin, "checkout", "-q", "-b", "wider")
        p.dense(self.origin / "models" / "dense.onnx", 64, width, 32)
        self.commit("wider")
        git(self.origin, "checkout", "-q", "main")
        git(self.origin, "checkout", "-q", "--detach")
        git(self.origin, "merge", "-q", "--no-ff", "-m", "merge", "wider")
        sha = git(self.origin, "rev-parse", "HEAD")
        git(self.origin, "update-ref", "refs/pull/5/merge", sha)
        self.check_out("refs/pull/5/merge")
        self.env |= {"GITHUB_BASE_REF": "main", "GITHUB_REF": "refs/pull/5/merge", "GITHUB_SHA": sha}

    def check_out(self, ref: str) -> None:
        self.workspace.mkdir()
        git(self.workspace, "init", "-q")
        git(self.workspace, "remote", "add", "origin", f"file://{self.origin}")
        git(self.workspace, "fetch", "-q", "--depth=1", "origin", f"+{ref}:refs/remotes/{ref.removeprefix('refs/')}")
        git(self.workspace, "checkout", "-q", "--detach", f"refs/remotes/{ref.removeprefix('refs/')}")

    def run(self, **inputs: str) -> Played:
        self.runs += 1
        names = {name.replace("_", "-"): value for name, value in inputs.items()}
        event = {"pull_request": {"number": 5}} if "GITHUB_BASE_REF" in self.env else {}
        return play(
            ROOT / "action.yml", {"version": "installed", **names}, self.workspace, self.folder / f"run{self.runs}",
            env={**self.env, "GITHUB_API_URL": self.api.url}, event=event,
        )  # fmt: skip


@pytest.fixture
def job(tmp_path: Path) -> Iterator[Job]:
    with comments_api() as api:
        yield Job(tmp_path, api)


def test_a_pull_request_is_held_against_its_base(job: Job) -> None:
    """128 -> 160 hidden: 197,888 FLOPs become 247,296."""
    job.pull_request(160)
    played = job.run(comment="true", sarif_file="out.sarif", junit_file="junit.xml")
    assert (played.code, played.outputs["exit-code"]) == (1, "1"), played.log
    assert (
        "::error file=onnx-roofline.yaml,line=4,col=23,title=OR103 over-baseline%3A models/dense.onnx::" in played.log
    )
    assert "flops is 247.3 kFLOP, was 197.9 kFLOP at HEAD^1 (+25 %25); +1%25 is allowed" in played.log
    report = Path(played.outputs["report"]).read_text("utf-8")
    assert report in played.summary
    assert "247.3 kFLOP" in report
    assert [comment["body"] for comment in job.api.comments.values()] == [f"<!-- onnx-roofline:default -->\n{report}"]
    assert json.loads((job.workspace / "out.sarif").read_text("utf-8"))["version"] == "2.1.0"
    assert (job.workspace / "junit.xml").read_text("utf-8").startswith("<?xml")
    (cache,) = played.used
    assert cache["key"].startswith(f"{cache['restore-keys']}7-")


def test_a_later_run_replaces_the_comment_and_no_other(job: Job) -> None:
    job.pull_request(96)
    others = {number: {"id": number, "body": f"comment {number}"} for number in range(1, 131)}
    job.api.comments.update({number: dict(comment) for number, comment in others.items()})
    assert job.run(comment="true").code == 0
    assert job.run(comment="true", args="--exit-zero").code == 0
    assert job.run(comment="true", comment_id="other").code == 0
    written = {number: comment for number, comment in job.api.comments.items() if number not in others}
    assert [comment["body"].partition("\n")[0] for comment in written.values()] == [
        "<!-- onnx-roofline:default -->", "<!-- onnx-roofline:other -->",
    ]  # fmt: skip
    assert {number: job.api.comments[number] for number in others} == others


def test_a_fork_that_may_not_comment_fails_for_nothing_else(job: Job) -> None:
    job.pull_request(96)
    job.api.forbidden = True
    played = job.run(comment="true")
    assert played.code == 0
    assert (
        "::warning title=onnx-roofline::the comment can't be written: 403 Forbidden (a pull request from" in played.log
    )
    assert "all hold" in played.summary
    assert job.run(comment="true", token="").code == 0
    job.api.url = "http://127.0.0.1:9"
    played = job.run(comment="true")
    assert played.code == 0
    assert "::warning title=onnx-roofline::the comment can't be written: URLError" in played.log


def test_a_checkout_of_the_branch_fetches_the_base(job: Job) -> None:
    job.pull_request(160)
    git(job.workspace, "fetch", "-q", "--depth=1", "origin", "wider")
    git(job.workspace, "checkout", "-q", "--detach", "FETCH_HEAD")
    played = job.run()
    assert played.code == 1
    assert "was 197.9 kFLOP at refs/onnx-roofline/base" in played.log


def test_a_base_that_cannot_be_had_is_no_verdict(job: Job) -> None:
    job.pull_request(96)
    git(job.workspace, "remote", "set-url", "origin", f"file://{job.folder}/nowhere")
    played = job.run()
    assert (played.code, played.outputs["exit-code"], played.outputs["report"]) == (2, "2", "")
    assert "found no revision 'HEAD^1'" in played.log


def test_a_push_is_held_to_the_absolute_budgets(job: Job) -> None:
    job.check_out("refs/heads/main")
    played = job.run(args="--config\nmissing file.yaml")
    assert played.code == 2
    assert "missing file.yaml: cannot be read" in played.log
    played = job.run(comment="true", models="models/dense.onnx\n")
    assert (played.code, job.api.calls) == (0, [])
    assert "no pull request: no comment" in played.log


def test_inputs_are_no_script(job: Job) -> None:
    """A branch or an input may be called like a command."""
    job.check_out("refs/heads/main")
    hostile = "\"; touch planted; echo $(touch planted) `touch planted` '"
    for name in ("config", "against", "args", "models", "comment_id", "sarif_file"):
        job.run(**{name: hostile, "comment": "true"})
    assert [path.name for path in job.folder.rglob("planted*")] == []


def test_the_program_is_installed_from_the_action_or_by_its_version(job: Job, tmp_path: Path) -> None:
    """A Python that notes what it is asked for, in the place of one that would fetch packages."""
    job.check_out("refs/heads/main")
    stub = job.folder / "programs" / "python3"
    stub.write_text(
        f'#!/bin/sh\necho "$@" >>{tmp_path}/asked\n'
        'if [ "$2" = venv ]; then mkdir -p "$3/bin"; cp "$0" "$3/bin/python"; '
        f'cp {job.folder}/programs/onnx-roofline "$3/bin/onnx-roofline"; fi\n',
        "utf-8",
    )
    stub.chmod(0o755)
    for version, wanted in (("action", str(ROOT)), ("0.1.0", "onnx-roofline==0.1.0")):
        assert job.run(version=version).code == 0
        *_, last = (tmp_path / "asked").read_text("utf-8").splitlines()
        assert last == f"-m pip install --quiet --disable-pip-version-check {wanted}"
    (job.folder / "programs" / "onnx-roofline").unlink()
    job.env["PATH"] = f"{job.folder / 'programs'}:/usr/bin:/bin"
    assert "PATH has no onnx-roofline" in job.run(version="installed").log
