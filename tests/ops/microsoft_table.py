"""Rows for onnxruntime's fused element-wise ops and normalisations, and for what moves, samples, hashes or searches.

LayerNorm of n in R rows: adds 4n - R, muls 3n, divs 2R, R roots; RMSNorm: adds n, muls 3n, divs R, R roots. Sigmoid: a
transcendental, an add and a div each.
"""

from rule_table import OperandSpec, Row

from onnx_roofline.ir.records import Counts

MS = "com.microsoft"


def x(*shape: int) -> OperandSpec:
    """A float32 operand."""
    return ("float32", shape)


def h(*shape: int) -> OperandSpec:
    """A float16 operand."""
    return ("float16", shape)


def i32(*shape: int) -> OperandSpec:
    """An int32 operand."""
    return ("int32", shape)


def i64(*shape: int) -> OperandSpec:
    """An int64 operand."""
    return ("int64", shape)


def u8(*shape: int) -> OperandSpec:
    """A uint8 operand."""
    return ("uint8", shape)


FUSED: tuple[Row, ...] = (
    # x + b; x / sqrt 2, erf, 1 +, two products
    Row("BiasGelu", 1, (x(2, 3), x(3)), (x(2, 3),), Counts(adds=6 + 6, muls=12, divs=6, transcendentals=6), domain=MS),
    Row("Gelu", 1, (x(2, 3),), (x(2, 3),), Counts(adds=6, muls=12, divs=6, transcendentals=6), domain=MS),
    # a x + b x x x: 4 products; 1 + tanh; 0.5 x times it
    Row("FastGelu", 1, (x(2, 3), x(3)), (x(2, 3),), Counts(adds=6 + 12, muls=36, transcendentals=6), domain=MS),
    Row("FastGelu", 1, (x(2, 3),), (x(2, 3),), Counts(adds=12, muls=36, transcendentals=6), domain=MS),
    Row("QuickGelu", 1, (x(2, 3),), (x(2, 3),), Counts(muls=6 + 6, transcendentals=6, adds=6, divs=6), domain=MS),
    Row("QuickGelu", 1, (x(2, 3),), (x(2, 3),), Counts(muls=6, transcendentals=6, adds=6, divs=6), {"alpha": 1.0},
        domain=MS),
    Row("ScaledSiLU", 1, (x(2, 3),), (x(2, 3),), Counts(muls=6 + 6, transcendentals=6, adds=6, divs=6), domain=MS),
    # bias on both halves, GELU of one, the product
    Row("BiasSplitGelu", 1, (x(1, 2, 6), x(6)), (x(1, 2, 3),), Counts(
        adds=12 + 6, muls=12 + 6, divs=6, transcendentals=6), domain=MS),
    Row("BiasAdd", 1, (x(1, 2, 3), x(3), x(1, 2, 3)), (x(1, 2, 3),), Counts(adds=12), domain=MS),
    Row("GatedAdd", 1, (x(2, 3), x(2, 3), x(2, 1)), (x(2, 3),), Counts(adds=6, muls=6), domain=MS),
    # a gate for each of 2 rows from 5 columns
    Row("GatedAdd", 1, (x(2, 3), x(2, 3), x(2, 5), x(5, 1)), (x(2, 3),), Counts(macs=10, adds=6 + 2, muls=6, divs=2,
        transcendentals=2), domain=MS),
    # bias, then a softmax of 2 rows of 12
    Row("BiasSoftmax", 1, (x(2, 3, 4), x(2, 3, 4)), (x(2, 3, 4),), Counts(
        adds=24 + 48 - 2, divs=24, compares=24 - 2, transcendentals=24), {"axis": 1, "is_inner_broadcast": 0},
        domain=MS),
    Row("BiasDropout", 1, (x(2, 3), x(3), x(2, 3)), (x(2, 3), ("bool", (2, 3))), Counts(adds=12), domain=MS),
    Row("BitmaskBiasDropout", 1, (x(2, 3), x(3)), (x(2, 3), ("uint32", (1,))), Counts(adds=6), domain=MS),
    Row("BitmaskDropout", 1, (x(2, 3),), (x(2, 3),), domain=MS, is_view=True),
    # 3 complex products: 4 muls, 2 adds each
    Row("ComplexMul", 1, (x(3, 2), x(3, 2)), (x(3, 2),), Counts(muls=12, adds=6), domain=MS),
    Row("ComplexMulConj", 1, (x(3, 2), x(3, 2)), (x(3, 2),), Counts(muls=12, adds=6), domain=MS),
    Row("IsAllFinite", 1, (x(2, 3), x(4)), (("bool", ()),), Counts(compares=6 + 4), domain=MS),
    # all 2*2*3*8 elements; 6 tokens look up a row of 4 in tables of 40 rows
    Row("RotaryEmbedding", 1, (x(2, 2, 3, 8), i64(2, 3), x(40, 4), x(40, 4)), (x(2, 2, 3, 8),), Counts(
        muls=2 * 96, adds=96), reads=(96, 6, 24, 24), domain=MS),
    # 8 of the 16 columns of each of 2 heads
    Row("RotaryEmbedding", 1, (x(2, 3, 32), i64(1), x(40, 4), x(40, 4)), (x(2, 3, 32),), Counts(
        muls=2 * 96, adds=96), {"num_heads": 2, "rotary_embedding_dim": 8}, reads=(192, 1, 24, 24), domain=MS),
    Row("MRotaryEmbedding", 1, (x(2, 2, 3, 8), i64(3, 2, 3), x(40, 4), x(40, 4)), (x(2, 2, 3, 8),), Counts(
        muls=2 * 96, adds=96), {"mrope_section": (2, 1, 1)}, reads=(96, 18, 24, 24), domain=MS),
    # sine and cosine of 2*3*8 angles; Q and K of 96
    Row("GemmaRotaryEmbedding", 1, (x(2, 3, 8), h(2, 2, 3, 8), h(2, 2, 3, 8), h(2, 2, 3, 8), h(2, 2, 3, 8)),
        (h(2, 2, 3, 8), h(2, 2, 3, 8)), Counts(transcendentals=2 * 48, muls=2 * 192, adds=192), domain=MS,
        dtype="float16"),
    Row("SimplifiedLayerNormalization", 17, (x(2, 3, 8), x(8)), (x(2, 3, 8),), Counts(
        adds=48, muls=3 * 48, divs=6, transcendentals=6)),
    Row("SkipLayerNormalization", 1, (x(2, 3, 8), x(2, 3, 8), x(8), x(8), x(8)), (x(2, 3, 8), None, None, x(2, 3, 8)),
        Counts(adds=2 * 48 + 4 * 48 - 6, muls=3 * 48, divs=12, transcendentals=6), domain=MS),
    # no beta, no bias, one skip for the batch
    Row("SkipLayerNormalization", 1, (x(2, 3, 8), x(1, 3, 8), x(8)), (x(2, 3, 8),), Counts(
        adds=48 + 3 * 48 - 6, muls=3 * 48, divs=12, transcendentals=6), domain=MS),
    Row("SkipSimplifiedLayerNormalization", 1, (x(2, 3, 8), x(2, 3, 8), x(8)), (x(2, 3, 8),), Counts(
        adds=48 + 48, muls=3 * 48, divs=6, transcendentals=6), domain=MS),
    # 2 images of 4 groups; SiLU
    Row("GroupNorm", 1, (x(2, 3, 3, 8), x(8), x(8)), (x(2, 3, 3, 8),), Counts(
        adds=4 * 144 - 8 + 144, muls=3 * 144 + 144, divs=16 + 144, transcendentals=8 + 144),
        {"groups": 4, "activation": 1}, domain=MS),
    Row("SkipGroupNorm", 1, (x(2, 3, 3, 8), x(8), x(8), x(2, 1, 1, 8), x(8)), (x(2, 3, 3, 8),), Counts(
        adds=4 * 144 - 8 + 2 * 144, muls=3 * 144, divs=16, transcendentals=8), {"groups": 4, "activation": 0},
        domain=MS),
    # 2 * 3 branches of 4, without a scale
    Row("BranchwiseRMSNorm", 1, (x(2, 12),), (x(2, 12),), Counts(adds=24, muls=2 * 24, divs=6, transcendentals=6),
        {"num_branches": 3}, domain=MS),
    Row("BranchwiseRMSNorm", 1, (x(2, 3, 4), x(4)), (x(2, 3, 4),), Counts(
        adds=24, muls=3 * 24, divs=6, transcendentals=6), domain=MS),
    # rows of 4, as the scale; SiLU of the gate, the product
    Row("GatedRMSNorm", 1, (x(2, 8), x(4), x(2, 8)), (x(2, 8),), Counts(
        adds=16 + 16, muls=3 * 16 + 16 + 16, divs=4 + 16, transcendentals=4 + 16), {"activation": "silu"}, domain=MS),
    # 2 rows of 8: two norms, the dot; / sqrt H, |.|, max, root, sign and product, sigmoid; times the value
    Row("EngramGate", 1, (x(1, 1, 2, 8), x(1, 1, 2, 8), x(1, 1, 8), x(2, 8), x(2, 8)), (x(1, 1, 2, 8),), Counts(
        macs=16, adds=2 * 16 + 2 * 2 + 2, muls=2 * 48 + 2 + 16, divs=2 * 2 + 2 + 2, compares=2,
        transcendentals=2 * 2 + 2 + 2), domain=MS),
    Row("HyperConnectionPreMix", 1, (x(2, 3, 4), x(2, 3)), (x(2, 4),), Counts(macs=24, muls=8),
        {"reduction_scale": 0.5}, domain=MS),
    # 24 products with the branch, 24 * 3 of the mixing matrix
    Row("HyperConnectionPostMix", 1, (x(2, 3, 4), x(2, 4), x(2, 3), x(2, 3, 3)), (x(2, 3, 4),), Counts(macs=24 + 72),
        domain=MS),
    # 6 tokens of 8: position and segment added; 3 rows of positions, 2 of segments, 6 words of 100
    Row("EmbedLayerNormalization", 1, (i32(2, 3), i32(2, 3), x(100, 8), x(50, 8), x(2, 8), x(8), x(8), i32(2, 3)),
        (x(2, 3, 8), i32(2)), Counts(adds=4 * 48 - 6 + 96, muls=3 * 48, divs=12, transcendentals=6, int_ops=6),
        reads=(6, 6, 48, 24, 16, 8, 8, 6), domain=MS),
    # 3 rows of 8 for each of 6 tokens, gamma and beta of 8 dequantised
    Row("QEmbedLayerNormalization", 1, (i32(2, 3), i32(2, 3), u8(100, 8), u8(50, 8), u8(2, 8), u8(8), u8(8), None,
        *(x(),) * 5, *(u8(),) * 5), (x(2, 3, 8), i32(2)), Counts(
        adds=4 * 48 - 6 + 96 + 144 + 16, muls=3 * 48 + 144 + 16, divs=12, transcendentals=6),
        reads=(6, 6, 48, 24, 16, 8, 8, 0, *(1,) * 10), domain=MS),
    # 3 * 5 pairs of 4: differences, squares, roots
    Row("CDist", 1, (x(3, 4), x(5, 4)), (x(3, 5),), Counts(macs=60, adds=60, transcendentals=15),
        {"metric": "euclidean"}, domain=MS),
    Row("Affine", 1, (x(4),), (x(4),), Counts(adds=4, muls=4)),
    Row("ImageScaler", 1, (x(1, 3, 2, 2),), (x(1, 3, 2, 2),), Counts(adds=12, muls=12)),
    Row("Scale", 1, (x(4),), (x(4),), Counts(muls=4)),
    Row("ScaledTanh", 1, (x(4),), (x(4),), Counts(muls=8, transcendentals=4)),
    Row("ParametricSoftplus", 1, (x(4),), (x(4),), Counts(muls=8, adds=4, transcendentals=8)),
    Row("DisentangledAttention_TRT", 1, (x(2, 4, 4), x(2, 4, 64), x(2, 4, 64)), (x(2, 4, 4),), Counts(
        adds=2 * 32, muls=32), reads=(32, 32, 32)),  # one position score of each kind for each content score
)  # fmt: skip

