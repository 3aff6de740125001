"""Ops of OpenMMLab's exporters, mmdeploy and mmcv: deformable convolutions, regions, boxes. n: output elements.

Source of every layout: mmdeploy, docs/en/06-custom-ops and mmdeploy/mmcv/ops; mmcv, mmcv/ops, symbolic functions.
"""

from collections.abc import Callable

from msgspec.structs import replace

from onnx_roofline.base.units import dmax, dmin, product
from onnx_roofline.ir.records import Contraction, Counts, Status, Work
from onnx_roofline.ops.cost.contrib.parts import contraction_work, contrib
from onnx_roofline.ops.cost.image import (
    AREA,
    OVERLAP,
    aligned_regions,
    deformable_convolution,
    interpolation,
    linear_taps,
    non_max_suppression,
)
from onnx_roofline.ops.cost.movement import scatter
from onnx_roofline.ops.cost.normalization import instance_normalization, softmax_counts
from onnx_roofline.ops.cost.registry import RuleFunction, work
from onnx_roofline.ops.traits import NO_TRAITS, OPERANDS, Traits
from onnx_roofline.ops.view import OpView

DOMAINS = ("mmdeploy", "mmcv")


def _openmmlab(*op_types: str, traits: Traits = NO_TRAITS) -> Callable[[RuleFunction], RuleFunction]:
    def register(function: RuleFunction) -> RuleFunction:
        for domain in DOMAINS:
            contrib(*op_types, domain=domain, traits=traits)(function)
        return function

    return register


def _as_standard(op: OpView) -> OpView:
    """The op with the attributes of a convolution under the standard's names."""
    renamed = {"strides": op.ints_attr("stride"), "dilations": op.ints_attr("dilation")}
    group = op.int_attr("groups", op.int_attr("group", 1))
    return replace(op, attributes={**op.attributes, **{k: v for k, v in renamed.items() if v}, "group": group})


@_openmmlab("MMCVModulatedDeformConv2d", traits=OPERANDS)
def modulated_deform_conv(op: OpView) -> Work:
    """As the standard's DeformConv with a mask.

    x [N, C, H, W], offset, mask, weight, bias. Source: mmdeploy, MMCVModulatedDeformConv2d.
    """
    return deformable_convolution(_as_standard(op), weight=3, offset=1, bias=4, mask=2)


@_openmmlab("MMCVDeformConv2d", traits=OPERANDS)
def deform_conv(op: OpView) -> Work:
    """As the standard's DeformConv.

    x [N, C, H, W], offset, weight. Source: mmdeploy, MMCVDeformConv2d.
    """
    return deformable_convolution(_as_standard(op), weight=2, offset=1, bias=None, mask=None)


@_openmmlab("MMCVMultiScaleDeformableAttention")
def multi_scale_deformable_attention(op: OpView) -> Work:
    """for each of L P samples muls: 4n + adds: 3n; their weighted sum muls: L P n + adds: (L P - 1) n.

    value [B, S, h, d], shapes of L levels, their starts, locations [B, Q, h, L, P, 2], weights [B, Q, h, L, P] ->
    [B, Q, h d]. Source: mmcv, MultiScaleDeformableAttnFunction.
    """
    samples, n = product(op.input(4).shape[3:]), op.out.elements
    counts = linear_taps(4).scaled(samples * n) + linear_taps(samples).scaled(n)
    return work(op, counts, reads={0: dmin(op.x.elements, 4 * samples * n)}, dtype=op.x.dtype)


@_openmmlab("grid_sampler")
def grid_sampler(op: OpView) -> Work:
    """bilinear: muls: 4n + adds: 3n; bicubic: macs: 16n; nearest: nothing.

    x [N, C, H, W], grid [N, oH, oW, 2]. Source: mmdeploy, grid_sampler.
    """
    mode = ("bilinear", "nearest", "bicubic")[op.int_attr("interpolation_mode", 0)]
    counts, taps = interpolation(mode, 2, op.out.elements)
    return work(op, counts, reads={0: dmin(op.x.elements, taps * op.out.elements)}, dtype=op.x.dtype)


@_openmmlab("MMCVRoiAlign", "MMCVRoIAlign", "MMCVRoIAlignRotated", "MMCVRoiAlignRotated", "RoIAlignRotated")
def roi_align(op: OpView) -> Work:
    """As the standard's RoiAlign; a rotation of the samples is one of their positions and not counted.

    x [N, C, H, W], regions [R, 5], rotated [R, 6]. Source: mmdeploy, MMCVRoIAlign, RoIAlignRotated.
    """
    return aligned_regions(op, (0,), takes_maximum=op.str_attr("mode", "avg") == "max")


