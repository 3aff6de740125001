"""Language, speech and image-text models of the transformers library, built from configurations, with flat interfaces.

Every size below is the released model's. Weights are random.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from transformers import (
    BertConfig,
    BertModel,
    CLIPConfig,
    CLIPModel,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    T5Config,
    T5ForConditionalGeneration,
    WhisperConfig,
)
from transformers.cache_utils import Cache, DynamicLayer
from transformers.models.whisper.modeling_whisper import WhisperEncoder

# Attention spelled out as matmul, softmax, matmul; and as the framework's one call, which the exporters spell out.
EAGER, FUSED_CALL = "eager", "sdpa"


class Bert(nn.Module):
    """BERT-base with pooler: tokens, mask and segments [N, L] to hidden states [N, L, 768] and a pooled [N, 768]."""

    def __init__(self) -> None:
        super().__init__()
        self.bert = BertModel(BertConfig(attn_implementation=FUSED_CALL))

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> tuple[Tensor, Tensor]:
        out = self.bert(input_ids, attention_mask, token_type_ids)
        return out.last_hidden_state, out.pooler_output


class T5(nn.Module):
    """T5-small, encoder, decoder and tied head: tokens [N, L] and decoder tokens [N, M] to logits [N, M, 32128]."""

    def __init__(self) -> None:
        super().__init__()
        config = T5Config(
            d_model=512, d_kv=64, d_ff=2048, num_layers=6, num_heads=8, vocab_size=32_128, attn_implementation=EAGER
        )
        config.use_cache = False
        self.t5 = T5ForConditionalGeneration(config)

    def forward(self, input_ids: Tensor, attention_mask: Tensor, decoder_input_ids: Tensor) -> Tensor:
        out = self.t5(input_ids=input_ids, attention_mask=attention_mask, decoder_input_ids=decoder_input_ids)
        return out.logits


class GPT2(nn.Module):
    """GPT-2 small with its tied head on every position: tokens and mask [N, L] to logits [N, L, 50257]."""

    def __init__(self) -> None:
        super().__init__()
        self.gpt2 = GPT2LMHeadModel(GPT2Config(attn_implementation=EAGER, use_cache=False))

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        return self.gpt2(input_ids=input_ids, attention_mask=attention_mask).logits


class KeyValueLayer(DynamicLayer):
    """One layer's keys and values: given ones that grow, or none, without the library's empty tensor at the start."""

    def __init__(self, keys: Tensor | None = None, values: Tensor | None = None) -> None:
        super().__init__()
        if keys is not None:
            self.keys, self.values, self.is_initialized = keys, values, True

    def update(self, key_states: Tensor, value_states: Tensor, *_: object, **__: object) -> tuple[Tensor, Tensor]:
        if self.is_initialized:
            key_states = torch.cat((self.keys, key_states), dim=-2)
            value_states = torch.cat((self.values, value_states), dim=-2)
        self.keys, self.values, self.is_initialized = key_states, value_states, True
        return key_states, value_states


class Llama(nn.Module):
    """A LLaMA in the widths of SmolLM-135M (9 query heads on 3 key-value heads), cut to a few layers; tied head."""

    layers = 8

    def __init__(self) -> None:
        super().__init__()
        config = LlamaConfig(
            vocab_size=49_152,
            hidden_size=576,
            intermediate_size=1536,
            num_hidden_layers=self.layers,
            num_attention_heads=9,
            num_key_value_heads=3,
            max_position_embeddings=2048,
            tie_word_embeddings=True,
            attn_implementation=EAGER,
        )
        self.llama = LlamaForCausalLM(config)

    def step(self, input_ids: Tensor, attention_mask: Tensor, cache: Cache) -> tuple[Tensor, ...]:
        """Logits, then every layer's keys and values after this step."""
        out = self.llama(input_ids, attention_mask=attention_mask, past_key_values=cache, use_cache=True)
        return out.logits, *(side for layer in cache.layers for side in (layer.keys, layer.values))


class LlamaPrefill(Llama):
    """A whole prompt at once, head on every position: tokens and mask [N, L] to logits and the key-value cache."""

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, ...]:
        return self.step(input_ids, attention_mask, Cache(layers=[KeyValueLayer() for _ in range(self.layers)]))


class LlamaDecode(Llama):
    """One more token: token [N, 1], mask [N, P + 1] and the cache of P tokens to logits and the cache of P + 1."""

    def forward(self, input_ids: Tensor, attention_mask: Tensor, past: list[Tensor]) -> tuple[Tensor, ...]:
        cache = Cache(layers=[KeyValueLayer(keys, values) for keys, values in pairs(past)])
        return self.step(input_ids, attention_mask, cache)


def pairs(tensors: list[Tensor]) -> Iterable[tuple[Tensor, Tensor]]:
    """(keys, values) of each layer out of the flat list."""
    return zip(tensors[::2], tensors[1::2], strict=True)


class Clip(CLIPModel):
    """CLIP ViT-B/32, both towers, projections and the similarity of every text with every image.

    A subclass, not a module around it: one scope less in the metadata of every node, which is most of the file.
    """

    def __init__(self) -> None:
        super().__init__(CLIPConfig(attn_implementation=EAGER))

    def forward(self, input_ids: Tensor, attention_mask: Tensor, pixel_values: Tensor) -> tuple[Tensor, ...]:
        out = super().forward(input_ids=input_ids, pixel_values=pixel_values, attention_mask=attention_mask)
        return out.logits_per_image, out.text_embeds, out.image_embeds


class WhisperEncoderBase(nn.Module):
    """The encoder of Whisper base: log-mel [N, 80, 3000] (30 s) to states [N, 1500, 512]."""

    def __init__(self) -> None:
        super().__init__()
        config = WhisperConfig(
            d_model=512,
            encoder_layers=6,
            encoder_attention_heads=8,
            encoder_ffn_dim=2048,
            num_mel_bins=80,
            attn_implementation=EAGER,
        )
        self.encoder = WhisperEncoder(config)

    def forward(self, input_features: Tensor) -> Tensor:
        return self.encoder(input_features).last_hidden_state
