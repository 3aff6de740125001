"""Small models for what no package holds: control flow, an LLM's decode step, contrib ops, odd types and names.

Each function returns one model; RECIPES lists them by file name. Weights are seeded noise. Dims are symbolic where an
exporter would leave them so.
"""

from collections.abc import Callable, Sequence

import numpy as np
from onnx import FunctionProto, GraphProto, ModelProto, TensorProto, ValueInfoProto, helper, numpy_helper, parser

MICROSOFT = "com.microsoft"
FLOAT, INT64, INT32, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.INT32, TensorProto.BOOL

# What the recipes are written for; ir_version 10 is that of onnx 1.16 and reads everywhere since.
OPSET, IR_VERSION = 17, 10

Dims = Sequence[int | str | None]
Inputs = Sequence[ValueInfoProto]


def tensor(name: str, element: int, dims: Dims | None) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, element, None if dims is None else list(dims))


class Graph:
    """A graph under construction: nodes in order, weights from a seeded generator, fresh names."""

    def __init__(self, prefix: str = "", seed: int = 0) -> None:
        self.prefix = prefix
        self.random = np.random.default_rng(seed)
        self.nodes: list = []
        self.weights: list[TensorProto] = []

    def weight(self, *shape: int, dtype: str = "float32") -> str:
        fan_in = max(1, int(np.prod(shape[1:])))
        return self.constant((self.random.standard_normal(shape) / np.sqrt(fan_in)).astype(dtype))

    def constant(self, value: np.ndarray | list | float) -> str:
        array = np.asarray(value) if not isinstance(value, list) else np.asarray(value, np.int64)
        return self.raw(numpy_helper.from_array(array))

    def raw(self, proto: TensorProto) -> str:
        proto.name = f"{self.prefix}w{len(self.weights)}"
        self.weights.append(proto)
        return proto.name

    def op(
        self, kind: str, *inputs: str, out: str | Sequence[str] = "", domain: str = "", name: str = "", **attributes
    ) -> str:
        """Adds a node; returns the name of its first output."""
        outputs = [out] if isinstance(out, str) else list(out)
        if outputs == [""]:
            outputs = [f"{self.prefix}t{len(self.nodes)}"]
        name = name or f"{self.prefix}{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), outputs, name=name, domain=domain, **attributes))
        return outputs[0]

    def microsoft(self, kind: str, *inputs: str, **attributes) -> str:
        return self.op(kind, *inputs, domain=MICROSOFT, **attributes)

    def graph(self, name: str, inputs: Inputs, outputs: Inputs) -> GraphProto:
        return helper.make_graph(self.nodes, name, list(inputs), list(outputs), self.weights)

    def model(
        self, name: str, inputs: Inputs, outputs: Inputs, opset: int = OPSET, functions: Sequence[FunctionProto] = (),
        domains: Sequence[str] = (),
    ) -> ModelProto:  # fmt: skip
        used = {node.domain for node in self.nodes} - {""} | set(domains)
        opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(domain, 1) for domain in sorted(used))]
        model = helper.make_model(
            self.graph(name, inputs, outputs), opset_imports=opsets, functions=list(functions), producer_name="handmade"
        )
        model.ir_version = IR_VERSION
        return model


# Networks


