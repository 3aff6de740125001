"""Paths of modules, `encoder/layer.0/attention`, cut to some levels."""

from collections.abc import Iterable
from itertools import takewhile


def shared_root(paths: Iterable[str]) -> str:
    """The path of the modules around all that have one: what a converter wraps a model in, below which it branches.

    >>> shared_root(["StatefulPartitionedCall/model/conv", "", "StatefulPartitionedCall/model/dense/MatMul"])
    'StatefulPartitionedCall/model'
    >>> shared_root(["encoder/layer.0", "head"]), shared_root(["model/conv", "model"]), shared_root(["a/b"])
    ('', 'model', 'a')
    """
    named = [path.split("/") for path in set(paths) if path]
    if not named:
        return ""
    # What the first and the last in order share, all between them share.
    pairs = zip(min(named), max(named)[: -1 if len(named) == 1 else None], strict=False)
    return "/".join(one for one, other in takewhile(lambda pair: pair[0] == pair[1], pairs))


def cut_path(path: str, levels: int, root: str = "") -> str:
    """The path with so many levels, of which `root` is one; 0 leaves it whole.

    >>> cut_path("encoder/layer.0/attention", 2), cut_path("call/model/conv/MatMul", 2, "call/model")
    ('encoder/layer.0', 'call/model/conv')
    """
    if levels <= 0:
        return path
    inside = bool(root) and f"{path}/".startswith(f"{root}/")
    return "/".join(path.split("/")[: levels + (root.count("/") if inside else 0)])
