"""Snapshots of earlier runs, by what they follow from: the graph, the settings, the tool and its libraries.

A snapshot is written only where the analysis read the graph that its key was made of. Nothing here fails a run: what
can't be read is not there, and what can't be written is not kept.
"""

import contextlib
import hashlib
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib import metadata

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from onnx_roofline import __version__
from onnx_roofline.base.errors import RooflineError
from onnx_roofline.base.json_bytes import decode_json, encode_json
from onnx_roofline.ci.measure import Job
from onnx_roofline.ci.snapshot import COST_MODEL_VERSION, Snapshot
from onnx_roofline.hardware import System, load_system
from onnx_roofline.load.wire import read_slim

# Raised where the form of an entry changes.
_FORM = 1
# Entries that nobody has asked for so long are removed, and how often somebody looks.
_KEPT_DAYS, _CLEANED_AFTER_DAYS = 30, 1
_DAY_S = 86_400
# What decides figures beside this package.
_LIBRARIES = ("onnx", "msgspec", "numpy")
_OFF = ("", "off", "0")


class Entry(Struct, frozen=True):
    """A snapshot and which of its external files were there, by their names beside the model."""

    snapshot: Snapshot
    external: dict[str, bool]


class Key(Struct, frozen=True):
    """Name of an entry, and the digest of the graph that it was made of."""

    name: str
    graph_sha256: str


def default_folder() -> str | None:
    """Where entries are kept: ONNX_ROOFLINE_CACHE, which may be `off`, or the user's folder for caches."""
    stated = os.environ.get("ONNX_ROOFLINE_CACHE")
    if stated is not None:
        return None if stated.strip() in _OFF else stated
    home = os.path.expanduser("~")
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or os.path.join(home, "AppData", "Local")
    elif sys.platform == "darwin":
        base = os.path.join(home, "Library", "Caches")
    else:
        base = os.environ.get("XDG_CACHE_HOME") or os.path.join(home, ".cache")
    return os.path.join(base, "onnx-roofline") if os.path.isabs(base) else None


class Cache:
    """Entries in a folder."""

    def __init__(self, folder: str) -> None:
        self.folder = os.path.join(folder, f"v{_FORM}")
        self._tool = _tool_digest()
        self._files: dict[str, str] = {}

    def key(self, job: Job) -> Key | None:
        """The key of a job; None for one that depends on more than files that are read, or on an unreadable one."""
        settings = job.settings
        if settings.observe or isinstance(settings.system, System):
            return None
        try:
            slim = read_slim(job.path, settings.limits)
            files = self._system(str(settings.system)), self._pack(str(settings.backend))
        except (RooflineError, OSError):
            return None
        graph = hashlib.sha256(slim.data).hexdigest()
        parts = (
            self._tool, graph, slim.file_bytes, slim.skipped_bytes, repr(slim.lists), job.shown or job.path,
            job.with_nodes, job.with_lint, repr(settings),
            files,
        )  # fmt: skip
        return Key(hashlib.sha256(repr(parts).encode("utf-8", "surrogatepass")).hexdigest(), graph)

    def get(self, key: Key, job: Job) -> Snapshot | None:
        """The snapshot that a run of the job would give."""
        path = self._path(key)
        try:
            with open(path, "rb") as file:
                entry = decode_json(file.read(), Entry)
            os.utime(path)
        except (OSError, msgspec.MsgspecError, RecursionError):
            return None
        if entry.snapshot.graph_sha256 != key.graph_sha256 or entry.external != _presence(entry.external, job.path):
            return None
        folder = os.path.dirname(job.path)
        return replace(entry.snapshot, external_files=tuple(os.path.join(folder, name) for name in entry.external))

    def put(self, key: Key, job: Job, snapshot: Snapshot) -> None:
        """Keep the snapshot of a run of the job."""
        if snapshot.graph_sha256 != key.graph_sha256:
            # The file was written anew between the two readings.
            return
        folder = os.path.dirname(job.path)
        names = [os.path.relpath(path, folder or ".") if folder else path for path in snapshot.external_files]
        data = encode_json(Entry(snapshot, _presence(names, job.path)))
        path = self._path(key)
        temporary = ""
        try:
            os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
            descriptor, temporary = tempfile.mkstemp(dir=os.path.dirname(path))
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
            os.replace(temporary, path)
        except OSError:
            # A full disk is no place for half an entry.
            with contextlib.suppress(OSError):
                os.unlink(temporary)

    def clean(self) -> None:
        """Remove entries that nobody has asked for in a month."""
        stamp = os.path.join(self.folder, "cleaned")
        now = time.time()
        try:
            if os.path.exists(stamp) and now - os.stat(stamp).st_mtime < _CLEANED_AFTER_DAYS * _DAY_S:
                return
            with open(stamp, "w", encoding="ascii"):
                os.utime(stamp)
            for path in _entries(self.folder):
                if now - os.stat(path).st_mtime > _KEPT_DAYS * _DAY_S:
                    os.unlink(path)
        except OSError:
            return

    def _path(self, key: Key) -> str:
        return os.path.join(self.folder, key.name[:2], f"{key.name[2:]}.json")

    def _system(self, name: str) -> str:
        """Digest of what a profile states with all the files that it names and starts from; "" for a shipped one.

        Raises ProfileError for one that can't be read.
        """
        if name not in self._files:
            self._files[name] = _digest(encode_json(load_system(name))) if os.path.isfile(name) else ""
        return self._files[name]

    def _pack(self, name: str) -> str:
        """Digest of a pack's file; "" for a shipped one."""
        if name not in self._files:
            self._files[name] = ""
            if os.path.isfile(name):
                with open(name, "rb") as file:
                    self._files[name] = _digest(file.read())
        return self._files[name]


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _presence(names: "dict[str, bool] | list[str]", model: str) -> dict[str, bool]:
    folder = os.path.dirname(model)
    return {name: os.path.lexists(os.path.join(folder, name)) for name in names}


def _entries(folder: str) -> Iterator[str]:
    for shard in os.scandir(folder):
        if shard.is_dir():
            yield from (entry.path for entry in os.scandir(shard.path) if entry.is_file())


def _tool_digest() -> str:
    """Digest of the versions that figures depend on, and of the source where it is a checkout, which has no version."""
    versions = [__version__, COST_MODEL_VERSION, platform.python_version()]
    versions += [_version(name) for name in _LIBRARIES]
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    if os.path.isfile(os.path.join(root, "pyproject.toml")):
        versions += [str(stamp) for name in ("onnx_roofline", "passes", "hw_profiles") for stamp in _stamps(root, name)]
    return hashlib.sha256(repr(versions).encode()).hexdigest()


def _stamps(root: str, name: str) -> Iterator[tuple[str, int, int]]:
    for folder, folders, files in os.walk(os.path.join(root, name)):
        folders.sort()
        for file in sorted(files):
            if file.endswith((".py", ".yaml")):
                found = os.stat(os.path.join(folder, file))
                yield file, found.st_size, found.st_mtime_ns


def _version(library: str) -> str:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return ""
