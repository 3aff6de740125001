"""Parts that the ops of onnxruntime are fused from: activations, rotary embedding, quantisation, attention.

Each gives the counts of the plain ops it stands for, so that a fused op costs the sum of its parts.
"""

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from onnx_roofline.base.errors import NotModelledError
from onnx_roofline.base.units import dmax
from onnx_roofline.ir.masking import Masking
from onnx_roofline.ir.records import Contraction, Counts, Status, Work
from onnx_roofline.ops.cost.normalization import softmax_counts
from onnx_roofline.ops.cost.registry import RuleFunction, rule, work
from onnx_roofline.ops.traits import NO_TRAITS, Traits
from onnx_roofline.ops.view import OpView

DOMAIN = "com.microsoft"


def contrib(
    *op_types: str, domain: str = DOMAIN, formula: str = "", source: str = "", traits: Traits = NO_TRAITS
) -> Callable[[RuleFunction], RuleFunction]:
    """Register a rule for ops of onnxruntime, which nothing but onnxruntime checks.

    Operands of ranks and sizes that the rule does not expect are no error of ours: the op becomes `unknown`.
    """

    def register(function: RuleFunction) -> RuleFunction:
        def apply(op: OpView) -> Work:
            try:
                return function(op)
            except (IndexError, ValueError, ZeroDivisionError):
                operands = ", ".join(str(item.type) for item in op.inputs if item is not None)
                raise NotModelledError(f"{op.op_type} does not take operands such as {operands}") from None

        apply.__doc__ = function.__doc__
        rule(*op_types, domain=domain, formula=formula, source=source, traits=traits)(apply)
        return function

    return register


SIGMOID = Counts(transcendentals=1, adds=1, divs=1)
SILU = SIGMOID + Counts(muls=1)
SOFTPLUS = Counts(transcendentals=2, adds=1)
GELU = Counts(transcendentals=1, adds=1, muls=2, divs=1)
# 0.5 x (1 + tanh(a x + b x x x)): six products, two sums
FAST_GELU = Counts(transcendentals=1, adds=2, muls=6)

# Operations per element of the activations that a fused op names, as the rules of the plain ops count them.
_ACTIVATIONS = {
    "": Counts(),
    "none": Counts(),
    "identity": Counts(),
    "linear": Counts(),
    "relu": Counts(compares=1),
    "relu2": Counts(compares=1, muls=1),
    "relu_squared": Counts(compares=1, muls=1),
    "leakyrelu": Counts(compares=1, muls=1),
    "thresholdedrelu": Counts(compares=1, muls=1),
    "clip": Counts(compares=2),
    "tanh": Counts(transcendentals=1),
    "sigmoid": SIGMOID,
    "silu": SILU,
    "swish": SILU,
    "hardsigmoid": Counts(muls=1, adds=1, compares=2),
    "hardswish": Counts(muls=2, adds=1, compares=2),
    "elu": Counts(transcendentals=1, adds=1, muls=1, compares=1),
    "selu": Counts(transcendentals=1, adds=1, muls=2, compares=1),
    "softplus": SOFTPLUS,
    "softsign": Counts(adds=2, divs=1),
    "gelu": GELU,
    "fastgelu": FAST_GELU,
}


def activation_counts(name: str, n: int) -> Counts:
    """Counts of a named activation over n elements; NotModelledError for a name that no kernel knows.

    >>> activation_counts("HardSigmoid", 2)
    Counts(macs=0, adds=2, muls=2, divs=0, compares=4, transcendentals=0, int_ops=0, bit_ops=0)
    """
    each = _ACTIVATIONS.get(name.lower())
    if each is None:
        raise NotModelledError(f"activation {name!r} is not known")
    return each.scaled(n)


def swiglu_counts(op: OpView, n: int) -> Counts:
    """G sigmoid(alpha G) (L + beta) for n pairs; a limit above 0 clamps G above and L on both sides."""
    each = SILU + Counts(muls=1)
    each += Counts(muls=1) if op.float_attr("activation_alpha", 1.0) != 1.0 else Counts()
    each += Counts(adds=1) if op.float_attr("activation_beta", 0.0) != 0.0 else Counts()
    return (each + Counts(compares=3 if op.float_attr("limit", 0.0) > 0.0 else 0)).scaled(n)