MOVEMENT: tuple[Row, ...] = (
    Row("ExpandDims", 1, (x(2, 3), i32()), (x(2, 1, 3),), domain=MS, is_view=True),
    Row("SampleOp", 1, (x(2, 3),), (x(2, 3),), domain=MS, is_view=True),
    Row("Pad", 1, (x(2, 3), i64(4)), (x(4, 5),), domain=MS),
    Row("Trilu", 1, (x(3, 3),), (x(3, 3),), domain=MS),
    Row("GatherND", 1, (x(9, 3, 4), i64(5, 2)), (x(5, 4),), reads=(20, 10), domain=MS),
    Row("TorchEmbedding", 1, (x(100, 4), i64(3)), (x(3, 4),), reads=(12, 3), domain=MS),
    Row("DynamicSlice", 1, (x(4, 5), i64(1), i64(1)), (x(2, 5),), reads=(10, 1, 1)),
    Row("Range", 1, (x(), x(), x()), (x(7),), Counts(adds=7), domain=MS),
    Row("Unique", 1, (x(9),), (x(9), i64(9), i64(9)), Counts(compares=9 * 4), status="heuristic", domain=MS),  # log2 9
    Row("Crop", 1, (x(1, 2, 6, 6),), (x(1, 2, 4, 4),), reads=(32,)),
    Row("GivenTensorFill", 1, (), (x(2, 3),)),
    Row("MemcpyFromHost", 1, (x(4),), (x(4),)),
    Row("MemcpyToHost", 1, (x(4),), (x(4),)),
    # at most all 2 * 3 tokens
    Row("RemovePadding", 1, (x(2, 3, 4), i32(2)), (x(5, 4), i32(2, 3), i32(3), i32(1)), Counts(int_ops=6),
        reads=(20, 2), status="bounded", domain=MS),
    Row("RestorePadding", 1, (x(5, 4), i32(2, 3)), (x(2, 3, 4),), domain=MS),
    Row("UnfoldTensor", 1, (x(2, 7),), (x(2, 3, 3),), attributes={"size": 3, "step": 2}, domain=MS),
    # 4 neighbours
    Row("GridSample", 1, (x(1, 2, 4, 4), x(1, 3, 5, 2)), (x(1, 2, 3, 5),), Counts(muls=4 * 30, adds=3 * 30), domain=MS),
    Row("GridSample", 1, (x(1, 2, 9, 9), x(1, 3, 5, 2)), (x(1, 2, 3, 5),), attributes={"mode": "nearest"},
        reads=(30, 30), domain=MS),
    Row("CropAndResize", 1, (x(1, 2, 4, 4), x(3, 4), i32(3), i32(2)), (x(3, 2, 2, 3),), Counts(
        muls=4 * 36, adds=3 * 36), domain=MS),
    # one level read whole, since 4 samples for each of 2*8*7*7 = 784 outputs would be more than it holds
    Row("PyramidROIAlign_TRT", 1, (x(1, 2, 4), x(1, 8, 16, 16), x(1, 8, 8, 8), x(1, 8, 4, 4), x(1, 8, 2, 2)),
        (x(1, 2, 8, 7, 7),), Counts(muls=4 * 784, adds=3 * 784), {"pooled_size": 7}, status="heuristic"),
    Row("MultilevelCropAndResize_TRT", 1, (x(1, 2, 4), x(1, 8, 16, 16), x(1, 8, 8, 8), x(1, 8, 4, 4), x(1, 8, 2, 2)),
        (x(1, 2, 8, 7, 7),), Counts(muls=4 * 784, adds=3 * 784), {"pooled_size": 7}, status="heuristic"),
    # 10 boxes against 4 that are kept; 10 * 3 scores
    Row("EfficientNMS_TRT", 1, (x(1, 10, 4), x(1, 10, 3)), (i32(1, 1), x(1, 4, 4), x(1, 4), i32(1, 4)), Counts(
        compares=7 * 40 + 30, adds=4 * 40, muls=40, divs=40), {"max_output_boxes": 4}, status="heuristic"),
    # 18 windows of 4: 4 masks, 3 maxima
    Row("MaxpoolWithMask", 1, (x(1, 2, 6, 6), i32(1, 1, 6, 6)), (x(1, 2, 3, 3),), Counts(compares=18 * 7),
        {"kernel_shape": (2, 2), "strides": (2, 2)}, domain=MS),
    Row("ReduceSumInteger", 1, (u8(2, 3),), (("uint32", (2, 1)),), Counts(int_ops=6 - 2), {"axes": (1,), "keepdims": 1},
        domain=MS),
    # 2 matrices of 4 x 4
    Row("Inverse", 1, (x(2, 4, 4),), (x(2, 4, 4),), Counts(macs=2 * 64, divs=2 * 16), status="heuristic", domain=MS),
    # 3 transforms of 8 reals: 3 levels of 2 complex butterflies for each 8: 8 muls and 12 adds
    Row("Rfft", 1, (x(3, 8),), (x(3, 5, 2),), Counts(muls=3 * 8 * 3, adds=3 * 12 * 3), {"signal_ndim": 1},
        status="heuristic", domain=MS),
    Row("Irfft", 1, (x(3, 5, 2),), (x(3, 8),), Counts(muls=3 * 8 * 3, adds=3 * 12 * 3), {"signal_ndim": 1},
        status="heuristic", domain=MS),
    Row("DynamicTimeWarping", 1, (x(3, 5),), (i32(2, 7),), Counts(compares=2 * 15, adds=15),
        domain=MS, steps=3 + 5 - 1),
    # two 4-byte words of each
    Row("MurmurHash3", 1, (i64(3),), (("uint32", (3,)),), Counts(int_ops=3 * (2 * 7 + 8)), domain=MS),
    Row("Tokenizer", 1, (("string", (2,)),), (("string", (2, 3)),), Counts(int_ops=16 * 2), status="heuristic",
        domain=MS),
    # 2 * 5 places, 3 tokens compared at each
    Row("NGramRepeatBlock", 1, (i64(2, 5), x(2, 9)), (x(2, 9),), Counts(int_ops=10 * 3), {"ngram_size": 3},
        status="bounded", domain=MS),
    # 6 source tokens against the prediction, then against suffixes of at most 3
    Row("BifurcationDetector", 1, (i64(6), i64(2), i64(), i64(7)), (i64(9), i64()), Counts(int_ops=6 + 6 * 3),
        {"max_ngram_size": 3}, status="bounded", domain=MS),
    # 8 tokens: 3 products, 2 exclusive ors; 32 remainders, 32 offsets
    Row("NGramHashMapping", 1, (i64(2, 4), i64(3), i64(4), None, i64(4)), (i64(2, 4, 4),), Counts(
        int_ops=8 * 3 + 8 * 2 + 32 + 32), {"max_ngram_size": 3, "n_head_per_ngram": 2, "pad_id": 0}, domain=MS),
    Row("VarlenNGramHashMapping", 1, (i64(8), i64(3), i64(4), i32(3)), (i64(8, 4),), Counts(
        int_ops=8 * 3 + 8 * 2 + 32), {"max_ngram_size": 3, "n_head_per_ngram": 2, "pad_id": 0}, domain=MS),
)  # fmt: skip

ROWS = (*FUSED, *MOVEMENT)
