"""Rows for onnxruntime's attention, caches and recurrences.

Softmax of R rows of K, n = R K: adds 2n - R, divs n, compares n - R, transcendentals n. Scale and bias: one mul and one
add a score. The rows name B sequences, h heads (g of keys), S queries, T keys, d and dv wide.
"""

from rule_table import OperandSpec, Row

from onnx_roofline.ir.records import Counts

MS = "com.microsoft"


def x(*shape: int) -> OperandSpec:
    """A float32 operand."""
    return ("float32", shape)


def i32(*shape: int) -> OperandSpec:
    """An int32 operand of unknown values."""
    return ("int32", shape)


def i8(*shape: int) -> OperandSpec:
    """An int8 operand."""
    return ("int8", shape)


FLAG = ("bool", (1,))

ROWS: tuple[Row, ...] = (
    # B 2, S 3, I 6, D 8, h 2, d 4: 2*2*3*3 = 36 scores in 12 rows
    Row("Attention", 1, (x(2, 3, 6), x(6, 24), x(24), i32(2)), (x(2, 3, 8),), Counts(
        macs=2 * 3 * 24 * 6 + 2 * 2 * 3 * 3 * 4 * 2,  # projection; Q K' and P V
        adds=2 * 3 * 24 + 36 + 2 * 36 - 12,  # projection's bias, mask, softmax
        muls=36, divs=36, compares=36 - 12, transcendentals=36), {"num_heads": 2}, domain=MS),
    # a past of 5: 8 keys, 2*2*3*8 = 96 scores; V is 12 wide: 6 a head; causal is one bias
    Row("Attention", 1, (x(2, 3, 6), x(6, 28), None, None, x(2, 2, 2, 5, 4)), (x(2, 3, 12), x(2, 2, 2, 8, 4)), Counts(
        macs=2 * 3 * 28 * 6 + 2 * 2 * 3 * 8 * (4 + 6), adds=96 + 2 * 96 - 12, muls=96, divs=96, compares=96 - 12,
        transcendentals=96), {"num_heads": 2, "unidirectional": 1, "qkv_hidden_sizes": (8, 8, 12)}, domain=MS),
    # one buffer for 8 tokens, all taken as used: 8 keys, 1 new; 2*2*1*8 = 32 scores in 4 rows; rotary on Q and K
    Row("DecoderMaskedSelfAttention", 1, (x(2, 1, 6), x(6, 24), x(24), None, x(2, 2, 2, 8, 4), None, i32(1)),
        (x(2, 1, 8), x(2, 2, 2, 8, 4)), Counts(
        macs=2 * 24 * 6 + 2 * 2 * 8 * 4 * 2, adds=2 * 24 + 2 * 32 - 4 + 2 * 2 * 8, muls=32 + 2 * 2 * 2 * 8, divs=32,
        compares=32 - 4, transcendentals=32), {"num_heads": 2, "past_present_share_buffer": 1, "do_rotary": 1},
        # K and V of 7 old tokens are read, of 1 new one written
        reads=(12, 144, 24, 0, 2 * 2 * 7 * 8, 0, 1), writes=(16, 2 * 2 * 1 * 8), status="bounded", domain=MS),
    # B 2, S 3, L 5, d 4, dv 6: 2*2*3*5 = 60 scores in 12 rows; bias on Q, K and V
    Row("MultiHeadAttention", 1, (x(2, 3, 8), x(2, 5, 8), x(2, 5, 12), x(28), i32(2, 5)), (x(2, 3, 12),), Counts(
        macs=2 * 2 * 3 * 5 * (4 + 6), adds=2 * (3 * 8 + 5 * 8 + 5 * 12) + 60 + 2 * 60 - 12, muls=60, divs=60,
        compares=60 - 12, transcendentals=60), {"num_heads": 2}, domain=MS),
    # packed QKV, scale 1: 2*2*3*3 = 36 scores
    Row("MultiHeadAttention", 1, (x(2, 3, 2, 3, 4),), (x(2, 3, 8),), Counts(
        macs=2 * 2 * 3 * 3 * (4 + 4), adds=2 * 36 - 12, divs=36, compares=36 - 12, transcendentals=36),
        {"num_heads": 2, "scale": 1.0}, domain=MS),
    # one buffer of 8, the past of 2 known: 5 keys; 2*2*3*5 = 60 scores; 3 new tokens of 2 heads of 4
    Row("MultiHeadAttention", 1, (x(2, 3, 8), x(2, 3, 8), x(2, 3, 8), None, None, None, x(2, 2, 8, 4), x(2, 2, 8, 4),
        ("int32", (1,), [2])), (x(2, 3, 8), x(2, 2, 8, 4), x(2, 2, 8, 4)), Counts(
        macs=2 * 2 * 3 * 5 * (4 + 4), adds=2 * 60 - 12, muls=60, divs=60, compares=60 - 12, transcendentals=60),
        {"num_heads": 2}, reads=(48, 48, 48, 0, 0, 0, 2 * 2 * 2 * 4, 2 * 2 * 2 * 4, 1),
        writes=(48, 2 * 2 * 3 * 4, 2 * 2 * 3 * 4), domain=MS),
    # a cross-attention cache of 5 keys: 2*2*1*5 = 20 scores in 4 rows; the bias is Q's alone
    Row("DecoderMaskedMultiHeadAttention", 1, (x(2, 1, 8), x(2, 2, 5, 4), x(2, 2, 5, 4), None, None, None, None, None,
        None, None, x(24)), (x(2, 1, 8),), Counts(
        macs=2 * 2 * 5 * (4 + 4), adds=2 * 8 + 2 * 20 - 4, muls=20, divs=20, compares=20 - 4, transcendentals=20),
        {"num_heads": 2}, domain=MS),
    # S 3, B 2, D 8: self-attention with a cache of 5: 3 tokens projected, 8 keys; 2*2*3*8 = 96 scores in 12 rows
    Row("DecoderAttention", 1, (x(3, 2, 8), x(4, 2, 8), x(8, 8), x(8, 16), x(24), None, x(2, 2, 5, 4), x(2, 2, 5, 4),
        (*FLAG, [False]), (*FLAG, [True]), (*FLAG, [True]), (*FLAG, [False])),
        (x(3, 2, 8), x(2, 2, 8, 4), x(2, 2, 8, 4)), Counts(
        macs=3 * 2 * 8 * 8 + 3 * 2 * 8 * 16 + 2 * 2 * 3 * 8 * (4 + 4), adds=2 * 8 * (3 + 2 * 3) + 2 * 96 - 12, muls=96,
        divs=96, compares=96 - 12, transcendentals=96), {"num_heads": 2},
        reads=(48, 0, 64, 128, 24, 0, 80, 80, 1, 1, 1, 1), domain=MS),  # the key is not read
    # 5 tokens of sequences of at most 4: 2*5*4 = 40 scores in 10 rows
    Row("PackedAttention", 1, (x(5, 6), x(6, 24), x(24), i32(2, 4), i32(3)), (x(5, 8),), Counts(
        macs=5 * 24 * 6 + 2 * 5 * 4 * (4 + 4), adds=5 * 24 + 2 * 40 - 10, muls=40, divs=40, compares=40 - 10,
        transcendentals=40), {"num_heads": 2}, status="bounded", domain=MS),
    Row("PackedMultiHeadAttention", 1, (x(5, 2, 3, 4), None, None, x(24), i32(2, 4), i32(3)), (x(5, 8),), Counts(
        macs=2 * 5 * 4 * (4 + 4), adds=5 * 24 + 2 * 40 - 10, muls=40, divs=40, compares=40 - 10, transcendentals=40),
        {"num_heads": 2}, status="bounded", domain=MS),
    # as the first Attention; the projection is 864 of 1152 MACs, so the peak is int8's; its results are scaled
    Row("QAttention", 1, (("uint8", (2, 3, 6)), i8(6, 24), x(24), x(), x(), i32(2)), (x(2, 3, 8),), Counts(
        macs=2 * 3 * 24 * 6 + 2 * 2 * 3 * 3 * 4 * 2, adds=2 * 3 * 24 + 36 + 2 * 36 - 12, muls=2 * 3 * 24 + 36, divs=36,
        compares=36 - 12, transcendentals=36), {"num_heads": 2}, domain=MS, dtype="uint8"),
    # 144 projected, 36 scores, 48 results are rescaled (mul) and quantised (div, 2 compares)
    Row("QOrderedAttention", 1, (i8(2, 3, 6), x(), x(), x(), x(), i8(6, 8), i8(6, 8), i8(6, 8), x(), x(), x(), x(8),
        x(8), x(8), x(), x(), x(), i32(2)), (i8(2, 3, 8),), Counts(
        macs=2 * 3 * 6 * 8 * 3 + 2 * 2 * 3 * 3 * (4 + 4), adds=2 * 3 * 24 + 36 + 2 * 36 - 12,
        muls=36 + 144 + 36 + 48, divs=36 + 144 + 36 + 48, compares=36 - 12 + 2 * (144 + 36 + 48), transcendentals=36),
        {"num_heads": 2}, domain=MS, dtype="int8"),
    # W 1: 3 keys of 6, no global token known; 1*2*6*3 = 36 scores in 12 rows; two projections of 3 x 8
    Row("LongformerAttention", 1, (x(1, 6, 8), x(8, 24), x(24), x(1, 6), x(8, 24), x(24), i32(1, 6)), (x(1, 6, 8),),
        Counts(macs=2 * 6 * 8 * 24 + 2 * 6 * 3 * (4 + 4), adds=2 * 6 * 24 + 36 + 2 * 36 - 12, muls=36, divs=36,
        compares=36 - 12, transcendentals=36), {"num_heads": 2, "window": 1}, status="heuristic", domain=MS),
    # 2*6*24 projected values are rescaled, 48 results quantised
    Row("QOrderedLongformerAttention", 1, (i8(1, 6, 8), x(), i8(8, 24), x(), x(24), x(), x(), ("float16", (1, 6)),
        i8(8, 24), x(), x(24), x(), i32(1, 6), x()), (i8(1, 6, 8),), Counts(
        macs=2 * 6 * 8 * 24 + 2 * 6 * 3 * (4 + 4), adds=2 * 6 * 24 + 36 + 2 * 36 - 12, muls=36 + 2 * 6 * 24,
        divs=36 + 48, compares=36 - 12 + 2 * 48, transcendentals=36), {"num_heads": 2, "window": 1},
        status="heuristic", domain=MS, dtype="int8"),
    Row("RelativePositionBias", 1, (x(32, 2), ("int64", (1,)), ("int64", (1,))), (x(1, 2, 4, 5),), Counts(
        transcendentals=20, divs=20, muls=20, adds=20, compares=2 * 20, int_ops=2 * 20),  # 4 * 5 distances
        {"max_distance": 128}, reads=(40, 1, 1), status="heuristic", domain=MS),
    # 2*3*2 = 12 rows of d 4 to G 8; two sums of 4: 6 adds; two sigmoids; u (r a - 1) + 2; times 2*2*3*3 biases
    Row("GatedRelativePositionBias", 1, (x(2, 3, 8), x(8), x(1, 2, 3, 3), x(4, 8), x(8), x(1, 2, 1, 1)),
        (x(2, 2, 3, 3),), Counts(macs=12 * 8 * 4, adds=48 + 12 * 8 + 12 * 6 + 12 * 2 + 2 * 12,
        muls=2 * 12 + 36, transcendentals=2 * 12, divs=2 * 12), {"num_heads": 2}, domain=MS),
    # B 2, S 1, h 4, g 2, d 4, past 6, total 7 known and longer than the past: 2*4*1*7 = 56 scores in 8 rows, causal
    Row("GroupQueryAttention", 1, (x(2, 1, 16), x(2, 1, 8), x(2, 1, 8), x(2, 2, 6, 4), x(2, 2, 6, 4), i32(2),
        ("int32", (), 7)), (x(2, 1, 16), x(2, 2, 7, 4), x(2, 2, 7, 4)), Counts(
        macs=2 * 4 * 7 * (4 + 4), adds=56 + 2 * 56 - 8, muls=56, divs=56, compares=56 - 8, transcendentals=56),
        {"num_heads": 4, "kv_num_heads": 2}, domain=MS),
    # one buffer of 6, total unknown: 6 keys, 48 scores; packed; rotary on 4 of 4 columns of 4 + 2 heads of 2 tokens
    Row("GroupQueryAttention", 1, (x(2, 1, 32), None, None, x(2, 2, 6, 4), x(2, 2, 6, 4), i32(2), i32(), x(9, 2),
        x(9, 2)), (x(2, 1, 16), x(2, 2, 6, 4), x(2, 2, 6, 4)), Counts(
        macs=2 * 4 * 6 * (4 + 4), adds=48 + 2 * 48 - 8 + 48, muls=48 + 2 * 48, divs=48, compares=48 - 8,
        transcendentals=48), {"num_heads": 4, "kv_num_heads": 2, "do_rotary": 1},
        # 5 old tokens are read, 1 is written; 2 sequences, 2 heads of 4
        reads=(64, 0, 0, 2 * 2 * 5 * 4, 2 * 2 * 5 * 4, 2, 1, 18, 18), writes=(32, 16, 16), status="bounded", domain=MS),
    # a prompt of 3 with a window of 2, softcap and sinks: 2*4*3*2 = 48 scores in 24 rows
    Row("GroupQueryAttention", 1, (x(2, 3, 16), x(2, 3, 8), x(2, 3, 8), None, None, i32(2), i32(), None, None, None,
        None, x(4)), (x(2, 3, 16), x(2, 2, 3, 4), x(2, 2, 3, 4)), Counts(
        macs=2 * 4 * 3 * 2 * (4 + 4), adds=48 + 2 * 48 - 24 + 2 * 24, muls=48 + 48, divs=48 + 48,
        compares=48 - 24 + 24, transcendentals=48 + 48 + 24),
        {"num_heads": 4, "kv_num_heads": 2, "local_window_size": 2, "softcap": 30.0}, domain=MS),
    # an int8 cache of 6 with total 6: 5 old tokens scaled, 1 new one quantised; Q of 8 heads, K of 4 heads normalised
    Row("GroupQueryAttention", 1, (x(2, 1, 16), x(2, 1, 8), x(2, 1, 8), i8(2, 2, 6, 4), i8(2, 2, 6, 4), i32(2),
        ("int32", (), 6), None, None, None, None, None, x(1), x(1), x(4), x(4)),
        (x(2, 1, 16), i8(2, 2, 6, 4), i8(2, 2, 6, 4)), Counts(
        macs=2 * 4 * 6 * (4 + 4), adds=48 + 2 * 48 - 8 + 32 + 16, muls=48 + 3 * 32 + 3 * 16 + 2 * 80,
        divs=48 + 8 + 4 + 2 * 16, compares=48 - 8 + 2 * 2 * 16, transcendentals=48 + 8 + 4),
        {"num_heads": 4, "kv_num_heads": 2},
        reads=(32, 16, 16, 80, 80, 2, 1, 0, 0, 0, 0, 0, 1, 1, 4, 4), writes=(32, 16, 16), domain=MS),
    # no keys of its own: the 5 of 6 in another layer's cache, 40 scores; nothing is added, only queries are rotated
    *[Row("GroupQueryAttention", 1, (x(2, 1, 16), *new, x(2, 2, 6, 4), x(2, 2, 6, 4), i32(2), ("int32", (), 5),
          x(9, 2), x(9, 2)), (x(2, 1, 16), x(2, 2, 6, 4), x(2, 2, 6, 4)), Counts(
          macs=2 * 4 * 5 * (4 + 4), adds=40 + 2 * 40 - 8 + 32, muls=40 + 2 * 32, divs=40, compares=40 - 8,
          transcendentals=40), {"num_heads": 4, "kv_num_heads": 2, "do_rotary": 1},
          reads=(32, 0, 0, 2 * 2 * 5 * 4, 2 * 2 * 5 * 4, 2, 1, 18, 18), writes=(32, 0, 0), domain=MS)
      for new in ((None, None), (x(2, 0, 8), x(2, 0, 8)))],
    # 3 tokens, h 4, g 2, d 4; 2 sequences of at most 2 blocks of 8: 16 keys, 4*3*16 = 192 scores in 12 rows
    Row("PagedAttention", 1, (x(3, 16), x(3, 8), x(3, 8), x(10, 8, 2, 4), x(10, 8, 2, 4), i32(3), i32(2), i32(2, 2)),
        (x(3, 16), x(10, 8, 2, 4), x(10, 8, 2, 4)), Counts(
        macs=4 * 3 * 16 * (4 + 4), adds=192 + 2 * 192 - 12, muls=192, divs=192, compares=192 - 12,
        transcendentals=192), {"num_heads": 4, "kv_num_heads": 2},
        reads=(48, 24, 24, 4 * 8 * 2 * 4, 4 * 8 * 2 * 4, 3, 2, 4), writes=(48, 24, 24), status="bounded", domain=MS),
    # B 1, S 3, h 2, g 1, d 8, cache of 32 known to hold 4: 4 keys, 2*3*4 = 24 scores in 6 rows; 1 old token
    Row("SparseAttention", 1, (x(1, 3, 16), x(1, 3, 8), x(1, 3, 8), x(1, 1, 32, 8), x(1, 1, 32, 8), i32(1, 3),
        i32(1, 3), ("int32", (1,), [4]), i32(1)), (x(1, 3, 16), x(1, 1, 32, 8), x(1, 1, 32, 8)), Counts(
        macs=2 * 3 * 4 * (8 + 8), adds=24 + 2 * 24 - 6, muls=24, divs=24, compares=24 - 6, transcendentals=24),
        {"num_heads": 2, "kv_num_heads": 1, "sparse_block_size": 16},
        reads=(48, 24, 24, 8, 8, 3, 3, 1, 1), writes=(48, 24, 24), status="bounded", domain=MS),
    # 2 sequences of 1 query, 4 heads of 4, at most 3 keys of a cache of 6: 2*4*3 = 24 scores in 8 rows
    Row("DynamicSparseAttention", 1, (x(2, 1, 16), x(2, 1, 8), x(2, 1, 8), x(2, 2, 6, 4), x(2, 2, 6, 4), None, None,
        i32(2, 3), i32(2), i32(2), i32(1)), (x(2, 1, 16), x(2, 2, 6, 4), x(2, 2, 6, 4)), Counts(
        macs=2 * 4 * 3 * (4 + 4), adds=2 * 24 - 8, muls=24, divs=24, compares=24 - 8, transcendentals=24),
        {"num_heads": 4, "kv_num_heads": 2},
        # 3 tokens of each sequence are read, 1 is written
        reads=(32, 16, 16, 48, 48, 0, 0, 6, 2, 2, 1), writes=(32, 16, 16), status="bounded", domain=MS),
    # 3 tokens, 4 heads of 4, at most 2 selected and a window of 4: 6 keys, 4*3*6 = 72 scores in 12 rows; 18 keys read
    Row("SparsePagedAttention", 1, (x(3, 16), x(3, 8), x(3, 8), x(10, 8, 2, 4), x(10, 8, 2, 4), i32(3), i32(2),
        i32(2, 2), None, i32(3, 2), i32(3)), (x(3, 16), x(10, 8, 2, 4), x(10, 8, 2, 4)), Counts(
        macs=4 * 3 * 6 * (4 + 4), adds=2 * 72 - 12, muls=72, divs=72, compares=72 - 12, transcendentals=72),
        {"num_heads": 4, "kv_num_heads": 2, "attention_mode": "local_plus_selected", "local_window_size": 4},
        reads=(48, 24, 24, 18 * 8, 18 * 8, 3, 2, 4, 0, 6, 3), writes=(48, 24, 24), status="bounded", domain=MS),
    # 1*2 queries of 2 heads of 4, 6 + 2 keys in blocks of 4: 2 entries, 8 scores; 4 rows of RMSNorm; 1 sum of 2 heads
    Row("SparseAttentionIndexer", 1, (x(1, 2, 8), x(1, 2, 4), x(4), x(4), x(9, 2), x(9, 2), None, x(1, 6, 4)),
        (i32(1, 2, 7), x(1, 8, 4)), Counts(macs=2 * 2 * 2 * 4, muls=3 * 16 + 8, adds=16 + 2 * 1 * 2, divs=4,
        transcendentals=4, compares=8), {"policy_mode": "qsa", "compress_ratio": 4, "token_budget": 4},
        status="heuristic", domain=MS),
    # 3 queries of 2 heads of 4 against a state of 5: 30 scores
    Row("PackedSparseAttentionIndexer", 1, (x(3, 8), x(3, 4), x(4), x(4), x(9, 2), x(9, 2), i32(3), i32(2), None, None,
        None, None, x(2, 5, 4), x(2, 7, 4), None, i32(2, 2)),
        (i32(3, 7), i32(3), x(2, 5, 4), x(2, 7, 4), None, i32(2, 2)), Counts(
        macs=3 * 2 * 5 * 4, muls=3 * 24 + 30, adds=24 + 3 * 1 * 5, divs=6, transcendentals=6, compares=30),
        {"policy_mode": "qsa", "compress_ratio": 4, "token_budget": 4}, status="heuristic", domain=MS),
    # 2*3 tokens, 2 heads, states of 4 x 6: update, retrieval and result; decay of 12 gates on 6*2*24 elements
    Row("LinearAttention", 1, (x(2, 3, 8), x(2, 3, 8), x(2, 3, 12), x(2, 2, 4, 6), x(2, 3, 2), x(2, 3, 2)),
        (x(2, 3, 12), x(2, 2, 4, 6)), Counts(macs=3 * 6 * 2 * 4 * 6, transcendentals=12,
        muls=6 * 2 * 24 + 6 * 2 * 6 + 6 * 2 * 6, adds=6 * 2 * 6),  # decay, beta, scale; difference
        {"q_num_heads": 2, "kv_num_heads": 2}, domain=MS, steps=3),
    # the plain rule with a window of 3 states, of which one is read: no decay, no retrieval
    Row("LinearAttention", 1, (x(2, 3, 8), x(2, 3, 8), x(2, 3, 12), x(3, 2, 2, 4, 6)), (x(2, 3, 12), x(3, 2, 2, 4, 6)),
        Counts(macs=2 * 6 * 2 * 4 * 6, muls=6 * 2 * 6),
        {"q_num_heads": 2, "kv_num_heads": 2, "update_rule": "linear", "state_window": 3},
        reads=(48, 48, 72, 2 * 2 * 4 * 6), domain=MS, steps=3),
    # 6 tokens of 2 sequences, 2 query heads, 4 value heads, states of 4 x 3; gates, sigmoid and norm are asked
    Row("GatedDeltaNet", 1, (x(6, 2, 4), x(6, 2, 4), x(6, 4, 3), i32(3), x(6, 4), x(6, 4), x(2, 4, 3, 4), x(4), x(4)),
        (x(6, 4, 3), x(2, 4, 3, 4)), Counts(macs=3 * 6 * 4 * 4 * 3,
        # decay, beta, scale, gate; L2 norm of 96 elements in 24 rows
        muls=6 * 4 * 12 + 72 + 72 + 24 + 96,
        # difference, softplus and bias of the gate, sigmoid, norm
        adds=72 + 24 + 24 + 24 + 96 - 24,
        transcendentals=24 + 2 * 24 + 4 + 24 + 24, divs=24 + 96),
        {"gate_activation": "qwen", "beta_activation": "sigmoid", "qk_l2_norm": 1}, domain=MS, steps=3),
    Row("LinearAttentionGate", 1, (x(2, 3, 4), x(4), x(4), x(2, 3, 4)), (x(2, 3, 4), x(2, 3, 4)), Counts(
        # log(1 + exp(a + bias)) times the scale; 1 / (1 + exp(-b)) of 24
        transcendentals=2 * 24 + 24, adds=24 + 24 + 24, muls=24, divs=24), domain=MS),
    # 2*4*5 outputs of 3 taps, bias, SiLU
    Row("CausalConvWithState", 1, (x(2, 4, 5), x(4, 1, 3), x(4), x(2, 4, 2)), (x(2, 4, 5), x(2, 4, 2)), Counts(
        macs=40 * 3, adds=40 + 40, transcendentals=40, divs=40, muls=40), {"activation": "silu"}, domain=MS),
    Row("CausalConvWithState", 1, (x(2, 4, 5), x(4, 1, 3), None, x(3, 2, 4, 2)), (x(2, 4, 5), x(3, 2, 4, 2)), Counts(
        macs=40 * 3), {"state_window": 3}, reads=(40, 12, 0, 16), domain=MS),  # one of three states
    Row("VarlenCausalConvWithState", 1, (x(7, 4), x(4, 1, 3), i32(3), x(4), x(2, 4, 2)), (x(7, 4), x(2, 4, 2)), Counts(
        macs=28 * 3, adds=28), domain=MS),
    # T 3, B 2, I 4, H 5: 30 cells, 4 gates; LSTM of a cell: 5 transcendentals, 8 adds, 3 divs, 3 muls
    Row("DynamicQuantizeLSTM", 1, (x(3, 2, 4), i8(1, 4, 20), i8(1, 5, 20), x(1, 40), None, None, None, None, x(1),
        i8(1), x(1), i8(1)), (x(3, 1, 2, 5), x(1, 2, 5), x(1, 2, 5)), Counts(
        macs=3 * 2 * 20 * (4 + 5), transcendentals=5 * 30,
        # cell, biases; zero points, and 3 to find each, of X (24 elements) and of H (10) in 3 steps
        adds=8 * 30 + 8 * 30 + 24 + 3 + 3 * (10 + 3),
        # cell; the scale of both products; quotients and 2 for scale and zero point; range, 4 for its ends, saturation
        divs=3 * 30 + 24 + 2 + 3 * (10 + 2), muls=3 * 30 + 2 * 4 * 30,
        compares=2 * 23 + 4 + 2 * 24 + 3 * (2 * 9 + 4 + 2 * 10)),
        {"hidden_size": 5}, status="heuristic", domain=MS, dtype="int8", steps=3),
    # T 3, B 2, gates 20, I + context 11, H 5; memory of 8 rows of 7, attention 6
    Row("AttnLSTM", 1, (x(3, 2, 4), x(1, 20, 11), x(1, 20, 5), None, None, None, None, None, x(1, 5, 6), x(1, 7, 6),
        x(1, 6), x(2, 8, 7)), (x(3, 1, 2, 5),), Counts(
        # gates; keys once; query, alignment and context of each step
        macs=3 * 2 * 20 * (11 + 5) + 2 * 8 * 6 * 7 + 3 * 2 * (6 * 5 + 8 * 6 + 7 * 8),
        # cells; key + query and tanh; softmax of 6 rows of 8
        transcendentals=5 * 30 + 3 * 2 * 8 * 6 + 48, adds=8 * 30 + 288 + 2 * 48 - 6, divs=3 * 30 + 48,
        muls=3 * 30, compares=48 - 6), {"hidden_size": 5}, domain=MS, steps=3),
    Row("GRUUnit", 1, (x(1, 2, 5), x(1, 2, 15), x(2), x(1)), (x(1, 2, 5),), Counts(
        transcendentals=2 * 10, adds=3 * 10, divs=10, muls=2 * 10), status="heuristic"),  # sigmoid, tanh, z h + (1-z) c
)  # fmt: skip
