"""What a kernel fetches again: tiles of its products, and rows that it normalises, that don't fit on chip."""

from onnx_roofline.base.errors import NotModelledError
from onnx_roofline.base.units import DTYPE_BITS, product
from onnx_roofline.ir.graph import Model
from onnx_roofline.ir.records import Contraction, Folding, Kernel, TypedOp, Work
from onnx_roofline.ir.tensor_index import Boundary, TensorIndex
from onnx_roofline.memory.rows import row_lengths
from onnx_roofline.memory.tiling import ConvShape, Tiling, Widths, attention_bytes, conv_bytes, gemm_bytes

# Bytes of a partial sum: products of narrow types are added up in float32 or int32.
PARTIAL_BYTES = 4.0
NO_LIMIT = float("inf")


def refetched_bytes(
    model: Model, uses: TensorIndex, kernel: Kernel, boundary: Boundary, capacity: float | None
) -> tuple[int, list[str]]:
    """Bytes that a kernel fetches again because its tiles or its rows don't fit, with the reason for each."""
    if capacity is None:
        return 0, ["on-chip memory not stated: compulsory bytes"]
    if capacity == NO_LIMIT:
        return 0, []
    capacity_bytes = int(capacity)
    members = [key for key in kernel.members if model.column(Work)[key].contractions]
    if kernel.role == "attention" and len(members) >= 2:
        return _attention_again(model, members, capacity_bytes)
    total, reasons = _rows_again(model, uses, kernel, boundary, capacity_bytes)
    for key in members:
        row, work = model.column(TypedOp)[key], model.column(Work)[key]
        for contraction in work.contractions:
            try:
                again, tiling = _again(row, work, contraction, model.column(Folding)[key], capacity_bytes)
            except NotModelledError:
                continue
            if again > 0:
                total += again
                reasons.append(f"{key}: {again:,} B fetched again, on chip stays {tiling.kept}")
    return total, reasons


def _again(
    row: TypedOp, work: Work, contraction: Contraction, folding: Folding, capacity_bytes: int
) -> tuple[int, Tiling]:
    """(bytes fetched again, tiling) of one contraction of an op."""
    widths = widths_of(row, contraction, folding)
    if contraction.lhs is None and work.sequential_steps > 1:
        weight = contraction.k * contraction.n * widths.rhs
        again = 0 if weight <= capacity_bytes else round((work.sequential_steps - 1) * weight)
        return again, Tiling(again, "no weight from one time step to the next")
    if contraction.kernel and _is_forward(contraction):
        shape = ConvShape(
            channels_in=contraction.k // max(1, product(contraction.kernel)),
            channels_out=contraction.m,
            images=contraction.images,
            input=contraction.input_spatial,
            output=contraction.output_spatial,
            kernel=contraction.kernel,
            strides=contraction.strides,
            dilations=contraction.dilations,
        )
        tiling = conv_bytes(shape, widths, capacity_bytes)
        once = conv_bytes(shape, widths, _ENOUGH).moved_bytes
    else:
        tiling = gemm_bytes(contraction.m, contraction.n, contraction.k, widths, capacity_bytes)
        once = gemm_bytes(contraction.m, contraction.n, contraction.k, widths, _ENOUGH).moved_bytes
    return contraction.batch * (tiling.moved_bytes - once), tiling


# More on-chip bytes than any tensor has: every operand is fetched once.
_ENOUGH = 1 << 80


def _is_forward(contraction: Contraction) -> bool:
    """Whether the sizes are those of a convolution that reads windows, not of a transposed one that writes them."""
    axes = zip(contraction.input_spatial, contraction.output_spatial, contraction.strides, strict=True)
    return all(stride >= 1 and (source >= target or stride == 1) for source, target, stride in axes)


def widths_of(row: TypedOp, contraction: Contraction, folding: Folding) -> Widths:
    """Bytes of an element of each operand of a product, as it is stored."""

    def width(position: int | None) -> float:
        if position is None or position >= len(row.inputs):
            return PARTIAL_BYTES
        source = folding.inputs[position] if position < len(folding.inputs) else None
        kind = source[0] if source is not None else row.inputs[position]
        return DTYPE_BITS.get(kind.dtype if kind is not None else "", 32) / 8

    output = folding.written(row.outputs)[0]
    return Widths(width(contraction.lhs), width(contraction.rhs), DTYPE_BITS.get(output.dtype, 32) / 8, PARTIAL_BYTES)


def _attention_again(model: Model, members: list[str], capacity_bytes: int) -> tuple[int, list[str]]:
    """Bytes that fused attention fetches again: keys and values come once for each tile of queries."""
    rows = model.column(TypedOp)
    scores = model.column(Work)[members[0]].contractions[0]
    values = model.column(Work)[members[-1]].contractions[-1]
    width = DTYPE_BITS.get(rows[members[0]].outputs[0].dtype, 32) / 8
    # [Nq, d] x [d, Nk], then [Nq, Nk] x [Nk, dv].
    queries, keys, depth, value_depth = scores.m, scores.n, scores.k, values.n
    if values.k != keys or values.m != queries:
        return 0, []
    tiling = attention_bytes(queries, keys, depth, value_depth, width, capacity_bytes)
    once = attention_bytes(queries, keys, depth, value_depth, width, _ENOUGH).moved_bytes
    again = scores.batch * (tiling.moved_bytes - once)
    if again <= 0:
        return 0, []
    return again, [f"{members[0]}: {again:,} B of keys and values fetched again, on chip stays {tiling.kept}"]


def _rows_again(
    model: Model, uses: TensorIndex, kernel: Kernel, boundary: Boundary, capacity_bytes: int
) -> tuple[int, list[str]]:
    """Bytes that a kernel fetches a second time because the rows that it normalises don't fit, with the reason."""
    rows = model.column(TypedOp)
    for key, length, _ in row_lengths(model, kernel):
        source = rows[key].inputs[0]
        if source is None or length * DTYPE_BITS.get(source.dtype, 32) <= 8 * capacity_bytes:
            continue
        # What is as large as all rows together comes twice; scales and biases are small.
        large = {
            uses.root(rows[part].scope, name)
            for part in kernel.members
            for name, kind in zip(rows[part].op.inputs, rows[part].inputs, strict=True)
            if kind is not None and (kind.elements or 0) >= (source.elements or 0)
        }
        again = sum(size for name, size in boundary.reads.items() if name in large)
        return again, [f"{key}: {again:,} B fetched again, a row of {length:,} elements doesn't fit"] if again else []
    return 0, []
