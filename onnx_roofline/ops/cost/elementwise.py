"""Ops that treat each element by itself. n is the number of output elements."""

from onnx_roofline.ir.records import Counts, Work
from onnx_roofline.ops.cost.registry import elementwise, rule, work
from onnx_roofline.ops.traits import Traits
from onnx_roofline.ops.view import OpView

# One instruction of a kind per output element, broadcast or not. Source: cost formulas follow each op's definition.
_ON_QUANTIZED = Traits(quantized_form="arithmetic")
rule("Add", traits=_ON_QUANTIZED)(elementwise(adds=1))
rule("Sub", traits=Traits(quantized_form="arithmetic", scaled_at=(0,)))(elementwise(adds=1))
rule("Neg", "Abs", "Sign", "Ceil", "Floor", "Round")(elementwise(adds=1))
rule("Mul", traits=Traits(quantized_form="arithmetic", scaled_at=(0, 1), rescales=(0, 1)))(elementwise(muls=1))
rule("Div", traits=Traits(quantized_form="arithmetic", scaled_at=(0,), rescales=(0,)))(elementwise(divs=1))
rule("Reciprocal", "Mod")(elementwise(divs=1))
rule("Exp", "Log", "Erf", "Tanh", "Sqrt", "Pow", "Sin", "Cos", "Tan", "Asin", "Acos", "Atan")(
    elementwise(transcendentals=1)
)
rule("Sinh", "Cosh", "Asinh", "Acosh", "Atanh")(elementwise(transcendentals=1))
rule("Equal", "Greater", "Less", "GreaterOrEqual", "LessOrEqual", "IsNaN", "IsInf")(elementwise(compares=1))
rule("Relu", traits=_ON_QUANTIZED)(elementwise(compares=1))
rule("And", "Or", "Xor", "Not", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "BitwiseNot", "BitShift")(
    elementwise(bit_ops=1)
)
rule("LeakyRelu", traits=_ON_QUANTIZED)(elementwise(compares=1, muls=1))
rule("PRelu")(elementwise(compares=1, muls=1))
rule("ThresholdedRelu")(elementwise(compares=1))
# x < -lambda: x + bias, x > lambda: x - bias
rule("Shrink")(elementwise(compares=2, adds=1))
# alpha (exp(x) - 1) where x < 0; Celu has x / alpha in it
rule("Elu")(elementwise(transcendentals=1, adds=1, muls=1, compares=1))
rule("Celu")(elementwise(transcendentals=1, adds=1, muls=1, divs=1, compares=1))
rule("Selu")(elementwise(transcendentals=1, adds=1, muls=2, compares=1))
# The inverse of 1 + exp(-x).
rule("Sigmoid", traits=_ON_QUANTIZED)(elementwise(transcendentals=1, adds=1, divs=1))
# log(1 + exp(x)); x / (1 + |x|)
rule("Softplus")(elementwise(transcendentals=2, adds=1))
rule("Softsign")(elementwise(adds=2, divs=1))
# max(0, min(1, alpha x + beta)); x times that
rule("HardSigmoid")(elementwise(muls=1, adds=1, compares=2))
rule("HardSwish")(elementwise(muls=2, adds=1, compares=2))
# x tanh(softplus(x)); x sigmoid(alpha x)
rule("Mish")(elementwise(transcendentals=3, adds=1, muls=1))


@rule("Swish", "SwiGLU")
def swish(op: OpView) -> Work:
    """transcendentals: n + adds: n + divs: n + muls: n, n more for SwiGLU and n more where alpha is not 1.

    Source: ONNX Swish-24, x / (1 + exp(-alpha x)); SwiGLU-28, that times b.
    """
    n = op.out.elements
    scales = n if op.float_attr("alpha", 1.0) != 1.0 else 0
    gate = n if op.op_type == "SwiGLU" else 0
    return work(op, Counts(transcendentals=n, adds=n, divs=n, muls=n + scales + gate))


@rule("Clip", traits=_ON_QUANTIZED)
def clip(op: OpView) -> Work:
    """compares: n for each bound that is given.

    Source: ONNX Clip-13 (inputs) and Clip-6 (attributes).
    """
    given = sum(op.has(position) for position in (1, 2)) or sum(name in op.attributes for name in ("min", "max"))
    return work(op, Counts(compares=given * op.out.elements))


@rule("Gelu", source="ONNX Gelu-20: 0.5 x (1 + erf(x / sqrt 2)), or the tanh form with x^3 as two multiplications")
def gelu(op: OpView) -> Work:
    """transcendentals: n + adds: n + muls: 2n + divs: n; tanh form: transcendentals: n + adds: 2n + muls: 6n."""
    n = op.out.elements
    if op.str_attr("approximate", "none") == "tanh":
        return work(op, Counts(transcendentals=n, adds=2 * n, muls=6 * n))
    return work(op, Counts(transcendentals=n, adds=n, muls=2 * n, divs=n))


@rule("Sum", "Mean", "Max", "Min")
def variadic(op: OpView) -> Work:
    """adds or compares: (operands - 1) n; Mean also divs: n.

    Source: ONNX Sum-13, Mean-13, Max-13, Min-13.
    """
    n = op.out.elements
    steps = (len(op.inputs) - 1) * n
    if op.op_type in ("Max", "Min"):
        return work(op, Counts(compares=steps))
    return work(op, Counts(adds=steps, divs=n if op.op_type == "Mean" else 0))


@rule("Where", traits=Traits(quantized_form="arithmetic", blends_at=(1, 2)))
def where(op: OpView) -> Work:
    """compares: n, in the element type of the values; reads the condition and both branches.

    Source: ONNX Where-16.
    """
    return work(op, Counts(compares=op.out.elements), dtype=op.out.dtype)
