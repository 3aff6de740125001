"""Output types of onnxruntime's element-wise ops, normalisations, products and quantised ops."""

from onnx_roofline.base.errors import NotModelledError, ShapeError
from onnx_roofline.ir.graph import TensorType
from onnx_roofline.ops.cost.contrib.products import nhwc_weight, transposed
from onnx_roofline.ops.shape.contrib.parts import (
    Types,
    broadcast,
    contrib,
    dtype_attr,
    like,
    matmul_shape,
    reduced,
    transposed_windows,
    windows,
)
from onnx_roofline.ops.view import OpView


@contrib(
    "BiasAdd", "BiasGelu", "BiasSoftmax", "BranchwiseRMSNorm", "FastGelu", "GatedAdd", "GatedRMSNorm", "Gelu",
    "GroupNorm", "HyperConnectionPostMix", "Inverse", "LongformerAttention", "MoE", "MRotaryEmbedding", "MoEPacked",
    "QLinearLeakyRelu", "QLinearSigmoid", "QLinearSoftmax", "QMoE", "QOrderedGelu", "QOrderedLayerNormalization",
    "QOrderedLongformerAttention", "QuickGelu", "RotaryEmbedding", "SampleOp", "ScaledSiLU", "Trilu",
)  # fmt: skip
def same(op: OpView) -> Types:
    """The type of the first input."""
    return (like(op.x),)


@contrib("Affine", "DisentangledAttention_TRT", "GRUUnit", "ImageScaler", "MemcpyFromHost", "MemcpyToHost",
         "ParametricSoftplus", "Scale", "ScaledTanh", domain="")  # fmt: skip
def same_internal(op: OpView) -> Types:
    """The type of the first input."""
    return (like(op.x),)


@contrib("LinearAttentionGate", "EngramGate")
def same_twice(op: OpView) -> Types:
    """Every output has the type of the first input."""
    return (like(op.x),) * len(op.outputs)