def rotary_counts(n: int) -> Counts:
    """Rotary embedding of n elements with tables: two products and a sum each."""
    return Counts(muls=2 * n, adds=n)


def quantize_counts(n: int, zero_point: bool = True) -> Counts:
    """QuantizeLinear of n elements: division, zero point, two comparisons that saturate; rounding is a conversion."""
    return Counts(divs=n, adds=n if zero_point else 0, compares=2 * n)


def dequantize_counts(n: int, zero_point: bool = True) -> Counts:
    """DequantizeLinear of n elements: zero point and scale."""
    return Counts(muls=n, adds=n if zero_point else 0)


def dynamic_quantize_counts(n: int) -> Counts:
    """DynamicQuantizeLinear of n elements: range, scale and zero point, then QuantizeLinear, as the standard's op."""
    return Counts(compares=2 * dmax(0, n - 1) + 4, adds=3, divs=2) + quantize_counts(n)


def low_precision_work(
    op: OpView,
    contractions: Sequence[Contraction],
    float_counts: Counts,
    dtype: str,
    status: Status = "exact",
    parameters: Mapping[int, int] | None = None,
) -> Work:
    """Products in an integer or 8-bit type with float arithmetic around them: the MACs choose the peak."""
    answer = work(op, contractions=contractions, dtype=dtype, status=status, parameters=parameters)
    return replace(answer, counts=macs_of(contractions) + float_counts)


class Heads(Struct, frozen=True):
    """Sizes of an attention: `keys` is what one query meets, `width` and `v_width` are those of one head.

    `kv_heads` divides `heads`; queries of one group share keys and values.
    """

    batch: int
    heads: int
    kv_heads: int
    queries: int
    keys: int
    width: int
    v_width: int

    def masking(self, causal: bool = False) -> Masking:
        """What of the square a fused kernel computes."""
        return Masking(self.heads // self.kv_heads, causal)

    @property
    def rows(self) -> int:
        """Rows of the score matrices."""
        return self.batch * self.heads * self.queries

    @property
    def scores(self) -> int:
        """Elements of the score matrices, which stay inside the op."""
        return self.rows * self.keys

    def contractions(self, query: int | None, key: int | None, value: int | None) -> tuple[Contraction, Contraction]:
        """Q K' and P V; a group of query heads multiplies one K. Positions of operands, None inside."""
        batch, rows = self.batch * self.kv_heads, self.heads // self.kv_heads * self.queries
        return (
            Contraction(batch, rows, self.keys, self.width, lhs=query, rhs=key),
            Contraction(batch, rows, self.v_width, self.keys, lhs=None, rhs=value),
        )


def attention_counts(op: OpView, heads: Heads, biased: bool = False, sink: bool = False) -> Counts:
    """Scale, bias, softcap and softmax of the scores; the MACs are in the contractions.

    Dense: causality and windows take nothing off; any mask, bias or causality together is one bias that is added, as in
    the standard's Attention. A scale attribute of 1 is none. A sink is one more logit in the softmax of each row.
    """
    scores, rows = heads.scores, heads.rows
    biased = biased or bool(op.int_attr("unidirectional", 0))
    counts = Counts(muls=0 if op.float_attr("scale", 0.0) == 1.0 else scores, adds=scores if biased else 0)
    counts += softmax_counts(rows, heads.keys)
    if op.float_attr("softcap", 0.0) != 0.0:
        counts += Counts(divs=scores, transcendentals=scores, muls=scores)
    if sink:
        counts += Counts(compares=rows, transcendentals=rows, adds=2 * rows)
    return counts


def macs_of(contractions: Sequence[Contraction]) -> Counts:
    """The MACs of several contractions as counts."""
    return Counts(macs=sum(part.macs for part in contractions))


def contraction_work(
    op: OpView,
    contractions: Sequence[Contraction],
    counts: Counts,
    status: Status = "exact",
    parameters: Mapping[int, int] | None = None,
    masking: Masking | None = None,
) -> Work:
    """Contractions with other counts around them, every operand touched once and whole."""
    counts = macs_of(contractions) + counts
    return work(op, counts, contractions=contractions, status=status, parameters=parameters, masking=masking)
