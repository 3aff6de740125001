"""Rows of images, signals, losses, optimisers and ai.onnx.ml."""

from rule_table import Row, tensor

from onnx_roofline.ir.graph import TensorType
from onnx_roofline.ir.records import Counts

F, D, I, STR, ML = "float32", "float64", "int64", "string", "ai.onnx.ml"  # noqa: E741  (the dtypes, short)
TRAIN = "ai.onnx.preview.training"
IMAGE = (F, (1, 3, 8, 8))  # 192 elements
X = (F, (5, 4))  # 5 rows of 4 features
# Two trees. Tree 0: node 0 with leaves 1, 2. Tree 1: node 0 with leaf 1 and node 2 with leaves 3, 4. Depths 1 and 2.
NODES = {
    "nodes_treeids": (0, 0, 0, 1, 1, 1, 1, 1),
    "nodes_nodeids": (0, 1, 2, 0, 1, 2, 3, 4),
    "nodes_modes": ("BRANCH_LEQ", "LEAF", "LEAF", "BRANCH_LEQ", "LEAF", "BRANCH_LEQ", "LEAF", "LEAF"),
    "nodes_truenodeids": (1, 0, 0, 1, 0, 3, 0, 0),
    "nodes_falsenodeids": (2, 0, 0, 2, 0, 4, 0, 0),
}
LEAVES = {"treeids": (0, 0, 1, 1, 1), "nodeids": (1, 2, 1, 3, 4), "ids": (0, 1, 0, 1, 1)}
# The same two trees for TreeEnsemble-5: interior nodes 0 | 1, 2.
FOREST = {
    "tree_roots": (0, 1),
    "nodes_truenodeids": (0, 2, 3), "nodes_trueleafs": (1, 1, 1),
    "nodes_falsenodeids": (1, 2, 4), "nodes_falseleafs": (1, 0, 1),
}  # fmt: skip