@_openmmlab("MMCVMultiLevelRoiAlign", "MMCVMultiLevelRotatedRoiAlign")
def multi_level_roi_align(op: OpView) -> Work:
    """As RoiAlign, each region from the feature map of its size: which one only the values tell, so bounded.

    regions [R, 5], feature maps [N, C, H, W] from the finest on. Source: mmdeploy, MMCVMultiLevelRoiAlign.
    """
    levels = range(1, len(op.inputs))
    return aligned_regions(op, levels, takes_maximum=op.int_attr("pool_mode", 1) == 0)


def _suppression(op: OpView, pair: Counts, status: Status) -> Work:
    """Suppression by class: sorting, the threshold, then each of the best boxes against every one that is kept."""
    batch, boxes = op.x.shape[:2]
    classes = op.input(1).shape[-1]
    best = op.int_attr("topk", op.int_attr("topK", -1))
    compared = dmin(boxes, best) if best > 0 else boxes
    kept = dmin(compared, op.output(0).shape[1])
    scored = batch * classes * boxes
    counts = pair.scaled(batch * classes * compared * kept) + AREA.scaled(batch * compared)
    counts += Counts(compares=scored * (dmax(0, boxes - 1).bit_length() + 1))
    return work(op, counts, dtype=op.x.dtype, status=status)


@_openmmlab("TRTBatchedNMS")
def batched_nms(op: OpView) -> Work:
    """As the standard's NonMaxSuppression of the `topk` best boxes of each class against at most `keep_topk`: bounded.

    boxes [N, B, 1, 4], scores [N, B, C] -> [N, kept, 5] and labels. Source: mmdeploy, TRTBatchedNMS.
    """
    return _suppression(op, OVERLAP, "bounded")


# Where two edges of rotated boxes meet: three cross products, two quotients, their bounds, the point.
_EDGES_MEET = Counts(muls=8, adds=7, divs=2, compares=5)


@_openmmlab("TRTBatchedRotatedNMS")
def batched_rotated_nms(op: OpView) -> Work:
    """As TRTBatchedNMS; a pair takes the 16 meetings of its edges, each muls: 8, adds: 7, divs: 2, compares: 5.

    Ignored: corners inside the other box and the area of the polygon. boxes [N, B, 1, 5] -> [N, kept, 6].
    Source: mmdeploy, TRTBatchedRotatedNMS; mmcv, box_iou_rotated.
    """
    return _suppression(op, _EDGES_MEET.scaled(16) + Counts(divs=1, compares=1), "heuristic")


@_openmmlab("NMSRotated")
def nms_rotated(op: OpView) -> Work:
    """As TRTBatchedRotatedNMS of all boxes, every one against every one.

    boxes [N, B, 5], scores [N, C, B] -> [kept, 3]. Source: mmdeploy, NMSRotated.
    """
    batch, classes, boxes = op.input(1).shape
    pair = _EDGES_MEET.scaled(16) + Counts(divs=1, compares=1)
    counts = pair.scaled(batch * classes * boxes * boxes) + AREA.scaled(batch * boxes)
    counts += Counts(compares=batch * classes * boxes * (dmax(0, boxes - 1).bit_length() + 1))
    return work(op, counts, dtype=op.x.dtype, status="heuristic")


@_openmmlab("GridPriorsTRT")
def grid_priors(op: OpView) -> Work:
    """adds: n: each anchor at each position.

    anchors [A, 4], and two tensors that only give height and width -> [A H W, 4]. Source: mmdeploy, GridPriorsTRT.
    """
    return work(op, Counts(adds=op.out.elements), reads={1: 0, 2: 0}, dtype=op.x.dtype)


@_openmmlab("GatherTopk")
def gather_top_k(op: OpView) -> Work:
    """nothing; reads what the indices pick.

    x [*A, G, *C], indices [*A, k] -> [*A, k, *C]. Source: mmdeploy, GatherTopk.
    """
    return work(op, reads={0: dmin(op.x.elements, op.out.elements)}, dtype=op.x.dtype)


@_openmmlab("ScaledDotProductAttentionTRT", traits=OPERANDS)
def scaled_dot_product_attention(op: OpView) -> Work:
    """macs: 2 B S T D + adds: B S T with a mask + softmax of B S rows of T.

    query [B, S, D], key and value [B, T, D] -> [B, S, D] and the probabilities [B, S, T], without a scale.
    Source: mmdeploy, ScaledDotProductAttentionTRT.
    """
    batch, queries, width = op.x.shape
    keys = op.input(1).shape[1]
    parts = (Contraction(batch, queries, keys, width, lhs=0, rhs=1),
             Contraction(batch, queries, op.input(2).shape[2], keys, lhs=None, rhs=2))  # fmt: skip
    scores = batch * queries * keys
    counts = softmax_counts(batch * queries, keys) + Counts(adds=scores if op.has(3) else 0)
    return contraction_work(op, parts, counts)


_openmmlab("MMCVInstanceNormalization", "TRTInstanceNormalization")(instance_normalization)
_openmmlab("ScatterND")(scatter)
_openmmlab("NonMaxSuppression")(non_max_suppression)
