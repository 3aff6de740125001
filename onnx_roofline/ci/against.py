"""The base of a check as a git revision has it: its models analysed under the settings of today, in the same run."""

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence

from onnx_roofline.base.errors import UsageError
from onnx_roofline.ci.gate import Base
from onnx_roofline.ci.measure import Job, Outcome
from onnx_roofline.ci.plan import Target
from onnx_roofline.ci.revisions import Revision
from onnx_roofline.ci.snapshot import Snapshot


def base_of_revision(
    revision: Revision,
    targets: Sequence[Target],
    outcomes: Mapping[str, Outcome],
    measure_all: Callable[[Sequence[Job]], Sequence[Outcome]],
) -> Base:
    """The base: a model that is the same file there has the figures of here, a renamed one those of its old name.

    Raises UsageError for a model that is a pointer of Git LFS there and something else here.
    """
    snapshots: dict[str, Snapshot] = {}
    changed: list[Target] = []
    same: dict[str, bool] = {}
    for target in targets:
        if target.path not in same:
            same[target.path] = revision.is_same(target.path)
        snapshot = outcomes[target.key].snapshot
        if not same[target.path]:
            changed.append(target)
        elif snapshot is not None:
            snapshots[target.key] = snapshot
    failures: dict[str, str] = {}
    with _folder() as folder:
        files: dict[str, str | None] = {}
        for target in changed:
            if target.path not in files:
                files[target.path] = _extract(revision, target.path, folder, len(files))
        known = [(target, path) for target in changed if (path := files[target.path]) is not None]
        jobs = [
            Job(path, target.point.settings, with_nodes=True, shown=f"{revision.name}:{target.path}")
            for target, path in known
        ]
        for (target, _), outcome in zip(known, measure_all(jobs), strict=True):
            if outcome.snapshot is not None:
                snapshots[target.key] = outcome.snapshot
            else:
                failures[target.key] = outcome.failure
    return Base(revision.name, snapshots, failures)


def _folder() -> tempfile.TemporaryDirectory[str]:
    try:
        return tempfile.TemporaryDirectory(prefix="onnx-roofline-", ignore_cleanup_errors=True)
    except OSError as error:
        raise UsageError(f"--against: found no folder for temporary files: {error.strerror}; set TMPDIR") from None


def _extract(revision: Revision, path: str, folder: str, number: int) -> str | None:
    """The file of the revision, also under another name, in a folder of its own; None where it is not there."""
    data = revision.read(path, follow=True)
    if data is None:
        return None
    here = os.path.join(folder, str(number))
    os.mkdir(here)
    target = os.path.join(here, os.path.basename(path))
    with open(target, "wb") as file:
        file.write(data)
    return target
