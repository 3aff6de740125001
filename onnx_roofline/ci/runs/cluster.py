"""The same work on an existing Dask cluster, whose machines see the models under the same paths."""

import importlib
import os
import pickle
import threading
from collections.abc import Iterator, Sequence
from typing import Any

from msgspec.structs import replace

from onnx_roofline.analysis.settings import Settings
from onnx_roofline.base.errors import MissingExtraError, UsageError
from onnx_roofline.base.text import shown
from onnx_roofline.ci.measure import Job, Outcome
from onnx_roofline.ci.runs.pool import Worker
from onnx_roofline.ci.runs.worker import Allowed

SCHEME = "dask://"
# Seconds until a scheduler has answered.
_CONNECT_LIMIT_S = 10.0
_here = threading.local()


def parse_address(text: str) -> str:
    """`dask://HOST:PORT` -> the scheduler's address. Raises UsageError for another form."""
    host, _, port = text.removeprefix(SCHEME).rpartition(":")
    if not text.startswith(SCHEME) or not host or not port.isdecimal() or not 0 < int(port) < 65_536:
        raise UsageError(f"--executor: found {shown(text)}, wanted dask://HOST:PORT, such as dask://127.0.0.1:8786")
    return f"tcp://{host}:{port}"


class Cluster:
    """A scheduler and its workers. Raises UsageError where nobody answers."""

    def __init__(self, text: str, allowed: Allowed) -> None:
        address = parse_address(text)
        try:
            self._library: Any = importlib.import_module("distributed")
        except ImportError as error:
            raise MissingExtraError("distributed", "dask", "--executor") from error
        self.allowed = allowed
        try:
            self._client: Any = self._library.Client(address, timeout=_CONNECT_LIMIT_S, set_as_default=False)
        except (OSError, TimeoutError) as error:
            raise UsageError(f"--executor {shown(text, quotes=False)}: no scheduler answers: {error}") from None

    def close(self) -> None:
        """Leave the cluster, which goes on without this process."""
        self._client.close()

    def run(self, jobs: Sequence[Job]) -> Iterator[tuple[int, Outcome]]:
        """(position, outcome) of every job, as they come. The scheduler runs one again whose worker is lost."""
        # Not pure: two runs of one job may differ in what its files are.
        names = [job.shown or job.path for job in jobs]
        packed = [pickle.dumps(_everywhere(job)) for job in jobs]
        futures = self._client.map(measure_there, packed, names, allowed=self.allowed, pure=False, retries=0)
        positions = {future.key: position for position, future in enumerate(futures)}
        for future in self._library.as_completed(futures, loop=self._client.loop):
            position = positions[future.key]
            yield position, _outcome(future, jobs[position])


def measure_there(job: bytes, name: str, allowed: Allowed) -> Outcome:
    """The outcome of a pickled job on a machine of the cluster, in a process beside its worker, under the same limits.

    The worker itself doesn't unpack the job: its settings may name what only the process's plugins bring.
    """
    worker: Worker | None = getattr(_here, "worker", None)
    if worker is None or worker.allowed != allowed:
        worker = _here.worker = Worker(allowed)
    return worker.measure_packed(job, name)


def _everywhere(job: Job) -> Job:
    """The job with paths that do not depend on the current folder; it is called as before."""
    settings: Settings = job.settings
    changed = {
        name: os.path.abspath(value)
        for name in ("system", "backend", "observe")
        if isinstance(value := getattr(settings, name), str) and os.path.isfile(value)
    }
    return replace(
        job, path=os.path.abspath(job.path), settings=replace(settings, **changed), shown=job.shown or job.path
    )


def _outcome(future: Any, job: Job) -> Outcome:
    try:
        outcome: Outcome = future.result()
    except Exception as error:
        name = job.shown or job.path
        return Outcome(None, f"{name}: the cluster has no outcome: {type(error).__name__}: {error}", 70)
    return outcome
