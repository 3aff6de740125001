"""Laws that rules keep for any shape."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from rule_table import Row, work_of

from onnx_roofline.ir.records import Counts, Work
from onnx_roofline.ops.cost.normalization import softmax_counts

F = "float32"
DIM = st.integers(1, 7)
few = settings(max_examples=60, deadline=None)


def _work(
    op: str, inputs: list[tuple[int, ...]], out: tuple[int, ...], version: int = 13, **attributes: object
) -> Work:
    return work_of(Row(op, version, tuple((F, shape) for shape in inputs), ((F, out),), attributes=attributes))


def _counts(
    op: str, inputs: list[tuple[int, ...]], out: tuple[int, ...], version: int = 13, **attributes: object
) -> Counts:
    counts = _work(op, inputs, out, version, **attributes).counts
    assert counts is not None
    return counts


@few
@given(DIM, DIM, DIM, DIM, DIM)
def test_linear_in_the_batch(batch: int, a: int, b: int, c: int, k: int) -> None:
    def of(n: int) -> list[Counts]:
        return [
            _counts("MatMul", [(n, a, b), (b, c)], (n, a, c)),
            _counts("Conv", [(n, a, b + 2, c + 2), (k, a, 3, 3), (k,)], (n, k, b, c), version=11),
            _counts("ConvTranspose", [(n, a, b, c), (a, k, 3, 3)], (n, k, b + 2, c + 2), version=11),
            _counts("Softmax", [(n, a, b)], (n, a, b)),
            _counts("LayerNormalization", [(n, a, b), (b,), (b,)], (n, a, b), version=17),
            _counts("Relu", [(n, a)], (n, a), version=14),
            _counts("MaxPool", [(n, a, b + 1, c + 1)], (n, a, b, c), version=12, kernel_shape=(2, 2)),
            _counts("GlobalAveragePool", [(n, a, b, c)], (n, a, 1, 1), version=1),
            _counts("ReduceSum", [(n, a, b)], (n, a), axes=(2,)),
            _counts("Resize", [(n, a, b, c)], (n, a, 2 * b, 2 * c), mode="linear"),
            _counts("Attention", [(n, a, b, k), (n, a, c, k), (n, a, c, k)], (n, a, b, k), version=23),
            _counts("LSTM", [(c, n, k), (1, 4 * a, k), (1, 4 * a, a)], (c, 1, n, a), version=14),
            _counts("Einsum", [(n, a, b), (n, b, c)], (n, a, c), version=12, equation="nab,nbc->nac"),
            _counts("Det", [(n, a, a)], (n,), version=11),
        ]

    assert of(batch) == [one.scaled(batch) for one in of(1)]


@few
@given(DIM, DIM, DIM, st.sampled_from(["Add", "Mul", "Div", "Pow", "Max", "PRelu"]))
def test_broadcast_equals_the_materialised_broadcast(a: int, b: int, c: int, op: str) -> None:
    version = 16 if op == "PRelu" else 13
    small = _counts(op, [(a, b, c), (b, 1)], (a, b, c), version)
    assert small == _counts(op, [(a, b, c), (a, b, c)], (a, b, c), version)
    assert _counts("MatMul", [(1, a, b), (c, b, a)], (c, a, a)) == _counts("MatMul", [(c, a, b), (c, b, a)], (c, a, a))


@few
@given(DIM, DIM, DIM)
def test_gemm_is_matmul_and_add(m: int, n: int, k: int) -> None:
    parts = _counts("MatMul", [(m, k), (k, n)], (m, n)) + _counts("Add", [(m, n), (n,)], (m, n))
    assert _counts("Gemm", [(m, k), (k, n), (n,)], (m, n)) == parts


@few
@given(DIM, DIM, DIM, DIM)
def test_einsum_is_matmul_where_it_says_one(batch: int, m: int, n: int, k: int) -> None:
    plain = _work("MatMul", [(batch, m, k), (batch, k, n)], (batch, m, n))
    for equation in ("bmk,bkn->bmn", "...mk,...kn->...mn"):
        einsum = _work("Einsum", [(batch, m, k), (batch, k, n)], (batch, m, n), 12, equation=equation)
        assert einsum.counts == plain.counts
        (step,) = einsum.contractions
        assert (step.batch, step.m, step.n, step.k) == (batch, m, n, k)


@few
@given(st.lists(st.tuples(DIM, DIM, DIM), min_size=1, max_size=1), DIM, DIM)
def test_einsum_is_as_cheap_as_numpys_path(sizes: list[tuple[int, int, int]], d: int, e: int) -> None:
    (a, b, c) = sizes[0]
    shapes = [(a, b), (b, c), (c, d), (d, e)]
    ours = _counts("Einsum", shapes, (a, e), 12, equation="ab,bc,cd,de->ae")
    # Broadcast zeros take no memory.
    zeros = [np.broadcast_to(np.zeros(()), shape) for shape in shapes]
    path, _ = np.einsum_path("ab,bc,cd,de->ae", *zeros, optimize="optimal")
    terms, sizes_of, macs = ["ab", "bc", "cd", "de"], dict(zip("abcde", (a, b, c, d, e), strict=True)), 0
    for pair in path[1:]:
        taken = [terms.pop(position) for position in sorted(pair, reverse=True)]
        macs += int(np.prod([sizes_of[label] for label in set("".join(taken))]))
        kept = set("".join(taken)) & set("".join(terms) + "ae")
        terms.append("".join(sorted(kept)))
    # An outer product, which only multiplies, may be cheaper than any path that sums first.
    assert ours.flops <= 2 * macs


@few
@given(DIM, DIM, DIM, DIM, st.integers(1, 3))
def test_grouped_convolution_with_one_group_is_dense(
    images: int, channels: int, filters: int, size: int, k: int
) -> None:
    x, w, y = (images, channels, size + k - 1), (filters, channels, k), (images, filters, size)
    assert _work("Conv", [x, w], y, 11, group=1) == _work("Conv", [x, w], y, 11)
    grouped = _counts("Conv", [(images, 2 * channels, size + k - 1), (2 * filters, channels, k)],
                      (images, 2 * filters, size), 11, group=2)  # fmt: skip
    assert grouped == _counts("Conv", [x, w], y, 11).scaled(2)


@few
@given(DIM, DIM, DIM, DIM)
def test_convolution_of_one_tap_is_a_matmul(images: int, channels: int, filters: int, size: int) -> None:
    conv = _counts(
        "Conv", [(images, channels, size, size), (filters, channels, 1, 1)], (images, filters, size, size), 11
    )
    assert conv == _counts(
        "MatMul", [(images * size * size, channels), (channels, filters)], (images * size * size, filters)
    )


@few
@given(DIM, DIM, DIM, DIM, DIM, DIM, st.integers(1, 3))
def test_attention_is_its_parts(b: int, heads: int, q: int, k: int, d: int, v: int, group: int) -> None:
    all_heads = heads * group
    whole = _counts("Attention", [(b, all_heads, q, d), (b, heads, k, d), (b, heads, k, v)], (b, all_heads, q, v), 23)
    parts = (
        _counts("MatMul", [(b, all_heads, q, d), (b, all_heads, d, k)], (b, all_heads, q, k))
        + _counts("Mul", [(b, all_heads, q, k), ()], (b, all_heads, q, k))
        + _counts("Softmax", [(b, all_heads, q, k)], (b, all_heads, q, k))
        + _counts("MatMul", [(b, all_heads, q, k), (b, all_heads, k, v)], (b, all_heads, q, v))
    )
    assert whole == parts
    assert softmax_counts(3, 4).flops == 5 * 12 - 2 * 3


@few
@given(DIM, DIM, DIM, DIM, st.sampled_from([("LSTM", 4), ("GRU", 3), ("RNN", 1)]))
def test_recurrent_layer_is_its_unrolled_cells(t: int, b: int, i: int, h: int, layer: tuple[str, int]) -> None:
    op, gates = layer
    cell = _counts("MatMul", [(b, i), (i, gates * h)], (b, gates * h)) + _counts(
        "MatMul", [(b, h), (h, gates * h)], (b, gates * h)
    )
    whole = _work(op, [(t, b, i), (1, gates * h, i), (1, gates * h, h)], (t, 1, b, h), 14)
    assert whole.counts is not None
    assert whole.counts.macs == t * cell.macs
    assert sum(part.macs for part in whole.contractions) == t * cell.macs
    both = _counts(op, [(t, b, i), (2, gates * h, i), (2, gates * h, h)], (t, 2, b, h), 14)
    assert both == whole.counts.scaled(2)


@few
@given(st.lists(st.text("abcd", min_size=1, max_size=3), min_size=2, max_size=2), st.data())
def test_einsum_of_two_is_one_product_of_all_labels(terms: list[str], data: st.DataObject) -> None:
    sizes = {label: data.draw(st.integers(2, 4)) for label in "abcd"}
    output = "".join(sorted(label for label in set("".join(terms)) if data.draw(st.booleans())))
    first, second = map(set, terms)
    shapes = [tuple(sizes[label] for label in term) for term in terms]
    arrays = [np.zeros(shape) for shape in shapes]
    equation = f"{terms[0]},{terms[1]}->{output}"
    counts = _counts("Einsum", shapes, np.einsum(equation, *arrays).shape, 12, equation=equation)

    def size(labels: set[str]) -> int:
        return int(np.prod([sizes[label] for label in labels]))

    # Labels of one operand alone that are not in the output are summed first; what both then have is multiplied.
    alone = [labels - (labels - other - set(output)) for labels, other in ((first, second), (second, first))]
    adds = size(first) - size(alone[0]) + size(second) - size(alone[1])
    every = alone[0] | alone[1]
    product = Counts(macs=size(every)) if every - set(output) else Counts(muls=size(every))
    assert counts == product + Counts(adds=adds)


def test_einsum_of_many_operands_is_quick_and_heuristic() -> None:
    labels = "abcdefghijklmnopqrstuvwxyz"
    terms = [labels[position : position + 2] for position in range(25)]
    work = _work("Einsum", [(2, 2)] * 25, (2, 2), 12, equation=f"{','.join(terms)}->az")
    assert work.status == "heuristic"
    assert work.counts == Counts(macs=24 * 2 * 2 * 2)  # 24 products of 2 x 2 matrices
