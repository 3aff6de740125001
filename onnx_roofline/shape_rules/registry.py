"""Output types where the onnx library falls short: contrib ops, its mistakes, and outputs that depend on values.

A shape rule sees an `OpView`, as op rules do, and answers the types of the op's outputs in order. There are two kinds:

- `shape_rule`: asked before the library, for ops that it does not know or gets wrong;
- `completion`: asked after it, where it leaves a dim open. Its `OpView` has the library's types as outputs; what the
  library knows stands, the rule's dims fill the gaps. An upper bound is marked `exact=False`.

Both raise NotModelledError where they can't tell; what the file declares is asked last.
"""

from collections.abc import Callable, Sequence
from functools import cache

from onnx_roofline.graph import TensorType
from onnx_roofline.op_rules.registry import OpView

ShapeRule = Callable[[OpView], Sequence[TensorType]]

# Ops that onnxruntime adds to the default domain. Source: get_all_operator_schema() of onnxruntime 1.31.
_INTERNAL = frozenset({
    "Affine", "Crop", "DisentangledAttention_TRT", "DynamicSlice", "EfficientNMS_TRT", "GRUUnit", "GivenTensorFill",
    "ImageScaler", "MemcpyFromHost", "MemcpyToHost", "MultilevelCropAndResize_TRT", "ParametricSoftplus",
    "PyramidROIAlign_TRT", "Scale", "ScaledTanh", "SimplifiedLayerNormalization",
})  # fmt: skip

_TABLE: dict[tuple[str, str], ShapeRule] = {}
_COMPLETIONS: dict[tuple[str, str], ShapeRule] = {}


def shape_rule(*op_types: str, domain: str = "") -> Callable[[ShapeRule], ShapeRule]:
    """Register a shape rule for ops of one domain. Raises ValueError for a rule that is there already."""
    return _register(_TABLE, op_types, domain)


def completion(*op_types: str, domain: str = "") -> Callable[[ShapeRule], ShapeRule]:
    """Register a rule that is asked where the library leaves a dim open. Raises ValueError as `shape_rule` does."""
    return _register(_COMPLETIONS, op_types, domain)


def find_shape_rule(domain: str, op_type: str) -> ShapeRule | None:
    """The rule that is asked before the library, or None."""
    if domain.startswith("com.m") or (not domain and op_type in _INTERNAL):
        _load_contrib()
    return _TABLE.get((domain, op_type))


@cache
def _load_contrib() -> None:
    """Import the rules for onnxruntime's ops, which few models need."""
    import onnx_roofline.shape_rules.microsoft  # noqa: F401  (imported to register its rules)


def find_completion(domain: str, op_type: str) -> ShapeRule | None:
    """The rule that is asked after the library, or None."""
    return _COMPLETIONS.get((domain, op_type))


def _register(
    table: dict[tuple[str, str], ShapeRule], op_types: tuple[str, ...], domain: str
) -> Callable[[ShapeRule], ShapeRule]:
    def register(function: ShapeRule) -> ShapeRule:
        for op_type in op_types:
            if (domain, op_type) in table:
                raise ValueError(f"a shape rule for {domain or 'ai.onnx'}.{op_type} exists already")
            table[domain, op_type] = function
        return function

    return register
