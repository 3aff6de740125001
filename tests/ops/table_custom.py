"""Rows of the ops of other tools: NVIDIA's quantisers (trt), OpenMMLab's ops, Brevitas' and QONNX' quantisers."""

from rule_table import OperandSpec, Row

from onnx_roofline.ir.graph import TensorType
from onnx_roofline.ir.records import Counts

TRT, MM, Q = "trt", "mmdeploy", "qonnx.custom_op.general"
F8, F4 = "float8e4m3fn", "float4e2m1"


def x(*shape: int) -> OperandSpec:
    """A float32 operand."""
    return ("float32", shape)


def h(*shape: int) -> OperandSpec:
    """A float16 operand."""
    return ("float16", shape)


def u8(*shape: int) -> OperandSpec:
    """A uint8 operand."""
    return ("uint8", shape)


def known(value: float) -> OperandSpec:
    """A float32 scalar of a known value."""
    return ("float32", (), value)


TENSORRT: tuple[Row, ...] = (
    Row("QuantizeLinear", 1, (h(2, 8), h()), (("int8", (2, 8)),), Counts(divs=16, compares=32), domain=TRT),
    # an FP8 scale of NVFP4 back to float32
    Row("DequantizeLinear", 1, ((F8, (2, 4)), x()), (x(2, 4),), Counts(muls=8), domain=TRT, parameters={0: 8, 1: 1}),
    Row("DequantizeLinear", 1, ((F4, (2, 64)), x(2, 4)), (x(2, 64),), Counts(muls=128), {"axis": -1, "block_size": 16},
        domain=TRT, parameters={0: 128, 1: 8}),
    Row("TRT_FP8QuantizeLinear", 1, (h(2, 8), h()), ((F8, (2, 8)),), Counts(divs=16, compares=32), domain=TRT,
        parameters={1: 1}),
    Row("TRT_FP8DequantizeLinear", 1, ((F8, (2, 8)), h()), (h(2, 8),), Counts(muls=16), domain=TRT,
        parameters={0: 16, 1: 1}),
    Row("TRT_INT4QuantizeLinear", 1, (h(32, 8), h(2, 8)), (("int4", (32, 8)),), Counts(divs=256, compares=512),
        {"axis": 0, "block_size": 16}, domain=TRT, parameters={1: 16}),
    Row("TRT_INT4DequantizeLinear", 1, (("int4", (32, 8)), h(2, 8)), (h(32, 8),), Counts(muls=256),
        {"axis": 0, "block_size": 16}, domain=TRT, parameters={0: 256, 1: 16}),
    Row("TRT_MXFP8QuantizeLinear", 1, (h(2, 64), u8(2, 2)), ((F8, (2, 64)),), Counts(divs=128, compares=256),
        {"axis": -1, "block_size": 32}, domain=TRT, parameters={1: 4}),
    Row("TRT_MXFP8DequantizeLinear", 1, ((F8, (2, 64)), u8(2, 2)), (h(2, 64),), Counts(muls=128),
        {"axis": -1, "block_size": 32, "output_dtype": 10}, domain=TRT, parameters={0: 128, 1: 4}),
    # 2 rows of 2 blocks of 32: 31 comparisons and a division each, then every element
    Row("TRT_MXFP8DynamicQuantize", 1, (h(2, 64),), ((F8, (2, 64)), u8(2, 2)),
        Counts(compares=4 * 31 + 2 * 128, divs=4 + 128), {"axis": -1, "block_size": 32, "output_dtype": 17},
        domain=TRT),
    # 2 rows of 4 blocks of 16: 15 comparisons and a division each; 8 scales to FP8; both scales multiplied
    Row("TRT_FP4DynamicQuantize", 1, (h(2, 64), x()), ((F4, (2, 64)), (F8, (2, 4))),
        Counts(compares=8 * 15 + 2 * 8 + 2 * 128, divs=8 + 8 + 128, muls=8),
        {"axis": -1, "block_size": 16, "scale_type": 17}, domain=TRT, parameters={1: 1}),
    # the same and back: 8 scales and 128 elements
    Row("TRT_FP4QDQ", 1, (h(2, 64),), (h(2, 64),),
        Counts(compares=8 * 15 + 2 * 8 + 2 * 128, divs=8 + 8 + 128, muls=8 + 8 + 128), {"block_size": 16}, domain=TRT,
        parameters={0: 128}),
)  # fmt: skip

