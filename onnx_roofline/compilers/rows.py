"""The figures of an analysis by the op of the compiler that they are of."""

from collections.abc import Iterable
from typing import TypeVar

from onnx_roofline.report.node_figures import Figure

K = TypeVar("K")


def joined(rows: Iterable[tuple[K, dict[str, Figure]]]) -> dict[K, dict[str, Figure]]:
    """The figures of each op.

    An op of a function that is called with several signatures has several rows: their executions are summed, and what
    they differ in is left out.

    >>> joined([("a", {"macs": 2, "flops": 4, "executions": 1}), ("a", {"macs": 2, "flops": 5, "executions": 3})])
    {'a': {'macs': 2, 'executions': 4}}
    """
    found: dict[K, dict[str, Figure]] = {}
    for op, figures in rows:
        before = found.get(op)
        if before is None:
            found[op] = figures
            continue
        counts = [row["executions"] for row in (before, figures)]
        found[op] = {name: figure for name, figure in before.items() if figures.get(name) == figure}
        found[op]["executions"] = sum(count for count in counts if not isinstance(count, str))
    return found
