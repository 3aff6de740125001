"""The systems that are exported: each one's network, inputs, named dims, and MACs and parameters by the literature."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from architectures import attention, convolution, decoders, diffusion, graph_nets, language, segment_anything
from torch import Tensor, nn

DYNAMO, TORCHSCRIPT = "dynamo", "torchscript"
BOTH = (DYNAMO, TORCHSCRIPT)

Dims = Mapping[str, int]
# A graph input's value: one tensor, or a list of them that the graph takes one by one.
Inputs = dict[str, Tensor | list[Tensor]]


@dataclass(frozen=True, slots=True)
class System:
    """One sample model: how to build it, how to feed it, what is known about it."""

    build: Callable[[], nn.Module]
    inputs: Callable[[Dims], Inputs]
    outputs: tuple[str, ...]
    exporters: tuple[str, ...] = (DYNAMO,)
    # Exporters whose file is known not to run; the error is recorded.
    known_failures: tuple[str, ...] = ()
    # Named dims: the values that reference.json is about, and others to trace with (1 would be taken as fixed).
    dims: Dims = field(default_factory=dict)
    traced_dims: Dims = field(default_factory=dict)
    # Input -> axis -> dim name, or "dim + 1".
    axes: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    # MACs of the literature for this input, and what this network has on top of it, by name.
    published_macs: int | None = None
    published_source: str = ""
    published_parameters: int | None = None
    beyond_published: Mapping[str, int] = field(default_factory=dict)
    # Where the counter knows no rule.
    macs_by_formula: int | None = None
    notes: tuple[str, ...] = ()


def static(**shapes: tuple[int, ...]) -> Callable[[Dims], Inputs]:
    """Random float inputs of fixed shapes."""
    return lambda _: {name: torch.randn(shape) for name, shape in shapes.items()}


def tokens(vocabulary: int, *shape: int) -> Tensor:
    """Random token ids."""
    return torch.randint(0, vocabulary, shape)


def embedding_inputs(dims: Dims) -> Inputs:
    return {"input_ids": tokens(32_000, dims["batch"], dims["sequence"])}


def encoder_decoder_inputs(dims: Dims) -> Inputs:
    vocabulary = attention.EncoderDecoderTransformer.vocabulary
    return {
        "source": tokens(vocabulary, dims["batch"], dims["source_sequence"]),
        "target": tokens(vocabulary, dims["batch"], dims["target_sequence"]),
    }


def bert_inputs(dims: Dims) -> Inputs:
    shape = (dims["batch"], dims["sequence"])
    return {
        "input_ids": tokens(30_522, *shape),
        "attention_mask": torch.ones(shape, dtype=torch.int64),
        "token_type_ids": torch.zeros(shape, dtype=torch.int64),
    }


def t5_inputs(dims: Dims) -> Inputs:
    shape = (dims["batch"], dims["encoder_sequence"])
    return {
        "input_ids": tokens(32_128, *shape),
        "attention_mask": torch.ones(shape, dtype=torch.int64),
        "decoder_input_ids": tokens(32_128, dims["batch"], dims["decoder_sequence"]),
    }


def prompt_inputs(dims: Dims) -> Inputs:
    shape = (dims["batch"], dims["sequence"])
    return {"input_ids": tokens(49_152, *shape), "attention_mask": torch.ones(shape, dtype=torch.int64)}


def decode_inputs(dims: Dims) -> Inputs:
    batch, past = dims["batch"], dims["past_sequence"]
    return {
        "input_ids": tokens(49_152, batch, 1),
        "attention_mask": torch.ones(batch, past + 1, dtype=torch.int64),
        "past": [torch.randn(batch, 3, past, 64) for _ in range(2 * language.Llama.layers)],
    }


def sdpa_decode_inputs(dims: Dims) -> Inputs:
    batch, past, model = dims["batch"], dims["past_sequence"], decoders.Decoder
    shape = (batch, model.heads, past, model.width // model.heads)
    return {
        "input_ids": tokens(model.vocabulary, batch, 1),
        "attention_mask": torch.ones(batch, past + 1, dtype=torch.int64),
        "past": [torch.randn(shape) for _ in range(2 * model.layers)],
    }


def stacked_decode_inputs(dims: Dims) -> Inputs:
    batch, past, model = dims["batch"], dims["past_sequence"], decoders.Decoder
    shape = (model.layers, 2, batch, model.heads, past, model.width // model.heads)
    return {"input_ids": tokens(model.vocabulary, batch, 1), "past": torch.randn(shape)}


def clip_inputs(_: Dims) -> Inputs:
    input_ids = tokens(49_000, 1, 77)
    input_ids[:, -1] = 49_407  # the end-of-text token, whose state is the text's
    return {
        "input_ids": input_ids,
        "attention_mask": torch.ones(1, 77, dtype=torch.int64),
        "pixel_values": torch.randn(1, 3, 224, 224),
    }


def cora_inputs(_: Dims) -> Inputs:
    return {"x": cora_features(), "edge_index": graph_nets.with_self_loops(graph_nets.cora_edges())}


def cora_inputs_without_loops(_: Dims) -> Inputs:
    return {"x": cora_features(), "edge_index": graph_nets.cora_edges()}


def cora_features() -> Tensor:
    """[2708, 1433] random node features."""
    return torch.rand(graph_nets.NODES, graph_nets.FEATURES)


def message_passing_inputs(_: Dims) -> Inputs:
    edges = graph_nets.cora_edges()
    return {"x": torch.randn(graph_nets.NODES, 64), "edge_index": edges, "edge_attr": torch.randn(edges.shape[1], 16)}


def named(side: str, layers: int = language.Llama.layers) -> tuple[str, ...]:
    """past.0.key, past.0.value, past.1.key, ... for side "past"."""
    return tuple(f"{side}.{layer}.{what}" for layer in range(layers) for what in ("key", "value"))


LLAMA_NOTES = (
    "SmolLM-135M has 30 such layers; 8 keep the file small.",
    "The rotary angles are a broadcast Mul in this version of the library, not a MatMul.",
)
# L (12 h^2 + 2 c h) + h V, with a context c of 1024
DECODER_MACS = 4 * (12 * 512**2 + 2 * 1024 * 512) + 512 * 8192
SHEET = "worked by hand: a tutorial sheet on performance modelling"
FORMULA = "closed form"
MODEL_TABLE = "torchvision's published GFLOPS column is this count"

SYSTEMS: Mapping[str, System] = {
    "conv_layer": System(
        build=lambda: nn.Conv2d(1, 6, 5),
        inputs=static(image=(1, 1, 32, 32)),
        outputs=("maps",),
        published_macs=117_600,  # 6 * 28 * 28 * 25
        published_source="LeNet-5's first layer, " + FORMULA,
    ),
    "depthwise_conv": System(
        build=lambda: nn.Conv2d(32, 32, 3, padding=1, groups=32, bias=False),
        inputs=static(x=(1, 32, 56, 56)),
        outputs=("y",),
        published_parameters=288,
        published_macs=903_168,  # 56 * 56 * 9 * 32
        published_source=SHEET,
    ),
    "linear": System(
        build=lambda: nn.Linear(128, 128, bias=False),
        inputs=static(x=(64, 128)),
        outputs=("y",),
        published_macs=1_048_576,  # 64 * 128 * 128
        published_source=SHEET,
    ),
    "embedding": System(
        build=lambda: nn.Embedding(32_000, 512),
        inputs=embedding_inputs,
        outputs=("embeddings",),
        dims={"batch": 1, "sequence": 128},
        traced_dims={"batch": 2, "sequence": 16},
        axes={"input_ids": {0: "batch", 1: "sequence"}},
        published_macs=0,
        published_source="a table look-up",
    ),
    "attention_single_head": System(
        build=attention.SingleHeadAttention,
        inputs=static(x=(1, 64, 128)),
        outputs=("y",),
        exporters=BOTH,
        published_parameters=65_536,
        published_macs=5_242_880,  # 4 * 64 * 128**2 + 2 * 64**2 * 128
        published_source=SHEET,
    ),
    "attention_causal": System(
        build=lambda: attention.SingleHeadAttention(causal=True),
        inputs=static(x=(1, 64, 128)),
        outputs=("y",),
        exporters=BOTH,
        published_parameters=65_536,
        published_macs=5_242_880,
        published_source=SHEET,
        notes=("The mask is applied to full matrix products: all 64 * 64 scores are computed.",),
    ),
    "attention_multi_head": System(
        build=lambda: attention.MultiHeadAttention(512, 8),
        inputs=static(x=(1, 64, 512)),
        outputs=("y",),
        exporters=BOTH,
        published_macs=4 * 64 * 512**2 + 2 * 64**2 * 512,
        published_source=FORMULA,
    ),
    "lenet5": System(
        build=convolution.LeNet5,
        inputs=static(image=(1, 1, 32, 32)),
        outputs=("logits",),
        exporters=BOTH,
        published_parameters=61_706,
        published_macs=416_520,
        published_source=FORMULA + ", full C3",
    ),
    "residual_block": System(
        build=convolution.ResidualBlock,
        inputs=static(x=(1, 64, 56, 56)),
        outputs=("y",),
        exporters=BOTH,
        published_macs=28 * 28 * 128 * (64 * 9 + 128 * 9 + 64),
        published_source=FORMULA,
    ),
    "lstm": System(
        build=lambda: nn.LSTM(128, 256),
        inputs=static(x=(10, 1, 128)),
        outputs=("states", "last_hidden", "last_cell"),
        exporters=BOTH,
        macs_by_formula=10 * 1 * 4 * 256 * (128 + 256),
        published_macs=3_932_160,
        published_source=FORMULA,
        notes=("The counter has no rule for LSTM on CPU and returns 0; T * B * 4H * (I + H) is recorded.",),
    ),
    "message_passing": System(
        build=graph_nets.MessagePassingLayer,
        inputs=message_passing_inputs,
        outputs=("y",),
        exporters=BOTH,
        published_macs=10_556 * (144 * 64 + 64 * 64) + 2708 * (128 * 64 + 64 * 64),
        published_source=FORMULA,
    ),
    "gcn_cora": System(
        build=graph_nets.GCN,
        inputs=cora_inputs,
        outputs=("log_probabilities",),
        exporters=BOTH,
        published_parameters=23_063,
        published_macs=62_697_392,
        published_source="Kipf and Welling's network on Cora, sparse A, dense X",
        beyond_published={"aggregation, here gather, Mul and scatter-add": -(212_224 + 92_848)},
    ),
    "gcn_cora_self_loops": System(
        build=lambda: graph_nets.GCN(add_self_loops=True),
        inputs=cora_inputs_without_loops,
        outputs=("log_probabilities",),
        exporters=BOTH,
        published_parameters=23_063,
        published_macs=62_697_392,
        published_source="Kipf and Welling's network on Cora, sparse A, dense X",
        beyond_published={"aggregation, here gather, Mul and scatter-add": -(212_224 + 92_848)},
        notes=(
            "The number of edges after the self loops depends on the values of edge_index: 13,264 for these inputs, "
            "which is also the most there can be.",
        ),
    ),
    "gat_cora": System(
        build=graph_nets.GAT,
        inputs=cora_inputs,
        outputs=("log_probabilities",),
        exporters=BOTH,
        known_failures=(TORCHSCRIPT,),
        published_parameters=92_373,
        published_macs=250_895_560,
        published_source="Velickovic et al.'s network on Cora",
        beyond_published={
            "attention dot products, here Mul and ReduceSum": -(346_624 + 37_912),
            "aggregation, here gather, Mul and scatter-add": -(848_896 + 92_848),
        },
    ),
    "resnet50": System(
        build=convolution.ResNet50,
        inputs=static(image=(1, 3, 224, 224)),
        outputs=("logits",),
        exporters=BOTH,
        published_parameters=25_557_032,
        published_macs=4_089_184_256,
        published_source=MODEL_TABLE,
        notes=("v1.5: the stride is in the 3x3 convolution.",),
    ),
    "mobilenet_v2": System(
        build=convolution.MobileNetV2,
        inputs=static(image=(1, 3, 224, 224)),
        outputs=("logits",),
        exporters=BOTH,
        published_parameters=3_504_872,
        published_macs=300_774_272,
        published_source=MODEL_TABLE,
        notes=("Width 1.0.",),
    ),
    "vit_b_16": System(
        build=attention.VisionTransformer,
        inputs=static(image=(1, 3, 224, 224)),
        outputs=("logits",),
        exporters=BOTH,
        published_parameters=86_567_656,
        published_macs=17_563_828_224,
        published_source=MODEL_TABLE,
    ),
    "bert_base": System(
        build=language.Bert,
        inputs=bert_inputs,
        outputs=("last_hidden_state", "pooler_output"),
        exporters=BOTH,
        dims={"batch": 1, "sequence": 128},
        traced_dims={"batch": 2, "sequence": 16},
        axes={name: {0: "batch", 1: "sequence"} for name in ("input_ids", "attention_mask", "token_type_ids")},
        published_parameters=109_482_240,
        published_macs=11_174_215_680,
        published_source=FORMULA + ", encoder and pooler",
    ),
    "gpt2": System(
        build=language.GPT2,
        inputs=prompt_inputs,
        outputs=("logits",),
        exporters=BOTH,
        dims={"batch": 1, "sequence": 1024},
        traced_dims={"batch": 2, "sequence": 16},
        axes={name: {0: "batch", 1: "sequence"} for name in ("input_ids", "attention_mask")},
        published_parameters=124_439_808,
        published_macs=145_824_153_600,
        published_source=FORMULA + ", head on all positions",
    ),
    "llama_prefill": System(
        build=language.LlamaPrefill,
        inputs=prompt_inputs,
        outputs=("logits", *named("present")),
        exporters=BOTH,
        dims={"batch": 1, "sequence": 512},
        traced_dims={"batch": 2, "sequence": 16},
        axes={name: {0: "batch", 1: "sequence"} for name in ("input_ids", "attention_mask")},
        # s (L (2 h^2 + 2 h h_kv + 3 h f) + h V) + 2 L s^2 h
        published_macs=512 * (8 * (2 * 576**2 + 2 * 576 * 192 + 3 * 576 * 1536) + 576 * 49_152) + 16 * 512**2 * 576,
        published_source=FORMULA + ", head on all positions",
        notes=LLAMA_NOTES,
    ),
    "llama_decode": System(
        build=language.LlamaDecode,
        inputs=decode_inputs,
        outputs=("logits", *named("present")),
        exporters=BOTH,
        dims={"batch": 1, "past_sequence": 1023},
        traced_dims={"batch": 2, "past_sequence": 15},
        axes={
            "input_ids": {0: "batch"},
            "attention_mask": {0: "batch", 1: "past_sequence + 1"},
            "past": {0: "batch", 2: "past_sequence"},
        },
        # L (2 h^2 + 2 h h_kv + 3 h f) + 2 c h L + h V, with a context c of 1024
        published_macs=8 * (2 * 576**2 + 2 * 576 * 192 + 3 * 576 * 1536 + 2 * 1024 * 576) + 576 * 49_152,
        published_source=FORMULA + ", one token at a context of 1024",
        notes=LLAMA_NOTES,
    ),
    "sdpa_decode": System(
        build=decoders.SdpaDecode,
        inputs=sdpa_decode_inputs,
        outputs=("logits", *named("present", decoders.Decoder.layers)),
        exporters=BOTH,
        dims={"batch": 1, "past_sequence": 1023},
        traced_dims={"batch": 2, "past_sequence": 15},
        axes={
            "input_ids": {0: "batch"},
            "attention_mask": {0: "batch", 1: "past_sequence + 1"},
            "past": {0: "batch", 2: "past_sequence"},
        },
        published_macs=DECODER_MACS,
        published_source=FORMULA + ", one token at a context of 1024",
    ),
    "stacked_decode": System(
        build=decoders.StackedDecode,
        inputs=stacked_decode_inputs,
        outputs=("logits", "present"),
        exporters=BOTH,
        dims={"batch": 1, "past_sequence": 1023},
        traced_dims={"batch": 2, "past_sequence": 15},
        axes={"input_ids": {0: "batch"}, "past": {2: "batch", 4: "past_sequence"}},
        published_macs=DECODER_MACS,
        published_source=FORMULA + ", one token at a context of 1024",
    ),
    "t5_small": System(
        build=language.T5,
        inputs=t5_inputs,
        outputs=("logits",),
        exporters=BOTH,
        dims={"batch": 1, "encoder_sequence": 512, "decoder_sequence": 128},
        traced_dims={"batch": 2, "encoder_sequence": 24, "decoder_sequence": 16},
        axes={
            "input_ids": {0: "batch", 1: "encoder_sequence"},
            "attention_mask": {0: "batch", 1: "encoder_sequence"},
            "decoder_input_ids": {0: "batch", 1: "decoder_sequence"},
        },
        published_parameters=60_506_624,
        published_macs=18_312_331_264,
        published_source="torch count, encoder 512, decoder 128, head, no cache",
    ),
    "transformer_encoder_decoder": System(
        build=attention.EncoderDecoderTransformer,
        inputs=encoder_decoder_inputs,
        outputs=("logits",),
        exporters=BOTH,
        dims={"batch": 1, "source_sequence": 128, "target_sequence": 128},
        traced_dims={"batch": 2, "source_sequence": 24, "target_sequence": 16},
        axes={
            "source": {0: "batch", 1: "source_sequence"},
            "target": {0: "batch", 1: "target_sequence"},
        },
        # encoder 6 (s (4 h^2 + 2 h f) + 2 s^2 h), decoder 6 (s (8 h^2 + 2 h f) + 4 s^2 h), head s h V
        published_macs=6 * (128 * (12 * 512**2 + 4 * 512 * 2048) + 6 * 128**2 * 512) + 128 * 512 * 37_000,
        published_source=FORMULA,
        known_failures=(TORCHSCRIPT,),
    ),
    "clip": System(
        build=language.Clip,
        inputs=clip_inputs,
        outputs=("logits_per_image", "text_embeds", "image_embeds"),
        published_parameters=151_277_313,
        published_macs=4_408_418_304 + 2_979_508_224,
        published_source="open_clip's published figures for ViT-B/32, image and text tower, are twice these",
        beyond_published={"image projection": 768 * 512, "text projection": 512 * 512, "similarity": 512},
    ),
    "whisper_encoder": System(
        build=language.WhisperEncoderBase,
        inputs=static(input_features=(1, 80, 3000)),
        outputs=("last_hidden_state",),
        published_macs=43_683_840_000,
        published_source=FORMULA + " = torch count",
    ),
    "sd_unet_block": System(
        build=diffusion.UNetBlock,
        inputs=static(latents=(1, 320, 64, 64), time=(1, 1280), prompt=(1, 77, 768)),
        outputs=("y",),
        exporters=BOTH,
        published_macs=(
            4096 * (2 * 9 * 320**2 + 2 * 320**2)  # 3x3 convolutions, projections in and out
            + 1280 * 320  # time
            + 4 * 4096 * 320**2
            + 2 * 4096**2 * 320  # self-attention
            + 2 * 4096 * 320**2
            + 2 * 77 * 768 * 320
            + 2 * 4096 * 77 * 320  # cross-attention
            + 4096 * 12 * 320**2  # gated feed-forward
        ),
        published_source=FORMULA,
    ),
    "unet_572": System(
        build=convolution.UNet,
        inputs=static(image=(1, 1, 572, 572)),
        outputs=("logits",),
        published_parameters=31_030_658,
        published_macs=150_428_424_448,
        published_source="torch count of the paper's network",
    ),
    "sam_image_encoder": System(
        build=segment_anything.ImageEncoder,
        inputs=static(image=(1, 3, 1024, 1024)),
        outputs=("embeddings",),
        published_parameters=89_670_912,
        published_macs=486_038_667_264,
        published_source="timm's published 486.43 G is this plus the norms",
        notes=("Windows pad the 64 x 64 map to 70 x 70; relative positions are two Einsum per block.",),
    ),
}
