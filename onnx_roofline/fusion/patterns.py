"""The named patterns, in the spellings that exporters write. A backend's pack lists those that it fuses, in its order.

Reshapes, casts to the same type, dropout and identities are views and never stand in a template. Spellings seen in
exports of PyTorch's two exporters (TorchScript and dynamo), of PaddlePaddle, Keras and of opsets before 13.
"""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct, field

from onnx_roofline.fusion.template import Template, parse_template
from onnx_roofline.ir.records import KernelRole


class NamedPattern(Struct, frozen=True):
    """What `onnx-roofline` knows by a name: templates, most specific first, and the op types that a pack may change.

    `keeps_inner` says that an inner result which something else reads is written to memory beside the kernel's own.
    `one_op` is the op of the standard that does the same alone, with the opset that brought it.
    """

    about: str
    templates: tuple[str, ...]
    types: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    keeps_inner: bool = False
    role: KernelRole | None = None
    # joined by a procedure, since no template can say what they are: cuts of one tensor, ops that change nothing
    procedure: Literal["none", "slices", "no_ops"] = "none"
    one_op: str = ""


# Shared parts by name; a later one may use the earlier ones.
_PART_TEXTS: tuple[tuple[str, str], ...] = (
    # Scores of attention: a scale on Q, on K or on the product; K transposed, repeated for grouped queries by Expand.
    ("scaled", "Mul|Div?(_, #s)"),
    ("operand", "Mul|Div?(Transpose?(Expand?(Transpose?(@scaled), _)), #s)"),
    ("product", "Mul|Div?(MatMul(@operand, @operand), #s)"),
    ("biased", "Add?(@product, _)"),
    ("scores", "Cast?([Add(@biased, _); Where(_, @biased, _); Where(_, _, @biased); @biased])"),
    ("probabilities", "Cast?([Where(IsNaN(?p), _, ?p=Softmax(@scores)); Softmax(@scores)])"),
    ("read", "Mul|Div:scales?(~Transpose:product?(Mul|Div:scales?(_, #s)), #s)"),
    # Decomposed normalisations. Sub may stand twice, and a square is a Pow or a Mul.
    ("centred", "Sub(?x, ReduceMean(?x))"),
    ("variance", "ReduceMean([Pow(Cast?(@centred), 2); Mul(?d=@centred, ?d)])"),
    ("deviation", "Sqrt(Add(@variance, #))"),
    ("layer", "[Div(@centred, @deviation); Mul(@centred, [Reciprocal(@deviation); Div(#, @deviation)])]"),
    ("centred_last", "Sub(?x, ReduceMean:last_axis(?x))"),
    ("layer_last", "[Div(@centred_last, @deviation); Mul(@centred_last, Reciprocal(@deviation))]"),
    ("mean_square", "Sqrt(Add(ReduceMean([Pow(?x, 2); Mul(?x, ?x)]), #))"),
    ("mean_square_last", "Sqrt(Add(ReduceMean:last_axis([Pow(?x, 2); Mul(?x, ?x)]), #))"),
    ("rms", "[Mul(?x, [Reciprocal(@mean_square); Div(#, @mean_square)]); Div(?x, @mean_square)]"),
    # GELU: 1 + erf(x / sqrt 2), or 1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)).
    ("erf", "Add(Erf(Div|Mul(?x, #s)), 1)"),
    ("cube", "[Pow(?x, 3); Mul(?x, Mul(?x, ?x)); Mul(Mul(?x, ?x), ?x)]"),
    ("tanh", "Add(Tanh([Mul(Add(?x, Mul(@cube, #s)), #s); Mul(Mul(?x, #s), Add(Mul(?x, Mul(?x, #s)), 1))]), 1)"),
    ("clipped", "[Clip(Add(?x, #s)); Min(Max(Add(?x, #s), #s), #s); Relu6(Add(?x, #s))]"),
)


def _parts() -> dict[str, Template]:
    parts: dict[str, Template] = {}
    for name, text in _PART_TEXTS:
        parts[name] = parse_template(text, parts)
    return parts


PARTS: Mapping[str, Template] = _parts()

