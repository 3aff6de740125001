"""One-node models of onnxruntime's ops with operands that its CPU provider accepts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

MS, NCHWC = "com.microsoft", "com.microsoft.nchwc"
_RANDOM = np.random.default_rng(7)


@dataclass(frozen=True)
class Case:
    """`constants` are the positions whose values the model stores; `bounded` outputs may be smaller than inferred."""

    op: str
    inputs: tuple[Any, ...]
    outputs: int = 1
    attributes: Mapping[str, Any] = field(default_factory=dict)
    constants: tuple[int, ...] = ()
    domain: str = MS
    bounded: tuple[int, ...] = ()
    opset: int = 17
    skipped: tuple[int, ...] = ()
    types: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """Domain and op."""
        return f"{self.domain or 'ai.onnx'}.{self.op}"


def f(*shape: int) -> Any:
    """Floats of this shape."""
    return _RANDOM.random(shape, dtype=np.float32)


def u8(*shape: int, high: int = 255) -> Any:
    """Bytes of this shape."""
    return _RANDOM.integers(0, high, shape, dtype=np.uint8)


def i8(*shape: int) -> Any:
    """Signed bytes of this shape."""
    return _RANDOM.integers(-99, 99, shape, dtype=np.int8)


def i32(*values: int) -> Any:
    """A list of 32-bit integers."""
    return np.array(values, np.int32)


def i64(*values: int) -> Any:
    """A list of 64-bit integers."""
    return np.array(values, np.int64)


def ids(*shape: int, high: int = 4, dtype: Any = np.int32) -> Any:
    """Small indices."""
    return _RANDOM.integers(0, high, shape, dtype=dtype)


SCALE = np.float32(0.5)
ZERO = np.uint8(3)

_UNARY = ("Gelu", "QuickGelu", "FastGelu", "ScaledSiLU", "SampleOp", "Inverse", "Trilu")

CASES: tuple[Case, ...] = (
    *(Case(name, (f(2, 4, 4),)) for name in _UNARY),
    Case("FastGelu", (f(2, 3, 4), f(4))),
    Case("BiasGelu", (f(2, 3, 4), f(4))),
    Case("BranchwiseRMSNorm", (f(2, 3, 4), f(4))),
    Case("BranchwiseRMSNorm", (f(2, 12), f(12)), 1, {"num_branches": 3}),
    Case("GatedAdd", (f(2, 3, 4), f(2, 3, 4), f(2, 3, 1))),
    Case("GatedRMSNorm", (f(2, 3, 8), f(4), f(2, 3, 8)), 1, {"activation": "silu"}),
    Case("EngramGate", (f(2, 3, 2, 8), f(2, 3, 2, 8), f(2, 3, 8), f(2, 8), f(2, 8), f(2, 8)), 2),
    Case("HyperConnectionPreMix", (f(2, 3, 4), f(2, 3))),
    Case("HyperConnectionPostMix", (f(2, 3, 4), f(2, 4), f(2, 3), f(2, 3, 3))),
    Case("SkipLayerNormalization", (f(2, 3, 8), f(2, 3, 8), f(8), f(8), f(8)), 4, skipped=(1, 2)),
    Case("SkipSimplifiedLayerNormalization", (f(2, 3, 8), f(2, 3, 8), f(8), f(8)), 4, skipped=(1, 2)),
    Case("SimplifiedLayerNormalization", (f(2, 3, 8), f(8)), 2, {"axis": -1}, domain=""),
    Case("EmbedLayerNormalization", (ids(2, 3), ids(2, 3, high=2), f(5, 8), f(6, 8), f(2, 8), f(8), f(8)), 3),
    Case("EmbedLayerNormalization", (ids(2, 3), ids(2, 3, high=2), f(5, 8), f(6, 8), f(2, 8), f(8), f(8),
         np.ones((2, 3), np.int32)), 2, {"mask_index_type": 1}),
    Case("QEmbedLayerNormalization", (ids(2, 3), ids(2, 3, high=2), u8(5, 8), u8(6, 8), u8(2, 8), u8(8), u8(8),
         np.ones((2, 3), np.int32), *(SCALE,) * 5, *(ZERO,) * 5), 2),
    Case("RotaryEmbedding", (f(2, 3, 16), i64(0), f(8, 4), f(8, 4)), 1, {"num_heads": 2, "rotary_embedding_dim": 8}),
    Case("RotaryEmbedding", (f(2, 2, 3, 8), ids(2, 3, dtype=np.int64), f(8, 4), f(8, 4))),
    Case("MRotaryEmbedding", (f(2, 2, 3, 8), ids(3, 2, 3, dtype=np.int64), f(8, 4), f(8, 4)), 1,
         {"mrope_section": [2, 1, 1]}),
    Case("LinearAttentionGate", (f(2, 3, 4), f(4), f(4), f(2, 3, 4)), 2),
    Case("CDist", (f(3, 4), f(5, 4)), 1, {"metric": "euclidean"}, types=("float32",)),
    Case("Affine", (f(4),), 1, {"alpha": 2.0, "beta": 1.0}, domain="", opset=7),
    Case("ParametricSoftplus", (f(4),), 1, {"alpha": 2.0, "beta": 1.0}, domain="", opset=7),
    Case("ScaledTanh", (f(4),), 1, {"alpha": 2.0, "beta": 1.0}, domain="", opset=7),
    Case("Scale", (f(4),), 1, {"scale": 2.0}, domain="", opset=7),
    Case("ImageScaler", (f(1, 3, 4, 4),), 1, {"scale": 2.0, "bias": [1.0, 2.0, 3.0]}, domain="", opset=7),
    Case("Crop", (f(1, 2, 6, 7),), 1, {"border": [1, 0, 2, 1]}, domain="", opset=7),
    Case("Crop", (f(1, 2, 6, 7),), 1, {"border": [1, 0, 2, 1], "scale": [3, 2]}, domain="", opset=7),
    Case("DynamicSlice", (f(4, 5), i64(1), i64(-1), i64(1)), 1, {}, (1, 2, 3), domain="", opset=7, types=("float32",)),
    Case("MemcpyToHost", (f(4),), domain=""),
    Case("MemcpyFromHost", (f(4),), domain=""),
    # Attention.
    Case("Attention", (f(2, 3, 6), f(6, 24), f(24), i32(3, 2), f(2, 2, 2, 5, 4)), 2, {"num_heads": 2}),
    Case("Attention", (f(2, 3, 6), f(6, 24), f(24)), 2, {"num_heads": 2, "unidirectional": 1}),
    Case("Attention", (f(2, 3, 6), f(6, 8 + 8 + 12), f(28)), 1, {"num_heads": 2, "qkv_hidden_sizes": [8, 8, 12]}),
    Case("MultiHeadAttention", (f(2, 3, 8), f(2, 5, 8), f(2, 5, 12)), 3, {"num_heads": 2}),
    Case("MultiHeadAttention", (f(2, 3, 8), f(2, 3, 8), f(2, 3, 8), f(24), None, None, f(2, 2, 4, 4), f(2, 2, 4, 4)), 3,
         {"num_heads": 2}),
    Case("MultiHeadAttention", (f(2, 3, 8), f(2, 2, 5, 4), f(2, 2, 5, 4)), 1, {"num_heads": 2}),
    Case("MultiHeadAttention", (f(2, 3, 8), f(2, 5, 8), f(2, 5, 8)), 4, {"num_heads": 2}, types=("float32",) * 4),
    Case("DecoderMaskedMultiHeadAttention", (f(2, 1, 8), f(2, 1, 8), f(2, 1, 8), None, None, f(2, 2, 4, 4),
         f(2, 2, 4, 4), i32(2)), 3, {"num_heads": 2, "past_present_share_buffer": 1}),
    Case("GroupQueryAttention", (f(2, 3, 32), f(2, 3, 16), f(2, 3, 16), None, None, i32(2, 2), np.int32(3)), 3,
         {"num_heads": 4, "kv_num_heads": 2}),
    Case("GroupQueryAttention", (f(2, 1, 32), f(2, 1, 16), f(2, 1, 16), f(2, 2, 6, 8), f(2, 2, 6, 8), i32(6, 6),
         np.int32(7)), 3, {"num_heads": 4, "kv_num_heads": 2}, (6,)),
    Case("GroupQueryAttention", (f(2, 1, 64), None, None, f(2, 2, 6, 8), f(2, 2, 6, 8), i32(3, 3), np.int32(4)), 3,
         {"num_heads": 4, "kv_num_heads": 2}, (6,)),
    Case("GroupQueryAttention", (f(2, 1, 64), None, None, f(2, 2, 6, 8), f(2, 2, 6, 8), i32(3, 3), np.int32(4)), 3,
         {"num_heads": 4, "kv_num_heads": 2}, bounded=(1, 2)),
    # no keys of its own: the cache of another layer
    Case("GroupQueryAttention", (f(2, 1, 32), f(2, 0, 16), f(2, 0, 16), f(2, 2, 6, 8), f(2, 2, 6, 8), i32(4, 4),
         np.int32(5)), 3, {"num_heads": 4, "kv_num_heads": 2}),
    Case("GroupQueryAttention", (f(2, 3, 128), None, None, None, None, i32(2, 2), np.int32(3), f(8, 8), f(8, 8)), 3,
         {"num_heads": 4, "kv_num_heads": 2, "do_rotary": 1}),
    Case("GroupQueryAttention", (f(2, 1, 32), f(2, 1, 16), f(2, 1, 16), f(2, 2, 6, 8), f(2, 2, 6, 8), i32(6, 6),
         np.int32(7)), 4, {"num_heads": 4, "kv_num_heads": 2, "qk_output": 1}, (6,), types=("float32",) * 4),
    Case("QAttention", (u8(2, 3, 6), u8(6, 24), f(24), SCALE, SCALE, i32(3, 2), ZERO, ZERO, f(2, 2, 2, 5, 4)), 2,
         {"num_heads": 2}),
    Case("LinearAttention", (f(2, 3, 8), f(2, 3, 8), f(2, 3, 12), f(2, 2, 4, 6), f(2, 3, 2), f(2, 3, 2)), 2,
         {"q_num_heads": 2, "kv_num_heads": 2}),
    Case("CausalConvWithState", (f(2, 4, 5), f(4, 1, 3), f(4), f(2, 4, 2)), 2, {"activation": "silu"}),
    Case("CausalConvWithState", (f(2, 5, 4), f(4, 1, 3), f(4), f(2, 4, 4)), 2, {"channels_last": 1, "dilation": 2}),
    Case("DynamicQuantizeLSTM", (f(3, 2, 4), i8(1, 4, 20), i8(1, 5, 20), f(1, 40), None, None, None, None, f(1),
         np.zeros(1, np.int8), f(1), np.zeros(1, np.int8)), 3, {"hidden_size": 5}, (1, 2)),
    Case("AttnLSTM", (f(3, 2, 4), f(1, 20, 4 + 7), f(1, 20, 5), f(1, 40), None, None, None, None, f(1, 5, 6),
         f(1, 7, 6), f(1, 6), f(2, 8, 7)), 3, {"hidden_size": 5, "activations": ["sigmoid", "tanh", "tanh"]},
         types=("float32",) * 3),
    Case("GatedDeltaNet", (f(6, 2, 4), f(6, 2, 4), f(6, 4, 3), i32(0, 2, 6), f(6, 4), f(6, 4), f(2, 4, 3, 4)), 2),
    Case("VarlenCausalConvWithState", (f(7, 4), f(4, 1, 3), i32(0, 3, 7), f(4), f(2, 4, 2)), 2),
    # Products.
    Case("FusedConv", (f(1, 3, 8, 8), f(4, 3, 3, 3), f(4), f(1, 4, 4, 4)), 1,
         {"strides": [2, 2], "pads": [1, 1, 1, 1], "activation": "Relu"}),
    Case("ConvTransposeWithDynamicPads", (f(1, 2, 4, 4), f(2, 3, 3, 3), i64(1, 1, 1, 1), f(3)), 1,
         {"strides": [2, 2], "kernel_shape": [3, 3]}, (2,)),
    Case("FusedMatMul", (f(2, 4, 3), f(5, 4)), 1, {"transA": 1, "transB": 1, "alpha": 0.5}),
    Case("FusedMatMul", (f(3, 2, 4, 5), f(6, 2, 4, 5)), 1, {"transBatchA": 1, "transBatchB": 1, "transB": 1}),
    Case("TransposeMatMul", (f(2, 4, 3), f(2, 4, 5)), 1, {"transA": 1}),
    Case("FusedGemm", (f(4, 3), f(5, 4), f(5)), 1, {"transA": 1, "transB": 1, "activation": "Relu"}),
    Case("MatMulNBits", (f(2, 3, 32), u8(8, 2, 8), f(8, 2), u8(8, 1)), 1,
         {"K": 32, "N": 8, "bits": 4, "block_size": 16}, (1, 2, 3)),
    Case("MatMulNBits", (f(3, 32), u8(8, 1, 32), f(8, 1)), 1, {"K": 32, "N": 8, "bits": 8, "block_size": 32}, (1, 2)),
    Case("MatMulBnb4", (f(3, 32), u8(128), f(16)), 1, {"K": 32, "N": 8, "block_size": 16, "quant_type": 1}, (1, 2)),
    Case("MatMulInteger16", (ids(2, 3, dtype=np.int16), ids(3, 4, dtype=np.int16))),
    Case("MatMulIntegerToFloat", (u8(2, 3, 4), u8(4, 5), SCALE, SCALE, ZERO, ZERO, f(5))),
    Case("DynamicQuantizeMatMul", (f(2, 3, 4), u8(4, 5), SCALE, ZERO, f(5))),
    Case("QGemm", (u8(3, 4), SCALE, ZERO, u8(4, 5), SCALE, ZERO, ids(3, 5), SCALE, ZERO)),
    Case("QGemm", (u8(3, 4), SCALE, ZERO, u8(5, 4), SCALE, ZERO), 1, {"transB": 1}),
    # 18 bytes hold a block of 32
    Case("GatherPacked", (u8(100, 18), ids(2, 3, dtype=np.int64)), 1, {"K": 32, "packed_type": 2, "output_dtype": 1}),
    Case("MoEGroupRouter", (f(2, 3, 8), f(8)), 1, {"top_k": 3, "n_group": 4, "topk_group": 2}),
    Case("MoEGroupRouter", (f(3, 8), f(8)), 3, {"top_k": 2}, skipped=(0,)),
    Case("MoE", (f(6, 8), f(6, 4), f(4, 16, 8), f(4, 16), f(4, 8, 16), f(4, 8)), 1, {"k": 2}),
    Case("QMoE", (f(6, 32), f(6, 4), u8(4, 64, 16), f(4, 64), None, u8(4, 32, 32), f(4, 32)), 1,
         {"k": 2, "expert_weight_bits": 4, "activation_type": "relu"}),
    Case("WordConvEmbedding", (ids(3, 6), f(5, 1, 2, 4), f(5), f(7, 4)), types=("float32",)),
    # Quantised.
    Case("QuantizeLinear", (f(2, 3), SCALE, ZERO)),
    Case("DequantizeLinear", (u8(2, 3), SCALE, ZERO)),
    Case("QLinearAdd", (u8(2, 3, 4), SCALE, ZERO, u8(4), SCALE, ZERO, SCALE, ZERO)),
    Case("QLinearMul", (u8(2, 3, 4), SCALE, ZERO, u8(3, 1), SCALE, ZERO, SCALE, ZERO)),
    Case("QLinearSigmoid", (u8(2, 3), SCALE, ZERO, SCALE, ZERO)),
    Case("QLinearLeakyRelu", (u8(2, 3), SCALE, ZERO, SCALE, ZERO)),
    Case("QLinearSoftmax", (u8(2, 3), SCALE, ZERO, SCALE, ZERO), 1, {"opset": 13, "axis": -1}),
    Case("QLinearAveragePool", (u8(1, 2, 7, 7), SCALE, ZERO, SCALE, ZERO), 1,
         {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1}),
    Case("QLinearAveragePool", (u8(1, 7, 7, 2), SCALE, ZERO, SCALE, ZERO), 1,
         {"kernel_shape": [3, 3], "channels_last": 1}),
    Case("QLinearGlobalAveragePool", (u8(1, 2, 7, 7), SCALE, ZERO, SCALE, ZERO)),
    Case("QLinearGlobalAveragePool", (u8(1, 7, 7, 2), SCALE, ZERO, SCALE, ZERO), 1, {"channels_last": 1}),
    Case("QLinearConcat", (SCALE, ZERO, u8(2, 3), SCALE, ZERO, u8(2, 4), SCALE, ZERO), 1, {"axis": 1}),
    Case("QLinearWhere", (np.ones((2, 1), bool), u8(2, 3), SCALE, ZERO, u8(3), SCALE, ZERO, SCALE, ZERO), 1, {},
         (2, 3, 5, 6, 7, 8)),
    Case("QLinearConv", (u8(1, 3, 6, 6), SCALE, ZERO, u8(4, 3, 3, 3), SCALE, ZERO, SCALE, ZERO, ids(4)), 1,
         {"auto_pad": "SAME_UPPER", "strides": [2, 2]}),
    Case("QLinearConv", (u8(1, 6, 6, 3), SCALE, ZERO, u8(4, 3, 3, 3), SCALE, ZERO, SCALE, ZERO), 1,
         {"channels_last": 1}),
    Case("NhwcMaxPool", (u8(1, 7, 7, 2),), 1, {"kernel_shape": [3, 3], "strides": [2, 2]}),
    Case("GatherBlockQuantized", (u8(6, 16), ids(2, 3, dtype=np.int64), f(6, 2), u8(6, 1)), 1,
         {"bits": 4, "block_size": 16, "gather_axis": 0, "quantize_axis": 1}, (0, 2, 3)),
    # Movement and the rest.
    Case("ExpandDims", (f(2, 3), np.int32(1)), 1, {}, (1,)),
    Case("Pad", (f(2, 3), i64(1, 0, 2, 1)), 1, {}, (1,)),
    Case("GatherND", (f(2, 3, 4), ids(5, 2, high=2, dtype=np.int64))),
    Case("Range", (np.int64(1), np.int64(8), np.int64(3)), 1, {}, (0, 1, 2)),
    Case("Range", (np.float32(4), np.float32(1), np.float32(-1)), 1, {}, (0, 1, 2)),
    Case("Unique", (np.array([2, 1, 1, 3], np.float32),), 3, bounded=(0, 2)),
    Case("UnfoldTensor", (f(2, 7),), 1, {"dim": 1, "size": 3, "step": 2}),
    Case("GridSample", (f(1, 2, 4, 4), f(1, 3, 5, 2))),
    Case("CropAndResize", (f(1, 2, 4, 4), f(3, 4), i32(0, 0, 0), i32(2, 3)), 1, {}, (3,)),
    Case("MaxpoolWithMask", (f(1, 2, 6, 6), np.ones((1, 1, 6, 6), np.int32)), 1,
         {"kernel_shape": [2, 2], "strides": [2, 2], "pads": [0, 0, 0, 0]}),
    Case("DynamicTimeWarping", (f(3, 5),), bounded=(0,)),
    Case("MurmurHash3", (i64(1, 2, 3),)),
    Case("MurmurHash3", (np.array(["a", "b"], object),), 1, {"positive": 0}),
    Case("Tokenizer", (np.array(["a b", "c d e"], object),), 1,
         {"mark": 0, "pad_value": "#", "separators": [" "], "mincharnum": 1}, bounded=(0,)),
    Case("NGramRepeatBlock", (ids(2, 5, dtype=np.int64), f(2, 9)), 1, {"ngram_size": 2}),
    Case("BifurcationDetector", (i64(1, 2, 3, 4), i64(1, 2), np.int64(0), i64(3, 4, 5, 6, 7)), 2, bounded=(0,)),
    Case("NGramHashMapping", (ids(2, 4), i32(3, 5, 7), i32(11, 13, 17, 19)), 2,
         {"max_ngram_size": 3, "n_head_per_ngram": 2, "pad_id": 0}),
    Case("VarlenNGramHashMapping", (ids(6), i32(3, 5, 7), i32(11, 13, 17, 19), i32(0, 2, 6)), 2,
         {"max_ngram_size": 3, "n_head_per_ngram": 2, "pad_id": 0}),
    # Blocked channels: 16 and 32 are whole blocks on every machine.
    Case("ReorderInput", (f(1, 16, 6, 6),), domain=NCHWC),
    Case("ReorderOutput", (f(1, 16, 6, 6),), 1, {"channels": 13}, domain=NCHWC),
    Case("ReorderOutput", (f(1, 16, 6, 6),), 1, {"channels": 13, "channels_last": 1}, domain=NCHWC),
    Case("Conv", (f(1, 16, 6, 6), f(32, 16, 3, 3), f(32)), 1,
         {"pads": [1, 1, 1, 1], "strides": [2, 2], "kernel_shape": [3, 3]}, domain=NCHWC),
    Case("MaxPool", (f(1, 16, 7, 7),), 1, {"kernel_shape": [3, 3], "strides": [2, 2]}, domain=NCHWC),
    Case("AveragePool", (f(1, 16, 7, 7),), 1, {"kernel_shape": [3, 3], "strides": [2, 2]}, domain=NCHWC),
    Case("GlobalAveragePool", (f(1, 16, 7, 7),), domain=NCHWC),
    Case("GlobalMaxPool", (f(1, 16, 7, 7),), domain=NCHWC),
    Case("Upsample", (f(1, 16, 3, 3),), 1, {"scales": [1, 1, 2, 2]}, domain=NCHWC),
)  # fmt: skip

# Kernels of the CPU provider that no case here runs, and why.
NOT_RUN = {
    "BeamSearch": "needs a whole decoder as its subgraph",
    "GreedySearch": "needs a whole decoder as its subgraph",
    "Sampling": "needs a whole decoder as its subgraph",
    "WhisperBeamSearch": "needs a whole decoder as its subgraph",
    "MatMulFpQ4": "B is a blob that only the library itself can pack",
    "SparseAttention": "wants past and present in one buffer, which a plain run does not give",
    "SparseToDenseMatMul": "takes a sparse tensor, which a session of the Python package does not feed to it",
}
