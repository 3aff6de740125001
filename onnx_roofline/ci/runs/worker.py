"""A process that analyses one model after another, so that none can take another's outcome, memory or time with it.

Frames of a length and so many bytes go both ways: a pickled job in, an outcome as JSON out. The pickle comes from the
process that started this one; what this one sends after reading a hostile file is parsed, not unpickled.
"""

import gc
import importlib
import os
import pickle
import signal
import struct
import sys
from typing import IO

from msgspec import Struct

from onnx_roofline.base.json_bytes import encode_json
from onnx_roofline.base.quantities import format_si
from onnx_roofline.ci.measure import Job, Outcome, measure

_LENGTH = struct.Struct("<Q")
# What the process sends first, once it has imported what an analysis needs.
READY = b"ready"


class Allowed(Struct, frozen=True):
    """What one model may take: seconds, and bytes of memory beyond what its process has before.

    `plugins` are the files of plugins that the process reads first, `installed` whether those of packages too.
    """

    time_s: float = 300.0
    memory_bytes: int = 8 * 10**9
    plugins: tuple[str, ...] = ()
    installed: bool = False


def write_frame(file: IO[bytes], data: bytes) -> None:
    """Raises OSError where nobody reads."""
    file.write(_LENGTH.pack(len(data)))
    file.write(data)
    file.flush()


def read_frame(file: IO[bytes]) -> bytes | None:
    """The next frame, None where the other end is gone before it was whole."""
    head = file.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    data = file.read(length)
    return data if len(data) == length else None


def main() -> None:
    """Serve jobs from stdin until it ends."""
    # The parent decides what an interrupt means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    requests, replies = _take_standard_streams()
    # What an analysis needs is imported before the first model's time counts.
    importlib.import_module("onnx_roofline.analysis.analyze")
    # An analysis makes many objects and frees almost none: looking for cycles costs a fifth of the time.
    gc.disable()
    write_frame(replies, READY)
    while (data := read_frame(requests)) is not None:
        allowed, packed = pickle.loads(data)  # noqa: S301  from the process that started this one
        # Before the job is made, whose settings may name what a plugin brings.
        _load_plugins(allowed)
        outcome = measure_within(pickle.loads(packed), allowed)  # noqa: S301
        gc.collect(0)
        write_frame(replies, encode_json(outcome))


def _load_plugins(allowed: Allowed) -> None:
    """Read the plugins that are not read yet."""
    if allowed.installed or allowed.plugins:
        from onnx_roofline import plugin

        if allowed.installed:
            plugin.load_installed()
        for path in allowed.plugins:
            plugin.load_file(path)


def measure_within(job: Job, allowed: Allowed) -> Outcome:
    """The outcome of a job in this process under the limit of memory; a limit reached is a refusal."""
    lift = _limit_memory(allowed.memory_bytes)
    try:
        outcome = measure(job)
    finally:
        lift()
    if outcome.lacked_memory:
        return Outcome(
            None,
            f"{job.shown or job.path}: takes more than {format_si(allowed.memory_bytes, 'B')} of memory; raise the "
            "limit with --memory-limit-gb if you trust the file",
            2,
        )
    return outcome


def _take_standard_streams() -> tuple[IO[bytes], IO[bytes]]:
    """Descriptors 0 and 1 as private pipes; what libraries print goes to stderr, and what they read is empty."""
    requests, replies = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    return os.fdopen(requests, "rb"), os.fdopen(replies, "wb")


def _limit_memory(more: int) -> "_Lift":
    """Let the address space grow by so many bytes; without effect where the system can't."""
    try:
        import resource

        with open("/proc/self/statm", "rb") as file:
            now = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        soft, hard = resource.getrlimit(resource.RLIMIT_AS)
        wanted = now + more
        if hard != resource.RLIM_INFINITY:
            wanted = min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_AS, (wanted, hard))
    except (ImportError, OSError, ValueError):
        return _Lift(None, None)
    return _Lift(soft, hard)


class _Lift(Struct):
    """Sets the limits of the address space back."""

    soft: int | None
    hard: int | None

    def __call__(self) -> None:
        if self.soft is not None and self.hard is not None:
            import resource

            resource.setrlimit(resource.RLIMIT_AS, (self.soft, self.hard))


def command() -> list[str]:
    """How to start such a process: this interpreter and this package, without the current folder on its path."""
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    code = (
        f"import sys; {root!r} in sys.path or sys.path.insert(0, {root!r}); "
        "from onnx_roofline.ci.runs.worker import main; main()"
    )
    return [sys.executable, "-P", "-c", code]
