#!/usr/bin/env python3
# ruff: noqa: T201 - a script that prints
"""Does a change of the code change a figure? Records the JSON documents of many models, and compares two records.

    python tests/compare/compare.py record PYTHON FOLDER [--models sample|real|derived|all] [--system NAME]...
        [--set NAME=VALUE]... [--dims manifest|none|both] [--jobs N]
    python tests/compare/compare.py diff OLD NEW [--rename RULES.yaml] [--ignore PATH]...

`record` analyses the models with the onnx_roofline that PYTHON has, one process for all (or one a job), and writes
FOLDER/<system and settings>/<kind>/<model>.json. A model that is refused is recorded with its message. The samples are
those of this checkout, whichever version analyses them. Real and derived models are analysed twice: with the shapes of
../real/manifest.yaml, and without (`real-no-dims`). Record the version before a change and the one after it with the
same options and on the same machine: a search for dims ends after seconds.

`diff` compares document by document and leaf by leaf, exactly, after the renames of renames.yaml. It prints how many
leaves differ in each document, then the differences grouped by path over all documents, each with two examples.
Left out are the versions of the tool and the schema and how long the analysis took, and what --ignore names: paths as
renames.yaml describes them, by their new names.

Exit codes: 0 done, nothing differs; 1 something differs, or a model crashed; 2 wrong usage.
"""

import argparse
import contextlib
import dataclasses
import gc
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "real"))  # for fetch
sys.path.insert(0, str(Path(__file__).resolve().parent))
import differences
import fetch

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SAMPLES = ROOT / "sample_models"
RENAMES = HERE / "renames.yaml"
KINDS = ("sample", "real", "derived")
# Settings that are texts in every version, by the names that Python knows them by.
SETTINGS = ("assume_dtype", "backend", "objective", "on_chip", "pim_model")
# What may differ between two runs or versions without a figure being another.
IGNORED = ("tool.version", "schema_version", "timings", "timings_s")
EXAMPLES = 2
# Characters of a value in an example, and of what two long texts share before they differ.
SHOWN, SHARED = 90, 20


class UsageError(Exception):
    """An option or a folder that can't be used; the message says why."""


@dataclass(frozen=True)
class Task:
    """One model to analyse with settings, and where its document goes."""

    name: str
    model: Path
    settings: dict[str, Any]
    target: Path

    def as_json(self) -> dict[str, Any]:
        return {"name": self.name, "model": str(self.model), "settings": self.settings, "target": str(self.target)}


def models(kind: str, dims: str) -> Iterator[tuple[str, Path, dict[str, Any]]]:
    """Name below the system's folder, file and settings of each model of a kind."""
    if kind == "sample":
        for file in sorted(SAMPLES.glob("*.onnx")):
            yield f"sample/{file.name.removesuffix('.onnx')}", file, {}
        return
    cache = fetch.cache_folder()
    for model in fetch.read_manifest() if kind == "real" else fetch.read_derived():
        file = model.file(cache)
        if not file.is_file():
            print(f"missing: {model.name}: {file}: run tests/real/fetch.py, derived.py", file=sys.stderr)
            continue
        if dims != "none":
            stated: dict[str, Any] = {"input_shapes": {name: list(shape) for name, shape in model.dims.items()}}
            if isinstance(model, fetch.DerivedModel) and model.trips:
                stated["trips"] = dict(model.trips)
            yield f"{kind}/{model.name}", file, stated
        if dims != "manifest":
            yield f"{kind}-no-dims/{model.name}", file, {}


def tasks(options: argparse.Namespace) -> list[Task]:
    """What `record` is asked to do, in the order of the folders."""
    extra = {}
    for text in options.set:
        name, found, value = text.partition("=")
        if not found or name not in SETTINGS:
            raise UsageError(f"--set {text}: wanted NAME=VALUE with a NAME of {', '.join(SETTINGS)}")
        extra[name] = value
    folder = Path(options.folder).resolve()
    kinds = KINDS if options.models == "all" else (options.models,)
    return [
        Task(f"{variant}/{name}", file, {"system": system, **extra, **settings}, folder / variant / f"{name}.json")
        for system in options.system or ["teaching"]
        for variant in [",".join([system, *(f"{key}={value}" for key, value in extra.items())])]
        for kind in kinds
        for name, file, settings in models(kind, options.dims)
    ]