@contrib("BiasDropout", "BitmaskBiasDropout", "BitmaskDropout")
def dropout(op: OpView) -> Types:
    """The data; a mask of booleans, or of one bit an element in 32-bit words."""
    if op.op_type == "BiasDropout":
        return like(op.x), like(op.x, "bool")
    return like(op.x), TensorType("uint32", ((op.x.elements + 31) // 32,))


@contrib("SwiGLU")
def swiglu(op: OpView) -> Types:
    """As the gate, or half of what holds both."""
    return (like(op.x) if op.has(1) else TensorType(op.x.dtype, (*op.x.shape[:-1], op.x.shape[-1] // 2)),)


@contrib("RMSNormRotary")
def rms_norm_rotary(op: OpView) -> Types:
    """[B, S, h width], or [1, B S, h width]; the normed elements [B, S, h, width]."""
    batch, length, heads, stride = op.x.shape
    width = op.int_attr("input_width", 0) or stride
    tokens = (1, batch * length) if op.int_attr("flatten_batch", 0) else (batch, length)
    dtype = "float16" if op.int_attr("output_fp16", 0) else "bfloat16"
    normed = TensorType("float32", (batch, length, heads, width))
    return TensorType(dtype, (*tokens, heads * width)), normed


@contrib("HyperConnectionLowRankMix")
def hyper_connection_low_rank_mix(op: OpView) -> Types:
    """[..., H], the gates [..., C], the streams."""
    streams, lead = op.int_attr("num_branches", 1), op.x.shape[:-1]
    block = TensorType(op.x.dtype, (*lead, op.x.shape[-1] // streams))
    return block, TensorType(op.x.dtype, (*lead, streams)), like(op.x)


@contrib("ComplexMul", "ComplexMulConj")
def complex_mul(op: OpView) -> Types:
    """Both operands broadcast."""
    return (TensorType(op.x.dtype, broadcast(op.x.shape, op.input(1).shape)),)


@contrib("BiasSplitGelu")
def bias_split_gelu(op: OpView) -> Types:
    """[N, S, 2D] -> [N, S, D]."""
    return (TensorType(op.x.dtype, (*op.x.shape[:-1], op.x.shape[-1] // 2)),)


@contrib("IsAllFinite")
def is_all_finite(op: OpView) -> Types:
    """A scalar."""
    return (TensorType("bool", ()),) * len(op.outputs)


@contrib("GemmaRotaryEmbedding")
def gemma_rotary_embedding(op: OpView) -> Types:
    """Q and K."""
    return like(op.input(1)), like(op.input(3))


@contrib("HyperConnectionPreMix")
def hyper_connection_pre_mix(op: OpView) -> Types:
    """[..., C, H] or [..., C H] -> [..., H]."""
    branches, shape = op.int_attr("num_branches", 0), op.x.shape
    left = (*shape[:-1], shape[-1] // branches) if branches else (*shape[:-2], shape[-1])
    return (TensorType(op.x.dtype, left),)


@contrib("SimplifiedLayerNormalization", domain="")
def simplified_layer_normalization(op: OpView) -> Types:
    """The normalised tensor in the scale's type, and one number for each row."""
    shape = op.x.shape
    axis = op.int_attr("axis", -1) % len(shape)
    row = (*shape[:axis], *(1 for _ in shape[axis:]))
    wide = "float64" if op.x.dtype == "float64" else "float32"
    return like(op.x, op.input(1).dtype), TensorType(wide, row)


@contrib("SkipLayerNormalization", "SkipSimplifiedLayerNormalization")
def skip_layer_normalization(op: OpView) -> Types:
    """The normalised tensor, mean and deviation of each row, the sum that was normalised."""
    row = TensorType("float32", (*op.x.shape[:-1], 1))
    return like(op.x), row, row, like(op.x)


@contrib("SkipGroupNorm")
def skip_group_norm(op: OpView) -> Types:
    """The normalised tensor, and the sum that was normalised."""
    return like(op.x), like(op.x)


@contrib("EmbedLayerNormalization", "QEmbedLayerNormalization")
def embed_layer_normalization(op: OpView) -> Types:
    """[B, S, D], a mask index [B], the sum of the embeddings."""
    batch, length = op.x.shape
    dtype = "float32" if op.op_type == "QEmbedLayerNormalization" else op.input(2).dtype
    full = TensorType(dtype, (batch, length, op.input(2).shape[1]))
    return full, TensorType("int32", (batch,)), full


@contrib("CDist")
def pairwise_distance(op: OpView) -> Types:
    """[M, N], [K, N] -> [M, K]."""
    return (TensorType(op.x.dtype, (op.x.shape[0], op.input(1).shape[0])),)


@contrib("FusedConv")
def fused_conv(op: OpView) -> Types:
    """[N, C, *spatial] with [M, C / g, *kernel]."""
    weight = op.input(1).shape
    return (TensorType(op.x.dtype, (op.x.shape[0], weight[0], *windows(op, op.x.shape[2:], weight[2:]))),)


@contrib("NhwcConv", "NhwcFusedConv")
def nhwc_conv(op: OpView) -> Types:
    """[N, *spatial, C], with either layout of the weight for NhwcConv."""
    weight = nhwc_weight(op) if op.op_type == "NhwcConv" else op.input(1).shape
    places = windows(op, op.x.shape[1:-1], weight[2:])
    return (TensorType(op.x.dtype, (op.x.shape[0], *places, weight[0])),)


@contrib("QLinearConv")
def qlinear_conv(op: OpView) -> Types:
    """As Conv, in the type of the output's zero point; channels last where the attribute says so."""
    weight, shape, dtype = op.input(3).shape, op.x.shape, op.input(7).dtype
    if op.int_attr("channels_last", 0):
        return (TensorType(dtype, (shape[0], *windows(op, shape[1:-1], weight[2:]), weight[0])),)
    return (TensorType(dtype, (shape[0], weight[0], *windows(op, shape[2:], weight[2:]))),)


@contrib("ConvTransposeWithDynamicPads")
def conv_transpose_with_dynamic_pads(op: OpView) -> Types:
    """[N, C, *spatial] with [C, M / g, *kernel]; the paddings have to be known."""
    weight = op.input(1).shape
    pads = tuple(int(pad) for pad in op.input(2).value.reshape(-1)) if op.has(2) else ()
    places = transposed_windows(op, op.x.shape[2:], weight[2:], pads)
    return (TensorType(op.x.dtype, (op.x.shape[0], weight[1] * op.int_attr("group", 1), *places)),)


@contrib("NhwcMaxPool")
def nhwc_max_pool(op: OpView) -> Types:
    """[N, *spatial, C]."""
    shape = op.x.shape
    return (TensorType(op.x.dtype, (shape[0], *windows(op, shape[1:-1], op.ints_attr("kernel_shape")), shape[-1])),)


@contrib("MaxpoolWithMask")
def maxpool_with_mask(op: OpView) -> Types:
    """[N, C, *spatial]."""
    return (TensorType(op.x.dtype, (*op.x.shape[:2], *windows(op, op.x.shape[2:], op.ints_attr("kernel_shape")))),)


@contrib("QLinearAveragePool")
def qlinear_average_pool(op: OpView) -> Types:
    """[N, C, *spatial], or [N, *spatial, C] with channels_last."""
    shape, kernel = op.x.shape, op.ints_attr("kernel_shape")
    if op.int_attr("channels_last", 0):
        return (TensorType(op.x.dtype, (shape[0], *windows(op, shape[1:-1], kernel), shape[-1])),)
    return (TensorType(op.x.dtype, (*shape[:2], *windows(op, shape[2:], kernel))),)


@contrib("QLinearGlobalAveragePool")
def qlinear_global_average_pool(op: OpView) -> Types:
    """Spatial dims of 1."""
    shape = op.x.shape
    ones = (1,) * (len(shape) - 2)
    return (TensorType(op.x.dtype, (shape[0], *ones, shape[-1]) if op.int_attr("channels_last", 0)
                       else (*shape[:2], *ones)),)  # fmt: skip


@contrib("FusedMatMul", "FusedMatMulActivation", "TransposeMatMul", "SparseToDenseMatMul")
def fused_matmul(op: OpView) -> Types:
    """numpy.matmul of the operands as their attributes transpose them, in the type of the dense one."""
    shapes = [
        transposed(op.input(i).shape, bool(op.int_attr("trans" + name, 0)), bool(op.int_attr("transBatch" + name, 0)))
        for i, name in enumerate("AB")
    ]
    return (TensorType(op.input(1).dtype, matmul_shape(*shapes)),)


@contrib("FusedGemm", "GemmFloat8", "QGemm")
def fused_gemm(op: OpView) -> Types:
    """[M, N]."""
    a, b = op.x.shape, op.input(3 if op.op_type == "QGemm" else 1).shape
    m = a[1] if op.int_attr("transA", 0) else a[0]
    n = b[0] if op.int_attr("transB", 0) else b[1]
    dtype = op.x.dtype
    if op.op_type == "GemmFloat8":
        dtype = dtype_attr(op, "dtype", "float32")
    if op.op_type == "QGemm":
        dtype = op.input(8).dtype if op.has(8) else "float32"
    return (TensorType(dtype, (m, n)),)


@contrib("GemmFastGelu")
def gemm_fast_gelu(op: OpView) -> Types:
    """[..., K] x [K, N]."""
    return (TensorType(op.x.dtype, matmul_shape(op.x.shape, op.input(1).shape)),)


@contrib("MatMulInteger16", "MatMulIntegerToFloat", "DynamicQuantizeMatMul")
def integer_matmul(op: OpView) -> Types:
    """numpy.matmul; int32, or the type of the scales."""
    shape = matmul_shape(op.x.shape, op.input(1).shape)
    if op.op_type == "MatMulInteger16":
        unsigned = op.x.dtype == "uint16" and op.input(1).dtype == "uint16"
        return (TensorType("uint32" if unsigned else "int32", shape),)
    return (TensorType(op.input(2).dtype, shape),)


@contrib("MatMulPacked", "MatMulNBitsQLoRA")
def packed_rows_matmul(op: OpView) -> Types:
    """[..., K] -> [..., N]."""
    return (TensorType(op.x.dtype, (*op.x.shape[:-1], op.int_attr("N", 0))),)


@contrib("RouterGateUpProj")
def router_gate_up_projection(op: OpView) -> Types:
    """The router's logits and the activated half of the rest."""
    router, columns = op.int_attr("router_size", 0), op.input(1).shape[1]
    return tuple(TensorType(op.x.dtype, (*op.x.shape[:-1], size)) for size in (router, (columns - router) // 2))


@contrib("MoEGroupRouter")
def group_router(op: OpView) -> Types:
    """[t, E] three times: the routed scores in the type of the logits, the others in float32."""
    experts = op.input(1).elements
    shape = (op.x.elements // op.x.shape[-1], experts)
    return TensorType(op.x.dtype, shape), TensorType("float32", shape), TensorType("float32", shape)


@contrib("GatherPacked")
def gather_packed(op: OpView) -> Types:
    """[*indices, K], in bfloat16 unless an attribute names another type."""
    return (TensorType(dtype_attr(op, "output_dtype", "bfloat16"), (*op.input(1).shape, op.int_attr("K", 0))),)


@contrib("MatMulNBits", "MatMulBnb4")
def packed_matmul(op: OpView) -> Types:
    """[..., K] -> [..., N]; MatMulBnb4 with transB 0 goes the other way."""
    backwards = op.op_type == "MatMulBnb4" and not op.int_attr("transB", 1)
    size = op.int_attr("K" if backwards else "N", 0)
    return (TensorType(op.x.dtype, (*op.x.shape[:-1], size)),)


@contrib("MatMulBlockQuantizedFp4Weight", "MatMulBlockQuantizedFp8Weight")
def block_quantized_matmul(op: OpView) -> Types:
    """[..., K] -> [..., N], N the rows of the weight."""
    return (TensorType(op.x.dtype, (*op.x.shape[:-1], op.input(1).shape[0])),)


@contrib("MatMulFpQ4")
def matmul_fp_q4(op: OpView) -> Types:
    """[..., K] -> [..., N]; the shape of B is an input, which has to be known."""
    return (TensorType(op.x.dtype, (*op.x.shape[:-1], int(op.input(2).value.reshape(-1)[-1]))),)


@contrib("MatMulNBitsMlp")
def matmul_nbits_mlp(op: OpView) -> Types:
    """[..., N], and the sum with the skip."""
    return TensorType(op.x.dtype, (*op.x.shape[:-1], op.int_attr("N", 0))), like(op.x)


@contrib("MatMulNBitsQkv")
def matmul_nbits_qkv(op: OpView) -> Types:
    """[..., Nq], twice [..., Nkv], and the sum with the skip."""
    sizes = (op.int_attr("Nq", 0), op.int_attr("Nkv", 0), op.int_attr("Nkv", 0))
    return *(TensorType(op.x.dtype, (*op.x.shape[:-1], size)) for size in sizes), like(op.x)


@contrib("QOrderedMatMul")
def ordered_matmul(op: OpView) -> Types:
    """[..., K] -> [..., N]; B in column order (0) is stored transposed."""
    b = op.input(2).shape
    return (TensorType("int8", (*op.x.shape[:-1], b[1] if op.x.shape[-1] == b[0] else b[0])),)


@contrib("MulInteger")
def mul_integer(op: OpView) -> Types:
    """int32."""
    return (TensorType("int32", broadcast(op.x.shape, op.input(2).shape)),)


@contrib("QLinearAdd", "QLinearMul")
def qlinear_binary(op: OpView) -> Types:
    """Both operands broadcast."""
    return (TensorType(op.x.dtype, broadcast(op.x.shape, op.input(3).shape)),)


@contrib("QLinearWhere")
def qlinear_where(op: OpView) -> Types:
    """Condition and both branches broadcast."""
    return (TensorType(op.input(1).dtype, broadcast(*(op.input(i).shape for i in (0, 1, 4)))),)


@contrib("QLinearConcat")
def qlinear_concat(op: OpView) -> Types:
    """Every third operand from the third on, concatenated."""
    shapes = [op.input(i).shape for i in range(2, len(op.inputs), 3)]
    if not shapes:
        raise NotModelledError("nothing is concatenated")
    axis = op.int_attr("axis", 0) % len(shapes[0])
    size = sum(shape[axis] for shape in shapes)
    return (TensorType(op.input(1).dtype, (*shapes[0][:axis], size, *shapes[0][axis + 1 :])),)


@contrib("QLinearReduceMean", "ReduceSumInteger")
def integer_reduction(op: OpView) -> Types:
    """The mean in the type of the data; the sum in 32 bits of the same sign."""
    shape = reduced(op.x.shape, op.ints_attr("axes"), bool(op.int_attr("keepdims", 1)))
    if op.op_type == "QLinearReduceMean":
        return (TensorType(op.x.dtype, shape),)
    wide = {"int8": "int32", "uint8": "uint32"}.get(op.x.dtype)
    if wide is None:
        raise ShapeError(f"found data of {op.x.dtype}, wanted int8 or uint8")
    return (TensorType(wide, shape),)


@contrib("QuantizeLinear", "QuantizeWithOrder")
def quantize_linear(op: OpView) -> Types:
    """In the type of the zero point, uint8 without one; int8 for an ordered matrix."""
    if op.op_type == "QuantizeWithOrder":
        return (like(op.x, "int8"),)
    return (like(op.x, op.input(2).dtype if op.has(2) else "uint8"),)


@contrib("DequantizeLinear", "DequantizeWithOrder")
def dequantize_linear(op: OpView) -> Types:
    """In the type of the scale, or the one that an attribute names."""
    return (like(op.x, dtype_attr(op, "to", "float32") if op.op_type == "DequantizeWithOrder" else op.input(1).dtype),)


@contrib("QuantizeBFP")
def quantize_bfp(op: OpView) -> Types:
    """Raw data of a length that the format decides; the shape and the strides."""
    dims = TensorType("int64", (op.x.rank,))
    return TensorType("uint8", (None,)), dims, dims


@contrib("DequantizeBFP")
def dequantize_bfp(op: OpView) -> Types:
    """The shape is an input, which has to be known."""
    return (TensorType(dtype_attr(op, "dtype", "float32"), tuple(int(dim) for dim in op.input(1).value.reshape(-1))),)
