"""Types of the ai.onnx.ml ops that the onnx library does not infer: [N, C] or [C] in, one row of figures per sample."""

from collections.abc import Callable, Sequence

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


def _labels_and_scores(op: OpView, numbers: str, scores: Callable[[int], int]) -> Types:
    """The labels [N], whose names are strings or the integers of an attribute, and so many scores for each row."""
    names = op.list_attr("classlabels_strings")
    classes = len(names) or len(op.list_attr(numbers))
    is_exact = op.x.type.exact
    label = TensorType("string" if len(names) else "int64", (_rows(op),), is_exact)
    return label, TensorType("float32", (_rows(op), scores(classes)), is_exact)


@completion("TreeEnsembleClassifier", domain=ML)
def tree_ensemble_classifier(op: OpView) -> Types:
    """The labels [N] and the scores [N, classes]. Source: ai.onnx.ml TreeEnsembleClassifier-3."""
    return _labels_and_scores(op, "classlabels_int64s", lambda classes: classes)


@completion("SVMClassifier", domain=ML)
def svm_classifier(op: OpView) -> Types:
    """The labels [N]; a probability or a linear score [N, C] for each class, else one for each pair of classes.

    Two classes have two scores all the same. Source: ai.onnx.ml SVMClassifier-1; onnxruntime, svmclassifier.cc.
    """
    is_paired = sum(op.ints_attr("vectors_per_class")) > 0 and not op.list_attr("prob_a")
    return _labels_and_scores(
        op, "classlabels_ints", lambda classes: classes * (classes - 1) // 2 if is_paired and classes > 2 else classes
    )


@completion("ArrayFeatureExtractor", domain=ML)
def array_feature_extractor(op: OpView) -> Types:
    """[..., indices], a list as one row. Source: ai.onnx.ml ArrayFeatureExtractor-1."""
    kept = op.x.shape[:-1] if op.x.rank > 1 else (1,)
    return (TensorType(op.x.dtype, (*kept, op.input(1).elements), op.x.type.exact and op.input(1).type.exact),)


@completion("LabelEncoder", domain=ML)
def label_encoder(op: OpView) -> Types:
    """As the input, names for numbers and numbers for names in the first version. Source: ai.onnx.ml LabelEncoder-1."""
    return (TensorType("int64" if op.x.dtype == "string" else "string", op.x.shape, op.x.type.exact),)
