"""Labels of a picture: names from a model as text that no renderer acts on, and one label for several ops."""

import re
from collections import Counter
from collections.abc import Sequence

from onnx_roofline.report.fold import fold_names
from onnx_roofline.report.plot.marks import Spot

MAX_LABEL_CHARACTERS = 40


def clean_label(text: str, limit: int = MAX_LABEL_CHARACTERS) -> str:
    r"""The text on one line: control, bidi and other unprintable characters escaped, the middle of a long one left out.

    >>> clean_label("a\x00\u202eb"), clean_label("/model/layers.0/q_proj/MatMul", 16), clean_label("")
    ('a\\x00\\u202eb', '/model/…j/MatMul', '(unnamed)')
    """
    # More than twice the limit can't matter, and an op's name may be megabytes long.
    ends = text if len(text) <= 2 * limit else text[:limit] + text[-limit:]
    pieces = [c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in ends]
    if len(text) <= 2 * limit and sum(map(len, pieces)) <= limit:
        return "".join(pieces) or "(unnamed)"
    head, tail, room = "", "", limit - 1
    while room and pieces:
        piece = pieces.pop(0 if len(head) < len(tail) else -1)
        if len(piece) > room:
            break
        head, tail = (head + piece, tail) if len(head) < len(tail) else (head, piece + tail)
        room -= len(piece)
    return f"{head}…{tail}"


def merged_label(labels: Sequence[str]) -> str:
    """One label for ops at one spot: their kinds, in the order given, and how many of each.

    >>> merged_label(["/l.0/MatMul", "/l.1/MatMul_1", "/l.1/Add"]), merged_label(["/l.0/MatMul"])
    ('2 × MatMul, Add', '/l.0/MatMul')
    """
    if len(labels) == 1:
        return clean_label(labels[0])
    kinds: dict[str, int] = {}
    for label in labels:
        last = re.split(r"[/:]", label[-2 * MAX_LABEL_CHARACTERS :])[-1]
        kind = re.sub(r"_\d+$", "", last) or last or label
        kinds[kind] = kinds.get(kind, 0) + 1
    parts = [(f"{count} × " if count > 1 else "") + clean_label(kind, 30) for kind, count in kinds.items()]
    shown = parts[:1]
    for part in parts[1:]:
        if len(", ".join([*shown, part])) > MAX_LABEL_CHARACTERS - len(" + 9999 kinds"):
            rest = len(parts) - len(shown)
            return f"{', '.join(shown)} + {rest} kind{'s' if rest > 1 else ''}"
        shown.append(part)
    return ", ".join(shown)


def layer_label(modules: Sequence[str], kinds: Sequence[str]) -> str:
    """Where the kernels at one spot stand, and how many they are; their kinds where that is nowhere in common.

    >>> layer_label([f"model/layers.{n}/mlp/up_proj" for n in range(8)], ["MatMul"] * 8)
    'layers.0..7/mlp/up_proj × 8'
    >>> layer_label(["a/norm", "b/c/proj"], ["Add", "MatMul"]), layer_label(["", ""], ["Add", "Add"])
    ('Add, MatMul', '2 × Add')
    """
    name = fold_names(modules)
    if not all(modules) or name.startswith(("...", "{")):
        return merged_label(kinds)
    times = f" × {len(kinds)}" if len(kinds) > 1 else ""
    parts = clean_label(name, 4 * MAX_LABEL_CHARACTERS).split("/")
    shown = parts[-1]
    for part in reversed(parts[:-1][-2:]):
        if len(part) + 1 + len(shown) + len(times) > MAX_LABEL_CHARACTERS:
            break
        shown = f"{part}/{shown}"
    return clean_label(shown, MAX_LABEL_CHARACTERS - len(times)) + times


def spot_labels(spots: Sequence[Spot]) -> list[str]:
    """A label for each spot: its layers; where several have the same ones, with the kind of kernel, then with an id."""
    kinds = [[point.label for point in spot.points] for spot in spots]
    modules = [[point.module for point in spot.points] for spot in spots]
    labels = [layer_label(names, kind) for names, kind in zip(modules, kinds, strict=True)]
    times = Counter(labels)
    labels = [
        f"{text} {clean_label(kind[0], 20)}"
        if times[text] > 1 and len(set(kind)) == 1 and kind[0] and all(names)
        else text
        for text, kind, names in zip(labels, kinds, modules, strict=True)
    ]
    times = Counter(labels)
    ids = [spot.points[0].id for spot in spots]
    return [
        f"{text}, {clean_label(key, MAX_LABEL_CHARACTERS // 2)}" if times[text] > 1 and key else text
        for text, key in zip(labels, ids, strict=True)
    ]