IMAGES: tuple[Row, ...] = (
    # 1*3*16*16 = 768 outputs; 2 axes: 4 neighbours, 4 products, 3 sums; 16 neighbours
    Row("Resize", 13, (IMAGE, None, (F, (4,))), ((F, (1, 3, 16, 16)),), Counts(muls=4 * 768, adds=3 * 768),
        {"mode": "linear"}),
    Row("Resize", 11, (IMAGE, None, (F, (4,))), ((F, (1, 3, 16, 16)),), Counts(macs=16 * 768), {"mode": "cubic"}),
    Row("Resize", 10, (IMAGE, (F, (4,))), ((F, (1, 3, 4, 4)),), Counts(), {"mode": "nearest"}, reads=(48, 4)),
    Row("Resize", 19, (IMAGE, None, None, (I, (4,))), ((F, (1, 3, 8, 16)),), Counts(muls=2 * 384, adds=384),
        {"mode": "linear"}),  # one axis changes
    # to a half: a filter of 2 taps is stretched to 4 on each axis
    Row("Resize", 18, (IMAGE, None, None, (I, (4,))), ((F, (1, 3, 4, 4)),), Counts(muls=16 * 48, adds=15 * 48),
        {"mode": "linear", "antialias": 1}, status="bounded"),
    Row("Upsample", 9, (IMAGE, (F, (4,))), ((F, (1, 3, 16, 16)),), Counts(muls=4 * 768, adds=3 * 768),
        {"mode": "linear"}),
    Row("Upsample", 1, (IMAGE,), ((F, (1, 3, 16, 16)),), Counts(muls=4 * 768, adds=3 * 768), {"mode": "bilinear"}),
    Row("Upsample", 7, (IMAGE,), ((F, (1, 3, 16, 16)),), Counts(), {"scales": (1.0, 1.0, 2.0, 2.0)}),
    Row("GridSample", 20, (IMAGE, (F, (1, 5, 5, 2))), ((F, (1, 3, 5, 5)),), Counts(muls=4 * 75, adds=3 * 75)),
    Row("GridSample", 16, (IMAGE, (F, (1, 5, 5, 2))), ((F, (1, 3, 5, 5)),), Counts(macs=16 * 75), {"mode": "bicubic"}),
    Row("GridSample", 20, (IMAGE, (F, (1, 5, 5, 2))), ((F, (1, 3, 5, 5)),), Counts(), {"mode": "nearest"}, reads=(75,
        50)),
    Row("AffineGrid", 20, ((F, (2, 2, 3)), (I, (4,), [2, 3, 5, 6])), ((F, (2, 5, 6, 2)),), Counts(macs=2 * 30 * 2 * 3)),
    Row("Col2Im", 18, ((F, (1, 12, 16)), (I, (2,)), (I, (2,))), ((F, (1, 3, 5, 5)),), Counts(adds=192)),
    # 10 regions of 3 channels, 2 x 2 bins: 120 outputs; 3*3 samples of 4 neighbours; their mean
    Row("RoiAlign", 16, (IMAGE, (F, (10, 4)), (I, (10,))), ((F, (10, 3, 2, 2)),),
        Counts(muls=9 * 4 * 120, adds=9 * 3 * 120 + 8 * 120, divs=120), {"sampling_ratio": 3}),
    # ratio 0: at most ceil(8 / 2) a side
    Row("RoiAlign", 10, (IMAGE, (F, (10, 4)), (I, (10,))), ((F, (10, 3, 2, 2)),),
        Counts(muls=16 * 4 * 120, adds=16 * 3 * 120, compares=15 * 120), {"mode": "max"}, status="bounded"),
    # a bin is at most ceil(8 / 2) + 1 = 5 a side
    Row("MaxRoiPool", 1, (IMAGE, (F, (10, 5))), ((F, (10, 3, 2, 2)),), Counts(compares=24 * 120),
        {"pooled_shape": (2, 2)}, status="bounded"),
    # 1 image, 2 classes, 100 boxes, at most 10 kept: 2000 pairs; sorting 200 scores in ceil(log2 100) = 7 steps;
    # threshold
    Row("NonMaxSuppression", 11, ((F, (1, 100, 4)), (F, (1, 2, 100)), (I, (), 10), (F, ()), (F, ())), ((I, (20, 3)),),
        Counts(compares=7 * 2000 + 200 * 7 + 200, adds=4 * 2000 + 2 * 100, muls=2000 + 100, divs=2000),
        status="bounded"),
    Row("NonMaxSuppression", 10, ((F, (1, 100, 4)), (F, (1, 2, 100))), ((I, (0, 3)),),
        Counts(compares=200 * 7, adds=2 * 100, muls=100), status="bounded"),  # no limit given: 0 boxes
    Row("ImageDecoder", 20, (("uint8", (999,)),), (("uint8", (8, 8, 3)),), Counts(int_ops=192 * 2 * (16 + 3)),
        status="heuristic"),
)  # fmt: skip

SIGNALS: tuple[Row, ...] = (
    *[Row(op, 17, ((I, (), 64),), ((F, (64,)),), Counts(transcendentals=64, muls=2 * 64, adds=64))
      for op in ("HannWindow", "HammingWindow")],
    Row("BlackmanWindow", 17, ((I, (), 64),), ((F, (64,)),), Counts(transcendentals=128, muls=4 * 64, adds=128)),
    # 3 complex transforms of 64: 64/2 * 6 butterflies of 4 mul and 6 add
    Row("DFT", 20, ((F, (3, 64, 2)),), ((F, (3, 64, 2)),), Counts(muls=3 * 192 * 4, adds=3 * 192 * 6),
        status="heuristic"),
    # real and one-sided, the axis an attribute: half
    Row("DFT", 17, ((F, (3, 64, 1)),), ((F, (3, 33, 2)),), Counts(muls=3 * 192 * 2, adds=3 * 192 * 3),
        {"axis": 1, "onesided": 1}, status="heuristic"),
    Row("DFT", 20, ((F, (64, 3, 2)), (I, (), 64), (I, (), 0)), ((F, (64, 3, 2)),),
        Counts(muls=3 * 192 * 4 + 384, adds=3 * 192 * 6), {"inverse": 1}, status="heuristic"),  # 1 / N
    # 2 * 10 frames of 64, real, with a window
    Row("STFT", 17, ((F, (2, 640, 1)), (I, (), 64), (F, (64,))), ((F, (2, 10, 33, 2)),),
        Counts(muls=20 * 192 * 2 + 20 * 64, adds=20 * 192 * 3), status="heuristic"),
    Row("STFT", 17, ((F, (2, 640, 1)), (I, ()), None, (I, (), 64)), ((F, (2, 10, 33, 2)),),
        Counts(muls=20 * 192 * 2, adds=20 * 192 * 3), status="heuristic"),
    # a real signal without the axis of its components, as PyTorch's older exporter writes it
    Row("STFT", 17, ((F, (2, 640)), (I, (), 64), (F, (64,))), ((F, (2, 10, 33, 2)),),
        Counts(muls=20 * 192 * 2 + 20 * 64, adds=20 * 192 * 3), status="heuristic"),
    # 257 x 80 triangles, 82 edges
    Row("MelWeightMatrix", 17, tuple((I, ()) for _ in range(5)), ((F, (257, 80)),),
        Counts(compares=2 * 20560, adds=20560 + 2 * 82, divs=20560, muls=2 * 82, transcendentals=82),
        status="heuristic"),
)  # fmt: skip