def record(options: argparse.Namespace) -> int:
    asked = tasks(options)
    if not asked:
        raise UsageError("found no model to analyse")
    started, outcomes, is_whole = time.perf_counter(), Counter(), True
    parts = [part for job in range(options.jobs) if (part := asked[job :: options.jobs])]
    for part, child in [(part, _start(options, part)) for part in parts]:
        assert child.stdout is not None
        with child.stdout as stream:
            seen = [json.loads(line) for line in stream]
        outcomes.update(outcome["outcome"] for outcome in seen)
        for outcome in seen:
            if outcome["outcome"] != "document":
                print(f"{outcome['outcome']:8} {outcome['name']}: {outcome['message']}")
        if child.wait() or len(seen) < len(part):
            is_whole = False
            where = f"in {part[len(seen)].name}" if len(seen) < len(part) else "at its end"
            print(f"the interpreter ended with {child.returncode} {where}", file=sys.stderr)
    size = sum(task.target.stat().st_size for task in asked if task.target.is_file())
    counts = ", ".join(f"{outcomes[outcome]} {outcome}" for outcome in ("document", "refused", "crashed"))
    print(f"{len(asked)} asked: {counts}; {size / 1e6:.1f} MB, {time.perf_counter() - started:.0f} s, {options.folder}")
    return 0 if is_whole and not outcomes["crashed"] else 1


def _start(options: argparse.Namespace, part: Sequence[Task]) -> subprocess.Popen[str]:
    """A process that does a part of the tasks; its stdout gets a line of JSON for each."""
    command = [options.python, str(HERE / "recorder.py")]
    try:
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    except OSError as error:
        raise UsageError(f"{options.python}: {error}") from None
    assert child.stdin is not None
    with contextlib.suppress(BrokenPipeError), child.stdin as stream:  # it says on stderr what it died of
        json.dump({"way": options.way, "tasks": [task.as_json() for task in part]}, stream)
    return child


@dataclass
class Group:
    """All differences of one kind at one pattern."""

    count: int = 0
    documents: set[str] = field(default_factory=set)
    examples: list[tuple[str, differences.Difference]] = field(default_factory=list)

    def add(self, name: str, difference: differences.Difference) -> None:
        """Counts one; the examples are of two documents if there are two."""
        if len(self.examples) < EXAMPLES or (name not in self.documents and len(self.documents) < EXAMPLES):
            self.examples = [*self.examples[: EXAMPLES - 1], (name, difference)]
        self.count += 1
        self.documents.add(name)


def read_rules(path: Path, ignored: Sequence[str]) -> differences.Rules:
    """The rules of a file like renames.yaml, with paths to leave out. Raises UsageError, RuleError."""
    try:
        document = yaml.safe_load(path.read_text("utf-8")) or {}
    except (OSError, yaml.YAMLError) as error:
        raise UsageError(f"{path}: {error}") from None
    if unknown := set(document) - {"renames", "named"}:
        raise UsageError(f"{path}: found {', '.join(sorted(unknown))}; wanted renames and named")
    split = differences.split_pattern
    return differences.Rules(
        tuple(differences.Rename(split(old), split(new)) for old, new in (document.get("renames") or {}).items()),
        tuple(split(text) for text in document.get("named") or ()),
        tuple(split(text) for text in ignored),
    )


