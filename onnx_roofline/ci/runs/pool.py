"""One process a core, each with one model after another; a process that ends takes one outcome with it and no more."""

import os
import pickle
import queue
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import IO

from onnx_roofline.base.json_bytes import decode_json
from onnx_roofline.ci.measure import Job, Outcome
from onnx_roofline.ci.runs.worker import READY, Allowed, command, read_frame, write_frame

# Seconds until a process has imported this package, on a machine that is busy.
_START_LIMIT_S = 120.0
# Libraries that would start a thread a core in each of the processes.
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class Worker:
    """One process, started when there is work, and anew after one that ended."""

    def __init__(self, allowed: Allowed) -> None:
        self.allowed = allowed
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._closed = False

    @property
    def pid(self) -> int | None:
        """Id of the process; None where there is none."""
        return None if self._process is None else self._process.pid

    def measure(self, job: Job) -> Outcome:
        """The outcome of a job. It is tried once: what ends its process is said, not tried again."""
        return self.measure_packed(pickle.dumps(job), job.shown or job.path)

    def measure_packed(self, job: bytes, name: str) -> Outcome:
        """The outcome of a pickled job, which is called `name`; only the process unpacks it."""
        try:
            process = self._started()
        except OSError as error:
            return Outcome(None, f"{name}: no process could be started: {error.strerror or error}", 70)
        if process is None:
            return Outcome(None, f"{name}: no process could be started: {self._end()}", 70)
        assert process.stdin is not None, "the process was started with pipes"
        assert process.stdout is not None, "the process was started with pipes"
        data: bytes | None = None
        with _Deadline(process, self.allowed.time_s) as deadline:
            try:
                write_frame(process.stdin, pickle.dumps((self.allowed, job)))
                data = read_frame(process.stdout)
            except OSError:
                data = None
        if data is not None and not deadline.passed:
            return decode_json(data, Outcome)
        how = self._end()
        if deadline.passed:
            return Outcome(
                None,
                f"{name}: took more than {self.allowed.time_s:g} s; raise the limit with --time-limit-s if you trust "
                "the file",
                2,
            )
        return Outcome(None, f"{name}: the process that analysed it {how}", 70)

    def close(self) -> None:
        """End the process, whatever it does."""
        with self._lock:
            self._closed = True
            process = self._process
        if process is not None:
            process.kill()

    def forget(self) -> None:
        """Wait for the end of a closed process and let go of its pipes; nobody may be in `measure`."""
        self._end()

    def _started(self) -> "subprocess.Popen[bytes] | None":
        """The process, ready for a job; None where it doesn't get ready."""
        if self._process is not None and self._process.poll() is None:
            return self._process
        self._end()
        with self._lock:
            if self._closed:
                return None
            self._process = subprocess.Popen(  # noqa: S603  this interpreter and this package
                command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=_environment()
            )
        process = self._process
        assert process.stdout is not None, "the process was started with pipes"
        with _Deadline(process, _START_LIMIT_S) as deadline:
            ready = read_frame(process.stdout) == READY
        return process if ready and not deadline.passed else None

    def _end(self) -> str:
        """Let go of the process; how it ended."""
        process, self._process = self._process, None
        if process is None:
            return "was ended"
        try:
            code = process.wait(timeout=5.0)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
        for pipe in (process.stdin, process.stdout):
            _close(pipe)
        if code >= 0:
            return f"ended with exit code {code}"
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        return f"was ended by {name}" + (", perhaps for want of memory" if name == "SIGKILL" else "")


class Pool:
    """Processes for jobs; they stay for later jobs until the pool is closed."""

    def __init__(self, processes: int, allowed: Allowed) -> None:
        self.workers = [Worker(allowed) for _ in range(max(1, processes))]
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> "Pool":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the processes."""
        for worker in self.workers:
            worker.close()
        for thread in self._threads:
            thread.join()
        for worker in self.workers:
            worker.forget()

    def run(self, jobs: Sequence[Job]) -> Iterator[tuple[int, Outcome]]:
        """(position, outcome) of every job, as they come."""
        waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
        done: queue.SimpleQueue[tuple[int, Outcome | BaseException]] = queue.SimpleQueue()
        for position in range(len(jobs)):
            waiting.put(position)
        self._threads = [
            threading.Thread(target=_serve, args=(worker, jobs, waiting, done), daemon=True)
            for worker in self.workers[: len(jobs)]
        ]
        for thread in self._threads:
            thread.start()
        for _ in jobs:
            position, outcome = done.get()
            if isinstance(outcome, BaseException):
                raise outcome
            yield position, outcome


def _serve(
    worker: Worker,
    jobs: Sequence[Job],
    waiting: "queue.SimpleQueue[int]",
    done: "queue.SimpleQueue[tuple[int, Outcome | BaseException]]",
) -> None:
    while True:
        try:
            position = waiting.get_nowait()
        except queue.Empty:
            return
        try:
            done.put((position, worker.measure(jobs[position])))
        except BaseException as error:
            done.put((position, error))
            return


class _Deadline:
    """Kills a process that is not done in time."""

    def __init__(self, process: "subprocess.Popen[bytes]", seconds: float) -> None:
        self.passed = False
        self._process, self._done, self._lock = process, False, threading.Lock()
        self._timer = threading.Timer(seconds, self._kill)
        self._timer.daemon = True

    def __enter__(self) -> "_Deadline":
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._done = True
        self._timer.cancel()

    def _kill(self) -> None:
        with self._lock:
            if not self._done:
                self.passed = True
                self._process.kill()


def _close(pipe: "IO[bytes] | None") -> None:
    if pipe is not None:
        try:
            pipe.close()
        except OSError:
            # What was still to be written goes nowhere.
            return


def _environment() -> dict[str, str]:
    return {**os.environ, **dict.fromkeys(_ONE_THREAD, "1")}
