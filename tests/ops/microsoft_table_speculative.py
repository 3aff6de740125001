"""Rows of the ops that onnxruntime 1.32 adds: weights in packed rows, routers, states of speculative decoding."""

from rule_table import OperandSpec, Row

from onnx_roofline.ir.records import Counts

MS = "com.microsoft"


def x(*shape: int) -> OperandSpec:
    """A float32 operand."""
    return ("float32", shape)


def h(*shape: int) -> OperandSpec:
    """A float16 operand."""
    return ("float16", shape)


def b(*shape: int) -> OperandSpec:
    """A bfloat16 operand."""
    return ("bfloat16", shape)


def u8(*shape: int) -> OperandSpec:
    """A uint8 operand."""
    return ("uint8", shape)


def i32(*shape: int) -> OperandSpec:
    """An int32 operand."""
    return ("int32", shape)


def i64(*shape: int) -> OperandSpec:
    """An int64 operand."""
    return ("int64", shape)


# A sigmoid: an exponential, a sum, a division; SiLU: a product more. RMSNorm of n in R rows: adds n, muls 3n, divs R,
# R roots.
PACKED: tuple[Row, ...] = (
    # 3 rows, N 8, K 32 in rows of 20 bytes; SiLU of 24
    Row("MatMulPacked", 1, (h(3, 32), u8(8, 20)), (h(3, 8),), Counts(
        macs=3 * 8 * 32, muls=256 + 24, adds=24, divs=24, transcendentals=24),
        {"N": 8, "K": 32, "packed_type": 2, "activation_type": "silu"}, domain=MS, status="heuristic",
        parameters={1: 8 * 32}),
    # a global scale; squared ReLU
    Row("MatMulPacked", 1, (b(1, 2, 32), u8(8, 20), x()), (b(1, 2, 8),), Counts(
        macs=2 * 8 * 32, muls=256 + 16 + 16, compares=16), {"N": 8, "K": 32, "packed_type": 2,
        "activation_type": "relu2"}, domain=MS, status="heuristic", parameters={1: 8 * 32, 2: 1}),
    # 3 of 100 rows of 20 bytes, each 32 weights
    Row("GatherPacked", 1, (u8(100, 20), i64(3)), (b(3, 32),), Counts(muls=96), {"packed_type": 2, "K": 32},
        reads=(60, 3), domain=MS, status="heuristic", parameters={0: 100 * 32}),
    # N 8, K 64, rank 4: 512 + 256 + 32 weights dequantised; the adapter's 24 results are added
    Row("MatMulNBitsQLoRA", 1, (x(3, 64), u8(8, 2, 16), x(8, 2), u8(4, 2, 32), x(4, 2), u8(8, 1, 32), x(8, 1)),
        (x(3, 8),), Counts(macs=3 * 800, muls=800, adds=800 + 24),
        {"N": 8, "K": 64, "block_size": 32, "lora_block_size": 32}, domain=MS, parameters={1: 512, 3: 256, 5: 32}),
    # no adapter is there: the base alone
    Row("MatMulNBitsQLoRA", 1, (x(3, 64), u8(8, 2, 16), x(8, 2), u8(0, 2, 32), x(4, 2), u8(8, 0, 32), x(8, 1)),
        (x(3, 8),), Counts(macs=3 * 512, muls=512, adds=512),
        {"N": 8, "K": 64, "block_size": 32, "lora_block_size": 32}, domain=MS, parameters={1: 512}),
    # 3 rows, K 16, 4 + 2 * 6 columns; SwiGLU of 18: a sigmoid, two products
    Row("RouterGateUpProj", 1, (h(3, 16), h(16, 16)), (h(3, 4), h(3, 6)), Counts(
        macs=3 * 16 * 16, muls=36, adds=18, divs=18, transcendentals=18), {"router_size": 4}, domain=MS),
    # scores of 3 x 8 experts: a sigmoid and a bias each
    Row("MoEGroupRouter", 1, (x(3, 8), x(8)), (None, x(3, 8), x(3, 8)), Counts(adds=24 + 24, divs=24,
        transcendentals=24), {"top_k": 2}, domain=MS),
    # projected from 256 columns first
    Row("MoEGroupRouter", 1, (x(3, 256), x(8), x(8, 256)), (None, x(3, 8), x(3, 8)), Counts(
        macs=3 * 8 * 256, adds=24 + 24, divs=24, transcendentals=24), {"top_k": 2}, domain=MS),
    # routed: the best 2 (2 steps) of each of 4 groups and their sum, the best 2 groups, the best 3 of 8 experts (2
    # steps), a maximum and a logarithm of the 9 that are kept
    Row("MoEGroupRouter", 1, (x(3, 8), x(8)), (x(3, 8),), Counts(adds=24 + 24 + 12, divs=24, transcendentals=24 + 9,
        compares=3 * 8 * 2 + 3 * 4 * 2 + 3 * 8 * 2 + 9), {"top_k": 3, "n_group": 4, "topk_group": 2},
        domain=MS, status="heuristic"),
    # 6 tokens, 2 of 4 experts each: 12 rows, H 8, I 16. Softmax of 6 rows of 4, choice in 2 steps, normalised;
    # SwiGLU of 12 * 16; weighted sum; 4 experts of 3 * 128 weights are read and restored
    Row("MoEPacked", 1, (h(6, 8), x(6, 4), u8(4, 16, 5), u8(4, 16, 5), u8(4, 8, 10)), (h(6, 8),), Counts(
        macs=12 * 3 * 128, adds=(2 * 24 - 6) + 6 + 192 + 48, divs=24 + 12 + 192, compares=24 - 6 + 6 * 4 * 2,
        transcendentals=24 + 192, muls=2 * 192 + 96 + 4 * 384),
        {"k": 2, "gate_type": 2, "up_type": 2, "down_type": 2}, domain=MS, status="heuristic", dtype="float16",
        parameters={2: 4 * 128, 3: 4 * 128, 4: 4 * 128}),
    # 1 token, 1 of 4 experts, mixing values given and scaled; squared ReLU, two weights of the expert that is read
    Row("MoEPacked", 1, (h(1, 8), x(1, 4), u8(4, 16, 5), None, u8(4, 8, 10), x(1, 4)), (h(1, 8),), Counts(
        macs=2 * 128, divs=1, compares=4 + 16, muls=1 + 16 + 8 + 256),
        {"k": 1, "gate_type": 16, "down_type": 16, "activation_type": "relu2", "routed_scaling_factor": 2.5},
        reads=(8, 4, 80, 0, 80, 4), domain=MS, status="heuristic"),
)  # fmt: skip

