"""Finding the cost rule of an op: the families of rules are imported when a model has an op of theirs."""

import bisect
from functools import cache
from importlib import import_module

from onnx_roofline.ir.graph import Op
from onnx_roofline.ops.cost.registry import Rule, every_rule, rules_of
from onnx_roofline.ops.traits import NO_TRAITS, Traits

# Families that most models use, and those that few do, each a module of this package.
_COMMON = (
    "attention", "contraction", "control_flow", "elementwise", "movement", "normalization", "pooling", "quantization",
    "recurrent", "reduction",
)  # fmt: skip
_RARE = (
    "ai_onnx_ml", "einsum", "image", "loss", "random", "sequence", "signal", "training", "trees", "contrib.attention",
    "contrib.cached_attention", "contrib.fused", "contrib.layout", "contrib.mmdeploy", "contrib.movement",
    "contrib.packed", "contrib.products", "contrib.qonnx", "contrib.quantized", "contrib.recurrent",
    "contrib.speculative", "contrib.tensorrt",
)  # fmt: skip


def find_rule(domain: str, op_type: str, version: int) -> Rule | None:
    """The newest rule not newer than `version`; the oldest rule where all are newer."""
    _load(_COMMON)
    rows = rules_of(domain, op_type)
    if not rows:
        _load(_RARE)
        rows = rules_of(domain, op_type)
    if not rows:
        return None
    position = bisect.bisect_right(rows, version, key=lambda row: row.since)
    return rows[max(0, position - 1)]


def traits_of(op: Op) -> Traits:
    """What an op is; the defaults for an op without a rule."""
    return _traits(op.domain, op.op_type, op.version)


@cache
def _traits(domain: str, op_type: str, version: int) -> Traits:
    rule = find_rule(domain, op_type, version)
    return NO_TRAITS if rule is None else rule.traits


def forget() -> None:
    """Forget what was found to have no rule, since there is one more."""
    _traits.cache_clear()


def all_rules() -> tuple[Rule, ...]:
    """Every rule, sorted by domain, op and version."""
    _load(_COMMON)
    _load(_RARE)
    return every_rule()


@cache
def _load(families: tuple[str, ...]) -> None:
    for family in families:
        import_module(f"onnx_roofline.ops.cost.{family}")
