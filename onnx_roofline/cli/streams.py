"""Stdout and stderr that can't fail: whatever happens to writing, a command goes on to its exit code.

A stream may be closed, full, a pipe without a reader, or of an encoding without the characters of a report. Every one
of them would end in an exception somewhere between two lines, and Python's exit code for that is 1: a broken limit.
"""

import contextlib
import io
import os
import sys
from collections.abc import Iterable, Iterator
from typing import TextIO, cast

from onnx_roofline.base.text import ascii_form


class GuardedStream:
    """A text stream whose writes never raise; `failure` is the first error that writing met.

    After the first failure everything more is dropped. `None` as the stream is what Python has for one that was closed
    before it started: nothing was asked for, so nothing has failed.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self.failure: OSError | ValueError | None = None

    @property
    def encoding(self) -> str:
        """Its encoding; rich draws tables in ASCII where this is not UTF-8."""
        return getattr(self._stream, "encoding", None) or "utf-8"

    @property
    def errors(self) -> str:
        """What the stream does with characters that it can't encode; here there are none."""
        return "strict"

    @property
    def closed(self) -> bool:
        """False: there is always something to write to."""
        return False

    @property
    def lost(self) -> OSError | ValueError | None:
        """Why results that were asked for are lost; None for a reader that has seen enough."""
        return None if isinstance(self.failure, BrokenPipeError) else self.failure

    def write(self, text: str) -> int:
        """Write text, in ASCII where the encoding has no such characters."""
        if self._stream is not None and self.failure is None:
            try:
                self._stream.write(self._encodable(text))
            except (OSError, ValueError) as error:
                self._fail(error)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write each of the texts; those that come after a failure are not even made."""
        for line in lines:
            if self.failure is not None:
                return
            self.write(line)

    def flush(self) -> None:
        """Hand on what was written."""
        if self._stream is not None and self.failure is None:
            try:
                self._stream.flush()
            except (OSError, ValueError) as error:
                self._fail(error)

    def isatty(self) -> bool:
        """Whether a person reads it."""
        try:
            return self._stream is not None and self._stream.isatty()
        except (OSError, ValueError):
            return False

    def fileno(self) -> int:
        """Descriptor of the stream. Raises OSError where it has none."""
        if self._stream is None:
            raise io.UnsupportedOperation("fileno")
        return self._stream.fileno()

    def _encodable(self, text: str) -> str:
        if text.isascii():
            return text
        try:
            text.encode(self.encoding)
        except UnicodeEncodeError:
            return ascii_form(text)
        return text

    def _fail(self, error: OSError | ValueError) -> None:
        """Note the failure, and let what is still in the stream's buffer go nowhere when the process ends."""
        self.failure = error
        with contextlib.suppress(OSError, ValueError):
            null = os.open(os.devnull, os.O_WRONLY)
            try:
                os.dup2(null, self.fileno())
            finally:
                os.close(null)


@contextlib.contextmanager
def guarded_streams() -> Iterator[tuple[GuardedStream, GuardedStream]]:
    """Stdout and stderr guarded for the time of a command."""
    occupy_standard_descriptors()
    before = sys.stdout, sys.stderr
    out, err = GuardedStream(before[0]), GuardedStream(before[1])
    sys.stdout, sys.stderr = cast(TextIO, out), cast(TextIO, err)
    try:
        yield out, err
    finally:
        out.flush()
        err.flush()
        sys.stdout, sys.stderr = before


def occupy_standard_descriptors() -> None:
    """Open the null device at descriptors 0, 1 and 2 where they are closed.

    Else the next file to be opened, the model or a report, becomes the stdout or stderr of whatever writes there.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            with contextlib.suppress(OSError):
                # The lowest free descriptor, which is this one, since those before it are open.
                os.open(os.devnull, os.O_RDWR)
