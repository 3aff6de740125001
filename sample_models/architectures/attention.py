"""Attention blocks and plain transformers: one head, many heads, the 2017 encoder-decoder, ViT-B/16."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class SingleHeadAttention(nn.Module):
    """One attention head, spelled out op by op: [N, L, d] -> [N, L, d], four d x d projections without bias."""

    def __init__(self, width: int = 128, causal: bool = False) -> None:
        super().__init__()
        self.scale = 1 / math.sqrt(width)
        self.causal = causal
        self.query = nn.Linear(width, width, bias=False)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width, bias=False)
        self.output = nn.Linear(width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.query(x), self.key(x), self.value(x)
        scores = torch.matmul(query, key.transpose(-2, -1)) * self.scale
        if self.causal:
            length = x.shape[-2]
            visible = torch.ones(length, length, dtype=torch.bool, device=x.device).tril()
            scores = scores.masked_fill(~visible, float("-inf"))
        return self.output(torch.matmul(scores.softmax(dim=-1), value))


class MultiHeadAttention(nn.Module):
    """Self-attention, heads side by side: [N, L, heads * d] -> the same shape, through the framework's fused call."""

    def __init__(self, width: int, heads: int, bias: bool = True) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width, bias)
        self.key = nn.Linear(width, width, bias)
        self.value = nn.Linear(width, width, bias)
        self.output = nn.Linear(width, width, bias)

    def split(self, x: Tensor) -> Tensor:
        """[N, L, heads * d] -> [N, heads, L, d]."""
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.split(self.query(x)), self.split(self.key(x)), self.split(self.value(x))
        mixed = F.scaled_dot_product_attention(query, key, value)
        return self.output(mixed.transpose(1, 2).flatten(2))


class EncoderDecoderTransformer(nn.Module):
    """The original transformer, base size: 6 + 6 layers, width 512, 8 heads, feed-forward 2048; tokens to logits.

    Source: Vaswani et al. 2017. The two embeddings and the head share one 37,000 x 512 matrix, as in
    section 3.4 of the paper.
    """

    vocabulary = 37_000
    width = 512
    longest = 512

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(self.vocabulary, self.width)
        self.register_buffer("positions", sinusoids(self.longest, self.width))
        self.transformer = nn.Transformer(self.width, nhead=8, dim_feedforward=2048, batch_first=True)
        self.head = nn.Linear(self.width, self.vocabulary, bias=False)
        self.head.weight = self.embedding.weight

    def embed(self, tokens: Tensor) -> Tensor:
        """[N, L] token ids -> [N, L, width], scaled and with positions added."""
        return self.embedding(tokens) * math.sqrt(self.width) + self.positions[: tokens.shape[1]]

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        hidden = nn.Transformer.generate_square_subsequent_mask(target.shape[1], device=target.device)
        states = self.transformer(self.embed(source), self.embed(target), tgt_mask=hidden, tgt_is_causal=True)
        return self.head(states)


def sinusoids(length: int, width: int) -> Tensor:
    """[length, width] sine and cosine positions. Source: Vaswani et al. 2017, section 3.5."""
    angle = torch.arange(length)[:, None] / 10_000 ** (torch.arange(0, width, 2) / width)
    return torch.stack((angle.sin(), angle.cos()), dim=-1).flatten(1)


class EncoderLayer(nn.Module):
    """A pre-norm transformer encoder layer: attention, then a GELU feed-forward of four times the width."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attention = MultiHeadAttention(width, heads)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class VisionTransformer(nn.Module):
    """ViT-B/16: [N, 3, 224, 224] -> [N, 1000]. Source: Dosovitskiy et al. 2020."""

    def __init__(self, image: int = 224, patch: int = 16, width: int = 768, layers: int = 12, heads: int = 12) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, width, patch, stride=patch)
        self.class_token = nn.Parameter(torch.zeros(1, 1, width))
        self.positions = nn.Parameter(torch.zeros(1, (image // patch) ** 2 + 1, width))
        self.layers = nn.Sequential(*(EncoderLayer(width, heads) for _ in range(layers)))
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.head = nn.Linear(width, 1000)
        nn.init.normal_(self.positions, std=0.02)

    def forward(self, image: Tensor) -> Tensor:
        tokens = self.patches(image).flatten(2).transpose(1, 2)
        tokens = torch.cat((self.class_token.expand(tokens.shape[0], -1, -1), tokens), dim=1) + self.positions
        return self.head(self.norm(self.layers(tokens))[:, 0])
