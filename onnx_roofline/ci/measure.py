"""One model through the analysis, with its refusal or crash as a value: what a process of its own can do and send."""

import os
import traceback

from msgspec import Struct

from onnx_roofline.analysis.settings import Settings
from onnx_roofline.base.errors import RooflineError
from onnx_roofline.ci.snapshot import Snapshot, take_snapshot


class Job(Struct, frozen=True):
    """An analysis to be done: a file under settings. `shown` stands for its path where that is a temporary one."""

    path: str
    settings: Settings
    with_nodes: bool = False
    shown: str = ""
    with_lint: bool = False


class Outcome(Struct, frozen=True):
    """What became of a job: a snapshot, or why there is none and with which exit code.

    `lacked_memory` says that the process had no more to give.
    """

    snapshot: Snapshot | None
    failure: str = ""
    code: int = 0
    trace: str = ""
    lacked_memory: bool = False


def measure(job: Job) -> Outcome:
    """The outcome of a job; nothing is raised for a model, whatever is wrong with it."""
    from onnx_roofline.analysis.analyze import analyze

    try:
        analysis = analyze(job.path, job.settings)
        snapshot = take_snapshot(analysis, with_nodes=job.with_nodes, with_lint=job.with_lint)
    except RooflineError as error:
        return Outcome(None, _shown(str(error), job), 2)
    except Exception as error:
        failure = _shown(f"{type(error).__name__}: {error}", job)
        return Outcome(None, failure, 70, traceback.format_exc(), isinstance(error, MemoryError))
    if job.shown:
        from msgspec.structs import replace

        snapshot = replace(snapshot, path=job.shown)
    return Outcome(snapshot)


def _shown(text: str, job: Job) -> str:
    return text.replace(os.fspath(job.path), job.shown) if job.shown else text
