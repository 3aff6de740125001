"""The judge's verdicts, kept as JSON beside the models, since a run of a model costs far more than reading its answer.

A verdict is that of one file, one set of input shapes and values, one judge and one onnxruntime: the name of its file
holds a digest of all of them, so that nothing stale is ever read.
"""

import hashlib
import importlib.metadata
import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import fetch
import judge

FOLDER = "verdicts"


def verdict_of(path: Path, shapes: judge.Shapes, values: judge.Values) -> judge.Verdict:
    """The verdict on a model, run only if it never was. Raises JudgeError, which is not kept."""
    kept = fetch.cache_folder() / FOLDER / f"{path.stem}-{_digest(path, shapes, values)}.json"
    if kept.is_file():
        return _read(json.loads(kept.read_text("utf-8")))
    verdict = judge.judge(path, shapes, values)
    kept.parent.mkdir(parents=True, exist_ok=True)
    part = kept.with_name(f"{kept.name}.{os.getpid()}.part")
    part.write_text(json.dumps(asdict(verdict)), encoding="utf-8")
    part.replace(kept)
    return verdict


def _digest(path: Path, shapes: judge.Shapes, values: judge.Values) -> str:
    asked = json.dumps([{name: list(shape) for name, shape in shapes.items()}, dict(values)], sort_keys=True)
    digest = hashlib.sha256(f"{importlib.metadata.version('onnxruntime')} {asked}".encode())
    for file in (Path(judge.__file__), path):
        with file.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()[:24]


def _read(document: Mapping[str, object]) -> judge.Verdict:
    tensors = {name: (dtype, tuple(shape)) for name, (dtype, shape) in document["tensors"].items()}  # type: ignore[attr-defined]
    return judge.Verdict(tensors, dict(document["skipped"]), tuple(document["remarks"]))  # type: ignore[call-overload]
