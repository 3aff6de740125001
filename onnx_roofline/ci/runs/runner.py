"""Outcomes of jobs: each distinct one once, from an earlier run where there is one, else here, in processes, or far."""

import gc
import os
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Protocol

from onnx_roofline.ci.measure import Job, Outcome, measure
from onnx_roofline.ci.runs.cache import Cache, Key

# (name, position, count) of what is under way.
Progress = Callable[[str, int, int], None]


class Executor(Protocol):
    """Who analyses models elsewhere than in this process."""

    def run(self, jobs: Sequence[Job]) -> Iterator[tuple[int, Outcome]]:
        """(position, outcome) of every job, as they come."""

    def close(self) -> None:
        """Let go of what the runs have used."""


class Runner:
    """Measures jobs. `executor` is made when it is needed; `alone` analyses the one model of a run in this process.

    A run of several models never does, though all but one are known: a crash would take their verdicts with it.
    """

    def __init__(self, executor: Callable[[], Executor], *, cache: Cache | None = None, alone: bool = True) -> None:
        self._make, self._cache, self._alone = executor, cache, alone
        self._executor: Executor | None = None

    def __enter__(self) -> "Runner":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._executor is not None:
            self._executor.close()
        if self._cache is not None:
            self._cache.clean()

    def measure(self, jobs: Sequence[Job], progress: Progress) -> list[Outcome]:
        """The outcomes of jobs in their order."""
        names = [repr(job) for job in jobs]
        distinct = dict(zip(names, jobs, strict=True))
        self._alone = self._alone and len(distinct) <= 1
        known: dict[str, Outcome] = {}
        keys: dict[str, Key] = {}
        for name, job in distinct.items():
            key = None if self._cache is None else self._cache.key(job)
            if key is not None and self._cache is not None:
                keys[name] = key
                snapshot = self._cache.get(key, job)
                if snapshot is not None:
                    known[name] = Outcome(snapshot)
        left = [name for name in distinct if name not in known]
        for position, outcome in self._run([distinct[name] for name in left]):
            name = left[position]
            job = distinct[name]
            progress(os.path.basename(job.shown or job.path), len(known), len(distinct))
            known[name] = outcome
            if self._cache is not None and name in keys and outcome.snapshot is not None:
                self._cache.put(keys[name], job, outcome.snapshot)
        return [known[name] for name in names]

    def _run(self, jobs: Sequence[Job]) -> Iterator[tuple[int, Outcome]]:
        if not jobs:
            return
        if self._alone:
            # An analysis makes many objects and frees almost none: looking for cycles costs a fifth of the time.
            gc.disable()
            yield 0, measure(jobs[0])
            return
        if self._executor is None:
            self._executor = self._make()
        yield from self._executor.run(jobs)
