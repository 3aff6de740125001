"""Depths of tree ensembles: against a walk along every path, and in the layouts that exporters write."""

import random
from collections.abc import Sequence

import numpy as np
import pytest

from onnx_roofline.base.errors import NotModelledError
from onnx_roofline.ops.cost import forest
from onnx_roofline.ops.cost.forest import Forest, listed, measured, most_weights

# (tree, node, true, false, is leaf)
Row = tuple[int, int, int, int, bool]


def ints(values: Sequence[int]) -> np.ndarray:
    return np.array(values, np.int64)


def forest_of(rows: Sequence[Row]) -> Forest:
    columns = list(zip(*rows, strict=True))
    return listed(*(ints(column) for column in columns[:4]), np.array(columns[4], np.bool_))


def random_tree(tree: int, inner: int, names: Sequence[int], chance: random.Random) -> list[Row]:
    """A tree that grows at random leaves; node i of it is called names[i]."""
    children: dict[int, tuple[int, int]] = {}
    leaves, count = [0], 1
    for _ in range(inner):
        node = leaves.pop(chance.randrange(len(leaves)))
        children[node] = (count, count + 1)
        leaves += [count, count + 1]
        count += 2
    return [
        (
            tree,
            names[i],
            *((names[children[i][0]], names[children[i][1]]) if i in children else (0, 0)),
            i not in children,
        )
        for i in range(count)
    ]


def walked(rows: Sequence[Row]) -> Forest:
    """The same by following every path."""
    nodes = {(tree, node): (yes, no, leaf) for tree, node, yes, no, leaf in rows}
    named = {(t, child) for (t, _), (yes, no, leaf) in nodes.items() if not leaf for child in (yes, no)}
    depths = expected = trees = 0
    for root in nodes:
        if root in named:
            continue
        pending, deepest, leaves = [(root, 0)], 0, 0
        while pending:
            node, depth = pending.pop()
            if node not in nodes or nodes[node][2]:
                deepest, leaves = max(deepest, depth), leaves + 1
                continue
            pending += [((node[0], child), depth + 1) for child in nodes[node][:2]]
        trees, depths, expected = trees + 1, depths + deepest, expected + (leaves - 1).bit_length()
    return Forest(trees, depths, expected)


@pytest.mark.parametrize("layout", ["in order", "gaps", "shuffled", "one node trees"])
@pytest.mark.parametrize("piece_nodes", [1 << 18, 20])
def test_random_forests(monkeypatch: pytest.MonkeyPatch, layout: str, piece_nodes: int) -> None:
    monkeypatch.setattr(forest, "_PIECE_NODES", piece_nodes)
    chance = random.Random(layout)
    for _ in range(30):
        rows: list[Row] = []
        for tree in range(chance.randrange(1, 6)):
            inner = 0 if layout == "one node trees" else chance.randrange(0, 40)
            names = list(range(2 * inner + 1))
            if layout != "in order":
                names = chance.sample(range(1000), 2 * inner + 1)
            rows += random_tree(3 * tree, inner, names, chance)
        if layout == "shuffled":
            chance.shuffle(rows)
        assert forest_of(rows) == walked(rows)


def test_chain_and_balanced_tree() -> None:
    chain = [(0, i, i + 1, 1000 + i, False) for i in range(999)] + [(0, 999, 0, 0, True)]
    assert forest_of(chain) == Forest(1, 999, 10)  # 1,000 leaves, of which 999 are not listed
    balanced = [(0, i, 2 * i + 1, 2 * i + 2, False) for i in range(7)] + [(0, i, 0, 0, True) for i in range(7, 15)]
    assert forest_of(balanced) == Forest(1, 3, 3)


def test_branches_that_share_a_node() -> None:
    """0 -> 3 or 1, 1 -> 3 or 2, 2 -> 3 or a leaf, 3 -> two leaves: 0, 1, 2, 3 is the longest path."""
    rows = [(0, 0, 3, 1, False), (0, 1, 3, 2, False), (0, 2, 3, 6, False), (0, 3, 4, 5, False)]
    rows += [(0, node, 0, 0, True) for node in (4, 5, 6)]
    assert forest_of(rows).depths == 4
    # both branches of each node lead to the next one: 2**60 paths of length 60
    ladder = [(0, i, i + 1, i + 1, False) for i in range(60)] + [(0, 60, 0, 0, True)]
    assert forest_of(ladder).depths == 60
    two = rows + [(1, node, yes, no, leaf) for _, node, yes, no, leaf in ladder]
    assert (forest_of(two).trees, forest_of(two).depths) == (2, 64)


@pytest.mark.parametrize(
    "rows",
    [
        [(0, 0, 1, 3, False), (0, 1, 2, 3, False), (0, 2, 1, 3, False), (0, 3, 0, 0, True)],  # behind the root
        [(0, 0, 1, 1, False), (0, 1, 2, 2, False), (0, 2, 1, 1, False)],
        [(0, 0, 1, 2, False), (0, 1, 0, 2, False), (0, 2, 0, 0, True)],  # through the root: the tree has none
        [(0, 0, 0, 1, False), (0, 1, 0, 0, True)],
    ],
)
def test_circles_are_not_modelled(rows: list[Row]) -> None:
    with pytest.raises(NotModelledError, match="form a circle"):
        forest_of(rows)


def test_lists_that_do_not_fit() -> None:
    with pytest.raises(NotModelledError, match="differ in length"):
        listed(ints([0, 0]), ints([0]), ints([0]), ints([0]), np.array([True]))
    with pytest.raises(NotModelledError, match="listed twice"):
        forest_of([(0, 5, 0, 0, True), (0, 5, 0, 0, True)])
    with pytest.raises(NotModelledError, match="differ in length"):
        most_weights(ints([0]), ints([]))


def test_no_trees() -> None:
    empty = ints([])
    assert listed(empty, empty, empty, empty, np.array([], np.bool_)) == Forest()
    assert measured(empty, empty, empty) == Forest()
    assert most_weights(empty, empty) == 0


def test_roots_by_number() -> None:
    # node 0: leaf or node 1, node 1: two leaves; node 2: two leaves; a root that is no node is a leaf
    on_true, on_false = ints([-1, -1, -1]), ints([1, -1, -1])
    assert measured(on_true, on_false, ints([0, 2])) == Forest(2, 3, 3)
    assert measured(on_true, on_false, ints([0, 9])) == Forest(2, 2, 2)
    # a root below another root
    assert measured(on_true, on_false, ints([0, 1])).depths == 3


def test_most_weights_of_a_leaf() -> None:
    # tree 0: leaf 1 has two weights, leaf 2 one; tree 1: three for leaf 4, in pieces
    assert most_weights(ints([0, 0, 0, 1, 1, 1, 1]), ints([1, 1, 2, 4, 5, 4, 4])) == 2 + 3
    assert most_weights(ints([1, 0, 1, 0]), ints([4, 1, 4, 2])) == 2 + 1
