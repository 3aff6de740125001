"""Finding the shape rule of an op: the families of rules are imported when a model has an op of theirs."""

from functools import cache
from importlib import import_module

from onnx_roofline.ops.shape.registry import ShapeRule, completion_of, is_falling, shape_rule_of

_STANDARD = ("ai_onnx_ml", "data_dependent", "old_opsets", "reshape", "sequences")
_CONTRIB = ("contrib.attention", "contrib.layout", "contrib.movement", "contrib.products")
# Ops that onnxruntime adds to the default domain. Source: get_all_operator_schema() of onnxruntime 1.32.
_INTERNAL = frozenset({
    "Affine", "Crop", "DisentangledAttention_TRT", "DynamicSlice", "EfficientNMS_TRT", "GRUUnit", "GivenTensorFill",
    "ImageScaler", "MemcpyFromHost", "MemcpyToHost", "MultilevelCropAndResize_TRT", "ParametricSoftplus",
    "PyramidROIAlign_TRT", "Scale", "ScaledTanh", "SimplifiedLayerNormalization",
})  # fmt: skip


# Families of other tools, by the domain of their ops.
_BY_DOMAIN = {
    "trt": "contrib.tensorrt",
    "mmdeploy": "contrib.mmdeploy",
    "mmcv": "contrib.mmdeploy",
    "onnx.brevitas": "contrib.qonnx",
    "qonnx.custom_op.general": "contrib.qonnx",
    "finn.custom_op.general": "contrib.qonnx",
}


def find_shape_rule(domain: str, op_type: str) -> ShapeRule | None:
    """The rule that is asked before the library, or None."""
    _load(_STANDARD)
    if domain in _BY_DOMAIN:
        _load((_BY_DOMAIN[domain],))
    if domain.startswith("com.m") or (not domain and op_type in _INTERNAL):
        _load(_CONTRIB)
    return shape_rule_of(domain, op_type)


def find_completion(domain: str, op_type: str) -> ShapeRule | None:
    """The rule that is asked after the library, or None."""
    _load(_STANDARD)
    return completion_of(domain, op_type)


def grows_with_input(domain: str, op_type: str) -> bool:
    """Whether bounds of the inputs make bounds of the outputs, as the library infers them."""
    _load(_STANDARD)
    return not is_falling(domain, op_type)


@cache
def _load(families: tuple[str, ...]) -> None:
    for family in families:
        import_module(f"onnx_roofline.ops.shape.{family}")
