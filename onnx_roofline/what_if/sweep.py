"""Sweeps over one dim."""

import re

from msgspec import Struct
from msgspec.structs import replace

from onnx_roofline.analysis.analyze import analyze
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.base.errors import UsageError
from onnx_roofline.base.text import shown
from onnx_roofline.ir.open_records import OpenBodies, OpenBody, dims_of
from onnx_roofline.ir.placed_records import Placement, PlacementSummary
from onnx_roofline.ir.records import Kernel, TypedOp
from onnx_roofline.load import Source


class SweepPoint(Struct, frozen=True):
    """One value of a swept dim: every alternative's seconds, and the device of each kernel by its root's row id.

    `untimed` kernels run but have no time on either device; the seconds are without them.
    """

    value: int
    seconds: "dict[str, float | None]"
    on_pim: int
    devices: "dict[str, str | None]"
    untimed: int = 0


class Sweep(Struct, frozen=True):
    """A model over the values of one dim; `labels` names kernels for a reader, `assumed` dims nobody stated, `open`
    loops and branches that nobody stated.
    """

    dim: str
    points: tuple[SweepPoint, ...]
    labels: "dict[str, str]"
    assumed: tuple[str, ...] = ()
    open: tuple[OpenBody, ...] = ()

    def changes(self) -> "list[tuple[str, list[str], list[tuple[int, str | None]]]]":
        """(label, kernel ids, [(first value, device), ...]) of kernels that flip together, most kernels first."""
        groups: dict[object, list[str]] = {}
        for kernel in self.points[0].devices:
            steps: list[tuple[int, str | None]] = []
            for point in self.points:
                device = point.devices.get(kernel)
                if not steps or steps[-1][1] != device:
                    steps.append((point.value, device))
            if len(steps) > 1:
                groups.setdefault((self.labels[kernel], tuple(steps)), []).append(kernel)
        found = [(key[0], ids, list(key[1])) for key, ids in groups.items() if isinstance(key, tuple)]
        return sorted(found, key=lambda item: (-len(item[1]), item[0]))


def parse_sweep(text: str) -> tuple[str, tuple[int, ...]]:
    """`tokens=1..4096` -> the dim and its values: doubling from the first to the last; or a list, `batch=1,2,3`.

    Raises UsageError for another form.

    >>> parse_sweep("tokens=1..16"), parse_sweep("batch=3,5")
    (('tokens', (1, 2, 4, 8, 16)), ('batch', (3, 5)))
    """
    name, separator, values = text.rpartition("=")
    wanted = (
        f"--sweep {shown(text)}: wanted NAME=FIRST..LAST or NAME=A,B,C with whole numbers from 1 and of up to 18 "
        "digits, such as tokens=1..4096"
    )
    if not separator or not name:
        raise UsageError(wanted)
    first, dots, last = values.partition("..")
    parts = [first, last] if dots else values.split(",")
    are_sizes = all(re.fullmatch(r"(?=.{1,18}$)0*[1-9][0-9]*", part) for part in parts)
    if not are_sizes or (dots and int(first) > int(last)):
        raise UsageError(wanted)
    if not dots:
        return name, tuple(int(part) for part in parts)
    found, value = [], int(first)
    while value < int(last):
        found.append(value)
        value *= 2
    return name, (*found, int(last))


def sweep(source: Source, settings: Settings, dim: str, values: tuple[int, ...]) -> Sweep:
    """The model analysed at every value of a dim. Raises UsageError where the file has no such dim."""
    points, labels, assumed = [], dict[str, str](), dict[str, None]()
    opened: dict[OpenBody, None] = {}
    for value in values:
        analysis = analyze(source, replace(settings, dims={**settings.dims, dim: value}))
        model = analysis.model
        assumed.update(
            (f"{name}={found.value}", None)
            for name, found in dims_of(model).items()
            if found.origin == "assumed" and not found.is_computed
        )
        opened.update(dict.fromkeys(model.whole(OpenBodies).found))
        summary = model.whole(PlacementSummary)
        placements = model.column(Placement)
        devices = {}
        for key, kernel in model.column(Kernel).items():
            if kernel.id == key:
                devices[key] = placements[key].device
                labels[key] = f"{model.column(TypedOp)[key].op.op_type} ({kernel.pattern})"
        optimum = next(item for item in summary.alternatives if item.name == "optimum")
        seconds = {item.name: item.total_s for item in summary.alternatives}
        points.append(SweepPoint(value, seconds, optimum.on_pim, devices, summary.untimed_kernels))
    return Sweep(dim, tuple(points), labels, tuple(assumed), tuple(opened))
