"""Writes result files whole or not at all: a temporary file in the same folder takes the target's place at the end."""

import os
import tempfile
from collections.abc import Iterable, Iterator

from onnx_roofline.base.errors import UsageError


def refuse_inputs(path: str, inputs: Iterable[str]) -> None:
    """Raise UsageError where `path` is one of the files that are read, by whatever name."""
    for name in inputs:
        if os.path.exists(path) and os.path.exists(name) and os.path.samefile(path, name):
            raise UsageError(f"{path}: is a file that is read ({name}); name another one")


def write_atomically(path: str, parts: Iterable[str | bytes]) -> None:
    """Write bytes, or text as UTF-8, to `path`; on any failure the old file, or none, is what stays.

    Raises UsageError where the folder can't be written.
    """
    if "\0" in path:
        raise UsageError(f"{path!r}: can't be written: no name of a file has a null character")
    folder = os.path.dirname(os.path.abspath(path))
    try:
        if os.path.exists(path) and not os.path.isfile(path):
            # /dev/stdout and the like: there is nothing to replace.
            with open(path, "wb") as target:
                target.writelines(_encoded(parts))
            return
        descriptor, temporary = tempfile.mkstemp(prefix=".onnx-roofline-", dir=folder)
    except OSError as error:
        raise UsageError(f"{path}: can't be written: {error.strerror}") from None
    try:
        with os.fdopen(descriptor, "wb") as target:
            target.writelines(_encoded(parts))
            target.flush()
            os.fsync(target.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except OSError as error:
        os.unlink(temporary)
        raise UsageError(f"{path}: can't be written: {error.strerror}") from None
    except BaseException:
        os.unlink(temporary)
        raise


def _encoded(parts: Iterable[str | bytes]) -> Iterator[bytes]:
    return (part if isinstance(part, bytes) else part.encode("utf-8") for part in parts)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