OFFSETS, MASK = x(1, 18, 4, 5), x(1, 9, 4, 5)
# [1, 6, 4, 5] with [8, 6, 3, 3]: 160 outputs of 54 products; 6 * 20 * 9 = 1080 samples of 4 neighbours; 360 offsets
DEFORMED = Counts(macs=160 * 54, muls=4 * 1080, adds=3 * 1080 + 360)
WINDOW = {"stride": (1, 1), "padding": (1, 1), "dilation": (1, 1), "groups": 1, "deform_groups": 1}
# A pair of boxes: 7 comparisons, 4 sums, a product, a quotient. The area of one: 2 sums, a product.
# 2 images of 100 boxes, the best 50 of each of 3 classes against 10 that are kept: 3000 pairs, 100 areas; 600 scores,
# each in ceil(log2 100) = 7 steps of a sort and against the threshold.
KEPT = {"topk": 50, "keep_topk": 10, "num_classes": 3}
NMS = Counts(compares=7 * 3000 + 600 * 8, adds=4 * 3000 + 2 * 100, muls=3000 + 100, divs=3000)
# Rotated: 16 meetings of edges (8 products, 7 sums, 2 quotients, 5 comparisons), the quotient and the threshold.
ROTATED = Counts(compares=81 * 3000 + 600 * 8, adds=112 * 3000 + 200, muls=128 * 3000 + 100, divs=33 * 3000)
REGIONS = {"output_height": 2, "output_width": 2, "sampling_ratio": 3}

