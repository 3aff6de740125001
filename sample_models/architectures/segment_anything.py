"""The image encoder of Segment Anything, ViT-B.

Source: Kirillov et al. 2023; windows and relative positions: Li et al. 2022.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class LayerNorm2d(nn.Module):
    """Layer normalisation over the channels of [N, C, H, W]."""

    def __init__(self, channels: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        mean = x.mean(1, keepdim=True)
        variance = (x - mean).pow(2).mean(1, keepdim=True)
        x = (x - mean) / torch.sqrt(variance + self.eps)
        return self.weight[:, None, None] * x + self.bias[:, None, None]


class RelativeAttention(nn.Module):
    """Attention over a square map with decomposed relative positions: [N, H, W, C] -> [N, H, W, C]."""

    def __init__(self, width: int, heads: int, side: int) -> None:
        super().__init__()
        self.heads = heads
        self.scale = (width // heads) ** -0.5
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.rel_pos_h = nn.Parameter(torch.zeros(2 * side - 1, width // heads))
        self.rel_pos_w = nn.Parameter(torch.zeros(2 * side - 1, width // heads))

    def forward(self, x: Tensor) -> Tensor:
        batch, height, width, _ = x.shape
        qkv = self.qkv(x).reshape(batch, height * width, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        query, key, value = qkv.reshape(3, batch * self.heads, height * width, -1).unbind(0)
        scores = (query * self.scale) @ key.transpose(-2, -1)
        scores = self.add_relative_positions(scores, query, height, width)
        mixed = (scores.softmax(dim=-1) @ value).view(batch, self.heads, height, width, -1)
        return self.proj(mixed.permute(0, 2, 3, 1, 4).reshape(batch, height, width, -1))

    def add_relative_positions(self, scores: Tensor, query: Tensor, height: int, width: int) -> Tensor:
        """scores [B, HW, HW] plus a term per row distance and one per column distance."""
        rows, columns = relative_rows(self.rel_pos_h, height), relative_rows(self.rel_pos_w, width)
        batch = query.shape[0]
        query = query.reshape(batch, height, width, -1)
        by_row = torch.einsum("bhwc,hkc->bhwk", query, rows)
        by_column = torch.einsum("bhwc,wkc->bhwk", query, columns)
        scores = scores.view(batch, height, width, height, width) + by_row[..., :, None] + by_column[..., None, :]
        return scores.view(batch, height * width, height * width)


def relative_rows(table: Tensor, side: int) -> Tensor:
    """[side, side, d]: the row of the [2 * side - 1, d] table that belongs to each pair of positions."""
    position = torch.arange(side, device=table.device)
    return table[position[:, None] - position[None, :] + (side - 1)]


class Block(nn.Module):
    """A transformer block over [N, H, W, C]; with a window, attention stays inside padded square windows."""

    def __init__(self, width: int, heads: int, side: int, window: int) -> None:
        super().__init__()
        self.window = window
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attn = RelativeAttention(width, heads, window or side)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm1(x)
        y = windowed(self.attn, y, self.window) if self.window else self.attn(y)
        x = x + y
        return x + self.mlp(self.norm2(x))


def windowed(attention: nn.Module, x: Tensor, window: int) -> Tensor:
    """attention applied to each window of [N, H, W, C]; the map is padded to whole windows and cropped afterwards."""
    batch, height, width, channels = x.shape
    x = F.pad(x, (0, 0, 0, -width % window, 0, -height % window))
    down, across = x.shape[1] // window, x.shape[2] // window
    x = x.view(batch, down, window, across, window, channels).permute(0, 1, 3, 2, 4, 5)
    x = attention(x.reshape(-1, window, window, channels))
    x = x.view(batch, down, across, window, window, channels).permute(0, 1, 3, 2, 4, 5)
    return x.reshape(batch, down * window, across * window, channels)[:, :height, :width]


class ImageEncoder(nn.Module):
    """SAM ViT-B: [N, 3, 1024, 1024] -> [N, 256, 64, 64]; windows of 14, global attention in blocks 2, 5, 8 and 11."""

    width, heads, layers, side, window, global_layers = 768, 12, 12, 64, 14, (2, 5, 8, 11)

    def __init__(self) -> None:
        super().__init__()
        self.patch_embed = nn.Conv2d(3, self.width, 16, stride=16)
        self.pos_embed = nn.Parameter(torch.zeros(1, self.side, self.side, self.width))
        windows = (0 if layer in self.global_layers else self.window for layer in range(self.layers))
        self.blocks = nn.ModuleList(Block(self.width, self.heads, self.side, window) for window in windows)
        self.neck = nn.Sequential(
            nn.Conv2d(self.width, 256, 1, bias=False),
            LayerNorm2d(256),
            nn.Conv2d(256, 256, 3, padding=1, bias=False),
            LayerNorm2d(256),
        )

    def forward(self, image: Tensor) -> Tensor:
        x = self.patch_embed(image).permute(0, 2, 3, 1) + self.pos_embed
        for block in self.blocks:
            x = block(x)
        return self.neck(x.permute(0, 3, 1, 2))
