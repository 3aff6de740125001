"""Rows of the rules that move data, hold it or make it up: movement, control flow, sequences, strings, random."""

import numpy as np
from rule_table import Row

from onnx_roofline.ir.graph import TensorType
from onnx_roofline.ir.records import Counts

F, I, B, STR = "float32", "int64", "bool", "string"  # noqa: E741  (the dtypes, short)
X, Y = (F, (2, 3, 4)), (F, (24,))
SEQUENCE = TensorType(F, (2, 3), container="sequence", length=4)
MAYBE = TensorType(F, (2, 3), container="optional")
# Philox4x32-10: 10 rounds of 2 wide products in halves, 4 xor, 2 additions, for 4 numbers: 10 * (4 + 4 + 2) / 4 = 25
PHILOX = 25

VIEWS: tuple[Row, ...] = (
    Row("Reshape", 14, (X, (I, (1,), [24])), (Y,), is_view=True),
    Row("Reshape", 1, (X,), (Y,), attributes={"shape": (24,)}, is_view=True),
    Row("Flatten", 13, (X,), ((F, (2, 12)),), is_view=True),
    Row("Squeeze", 1, ((F, (1, 4)),), ((F, (4,)),), attributes={"axes": (0,)}, is_view=True),
    Row("Unsqueeze", 13, (X, (I, (1,), [0])), ((F, (1, 2, 3, 4)),), is_view=True),
    Row("Identity", 16, (X,), (X,), is_view=True),
    Row("BitCast", 26, (X,), (("int32", (2, 3, 4)),), is_view=True),
    Row("Shape", 15, (X,), ((I, (3,)),), is_view=True),
    Row("Size", 13, (X,), ((I, ()),), is_view=True),
    Row("Constant", 13, (), (X,), is_view=True),
    Row("If", 16, ((B, ()),), (X,), is_view=True),
    Row("Loop", 16, ((I, ()), (B, ()), X), (X,), is_view=True),
    Row("Scan", 9, (X, X), (X,), is_view=True),
    Row("SequenceMap", 17, (SEQUENCE,), (SEQUENCE,), is_view=True),
    Row("Optional", 15, (X,), (MAYBE,), is_view=True),
    Row("OptionalGetElement", 18, (MAYBE,), ((F, (2, 3)),), is_view=True),
    Row("OptionalHasElement", 18, (None,), ((B, ()),), is_view=True),
    Row("SequenceConstruct", 11, ((F, (2, 3)),) * 4, (SEQUENCE,), is_view=True),
    Row("SequenceEmpty", 11, (), (SEQUENCE,), is_view=True),
    Row("SequenceInsert", 11, (SEQUENCE, (F, (2, 3)), (I, ())), (SEQUENCE,), is_view=True),
    Row("SequenceErase", 11, (SEQUENCE, (I, ())), (SEQUENCE,), is_view=True),
    Row("SequenceAt", 11, (SEQUENCE, (I, ())), ((F, (2, 3)),), is_view=True),
    Row("SequenceLength", 11, (SEQUENCE,), ((I, ()),), is_view=True),
    Row("ZipMap", 1, ((F, (5, 3)),), (TensorType(F, (3,), container="sequence", length=5),), domain="ai.onnx.ml",
        is_view=True),
    Row("Dropout", 13, (X, (F, ())), (X,), is_view=True),
    Row("Dropout", 6, (X,), (X,), attributes={"is_test": 1}, is_view=True),
    Row("Cast", 13, (X,), (X,), is_view=True),  # to the same type
    Row("Transpose", 13, ((F, (1, 3, 4)),), ((F, (3, 1, 4)),), attributes={"perm": (1, 0, 2)}, is_view=True),
)  # fmt: skip

