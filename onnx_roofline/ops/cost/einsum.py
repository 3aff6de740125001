"""Einsum: any sum of products over named axes, as a sequence of pairwise contractions in the cheapest order.

Only sizes are looked at; no array is built.
"""

from collections.abc import Sequence

from msgspec import Struct

from onnx_roofline.base.errors import NotModelledError
from onnx_roofline.base.units import dmax, product
from onnx_roofline.ir.records import Contraction, Counts, Status, Work
from onnx_roofline.ops.cost.registry import rule, work
from onnx_roofline.ops.traits import OPERANDS
from onnx_roofline.ops.view import OpView

Labels = frozenset[str]

# The cheapest order is searched for exactly up to this many operands: 3^8 pairs of subsets. More go left to right.
_EXACT_OPERANDS = 8


class _Term(Struct, frozen=True):
    """An operand or an intermediate: its labels, what it took, its position among the inputs (else None)."""

    labels: Labels
    counts: Counts
    steps: tuple[Contraction, ...]
    position: int | None
    order: str


@rule("Einsum", traits=OPERANDS)
def einsum(op: OpView) -> Work:
    """macs: product of all label sizes of each pairwise contraction that sums (else muls); adds for pure sums.

    Several operands are taken in the order with the fewest operations. A label that repeats in one operand reads its
    diagonal; a label that is in no other operand and not in the output is summed first. Source: ONNX Einsum-12.
    """
    equation = op.str_attr("equation", "").replace(" ", "")
    shapes = [op.input(position).shape for position in range(len(op.inputs))]
    operands, output, sizes = label_axes(equation, shapes)
    diagonals = {
        position: product(dict(axes).values()) for position, axes in enumerate(operands) if len(dict(axes)) < len(axes)
    }
    # An axis of size 1 that is broadcast is no axis of its operand.
    present = [frozenset(label for label, dim in axes if dim == sizes[label]) for axes in operands]
    terms = [_sum_alone(position, present, output, sizes) for position in range(len(present))]
    best = _cheapest(terms, output, sizes) if len(terms) <= _EXACT_OPERANDS else _in_order(terms, output, sizes)
    note = f"contracted in the order {best.order}" if len(terms) > 2 else ""
    status: Status = "exact" if len(terms) <= _EXACT_OPERANDS else "heuristic"
    return work(op, best.counts, reads=diagonals, contractions=best.steps, status=status, note=note)


def label_axes(
    equation: str, shapes: Sequence[tuple[int, ...]]
) -> tuple[list[list[tuple[str, int]]], Labels, dict[str, int]]:
    """(label, size) of each axis of each operand, the output's labels, and the size of each label.

    The axes of an ellipsis are labelled from the right, ...1 for the last, so that they broadcast. Without `->` the
    output has the ellipsis and the labels that occur once.
    """
    left, arrow, right = equation.partition("->")
    terms = left.split(",")
    if len(terms) != len(shapes):
        raise NotModelledError(f"equation {equation!r} has {len(terms)} terms for {len(shapes)} operands")
    operands, sizes = [], dict[str, int]()
    for term, shape in zip(terms, shapes, strict=True):
        before, dots, after = term.partition("...")
        extra = len(shape) - len(before) - len(after)
        if extra < 0 or (extra and not dots):
            raise NotModelledError(f"term {term!r} of equation {equation!r} does not fit shape {list(shape)}")
        labels = [*before, *(f"...{extra - axis}" for axis in range(extra)), *after]
        operands.append(list(zip(labels, shape, strict=True)))
        for label, dim in operands[-1]:
            sizes[label] = dim if sizes.get(label, 1) == 1 else sizes[label]
    ellipsis = {label for label in sizes if label.startswith("...")}
    if arrow:
        output = set(right.replace("...", "")) | (ellipsis if "..." in right else set())
    else:
        letters = left.replace("...", "").replace(",", "")
        output = {letter for letter in letters if letters.count(letter) == 1} | ellipsis
    return operands, frozenset(output), sizes


def _size(labels: Labels, sizes: dict[str, int]) -> int:
    return product(sizes[label] for label in labels)


def _sum_alone(position: int, present: list[Labels], output: Labels, sizes: dict[str, int]) -> _Term:
    """The operand with the labels summed that nothing else needs."""
    others = output.union(*(labels for other, labels in enumerate(present) if other != position))
    kept = present[position] & others
    adds = dmax(0, _size(present[position], sizes) - _size(kept, sizes))
    return _Term(kept, Counts(adds=adds), (), position, str(position))


def _contract(a: _Term, b: _Term, needed: Labels, sizes: dict[str, int]) -> _Term:
    """The product of two terms, summed over the labels that nothing needs any more."""
    every, kept = a.labels | b.labels, (a.labels | b.labels) & needed
    counts, steps, order = a.counts + b.counts, a.steps + b.steps, f"({a.order} {b.order})"
    summed = every - kept
    if not summed:
        return _Term(kept, counts + Counts(muls=_size(every, sizes)), steps, None, order)
    step = Contraction(
        batch=_size(a.labels & b.labels & kept, sizes),
        m=_size(kept - b.labels, sizes),
        n=_size(kept - a.labels, sizes),
        k=_size(summed, sizes),
        lhs=a.position,
        rhs=b.position,
    )
    return _Term(kept, counts + Counts(macs=step.macs), (*steps, step), None, order)


def _in_order(terms: list[_Term], output: Labels, sizes: dict[str, int]) -> _Term:
    result = terms[0]
    for position, term in enumerate(terms[1:], start=2):
        result = _contract(result, term, output.union(*(rest.labels for rest in terms[position:])), sizes)
    return result


def _cheapest(terms: list[_Term], output: Labels, sizes: dict[str, int]) -> _Term:
    """The best of all orders, by dynamic programming over the subsets of the operands (bit masks)."""
    count = len(terms)
    best = {1 << position: term for position, term in enumerate(terms)}
    for mask in range(1, 1 << count):
        if mask in best:
            continue
        needed = output.union(*(terms[position].labels for position in range(count) if not mask >> position & 1))
        lowest, part = mask & -mask, (mask - 1) & mask
        while part:
            # Each pair once: the part with the lowest operand comes first.
            if part & lowest:
                candidate = _contract(best[part], best[mask ^ part], needed, sizes)
                if mask not in best or candidate.counts.flops < best[mask].counts.flops:
                    best[mask] = candidate
            part = (part - 1) & mask
    return best[(1 << count) - 1]
