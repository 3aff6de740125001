"""The layouts that onnxruntime's optimizer rewrites convolutional networks to.

`com.microsoft.nchwc` holds channels in blocks of 8 or 16, whatever suits the machine: tensors keep the dims
[N, C, H, W] with C rounded up to whole blocks, so the arithmetic is that of the padded tensors.
`com.ms.internal.nhwc` holds the standard's ops with the first operand and the result as [N, *spatial, C].
"""

from msgspec.structs import replace

from onnx_roofline.base.units import dmin
from onnx_roofline.ir.records import Counts, Work
from onnx_roofline.ops.cost.contraction import conv_transpose
from onnx_roofline.ops.cost.contrib.parts import contrib
from onnx_roofline.ops.cost.contrib.products import channels_first, fused_convolution
from onnx_roofline.ops.cost.contrib.quantized import qlinear_average_pool
from onnx_roofline.ops.cost.image import interpolation
from onnx_roofline.ops.cost.lookup import find_rule
from onnx_roofline.ops.cost.pooling import average_pool, global_average_pool, global_max_pool, max_pool
from onnx_roofline.ops.cost.quantization import has_zero_point
from onnx_roofline.ops.cost.registry import RuleFunction, work
from onnx_roofline.ops.traits import Traits
from onnx_roofline.ops.view import OpView

NCHWC = "com.microsoft.nchwc"
NHWC = "com.ms.internal.nhwc"

# Ops of the standard that onnxruntime registers in the channels-last domain with the same meaning.
# Source: get_all_operator_schema() of onnxruntime 1.32.
_STANDARD = (
    "AveragePool", "BatchNormalization", "Conv", "ConvTranspose", "DepthToSpace", "GlobalAveragePool", "GlobalLpPool",
    "GlobalMaxPool", "GridSample", "InstanceNormalization", "LRN", "LpPool", "MaxPool", "MaxUnpool", "QLinearConv",
    "Resize", "SpaceToDepth",
)  # fmt: skip

contrib("MaxPool", domain=NCHWC, source="com.microsoft.nchwc MaxPool-1")(max_pool)
contrib("AveragePool", domain=NCHWC, source="com.microsoft.nchwc AveragePool-1")(average_pool)
contrib("GlobalAveragePool", domain=NCHWC, source="com.microsoft.nchwc GlobalAveragePool-1")(global_average_pool)
contrib("GlobalMaxPool", domain=NCHWC, source="com.microsoft.nchwc GlobalMaxPool-1")(global_max_pool)


@contrib("Conv", domain=NCHWC, traits=Traits(quantized_form="product", bias_at=2))
def blocked_conv(op: OpView) -> Work:
    """As FusedConv on blocked channels: padded channels are multiplied too.

    X [N, C, H, W], W [M, C / g, kH, kW], B, Sum; W is padded as X is. Source: com.microsoft.nchwc Conv-1.
    """
    return fused_convolution(op)


@contrib("ReorderInput", "ReorderOutput", domain=NCHWC)
def reorder(op: OpView) -> Work:
    """nothing; copies every element into the other layout.

    Source: com.microsoft.nchwc ReorderInput-1, ReorderOutput-1.
    """
    return work(op, reads={0: dmin(op.x.elements, op.out.elements)})


@contrib("Upsample", domain=NCHWC)
def blocked_upsample(op: OpView) -> Work:
    """linear: muls: 4n + adds: 3n; nearest: nothing.

    X [N, C, H, W] with integer scales. Source: com.microsoft.nchwc Upsample-1.
    """
    n = op.out.elements
    counts, taps = interpolation(op.str_attr("mode", "nearest"), 2, n)
    return work(op, counts, reads={0: dmin(op.x.elements, taps * n)})


def _channels_last(op_type: str) -> RuleFunction:
    def apply(op: OpView) -> Work:
        standard = find_rule("", op_type, op.version)
        assert standard is not None, f"the standard's {op_type} has a rule"
        moved = (0, 1) if op_type == "MaxUnpool" else (0,)
        return standard.apply(replace(channels_first(op, moved), domain=""))

    apply.__doc__ = f"As the standard's {op_type}, on [N, *spatial, C]."
    return apply


for _op_type in _STANDARD:
    contrib(_op_type, domain=NHWC, source=f"com.ms.internal.nhwc {_op_type}")(_channels_last(_op_type))


@contrib("QLinearAveragePool", domain=NHWC)
def nhwc_qlinear_average_pool(op: OpView) -> Work:
    """Dequantised, AveragePool, quantised.

    Source: com.ms.internal.nhwc QLinearAveragePool-1.
    """
    return qlinear_average_pool(op)


@contrib("QLinearConvTranspose", domain=NHWC)
def nhwc_qlinear_conv_transpose(op: OpView) -> Work:
    """macs: as ConvTranspose, at the int8 peak + int_ops: 4n to requantise, n for a bias, one per offset element.

    x, scale, zero point; w, scale, zero point; scale, zero point of y; bias. Source: com.ms.internal.nhwc
    QLinearConvTranspose-1.
    """
    first = channels_first(op)
    plain = conv_transpose(replace(first, inputs=(first.inputs[0], first.inputs[3])))
    (part,) = plain.contractions
    n = op.out.elements
    offsets = sum(op.input(i).elements for i, zero in ((0, 2), (3, 5)) if has_zero_point(op, zero))
    counts = Counts(macs=part.macs, int_ops=4 * n + (n if op.has(8) else 0) + offsets)
    return work(op, counts, contractions=(replace(part, lhs=3),), dtype="int8")
