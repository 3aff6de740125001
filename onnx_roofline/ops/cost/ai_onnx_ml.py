"""ai.onnx.ml: scalers, encoders, linear models and support vectors. X [N, F]: N rows of F features."""

from onnx_roofline.base.units import dmax, dmin
from onnx_roofline.ir.records import Contraction, Counts, Status, Work
from onnx_roofline.ops.cost.normalization import softmax_counts
from onnx_roofline.ops.cost.registry import rule, view, work
from onnx_roofline.ops.traits import OPERANDS
from onnx_roofline.ops.view import OpView

DOMAIN = "ai.onnx.ml"
# Source: ONNX TreeEnsemble-5, post_transform as a number.
_TRANSFORMS = ("NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT")

view("ZipMap", domain=DOMAIN, why="names for the same numbers")


def rows_and_features(op: OpView) -> tuple[int, int]:
    """(N, F) of [N, F], or of [F] as one row."""
    features = op.x.shape[-1] if op.x.rank else 1
    return op.x.elements // dmax(1, features), features


def post_transform(op: OpView, rows: int, scores: int) -> Counts:
    """What the scores' last step takes: a softmax, a sigmoid, or the inverse of the normal distribution."""
    given = op.attributes.get("post_transform", "NONE")
    name = _TRANSFORMS[given] if isinstance(given, int) else str(given)
    n = rows * scores
    return {
        "SOFTMAX": softmax_counts(rows, scores),
        "SOFTMAX_ZERO": softmax_counts(rows, scores) + Counts(compares=n),
        "LOGISTIC": Counts(transcendentals=n, adds=n, divs=n),
        "PROBIT": Counts(transcendentals=n, muls=2 * n, adds=n),
    }.get(name, Counts())


def class_count(op: OpView) -> int:
    """How many classes a classifier knows; all names of the attribute in use."""
    names = ("classlabels_ints", "classlabels_int64s", "classlabels_strings")
    return max(len(op.list_attr(name)) for name in names)


@rule("ArrayFeatureExtractor", domain=DOMAIN)
def array_feature_extractor(op: OpView) -> Work:
    """nothing; reads the features that it picks.

    Source: ONNX-ML ArrayFeatureExtractor-1.
    """
    return work(op, reads={0: dmin(op.x.elements, op.out.elements)}, dtype=op.x.dtype)


@rule("FeatureVectorizer", domain=DOMAIN)
def feature_vectorizer(op: OpView) -> Work:
    """nothing; copies and converts every input.

    Source: ONNX-ML FeatureVectorizer-1.
    """
    return work(op)


@rule("CastMap", domain=DOMAIN)
def cast_map(op: OpView) -> Work:
    """nothing; writes the values of a map as a tensor.

    Source: ONNX-ML CastMap-1.
    """
    return work(op, dtype=op.out.dtype)


@rule("Binarizer", "Imputer", domain=DOMAIN)
def compared(op: OpView) -> Work:
    """compares: n.

    Source: ONNX-ML Binarizer-1, Imputer-1: against the threshold, or the value to be replaced.
    """
    return work(op, Counts(compares=op.x.elements), dtype=op.x.dtype)


@rule("Scaler", domain=DOMAIN)
def scaler(op: OpView) -> Work:
    """adds: n for offsets + muls: n for scales.

    Source: ONNX-ML Scaler-1.
    """
    n = op.x.elements
    counts = Counts(adds=n if op.list_attr("offset") else 0, muls=n if op.list_attr("scale") else 0)
    return work(op, counts, dtype=op.out.dtype)


@rule("Normalizer", domain=DOMAIN)
def normalizer(op: OpView) -> Work:
    """MAX: compares: n - N; L1: adds: n - N; L2: muls: n + adds: n - N + transcendentals: n; each + divs: n.

    Source: ONNX-ML Normalizer-1, formulas.
    """
    rows, _ = rows_and_features(op)
    n, steps, norm = op.x.elements, dmax(0, op.x.elements - rows), op.str_attr("norm", "MAX")
    if norm == "L2":
        return work(op, Counts(muls=n, adds=steps, divs=n, transcendentals=n), dtype=op.out.dtype)
    return work(
        op, (Counts(adds=steps) if norm == "L1" else Counts(compares=steps)) + Counts(divs=n), dtype=op.out.dtype
    )


@rule("OneHotEncoder", domain=DOMAIN)
def one_hot_encoder(op: OpView) -> Work:
    """int_ops: n, one comparison with a category for each output element.

    Source: ONNX-ML OneHotEncoder-1.
    """
    return work(op, Counts(int_ops=op.out.elements), dtype=op.out.dtype)


@rule("LabelEncoder", "CategoryMapper", "DictVectorizer", domain=DOMAIN)
def looked_up(op: OpView) -> Work:
    """int_ops: n ceil(log2(keys + 1)), a look-up of each element among the keys.

    Source: ONNX-ML LabelEncoder-4, CategoryMapper-1, DictVectorizer-1; the table is the runtime's choice: heuristic.
    """
    names = (
        "keys_int64s", "keys_strings", "keys_floats", "classes_strings", "cats_int64s", "string_vocabulary",
        "int64_vocabulary",
    )  # fmt: skip
    keys = max(len(op.list_attr(name)) for name in names)
    if "keys_tensor" in op.attributes:
        keys = op.tensor_attr("keys_tensor").type.elements or 0
    return work(op, Counts(int_ops=op.out.elements * keys.bit_length()), dtype=op.out.dtype, status="heuristic")


