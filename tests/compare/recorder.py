# ruff: noqa: T201 - a script that prints
"""Writes the JSON documents of many models in one process: compare.py starts it with the interpreter under test.

It reads a list of tasks as JSON from stdin and writes one document a task; a line of JSON on stdout says how each went.
It imports nothing but the standard library and the onnx_roofline of its interpreter, whichever version that has. Of the
ways to get a document it takes the first that this version offers; see WAYS.
"""

import contextlib
import importlib
import inspect
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

EXIT_BAD_INPUT = 2
# Options of the command line whose name is not that of the setting with a dash for each underscore.
OPTIONS = {"dims": "--dim", "input_shapes": "--input-shape", "trips": "--trip"}

Way = Callable[[str, Mapping[str, Any]], str]


class Refused(Exception):  # noqa: N818 - an outcome that is recorded
    """The model or an option of it is refused; the message is the user's one line."""


def by_face(model: str, settings: Mapping[str, Any]) -> str:
    """`onnx_roofline.analyze(model, **settings).to_json()`."""
    text: str = importlib.import_module("onnx_roofline").analyze(model, **settings).to_json()
    return text


def by_modules(model: str, settings: Mapping[str, Any]) -> str:
    """The modules of version 0.1: analysis.analyze, then report.document."""
    analysis = importlib.import_module("onnx_roofline.analysis")
    document = importlib.import_module("onnx_roofline.report.document")
    result = analysis.analyze(model, analysis.Settings(**settings))
    # Version 1.0 of the schema was written from a document that was built as a whole, later ones from the analysis.
    takes_document = "document" in inspect.signature(document.write_document).parameters
    return "".join(document.write_document(document.build_document(result) if takes_document else result))


def by_command(model: str, settings: Mapping[str, Any]) -> str:
    """`onnx-roofline analyze MODEL --json -`, one process a model. Raises Refused for its exit code 2."""
    command = [sys.executable, "-m", "onnx_roofline", "analyze", model, "--json", "-", *arguments(settings)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == EXIT_BAD_INPUT:
        raise Refused(done.stderr.strip().rpartition("\n")[2].removeprefix("onnx-roofline: "))
    if done.returncode:
        raise RuntimeError(f"exit code {done.returncode}: {done.stderr.strip()[-500:]}")
    return done.stdout


def arguments(settings: Mapping[str, Any]) -> list[str]:
    """Settings as the command line's options.

    >>> arguments({"system": "teaching", "input_shapes": {"x": [2, 3]}, "trips": {"0:Loop": 5}})
    ['--system', 'teaching', '--input-shape', 'x=2x3', '--trip', '0:Loop=5']
    """
    found = []
    for name, value in settings.items():
        option = OPTIONS.get(name, "--" + name.replace("_", "-"))
        if isinstance(value, str):
            found += [option, value]
            continue
        for key, item in value.items():
            text = item if isinstance(item, int) else "x".join(str(size) for size in item)
            found += [option, f"{key}={text}"]
    return found


def _offers_face() -> bool:
    return callable(getattr(importlib.import_module("onnx_roofline"), "analyze", None))


def _offers_modules() -> bool:
    try:
        importlib.import_module("onnx_roofline.report.document")
        return callable(getattr(importlib.import_module("onnx_roofline.analysis"), "analyze", None))
    except ImportError:
        return False


# By name, in the order of preference: whether this version offers the way, and the way.
WAYS: dict[str, tuple[Callable[[], bool], Way]] = {
    "face": (_offers_face, by_face),
    "modules": (_offers_modules, by_modules),
    "command": (lambda: True, by_command),
}


def record(way: Way, model: Path, settings: Mapping[str, Any], target: Path) -> dict[str, str]:
    """Writes the document of one model, or why there is none, and returns the outcome.

    It runs in the model's folder, so that a message names the file without the folder in which it happens to lie.
    """
    os.chdir(model.parent)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            text, outcome = way(model.name, settings), {"outcome": "document"}
    except Exception as error:
        is_refusal = any(kind.__name__ in ("RooflineError", "Refused") for kind in type(error).__mro__)
        message = str(error) if is_refusal else f"{type(error).__name__}: {error}"
        outcome = {"outcome": "refused" if is_refusal else "crashed", "message": message.replace("\n", " ")}
        text = json.dumps({outcome["outcome"]: outcome["message"]}) + "\n"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")
    return outcome


def main() -> int:
    asked = json.load(sys.stdin)
    package = importlib.import_module("onnx_roofline")
    name = asked["way"] or next(name for name, (is_offered, _) in WAYS.items() if is_offered())
    version = getattr(package, "__version__", "of unknown version")
    print(f"onnx_roofline {version} at {package.__file__}, by its {name}", file=sys.stderr, flush=True)
    for task in asked["tasks"]:
        outcome = record(WAYS[name][1], Path(task["model"]), task["settings"], Path(task["target"]))
        print(json.dumps(outcome | {"name": task["name"]}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
