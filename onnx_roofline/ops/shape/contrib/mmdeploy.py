"""Output types of OpenMMLab's ops. Source: as their cost rules."""

from collections.abc import Callable

from onnx_roofline.base.units import dmax, dmin
from onnx_roofline.ir.graph import TensorType
from onnx_roofline.ops.cost.contrib.mmdeploy import DOMAINS
from onnx_roofline.ops.shape.contrib.parts import Types, contrib, like
from onnx_roofline.ops.shape.registry import ShapeRule
from onnx_roofline.ops.view import OpView


def _openmmlab(*op_types: str) -> Callable[[ShapeRule], ShapeRule]:
    def register(function: ShapeRule) -> ShapeRule:
        for domain in DOMAINS:
            contrib(*op_types, domain=domain)(function)
        return function

    return register


@_openmmlab("MMCVInstanceNormalization", "TRTInstanceNormalization", "ScatterND")
def same(op: OpView) -> Types:
    """As the input."""
    return (like(op.x),)


@_openmmlab("MMCVModulatedDeformConv2d", "MMCVDeformConv2d")
def deform_conv(op: OpView) -> Types:
    """[N, C, oH, oW]; the offsets [N, .., oH, oW] are given for each place of the output."""
    weight = op.input(3 if op.op_type == "MMCVModulatedDeformConv2d" else 2).shape
    return (TensorType(op.x.dtype, (op.x.shape[0], weight[0], *op.input(1).shape[2:])),)


@_openmmlab("MMCVMultiScaleDeformableAttention")
def multi_scale_deformable_attention(op: OpView) -> Types:
    """[B, Q, h d]."""
    batch, _, heads, width = op.x.shape
    return (TensorType(op.x.dtype, (batch, op.input(3).shape[1], heads * width)),)


@_openmmlab("grid_sampler")
def grid_sampler(op: OpView) -> Types:
    """[N, C, oH, oW]."""
    return (TensorType(op.x.dtype, (*op.x.shape[:2], *op.input(1).shape[1:3])),)


def _regions(op: OpView, regions: int, features: int) -> Types:
    size = (op.int_attr("output_height", 0), op.int_attr("output_width", 0))
    maps = op.input(features)
    return (TensorType(maps.dtype, (op.input(regions).shape[0], maps.shape[1], *size)),)


@_openmmlab("MMCVRoiAlign", "MMCVRoIAlign", "MMCVRoIAlignRotated", "MMCVRoiAlignRotated", "RoIAlignRotated")
def roi_align(op: OpView) -> Types:
    """[R, C, h, w]."""
    return _regions(op, 1, 0)


@_openmmlab("MMCVMultiLevelRoiAlign", "MMCVMultiLevelRotatedRoiAlign")
def multi_level_roi_align(op: OpView) -> Types:
    """[R, C, h, w]."""
    return _regions(op, 0, 1)


@_openmmlab("TRTBatchedNMS", "TRTBatchedRotatedNMS")
def batched_nms(op: OpView) -> Types:
    """Boxes with scores [N, kept, 5], rotated ones [N, kept, 6]; labels and, where asked for, indices [N, kept]."""
    batch, boxes = op.x.shape[:2]
    kept = dmin(boxes, op.int_attr("keep_topk", op.int_attr("keepTopK", boxes)))
    labels = TensorType("int32", (batch, kept))
    return TensorType(op.x.dtype, (batch, kept, 6 if "Rotated" in op.op_type else 5)), labels, labels


@_openmmlab("NMSRotated")
def nms_rotated(op: OpView) -> Types:
    """[kept, 3] of image, class and box: all at most."""
    batch, classes, boxes = op.input(1).shape
    return (TensorType("int64", (batch * classes * boxes, 3), exact=False),)


@_openmmlab("NonMaxSuppression")
def non_max_suppression(op: OpView) -> Types:
    """[kept, 3]: at most the number that is stated for each class of each image."""
    batch, classes, boxes = op.input(1).shape
    stated = op.has(2) and op.input(2).is_known
    each = dmin(boxes, dmax(0, int(op.input(2).value.reshape(-1)[0]))) if stated else boxes
    return (TensorType("int64", (batch * classes * each, 3), exact=False),)


@_openmmlab("GridPriorsTRT")
def grid_priors(op: OpView) -> Types:
    """[A H W, 4]."""
    places = op.input(1).shape[0] * op.input(2).shape[0]
    return (TensorType(op.x.dtype, (op.x.shape[0] * places, 4)),)


@_openmmlab("GatherTopk")
def gather_top_k(op: OpView) -> Types:
    """[*A, k, *C]."""
    indices = op.input(1).shape
    return (TensorType(op.x.dtype, (*indices, *op.x.shape[len(indices) :])),)


@_openmmlab("ScaledDotProductAttentionTRT")
def scaled_dot_product_attention(op: OpView) -> Types:
    """[B, S, D] and the probabilities [B, S, T]."""
    batch, queries, _ = op.x.shape
    width, keys = op.input(2).shape[2], op.input(1).shape[1]
    return TensorType(op.x.dtype, (batch, queries, width)), TensorType(op.x.dtype, (batch, queries, keys))