@rule("LinearRegressor", domain=DOMAIN, traits=OPERANDS)
def linear_regressor(op: OpView) -> Work:
    """macs: N F T + adds: N T with intercepts + the transform of the scores.

    T targets; the weights are attributes. Source: ONNX-ML LinearRegressor-1.
    """
    rows, features = rows_and_features(op)
    targets = op.int_attr("targets", 1)
    product_ = Contraction(1, rows, targets, features, lhs=0, rhs=None)
    counts = Counts(macs=product_.macs, adds=rows * targets if op.list_attr("intercepts") else 0)
    return work(op, counts + post_transform(op, rows, targets), contractions=(product_,), dtype=op.out.dtype)


@rule("LinearClassifier", domain=DOMAIN, traits=OPERANDS)
def linear_classifier(op: OpView) -> Work:
    """macs: N F E + adds: N E with intercepts + compares: N (E - 1), at least N + the transform of the scores.

    E scores: one for each intercept, else the coefficients are [E, F]. Coefficients beyond E F are not read. The
    weights are attributes. Source: ONNX-ML LinearClassifier-1.
    """
    rows, features = rows_and_features(op)
    intercepts = len(op.list_attr("intercepts"))
    scores = intercepts or len(op.list_attr("coefficients")) // dmax(1, features)
    product_ = Contraction(1, rows, scores, features, lhs=0, rhs=None)
    counts = Counts(
        macs=product_.macs,
        adds=rows * intercepts,
        compares=rows * dmax(1, scores - 1),
    )
    # Scores are float32 whatever the features are.
    return work(op, counts + post_transform(op, rows, scores), contractions=(product_,), dtype="float32")


def _kernel(op: OpView, rows: int, features: int, vectors: int) -> tuple[Counts, Contraction]:
    """The kernel of every row with every support vector, and its contraction."""
    pairs, kind = rows * vectors, op.str_attr("kernel_type", "LINEAR")
    product_ = Contraction(1, rows, vectors, features, lhs=0, rhs=None)
    rest = {
        # exp(-gamma sum((x - s)^2)): a difference for each MAC
        "RBF": Counts(adds=pairs * features, muls=pairs, transcendentals=pairs),
        "POLY": Counts(muls=pairs, adds=pairs, transcendentals=pairs),
        "SIGMOID": Counts(muls=pairs, adds=pairs, transcendentals=pairs),
    }.get(kind, Counts())
    return Counts(macs=product_.macs) + rest, product_


@rule("SVMRegressor", domain=DOMAIN, traits=OPERANDS)
def svm_regressor(op: OpView) -> Work:
    """macs: N S F + N S for S support vectors (none: N F) + adds: N + the kernel; compares: N for one class.

    Kernel of each pair: RBF adds: F, muls: 1, exp; POLY and SIGMOID muls: 1, adds: 1, pow or tanh.
    Source: ONNX-ML SVMRegressor-1.
    """
    rows, features = rows_and_features(op)
    vectors = op.int_attr("n_supports", 0)
    counts, product_ = _kernel(op, rows, features, vectors or 1)
    products = (product_, Contraction(1, rows, 1, vectors, lhs=None, rhs=None)) if vectors else (product_,)
    counts += Counts(macs=rows * vectors, adds=rows, compares=rows if op.int_attr("one_class", 0) else 0)
    return work(op, counts + post_transform(op, rows, 1), contractions=products, dtype=op.out.dtype)


@rule("SVMClassifier", domain=DOMAIN, traits=OPERANDS)
def svm_classifier(op: OpView) -> Work:
    """macs: N S F + N S (C - 1) for S support vectors of C classes (none: N F C) + the kernel, votes and probabilities.

    One against one: P = C (C - 1) / 2 decisions of adds: 1 and compares: 1, each over the support vectors of its two
    classes; then compares: C - 1. Probabilities: a sigmoid for each decision; how they are coupled for three classes
    and more iterates and is not counted: heuristic. Source: ONNX-ML SVMClassifier-1, LIBSVM.
    """
    rows, features = rows_and_features(op)
    vectors = sum(size for size in op.ints_attr("vectors_per_class"))
    classes = dmax(2, class_count(op))
    status: Status = "exact"
    products: tuple[Contraction, ...] = ()
    if vectors:
        counts, product_ = _kernel(op, rows, features, vectors)
        decisions = classes * (classes - 1) // 2
        products = (product_, Contraction(1, rows, classes - 1, vectors, lhs=None, rhs=None))
        counts += Counts(macs=rows * vectors * (classes - 1))
    else:
        decisions = len(op.list_attr("coefficients")) // dmax(1, features)
        counts, product_ = _kernel(op, rows, features, decisions)
        products = (product_,)
    counts += Counts(adds=rows * decisions, compares=rows * (decisions + classes - 1))
    if op.list_attr("prob_a"):
        # 1 / (1 + exp(a f + b))
        counts += Counts(muls=1, adds=2, transcendentals=1, divs=1).scaled(rows * decisions)
        status = "exact" if classes == 2 else "heuristic"
    counts += post_transform(op, rows, classes)
    # Scores are float32 whatever the features are.
    return work(op, counts, contractions=products, dtype="float32", status=status)
