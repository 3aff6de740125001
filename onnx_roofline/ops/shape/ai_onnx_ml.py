"""Types of the ai.onnx.ml ops that the onnx library does not infer: [N, C] or [C] in, one row of figures per sample."""

from collections.abc import Sequence

from onnx_roofline.ir.graph import TensorType
from onnx_roofline.ops.shape.registry import completion
from onnx_roofline.ops.view import OpView

Types = Sequence[TensorType]
ML = "ai.onnx.ml"


def _rows(op: OpView) -> int:
    return op.x.shape[0] if op.x.rank > 1 else 1


@completion("Normalizer", "Scaler", domain=ML)
def scaled(op: OpView) -> Types:
    """The input's shape, always in float32. Source: ai.onnx.ml Normalizer-1, Scaler-1."""
    return (TensorType("float32", op.x.shape, op.x.type.exact),)


@completion("Imputer", domain=ML)
def imputer(op: OpView) -> Types:
    """As the input. Source: ai.onnx.ml Imputer-1."""
    return (op.x.type,)


@completion("FeatureVectorizer", domain=ML)
def feature_vectorizer(op: OpView) -> Types:
    """[N, sum of the stated widths]. Source: ai.onnx.ml FeatureVectorizer-1."""
    widths = op.ints_attr("inputdimensions")
    return (TensorType("float32", (_rows(op), sum(widths)), op.x.type.exact),)


@completion("LinearRegressor", "SVMRegressor", "TreeEnsembleRegressor", domain=ML)
def regressor(op: OpView) -> Types:
    """[N, targets]; a support vector machine has one. Source: ai.onnx.ml LinearRegressor-1, TreeEnsembleRegressor-3."""
    targets = op.int_attr("n_targets" if op.op_type == "TreeEnsembleRegressor" else "targets", 1)
    return (TensorType("float32", (_rows(op), targets), op.x.type.exact),)


@completion("TreeEnsembleClassifier", domain=ML)
def tree_ensemble_classifier(op: OpView) -> Types:
    """The labels [N] and the scores [N, classes]. Source: ai.onnx.ml TreeEnsembleClassifier-3."""
    names, numbers = op.list_attr("classlabels_strings"), op.list_attr("classlabels_int64s")
    classes = len(names) or len(numbers)
    label = "string" if len(names) else "int64"
    is_exact = op.x.type.exact
    return TensorType(label, (_rows(op),), is_exact), TensorType("float32", (_rows(op), classes), is_exact)