TRAINING: tuple[Row, ...] = (
    # 4 targets of 3 classes: minus sign 4, sum 3, division
    Row("NegativeLogLikelihoodLoss", 13, ((F, (4, 3)), (I, (4,))), ((F, ()),), Counts(adds=4 + 3, divs=1), reads=(4,
        4)),
    # weights: a product each and a second sum; an ignored class
    Row("NegativeLogLikelihoodLoss", 22, ((F, (4, 3)), (I, (4,)), (F, (3,))), ((F, ()),),
        Counts(adds=4 + 2 * 3, muls=4, divs=1, int_ops=4), {"ignore_index": 0}, reads=(4, 4, 3)),
    Row("NegativeLogLikelihoodLoss", 12, ((F, (2, 3, 5)), (I, (2, 5))), ((F, (2, 5)),), Counts(adds=10),
        {"reduction": "none"}, reads=(10, 10)),
    # LogSoftmax of 4 rows of 3: max 8, x - max 12, exp 12, sum 8, log 4, 12 more; the loss
    Row("SoftmaxCrossEntropyLoss", 13, ((F, (4, 3)), (I, (4,))), ((F, ()), (F, (4, 3))),
        Counts(compares=8, adds=12 + 8 + 12 + 4 + 3, transcendentals=12 + 4, divs=1)),
    # G + norm X; H + G G; sqrt + epsilon; X - r G / H
    Row("Adagrad", 1, ((F, ()), (I, ()), *[(F, (6,))] * 3), ((F, (6,)), (F, (6,))),
        Counts(muls=(1 + 1 + 1) * 6, adds=(1 + 1 + 1 + 1) * 6, transcendentals=6, divs=6), domain=TRAIN),
    # G + norm X; a V + (1 - a) G; b H + (1 - b) G G; sqrt + epsilon; X - r V / H; (1 - post) X. Two tensors of 6 and 2.
    Row("Adam", 1, ((F, ()), (I, ()), *[(F, (6,)), (F, (2,))] * 4), ((F, (6,)), (F, (2,))) * 3,
        Counts(muls=(1 + 2 + 3 + 1 + 1) * 8, adds=(1 + 1 + 1 + 1 + 1) * 8, transcendentals=8, divs=8), domain=TRAIN),
    # G + norm X; a V + b G; X - R V
    Row("Momentum", 1, ((F, ()), (I, ()), *[(F, (6,))] * 3), ((F, (6,)), (F, (6,))),
        Counts(muls=4 * 6, adds=3 * 6), {"mode": "standard"}, domain=TRAIN),
    Row("Momentum", 1, ((F, ()), (I, ()), *[(F, (6,))] * 3), ((F, (6,)), (F, (6,))),
        Counts(muls=5 * 6, adds=4 * 6), {"mode": "nesterov"}, domain=TRAIN),  # X - R (G + a V)
    Row("Gradient", 1, ((F, (6,)),), ((F, (6,)),), Counts(adds=6), {"xs": ("x",), "y": "y"}, domain=TRAIN,
        status="heuristic"),
)  # fmt: skip