_GEMM_ACTIVATIONS = (
    "Elu", "HardSigmoid", "LeakyRelu", "Relu", "Selu", "Sigmoid", "Softplus", "Softsign", "Tanh", "ThresholdedRelu"
)  # fmt: skip
_ACTIVATIONS = ("Relu", "Sigmoid", "Tanh", "Clip", "LeakyRelu", "HardSigmoid")

PATTERNS: Mapping[str, NamedPattern] = {
    "attention": NamedPattern(
        "scores, scale, mask, softmax and the product with the values, as one flash-attention kernel",
        ("Transpose?(MatMul(@probabilities, Expand?(Transpose?(_), _)))",),
        role="attention",
        one_op="Attention (opset 23)",
    ),
    "fused_matmul": NamedPattern(
        "a matrix product that reads its operands transposed and scales its result",
        ("Mul|Div:scales?(MatMul(@read, @read), #s)",),
    ),
    "rotary_embedding": NamedPattern(
        "x cos + rotate(x) sin, the halves of x taken by Slice or Split",
        (
            "Add(Mul(?x, _), Mul(Concat(Neg(Slice(?x)), Slice(?x)), _))",
            "Add(Mul(?x, _), Mul(Concat(Neg(?s=Split(?x)), Split(?x)), _))",
        ),
        one_op="RotaryEmbedding (opset 23)",
    ),
    "layer_norm": NamedPattern(
        "layer normalisation in single ops",
        ("Add(Mul(Cast?(@layer), #), #)", "Mul(Cast?(@layer), #)", "@layer"),
        one_op="LayerNormalization (opset 17)",
    ),
    "layer_norm_affine": NamedPattern(
        "layer normalisation over the last axis in single ops, with scale and shift",
        ("Add(Mul(Cast?(@layer_last), #), #)",),
        one_op="LayerNormalization (opset 17)",
    ),
    "rms_norm": NamedPattern(
        "root-mean-square normalisation in single ops",
        ("Mul(Cast?(@rms), #)", "@rms"),
        one_op="RMSNormalization (opset 23)",
    ),
    "rms_norm_div": NamedPattern(
        "root-mean-square normalisation over the last axis that divides, with its scale",
        ("Mul(Cast?([Mul(?x, Div(#, @mean_square_last)); Div(?x, @mean_square_last)]), #)",),
        one_op="RMSNormalization (opset 23)",
    ),
    "skip_layer_norm": NamedPattern(
        "a residual addition and the normalisation after it; the sum stays readable",
        ("LayerNormalization|RMSNormalization|SimplifiedLayerNormalization(Add:skip(Add?(_, #v), _))",),
        keeps_inner=True,
    ),
    "gelu_erf": NamedPattern(
        "GELU by the error function, all spellings",
        ("Mul(Mul(?x, @erf), 0.5)", "Mul(?x, Mul(@erf, 0.5))", "Mul(Mul(?x, 0.5), @erf)"),
        one_op="Gelu (opset 20)",
    ),
    "gelu_erf_torchscript": NamedPattern(
        "GELU by the error function, as TorchScript and Keras write it",
        ("Mul(Mul(?x, @erf), 0.5)", "Mul(Mul(?x, 0.5), @erf)"),
        one_op="Gelu (opset 20)",
    ),
    "gelu_tanh": NamedPattern(
        "GELU by the hyperbolic tangent",
        ("Mul(Mul(?x, 0.5), @tanh)", "Mul(?x, Mul(@tanh, 0.5))", "Mul(Mul(?x, @tanh), 0.5)"),
        one_op="Gelu (opset 20)",
    ),
    "bias_gelu": NamedPattern(
        "a bias and the GELU after it, as TorchScript writes it",
        (
            "Gelu|com.microsoft.Gelu(Add(_, #v))",
            "Mul(Mul(?x=Add(_, #v), Add(Erf(Div|Mul(?x, #s)), 1)), 0.5)",
        ),
    ),
    "silu": NamedPattern("x sigmoid(x)", ("Mul(?x, Sigmoid(?x))",), one_op="Swish (opset 24)"),
    "quick_gelu": NamedPattern("x sigmoid(alpha x)", ("Mul(?x, Sigmoid(Mul(?x, #s)))",), one_op="Swish (opset 24)"),
    "hard_swish": NamedPattern(
        "x times a clipped line",
        (
            "Div|Mul(Mul(?x, @clipped), #s)",
            "Mul(?x, [Div|Mul(@clipped, #s); HardSigmoid(?x)])",
        ),
        one_op="HardSwish (opset 14)",
    ),
    "hard_sigmoid": NamedPattern("a clipped line", ("Div|Mul(@clipped, #s)",)),
    "mish": NamedPattern(
        "x tanh(softplus(x))", ("Mul(?x, Tanh([Softplus(?x); Log(Add(Exp(?x), 1))]))",), one_op="Mish (opset 18)"
    ),
    "softmax": NamedPattern(
        "softmax in single ops",
        (
            "[Div(?e=Exp([Sub(?x, ReduceMax(?x)); _]), ReduceSum(?e)); "
            "Mul(?e=Exp([Sub(?x, ReduceMax(?x)); _]), Reciprocal(ReduceSum(?e)))]",
        ),
        one_op="Softmax",
    ),
    "masked_softmax": NamedPattern(
        "scale, mask and softmax",
        ("Softmax([Add(@scaled, _); Where(_, @scaled, _); Where(_, _, @scaled); Mul|Div(_, #s)])",),
    ),
    "bias_softmax": NamedPattern("an additive mask and the softmax after it", ("Softmax(Add(_, _))",)),
    "conv_epilogue": NamedPattern(
        "a convolution with scale, shift, batch normalisation and activation; with the residual where a pack says so",
        ("$act?(Add:channel?(Mul:channel?(BatchNormalization?(Add:channel?(Mul:channel?($conv(_), #), #)), #), #))",),
        {"act": _ACTIVATIONS, "conv": ("Conv",)},
    ),
    "conv_batch_norm": NamedPattern(
        "a convolution with batch normalisation", ("BatchNormalization($conv(_))",), {"conv": ("Conv", "ConvTranspose")}
    ),
    "conv_residual": NamedPattern(
        "a convolution with batch normalisation, the addition of the skip connection and the activation",
        ("$act?(Add:skip(BatchNormalization?(Conv(_)), _))",),
        {"act": _ACTIVATIONS},
    ),
    "matmul_epilogue": NamedPattern(
        "a matrix product with bias and activation",
        ("$act?(Add?(MatMul|Gemm(_), #v))",),
        {"act": _ACTIVATIONS},
    ),
    "matmul_bias": NamedPattern(
        "a matrix product with bias", ("Add($matmul(_), #v)",), {"matmul": ("MatMul", "com.microsoft.MatMulNBits")}
    ),
    "quantized_matmul_bias": NamedPattern(
        "a matrix product with packed weights, with bias", ("Add(com.microsoft.MatMulNBits(_), #v)",)
    ),
    "gemm_activation": NamedPattern(
        "Gemm, or a product of two matrices with bias, with activation",
        ("$act([Gemm(_); Add(MatMul:matrices(_, _), #v)])",),
        {"act": _GEMM_ACTIVATIONS},
    ),
    "transposes": NamedPattern("two transposes in a row, done in one", ("Transpose(~Transpose:unmeasured(_))",)),
    "integer_matmul": NamedPattern(
        "a product of integers, scaled back to floating point, with bias; with the quantisation of its input if that "
        "serves no other op",
        ("Add?(Mul(Cast(MatMulInteger(DynamicQuantizeLinear?(_), _)), Mul(_, #)), #v)",),
    ),
    "pad_conv": NamedPattern("padding that the convolution after it does", ("Conv|MaxPool|AveragePool(Pad(_))",)),
    "relu_clip": NamedPattern("an activation whose range a Clip narrows", ("Clip(Relu(_))",)),
    "split_by_slices": NamedPattern("slices of one tensor, cut in one go", (), procedure="slices"),
    "no_ops": NamedPattern(
        "an op that changes nothing, taken out before the op that reads its result", (), procedure="no_ops"
    ),
}