def resnet(batch: int | str = "batch") -> ModelProto:
    """A little ResNet with BatchNormalization: x [N, 3, 64, 64] -> logits [N, 10], three stages of two blocks."""
    g = Graph()

    def convolution(x: str, width_in: int, width: int, kernel: int, stride: int) -> str:
        pad = kernel // 2
        x = g.op(
            "Conv", x, g.weight(width, width_in, kernel, kernel),
            kernel_shape=[kernel, kernel], strides=[stride, stride], pads=[pad] * 4,
        )  # fmt: skip
        ones, zeros = np.ones(width, np.float32), np.zeros(width, np.float32)
        return g.op("BatchNormalization", x, *(g.constant(value) for value in (ones, zeros, zeros, ones)))

    x = g.op("Relu", convolution("x", 3, 16, 7, 2))
    x = g.op("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    width_in = 16
    for width, first_stride in ((16, 1), (32, 2), (64, 2)):
        for stride in (first_stride, 1):
            shortcut = x if stride == 1 and width == width_in else convolution(x, width_in, width, 1, stride)
            y = g.op("Relu", convolution(x, width_in, width, 3, stride))
            x = g.op("Relu", g.op("Add", convolution(y, width, width, 3, 1), shortcut))
            width_in = width
    x = g.op("Flatten", g.op("GlobalAveragePool", x), axis=1)
    g.op("Gemm", x, g.weight(10, 64), g.weight(10), out="logits", transB=1)
    return g.model("resnet", [tensor("x", FLOAT, [batch, 3, 64, 64])], [tensor("logits", FLOAT, [batch, 10])])


def bert_fused() -> ModelProto:
    """Two encoder layers of fused ops: EmbedLayerNormalization, Attention, MultiHeadAttention, BiasGelu and more."""
    g = Graph()
    hidden, heads, vocabulary = 64, 4, 100
    norm = (g.weight(hidden), g.weight(hidden))
    x = g.microsoft(
        "EmbedLayerNormalization", "input_ids", "segment_ids", g.weight(vocabulary, hidden), g.weight(128, hidden),
        g.weight(2, hidden), *norm, "mask", out=("embedded", "mask_index"),
    )  # fmt: skip
    y = g.microsoft("Attention", x, g.weight(hidden, 3 * hidden), g.weight(3 * hidden), "mask", num_heads=heads)
    x = g.microsoft("SkipLayerNormalization", x, y, *norm)
    x = _feed_forward_gelu(g, x, hidden, norm)
    q, k, v = (g.op("MatMul", x, g.weight(hidden, hidden)) for _ in range(3))
    y = g.microsoft("MultiHeadAttention", q, k, v, g.weight(3 * hidden), num_heads=heads)
    x = g.microsoft("SkipLayerNormalization", x, y, *norm)
    x = _feed_forward_gelu(g, x, hidden, norm)
    g.microsoft("FusedMatMul", x, x, out="similarity", transB=1, alpha=0.125)
    ids = [tensor(name, INT32, ["batch", "sequence"]) for name in ("input_ids", "segment_ids", "mask")]
    return g.model("bert_fused", ids, [tensor("similarity", FLOAT, ["batch", "sequence", "sequence"])])


def _feed_forward_gelu(g: Graph, x: str, hidden: int, norm: tuple[str, str]) -> str:
    y = g.microsoft("BiasGelu", g.op("MatMul", x, g.weight(hidden, 4 * hidden)), g.weight(4 * hidden))
    y = g.op("MatMul", y, g.weight(4 * hidden, hidden))
    return g.microsoft("SkipLayerNormalization", x, y, *norm, g.weight(hidden))


def _nbits(g: Graph, x: str, rows: int, columns: int, block: int = 32, out: str = "") -> str:
    """x [.., K=rows] times a 4-bit weight [K, N=columns]: blocks of K share a scale and a zero point."""
    blocks = -(-rows // block)
    packed = g.constant(g.random.integers(0, 256, (columns, blocks, block // 2)).astype(np.uint8))
    scales = g.constant((g.random.uniform(0.5, 1, (columns, blocks)) / (8 * np.sqrt(rows))).astype(np.float32))
    zeros = g.constant(g.random.integers(0, 256, (columns, -(-blocks // 2))).astype(np.uint8))
    return g.microsoft(
        "MatMulNBits", x, packed, scales, zeros, out=out, K=rows, N=columns, bits=4, block_size=block, accuracy_level=4
    )


def _rope_tables(g: Graph, positions: int, head: int) -> tuple[str, str]:
    """cos and sin caches [positions, head / 2]."""
    angle = np.outer(np.arange(positions), 10000.0 ** (-2 * np.arange(head // 2) / head))
    return g.constant(np.cos(angle).astype(np.float32)), g.constant(np.sin(angle).astype(np.float32))


def llm_decoder(rotary_in_attention: bool = False) -> ModelProto:
    """A decode step as onnxruntime-genai writes it: two layers, GroupQueryAttention over a KV cache, 4-bit weights.

    Rotary positions are a node of their own, or inside the attention. Dims: batch, sequence, past_sequence; the cache
    that goes out has total_sequence_length rows, which is a value: past + sequence.
    """
    g = Graph()
    hidden, heads, kv_heads, head, inner, vocabulary, layers = 128, 4, 2, 32, 256, 512, 2
    cos, sin = _rope_tables(g, 256, head)
    # seqlens_k = valid positions - 1, per row of the batch; total_sequence_length = the mask's width
    total = g.op("Gather", g.op("Shape", "attention_mask"), g.constant(np.int64(1)))
    total = g.op("Cast", total, to=INT32)
    lengths = g.op("ReduceSum", "attention_mask", g.constant([1]), keepdims=0)
    lengths = g.op("Cast", g.op("Sub", lengths, g.constant(np.int64(1))), to=INT32)

    residual = g.op("Gather", g.weight(vocabulary, hidden), "input_ids")
    x = g.op("SimplifiedLayerNormalization", residual, g.weight(hidden), axis=-1, epsilon=1e-6)
    for layer in range(layers):
        q, k, v = (_nbits(g, x, hidden, count * head) for count in (heads, kv_heads, kv_heads))
        caches = [f"past_key_values.{layer}.{what}" for what in ("key", "value")]
        presents = [f"present.{layer}.{what}" for what in ("key", "value")]
        if not rotary_in_attention:
            q = g.microsoft("RotaryEmbedding", q, "position_ids", cos, sin, num_heads=heads, rotary_embedding_dim=head)
            k = g.microsoft(
                "RotaryEmbedding", k, "position_ids", cos, sin, num_heads=kv_heads, rotary_embedding_dim=head
            )
        tables = (cos, sin) if rotary_in_attention else ()
        y = g.microsoft(
            "GroupQueryAttention", q, k, v, *caches, lengths, total, *tables, out=[f"attention_{layer}", *presents],
            num_heads=heads, kv_num_heads=kv_heads, do_rotary=int(rotary_in_attention), scale=head**-0.5,
        )  # fmt: skip
        x, residual = _skip_norm(g, _nbits(g, y, hidden, hidden), residual, hidden, f"residual_{2 * layer}")
        gate, up = _nbits(g, x, hidden, inner), _nbits(g, x, hidden, inner)
        y = g.op("Mul", g.op("Mul", gate, g.op("Sigmoid", gate)), up)
        x, residual = _skip_norm(g, _nbits(g, y, inner, hidden), residual, hidden, f"residual_{2 * layer + 1}")
    _nbits(g, x, hidden, vocabulary, out="logits")

    cache = ["batch", kv_heads, "past_sequence", head]
    inputs = [
        tensor("input_ids", INT64, ["batch", "sequence"]),
        tensor("attention_mask", INT64, ["batch", "total_sequence"]),
    ]
    if not rotary_in_attention:
        inputs.append(tensor("position_ids", INT64, ["batch", "sequence"]))
    outputs = [tensor("logits", FLOAT, ["batch", "sequence", vocabulary])]
    for layer in range(layers):
        for what in ("key", "value"):
            inputs.append(tensor(f"past_key_values.{layer}.{what}", FLOAT, cache))
            outputs.append(tensor(f"present.{layer}.{what}", FLOAT, ["batch", kv_heads, "total_sequence", head]))
    return g.model("llm_decoder", inputs, outputs)


def _skip_norm(g: Graph, x: str, residual: str, hidden: int, total: str) -> tuple[str, str]:
    """Normalised and plain sum; the two optional outputs between them are left empty, as exporters do."""
    g.microsoft(
        "SkipSimplifiedLayerNormalization",
        x,
        residual,
        g.weight(hidden),
        out=[f"{total}_norm", "", "", total],
        epsilon=1e-6,
    )
    return f"{total}_norm", total


def llm_decoder_standard() -> ModelProto:
    """A decoder layer in ops of the standard's opset 23: RMSNormalization, RotaryEmbedding, Attention with a cache."""
    g = Graph()
    hidden, heads, kv_heads, head = 128, 4, 2, 32
    cos, sin = _rope_tables(g, 64, head)
    x = g.op("RMSNormalization", "hidden_states", g.weight(hidden), axis=-1)
    q, k, v = (g.op("MatMul", x, g.weight(hidden, count * head)) for count in (heads, kv_heads, kv_heads))
    q = g.op("RotaryEmbedding", q, cos, sin, "position_ids", num_heads=heads)
    k = g.op("RotaryEmbedding", k, cos, sin, "position_ids", num_heads=kv_heads)
    y = g.op(
        "Attention", q, k, v, "", "past_key", "past_value", out=["attended", "present_key", "present_value"],
        q_num_heads=heads, kv_num_heads=kv_heads, is_causal=1,
    )  # fmt: skip
    g.op("Add", g.op("MatMul", y, g.weight(hidden, hidden)), "hidden_states", out="y")
    cache = ["batch", kv_heads, "past_sequence", head]
    return g.model(
        "llm_decoder_standard",
        [
            tensor("hidden_states", FLOAT, ["batch", "sequence", hidden]),
            tensor("position_ids", INT64, ["batch", "sequence"]),
            tensor("past_key", FLOAT, cache),
            tensor("past_value", FLOAT, cache),
        ],
        [
            tensor("y", FLOAT, ["batch", "sequence", hidden]),
            tensor("present_key", FLOAT, ["batch", kv_heads, "past_sequence + sequence", head]),
            tensor("present_value", FLOAT, ["batch", kv_heads, "past_sequence + sequence", head]),
        ],
        opset=23,
    )


def mixture_of_experts() -> ModelProto:
    """A router and com.microsoft MoE: 8 experts, 2 of them per token."""
    g = Graph()
    hidden, inner, experts = 64, 128, 8
    router = g.op("MatMul", "x", g.weight(hidden, experts))
    router = g.op("Reshape", router, g.constant([-1, experts]))
    g.microsoft(
        "MoE", "x", router, g.weight(experts, inner, hidden), g.weight(experts, inner),
        g.weight(experts, hidden, inner), g.weight(experts, hidden), out="y",
        k=2, activation_type="gelu", normalize_routing_weights=1,
    )  # fmt: skip
    shape = ["batch", "sequence", hidden]
    return g.model("mixture_of_experts", [tensor("x", FLOAT, shape)], [tensor("y", FLOAT, shape)])


# Control flow


def scan_rnn() -> ModelProto:
    """An Elman cell under Scan: x [T, N, 8], h0 [N, 16] -> last state, every state, the inputs' sums backwards."""
    body = Graph("body_")
    h = body.op("Add", body.op("MatMul", "x_t", body.weight(8, 16)), body.op("MatMul", "h_in", body.weight(16, 16)))
    body.op("Tanh", h, out="h_out")
    body.op("Identity", "h_out", out="h_scan")
    body.op("ReduceSum", "x_t", out="x_sum", keepdims=0)
    g = Graph()
    g.op(
        "Scan", "h0", "x", out=("h_last", "h_all", "sums"), num_scan_inputs=1, scan_output_directions=[0, 1],
        body=body.graph("step", [tensor("h_in", FLOAT, None), tensor("x_t", FLOAT, None)],
                        [tensor(n, FLOAT, None) for n in ("h_out", "h_scan", "x_sum")]),
    )  # fmt: skip
    return g.model(
        "scan_rnn",
        [tensor("h0", FLOAT, ["batch", 16]), tensor("x", FLOAT, ["time", "batch", 8])],
        [
            tensor("h_last", FLOAT, ["batch", 16]),
            tensor("h_all", FLOAT, ["time", "batch", 16]),
            tensor("sums", FLOAT, ["time"]),
        ],
    )


def _loop(constant: bool) -> ModelProto:
    """x W applied again and again in a Loop; the weight lies in the outer graph and the body reads it."""
    body = Graph("body_")
    body.op("Relu", body.op("MatMul", "state", "weight"), out="state_out")
    body.op("ReduceMean", "state_out", out="mean", axes=[1], keepdims=0)
    if constant:
        body.op("Identity", "go", out="go_on")
    else:
        body.op("Less", body.op("ReduceMax", "state_out", keepdims=0), body.constant(np.float32(100)), out="go_on")
    g = Graph()
    g.weight(32, 32)
    g.weights[-1].name = "weight"
    trips = g.constant(np.int64(6)) if constant else "trips"
    g.op(
        "Loop", trips, g.constant(np.bool_(True)), "x", out=("last", "means"),
        body=body.graph(
            "body",
            [tensor("i", INT64, []), tensor("go", BOOL, []), tensor("state", FLOAT, None)],
            [tensor("go_on", BOOL, []), tensor("state_out", FLOAT, None), tensor("mean", FLOAT, None)],
        ),
    )  # fmt: skip
    inputs = [tensor("x", FLOAT, ["batch", 32])] + ([] if constant else [tensor("trips", INT64, [])])
    return g.model("loop", inputs, [tensor("last", FLOAT, ["batch", 32]), tensor("means", FLOAT, [None, "batch"])])


def nested_if() -> ModelProto:
    """Three Ifs inside one another; the branches do work of different size and read tensors of the outermost graph."""

    def branch(level: int, side: str) -> GraphProto:
        g = Graph(f"{side}{level}_")
        out = f"{side}{level}_out"
        if level == 3 or side == "else":
            g.op("MatMul", g.op("Relu", "features"), g.weight(16, 4 * level), out=f"{out}_wide")
            g.op("ReduceSum", f"{out}_wide", g.constant([1]), out=out, keepdims=1)
        else:
            condition = g.op("Greater", "threshold", g.constant(np.float32(level)))
            g.op("If", condition, out=out, then_branch=branch(level + 1, "then"), else_branch=branch(level + 1, "else"))
        return g.graph(f"{side}_{level}", [], [tensor(out, FLOAT, None)])

    g = Graph()
    g.op("MatMul", "x", g.weight(8, 16), out="features")
    condition = g.op("Greater", "threshold", g.constant(np.float32(0)))
    g.op("If", condition, out="y", then_branch=branch(1, "then"), else_branch=branch(1, "else"))
    return g.model(
        "nested_if",
        [tensor("x", FLOAT, ["batch", 8]), tensor("threshold", FLOAT, [])],
        [tensor("y", FLOAT, ["batch", 1])],
    )


def if_shapes_differ() -> ModelProto:
    """An If whose branches disagree on the shape: [2, 3] or [6]; the condition is constant, y has no declared shape."""
    g = Graph()
    then, other = Graph("then_"), Graph("else_")
    then.op("Reshape", "x", then.constant([2, 3]), out="then_y")
    other.op("Reshape", "x", other.constant([6]), out="else_y")
    g.op(
        "If", g.constant(np.bool_(True)), out="y",
        then_branch=then.graph("then", [], [tensor("then_y", FLOAT, [2, 3])]),
        else_branch=other.graph("else", [], [tensor("else_y", FLOAT, [6])]),
    )  # fmt: skip
    return g.model("if_shapes_differ", [tensor("x", FLOAT, [1, 6])], [tensor("y", FLOAT, None)])


def sequence_map() -> ModelProto:
    """SplitToSequence, SequenceMap with a body that also reads a plain tensor, ConcatFromSequence, SequenceAt."""
    body = Graph("body_")
    body.op("MatMul", "piece", "shared", out="mapped")
    g = Graph()
    g.op("SplitToSequence", "x", g.constant([1, 2, 3]), out="pieces", axis=0)
    g.op(
        "SequenceMap", "pieces", "shared_in", out="results",
        body=body.graph(
            "each", [tensor("piece", FLOAT, None), tensor("shared", FLOAT, None)], [tensor("mapped", FLOAT, None)]
        ),
    )  # fmt: skip
    g.op("ConcatFromSequence", "results", out="y", axis=0)
    g.op("SequenceAt", "results", g.constant(np.int64(1)), out="second")
    return g.model(
        "sequence_map",
        [tensor("x", FLOAT, [6, 8]), tensor("shared_in", FLOAT, [8, 4])],
        [tensor("y", FLOAT, [None, 4]), tensor("second", FLOAT, [None, 4])],
    )


def optional_input() -> ModelProto:
    """Optional, OptionalHasElement and OptionalGetElement around an Add."""
    g = Graph()
    g.op("Optional", "x", out="boxed")
    g.op("OptionalHasElement", "boxed", out="present")
    g.op("OptionalGetElement", "boxed", out="unboxed")
    g.op("Add", "unboxed", "unboxed", out="y")
    return g.model(
        "optional_input",
        [tensor("x", FLOAT, ["n", 4])],
        [tensor("y", FLOAT, ["n", 4]), tensor("present", BOOL, [])],
        18,
    )


def local_functions() -> ModelProto:
    """Two functions of the model's own, one calling the other, as the newer PyTorch exporter writes modules."""
    gelu = parser.parse_function("""
        <domain: "pkg.nn", opset_import: ["" : 17]>
        Gelu2 (x) => (y) {
            half = Constant <value = float {0.5}> ()
            root = Constant <value = float {0.70710678}> ()
            scaled = Mul (x, root)
            erf = Erf (scaled)
            one = Constant <value = float {1.0}> ()
            shifted = Add (erf, one)
            product = Mul (x, shifted)
            y = Mul (product, half)
        }
    """)
    block = parser.parse_function("""
        <domain: "pkg.nn", opset_import: ["" : 17, "pkg.nn" : 1]>
        Block <axis> (x, up, down) => (y) {
            wide = MatMul (x, up)
            active = pkg.nn.Gelu2 (wide)
            narrow = MatMul (active, down)
            sum = Add (x, narrow)
            y = Softmax <axis: int = @axis> (sum)
        }
    """)
    g = Graph()
    x = "x"
    for out in ("inner", "y"):
        x = g.op("Block", x, g.weight(16, 64), g.weight(64, 16), domain="pkg.nn", out=out, axis=-1)
    return g.model(
        "local_functions",
        [tensor("x", FLOAT, ["batch", 16])],
        [tensor("y", FLOAT, ["batch", 16])],
        functions=[gelu, block],
    )


# Values that decide shapes


def detector_head() -> ModelProto:
    """Boxes and scores through TopK, NonMaxSuppression and NonZero: sizes that depend on values."""
    g = Graph()
    g.op("TopK", "scores", g.constant([20]), out=("best", "best_index"), axis=-1)
    g.op(
        "NonMaxSuppression", "boxes", "scores", g.constant([10]), g.constant(np.array([0.5], np.float32)),
        g.constant(np.array([0.2], np.float32)), out="selected",
    )  # fmt: skip
    column = g.op("Gather", "selected", g.constant([2]), axis=1)
    index = g.op("Squeeze", column, g.constant([1]))
    g.op("Gather", g.op("Squeeze", "boxes", g.constant([0])), index, out="kept", axis=0)
    g.op("Transpose", g.op("NonZero", g.op("Greater", "scores", g.constant(np.float32(0)))), out="where", perm=[1, 0])
    return g.model(
        "detector_head",
        [tensor("boxes", FLOAT, [1, "anchors", 4]), tensor("scores", FLOAT, [1, 3, "anchors"])],
        [tensor("best", FLOAT, [1, 3, 20]), tensor("kept", FLOAT, [None, 4]), tensor("where", INT64, [None, 3])],
    )


def shape_arithmetic() -> ModelProto:
    """Targets computed as exporters do, by Shape, Gather, Div, Concat, for Reshape, Range, Tile, Resize."""
    g = Graph()
    shape = g.op("Shape", "x")
    n, c, h, w = (g.op("Gather", shape, g.constant([axis])) for axis in range(4))
    half = g.op("Div", c, g.constant([2]))
    pixels = g.op("Mul", h, w)
    grouped = g.op("Reshape", "x", g.op("Concat", n, g.constant([2]), half, pixels, axis=0))
    scalar = g.op("Squeeze", pixels)
    places = g.op("Range", g.constant(np.int64(0)), scalar, g.constant(np.int64(1)))
    places = g.op("Cast", places, to=FLOAT)
    g.op("Add", grouped, places, out="y")
    zeros = g.op("ConstantOfShape", g.op("Concat", n, h, axis=0))
    g.op("Tile", zeros, g.op("Concat", g.constant([1]), w, axis=0), out="tiled")
    doubled = g.op("Mul", g.op("Slice", shape, g.constant([2]), g.constant([4])), g.constant([2]))
    g.op("Resize", "x", "", "", g.op("Concat", n, c, doubled, axis=0), out="resized", mode="nearest")
    return g.model(
        "shape_arithmetic",
        [tensor("x", FLOAT, ["batch", 8, "height", "width"])],
        [
            tensor("y", FLOAT, [None] * 4),
            tensor("tiled", FLOAT, ["batch", None]),
            tensor("resized", FLOAT, [None] * 4),
        ],
    )


# Types


def int4_blocked() -> ModelProto:
    """Weights of 4 bits, dequantised in blocks of 16 by the standard's DequantizeLinear-21; zero points too."""
    g = Graph()
    rows, columns, block = 64, 32, 16
    values = g.random.integers(-8, 8, rows * columns)
    weight = g.raw(helper.make_tensor("", TensorProto.INT4, [rows, columns], values))
    scale = g.constant(g.random.uniform(0.01, 0.1, (rows // block, columns)).astype(np.float32))
    zeros = np.zeros(rows // block * columns, np.int8)
    zero = g.raw(helper.make_tensor("", TensorProto.INT4, [rows // block, columns], zeros))
    dense = g.op("DequantizeLinear", weight, scale, zero, axis=0, block_size=block)
    g.op("MatMul", "x", dense, out="y")
    return g.model(
        "int4_blocked", [tensor("x", FLOAT, ["batch", rows])], [tensor("y", FLOAT, ["batch", columns])], opset=21
    )


def narrow_floats() -> ModelProto:
    """bfloat16 and float8 in transit, float16 and float64 in arithmetic."""
    g = Graph()
    narrow = g.op("Cast", "x", to=TensorProto.BFLOAT16)
    eight = g.op("Cast", narrow, to=TensorProto.FLOAT8E4M3FN)
    half = g.op("Cast", eight, to=TensorProto.FLOAT16)
    half = g.op("MatMul", half, g.weight(16, 8, dtype="float16"))
    double = g.op("Cast", half, to=TensorProto.DOUBLE)
    g.op("Add", double, g.weight(8, dtype="float64"), out="y")
    return g.model(
        "narrow_floats",
        [tensor("x", TensorProto.BFLOAT16, ["batch", 16])],
        [tensor("y", TensorProto.DOUBLE, ["batch", 8])],
        19,
    )


# Names and structure


def odd_names() -> ModelProto:
    """Names that break parsers: empty, doubled, with quotes, markup, line ends; a dead node, parallel edges."""
    g = Graph()
    strange = 'a/b:0 "quoted" <b>&amp;</b>\n{{x}} 層'
    g.op("Add", "x", "x", out=strange, name="same")
    g.op("Mul", strange, strange, out="-", name="same")
    g.op("Relu", "-", out="y", name="none")
    g.op("Exp", "x", out="dead", name="../../etc")
    g.nodes[2].name = ""
    return g.model("odd names", [tensor("x", FLOAT, ["2*batch + 1", "a.b"])], [tensor("y", FLOAT, [None, "a.b"])])


RECIPES: dict[str, Callable[[], ModelProto]] = {
    "resnet": resnet,
    "bert_fused": bert_fused,
    "llm_decoder": llm_decoder,
    "llm_decoder_rotary_inside": lambda: llm_decoder(rotary_in_attention=True),
    "llm_decoder_standard": llm_decoder_standard,
    "mixture_of_experts": mixture_of_experts,
    "scan_rnn": scan_rnn,
    "loop_constant_trips": lambda: _loop(constant=True),
    "loop_condition": lambda: _loop(constant=False),
    "nested_if": nested_if,
    "if_shapes_differ": if_shapes_differ,
    "sequence_map": sequence_map,
    "optional_input": optional_input,
    "local_functions": local_functions,
    "detector_head": detector_head,
    "shape_arithmetic": shape_arithmetic,
    "int4_blocked": int4_blocked,
    "narrow_floats": narrow_floats,
    "odd_names": odd_names,
}