def diff(options: argparse.Namespace) -> int:
    rules = read_rules(Path(options.rename), [*IGNORED, *options.ignore])
    old, new = (_documents(Path(folder)) for folder in (options.old, options.new))
    comparison, groups, differing = differences.Comparison(rules), {}, 0
    unmoved = differences.Comparison(dataclasses.replace(rules, renames=()))
    for name in sorted(old.keys() | new.keys()):
        if name not in new or name not in old:
            print(f"{name}: the document is {'missing' if name in old else 'added'}")
            differing += 1
            continue
        before, after = _read(old[name]), _read(new[name])
        # Names move from one major version of the schema to the next; the renames are for those that did.
        is_same = options.rename == RENAMES and _major(before) == _major(after)
        found = (unmoved if is_same else comparison).compare(before, after)
        for difference in found:
            groups.setdefault((difference.pattern, difference.kind), Group()).add(name, difference)
        if found:
            differing += 1
            print(f"{name}: {len(found):,} {'leaves differ' if len(found) > 1 else 'leaf differs'}")
    for (pattern, kind), group in sorted(groups.items(), key=lambda item: (-item[1].count, item[0])):
        print(f"\n{differences.shown_pattern(pattern)}: {kind}, {group.count:,} in {len(group.documents):,} documents")
        for name, example in group.examples:
            print(f"  {name}: {differences.shown_path(example.path, example.pattern)}: {shown_values(example)}")
    # The renames beside this script are for documents of all ages; a file that was named is meant for these.
    for rename in comparison.unused() if options.rename != RENAMES else ():
        print(f"\nno document has a use for the rename {differences.shown_rule(rename)}")
    print(
        f"\n{len(old.keys() & new.keys()):,} documents and {comparison.leaves + unmoved.leaves:,} leaves compared, "
        f"{differing:,} differ"
    )
    return 1 if differing else 0


def _documents(folder: Path) -> dict[str, Path]:
    """The documents of a folder by their name below it. Raises UsageError where there are none."""
    found = {file.relative_to(folder).as_posix().removesuffix(".json"): file for file in folder.rglob("*.json")}
    if not found:
        raise UsageError(f"{folder}: found no documents; make some with record")
    return found


def _major(document: Any) -> str:
    """`1` of a document of schema version 1.3."""
    return str(document.get("schema_version", "")).split(".")[0] if isinstance(document, dict) else ""


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise UsageError(f"{path}: {error}") from None


def shown_values(difference: differences.Difference) -> str:
    """`1 -> 2`; of long texts what is around the first character that differs."""
    old, new = json.dumps(difference.old), json.dumps(difference.new)
    if difference.kind != "changed":
        return _cut(old if difference.kind == "missing" else new, 0)
    shared = next((at for at, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    start = shared - SHARED if max(len(old), len(new)) > SHOWN and shared > 2 * SHARED else 0
    return f"{_cut(old, start)} -> {_cut(new, start)}"


def _cut(text: str, start: int) -> str:
    end = start + SHOWN
    return f"{'...' if start else ''}{text[start:end]}{'...' if len(text) > end else ''}"


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(description="Records the JSON documents of many models; compares two records.")
    commands = found.add_subparsers(dest="command", required=True)
    recording = commands.add_parser("record", help="write the documents of one version")
    recording.add_argument("python", metavar="PYTHON", help="the interpreter that has the onnx_roofline to record")
    recording.add_argument("folder", metavar="FOLDER", help="where the documents go; what is there stays")
    recording.add_argument("--models", choices=(*KINDS, "all"), default="sample", help="default: sample")
    recording.add_argument("--system", action="append", default=[], metavar="NAME", help="default: teaching")
    recording.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help=", ".join(SETTINGS))
    recording.add_argument("--dims", choices=("manifest", "none", "both"), default="both", help="default: both")
    recording.add_argument("--way", choices=("face", "modules", "command"), help="default: the first of them there is")
    recording.add_argument("--jobs", type=int, choices=range(1, 65), default=1, metavar="N", help="processes, 1 to 64")
    recording.set_defaults(run=record)
    comparing = commands.add_parser("diff", help="compare the documents of two versions")
    comparing.add_argument("old", metavar="OLD")
    comparing.add_argument("new", metavar="NEW")
    comparing.add_argument("--rename", default=RENAMES, metavar="FILE", help="default: renames.yaml beside this script")
    comparing.add_argument("--ignore", action="append", default=[], metavar="PATH", help="leave this path out, too")
    comparing.set_defaults(run=diff)
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    try:
        return options.run(options)
    except (UsageError, differences.RuleError) as error:
        print(f"compare.py: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    gc.disable()  # documents are trees of millions of objects, in which there are no cycles to find
    sys.exit(main())
