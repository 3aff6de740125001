"""The depths of decision trees that are given as parallel lists, for millions of nodes at once."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from msgspec import Struct

from onnx_roofline.base.errors import NotModelledError

if TYPE_CHECKING:
    import numpy as np

    Ints = np.ndarray[tuple[int, ...], np.dtype[np.integer]]
    Flags = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]

# Nodes measured together: the working set of a piece stays in the cache.
_PIECE_NODES = 1 << 18
_CIRCLE = "the nodes of a tree form a circle"


class Forest(Struct, frozen=True):
    """Sums over all trees: of the depths, of ceil(log2 leaves), and of the most weights that one leaf adds."""

    trees: int = 0
    depths: int = 0
    expected: int = 0
    weights: int = 0

    def __add__(self, other: "Forest") -> "Forest":
        """Both forests."""
        return Forest(
            self.trees + other.trees,
            self.depths + other.depths,
            self.expected + other.expected,
            self.weights + other.weights,
        )


def measured(on_true: "Ints", on_false: "Ints", roots: "Ints") -> Forest:
    """Depths of the trees below `roots`. A node is a place in `on_true` and `on_false`, which hold the places of its
    children; a place that does not exist is a leaf. Branches may share a node.

    Raises NotModelledError for nodes that lead back to themselves.

    >>> import numpy as np
    >>> measured(np.array([1, -1]), np.array([-1, -1]), np.array([0]))  # three leaves, two comparisons at most
    Forest(trees=1, depths=2, expected=2, weights=0)
    """
    import numpy as np

    nodes = len(on_true)
    on_true, on_false = (np.where((side >= 0) & (side < nodes), side, -1) for side in (on_true, on_false))
    roots = np.where((roots >= 0) & (roots < nodes), roots, -1)
    inner = roots[roots >= 0]
    parents = np.zeros(nodes, np.int32)
    for side in (on_true, on_false):
        parents += np.bincount(side[side >= 0], minlength=nodes).astype(np.int32)
    if np.any(parents > 1) or np.any(parents[inner] > 0) or len(np.unique(inner)) < len(inner):
        depths = _shared_depths(on_true, on_false, inner)
        return Forest(len(roots), sum(depths), sum(depths))
    top, depth = _levels(on_true, on_false)
    deepest = np.zeros(nodes, np.int64)
    np.maximum.at(deepest, top, depth + 1)
    leaves = np.bincount(top, (on_true < 0).astype(np.int64) + (on_false < 0), minlength=nodes)[inner]
    # ceil(log2 n) is the bit length of n - 1; trees of one size are many.
    sizes = zip(*(part.tolist() for part in np.unique(leaves, return_counts=True)), strict=True)
    expected = sum((int(size) - 1).bit_length() * times for size, times in sizes)
    return Forest(len(roots), int(deepest[inner].sum()), expected)


def _levels(on_true: "Ints", on_false: "Ints") -> "tuple[Ints, Ints]":
    """The top of each node's tree and how far it lies above, where no node has two parents: pointers jump, and each
    round doubles how far.
    """
    import numpy as np

    nodes = len(on_true)
    above = np.arange(nodes, dtype=np.int32)
    for side in (on_true, on_false):
        below = np.flatnonzero(side >= 0)
        above[side[below]] = below
        if np.any(side[below] == below):
            raise NotModelledError(_CIRCLE)
    steps = (above != np.arange(nodes)).astype(np.int32)
    moving = np.flatnonzero(steps)
    for _ in range(nodes.bit_length() + 1):
        nearer = above[moving]
        farther = above[nearer]
        more = steps[nearer]
        steps[moving] += more
        above[moving] = farther
        moving = moving[more > 0]
        if not len(moving):
            return above, steps
    raise NotModelledError(_CIRCLE)


def _shared_depths(on_true: "Ints", on_false: "Ints", roots: "Ints") -> list[int]:
    """Comparisons of the longest path from each root, where branches share nodes."""
    children = list(zip(on_true.tolist(), on_false.tolist(), strict=True))
    depths: dict[int, int] = {-1: 0}
    for root in roots.tolist():
        pending, open_ = [root], {root}
        while pending:
            node = pending[-1]
            missing = [child for child in children[node] if child not in depths]
            if node in depths or not missing:
                depths.setdefault(node, 1 + max(depths[child] for child in children[node]))
                open_.discard(pending.pop())
                continue
            if not open_.isdisjoint(missing):
                raise NotModelledError(_CIRCLE)
            pending += missing[:1]
            open_.add(missing[0])
    return [depths[root] for root in roots.tolist()]


def listed(trees: "Ints", nodes: "Ints", on_true: "Ints", on_false: "Ints", is_leaf: "Flags") -> Forest:
    """Depths of the trees whose nodes are listed with the numbers of tree, node and children.

    Raises NotModelledError for lists that differ in length, a node that is listed twice, and circles.
    """
    if len({len(column) for column in (trees, nodes, on_true, on_false, is_leaf)}) > 1:
        raise NotModelledError("the lists of the nodes differ in length")
    found = Forest()
    for piece in _pieces(trees):
        found += _listed_piece(trees[piece], nodes[piece], on_true[piece], on_false[piece], is_leaf[piece])
    return found


def _pieces(trees: "Ints") -> Iterator[slice]:
    """Slices of whole trees; everything at once where the trees are not in order."""
    import numpy as np

    total = len(trees)
    if total <= _PIECE_NODES or np.any(trees[1:] < trees[:-1]):
        yield slice(0, total)
        return
    first = 0
    while first < total:
        last = min(first + _PIECE_NODES, total) - 1
        behind = int(np.searchsorted(trees, trees[last], side="right"))
        yield slice(first, behind)
        first = behind


def _listed_piece(trees: "Ints", nodes: "Ints", on_true: "Ints", on_false: "Ints", is_leaf: "Flags") -> Forest:
    import numpy as np

    total = len(trees)
    if not total:
        return Forest()
    starts = np.flatnonzero(np.append(True, trees[1:] != trees[:-1]))
    sizes = np.diff(starts, append=total)
    first = np.repeat(starts, sizes)
    inner = np.flatnonzero(~is_leaf)
    if len(np.unique(trees[starts])) == len(starts) and np.array_equal(nodes, np.arange(total) - first):
        # As the standard wants it: the numbers of a tree's nodes begin at 0 and have no gap.
        size = np.repeat(sizes, sizes)[inner]
        sides = [
            np.where((side >= 0) & (side < size), first[inner] + side, -1)
            for side in (on_true[inner].astype(np.int64), on_false[inner].astype(np.int64))
        ]
    else:
        sides = _looked_up(trees, nodes, inner, (on_true, on_false))
    is_root = np.ones(total, np.bool_)
    for side in sides:
        is_root[side[side >= 0]] = False
    place = np.full(total, -1)
    place[inner] = np.arange(len(inner))
    below = [np.where(side >= 0, place[side], -1) for side in sides]
    return measured(below[0], below[1], place[is_root])


def _looked_up(trees: "Ints", nodes: "Ints", inner: "Ints", sides: "tuple[Ints, Ints]") -> "list[Ints]":
    """Places of the children of the inner nodes among all nodes, -1 where a child is not listed."""
    import numpy as np

    names, rank = np.unique(nodes, return_inverse=True)
    keys = np.unique(trees, return_inverse=True)[1] * len(names) + rank
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    if np.any(keys[1:] == keys[:-1]):
        raise NotModelledError("a node of a tree is listed twice")
    tree_of = np.unique(trees, return_inverse=True)[1][inner]
    found = []
    for side in sides:
        child = side[inner].astype(np.int64)
        at = np.minimum(np.searchsorted(names, child), len(names) - 1)
        wanted = tree_of * len(names) + at
        position = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        found.append(np.where((names[at] == child) & (keys[position] == wanted), order[position], -1))
    return found


def most_weights(trees: "Ints", nodes: "Ints") -> int:
    """Sum over all trees of the most weights that one leaf adds; `trees`, `nodes`: the leaf of each weight."""
    import numpy as np

    if len(trees) != len(nodes):
        raise NotModelledError("the lists of the weights differ in length")
    total = 0
    for piece in _pieces(trees):
        tree, leaf = trees[piece], nodes[piece]
        if not len(tree):
            continue
        is_new = tree[1:] != tree[:-1]
        if np.any(tree[1:] < tree[:-1]) or np.any((leaf[1:] < leaf[:-1]) & ~is_new):
            order = np.lexsort((leaf, tree))
            tree, leaf = tree[order], leaf[order]
            is_new = tree[1:] != tree[:-1]
        starts = np.flatnonzero(np.append(True, is_new | (leaf[1:] != leaf[:-1])))
        first = np.flatnonzero(np.append(True, tree[starts[1:]] != tree[starts[:-1]]))
        total += int(np.maximum.reduceat(np.diff(starts, append=len(tree)), first).sum())
    return total