CLASSIC: tuple[Row, ...] = (
    Row("ArrayFeatureExtractor", 1, (X, (I, (2,))), ((F, (5, 2)),), reads=(10, 2), domain=ML),
    Row("Binarizer", 1, (X,), (X,), Counts(compares=20), domain=ML),
    Row("CastMap", 1, (TensorType(F, (7,), container="map"),), ((F, (1, 7)),), domain=ML),
    # 4 keys: ceil(log2 5) = 3 steps
    Row("CategoryMapper", 1, ((STR, (6,)),), ((I, (6,)),), Counts(int_ops=6 * 3),
        {"cats_strings": ("a", "b", "c", "d"), "cats_int64s": (0, 1, 2, 3)}, domain=ML, status="heuristic"),
    Row("LabelEncoder", 2, ((I, (6,)),), ((STR, (6,)),), Counts(int_ops=6 * 3), {"keys_int64s": (0, 1, 2, 3)},
        domain=ML,
        status="heuristic"),
    Row("LabelEncoder", 1, ((STR, (6,)),), ((I, (6,)),), Counts(int_ops=6 * 3), {"classes_strings": tuple("abcd")},
        domain=ML, status="heuristic"),
    Row("LabelEncoder", 4, ((D, (6,)),), ((I, (6,)),), Counts(int_ops=6 * 3),
        {"keys_tensor": tensor(D, [0.0, 1.0, 2.0, 3.0])}, domain=ML, status="heuristic"),
    Row("DictVectorizer", 1, (TensorType(F, (2,), container="map"),), ((F, (1, 4)),), Counts(int_ops=4 * 3),
        {"string_vocabulary": tuple("abcd")}, domain=ML, status="heuristic"),
    Row("FeatureVectorizer", 1, (X, (F, (5, 2))), ((F, (5, 6)),), domain=ML),
    Row("Imputer", 1, (X,), (X,), Counts(compares=20), {"imputed_value_floats": (0.0,)}, domain=ML),
    # 5 x 4 x 3 MACs, intercepts, softmax of 5 rows of 3, the best of 3
    Row("LinearClassifier", 1, (X,), ((I, (5,)), (F, (5, 3))),
        Counts(macs=60, adds=15 + 15 + 10, compares=10 + 10, transcendentals=15, divs=15),
        {"coefficients": (0.0,) * 12, "intercepts": (0.0,) * 3, "classlabels_ints": (0, 1, 2),
        "post_transform": "SOFTMAX"},
        domain=ML),
    # 12 coefficients of 5 x 4 features, but one intercept: one score, of which two classes are told
    Row("LinearClassifier", 1, (X,), ((I, (5,)), (F, (5, 2))), Counts(macs=20, adds=5, compares=5),
        {"coefficients": (0.0,) * 12, "intercepts": (0.0,), "classlabels_ints": (0, 1)}, domain=ML),
    # one score, two classes: one comparison; 1 / (1 + exp -x)
    Row("LinearClassifier", 1, (X,), ((I, (5,)), (F, (5, 2))),
        Counts(macs=20, adds=5, compares=5, transcendentals=5, divs=5),
        {"coefficients": (0.0,) * 4, "classlabels_ints": (0, 1), "post_transform": "LOGISTIC"}, domain=ML),
    Row("LinearRegressor", 1, (X,), ((F, (5, 2)),), Counts(macs=40, adds=10),
        {"coefficients": (0.0,) * 8, "intercepts": (0.0,) * 2, "targets": 2}, domain=ML),
    Row("Normalizer", 1, (X,), (X,), Counts(compares=15, divs=20), domain=ML),  # x / max, 5 rows of 4
    Row("Normalizer", 1, (X,), (X,), Counts(adds=15, divs=20), {"norm": "L1"}, domain=ML),  # x / sum
    Row("Normalizer", 1, (X,), (X,), Counts(muls=20, adds=15, divs=20, transcendentals=20), {"norm": "L2"}, domain=ML),
    Row("OneHotEncoder", 1, ((I, (5,)),), ((F, (5, 3)),), Counts(int_ops=15), {"cats_int64s": (0, 1, 2)}, domain=ML),
    Row("Scaler", 1, (X,), (X,), Counts(adds=20, muls=20), {"offset": (0.0,), "scale": (1.0,)}, domain=ML),
    Row("Scaler", 1, (X,), (X,), Counts(muls=20), {"scale": (1.0,)}, domain=ML),
    # 5 x 7 vectors: dot products of 4, exp(-gamma |x - s|^2); 7 coefficients; rho
    Row("SVMRegressor", 1, (X,), ((F, (5, 1)),),
        Counts(macs=35 * 4 + 35, adds=35 * 4 + 5, muls=35, transcendentals=35),
        {"n_supports": 7, "kernel_type": "RBF"}, domain=ML),
    Row("SVMRegressor", 1, (X,), ((F, (5, 1)),), Counts(macs=20, adds=5), {"coefficients": (0.0,) * 4}, domain=ML),
    # 7 vectors of 3 classes, (gamma x s + c)^d; 3 decisions over (3 - 1) * 7 products; votes 3, the best 2
    Row("SVMClassifier", 1, (X,), ((I, (5,)), (F, (5, 3))),
        Counts(macs=35 * 4 + 35 * 2, muls=35, adds=35 + 5 * 3, transcendentals=35, compares=5 * (3 + 2)),
        {"vectors_per_class": (3, 2, 2), "classlabels_ints": (0, 1, 2), "kernel_type": "POLY"}, domain=ML),
    # two classes with probabilities: 1 / (1 + exp(a f + b))
    Row("SVMClassifier", 1, (X,), ((I, (5,)), (F, (5, 2))),
        Counts(macs=35 * 4 + 35, muls=5, adds=5 + 2 * 5, transcendentals=5, divs=5, compares=5 * (1 + 1)),
        {"vectors_per_class": (3, 4), "classlabels_ints": (0, 1), "prob_a": (1.0,), "prob_b": (0.0,)}, domain=ML),
    Row("SVMClassifier", 1, (X,), ((I, (5,)), (F, (5, 3))), Counts(macs=60, adds=15, compares=5 * (3 + 2)),
        {"coefficients": (0.0,) * 12, "classlabels_ints": (0, 1, 2)}, domain=ML),  # no vectors: linear
    # depths 1 + 2, one vote each, the best of 2 classes
    *[Row("TreeEnsembleClassifier", version, (X,), ((I, (5,)), (F, (5, 2))),
          Counts(compares=5 * 3 + 5, adds=5 * 2 + extra), {**NODES, "class_treeids": LEAVES["treeids"],
          "class_nodeids": LEAVES["nodeids"], "class_ids": LEAVES["ids"], "classlabels_int64s": (0, 1), **base},
          domain=ML, status="bounded")
      for version, extra, base in ((1, 0, {}), (3, 5 * 2, {"base_values_as_tensor": tensor(D, [0.5, 0.5])}))],
    # Branches share nodes 2 and 3: the longest path is 0, 1, 2, 3 and a leaf.
    Row("TreeEnsembleRegressor", 1, (X,), ((F, (5, 1)),), Counts(compares=5 * 4, adds=5), {
        "nodes_treeids": (0,) * 7, "nodes_nodeids": (0, 1, 2, 3, 4, 5, 6),
        "nodes_modes": ("BRANCH_EQ", "BRANCH_EQ", "BRANCH_EQ", "BRANCH_LEQ", "LEAF", "LEAF", "LEAF"),
        "nodes_truenodeids": (3, 3, 3, 4, 0, 0, 0), "nodes_falsenodeids": (1, 2, 6, 5, 0, 0, 0),
        "target_treeids": (0, 0, 0), "target_nodeids": (4, 5, 6), "target_ids": (0, 0, 0)}, domain=ML,
        status="bounded"),
    # two targets: mean of the trees
    Row("TreeEnsembleRegressor", 1, (X,), ((F, (5, 2)),), Counts(compares=5 * 3, adds=5 * 2, divs=5 * 2),
        {**NODES, "target_treeids": LEAVES["treeids"], "target_nodeids": LEAVES["nodeids"], "target_ids": LEAVES["ids"],
         "n_targets": 2, "aggregate_function": "AVERAGE"}, domain=ML, status="bounded"),
    Row("TreeEnsemble", 5, ((D, (5, 4)),), ((D, (5, 2)),), Counts(compares=5 * 3 + 5 * 2), {**FOREST, "n_targets": 2,
        "aggregate_function": 3}, domain=ML, status="bounded", dtype=D),
)  # fmt: skip

ROWS: tuple[Row, ...] = (*IMAGES, *SIGNALS, *TRAINING, *CLASSIC)