OPENMMLAB: tuple[Row, ...] = (
    Row("MMCVModulatedDeformConv2d", 1, (x(1, 6, 4, 5), OFFSETS, MASK, x(8, 6, 3, 3), x(8)), (x(1, 8, 4, 5),),
        DEFORMED + Counts(muls=1080, adds=160), WINDOW, domain=MM),
    Row("MMCVDeformConv2d", 1, (x(1, 6, 4, 5), OFFSETS, x(8, 6, 3, 3)), (x(1, 8, 4, 5),), DEFORMED,
        {**WINDOW, "padding": (1, 1, 1, 1)}, domain=MM),
    # two groups halve the products
    Row("MMCVDeformConv2d", 1, (x(1, 6, 4, 5), OFFSETS, x(8, 3, 3, 3)), (x(1, 8, 4, 5),),
        Counts(macs=160 * 27, muls=4 * 1080, adds=3 * 1080 + 360), {**WINDOW, "groups": 2}, domain=MM),
    # 2 * 5 * 2 * 4 = 80 outputs of 3 * 4 = 12 samples
    Row("MMCVMultiScaleDeformableAttention", 1, (x(2, 84, 2, 4), ("int64", (3, 2)), ("int64", (3,)),
        x(2, 5, 2, 3, 4, 2), x(2, 5, 2, 3, 4)), (x(2, 5, 8),),
        Counts(muls=12 * 4 * 80 + 12 * 80, adds=12 * 3 * 80 + 11 * 80), domain=MM),
    Row("grid_sampler", 1, (x(1, 3, 8, 8), x(1, 5, 5, 2)), (x(1, 3, 5, 5),), Counts(muls=4 * 75, adds=3 * 75),
        {"interpolation_mode": 0, "padding_mode": 0, "align_corners": 0}, domain=MM),
    Row("grid_sampler", 1, (x(1, 3, 8, 8), x(1, 5, 5, 2)), (x(1, 3, 5, 5),), Counts(), {"interpolation_mode": 1},
        reads=(75, 50), domain=MM),
    # 10 regions of 3 channels, 2 x 2 bins: 120 outputs of 9 samples of 4 neighbours; their mean
    *[Row(op, 1, (x(1, 3, 8, 8), x(10, columns)), (x(10, 3, 2, 2),),
          Counts(muls=9 * 4 * 120, adds=9 * 3 * 120 + 8 * 120, divs=120), REGIONS, domain=MM)
      for op, columns in (("MMCVRoiAlign", 5), ("MMCVRoIAlign", 5), ("MMCVRoIAlignRotated", 6),
                          ("MMCVRoiAlignRotated", 6), ("RoIAlignRotated", 6))],
    # densely: at most ceil(8 / 2) = 4 a side
    Row("MMCVRoiAlign", 1, (x(1, 3, 8, 8), x(10, 5)), (x(10, 3, 2, 2),),
        Counts(muls=16 * 4 * 120, adds=16 * 3 * 120, compares=15 * 120), {**REGIONS, "sampling_ratio": 0,
        "mode": "max"}, domain=MM, status="bounded"),
    *[Row(op, 1, (x(10, columns), x(1, 3, 8, 8), x(1, 3, 4, 4)), (x(10, 3, 2, 2),),
          Counts(muls=9 * 4 * 120, adds=9 * 3 * 120 + 8 * 120, divs=120), {**REGIONS, "featmap_strides": (4.0, 8.0)},
          domain=MM, status="bounded")
      for op, columns in (("MMCVMultiLevelRoiAlign", 5), ("MMCVMultiLevelRotatedRoiAlign", 6))],
    Row("TRTBatchedNMS", 1, (x(2, 100, 1, 4), x(2, 100, 3)), (x(2, 10, 5), ("int32", (2, 10))), NMS, KEPT, domain=MM,
        status="bounded"),
    Row("TRTBatchedRotatedNMS", 1, (x(2, 100, 1, 5), x(2, 100, 3)), (x(2, 10, 6), ("int32", (2, 10))), ROTATED, KEPT,
        domain=MM, status="heuristic"),
    # every one of 20 boxes against every one, in 3 classes: 1200 pairs; 60 scores in 5 steps and against the threshold
    Row("NMSRotated", 1, (x(1, 20, 5), x(1, 3, 20)), (TensorType("int64", (60, 3), exact=False),),
        Counts(compares=81 * 1200 + 60 * 6, adds=112 * 1200 + 2 * 20, muls=128 * 1200 + 20, divs=33 * 1200),
        domain=MM, status="heuristic"),
    # 2 classes, 100 boxes, at most 10 kept: 2000 pairs; 200 scores in 7 steps
    Row("NonMaxSuppression", 1, (x(1, 100, 4), x(1, 2, 100), ("int64", (), 10)),
        (TensorType("int64", (20, 3), exact=False),),
        Counts(compares=7 * 2000 + 200 * 7, adds=4 * 2000 + 2 * 100, muls=2000 + 100, divs=2000), domain=MM,
        status="bounded"),
    # 9 anchors at 4 x 5 places
    Row("GridPriorsTRT", 1, (x(9, 4), x(4), x(5)), (x(180, 4),), Counts(adds=720), {"stride_h": 8, "stride_w": 8},
        reads=(36, 0, 0), domain=MM),
    Row("GatherTopk", 1, (x(2, 100, 4), ("int32", (2, 7))), (x(2, 7, 4),), reads=(56, 14), domain=MM),
    # 2 * 3 * 5 = 30 scores in 6 rows of 5; a mask
    Row("ScaledDotProductAttentionTRT", 1, (x(2, 3, 8), x(2, 5, 8), x(2, 5, 8), x(3, 5)), (x(2, 3, 8), x(2, 3, 5)),
        Counts(macs=2 * 30 * 8, adds=30 + 60 - 6, divs=30, compares=30 - 6, transcendentals=30), domain=MM),
    # LayerNorm of 96 in 6 rows: adds 4n - R, muls 3n, divs 2R, R roots
    *[Row(op, 1, (x(2, 3, 4, 4), x(3), x(3)), (x(2, 3, 4, 4),),
          Counts(adds=4 * 96 - 6, muls=3 * 96, divs=12, transcendentals=6), domain=MM)
      for op in ("MMCVInstanceNormalization", "TRTInstanceNormalization")],
    Row("ScatterND", 1, (x(8, 4), ("int32", (3, 1)), x(3, 4)), (x(8, 4),), domain=MM),
)  # fmt: skip

