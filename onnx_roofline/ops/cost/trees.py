"""Tree ensembles of ai.onnx.ml. A row takes one path in each tree: as long as the tree is deep at most."""

from collections import Counter
from collections.abc import Iterable, Mapping

from msgspec import Struct

from onnx_roofline.base.errors import NotModelledError
from onnx_roofline.base.units import dmax, product
from onnx_roofline.ir.records import Counts, Work
from onnx_roofline.ops.cost.ai_onnx_ml import DOMAIN, class_count, post_transform, rows_and_features
from onnx_roofline.ops.cost.registry import rule, work
from onnx_roofline.ops.view import OpView

Node = tuple[int, int]
# The children of a node that compares; None is a leaf.
Children = Mapping[Node, tuple[Node | None, Node | None]]


class _Forest(Struct, frozen=True):
    """Sums over all trees: of the depths, of ceil(log2 leaves), and of the most weights that one leaf adds."""

    trees: int
    depths: int
    expected: int
    weights: int


def depth_and_leaves(children: Children, root: Node) -> tuple[int, int]:
    """(comparisons of the longest path, leaves) of one tree.

    Raises NotModelledError for nodes that lead back to themselves.

    >>> depth_and_leaves({(0, 0): ((0, 1), None), (0, 1): (None, None)}, (0, 0))
    (2, 3)
    """
    deepest = leaves = visited = 0
    pending: list[tuple[Node | None, int]] = [(root, 0)]
    while pending:
        node, depth = pending.pop()
        if node is None or node not in children:
            deepest, leaves = max(deepest, depth), leaves + 1
            continue
        visited += 1
        if visited > len(children):
            raise NotModelledError("the nodes of a tree form a circle")
        pending += [(child, depth + 1) for child in children[node]]
    return deepest, leaves


def _forest(children: Children, roots: Iterable[Node], weights: int) -> _Forest:
    measured = [depth_and_leaves(children, root) for root in roots]
    expected = sum(dmax(0, leaves - 1).bit_length() for _, leaves in measured)
    return _Forest(len(measured), sum(depth for depth, _ in measured), expected, weights)


def _listed_forest(op: OpView, prefix: str) -> _Forest:
    """Nodes as parallel lists with a mode each; `prefix` is that of the leaves' weights: class or target."""
    trees, nodes = op.ints_attr("nodes_treeids"), op.ints_attr("nodes_nodeids")
    on_true, on_false = op.ints_attr("nodes_truenodeids"), op.ints_attr("nodes_falsenodeids")
    modes = op.list_attr("nodes_modes")
    if not len(trees) == len(nodes) == len(on_true) == len(on_false) == len(modes):
        raise NotModelledError("the lists of the nodes differ in length")
    children: dict[Node, tuple[Node | None, Node | None]] = {}
    roots: dict[Node, None] = dict.fromkeys(zip(trees, nodes, strict=True))
    for tree, node, yes, no, mode in zip(trees, nodes, on_true, on_false, modes, strict=True):
        if mode != "LEAF":
            children[tree, node] = ((tree, yes), (tree, no))
            roots.pop((tree, yes), None)
            roots.pop((tree, no), None)
    heaviest: dict[int, int] = {}
    votes = Counter(zip(op.ints_attr(f"{prefix}_treeids"), op.ints_attr(f"{prefix}_nodeids"), strict=True))
    for (tree, _), count in votes.items():
        heaviest[tree] = max(heaviest.get(tree, 0), count)
    return _forest(children, roots, sum(heaviest.values()))


def _work(op: OpView, forest: _Forest, scores: int, aggregate: str, extra: Counts) -> Work:
    rows, _ = rows_and_features(op)
    if aggregate in ("MIN", "MAX"):
        combined = Counts(compares=rows * forest.weights)
    else:
        combined = Counts(adds=rows * forest.weights, divs=rows * scores if aggregate == "AVERAGE" else 0)
    counts = Counts(compares=rows * forest.depths) + combined + extra + post_transform(op, rows, scores)
    note = f"at most {rows * forest.depths} comparisons, {rows * forest.expected} if the trees are balanced"
    return work(op, counts, dtype="float32" if op.x.dtype != "float64" else "float64", status="bounded", note=note)


def _base_values(op: OpView, rows: int) -> int:
    """Additions of the base values, one for each that is given."""
    if "base_values_as_tensor" in op.attributes:
        return rows * (op.tensor_attr("base_values_as_tensor").type.elements or 0)
    return rows * len(op.list_attr("base_values"))


@rule("TreeEnsembleClassifier", domain=DOMAIN)
def tree_ensemble_classifier(op: OpView) -> Work:
    """compares: N x sum of the depths + adds: N x weights of the leaves + compares: N (classes - 1) + the transform.

    Each row takes one path in each tree: bounded by its depth, about log2(leaves) in a balanced tree. The trees are
    attributes. Source: ONNX-ML TreeEnsembleClassifier-3.
    """
    rows, _ = rows_and_features(op)
    classes = class_count(op)
    extra = Counts(adds=_base_values(op, rows), compares=rows * dmax(1, classes - 1))
    return _work(op, _listed_forest(op, "class"), classes, "SUM", extra)


@rule("TreeEnsembleRegressor", domain=DOMAIN)
def tree_ensemble_regressor(op: OpView) -> Work:
    """compares: N x sum of the depths + adds: N x weights of the leaves (MIN, MAX: compares) + the transform.

    AVERAGE: divs: N x targets. Bounded by the depth of each tree. Source: ONNX-ML TreeEnsembleRegressor-3.
    """
    rows, _ = rows_and_features(op)
    extra, aggregate = Counts(adds=_base_values(op, rows)), op.str_attr("aggregate_function", "SUM")
    return _work(op, _listed_forest(op, "target"), op.int_attr("n_targets", 1), aggregate, extra)


@rule("TreeEnsemble", domain=DOMAIN)
def tree_ensemble(op: OpView) -> Work:
    """compares: N x sum of the depths + adds: N x trees (MIN, MAX: compares) + the transform; AVERAGE: divs.

    Nodes and leaves are listed apart; a leaf has one weight. Bounded by the depth of each tree.
    Source: ONNX-ML TreeEnsemble-5.
    """
    on_true, on_false = op.ints_attr("nodes_truenodeids"), op.ints_attr("nodes_falsenodeids")
    true_leafs, false_leafs = op.ints_attr("nodes_trueleafs"), op.ints_attr("nodes_falseleafs")
    columns = zip(on_true, true_leafs, on_false, false_leafs, strict=True)
    children: dict[Node, tuple[Node | None, Node | None]] = {
        (0, node): (None if yes_leaf else (0, yes), None if no_leaf else (0, no))
        for node, (yes, yes_leaf, no, no_leaf) in enumerate(columns)
    }
    roots = op.ints_attr("tree_roots")
    forest = _forest(children, [(0, root) for root in roots], len(roots))
    targets = op.int_attr("n_targets", product(op.out.shape[1:]))
    aggregate = ("AVERAGE", "SUM", "MIN", "MAX")[op.int_attr("aggregate_function", 1)]
    return _work(op, forest, targets, aggregate, Counts())
