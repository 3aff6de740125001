"""Decoders of one token on a cache of keys and values, whose attention is the framework's one call."""

import torch
from torch import Tensor, nn
from torch.nn import functional


class DecoderLayer(nn.Module):
    """Pre-norm attention and a GELU network of four times the width; states [N, 1, D]."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm_attention, self.norm_network = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(
        self, x: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The next states, and keys and values [N, h, P + 1, d] with this token's behind those of P before."""
        y = self.norm_attention(x)
        query, key, value = (
            part(y).unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in (self.query, self.key, self.value)
        )
        keys, values = torch.cat((keys, key), dim=-2), torch.cat((values, value), dim=-2)
        read = functional.scaled_dot_product_attention(query, keys, values, attn_mask=mask)
        x = x + self.out(read.transpose(1, 2).flatten(-2))
        return x + self.down(functional.gelu(self.up(self.norm_network(x)))), keys, values


class Decoder(nn.Module):
    """Token and position embeddings, layers, and a head: one token at a time."""

    vocabulary, width, heads, layers, positions = 8192, 512, 8, 4, 2048

    def __init__(self) -> None:
        super().__init__()
        self.tokens, self.places = (nn.Embedding(n, self.width) for n in (self.vocabulary, self.positions))
        self.blocks = nn.ModuleList(DecoderLayer(self.width, self.heads) for _ in range(self.layers))
        self.norm = nn.LayerNorm(self.width)
        self.head = nn.Linear(self.width, self.vocabulary, bias=False)

    def embedded(self, input_ids: Tensor, past_length: int) -> Tensor:
        """States [N, 1, D] of the tokens behind P others."""
        return self.tokens(input_ids) + self.places(torch.full_like(input_ids, past_length))


class SdpaDecode(Decoder):
    """Token [N, 1], mask [N, P + 1], and keys and values of each layer [N, h, P, d] to logits and those of P + 1."""

    def forward(self, input_ids: Tensor, attention_mask: Tensor, past: list[Tensor]) -> tuple[Tensor, ...]:
        x, mask = self.embedded(input_ids, past[0].shape[-2]), attention_mask[:, None, None, :].bool()
        present: list[Tensor] = []
        for block, keys, values in zip(self.blocks, past[::2], past[1::2], strict=True):
            x, *both = block(x, keys, values, mask)
            present += both
        return self.head(self.norm(x)), *present


class StackedDecode(Decoder):
    """Token [N, 1] and the caches of all layers [L, 2, N, h, P, d] in one tensor to logits and that of P + 1."""

    def forward(self, input_ids: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        x = self.embedded(input_ids, past.shape[-2])
        present = []
        for layer, block in enumerate(self.blocks):
            x, keys, values = block(x, past[layer, 0], past[layer, 1])
            present.append(torch.stack((keys, values)))
        return self.head(self.norm(x)), torch.stack(present)