QONNX: tuple[Row, ...] = (
    # x / s, clamp, times s; a zero point of 0 is not added
    *[Row(op, 1, (x(2, 8), x(), known(0), x()), (x(2, 8),), Counts(divs=16, compares=32, muls=16), {"signed": 1},
          domain=Q, parameters={1: 1, 2: 1}) for op in ("Quant", "IntQuant")],
    # a scale for each row; + z and - z
    Row("Quant", 1, (x(2, 8), x(2, 1), x(2, 1), x()), (x(2, 8),), Counts(divs=16, compares=32, muls=16, adds=32),
        {"signed": 1}, domain=Q, parameters={1: 2, 2: 2}),
    Row("BipolarQuant", 1, (x(2, 8), x()), (x(2, 8),), Counts(compares=16, muls=16), domain=Q),
    # x / s; log2 of |x| + tiny, less the mantissa's bits, at least the least; exp2; x / e, times e; clamp; times s
    Row("FloatQuant", 1, (x(2, 8), x(), x(), x(), x(), x()), (x(2, 8),),
        Counts(divs=32, adds=32, transcendentals=32, compares=48, muls=32), domain=Q),
    # x / s + z; / 2^b; - z, times s
    Row("Trunc", 1, (x(2, 8), x(), x(), x(), x()), (x(2, 8),), Counts(divs=32, adds=32, muls=16), domain=Q),
    Row("Trunc", 2, (x(2, 8), x(), known(0), x(), x(), known(0), x()), (x(2, 8),),
        Counts(divs=32, muls=16, compares=32), domain=Q, parameters={1: 1, 4: 1}),
    # 2 * 3 * 4 = 24 elements against 7 thresholds, counted; scaled
    Row("MultiThreshold", 1, (x(2, 3, 4), x(3, 7)), (x(2, 3, 4),), Counts(compares=168, int_ops=168, muls=24),
        {"out_scale": 0.5, "out_dtype": "INT4"}, domain=Q, parameters={1: 21}),
    Row("MultiThreshold", 1, (x(2, 3, 4), x(1, 7)), (x(2, 3, 4),), Counts(compares=168, int_ops=168, adds=24),
        {"out_bias": -4.0, "out_dtype": "INT4"}, domain=Q),
    # 27 windows of 4
    Row("QuantAvgPool2d", 1, (x(1, 3, 6, 6),), (x(1, 3, 3, 3),), Counts(adds=81, int_ops=27),
        {"kernel": 2, "stride": 2, "ibits": 4, "obits": 4, "signed": 0}, domain=Q),
    Row("QuantAvgPool2d", 1, (x(1, 6, 6, 3),), (x(1, 3, 3, 3),), Counts(adds=81, int_ops=27),
        {"kernel": 2, "stride": 2, "data_layout": "NHWC"}, domain=Q),
    Row("MaxPoolNHWC", 1, (x(1, 6, 4, 3),), (x(1, 3, 2, 3),), Counts(compares=3 * 18),
        {"kernel_shape": (2, 2), "strides": (2, 2), "pads": (0, 0, 0, 0)}, domain=Q),
    # (6 + 2 - 2 - 1) / 2 + 1 = 3 and (5 + 2 - 2 - 1) / 2 + 1 = 3 places of 9 taps
    Row("Im2Col", 1, (x(1, 6, 5, 2),), (x(1, 3, 3, 18),), Counts(),
        {"kernel_size": (3, 3), "stride": (2, 2), "pad_amount": (1, 1, 1, 1)}, domain=Q),
    # 2 x - 1 of 24 + 40 elements; (y + K) / 2 of 15
    Row("XnorPopcountMatMul", 1, (x(3, 8), x(8, 5)), (x(3, 5),), Counts(macs=120, adds=64 + 15, muls=64 + 15),
        domain=Q),
)  # fmt: skip

ROWS: tuple[Row, ...] = (*TENSORRT, *OPENMMLAB, *QONNX)