ROWS: tuple[Row, ...] = (
    *VIEWS,
    Row("Cast", 13, (X,), (("float16", (2, 3, 4)),)),
    Row("CastLike", 19, (X, ("float16", (9,))), (("float16", (2, 3, 4)),), reads=(24, 0)),  # only the type is looked at
    Row("Transpose", 13, (X,), ((F, (4, 3, 2)),)),
    Row("Concat", 13, (X, (F, (2, 3, 1))), ((F, (2, 3, 5)),), attributes={"axis": 2}),
    Row("Slice", 10, (X, (I, (1,), [0]), (I, (1,), [1])), ((F, (1, 3, 4)),), reads=(12, 1, 1)),  # what is used
    Row("Slice", 1, (X,), ((F, (1, 3, 4)),), attributes={"starts": (0,), "ends": (1,)}, reads=(12,)),
    Row("Split", 13, (X, (I, (2,), [1, 3])), ((F, (2, 3, 1)), (F, (2, 3, 3))), attributes={"axis": 2}),
    Row("Split", 2, (X,), ((F, (1, 3, 4)), (F, (1, 3, 4))), attributes={"split": (1, 1)}),
    Row("Expand", 13, ((F, (3, 1)), (I, (2,), [3, 8])), ((F, (3, 8)),)),
    Row("Tile", 13, ((F, (3, 1)), (I, (2,), [1, 8])), ((F, (3, 8)),)),
    Row("Pad", 13, (X, (I, (6,), [0, 0, 1, 0, 0, 1])), ((F, (2, 3, 6)),)),
    Row("Pad", 2, (X,), ((F, (2, 3, 2)),), attributes={"pads": (0, 0, -1, 0, 0, -1)}, reads=(12,)),  # a crop
    Row("CenterCropPad", 18, (X, (I, (3,), [2, 1, 2])), ((F, (2, 1, 2)),), reads=(4, 3)),
    Row("DepthToSpace", 13, ((F, (1, 4, 2, 2)),), ((F, (1, 1, 4, 4)),), attributes={"blocksize": 2}),
    Row("SpaceToDepth", 13, ((F, (1, 1, 4, 4)),), ((F, (1, 4, 2, 2)),), attributes={"blocksize": 2}),
    Row("DepthToSpace", 28, ((F, (1, 4, 2, 2)),), ((F, (1, 1, 4, 4)),), attributes={"blocksize": 2, "mode": "CRD"}),
    Row("SpaceToDepth", 28, ((F, (1, 1, 4, 4)),), ((F, (1, 4, 2, 2)),), attributes={"blocksize": 2}),
    Row("Trilu", 14, ((F, (4, 4)),), ((F, (4, 4)),)),
    Row("ReverseSequence", 10, ((F, (4, 4)), (I, (4,))), ((F, (4, 4)),)),
    Row("Gather", 13, ((F, (30000, 64)), (I, (1, 5))), ((F, (1, 5, 64)),), reads=(5 * 64, 5)),  # the rows it picks
    Row("Gather", 1, ((F, (2, 4)), (I, (9,))), ((F, (9, 4)),), reads=(8, 9)),  # never more than the table
    Row("GatherElements", 13, ((F, (50, 4)), (I, (2, 4))), ((F, (2, 4)),), reads=(8, 8)),
    Row("GatherND", 12, ((F, (50, 4)), (I, (3, 1))), ((F, (3, 4)),), reads=(12, 3)),
    Row("Scatter", 9, ((F, (50, 4)), (I, (2, 4)), (F, (2, 4))), ((F, (50, 4)),)),
    Row("ScatterElements", 18, ((F, (50, 4)), (I, (2, 4)), (F, (2, 4))), ((F, (50, 4)),), Counts(adds=8),
        {"reduction": "add"}),
    # one update per index, whatever is known of the updates
    Row("ScatterElements", 18, ((F, (50,)), (I, (8,)), TensorType(F, (None,))), ((F, (50,)),), Counts(adds=8),
        {"reduction": "add"}, reads=(50, 8, None)),
    Row("ScatterND", 18, ((F, (50, 4)), (I, (2, 1)), (F, (2, 4))), ((F, (50, 4)),), Counts(compares=8),
        {"reduction": "max"}),
    # 2*4 rows of a cache for 512 tokens: only the new token is moved
    Row("TensorScatter", 24, ((F, (2, 4, 512, 64)), (F, (2, 4, 1, 64)), (I, (2,))), ((F, (2, 4, 512, 64)),),
        reads=(0, 512, 2), writes=(512,)),
    Row("MaxUnpool", 11, ((F, (1, 1, 2, 2)), (I, (1, 1, 2, 2))), ((F, (1, 1, 4, 4)),)),
    Row("ConstantOfShape", 9, ((I, (2,), [3, 4]),), ((F, (3, 4)),), reads=(0,)),
    Row("EyeLike", 9, ((F, (3, 4)),), ((F, (3, 4)),), reads=(0,)),
    Row("Range", 11, ((F, (), 0.0), (F, (), 10.0), (F, (), 1.0)), ((F, (10,)),), Counts(adds=10)),
    Row("OneHot", 11, ((I, (5,)), (I, ()), (F, (2,))), ((F, (5, 8)),), Counts(int_ops=40)),
    Row("NonZero", 13, ((F, (5, 8)),), ((I, (2, 40)),), Counts(compares=40)),
    Row("Compress", 11, ((F, (10, 4)), (B, (10,))), ((F, (3, 4)),), reads=(12, 10)),
    Row("Compress", 11, ((F, (10, 4)), (B, (10,))), (TensorType(F, (None, 4)),), writes=(None,)),  # how many: unknown
    # a merge sort of 40: ceil(log2 40) = 6 comparisons for each
    Row("Unique", 11, ((F, (40,)),), ((F, (40,)),), Counts(compares=40 * 6), status="heuristic"),
    Row("Unique", 11, ((F, (10, 4)),), ((F, (10, 4)),), Counts(compares=40 * 4), {"axis": 0}, status="heuristic"),
    Row("ConcatFromSequence", 11, (SEQUENCE,), ((F, (8, 3)),), attributes={"axis": 0}, reads=(24,)),
    Row("SplitToSequence", 11, ((F, (8, 3)),), (SEQUENCE,), writes=(24,)),
    Row("StringConcat", 20, ((STR, (5,)), (STR, (5,))), ((STR, (5,)),)),
    # 16 characters each, for the case and for two stop words
    Row("StringNormalizer", 10, ((STR, (5,)),), ((STR, (5,)),), Counts(int_ops=5 * 16 * (1 + 2)),
        {"case_change_action": "LOWER", "stopwords": ("a", "the")}, status="heuristic"),
    Row("StringSplit", 20, ((STR, (5,)),), (TensorType(STR, (5, None)), (I, (5,))), Counts(int_ops=5 * 16),
        writes=(None, 5), status="heuristic"),
    Row("RegexFullMatch", 20, ((STR, (5,)),), ((B, (5,)),), Counts(int_ops=5 * 16), {"pattern": "a+"},
        status="heuristic"),
    # 12 tokens, 1- and 2-grams, up to 1 skip: 12*2*2 look-ups among 7: ceil(log2 8) = 3 steps; 7 weights for 2 rows
    Row("TfIdfVectorizer", 9, ((I, (2, 6)),), ((F, (2, 7)),), Counts(int_ops=12 * 2 * 2 * 3, muls=14),
        {"min_gram_length": 1, "max_gram_length": 2, "max_skip_count": 1, "mode": "TFIDF", "weights": (1.0,) * 7,
         "ngram_indexes": tuple(range(7))}, status="heuristic"),
    Row("RandomUniform", 1, (), (Y,), Counts(int_ops=24 * PHILOX, muls=24, adds=24), status="heuristic"),
    Row("RandomUniformLike", 1, (X,), (X,), Counts(int_ops=24 * PHILOX, muls=24, adds=24), reads=(0,),
        status="heuristic"),
    # a pair: sqrt(-2 log u) and sin, cos: 4 functions; per number 3 more products and the mean
    *[Row(op, 1, inputs, (X,), Counts(int_ops=24 * PHILOX, transcendentals=2 * 24, muls=4 * 24, adds=2 * 24),
        reads=reads,
          status="heuristic") for op, inputs, reads in (("RandomNormal", (), ()), ("RandomNormalLike", (X,), (0,)))],
    Row("Bernoulli", 15, (X,), (X,), Counts(int_ops=24 * PHILOX, muls=24, adds=24, compares=24), status="heuristic"),
    # exp and cumulative sum of 2*10; 6 draws, each searched in ceil(log2 11) = 4 steps
    Row("Multinomial", 7, ((F, (2, 10)),), (("int32", (2, 3)),),
        Counts(transcendentals=20, adds=20 + 6, int_ops=6 * PHILOX, muls=6, compares=6 * 4), status="heuristic"),
    Row("Dropout", 12, (X,), (X, (B, (2, 3, 4))), reads=(0,), writes=(0, 24)),  # the mask is written
    Row("Dropout", 13, (X, (F, ()), (B, (), np.True_)), (X,),
        Counts(int_ops=24 * PHILOX, muls=24 + 24, adds=24, compares=24), status="heuristic"),  # training
)  # fmt: skip