BLOCKS: tuple[Row, ...] = (
    Row("SwiGLU", 1, (h(2, 8), h(2, 8)), (h(2, 8),), Counts(transcendentals=16, adds=16, divs=16, muls=32), domain=MS),
    # both halves in one; alpha, beta, the clamps: one above, two of the other half
    Row("SwiGLU", 1, (x(2, 16),), (x(2, 8),), Counts(transcendentals=16, adds=32, divs=16, muls=48, compares=48),
        {"activation_alpha": 1.702, "activation_beta": 1.0, "limit": 7.0}, domain=MS),
    # 2 * 3 * 4 heads of 10, of which 8 are normed: 192 in 24 rows, 96 rotated; a row of 2 for each of 6 tokens
    Row("RMSNormRotary", 1, (b(2, 3, 4, 10), x(8), i64(2, 3), x(50, 2), x(50, 2)), (b(2, 3, 32),), Counts(
        adds=192 + 96, muls=3 * 192 + 2 * 96, divs=24, transcendentals=24),
        {"input_width": 8, "rotary_embedding_dim": 4}, reads=(192, 8, 6, 12, 12), domain=MS),
    # 3 tokens, 2 streams of 4, rank 5. The norm of 24 in 6 rows; SiLU of 15; a gate for each of 24, times it; the sum
    # of 2 streams for 12; a sigmoid for each of 6
    Row("HyperConnectionLowRankMix", 1, (x(3, 8), x(8), x(8, 5), x(5, 8), x(8, 2)), (x(3, 4), x(3, 2)), Counts(
        macs=3 * 8 * 5 * 2 + 3 * 8 * 2, adds=24 + 15 + 24 + 12 + 6, muls=3 * 24 + 15 + 24, divs=6 + 15 + 24 + 6,
        transcendentals=6 + 15 + 24 + 6), {"num_branches": 2}, domain=MS),
    # the previous block first, and every scale
    Row("HyperConnectionLowRankMix", 1, (x(3, 8), x(8), x(8, 5), x(5, 8), x(8, 2), x(3, 4), x(3, 2)), (x(3, 4), x(3, 2),
        x(3, 8)), Counts(macs=3 * 8 * 5 * 2 + 3 * 8 * 2, adds=24 + 24 + 15 + 24 + 12 + 6,
        muls=24 + 3 * 24 + 2 * 15 + 24 + 12 + 6, divs=6 + 15 + 24 + 2 * 6, transcendentals=6 + 15 + 24 + 6),
        {"num_branches": 2, "silu_alpha": 2.0, "gate_mul": 2.0, "gate_div": 3.0, "reduction_scale": 0.5}, domain=MS),
)  # fmt: skip

