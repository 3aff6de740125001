"""Two products one after the other: block by block of rows where the tensor between them doesn't fit on chip."""

from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper
from small_models import GPU, analysed, key_of, moved_of, save

HALF = TensorProto.FLOAT16
# [M, K] x [K, N], then [M, N] x [N, L], in float16: 33.5 MB in between.
M, K, N, L = 4096, 64, 4096, 64


def mlp(folder: Path, *between: onnx.NodeProto, outputs: tuple[str, ...] = ()) -> Path:
    last = between[-1].output[0] if between else "h"
    nodes = [helper.make_node("MatMul", ["x", "w1"], ["h"]), *between, helper.make_node("MatMul", [last, "w2"], ["y"])]
    inputs = {"x": (HALF, (M, K)), "w1": (HALF, (K, N)), "w2": (HALF, (N, L))}
    return save(folder, nodes, inputs, {"y": (HALF, (M, L)), **dict.fromkeys(outputs, (HALF, (M, N)))})


@pytest.mark.parametrize("on_chip", [65536, 262144, 1048576, 16777216])
def test_a_chain_moves_what_the_formula_says(tmp_path: Path, on_chip: int) -> None:
    """M K + M L + ceil(M / m)(K N + N L), m rows of K, a column of partial sums and L partial sums at a time."""
    analysis = analysed(mlp(tmp_path), on_chip=str(on_chip))
    rows = min(M, (on_chip - (K + L) * 2) // (K * 2 + L * 4 + 4))
    expected = 2 * (M * K + M * L + -(-M // rows) * (K * N + N * L))
    assert analysis.summary.moved[GPU].moved_bytes == expected
    for output in ("h", "y"):
        reasons = moved_of(analysis, output).reasons
        assert any(f"chained with {key_of(analysis, 'y' if output == 'h' else 'h')}" in reason for reason in reasons)


def test_elementwise_ops_of_the_first_kernel_stay_in_the_chain(tmp_path: Path) -> None:
    path = mlp(tmp_path, helper.make_node("Relu", ["h"], ["r"]))
    alone = analysed(mlp(tmp_path), on_chip="65536").summary.moved[GPU].moved_bytes
    assert analysed(path, "compiler", on_chip="65536").summary.moved[GPU].moved_bytes == alone


@pytest.mark.parametrize("backend", ["none", "compiler"])
def test_what_parts_a_chain(tmp_path: Path, backend: str) -> None:
    """Rows that are normalised, a second reader, a result that is asked for, or the wrong operand."""
    softmax = mlp(tmp_path, helper.make_node("Softmax", ["h"], ["s"]))
    assert not is_chained(softmax, backend)
    asked = mlp(tmp_path, outputs=("h",))
    assert not is_chained(asked, backend)
    nodes = [helper.make_node("MatMul", ["x", "w1"], ["h"]), helper.make_node("MatMul", ["h", "w2"], ["y"])]
    nodes.append(helper.make_node("Transpose", ["h"], ["t"]))
    inputs = {"x": (HALF, (M, K)), "w1": (HALF, (K, N)), "w2": (HALF, (N, L))}
    read_twice = save(tmp_path, nodes, inputs, {"y": (HALF, (M, L)), "t": (HALF, (N, M))})
    assert not is_chained(read_twice, backend)
    nodes = [helper.make_node("MatMul", ["x", "w1"], ["h"]), helper.make_node("MatMul", ["z", "h"], ["y"])]
    inputs = {"x": (HALF, (M, K)), "w1": (HALF, (K, N)), "z": (HALF, (L, M))}
    assert not is_chained(save(tmp_path, nodes, inputs, {"y": (HALF, (L, N))}), backend)


def test_rows_that_the_first_kernel_normalises_part_a_chain(tmp_path: Path) -> None:
    """A softmax needs its whole row, of which a block of rows holds a piece at a time; a relu doesn't."""
    for kind, expected in (("Softmax", False), ("Relu", True)):
        pack = tmp_path / f"{kind.lower()}.yaml"
        pack.write_text(PACK.format(kind=kind), "utf-8")
        path = mlp(tmp_path, helper.make_node(kind, ["h"], ["s"]))
        assert analysed(path, str(pack)).summary.kernels == 2
        assert is_chained(path, str(pack)) is expected


PACK = """schema: 1
name: products with one op after them
about: for a test
source: none needed
general_rule: "off"
patterns:
  - name: product
    match: ["{kind}(MatMul(_, _))"]
"""


def is_chained(path: Path, backend: str) -> bool:
    analysis = analysed(path, backend, on_chip="65536")
    return any("chained with" in reason for name in ("h", "y") for reason in moved_of(analysis, name).reasons)


def test_nothing_is_chained_where_nothing_is_kept(tmp_path: Path) -> None:
    path = mlp(tmp_path)
    apart = analysed(path, on_chip="65536", residency=False).summary.moved[GPU]
    assert apart.resident_bytes == 0
    # 33.5 MB in between fit 80 MB and are simply kept.
    assert moved_of(analysed(path, on_chip="80000000"), "y").resident_bytes == M * N * 2
    assert not any("chained" in reason for reason in moved_of(analysed(path, on_chip="80000000"), "y").reasons)


def test_the_saving_is_what_the_chain_beats_the_two_products_by(tmp_path: Path) -> None:
    path = mlp(tmp_path)
    apart = analysed(path, on_chip="65536", residency=False).summary.moved[GPU]
    chained = analysed(path, on_chip="65536").summary.moved[GPU]
    assert (chained.compulsory_bytes, chained.refetched_bytes) == (apart.compulsory_bytes, apart.refetched_bytes)
    assert 0 < chained.resident_bytes <= 2 * M * N * 2
    assert chained.moved_bytes == apart.moved_bytes - chained.resident_bytes
