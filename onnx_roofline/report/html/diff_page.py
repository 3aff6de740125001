"""A comparison as one page: whether the settings agree, the totals, and both models as one tree."""

from collections.abc import Iterator

from msgspec import Struct

from onnx_roofline.base.text import visible
from onnx_roofline.report.html.page import filled

SCRIPTS = ("elements.js", "diff.js")
Figure = int | float | None


class DiffRow(Struct, frozen=True):
    """An op of either model; `old` and `new` are its FLOPs, bytes and seconds, None where it is not there."""

    kind: str
    module: str
    op_type: str
    label: str
    about: str
    old: tuple[Figure, ...] | None
    new: tuple[Figure, ...] | None


class DiffData(Struct, frozen=True):
    """What the page shows: `totals` are (name, unit, old, new), `differences` what the two don't agree in."""

    old: str
    new: str
    verdict: str
    differences: tuple[str, ...]
    totals: tuple[tuple[str, str, Figure, Figure], ...]
    rows: tuple[DiffRow, ...]


def write_diff_page(data: DiffData) -> Iterator[str]:
    """The whole file in parts."""
    old, new = apart(data.old, data.new)
    return filled("diff.html", visible(f"{old} → {new}", 400), data.verdict, data, SCRIPTS)


def apart(old: str, new: str) -> tuple[str, str]:
    """Two paths by as many of their last parts as tell them apart.

    >>> apart("/home/a/old.onnx", "/home/a/new.onnx"), apart("v1/m.onnx", "v2/m.onnx")
    (('old.onnx', 'new.onnx'), ('v1/m.onnx', 'v2/m.onnx'))
    """
    parts, others = old.replace("\\", "/").split("/"), new.replace("\\", "/").split("/")
    most = max(len(parts), len(others))
    count = next((count for count in range(1, most) if parts[-count:] != others[-count:]), most)
    return "/".join(parts[-count:]), "/".join(others[-count:])
