"""Runs a composite action's steps in the environment that GitHub gives them, with an API of its own.

Expressions are those that action.yml has: `a.b.c`, `'text'`, `==`, `&&` and `||`. Steps that use another action are
noted, and have no outputs, as a cache has none in a first run.
"""

import http.server
import json
import os
import re
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

TIMEOUT_S = 120


@dataclass
class Played:
    """What a run of an action left: its exit code, all that it printed, its summary, outputs and used actions."""

    code: int
    log: str
    summary: str
    outputs: Mapping[str, str]
    used: list[Mapping[str, Any]]


@dataclass
class Api:
    """Comments of pull requests; `forbidden` answers as it does to a fork's token."""

    url: str = ""
    forbidden: bool = False
    comments: dict[int, dict[str, Any]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)


@contextmanager
def comments_api() -> Iterator[Api]:
    api = Api()

    class Handler(http.server.BaseHTTPRequestHandler):
        def _answer(self, code: int, document: Any) -> None:
            data = json.dumps(document).encode()
            self.send_response(code)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def _serve(self) -> None:
            api.calls.append(f"{self.command} {self.path.partition('?')[0]}")
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"null")
            if self.headers["Authorization"] != "Bearer t0ken" or (api.forbidden and self.command != "GET"):
                self._answer(403, {"message": "Resource not accessible by integration"})
            elif self.command == "GET":
                page = int(re.search(r"[?&]page=(\d+)", self.path)[1])
                self._answer(200, list(api.comments.values())[(page - 1) * 100 : page * 100])
            elif self.command == "POST":
                number = len(api.comments) + 1
                api.comments[number] = {"id": number, **body}
                self._answer(201, api.comments[number])
            else:
                number = int(self.path.rpartition("/")[2])
                api.comments[number].update(body)
                self._answer(200, api.comments[number])

        def do_GET(self) -> None:
            self._serve()

        def do_POST(self) -> None:
            self._serve()

        def do_PATCH(self) -> None:
            self._serve()

        def log_message(self, *arguments: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    api.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def evaluate(text: str, contexts: Mapping[str, Any]) -> Any:
    """A text with its `${{ }}` filled in."""
    return re.sub(r"\$\{\{(.*?)\}\}", lambda found: str(_value(found[1], contexts)), text)


def _value(expression: str, contexts: Mapping[str, Any]) -> Any:
    """Or binds least, then and, then equality, as in GitHub's expressions."""
    for operator in ("||", "&&", "=="):
        left, found, right = expression.partition(operator)
        if not found:
            continue
        a = _value(left, contexts)
        if operator == "||":
            return a or _value(right, contexts)
        b = _value(right, contexts)
        return a == b if operator == "==" else a and b
    word = expression.strip()
    if word.startswith("'"):
        return word[1:-1]
    value: Any = contexts
    for part in word.split("."):
        value = value.get(part, "") if isinstance(value, Mapping) else ""
    return value


def play(
    action: Path, inputs: Mapping[str, str], workspace: Path, scratch: Path, *, env: Mapping[str, str], event: Any
) -> Played:
    """Run the action as one step of a job; a step that fails ends it, as GitHub does."""
    document = yaml.safe_load(action.read_text("utf-8"))
    unknown = set(inputs) - set(document["inputs"])
    assert not unknown, f"no such input: {unknown}"
    contexts: dict[str, Any] = {
        "github": {"token": "t0ken", "run_id": "7", "run_attempt": "1"}, "runner": {"os": "Linux"}, "steps": {},
    }  # fmt: skip
    defaults = {name: evaluate(about.get("default", ""), contexts) for name, about in document["inputs"].items()}
    contexts["inputs"] = {**defaults, **inputs}
    scratch.mkdir(exist_ok=True)
    summary, event_path = scratch / "summary.md", scratch / "event.json"
    summary.touch()
    event_path.write_text(json.dumps(event), "utf-8")
    base = {
        **env, "CI": "true", "GITHUB_ACTIONS": "true", "GITHUB_ACTION_PATH": str(action.parent),
        "GITHUB_EVENT_PATH": str(event_path), "GITHUB_REPOSITORY": "acme/models", "GITHUB_STEP_SUMMARY": str(summary),
        "GITHUB_WORKSPACE": str(workspace), "RUNNER_TEMP": str(scratch), "RUNNER_OS": "Linux",
    }  # fmt: skip
    log, used, code = "", [], 0
    for number, step in enumerate(document["runs"]["steps"]):
        if "if" in step and not _value(step["if"], contexts):
            continue
        if "uses" in step:
            used.append({name: evaluate(str(value), contexts) for name, value in step.get("with", {}).items()})
            continue
        assert step["shell"] == "bash"
        assert "${{" not in step["run"], "an expression in a script is run as a part of it"
        output = scratch / f"output_{number}"
        output.touch()
        variables = {name: evaluate(str(value), contexts) for name, value in step.get("env", {}).items()}
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=workspace / evaluate(step.get("working-directory", "."), contexts),
            env={**base, **variables, "GITHUB_OUTPUT": str(output)},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", timeout=TIMEOUT_S,
        )  # fmt: skip
        log += done.stdout
        pairs = dict(line.split("=", 1) for line in output.read_text("utf-8").splitlines())
        contexts["steps"][step.get("id", str(number))] = {"outputs": pairs}
        code = done.returncode
        if code:
            break
    outputs = {name: evaluate(about["value"], contexts) for name, about in document["outputs"].items()}
    return Played(code, log, summary.read_text("utf-8"), outputs, used)


def environment(programs: Path, repository_root: Path, interpreter: str) -> dict[str, str]:
    """Variables of a runner on which this checkout is installed."""
    programs.mkdir()
    script = programs / "onnx-roofline"
    script.write_text(f'#!/bin/sh\nexec "{interpreter}" -m onnx_roofline "$@"\n', "utf-8")
    script.chmod(0o755)
    return {
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(programs.parent),
        "LC_ALL": "C.UTF-8",
        "PYTHONPATH": str(repository_root),
    }
