"""Options of the commands that take many models: processes, limits of one model, the cache, a cluster."""

import argparse
import os
import sys
from typing import TYPE_CHECKING

from onnx_roofline.base.errors import UsageError

if TYPE_CHECKING:
    from onnx_roofline.ci.runs.runner import Executor, Runner
    from onnx_roofline.ci.runs.worker import Allowed


def add_many_options(parser: argparse.ArgumentParser) -> None:
    """The options of an analysis of many models."""
    parser.add_argument("--jobs", type=int, metavar="N", help="processes that analyse several models (default: cores)")
    parser.add_argument(
        "--time-limit-s", type=float, metavar="S", help="seconds that one of several models may take (default: 300)"
    )
    parser.add_argument(
        "--memory-limit-gb", type=float, metavar="GB", help="memory that one of several models may take (default: 8)"
    )
    parser.add_argument(
        "--fresh",
        action="store_true",
        help="analyse unchanged models again; else their figures are those of an earlier run, from the folder that "
        "ONNX_ROOFLINE_CACHE names",
    )
    parser.add_argument(
        "--executor",
        metavar="dask://HOST:PORT",
        help="analyse on a Dask cluster that sees the same files (extra: dask)",
    )


def make_runner(options: argparse.Namespace) -> "Runner":
    """What measures the models of a command. Raises UsageError for a limit of nothing."""
    from onnx_roofline.ci.runs.cache import Cache, default_folder
    from onnx_roofline.ci.runs.cluster import Cluster, parse_address
    from onnx_roofline.ci.runs.pool import Pool
    from onnx_roofline.ci.runs.runner import Runner

    allowed = _allowed(options)
    if options.jobs is not None and options.jobs < 1:
        raise UsageError(f"--jobs {options.jobs}: wanted 1 or more processes")
    if options.executor is not None:
        parse_address(options.executor)

    def executor() -> "Executor":
        if options.executor is not None:
            return Cluster(options.executor, allowed)
        return Pool(options.jobs or _cores(), allowed)

    # What a plugin computes may depend on anything.
    folder = None if options.fresh or has_plugins() else default_folder()
    stated = (options.executor, options.time_limit_s, options.memory_limit_gb)
    return Runner(
        executor, cache=None if folder is None else Cache(folder), alone=all(value is None for value in stated)
    )


def _allowed(options: argparse.Namespace) -> "Allowed":
    from onnx_roofline.ci.runs.worker import Allowed

    plain = Allowed()
    time_s = plain.time_s if options.time_limit_s is None else options.time_limit_s
    memory_gb = plain.memory_bytes / 1e9 if options.memory_limit_gb is None else options.memory_limit_gb
    for name, value in (("--time-limit-s", time_s), ("--memory-limit-gb", memory_gb)):
        if not 0 < value < 1e6:
            raise UsageError(f"{name} {value:g}: wanted more than 0 and less than a million")
    return Allowed(
        time_s,
        int(memory_gb * 1e9),
        plugins=tuple(os.path.abspath(path) for path in getattr(options, "plugin", ())),
        installed=not getattr(options, "no_plugins", True),
    )


def has_plugins() -> bool:
    """Whether plugins have been read; nothing is imported for the answer."""
    plugin = sys.modules.get("onnx_roofline.plugin")
    return plugin is not None and bool(plugin.brought())


def _cores() -> int:
    """Cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1
