"""From budgets to analyses: which files the globs name, at which points, each analysis once."""

import glob
import os
from collections.abc import Iterable, Sequence

from msgspec import Struct

from onnx_roofline.base.errors import UsageError
from onnx_roofline.base.text import shown
from onnx_roofline.ci.budgets import Budgets, Entry, Point


class Target(Struct, frozen=True):
    """One model of an entry at one point. `name` is what reports and baselines call the model."""

    entry: Entry
    point: Point
    path: str
    name: str

    @property
    def key(self) -> str:
        """Name and point: what a baseline files it under."""
        return f"{self.name} [{self.point.label}]" if self.point.label else self.name


def plan_targets(budgets: Budgets, only: Iterable[str] = ()) -> tuple[Target, ...]:
    """Every model of every entry at every point, in the order of the file; with `only`, of those files.

    Raises UsageError where an entry names no file, and where two targets would have one name.
    """
    wanted = [os.path.realpath(path) for path in only]
    found: list[Target] = []
    for entry in budgets.entries:
        paths = _paths(budgets, entry)
        if not paths and not entry.allow_missing:
            names = " or ".join(shown(path) for path in entry.paths)
            raise UsageError(
                f"{entry.place}: found no file {names}; check the path, which is relative to this file, "
                "or write allow_missing: true"
            )
        if entry.name and len(paths) > 1:
            raise UsageError(
                f"{entry.place}: found {len(paths)} files for one id {shown(entry.name)}; leave the id out"
            )
        for path in paths:
            if wanted and os.path.realpath(path) not in wanted:
                continue
            name = entry.name or _relative(path, budgets.folder)
            found += [Target(entry, point, path, name) for point in entry.points]
    if wanted and not found:
        raise UsageError(f"{budgets.place.file or 'command line'}: no entry names {', '.join(map(shown, only))}")
    _refuse_same_names(found)
    return tuple(found)


def _paths(budgets: Budgets, entry: Entry) -> list[str]:
    found: dict[str, None] = {}
    for pattern in entry.paths:
        whole = os.path.join(budgets.folder, pattern)
        if os.path.exists(whole) or not glob.has_magic(pattern):
            # A file may be called like a glob.
            found.update({whole: None} if os.path.exists(whole) or not budgets.place.line else {})
        else:
            found.update(dict.fromkeys(sorted(glob.glob(whole, recursive=True))))
    return list(found)


def _relative(path: str, folder: str) -> str:
    return (os.path.relpath(path, folder) if folder else path).replace(os.sep, "/")


def _refuse_same_names(targets: Sequence[Target]) -> None:
    seen: dict[str, Target] = {}
    for target in targets:
        other = seen.setdefault(target.key, target)
        if other is not target:
            raise UsageError(
                f"{target.entry.place}: found the name {shown(target.key)} again (first at {other.entry.place}); give "
                "one of the two entries an id, or other dims"
            )
