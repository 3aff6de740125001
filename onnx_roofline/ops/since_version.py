"""Since which version the standard knows an op, where that is not 1. Source: the schemas of onnx 1.23."""

_BY_VERSION: dict[tuple[str, int], str] = {
    ("", 7): "Acos Asin Atan Cos Multinomial Sin Tan",
    ("", 8): "Expand Scan",
    ("", 9): (
        "Acosh Asinh Atanh Compress ConstantOfShape Cosh Erf EyeLike IsNaN MaxUnpool "
        "MeanVarianceNormalization NonZero OneHot Scatter Shrink Sign Sinh TfIdfVectorizer Where"
    ),
    ("", 10): (
        "ConvInteger DequantizeLinear IsInf MatMulInteger Mod NonMaxSuppression QLinearConv QLinearMatMul "
        "QuantizeLinear Resize ReverseSequence RoiAlign StringNormalizer ThresholdedRelu"
    ),
    ("", 11): (
        "BitShift ConcatFromSequence CumSum Det DynamicQuantizeLinear GatherElements GatherND Range Round "
        "ScatterElements ScatterND SequenceAt SequenceConstruct SequenceEmpty SequenceErase SequenceInsert "
        "SequenceLength SplitToSequence Unique"
    ),
    ("", 12): "Celu Einsum GreaterOrEqual LessOrEqual NegativeLogLikelihoodLoss SoftmaxCrossEntropyLoss",
    ("", 14): "HardSwish Trilu",
    ("", 15): "Bernoulli CastLike Optional OptionalGetElement OptionalHasElement",
    ("", 16): "GridSample",
    ("", 17): ("BlackmanWindow DFT HammingWindow HannWindow LayerNormalization MelWeightMatrix STFT SequenceMap"),
    ("", 18): "BitwiseAnd BitwiseNot BitwiseOr BitwiseXor CenterCropPad Col2Im GroupNormalization Mish",
    ("", 19): "DeformConv",
    ("", 20): "AffineGrid Gelu ImageDecoder RegexFullMatch StringConcat StringSplit",
    ("", 23): "Attention RMSNormalization RotaryEmbedding",
    ("", 24): "Swish TensorScatter",
    ("", 26): "BitCast CumProd",
    ("", 27): "CausalConvWithState LinearAttention",
    ("", 28): "SwiGLU",
    ("ai.onnx.ml", 5): "TreeEnsemble",
}

INTRODUCED: dict[tuple[str, str], int] = {
    (domain, name): version for (domain, version), names in _BY_VERSION.items() for name in names.split()
}
