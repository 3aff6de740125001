"""What an unbound dim is taken to be: from its use, then from its name, then from its place; each with its reason."""

import math
import re
from collections.abc import Iterable, Iterator, Mapping

from onnx_roofline.ir.graph import Dim, GraphInput, Model
from onnx_roofline.load.expressions import LARGEST_DIM
from onnx_roofline.load.names import shown
from onnx_roofline.load.uses import STATE_NAME, InputUses, Use

# The classes of dims and their sizes: the first is the assumption, the others are tried in turn where the model can't
# be valid with it. 224: ImageNet crops; 640 and 320: what detectors are published with (YOLO, SSDLite); lines of text
# are 48 or 32 high and 320 wide (PaddleOCR, CRNN); 128: the usual sequence in published BERT figures; 16000: one second
# of speech; 512: the chunk that voice detectors take at 16 kHz, 576 with its context; 1024 nodes with 4 edges each,
# as sparse as the usual graphs of citations.
SIZES: Mapping[str, tuple[int, ...]] = {
    "batch": (1,),
    "channels": (3, 1, 4, 2),
    "image": (224, 256, 320, 640, 32, 28, 384, 512, 299, 227, 48, 64, 96, 128, 160, 192, 336, 448, 416, 608, 518, 1024),
    "detector": (640, 320, 512, 416, 608, 384, 256, 224, 300, 1024, 1280),
    "line-height": (48, 32, 64, 60, 40, 24, 28, 96, 128, 100),
    "line": (320, 160, 100, 256, 128, 512, 192, 200, 64),
    "sequence": (128, 16, 64, 77, 256, 512, 1024, 32, 1),
    "past": (128, 16, 1),
    "frames": (100, 3000, 128, 76, 16, 32, 80, 64),
    "samples": (16000, 512, 576, 256, 1280, 1536, 48000, 160, 400),
    "chunk": (512, 576, 1536, 256, 1024, 1280, 160, 16000),
    "nodes": (1024, 2708, 128, 16),
    "edges": (4096, 10556, 512, 64),
    "features": (128, 64, 256, 512, 768, 80, 40, 16),
    "unknown": (1, 128, 16, 2, 4),
}
# Heights of a line of text.
_LINE_HEIGHTS = range(16, 65)
# Batches tried up to it, last of all.
_BATCHES = 65
# Channels of an image.
_FEW_CHANNELS = (1, 3, 4)

# The class of a dim by its name; the first expression that matches wins.
_NAMES = tuple(
    (re.compile(pattern, re.IGNORECASE), kind)
    for pattern, kind in (
        (r"past|cache|kv", "past"),
        (r"batch|^(n|b|bs|bsz)$|num_?samples$|^N\d*$", "batch"),
        (r"(?<![hlw])edge", "edges"),  # not the knowledge of a retriever
        (r"node|vertex|vertices|atom", "nodes"),
        (r"channel|^c$", "channels"),
        (r"height|width|^(h|w)$|image|pixel|(?<![a-z])res(olution)?(?![a-z])", "image"),
        (r"frame|^t$|time|mel", "frames"),
        (r"audio|sample|wav|signal", "samples"),
        (r"seq|len|token|text|word|char|max|prompt|context|residue", "sequence"),
        (r"feat|hidden|dim|embed", "features"),
    )
)
# Letters that stand for other axes where they are those of an image that an op reads.
_LETTERS = ("a", "b", "c", "d", "n")
# Names that exporters make up, which tell nothing.
_MADE_UP = re.compile(r"dynamic_?(dim(ension)?|axes)|^p2o|^unk_|^dim_?[0-9]+$|^s[0-9]+$|^[?_.0-9]+$", re.IGNORECASE)


def assume(
    key: str, graph_input: GraphInput, axis: int, rank: int, uses: InputUses, alternative: Mapping[str, int]
) -> Dim:
    """The assumed size of one axis of an input; `alternative` gives sizes by dim name or by class."""
    use = uses.axis(graph_input.name, axis, rank)
    if use is not None and use.size is not None and 0 <= use.size <= LARGEST_DIM:
        return Dim(use.size, "assumed", use.reason)
    kind, reason = _kind_of(key, graph_input, axis, rank, use)
    if kind in ("samples", "sequence") and _is_signal(graph_input, axis, rank) and uses.is_streaming:
        kind, reason = "chunk", f"{reason}, beside an input that carries state"
    if kind == "image":
        kind, reason = _image(graph_input, axis, rank, uses, reason)
    size = alternative.get(key, alternative.get(kind, SIZES[kind][0]))
    return Dim(size, "assumed", f"{kind}: {reason}")


