"""Rows that a kernel needs whole before their first result: what softmax and normalisations come back to."""

from collections.abc import Iterator

from onnx_roofline.ir.graph import Model
from onnx_roofline.ir.records import Kernel, TypedOp, Work


def row_lengths(model: Model, kernel: Kernel) -> Iterator[tuple[str, int, int]]:
    """(member, elements of a row, sums over it) for members that normalise rows, or reduce them for others that come
    back to them.
    """
    rows, works = model.column(TypedOp), model.column(Work)
    for position, key in enumerate(kernel.members):
        row, length, sums = rows[key], works[key].row_elements, works[key].row_sums
        if not length and (position + 1 == len(kernel.members) or works[key].contractions):
            continue
        source = row.inputs[0] if row.inputs else None
        if source is None or not source.elements or not row.outputs[0].elements:
            continue
        if not length and source.elements > row.outputs[0].elements:
            reduced, sums = set(row.op.outputs), 1
            for follower in (rows[later] for later in kernel.members[position + 1 :]):
                if not reduced.isdisjoint(follower.op.inputs):
                    reduced.update(follower.op.outputs)
                    if follower.outputs[0].elements == source.elements:
                        length = source.elements // row.outputs[0].elements
        if length:
            yield key, length, sums
