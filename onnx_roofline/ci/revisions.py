"""Files of a git revision, for a comparison of what is there with what was."""

import os
import re
import subprocess
from collections.abc import Sequence
from functools import cached_property

from onnx_roofline.base.errors import UsageError
from onnx_roofline.base.text import shown, visible

# Seconds that one call of git may take; a blob that is not there yet may be fetched.
_LIMIT_S = 120.0
# Where a hook says that its repository is, relative to another folder than that of the models.
_OF_A_HOOK = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")
_LFS = b"version https://git-lfs.github.com/spec/"
_LFS_OID = re.compile(rb"^oid sha256:([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{60})$", re.MULTILINE)


class Revision:
    """One commit of the repository that a folder lies in. Raises UsageError where git doesn't know it."""

    def __init__(self, name: str, folder: str = "") -> None:
        self.name = name
        self.folder = folder or "."
        if not name or name.startswith("-"):
            raise UsageError(f"found the revision {shown(name)}, wanted one of git, such as origin/main")
        root = self._git(["rev-parse", "--show-toplevel"], "")
        self.root = os.path.realpath(root.decode("utf-8", "surrogateescape").strip())
        known = self._run(["rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"])
        if known.returncode:
            raise UsageError(
                f"found no revision {shown(name)} in {shown(self.root, 200)}; fetch it: git fetch origin, or "
                "fetch-depth: 0 of actions/checkout"
            )
        self.commit = known.stdout.decode("ascii").split()[-1]

    def inside(self, path: str) -> str:
        """The path from the root of the repository. Raises UsageError for a file elsewhere."""
        # The folder is resolved, the file is not: a link is a file of its own in git.
        folder, name = os.path.split(os.path.abspath(path))
        found = os.path.relpath(os.path.join(os.path.realpath(folder), name), self.root).replace(os.sep, "/")
        if found.startswith("../"):
            raise UsageError(f"{shown(path, 200)}: lies outside the repository {shown(self.root, 200)}")
        return found

    def is_same(self, path: str) -> bool:
        """Whether a file is as it is in the commit; of a file in Git LFS without its content being there."""
        there = self._run(["rev-parse", "--verify", "--quiet", f"{self.commit}:{self.inside(path)}"])
        if there.returncode or not os.path.isfile(path):
            return False
        here = self._run(["hash-object", f"--path={self.inside(path)}", "--", os.path.abspath(path)])
        return not here.returncode and here.stdout.split() == there.stdout.split()[-1:]

    def read(self, path: str, *, follow: bool = False) -> bytes | None:
        """The file in the commit, None where it is not there; `follow` reads what was renamed since by its old name.

        Raises UsageError for a pointer of Git LFS whose content has not been fetched.
        """
        inside = self.inside(path)
        if self._run(["cat-file", "-e", f"{self.commit}:{inside}"]).returncode:
            if not follow or inside not in self._renamed:
                return None
            inside = self._renamed[inside]
        data = self._git(["cat-file", "blob", f"{self.commit}:{inside}"], inside)
        if data.startswith(_LFS):
            fetched = self._fetched(data)
            if fetched is not None:
                return fetched
            raise UsageError(
                f"{visible(self.name)}:{visible(inside)}: is a Git LFS pointer, whose content git doesn't hold; run "
                f"git lfs fetch origin {visible(self.name)}, keep the graph in git and only the weights in LFS as "
                "external data, or commit a baseline: onnx-roofline baseline update"
            )
        return data

    @cached_property
    def _renamed(self) -> dict[str, str]:
        """Old names by new ones, as far as git finds files of the commit again under other names."""
        options = ["--name-status", "--find-renames", "--diff-filter=R", "-z", "--no-ext-diff", "--no-relative"]
        found = self._run(["diff", *options, self.commit, "--"])
        if found.returncode:
            return {}
        parts = os.fsdecode(found.stdout).split("\0")
        return {new: old for _, old, new in zip(parts[0::3], parts[1::3], parts[2::3], strict=False)}

    def _fetched(self, pointer: bytes) -> bytes | None:
        """What a pointer of Git LFS stands for, where git lfs fetch has brought it."""
        oid = _LFS_OID.search(pointer)
        folder = self._run(["rev-parse", "--path-format=absolute", "--git-common-dir"])
        if oid is None or folder.returncode:
            return None
        parts = [os.fsdecode(part) for part in oid.groups()]
        store = os.path.join(os.fsdecode(folder.stdout).removesuffix("\n"), "lfs", "objects")
        try:
            with open(os.path.join(store, *parts[:2], "".join(parts)), "rb") as file:
                return file.read()
        except OSError:
            return None

    def _git(self, arguments: Sequence[str], what: str) -> bytes:
        done = self._run(arguments)
        if done.returncode:
            reason = visible(done.stderr.decode("utf-8", "replace").strip().partition("\n")[0])
            about = f" {visible(what)}" if what else ""
            raise UsageError(f"git {arguments[0]}{about}: {reason or 'failed'}")
        return done.stdout

    def _run(self, arguments: Sequence[str]) -> subprocess.CompletedProcess[bytes]:
        command = ["git", "-C", self.folder, *arguments]
        try:
            return subprocess.run(  # noqa: S603
                command,
                capture_output=True,
                timeout=_LIMIT_S,
                stdin=subprocess.DEVNULL,
                check=False,
                env=_environment(),
            )
        except FileNotFoundError:
            raise UsageError("found no git, which --against and git: need; install it") from None
        except subprocess.TimeoutExpired:
            raise UsageError(f"git {arguments[0]}: took more than {_LIMIT_S:.0f} s") from None


def _environment() -> dict[str, str]:
    """Git finds the repository by the folder of the budgets, in a hook too."""
    return {name: value for name, value in os.environ.items() if name not in _OF_A_HOOK}