# source, destination and capture offsets; B 2, C 3, W 4, capacity 8, kept 1
WINDOW = ("int64", (8,), [0, 0, 0, 2, 3, 4, 8, 1])
# offsets; Hv 2, Dv 4, Dk 3, Hk 1, capacity 8, kept 2: a decay for each head, then one for each key element
STATE = ("int64", (11,), [0, 0, 0, 16, 40, 2, 4, 3, 1, 8, 2])
KEYED = ("int64", (11,), [0, 0, 0, 48, 72, 2, 4, 3, 1, 8, 2])

REPLAY: tuple[Row, ...] = (
    # 6 windows: 3 old elements, 1 captured
    Row("ConvStateReplay", 1, (h(200), h(300), h(200), WINDOW), (h(200),), reads=(18, 6, 0, 8), writes=(24,),
        domain=MS),
    # 24 state elements, twice decayed and updated; 2 * (2 decays + 3 keys + 8 deltas) are read
    Row("GatedDeltaNetStateReplay", 1, (x(200), x(300), x(200), STATE), (x(200),), Counts(macs=48, muls=48),
        reads=(24, 26, 0, 11), writes=(24,), domain=MS, steps=2),
    Row("GatedDeltaNetStateReplay", 1, (x(200), x(300), x(200), KEYED), (x(200),), Counts(macs=48, muls=48),
        reads=(24, 2 * (6 + 3 + 8), 0, 11), writes=(24,), domain=MS, steps=2),
    # 3 tokens, 2 heads of 64 with states of 128, 1 group: di 128, 128 + 2 * 128 = 384 channels; 5 slots, 3 are written.
    # Convolution: 1152 of 4 taps, a bias, SiLU. Time steps: 6 sums, softplus (2 transcendentals, a sum), maxima; exp
    # and its product. States: 3 * 16384 decayed, dt x; outer product and read-out. D x, a sum; SiLU of 384, a product;
    # the norm of 384 in 3 rows.
    Row("Mamba2Verify", 1, (b(3, 514), b(5, 384, 3), x(5, 2, 128, 64), b(384, 4), b(384), x(2), x(2), x(2), x(128),
        i32(1)), (b(3, 128), b(5, 384, 3), x(5, 2, 128, 64)), Counts(
        macs=1152 * 4 + 2 * 49152, adds=1152 + 1152 + 6 + 6 + 384 + 384 + 384,
        muls=1152 + 6 + 49152 + 384 + 384 + 384 + 384 + 3 * 384, divs=1152 + 384 + 3,
        transcendentals=1152 + 12 + 6 + 384 + 3, compares=6), {"heads": 2, "n_groups": 1},
        reads=(1542, 1152, 16384, 1536, 384, 2, 2, 2, 128, 1), writes=(384, 3 * 1152, 3 * 16384), domain=MS,
        steps=3, dtype="float32"),
    # 2 requests of 8 rows: 7 draft tokens each
    Row("SpeculativePrefixCommit", 1, (i64(2, 8), i64(2, 8), i32(1), i64(2, 16), i64(2, 2), i64(2, 16), i64(2)),
        (i32(2), i64(2, 16), i64(2, 2)), Counts(int_ops=14), domain=MS, status="bounded"),
    # 3 queries, 5 cached entries of one of 4 rows, and 2 more
    Row("PackedSparseAttentionIndexerMerge", 1, (i32(4, 5), i32(4), i32(3), None, None, i32(3, 2), i32(3)),
        (i32(3, 6), i32(3), i32(3)), Counts(int_ops=3 * 7), {"max_output_entries": 6, "policy_mode": "append_indices"},
        reads=(15, 4, 3, 0, 0, 6, 3), domain=MS, status="heuristic"),
    # a range fills what is left of 8
    Row("PackedSparseAttentionIndexerMerge", 1, (i32(4, 5), i32(4), i32(3), i32(3), i32(3)),
        (i32(3, 8), i32(3), i32(3)), Counts(int_ops=3 * 8), {"max_output_entries": 8, "policy_mode": "append_range"},
        reads=(15, 4, 3, 3, 3), domain=MS, status="heuristic"),
)  # fmt: skip

ROWS: tuple[Row, ...] = (*PACKED, *BLOCKS, *REPLAY)
