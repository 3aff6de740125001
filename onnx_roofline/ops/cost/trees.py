"""Tree ensembles of ai.onnx.ml. A row takes one path in each tree: as long as the tree is deep at most."""

from typing import TYPE_CHECKING

from msgspec.structs import replace

from onnx_roofline.base.errors import NotModelledError
from onnx_roofline.base.units import dmax, product
from onnx_roofline.ir.graph import LongList
from onnx_roofline.ir.records import Counts, Work
from onnx_roofline.ops.cost.ai_onnx_ml import DOMAIN, class_count, post_transform, rows_and_features
from onnx_roofline.ops.cost.forest import Forest, listed, measured, most_weights
from onnx_roofline.ops.cost.registry import rule, work
from onnx_roofline.ops.view import OpView

if TYPE_CHECKING:
    from onnx_roofline.ops.cost.forest import Flags


def _listed_forest(op: OpView, prefix: str) -> Forest:
    """Nodes as parallel lists with a mode each; `prefix` is that of the leaves' weights: class or target."""
    columns = ("nodes_treeids", "nodes_nodeids", "nodes_truenodeids", "nodes_falsenodeids")
    trees, nodes, on_true, on_false = (op.array_attr(name) for name in columns)
    weights = most_weights(op.array_attr(f"{prefix}_treeids"), op.array_attr(f"{prefix}_nodeids"))
    return replace(listed(trees, nodes, on_true, on_false, _is_leaf(op)), weights=weights)


def _is_leaf(op: OpView) -> "Flags":
    """Which of the listed nodes compare nothing."""
    import numpy as np

    modes = op.list_attr("nodes_modes")
    if not isinstance(modes, LongList):
        return np.array([mode == "LEAF" for mode in modes], np.bool_)
    if modes.numbers is None or not modes.texts:
        raise NotModelledError("the modes of the nodes are none that ONNX defines")
    return np.equal(modes.numbers, modes.texts.index("LEAF") if "LEAF" in modes.texts else -1)


def _work(op: OpView, forest: Forest, scores: int, aggregate: str, extra: Counts) -> Work:
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
    import numpy as np

    sides = [
        np.where(op.array_attr(f"nodes_{side}leafs") != 0, -1, op.array_attr(f"nodes_{side}nodeids"))
        for side in ("true", "false")
    ]
    roots = op.array_attr("tree_roots")
    forest = replace(measured(sides[0], sides[1], roots), weights=len(roots))
    targets = op.int_attr("n_targets", product(op.out.shape[1:]))
    aggregate = ("AVERAGE", "SUM", "MIN", "MAX")[op.int_attr("aggregate_function", 1)]
    return _work(op, forest, targets, aggregate, Counts())
