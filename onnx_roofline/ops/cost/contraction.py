"""Matrix products and convolutions: the ops that carry the MACs.

MACs are dense: a tap that falls into padding is counted, as in every published table.
"""

from onnx_roofline.base.errors import NotModelledError
from onnx_roofline.base.units import dmax, product
from onnx_roofline.ir.records import Contraction, Counts, Work
from onnx_roofline.ops.cost.registry import rule, work
from onnx_roofline.ops.traits import Traits
from onnx_roofline.ops.view import Operand, OpView

_WITH_BIAS = Traits(quantized_form="product", bias_at=2)
# MatMulIntegerToFloat and QGemm without an output scale. Source: onnxruntime, qdq_actions.cc, selectors of both.
_TO_FLOAT = Traits(quantized_form="product", float_result=True)
_TO_FLOAT_WITH_BIAS = Traits(quantized_form="product", bias_at=2, float_result=True)


def matmul_contraction(a: Operand, b: Operand, out: Operand, lhs: int = 0, rhs: int = 1) -> Contraction:
    """[..., M, K] x [..., K, N] with numpy broadcasting and 1-D promotion, as batch, M, N, K.

    A weight that all batches share multiplies all rows at once: [B, M, K] x [K, N] is one GEMM of B*M rows.
    """
    m = a.shape[-2] if a.rank > 1 else 1
    n = b.shape[-1] if b.rank > 1 else 1
    k = a.shape[-1]
    batch = out.elements // max(1, m * n)
    if b.rank <= 2 or product(b.shape[:-2]) == 1:
        return Contraction(1, batch * m, n, k, lhs=lhs, rhs=rhs)
    return Contraction(batch, m, n, k, lhs=lhs, rhs=rhs)


@rule("MatMul", traits=_TO_FLOAT)
def matmul(op: OpView) -> Work:
    """macs: output elements x K.

    [..., M, K] x [..., K, N] -> [..., M, N] with numpy broadcasting. Source: ONNX MatMul-13.
    """
    product_ = matmul_contraction(op.input(0), op.input(1), op.out)
    return work(op, Counts(macs=product_.macs), contractions=(product_,))


@rule("Gemm", traits=_TO_FLOAT_WITH_BIAS)
def gemm(op: OpView) -> Work:
    """macs: M N K + adds: M N with a C (beta not 0) + muls: M N for alpha and for beta that are not 1.

    alpha A' B' + beta C, A' = [M, K], B' = [K, N], C broadcast. Source: ONNX Gemm-13.
    """
    a = op.input(0)
    if a.rank != 2:
        raise NotModelledError(f"input 0 has rank {a.rank}, wanted 2")
    m, n = op.out.shape
    k = a.shape[0] if op.int_attr("transA", 0) else a.shape[1]
    beta = op.float_attr("beta", 1.0) if op.has(2) else 0.0
    scalings = (op.float_attr("alpha", 1.0) != 1.0) + (beta not in (0.0, 1.0))
    counts = Counts(macs=m * n * k, adds=m * n if beta else 0, muls=scalings * m * n)
    return work(op, counts, contractions=(Contraction(1, m, n, k),))


def conv_contraction(op: OpView, x: Operand, weight: Operand, out: Operand, lhs: int = 0, rhs: int = 1) -> Contraction:
    """A convolution as implicit GEMM: batch = groups, M = C_out / g, N = images x positions, K = C_in / g x taps.

    x [N, C_in, *spatial], weight [C_out, C_in / g, *kernel], out [N, C_out, *spatial].
    """
    group = op.int_attr("group", 1)
    kernel = weight.shape[2:]
    if x.rank < 3 or weight.rank != x.rank or group < 1:
        raise NotModelledError(f"a convolution of {x.type} with {weight.type} and group {group} is not defined")
    return Contraction(
        batch=group,
        m=out.shape[1] // group,
        n=out.shape[0] * product(out.shape[2:]),
        k=weight.shape[1] * product(kernel),
        kernel=kernel,
        strides=op.ints_attr("strides", (1,) * len(kernel)),
        dilations=op.ints_attr("dilations", (1,) * len(kernel)),
        input_spatial=x.shape[2:],
        output_spatial=out.shape[2:],
        images=x.shape[0],
        lhs=rhs,
        rhs=lhs,
    )


@rule("Conv", traits=_WITH_BIAS)
def conv(op: OpView) -> Work:
    """macs: output elements x C_in / g x taps + adds: output elements with a bias.

    x [N, C_in, *spatial], W [C_out, C_in / g, *kernel]; the kernel comes from W. Source: ONNX Conv-11.
    """
    product_ = conv_contraction(op, op.input(0), op.input(1), op.out)
    bias = op.out.elements if op.has(2) else 0
    return work(op, Counts(macs=op.out.elements * product_.k, adds=bias), contractions=(product_,))


@rule("ConvTranspose", traits=_WITH_BIAS)
def conv_transpose(op: OpView) -> Work:
    """macs: input elements x C_out / g x taps + adds: output elements with a bias.

    x [N, C_in, *spatial], W [C_in, C_out / g, *kernel]: every input element meets every tap.
    Source: ONNX ConvTranspose-11.
    """
    x, weight, group = op.input(0), op.input(1), op.int_attr("group", 1)
    kernel = weight.shape[2:]
    macs = x.elements * weight.shape[1] * product(kernel)
    product_ = Contraction(
        batch=group,
        m=weight.shape[1] * product(kernel),
        n=x.shape[0] * product(x.shape[2:]),
        k=x.shape[1] // group,
        kernel=kernel,
        strides=op.ints_attr("strides", (1,) * len(kernel)),
        dilations=op.ints_attr("dilations", (1,) * len(kernel)),
        input_spatial=x.shape[2:],
        output_spatial=op.out.shape[2:],
        images=x.shape[0],
        lhs=1,
        rhs=0,
    )
    return work(op, Counts(macs=macs, adds=op.out.elements if op.has(2) else 0), contractions=(product_,))


@rule("Det")
def determinant(op: OpView) -> Work:
    """for each matrix muls: u + n - 1 + adds: u = (n - 1) n (2n - 1) / 6 + divs and compares: n (n - 1) / 2.

    Gaussian elimination with row pivots, then the product of the diagonal. Source: ONNX Det-22; the algorithm is the
    runtime's choice: heuristic.
    """
    size = op.x.shape[-1]
    below = size * (size - 1) // 2
    updates = below * (2 * size - 1) // 3
    each = Counts(muls=updates + dmax(0, size - 1), adds=updates, divs=below, compares=below)
    return work(op, each.scaled(op.out.elements), status="heuristic")
