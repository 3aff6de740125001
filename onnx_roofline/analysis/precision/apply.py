"""A model with the precision that is asked for, ready to be analysed; or the reason why it can't be."""

from collections.abc import Iterable

from msgspec.structs import replace

from onnx_roofline.analysis.precision.activations import quantize_activations
from onnx_roofline.analysis.precision.caches import find_regions, quantize_caches
from onnx_roofline.analysis.precision.edit import ModelEdit
from onnx_roofline.analysis.precision.spec import Precision
from onnx_roofline.analysis.precision.uses import Uses
from onnx_roofline.analysis.precision.weights import Left, Matrix, bad_group, find_matrices, label, quantize_weights
from onnx_roofline.base.errors import UsageError
from onnx_roofline.base.quantities import format_si
from onnx_roofline.base.text import visible
from onnx_roofline.ir.graph import Model, Notice
from onnx_roofline.memory.kv_caches import Caches
from onnx_roofline.ops.cost.lookup import traits_of

_OPTION = "--quantize"
# Tensors that one message names.
_SHOWN = 3


def quantized(
    model: Model, plain: Model, precision: Precision, restores: tuple[str, ...] | None, value_elements: int
) -> Model:
    """`plain`, which no pass has seen, with the Q and DQ ops of a precision; `model` is the same up to its caches.

    `restores` are the op types that restore stored operands as the backend's kernels read them. Raises UsageError
    where the model is quantised already, or nothing in it can be.
    """
    uses, edit = Uses(model), ModelEdit(plain)
    _refuse_quantized(uses, precision)
    found, left = find_matrices(uses, None if precision.activations and not precision.float_dtype else restores)
    notices: list[Notice] = []
    if precision.weights:
        _refuse_weights(found, left, precision)
        quantize_weights(uses, edit, found, precision, value_elements)
        notices += (*_of_left(left), *_of_kept(found))
    if precision.activations and not precision.float_dtype:
        count = quantize_activations(uses, edit, found, precision)
        if not count:
            raise UsageError(f"{_OPTION} activations={precision.activations}: found no product with stored weights")
    if precision.cache:
        notices += _quantize_caches(uses, edit, model.whole(Caches), precision)
    return replace(edit.changed(plain), warnings=(*plain.warnings, *notices))


def _refuse_quantized(uses: Uses, precision: Precision) -> None:
    """Raise where products have quantised operands already."""
    if not precision.weights and (not precision.activations or precision.float_dtype):
        return
    for key, row in uses.rows.items():
        traits = traits_of(row.op)
        stored = [
            kind.dtype
            for product in uses.works[key].contractions
            for at in (product.lhs, product.rhs)
            if at is not None and at < len(row.inputs) and (kind := row.inputs[at]) is not None
            and "float" not in kind.dtype and kind.dtype
        ]  # fmt: skip
        if traits.quantizes or traits.dequantizes or (row.role == "compute" and stored):
            what = f"multiplies {stored[0]}" if stored else f"is a {row.op.op_type}"
            raise UsageError(f"{_OPTION} {precision}: the model is quantised already: {key} {what}; pass the model "
                             "that it was made from")  # fmt: skip


def _refuse_weights(found: list[Matrix], left: list[Left], precision: Precision) -> None:
    if not found:
        why = f"; {label(left[0].stored)} stays: {left[0].reason}" if left else ""
        raise UsageError(f"{_OPTION} weights={precision.weights}: found no product with a stored matrix{why}")
    if not precision.group.isdecimal():
        return
    wrong = bad_group(found, precision.block)
    if wrong is not None:
        matrix, largest = wrong
        raise UsageError(
            f"{_OPTION} group={precision.block}: {matrix.first[0]} sums over K={matrix.product.k} of "
            f"{label(matrix.stored)}, no multiple; the largest power of two that divides every K is {largest}, or say "
            "group=channel"
        )


def _of_left(left: Iterable[Left]) -> list[Notice]:
    """One notice of the stored matrices that stay, the largest first."""
    ranked = sorted(left, key=lambda one: -(one.stored.tensor.stored_bytes or 0))
    if not ranked:
        return []
    size = sum(one.stored.tensor.stored_bytes or 0 for one in ranked)
    named = ", ".join(f"{label(one.stored)} ({one.reason})" for one in ranked[:_SHOWN])
    more = f" and {len(ranked) - _SHOWN:,} more" if len(ranked) > _SHOWN else ""
    many = f"{len(ranked):,} stored {'matrix stays' if len(ranked) == 1 else 'matrices stay'}"
    return [Notice("not-quantized", ranked[0].stored.place[1], f"{many} as exported, {format_si(size, 'B')}: "
                   f"{named}{more}")]  # fmt: skip


def _of_kept(found: Iterable[Matrix]) -> list[Notice]:
    """One notice of the matrices that are stored in both types."""
    kept = [one for one in found if one.others]
    if not kept:
        return []
    named = ", ".join(f"{label(one.stored)} (for {one.others})" for one in kept[:_SHOWN])
    more = f" and {len(kept) - _SHOWN:,} more" if len(kept) > _SHOWN else ""
    return [Notice("stored-twice", kept[0].stored.place[1], f"also kept as exported: {named}{more}")]


def _quantize_caches(uses: Uses, edit: ModelEdit, caches: Caches, precision: Precision) -> list[Notice]:
    regions, refused = find_regions(uses, caches)
    if not regions:
        why = f"; {visible(refused[0][0], 60)!r}: {refused[0][1]}" if refused else "; --cache IN=OUT names one"
        raise UsageError(f"{_OPTION} cache={precision.cache}: found no cache of keys and values that a run takes in "
                         f"and gives out in one type{why}")  # fmt: skip
    quantize_caches(uses, edit, regions, precision)
    if not refused:
        return []
    named = ", ".join(f"{visible(name, 60)!r} ({reason})" for name, reason in refused[:_SHOWN])
    return [Notice("not-quantized", refused[0][0], f"{len(refused):,} caches stay as exported: {named}")]