def _image(graph_input: GraphInput, axis: int, rank: int, uses: InputUses, reason: str) -> tuple[str, str]:
    """What kind of image it is: of a detector, a line of text, or any."""
    symbols = graph_input.symbols or (None,) * rank
    height = next((place for place in range(1, rank) if uses.is_of(graph_input.name, place, rank, "image")), 2)
    if rank == 4 and height + 1 < rank:
        high = symbols[height]
        is_low = isinstance(high, int) and high in _LINE_HEIGHTS and not isinstance(symbols[height + 1], int)
        if uses.is_line_reader and not (isinstance(high, int) and not is_low):
            if axis == height:
                return "line-height", f"{reason}; the height of a line of text"
            return "line", f"{reason}; the width of a line of text"
        if is_low and not reason.startswith("axis "):
            return "line", f"{reason}; an image that is {high} high and has any width"
    if uses.is_detector:
        return "detector", f"{reason}; of a detector"
    return "image", reason


def _is_signal(graph_input: GraphInput, axis: int, rank: int) -> bool:
    return rank <= 2 and axis == rank - 1 and "float" in graph_input.type.dtype


def _kind_of(key: str, graph_input: GraphInput, axis: int, rank: int, use: Use | None) -> tuple[str, str]:
    name = "" if key == f"{graph_input.name}.{axis}" or _MADE_UP.search(key) else key
    named = next((kind for pattern, kind in _NAMES if name and pattern.search(name)), "")
    # What indexes rows is as long as a sequence, unless it is called what a graph has.
    is_of_graph = named in ("nodes", "edges")
    if use is not None and ((use.kind == "sequence" and not is_of_graph) or (use.kind == "image" and name in _LETTERS)):
        return use.kind, use.reason
    if named:
        return named, f"by its name {shown(name)}"
    if use is not None:
        return use.kind, use.reason
    if rank == 3 and axis == 1 and STATE_NAME.search(graph_input.name):
        return "batch", f"axis 1 of the state {shown(graph_input.name)}"
    is_integer = "int" in graph_input.type.dtype
    if axis == 0 and (rank > 1 or is_integer):
        return "batch", "the first axis"
    last = (graph_input.symbols or (None,))[-1]
    if rank == 4 and not is_integer and last in _FEW_CHANNELS and axis in (1, 2):
        return "image", f"axis {axis} of a rank-4 input whose last axis has {last} channels"
    if rank == 4:
        return ("channels", "axis 1 of a rank-4 input") if axis == 1 else ("image", f"axis {axis} of a rank-4 input")
    if rank in (2, 3) and axis == 1:
        return "sequence", f"axis 1 of a rank-{rank} {'integer' if is_integer else 'floating'} input"
    if rank == 3:
        return "features", "axis 2 of a rank-3 input"
    return "unknown", "nothing tells what it is"


def alternatives(model: Model) -> Iterator[Mapping[str, int]]:
    """Further assumptions to try for a model whose first ones contradict it, likely ones first; sizes by dim or class.

    Sizes that the graph hints at come first, then the usual ones for one class, for one dim, for two classes, and last
    a sweep over one class. Only what the model's assumptions used is varied.
    """
    keys: dict[str, list[str]] = {}
    for key, dim in model.dims.items():
        kind = dim.reason.partition(":")[0]
        if dim.origin == "assumed" and kind in SIZES:
            keys.setdefault(kind, []).append(key)
    uses = InputUses(model.graph)
    sizes = {kind: _sizes(kind, uses) for kind in keys}
    for kind in keys:
        yield from ({kind: size} for size in sizes[kind])
    for kind, members in keys.items():
        if len(members) > 1:
            yield from ({key: size} for key in members for size in sizes[kind])
    kinds = list(keys)
    for first, second in ((a, b) for i, a in enumerate(kinds) for b in kinds[i + 1 :]):
        yield from ({first: one, second: other} for one in sizes[first][:5] for other in sizes[second][:5])
    for kind in sorted(kinds, key=lambda kind: kind == "batch"):
        steps: Iterable[int] = range(1, 1025) if kind != "batch" else range(2, _BATCHES)
        if kind in ("image", "detector", "line"):
            steps = (*range(32, 1281, 32), *range(1, 1025))
        yield from ({kind: size} for size in steps)


def _sizes(kind: str, uses: InputUses) -> tuple[int, ...]:
    """Sizes of a class to try after the first: those that position tables hint at, then the usual ones."""
    hints: dict[int, None] = {}
    for count in uses.positions:
        if kind in ("sequence", "frames"):
            hints.update({count: None, count - 1: None})
        if kind in ("image", "detector"):
            # One position a patch, after none, one or two tokens that stand for no patch.
            sides = [math.isqrt(count - extra) for extra in range(3) if math.isqrt(count - extra) ** 2 == count - extra]
            hints.update({patch * side: None for side in sides if side for patch in uses.patches})
    return tuple(size for size in dict.fromkeys((*hints, *SIZES[kind][1:])) if size <= LARGEST_DIM)
