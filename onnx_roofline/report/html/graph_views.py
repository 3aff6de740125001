"""The graph of kernels as nested views, each laid out: a box a module or a kernel, few enough to be looked at.

A view shows the parts of one module. Layers are longest paths, their order is by barycentres, and layers fill columns
from top to bottom, so that a long chain is read like the columns of a newspaper.

Source: Sugiyama, Tagawa, Toda, Methods for visual understanding of hierarchical system structures, IEEE Trans. SMC 11,
1981: layering and barycentre ordering.
"""

from collections.abc import Iterable, Mapping, Sequence
from math import ceil

from msgspec import Struct

# Boxes of a view; more are put together, neighbours in the file.
MAX_BOXES = 40
# Boxes beside each other, and layers below each other before the next column.
_WIDE, _LAYERS = 5, 8
# Pixels.
_WIDTH, _HEIGHT, _GAP_X, _GAP_Y, _GAP_COLUMNS = 168, 48, 20, 30, 56
_SWEEPS = 4


class Part(Struct):
    """A module, a run of neighbours that were put together, or one kernel; `first` and `last` are kernels' indices."""

    name: str
    path: str
    kernels: list[int]
    parts: "list[Part]"


class View(Struct, frozen=True):
    """What a module is made of. `boxes` are (x, y, index of its own view or -1, kernels, name); `edges` are (from, to,
    bytes), with -1 for what comes from outside or goes there and None for bytes of which some are unknown.
    """

    path: str
    parent: int
    width: int
    height: int
    boxes: tuple[tuple[int, int, int, tuple[int, ...], str], ...]
    edges: tuple[tuple[int, int, int | None], ...]


def lay_out(modules: Sequence[str], edges: Iterable[tuple[int, int, int | None]]) -> list[View]:
    """Views from the whole model down; `modules` has the module of each kernel, `edges` (maker, reader, bytes) with -1
    for outside.
    """
    root = _gathered(_tree(modules), top=True)
    kept = list(edges)
    views: list[View] = []
    pending: list[tuple[Part, int, tuple[int, int] | None]] = [(root, -1, None)]
    boxes_of: list[list[list[object]]] = []
    while pending:
        part, parent, place = pending.pop(0)
        here = len(views)
        if place is not None:
            boxes_of[place[0]][place[1]][2] = here
        owner = {kernel: position for position, one in enumerate(part.parts) for kernel in one.kernels}
        joined = _between(kept, owner)
        spots = _positions(len(part.parts), joined)
        width = max((x for x, _ in spots), default=0) + _WIDTH
        height = max((y for _, y in spots), default=0) + _HEIGHT
        both = zip(spots, part.parts, strict=True)
        boxes_of.append([[x, y, -1, tuple(one.kernels), one.name] for (x, y), one in both])
        views.append(View(part.path, parent, width, height, (), tuple((a, b, s) for (a, b), s in joined.items())))
        pending += [(one, here, (here, n)) for n, one in enumerate(part.parts) if len(one.parts) > 1]
    return [
        View(view.path, view.parent, view.width, view.height, tuple(tuple(box) for box in boxes), view.edges)  # type: ignore[misc]
        for view, boxes in zip(views, boxes_of, strict=True)
    ]


def _tree(modules: Sequence[str]) -> Part:
    """Modules inside modules; a kernel is a part of the module that it is in."""
    root = Part("", "", [], [])
    known: dict[str, Part] = {"": root}
    for kernel, module in enumerate(modules):
        here, path = root, ""
        root.kernels.append(kernel)
        for name in filter(None, module.split("/")):
            path = f"{path}/{name}" if path else name
            if path not in known:
                known[path] = Part(name, path, [], [])
                here.parts.append(known[path])
            here = known[path]
            here.kernels.append(kernel)
        here.parts.append(Part("", path, [kernel], []))
    return root


def _gathered(part: Part, *, top: bool = False) -> Part:
    """A part whose only part is another one is that one under both names, and many parts are put together."""
    pending = [(part, top)]
    while pending:
        here, is_top = pending.pop()
        while len(here.parts) == 1 and here.parts[0].parts:
            only = here.parts[0]
            here.name = only.name if is_top or not here.name else f"{here.name}/{only.name}"
            here.path, here.parts = only.path, only.parts
        if len(here.parts) > MAX_BOXES:
            here.parts = _put_together(here)
        pending += [(one, False) for one in here.parts]
    return part


def _put_together(part: Part) -> list[Part]:
    """Runs of neighbours, so many that all levels which they take have as many boxes."""
    count, levels = len(part.parts), 2
    while MAX_BOXES**levels < count:
        levels += 1
    step = ceil(count ** ((levels - 1) / levels))
    groups = [part.parts[start : start + step] for start in range(0, count, step)]
    return [
        Part(_run_name(group, start * step), part.path, [kernel for one in group for kernel in one.kernels], group)
        if len(group) > 1
        else group[0]
        for start, group in enumerate(groups)
    ]


def _run_name(group: Sequence[Part], start: int) -> str:
    """The first and the last of a run, by their names where they have some."""
    first, last = group[0].name or str(start + 1), group[-1].name or str(start + len(group))
    return f"{first} – {last}"


def _between(
    edges: Iterable[tuple[int, int, int | None]], owner: Mapping[int, int]
) -> dict[tuple[int, int], int | None]:
    """Bytes between the parts of a view, and between them and outside (-1)."""
    found: dict[tuple[int, int], int | None] = {}
    for maker, reader, size in edges:
        pair = owner.get(maker, -1), owner.get(reader, -1)
        if pair[0] != pair[1]:
            known = found.get(pair, 0)
            found[pair] = None if known is None or size is None else known + size
    return found


def _positions(count: int, joined: Mapping[tuple[int, int], int | None]) -> list[tuple[int, int]]:
    """Left upper corner of each box."""
    before: list[list[int]] = [[] for _ in range(count)]
    after: list[list[int]] = [[] for _ in range(count)]
    for maker, reader in joined:
        # An edge to what stands before it in the file closes a circle of modules and lifts nothing.
        if 0 <= maker < reader:
            before[reader].append(maker)
            after[maker].append(reader)
    depth = [0] * count
    for box in range(count):
        depth[box] = max((depth[one] + 1 for one in before[box]), default=0)
    layers: list[list[int]] = [[] for _ in range(max(depth, default=-1) + 1)]
    for box in range(count):
        layers[depth[box]].append(box)
    _order(layers, before, after)
    rows = [layer[start : start + _WIDE] for layer in layers for start in range(0, len(layer), _WIDE)]
    columns = [rows[start : start + _LAYERS] for start in range(0, len(rows), _LAYERS)]
    spots = [(0, 0)] * count
    left = 0
    for column in columns:
        widest = max(len(row) for row in column)
        for level, row in enumerate(column):
            indent = (widest - len(row)) * (_WIDTH + _GAP_X) // 2
            for place, box in enumerate(row):
                spots[box] = (left + indent + place * (_WIDTH + _GAP_X), level * (_HEIGHT + _GAP_Y))
        left += widest * (_WIDTH + _GAP_X) - _GAP_X + _GAP_COLUMNS
    return spots


def _order(layers: list[list[int]], before: list[list[int]], after: list[list[int]]) -> None:
    """Boxes of each layer by the mean place of their neighbours, down and up again."""
    place = {box: float(n) for layer in layers for n, box in enumerate(layer)}

    def barycentre(box: int, around: list[list[int]]) -> float:
        return sum(place[one] for one in around[box]) / len(around[box]) if around[box] else place[box]

    for sweep in range(_SWEEPS):
        around = before if sweep % 2 == 0 else after
        for layer in layers if sweep % 2 == 0 else reversed(layers):
            layer.sort(key=lambda box, around=around: (barycentre(box, around), box))  # type: ignore[misc]
            place.update((box, float(n)) for n, box in enumerate(layer))
