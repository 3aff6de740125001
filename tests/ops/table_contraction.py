"""Rows of the products: matrix products, convolutions, attention, recurrent layers, quantised ops, Einsum."""

from rule_table import Row

from onnx_roofline.ir.records import Counts

F, H, I, U, S = "float32", "float16", "int64", "uint8", "int8"  # noqa: E741  (the dtypes, short)
IMAGE, OUT = (F, (2, 6, 8, 8)), (F, (2, 4, 6, 6))  # OUT: 288 elements
SCALE, ZERO = (F, ()), (U, ())


def _einsum(
    equation: str,
    shapes: tuple[tuple[int, ...], ...],
    out: tuple[int, ...],
    counts: Counts,
    reads: tuple[int, ...] | None = None,
) -> Row:
    inputs = tuple((F, shape) for shape in shapes)
    return Row("Einsum", 12, inputs, ((F, out),), counts, {"equation": equation}, reads=reads)


ROWS: tuple[Row, ...] = (
    Row("MatMul", 13, ((F, (2, 3, 4)), (F, (4, 5))), ((F, (2, 3, 5)),), Counts(macs=2 * 3 * 5 * 4)),
    Row("MatMul", 13, ((F, (2, 1, 8, 16)), (F, (1, 3, 16, 32))), ((F, (2, 3, 8, 32)),),
        Counts(macs=2 * 3 * 8 * 32 * 16)),
    Row("MatMul", 13, ((F, (8, 16)), (F, (5, 16, 32))), ((F, (5, 8, 32)),), Counts(macs=5 * 8 * 32 * 16)),
    Row("MatMul", 13, ((F, (2, 8, 16)), (F, (16,))), ((F, (2, 8)),), Counts(macs=2 * 8 * 16)),  # 1-D: a column
    Row("MatMul", 13, ((F, (16,)), (F, (5, 16, 3))), ((F, (5, 3)),), Counts(macs=5 * 3 * 16)),  # 1-D: a row
    Row("MatMul", 13, ((F, (16,)), (F, (16,))), ((F, ()),), Counts(macs=16)),
    Row("MatMul", 13, ((F, (3, 0)), (F, (0, 5))), ((F, (3, 5)),), Counts(macs=0)),  # an empty sum
    Row("MatMul", 9, ((I, (3, 4)), (I, (4, 5))), ((I, (3, 5)),), Counts(macs=60), dtype=I),
    Row("Gemm", 13, ((F, (4, 3)), (F, (5, 4)), (F, (5,))), ((F, (3, 5)),), Counts(macs=3 * 5 * 4, adds=3 * 5),
        {"transA": 1, "transB": 1}),
    Row("Gemm", 11, ((F, (3, 4)), (F, (4, 5))), ((F, (3, 5)),), Counts(macs=3 * 5 * 4)),
    Row("Gemm", 7, ((F, (3, 4)), (F, (4, 5)), (F, (3, 5))), ((F, (3, 5)),),
        Counts(macs=3 * 5 * 4, adds=3 * 5, muls=2 * 3 * 5), {"alpha": 0.5, "beta": 2.0}),  # alpha AB, beta C
    # 288 outputs x 6 channels x 3*3 taps
    Row("Conv", 11, (IMAGE, (F, (4, 6, 3, 3)), (F, (4,))), (OUT,), Counts(macs=288 * 6 * 9, adds=288)),
    Row("Conv", 1, (IMAGE, (F, (4, 3, 3, 3))), (OUT,), Counts(macs=288 * 3 * 9), {"group": 2}),
    Row("Conv", 22, ((F, (1, 4, 9)), (F, (4, 1, 3))), ((F, (1, 4, 7)),), Counts(macs=4 * 7 * 3), {"group": 4}),
    # every input element meets every tap of its group's outputs: 2*6*8*8 x 4/2 x 2*2
    Row("ConvTranspose", 11, (IMAGE, (F, (6, 2, 2, 2)), (F, (4,))), ((F, (2, 4, 16, 16)),),
        Counts(macs=768 * 2 * 4, adds=2048), {"group": 2, "strides": (2, 2)}),
    # 3 x 3: updates 2*2 + 1*1 = 5 multiply-subtracts; factors 2 + 1 = 3, pivots 2 + 1 = 3; the diagonal 2; 4 matrices
    Row("Det", 22, ((F, (4, 3, 3)),), ((F, (4,)),), Counts(muls=4 * (5 + 2), adds=4 * 5, divs=4 * 3, compares=4 * 3),
        status="heuristic"),
    # 288 outputs x 6 x 9 MACs; samples 2 images * 6 channels * 36 positions * 9 taps = 3888, of 4 corners each;
    # the offsets 2 * 18 * 36 = 1296 are added to the positions; the mask is one product per sample
    Row("DeformConv", 19, (IMAGE, (F, (4, 6, 3, 3)), (F, (2, 18, 6, 6)), (F, (4,)), (F, (2, 9, 6, 6))), (OUT,),
        Counts(macs=288 * 6 * 9, muls=3888 * 4 + 3888, adds=3888 * 3 + 1296 + 288)),
    Row("DeformConv", 22, (IMAGE, (F, (4, 3, 3, 3)), (F, (2, 18, 6, 6))), (OUT,),
        Counts(macs=288 * 3 * 9, muls=3888 * 4, adds=3888 * 3 + 1296), {"group": 2}),
    # Quantised: 8-bit MACs; zero points of a (12) and b (20), unless known to be 0; 4 operations per output to
    # requantise
    Row("MatMulInteger", 10, ((U, (3, 4)), (S, (4, 5)), ZERO, (S, (5,))), (("int32", (3, 5)),),
        Counts(macs=60, int_ops=12 + 20), dtype="int8"),
    Row("MatMulInteger", 10, ((U, (3, 4)), (S, (4, 5)), ZERO, (S, (), 0)), (("int32", (3, 5)),),
        Counts(macs=60, int_ops=12)),
    Row("ConvInteger", 10, ((U, (2, 6, 8, 8)), (S, (4, 6, 3, 3)), ZERO), (("int32", (2, 4, 6, 6)),),
        Counts(macs=288 * 6 * 9, int_ops=768), dtype="int8"),
    Row("QLinearMatMul", 10, ((U, (3, 4)), SCALE, ZERO, (S, (4, 5)), SCALE, (S, (), 0), SCALE, ZERO), ((U, (3, 5)),),
        Counts(macs=60, int_ops=12 + 4 * 15), dtype="int8"),
    Row("QLinearConv", 10, ((U, (2, 6, 8, 8)), SCALE, ZERO, (S, (4, 6, 3, 3)), SCALE, (S, (), 0), SCALE, ZERO,
        ("int32", (4,))), ((U, (2, 4, 6, 6)),), Counts(macs=288 * 54, int_ops=768 + 4 * 288 + 288), dtype="int8"),
    # divide, add the zero point, saturate at both ends
    Row("QuantizeLinear", 13, ((F, (4, 6)), (F, (6,)), (U, (6,))), ((U, (4, 6)),), Counts(divs=24, adds=24,
        compares=48),
        {"axis": 1}, dtype=F),
    Row("QuantizeLinear", 21, ((F, (4, 6)), (F, (2, 6))), (("int4", (4, 6)),), Counts(divs=24, compares=48),
        {"axis": 0, "block_size": 2}),
    Row("QuantizeLinear", 19, ((F, (4, 6)), SCALE), (("float8e4m3fn", (4, 6)),), Counts(divs=24), {"saturate": 0}),
    Row("DequantizeLinear", 10, ((U, (4, 6)), SCALE, ZERO), ((F, (4, 6)),), Counts(muls=24, adds=24), dtype=F),
    Row("DequantizeLinear", 21, (("int4", (4, 6)), (H, (2, 6))), ((H, (4, 6)),), Counts(muls=24), {"block_size": 2},
        dtype=H),
    # range 2 * 23 + 2, its width 1, scale 1 div; zero point 1 div, 1 sub, 2 compares, 1 round; then 1 div, 1 add, 2
    # compares
    Row("DynamicQuantizeLinear", 11, ((F, (24,)),), ((U, (24,)), (F, ()), (U, ())),
        Counts(compares=46 + 2 + 2 + 48, adds=1 + 2 + 24, divs=1 + 1 + 24)),
    # Attention: B 2, 8 query heads, 2 kv heads, L 3, keys 5, D 4, Dv 6: S = 2*8*3*5 = 240 scores in R = 48 rows
    Row("Attention", 23, ((F, (2, 8, 3, 4)), (F, (2, 2, 5, 4)), (F, (2, 2, 5, 6))), ((F, (2, 8, 3, 6)),),
        Counts(macs=240 * (4 + 6), muls=240, compares=192, adds=240 + 192, transcendentals=240, divs=240)),
    # 3-D, 4 past keys: keys 9, S = 2*8*3*9 = 432; a mask is added; the cache is written whole
    Row("Attention", 24, ((F, (2, 3, 32)), (F, (2, 5, 8)), (F, (2, 5, 12)), (F, (3, 9)), (F, (2, 2, 4, 4)),
        (F, (2, 2, 4, 6))), ((F, (2, 3, 48)), (F, (2, 2, 9, 4)), (F, (2, 2, 9, 6)), (F, (2, 8, 3, 9))),
        Counts(macs=432 * 10, muls=432, compares=384, adds=432 + 432 + 384, transcendentals=432, divs=432),
        {"q_num_heads": 8, "kv_num_heads": 2}),
    # causal, dense by convention: one bias; softcap: division, tanh, product; scale 1 is no product
    Row("Attention", 25, ((F, (1, 1, 4, 8)), (F, (1, 1, 4, 8)), (F, (1, 1, 4, 8))), ((F, (1, 1, 4, 8)),),
        Counts(macs=16 * 16, muls=16, compares=12, adds=16 + 16 + 12, transcendentals=16 + 16, divs=16 + 16),
        {"is_causal": 1, "softcap": 30.0, "scale": 1.0}),
    # how many keys count is said at run time: at most all
    Row("Attention", 24, ((F, (1, 1, 4, 8)), (F, (1, 1, 4, 8)), (F, (1, 1, 4, 8)), None, None, None, (I, (1,))),
        ((F, (1, 1, 4, 8)),), Counts(macs=16 * 16, muls=16, compares=12, adds=16 + 16 + 12, transcendentals=16,
        divs=16),
        status="bounded"),
    # 3 of 4 keys count in one sequence and all in the other: S = 4 * 3 + 4 * 4; no others are read, nothing is masked
    Row("Attention", 24, ((F, (2, 1, 4, 8)), (F, (2, 1, 4, 8)), (F, (2, 1, 4, 8)), None, None, None, (I, (2,), [3, 4])),
        ((F, (2, 1, 4, 8)),), Counts(macs=28 * 16, muls=28, compares=28 - 8, adds=28 + 28 - 8, transcendentals=28,
        divs=28), reads=(64, 7 * 8, 7 * 8, 0, 0, 0, 2)),
    Row("FlexAttention", 1, ((F, (2, 8, 3, 4)), (F, (2, 2, 5, 4)), (F, (2, 2, 5, 6))), ((F, (2, 8, 3, 6)),),
        Counts(macs=240 * 10, muls=240, compares=192, adds=240 + 192, transcendentals=240, divs=240),
        domain="ai.onnx.preview"),
    # x cos + rotate(x) sin: 2 mul, 1 add; one row of 4 per token of each cache
    Row("RotaryEmbedding", 23, ((F, (2, 4, 3, 8)), (F, (50, 4)), (F, (50, 4)), (I, (2, 3))), ((F, (2, 4, 3, 8)),),
        Counts(muls=2 * 192, adds=192), reads=(192, 6 * 4, 6 * 4, 6)),
    # 4 of the 8 elements of each of 4 heads
    Row("RotaryEmbedding", 23, ((F, (2, 3, 32)), (F, (2, 3, 2)), (F, (2, 3, 2))), ((F, (2, 3, 32)),),
        Counts(muls=2 * 96, adds=96), {"rotary_embedding_dim": 4, "num_heads": 4}),
    # B 2, T 5, 4 query heads, 2 kv heads, Dk 3, Dv 7. Per token 20 kv heads in all: update 3*7; read-out 40 * 3*7;
    # scale 40*7
    Row("LinearAttention", 27, ((F, (2, 5, 12)), (F, (2, 5, 6)), (F, (2, 5, 14))), ((F, (2, 5, 28)), (F, (2, 2, 3, 7))),
        Counts(macs=20 * 21 + 40 * 21, muls=40 * 7),
        {"update_rule": "linear", "q_num_heads": 4, "kv_num_heads": 2}, steps=5),
    # + prediction 20 * 21, decay exp 20 and 20 * 21 products, error 20 * 7 and beta 20 * 7
    Row("LinearAttention", 27, ((F, (2, 5, 12)), (F, (2, 5, 6)), (F, (2, 5, 14)), (F, (2, 2, 3, 7)), (F, (2, 5, 2)),
        (F, (2, 5, 2))),
        ((F, (2, 5, 28)), (F, (2, 2, 3, 7))),
        Counts(macs=2 * 20 * 21 + 40 * 21, muls=20 * 21 + 20 * 7 + 40 * 7, adds=20 * 7, transcendentals=20),
        {"q_num_heads": 4, "kv_num_heads": 2}, steps=5),
    # one filter of 4 taps per channel, bias, x / (1 + exp -x)
    Row("CausalConvWithState", 27, ((F, (2, 6, 10)), (F, (6, 1, 4)), (F, (6,)), (F, (2, 6, 3))),
        ((F, (2, 6, 10)), (F, (2, 6, 3))),
        Counts(macs=120 * 4, adds=120 + 120, transcendentals=120, divs=120, muls=120), {"activation": "silu"}),
    # T 5, B 2, I 3, H 4, 1 direction: 40 cells of 4 gates; sigmoid (exp, add, div) x 3, tanh x 2; 4 sums of two
    # products
    Row("LSTM", 22, ((F, (5, 2, 3)), (F, (1, 16, 3)), (F, (1, 16, 4))), ((F, (5, 1, 2, 4)), (F, (1, 2, 4)), (F, (1,
        2, 4))),
        Counts(macs=40 * 4 * 7, transcendentals=40 * 5, adds=40 * (3 + 4 + 1), divs=40 * 3, muls=40 * 3), steps=5),
    # 2 directions, batch first, biases (2 per gate), full sequences, peepholes (3)
    Row("LSTM", 14, ((F, (2, 5, 3)), (F, (2, 16, 3)), (F, (2, 16, 4)), (F, (2, 32)), ("int32", (2,), [5, 5]), None,
        None,
        (F, (2, 12))), ((F, (2, 5, 2, 4)),),
        Counts(macs=80 * 4 * 7, transcendentals=80 * 5, adds=80 * (8 + 8 + 3), divs=80 * 3, muls=80 * (3 + 3)),
        {"layout": 1, "direction": "bidirectional"}, steps=5),
    # sigmoid x 2, tanh x 1; 3 sums, 1 - z and the sum; r H, (1 - z) h, z H; lengths that nobody knows
    Row("GRU", 7, ((F, (5, 2, 3)), (F, (1, 12, 3)), (F, (1, 12, 4)), None, ("int32", (2,))), ((F, (5, 1, 2, 4)),),
        Counts(macs=40 * 3 * 7, transcendentals=40 * 3, adds=40 * (2 + 3 + 2), divs=40 * 2, muls=40 * 3), steps=5,
        status="bounded"),
    Row("RNN", 14, ((F, (5, 2, 3)), (F, (1, 4, 3)), (F, (1, 4, 4))), ((F, (5, 1, 2, 4)),),
        Counts(macs=40 * 7, transcendentals=40, adds=40), steps=5),
    # Relu forward, Affine (alpha x + beta) back; clipped at both ends
    Row("RNN", 14, ((F, (5, 2, 3)), (F, (2, 4, 3)), (F, (2, 4, 4))), ((F, (5, 2, 2, 4)),),
        Counts(macs=80 * 7, adds=80 + 40, muls=40, compares=40 + 2 * 80),
        {"direction": "bidirectional", "activations": ("Relu", "Affine"), "clip": 3.0}, steps=5),
    _einsum("bij,bjk->bik", ((2, 3, 4), (2, 4, 5)), (2, 3, 5), Counts(macs=2 * 3 * 4 * 5)),
    _einsum("bhid,bhjd->bhij", ((2, 3, 4, 8), (2, 3, 5, 8)), (2, 3, 4, 5), Counts(macs=2 * 3 * 4 * 5 * 8)),
    _einsum("...ij,...jk", ((7, 1, 3, 4), (2, 4, 5)), (7, 2, 3, 5), Counts(macs=7 * 2 * 3 * 4 * 5)),  # implicit output
    _einsum("ii->i", ((4, 4),), (4,), Counts(), reads=(4,)),  # the diagonal
    _einsum("ii", ((4, 4),), (), Counts(adds=4 - 1), reads=(4,)),  # the trace: the label occurs twice, so it is summed
    _einsum("ij->ji", ((3, 4),), (4, 3), Counts()),  # a transpose
    _einsum("ij->i", ((3, 4),), (3,), Counts(adds=12 - 3)),  # a sum
    _einsum("i,j->ij", ((3,), (4,)), (3, 4), Counts(muls=12)),  # an outer product sums nothing
    _einsum("ij,ij->ij", ((3, 4), (3, 4)), (3, 4), Counts(muls=12)),
    _einsum("ij,k->i", ((3, 4), (5,)), (3,), Counts(adds=(12 - 3) + (5 - 1), muls=3)),  # each sums alone first
    _einsum(" i j , j -> i ", ((3, 4), (4,)), (3,), Counts(macs=12)),
    # (ij jk) kl: 2*8*4 + 2*4*10; ij (jk kl): 8*4*10 + 2*8*10. The first is cheaper.
    _einsum("ij,jk,kl->il", ((2, 8), (8, 4), (4, 10)), (2, 10), Counts(macs=2 * 8 * 4 + 2 * 4 * 10)),
    # the other way round: 10*4*8 + 10*8*2 against 4*8*2 + 10*4*2
    _einsum("ij,jk,kl->il", ((10, 4), (4, 8), (8, 2)), (10, 2), Counts(macs=4 * 8 * 2 + 10 * 4 * 2)),
    _einsum("bij,bj,b->bi", ((2, 3, 4), (2, 4), (2,)), (2, 3), Counts(macs=2 * 3 * 4, muls=2 * 3)),
)  # fmt: skip
