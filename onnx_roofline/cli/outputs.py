"""Files that a command writes: none may be one that it reads, a FIFO or a device by accident, or another one twice.

All of it is refused before anything is computed, so that what a run finds is not lost for a wrong name.
"""

import os
import stat
import sys
from collections.abc import Iterable, Sequence

from msgspec import Struct

from onnx_roofline.base.errors import UsageError
from onnx_roofline.base.text import shown

STDOUT = "-"
# Special files that nobody names by accident.
_ASKED_FOR = ("/dev/stdout", "/dev/stderr", "/dev/null")
_ASKED_FOR_FOLDERS = ("/dev/fd/", "/proc/self/fd/")


class Output(Struct, frozen=True):
    """A file to be written, and the option that says so."""

    option: str
    path: str

    @property
    def label(self) -> str:
        """The option with its file, for a message."""
        return f"{self.option} {shown(self.path, 200, quotes=False)}"


def check_outputs(outputs: Sequence[Output], inputs: Iterable[str]) -> None:
    """Raises UsageError where an output has no name, is an input, a special file or a folder, or is named twice."""
    for output in outputs:
        _check_name(output)
    _check_distinct(outputs)
    refuse_inputs(outputs, inputs)


def refuse_inputs(outputs: Iterable[Output], inputs: Iterable[str]) -> None:
    """Raises UsageError where an output is the same file as an input, by whatever name."""
    known = [(path, found) for path in inputs if (found := _identity(path)) is not None]
    for output in outputs:
        found = None if output.path == STDOUT else _identity(output.path)
        for path, other in known:
            if found == other:
                raise UsageError(
                    f"{output.label}: is a file that this command reads ({shown(path, 200, quotes=False)}); "
                    "name another one"
                )


def write_output(path: str, parts: Iterable[str]) -> None:
    """Write a text to a file, complete or not at all, or to stdout."""
    from onnx_roofline.report.files import write_atomically

    if path == STDOUT:
        sys.stdout.writelines(parts)
    else:
        write_atomically(path, parts)


def _check_name(output: Output) -> None:
    if not output.path.strip():
        raise UsageError(f"{output.option}: found an empty name; name a file, or - for stdout")
    if output.path == STDOUT:
        return
    if "\0" in output.path:
        raise UsageError(f"{output.label}: can't be written: no name of a file has a null character")
    try:
        mode = os.stat(output.path).st_mode
    except FileNotFoundError:
        _check_folder(output)
        return
    except (OSError, ValueError) as error:
        raise UsageError(f"{output.label}: can't be written: {getattr(error, 'strerror', None) or error}") from None
    if stat.S_ISDIR(mode):
        raise UsageError(f"{output.label}: is a folder; name a file in it")
    if not stat.S_ISREG(mode):
        if output.path not in _ASKED_FOR and not output.path.startswith(_ASKED_FOR_FOLDERS):
            kind = "a FIFO" if stat.S_ISFIFO(mode) else "a socket" if stat.S_ISSOCK(mode) else "a device"
            raise UsageError(f"{output.label}: is {kind}; name a regular file, or - and redirect stdout")
        return
    _check_folder(output)


def _check_folder(output: Output) -> None:
    """A file is replaced by a new one, so its folder must let files be made."""
    folder = os.path.dirname(os.path.abspath(output.path))
    if not os.path.isdir(folder):
        raise UsageError(f"{output.label}: can't be written: No such file or directory; make its folder first")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(f"{output.label}: can't be written: its folder is not writable")


def _check_distinct(outputs: Sequence[Output]) -> None:
    seen: dict[object, Output] = {}
    for output in outputs:
        if output.path == os.devnull:
            continue
        key: object = STDOUT if output.path in (STDOUT, "/dev/stdout") else _identity(output.path)
        key = key or os.path.realpath(output.path)
        if key in seen:
            raise UsageError(f"{seen[key].label} and {output.label}: are one file; name two")
        seen[key] = output


def _identity(path: str) -> tuple[int, int] | None:
    """Device and inode, by which os.path.samefile compares; None for a file that is not there."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino
