"""Weights in another type: each stored matrix or kernel of a product behind a DequantizeLinear, with what restores it.

| group | scales | zero points |
|---|---|---|
| a number g | one for g elements along K, the last block may be short | of unsigned types; as MatMulNBitsQuantizer |
| channel | one for each output channel | of integers, zeros for signed; as quantize_static and quantize_dynamic |
| tensor | one | the same |

A convolution sums over several axes, which no block follows: it has a scale a channel. Left alone: embeddings and what
other ops than products read, vectors, matrices with K = 1. Where others read a matrix too, they keep the float one.
Source: onnxruntime 1.32, quantization/matmul_nbits_quantizer.py and qdq_quantizer.py.
"""

import math
from typing import TYPE_CHECKING

from msgspec import Struct

from onnx_roofline.analysis.precision.edit import GraphEdit, ModelEdit
from onnx_roofline.analysis.precision.spec import Precision
from onnx_roofline.analysis.precision.uses import Read, Stored, Uses
from onnx_roofline.base.text import visible
from onnx_roofline.base.units import FLOAT_DTYPES, ceil_div, product
from onnx_roofline.fusion.quantized_tensors import PLAIN_FLOATS
from onnx_roofline.ir.records import Contraction

if TYPE_CHECKING:
    from onnx_roofline.ir.graph import Array

# What a DequantizeLinear makes, as wide as its scale. Source: ONNX DequantizeLinear-21.
_SCALED = ("float16", "bfloat16", "float32")
# A vector is no matrix.
_LEAST_RANK = 2


class Matrix(Struct, frozen=True):
    """A stored operand of products: the reads that lead to them, the first of them, and who else needs it floating."""

    stored: Stored
    reads: tuple[Read, ...]
    first: Read
    product: Contraction
    others: str = ""

    @property
    def depth_axis(self) -> int | None:
        """The axis that the product sums over; of a convolution, or where no axis has its length, None."""
        shape, depth = self.stored.shape, self.product.k
        if self.product.kernel:
            return None
        ordered = (-2, -1) if self.first[1] == self.product.rhs else (-1, -2)
        return next((len(shape) + axis for axis in ordered if shape[axis] == depth), None)

    @property
    def channel_axis(self) -> int | None:
        """The axis of the output channels; None where no axis is theirs alone."""
        shape, depth_axis = self.stored.shape, self.depth_axis
        if self.product.kernel:
            return 0 if shape[0] == self.product.batch * self.product.m else 1
        return None if depth_axis is None else len(shape) - 1 if depth_axis == len(shape) - 2 else len(shape) - 2


class Left(Struct, frozen=True):
    """A stored matrix that stays as it is, and why."""

    stored: Stored
    reason: str


def find_matrices(uses: Uses, restores: tuple[str, ...] | None) -> tuple[list[Matrix], list[Left]]:
    """The stored operands of products, and the other stored matrices with the reason why they stay.

    `restores` are the op types that restore stored operands as they read them; None: all that multiply.
    """
    found, left = [], []
    for stored in uses.stored():
        kind = stored.tensor.type
        reads = uses.reads.get(stored.place, [])
        if kind.dtype not in PLAIN_FLOATS or not kind.is_known or len(kind.dims) < _LEAST_RANK or not reads:
            continue
        if not stored.tensor.is_weight:
            continue
        ways = [(read, *uses.products(read)) for read in reads]
        good = [(read, products) for read, products, other in ways if products and not other]
        others = [other for _, _, other in ways if other]
        is_kept = stored.place in uses.names.kept
        if not good:
            left.append(Left(stored, _reader(uses, others[0]) if others else "read by no op"))
            continue
        if kind.dtype not in _SCALED:
            left.append(Left(stored, f"{kind.dtype}, which no DequantizeLinear makes"))
            continue
        first = good[0][1][0]
        summed = uses.contraction(first)
        assert summed is not None, "a product has a contraction"
        types = {uses.rows[key].op.op_type for _, products in good for key, _ in products}
        if restores is not None and not types <= set(restores):
            op_type = min(types - set(restores))
            left.append(Left(stored, f"the backend restores no weights of {op_type} as it reads them"))
            continue
        kept_for = others[0] if others else "a model output" if is_kept else ""
        matrix = Matrix(stored, tuple(read for read, _ in good), first, summed, kept_for)
        if summed.k > 1 and matrix.channel_axis is not None:
            found.append(matrix)
        elif summed.k > 1:
            left.append(Left(stored, f"{first[0]} sums over axes that no scale follows"))
    return found, left


def _reader(uses: Uses, key: str) -> str:
    """Who reads what stays."""
    if uses.rows[key].op.function is not None:
        return f"read by {key}, a function: inline it for its products to be found"
    return f"read by {key}" + (", whose work is unknown" if uses.works[key].counts is None else "")


def quantize_weights(uses: Uses, edit: ModelEdit, matrices: list[Matrix], precision: Precision, limit: int) -> None:
    """Store the matrices in the wanted type, each behind its DequantizeLinear; of `limit` zeros the values are kept."""
    for matrix in matrices:
        stored = matrix.stored
        scope, name = stored.place
        graph = edit.of(uses.names.graphs[scope])
        data = graph.hold(edit.new_name(f"{name}_quantized"), precision.weights, stored.shape)
        restored = edit.new_name(f"{name}_dequantized")
        inputs, attributes = _scaled(graph, edit, matrix, precision, limit)
        row = uses.rows[matrix.first[0]]
        op = graph.new_op("DequantizeLinear", (data, *inputs), restored, row.op.module, attributes)
        graph.first.append(op)
        for key, position in matrix.reads:
            reader = uses.rows[key]
            edit.of(uses.names.graphs[reader.scope]).read(reader.op, position, restored)
        if matrix.others:
            continue
        if stored.maker is None:
            graph.dropped.add(name)
        else:
            graph.removed.add(stored.maker.id)


def _scaled(
    graph: GraphEdit, edit: ModelEdit, matrix: Matrix, precision: Precision, limit: int
) -> tuple[tuple[str, ...], dict[str, int]]:
    """Names of scale and zero point, which are stored, and the attributes of the op that uses them."""
    shape, block = matrix.stored.shape, precision.block
    attributes: dict[str, int] = {}
    depth_axis = matrix.depth_axis
    is_blocked = bool(block) and depth_axis is not None
    if is_blocked and depth_axis is not None:
        attributes = {"axis": depth_axis, "block_size": block}
        scales = tuple(ceil_div(size, block) if axis == depth_axis else size for axis, size in enumerate(shape))
    elif precision.group == "tensor":
        scales = ()
    else:
        axis = matrix.channel_axis
        assert axis is not None, "a matrix has channels"
        attributes = {"axis": axis}
        scales = (shape[axis],)
    name = matrix.stored.place[1]
    scale = graph.hold(edit.new_name(f"{name}_scale"), matrix.stored.tensor.type.dtype, scales)
    if has_zero_point(precision.weights, is_blocked=is_blocked):
        zeros = zeros_of(precision.weights, scales, limit)
        return (scale, graph.hold(edit.new_name(f"{name}_zero_point"), precision.weights, scales, zeros)), attributes
    return (scale,), attributes


def has_zero_point(dtype: str, *, is_blocked: bool = False) -> bool:
    """Whether a zero point stands beside a scale: always of unsigned types, of signed ones but in blocks."""
    return dtype.startswith("uint") or (dtype not in FLOAT_DTYPES and not is_blocked)


def zeros_of(dtype: str, shape: tuple[int, ...], limit: int) -> "Array | None":
    """The zeros that a signed type's zero point is, as the reader would keep them; None of other and longer tensors."""
    import numpy as np

    if dtype != "int8" or product(shape) > limit:
        return None
    return np.zeros(shape, np.int8)


def bad_group(matrices: list[Matrix], block: int) -> tuple[Matrix, int] | None:
    """The first matrix whose K is no multiple of a block, and the largest power of two that divides all of them."""
    deep = [one for one in matrices if one.depth_axis is not None]
    wrong = next((one for one in deep if one.product.k % block), None)
    if wrong is None:
        return None
    common = math.gcd(*(one.product.k for one in deep))
    return wrong, common & -common


def label(stored: Stored) -> str:
    """A stored tensor in a message."""
    kind = stored.tensor.type
    return f"{visible(stored.place[1], 60)!r} ({kind})"
